"""The convergence study: observed orders against those built in, its table, figure and faults."""

import json
import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest

import fpsolver as fp
from fpsolver import studies
from fpsolver.cli.main import status_of
from fpsolver.errors import ConvergenceError, FpsolverError, UsageError
from fpsolver.stepping.explicit import RungeKutta

CONFIGS = Path(__file__).parents[1] / "configs"


def study(order, cells=(32, 48), **sections):
    config = fp.load_config(CONFIGS / "translation_covariant.yaml")
    return fp.convergence(config.replaced(scheme={"order": order}, time={"method": "direct"}, **sections), cells)


@pytest.mark.slow
@pytest.mark.parametrize("order", [2, 4])
def test_observed_orders_are_those_built_in(order):
    """L1 error of W in the steady state; the second grid resolves 3 cells for a deviation."""
    found = study(order, (48, 72))
    assert found.orders("W")[1] == pytest.approx(order, abs=0.25)
    assert np.isnan(found.orders("W")[0])
    assert found.reference == "the exact Gaussian"


@pytest.mark.slow
def test_without_a_closed_form_the_finest_grid_is_the_measure():
    """A double well with Chang-Cooper fluxes is exact on every grid; central ones of order 4 converge as such."""
    time = {"method": "direct", "tolerance": 1e-4}  # 48 cells leave 7e-6
    config = fp.load_config(CONFIGS / "double_well.yaml").replaced(time=time, scheme={"order": 4})
    found = fp.convergence(config, (48, 64, 96, 128))
    assert found.reference == "the grid of 128 x 128 cells"
    assert found.cells == (48, 64, 96)
    assert np.isnan(found.errors["W"]).all()
    # the reference has an error itself: (2^4 - ..) / .. raises the slope of the last pair by ln(1.27/1.75)
    assert 3.5 <= found.orders("moments")[1] <= 5.5


