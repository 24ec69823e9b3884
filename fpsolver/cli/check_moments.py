"""``fpsolver check`` of ``time.method: gaussian``, which has no grid."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from fpsolver.cli.check_many import gaussian_rows, model_rows
from fpsolver.cli.options import table, warn
from fpsolver.errors import NoSteadyStateError
from fpsolver.gaussian import GaussianProblem
from fpsolver.physics import exact, linear


def show(problem: GaussianProblem, config: Path) -> int:
    """Print model, steady state (unless it takes long) and costs."""
    warn(problem.warnings)
    click.echo(problem.config.title or str(config))
    has_baths = getattr(problem.config.system, "matrices", None) is None
    parts = {
        "model": model_rows(problem.system, has_baths=has_baths),
        "steady state": steady_rows(problem),
        "run": cost_rows(problem),
    }
    for name, rows in parts.items():
        click.echo(f"{name}\n{table(rows)}")
    return 0


def steady_rows(problem: GaussianProblem) -> list[tuple[str, Any]]:
    """The exact steady state of a few particles."""
    if 2 * problem.system.size >= linear.LARGE:
        return [("not computed here", "of so many particles, it is the run itself")]
    try:
        return gaussian_rows(exact.steady(problem.system))
    except NoSteadyStateError as error:
        return [("none", str(error))]


def cost_rows(problem: GaussianProblem) -> list[tuple[str, Any]]:
    """End, records, memory and run time."""
    end = float(problem.times[-1])
    return [
        ("method", "gaussian: exact moments, no grid"),
        ("until", "steady, without steps" if math.isinf(end) else f"t = {end:g}"),
        ("records", f"{len(problem.times)}"),
        ("memory", f"about {problem.memory / 2**20:.0f} MiB"),
        ("run time", f"about {problem.seconds:.2g} s (predicted)"),
    ]
