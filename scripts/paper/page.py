"""Text of docs/paper.md."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from paper.claim import Claim, Says, Section

NONE, MINUS = "–", "−"
HEAD = """\
# The paper, claim by claim

`python scripts/reproduce_paper.py` runs everything on this page and writes it, in about two minutes. It compares
what [arXiv:2507.23322v2](https://arxiv.org/abs/2507.23322v2) prints, what follows from its equations, and what
fpsolver finds:

- **printed**: the formula of the paper, evaluated (or what its text says);
- **derived**: from the drift and diffusion matrices by a Lyapunov equation, a trace, quadrature or Fock-space matrices,
  without a grid;
- **grid**: from a W on a grid: a steady state found directly, a run, or the generator applied to a state. – means that
  the claim is about no W;
- **verdict**: *wrong* where printed and derived numbers differ by more than 10⁻⁶, with the correction; *confirmed*
  where nothing is printed. If the grid did not give the derived number, the verdict would say so, and the command
  would fail.

Parameters: *warm*: β = 0.7, η = 0.5; *cold*: β = 4, η = 2 (both m = ω = ħ = 1); *other units*: m = 1.3, ω = 0.8,
ħ = 0.9, β = 2, η = 1.5; warm where nothing is said. Several claims appear with more than one of them.

Differences count relative to the derived number, or absolutely if that is below 1; 0 is 0 to the accuracy of the grid.
Proofs of the corrections: [Physics](physics.md).
"""
REST = """\
## What has no number

Misprints and inconsistencies that a table cannot show, with their corrections in [Physics](physics.md): Eqs. 21 and 23
differ if B depends on x; the right-hand side of Eq. 22 needs P_S(εx), or an even P_S; existence and uniqueness of the
steady state do not follow from detailed balance (after Eq. 4); appendix B has x for q in row 5 and lacks a W in row 6.
"""


def text(sections: Sequence[Section], figures: Sequence[tuple[str, str]]) -> str:
    """The whole page; ``figures`` are file names with their captions."""
    claims = [claim for section in sections for claim in section.claims]
    parts = [HEAD, f"{summary(claims)}\n", *(table(section) for section in sections), REST, "## Figures\n"]
    parts += [f"![{name}](images/{name}.png)\n\n{caption}\n" for name, caption in figures]
    return "\n".join(parts)


def summary(claims: Sequence[Claim]) -> str:
    """Counts of the verdicts and the worst disagreement, to a power of ten (smaller digits depend on the machine)."""
    words = Counter("wrong" if not c.is_right else "confirmed" if c.printed is None else "hold" for c in claims)
    worst = max(claim.error for claim in claims)
    bound = f"10^{{{math.ceil(math.log10(worst))}}}" if worst else "0"
    counts = ", ".join(f"{words[word]} {word}" for word in ("hold", "wrong", "confirmed"))
    seen = sum(claim.grid is not None for claim in claims)
    return f"{len(claims)} rows: {counts}. {seen} of them are seen on a grid, which is off by less than ${bound}$."


def table(section: Section) -> str:
    """Heading, words and rows."""
    header = "| claim | printed | derived | grid | verdict |\n| --- | --- | --- | --- | --- |"
    return "\n".join([f"## {section.heading}\n", f"{section.text}\n", header, *map(row, section.claims), ""])


def row(claim: Claim) -> str:
    """One line."""
    said = claim.printed.text if isinstance(claim.printed, Says) else number(claim.printed)
    noise = claim.tolerance * claim.scale
    cells = [f"**{claim.where}** {claim.what}", said, number(claim.derived), number(claim.grid, noise), claim.verdict]
    return re.sub(r"(?<=[\s(])-(?=\d)", MINUS, f"| {' | '.join(cells)} |")


def number(value: float | None, noise: float = 1e-13) -> str:
    """Seven digits; what is below ``noise`` as 0; a real minus sign."""
    if value is None:
        return NONE
    return "0" if abs(value) <= noise else f"{value:.7g}".replace("-", MINUS)
