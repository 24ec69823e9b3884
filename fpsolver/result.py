"""What came out of a run: series, final state, snapshots, diagnostics, and the words that go with them."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import numpy as np

from fpsolver import heat
from fpsolver.config import schema_many
from fpsolver.config.build import build_scheme
from fpsolver.config.reader import Config
from fpsolver.errors import ConfigError, FileFormatError, UsageError
from fpsolver.grid import Grid
from fpsolver.io import hdf5, reading, xarrays
from fpsolver.io.container import DAMAGE
from fpsolver.physics import arguments
from fpsolver.physics.potentials import FloatArray
from fpsolver.summary import Summary
from fpsolver.thermo.several import Particle

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True, eq=False)
class Final:
    """The last state; currents have the component (q1.., p1..) as first index; None where they would be too large."""

    time: float
    W: FloatArray
    J: FloatArray | None
    J_reversible: FloatArray | None
    J_irreversible: FloatArray | None
    entropy_production_density: FloatArray
    entropy_flux_density: FloatArray

    def __repr__(self) -> str:
        known = [name for name, values in vars(self).items() if isinstance(values, np.ndarray)]
        return f"Final(time={self.time:g}, on {_by(self.W.shape)} cells: {', '.join(known)})"


@dataclass(frozen=True, eq=False)
class Snapshots:
    r"""W at some times: ``time`` (n,) and ``W`` (n, \*grid.shape)."""

    time: FloatArray
    W: FloatArray

    def __repr__(self) -> str:
        span = f", t = {self.time[0]:g} to {self.time[-1]:g}" if len(self.time) else ""
        return f"Snapshots({len(self.time)} of W on {_by(self.W.shape[1:])} cells{span})"


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


class Series(dict[str, FloatArray]):
    """Arrays by name; the KeyError of a name that is not there lists those that are."""

    def __missing__(self, name: str) -> NoReturn:
        raise KeyError(no_member(self, name))


def no_member(series: Iterable[str], name: str) -> str:
    """Sentence about a name that is none of the series."""
    near = difflib.get_close_matches(str(name), list(series), n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"the series has no {name!r}{hint}; it has {', '.join(series)}"


@dataclass(eq=False, kw_only=True, repr=False)
class Outcome(Summary):
    """What every finished (or stopped) run has: series, verdicts and words.

    ``status`` is steady, finished, not_converged, failed or interrupted.
    """

    config: Config
    series: dict[str, FloatArray]
    diagnostics: dict[str, Any]
    status: str
    message: str
    reasons: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.series = Series(self.series)

    @property
    def title(self) -> str:
        """Title of the configuration, or the name of its bath model."""
        return self.config.title or default_title(self.config)

    @property
    def is_complete(self) -> bool:
        """True if the run ended where it was meant to."""
        return self.status in ("steady", "finished")

    def last(self, name: str) -> Any:
        """Last value of a member of the series: a number, or an array (mean, covariance); UsageError for no member."""
        if name not in self.series:
            raise UsageError(no_member(self.series, name))
        value = self.series[name][-1]
        return float(value) if np.ndim(value) == 0 else np.asarray(value)

    def save(self, path: str | Path, *, force: bool = False) -> Path:
        """Write the result to an HDF5 file, complete or not at all; OutputError if it exists and not ``force``."""
        raise NotImplementedError

    def summary(self) -> list[tuple[str, str]]:
        """Rows of the short table: outcome, rates, verdicts, errors."""
        return [*self._rate_rows(), *self._verdict_rows()]

    def _rate_rows(self) -> list[tuple[str, str]]:
        Pi, Phi, rate = (self.last(f"entropy_{name}") for name in ("production", "flux", "rate"))
        rows = [
            ("outcome", self.message),
            ("Pi  (production)", self._rate("entropy_production", Pi)),
            ("Phi (flux)", self._rate("entropy_flux", Phi)),
            ("dS/dt", self._rate("entropy_rate", rate)),
        ]
        moyal = self.last("entropy_moyal") if "entropy_moyal" in self.series else 0.0
        if moyal:
            rows.append(("S_Moyal", self._rate("entropy_moyal", moyal)))
        is_one = self.series["heat_current"].shape[-1] == 1
        if is_one and math.isnan(Pi) and "wehrl_production" in self.series and self.config.units.hbar > 0:
            # of the Husimi function, which is never negative
            rows.append(("Pi_Q (Husimi)", self._rate("wehrl_production", self.last("wehrl_production"))))
        if all(map(math.isfinite, (Pi, Phi, rate, moyal))):
            sign = " + S_Moyal" if moyal else ""
            rows.append(("closure", f"dS/dt - (Pi - Phi{sign}) = {rate - (Pi - Phi + moyal):.1e}"))
        return rows + (heat.rows(self) if self.series["heat_current"].shape[-1] > 1 else [])

    def _verdict_rows(self) -> list[tuple[str, str]]:
        return [("completely positive", self._cp_words()), ("detailed balance", self._balance_words())]

    def _rate(self, name: str, value: float) -> str:
        if math.isfinite(value):
            return f"{value: .12g}"
        return f"{value} ({self.reasons.get(name, 'no reason known')})"

    def _cp_words(self) -> str:
        margin = self.diagnostics["cp_margin"]
        if math.isnan(margin):
            return "no meaning for a classical system (hbar = 0)"
        if not self.diagnostics["is_completely_positive"]:
            return f"no (margin {margin:.6g})"
        if self.diagnostics["cp_on_boundary"]:
            return "yes, on the boundary (margin 0 to round-off)"
        return f"yes (margin {margin:.6g})"

    def _balance_words(self) -> str:
        found = self.diagnostics
        verdict = "satisfied" if found["satisfies_detailed_balance"] else "violated"
        verdict = found.get("satisfies_detailed_balance_reason", verdict)
        line_1 = "line 1" if self.status == "steady" else "line 1 of the last state"
        names = {line_1: "detailed_balance_residual", "line 2": "diffusion_parity_residual", "KMS": "kms_residual"}
        known = [f"{word}: {found[name]:.3g}" for word, name in names.items() if not math.isnan(found[name])]
        return f"{verdict} ({', '.join(known)})"


@dataclass(eq=False, kw_only=True, repr=False)
class Result(Outcome):
    """A run on a grid: the final W with its currents, snapshots, and the exact Gaussian where there is one.

    ``particles``: reduced Wigner functions, currents and channels of Pi of each of several particles.
    """

    grid: Grid
    final: Final
    snapshots: Snapshots
    exact: dict[str, FloatArray] | None
    exact_error: float
    particles: tuple[Particle, ...] = ()

    @property
    def scheme(self) -> str:
        """Discretisation in words."""
        return build_scheme(self.config).words

    @property
    def exact_is_gaussian(self) -> bool:
        """True if there is an exact solution and it is Gaussian, so that its moments are all of it."""
        return self.exact is not None and not bool(np.isnan(self.exact["entropy_production"]).any())

    def save(self, path: str | Path, *, force: bool = False) -> Path:
        """Write the result to an HDF5 file, complete or not at all; OutputError if it exists and not ``force``."""
        return hdf5.write(self, arguments.path(path), force=force)

    def to_xarray(self) -> xarray.Dataset:
        """Everything as one xarray Dataset, from which :meth:`from_xarray` makes the result again.

        Series have their names on ``time``, exact values ``exact_..``, snapshots ``snapshots`` on ``snapshot_time``;
        fields of the last state have their names on the axes of the grid.
        """
        return xarrays.dataset(self)

    @staticmethod
    def from_xarray(dataset: xarray.Dataset) -> Result | GaussianResult:
        """The result again, also one without a grid; FileFormatError if the dataset is none."""
        return from_fields(xarrays.fields(dataset))

    def summary(self) -> list[tuple[str, str]]:
        """Rows of the short table: outcome, rates, verdicts, errors."""
        label = "exact Gaussian" if self.exact_is_gaussian else "exact solution"
        exact = [(label, self._exact_words())] if self.exact is not None else []
        return [*super().summary(), *exact, ("grid", self._grid_words())]

    def _exact_words(self) -> str:
        assert self.exact is not None
        parts = [f"L1 error of W {self.exact_error:.1e}"] if math.isfinite(self.exact_error) else []
        for name, label in (("entropy_production", "Pi"), ("entropy_flux", "Phi")):
            value, exact = self.last(name), float(self.exact[name][-1])
            if math.isfinite(exact) and math.isfinite(value):
                parts.append(f"{label} {value - exact:+.1e}")
        mean = np.abs(self.series["mean"][-1] - self.exact["mean"][-1]).max()
        covariance = np.abs(self.series["covariance"][-1] - self.exact["covariance"][-1]).max()
        return ", ".join([*parts, f"moments {max(mean, covariance):.1e}"])

    def _grid_words(self) -> str:
        cells = _by(self.grid.shape)
        resolution = f"{self.diagnostics['resolution']:.3g} cells for the narrowest deviation at the end"
        finer = "" if self.exact_is_gaussian else "; finer structure of W on the way is not counted"
        return f"{cells} cells, {self.scheme}, {resolution}{finer}"


def default_title(config: Config) -> str:
    """Name of the bath model, of the chain, or the number of particles."""
    match config.system:
        case schema_many.ChainSystem():
            return f"chain of {config.system.chain.length}"
        case schema_many.Several():
            return f"{len(config.system.particles)} particles"
        case _:
            bath = config.system.bath
            if bath is not None and bath.model == "python":
                return str(bath.name)
            return bath.model.replace("_", " ") if bath else "given matrices"


@dataclass(eq=False, kw_only=True, repr=False)
class GaussianResult(Outcome):
    """Exact moments of a quadratic system without a grid (``time.method: gaussian``); ``exact`` repeats the series."""

    @property
    def exact(self) -> dict[str, FloatArray]:
        """Time, moments, Pi and Phi."""
        names = ("time", "mean", "covariance", "entropy_production", "entropy_flux")
        return {name: self.series[name] for name in names}

    exact_error: ClassVar[float] = math.nan

    def save(self, path: str | Path, *, force: bool = False) -> Path:
        """Write the result to an HDF5 file, complete or not at all; OutputError if it exists and not ``force``."""
        return hdf5.write_moments(self, arguments.path(path), force=force)

    def to_xarray(self) -> xarray.Dataset:
        """The series as an xarray Dataset (a profile is its last time): :meth:`Result.from_xarray` is the way back."""
        return xarrays.moments(self)

    def summary(self) -> list[tuple[str, str]]:
        """Rows of the short table: outcome, rates, heat, verdicts."""
        return [*super().summary(), ("method", "exact moments (no grid)")]


def load_result(path: str | Path) -> Result | GaussianResult:
    """Read a result file; FileFormatError if it is none."""
    fields = reading.read(arguments.path(path))
    try:
        found = from_fields(fields)
        found.summary()  # what it says of itself needs every part, of the right kind
    except (ConfigError, *DAMAGE) as error:
        text = str(error).replace("\n", "; ") or type(error).__name__
        raise FileFormatError(
            f"{path} is no readable fpsolver result: its parts do not fit together ({text})"
        ) from None
    return found


def from_fields(fields: dict[str, Any]) -> Result | GaussianResult:
    """Result from what a file or a dataset holds."""
    fields["reasons"].pop("time", None)  # files say why a time is infinite; the reasons are of quantities
    if "grid" not in fields:
        return GaussianResult(**fields)
    fields["particles"] = tuple(Particle(**particle) for particle in fields.get("particles", ()))
    return Result(**{**fields, "final": Final(**fields["final"]), "snapshots": Snapshots(**fields["snapshots"])})
