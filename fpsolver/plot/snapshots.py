"""Stored snapshots of W in place of the final one."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from fpsolver.errors import UsageError
from fpsolver.result import Result


def nearest(result: Result, time: float) -> Result:
    """The result with the W of the snapshot nearest to ``time`` as its last; UsageError if it has none."""
    if not math.isfinite(time):
        raise UsageError(f"the time of a snapshot must be a finite number, but is {time}; give for example time=1.5")
    if len(result.grid.axes) > 2:
        raise UsageError(
            "figures show the reduced W of several particles at the end only; leave the time out (the W of all of them "
            "is in `snapshots` of the file)"
        )
    known = np.nonzero(np.isfinite(result.snapshots.time))[0]
    if not len(known):
        raise UsageError(
            f"{result.title!r} has no snapshots, so that W cannot be shown at the time {time:g}; run one particle by "
            "stepping, with output.snapshots: 10 or more, or leave the time out for the final W"
        )
    k = known[np.argmin(np.abs(result.snapshots.time[known] - time))]
    final = replace(result.final, time=float(result.snapshots.time[k]), W=result.snapshots.W[k])
    return replace(result, final=final, status="finished")