@pytest.mark.slow
def test_the_command(tmp_path, capsys):
    arguments = ["convergence", str(CONFIGS / "cold.yaml"), "--cells", "32,48", "--set", "time.method=direct"]
    figure = tmp_path / "order.svg"
    assert status_of([*arguments, "-o", str(figure)]) == 0
    printed = capsys.readouterr().out
    assert "L1 error of W" in printed
    assert "errors against the exact Gaussian" in printed
    assert "<svg" in figure.read_text()[:2000]
    assert status_of([*arguments, "-o", str(figure)]) == 2
    assert "--force" in capsys.readouterr().err
    assert status_of([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["cells"] == [32, 48]
    assert found["orders"]["W"][0] is None
    assert found["orders"]["W"][1] > 4


@pytest.mark.parametrize("cells", ["48", "48,32", "48,x", ""])
def test_cells_that_mean_nothing(cells, capsys):
    assert status_of(["convergence", str(CONFIGS / "cold.yaml"), "--cells", cells]) == 2
    assert "cells must be" in capsys.readouterr().err


def coarse(**time_section):
    config = fp.load_config(CONFIGS / "cold.yaml")
    return config.replaced(time={"until": 0.2, "stepper": "rk4", **time_section})


def test_an_interrupted_run_ends_the_study(monkeypatch):
    """What it had recorded by then is no end of a run."""
    advance, seen = RungeKutta.advance, []

    def interrupted(self, W, time, dt, steps):
        if W.shape[0] > 40 and time > 0:
            seen.append(W.shape)
            raise KeyboardInterrupt
        advance(self, W, time, dt, steps)

    monkeypatch.setattr(RungeKutta, "advance", interrupted)
    with pytest.raises(FpsolverError, match="interrupted in the run on 48 x 48 cells; no orders were found"):
        fp.convergence(coarse(), (32, 48, 64))
    assert len(seen) == 1


def test_an_interrupted_study_fails(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(RungeKutta, "advance", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    (tmp_path / "run.yaml").write_text(coarse().to_yaml())
    assert status_of(["convergence", str(tmp_path / "run.yaml"), "--cells", "32,48"]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert "interrupted in the run on 32 x 32 cells" in err


def test_runs_that_did_not_converge_are_not_compared(capsys, tmp_path):
    config = coarse(until="steady", max_time=0.5)
    with pytest.raises(ConvergenceError, match=r"32 x 32 cells did not reach the steady state at t = 0\.5"):
        fp.convergence(config, (32, 48))
    (tmp_path / "run.yaml").write_text(config.to_yaml())
    assert status_of(["convergence", str(tmp_path / "run.yaml"), "--cells", "32,48"]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert "give a larger time.max_time" in err


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::fpsolver.FpsolverWarning")
@pytest.mark.parametrize(
    ("until", "words"),
    [
        (0.05, r"with 48 x 48 cells Pi is undefined: W is negative somewhere \(negativity 0\.\d+\)"),
        (3.0, "the exact solution is no Gaussian and has no Pi"),
    ],
)
def test_what_has_no_error_says_why(until, words, capsys, tmp_path):
    """W of a Fock state is negative at first; its Phi has an error all the same."""
    start = {"kind": "fock", "n": 1, "omega": 1.0}
    bath = {"model": "quantum_optical", "eta": 0.3, "beta": 1.5}
    config = coarse(until=until).replaced(initial=start, system={"bath": bath})
    found = fp.convergence(config, (48, 64))
    assert found.reference == "the exact solution"
    assert np.isfinite(found.errors["Phi"]).all()
    assert found.reasons.keys() == {"Pi"}
    assert re.fullmatch(words, found.reasons["Pi"])
    assert "no error of Pi" in str(found)
    (tmp_path / "run.yaml").write_text(config.to_yaml())
    assert status_of(["convergence", str(tmp_path / "run.yaml"), "--cells", "48,64"]) == 0
    assert re.search(f"  no error of Pi: {words}\n", capsys.readouterr().out)


def test_orders_stop_at_round_off():
    found = studies.Convergence((16, 32), {"W": np.array([1e-3, 1e-13])}, np.ones(2), "nothing")
    assert np.isnan(found.orders("W")).all()
    with pytest.raises(UsageError, match="at least two numbers"):
        study(2, (32,))


def test_an_error_of_exactly_0_has_no_order():
    """Nor has one below round-off, with whatever grid comes next."""
    errors = {"Pi": np.array([0.0, 1e-3, 1e-4]), "Phi": np.array([1e-14, 1e-3, 1e-4])}
    found = studies.Convergence((16, 32, 64), errors, np.ones(3), "nothing")
    for name in errors:
        assert np.isnan(found.orders(name)[:2]).all()
        assert found.orders(name)[2] == pytest.approx(np.log2(10), rel=1e-14, abs=0)  # round-off of logarithms


@pytest.mark.slow
@pytest.mark.parametrize("potential", [{"kind": "harmonic", "omega": 1.5}, {"kind": "free"}])
def test_closed_systems_are_studied_too(potential, capsys, tmp_path):
    """No friction, Pi and Phi: their errors are exactly 0, and W converges as ever."""
    start = {"kind": "gaussian", "mean": [0.5, 0.0], "covariance": [[0.6, 0.1], [0.1, 0.6]]}
    system = {"mass": 1.0, "potential": potential, "bath": {"model": "none"}}
    config = fp.Config(system=system, initial=start, time={"until": 0.5}, output={"every": 0.5})
    found = fp.convergence(config, (64, 80))
    assert found.orders("W")[1] > 5  # 7 and more, where Pi is defined
    assert fp.plot.convergence(found).axes  # on logarithmic axes
    for name in ("Pi", "Phi"):
        np.testing.assert_array_equal(found.errors[name], 0.0)
    (tmp_path / "run.yaml").write_text(config.to_yaml())
    assert status_of(["convergence", str(tmp_path / "run.yaml"), "--cells", "64,80"]) == 0
    assert "0.00e+00" in capsys.readouterr().out


def test_several_particles_and_cells_that_are_none():
    two = fp.load_config(CONFIGS / "two_oscillators.yaml")
    with pytest.raises(UsageError, match="needs one particle, and there are 2"):
        fp.convergence(two)
    with pytest.raises(UsageError, match="cells must be a tuple of int objects, but is 48"):
        fp.convergence(two, cells=48)


def test_numbers_of_cells_may_be_those_of_numpy():
    """The next rule is asked; fractions are still no numbers of cells."""
    config = fp.load_config(CONFIGS / "translation_covariant.yaml")
    with pytest.raises(UsageError, match="must be at least two numbers that increase, but are 64, 48"):
        fp.convergence(config, tuple(np.array([64, 48])))
    with pytest.raises(UsageError, match="cells must be a tuple of int objects"):
        fp.convergence(config, (48, 64.0))
