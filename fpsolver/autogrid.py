r"""Which box and how many cells: extents and resolution from what the state will do.

Quadratic systems: the exact path of the state's packets tells where it goes and how narrow it becomes. Anharmonic
wells: fpsolver/wellgrid.py. The half-width of a box in standard deviations and the cells for each of them
are measured rules (docs/conventions.md): order 8 gives Pi to 1e-9 at 4 cells for the narrowest deviation, to
1e-8 at 3, to 1e-5 at 2, and nothing at 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fpsolver import dispersion
from fpsolver.errors import GridError
from fpsolver.grid import Axis, Grid, interval
from fpsolver.physics import linear, transients
from fpsolver.physics.exact import SteadyState
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.states import GaussianState, LocalState
from fpsolver.physics.structure import WIDEST_BOX
from fpsolver.physics.system import System

CELL_CHOICES = {1: range(96, 513, 16), 2: range(32, 65, 16), 3: range(16, 25, 8)}  # by the number of particles
CELLS_PER_DEVIATION = 4.0
WARN_BELOW, REFUSE_BELOW = 3.0, 1.5
FARTHEST = 1e10  # widths of a box from 0: five digits of 16 are left for places in it
MOST_CELLS = 2048  # along an axis that are worth an advice: 40 arrays of 2048^2 numbers are 1.3 GB


@dataclass(frozen=True, slots=True)
class AxisRequest:
    """What the user said of an axis: ``None`` stands for auto."""

    name: str
    cells: int | None = None
    extent: tuple[float, float] | None = None
    periodic: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """Where the packets of a state are (centres and deviations, (T, 2N)), how their covariance looks ((T, 2N, 2N)).

    ``finest`` (.., 2N, 2N): covariance of a Gaussian as fine as the finest structure of W, at the first of ``times``,
    since it is the same for all packets; None: those of the packets.
    """

    times: FloatArray
    centres: FloatArray
    covariances: FloatArray
    finest: FloatArray | None = None

    @property
    def deviations(self) -> FloatArray:
        """Standard deviations of the coordinates, (T, 2N)."""
        return np.sqrt(np.diagonal(self.covariances, axis1=1, axis2=2))

    @property
    def structure(self) -> str:
        """What has to be resolved, in words."""
        return "narrowest standard deviation of the state" if self.finest is None else "finest structure of W"


class Structure(NamedTuple):
    """Lengths (2N,) to resolve where no path is known, the cells that each of them takes, and what they are."""

    lengths: FloatArray
    wanted: float
    words: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """What has the fewest cells for its needs: how many, when, along which axes (names), what it is, and its needs."""

    cells: float
    time: float
    axes: tuple[str, ...] = ()
    structure: str = "narrowest standard deviation of the state"
    wanted: float = CELLS_PER_DEVIATION

    @property
    def enough(self) -> float:
        """Cells below which Pi has fewer than eight digits: 3 where 4 are wanted."""
        return self.wanted * WARN_BELOW / CELLS_PER_DEVIATION

    @property
    def is_coarse(self) -> bool:
        """True if Pi has fewer than eight digits."""
        return self.cells < self.enough

    def __str__(self) -> str:
        along = f" (along {' and '.join(self.axes)})" if self.axes else ""
        shown = math.floor(100 * self.cells) / 100  # 1.499 is not 1.5
        return f"{moment(self.time)} the {self.structure}{along} spans {shown:.3g} cells"


def gaussian_path(system: System, state: LocalState, end: float) -> Path:
    """Exact path of a state's packets from 0 to ``end`` (inf: to the steady state), finely sampled where they move."""
    A = system.drift_matrix
    fastest = max(np.abs(np.linalg.eigvals(M)).max() for M in (A, system.at(0.0).drift_matrix))
    slowest = linear.rates(A)[0]
    horizon = end if math.isfinite(end) else system.settled + 40 / slowest
    # three turns in steps of a fiftieth, then geometrically: later turns repeat the first ones, damped
    turns = min(horizon, 6 * math.pi / fastest) if fastest > 0 else horizon
    times = np.concatenate([np.linspace(0, turns, 160), np.geomspace(max(turns, 1e-300), horizon, 80)])
    times = np.unique(times)
    flow = transients.flow(system, times)
    M, packets = flow.propagator, state.packets
    centres = [np.einsum("tij,j->ti", M, packet.mean) + flow.shift for packet in packets]
    covariances = [M @ packet.covariance @ M.transpose(0, 2, 1) + flow.noise for packet in packets]
    finest = None
    if not isinstance(state, GaussianState):
        finest = M @ state.finest @ M.transpose(0, 2, 1) + flow.noise
    return Path(np.tile(times, len(packets)), np.concatenate(centres), np.concatenate(covariances), finest)


def steady_path(steady: SteadyState) -> Path:
    """The steady state alone, for runs in which nothing moves."""
    return Path(np.array([math.inf]), steady.mean[None], steady.covariance[None])


def displacement(path: Path) -> float:
    """Largest distance of the centre from where it ends, in deviations."""
    return float((np.abs(path.centres - path.centres[-1]) / path.deviations[-1]).max())


def moment(time: float) -> str:
    """When, in words."""
    return f"at time {time:.4g}" if math.isfinite(time) else "in the steady state"


