"""Figures of a sweep: curves over one key, maps over two, and phase diagrams of the verdicts."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, ListedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from fpsolver.errors import UsageError
from fpsolver.io.sweeps import inner_dimensions
from fpsolver.plot import style
from fpsolver.plot.sweep_axes import coordinates, faces, is_log, label, number, symbol
from fpsolver.sweeps.table import Sweep

MAXIMUM_PANELS = 12
MAXIMUM_CURVES = 7
DECADES = 100.0  # ratio of largest and smallest value from which colours and axes are logarithmic
TINY = 1e-6  # of the largest: smaller values are the errors of a zero, for which a logarithm means nothing
MISSING = "0.85"


class Panel(NamedTuple):
    """One combination of the keys that have no axis of their own."""

    axes: Axes
    values: tuple[int, ...]


class Phase(NamedTuple):
    """One kind of verdicts, by whether a model is completely positive and has detailed balance."""

    label: str
    colour: str


PHASES = (
    Phase("no result", MISSING),
    Phase("completely positive and detailed balance", style.COLOURS[2]),
    Phase("completely positive only", style.COLOURS[5]),
    Phase("detailed balance only", style.COLOURS[4]),
    Phase("neither", style.COLOURS[6]),
    Phase("classical, detailed balance", "#B8DCC9"),
    Phase("classical, no detailed balance", "#C9C9C9"),
)


def sweep_lines(found: Sweep, quantity: str = "entropy_production") -> Figure:
    """A quantity over the first key, one curve for each value of the second, with exact values as dashes."""
    with style.settings():
        keys = list(found.over)
        figure, panels = _panels(found, keys[2:])
        values = quantity_of(found, quantity)
        exact = found.data.get(f"exact_{quantity}")
        for panel in panels:
            _draw_lines(panel, found, values, exact)
        _finish_lines(panels, found, quantity, values)
        _line_legend(figure, found, exact is not None)
    return figure


def sweep_map(found: Sweep, quantity: str = "entropy_production") -> Figure:
    """A quantity as colours over the first two keys, logarithmic where it spans two decades; grey: no value."""
    with style.settings():
        _require_two(found, "map")
        figure, panels = _panels(found, list(found.over)[2:])
        values = quantity_of(found, quantity)
        mapping = None
        for panel in panels:
            mapping = _draw_map(panel, found, values, quantity)
        figure.colorbar(mapping, ax=[panel.axes for panel in panels], label=symbol(quantity), pad=0.02)  # type: ignore[arg-type]
    return figure


def sweep_phases(found: Sweep) -> Figure:
    """Where a model is completely positive and where it has detailed balance, over the first two keys."""
    with style.settings():
        _require_two(found, "phases")
        figure, panels = _panels(found, list(found.over)[2:])
        numbers = phase_numbers(found)
        colours = ListedColormap([phase.colour for phase in PHASES])
        for panel in panels:
            _draw_cells(panel, found, numbers, colours, Normalize(-0.5, len(PHASES) - 0.5))
        shown = [PHASES[number] for number in np.unique(numbers)]
        handles = [Patch(facecolor=phase.colour, edgecolor="0.4", linewidth=0.5) for phase in shown]
        figure.legend(handles, [phase.label for phase in shown], loc="outside upper left", ncols=1)
    return figure


KINDS: dict[str, Callable[..., Figure]] = {"lines": sweep_lines, "map": sweep_map, "phases": sweep_phases}


def draw(found: Sweep, kind: str, quantity: str) -> Figure:
    """One of :data:`KINDS`."""
    return sweep_phases(found) if kind == "phases" else KINDS[kind](found, quantity)


def default_kind(found: Sweep) -> str:
    """Lines for one key, a map for more."""
    return "lines" if len(found.over) == 1 else "map"


def quantity_of(found: Sweep, quantity: str) -> NDArray[Any]:
    """Values on the grid of the sweep; UsageError for a name without a number for each run."""
    plain = [n for n, v in found.data.items() if not inner_dimensions(n) and v.dtype != object]
    if quantity not in plain:
        raise UsageError(f"--quantity must be one of {', '.join(sorted(plain))}, but is {quantity!r}")
    return np.asarray(np.where(np.isfinite(found.data[quantity]), found.data[quantity], np.nan))


def phase_numbers(found: Sweep) -> NDArray[Any]:
    """Index into :data:`PHASES` for each run."""
    balance = found.data["satisfies_detailed_balance"] == 1
    positive = found.data.get("is_completely_positive", np.full(found.shape, np.nan)) == 1
    quantum = np.where(positive, np.where(balance, 1, 2), np.where(balance, 3, 4))
    classical = np.where(balance, 5, 6)
    numbers = np.where(np.isfinite(found.data["cp_margin"]), quantum, classical)
    return np.asarray(np.where(found.is_good, numbers, 0))


def _require_two(found: Sweep, kind: str) -> None:
    if len(found.over) < 2:
        raise UsageError(f"--kind {kind} needs a sweep over two keys, but this one is over {next(iter(found.over))}")


def _panels(found: Sweep, keys: list[str]) -> tuple[Figure, list[Panel]]:
    """A figure with a panel for every combination of the values of ``keys``."""
    combinations = list(itertools.product(*(range(len(found.over[key])) for key in keys)))
    if len(combinations) > MAXIMUM_PANELS:
        raise UsageError(
            f"the figure would have {len(combinations)} panels for {', '.join(keys)}, and {MAXIMUM_PANELS} are the "
            "most; select with fpsolver.load_sweep(..).to_xarray().isel(..)"
        )
    columns = min(len(combinations), 3)
    rows = math.ceil(len(combinations) / columns)
    figure = style.new_figure(max(3.3 * columns, 4.6), 2.9 * rows + 0.5)
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for ax in axes[len(combinations) :]:
        ax.set_axis_off()
    panels = [Panel(ax, index) for ax, index in zip(axes, combinations, strict=False)]
    for panel in panels:
        words = [f"{symbol(k)} = {number(found.over[k][i])}" for k, i in zip(keys, panel.values, strict=True)]
        style.heading(panel.axes, ", ".join(words) if words else style.escaped(found.title), width=45)
    return figure, panels


def spans_decades(values: NDArray[Any]) -> bool:
    """True for positive values that need a logarithm, none of which is the error of a zero."""
    return len(values) > 0 and values.min() > TINY * values.max() and values.max() > DECADES * values.min()


def _draw_lines(panel: Panel, found: Sweep, values: NDArray[Any], exact: NDArray[Any] | None) -> None:
    key = next(iter(found.over))
    x = coordinates(found, key)
    order = np.argsort(x)
    for curve, colour in _curves(found):
        place: Any = (slice(None), *curve, *panel.values)
        style_of_words = "none" if found.over[key].dtype == object else "-"
        panel.axes.plot(x[order], values[place][order], "o", linestyle=style_of_words, color=colour, markersize=3)
        if exact is not None:
            panel.axes.plot(
                x[order], exact[place][order], "k_" if style_of_words == "none" else "k--", linewidth=0.7, markersize=9
            )


def _curves(found: Sweep) -> list[tuple[tuple[int, ...], Any]]:
    """Indices of the second key that are drawn (evenly chosen), with their colours."""
    keys = list(found.over)
    if len(keys) == 1:
        return [((), style.colour(0))]
    count = len(found.over[keys[1]])
    chosen = np.unique(np.linspace(0, count - 1, min(count, MAXIMUM_CURVES)).round().astype(int))
    return [((int(index),), style.colour(k)) for k, index in enumerate(chosen)]


def _finish_lines(panels: list[Panel], found: Sweep, quantity: str, values: NDArray[Any]) -> None:
    key = next(iter(found.over))
    known = values[np.isfinite(values)]
    for panel in panels:
        label(panel.axes, found, key, "x")
        panel.axes.set_ylabel(symbol(quantity))
        panel.axes.label_outer()
        if spans_decades(known):
            panel.axes.set_yscale("log")
        if not len(known):
            style.note(panel.axes, f"no run has a finite {symbol(quantity)}")


def _line_legend(figure: Figure, found: Sweep, has_exact: bool) -> None:
    keys = list(found.over)
    handles, labels = [], []
    if len(keys) > 1:
        for (index,), colour in _curves(found):
            handles.append(Line2D([], [], color=colour, marker="o"))
            labels.append(f"{symbol(keys[1])} = {number(found.over[keys[1]][index])}")
    if has_exact:
        handles.append(Line2D([], [], color="black", linestyle="--", linewidth=0.7))
        labels.append("exact Gaussian")
    if handles:
        figure.legend(handles, labels, loc="outside right upper")


def _draw_map(panel: Panel, found: Sweep, values: NDArray[Any], quantity: str) -> Any:
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    norm: Normalize = Normalize(low, high)
    colours: Colormap = style.SEQUENTIAL
    if low < 0:
        reach = max(-low, high)
        norm, colours = Normalize(-reach, reach), style.DIVERGING
    elif spans_decades(known):
        norm = LogNorm(low, high)
    mapping = _draw_cells(panel, found, values, colours, norm)
    x, y = (coordinates(found, key) for key in list(found.over)[:2])
    field = field_of(panel, values)
    if min(field.shape) >= 3 and high > low and all(found.over[k].dtype != object for k in list(found.over)[:2]):
        round_ones = [float(f"{level:.1g}") for level in np.geomspace(max(low, TINY * high), high, 8)[1:-1]]
        levels = round_ones if isinstance(norm, LogNorm) else MaxNLocator(7).tick_values(low, high)
        order_x, order_y = np.argsort(x), np.argsort(y)
        drawn = panel.axes.contour(
            x[order_x],
            y[order_y],
            np.ma.masked_invalid(field[np.ix_(order_x, order_y)].T),
            levels=np.unique(levels),
            colors="0.15",
            linewidths=0.5,
        )
        panel.axes.clabel(drawn, fontsize=7, fmt="%g")
    if not len(known):
        style.note(panel.axes, f"no run has a finite {symbol(quantity)}")
    return mapping


def _draw_cells(panel: Panel, found: Sweep, values: NDArray[Any], colours: Colormap, norm: Normalize) -> Any:
    """One coloured cell for each run, grey where there is no value."""
    first, second = list(found.over)[:2]
    x, y = coordinates(found, first), coordinates(found, second)
    field = field_of(panel, values)
    order_x, order_y = np.argsort(x), np.argsort(y)
    panel.axes.set_facecolor(MISSING)
    mapping = panel.axes.pcolormesh(
        faces(x[order_x], geometric=is_log(found, first)),
        faces(y[order_y], geometric=is_log(found, second)),
        np.ma.masked_invalid(field[np.ix_(order_x, order_y)].T),
        cmap=colours,
        norm=norm,
    )
    label(panel.axes, found, first, "x")
    label(panel.axes, found, second, "y")
    panel.axes.label_outer()
    return mapping


def field_of(panel: Panel, values: NDArray[Any]) -> NDArray[Any]:
    """Values of a panel over the first two keys."""
    place: Any = (slice(None), slice(None), *panel.values)
    return np.asarray(values[place], dtype=float)
