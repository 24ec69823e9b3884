"""Locks around scratch memory: kernels leave Python's own lock, so that two threads may be in one at the same time."""

from __future__ import annotations

import os
import threading
import weakref


class Lock:
    """``with lock.held: ..``: one thread at a time. A copy is a new lock, also one that was pickled.

    And so is the one of a forked process, where nobody would open what another thread of the parent had closed.
    """

    def __init__(self) -> None:
        self.renew()
        _locks.add(self)

    def renew(self) -> None:
        """Make it a new one."""
        # itself, since an interrupt may come between the lines of a lock in Python; one thread may close it twice, such
        # as in a signal handler
        self.held = threading.RLock()

    def __reduce__(self) -> tuple[type[Lock], tuple[()]]:
        return Lock, ()


_locks: weakref.WeakSet[Lock] = weakref.WeakSet()


def _renew_all() -> None:
    for lock in list(_locks):
        lock.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
