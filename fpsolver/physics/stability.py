"""What holds particles, whether the motion of a linear system decays, and the sentence that says why it does not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fpsolver.errors import NoSteadyStateError
from fpsolver.physics import arguments, linear
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.system import System

SLACK = 1e-12  # of the springs' stiffness: what holds less than this holds nothing


def held(system: System) -> NDArray[np.bool_]:
    """True for each particle that its potential confines, or else springs to such ones, shape (N,)."""
    potentials = [particle.potential for particle in system.particles]
    found = np.array([potential.is_confining for potential in potentials], dtype=bool)
    for group in _loose_groups(system.spring_matrix, np.flatnonzero(~found)):
        # what falls no faster than a straight line cannot pull against a spring for ever, nor a parabola a strong one
        has_bounds = all(potentials[k].is_quadratic or potentials[k].period is not None for k in group)
        found[group] = has_bounds and arguments.least_eigenvalue(_anchored(system, group)) > SLACK
    return found


def _loose_groups(springs: FloatArray, loose: NDArray[np.intp]) -> Iterator[list[int]]:
    """Particles that nothing confines, those together that springs tie to one another."""
    left = set(map(int, loose))
    while left:
        group = [left.pop()]
        for k in group:  # grows on the way
            near = left.intersection(map(int, np.flatnonzero(springs[k])))
            left -= near
            group += sorted(near)
        yield group


def _anchored(system: System, group: list[int]) -> FloatArray:
    """Stiffness matrix of some particles while all others stand still."""
    potentials = [system.particles[k].potential for k in group]
    curvatures = [float(potential.derivative(0.0, 2)) if potential.is_quadratic else 0.0 for potential in potentials]
    return np.asarray(system.spring_matrix[np.ix_(group, group)] + np.diag(curvatures))


def require_stable(system: System) -> None:
    """NoSteadyStateError, with the reason, if some motion does not decay; long chains are looked at when solved."""
    A = system.drift_matrix
    if len(A) < linear.LARGE and linear.is_stable(A):
        return
    reason = why_indefinite(system)
    if len(A) < linear.LARGE or reason:
        raise NoSteadyStateError(reason or why_not_steady(A))


def why_indefinite(system: System) -> str:
    """Sentence if potentials and springs of several particles together do not hold them, or an empty string."""
    if system.size == 1 or system.drift is not None:
        return ""
    stiffness = system.stiffness_matrix
    smallest, size = float(np.linalg.eigvalsh(stiffness)[0]), float(np.abs(stiffness).max(initial=0.0))
    if smallest > 1e-14 * size:
        return ""
    text = "are indefinite together" if smallest < -1e-14 * size else "do not hold the particles in their place"
    return (
        f"the system has no steady state: potentials and springs {text} (their stiffness matrix has the eigenvalue "
        f"{smallest:.6g})"
    )


def why_not_steady(A: FloatArray) -> str:
    """Sentence that says which motion of dx/dt = A x does not decay."""
    values = np.linalg.eigvals(A)
    worst = values[np.argmax(values.real)]
    scale = np.abs(values).max(initial=0.0)
    if np.abs(values).min() <= 1e-12 * scale:
        text = "nothing holds the position back (a free particle on the line spreads for ever)"
    elif worst.real > 1e-12 * scale:
        text = f"a motion grows at the rate {worst.real:.6g}"
    else:
        text = "nothing damps the motion"
    shown = f"{worst.real:.6g}{worst.imag:+.6g}i"
    return f"the system has no steady state: {text}; the drift matrix has the eigenvalue {shown}"
