"""Progress bars: simulated time of a run, number of runs of a sweep.

Who asks for one in Python gets it, wherever standard error leads (a notebook is no terminal); the command line, which
nobody asks, shows it :func:`on_terminal` only.
"""

from __future__ import annotations

import sys
from typing import Self

from tqdm import tqdm


def on_terminal() -> bool:
    """True if standard error is read by a person, and not kept in a file."""
    return sys.stderr.isatty()


class Bar:
    """Progress of a run for :func:`fpsolver.run`, as a context: whoever makes a bar takes it away."""

    def __init__(self, *, shown: bool = True) -> None:
        layout = "{desc} {percentage:3.0f}%|{bar}|{postfix} [{elapsed}<{remaining}]"
        self._bar = tqdm(
            total=1.0,
            desc="running",
            bar_format=layout,
            leave=False,
            disable=not shown,
            file=sys.stderr,
        )

    def __enter__(self) -> Self:
        """The bar itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bar away; not before the run ends, of which the ``end`` of :meth:`update` is an estimate."""
        self._bar.close()

    def update(self, time: float, end: float) -> None:
        """Show that ``time`` of about ``end`` has been simulated."""
        if self._bar.disable:
            return
        self._bar.set_postfix_str(f"t = {time:.4g} of about {end:.4g}", refresh=False)
        self._bar.n = min(time / end, 1.0) if end > 0 else 0.0
        self._bar.refresh()


class Count:
    """Finished runs out of all, and how many of them failed."""

    def __init__(self, total: int, done: int, *, shown: bool) -> None:
        self._failed = 0
        self._bar = tqdm(
            total=total, initial=done, desc="runs", leave=False, disable=not shown, file=sys.stderr, smoothing=0.05
        )

    def step(self, *, failed: bool) -> None:
        """One more."""
        self._failed += failed
        if self._failed:
            self._bar.set_postfix_str(f"{self._failed} without result", refresh=False)
        self._bar.update()

    def close(self) -> None:
        """Take the bar away."""
        self._bar.close()
