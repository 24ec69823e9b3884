"""Outputs: whether they can be written, asked before a run; and files that are complete or absent, whatever happens."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from fpsolver.errors import FileFormatError, OutputError, OutputExistsError
from fpsolver.io.kinds import EMPTY, RESULTS, describe
from fpsolver.io.lock import followed, is_held, is_named, is_shared

PART = ".part"
TEMPORARY = f"..12345678{PART}"  # what is longer in the names of files that are made beside an output
CHECKPOINT = f".checkpoint{TEMPORARY}"


def named(path: Path) -> Path:
    """The same path; OutputError for one that has no name, so that nothing can be beside it: ``.``, ``/``, empty."""
    if not path.name:
        raise OutputError(
            f"the output {str(path)!r} is a folder (an empty text, as of a variable that is not set, means '.'); give "
            "the name of a file"
        )
    return path


def check_output(path: Path, *, force: bool, kinds: tuple[str, ...] | None = None) -> None:
    """OutputError if ``path`` must not, or cannot, be written; writes nothing.

    A file that is there is replaced with ``force`` only, and, if ``kinds`` (of :mod:`fpsolver.io.kinds`) are given,
    only if it is one of these: what fpsolver did not write is never lost.
    """
    try:
        _check_output(path, force=force, kinds=kinds)
    except OSError as error:
        raise OutputError(f"the output {path} cannot be written: {(error.strerror or str(error)).lower()}") from None


def _check_output(path: Path, *, force: bool, kinds: tuple[str, ...] | None) -> None:
    if path.is_dir():
        raise OutputError(f"the output {path} is a directory; give the name of a file")
    if path.exists() and not path.is_file():
        raise OutputError(f"the output {path} is not an ordinary file and will not be replaced")
    if path.exists() and kinds is not None:
        _refuse_other(path, kinds)
    if path.exists() and not force:
        raise OutputExistsError(f"the output {path} exists already")
    parent = _folder_above(path)
    if not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"the output {path} cannot be written: no permission in {parent}")
    _refuse_long(followed(path), parent, CHECKPOINT if kinds == RESULTS else TEMPORARY)


def _folder_above(path: Path) -> Path:
    """The nearest folder above a path that exists; OutputError if it is none."""
    parent = path.parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir():
        raise OutputError(f"the output {path} cannot be written: {parent} is a file, not a folder")
    return parent


def _refuse_long(path: Path, parent: Path, made: str) -> None:
    """OutputError for a name that leaves no room for those of the files made beside it, found out before the run."""
    try:
        most = os.pathconf(parent, "PC_NAME_MAX") - len(made)
    except (AttributeError, OSError, ValueError):  # Windows, or a file system that does not tell
        return
    length = len(os.fsencode(path.name))
    if 0 < most < length:
        raise OutputError(
            f"the output {path} cannot be written: its name has {length} bytes, and the longest that leaves room for "
            f"the names of what is made beside it has {most}; give a shorter one"
        )


def _refuse_other(path: Path, kinds: tuple[str, ...]) -> None:
    """OutputError if an existing file is of none of these kinds."""
    try:
        found = describe(path)
    except FileFormatError as error:
        raise OutputError(f"the output {error}, or give another name") from None
    if found not in (EMPTY, *kinds):
        raise OutputError(
            f"the output {path} exists already and is {found}, which this does not overwrite; give another name, or "
            "remove it yourself"
        )


def write_text(path: Path, text: str, *, force: bool, kinds: tuple[str, ...] | None = None) -> None:
    """Write a text file complete or not at all; missing folders are made, an existing file needs ``force``."""
    check_output(path, force=force, kinds=kinds)
    try:
        replace_file(path, lambda temporary: _fill_text(temporary, text))
    except OSError as error:
        raise OutputError(f"the output {path} cannot be written: {(error.strerror or str(error)).lower()}") from None


def _fill_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def replace_file(path: Path, fill: Callable[[Path], object]) -> None:
    """Give ``path`` the contents that ``fill`` writes: beside it first, then onto the disk, then by renaming.

    Whoever looks, also after a power failure, finds the old contents or the new ones. OSError if that fails,
    OutputError if a file is where a folder of the path should be.
    """
    _folder_above(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(path)
    with _beside(path) as temporary:
        fill(temporary)
        _sync(temporary)
        temporary.replace(path)
    with contextlib.suppress(OSError):  # not every file system can
        _sync(path.parent)  # the name itself


@contextlib.contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """An empty file in the same folder, locked as long as this process lives, removed unless it was renamed.

    The lock is a share from the beginning: HDF5, which takes one too, can read the file as soon as it has its name.
    """
    while True:
        name, handle = _new_file(path)
        if _is_ours(handle, name):
            break
        os.close(handle)
    try:
        yield name
    finally:
        name.unlink(missing_ok=True)
        os.close(handle)


def _new_file(path: Path) -> tuple[Path, int]:
    """A file that nobody else has, with the permissions of any new file.

    The system applies the umask: to ask for it is to change it, for all threads.
    """
    while True:
        name = path.with_name(f".{path.name}.{secrets.token_hex(4)}{PART}")
        with contextlib.suppress(FileExistsError):
            return name, os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)


def _is_ours(handle: int, name: Path) -> bool:
    """Lock a new file; false if another process took it for an abandoned one before."""
    with contextlib.suppress(OSError):  # a file system without locks: then nobody removes it either
        if not is_shared(handle):
            return False
    return is_named(handle, name)


def remove_abandoned(path: Path) -> None:
    """Remove what processes that were killed while they wrote ``path`` left beside it: no lock is on it any more."""
    pattern = re.compile(rf"\.{re.escape(path.name)}\.[a-z0-9_]{{8}}\{PART}")
    if sys.platform == "win32":  # no locks: nobody can tell
        return
    with contextlib.suppress(OSError):
        for entry in os.scandir(path.parent):
            if pattern.fullmatch(entry.name):
                _remove_if_abandoned(Path(entry.path))


def _remove_if_abandoned(temporary: Path) -> None:
    with contextlib.suppress(OSError):
        handle = os.open(temporary, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            if is_named(handle, temporary) and not is_held(handle):  # never lock one that has been renamed
                temporary.unlink()
        finally:
            os.close(handle)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
