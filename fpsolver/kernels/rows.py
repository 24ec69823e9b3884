"""Rows of cells: sums of their terms, and new values from them and the axes q_N and p_N.

Part of :mod:`fpsolver.kernels.phase_space`, which explains the formulas and the layout; after an edit here, touch that
file (kernels/axes.py says why).
"""

from __future__ import annotations

from fpsolver.kernels.axes import (
    PAD,
    across,
    along,
    along_row,
    difference,
    finish_four,
    finish_row,
    make_periodic,
    start,
    sum_row,
    take,
    unroll,
)
from fpsolver.kernels.jit import inlined, kernel
from fpsolver.kernels.simd import LANES, flat, load, splat, store
from fpsolver.kernels.terms import add_kicks, list_slopes, list_terms, next_place, weigh_axes

GROUP = 4  # rows that are computed at a time


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


@inlined
def _cells(
    rates, state, source, c, ups, downs, columns, g, speed, centre, first, inner, second, keep, part
):  # fmt: skip
    """New values of 8 cells: keep W + part (rates so far + the cell itself + axes q_N and p_N)."""
    y = g + 2 * len(first) * LANES
    rates += centre * load(source, c)
    rates = across(rates, source, c, ups, downs, load(columns, y + LANES), inner, first)
    rates = along_row(rates, source, c, splat(speed) + load(columns, y), first, second)
    return keep * load(state, c) + part * rates


@inlined
def update_row(
    n, sums, to_row, state, source, target, at, ups, downs, columns, speed, centre, first, inner, second, keep,
    part,
):  # fmt: skip
    """New values of a row. Its last 8 cells are computed first and stored last: ``target`` may be ``state``."""
    rest, tail, width = splat(0.0), n - LANES, 2 * len(first) + 2
    if n % LANES != 0:
        rest = _cells(
            load(sums, to_row + tail), state, source, at + tail, ups, downs, columns,
            n // LANES * LANES * width, speed, centre, first, inner, second, keep, part,
        )  # fmt: skip
    for x in range(0, tail + 1, LANES):
        value = _cells(
            load(sums, to_row + x), state, source, at + x, ups, downs, columns, x * width, speed, centre,
            first, inner, second, keep, part,
        )  # fmt: skip
        store(target, at + x, value)
    if n % LANES != 0:
        store(target, at + tail, rest)


@kernel
def update_rows(
    begin, end, n, sums, state, source, target, at, ups, downs, columns, speed, on_rows, centre, at_rows, first, inner,
    second, keep, part, walled, ends,
):  # fmt: skip
    """New values of the rows ``begin`` to ``end`` of a block that begins at ``at``. Not inlined, for its registers."""
    row = n + 2 * PAD
    for r in range(begin, end):
        y = at + r * row
        update_row(
            n, sums, (r - begin) * row, state, source, target, y, ups, downs, columns, speed + on_rows[r], centre +
            at_rows[r], first, inner, second, keep, part,
        )  # fmt: skip
    fours = begin + (end - begin) // GROUP * GROUP
    for r in range(begin, fours, GROUP):
        finish_four(source, target, at + r * row, row, n, walled, ends, len(first), part)
    for r in range(fours, end):
        finish_row(source, target, at + r * row, n, walled, ends, len(first), part)


@kernel
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
def _find_slopes(n, slopes, W, at, weight, first):
    """Weight x d_q W of four rows of one particle, far from the ends of q, as four rows with halos, one vector on."""
    row, tail = n + 2 * PAD, n - LANES
    for x in range(0, n, LANES):
        y = min(x, tail)
        c = at + y
        a, b, d, e = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
        for m in range(len(first)):
            part = weight * first[m]
            a += part * (load(W, c + (m + 1) * row) - load(W, c - (m + 1) * row))
            b += part * (load(W, c + (m + 2) * row) - load(W, c - m * row))
            d += part * (load(W, c + (m + 3) * row) - load(W, c - (m - 1) * row))
            e += part * (load(W, c + (m + 4) * row) - load(W, c - (m - 2) * row))
        _store_four(slopes, LANES + y, row, a, b, d, e)
    for j in range(GROUP):
        make_periodic(slopes, LANES + j * row, n)


