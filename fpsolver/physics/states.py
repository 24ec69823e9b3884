r"""Initial states: Gaussian Wigner functions given by mean and covariance, and the uniform state of a ring."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from fpsolver.physics.baths import thermal_energy
from fpsolver.physics.potentials import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class GaussianState:
    """W = exp(-(x - mean) V^-1 (x - mean)/2) / sqrt(det 2 pi V); mean (2N,), covariance V (2N, 2N)."""

    mean: FloatArray
    covariance: FloatArray

    def values(self, coordinates: Sequence[FloatArray]) -> FloatArray:
        """Point values of W on an open mesh of coordinates (one broadcastable array for each axis)."""
        precision = np.linalg.inv(self.covariance)
        shifted = [x - x0 for x, x0 in zip(coordinates, self.mean, strict=True)]
        exponent = sum(
            precision[i, j] * (shifted[i] * shifted[j]) for i in range(len(shifted)) for j in range(len(shifted))
        )
        sigma = np.sqrt(np.diag(self.covariance))  # taken out of the determinant, which would over- or underflow
        correlation = self.covariance / np.outer(sigma, sigma)
        norm = np.prod(math.sqrt(2 * math.pi) * sigma) * math.sqrt(np.linalg.det(correlation))
        return np.asarray(np.exp(-0.5 * np.asarray(exponent)) / norm)


@dataclass(frozen=True, slots=True)
class UniformState:
    """Uniform in a periodic q of the given length, Gaussian in p with mean 0."""

    momentum_variance: float

    def values(self, coordinates: Sequence[FloatArray], length: float) -> FloatArray:
        """Point values of W on the open mesh (q, p)."""
        q, p = coordinates
        norm = length * math.sqrt(2 * math.pi * self.momentum_variance)
        return np.asarray(np.exp(-0.5 * p**2 / self.momentum_variance) / norm + 0 * q)


def gaussian(mean: ArrayLike, covariance: ArrayLike) -> GaussianState:
    """Any Gaussian."""
    return GaussianState(np.asarray(mean, dtype=float), np.asarray(covariance, dtype=float))


def product(states: Sequence[GaussianState]) -> GaussianState:
    """Independent particles: means and covariances in the order (q1..qN, p1..pN)."""
    n = len(states)
    mean, covariance = np.zeros(2 * n), np.zeros((2 * n, 2 * n))
    for k, state in enumerate(states):
        mean[[k, n + k]] = state.mean
        covariance[np.ix_([k, n + k], [k, n + k])] = state.covariance
    return GaussianState(mean, covariance)


def thermal(*, mass: float, hbar: float, beta: float, omega: float) -> GaussianState:
    """Quantum Gibbs state of an oscillator, V = (hbar/2) coth(beta hbar omega/2) diag(1/(m omega), m omega)."""
    energy = thermal_energy(hbar=hbar, omega=omega, beta=beta)
    return gaussian((0.0, 0.0), np.diag([energy / (mass * omega**2), energy * mass]))


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
    return gaussian((q, p), vacuum * np.outer(unit, unit))


def symplectic_eigenvalues(covariance: FloatArray) -> FloatArray:
    """Symplectic eigenvalues of V, smallest first; a quantum state has none below hbar/2."""
    n = len(covariance) // 2
    omega = np.block([[np.zeros((n, n)), np.eye(n)], [-np.eye(n), np.zeros((n, n))]])
    moduli = np.sort(np.abs(np.linalg.eigvals(1j * omega @ covariance)))
    return moduli[::2]
