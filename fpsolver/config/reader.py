"""YAML text to a validated :class:`Config`, with every fault reported at once: file, line, key, value, rule, cure."""

from __future__ import annotations

import html
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import PrivateAttr, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from fpsolver.config import schema
from fpsolver.config.faults import between_sections
from fpsolver.config.given import with_section
from fpsolver.config.lines import Lines, is_index, located, place_of, without
from fpsolver.config.merging import merged
from fpsolver.config.objects import is_object_section, with_field, without_objects
from fpsolver.config.rules import all_faults
from fpsolver.config.types import shown
from fpsolver.config.unchanged import Unchanged
from fpsolver.config.writing import as_yaml
from fpsolver.errors import ConfigError, Fault, UsageError
from fpsolver.physics import arguments

HDF5 = b"\x89HDF\r\n\x1a\n"  # how such a file begins
MAXIMUM_BYTES = 100_000
MAXIMUM_NODES = 10_000
MAXIMUM_DEPTH = 20


class Config(Unchanged):
    """A validated configuration; build it from keywords, or with :func:`load_config` from a YAML file."""

    _source: str = PrivateAttr("")
    _lines: Lines = PrivateAttr(default_factory=dict)

    def __init__(self, **data: Any) -> None:
        plain = _from_python(with_section(data))
        try:
            super().__init__(**plain)
            faults = all_faults(plain) if between_sections(plain) else []
        except ValidationError:
            faults = all_faults(plain)
        if faults:
            raise ConfigError(*faults, heading="the configuration cannot be used:")

    def to_yaml(self) -> str:
        """The configuration with every default written out, as YAML that repeats the run."""
        return as_yaml(without_objects(schema.to_plain(self.model_dump(exclude_none=True))))

    def replaced(self, **sections: Any) -> Config:
        """A copy with some keys changed, validated again: ``replaced(grid={"q": {"cells": 64}})``.

        Keys that are not mentioned stay as they are, within sections of sections, too; another ``kind`` or ``model``
        replaces its whole section, and a list all of a list. Dotted keys do as well: ``**{"grid.q.cells": 64}``.
        """
        data = schema.to_plain(self.model_dump(exclude_none=True))
        for name, changes in with_section(sections).items():
            *parents, key = name.split(".")
            for parent in reversed(parents):
                changes, key = {key: changes}, parent
            data = merged(data, {key: changes})
        copy = Config(**data)
        from_python = any(name.split(".")[0] == "initial" for name in sections)
        copy._source, copy._lines = self._source, without(self._lines, "initial") if from_python else self._lines
        return copy

    def repeating(self, path: str | Path) -> Config:
        """The same for a file of its own: a state that was given from Python is that in the result ``path``."""
        is_stored = getattr(self.initial, "kind", "") == "stored"
        return self.replaced(initial={"path": str(path)}) if is_stored else self

    def located(self, error: ConfigError) -> ConfigError:
        """The same error with file and lines in front of its keys, if the configuration came from a file."""
        if error.heading or not self._source:
            return error
        return located(self._lines, error, self._source)

    def __repr__(self) -> str:
        """What differs from the defaults, as YAML that means the same."""
        return as_yaml(
            without_objects(schema.to_plain(self.model_dump(exclude_none=True, exclude_defaults=True)))
        ).rstrip()

    def __str__(self) -> str:
        return self.to_yaml()

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.to_yaml())}</pre>"


def load_config(path: str | Path, overrides: tuple[str, ...] | list[str] = (), *, initial: Any = None) -> Config:
    """Read a YAML file; ``overrides`` are ``key=value`` with dotted keys. ConfigError lists all faults.

    ``initial``, if given, stands in place of that section: whatever :func:`fpsolver.run` takes as a state at time 0.
    """
    path = arguments.path(path, "; fpsolver.Config(**sections) makes a configuration of a dict")
    data, lines = parse_yaml(read_text(path), str(path))
    if initial is not None:
        data["initial"], lines = initial, without(lines, "initial")
    for override in overrides:
        apply_override(data, override)
        steps = override.partition("=")[0].split(".")
        lines[tuple(int(step) if is_index(step) else step for step in steps)] = "--set"
    try:
        config = Config(**data)
    except ConfigError as error:
        raise located(lines, error, str(path)) from None
    config._source, config._lines = str(path), lines
    if config.output.path is None:
        config = config.replaced(output={"path": f"{path.stem}.h5"})
    return config


