"""Where in a file the keys of a configuration are."""

from __future__ import annotations

from fpsolver.errors import ConfigError, Fault

Lines = dict[tuple[str | int, ...], str]
NO_LINE = " "  # of what is in no file


def is_index(step: str) -> bool:
    """True for a step of a dotted key that counts items of a list."""
    return step.isascii() and step.isdigit()


def located(lines: Lines, error: ConfigError, source: str) -> ConfigError:
    """The faults in the order of the file, with their lines; without its name if none of them is in it."""
    ordered = sorted(error.faults, key=lambda fault: _number(_line_of(lines, fault.key)))
    what = "the configuration" if all(_line_of(lines, fault.key) == NO_LINE for fault in ordered) else source
    return ConfigError(*(Fault(place_of(lines, f.key), f.text) for f in ordered), heading=f"{what} cannot be used:")


def without(lines: Lines, section: str) -> Lines:
    """The same lines where a section has been given from Python since, so that it is in no file."""
    return moved(lines, section, NO_LINE)


def moved(lines: Lines, key: str, place: str) -> Lines:
    """The same lines where a key, and with it all below it, and sections that it makes, are given in another place."""
    steps = steps_of(key)
    made = {steps[:k]: place for k in range(1, len(steps)) if steps[:k] not in lines}
    return made | {known: line for known, line in lines.items() if known[: len(steps)] != steps} | {steps: place}


def steps_of(key: str) -> tuple[str | int, ...]:
    """A dotted key taken apart, with the indices of lists as numbers."""
    steps = [step.strip() for step in key.split(".")] if key else []
    return tuple(int(step) if is_index(step) else step for step in steps)


def _number(line: str) -> int:
    """Number of a line, 0 for what has none (``--set``)."""
    digits = line.removeprefix("line ")
    return int(digits) if digits.isdigit() else 0


def place_of(lines: Lines, key: str) -> str:
    """A key with its line, ``line 7, system.mass``."""
    return ", ".join(part for part in (_line_of(lines, key).strip(), key) if part)


def _line_of(lines: Lines, key: str) -> str:
    """Line of the key, or of the nearest section above it."""
    steps = steps_of(key)
    while steps and steps not in lines:
        steps = steps[:-1]
    return lines[steps] if steps else ""
