"""The slowest kernels compiled by a second process, while this one compiles the others: where none is on the disk yet.

Numba compiles one kernel at a time in a process. On two idle cores the first run of the quick start then takes 10.5 s
instead of 14. What the second process leaves undone this one compiles itself, as ever: nothing depends on it.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import subprocess
import sys
from pathlib import Path

import numba

_running: list[subprocess.Popen[bytes]] = []


def start(k: int, axes: int) -> None:
    """Let another process compile ``sum_rows`` of these stencils, then the kernels of records; no waiting."""
    if numba.get_num_threads() > 1 and Path(sys.executable or "").name.startswith("python"):
        command = [sys.executable, "-m", __name__, str(k), str(axes)]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path or "." for path in sys.path)}
        with contextlib.suppress(OSError):
            _running.append(
                subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                    env=environment,
                )
            )  # fmt: skip


def wait_for_rows() -> None:
    """Until ``sum_rows`` is on the disk, or the other process has ended."""
    for process in _running:
        assert process.stdout is not None
        process.stdout.readline()


def wait() -> None:
    """Until the other process has ended."""
    while _running:
        _running.pop().communicate()


@atexit.register
def stop() -> None:
    """End it where nobody has waited for it."""
    for process in _running:
        process.kill()
    wait()


def main(k: int, axes: int) -> None:
    """What the other process does."""
    from fpsolver.kernels import phase_space, records
    from fpsolver.kernels.starting import spare_scipy

    spare_scipy()
    phase_space.rows_of(k, axes)
    print(flush=True)
    records.compile_sums()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
