r"""Systems whose coefficients change with time: steps that resolve them, and moments of Gaussians.

A step of length h is a commutator-free Magnus step of order four: two halves with coefficients averaged over the step,
so that exp(h L_2/2) exp(h L_1/2) is the propagator up to O(h^5) (:meth:`fpsolver.physics.system.System.averaged`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np

from fpsolver.errors import UsageError
from fpsolver.physics import linear
from fpsolver.physics.linear import Flow
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.system import System

MAGNUS_ERROR = 0.015  # times h^4 x variation x fastest rate: measured, relative error of the moments
EXACT_ERROR = 1e-12
TERMS = 34  # 2**34/34! = 6e-29: half a step of 1/(fastest rate), balanced
MOST_STEPS = 20_000  # seven seconds


@dataclass(frozen=True, eq=False)
class Settling:
    """Which Magnus steps resolve the coefficients of a time-dependent system."""

    system: System

    @cached_property
    def fastest(self) -> float:
        """Fastest rate of the system, early or late, 1/time."""
        matrices = [self.system.at(time).drift_matrix for time in (0.0, math.inf)]
        return float(max(np.abs(np.linalg.eigvals(A)).max() for A in matrices))

    def step(self, time: float, error: float) -> float:
        """Largest step at ``time`` for this relative error of the moments."""
        variation = max(memory.variation(time) for memory in self.system.memories) * self.fastest
        return math.sqrt(math.sqrt(error / (MAGNUS_ERROR * max(variation, 1e-300))))


def flow(system: System, times: FloatArray) -> Flow:
    """How a system moves from 0 to ``times`` (T,), in any order, for coefficients of any kind; relative error 1e-12."""
    if not system.is_time_dependent:
        return linear.flow(system.drift_matrix, system.force, system.diffusion_matrix, times)
    if not len(times):
        n = 2 * system.size
        return Flow(np.empty((0, n, n)), np.empty((0, n)), np.empty((0, n, n)))
    wanted, places = np.unique(times, return_inverse=True)
    early, late = wanted[wanted < system.settled], wanted[wanted >= system.settled]
    found = _early_flow(system, [0.0, *early, *([system.settled] if len(late) else [])])
    if len(late):
        last = system.at(system.settled)
        rest = linear.flow(last.drift_matrix, last.force, last.diffusion_matrix, late - system.settled)
        found = _followed(found, rest)
    return Flow(found.propagator[places], found.shift[places], found.noise[places])


def between(system: System, start: float, stop: float) -> Flow:
    """How a time-dependent system moves from ``start``, before it has settled, to ``stop``."""
    found = _early_flow(system, [start, min(stop, system.settled)])
    if stop <= system.settled:
        return found
    rest = linear.flow(system.drift_matrix, system.force, system.diffusion_matrix, np.array([stop - system.settled]))
    return _followed(found, rest)


def _followed(first: Flow, rest: Flow) -> Flow:
    """The times of ``first`` but the last, and those of ``rest`` that start from there."""
    M, shift, noise = rest.propagator, rest.shift, rest.noise
    end = (first.propagator[-1], first.shift[-1], first.noise[-1])
    moved = (M @ end[0], M @ end[1] + shift, M @ end[2] @ M.transpose(0, 2, 1) + noise)
    pairs = zip((first.propagator, first.shift, first.noise), moved, strict=True)
    return Flow(*(np.concatenate([a[:-1], b]) for a, b in pairs))


def _early_flow(system: System, stops: list[float]) -> Flow:
    """Flow to all ``stops`` but the first, by Magnus steps between them."""
    steps, ends = _steps(system, stops)
    halves = [(half, step / 2) for start, step in steps for half in system.averaged(start, step)]
    n = 2 * system.size
    M, m, C = np.eye(n), np.zeros(n), np.zeros((n, n))
    found = [(M, m, C)]
    for A, shift, noise in _short_flows(system, halves):
        M, m, C = A @ M, A @ m + shift, A @ C @ A.T + noise
        found.append((M, m, C))
    return Flow(*(np.array(values) for values in zip(*(found[end] for end in ends), strict=True)))


def _short_flows(
    system: System, halves: list[tuple[System, float]]
) -> Iterator[tuple[FloatArray, FloatArray, FloatArray]]:
    """Propagator, shift and noise of each half, by Taylor series for all of them at once (steps are short)."""
    if not halves:
        return
    s = linear.balance(system.drift_matrix)
    A = np.array([half.drift_matrix for half, _ in halves]) * s / s[:, None]
    spread = np.array([half.diffusion_matrix for half, _ in halves]) / np.outer(s, s)
    push = np.array([half.force for half, _ in halves])[:, :, None] / s[:, None]
    tau = np.array([step for _, step in halves])[:, None, None]
    power, weight = np.broadcast_to(np.eye(len(s)), A.shape), np.ones_like(tau)
    M, m, C = np.zeros_like(A), np.zeros_like(push), np.zeros_like(A)
    for k in range(TERMS):
        M += weight * power
        weight = weight * tau / (k + 1)
        C += weight * spread
        m += weight * push
        half = A @ spread
        power, spread, push = A @ power, half + half.transpose(0, 2, 1), A @ push
    yield from zip(M * s[:, None] / s, m[:, :, 0] * s, C * np.outer(s, s), strict=True)


def _steps(system: System, stops: list[float]) -> tuple[list[tuple[float, float]], list[int]]:
    """Starts and lengths of Magnus steps, and how many halves there are up to each stop but the first."""
    settling, ends = Settling(system), []
    steps: list[tuple[float, float]] = []
    for start, stop in pairwise(stops):
        time = start
        while time < stop:
            count = math.ceil((stop - time) / min(settling.step(time, EXACT_ERROR), 1 / settling.fastest))
            steps.append((time, (stop - time) / count))
            time = time + steps[-1][1] if count > 1 else stop
            _refuse_endless(len(steps), system)
        ends.append(2 * len(steps))
    return steps, ends


def bounds(system: System) -> list[System]:
    """Systems frozen at 0, at late times, and with the largest coefficients of all times together."""
    times = np.append(0.0, np.geomspace(1e-3, 1.0, 60) * system.settled)
    found = [system.at(time) for time in times]
    names = ("eta", "d_qq", "d_pp", "d_qp", "stiffness")
    largest = []
    for k, particle in enumerate(system.particles):
        baths = [frozen.particles[k].bath for frozen in found]
        values = {name: max((getattr(bath, name) for bath in baths), key=abs) for name in names}
        largest.append(replace(particle, bath=replace(particle.bath, memory=None, **values)))
    return [found[0], found[-1], system.derived(particles=tuple(largest))]


def _refuse_endless(steps: int, system: System) -> None:
    if steps > MOST_STEPS:
        raise UsageError(
            f"the bath remembers for a time of {system.settled:.3g}, and following its coefficients takes more than "
            f"{MOST_STEPS} steps; give a number for time.until, a higher temperature or a larger cutoff"
        )
