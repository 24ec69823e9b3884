"""``fpsolver check``: a data sheet of the model and of the run, without running it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import click
import numpy as np

from fpsolver.api import build_system
from fpsolver.autogrid import moment
from fpsolver.cli import check_json, check_many, check_moments
from fpsolver.cli.check_run import cost_rows
from fpsolver.cli.info import clean
from fpsolver.cli.options import config_argument, set_option, table, warn
from fpsolver.cli.sheet import model_rows
from fpsolver.config.axes import is_ring
from fpsolver.config.reader import Config, load_config
from fpsolver.errors import GridError, NoSteadyStateError, ResourceError, StabilityError
from fpsolver.grid import interval
from fpsolver.physics import equilibrium, exact
from fpsolver.physics.springs import held
from fpsolver.physics.system import System
from fpsolver.problem import Problem, gaussian_problem, prepare
from fpsolver.summary import matrix
from fpsolver.thermo.detailed_balance import gaussian_detailed_balance, has_gibbs_state, kms_residual, parity_residual


@click.command("check")
@config_argument
@set_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON (NaN and infinity as null and text).")
def command(config: Path, overrides: tuple[str, ...], as_json: bool) -> int:
    """Validate CONFIG and print what it will do; run nothing."""
    loaded = load_config(config, overrides)
    if as_json:
        return show_json(loaded, config)
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


def show_json(loaded: Config, path: Path) -> int:
    """The same for scripts; where the grid is refused, what needs none."""
    is_moments = loaded.time.method == "gaussian"
    try:
        found = check_json.of_moments(gaussian_problem(loaded)) if is_moments else check_json.of_grid(prepare(loaded))
    except (GridError, ResourceError, StabilityError):
        echo_json(path, check_json.of_model(loaded, build_system(loaded)))
        raise
    echo_json(path, found)
    return 0


def echo_json(path: Path, found: dict[str, Any]) -> None:
    """Print what was found about a file."""
    click.echo(json.dumps(clean({"file": str(path), **found}), indent=2))


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
        if parity == 0 and not is_ring(config) and not held(system).all():
            verdict = "not known: nothing holds a particle, so that there is no steady state"
        elif has_gibbs_state(system, is_ring=is_ring(config)):
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
        words = f"{axis.cells} cells on {interval(axis.low, axis.high)}, {kind}, h = {axis.spacing:.4g}"
        rows.append((f"axis {axis.name}", words))
    found = problem.resolution
    if math.isfinite(found.cells):
        words = f"{found.cells:.3g} cells for the {structure_words(problem)}, {moment(found.time)}"
        rows.append(("resolution", words))
    return rows


def structure_words(problem: Problem) -> str:
    """What has to be resolved; on a ring without corrugation there is no well, and the width is that of p."""
    if is_ring(problem.config) and problem.system.is_quadratic and math.isinf(problem.resolution.time):
        return "thermal width of the momentum"
    return problem.resolution.structure
