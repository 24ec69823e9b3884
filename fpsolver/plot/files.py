"""Figures into files."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from fpsolver.errors import OutputError, UsageError
from fpsolver.io.paths import named, replace_file
from fpsolver.physics import arguments
from fpsolver.plot import style

SUFFIXES = (".png", ".pdf", ".svg")
VECTORS = (".eps", ".ps", ".emf", ".pgf")  # what is wanted as lines is best written as .pdf


def save(figure: Figure, path: str | Path, *, dpi: float = style.DPI) -> Path:
    """Write a figure as .png (``dpi``), .pdf or .svg, complete or not at all; missing folders are made.

    UsageError for another suffix or what is no figure, OutputError for no name, or if the file cannot be written.
    """
    if not isinstance(figure, Figure):
        raise UsageError(
            f"a matplotlib Figure is needed, but got {arguments.shown(figure)}; give what functions of fp.plot return"
        )
    path, dpi = named(arguments.path(path)), arguments.positive("dpi", dpi)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        instead = ".pdf" if suffix in VECTORS else ".png"
        name = path.with_suffix(instead).name
        raise UsageError(
            f"the suffix of a figure must be one of {', '.join(SUFFIXES)}, but {str(path)!r} has {suffix or 'none'!r}; "
            f"name it {name!r}"
        )
    try:
        with style.settings():
            replace_file(path, lambda temporary: figure.savefig(temporary, format=suffix[1:], dpi=dpi))
    except OSError as error:
        raise OutputError(f"the figure {str(path)!r} cannot be written: {error.strerror or error}") from error
    return path