def read_text(path: Path) -> str:
    """Text of a small UTF-8 file, or a sentence about why there is none."""
    try:
        if path.is_dir():
            raise ConfigError(Fault(str(path), "is a directory, not a YAML file"))
        if is_hdf5(path):
            cure = f"`fpsolver info --config {path}` prints the configuration of a result"
            text = f"is an HDF5 file, not a YAML file; {cure}"
            raise ConfigError(Fault(str(path), text))
        if path.stat().st_size > MAXIMUM_BYTES:
            raise ConfigError(
                Fault(str(path), f"is larger than {MAXIMUM_BYTES} bytes; a configuration is a page of text")
            )
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ConfigError(Fault(str(path), f"cannot be read: {(error.strerror or str(error)).lower()}")) from None
    except UnicodeDecodeError:
        raise ConfigError(Fault(str(path), "is not UTF-8 text, so it is no YAML configuration")) from None
    if not text.strip():
        raise ConfigError(Fault(str(path), "is empty; `system` and `initial` are required"))
    return text


def is_hdf5(path: Path) -> bool:
    """True for a file that begins as HDF5 files do."""
    with path.open("rb") as file:
        return file.read(len(HDF5)) == HDF5


def parse_yaml(text: str, name: str) -> tuple[dict[str, Any], Lines]:
    """Plain data and the place of every key; ConfigError with line and column if it cannot be parsed."""
    tree = _tree(text, name)
    lines: Lines = {}
    budget = [MAXIMUM_NODES]
    data = _plain(tree, (), lines, budget, name)
    if not isinstance(data, dict):
        raise ConfigError(Fault(name, f"must hold sections such as `system:` and `initial:`, but holds {shown(data)}"))
    return data, lines


def _tree(text: str, name: str) -> Any:
    """What the round-trip parser makes of a text."""
    if max(text.count("["), text.count("{")) > MAXIMUM_NODES // 10:  # the parser needs seconds to find this out
        raise ConfigError(Fault(name, "has thousands of brackets, and a configuration needs a few; it is not read"))
    if text.count(",") >= MAXIMUM_NODES:  # likewise
        raise ConfigError(Fault(name, "has thousands of commas, and a configuration needs a few; it is not read"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an anchor given twice
            return YAML(typ="rt", pure=True).load(text)
    except YAMLError as error:
        raise ConfigError(Fault(_marked(name, error), _problem(error))) from None
    except (RecursionError, ValueError, TypeError) as error:  # TypeError: a list or section as a key
        what = "nested too deeply" if isinstance(error, RecursionError) else str(error).partition(";")[0]
        raise ConfigError(Fault(name, f"cannot be parsed: {what}")) from None


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
        where = place_of(lines, ".".join(map(str, place)))
        raise ConfigError(Fault(f"{name}, {where}", f"has the tag {tag}; tags have no meaning in a configuration"))
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
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    if "duplicate key" in problem:
        key = problem.split('"')[1] if '"' in problem else "?"
        return f"the key `{key}` is given twice; keep one of them"
    return f"is not valid YAML: {problem}"


def apply_override(data: dict[str, Any], override: str) -> None:
    """Set one dotted key, ``a.b.0.c=value``; the value is read as YAML."""
    key, equals, text = override.partition("=")
    steps = [part.strip() for part in key.split(".")]
    if not equals or not all(steps):
        raise UsageError(
            f"--set must be key=value with a dotted key, but is {override!r}; example: --set system.bath.eta=1"
        )
    set_key(data, key, yaml_value(text, f"--set {key}"))


def yaml_value(text: str, name: str) -> Any:
    """A value written as YAML; UsageError with ``name`` if it is none."""
    try:
        tree = _tree(text, name)
    except ConfigError:
        raise UsageError(f"{name}: {shown(text)} is not a YAML value") from None
    return _plain(tree, (), {}, [MAXIMUM_NODES], name)


def set_key(data: dict[str, Any], key: str, value: Any) -> None:
    """Set one dotted key, list indices as numbers; sections on the way are made."""
    steps = [part.strip() for part in key.split(".")]
    target: Any = data
    for step in steps[:-1]:
        target = _descend(target, step, key)
    last = steps[-1]
    if isinstance(target, list):
        target[_index(target, last, key)] = value
    elif is_object_section(target) and target.get("source") is not None and last not in ("kind", "model"):
        target.update(with_field(target, last, value, key))
    else:
        target[last] = value


def _descend(target: Any, step: str, key: str) -> Any:
    child = target[_index(target, step, key)] if isinstance(target, list) else target.setdefault(step, {})
    if not isinstance(child, dict | list):
        raise UsageError(f"--set {key}: `{step}` is {shown(child)}, which has no keys")
    return child


def _index(target: list[Any], step: str, key: str) -> int:
    if not is_index(step) or int(step) >= len(target):
        raise UsageError(f"--set {key}: `{step}` must be an index from 0 to {len(target) - 1}")
    return int(step)


def _from_python(value: Any, depth: int = 0) -> Any:
    """Tuples, arrays and NumPy scalars as lists and numbers, so that Python callers may use them."""
    if depth > MAXIMUM_DEPTH:
        raise ConfigError(Fault("", f"the configuration has more than {MAXIMUM_DEPTH} levels, or holds itself"))
    if isinstance(value, dict):
        return {key: _from_python(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_from_python(item, depth + 1) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    return value
