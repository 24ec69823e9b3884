r"""Right-hand side and Runge-Kutta steps on grids of any number of particles, central fluxes of any even order.

    dW/dt = sum_a { -d_a[(v_a + u_a x_a) W] + D_aa d_a^2 W } + sum_{a<b} 2 D_ab d_a d_b W + quantum terms

over the axes a = q_1..q_N, p_1..p_N. v_a: reversible velocity, which does not depend on x_a; u_a: friction rate. A linear
friction turns -d_a(u x W) into -u x d_a W plus a symmetric sum, which joins the diffusion, so that each axis needs one
antisymmetric and one symmetric sum:

    sum_m s_m (W_{+m} + W_{-m}) - (v_a + u_a x_a) sum_m c_m (W_{+m} - W_{-m}).

Closure: every sum wraps around, which is skew and conservative and right for the reversible part; on a closed axis the
friction and diffusion that crossed a wall are put back (zero ghosts outside, no flux through the wall).

Layout: a *site* is a point of position space and owns a contiguous *block*, its momentum space. Velocities are sums of a
number for each site and an array over one block, so that inner loops run over long pieces of a block (*chunks*), with
the neighbours along any axis at one fixed distance in memory. Rows of a block, along p_N, carry PAD halo cells at both
ends, kept periodic by whoever writes a row. Inner indices are unsigned: for signed ones the compiler adds a branch for
negative values, which on some loops became a gather and cost a factor of two.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numba.cpython.unsafe.tuple import tuple_setitem
from numba.extending import overload
from numpy.typing import NDArray

from fpsolver.kernels.jit import OPTIONS, inlined, serial_and_parallel

PAD = 4  # the widest stencil, order 8
CHUNK = 640  # cells whose rates are held at a time: 5 KB, well inside the first cache
TASK = 4096  # cells handled by one thread at a time
U = np.uint64

Array = NDArray[np.floating[Any]]


class Coefficients(NamedTuple):
    """What the kernels need to know, for 2N axes a, S sites, blocks of M padded cells and stencil half-width k.

    on_sites (2N, S) and on_momenta (2N, M): velocity of axis a at a site plus that on its block, times c_1/h_a.
    walls[a] (2k, 2k): what the k lowest and k highest places of axis a need from the same places, to take back what
    wrapped around and to return what left. closed[a]: 1 if there is anything to correct. cross (2N, 2N), above the diagonal: 2 D_ab c_1^2/(h_a h_b). kicks (N, S, K): quantum
    terms kicks[i, site, m] (W_{+(m+1+offset)} - W_{-(m+1+offset)}) along p_i; reach = (offset, K). centre: weight of the
    cell itself. first: c_m/c_1 (the velocities carry c_1, which saves a product and a register); second: s_m of
    each axis, one after the other. Tuples, because the compiler knows their length and unrolls the sums over m. shape:
    cells of each axis; strides: distance of neighbours along each axis in memory.
    """

    on_sites: Array
    on_momenta: Array
    walls: Array
    closed: NDArray[np.integer[Any]]
    cross: Array
    kicks: Array
    reach: tuple[int, int]
    centre: float
    first: tuple[float, ...]
    second: tuple[float, ...]
    shape: tuple[int, ...]
    strides: tuple[int, ...]


# Below, arrays are passed whole, with indices: a view costs two atomic reference counts, and ten of them took as
# long as the arithmetic of a row of 96 cells.


@inlined
def _to(i, m, n, stride):
    """Distance in memory from place i of a periodic axis to place i + m."""
    t = i + m
    t = t - n if t >= n else t
    t = t + n if t < 0 else t
    return (t - i) * stride


@inlined
def _of_axis(second, a, first):
    """The k symmetric weights of axis a, as a tuple."""
    weights = first
    for m in range(len(first)):
        weights = tuple_setitem(weights, m, second[a * len(first) + m])
    return weights


@inlined
def _add_axis(W, at, i, n, stride, length, velocity, a, b, own, first, second, rate, r, fresh, weight, slope):
    """Rates of ``length`` cells from one axis, and weight x first difference; ``fresh``: store them, do not add."""
    for x in range(length):
        c = U(at) + U(x)
        up = W[c + U(_to(i, 1, n, stride))]
        down = W[c + U(_to(i, -1, n, stride))]
        odd = up - down
        even = second[0] * (up + down)
        for m in range(1, len(first)):
            up = W[c + U(_to(i, m + 1, n, stride))]
            down = W[c + U(_to(i, -m - 1, n, stride))]
            odd += first[m] * (up - down)
            even += second[m] * (up + down)
        before = 0.0 if fresh else rate[U(r) + U(x)]
        rate[U(r) + U(x)] = before + even - (own + velocity[a, U(b) + U(x)]) * odd
        if weight != 0.0:
            slope[U(r) + U(x)] += weight * odd


@inlined
def _add_drift(W, at, i, n, stride, length, velocity, a, b, own, first, rate, r, fresh):
    """The same for an axis without friction and diffusion."""
    for x in range(length):
        c = U(at) + U(x)
        odd = W[c + U(_to(i, 1, n, stride))] - W[c + U(_to(i, -1, n, stride))]
        for m in range(1, len(first)):
            odd += first[m] * (W[c + U(_to(i, m + 1, n, stride))] - W[c + U(_to(i, -m - 1, n, stride))])
        before = 0.0 if fresh else rate[U(r) + U(x)]
        rate[U(r) + U(x)] = before - (own + velocity[a, U(b) + U(x)]) * odd


@inlined
def _add_slope(W, at, i, n, stride, length, weight, first, slope, r):
    """Add weight x first difference along one axis."""
    for x in range(length):
        c = U(at) + U(x)
        odd = W[c + U(_to(i, 1, n, stride))] - W[c + U(_to(i, -1, n, stride))]
        for m in range(1, len(first)):
            odd += first[m] * (W[c + U(_to(i, m + 1, n, stride))] - W[c + U(_to(i, -m - 1, n, stride))])
        slope[U(r) + U(x)] += weight * odd


@inlined
def _add(weight, W, at, length, rate, r):
    for x in range(length):
        rate[U(r) + U(x)] += weight * W[U(at) + U(x)]


@inlined
def _add_pair(W, up, down, length, weight, rate, r):
    for x in range(length):
        rate[U(r) + U(x)] += weight * (W[U(up) + U(x)] - W[U(down) + U(x)])


@inlined
def _close(W, at, i, n, stride, length, walls, a, k, rate, r):
    """Undo what wrapped around along axis a at place i, and put back what left: only k places at each end count."""
    place = i if i < k else i - n + 2 * k
    for c in range(2 * k):
        weight = walls[a, place, c]
        if weight != 0.0:
            here = c if c < k else c + n - 2 * k
            _add(weight, W, at + (here - i) * stride, length, rate, r)


@inlined
def _close_row(W, at, n, walls, a, k, rate, r):
    """The same along a row, which starts at ``at`` in memory and at r in ``rate``."""
    for d in range(k):
        low = 0.0
        high = 0.0
        for c in range(k - d):  # what wrapped around: the weights form triangles
            low += walls[a, d, 2 * k - 1 - c] * W[at + n - 1 - c]
            high += walls[a, 2 * k - 1 - d, c] * W[at + c]
        rate[r + d] += low
        rate[r + n - 1 - d] += high
    low = 0.0
    high = 0.0
    for c in range(k):
        low += walls[a, 0, c] * W[at + c]
        high += walls[a, 2 * k - 1, 2 * k - 1 - c] * W[at + n - 1 - c]
    rate[r] += low
    rate[r + n - 1] += high


@inlined
def _kick_row(W, at, n, kicks, i, site, offset, rate, r, line):
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
def _make_periodic(W, at, n):
    """Fill the halo of the row whose first inner cell is at ``at``."""
    for t in range(PAD):
        W[at - PAD + t] = W[at + n - PAD + t]
        W[at + n + t] = W[at + t]


@inlined
def _finish(W, source, target, at, length, velocity, a, b, own, centre, first, second, rate, keep, part):
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
def _add_cross_row(slope, n, first, rate, r):
    """Derivative along a row of ``slope``, which starts at r in both arrays."""
    for x in range(n):
        c = U(r) + U(x)
        odd = slope[c + U(1)] - slope[c - U(1)]
        for m in range(1, len(first)):
            odd += first[m] * (slope[c + U(m + 1)] - slope[c - U(m + 1)])
        rate[c] += odd


@inlined
def _stretch(b, end, n, stride, reach):
    """(place along an inner axis, end of the stretch of a block from b on that shares its neighbours' distances)."""
    i = (b // stride) % n
    inside = reach <= i and i < n - reach
    places = n - reach - i if inside else 1
    return i, min(end, (b // stride + places) * stride)


@inlined
def _along_momentum(
    W, base, b, end, a, velocity, own, walls, closed, first, second, n, stride, rate, weight, slope
):  # fmt: skip
    """Rates from the axis a of a momentum that is not the last, for the cells b..end of a block."""
    k = len(first)
    x = b
    while x < end:
        i, stop = _stretch(x, end, n, stride, k)
        r = PAD + x - b
        _add_axis(
            W, base + x, i, n, stride, stop - x, velocity, a, x, own, first, second, rate, r, False, weight, slope
        )
        if closed[a] and (i < k or i >= n - k):
            _close(W, base + x, i, n, stride, stop - x, walls, a, k, rate, r)
        x = stop


@inlined
def _kick_momentum(W, base, b, end, i_particle, site, kicks, offset, n, stride, rate):
    """Quantum terms along the axis of a momentum that is not the last."""
    x = b
    while x < end:
        i, stop = _stretch(x, end, n, stride, offset + kicks.shape[2])
        for m in range(kicks.shape[2]):
            up = base + x + _to(i, offset + m + 1, n, stride)
            down = base + x + _to(i, -offset - m - 1, n, stride)
            _add_pair(W, up, down, stop - x, kicks[i_particle, site, m], rate, PAD + x - b)
        x = stop


@inlined
def _mixed(W, site, base, b, end, a1, a2, weight, first, shape, strides, block, rate):
    """Add weight x d_a1 d_a2 W for two axes of which neither is the last: differences of shifted differences."""
    size = len(shape) // 2
    x = b
    while x < end:
        stop = end
        i1 = (site // (strides[a1] // block)) % shape[a1] if a1 < size else 0
        i2 = (site // (strides[a2] // block)) % shape[a2] if a2 < size else 0
        if a1 >= size:
            i1, stop = _stretch(x, stop, shape[a1], strides[a1], len(first))
        if a2 >= size:
            i2, stop = _stretch(x, stop, shape[a2], strides[a2], len(first))
        for m in range(len(first)):
            for sign in (1, -1):
                moved = base + x + _to(i1, sign * (m + 1), shape[a1], strides[a1])
                _add_slope(
                    W, moved, i2, shape[a2], strides[a2], stop - x, sign * weight * first[m], first, rate, PAD + x - b
                )
        x = stop


def _inner_axes(
    W, site, base, b, end, on_sites, on_momenta, walls, closed, cross, kicks, reach, first, second, shape, strides,
    rate, slope,
):  # fmt: skip
    """Rates from all momenta but the last, and mixed derivatives between axes of which none is the last."""
    size, last, block = len(shape) // 2, len(shape) - 1, on_momenta.shape[1]
    for a in range(size, last):
        weights = _of_axis(second, a, first)
        _along_momentum(
            W, base, b, end, a, on_momenta, on_sites[a, site], walls, closed, first, weights, shape[a], strides[a],
            rate, cross[a, last], slope,
        )  # fmt: skip
        if kicks.shape[2] > 0:
            _kick_momentum(W, base, b, end, a - size, site, kicks, reach[0], shape[a], strides[a], rate)
    for a1 in range(last):
        for a2 in range(a1 + 1, last):
            if cross[a1, a2] != 0.0:
                _mixed(W, site, base, b, end, a1, a2, cross[a1, a2], first, shape, strides, block, rate)


@overload(_inner_axes, jit_options={**OPTIONS, "forceinline": True})
def _compile_inner_axes(
    W, site, base, b, end, on_sites, on_momenta, walls, closed, cross, kicks, reach, first, second, shape, strides,
    rate, slope,
):  # fmt: skip
    """One particle has no such axes: leaving them out saves a third of the time to compile its kernel."""
    if len(shape) > 2:
        return _inner_axes

    def nothing(
        W, site, base, b, end, on_sites, on_momenta, walls, closed, cross, kicks, reach, first, second, shape, strides,
        rate, slope,
    ):  # fmt: skip
        pass

    return nothing


@inlined
def _rates(
    W, site, base, b, end, on_sites, on_momenta, walls, closed, cross, kicks, reach, first, second, shape, strides,
    rate, slope, line,
):  # fmt: skip
    """Rates of the cells b..end of one block from all axes but the last; ``slope``: what d/dp_N still acts on."""
    size = len(shape) // 2
    last, block = len(shape) - 1, on_momenta.shape[1]
    k, row = len(first), shape[last] + 2 * PAD
    rest, at, length = site, base + b, end - b
    for a in range(size):
        stride = strides[a] // block
        i = rest // stride
        rest -= i * stride
        own, n = on_sites[a, site], shape[a]
        if second[a * k] == 0.0 and cross[a, last] == 0.0:
            _add_drift(W, at, i, n, strides[a], length, on_momenta, a, b, own, first, rate, PAD, a == 0)
        else:
            weights = _of_axis(second, a, first)
            _add_axis(
                W, at, i, n, strides[a], length, on_momenta, a, b, own, first, weights, rate, PAD, a == 0,
                cross[a, last], slope,
            )  # fmt: skip
        if closed[a] and (i < k or i >= n - k):
            _close(W, at, i, n, strides[a], length, walls, a, k, rate, PAD)
    _inner_axes(
        W, site, base, b, end, on_sites, on_momenta, walls, closed, cross, kicks, reach, first, second, shape, strides,
        rate, slope,
    )  # fmt: skip
    for start in range(b, end, row):
        at, r = base + start, PAD + start - b
        if closed[last]:
            _close_row(W, at, shape[last], walls, last, k, rate, r)
        if kicks.shape[2] > 0:
            _kick_row(W, at, shape[last], kicks, size - 1, site, reach[0], rate, r, line)


@inlined
def _cross_rows(slope, count, n, first, rate):
    """Add the derivative along p_N of ``slope`` to ``count`` rows, and clear it."""
    for r in range(count):
        start = PAD + r * (n + 2 * PAD)
        _make_periodic(slope, start, n)
        _add_cross_row(slope, n, first, rate, start)
    slope[:] = 0.0


def _advance(
    W, work, on_sites, on_momenta, walls, closed, cross, kicks, reach, centre, first, second, shape, strides, parts,
    keep, steps,
):  # fmt: skip
    """Steps of nested stages: each stage makes keep * W + part * L(result of the stage before), starting from W.

    ``W`` and the two rows of ``work`` are flat padded arrays. With keep = 1 the last stage of a step overwrites W; with
    steps = 0 and one part, keep = 0, the result is part * L W in work[1]. One kernel for both, because it takes
    seconds to compile.
    """
    last, block, sites = len(shape) - 1, on_momenta.shape[1], on_sites.shape[1]
    n = shape[last]
    row, stages = n + 2 * PAD, parts.shape[0]
    chunk = max(1, min(CHUNK // row, block // row)) * row
    task = max(1, TASK // block)
    crossed = cross[:, last].any()
    for _ in range(max(steps, 1)):
        for stage in range(stages):
            source = W if stage == 0 else work[stage % 2]
            target = W if stage == stages - 1 and steps > 0 else work[(stage + 1) % 2]
            part = parts[stage]
            for group in numba.prange((sites + task - 1) // task):
                rate = np.empty(chunk)
                slope = np.zeros(chunk if crossed else 0)
                line = np.empty(n + 2 * (reach[0] + reach[1]))
                for site in range(group * task, min(group * task + task, sites)):
                    base = site * block
                    for begin in range(0, block, chunk):
                        b, end = begin + PAD, min(begin + chunk, block) - PAD
                        _rates(
                            source, site, base, b, end, on_sites, on_momenta, walls, closed, cross, kicks, reach,
                            first, second, shape, strides, rate, slope, line,
                        )  # fmt: skip
                        if crossed:
                            _cross_rows(slope, (end - b) // row + 1, n, first, rate)
                        _finish(
                            W, source, target, base + b, end - b, on_momenta, last, b, on_sites[last, site], centre,
                            first, _of_axis(second, last, first), rate, keep, part,
                        )  # fmt: skip
                        for start in range(base + b, base + end, row):
                            _make_periodic(target, start, n)


advance, advance_parallel = serial_and_parallel(_advance)
