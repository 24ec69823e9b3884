"""Standard streams that are closed (`>&-`), full (`2>/dev/full`) or read by nobody: no reason to lose a result."""

from __future__ import annotations

import contextlib
import io
import os
import select
import sys
from collections.abc import Iterator


class Unheard(io.TextIOWrapper):
    """Standard error as usual; but what cannot be said there ends no run."""

    def write(self, text: str, /) -> int:
        """Write, if that is possible."""
        with contextlib.suppress(OSError):
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, if that is possible."""
        with contextlib.suppress(OSError):
            super().flush()


def replace_missing() -> None:
    """Let closed streams lead nowhere, and keep their numbers from files opened later; say what can be said."""
    for number, (name, mode) in enumerate({"stdin": "r", "stdout": "w", "stderr": "w"}.items()):
        if getattr(sys, name) is None:
            stream = open(_nowhere(number), mode, encoding="utf-8")  # noqa: SIM115  (as long as the process)
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
    if isinstance(sys.stderr, io.TextIOWrapper):
        old = sys.stderr
        sys.stderr = Unheard(old.buffer, old.encoding, old.errors, line_buffering=True)


@contextlib.contextmanager
def heard_or_not(status: int) -> Iterator[None]:
    """Print something; that nobody reads standard output any more hides no failure, whose status is not 0."""
    try:
        yield
    except BrokenPipeError:
        if status == 0:
            raise


def is_unread(number: int) -> bool:
    """True if the reader of a pipe has gone."""
    if sys.platform == "win32":
        return True
    poll = select.poll()
    poll.register(number, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def _nowhere(number: int) -> int:
    """A file that leads nowhere, of that number if it is free."""
    handle = os.open(os.devnull, os.O_RDWR)
    os.set_inheritable(handle, True)  # by the workers of a sweep, whose numbers these are, too
    with contextlib.suppress(OSError):
        os.fstat(number)
        return handle
    os.dup2(handle, number)
    os.close(handle)
    return number
