r"""Quantum terms of the Moyal bracket: what a potential does to W beyond the classical force U' dW/dp.

    dW/dt = ... - (i/hbar) [U(q + i hbar d_p/2) - U(q - i hbar d_p/2)] W,

for a Fourier mode exp(i y p) a multiplication by i g(q, y) with the odd real function

    g = [U(q + hbar y/2) - U(q - hbar y/2)] / hbar = U' y + (hbar^2/24) U''' y^3 + ...

(from the Wigner transform of -i[U, rho]/hbar with q rho -> (q + i hbar d_p/2) W; docs/physics.md). Polynomials:
finitely many derivatives, dW/dt += sum_k (-1)^k (hbar/2)^{2k}/(2k+1)! U^{(2k+1)} d_p^{2k+1} W. U = -a cos(kq): a finite
kick (a/hbar) sin(kq) [W(p + hbar k/2) - W(p - hbar k/2)] that takes the place of the force.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fpsolver.physics.potentials import Cosine, FloatArray, Polynomial, Potential


@dataclass(frozen=True, slots=True, eq=False)
class Derivatives:
    """Terms c_r(q) d_p^r W beside the force: {r: coefficients at the given positions}, r = 3, 5, .."""

    terms: dict[int, FloatArray]


@dataclass(frozen=True, slots=True, eq=False)
class Kick:
    """strength(q) [W(p + shift) - W(p - shift)], which replaces the force but for the tilt."""

    shift: float
    strength: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Convolution:
    """Any other potential: its energy, from which g(q, y) replaces the whole force."""

    potential: Potential
    hbar: float

    def multiplier(self, q: FloatArray, y: FloatArray) -> FloatArray:
        """g(q, y), 1/time, for columns q and rows y (1/momentum)."""
        half = self.hbar / 2 * y
        return np.asarray((self.potential.energy(q + half) - self.potential.energy(q - half)) / self.hbar)


def quantum_terms(potential: Potential, hbar: float, q: FloatArray) -> Derivatives | Kick | Convolution | None:
    """Quantum terms of a potential at positions q; None where the classical force is exact (quadratic, hbar = 0)."""
    if hbar == 0 or potential.is_quadratic:
        return None
    if isinstance(potential, Polynomial):
        return Derivatives(
            {
                r: (-1) ** (r // 2) * (hbar / 2) ** (r - 1) / math.factorial(r) * potential.derivative(q, r)
                for r in range(3, potential.degree + 1, 2)
            }
        )
    if isinstance(potential, Cosine):
        k = potential.wavenumber
        return Kick(hbar * k / 2, potential.amplitude / hbar * np.sin(k * q))
    return Convolution(potential, hbar)
