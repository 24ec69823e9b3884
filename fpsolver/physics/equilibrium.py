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
