"""Arrays for the kernels: rows with halos, whose inner cells begin on a cache line."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpsolver.kernels.axes import PAD

Array = NDArray[np.floating[Any]]
LINE = 64  # bytes; loads of whole vectors across a line cost two (10 to 15 % of the speed at 256^2)


def empty_padded(shape: tuple[int, ...], count: int = 1) -> Array:
    """Uninitialised arrays (count, *shape) with PAD more cells at both ends of the last axis.

    And a line before and after all, which kernels read with whole vectors and do not use.
    """
    padded = (count, *shape[:-1], shape[-1] + 2 * PAD)
    line, size = LINE // 8, int(np.prod(padded))
    buffer = np.empty(size + 3 * line)
    start = line + (-buffer.ctypes.data // 8 - PAD) % line
    return buffer[start : start + size].reshape(padded)
