"""Which eigenvalues of a generator on a grid are told from 0, by what the grid makes of the steady state's own 0."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fpsolver.physics.timescales import linear_rates
from fpsolver.problem import Problem

# Escape rates of double wells at 10 to 16 T, on 64 and 96 cells an axis, are wrong by 0.3 to 1 times the eigenvalue of
# the steady state (with weak friction by ten times). At 24 T a rate that is 40 times too high is 12 times that, so that
# less than a hundred times is refused. No bound: errors of the grid that keep the steady state, 4e-5 of the rate at 6 T
# on 96 cells, do not show in it.
LOST = 0.01  # of the rate
DOUBTFUL = 1e-4
NOT_TOLD = "not told from 0"
ROUND_OFF = 1e-12  # of the fastest rate: 5e-14 on grids that resolve everything


@dataclass(frozen=True, eq=False)
class Doubts:
    """Which eigenvalues are not told from 0, and why; or else what is to be said of the slowest one."""

    is_lost: NDArray[np.bool_]
    reason: str = ""
    warning: str = ""


def doubts(values: np.ndarray, problem: Problem) -> Doubts:
    """Of the slowest eigenvalues (complex, 1/time), of which that next to 0 is the steady state's."""
    steady = int(np.argmin(np.abs(values)))
    error = max(float(np.abs(values[steady])), float(values.real.max()))  # nothing grows in truth
    is_mode = np.arange(len(values)) != steady
    sizes, told = np.abs(values), _error_words(problem, error)
    is_lost = is_mode & (sizes * LOST < error)
    if is_lost.any():
        return Doubts(is_lost, f"a decay rate near {sizes[is_mode].min():.1g} is {NOT_TOLD}: {told}")
    if (is_mode & (sizes * DOUBTFUL < error)).any():
        return Doubts(is_lost, warning=f"the slowest decay rate is {-values[is_mode][0].real:.3g}, but {told}")
    return Doubts(is_lost)


def without_lost(values: np.ndarray, found: Doubts) -> np.ndarray:
    """NaN in the place of those that are not told from 0."""
    return np.where(found.is_lost, complex(math.nan, math.nan), values)


def _error_words(problem: Problem, error: float) -> str:
    """How large the error of decay rates is, and the cure."""
    fastest, _ = linear_rates(problem.system)
    if error < ROUND_OFF * fastest:
        return f"round-off of the rates near {fastest:.2g} leaves an error of about {error:.1g}; lower the barrier"
    cells = " x ".join(map(str, problem.grid.shape))
    return f"the {cells} cells leave an error of about {error:.1g}; give more cells"
