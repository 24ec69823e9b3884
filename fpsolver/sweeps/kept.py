"""Whole results of the runs of a sweep: files in a folder beside the table, each complete before its row is kept."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

from fpsolver.errors import FileFormatError, OutputError, OutputExistsError
from fpsolver.io.kinds import RESULT
from fpsolver.io.lock import followed
from fpsolver.io.paths import check_output, replace_file
from fpsolver.result import load_result
from fpsolver.sweeps.worker import Row

_NAME = re.compile(r"run-\d+\.h5")


def folder_of(path: Path) -> Path:
    """Where the results of a table are: ``sweep-runs`` beside ``sweep.h5``, of a link beside the file it leads to."""
    path = followed(path)
    return path.with_name(f"{path.stem}-runs")


def file_name(number: int, runs: int) -> str:
    """Name of the result of one run, so that names are in the order of the runs."""
    return f"run-{number:0{len(str(runs - 1))}}.h5"


def prepare(path: Path, *, resume: bool, force: bool) -> None:
    """Make room for the results of another sweep; OutputExistsError for old ones without ``force``.

    With ``force`` their table goes, too. It must be one, or absent.
    """
    folder = folder_of(path)
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file, but the results of the runs go into a folder of that name; rename it")
    old = [] if resume or not folder.exists() else [each for each in folder.iterdir() if _NAME.fullmatch(each.name)]
    if old and not force:
        raise OutputExistsError(f"{folder} holds {len(old)} results of another sweep")
    for each in old:  # all are looked at before the first is removed
        check_output(each, force=True, kinds=(RESULT,))
    for each in old:
        each.unlink()
    if old:  # a table never stands beside results that are not its own
        followed(path).unlink(missing_ok=True)


def write(path: Path, name: str, image: bytes) -> None:
    """The result of one run, complete or not at all; OutputError if it cannot be written."""
    target = _place(path, name)
    check_output(target, force=True, kinds=(RESULT,))
    try:
        replace_file(target, lambda temporary: temporary.write_bytes(image))
    except OSError as error:
        what = f"the result {target} cannot be written: {error.strerror or error}"
        raise OutputError(f"{what}; the runs that ended before are kept, and --resume goes on from there") from None


def _place(path: Path, name: str) -> Path:
    """Never beyond the folder, whatever the table says."""
    return folder_of(path) / Path(name).name


def existing(path: Path, name: str) -> Path:
    """The file of a result of this table; FileFormatError if it is no longer there."""
    target = _place(path, name)
    if not target.is_file():
        raise FileFormatError(
            f"the result {target} is not there; keep the folder beside the table when you move it, under its name"
        )
    return target


def unreadable(path: Path, rows: dict[int, Row]) -> list[int]:
    """Numbers of the rows whose results have been removed or damaged since; damaged ones are set aside."""
    named = {number: _place(path, row["file"]) for number, row in rows.items() if row.get("file")}
    found = [number for number, target in named.items() if not _is_whole(target)]
    for target in (named[number] for number in found if named[number].exists()):
        _set_aside(target)
    return found


def _is_whole(target: Path) -> bool:
    try:
        load_result(target)
    except FileFormatError:
        return False
    return True


def _set_aside(target: Path) -> None:
    """Give it a name that no other file has; OutputError if that cannot be done."""
    names = (target.with_name(f"{target.name}.damaged{count or ''}") for count in itertools.count())
    aside = next(name for name in names if not name.exists())
    try:
        target.rename(aside)
    except OSError as error:
        raise OutputError(f"the damaged result {target} cannot be renamed: {error.strerror or error}") from None


def words(path: Path, count: int) -> str:
    """What is done about so many results that cannot be read."""
    verb, runs = ("is", "this run is") if count == 1 else ("are", "these runs are")
    return f"{count} of the results in {folder_of(path)} {verb} missing or damaged; {runs} repeated"
