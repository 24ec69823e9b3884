"""Central differences of W on the grid, with the scheme's own order; the one place where W is differentiated."""

from __future__ import annotations

import numpy as np

from fpsolver.grid import Grid
from fpsolver.kernels import stencils
from fpsolver.physics.potentials import FloatArray


def derivative(W: FloatArray, grid: Grid, axis: int, order: int) -> FloatArray:
    """First derivative along one axis; W is taken as zero beyond a closed axis."""
    line, k = grid.axes[axis], order // 2
    widths = [(k, k) if i == axis else (0, 0) for i in range(W.ndim)]
    padded = np.moveaxis(np.pad(W, widths, mode="wrap" if line.periodic else "constant"), axis, 0)
    out = np.zeros_like(np.moveaxis(W, axis, 0))
    n = line.cells
    for m, weight in enumerate(stencils.first_derivative(order), start=1):
        out += (weight / line.spacing) * (padded[k + m : k + m + n] - padded[k - m : k - m + n])
    return np.moveaxis(out, 0, axis)


def gradient(W: FloatArray, grid: Grid, order: int) -> FloatArray:
    """All first derivatives, shape (2N, \\*grid.shape)."""
    return np.stack([derivative(W, grid, axis, order) for axis in range(W.ndim)])
