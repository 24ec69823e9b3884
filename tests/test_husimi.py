"""Husimi function and Wehrl entropy: against closed forms of Gaussians, Fock states, quadrature; what does not exist.

Oracles: a Gaussian W has the Gaussian Q of covariance V + Sigma0, which obeys the equation with B_Q; its rates by
quadrature of the currents (tests/systems.py). Fock n: Q = u^n exp(-u)/(n! 2 pi hbar), u = x Sigma0^-1 x/4.
"""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad

import fpsolver as fp
from fpsolver import api
from fpsolver.config.reader import Config
from fpsolver.physics import baths, husimi, potentials, states
from fpsolver.physics.system import Particle, System
from fpsolver.recorder import SERIES, make_record, phase_space, reasons
from fpsolver.thermo.state import State
from fpsolver.thermo.window import Window
from tests import systems

MEAN, V = np.array([0.9, -0.6]), np.array([[0.8, 0.15], [0.15, 0.7]])
WEHRL = ("entropy_wehrl", "wehrl_rate", "wehrl_production", "wehrl_flux", "wehrl_unitary")


def windowed(system, omega):
    return replace(system, husimi_omegas=(omega,) * system.size)


def vacuum(system, omega):
    mass, hbar = system.particles[0].mass, system.hbar
    return hbar / 2 * np.diag([1 / (mass * omega), mass * omega])


class Smoothed:
    """What the quadrature of tests/systems.py needs of Q: drift and diffusion of the bath's part."""

    def __init__(self, system, omega, *, full=False):
        S, E = vacuum(system, omega), np.diag([1.0, -1.0])
        A = system.drift_matrix if full else (system.drift_matrix + E @ system.drift_matrix @ E) / 2
        self.drift_matrix = A
        self.diffusion_matrix = system.diffusion_matrix - A @ S - S @ A.T


def record(system, V=V, mean=MEAN, cells=96, half=9.0):
    grid = fp.Grid((fp.Axis("q", -half, half, cells), fp.Axis("p", -half, half, cells)))
    generator = fp.Generator(system, grid)
    W = states.gaussian(mean, V).values(grid.coordinates)
    state = State(W, phase_space(generator))
    return make_record(state, generator.apply(W))[0], state


@pytest.mark.parametrize("units", systems.UNITS, ids=("unit", "other"))
@pytest.mark.parametrize("name", systems.MODELS)
def test_wehrl_rates_of_gaussians(name, units):
    """Matched window: production and flux by quadrature over Q; rate from the full equation of Q; nothing unitary."""
    system = windowed(systems.model(name, **units), units["omega"])
    S = vacuum(system, units["omega"])
    production, flux, _ = systems.gaussian_rates(Smoothed(system, units["omega"]), MEAN, V + S)
    *_, rate = systems.gaussian_rates(Smoothed(system, units["omega"], full=True), MEAN, V + S)
    found = husimi.wehrl_rates(system, MEAN, V)
    assert found.entropy_production == pytest.approx(production, rel=1e-12, abs=0)
    assert found.entropy_flux == pytest.approx(flux, rel=1e-12, abs=0)
    assert found.entropy_rate == pytest.approx(rate, rel=1e-12, abs=0)
    assert rate == pytest.approx(production - flux, rel=1e-11, abs=0)  # matched: no unitary part
    on_grid, _ = record(system)
    assert on_grid["wehrl_production"] == pytest.approx(production, abs=1e-10 * max(production, 1))
    assert on_grid["wehrl_flux"] == pytest.approx(flux, abs=1e-10 * max(production, 1))
    assert on_grid["wehrl_rate"] == pytest.approx(rate, abs=2e-9)  # truncation of the generator's dW/dt
    assert on_grid["wehrl_unitary"] == pytest.approx(0, abs=2e-9)
    entropy = 1 + math.log(2 * math.pi) + math.log(np.linalg.det(V + S)) / 2
    assert on_grid["entropy_wehrl"] == pytest.approx(entropy, abs=1e-12)


