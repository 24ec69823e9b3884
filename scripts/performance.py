"""Measure everything docs/performance.md and docs/scaling.md show, and write it there between their markers.

    python scripts/performance.py [--only peers kernels bars scaling] [--quick]

Runs benchmarks/peers (about five minutes; other programs: pip install qutip py-pde fipy fplanck) and, beside it,
kernels.py, bars.py and scaling.py (two to three each). The words around the tables are written by hand. ``--quick``
measures the peers with coarse settings only, and keeps the page.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = {part: ROOT / "docs" / "performance.md" for part in ("peers", "kernels", "bars")}
PAGES["scaling"] = ROOT / "docs" / "scaling.md"
FOLDER = ROOT / "results" / "benchmarks"
FIGURES = ("peers_production.png", "peers_density.png")
PARTS = {
    "peers": (["peers", "--folder", str(FOLDER / "peers")], FOLDER / "peers" / "peers.md"),
    "kernels": (["kernels.py", "--markdown", str(FOLDER / "kernels.md")], FOLDER / "kernels.md"),
    "bars": (["bars.py", "--markdown", str(FOLDER / "bars.md")], FOLDER / "bars.md"),
    "scaling": (["scaling.py", "--markdown", str(FOLDER / "scaling.md")], FOLDER / "scaling.md"),
}


def placed(page: str, part: str, fragment: str) -> str:
    """The text of a page with the fragment between the markers of a part; ValueError if it has none."""
    begin, end = (f"<!-- {word} {part} -->" for word in ("begin", "end"))
    pattern = re.compile(f"({re.escape(begin)}\n).*?({re.escape(end)})", re.DOTALL)
    if not pattern.search(page):
        raise ValueError(f"the page of {part} has no lines {begin} and {end}")
    return pattern.sub(lambda found: f"{found[1]}\n{fragment.strip()}\n\n{found[2]}", page)


def main(arguments: list[str] | None = None) -> None:
    """Run what was asked for, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=tuple(PARTS), default=tuple(PARTS))
    parser.add_argument("--quick", action="store_true", help="peers with coarse settings; the page stays as it is")
    chosen = parser.parse_args(arguments)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for part in ("peers",) if chosen.quick else chosen.only:
        (script, *options), fragment = PARTS[part]
        quick = ["--quick"] if chosen.quick else []
        subprocess.run([sys.executable, str(ROOT / "benchmarks" / script), *options, *quick], check=True)
        if not chosen.quick:
            page = PAGES[part]
            text = placed(page.read_text(encoding="utf-8"), part, fragment.read_text(encoding="utf-8"))
            page.write_text(text, encoding="utf-8")
            for name in FIGURES if part == "peers" else ():
                shutil.copy(FOLDER / "peers" / name, ROOT / "docs" / "images" / name)


if __name__ == "__main__":
    main()
