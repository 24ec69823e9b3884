r"""Entropy production Pi, entropy flux Phi and their densities, from the irreversible current.

    Pi  = int J^I (D^I)^+ J^I / W,
    Phi = int A^I x (D^I)^+ J^I - int grad W D^R grad W / W,
    dS/dt = -int (dW/dt) ln W = Pi - Phi + S_Moyal,    S_Moyal = -int (dW/dt)_Moyal ln W

(arXiv:2507.23322v2, Eqs. 4, 6, 11, 12 and 28). Gradients of W, never of ln W: exact on sampled Gaussians, ln W
turns round-off in the tails of a computed state into errors of 10^3 (docs/conventions.md).
"""

from __future__ import annotations

import math

import numpy as np

from fpsolver.physics import equilibrium
from fpsolver.physics.exact import INFINITE_REASON
from fpsolver.physics.potentials import FloatArray
from fpsolver.thermo import faces
from fpsolver.thermo.state import State, apply_matrix

NEGATIVE = 1e-8  # negativity above which W does not count as positive
# The same on four axes and more: 32 cells along each resolve the tails to 1e-7 of max W, and their volume is a thousand
# times that of the state: a negativity of 4e-8 in the best box, with Pi right to 1e-6 (docs/many.md). Cells below the
# most negative one are left out of Pi there (slabs.noise_floor).
NEGATIVE_OF_SEVERAL = 1e-5
NEGATIVE_REASON = "undefined: W is negative somewhere (negativity {:.3g})"


def negative(particles: int) -> float:
    """Negativity above which W of so many particles does not count as positive."""
    return NEGATIVE if particles == 1 else NEGATIVE_OF_SEVERAL


def why_not_finite(state: State) -> str:
    """Reason why Pi and Phi are infinite, or an empty string."""
    return INFINITE_REASON if state.space.is_noiseless else ""


def total(channels: FloatArray, axis: int | None = None) -> FloatArray:
    """Sum of channels of Pi or of Phi: infinite where one of them is, also where others do not exist."""
    return np.where(np.isposinf(channels).any(axis=axis), math.inf, channels.sum(axis=axis))


def why_undefined(state: State) -> str:
    """Reason why quotients and logarithms of W do not exist, or an empty string."""
    return NEGATIVE_REASON.format(state.negativity) if state.negativity > negative(state.system.size) else ""


def production_channels(state: State) -> FloatArray:
    r"""Densities J_k (D^+ J)_k / W of each component k, shape (2N, \*grid.shape); they sum to the density of Pi."""
    if state.space.fluxes is not None:
        return faces.production_channels(state.W, state.space.fluxes)
    current = state.irreversible_current
    found = apply_matrix(state.space.inverse_D, current)
    found *= current
    found *= state.inverse_W
    return found


def production_parts(state: State) -> tuple[float, float]:
    """Pi of the position channels and of the momentum channels, 1/time; inf or NaN where they do not exist."""
    n = state.system.size
    if why_undefined(state):
        found = np.full(2 * n, math.nan)
    else:
        found = np.array([state.grid.integrate(channel) for channel in production_channels(state)])
    found[state.system.noiseless_drift] = math.inf
    return float(total(found[:n])), float(total(found[n:]))


def flux_densities(state: State) -> tuple[FloatArray, FloatArray]:
    """Densities of the drift part and of the cross part of Phi."""
    if state.space.fluxes is not None:
        return faces.flux_density(state.W, state.space.fluxes), np.zeros(state.grid.shape)
    drift = (state.space.force_weight * state.irreversible_current).sum(axis=0)
    cross = np.zeros(state.grid.shape)
    D = state.space.reversible_D
    for i, j in zip(*np.nonzero(D), strict=True):
        cross -= D[i, j] * state.gradient[i] * state.gradient[j] * state.inverse_W
    return drift, cross


def flux_parts(state: State) -> tuple[float, float]:
    """Phi from the irreversible drift, and from the cross-diffusion, 1/time."""
    densities = flux_densities(state)
    drift, cross = (state.grid.integrate(density) for density in densities)
    if state.space.reversible_D.any() and why_undefined(state):
        cross = math.nan
    return math.inf if why_not_finite(state) else drift, cross


def wigner_entropy(state: State) -> float:
    """S_W = -int W ln W in units of dq dp; NaN if W is negative somewhere."""
    return math.nan if why_undefined(state) else -state.grid.integrate(state.W * state.log_W)


def relative_entropy_thermal(state: State, mean: FloatArray, covariance: FloatArray, entropy: float) -> float:
    """Int W ln(W/W_th), W_th the Gibbs state of the baths' common temperature; NaN where it does not exist.

    ln W_th is quadratic, so that only moments and S_W (``entropy``) enter:
    Tr[V_th^-1 (V + d d^T)]/2 + ln det(2 pi V_th)/2 - S_W.
    For a classical system in an anharmonic well it is beta <U + p^2/2m> + ln Z - S_W with Z from the cell centres.
    """
    if _why_no_thermal_state(state):
        return math.nan
    thermal = state.space.thermal_state
    if thermal is None:
        return _to_classical_gibbs(state) - entropy
    d = mean - thermal.mean
    precision, norm = state.space.thermal_precision
    return float(np.sum(precision * (covariance + np.outer(d, d))) + norm) / 2 - entropy


def _to_classical_gibbs(state: State) -> float:
    """-int W ln W_th of one classical particle."""
    beta, particle = equilibrium.common_beta(state.system) or math.nan, state.system.particles[0]
    energies = (state.space.energies[0], state.grid.axes[1].centres ** 2 / (2 * particle.mass))
    total = 0.0
    for k, (E, axis) in enumerate(zip(energies, state.grid.axes, strict=True)):
        lowest = float(E.min())
        total += beta * state.average_along(k, E) - beta * lowest
        total += math.log(float(np.exp(-beta * (E - lowest)).sum()) * axis.spacing)
    return total


def why_no_relative_entropy(state: State) -> str:
    """Reason why there is no relative entropy to a thermal state, or an empty string."""
    return _why_no_thermal_state(state) or why_undefined(state)


def _why_no_thermal_state(state: State) -> str:
    system = state.system
    if any(axis.periodic for axis in state.grid.axes):
        return "undefined: q lives on a ring"
    reason = state.space.why_not_thermal
    is_classical = system.hbar == 0 and system.size == 1 and system.particles[0].potential.is_confining
    return "" if is_classical and reason == equilibrium.NO_FORM else reason


def moyal_sum(state: State) -> float:
    """Part of dS_W/dt from the quantum terms of anharmonic potentials, -int (dW/dt)_Moyal ln W, 1/time; else 0."""
    if state.space.moyal.is_empty or state.space.fluxes is not None:
        return 0.0
    return -sum(state.grid.integrate(rate * state.log_W) for rate in state.space.moyal.quantum_rate(state.W))
