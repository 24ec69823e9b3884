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

Two axes need numbers of every cell: p_N, along the row, and q_N, whose velocity is p_N/m. The velocity of q_N is the
same in every row but for a constant, so that its weights s_m - v c_m and s_m + v c_m are those of a column, from a
table. For all other axes the velocity is one number in a row (but for friction that mixes particles), so that what
they, the walls, the constant, the quantum terms and mixed derivatives add is a list of terms, weight x W at some
distance, written down once for the row. Cells are computed eight at a time (:mod:`fpsolver.kernels.simd`); rows of one
particle four at a time, since they have most of their neighbours in common.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from fpsolver.kernels.axes import PAD, take
from fpsolver.kernels.jit import inlined, serial_and_parallel
from fpsolver.kernels.memory import Array, empty_padded
from fpsolver.kernels.rows import GROUP, RING, sum_rows, update_fours, update_rows
from fpsolver.kernels.simd import LANES, flat, splat, store
from fpsolver.kernels.terms import find_places

HELD = 1536  # cells whose terms are summed before they are used: 12 KB of the first-level cache
# Numbers of a state, beyond which the next block is fetched beforehand: 0.65 instead of 0.6 Gcell/s on 64^4.
LARGE = 2**20
STRIPS = 4  # parts of q_1, done one after the other: neighbours along other positions are then nearer in time


class Coefficients(NamedTuple):
    """What the kernels need to know, for 2N axes a, S sites, blocks of M padded cells and stencil half-width k.

    on_sites (2N, S) and on_momenta (2N, M): velocity of axis a at a site plus that on its block, times c_1/h_a.
    on_rows (2, rows): of the latter, for q_N and p_N, what does not depend on p_N. columns: for 8 columns each, 2k + 1
    vectors: weights s_m - v c_m and s_m + v c_m of the places above and below along q_N, with v what depends on p_N,
    and of the velocity of p_N what depends on p_N. at_sites (S,) and at_rows: weight of the cell itself, a sum of one
    for its site and one for its row of the block. uneven[a]: 1 for an axis other than q_N and p_N whose velocity
    changes along rows. near and spread[a, place, ..], for all axes but p_N: distance in memory and symmetric weight of
    the k places above and the k below, walls included; for q_N only what walls add to its s_m. turn: c_m/c_1 for the
    places above, with a minus below. ends (2k, 8): what the walls of p_N add to the last four and the first four cells
    of a row, from its k highest and its k lowest. cross (2N, 2N), above the diagonal: 2 D_ab c_1^2/(h_a h_b). kicks
    (N, S, K): quantum terms kicks[i, site, m] (W_{+d} - W_{-d}) along p_i with d = offset + m + 1; reach = (offset, K).
    first: c_m/c_1 (the velocities carry c_1, which saves a product and a register); second: s_m of p_N. Tuples, because
    the compiler knows their length and unrolls the sums over m. shape: cells of each axis; strides: distance of
    neighbours along each axis in memory; ahead: k integers, which tell the compiler how many distances there are.
    present: whether there are quantum terms or a velocity of q_N that depends on positions, mixed derivatives with p_N,
    mixed derivatives without p_N, uneven axes, walls of p_N.
    """

    on_sites: Array
    on_momenta: Array
    on_rows: Array
    columns: Array
    at_sites: Array
    at_rows: Array
    uneven: NDArray[np.integer[Any]]
    near: NDArray[np.int64]
    spread: Array
    turn: Array
    ends: Array
    cross: Array
    kicks: Array
    reach: tuple[int, int]
    first: tuple[float, ...]
    second: tuple[float, ...]
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    ahead: tuple[int, ...]
    present: tuple[bool, ...]


