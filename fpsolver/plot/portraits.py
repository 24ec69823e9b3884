r"""Phase portraits: where the drift A x + f leads, and how the mean and the width of W follow it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse

from fpsolver.api import build_system
from fpsolver.physics.exact import Gaussian
from fpsolver.physics.potentials import FloatArray
from fpsolver.plot import lines, naming, phase_space, style, time_axis
from fpsolver.result import Result
from fpsolver.thermo.state import PhaseSpace

ELLIPSES = 4  # start, two times while the rates still move, end
POINTS = 4000  # of the exact path
REACH = 2.5  # deviations around an ellipse that the view holds
DRIFT: dict[str, Any] = {"color": "0.72", "linewidth": 0.5, "arrowsize": 0.6, "density": 0.9, "zorder": 1}
START, END = style.COLOURS[4], style.COLOURS[0]


@style.styled
def portrait(*results: Result, figsize: style.Size = None) -> Figure:
    """Streamlines of the drift, the path of the mean, and ellipses of one standard deviation, side by side.

    On rings, and in several wells, contours of the final W in place of the ellipses.
    """
    columns = len(results) if len(results) <= 3 else math.ceil(math.sqrt(len(results)))
    rows = math.ceil(len(results) / columns)
    last = (rows - 1) * columns  # first panel of the lowest row
    figure = style.new_figure(3.1 * columns + 0.4, 3.1 * rows + 0.3, figsize)
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    box = view(results)
    for ax, result, name in zip(axes, results, naming.names(results), strict=False):
        draw_drift(ax, result, box)
        draw_path(ax, result)
        ax.set(xlim=box[0], ylim=box[1], xlabel=style.Q_LABEL, ylabel=style.P_LABEL)
        ax.label_outer()
        style.few_ticks(ax)
        style.heading(ax, f"{name}{naming.status(result)}", width=40)
    for ax in axes[len(results) :]:
        ax.set_axis_off()
    for ax in axes[len(results) - columns : last]:  # nothing below them
        ax.tick_params(labelbottom=True)
        ax.set_xlabel(style.Q_LABEL)
    _legend(figure, results, columns)
    return figure


def view(results: Sequence[Result]) -> FloatArray:
    """Rows (low, high) of q and p that hold every ellipse with REACH deviations, contours, and paths."""
    box = np.array([[np.inf, -np.inf]] * 2)
    for result in results:
        for reach in _reaches(result):
            box = np.stack([np.fmin(box[:, 0], reach[:, 0]), np.fmax(box[:, 1], reach[:, 1])], axis=1)
    return _on_grids(box, results)


def _on_grids(box: FloatArray, results: Sequence[Result]) -> FloatArray:
    """The part of a box that has cells; all of them where there is none, as for moments of a run that blew up."""
    axes = [[result.grid.axes[k] for result in results] for k in range(2)]
    cells = np.array([[min(axis.low for axis in row), max(axis.high for axis in row)] for row in axes])
    inside = np.clip(box, cells[:, :1], cells[:, 1:])
    return np.where((inside[:, 0] < inside[:, 1])[:, None], inside, cells)


def _reaches(result: Result) -> Iterator[FloatArray]:
    """What the view is to hold: a ring as a whole."""
    if has_contours(result):
        yield phase_space.view([result])
    else:
        at = indices(result)
        mean, sigma = result.series["mean"][at], _deviations(result.series["covariance"][at])
        yield np.stack([(mean - REACH * sigma).min(axis=0), (mean + REACH * sigma).max(axis=0)], axis=1)
    if not on_ring(result):
        mean = style.finite(result.series["mean"])
        yield np.stack([mean.min(axis=0), mean.max(axis=0)], axis=1)


def on_ring(result: Result) -> bool:
    """True if q is periodic, so that it has no mean."""
    return result.grid.axes[0].periodic


def has_contours(result: Result) -> bool:
    """True where an ellipse would mislead: on a ring, and in several wells, whose mean may lie on the barrier."""
    return on_ring(result) or len(build_system(result.config).particles[0].potential.minima()) > 1


def has_start(result: Result) -> bool:
    """True if the first record is the start of a run, not a steady state that was solved for."""
    return not on_ring(result) and not lines.is_timeless(result)


def has_later(result: Result) -> bool:
    """True if a mean is drawn that is not the start."""
    return not on_ring(result) and (lines.is_timeless(result) or len(result.series["time"]) > 1)


def indices(result: Result) -> list[int]:
    """Records whose ellipses are drawn: the first, two while the rates move, the last."""
    times = lines.times(result)
    moving = time_axis.settled(result) or times[-1]
    wanted = [moving * k / (ELLIPSES - 1) for k in range(ELLIPSES - 1)]
    return sorted({*(int(np.argmin(np.abs(times - t))) for t in wanted), len(times) - 1})


def _deviations(covariances: FloatArray) -> FloatArray:
    return np.asarray(np.sqrt(np.diagonal(covariances, axis1=-2, axis2=-1).clip(min=0)))


def draw_drift(ax: Axes, result: Result, box: FloatArray) -> None:
    """Streamlines of A x + f in the view."""
    space = PhaseSpace(build_system(result.config).at(result.final.time), result.grid, result.config.scheme.order)
    velocity = space.reversible_drift + space.irreversible_drift
    inside = [
        np.nonzero((a.centres >= b[0]) & (a.centres <= b[1]))[0] for a, b in zip(result.grid.axes, box, strict=True)
    ]
    q, p = (axis.centres[cells] for axis, cells in zip(result.grid.axes, inside, strict=True))
    shown = velocity[:, inside[0][:, None], inside[1][None, :]]
    # the centres are equally spaced to round-off only, which is not enough for streamplot
    q, p = np.linspace(q[0], q[-1], len(q)), np.linspace(p[0], p[-1], len(p))
    ax.streamplot(q, p, shown[0].T, shown[1].T, **DRIFT)


def draw_path(ax: Axes, result: Result) -> None:
    """Mean and ellipses, from START to END in colour; contours of the final W in place of ellipses that mislead."""
    if has_contours(result):
        phase_space.draw_contours(ax, result, float(style.finite(result.final.W).max()), line_colour=END)
    if on_ring(result):
        return
    mean, covariance = result.series["mean"], result.series["covariance"]
    exact = exact_path(result)
    if has_later(result):
        ax.plot(*mean.T, "-" if exact is None else ".", color=END, linewidth=1.2, markersize=2.5, zorder=3)
    if exact is not None:
        ax.plot(*exact.T, **lines.EXACT)
    for index in indices(result):
        colour = START if index == 0 and has_start(result) else END
        ax.plot(*mean[index], ".", color=colour, markersize=5, zorder=4)
        if not has_contours(result):
            ax.add_patch(ellipse(mean[index], covariance[index], colour))


def exact_path(result: Result) -> FloatArray | None:
    """Exact means at many times, which show turns that lie between two records; None without an exact solution."""
    if not has_exact(result):
        return None
    times = lines.times(result)
    assert result.exact is not None
    start = result.exact["mean"][0], result.exact["covariance"][0]
    return Gaussian(build_system(result.config), *start).mean(np.linspace(times[0], times[-1], POINTS))


def has_exact(result: Result) -> bool:
    """True if the mean has an exact path: that of a single record is a point."""
    return result.exact is not None and not on_ring(result) and len(result.series["time"]) > 1


def ellipse(mean: FloatArray, covariance: FloatArray, colour: str) -> Ellipse:
    """Curve of one standard deviation: half-axes sqrt of the eigenvalues of V along its eigenvectors."""
    values, vectors = np.linalg.eigh(covariance)
    width, height = 2 * np.sqrt(values[::-1].clip(min=0))
    angle = math.degrees(math.atan2(vectors[1, 1], vectors[0, 1]))
    return Ellipse((mean[0], mean[1]), width, height, angle=angle, fill=False, color=colour, linewidth=1.1, zorder=2)


def _legend(figure: Figure, results: Sequence[Result], columns: int) -> None:
    """What lines mean; only what is drawn."""
    handles = [Line2D([], [], color=DRIFT["color"], linewidth=1)]
    labels = ["drift $A x + f$"]
    around = r" and 1$\sigma$ ellipses" if any(not has_contours(result) for result in results) else ""
    later = any(map(has_later, results))
    if any(map(has_start, results)):
        handles.append(Line2D([], [], color=START, marker="."))
        labels.append("start" if later else f"mean{around} at the start")
    if later:
        handles.append(Line2D([], [], color=END, marker="."))
        labels.append(f"mean{around}")
    if any(map(has_exact, results)):
        handles.append(Line2D([], [], **lines.EXACT))
        labels.append("exact mean")
    if any(map(has_contours, results)):
        handles.append(Line2D([], [], color=END, linewidth=0.6))
        labels.append(f"contours of the final $W${_whose(results)}")
    figure.legend(handles, labels, loc="outside upper left", ncols=min(2 * columns - columns // 2, 5))


def _whose(results: Sequence[Result]) -> str:
    """Which of the results have contours, where not all of them do."""
    shown = [result for result in results if has_contours(result)]
    if len(shown) == len(results):
        return ""
    kinds = {"ring": any(map(on_ring, shown)), "several wells": not all(map(on_ring, shown))}
    return f" ({', '.join(name for name, is_there in kinds.items() if is_there)})"
