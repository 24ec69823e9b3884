"""The slow modes of a run's generator as numbers of its row: rates and frequencies of `spectrum`, the slowest first."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from fpsolver import studies
from fpsolver.config.axes import has_automatic_cells
from fpsolver.config.reader import Config
from fpsolver.errors import ConvergenceError, UsageError
from fpsolver.physics.timescales import linear_rates
from fpsolver.problem import Problem
from fpsolver.sweeps.axes import Axes, Changes, changed

RATE, FREQUENCY = "mode_rate", "mode_frequency"
# The steady state's own eigenvalue is 0, and what the grid makes of it tells which others mean something: escape rates
# of double wells at 10 to 16 T, on 64 and 96 cells an axis, are wrong by 0.3 to 1 times that (with weak friction by ten
# times). At 24 T a rate that is 40 times too high is 12 times that, so that less than a hundred times is refused. No
# bound: errors of the grid that keep the steady state, 4e-5 of the rate at 6 T on 96 cells, do not show in it.
LOST = 0.01  # of the rate
DOUBTFUL = 1e-4
GRIDS = 20  # that are looked at before the first run, 0.1 s each; of more, the rows tell what is too much
ROUND_OFF = 1e-12  # of the fastest rate: 5e-14 on grids that resolve everything


@dataclass(frozen=True, slots=True)
class Modes:
    """Numbers by name, why some of them are NaN, and what is to be said of the others."""

    numbers: dict[str, list[float]]
    reason: str = ""
    warnings: tuple[str, ...] = ()


def slow_modes(config: Config, count: int) -> Modes:
    """The ``count`` slowest modes after the steady state, or fewer; FpsolverError where there is no spectrum."""
    found = studies.modes_found(config, count + 1)
    if not len(found.values):
        raise ConvergenceError(studies.few_words(0, count))
    steady = int(np.argmin(np.abs(found.values)))  # beside a very slow mode it need not be the first
    values, exact = np.delete(found.values, steady), np.delete(found.exact, steady)
    error = max(float(np.abs(found.values[steady])), float(found.values.real.max()))  # nothing grows in truth
    is_lost, is_doubtful = (np.abs(values) * limit < error for limit in (LOST, DOUBTFUL))
    numbers = _numbers("", np.where(is_lost, complex(math.nan, math.nan), values))
    if np.isfinite(exact).all():
        numbers |= _numbers("exact_", exact)
    told, said = _error_words(found.problem, error), tuple(found.problem.warnings)
    reasons = [studies.few_words(len(values), count)] if len(values) < count else []
    if is_lost.any():
        reasons.append(f"a decay rate near {np.abs(values).min():.1g} is not told from 0: {told}")
    elif is_doubtful.any():
        said += (f"the slowest decay rate is {-values[0].real:.3g}, but {told}",)
    return Modes(numbers, "; ".join(reasons), said)


def refuse_many(config: Config, axes: Axes, count: int) -> None:
    """UsageError, before any run, for more modes than any of the grids has; of some runs only, their rows tell it."""
    most, different = 0, _different_grids(config, axes)
    for changes in different[:GRIDS]:
        try:
            most = max(most, studies.most_modes(changed(config, changes)) - 1)
        except Exception:  # which is for its row to tell, as of a potential of the user's
            return
        if most >= count:
            return
    if len(different) > GRIDS:
        return
    raise UsageError(
        f"the number of modes must be at most {most}, one for {studies.CELLS_PER_MODE} cells of a grid beside the "
        f"steady state, but is {count}; ask for fewer, or give more cells"
    )


def _different_grids(config: Config, axes: Axes) -> list[Changes]:
    """A run of each number of cells: where they are given, no more than these and the number of particles matter."""
    keys = [key for key in axes.keys if has_automatic_cells(config) or key.startswith(("grid.", "system.chain"))]
    found: dict[tuple[Any, ...], Changes] = {}
    for changes in axes.points():
        found.setdefault(tuple(changes[key] for key in keys), changes)
    return list(found.values())


def _error_words(problem: Problem, error: float) -> str:
    """How large the error of decay rates is, and the cure."""
    fastest, _ = linear_rates(problem.system)
    if error < ROUND_OFF * fastest:
        return f"round-off of the rates near {fastest:.2g} leaves an error of about {error:.1g}; lower the barrier"
    cells = " x ".join(map(str, problem.grid.shape))
    return f"the {cells} cells leave an error of about {error:.1g}; give more cells"


def _numbers(prefix: str, values: np.ndarray) -> dict[str, list[float]]:
    """Decay rates and frequencies of complex eigenvalues."""
    return {f"{prefix}{RATE}": (-values.real).tolist(), f"{prefix}{FREQUENCY}": values.imag.tolist()}


def without(count: int, reason: str) -> Modes:
    """Of a run that has none."""
    return Modes(dict.fromkeys((RATE, FREQUENCY), [math.nan] * count), reason)


def add_modes(row: dict[str, Any], modes: Modes) -> None:
    """Put them into a row, with the reasons and warnings that the run itself did not have."""
    row["numbers"] |= modes.numbers
    if modes.reason:
        row["reasons"] |= {RATE: modes.reason, FREQUENCY: modes.reason}
    said = [text for text in row["warnings"].split("\n") if text]
    row["warnings"] = "\n".join(dict.fromkeys([*said, *modes.warnings]))
