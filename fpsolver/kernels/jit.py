"""The one Numba decorator of the project, and why each of its switches is set."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from functools import partial, update_wrapper
from pathlib import Path
from types import FunctionType
from typing import Any

# Between two calls of a kernel its threads spin for some microseconds and then sleep. GNU OpenMP's default, spinning
# on and on, takes the core from others: 2.2 instead of 1.2 s for the quick start beside a busy process. Read by the
# OpenMP library when Numba loads it.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

import numba
import numpy as np
from llvmlite import binding
from numba import types

from fpsolver.kernels.locks import Lock

OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",  # no branch on zero divisors in inner loops
    # never nnan: it would blind the finite checks; never reassoc: a parallel kernel that was just compiled then rounds
    # differently from the same one out of the disk cache (it is optimised once more before it is stored)
    "fastmath": {"contract", "nsz", "arcp"},
}


# Numba's disk cache watches the file of a kernel, not those of the functions that are inlined into it: after an update
# of another file it would run the old code. So the name of every kernel carries a digest of all sources. And of the
# processor: machines that share a home folder and compile at the same time would write into one index.
def _digest() -> str:
    sources = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    processor = ",".join([binding.get_host_cpu_name(), *sorted(FEATURES)])
    return hashlib.sha256(sources + processor.encode()).hexdigest()[:8]


def _features() -> frozenset[str]:
    """What the processor can do, as LLVM calls it; empty where it does not tell."""
    with contextlib.suppress(RuntimeError):
        return frozenset(name for name, there in binding.get_host_cpu_features().items() if there)
    return frozenset()


FEATURES = _features()
DIGEST = _digest()


def kernel(function: Callable[..., Any], **options: Any) -> Any:
    """Compile a kernel when it is first called, with a place on the disk: compiling takes seconds, loading 0.05 s.

    Where neither the package nor the home folder can be written, there is none, and every process compiles anew.
    """
    return _cached(partial(numba.njit, no_cfunc_wrapper=True, **OPTIONS, **options), function)


def _cached(compiler: Callable[..., Any], function: Callable[..., Any]) -> Any:
    """With a place on the disk, if there is one."""
    function.__qualname__ += f"_{DIGEST}"
    try:
        return compiler(cache=True)(function)
    except RuntimeError:
        return compiler()(function)


def _twin(function: Any, name: str) -> Any:
    """The same function with another name."""
    twin = FunctionType(function.__code__, function.__globals__, name, function.__defaults__, function.__closure__)
    twin.__qualname__, twin.__module__ = name, function.__module__
    return twin


def inlined(function: Callable[..., Any]) -> Any:
    """Compile a helper into the kernels that call it, not for Python, where calling it would end the process.

    Kept with these kernels, not by itself.
    """
    options = {"no_cfunc_wrapper": True, "no_cpython_wrapper": True, "forceinline": True, **OPTIONS}
    return numba.njit(**options)(function)


def _nothing() -> None:
    pass


def can_store_new(name: str) -> bool:
    """True if a kernel of that name, which does nothing, was not on the disk and now is."""
    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        return False
    return not _is_stored(name) and _is_stored(name)


def _is_stored(name: str) -> bool:
    """True if it was on the disk."""
    return bool(_cached(partial(numba.cfunc, types.none(), **OPTIONS), _twin(_nothing, name)).cache_hits)


class Entries:
    """Kernels that other kernels call by their address: functions, each with the types of its arguments; no results.

    Numba copies a kernel into those that call it, also if it is not inlined, and into each of the four wrappers of a
    parallel loop, and optimises it anew there: half of the time that compiling the right-hand side took.

    ``variant``: distinguishes those of the same functions. Numba's disk cache has an index for each name, which two
    processes may write at the same time: one of two variants in it would then be taken for the other.

    ``before_second``: called before the second function is compiled, the last of all.
    """

    def __init__(
        self,
        variant: str,
        *functions: tuple[Callable[..., Any], tuple[Any, ...]],
        before_second: Callable[[], None] = _nothing,
    ) -> None:
        self.functions = [_twin(function, f"{function.__name__}_{variant}") for function, _ in functions]
        self.addresses = np.array(self.functions)  # without Numba they are called themselves
        if not numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
            compilers = [partial(numba.cfunc, types.none(*arguments), **OPTIONS) for _, arguments in functions]
            jobs = list(zip(compilers, self.functions, strict=True))
            first, *others = (_cached(*job) for job in jobs[:1] + jobs[2:])
            before_second()
            self._compiled = [first, *(_cached(*job) for job in jobs[1:2]), *others]
            self.addresses = np.array([each.address for each in self._compiled])  # of this process


def serial_and_parallel(function: Callable[..., Any]) -> tuple[Any, Any]:
    """Compile one source twice: ``prange`` as an ordinary loop, and over threads."""
    twin = _twin(function, f"{function.__name__}_parallel")
    return kernel(function), _alone(kernel(twin, parallel=True))


_parallel = Lock()


def _alone(compiled: Callable[..., Any]) -> Callable[..., Any]:
    """The same, called by one thread of Python at a time.

    Two parallel loops would only take the cores from one another, and the simplest of Numba's layers of threads, which
    is there where OpenMP is not, ends the process.
    """

    def call(*arguments: Any) -> None:
        with _parallel.held:
            compiled(*arguments)

    return update_wrapper(call, compiled, assigned=(), updated=())
