r"""How far a Gaussian steady state of one particle is from equilibrium: temperatures of q and of p, Gibbs states.

In a harmonic well m omega^2 <q^2> and <p^2>/m (centred) are the temperatures that equipartition would read off. The
Gibbs covariances are diag(1/(m omega^2), m)/beta and, quantum, E diag(1/(m omega^2), m) with
E = (hbar omega/2) coth(beta hbar omega/2). Distance between Gaussians: their relative entropy

    int W ln(W/G) = [Tr(V_G^-1 V) - n + ln(det V_G/det V) + d V_G^-1 d] / 2,   d = difference of the means, n = 2N.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fpsolver.physics import baths
from fpsolver.physics.exact import SteadyState
from fpsolver.physics.gaussian_states import GaussianState
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.system import System


@dataclass(frozen=True, slots=True)
class Temperatures:
    """Energies (k_B = 1): of position and momentum, of the bath, and of the quantum oscillator in equilibrium."""

    position: float
    momentum: float
    bath: float | None
    quantum: float | None


def temperatures(steady: SteadyState) -> Temperatures | None:
    """Effective temperatures of a steady state in a harmonic well; None without a well."""
    system = steady.system
    particle, V = system.particles[0], steady.covariance
    stiffness = _stiffness(system)
    if system.size != 1 or stiffness <= 0:
        return None
    beta, quantum = particle.bath.beta, None
    if beta is not None:
        omega = float(np.sqrt(stiffness / particle.mass))
        quantum = baths.thermal_energy(hbar=system.hbar, omega=omega, beta=beta)
    bath = None if beta is None else 1 / beta
    return Temperatures(float(stiffness * V[0, 0]), float(V[1, 1] / particle.mass), bath, quantum)


def gibbs_covariance(system: System, temperature: float) -> FloatArray:
    """Covariance diag(T/(m omega^2), m T) of one particle in a harmonic well, shape (2, 2)."""
    return temperature * np.diag([1 / _stiffness(system), system.particles[0].mass])


def relative_entropy(difference: FloatArray, covariance: FloatArray, reference: FloatArray) -> float:
    """Relative entropy int W ln(W/G) of Gaussians, dimensionless; ``difference`` of their means, shape (2N,)."""
    precision = np.linalg.inv(reference)
    shape = np.trace(precision @ covariance) - len(covariance)
    volume = np.linalg.slogdet(reference)[1] - np.linalg.slogdet(covariance)[1]
    return float(shape + volume + difference @ precision @ difference) / 2


def distance_to_gibbs(steady: SteadyState, temperature: float) -> float:
    """Relative entropy of a steady state to the Gibbs state of this temperature in the same well."""
    system = steady.system
    force = float(system.particles[0].potential.derivative(np.zeros(1))[0])
    rest = np.array([-force / _stiffness(system), 0.0])
    return relative_entropy(steady.mean - rest, steady.covariance, gibbs_covariance(system, temperature))


def _stiffness(system: System) -> float:
    """U'' of a quadratic potential."""
    return float(system.particles[0].potential.derivative(np.zeros(1), 2)[0])


NOT_THERMAL = "undefined: "
NO_BETA = NOT_THERMAL + "the baths have no common temperature"
NO_WELL = NOT_THERMAL + "nothing confines the particles, so that there is no thermal state"
NO_FORM = NOT_THERMAL + "the quantum thermal state of an anharmonic potential has no closed form"


def common_beta(system: System) -> float | None:
    """Inverse temperature of the baths, 1/energy; None if one of them has none or they differ."""
    known = {p.bath.beta for p in system.particles if p.bath.model != "none"}
    beta = known.pop() if len(known) == 1 else None
    return beta if system.drift is None and system.diffusion is None else None


def thermal_state(system: System) -> GaussianState | None:
    """Gibbs state exp(-beta H)/Z at the common temperature of the baths, springs included; None if there is none.

    V = diag(K^-1 E, M E), E(w) = (hbar w/2) coth(beta hbar w/2) of each normal mode; 1/beta for hbar = 0.
    """
    beta, n = common_beta(system), system.size
    if beta is None or not system.is_quadratic:
        return None
    stiffness = system.stiffness_matrix
    root = np.sqrt(system.masses)
    squares, modes = np.linalg.eigh(stiffness / np.outer(root, root))
    if not squares[0] > 1e-12 * abs(squares[-1]):
        return None
    energies = np.array([baths.thermal_energy(hbar=system.hbar, omega=float(np.sqrt(w)), beta=beta) for w in squares])
    V = np.zeros((2 * n, 2 * n))
    V[:n, :n] = (modes * (energies / squares)) @ modes.T / np.outer(root, root)
    V[n:, n:] = (modes * energies) @ modes.T * np.outer(root, root)
    mean = np.concatenate([np.linalg.solve(stiffness, system.force[n:]), np.zeros(n)])
    return GaussianState(mean, V)


def why_not_thermal(system: System) -> str:
    """Reason why there is no Gaussian thermal state, or an empty string."""
    if common_beta(system) is None:
        return NO_BETA
    if not system.is_quadratic:
        return NO_FORM
    return NO_WELL if thermal_state(system) is None else ""