def test_numbers_of_the_minimally_invasive_model():
    """Steady state: eta m^2 w^2 D_qq/(D_pp + eta hbar m w/2) = eta x^2/(8 (x + 2)), x = beta hbar omega."""
    for units in systems.UNITS:
        system = windowed(systems.model("minimally_invasive", **units), units["omega"])
        x = 0.7 * units["hbar"] * units["omega"]
        expected = 0.5 * x**2 / (8 * (x + 2))
        found = husimi.wehrl_rates(system, np.zeros(2), systems.lyapunov(system))
        assert found.entropy_production == pytest.approx(expected, rel=1e-12, abs=0)
        assert found.entropy_flux == pytest.approx(expected, rel=1e-10, abs=0)


@pytest.mark.parametrize("omega", [0.6, 1.8])
def test_other_windows_have_a_unitary_part(omega):
    """dS_Q - Pi_Q + Phi_Q = -Tr[(A^R S + S A^R^T) (V + S)^-1]/2, from the reversible drift alone."""
    system = windowed(systems.model("minimally_invasive"), omega)
    S, E = vacuum(system, omega), np.diag([1.0, -1.0])
    A = (system.drift_matrix - E @ system.drift_matrix @ E) / 2
    expected = -0.5 * np.trace((A @ S + S @ A.T) @ np.linalg.inv(V + S))
    assert abs(expected) > 0.01
    on_grid, _ = record(system)
    assert on_grid["wehrl_unitary"] == pytest.approx(expected, abs=2e-9)
    rates = husimi.wehrl_rates(system, MEAN, V)
    assert rates.entropy_rate - rates.entropy_production + rates.entropy_flux == pytest.approx(expected, abs=1e-13)


def test_anharmonic_wells_have_a_unitary_part_of_their_own():
    """Quartic, classical force: -int (d_t Q)_H ln Q, with the Hamiltonian flow of W smoothed, at coarser points."""
    bath = baths.brownian(model="minimally_invasive", mass=1.0, hbar=1.0, eta=0.5, beta=0.7)
    well = System((Particle(1.0, potentials.quartic(mass=1.0, omega=1.0, quartic=0.4), bath),), 1.0)
    system = windowed(well, 1.0)
    on_grid, state = record(system, half=9.0, cells=120)
    q, p = state.grid.coordinates
    slope = -np.einsum("ij,jab->iab", np.linalg.inv(V), np.stack(np.broadcast_arrays(q - MEAN[0], p - MEAN[1])))
    flow = (-p * slope[0] + (q + 0.4 * q**3) * slope[1]) * state.W
    S = vacuum(system, 1.0)
    weight = np.exp(-((state.grid.axes[0].centres[:, None] - state.grid.axes[0].centres) ** 2) / (2 * S[0, 0]))
    weight *= state.grid.axes[0].spacing / math.sqrt(2 * math.pi * S[0, 0])  # the same along p
    Q = states.gaussian(MEAN, V + S).values(state.grid.coordinates)
    expected = -state.grid.integrate((weight @ flow @ weight.T) * np.log(Q))
    assert abs(expected) > 0.01
    assert on_grid["wehrl_unitary"] == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("n", [0, 1, 4])
def test_wehrl_entropy_of_fock_states(n):
    """Q of Fock n has a zero of order 2 n in the middle; its entropy by quadrature over u."""
    units = systems.UNITS[1]
    state, system = states.fock(**units, n=n), windowed(systems.model("quantum_optical", **units), units["omega"])
    grid = fp.Grid((fp.Axis("q", -9, 9, 128), fp.Axis("p", -9, 9, 128)))
    W = state.values(grid.coordinates)
    q, p = grid.coordinates
    S = vacuum(system, units["omega"])
    u = (q**2 / S[0, 0] + p**2 / S[1, 1]) / 4
    norm = math.factorial(n) * 2 * math.pi * units["hbar"]
    Q = fp.thermo.husimi(W, system, grid)
    np.testing.assert_allclose(Q, u**n * np.exp(-u) / norm, rtol=0, atol=1e-14)
    assert Q.min() >= -1e-16  # round-off of the sums

    def integrand(x):
        return -(x**n) * math.exp(-x) / math.factorial(n) * (math.log(x**n / norm) - x) if x > 0 else 0.0

    expected = quad(integrand, 0, 60, epsabs=1e-13, epsrel=1e-13, limit=400)[0]
    assert fp.thermo.wehrl_entropy(W, system, grid) == pytest.approx(
        expected, abs=1e-6
    )  # the zero: measured 6e-7 for n = 1


