"""Rows of cells: sums of their terms, and new values from them and the axes q_N and p_N.

Part of :mod:`fpsolver.kernels.phase_space`, which explains the formulas and the layout; after an edit here, touch that
file (kernels/axes.py says why).
"""

from __future__ import annotations

from fpsolver.kernels.axes import (
    PAD,
    along,
    along_inside,
    along_row,
    difference,
    make_periodic,
    start,
    sum_row,
    take,
    unroll,
)
from fpsolver.kernels.jit import inlined
from fpsolver.kernels.simd import LANES, flat, load, splat, store
from fpsolver.kernels.terms import add_kicks, list_slopes, list_terms, weigh_axes


@inlined
def sum_terms(
    source, at, y, site, sites, block, places, slots, distances, weights, steady, sums, to_row, spare, own, velocity,
    uneven, near, spread, turn, longest, cross, kicks, reach, first, shape, strides, ahead, mixes, crossed, pairs,
):  # fmt: skip
    """Sums of all terms of a row into sums[to_row], ..; ``spare``: where two rows are free."""
    n, size, far = shape[len(shape) - 1], len(shape) // 2, reach[0] + reach[1]
    line, slopes, fresh, end = spare + far, spare + PAD, size == 1, 0
    if size > 1:
        axes = weigh_axes(
            slots, steady, places, site, y, sites, block, own, velocity, uneven, spread, turn, shape, longest
        )
        if pairs or reach[1] > 0:
            end = list_terms(distances, weights, places, site, sites, cross, kicks, reach, first, shape, strides)
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
    rates, x, W, source, at, y, ups, downs, above, below, velocity, to_q, to_p, own_q, own_p, here, first, second, keep,
    part,
):  # fmt: skip
    """New values of 8 cells from place x of a row: keep W + part x (rates so far + axes q_N and p_N)."""
    rates = along(rates, source, at + x, ups, downs, above, below, velocity, to_q + y + x, own_q, first)
    rates = along_row(rates, source, at + x, velocity, to_p + y + x, own_p, here, first, second)
    return keep * load(W, at + x) + part * rates


@inlined
def update_row(
    n, listed, sums, to_row, W, source, target, at, y, ups, downs, above, below, velocity, to_q, to_p, own_q, own_p,
    here, first, second, keep, part,
):  # fmt: skip
    """New values of a row. Its last 8 cells are computed first and stored last: ``target`` may be W.

    Two loops, with terms and without: a condition within costs a sixth of the speed of a grid of one particle.
    """
    rest, tail = splat(0.0), n - LANES
    if n % LANES != 0:
        rest = _cells(
            load(sums, to_row + tail) if listed else splat(0.0), tail, W, source, at, y, ups, downs, above, below,
            velocity, to_q, to_p, own_q, own_p, here, first, second, keep, part,
        )  # fmt: skip
    if listed:
        for x in range(0, tail + 1, LANES):
            value = _cells(
                load(sums, to_row + x), x, W, source, at, y, ups, downs, above, below, velocity, to_q, to_p, own_q,
                own_p, here, first, second, keep, part,
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


@inlined
def _two(
    x, W, source, at, row, velocity, block, own_q, next_q, own_p, next_p, here, first, weights, second, keep, part
):  # fmt: skip
    """New values of 8 cells from place x of two rows that follow each other along q, far from the walls of q."""
    c, y = at + x, PAD + x
    a = along_inside(splat(0.0), source, c, 0, row, weights, velocity, y, own_q, first)
    b = along_inside(splat(0.0), source, c, 1, row, weights, velocity, y, next_q, first)
    a = along_row(a, source, c, velocity, block + y, own_p, here, first, second)
    b = along_row(b, source, c + row, velocity, block + y, next_p, here, first, second)
    return keep * load(W, c) + part * a, keep * load(W, c + row) + part * b


@inlined
def update_two(
    n, W, source, target, at, row, velocity, block, own_q, next_q, own_p, next_p, here, first, weights, second, keep,
    part,
):  # fmt: skip
    """New values of two rows, which have most of their neighbours in common: 12 loads instead of 16 at order 6."""
    a, b, tail = splat(0.0), splat(0.0), n - LANES
    if n % LANES != 0:
        a, b = _two(
            tail, W, source, at, row, velocity, block, own_q, next_q, own_p, next_p, here, first, weights, second, keep,
            part,
        )  # fmt: skip
    for x in range(0, tail + 1, LANES):
        c, d = _two(
            x, W, source, at, row, velocity, block, own_q, next_q, own_p, next_p, here, first, weights, second, keep,
            part,
        )  # fmt: skip
        store(target, at + x, c)
        store(target, at + row + x, d)
    if n % LANES != 0:
        store(target, at + tail, a)
        store(target, at + row + tail, b)
