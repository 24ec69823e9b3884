"""``fpsolver sweep``: many runs over a grid of parameter values, into one table."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import click

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
from fpsolver.errors import ConfigError, FpsolverError, UsageError
from fpsolver.io.kinds import is_journal, rows_in
from fpsolver.physics import arguments
from fpsolver.progress import on_terminal
from fpsolver.sweeps import engine, remarks
from fpsolver.sweeps.axes import Axes, axes_of, parse_over
from fpsolver.sweeps.journal import journal_path
from fpsolver.sweeps.table import Sweep


@click.command("sweep")
@config_argument
@click.option(
    "--over",
    "over",
    multiple=True,
    required=True,
    metavar="KEY=VALUES",
    help="Values of one key: 0.1,0.2,0.5 or linspace(a,b,n) or logspace(a,b,n), from a to b. Repeatable. "
    "Keys that change together stand in one --over: 'KEY=VALUES; KEY=VALUES'.",
)
@set_option
@click.option("--modes", type=click.IntRange(min=1), metavar="N", help="Also the rates of the N slowest modes.")
@click.option("--keep-results", is_flag=True, help="Keep each run's whole result, in the folder STEM-runs.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="HDF5 file (default: STEM-sweep.h5).")
@click.option("--workers", type=int, help="Local processes (default: one for each core).")
@click.option("--scheduler", metavar="ADDRESS", help="Run on the Dask cluster of this scheduler instead.")
@click.option("--resume", is_flag=True, help="Continue an interrupted sweep.")
@force_option
@click.option("--quiet", is_flag=True, help="Print warnings and errors only.")
def command(
    config: Path,
    over: tuple[str, ...],
    overrides: tuple[str, ...],
    modes: int | None,
    keep_results: bool,
    output: Path | None,
    workers: int | None,
    scheduler: str | None,
    resume: bool,
    force: bool,
    quiet: bool,
) -> int:
    """Run CONFIG for every combination of the values of some keys, and write one table.

    A run that fails is a row with its reason. Rows are kept in OUTPUT.partial until all are there. The steady state
    without stepping (--set time.method=direct) is the quickest.
    """
    wanted = parse_over(over)
    axes = axes_of(wanted)
    refuse_conflicts({*axes.keys} & {text.partition("=")[0].strip() for text in overrides}, workers, scheduler)
    loaded = load_base(config, overrides, axes)
    path = output or Path(f"{config.stem}-sweep.h5")
    refuse_itself(config, path)
    refuse_start(loaded, path)
    was_complete = resume and path.exists()
    with naming_the_command(), telling_of_rows(path):
        found = engine.sweep(
            loaded,
            wanted,
            modes=modes or 0,
            keep_results=keep_results,
            path=path,
            workers=workers,
            scheduler=scheduler,
            resume=resume,
            force=force,
            progress=not quiet and on_terminal(),
            note=lambda text: warn([text]),
        )
    return finish(found, path, was_complete=was_complete, quiet=quiet)


def load_base(path: Path, overrides: tuple[str, ...], axes: Axes) -> Config:
    """The configuration; with the first or last values of the keys swept where only these make it complete."""
    try:
        return load_config(path, overrides)
    except ConfigError as error:
        for place in ([0] * len(axes.shape), [count - 1 for count in axes.shape]):
            values = (f"{key}={json.dumps(value)}" for key, value in axes.point(place).items())
            with contextlib.suppress(FpsolverError):
                return load_config(path, (*overrides, *values))
        raise error


@contextlib.contextmanager
def telling_of_rows(path: Path) -> Iterator[None]:
    """An interrupt before or after the runs leaves the rows that are there."""
    try:
        yield
    except KeyboardInterrupt:
        partial = journal_path(path)
        if not (partial.exists() and is_journal(partial)):
            raise
        rows = arguments.counted(rows_in(partial), "finished row")
        verb = "is" if rows.startswith("1 ") else "are"
        text = f"interrupted; {rows} {verb} kept in {partial}, and --resume goes on from there"
        raise FpsolverError(text) from None


def refuse_conflicts(twice: set[str], workers: int | None, scheduler: str | None) -> None:
    """UsageError for options that contradict each other."""
    if twice:
        raise UsageError(f"{', '.join(sorted(twice))} is given by --set and by --over; keep one of them")
    if workers is not None and scheduler:
        raise UsageError("--workers are local processes and --scheduler is a cluster; give one of them")


def finish(found: Sweep, path: Path, *, was_complete: bool, quiet: bool) -> int:
    """Summary and exit status: 0 unless no run at all ended well."""
    status = 0 if found.is_good.any() else 3
    with heard_or_not(status):
        if was_complete:
            click.echo(f"{path} is complete: no row was missing")
        if not quiet:
            click.echo(found.title or str(path))
            click.echo(table([*found.summary(), ("wall time", wall_words(found)), ("written to", path)]))
    if text := remarks.lost(found):
        click.echo(f"fpsolver: {text}", err=True)
    warn([text for text in (remarks.without_modes(found), remarks.warned(found)) if text])
    return status


def wall_words(found: Sweep) -> str:
    """Time of the whole sweep and its pace."""
    seconds, workers = found.provenance["wall_sweep"], found.provenance["workers"]
    where = f"at {found.provenance['scheduler']}" if found.provenance["scheduler"] else "on this machine"
    pace = found.is_good.size / max(seconds, 1e-9)
    return f"{seconds:.1f} s with {arguments.counted(workers, 'worker')} {where}, {pace:.3g} runs per second"
