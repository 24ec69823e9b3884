"""What a sweep runs over: keys of the configuration and their values."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain, product
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
Over = Mapping[str | tuple[str, ...], Any]  # values by key, or tuples of values by keys that change together

MOST_VALUES = 100_000
_RANGE = re.compile(r"\s*(linspace|logspace)\s*\(([^()]*)\)\s*")
_NEXT_KEY = re.compile(r";(?=\s*[\w.]+\s*=)")  # a semicolon within a word, as in the name of a file, is no border


@dataclass(frozen=True, eq=False)
class Axes:
    """``over``: the key that names each dimension, and its values; ``linked``: other keys that change along with it."""

    over: dict[str, Values]
    linked: dict[str, dict[str, Values]] = field(default_factory=dict)

    @property
    def keys(self) -> list[str]:
        """All keys that change."""
        return [*self.over, *chain.from_iterable(self.linked.values())]

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values along each dimension."""
        return tuple(len(values) for values in self.over.values())

    def point(self, place: Iterable[int]) -> Changes:
        """Values of all keys at one place."""
        found: Changes = {}
        for (key, values), k in zip(self.over.items(), place, strict=True):
            found |= {key: plain(values[k])}
            found |= {other: plain(more[k]) for other, more in self.linked.get(key, {}).items()}
        return found

    def points(self) -> list[Changes]:
        """Every combination, the last dimension fastest."""
        return [self.point(place) for place in product(*map(range, self.shape))]


def parse_over(texts: Iterable[str]) -> dict[str | tuple[str, ...], Any]:
    """``key=VALUES`` for each text, or ``key=VALUES; key=VALUES`` for keys that change together.

    VALUES is ``0.1,0.2``, ``linspace(a,b,n)`` or ``logspace(a,b,n)`` from a to b.
    """
    found: dict[str | tuple[str, ...], Any] = {}
    seen: set[str] = set()
    for text in texts:
        columns: dict[str, Values] = {}
        parts = _NEXT_KEY.split(text)
        for part in parts:
            key, values = _parse_part(part)
            if key in seen:
                raise UsageError(f"--over {key} is given twice; put all its values into one list")
            seen.add(key)
            columns[key] = _parse_values(key, values, distinct=len(parts) == 1)
        found |= _together(columns)
    return found


def _parse_part(text: str) -> tuple[str, str]:
    """The key, and the text of its values."""
    key, equals, values = text.rstrip("; \t\r\n").partition("=")
    if not equals or not key.strip() or not values.strip():
        raise UsageError(
            f"--over must be key=VALUES, but is {text!r}; examples: system.bath.eta=0.1,0.2,0.5 and "
            "system.bath.beta=linspace(0.2,2,10)"
        )
    return key.strip(), values


def _together(columns: dict[str, Values]) -> dict[str | tuple[str, ...], Any]:
    """A key with its values, or several keys with their tuples; UsageError for values that have no partner."""
    if len(columns) == 1:
        return {key: values for key, values in columns.items()}
    counts = {key: len(values) for key, values in columns.items()}
    if len(set(counts.values())) > 1:
        raise UsageError(
            "keys in one --over change together and need as many values each, but there are "
            f"{', '.join(f'{count} of {key}' for key, count in counts.items())}; for every combination give each key "
            "an --over of its own"
        )
    return {tuple(columns): list(zip(*columns.values(), strict=True))}


def _parse_values(key: str, text: str, *, distinct: bool) -> Values:
    match = _RANGE.fullmatch(text)
    if match:
        return _spaced(key, match[1], match[2])
    if re.match(r"\s*\w+\s*\(", text):
        raise UsageError(
            f"--over {key}: {text.strip()!r} is none of 0.1,0.2,0.5 or linspace(a,b,n) or logspace(a,b,n); logspace "
            "takes the ends themselves, not exponents"
        )
    return as_values(key, yaml_value(f"[{text}]", f"--over {key}"), distinct=distinct)


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


def as_values(key: str, values: Any, *, distinct: bool = True) -> Values:
    """Numbers (whole ones stay whole) or words as an array; UsageError for anything else."""
    items = [item.item() if isinstance(item, np.generic) else item for item in np.atleast_1d(_listed(values))]
    numbers = all(isinstance(item, int | float) and not isinstance(item, bool) for item in items)
    words = all(isinstance(item, str | bool) for item in items)
    if not items or not (numbers or words):
        raise UsageError(f"the values of {key} must be all numbers or all words, but are {shown(items)}")
    if numbers and not all(map(is_number, items)):
        raise UsageError(f"the values of {key} must be finite, but are {shown(items)}")
    if distinct and len(set(items)) < len(items):
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


def axes_of(over: Over) -> Axes:
    """The dimensions and their values; UsageError for what cannot be one."""
    if not isinstance(over, Mapping) or not over:
        raise UsageError('a sweep needs at least one key and its values, as in over={"system.bath.eta": [0.1, 0.2]}')
    axes = Axes({}, {})
    for key, values in over.items():
        if isinstance(key, tuple):
            first, *others = _columns(key, values)
            axes.over[first[0]] = _names_a_dimension(*first, key)
            axes.linked[first[0]] = dict(others)
        else:
            axes.over[key] = as_values(key, values)
    twice = [key for key in axes.keys if axes.keys.count(key) > 1]
    if twice:
        raise UsageError(f"{twice[0]} is swept over twice; put all its values into one list")
    return axes


def _columns(keys: tuple[str, ...], values: Any) -> list[tuple[str, Values]]:
    """Keys that change together, each with its values; ``values`` are tuples with one for each key."""
    rows = [_listed(row) for row in _listed(values)]
    if len(keys) < 2 or not rows:
        raise UsageError(f"keys that change together must be at least two, with values, but are {shown(list(keys))}")
    odd = [row.tolist() for row in rows if len(row) != len(keys)]
    if odd:
        raise UsageError(
            f"the values of {', '.join(keys)}, which change together, must be tuples of {len(keys)}, but one of them "
            f"is {shown(odd[0])}; write zip(..) of a list for each key"
        )
    columns = zip(*rows, strict=True)
    return [(key, as_values(key, column, distinct=False)) for key, column in zip(keys, columns, strict=True)]


def _names_a_dimension(key: str, values: Values, keys: tuple[str, ...]) -> Values:
    """The values; UsageError if two of them are the same."""
    if len({plain(value) for value in values}) < len(values):
        raise UsageError(
            f"the first of {', '.join(keys)} names a dimension of the table, so that its values must differ, but they "
            f"are {shown(values.tolist())}; put another key first"
        )
    return values


def checked(config: Config, over: Over) -> Axes:
    """The axes; ConfigError if their keys do not exist or no combination of their values is valid."""
    axes = axes_of(over)
    for key in axes.keys:
        if key.split(".")[0] in ("output", "title"):
            raise UsageError(f"{key} changes no number, so that nothing can be swept over it; name the table instead")
    count = math.prod(axes.shape)
    if count > MAXIMUM_RUNS:
        raise UsageError(f"the sweep would be {count} runs, and {MAXIMUM_RUNS} are the most; give fewer values")
    _require_one(config, axes)
    return axes


def _require_one(config: Config, axes: Axes) -> None:
    """ConfigError of the first point if none of many gives a valid configuration; single ones fail as rows."""
    candidates = axes.points()
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


def plain(value: Any) -> Any:
    """NumPy scalars as Python's."""
    return value.item() if isinstance(value, np.generic) else value
