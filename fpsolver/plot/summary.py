"""One page about each result."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase, SubFigure

from fpsolver.plot import lines, naming, phase_space, rates, style, time_axis
from fpsolver.plot.phase_space import IRREVERSIBLE, REVERSIBLE
from fpsolver.result import Result

PAGES = 3  # side by side


@style.styled
def overview(*results: Result, figsize: style.Size = None) -> Figure:
    """Final W with both currents, marginals against the exact ones, and the entropy balance over time.

    One page for each result, side by side, with a common view and common scales of W and of the currents; those of
    runs that failed, which may have blown up, are their own.
    """
    columns = min(len(results), PAGES)
    rows = math.ceil(len(results) / columns)
    figure = style.new_figure((2 * style.COLUMN + 0.6) * columns, 8.0 * rows, figsize)
    pages = np.ravel(np.asarray(figure.subfigures(rows, columns)))
    for page, result, name in zip(pages, results, naming.names(results), strict=False):
        alike = [other for other in results if (other.status == "failed") == (result.status == "failed")]
        _draw_page(page, result, name, alike)
    return figure


def _draw_page(page: SubFigure, result: Result, name: str, results: Sequence[Result]) -> None:
    style.title_above(page, words(result, name), linespacing=1.4)
    # two halves, so that the colour bar narrows the upper one only
    upper, lower = np.ravel(np.asarray(page.subfigures(2, 1, height_ratios=[1, 1.5])))
    _draw_currents(upper, result, results)
    spaces = lower.add_gridspec(2, 2)
    _draw_marginals([lower.add_subplot(spaces[0, k]) for k in range(2)], result, results)
    if rates.is_single(result):
        bars = lower.add_subplot(spaces[1, :])
        rates.draw_bars(bars, [result])
        lines.note_missing(bars, result, list(lines.RATES), width=90)
    elif lines.has_closure([result]):
        _draw_rates(lower.add_subplot(spaces[1, 0]), result)
        closure = lower.add_subplot(spaces[1, 1])
        lines.draw_closure(closure, [result])
        time_axis.finish(closure, [result])
    else:
        _draw_rates(lower.add_subplot(spaces[1, :]), result)


def words(result: Result, name: str) -> str:
    """Name, what became of the run, and the rates at its end."""
    shown = [rate for rate in lines.rates([result]) if rate.name.endswith(("production", "flux"))]
    numbers = [f"{rate.symbol} = {last:.6g}" for rate in shown if math.isfinite(last := result.last(rate.name))]
    balance = f"at the end {', '.join(numbers)} (1/time)" if numbers else r"at the end no finite $\Pi$ and $\Phi$"
    return f"{name}\n{style.escaped(result.message)}\n{balance}"


def _draw_currents(figure: FigureBase, result: Result, results: Sequence[Result]) -> None:
    axes = figure.subplots(1, 2)
    mapping, box = phase_space.colours(results, style.MUTED), phase_space.view(results)
    for ax, current in zip(axes, (REVERSIBLE, IRREVERSIBLE), strict=True):
        phase_space.draw_density(ax, result, mapping, box)
        phase_space.draw_current(ax, result, current, phase_space.arrow_scale(results, current, box), box)
    figure.colorbar(mapping, ax=list(axes), label=style.W_LABEL, aspect=25, pad=0.02)


def _draw_marginals(axes: Sequence[Axes], result: Result, results: Sequence[Result]) -> None:
    for k, ax in enumerate(axes):
        lines.draw_marginal(ax, result, k, style.line(0))
        lines.label_marginal(ax, k)
        ax.set_xlim(*phase_space.view(results)[k])
        if result.exact_is_gaussian:
            ax.set_ylim(top=1.25 * ax.get_ylim()[1])  # room for the legend above the maximum
            ax.plot([], [], **lines.EXACT, label="exact Gaussian")
            ax.legend(loc="upper right")


def _draw_rates(ax: Axes, result: Result) -> None:
    for rate in lines.rates([result]):
        lines.draw_rate(ax, result, rate.name, lines.RATE_LOOKS[rate.name], label=rate.symbol)
    if lines.has_exact(result, [rate.name for rate in lines.rates([result])]):
        ax.plot([], [], **lines.EXACT, label="exact")
    ax.set_ylabel("entropy rates (1/time)")
    time_axis.finish(ax, [result])
    lines.note_missing(ax, result, list(lines.RATES))
    lines.mark_zero(ax)
    style.legend_above(ax)
