"""The direct solver: the same steady states as the oracles and as stepping, and the faults it names."""

import math
from pathlib import Path

import numpy as np
import pytest

import fpsolver as fp
from fpsolver import api, assembly, costs, memory
from fpsolver.errors import ConvergenceError, ResourceError
from fpsolver.generator import Generator, Scheme
from fpsolver.grid import Axis, Grid
from fpsolver.steady import null_vector
from tests import systems
from tests.test_configs import CONFIGS, MANY, NEGATIVE, WITH_MEMORY

# no constant generator, no run to the steady state, more than two axes
NOT_BOTH_WAYS = (*WITH_MEMORY, *NEGATIVE, *MANY)


def direct(path, **sections):
    return fp.load_config(path).replaced(time={"method": "direct", "until": "steady"}, **sections)


def outcome(config):
    return api.run_problem(api.prepare(config))


@pytest.mark.slow
@pytest.mark.parametrize("path", [p for p in CONFIGS if p.stem not in NOT_BOTH_WAYS], ids=lambda path: path.stem)
def test_every_configuration_directly_and_by_stepping(path):
    """Pi and Phi to 1e-9 max(Pi, |Phi|, eta) of each other, W to the tolerance, on the same grid."""
    stepped = outcome(fp.load_config(path))
    box = {axis.name: {"extent": [axis.low, axis.high], "cells": axis.cells} for axis in stepped.grid.axes}
    grid = {name: {**getattr(fp.load_config(path).grid, name).model_dump(), **box[name]} for name in "qp"}
    solved = outcome(direct(path, grid=grid))
    assert solved.status == "steady"
    assert solved.grid.axes == stepped.grid.axes
    eta = getattr(stepped.config.system.bath, "eta", 0.5)
    scale = max(eta, abs(stepped.last("entropy_flux")))  # equal to Pi, which is NaN in the quantum double well
    for name in ("entropy_production", "entropy_flux"):
        np.testing.assert_allclose(solved.last(name), stepped.last(name), rtol=0, atol=1e-9 * scale, equal_nan=True)
    assert math.isfinite(solved.last("entropy_flux"))
    # stepping stops when int |dW/dt| <= tolerance x rate, which is the distance up to the mode's own factor
    assert solved.grid.integrate(np.abs(solved.final.W - stepped.final.W)) <= 1e-8
    assert solved.series["time"] == [math.inf]
    assert abs(solved.last("mass") - 1) <= 1e-12


@pytest.mark.parametrize("name", systems.MODELS)
def test_every_model_against_lyapunov(name):
    """At 5 cells for a deviation: covariance 1e-9, Pi 1e-9 of max(Pi, eta)."""
    system = systems.model(name)
    V = systems.lyapunov(system)
    axes = [Axis(axis, -8.5 * s, 8.5 * s, 88) for axis, s in zip("qp", np.sqrt(np.diag(V)), strict=True)]
    grid = Grid(tuple(axes))
    W = null_vector(Generator(system, grid)).W
    found = fp.thermo.moments(W, system, grid)[1]
    np.testing.assert_allclose(found, V, rtol=0, atol=1e-9 * np.abs(V).max())
    expected = fp.exact.steady(system).Pi
    assert fp.thermo.entropy_production(W, system, grid) == pytest.approx(expected, abs=1e-9 * max(expected, 0.5))


@pytest.mark.parametrize("order", [2, 8])
@pytest.mark.parametrize("cells", [48, 49])
def test_alternating_modes_do_not_enter(order, cells):
    """Without position diffusion the sum of (-1)^i W is conserved, too; the solution has none of it."""
    system = systems.model("caldeira_leggett")
    grid = Grid((Axis("q", -9.6, 9.6, cells), Axis("p", -9.6, 9.6, cells)))  # 8 deviations
    generator = Generator(system, grid, Scheme(order=order))
    alternating = (-1.0) ** np.arange(cells)
    if cells % 2 == 0:
        conserved = generator.to_sparse().T @ np.repeat(alternating, cells)
        assert np.abs(conserved).max() <= 1e-12
    found = null_vector(generator)
    assert abs((alternating[:, None] * found.W).sum() * grid.volume) <= 1e-9
    assert np.abs(generator.apply(found.W)).sum() * grid.volume <= 1e-12
    assert found.gap == pytest.approx(
        0.5, rel=0.3, abs=0
    )  # moduli: eta for the sum of the pair -eta/2 +- i .., omega for each


