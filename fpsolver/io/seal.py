"""A seal behind the end of an HDF5 file: the SHA-256 of all that stands before it.

HDF5 takes no notice of what follows its own end, and cuts it off from a file that it opens for writing. So a file that
was edited has no seal and is read without one, and in a file whose seal does not fit some bit is wrong: numbers that
are a little off would not be noticed otherwise, and a bit of its structure can end HDF5 in a segmentation fault.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

MARK = b"fpsolver-sha256:"
LENGTH = len(MARK) + hashlib.sha256().digest_size
PIECE = 2**20


def seal_of(contents: memoryview) -> bytes:
    """What is written behind these contents."""
    return MARK + hashlib.sha256(contents).digest()


def is_broken(path: Path) -> bool:
    """True if a file has a seal and its contents are not those that were sealed; OSError if it cannot be read."""
    return fits(path) is False


def fits(path: Path) -> bool | None:
    """Whether the contents of a file are those that were sealed; None without a seal, OSError if it cannot be read."""
    with path.open("rb") as file:
        left = file.seek(0, os.SEEK_END) - LENGTH
        if left < 0:
            return None
        file.seek(left)
        seal = file.read(LENGTH)
        if not seal.startswith(MARK):
            return False if MARK in seal else None  # a piece of the seal may be missing
        file.seek(0)
        found = hashlib.sha256()
        while left > 0 and (piece := file.read(min(PIECE, left))):
            found.update(piece)
            left -= len(piece)
    return seal[len(MARK) :] == found.digest()
