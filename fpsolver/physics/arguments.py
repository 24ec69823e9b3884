"""Checks of what Python callers give: each returns the value in its plain form, or raises one sentence.

The sentence says what is wrong, the value, the rule and, where the rule does not say it, the cure. For constructors
and calls from outside, not for loops.
"""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpsolver.errors import FpsolverError, UsageError
from fpsolver.physics.readonly import read_only

FloatArray = NDArray[np.floating[Any]]

LONGEST = 80  # characters of a value in a message
ROUND_OFF = 1e-12  # asymmetry and negative eigenvalues that count as round-off, of a matrix with ones on its diagonal
FURTHEST = 1e100  # entries of a scaled matrix: any above 1 is indefinite, and infinite ones have no eigenvalues


def shown(value: Any, longest: int = LONGEST) -> str:
    """A value in one short line."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # an integer of thousands of digits, or an object that cannot be printed
        return f"an object of type {type(value).__name__}"
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def counted(number: int, noun: str) -> str:
    """1 thread, 2 threads."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def as_float(value: Any) -> float:
    """A real number as a float; NaN for anything else, such as booleans, text and complex numbers."""
    if type(value) is float:
        return value
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _number(name: str, value: Any, rule: str, holds: Callable[[float], bool], error: type[FpsolverError]) -> float:
    found = as_float(value)
    if not holds(found):
        raise error(f"{name} must be {rule}, but is {shown(value)}")
    return found


def finite(name: str, value: Any, error: type[FpsolverError] = UsageError) -> float:
    """A finite real number."""
    return _number(name, value, "a finite real number", math.isfinite, error)


def positive(name: str, value: Any) -> float:
    """A finite number above zero."""
    return _number(name, value, "a finite number above 0", lambda x: 0 < x < math.inf, UsageError)


def not_negative(name: str, value: Any) -> float:
    """A finite number, zero or above."""
    return _number(name, value, "a finite number, 0 or above", lambda x: 0 <= x < math.inf, UsageError)


def moment(name: str, value: Any) -> float:
    """A time: a real number or infinity."""
    if type(value) is float and value == value:  # the one check inside loops
        return value
    return _number(name, value, "a real number or inf", lambda x: x == x, UsageError)


def whole(
    name: str, value: Any, low: float = -math.inf, high: float = math.inf, error: type[FpsolverError] = UsageError
) -> int:
    """An integer from ``low`` to ``high``."""
    is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not is_whole or not low <= value <= high:
        bounds = "" if low == -math.inf else f", at least {low:g}"
        bounds += "" if high == math.inf else f", at most {high:.9g}"
        raise error(f"{name} must be a whole number{bounds}, but is {shown(value)}")
    return int(value)


def switch(name: str, value: Any, error: type[FpsolverError] = UsageError) -> bool:
    """True or False."""
    if not isinstance(value, bool | np.bool_):
        raise error(f"{name} must be True or False, but is {shown(value)}")
    return bool(value)


def items(name: str, value: Any, kind: type, error: type[FpsolverError] = UsageError) -> tuple[Any, ...]:
    """A sequence of objects of one kind as a tuple."""
    found = tuple(value) if isinstance(value, list | tuple) else None
    if found and kind is int:  # those of NumPy are no `int`
        found = tuple(int(item) if isinstance(item, numbers.Integral) else item for item in found)
    if found is None or not all(isinstance(item, kind) for item in found):
        raise error(f"{name} must be a tuple of {kind.__name__} objects, but is {shown(value)}")
    return found


def path(value: Any, cure: str = "") -> Path:
    """A path of a file."""
    if not isinstance(value, str | os.PathLike) or "\0" in str(value):
        raise UsageError(f"the path of a file is needed, but got {shown(value)}{cure}")
    return Path(value)


def real_array(name: str, value: Any, rule: str = "real numbers") -> FloatArray:
    """Real numbers as a float array of any shape: the value itself if it is one."""
    try:
        found = np.asarray(value)
    except (ValueError, TypeError):  # rows of different lengths
        found = np.empty(0, dtype=object)
    if found.dtype.kind not in "fiu":
        raise UsageError(f"{name} must be {rule}, but is {shown(value)}")
    return np.asarray(found, dtype=float)