def scratch(coefficients: Coefficients, shares: int) -> tuple[int, Array, NDArray[np.int64], Array]:
    """Rows of a block that are summed at a time, and what each share of the work writes into.

    Sums of these rows and one row more, or the ring of slopes; places and distances; weights.
    """
    shape, k, (offset, kicks) = coefficients.shape, len(coefficients.first), coefficients.reach
    last, size, row = len(shape) - 1, len(shape) // 2, shape[-1] + 2 * PAD
    terms = last * (LANES + 2 * k) + last * (last - 1) // 2 * 4 * k * k + size * 2 * kicks
    held = max(GROUP, min(HELD // row, len(coefficients.at_rows)))
    ring = 2 * RING * row + GROUP * LANES if size == 1 else 0
    numbers = max((held + 1) * row + 2 * (offset + kicks), ring) + 4 * LANES
    sums = empty_padded((shares, -(-numbers // LANES) * LANES))[0]
    return held, sums, np.empty((shares, 2 * last + 2 + terms), np.int64), np.empty((shares, terms))


@inlined
def _fours(sites, k):
    """First and last row of those of one particle that are computed in fours: none needs a wall of q."""
    count = (sites - 2 * k) // GROUP * GROUP
    first = (sites - count) // 2
    return first, first + count


@inlined
def _begin(share, shares, sites, k):
    """First row of a share. Fours stay together: a single row sums in another order."""
    begin, (first, last) = share * sites // shares, _fours(sites, k)
    return begin - (begin - first) % GROUP if first < begin < last else begin


@inlined
def _sweep_rows(
    begin, end, source, state, target, places, slots, distances, weights, steady, sums, held, own, velocity, on_rows,
    columns, at_sites, at_rows, uneven, near, spread, turn, ends, cross, kicks, reach, first, second, shape,
    strides, ahead, listed, crossed, walled, kept, part,
):  # fmt: skip
    """New values of the rows of one particle from ``begin`` to ``end``, in fours far from the ends of q."""
    sites, n, k, longest = shape[0], shape[1], len(first), shape[0]
    row, i, (first_four, last_four) = n + 2 * PAD, begin, _fours(sites, k)
    while i < end:
        at, fours = i * row + PAD, 0
        if first_four <= i < last_four and not listed:
            fours = (min(end, last_four) - i) // GROUP
        if fours > 0 and crossed:
            update_fours(
                i, i + fours * GROUP, sites, True, n, sums, state, source, target, ahead, columns, flat(own, sites),
                on_rows[1], at_sites[i] + at_rows[0], cross[1], first, second, kept, part, walled, ends,
            )  # fmt: skip
        elif fours > 0:
            update_fours(
                i, i + fours * GROUP, sites, False, n, sums, state, source, target, ahead, columns, flat(own, sites),
                on_rows[1], at_sites[i] + at_rows[0], 0.0, first, second, kept, part, walled, ends,
            )  # fmt: skip
        else:
            places[0] = i
            sum_rows(
                0, 1, source, at, i, sites, row, places, slots, distances, weights, steady, sums, held * row, own,
                velocity, on_rows, uneven, near, spread, turn, longest, cross, kicks, reach, first, shape, strides,
                ahead, False, crossed, False,
            )  # fmt: skip
            ups, downs = take(near, i * LANES, ahead), take(near, i * LANES + k, ahead)
            update_rows(
                0, 1, n, sums, state, source, target, at, ups, downs, columns, own[sites + i], flat(on_rows, 1),
                at_sites[i], at_rows, first, second, kept, part, walled, ends, 0,
            )  # fmt: skip
        i += max(fours * GROUP, 1)


@inlined
def _sweep_blocks(
    strip, stop, source, state, target, places, slots, distances, weights, steady, sums, held, own, velocity,
    on_rows, columns, at_sites, at_rows, count, sites, block, longest, uneven, near, spread, turn, ends, cross, kicks,
    reach, first, second, shape, strides, ahead, mixes, crossed, pairs, walled, kept, part,
):  # fmt: skip
    """New values of the blocks of the strips from ``strip`` to ``stop``: parts of q_1 for each place of the others.

    Of a block, some rows are summed before they are used. (Few rows of many blocks at a time fit the first-level cache,
    but break the streams of the prefetcher: 0.42 instead of 0.61 Gcell/s on 32^4 and two threads.)
    """
    last, size, others, n, k = len(shape) - 1, len(shape) // 2, sites // shape[0], shape[len(shape) - 1], len(first)
    next_q = others * block if sites * block > LARGE else 0
    while strip < stop:
        rest, part_of_q = strip % others, strip // others
        for i in range(part_of_q * shape[0] // STRIPS, (part_of_q + 1) * shape[0] // STRIPS):
            site = i * others + rest
            places[0] = i
            find_places(places, 1, size, rest, shape)
            find_places(places, size, last, 0, shape)
            slot = ((size - 1) * longest + places[size - 1]) * LANES
            ups, downs = take(near, slot, ahead), take(near, slot + k, ahead)
            for bottom in range(0, count, held):
                top = min(bottom + held, count)
                sum_rows(
                    bottom, top, source, site * block + PAD, site, sites, block, places, slots, distances, weights,
                    steady, sums, held * (n + 2 * PAD), own, velocity, on_rows, uneven, near, spread, turn, longest,
                    cross, kicks, reach, first, shape, strides, ahead, mixes, crossed, pairs,
                )  # fmt: skip
                update_rows(
                    bottom, top, n, sums, state, source, target, site * block + PAD, ups, downs, columns,
                    own[last * sites + site], flat(on_rows, count), at_sites[site], at_rows, first, second, kept,
                    part, walled, ends, next_q,
                )  # fmt: skip
        strip += 1


def _advance(
    W, work, on_sites, on_momenta, on_rows, columns, at_sites, at_rows, uneven, near, spread, turn, ends, cross, kicks,
    reach, first, second, shape, strides, ahead, present, held, sums_of, integers_of, weights_of, stages, steps,
    shares,
):  # fmt: skip
    """Steps of nested stages: each stage makes W + part * L(result of the stage before), starting from W.

    ``W`` and the two arrays of ``work`` are padded; ``stages`` has rows (1, 0, part). The last stage of a step
    overwrites W. With steps = 0 and one stage (0, 0, part) the result is part * L W in work[1]. One kernel for both,
    because it takes seconds to compile: in place of W all cells then read the same 8 zeros.

    ``shares``: parts of the grid of equal size, one for each thread; no result depends on them.
    """
    last, block, sites = len(shape) - 1, on_momenta.shape[1], on_sites.shape[1]
    count, kept, longest, size = at_rows.shape[0], -1 if steps > 0 else 0, near.shape[1], W.size
    strips = STRIPS * (sites // shape[0])
    listed, crossed, pairs, mixes, walled = present
    for _ in range(max(steps, 1)):
        for stage in range(stages.shape[0]):
            to_work = steps == 0 or stage < stages.shape[0] - 1
            part = stages[stage, 2]
            for share in numba.prange(shares):
                state, sums = flat(W, 0), flat(sums_of, share * sums_of.shape[1] + PAD)
                places = flat(integers_of, share * integers_of.shape[1])
                slots, distances = flat(places, last + 1), flat(places, 2 * last + 2)
                steady = flat(weights_of, share * weights_of.shape[1])
                weights = flat(steady, last * LANES)
                source = state if stage == 0 else flat(work, stage % 2 * size)
                if steps == 0:
                    state = flat(sums, sums_of.shape[1] - 2 * LANES)
                    store(state, 0, splat(0.0))
                target = flat(work, (stage + 1) % 2 * size) if to_work else state
                if len(shape) == 2:
                    _sweep_rows(
                        _begin(share, shares, sites, len(first)), _begin(share + 1, shares, sites, len(first)), source,
                        state, target, places, slots, distances, weights, steady, sums, held, flat(on_sites, 0),
                        flat(on_momenta, 0), flat(on_rows, 0), flat(columns, 0), flat(at_sites, 0), flat(at_rows, 0),
                        flat(uneven, 0), flat(near, 0), flat(spread, 0), flat(turn, 0), flat(ends, 0), flat(cross, 0),
                        flat(kicks, 0), reach, first, second, shape, strides, ahead, listed, crossed,
                        walled, kept, part,
                    )  # fmt: skip
                else:
                    _sweep_blocks(
                        share * strips // shares, (share + 1) * strips // shares, source, state, target, places,
                        slots, distances, weights, steady, sums, held, flat(on_sites, 0), flat(on_momenta, 0),
                        flat(on_rows, 0), flat(columns, 0), flat(at_sites, 0), flat(at_rows, 0), count, sites, block,
                        longest, flat(uneven, 0), flat(near, 0), flat(spread, 0), flat(turn, 0), flat(ends, 0),
                        flat(cross, 0), flat(kicks, 0), reach, first, second, shape, strides, ahead, mixes,
                        crossed, pairs, walled, kept, part,
                    )  # fmt: skip


advance, advance_parallel = serial_and_parallel(_advance)
