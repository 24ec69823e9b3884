"""Implicit steps: the rational function, its order and damping, runs with it, and what ``auto`` chooses."""

import math

import numpy as np
import pytest
from scipy.linalg import expm

import fpsolver as fp
from fpsolver import api, costs, memory
from fpsolver.errors import ConfigError, ResourceError
from fpsolver.generator import Generator, Scheme
from fpsolver.grid import Axis, Grid
from fpsolver.kernels.axes import PAD
from fpsolver.simulation import make_stepper
from fpsolver.stepping.rational import ERROR_CONSTANT, POLE, WEIGHTS, ImplicitStepSize, implicit_steps
from tests import systems

RING = {
    "units": {"hbar": 0},
    "system": {
        "mass": 1.0,
        "potential": {"kind": "double_well", "quadratic": 1.0, "quartic": 1.0},
        "bath": {"model": "caldeira_leggett", "eta": 1.0, "beta": 8.0},
    },
    "initial": {"kind": "gaussian", "mean": [1.0, 0.0], "covariance": [[0.06, 0], [0, 0.125]]},
    "grid": {"q": {"cells": 48, "extent": [-2.2, 2.2]}, "p": {"cells": 48, "extent": [-2.8, 2.8]}},
    "scheme": {"flux": "chang_cooper"},
}


def rational(z):
    return sum(c / (1 - POLE * z) ** k for k, c in enumerate(WEIGHTS, start=1))


def test_matches_the_exponential_to_order_five():
    """R(z) - e^z = C z^6 + O(z^7): the quotient at two small z, by Richardson."""
    z = np.array([0.2, 0.1])
    first, second = (rational(z) - np.exp(z)) / z**6
    assert 2 * second - first == pytest.approx(ERROR_CONSTANT, rel=0.05, abs=0)
    assert WEIGHTS.sum() == pytest.approx(1.0, abs=1e-14)


def test_damps_whatever_decays_at_any_step():
    """|R| <= 1 in the left half plane (on its boundary, by the maximum principle), and 0 at infinity."""
    turning = 1j * np.logspace(-6, 8, 20001)
    assert np.abs(rational(turning)).max() <= 1 + 1e-13
    assert abs(rational(-1e12)) <= 1e-10


@pytest.mark.slow
@pytest.mark.parametrize("scheme", [Scheme(), Scheme("chang_cooper", 2)], ids=lambda scheme: scheme.flux)
def test_order_against_the_matrix_exponential(scheme):
    """Errors at t = 1 fall by 32 when the step is halved; the mass stays."""
    axes = Axis("q", -5.0, 5.0, 16), Axis("p", -5.0, 5.0, 18)
    generator = Generator(systems.model("minimally_invasive"), Grid(axes), scheme)
    q, p = generator.grid.coordinates
    W0 = np.exp(-((q - 0.5) ** 2) / 2 - p**2 / 2)
    exact = (expm(generator.to_sparse().toarray()) @ W0.ravel()).reshape(W0.shape)
    errors = []
    for steps in (8, 16):
        W = generator.pad(W0, generator.empty_padded())
        make_stepper(generator, "implicit").advance(W, 0.0, 1 / steps, steps)
        errors.append(np.abs(W[:, PAD:-PAD] - exact).max())
        assert W[:, PAD:-PAD].sum() == pytest.approx(W0.sum(), rel=1e-13, abs=0)
    assert 4.5 <= math.log2(errors[0] / errors[1]) <= 5.7


def test_steps_double_as_the_transient_fades():
    step = ImplicitStepSize(0.5, math.inf, fastest=1.0, slowest=0.25)
    sizes = [step.at(t) for t in np.linspace(0, 200, 400)]
    assert sizes == sorted(sizes)
    assert {math.log2(0.5 / size) % 1 for size in sizes} == {0.0}
    assert sizes[-1] == 0.5
    accuracy = abs(ERROR_CONSTANT) * 2**6 * step.at(0.0) ** 5 / 0.25
    assert 2e-9 / 33 <= accuracy <= 2e-9
    steps, factors = implicit_steps(step, 0.5, 100.0)
    assert 200 <= steps <= 100 / step.at(0.0)
    assert 2 <= factors <= 8
    rare = ImplicitStepSize(1000.0, math.inf, fastest=1.0, slowest=0.25)
    doubling = 5 * math.log(2) / 0.25  # units of time, with half as many steps each; the first one is cut short
    steps, _ = implicit_steps(rare, 1000.0, 1000.0)
    assert doubling <= steps * rare.at(0.0) <= 2.2 * doubling


