r"""Classical fourth-order Runge-Kutta steps, with the step taken from the stencils' own stability limit.

The symbol of the discretised generator at angles (a, b), coefficients frozen at their largest values, is

    lambda = -i [v_q k1(a)/h_q + v_p k1(b)/h_p] - [D_qq k2(a)/h_q^2 + D_pp k2(b)/h_p^2 + 2 D_qp k1(a) k1(b)/(h_q h_p)],

k1 and k2 the symbols of the central first and second derivatives. The step is the largest dt for which all
dt lambda stay inside the region |1 + z + z^2/2 + z^3/6 + z^4/24| <= 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fpsolver.errors import StabilityError
from fpsolver.generator import Generator
from fpsolver.kernels import stencils
from fpsolver.physics.potentials import FloatArray

TIME_ERROR = 2e-9
SAFETY = 0.96  # of the linear limit, which is sharp: wave packets in the corner of the box reach it
_ANGLES = np.linspace(0.0, np.pi, 65)


class RungeKutta4:
    """Steps of one generator; owns its two work arrays.

    W + dt L (W + dt/2 L (W + dt/3 L (W + dt/4 L W))): for coefficients that do not change during the step this is
    the classical fourth-order method, with half of its memory traffic.

    A time-dependent generator will take two such steps with averaged coefficients for each of its own (a
    commutator-free Magnus step), so that the kernels need no second path.
    """

    def __init__(self, generator: Generator) -> None:
        self.generator = generator
        self._work = np.stack([generator.empty_padded(), generator.empty_padded()])

    def advance(self, W: FloatArray, time: float, dt: float, steps: int) -> None:
        """Take ``steps`` steps of size ``dt`` from ``time``, changing the padded W in place."""
        parts = dt / np.array([4.0, 3.0, 2.0, 1.0])
        self.generator.advance(W, self._work, time, parts, 1.0, steps)

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
    """Largest stable step of the explicit stepper, time."""
    system, order = generator.system, generator.scheme.order
    q_axis, p_axis = generator.grid.axes
    q, p = q_axis.centres, p_axis.centres
    A, D = system.dissipative_drift, system.diffusion_matrix / 2
    particle = system.particles[0]
    v_q = np.abs((1 / particle.mass + A[0, 1]) * p).max() + np.abs(A[0, 0] * q).max()
    v_p = np.abs(particle.potential.derivative(q) - A[1, 0] * q).max() + np.abs(A[1, 1] * p).max()
    odd, even = _symbols(order)
    odd_q, odd_p = (odd / q_axis.spacing)[:, None], odd / p_axis.spacing
    spread = D[0, 0] * (even / q_axis.spacing**2)[:, None] + D[1, 1] * even / p_axis.spacing**2
    turn = v_q * np.abs(odd_q) + v_p * np.abs(odd_p)
    decay = spread - 2 * np.abs(D[0, 1] * odd_q * odd_p)
    worst = 0.0
    for damping in (decay.clip(min=0), spread + 2 * np.abs(D[0, 1] * odd_q * odd_p)):
        for part in (0.25, 0.5, 0.75, 1.0):  # slower places of the box see less of the drift
            worst = max(worst, float((np.hypot(part * turn, damping) / _radius(part * turn, damping)).max()))
    return 1.0 / worst if worst > 0 else np.inf


def _radius(turn: FloatArray, damping: FloatArray) -> FloatArray:
    rays, radii = _stability_radius()
    return np.interp(np.arctan2(turn, -damping), rays, radii)


def _symbols(order: int) -> tuple[FloatArray, FloatArray]:
    first, second = stencils.first_derivative(order), stencils.second_derivative(order)
    odd = sum(2 * c * np.sin(m * _ANGLES) for m, c in enumerate(first, start=1))
    even = sum(2 * e * (1 - np.cos(m * _ANGLES)) for m, e in enumerate(second, start=1))
    return np.asarray(odd), np.asarray(even)


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
        raise StabilityError(
            f"time.dt must not exceed {limit:.6g}, the stability limit of rk4 on this grid, but is {dt:g}; "
            "give a smaller dt, or `auto`"
        )
    return StepSize(dt)
