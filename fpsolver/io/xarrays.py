"""Results as xarray Datasets, and back without loss."""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from fpsolver.config.reader import Config, parse_yaml
from fpsolver.errors import ConfigError, FileFormatError, UsageError
from fpsolver.grid import Axis, Grid, coordinate_names
from fpsolver.io import starts
from fpsolver.io.container import per_action
from fpsolver.io.hdf5 import DIMENSIONS, EXACT, FINAL, PARTICLE, reason_of, reason_of_exact, reason_of_times
from fpsolver.physics.potentials import FloatArray
from fpsolver.recorder import EVERYTHING

if TYPE_CHECKING:
    import xarray

    from fpsolver.result import GaussianResult, Outcome, Result

FORMAT = "fpsolver-result"


def package() -> ModuleType:
    """The package xarray, which takes 0.5 s to import and need not be there; UsageError without it."""
    try:
        return importlib.import_module("xarray")
    except ImportError:
        raise UsageError("xarray is not installed; install it with `pip install xarray`") from None


def dataset(result: Result) -> xarray.Dataset:
    """All arrays of a result with named dimensions; everything else as attributes."""
    names, variables = result.grid.names, _series(result)
    for name, (units, long_name) in FINAL.items():
        dims = ("component", *names) if name.startswith("J") else names
        if (values := getattr(result.final, name)) is not None:
            words = {"units": per_action(units, len(names) // 2), "long_name": long_name}
            variables[name] = (dims, values, words | reason_of(result, name.removesuffix("_density"), values))
    variables |= _particles(result)
    attributes = {"units": per_action("1/action", len(names) // 2), "long_name": "W"}
    variables["snapshots"] = (("snapshot_time", *names), result.snapshots.W, attributes)
    if result.exact is not None:
        for name, (units, long_name) in EXACT.items():
            dims = ("time", *DIMENSIONS.get(name, ()))
            words = {"units": units, "long_name": long_name} | reason_of_exact(result, name)
            variables[f"exact_{name}"] = (dims, result.exact[name], words)
    coordinates = _times(time=result.series["time"], snapshot_time=result.snapshots.time)
    coordinates |= {axis.name: axis.centres for axis in result.grid.axes}
    coordinates |= {name: list(names) for name in ("component", "row", "column")}
    coordinates |= counted(result.series, len(names) // 2)
    coordinates |= {"particle_component": ["q", "p"]} if result.particles else {}
    more = {
        "final_time": result.final.time,
        "exact_error": result.exact_error,
        "axes": [[a.name, a.low, a.high, a.cells, a.periodic] for a in result.grid.axes],
    }
    found: xarray.Dataset = package().Dataset(variables, coordinates, _attributes(result, more))
    return found


def _times(**times: FloatArray) -> dict[str, Any]:
    """Coordinates of times, with the reason where one is infinite."""
    words = {"units": "time", "long_name": "time"}
    return {name: (name, values, words | reason_of_times(values)) for name, values in times.items()}


def counted(data: Mapping[str, FloatArray], particles: int) -> dict[str, Any]:
    """Coordinates of what is only numbered: particles, and springs where there are currents through them."""
    springs = {"spring": np.arange(data["spring_current"].shape[-1])} if "spring_current" in data else {}
    return {"particle": np.arange(particles), **springs}


def _particles(result: Result) -> dict[str, Any]:
    """Of each of several particles its reduced W, currents and channels of Pi: W_1 on q1, p1, and so on."""
    variables: dict[str, Any] = {}
    for k, particle in enumerate(result.particles, start=1):
        on = (f"q{k}", f"p{k}")
        for name, (units, long_name) in PARTICLE.items():
            dims = on if name == "W" else ("particle_component", *on)
            words = {"units": units, "long_name": long_name}
            values = getattr(particle, name)
            words |= reason_of(result, "entropy_production", values) if name == "production" else {}
            variables[f"{name}_{k}"] = (dims, values, words)
    return variables


def moments(result: GaussianResult) -> xarray.Dataset:
    """The series of a result without a grid with named dimensions; everything else as attributes."""
    count = result.series["heat_current"].shape[-1]
    coordinates = _times(time=result.series["time"]) | counted(result.series, count)
    coordinates |= {name: list(coordinate_names(count)) for name in ("component", "row", "column")}
    found: xarray.Dataset = package().Dataset(_series(result), coordinates, _attributes(result, {}))
    return found


def _series(result: Outcome) -> dict[str, Any]:
    """Variables on time."""
    given = starts.held(result.config)
    variables: dict[str, Any] = {} if given is None else starts.variables(given)
    for quantity in EVERYTHING:
        if quantity.name in result.series:
            dims = ("time", *DIMENSIONS.get(quantity.name, ()))
            values = result.series[quantity.name]
            words = {"units": quantity.units, "long_name": quantity.long_name}
            variables[quantity.name] = (dims, values, words | reason_of(result, quantity.name, values))
    return variables


def _attributes(result: Outcome, more: dict[str, Any]) -> dict[str, str]:
    """Texts and, as JSON, what xarray has no place for."""
    given = starts.held(result.config)
    rest = {
        "diagnostics": result.diagnostics,
        "provenance": result.provenance,
        "reasons": result.reasons,
        "warnings": result.warnings,
        "initial_form": "" if given is None else given.form,
        **more,
    }
    return {
        "format": FORMAT,
        "title": result.title,
        "status": result.status,
        "message": result.message,
        "config": result.config.to_yaml(),
        "fpsolver": json.dumps(rest),
    }


def fields(found: xarray.Dataset) -> dict[str, Any]:
    """Fields of a :class:`fpsolver.Result` (or of one without a grid); FileFormatError if the dataset is none."""
    try:
        return _fields(found)
    except (LookupError, ValueError, TypeError, AttributeError, ConfigError) as error:
        raise FileFormatError(f"the dataset is no fpsolver result: {error or type(error).__name__}") from None


def _field(found: xarray.Dataset, name: str) -> Any:
    return np.ascontiguousarray(found[name].values) if name in found else None


def _fields(found: xarray.Dataset) -> dict[str, Any]:
    if (written := found.attrs.get("format")) != FORMAT:
        form = "it has no attribute `format`" if written is None else f"its format is {written}"
        raise ValueError(f"{form}; give what `Result.to_xarray` made (tables of sweeps are another thing)")
    rest = json.loads(found.attrs["fpsolver"])
    data, _ = parse_yaml(found.attrs["config"], "the configuration in the dataset")
    series = {"time": found["time"].values, **{q.name: found[q.name].values for q in EVERYTHING if q.name in found}}
    words = {name: found.attrs[name] for name in ("status", "message")}
    words |= {name: rest[name] for name in ("diagnostics", "reasons", "warnings", "provenance")}
    on_grid = _on_grid(found, rest) if "axes" in rest else {}
    config = Config.stored(data)
    if form := rest.get("initial_form"):
        config = starts.holding(config, starts.of_variables(form, found))
    return {"config": config, "series": series, **words, **on_grid}


def _on_grid(found: xarray.Dataset, rest: dict[str, Any]) -> dict[str, Any]:
    """What only a result on a grid has."""
    exact = None
    if "exact_entropy_production" in found:
        exact = {"time": found["time"].values, **{name: found[f"exact_{name}"].values for name in EXACT}}
    return {
        "grid": Grid(tuple(Axis(*axis) for axis in rest["axes"])),
        "final": {"time": rest["final_time"], **{name: _field(found, name) for name in FINAL}},
        "particles": _of_particles(found, len(rest["axes"]) // 2),
        "snapshots": {"time": found["snapshot_time"].values, "W": found["snapshots"].values},
        "exact": exact,
        "exact_error": math.nan if rest["exact_error"] is None else rest["exact_error"],
    }


def _of_particles(found: xarray.Dataset, count: int) -> list[dict[str, Any]]:
    """Each of several particles; none in datasets that were made without them."""
    known = range(1, count + 1) if "W_1" in found else ()
    return [{name: _field(found, f"{name}_{k}") for name in PARTICLE} for k in known]
