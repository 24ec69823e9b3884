"""Every bath model on the grid against the exact Gaussian: transients, steady states, orders, conservation."""

import math
from itertools import pairwise

import numpy as np
import pytest

from fpsolver import autogrid
from fpsolver.generator import Generator, Scheme
from fpsolver.physics import exact, states
from fpsolver.physics.timescales import slowest_rate
from fpsolver.simulation import simulate
from fpsolver.stepping.explicit import choose_step
from fpsolver.trajectory import Plan
from tests import systems


def start_of(kind, system, units):
    """Displaced and narrow, squeezed vacuum, vacuum in a hot bath (the bath of the tests has T = 1.4)."""
    V = systems.lyapunov(system)
    q, p = np.sqrt(np.diag(V))
    if kind == "displaced":
        return states.gaussian([1.2 * q, -0.5 * p], 0.6 * V)
    r, theta = {"squeezed": (0.2, 0.4), "hot_bath": (0.0, 0.0)}[kind]
    return states.squeezed(**units, q=0.5 * q, p=0.2 * p, r=r, theta=theta)


def run(system, state, *, until=math.inf, order=8, cells=None, every=0.5, tolerance=1e-9, dt=None):
    """Trajectory, grid and its resolution, with the defaults of the command line."""
    path = autogrid.gaussian_path(system, state, until)
    grid = autogrid.choose_grid(path, tuple(autogrid.AxisRequest(name, cells) for name in "qp"))
    generator = Generator(system, grid, Scheme(order=order))
    decay = slowest_rate(system, None)
    fastest = float(np.abs(np.linalg.eigvals(system.drift_matrix)).max())
    step = choose_step(generator, dt, fastest, decay.value, end=until)
    damping = -float(np.trace(system.drift_matrix))
    plan = Plan(until, 40 / decay.value, tolerance, decay, every, 1, step, damping=damping)
    trajectory = simulate(generator, state.values(grid.coordinates), plan)
    return trajectory, grid, autogrid.resolution(path, grid)


def errors(system, state, trajectory):
    """Largest errors along the run, rates relative to max(Pi, abs Phi, eta), covariance to its largest entry."""
    series = trajectory.series()
    mean, V = exact.Gaussian(system, state.mean, state.covariance).moments(series["time"])
    rates = exact.gaussian_rates(system, mean, V)
    Pi, Phi = rates.entropy_production, rates.entropy_flux
    scale = np.maximum(np.maximum(Pi, np.abs(Phi)), -np.trace(system.drift_matrix))
    closure = series["entropy_rate"] - series["entropy_production"] + series["entropy_flux"]
    return {
        "Pi": np.abs((series["entropy_production"] - Pi) / scale).max(),
        "Phi": np.abs((series["entropy_flux"] - Phi) / scale).max(),
        "closure": np.abs(closure / scale).max(),
        "covariance": np.abs(series["covariance"] - V).max() / np.abs(V).max(),
        "mean": np.abs(series["mean"] - mean).max(),
        "mass": np.abs(series["mass"] - 1).max(),
    }


def l1_error(system, state, trajectory, grid):
    mean, V = exact.Gaussian(system, state.mean, state.covariance).moments(trajectory.times[-1])
    return np.abs(trajectory.W - states.gaussian(mean, V).values(grid.coordinates)).sum() * grid.volume


ALL = [
    pytest.param(
        name, units, kind, marks=() if (kind == "displaced" and units is systems.UNITS[0]) else pytest.mark.slow
    )
    for name in systems.MODELS
    for units in systems.UNITS
    for kind in ("displaced", "squeezed", "hot_bath")
]


@pytest.mark.parametrize(("name", "units", "kind"), ALL)
def test_transients(name, units, kind):
    system = systems.model(name, **units)
    state = start_of(kind, system, units)
    trajectory, _, resolution = run(system, state, until=6.0)
    found = errors(system, state, trajectory)
    assert resolution.cells >= 4
    assert found["Pi"] <= 1e-9  # the bar; measured at most 6e-10
    assert found["Phi"] <= 1e-9
    assert found["covariance"] <= 1e-9
    assert found["mean"] <= 1e-9
    assert found["closure"] <= 1e-7  # the bar; measured at most 5e-10
    assert found["mass"] <= 1e-12
    assert not trajectory.warnings.keys() - {"purity"}  # 0.6 V of a state that is nearly pure is none


