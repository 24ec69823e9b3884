"""Signals that ask a command to end: it says so in a sentence, with exit status 3."""

from __future__ import annotations

import contextlib
import math
import signal
import time
from collections.abc import Callable, Iterator

TOGETHER = 1.0  # seconds: `timeout` and schedulers signal a process and its group, which is one wish to end it
HANG_UP = [signal.SIGHUP] if hasattr(signal, "SIGHUP") else []  # the terminal was closed; Windows has none
TERMINATE = [signal.SIGTERM, *HANG_UP]
ALL = [signal.SIGINT, *TERMINATE]


def interrupt(number: int, frame: object) -> None:
    """End what is going on, as Ctrl-C does."""
    del number, frame
    raise KeyboardInterrupt


def ignore(number: int, frame: object) -> None:
    """Do nothing more: the command is ending."""
    del number, frame


@contextlib.contextmanager
def caught(handler: Callable[[int, object], None], *numbers: signal.Signals) -> Iterator[None]:
    """Call ``handler`` for these signals; the old handlers come back at the end. What `nohup` ignores stays ignored."""
    wanted = [number for number in numbers if number not in HANG_UP or signal.getsignal(number) != signal.SIG_IGN]
    try:
        old = {number: signal.signal(number, handler) for number in wanted}
    except ValueError:  # not the main thread, where signals do not arrive
        yield
        return
    try:
        yield
    finally:
        for number, before in old.items():
            signal.signal(number, before)


def once(handler: Callable[[int, object], None]) -> Callable[[int, object], None]:
    """The same handler, which takes signals that come together for one."""
    last = -math.inf

    def first(number: int, frame: object) -> None:
        """Pass the signal on unless it belongs to the last one."""
        nonlocal last
        now = time.monotonic()
        if now - last >= TOGETHER:
            last = now
            handler(number, frame)

    return first
