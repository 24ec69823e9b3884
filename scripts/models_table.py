"""Write docs/models.md: every model of configs/ compared, from exact steady states (no grid).

    python scripts/models_table.py [--check]

``--check`` writes nothing and ends with status 1 if the page is not what the code gives.
"""

from __future__ import annotations

import sys
from pathlib import Path

import fpsolver as fp
from fpsolver.errors import NoSteadyStateError
from fpsolver.physics import equilibrium, exact
from fpsolver.physics.system import System
from fpsolver.thermo.detailed_balance import gaussian_detailed_balance, kms_residual, parity_residual

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "models.md"
NONE = "–"
COLUMNS = (
    "configuration", "completely positive", "detailed balance", "KMS", "line 2", "Π", "Φ",
    "T of q", "T of p", "to classical Gibbs", "to quantum Gibbs",
)  # fmt: skip

HEAD = """\
# All models compared

Exact steady states of the harmonic oscillators in `configs/` (m = ħ = ω = k_B = 1; β = 0.7 and η = 0.5 unless the name
says otherwise), from the Lyapunov equation A V + V Aᵀ + B = 0. `python scripts/models_table.py` writes this page;
`fpsolver check configs/NAME.yaml` prints the same for one model, and `fpsolver run` finds it on the grid.
"""

TAIL = """
How to read it:

- **completely positive**: smallest eigenvalue of B − (iħ/2)(A Ω + Ω Aᵀ); 0 to round-off is *on the boundary*.
- **KMS, line 2** of detailed balance, as `run` and `check` print them: the largest entry of |B + 2 A^I V|_ij/(σ_i σ_j)
  and of |E B E − B|. Both have to vanish. KMS is line 1 for the covariance, and vanishes where line 1 holds; what `run`
  prints as *line 1* is an integral over W, another number ([conventions](conventions.md)). Line 1 is what produces
  entropy: at d_qp = 0, Π = Φ = 0 exactly where it holds.
- **T of q, T of p**: m ω² V_qq and V_pp/m. In equilibrium with the bath both are 1/β = 1.428571 (classical) or
  (ħω/2) coth(βħω/2) = 1.486434 (quantum); in the cold bath 0.25 and 0.518657. Detailed balance makes them equal to each
  other, but not to the temperature of the bath.
- **to classical, quantum Gibbs**: relative entropy ∫ W ln(W/G) of the steady Wigner function to the Gibbs state at the
  temperature of the bath. Only Caldeira–Leggett and tuned position friction reach the classical one, only
  quantum-optical damping the quantum one. A model given by Lindblad operators has no temperature of its own.
- `hu_paz_zhang` (γ = 0.1) at late times: J^I vanishes, and both lines fail because of d_qp alone. Second order in the
  coupling makes both temperatures too low: the whole of oscillator and bath has 1.486 for q and 1.528 for p
  ([why](physics.md#a-bath-with-memory-hu_paz_zhang)).

On a ring (no potential) the steady state is uniform in q and Maxwellian in p with V_pp = m/β, whatever d_qp:

| configuration | completely positive | detailed balance | line 1 | line 2 | Π | Φ |
| --- | --- | --- | --- | --- | --- | --- |
{rings}

There Π = Φ = 0 does not mean detailed balance: with d_qp ≠ 0 the reversible current (p/m)(1 + β d_qp) W flows faster
than the particle moves. The two classical configurations, `driven_ring` and `double_well`, have no closed form; the
tests check them against Fourier–Hermite modes and against quadrature of exp(−βH).
"""


def main(arguments: list[str]) -> int:
    """Write the page, or compare it."""
    text = page()
    if "--check" in arguments:
        return 0 if PAGE.read_text(encoding="utf-8") == text else 1
    PAGE.write_text(text, encoding="utf-8")
    print(f"wrote {PAGE}")
    return 0


STATES = ("cat", "fock")  # other starts of the minimally invasive oscillator


def page() -> str:
    """The whole page."""
    wells, rings = [], []
    for path in sorted((ROOT / "configs").glob("*.yaml")):
        config = fp.load_config(path)
        system = fp.build_system(config)
        if system.size > 1 or not system.is_quadratic or path.stem in STATES:
            continue
        if config.grid.q.boundary == "periodic":
            rings.append(ring_row(path.stem, system))
        else:
            wells.append(well_row(path.stem, exact.steady(system)))
    header = [" | ".join(COLUMNS), " | ".join("---" for _ in COLUMNS)]
    table = "\n".join(f"| {row} |" for row in [*header, *wells])
    return f"{HEAD}\n{table}\n{TAIL.format(rings=chr(10).join(f'| {row} |' for row in rings))}"


def well_row(name: str, steady: exact.SteadyState) -> str:
    """One oscillator."""
    system = steady.system
    found = equilibrium.temperatures(steady)
    if found is None:
        raise NoSteadyStateError(f"{name} is no oscillator")
    distances = [
        NONE if energy is None else number(equilibrium.distance_to_gibbs(steady, energy))
        for energy in (found.bath, found.quantum)
    ]
    balance = "yes" if gaussian_detailed_balance(steady) else "no"
    lines = [number(kms_residual(system, steady.covariance)), number(parity_residual(system))]
    rates = [number(steady.Pi), number(steady.Phi)]
    energies = [number(found.position), number(found.momentum)]
    return " | ".join([f"`{name}`", positivity(system), balance, *lines, *rates, *energies, *distances])


def ring_row(name: str, system: System) -> str:
    """One free particle; line 1 of a Maxwellian is 2 d_qp (beta p/m) W in the row of q."""
    state = exact.steady_on_ring(system)
    balance = "yes" if state.satisfies_detailed_balance else "no"
    line = "2 β d_qp (p/m) W" if parity_residual(system) else "0"
    rates = [number(state.Pi), number(state.Pi)]
    return " | ".join([f"`{name}`", positivity(system), balance, line, number(parity_residual(system)), *rates])


def positivity(system: System) -> str:
    """Verdict and margin."""
    if not system.is_completely_positive():
        return f"no ({number(system.cp_margin())})"
    return "on the boundary" if system.is_on_cp_boundary() else f"yes ({number(system.cp_margin())})"


def number(value: float) -> str:
    """Seven digits, round-off as 0; without the hyphen that would read as a minus."""
    return "0" if abs(value) < 1e-13 else f"{value:.7g}".replace("-", "−")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
