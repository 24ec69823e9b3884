"use strict";
// Draws W, both currents, marginals and rates of an fpsolver result on canvases, from the data in this page.

const DATA = JSON.parse(document.getElementById("data").textContent);
const COLOURS = { entropy_production: "#d55e00", entropy_flux: "#0072b2", entropy_rate: "#009e73", entropy_moyal: "#5b5b5b" };
const INK = "#202020";
const PAD = { left: 58, right: 12, top: 10, bottom: 42 };
const LONGEST = 1.8; // longest arrow, in distances between arrows
const SHORTEST = 0.02; // of the longest: shorter ones are dots that say nothing

const element = (id) => document.getElementById(id);

function unpack(array) {
  const text = atob(array.data);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const view = new DataView(bytes.buffer);
  const values = new Float32Array(bytes.length / 4);
  for (let i = 0; i < values.length; i++) values[i] = view.getFloat32(4 * i, true);
  return values;
}

function format(value) {
  if (value === null || value === undefined) return "—";
  return String(Number(value.toPrecision(6)));
}

function ticks(low, high, count) {
  const raw = (high - low) / count;
  const power = Math.pow(10, Math.floor(Math.log10(raw)));
  const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= raw);
  const found = [];
  for (let k = Math.ceil(low / step); k * step <= high * (1 + 1e-12) + 1e-300; k++) found.push(k * step);
  return found;
}

// A frame with axes on a canvas: returns functions from data to pixels.
function axes(canvas, x, y, labels) {
  const pen = canvas.getContext("2d");
  const right = canvas.width - PAD.right, bottom = canvas.height - PAD.bottom;
  const X = (v) => PAD.left + ((v - x[0]) / (x[1] - x[0])) * (right - PAD.left);
  const Y = (v) => bottom - ((v - y[0]) / (y[1] - y[0])) * (bottom - PAD.top);
  const frame = () => {
    pen.strokeStyle = pen.fillStyle = INK;
    pen.lineWidth = 1;
    pen.font = "12px sans-serif";
    pen.strokeRect(PAD.left, PAD.top, right - PAD.left, bottom - PAD.top);
    pen.textAlign = "center";
    for (const v of ticks(x[0], x[1], 6)) {
      pen.fillRect(X(v), bottom, 1, 4);
      pen.fillText(format(v), X(v), bottom + 17);
    }
    pen.fillText(labels[0], (PAD.left + right) / 2, bottom + 35);
    pen.textAlign = "right";
    for (const v of ticks(y[0], y[1], 5)) {
      pen.fillRect(PAD.left - 4, Y(v), 4, 1);
      pen.fillText(format(v), PAD.left - 7, Y(v) + 4);
    }
    pen.save();
    pen.translate(12, (PAD.top + bottom) / 2);
    pen.rotate(-Math.PI / 2);
    pen.textAlign = "center";
    pen.fillText(labels[1], 0, 0);
    pen.restore();
  };
  return { pen, X, Y, frame, right, bottom, clear: () => pen.clearRect(0, 0, canvas.width, canvas.height) };
}

function curve(plot, x, y, colour, dashed) {
  const { pen, X, Y } = plot;
  pen.save();
  pen.beginPath();
  pen.rect(PAD.left, PAD.top, plot.right - PAD.left, plot.bottom - PAD.top);
  pen.clip();
  pen.strokeStyle = colour;
  pen.lineWidth = dashed ? 1 : 2;
  pen.setLineDash(dashed ? [4, 4] : []);
  pen.beginPath();
  let drawing = false;
  for (let i = 0; i < x.length; i++) {
    if (x[i] === null || y[i] === null) { drawing = false; continue; }
    if (drawing) pen.lineTo(X(x[i]), Y(y[i])); else pen.moveTo(X(x[i]), Y(y[i]));
    drawing = true;
  }
  pen.stroke();
  pen.restore();
}

// White at 0 to grey-blue at the top; red below 0.
function colour(value, top, bottom) {
  if (value >= 0) {
    const s = Math.min(value / (bottom < 0 ? Math.max(top, -bottom) : top), 1);
    return [255 - 175 * s, 255 - 125 * s, 255 - 65 * s];
  }
  const s = Math.min(-value / Math.max(top, -bottom), 1);
  return [255 - 60 * s, 255 - 185 * s, 255 - 190 * s];
}

