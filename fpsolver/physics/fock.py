r"""Density matrices in the Fock basis of an oscillator: to a state with a Wigner function, and back from W on a grid.

    rho_nm = int dq ds phi_n(q + s/2) R(q, s) phi_m(q - s/2),    R(q, s) = int dp exp(i p s/hbar) W(q, p)

with the oscillator functions phi_n (real). Sums over points instead of integrals: accurate to round-off while the
grid resolves the highest level.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from fpsolver.errors import UsageError
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.weyl import RANK, SampledState, require_hermitian

TAIL = 6.5  # lengths sqrt(hbar/m omega) beyond the turning point: exp(-6.5^2) = 4e-19
MOST_LEVELS = 700  # of the recurrence: exp(-x^2/2) underflows beyond their turning points


def oscillator_functions(x: FloatArray, levels: int) -> FloatArray:
    r"""Eigenfunctions of (-d^2/dx^2 + x^2)/2 for n < levels, shape (levels, \*x.shape)."""
    phi = np.zeros((levels, *x.shape))
    with np.errstate(under="ignore"):
        phi[0] = np.exp(-(x**2) / 2) / math.pi**0.25
        for n in range(1, levels):
            phi[n] = math.sqrt(2 / n) * x * phi[n - 1]
            if n > 1:
                phi[n] -= math.sqrt((n - 1) / n) * phi[n - 2]
    return phi


def from_fock(rho: ArrayLike, *, mass: float, hbar: float, omega: float) -> SampledState:
    """State of a density matrix rho_nm (n x n) or of amplitudes c_n (n,) in the Fock basis of an oscillator."""
    matrix = np.asarray(rho, dtype=complex)
    matrix = np.outer(matrix, matrix.conj()) if matrix.ndim == 1 else matrix
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not np.isfinite(matrix).all():
        raise UsageError(f"a Fock-basis density matrix must be square and finite, but has the shape {matrix.shape}")
    require_hermitian(matrix)
    trace, levels = float(np.trace(matrix).real), len(matrix)
    if not abs(trace - 1) <= 1e-6:
        cure = "divide by it, a vector by its square root (`unit()` of QuTiP)"
        raise UsageError(f"the state must be normalised, but its trace is {trace:.9g}; {cure}")
    _refuse_levels(levels)
    weights, vectors = np.linalg.eigh(matrix / trace)
    kept = np.abs(weights) > RANK
    reach, unit = math.sqrt(2 * levels + 1) + TAIL, math.sqrt(hbar / (mass * omega))
    x = np.linspace(-reach, reach, 2 * math.ceil(reach**2 / math.pi) + 1)  # steps pi/reach hold momenta up to reach
    psi = vectors.T[kept] @ oscillator_functions(x, levels) / math.sqrt(unit)
    return SampledState(x * unit, psi, weights[kept], hbar, omega)


def to_fock(
    W: FloatArray, q: FloatArray, p: FloatArray, *, levels: int, mass: float, hbar: float, omega: float
) -> np.ndarray:
    """rho_nm (levels x levels) of W (n_q, n_p) on uniform q and p; UsageError if they do not resolve the levels."""
    _refuse_levels(levels)
    unit, steps = math.sqrt(hbar / (mass * omega)), (q[1] - q[0], p[1] - p[0])
    fastest = 2 * math.sqrt(2 * levels + 1)  # wave number of the Wigner function of the highest level, over 1/unit
    spacings = (steps[0] / unit, steps[1] * unit / hbar)
    if fastest * max(spacings) > math.pi:
        most = int(((math.pi / max(spacings) / 2) ** 2 - 1) / 2)
        raise UsageError(f"the grid resolves {most} levels of this oscillator, not {levels}; ask for fewer")
    reach = max(float(np.abs(p).max()), hbar / unit * (math.sqrt(2 * levels + 1) + TAIL))
    step = math.pi * hbar / reach
    half = math.floor(math.pi * hbar / steps[1] / step)  # beyond pi hbar/h_p the sum over p repeats itself
    s = step * np.arange(-half, half + 1)
    R = W @ np.exp(1j / hbar * np.outer(p, s)) * (steps[0] * steps[1] * step / unit)
    rho = np.zeros((levels, levels), dtype=complex)
    for at, row in zip(q, R, strict=True):
        right, left = (oscillator_functions((at + sign * s / 2) / unit, levels) for sign in (1, -1))
        rho += (right * row) @ left.T
    return rho


def _refuse_levels(levels: int) -> None:
    if not 1 <= levels <= MOST_LEVELS:
        raise UsageError(f"the number of levels must be from 1 to {MOST_LEVELS}, but is {levels}")
