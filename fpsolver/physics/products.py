"""Matrix products without BLAS, whose last bits depend on its number of threads."""

from __future__ import annotations

import numpy as np


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """A @ b for matrices (n, k) and arrays (k, ..): slower, and the same bits everywhere."""
    rows = np.ascontiguousarray(np.moveaxis(b, 0, -1))
    return np.asarray(np.einsum("ij,...j->i...", a, rows))
