"""Snapshots of a result as results of their own, with the currents of their time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fpsolver.api import build_generator
from fpsolver.evaluation import final_state
from fpsolver.recorder import phase_space
from fpsolver.result import Result
from fpsolver.thermo.state import State


class Frames(Sequence[Result]):
    """One result for each snapshot, whose final state is the snapshot; ConfigError if the system cannot be built.

    Each is made when it is asked for, and not kept: with their currents they are nine times as large as the snapshots.
    """

    def __init__(self, result: Result) -> None:
        self.result = result
        self._generator = build_generator(result.config, result.grid)
        self._late = phase_space(self._generator)

    def __len__(self) -> int:
        return len(self.result.snapshots.time)

    def __getitem__(self, k: Any) -> Any:
        shots, generator = self.result.snapshots, self._generator
        time, space = float(shots.time[k]), self._late
        if generator.system.is_time_dependent:
            space = phase_space(generator, time)
        final = final_state(State(np.ascontiguousarray(shots.W[k]), space), time)
        return replace(self.result, final=final, status="finished")