@pytest.mark.slow
@pytest.mark.parametrize("units", systems.UNITS, ids=("unit", "other"))
@pytest.mark.parametrize("name", systems.MODELS)
def test_steady_states(name, units):
    system = systems.model(name, **units)
    state = start_of("displaced", system, units)
    trajectory, grid, _ = run(system, state, every=2.0, tolerance=1e-10)
    steady = exact.steady(system)
    last = trajectory.records[-1]
    scale = max(abs(steady.Pi), -np.trace(system.drift_matrix))
    assert trajectory.status == "steady"
    assert abs(last["entropy_production"] - steady.Pi) <= 1e-9 * scale
    assert abs(last["entropy_flux"] - steady.Pi) <= 1e-9 * scale
    np.testing.assert_allclose(last["covariance"], steady.covariance, rtol=0, atol=1e-9)
    assert abs(last["mass"] - 1) <= 1e-12
    if abs(steady.Pi) <= 1e-14:
        assert grid.cells_per_deviation(steady.covariance) >= 5
        assert last["entropy_production"] <= 1e-11 * -np.trace(system.drift_matrix)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["caldeira_leggett", "symmetry_broken_db", "position_friction_db"])
@pytest.mark.parametrize("units", systems.UNITS, ids=("unit", "other"))
def test_fine_tuned_models_produce_nothing_on_the_grid(name, units):
    """At 5 cells for each deviation: the truncation error alone, because the steady state is Gaussian."""
    system = systems.model(name, **units)
    state = states.gaussian([0.3, 0.0], systems.lyapunov(system))
    trajectory, _, resolution = run(system, state, cells=112, every=2.0)
    assert resolution.cells >= 5
    assert 0 <= trajectory.records[-1]["entropy_production"] <= 1e-11 * 0.5


@pytest.mark.slow
def test_strong_damping_conserves_mass():
    system = systems.model("minimally_invasive", eta=10.0)
    state = states.gaussian([0.5, 0.0], 0.9 * systems.lyapunov(system))
    trajectory, _, _ = run(system, state, until=5.0)
    assert errors(system, state, trajectory)["mass"] <= 1e-11


@pytest.mark.slow
@pytest.mark.parametrize("order", [2, 4, 6, 8])
def test_observed_order(order):
    """L1 error of W at t = 2 between neighbouring grids, in one box, with steps small enough not to matter."""
    system = systems.model("minimally_invasive")
    state = states.gaussian([0.6, 0.0], 0.9 * systems.lyapunov(system))
    cells = {2: (160, 224, 320), 4: (80, 112, 160), 6: (64, 96, 128), 8: (64, 80, 96)}[order]
    found = []
    for n in cells:
        path = autogrid.gaussian_path(system, state, 2.0)
        extent = (-10.4, 10.4)
        grid = autogrid.choose_grid(path, tuple(autogrid.AxisRequest(name, n, extent) for name in "qp"))
        generator = Generator(system, grid, Scheme(order=order))
        plan = Plan(2.0, math.inf, 1e-9, None, 2.0, 1, choose_step(generator, None, 2.0, 0.25, end=math.inf))
        trajectory = simulate(generator, state.values(grid.coordinates), plan)
        found.append(l1_error(system, state, trajectory, grid))
    pairs = zip(pairwise(found), pairwise(cells), strict=True)
    orders = [math.log(coarse / fine) / math.log(m / n) for (coarse, fine), (n, m) in pairs]
    assert orders[-1] == pytest.approx(order, abs=0.2)
    assert found[-1] <= {2: 2e-2, 4: 2e-3, 6: 1e-4, 8: 1e-5}[order]  # the size, not only the slope


@pytest.mark.parametrize(("order", "bar"), [(6, 1e-5), (8, 1e-6)])
def test_relaxation_to_forty(order, bar):
    """96^2 from mean (1.5, 0), covariance 0.8: L1 error of W at t = 40."""
    system = systems.model("minimally_invasive")
    state = states.gaussian([1.5, 0.0], 0.8 * np.eye(2))
    trajectory, grid, _ = run(system, state, until=40.0, order=order, cells=96, every=4.0)
    assert trajectory.status == "finished"
    assert l1_error(system, state, trajectory, grid) <= bar


@pytest.mark.slow
def test_closure_falls_with_the_order():
    """Balance of an evolved state at 40 and 56 cells: between orders 6 and 10 for an order-8 scheme."""
    system = systems.model("minimally_invasive")
    state = states.gaussian([0.6, 0.0], 0.9 * systems.lyapunov(system))
    coarse, fine = (errors(system, state, run(system, state, until=3.0, cells=n)[0])["closure"] for n in (40, 56))
    assert 6 <= math.log(coarse / fine) / math.log(56 / 40) <= 10
