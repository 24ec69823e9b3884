"""YAML text to plain data with the line of every key, within limits that no text can pass."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from fpsolver.config.lines import Lines, located, place_of
from fpsolver.config.types import shown
from fpsolver.errors import ConfigError, Fault

MAXIMUM_NODES = 10_000
MAXIMUM_DEPTH = 20
Place = tuple[str | int, ...]
Places = dict[Place, list[int]]  # keys, with the lines in which they are


class Parsed(NamedTuple):
    """Plain data, the line of every key, and the faults of keys given twice, of which the first value stands."""

    data: dict[str, Any]
    lines: Lines
    twice: list[Fault]


def parse_yaml(text: str, name: str) -> tuple[dict[str, Any], Lines]:
    """Plain data and the place of every key; ConfigError with line and column if it cannot be parsed."""
    data, lines, twice = parsed(text, name)
    if twice:
        raise located(lines, ConfigError(*twice), name)
    return data, lines


def parsed(text: str, name: str) -> Parsed:
    """What a text holds; ConfigError with line and column if it cannot be parsed."""
    twice: Places = {}
    tree = _tree(text, name, twice)
    lines: Lines = {}
    data = _plain(tree, (), lines, [MAXIMUM_NODES], name)
    if not isinstance(data, dict):
        raise ConfigError(Fault(name, f"must hold sections such as `system:` and `initial:`, but holds {shown(data)}"))
    lines |= {place: f"line {at[-1]}" for place, at in twice.items()}
    return Parsed(data, lines, [Fault(".".join(map(str, place)), _given_twice(at)) for place, at in twice.items()])


def plain_value(text: str, name: str) -> Any:
    """A value written as YAML; ConfigError if it is none."""
    twice: Places = {}
    tree = _tree(text, name, twice)
    if twice:
        raise ConfigError(*(Fault(name, _given_twice(at)) for at in twice.values()))
    return _plain(tree, (), {}, [MAXIMUM_NODES], name)


def beside(faults: Sequence[Fault], twice: list[Fault]) -> list[Fault]:
    """Other faults than keys given twice; what is missing in the first of two sections may be in the second."""
    doubled = tuple(f"{fault.key}." for fault in twice)
    return [fault for fault in faults if not (fault.text.startswith("required") and fault.key.startswith(doubled))]


def _given_twice(at: list[int]) -> str:
    """What is wrong with a key in so many lines."""
    times = "twice" if len(at) == 2 else f"{len(at)} times"
    return f"is given {times} (first in line {at[0]}); keep one of them"


def _tree(text: str, name: str, twice: Places) -> Any:
    """What the round-trip parser makes of a text; the lines of keys that are given twice go into ``twice``."""
    if max(text.count("["), text.count("{")) > MAXIMUM_NODES // 10:  # the parser needs seconds to find this out
        raise ConfigError(Fault(name, "has thousands of brackets, and a configuration needs a few; it is not read"))
    if text.count(",") >= MAXIMUM_NODES:  # likewise
        raise ConfigError(Fault(name, "has thousands of commas, and a configuration needs a few; it is not read"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an anchor given twice
            try:
                return YAML(typ="rt", pure=True).load(text)
            except DuplicateKeyError:
                twice |= _doubled(text)
                return _first_of_two().load(text)
    except YAMLError as error:
        raise ConfigError(Fault(_marked(name, error), _problem(error))) from None
    except (RecursionError, ValueError, TypeError) as error:  # TypeError: a list or section as a key
        what = "nested too deeply" if isinstance(error, RecursionError) else str(error).partition(";")[0]
        raise ConfigError(Fault(name, f"cannot be parsed: {what}")) from None


def _first_of_two() -> YAML:
    """A parser that keeps the first value of a key that is given twice."""
    yaml = YAML(typ="rt", pure=True)
    yaml.allow_duplicate_keys = True
    return yaml


def _doubled(text: str) -> Places:
    """The keys that are given twice, with their lines; what has an alias is looked at once."""
    found: Places = {}
    seen: set[int] = set()
    left: deque[tuple[Place, Any]] = deque([((), YAML(typ="rt", pure=True).compose(text))])
    while left:
        place, node = left.popleft()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, SequenceNode):
            left += [((*place, k), item) for k, item in enumerate(node.value)]
        if isinstance(node, MappingNode):
            lines: Places = {}
            for key, item in node.value:
                if isinstance(key, ScalarNode):
                    lines.setdefault((*place, key.value), []).append(key.start_mark.line + 1)
                    left.append(((*place, key.value), item))
            found |= {where: at for where, at in lines.items() if len(at) > 1}
    return found


def _plain(node: Any, place: tuple[str | int, ...], lines: Lines, budget: list[int], name: str) -> Any:
    """Ordinary dicts, lists and scalars; aliases count each time, so that bombs run out of budget."""
    budget[0] -= 1
    if budget[0] < 0 or len(place) > MAXIMUM_DEPTH:
        raise ConfigError(
            Fault(
                name,
                f"expands to more than {MAXIMUM_NODES} values or {MAXIMUM_DEPTH} levels; use fewer aliases",
            )
        )
    tag = getattr(getattr(node, "tag", None), "value", None)
    if tag:
        where = ", ".join(part for part in (name, place_of(lines, ".".join(map(str, place)))) if part)
        raise ConfigError(Fault(where, f"has the tag {tag}; tags have no meaning in a configuration"))
    if isinstance(node, dict):
        for key in node:
            lines[(*place, key)] = _line(node, key, lines.get(place, ""))
        return {_key(k): _plain(v, (*place, k), lines, budget, name) for k, v in node.items()}
    if isinstance(node, list):
        for i in range(len(node)):
            lines[(*place, i)] = _line(node, i, lines.get(place, ""))
        return [_plain(v, (*place, i), lines, budget, name) for i, v in enumerate(node)]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def _line(node: Any, step: str | int, parent: str) -> str:
    """Line of a key or item, as the round-trip parser recorded it; a merged key has that of its section."""
    try:
        place = node.lc.item(step) if isinstance(step, int) else node.lc.key(step)
        return f"line {int(place[0]) + 1}"
    except (KeyError, IndexError, TypeError, AttributeError):
        return parent


def _key(key: Any) -> str:
    return key if isinstance(key, str) else str(key)


def _marked(name: str, error: YAMLError) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    return f"{name}, line {mark.line + 1}, column {mark.column + 1}" if mark else name


def _problem(error: YAMLError) -> str:
    return f"is not valid YAML: {getattr(error, 'problem', None) or str(error).splitlines()[0]}"
