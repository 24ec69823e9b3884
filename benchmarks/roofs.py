"""What the machine can do at most: arithmetic in the first-level cache, and moving arrays of a size; best of 15."""

from __future__ import annotations

import time
from collections.abc import Callable

import numba
import numpy as np

REPEATS = 15
DEGREE = 8
LENGTH = 1024  # numbers: 8 kB, inside the first-level cache


def samples(work: Callable[[], object], seconds: float) -> list[float]:
    """Times of one call, from runs of about ``seconds`` each."""
    work()
    begun = time.perf_counter()
    work()
    loops = max(1, int(seconds / max(time.perf_counter() - begun, 1e-7)))
    found = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        for _ in range(loops):
            work()
        found.append((time.perf_counter() - begun) / loops)
    return found


def median_seconds(work: Callable[[], object], seconds: float = 0.02) -> float:
    """Median time of one call."""
    return float(np.median(samples(work, seconds)))


@numba.njit(parallel=True, fastmath=True)
def triad(a, b, c, sweeps):
    """Every thread sweeps over its own rows, which stay in its cache if they fit."""
    for row in numba.prange(a.shape[0]):
        for _ in range(sweeps):
            for i in range(a.shape[1]):
                a[row, i] = b[row, i] + 1.5 * c[row, i]


@numba.njit(parallel=True, fastmath={"contract"})  # no reassociation: it would fold the polynomial
def horner(x, factor, shift, sweeps):
    """A polynomial of each number, ``sweeps`` times: DEGREE multiply-adds for one load and one store.

    A chain of multiply-adds waits for its own results; chains this short let the processor work on many at once.
    """
    for row in numba.prange(x.shape[0]):
        for _ in range(sweeps):
            for i in range(x.shape[1]):
                y = x[row, i]
                for _ in range(DEGREE):
                    y = y * factor + shift
                x[row, i] = y


def bandwidth(cells: int, threads: int) -> float:
    """Triad a = b + s c on arrays of cells^2 numbers, GB/s, without write-allocate traffic."""
    numba.set_num_threads(threads)
    a, b, c = (np.ones((threads, cells**2 // threads)) for _ in range(3))
    sweeps = max(1, 2_000_000 // cells**2)
    return sweeps * 3 * a.nbytes / min(samples(lambda: triad(a, b, c, sweeps), 0.02)) / 1e9


def arithmetic(threads: int) -> float:
    """Multiply-adds in the first-level cache, 1e9 in a second."""
    numba.set_num_threads(threads)
    x, sweeps = np.ones((threads, LENGTH)), 200
    return sweeps * DEGREE * x.size / min(samples(lambda: horner(x, 0.9999, 1e-9, sweeps), 0.01)) / 1e9
