"""What a configuration may say: keys, types, ranges and defaults; pure data, no physics, no files.

Values that later versions will understand are refused with a sentence, never ignored.
"""

from __future__ import annotations

import difflib
import math
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError


def _fault(text: str) -> PydanticCustomError:
    return PydanticCustomError("fpsolver", "{text}", {"text": text})


def shown(value: Any) -> str:
    """A value as it is quoted in a message."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "empty"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def is_number(value: Any) -> bool:
    """True for a finite int or float that is not a boolean."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _number_or(word: str, *, above: float | None = None, whole: int | None = None) -> Any:
    """Type of a value that is either ``word`` or a number (``whole``: an integer of at least that)."""
    kind = f"an integer of at least {whole}" if whole is not None else "a number"
    kind += f" greater than {above:g}" if above is not None else ""

    def check(value: Any) -> Any:
        if value == word:
            return value
        if isinstance(value, str) and difflib.get_close_matches(value, [word]):
            raise _fault(f"must be `{word}` or {kind}, but is {shown(value)}; did you mean `{word}`?")
        good = is_number(value) and (above is None or value > above)
        if whole is not None:
            good = good and isinstance(value, int) and value >= whole
        if not good:
            raise _fault(f"must be `{word}` or {kind}, but is {shown(value)}")
        return value

    json_type = {"type": "integer", "minimum": whole} if whole is not None else {"type": "number"}
    return Annotated[Any, BeforeValidator(check), WithJsonSchema({"anyOf": [{"const": word}, json_type]})]


def _one_of(known: tuple[str, ...], later: tuple[str, ...] = ()) -> Any:
    """Type of a word out of a list; ``later`` words are in the documentation but not in this version."""

    def check(value: Any) -> Any:
        choices = " or ".join(f"`{word}`" for word in known)
        if isinstance(value, str) and value in later:
            raise _fault(f"`{value}` is not available in this version of fpsolver; use {choices}")
        if value not in known:
            raise _fault(f"must be {choices}, but is {shown(value)}")
        return value

    return Annotated[str, BeforeValidator(check), WithJsonSchema({"enum": list(known)})]


def _not_yet(name: str) -> Any:
    def check(value: Any) -> Any:
        if value is None:
            return None
        raise _fault(f"`{name}` is not available in this version of fpsolver; leave it out")

    return Annotated[Any, BeforeValidator(check), WithJsonSchema({"not": {}})]


def _printable(value: str) -> str:
    if not value.isprintable():
        raise _fault(f"must be one line of printable text, but is {value!a}")
    return value


Text = Annotated[str, AfterValidator(_printable)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Row = Annotated[list[float], Field(min_length=2)]


class Section(BaseModel):
    """Base of all sections: strict types, unknown keys refused, values immutable."""

    # defer_build: only the whole configuration is compiled, not each section (0.1 s of start-up)
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, defer_build=True)


class Units(Section):
    """Units of the run."""

    hbar: NotNegative = Field(1.0, description="Planck's constant over 2 pi; 0 means classical")


class FreePotential(Section):
    """U = 0."""

    kind: Literal["free"]


class HarmonicPotential(Section):
    """U = m omega^2 q^2 / 2."""

    kind: Literal["harmonic"]
    omega: Positive


class QuarticPotential(Section):
    """U = m omega^2 q^2 / 2 + quartic q^4 / 4."""

    kind: Literal["quartic"]
    omega: NotNegative
    quartic: Positive


class DoubleWellPotential(Section):
    """U = -quadratic q^2 / 2 + quartic q^4 / 4."""

    kind: Literal["double_well"]
    quadratic: Positive
    quartic: Positive


class PolynomialPotential(Section):
    """U = c0 + c1 q + c2 q^2 + ..."""

    kind: Literal["polynomial"]
    coefficients: Annotated[list[float], Field(min_length=1, max_length=21)]


class CosinePotential(Section):
    """U = -amplitude cos(wavenumber q) - tilt q."""

    kind: Literal["cosine"]
    amplitude: float
    wavenumber: Positive
    tilt: float = 0.0


Potential = Annotated[
    FreePotential | HarmonicPotential | QuarticPotential | DoubleWellPotential | PolynomialPotential | CosinePotential,
    Field(discriminator="kind"),
]