@inlined
def _store_four(target, c, row, a, b, d, e):
    store(target, c, a)
    store(target, c + row, b)
    store(target, c + 2 * row, d)
    store(target, c + 3 * row, e)


@inlined
def _one_of_four(
    sloped, sums, x, j, row, state, source, c, columns, g, velocity, centre, first, second, keep, part
):  # fmt: skip
    """New values of 8 cells of the j-th of four rows; c: their place in the first row, g: their columns' weights."""
    k, d = len(first), c + j * row
    rates = difference(sums, LANES + j * row + x, first) if sloped else splat(0.0)
    for m in range(k):
        rates += load(columns, g + m * LANES) * load(source, c + (j + m + 1) * row)
        rates += load(columns, g + (k + m) * LANES) * load(source, c + (j - m - 1) * row)
    rates += centre * load(source, d)
    rates = along_row(rates, source, d, velocity, first, second)
    return keep * load(state, d) + part * rates


@inlined
def _four(
    sloped, sums, x, g, row, state, source, at, columns, speeds, centres, first, second, keep, part
):  # fmt: skip
    """New values of 8 cells from place x of four rows, their columns' weights from g."""
    velocity, c = load(columns, g + 2 * len(first) * LANES), at + x
    a = _one_of_four(
        sloped, sums, x, 0, row, state, source, c, columns, g, splat(speeds[0]) + velocity, centres[0], first,
        second, keep, part,
    )  # fmt: skip
    b = _one_of_four(
        sloped, sums, x, 1, row, state, source, c, columns, g, splat(speeds[1]) + velocity, centres[1], first,
        second, keep, part,
    )  # fmt: skip
    d = _one_of_four(
        sloped, sums, x, 2, row, state, source, c, columns, g, splat(speeds[2]) + velocity, centres[2], first,
        second, keep, part,
    )  # fmt: skip
    e = _one_of_four(
        sloped, sums, x, 3, row, state, source, c, columns, g, splat(speeds[3]) + velocity, centres[3], first,
        second, keep, part,
    )  # fmt: skip
    return a, b, d, e


@inlined
def _update_four(
    sloped, n, sums, state, source, target, at, columns, speeds, centres, first, second, keep, part, walled,
    ends,
):  # fmt: skip
    row, k = n + 2 * PAD, len(first)
    tail, width, held = n - LANES, 2 * k + 2, (GROUP + 1) * row
    cut = n % LANES != 0  # the last 8 cells are then computed first, and stored last: target may be state
    for t in range(-1 if cut else 0, n // LANES):
        x, g = t * LANES, t * LANES * width
        where, to, step = target, at + x, row
        if t < 0:
            x, g = tail, n // LANES * LANES * width
            where, to, step = sums, held, LANES
        a, b, d, e = _four(
            sloped, sums, x, g, row, state, source, at, columns, speeds, centres, first, second, keep, part
        )
        _store_four(where, to, step, a, b, d, e)
    if cut:
        for j in range(GROUP):
            store(target, at + tail + j * row, load(sums, held + j * LANES))
    finish_four(source, target, at, row, n, walled, ends, k, part)


@kernel
def update_fours(
    begin, end, sloped, n, sums, state, source, target, columns, own, on_row, at_sites, at_row, weight, first,
    second, keep, part, walled, ends,
):  # fmt: skip
    """New values of the rows from ``begin`` to ``end`` of one particle, four at a time, far from the ends of q.

    ``sloped``: add weight d_q d_p W. Four rows share the weights
    of their columns and most of their neighbours: 10 loads instead of 28 at order 6, and loads are what bounds the
    loop. Not inlined: within a larger function it keeps its pointers on the stack, a fifth of its speed.
    """
    for i in range(begin, end, GROUP):
        speeds = (own[i] + on_row, own[i + 1] + on_row, own[i + 2] + on_row, own[i + 3] + on_row)
        centres = (at_sites[i] + at_row, at_sites[i + 1] + at_row, at_sites[i + 2] + at_row, at_sites[i + 3] + at_row)
        at = i * (n + 2 * PAD) + PAD
        if sloped:
            _find_slopes(n, sums, source, at, weight, first)
        _update_four(
            sloped, n, sums, state, source, target, at, columns, speeds, centres, first, second, keep, part,
            walled, ends,
        )  # fmt: skip
