"""What is to be said about the runs of a sweep, in a sentence each: on the command line and in Python alike."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

from fpsolver.errors import FpsolverWarning
from fpsolver.sweeps.modes import RATE
from fpsolver.sweeps.table import Sweep


def remarks(found: Sweep) -> list[str]:
    """What is worth saying, or nothing."""
    return [text for text in (lost(found), without_modes(found), warned(found)) if text]


def lost(found: Sweep) -> str:
    """How many runs have no result, and the most frequent reason; an empty string if all have one."""
    runs = found.is_good
    if runs.all():
        return ""
    text, count = found.failures()[0]
    return f"{(~runs).sum()} of {runs.size} runs have no result; {count} of them: {text}"


def without_modes(found: Sweep) -> str:
    """How many runs have no slow modes, of a sweep for these; an empty string if all have them."""
    if RATE not in found.data:
        return ""
    is_missing = np.isnan(found[RATE]).any(axis=-1)
    reason = f"; most of them: {found.reasons[RATE]}" if RATE in found.reasons else ""
    return f"{is_missing.sum()} of {is_missing.size} runs lack decay rates{reason}" if is_missing.any() else ""


def warned(found: Sweep) -> str:
    """How many runs with a result had a warning, and the first of these; an empty string if none had."""
    texts = [str(text) for text in found["warnings"][found.is_good] if text]
    if not texts:
        return ""
    count = f"{len(texts)} runs had warnings; the first" if len(texts) > 1 else "1 run had a warning"
    return f"{count}: {texts[0].splitlines()[0]} (all are in `warnings` of the table)"


def tell(text: str, note: Callable[[str], None] | None, *, level: int) -> None:
    """To ``note``, or as a warning where the sweep was called, so many levels above."""
    if note is None:
        warnings.warn(text, FpsolverWarning, stacklevel=level)
    else:
        note(text)
