"""Stencil weights laid out as the kernels read them (:class:`fpsolver.kernels.coefficients.Coefficients`)."""

from __future__ import annotations

import math

import numpy as np

from fpsolver.kernels.axes import PAD
from fpsolver.kernels.memory import empty_padded
from fpsolver.kernels.simd import EIGHT, LANES
from fpsolver.physics.potentials import FloatArray


def conserving(second: list[tuple[float, ...]], rates: FloatArray) -> tuple[float, list[tuple[float, ...]]]:
    """Weight of the cell itself, and weights of the last axis whose last one takes up the rounding of all others.

    Mass is conserved if the centre is -2 sum s - (sum of friction rates); rounding it would lose 1e-14 of the
    mass in a unit of time, always in the same direction.
    """
    total = float(math.fsum(rates))
    weights = [s for axis in second for s in axis]
    centre = -math.fsum([*(2 * s for s in weights), total])
    rest = math.fsum([centre, total, *(2 * s for s in weights[:-1])])
    return centre, [*second[:-1], (*second[-1][:-1], -rest / 2)]


def column_table(odd: FloatArray, along: FloatArray, even: tuple[float, ...]) -> FloatArray:
    """Table of :class:`Coefficients`: LANES columns at a time, the last ones again if their number is no multiple."""
    even_part, n = np.array(even)[:, None], len(along)
    table = np.concatenate([even_part - odd, even_part + odd, along[None]])
    starts = [*range(0, n - LANES + 1, LANES), *([n - LANES] if n % LANES else [])]
    columns: FloatArray = empty_padded((len(starts) * len(table) * LANES,))[0, PAD:-PAD]
    columns[:] = np.concatenate([table[:, x : x + LANES].ravel() for x in starts])
    return columns


def slot_vector(weights: tuple[float, ...], below: float) -> FloatArray:
    """Weights of the places above, and those below with a factor, as one vector."""
    slots = np.zeros(EIGHT)
    slots[: 2 * len(weights)] = [*weights, *(below * w for w in weights)]
    return slots


def end_vectors(walls: FloatArray) -> FloatArray:
    """Wall weights of a row's last and first four cells, from its k highest and its k lowest, as vectors (2k, 8)."""
    k = len(walls) // 2
    wrapped = np.roll(walls, k, axis=(0, 1))
    ends = np.zeros((2 * k, EIGHT))
    ends[:, PAD - k : PAD + k] = wrapped.T
    return ends
