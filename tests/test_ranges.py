"""The defaults over wide ranges of parameters: nine digits, or a sentence before or after the run."""

import runpy
from pathlib import Path

import numpy as np
import pytest

import fpsolver as fp
from fpsolver import api, truncation

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


@pytest.mark.parametrize(
    "bath",
    [
        {"model": "minimally_invasive", "eta": 0.5, "beta": 0.7},
        {"model": "translation_covariant", "eta": 0.5, "beta": 8.0, "d_qp": -0.05},
        {"model": "quantum_optical", "eta": 0.5, "beta": 0.7},
    ],
    ids=lambda bath: bath["model"],
)
def test_what_cells_leave_in_the_steady_pi_is_predicted(bath):
    """At 48^2 the direct solution misses Pi by 1e-8 to 1e-7; the leading term of the error says by how much."""
    cells = {name: {"cells": 48, "allow_coarse": True} for name in "qp"}
    problem = api.prepare(fp.Config(system=SYSTEM | {"bath": bath}, grid=cells, time={"method": "direct"}))
    found = fp.exact.steady(problem.system)
    predicted = truncation.standing(problem.system, found.covariance).error(problem.grid) * max(found.Pi, 0.5)
    measured = api.run_problem(problem).last("entropy_production") - found.Pi
    assert 5e-9 <= measured <= 1e-7
    assert measured == pytest.approx(predicted, rel=0.15, abs=0)  # next term: (h k)^2 of it, with (s k)^2 near 10


def test_correlated_steady_states_get_the_cells_they_need():
    """q and p move nearly as one: 224 cells give 4.3 to the narrowest deviation, and leave 6e-9 of Pi."""
    bath = {"model": "translation_covariant", "eta": 2.0, "beta": 0.05, "d_qp": -20.0}
    config = fp.Config(system=SYSTEM | {"bath": bath}, time={"method": "direct"})
    assert min(api.prepare(config).grid.shape) >= 256
    few = api.prepare(config.replaced(grid={name: {"cells": 224} for name in "qp"}))
    assert any("in Pi of the steady state" in text and "grid.q.cells: 272" in text for text in few.warnings)