def outcome(**sections):
    return api.run_problem(api.prepare(fp.Config(**{**RING, **sections})))


@pytest.mark.slow
def test_a_run_agrees_with_explicit_steps():
    """Series of a double well, started in one well, up to t = 20, to 1e-8, in less than a third of the steps."""
    time = {"until": 20.0}
    explicit, implicit = (outcome(time={**time, "stepper": name}) for name in ("rk4", "implicit"))
    for name in ("entropy_production", "entropy_flux", "mean", "covariance", "energy"):
        reference = explicit.series[name]
        np.testing.assert_allclose(implicit.series[name], reference, rtol=0, atol=1e-8 * np.nanmax(np.abs(reference)))
    assert implicit.provenance["steps"] < explicit.provenance["steps"] / 3
    assert implicit.provenance["stepper"] == "implicit"
    assert np.ptp(implicit.series["mass"]) <= 1e-12


def test_a_prediction_takes_no_longer_for_a_longer_run():
    """Not even for one of 9e19 records, which is refused afterwards."""
    step = ImplicitStepSize(0.25, math.inf, 1.0, 0.5)
    short, factors = implicit_steps(step, 0.5, 4000.0)
    assert implicit_steps(step, 0.5, 40_000.0) == (short + 2 * 72_000, factors)
    steps, _ = implicit_steps(ImplicitStepSize(0.1, 2.0**63), 0.1, 2.0**63)
    assert steps == pytest.approx(2.0**63 / 0.1, rel=1e-9, abs=0)


@pytest.mark.slow
def test_a_very_long_run_chooses_implicit_steps_and_says_why():
    """Until the wells have exchanged everything: 10^5 units of time, 10^7 explicit steps; ends in the Gibbs state."""
    config = fp.Config(**{**RING, "time": {"until": 1e5}})
    problem = api.prepare(config)
    assert problem.plan.stepper == "implicit"
    assert "s by rk4" in problem.plan.stepper_why
    result = api.run_problem(problem)
    assert result.provenance["steps"] < 20_000
    q, p = result.grid.coordinates
    M = np.exp(-8 * (p**2 / 2 - q**2 / 2 + q**4 / 4))
    M *= result.series["mass"][0] / result.grid.integrate(M)
    assert result.grid.integrate(np.abs(result.final.W - M)) <= 1e-9
    assert result.last("entropy_production") <= 1e-12


def test_auto_steps_explicitly_where_that_is_shorter():
    plan = api.prepare(fp.Config(**{**RING, "time": {"until": 2.0}})).plan
    assert plan.stepper == "taylor8"  # two time units are all transient, of which rk4 would need short steps
    assert "implicit" not in plan.stepper_why


def test_a_given_step_is_taken_and_never_unstable():
    result = outcome(time={"until": 2.0, "stepper": "implicit", "dt": 0.5}, output={"every": 1.0, "snapshots": [2.0]})
    assert result.provenance["steps"] == 4
    assert result.provenance["dt"] == 0.5
    assert np.isfinite(result.final.W).all()


def test_what_cannot_be_stepped_implicitly_is_refused(monkeypatch):
    limited = {"flux": "chang_cooper", "reversible": "limited"}
    with pytest.raises(ConfigError, match="need linear fluxes"):
        api.prepare(fp.Config(**{**RING, "scheme": limited, "time": {"stepper": "implicit", "until": 1.0}}))
    monkeypatch.setattr(memory, "available", lambda: costs.STILL_TO_LOAD + 3 * 10**6)
    with pytest.raises(ResourceError, match=r"factors of time\.stepper: implicit"):
        api.prepare(fp.Config(**{**RING, "time": {"stepper": "implicit", "until": 1.0}}))
