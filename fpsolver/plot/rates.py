"""The entropy balance over time; of results without time, as bars with numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from fpsolver.plot import lines, naming, phase_space, style, time_axis
from fpsolver.result import Outcome, Result

WIDTH = 5.0  # inches
PANEL, BAR = 1.75, 0.22  # inches of height, of each
NOISE = 10.0  # closures: shorter rates are errors of a zero
ROOM, ROOM_EXACT = 0.7, 1.0  # of the length of the bars, for the numbers beside them; with exact numbers
GAP = 0.25  # of the height of a row of bars, between two rows


@style.styled
def series(*results: Outcome, figsize: style.Size = None) -> Figure:
    """Pi, Phi and dS/dt over time, exact values as dashes, and below how well dS/dt = Pi - Phi closes.

    A panel for each of them that exists, one for S_Moyal where quantum terms of a well add to Pi - Phi, those of the
    Wehrl entropy where Pi does not exist; bars where no result has more than one record.
    """
    if all(is_single(result) for result in results):
        return _bar_figure(results, figsize)
    found, closes = lines.rates(results), lines.has_closure(results)
    count = len(found) + closes or 1
    words = lines.labels_of(results, list(lines.RATES))
    figure = style.new_figure(WIDTH, PANEL * count + style.legend_height(words) + 0.1, figsize)
    axes = list(figure.subplots(count, 1, sharex=True, squeeze=False).ravel())
    for ax, rate in zip(axes, found, strict=False):
        _draw_panel(ax, rate, results)
    if closes:
        lines.draw_closure(axes[-1], results)
    elif not found:
        lines.note_missing(axes[0], results[0], list(lines.RATES))
    time_axis.finish(axes[-1], results)
    figure.align_ylabels(axes)
    lines.legend(figure, results, list(lines.RATES))
    return figure


def _draw_panel(ax: Axes, rate: lines.Rate, results: Sequence[Outcome]) -> None:
    for index, result in enumerate(results):
        lines.draw_rate(ax, result, rate.name, style.line(index))
    ax.set_ylabel(f"{rate.symbol} (1/time)")
    lacking = lines.gaps(results[0], [rate.name]) if len(results) == 1 else ""
    style.tag_above(ax, f"{rate.symbol}: {rate.words}" + lacking.replace(f"{rate.symbol}:", ","))
    lines.mark_zero(ax)


def is_single(result: Outcome) -> bool:
    """True for a result of one record, which makes no curve."""
    return len(result.series["time"]) == 1


def _bar_figure(results: Sequence[Outcome], figsize: style.Size) -> Figure:
    rows = len(lines.rates(results)) + lines.has_closure(results) or 1
    names = [_name(name, result) for name, result in zip(naming.names(results), results, strict=True)]
    labels = [style.wrapped(name) for name in names]
    height = rows * (len(results) + 2 * GAP) * BAR + style.legend_height(labels) + 0.8
    figure = style.new_figure(WIDTH, height, figsize)
    draw_bars(figure.subplots(), results)
    if len(results) == 1:
        style.title_above(figure, names[0], fontsize=9)
    else:
        figure.legend([Patch(**style.bar(k)) for k in range(len(results))], labels, loc="outside upper left")
    return figure


def _name(name: str, result: Outcome) -> str:
    time = float(result.series["time"][-1])
    reason = lines.why_missing(result, list(lines.RATES))
    words = f"{name}, {'steady state' if lines.is_timeless(result) else f't = {time:.4g}'}{naming.status(result)}"
    return f"{words}: {reason}" if reason else words


def draw_bars(ax: Axes, results: Sequence[Outcome]) -> None:
    """A row of bars for each rate, one bar for each result, and the numbers beside them; marks: exact values."""
    found, thickness = lines.rates(results), (1 - 2 * GAP) / len(results)
    names = [rate.symbol for rate in found]
    for index, result in enumerate(results):
        middle = GAP + (index + 0.5) * thickness
        for row, rate in enumerate(found):
            _draw_bar(ax, rate, result, row + middle, thickness, _look(index, rate.name, results))
        if np.isfinite(lines.closure(result)[-1]):
            _write(ax, len(found) + middle, f"{lines.closure(result)[-1]:.1e}")
    if lines.has_closure(results):
        names.append(lines.closure_symbol(results))
    ax.set_yticks([row + 0.5 for row in range(len(names))], names)
    ax.set_ylim(max(len(names), 1), 0)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("entropy rates (1/time)")
    _limit(ax, [_value(rate.name, result) for result in results for rate in lines.rates([result])], results)
    ax.axvline(0, color="0.6", linewidth=0.6)
    if not found:
        lines.note_missing(ax, results[0], list(lines.RATES))


def _limit(ax: Axes, values: Sequence[float], results: Sequence[Outcome]) -> None:
    """Room for the numbers, and an axis so wide that rates which are errors of a zero are no long bars."""
    has_exact = any(lines.has_exact(result, [*lines.RATE_LOOKS]) for result in results)
    room = ROOM_EXACT if has_exact else ROOM
    if not any(values):  # no number but 0 means anything
        ax.set(xlim=(-0.02, 1 + room), xticks=[0])
        return
    low, high = min([0.0, *filter(math.isfinite, values)]), max([0.0, *filter(math.isfinite, values)])
    errors = [abs(float(lines.closure(result)[-1])) for result in results]
    span = max([high - low, *(NOISE * error for error in errors if math.isfinite(error))]) or 1.0
    ax.set_xlim(low - 0.02 * span, low + (1 + room) * span)


def _look(index: int, name: str, results: Sequence[Outcome]) -> dict[str, Any]:
    """Colours of results, or of rates where there is one result."""
    return {"color": lines.RATE_LOOKS[name]["color"]} if len(results) == 1 else style.bar(index)


def _write(ax: Axes, middle: float, text: str) -> None:
    """A number at the right end of the panel."""
    ax.text(0.985, middle, text, transform=ax.get_yaxis_transform(), va="center", ha="right", fontsize=8)


def _draw_bar(
    ax: Axes, rate: lines.Rate, result: Outcome, middle: float, thickness: float, look: dict[str, Any]
) -> None:
    if not lines.exists(result, rate.name):
        return
    value, exact = _value(rate.name, result), lines.exact_rate(result, rate.name)
    ax.barh(middle, value, height=0.9 * thickness, zorder=2, **look)
    if words := zero_words(rate.name, result):
        _write(ax, middle, f"= 0 {words} ({result.last(rate.name):.1e})")
        return
    text = f"{value:.6g}"
    if exact is not None and bool(np.isfinite(exact[-1])):
        ax.plot([float(exact[-1])], [middle], "|", color="black", markersize=9, zorder=3)
        text += f" (exact {float(exact[-1]):.6g})"
    _write(ax, middle, text)


def _value(name: str, result: Outcome) -> float:
    return 0.0 if zero_words(name, result) else float(result.last(name))


def zero_words(name: str, result: Outcome) -> str:
    """How well a rate vanishes that is 0 in theory, in words; an empty string where it is none of these.

    Without J^I there is no Pi, and in a steady state no Phi either (but for quantum terms) and no change of S.
    """
    follows = result.status == "steady" and not lines.has_moyal(result)
    if name not in lines.RATES or not (follows or name == "entropy_production"):
        return ""
    if isinstance(result, Result) and len(result.grid.axes) == 2:
        box = phase_space.view([result])
        vanishes = phase_space.is_round_off(result, phase_space.IRREVERSIBLE, box)
        return phase_space.accuracy(phase_space.ratio(result, phase_space.IRREVERSIBLE, box)) if vanishes else ""
    if not phase_space.is_balanced(result):
        return ""
    return phase_space.accuracy(phase_space.GRID_ERROR if isinstance(result, Result) else 0.0)
