"""The page itself: template, style, script and data in one file."""

from __future__ import annotations

import html
import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import fpsolver
from fpsolver.errors import UsageError
from fpsolver.io.kinds import REPORT
from fpsolver.io.paths import named, write_text
from fpsolver.reports.data import collect
from fpsolver.result import Outcome

MOYAL_NUMBER = ',\nS<sub>Moyal</sub> = <output id="entropy_moyal"></output>'


def report(result: Outcome, path: str | Path) -> Path:
    """Write a page about a result: configuration, verdicts, numbers, and W with both currents under a time slider.

    One HTML file that holds everything and asks the network for nothing. A report that is there is replaced.

    UsageError for another suffix, OutputError for a page of something else.
    """
    path = named(Path(path))
    if path.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"a report is an HTML page, but {str(path)!r} is to be written; name it {path.stem}.html")
    write_text(path, page(result), force=True, kinds=(REPORT,))
    return path


def page(result: Outcome) -> str:
    """Text of the page."""
    found = collect(result)
    has_moyal = found.pop("has_moyal")
    interactive = {name: found.pop(name) for name in ("series", "fields")}
    parts = {
        "title": html.escape(found["title"]),
        "style": _text("page.css"),
        "script": _text("page.js"),
        "data": json.dumps(interactive, allow_nan=False).replace("</", "<\\/"),
        "status": html.escape(found["status"]),
        "mood": "good" if found["good"] else "bad",
        "summary": _table(found["summary"]),
        "warnings": _warnings(found["warnings"]),
        "note": f"<p>{html.escape(found['note'])}</p>" if found["note"] else "",
        "moyal": MOYAL_NUMBER if has_moyal else "",
        "balance": "Π − Φ + S<sub>Moyal</sub>" if has_moyal else "Π − Φ",
        "moyal_legend": '<span class="moyal">S<sub>Moyal</sub></span> ' if has_moyal else "",
        "exact_legend": "<span>dashes: exact</span>" if "exact" in interactive["series"] else "",
        "profile": _profile(found["profile"]),
        "numbers": _table(found["numbers"]),
        "config": html.escape(found["config"]),
        "provenance": _table(found["provenance"]),
        "version": html.escape(fpsolver.__version__),
    }
    return re.sub("@([a-z_]+)@", lambda place: parts[place[1]], _text("page.html"))  # none within what is put in


def _text(name: str) -> str:
    return (files("fpsolver.reports") / name).read_text(encoding="utf-8")


def _table(rows: list[Any]) -> str:
    """A heading and one or more texts in each row."""
    return f"<table>{''.join(_row(*row) for row in rows)}</table>"


def _row(label: str, *texts: str) -> str:
    cells = "".join(f"<td>{html.escape(text)}</td>" for text in texts)
    return f"<tr><th>{html.escape(label)}</th>{cells}</tr>\n"


def _profile(picture: str) -> str:
    """The figure of several particles, if there are several."""
    if not picture:
        return ""
    image = f'<img alt="temperature, energy currents and Π of each particle" src="data:image/png;base64,{picture}">'
    return f"<section><h2>Particle by particle, at the end</h2>{image}</section>"


def _warnings(texts: list[str]) -> str:
    if not texts:
        return ""
    items = "".join(f"<li>{html.escape(text)}</li>" for text in texts)
    return f'<section class="warnings"><h2>Warnings</h2><ul>{items}</ul></section>'
