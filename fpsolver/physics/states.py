r"""Initial states: Gaussians, the uniform state of a ring, Fock and cat states, arrays, and products of them."""

from __future__ import annotations

import math

import numpy as np

from fpsolver.physics.baths import thermal_energy
from fpsolver.physics.gaussian_states import GaussianState, LocalState, UniformState, gaussian, vacuum_covariance
from fpsolver.physics.nongaussian import GaussianSum, cat, cat_norm, fock
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.product_states import ProductState, product
from fpsolver.physics.tabulated import TabulatedState, tabulated

__all__ = [
    "GaussianState",
    "GaussianSum",
    "LocalState",
    "ProductState",
    "TabulatedState",
    "UniformState",
    "cat",
    "cat_norm",
    "coherent",
    "fock",
    "gaussian",
    "product",
    "squeezed",
    "symplectic_eigenvalues",
    "tabulated",
    "thermal",
    "vacuum_covariance",
]


def __dir__() -> list[str]:
    """What completion offers: the public names only."""
    return __all__


def thermal(*, mass: float, hbar: float, beta: float, omega: float) -> GaussianState:
    """Quantum Gibbs state of an oscillator, V = (hbar/2) coth(beta hbar omega/2) diag(1/(m omega), m omega)."""
    energy = thermal_energy(hbar=hbar, omega=omega, beta=beta)
    return gaussian((0.0, 0.0), np.diag([energy / (mass * omega**2), energy * mass]), omega)


def coherent(*, mass: float, hbar: float, q: float, p: float, omega: float) -> GaussianState:
    """Coherent state of an oscillator, its vacuum displaced to (q, p): V = (hbar/2) diag(1/(m omega), m omega)."""
    return squeezed(mass=mass, hbar=hbar, q=q, p=p, omega=omega)


def squeezed(
    *, mass: float, hbar: float, q: float, p: float, omega: float, r: float = 0.0, theta: float = 0.0
) -> GaussianState:
    """Displaced squeezed vacuum of an oscillator; r = 0 is a coherent state, theta = 0 squeezes q.

    In vacuum units (q in sqrt(hbar/2 m omega), p in sqrt(hbar m omega/2)) V = R(theta) diag(e^-2r, e^2r) R^T.
    """
    c, s = math.cos(theta), math.sin(theta)
    rotation = np.array([[c, -s], [s, c]])
    vacuum = rotation @ np.diag([math.exp(-2 * r), math.exp(2 * r)]) @ rotation.T
    unit = np.array([math.sqrt(hbar / (2 * mass * omega)), math.sqrt(hbar * mass * omega / 2)])
    return gaussian((q, p), vacuum * np.outer(unit, unit), omega)


def symplectic_form(n: int) -> FloatArray:
    """Omega = [[0, 1], [-1, 0]] of n particles, shape (2n, 2n)."""
    return np.block([[np.zeros((n, n)), np.eye(n)], [-np.eye(n), np.zeros((n, n))]])


def symplectic_eigenvalues(covariance: FloatArray) -> FloatArray:
    """Symplectic eigenvalues of V, smallest first; a quantum state has none below hbar/2."""
    moduli = np.sort(np.abs(np.linalg.eigvals(1j * symplectic_form(len(covariance) // 2) @ covariance)))
    return moduli[::2]
