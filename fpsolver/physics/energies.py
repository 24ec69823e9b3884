r"""Energy and heat of Gaussian states of quadratic systems, particle by particle, any number of particles.

H = sum p_k^2/2m_k + U_k(q_k) + sum over springs kappa (q_i - q_j)^2/2, G its second derivatives, g its slope at x = 0.
The bath of particle k (drift A_d and noise B in its rows q_k, p_k) feeds in, M = V + mean mean^T,

    J_k = sum over its rows [A_d M G + A_d mean g + B G/2]_ii.

Each particle counts half of its springs, so that what flows through a spring from i to j is
kappa <(q_i - q_j)(p_i/m_i + p_j/m_j)>/2 (S. Lepri, R. Livi, A. Politi, Phys. Rep. 377, 1 (2003), Eq. 23).
"""

from __future__ import annotations

import numpy as np

from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.system import System


def second_moments(mean: FloatArray, covariance: FloatArray) -> FloatArray:
    """<x x^T>, shape (.., 2N, 2N)."""
    return covariance + mean[..., :, None] * mean[..., None, :]


def heat_currents(system: System, mean: FloatArray, covariance: FloatArray) -> FloatArray:
    """Energy each particle's bath feeds into the system, shape (.., N), energy/time."""
    n = system.size
    A, B, slopes = system.dissipative_drift, system.diffusion_matrix, -np.roll(system.force, -n)
    moments = second_moments(mean, covariance)
    rows = np.flatnonzero(A.any(axis=1) | B.any(axis=1))  # few in a long chain
    heat = np.zeros(mean.shape)
    second = curvature(system)[:, rows]
    heat[..., rows] = np.einsum("ij,...jk,ki->...i", A[rows], moments, second, optimize=True)
    heat[..., rows] += (mean @ A[rows].T) * slopes[rows] + 0.5 * np.einsum("ij,ji->i", B[rows], second)
    return heat[..., :n] + heat[..., n:]


def curvature(system: System) -> FloatArray:
    """Second derivatives of H, shape (2N, 2N)."""
    n = system.size
    G = np.zeros((2 * n, 2 * n))
    G[:n, :n] = system.stiffness_matrix
    G[range(n, 2 * n), range(n, 2 * n)] = 1 / system.masses
    return G


def particle_energies(system: System, mean: FloatArray, covariance: FloatArray) -> FloatArray:
    """Mean energy of each particle with half of its springs, shape (.., N)."""
    n, moments = system.size, second_moments(mean, covariance)
    squares = np.diagonal(moments, axis1=-2, axis2=-1)
    energies = squares[..., n:] / (2 * system.masses)
    ground, slope, stiffness = system.wells
    energies += ground + slope * mean[..., :n] + stiffness / 2 * squares[..., :n]
    return np.asarray(energies + spring_shares(system, mean, covariance))


def spring_shares(system: System, mean: FloatArray, covariance: FloatArray) -> FloatArray:
    """Half of the mean energy of its springs for each particle, shape (.., N)."""
    moments = second_moments(mean, covariance)
    shares = np.zeros((*mean.shape[:-1], system.size))
    for spring in system.couplings:
        i, j = spring.first, spring.second
        square = moments[..., i, i] + moments[..., j, j] - 2 * moments[..., i, j]
        shares[..., i] += spring.stiffness / 4 * square
        shares[..., j] += spring.stiffness / 4 * square
    return shares


def spring_heat(system: System, mean: FloatArray, covariance: FloatArray) -> FloatArray:
    """What each bath feeds in through the springs, <(K q)_k (A_d x)_k> + (K D)_kk over positions, shape (N,)."""
    n, K = system.size, system.spring_matrix
    work = system.dissipative_drift[:n] @ second_moments(mean, covariance)[:, :n]
    return np.asarray((K * (work + system.diffusion_matrix[:n, :n] / 2)).sum(axis=1))


def spring_currents(system: System, mean: FloatArray, covariance: FloatArray) -> FloatArray:
    """Energy that flows through each spring from its first to its second particle, shape (.., springs)."""
    n, m, moments = system.size, system.masses, second_moments(mean, covariance)
    currents = np.zeros((*mean.shape[:-1], len(system.couplings)))
    for k, spring in enumerate(system.couplings):
        i, j = spring.first, spring.second
        push = [moments[..., i, n + a] - moments[..., j, n + a] for a in (i, j)]
        currents[..., k] = spring.stiffness / 2 * (push[0] / m[i] + push[1] / m[j])
    return currents


def temperatures(system: System, covariance: FloatArray) -> FloatArray:
    """Kinetic temperature <p^2>/m (centred) of each particle, shape (.., N), energy."""
    n = system.size
    return np.asarray(np.diagonal(covariance, axis1=-2, axis2=-1)[..., n:] / system.masses)


def _determinants(covariance: FloatArray) -> FloatArray:
    """Of the covariance of each particle, shape (.., N)."""
    k = np.arange(covariance.shape[-1] // 2)
    n = len(k)
    return np.asarray(covariance[..., k, k] * covariance[..., n + k, n + k] - covariance[..., k, n + k] ** 2)


def purities(system: System, covariance: FloatArray) -> FloatArray:
    """Purity hbar/(2 sqrt(det V_k)) of each particle alone, shape (.., N); NaN for classical systems."""
    return np.asarray((system.hbar / 2 if system.hbar > 0 else np.nan) / np.sqrt(_determinants(covariance)))


def mutual_information(covariance: FloatArray) -> FloatArray:
    """Sum of the entropies of the single particles minus that of all together, dimensionless; shape (..,).

    Of Gaussian states that of order 2, -ln int W^2 in place of -int W ln W, is the same.
    """
    blocks = _determinants(covariance)
    sigma = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
    correlation = covariance / (sigma[..., :, None] * sigma[..., None, :])
    shape = np.log(blocks).sum(axis=-1) - 2 * np.log(sigma).sum(axis=-1)
    return np.asarray(0.5 * (shape - np.linalg.slogdet(correlation)[1]))
