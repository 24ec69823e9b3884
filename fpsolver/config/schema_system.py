"""The `system` section: potentials, baths, matrices."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from fpsolver.config.objects import Held
from fpsolver.config.types import NotNegative, Positive, Row, Section, fault, is_number, number_or, shown
from fpsolver.physics import custom


class FreePotential(Section):
    """U = 0."""

    kind: Literal["free"]


class HarmonicPotential(Section):
    """U = m omega^2 q^2 / 2."""

    kind: Literal["harmonic"]
    omega: Positive = Field(description="angular frequency, 1/time")


class QuarticPotential(Section):
    """U = m omega^2 q^2 / 2 + quartic q^4 / 4."""

    kind: Literal["quartic"]
    omega: NotNegative = Field(description="angular frequency at the bottom, 1/time")
    quartic: Positive = Field(description="coefficient of q^4/4, energy/length^4")


class DoubleWellPotential(Section):
    """U = -quadratic q^2 / 2 + quartic q^4 / 4."""

    kind: Literal["double_well"]
    quadratic: Positive = Field(
        description="coefficient of -q^2/2, energy/length^2; the wells are at +-sqrt(quadratic/quartic)"
    )
    quartic: Positive = Field(description="coefficient of q^4/4, energy/length^4")


class PolynomialPotential(Section):
    """U = c0 + c1 q + c2 q^2 + ..."""

    kind: Literal["polynomial"]
    coefficients: Annotated[list[float], Field(min_length=1, max_length=21)] = Field(
        description="[c0, c1, c2, ...], at most up to q^20"
    )


class CosinePotential(Section):
    """U = -amplitude cos(wavenumber q) - tilt q."""

    kind: Literal["cosine"]
    amplitude: float = Field(description="amplitude of the cosine, energy; without tilt the barriers are twice as high")
    wavenumber: Positive = Field(description="wavenumber 2 pi/period, 1/length")
    tilt: float = Field(0.0, description="constant force, energy/length")


def _wrapped(key: str, fits: Callable[[Any], bool]) -> BeforeValidator:
    """An object of Python in place of a section becomes ``{key: python, ..}``."""

    def wrap(value: Any) -> Any:
        """The section for a fitting object, anything else as it is."""
        is_object = not isinstance(value, dict | Section) and fits(value)
        return {key: "python", "name": custom.named(value), "source": Held(value)} if is_object else value

    return BeforeValidator(wrap)


class PythonObject(Section):
    """An object given from Python; a file keeps only its name."""

    name: str = Field("", description="how the object prints")
    source: Any = None  # Held


class PythonPotential(PythonObject):
    """A potential of the user's."""

    kind: Literal["python"]


Potential = Annotated[
    FreePotential
    | HarmonicPotential
    | QuarticPotential
    | DoubleWellPotential
    | PolynomialPotential
    | CosinePotential
    | PythonPotential,
    Field(discriminator="kind"),
    _wrapped("kind", custom.is_potential),
]


class NoBath(Section):
    """Hamiltonian motion only."""

    model: Literal["none"]


class Thermostat(Section):
    """A temperature, given as beta or as temperature."""

    beta: Positive | None = Field(None, description="inverse temperature 1/(k_B T), 1/energy")
    temperature: Positive | None = Field(None, description="temperature k_B T, energy; instead of beta")

    @model_validator(mode="after")
    def _one_temperature(self) -> Thermostat:
        if (self.beta is None) == (self.temperature is None):
            given = "neither is given" if self.beta is None else "both are given; write null for one of them"
            raise fault(f"needs either `beta` or `temperature`, but {given}")
        return self

    @property
    def inverse_temperature(self) -> float:
        """Beta, however it was given."""
        return self.beta if self.beta is not None else 1 / (self.temperature or math.inf)


class ThermalBath(Thermostat):
    """Friction eta of the momentum at a temperature."""

    eta: Positive = Field(description="relaxation rate of the momentum, 1/time (2 gamma in many papers)")


class CaldeiraLeggettBath(ThermalBath):
    """Momentum friction and diffusion only; not completely positive."""

    model: Literal["caldeira_leggett"]


D_QQ_WORDS = "position diffusion; default: the smallest that is completely positive"


class MinimallyInvasiveBath(ThermalBath):
    """Caldeira-Leggett with the smallest position diffusion that is completely positive."""

    model: Literal["minimally_invasive"]
    d_qq: NotNegative | None = Field(None, description=D_QQ_WORDS)


class TranslationCovariantBath(ThermalBath):
    """With cross-diffusion d_qp."""

    model: Literal["translation_covariant"]
    d_qp: float = Field(description="cross-diffusion of position and momentum")
    d_qq: NotNegative | None = Field(None, description=D_QQ_WORDS)


