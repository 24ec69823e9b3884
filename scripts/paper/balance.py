"""Entropy balance, detailed balance and the theorem: Eqs. 1-6 and appendix A (21-30)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import pairwise

import numpy as np
from scipy.linalg import expm

import fpsolver as fp
from fpsolver import api
from paper.claim import Claim, Says, Section, positive
from paper.models import (
    WARM,
    Array,
    Model,
    asymmetry,
    average,
    configuration,
    correlations,
    entropy_rate,
    flux,
    oscillator,
    production,
    reversed_,
    zero,
)

TIME, START, WIDTH = 1.0, (1.5, -0.5), ((0.8, 0.1), (0.1, 0.7))  # a relaxation, watched at t = 1


def section() -> Section:
    """All rows."""
    text = (
        "The balance on the way to the steady state ($D_{qp} = 0.2$, a displaced Gaussian after t = 1), then what "
        "detailed balance does and does not imply. *Asymmetry*: largest entry of $C_k - EC_k^TE$, "
        "$C_k = d^k\\langle x(t)x(0)^T\\rangle/dt^k$ at t = 0, k = 0, 1, 2; on the grid $\\int x_i L^k(x_jW)$."
    )
    return Section(
        "Entropy balance and detailed balance (Eqs. 1–6, 11, 12, appendix A)",
        text,
        [*moving(), *still(), *theorem(), *paths()],
    )


@cache
def relaxation() -> tuple[Model, fp.Result, Array, Array]:
    """A run to t = 1 with cross-diffusion, and its exact mean and covariance."""
    config = configuration(WARM, "translation_covariant", d_qp=0.2).replaced(
        initial={"kind": "gaussian", "mean": list(START), "covariance": [list(row) for row in WIDTH]},
        time={"method": "stepping", "until": TIME},
    )
    model = Model(config)
    M = expm(model.A * TIME)
    V = M @ (np.array(WIDTH) - model.V) @ M.T + model.V
    return model, api.run_problem(api.prepare(config)), M @ np.array(START), V


def moving() -> list[Claim]:
    """Eqs. 3, 11 and 12 away from the steady state; printed: these integrals, with J_p of the right Eq. 13."""
    model, result, mean, V = relaxation()
    A, B = model.A, model.B
    D, eta, precision = B / 2, WARM.eta, np.linalg.inv(V)

    def slope(q: Array, p: Array) -> Array:
        return np.asarray(-precision @ np.stack([q, p]))

    def eq12(q: Array, p: Array) -> Array:
        s = slope(q, p)
        J_q, J_p = -D[0, 0] * s[0], -eta * (p + mean[1]) - D[1, 1] * s[1]
        return np.asarray(J_q**2 / D[0, 0] + J_p**2 / D[1, 1])

    def eq11(q: Array, p: Array) -> Array:
        s = slope(q, p)
        J_p = -eta * (p + mean[1]) - D[1, 1] * s[1]
        return np.asarray(-eta * (p + mean[1]) * J_p / D[1, 1] - 2 * D[0, 1] * s[0] * s[1])

    Pi, Phi = average(eq12, V), average(eq11, V)
    return [
        Claim("Eq. 12", "Π at t = 1", Pi, production(A, B, V, mean), result.last("entropy_production"), tolerance=1e-6),
        Claim("Eq. 11", "Φ at t = 1", Phi, flux(A, B, V, mean), result.last("entropy_flux"), tolerance=1e-6),
        Claim(
            "Eq. 3, 28",
            "dS/dt = Π − Φ at t = 1",
            Pi - Phi,
            entropy_rate(A, B, V),
            result.last("entropy_rate"),
            "all signs",
            tolerance=1e-6,
        ),
    ]


def still() -> list[Claim]:
    """What vanishes in an equilibrium: Caldeira-Leggett."""
    model = oscillator(WARM, "caldeira_leggett")
    found, grid = model.result.final, model.result.grid
    p = grid.coordinates[1]
    reversible = model.V[1, 1] / WARM.mass  # int p J_q^R, J^R = (p/m, -m w^2 q) W
    return [
        Claim(
            "Eq. 2",
            "Caldeira–Leggett: line 1, ∫p (2A^I x W − B∇W)_p = 2D_pp − 2η⟨p²⟩",
            0.0,
            zero(model.B[1, 1] - 2 * WARM.eta * model.V[1, 1]),
            2 * grid.integrate(p * found.J_irreversible[1]),
            "and line 2 trivially, B being diagonal",
        ),
        Claim(
            "Eq. 25",
            "Caldeira–Leggett: irreversible current, ∫p J^I_p",
            0.0,
            zero(np.trace(model.B) / 2 - WARM.eta * model.V[1, 1]),
            grid.integrate(p * found.J_irreversible[1]),
        ),
        Claim(
            "after Eq. 4",
            "Caldeira–Leggett: in detailed balance the total current vanishes, ∫p J_q = 0",
            0.0,
            float(reversible),
            grid.integrate(p * found.J[0]),
            "only J^I vanishes; the Hamiltonian flow (p/m, −U′)W stays",
        ),
        noiseless(),
    ]


def noiseless() -> Claim:
    """Footnote 1: where B^I becomes singular and the irreversible drift leaves its range, Pi diverges as 1/D_qq."""
    d_qq = 1e-4
    model = oscillator(WARM, "symmetry_broken", alpha=-0.1, d_qq=d_qq)
    vanishes = Says("finite Π: → 0", lambda value: value < d_qq)
    return Claim(
        "footnote 1",
        "B^I ≥ 0 is enough: D_qq Π_S as D_qq → 0 (here 10⁻⁴), α = −0.1",
        vanishes,
        d_qq * model.Pi,
        d_qq * model.result.last("entropy_production"),
        "Π = ∞: the drift αq needs noise; B^I has no "
        "inverse, and its pseudo-inverse is enough only if A^I stays in the range of B^I",
    )


def theorem() -> list[Claim]:
    """J^I = 0 and B^R = 0 imply detailed balance, and conversely."""
    balanced = (
        ("Caldeira–Leggett", oscillator(WARM, "caldeira_leggett")),
        ("α of Eq. 18", oscillator(WARM, "symmetry_broken", alpha="detailed_balance")),
        ("ξ in tune", oscillator(WARM, "position_friction", xi="detailed_balance")),
        ("quantum-optical damping", oscillator(WARM, "quantum_optical")),
    )
    broken = (
        ("D_qq alone (J^I ≠ 0)", oscillator(WARM, "minimally_invasive")),
        ("D_qp = 0.2 (J^I ≠ 0, B^R ≠ 0)", oscillator(WARM, "translation_covariant", d_qp=0.2)),
    )
    never_zero = Says("≠ 0", positive)
    rows = [
        symmetry("theorem, Eq. 29", f"{name}: J^I = 0 and B^R = 0, so the asymmetry is 0", 0.0, model)
        for name, model in balanced
    ]
    return rows + [symmetry("converse", f"{name}: asymmetry", never_zero, model) for name, model in broken]


def symmetry(where: str, what: str, printed: float | Says, model: Model) -> Claim:
    """One row about time reversal; theory: C_k = A^k V."""
    A, V = model.A, model.V
    derived = asymmetry([V, A @ V, A @ A @ V])
    return Claim(where, what, printed, zero(derived), asymmetry(correlations(model.generator, model.result.final.W)))


def paths() -> list[Claim]:
    """Eq. 4 against the relative entropy of paths and reversed paths, at the smallest time steps."""
    plain, cross = oscillator(WARM, "minimally_invasive"), oscillator(WARM, "translation_covariant", d_qp=0.2)
    limit = float(np.trace(np.linalg.solve(cross.B, reversed_(cross.B)))) / 2 - 1
    return [
        Claim(
            "Eq. 4",
            "D_qp = 0: Π is the rate of relative entropy of paths to reversed paths",
            plain.Pi,
            extrapolated(lambda dt: path_entropy(plain, dt) / dt),
            plain.result.last("entropy_production"),
            tolerance=1e-6,
        ),
        Claim(
            "Eq. 4",
            "D_qp = 0.2: the same rate is finite, so that rate × dt → 0",
            0.0,
            extrapolated(lambda dt: path_entropy(cross, dt)),
            None,
            f"it tends to (Tr[B⁻¹EBE] − 2)/2 = {limit:.6g}: path and reversed path have noise of different covariance",
        ),
    ]


def path_entropy(model: Model, dt: float) -> float:
    """Mean of ln P(x'|x) - ln P(Ex|Ex') over one step of the stationary process."""
    V, M = model.V, expm(model.A * dt)
    C, RV = V - M @ V @ M.T, reversed_(V)
    back = reversed_(V @ M.T) @ M.T  # <x x'^T> = V M^T, seen reversed
    S = RV - back - back.T + M @ RV @ M.T
    return float(np.trace(np.linalg.solve(C, S))) / 2 - 1


def extrapolated(f: Callable[[float], float], dt: float = 0.02) -> float:
    """Value of a smooth f at 0 from dt, dt/2, dt/4, dt/8."""
    values = [f(dt / 2**k) for k in range(4)]
    for order in range(1, 4):
        values = [(2**order * b - a) / (2**order - 1) for a, b in pairwise(values)]
    return float(values[0])
