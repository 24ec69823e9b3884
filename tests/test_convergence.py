"""The convergence study: observed orders against those built in, its table, figure and faults."""

import json
from pathlib import Path

import numpy as np
import pytest

import fpsolver as fp
from fpsolver import studies
from fpsolver.cli.main import status_of
from fpsolver.errors import UsageError

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
    config = fp.load_config(CONFIGS / "double_well.yaml").replaced(time={"method": "direct"}, scheme={"order": 4})
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


def test_orders_stop_at_round_off():
    found = studies.Convergence((16, 32), {"W": np.array([1e-3, 1e-13])}, np.ones(2), "nothing")
    assert np.isnan(found.orders("W")).all()
    with pytest.raises(UsageError, match="at least two numbers"):
        study(2, (32,))
