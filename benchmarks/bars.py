"""The figures fpsolver means to reach for one particle, each measured here and now, with pass or FAIL beside it.

    python benchmarks/bars.py [--json FILE] [--markdown FILE]

Rates are relative to max(Pi, |Phi|, eta). Where a bar is not reached, docs/performance.md says what bounds it. About
three minutes on two cores.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numba
import numpy as np
from kernels import relaxation, right_hand_side
from machine import describe

import fpsolver as fp
from fpsolver import api

CONFIGS = Path(__file__).parents[1] / "configs"
WELL = {"kind": "double_well", "quadratic": 1.0, "quartic": 1.0}


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of the table: ``value`` must not exceed (``at_most``) or fall below the ``limit``."""

    what: str
    value: float
    limit: float
    at_most: bool = True

    @property
    def holds(self) -> bool:
        """True if the bar is reached."""
        return self.value <= self.limit if self.at_most else self.value >= self.limit

    def __str__(self) -> str:
        sign = "<=" if self.at_most else ">="
        return f"{self.what:<72}{self.value:>10.3g}  {sign} {self.limit:<8.3g}{'pass' if self.holds else 'FAIL'}"


def outcome(config: fp.Config) -> Any:
    """Result of a configuration, warnings kept in it."""
    return api.run_problem(api.prepare(config))


def rate_error(result: Any) -> float:
    """Error of Pi and Phi at the end."""
    exact = fp.exact.steady(fp.build_system(result.config))
    eta = -float(np.trace(exact.system.dissipative_drift))
    worst = max(abs(result.last("entropy_production") - exact.Pi), abs(result.last("entropy_flux") - exact.Pi))
    return worst / max(exact.Pi, eta)


def oscillator(eta: float, beta: float, omega: float = 1.0, mass: float = 1.0) -> fp.Config:
    """Minimally invasive oscillator, everything else at its default."""
    potential = {"kind": "harmonic", "omega": omega}
    bath = {"model": "minimally_invasive", "eta": eta, "beta": beta}
    return fp.Config(system={"mass": mass, "potential": potential, "bath": bath}, time={"method": "direct"})


def steady_states() -> Iterator[Bar]:
    """Accuracy and time of steady states."""
    numba.set_num_threads(1)
    config = fp.load_config(CONFIGS / "minimally_invasive.yaml")
    outcome(config)
    stepped = outcome(config)
    yield Bar("steady Pi, Phi of set MI by stepping, one thread", rate_error(stepped), 1e-9)
    yield Bar("  seconds", stepped.provenance["wall_solve"], 1.0)
    direct = config.replaced(time={"method": "direct"})
    solved = min((outcome(direct) for _ in range(3)), key=lambda result: result.provenance["wall_solve"])
    yield Bar("the same by method: direct", rate_error(solved), 1e-9)
    yield Bar("  seconds", solved.provenance["wall_solve"], 0.3)
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    grid = itertools.product((0.01, 0.3, 10.0), (0.05, 0.7, 8.0), (0.05, 1.0, 20.0))
    worst = max(rate_error(outcome(oscillator(*values))) for values in grid)
    yield Bar("eta 0.01..10 x beta 0.05..8 x omega 0.05..20 (27 of them), defaults", worst, 1e-9)


def balanced_states() -> Iterator[Bar]:
    """Pi where it must vanish, over eta."""
    fine = {"q": {"cells": 128}, "p": {"cells": 128}}
    for name in ("caldeira_leggett", "symmetry_broken_detailed_balance", "position_friction_detailed_balance"):
        config = fp.load_config(CONFIGS / f"{name}.yaml").replaced(grid=fine, time={"method": "direct"})
        Pi = outcome(config).last("entropy_production") / 0.5
        yield Bar(f"{name}: Pi/eta, central", Pi, 1e-11)
        balanced = config.replaced(scheme={"flux": "chang_cooper"})
        yield Bar("  Chang-Cooper", outcome(balanced).last("entropy_production") / 0.5, 1e-13)
    bath = {"model": "caldeira_leggett", "eta": 0.5, "beta": 2.0}
    sections = {"units": {"hbar": 0}, "system": {"mass": 1.0, "potential": WELL, "bath": bath}}
    config = fp.Config(**sections, grid=fine, time={"method": "direct"})
    yield Bar("double well: Pi/eta, central", outcome(config).last("entropy_production") / 0.5, 1e-11)
    config = config.replaced(scheme={"flux": "chang_cooper"})
    yield Bar("  Chang-Cooper", outcome(config).last("entropy_production") / 0.5, 1e-13)


