"""Central differences of W on the grid, with the scheme's own order; the one place where W is differentiated."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from fpsolver.grid import Grid
from fpsolver.kernels import stencils
from fpsolver.kernels.differences import central
from fpsolver.physics.potentials import FloatArray


def gradient(W: FloatArray, grid: Grid, order: int, axes: Sequence[int] | None = None) -> FloatArray:
    r"""First derivatives along ``axes`` (all: shape (2N, \*grid.shape)); W is taken as zero beyond a closed axis."""
    W = np.ascontiguousarray(W, dtype=float)
    wanted = range(W.ndim) if axes is None else axes
    out = np.empty((len(wanted), *W.shape))
    for place, k in enumerate(wanted):
        axis = grid.axes[k]
        rows, stride = (math.prod(W.shape[:k]), -1), math.prod(W.shape[k + 1 :])
        weights = np.array(stencils.first_derivative(order)) / axis.spacing
        central(W.reshape(rows), stride, weights, axis.periodic, out[place].reshape(rows))
    return out


def spectral_derivative(W: FloatArray, grid: Grid, k: int) -> FloatArray:
    r"""First derivative along axis ``k`` by Fourier sums, for states negligible at closed walls.

    For verdicts: at 4 cells for each deviation the truncation error of eighth-order differences (1e-5) would hide
    that detailed balance holds; that of Fourier sums is exp(-(4 pi)^2/2).
    """
    axis = grid.axes[k]
    frequencies = 2 * math.pi * np.fft.rfftfreq(axis.cells, axis.spacing)
    shape = [-1 if i == k else 1 for i in range(W.ndim)]
    spectrum = np.fft.rfft(W, axis=k) * (1j * frequencies).reshape(shape)
    # the highest frequency of an even number has no derivative on the grid: irfft drops its imaginary part
    return np.asarray(np.fft.irfft(spectrum, n=axis.cells, axis=k))
