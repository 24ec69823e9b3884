"""Figures of a sweep: curves over one key, maps over two, and phase diagrams of the verdicts."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from fpsolver.errors import UsageError
from fpsolver.plot import style, sweep_curves, sweep_maps
from fpsolver.plot.sweep_axes import Panel, number, symbol, title
from fpsolver.plot.sweep_maps import MISSING
from fpsolver.plot.sweep_quantities import drawn
from fpsolver.result import Outcome
from fpsolver.sweeps.table import Sweep

MAXIMUM_PANELS = 12
FEW = 3  # values of a key, of which a map makes fat rows and lines as many curves


class Phase(NamedTuple):
    """One kind of verdicts, by whether a model is completely positive and has detailed balance."""

    label: str
    colour: str


PHASES = (
    Phase("no result, or not known", MISSING),
    Phase("completely positive and detailed balance", style.COLOURS[2]),
    Phase("completely positive only", style.COLOURS[5]),
    Phase("detailed balance only", style.COLOURS[4]),
    Phase("neither", style.COLOURS[6]),
    Phase("classical, detailed balance", "#B8DCC9"),
    Phase("classical, no detailed balance", "#C9C9C9"),
)


def sweep_lines(found: Sweep, quantity: str = "entropy_production", *, figsize: style.Size = None) -> Figure:
    """A quantity over the first key as dots, one colour for each value of the second, exact values as thin lines.

    The lines are straight from point to point. The first two keys change places if the first has at most three values,
    and the second more.
    Of vectors and matrices one component: ``mean.p``, ``covariance.qp``, of several particles ``mean.q1``,
    ``covariance.q1p2``; particles and springs count from 1, as in ``heat_current.1``.
    """
    found = _longer_first(_sweep(found, "sweep_lines"))
    with style.settings():
        figure, panels = _panels(found, list(found.over)[2:], figsize)
        sweep_curves.draw(figure, panels, found, drawn(found, quantity))
    return figure


def sweep_map(found: Sweep, quantity: str = "entropy_production", *, figsize: style.Size = None) -> Figure:
    """A quantity (as in :func:`sweep_lines`) as colours over the first two keys, logarithmic over two decades.

    Hatched: no value.
    """
    with style.settings():
        _require_two(_sweep(found, "sweep_map"), "a map")
        figure, panels = _panels(found, list(found.over)[2:], figsize)
        sweep_maps.draw(figure, panels, found, drawn(found, quantity))
    return figure


def sweep_phases(found: Sweep, *, figsize: style.Size = None) -> Figure:
    """Where a model is completely positive and where it has detailed balance, over the first two keys."""
    with style.settings():
        _require_two(_sweep(found, "sweep_phases"), "a phase diagram")
        figure, panels = _panels(found, list(found.over)[2:], figsize)
        numbers = phase_numbers(found)
        colours = ListedColormap([phase.colour for phase in PHASES])
        for panel in panels:
            sweep_maps.draw_cells(panel, found, numbers, colours, Normalize(-0.5, len(PHASES) - 0.5))
        shown = [PHASES[number] for number in np.unique(numbers)]
        handles = [Patch(facecolor=phase.colour, edgecolor="0.4", linewidth=0.5) for phase in shown]
        figure.legend(handles, [phase.label for phase in shown], loc="outside upper left", ncols=1)
    return figure


KINDS: dict[str, Callable[..., Figure]] = {"lines": sweep_lines, "map": sweep_map, "phases": sweep_phases}


def draw(found: Sweep, kind: str, quantity: str) -> Figure:
    """One of :data:`KINDS`."""
    return sweep_phases(found) if kind == "phases" else KINDS[kind](found, quantity)


def default_kind(found: Sweep) -> str:
    """Lines for one key or few values of another, else a map."""
    return "lines" if len(found.over) == 1 or min(found.shape[:2]) <= FEW else "map"


def _longer_first(found: Sweep) -> Sweep:
    """The sweep with its first two keys exchanged where few values would make short curves, and many of them."""
    keys = list(found.over)
    if len(keys) == 1 or not found.shape[0] <= FEW < found.shape[1]:
        return found
    over = {key: found.over[key] for key in (keys[1], keys[0], *keys[2:])}
    return replace(found, over=over, data={name: np.swapaxes(each, 0, 1) for name, each in found.data.items()})


def phase_numbers(found: Sweep) -> NDArray[Any]:
    """Index into :data:`PHASES` for each run."""
    balance = found.data["satisfies_detailed_balance"] == 1
    positive = found.data.get("is_completely_positive", np.full(found.shape, np.nan)) == 1
    quantum = np.where(positive, np.where(balance, 1, 2), np.where(balance, 3, 4))
    classical = np.where(balance, 5, 6)
    numbers = np.where(np.isfinite(found.data["cp_margin"]), quantum, classical)
    is_known = found.is_good & np.isfinite(found.data["satisfies_detailed_balance"])
    return np.asarray(np.where(is_known, numbers, 0))


def _sweep(found: Any, name: str) -> Sweep:
    """What is to be drawn; UsageError if it is no sweep."""
    if isinstance(found, Sweep):
        return found
    cure = "draw results with plot.series" if isinstance(found, Outcome) else "read files with fpsolver.load_sweep"
    raise UsageError(f"plot.{name} needs a sweep, but got {type(found).__name__}; {cure}")


def _require_two(found: Sweep, kind: str) -> None:
    if len(found.over) < 2:
        raise UsageError(
            f"{kind} needs a sweep over two keys, but this one is over {next(iter(found.over))}; draw lines"
        )


def _panels(found: Sweep, keys: list[str], figsize: style.Size) -> tuple[Figure, list[Panel]]:
    """A figure with a panel for every combination of the values of ``keys``."""
    combinations = list(itertools.product(*(range(len(found.over[key])) for key in keys)))
    if len(combinations) > MAXIMUM_PANELS:
        raise UsageError(
            f"the figure would have {len(combinations)} panels for {', '.join(keys)}, and {MAXIMUM_PANELS} are the "
            "most; sweep over fewer values of them, or put keys of many values first: the first two have axes"
        )
    columns = min(len(combinations), 3)
    rows = math.ceil(len(combinations) / columns)
    figure = style.new_figure(max(3.3 * columns, 4.6), 2.9 * rows + 0.5, figsize)
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for ax in axes[len(combinations) :]:
        ax.set_axis_off()
    panels = [Panel(ax, index) for ax, index in zip(axes, combinations, strict=False)]
    for panel in panels:
        words = [f"{symbol(k)} = {number(found.over[k][i])}" for k, i in zip(keys, panel.values, strict=True)]
        style.heading(panel.axes, ", ".join(words) if words else title(found), width=45)
    return figure, panels
