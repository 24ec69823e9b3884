"""What a run warns about at every record: mass at the edge, resolution, negativity that only a grid can make.

Several particles have few cells along each axis, so the bounds are wider there: what an automatic box leaves outside
is no news. Their resolution is announced once, before the run.
"""

from __future__ import annotations

import math

import numpy as np

from fpsolver.autogrid import REFUSE_BELOW, cells_for, moment, reach
from fpsolver.generator import Generator
from fpsolver.physics.potentials import FloatArray
from fpsolver.recorder import Record
from fpsolver.thermo.entropy import negative

EDGE_WARNING = 1e-9  # outer layers; Pi is then off by up to ten times that, relative to its scale
PURITY_ERROR = (1e-6, 1e-3)  # of one particle, of several: what a grid may add to the purity of a pure state
RESOLUTION_WARNING = 3.0  # cells for the narrowest standard deviation
# Where W must be positive, of one particle and of several, whose grids are coarse: a twentieth and a half of the mass
# are not where they are said to be. With two cells for a deviation of two particles 0.15 on the way left 4e-4 of T.
LOST_NEGATIVITY = (0.1, 1.0)
LOST_PURITY = 1.1  # of what started as a quantum state of a completely positive model, which keeps purity <= 1


def watch(
    generator: Generator,
    W: FloatArray,
    record: Record,
    edges: dict[str, float],
    time: float,
    cells: float,
    *,
    started_positive: bool = True,
) -> dict[str, str]:
    """Warnings of one record, by kind; ``cells``: its resolution. A W that starts negative may stay so for a while."""
    full = {name for name, mass in edges.items() if mass > edge_bound(generator, name)}
    found = {f"edge {name}": _edge(name, edges[name], time) for name in edges if name in full}
    if cells < (RESOLUTION_WARNING if generator.system.size == 1 else REFUSE_BELOW):
        found["resolution"] = _resolution(generator, record, cells, time)
    negativity = float(np.asarray(record["negativity"]))
    if started_positive and keeps_positive(generator) and negativity > negative(generator.system.size):
        found["negativity"] = _negative(generator, W, negativity, time)
    purity = float(np.asarray(record["purity"]))
    if purity > 1 + PURITY_ERROR[generator.system.size > 1]:
        found["purity"] = too_pure(purity, time)
    return found


def keeps_positive(generator: Generator) -> bool:
    """True if a W that starts positive stays so."""
    return generator.system.is_quadratic or generator.system.hbar == 0


def why_lost(generator: Generator, W: FloatArray, first: Record | None, time: float) -> str:
    """Why W approximates nothing any more, with the cure, or an empty string; ``first``: record of the start.

    Bounds that hold for every exact solution, not for every grid: what is beyond them has grown on the grid alone.
    """
    if not np.isfinite(W).all():
        return f"W is not finite any more at time {time:.6g}; give a smaller time.dt"
    if first is None:
        return ""
    system, grid = generator.system, generator.grid
    negativity = -2 * grid.integrate(np.minimum(W, 0.0))
    if (
        starts_positive(generator, first)
        and keeps_positive(generator)
        and negativity > LOST_NEGATIVITY[system.size > 1]
    ):
        why = "it started positive and the system is quadratic" if system.hbar else "the system is classical"
        return _lost(generator, f"int |W| - int W is {negativity:.2g} at time {time:.6g} although {why}")
    # classical: NaN; of several a purity below 1 does not tell a state, nor is one kept below it that is none
    was_state = system.size == 1 and float(np.asarray(first["purity"])) <= 1 + PURITY_ERROR[0]
    purity = (2 * math.pi * system.hbar) ** system.size * float(np.vdot(W, W)) * grid.volume
    if was_state and purity > LOST_PURITY and not system.is_time_dependent and system.is_completely_positive():
        return _lost(generator, f"the purity of W is {purity:.4g} at time {time:.6g}, and that of a state is at most 1")
    return ""


def starts_positive(generator: Generator, first: Record) -> bool:
    """True if the first record of a run is that of a positive W."""
    return float(np.asarray(first["negativity"])) <= negative(generator.system.size)


def _lost(generator: Generator, what: str) -> str:
    """With what to do about it."""
    cure = "give more grid cells, or a smaller time.dt if it was given"
    if generator.scheme.flux == "chang_cooper":
        cure = "give scheme.reversible: limited, which keeps W >= 0, or a smaller grid extent"
    return f"{what}: what the scheme has made of it means nothing; {cure}"


def too_pure(purity: float, time: float) -> str:
    """What a purity above 1 means."""
    return (
        f"{moment(time)} the purity of W is {purity:.7g}, and that of a quantum state is at most 1: the initial state "
        "is none, or the model does not hold there (cold baths, short times)"
    )


def edge_bound(generator: Generator, name: str) -> float:
    """Mass in the outer layers of an axis that is too much: for several particles, twice that of an automatic box."""
    if generator.system.size == 1:
        return EDGE_WARNING
    cells, layers = generator.grid.shape[generator.grid.names.index(name)], generator.scheme.order // 2
    nearest = reach(cells) * max(1 - 2 * layers / cells, 0.0)  # deviations from the centre to these layers
    return max(EDGE_WARNING, 2 * math.erfc(nearest / math.sqrt(2)))


def _negative(generator: Generator, W: FloatArray, negativity: float, time: float) -> str:
    """Negative W that only the grid can have made, and the cure."""
    size = f"int |W| - int W = {negativity:.2g}, min W / max W = {W.min() / W.max():.2g}"
    why = "it started positive and the system is quadratic" if generator.system.hbar else "the system is classical"
    cure = "the grid is too coarse: Pi and the Wigner entropy are undefined; give more cells"
    if generator.system.hbar == 0 and generator.system.size == 1:
        cure += ", or scheme: {flux: chang_cooper, reversible: limited}, which keeps W >= 0"
    if generator.scheme.flux == "chang_cooper":
        cure = "central face values do not keep W >= 0; give scheme.reversible: limited, or more cells"
    return f"{moment(time)} W is negative ({size}) although {why}: {cure}"


def _edge(name: str, mass: float, time: float) -> str:
    return (
        f"{moment(time)} the outer cells of axis {name} hold a mass of {mass:.2g}: the box cuts the tail "
        f"of the state; give a wider grid.{name[0]}.extent and more cells"
    )


def _resolution(generator: Generator, record: Record, cells: float, time: float) -> str:
    k = int(np.argmin(_cells_by_axis(generator, record)))
    name, n = generator.grid.names[k], generator.grid.shape[k]
    return (
        f"{moment(time)} the narrowest standard deviation of the state (mostly along {name}) spans {cells:.2g} "
        f"cells, and 4 give Pi to nine digits; give grid.{name[0]}.cells: {cells_for(n, cells)} or a smaller extent"
    )


def _cells_by_axis(generator: Generator, record: Record) -> FloatArray:
    variances = np.diag(np.asarray(record["covariance"]))
    deviations = np.sqrt(np.where(variances < 0, math.nan, variances))  # a W that blows up has any sign
    return np.nan_to_num(deviations / generator.grid.spacings, nan=np.inf)
