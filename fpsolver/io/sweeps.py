"""The table of a sweep as an HDF5 file: group ``sweep``, one dimension for each key, readable by xarray."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

import fpsolver
from fpsolver.config.reader import Config, parse_yaml
from fpsolver.io.container import SWEEP, Writer, read_file, write_file
from fpsolver.io.hdf5 import DIMENSIONS
from fpsolver.io.provenance import now
from fpsolver.recorder import DIAGNOSTICS, EVERYTHING

if TYPE_CHECKING:
    from fpsolver.sweeps.table import Sweep

FORMAT = SWEEP
FORMAT_VERSION = 1
_TEXT = h5py.string_dtype()
_WORDS = {
    "time": ("time", "end of the run"),
    "wall_time": ("s", "wall time of the run"),
    "worker_memory": ("MiB", "largest memory of the worker so far"),
    "status": ("1", "how the run ended"),
    "message": ("1", "why"),
    "warnings": ("1", "what the run had to warn about"),
    "exact_entropy_production": ("1/time", "exact Pi"),
    "exact_entropy_flux": ("1/time", "exact Phi"),
    "W_l1_error": ("1", "int abs(W - exact W)"),
    "mode_rate": ("1/time", "decay rate of the slowest modes on the grid"),
    "mode_frequency": ("1/time", "frequency of the slowest modes on the grid"),
    "exact_mode_rate": ("1/time", "exact decay rate next to it"),
    "exact_mode_frequency": ("1/time", "exact frequency next to it"),
    "file": ("1", "file of the whole result"),
}
_OF_MODES = dict.fromkeys(("mode_rate", "mode_frequency", "exact_mode_rate", "exact_mode_frequency"), ("mode",))


def describe(name: str) -> tuple[str, str]:
    """Units and meaning of a quantity."""
    known = {quantity.name: (quantity.units, quantity.long_name) for quantity in (*EVERYTHING, *DIAGNOSTICS)}
    return (known | _WORDS).get(name, ("mixed", name.replace("_", " ")))


def inner_dimensions(name: str) -> tuple[str, ...]:
    """Dimensions of a quantity beyond the keys of the sweep."""
    return (DIMENSIONS | _OF_MODES).get(name, ())


def write(sweep: Sweep, path: Path, *, force: bool = False) -> Path:
    """Write a table; OutputError if the file exists and not ``force``, or cannot be written."""
    return write_file(path, lambda file: _write_all(file, sweep), force=force)


WORDS, RATES = ("status", "message"), ("entropy_production", "entropy_flux")


def _write_all(file: h5py.File, sweep: Sweep) -> None:
    file.attrs.update(
        {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "fpsolver_version": fpsolver.__version__,
            "created": now(),
            "title": sweep.title,
        }
    )
    file["config"] = sweep.config.to_yaml()
    file.create_group("provenance").attrs.update(sweep.provenance)
    group = file.create_group("sweep", track_order=True)
    group.attrs["over"] = list(sweep.over)
    writer = Writer(group)
    for key, values in sweep.over.items():
        writer.scale(key, _stored(values), "user's", key)
    _write_linked(writer, sweep)
    labels = np.array(sweep.components, dtype=_TEXT)
    for name in ("component", "row", "column"):
        writer.scale(name, labels, "1", "component of x")
    writer.scale("particle", np.arange(len(sweep.components) // 2), "1", "index of the particle")
    if "spring_current" in sweep.data:
        writer.scale("spring", np.arange(sweep.data["spring_current"].shape[-1]), "1", "index of the spring")
    if "mode_rate" in sweep.data:
        count = sweep.data["mode_rate"].shape[-1]
        writer.scale("mode", np.arange(1, count + 1), "1", "index of the mode; 0 would be the steady state")
    for name, values in sweep.data.items():
        dataset = writer.array(name, _stored(values), (*sweep.over, *inner_dimensions(name)), *describe(name))
        if name in sweep.reasons:
            dataset.attrs["reason"] = sweep.reasons[name]


def _stored(values: Any) -> Any:
    """Words as HDF5 has them."""
    return values.astype(_TEXT) if values.dtype == object else values


def _write_linked(writer: Writer, sweep: Sweep) -> None:
    """Keys that change along with that of a dimension: more coordinates of it, which xarray is told of."""
    for key, more in sweep.linked.items():
        writer.group[key].attrs["linked"] = list(more)
        for other, values in more.items():
            writer.array(other, _stored(values), (key,), "user's", other)
    others = [other for more in sweep.linked.values() for other in more]
    if others:
        writer.group.attrs["coordinates"] = " ".join(others)


def read(path: str | Path) -> dict[str, Any]:
    """Fields of a :class:`fpsolver.Sweep`; FileFormatError with a sentence for anything else."""
    fields: dict[str, Any] = read_file(path, FORMAT, FORMAT_VERSION, _read_all)
    return fields


def _read_all(file: h5py.File) -> dict[str, Any]:
    data, _ = parse_yaml(file["config"].asstr()[()], "the configuration in the table")
    group = file["sweep"]
    keys = [str(key) for key in group.attrs["over"]]
    over = {key: _values(group[key]) for key in keys}
    linked = _read_linked(group, over)
    others = [other for more in linked.values() for other in more]
    scales = {*keys, *others, "component", "row", "column", "particle", "spring", "mode"}
    found = {name: _values(group[name]) for name in group if name not in scales}
    _check(found, tuple(len(values) for values in over.values()))
    return {
        "config": Config.stored(data),
        "over": over,
        "linked": linked,
        "data": found,
        "reasons": {name: str(group[name].attrs["reason"]) for name in found if "reason" in group[name].attrs},
        "components": tuple(str(name) for name in group["component"].asstr()[()]),
        "provenance": {
            name: value.item() if isinstance(value, np.generic) else value
            for name, value in file["provenance"].attrs.items()
        },
    }


def _read_linked(group: h5py.Group, over: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Keys that change along with others; ValueError if they have other numbers of values."""
    names = {key: [str(other) for other in group[key].attrs["linked"]] for key in over if "linked" in group[key].attrs}
    linked = {key: {other: _values(group[other]) for other in others} for key, others in names.items()}
    for key, more in linked.items():
        if any(values.shape != over[key].shape for values in more.values()):
            raise ValueError(f"the keys that change with {key} have other numbers of values")
    return linked


def _check(data: dict[str, Any], shape: tuple[int, ...]) -> None:
    """ValueError if the table lacks what every sweep has, or has it for other runs."""
    for names, kinds in ((WORDS, "O"), (RATES, "fiu")):
        for name in names:
            if name not in data or data[name].dtype.kind not in kinds:
                raise ValueError(f"it has no {name} of its runs")
    for name, values in data.items():
        if name in _OF_MODES and values.ndim != len(shape) + 1:
            raise ValueError(f"{name} has the shape {values.shape} instead of one number for each mode")
        if values.shape[: len(shape)] != shape:
            raise ValueError(f"{name} has the shape {values.shape}, which does not begin with {shape}")


def _values(dataset: h5py.Dataset) -> Any:
    if h5py.check_string_dtype(dataset.dtype):
        return np.asarray(dataset.asstr()[()], dtype=object)
    return dataset[()]
