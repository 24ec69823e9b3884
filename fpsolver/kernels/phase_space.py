r"""Right-hand side and Runge-Kutta steps on grids of any number of particles, central fluxes of any even order.

    dW/dt = sum_a { -d_a[(v_a + u_a x_a) W] + D_aa d_a^2 W } + sum_{a<b} 2 D_ab d_a d_b W + quantum terms

over the axes a = q_1..q_N, p_1..p_N. v_a: reversible velocity, which does not depend on x_a; u_a: friction rate. A
linear friction turns -d_a(u x W) into -u x d_a W plus a symmetric sum, which joins the diffusion, so that each axis
needs one antisymmetric and one symmetric sum:

    sum_m s_m (W_{+m} + W_{-m}) - (v_a + u_a x_a) sum_m c_m (W_{+m} - W_{-m}).

Closure: every sum wraps around, which is skew and conservative and right for the reversible part; on a closed axis the
friction and diffusion that crossed a wall are put back (zero ghosts outside, no flux through the wall).

Layout: a *site* is a point of position space and owns a contiguous *block*, its momentum space. Velocities are sums of
a number for each site and an array over one block. Rows of a block, along p_N, of at least eight cells, carry PAD halo
cells at both ends, kept periodic by whoever writes a row.

A row is computed in one pass, eight cells at a time (:mod:`fpsolver.kernels.simd`). Two axes need numbers of every
cell: p_N itself and q_N, whose velocity is p_N/m. For all others the velocity is one number in a row (but for friction
that mixes particles), so that what they, their walls, their quantum terms and mixed derivatives add is a list of terms,
weight x W at some distance, written down once for the row.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from fpsolver.kernels.axes import (
    PAD,
    along,
    along_row,
    difference,
    finish_row,
    make_periodic,
    start,
    sum_row,
    take,
    unroll,
)
from fpsolver.kernels.jit import inlined, serial_and_parallel
from fpsolver.kernels.memory import Array, empty_padded
from fpsolver.kernels.simd import LANES, flat, load, splat, store
from fpsolver.kernels.terms import add_kicks, added, find_places, list_slopes, list_terms, next_place, weigh_axes

TASK = 4096  # cells handled by one thread at a time, at most, or one block


class Coefficients(NamedTuple):
    """What the kernels need to know, for 2N axes a, S sites, blocks of M padded cells and stencil half-width k.

    on_sites (2N, S) and on_momenta (2N, M): velocity of axis a at a site plus that on its block, times c_1/h_a.
    uneven[a]: 1 for an axis other than q_N and p_N whose velocity changes along rows. For all axes but p_N: near and
    spread[a, place, ..], distance in memory and symmetric weight of the k places above and the k below, walls included;
    selves[a, place], what walls add to the weight of the cell itself. turn: c_m/c_1 for the places above, with a minus
    below. ends (2, 2k, 8): what the walls of p_N add to the first and the last 8 cells of a row, from its k lowest and
    k highest. cross (2N, 2N), above the diagonal: 2 D_ab c_1^2/(h_a h_b). kicks (N, S, K): quantum terms
    kicks[i, site, m] (W_{+d} - W_{-d}) along p_i with d = offset + m + 1; reach = (offset, K). centre: weight of the
    cell itself. first: c_m/c_1 (the velocities carry c_1, which saves a product and a register); second: s_m of p_N.
    Tuples, because the compiler knows their length and unrolls the sums over m. shape: cells of each axis; strides:
    distance of neighbours along each axis in memory; ahead: (1, .., k).
    """

    on_sites: Array
    on_momenta: Array
    uneven: NDArray[np.integer[Any]]
    near: NDArray[np.int64]
    spread: Array
    selves: Array
    turn: Array
    ends: Array
    cross: Array
    kicks: Array
    reach: tuple[int, int]
    centre: float
    first: tuple[float, ...]
    second: tuple[float, ...]
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    ahead: tuple[int, ...]


def tasks(coefficients: Coefficients) -> tuple[int, Array, NDArray[np.int64], Array]:
    """Places along q_1 in one task, and what each task writes into: rows of numbers, places and distances, weights.

    Consecutive tasks take the blocks along q_1: their neighbours along q_1 are then still in the second-level cache.
    (Few rows of many blocks at a time fit the first, but break the streams of the prefetcher: 0.42 instead of 0.61
    Gcell/s on 32^4 and two threads.)
    """
    shape, k, (offset, kicks) = coefficients.shape, len(coefficients.first), coefficients.reach
    last, size, row = len(shape) - 1, len(shape) // 2, shape[-1] + 2 * PAD
    length = min(shape[0], max(1, TASK // coefficients.on_momenta.shape[1]))
    count = -(-shape[0] // length) * (coefficients.on_sites.shape[1] // shape[0])
    terms = last * (LANES + 2 * k) + last * (last - 1) // 2 * 4 * k * k + size * 2 * kicks
    numbers = empty_padded((count, 3 * row + 2 * LANES + 2 * (offset + kicks)))[0]
    return length, numbers, np.empty((count, 2 * last + 2 + terms), np.int64), np.empty((count, terms))


@inlined
def _sum_terms(
    source, at, y, site, sites, block, places, slots, distances, weights, steady, rows, own, velocity, uneven, near,
    spread, turn, longest, cross, kicks, reach, first, shape, strides, ahead, mixes, crossed,
    pairs,
):  # fmt: skip
    """Sums of all terms of a row into rows[PAD], ..; returns whether there are any."""
    n, size, far = shape[len(shape) - 1], len(shape) // 2, reach[0] + reach[1]
    pitch = n + 2 * PAD + LANES
    axes, end = 0, 0
    if size > 1:
        axes = weigh_axes(
            slots, steady, places, site, y, sites, block, own, velocity, uneven, spread, turn, shape, longest
        )
        if pairs or reach[1] > 0:
            end = list_terms(distances, weights, places, site, sites, cross, kicks, reach, first, shape, strides)
        sum_row(source, at, n, near, slots, steady, axes, first, distances, weights, 0, end, rows, PAD, True)
    fresh = size == 1
    if reach[1] > 0:
        start_kicks = ((size - 1) * sites + site) * reach[1]
        end = add_kicks(distances, weights, 0, far, 2 * far + 1, 1, kicks, start_kicks, reach)
        unroll(source, at, n, far, rows, 2 * pitch)
        sum_row(rows, 2 * pitch + far, n, near, slots, steady, 0, first, distances, weights, 0, end, rows, PAD, fresh)
        fresh = False
    if mixes:
        fresh = _add_uneven(
            source, at, y, n, places, flat(own, site), sites, block, velocity, uneven, near, spread, first, shape,
            longest, ahead, rows, fresh,
        )  # fmt: skip
    if crossed:
        end = list_slopes(distances, weights, places, cross, first, shape, strides)
        sum_row(source, at, n, near, slots, steady, 0, first, distances, weights, 0, end, rows, pitch + PAD, True)
        _add_slopes(rows, pitch + PAD, n, first, fresh)
        fresh = False
    return not fresh


@inlined
def _add_uneven(
    source, at, y, n, places, own, sites, block, velocity, uneven, near, spread, first, shape, longest, ahead, rows,
    fresh,
):  # fmt: skip
    """Add the axes whose velocity changes along the row to its sums; returns whether there are still none."""
    k, tail = len(first), n - LANES
    for a in range(len(shape) - 1):
        if uneven[a]:
            slot, to_y, speed = (a * longest + places[a]) * LANES, a * block + y, own[a * sites]
            ups, downs = take(near, slot, ahead), take(near, slot + k, ahead)
            above, below = take(spread, slot, first), take(spread, slot + k, first)
            rest = start(rows, PAD + tail, fresh)
            rest = along(rest, source, at + tail, ups, downs, above, below, velocity, to_y + tail, speed, first)
            for x in range(0, tail + 1, LANES):
                rates = start(rows, PAD + x, fresh)
                rates = along(rates, source, at + x, ups, downs, above, below, velocity, to_y + x, speed, first)
                store(rows, PAD + x, rates)
            store(rows, PAD + tail, rest)
            fresh = False
    return fresh


@inlined
def _add_slopes(rows, slopes, n, first, fresh):
    """Add the derivative along the row of what begins at ``slopes`` (up to 7 cells beyond the end, which are free)."""
    make_periodic(rows, slopes, n)
    for x in range(0, n, LANES):
        store(rows, PAD + x, start(rows, PAD + x, fresh) + difference(rows, slopes + x, first))


@inlined
def _cells(
    rates, x, W, source, at, y, ups, downs, above, below, velocity, to_q, to_p, own_q, own_p, here, first, second, keep,
    part,
):  # fmt: skip
    """New values of 8 cells from place x of a row: keep W + part x (rates so far + axes q_N and p_N)."""
    rates = along(rates, source, at + x, ups, downs, above, below, velocity, to_q + y + x, own_q, first)
    rates = along_row(rates, source, at + x, velocity, to_p + y + x, own_p, here, first, second)
    return keep * load(W, at + x) + part * rates


@inlined
def _update_row(
    n, listed, rows, W, source, target, at, y, ups, downs, above, below, velocity, to_q, to_p, own_q, own_p, here,
    first, second, keep, part,
):  # fmt: skip
    """New values of a row. Its last 8 cells are computed first and stored last: ``target`` may be W.

    Two loops, with terms and without: a condition within costs a sixth of the speed of a grid of one particle.
    """
    rest, tail = splat(0.0), n - LANES
    if n % LANES != 0:
        rest = _cells(
            load(rows, PAD + tail) if listed else splat(0.0), tail, W, source, at, y, ups, downs, above, below,
            velocity, to_q, to_p, own_q, own_p, here, first, second, keep, part,
        )  # fmt: skip
    if listed:
        for x in range(0, tail + 1, LANES):
            value = _cells(
                load(rows, PAD + x), x, W, source, at, y, ups, downs, above, below, velocity, to_q, to_p, own_q, own_p,
                here, first, second, keep, part,
            )  # fmt: skip
            store(target, at + x, value)
    else:
        for x in range(0, tail + 1, LANES):
            value = _cells(
                splat(0.0), x, W, source, at, y, ups, downs, above, below, velocity, to_q, to_p, own_q, own_p, here,
                first, second, keep, part,
            )  # fmt: skip
            store(target, at + x, value)
    if n % LANES != 0:
        store(target, at + tail, rest)


def _advance(
    W, work, on_sites, on_momenta, uneven, near, spread, selves, turn, ends, cross, kicks, reach, centre, first,
    second, shape, strides, ahead, length, rows_of, integers_of, weights_of, parts, keep, steps,
):  # fmt: skip
    """Steps of nested stages: each stage makes keep * W + part * L(result of the stage before), starting from W.

    ``W`` and the two rows of ``work`` are flat padded arrays. With keep = 1 the last stage of a step overwrites W; with
    steps = 0 and one part, keep = 0, the result is part * L W in work[1]. One kernel for both, because it takes
    seconds to compile.
    """
    last, block, sites = len(shape) - 1, on_momenta.shape[1], on_sites.shape[1]
    n, size, longest, k = shape[last], len(shape) // 2, selves.shape[1], len(first)
    row, stages = n + 2 * PAD, parts.shape[0]
    groups, others, segments = rows_of.shape[0], sites // shape[0], -(-shape[0] // length)
    crossed, mixes, walled, pairs = cross[:, last].any(), uneven.any(), ends.any(), cross[:, :last].any()
    for _ in range(max(steps, 1)):
        for stage in range(stages):
            to_work = steps == 0 or stage < stages - 1
            part = parts[stage]
            for group in numba.prange(groups):
                state, rows = flat(W, 0), flat(rows_of, group * rows_of.shape[1])
                places = flat(integers_of, group * integers_of.shape[1])
                slots, distances = flat(places, last + 1), flat(places, 2 * last + 2)
                steady = flat(weights_of, group * weights_of.shape[1])
                weights = flat(steady, last * LANES)
                source = state if stage == 0 else flat(work, stage % 2 * W.size)
                target = flat(work, (stage + 1) % 2 * W.size) if to_work else state
                velocity, own, at_self = flat(on_momenta, 0), flat(on_sites, 0), flat(selves, 0)
                distance, width, corners = flat(near, 0), flat(spread, 0), flat(ends, 0)
                rest, low = group // segments, group % segments * length
                find_places(places, 1, size, rest, shape)
                for i in range(low, min(low + length, shape[0])):
                    places[0], site = i, i * others + rest
                    slot = ((size - 1) * longest + places[size - 1]) * LANES
                    ups, downs = take(distance, slot, ahead), take(distance, slot + k, ahead)
                    above, below = take(width, slot, first), take(width, slot + k, first)
                    own_q, own_p = own[(size - 1) * sites + site], own[last * sites + site]
                    at_site = added(centre, at_self, places, 0, size, longest)
                    find_places(places, size, last, 0, shape)
                    for y in range(PAD, block, row):
                        at = site * block + y
                        here = added(at_site, at_self, places, size, last, longest)
                        listed = _sum_terms(
                            source, at, y, site, sites, block, places, slots, distances, weights, steady, rows, own,
                            velocity, flat(uneven, 0), distance, width, flat(turn, 0), longest, flat(cross, 0),
                            flat(kicks, 0), reach, first, shape, strides, ahead, mixes, crossed, pairs,
                        )  # fmt: skip
                        _update_row(
                            n, listed, rows, state, source, target, at, y, ups, downs, above, below, velocity,
                            (size - 1) * block, last * block, own_q, own_p, here, first, second, keep, part,
                        )  # fmt: skip
                        finish_row(source, target, at, n, walled, corners, k, part)
                        next_place(places, size, last, shape)


advance, advance_parallel = serial_and_parallel(_advance)
