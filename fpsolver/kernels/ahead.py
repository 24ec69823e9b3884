"""The slowest kernels compiled by a second process, while this one compiles the others: where none is on the disk yet.

Numba compiles one kernel at a time in a process. On two idle cores the first run of the quick start then takes 10.5 s
instead of 14. What the second process leaves undone this one compiles itself, as ever: nothing depends on it. Only the
command line asks for it: other programs may fork, or have Python inside, or want no process that they did not start.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import threading
import time

import numba

from fpsolver.kernels.jit import can_store_new
from fpsolver.kernels.starting import spare_scipy

READY = b"rows\n"
LIMIT = 60.0  # seconds, several times what it takes on a busy host
_running: list[subprocess.Popen[bytes]] = []


def start(k: int, axes: int) -> None:
    """Let another process compile ``sum_rows`` of these stencils, then the kernels of records; no waiting."""
    spare_scipy()
    if os.name == "posix" and sys.executable and numba.get_num_threads() > 1 and can_store_new(f"known_{k}_{axes}"):
        # -P: not the modules that happen to be in the current folder
        numbers = [str(k), str(axes), str(os.getpid())]
        command = [sys.executable, "-I" if sys.flags.isolated else "-P", "-m", __name__, *numbers]
        none, pipe = subprocess.DEVNULL, subprocess.PIPE
        with contextlib.suppress(OSError):
            _running.append(subprocess.Popen(command, bufsize=0, stdin=none, stdout=pipe, stderr=none))


def wait_for_rows() -> None:
    """Until ``sum_rows`` is on the disk, the other process has ended, or takes too long."""
    for process in _running:
        line = None
        while line not in (READY, b""):
            assert process.stdout is not None
            if not select.select([process.stdout], [], [], LIMIT)[0]:
                process.kill()
            line = process.stdout.readline()


def wait() -> None:
    """Until the other process has ended, or takes too long."""
    while _running:
        process = _running.pop()
        try:
            process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def end_with(parent: int) -> None:
    """End this process when its parent is gone, which may have been killed, and ends without what is at exit."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)


def main(k: int, axes: int, parent: int) -> None:
    """What the other process does."""
    threading.Thread(target=end_with, args=(parent,), daemon=True).start()
    from fpsolver.kernels import phase_space, records

    spare_scipy()
    phase_space.rows_of(k, axes)
    sys.stdout.buffer.write(READY)
    sys.stdout.flush()
    records.compile_sums()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
