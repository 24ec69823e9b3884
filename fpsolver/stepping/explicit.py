r"""Explicit Runge-Kutta steps, with the step taken from the fluxes' own stability limit.

Linear fluxes: the classical fourth-order method, with the largest dt for which dt lambda stays inside the region
|1 + z + z^2/2 + z^3/6 + z^4/24| <= 1 for all lambda the fluxes can have. Limited fluxes: the third-order method of
four stages that preserves strong stability (Kraaijevanger, BIT 31, 482 (1991); Spiteri and Ruuth, SIAM J. Numer.
Anal. 40, 469 (2002)): a combination of explicit Euler steps of dt/2, and so W >= 0 for dt up to twice the Euler limit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fpsolver.errors import StabilityError
from fpsolver.generator import Fluxes, Generator
from fpsolver.physics import transients
from fpsolver.physics.potentials import FloatArray
from fpsolver.schemes.chang_cooper import ChangCooperFluxes

TIME_ERROR = 2e-9
SAFETY = 0.96  # of the linear limit, which is sharp: wave packets in the corner of the box reach it


# Stages (keep, carry, part / dt): W + dt L (W + dt/2 L (W + dt/3 L (W + dt/4 L W))), for coefficients that do not
# change during the step the classical fourth-order method, with half of its memory traffic.
RK4 = np.array([[1.0, 0.0, 1 / 4], [1.0, 0.0, 1 / 3], [1.0, 0.0, 1 / 2], [1.0, 0.0, 1.0]])
_SSP43 = np.array([[1.0, 0.0, 1 / 2], [0.0, 1.0, 1 / 2], [2 / 3, 1 / 3, 1 / 6], [0.0, 1.0, 1 / 2]])


class RungeKutta:
    """Explicit steps of one generator with constant coefficients; owns its two work arrays."""

    cells_at_once = 50_000_000  # 0.3 s

    def __init__(self, generator: Generator) -> None:
        self.generator = generator
        self._stages = RK4 if generator.scheme.is_linear else _SSP43
        self._work = generator.empty_work()

    def advance(self, W: FloatArray, time: float, dt: float, steps: int) -> None:
        """Take ``steps`` steps of size ``dt`` from ``time``, changing the padded W in place."""
        self.generator.advance(W, self._work, time, self._stages * [1.0, 1.0, dt], steps)

    def compile(self) -> None:
        """Compile the kernels, or load them from the disk cache."""
        W = self.generator.empty_padded()
        self.generator.pad(np.zeros(self.generator.grid.shape), W)
        self.advance(W, 0.0, 0.0, 1)


@lru_cache
def _stability_radius() -> tuple[FloatArray, FloatArray]:
    """Distance from 0 to the edge of the stability region along rays at angles pi/2..pi."""
    rays = np.linspace(np.pi / 2, np.pi, 181)
    radii = np.arange(0.002, 3.4, 0.002)
    z = np.exp(1j * rays)[:, None] * radii
    growth = np.abs(1 + z * (1 + z / 2 * (1 + z / 3 * (1 + z / 4))))
    return rays, radii[np.argmax(growth > 1 + 1e-12, axis=1) - 1]


def stable_step(generator: Generator) -> float:
    """Largest stable step of the explicit stepper, time; with limited fluxes the largest that keeps W >= 0.

    Coefficients that change with time: for those of every time, and two Runge-Kutta steps in each step.
    """
    if generator.system.is_time_dependent:
        return 2 * min(_stable_step(generator.fluxes_of(system)) for system in transients.bounds(generator.system))
    return _stable_step(generator.fluxes)


def _stable_step(fluxes: Fluxes) -> float:
    if isinstance(fluxes, ChangCooperFluxes) and fluxes.limited:
        return 2 * fluxes.positive_step()
    worst = 0.0
    for turn, damping in fluxes.spectrum_bounds():
        for part in (0.25, 0.5, 0.75, 1.0):  # slower places of the box see less of the drift
            worst = max(worst, float((np.hypot(part * turn, damping) / _radius(part * turn, damping)).max()))
    return 1.0 / worst if worst > 0 else np.inf


def _radius(turn: FloatArray, damping: FloatArray) -> FloatArray:
    rays, radii = _stability_radius()
    return np.interp(np.arctan2(turn, -damping), rays, radii)


@dataclass(frozen=True, slots=True)
class StepSize:
    """Largest step at a given time: ``limit`` at late times, less while fast motion still matters.

    The method turns a mode exp(lambda t) into exp(lambda t - lambda^5 dt^4 t/120): second moments, which turn at up
    to 2 ``fastest`` and fade at ``slowest``, are then off by (2 fastest)^5 dt^4 / (120 slowest). The step keeps this
    below TIME_ERROR (measured: five times below) and grows as the transient fades, but costs at most three times
    the steps of the stability limit.
    """

    limit: float
    fastest: float = 0.0
    slowest: float = 0.0

    @property
    def is_constant(self) -> bool:
        """True if accuracy asks for nothing beyond stability."""
        return self.fastest == 0 or self.slowest <= 0

    def reconsider_at(self, time: float) -> float:
        """When to ask again: after ``time`` the step has grown by a quarter, or never if it has stopped growing."""
        return math.inf if self.at(time) == self.limit else time + 1 / self.slowest

    def at(self, time: float) -> float:
        """Largest step at ``time``."""
        if self.is_constant:
            return self.limit
        accurate = math.sqrt(math.sqrt(120 * TIME_ERROR * self.slowest / (2 * self.fastest) ** 5))
        grown = accurate * math.exp(min(self.slowest * time / 4, 50.0))
        return min(self.limit, max(grown, self.limit / 3))


def choose_step(generator: Generator, dt: float | None, fastest: float = 0.0, slowest: float = 0.0) -> StepSize:
    """What the user asked for if it is stable, or 96 % of the limit and less while accuracy asks for it."""
    limit = stable_step(generator)
    if dt is None:
        return StepSize(SAFETY * limit, fastest, slowest)
    if dt > limit:
        what = "the stability limit of rk4 on this grid" if generator.scheme.is_linear else "which keeps W >= 0"
        raise StabilityError(
            f"time.dt must not exceed {limit:.6g}, {what}, but is {dt:g}; give a smaller dt, or `auto`"
        )
    return StepSize(dt)
