"""Closure and step: no growing modes at any damping, long runs, sharp step limit."""

import math

import numpy as np
import pytest

from fpsolver import autogrid
from fpsolver.errors import StabilityError
from fpsolver.generator import Generator, Scheme
from fpsolver.kernels.axes import PAD
from fpsolver.physics import baths, states
from fpsolver.stepping.explicit import ORDERS, RungeKutta, _stability_radius, choose_step, stable_step
from tests import systems

CASES = [
    *({"eta": eta} for eta in (0.001, 0.1, 10.0)),
    {"beta": 0.05},
    {"beta": 8.0},
    {"omega": 20.0},
    {"omega": 0.1},
]


def generator_of(system, cells, order=8):
    steady = states.gaussian([0, 0], systems.lyapunov(system))
    path = autogrid.gaussian_path(system, steady, np.inf)
    grid = autogrid.choose_grid(path, tuple(autogrid.AxisRequest(name, cells) for name in "qp"))
    return Generator(system, grid, Scheme(order=order)), steady


def abscissa(system, cells=32, order=8):
    generator, _ = generator_of(system, cells, order)
    return np.linalg.eigvals(generator.to_sparse().toarray()).real.max()


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=str)
def test_no_mode_grows(case):
    assert abscissa(systems.model("minimally_invasive", **case)) <= 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("eta", [0.001, 0.5, 10.0])
def test_no_mode_grows_with_cross_diffusion(eta):
    """|d_qp| up to d_pp: the wrapped mixed derivative stays below the closed second ones."""
    for part in (0.2, 1.0):
        bath = baths.brownian(model="x", mass=1.0, hbar=1.0, eta=eta, beta=0.7, d_qp=part * eta / 0.7)
        assert abscissa(systems.oscillator(bath), cells=24) <= 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("name", ["caldeira_leggett", "symmetry_broken", "position_friction", "quantum_optical"])
def test_no_mode_grows_for_other_baths(name):
    assert abscissa(systems.model(name), cells=24) <= 1e-9


@pytest.mark.parametrize("order", [2, 4, 6])
def test_no_mode_grows_at_lower_orders(order):
    """Only order 8 has no growing mode at any damping: order 2 grows at 2e-3 for eta = 0.01 (docs/conventions.md)."""
    assert abscissa(systems.model("minimally_invasive", eta=0.5), cells=16, order=order) <= 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("part", [0.4, 0.9])
def test_long_run_at_weak_damping(part):
    """10^5 steps at eta = 0.001, 32^2: a growing mode of rate 0.6 would overflow; mass drifts by round-off."""
    generator, steady = generator_of(systems.model("minimally_invasive", eta=0.001), 32)
    W0 = states.gaussian([1.0, 0.0], 0.8 * steady.covariance).values(generator.grid.coordinates)
    W = generator.pad(W0, generator.empty_padded())
    RungeKutta(generator).advance(W, 0.0, part * stable_step(generator), 100_000)
    inside = W[:, PAD:-PAD]
    assert np.isfinite(inside).all()
    assert np.abs(inside).max() <= 1.01 * W0.max()
    assert abs(inside.sum() / W0.sum() - 1) <= 1e-12


@pytest.mark.parametrize("name", ["minimally_invasive", "translation_covariant", "quantum_optical"])
@pytest.mark.parametrize("order", [2, 8])
def test_step_limit_is_safe_and_not_timid(name, order, rng):
    """Noise in every mode: bounded for 2000 steps at 96 % of the limit, and overflowing at 160 %.

    The symbol counts wave packets of one cell; on these grids the matrices themselves allow 1.2 to 1.44 of it.
    """
    generator, _ = generator_of(systems.model(name), 32, order)
    limit = stable_step(generator)
    noise = rng.normal(size=generator.grid.shape)
    for part, stable in ((0.96, True), (1.6, False)):
        W = generator.pad(noise, generator.empty_padded())
        RungeKutta(generator).advance(W, 0.0, part * limit, 2000)
        largest = np.abs(W).max()
        assert (np.isfinite(largest) and largest <= 2 * np.abs(noise).max()) == stable


def test_step_at_large_position_and_momentum_noise_is_limited_by_diffusion():
    """Pure diffusion: lambda_max = sum D k2(pi)/h^2, k2(pi) = 4 sum of odd e_m; RK4 reaches 2.785 on the axis."""
    system = systems.oscillator(baths.Bath(eta=0.0, d_qq=400.0, d_pp=700.0), omega=1e-3, mass=1e6)
    steady = states.gaussian([0, 0], np.eye(2))
    path = autogrid.Path(np.zeros(1), np.zeros((1, 2)), steady.covariance[None])
    grid = autogrid.choose_grid(path, (autogrid.AxisRequest("q", 32), autogrid.AxisRequest("p", 32)))
    h = grid.spacings
    expected = 2.785 / (4.0 * (400 / h[0] ** 2 + 700 / h[1] ** 2))
    assert stable_step(Generator(system, grid, Scheme(order=2))) == pytest.approx(expected, rel=2e-3, abs=0)


def test_unstable_step_is_refused_with_the_limit():
    generator, _ = generator_of(systems.model("minimally_invasive"), 32)
    limit = stable_step(generator)
    with pytest.raises(StabilityError, match=f"{limit:.6g}"):
        choose_step(generator, 1.01 * limit, end=1.0)
    assert choose_step(generator, 0.5 * limit, end=1.0).at(0.0) == 0.5 * limit


def test_steps_are_small_while_the_transient_lasts():
    generator, _ = generator_of(systems.model("minimally_invasive"), 32)
    step = choose_step(generator, None, fastest=1.0, slowest=0.25, end=math.inf)
    sizes = [step.at(t) for t in (0.0, 5.0, 20.0, 1e6)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1] == step.limit
    assert 2**5 * sizes[0] ** 4 / (math.factorial(5) * 0.25) == pytest.approx(2e-9)


@pytest.mark.parametrize("order", ORDERS.values())
def test_every_step_up_to_the_stability_radius_damps(order):
    rays, radius = _stability_radius(order)
    inside = np.exp(1j * rays)[:, None] * np.arange(0.002, 5.0, 0.002)
    growth = np.abs(sum(inside**k / math.factorial(k) for k in range(order + 1)))
    ends = np.round(radius / 0.002).astype(int)
    for row, end in zip(growth, ends, strict=True):
        assert row[:end].max() <= 1 + 2e-12  # the definition allows 1e-12 for round-off; two ways to sum
        assert row[end] > 1
