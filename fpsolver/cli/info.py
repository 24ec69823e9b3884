"""``fpsolver info``: what is in a result, for a person or (``--json``) for a script."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import click
import numpy as np

from fpsolver.api import build_system
from fpsolver.cli import sheet
from fpsolver.cli.options import table
from fpsolver.config.objects import without_objects
from fpsolver.config.reader import Config
from fpsolver.config.schema import to_plain
from fpsolver.errors import FileFormatError, FpsolverError
from fpsolver.grid import interval
from fpsolver.io.container import file_format
from fpsolver.io.sweeps import FORMAT as SWEEP
from fpsolver.physics import arguments
from fpsolver.result import GaussianResult, Result, load_result
from fpsolver.sweeps.kept import folder_of
from fpsolver.sweeps.table import load_sweep

MOST_NUMBERS = 10_000


@click.command("info")
@click.argument("result", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON (NaN and infinity as null and text).")
@click.option(
    "--config",
    "only_config",
    is_flag=True,
    help="Print the configuration, which repeats the run, as YAML (or JSON).",
)
def command(result: Path, as_json: bool, only_config: bool) -> int:
    """Say what is in RESULT, or in the table of a sweep."""
    is_sweep = file_format(result) == SWEEP
    if only_config:
        config = (load_sweep(result) if is_sweep else load_result(result)).config.repeating(result)
        click.echo(json.dumps(clean(plain(config)), indent=2) + "\n" if as_json else config.to_yaml(), nl=False)
        return 0
    if is_sweep:
        return show_sweep(result, as_json=as_json)
    loaded = load_result(result)
    if as_json:
        click.echo(json.dumps(clean(as_dict(loaded, result)), indent=2))
        return 0
    click.echo(loaded.title)
    found = loaded.provenance
    times = loaded.series["time"]
    span = f"from t = {times[0]:g} to {times[-1]:g}" if np.isfinite(times[-1]) else "of the steady state"
    series = f"{arguments.counted(len(times), 'record')} {span}"
    effort = f"{arguments.counted(found['threads'], 'thread')}, {arguments.counted(found['steps'], 'step')}"
    made = f"fpsolver {found['fpsolver']} on {found['host']}, {effort}"
    rows = [
        ("file", result),
        ("status", loaded.status),
        *model_rows(loaded.config),
        *loaded.summary(),
        ("series", series),
    ]
    if isinstance(loaded, Result):
        rows.append(("snapshots", f"{len(loaded.snapshots.time)}"))
    click.echo(table([*rows, ("made by", made)]))
    for axis in loaded.grid.axes if isinstance(loaded, Result) else ():
        click.echo(f"  axis {axis.name}: {axis.cells} cells on {interval(axis.low, axis.high)}")
    for text in loaded.warnings:
        click.echo(f"  warning: {text}")
    return 0


def load_one(path: Path, what: str) -> Result | GaussianResult:
    """The result that a page or a film is about; FileFormatError for a sweep, which has many."""
    if file_format(path) == SWEEP:
        raise FileFormatError(
            f"{path} is a sweep, and a {what} is about one result; `fpsolver sweep --keep-results` keeps those of the "
            f"runs, in {folder_of(path)}"
        )
    return load_result(path)


def model_rows(config: Config) -> list[tuple[str, Any]]:
    """Particles, springs and baths; nothing where they were objects, which no file holds."""
    try:
        system = build_system(config)
    except FpsolverError:
        return []
    rows = sheet.model_rows(config, system)
    return [row for row in rows if row[0].startswith(("particle", "springs")) or row[0].endswith("bath")]


def show_sweep(path: Path, *, as_json: bool) -> int:
    """The same for the table of a sweep."""
    found = load_sweep(path)
    if as_json:
        everything = {"file": str(path), "title": found.title, "over": found.over, "data": found.data}
        everything |= {"linked": found.linked} if found.linked else {}
        click.echo(json.dumps(clean(everything), indent=2))
        return 0
    click.echo(found.title or str(path))
    numbers = ", ".join(name for name, values in found.data.items() if values.dtype != object)
    click.echo(table([("file", path), *found.summary(), ("quantities", numbers)]))
    return 0


def as_dict(result: Result | GaussianResult, path: Path) -> dict[str, Any]:
    """Everything but the large arrays."""
    return {
        "file": str(path),
        "title": result.title,
        "status": result.status,
        "message": result.message,
        "warnings": result.warnings,
        "reasons": result.reasons,
        "final": small({name: values[-1] for name, values in result.series.items()}),
        "exact": small({name: values[-1] for name, values in result.exact.items()}) if result.exact else None,
        "W_l1_error": result.exact_error,
        "diagnostics": result.diagnostics,
        "grid": [
            {"name": a.name, "cells": a.cells, "low": a.low, "high": a.high, "periodic": a.periodic}
            for a in (result.grid.axes if isinstance(result, Result) else ())
        ],
        "provenance": result.provenance,
        "config": plain(result.config.repeating(path)),
    }


def plain(config: Config) -> Any:
    """All keys of a configuration, as values of JSON."""
    return without_objects(to_plain(config.model_dump(exclude_none=True)))


def small(values: dict[str, Any]) -> dict[str, Any]:
    """Without the covariances of long chains, which are in the file."""
    return {name: value for name, value in values.items() if np.size(value) <= MOST_NUMBERS}


def clean(value: Any) -> Any:
    """Plain JSON values: arrays as lists, NaN as null, infinity as a text."""
    if isinstance(value, dict):
        return {name: clean(item) for name, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [clean(item) for item in value]
    if isinstance(value, np.generic):
        return clean(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
