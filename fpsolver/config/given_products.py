"""Products of states that are given from Python: arrays of each factor, named by its form, its particle and themselves.

A cat beside a Gaussian has ``sum_1_means``, ``gaussian_2_mean``, .. among its arrays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

Part = tuple[str, dict[str, np.ndarray]]  # form of a factor, and its arrays


def flat(parts: Iterable[Part]) -> dict[str, np.ndarray]:
    """The arrays of all factors by one name for each."""
    return {f"{form}_{k}_{name}": a for k, (form, arrays) in enumerate(parts, 1) for name, a in arrays.items()}


def parts_of(arrays: Mapping[str, np.ndarray]) -> list[Part]:
    """The factors again, in their order."""
    found: dict[int, Part] = {}
    for name, values in arrays.items():
        form, k, own = name.split("_", 2)
        found.setdefault(int(k), (form, {}))[1][own] = values
    return [found[k] for k in sorted(found)]
