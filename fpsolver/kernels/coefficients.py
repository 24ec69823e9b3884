"""What the kernels of :mod:`fpsolver.kernels.phase_space` need to know, and how it is handed over to them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import types
from numpy.typing import NDArray

from fpsolver.kernels import pointers
from fpsolver.kernels.axes import PAD, take
from fpsolver.kernels.jit import inlined
from fpsolver.kernels.memory import Array, empty_padded
from fpsolver.kernels.pointers import flat
from fpsolver.kernels.rows import GROUP, RING
from fpsolver.kernels.simd import EIGHT

HELD = 1536  # cells whose terms are summed before they are used: 12 KB of the first-level cache
FLOATS = 13  # fields of Coefficients that are floating-point numbers; integers follow


class Coefficients(NamedTuple):
    """What the kernels need to know, for 2N axes a, S sites, blocks of M padded cells and stencil half-width k.

    on_sites (2N, S) and on_momenta (2N, M): velocity of axis a at a site plus that on its block, times c_1/h_a.
    on_rows (2, rows): of the latter, for q_N and p_N, what does not depend on p_N. columns: for each LANES columns, 2k
    + 1 vectors: weights s_m - v c_m and s_m + v c_m of the places above and below along q_N, with v what depends on
    p_N, and of the velocity of p_N what depends on p_N. at_sites (S,) and at_rows: weight of the cell itself, a sum of
    one for its site and one for its row of the block. uneven[a]: 1 for an axis other than q_N and p_N whose velocity
    changes along rows. near and spread[a, place, ..], for all axes but p_N: distance in memory and symmetric weight of
    the k places above and the k below, walls included; for q_N only what walls add to its s_m. turn: c_m/c_1 for the
    places above, with a minus below. ends (2k, 8): what the walls of p_N add to the last four and the first four cells
    of a row, from its k highest and its k lowest. cross (2N, 2N), above the diagonal: 2 D_ab c_1^2/(h_a h_b). kicks (N,
    S, K): quantum terms kicks[i, site, m] (W_{+d} - W_{-d}) along p_i with d = offset + m + 1; reach = (offset, K).
    first: c_m/c_1 (the velocities carry c_1, which saves a product and a register); second: s_m of p_N. Tuples, because
    the compiler knows their length and unrolls the sums over m. shape: cells of each axis; strides: distance of
    neighbours along each axis in memory. present: whether there are quantum terms or a velocity of q_N that depends on
    positions, mixed derivatives with p_N, mixed derivatives without p_N, uneven axes, walls of p_N.
    """

    on_momenta: Array
    on_sites: Array
    on_rows: Array
    columns: Array
    at_sites: Array
    at_rows: Array
    spread: Array
    turn: Array
    ends: Array
    cross: Array
    kicks: Array
    first: tuple[float, ...]
    second: tuple[float, ...]
    uneven: NDArray[np.integer[Any]]
    near: NDArray[np.int64]
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    reach: tuple[int, int]
    present: tuple[bool, ...]


class Tables(NamedTuple):
    """What the kernels make of packed coefficients: pointers where :class:`Coefficients` has arrays.

    And ``ahead``, k integers whose values nobody uses, and sizes: rows of a block that are summed at a time, sites,
    cells and rows of a block, the longest axis but p_N, where the sums end and 8 zeros begin, and places of q_1 that
    are computed, all or the lower half.
    """

    on_momenta: Any
    on_sites: Any
    on_rows: Any
    columns: Any
    at_sites: Any
    at_rows: Any
    spread: Any
    turn: Any
    ends: Any
    cross: Any
    kicks: Any
    first: Any
    second: Any
    uneven: Any
    near: Any
    shape: Any
    strides: Any
    reach: Any
    ahead: Any
    listed: bool
    crossed: bool
    pairs: bool
    mixes: bool
    walled: bool
    held: int
    sites: int
    block: int
    rows: int
    longest: int
    zeros: int
    computed: int


class Room(NamedTuple):
    """What one share of the work writes into.

    Sums of some rows of cells and one row more, or a ring of slopes; places of the row along all axes but p_N; of each
    such axis, where its distances are; distances of listed terms; weights of the axes; weights of listed terms.
    """

    sums: Any
    places: Any
    slots: Any
    distances: Any
    steady: Any
    weights: Any


def kinds(k: int, axes: int) -> tuple[types.Type, types.Type]:
    """Numba's types of Tables and Room for stencils of half-width k on so many axes."""
    numbers, integers, row = pointers.numbers, pointers.integers, types.UniTuple(types.float64, k)
    lengths, pair, places = (types.UniTuple(types.intp, count) for count in (axes, 2, k))
    arrays = (*(numbers,) * (FLOATS - 2), row, row, integers, integers, lengths, lengths, pair, places)
    tables = types.NamedTuple((*arrays, *(types.boolean,) * 5, *(types.intp,) * 7), Tables)
    return tables, types.NamedTuple((numbers, integers, integers, integers, numbers, numbers), Room)


