"""Appendix D: Wigner and KMS detailed balance, Eqs. 36 and 37, for one particle and for two."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

import fpsolver as fp
from fpsolver.physics import baths, potentials, von_neumann
from fpsolver.physics.system import Coupling, Particle, System
from paper.claim import Claim, Section
from paper.models import UNITS, WARM, Array, Model, box, correlations, even, gaussian, oscillator, reversed_, zero

STIFFNESS, SPRING, TEMPERATURE = 1.0, 0.6, 1.5
FRICTION = (0.2, 0.2, 0.4, 0.1)  # of q1, q2, p1, p2
Dual = Callable[[Array, Array, float], Array]
CELLS = 28  # along each of four axes: two for a deviation, where moments are exact


def section() -> Section:
    """All rows."""
    text = (
        "The generator's dual with respect to the KMS inner product of a Gaussian state has the drift $\\hat A = "
        "FVA^TV^{-1}F^{-1}$, $F = [1 + (\\hbar/2)^2(V\\Omega)^{-2}]^{1/2}$; in the Wigner picture it is $VA^TV^{-1}$. "
        "Detailed balance: either equals $EAE$; *defect*: the largest entry of the difference. On the grid "
        "$C = \\int x\\,L(x^TW)$ and V are measured, $A = CV^{-1}$, and the dual is fpsolver's own; the "
        "two particles live on a grid of $28^4$ cells. One particle: *other units*, but for α of Eq. 18. "
        "They have k = 1, spring 0.6, T = 1.5, $A^I = -\\mathrm{diag}(0.2, 0.2, 0.4, 0.1)$, $B = -2A^IV$."
    )
    return Section("KMS detailed balance (appendix D)", text, [*one_particle(), *two_particles()])


def kms_dual(A: Array, V: Array, hbar: float) -> Array:
    """F V A^T V^-1 F^-1; F by the eigenvectors of V Omega, not as fpsolver does it."""
    n = len(V) // 2
    Omega = np.block([[np.zeros((n, n)), np.eye(n)], [-np.eye(n), np.zeros((n, n))]])
    values, X = np.linalg.eig(V @ Omega)
    F = ((X * np.sqrt(1 + (hbar / 2 / values) ** 2)) @ np.linalg.inv(X)).real
    return np.asarray(F @ V @ A.T @ np.linalg.inv(V) @ np.linalg.inv(F))


def defects(A: Array, V: Array, hbar: float, dual: Dual) -> tuple[float, float]:
    """Of Wigner and of KMS detailed balance."""
    wigner, kms = (largest(A_hat - reversed_(A)) for A_hat in (V @ A.T @ np.linalg.inv(V), dual(A, V, hbar)))
    return wigner, kms


def seen(generator: fp.Generator, W: Array) -> tuple[Array, Array]:
    """A and V from correlations on the grid."""
    V, C = correlations(generator, W, 2)
    return C @ np.linalg.inv(V), V


def one_particle() -> list[Claim]:
    """Equivalence, and the ambiguity of Eq. 37."""
    rows = []
    cases = (
        ("α of Eq. 18", oscillator(WARM, "symmetry_broken", alpha="detailed_balance"), WARM.hbar),
        ("Caldeira–Leggett", oscillator(UNITS, "caldeira_leggett"), UNITS.hbar),
        ("minimally invasive", oscillator(UNITS, "minimally_invasive"), UNITS.hbar),
    )
    for name, model, hbar in cases:
        wigner, kms = defects(model.A, model.V, hbar, kms_dual)
        on_grid = defects(*seen(model.generator, model.result.final.W), hbar, von_neumann.kms_dual)[1]
        rows.append(
            Claim(
                "App. D",
                f"N = 1, {name}: KMS defect = Wigner defect",
                zero(wigner),
                zero(kms),
                on_grid,
                "F is a number",
            )
        )
    return [*rows, ambiguity(cases[-1][1])]


def ambiguity(model: Model) -> Claim:
    """Eq. 37 with the KMS-symmetric part of A instead of A^I."""
    A, V = model.A, model.V
    derived = largest(model.B + (A + V @ A.T @ np.linalg.inv(V)) @ V)
    A_grid, V_grid = seen(model.generator, model.result.final.W)
    grid = largest(model.B + (A_grid + V_grid @ A_grid.T @ np.linalg.inv(V_grid)) @ V_grid)
    wrong = largest(model.B + 2 * even(A) @ V)
    remark = f"an identity (Lyapunov) that says nothing: it needs A_irr = A^I, which gives {wrong:.6g}"
    return Claim(
        "Eq. 37",
        "minimally invasive: B = −2A_irr V with A_irr the KMS-symmetric part of A, defect",
        None,
        zero(derived),
        grid,
        remark,
    )


def largest(M: Array) -> float:
    """Largest absolute entry."""
    return float(np.abs(M).max())


@cache
def chain() -> tuple[System, Array]:
    """Two oscillators on a spring, in the classical Gibbs state of a completely positive bath."""
    K = np.diag([STIFFNESS] * 2) + SPRING * np.array([[1.0, -1.0], [-1.0, 1.0]])
    V = np.zeros((4, 4))
    V[:2, :2], V[2:, 2:] = TEMPERATURE * np.linalg.inv(K), TEMPERATURE * np.eye(2)
    drift = -np.diag(FRICTION)
    well = potentials.harmonic(mass=1.0, omega=float(np.sqrt(STIFFNESS)))
    particles = (Particle(1.0, well, baths.none()), Particle(1.0, well, baths.none()))
    return System(particles, 1.0, drift, -2 * drift @ V, (Coupling(0, 1, SPRING),)), V


def two_particles() -> list[Claim]:
    """The counter-example."""
    system, V = chain()
    A, B = system.drift_matrix, system.diffusion_matrix
    if not system.is_completely_positive() or np.abs(A @ V + V @ A.T + B).max() > 1e-12:
        raise ArithmeticError("the counter-example must be completely positive, and V its steady state")
    grid = box(V, cells=CELLS)
    W, generator = gaussian(V, grid), fp.Generator(system, grid)
    derived = defects(A, V, 1.0, kms_dual)
    found = defects(*seen(generator, W), 1.0, von_neumann.kms_dual)
    return [
        Claim(
            "App. D",
            "N = 2, completely positive: Wigner defect",
            None,
            zero(derived[0]),
            found[0],
            f"detailed balance holds (complete positivity: smallest eigenvalue {system.cp_margin():.3g})",
        ),
        Claim(
            "App. D",
            "N = 2: equivalent to KMS detailed balance, KMS defect",
            0.0,
            derived[1],
            found[1],
            "F does not commute with EAE",
            size=0.01,
        ),
    ]
