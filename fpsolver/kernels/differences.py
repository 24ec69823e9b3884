"""Central first difference along any axis of any grid."""

from __future__ import annotations

from fpsolver.kernels.jit import kernel


@kernel
def central(W, stride, weights, periodic, out):
    """Difference along an axis whose neighbours are ``stride`` apart in each row of W; zero beyond a closed end.

    out[a, x] = sum_m weights[m] (W[a, x + (m+1) stride] - W[a, x - (m+1) stride]). Every axis of a C-ordered array
    has this form, with the axes before it as rows: the inner loops are contiguous for all of them.
    """
    n = W.shape[1]
    for a in range(W.shape[0]):
        for x in range(n):
            out[a, x] = 0.0
        for m in range(weights.shape[0]):
            shift = (m + 1) * stride
            for x in range(n - shift):
                out[a, x] += weights[m] * W[a, x + shift]
            for x in range(n - shift):
                out[a, x + shift] -= weights[m] * W[a, x]
            if periodic:
                for x in range(shift):
                    out[a, n - shift + x] += weights[m] * W[a, x]
                    out[a, x] -= weights[m] * W[a, n - shift + x]
