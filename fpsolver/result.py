"""What came out of a run: series, final state, snapshots, diagnostics, and the words that go with them."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fpsolver.config import schema_many
from fpsolver.config.build import build_scheme
from fpsolver.config.reader import Config
from fpsolver.grid import Grid
from fpsolver.io import hdf5, xarrays
from fpsolver.physics.potentials import FloatArray

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True, eq=False)
class Final:
    """The last state; currents have the component (q1.., p1..) as first index."""

    time: float
    W: FloatArray
    J: FloatArray
    J_reversible: FloatArray
    J_irreversible: FloatArray
    entropy_production_density: FloatArray
    entropy_flux_density: FloatArray


@dataclass(frozen=True, eq=False)
class Snapshots:
    r"""W at some times: ``time`` (n,) and ``W`` (n, \*grid.shape)."""

    time: FloatArray
    W: FloatArray


@dataclass(eq=False)
class Result:
    """A finished (or stopped) run; ``status`` is steady, finished, not_converged, failed or interrupted."""

    config: Config
    grid: Grid
    series: dict[str, FloatArray]
    final: Final
    snapshots: Snapshots
    exact: dict[str, FloatArray] | None
    exact_error: float
    diagnostics: dict[str, Any]
    status: str
    message: str
    reasons: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Title of the configuration, or the name of its bath model."""
        return self.config.title or default_title(self.config)

    @property
    def is_complete(self) -> bool:
        """True if the run ended where it was meant to."""
        return self.status in ("steady", "finished")

    @property
    def scheme(self) -> str:
        """Discretisation in words."""
        return build_scheme(self.config).words

    @property
    def exact_is_gaussian(self) -> bool:
        """True if there is an exact solution and it is Gaussian, so that its moments are all of it."""
        return self.exact is not None and not bool(np.isnan(self.exact["entropy_production"]).any())

    def last(self, name: str) -> float:
        """Last value of a scalar of the series."""
        return float(self.series[name][-1])

    def save(self, path: str | Path, *, force: bool = False) -> Path:
        """Write the result to an HDF5 file, complete or not at all; OutputError if it exists and not ``force``."""
        return hdf5.write(self, Path(path), force=force)

    def to_xarray(self) -> xarray.Dataset:
        """Everything as one xarray Dataset, from which :meth:`from_xarray` makes the result again.

        Series have their names on ``time``, exact values ``exact_..``, snapshots ``snapshots`` on ``snapshot_time``;
        fields of the last state have their names on the axes of the grid.
        """
        return xarrays.dataset(self)

    @classmethod
    def from_xarray(cls, dataset: xarray.Dataset) -> Result:
        """The result again; FileFormatError if the dataset is none."""
        return from_fields(xarrays.fields(dataset))

    def __str__(self) -> str:
        return "\n".join(f"  {label:<22} {text}" for label, text in self.summary())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(label)}</th><td>{html.escape(text)}</td></tr>"
            for label, text in self.summary()
        )
        return f"<table><caption>{html.escape(self.title)}</caption>{rows}</table>"

    def summary(self) -> list[tuple[str, str]]:
        """Rows of the short table: outcome, rates, verdicts, errors."""
        Pi, Phi, rate = (self.last(f"entropy_{name}") for name in ("production", "flux", "rate"))
        rows = [
            ("outcome", self.message),
            ("Pi  (production)", self._rate("entropy_production", Pi)),
            ("Phi (flux)", self._rate("entropy_flux", Phi)),
            ("dS/dt", self._rate("entropy_rate", rate)),
        ]
        if all(map(math.isfinite, (Pi, Phi, rate))):
            rows.append(("closure", f"dS/dt - (Pi - Phi) = {rate - (Pi - Phi):.1e}"))
        rows += [
            ("completely positive", self._cp_words()),
            ("detailed balance", self._balance_words()),
        ]
        if self.exact is not None:
            rows.append(("exact Gaussian" if self.exact_is_gaussian else "exact solution", self._exact_words()))
        return [*rows, ("grid", self._grid_words())]

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
        return "yes, on the boundary (margin 0 to round-off)" if self._on_boundary() else f"yes (margin {margin:.6g})"

    def _on_boundary(self) -> bool:
        return bool(self.diagnostics["cp_on_boundary"])

    def _balance_words(self) -> str:
        found = self.diagnostics
        verdict = "satisfied" if found["satisfies_detailed_balance"] else "violated"
        verdict = found.get("satisfies_detailed_balance_reason", verdict)
        names = {"line 1": "detailed_balance_residual", "line 2": "diffusion_parity_residual", "KMS": "kms_residual"}
        known = [f"{word}: {found[name]:.3g}" for word, name in names.items() if not math.isnan(found[name])]
        return f"{verdict} ({', '.join(known)})"

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
        cells = " x ".join(str(n) for n in self.grid.shape)
        resolution = self.diagnostics["resolution"]
        return f"{cells} cells, {self.scheme}, {resolution:.3g} cells for the narrowest deviation at the end"


def default_title(config: Config) -> str:
    """Name of the bath model, of the chain, or the number of particles."""
    match config.system:
        case schema_many.ChainSystem():
            return f"chain of {config.system.chain.length}"
        case schema_many.Several():
            return f"{len(config.system.particles)} particles"
        case _:
            bath = config.system.bath
            return bath.model.replace("_", " ") if bath else "given matrices"


def load_result(path: str | Path) -> Result:
    """Read a result file; FileFormatError if it is none."""
    return from_fields(hdf5.read(path))


def from_fields(fields: dict[str, Any]) -> Result:
    """Result from what a file or a dataset holds."""
    return Result(**{**fields, "final": Final(**fields["final"]), "snapshots": Snapshots(**fields["snapshots"])})
