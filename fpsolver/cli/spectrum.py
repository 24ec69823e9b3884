"""``fpsolver spectrum``: the slowest relaxation modes on the grid, next to the exact ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np

from fpsolver import studies, told
from fpsolver.cli.info import clean
from fpsolver.cli.options import config_argument, set_option, warn
from fpsolver.config.faults import NEEDS_CONSTANTS, NEEDS_LINEAR
from fpsolver.config.reader import Config, load_config
from fpsolver.errors import ConfigError, Fault


@click.command("spectrum")
@config_argument
@click.option("-k", "count", type=int, default=10, show_default=True, help="Number of modes.")
@set_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(config: Path, count: int, overrides: tuple[str, ...], as_json: bool) -> int:
    """Print the slowest modes exp(-rate t) cos(frequency t) of CONFIG, and the exact ones where there is a closed form.

    Modes are those of the grid, so that a difference is the error of the grid. Nothing is stepped, no start is needed.
    """
    found = studies.spectrum(without_start(config, overrides), count)
    warn([*found.problem.warnings, *([found.warning] if found.warning else [])])
    if as_json:
        click.echo(json.dumps(clean(as_dict(found)), indent=2))
        return 0
    cells = " x ".join(str(n) for n in found.problem.grid.shape)
    click.echo(f"{found.problem.config.title or config}\n  {cells} cells, {found.problem.generator.scheme.words}")
    click.echo("\n".join(rows(found)))
    return 0


def without_start(path: Path, overrides: tuple[str, ...]) -> Config:
    """The configuration as for a steady state, which needs no start; its refusals in words of a spectrum."""
    try:
        return load_config(path, (*overrides, "time.method=direct", "time.until=steady"))
    except ConfigError as error:
        raise ConfigError(*map(_of_spectrum, error.faults), heading=error.heading) from None


def _of_spectrum(fault: Fault) -> Fault:
    """What ``method: direct``, which nobody asked for, would refuse."""
    if fault.text == NEEDS_LINEAR:
        return Fault(fault.key, "`limited` fluxes are not linear and have no spectrum; use `central`")
    if fault.text == NEEDS_CONSTANTS.format("direct"):
        text = "coefficients that change with time have no spectrum; freeze them in Python: system.at(time)"
        return Fault("system.bath.model", text)
    return fault


def rows(found: studies.Spectrum) -> list[str]:
    """Header and one line for each mode."""
    known = np.isfinite(found.exact).all()
    head = f"  {'mode':>4}{'rate':>20}{'frequency':>20}"
    lines = [head + (f"{'exact rate':>20}{'exact frequency':>20}{'difference':>12}" if known else "")]
    for k, (value, exact) in enumerate(zip(found.values, found.exact, strict=True)):
        floor = float(found.round_off[k])
        line = f"  {k:>4}{_number(-value.real, floor):>20}{_number(value.imag, floor):>20}"
        if np.isnan(value):
            line = f"  {k:>4}{told.NOT_TOLD:>20}{'':>20}"
        if known:
            line += f"{_number(-exact.real, 0):>20}{_number(exact.imag, 0):>20}{abs(value - exact):>12.1e}"
        lines.append(line)
    lines += [f"  {found.reason}"] if found.reason else []
    return lines if known else [*lines, "  no closed form to compare with: the force is not linear"]


def as_dict(found: studies.Spectrum) -> dict[str, Any]:
    """Rates and frequencies, exact ones null where there is no closed form, others where they are not told from 0."""
    return {
        "rate": -found.values.real,
        "frequency": found.values.imag,
        "exact_rate": -found.exact.real,
        "exact_frequency": found.exact.imag,
        "cells": found.problem.grid.shape,
        **({"rate_reason": found.reason} if found.reason else {}),
    }


def _number(value: float, floor: float) -> str:
    """Twelve digits; round-off as 0."""
    return f"{value if abs(value) > floor else 0.0:.12g}"
