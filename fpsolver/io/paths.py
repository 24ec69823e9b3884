"""Outputs: whether they can be written, asked before a run; and files that are complete or absent, whatever happens."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from fpsolver.errors import OutputError, OutputExistsError


def check_output(path: Path, *, force: bool) -> None:
    """OutputError if ``path`` must not, or cannot, be written; writes nothing."""
    try:
        _check_output(path, force=force)
    except OSError as error:
        raise OutputError(f"the output {path} cannot be written: {(error.strerror or str(error)).lower()}") from None


def _check_output(path: Path, *, force: bool) -> None:
    if path.is_dir():
        raise OutputError(f"the output {path} is a directory; give the name of a file")
    if path.exists() and not path.is_file():
        raise OutputError(f"the output {path} is not an ordinary file and will not be replaced")
    if path.exists() and not force:
        raise OutputExistsError(f"the output {path} exists already")
    parent = path.parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir():
        raise OutputError(f"the output {path} cannot be written: {parent} is a file, not a folder")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"the output {path} cannot be written: no permission in {parent}")


def write_text(path: Path, text: str, *, force: bool) -> None:
    """Write a text file complete or not at all; missing folders are made, an existing file needs ``force``."""
    check_output(path, force=force)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"the output {path} cannot be written: {(error.strerror or str(error)).lower()}") from None
    finally:
        partial.unlink(missing_ok=True)


def replace_file(path: Path, fill: Callable[[Path], None]) -> None:
    """Give ``path`` the contents that ``fill`` writes: beside it first, then onto the disk, then by renaming.

    Whoever looks, also after a power failure, finds the old contents or the new ones. OSError if that fails.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        fill(temporary)
        temporary.chmod(0o666 & ~_umask())
        _sync(temporary)
        temporary.replace(path)
        with contextlib.suppress(OSError):  # not every file system can
            _sync(path.parent)  # the name itself
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
