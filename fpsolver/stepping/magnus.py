r"""Explicit steps for coefficients that change with time: a commutator-free Magnus step of order four.

Each step of length h is two Runge-Kutta steps of h/2 with constant coefficients, averaged over the whole step
(:mod:`fpsolver.physics.transients`). The kernels see constant coefficients only, and need no second path.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fpsolver.generator import Generator
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.transients import Settling
from fpsolver.stepping.explicit import RK4, TIME_ERROR, StepSize, choose_step


class Magnus:
    """Steps of a time-dependent generator; once its coefficients have settled, pairs of Runge-Kutta steps."""

    cells_at_once = 25_000_000  # two steps of Runge-Kutta in each: 0.3 s

    def __init__(self, generator: Generator) -> None:
        self.generator = generator
        self._work = generator.empty_work()

    def advance(self, W: FloatArray, time: float, dt: float, steps: int) -> None:
        """Take ``steps`` steps of size ``dt`` from ``time``, changing the padded W in place."""
        generator, stages = self.generator, RK4 * [1.0, 1.0, dt / 2]
        taken = 0
        while taken < steps and time + taken * dt < generator.system.settled:
            for half in generator.system.averaged(time + taken * dt, dt):
                generator.run(generator.fluxes_of(half), W, self._work, stages, 1)
            taken += 1
        if taken < steps:
            generator.run(generator.fluxes, W, self._work, stages, 2 * (steps - taken))


@dataclass(frozen=True, slots=True)
class MagnusStepSize:
    """Largest step at a given time: two ``halves`` of Runge-Kutta, less while coefficients change quickly.

    ``settling``: None for a step that the user has chosen.
    """

    halves: StepSize
    settling: Settling | None = None

    @property
    def limit(self) -> float:
        """Step at late times."""
        return 2 * self.halves.limit

    def at(self, time: float) -> float:
        """Largest step at ``time``."""
        step = 2 * self.halves.at(time)
        return step if self.settling is None else min(step, self.settling.step(time, TIME_ERROR))

    def reconsider_at(self, time: float) -> float:
        """When to ask again: soon while coefficients change, then as the halves want it."""
        if self.settling is not None and self.settling.step(time, TIME_ERROR) < 2 * self.halves.at(time):
            return time + 8 * self.at(time)
        return self.halves.reconsider_at(time)


def choose_magnus_step(
    generator: Generator, dt: float | None, fastest: float, slowest: float, end: float
) -> MagnusStepSize:
    """What the user asked for if it is stable with the coefficients of every time, or what accuracy allows."""
    if dt is not None:
        return MagnusStepSize(StepSize(choose_step(generator, dt, end=end).limit / 2, end))
    settling = Settling(generator.system)
    halves = choose_step(generator, None, max(fastest, settling.fastest), slowest, end=end)
    return MagnusStepSize(replace(halves, limit=halves.limit / 2), settling)
