"""Rows on disk while a sweep runs: a line of JSON for each finished run, from which --resume goes on."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import fpsolver
from fpsolver.config.reader import Config
from fpsolver.errors import FileFormatError, OutputError, UsageError
from fpsolver.sweeps.axes import Values
from fpsolver.sweeps.worker import Row

FORMAT = "fpsolver-sweep-journal"


def journal_path(path: Path) -> Path:
    """Where the rows of a running sweep are kept."""
    return path.with_name(f"{path.name}.partial")


def header(config: Config, axes: dict[str, Values]) -> dict[str, Any]:
    """What makes two sweeps the same one."""
    return {
        "format": FORMAT,
        "fpsolver": fpsolver.__version__,
        "config": config.replaced(output={"path": None}).to_yaml(),
        "over": {key: values.tolist() for key, values in axes.items()},
    }


class Journal:
    """File of rows; a context that leaves the file behind unless :meth:`discard` is called. ``None``: no file."""

    def __init__(self, path: Path | None, head: dict[str, Any]) -> None:
        self.path = path
        self._head = head
        self._file: Any = None

    def read(self) -> dict[int, Row]:
        """Finished rows by their number; UsageError with the differences if they belong to another sweep."""
        if self.path is None or not self.path.exists():
            return {}
        lines = self.path.read_text(encoding="utf-8").splitlines()
        try:
            head = json.loads(lines[0]) if lines else {}
        except json.JSONDecodeError:
            head = {}
        if not isinstance(head, dict) or head.get("format") != FORMAT:
            raise FileFormatError(f"{self.path} does not hold the rows of a sweep; remove it, or name another output")
        if head != self._head:
            raise UsageError(f"{self.path} belongs to another sweep: {self._differences(head)}; --force starts afresh")
        rows: dict[int, Row] = {}
        for line in lines[1:]:
            with contextlib.suppress(json.JSONDecodeError, KeyError, TypeError):  # the last line may be torn
                entry = json.loads(line)
                rows[entry["number"]] = entry["row"]
        return rows

    def _differences(self, head: dict[str, Any]) -> str:
        found = []
        for name in ("fpsolver", "over"):
            if head.get(name) != self._head[name]:
                found.append(f"{name} was {head.get(name)} and is {self._head[name]}")
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
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("w", encoding="utf-8")
        except OSError as error:
            raise OutputError(f"the rows cannot be kept in {self.path}: {error.strerror or error}") from None
        self._write(self._head)
        for number, row in rows.items():
            self.add(number, row)

    def add(self, number: int, row: Row) -> None:
        """Keep a row."""
        self._write({"number": number, "row": row})

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
        self._close()
