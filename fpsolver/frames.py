"""Snapshots of a result as results of their own, with the currents of their time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fpsolver.api import build_generator
from fpsolver.evaluation import final_state
from fpsolver.recorder import phase_space
from fpsolver.result import Result
from fpsolver.thermo.state import State


def frames(result: Result) -> list[Result]:
    """One result for each snapshot, whose final state is the snapshot; ConfigError if the system cannot be built."""
    generator, shots = build_generator(result.config, result.grid), result.snapshots
    late, found = phase_space(generator), []
    for time, W in zip(shots.time, shots.W, strict=True):
        space = phase_space(generator, float(time)) if generator.system.is_time_dependent else late
        final = final_state(State(np.ascontiguousarray(W), space), float(time))
        found.append(replace(result, final=final, status="finished"))
    return found
