"""Complete positivity and the steady production of the minimally invasive model: Eqs. 7-15 and the conclusions."""

from __future__ import annotations

import numpy as np

from paper.claim import Claim, Says, Section, positive
from paper.models import (
    COLD,
    SETS,
    UNITS,
    WARM,
    Array,
    Model,
    Parameters,
    average,
    oscillator,
    purest_test,
    purity_growth,
    zero,
)

GROWS = Says("> 0", positive)
FACTOR = "V₁₂ = −mD_qq: the printed value is ⟨{q,p}⟩ = 2V₁₂"


def section() -> Section:
    """All rows."""
    text = (
        "*Growth of purity*: d ln Tr ρ²/dt of the pure Gaussian with $V = (\\hbar/2)B/\\sqrt{\\det B}$, on the grid "
        "$2\\int W\\,LW/\\int W^2$. It equals $-\\mathrm{Tr}A - (4/\\hbar)\\sqrt{D_{qq}D_{pp}-D_{qp}^2}$, and a "
        "completely positive map never purifies a pure state: > 0 means not completely positive, 0 on the boundary."
    )
    return Section(
        "Complete positivity and steady production (Eqs. 7–15)",
        text,
        [*positivity(), *eq13(), *eq14(), *eq15(), *words()],
    )


def growth(
    where: str, what: str, printed: Says | float, model: Model, V: Array | None = None, remark: str = ""
) -> Claim:
    """A row about the growth of purity, of the purest state if no other is given."""
    derived, grid = purity_growth(model.system, purest_test(model.system) if V is None else V)
    return Claim(where, what, printed, zero(derived), grid, remark, tolerance=1e-6)


def positivity() -> list[Claim]:
    """Eq. 8 and what surrounds it."""
    classical = oscillator(WARM, "caldeira_leggett")
    narrow = 2 * WARM.d_pp / WARM.eta
    squeezed = np.diag([WARM.hbar**2 / 4 / narrow, narrow])
    rows = [
        growth(
            "before Eq. 7",
            "Caldeira–Leggett is not completely positive: growth of purity of a squeezed state",
            GROWS,
            classical,
            squeezed,
        )
    ]
    for known, d_qp in ((WARM, 0.0), (WARM, 0.2), (UNITS, -0.3)):
        model = oscillator(known, "custom", d_pp=known.d_pp, d_qq=known.d_qq(d_qp), d_qp=d_qp)
        rows.append(
            growth(
                "Eq. 8",
                f"{known.name}, D_qp = {d_qp:g}: growth of purity",
                0.0,
                model,
                remark="the boundary of complete positivity",
            )
        )
    larger = oscillator(WARM, "custom", d_pp=WARM.d_pp, d_qq=2 * WARM.d_qq())
    rows.append(
        growth(
            "Eq. 8",
            "D_qq is “fixed”, so that twice its value breaks complete positivity",
            GROWS,
            larger,
            remark="it is the smallest possible value, any larger one does",
        )
    )
    return rows


def eq13() -> list[Claim]:
    """The momentum current, by its share of Pi: int J_p^2/(D_pp W)."""
    rows = []
    for known, name in ((WARM, "caldeira_leggett"), (WARM, "minimally_invasive"), (UNITS, "minimally_invasive")):
        model = oscillator(known, name)
        right, printed = momentum_share(model, known, misprinted=False), momentum_share(model, known, misprinted=True)
        words = "Gibbs state of Caldeira–Leggett" if name == "caldeira_leggett" else f"steady state, {known.name}"
        rows.append(
            Claim(
                "Eq. 13",
                f"∫J_p²/(D_pp W), {words}",
                printed,
                zero(right),
                model.result.last("entropy_production_p"),
                "J_p = −(ηp + D_pp ∂_p)W",
            )
        )
    return rows


def momentum_share(model: Model, known: Parameters, *, misprinted: bool) -> float:
    """Int J_p^2/(D_pp W) by quadrature, with J_p = -(eta p + D_pp) d_p W as printed, or -(eta p + D_pp d_p) W."""
    precision, D, eta = np.linalg.inv(model.V), known.d_pp, known.eta

    def density(q: Array, p: Array) -> Array:
        slope = -(precision[1, 0] * q + precision[1, 1] * p)
        J = (eta * p + D) * slope if misprinted else eta * p + D * slope
        return np.asarray(J**2 / D)

    return average(density, model.V)


