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
from fpsolver.grid import Axis, Grid
from fpsolver.physics import linear, transients
from fpsolver.physics.exact import SteadyState
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.states import GaussianState, LocalState
from fpsolver.physics.structure import WIDEST_BOX
from fpsolver.physics.system import System

CELL_CHOICES = {1: range(96, 513, 16), 2: range(32, 65, 16), 3: range(16, 25, 8)}  # by the number of particles
CELLS_PER_DEVIATION = 4.0
WARN_BELOW, REFUSE_BELOW = 3.0, 1.5
CUT_BELOW, TAIL_BELOW = 4.0, 6.0  # standard deviations from the centre to a wall: 6e-5 and 2e-9 of a Gaussian beyond
MOST_CELLS = 2048  # along an axis that are worth an advice: 40 arrays of 2048^2 numbers are 1.3 GB
MAXIMUM_TURNS = 1000  # of an initial state around the ring


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

    ``finest`` (T, 2N, 2N): covariance of a Gaussian as fine as the finest structure of W; None: those of the packets.
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


@dataclass(frozen=True, slots=True)
class Resolution:
    """Smallest standard deviation of the path in cells, when, and which axes (names) have too few cells for it."""

    cells: float
    time: float
    axes: tuple[str, ...] = ()
    structure: str = "narrowest standard deviation of the state"

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
        finest = np.tile(M @ state.finest @ M.transpose(0, 2, 1) + flow.noise, (len(packets), 1, 1))
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
    minimum: FloatArray | None = None,
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
        is_fine = resolution(path, grid, minimum).cells >= CELLS_PER_DEVIATION
        if is_fine and dispersion.suffices(rules, grid):
            return grid
    assert grid is not None
    return grid


def _grid(path: Path, requests: tuple[AxisRequest, ...], cells: list[int]) -> Grid:
    axes = []
    for k, (request, n) in enumerate(zip(requests, cells, strict=True)):
        low, high = request.extent or _extent(path, k, n)
        axes.append(Axis(request.name, low, high, n, request.periodic))
    return Grid(tuple(axes))


def reach(cells: int) -> float:
    """Half-width of an automatic box of so many cells, in deviations: balances the cut tail against the resolution.

    Two coupled oscillators on 32^4 cells: covariances to 2e-5, 1e-6, 1e-7 and Pi to 4e-5, 3e-6, 1e-6 with 5.1, 5.7 and
    6.2 deviations.
    """
    return min(WIDEST_BOX, 1.1 * math.sqrt(cells))


def _extent(path: Path, k: int, cells: int) -> tuple[float, float]:
    """Box of one coordinate around the whole path; few cells get a smaller box."""
    width = reach(cells) * path.deviations[:, k]
    low, high = float((path.centres[:, k] - width).min()), float((path.centres[:, k] + width).max())
    return _rounded(low, down=True), _rounded(high, down=False)


def _rounded(value: float, *, down: bool) -> float:
    """Outward to four digits, so that printed extents repeat the run."""
    if value == 0 or not math.isfinite(value):
        return value
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - 3)
    steps = math.floor(value / unit) if down else math.ceil(value / unit)
    return float(f"{steps * unit:.4g}")


def resolution(path: Path, grid: Grid, minimum: FloatArray | None = None) -> Resolution:
    """Smallest deviation of the path in any direction, in cells, and its time.

    ``minimum`` (2N) are further lengths to resolve, such as the width of a well.
    """
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
    if minimum is not None and (minimum / spacings).min() < cells:
        cells, direction = float((minimum / spacings).min()), (minimum / spacings == (minimum / spacings).min())
    axes = tuple(axis.name for axis, share in zip(grid.axes, direction, strict=True) if share >= 0.5)
    return Resolution(cells, float(path.times[worst]), axes, path.structure)


def cells_for(now: int, spanned: float) -> int:
    """Cells that would give a deviation 4 of them instead of ``spanned``, rounded up to a multiple of 16."""
    return 16 * math.ceil(now * CELLS_PER_DEVIATION / max(spanned, 1e-6) / 16)


