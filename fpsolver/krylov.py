r"""The steady state of several particles without following the transient: GMRES on the flow of explicit steps.

The matrix of four axes is too large to be factored, but P = exp(L T), a number of steps, needs none, and
keeps the steady state: (1 - P) W = 0. From a start W the correction d solves

    (1 - P) d = (P - 1) W

by GMRES (Saad and Schultz, SIAM J. Sci. Stat. Comput. 7, 856 (1986)): of all combinations of W, P W, .., P^m W of mass
one, W + d changes least in the time T. P has damped whatever is fast, and a slow mode far from the others, such as the
way between two wells, costs one more application of P and not a lifetime: 250 instead of 1200 units of time where the
wells level out at a rate of 0.018 (docs/many.md).

For linear forces the start is the exact steady state, of which the grid leaves little to be corrected.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from fpsolver import mirror
from fpsolver.errors import ConvergenceError, GridError
from fpsolver.generator import Generator
from fpsolver.kernels.axes import PAD
from fpsolver.physics.exact import steady
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.states import GaussianState
from fpsolver.physics.system import System
from fpsolver.physics.timescales import effective_temperature, exchange_rate, is_divided, linear_rates
from fpsolver.stepping.explicit import SAFETY, RungeKutta, stable_step

BASIS = 20  # directions, arrays of the size of W: fewer forget slow modes, more take memory
WINDOW = 1.0  # T, in lifetimes of small motions
DECADE = 6.5  # lifetimes of small motions for a tenth of the distance, measured (docs/many.md)
DECADES_OF_THE_GRID = 4.0  # by which the exact steady state is nearer than another start
FALL = 0.9  # of the residual in a cycle, above which it is round-off
GROWTH = 0.01  # of the rate of small motions, above which a mode grows; resolved states have none
SPARE = 0.1  # of what is asked for, within a cycle, where the residual is only predicted

Told = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class SteadyState:
    """W of mass one, its distance to the exact null vector in L1, estimated from the residual and the slowest ``rate``.

    And the ``time`` that was stepped through.
    """

    W: FloatArray
    distance: float
    rate: float
    time: float
    steps: int


@dataclass(slots=True)
class Flow:
    """P = exp(L T) by explicit steps, on W without halos; told of each group of them."""

    generator: Generator
    stepper: RungeKutta
    dt: float
    steps: int
    told: Told
    padded: FloatArray = field(init=False)
    taken: int = 0

    def __post_init__(self) -> None:
        self.padded = self.generator.empty_padded()

    @property
    def window(self) -> float:
        """T."""
        return self.dt * self.steps

    @property
    def time(self) -> float:
        """Time that was stepped through so far."""
        return self.dt * self.taken

    def change(self, W: FloatArray) -> FloatArray:
        """(P - 1) W."""
        self.generator.pad(W, self.padded)
        group, left = max(1, self.stepper.cells_at_once // W.size), self.steps
        while left > 0:
            count = min(group, left)
            self.stepper.advance(self.padded, 0.0, self.dt, count)
            left, self.taken = left - count, self.taken + count
            self.told(self.time)
        return np.asarray(self.padded[..., PAD:-PAD] - W)


def null_vector(generator: Generator, rate: float, tolerance: float, most: float, told: Told) -> SteadyState:
    """The steady state of mass one, to ``tolerance`` in L1, or as near as it came in steps through the time ``most``.

    ``rate``: the slowest of the system, estimated; a slower one that shows in W counts instead, 1/time. ``told`` is
    called with the time that was stepped through.
    """
    W, volume, seen = start(generator), generator.grid.volume, 0.0
    flow = _flow(generator, W, told)
    residual = float(np.abs(generator.apply(W)).sum() * volume)
    while residual > tolerance * rate and flow.time < most:
        directions = max(1, min(BASIS, int((most - flow.time) / flow.window) - 1))
        better, seen = _cycle(flow, W, directions, SPARE * tolerance * rate / residual)
        better /= better.sum() * volume
        rate = min(rate, seen) if seen > 0 else rate
        before, residual = residual, float(np.abs(generator.apply(better)).sum() * volume)
        if not residual < FALL * before:
            residual = before
            break
        W = better
    if residual <= tolerance * rate:
        _refuse_growth(generator, -seen)
    return SteadyState(W, residual / rate, rate, flow.time, flow.taken)


def start(generator: Generator) -> FloatArray:
    """What the search starts from, of mass one: the exact steady state, or exp(-H/T) of the hottest particle."""
    system, grid = generator.system, generator.grid
    if system.is_quadratic:
        found = steady(system)
        W = GaussianState(found.mean, found.covariance).values(grid.coordinates)
    else:
        energy = _energy(system, grid.coordinates)
        W = np.exp((energy.min() - energy) / effective_temperature(system))
    mass = float(W.sum() * grid.volume)
    if not mass > 0:
        raise GridError("the steady state falls between the cells, where W = 0; give more cells, or a smaller extent")
    W /= mass
    return mirror.evened(W) if mirror.can_halve(generator) else W


def safe_rate(system: System, rate: float) -> float:
    """The slowest rate for :func:`null_vector`, from that of a plan; ConvergenceError for wells that exchange nothing.

    The plan goes by the hottest particle. A cold one between its wells may be so much slower that its residual is
    below what the tolerance allows, and the search would end before it saw the wrong populations.
    """
    if system.is_quadratic:
        return rate
    if is_divided(system):
        raise ConvergenceError(
            f"several states are stationary: wells level out at the rate {exchange_rate(system):.2g} only, where rates "
            f"of the system are near {linear_rates(system)[0]:.2g}; which one a run reaches depends on where it "
            "starts, so use time.method: stepping with an initial state, or a lower barrier"
        )
    return min(rate, exchange_rate(system))


def predicted_time(system: System, rate: float, tolerance: float) -> float:
    """Time that will be stepped through, within a factor of two; ``rate``: the slowest, 1/time."""
    decades = max(-math.log10(tolerance) - (DECADES_OF_THE_GRID if system.is_quadratic else 0.0), 1.0)
    return decades * min(DECADE / linear_rates(system)[1], math.log(10) / rate)


def _flow(generator: Generator, W: FloatArray, told: Told) -> Flow:
    window = WINDOW / linear_rates(generator.system)[1]
    steps = math.ceil(window / (SAFETY * stable_step(generator)))
    even = mirror.is_even_state(W) and mirror.can_halve(generator)
    return Flow(generator, RungeKutta(generator, even=even), window / steps, steps, told)


def _energy(system: System, coordinates: tuple[FloatArray, ...]) -> FloatArray:
    """H of all particles and springs, at the cells."""
    n, total = system.size, np.zeros(())
    for i, particle in enumerate(system.particles):
        q, p = coordinates[i], coordinates[n + i]
        total = total + particle.potential.energy(q) + p**2 / (2 * particle.mass)
        for j in range(n):
            total = total + system.spring_matrix[i, j] / 2 * (q * coordinates[j])
    return np.asarray(total)


def _cycle(flow: Flow, W: FloatArray, directions: int, enough: float) -> tuple[FloatArray, float]:
    """W + d, of so many directions at most, and the slowest rate of what moves; ``enough``: part of the residual."""
    first = flow.change(W)
    size = math.sqrt(_dot(first, first))
    if size == 0:
        return W.copy(), 0.0
    basis, H = [first / size], np.zeros((directions + 1, directions))
    for m in range(1, directions + 1):
        direction = -flow.change(basis[-1])
        for i, earlier in enumerate(basis):
            H[i, m - 1] = _dot(earlier, direction)
            direction -= H[i, m - 1] * earlier
        H[m, m - 1] = math.sqrt(_dot(direction, direction))
        wanted = np.eye(m + 1)[0]
        weights = np.linalg.lstsq(H[: m + 1, :m], wanted)[0]
        if np.linalg.norm(H[: m + 1, :m] @ weights - wanted) < enough or H[m, m - 1] == 0 or m == directions:
            break
        basis.append(direction / H[m, m - 1])
    found = W.copy()
    for weight, direction in zip(weights, basis, strict=True):
        found += size * weight * direction
    return found, _slowest(H[:m, :m], flow.window)


def _slowest(H: FloatArray, window: float) -> float:
    """Slowest rate among the eigenvalues 1 - exp(-rate T) of 1 - P in the basis, 1/time; negative if one grows."""
    largest = float(np.abs(1 - np.linalg.eigvals(H)).max())
    return -math.log(largest) / window if largest > 0 else 0.0


def _refuse_growth(generator: Generator, growth: float) -> None:
    """ConvergenceError for a null vector that no run would stay at."""
    if growth > GROWTH * linear_rates(generator.system)[1]:
        raise ConvergenceError(
            f"no steady state: near what is stationary a mode grows at the rate {growth:.2g}, on a grid too coarse for "
            "the state, as a rule; give more cells, or time.method: stepping with a number for time.until"
        )


def _dot(a: FloatArray, b: FloatArray) -> float:
    """Without BLAS, whose last bits depend on its number of threads."""
    return float(np.einsum("i,i", a.ravel(), b.ravel()))
