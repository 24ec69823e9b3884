r"""Entropy production Pi, entropy flux Phi and their densities, from the irreversible current.

    Pi  = int J^I (D^I)^+ J^I / W,
    Phi = int A^I x (D^I)^+ J^I - int grad W D^R grad W / W,          dS/dt = -int (dW/dt) ln W = Pi - Phi

(arXiv:2507.23322v2, Eqs. 4, 6, 11, 12 and 28). Gradients of W, never of ln W: exact on sampled Gaussians, ln W
turns round-off in the tails of a computed state into errors of 10^3 (docs/conventions.md).
"""

from __future__ import annotations

import numpy as np

from fpsolver.physics import linear
from fpsolver.physics.exact import INFINITE_REASON, irreversible_drift_outside_noise
from fpsolver.physics.potentials import FloatArray
from fpsolver.thermo.state import State

NEGATIVE = 1e-8  # negative volume above which W does not count as positive
NEGATIVE_REASON = "undefined: W is negative somewhere (negativity {:.3g})"


def inverse_diffusion(state: State) -> FloatArray:
    """Generalised inverse of D^I = B^I/2, shape (2N, 2N)."""
    return 2 * linear.generalized_inverse(state.system.irreversible_diffusion)[0]


def why_not_finite(state: State) -> str:
    """Reason why Pi and Phi are infinite, or an empty string."""
    return INFINITE_REASON if irreversible_drift_outside_noise(state.system) else ""


def why_undefined(state: State) -> str:
    """Reason why quotients and logarithms of W do not exist, or an empty string."""
    return NEGATIVE_REASON.format(state.negativity) if state.negativity > NEGATIVE else ""


def production_channels(state: State) -> FloatArray:
    """Densities J_k (D^+ J)_k / W of each component k, shape (2N, \\*grid.shape); they sum to the density of Pi."""
    current = np.where(state.above_floor, state.irreversible_current, 0.0)
    return current * _apply(inverse_diffusion(state), current) / state.safe_W


def production_parts(state: State) -> tuple[float, float]:
    """Pi of the position channels and of the momentum channels, 1/time; inf or NaN where they do not exist."""
    if why_not_finite(state):
        return np.inf, np.inf
    if why_undefined(state):
        return np.nan, np.nan
    n = state.system.size
    channels = production_channels(state)
    return state.grid.integrate(channels[:n]), state.grid.integrate(channels[n:])


def flux_densities(state: State) -> tuple[FloatArray, FloatArray]:
    """Densities of the drift part and of the cross part of Phi."""
    drift = state.irreversible_drift * _apply(inverse_diffusion(state), state.irreversible_current)
    cross = np.zeros(state.grid.shape)
    D = state.system.reversible_diffusion / 2
    for i, j in zip(*np.nonzero(D), strict=True):
        cross -= D[i, j] * np.where(state.above_floor, state.gradient[i] * state.gradient[j], 0.0) / state.safe_W
    return drift.sum(axis=0), cross


def flux_parts(state: State) -> tuple[float, float]:
    """Phi from the irreversible drift, and from the cross-diffusion, 1/time."""
    if why_not_finite(state):
        return np.inf, 0.0
    drift, cross = flux_densities(state)
    undefined = bool(why_undefined(state)) and bool(state.system.reversible_diffusion.any())
    return state.grid.integrate(drift), np.nan if undefined else state.grid.integrate(cross)


def wigner_entropy(state: State) -> float:
    """S_W = -int W ln W in units of dq dp; NaN if W is negative somewhere."""
    if why_undefined(state):
        return np.nan
    W = state.safe_W
    return -state.grid.integrate(np.where(state.above_floor, W * np.log(W), 0.0))


def entropy_rate(state: State, dWdt: FloatArray) -> float:
    """dS_W/dt = -int (dW/dt) ln W with the generator's own dW/dt, 1/time; NaN if W is negative somewhere."""
    if why_undefined(state):
        return np.nan
    positive = state.W > 0
    return -state.grid.integrate(np.where(positive, dWdt * np.log(np.where(positive, state.W, 1.0)), 0.0))


def tail_uncertainty(state: State, mean: FloatArray, covariance: FloatArray) -> float:
    """What the cells below the floor could add to Pi, 1/time.

    There the logarithmic gradient is estimated by that of a Gaussian of the state's covariance; drift and
    diffusion are added with equal signs, so that it is an upper estimate.
    """
    if why_not_finite(state) or why_undefined(state) or not np.isfinite(covariance).all():
        return np.nan
    precision = np.linalg.inv(covariance)
    shifted = [x - x0 for x, x0 in zip(state.grid.coordinates, mean, strict=True)]
    slope = np.abs(_apply(precision, np.stack(np.broadcast_arrays(*shifted))))
    D = state.system.irreversible_diffusion / 2
    size = np.abs(state.irreversible_drift) + _apply(D, slope)
    density = (size * _apply(np.abs(inverse_diffusion(state)), size)).sum(axis=0) * np.abs(state.W)
    return state.grid.integrate(np.where(state.above_floor, 0.0, density))


def _apply(matrix: FloatArray, field: FloatArray) -> FloatArray:
    out = np.zeros_like(field)
    for i, j in zip(*np.nonzero(matrix), strict=True):
        out[i] += matrix[i, j] * field[j]
    return out
