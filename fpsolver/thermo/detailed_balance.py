r"""The two lines of detailed balance and the KMS condition (arXiv:2507.23322v2, Eqs. 2 and 37).

Line 1: 2 a^I(x) W = B grad W;   line 2: E B E = B;   for Gaussian steady states line 1 is B = -2 A^I V.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fpsolver.physics import linear
from fpsolver.physics.exact import SteadyState
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.springs import is_bound, tied
from fpsolver.physics.system import System
from fpsolver.physics.timescales import linear_rates
from fpsolver.thermo.differences import spectral_derivative
from fpsolver.thermo.observables import moments
from fpsolver.thermo.state import State

AGREEMENT = 1e-6  # of line 1 on a grid
ROUND_OFF = 1e-14


def first_line_residual(state: State) -> float:
    """Largest component of int abs(2 a^I W - B grad W), each divided by the deviation of its coordinate, 1/time.

    A periodic coordinate is divided by length/sqrt(12), the deviation of the uniform distribution.
    """
    A, B = state.system.irreversible_drift, state.system.diffusion_matrix
    worst = 0.0
    for k, deviation in enumerate(_deviations(state)):  # one derivative at a time, for the sake of memory
        drift = sum(A[k, j] * x for j, x in enumerate(state.grid.coordinates))
        defect = 2 * drift * state.W
        for j in np.flatnonzero(B[k]):
            defect = defect - B[k, j] * spectral_derivative(state.W, state.grid, int(j))
        worst = max(worst, state.grid.integrate(np.abs(defect)) / deviation)
    return worst


def _deviations(state: State) -> list[float]:
    _, V = moments(state)
    return [
        axis.length / math.sqrt(12) if axis.periodic else math.sqrt(abs(V[k, k]))
        for k, axis in enumerate(state.grid.axes)
    ]


def parity_residual(system: System) -> float:
    """Line 2: largest absolute entry of E B E - B."""
    return float(np.abs(2 * system.reversible_diffusion).max())


def kms_residual(system: System, covariance: FloatArray) -> float:
    """Largest entry of abs(B + 2 A^I V)_ij / (sigma_i sigma_j), 1/time; NaN if a deviation does not exist."""
    sigma = np.sqrt(np.diag(covariance).clip(min=0))  # a W that blows up has any sign
    if not np.isfinite(covariance).all() or not sigma.all():
        return math.nan
    defect = system.diffusion_matrix + 2 * system.irreversible_drift @ covariance
    return float((np.abs(defect) / np.outer(sigma, sigma)).max())


def gaussian_detailed_balance(steady: SteadyState) -> bool:
    """Both lines for a quadratic system, from A, B and V, at 1e-10 of the damping."""
    system = steady.system
    sigma = np.sqrt(np.diag(steady.covariance))
    if not sigma.all():  # noiseless friction: the steady state is a point, and the balance needs the noise
        return False
    parity = float((np.abs(2 * system.reversible_diffusion) / np.outer(sigma, sigma)).max())
    shift = float((np.abs(system.irreversible_drift @ steady.mean) / sigma).max())
    round_off = ROUND_OFF * linear.fastest_rate(system.drift_matrix)
    return max(kms_residual(system, steady.covariance), parity, shift) <= 1e-10 * damping(system) + round_off


def damping(system: System) -> float:
    """The scale of both lines: the sum of the friction rates, without their signs, 1/time."""
    return float(np.abs(np.diag(system.irreversible_drift)).sum())


def has_gibbs_state(system: System, *, is_ring: bool) -> bool:
    """True if exp(-H/T) is the steady state, the only one, whatever the potential: both lines hold in it.

    That takes forces without quantum terms and, besides the motion by H, nothing but friction and noise of momenta, of
    one temperature T = D_pp/(m eta), of which every particle feels something; and that exp(-H/T) has an integral.
    ``is_ring``: q is periodic, for one particle.
    """
    n, A, B = system.size, system.irreversible_drift, system.diffusion_matrix
    is_conservative = np.array_equal(A, system.dissipative_drift)
    friction, noise = -np.diag(A)[n:], np.diag(B)[n:] / (2 * system.masses)
    is_thermal = np.count_nonzero(A) == np.count_nonzero(friction) and np.count_nonzero(B) == np.count_nonzero(noise)
    damped = friction > 0
    if not (is_conservative and is_thermal and damped.any()) or friction[~damped].any() or noise[~damped].any():
        return False
    temperatures = noise[damped] / friction[damped]
    has_quantum_terms = system.moyal and system.hbar > 0 and not system.is_quadratic
    is_one_temperature = bool(np.ptp(temperatures) <= 1e-12 * temperatures.max())
    return is_one_temperature and not has_quantum_terms and _comes_to_rest(system, damped, is_ring=is_ring)


def _comes_to_rest(system: System, damped: NDArray[np.bool_], *, is_ring: bool) -> bool:
    """True if exp(-H/T) has an integral, and friction reaches every particle."""
    if is_ring:
        return not any(particle.potential.tilt for particle in system.particles)  # which would do work for ever
    if system.is_quadratic:
        return linear.is_stable(system.drift_matrix)
    return is_bound(system) and all(damped[group].any() for group in tied(system.spring_matrix, range(system.size)))


def verdict(system: System, residual: float, *, is_ring: bool) -> tuple[bool, str]:
    """Whether a steady state on a grid satisfies both lines, and why that is not known, from the first one's residual.

    Where the steady state is a Gibbs state the residual is the error of the grid, and says nothing.
    Errors of W on a grid are relative to the fastest rate of the motion, the lines to the damping: between the two,
    which a weak damping keeps apart, nobody knows.
    """
    if has_gibbs_state(system, is_ring=is_ring):
        return True, ""
    if parity_residual(system) > 0 or residual > AGREEMENT * linear_rates(system)[0]:
        return False, ""
    rate = damping(system)
    if residual <= AGREEMENT * rate or rate == 0:
        return residual <= AGREEMENT * rate, ""
    return False, (
        f"not known: line 1 is {residual / rate:.2g} of the damping, which the grid's error may be; give more cells"
    )
