r"""The Husimi function Q = W * Gaussian of covariance Sigma0: its diffusion, and the Wehrl entropy rates of Gaussians.

Sigma0 = (hbar/2) diag(1/(m w), m w) for each particle. Under a quadratic system Q obeys the equation of W with the same
drift and B_Q = B - A Sigma0 - Sigma0 A^T. The bath's part of it, which defines Wehrl production and flux for every
potential, has A^I in place of A (arXiv:2507.23322v2, appendix C, with the friction rate that is missing there).
"""

from __future__ import annotations

import math
import sys

import numpy as np

from fpsolver.errors import UsageError
from fpsolver.physics import linear
from fpsolver.physics.exact import INFINITE_REASON, Rates, wigner_entropy
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.system import System

CLASSICAL_REASON = "undefined: a classical system (hbar = 0) has no Husimi function"
UNDERFLOW_REASON = "undefined: hbar is so small that the width of the Husimi function is no floating-point number"
WIDTH_REASON = "undefined: no oscillator gives the width of the Husimi function; give system.husimi_omega"
DIFFUSION_REASON = (
    "undefined: the bath's diffusion of the Husimi function, B - A Sigma0 - Sigma0 A^T, is not positive semidefinite "
    "at this width; give another system.husimi_omega"
)


def window(system: System) -> FloatArray | None:
    """Sigma0, shape (2N, 2N); None for a classical system, if a frequency is not known, or if Sigma0 underflows."""
    omegas = system.husimi_omegas
    if system.hbar == 0 or omegas is None or any(omega is None for omega in omegas):
        return None
    if len(omegas) != system.size:
        raise UsageError(f"husimi_omegas must be {system.size}, one for each particle, but are {len(omegas)}")
    stiffness = system.masses * np.array(omegas, dtype=float)
    variances = system.hbar / 2 * np.concatenate([1 / stiffness, stiffness])
    return np.diag(variances) if variances.min() >= sys.float_info.min else None


def why_none(system: System) -> str:
    """Reason why there is no Husimi function, or an empty string."""
    if system.hbar == 0:
        return CLASSICAL_REASON
    if system.husimi_omegas is None or any(omega is None for omega in system.husimi_omegas):
        return WIDTH_REASON
    return UNDERFLOW_REASON if window(system) is None else ""


def smoothed(diffusion: FloatArray, drift: FloatArray, Sigma0: FloatArray) -> FloatArray:
    """B - A Sigma0 - Sigma0 A^T."""
    return diffusion - drift @ Sigma0 - Sigma0 @ drift.T


def bath_diffusion(system: System, Sigma0: FloatArray) -> FloatArray:
    """B_Q^I = B^I - A^I Sigma0 - Sigma0 A^I^T, shape (2N, 2N)."""
    return smoothed(system.irreversible_diffusion, system.irreversible_drift, Sigma0)


def why_no_rates(system: System, Sigma0: FloatArray) -> str:
    """Reason why Wehrl production and flux do not exist or are infinite, or an empty string."""
    B = bath_diffusion(system, Sigma0)
    unit = np.sqrt(np.diag(Sigma0))
    scaled = B / np.outer(unit, unit)
    if float(np.linalg.eigvalsh(scaled)[0]) < -1e-12 * float(np.abs(scaled).max()):
        return DIFFUSION_REASON
    return INFINITE_REASON if linear.outside_range(system.irreversible_drift, linear.generalized_inverse(B)[1]) else ""


def wehrl_entropy(covariance: FloatArray, Sigma0: FloatArray) -> FloatArray:
    """S_Q = -int Q ln Q of Gaussians with these covariances of W (.., 2N, 2N), in units of dq dp."""
    return wigner_entropy(covariance + Sigma0)


def wehrl_rates(system: System, mean: FloatArray, covariance: FloatArray) -> Rates:
    """Wehrl production and flux of the bath, and dS_Q/dt of a quadratic system, for Gaussians (.., 2N, 2N); 1/time.

    dS_Q - Pi_Q + Phi_Q is what smoothing does to the Hamiltonian part; zero for the matched oscillator.
    """
    Sigma0 = window(system)
    if Sigma0 is None:
        nan = np.full(covariance.shape[:-2], math.nan)
        return Rates(nan, nan, nan, why_none(system))
    A, B, V = system.irreversible_drift, bath_diffusion(system, Sigma0), covariance + Sigma0
    precision = np.linalg.inv(V)
    full = smoothed(system.diffusion_matrix, system.drift_matrix, Sigma0)
    rate = np.trace(A) + 0.5 * _trace(full @ precision)
    if reason := why_no_rates(system, Sigma0):
        missing = np.full_like(rate, math.inf if reason == INFINITE_REASON else math.nan)
        return Rates(missing, missing, rate, reason)
    G, _ = linear.generalized_inverse(B)
    K, drift = A + 0.5 * B @ precision, mean @ A.T
    ordered = 2 * np.sum(drift @ G * drift, axis=-1)
    production = 2 * _trace(np.swapaxes(K, -1, -2) @ G @ K @ V) + ordered
    flux = 2 * _trace(A.T @ G @ A @ V) + ordered + np.trace(A) - 0.5 * _trace(system.reversible_diffusion @ precision)
    return Rates(production, flux, rate)


def _trace(matrices: FloatArray) -> FloatArray:
    return np.asarray(np.trace(matrices, axis1=-2, axis2=-1))
