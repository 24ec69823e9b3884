"""A short table of words, as a terminal and a notebook show it."""

from __future__ import annotations

import html


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
