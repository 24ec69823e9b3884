r"""Uniform phase-space grids: cell centres, faces, volumes and boundaries.

low                                            high
 |  o  |  o  |  o  |   ...   |  o  |  o  |  o  |          o  centre: W is a point value here
face 0 cell 0 ...                              face n     |  face: fluxes live here, spacing h apart
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from fpsolver.errors import GridError
from fpsolver.physics.potentials import FloatArray

MINIMUM_CELLS = 16


@dataclass(frozen=True)
class Axis:
    """One coordinate from ``low`` to ``high``: a closed box, or periodic."""

    name: str
    low: float
    high: float
    cells: int
    periodic: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise GridError(
                f"the extent of {self.name} must be [low, high] with low < high, but is [{self.low:g}, {self.high:g}]"
            )
        if self.cells < MINIMUM_CELLS:
            raise GridError(f"axis {self.name} needs at least {MINIMUM_CELLS} cells, but has {self.cells}")

    @property
    def length(self) -> float:
        """Extent high - low."""
        return self.high - self.low

    @property
    def spacing(self) -> float:
        """Cell size h."""
        return self.length / self.cells

    @cached_property
    def centres(self) -> FloatArray:
        """Cell centres, shape (cells,)."""
        return self.low + self.spacing * (np.arange(self.cells) + 0.5)

    @cached_property
    def faces(self) -> FloatArray:
        """Cell faces, shape (cells + 1,)."""
        return self.low + self.spacing * np.arange(self.cells + 1)


def coordinate_names(count: int) -> tuple[str, ...]:
    """Names of the axes of ``count`` particles: q, p or q1, .., p1, .."""
    if count == 1:
        return ("q", "p")
    return tuple(f"{letter}{k + 1}" for letter in "qp" for k in range(count))


def checked_values(W: ArrayLike, grid: Grid) -> FloatArray:
    """W as real, finite floats of the grid's shape; GridError otherwise."""
    values = np.asarray(W)
    if values.shape != grid.shape:
        raise GridError(f"W must have the shape {grid.shape} of the grid, but has {values.shape}")
    if values.dtype.kind not in "fiu" or not np.isfinite(values).all():
        raise GridError(f"W must hold finite real numbers, but is {values.dtype} with {np.sum(values != values)} NaN")
    return np.ascontiguousarray(values, dtype=float)


@dataclass(frozen=True)
class Grid:
    """Product of axes in the order q (q1..qN), p (p1..pN)."""

    axes: Sequence[Axis]

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of cells along each axis."""
        return tuple(axis.cells for axis in self.axes)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the axes."""
        return tuple(axis.name for axis in self.axes)

    @cached_property
    def spacings(self) -> FloatArray:
        """Cell sizes, shape (2N,)."""
        return np.array([axis.spacing for axis in self.axes])

    @cached_property
    def volume(self) -> float:
        """Volume of a cell."""
        return float(np.prod(self.spacings))

    @property
    def size(self) -> int:
        """Number of cells in all."""
        return int(np.prod(self.shape))

    @cached_property
    def coordinates(self) -> tuple[FloatArray, ...]:
        """Cell centres as an open mesh: broadcastable arrays, one for each axis."""
        return tuple(np.meshgrid(*(axis.centres for axis in self.axes), indexing="ij", sparse=True))

    def integrate(self, values: FloatArray) -> float:
        """Midpoint sum of an array of the grid's shape."""
        return float(np.add.reduce(values, axis=None)) * self.volume

    def edge_mass(self, W: FloatArray, layers: int) -> dict[str, float]:
        """Integral of abs(W) over the outermost ``layers`` cells at both ends of each closed axis."""
        masses = {}
        for k, axis in enumerate(self.axes):
            if not axis.periodic:
                before = (slice(None),) * k
                outer = (W[*before, :layers], W[*before, -layers:])
                masses[axis.name] = float(sum(np.abs(part).sum() for part in outer)) * self.volume
        return masses

    def cells_per_deviation(self, covariance: FloatArray) -> float:
        """Smallest standard deviation of a state in any direction, measured in cells; NaN rows are left out."""
        if len(self.axes) == 2:  # a twentieth of the time, at every record
            (qq, qp), (_, pp) = covariance.tolist()
            area, ratio = self.volume, self._ratio
            a, b, c = qq / (area * ratio), pp * ratio / area, qp / area
            if math.isfinite(a + b + c):
                return math.sqrt(max((a + b) / 2 - math.hypot((a - b) / 2, c), 0.0))
        known = np.isfinite(covariance.diagonal())
        if not known.any():
            return math.nan
        scaled = covariance / self._products
        if not known.all():
            scaled = scaled[np.ix_(known, known)]
        return math.sqrt(max(float(np.linalg.eigvalsh(scaled)[0]), 0.0))

    @cached_property
    def _ratio(self) -> float:
        return float(self.spacings[0] / self.spacings[1])

    @cached_property
    def _products(self) -> FloatArray:
        return np.outer(self.spacings, self.spacings)

    def _repr_html_(self) -> str:
        return f"<pre>{self}</pre>"

    def __str__(self) -> str:
        rows = [f"{'axis':<6}{'cells':>7}{'low':>12}{'high':>12}{'spacing':>12}  boundary"]
        for axis in self.axes:
            kind = "periodic" if axis.periodic else "closed box"
            rows.append(
                f"{axis.name:<6}{axis.cells:>7}{axis.low:>12.5g}{axis.high:>12.5g}{axis.spacing:>12.4g}  {kind}"
            )
        return "\n".join(rows)
