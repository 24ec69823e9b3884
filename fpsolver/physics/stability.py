"""Whether the motion of a linear system decays, and the sentence that says why it does not."""

from __future__ import annotations

import numpy as np

from fpsolver.errors import NoSteadyStateError
from fpsolver.physics import linear
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.system import System


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
