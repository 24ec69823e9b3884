"""A state of several particles in slabs along its first axis, so that no array of gradients spans the grid.

A slab is a :class:`State` of its own, on the rows of the grid it holds, with gradients that know its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fpsolver.grid import Axis, Grid
from fpsolver.physics.potentials import FloatArray
from fpsolver.thermo.differences import gradient
from fpsolver.thermo.state import FLOOR, PhaseSpace, State

SLAB_CELLS = 2**17  # 1 MiB for each array: a few dozen of them stay in the cache


class Rows(Axis):
    """Some cells of an axis, however few."""

    def __post_init__(self) -> None:
        """Nothing to check: they belong to an axis that has been checked."""


def slabs(state: State) -> Iterator[tuple[slice, State]]:
    """Rows of the first axis and the state on them; one slab, the state itself, for one particle."""
    if state.system.size == 1:
        yield slice(0, state.grid.shape[0]), state
        return
    cells, floor, largest = state.grid.shape[0], noise_floor(state.W), float(state.W.max())
    thick = max(1, SLAB_CELLS * cells // state.grid.size)
    for start in range(0, cells, thick):
        rows = slice(start, min(start + thick, cells))
        space = PhaseSpace(state.system, rows_of(state.grid, rows), state.space.order)
        yield rows, State(state.W[rows], space, _gradient(state, rows), floor, largest)


def noise_floor(W: FloatArray) -> float:
    """What cells of several particles must exceed to count for Pi: what is as small as the noise is noise."""
    return max(FLOOR * float(W.max()), -float(W.min()))


def rows_of(grid: Grid, rows: slice) -> Grid:
    """The part of a grid that has these rows of its first axis."""
    first = grid.axes[0]
    part = Rows(first.name, float(first.faces[rows.start]), float(first.faces[rows.stop]), rows.stop - rows.start)
    return Grid((part, *grid.axes[1:]))


def _gradient(state: State, rows: slice) -> FloatArray:
    """Gradient on some rows, from these and as many neighbours as the differences reach."""
    halo = state.space.order // 2
    wide = slice(max(rows.start - halo, 0), min(rows.stop + halo, state.grid.shape[0]))
    inner = slice(rows.start - wide.start, rows.stop - wide.start)
    grid = rows_of(state.grid, wide)
    along_first = gradient(state.W[wide], grid, state.space.order, axes=(0,))[0][inner]
    others = gradient(state.W[rows], grid, state.space.order, axes=tuple(range(1, state.W.ndim)))
    return np.concatenate([along_first[None], others])
