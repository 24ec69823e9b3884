"""What a system is made of: particles, springs between them, and the oscillators of Husimi windows, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fpsolver.errors import UsageError
from fpsolver.physics import arguments
from fpsolver.physics.baths import Bath
from fpsolver.physics.potentials import Potential


def coordinate_names(count: int) -> tuple[str, ...]:
    """Names of the axes of ``count`` particles: q, p or q1, .., p1, .."""
    if count == 1:
        return ("q", "p")
    return tuple(f"{letter}{k + 1}" for letter in "qp" for k in range(count))


@dataclass(frozen=True, slots=True)
class Particle:
    """One degree of freedom: mass, potential U(q) and its own bath."""

    mass: float
    potential: Potential
    bath: Bath

    def __post_init__(self) -> None:
        object.__setattr__(self, "mass", arguments.positive("mass", self.mass))
        if not callable(getattr(self.potential, "minima", None)):
            raise UsageError(
                "potential must be one of fpsolver.physics.potentials, or an object made complete by "
                f"fpsolver.physics.custom.as_potential, but is {arguments.shown(self.potential)}"
            )
        bath: object = self.bath  # of the user's own: has the attributes of one
        if not (isinstance(bath, Bath) or hasattr(bath, "memory")):
            raise UsageError(
                "bath must be one of fpsolver.physics.baths (none() for no bath), or an object made complete by "
                f"fpsolver.physics.custom.as_bath, but is {arguments.shown(bath)}"
            )


@dataclass(frozen=True, slots=True)
class Coupling:
    """A spring of energy stiffness (q_i - q_j)^2 / 2 between two particles, given by their numbers."""

    first: int
    second: int
    stiffness: float

    def __post_init__(self) -> None:
        ends = [arguments.whole("the number of a coupled particle", k, 0) for k in (self.first, self.second)]
        if ends[0] == ends[1]:
            raise UsageError(f"a coupling must tie two different particles, but ties particle {ends[0]} to itself")
        object.__setattr__(self, "stiffness", arguments.finite("stiffness", self.stiffness))


def springs_between(couplings: Any, count: int) -> tuple[Coupling, ...]:
    """Couplings between particles that are there."""
    springs = arguments.items("couplings", couplings, Coupling)
    last = max((max(spring.first, spring.second) for spring in springs), default=0)
    if last >= count:
        raise UsageError(f"couplings must be between particles 0 to {count - 1}, but one ties particle {last}")
    return springs


def windows(omegas: Any) -> tuple[float | None, ...]:
    """Frequencies of the Husimi windows; how many there are is looked at where they are used."""
    if not isinstance(omegas, list | tuple):
        raise UsageError(
            f"husimi_omegas must be a tuple, a frequency or None for each particle, but is {arguments.shown(omegas)}"
        )
    return tuple(None if omega is None else arguments.positive("a husimi_omega", omega) for omega in omegas)
