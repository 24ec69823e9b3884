"""One run or sweep for each output: a lock on ``PATH.lock`` that the system itself gives back when a process dies."""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from fpsolver.errors import OutputError

if sys.platform != "win32":  # Windows has no flock, and no lock then
    import fcntl

# of file systems that have none, such as Lustre without its option `flock`: runs there go without
NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP}


def is_held(handle: int) -> bool:
    """Take the lock of an open file, or tell that another process has it; false on Windows, which has none."""
    if sys.platform == "win32":
        return False
    return not _takes(handle, fcntl.LOCK_EX)


def is_shared(handle: int) -> bool:
    """Take a share in the lock of an open file, which keeps no reader out; false if another process holds it alone."""
    return sys.platform == "win32" or _takes(handle, fcntl.LOCK_SH)


def _takes(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def followed(path: Path) -> Path:
    """The file that a symbolic link leads to, beside which its lock and what is unfinished of it are; else the path."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of an output; OutputError if another process holds it."""
    if sys.platform == "win32":
        yield
        return
    target = followed(path)
    name = target.with_name(f"{target.name}.lock")
    handle = _acquire(name, path)
    try:
        yield
    finally:
        name.unlink(missing_ok=True)  # while it is held, so that nobody loses a lock of his own
        os.close(handle)


def _acquire(name: Path, path: Path) -> int:
    try:
        name.parent.mkdir(parents=True, exist_ok=True)
        while True:
            handle = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
            try:
                _lock(handle)
                if is_named(handle, name):
                    os.ftruncate(handle, 0)
                    os.write(handle, f"process {os.getpid()} on {platform.node()}".encode())
                    return handle
            except BaseException:
                os.close(handle)
                raise
            os.close(handle)  # its holder has just ended and removed it
    except BlockingIOError:
        raise OutputError(
            f"another run or sweep ({_holder(name)}) is writing {path}; wait for it, or give another output with -o"
        ) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OutputError(f"the output {path} cannot be written: {reason} (locking {name.name})") from None


def _lock(handle: int) -> None:
    """Take the lock, if the file system has locks; BlockingIOError if another process has it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise


def is_named(handle: int, name: Path) -> bool:
    """True if an open file still has that name."""
    try:
        return os.path.samestat(os.fstat(handle), name.stat())
    except FileNotFoundError:
        return False


def _holder(name: Path) -> str:
    try:
        return name.read_bytes()[:200].decode("ascii", "replace") or "just starting"
    except OSError:
        return "just ending"
