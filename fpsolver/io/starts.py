"""States that were given from Python, kept in the result of their run: `/initial` of a file, and of a dataset.

Complex arrays are two real ones, ``NAME_re`` and ``NAME_im``, which every reader of NetCDF knows.
"""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np

from fpsolver.config.given import FORMS, Given
from fpsolver.config.objects import Held
from fpsolver.config.reader import Config
from fpsolver.config.schema_initial import StoredInitial
from fpsolver.grid import coordinate_names
from fpsolver.io.container import UNITS, Writer, numbers, per_action
from fpsolver.physics.readonly import read_only

GROUP = "initial"
PARTS = {"_re": "real", "_im": "imag"}


def held(config: Config) -> Given | None:
    """The state of a configuration that was given from Python, None for all others."""
    section = config.initial
    return section.source.value if isinstance(section, StoredInitial) and section.source is not None else None


def holding(config: Config, given: Given) -> Config:
    """The same configuration with that state in its section."""
    assert isinstance(config.initial, StoredInitial)
    return config.model_copy(update={GROUP: config.initial.model_copy(update={"source": Held(given)})})


def columns(given: Given) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    """Real arrays by name, with the names of their axes; coordinates name the axes of W and of what is on q."""
    found: dict[str, tuple[tuple[str, ...], np.ndarray]] = {}
    for name, values in given.arrays.items():
        dims = _dimensions(given, name, values.ndim)
        if values.dtype.kind == "c":
            found |= {f"{name}_re": (dims, values.real.copy()), f"{name}_im": (dims, values.imag.copy())}
        else:
            found[name] = (dims, values)
    return found


def _dimensions(given: Given, name: str, count: int) -> tuple[str, ...]:
    coordinates = coordinate_names(given.arrays["W"].ndim // 2) if "W" in given.arrays else ("q",)
    if name in coordinates:
        return (name,)
    if name == "W" or (name == "psi" and count == 1):
        return coordinates
    return tuple(f"{name}_{axis}" for axis in range(count))


def of_columns(form: str, arrays: dict[str, np.ndarray]) -> Given:
    """The state again; ValueError for a form that there is not."""
    if form not in FORMS:
        raise ValueError(f"a state of the form {form} is not known")
    found: dict[str, np.ndarray] = {}
    for name, values in arrays.items():
        whole, part = name[:-3], PARTS.get(name[-3:])
        if part is None:
            found[name] = np.ascontiguousarray(values, dtype=float)
        else:  # not re + 1j im, which would lose the sign of a zero
            setattr(found.setdefault(whole, np.zeros(np.shape(values), complex)), part, values)
    return Given(form, {name: read_only(values) for name, values in found.items()})


def write(group: h5py.Group, given: Given, compression: str) -> None:
    """The arrays with dimension scales, so that xarray opens the group."""
    writer = Writer(group, compression)
    group.attrs.update({"form": given.form, "digest": given.digest})
    table = columns(given)
    for name, (dims, values) in table.items():
        for axis, dim in enumerate(dims):
            if dim not in group:
                is_coordinate = dim in table
                scale = table[dim][1] if is_coordinate else np.arange(values.shape[axis])
                writer.scale(dim, scale, UNITS.get(dim[0], "1") if is_coordinate else "1", f"{dim} of the state given")
        if name not in dims:
            units = per_action("1/action", len(dims) // 2) if name == "W" else "mixed"
            writer.array(name, values, dims, units, f"{name} of the state given")


def read(group: h5py.Group) -> Given:
    """The state in a group; ValueError if it is damaged."""
    given = of_columns(str(group.attrs["form"]), {name: numbers(group, name) for name in _names(group)})
    if given.digest != group.attrs["digest"]:
        raise ValueError("the arrays of its state at time 0 are not what was written")
    return given


def _names(group: h5py.Group) -> list[str]:
    """Arrays and coordinates, without the scales that only count."""
    coordinates = coordinate_names(group["W"].ndim // 2) if "W" in group else ("q",)
    return [name for name, item in group.items() if not item.is_scale or name in coordinates]


def variables(given: Given) -> dict[str, Any]:
    """The arrays as variables of a dataset of xarray, all names with ``initial_`` before them."""
    table = columns(given)
    return {
        f"{GROUP}_{name}": (
            tuple(f"{GROUP}_{dim}" for dim in dims),
            values,
            {"long_name": f"{name} of the state given"},
        )
        for name, (dims, values) in table.items()
    }


def of_variables(form: str, dataset: Any) -> Given:
    """The state in such a dataset."""
    names = [str(name) for name in dataset.variables if str(name).startswith(f"{GROUP}_")]
    return of_columns(form, {name.removeprefix(f"{GROUP}_"): dataset[name].values for name in names})
