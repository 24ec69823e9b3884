"""The page about a result: its data, its words, and what a browser makes of it without a network."""

import base64
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import fpsolver as fp
from fpsolver.cli.main import status_of
from fpsolver.errors import OutputError, UsageError
from fpsolver.reports import data, page
from tests import browser

CONFIG = {
    "title": "a <b>swing</b> & more",
    "system": {
        "mass": 1.0,
        "potential": {"kind": "harmonic", "omega": 1.0},
        "bath": {"model": "minimally_invasive", "eta": 0.5, "beta": 0.7},
    },
    "initial": {"kind": "gaussian", "mean": [2.0, 0.0], "covariance": [[0.8, 0.0], [0.0, 0.8]]},
    "grid": {"q": {"cells": 96}, "p": {"cells": 96}},
    "time": {"until": 2.0},
    "output": {"snapshots": 4, "every": 0.125},
}


@pytest.fixture(scope="module")
def result():
    return fp.run(fp.Config(**CONFIG))


def embedded(text):
    """The data of a page."""
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1])


def unpacked(array):
    single = np.frombuffer(base64.b64decode(array["data"]), dtype="<f4").reshape(array["shape"])
    return array["scale"] * single.astype(float)


def test_the_page_holds_its_data_and_loads_nothing(result, tmp_path):
    text = fp.report(result, tmp_path / "run.html").read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)\s*=|url\(|@import|https?://|@\w+@""", text)
    assert "default-src 'none'" in text
    assert "a &lt;b&gt;swing&lt;/b&gt; &amp; more" in text
    assert "<b>swing" not in text
    assert f"{result.last('entropy_production'):.12g}" in text
    assert "model: minimally_invasive" in text
    found = embedded(text)
    assert found["series"]["time"] == list(result.series["time"])
    assert found["series"]["entropy_flux"] == list(result.series["entropy_flux"])
    fields = found["fields"]
    assert [frame["time"] for frame in fields["frames"]] == [0.0, 0.5, 1.0, 1.5, 2.0]
    q, p, W = (unpacked(fields[name]) for name in ("q", "p", "W"))
    seen = np.isin(result.grid.axes[0].centres.astype("f4"), q)
    seen_p = np.isin(result.grid.axes[1].centres.astype("f4"), p)
    np.testing.assert_array_equal(W, result.snapshots.W[:, seen][:, :, seen_p].astype("f4"))
    total = unpacked(fields["marginals"][1]).sum(axis=1) * result.grid.axes[1].spacing
    np.testing.assert_allclose(total, 1.0, rtol=0, atol=2e-4)  # the view leaves out tails below 1e-4 of the top


@pytest.mark.slow
def test_results_of_every_kind_have_a_page(result, tmp_path):
    solved = fp.run(fp.Config(**{**CONFIG, "time": {"method": "direct"}}))
    page = fp.report(solved, tmp_path / "solved.html").read_text()
    assert [frame["time"] for frame in embedded(page)["fields"]["frames"]] == [None]
    moments = fp.run(fp.Config(**{**CONFIG, "time": {"method": "gaussian", "until": 1.0}}))
    page = fp.report(moments, tmp_path / "moments.html").read_text()
    assert embedded(page)["fields"] is None
    assert "<img" not in page
    with pytest.raises(UsageError, match=r"name it run\.html"):
        fp.report(result, tmp_path / "run.pdf")


@pytest.mark.slow
def test_several_particles_are_shown_one_by_one(tmp_path):
    """The profile is in the page as a picture: there is no W to draw."""
    well = {"kind": "harmonic", "omega": 1.0}
    bath = {"model": "caldeira_leggett", "eta": 0.5, "beta": 1.0}
    chain = {"length": 3, "mass": 1.0, "potential": well, "stiffness": 1.0, "left": bath, "right": bath}
    moments = fp.run(fp.Config(units={"hbar": 0.0}, system={"chain": chain}, time={"method": "gaussian"}))
    page = fp.report(moments, tmp_path / "chain.html").read_text()
    picture = re.search(r'<img alt="temperature[^"]*" src="data:image/png;base64,([^"]*)">', page)[1]
    with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
        assert image.width > 500
    assert page.replace(picture, "").count("src=") == 1  # nothing else is loaded


def test_the_balance_with_quantum_terms_says_so(result, tmp_path):
    assert "dS/dt = Π − Φ</h2>" in fp.report(result, tmp_path / "run.html").read_text()
    assert "entropy_moyal" not in embedded((tmp_path / "run.html").read_text())["series"]
    quantum_terms = np.linspace(0.0, 0.01, len(result.series["time"]))
    anharmonic = replace(result, series=result.series | {"entropy_moyal": quantum_terms})
    page = fp.report(anharmonic, tmp_path / "run.html").read_text()
    assert "dS/dt = Π − Φ + S<sub>Moyal</sub></h2>" in page
    assert '<output id="entropy_moyal">' in page
    found = embedded(page)
    assert found["series"]["entropy_moyal"] == list(quantum_terms)
    assert found["fields"]["frames"][-1]["entropy_moyal"] == 0.01


def test_numbers_have_units_and_a_meaning(result):
    """Those that do not exist have a reason instead of a number."""
    lacking = replace(result, reasons={"purity": "undefined: for a test"})
    lacking = replace(
        lacking, diagnostics=lacking.diagnostics | {"slowest_rate": np.nan, "slowest_rate_reason": "lost"}
    )
    rows = {name: rest for name, *rest in data.numbers(lacking)}
    assert rows["mass"] == [f"{result.last('mass'):.12g}", "", "integral of W"]
    assert rows["entropy_flux"] == [f"{result.last('entropy_flux'):.12g}", "1/time", "entropy flux Phi"]
    assert rows["time"][:2] == ["2", "time"]
    assert rows["purity"][2].endswith("int W^2; undefined: for a test")
    assert rows["slowest_rate"] == ["nan", "1/time", "slowest rate of relaxation; lost"]
    assert rows["is_completely_positive"][0] == "yes"
    assert "slowest_rate_reason" not in rows
    assert all(meaning for _, _, meaning in rows.values())
    assert "<th>entropy_flux</th>" in page.page(result)
    assert "<td>1/time</td><td>entropy flux Phi</td>" in page.page(result)


def test_words_of_the_user_are_not_places_of_the_page(result):
    titled = replace(result, config=result.config.replaced(title="cell @status@ and @version@, @data@"))
    text = page.page(titled)
    assert "<title>cell @status@ and @version@, @data@</title>" in text
    assert len(text) < len(page.page(result)) + 200


def test_the_legend_names_dashes_only_where_there_are_some(result):
    """Exact values of the rates: of a Gaussian start in a quadratic well, not of an anharmonic one."""
    assert "dashes: exact" in page.page(result)
    bare = replace(result, exact=None)
    assert "dashes: exact" not in page.page(bare)
    unknown = {name: np.full_like(values, np.nan) for name, values in result.exact.items()}
    assert "dashes: exact" not in page.page(replace(result, exact=unknown))


def test_a_report_replaces_a_report_and_nothing_else(result, tmp_path):
    path = tmp_path / "run.html"
    first = fp.report(result, path).read_text()
    path.write_text(first.replace("</body>", "ħ" * 2**20 + "</body>"))  # half a letter where the look at it ends
    assert fp.report(result, path).read_text() == first
    path.write_text("<!DOCTYPE html>\n<html><head><title>thesis</title></head></html>")
    with pytest.raises(OutputError, match=r"exists already and is a text file, which this does not overwrite"):
        fp.report(result, path)
    assert "thesis" in path.read_text()


@pytest.mark.slow
@pytest.mark.parametrize("model", ["minimally_invasive", "caldeira_leggett"])
def test_small_currents_are_enlarged_by_a_round_factor(model):
    """J^I of a steady state is a hundredth of that at the start; where theory says 0, the rest of it stays small."""
    bath = {"model": model, "eta": 0.5, "beta": 0.7}
    is_balanced = model == "caldeira_leggett"
    changes = {"system": {**CONFIG["system"], "bath": bath}, "units": {"hbar": 0.0 if is_balanced else 1.0}}
    steady = fp.run(fp.Config(**CONFIG | changes | {"time": {"until": "steady"}, "output": {"snapshots": 5}}))
    fields = data.collect(steady)["fields"]
    for name in ("J_reversible", "J_irreversible"):
        widths = np.diff(fields["box"]).reshape(1, 2, 1, 1)
        sizes = np.hypot(*np.moveaxis(unpacked(fields[name]) / widths, 1, 0)).max(axis=(1, 2))
        shown = sizes * fields["enlarged"][name] / sizes.max()
        if is_balanced and name == "J_irreversible":
            assert fields["enlarged"][name][-1] == 1
            assert shown[-1] < 1e-3
        else:
            assert (shown > 1 / 3).all()
            assert (shown < 1 + 1e-6).all()  # arrays of the page have seven digits
    assert (fields["enlarged"]["J_irreversible"][-1] == 20) is not is_balanced


def test_large_grids_are_thinned(result):
    assert len(result.grid.axes[0].centres[data._seen(np.linspace(-1, 1, 80), np.array([-1, 1]))]) == 80
    thinned = np.linspace(-1, 1, 1000)[data._seen(np.linspace(-1, 1, 1000), np.array([-0.5, 0.5]))]
    assert len(thinned) <= data.MOST_CELLS
    assert abs(thinned[0] + 0.5) < 2e-3


def test_command_line(result, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    result.save("run.h5")
    assert status_of(["report", "run.h5"]) == 0
    assert capsys.readouterr().out == "wrote run.html\n"
    assert status_of(["report", "missing.h5"]) == 2


@pytest.mark.slow
@pytest.mark.skipif(browser.PROGRAM is None, reason="no chromium here: apt-get install chromium")
def test_in_a_browser(result, tmp_path):
    """Keys move the slider, the numbers follow, the pictures change, the pointer reads W."""
    path = fp.report(result, tmp_path / "run.html")
    path.write_text(path.read_text().replace('"J_irreversible": [1, 1, 1, 1, 1]', '"J_irreversible": [1, 1, 1, 1, 20]'))
    with browser.opened(path, tmp_path / "profile") as page:
        assert page.text("time") == "t = 2"
        assert page.text("irreversible_enlarged") == ", arrows ×20"
        before = page.evaluate("document.getElementById('reversible').toDataURL()")
        page.evaluate("document.getElementById('slider').focus()")
        page.press("ArrowLeft", 37)
        assert page.text("time") == "t = 1.5"
        at = int(np.nonzero(result.series["time"] == 1.5)[0][0])
        for name in ("entropy_production", "entropy_flux", "entropy_rate"):
            assert float(page.text(name)) == pytest.approx(
                result.series[name][at], rel=1e-5, abs=0
            )  # six digits are shown
        assert float(page.text("top")) == pytest.approx(result.snapshots.W[3].max(), rel=1e-5, abs=0)
        assert page.evaluate("document.getElementById('reversible').toDataURL()") != before
        bar = "Array.from(document.getElementById('scale').getContext('2d').getImageData({}, 8, 1, 1).data)"
        assert page.evaluate(bar.format(60))[:3] == pytest.approx([255, 255, 255], abs=2)  # W = 0
        assert page.evaluate(bar.format(925))[:3] == pytest.approx([80, 130, 190], abs=2)  # the largest W
        ink = "Array.from(document.getElementById('{}').getContext('2d').getImageData({}, {}, 1, 1).data).slice(0, 3)"
        for name in ("reversible", "irreversible"):  # the arrow of the scale, upwards in the lower right corner
            assert page.evaluate(ink.format(name, 428, 332)) == pytest.approx(
                [32, 32, 32], abs=60
            )  # its edge is softened
        page.press("Home", 36)
        assert page.text("time") == "t = 0"
        assert page.text("irreversible_enlarged") == ""
        page.point("irreversible", 230, 180)
        q, p, W = map(float, re.match(r"q = (\S+), p = (\S+): W = (\S+),", page.text("probe")).groups())
        i, j = (int(np.argmin(np.abs(axis.centres - x))) for axis, x in zip(result.grid.axes, (q, p), strict=True))
        assert result.grid.axes[0].centres[i] == pytest.approx(q, rel=1e-4, abs=0)
        assert pytest.approx(result.snapshots.W[0, i, j], rel=1e-5, abs=0) == W
        page.evaluate("document.getElementById('play').click()")
        assert page.text("play") == "stop"
        assert page.exceptions == []
        assert [url for url in page.requests if not url.startswith(("file:", "data:"))] == []


def test_numbers_beyond_single_precision():
    """Currents in SI units exceed 3e38; the scale is a power of two, so that nothing is rounded twice."""
    large = np.array([0.0, -1.5, 3.0]) * 2.0**400
    np.testing.assert_array_equal(unpacked(data.packed(large)), large)
    np.testing.assert_array_equal(unpacked(data.packed(np.zeros(3))), np.zeros(3))


def test_rates_belong_to_the_time_of_the_frame_however_short_the_run(result):
    """In seconds a run may last 1e-14: each frame has the record of its own time."""
    series = {**result.series, "time": 1e-14 * result.series["time"]}
    short = replace(result, series=series)
    for k in (0, len(series["time"]) // 2, -1):
        final = replace(result.final, time=float(series["time"][k]))
        found = data._frame(short, replace(short, final=final))
        assert found["entropy_production"] == result.series["entropy_production"][k]
