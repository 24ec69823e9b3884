"""A short table of words, as a terminal and a notebook show it."""

from __future__ import annotations

import html

import numpy as np
from numpy.typing import NDArray

SMALL = 4  # coordinates of which a vector or matrix is written out


def matrix(values: NDArray[np.floating]) -> str:
    """A small matrix on one line, round-off of correlations as 0: q and p have units of their own."""
    size = np.sqrt(np.abs(np.diag(values)))
    values = np.where(np.abs(values) > 1e-14 * np.outer(size, size), values, 0.0)
    return "[" + ", ".join(vector(row) for row in values) + "]"


def vector(values: NDArray[np.floating]) -> str:
    """A few numbers on one line."""
    return "[" + ", ".join(f"{x + 0.0:.6g}" for x in values) + "]"  # + 0.0: no negative zeros


class Summary:
    """Shown as the rows of ``summary()`` below ``title``, which its subclasses have."""

    @property
    def title(self) -> str:
        """Name of what is summarised."""
        raise NotImplementedError

    def summary(self) -> list[tuple[str, str]]:
        """Rows of the table: label and text."""
        raise NotImplementedError

    def __str__(self) -> str:
        return "\n".join(f"  {label:<22} {text}" for label, text in self.summary())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(label)}</th><td>{html.escape(text)}</td></tr>"
            for label, text in self.summary()
        )
        return f"<table><caption>{html.escape(self.title)}</caption>{rows}</table>"
