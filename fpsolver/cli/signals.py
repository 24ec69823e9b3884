"""Signals that ask a command to end: it says so in a sentence, with exit status 3."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator


def interrupt(number: int, frame: object) -> None:
    """End what is going on, as Ctrl-C does."""
    del number, frame
    raise KeyboardInterrupt


def ignore(number: int, frame: object) -> None:
    """Do nothing more: the command is ending."""
    del number, frame


@contextlib.contextmanager
def caught(handler: Callable[[int, object], None], *numbers: signal.Signals) -> Iterator[None]:
    """Call ``handler`` for these signals; the old handlers come back at the end."""
    try:
        old = {number: signal.signal(number, handler) for number in numbers}
    except ValueError:  # not the main thread, where signals do not arrive
        yield
        return
    try:
        yield
    finally:
        for number, before in old.items():
            signal.signal(number, before)
