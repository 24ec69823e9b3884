r"""Gaussian Wigner functions, the uniform state of a ring, and what all states can be asked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from fpsolver.errors import UsageError
from fpsolver.physics import arguments
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.readonly import read_only

ASYMMETRY = 1e-9  # of a covariance, which may come from a measurement or from a long computation


class LocalState(Protocol):
    """Any state of a particle on the line, Gaussian or not."""

    @property
    def mean(self) -> FloatArray:
        """Mean of x, shape (2N,)."""

    @property
    def covariance(self) -> FloatArray:
        """Covariance matrix, shape (2N, 2N)."""

    @property
    def packets(self) -> tuple[GaussianState, ...]:
        """Gaussians that cover the state together."""

    @property
    def finest(self) -> FloatArray:
        """Covariance of a Gaussian as fine as the finest structure of W, shape (2N, 2N)."""

    @property
    def omega(self) -> float | None:
        """Frequency of the oscillator whose state it is, if it is known."""

    def values(self, coordinates: Sequence[FloatArray]) -> FloatArray:
        """Point values of W on an open mesh of coordinates."""


@dataclass(frozen=True, slots=True, eq=False)
class GaussianState:
    """W = exp(-(x - mean) V^-1 (x - mean)/2) / sqrt(det 2 pi V); mean (2N,), covariance V (2N, 2N)."""

    mean: FloatArray
    covariance: FloatArray
    omega: float | None = None

    @property
    def packets(self) -> tuple[GaussianState, ...]:
        """Gaussians that cover the state: itself."""
        return (self,)

    @property
    def finest(self) -> FloatArray:
        """Finest structure of W: its covariance."""
        return self.covariance

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


def gaussian(mean: ArrayLike, covariance: ArrayLike, omega: float | None = None) -> GaussianState:
    """Any Gaussian; UsageError for moments that none has."""
    return GaussianState(*checked_moments(mean, covariance), omega)


def checked_moments(mean: ArrayLike, covariance: ArrayLike, size: int | None = None) -> tuple[FloatArray, FloatArray]:
    """Read-only copies of moments that a Gaussian of ``size`` coordinates can have; UsageError for any others."""
    x, V = arguments.real_array("mean", mean), arguments.real_array("covariance", covariance)
    n = x.size if size is None else size
    if x.shape != (n,) or V.shape != (n, n) or not n:
        raise UsageError(f"mean and covariance must be {n} and {n} x {n}, but are {x.shape} and {V.shape}")
    if not np.isfinite(x).all():
        raise UsageError(f"the mean must be finite, but is {arguments.shown(x.tolist())}")
    is_finite = bool(np.isfinite(V).all())
    if not (is_finite and arguments.is_symmetric(V, ASYMMETRY) and arguments.least_eigenvalue(V) > 0):
        raise UsageError(
            f"the covariance must be symmetric and positive definite, but is {arguments.shown(V.tolist())}"
        )
    return read_only(x.copy()), read_only(V.copy())


def vacuum_covariance(*, mass: float, hbar: float, omega: float) -> FloatArray:
    """Covariance of the ground state of an oscillator, (hbar/2) diag(1/(m omega), m omega)."""
    return hbar / 2 * np.diag([1 / (mass * omega), mass * omega])
