"""The table of a sweep: every number on a grid of parameter values."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fpsolver.config.reader import Config
from fpsolver.errors import UsageError
from fpsolver.io import sweeps as files
from fpsolver.io.xarrays import counted, package
from fpsolver.physics import arguments
from fpsolver.result import GaussianResult, Result, load_result
from fpsolver.summary import Summary
from fpsolver.sweeps import kept
from fpsolver.sweeps.axes import Axes, Values
from fpsolver.sweeps.modes import FREQUENCY, RATE
from fpsolver.sweeps.worker import COSTS, NUMBERS_ONLY, TEXTS, Row, Wanted

if TYPE_CHECKING:
    import xarray

# always there, even if no run of the sweep had them
ALWAYS = ("entropy_production", "entropy_flux", "cp_margin", "satisfies_detailed_balance")


@dataclass(eq=False, repr=False)
class Sweep(Summary):
    """Many runs: ``over`` has the values of each key, ``data`` arrays whose first axes are those of ``over``.

    ``sweep["entropy_production"]`` is such an array; NaN where there is no number, with the reason in ``message``
    (failed runs) or, for most runs of a quantity that have none, in ``reasons``. ``mean`` and ``covariance`` have the
    components ``components`` as last axes. ``linked``: of a key in ``over``, the values of others that change with it.
    ``path``: its file, if there is one.
    """

    config: Config
    over: dict[str, Values]
    data: dict[str, NDArray[Any]]
    components: tuple[str, ...] = ("q", "p")
    provenance: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    linked: dict[str, dict[str, Values]] = field(default_factory=dict)
    path: Path | None = None

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Values of a key or of a quantity."""
        everything = self.over | self._linked_keys | self.data
        if name not in everything:
            raise UsageError(f"the sweep has no {name!r}; it has {', '.join(everything)}")
        return everything[name]

    @property
    def _linked_keys(self) -> dict[str, Values]:
        return {other: values for more in self.linked.values() for other, values in more.items()}

    @property
    def axes(self) -> Axes:
        """The keys, their values, and which change together."""
        return Axes(self.over, self.linked)

    @property
    def wanted(self) -> Wanted:
        """What there is of each run besides its last numbers."""
        return Wanted(self.data[RATE].shape[-1] if RATE in self.data else 0, "file" in self.data)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values of each key."""
        return tuple(len(values) for values in self.over.values())

    @property
    def title(self) -> str:
        """Title of the configuration."""
        return self.config.title

    @property
    def is_good(self) -> NDArray[np.bool_]:
        """True where a run ended as it was meant to."""
        return np.asarray(np.isin(self.data["status"], ("steady", "finished")))

    def save(self, path: str | Path, *, force: bool = False) -> Path:
        """Write the table to an HDF5 file, complete or not at all; OutputError if it exists and not ``force``."""
        return files.write(self, arguments.path(path), force=force)

    def result(self, *place: int) -> Result | GaussianResult:
        """The whole result of one run, by its indices in the arrays, of a sweep with ``keep_results``.

        UsageError if there is none, FileFormatError if its file cannot be read.
        """
        if "file" not in self.data or self.path is None:
            raise UsageError("the sweep kept no results; sweep again with keep_results=True and a path")
        self._check_place(place)
        name = str(self.data["file"][place])
        if not name:
            raise UsageError(f"the run at {place} has no result: {self.data['message'][place]}")
        return load_result(kept.existing(self.path, name))

    def _check_place(self, place: tuple[Any, ...]) -> None:
        """UsageError for anything but an index for each key."""
        whole = [int(k) for k in place if isinstance(k, int | np.integer) and not isinstance(k, bool)]
        is_one = len(whole) == len(place) == len(self.shape)
        if not is_one or not all(-n <= k < n for k, n in zip(whole, self.shape, strict=True)):
            axes = ", ".join(f"{key} ({len(values)} values)" for key, values in self.over.items())
            found = arguments.shown(place)
            raise UsageError(f"a run has a whole number, from 0, for each of {axes}, but the indices are {found}")

    def to_xarray(self) -> xarray.Dataset:
        """The same as an xarray Dataset with the keys as coordinates."""
        sizes = {"row": self.components, "column": self.components, "component": self.components}
        variables = {}
        for name, values in self.data.items():
            dims = (*self.over, *files.inner_dimensions(name))
            units, long_name = files.describe(name)
            reason = {"reason": self.reasons[name]} if name in self.reasons else {}
            variables[name] = (dims, values, {"units": units, "long_name": long_name, **reason})
        coordinates: dict[str, Any] = {**self.over, **{name: list(labels) for name, labels in sizes.items()}}
        coordinates |= counted(self.data, len(self.components) // 2)
        for key, more in self.linked.items():
            coordinates |= {other: (key, values) for other, values in more.items()}
        if RATE in self.data:
            coordinates["mode"] = np.arange(1, self.wanted.modes + 1)
        found: xarray.Dataset = package().Dataset(variables, coordinates, {"config": self.config.to_yaml()})
        return found

    def failures(self) -> list[tuple[str, int]]:
        """Reasons of the runs without a good end, with how many there are, most frequent first."""
        return Counter(str(text) for text in self.data["message"][~self.is_good]).most_common()

    def summary(self) -> list[tuple[str, str]]:
        """Rows of the short table."""
        others = {key: f" with {' and '.join(more)}" for key, more in self.linked.items()}
        keys = " x ".join(f"{key}{others.get(key, '')} ({len(values)})" for key, values in self.over.items())
        good = self.is_good
        rows = [("runs", f"{good.size} over {keys}"), ("ended well", f"{good.sum()} of {good.size}")]
        rows += [("without result", f"{count}: {text}") for text, count in self.failures()[:3]]
        for name, label in (("entropy_production", "Pi  (production)"), ("entropy_flux", "Phi (flux)")):
            rows.append((label, self._range(self.data[name], self.is_good)))
        if RATE in self.data:  # failed runs may have it, too
            rows.append(("slowest decay rate", self._range(self.data[RATE][..., 0], np.ones(self.shape, dtype=bool))))
        if "file" in self.data and self.path is not None:
            rows.append(("results", f"{(self.data['file'] != '').sum()} in {kept.folder_of(self.path)}"))
        return rows

    def _range(self, values: NDArray[Any], among: NDArray[np.bool_]) -> str:
        known = np.isfinite(values) & among
        if not known.any():
            return "no finite value"
        low, high = values[known].min(), values[known].max()
        return f"{low:.6g} at {self._place(values == low)} to {high:.6g} at {self._place(values == high)}"

    def _place(self, mask: NDArray[np.bool_]) -> str:
        found = self.axes.point(np.argwhere(mask)[0])
        return ", ".join(f"{v}" if isinstance(v, str | bool) else f"{_short(key)} {v:.6g}"
                         for key, v in found.items())  # fmt: skip


def _short(key: str) -> str:
    """The last word of a key, with the index after it."""
    words = key.split(".")
    return ".".join(words[-2:]) if words[-1].isdecimal() else words[-1]


def load_sweep(path: str | Path) -> Sweep:
    """Read the table of a sweep; FileFormatError if it is none."""
    found = Path(arguments.path(path))
    return Sweep(**files.read(found), path=found)


def tabulate(
    config: Config, axes: Axes, rows: list[Row], provenance: dict[str, Any], wanted: Wanted = NUMBERS_ONLY
) -> Sweep:
    """Rows (in the order of the points of ``axes``) as arrays; what a row lacks is NaN."""
    shape = axes.shape
    components = max((tuple(row["axes"]) for row in rows), key=len, default=()) or ("q", "p")
    data: dict[str, NDArray[Any]] = {}
    for name in TEXTS:
        data[name] = np.array([row[name] for row in rows], dtype=object).reshape(shape)
    for name in COSTS:
        data[name] = np.array([row[name] for row in rows], dtype=float).reshape(shape)
    if wanted.keep_results:
        data["file"] = np.array([row.get("file", "") for row in rows], dtype=object).reshape(shape)
    always = [*ALWAYS, "mean", "covariance", *((RATE, FREQUENCY) if wanted.modes else ())]
    names = dict.fromkeys([*always, *(name for row in rows for name in row["numbers"])])
    sizes = _sizes(rows, len(components)) | {"mode": wanted.modes}
    for name in names:
        inner = tuple(sizes[dimension] for dimension in files.inner_dimensions(name))
        values = np.full((len(rows), *inner), np.nan)
        for number, row in enumerate(rows):
            if name in row["numbers"]:
                values[(number, *_places(row, name, len(components)))] = row["numbers"][name]
        data[name] = values.reshape(*shape, *inner)
    return Sweep(config, axes.over, data, components, provenance, _reasons(rows), axes.linked)


def _reasons(rows: list[Row]) -> dict[str, str]:
    """Why numbers are NaN or infinite, by name: what most runs say that have a result."""
    said: dict[str, Counter[str]] = {}
    for row in rows:
        for name, text in row["reasons"].items():
            said.setdefault(name, Counter())[text] += 1
    return {name: texts.most_common(1)[0][0] for name, texts in said.items()}


def _sizes(rows: list[Row], components: int) -> dict[str, int]:
    """Length of each inner dimension: that of the run with most particles or springs."""
    springs = max((len(row["numbers"].get("spring_current", ())) for row in rows), default=0)
    whole = dict.fromkeys(("component", "row", "column"), components)
    return {**whole, "particle": components // 2, "spring": springs}


def _places(row: Row, name: str, components: int) -> tuple[Any, ...]:
    """Where the numbers of a run with fewer particles belong: q1.. first, then p1..; springs in their order."""
    particles = np.arange(len(row["axes"]) // 2)
    both = np.concatenate([particles, components // 2 + particles])
    springs = np.arange(len(row["numbers"].get("spring_current", ())))
    place = {"particle": particles, "spring": springs, "mode": np.arange(len(row["numbers"].get(RATE, ())))}
    dimensions = files.inner_dimensions(name)
    return np.ix_(*(place.get(dimension, both) for dimension in dimensions)) if dimensions else ()
