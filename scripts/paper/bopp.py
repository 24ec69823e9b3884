"""Appendix B (operators to phase space) and Eq. 31 (Moyal bracket): Fock-space matrices and their Weyl transforms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

import fpsolver as fp
from fpsolver.physics import baths, fock, potentials
from fpsolver.physics.system import Particle, System
from fpsolver.thermo.differences import spectral_derivative
from paper.claim import Claim, Section
from paper.models import UNITS, WARM, Array, box, gaussian, oscillator

Operator = NDArray[np.complex128]
LEVELS, SPARE = 36, 8  # the products of up to four operators below need levels above the state's
MEAN = (0.9, 0.7)  # of the coherent state


@dataclass(frozen=True)
class Rule:
    """One row: operator expression -> coefficient x field, and an observable on which both can be compared."""

    words: str
    printed: float
    operator: Callable[[Operator, Operator, Operator], Operator]
    field: Callable[[Array, fp.Grid], Array]
    observable: Callable[[Operator, Operator], Operator]
    moment: float  # int observable x field over W, from partial integration
    remark: str = ""


def commutator(a: Operator, b: Operator) -> Operator:
    """[a, b]."""
    return np.asarray(a @ b - b @ a)


def anti(a: Operator, b: Operator) -> Operator:
    """{a, b}."""
    return np.asarray(a @ b + b @ a)


def derivative(W: Array, grid: fp.Grid, *axes: int) -> Array:
    """Derivatives along the axes, one after the other."""
    for k in axes:
        W = spectral_derivative(W, grid, k)
    return W


def rules() -> Sequence[Rule]:
    """The rows of appendix B; hbar from UNITS."""
    h = UNITS.hbar
    q_mean, p_mean = MEAN
    return (
        Rule(
            "row 2: [q,{p,ρ}]/iħ = c ∂_p(pW)",
            -2.0,
            lambda q, p, r: commutator(q, anti(p, r)) / (1j * h),
            lambda W, g: derivative(g.coordinates[1] * W, g, 1),
            lambda q, p: p,
            -p_mean,
            "+2iħ ∂_p(pW)",
        ),
        Rule(
            "row 3: [p,{q,ρ}]/iħ = c ∂_q(qW)",
            2.0,
            lambda q, p, r: commutator(p, anti(q, r)) / (1j * h),
            lambda W, g: derivative(g.coordinates[0] * W, g, 0),
            lambda q, p: q,
            -q_mean,
            "−2iħ ∂_q(qW)",
        ),
        Rule(
            "[q,[q,ρ]]/ħ² = c ∂_p²W",
            -1.0,
            lambda q, p, r: commutator(q, commutator(q, r)) / h**2,
            lambda W, g: derivative(W, g, 1, 1),
            lambda q, p: p @ p,
            2.0,
        ),
        Rule(
            "[p,[p,ρ]]/ħ² = c ∂_q²W",
            -1.0,
            lambda q, p, r: commutator(p, commutator(p, r)) / h**2,
            lambda W, g: derivative(W, g, 0, 0),
            lambda q, p: q @ q,
            2.0,
        ),
        Rule(
            "[q,[p,ρ]]/ħ² = c ∂_q∂_pW",
            1.0,
            lambda q, p, r: commutator(q, commutator(p, r)) / h**2,
            lambda W, g: derivative(W, g, 0, 1),
            lambda q, p: anti(q, p) / 2,
            1.0,
        ),
    )


def section() -> Section:
    """All rows."""
    text = (
        "A coherent state in a Fock basis (m, ω, ħ of *other units*). Derived: expectation values of the operator "
        "expression against partial integration. Grid: its Weyl transform, fitted by the field on the right (nothing "
        "is left). The two signs decide whether Eq. 7 damps: −d ln⟨p⟩/dt of the generator."
    )
    return Section(
        "Phase-space rules (appendix B, Eq. 31)",
        text,
        [*(row(rule) for rule in rules()), master_equation(), damping(), moyal()],
    )


@cache
def matrices() -> tuple[Operator, Operator, Operator]:
    """q, p and rho of the coherent state."""
    m, w, h = UNITS.mass, UNITS.omega, UNITS.hbar
    a = np.diag(np.sqrt(np.arange(1, LEVELS)), 1).astype(complex)
    unit = np.sqrt(h / (2 * m * w))
    q, p = unit * (a + a.T), h / (2 * unit) * (a - a.T) / 1j
    z = MEAN[0] / (2 * unit) + 1j * MEAN[1] * unit / h
    amplitudes = np.ones(LEVELS, dtype=complex)
    for n in range(1, LEVELS):
        amplitudes[n] = amplitudes[n - 1] * z / np.sqrt(n)
    amplitudes[LEVELS - SPARE :] = 0
    amplitudes /= np.linalg.norm(amplitudes)
    return q, p, np.outer(amplitudes, amplitudes.conj())


def weyl(operator: Operator, grid: fp.Grid) -> Array:
    """Weyl transform of a traceless Hermitian operator, as the difference of two states (it is linear)."""
    rho = matrices()[2]
    known = {"mass": UNITS.mass, "hbar": UNITS.hbar, "omega": UNITS.omega}
    moved, still = (fock.from_fock(x, **known).values(grid.coordinates) for x in (rho + operator, rho))
    return np.asarray(moved - still)


def row(rule: Rule) -> Claim:
    """Coefficient three times."""
    q, p, rho = matrices()
    expression = rule.operator(q, p, rho)
    derived = float(np.trace(rule.observable(q, p) @ expression).real) / rule.moment
    grid = box(vacuum(), MEAN, cells=64)
    field, found = rule.field(gaussian(vacuum(), grid, MEAN), grid), weyl(expression, grid)
    coefficient = float((field * found).sum() / (field * field).sum())
    left = np.abs(found - coefficient * field).max() / np.abs(field).max()
    if left > 1e-8:
        raise ArithmeticError(f"{rule.words}: the Weyl transform is no multiple of the field, {left:.1e} is left")
    return Claim("App. B", rule.words, rule.printed, derived, coefficient, rule.remark)


def master_equation() -> Claim:
    """Eq. 7 with the right signs in Fock space, and the generator of Eq. 9 on the grid: int abs(difference)."""
    h, eta, alpha, d_qq, d_pp, d_qp = UNITS.hbar, UNITS.eta, -0.2, 0.3, UNITS.d_pp, 0.1
    q, p, rho = matrices()
    H = p @ p / (2 * UNITS.mass) + UNITS.mass * UNITS.omega**2 / 2 * q @ q + alpha / 2 * anti(q, p)
    right = -1j / h * (commutator(H, rho) + eta / 2 * commutator(q, anti(p, rho)))
    right = right - d_pp / h**2 * commutator(q, commutator(q, rho)) - d_qq / h**2 * commutator(p, commutator(p, rho))
    right = right + 2 * d_qp / h**2 * commutator(q, commutator(p, rho))
    model = oscillator(UNITS, "custom", alpha=alpha, d_qq=d_qq, d_pp=d_pp, d_qp=d_qp)
    grid = box(vacuum(), MEAN)
    found = fp.Generator(model.system, grid).apply(gaussian(vacuum(), grid, MEAN))
    difference = grid.integrate(np.abs(found - weyl(right, grid)))
    what = "Eq. 7, with the right signs, is Eq. 9, all terms: ∫abs(difference of dW/dt)"
    return Claim("Eqs. 7, 9", what, 0.0, 0.0, difference, tolerance=1e-6)


def vacuum() -> Array:
    """Covariance of a coherent state."""
    stiff = UNITS.mass * UNITS.omega
    return UNITS.hbar / 2 * np.diag([1 / stiff, stiff])


def damping() -> Claim:
    """The friction term of Eq. 7 is eta/2 times row 2: d<p>/dt = -eta <p> (1/2) x coefficient."""
    model = oscillator(WARM, "minimally_invasive")
    V = model.V
    grid = box(V, (0.0, 1.0))
    rate = fp.Generator(model.system, grid).apply(gaussian(V, grid, (0.0, 1.0)))
    found = -grid.integrate(grid.coordinates[1] * rate)
    return Claim(
        "App. B, Eq. 7",
        "damping −d ln⟨p⟩/dt with the sign of row 2",
        -WARM.eta,
        -float(model.A[1, 1]),
        found,
        "the printed sign would drive the momentum, against Eq. 9",
    )


def moyal() -> Claim:
    """d<p^3>/dt minus its classical part is (hbar^2/4) <U'''>: the third-derivative term of the bracket (quartic U)."""
    m, w, h, strength = UNITS.mass, UNITS.omega, UNITS.hbar, 0.4
    q, p, rho = matrices()
    q4 = strength / 4 * np.linalg.matrix_power(q, 4)
    quantum = float(np.trace(commutator(np.linalg.matrix_power(p, 3), q4) @ rho).imag) / h  # -(i/hbar) <[p^3, U]>
    V = vacuum()
    v_q, v_p = V[0, 0], V[1, 1]
    cubic = MEAN[0] ** 3 + 3 * MEAN[0] * v_q
    classical = -3 * (MEAN[1] ** 2 + v_p) * strength * cubic
    well = potentials.quartic(mass=m, omega=w, quartic=strength)
    system = System((Particle(m, well, baths.none()),), h)
    grid = box(V, MEAN, cells=96)
    W, p3 = gaussian(V, grid, MEAN), grid.coordinates[1] ** 3
    both = [grid.integrate(p3 * fp.Generator(s, grid).apply(W)) for s in (system, replace(system, moyal=False))]
    printed = h**2 / 4 * 6 * strength * MEAN[0]
    return Claim(
        "Eq. 31",
        "Moyal bracket, quartic well: quantum part of d⟨p³⟩/dt = (ħ²/4)⟨U‴⟩",
        printed,
        quantum - classical,
        both[0] - both[1],
        "from −(ħ²/24) U‴ ∂_p³W",
    )
