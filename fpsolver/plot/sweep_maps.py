"""Maps of a sweep: a quantity as colours over its first two keys."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import Colormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from fpsolver.plot import style
from fpsolver.plot.sweep_axes import TINY, Panel, coordinates, faces, is_log, keep_ticks_within, label, spans_decades
from fpsolver.plot.sweep_quantities import Drawn
from fpsolver.sweeps.table import Sweep

MISSING = "0.85"
HATCHED: dict[str, Any] = {"facecolor": "0.93", "edgecolor": "0.55", "hatch": "////", "linewidth": 0.0}
LEVELS = 6  # contours, at most


def draw(figure: Figure, panels: list[Panel], found: Sweep, quantity: Drawn) -> None:
    """All panels on one scale of colours, with contours that the colour bar names."""
    values = quantity.values
    known = values[np.isfinite(values)]
    colours, norm = _scale(known)
    for panel in panels:
        panel.axes.patch.set(**HATCHED)
        mapping = draw_cells(panel, found, values, colours, norm)
    bar = figure.colorbar(mapping, ax=[panel.axes for panel in panels], label=quantity.label, pad=0.02)
    drawn = [_draw_contours(panel, found, values, _levels(known, norm)) for panel in panels]
    for contours in drawn[:1]:
        if contours is not None:
            bar.add_lines(contours)
    if quantity.remark and not known.any():
        bar.set_ticks([0])
    _legend(figure, quantity, colours(norm(0.0)) if quantity.remark else None)


def _scale(known: NDArray[Any]) -> tuple[Colormap, Normalize]:
    """Colours of finite values: two-sided around 0 where some are negative, logarithmic over two decades."""
    low, high = float(known.min()), float(known.max())
    if low < 0:
        reach = max(-low, high)
        return style.DIVERGING, Normalize(-reach, reach)
    if spans_decades(known):
        return style.TINTED, LogNorm(low, high)
    return style.TINTED, Normalize(low, high if (low, high) != (0, 0) else 1.0)


def _levels(known: NDArray[Any], norm: Normalize) -> NDArray[Any]:
    """Few round values between the smallest and the largest; none if there is nothing between them."""
    if known.min() == known.max():
        return np.empty(0)
    low, high = float(known.min()), float(known.max())
    if isinstance(norm, LogNorm):
        inner = np.geomspace(max(low, TINY * high), high, LEVELS + 2)[1:-1]
        return np.unique([float(f"{level:.1g}") for level in inner])
    found = np.asarray(MaxNLocator(LEVELS).tick_values(low, high))
    return found[(found > low) & (found < high)]


def _draw_contours(panel: Panel, found: Sweep, values: NDArray[Any], levels: NDArray[Any]) -> Any:
    """Thin lines at the levels, or None where a panel has too few cells or words on an axis."""
    keys, field = list(found.over)[:2], field_of(panel, values)
    if min(field.shape) < 3 or not len(levels) or any(found.over[key].dtype == object for key in keys):
        return None
    x, y = (coordinates(found, key) for key in keys)
    order_x, order_y = np.argsort(x), np.argsort(y)
    shown = np.ma.masked_invalid(field[np.ix_(order_x, order_y)].T)
    return panel.axes.contour(x[order_x], y[order_y], shown, levels=levels, colors="0.15", linewidths=0.6)


def draw_cells(panel: Panel, found: Sweep, values: NDArray[Any], colours: Colormap, norm: Normalize) -> Any:
    """One coloured cell for each run, none where there is no value."""
    first, second = list(found.over)[:2]
    x, y = coordinates(found, first), coordinates(found, second)
    field = field_of(panel, values)
    order_x, order_y = np.argsort(x), np.argsort(y)
    mapping = panel.axes.pcolormesh(
        faces(x[order_x], geometric=is_log(found, first)),
        faces(y[order_y], geometric=is_log(found, second)),
        np.ma.masked_invalid(field[np.ix_(order_x, order_y)].T),
        cmap=colours,
        norm=norm,
    )
    label(panel.axes, found, first, "x", logarithmic=True)
    label(panel.axes, found, second, "y", logarithmic=True)
    keep_ticks_within(panel.axes, found.over[first], "x")
    keep_ticks_within(panel.axes, found.over[second], "y")
    panel.axes.label_outer()
    return mapping


def field_of(panel: Panel, values: NDArray[Any]) -> NDArray[Any]:
    """Values of a panel over the first two keys."""
    place: Any = (slice(None), slice(None), *panel.values)
    return np.asarray(values[place], dtype=float)


def _legend(figure: Figure, quantity: Drawn, zero: Any) -> None:
    """How many runs have no value, and how their cells look; where 0 is drawn for what was computed."""
    handles, labels = [], []
    lacking = int(np.isnan(quantity.values).sum())
    if lacking:
        handles.append(Patch(**HATCHED))
        labels.append(f"no value: {lacking} of {quantity.values.size}")
    if quantity.remark:
        handles.append(Patch(facecolor=zero))
        labels.append(quantity.remark)
    if handles:
        figure.legend(handles, labels, loc="outside lower right")
