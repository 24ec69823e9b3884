"""All sums of a record in one pass over the cells: logarithms and quotients of W, currents, forces."""

from __future__ import annotations

import numpy as np

from fpsolver.kernels import ahead
from fpsolver.kernels.jit import inlined, kernel
from fpsolver.kernels.memory import Array
from fpsolver.kernels.pointers import flat

LANES = 128  # cells at a time: some ten arrays of them stay in the fastest cache
SINGLE = 6  # sums without components


def sums(
    W: Array, rate: Array, log_W: Array, gradient: Array, position: Array, drift: Array, D: Array, inverse: Array,
    cross: Array, lowest: float, centre: Array, precision: Array,
) -> Array:  # fmt: skip
    """Sums of 6 + 3 d terms over the cells of W (cells); vectors are (d, cells), matrices (d, d).

    W ln W, rate ln W, W^2, min(W, 0), abs(rate); [abs(inverse) size]_k size_k abs(W) where W <= lowest, with
    size = abs(drift) + D abs(precision (x - centre)), left out if precision is empty; and for each component k
    J_k [inverse J]_k / W, [inverse drift]_k J_k, -g_k [cross g]_k / W, quotients where W > lowest, J = drift W - D g.
    Every lane has its own sums, which are added at the end: their order depends on the number of cells alone.
    """
    d = len(drift)
    lanes, room = np.zeros((SINGLE + 3 * d, LANES)), np.empty((2 * d + 1, LANES))
    _add(W, rate, log_W, gradient, position, drift, D, inverse, cross, lowest, centre, precision, lanes, room)
    return np.asarray(lanes.sum(axis=1))


def compile_sums() -> None:
    """Compile the kernel of the sums, or load it from the disk cache."""
    ahead.wait()
    one, square = np.zeros((2, 1)), np.zeros((2, 2))
    sums(one[0], one[0], one[0], one, one, one, square, square, square, 0.0, one[:, 0].copy(), np.zeros((0, 0)))


@kernel
def _add(W, rate, log_W, gradient, position, drift, D, inverse, cross, lowest, centre, precision, lanes, room):
    """Add the terms of every cell to the sums of its lane; ``room``: for 2 d + 1 numbers of each."""
    d, cells = drift.shape
    quotient, tail = flat(room, 2 * d * LANES), flat(lanes, 5 * LANES)
    for begin in range(0, cells, LANES):
        n, w = min(LANES, cells - begin), flat(W, begin)
        _add_single(n, w, flat(rate, begin), flat(log_W, begin), flat(lanes, 0))
        for x in range(n):
            quotient[x] = 1 / (w[x] if w[x] > lowest else np.inf)
        _find_current(n, cells, w, flat(gradient, begin), flat(drift, begin), D, flat(room, 0))
        _add_channels(
            n, cells, flat(gradient, begin), flat(drift, begin), inverse, cross, quotient, flat(room, 0),
            flat(lanes, SINGLE * LANES),
        )  # fmt: skip
        if len(precision) > 0:
            for x in range(n):
                quotient[x] = 0.0 if w[x] > lowest else abs(w[x])
            _find_size(n, cells, flat(position, begin), flat(drift, begin), D, centre, precision, flat(room, 0))
            _add_tail(n, inverse, quotient, flat(room, 0), tail)


@inlined
def _add_single(n, w, change, log_w, lanes):
    """W ln W, rate ln W, W^2, min(W, 0), abs(rate)."""
    second, third, fourth, fifth = (
        flat(lanes, LANES),
        flat(lanes, 2 * LANES),
        flat(lanes, 3 * LANES),
        flat(lanes, 4 * LANES),
    )
    for x in range(n):
        lanes[x] += w[x] * log_w[x]
        second[x] += change[x] * log_w[x]
        third[x] += w[x] * w[x]
        fourth[x] += min(w[x], 0.0)
        fifth[x] += abs(change[x])


@inlined
def _find_current(n, cells, w, gradient, drift, D, current):
    """J = drift W - D g, into d rows."""
    for k in range(len(D)):
        J, a = flat(current, k * LANES), flat(drift, k * cells)
        for x in range(n):
            J[x] = a[x] * w[x]
        for j in range(len(D)):
            if D[k, j] != 0.0:
                g, weight = flat(gradient, j * cells), D[k, j]
                for x in range(n):
                    J[x] -= weight * g[x]


@inlined
def _add_channels(n, cells, gradient, drift, inverse, cross, quotient, current, lanes):
    """J_k [inverse J]_k / W, [inverse drift]_k J_k, -g_k [cross g]_k / W."""
    d = len(inverse)
    for k in range(d):
        production, flux, crossed = (
            flat(lanes, k * LANES),
            flat(lanes, (d + k) * LANES),
            flat(lanes, (2 * d + k) * LANES),
        )
        J, g = flat(current, k * LANES), flat(gradient, k * cells)
        for j in range(d):
            weight = inverse[k, j]
            if weight != 0.0:
                other, a = flat(current, j * LANES), flat(drift, j * cells)
                for x in range(n):
                    production[x] += weight * J[x] * other[x] * quotient[x]
                    flux[x] += weight * J[x] * a[x]
            weight = cross[k, j]
            if weight != 0.0:
                h = flat(gradient, j * cells)
                for x in range(n):
                    crossed[x] -= weight * g[x] * h[x] * quotient[x]


@inlined
def _find_size(n, cells, position, drift, D, centre, precision, room):
    """abs(drift) + D abs(precision (x - centre)), into d rows."""
    d = len(D)
    for k in range(d):
        slope = flat(room, (d + k) * LANES)
        for x in range(n):
            slope[x] = 0.0
        for j in range(d):
            if precision[k, j] != 0.0:
                here, weight, origin = flat(position, j * cells), precision[k, j], centre[j]
                for x in range(n):
                    slope[x] += weight * (here[x] - origin)
    for k in range(d):
        a, size = flat(drift, k * cells), flat(room, k * LANES)
        for x in range(n):
            size[x] = abs(a[x])
        for j in range(d):
            if D[k, j] != 0.0:
                slope, weight = flat(room, (d + j) * LANES), D[k, j]
                for x in range(n):
                    size[x] += weight * abs(slope[x])


@inlined
def _add_tail(n, inverse, absolute, sizes, tail):
    """[abs(inverse) size]_k size_k times abs(W) where there is hardly any."""
    for k in range(len(inverse)):
        for j in range(len(inverse)):
            if inverse[k, j] != 0.0:
                size, other, weight = flat(sizes, k * LANES), flat(sizes, j * LANES), abs(inverse[k, j])
                for x in range(n):
                    tail[x] += weight * size[x] * other[x] * absolute[x]