class Fields {
  constructor(data) {
    this.box = data.box;
    this.frames = data.frames;
    for (const name of ["q", "p", "W", "arrow_q", "arrow_p", "J_reversible", "J_irreversible"]) this[name] = unpack(data[name]);
    this.shape = data.W.shape;
    this.lattice = data.arrow_q.shape;
    this.marginals = data.marginals.map(unpack);
    this.top = data.top;
    this.bottom = data.bottom;
    this.enlarged = data.enlarged;
    this.longest = { J_reversible: this.strongest("J_reversible"), J_irreversible: this.strongest("J_irreversible") };
  }
  widths() { return this.box.map(([low, high]) => high - low); }
  // Component c of a current at lattice point k of a frame.
  current(name, frame, c, k) {
    const size = this.arrow_q.length;
    return this[name][(frame * 2 + c) * size + k];
  }
  strongest(name) {
    const [wq, wp] = this.widths(), size = this.arrow_q.length;
    let largest = 0;
    for (let f = 0; f < this.frames.length; f++)
      for (let k = 0; k < size; k++)
        largest = Math.max(largest, Math.hypot(this.current(name, f, 0, k) / wq, this.current(name, f, 1, k) / wp));
    return largest;
  }
  picture(frame) {
    const [, n, m] = this.shape;
    const image = new ImageData(n, m);
    for (let i = 0; i < n; i++)
      for (let j = 0; j < m; j++) {
        const at = 4 * ((m - 1 - j) * n + i);
        const [r, g, b] = colour(this.W[(frame * n + i) * m + j], this.top, this.bottom);
        image.data[at] = r; image.data[at + 1] = g; image.data[at + 2] = b; image.data[at + 3] = 255;
      }
    const canvas = document.createElement("canvas");
    canvas.width = n; canvas.height = m;
    canvas.getContext("2d").putImageData(image, 0, 0);
    return canvas;
  }
  draw(id, name, ink, frame, picture) {
    const plot = axes(element(id), this.box[0], this.box[1], ["position q", "momentum p"]);
    plot.clear();
    const [, n, m] = this.shape;
    const hq = (this.q[n - 1] - this.q[0]) / (n - 1) / 2, hp = (this.p[m - 1] - this.p[0]) / (m - 1) / 2;
    const x0 = plot.X(this.q[0] - hq), x1 = plot.X(this.q[n - 1] + hq);
    const y0 = plot.Y(this.p[m - 1] + hp), y1 = plot.Y(this.p[0] - hp);
    plot.pen.save();
    plot.pen.beginPath();
    plot.pen.rect(PAD.left, PAD.top, plot.right - PAD.left, plot.bottom - PAD.top);
    plot.pen.clip();
    plot.pen.imageSmoothingEnabled = true;
    plot.pen.drawImage(picture, x0, y0, x1 - x0, y1 - y0);
    this.arrows(plot, name, ink, frame);
    this.key(plot, name, frame);
    const times = this.enlarged[name][frame];
    element(`${id}_enlarged`).value = times > 1 ? `, arrows ×${times}` : "";
    plot.pen.restore();
    plot.frame();
  }
  // Current of the longest arrow at a time.
  reach(name, frame) { return this.longest[name] / this.enlarged[name][frame]; }
  // Length of the arrow of a unit current, in widths of the view.
  length(name, frame) { return LONGEST / Math.max(this.lattice[0], this.lattice[1]) / this.reach(name, frame); }
  // An arrow of a round size along the coordinate in which most flows, with its number.
  key(plot, name, frame) {
    if (!(this.longest[name] > 0)) return;
    const size = this.arrow_q.length, flows = [0, 1].map((c) => {
      let largest = 0;
      for (let f = 0; f < this.frames.length; f++)
        for (let k = 0; k < size; k++) largest = Math.max(largest, Math.abs(this.current(name, f, c, k)));
      return largest / this.widths()[c];
    });
    const c = flows[1] > flows[0] ? 1 : 0, value = Number((this.reach(name, frame) * this.widths()[c]).toPrecision(1));
    const long = this.length(name, frame) * value, pen = plot.pen, x = plot.right - 20, y = plot.bottom - 26;
    const text = `J${name === "J_reversible" ? "ᴿ" : "ᴵ"} along ${"qp"[c]}: ${format(value)} /(${c ? "position" : "momentum"}·time)`;
    pen.font = "12px sans-serif";
    pen.textAlign = "right";
    pen.fillStyle = "rgba(255, 255, 255, 0.8)";
    const width = pen.measureText(text).width;
    pen.fillRect(x - 24 - width, y - 18, width + 44, 36);
    pen.strokeStyle = pen.fillStyle = INK;
    pen.fillText(text, x - 18, y + 4);
    if (c) { const dy = (plot.Y(0) - plot.Y(long)) / 2; arrow(pen, x, y + dy, x, y - dy); }
    else { const dx = (plot.X(long) - plot.X(0)) / 2; arrow(pen, x - dx, y, x + dx, y); }
  }
  // The colours of W, from the lowest to the highest, common to all times.
  scale(id) {
    const canvas = element(id), pen = canvas.getContext("2d"), left = PAD.left, right = canvas.width - PAD.right;
    const low = this.bottom < 0 ? -Math.max(this.top, -this.bottom) : 0, high = this.bottom < 0 ? -low : this.top;
    const X = (v) => left + ((v - low) / (high - low)) * (right - left);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    if (!(high > low)) return;
    for (let x = left; x < right; x++) {
      const [r, g, b] = colour(low + ((x + 0.5 - left) / (right - left)) * (high - low), this.top, this.bottom);
      pen.fillStyle = `rgb(${r}, ${g}, ${b})`;
      pen.fillRect(x, 2, 1, 14);
    }
    pen.strokeStyle = pen.fillStyle = INK;
    pen.lineWidth = 1;
    pen.strokeRect(left, 2, right - left, 14);
    pen.font = "12px sans-serif";
    pen.textAlign = "center";
    for (const v of ticks(low, high, 6)) { pen.fillRect(X(v), 16, 1, 4); pen.fillText(format(v), X(v), 33); }
  }
  arrows(plot, name, ink, frame) {
    const [wq, wp] = this.widths(), longest = this.reach(name, frame);
    if (!(longest > 0)) return;
    const length = this.length(name, frame);
    plot.pen.strokeStyle = plot.pen.fillStyle = ink;
    plot.pen.lineWidth = 1.6;
    for (let k = 0; k < this.arrow_q.length; k++) {
      const jq = this.current(name, frame, 0, k), jp = this.current(name, frame, 1, k);
      if (Math.hypot(jq / wq, jp / wp) < SHORTEST * longest) continue;
      const q = this.arrow_q[k], p = this.arrow_p[k];
      arrow(plot.pen, plot.X(q - (length * jq) / 2), plot.Y(p - (length * jp) / 2), plot.X(q + (length * jq) / 2), plot.Y(p + (length * jp) / 2));
    }
  }
  marginal(id, k, frame) {
    const x = k ? this.p : this.q, all = this.marginals[k], n = x.length;
    let top = 0;
    for (const value of all) top = Math.max(top, value);
    const plot = axes(element(id), this.box[k], [0, 1.08 * top], [k ? "momentum p" : "position q", k ? "P(p)" : "P(q)"]);
    plot.clear();
    curve(plot, x, all.subarray(frame * n, (frame + 1) * n), "#0072b2", false);
    plot.frame();
  }
  // Words about the cell nearest to a place.
  probe(frame, q, p) {
    const nearest = (values, v) => values.reduce((best, x, i) => (Math.abs(x - v) < Math.abs(values[best] - v) ? i : best), 0);
    const i = nearest(this.q, q), j = nearest(this.p, p), [, n, m] = this.shape;
    const distance = (k) => Math.hypot((this.arrow_q[k] - q) / this.widths()[0], (this.arrow_p[k] - p) / this.widths()[1]);
    let k = 0;
    for (let l = 1; l < this.arrow_q.length; l++) if (distance(l) < distance(k)) k = l;
    const J = (name) => `(${format(this.current(name, frame, 0, k))}, ${format(this.current(name, frame, 1, k))})`;
    return `q = ${format(this.q[i])}, p = ${format(this.p[j])}: W = ${format(this.W[(frame * n + i) * m + j])}, ` +
      `near it J^R = ${J("J_reversible")}, J^I = ${J("J_irreversible")}`;
  }
}

