"""The axis of time, cut where the rates stopped moving long before the end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from fpsolver.plot import lines, style
from fpsolver.result import Outcome

SETTLED = 2e-3  # of the range of a rate: less cannot be seen
SHORT_PART = 0.7  # of the run: beyond it, cutting the time axis gains nothing


def finish(ax: Axes, results: Sequence[Outcome]) -> None:
    """Label and limits of the time axis, cut where the rates stopped moving long before the end."""
    ends = sorted(float(lines.times(result).max()) for result in results if not lines.is_timeless(result))
    end = max(ends, default=0.0)
    shown = 1.5 * max(settled(result) for result in results)
    is_cut = 0 < shown < SHORT_PART * end
    if end > 0:
        ax.set_xlim(0, shown if is_cut else end)
    ax.set_xlabel(f"{style.TIME_LABEL} ({_cut_words(ends, shown)})" if is_cut else style.TIME_LABEL)


def _cut_words(ends: Sequence[float], shown: float) -> str:
    """Where the runs end that go on beyond the axis; only they have settled."""
    beyond = [f"{end:.4g}" for end in ends if end > shown]
    reach = beyond[0] if beyond[0] == beyond[-1] else f"{beyond[0]} to {beyond[-1]}"
    if len(beyond) == len(ends):
        return f"rates settled; {'run ends' if len(set(ends)) == 1 else 'runs end'} at {reach}"
    return f"the {'run' if len(beyond) == 1 else 'runs'} to {reach} {'has' if len(beyond) == 1 else 'have'} settled"


def settled(result: Outcome) -> float:
    """Last time at which a rate differs visibly from its last value."""
    last = 0.0
    for name in (rate.name for rate in lines.rates([result])):
        values = style.finite(result.series[name])
        moving = np.abs(values - values[-1]) > SETTLED * np.ptp(values)
        last = max(last, lines.times(result)[moving].max(initial=0.0))
    return last
