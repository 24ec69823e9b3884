"""Every claim of arXiv:2507.23322v2 on the grid: writes docs/paper.md and its figures.

    python scripts/reproduce_paper.py [--docs FOLDER] [--table]

``--table`` leaves out the figures and prints the table instead of writing it. Ends with status 1 if a number of theory
is not found on the grid.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from paper import balance, bopp, figures, husimi, kms, page, production, ring, tuning
from paper.claim import Section

PARTS = (balance, production, ring, tuning, bopp, husimi, kms)
DOCS = Path(__file__).parents[1] / "docs"


def main(arguments: list[str] | None = None) -> int:
    """Run, draw, write; exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--docs", type=Path, default=DOCS, help="folder of paper.md and images/ (default: docs)")
    parser.add_argument("--table", action="store_true", help="print the table only")
    chosen = parser.parse_args(arguments)
    begun = time.perf_counter()
    sections = [measured(part.section) for part in PARTS]
    if chosen.table:
        print("\n".join(page.table(section) for section in sections))
    else:
        drawn = figures.draw(chosen.docs / "images")
        (chosen.docs / "paper.md").write_text(page.text(sections, drawn), encoding="utf-8")
        print(f"wrote {chosen.docs / 'paper.md'}, {time.perf_counter() - begun:.0f} s")
    return report(sections)


def measured(section: Callable[[], Section]) -> Section:
    """Rows of one part, with a line about them."""
    begun = time.perf_counter()
    found = section()
    wrong = sum(not claim.is_right for claim in found.claims)
    print(
        f"{found.heading:<78}{len(found.claims):>3} rows,{wrong:>3} wrong,{time.perf_counter() - begun:>6.1f} s",
        flush=True,
    )
    return found


def report(sections: list[Section]) -> int:
    """1 if the grid missed a derived number, which is said."""
    missed = [claim for section in sections for claim in section.claims if not claim.is_reproduced]
    for claim in missed:
        print(f"{claim.where}, {claim.what}: derived {claim.derived:.12g}, grid {claim.grid}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
