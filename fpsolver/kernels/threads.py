"""How many threads a parallel kernel gets: all of them, or one where another process holds the cores."""

from __future__ import annotations

import time
from collections.abc import Callable

import numba

RETRY = 0.5  # seconds after which the slower choice gets another chance, or
SELDOM = 20  # times as long as it takes, whichever is more
PATIENCE = 1.5  # how much worse one measurement may make a choice look: an interruption should not decide


class Team:
    """All threads or one, whichever was faster lately; the results are the same bits.

    Threads wait for one another at the end of every pass. A pass over 96^2 cells takes 20 us on an idle machine, but
    as long as the other process's time slice where it has to share a core: 18 s instead of 1 s for a whole run,
    measured beside one busy process on two cores.
    """

    def __init__(self) -> None:
        self._pace: dict[int, float] = {}  # thread count: seconds for each pass
        self._expires = 0.0

    def run(self, passes: int, work: Callable[[], None]) -> None:
        """Do ``work``, which makes so many passes over memory."""
        most = numba.get_num_threads()
        count = self._choose(most)
        numba.set_num_threads(count)
        begun = time.perf_counter()
        try:
            work()
        finally:
            numba.set_num_threads(most)
        ended = time.perf_counter()
        if count not in self._pace:  # a trial
            self._expires = ended + max(RETRY, SELDOM * (ended - begun))
        pace = (ended - begun) / passes
        self._pace[count] = min(pace, PATIENCE * self._pace.get(count, pace))

    def _choose(self, most: int) -> int:
        """The count without a measurement, or the faster one; old measurements are forgotten."""
        if time.perf_counter() > self._expires:
            self._pace = {}
        return min((most, 1), key=lambda count: self._pace.get(count, 0.0))
