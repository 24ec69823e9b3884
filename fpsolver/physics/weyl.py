r"""States given as arrays: wave functions and density matrices on a uniform q grid, and their Weyl transform.

    W(q, p) = 1/(2 pi hbar) int ds exp(-i p s/hbar) rho(q + s/2, q - s/2).

Between its points a wave function is the Fourier sum through them, and zero beyond the ends; the integral over s is a
trapezoidal sum. Both are accurate to round-off if the array resolves the state and holds all of it, which is checked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from fpsolver.errors import UsageError
from fpsolver.physics.gaussian_states import GaussianState
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.structure import corner_packets, finest_structure

NORM_ERROR = 1e-6  # more than that, and the array is not what its owner thinks it is
CUT = 1e-10  # probability density at the ends of the grid, and of the momenta it resolves, relative to the largest
SUPPORT = 1e-15  # relative probability density below which the state counts as absent
RANK = 1e-14  # eigenvalues of rho that are left out
LARGEST_TRIAL = 512


@dataclass(frozen=True, eq=False)
class SampledState:
    """Mixture sum_k weights_k abs(psi_k><psi_k) of wave functions on a uniform grid: q (N,), psi (K, N), weights (K,).

    Made by :func:`wavefunction` and :func:`density_matrix`, which check what they are given.
    """

    q: FloatArray
    psi: np.ndarray
    weights: FloatArray
    hbar: float
    omega: float | None = None

    @property
    def spacing(self) -> float:
        """Distance of the points."""
        return float((self.q[-1] - self.q[0]) / (len(self.q) - 1))

    @cached_property
    def wave_numbers(self) -> FloatArray:
        """Wave numbers of the Fourier sums, shape (N,)."""
        return 2 * math.pi * np.fft.fftfreq(len(self.q), self.spacing)

    @cached_property
    def amplitudes(self) -> np.ndarray:
        """Fourier amplitudes, psi_k(q) = sum_m amplitudes_km exp(i wave_numbers_m (q - q_0)), shape (K, N)."""
        return np.asarray(np.fft.fft(self.psi, axis=1) / len(self.q))

    @cached_property
    def probabilities(self) -> tuple[FloatArray, FloatArray]:
        """Probabilities of the positions and of the momenta hbar k, each of sum 1."""
        of_q = self.weights @ np.abs(self.psi) ** 2
        of_p = self.weights @ np.abs(self.amplitudes) ** 2
        return of_q / of_q.sum(), of_p / of_p.sum()

    @cached_property
    def mean(self) -> FloatArray:
        """Mean of x, shape (2,)."""
        of_q, of_p = self.probabilities
        return np.array([of_q @ self.q, of_p @ (self.hbar * self.wave_numbers)])

    @cached_property
    def covariance(self) -> FloatArray:
        """Covariance matrix, shape (2, 2)."""
        of_q, of_p = self.probabilities
        q, p = self.q - self.mean[0], self.hbar * self.wave_numbers - self.mean[1]
        slope = np.fft.ifft(p * np.fft.fft(self.psi, axis=1), axis=1)  # (p - <p>) psi
        cross = float((self.weights @ (self.psi.conj() * q * slope).sum(axis=1)).real) * self.spacing
        return np.array([[of_q @ q**2, cross], [cross, of_p @ p**2]])

    def values(self, coordinates: Sequence[FloatArray]) -> FloatArray:
        """Point values of W on an open mesh of coordinates (q, p)."""
        q, p = np.ravel(coordinates[0]), np.ravel(coordinates[1])
        d, hbar = self.spacing, self.hbar
        # momenta beyond the mesh come back at p - 2 pi hbar/step: the step keeps them off it
        step = min(d, 2 * math.pi * hbar / (float(np.abs(p).max()) + math.pi * hbar / d))
        s = step * np.arange(math.ceil(len(self.q) * d / step) + 1)
        correlation = self._correlation(q, s)
        correlation[:, 1:] *= 2  # s < 0 gives the complex conjugate
        return np.asarray((correlation @ np.exp(-1j / hbar * np.outer(s, p))).real) * (step / (2 * math.pi * hbar))

    def _correlation(self, q: FloatArray, s: FloatArray) -> np.ndarray:
        """Rho(q + s/2, q - s/2) for all pairs, shape (len(q), len(s))."""
        low, high = self.q[0] - self.spacing / 2, self.q[-1] + self.spacing / 2
        reach = np.minimum(q - low, high - q)[:, None]
        at = np.exp(1j * np.outer(q - self.q[0], self.wave_numbers))
        half = np.exp(0.5j * np.outer(self.wave_numbers, s))
        total = np.zeros((len(q), len(s)), dtype=complex)
        for weight, amplitude in zip(self.weights, self.amplitudes, strict=True):
            spread = at * amplitude
            total += weight * (spread @ half) * (spread @ half.conj()).conj()
        return np.where(s / 2 <= reach, total, 0.0)

    @cached_property
    def box(self) -> FloatArray:
        """Rows (low, high) of q and p outside which nothing is left of the state, shape (2, 2)."""
        rows = []
        for x, density in zip((self.q, self.hbar * self.wave_numbers), self.probabilities, strict=True):
            inside = x[density > SUPPORT * density.max()]
            rows.append((inside.min(), inside.max()))
        return np.array(rows)

    @cached_property
    def finest(self) -> FloatArray:
        """Covariance of a Gaussian as fine as the finest structure of W, from W on a trial grid, shape (2, 2)."""
        widths = np.diff(self.box).ravel()
        cells = min(math.ceil(2 * widths[0] * widths[1] / (math.pi * self.hbar)) + 16, LARGEST_TRIAL)
        lines = [np.linspace(low, high, cells, endpoint=False) for low, high in self.box]
        return finest_structure(self.values((lines[0][:, None], lines[1][None, :])), widths)

    @cached_property
    def packets(self) -> tuple[GaussianState, ...]:
        """Gaussians as narrow as the finest structure that cover the corners of the box."""
        return corner_packets(self.box, self.finest)

    @property
    def smallest_weight(self) -> float:
        """Smallest eigenvalue of rho that is not round-off: negative for what is no quantum state."""
        return float(self.weights.min())


def wavefunction(q: ArrayLike, psi: ArrayLike, *, hbar: float) -> SampledState:
    """Pure state from psi (N,) at equally spaced q (N,), normalised to int abs(psi)^2 dq = 1 within 1e-6.

    UsageError, with the cure, for arrays that do not fit, are not normalised, or do not hold the whole state.
    """
    points, values = _grid(q), np.asarray(psi, dtype=complex)
    if values.shape != points.shape or not np.isfinite(values).all():
        raise UsageError(f"psi must have a finite value at each of the {len(points)} points q, but is {values.shape}")
    d = float(points[1] - points[0])
    norm = _norm(float((np.abs(values) ** 2).sum()) * d, "int abs(psi)^2 dq", "psi by its square root")
    return _checked(SampledState(points, values[None] / math.sqrt(norm), np.ones(1), hbar))


def density_matrix(q: ArrayLike, rho: ArrayLike, *, hbar: float) -> SampledState:
    """State from rho(q_i, q_j), shape (N, N), at equally spaced q (N,), Hermitian, of trace sum rho_ii dq = 1."""
    points, values = _grid(q), np.asarray(rho, dtype=complex)
    if values.shape != (len(points), len(points)) or not np.isfinite(values).all():
        raise UsageError(f"rho must be {len(points)} x {len(points)} and finite, but is {values.shape}")
    require_hermitian(values)
    d = float(points[1] - points[0])
    norm = _norm(float(np.trace(values).real) * d, "the trace sum rho_ii dq", "rho by it")
    weights, vectors = np.linalg.eigh(values * (d / norm))
    kept = np.abs(weights) > RANK
    return _checked(SampledState(points, vectors.T[kept] / math.sqrt(d), weights[kept], hbar))


def require_hermitian(rho: np.ndarray) -> None:
    """UsageError if rho is not its own conjugate transpose to 1e-8."""
    defect = float(np.abs(rho - rho.conj().T).max()) / max(float(np.abs(rho).max()), 1e-300)
    if defect > 1e-8:
        raise UsageError(f"rho must be Hermitian, but differs from its conjugate transpose by {defect:.2g} of its size")


def _grid(q: ArrayLike) -> FloatArray:
    points = np.asarray(q, dtype=float)
    if points.ndim != 1 or len(points) < 16 or not np.isfinite(points).all():
        raise UsageError(f"q must be a list of at least 16 finite numbers, but has the shape {points.shape}")
    steps = np.diff(points)
    if not steps.min() > 0 or np.ptp(steps) > 1e-6 * steps.mean():
        raise UsageError("q must increase in equal steps; interpolate the state to a uniform grid first")
    return np.linspace(points[0], points[-1], len(points))


def _norm(norm: float, name: str, divide: str) -> float:
    if not abs(norm - 1) <= NORM_ERROR:
        raise UsageError(f"the state must be normalised, but {name} is {norm:.9g}; divide {divide}")
    return norm


def _checked(state: SampledState) -> SampledState:
    of_q, of_p = state.probabilities
    ends = max(of_q[0], of_q[-1]) / of_q.max()
    if ends > CUT:
        raise UsageError(
            f"the state does not vanish at the ends of its grid (probability density {ends:.2g} of the largest, and at "
            f"most {CUT:g} is allowed); give a wider range of q"
        )
    fastest = of_p[np.abs(state.wave_numbers) > 0.97 * np.abs(state.wave_numbers).max()].max() / of_p.max()
    if fastest > CUT:
        raise UsageError(
            f"the points q are too far apart for the momenta of the state (probability density {fastest:.2g} of the "
            f"largest at the fastest momentum they hold, and at most {CUT:g} is allowed); give a finer q"
        )
    return state
