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

from functools import lru_cache
from typing import Any

from numba import types

from fpsolver.kernels import simd
from fpsolver.kernels.axes import PAD, take
from fpsolver.kernels.coefficients import FLOATS, INTEGERS
from fpsolver.kernels.jit import entry, inlined
from fpsolver.kernels.rows import GROUP, sum_rows, update_fours, update_rows
from fpsolver.kernels.simd import LANES, flat, splat, store
from fpsolver.kernels.terms import find_places

# Numbers of a state, beyond which the next block is fetched beforehand: 0.65 instead of 0.6 Gcell/s on 64^4.
LARGE = 2**20
STRIPS = 4  # parts of q_1, done one after the other: neighbours along other positions are then nearer in time
ARGUMENTS = (types.intp,) * 6 + (simd.numbers,) * 3 + (simd.integers, simd.numbers, simd.integers) + (simd.numbers,) * 2


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


@lru_cache
def share_of(k: int, axes: int) -> Any:
    """What one thread does in a stage (see :mod:`fpsolver.kernels.running`), for stencils of half-width k on these axes.

    Each stage makes W + part * L(result of the stage before), starting from W. ``parts`` has rows (1, 0, part). The
    last stage of a step overwrites W. With steps = 0 and one stage (0, 0, part) the result is part * L W in work[1].
    One kernel for both, because it takes seconds to compile: in place of W all cells then read the same 8 zeros.
    """
    floats, integers_k, integers_axes, last = (0.0,) * k, (0,) * k, (0,) * axes, axes - 1

    def share(
        number, shares, stage, stages, steps, size, W, work, numbers, integers, sums_of, lists, weights_of, parts
    ):  # fmt: skip
        (
            on_momenta, on_sites, on_rows, columns, at_sites, at_rows, spread, turn, ends, cross, kicks, first_at,
            second_at,
        ) = take(integers, 0, FLOATS)  # fmt: skip
        uneven, near, shape_at, strides_at, reach_at, flags_at, sizes_at = take(integers, len(FLOATS), INTEGERS)
        first, second = take(numbers, first_at, floats), take(numbers, second_at, floats)
        shape, strides = take(integers, shape_at, integers_axes), take(integers, strides_at, integers_axes)
        reach, flags, ahead = take(integers, reach_at, (0, 0)), flat(integers, flags_at), take(integers, near, integers_k)
        listed, crossed, pairs, mixes = flags[0] != 0, flags[1] != 0, flags[2] != 0, flags[3] != 0
        walled, part, kept = flags[4] != 0, parts[3 * stage + 2], -1 if steps > 0 else 0
        held, sites, block, count, longest, room = take(integers, sizes_at, (0, 0, 0, 0, 0, 0))
        sums, places, state = flat(sums_of, PAD), flat(lists, 0), W
        slots, distances, weights = flat(lists, last + 1), flat(lists, 2 * last + 2), flat(weights_of, last * LANES)
        source = state if stage == 0 else flat(work, stage % 2 * size)
        target = flat(work, (stage + 1) % 2 * size) if steps == 0 or stage < stages - 1 else state
        if steps == 0:
            state = flat(sums, room)
            store(state, 0, splat(0.0))
        if axes == 2:
            _sweep_rows(
                _begin(number, shares, sites, k), _begin(number + 1, shares, sites, k), source, state, target, places,
                slots, distances, weights, weights_of, sums, held, flat(numbers, on_sites), flat(numbers, on_momenta),
                flat(numbers, on_rows), flat(numbers, columns), flat(numbers, at_sites), flat(numbers, at_rows),
                flat(integers, uneven), flat(integers, near), flat(numbers, spread), flat(numbers, turn),
                flat(numbers, ends), flat(numbers, cross), flat(numbers, kicks), reach, first, second, shape, strides,
                ahead, listed, crossed, walled, kept, part,
            )  # fmt: skip
        else:
            strips = STRIPS * (sites // shape[0])
            _sweep_blocks(
                number * strips // shares, (number + 1) * strips // shares, source, state, target, places, slots,
                distances, weights, weights_of, sums, held, flat(numbers, on_sites), flat(numbers, on_momenta),
                flat(numbers, on_rows), flat(numbers, columns), flat(numbers, at_sites), flat(numbers, at_rows), count,
                sites, block, longest, flat(integers, uneven), flat(integers, near), flat(numbers, spread),
                flat(numbers, turn), flat(numbers, ends), flat(numbers, cross), flat(numbers, kicks), reach, first,
                second, shape, strides, ahead, mixes, crossed, pairs, walled, kept, part,
            )  # fmt: skip

    return entry(share, ARGUMENTS)
