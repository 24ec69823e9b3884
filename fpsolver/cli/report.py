"""``fpsolver report``: one HTML page about a result."""

from __future__ import annotations

from pathlib import Path

import click

from fpsolver.cli.info import load_one
from fpsolver.reports.page import report


@click.command("report")
@click.argument("result", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Page to write (default: STEM.html).")
def command(result: Path, output: Path | None) -> int:
    """Write an HTML page about RESULT that holds everything and works without a network.

    Configuration, verdicts, numbers, W and both currents under a time slider, entropy balance, marginals. Of several
    particles: what is known of each of them at the end in place of W, currents and marginals.
    """
    path = report(load_one(result, "report"), output or result.with_suffix(".html"))
    click.echo(f"wrote {path}")
    return 0
