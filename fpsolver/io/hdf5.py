"""Results as HDF5 files: written beside the path and renamed when complete, read back into a Result.

Every group carries its own dimension scales, so that ``xarray.open_dataset(path, group=G, engine="h5netcdf")``
opens ``series``, ``final``, ``snapshots`` and ``exact``. The layout is described in docs/files.md.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

import fpsolver
from fpsolver.grid import Grid, coordinate_names
from fpsolver.io import starts
from fpsolver.io.container import UNITS, Writer, per_action, write_file
from fpsolver.io.provenance import now
from fpsolver.physics.exact import NOT_GAUSSIAN_REASON
from fpsolver.physics.potentials import FloatArray
from fpsolver.recorder import EVERYTHING

if TYPE_CHECKING:
    from fpsolver.result import GaussianResult, Outcome, Result

FORMAT = "fpsolver-result"
FORMAT_VERSION = 1
FINAL = {
    "W": ("1/action", "Wigner function"),
    "J": ("1/(action time)", "probability current, times the unit of its component"),
    "J_reversible": ("1/(action time)", "reversible current"),
    "J_irreversible": ("1/(action time)", "irreversible current"),
    "entropy_production_density": ("1/(action time)", "density of Pi"),
    "entropy_flux_density": ("1/(action time)", "density of Phi"),
}
DIMENSIONS = {
    "mean": ("component",),
    "covariance": ("row", "column"),
    "heat_current": ("particle",),
    "energy_particle": ("particle",),
    "temperature": ("particle",),
    "entropy_production_particle": ("particle",),
    "entropy_flux_particle": ("particle",),
    "purity_particle": ("particle",),
    "spring_current": ("spring",),
}
PARTICLE = {
    "W": ("1/action", "Wigner function of this particle alone"),
    "J_reversible": ("1/(action time)", "reversible current of this particle alone"),
    "J_irreversible": ("1/(action time)", "irreversible current of this particle alone"),
    "production": ("1/(action time)", "density of the channels of Pi of this particle"),
}
NO_STEPS = "infinite: the steady state, which was found without steps"
NO_DT = "no steps were taken"
NO_W = "no closed form of W: of this start only the moments are known exactly"
NO_GRID = "no grid on which W could be compared"
NOT_KEPT = "left out for its size; fpsolver.thermo.currents gives it from W"
EXACT = {
    "mean": ("mixed", "exact mean of x"),
    "covariance": ("mixed", "exact covariance of x"),
    "entropy_production": ("1/time", "exact Pi"),
    "entropy_flux": ("1/time", "exact Phi"),
}


def reason_of(result: Outcome, name: str, values: FloatArray) -> dict[str, str]:
    """The attribute ``reason`` of an array of this quantity that is somewhere NaN or infinite."""
    return {"reason": result.reasons[name]} if name in result.reasons and not np.isfinite(values).all() else {}


def reason_of_exact(result: Result, name: str) -> dict[str, str]:
    """The same of an exact solution."""
    assert result.exact is not None
    return (
        {"reason": NOT_GAUSSIAN_REASON}
        if np.isnan(result.exact[name]).any()
        else reason_of(result, name, result.exact[name])
    )


def reason_of_times(times: FloatArray) -> dict[str, str]:
    """The same of times, of which that of a direct solution is infinite."""
    return {} if np.isfinite(times).all() else {"reason": NO_STEPS}


def write(result: Result, path: Path, *, force: bool = False) -> Path:
    """Write a result; OutputError if the file exists and not ``force``, or cannot be written."""
    return write_file(path, lambda file: _write_all(file, result), force=force)


def write_moments(result: GaussianResult, path: Path, *, force: bool = False) -> Path:
    """Write a result without a grid: `/exact` is another name of `/series`."""

    def fill(file: h5py.File) -> None:
        """Put the words, the series and the profile into the file."""
        _write_words(file, result)
        file.attrs["method"] = "gaussian"
        _write_series(file.create_group("series"), result)
        file["exact"] = file["series"]
        file["series"].attrs.update({"W_l1_error": result.exact_error, "W_l1_error_reason": NO_GRID})
        if "spring_current" in result.series:  # of several particles
            _write_profile(file.create_group("profile"), result)

    return write_file(path, fill, force=force)


def _write_all(file: h5py.File, result: Result) -> None:
    _write_words(file, result)
    _write_grid(file.create_group("grid"), result.grid)
    _write_series(file.create_group("series"), result)
    _write_final(file.create_group("final"), result)
    if result.particles:
        _write_particles(file.create_group("particles"), result)
    _write_snapshots(file.create_group("snapshots"), result)
    if result.exact is not None:
        _write_exact(file.create_group("exact"), result)
    if len(result.grid.axes) > 2:
        _write_profile(file.create_group("profile"), result)


def _write_words(file: h5py.File, result: Outcome) -> None:
    """What every result has: status, configuration, provenance, verdicts."""
    file.attrs.update(
        {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "fpsolver_version": fpsolver.__version__,
            "status": result.status,
            "message": result.message,
            "created": now(),
            "warnings": "\n".join(result.warnings),
        }
    )
    file["config"] = result.config.to_yaml()
    if (given := starts.held(result.config)) is not None:
        starts.write(file.create_group(starts.GROUP), given, result.config.output.compression)
    made = {"dt_reason": NO_DT} if math.isnan(result.provenance.get("dt", 0.0)) else {}
    file.create_group("provenance").attrs.update(made | result.provenance)
    file.create_group("diagnostics").attrs.update(result.diagnostics)


def _write_grid(group: h5py.Group, grid: Grid) -> None:
    writer = Writer(group)
    writer.coordinates(grid)
    for axis in grid.axes:
        name = f"{axis.name}_faces"
        writer.scale(name, axis.faces, UNITS[axis.name[0]], f"{axis.name} at the faces of the cells")
        group[axis.name].attrs.update({"low": axis.low, "high": axis.high, "periodic": axis.periodic})


def _write_series(group: h5py.Group, result: Outcome) -> None:
    writer = Writer(group)
    count = result.series["heat_current"].shape[-1]
    _write_times(writer, result.series["time"])
    writer.components(coordinate_names(count), "component", "row", "column")
    writer.scale("particle", np.arange(count), "1", "index of the particle")
    if "spring_current" in result.series:
        writer.scale("spring", np.arange(result.series["spring_current"].shape[-1]), "1", "index of the spring")
    for quantity in EVERYTHING:
        if quantity.name not in result.series:
            continue
        dims = ("time", *DIMENSIONS.get(quantity.name, ()))
        values = result.series[quantity.name]
        dataset = writer.array(quantity.name, values, dims, quantity.units, quantity.long_name)
        dataset.attrs.update(reason_of(result, quantity.name, values))


def _write_times(writer: Writer, times: FloatArray) -> None:
    writer.scale("time", times, "time", "time")
    writer.group["time"].attrs.update(reason_of_times(times))


def _write_time(group: h5py.Group, time: float) -> None:
    group.attrs["time"] = time
    if not math.isfinite(time):
        group.attrs["time_reason"] = NO_STEPS


def _write_profile(group: h5py.Group, result: Outcome) -> None:
    """The last row of what is known of each particle and each spring."""
    writer = Writer(group)
    _write_time(group, float(result.series["time"][-1]))
    writer.scale("particle", np.arange(result.series["heat_current"].shape[-1]), "1", "index of the particle")
    writer.scale("spring", np.arange(result.series["spring_current"].shape[-1]), "1", "index of the spring")
    for quantity in EVERYTHING:
        dims = DIMENSIONS.get(quantity.name, ())
        known = quantity.name in result.series  # files of older versions have fewer
        if known and dims in (("particle",), ("spring",)):
            values = result.series[quantity.name][-1]
            dataset = writer.array(quantity.name, values, dims, quantity.units, quantity.long_name)
            dataset.attrs.update(reason_of(result, quantity.name, values))


def _write_final(group: h5py.Group, result: Result) -> None:
    writer = Writer(group, result.config.output.compression)
    _write_time(group, result.final.time)
    writer.coordinates(result.grid)
    writer.components(result.grid.names, "component")
    for name, (units, long_name) in FINAL.items():
        if (values := getattr(result.final, name)) is None:
            group.attrs[f"{name}_reason"] = NOT_KEPT
            continue
        dims = ("component", *result.grid.names) if name.startswith("J") else result.grid.names
        dataset = writer.array(name, values, dims, per_action(units, len(result.grid.axes) // 2), long_name)
        dataset.attrs.update(reason_of(result, name.removesuffix("_density"), values))


def _write_particles(group: h5py.Group, result: Result) -> None:
    """Reduced Wigner functions, currents and channels of Pi: a group for each particle, with axes of its own."""
    for k, particle in enumerate(result.particles, start=1):
        writer = Writer(group.create_group(str(k)), result.config.output.compression)
        names = (f"q{k}", f"p{k}")
        for axis in result.grid.axes:
            if axis.name in names:
                writer.scale(axis.name, axis.centres, UNITS[axis.name[0]], f"{axis.name} at the cell centres")
        writer.components(names, "component")
        for field, (units, long_name) in PARTICLE.items():
            dims, values = names if field == "W" else ("component", *names), getattr(particle, field)
            dataset = writer.array(field, values, dims, units, long_name)
            dataset.attrs.update(reason_of(result, "entropy_production", values) if field == "production" else {})


def _write_snapshots(group: h5py.Group, result: Result) -> None:
    writer = Writer(group, result.config.output.compression)
    _write_times(writer, result.snapshots.time)
    writer.coordinates(result.grid)
    dims = ("time", *result.grid.names)
    options = dict(writer.options)
    if len(result.snapshots.time):
        options["chunks"] = (1, *result.grid.shape)
    dataset = group.create_dataset("W", data=result.snapshots.W, **options)
    for axis, dim in enumerate(dims):
        dataset.dims[axis].attach_scale(group[dim])
    dataset.attrs.update({"units": per_action("1/action", len(result.grid.axes) // 2), "long_name": "Wigner function"})


def _write_exact(group: h5py.Group, result: Result) -> None:
    assert result.exact is not None
    writer = Writer(group)
    _write_times(writer, result.exact["time"])
    writer.components(result.grid.names, "component", "row", "column")
    shapes = {"mean": ("component",), "covariance": ("row", "column")}
    for name, (units, long_name) in EXACT.items():
        dataset = writer.array(name, result.exact[name], ("time", *shapes.get(name, ())), units, long_name)
        dataset.attrs.update(reason_of_exact(result, name))
    group.attrs["W_l1_error"] = result.exact_error
    if math.isnan(result.exact_error):
        group.attrs["W_l1_error_reason"] = NO_W
