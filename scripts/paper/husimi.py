"""Appendix C: the Husimi picture (Eqs. 32-35), and Wigner, Wehrl and Spohn production in cold baths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import fpsolver as fp
from fpsolver.physics import baths, potentials
from fpsolver.physics.system import Particle, System
from paper.claim import Claim, Says, Section
from paper.models import (
    COLD,
    UNITS,
    WARM,
    Array,
    Model,
    Parameters,
    box,
    gaussian,
    oscillator,
    second_moments,
    zero,
)

GENERAL = "printed for mω = 1"
STATE = np.array([[0.9, 0.2], [0.2, 1.1]])  # any W will do to measure the diffusion of Q
BETAS = (20.0, 40.0)
BOUNDED = Says("bounded (implied)", lambda ratio: ratio < 1.5)
GROWS = Says("diverges", lambda ratio: ratio > 1.5)


def section() -> Section:
    """All rows."""
    text = (
        "$Q = W*G$, G of covariance $\\Sigma_0 = (\\hbar/2)\\,\\mathrm{diag}(1/m\\omega, m\\omega)$. The diffusion of "
        "Q is measured on the grid: $B_Q = \\dot V_Q - AV_Q - V_QA^T$ with both moments from W and LW, smoothed. "
        "Theory: $B - A\\Sigma_0 - \\Sigma_0A^T$ ([proof](physics.md#husimi-picture))."
    )
    return Section(
        "Husimi picture (appendix C, Eqs. 32–35)", text, [*diffusion(), *balance(), *thermal(), *cold_baths()]
    )


def sigma0(known: Parameters) -> Array:
    """Width of the vacuum."""
    return known.hbar / 2 * np.diag([1 / (known.mass * known.omega), known.mass * known.omega])


def smoothed_diffusion(A: Array, B: Array, known: Parameters) -> Array:
    """B - A Sigma0 - Sigma0 A^T."""
    half = A @ sigma0(known)
    return np.asarray(B - half - half.T)


def measured(system: System, known: Parameters) -> Array:
    """B_Q from a W on the grid and its dW/dt, both smoothed."""
    grid = box(STATE + sigma0(known))
    W = gaussian(STATE, grid)
    rate = fp.Generator(system, grid).apply(W)
    V, change = (second_moments(fp.thermo.husimi(f, system, grid, omega=known.omega), grid) for f in (W, rate))
    half = system.drift_matrix @ V
    return np.asarray(change - half - half.T)


def diffusion() -> list[Claim]:
    """The unnumbered equation after Eq. 33."""
    rows = []
    for known in (WARM, UNITS):
        model = oscillator(known, "minimally_invasive")
        theory = smoothed_diffusion(model.A, model.B, known) / 2
        grid = measured(model.system, known) / 2
        rows.append(
            Claim(
                "after Eq. 33",
                f"D_pp of Q = D_pp + ħ/2, {known.name}",
                known.d_pp + known.hbar / 2,
                theory[1, 1],
                grid[1, 1],
                "D_pp + ηħmω/2: the friction rate is missing",
            )
        )
    tuned = oscillator(WARM, "symmetry_broken", alpha=-0.1)
    theory, grid = smoothed_diffusion(tuned.A, tuned.B, WARM) / 2, measured(tuned.system, WARM) / 2
    rows.append(
        Claim(
            "after Eq. 33",
            "“at most quadratic Hamiltonians”: D_qq of Q, α = −0.1",
            WARM.d_qq(),
            theory[0, 0],
            grid[0, 0],
            "D_qq − αħ/2mω",
        )
    )
    free = System(
        (Particle(WARM.mass, potentials.free(), baths.caldeira_leggett(mass=WARM.mass, eta=WARM.eta, beta=WARM.beta)),),
        WARM.hbar,
    )
    theory, grid = smoothed_diffusion(free.drift_matrix, free.diffusion_matrix, WARM) / 2, measured(free, WARM) / 2
    rows.append(
        Claim(
            "after Eq. 33",
            "“at most quadratic Hamiltonians”: D_qp of Q, free particle",
            0.0,
            theory[0, 1],
            grid[0, 1],
            "−ħω/4; nothing is added for the oscillator matched to the width only",
        )
    )
    return rows


def balance() -> list[Claim]:
    """Detailed balance in terms of Q."""
    rows = []
    for known in (WARM, UNITS):
        model = oscillator(known, "caldeira_leggett")
        V_pp = model.V[1, 1] + sigma0(known)[1, 1]
        naive, right = known.d_pp + known.hbar / 2, smoothed_diffusion(model.A, model.B, known)[1, 1] / 2
        printed, derived = ((D / V_pp - known.eta) ** 2 * V_pp / D for D in (naive, right))
        rows.append(
            Claim(
                "before Eq. 34",
                f"W → Q violates detailed balance: ∫J_Q²/(D_pp Q), Caldeira–Leggett, {known.name}",
                printed,
                zero(derived),
                model.result.last("wehrl_production"),
                "with the right D_pp it holds; Eq. 34 is that condition",
            )
        )
    return rows


def thermal() -> list[Claim]:
    """Eq. 35 and what is said about it."""
    rows = []
    for known in (WARM, UNITS):
        model, stiff = oscillator(known, "caldeira_leggett"), (known.mass * known.omega) ** 2
        V, seen = model.V + sigma0(known), husimi_covariance(model, known)
        printed = known.mass / known.beta + known.hbar / 2
        rows += [
            Claim(
                "Eq. 35",
                f"⟨p²⟩ in Q_S, {known.name}",
                printed,
                V[1, 1],
                seen[1, 1],
                "" if stiff == 1 else f"{GENERAL}; m/β + ħmω/2",
            ),
            Claim(
                "Eq. 35",
                f"⟨q²⟩ in Q_S, {known.name}",
                printed / stiff,
                V[0, 0],
                seen[0, 0],
                "" if stiff == 1 else f"{GENERAL}; 1/βmω² + ħ/2mω",
            ),
        ]
    warm, cold = oscillator(WARM, "caldeira_leggett"), oscillator(COLD, "caldeira_leggett")
    quantum = WARM.mass * WARM.quantum_temperature + sigma0(WARM)[1, 1]
    size = [2 / COLD.hbar * float(np.sqrt(np.linalg.det(V))) for V in (cold.V, cold.grid_V)]
    return [
        *rows,
        Claim(
            "after Eq. 35",
            "“exactly the Q-function of the desired thermal state”: ⟨p²⟩, warm",
            quantum,
            warm.V[1, 1] + sigma0(WARM)[1, 1],
            husimi_covariance(warm, WARM)[1, 1],
            "the smoothed classical Gibbs state; equal for βħω ≪ 1",
        ),
        Claim(
            "after Eq. 35",
            "the same, so that (2/ħ)√det V_W ≥ 1 (implied), cold",
            Says("≥ 1", lambda nu: nu >= 1),
            size[0],
            size[1],
            "2/βħω: below the uncertainty relation for βħω > 2",
        ),
    ]


def husimi_covariance(model: Model, known: Parameters) -> Array:
    """Covariance of Q of the steady state on the grid, in a box that holds Q."""
    grid = model.result.grid
    wide = fp.Grid(tuple(replace(a, low=2 * a.low, high=2 * a.high, cells=2 * a.cells) for a in grid.axes))
    inner = [slice(a.cells // 2, a.cells // 2 + a.cells) for a in grid.axes]
    W = np.zeros(wide.shape)
    W[tuple(inner)] = model.result.final.W
    return second_moments(fp.thermo.husimi(W, model.system, wide, omega=known.omega), wide)


def cold_baths() -> list[Claim]:
    """Growth of three productions from beta = 20 to beta = 40 (m = omega = hbar = 1, eta = 0.5)."""
    sets = [replace(WARM, beta=beta) for beta in BETAS]
    steady = [oscillator(known, "minimally_invasive") for known in sets]
    wehrl = [known.eta * known.d_qq() / (known.d_pp + known.eta / 2) for known in sets]
    spohn = [spohn_of_a_displaced_state(known) for known in sets]
    what = "β = 40 over β = 20"
    return [
        Claim(
            "end of App. C",
            f"Spohn’s production (quantum-optical damping, V = 1, ⟨q⟩ = 1), {what}",
            GROWS,
            ratio([s[0] for s in spohn]),
            ratio([s[1] for s in spohn]),
            "linear in β",
        ),
        Claim(
            "end of App. C",
            f"Wigner Π_S (minimally invasive), {what}",
            BOUNDED,
            ratio([m.Pi for m in steady]),
            ratio([m.result.last("entropy_production") for m in steady]),
            "quadratic in β: it diverges faster than Spohn’s",
        ),
        Claim(
            "end of App. C",
            f"Wehrl Π_S (minimally invasive), {what}",
            BOUNDED,
            ratio(wehrl),
            ratio([m.result.last("wehrl_production") for m in steady]),
            "η(βħω)²/(16 + 8βħω), linear in the end: the limit T → 0 does not select",
        ),
    ]


def ratio(pair: list[float]) -> float:
    """Second over first."""
    return pair[1] / pair[0]


def spohn_of_a_displaced_state(known: Parameters) -> tuple[float, float]:
    """-dS(rho||Gibbs)/dt = dS_vN/dt - beta d<H>/dt from A and B, and from dW/dt on the grid (unit oscillator)."""
    model, V, mean = oscillator(known, "quantum_optical"), np.eye(2), np.array([1.0, 0.0])
    exact = spohn(known, V, model.A @ V + V @ model.A.T + model.B, float(mean @ model.A @ mean))
    grid = box(V, [1.0, 0.0])
    rate = fp.Generator(model.system, grid).apply(gaussian(V, grid, [1.0, 0.0]))
    x = np.broadcast_arrays(*grid.coordinates)
    shift = np.array([grid.integrate(a * rate) for a in x])
    change = second_moments(rate, grid) - np.outer(mean, shift) - np.outer(shift, mean)
    return exact, spohn(known, V, change, float(mean @ shift))


def spohn(known: Parameters, V: Array, change: Array, work: float) -> float:
    """From dS_vN/dt = nu arccoth(nu) Tr[V^-1 dV/dt]/2, nu = 2 sqrt(det V)/hbar, and d<H>/dt = Tr[dV/dt]/2 + work."""
    nu = 2 * float(np.sqrt(np.linalg.det(V))) / known.hbar
    entropy = nu * np.arctanh(1 / nu) * np.trace(np.linalg.solve(V, change)) / 2
    return float(entropy - known.beta * (np.trace(change) / 2 + work))