function arrow(pen, x0, y0, x1, y1) {
  const angle = Math.atan2(y1 - y0, x1 - x0), size = Math.min(7, 2 + 0.35 * Math.hypot(x1 - x0, y1 - y0));
  pen.beginPath();
  pen.moveTo(x0, y0);
  pen.lineTo(x1, y1);
  pen.stroke();
  pen.beginPath();
  pen.moveTo(x1 + size * Math.cos(angle) / 2, y1 + size * Math.sin(angle) / 2);
  pen.lineTo(x1 - size * Math.cos(angle - 0.5), y1 - size * Math.sin(angle - 0.5));
  pen.lineTo(x1 - size * Math.cos(angle + 0.5), y1 - size * Math.sin(angle + 0.5));
  pen.fill();
}

function drawSeries(now) {
  const series = DATA.series, known = (list) => list.filter((v) => v !== null);
  const time = known(series.time);
  if (time.length < 2) { element("balance").hidden = true; return; }
  const names = Object.keys(COLOURS).filter((name) => name in series);
  const values = known(names.flatMap((name) => series[name]));
  if (!values.length) { element("balance").hidden = true; return; }
  const low = Math.min(0, ...values), high = Math.max(0, ...values), margin = 0.05 * (high - low) || 1;
  const plot = axes(element("series"), [time[0], time[time.length - 1]], [low - margin, high + margin], ["time t", "1/time"]);
  plot.clear();
  for (const name of names) curve(plot, series.time, series[name], COLOURS[name], false);
  for (const [name, exact] of Object.entries(series.exact || {})) curve(plot, series.time, exact, INK, true);
  if (now !== null) {
    plot.pen.fillStyle = INK;
    plot.pen.fillRect(plot.X(now), PAD.top, 1, plot.bottom - PAD.top);
  }
  plot.frame();
}

