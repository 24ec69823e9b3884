"""Central differences of W on the grid, with the scheme's own order; the one place where W is differentiated."""

from __future__ import annotations

import math

import numpy as np

from fpsolver.grid import Grid
from fpsolver.kernels import stencils
from fpsolver.kernels.differences import central
from fpsolver.physics.potentials import FloatArray


def gradient(W: FloatArray, grid: Grid, order: int) -> FloatArray:
    r"""All first derivatives, shape (2N, \*grid.shape); W is taken as zero beyond a closed axis."""
    W = np.ascontiguousarray(W, dtype=float)
    out = np.empty((W.ndim, *W.shape))
    for k, axis in enumerate(grid.axes):
        view = (math.prod(W.shape[:k]), W.shape[k], math.prod(W.shape[k + 1 :]))
        weights = np.array(stencils.first_derivative(order)) / axis.spacing
        central(W.reshape(view), weights, axis.periodic, out[k].reshape(view))
    return out
