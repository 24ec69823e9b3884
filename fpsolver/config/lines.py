"""Where in a file the keys of a configuration are."""

from __future__ import annotations

from fpsolver.errors import ConfigError, Fault

Lines = dict[tuple[str | int, ...], str]


def is_index(step: str) -> bool:
    """True for a step of a dotted key that counts items of a list."""
    return step.isascii() and step.isdigit()


def located(lines: Lines, error: ConfigError, source: str) -> ConfigError:
    """The faults in the order of the file, with their lines."""
    ordered = sorted(error.faults, key=lambda fault: _number(_line_of(lines, fault.key)))
    return ConfigError(*(Fault(place_of(lines, f.key), f.text) for f in ordered), heading=f"{source} cannot be used:")


def _number(line: str) -> int:
    """Number of a line, 0 for what has none (``--set``)."""
    digits = line.removeprefix("line ")
    return int(digits) if digits.isdigit() else 0


def place_of(lines: Lines, key: str) -> str:
    """A key with its line, ``line 7, system.mass``."""
    return ", ".join(part for part in (_line_of(lines, key), key) if part)


def _line_of(lines: Lines, key: str) -> str:
    """Line of the key, or of the nearest section above it."""
    steps: tuple[str | int, ...] = tuple(int(s) if is_index(s) else s for s in key.split(".")) if key else ()
    while steps and steps not in lines:
        steps = steps[:-1]
    return lines[steps] if steps else ""
