"""Which snapshots of W a run keeps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fpsolver.physics.potentials import FloatArray

if TYPE_CHECKING:
    from fpsolver.trajectory import Trajectory


SAME_TIME = 1e-9  # relative: a record as near as this is the snapshot, and is not followed by another one


class SnapshotKeeper:
    """Snapshots at given times, or n to 2n equally spaced ones at record times (the spacing doubles at 2n)."""

    def __init__(self, wanted: int | tuple[float, ...]) -> None:
        self._times = () if isinstance(wanted, int) else wanted
        self._count = wanted if isinstance(wanted, int) else 0
        self.stride = 1
        self.seen = 0
        self.kept: list[tuple[float, FloatArray]] = []

    def next_time(self, time: float) -> float:
        """The next requested snapshot time after ``time``."""
        return min((t for t in self._times if t > time and not _is_same(t, time)), default=math.inf)

    def offer(self, time: float, W: FloatArray, *, on_schedule: bool) -> None:
        """Keep W if it is the turn of ``time``; ``on_schedule`` at multiples of the record interval."""
        if self._count and not on_schedule:
            return
        if not self._count:
            is_new = not self.kept or not _is_same(self.kept[-1][0], time)
            if is_new and any(_is_same(t, time) for t in self._times):
                self.kept.append((time, W.copy()))
            return
        if self.seen % self.stride == 0:
            self.kept.append((time, W.copy()))
            if len(self.kept) > 2 * self._count:
                self.kept = self.kept[::2]
                self.stride *= 2
        self.seen += 1

    def store(self, trajectory: Trajectory) -> None:
        """Hand over what was kept."""
        trajectory.snapshot_times = [time for time, _ in self.kept]
        trajectory.snapshots = [W for _, W in self.kept]


def _is_same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=SAME_TIME, abs_tol=0.0)