def in_order(name: str, value: Any, names: Sequence[str], error: type[FpsolverError] = UsageError) -> Any:
    """An array whose dimensions have names, as those of xarray do, in the order of ``names``; any other as it is."""
    if hasattr(value, "data_vars"):
        raise error(f"{name} must be one array, but is a Dataset; give one of its variables, dataset['{name}']")
    dims = getattr(value, "dims", None)
    if not isinstance(dims, tuple) or not hasattr(value, "transpose"):  # qutip and torch mean other things by `dims`
        return value
    is_named = any(str(name) != f"dim_{k}" for k, name in enumerate(dims))  # as xarray names those without a name
    if is_named and set(dims) != set(names):
        found, wanted = (", ".join(map(str, words)) or "none" for words in (dims, names))
        raise error(f"{name} must have the dimensions {wanted}, in any order, but has {found}; rename or select them")
    return np.transpose(np.asarray(value), [dims.index(name) for name in names]) if is_named else value


def array(name: str, value: Any, shape: tuple[int, ...]) -> FloatArray:
    """Finite real numbers of this shape, as a read-only copy."""
    rule = f"finite real numbers of shape {shape}"
    found = real_array(name, value, rule)
    if found.shape != shape:
        raise UsageError(f"{name} must be {rule}, but has the shape {found.shape}")
    if not np.isfinite(found).all():
        raise UsageError(f"{name} must be {rule}, but is {shown(found.tolist())}")
    return read_only(np.array(found))


def is_symmetric(matrix: FloatArray, tolerance: float = ROUND_OFF) -> bool:
    """True for a matrix that is symmetric to round-off, whatever the units of its coordinates."""
    size = np.sqrt(np.abs(matrix.diagonal()))
    allowed = np.maximum(np.outer(size, size), np.abs(matrix))
    return bool((np.abs(matrix / 2 - matrix.T / 2) <= tolerance * (allowed / 2)).all())


def least_eigenvalue(matrix: FloatArray) -> float:
    """Smallest eigenvalue of M_ij / sqrt(M_ii M_jj), whose sign is that of M's and depends on no units.

    -1 if an entry of the diagonal is negative, or is zero beside others: in some units it is that or less.
    """
    touched = np.flatnonzero(matrix.any(axis=0) | matrix.any(axis=1))  # few in a long chain
    part = matrix[np.ix_(touched, touched)]
    size = part.diagonal()
    if not (size > 0).all():
        return -1.0
    smallest = math.inf
    if len(touched):
        root = np.sqrt(size)
        with np.errstate(over="ignore"):
            scaled = (part / root[:, None] / root).clip(-FURTHEST, FURTHEST)
        smallest = float(np.linalg.eigvalsh(scaled)[0])
    return smallest if len(touched) == len(matrix) else min(smallest, 0.0)


def eigenvalue_in_words(matrix: FloatArray) -> str:
    """Smallest eigenvalue of an indefinite matrix as it was given, or scaled where round-off hides it."""
    own = float(np.linalg.eigvalsh(matrix)[0])
    return f"{own if own < 0 else least_eigenvalue(matrix):.6g}"


def round_off_words(matrix: FloatArray) -> str:
    """Cure of an indefinite matrix in whose diagonal something is not positive, or nothing."""
    is_suspect = not (matrix.diagonal()[matrix.any(axis=0)] > 0).all()
    return "; set entries that are round-off of a noise that is not there to 0" if is_suspect else ""


def noise(name: str, value: Any, size: int) -> FloatArray:
    """A symmetric positive semidefinite matrix, as a read-only copy."""
    B = array(name, value, (size, size))
    if not is_symmetric(B):
        raise UsageError(f"{name} must be symmetric, but is {shown(B.tolist())}")
    if least_eigenvalue(B) < -ROUND_OFF:
        raise UsageError(
            f"{name} must be positive semidefinite, but has the eigenvalue {eigenvalue_in_words(B)}: noise cannot be "
            f"negative, and the equation would be ill-posed{round_off_words(B)}"
        )
    return B


def one_of(name: str, value: Any, kind: type, cure: str) -> None:
    """UsageError unless a value is an object of this class."""
    if not isinstance(value, kind):
        raise UsageError(f"{name} must be a fpsolver.{kind.__name__}, but is {shown(value)}; {cure}")
