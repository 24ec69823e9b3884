r"""What central differences of order 8 leave in Pi of a Gaussian steady state, from the leading term of their error.

D_a = d_a - (h_a^8/630) d_a^9 and (d_a^2)_h = d_a^2 - (h_a^8/3150) d_a^10 (Taylor). As x W = -V grad W, errors of L W
are derivatives of W: with the covariance V, drift matrix A and diffusion matrix B

    (L_h - L) W = s(d) W,   s(k) = -sum_a (h_a^8/630) k_a^9 [ (A V k)_a + B_aa k_a / 10 + sum_{b != a} B_ab k_b ],

and the steady state moves by g(d) W with (A^T k . d/dk) g = -s: eleven linear equations for a polynomial of degree 10.
All moments that Phi and the linear part of Pi consist of stay exact. Left is the Fisher information

    error of Pi = int W f^T D f,   f = grad(g(d) W / W) - (h_a^8/630) d_a^9 W / W   (the second: of grad W itself).

Measured errors are 0.8 to 1.05 times the predicted ones from 2.5 to 3.7 cells for a deviation, in six models. Of most,
4 cells leave less than 1e-9; where q and p move as one (d_qp = -d_pp/2 at eta = 2, beta = 0.05), 4.3 cells leave 6e-9.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.polynomial import polynomial

from fpsolver.grid import Grid
from fpsolver.physics.exact import gaussian_rates
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.system import System

DEGREE = 10
FIRST, SECOND = 1 / 630, 1 / 3150  # coefficients of the errors of d and d^2


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """Error of the steady Pi as a quadratic form (2, 2) in (h/deviation)^8, over max(Pi, abs Phi, damping)."""

    deviations: FloatArray
    form: FloatArray

    aim: ClassVar[float] = 3e-10
    warn_above: ClassVar[float] = 1e-9
    words: ClassVar[str] = (
        "the cells leave an error of about {error:.1g} of max(Pi, |Phi|, damping) in Pi of the steady state (none "
        "in Phi and moments); give {cells}"
    )

    def error(self, grid: Grid) -> float:
        """Error of Pi on this grid."""
        small = (grid.spacings / self.deviations) ** 8
        return float(small @ self.form @ small)


def standing(system: System, V: FloatArray) -> Standing:
    """Error in the steady state of covariance V of one particle on the line."""
    deviations = np.sqrt(np.diag(V))
    A = system.drift_matrix / deviations[:, None] * deviations
    B = system.diffusion_matrix / np.outer(deviations, deviations)
    white = np.linalg.cholesky(V / np.outer(deviations, deviations))
    forms = np.linalg.inv(white).T  # d/dx_a in derivatives along white coordinates
    ninth = np.array([polynomial.polypow(form, DEGREE - 1) for form in forms])
    gradient = _gradient(_shift(A, B, white, ninth))
    f = np.einsum("ab,bhj->ahj", forms, gradient)  # component, axis of h, coefficient
    for a in (0, 1):
        f[a, a] += FIRST * ninth[a]
    norms = np.array([math.factorial(DEGREE - 1 - j) * math.factorial(j) for j in range(DEGREE)], dtype=float)
    error = np.einsum("ahj,a,agj,j->hg", f, np.diag(B) / 2, f, norms)
    rates = gaussian_rates(system, np.zeros(2), V)
    scale = max(float(rates.entropy_production), abs(float(rates.entropy_flux)), -float(np.trace(A)))
    return Standing(deviations, error / scale)


def _shift(A: FloatArray, B: FloatArray, white: FloatArray, ninth: FloatArray) -> FloatArray:
    """Coefficients (axis of h, 11) of g on k_1^(10-j) k_2^j in white coordinates."""
    forms = np.linalg.inv(white).T
    own = np.diag(np.diag(B))
    inner = -FIRST * (A @ white @ white.T + B - own) - SECOND / 2 * own
    s = [np.convolve(ninth[a], inner[a] @ forms) for a in (0, 1)]
    M = np.linalg.solve(white, A @ white)
    j = np.arange(DEGREE + 1)
    transport = np.diag((DEGREE - j) * M[0, 0] + j * M[1, 1])
    transport += np.diag(((DEGREE - j) * M[1, 0])[:-1], -1) + np.diag((j * M[0, 1])[1:], 1)
    return np.asarray(-np.linalg.solve(transport, np.transpose(s)).T)


def _gradient(g: FloatArray) -> FloatArray:
    """Gradient (2, axis of h, 10) of sum_j g_j He_(10-j)(y_1) He_j(y_2) on He_(9-j)(y_1) He_j(y_2)."""
    j = np.arange(DEGREE)
    return np.stack([g[:, :-1] * (DEGREE - j), g[:, 1:] * (j + 1)])
