"""Particles that nothing but springs to others holds: which these are, and where they get."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from fpsolver.physics import arguments
from fpsolver.physics.potentials import FloatArray, Potential
from fpsolver.physics.system import System

SHARES = np.linspace(0.0, 0.95, 20)  # of the energy that is in springs; wells need a little of it to have a width
TAIL = 6.0  # deviations of a state that count
SLACK = 1e-12  # of the springs' stiffness: what holds less than this holds nothing


def held(system: System) -> NDArray[np.bool_]:
    """True for each particle that its potential confines, or else springs to such ones, shape (N,)."""
    potentials = [particle.potential for particle in system.particles]
    found = np.array([potential.is_confining for potential in potentials], dtype=bool)
    for group in tied(system.spring_matrix, np.flatnonzero(~found)):
        # what falls no faster than a straight line cannot pull against a spring for ever, nor a parabola a strong one
        has_bounds = all(potentials[k].is_quadratic or potentials[k].period is not None for k in group)
        found[group] = has_bounds and arguments.least_eigenvalue(anchored(system, group)) > SLACK
    return found


def is_bound(system: System) -> bool:
    """True if the energy grows without bound wherever the particles go: all are held, and springs that push apart lose.

    What grows no faster than a parabola has to win against them while all others, which grow faster, stand still.
    """
    potentials = [particle.potential for particle in system.particles]
    slow = [k for k, potential in enumerate(potentials) if potential.is_quadratic or potential.period is not None]
    return bool(held(system).all()) and (not slow or arguments.least_eigenvalue(anchored(system, slow)) > SLACK)


def tied(springs: FloatArray, members: Iterable[int]) -> Iterator[list[int]]:
    """Those of some particles together that springs tie to one another."""
    left = set(map(int, members))
    while left:
        group = [left.pop()]
        for k in group:  # grows on the way
            near = left.intersection(map(int, np.flatnonzero(springs[k])))
            left -= near
            group += sorted(near)
        yield group


def anchored(system: System, group: Sequence[int]) -> FloatArray:
    """Stiffness matrix of some particles while all others stand still."""
    potentials = [system.particles[k].potential for k in group]
    curvatures = [float(potential.derivative(0.0, 2)) if potential.is_quadratic else 0.0 for potential in potentials]
    return np.asarray(system.spring_matrix[np.ix_(group, group)] + np.diag(curvatures))


class Tether:
    """How the loose particles of a system, all of them held, hang on the confined ones."""

    def __init__(self, system: System) -> None:
        self.system = system
        confined = np.array([particle.potential.is_confining for particle in system.particles], dtype=bool)
        self.loose, self.anchors = np.flatnonzero(~confined), np.flatnonzero(confined)
        potentials = [system.particles[k].potential for k in self.loose.tolist()]
        self.stiffness = anchored(system, self.loose.tolist())
        self._softness = np.linalg.inv(self.stiffness)
        self._pull = -self._softness @ system.spring_matrix[np.ix_(self.loose, self.anchors)]
        self._rest = self._softness @ np.array([_force(potential) for potential in potentials])
        self._corrugation = sum(map(_corrugation, potentials))

    def reach(self, energy: float) -> FloatArray:
        """Outermost positions (.., 2) of the loose particles with so much energy above the bottom of all wells."""
        ends = []
        onwards, back = self._pull.clip(min=0), self._pull.clip(max=0)
        anchors = [self.system.particles[k].potential for k in self.anchors.tolist()]
        for share in SHARES:
            wells = [potential.range_below((1 - share) * energy) for potential in anchors]
            low, high = np.array(wells).T
            far = np.sqrt(2 * (share * energy + self._corrugation) * self._softness.diagonal())
            ends.append((onwards @ low + back @ high - far, onwards @ high + back @ low + far))
        lows, highs = np.array(ends).swapaxes(0, 1)
        return np.asarray(np.stack([lows.min(axis=0), highs.max(axis=0)], axis=-1) + self._rest[:, None])

    def start_energy(self, mean: FloatArray, covariance: FloatArray) -> float:
        """Energy that the loose particles of a Gaussian have, 6 deviations from its mean."""
        n, deviations = self.system.size, np.sqrt(np.diag(covariance))
        stretch = np.abs(mean[self.loose] - self._pull @ mean[self.anchors] - self._rest)
        stretch += TAIL * deviations[self.loose]
        p = np.abs(mean[n + self.loose]) + TAIL * deviations[n + self.loose]
        kinetic = (p**2 / (2 * self.system.masses[self.loose])).sum()
        return float(kinetic + (self.stiffness.diagonal() * stretch**2).sum() / 2)


def pulls(system: System) -> bool:
    """True if a particle that springs alone hold is driven by a constant force, which their other ends feel too."""
    loose = (p.potential for p in system.particles if not p.potential.is_confining)
    return system.size > 1 and any(_force(potential) != 0 for potential in loose)


def _force(potential: Potential) -> float:
    """Constant part of the force of a potential that springs can hold against."""
    return -float(potential.derivative(0.0)) if potential.is_quadratic else potential.tilt


def _corrugation(potential: Potential) -> float:
    """Height of a periodic potential without its slope."""
    if potential.is_quadratic:
        return 0.0
    q = np.linspace(0.0, potential.period or 0.0, 1001)
    return float(np.ptp(potential.energy(q) + potential.tilt * q))
