r"""Thermodynamics of Chang-Cooper fluxes, from the irreversible currents through the faces that the scheme itself uses.

    Pi = sum over faces of J^I [ln(W_i/W_{i+1}) - x_i],     Phi = -sum J^I x_i,

x_i the logarithm of W_i/W_{i+1} in the equilibrium of friction and noise along the axis. Every term of Pi is positive,
and zero in the sampled equilibrium. Densities and currents at the centres are means of the two faces of a cell. J^R is
that of mean face values for `reversible: limited`, too: what the limiter adds is numerical diffusion, no current, and
shows in dS/dt - (Pi - Phi).
"""

from __future__ import annotations

import numpy as np

from fpsolver.physics.potentials import FloatArray
from fpsolver.schemes.chang_cooper import ChangCooperFluxes, FaceAxis


def irreversible_current(W: FloatArray, fluxes: ChangCooperFluxes) -> FloatArray:
    """J^I at the centres, shape (2, n_q, n_p)."""
    return np.stack([_to_centres(_irreversible(W, axis, k), k) for k, axis in enumerate((fluxes.q, fluxes.p))])


def reversible_current(W: FloatArray, fluxes: ChangCooperFluxes) -> FloatArray:
    """J^R at the centres, from means of W/M at the faces without any limiter, shape (2, n_q, n_p)."""
    speeds = (fluxes.p.speeds[None, :], fluxes.q.speeds[:, None])
    parts = []
    for k, axis in enumerate((fluxes.q, fluxes.p)):
        value = _along(axis.weights[1], k) * W + _along(axis.weights[2], k) * np.roll(W, -1, k)
        parts.append(_to_centres(speeds[k] * value / 2, k))
    return np.stack(parts)


def production_channels(W: FloatArray, fluxes: ChangCooperFluxes) -> FloatArray:
    """Densities of Pi in the position and in the momentum channel, shape (2, n_q, n_p)."""
    positive = W > 0
    log_W = np.log(W, out=np.zeros_like(W), where=positive)
    parts = []
    for k, axis in enumerate((fluxes.q, fluxes.p)):
        force = (log_W - np.roll(log_W, -1, k) - _along(axis.steps, k)) / axis.axis.spacing
        density = _irreversible(W, axis, k) * force
        parts.append(_to_centres(np.where(positive & np.roll(positive, -1, k), density, 0.0), k))
    return np.stack(parts)


def flux_channels(W: FloatArray, fluxes: ChangCooperFluxes) -> FloatArray:
    """Densities of Phi in the position and in the momentum channel, shape (2, n_q, n_p)."""
    parts = [
        _to_centres(-_irreversible(W, axis, k) * _along(axis.steps, k) / axis.axis.spacing, k)
        for k, axis in enumerate((fluxes.q, fluxes.p))
    ]
    return np.stack(parts)


def flux_density(W: FloatArray, fluxes: ChangCooperFluxes) -> FloatArray:
    """Density of Phi, shape (n_q, n_p)."""
    return np.asarray(flux_channels(W, fluxes).sum(axis=0))


def _irreversible(W: FloatArray, axis: FaceAxis, k: int) -> FloatArray:
    """Irreversible current through the face above each cell."""
    return np.asarray(axis.axis.spacing * (_along(axis.leaving, k) * W - _along(axis.entering, k) * np.roll(W, -1, k)))


def _to_centres(values: FloatArray, k: int) -> FloatArray:
    """Mean of the faces above and below each cell."""
    return np.asarray((values + np.roll(values, 1, k)) / 2)


def _along(values: FloatArray, k: int) -> FloatArray:
    return values[:, None] if k == 0 else values[None, :]
