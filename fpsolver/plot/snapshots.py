"""Stored snapshots of W in place of the final one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fpsolver.errors import UsageError
from fpsolver.physics import arguments
from fpsolver.physics.potentials import FloatArray
from fpsolver.result import Result

FAR = 0.05  # of the time that is wanted: a snapshot further away shows something else
FEW = 3  # times in a sentence


def nearest(result: Result, time: float) -> Result:
    """The result with the W of the snapshot nearest to ``time`` as its last; UsageError if it has none."""
    wanted = arguments.as_float(time)
    if not 0 <= wanted < math.inf:
        raise UsageError(
            f"time must be a finite number, 0 or above, but is {arguments.shown(time)}; give for example time=1.5, or "
            "several with plot.wigner(result, times=[0, 1.5])"
        )
    known = np.nonzero(np.isfinite(result.snapshots.time))[0]
    if not len(known):
        raise UsageError(
            f"{result.title!r} has no snapshots, so that W cannot be shown at the time {wanted:g}; run it by "
            "stepping, with output.snapshots: 10 or more, or leave the time out for the final W"
        )
    k = known[np.argmin(np.abs(result.snapshots.time[known] - wanted))]
    final = replace(result.final, time=float(result.snapshots.time[k]), W=result.snapshots.W[k])
    return replace(result, final=final, status="finished")


def wanted(figure: str, time: float | None, times: Any) -> list[float]:
    """The time of one snapshot, or those of a strip; none for the final W. UsageError for both."""
    if time is not None and times is not None:
        raise UsageError(f"give {figure} either time, for one snapshot, or times, for several; not both")
    return [time] if time is not None else [] if times is None else several(times)


def several(times: Any) -> list[float]:
    """The times of a strip of snapshots; UsageError for anything but a list of them."""
    if isinstance(times, str) or not np.iterable(times) or not len(found := list(times)):
        raise UsageError(f"times must be a list of numbers, but is {arguments.shown(times)}; give for example [0, 1.5]")
    return found


def doubts(results: Sequence[Result], times: Sequence[float]) -> Iterator[str]:
    """A sentence for each snapshot that is far from the time that was wanted, with the cure."""
    for result in results:
        for time in times:
            shown = nearest(result, time).final.time
            if abs(shown - time) > FAR * time:
                yield (
                    f"{result.title!r} has no snapshot at the time {time:g}, and that of {shown:.4g} is drawn "
                    f"(there are {_listed(result.snapshots.time)}); {_cure(result, time)}"
                )


def _listed(times: FloatArray) -> str:
    """Those of 0, 8, 16, .., 88."""
    few = [f"{time:.4g}" for time in times[:FEW]]
    middle = [".."] if len(times) > FEW + 1 else []
    return f"those of {', '.join([*few, *middle, *(f'{time:.4g}' for time in times[FEW:][-1:])])}"


def _cure(result: Result, time: float) -> str:
    end = float(result.series["time"][-1])
    if time > end:
        return f"the run ended at {end:.4g}: leave the time out for the final W, or run with a larger time.until"
    return f"run it with output.snapshots: [{time:g}], or a larger number"
