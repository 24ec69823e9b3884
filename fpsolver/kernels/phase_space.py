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

from fpsolver.kernels.axes import PAD, finish_row, take
from fpsolver.kernels.jit import inlined, serial_and_parallel
from fpsolver.kernels.memory import Array, empty_padded
from fpsolver.kernels.rows import sum_terms, update_row, update_two
from fpsolver.kernels.simd import LANES, flat
from fpsolver.kernels.terms import find_places, next_place

HELD = 1536  # cells whose terms are summed before they are used: 12 KB of the first-level cache


class Coefficients(NamedTuple):
    """What the kernels need to know, for 2N axes a, S sites, blocks of M padded cells and stencil half-width k.

    on_sites (2N, S) and on_momenta (2N, M): velocity of axis a at a site plus that on its block, times c_1/h_a.
    at_sites (S,) and at_rows: weight of the cell itself, a sum of one for its site and one for its row of the block.
    uneven[a]: 1 for an axis other than q_N and p_N whose velocity changes along rows. near and spread[a, place, ..],
    for all axes but p_N: distance in memory and symmetric weight of the k places above and the k below, walls included.
    turn: c_m/c_1 for the places above, with a minus below. ends (2, 2k, 8): what the walls of p_N add to the first and
    the last 8 cells of a row, from its k lowest and k highest. cross (2N, 2N), above the diagonal:
    2 D_ab c_1^2/(h_a h_b). kicks (N, S, K): quantum terms kicks[i, site, m] (W_{+d} - W_{-d}) along p_i with
    d = offset + m + 1; reach = (offset, K). first: c_m/c_1 (the velocities carry c_1, which saves a product and a
    register); second: s_m of p_N. Tuples, because the compiler knows their length and unrolls the sums over m. shape:
    cells of each axis; strides: distance of neighbours along each axis in memory; ahead: k integers, which tell
    the compiler how many distances there are.
    """

    on_sites: Array
    on_momenta: Array
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