# from Fock-space integration with two cut-offs, at t = 0, 0.2, 0.4, 0.8, 1.6: asked to 1e-6
REFERENCE = {
    "cat": (3.45239691511, 3.55049206873, 3.6133923186, 3.68591621444, 3.67722812238),
    "fock": (3.41509253074, 3.46567545282, 3.48406117763, 3.50164735889, 3.52145251121),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cat", "fock"])
def test_wehrl_entropy_of_negative_states(name):
    """Along runs on automatic grids, while Pi and S_W do not exist; its rate is the slope of its series."""
    keys = {"cat": {"separation": 3 * math.sqrt(2)}, "fock": {"n": 1}}[name]
    config = configured(initial={"kind": name, "omega": 1.0, **keys}, until=1.6, every=0.01)
    series = api.run_problem(api.prepare(config)).series
    for time, expected in zip((0.0, 0.2, 0.4, 0.8, 1.6), REFERENCE[name], strict=True):
        assert series["entropy_wehrl"][round(time / 0.01)] == pytest.approx(expected, abs=1e-6)  # measured 3e-8
    for index in (20, 80, 150):
        S = series["entropy_wehrl"][index - 2 : index + 3]
        slope = (S[0] - 8 * S[1] + 8 * S[3] - S[4]) / 0.12
        assert series["wehrl_rate"][index] == pytest.approx(slope, abs=2e-6)  # error of the slope
    np.testing.assert_allclose(series["wehrl_unitary"][1:], 0, rtol=0, atol=2e-6)  # matched, at every time


def configured(*, initial=None, potential=None, bath=None, hbar=1.0, omega=None, until=0.1, every=0.1, moyal=False):
    system = {
        "mass": 1.3,
        "potential": potential or {"kind": "harmonic", "omega": 0.8},
        "bath": bath or {"model": "minimally_invasive", "eta": 0.5, "beta": 0.7},
        "moyal": moyal,
    }
    if initial is not None:  # of the references: everything one
        system |= {"mass": 1.0, "potential": {"kind": "harmonic", "omega": 1.0}}
    if omega is not None:
        system["husimi_omega"] = omega
    start = initial or {"kind": "gaussian", "mean": [0.4, 0.0], "covariance": [[1.0, 0.0], [0.0, 1.0]]}
    grid = {"q": {"extent": [-9.0, 9.0], "cells": 96}, "p": {"extent": [-9.0, 9.0], "cells": 96}} if potential else {}
    return Config(
        units={"hbar": hbar}, system=system, initial=start, time={"until": until}, output={"every": every}, grid=grid
    )


FREE = {"kind": "free"}
COHERENT = {"kind": "coherent", "q": 0.4, "p": 0.0, "omega": 1.7}


def test_where_the_width_comes_from():
    """The key; else the harmonic well, also as a polynomial; else the initial state; else nothing, with the reason."""
    quadratic = {"kind": "polynomial", "coefficients": [0.0, 0.1, 1.3 * 0.8**2 / 2]}
    cases = (
        (configured(), 0.8),
        (configured(omega=2.5), 2.5),
        (configured(omega="auto"), 0.8),
        (configured(potential=quadratic), 0.8),
        (Config(**{**configured(potential=FREE).model_dump(exclude_none=True), "initial": COHERENT}), 1.7),
        (configured(potential=FREE), None),
        (configured(hbar=0.0), None),
    )
    for config, expected in cases:
        system = fp.build_system(config)
        Sigma0 = husimi.window(system)
        if expected is None:
            assert Sigma0 is None
        else:
            mass, hbar = 1.3, 1.0
            np.testing.assert_allclose(Sigma0, hbar / 2 * np.diag([1 / (mass * expected), mass * expected]))


NOTHING = {
    "free": (configured(potential=FREE), WEHRL, "give system.husimi_omega"),
    "classical": (configured(hbar=0.0), WEHRL, "classical"),
    # the free particle smoothed with any width: the bath's part exists, and H smears
    "negative diffusion": (
        configured(bath={"model": "custom", "eta": 0.1, "alpha": 0.4, "d_pp": 1.0, "d_qq": 0.1}),
        WEHRL[2:],
        "not positive semidefinite",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NOTHING)
def test_what_does_not_exist_is_nan_with_the_reason(name, tmp_path):
    config, missing, words = NOTHING[name]
    result = api.run_problem(api.prepare(config))
    for member in WEHRL:
        assert np.isnan(result.series[member]).all() == (member in missing), member
        assert (words in result.reasons.get(member, "")) == (member in missing), member
    again = fp.load_result(result.save(tmp_path / "out.h5"))
    assert again.reasons == result.reasons


def test_noiseless_amplification_is_infinite():
    """B_qq = 2 alpha Sigma0_qq cancels all noise of the position that the bath amplifies."""
    bath = baths.Bath(eta=0.3, alpha=0.2, d_qq=0.1, d_pp=0.6)  # D_qq = alpha hbar/(2 m omega)
    on_grid, state = record(windowed(systems.oscillator(bath), 1.0))
    assert on_grid["wehrl_production"] == math.inf
    assert on_grid["wehrl_flux"] == math.inf
    assert math.isnan(on_grid["wehrl_unitary"])
    assert "without noise" in reasons(state)["wehrl_production"]
    assert math.isfinite(on_grid["wehrl_rate"])


def test_what_is_no_quantum_state_has_no_wehrl_entropy():
    """W narrower than the uncertainty principle allows, with a negative dip: Q is negative."""
    system = windowed(systems.model("minimally_invasive"), 1.0)
    grid = fp.Grid((fp.Axis("q", -6, 6, 128), fp.Axis("p", -6, 6, 128)))
    wide, narrow = (states.gaussian([0, 0], s * np.eye(2)).values(grid.coordinates) for s in (1.0, 0.05))
    state = State(2 * wide - narrow, phase_space(fp.Generator(system, grid)))
    values, _ = make_record(state, np.zeros(grid.shape))
    assert math.isnan(values["entropy_wehrl"])
    assert "no quantum state" in reasons(state)["entropy_wehrl"]


def test_a_ring_has_a_husimi_function():
    """Periodic q: convolved around the ring, without margins; the uniform state stays uniform in q."""
    bath = baths.brownian(model="minimally_invasive", mass=1.0, hbar=1.0, eta=0.5, beta=0.7)
    system = windowed(System((Particle(1.0, potentials.free(), bath),)), 1.0)
    grid = fp.Grid((fp.Axis("q", 0.0, 10.0, 32, periodic=True), fp.Axis("p", -10.0, 10.0, 96)))
    W = states.UniformState(1 / 0.7).values(grid.coordinates, 10.0)
    values, _ = make_record(State(W, phase_space(fp.Generator(system, grid))), np.zeros(grid.shape))
    expected = math.log(10) + 0.5 * (1 + math.log(2 * math.pi * (1 / 0.7 + 0.5)))
    assert values["entropy_wehrl"] == pytest.approx(expected, abs=1e-12)


def test_every_member_is_documented_in_the_series():
    assert [q.name for q in SERIES if "wehrl" in q.name] == list(WEHRL)


def test_rates_that_do_not_exist_without_a_grid():
    """No window, or noise that smoothing turns negative: NaN with the reason; in the latter dS_Q/dt exists."""
    system = systems.model("minimally_invasive")
    rates = husimi.wehrl_rates(system, MEAN, V)
    assert np.isnan([rates.entropy_production, rates.entropy_flux, rates.entropy_rate]).all()
    assert "give system.husimi_omega" in rates.reason
    assert husimi.wehrl_rates(replace(system, hbar=0.0), MEAN, V).reason == husimi.CLASSICAL_REASON
    bath = baths.Bath(eta=0.5, alpha=0.25, d_pp=0.5)
    noiseless = windowed(systems.oscillator(bath), 1.0)
    rates = husimi.wehrl_rates(noiseless, MEAN, V)
    B = husimi.bath_diffusion(noiseless, vacuum(noiseless, 1.0))
    assert np.linalg.eigvalsh(B)[0] < 0
    assert math.isnan(rates.entropy_production)
    assert rates.reason == husimi.DIFFUSION_REASON
    h, engine = 1e-5, fp.exact.Gaussian(noiseless, MEAN, V)
    entropies = [husimi.wehrl_entropy(engine.covariance(t), vacuum(noiseless, 1.0)) for t in (0.0, h, 2 * h)]
    slope = (-3 * entropies[0] + 4 * entropies[1] - entropies[2]) / (2 * h)
    assert rates.entropy_rate == pytest.approx(slope, abs=1e-6)  # h^2 and round-off/h


def test_infinite_wehrl_rates_have_the_reason():
    """B_Q^I vanishes for q where alpha - xi = -d_qq/Sigma0_qq .. = 0 and the drift does not."""
    bath = baths.Bath(eta=0.5, alpha=0.2, d_qq=0.1, d_pp=1.0)  # B_qq = 0.2, minus 2 alpha Sigma0_qq = 0.2
    system = windowed(systems.oscillator(bath), 1.0)
    rates = husimi.wehrl_rates(system, MEAN, V)
    assert rates.entropy_production == math.inf
    assert rates.entropy_flux == math.inf
    assert "noise" in rates.reason
    assert math.isfinite(rates.entropy_rate)


@pytest.mark.parametrize("cells", [(48, 56), (49, 56), (48, 57), (49, 57)], ids=str)
def test_finer_points_hold_the_same_function(cells):
    """Every second point of the finer grid is one of the coarse grid, with the same Q."""
    system = windowed(systems.model("minimally_invasive"), 1.0)
    grid = fp.Grid((fp.Axis("q", -6.5, 6.0, cells[0]), fp.Axis("p", -6.0, 6.5, cells[1])))
    W = states.gaussian([0.4, 0.2], [[0.9, 0.2], [0.2, 0.7]]).values(grid.coordinates)
    coarse, fine = (Window(system, grid, vacuum(system, 1.0), refine) for refine in (1, 2))
    for one, other in zip(coarse.grid.axes, fine.grid.axes, strict=True):
        np.testing.assert_allclose(other.centres[::2], one.centres, rtol=0, atol=1e-13)
    np.testing.assert_allclose(fine.smooth(W)[::2, ::2], coarse.smooth(W), rtol=0, atol=1e-13)


@pytest.mark.parametrize("hbar", [5e-324, 1e-310])
def test_a_width_that_is_no_floating_point_number_has_a_reason(hbar):
    system = api.build_system(configured(hbar=hbar, omega=1.0))
    assert husimi.window(system) is None
    assert husimi.why_none(system) == husimi.UNDERFLOW_REASON
    rates = husimi.wehrl_rates(system, np.zeros(2), np.eye(2))
    assert math.isnan(rates.entropy_production)
    assert husimi.why_none(api.build_system(configured(hbar=1e-300, omega=1.0))) == ""


def test_rates_of_a_state_with_zeros_do_not_depend_on_units():
    """Fock 1 in two systems of units: Q is 0 at the origin, whose logarithm must not be that of one unit."""
    found = []
    for mass, length, time in ((1.0, 1.0, 1.0), (2e-25, 1e-9, 3e-12)):
        hbar = mass * length**2 / time
        bath = baths.Bath(eta=0.5 / time, d_qq=0.02 * length**2 / time, d_pp=0.7 * (mass * length / time) ** 2 / time)
        well = potentials.harmonic(mass=mass, omega=1 / time)
        system = windowed(System((Particle(mass, well, bath),), hbar), 1 / time)
        half = 8.5 * np.array([length, mass * length / time])
        grid = fp.Grid(tuple(fp.Axis(name, -a, a, 112) for name, a in zip("qp", half, strict=True)))
        generator, fock = fp.Generator(system, grid), fp.states.fock(mass=mass, hbar=hbar, n=1, omega=1 / time)
        W = fock.values(grid.coordinates)
        numbers = make_record(State(W, phase_space(generator)), generator.apply(W))[0]
        found.append([numbers[name] * time for name in WEHRL[1:]] + [numbers["entropy_wehrl"] - math.log(hbar)])
    # round-off; 0.01 and more with logarithms of one unit
    np.testing.assert_allclose(found[1], found[0], rtol=1e-9, atol=1e-11, equal_nan=False)
    assert abs(found[0][3]) <= 0.008  # 0 but for the zero
