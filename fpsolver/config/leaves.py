"""The single values of a configuration, by their dotted keys."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from fpsolver.config.objects import without_objects
from fpsolver.config.reader import Config
from fpsolver.config.types import is_number


def leaves(config: Config) -> dict[str, Any]:
    """Every value of a configuration by its dotted key."""
    return dict(_leaves(without_objects(config.model_dump(exclude_none=True)), ""))


def furthest_from_one(config: Config) -> tuple[str, float]:
    """Key and size of the number with the largest logarithm, among all that have a unit."""
    sections = {"units", "system", "initial", "grid", "time"}
    found = [("system", 1.0), *_sizes(config.model_dump(include=sections), "")]
    return max(found, key=lambda item: abs(math.log10(item[1])))


def _sizes(node: Any, key: str) -> list[tuple[str, float]]:
    if isinstance(node, dict | list | tuple):
        parts: Iterable[tuple[Any, Any]] = node.items() if isinstance(node, dict) else enumerate(node)
        return [size for name, item in parts for size in _sizes(item, f"{key}.{name}" if key else name)]
    size = abs(node) if isinstance(node, complex) else node
    return [(key, abs(float(size)))] if is_number(size) and size else []


def _leaves(node: Any, key: str) -> list[tuple[str, Any]]:
    if not isinstance(node, dict):
        return [(key, node)]
    return [leaf for name, item in node.items() for leaf in _leaves(item, f"{key}.{name}" if key else name)]
