r"""Explicit Runge-Kutta steps, with the step taken from the fluxes' own stability limit.

Linear fluxes: the Taylor polynomial sum_k z^k/k! of order 4 (``rk4``) or 8 (``taylor8``), with the largest dt for which
dt lambda stays inside the region |sum_k z^k/k!| <= 1 for all lambda the fluxes can have. Order 8 takes 1.7 times as
long to a given time at its limit (3.4 i instead of 2.8 i for twice the stages), but its steps are as good as exact.
Limited fluxes: the third-order method of four stages that preserves strong stability (Kraaijevanger, BIT 31, 482
(1991); Spiteri and Ruuth, SIAM J. Numer. Anal. 40, 469 (2002)): a combination of explicit Euler steps of dt/2, and so
W >= 0 for dt up to twice the Euler limit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fpsolver import mirror
from fpsolver.errors import StabilityError
from fpsolver.generator import Fluxes, Generator
from fpsolver.physics import transients
from fpsolver.physics.potentials import FloatArray
from fpsolver.schemes.chang_cooper import ChangCooperFluxes

ORDERS = {"rk4": 4, "taylor8": 8}
TIME_ERROR = 2e-9  # of second moments
SAFETY = 0.96  # of the linear limit, which is sharp: wave packets in the corner of the box reach it


def _taylor(order: int) -> FloatArray:
    """Stages (keep, carry, part / dt): W + dt L (W + dt/2 L (W + dt/3 L (W + ..))), two work arrays for any order.

    For coefficients that do not change during the step, order 4 is the classical Runge-Kutta method, with half of its
    memory traffic.
    """
    return np.array([[1.0, 0.0, 1 / k] for k in range(order, 0, -1)])


RK4 = _taylor(4)
# 1 - 2/3 and not 1/3: the sum of the two numbers, which is the mass after a stage, is then exactly 1
_SSP43 = np.array([[1.0, 0.0, 1 / 2], [0.0, 1.0, 1 / 2], [2 / 3, 1 - 2 / 3, 1 / 6], [0.0, 1.0, 1 / 2]])


class RungeKutta:
    """Explicit steps of one generator with constant coefficients; owns its two work arrays.

    ``even``: of W with W(-x) = W(x), which an even generator keeps: half of the cells (:mod:`fpsolver.mirror`).
    """

    cells_at_once = 50_000_000  # 0.3 s

    def __init__(self, generator: Generator, order: int = 4, *, even: bool = False) -> None:
        self.generator = generator
        self._half = mirror.lower_half(generator) if even else None
        self._stages = _taylor(order) if generator.scheme.is_linear else _SSP43
        self._work = generator.empty_work()

    @property
    def is_half(self) -> bool:
        """True if half of the cells are computed."""
        return self._half is not None

    def advance(self, W: FloatArray, time: float, dt: float, steps: int) -> None:
        """Take ``steps`` steps of size ``dt`` from ``time``, changing the padded W in place."""
        stages = self._stages * [1.0, 1.0, dt]
        if self._half is None:
            self.generator.advance(W, self._work, time, stages, steps)
        else:
            self.generator.run(self._half, W, self._work, stages, steps)
            mirror.complete(W)


@lru_cache
def _stability_radius(order: int) -> tuple[FloatArray, FloatArray]:
    """Distance from 0 to the edge of the stability region along rays at angles pi/2..pi, in steps of 0.002.

    Looked for in steps of 0.05 first, which takes a twentieth of the time of the small ones all the way.
    """
    rays = np.linspace(np.pi / 2, np.pi, 181)
    radii = np.arange(0.002, 5.0, 0.002)
    first = np.arange(24, len(radii), 25)  # 0.05, 0.1, ..
    edge = first[_leaves(rays, radii[first][None], order)]
    near = edge[:, None] + np.arange(-24, 1)
    return rays, radii[edge - 25 + _leaves(rays, radii[near], order)]


def _leaves(rays: FloatArray, radii: FloatArray, order: int) -> np.ndarray:
    """Index of the first of these radii (1 or rays, n) at which each ray is outside the stability region."""
    z = np.exp(1j * rays)[:, None] * radii
    growth = np.ones_like(z)
    for k in range(order, 0, -1):
        growth = 1 + z / k * growth
    return np.asarray(np.argmax(np.abs(growth) > 1 + 1e-12, axis=1))


def stable_step(generator: Generator, order: int = 4) -> float:
    """Largest stable step of the explicit stepper, time; with limited fluxes the largest that keeps W >= 0.

    Coefficients that change with time: for those of every time, and two Runge-Kutta steps in each step.
    """
    if generator.system.is_time_dependent:
        return 2 * min(_stable_step(generator.fluxes_of(system), 4) for system in transients.bounds(generator.system))
    return _stable_step(generator.fluxes, order)


def _stable_step(fluxes: Fluxes, order: int) -> float:
    if isinstance(fluxes, ChangCooperFluxes) and fluxes.limited:
        return 2 * fluxes.positive_step()
    worst = 0.0
    for turn, damping in fluxes.spectrum_bounds():
        for part in (0.25, 0.5, 0.75, 1.0):  # slower places of the box see less of the drift
            radius = _radius(part * turn, damping, order)
            worst = max(worst, float((np.hypot(part * turn, damping) / radius).max()))
    return 1.0 / worst if worst > 0 else np.inf


def _radius(turn: FloatArray, damping: FloatArray, order: int) -> FloatArray:
    rays, radii = _stability_radius(order)
    return np.interp(np.arctan2(turn, -damping), rays, radii)


@dataclass(frozen=True, slots=True)
class StepSize:
    """Largest step at a given time: ``limit`` at late times, less while fast motion still matters.

    A method of order n turns a mode exp(lambda t) into exp(lambda t - lambda^(n+1) dt^n t/(n+1)!): second moments,
    which turn at up to 2 ``fastest`` and fade at ``slowest``, are then off by (2 fastest)^(n+1) dt^n / ((n+1)! slowest)
    or, where the run ends before, slowest x ``end`` of that. The step keeps this below ``error`` (measured: five times
    below) and grows as the transient fades.
    """

    limit: float
    end: float
    fastest: float = 0.0
    slowest: float = 0.0
    order: int = 4
    error: float = TIME_ERROR

    @property
    def is_constant(self) -> bool:
        """True if accuracy asks for nothing beyond stability."""
        return self.fastest == 0 or self._rate <= 0

    @property
    def _rate(self) -> float:
        """One over the time during which errors grow."""
        return max(self.slowest, 1 / self.end)

    def reconsider_at(self, time: float) -> float:
        """When to ask again: after ``time`` the step has grown by a quarter, or never if it has stopped growing."""
        stays = self.slowest <= 0 or self.at(time) == self.limit
        return math.inf if stays else time + self.order / (4 * self.slowest)

    def at(self, time: float) -> float:
        """Largest step at ``time``."""
        if self.is_constant:
            return self.limit
        n = self.order
        allowed = math.factorial(n + 1) * self.error * self._rate / (2 * self.fastest)
        accurate = math.exp(math.log(allowed) / n) / (2 * self.fastest)
        return min(self.limit, accurate * math.exp(min(self.slowest * time / n, 50.0)))

    def count(self, end: float) -> float:
        """Steps to ``end``, apart from what stops on the way add."""
        steps, time = 0.0, 0.0
        while time < end:
            stop = min(self.reconsider_at(time), end)
            steps, time = steps + (stop - time) / self.at(time), stop
        return steps


def choose_step(
    generator: Generator,
    dt: float | None,
    fastest: float = 0.0,
    slowest: float = 0.0,
    *,
    end: float,
    order: int = 4,
    error: float = TIME_ERROR,
) -> StepSize:
    """What the user asked for if it is stable, or 96 % of the limit and less while accuracy asks for it."""
    limit = stable_step(generator, order)
    if dt is None:
        return StepSize(SAFETY * limit, end, fastest, slowest, order, error)
    if dt > limit:
        what = "the stability limit of this stepper and grid" if generator.scheme.is_linear else "which keeps W >= 0"
        raise StabilityError(
            f"time.dt must not exceed {limit:.6g}, {what}, but is {dt:g}; give a smaller dt, or `auto`"
        )
    return StepSize(dt, end, order=order)