def eq14() -> list[Claim]:
    """Steady variances as printed."""
    rows = []
    for known in (WARM, UNITS):
        model = oscillator(known, "minimally_invasive")
        V, m, w, eta, D_pp, D_qq = model.grid_V, known.mass, known.omega, known.eta, known.d_pp, known.d_qq()
        s_p = (D_pp + m**2 * w**2 * D_qq) / eta
        s_q = eta * D_qq / w**2 + D_qq / eta + D_pp / (eta * m**2 * w**2)
        rows += [
            Claim("Eq. 14", f"σ_q², {known.name}", s_q, model.V[0, 0], V[0, 0]),
            Claim("Eq. 14", f"σ_p², {known.name}", s_p, model.V[1, 1], V[1, 1]),
            Claim("Eq. 14", f"σ_pq = −2mD_qq, {known.name}", -2 * m * D_qq, model.V[0, 1], V[0, 1], FACTOR),
        ]
    return rows


def eq15() -> list[Claim]:
    """Steady production as printed, against Lyapunov's V in Eq. 12."""
    rows = []
    for known in SETS:
        model = oscillator(known, "minimally_invasive")
        closed = known.eta * known.y
        if abs(closed - model.Pi) > 1e-12 * closed:
            raise ArithmeticError(f"eta (beta hbar omega/4)^2 = {closed} is not Pi = {model.Pi}")
        remark = "Π_S = ηm²ω²D_qq/D_pp = η(βħω/4)²"
        rows.append(
            Claim(
                "Eq. 15",
                f"Π_S, {known.name}",
                printed_eq15(known),
                model.Pi,
                model.result.last("entropy_production"),
                remark,
                size=known.eta,
            )
        )
        rows.append(
            Claim(
                "Eq. 15",
                f"Π_S = Φ_S, {known.name}",
                printed_eq15(known),
                model.Phi,
                model.result.last("entropy_flux"),
                "Φ_S of Eq. 11 is the same number",
                size=known.eta,
            )
        )
    return rows


def printed_eq15(known: Parameters) -> float:
    """D_qq eta m^2 w^2 (1/D_pp + 3 D_qq eta^2 m^2/calD), which is Eq. 12 with the printed sigma_pq of Eq. 14."""
    m, eta, D_pp, D_qq = known.mass, known.eta, known.d_pp, known.d_qq()
    stiff = (m * known.omega) ** 2
    cal_D = (D_pp + stiff * D_qq) ** 2 + eta**2 * m**2 * D_qq * (D_pp - 3 * stiff * D_qq)
    return D_qq * eta * stiff * (1 / D_pp + 3 * D_qq * eta**2 * m**2 / cal_D)


def words() -> list[Claim]:
    """Statements of the text about these models."""
    cold, cross = oscillator(COLD, "minimally_invasive"), oscillator(WARM, "translation_covariant", d_qp=0.2)
    energy = np.diag([COLD.mass * COLD.omega**2, 1 / COLD.mass])
    change = cold.A @ cold.V + cold.V @ cold.A.T + cold.B
    return [
        Claim(
            "conclusions",
            "translation-covariant CPTP dynamics “always” violates detailed balance: well, D_qp = 0.2, Π_S",
            GROWS,
            cross.Pi,
            cross.result.last("entropy_production"),
        ),
        Claim(
            "conclusions",
            "“indefinite heating”: d⟨H⟩/dt in the steady state, cold",
            GROWS,
            zero(np.trace(energy @ change) / 2),
            heating(cold, COLD),
            "friction removes what D_qq heats",
        ),
    ]


def heating(model: Model, known: Parameters) -> float:
    """Int H L W on the grid of the steady state."""
    grid = model.result.grid
    q, p = grid.coordinates
    H = p**2 / (2 * known.mass) + known.mass * known.omega**2 * q**2 / 2
    return grid.integrate(H * model.generator.apply(model.result.final.W))
