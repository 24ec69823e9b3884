"""What :mod:`fpsolver.kernels.phase_space` needs to know of a system, a grid and a scheme, and how it is handed over."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fpsolver.kernels.axes import PAD
from fpsolver.kernels.memory import Array, empty_padded
from fpsolver.kernels.rows import GROUP, RING
from fpsolver.kernels.simd import LANES

HELD = 1536  # cells whose terms are summed before they are used: 12 KB of the first-level cache
FLOATS, INTEGERS = (0,) * 13, (0,) * 7  # as many as arrays of either kind, with the sizes


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
    neighbours along each axis in memory.
    present: whether there are quantum terms or a velocity of q_N that depends on positions, mixed derivatives with p_N,
    mixed derivatives without p_N, uneven axes, walls of p_N.
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


class Packed(NamedTuple):
    """Coefficients and scratch space as the kernels take them.

    ``numbers``: all of floating point, one after the other. ``integers``: where each of them begins there, where each
    array of integers begins here, and these. A call hands over ten arrays instead of thirty (0.7 us less), and the loop
    over stages is compiled once for all grids. The rest, with a row for each share of the work: sums of some rows of
    cells and one row more, or a ring of slopes; places and distances; weights.
    """

    numbers: Array
    integers: NDArray[np.int64]
    sums: Array
    lists: NDArray[np.int64]
    weights: Array


def pack(coefficients: Coefficients, shares: int) -> Packed:
    """Arrays for so many shares."""
    floats = [np.ravel(part) for part in coefficients[: len(FLOATS)]]
    held, sums = _sums(coefficients, shares)
    sites, block = coefficients.on_sites.shape[1], coefficients.on_momenta.shape[1]
    sizes = held, sites, block, len(coefficients.at_rows), coefficients.near.shape[1], sums.shape[1] - 2 * LANES
    others = [np.ravel(part).astype(np.int64) for part in (*coefficients[len(FLOATS) :], sizes)]
    lengths = [-(-part.size // LANES) * LANES for part in floats]
    # every array begins on a cache line, the first one with a halo before it
    starts = np.cumsum([PAD, *lengths]) - [PAD, *[0] * len(lengths)]
    numbers = np.asarray(empty_padded((int(starts[-1]),))[0])
    for start, part in zip(starts, floats, strict=False):
        numbers[start : start + part.size] = part
    header = len(FLOATS) + len(INTEGERS)
    begins = header + np.cumsum([0, *(part.size for part in others)])[:-1]
    return Packed(numbers, np.concatenate([starts[:-1], begins, *others]), sums, *_lists(coefficients, shares))


def _sums(coefficients: Coefficients, shares: int) -> tuple[int, Array]:
    """Rows of a block that are summed at a time, and the room for them."""
    row, (offset, kicks) = coefficients.shape[-1] + 2 * PAD, coefficients.reach
    held = max(GROUP, min(HELD // row, len(coefficients.at_rows)))
    ring = 2 * RING * row + GROUP * LANES if len(coefficients.shape) == 2 else 0
    numbers = max((held + 1) * row + 2 * (offset + kicks), ring) + 4 * LANES
    return held, empty_padded((shares, -(-numbers // LANES) * LANES))[0]


def _lists(coefficients: Coefficients, shares: int) -> tuple[NDArray[np.int64], Array]:
    """Room for places and distances, and for weights."""
    last, k, kicks = len(coefficients.shape) - 1, len(coefficients.first), coefficients.reach[1]
    terms = last * (LANES + 2 * k) + last * (last - 1) // 2 * 4 * k * k + (last + 1) * kicks
    return np.empty((shares, 2 * last + 2 + terms), np.int64), np.empty((shares, terms))
