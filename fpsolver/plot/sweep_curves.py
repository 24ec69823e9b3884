"""Curves of a sweep over its first key: what was computed as dots, exact values as thin lines."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from fpsolver.plot import lines, style
from fpsolver.plot.sweep_axes import DECADES, STEPS, Panel, coordinates, label, number, spans_decades, symbol
from fpsolver.plot.sweep_quantities import Drawn
from fpsolver.sweeps.table import Sweep

MAXIMUM_CURVES = 7
EXACT: dict[str, Any] = {"color": "black", "linewidth": 0.7, "zorder": 1}
ZERO: dict[str, Any] = {"marker": "o", "linestyle": "none", "markersize": 4, "markerfacecolor": "white"}
MISSING: dict[str, Any] = {"marker": "x", "linestyle": "none", "markersize": 5, "clip_on": False}


def draw(figure: Figure, panels: list[Panel], found: Sweep, quantity: Drawn) -> None:
    """All panels with axes, words and the legend."""
    for panel in panels:
        _draw_curves(panel, found, quantity)
    _finish(panels, found, quantity)
    shown = np.concatenate([quantity.values[_place(panel, curve)] for panel in panels for curve, _ in _curves(found)])
    _legend(figure, found, shown, quantity)
    if quantity.remark:
        figure.legend([Line2D([], [], color="0.3", **ZERO)], [quantity.remark], loc="outside lower left")


def _draw_curves(panel: Panel, found: Sweep, quantity: Drawn) -> None:
    """Dots, joined only where no exact values say what is between them; crosses on the axis where there is none."""
    key = next(iter(found.over))
    x, is_words = coordinates(found, key), found.over[key].dtype == object
    order = np.argsort(x)
    for curve, colour in _curves(found):
        y, known = (each[_place(panel, curve)][order] for each in (quantity.values, quantity.exact))
        has_exact = np.isfinite(known).any()
        line = "none" if is_words or has_exact else "-"
        panel.axes.plot(x[order], y, "o", linestyle=line, linewidth=1.0, color=colour, markersize=4)
        if has_exact:
            panel.axes.plot(x[order], known, **(EXACT | _exact_marks(is_words)))
        is_zero = quantity.is_zero[_place(panel, curve)][order]
        if is_zero.any():
            panel.axes.plot(x[order][is_zero], y[is_zero], color=colour, **ZERO)
        lacking = x[order][np.isnan(y)]
        if len(lacking):  # an empty line that is not clipped would widen the panel to the corner of the figure
            on_axis = panel.axes.get_xaxis_transform()
            panel.axes.plot(lacking, np.zeros(len(lacking)), color=colour, transform=on_axis, **MISSING)


def _exact_marks(is_words: bool) -> dict[str, Any]:
    """Dashes at words, between which nothing lies."""
    return {"linestyle": "none", "marker": "_", "markersize": 12} if is_words else {}


def _place(panel: Panel, curve: tuple[int, ...]) -> Any:
    return (slice(None), *curve, *panel.values)


def _curves(found: Sweep) -> list[tuple[tuple[int, ...], Any]]:
    """Indices of the second key that are drawn (evenly chosen), with their colours."""
    keys = list(found.over)
    if len(keys) == 1:
        return [((), style.colour(0))]
    count = len(found.over[keys[1]])
    chosen = np.unique(np.linspace(0, count - 1, min(count, MAXIMUM_CURVES)).round().astype(int))
    return [((int(index),), style.colour(k)) for k, index in enumerate(chosen)]


def _finish(panels: list[Panel], found: Sweep, quantity: Drawn) -> None:
    """Words and scales: a logarithm only over two decades, of a key also where the values have one."""
    key = next(iter(found.over))
    known, at = quantity.values[np.isfinite(quantity.values)], found.over[key]
    is_log = spans_decades(known)
    is_wide = at.dtype != object and at.min() > 0 and at.max() >= DECADES * at.min()
    for panel in panels:
        label(panel.axes, found, key, "x", logarithmic=is_log or is_wide)
        panel.axes.set_ylabel(quantity.label)
        if at.dtype != object and panel.axes.get_xscale() == "linear":
            panel.axes.xaxis.set_major_locator(MaxNLocator(5, steps=STEPS))  # the labels of more may touch
        panel.axes.label_outer()
        if is_log:
            panel.axes.set_yscale("log")
        if quantity.remark:
            lines.mark_zero(panel.axes)
            if not known.any():
                panel.axes.set(ylim=(-1, 1), yticks=[0])


def _legend(figure: Figure, found: Sweep, drawn: NDArray[Any], quantity: Drawn) -> None:
    keys = list(found.over)
    handles, labels = [], []
    if len(keys) > 1:
        for (index,), colour in _curves(found):
            handles.append(Line2D([], [], color=colour, marker="o", linestyle="none"))
            labels.append(f"{symbol(keys[1])} = {number(found.over[keys[1]][index])}")
    if np.isfinite(quantity.exact).any():
        handles.append(Line2D([], [], **(EXACT | _exact_marks(found.over[keys[0]].dtype == object))))
        joined = "" if found.over[keys[0]].dtype == object else ",\nat these points"  # straight lines are no solution
        labels.append(f"{quantity.exact_label}{joined}")
    lacking = int(np.isnan(drawn).sum())
    if lacking:
        handles.append(Line2D([], [], color="0.3", **MISSING))
        labels.append(f"no value: {lacking} of {drawn.size}")
    if handles:
        figure.legend(handles, labels, loc="outside right upper")
