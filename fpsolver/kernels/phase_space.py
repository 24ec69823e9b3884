r"""Right-hand side and Runge-Kutta steps on grids of any number of particles, central fluxes of any even order.

    dW/dt = sum_a { -d_a[(v_a + u_a x_a) W] + D_aa d_a^2 W } + sum_{a<b} 2 D_ab d_a d_b W + quantum terms

over the axes a = q_1..q_N, p_1..p_N. v_a: reversible velocity, which does not depend on x_a; u_a: friction rate. A
linear friction turns -d_a(u x W) into -u x d_a W plus a symmetric sum, which joins the diffusion, so that each axis
needs one antisymmetric and one symmetric sum:

    sum_m s_m (W_{+m} + W_{-m}) - (v_a + u_a x_a) sum_m c_m (W_{+m} - W_{-m}).

Closure: every sum wraps around, which is skew and conservative and right for the reversible part; on a closed axis the
friction and diffusion that crossed a wall are put back (zero ghosts outside, no flux through the wall).

Layout: a *site* is a point of position space and owns a contiguous *block*, its momentum space. Velocities are sums of
a number for each site and an array over one block, so that inner loops run over long pieces of a block (*chunks*),
with the neighbours along any axis at one fixed distance in memory. Rows of a block, along p_N, carry PAD halo cells at
both ends, kept periodic by whoever writes a row. Inner indices are unsigned: for signed ones the compiler adds a branch
for negative values, which on some loops became a gather and cost a factor of two.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numba.extending import overload
from numpy.typing import NDArray

from fpsolver.kernels.axes import (
    PAD,
    add_axis,
    add_cross_row,
    add_drift,
    add_pair,
    add_slope,
    close,
    close_row,
    finish,
    kick_row,
    make_periodic,
    of_axis,
    to,
)
from fpsolver.kernels.jit import OPTIONS, inlined, serial_and_parallel

CHUNK = 640  # cells whose rates are held at a time: 5 KB, well inside the first cache
TASK = 4096  # cells handled by one thread at a time

Array = NDArray[np.floating[Any]]


class Coefficients(NamedTuple):
    """What the kernels need to know, for 2N axes a, S sites, blocks of M padded cells and stencil half-width k.

    on_sites (2N, S) and on_momenta (2N, M): velocity of axis a at a site plus that on its block, times c_1/h_a.
    walls[a] (2k, 2k): what the k lowest and k highest places of axis a need from the same places, to take back what
    wrapped around and to return what left. closed[a]: 1 if there is anything to correct. cross (2N, 2N), above the
    diagonal: 2 D_ab c_1^2/(h_a h_b). kicks (N, S, K): quantum terms kicks[i, site, m] (W_{+d} - W_{-d}) along p_i with
    d = offset + m + 1; reach = (offset, K). centre: weight of the cell itself. first: c_m/c_1 (the velocities carry
    c_1, which saves a product and a register); second: s_m of each axis, one after the other. Tuples, because the
    compiler knows their length and unrolls the sums over m. shape: cells of each axis; strides: distance of neighbours
    along each axis in memory.
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
        add_axis(W, base + x, i, n, stride, stop - x, velocity, a, x, own, first, second, rate, r, False, weight, slope)
        if closed[a] and (i < k or i >= n - k):
            close(W, base + x, i, n, stride, stop - x, walls, a, k, rate, r)
        x = stop


@inlined
def _kick_momentum(W, base, b, end, i_particle, site, kicks, offset, n, stride, rate):
    """Quantum terms along the axis of a momentum that is not the last."""
    x = b
    while x < end:
        i, stop = _stretch(x, end, n, stride, offset + kicks.shape[2])
        for m in range(kicks.shape[2]):
            up = base + x + to(i, offset + m + 1, n, stride)
            down = base + x + to(i, -offset - m - 1, n, stride)
            add_pair(W, up, down, stop - x, kicks[i_particle, site, m], rate, PAD + x - b)
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
                moved = base + x + to(i1, sign * (m + 1), shape[a1], strides[a1])
                add_slope(
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
        weights = of_axis(second, a, first)
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
            add_drift(W, at, i, n, strides[a], length, on_momenta, a, b, own, first, rate, PAD, a == 0)
        else:
            weights = of_axis(second, a, first)
            add_axis(
                W, at, i, n, strides[a], length, on_momenta, a, b, own, first, weights, rate, PAD, a == 0,
                cross[a, last], slope,
            )  # fmt: skip
        if closed[a] and (i < k or i >= n - k):
            close(W, at, i, n, strides[a], length, walls, a, k, rate, PAD)
    _inner_axes(
        W, site, base, b, end, on_sites, on_momenta, walls, closed, cross, kicks, reach, first, second, shape, strides,
        rate, slope,
    )  # fmt: skip
    if kicks.shape[2] > 0:
        for x in range(b, end, row):
            kick_row(W, base + x, shape[last], kicks, size - 1, site, reach[0], rate, PAD + x - b, line)


@inlined
def _cross_rows(slope, count, n, first, rate):
    """Add the derivative along p_N of ``slope`` to ``count`` rows, and clear it."""
    for r in range(count):
        start = PAD + r * (n + 2 * PAD)
        make_periodic(slope, start, n)
        add_cross_row(slope, n, first, rate, start)
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
                        finish(
                            W, source, target, base + b, end - b, on_momenta, last, b, on_sites[last, site], centre,
                            first, of_axis(second, last, first), rate, keep, part,
                        )  # fmt: skip
                        for start in range(base + b, base + end, row):
                            if closed[last]:
                                close_row(source, target, start, n, walls, last, len(first), part)
                            make_periodic(target, start, n)


advance, advance_parallel = serial_and_parallel(_advance)
