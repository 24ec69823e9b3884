"""Where the default settings hold their accuracy: steady states and transients over wide ranges of parameters.

    python scripts/ranges.py [--quick] [--only WORD] [--json FILE] [--page FILE] [--rows FILE ..] [--budget SECONDS]

Every case is a harmonic oscillator with default grid, scheme and time settings, against the exact Gaussian. Errors of
Pi and Phi are divided by max(Pi, |Phi|, eta), along the whole run; a run passes with both below 1e-9 and, where
something moves, the balance dS/dt = Pi - Phi closed to 1e-7. Cases predicted to take longer than the budget do not run
(their predicted time is shown). Transients record 40 times, which changes no number.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

import fpsolver as fp
from fpsolver import api, costs
from fpsolver.planning import duration
from fpsolver.problem import Problem
from fpsolver.result import Result

RATE_BAR, CLOSURE_BAR = 1e-9, 1e-7
PASS, SLOW, REFUSED, WARNED, STUCK, SILENT, CRASHED = OUTCOMES = (
    "pass",
    "long",  # predicted above the budget
    "refused",  # a sentence before the run
    "warned",  # missed, and a warning names the cure
    "not converged",
    "silent miss",  # missed without a word: the worst that can happen, but for a crash
    "crashed",
)
ABOUT_THE_MODEL = ("the model is not completely positive", "the initial covariance violates")  # not about numbers
BUDGET = 10.0
RECORDS = 40
BEGIN, END = "<!-- begin ranges -->", "<!-- end ranges -->"
STEPPING, DIRECT, AUTO = ({"method": name} for name in ("stepping", "direct", "auto"))


@dataclass(frozen=True)
class Case:
    """One configuration: the table it belongs to, its place there, and what it is made of.

    ``start`` is (mean in steady deviations, factor of the steady covariance), or the section of a squeezed state;
    ``turns`` ends the run at turns / (largest rate of the motion), None in the steady state.
    """

    table: str
    row: str
    column: str
    system: dict[str, Any]
    time: dict[str, Any] = field(default_factory=lambda: dict(DIRECT))
    start: tuple[tuple[float, float], float] | dict[str, Any] | None = None
    turns: float | None = None


@dataclass(frozen=True)
class Row:
    """What became of a case; ``error`` is the larger one of Pi and Phi along the run."""

    case: Case
    outcome: str
    error: float = math.nan
    closure: float = math.nan
    text: str = ""
    cells: tuple[int, ...] = ()
    resolution: float = math.nan
    predicted: float = math.nan
    seconds: float = math.nan


NEAR = ((1.2, -0.5), 0.6)  # displaced by about a deviation, and narrower than the steady state


def oscillator(model: str, eta: float, beta: float, omega: float, mass: float = 1.0, **bath: Any) -> dict[str, Any]:
    """Section ``system``."""
    potential = {"kind": "harmonic", "omega": omega}
    return {"mass": mass, "potential": potential, "bath": {"model": model, "eta": eta, "beta": beta, **bath}}


def steady_and_moving(case: Case, ways: tuple[str, ...] = ("direct", "moving")) -> Iterator[Case]:
    """The same case solved directly, by ``auto``, stepped to the steady state, and stepped for 20 / (largest rate)."""
    kinds = {
        "direct": replace(case, table=f"{case.table}: steady, direct"),
        "auto": replace(case, table=f"{case.table}: steady, auto", time=AUTO, start=NEAR),
        "stepping": replace(case, table=f"{case.table}: steady, stepping", time=STEPPING, start=NEAR),
        "moving": replace(case, table=f"{case.table}: transient", time=STEPPING, start=NEAR, turns=20.0),
    }
    yield from (kinds[way] for way in ways)


def bath_family(quick: bool) -> Iterator[Case]:
    """Damping x temperature x frequency."""
    etas, betas = ((0.1, 10.0), (0.02, 8.0)) if quick else ((0.001, 0.1, 10.0), (0.02, 0.7, 8.0))
    for eta, beta, omega in itertools.product(etas, betas, (0.05,) if quick else (0.05, 1.0, 20.0)):
        system = oscillator("minimally_invasive", eta, beta, omega)
        case = Case("damping, temperature, frequency", f"η = {eta:g}", f"ω = {omega:g}", system)
        ways = ("direct", "moving") if quick or beta != 0.7 else ("direct", "auto", "stepping", "moving")
        yield from steady_and_moving(case, ways)


def unit_family(quick: bool) -> Iterator[Case]:
    """Mass x frequency over four decades each, with damping in proportion to the frequency, and fixed."""
    decades = (0.01, 100.0) if quick else (0.01, 1.0, 100.0)
    for mass, omega, scaled in itertools.product(decades, decades, (True, False)):
        eta = omega if scaled else 0.1
        case = Case(
            f"mass and frequency, η = {'ω' if scaled else '0.1'}",
            f"m = {mass:g}",
            f"ω = {omega:g}",
            oscillator("minimally_invasive", eta, 0.7, omega, mass),
        )
        if scaled or not quick:
            yield from steady_and_moving(case, ("direct", "moving") if scaled else ("direct",))


def cross_family(quick: bool) -> Iterator[Case]:
    """Cross-diffusion up to d_pp, of either sign."""
    etas, betas = ((0.5,), (0.7,)) if quick else ((0.01, 2.0, 10.0), (0.05, 8.0))
    for eta, beta, part in itertools.product(etas, betas, (-1, 1) if quick else (-1, -0.5, 0.5, 1)):
        system = oscillator("translation_covariant", eta, beta, 1.0, d_qp=part * eta / beta)
        case = Case("cross-diffusion", f"η = {eta:g}, β = {beta:g}", f"d_qp = {part:g} d_pp", system)
        yield from steady_and_moving(case, ("direct", "moving") if abs(part) == 1 else ("direct",))


def start_family(quick: bool) -> Iterator[Case]:
    """Starts 20 and 50 deviations away along q and p, and squeezed by r: 10 and 3 / (largest rate)."""
    for eta in (1.0,) if quick else (0.01, 0.1, 1.0, 10.0):
        system = oscillator("minimally_invasive", eta, 0.7, 1.0)
        for far, along in itertools.product((20.0,) if quick else (20.0, 50.0), ("q", "p")):
            mean = (far, 0.0) if along == "q" else (0.0, far)
            case = Case("far displaced", f"η = {eta:g}", f"{far:g} σ along {along}", system, STEPPING, (mean, 1.0), 10)
            if not quick or along == "q":
                yield case
        for r in (3,) if quick else (1, 2, 3, -1):
            state = {"kind": "squeezed", "q": 0.5, "p": 0.0, "omega": 1.0, "r": r}
            yield Case("squeezed", f"η = {eta:g}", f"r = {r}", system, STEPPING, state, 3)


def model_family(quick: bool) -> Iterator[Case]:
    """The other bath models at the corners of the ranges."""
    corners = ((0.001, 0.02, 0.05), (0.001, 8, 20), (10, 0.02, 20), (10, 8, 0.05), (10, 0.2, 1))
    baths: dict[str, tuple[str, dict[str, Any]]] = {
        "Caldeira–Leggett": ("caldeira_leggett", {}),
        "quantum optical": ("quantum_optical", {}),
        "squeezing, balanced": ("symmetry_broken", {"alpha": "detailed_balance"}),
        "squeezing, −0.4 η": ("symmetry_broken", {"alpha": -0.4}),
        "squeezing, 0.4 η": ("symmetry_broken", {"alpha": 0.4}),
        "friction of q, balanced": ("position_friction", {"xi": "detailed_balance"}),
        "friction of q, η": ("position_friction", {"xi": 1.0}),
        "friction of q, 10 η": ("position_friction", {"xi": 10.0}),
    }
    for (name, (model, given)), (eta, beta, omega) in itertools.product(
        baths.items(), corners[4:] if quick else corners
    ):
        extra = {key: value if isinstance(value, str) else value * eta for key, value in given.items()}
        column = f"{eta:g}, {beta:g}, {omega:g}"
        case = Case("models (η, β, ω)", name, column, oscillator(model, eta, beta, omega, **extra))
        yield from steady_and_moving(case, ("direct",) if quick else ("direct", "moving"))


FAMILIES = (bath_family, unit_family, cross_family, start_family, model_family)


def cases(*, quick: bool) -> list[Case]:
    """All cases, table by table."""
    found = [case for family in FAMILIES for case in family(quick)]
    tables = list(dict.fromkeys(case.table for case in found))
    return sorted(found, key=lambda case: tables.index(case.table))


def configuration(case: Case) -> fp.Config:
    """Configuration of a case; FpsolverError if there can be none."""
    sections: dict[str, Any] = {"system": case.system, "time": dict(case.time)}
    system = fp.build_system(fp.Config(system=case.system, time=DIRECT))
    if case.turns is not None:
        until = case.turns / float(np.abs(np.linalg.eigvals(system.drift_matrix)).max())
        sections["time"]["until"] = until
        sections["output"] = {"every": until / RECORDS}
    if isinstance(case.start, dict):
        sections["initial"] = case.start
    elif case.start is not None:
        (q, p), factor = case.start
        V = fp.exact.steady(system).covariance
        mean = [q * math.sqrt(V[0, 0]), p * math.sqrt(V[1, 1])]
        sections["initial"] = {"kind": "gaussian", "mean": mean, "covariance": (factor * V).tolist()}
    return fp.Config(**sections)


def examine(case: Case, budget: float = BUDGET) -> Row:
    """Run a case by default settings, unless it is refused or predicted to take longer than ``budget`` seconds."""
    begun = time.perf_counter()
    try:
        problem = api.prepare(configuration(case))
    except fp.FpsolverError as error:
        return Row(case, REFUSED, text=str(error))
    except Exception as error:  # whatever it is, it should have been a sentence
        return Row(case, CRASHED, text=repr(error))
    known = {"cells": problem.grid.shape, "resolution": problem.resolution.cells, "predicted": predicted(problem)}
    if known["predicted"] > budget:
        return Row(case, SLOW, text=f"about {duration(known['predicted'])}", **known)
    try:
        result = api.run_problem(problem)
    except fp.FpsolverError as error:
        return Row(case, STUCK, text=str(error), **known)
    except Exception as error:
        return Row(case, CRASHED, text=repr(error), **known)
    return Row(case, *judged(result), **known, seconds=time.perf_counter() - begun)


def predicted(problem: Problem) -> float:
    """Seconds the run is predicted to take."""
    return costs.direct_seconds(problem.generator) if problem.plan.method == "direct" else problem.plan.predicted


def judged(result: Result) -> tuple[str, float, float, str]:
    """Outcome, error, closure and what the run had to say."""
    error, closure = errors(result)
    words = "; ".join(text for text in result.warnings if not text.startswith(ABOUT_THE_MODEL))
    if not result.is_complete:
        return STUCK, error, closure, "; ".join(filter(None, (result.message, words)))
    if error <= RATE_BAR and (closure <= CLOSURE_BAR or len(result.series["time"]) == 1):
        return PASS, error, closure, words
    return (WARNED if words else SILENT), error, closure, words


def errors(result: Result) -> tuple[float, float]:
    """Largest error of Pi and Phi, and of the balance, along the run; NaN counts as infinite."""
    assert result.exact is not None
    series, exact = result.series, result.exact
    Pi, Phi = exact["entropy_production"], exact["entropy_flux"]
    bath = result.config.system.bath
    rate = np.maximum(np.maximum(Pi, np.abs(Phi)), getattr(bath, "eta", 0.0))
    found = [np.abs(series[f"entropy_{name}"] - exact[f"entropy_{name}"]) / rate for name in ("production", "flux")]
    balance = np.abs(series["entropy_rate"] - series["entropy_production"] + series["entropy_flux"]) / rate
    worst = [float(np.nan_to_num(values, nan=math.inf).max()) for values in (*found, balance)]
    return max(worst[:2]), worst[2]


def line(table: str, rows: list[Row]) -> str:
    """One line about a table: counts, worst error of what ran to its end, seconds."""
    counts = Counter(row.outcome for row in rows)
    words = ", ".join(f"{counts[name]} {name}" for name in OUTCOMES if counts[name])
    ran = [row for row in rows if math.isfinite(row.seconds)]
    worst = max((row.error for row in ran), default=math.nan)
    closure = max((row.closure for row in ran if row.case.turns is not None), default=math.nan)
    seconds = sum(row.seconds for row in ran)
    return f"{table:<58}{len(rows):>4}{worst:>10.1e}{closure:>10.1e}{seconds:>8.1f}   {words}"


def markdown(rows: list[Row]) -> str:
    """Page fragment: one table for each family, the worst case of each cell in a word or its error."""
    parts = []
    for table, members in grouped(rows).items():
        columns = list(dict.fromkeys(row.case.column for row in members))
        lines = [f"## {table}", "", "| | " + " | ".join(columns) + " |", "| --- " * (len(columns) + 1) + "|"]
        for name in dict.fromkeys(row.case.row for row in members):
            inside = [[r for r in members if (r.case.row, r.case.column) == (name, column)] for column in columns]
            lines.append(f"| {name} | " + " | ".join(cell(group) for group in inside) + " |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def cell(rows: list[Row]) -> str:
    """Worst outcome of some cases: the error if all pass, else a word, how many, and the error of those that ran."""
    if not rows:
        return ""
    worst = max((row.outcome for row in rows), key=OUTCOMES.index)
    known = [row.error for row in rows if not math.isnan(row.error)]
    error = f"{max(known):.0e}" if known else ""
    if worst == PASS:
        return error
    count = sum(row.outcome == worst for row in rows)
    share = f" {count}/{len(rows)}" if count < len(rows) else ""
    return f"{worst}{share}" + (f" ({error})" if error else "")


def grouped(rows: list[Row]) -> dict[str, list[Row]]:
    """Rows by table."""
    return {table: [r for r in rows if r.case.table == table] for table in dict.fromkeys(r.case.table for r in rows)}


def measure(*, quick: bool, budget: float = BUDGET, only: str = "") -> list[Row]:
    """Examine the cases of the tables with ``only`` in their name; print a line for each table when it is complete."""
    rows: list[Row] = []
    chosen = [case for case in cases(quick=quick) if only in case.table]
    print(
        f"{'errors relative to max(Pi, |Phi|, eta)':<58}{'n':>4}{'worst':>10}{'closure':>10}{'seconds':>8}   outcomes"
    )
    for table, members in itertools.groupby(chosen, key=lambda case: case.table):
        done = [examine(case, budget) for case in members]
        print(line(table, done), flush=True)
        rows += done
    return rows


def read(path: Path) -> list[Row]:
    """Rows that an earlier run wrote as JSON."""
    found = json.loads(path.read_text(encoding="utf-8"))
    return [Row(**{**fields, "case": Case(**fields["case"]), "cells": tuple(fields["cells"])}) for fields in found]


def main(arguments: list[str] | None = None) -> None:
    """Print the table and what did not pass; write JSON and Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small fixed sample")
    parser.add_argument("--only", default="", help="a part of the names of the tables to measure")
    parser.add_argument("--json", type=Path, help="file for all rows")
    parser.add_argument("--rows", type=Path, nargs="+", help="measure nothing: take the rows of these JSON files")
    parser.add_argument("--page", type=Path, help="page whose part between the markers the tables replace")
    parser.add_argument("--budget", type=float, default=BUDGET, help="seconds above which a case is too slow")
    chosen = parser.parse_args(arguments)
    if chosen.rows:
        rows = [known for path in chosen.rows for known in read(path)]
    else:
        rows = measure(quick=chosen.quick, budget=chosen.budget, only=chosen.only)
    for row in rows:
        if row.outcome in (SILENT, CRASHED, STUCK):
            print(
                f"{row.outcome}: {row.case.table}, {row.case.row}, {row.case.column}: {row.error:.1e} {row.text}"[:200]
            )
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(row) for row in rows], indent=1, default=str), encoding="utf-8")
    if chosen.page:
        before, _, rest = chosen.page.read_text(encoding="utf-8").partition(BEGIN)
        chosen.page.write_text(
            before + BEGIN + "\n\n" + markdown(rows) + "\n" + END + rest.partition(END)[2], encoding="utf-8"
        )


if __name__ == "__main__":
    main()
