"""What a configuration may say: keys, types, ranges and defaults; pure data, no physics, no files.

Values that later versions will understand are refused with a sentence, never ignored.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from fpsolver.config.schema_system import System
from fpsolver.config.types import (
    NotNegative,
    Positive,
    Row,
    Section,
    Text,
    fault,
    is_number,
    not_yet,
    number_or,
    one_of,
    shown,
)


class Units(Section):
    """Units of the run."""

    hbar: NotNegative = Field(1.0, description="Planck's constant over 2 pi; 0 means classical")


class GaussianInitial(Section):
    """A Gaussian of given mean and covariance."""

    kind: Literal["gaussian"]
    mean: Row
    covariance: Annotated[list[Row], Field(min_length=2)]


class ThermalInitial(Section):
    """Quantum Gibbs state of an oscillator."""

    kind: Literal["thermal"]
    beta: Positive
    omega: Positive


class CoherentInitial(Section):
    """Coherent state of an oscillator."""

    kind: Literal["coherent"]
    q: float
    p: float
    omega: Positive


class SqueezedInitial(Section):
    """Squeezed coherent state; theta = 0 squeezes q."""

    kind: Literal["squeezed"]
    q: float
    p: float
    omega: Positive
    r: Annotated[float, Field(ge=-10, le=10)]
    theta: float = 0.0


class UniformInitial(Section):
    """Uniform around a periodic q, Gaussian in p."""

    kind: Literal["uniform"]
    momentum_variance: Positive


class FileInitial(Section):
    """Final W of a result on the same grid."""

    kind: Literal["file"]
    path: Text


Initial = Annotated[
    GaussianInitial | ThermalInitial | CoherentInitial | SqueezedInitial | UniformInitial | FileInitial,
    Field(discriminator="kind"),
]


def _extent(value: Any) -> Any:
    if value == "auto":
        return value
    pair = isinstance(value, list | tuple) and len(value) == 2 and all(map(is_number, value))
    if not pair or not value[0] < value[1]:
        raise fault(f"must be `auto` or [low, high] with low < high, but is {shown(value)}")
    return value


Extent = Annotated[
    Any,
    BeforeValidator(_extent),
    WithJsonSchema({"anyOf": [{"const": "auto"}, {"type": "array", "items": {"type": "number"}}]}),
]
Cells = number_or("auto", whole=16)


class AxisQ(Section):
    """Position axis."""

    cells: Cells = "auto"  # type: ignore[valid-type]
    extent: Extent = "auto"
    boundary: one_of(("no_flux", "periodic")) = "no_flux"  # type: ignore[valid-type]
    allow_coarse: bool = False


class AxisP(Section):
    """Momentum axis."""

    cells: Cells = "auto"  # type: ignore[valid-type]
    extent: Extent = "auto"
    boundary: one_of(("no_flux",)) = "no_flux"  # type: ignore[valid-type]
    allow_coarse: bool = False


class Grid(Section):
    """The two axes."""

    q: AxisQ = AxisQ()
    p: AxisP = AxisP()


def _order(value: Any) -> Any:
    if isinstance(value, bool) or value not in (2, 4, 6, 8):
        raise fault(f"must be 2, 4, 6 or 8, but is {shown(value)}")
    return value


class Scheme(Section):
    """Discretisation in phase space."""

    flux: one_of(("central",), later=("chang_cooper",)) = "central"  # type: ignore[valid-type]
    order: Annotated[int, BeforeValidator(_order), WithJsonSchema({"enum": [2, 4, 6, 8]})] = 8
    reversible: not_yet("reversible") = None  # type: ignore[valid-type]


class Time(Section):
    """How long, how fine, and by which method."""

    until: number_or("steady", above=0) = "steady"  # type: ignore[valid-type]
    tolerance: Annotated[float, Field(gt=0, lt=1)] = 1e-9
    max_time: number_or("auto", above=0) = "auto"  # type: ignore[valid-type]
    method: one_of(("stepping",), later=("direct", "gaussian", "auto")) = "stepping"  # type: ignore[valid-type]
    stepper: one_of(("auto", "rk4"), later=("implicit",)) = "auto"  # type: ignore[valid-type]
    dt: number_or("auto", above=0) = "auto"  # type: ignore[valid-type]


def _snapshots(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    times = isinstance(value, list | tuple) and all(is_number(t) and t >= 0 for t in value)
    if not times or any(b <= a for a, b in pairwise(value)):
        raise fault(f"must be an integer of at least 1 or a list of increasing times, but is {shown(value)}")
    return value


def _compression(value: str) -> str:
    if value not in ("none", *(f"gzip {level}" for level in range(1, 10))):
        raise fault(f"must be `none` or `gzip 1` to `gzip 9`, but is {shown(value)}")
    return value


class Output(Section):
    """What is written, and where."""

    path: Text | None = Field(None, description="HDF5 file; default: the stem of the configuration, .h5", min_length=1)
    every: number_or("auto", above=0) = "auto"  # type: ignore[valid-type]
    snapshots: Annotated[
        Any,
        BeforeValidator(_snapshots),
        WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "number"}}]}),
    ] = 10
    checkpoint_every: not_yet("checkpoint_every") = None  # type: ignore[valid-type]
    compression: Annotated[str, AfterValidator(_compression)] = "gzip 4"


def _not_strict(value: bool) -> bool:
    if value:
        raise fault("`true` is not available in this version of fpsolver; use `false`")
    return value


class Checks(Section):
    """What turns a warning into a failure."""

    strict: Annotated[bool, AfterValidator(_not_strict)] = False
    require_complete_positivity: bool = False


class ConfigData(Section):
    """A whole configuration."""

    title: Text = ""
    units: Units = Units()
    system: System
    initial: Initial
    grid: Grid = Grid()
    scheme: Scheme = Scheme()
    time: Time = Time()
    output: Output = Output()
    checks: Checks = Checks()


def to_plain(value: Any) -> Any:
    """Complex numbers as [re, im], everything else unchanged; for writing a configuration back."""
    if isinstance(value, complex):
        return [value.real, value.imag]
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    return value
