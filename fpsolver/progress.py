"""Progress bar of a run: simulated time out of the expected end; shown on a terminal only."""

from __future__ import annotations

import sys

from tqdm import tqdm


class Bar:
    """Callable progress for :func:`fpsolver.run`."""

    def __init__(self) -> None:
        layout = "{desc} {percentage:3.0f}%|{bar}| t = {postfix} [{elapsed}<{remaining}]"
        self._bar = tqdm(
            total=1.0,
            desc="running",
            bar_format=layout,
            leave=False,
            disable=not sys.stderr.isatty(),
            file=sys.stderr,
        )

    def update(self, time: float, end: float) -> None:
        """Show that ``time`` of about ``end`` has been simulated."""
        if self._bar.disable:
            return
        self._bar.set_postfix_str(f"{time:.4g} of about {end:.4g}", refresh=False)
        self._bar.n = min(time / end, 1.0) if end > 0 else 0.0
        self._bar.refresh()
        if time >= end:
            self._bar.close()
