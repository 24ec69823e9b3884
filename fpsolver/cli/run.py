"""``fpsolver run``: configuration in, HDF5 file and summary out."""

from __future__ import annotations

import time
from pathlib import Path

import click
import numba

from fpsolver import api
from fpsolver.cli import unfinished
from fpsolver.cli.main import STARTED
from fpsolver.cli.options import (
    config_argument,
    force_option,
    naming_the_command,
    refuse_itself,
    refuse_start,
    set_option,
    table,
    warn,
)
from fpsolver.cli.streams import heard_or_not
from fpsolver.config.reader import Config, load_config
from fpsolver.errors import OutputError, UsageError
from fpsolver.io.checkpoint import Checkpoint, Guard, beside, discard
from fpsolver.io.kinds import RESULTS
from fpsolver.io.lock import locked
from fpsolver.io.paths import check_output
from fpsolver.kernels import ahead
from fpsolver.problem import Problem, gaussian_problem
from fpsolver.progress import Bar, on_terminal
from fpsolver.result import GaussianResult, Result


@click.command("run")
@config_argument
@click.option("-o", "--output", type=click.Path(path_type=Path), help="HDF5 file to write (default: output.path).")
@set_option
@force_option
@click.option("--threads", type=int, help="Number of threads (the results do not depend on it).")
@click.option("--quiet", is_flag=True, help="Print warnings and errors only.")
@click.option("--resume", is_flag=True, help="Go on with an interrupted run, to the same bits.")
def command(
    config: Path,
    output: Path | None,
    overrides: tuple[str, ...],
    force: bool,
    threads: int | None,
    quiet: bool,
    resume: bool,
) -> int:
    """Run CONFIG to its end and write the result.

    Exit status: 0 success; 2 bad usage or configuration; 3 the computation failed or did not converge
    (the result is kept).
    """
    set_threads(threads)
    loaded = load_config(config, overrides)
    if output is not None:
        loaded = loaded.replaced(output={"path": str(output)})
    path = Path(loaded.output.path or "result.h5")
    refuse_itself(config, path)
    refuse_start(loaded, path)
    unfinished.refuse_folder(path)
    is_fresh = not (resume or force)
    if is_fresh:
        refuse_unfinished(path)
    if loaded.time.method == "gaussian":
        return run_moments(loaded, path, force=force, quiet=quiet)
    found = unfinished.find(path, loaded) if resume else unfinished.Found()
    if found.status is not None:
        return found.status
    replaces = force or found.checkpoint is not None
    refuse_existing(path, replaces)
    problem = unfinished.prepare(loaded, found.checkpoint)
    warn(problem.warnings)
    if problem.plan.stepper_why and problem.plan.method == "stepping" and not quiet:
        click.echo(f"time.stepper {problem.plan.stepper} ({problem.plan.stepper_why})", err=True)
    start_up = time.perf_counter() - STARTED
    guard = unfinished.guard(problem, path) if problem.plan.method == "stepping" else None
    with locked(path), unfinished.stopping(guard):  # also while the result is written
        refuse_again(path, replaces, is_fresh=is_fresh)
        spent = compile_ahead(problem)
        result = run_guarded(problem, guard, found.checkpoint)
        result.provenance["wall_compile"] += spent
        warn(result.warnings[len(problem.warnings) :])
        return finish(result, path, start_up, force=replaces, quiet=quiet)


def compile_ahead(problem: Problem) -> float:
    """Let a second process compile some of the kernels if they are new; returns the seconds it took to find out."""
    begun = time.perf_counter()
    if problem.generator.scheme.flux == "central":
        ahead.start(problem.generator.scheme.order // 2, len(problem.grid.axes))
    return time.perf_counter() - begun


def run_moments(config: Config, path: Path, *, force: bool, quiet: bool) -> int:
    """Run without a grid: no steps, no checkpoints."""
    refuse_existing(path, force)
    problem = gaussian_problem(config)
    warn(problem.warnings)
    start_up = time.perf_counter() - STARTED
    with locked(path):
        refuse_existing(path, force)  # once more
        return finish(api.run_moments(problem), path, start_up, force=force, quiet=quiet)


def run_guarded(problem: Problem, guard: Guard | None, found: Checkpoint | None) -> Result:
    """Run, with checkpoints if it steps, from the beginning or on from one."""
    position = None if found is None else found.position()
    if position is not None:
        click.echo(f"going on from t = {position.time:.6g}", err=True)
    with Bar(shown=on_terminal()) as bar:
        return api.run_problem(problem, bar.update, guard=guard, start=position)


def finish(result: Result | GaussianResult, path: Path, start_up: float, *, force: bool, quiet: bool) -> int:
    """Write the file, print the summary, and return the exit status."""
    result.provenance["wall_start_up"] = start_up
    begun = time.perf_counter()
    save(result, path, force=force)
    writing = time.perf_counter() - begun
    status = 0 if result.is_complete else 3
    if not quiet:
        with heard_or_not(status):
            click.echo(result.title)
            click.echo(table([*result.summary(), ("wall time", wall_times(result, writing)), ("written to", path)]))
    if result.is_complete:
        return status
    cure = " --resume goes on from there." if beside(path).exists() else ""
    click.echo(f"fpsolver: {result.message}. The result up to there is in {path}.{cure}", err=True)
    return status


def save(result: Result | GaussianResult, path: Path, *, force: bool) -> None:
    """Write the result, and remove the checkpoint that it makes superfluous."""
    place = beside(path)
    try:
        with naming_the_command():
            result.save(path, force=force)
    except OutputError as error:
        kept = f"; {place} is kept: --resume goes on from there" if place.exists() else ""
        raise OutputError(f"{error}{kept}") from None
    if result.status != "interrupted":
        discard(path)


STEPS = {
    "rk4": "steps of",
    "taylor8": "steps of order 8, at most",
    "implicit": "implicit steps of at most",
    "": "no steps",
}


def wall_times(result: Result | GaussianResult, writing: float) -> str:
    """Wall time of each part of the run."""
    found = result.provenance
    solve = found["wall_solve"] + found.get("wall_evaluate", 0.0)
    parts = {
        "start-up": found["wall_start_up"],
        "compile": found.get("wall_compile", 0.0),
        "solve": solve,
        "write": writing,
    }
    words = ", ".join(f"{name} {seconds:.2f}" for name, seconds in parts.items())
    steps = f"{found['steps']} {STEPS[found['stepper']]} {found['dt']:.4g}" if found["steps"] else STEPS[""]
    return f"{sum(parts.values()):.2f} s: {words} ({steps})"


def set_threads(threads: int | None) -> None:
    """Number of threads of the parallel kernels."""
    if threads is None:
        return
    most: int = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    if not 1 <= threads <= most:
        raise UsageError(f"--threads must be from 1 to {most} on this machine, but is {threads}")
    numba.set_num_threads(threads)


def refuse_existing(path: Path, force: bool) -> None:
    """Check the output before hours are spent; an existing one shows the command that overwrites it."""
    with naming_the_command():
        check_output(path, force=force, kinds=RESULTS)


def refuse_again(path: Path, replaces: bool, *, is_fresh: bool) -> None:
    """Once more when nobody else can write any longer: another run may have ended since, or left a checkpoint."""
    if is_fresh:
        refuse_unfinished(path)
    refuse_existing(path, replaces)


def refuse_unfinished(path: Path) -> None:
    """The same for what an interrupted run left beside its output, of which an older result is no part."""
    check_output(path, force=True, kinds=RESULTS)
    with naming_the_command():
        unfinished.refuse_to_lose(path)
