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
from fpsolver.kernels.jit import called, inlined
from fpsolver.kernels.simd import LANES, flat, load, prefetch, put, splat, store
from fpsolver.kernels.terms import add_kicks, list_slopes, list_terms, next_place, weigh_axes

GROUP = 4  # rows that are computed at a time
RING = 3 * GROUP  # rows of which four rows need differences along p, at order 8


@inlined
def sum_terms(
    source, at, y, site, sites, block, places, slots, distances, weights, steady, sums, to_row, spare, own, velocity,
    on_row, uneven, near, spread, turn, longest, cross, kicks, reach, first, shape, strides, ahead, mixes, crossed,
    pairs,
):  # fmt: skip
    """Sums of all terms of a row into sums[to_row], ..; ``spare``: room for a row and for kicks."""
    n, size, far = shape[len(shape) - 1], len(shape) // 2, reach[0] + reach[1]
    line, slopes, end = spare + far, spare + PAD, 0
    axes = weigh_axes(
        slots, steady, places, site, y, sites, block, own, velocity, on_row, uneven, spread, turn, shape, longest, first
    )
    if size > 1 and (pairs or reach[1] > 0):
        end = list_terms(distances, weights, places, site, sites, cross, kicks, reach, first, shape, strides)
    fresh = axes + end == 0 and (reach[1] > 0 or crossed)
    if not fresh:
        sum_row(source, at, n, near, slots, steady, axes, first, distances, weights, 0, end, sums, to_row, True)
    if reach[1] > 0:
        start_kicks = ((size - 1) * sites + site) * reach[1]
        end = add_kicks(distances, weights, 0, far, 2 * far + 1, 1, kicks, start_kicks, reach)
        unroll(source, at, n, far, sums, spare)
        sum_row(sums, line, n, near, slots, steady, 0, first, distances, weights, 0, end, sums, to_row, fresh)
        fresh = False
    if mixes:
        fresh = _add_uneven(
            source, at, y, n, places, flat(own, site), sites, block, velocity, uneven, near, spread, first, shape,
            longest, ahead, sums, to_row, fresh,
        )  # fmt: skip
    if crossed:
        end = list_slopes(distances, weights, places, cross, first, shape, strides)
        sum_row(source, at, n, near, slots, steady, 0, first, distances, weights, 0, end, sums, slopes, True)
        _add_slopes(sums, to_row, slopes, n, first, fresh)


@inlined
def _add_uneven(
    source, at, y, n, places, own, sites, block, velocity, uneven, near, spread, first, shape, longest, ahead, sums,
    to_row, fresh,
):  # fmt: skip
    """Add the axes whose velocity changes along the row to its sums; returns whether there are still none."""
    k, tail = len(first), n - LANES
    for a in range(len(shape) - 1):
        if uneven[a]:
            slot, to_y, speed = (a * longest + places[a]) * LANES, a * block + y, own[a * sites]
            ups, downs = take(near, slot, ahead), take(near, slot + k, ahead)
            above, below = take(spread, slot, first), take(spread, slot + k, first)
            rest = start(sums, to_row + tail, fresh)
            rest = along(rest, source, at + tail, ups, downs, above, below, velocity, to_y + tail, speed, first)
            for x in range(0, tail + 1, LANES):
                rates = start(sums, to_row + x, fresh)
                rates = along(rates, source, at + x, ups, downs, above, below, velocity, to_y + x, speed, first)
                store(sums, to_row + x, rates)
            store(sums, to_row + tail, rest)
            fresh = False
    return fresh


@inlined
def _add_slopes(sums, to_row, slopes, n, first, fresh):
    """Add the derivative along the row of what begins at ``slopes`` (up to 7 cells beyond the end, which are free)."""
    make_periodic(sums, slopes, n)
    for x in range(0, n, LANES):
        store(sums, to_row + x, start(sums, to_row + x, fresh) + difference(sums, slopes + x, first))


@called
def sum_rows(
    begin, end, source, at, site, sites, block, places, slots, distances, weights, steady, sums, spare, own, velocity,
    on_rows, uneven, near, spread, turn, longest, cross, kicks, reach, first, shape, strides, ahead, mixes, crossed,
    pairs,
):  # fmt: skip
    """Sums of the terms of the rows ``begin`` to ``end`` of a block that begins at ``at``."""
    row, size = shape[len(shape) - 1] + 2 * PAD, len(shape) // 2
    for r in range(begin, end):
        sum_terms(
            source, at + r * row, PAD + r * row, site, sites, block, places, slots, distances, weights, steady, sums,
            (r - begin) * row, spare, own, velocity, on_rows[r], uneven, near, spread, turn, longest, cross, kicks,
            reach, first, shape, strides, ahead, mixes, crossed, pairs,
        )  # fmt: skip
        next_place(places, size, 2 * size - 1, shape)


@inlined
def _cells(
    sloped, rates, ring, turn, x, state, source, c, ups, downs, columns, g, velocity, centre, first, second, mixed,
    kept, part,
):  # fmt: skip
    """New values of 8 cells: state + part (rates so far + q_N + the cell itself + p_N); g: their columns' weights."""
    k = len(first)
    for m in range(k):
        rates += load(columns, g + m * LANES) * load(source, c + ups[m])
        rates += load(columns, g + (k + m) * LANES) * load(source, c + downs[m])
    rates += centre * load(source, c)
    if sloped:
        rates = _add_ring(rates, ring, turn, x, ups[0], velocity, first, mixed)
    else:
        rates = along_row(rates, source, c, velocity, first, second)
    return load(state, c & kept) + part * rates


