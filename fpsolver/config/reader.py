"""YAML text to a validated :class:`Config`, with every fault reported at once: file, line, key, value, rule, cure."""

from __future__ import annotations

import html
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, PrivateAttr, ValidationError

from fpsolver.config import schema
from fpsolver.config.faults import between_sections
from fpsolver.config.given import with_section
from fpsolver.config.lines import Lines, is_index, located, moved, place_of, without
from fpsolver.config.mending import all_faults
from fpsolver.config.merging import merged
from fpsolver.config.objects import is_object_section, with_field, without_objects
from fpsolver.config.parsing import MAXIMUM_DEPTH, beside, parsed, plain_value
from fpsolver.config.parsing import parse_yaml as parse_yaml
from fpsolver.config.rules import rule_faults
from fpsolver.config.types import shown
from fpsolver.config.unchanged import Unchanged
from fpsolver.config.writing import as_yaml
from fpsolver.errors import ConfigError, Fault, UsageError
from fpsolver.physics import arguments

HDF5 = b"\x89HDF\r\n\x1a\n"  # how such a file begins
MAXIMUM_BYTES = 100_000
_KEY = re.compile(r"\b(?:grid\.[qp]\.|scheme\.|time\.)[a-z_]+")


class Config(Unchanged):
    """A validated configuration; build it from keywords, or with :func:`load_config` from a YAML file."""

    _source: str = PrivateAttr("")
    _lines: Lines = PrivateAttr(default_factory=dict)

    def __init__(self, **data: Any) -> None:
        plain = _from_python(with_section(data))
        try:
            super().__init__(**plain)
            is_good = not between_sections(plain) and not rule_faults(self)
        except ValidationError:
            is_good = False
        if not is_good:
            raise ConfigError(*all_faults(plain), heading="the configuration cannot be used:")

    @classmethod
    def stored(cls, data: dict[str, Any]) -> Config:
        """The configuration in a file of fpsolver's own: it was accepted then, whatever rules there are since."""
        plain, config = _from_python(with_section(data)), cls.__new__(cls)
        try:
            schema.ConfigData.__init__(config, **plain)
        except ValidationError:
            raise ConfigError(*all_faults(plain), heading="the configuration cannot be used:") from None
        return config

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
            data = merged(data, _nested(name, changes))
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

    def placed(self, text: str) -> str:
        """A sentence about a key of the grid, scheme or time, with its file and line in front, if it has them."""
        key = _KEY.search(text)
        if key is None or not self._source or text.startswith(self._source):
            return text
        place = f"{self._source}, {place_of(self._lines, key[0])}"
        return f"{place.removesuffix(f', {key[0]}') if text.startswith(key[0]) else place}: {text}"

    def __repr__(self) -> str:
        """What differs from the defaults, as YAML that means the same."""
        return as_yaml(
            without_objects(schema.to_plain(self.model_dump(exclude_none=True, exclude_defaults=True)))
        ).rstrip()

    def __str__(self) -> str:
        return self.to_yaml()

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.to_yaml())}</pre>"


Overrides = str | tuple[str, ...] | list[str] | Mapping[str, Any]


def load_config(path: str | Path, overrides: Overrides = (), *, initial: Any = None) -> Config:
    """Read a YAML file; ``overrides``: ``key=value`` with a dotted key, or several. ConfigError lists all faults.

    Overrides may also be a dict of values, whose keys may be dotted: ``{"time.until": 2}``, with the rules of
    :meth:`Config.replaced`. ``initial``, if given, stands in place of that section: whatever :func:`fpsolver.run` takes
    as a state at time 0.
    """
    path = arguments.path(path, "; fpsolver.Config(**sections) makes a configuration of a dict")
    data, lines, twice = parsed(read_text(path), str(path))
    if initial is not None:
        data["initial"], lines = initial, without(lines, "initial")
    data, lines = _overridden(data, lines, overrides)
    output = data.setdefault("output", {})
    if isinstance(output, dict) and output.get("path") is None:
        output["path"] = f"{path.stem}.h5"
    try:
        config = Config(**data)
    except ConfigError as error:
        raise located(lines, ConfigError(*twice, *beside(error.faults, twice)), str(path)) from None
    if twice:
        raise located(lines, ConfigError(*twice), str(path))
    config._source, config._lines = str(path), lines
    return config


