"""``fpsolver run``: configuration in, HDF5 file and summary out."""

from __future__ import annotations

import time
from pathlib import Path

import click
import numba

from fpsolver import api
from fpsolver.cli.main import STARTED
from fpsolver.cli.options import config_argument, force_option, same_command_with_force, set_option, table, warn
from fpsolver.config.reader import load_config
from fpsolver.errors import OutputExistsError, UsageError
from fpsolver.io.paths import check_output
from fpsolver.progress import Bar
from fpsolver.result import Result


@click.command("run")
@config_argument
@click.option("-o", "--output", type=click.Path(path_type=Path), help="HDF5 file to write (default: output.path).")
@set_option
@force_option
@click.option("--threads", type=int, help="Number of threads (the results do not depend on it).")
@click.option("--quiet", is_flag=True, help="Print warnings and errors only.")
@click.option("--resume", is_flag=True, hidden=True)
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
    if resume:
        raise UsageError("--resume is not available in this version of fpsolver; leave it out to start afresh")
    set_threads(threads)
    loaded = load_config(config, overrides)
    if output is not None:
        loaded = loaded.replaced(output={"path": str(output)})
    path = Path(loaded.output.path or "result.h5")
    refuse_existing(path, force)
    problem = api.prepare(loaded)
    warn(problem.warnings)
    if problem.plan.stepper == "implicit" and problem.plan.stepper_why and not quiet:
        click.echo(f"time.stepper {problem.plan.stepper_why}", err=True)
    start_up = time.perf_counter() - STARTED
    result = api.run_problem(problem, Bar().update)
    warn(result.warnings[len(problem.warnings) :])
    return finish(result, path, start_up, force=force, quiet=quiet)


def finish(result: Result, path: Path, start_up: float, *, force: bool, quiet: bool) -> int:
    """Write the file, print the summary, and return the exit status."""
    result.provenance["wall_start_up"] = start_up
    begun = time.perf_counter()
    result.save(path, force=force)
    writing = time.perf_counter() - begun
    if not quiet:
        click.echo(result.title)
        click.echo(table([*result.summary(), ("wall time", wall_times(result, writing)), ("written to", path)]))
    if not result.is_complete:
        click.echo(f"fpsolver: {result.message}. The result up to there is in {path}.", err=True)
        return 3
    return 0


STEPS = {"rk4": "steps of", "implicit": "implicit steps of at most", "": "no steps: solved directly"}


def wall_times(result: Result, writing: float) -> str:
    """Wall time of each part of the run."""
    found = result.provenance
    solve = found["wall_solve"] + found["wall_evaluate"]
    parts = {
        "start-up": found["wall_start_up"],
        "compile": found["wall_compile"],
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
    try:
        check_output(path, force=force)
    except OutputExistsError as error:
        raise same_command_with_force(error) from None