@inlined
def unpack(numbers, integers, floats, places, lengths):
    """Tables from pointers to the arrays of :class:`Packed`, and tuples as long as the stencil and the shape."""
    flags, sizes = flat(integers, integers[FLOATS + 5]), flat(integers, integers[FLOATS + 6])
    return Tables(
        flat(numbers, integers[0]), flat(numbers, integers[1]), flat(numbers, integers[2]), flat(numbers, integers[3]),
        flat(numbers, integers[4]), flat(numbers, integers[5]), flat(numbers, integers[6]), flat(numbers, integers[7]),
        flat(numbers, integers[8]), flat(numbers, integers[9]), flat(numbers, integers[10]),
        take(numbers, integers[11], floats), take(numbers, integers[12], floats), flat(integers, integers[FLOATS]),
        flat(integers, integers[FLOATS + 1]), take(integers, integers[FLOATS + 2], lengths),
        take(integers, integers[FLOATS + 3], lengths), take(integers, integers[FLOATS + 4], (0, 0)), places,
        flags[0] != 0, flags[1] != 0, flags[2] != 0, flags[3] != 0, flags[4] != 0, sizes[0], sizes[1], sizes[2],
        sizes[3], sizes[4], sizes[5], sizes[6],
    )  # fmt: skip


@inlined
def lay_out(sums, lists, weights, lengths):
    """Room in rows of the scratch arrays of :class:`Packed`."""
    axes = len(lengths)
    return Room(flat(sums, PAD), lists, flat(lists, axes), flat(lists, 2 * axes), weights, flat(weights, axes * EIGHT))


class Packed(NamedTuple):
    """Coefficients and scratch space as the kernels take them.

    ``numbers``: all of floating point, one after the other. ``integers``: where each of them begins there, where each
    array of integers begins here, and these. A call hands over nine arrays instead of thirty (0.4 us less), and the
    loop over stages is compiled once for all grids. The rest has a row for each share of the work: see :class:`Room`.
    """

    numbers: Array
    integers: NDArray[np.int64]
    sums: Array
    lists: NDArray[np.int64]
    weights: Array


def pack(coefficients: Coefficients, shares: int, computed: int) -> Packed:
    """Arrays for so many shares; ``computed``: places of q_1."""
    c, (held, sums) = coefficients, _sums(coefficients, shares)
    sizes = (
        held, c.on_sites.shape[1], c.on_momenta.shape[1], len(c.at_rows), c.near.shape[1], sums.shape[1] - 2 * EIGHT,
        computed,
    )  # fmt: skip
    floats = [np.ravel(part) for part in c[:FLOATS]]
    others = [np.ravel(part).astype(np.int64) for part in (*c[FLOATS:], sizes)]
    # every array begins on a cache line, the first one with a halo before it
    starts = [0, *(PAD + np.cumsum([-(-part.size // EIGHT) * EIGHT for part in floats]))]
    begins = FLOATS + np.cumsum([len(others), *(part.size for part in others)])[:-1]
    numbers = np.asarray(empty_padded((int(starts[-1]),))[0])
    for start, part in zip(starts, floats, strict=False):
        numbers[start : start + part.size] = part
    return Packed(numbers, np.concatenate([starts[:-1], begins, *others]), sums, *_lists(c, shares))


def _sums(coefficients: Coefficients, shares: int) -> tuple[int, Array]:
    """Rows of a block that are summed at a time, and the room for them."""
    row, (offset, kicks) = coefficients.shape[-1] + 2 * PAD, coefficients.reach
    held = max(GROUP, min(HELD // row, len(coefficients.at_rows)))
    ring = 2 * RING * row + GROUP * EIGHT if len(coefficients.shape) == 2 else 0
    numbers = max((held + 1) * row + 2 * (offset + kicks), ring) + 4 * EIGHT
    return held, empty_padded((shares, -(-numbers // EIGHT) * EIGHT))[0]


def _lists(coefficients: Coefficients, shares: int) -> tuple[NDArray[np.int64], Array]:
    """Room for places and distances, and for weights."""
    axes, k, kicks = len(coefficients.shape), len(coefficients.first), coefficients.reach[1]
    terms = axes * (EIGHT + 2 * k + kicks) + axes * (axes - 1) // 2 * 4 * k * k
    return np.empty((shares, 2 * axes + terms), np.int64), np.empty((shares, terms))
