"""Result files read back into the fields of a Result, and checked: what is not one is refused with a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from fpsolver.autogrid import AxisRequest
from fpsolver.config.faults import of_file
from fpsolver.config.given import Given
from fpsolver.config.reader import Config, parse_yaml
from fpsolver.config.schema_initial import StoredInitial
from fpsolver.errors import ConfigError, Fault, FileFormatError, GridError
from fpsolver.grid import Axis, Grid, coordinate_names
from fpsolver.io import starts
from fpsolver.io.container import SWEEP, file_format, numbers, read_file
from fpsolver.io.hdf5 import EXACT, FINAL, FORMAT, FORMAT_VERSION, PARTICLE
from fpsolver.physics import arguments
from fpsolver.physics.potentials import FloatArray
from fpsolver.recorder import SERIES, SERIES_MANY

MASS_ERROR = 1e-6  # of a state to start from: every number after it would be wrong


def read(path: str | Path) -> dict[str, Any]:
    """Fields of a :class:`fpsolver.result.Result`; FileFormatError with a sentence for anything else."""
    fields: dict[str, Any] = read_file(path, FORMAT, FORMAT_VERSION, _read_all)
    return fields


def read_state(path: str | Path, time: float | None = None) -> tuple[Grid, FloatArray]:
    """Grid and final W of a result, or the snapshot of that time, to start another run from."""
    if file_format(Path(path)) == SWEEP:
        raise FileFormatError(
            f"{path} is the table of a sweep, and a run starts from the W of one result; `fpsolver sweep "
            "--keep-results` keeps those of its runs"
        )
    grid, W = read_file(path, FORMAT, FORMAT_VERSION, lambda file: _read_state(file, time))
    if W.shape != grid.shape or not np.isfinite(W).all():
        raise FileFormatError(f"{path} holds a W that is not finite or not of the grid's shape {grid.shape}")
    return grid, W


def check_start(what: str, grid: Grid, W: FloatArray, size: int) -> None:
    """GridError if a run of so many particles cannot start from W on a grid."""
    if len(grid.axes) != 2 * size:
        found = arguments.counted(len(grid.axes) // 2, "particle")
        raise GridError(
            f"{what} holds the W of {found}, but the system has {size}; give a result of the same number of particles"
        )
    mass = grid.integrate(W)
    if not abs(mass - 1) <= MASS_ERROR:
        raise GridError(
            f"the W of {what} has a mass of {mass:.6g} instead of 1; give a result of a run that ended well"
        )


def loaded(config: Config) -> Config:
    """The same configuration; a state that was given from Python to another run comes out of its file."""
    section = config.initial
    if not isinstance(section, StoredInitial) or (section.source is None and section.path is None):
        return config
    path, digest = section.path, section.digest
    if section.source is not None:
        if digest not in ("", section.source.value.digest):
            text = f"is {digest}, but the state that was given has {section.source.value.digest}; leave digest out"
            raise ConfigError(Fault("initial.digest", text))
        return config
    assert path is not None
    with of_file("initial.path"):
        given: Given = read_file(path, FORMAT, FORMAT_VERSION, lambda file: _start_of_result(file, path))
    if digest not in ("", given.digest):
        text = f"is {digest}, but the state in {path} has {given.digest}: it is another one"
        raise ConfigError(Fault("initial.digest", f"{text}; give the result of the same run, or leave digest out"))
    return starts.holding(config, given)


def _start_of_result(file: h5py.File, path: str) -> Given:
    if starts.GROUP not in file:
        raise FileFormatError(
            f"{path} holds no state of the time 0, since its run was not given one from Python; `fpsolver info "
            f"--config {path}` says how it started, and `kind: file` starts from its final W"
        )
    return starts.read(file[starts.GROUP])


def fits(grid: Grid, requests: tuple[AxisRequest, ...]) -> bool:
    """True if what is requested is this grid, or leaves it open."""
    return all(
        request.cells in (None, axis.cells)
        and (request.extent is None or _is_extent(request.extent, axis))
        and request.periodic == axis.periodic
        for request, axis in zip(requests, grid.axes, strict=True)
    )


def _is_extent(extent: Sequence[float], axis: Axis) -> bool:
    """The same but for round-off of what is short beside the axis."""
    return np.allclose(extent, (axis.low, axis.high), rtol=0.0, atol=1e-12 * axis.length)


def _read_state(file: h5py.File, time: float | None) -> tuple[Grid, FloatArray]:
    _refuse_checkpoint(file)
    W = numbers(file["final"], "W") if time is None else _snapshot(file, time)
    return read_grid(file["grid"]), W


def _snapshot(file: h5py.File, time: float) -> FloatArray:
    """W of the snapshot of that time, to six digits; GridError, with the times there are, if there is none."""
    times = numbers(file["snapshots"], "time")
    near = np.nonzero(np.isclose(times, time, rtol=1e-6, atol=0.0))[0]
    if not len(near):
        known = ", ".join(f"{t:.6g}" for t in times) or "none"
        raise GridError(
            f"{file.filename} has no snapshot of the time {time:g} (those it has: {known}); give initial.time one of "
            "them, leave it out for the final W, or give the earlier run this time in output.snapshots"
        )
    return np.asarray(file["snapshots"]["W"][near[0]], dtype=float)


def read_config(file: h5py.File) -> Config:
    """Configuration of a result."""
    data, _ = parse_yaml(file["config"].asstr()[()], "the configuration in the result")
    config = Config.stored(data)
    return starts.holding(config, starts.read(file[starts.GROUP])) if starts.GROUP in file else config


def _refuse_checkpoint(file: h5py.File) -> None:
    if file.attrs["status"] == "running":
        raise FileFormatError(
            f"{file.filename} is the checkpoint of a run that has not ended; `fpsolver run --resume` goes on with it"
        )


def _read_all(file: h5py.File) -> dict[str, Any]:
    _refuse_checkpoint(file)
    common = {
        "config": read_config(file),
        "series": _read_series(file["series"]),
        "diagnostics": _attributes(file["diagnostics"]),
        "status": str(file.attrs["status"]),
        "message": str(file.attrs["message"]),
        "reasons": {name: str(item.attrs["reason"]) for name, item in file["series"].items() if "reason" in item.attrs},
        "warnings": str(file.attrs["warnings"]).splitlines(),
        "provenance": _provenance(file["provenance"]),
    }
    if file.attrs.get("method") == "gaussian":
        return common
    final, snapshots, exact = file["final"], file["snapshots"], file.get("exact")
    grid = read_grid(file["grid"])
    _check_shapes(grid, final, snapshots)
    return common | {
        "grid": grid,
        "final": {"time": float(final.attrs["time"]), **{n: numbers(final, n) if n in final else None for n in FINAL}},
        "particles": _read_particles(file.get("particles")),
        "snapshots": {name: numbers(snapshots, name) for name in ("time", "W")},
        "exact": None if exact is None else {name: numbers(exact, name) for name in ("time", *EXACT)},
        "exact_error": float("nan") if exact is None else float(exact.attrs["W_l1_error"]),
    }


def _read_particles(group: h5py.Group | None) -> list[dict[str, FloatArray]]:
    if group is None:
        return []
    return [{field: numbers(group[str(k + 1)], field) for field in PARTICLE} for k in range(len(group))]


def _read_series(group: h5py.Group) -> dict[str, FloatArray]:
    """Members of the series; those of several particles where there are several."""
    several = [quantity.name for quantity in SERIES_MANY if quantity.name in group]
    names = [quantity.name for quantity in SERIES if not quantity.optional or quantity.name in group]
    found = {name: numbers(group, name) for name in ("time", *names, *several)}
    lengths = {len(values) for values in found.values()}
    if len(lengths) != 1 or lengths == {0}:
        raise ValueError(f"the members of the series have the lengths {sorted(lengths)}")
    return found


def _check_shapes(grid: Grid, final: h5py.Group, snapshots: h5py.Group) -> None:
    """ValueError if an array does not belong to the grid."""
    for name in FINAL:
        if name not in final and f"{name}_reason" in final.attrs:
            continue
        shape = (len(grid.axes), *grid.shape) if name.startswith("J") else grid.shape
        if final[name].shape != shape:
            raise ValueError(f"final/{name} has the shape {final[name].shape} instead of {shape}")
    shape = (len(snapshots["time"]), *grid.shape)
    if snapshots["W"].shape != shape:
        raise ValueError(f"snapshots/W has the shape {snapshots['W'].shape} instead of {shape}")


def _provenance(group: h5py.Group) -> dict[str, Any]:
    found = _attributes(group)
    if missing := [name for name in ("fpsolver", "host", "threads", "steps") if name not in found]:
        raise ValueError(f"its provenance does not tell {', '.join(missing)}")
    return found


def _attributes(group: h5py.Group) -> dict[str, Any]:
    return {name: value.item() if isinstance(value, np.generic) else value for name, value in group.attrs.items()}


def read_grid(group: h5py.Group) -> Grid:
    """Grid of a result."""
    names = [name for name in group if not name.endswith("_faces")]
    wanted = coordinate_names(len(names) // 2)
    if sorted(names) != sorted(wanted):
        raise ValueError(f"the grid must have the axes {', '.join(wanted)}, but has {names}")
    axes = []
    for name in wanted:
        attrs = group[name].attrs
        axes.append(Axis(name, float(attrs["low"]), float(attrs["high"]), len(group[name]), bool(attrs["periodic"])))
    return Grid(tuple(axes))