class NoBath(Section):
    """Hamiltonian motion only."""

    model: Literal["none"]


class ThermalBath(Section):
    """Friction eta of the momentum and a temperature, given as beta or as temperature."""

    eta: Positive
    beta: Positive | None = Field(None, description="inverse temperature 1/(k_B T), 1/energy")
    temperature: Positive | None = Field(None, description="k_B T, energy; instead of beta")

    @model_validator(mode="after")
    def _one_temperature(self) -> ThermalBath:
        if (self.beta is None) == (self.temperature is None):
            given = "neither is" if self.beta is None else "both are"
            raise _fault(f"needs either `beta` or `temperature`, but {given} given")
        return self

    @property
    def inverse_temperature(self) -> float:
        """Beta, however it was given."""
        return self.beta if self.beta is not None else 1 / (self.temperature or math.inf)


class CaldeiraLeggettBath(ThermalBath):
    """Momentum friction and diffusion only; not completely positive."""

    model: Literal["caldeira_leggett"]


class MinimallyInvasiveBath(ThermalBath):
    """Caldeira-Leggett with the smallest position diffusion that is completely positive."""

    model: Literal["minimally_invasive"]
    d_qq: NotNegative | None = Field(None, description="position diffusion; default: minimal")


class TranslationCovariantBath(ThermalBath):
    """With cross-diffusion d_qp."""

    model: Literal["translation_covariant"]
    d_qp: float
    d_qq: NotNegative | None = Field(None, description="position diffusion; default: minimal")


class SymmetryBrokenBath(ThermalBath):
    """With the squeezing alpha {q, p} / 2."""

    model: Literal["symmetry_broken"]
    alpha: _number_or("detailed_balance")  # type: ignore[valid-type]
    d_qq: NotNegative | None = Field(None, description="position diffusion; default: minimal")


class PositionFrictionBath(ThermalBath):
    """With friction xi of the position."""

    model: Literal["position_friction"]
    xi: _number_or("detailed_balance")  # type: ignore[valid-type]
    d_qq: NotNegative | None = Field(None, description="position diffusion; default: minimal")


class QuantumOpticalBath(ThermalBath):
    """Rotating-wave damping with the exact Gibbs state."""

    model: Literal["quantum_optical"]
    omega: Positive | None = Field(None, description="frequency; default: the harmonic potential's")


def _complex(value: Any) -> Any:
    if isinstance(value, complex) and math.isfinite(abs(value)):
        return value
    if is_number(value):
        return complex(value)
    if isinstance(value, list | tuple) and len(value) == 2 and all(map(is_number, value)):
        return complex(*value)
    if isinstance(value, str):
        try:
            number = complex(value.replace(" ", "").replace("i", "j"))
        except ValueError:
            number = complex("nan")
        if math.isfinite(abs(number)):
            return number
    raise _fault(f'must be a complex number such as 0.5, [0.5, 1] or "0.5+1j", but is {shown(value)}')


Complex = Annotated[Any, BeforeValidator(_complex), WithJsonSchema({"type": ["number", "array", "string"]})]
Operator = Annotated[list[Complex], Field(min_length=2, max_length=2)]


class LindbladBath(Section):
    """Lindblad operators L = u q + v p, one [u, v] each."""

    model: Literal["lindblad"]
    operators: Annotated[list[Operator], Field(min_length=1, max_length=64)]


class CustomBath(Section):
    """All rates and diffusion constants given one by one."""

    model: Literal["custom"]
    eta: float
    alpha: float = 0.0
    xi: float = 0.0
    d_qq: NotNegative = 0.0
    d_pp: NotNegative
    d_qp: float = 0.0


Bath = Annotated[
    NoBath
    | CaldeiraLeggettBath
    | MinimallyInvasiveBath
    | TranslationCovariantBath
    | SymmetryBrokenBath
    | PositionFrictionBath
    | QuantumOpticalBath
    | LindbladBath
    | CustomBath,
    Field(discriminator="model"),
]


class Matrices(Section):
    """Dissipator given by its matrices, added to the Hamiltonian part: drift A and diffusion B = 2 D."""

    drift: Annotated[list[Row], Field(min_length=2)]
    diffusion: Annotated[list[Row], Field(min_length=2)]


