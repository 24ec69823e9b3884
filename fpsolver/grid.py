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
from fpsolver.physics import arguments
from fpsolver.physics.particles import coordinate_names as coordinate_names
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.readonly import ReadOnlyArrays, read_only
from fpsolver.physics.system import System, require_system

MINIMUM_CELLS = 16
MAXIMUM_CELLS = 2**24  # of one axis, 128 MiB; nothing is allocated for more


@dataclass(frozen=True)
class Axis(ReadOnlyArrays):
    """One coordinate from ``low`` to ``high``: a closed box, or periodic."""

    name: str
    low: float
    high: float
    cells: int
    periodic: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise GridError(f"an axis must have a name such as 'q' or 'p', but it is {arguments.shown(self.name)}")
        ends = [
            arguments.finite(f"{end} of axis {self.name}", getattr(self, end), GridError) for end in ("low", "high")
        ]
        if not 0 < ends[1] - ends[0] < math.inf:
            raise GridError(
                f"the extent of {self.name} must be [low, high] with low < high, but is {interval(ends[0], ends[1])}"
            )
        cells = arguments.whole(f"cells of axis {self.name}", self.cells, high=MAXIMUM_CELLS, error=GridError)
        if cells < MINIMUM_CELLS:
            raise GridError(f"axis {self.name} needs at least {MINIMUM_CELLS} cells, but has {arguments.shown(cells)}")
        periodic = arguments.switch(f"periodic of axis {self.name}", self.periodic, GridError)
        vars(self).update(low=ends[0], high=ends[1], cells=cells, periodic=periodic)

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
        return read_only(self.low + self.spacing * (np.arange(self.cells) + 0.5))

    @cached_property
    def faces(self) -> FloatArray:
        """Cell faces, shape (cells + 1,)."""
        return read_only(self.low + self.spacing * np.arange(self.cells + 1))


def interval(low: float, high: float, digits: int = 6) -> str:
    """[low, high] with so many digits, and as many more as a box far from 0 takes to show its width."""
    shown = _digits(low, high, digits)
    return f"[{low:.{shown}g}, {high:.{shown}g}]"


def _digits(low: float, high: float, digits: int) -> int:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        distance = float(np.divide(max(abs(low), abs(high)), abs(high - low)))
    more = math.floor(math.log10(distance)) if 1 <= distance < math.inf else 0
    return min(digits + more, 17)


def checked_values(W: ArrayLike, grid: Grid) -> FloatArray:
    """W as real, finite floats of the grid's shape, named dimensions in its order; GridError otherwise."""
    W = arguments.in_order("W", W, grid.names, GridError)
    try:
        values = np.asarray(W)
    except (ValueError, TypeError):
        values = np.empty(())
    if values.ndim == 0:
        raise GridError(f"W must be an array of the shape {grid.shape} of the grid, but is {arguments.shown(W)}")
    if values.shape != grid.shape:
        raise GridError(f"W must have the shape {grid.shape} of the grid, but has {values.shape}")
    if values.dtype.kind == "c":
        raise GridError("W must hold real numbers, but is complex; give W.real")
    if values.dtype.kind not in "fiu" or not np.isfinite(values).all():
        raise GridError(f"W must hold finite real numbers, but is {values.dtype} with {np.sum(values != values)} NaN")
    return np.ascontiguousarray(values, dtype=float)


@dataclass(frozen=True)
class Grid(ReadOnlyArrays):
    """Product of axes in the order q (q1..qN), p (p1..pN)."""

    axes: Sequence[Axis]

    def __post_init__(self) -> None:
        axes = arguments.items("axes", self.axes, Axis, GridError)
        if not axes:
            raise GridError("axes must be a tuple of fpsolver.Axis objects, q before p, but is empty")
        object.__setattr__(self, "axes", axes)

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
        return read_only(np.array([axis.spacing for axis in self.axes]))

    @cached_property
    def volume(self) -> float:
        """Volume of a cell."""
        return float(np.prod(self.spacings))

    @property
    def size(self) -> int:
        """Number of cells in all."""
        return math.prod(self.shape)

    @cached_property
    def coordinates(self) -> tuple[FloatArray, ...]:
        """Cell centres as an open mesh: broadcastable arrays, one for each axis."""
        return tuple(map(read_only, np.meshgrid(*(axis.centres for axis in self.axes), indexing="ij", sparse=True)))

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

    def __repr__(self) -> str:
        """One line: cells and extent of each axis."""
        return f"Grid({', '.join(f'{a.name}: {a.cells} cells on {_extent(a)}' for a in self.axes)})"

    def __str__(self) -> str:
        rows = [f"{'axis':<6}{'cells':>7}{'low':>12}{'high':>12}{'spacing':>12}  boundary"]
        for axis in self.axes:
            kind = "periodic" if axis.periodic else "closed box"
            low, high = (f"{end:.{_digits(axis.low, axis.high, 5)}g}" for end in (axis.low, axis.high))
            rows.append(f"{axis.name:<6}{axis.cells:>7} {low:>11} {high:>11}{axis.spacing:>12.4g}  {kind}")
        return "\n".join(rows)


def _extent(axis: Axis) -> str:
    return f"{'the ring ' if axis.periodic else ''}{interval(axis.low, axis.high)}"


def check_axes(system: System, grid: Grid) -> None:
    """Errors for what is no system or grid, wrong axes, and periodic ones on which the system is not periodic."""
    require_system(system)
    if not isinstance(grid, Grid):
        raise GridError(f"grid must be a fpsolver.Grid, but is {arguments.shown(grid)}; write Grid((Axis(..), ..))")
    n = system.size
    if len(grid.axes) != 2 * n:
        raise GridError(f"a grid of {arguments.counted(n, 'particle')} has {2 * n} axes, not {len(grid.axes)}")
    names = coordinate_names(n)
    if grid.names != names:
        raise GridError(f"the axes must be named {', '.join(names)}, in this order, but are {', '.join(grid.names)}")
    for k, axis in enumerate(grid.axes):
        if not axis.periodic:
            continue
        if k >= n or system.particles[k].potential.period is None or system.spring_matrix[k].any():
            raise GridError("a ring needs a periodic force along q; p and every other q must be closed axes")
        if fault := why_no_turn(axis.length, system.particles[k].potential.period):
            raise GridError(f"the ring {axis.name} {fault}")
        if system.dissipative_drift[:, k].any():
            raise GridError(
                f"the bath pulls in proportion to {axis.name} (alpha, xi or a stiffness), which has no meaning on a "
                "ring; make the axis closed, or use a bath without these"
            )


def why_no_turn(length: float, period: float | None) -> str:
    """What is wrong with a ring around which a force of this period (0: any) does not close, or an empty string."""
    turns = length / period if period else 1.0
    if abs(turns - round(turns)) <= 1e-9 * turns and round(turns) >= 1:
        return ""
    return f"must be a whole number of periods {period:.12g} long, but is {length:.12g} long"
