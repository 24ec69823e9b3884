"""Loops over the cells of one long piece of memory: what one axis of a grid of any dimension adds to dW/dt.

Part of :mod:`fpsolver.kernels.phase_space`, which explains the formulas and the layout. Numba's disk cache watches the
file of the outer kernel only: after an edit here, touch phase_space.py.
"""

from __future__ import annotations

import numpy as np
from numba.cpython.unsafe.tuple import tuple_setitem

from fpsolver.kernels.jit import inlined

PAD = 4  # the widest stencil, order 8
U = np.uint64

# Below, arrays are passed whole, with indices: a view costs two atomic reference counts, and ten of them took as
# long as the arithmetic of a row of 96 cells.


@inlined
def to(i, m, n, stride):
    """Distance in memory from place i of a periodic axis to place i + m."""
    t = i + m
    t = t - n if t >= n else t
    t = t + n if t < 0 else t
    return (t - i) * stride


@inlined
def of_axis(second, a, first):
    """The k symmetric weights of axis a, as a tuple."""
    weights = first
    for m in range(len(first)):
        weights = tuple_setitem(weights, m, second[a * len(first) + m])
    return weights


@inlined
def add_axis(W, at, i, n, stride, length, velocity, a, b, own, first, second, rate, r, fresh, weight, slope):
    """Rates of ``length`` cells from one axis, and weight x first difference; ``fresh``: store them, do not add."""
    for x in range(length):
        c = U(at) + U(x)
        up = W[c + U(to(i, 1, n, stride))]
        down = W[c + U(to(i, -1, n, stride))]
        odd = up - down
        even = second[0] * (up + down)
        for m in range(1, len(first)):
            up = W[c + U(to(i, m + 1, n, stride))]
            down = W[c + U(to(i, -m - 1, n, stride))]
            odd += first[m] * (up - down)
            even += second[m] * (up + down)
        before = 0.0 if fresh else rate[U(r) + U(x)]
        rate[U(r) + U(x)] = before + even - (own + velocity[a, U(b) + U(x)]) * odd
        if weight != 0.0:
            slope[U(r) + U(x)] += weight * odd


@inlined
def add_drift(W, at, i, n, stride, length, velocity, a, b, own, first, rate, r, fresh):
    """The same for an axis without friction and diffusion."""
    for x in range(length):
        c = U(at) + U(x)
        odd = W[c + U(to(i, 1, n, stride))] - W[c + U(to(i, -1, n, stride))]
        for m in range(1, len(first)):
            odd += first[m] * (W[c + U(to(i, m + 1, n, stride))] - W[c + U(to(i, -m - 1, n, stride))])
        before = 0.0 if fresh else rate[U(r) + U(x)]
        rate[U(r) + U(x)] = before - (own + velocity[a, U(b) + U(x)]) * odd


@inlined
def add_slope(W, at, i, n, stride, length, weight, first, slope, r):
    """Add weight x first difference along one axis."""
    for x in range(length):
        c = U(at) + U(x)
        odd = W[c + U(to(i, 1, n, stride))] - W[c + U(to(i, -1, n, stride))]
        for m in range(1, len(first)):
            odd += first[m] * (W[c + U(to(i, m + 1, n, stride))] - W[c + U(to(i, -m - 1, n, stride))])
        slope[U(r) + U(x)] += weight * odd


@inlined
def add(weight, W, at, length, rate, r):
    """Add weight x W."""
    for x in range(length):
        rate[U(r) + U(x)] += weight * W[U(at) + U(x)]


@inlined
def add_pair(W, up, down, length, weight, rate, r):
    """Add weight x (W at ``up`` - W at ``down``)."""
    for x in range(length):
        rate[U(r) + U(x)] += weight * (W[U(up) + U(x)] - W[U(down) + U(x)])


@inlined
def close(W, at, i, n, stride, length, walls, a, k, rate, r):
    """Undo what wrapped around along axis a at place i, and put back what left: only k places at each end count."""
    place = i if i < k else i - n + 2 * k
    for c in range(2 * k):
        weight = walls[a, place, c]
        if weight != 0.0:
            here = c if c < k else c + n - 2 * k
            add(weight, W, at + (here - i) * stride, length, rate, r)


@inlined
def close_row(W, target, at, n, walls, a, k, part):
    """The same along a row, for cells of ``target`` that hold part x their rates already.

    Corrections of the rates themselves, before they are used, would stall the vector loads that follow.
    """
    for d in range(k):
        low = 0.0
        high = 0.0
        for c in range(k - d):  # what wrapped around: the weights form triangles
            low += walls[a, d, 2 * k - 1 - c] * W[at + n - 1 - c]
            high += walls[a, 2 * k - 1 - d, c] * W[at + c]
        if d == 0:
            for c in range(k):  # what left through the walls
                low += walls[a, 0, c] * W[at + c]
                high += walls[a, 2 * k - 1, 2 * k - 1 - c] * W[at + n - 1 - c]
        target[at + d] += part * low
        target[at + n - 1 - d] += part * high


@inlined
def kick_row(W, at, n, kicks, i, site, offset, rate, r, line):
    """Quantum terms along a row; ``line`` holds it with as many periodic cells as the kicks reach."""
    reach = offset + kicks.shape[2]
    for t in range(n + 2 * reach):
        line[t] = W[at + (t - reach) % n]
    for m in range(kicks.shape[2]):
        shift = offset + m + 1
        for x in range(n):
            difference = line[U(reach + shift) + U(x)] - line[U(reach - shift) + U(x)]
            rate[U(r) + U(x)] += kicks[i, site, m] * difference


@inlined
def make_periodic(W, at, n):
    """Fill the halo of the row whose first inner cell is at ``at``."""
    for t in range(PAD):
        W[at - PAD + t] = W[at + n - PAD + t]
        W[at + n + t] = W[at + t]


@inlined
def finish(W, source, target, at, length, velocity, a, b, own, centre, first, second, rate, keep, part):
    """Add the axis p_N and update: target = keep W + part x rate."""
    for x in range(length):
        c = U(at) + U(x)
        up = source[c + U(1)]
        down = source[c - U(1)]
        odd = up - down
        even = rate[U(PAD) + U(x)] + centre * source[c] + second[0] * (up + down)
        for m in range(1, len(first)):
            up = source[c + U(m + 1)]
            down = source[c - U(m + 1)]
            odd += first[m] * (up - down)
            even += second[m] * (up + down)
        target[c] = keep * W[c] + part * (even - (own + velocity[a, U(b) + U(x)]) * odd)


@inlined
def add_cross_row(slope, n, first, rate, r):
    """Derivative along a row of ``slope``, which starts at r in both arrays."""
    for x in range(n):
        c = U(r) + U(x)
        odd = slope[c + U(1)] - slope[c - U(1)]
        for m in range(1, len(first)):
            odd += first[m] * (slope[c + U(m + 1)] - slope[c - U(m + 1)])
        rate[c] += odd
