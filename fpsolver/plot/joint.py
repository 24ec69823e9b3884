"""Several particles: W reduced onto coordinates of two of them, which shows how they are correlated."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fpsolver import views
from fpsolver.errors import FpsolverWarning, UsageError
from fpsolver.physics import arguments
from fpsolver.plot import naming, panels, phase_space, snapshots, style
from fpsolver.result import Result

Pair = tuple[str, str]
ROUND_OFF = 1e-6  # of a correlation: that of the grid


@style.styled
def joint(
    *results: Result,
    pairs: Sequence[Pair] | None = None,
    time: float | None = None,
    times: Sequence[float] | None = None,
    figsize: style.Size = None,
) -> Figure:
    """W of several particles reduced onto two coordinates: a row for each result (and time), a column for each pair.

    ``pairs``: names of coordinates, as in [("q1", "p2")]; otherwise the positions, and the momenta, of every two
    particles. ``time``, ``times``: stored snapshots instead of the final W, as in :func:`wigner`. Panels of a column
    share view and colours, and tell the correlation of the two coordinates. Two coordinates of different particles
    commute, so that their W is a probability density.
    """
    wanted = snapshots.wanted("plot.joint", time, times)
    for text in snapshots.doubts(results, wanted):
        warnings.warn(text, FpsolverWarning, stacklevel=3)  # of the caller: styled is between
    shown = [snapshots.nearest(result, t) for result in results for t in wanted] or list(results)
    names = [name for name in naming.names(results) for _ in range(max(len(wanted), 1))]
    return _figure(shown, names, _all_pairs(results[0]) if pairs is None else _checked(pairs, results[0]), figsize)


def _all_pairs(result: Result) -> list[Pair]:
    """Positions of every two particles, then momenta."""
    n = len(result.grid.axes) // 2
    return [
        pair for names in (result.grid.names[:n], result.grid.names[n:]) for pair in itertools.combinations(names, 2)
    ]


def _checked(pairs: Any, result: Result) -> list[Pair]:
    """UsageError for what the result has not."""
    known = result.grid.names
    found = [tuple(pair) if isinstance(pair, tuple | list) else () for pair in pairs] if np.iterable(pairs) else []
    if not found or any(len(set(pair)) != 2 or len(pair) != 2 or not set(pair) <= set(known) for pair in found):
        raise UsageError(
            f"pairs must be a list of two different coordinates each, out of {', '.join(known)}, but is "
            f"{arguments.shown(pairs)}; give for example [({known[0]!r}, {known[-1]!r})]"
        )
    return [(pair[0], pair[1]) for pair in found]


def _figure(shown: Sequence[Result], names: Sequence[str], pairs: Sequence[Pair], figsize: style.Size) -> Figure:
    if any(len(result.grid.axes) != len(shown[0].grid.axes) for result in shown):
        raise UsageError("plot.joint draws results of the same number of particles together; draw them one by one")
    figure = style.new_figure(3.1 * len(pairs) + 0.3, 2.6 * len(shown) + 0.3, figsize)
    axes = figure.subplots(len(shown), len(pairs), squeeze=False, sharex="col", sharey="col")
    for k, pair in enumerate(pairs):
        _draw_column(figure, axes[:, k], [views.onto(result, pair) for result in shown], pair)
    width = max(int(12 * (figure.get_figwidth() / len(pairs) - 1)), 12)  # not over the colours, which all rows share
    for ax, result, name in zip(axes[:, 0], shown, names, strict=True):
        style.heading(ax, f"{name}, {panels.moment(result)}", width=width)
    return figure


def _draw_column(figure: Figure, column: Any, shown: Sequence[Result], pair: Pair) -> None:
    """One pair of coordinates of all results, with its colours."""
    mapping, box = phase_space.colours(shown), phase_space.view(shown)
    for ax, result in zip(column, shown, strict=True):
        phase_space.draw_density(ax, result, mapping, box)
        ax.set(xlabel=_label(pair[0]), ylabel=_label(pair[1]))
        _tell_correlation(ax, result)
    for ax in column[:-1]:
        ax.set_xlabel("")
    figure.colorbar(mapping, ax=list(column), label=_density(pair), aspect=25 * len(column), pad=0.02)


def _tell_correlation(ax: Axes, result: Result) -> None:
    """Correlation coefficient of the two coordinates, where they have one: not on a ring."""
    if not any(axis.periodic for axis in result.grid.axes) and math.isfinite(found := views.correlation(result)):
        style.tag(
            ax, "uncorrelated" if abs(found) < ROUND_OFF else f"correlation {found:+.3g}".replace("-", "\N{MINUS SIGN}")
        )


def _label(name: str) -> str:
    return f"{'position' if name[0] == 'q' else 'momentum'} ${name[0]}_{{{name[1:]}}}$"


def _density(pair: Pair) -> str:
    units = {"q": "length", "p": "momentum"}
    first, second = (units[name[0]] for name in pair)
    unit = rf"1/{first}$^2$" if first == second else "1/action"
    symbols = ", ".join(f"{name[0]}_{{{name[1:]}}}" for name in pair)
    return rf"$W({symbols})$ ({unit})"
