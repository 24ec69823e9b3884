r"""Moments, energy, heat, purity: integrals of W that need no logarithm."""

from __future__ import annotations

import math

import numpy as np

from fpsolver.physics import energies
from fpsolver.physics.potentials import FloatArray
from fpsolver.thermo.state import State

RING_REASON = "undefined: q lives on a ring"


def moments(state: State) -> tuple[FloatArray, FloatArray]:
    """Mean (2N,) and covariance (2N, 2N), by midpoint sums over W / mass; NaN on a ring and without mass."""
    axes, W = state.grid.axes, state.W
    n, mass = len(axes), state.grid.integrate(W) or math.nan  # a run that explodes may hit zero
    mean, V = np.full(n, np.nan), np.full((n, n), np.nan)
    known = [k for k, axis in enumerate(axes) if not axis.periodic]
    for k in known:
        mean[k] = state.average_along(k, axes[k].centres) / mass
        V[k, k] = state.average_along(k, (axes[k].centres - mean[k]) ** 2) / mass
    for k in known:
        for j in known[: known.index(k)]:
            others = tuple(i for i in range(n) if i not in (j, k))
            pair = W.sum(axis=others) if others else W
            along_j = (pair * (axes[k].centres - mean[k])).sum(axis=1)
            V[j, k] = V[k, j] = state.grid.integrate(along_j * (axes[j].centres - mean[j])) / mass
    return mean, V


def energy(state: State) -> float:
    """<p^2/2m + U>, without springs; on a ring without the tilt, which is no function of the position there."""
    n, total = state.system.size, 0.0
    for k, particle in enumerate(state.system.particles):
        p = state.grid.axes[n + k].centres
        total += state.average_along(n + k, p**2 / (2 * particle.mass))
        total += state.average_along(k, state.space.energies[k])
    return total


def heat_current(state: State) -> FloatArray:
    r"""Energy each particle's bath feeds into the system, shape (N,), energy/time.

    int grad H . (A_bath x) W + D_pp/m + D_qq <U''>; the Hamiltonian flow carries no heat, and the
    cross-diffusion drops out.
    """
    system, grid, n = state.system, state.grid, state.system.size
    A, D = system.dissipative_drift, system.diffusion_matrix / 2
    heat = np.zeros(n)
    for k, particle in enumerate(system.particles):
        slopes = {k: state.space.slopes[k], n + k: grid.axes[n + k].centres / particle.mass}
        heat[k] = D[n + k, n + k] / particle.mass * grid.integrate(state.W)
        heat[k] += D[k, k] * state.average_along(k, state.space.curvatures[k])
        for row, slope in slopes.items():
            for j in np.nonzero(A[row])[0]:
                heat[k] += A[row, j] * _average_product(state, row, slope, int(j))
    if system.spring_matrix.any():
        heat += energies.spring_heat(system, *moments(state)) * grid.integrate(state.W)
    return heat


def _average_product(state: State, k: int, values: FloatArray, j: int) -> float:
    """Int values(x_k) x_j W."""
    if j == k:
        return state.average_along(k, values * state.grid.axes[k].centres)
    shape = [-1 if axis == k else 1 for axis in range(state.W.ndim)]
    return state.grid.integrate(values.reshape(shape) * state.grid.coordinates[j] * state.W)
