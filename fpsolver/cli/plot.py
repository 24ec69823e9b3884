"""``fpsolver plot``: figures of results and of sweeps."""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import click
from matplotlib.figure import Figure

from fpsolver import plot
from fpsolver.cli.options import warn
from fpsolver.errors import FpsolverWarning, UsageError
from fpsolver.io.container import file_format
from fpsolver.io.paths import named
from fpsolver.io.sweeps import FORMAT as SWEEP
from fpsolver.plot import naming, sweeps
from fpsolver.result import Outcome, Result, load_result
from fpsolver.sweeps.table import load_sweep

QUANTITY = "entropy_production"  # of a sweep


@click.command("plot")
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--kind",
    "kinds",
    help=f"Comma-separated list of {', '.join(plot.KINDS)} (default: overview of one particle on a "
    f"grid, else profile or series); of a sweep: {', '.join(sweeps.KINDS)}.",
)
@click.option(
    "--quantity",
    help=f"Of a sweep: what to draw, as in mean.p, heat_current.1 (default: {QUANTITY}).",
)
@click.option(
    "--time",
    "times",
    type=float,
    multiple=True,
    help="With --kind wigner or joint: draw the snapshot nearest to this time. Repeatable, for a strip of them.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write: .png, .pdf or .svg.")
def command(
    results: tuple[Path, ...], kinds: str | None, quantity: str | None, times: tuple[float, ...], output: Path | None
) -> int:
    """Draw figures of RESULTS, several side by side; of a sweep curves, a map or a phase diagram."""
    if are_sweeps(results):
        check_time(times, kinds, sweeps.KINDS)
        return draw_sweeps(results, kinds, quantity or QUANTITY, output)
    check_quantity(quantity, results[0])
    loaded = [load_result(path) for path in results]
    wanted = chosen(kinds or _usual(loaded), plot.KINDS)
    check_time(times, kinds, wanted)
    group = naming.after_files(loaded, results)
    for kind in wanted:
        path = _target(output, results[0], kind, many=len(wanted) > 1)
        plot.save(drawn(kind, group, times), path)
        click.echo(f"wrote {path}")
    return 0


def drawn(kind: str, group: Sequence[Outcome], times: tuple[float, ...]) -> Figure:
    """The figure, of one or several times if they are given; what there is to say of it on standard error."""
    options = {"times" if len(times) > 1 else "time": times if len(times) > 1 else times[0]} if times else {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", FpsolverWarning)
        figure = plot.KINDS[kind](*group, **options)
    warn([str(warning.message) for warning in caught])
    return figure


def are_sweeps(paths: Sequence[Path]) -> bool:
    """True if all files are sweeps, False if none is; UsageError for a mixture."""
    found = [path for path in paths if file_format(path) == SWEEP]
    others = [path for path in paths if path not in found]
    if found and others:
        load_result(others[0])  # says what is wrong with a file that cannot be read
        raise UsageError(
            f"results and sweeps cannot be drawn together, but {found[0]} is a sweep and {others[0]} a result; "
            "plot them one after the other"
        )
    return bool(found)


def check_time(times: tuple[float, ...], kinds: str | None, wanted: Collection[str]) -> None:
    """UsageError for what is no time, and for a time with any kind but that of W."""
    for time in times:
        if not 0 <= time < math.inf:
            raise UsageError(f"--time must be a finite number, 0 or above, but is {time:g}; example: --time 1.5")
    if times and not set(wanted) <= {"wigner", "joint"}:
        given = f"the kind is {kinds}" if kinds else "no kind is given"
        raise UsageError(
            f"--time {times[0]:g} chooses a snapshot of W, but {given}; use it with --kind wigner of results, or joint "
            "of several particles"
        )


def check_quantity(quantity: str | None, result: Path) -> None:
    """UsageError for a quantity with anything but sweeps."""
    if quantity is not None:
        raise UsageError(
            f"--quantity {quantity} chooses what to draw of a sweep, but {result} is a result; leave it out, and use "
            "--kind for another figure"
        )


def draw_sweeps(paths: tuple[Path, ...], kinds: str | None, quantity: str, output: Path | None) -> int:
    """Figures of each sweep."""
    for path in paths:
        found = load_sweep(path)
        wanted = chosen(kinds or sweeps.default_kind(found), sweeps.KINDS)
        for kind in wanted:
            target = _target(output, path, kind, prefix=path.stem if len(paths) > 1 else "", many=len(wanted) > 1)
            plot.save(sweeps.draw(found, kind, quantity), target)
            click.echo(f"wrote {target}")
    return 0


def chosen(kinds: str, known: Mapping[str, object]) -> list[str]:
    """Names of kinds; UsageError for an unknown one."""
    wanted = [kind.strip() for kind in kinds.split(",")]
    for kind in wanted:
        if kind not in known:
            raise UsageError(f"--kind must be one of {', '.join(known)}, but is {kind!r}")
    return wanted


def _usual(results: Sequence[Outcome]) -> str:
    """The kind that is drawn when none is named: without a grid, the profile of several particles, or the series."""
    if all(isinstance(result, Result) and not result.particles for result in results):
        return "overview"
    if any(isinstance(result, Result) and not result.particles for result in results):
        return "series"
    return "profile" if all("temperature" in result.series for result in results) else "series"


def _target(output: Path | None, result: Path, kind: str, *, prefix: str = "", many: bool) -> Path:
    """``<result>-<kind>.png``, or the given file (with what tells several figures apart in its name)."""
    if output is None:
        return result.with_name(f"{result.stem}-{kind}.png")
    parts = [output.stem, *([prefix] if prefix else []), *([kind] if many else [])]
    return named(output).with_name(f"{'-'.join(parts)}{output.suffix}")
