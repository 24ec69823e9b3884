"""What Numba loads before its first kernel, without what no kernel of ours needs."""

from __future__ import annotations

import contextlib
import os
import sys

import numpy as np

from fpsolver.errors import UsageError

LAYERS = ("NUMBA_THREADING_LAYER", "NUMBA_THREADING_LAYER_PRIORITY")


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


def keep_freed_memory() -> None:
    """Let the C library keep what is freed for what is allocated next, up to 64 MB.

    glibc gives blocks above 128 KiB, an array of 128^2 numbers, back to the system at once and gets them again page by
    page: twice the time for a record of a 96^2 grid. It stops doing so below the size of the largest block that was
    ever freed (mallopt, M_MMAP_THRESHOLD); the one here is never touched. Other C libraries do not mind.
    """
    np.empty(4_000_000)


def check_threads() -> None:
    """UsageError if Numba does not know or have the threads of the environment: later that would end a run."""
    given = [f"{name}={os.environ[name]}" for name in LAYERS if name in os.environ]
    if not given:
        return
    import numba

    try:
        numba.get_num_threads()  # starts them
    except ValueError as error:
        raise UsageError(
            f"Numba cannot start its threads with {' and '.join(given)} ({str(error).splitlines()[0].rstrip('.')}); "
            "give NUMBA_THREADING_LAYER=workqueue, or unset the variable"
        ) from None


def _nothing() -> None:
    pass
