"""What Numba loads before its first kernel, without what no kernel of ours needs."""

from __future__ import annotations

import contextlib
import sys


def spare_scipy() -> None:
    """Load Numba's array functions without scipy.linalg, which takes as long to import as all the rest of them.

    Numba imports it to see whether products of matrices can be compiled, and does so again when one is. Measured: 0.1 s
    of the 0.25 s before the first kernel. A version of Numba that is built otherwise loads everything as ever.
    """
    if {"scipy.linalg", "numba.np.arraymath"} & sys.modules.keys():
        return
    with contextlib.suppress(ImportError, AttributeError):
        from numba.np import linalg

        check = linalg.ensure_blas
        linalg.ensure_blas = _nothing
        try:
            import numba.np.arraymath  # noqa: F401
        finally:
            linalg.ensure_blas = check


def _nothing() -> None:
    pass
