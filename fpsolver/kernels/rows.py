"""Rows of cells: sums of their terms, and new values from them and the axes q_N and p_N.

Part of :mod:`fpsolver.kernels.phase_space`, which explains the formulas and the layout.
"""

from __future__ import annotations

from fpsolver.kernels.axes import (
    PAD,
    along,
    along_row,
    difference,
    differences,
    finish_four,
    finish_row,
    make_periodic,
    start,
    sum_row,
    take,
    unroll,
)
from fpsolver.kernels.jit import inlined
from fpsolver.kernels.pointers import flat, plain, put
from fpsolver.kernels.simd import EIGHT, LANES, load, prefetch, splat, store
from fpsolver.kernels.terms import add_kicks, list_slopes, list_terms, next_place, weigh_axes

GROUP = 4  # rows that are computed at a time
RING = 3 * GROUP  # rows of which four rows need differences along p, at order 8


@inlined
def sum_terms(t, room, source, at, y, site, to_row, spare, on_row):
    """Sums of all terms of a row into room.sums[to_row], ..; ``spare``: room for a row and for kicks."""
    n, size, far = t.shape[len(t.shape) - 1], len(t.shape) // 2, t.reach[0] + t.reach[1]
    sums, line, slopes, none, end = room.sums, spare + far, spare + PAD, plain(0), plain(0)
    axes = weigh_axes(t, room, site, y, on_row)
    if size > 1 and (t.pairs or t.reach[1] > 0):
        end = list_terms(t, room, site)
    fresh = axes + end == 0 and (t.reach[1] > 0 or t.crossed)
    if not fresh:
        sum_row(t, room, source, at, axes, end, to_row, plain(True))
    if t.reach[1] > 0:
        end = add_kicks(t, room, none, far, 2 * far + 1, plain(1), ((size - 1) * t.sites + site) * t.reach[1])
        unroll(source, at, n, far, sums, spare)
        sum_row(t, room, sums, line, none, end, to_row, fresh)
        fresh = False
    if size > 1 and t.mixes:
        fresh = _add_uneven(t, room, source, at, y, site, to_row, fresh)
    if t.crossed:
        sum_row(t, room, source, at, none, list_slopes(t, room), slopes, plain(True))
        _add_slopes(sums, to_row, slopes, n, t.first, fresh)


@inlined
def _add_uneven(t, room, source, at, y, site, to_row, fresh):
    """Add the axes whose velocity changes along the row to its sums; returns whether there are still none."""
    n, k, sums = t.shape[len(t.shape) - 1], len(t.first), room.sums
    tail = n - EIGHT
    for a in range(len(t.shape) - 1):
        if t.uneven[a]:
            slot, to_y = (a * t.longest + room.places[a]) * EIGHT, a * t.block + y
            speed = t.on_sites[a * t.sites + site]
            ups, downs = take(t.near, slot, t.ahead), take(t.near, slot + k, t.ahead)
            above, below = take(t.spread, slot, t.first), take(t.spread, slot + k, t.first)
            rest = start(sums, to_row + tail, fresh)
            rest = along(rest, source, at + tail, ups, downs, above, below, t.on_momenta, to_y + tail, speed, t.first)
            for x in range(0, tail + 1, EIGHT):
                rates = start(sums, to_row + x, fresh)
                rates = along(rates, source, at + x, ups, downs, above, below, t.on_momenta, to_y + x, speed, t.first)
                store(sums, to_row + x, rates)
            store(sums, to_row + tail, rest)
            fresh = False
    return fresh


@inlined
def _add_slopes(sums, to_row, slopes, n, first, fresh):
    """Add the derivative along the row of what begins at ``slopes`` (up to 7 cells beyond the end, which are free)."""
    make_periodic(sums, slopes, n)
    for x in range(0, n, EIGHT):
        store(sums, to_row + x, start(sums, to_row + x, fresh) + difference(sums, slopes + x, first))


def sum_rows(t, room, begin, end, source, at, site):
    """Sums of the terms of the rows ``begin`` to ``end`` of a block that begins at ``at``."""
    row, size = t.shape[len(t.shape) - 1] + 2 * PAD, len(t.shape) // 2
    for r in range(begin, end):
        y, to_row = r * row, (r - begin) * row
        sum_terms(t, room, source, at + y, PAD + y, site, to_row, t.held * row, t.on_rows[r])
        next_place(room.places, size, 2 * size - 1, t.shape)


# What the loops over cells use is handed over one by one: read out of the tables, 0.3 instead of 0.55 Gcell/s at 256^2
# with mixed derivatives, 0.4 instead of 0.6 without.


