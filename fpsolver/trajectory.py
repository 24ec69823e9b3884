"""A run while it goes on: what it was asked for, what it has recorded, where it stands."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.timescales import DecayRate
from fpsolver.recorder import SERIES, Record
from fpsolver.snapshots import SnapshotKeeper
from fpsolver.stepping.rule import StepRule

STATUS_WORDS = {
    "steady": "reached the steady state",
    "finished": "ended as requested",
    "not_converged": "did not reach the steady state",
    "failed": "stopped:",
    "interrupted": "interrupted",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """When to stop and what to keep; times in the user's units, ``until`` inf for steady."""

    until: float
    max_time: float
    tolerance: float
    decay: DecayRate | None
    every: float
    snapshots: int | tuple[float, ...]
    step: StepRule
    method: str = "stepping"
    why: str = ""
    stepper: str = "rk4"
    stepper_why: str = ""
    predicted: float = math.nan  # seconds of stepping
    damping: float = 0.0  # 1/time, sum of the friction rates: the scale of Pi and Phi where both vanish


@dataclass(eq=False)
class Trajectory:
    """What a run leaves behind."""

    times: list[float] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    snapshot_times: list[float] = field(default_factory=list)
    snapshots: list[FloatArray] = field(default_factory=list)
    warnings: dict[str, str] = field(default_factory=dict)
    status: str = "running"
    message: str = ""
    steps: int = 0
    W: FloatArray = field(default_factory=lambda: np.empty(0))
    dWdt: FloatArray = field(default_factory=lambda: np.empty(0))
    _latest: tuple[float, Record, FloatArray, FloatArray] | None = field(default=None, init=False, repr=False)

    def add(self, time: float, record: Record, W: FloatArray, dWdt: FloatArray) -> None:
        """One more record, of W at ``time``; :meth:`complete` it where an interrupt came in between."""
        self._latest = time, record, W, dWdt  # in one go
        self.complete()

    def complete(self) -> None:
        """Times, records and W belong together: add what the latest record lacks, if anything."""
        if self._latest is None:
            return
        time, record, self.W, self.dWdt = self._latest
        if not self.times or self.times[-1] != time:
            self.times.append(time)
        if len(self.records) < len(self.times):
            self.records.append(record)

    def series(self) -> dict[str, FloatArray]:
        """Arrays with time as first axis."""
        names = list(self.records[0]) if self.records else [q.name for q in SERIES if not q.optional]
        arrays = {name: np.array([record[name] for record in self.records]) for name in names}
        return {"time": np.array(self.times), **arrays}

    def finish(self, status: str, detail: str) -> None:
        """End the run with one of STATUS_WORDS."""
        self.status = status
        self.message = f"{STATUS_WORDS[status]} {detail}".strip()


@dataclass(eq=False)
class Position:
    """Where a run stands: with the plan, everything it needs to go on with the same bits."""

    W: FloatArray
    keeper: SnapshotKeeper
    trajectory: Trajectory = field(default_factory=Trajectory)
    time: float = 0.0  # of the last stop
    done: int = 0  # steps taken since then
