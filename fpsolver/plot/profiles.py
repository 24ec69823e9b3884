"""Several particles along a line: temperature, energy currents and entropy production of each."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator
from numpy.typing import NDArray

from fpsolver.api import build_system
from fpsolver.errors import UsageError
from fpsolver.physics.potentials import FloatArray
from fpsolver.plot import lines, naming, style
from fpsolver.result import Outcome

MARKED = 40  # particles up to which each is a dot
MOST_TICKS = 12
BATH: dict[str, Any] = {"marker": "s", "markersize": 5, "linestyle": "none", "markerfacecolor": "none"}


@style.styled
def profile(*results: Outcome, figsize: style.Size = None) -> Figure:
    """Kinetic temperature, energy currents through springs and from baths, and Pi, particle by particle."""
    for result in results:
        if "temperature" not in result.series:
            raise UsageError("plot.profile is about several particles, and the result has one; use another kind")
    names = [f"{name}, {_moment(result)}" for name, result in zip(naming.names(results), results, strict=True)]
    labels = [style.wrapped(name) for name in names]
    figure = style.new_figure(style.COLUMN * 1.5, 6.0 + style.legend_height(labels), figsize)
    axes = figure.subplots(3, 1, sharex=True)
    for index, result in enumerate(results):
        _draw_temperature(axes[0], result, style.line(index))
        _draw_currents(axes[1], result, style.line(index))
        _draw_production(axes[2], result, style.line(index))
    axes[0].set_ylabel("temperature (energy)")
    style.tag_above(axes[0], r"$\langle p^2\rangle/m$, squares: baths")
    axes[1].set_ylabel("current (energy/time)")
    style.tag_above(axes[1], "through springs, squares: from baths")
    axes[2].set_ylabel(r"$\Pi$ (1/time)")
    style.tag_above(axes[2], r"$\Pi$ of each particle")
    axes[2].set_xlabel("particle")
    axes[2].xaxis.set_major_locator(FixedLocator(ticks(max(len(r.series["temperature"][-1]) for r in results))))
    figure.align_ylabels(axes)
    handles = [Line2D([], [], **style.line(index)) for index in range(len(results))]
    figure.legend(handles, labels, loc="outside upper left")
    return figure


def ticks(count: int) -> list[int]:
    """Every particle, every second, or particle 1 and then round numbers."""
    if count <= 2 * MOST_TICKS:
        return list(range(1, count + 1, 1 if count <= MOST_TICKS else 2))
    power = 10 ** int(math.log10(count / MOST_TICKS))
    step = next(s * power for s in (1, 2, 5, 10) if s * power >= max(5, count / MOST_TICKS))
    return [1, *range(step, count + 1, step)]


def _moment(result: Outcome) -> str:
    time = float(result.series["time"][-1])
    return f"{f't = {time:.4g}' if math.isfinite(time) else 'steady state'}{naming.status(result)}"


def _line(ax: Axes, x: NDArray[Any], values: FloatArray, look: dict[str, Any]) -> None:
    marker = "o" if len(values) <= MARKED else ""
    ax.plot(x, np.where(np.isfinite(values), values, np.nan), marker=marker, linewidth=1.1, **look)


def _draw_temperature(ax: Axes, result: Outcome, look: dict[str, Any]) -> None:
    values = result.series["temperature"][-1]
    _line(ax, np.arange(1, len(values) + 1), values, look)
    for k, particle in enumerate(build_system(result.config).particles, start=1):
        if particle.bath.beta:
            ax.plot([k], [1 / particle.bath.beta], color=look["color"], **BATH)


def _draw_currents(ax: Axes, result: Outcome, look: dict[str, Any]) -> None:
    """Currents through springs between neighbours at the middle of the spring, taken to the right."""
    system = build_system(result.config)
    current, heat = result.series["spring_current"][-1], result.series["heat_current"][-1]
    between = [(s.first + s.second) / 2 + 1 for s in system.couplings]
    rightwards = [value if s.first < s.second else -value for s, value in zip(system.couplings, current, strict=True)]
    order = np.argsort(between, kind="stable")
    _line(ax, np.array(between)[order], np.array(rightwards)[order], look)
    for k, particle in enumerate(system.particles):
        if particle.bath.model != "none":
            ax.plot([k + 1], [heat[k]], color=look["color"], **BATH)
    lines.mark_zero(ax)


def _draw_production(ax: Axes, result: Outcome, look: dict[str, Any]) -> None:
    values = result.series["entropy_production_particle"][-1]
    _line(ax, np.arange(1, len(values) + 1), values, look)
    if not np.isfinite(values).any():
        style.note(ax, rf"$\Pi$ is {result.reasons.get('entropy_production', 'not finite')}", width=60)
    lines.mark_zero(ax)