def test_the_filter_spares_smooth_functions():
    axis = Axis("q", -8.0, 8.0, 64)
    matrix = assembly.checkerboard_filter(axis, 8)
    smooth = np.exp(-(axis.centres**2) / 2)
    h = axis.spacing
    assert np.abs(matrix @ smooth).max() <= 105 * (h / 2) ** 8  # (h/2)^8 d^8/dq^8, at most 7!! = 105 at 0
    assert np.abs(matrix @ (-1.0) ** np.arange(64))[8:-8] == pytest.approx(1.0)


def wells(temperature, *, tilt=0.0, cells=(128, 48), **scheme):
    """Classical Caldeira-Leggett motion between wells at q = -1 and 1, a barrier of 1/4 between them."""
    width, fast = 1 + 5.2 * (temperature / 2) ** 0.5, 6 * temperature**0.5
    return fp.Config(
        units={"hbar": 0},
        system={
            "mass": 1.0,
            "potential": {"kind": "polynomial", "coefficients": [0.0, tilt, -0.5, 0.0, 0.25]},
            "bath": {"model": "caldeira_leggett", "eta": 1.0, "temperature": temperature},
        },
        grid={
            "q": {"cells": cells[0], "extent": [-width, width], "allow_coarse": True},
            "p": {"cells": cells[1], "extent": [-fast, fast]},
        },
        scheme=scheme,
        time={"method": "direct"},
    )


@pytest.mark.slow
@pytest.mark.parametrize("cells", [(96, 40), (128, 48)], ids=["coarse", "fine"])
@pytest.mark.parametrize("tilt", [0.0, 0.003])
@pytest.mark.parametrize("scheme", [{"order": 2}, {"order": 8}, {"flux": "chang_cooper"}], ids=str)
def test_several_steady_states_are_refused(scheme, tilt, cells):
    """Wells 25 T apart and more: which one is filled depends on the start, and no grid may say anything else.

    The filter of the preconditioner, of the order of the scheme, moves probability through the barrier at 1e-5, and a
    coarse grid does so, too: neither is the rate of the wells.
    """
    for barriers in (25, 40):
        with pytest.raises(ConvergenceError, match="several states are stationary"):
            outcome(wells(0.25 / barriers, tilt=tilt, cells=cells, **scheme))


@pytest.mark.slow
@pytest.mark.parametrize("scheme", [{"order": 8}, {"flux": "chang_cooper"}], ids=str)
def test_the_slowest_rate_is_that_of_the_wells(scheme):
    """That of Kramers, to a few per cent with 15 T between them: the filter exceeds it a hundred times."""
    hops = (math.sqrt(1.25) - 0.5) * math.sqrt(2) / (2 * math.pi) * math.exp(-15)  # eta = omega at the barrier = 1
    problem = api.prepare(wells(0.25 / 15, cells=(160, 56), **scheme))
    found = null_vector(problem.generator)
    assert found.gap == pytest.approx(2 * hops, rel=0.1, abs=0)
    q, p = problem.grid.coordinates
    tilted = api.prepare(wells(0.25 / 15, tilt=0.003, cells=(160, 56), flux="chang_cooper"))
    W, energy = null_vector(tilted.generator).W, p**2 / 2 + 0.003 * q - q**2 / 2 + q**4 / 4
    gibbs = np.exp(-(energy - energy.min()) * 60)
    np.testing.assert_allclose(
        W / tilted.grid.integrate(W), gibbs / tilted.grid.integrate(gibbs), rtol=0, atol=1e-6 * W.max()
    )


