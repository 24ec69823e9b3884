"""Central first difference along any axis of any grid."""

from __future__ import annotations

from fpsolver.kernels.jit import kernel


@kernel
def central(W, stride, weights, periodic, out):
    """Difference along an axis whose neighbours are ``stride`` apart in each row of W; zero beyond a closed end.

    out[a, x] = sum_m weights[m] (W[a, x + (m+1) stride] - W[a, x - (m+1) stride]). Every axis of a C-ordered array
    has this form, with the axes before it as rows: the inner loops are contiguous for all of them. They run over
    slices from 0: an index that might be negative costs a branch, and with it five times the time.
    """
    n = W.shape[1]
    for a in range(W.shape[0]):
        row, found = W[a], out[a]
        found[:] = 0.0
        for m in range(weights.shape[0]):
            shift, weight = (m + 1) * stride, weights[m]
            ahead, first, last = row[shift:], found[: n - shift], found[shift:]
            for x in range(n - shift):
                first[x] += weight * ahead[x]
            for x in range(n - shift):
                last[x] -= weight * row[x]
            if periodic:
                behind, end = row[n - shift :], found[n - shift :]
                for x in range(shift):
                    end[x] += weight * row[x]
                    found[x] -= weight * behind[x]
