"""Rows on disk while a sweep runs: a line of JSON for each finished run, from which --resume goes on."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

import fpsolver
from fpsolver.config.reader import Config
from fpsolver.errors import FileFormatError, OutputError, UsageError
from fpsolver.io.kinds import JOURNAL as FORMAT
from fpsolver.io.kinds import ROWS
from fpsolver.io.lock import followed
from fpsolver.io.paths import check_output, replace_file
from fpsolver.io.sweeps import inner_dimensions
from fpsolver.sweeps.axes import Axes
from fpsolver.sweeps.worker import COSTS, NUMBERS_ONLY, TEXTS, Row, Wanted


def journal_path(path: Path) -> Path:
    """Where the rows of a running sweep are kept."""
    path = followed(path)
    return path.with_name(f"{path.name}.partial")


def header(config: Config, axes: Axes, wanted: Wanted = NUMBERS_ONLY) -> dict[str, Any]:
    """What makes two sweeps the same one; what most of them do not have is left out, as in older journals."""
    linked = {key: {other: values.tolist() for other, values in more.items()} for key, more in axes.linked.items()}
    return {
        "format": FORMAT,
        "fpsolver": fpsolver.__version__,
        "config": config.replaced(output={"path": None}).to_yaml(),
        "over": {key: values.tolist() for key, values in axes.over.items()},
        **({"linked": linked} if linked else {}),
        **{name: value for name, value in asdict(wanted).items() if value},
    }


class Journal:
    """File of rows; a context that leaves them behind unless :meth:`discard` is called. ``None``: no file."""

    def __init__(self, path: Path | None, head: dict[str, Any]) -> None:
        self.path = path
        self._head = head
        self._file: Any = None
        self._kept = 0

    def read(self) -> dict[int, Row]:
        """Finished rows by their number; UsageError with the differences if they belong to another sweep."""
        if self.path is None or not self.path.exists():
            return {}
        if not self.path.is_file():  # a pipe would be waited for
            raise FileFormatError(f"{self.path} is not an ordinary file; remove it, or name another output")
        text = self.path.read_bytes()
        lines = text.split(b"\n")
        head = _decoded(lines[0])
        if not isinstance(head, dict) or head.get("format") != FORMAT:
            raise FileFormatError(f"{self.path} does not hold the rows of a sweep; remove it, or name another output")
        if head != self._head:
            raise UsageError(f"{self.path} belongs to another sweep: {self._differences(head)}; --force starts afresh")
        rows: dict[int, Row] = {}
        for place, line in enumerate(lines[1:-1], start=2):  # what follows the last line break was torn by a crash
            entry = _decoded(line)
            if not _is_entry(entry, self._runs()):
                raise FileFormatError(
                    f"{self.path} is damaged: line {place} is no row of this sweep; remove that line to run its point "
                    "again, or start afresh with --force"
                )
            rows[entry["number"]] = entry["row"]
        return rows

    def _runs(self) -> int:
        return math.prod(len(values) for values in self._head["over"].values())

    def _differences(self, head: dict[str, Any]) -> str:
        found = []
        usual = {"linked": None, **asdict(NUMBERS_ONLY)}
        for name in ("fpsolver", "over", *usual):
            was, now = (each.get(name, usual.get(name)) for each in (head, self._head))
            if was != now:
                found.append(f"{name} was {was} and is {now}")
        then, now = str(head.get("config", "")).splitlines(), str(self._head["config"]).splitlines()
        if then != now:
            gone = "; ".join(line.strip() for line in then if line not in now)
            come = "; ".join(line.strip() for line in now if line not in then)
            found.append(f"its configuration had `{gone}` where this one has `{come}`")
        return ", ".join(found)

    def __enter__(self) -> Self:
        return self

    def open(self, rows: dict[int, Row]) -> None:
        """Start the file with the rows that are kept."""
        if self.path is None:
            return
        check_output(self.path, force=True, kinds=(ROWS,))
        entries = [self._head, *({"number": number, "row": row} for number, row in rows.items())]
        text = "".join(json.dumps(entry) + "\n" for entry in entries)
        try:
            replace_file(self.path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
            self._file = self.path.open("a", encoding="utf-8")
        except OSError as error:
            raise OutputError(f"the rows cannot be kept in {self.path}: {error.strerror or error}") from None
        self._kept = len(rows)

    def add(self, number: int, row: Row) -> None:
        """Keep a row."""
        self._write({"number": number, "row": row})
        self._kept += 1

    def _write(self, entry: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(json.dumps(entry) + "\n")
            self._file.flush()

    def discard(self) -> None:
        """Remove the file: the table has everything."""
        self._close()
        if self.path is not None:
            self.path.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None and not self._kept:
            self.discard()  # nothing to go on from
        self._close()


def _decoded(line: bytes) -> Any:
    """What a line says; None if it is no JSON."""
    try:
        return json.loads(line)
    except ValueError:  # also of bytes that are no text
        return None


def _is_entry(entry: Any, runs: int) -> bool:
    """True for a row as :mod:`fpsolver.sweeps.worker` makes them, of one of so many runs."""
    if not isinstance(entry, dict) or not isinstance(entry.get("row"), dict):
        return False
    number, row = entry.get("number"), entry["row"]
    row.setdefault("reasons", {})  # of which an older fpsolver kept none
    kinds = {**dict.fromkeys(TEXTS, str), **dict.fromkeys(COSTS, float), "axes": list, "numbers": dict}
    return (
        type(number) is int
        and 0 <= number < runs
        and all(isinstance(row.get(name), kind) for name, kind in kinds.items())
        and isinstance(row["reasons"], dict)
        and isinstance(row.get("file", ""), str)
        and all(isinstance(text, str) for text in row["reasons"].values())
        and all(_is_number(name, value, len(row["axes"])) for name, value in row["numbers"].items())
    )


def _is_number(name: str, value: Any, components: int) -> bool:
    """True for a number, or as many of them as this quantity has."""
    if isinstance(value, float):
        return not inner_dimensions(name)
    try:
        shape = np.asarray(value, dtype=float).shape
    except (ValueError, TypeError):
        return False
    axes = inner_dimensions(name)
    if axes in (("spring",), ("mode",)):  # any number of them
        return len(shape) == 1
    return shape == tuple(components // 2 if axis == "particle" else components for axis in axes)