@pytest.mark.slow
def test_slow_motion_of_a_quadratic_system_is_called_that():
    """Overdamped: omega^2/eta is far below eta, and there is no barrier to blame."""
    bath = {"model": "caldeira_leggett", "eta": 1e5, "beta": 1.0}
    config = fp.load_config(CONFIGS[0].parent / "minimally_invasive.yaml")
    overdamped = config.replaced(system={"bath": bath}, time={"method": "direct", "until": "steady"})
    with pytest.raises(ConvergenceError, match=r"cannot be told from slow motion: .* use time\.method: gaussian"):
        outcome(overdamped)


def test_a_narrow_box_is_solved_too():
    """32 cells hold 6.2 deviations: what wraps around is 1e-6 of the mass, and the factors have to know it."""
    config = fp.load_config(CONFIGS[0].parent / "minimally_invasive.yaml")
    narrow = config.replaced(
        grid={name: {"cells": 32} for name in "qp"},
        system={"bath": {"model": "minimally_invasive", "eta": 1.0, "beta": 0.3}},
        initial={"kind": "thermal", "beta": 0.3, "omega": 1.0},
    )
    solved = outcome(narrow.replaced(time={"method": "direct", "until": "steady"}))
    box = {axis.name: {"cells": 32, "extent": [axis.low, axis.high]} for axis in solved.grid.axes}
    stepped = outcome(narrow.replaced(grid=box))
    assert solved.status == "steady"
    assert solved.grid.integrate(np.abs(solved.final.W - stepped.final.W)) <= 1e-8


def test_memory_is_refused_before_it_is_needed(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: costs.STILL_TO_LOAD + 10**8)
    path = Path(__file__).parents[1] / "configs" / "minimally_invasive.yaml"
    config = direct(path, grid={"q": {"cells": 256}, "p": {"cells": 256}})
    with pytest.raises(ResourceError, match=r"what time\.method: direct keeps"):
        api.prepare(config)


@pytest.mark.parametrize(("sections", "method"), [({"eta": 0.05}, "direct"), ({"eta": 5.0}, "direct")])
def test_auto_says_which_and_why(sections, method):
    bath = {"model": "minimally_invasive", "beta": 0.7, **sections}
    config = fp.Config(
        system={"mass": 1.0, "potential": {"kind": "harmonic", "omega": 1.0}, "bath": bath},
        initial={"kind": "gaussian", "mean": [0, 0], "covariance": [[1.5, 0], [0, 1.5]]},
        grid={"q": {"cells": 48}, "p": {"cells": 48}},
        time={"method": "auto"},
    )
    plan = api.prepare(config).plan
    assert plan.method == method
    assert "s directly" in plan.why
    until = api.prepare(config.replaced(time={"method": "auto", "until": 3.0})).plan
    assert until.method == "stepping"


def test_a_steady_state_needs_no_start(tmp_path):
    config = fp.Config(
        system={
            "mass": 1.0,
            "potential": {"kind": "harmonic", "omega": 1.0},
            "bath": {"model": "minimally_invasive", "eta": 0.5, "beta": 0.7},
        },
        time={"method": "direct"},
    )
    result = outcome(config)
    assert result.last("entropy_production") == pytest.approx(0.0153125, abs=5e-10)
    assert result.exact_error <= 1e-6
    again = fp.load_result(result.save(tmp_path / "steady.h5"))
    assert again.series["time"] == [math.inf]
    assert again.config == result.config


@pytest.mark.slow
def test_a_tolerance_that_underflows_is_not_reached():
    """Its product with a rate below one is zero, by which the bar of the run must not divide."""
    config = fp.load_config(CONFIGS[0]).replaced(
        time={"until": "steady", "tolerance": 5e-324, "max_time": 2.0, "method": "stepping"},
        system={"bath": {"eta": 0.01}}, grid={axis: {"cells": 48, "allow_coarse": True} for axis in "qp"},
    )  # fmt: skip
    ends = []
    assert api.run_problem(api.prepare(config), lambda _, end: ends.append(end)).status == "not_converged"
    assert set(ends) == {2.0}