class SymmetryBrokenBath(ThermalBath):
    """With the squeezing alpha {q, p} / 2."""

    model: Literal["symmetry_broken"]
    alpha: number_or("detailed_balance") = Field(  # type: ignore[valid-type]
        description="rate of the squeezing alpha {q, p}/2, 1/time; `detailed_balance`: Eq. 18 of arXiv:2507.23322"
    )
    d_qq: NotNegative | None = Field(None, description=D_QQ_WORDS)


class PositionFrictionBath(ThermalBath):
    """With friction xi of the position."""

    model: Literal["position_friction"]
    xi: number_or("detailed_balance") = Field(  # type: ignore[valid-type]
        description="relaxation rate of the position, 1/time; `detailed_balance`: the value that restores it"
    )
    d_qq: NotNegative | None = Field(None, description=D_QQ_WORDS)


class QuantumOpticalBath(ThermalBath):
    """Rotating-wave damping with the exact Gibbs state."""

    model: Literal["quantum_optical"]
    omega: Positive | None = Field(
        None, description="frequency of the oscillator, 1/time; default: that of the harmonic potential"
    )


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
    raise fault(f'must be a complex number such as 0.5, [0.5, 1] or "0.5+1j", but is {shown(value)}')


Complex = Annotated[Any, BeforeValidator(_complex), WithJsonSchema({"type": ["number", "array", "string"]})]
Operator = Annotated[list[Complex], Field(min_length=2, max_length=2)]


class LindbladBath(Section):
    """Lindblad operators L = u q + v p, one [u, v] each."""

    model: Literal["lindblad"]
    operators: Annotated[list[Operator], Field(min_length=1, max_length=64)] = Field(
        description='[[u, v], ...]: L = u q + v p; complex numbers as [re, im] or "0.5+1j"'
    )


class HuPazZhangBath(Thermostat):
    """Ohmic bath with a cutoff, to second order in the coupling; its coefficients change with time."""

    model: Literal["hu_paz_zhang"]
    gamma: Positive = Field(
        description="coupling, 1/time; the momentum relaxes at eta = 2 gamma if the cutoff is large"
    )
    cutoff: Positive = Field(description="Drude cutoff frequency of the bath, 1/time")


class CustomBath(Section):
    """All rates and diffusion constants given one by one."""

    model: Literal["custom"]
    eta: float = Field(description="relaxation rate of the momentum, 1/time")
    alpha: float = Field(0.0, description="rate of the squeezing alpha {q, p}/2, 1/time")
    xi: float = Field(0.0, description="relaxation rate of the position, 1/time")
    d_qq: NotNegative = Field(0.0, description="position diffusion")
    d_pp: NotNegative = Field(description="momentum diffusion")
    d_qp: float = Field(0.0, description="cross-diffusion of position and momentum")


class PythonBath(PythonObject):
    """A bath of the user's."""

    model: Literal["python"]


Bath = Annotated[
    NoBath
    | CaldeiraLeggettBath
    | MinimallyInvasiveBath
    | TranslationCovariantBath
    | SymmetryBrokenBath
    | PositionFrictionBath
    | QuantumOpticalBath
    | LindbladBath
    | HuPazZhangBath
    | CustomBath
    | PythonBath,
    Field(discriminator="model"),
    _wrapped("model", custom.is_bath),
]


HusimiOmega = number_or("auto", above=0)
HUSIMI_WORDS = "frequency of the Husimi window, 1/time; auto: that of a harmonic well, else the initial state's"


class Matrices(Section):
    """Dissipator given by its matrices, added to the Hamiltonian part: drift A and diffusion B = 2 D."""

    drift: Annotated[list[Row], Field(min_length=2)] = Field(description="added to the Hamiltonian part of A, 1/time")
    diffusion: Annotated[list[Row], Field(min_length=2)] = Field(description="B = 2 D, symmetric")


class System(Section):
    """The particle, its potential, and its bath or matrices."""

    mass: Positive = Field(description="mass of the particle")
    potential: Potential = Field(description="the potential U(q)")
    bath: Bath | None = Field(None, description="friction and noise: one of the bath models")
    matrices: Matrices | None = Field(None, description="drift and diffusion matrices instead of a bath")
    moyal: bool = Field(True, description="quantum terms of an anharmonic potential")
    husimi_omega: HusimiOmega = Field("auto", description=HUSIMI_WORDS)  # type: ignore[valid-type]

    @model_validator(mode="after")
    def _one_dissipator(self) -> System:
        if (self.bath is None) == (self.matrices is None):
            given = "neither is" if self.bath is None else "both are"
            raise fault(f"needs either `bath` or `matrices`, but {given} given")
        return self
