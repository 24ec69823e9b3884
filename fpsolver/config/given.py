"""States given from Python in place of the `initial` section: arrays, results, xarray, QuTiP, states of fpsolver.

Gaussian ones become sections that a file can hold. Of all others the configuration holds the arrays, and the file of
the result keeps them (:mod:`fpsolver.io.starts`), so that the run can be repeated from it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from fpsolver.config.given_products import Part, flat, parts_of
from fpsolver.config.objects import Held
from fpsolver.errors import UsageError
from fpsolver.grid import Axis, Grid, coordinate_names
from fpsolver.interop import qutip
from fpsolver.physics import arguments
from fpsolver.physics.gaussian_states import GaussianState, UniformState
from fpsolver.physics.nongaussian import GaussianSum
from fpsolver.physics.product_states import ProductState, product
from fpsolver.physics.readonly import read_only
from fpsolver.physics.tabulated import TabulatedState
from fpsolver.physics.weyl import SampledState

FORMS = {  # what the arrays mean, in words
    "grid": "W on the grid of a result",
    "distribution": "W",
    "wavefunction": "psi(q)",
    "density_matrix": "rho",
    "sum": "a Fock or cat state",
    "sampled": "a mixture of wave functions",
    "product": "a product of states",
}
COMPLEX = ("psi", "rho", "rho_fock", "log_weights", "means", "covariances")
LocalStates = GaussianState | GaussianSum | SampledState | TabulatedState
LETTERS = 12  # of the digest
CURE = (
    "give W with its axes, initial=(q, p, W) or (q1, q2, .., p1, p2, .., W), a wave function as (q, psi), a grid with "
    "W on it as (grid, W), a Result, an xarray.DataArray, a qutip.Qobj, or a state of fpsolver.states"
)
FILES = (
    "a file has a section, {kind: file, path: ..} for the final W of a result, or of the kind wavefunction, "
    "density_matrix or distribution for arrays"
)
NAMED = {  # the arrays that sections of a kind may have in place of `path`
    "distribution": "q, p and W (of several particles q1, q2, .., p1, p2, .. and W)",
    "wavefunction": "q and psi",
    "density_matrix": "q and rho, or rho_fock, with omega or without",
}
ARRAYS = ("q", "p", "q1", "p1", "W", "psi", "rho", "rho_fock")


@dataclass(frozen=True, eq=False, repr=False)
class Given:
    """Arrays by name, and what they mean: one of FORMS. Copies that nobody may write into."""

    form: str
    arrays: dict[str, np.ndarray]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Given) and self.form == other.form and self.digest == other.digest

    __hash__ = None  # type: ignore[assignment]

    @cached_property
    def digest(self) -> str:
        """First letters of the SHA-256 of all arrays."""
        found = hashlib.sha256()
        for name in sorted(self.arrays):
            found.update(f"{name} {self.arrays[name].dtype} {self.arrays[name].shape}".encode())
            found.update(np.ascontiguousarray(self.arrays[name]).data)
        return found.hexdigest()[:LETTERS]

    @property
    def words(self) -> str:
        """What it is, in a line."""
        if self.form == "product":
            return f"{FORMS['product']}, {len(parts_of(self.arrays))} particles"
        name = next(name for name in ("W", "psi", "rho", "rho_fock", "means") if name in self.arrays)
        shape = self.arrays[name].shape
        unit = {"means": "terms", "rho_fock": "levels"}.get(name, "points")
        size = str(shape[0]) if unit != "points" else " x ".join(map(str, shape))
        return f"{FORMS[self.form]}, {size} {unit}"

    @property
    def omega(self) -> float | None:
        """Frequency of the oscillator whose state it is, if there is one."""
        return float(self.arrays["omega"].item()) if "omega" in self.arrays else None

    @property
    def points(self) -> list[np.ndarray]:
        """Points of each axis of W."""
        return [self.arrays[name] for name in coordinate_names(self.arrays["W"].ndim // 2)]

    @property
    def grid(self) -> Grid:
        """Grid of W, of the form `grid`."""
        W, ends = self.arrays["W"], zip(*(self.arrays[name] for name in ("low", "high", "periodic")), strict=True)
        names = coordinate_names(W.ndim // 2)
        rows = zip(names, W.shape, ends, strict=True)
        return Grid(tuple(Axis(name, float(a), float(b), n, bool(ring)) for name, n, (a, b, ring) in rows))


@dataclass(frozen=True)
class Refused:
    """What cannot be a start, with the sentence that a validator makes a fault of."""

    text: str


def with_section(sections: Mapping[str, Any]) -> dict[str, Any]:
    """The same sections, with a section in place of an object as `initial`."""
    data = dict(sections)
    if "initial" in data:
        try:
            data["initial"] = _section(data["initial"])
        except UsageError as error:
            data["initial"] = Refused(str(error))
    return data


def _section(value: Any) -> Any:
    """Section of an object, anything else as it is."""
    match value:
        case dict():
            return _of_dict(value)
        case list() | tuple():
            return _of_sequence(value)
        case np.ndarray():
            raise UsageError(f"must be a section or a state, but is an array of the shape {value.shape}; {CURE}")
        case Grid():
            raise UsageError("must be a section or a state, but is a grid without W; give W with it, as (grid, W)")
        case str() | Path():
            raise UsageError(f"must be a section or a state, but is {arguments.shown(str(value))}; {FILES}")
    return _of_state(value) or _of_package(value) or value


def _of_state(value: Any) -> dict[str, Any] | None:
    """States of fpsolver."""
    match value:
        case GaussianState():
            return _gaussian(value.mean, value.covariance)
        case UniformState():
            return {"kind": "uniform", "momentum_variance": float(value.momentum_variance)}
        case TabulatedState():
            return _distribution([*value.points, value.W])
        case SampledState():
            return _stored("sampled", {field.name: getattr(value, field.name) for field in fields(value)})
        case GaussianSum():
            arrays = {name: getattr(value, name) for name in ("log_weights", "means", "covariances", "finest", "omega")}
            arrays["packet_means"] = np.array([packet.mean for packet in value.packets])
            arrays["packet_covariances"] = np.array([packet.covariance for packet in value.packets])
            return _stored("sum", arrays)
        case ProductState():
            return _holding(Given("product", flat(_part(k, factor) for k, factor in enumerate(value.factors))))
    return None


def _part(k: int, factor: Any) -> Part:
    """One of a product of states: its form and its arrays."""
    if isinstance(factor, GaussianState):
        return "gaussian", {name: _array(name, getattr(factor, name)) for name in ("mean", "covariance")}
    section = _of_state(factor)
    if section is None or not _is_stored(section):
        raise UsageError(f"is a product whose factors[{k}] is {type(factor).__name__}; {CURE}")
    return section["source"].value.form, section["source"].value.arrays


def _of_package(value: Any) -> dict[str, Any] | None:
    """Results and objects of other packages, known by what they have: none of these is imported for it."""
    if hasattr(value, "isket") and hasattr(value, "full"):
        return _stored("density_matrix", {"rho_fock": qutip.amplitudes(value)})
    if hasattr(value, "coords") and hasattr(value, "dims"):
        return _of_xarray(value)
    if hasattr(value, "final") and hasattr(value, "grid"):
        return _on_grid(value.grid, value.final.W)
    if hasattr(value, "series") and hasattr(value, "diagnostics"):  # a result without a grid
        return _gaussian(value.series["mean"][-1], value.series["covariance"][-1])
    return None


def _of_dict(section: dict[str, Any]) -> dict[str, Any]:
    """A section with the arrays of its kind, by the names they have in files, in place of `path`."""
    kind, given = section.get("kind"), {name: item for name, item in section.items() if name != "kind"}
    names = set(given)
    if kind == "distribution" and "W" in names:
        wanted = coordinate_names(max(np.ndim(given["W"]) // 2, 1))
        if names == {*wanted, "W"}:
            return _distribution([*(given[name] for name in wanted), given["W"]])
    if kind == "wavefunction" and names == {"q", "psi"}:
        return _stored("wavefunction", given)
    if kind == "density_matrix" and names in ({"q", "rho"}, {"rho_fock"}, {"rho_fock", "omega"}):
        if hasattr(given.get("rho_fock"), "isket"):
            given["rho_fock"] = qutip.amplitudes(given["rho_fock"])
        return _stored("density_matrix", given)
    _refuse_arrays(kind, names)
    return section


def _refuse_arrays(kind: Any, names: set[str]) -> None:
    """UsageError for arrays that are not those of the kind, or of no kind."""
    found = names & set(ARRAYS)
    if isinstance(kind, str) and kind in NAMED and found:
        raise UsageError(f"of the kind `{kind}` needs {NAMED[kind]}, and no path, but has {_listed(names)}")
    if kind is None and found - {"q", "p"}:
        kinds = "; ".join(f"`{name}` has {arrays}" for name, arrays in NAMED.items())
        raise UsageError(f"has {_listed(names)} without a kind, which says what they are: {kinds}")


def _of_sequence(value: Sequence[Any]) -> Any:
    """Axes and W, a grid and W, or a list of states."""
    if len(value) == 2 and isinstance(value[0], Grid):
        return _on_grid(*value)
    if any(isinstance(item, Grid) for item in value):
        kinds = ", ".join(type(item).__name__ for item in value)
        raise UsageError(f"must be (grid, W) where there is a grid, but has {kinds}; give W at the grid's centres")
    if any(isinstance(item, np.ndarray | list | tuple) for item in value):
        *points, W = value
        if len(points) == np.ndim(W) == 1:
            return _stored("wavefunction", {"q": points[0], "psi": W})
        if len(points) != np.ndim(W) or len(points) % 2:
            shapes = ", ".join(str(np.shape(item)) for item in value[:6]) + (", .." if len(value) > 6 else "")
            raise UsageError(f"holds arrays of the shapes {shapes}, which are no axes with their W; {CURE}")
        return _distribution(value)
    if len(value) > 1 and all(isinstance(item, LocalStates) for item in value):
        together = product(value)
        if isinstance(together, ProductState):  # Gaussians stay sections, which files can hold
            return _of_state(together)
    found = [_section(item) for item in value]
    return found[0] if len(found) == 1 and _is_stored(found[0]) else found


def _is_stored(section: Any) -> bool:
    return isinstance(section, dict) and isinstance(section.get("source"), Held)


def _of_xarray(values: Any) -> dict[str, Any]:
    """W of a DataArray, whose dimensions have the names of the axes in any order."""
    names = coordinate_names(max(len(values.dims) // 2, 1))
    if hasattr(values, "data_vars"):
        raise UsageError("must be one array, but is a Dataset; give its W, dataset['W']")
    if set(values.dims) != set(names) or not set(names) <= set(values.coords):
        raise UsageError(
            f"needs the dimensions {', '.join(names)} with their coordinates, but the DataArray has the dimensions "
            f"{_listed(values.dims)} and the coordinates {_listed(values.coords)}; rename or assign them"
        )
    ordered = values.transpose(*names)
    return _distribution([*(ordered[name].values for name in names), ordered.values])


def _listed(names: Any) -> str:
    return ", ".join(sorted(map(str, names))) or "none"


def _gaussian(mean: Any, covariance: Any) -> dict[str, Any]:
    return {"kind": "gaussian", "mean": np.asarray(mean).tolist(), "covariance": np.asarray(covariance).tolist()}


def _distribution(arrays: Sequence[Any]) -> dict[str, Any]:
    *points, W = arrays
    names = coordinate_names(len(points) // 2)
    return _stored("distribution", {**dict(zip(names, points, strict=True)), "W": arguments.in_order("W", W, names)})


def _on_grid(grid: Grid, W: Any) -> dict[str, Any]:
    """W at the centres of a grid, whose ends are kept to the last bit."""
    W = arguments.in_order("W", W, grid.names)
    if np.shape(W) != grid.shape:
        raise UsageError(f"needs W of the grid's shape {grid.shape}, but it has the shape {np.shape(W)}")
    ends = {name: [float(getattr(axis, name)) for axis in grid.axes] for name in ("low", "high", "periodic")}
    return _stored("grid", {**{axis.name: axis.centres for axis in grid.axes}, **ends, "W": W})


def _stored(form: str, arrays: dict[str, Any]) -> dict[str, Any]:
    return _holding(Given(form, {name: _array(name, values) for name, values in arrays.items() if values is not None}))


def _holding(held: Given) -> dict[str, Any]:
    # path: merging with the section of another stored start must not keep its file
    return {"kind": "stored", "content": held.words, "digest": held.digest, "path": None, "source": Held(held)}


def _array(name: str, values: Any) -> np.ndarray:
    """A copy as real or complex numbers, at least one; UsageError for anything else."""
    found = np.asarray(values)
    if found.dtype.kind not in "biuf" + ("c" if name in COMPLEX else ""):
        kind = "" if name in COMPLEX else "real "
        what = f"complex; give {name}.real" if found.dtype.kind == "c" else arguments.shown(values)
        raise UsageError(f"needs {name} as an array of {kind}numbers, but it is {what}")
    copy = np.array(found, dtype=complex if found.dtype.kind == "c" else float, order="C", ndmin=1)
    return read_only(copy)
