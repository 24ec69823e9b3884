"""Potentials and baths of the user's own: small objects, checked at the door, completed by what follows from them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fpsolver.errors import UsageError
from fpsolver.physics import arguments
from fpsolver.physics.baths import Bath
from fpsolver.physics.potentials import FloatArray, Potential
from fpsolver.physics.readonly import read_only

SAMPLES = 4001  # along the span, where wells are looked for
PROBES = 101  # where derivatives are compared with differences
AGREEMENT = 1e-4  # of the largest derivative: central differences are good to 1e-6 of it
WIDENINGS = 40  # of the span, by half of it, in search of high energies
_PROTOCOL = ("is_quadratic", "is_confining", "period", "tilt", "energy", "derivative", "minima", "range_below")


class SaturationError(UsageError):
    """A potential does not rise to an energy: no box follows from it."""


@dataclass(frozen=True)
class UserPotential:
    """A potential made of any object with ``energy(q)`` and ``derivative(q, order)``.

    ``span`` holds all its wells. Everything else a run wants to know is found from these, or taken from attributes of
    the object: ``is_confining`` (default: the force pulls inwards at both ends of the span), ``is_quadratic`` (False),
    ``period`` (None), ``tilt`` (0).
    """

    source: Any
    span: tuple[float, float]

    def __str__(self) -> str:
        return f"U of {named(self.source)}"

    @property
    def is_quadratic(self) -> bool:
        """True if the force is linear in q."""
        return bool(getattr(self.source, "is_quadratic", False))

    @property
    def is_confining(self) -> bool:
        """True if U grows without bound on both sides."""
        low, high = self.derivative(np.array(self.span))
        return bool(getattr(self.source, "is_confining", low < 0 < high))

    @property
    def period(self) -> float | None:
        """Period of the force, None if there is none."""
        found = getattr(self.source, "period", None)
        return None if found is None else float(found)

    @property
    def tilt(self) -> float:
        """Constant force of a potential that is periodic but for its slope."""
        return float(getattr(self.source, "tilt", 0.0))

    def energy(self, q: ArrayLike) -> FloatArray:
        """U(q), energy."""
        return np.asarray(self.source.energy(np.asarray(q, dtype=float)), dtype=float)

    def derivative(self, q: ArrayLike, order: int = 1) -> FloatArray:
        """Derivative of U, energy / length**order."""
        q = np.asarray(q, dtype=float)
        return np.asarray(self.source.derivative(q, order) + np.zeros_like(q), dtype=float)

    @cached_property
    def _wells(self) -> FloatArray:
        q = np.linspace(*self.span, SAMPLES)
        U = self.energy(q)
        k = np.nonzero((U[1:-1] <= U[:-2]) & (U[1:-1] < U[2:]))[0] + 1
        wells = np.array([_root(self.derivative, q[i - 1], q[i + 1]) for i in k])
        return wells[np.argsort(self.energy(wells), kind="stable")] if len(wells) else wells

    def minima(self) -> FloatArray:
        """Positions of the wells, deepest first."""
        return self._wells

    def range_below(self, energy: float) -> tuple[float, float]:
        """Outermost positions with U <= min U + energy; SaturationError if U does not rise to it anywhere."""
        top = float(self.energy(self._wells[0])) + energy
        q = np.linspace(*self._reach(top), SAMPLES)
        inside = np.nonzero(self.energy(q) <= top)[0]
        first, last = int(inside[0]), int(inside[-1])

        def above(x: FloatArray) -> FloatArray:
            """Energy above the level whose crossings are wanted."""
            return self.energy(x) - top

        return _root(above, q[first - 1], q[first]), _root(above, q[last], q[last + 1])

    def _reach(self, top: float) -> tuple[float, float]:
        """The span, wider by halves until U is above ``top`` at both ends."""
        low, high = self.span
        half = (high - low) / 2
        for _ in range(WIDENINGS):
            ends = self.energy(np.array([low, high]))
            if (ends > top).all():
                return low, high
            if not np.isfinite(ends).all():
                break
            low, high = low - half * (ends[0] <= top), high + half * (ends[1] <= top)
        raise SaturationError(
            f"the state reaches the energy {top:.6g}, to which {named(self.source)} does not rise from {low:g} to "
            f"{high:g}; give grid.q.extent and grid.p.extent as [low, high]"
        )


def _root(function: Any, low: float, high: float) -> float:
    """Root between two positions, by bisection to round-off (a sign change is there, or the end that is nearest)."""
    sign = np.sign(float(function(np.array(low))))
    for _ in range(200):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        if np.sign(float(function(np.array(middle)))) == sign:
            low = middle
        else:
            high = middle
    return float((low + high) / 2)


def named(value: Any) -> str:
    """How an object prints, on one line and not longer than a title."""
    return arguments.shown(value, 100)


def is_potential(value: Any) -> bool:
    """True for an object that can be asked for energy and derivatives."""
    return callable(getattr(value, "energy", None)) and callable(getattr(value, "derivative", None))


def is_bath(value: Any) -> bool:
    """True for an object with the matrices of a bath."""
    return hasattr(value, "drift") and hasattr(value, "diffusion")


def as_potential(source: Any, extent: tuple[float, float] | None) -> Potential:
    """The object itself if it knows everything, else completed; its span is its own, or else the extent of the grid.

    UsageError with a sentence if it has no span, is not finite there, or its derivative is not that of its energy.
    """
    if all(hasattr(source, name) for name in _PROTOCOL):
        known: Potential = source
        return known
    span = getattr(source, "span", None) or extent
    if span is None:
        raise UsageError(
            f"{named(source)} must have a `span = (low, high)` that holds all its wells, or grid.q.extent must be given"
        )
    low, high = (float(x) for x in span)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UsageError(f"the span of {named(source)} must be (low, high) with low < high, but is {span}")
    found = UserPotential(source, (low, high))
    _check(found)
    if found.is_confining and not len(found.minima()):
        raise UsageError(
            f"{named(source)} is said to confine (is_confining), and must have a minimum in its span, but there is "
            f"none from {low:g} to {high:g}; give a `span` (without one it is grid.q.extent) that holds all its wells"
        )
    return found


def _check(potential: UserPotential) -> None:
    """UsageError where the derivatives of orders 1 and 2 are not those of the energy."""
    low, high = potential.span
    q, step = np.linspace(low, high, PROBES), (high - low) * 1e-5
    for order in (1, 2):
        given = _called(potential, q, order)
        up, down = (_called(potential, q + sign * step, order - 1) for sign in (1, -1))
        expected = (up - down) / (2 * step)
        wrong = np.abs(given - expected)
        scale = max(float(np.abs(expected).max()), float(np.abs(up).max()) / (high - low) * 1e-3)
        if wrong.max() > AGREEMENT * scale:
            k = int(np.argmax(wrong))
            what = "energy(q)" if order == 1 else "derivative(q, 1)"
            raise UsageError(
                f"derivative(q, {order}) of {named(potential.source)} must be the slope of {what}, but at "
                f"q = {q[k]:.6g} it is {given[k]:.6g}, and differences give {expected[k]:.6g}"
            )


def _called(potential: UserPotential, q: FloatArray, order: int) -> FloatArray:
    """Energy (order 0) or derivative; UsageError if it is not one finite number for each q."""
    what = f"derivative(q, {order})" if order else "energy(q)"
    try:
        values = potential.derivative(q, order) if order else potential.energy(q)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise UsageError(f"{what} of {named(potential.source)} fails on an array of positions: {error}") from None
    if values.shape != q.shape or not np.isfinite(values).all():
        raise UsageError(
            f"{what} of {named(potential.source)} must be one finite number for each q from {q[0]:.6g} to {q[-1]:.6g}"
        )
    return values


@dataclass(frozen=True, eq=False)
class UserBath:
    """A bath given by its contributions to A and B = 2 D, each 2 x 2 for x = (q, p)."""

    drift: FloatArray
    diffusion: FloatArray
    model: str
    beta: float | None = None
    xi: float = 0.0
    memory: None = None

    @property
    def stiffness(self) -> float:
        """Spring constant that the bath adds, energy/length^2."""
        return -float(self.drift[1, 0])

    def at(self, time: float) -> UserBath:
        """The bath itself: it is constant."""
        del time
        return self

    @property
    def eta(self) -> float:
        """Rate at which phase space contracts, 1/time."""
        return -float(np.trace(self.drift))

    @property
    def alpha(self) -> float:
        """Rate of the squeezing, 1/time."""
        return float(self.drift[0, 0])

    @property
    def d_qq(self) -> float:
        """Position diffusion."""
        return float(self.diffusion[0, 0] / 2)

    @property
    def d_pp(self) -> float:
        """Momentum diffusion."""
        return float(self.diffusion[1, 1] / 2)

    @property
    def d_qp(self) -> float:
        """Cross-diffusion."""
        return float(self.diffusion[0, 1] / 2)


def as_bath(source: Any) -> Bath:
    """A Bath as it is, any other object as its matrices; UsageError if these are not what they must be."""
    if isinstance(source, Bath):
        return source
    drift, diffusion = (_matrix(source, name) for name in ("drift", "diffusion"))
    if not arguments.is_symmetric(diffusion):
        raise UsageError(f"`diffusion` of {named(source)} must be symmetric, but is {diffusion.tolist()}")
    beta = getattr(source, "beta", None)
    own: Any = UserBath(drift, diffusion, type(source).__name__, None if beta is None else float(beta))
    found: Bath = own  # has every attribute of one
    return found


def _matrix(source: Any, name: str) -> FloatArray:
    try:
        matrix = np.array(getattr(source, name), dtype=float)
    except (TypeError, ValueError):
        matrix = np.empty(0)
    if matrix.shape != (2, 2) or not np.isfinite(matrix).all():
        raise UsageError(
            f"`{name}` of {named(source)} must be a finite 2 x 2 matrix for x = (q, p), but is "
            f"{named(getattr(source, name))}"
        )
    return read_only(matrix)