@inlined
def _update_row(
    n, sums, state, source, target, at, ups, downs, columns, speed, centre, first, second, kept, part
):  # fmt: skip
    """New values of a row. Its last 8 cells are computed first and stored last: ``target`` may be ``state``."""
    rest, tail, width, whole = splat(0.0), n - LANES, (2 * len(first) + 1) * LANES, n // LANES
    if n % LANES != 0:
        g = whole * width
        rest = _cells(
            False, load(sums, tail), sums, 0, 0, state, source, at + tail, ups, downs, columns, g,
            splat(speed) + load(columns, g + width - LANES), centre, first, second, first, kept, part,
        )  # fmt: skip
    for t in range(whole):
        x, g = t * LANES, t * width
        value = _cells(
            False, load(sums, x), sums, 0, 0, state, source, at + x, ups, downs, columns, g,
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

    Where a row's last cells are no vector, the last 8 are computed first, kept ``aside`` and stored last: ``target``
    may be ``state``.
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


@called
def update_rows(
    begin, end, n, sums, state, source, target, at, ups, downs, columns, speed, on_rows, centre, at_rows, first,
    second, kept, part, walled, ends, next_q,
):  # fmt: skip
    """New values of the rows ``begin`` to ``end`` of a block that begins at ``at``. Not inlined, for its registers.

    next_q: 0, or distance of the next block, of which the same rows are fetched into the second-level cache: of target
    and state, and of the farthest place along q_N, which it will be the first to need.
    """
    row, fours = n + 2 * PAD, begin + (end - begin) // GROUP * GROUP
    for r in range(begin, end):
        _update_row(
            n, flat(sums, (r - begin) * row), state, source, target, at + r * row, ups, downs, columns,
            speed + on_rows[r], centre + at_rows[r], first, second, kept, part,
        )  # fmt: skip
        if next_q > 0:
            y = at + r * row + next_q
            for x in range(0, row, LANES):
                prefetch(source, y + x + ups[len(ups) - 1])
                prefetch(target, y + x)
                prefetch(state, (y + x) & kept)
    for r in range(begin, fours, GROUP):
        finish_four(source, target, at + r * row, row, n, walled, ends, len(first), part)
    for r in range(fours, end):
        finish_row(source, target, at + r * row, n, walled, ends, len(first), part)


@inlined
def _find_slopes(begin, end, done, n, ring, W, first, second):
    """Differences along p of the rows ``done`` to ``end``, into the ring of rows: antisymmetric, symmetric."""
    row = n + 2 * PAD
    for r in range(done, end):
        to_row = (r - begin + GROUP) % RING * row
        for y in range(0, n, LANES):
            x = min(y, n - LANES)
            odd, even = differences(W, r * row + PAD + x, first, second)
            store(ring, to_row + x, odd)
            store(ring, RING * row + to_row + x, even)


@inlined
def _add_ring(rates, ring, turn, x, row, velocity, first, mixed):
    """Add p_N and the mixed derivative to the rates of 8 cells of a row, from the ring; turn: its place there."""
    own = (turn + GROUP) % RING * row + x
    rates += load(ring, RING * row + own)
    for m in range(len(first)):
        up, down = (turn + GROUP + m + 1) % RING * row, (turn + GROUP - m - 1) % RING * row
        rates += mixed[m] * (load(ring, up + x) - load(ring, down + x))
    return rates - velocity * load(ring, own)


@called
def update_fours(
    begin, end, sites, sloped, n, ring, state, source, target, ahead, columns, own, on_row, centre, weight, first,
    second, kept, part, walled, ends,
):  # fmt: skip
    """New values of the rows from ``begin`` to ``end`` of one particle, four at a time, far from the ends of q.

    Four rows share the weights of their columns and most of their neighbours along q, 10 rows instead of 28 at order 6:
    loads bound the loop. ``sloped``: add weight d_q d_p W, from differences along p of the rows that four rows need, in
    a ring. (Columns in groups of 256 would stay in the first-level cache, but break the streams from memory: 1.2
    instead of 2.2 Gcell/s on 2048^2.) Not inlined: within a larger function it keeps its pointers on the stack, a fifth
    of its speed.
    """
    row, mixed, ups, downs, done = n + 2 * PAD, first, ahead, ahead, max(begin - GROUP, 0)
    for m in range(len(first)):
        mixed = put(mixed, m, weight * first[m])
        ups, downs = put(ups, m, (m + 1) * row), put(downs, m, -(m + 1) * row)
    for i in range(begin, end, GROUP):
        if sloped:
            _find_slopes(begin, min(i + 2 * GROUP, sites), done, n, ring, source, first, second)
            done = i + 2 * GROUP
        speeds = (own[i] + on_row, own[i + 1] + on_row, own[i + 2] + on_row, own[i + 3] + on_row)
        _update_four(
            sloped, ring, (i - begin) % RING, n, flat(ring, 2 * RING * row), state, source, target, i * row + PAD, ups,
            downs, columns, speeds, centre, first, second, mixed, kept, part,
        )  # fmt: skip
    for i in range(begin, end, GROUP):  # later, when the last stores have reached the cache
        finish_four(source, target, i * row + PAD, row, n, walled, ends, len(first), part)
