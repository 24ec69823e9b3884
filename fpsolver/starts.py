"""What a run starts from: the state of a configuration, of arrays or of a result, and its W on the grid."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from fpsolver import autogrid
from fpsolver.config import initial, initial_arrays
from fpsolver.config.faults import of_file
from fpsolver.config.reader import Config
from fpsolver.config.schema_initial import FileInitial
from fpsolver.errors import GridError, UsageError
from fpsolver.grid import Grid
from fpsolver.io import arrays
from fpsolver.io.reading import MASS_ERROR, check_start, fits, read_state
from fpsolver.io.starts import held
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.product_states import joined
from fpsolver.physics.states import GaussianState, LocalState, ProductState, UniformState
from fpsolver.physics.structure import WIDEST_BOX
from fpsolver.physics.tabulated import TabulatedState

MAXIMUM_TURNS = 1000  # of an initial state around the ring
NEARLY = 0.8  # of the variance in each direction: what the finest structure of nearly a Gaussian has
Requests = tuple[autogrid.AxisRequest, ...]


def state_of(config: Config) -> LocalState | UniformState | None:
    """Initial state, from its section or the arrays in a file; None for the final W of a result."""
    if (given := held(config)) is not None:
        return initial_arrays.given_state(config, given)
    return initial.build_initial(config, functools.partial(_from_file, config))


def _from_file(config: Config, section: Any, masses: list[float]) -> LocalState:
    """State of particles of these masses from a file of arrays, or that of one of several from a result."""
    with of_file("initial.path"):
        if isinstance(section, FileInitial):
            return _of_result(config, section)
        names = initial_arrays.array_names(section, len(masses))
        return initial_arrays.sampled_initial(config, section.kind, arrays.read_arrays(section.path, names), masses[0])


def _of_result(config: Config, section: FileInitial) -> LocalState:
    """W of a run of one particle, for one of several."""
    grid, W = read_state(section.path, section.time)
    if len(grid.axes) != 2 or grid.axes[0].periodic:
        what = "around a ring" if grid.axes[0].periodic else f"of {len(grid.axes) // 2} particles"
        raise GridError(
            f"{section.path} holds a W {what}, but an entry of the list `initial` is the state of one particle on the "
            "line; give the result of a run of one, or one `file` in place of the list"
        )
    check_start(section.path, grid, W, 1)
    return _interpolated(config, section.path, [axis.centres for axis in grid.axes], W)


def _interpolated(config: Config, what: str, points: list[FloatArray], W: FloatArray) -> TabulatedState:
    try:
        return initial_arrays.tabulated_initial(config, points, W)
    except UsageError as error:
        raise GridError(f"the W of {what} cannot be moved to the grid of the configuration: {error}") from None


def stored_start(config: Config, size: int, requests: Requests) -> tuple[LocalState | None, Requests]:
    """The W of a result, if the run starts from one; and the axes, which are its own unless others are asked for.

    On its own axes W is taken as it stands, on others it has to bear interpolation.
    """
    section = config.initial[0] if isinstance(config.initial, list) else config.initial
    given = held(config)
    if config.time.method == "direct":
        return None, requests
    if given is not None:
        return _on_axes(config, "the result", given.grid, given.arrays["W"], size, requests)
    if not isinstance(section, FileInitial):
        return None, requests
    with of_file("initial.0.path" if isinstance(config.initial, list) else "initial.path"):
        return _on_axes(config, section.path, *read_state(section.path, section.time), size, requests)


def _on_axes(
    config: Config, what: str, grid: Grid, W: FloatArray, size: int, requests: Requests
) -> tuple[LocalState, Requests]:
    """The W of a result as a state, and the axes of the run."""
    check_start(what, grid, W, size)
    points = [axis.centres for axis in grid.axes]
    if fits(grid, requests):
        own = tuple(autogrid.AxisRequest(a.name, a.cells, (a.low, a.high), a.periodic) for a in grid.axes)
        return TabulatedState(tuple(points), W, tuple(axis.periodic for axis in grid.axes)), own
    return _interpolated(config, what, points, W), requests


def as_gaussian(state: LocalState | UniformState | None) -> GaussianState | None:
    """The Gaussian that a state is, or that an array looks like: its structure is as wide as all of it."""
    if isinstance(state, TabulatedState) and not any(state.periodic):
        shares = np.linalg.eigvals(np.linalg.solve(state.covariance, state.finest)).real
        if shares.min() > NEARLY:
            return GaussianState(state.mean, state.covariance)
    if isinstance(state, ProductState):
        factors = [found for factor in state.factors if (found := as_gaussian(factor)) is not None]
        return joined(factors) if len(factors) == len(state.factors) else None
    return state if isinstance(state, GaussianState) else None


def values(state: LocalState | UniformState, grid: Grid, *, allow_coarse: bool) -> FloatArray:
    """W of a state at the centres of a grid; GridError if the state is not on it."""
    q_axis = grid.axes[0]
    if isinstance(state, UniformState):
        return state.values(grid.coordinates, q_axis.length)
    if q_axis.periodic and isinstance(state, GaussianState):
        W = around_ring(state, grid)
    else:
        W = state.values(grid.coordinates)
    _check_mass(grid.integrate(W), allow_coarse=allow_coarse)
    return W


def _check_mass(mass: float, *, allow_coarse: bool) -> None:
    """GridError if the initial state is not on the grid: every number after it would be wrong."""
    if not abs(mass - 1) <= MASS_ERROR and not (allow_coarse and math.isfinite(mass)):
        raise GridError(
            f"the initial state has a mass of {mass:.9g} on the grid instead of 1; give a wider extent, more cells, or "
            "another initial state"
        )


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
