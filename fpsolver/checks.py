r"""What else a run watches at its records: structure finer than the grid, the balance, the exact Gaussian.

Modes of the grid that alternate from cell to cell are the least damped ones that no equation has: a step or a closure
that is not quite stable makes them grow out of round-off. Their share of W is taken from the sixteenth differences of
every sixteenth line. Most of them sit in the corners of the box, where W is next to nothing: there the share is that of
the outer layers, along the wall, as soon as these hold more than they should.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np

from fpsolver.autogrid import moment
from fpsolver.generator import Generator
from fpsolver.physics import linear, transients
from fpsolver.physics.exact import Gaussian
from fpsolver.physics.potentials import FloatArray
from fpsolver.recorder import Record
from fpsolver.watch import RESOLUTION_WARNING, watch

DIFFERENCES = 16
WEIGHTS = np.array([(-1) ** m * math.comb(DIFFERENCES, m) / 2.0**DIFFERENCES for m in range(DIFFERENCES + 1)])
STRIDE = 16  # every sixteenth line is looked at
LAYERS = 4  # at the walls
CELLS = 2**16  # recorded for each time that what takes long is done: about 1 % of a run from 112^2 cells on
CORNER = 1e-3  # share there: 0.06 and more for what grows first, 1e-7 for tails of resolved states


class Bounds(NamedTuple):
    """Largest share of alternation, relative error of the balance, and error of moments in deviations."""

    alternation: float
    balance: float
    moments: float


# Ten times and more what resolved runs have, by order of the central fluxes: shares of 4e-8 at 3.3 cells for a
# deviation; balances of 1e-7 (order 8), 6e-6 (4), 3e-3 (2); moments of 1e-6 after a thousand periods. Chang-Cooper has
# 3e-5, 6e-3, 8e-3.
CENTRAL = {
    2: Bounds(1e-5, 3e-2, 1e-4),
    4: Bounds(1e-5, 1e-3, 1e-4),
    6: Bounds(1e-5, 1e-4, 1e-4),
    8: Bounds(1e-5, 1e-5, 1e-4),
}
CHANG_COOPER = Bounds(1e-3, 5e-2, 5e-2)
SEVERAL = 10  # times more for the balance of several particles: 2e-5 at 32 cells along each axis


@dataclass(eq=False)
class Checks:
    """Watches one run; with ``strict`` the first warning ends it."""

    generator: Generator
    exact: Gaussian | None = None
    slowest: float = 0.0  # rate below which entropy rates count as zero
    strict: bool = False
    _path: ExactPath | None = field(default=None, init=False)
    _left: Callable[[], dict[str, str]] = field(default=dict, init=False)

    def __post_init__(self) -> None:
        if self.exact is not None:
            self._path = ExactPath(self.exact)

    def look(
        self,
        W: FloatArray,
        record: Record,
        edges: dict[str, float],
        time: float,
        *,
        turn: int | None = None,
        started_positive: bool = True,
    ) -> dict[str, str]:
        """Warnings of one record, by kind; ``edges``: mass in the outer layers of each axis.

        A W that starts negative may stay so for a while. ``turn``, the number of the record: where steps cost next to
        nothing, what takes long is left out at most of them, for :meth:`finish`; a strict run leaves out nothing.
        """
        cells = self.generator.grid.cells_per_deviation(np.asarray(record["covariance"]))
        known = watch(self.generator, W, record, edges, time, cells, started_positive=started_positive)
        found = self._corners(W, edges, known, time) if known else {}
        look = partial(self._look, W, record, time, is_coarse=cells < RESOLUTION_WARNING)
        if turn is None or self.strict or turn % max(1, CELLS // W.size) == 0:
            found |= look()
            look = partial(dict)
        self._left = look
        return found | known

    def finish(self) -> dict[str, str]:
        """Warnings of what was left out at the last record, at the end of a run."""
        return self._left()

    def _look(self, W: FloatArray, record: Record, time: float, *, is_coarse: bool) -> dict[str, str]:
        """What takes long.

        A grid that is too coarse for the state has got its warning, and alternates without any growth.
        """
        scheme = self.generator.scheme
        bounds = CENTRAL[scheme.order] if scheme.flux == "central" else CHANG_COOPER
        found = {} if is_coarse else self._alternation(W, bounds.alternation, time)
        error = balance_error(record, self.slowest)
        if error > bounds.balance * (1 if self.generator.system.size == 1 else SEVERAL):
            found["balance"] = _unbalanced(error, time, has_moyal=bool(record.get("entropy_moyal")))
        if self._path is not None and math.isfinite(time):
            error = moment_error(record, *self._path.moments(time))
            if error > bounds.moments:
                found["moments"] = _off(error, time)
        return found

    def _alternation(self, W: FloatArray, bound: float, time: float) -> dict[str, str]:
        """Warnings about lines through the box."""
        shares = [(name, alternation(W, k, bound)) for k, name in enumerate(self.generator.grid.names)]
        return {f"alternation {name}": _alternates(name, share, time) for name, share in shares if share > bound}

    def _corners(self, W: FloatArray, edges: dict[str, float], known: dict[str, str], time: float) -> dict[str, str]:
        """Warnings about what alternates along the walls of axes whose outer layers hold too much."""
        full = [(k, name) for k, name in enumerate(self.generator.grid.names) if f"edge {name}" in known]
        shares = [(name, edge_alternation(W, k)) for k, name in full if time > 0]  # a start is what it is
        return {f"corner {name}": _grows(name, edges[name], time) for name, share in shares if share > CORNER}


class ExactPath:
    """Exact moments at one time after another: each interval of a length that was seen before costs two products."""

    def __init__(self, exact: Gaussian) -> None:
        self._system = exact.system
        self._time, self._mean, self._covariance = 0.0, exact.initial_mean, exact.initial_covariance
        self._flow = lru_cache(maxsize=4)(self._over)

    def _over(self, interval: float) -> linear.Flow:
        system = self._system
        return linear.flow(system.drift_matrix, system.force, system.diffusion_matrix, np.array([interval]))

    def moments(self, time: float) -> tuple[FloatArray, FloatArray]:
        """Mean and covariance at ``time``, which must not decrease."""
        if time == self._time:
            return self._mean, self._covariance
        if self._time < self._system.settled:
            flow = transients.between(self._system, self._time, time)
        else:
            flow = self._flow(float(f"{time - self._time:.12e}"))
        M = flow.propagator[0]
        self._mean = M @ self._mean + flow.shift[0]
        self._covariance = M @ self._covariance @ M.T + flow.noise[0]
        self._time = time
        return self._mean, self._covariance


def alternation(W: FloatArray, axis: int, bound: float = 0.0) -> float:
    """Share of W that alternates from cell to cell along an axis: 1 for (-1)^i, sin(theta/2)^16 for a wave.

    0 where sums of squares, a quarter of the work, show that it is below ``bound``.
    """
    some = [slice(STRIDE // 2, None, STRIDE)] * W.ndim
    some[axis] = slice(None)
    lines = W[tuple(some)]
    if axis < W.ndim - 1:
        lines = lines.swapaxes(axis, -1)
    lines = np.ascontiguousarray(lines)
    rest = _differences(lines)
    if rest.size * np.vdot(rest, rest) <= bound**2 * np.vdot(lines, lines):  # sum(abs(x)) from |x| to sqrt(n) |x|
        return 0.0
    return float(np.abs(rest).sum() / np.abs(lines).sum())


def edge_alternation(W: FloatArray, axis: int) -> float:
    """Share of the outer layers of an axis that alternates along the wall, at most 1."""
    layers = np.concatenate([W.take(range(LAYERS), axis), W.take(range(-LAYERS, 0), axis)], axis)
    size = float(np.abs(layers).sum())
    along = [k for k in range(W.ndim) if k != axis]
    rest = [np.abs(np.diff(layers, DIFFERENCES, k)).sum() / 2.0**DIFFERENCES for k in along]
    return float(max(rest)) / size if size > 0 else 0.0


def _differences(lines: FloatArray) -> FloatArray:
    """Sixteenth differences along the last axis, over 2^16.

    All lines in a row, without what reaches from one into the next: on small grids np.diff takes six times as long.
    """
    found = np.convolve(lines.ravel(), WEIGHTS)[: lines.size].reshape(lines.shape)
    return np.ascontiguousarray(found[..., DIFFERENCES:])


def balance_error(record: Record, slowest: float) -> float:
    """abs(dS/dt - (Pi - Phi) - Moyal term) over the largest of the rates; 0 where one of them does not exist."""
    rate, Pi, Phi, moyal = (
        float(record.get(f"entropy_{name}", 0.0)) for name in ("rate", "production", "flux", "moyal")
    )
    scale = max(abs(Pi), abs(Phi), abs(rate), abs(moyal), slowest)
    error = abs(rate - (Pi - Phi) - moyal)
    return error / scale if scale > 0 and math.isfinite(error) else 0.0


def moment_error(record: Record, mean: FloatArray, covariance: FloatArray) -> float:
    """Largest error of a moment, in exact standard deviations."""
    exact, found = covariance.tolist(), np.asarray(record["covariance"]).tolist()
    deviations = [math.sqrt(row[k]) for k, row in enumerate(exact)]
    errors = np.abs(np.asarray(record["mean"]) - mean).tolist()
    first = max(error / deviation for error, deviation in zip(errors, deviations, strict=True))
    pairs = [(i, j) for i in range(len(exact)) for j in range(i + 1)]
    second = max(abs(found[i][j] - exact[i][j]) / (deviations[i] * deviations[j]) for i, j in pairs)
    return float(max(first, second))


def _alternates(name: str, share: float, time: float) -> str:
    return (
        f"{moment(time)} {share:.2g} of W alternates from cell to cell along {name}: a mode of the grid grows, or W "
        f"has structure finer than the grid; give more grid.{name[0]}.cells, or a smaller time.dt if it was given"
    )


def _grows(name: str, mass: float, time: float) -> str:
    return (
        f"{moment(time)} what the outer cells of axis {name} hold, a mass of {mass:.2g}, alternates from cell to cell: "
        f"a mode of the grid grows; give a smaller time.dt if it was given, or a wider grid.{name[0]}.extent"
    )


def _unbalanced(error: float, time: float, *, has_moyal: bool) -> str:
    balance = "Pi - Phi + S_Moyal" if has_moyal else "Pi - Phi"
    return (
        f"{moment(time)} dS/dt and {balance} differ by {error:.2g} of the largest of them: Pi is no better than that; "
        "give more cells, or central fluxes of a higher scheme.order"
    )


def _off(error: float, time: float) -> str:
    return (
        f"{moment(time)} a mean or covariance is {error:.2g} standard deviations off the exact Gaussian; give more "
        "cells, a wider extent, or a smaller time.dt"
    )
