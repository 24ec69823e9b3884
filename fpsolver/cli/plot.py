"""``fpsolver plot``: figures of results."""

from __future__ import annotations

from pathlib import Path

import click

from fpsolver import plot
from fpsolver.errors import UsageError
from fpsolver.result import Result, load_result


@click.command("plot")
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--kind", "kinds", default="overview", help=f"Comma-separated list of {', '.join(plot.KINDS)}.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write: .png, .pdf or .svg.")
def command(results: tuple[Path, ...], kinds: str, output: Path | None) -> int:
    """Draw figures of RESULTS, several side by side."""
    loaded = [load_result(path) for path in results]
    wanted = [kind.strip() for kind in kinds.split(",")]
    for kind in wanted:
        if kind not in plot.KINDS:
            raise UsageError(f"--kind must be one of {', '.join(plot.KINDS)}, but is {kind!r}")
    for kind in wanted:
        for name, group in _groups(kind, results, loaded):
            path = _target(output, name, kind, many=len(wanted) > 1 or len(group) < len(loaded))
            plot.save(plot.KINDS[kind](*group), path)
            click.echo(f"wrote {path}")
    return 0


def _groups(kind: str, paths: tuple[Path, ...], results: list[Result]) -> list[tuple[Path, list[Result]]]:
    """One figure for all results, except for the overview, which takes one."""
    if kind == "overview":
        return [(path, [result]) for path, result in zip(paths, results, strict=True)]
    return [(paths[0], results)]


def _target(output: Path | None, result: Path, kind: str, *, many: bool) -> Path:
    """``<result>-<kind>.png``, or the given file (with the kind in its name if there are several figures)."""
    if output is None:
        return result.with_name(f"{result.stem}-{kind}.png")
    if not many:
        return output
    return output.with_name(f"{output.stem}-{result.stem}-{kind}{output.suffix}")
