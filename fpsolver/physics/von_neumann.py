r"""Von Neumann entropy, Spohn production and KMS duality of Gaussian states, any number of particles.

A Gaussian state is exp(-(x - mean) G (x - mean)/2)/Z with the modular matrix G = (2i/hbar) Omega arccoth(M),
M = (2i/hbar) V Omega, whose eigenvalues +-nu_k are the symplectic ones in units of hbar/2:

    S_vN = sum_k h((nu_k + 1)/2) - h((nu_k - 1)/2),  h(z) = z ln z,         dS_vN/dt = Tr[G dV/dt]/2,
    S(rho||sigma) = -S_vN(rho) + Tr[G_s (V + d d^T)]/2 + sum_k ln((nu_k^2 - 1)/4)/2,
    Spohn = -dS(rho||sigma)/dt = Tr[(G - G_s) dV/dt]/2 - d G_s (A mean + f),

with G_s and nu_k of sigma, and d the difference of the means. It is never negative if sigma is stationary; with the
Gibbs state, which is not where detailed balance is broken, it can be. The KMS dual of the drift in a state of
covariance V is A_hat = F V A^T V^-1 F^-1, F = sqrt(1 - M^-2): a number for one particle (Lami, Das, Wilde,
arXiv:1702.04737, for the map behind it).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from fpsolver.errors import UsageError
from fpsolver.physics.energies import curvature
from fpsolver.physics.equilibrium import common_beta
from fpsolver.physics.gaussian_states import GaussianState
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.states import symplectic_form
from fpsolver.physics.system import System

PURE = 1e-12  # of nu - 1: a mode that counts as pure, whose entropy rate is infinite


def _modes(covariance: FloatArray, hbar: float) -> tuple[FloatArray, np.ndarray, np.ndarray]:
    """Eigenvalues of M (both signs), its right eigenvectors and their inverse, by way of a Hermitian matrix."""
    if not hbar > 0:
        raise UsageError("the von Neumann entropy needs hbar > 0; a classical system has the Wigner entropy")
    values, vectors = np.linalg.eigh(covariance)
    if not values[0] > 0:
        raise UsageError(f"the covariance must be positive definite, but has the eigenvalue {values[0]:.6g}")
    root = (vectors * np.sqrt(values)) @ vectors.T
    nu, U = np.linalg.eigh(2j / hbar * root @ symplectic_form(len(covariance) // 2) @ root)
    return nu, root @ U, U.conj().T @ np.linalg.inv(root)


def symplectic_nu(covariance: FloatArray, hbar: float) -> FloatArray:
    """Symplectic eigenvalues in units of hbar/2, smallest first, shape (N,); 1 for a pure state."""
    return _modes(covariance, hbar)[0][len(covariance) // 2 :]


def _function(covariance: FloatArray, hbar: float, f: Callable[[FloatArray], FloatArray]) -> np.ndarray:
    nu, X, inverse = _modes(covariance, hbar)
    return np.asarray((X * f(nu)) @ inverse)


def entropy(covariance: FloatArray, hbar: float) -> float:
    """S_vN, k_B = 1; UsageError below the uncertainty principle."""
    nu = symplectic_nu(covariance, hbar)
    if nu[0] < 1 - 1e-9:
        raise UsageError(f"no quantum state has the symplectic eigenvalue {nu[0] * hbar / 2:.6g}, below hbar/2")
    n = np.maximum((nu - 1) / 2, 0.0)  # mean number of quanta
    return float(np.sum((n + 1) * np.log1p(n) - n * np.log(np.where(n > 0, n, 1.0))))


def modular_matrix(covariance: FloatArray, hbar: float) -> FloatArray:
    """G of rho ~ exp(-x G x/2), shape (2N, 2N); UsageError for a pure mode, where it is infinite."""
    if symplectic_nu(covariance, hbar)[0] <= 1 + PURE:
        raise UsageError("a pure mode has no modular matrix: its entropy rate is infinite")
    inner = _function(covariance, hbar, lambda nu: np.arctanh(1 / nu))
    return np.asarray((2j / hbar * symplectic_form(len(covariance) // 2) @ inner).real)


def _change(system: System, covariance: FloatArray) -> FloatArray:
    flow = system.drift_matrix @ covariance
    return flow + flow.T + system.diffusion_matrix


def entropy_rate(system: System, covariance: FloatArray) -> float:
    """dS_vN/dt of a quadratic system, 1/time; inf for a pure mode."""
    if symplectic_nu(covariance, system.hbar)[0] <= 1 + PURE:
        return math.inf
    return float(np.trace(modular_matrix(covariance, system.hbar) @ _change(system, covariance))) / 2


def relative_entropy(state: GaussianState, reference: GaussianState, hbar: float) -> float:
    """Quantum relative entropy S(state||reference) of Gaussians.

    inf if the reference has a pure mode, unless the state is the same.
    """
    nu = symplectic_nu(reference.covariance, hbar)
    if nu[0] <= 1 + PURE:
        is_same = np.array_equal(state.mean, reference.mean) and np.array_equal(state.covariance, reference.covariance)
        return 0.0 if is_same else math.inf
    d = state.mean - reference.mean
    energy = np.trace(modular_matrix(reference.covariance, hbar) @ (state.covariance + np.outer(d, d))) / 2
    return float(energy + 0.5 * np.log((nu**2 - 1) / 4).sum()) - entropy(state.covariance, hbar)


def spohn_production(system: System, state: GaussianState, reference: GaussianState) -> float:
    """-dS(rho||reference)/dt of a quadratic system, 1/time; inf for a pure mode of the state or the reference."""
    if symplectic_nu(reference.covariance, system.hbar)[0] <= 1 + PURE:
        return math.inf
    return _production(system, state, modular_matrix(reference.covariance, system.hbar), reference.mean)


def spohn_gibbs(system: System, state: GaussianState) -> float:
    """The same for the Gibbs state of the baths' temperature, dS_vN/dt - beta d<H>/dt; grows like 1/T in cold baths.

    Its modular matrix is beta times the matrix of H, so that it is exact where the Gibbs state is pure to round-off.
    UsageError without a common temperature.
    """
    beta, n = common_beta(system), system.size
    if beta is None:
        raise UsageError("the Gibbs state needs baths of one temperature, but they have none in common")
    G = curvature(system)
    rest = np.linalg.lstsq(G, np.concatenate([system.force[n:], np.zeros(n)]), rcond=None)[0]
    return _production(system, state, beta * G, rest)


def _production(system: System, state: GaussianState, G_s: FloatArray, rest: FloatArray) -> float:
    drift = system.drift_matrix @ state.mean + system.force
    heat = np.trace(G_s @ _change(system, state.covariance)) / 2 + (state.mean - rest) @ G_s @ drift
    return entropy_rate(system, state.covariance) - float(heat)


def kms_dual(drift: FloatArray, covariance: FloatArray, hbar: float) -> FloatArray:
    """A_hat, the drift of the generator's dual with respect to the KMS inner product of a state, shape (2N, 2N)."""
    F = _function(covariance, hbar, lambda nu: np.sqrt(np.maximum(1 - 1 / nu**2, 0.0))).real
    if np.linalg.cond(F) > 1 / PURE:
        raise UsageError("a pure mode has no KMS inner product")
    return np.asarray(F @ covariance @ drift.T @ np.linalg.inv(covariance) @ np.linalg.inv(F))


def kms_defect(system: System, covariance: FloatArray) -> float:
    """Largest entry of A_hat - E A E: 0 where the steady state V satisfies KMS detailed balance with time reversal.

    For one particle it vanishes with the first line of detailed balance; for several the two differ (docs/physics.md).
    """
    A = system.drift_matrix
    reversed_drift = system.parity[:, None] * A * system.parity
    return float(np.abs(kms_dual(A, covariance, system.hbar) - reversed_drift).max())
