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
    add_kicks,
    add_slope,
    along,
    along_row,
    difference,
    finish_row,
    make_periodic,
    start,
    sum_row,
    take,
    to,
    unroll,
)
from fpsolver.kernels.jit import inlined, serial_and_parallel
from fpsolver.kernels.memory import Array, empty_padded
from fpsolver.kernels.simd import LANES, flat, load, splat, store

TASK = 4096  # cells handled by one thread at a time, at most, of ROWS rows of a block
ROWS = 4


class Coefficients(NamedTuple):
    """What the kernels need to know, for 2N axes a, S sites, blocks of M padded cells and stencil half-width k.

    on_sites (2N, S) and on_momenta (2N, M): velocity of axis a at a site plus that on its block, times c_1/h_a.
    uneven[a]: 1 for an axis other than q_N and p_N whose velocity changes along rows. near, spread[a, place, ..]:
    distance in memory and symmetric weight of the k places above and the k below, walls included; selves[a, place]: what
    walls add to the weight of the cell itself; all three for all axes but p_N. turn: c_m/c_1 for the places above, with
    a minus below. ends (2, 2k, 8): what the walls of p_N add to the first and the last 8 cells of a row, from its k
    lowest and k highest. cross (2N, 2N), above the diagonal: 2 D_ab c_1^2/(h_a h_b). kicks (N, S, K): quantum terms
    kicks[i, site, m] (W_{+d} - W_{-d}) along p_i with d = offset + m + 1; reach = (offset, K). centre: weight of the cell
    itself. first: c_m/c_1 (the velocities carry c_1, which saves a product and a register); second: s_m of p_N. Tuples,
    because the compiler knows their length and unrolls the sums over m. shape: cells of each axis; strides: distance of
    neighbours along each axis in memory; ahead: (1, .., k).
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


def tasks(coefficients: Coefficients) -> tuple[tuple[int, int], Array, NDArray[np.int64], Array]:
    """(places along q_1, rows of a block) of one task, and what each task writes into: rows, integers, weights.

    A task takes the same few rows of the blocks along q_1, one after the other: then the neighbours along q_1 are still
    in the first-level cache, and those along the other positions, from tasks just before, in the second.
    """
    shape, k, (offset, kicks) = coefficients.shape, len(coefficients.first), coefficients.reach
    last, size, row = len(shape) - 1, len(shape) // 2, shape[-1] + 2 * PAD
    sites, rows = coefficients.on_sites.shape[1], coefficients.on_momenta.shape[1] // row
    several = min(ROWS, rows)
    task = min(shape[0], max(1, TASK // (several * row))), several
    count = -(-shape[0] // task[0]) * (sites // shape[0]) * -(-rows // several)
    terms = last * LANES + last * 2 * k + last * (last - 1) // 2 * 4 * k * k + size * 2 * kicks
    numbers = empty_padded((count, 3 * row + 2 * LANES + 2 * (offset + kicks)))[0]
    return task, numbers, np.empty((count, 2 * last + 2 + terms), np.int64), np.empty((count, terms))


@inlined
def _find_places(places, first_axis, end_axis, number, shape):
    """Places along consecutive axes from the number of a point in their order."""
    for a in range(end_axis - 1, first_axis - 1, -1):
        places[a] = number % shape[a]
        number //= shape[a]


@inlined
def _list_terms(distances, weights, places, site, sites, cross, kicks, reach, first, shape, strides):
    """Quantum terms of all momenta but p_N, and terms of pairs of axes without p_N; returns their end."""
    size, last, end = len(shape) // 2, len(shape) - 1, 0
    for a in range(last):
        if a >= size:
            own = ((a - size) * sites + site) * reach[1]
            end = add_kicks(distances, weights, end, places[a], shape[a], strides[a], kicks, own, reach)
        for b in range(a + 1, last):
            weight = cross[a * (last + 1) + b]
            if weight != 0.0:
                end = _list_pair(distances, weights, end, places, a, b, weight, first, shape, strides)
    return end


@inlined
def _weigh_axes(slots, steady, places, site, y, sites, block, own, velocity, uneven, spread, turn, shape, longest):
    """Weights of the axes whose velocity is one number in a row, and where their distances are; returns how many."""
    size, last, count = len(shape) // 2, len(shape) - 1, 0
    for a in range(last):
        if a != size - 1 and not uneven[a]:
            slots[count] = (a * longest + places[a]) * LANES
            speed = own[a * sites + site] + velocity[a * block + y]
            store(steady, count * LANES, load(spread, slots[count]) - speed * load(turn, 0))
            count += 1
    return count


@inlined
def _list_pair(distances, weights, end, places, a, b, weight, first, shape, strides):
    """Terms of weight x d_a d_b W: differences of shifted differences."""
    for m in range(len(first)):
        for sign in (1, -1):
            moved = to(places[a], sign * (m + 1), shape[a], strides[a])
            part = sign * weight * first[m]
            end = add_slope(distances, weights, end, moved, places[b], shape[b], strides[b], part, first)
    return end


@inlined
def _list_slopes(distances, weights, places, cross, first, shape, strides):
    """Terms of what d/dp_N still acts on: sum_a 2 D_ab d_a W with b the last axis; returns their end."""
    last, end = len(shape) - 1, 0
    for a in range(last):
        weight = cross[a * (last + 1) + last]
        if weight != 0.0:
            end = add_slope(distances, weights, end, 0, places[a], shape[a], strides[a], weight, first)
    return end


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
        axes = _weigh_axes(
            slots, steady, places, site, y, sites, block, own, velocity, uneven, spread, turn, shape, longest
        )
        if pairs or reach[1] > 0:
            end = _list_terms(distances, weights, places, site, sites, cross, kicks, reach, first, shape, strides)
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
        end = _list_slopes(distances, weights, places, cross, first, shape, strides)
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
    rates, source, c, y, ups, downs, above, below, velocity, size, block, own_q, own_p, centre, first, second
):  # fmt: skip
    """Add the axes q_N and p_N to the rates of 8 cells."""
    rates = along(rates, source, c, ups, downs, above, below, velocity, (size - 1) * block + y, own_q, first)
    return along_row(rates, source, c, velocity, (2 * size - 1) * block + y, own_p, centre, first, second)


def _advance(
    W, work, on_sites, on_momenta, uneven, near, spread, selves, turn, ends, cross, kicks, reach, centre, first,
    second, shape, strides, ahead, task, rows_of, integers_of, weights_of, parts, keep, steps,
):  # fmt: skip
    """Steps of nested stages: each stage makes keep * W + part * L(result of the stage before), starting from W.

    ``W`` and the two rows of ``work`` are flat padded arrays. With keep = 1 the last stage of a step overwrites W; with
    steps = 0 and one part, keep = 0, the result is part * L W in work[1]. One kernel for both, because it takes
    seconds to compile.
    """
    last, block, sites = len(shape) - 1, on_momenta.shape[1], on_sites.shape[1]
    n, size, longest, k = shape[last], len(shape) // 2, selves.shape[1], len(first)
    row, stages, tail = n + 2 * PAD, parts.shape[0], n % LANES != 0
    groups, others, segments = rows_of.shape[0], sites // shape[0], -(-shape[0] // task[0])
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
                rest = group // segments % others
                _find_places(places, 1, size, rest, shape)
                low = group % segments * task[0]
                bottom = group // segments // others * task[1]
                for i in range(low, min(low + task[0], shape[0])):
                    places[0], site = i, i * others + rest
                    slot = ((size - 1) * longest + places[size - 1]) * LANES
                    ups, downs = take(distance, slot, ahead), take(distance, slot + k, ahead)
                    above, below = take(width, slot, first), take(width, slot + k, first)
                    own_q, own_p = own[(size - 1) * sites + site], own[last * sites + site]
                    on_site = centre
                    for a in range(size):
                        on_site += at_self[a * longest + places[a]]
                    for r in range(bottom, min(bottom + task[1], block // row)):
                        y = PAD + r * row
                        at = site * block + y
                        _find_places(places, size, last, r, shape)
                        here = on_site
                        for a in range(size, last):
                            here += at_self[a * longest + places[a]]
                        listed = _sum_terms(
                            source, at, y, site, sites, block, places, slots, distances, weights, steady, rows, own,
                            velocity, flat(uneven, 0), distance, width, flat(turn, 0), longest, flat(cross, 0),
                            flat(kicks, 0), reach, first, shape, strides, ahead, mixes, crossed, pairs,
                        )  # fmt: skip
                        beyond = splat(0.0)
                        if tail:
                            x = n - LANES
                            rates = _cells(
                                load(rows, PAD + x) if listed else splat(0.0), source, at + x, y + x, ups, downs, above, below, velocity, size, block, own_q, own_p,
                                here, first, second,
                            )  # fmt: skip
                            beyond = keep * load(state, at + x) + part * rates
                        for x in range(0, n - LANES + 1, LANES):
                            rates = _cells(
                                load(rows, PAD + x) if listed else splat(0.0), source, at + x, y + x, ups, downs, above, below, velocity, size, block, own_q, own_p,
                                here, first, second,
                            )  # fmt: skip
                            store(target, at + x, keep * load(state, at + x) + part * rates)
                        if tail:
                            store(target, at + n - LANES, beyond)
                        finish_row(source, target, at, n, walled, corners, k, part)


advance, advance_parallel = serial_and_parallel(_advance)
