"""The slow modes of a run's generator as numbers of its row: rates and frequencies of `spectrum`, the slowest first."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from fpsolver import studies, told
from fpsolver.config.axes import has_automatic_cells
from fpsolver.config.reader import Config
from fpsolver.errors import ConvergenceError, UsageError
from fpsolver.sweeps.axes import Axes, Changes, changed

RATE, FREQUENCY = "mode_rate", "mode_frequency"
GRIDS = 20  # that are looked at before the first run, 0.1 s each; of more, the rows tell what is too much


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
    steady = int(np.argmin(np.abs(found.values)))
    doubts = told.doubts(found.values, found.problem)
    values, exact = (np.delete(part, steady) for part in (told.without_lost(found.values, doubts), found.exact))
    numbers = _numbers("", values)
    if np.isfinite(exact).all():
        numbers |= _numbers("exact_", exact)
    reasons = [studies.few_words(len(values), count)] if len(values) < count else []
    reasons += [doubts.reason] if doubts.reason else []
    said = (*found.problem.warnings, doubts.warning) if doubts.warning else tuple(found.problem.warnings)
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