def _overridden(data: dict[str, Any], lines: Lines, overrides: Overrides) -> tuple[dict[str, Any], Lines]:
    """The data, and where each key is, with what is given in place of keys of the file."""
    if isinstance(overrides, Mapping):
        for key, value in overrides.items():
            if not isinstance(key, str) or not all(key.split(".")):
                raise UsageError(f"overrides must have dotted keys such as 'time.until', but one is {shown(key)}")
            data = merged(data, _nested(key, value))
            for name in _paths(key, value):
                lines = moved(lines, name, "overrides")
        return data, lines
    for override in arguments.items("overrides", [overrides] if isinstance(overrides, str) else overrides, str):
        apply_override(data, override)
        lines = moved(lines, override.partition("=")[0], "--set")
    return data, lines


def _nested(key: str, value: Any) -> dict[str, Any]:
    """Sections within sections for a dotted key."""
    *parents, last = key.split(".")
    for parent in reversed(parents):
        value, last = {last: value}, parent
    return {last: value}


def _paths(key: str, value: Any) -> list[str]:
    """Dotted keys of all values in sections of sections."""
    if not isinstance(value, dict) or not value:
        return [key]
    return [path for name, item in value.items() for path in _paths(f"{key}.{name}", item)]


def read_text(path: Path) -> str:
    """Text of a small UTF-8 file, or a sentence about why there is none."""
    try:
        if path.is_dir():
            raise ConfigError(Fault(str(path), "is a directory, not a YAML file"))
        with open(path, "rb", opener=_opened) as file:  # once: what was read of a pipe is gone
            contents = file.read(MAXIMUM_BYTES + 1)
        if contents.startswith(HDF5):
            cure = f"`fpsolver info --config {path}` prints the configuration of a result"
            text = f"is an HDF5 file, not a YAML file; {cure}"
            raise ConfigError(Fault(str(path), text))
        if len(contents) > MAXIMUM_BYTES:
            raise ConfigError(
                Fault(str(path), f"is larger than {MAXIMUM_BYTES} bytes; a configuration is a page of text")
            )
        text = contents.decode("utf-8")
    except OSError as error:
        raise ConfigError(Fault(str(path), f"cannot be read: {(error.strerror or str(error)).lower()}")) from None
    except UnicodeDecodeError:
        raise ConfigError(Fault(str(path), "is not UTF-8 text, so it is no YAML configuration")) from None
    if not text.strip():
        raise ConfigError(Fault(str(path), "is empty; `system` and `initial` are required"))
    return text


def _opened(name: str, flags: int) -> int:
    """Open a file to read it; a pipe that nobody writes into is not waited for, but empty."""
    handle = os.open(name, flags | getattr(os, "O_NONBLOCK", 0))
    if sys.platform != "win32":
        os.set_blocking(handle, True)
    return handle


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
        return plain_value(text, name)
    except ConfigError:
        raise UsageError(f"{name}: {shown(text)} is not a YAML value") from None


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
    """Sections, tuples, arrays and NumPy scalars as dicts, lists and numbers, so that Python callers may use them."""
    if depth > MAXIMUM_DEPTH:
        raise ConfigError(Fault("", f"the configuration has more than {MAXIMUM_DEPTH} levels, or holds itself"))
    if isinstance(value, BaseModel):
        value = schema.to_plain(value.model_dump(exclude_none=True))
    if isinstance(value, dict):
        return {key: _from_python(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_from_python(item, depth + 1) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    return value