class System(Section):
    """The particle, its potential, and its bath or matrices."""

    mass: Positive
    potential: Potential
    bath: Bath | None = None
    matrices: Matrices | None = None
    moyal: bool = Field(True, description="quantum terms of an anharmonic potential")
    husimi_omega: _not_yet("husimi_omega") = None  # type: ignore[valid-type]
    particles: _not_yet("particles") = None  # type: ignore[valid-type]
    couplings: _not_yet("couplings") = None  # type: ignore[valid-type]
    chain: _not_yet("chain") = None  # type: ignore[valid-type]

    @model_validator(mode="after")
    def _one_dissipator(self) -> System:
        if (self.bath is None) == (self.matrices is None):
            given = "neither is" if self.bath is None else "both are"
            raise _fault(f"needs either `bath` or `matrices`, but {given} given")
        return self


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
        raise _fault(f"must be `auto` or [low, high] with low < high, but is {shown(value)}")
    return value


Extent = Annotated[
    Any,
    BeforeValidator(_extent),
    WithJsonSchema({"anyOf": [{"const": "auto"}, {"type": "array", "items": {"type": "number"}}]}),
]
Cells = _number_or("auto", whole=16)


class AxisQ(Section):
    """Position axis."""

    cells: Cells = "auto"  # type: ignore[valid-type]
    extent: Extent = "auto"
    boundary: _one_of(("no_flux", "periodic")) = "no_flux"  # type: ignore[valid-type]
    allow_coarse: bool = False


class AxisP(Section):
    """Momentum axis."""

    cells: Cells = "auto"  # type: ignore[valid-type]
    extent: Extent = "auto"
    boundary: _one_of(("no_flux",)) = "no_flux"  # type: ignore[valid-type]
    allow_coarse: bool = False


class Grid(Section):
    """The two axes."""

    q: AxisQ = AxisQ()
    p: AxisP = AxisP()


def _order(value: Any) -> Any:
    if isinstance(value, bool) or value not in (2, 4, 6, 8):
        raise _fault(f"must be 2, 4, 6 or 8, but is {shown(value)}")
    return value


class Scheme(Section):
    """Discretisation in phase space."""

    flux: _one_of(("central",), later=("chang_cooper",)) = "central"  # type: ignore[valid-type]
    order: Annotated[int, BeforeValidator(_order), WithJsonSchema({"enum": [2, 4, 6, 8]})] = 8
    reversible: _not_yet("reversible") = None  # type: ignore[valid-type]


class Time(Section):
    """How long, how fine, and by which method."""

    until: _number_or("steady", above=0) = "steady"  # type: ignore[valid-type]
    tolerance: Annotated[float, Field(gt=0, lt=1)] = 1e-9
    max_time: _number_or("auto", above=0) = "auto"  # type: ignore[valid-type]
    method: _one_of(("stepping",), later=("direct", "gaussian", "auto")) = "stepping"  # type: ignore[valid-type]
    stepper: _one_of(("auto", "rk4"), later=("implicit",)) = "auto"  # type: ignore[valid-type]
    dt: _number_or("auto", above=0) = "auto"  # type: ignore[valid-type]


def _snapshots(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    times = isinstance(value, list | tuple) and all(is_number(t) and t >= 0 for t in value)
    if not times or any(b <= a for a, b in pairwise(value)):
        raise _fault(f"must be an integer of at least 1 or a list of increasing times, but is {shown(value)}")
    return value


def _compression(value: str) -> str:
    if value not in ("none", *(f"gzip {level}" for level in range(1, 10))):
        raise _fault(f"must be `none` or `gzip 1` to `gzip 9`, but is {shown(value)}")
    return value


class Output(Section):
    """What is written, and where."""

    path: Text | None = Field(None, description="HDF5 file; default: the stem of the configuration, .h5", min_length=1)
    every: _number_or("auto", above=0) = "auto"  # type: ignore[valid-type]
    snapshots: Annotated[
        Any,
        BeforeValidator(_snapshots),
        WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "number"}}]}),
    ] = 10
    checkpoint_every: _not_yet("checkpoint_every") = None  # type: ignore[valid-type]
    compression: Annotated[str, AfterValidator(_compression)] = "gzip 4"


def _not_strict(value: bool) -> bool:
    if value:
        raise _fault("`true` is not available in this version of fpsolver; use `false`")
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
