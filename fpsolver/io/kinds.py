"""What a file is, in words: so that nothing but what fpsolver wrote is replaced, and a message can say why."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from fpsolver.config.reader import HDF5

PAGE = "<!DOCTYPE html>"
JOURNAL = "fpsolver-sweep-journal"
EMPTY = "an empty file"
RESULT, SWEEP = "a result of fpsolver", "the table of a sweep"
RESULTS = (RESULT, SWEEP)
CHECKPOINT, ROWS = "the checkpoint of an unfinished run", "the rows of an unfinished sweep"
CONFIGURATION, SCHEMA = "a configuration of fpsolver", "the JSON schema of configurations"
REPORT = "a report of fpsolver"
OTHER_HDF5, TEXT, OTHER = "an HDF5 file of something else", "a text file", "a file that fpsolver did not write"
LONGEST = 2**20  # bytes of a text that are looked at


def describe(path: Path) -> str:
    """What an existing file is: one of the words above.

    OSError if it cannot be read; FileFormatError while another program has it open for writing.
    """
    with path.open("rb") as file:
        start = file.read(LONGEST)
    if not start:
        return EMPTY
    if start.startswith(HDF5):
        return _of_hdf5(path)
    if is_journal(path):
        return ROWS
    try:
        return _of_text(codecs.getincrementaldecoder("utf-8")().decode(start))  # its end may be half a character
    except UnicodeDecodeError:
        return OTHER


def _of_hdf5(path: Path) -> str:
    """A damaged result is one by its seal: nothing else has it."""
    import h5py  # 0.1 s, and texts need it not

    from fpsolver.io import container, seal

    found = container.file_format(path)
    if not found and seal.is_broken(path):
        return RESULT
    if found == "fpsolver-result":
        with h5py.File(path, "r") as file:
            return CHECKPOINT if file.attrs.get("status") == "running" else RESULT
    return SWEEP if found == "fpsolver-sweep" else OTHER_HDF5


def _of_text(text: str) -> str:
    if text.startswith("{") and all(word in text for word in ('"$schema"', '"title": "fpsolver')):
        return SCHEMA
    if text.startswith(PAGE) and 'name="generator" content="fpsolver' in text[:2000]:
        return REPORT
    return CONFIGURATION if re.search(r"^system\s*:", text, re.MULTILINE) else TEXT


def is_journal(path: Path) -> bool:
    """True for the rows of an unfinished sweep (:mod:`fpsolver.sweeps.journal`)."""
    if not path.is_file():  # a pipe would be waited for
        return False
    with path.open("rb") as file:
        return file.read(100).startswith(f'{{"format": "{JOURNAL}"'.encode())


def rows_in(path: Path) -> int:
    """Finished rows of an unfinished sweep; the first line says which one, and the last may be torn."""
    with path.open("rb") as file:
        return max(sum(line.endswith(b"\n") for line in file) - 1, 0)
