"""Tables of what was measured, as Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]
TARGETS = {"W": (1e-2, 1e-5), "Pi": (1e-2, 1e-6)}
NONE = "–"


def markdown(found: dict[str, Any]) -> str:
    """Start-up of the programs, then two tables for each problem."""
    parts = [f"Measured on {found['machine']}; one thread.", start_table(found)]
    for name, title in found["problems"].items():
        rows = [row for row in found["rows"] if row["problem"] == name]
        parts += [f"### {title[0].upper()}{title[1:]}", f"Exact Π = {found['exact'][name]:.8g}."]
        parts += [finest_table(rows), equal_table(rows), *failures(rows)]
    parts += ["Notes:", "\n".join(f"- {note}" for note in found["notes"])]
    if found["missing"]:
        parts.append(f"Not installed, so not measured: {', '.join(found['missing'])}.")
    return "\n\n".join(parts) + "\n"


def start_table(found: dict[str, Any]) -> str:
    """Versions, import and first call."""
    rows = []
    for name, about in found["programs"].items():
        later = about.get("later_call", about["first_call"])
        rows.append((name, about["version"], *(seconds(x) for x in (about["import"], about["first_call"], later))))
    head = ("program", "version", "import, s", "first run ever adds, s", "first run of a later process adds, s")
    return table(head, rows)


def finest_table(rows: Sequence[Row]) -> str:
    """For each solver the setting with the smallest error of W."""
    head = ("solver", "most accurate setting", "seconds", "error of moments", "of W (L1)", "of Π (relative)")
    best = [min(own, key=lambda row: (math.isnan(row["W"]), row["W"])) for own in by_solver(rows).values() if own]
    numbers = ("moments", "W", "Pi")
    lines = [(r["solver"], r["setting"], seconds(r["seconds"]), *(error(r[name]) for name in numbers)) for r in best]
    return table(head, lines)


def equal_table(rows: Sequence[Row]) -> str:
    """Seconds each solver needs for the same error."""
    head = [
        "seconds to an error of",
        *(f"{word} {target:.0e}" for q, word in (("W", "W"), ("Pi", "Π")) for target in TARGETS[q]),
    ]
    lines = []
    for name, own in by_solver(rows).items():
        lines.append((name, *(time_at(own, q, target) for q in TARGETS for target in TARGETS[q])))
    return table(head, lines)


def by_solver(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows that ran, for each solver."""
    names = dict.fromkeys(row["solver"] for row in rows)
    return {name: [r for r in rows if r["solver"] == name and "failed" not in r] for name in names}


def failures(rows: Sequence[Row]) -> list[str]:
    """Sentences about settings that did not run."""
    return [f"{row['solver']}, {row['setting']}: {row['failed']}" for row in rows if "failed" in row]


def front(rows: Sequence[Row], quantity: str) -> list[tuple[float, float]]:
    """(error, seconds) of the settings that no other beats in both, from coarse to fine."""
    points = sorted((row["seconds"], row[quantity]) for row in rows if math.isfinite(row[quantity]))
    found: list[tuple[float, float]] = []
    for spent, value in points:
        if not found or value < found[-1][0]:
            found.append((max(value, 1e-16), spent))
    return found


def time_at(rows: Sequence[Row], quantity: str, target: float) -> str:
    """Seconds at an error, interpolated between settings on logarithmic scales; ``≤`` if the coarsest is better."""
    points = front(rows, quantity)
    if not points or points[-1][0] > target:
        return NONE
    if points[0][0] <= target:
        return f"≤ {seconds(points[0][1])}"
    k = next(k for k, (value, _) in enumerate(points) if value <= target)
    (e0, t0), (e1, t1) = points[k - 1], points[k]
    part = math.log(e0 / target) / math.log(e0 / e1)
    return seconds(t0 * (t1 / t0) ** part)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def seconds(value: float | None) -> str:
    """Two significant digits."""
    return NONE if value is None else f"{float(f'{value:.2g}'):.2g}" if value < 10 else f"{value:.0f}"


def error(value: float) -> str:
    """One digit and a power; a dash where the program says that there is no such number."""
    return f"{value:.0e}" if math.isfinite(value) else NONE


def progress(row: Row) -> str:
    """One line for the terminal."""
    start = f"{row['problem']:<12}{row['solver']:<28}{row['setting']:<22}"
    if "failed" in row:
        return start + row["failed"]
    return start + f"{row['seconds']:>8.3f} s   moments {row['moments']:.0e}   W {row['W']:.0e}   Pi {row['Pi']:.0e}"
