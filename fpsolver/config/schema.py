"""What a configuration may say: keys, types, ranges and defaults; pure data, no physics, no files."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema, model_validator

from fpsolver.config.given import Refused
from fpsolver.config.schema_initial import Initial
from fpsolver.config.schema_many import AnySystem
from fpsolver.config.types import (
    NotNegative,
    Positive,
    Section,
    Text,
    fault,
    is_number,
    list_or_one,
    number_or,
    one_of,
    shown,
)


class Units(Section):
    """Units of the run."""

    hbar: NotNegative = Field(1.0, description="Planck's constant over 2 pi; 0 means classical")


def _not_refused(value: Any) -> Any:
    if isinstance(value, Refused):
        raise fault(value.text)
    return value


States = Annotated[
    Annotated[Initial, Tag("<one>")] | Annotated[list[Initial], Field(min_length=1), Tag("<list>")],
    Discriminator(list_or_one),
]
Start = Annotated[States | None, BeforeValidator(_not_refused)]


def _extent(value: Any) -> Any:
    if value == "auto":
        return value
    pair = isinstance(value, list | tuple) and len(value) == 2 and all(map(is_number, value))
    if not pair or not value[0] < value[1]:
        raise fault(f"must be `auto` or [low, high] with low < high, but is {shown(value)}")
    return value


_PAIR = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
Extent = Annotated[
    Any,
    BeforeValidator(_extent),
    WithJsonSchema({"anyOf": [{"const": "auto"}, _PAIR]}),
]
Cells = number_or("auto", whole=16)
CELLS_WORDS = "number of cells; auto: at least 4 for the smallest standard deviation of the state at any time"
EXTENT_WORDS = "[low, high]; auto: 8.5 standard deviations around the whole path"
COARSE_WORDS = "run even with fewer than 1.5 cells for a standard deviation; given for one axis, it holds for all"


class AxisQ(Section):
    """Position axis."""

    cells: Cells = Field("auto", description=CELLS_WORDS)  # type: ignore[valid-type]
    extent: Extent = Field("auto", description=EXTENT_WORDS)
    boundary: one_of(("no_flux", "periodic")) = Field(  # type: ignore[valid-type]
        "no_flux", description="no_flux: a closed box, for states negligible at its edge; periodic: a ring"
    )
    allow_coarse: bool = Field(False, description=COARSE_WORDS)


class AxisP(Section):
    """Momentum axis."""

    cells: Cells = Field("auto", description=CELLS_WORDS)  # type: ignore[valid-type]
    extent: Extent = Field("auto", description=EXTENT_WORDS)
    boundary: one_of(("no_flux",)) = Field(  # type: ignore[valid-type]
        "no_flux", description="a closed box; the momentum is never periodic"
    )
    allow_coarse: bool = Field(False, description=COARSE_WORDS)


class Grid(Section):
    """The axes, given once for all particles or as a list with one entry for each."""

    q: Annotated[
        Annotated[AxisQ, Tag("<one>")] | Annotated[list[AxisQ], Field(min_length=1), Tag("<list>")],
        Discriminator(list_or_one),
    ] = Field(AxisQ.model_construct(), description="the position axis, or a list with one for each particle")
    p: Annotated[
        Annotated[AxisP, Tag("<one>")] | Annotated[list[AxisP], Field(min_length=1), Tag("<list>")],
        Discriminator(list_or_one),
    ] = Field(AxisP.model_construct(), description="the momentum axis, or a list with one for each particle")


def _order(value: Any) -> Any:
    if isinstance(value, bool) or value not in (2, 4, 6, 8):
        raise fault(f"must be 2, 4, 6 or 8, but is {shown(value)}")
    return value


class Scheme(Section):
    """Discretisation in phase space."""

    flux: one_of(("central", "chang_cooper")) = Field(  # type: ignore[valid-type]
        "central",
        description="central: central differences; chang_cooper: second order, with Gibbs states of detailed-balance "
        "models exactly stationary",
    )
    order: Annotated[int, BeforeValidator(_order), WithJsonSchema({"enum": [2, 4, 6, 8]})] = Field(
        8,
        description="order of the differences; 8 is the most accurate for its time; chang_cooper has 2, also "
        "where this default is written",
    )
    reversible: one_of(("central", "limited")) | None = Field(  # type: ignore[valid-type]
        None, description="of chang_cooper; limited: W >= 0 always, nonlinear; central (default): linear"
    )

    @model_validator(mode="after")
    def _belongs_together(self) -> Scheme:
        if self.flux == "central" and self.reversible is not None:
            raise fault(f"reversible: {self.reversible} belongs to flux: chang_cooper; leave it out")
        if self.flux == "chang_cooper":
            if self.order not in (2, 8):  # 8 is the default of central fluxes, often written out
                raise fault(f"flux: chang_cooper is of order 2, but order is {self.order}; leave it out")
            object.__setattr__(self, "order", 2)  # what runs and what is written into the result
            object.__setattr__(self, "reversible", self.reversible or "central")
        return self


class Time(Section):
    """How long, how fine, and by which method."""

    until: number_or("steady", above=0) = Field(  # type: ignore[valid-type]
        "steady", description="end of the run; steady: when the steady state is reached"
    )
    tolerance: Annotated[float, Field(gt=0, lt=1)] = Field(
        1e-9, description="steady: int abs(dW/dt) below tolerance x slowest decay rate"
    )
    max_time: number_or("auto", above=0) = Field(  # type: ignore[valid-type]
        "auto", description="time at which the search for the steady state gives up; auto: 40 / slowest decay rate"
    )
    method: one_of(("stepping", "direct", "gaussian", "auto")) = Field(  # type: ignore[valid-type]
        "stepping",
        description="stepping: step by step from the initial state; direct: solve for the steady state at once; "
        "gaussian: exact moments of a quadratic system, no grid; auto: stepping or direct, whichever is predicted "
        "to be faster",
    )
    stepper: one_of(("auto", "rk4", "taylor8", "implicit")) = Field(  # type: ignore[valid-type]
        "auto",
        description="rk4, taylor8: explicit, of order 4 and 8; implicit: sparse factors, for stiff and very long runs; "
        "auto: predicted fastest",
    )
    dt: number_or("auto", above=0) = Field(  # type: ignore[valid-type]
        "auto",
        description="time step; auto: 96 % of the stability limit, less while fast motion matters (implicit: by "
        "accuracy)",
    )


_TIMES = {"type": "array", "items": {"type": "number", "minimum": 0}}
_COMPRESSIONS = ("none", *(f"gzip {level}" for level in range(1, 10)))


def _snapshots(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    times = isinstance(value, list | tuple) and all(is_number(t) and t >= 0 for t in value)
    if not times or any(b <= a for a, b in pairwise(value)):
        raise fault(f"must be an integer of at least 1 or a list of increasing times, but is {shown(value)}")
    return value


def _compression(value: Any) -> Any:
    if value not in _COMPRESSIONS:
        raise fault(f"must be `none` or `gzip 1` to `gzip 9`, but is {shown(value)}")
    return value


class Output(Section):
    """What is written, and where."""

    path: Text | None = Field(
        None,
        description="HDF5 file to write; default: the name of the configuration with .h5 for .yaml, in the current "
        "directory",
        min_length=1,
    )
    every: number_or("auto", above=0) = Field(  # type: ignore[valid-type]
        "auto",
        description="time between records of the series; auto: about 200 of them, 50 for several particles on a grid",
    )
    snapshots: Annotated[
        Any,
        BeforeValidator(_snapshots),
        WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, _TIMES]}),
    ] = Field(10, description="times at which W is kept: an increasing list, or their number")
    checkpoint_every: Positive = Field(60.0, description="wall seconds between checkpoints, for --resume")
    compression: Annotated[str, BeforeValidator(_compression), WithJsonSchema({"enum": list(_COMPRESSIONS)})] = Field(
        "gzip 4", description="compression of the arrays in the HDF5 file"
    )


class Checks(Section):
    """What turns a warning into a failure."""

    strict: bool = Field(False, description="the first numerical warning ends the run, as failed")
    require_complete_positivity: bool = Field(False, description="refuse models that are not completely positive")


class ConfigData(Section):
    """A whole configuration."""

    title: Text = Field(
        "", description="name of the run in summaries and figures; default: the bath model, or the number of particles"
    )
    units: Units = Field(Units.model_construct(), description="units of the run")
    system: AnySystem = Field(description="one particle, several particles with springs, or a chain")
    initial: Start = Field(
        None, description="state at time 0, or a list with one for each particle; not needed for a steady state at once"
    )
    grid: Grid = Field(Grid.model_construct(), description="axes of phase space")
    scheme: Scheme = Field(Scheme.model_construct(), description="discretisation in phase space")
    time: Time = Field(Time.model_construct(), description="how long, how fine, and by which method")
    output: Output = Field(Output.model_construct(), description="what is written, and where")
    checks: Checks = Field(Checks.model_construct(), description="what turns a warning into a failure")


def to_plain(value: Any) -> Any:
    """Complex numbers as [re, im], everything else unchanged; for writing a configuration back."""
    if isinstance(value, complex):
        return [value.real, value.imag]
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    return value


def json_schema() -> dict[str, Any]:
    """JSON schema of a configuration for editors."""
    title = "fpsolver configuration"
    _compile(ConfigData)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_known(ConfigData.model_json_schema()),
        "title": title,
    }


def _compile(section: type[Section]) -> None:
    """Sections that are defaults of others, too: these are compiled late, and pydantic before 2.11 does not ask."""
    for field in section.model_fields.values():
        if isinstance(field.default, Section):
            _compile(type(field.default))
    section.model_rebuild(force=True)


_OBJECTS = [{"$ref": f"#/$defs/{name}"} for name in ("PythonPotential", "PythonBath")]  # nothing for a file


def _known(node: Any) -> Any:
    """The same without properties that nothing satisfies, and without titles that repeat the key."""
    if isinstance(node, list):
        return [_known(item) for item in node if item not in _OBJECTS]
    if not isinstance(node, dict):
        return node
    properties = {k: _known(v) for k, v in node.get("properties", {}).items() if "not" not in v}
    hidden = ("properties", "title", "discriminator", "PythonPotential", "PythonBath")
    rest = {k: _known(v) for k, v in node.items() if k not in hidden}
    return {**rest, "properties": properties} if "properties" in node else rest
