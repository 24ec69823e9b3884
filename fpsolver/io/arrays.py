"""Arrays of a state given by the user: .npz, .npy and HDF5 files, without pickles."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from fpsolver.errors import FileFormatError

COMPLEX = ("psi", "rho", "rho_fock")
Names = tuple[tuple[str, ...], ...]


def read_arrays(path: str | Path, accepted: Names) -> dict[str, Any]:
    """Arrays of the first of the ``accepted`` groups of names that the file holds; FileFormatError with a sentence."""
    path = Path(path)
    if not path.is_file():
        raise FileFormatError(f"{path} {'is a directory' if path.is_dir() else 'does not exist'}")
    readers = {".npz": _npz, ".npy": _npy, ".h5": _hdf5, ".hdf5": _hdf5}
    if path.suffix not in readers:
        raise FileFormatError(f"{path} must end with {', '.join(readers)}, but ends with {path.suffix or 'nothing'}")
    try:
        found = readers[path.suffix](path)
    except (OSError, ValueError, LookupError, TypeError, EOFError, RuntimeError, zipfile.BadZipFile) as error:
        text = "it holds Python objects (a pickle), which may run code" if "pickle" in str(error) else str(error)
        raise FileFormatError(f"{path} cannot be read: {text}") from None
    for names in accepted:
        if all(name in found for name in names):
            return {name: _numbers(path, name, found[name]) for name in names}
    wanted = " or ".join(f"`{'` and `'.join(names)}`" for names in accepted)
    raise FileFormatError(f"{path} must hold {wanted}, but holds {', '.join(sorted(found)) or 'no arrays'}")


def _npz(path: Path) -> dict[str, Any]:
    with np.load(path, allow_pickle=False) as archive:
        if not hasattr(archive, "files"):
            raise ValueError("it is no .npz archive")
        return {name: archive[name] for name in archive.files}


def _npy(path: Path) -> dict[str, Any]:
    """Rows q and psi of one complex array."""
    values = np.load(path, allow_pickle=False)
    if values.ndim != 2 or len(values) != 2:
        raise ValueError(f"a .npy file must have the two rows q and psi, but has the shape {values.shape}; write .npz")
    return {"q": np.real(values[0]), "psi": values[1]}


def _hdf5(path: Path) -> dict[str, Any]:
    with h5py.File(path, "r") as file:
        return {name: item[()] for name, item in file.items() if isinstance(item, h5py.Dataset)}


def _numbers(path: Path, name: str, values: Any) -> Any:
    array = np.asarray(values)
    if array.dtype.kind not in "iufc":
        raise FileFormatError(f"`{name}` in {path} must be an array of numbers, but is of type {array.dtype}")
    if name not in COMPLEX and array.dtype.kind == "c":
        raise FileFormatError(f"`{name}` in {path} must be real, but is complex")
    if name == "omega" and (array.size != 1 or not array.item() > 0):
        raise FileFormatError(f"`omega` in {path} must be one number greater than 0")
    return array.item() if name == "omega" else array