def choose_grid(
    path: Path,
    requests: tuple[AxisRequest, ...],
    *,
    structure: Structure | None = None,
    rules: Sequence[dispersion.GridRule] = (),
) -> Grid:
    """Grid of the requested axes; ``auto`` cells give the narrowest deviation of the path at least 4 of them.

    And more where the errors of Pi that ``rules`` predict would show.
    """
    if all(request.cells is not None for request in requests):
        return _grid(path, requests, [int(request.cells or 0) for request in requests])
    grid = None
    for cells in CELL_CHOICES.get(len(requests) // 2, (16,)):
        grid = _grid(path, requests, [request.cells or cells for request in requests])
        found = resolution(path, grid, structure)
        if found.cells >= found.wanted and dispersion.suffices(rules, grid):
            return grid
    assert grid is not None
    return grid


def _grid(path: Path, requests: tuple[AxisRequest, ...], cells: list[int]) -> Grid:
    axes = []
    for k, (request, n) in enumerate(zip(requests, cells, strict=True)):
        low, high = request.extent or _extent(path, k, n, request.name)
        axes.append(Axis(request.name, low, high, n, request.periodic))
    return Grid(tuple(axes))


def reach(cells: int) -> float:
    """Half-width of an automatic box of so many cells, in deviations: balances the cut tail against the resolution.

    Two coupled oscillators on 32^4 cells: covariances to 2e-5, 1e-6, 1e-7 and Pi to 4e-5, 3e-6, 1e-6 with 5.1, 5.7 and
    6.2 deviations.
    """
    return min(WIDEST_BOX, 1.1 * math.sqrt(cells))


def _extent(path: Path, k: int, cells: int, axis: str) -> tuple[float, float]:
    """Box of one coordinate around the whole path; few cells get a smaller box."""
    width = reach(cells) * path.deviations[:, k]
    low, high = float((path.centres[:, k] - width).min()), float((path.centres[:, k] + width).max())
    if max(abs(low), abs(high)) > FARTHEST * (high - low):
        raise GridError(
            f"the state is {high - low:.3g} wide and {max(abs(low), abs(high)):.3g} away from the origin along "
            f"{axis}, too far for the digits of a number; let {axis} count from near the state"
        )
    return _rounded(low, high - low, down=True), _rounded(high, high - low, down=False)


def _rounded(value: float, width: float, *, down: bool) -> float:
    """Outward to four digits, so that printed extents repeat the run; far from 0, to four digits of the width."""
    size = min(abs(value), width)
    if size == 0 or not math.isfinite(size):
        return value
    power = math.floor(math.log10(size)) - 3
    steps = value / 10.0**power
    return float(f"{math.floor(steps) if down else math.ceil(steps)}e{power}")


def resolution(path: Path, grid: Grid, structure: Structure | None = None) -> Resolution:
    """Smallest deviation of the path in any direction, in cells, and its time; or that of the structure, if worse."""
    spacings = grid.spacings
    scaled = (path.covariances if path.finest is None else path.finest) / np.outer(spacings, spacings)
    for k, axis in enumerate(grid.axes):
        if axis.periodic:  # the width of a state around a ring says nothing of its structure
            scaled[:, k, :] = scaled[:, :, k] = 0.0
            scaled[:, k, k] = np.inf
    finite = np.where(np.isinf(scaled), 1e300, scaled)
    values, vectors = np.linalg.eigh(finite)
    smallest = np.sqrt(values[:, 0].clip(min=0))
    worst = int(np.argmin(smallest))
    cells, direction = float(smallest[worst]), np.abs(vectors[worst, :, 0])
    if structure is not None:
        spanned = structure.lengths / spacings
        if spanned.min() / structure.wanted < cells / CELLS_PER_DEVIATION:
            names = tuple(axis.name for axis, n in zip(grid.axes, spanned, strict=True) if n == spanned.min())
            return Resolution(float(spanned.min()), math.inf, names, structure.words, structure.wanted)
    names = tuple(axis.name for axis, share in zip(grid.axes, direction, strict=True) if share >= 0.5 * direction.max())
    return Resolution(cells, float(path.times[worst]), names, path.structure)


def cells_for(now: int, spanned: float, wanted: float = CELLS_PER_DEVIATION) -> int:
    """Cells that would give what spans ``spanned`` cells as many as are wanted, rounded up to a multiple of 16."""
    return 16 * math.ceil(now * wanted / max(spanned, 1e-6) / 16)


def cells_advice(found: Resolution, grid: Grid) -> str:
    """Configuration keys that would give it as many cells as are wanted: ``grid.q.cells: 240``."""
    needed = {
        axis.name: cells_for(axis.cells, found.cells, found.wanted) for axis in grid.axes if axis.name in found.axes
    }
    letters: dict[str, int] = {}  # grid.q and grid.p hold for all particles
    for name, cells in needed.items():
        letters[name[0]] = max(cells, letters.get(name[0], 0))
    return " and ".join(f"grid.{letter}.cells: {cells}" for letter, cells in letters.items())


def refuse_coarse(found: Resolution, grid: Grid) -> None:
    """GridError if a deviation spans less than 1.5 cells: the numbers would be wrong without a sign of trouble."""
    if not found.cells < REFUSE_BELOW:
        return
    text = f"the grid is too coarse: {found}, and at least {REFUSE_BELOW:g} are needed"
    axis, needed = max(
        ((axis, cells_for(axis.cells, found.cells, found.wanted)) for axis in grid.axes if axis.name in found.axes),
        key=lambda pair: pair[1],
    )
    if needed <= MOST_CELLS:
        cure = f"{cells_advice(found, grid)}, a smaller extent"
    else:
        text += (
            f"; on {interval(axis.low, axis.high)} that takes {needed} cells along {axis.name}, and {MOST_CELLS} along "
            "each of two axes take 1.3 GB"
        )
        cure = (
            "a smaller extent if it was given, an initial state that is less narrow (a squeezed one: a smaller r, "
            "since the cells grow as exp(2 r))"
        )
    raise GridError(f"{text}; give {cure}, or grid.q.allow_coarse: true")
