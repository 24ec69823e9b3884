r"""Moments, energy, heat, purity: integrals of W that need no logarithm."""

from __future__ import annotations

import math

import numpy as np

from fpsolver.physics.potentials import Cosine, FloatArray
from fpsolver.thermo.state import State

RING_REASON = "undefined: q lives on a ring"


def moments(state: State) -> tuple[FloatArray, FloatArray]:
    """Mean (2N,) and covariance (2N, 2N), by midpoint sums over W / mass; NaN for coordinates on a ring."""
    grid, W = state.grid, state.W
    mass = np.sum(W)
    n = len(grid.axes)
    mean, V = np.full(n, np.nan), np.full((n, n), np.nan)
    known = [k for k, axis in enumerate(grid.axes) if not axis.periodic]
    for k in known:
        mean[k] = np.sum(grid.coordinates[k] * W) / mass
    for k in known:
        for l in known[: known.index(k) + 1]:
            product = (grid.coordinates[k] - mean[k]) * (grid.coordinates[l] - mean[l])
            V[k, l] = V[l, k] = np.sum(product * W) / mass
    return mean, V


def energy(state: State) -> float:
    """<p^2/2m + U>; on a ring without the tilt, which is no function of the position there."""
    system, grid, n = state.system, state.grid, state.system.size
    total = 0.0
    for k, particle in enumerate(system.particles):
        potential = particle.potential
        if isinstance(potential, Cosine) and grid.axes[k].periodic:
            potential = Cosine(potential.amplitude, potential.wavenumber)
        local = grid.coordinates[n + k] ** 2 / (2 * particle.mass) + potential.energy(grid.coordinates[k])
        total += grid.integrate(local * state.W)
    return total


def heat_current(state: State) -> FloatArray:
    """Energy each particle's bath feeds into the system, shape (N,), energy/time.

    int grad H . J_bath with J_bath = A_bath x W - D grad W; the Hamiltonian flow carries no heat.
    """
    system, grid, n = state.system, state.grid, state.system.size
    heat = np.zeros(n)
    for k, particle in enumerate(system.particles):
        q, p = grid.coordinates[k], grid.coordinates[n + k]
        slopes = particle.potential.derivative(q), p / particle.mass
        for slope, row in zip(slopes, (k, n + k), strict=True):
            drift = sum(system.dissipative_drift[row, j] * grid.coordinates[j] for j in range(2 * n)) * state.W
            spread = sum(0.5 * system.diffusion_matrix[row, j] * state.gradient[j] for j in range(2 * n))
            heat[k] += grid.integrate(slope * (drift - spread))
    return heat


def purity(state: State) -> float:
    """(2 pi hbar)^N int W^2; NaN for a classical system."""
    if state.system.hbar == 0:
        return math.nan
    return (2 * math.pi * state.system.hbar) ** state.system.size * state.grid.integrate(state.W**2)