function start() {
  if (!DATA.fields) { element("fields").hidden = true; drawSeries(null); return; }
  const fields = new Fields(DATA.fields), slider = element("slider"), last = fields.frames.length - 1;
  const show = () => {
    const k = Number(slider.value), frame = fields.frames[k], picture = fields.picture(k);
    element("time").value = frame.time === null ? "steady state" : `t = ${format(frame.time)}`;
    for (const name of [...Object.keys(COLOURS), "top"]) if (name in frame) element(name).value = format(frame[name]);
    fields.draw("reversible", "J_reversible", "#0072b2", k, picture);
    fields.draw("irreversible", "J_irreversible", "#d55e00", k, picture);
    fields.marginal("marginal_q", 0, k);
    fields.marginal("marginal_p", 1, k);
    drawSeries(frame.time);
  };
  fields.scale("scale");
  slider.max = last;
  slider.value = last;
  slider.disabled = element("play").disabled = last === 0;
  slider.addEventListener("input", show);
  for (const id of ["reversible", "irreversible"]) {
    element(id).addEventListener("mousemove", (event) => {
      const canvas = element(id), place = canvas.getBoundingClientRect();
      const x = ((event.clientX - place.left) / place.width) * canvas.width, y = ((event.clientY - place.top) / place.height) * canvas.height;
      const [[q0, q1], [p0, p1]] = fields.box;
      const q = q0 + ((x - PAD.left) / (canvas.width - PAD.left - PAD.right)) * (q1 - q0);
      const p = p1 - ((y - PAD.top) / (canvas.height - PAD.top - PAD.bottom)) * (p1 - p0);
      if (q >= q0 && q <= q1 && p >= p0 && p <= p1) element("probe").textContent = fields.probe(Number(slider.value), q, p);
    });
  }
  let timer = null;
  element("play").addEventListener("click", () => {
    const stop = () => { clearInterval(timer); timer = null; element("play").textContent = "play"; };
    if (timer !== null) { stop(); return; }
    if (Number(slider.value) === last) slider.value = 0;
    element("play").textContent = "stop";
    show();
    timer = setInterval(() => {
      slider.value = Number(slider.value) + 1;
      show();
      if (Number(slider.value) >= last) stop();
    }, 250);
  });
  show();
}

start();