def cells_advice(found: Resolution, grid: Grid) -> str:
    """Configuration keys that would give 4 cells to the narrowest deviation: ``grid.q.cells: 240``."""
    needed = {axis.name: cells_for(axis.cells, found.cells) for axis in grid.axes if axis.name in found.axes}
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
        ((axis, cells_for(axis.cells, found.cells)) for axis in grid.axes if axis.name in found.axes),
        key=lambda pair: pair[1],
    )
    if needed <= MOST_CELLS:
        cure = f"{cells_advice(found, grid)}, a smaller extent"
    else:
        text += (
            f"; on [{axis.low:g}, {axis.high:g}] that takes {needed} cells along {axis.name}, and {MOST_CELLS} along "
            "each of two axes take 1.3 GB"
        )
        cure = (
            "a smaller extent if it was given, an initial state that is less narrow (a squeezed one: a smaller r, "
            "since the cells grow as exp(2 r))"
        )
    raise GridError(f"{text}; give {cure}, or grid.q.allow_coarse: true")


class Wall(NamedTuple):
    """How near a wall comes to the centre of the state, in its deviations; and the sentence about it."""

    distance: float
    words: str


def nearest_walls(path: Path, grid: Grid, cure: str = "`extent: auto` or ") -> list[Wall]:
    """The nearest wall of each closed axis along the path; ``cure``: what helps beside an extent that is given."""
    found = []
    for k, axis in enumerate(grid.axes):
        if axis.periodic:
            continue
        distances = np.minimum(path.centres[:, k] - axis.low, axis.high - path.centres[:, k]) / path.deviations[:, k]
        worst = int(np.argmin(distances))
        reach = WIDEST_BOX * path.deviations[:, k]
        low, high = (path.centres[:, k] - reach).min(), (path.centres[:, k] + reach).max()
        words = (
            f"grid.{axis.name[0]}.extent is [{axis.low:g}, {axis.high:g}] for {axis.name}, and "
            f"{moment(float(path.times[worst]))} a wall is only {max(float(distances[worst]), 0):.2g} standard "
            f"deviations away from the centre of the state; give {cure}at least [{low:.3g}, {high:.3g}]"
        )
        found.append(Wall(float(distances[worst]), words))
    return found


def refuse_cut(path: Path, grid: Grid) -> None:
    """GridError if the box cuts the state: a wall nearer than 4 deviations to the centre of the state."""
    for wall in nearest_walls(path, grid):
        if wall.distance < CUT_BELOW:
            raise GridError(f"the box cuts the state: {wall.words}")


def cut_warning(path: Path, grid: Grid, cure: str) -> str:
    """A sentence if the walls are nearer to the path of a Gaussian than those of an automatic box, or nothing."""
    nearest = min(nearest_walls(path, grid, cure), default=None)
    cells = min(axis.cells for axis in grid.axes)
    if nearest is None or nearest.distance >= min(TAIL_BELOW, 0.9 * reach(cells)):
        return ""
    cut = math.erfc(nearest.distance / math.sqrt(2))
    return f"the box cuts the tail of the state, about {cut:.0e} of it: {nearest.words}"


def around_ring(state: GaussianState, grid: Grid) -> FloatArray:
    """Sum over all turns that hold something; the mean may lie on any of them."""
    axis, (q, p) = grid.axes[0], grid.coordinates
    reach = WIDEST_BOX * math.sqrt(state.covariance[0, 0])
    first = math.floor((state.mean[0] - reach - axis.high) / axis.length)
    last = math.ceil((state.mean[0] + reach - axis.low) / axis.length)
    if last - first > MAXIMUM_TURNS:
        raise GridError(
            f"the initial state goes around the ring {last - first} times; give initial: {{kind: uniform, ..}} instead"
        )
    return np.asarray(sum(state.values((q + turn * axis.length, p)) for turn in range(first, last + 1)))
