"""``fpsolver check``: a data sheet of the model and of the run, without running it."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from fpsolver.api import build_system
from fpsolver.autogrid import moment
from fpsolver.cli import check_many, check_moments
from fpsolver.cli.options import config_argument, set_option, table, warn
from fpsolver.cli.sheet import model_rows
from fpsolver.config.axes import is_ring
from fpsolver.config.reader import Config, load_config
from fpsolver.errors import GridError, NoSteadyStateError, ResourceError, StabilityError
from fpsolver.physics import equilibrium, exact
from fpsolver.physics.system import System
from fpsolver.planning import direct_seconds, duration
from fpsolver.problem import Problem, gaussian_problem, initial_values, prepare
from fpsolver.recorder import make_record, phase_space
from fpsolver.simulation import Stepper, begin, make_stepper
from fpsolver.stepping.explicit import ORDERS, RungeKutta, StepSize, stable_step
from fpsolver.stepping.magnus import MagnusStepSize
from fpsolver.stepping.rational import ImplicitStepSize
from fpsolver.summary import matrix
from fpsolver.thermo.detailed_balance import gaussian_detailed_balance, has_gibbs_state, kms_residual, parity_residual
from fpsolver.thermo.state import State
from fpsolver.trajectory import Plan


@click.command("check")
@config_argument
@set_option
def command(config: Path, overrides: tuple[str, ...]) -> int:
    """Validate CONFIG and print what it will do; run nothing."""
    loaded = load_config(config, overrides)
    if loaded.time.method == "gaussian":
        return check_moments.show(gaussian_problem(loaded), config)
    try:
        problem = prepare(loaded)
    except (GridError, ResourceError, StabilityError):  # what needs no grid is true all the same
        show_model(loaded, build_system(loaded), config)
        raise
    warn(problem.warnings)
    show_model(loaded, problem.system, config)
    for name, rows in {"grid": grid_rows, "run": cost_rows}.items():
        click.echo(f"{name}\n{table(rows(problem))}")
    return 0


def show_model(loaded: Config, system: System, path: Path) -> None:
    """What is known without a grid."""
    click.echo(loaded.title or str(path))
    for name, rows in {"model": model_rows, "steady state": steady_rows}.items():
        click.echo(f"{name}\n{table(rows(loaded, system))}")


def steady_rows(config: Config, system: System) -> list[tuple[str, Any]]:
    """Exact steady state, its rates, temperatures and detailed balance, where there is one."""
    if not system.is_quadratic:
        parity = parity_residual(system)
        verdict = f"violated (line 2: {parity:.3g})" if parity > 0 else "the run will tell: it needs the steady state"
        if has_gibbs_state(system):
            verdict = "satisfied: the steady state is exp(-H/T)"
        return [("closed form", "none: the force is not linear"), ("detailed balance", verdict)]
    try:
        if is_ring(config):
            return ring_rows(system)
        found = exact.steady(system)
        return gaussian_rows(found) if system.size == 1 else check_many.gaussian_rows(found)
    except NoSteadyStateError as error:
        return [("none", str(error))]


def ring_rows(system: System) -> list[tuple[str, Any]]:
    """Uniform in q, Gaussian in p."""
    state = exact.steady_on_ring(system)
    momentum = f"mean {state.mean_momentum + 0.0:.6g}, variance {state.momentum_variance:.6g}"
    lines = f"force: {abs(system.force[1]):.3g}, line 2: {parity_residual(system):.3g}"
    return [
        ("position", "uniform on the ring"),
        ("momentum", f"Gaussian, {momentum}"),
        ("Pi = Phi", f"{state.Pi:.12g}"),
        ("detailed balance", "satisfied" if state.satisfies_detailed_balance else f"violated ({lines})"),
    ]


def gaussian_rows(steady: exact.SteadyState) -> list[tuple[str, Any]]:
    """Moments, rates, verdict, temperatures."""
    reason = f" ({steady.rates.reason})" if steady.rates.reason else ""
    eigenvalues = ", ".join(f"{v.real:.6g}{v.imag:+.6g}i" for v in np.linalg.eigvals(steady.system.drift_matrix))
    residuals = (
        f"KMS: {kms_residual(steady.system, steady.covariance):.3g}, line 2: {parity_residual(steady.system):.3g}"
    )
    rows = [
        ("mean (q, p)", "[" + ", ".join(f"{x + 0.0:.6g}" for x in steady.mean) + "]"),
        ("covariance V", matrix(steady.covariance)),
        ("Pi = Phi", f"{steady.Pi:.12g}{reason}"),
        ("detailed balance", "satisfied" if gaussian_detailed_balance(steady) else f"violated ({residuals})"),
        ("eigenvalues of A", eigenvalues),
    ]
    found = equilibrium.temperatures(steady)
    return rows if found is None else [*rows, ("temperatures", temperature_words(found))]


def temperature_words(found: equilibrium.Temperatures) -> str:
    """Of position and momentum, and what they would be in equilibrium with the bath."""
    text = f"m omega^2 V_qq = {found.position:.6g}, V_pp/m = {found.momentum:.6g}"
    if found.bath is None:
        return text
    return f"{text} (bath 1/beta = {found.bath:.6g}, quantum Gibbs state {found.quantum:.6g})"


def grid_rows(problem: Problem) -> list[tuple[str, Any]]:
    """Scheme, grid and its resolution."""
    rows = [("scheme", f"{problem.generator.scheme.words} fluxes")]
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
        rows.append(("resolution", f"{found.cells:.3g} cells for the {found.structure}, {moment(found.time)}"))
    return rows


def cost_rows(problem: Problem) -> list[tuple[str, Any]]:
    """Step, steps, memory and run time."""
    plan = problem.plan
    if plan.method == "direct":
        return direct_rows(problem)
    end, words = plan.until, f"t = {plan.until:g}"
    if math.isinf(end) and plan.decay is not None:
        end = min(plan.max_time, math.log(1 / plan.tolerance) / plan.decay.value)
        words = f"steady, expected near t = {end:.3g} (at most {plan.max_time:.3g})"
    rows, seconds = implicit_rows(plan) if plan.stepper == "implicit" else explicit_rows(problem, end)
    recording = end / plan.every * seconds_per_record(problem)
    how = "steps predicted, records measured" if plan.stepper == "implicit" else "measured on this machine"
    return [
        ("until", words),
        *rows,
        ("records", f"every {plan.every:g}, about {end / plan.every:.0f}"),
        ("memory", f"about {problem.memory / 2**20:.0f} MiB"),
        ("run time", f"about {seconds + recording:.2g} s ({how}), {recording:.2g} s of it for the records"),
    ]


def explicit_rows(problem: Problem, end: float) -> tuple[list[tuple[str, Any]], float]:
    """Stepper and step, and the time of stepping, which is measured."""
    plan, order = problem.plan, ORDERS[problem.plan.stepper]
    limit = stable_step(problem.generator, order)
    steps = plan.step.count(end) if isinstance(plan.step, StepSize) else end / plan.step.limit
    W = begin(problem.generator, initial_values(problem), plan).W
    stepper = make_stepper(problem.generator, plan.stepper, W)
    half = ", on half of the cells: W(-q, -p) = W(q, p)" if isinstance(stepper, RungeKutta) and stepper.is_half else ""
    return [
        ("stepper", f"{plan.stepper}{f' ({plan.stepper_why})' if plan.stepper_why else ''}{half}"),
        ("time step", f"{step_words(plan.step)} (stability limit {limit:.4g}), about {steps:.0f} steps"),
    ], steps * seconds_per_step(problem, stepper)


def step_words(step: StepSize | MagnusStepSize | ImplicitStepSize) -> str:
    """The largest step, and the first one if it is smaller."""
    first = step.at(0.0)
    return f"{step.limit:.4g}" if first == step.limit else f"{first:.4g} at first, {step.limit:.4g} at most"


def implicit_rows(plan: Plan) -> tuple[list[tuple[str, Any]], float]:
    """The same for implicit steps, whose time is predicted."""
    return [
        ("stepper", f"implicit{f' ({plan.stepper_why})' if plan.stepper_why else ''}"),
        ("time step", f"{plan.step.at(0.0):.4g} at first, {plan.step.limit:.4g} at most (by accuracy)"),
    ], plan.predicted


def direct_rows(problem: Problem) -> list[tuple[str, Any]]:
    """Memory and run time of the direct solver."""
    plan, several = problem.plan, problem.system.size > 1
    assert plan.decay is not None  # whatever becomes steady has one
    seconds = direct_seconds(problem.generator, plan.decay, plan.tolerance)
    how = "GMRES on what explicit steps lead to" if several else "null vector of a sparse matrix"
    return [
        ("until", "steady"),
        ("method", f"direct: {how}{f' ({plan.why})' if plan.why else ''}"),
        ("memory", f"about {problem.memory / 2**20:.0f} MiB"),
        ("run time", f"about {duration(seconds)} (predicted)"),
    ]


def seconds_per_step(problem: Problem, stepper: Stepper) -> float:
    """Time of one step, measured: a few steps of a zero state."""
    generator, late = problem.generator, problem.generator.system.settled
    W = generator.pad(np.zeros(generator.grid.shape), generator.empty_padded())
    stepper.advance(W, late, problem.plan.step.limit, 5)
    best = math.inf
    for _ in range(5):
        begun = time.perf_counter()
        stepper.advance(W, late, problem.plan.step.limit, 5)
        best = min(best, (time.perf_counter() - begun) / 5)
    return best


def seconds_per_record(problem: Problem) -> float:
    """Time of one record, measured at the initial state."""
    generator, late = problem.generator, problem.generator.system.settled
    W, space = initial_values(problem), phase_space(generator, late)
    best = math.inf
    for _ in range(3):
        begun = time.perf_counter()
        make_record(State(W, space), generator.apply(W, time=late))
        best = min(best, time.perf_counter() - begun)
    return best
