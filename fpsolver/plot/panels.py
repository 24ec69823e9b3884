"""Figures over phase space: W, the currents, and the density of the entropy production."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from fpsolver import recorder
from fpsolver.api import build_generator
from fpsolver.errors import FpsolverWarning
from fpsolver.physics.potentials import FloatArray
from fpsolver.plot import naming, phase_space, snapshots, style
from fpsolver.plot.phase_space import IRREVERSIBLE, REVERSIBLE
from fpsolver.result import Result
from fpsolver.thermo import entropy
from fpsolver.thermo.state import State

STRIP = 4  # snapshots in a row


@style.styled
def wigner(
    *results: Result, time: float | None = None, times: Sequence[float] | None = None, figsize: style.Size = None
) -> Figure:
    """Final W of each result, side by side with common view, colours and contour levels.

    ``time``: the stored snapshot nearest to it instead; ``times``: a strip of them. A FpsolverWarning tells of
    snapshots that are far from the time; UsageError for a result without snapshots.
    """
    wanted = snapshots.wanted("plot.wigner", time, times)
    if not wanted:
        return _beside(results, figsize)
    shown = [snapshots.nearest(result, t) for result in results for t in wanted]
    for text in snapshots.doubts(results, wanted):
        warnings.warn(text, FpsolverWarning, stacklevel=3)  # of the caller: styled is between
    return _beside(shown, figsize) if times is None else _strip(results, shown, figsize)


def _strip(results: Sequence[Result], shown: Sequence[Result], figsize: style.Size) -> Figure:
    """Snapshots of one result in rows of at most STRIP, or a row of them for each of several results."""
    count = len(shown) // len(results)
    columns = min(count, STRIP) if len(results) == 1 else count
    rows = math.ceil(len(shown) / columns)
    figure = style.new_figure(2.1 * columns + 1.2, 2.1 * rows + 0.5, figsize)
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    mapping, box = phase_space.colours(shown), phase_space.view(shown)
    for ax, result in zip(axes.ravel(), shown, strict=False):
        phase_space.draw_density(ax, result, mapping, box)
        style.heading(ax, moment(result))
        ax.label_outer()
    for ax in axes.ravel()[len(shown) :]:
        ax.set_axis_off()
    _finish_strip(figure, axes, results, len(shown))
    figure.colorbar(mapping, ax=list(axes.ravel()), label=style.W_LABEL, aspect=20 * rows, pad=0.02)
    return figure


def _finish_strip(figure: Figure, axes: Any, results: Sequence[Result], count: int) -> None:
    """The name of one result above all panels, of several above their rows; ticks where no panel is below."""
    names = naming.names(results)
    if len(results) == 1:
        style.title_above(figure, names[0], fontsize=9)
    else:
        for ax, name in zip(axes[:, 0], names, strict=True):
            style.heading(ax, f"{name}, {ax.get_title(loc='left')}", width=30)  # of one panel
    for ax in axes.ravel()[max(count - axes.shape[1], 0) : count]:
        ax.tick_params(labelbottom=True)
        ax.set_xlabel(style.Q_LABEL)


def _beside(results: Sequence[Result], figsize: style.Size) -> Figure:
    """Final W of each result, side by side."""
    columns = len(results) if len(results) <= 3 else math.ceil(len(results) / 2)
    rows = math.ceil(len(results) / columns)
    figure = style.new_figure(3.1 * columns + 0.6, 2.9 * rows, figsize)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    mapping, box = phase_space.colours(results), phase_space.view(results)
    for ax, result, name in zip(axes, results, naming.names(results), strict=False):
        phase_space.draw_density(ax, result, mapping, box)
        style.heading(ax, f"{name}, {moment(result)}", width=40)
    for ax in axes[len(results) :]:
        ax.set_axis_off()
    figure.colorbar(mapping, ax=list(axes), label=style.W_LABEL, aspect=25 * rows, pad=0.02)
    return figure


@style.styled
def currents(*results: Result, figsize: style.Size = None) -> Figure:
    """Reversible and irreversible current over the final W, one row for each result.

    Arrows of J^R share one scale in all rows, those of J^I another (it is often a hundred times smaller); the
    arrow in the corner gives it. Where a panel has less than a third, its arrows are enlarged and it says so.
    """
    figure = style.new_figure(2 * style.COLUMN + 0.6, 2.9 * len(results), figsize)
    axes = figure.subplots(len(results), 2, squeeze=False, sharex=True, sharey=True)
    mapping, box = phase_space.colours(results, style.MUTED), phase_space.view(results)
    for column, current in enumerate((REVERSIBLE, IRREVERSIBLE)):
        longest = phase_space.arrow_scale(results, current, box)
        for ax, result in zip(axes[:, column], results, strict=True):
            phase_space.draw_density(ax, result, mapping, box)
            phase_space.draw_current(ax, result, current, longest, box)
            ax.label_outer()
    for ax, result, name in zip(axes[:, 0], results, naming.names(results), strict=True):
        style.heading(ax, f"{name}, {moment(result)}", width=90)
    figure.colorbar(mapping, ax=list(axes.ravel()), label=style.W_LABEL, aspect=25 * len(axes), pad=0.02)
    return figure


@style.styled
def production(*results: Result, figsize: style.Size = None) -> Figure:
    """Density of Pi and its position and momentum channels J_k^2/(D_kk W), one row for each result.

    All panels share one scale; a density below a third of it is enlarged by a round factor, and the panel says so.
    """
    figure = style.new_figure(2 * style.COLUMN + 0.8, 2.6 * len(results) + 0.2, figsize)
    axes = figure.subplots(len(results), 3, squeeze=False, sharex=True, sharey=True)
    box, densities = phase_space.view(results), [channels(result) for result in results]
    mapping = _production_colours(results, densities, box)
    for row, result, name, density in zip(axes, results, naming.names(results), densities, strict=True):
        for ax, values, part in zip(row, density, ("", "_q", "_p"), strict=True):
            _draw_production(ax, result, values, part, mapping, box)
            ax.label_outer()
        style.heading(row[0], f"{name}, {moment(result)}", width=90)
    if any(not why_not_drawn(result, "", density[0], box) for result, density in zip(results, densities, strict=True)):
        figure.colorbar(
            mapping, ax=list(axes.ravel()), label=r"density of $\Pi$ (1/(action$\cdot$time))", aspect=30, pad=0.02
        )
    return figure


def moment(result: Result) -> str:
    """Time of the final state, and the status where it is not what was wanted."""
    time = f"t\u00a0=\u00a0{result.final.time:.4g}" if math.isfinite(result.final.time) else "steady state"
    return f"{time}{naming.status(result)}"


def channels(result: Result) -> FloatArray:
    """Densities of Pi and of its q and p channels, shape (3, n_q, n_p); zero where they do not exist."""
    space = recorder.phase_space(build_generator(result.config, result.grid), result.final.time)
    parts = style.finite(entropy.production_channels(State(style.finite(result.final.W), space)))
    return np.stack([parts.sum(axis=0), *parts])


def why_not_drawn(result: Result, part: str, values: FloatArray, box: FloatArray) -> str:
    """The sentence that stands in a panel instead of the density, or an empty string."""
    name = f"entropy_production{part}"
    value = result.last(name)
    if not math.isfinite(value):
        return f"{_symbol(part)} is {result.reasons.get(name, f'{value} at the end')}"
    if not values.any():
        return f"{_symbol(part)} = 0 exactly"
    if phase_space.is_round_off(result, IRREVERSIBLE, box):
        ratio = phase_space.ratio(result, IRREVERSIBLE, box)
        return f"{_symbol(part)} = 0 {phase_space.accuracy(ratio)}\n({value:.1e} /time)"
    return ""


def _symbol(part: str) -> str:
    return rf"$\Pi{part}$"


def _production_colours(results: tuple[Result, ...], densities: list[FloatArray], box: FloatArray) -> ScalarMappable:
    drawn = [
        values.max()
        for result, density in zip(results, densities, strict=True)
        for values, part in zip(density, ("", "_q", "_p"), strict=True)
        if not why_not_drawn(result, part, values, box)
    ]
    return ScalarMappable(Normalize(0, max(drawn, default=1.0)), style.WARM)


def _draw_production(
    ax: Axes, result: Result, values: FloatArray, part: str, mapping: ScalarMappable, box: FloatArray
) -> None:
    reason = why_not_drawn(result, part, values, box)
    times = 1 if reason else style.enlargement(float(values.max()), phase_space.peak(mapping))
    phase_space.draw_field(ax, result, np.zeros_like(values) if reason else times * values, mapping, box)
    phase_space.draw_contours(ax, result, float(style.finite(result.final.W).max()), line_colour="0.6")
    if reason:
        style.note(ax, reason, width=26, y=0)
        return
    value = f"{_symbol(part)} = {result.last(f'entropy_production{part}'):.4g} /time"
    style.tag(ax, value if times == 1 else f"{value}\ncolours $\\times${times:,}")


def beside_density(
    results: Sequence[Result],
    fields: Sequence[FloatArray | None],
    box: FloatArray,
    mapping: ScalarMappable,
    label: str,
    draw: Callable[[Axes, Result, FloatArray | None, ScalarMappable, FloatArray], None],
    figsize: style.Size,
) -> Figure:
    """W, and beside it what ``draw`` makes of a field: one row for each result, a scale of colours for each column."""
    figure = style.new_figure(2 * style.COLUMN + 1.2, 2.9 * len(results), figsize)
    axes = figure.subplots(len(results), 2, squeeze=False, sharex=True, sharey=True)
    densities = phase_space.colours(results)
    for row, result, name, field in zip(axes, results, naming.names(results), fields, strict=True):
        phase_space.draw_density(row[0], result, densities, box)
        style.tag(row[0], "$W$")
        draw(row[1], result, field, mapping, box)
        style.heading(row[0], f"{name}, {moment(result)}", width=90)
        for ax in row:
            ax.label_outer()
    scales = [(densities, style.W_LABEL), (mapping, label)]
    for k, (colours, words) in enumerate(scales):
        figure.colorbar(colours, ax=list(axes[:, k]), label=words, aspect=25 * len(results), pad=0.02)
    return figure
