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
    space = phase_space(build_generator(result.config, result.grid))
    shots = result.snapshots
    return [
        replace(result, final=final_state(State(np.ascontiguousarray(W), space), float(time)), status="finished")
        for time, W in zip(shots.time, shots.W, strict=True)
    ]
