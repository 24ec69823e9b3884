r"""Potentials U(q): energy and derivatives of any order; a particle feels the force -U'(q)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.polynomial import Polynomial as Series
from numpy.typing import ArrayLike

from fpsolver.errors import UsageError
from fpsolver.physics import arguments
from fpsolver.physics.arguments import FloatArray as FloatArray


class Potential(Protocol):
    """What a potential can be asked; q is an array of positions; everything is in the units of the system."""

    @property
    def is_quadratic(self) -> bool:
        """True if the force is linear in q."""

    @property
    def is_confining(self) -> bool:
        """True if U grows without bound on both sides."""

    @property
    def period(self) -> float | None:
        """Period of the force, None if there is none, 0 if the force is constant."""

    @property
    def tilt(self) -> float:
        """Constant force of a potential that is periodic but for its slope, energy/length; 0 for all others."""

    def energy(self, q: ArrayLike) -> FloatArray:
        """U(q), energy."""

    def derivative(self, q: ArrayLike, order: int = 1) -> FloatArray:
        """Derivative of U, energy / length**order."""

    def minima(self) -> FloatArray:
        """Positions of the wells, deepest first; empty if there are none."""

    def range_below(self, energy: float) -> tuple[float, float]:
        """Outermost positions with U <= min U + energy (confining potentials)."""


@dataclass(frozen=True, slots=True)
class Polynomial:
    r"""U(q) = sum_n coefficients[n] q**n."""

    coefficients: tuple[float, ...]

    def __post_init__(self) -> None:
        given: Any = self.coefficients
        given = given.tolist() if isinstance(given, np.ndarray) else given
        if not isinstance(given, list | tuple) or not given:
            raise UsageError(
                "coefficients must be a tuple of numbers (c0, c1, ..), U = c0 + c1 q + .., but is "
                f"{arguments.shown(given)}"
            )
        numbers = tuple(arguments.finite(f"coefficient {n}", c) for n, c in enumerate(given))
        object.__setattr__(self, "coefficients", numbers)

    def __str__(self) -> str:
        terms = [_term(c, n) for n, c in enumerate(self.coefficients) if c]
        return "U = " + (" + ".join(terms).replace("+ -", "- ") or "0")

    def _series(self, order: int = 0) -> Series:
        return Series(np.asarray(self.coefficients, dtype=float)).trim().deriv(order)

    @property
    def degree(self) -> int:
        """Highest power with a coefficient that is not zero."""
        return int(self._series().degree())

    @property
    def is_quadratic(self) -> bool:
        """True if the force is linear in q."""
        return self.degree <= 2

    @property
    def is_confining(self) -> bool:
        """True if U grows without bound on both sides."""
        return self.degree > 0 and self.degree % 2 == 0 and self.coefficients[self.degree] > 0

    @property
    def period(self) -> float | None:
        """Period of the force: 0 (any) if it is constant."""
        return 0.0 if self.degree <= 1 else None

    @property
    def tilt(self) -> float:
        """Force of a straight line."""
        return -self.coefficients[1] if self.degree == 1 else 0.0

    def energy(self, q: ArrayLike) -> FloatArray:
        """U(q), energy."""
        return np.asarray(self._series()(np.asarray(q, dtype=float)), dtype=float)

    def derivative(self, q: ArrayLike, order: int = 1) -> FloatArray:
        """Derivative of U, energy / length**order."""
        q = np.asarray(q, dtype=float)
        return np.asarray(self._series(order)(q) + np.zeros_like(q), dtype=float)

    def minima(self) -> FloatArray:
        """Positions of the wells, deepest first."""
        if self.degree < 2:
            return np.empty(0)
        real = np.unique(_real(self._series(1).roots()))
        terms = Series(np.abs(self._series(2).coef))(np.abs(real))  # what the curvature is the sum of
        wells = real[self.derivative(real, 2) >= -1e-9 * terms]
        return np.asarray(wells[np.argsort(self.energy(wells), kind="stable")])

    def range_below(self, energy: float) -> tuple[float, float]:
        """Outermost positions with U <= min U + energy."""
        floor = float(self.energy(self.minima()[0]))
        real = _real((self._series() - (floor + energy)).roots())
        return float(real.min()), float(real.max())


@dataclass(frozen=True, slots=True)
class Cosine:
    r"""U(q) = -amplitude cos(wavenumber q) - tilt q; the force is periodic, the tilt drives a current."""

    amplitude: float
    wavenumber: float
    tilt: float = 0.0

    is_confining = False

    def __post_init__(self) -> None:
        for name, check in (("amplitude", arguments.finite), ("wavenumber", arguments.positive)):
            object.__setattr__(self, name, check(name, getattr(self, name)))
        object.__setattr__(self, "tilt", arguments.finite("tilt", self.tilt))

    def __str__(self) -> str:
        corrugation = _times(-self.amplitude, f"cos({_times(self.wavenumber, 'q')})") if self.amplitude else ""
        slope = _term(-self.tilt, 1) if self.tilt else ""
        return "U = " + (" + ".join(term for term in (corrugation, slope) if term).replace("+ -", "- ") or "0")

    @property
    def is_quadratic(self) -> bool:
        """True only without a corrugation."""
        return self.amplitude == 0

    @property
    def period(self) -> float | None:
        """Period of the force."""
        return 2 * math.pi / self.wavenumber

    def energy(self, q: ArrayLike) -> FloatArray:
        """U(q) with the tilt, energy."""
        q = np.asarray(q, dtype=float)
        return -self.amplitude * np.cos(self.wavenumber * q) - self.tilt * q

    def derivative(self, q: ArrayLike, order: int = 1) -> FloatArray:
        """Derivative of U, energy / length**order."""
        phase = self.wavenumber * np.asarray(q, dtype=float) + order * math.pi / 2
        slope = -self.amplitude * self.wavenumber**order * np.cos(phase)
        return slope - self.tilt if order == 1 else slope

    def minima(self) -> FloatArray:
        """The well nearest to q = 0; none if the tilt has removed it."""
        steepest = abs(self.amplitude) * self.wavenumber
        if steepest <= abs(self.tilt):
            return np.empty(0)
        offset = 0.0 if self.amplitude > 0 else math.pi
        return np.array([(offset + math.asin(self.tilt / steepest)) / self.wavenumber])

    def range_below(self, energy: float) -> tuple[float, float]:
        """A periodic potential confines nothing."""
        raise ValueError("a cosine potential does not confine a particle; give the extent of q")


def _real(roots: np.ndarray) -> FloatArray:
    """The real ones; round-off is measured against the largest."""
    largest = np.abs(roots).max(initial=0.0)
    return np.asarray(roots[np.abs(roots.imag) <= 1e-7 * largest].real)


def _term(coefficient: float, power: int) -> str:
    if power == 0:
        return f"{coefficient:.6g}"
    return _times(coefficient, "q" if power == 1 else f"q^{power}")


def _times(coefficient: float, factor: str) -> str:
    """A product without a factor of one: q^2, -q^2, 0.5 q^2."""
    number = f"{coefficient:.6g}"
    return {"1": factor, "-1": f"-{factor}"}.get(number, f"{number} {factor}")


def free() -> Polynomial:
    """U = 0."""
    return Polynomial((0.0,))


def harmonic(*, mass: float, omega: float) -> Polynomial:
    r"""U = m omega^2 q^2 / 2."""
    return Polynomial((0.0, 0.0, _stiffness(mass, omega) / 2))


def quartic(*, mass: float, omega: float, quartic: float) -> Polynomial:
    r"""U = m omega^2 q^2 / 2 + quartic q^4 / 4."""
    return Polynomial((0.0, 0.0, _stiffness(mass, omega) / 2, 0.0, arguments.finite("quartic", quartic) / 4))


def double_well(*, quadratic: float, quartic: float) -> Polynomial:
    r"""U = -quadratic q^2 / 2 + quartic q^4 / 4, wells at q = +-sqrt(quadratic / quartic)."""
    quadratic, quartic = arguments.finite("quadratic", quadratic), arguments.finite("quartic", quartic)
    return Polynomial((0.0, 0.0, -0.5 * quadratic, 0.0, 0.25 * quartic))


def _stiffness(mass: float, omega: float) -> float:
    return arguments.positive("mass", mass) * arguments.finite("omega", omega) ** 2
