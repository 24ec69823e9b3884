r"""Cat and Fock states as sums of complex Gaussians, whose evolution under quadratic systems is exact.

    W(x) = Re sum_k w_k N(x; mu_k, V_k),     N(x; mu, V) = exp(-(x - mu) V^-1 (x - mu)/2) / sqrt(det 2 pi V),

with complex w, mu and V. A flow x -> M x + m + noise of covariance C takes every term to N(x; M mu + m, M V M^T + C).

Cat: |a><b| of two coherent states is <b|a> N(x; (sqrt(hbar/2mw) (a + b*), -i sqrt(hbar mw/2) (a - b*)), Sigma0),
Sigma0 = (hbar/2) diag(1/mw, mw). Fock: the generating function of the Laguerre polynomials gives (residue at z = 0)

    W_n(x) = 1/(2 pi i) oint dz z^-(n+1) (1 - z)^-1 N(x; 0, Sigma0 (1 + z)/(1 - z)),

and the trapezoidal rule on a circle makes it such a sum, with an error that falls geometrically.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fpsolver.physics import transients
from fpsolver.physics.gaussian_states import GaussianState, gaussian, vacuum_covariance
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.system import System

EIGHTH_ORDER = (math.prod(range(1, 16, 2)) / 2**8) ** (1 / 16)  # 1.752/s is <k^16>^(1/16) of a Gaussian of deviation s
CIRCLE = 3.0  # exp(3) digits of round-off are lost for each term being small: radius exp(-3/n)
DIRECTIONS = 16


@dataclass(frozen=True, slots=True, eq=False)
class GaussianSum:
    """W = Re sum_k exp(log_weights_k) N(x; means_k, covariances_k), complex; shapes (K,), (K, 2N), (K, 2N, 2N).

    ``packets``: Gaussians that cover the state together; ``finest``: covariance of a Gaussian as fine as the finest
    structure of W (docs/states.md). ``omega``: frequency of the oscillator it is made of, if it is one.
    """

    log_weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    packets: tuple[GaussianState, ...]
    finest: FloatArray
    omega: float | None

    @property
    def mean(self) -> FloatArray:
        """Mean of x, shape (2N,)."""
        return np.asarray((np.exp(self.log_weights) @ self.means).real)

    @property
    def covariance(self) -> FloatArray:
        """Covariance matrix, shape (2N, 2N)."""
        second = self.covariances + self.means[:, :, None] * self.means[:, None, :]
        mean = self.mean
        return np.asarray(np.tensordot(np.exp(self.log_weights), second, 1).real - np.outer(mean, mean))

    def values(self, coordinates: Sequence[FloatArray]) -> FloatArray:
        """Point values of W on an open mesh of coordinates (one broadcastable array for each axis)."""
        if len(coordinates) == 2:
            return self._sum(coordinates)
        first, *others = coordinates  # of several particles row by row: complex numbers of all cells would not fit
        return np.concatenate([self._sum((row, *others)) for row in np.split(first, len(first))])

    def _sum(self, coordinates: Sequence[FloatArray]) -> FloatArray:
        n, out = len(coordinates) // 2, np.zeros(np.broadcast_shapes(*(x.shape for x in coordinates)))
        for log_weight, mean, V in zip(self.log_weights, self.means, self.covariances, strict=True):
            P = np.linalg.inv(V)
            x = [x - x0 for x, x0 in zip(coordinates, mean, strict=True)]
            squares = sum(P[i, i] * x[i] ** 2 for i in range(2 * n))
            mixed = sum(P[i, j] * (x[i] * x[j]) for i, j in itertools.combinations(range(2 * n), 2))
            # eigenvalues have positive real parts: the product of their roots is the right branch of sqrt(det V)
            norm = log_weight - n * math.log(2 * math.pi) - 0.5 * np.log(np.linalg.eigvals(V)).sum()
            with np.errstate(under="ignore"):
                out += np.exp(norm - 0.5 * squares - mixed).real
        return out

    def evolved(self, system: System, time: float) -> GaussianSum:
        """The state after ``time`` under a quadratic system; UsageError for anharmonic potentials."""
        flow = transients.flow(system, np.array([time]))
        M, shift, C = flow.propagator[0], flow.shift[0], flow.noise[0]
        packets = tuple(gaussian(M @ g.mean + shift, M @ g.covariance @ M.T + C) for g in self.packets)
        covariances = M @ self.covariances @ M.T + C
        finest = M @ self.finest @ M.T + C
        return GaussianSum(self.log_weights, self.means @ M.T + shift, covariances, packets, finest, self.omega)


def cat(*, mass: float, hbar: float, separation: float, omega: float, phase: float = 0.0) -> GaussianSum:
    r"""Superposition of two coherent packets, psi ~ packet(+separation/2) + e^(i phase) packet(-separation/2).

    The fringes between the packets have the wavelength 2 pi hbar/separation along p.
    """
    a, V = separation / 2 * math.sqrt(mass * omega / (2 * hbar)), vacuum_covariance(mass=mass, hbar=hbar, omega=omega)
    overlap = -2 * a**2  # ln <b|a>
    log_norm = math.log(2) + math.log(cat_norm(mass=mass, hbar=hbar, separation=separation, omega=omega, phase=phase))
    q, p = separation / 2, mass * omega * separation / 2
    log_weights = np.array([0, 0, overlap - 1j * phase, overlap + 1j * phase]) - log_norm
    means = np.array([[q, 0], [-q, 0], [0, -1j * p], [0, 1j * p]])
    packets = tuple(gaussian((sign * q, 0.0), V) for sign in (1, -1))
    finest = np.diag([V[0, 0], _fringes(V[1, 1], separation / hbar)])
    return GaussianSum(log_weights, means, np.array([V] * 4, dtype=complex), packets, finest, omega)


def cat_norm(*, mass: float, hbar: float, separation: float, omega: float, phase: float) -> float:
    """1 + cos(phase) exp(-separation^2 m omega/4 hbar): near 0 nothing is left of the superposition."""
    squared = separation**2 * mass * omega / (4 * hbar)
    return 2 * math.cos(phase / 2) ** 2 + math.cos(phase) * math.expm1(-squared)


def fock(*, mass: float, hbar: float, n: int, omega: float) -> GaussianSum:
    r"""Energy eigenstate of an oscillator, W_n = (-1)^n L_n(2 r^2) exp(-r^2)/(pi hbar), r^2 = x Sigma0^-1 x/2."""
    V = vacuum_covariance(mass=mass, hbar=hbar, omega=omega)
    radius = math.exp(-CIRCLE / max(n, 1))
    points = n + math.ceil(40 * max(n, 1) / CIRCLE)  # aliases are exp(-40) of the sum
    z = radius * np.exp(2j * np.pi * (np.arange(points) + 0.5) / points)
    log_weights = -n * np.log(z) - np.log(1 - z) - math.log(points)
    covariances = V * ((1 + z) / (1 - z))[:, None, None]
    turning = math.sqrt(4 * n + 2) - math.sqrt(2)  # radius in deviations of the vacuum; 0 for n = 0
    angles = 2 * math.pi * np.arange(DIRECTIONS) / DIRECTIONS if n else [0.0]
    centres = [turning * np.sqrt(np.diag(V)) * (math.cos(angle), math.sin(angle)) for angle in angles]
    packets = tuple(gaussian(centre, V) for centre in centres)
    return GaussianSum(log_weights, np.zeros((points, 2)), covariances, packets, V * _rings(n), omega)


def _fringes(variance: float, wave_number: float) -> float:
    """Variance of a Gaussian with the same <k^16> as a cat: half of abs(chi)^2 is at k = 0, half at +- wave_number."""
    nodes, weights = np.polynomial.hermite.hermgauss(9)  # exact up to degree 17
    fringe = wave_number * math.sqrt(variance)  # k in units of 1/deviation: its 16th power exists in any units
    at_zero, at_fringe = (weights @ (k + nodes) ** 16 for k in (0.0, fringe))
    moment = (at_zero + at_fringe) / (2 * math.sqrt(math.pi))
    return float(variance * EIGHTH_ORDER**2 / moment ** (1 / 8))


def _rings(n: int) -> float:
    """The same for Fock n in any direction, over that of the vacuum: abs(chi)^2 = L_n(v)^2 exp(-v), v = k Sigma0 k."""
    j = np.arange(n + 5)
    v = np.diag(2 * j + 1.0) - np.diag(j[1:], 1) - np.diag(j[1:], -1)  # v times Laguerre polynomials
    start = np.zeros(n + 5)
    start[n] = 1.0
    moment = float(((v @ v @ v @ v @ start) ** 2).sum()) * math.comb(16, 8) / 2**16  # <v^8> <cos^16>
    return float(EIGHTH_ORDER**2 / moment ** (1 / 8))
