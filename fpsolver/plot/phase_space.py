r"""Pictures over (q, p): W with contours, and arrows of the currents J^R and J^I.

All panels of a figure share the view, the colours of W and, for each kind of current, the length of the arrows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.quiver import Quiver

from fpsolver.api import build_system
from fpsolver.errors import FpsolverError
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.timescales import linear_rates
from fpsolver.plot import style
from fpsolver.result import Outcome, Result
from fpsolver.thermo import detailed_balance

VISIBLE = 1e-4  # of max abs(W): the view holds what is above
MARGIN = 0.05  # of the view, on each side
CONTOURS = (1e-3, 1e-2, 0.1, 0.3, 0.5, 0.7, 0.9)  # of the largest W of the figure
SIGNED = 1e-3  # of max W: a negative W below that size would not be seen
ARROWS = 20  # along each side of the view
LONGEST = 2.0  # arrow, in distances between arrows
SHORTEST = 0.02  # of the longest arrow: below it an arrow is a dot that says nothing
NOTHING = 1e-6  # of the other current, for J^I times damping over motion: below it a current counts as none
ROUND_OFF = 1e-11
KNOWN = 0.1  # of the exact Pi: what is nearer to it is no zero
ERRORS = 10.0  # closure and tail together, which Pi must exceed where no exact one is known
MOST = 10**7  # factor of arrows that is written in full
# the same where theory says J^I = 0; what differences of order 8 leave: 9e-5 at 2.7 cells for a deviation, 1e-5 at 3.6
GRID_ERROR = 1e-3


class Current(NamedTuple):
    """One of the two currents: where it is, what it is called, how it is drawn."""

    field: str
    other: str
    symbol: str
    name: str
    colour: str


REVERSIBLE: Current = Current("J_reversible", "J_irreversible", "J^R", "reversible", style.REVERSIBLE)
IRREVERSIBLE: Current = Current("J_irreversible", "J_reversible", "J^I", "irreversible", style.IRREVERSIBLE)


def view(results: Sequence[Result], fields: Sequence[FloatArray] | None = None) -> FloatArray:
    """Rows (low, high) of q and p, shape (2, 2), that hold every final W (or field) wherever it can be seen."""
    shown = fields or [result.final.W for result in results]
    bounds = np.array([[_bounds(r, values, k) for k in range(2)] for r, values in zip(results, shown, strict=True)])
    return np.stack([bounds[..., 0].min(axis=0), bounds[..., 1].max(axis=0)], axis=1)


def _bounds(result: Result, values: FloatArray, k: int) -> tuple[float, float]:
    axis, size = result.grid.axes[k], np.abs(style.finite(values))
    cells = np.nonzero((size > VISIBLE * size.max()).any(axis=1 - k))[0]
    if axis.periodic or not len(cells):
        return axis.low, axis.high
    low, high = axis.faces[cells[0]], axis.faces[cells[-1] + 1]
    margin = MARGIN * (high - low)
    return max(axis.low, low - margin), min(axis.high, high + margin)


def colours(results: Sequence[Result], one_sided: Colormap = style.SEQUENTIAL) -> ScalarMappable:
    """Colours of W common to all results: from white at 0, or two-sided if W is visibly negative somewhere.

    Two-sided ones are blue above 0 and red below, pale if the others are, since arrows lie on them.
    """
    values = [style.finite(result.final.W) for result in results]
    top, bottom = max(W.max() for W in values), min(W.min() for W in values)
    if bottom < -SIGNED * top:
        reach = max(top, -bottom)
        return ScalarMappable(Normalize(-reach, reach), style.PALE if one_sided is style.MUTED else style.DIVERGING)
    return ScalarMappable(Normalize(0, top), one_sided)


def draw_field(ax: Axes, result: Result, values: FloatArray, mapping: ScalarMappable, box: FloatArray) -> AxesImage:
    """Values at the cell centres as colours, with both axes labelled."""
    q, p = result.grid.axes
    extent = (q.low, q.high, p.low, p.high)
    norm: Any = mapping.norm  # typed as any norm, but imshow wants a Normalize
    image = ax.imshow(
        values.T,
        origin="lower",
        extent=extent,
        aspect="auto",
        norm=norm,
        cmap=mapping.cmap,
        interpolation="bilinear",
    )
    style.few_ticks(ax)
    ax.set(xlim=box[0], ylim=box[1], xlabel=style.Q_LABEL, ylabel=style.P_LABEL)
    return image


def draw_contours(
    ax: Axes, result: Result, top: float, *, line_colour: str = "0.35", values: FloatArray | None = None
) -> None:
    """Contours of W (or ``values``) at fixed fractions of ``top``, dashed where it is negative."""
    W = style.finite(result.final.W) if values is None else values
    signed = [-part for part in CONTOURS[::-1] if part >= 10 * SIGNED]
    levels = [top * part for part in (*signed, *CONTOURS) if W.min() < top * part < W.max()]
    q, p = (axis.centres for axis in result.grid.axes)
    if levels:
        dashes = ["dashed" if level < 0 else "solid" for level in levels]
        ax.contour(q, p, W.T, levels=levels, colors=line_colour, linewidths=0.5, linestyles=dashes)


def draw_density(ax: Axes, result: Result, mapping: ScalarMappable, box: FloatArray) -> None:
    """W as colours with contours."""
    draw_field(ax, result, style.finite(result.final.W), mapping, box)
    draw_contours(ax, result, peak(mapping))


def peak(mapping: ScalarMappable) -> float:
    """Upper end of the colours."""
    return float(np.max(mapping.get_clim()[1] or 0.0))


def strength(result: Result, field: str, box: FloatArray) -> float:
    """Largest current, its components measured in widths of the view, which makes them comparable."""
    J = style.finite(getattr(result.final, field))
    return float(np.hypot(*(J / np.diff(box).reshape(2, 1, 1))).max())


def is_round_off(result: Result, current: Current, box: FloatArray) -> bool:
    """True if a current is nothing beside the other one."""
    limit = NOTHING if current is REVERSIBLE else GRID_ERROR if is_balanced(result) else NOTHING * _weakness(result)
    if current is IRREVERSIBLE and not is_balanced(result) and _production_is_known(result):
        limit = ROUND_OFF
    return strength(result, current.field, box) <= limit * strength(result, current.other, box)


def _production_is_known(result: Result) -> bool:
    """True if Pi is no error of a zero, however small: as in the exact solution, or far above its own errors."""
    at = np.flatnonzero(result.series["time"] == result.final.time)
    if not len(at):
        return False
    now = {name: float(values[at[-1]]) for name, values in result.series.items() if values.ndim == 1}
    Pi, exact = now["entropy_production"], (result.exact or {}).get("entropy_production")
    if exact is not None and np.isfinite(exact[at[-1]]):
        return bool(abs(Pi - exact[at[-1]]) < KNOWN * exact[at[-1]])
    gap = now["entropy_rate"] - (Pi - now["entropy_flux"] + now.get("entropy_moyal", 0.0))
    return Pi > ERRORS * (abs(gap) + float(np.nan_to_num(now["tail_uncertainty"])))  # never where one is NaN


def _weakness(result: Result) -> float:
    """Damping over the fastest motion, at most 1: how small J^I is beside J^R where it is not nothing."""
    try:
        system = build_system(result.config).at(result.final.time)
    except FpsolverError:  # objects that are lost
        return 1.0
    fastest = linear_rates(system)[0]
    return min(1.0, detailed_balance.damping(system) / fastest) if fastest > 0 else 1.0


def is_balanced(result: Outcome) -> bool:
    """True for the steady state of a model with detailed balance, where J^I = 0 and Pi = 0."""
    return result.status == "steady" and bool(result.diagnostics["satisfies_detailed_balance"])


def accuracy(ratio: float) -> str:
    """How well a vanishing current vanishes, in words."""
    return "to round-off" if ratio <= ROUND_OFF else "to the accuracy of the grid"


def arrow_scale(results: Sequence[Result], current: Current, box: FloatArray) -> float:
    """Current of the longest arrow of all results, in widths of the view; 0 if there is none to draw."""
    drawn = (result for result in results if not is_round_off(result, current, box))
    return max((strength(result, current.field, box) for result in drawn), default=0.0)


def draw_current(ax: Axes, result: Result, current: Current, longest: float, box: FloatArray) -> None:
    r"""Arrows along the current, or the words that there is none.

    ``longest`` is the largest current of the figure (or film); where a result has less than a third of it, its arrows
    are enlarged by a round factor, and the panel says so.

    Arrows on a coarse lattice rather than streamlines: a streamline is as long where nothing flows as where
    most does, and a thin line there looks like a current; the length of an arrow is the current itself. An arrow
    is the displacement c J in the (q, p) plane with one constant c, so that its direction is right whatever the
    units of the axes.
    """
    label = f"${current.symbol}$ {current.name}"
    if is_round_off(result, current, box):
        style.tag(ax, label)
        style.note(ax, _none_words(result, current, box), y=0)
        return
    times = style.enlargement(strength(result, current.field, box), longest)
    factor = f"{times:,}" if times < MOST else f"{times:.0e}"
    style.tag(ax, label if times == 1 else f"{label}, arrows $\\times${factor}")
    q, p, J = coarse(result, current.field, box)
    seen = visible(J, longest / times, box)
    arrows = draw_arrows(ax, q[seen], p[seen], J[:, seen], current.colour, longest / times)
    _keep_inside(arrows, ax, result)
    _draw_key(ax, current, J, longest / times, box)


def _none_words(result: Result, current: Current, box: FloatArray) -> str:
    size = ratio(result, current, box)
    rival = REVERSIBLE.symbol if current is IRREVERSIBLE else IRREVERSIBLE.symbol
    figure = f"\nmax $|{current.symbol}|$ = {size:.1e} max $|{rival}|$" if size else ""
    return f"${current.symbol} = 0$ {accuracy(size)}{figure}"


def ratio(result: Result, current: Current, box: FloatArray) -> float:
    """Largest current over the largest of the other one; 0 if there is neither."""
    other = strength(result, current.other, box)
    return strength(result, current.field, box) / other if other else 0.0


def coarse(result: Result, field: str, box: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Means of a current over blocks of cells, about ARROWS in each direction of the view; with their centres."""
    J, centres = style.finite(getattr(result.final, field)), []
    for k, axis in enumerate(result.grid.axes):
        inside = np.nonzero((axis.centres > box[k, 0]) & (axis.centres < box[k, 1]))[0]
        size = max(1, round(len(inside) / ARROWS))
        inside = inside[len(inside) % size // 2 :][: len(inside) // size * size]
        J = _block_mean(np.take(J, inside, axis=k + 1), k + 1, size)
        centres.append(axis.centres[inside].reshape(-1, size).mean(axis=1))
    q, p = np.meshgrid(*centres, indexing="ij")
    return q, p, J


def _block_mean(values: FloatArray, axis: int, size: int) -> FloatArray:
    shape = values.shape
    blocks = values.reshape(*shape[:axis], shape[axis] // size, size, *shape[axis + 1 :])
    return np.asarray(blocks.mean(axis=axis + 1))


def visible(J: FloatArray, longest: float, box: FloatArray) -> Any:
    """True where an arrow is more than a dot."""
    widths = np.diff(box).ravel()
    return np.hypot(J[0] / widths[0], J[1] / widths[1]) > SHORTEST * longest


def draw_arrows(
    ax: Axes, q: FloatArray, p: FloatArray, J: FloatArray, colour: str, longest: float, **changes: Any
) -> Quiver:
    """Arrows of currents J at (q, p); ``longest``: current of the longest one, in widths of the view."""
    look: dict[str, Any] = {"angles": "xy", "scale_units": "xy", "pivot": "mid", "width": 0.0055, "minlength": 0.1}
    return ax.quiver(q, p, *J, **look | {"color": colour, "scale": longest * ARROWS / LONGEST} | changes)


def longest_of(scale: float) -> float:
    """Current of the longest arrow at a scale of :func:`draw_arrows`."""
    return scale * LONGEST / ARROWS


def _keep_inside(arrows: Quiver, ax: Axes, result: Result) -> None:
    """Cut arrows at the ends of a ring: beyond them is the other side."""
    q, p = result.grid.axes
    if q.periodic:
        arrows.set_clip_path(Rectangle((q.low, p.low), q.length, p.length, transform=ax.transData))


def _draw_key(ax: Axes, current: Current, J: FloatArray, longest: float, box: FloatArray) -> None:
    """Arrow of a round size, along the coordinate in which most flows, with its number."""
    widths = np.diff(box).ravel()
    k = int(np.argmax(np.abs(J).max(axis=(1, 2)) / widths))
    value = float(f"{longest * widths[k]:.1g}")
    at = box[:, 0] + widths * (0.95 if k else 0.91, 0.09)
    arrow = np.zeros((2, 1))
    arrow[k] = value
    draw_arrows(ax, at[:1], at[1:], arrow, style.NEUTRAL, longest)
    unit = ("momentum", "position")[k]
    text = f"${current.symbol}_{'qp'[k]}$ = {value:g} /({unit}$\\cdot$time)"
    backing = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5}
    ax.text(0.82, 0.09, text, transform=ax.transAxes, ha="right", va="center", fontsize=7.5, bbox=backing)
