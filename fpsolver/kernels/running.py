"""The loop over steps, stages and shares of a grid, for kernels that are called by their address."""

from __future__ import annotations

import numba

from fpsolver.kernels.jit import serial_and_parallel
from fpsolver.kernels.pointers import call, flat


def _run(kernels, W, work, numbers, integers, sums, lists, weights, stages, steps, shares):
    """Steps of stages: each makes a state from the one before, on ``shares`` of the grid, one for each thread.

    ``kernels``: addresses, first of what computes one share. It is called with all of them, which of how many shares,
    which of how many stages, the numbers of steps and of cells, and pointers: W, the two states of ``work``,
    ``stages``, packed numbers and integers, rows of the scratch arrays. Flat arrays, so that one compiled loop serves
    grids of any dimension.
    """
    for _ in range(max(steps, 1)):
        for stage in range(stages.shape[0]):
            for share in numba.prange(shares):
                call(
                    kernels[0], flat(kernels, 0), share, shares, stage, stages.shape[0], steps, W.size, flat(W, 0),
                    flat(work, 0), flat(stages, 0), flat(numbers, 0), flat(integers, 0),
                    flat(sums, share * sums.shape[1]), flat(lists, share * lists.shape[1]),
                    flat(weights, share * weights.shape[1]),
                )  # fmt: skip


run, run_parallel = serial_and_parallel(_run)
