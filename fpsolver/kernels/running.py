"""The loop over steps, stages and shares of a grid, for all kernels."""

from __future__ import annotations

import numba

from fpsolver.kernels.jit import serial_and_parallel
from fpsolver.kernels.simd import call, flat


def _run(address, W, work, numbers, integers, sums, lists, weights, stages, steps, shares):
    """Steps of stages: each makes a state from the one before, on ``shares`` of the grid, one for each thread.

    ``address``: of what computes one share; it is called with which of how many shares, of how many stages and steps,
    and with pointers: W, the two states of ``work``, ``stages``, packed numbers and integers, rows of the scratch
    arrays. Flat arrays, so that one compiled loop serves grids of any dimension.
    """
    for _ in range(max(steps, 1)):
        for stage in range(stages.shape[0]):
            for share in numba.prange(shares):
                call(
                    address, share, shares, stage, stages.shape[0], steps, W.size, flat(W, 0), flat(work, 0),
                    flat(stages, 0), flat(numbers, 0), flat(integers, 0), flat(sums, share * sums.shape[1]),
                    flat(lists, share * lists.shape[1]), flat(weights, share * weights.shape[1]),
                )  # fmt: skip


run, run_parallel = serial_and_parallel(_run)