def scratch(coefficients: Coefficients, shares: int) -> tuple[int, Array, NDArray[np.int64], Array]:
    """Rows of a block that are summed at a time, and what each share of the work writes into.

    Sums of these rows and two rows more, places and distances, weights.
    """
    shape, k, (offset, kicks) = coefficients.shape, len(coefficients.first), coefficients.reach
    last, size, row = len(shape) - 1, len(shape) // 2, shape[-1] + 2 * PAD
    terms = last * (LANES + 2 * k) + last * (last - 1) // 2 * 4 * k * k + size * 2 * kicks
    held = min(max(1, HELD // row), len(coefficients.at_rows))
    numbers = empty_padded((shares, (held + 2) * row + 2 * LANES + 2 * (offset + kicks)))[0]
    return held, numbers, np.empty((shares, 2 * last + 2 + terms), np.int64), np.empty((shares, terms))


@inlined
def _begin(share, shares, sites, k, twins):
    """First site of a share. Pairs of rows, from the k-th on, stay together: a single row sums in another order."""
    first = share * sites // shares
    odd = twins and first > k and first < sites and (first - k) % 2 == 1
    return first - 1 if odd else first


def _advance(
    W, work, on_sites, on_momenta, at_sites, at_rows, uneven, near, spread, turn, ends, cross, kicks, reach, first,
    second, shape, strides, ahead, held, sums_of, integers_of, weights_of, parts, keep, steps, shares,
):  # fmt: skip
    """Steps of nested stages: each stage makes keep * W + part * L(result of the stage before), starting from W.

    ``W`` and the two rows of ``work`` are flat padded arrays. With keep = 1 the last stage of a step overwrites W; with
    steps = 0 and one part, keep = 0, the result is part * L W in work[1]. One kernel for both, because it takes
    seconds to compile.

    ``shares``: parts of the grid of equal size, one for each thread; no result depends on them. Sites follow each other
    along q_1: neighbours along q_1 are then still in the second-level cache. (Few rows of many blocks at a time fit the
    first, but break the streams of the prefetcher: 0.42 instead of 0.61 Gcell/s on 32^4 and two threads.) Of a block,
    some rows are summed before they are used: two loops of their own need fewer registers than one that does both.
    """
    last, block, sites = len(shape) - 1, on_momenta.shape[1], on_sites.shape[1]
    n, size, longest, k = shape[last], len(shape) // 2, near.shape[1], len(first)
    row, stages, count = n + 2 * PAD, parts.shape[0], at_rows.shape[0]
    others = sites // shape[0]
    crossed, mixes, walled, pairs = cross[:, last].any(), uneven.any(), ends.any(), cross[:, :last].any()
    listed = size > 1 or reach[1] > 0 or crossed
    twins, q_weights = size == 1 and not listed, take(flat(spread, k * LANES), 0, first)
    for _ in range(max(steps, 1)):
        for stage in range(stages):
            to_work = steps == 0 or stage < stages - 1
            part = parts[stage]
            for share in numba.prange(shares):
                state, sums = flat(W, 0), flat(sums_of, share * sums_of.shape[1])
                places = flat(integers_of, share * integers_of.shape[1])
                slots, distances = flat(places, last + 1), flat(places, 2 * last + 2)
                steady = flat(weights_of, share * weights_of.shape[1])
                weights = flat(steady, last * LANES)
                source = state if stage == 0 else flat(work, stage % 2 * W.size)
                target = flat(work, (stage + 1) % 2 * W.size) if to_work else state
                velocity, own, inner = flat(on_momenta, 0), flat(on_sites, 0), flat(at_rows, 0)
                distance, width, corners = flat(near, 0), flat(spread, 0), flat(ends, 0)
                number, stop = _begin(share, shares, sites, k, twins), _begin(share + 1, shares, sites, k, twins)
                while number < stop:
                    i, rest = number % shape[0], number // shape[0]
                    if twins and i >= k and i + 1 < sites - k:
                        update_two(
                            n, state, source, target, i * block + PAD, row, velocity, block, own[i], own[i + 1],
                            own[sites + i], own[sites + i + 1], at_sites[i] + inner[0], first, q_weights, second, keep,
                            part,
                        )  # fmt: skip
                        finish_row(source, target, i * block + PAD, n, walled, corners, k, part)
                        finish_row(source, target, (i + 1) * block + PAD, n, walled, corners, k, part)
                        number += 2
                        continue
                    places[0], site = i, i * others + rest
                    find_places(places, 1, size, rest, shape)
                    slot = ((size - 1) * longest + places[size - 1]) * LANES
                    ups, downs = take(distance, slot, ahead), take(distance, slot + k, ahead)
                    above, below = take(width, slot, first), take(width, slot + k, first)
                    own_q, own_p = own[(size - 1) * sites + site], own[last * sites + site]
                    find_places(places, size, last, 0, shape)
                    bottom = 0
                    while bottom < count:
                        top = min(bottom + held, count)
                        for r in range(bottom, top if listed else bottom):
                            y = PAD + r * row
                            sum_terms(
                                source, site * block + y, y, site, sites, block, places, slots, distances, weights,
                                steady, sums, PAD + (r - bottom) * row, held * row + LANES, own, velocity,
                                flat(uneven, 0), distance, width, flat(turn, 0), longest, flat(cross, 0),
                                flat(kicks, 0), reach, first, shape, strides, ahead, mixes, crossed, pairs,
                            )  # fmt: skip
                            next_place(places, size, last, shape)
                        for r in range(bottom, top):
                            y = PAD + r * row
                            update_row(
                                n, listed, sums, PAD + (r - bottom) * row, state, source, target, site * block + y, y,
                                ups, downs, above, below, velocity, (size - 1) * block, last * block, own_q, own_p,
                                at_sites[site] + inner[r], first, second, keep, part,
                            )  # fmt: skip
                            finish_row(source, target, site * block + y, n, walled, corners, k, part)
                        bottom = top
                    number += 1


advance, advance_parallel = serial_and_parallel(_advance)
