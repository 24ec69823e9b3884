"""What a sweep runs over: keys of the configuration and their values."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpsolver.config.reader import Config, set_key, yaml_value
from fpsolver.config.schema import to_plain
from fpsolver.config.types import is_number, shown
from fpsolver.errors import ConfigError, UsageError

MAXIMUM_RUNS = 1_000_000
TRIES = 300  # combinations, before a sweep counts as one that cannot be
Values = NDArray[Any]  # float64, int64, or words (object)
Changes = dict[str, Any]

MOST_VALUES = 100_000
_RANGE = re.compile(r"\s*(linspace|logspace)\s*\(([^()]*)\)\s*")


def parse_over(texts: Iterable[str]) -> dict[str, Values]:
    """``key=VALUES`` for each text; VALUES is ``0.1,0.2``, ``linspace(a,b,n)`` or ``logspace(a,b,n)`` from a to b."""
    found: dict[str, Values] = {}
    for text in texts:
        key, equals, values = text.partition("=")
        key = key.strip()
        if not equals or not key or not values.strip():
            raise UsageError(
                f"--over must be key=VALUES, but is {text!r}; examples: system.bath.eta=0.1,0.2,0.5 and "
                "system.bath.beta=linspace(0.2,2,10)"
            )
        if key in found:
            raise UsageError(f"--over {key} is given twice; put all its values into one list")
        found[key] = _parse_values(key, values)
    return found


def _parse_values(key: str, text: str) -> Values:
    match = _RANGE.fullmatch(text)
    if match:
        return _spaced(key, match[1], match[2])
    if re.match(r"\s*\w+\s*\(", text):
        raise UsageError(
            f"--over {key}: {text.strip()!r} is none of 0.1,0.2,0.5 or linspace(a,b,n) or logspace(a,b,n); logspace "
            "takes the ends themselves, not exponents"
        )
    return as_values(key, yaml_value(f"[{text}]", f"--over {key}"))


def _spaced(key: str, kind: str, text: str) -> Values:
    """Equally spaced values, or equal ratios, with both ends."""
    parts = text.split(",")
    try:
        low, high, count = float(parts[0]), float(parts[1]), int(parts[2])
        valid = len(parts) == 3 and 2 <= count <= MOST_VALUES and math.isfinite(high - low) and low != high
    except (ValueError, IndexError):
        valid = False
    if not valid:
        raise UsageError(
            f"--over {key}: {kind} takes two different ends and a whole number of 2 to {MOST_VALUES} values, "
            f"as in {kind}(0.1,2,10), but got ({text})"
        )
    if kind == "linspace":
        return np.linspace(low, high, count)
    if low <= 0 or high <= 0:
        raise UsageError(f"--over {key}: logspace goes from one positive value to another, but got ({text})")
    return np.geomspace(low, high, count)


def as_values(key: str, values: Any) -> Values:
    """Numbers (whole ones stay whole) or words as an array; UsageError for anything else."""
    items = [item.item() if isinstance(item, np.generic) else item for item in np.atleast_1d(_listed(values))]
    numbers = all(isinstance(item, int | float) and not isinstance(item, bool) for item in items)
    words = all(isinstance(item, str | bool) for item in items)
    if not items or not (numbers or words):
        raise UsageError(f"the values of {key} must be all numbers or all words, but are {shown(items)}")
    if numbers and not all(map(is_number, items)):
        raise UsageError(f"the values of {key} must be finite, but are {shown(items)}")
    if len(set(items)) < len(items):
        raise UsageError(f"the values of {key} must differ, but are {shown(items)}")
    if numbers:
        whole = all(isinstance(item, int) and abs(item) < 2**63 for item in items)
        return np.array(items, dtype=np.int64 if whole else float)
    return np.array(items, dtype=object)


def _listed(values: Any) -> NDArray[Any]:
    """One-dimensional, each item as it is."""
    items = list(values) if isinstance(values, Iterable) and not isinstance(values, str) else [values]
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


def checked(config: Config, over: Mapping[str, Any]) -> dict[str, Values]:
    """The axes; ConfigError if their keys do not exist or no combination of their values is valid."""
    if not isinstance(over, Mapping) or not over:
        raise UsageError('a sweep needs at least one key and its values, as in over={"system.bath.eta": [0.1, 0.2]}')
    axes = {key: as_values(key, values) for key, values in over.items()}
    for key in axes:
        if key.split(".")[0] in ("output", "title"):
            raise UsageError(f"{key} changes no number, so that nothing can be swept over it; name the table instead")
    count = math.prod(len(values) for values in axes.values())
    if count > MAXIMUM_RUNS:
        raise UsageError(f"the sweep would be {count} runs, and {MAXIMUM_RUNS} are the most; give fewer values")
    _require_one(config, axes)
    return axes


def _require_one(config: Config, axes: Mapping[str, Values]) -> None:
    """ConfigError of the first point if none of many gives a valid configuration; single ones fail as rows."""
    candidates = points(axes)
    tried = np.random.default_rng(0).permutation(len(candidates))[:TRIES]
    fault: ConfigError | None = None
    for number in (0, *tried):
        try:
            changed(config, candidates[number])
            return
        except ConfigError as error:
            fault = fault or error
    if fault is not None:
        raise fault


def changed(config: Config, changes: Changes) -> Config:
    """The configuration with dotted keys set, validated again."""
    data = to_plain(config.model_dump(exclude_none=True))
    for key, value in changes.items():
        set_key(data, key, value)
    return Config(**data)


def points(axes: Mapping[str, Values]) -> list[Changes]:
    """Every combination, the last key fastest."""
    return [dict(zip(axes, map(plain, values), strict=True)) for values in product(*axes.values())]


def plain(value: Any) -> Any:
    """NumPy scalars as Python's."""
    return value.item() if isinstance(value, np.generic) else value
