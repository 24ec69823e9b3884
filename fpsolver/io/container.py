"""HDF5 files in general: written beside the path and renamed when complete, dimension scales, damage in a sentence."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from fpsolver.errors import ConfigError, FileFormatError, FpsolverError, OutputError
from fpsolver.grid import Grid
from fpsolver.io import kinds
from fpsolver.io.inspection import refuse_broken_heaps, refuse_foreign
from fpsolver.io.kinds import RESULTS
from fpsolver.io.paths import check_output, replace_file
from fpsolver.io.seal import fits, seal_of
from fpsolver.physics.potentials import FloatArray

UNITS = {"q": "length", "p": "momentum", "time": "time"}
SWEEP = "fpsolver-sweep"
READERS = {"fpsolver-result": "fpsolver.load_result", SWEEP: "fpsolver.load_sweep"}


def per_action(units: str, particles: int) -> str:
    """Units of a density on the axes of so many particles: one action for each of them."""
    return units.replace("action", f"action^{particles}") if particles > 1 else units


def write_file(path: Path, fill: Callable[[h5py.File], None], *, force: bool = False) -> Path:
    """Write a file with ``fill``, complete or not at all; OutputError if ``path`` exists and not ``force``.

    Only results and sweeps are replaced: OutputError for any other file, also with ``force``.
    """
    check_output(path, force=force, kinds=RESULTS)
    path = Path(os.path.realpath(path))  # a link keeps pointing to its file

    try:
        replace_file(path, lambda temporary: write_image(temporary, fill))
    except OSError as error:
        raise OutputError(f"the output {path} cannot be written: {error.strerror or error}") from None
    return path


def write_image(path: Path, fill: Callable[[h5py.File], None]) -> None:
    """Make an HDF5 file in memory and write it at once; OSError if there is no room.

    HDF5 itself cannot take a full disk: it leaves its objects half closed and ends in a segmentation fault.
    """
    image = io.BytesIO()
    with h5py.File(image, "w", track_order=True) as file:
        fill(file)
    with path.open("wb") as target:
        target.write(image.getbuffer())
        target.write(seal_of(image.getbuffer()))


class Writer:
    """Adds arrays with dimension scales to one group."""

    def __init__(self, group: h5py.Group, compression: str = "none") -> None:
        self.group = group
        self.options: dict[str, Any] = {}
        if compression != "none":
            self.options = {
                "compression": "gzip",
                "compression_opts": int(compression.split()[1]),
                "shuffle": True,
            }

    def scale(self, name: str, values: Any, units: str, long_name: str) -> None:
        """A dimension scale."""
        dataset = self.group.create_dataset(name, data=values)
        dataset.make_scale(name)
        dataset.attrs.update({"units": units, "long_name": long_name})

    def array(self, name: str, values: FloatArray, dims: tuple[str, ...], units: str, long_name: str) -> h5py.Dataset:
        """An array whose axes are named by scales of this group; large ones are compressed."""
        options = self.options if values.size > 1000 else {}
        dataset = self.group.create_dataset(name, data=values, **options)
        for axis, dim in enumerate(dims):
            dataset.dims[axis].attach_scale(self.group[dim])
        dataset.attrs.update({"units": units, "long_name": long_name})
        return dataset

    def coordinates(self, grid: Grid) -> None:
        """Cell centres of all axes."""
        for axis in grid.axes:
            self.scale(axis.name, axis.centres, UNITS[axis.name[0]], f"{axis.name} at the cell centres")

    def components(self, coordinates: Sequence[str], *names: str) -> None:
        """Labels q, p of vector and matrix components."""
        for name in names:
            labels = np.array(coordinates, dtype=h5py.string_dtype())
            self.scale(name, labels, "1", "component of x = (q, p)")


def numbers(group: h5py.Group, name: str) -> FloatArray:
    """An array of numbers; ValueError if it holds anything else."""
    values: FloatArray = group[name][()]
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu":
        raise ValueError(f"{name} is no array of numbers")
    return values


BUSY = "is open for writing in another program; close it there"
# What h5py and NumPy raise for damaged files, found by flipping bits.
DAMAGE = (OSError, LookupError, ValueError, TypeError, AttributeError, RuntimeError, ArithmeticError, MemoryError)


def read_file(path: str | Path, kind: str, version: int, reader: Callable[[h5py.File], Any]) -> Any:
    """What ``reader`` makes of a file of the format ``kind`` up to ``version``; FileFormatError for others."""
    path = Path(path)
    try:
        if not path.is_file():
            raise FileFormatError(f"{path} is a directory" if path.is_dir() else f"{path} does not exist")
        _refuse_rows(path)
        if (sealed := fits(path)) is False:
            raise FileFormatError(f"{path} is damaged: its contents are not what was written")
        if not sealed:
            refuse_broken_heaps(path)
        with h5py.File(path, "r") as file:
            _check_format(path, file, kind, version)
            refuse_foreign(file)
            return reader(file)
    except ConfigError as error:
        raise FileFormatError(
            f"{path} is not a readable {kind.replace('-', ' ')}: its configuration is damaged ({_in_one_line(error)})"
        ) from None
    except FpsolverError:
        raise
    except BlockingIOError:
        raise FileFormatError(f"{path} {BUSY}") from None
    except DAMAGE as error:
        text = _no_hdf5(path) or (str(error).splitlines()[0] if str(error) else type(error).__name__)
        raise FileFormatError(f"{path} is not a readable {kind.replace('-', ' ')}: {text}") from None


def _no_hdf5(path: Path) -> str:
    """What a file is that is no HDF5 at all; an empty string for one that is, readable or not."""
    try:
        found = "" if h5py.is_hdf5(path) else kinds.describe(path)
    except OSError:
        return ""
    if found == kinds.CONFIGURATION:
        return "it is a configuration; `fpsolver run` makes a result of it, `fpsolver sweep` a table"
    return f"it is {found}, not HDF5" if found else ""


def _refuse_rows(path: Path) -> None:
    """FileFormatError for the rows of a sweep that has not ended."""
    if kinds.is_journal(path):
        count = kinds.rows_in(path)
        raise FileFormatError(
            f"{path} holds {count} finished row{'s' if count != 1 else ''} of a sweep that has not ended; the command "
            "that began it goes on with --resume added, and then writes the table"
        )


def file_format(path: Path) -> str:
    """What kind of file of fpsolver this is; an empty string for anything else, readable or not.

    FileFormatError while another program has it open for writing, since nobody can tell then.
    """
    if not path.is_file():  # a pipe would be waited for
        return ""
    try:
        if (sealed := fits(path)) is False:
            return ""
        if not sealed:
            refuse_broken_heaps(path)
        with h5py.File(path, "r") as file:
            return str(file.attrs.get("format", ""))
    except BlockingIOError:
        raise FileFormatError(f"{path} {BUSY}") from None
    except DAMAGE:
        return ""


def _in_one_line(error: ConfigError) -> str:
    return "; ".join(f"{fault.key}: {fault.text}" for fault in error.faults)


def _check_format(path: Path, file: h5py.File, kind: str, version: int) -> None:
    found = str(file.attrs.get("format", ""))
    if found != kind:
        other = f"it is an {found.replace('-', ' ')}" if found in READERS else "an HDF5 file of something else"
        cure = f"; read it with {READERS[found]}" if found in READERS else ""
        raise FileFormatError(f"{path} is no {kind.replace('-', ' ')}, {other}{cure}")
    written = int(file.attrs["format_version"])
    if written < 1:
        raise FileFormatError(f"{path} has the format version {written}, which no fpsolver wrote")
    if written > version:
        raise FileFormatError(
            f"{path} has the format version {written}, and this fpsolver reads up to {version}; update fpsolver"
        )
