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
distance, written down once for the row. Cells are computed in vectors (:mod:`fpsolver.kernels.simd`); rows of one
particle in groups of four, which have most of their neighbours in common.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from numba import types

from fpsolver.kernels import ahead, pointers
from fpsolver.kernels.axes import PAD
from fpsolver.kernels.coefficients import kinds, lay_out, unpack
from fpsolver.kernels.jit import Entries, inlined
from fpsolver.kernels.pointers import call, flat
from fpsolver.kernels.rows import GROUP, sum_rows, update_fours, update_rows
from fpsolver.kernels.simd import splat_eight, store
from fpsolver.kernels.terms import find_places

# Numbers of a state, beyond which the next block is fetched beforehand: 0.65 instead of 0.6 Gcell/s on 64^4.
LARGE = 2**20
STRIPS = 4  # parts of q_1, done one after the other: neighbours along other positions are then nearer in time
SUMS, ROWS, FOURS = 1, 2, 3  # places of the addresses of what a share calls, after its own


@inlined
def _fours(sites, k):
    """First and last row of those of one particle that are computed in fours: none needs a wall of q."""
    count = (sites - 2 * k) // GROUP * GROUP
    first = (sites - count) // 2
    return first, first + count


@inlined
def _begin(share, shares, computed, sites, k):
    """First row of a share. Fours stay together: a single row sums in another order."""
    begin, (first, last) = share * computed // shares, _fours(sites, k)
    return begin - (begin - first) % GROUP if share < shares and first < begin < last else begin


@inlined
def _mirror(t, target, i, site):
    """Where the lower half of q_1 is computed: what the cells next to it need of the upper half, W(-x) = W(x).

    The block of ``site``, at place i of q_1, backwards: halos too are mirror images.
    """
    k, half = len(t.first), t.computed
    if half < t.shape[0] and (i < k or i >= half - k):
        at, end = site * t.block, (t.sites - site) * t.block - 1
        for x in range(t.block):
            target[end - x] = target[at + x]


@inlined
def _sweep_rows(t, room, kernels, begin, end, state, source, target, kept, part):
    """New values of the rows of one particle from ``begin`` to ``end``, in fours far from the ends of q."""
    row, i, (first_four, last_four) = t.shape[1] + 2 * PAD, begin, _fours(t.sites, len(t.first))
    while i < end:
        fours = 0
        if first_four <= i < last_four and not t.listed:
            fours = (min(end, last_four) - i) // GROUP
        if fours > 0:
            call(kernels[FOURS], t, room.sums, i, i + fours * GROUP, state, source, target, kept, part)
        else:
            room.places[0] = i
            call(kernels[SUMS], t, room, 0, 1, source, i * row + PAD, i)
            call(kernels[ROWS], t, room.sums, 0, 1, i, i, state, source, target, i * row + PAD, kept, part, 0)
        i += max(fours * GROUP, 1)
    for i in range(begin, end):
        _mirror(t, target, i, i)


@inlined
def _sweep_blocks(t, room, kernels, strip, stop, state, source, target, kept, part):
    """New values of the blocks of the strips from ``strip`` to ``stop``: parts of q_1 for each place of the others.

    Of a block, some rows are summed before they are used. (Few rows of many blocks at a time fit the first-level cache,
    but break the streams of the prefetcher: 0.42 instead of 0.61 Gcell/s on 32^4 and two threads.)
    """
    last, size, others, places = len(t.shape) - 1, len(t.shape) // 2, t.sites // t.shape[0], room.places
    next_q = others * t.block if t.sites * t.block > LARGE else 0
    while strip < stop:
        rest, piece = strip % others, strip // others
        for i in range(piece * t.computed // STRIPS, (piece + 1) * t.computed // STRIPS):
            site = i * others + rest
            at, places[0] = site * t.block + PAD, i
            find_places(places, 1, size, rest, t.shape)
            find_places(places, size, last, 0, t.shape)
            for bottom in range(0, t.rows, t.held):
                top = min(bottom + t.held, t.rows)
                call(kernels[SUMS], t, room, bottom, top, source, at, site)
                call(
                    kernels[ROWS], t, room.sums, bottom, top, site, places[size - 1], state, source, target, at, kept,
                    part, next_q,
                )  # fmt: skip
            _mirror(t, target, i, site)
        strip += 1


@lru_cache
def kernels_of(k: int, axes: int, *, crossed: bool) -> Entries:
    """What one thread does in a stage (:mod:`fpsolver.kernels.running`), for stencils of half-width k on so many axes.

    And the kernels that it calls; ``crossed``: with mixed derivatives.

    Each stage makes W + part * L(result of the stage before), starting from W. ``stages`` has rows (1, 0, part). The
    last stage of a step overwrites W. With steps = 0 and one stage (0, 0, part) the result is part * L W in work[1].
    One kernel for both, because it takes seconds to compile: in place of W all cells then read the same 8 zeros.
    """
    floats, places, lengths = (0.0,) * k, (0,) * k, (0,) * axes

    def share(
        kernels, number, shares, stage, count, steps, size, W, work, stages, numbers, integers, sums, lists, weights
    ):  # fmt: skip
        t, room = unpack(numbers, integers, floats, places, lengths), lay_out(sums, lists, weights, lengths)
        state, part, kept = W, stages[3 * stage + 2], -1 if steps > 0 else 0
        source = state if stage == 0 else flat(work, stage % 2 * size)
        target = flat(work, (stage + 1) % 2 * size) if steps == 0 or stage < count - 1 else state
        if steps == 0:
            state = flat(room.sums, t.zeros)
            store(state, 0, splat_eight(0.0))
        if axes == 2:
            begin = _begin(number, shares, t.computed, t.sites, k)
            end = _begin(number + 1, shares, t.computed, t.sites, k)
            _sweep_rows(t, room, kernels, begin, end, state, source, target, kept, part)
        else:
            strips = STRIPS * (t.sites // t.shape[0])
            begin, end = number * strips // shares, (number + 1) * strips // shares
            _sweep_blocks(t, room, kernels, begin, end, state, source, target, kept, part)

    def fours(t, ring, begin, end, state, source, target, kept, part):
        update_fours(t, crossed, ring, begin, end, state, source, target, kept, part)

    fours.__name__ += "_crossed" if crossed else ""
    T, N, i, x = kinds(k, axes)[0], pointers.numbers, types.intp, types.float64
    return Entries(
        f"{k}_{axes}",
        (share, (pointers.integers, *(i,) * 6, *(N,) * 4, pointers.integers, N, pointers.integers, N)),
        _sum_rows(k, axes),
        (update_rows, (T, N, i, i, i, i, N, N, N, i, i, x, i)),
        *([(fours, (T, N, i, i, N, N, N, i, x))] if axes == 2 else []),
        before_second=ahead.wait_for_rows,
    )


def rows_of(k: int, axes: int) -> Entries:
    """The slowest of them to compile, alone."""
    return Entries(f"{k}_{axes}", _sum_rows(k, axes))


def _sum_rows(k: int, axes: int) -> tuple[Callable[..., None], tuple[types.Type, ...]]:
    (T, R), N, i = kinds(k, axes), pointers.numbers, types.intp
    return sum_rows, (T, R, i, i, N, i, i)
