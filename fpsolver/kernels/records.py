"""All sums of a record in one pass over the cells: logarithms and quotients of W, currents, forces."""

from __future__ import annotations

import numpy as np

from fpsolver.kernels.jit import kernel

LANES = 128  # cells at a time: some ten arrays of them stay in the fastest cache
SINGLE = 6  # sums without components


@kernel
def sums(W, rate, log_W, gradient, position, drift, D, inverse, cross, lowest, centre, precision):
    """Sums of 6 + 3 d terms over the cells of W (cells); vectors are (d, cells), matrices (d, d).

    W ln W, rate ln W, W^2, min(W, 0), abs(rate); [abs(inverse) size]_k size_k abs(W) where W <= lowest, with
    size = abs(drift) + D abs(precision (x - centre)), left out if precision is empty; and for each component k
    J_k [inverse J]_k / W, [inverse drift]_k J_k, -g_k [cross g]_k / W, quotients where W > lowest, J = drift W - D g.
    Every lane has its own sums, which are added at the end: their order depends on the number of cells alone.
    """
    d, cells = drift.shape
    lanes = np.zeros((SINGLE + 3 * d, LANES))
    current, slope, size, quotient = np.empty((d, LANES)), np.empty((d, LANES)), np.empty((d, LANES)), np.empty(LANES)
    for begin in range(0, cells, LANES):
        end = min(begin + LANES, cells)
        n, w, change, log_w = end - begin, W[begin:end], rate[begin:end], log_W[begin:end]
        for x in range(n):
            lanes[0, x] += w[x] * log_w[x]
            lanes[1, x] += change[x] * log_w[x]
            lanes[2, x] += w[x] * w[x]
            lanes[3, x] += min(w[x], 0.0)
            lanes[4, x] += abs(change[x])
        for x in range(n):
            quotient[x] = 1 / (w[x] if w[x] > lowest else np.inf)
        for k in range(d):
            a, J = drift[k, begin:end], current[k]
            for x in range(n):
                J[x] = a[x] * w[x]
            for j in range(d):
                if D[k, j] != 0.0:
                    g, weight = gradient[j, begin:end], D[k, j]
                    for x in range(n):
                        J[x] -= weight * g[x]
        for k in range(d):
            production, flux, crossed = lanes[SINGLE + k], lanes[SINGLE + d + k], lanes[SINGLE + 2 * d + k]
            J, g = current[k], gradient[k, begin:end]
            for j in range(d):
                weight = inverse[k, j]
                if weight != 0.0:
                    other, a = current[j], drift[j, begin:end]
                    for x in range(n):
                        production[x] += weight * J[x] * other[x] * quotient[x]
                        flux[x] += weight * J[x] * a[x]
                weight = cross[k, j]
                if weight != 0.0:
                    h = gradient[j, begin:end]
                    for x in range(n):
                        crossed[x] -= weight * g[x] * h[x] * quotient[x]
        if len(precision) > 0:
            for k in range(d):
                s = slope[k]
                s[:] = 0.0
                for j in range(d):
                    if precision[k, j] != 0.0:
                        here, weight, origin = position[j, begin:end], precision[k, j], centre[j]
                        for x in range(n):
                            s[x] += weight * (here[x] - origin)
            for k in range(d):
                a, total = drift[k, begin:end], size[k]
                for x in range(n):
                    total[x] = abs(a[x])
                for j in range(d):
                    if D[k, j] != 0.0:
                        s, weight = slope[j], D[k, j]
                        for x in range(n):
                            total[x] += weight * abs(s[x])
            for x in range(n):
                quotient[x] = 0.0 if w[x] > lowest else abs(w[x])
            tail = lanes[5]
            for k in range(d):
                for j in range(d):
                    if inverse[k, j] != 0.0:
                        total, other, weight = size[k], size[j], abs(inverse[k, j])
                        for x in range(n):
                            tail[x] += weight * total[x] * other[x] * quotient[x]
    found = np.zeros(len(lanes))
    for k in range(len(lanes)):
        for x in range(LANES):
            found[k] += lanes[k, x]
    return found
