"""Fine tuning, Eqs. 16-20: squeezing alpha and friction xi of the position."""

from __future__ import annotations

import numpy as np

import fpsolver as fp
from paper.claim import Claim, Says, Section, not_positive
from paper.models import COLD, UNITS, WARM, Model, Parameters, box, gaussian, oscillator, zero
from paper.production import growth

TOO_COLD = 3.0  # beta hbar omega
NEVER_GROWS = Says("≤ 0", not_positive)


def section() -> Section:
    """All rows."""
    text = "Steady states in tune are found on the grid as any other; temperatures are $m\\omega^2V_{11}$."
    return Section("Fine tuning (Eqs. 16–20)", text, [*squeezing(), *friction()])


def alpha_of_eq18(known: Parameters) -> float:
    """alpha_DB as printed."""
    stiff = (known.mass * known.omega) ** 2 * known.d_qq()
    return -known.eta * stiff / (known.d_pp + stiff)


def tuned(known: Parameters) -> Model:
    """The model with that alpha, given as a number."""
    return oscillator(known, "symmetry_broken", alpha=alpha_of_eq18(known))


def squeezing() -> list[Claim]:
    """Eqs. 18 and 19, and the temperature reached."""
    rows = []
    for known in (WARM, UNITS):
        model, alpha = tuned(known), alpha_of_eq18(known)
        V, D_qq, D_pp = model.grid_V, known.d_qq(), known.d_pp
        rows += [
            Claim(
                "Eq. 18",
                f"Π_S = 0 at α_DB = {alpha:.6g}, {known.name}",
                0.0,
                zero(model.Pi),
                model.result.last("entropy_production"),
            ),
            Claim(
                "Eq. 19",
                f"V_S,qq = α/2D_qq, {known.name}",
                alpha / (2 * D_qq),
                model.V[0, 0],
                V[0, 0],
                "−D_qq/α; printed are the entries of −V⁻¹/2",
            ),
            Claim(
                "Eq. 19",
                f"V_S,pp = −(η + α)/2D_pp, {known.name}",
                -(known.eta + alpha) / (2 * D_pp),
                model.V[1, 1],
                V[1, 1],
                "D_pp/(η + α)",
            ),
            Claim("Eq. 19", f"V_S,qp, {known.name}", 0.0, zero(model.V[0, 1]), V[0, 1]),
        ]
    for known in (WARM, COLD):
        model = tuned(known)
        stiffness = known.mass * known.omega**2
        remark = f"(1 + (βħω/4)²)/β; the quantum Gibbs state has {known.quantum_temperature:.6g}"
        rows.append(
            Claim(
                "after Eq. 19",
                f"“restores proper equilibration”: temperature 1/β, {known.name}",
                1 / known.beta,
                stiffness * model.V[0, 0],
                stiffness * model.grid_V[0, 0],
                remark,
            )
        )
    return rows


def friction() -> list[Claim]:
    """Eq. 20 and what is said about it."""
    xi = 0.05
    printed = oscillator(WARM, "position_friction", xi=xi, d_qq=WARM.d_qq())
    right = oscillator(WARM, "position_friction", xi=xi)
    in_tune = oscillator(WARM, "position_friction", xi="detailed_balance")
    return [
        identity(WARM, xi),
        growth(
            "after Eq. 20",
            "“keeps the dynamics CPTP”: ξ = 0.05 with D_qq of Eq. 8, growth of purity",
            NEVER_GROWS,
            printed,
            remark="Eq. 8 needs η + ξ for η",
        ),
        growth("Eq. 8 with η + ξ", "ξ = 0.05: growth of purity", None, right, remark="the boundary again"),
        Claim(
            "after Eq. 20",
            "Π_S = 0 at ξ = ηm²ω²D_qq/D_pp, warm",
            0.0,
            zero(in_tune.Pi),
            in_tune.result.last("entropy_production"),
            "with D_qq on the boundary, for βħω ≤ 2 only",
        ),
        Claim(
            "after Eq. 20",
            "the classical Gibbs state at β: V_qq, warm",
            1 / (WARM.beta * WARM.mass * WARM.omega**2),
            in_tune.V[0, 0],
            in_tune.grid_V[0, 0],
        ),
        too_cold(),
    ]


def identity(known: Parameters, xi: float) -> Claim:
    """The xi friction is alpha -> alpha - xi, eta -> eta + xi: int abs(difference of L W) for a displaced Gaussian."""
    numbers = {"d_pp": known.d_pp, "d_qq": 0.1, "d_qp": 0.05}
    one = oscillator(known, "custom", xi=xi, alpha=-0.02, **numbers)
    shifted = Parameters("", known.mass, known.omega, known.hbar, known.beta, known.eta + xi)
    other = oscillator(shifted, "custom", alpha=-0.02 - xi, **numbers)
    V = np.array([[1.2, 0.3], [0.3, 0.9]])
    grid = box(V)
    rates = [fp.Generator(m.system, grid).apply(gaussian(V, grid)) for m in (one, other)]
    size = float(np.abs(one.A - other.A).max() + np.abs(one.B - other.B).max())
    return Claim(
        "Eq. 20",
        "ξ is α → α − ξ, η → η + ξ: ∫abs(difference of dW/dt)",
        0.0,
        zero(size),
        grid.integrate(np.abs(rates[0] - rates[1])),
    )


def too_cold() -> Claim:
    """Detailed balance with xi = r eta needs D_qq = r D_pp/(m w)^2; growth of purity is least at r = (2/x_b)^2."""
    known = Parameters("", 1.0, 1.0, 1.0, TOO_COLD, 0.5)
    r = (2 / TOO_COLD) ** 2
    model = oscillator(known, "position_friction", xi=r * known.eta, d_qq=r * known.d_pp)
    what = f"completely positive and in detailed balance, βħω = {TOO_COLD:g}: growth of purity at the best ξ"
    return growth(
        "after Eq. 20",
        what,
        NEVER_GROWS,
        model,
        remark="impossible for βħω > 2: that Gibbs state violates the uncertainty relation",
    )