def transients() -> Iterator[Bar]:
    """Closure of the balance, and the relaxation to t = 40."""
    worst = 0.0
    for name in ("minimally_invasive", "translation_covariant", "overdamped", "underdamped", "cold"):
        series = outcome(fp.load_config(CONFIGS / f"{name}.yaml")).series
        rate = np.maximum(np.maximum(series["entropy_production"], np.abs(series["entropy_flux"])), 0.1)
        balance = series["entropy_rate"] - (series["entropy_production"] - series["entropy_flux"])
        worst = max(worst, float(np.max(np.abs(balance) / rate)))
    yield Bar("closure dS/dt = Pi - Phi during five transients", worst, 1e-7)
    for order, limit in ((6, 1e-5), (8, 1e-6)):
        found = relaxation(order)
        yield Bar(f"relaxation to t = 40, 96^2, order {order}, one thread: seconds", found["seconds"], 0.4)
        yield Bar("  L1 error of W", found["l1_error"], limit)


def kernels() -> Iterator[Bar]:
    """Right-hand side at 256^2, order 6, on all cores, as the stages of a run evaluate it and in calls from Python."""
    threads = numba.config.NUMBA_NUM_THREADS
    for d_qp, name, bar in ((0.0, f"dW/dt at 256^2, order 6, {threads} threads", 2.5), (0.2, "  cross-diffusion", 1.4)):
        found = right_hand_side(256, 6, d_qp, threads)
        yield Bar(f"{name}, in steps: Gcell/s", found["step"], bar, at_most=False)
        yield Bar("  in a call of its own", found["rate"], bar, at_most=False)


def start_up() -> Iterator[Bar]:
    """Wall time of the quick start as a process: median of five warm ones, with compiled modules as pip leaves them."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as folder:
        seconds = []
        for _ in range(6):
            target = f"{folder}/run.h5"
            command = [sys.executable, "-m", "fpsolver", "run", str(CONFIGS / "minimally_invasive.yaml"), "--force"]
            begun = time.perf_counter()
            subprocess.run([*command, "-o", target, "--quiet"], check=True, env=environment)
            seconds.append(time.perf_counter() - begun)
    yield Bar("fpsolver run of the quick start, warm: seconds", float(np.median(seconds[1:])), 1.5)


def markdown(bars: list[Bar]) -> str:
    """The table as a page fragment."""
    lines = ["| what | measured | bar | |", "| --- | --- | --- | --- |"]
    for bar in bars:
        sign, verdict = "≤" if bar.at_most else "≥", "pass" if bar.holds else "**missed**"
        what = bar.what.strip() if bar.what[0] != " " else f"… {bar.what.strip()}"
        lines.append(f"| {what} | {bar.value:.2g} | {sign} {bar.limit:g} | {verdict} |")
    return f"Measured on {describe()}.\n\n" + "\n".join(lines) + "\n"


def main() -> None:
    """Measure everything, print the table, and write JSON if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path, help="file for the table as a page fragment")
    arguments = parser.parse_args()
    print(describe())
    bars = []
    for group in (steady_states, balanced_states, transients, kernels, start_up):
        for bar in group():
            print(bar, flush=True)
            bars.append(bar)
    print(f"{sum(bar.holds for bar in bars)} of {len(bars)} hold")
    if arguments.json:
        found = {"machine": describe(), "bars": [{**asdict(bar), "holds": bar.holds} for bar in bars]}
        arguments.json.write_text(json.dumps(found, indent=2))
    if arguments.markdown:
        arguments.markdown.write_text(markdown(bars), encoding="utf-8")


if __name__ == "__main__":
    main()
