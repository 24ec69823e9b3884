"""Results as HDF5 files: written beside the path and renamed when complete, read back into a Result.

Every group carries its own dimension scales, so that ``xarray.open_dataset(path, group=G, engine="h5netcdf")``
opens ``series``, ``final``, ``snapshots`` and ``exact``. The layout is described in docs/files.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

import fpsolver
from fpsolver.config.reader import Config, parse_yaml
from fpsolver.errors import FileFormatError
from fpsolver.grid import Axis, Grid
from fpsolver.io.container import UNITS, Writer, read_file, write_file
from fpsolver.io.provenance import now
from fpsolver.physics.exact import NOT_GAUSSIAN_REASON
from fpsolver.physics.potentials import FloatArray
from fpsolver.recorder import SERIES

if TYPE_CHECKING:
    from fpsolver.result import Result

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
EXACT = {
    "mean": "exact mean of x",
    "covariance": "exact covariance of x",
    "entropy_production": "exact Pi",
    "entropy_flux": "exact Phi",
}


def write(result: Result, path: Path, *, force: bool = False) -> Path:
    """Write a result; OutputError if the file exists and not ``force``, or cannot be written."""
    return write_file(path, lambda file: _write_all(file, result), force=force)


def _write_all(file: h5py.File, result: Result) -> None:
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
    file.create_group("provenance").attrs.update(result.provenance)
    file.create_group("diagnostics").attrs.update(result.diagnostics)
    _write_grid(file.create_group("grid"), result.grid)
    _write_series(file.create_group("series"), result)
    _write_final(file.create_group("final"), result)
    _write_snapshots(file.create_group("snapshots"), result)
    if result.exact is not None:
        _write_exact(file.create_group("exact"), result)


def _write_grid(group: h5py.Group, grid: Grid) -> None:
    for axis in grid.axes:
        units = UNITS[axis.name[0]]
        for name, values in ((axis.name, axis.centres), (f"{axis.name}_faces", axis.faces)):
            dataset = group.create_dataset(name, data=values)
            dataset.attrs.update({"units": units, "long_name": name})
        group[axis.name].attrs.update({"low": axis.low, "high": axis.high, "periodic": axis.periodic})


def _write_series(group: h5py.Group, result: Result) -> None:
    writer = Writer(group)
    writer.scale("time", result.series["time"], "time", "time")
    writer.components(result.grid, "component", "row", "column")
    writer.scale("particle", np.arange(len(result.grid.axes) // 2), "1", "index of the particle")
    shapes = {"mean": ("component",), "covariance": ("row", "column"), "heat_current": ("particle",)}
    for quantity in SERIES:
        dims = ("time", *shapes.get(quantity.name, ()))
        values = result.series[quantity.name]
        dataset = writer.array(quantity.name, values, dims, quantity.units, quantity.long_name)
        if quantity.name in result.reasons:
            dataset.attrs["reason"] = result.reasons[quantity.name]


def _write_final(group: h5py.Group, result: Result) -> None:
    writer = Writer(group, result.config.output.compression)
    group.attrs["time"] = result.final.time
    writer.coordinates(result.grid)
    writer.components(result.grid, "component")
    for name, (units, long_name) in FINAL.items():
        dims = ("component", *result.grid.names) if name.startswith("J") else result.grid.names
        dataset = writer.array(name, getattr(result.final, name), dims, units, long_name)
        source = name.removesuffix("_density")
        if source in result.reasons:
            dataset.attrs["reason"] = result.reasons[source]


def _write_snapshots(group: h5py.Group, result: Result) -> None:
    writer = Writer(group, result.config.output.compression)
    writer.scale("time", result.snapshots.time, "time", "time")
    writer.coordinates(result.grid)
    dims = ("time", *result.grid.names)
    options = dict(writer.options)
    if len(result.snapshots.time):
        options["chunks"] = (1, *result.grid.shape)
    dataset = group.create_dataset("W", data=result.snapshots.W, **options)
    for axis, dim in enumerate(dims):
        dataset.dims[axis].attach_scale(group[dim])
    dataset.attrs.update({"units": "1/action", "long_name": "Wigner function"})


def _write_exact(group: h5py.Group, result: Result) -> None:
    assert result.exact is not None
    writer = Writer(group)
    writer.scale("time", result.exact["time"], "time", "time")
    writer.components(result.grid, "component", "row", "column")
    shapes = {"mean": ("component",), "covariance": ("row", "column")}
    for name, long_name in EXACT.items():
        units = "1/time" if name.startswith("entropy") else "mixed"
        dataset = writer.array(name, result.exact[name], ("time", *shapes.get(name, ())), units, long_name)
        if np.isnan(result.exact[name]).any():
            dataset.attrs["reason"] = NOT_GAUSSIAN_REASON
        elif name in result.reasons:
            dataset.attrs["reason"] = result.reasons[name]
    group.attrs["W_l1_error"] = result.exact_error


def read(path: str | Path) -> dict[str, Any]:
    """Fields of a :class:`fpsolver.result.Result`; FileFormatError with a sentence for anything else."""
    fields: dict[str, Any] = read_file(path, FORMAT, FORMAT_VERSION, _read_all)
    return fields


def read_state(path: str | Path) -> tuple[Grid, FloatArray]:
    """Grid and final W of a result, to start another run from."""
    grid, W = read_file(path, FORMAT, FORMAT_VERSION, _read_state)
    if W.shape != grid.shape or not np.isfinite(W).all():
        raise FileFormatError(f"{path} holds a final W that is not finite or not of the grid's shape {grid.shape}")
    return grid, W


def _read_state(file: h5py.File) -> tuple[Grid, FloatArray]:
    _refuse_checkpoint(file)
    return read_grid(file["grid"]), file["final/W"][()]


def read_config(file: h5py.File) -> Config:
    """Configuration of a result."""
    data, _ = parse_yaml(file["config"].asstr()[()], "the configuration in the result")
    return Config(**data)


def _refuse_checkpoint(file: h5py.File) -> None:
    if file.attrs["status"] == "running":
        raise FileFormatError(
            f"{file.filename} is the checkpoint of a run that has not ended; `fpsolver run --resume` goes on with it"
        )


def _read_all(file: h5py.File) -> dict[str, Any]:
    _refuse_checkpoint(file)
    series, final, snapshots = file["series"], file["final"], file["snapshots"]
    exact = file.get("exact")
    grid = read_grid(file["grid"])
    _check_shapes(grid, final, snapshots)
    return {
        "config": read_config(file),
        "grid": grid,
        "series": {"time": series["time"][()], **{q.name: series[q.name][()] for q in SERIES}},
        "final": {"time": float(final.attrs["time"]), **{name: final[name][()] for name in FINAL}},
        "snapshots": {"time": snapshots["time"][()], "W": snapshots["W"][()]},
        "exact": None if exact is None else {name: exact[name][()] for name in ("time", *EXACT)},
        "exact_error": float("nan") if exact is None else float(exact.attrs["W_l1_error"]),
        "diagnostics": _attributes(file["diagnostics"]),
        "status": str(file.attrs["status"]),
        "message": str(file.attrs["message"]),
        "reasons": {name: str(series[name].attrs["reason"]) for name in series if "reason" in series[name].attrs},
        "warnings": str(file.attrs["warnings"]).splitlines(),
        "provenance": _attributes(file["provenance"]),
    }


def _check_shapes(grid: Grid, final: h5py.Group, snapshots: h5py.Group) -> None:
    """ValueError if an array does not belong to the grid."""
    for name in FINAL:
        shape = (len(grid.axes), *grid.shape) if name.startswith("J") else grid.shape
        if final[name].shape != shape:
            raise ValueError(f"final/{name} has the shape {final[name].shape} instead of {shape}")
    shape = (len(snapshots["time"]), *grid.shape)
    if snapshots["W"].shape != shape:
        raise ValueError(f"snapshots/W has the shape {snapshots['W'].shape} instead of {shape}")


def _attributes(group: h5py.Group) -> dict[str, Any]:
    return {name: value.item() if isinstance(value, np.generic) else value for name, value in group.attrs.items()}


def read_grid(group: h5py.Group) -> Grid:
    """Grid of a result."""
    names = [name for name in group if not name.endswith("_faces")]
    if sorted(names) != ["p", "q"]:
        raise ValueError(f"the grid must have the axes q and p, but has {names}")
    axes = []
    for name in sorted(names, key=lambda name: (name[0] == "p", name)):
        attrs = group[name].attrs
        axes.append(Axis(name, float(attrs["low"]), float(attrs["high"]), len(group[name]), bool(attrs["periodic"])))
    return Grid(tuple(axes))
