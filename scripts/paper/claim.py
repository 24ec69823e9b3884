"""One claim of the paper: what is printed, what follows from theory, what the grid gives, and the verdict."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

DIFFERENT = 1e-6  # of the size of the numbers: printed formulas that are further off are wrong
LOST = "**not reproduced on the grid**"


@dataclass(frozen=True)
class Says:
    """A printed statement that is no number: its words, and whether a number agrees with it."""

    text: str
    agrees: Callable[[float], bool]


def positive(value: float) -> bool:
    """More than round-off."""
    return value > DIFFERENT


def not_positive(value: float) -> bool:
    """At most round-off."""
    return value < DIFFERENT


@dataclass(frozen=True)
class Claim:
    """A row of the table.

    ``printed`` evaluates what the paper prints, ``derived`` comes from matrices and quadrature, ``grid`` from a W on a
    grid (None: the claim is about no W). ``tolerance`` of grid against derived is relative to the larger of
    abs(derived) and ``size``. ``remark`` is the correction, or the reason why the printed statement holds.
    """

    where: str
    what: str
    printed: float | Says | None
    derived: float
    grid: float | None
    remark: str = ""
    tolerance: float = 1e-8
    size: float = 1.0

    @property
    def scale(self) -> float:
        """What errors are relative to."""
        return max(abs(self.derived), self.size)

    @property
    def error(self) -> float:
        """Of the grid against theory, relative to the scale; 0 without a grid."""
        return 0.0 if self.grid is None else abs(self.grid - self.derived) / self.scale

    @property
    def is_reproduced(self) -> bool:
        """True if the grid agrees with theory."""
        return math.isfinite(self.derived) and self.error <= self.tolerance

    @property
    def is_right(self) -> bool:
        """True if what is printed agrees with theory, or if nothing is printed."""
        if self.printed is None:
            return True
        if isinstance(self.printed, Says):
            return self.printed.agrees(self.derived)
        return abs(self.printed - self.derived) <= DIFFERENT * self.scale

    @property
    def verdict(self) -> str:
        """Holds or wrong, with the remark; whether the numbers of the grid bear it out comes first."""
        if not self.is_reproduced:
            return f"{LOST} (off by {self.error:.1e})"
        word = "confirmed" if self.printed is None else "holds" if self.is_right else "**wrong**"
        return f"{word}: {self.remark}" if self.remark else word


@dataclass(frozen=True)
class Section:
    """A part of the table: heading, a sentence or two, rows."""

    heading: str
    text: str
    claims: list[Claim]