@inlined
def _cells(
    sloped, rates, ring, turn, x, state, source, c, ups, downs, columns, g, velocity, centre, first, second, mixed,
    kept, part,
):  # fmt: skip
    """New values of LANES cells: state + part (rates so far + q_N + the cell itself + p_N); g: their columns' weights.

    With four LANES in two sums: in one, each of twelve multiply-adds waits for the one before (order 6), and rows one
    after another made 0.73 instead of 0.79 Gcell/s (AVX2, 256^2).
    """
    k, other = len(first), centre * load(source, c)
    for m in range(k):
        rates += load(columns, g + m * LANES) * load(source, c + ups[m])
        below = load(columns, g + (k + m) * LANES) * load(source, c + downs[m])
        if LANES == EIGHT:
            rates += below
        else:
            other += below
    if sloped:
        rates = _add_ring(rates, ring, turn, x, ups[0], velocity, first, mixed)
    else:
        rates = along_row(rates, source, c, velocity, first, second)
    return load(state, c & kept) + part * (rates + other)


@inlined
def _update_row(
    fresh, n, sums, state, source, target, at, ups, downs, columns, speed, centre, first, second, kept, part
):  # fmt: skip
    """New values of a row; ``fresh``: there are no sums.

    Its last LANES cells are computed first and stored last, since ``target`` may be ``state``.
    """
    rest, none, tail, width, whole = splat(0.0), plain(0), n - LANES, (2 * len(first) + 1) * LANES, n // LANES
    if n % LANES != 0:
        g, rates = whole * width, rest if fresh else load(sums, tail)
        rest = _cells(
            False, rates, sums, none, none, state, source, at + tail, ups, downs, columns, g,
            splat(speed) + load(columns, g + width - LANES), centre, first, second, first, kept, part,
        )  # fmt: skip
    for t in range(whole):
        x, g, rates = t * LANES, t * width, splat(0.0) if fresh else load(sums, t * LANES)
        value = _cells(
            False, rates, sums, none, none, state, source, at + x, ups, downs, columns, g,
            splat(speed) + load(columns, g + width - LANES), centre, first, second, first, kept, part,
        )  # fmt: skip
        store(target, at + x, value)
    if n % LANES != 0:
        store(target, at + tail, rest)


@inlined
def _update_four(
    sloped, ring, turn, n, aside, state, source, target, at, ups, downs, columns, speeds, centre, first, second, mixed,
    kept, part,
):  # fmt: skip
    """New values of four rows that begin at ``at``; turn: their place in the ring.

    Where a row's last cells are no vector, the last LANES are computed first, kept ``aside`` and stored last, since
    ``target`` may be ``state``.
    """
    row, width, whole = n + 2 * PAD, (2 * len(first) + 1) * LANES, n // LANES * LANES
    cut, zero = n > whole, splat(0.0)
    for piece in range(2 if cut else 1):
        x, end, shift, to, step, base = 0, whole, 0, flat(target, at), row, 0
        if cut and piece == 0:
            x, end, shift, to, step, base = n - LANES, n, whole + LANES - n, aside, LANES, n - LANES
        while x < end:
            g, values = (x + shift) // LANES * width, (zero, zero, zero, zero)
            velocity = load(columns, g + width - LANES)
            for j in range(GROUP):  # all four before any is stored, so that the compiler shares what they load
                rates = _cells(
                    sloped, splat(0.0), ring, turn + j, x, state, source, at + j * row + x, ups, downs, columns, g,
                    splat(speeds[j]) + velocity, centre, first, second, mixed, kept, part,
                )  # fmt: skip
                values = put(values, j, rates)
            for j in range(GROUP):
                store(to, j * step + x - base, values[j])
            x += LANES
    if cut:
        for j in range(GROUP):
            store(target, at + n - LANES + j * row, load(aside, j * LANES))


