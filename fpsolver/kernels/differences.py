"""Central first difference along the middle axis of a three-dimensional view: any axis of any grid."""

from __future__ import annotations

from fpsolver.kernels.jit import kernel


@kernel
def central(W, weights, periodic, out):
    """Out[a, i, b] = sum_m weights[m] (W[a, i+m+1, b] - W[a, i-m-1, b]); zero beyond a closed end."""
    n = W.shape[1]
    for a in range(W.shape[0]):
        for i in range(n):
            for b in range(W.shape[2]):
                out[a, i, b] = 0.0
            for m in range(weights.shape[0]):
                up = i + m + 1
                down = i - m - 1
                if periodic or up < n:
                    up = up - n if up >= n else up
                    for b in range(W.shape[2]):
                        out[a, i, b] += weights[m] * W[a, up, b]
                if periodic or down >= 0:
                    down = down + n if down < 0 else down
                    for b in range(W.shape[2]):
                        out[a, i, b] -= weights[m] * W[a, down, b]
