"""The defaults over wide ranges of parameters: nine digits, or a sentence before or after the run."""

import runpy
from pathlib import Path

import numpy as np
import pytest

import fpsolver as fp
from fpsolver import api

ROOT = Path(__file__).parents[1]
SYSTEM = {
    "mass": 1.0,
    "potential": {"kind": "harmonic", "omega": 1.0},
    "bath": {"model": "minimally_invasive", "eta": 0.001, "beta": 0.7},
}
START = {"kind": "gaussian", "mean": [1.4, -0.6], "covariance": [[0.86, 0], [0, 0.86]]}


def outcome(**sections):
    config = fp.Config(system=SYSTEM, initial=START, time={"until": 20.0}, output={"every": 1.0}, **sections)
    return api.run_problem(api.prepare(config))


def error(result, name):
    return np.abs(result.series[name] - result.exact[name]).max() / 0.001


@pytest.mark.slow
def test_the_quick_set_has_no_silent_miss():
    script = runpy.run_path(str(ROOT / "scripts" / "ranges.py"))
    rows = script["measure"](quick=True)
    assert {row.outcome for row in rows} <= {"pass", "refused"}
    assert all(row.text for row in rows if row.outcome == "refused")
    assert sum(row.outcome == "pass" for row in rows) >= 25


@pytest.mark.slow
def test_a_moving_state_gets_the_cells_it_needs():
    """Weak damping: 96 cells span 4.5 to a deviation, and dispersion still leaves 1e-7 in Pi and 1e-12 in Phi."""
    coarse = outcome(grid={"q": {"cells": 96}, "p": {"cells": 96}})
    fine = outcome()
    assert fine.grid.shape[0] > 96
    assert error(fine, "entropy_production") <= 1e-9
    assert error(fine, "entropy_flux") <= 1e-9
    assert 1e-8 <= error(coarse, "entropy_production") <= 1e-6
    assert error(coarse, "entropy_flux") <= 1e-9
    assert fine.warnings == []
    assert any("crosses so many cells" in text and "grid.q.cells" in text for text in coarse.warnings)


def test_long_runs_say_so_before_they_start():
    config = fp.Config(system=SYSTEM, initial=START, time={"stepper": "rk4"})
    notes = api.prepare(config).warnings
    assert any("minutes of rk4 steps" in text and "time.method: direct" in text for text in notes)
    assert api.prepare(config.replaced(time={"method": "direct"})).warnings == ()
