"""Figures into files."""

from __future__ import annotations

import os
from pathlib import Path

from matplotlib.figure import Figure

from fpsolver.errors import OutputError, UsageError
from fpsolver.plot import style

SUFFIXES = (".png", ".pdf", ".svg")


def save(figure: Figure, path: str | Path, *, dpi: int = style.DPI) -> Path:
    """Write a figure as .png (``dpi``), .pdf or .svg, complete or not at all; missing folders are made.

    UsageError for another suffix, OutputError if the file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(
            f"the suffix of a figure must be one of {', '.join(SUFFIXES)}, but {str(path)!r} has {suffix or 'none'!r}; "
            f"name it {path.with_suffix('.png').name!r}"
        )
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with style.settings():
            figure.savefig(partial, format=suffix[1:], dpi=dpi)
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"the figure {str(path)!r} cannot be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return path