def update_rows(t, sums, begin, end, site, place, state, source, target, at, kept, part, next_q):
    """New values of the rows ``begin`` to ``end`` of a block that begins at ``at``. Compiled apart, for its registers.

    place: of q_N. next_q: 0, or distance of the next block, of which the same rows are fetched into the second-level
    cache: of target and state, and of the farthest place along q_N, which it will be the first to need.
    """
    last, size, n, first, second, columns = (
        len(t.shape) - 1,
        len(t.shape) // 2,
        t.shape[len(t.shape) - 1],
        t.first,
        t.second,
        t.columns,
    )
    row, fours, k = n + 2 * PAD, begin + (end - begin) // GROUP * GROUP, len(first)
    slot, speed, centre = ((size - 1) * t.longest + place) * EIGHT, t.on_sites[last * t.sites + site], t.at_sites[site]
    ups, downs = take(t.near, slot, t.ahead), take(t.near, slot + k, t.ahead)
    for r in range(begin, end):
        _update_row(
            plain(False), n, flat(sums, (r - begin) * row), state, source, target, at + r * row, ups, downs, columns,
            speed + t.on_rows[t.rows + r], centre + t.at_rows[r], first, second, kept, part,
        )  # fmt: skip
        if next_q > 0:
            y = at + r * row + next_q
            for x in range(0, row, EIGHT):
                prefetch(source, y + x + ups[k - 1])
                prefetch(target, y + x)
                prefetch(state, (y + x) & kept)
    for r in range(begin, fours, GROUP):
        finish_four(t, source, target, at + r * row, part)
    for r in range(fours, end):
        finish_row(t, source, target, at + r * row, part)


@inlined
def _find_slopes(t, begin, end, done, ring, W):
    """Differences along p of the rows ``done`` to ``end``, into the ring of rows: antisymmetric, symmetric."""
    n = t.shape[len(t.shape) - 1]
    row = n + 2 * PAD
    for r in range(done, end):
        to_row = (r - begin + GROUP) % RING * row
        for y in range(0, n, LANES):
            x = min(y, n - LANES)
            odd, even = differences(W, r * row + PAD + x, t.first, t.second)
            store(ring, to_row + x, odd)
            store(ring, RING * row + to_row + x, even)


@inlined
def _add_ring(rates, ring, turn, x, row, velocity, first, mixed):
    """Add p_N and the mixed derivative to the rates of LANES cells of a row, from the ring; turn: its place there."""
    own = (turn + GROUP) % RING * row + x
    rates += load(ring, RING * row + own)
    for m in range(len(first)):
        up, down = (turn + GROUP + m + 1) % RING * row, (turn + GROUP - m - 1) % RING * row
        rates += mixed[m] * (load(ring, up + x) - load(ring, down + x))
    return rates - velocity * load(ring, own)


@inlined
def update_fours(t, sloped, ring, begin, end, state, source, target, kept, part):
    """New values of the rows from ``begin`` to ``end`` of one particle, in fours, far from the ends of q.

    Four rows share the weights of their columns and most of their neighbours along q, 10 rows instead of 28 at order 6:
    loads bound the loop. Sixteen registers do not hold that; there, one row after another is 1.2 times as fast, except
    with mixed derivatives, which need too many addresses. ``sloped``: add 2 D_qp d_q d_p W, from differences along p of
    the rows that four rows need, in a ring. (Columns in groups of 256 would stay in the first-level cache, but break
    the streams from memory: 1.2 instead of 2.2 Gcell/s on 2048^2.) Compiled apart: within a larger function it keeps
    its pointers on the stack, a fifth of its speed.
    """
    n, columns, first, second = t.shape[1], t.columns, t.first, t.second
    row, own, mixed, ups, downs = n + 2 * PAD, flat(t.on_sites, t.sites), t.first, t.ahead, t.ahead
    done, on_row, centre = max(begin - GROUP, 0), t.on_rows[1], t.at_sites[begin] + t.at_rows[0]
    for m in range(len(t.first)):
        mixed = put(mixed, m, t.cross[1] * t.first[m])
        ups, downs = put(ups, m, (m + 1) * row), put(downs, m, -(m + 1) * row)
    for i in range(begin, end, GROUP):
        if sloped:
            _find_slopes(t, begin, min(i + 2 * GROUP, t.sites), done, ring, source)
            done = i + 2 * GROUP
        if sloped or LANES == EIGHT:
            speeds = (own[i] + on_row, own[i + 1] + on_row, own[i + 2] + on_row, own[i + 3] + on_row)
            _update_four(
                sloped, ring, (i - begin) % RING, n, flat(ring, 2 * RING * row), state, source, target, i * row + PAD,
                ups, downs, columns, speeds, centre, first, second, mixed, kept, part,
            )  # fmt: skip
        else:
            for j in range(i, i + GROUP):
                _update_row(
                    plain(True), n, ring, state, source, target, j * row + PAD, ups, downs, columns, own[j] + on_row,
                    centre, first, second, kept, part,
                )  # fmt: skip
    for i in range(begin, end, GROUP):  # later, when the last stores have reached the cache
        finish_four(t, source, target, i * row + PAD, part)
