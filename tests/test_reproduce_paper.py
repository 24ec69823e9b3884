"""The page that goes through the paper: verdicts follow from numbers, and the page is what the script gives."""

import importlib
import re
from dataclasses import replace
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "paper.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| **")]
VERDICT = re.compile(r"^(holds|confirmed|\*\*wrong\*\*)(: .+)?$")


@pytest.fixture
def script(monkeypatch):
    """Import a module that lies beside the scripts."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module


def cells(row):
    return [cell.strip() for cell in row.strip("|").split(" | ")]


def test_every_row_of_the_page_has_numbers_and_a_verdict():
    assert len(ROWS) > 80
    for row in ROWS:
        claim, printed, derived, _, verdict = cells(row)
        assert all((claim, printed, derived)), row
        assert VERDICT.match(verdict), row


@pytest.mark.parametrize("where", ["Eq. 13", "Eq. 14", "Eq. 15", "Eq. 19", "App. B", "after Eq. 33"])
def test_corrections_are_visible_as_numbers(where):
    """Printed and derived values differ in the row, and the grid has the derived one."""
    wrong = [cells(row) for row in ROWS if row.startswith(f"| **{where}**") and "**wrong**" in row]
    assert wrong
    for _, printed, derived, grid, _ in wrong:
        assert printed != derived == grid


def test_verdicts_follow_from_the_numbers(script):
    module = script("paper.claim")
    right = module.Claim("Eq. 0", "x", 2.0, 2.0, 2.0 + 1e-9, "why")
    assert right.verdict == "holds: why"
    assert replace(right, printed=2.1).verdict == "**wrong**: why"
    assert replace(right, printed=None).verdict == "confirmed: why"
    assert replace(right, printed=module.Says("> 0", module.positive)).verdict == "holds: why"
    assert replace(right, printed=module.Says("≤ 0", module.not_positive)).verdict == "**wrong**: why"
    for grid in (2.0 + 1e-7, float("nan")):
        assert module.LOST in replace(right, grid=grid).verdict
    assert module.LOST in replace(right, derived=float("inf")).verdict


def test_a_number_that_the_grid_misses_fails_the_command(script, capsys):
    claim, main = script("paper.claim"), script("reproduce_paper")
    good = claim.Claim("Eq. 0", "x", 2.0, 2.0, 2.0)
    assert main.report([claim.Section("", "", [good])]) == 0
    assert main.report([claim.Section("", "", [good, replace(good, grid=2.1)])]) == 1
    assert "derived 2, grid 2.1" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("part", ["bopp", "tuning"])
def test_rows_of_the_page_are_what_the_script_gives(script, part):
    """Two of the seven parts, which stand for all kinds of grid values; seven digits, round-off printed as 0."""
    page = script("paper.page")
    claims = script(f"paper.{part}").section().claims
    for claim in claims:
        assert claim.is_reproduced, claim
        assert page.row(claim) in ROWS, f"run `python scripts/reproduce_paper.py`: {page.row(claim)}"


def test_printed_equation_15_is_equation_12_with_the_printed_covariance(script):
    """Twice the right <qp> in the trace formula of Pi gives the printed number, for two sets of parameters."""
    models, production = script("paper.models"), script("paper.production")
    for known in (models.WARM, models.UNITS):
        model = models.oscillator(known, "minimally_invasive")
        V = model.V.copy()
        V[0, 1] = V[1, 0] = 2 * V[0, 1]
        wrong = models.production(model.A, model.B, V)
        assert production.printed_eq15(known) == pytest.approx(wrong, rel=1e-12, abs=0)
