"""``fpsolver convergence``: errors and observed orders under refinement."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import click

from fpsolver import studies
from fpsolver.cli.info import clean
from fpsolver.cli.options import config_argument, force_option, naming_the_command, refuse_itself, set_option
from fpsolver.config.reader import load_config
from fpsolver.errors import UsageError
from fpsolver.io.paths import check_output

LABELS = {"W": "L1 error of W", "moments": "moments", "Pi": "Pi", "Phi": "Phi"}


@click.command("convergence")
@config_argument
@click.option("--cells", default="48,64,96,128", show_default=True, help="Cells along each axis, increasing.")
@set_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Figure to draw (.png, .pdf or .svg).")
@force_option
def command(
    config: Path, cells: str, overrides: tuple[str, ...], as_json: bool, output: Path | None, force: bool
) -> int:
    """Run CONFIG on finer and finer grids of the same box; print errors and observed orders.

    Errors are those at the end of the run: against the exact Gaussian where there is one, else against the finest grid.
    Moments are divided by the largest of them, Pi and Phi by max(Pi, |Phi|, eta), with eta the sum of the
    friction rates; in a closed system, where all are 0, by the fastest rate of small motions.
    """
    if output is not None:
        refuse_existing(config, output, force=force)
    loaded = load_config(config, overrides)
    found = studies.convergence(loaded, numbers(cells))
    if as_json:
        click.echo(json.dumps(clean(as_dict(found)), indent=2))
    else:
        click.echo(f"{loaded.title or config}\n  errors against {found.reference}, orders in brackets")
        click.echo("\n".join(rows(found)))
    if output is not None:
        from fpsolver import plot  # matplotlib takes 0.4 s to import

        plot.save(plot.convergence(found), output)
        click.echo(f"wrote {output}", err=as_json)
    return 0


def refuse_existing(config: Path, output: Path, *, force: bool) -> None:
    """Check the figure's name before hours are spent."""
    from fpsolver.plot.files import SUFFIXES  # as below

    refuse_itself(config, output)
    if output.suffix.lower() not in SUFFIXES:
        raise UsageError(f"the suffix of a figure must be one of {', '.join(SUFFIXES)}, but the output is {output}")
    with naming_the_command():
        check_output(output, force=force)


def numbers(text: str) -> tuple[int, ...]:
    """``48,64,96`` as numbers."""
    try:
        return tuple(int(word) for word in text.split(","))
    except ValueError:
        raise UsageError(f"--cells must be whole numbers like 48,64,96, but is {text!r}") from None


def rows(found: studies.Convergence) -> list[str]:
    """Header and one line for each grid."""
    shown = [name for name in LABELS if not all(map(math.isnan, found.errors[name]))]
    lines = [f"  {'cells':>6}" + "".join(f"{LABELS[name]:>20}" for name in shown) + f"{'seconds':>10}"]
    for k, n in enumerate(found.cells):
        line = f"  {n:>6}"
        for name in shown:
            order = found.orders(name)[k]
            words = f" ({order:.2f})" if math.isfinite(order) else ""
            line += f"{found.errors[name][k]:.2e}{words}".rjust(20)
        lines.append(line + f"{found.seconds[k]:>10.2f}")
    return [*lines, *(f"  no error of {LABELS[name]}: {reason}" for name, reason in found.reasons.items())]


def as_dict(found: studies.Convergence) -> dict[str, Any]:
    """Everything the table shows."""
    return {
        "reference": found.reference,
        "cells": found.cells,
        "errors": found.errors,
        "orders": {name: found.orders(name) for name in found.errors},
        "seconds": found.seconds,
        "reasons": found.reasons,
    }
