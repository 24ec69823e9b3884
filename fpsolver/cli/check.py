"""``fpsolver check``: a data sheet of the model and of the run, without running it."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from fpsolver.cli.options import config_argument, set_option, table, warn
from fpsolver.config.reader import load_config
from fpsolver.errors import NoSteadyStateError
from fpsolver.kernels import phase_space
from fpsolver.physics import exact
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.system import System
from fpsolver.problem import Problem, prepare
from fpsolver.stepping.explicit import RungeKutta4, stable_step
from fpsolver.thermo.detailed_balance import gaussian_detailed_balance, parity_residual


@click.command("check")
@config_argument
@set_option
def command(config: Path, overrides: tuple[str, ...]) -> int:
    """Validate CONFIG and print what it will do; run nothing."""
    problem = prepare(load_config(config, overrides))
    warn(problem.warnings)
    system = problem.system
    click.echo(problem.config.title or str(config))
    rows = [("drift A", drift_words(system)), ("diffusion B", matrix(system.diffusion_matrix))]
    rows += [("completely positive", positivity(system)), *steady_rows(problem)]
    click.echo(table([*rows, *grid_rows(problem), *cost_rows(problem)]))
    return 0


def matrix(values: FloatArray) -> str:
    """A small matrix on one line."""
    return "[" + ", ".join("[" + ", ".join(f"{x:.6g}" for x in row) + "]" for row in values) + "]"


def drift_words(system: System) -> str:
    """A, or its dissipative part for an anharmonic potential."""
    if system.is_quadratic:
        return matrix(system.drift_matrix)
    return f"(p/m, -U'(q)) + {matrix(system.dissipative_drift)} x"


def positivity(system: System) -> str:
    """Verdict and margin of complete positivity."""
    if system.hbar == 0:
        return "no meaning for a classical system (hbar = 0)"
    margin = system.cp_margin()
    if not system.is_completely_positive():
        return f"no (margin {margin:.6g})"
    return (
        "yes, on the boundary (margin 0 to round-off)"
        if margin <= system.cp_tolerance
        else f"yes (margin {margin:.6g})"
    )


def steady_rows(problem: Problem) -> list[tuple[str, Any]]:
    """Exact steady state, its rates and detailed balance, where there is one."""
    system = problem.system
    periodic = problem.grid.axes[0].periodic
    if not system.is_quadratic or periodic:
        parity = parity_residual(system)
        verdict = f"violated (line 2: {parity:.3g})" if parity > 0 else "the run will tell: it needs the steady state"
        return [
            ("detailed balance", verdict),
            ("exact steady state", "no closed form"),
        ]
    try:
        steady = exact.steady(system)
    except NoSteadyStateError as error:
        return [("steady state", str(error))]
    balance = "satisfied" if gaussian_detailed_balance(steady) else "violated"
    eigenvalues = ", ".join(f"{v.real:.6g}{v.imag:+.6g}i" for v in np.linalg.eigvals(system.drift_matrix))
    reason = f" ({steady.rates.reason})" if steady.rates.reason else ""
    return [
        ("detailed balance", balance),
        ("steady mean", "[" + ", ".join(f"{x + 0.0:.6g}" for x in steady.mean) + "]"),
        ("steady covariance", matrix(steady.covariance)),
        ("steady Pi = Phi", f"{steady.Pi:.12g}{reason}"),
        ("rates of A", eigenvalues),
    ]


def grid_rows(problem: Problem) -> list[tuple[str, Any]]:
    """Grid and its resolution."""
    rows = []
    for axis in problem.grid.axes:
        kind = "periodic" if axis.periodic else "closed"
        rows.append(
            (
                f"axis {axis.name}",
                f"{axis.cells} cells on [{axis.low:g}, {axis.high:g}], {kind}, h = {axis.spacing:.4g}",
            )
        )
    found = problem.resolution
    if math.isfinite(found.cells):
        rows.append(("resolution", f"{found.cells:.3g} cells for the narrowest deviation, at t = {found.time:.4g}"))
    return rows


def cost_rows(problem: Problem) -> list[tuple[str, Any]]:
    """Step, steps, memory and run time."""
    plan = problem.plan
    limit = stable_step(problem.generator)
    end, words = plan.until, f"t = {plan.until:g}"
    if math.isinf(end) and plan.decay is not None:
        end = min(plan.max_time, math.log(1 / plan.tolerance) / plan.decay.value)
        words = f"steady, expected near t = {end:.3g} (at most {plan.max_time:.3g})"
    steps = end / plan.step.limit
    seconds = steps * seconds_per_step(problem)
    return [
        ("until", words),
        ("time step", f"{plan.step.limit:.4g} (stability limit {limit:.4g}), about {steps:.0f} steps"),
        ("records", f"every {plan.every:g}, about {end / plan.every:.0f}"),
        ("memory", f"about {problem.memory / 2**20:.0f} MiB"),
        ("run time", f"about {seconds:.2g} s of stepping (measured on this machine)"),
    ]


def seconds_per_step(problem: Problem) -> float:
    """Time of one step, measured: a few steps of a zero state."""
    generator = problem.generator
    stepper = RungeKutta4(generator)
    stepper.compile()
    W = np.zeros((generator.grid.shape[0], generator.grid.shape[1] + 2 * phase_space.PAD))
    stepper.advance(W, 0.0, problem.plan.step.limit, 5)
    best = math.inf
    for _ in range(5):
        begun = time.perf_counter()
        stepper.advance(W, 0.0, problem.plan.step.limit, 5)
        best = min(best, (time.perf_counter() - begun) / 5)
    return best
