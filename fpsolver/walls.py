"""How near the walls of a box come to the state: what is refused, and what is told, before a run."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from fpsolver.autogrid import Path, moment, reach
from fpsolver.errors import GridError
from fpsolver.grid import Grid, interval
from fpsolver.physics.structure import WIDEST_BOX

CUT_BELOW, TAIL_BELOW = 4.0, 6.0  # standard deviations from the centre to a wall: 6e-5 and 2e-9 of a Gaussian beyond


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
        needed = WIDEST_BOX * path.deviations[:, k]
        low, high = (path.centres[:, k] - needed).min(), (path.centres[:, k] + needed).max()
        words = (
            f"grid.{axis.name[0]}.extent is {interval(axis.low, axis.high)} for {axis.name}, and "
            f"{moment(float(path.times[worst]))} a wall is only about {max(float(distances[worst]), 0):.2g} standard "
            f"deviations away from the centre of the state; give {cure}at least {interval(low, high, 3)}"
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
