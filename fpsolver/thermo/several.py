r"""Thermodynamics of several particles, each on its own and all together, in one pass over the slabs of a state.

Channel k of Pi is int J_k ((D^I)^+ J)_k / W, of Phi int J_k ((D^I)^+ a^I)_k - int d_k W (D^R grad W)_k / W; the parts
of a particle are those of its position and of its momentum. Reduced Wigner functions W_k(q_k, p_k) and
currents are integrals over all other particles; sum S(W_k) - S(W) is the mutual information.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from fpsolver.physics import energies
from fpsolver.physics.potentials import FloatArray
from fpsolver.thermo import entropy
from fpsolver.thermo.slabs import slabs
from fpsolver.thermo.state import State, apply_matrix, logarithm


def cross_channels(state: State) -> FloatArray:
    r"""Densities - d_k W (D^R grad W)_k / W, shape (2N, \*grid.shape)."""
    D = state.space.reversible_D
    if not D.any():
        return np.zeros((len(D), *[1] * state.W.ndim))
    return -state.gradient * apply_matrix(D, state.gradient) * state.inverse_W


def reduced(state: State, k: int) -> FloatArray:
    """Wigner function of particle ``k`` alone, shape (n_q, n_p)."""
    return _reduce(state.W, state, k)


def _reduce(values: FloatArray, state: State, k: int) -> FloatArray:
    """Integral over all axes but those of particle ``k``."""
    kept = (k, state.system.size + k)
    others = tuple(axis for axis in range(values.ndim) if axis not in kept)
    volume = float(np.prod([state.grid.spacings[axis] for axis in others]))
    return np.asarray(values.sum(axis=others) * volume)


def correlations(state: State, total: float, square: float) -> dict[str, Any]:
    r"""Purity of each particle, and what W knows beyond its reduced Wigner functions W_k, by entropy and by purity.

    .. math:: I = \sum_k S(W_k) - S(W), \qquad I_2 = \ln \int W^2 - \sum_k \ln \int W_k^2

    ``total``: S(W), ``square``: int W^2. I is NaN where W is negative, the purities where hbar is 0.
    """
    n, single, squares = state.system.size, 0.0, np.empty(state.system.size)
    for k in range(n):
        W = reduced(state, k)
        area = float(state.grid.spacings[k] * state.grid.spacings[n + k])
        single -= float(np.sum(W * logarithm(W))) * area
        squares[k] = np.sum(W * W) * area
    hbar = state.system.hbar
    return {
        "purity_particle": 2 * math.pi * hbar * squares if hbar > 0 else np.full(n, math.nan),
        "mutual_information": single - total,
        "mutual_information_renyi": float(np.log(square) - np.log(squares).sum()),
    }


def particle_energies(state: State, mean: FloatArray, covariance: FloatArray) -> FloatArray:
    """Mean energy of each particle, with half of each of its springs, shape (N,)."""
    system, n = state.system, state.system.size
    found = energies.spring_shares(system, mean, covariance)
    for k, particle in enumerate(system.particles):
        p = state.grid.axes[n + k].centres
        found[k] += state.average_along(n + k, p**2 / (2 * particle.mass))
        found[k] += state.average_along(k, state.space.energies[k])
    return found


@dataclass(frozen=True, eq=False)
class Particle:
    """One of several particles: reduced W (n_q, n_p), currents and channels of Pi (2, n_q, n_p), first q, then p."""

    W: FloatArray
    J_reversible: FloatArray
    J_irreversible: FloatArray
    production: FloatArray


@dataclass(frozen=True, eq=False)
class Fields:
    """Densities on the grid, full currents (None where they would take too much memory), and each particle alone."""

    production: FloatArray
    flux: FloatArray
    J_reversible: FloatArray | None
    J_irreversible: FloatArray | None
    particles: tuple[Particle, ...]


def fields(state: State, *, keep_currents: bool) -> Fields:
    """Everything that is a function of the coordinates, in one pass."""
    shape, n = state.grid.shape, state.system.size
    production, flux = np.empty(shape), np.empty(shape)
    full = [np.empty((2 * n, *shape)) if keep_currents else None for _ in range(2)]
    alone = [[np.zeros((2, shape[k], shape[n + k])) for _ in range(3)] for k in range(n)]
    for rows, part in slabs(state):
        channels = entropy.production_channels(part)
        currents = (part.reversible_current, part.irreversible_current)
        production[rows] = channels.sum(axis=0)
        flux[rows] = (part.space.force_weight * currents[1] + cross_channels(part)).sum(axis=0)
        for kept, current in zip(full, currents, strict=True):
            if kept is not None:
                kept[:, rows] = current
        for k in range(n):
            for target, field in zip(alone[k], (*currents, channels), strict=True):
                for place, component in enumerate((k, n + k)):
                    target[place, rows if k == 0 else slice(None)] += _reduce(field[component], part, k)
    particles = tuple(Particle(reduced(state, k), *alone[k]) for k in range(n))
    return Fields(production, flux, full[0], full[1], particles)
