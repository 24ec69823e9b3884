"""Thermodynamics on the grid: against quadrature on Gaussians, symmetry, verdicts, undefined values."""

import math
import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import fpsolver as fp
from fpsolver.physics import baths, equilibrium, exact, potentials, states
from fpsolver.physics.baths import Bath
from fpsolver.physics.system import Coupling, Particle, System
from fpsolver.thermo import detailed_balance, entropy, integrals, observables, several, slabs
from fpsolver.thermo.state import PhaseSpace, State
from tests import systems


def box(V, cells=96, mean=(0.0, 0.0)):
    half = 8.5 * np.sqrt(np.diag(V))
    return fp.Grid(tuple(fp.Axis(n, m - h, m + h, cells) for n, m, h in zip("qp", mean, half, strict=True)))


def sampled(system, mean, V, cells=96, order=8):
    grid = box(V, cells, mean)
    W = states.gaussian(mean, V).values(grid.coordinates)
    return State(W, PhaseSpace(system, grid, order))


MEAN, V = np.array([0.4, -0.3]), np.array([[1.2, 0.25], [0.25, 0.8]])


@pytest.mark.parametrize("units", systems.UNITS, ids=("unit", "other"))
@pytest.mark.parametrize("name", [m for m in systems.MODELS if m != "caldeira_leggett"])
def test_rates_of_a_gaussian(name, units):
    """Pi, Phi of any Gaussian against quadrature; the scheme's differences at 5.6 cells per deviation."""
    system = systems.model(name, **units)
    state = sampled(system, MEAN, V)
    production, flux, _ = systems.gaussian_rates(system, MEAN, V)
    scale = max(production, abs(flux), -np.trace(system.drift_matrix))
    assert sum(entropy.production_parts(state)) == pytest.approx(production, abs=1e-9 * scale)
    assert sum(entropy.flux_parts(state)) == pytest.approx(flux, abs=1e-9 * scale)
    assert entropy.wigner_entropy(state) == pytest.approx(exact.wigner_entropy(V), abs=1e-9)
    mean, covariance = observables.moments(state)
    np.testing.assert_allclose(mean, MEAN, rtol=0, atol=1e-12)
    np.testing.assert_allclose(covariance, V, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["custom", "translation_covariant", "caldeira_leggett"])
def test_integrals_of_a_record_are_those_of_the_densities(name):
    state = sampled(systems.model(name), MEAN, V, cells=75)
    found = integrals.integrate(state, -0.3 * state.W, *observables.moments(state))
    drift, cross = entropy.flux_parts(state)
    for value, expected in (
        (found.production, [state.grid.integrate(part) for part in entropy.production_channels(state)]),
        (found.flux_drift.sum(), drift),
        (found.flux_cross.sum(), cross),
        (found.entropy, entropy.wigner_entropy(state)),
        (found.entropy_rate, -0.3 * found.entropy),
        (found.square, state.grid.integrate(state.W**2)),
        (found.residual, 0.3),
        (found.negativity, 0.0),
    ):
        np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-14)  # another order of the same sums


def test_parts_add_up_and_currents_split():
    state = sampled(systems.model("custom"), MEAN, V)
    grid, system = state.grid, state.system
    channels = entropy.production_channels(state)
    assert channels.min() >= 0
    total = fp.thermo.entropy_production(state.W, system, grid)
    assert grid.integrate(channels.sum(axis=0)) == pytest.approx(total, rel=1e-13, abs=0)
    J = fp.thermo.currents(state.W, system, grid)
    np.testing.assert_array_equal(J.total, J.reversible + J.irreversible)
    A, D = system.drift_matrix, system.diffusion_matrix / 2
    q, p = np.broadcast_arrays(*grid.coordinates)
    slope = -np.einsum("ij,jab->iab", np.linalg.inv(V), np.stack([q - MEAN[0], p - MEAN[1]])) * state.W
    expected = np.einsum("ij,jab->iab", A, np.stack([q, p])) * state.W - np.einsum("ij,jab->iab", D, slope)
    np.testing.assert_allclose(J.total, expected, rtol=0, atol=2e-7)  # truncation, order 8 at 7 cells


def test_the_divergence_of_the_current_is_the_rate_of_w():
    """Continuity, for a Gaussian that moves; 2e-6 is what differences of order 8 of differences leave at 5.6 cells."""
    system = systems.model("translation_covariant")
    state = sampled(system, MEAN, V)
    rate = fp.Generator(system, state.grid, fp.Scheme()).apply(state.W)
    J = fp.thermo.currents(state.W, system, state.grid).total
    assert np.abs(fp.thermo.divergence(J, state.grid) + rate).max() < 1e-5 * np.abs(rate).max()
    assert np.abs(fp.thermo.divergence(J, state.grid, order=2) + rate).max() > 1e-3 * np.abs(rate).max()
    assert state.grid.integrate(fp.thermo.divergence(J, state.grid)) == pytest.approx(0.0, abs=1e-13)  # closed walls
    with pytest.raises(fp.FpsolverError, match=r"J must have the shape \(2, 96, 96\), .* but has \(96, 96\)"):
        fp.thermo.divergence(J[0], state.grid)


def test_the_divergence_around_a_ring_has_no_ends():
    grid = fp.Grid((fp.Axis("q", 0.0, 2 * np.pi, 64, periodic=True), fp.Axis("p", -8.0, 8.0, 64)))
    q, p = grid.coordinates
    J = np.stack([np.sin(q) * np.exp(-(p**2) / 2), 0 * q * p])
    np.testing.assert_allclose(fp.thermo.divergence(J, grid), np.cos(q) * np.exp(-(p**2) / 2), rtol=0, atol=1e-9)


def test_densities_of_the_production():
    """Of each coordinate; their integrals are the parts of Pi, and none exists where Pi does not."""
    system = systems.model("translation_covariant")
    state = sampled(system, MEAN, V)
    density = fp.thermo.entropy_production_density(state.W, system, state.grid)
    parts = [state.grid.integrate(part) for part in density]
    assert parts == pytest.approx(entropy.production_parts(state), rel=1e-13, abs=0)
    odd = state.W * state.grid.coordinates[0]
    assert np.isnan(fp.thermo.entropy_production_density(odd, system, state.grid)).all()


def test_irreversible_current_is_even_under_time_reversal():
    """eps J^I[W](eps x) of W is J^I of the reversed W, and the reversible current changes sign."""
    system = systems.model("custom")
    state = sampled(system, np.zeros(2), V)
    reversed_W = state.W[:, ::-1]
    J, K = (fp.thermo.currents(W, system, state.grid) for W in (state.W, np.ascontiguousarray(reversed_W)))
    parity = system.parity[:, None, None]
    np.testing.assert_allclose(K.irreversible, (parity * J.irreversible)[:, :, ::-1], rtol=0, atol=1e-14)
    np.testing.assert_allclose(K.reversible, -(parity * J.reversible)[:, :, ::-1], rtol=0, atol=1e-14)


def test_balance_of_energy():
    """d<H>/dt by the generator's own dW/dt is the heat current: the Hamiltonian flow does no work."""
    for name in systems.MODELS:
        state = sampled(systems.model(name), MEAN, V)
        generator = fp.Generator(state.system, state.grid)
        q, p = state.grid.coordinates
        power = state.grid.integrate((p**2 / 2 + q**2 / 2) * generator.apply(state.W))
        assert observables.heat_current(state)[0] == pytest.approx(power, abs=1e-10)


def test_heat_current_closed_form():
    """D_pp/m + D_qq <U''> - (eta + alpha) <p^2>/m + (alpha - xi) <q U'> for the custom bath, by hand."""
    state = sampled(systems.model("custom"), MEAN, V)
    qq, pp = V[0, 0] + MEAN[0] ** 2, V[1, 1] + MEAN[1] ** 2
    expected = 0.7 + 0.08 - 0.4 * pp + (-0.1 - 0.05) * qq
    assert observables.heat_current(state)[0] == pytest.approx(expected, abs=1e-12)


def test_energy_and_purity():
    state = sampled(systems.model("minimally_invasive", mass=1.7, omega=0.6, hbar=0.8), MEAN, V)
    energy = (V[1, 1] + MEAN[1] ** 2) / 3.4 + 0.5 * 1.7 * 0.36 * (V[0, 0] + MEAN[0] ** 2)
    assert observables.energy(state) == pytest.approx(energy, abs=1e-12)
    square = integrals.integrate(state, np.zeros_like(state.W), MEAN, V).square
    assert 2 * math.pi * 0.8 * square == pytest.approx(0.4 / math.sqrt(np.linalg.det(V)), abs=1e-12)


def test_detailed_balance_verdicts():
    for name, expected in {
        "caldeira_leggett": True,
        "symmetry_broken_db": True,
        "position_friction_db": True,
        "quantum_optical": True,
        "minimally_invasive": False,
        "translation_covariant": False,
        "symmetry_broken": False,
        "position_friction": False,
    }.items():
        for units in systems.UNITS:
            assert detailed_balance.gaussian_detailed_balance(exact.steady(systems.model(name, **units))) == expected


@pytest.mark.parametrize("eta", [1e-9, 1e-3, 5.0])
def test_verdicts_count_relative_to_the_damping(eta):
    """Pi of the minimally invasive model is eta (beta hbar omega/4)^2, however small eta is."""
    breaks = baths.brownian(model="minimally_invasive", mass=1.0, hbar=1.0, eta=eta, beta=0.7)
    keeps = baths.caldeira_leggett(mass=1.0, eta=eta, beta=0.7)
    for bath, satisfied in ((breaks, False), (keeps, True)):
        steady = exact.steady(systems.oscillator(bath))
        assert detailed_balance.gaussian_detailed_balance(steady) is satisfied


def test_verdicts_on_a_grid_know_what_they_do_not_know():
    """Between 1e-6 of the damping and 1e-6 of the fastest motion a residual may be the grid's."""
    bath = baths.brownian(model="minimally_invasive", mass=1.0, hbar=1.0, eta=1e-3, beta=0.7)
    system = systems.oscillator(bath)
    verdict = partial(detailed_balance.verdict, is_ring=False)
    assert verdict(system, 0.9e-9) == (True, "")
    satisfied, why = verdict(system, 2e-8)
    assert not satisfied
    assert "2e-05 of the damping" in why
    assert verdict(system, 1.1e-6) == (False, "")
    free = systems.oscillator(baths.none())
    assert verdict(free, 0.0) == (True, "")
    assert verdict(free, 1e-9) == (False, "")


def test_no_kms_residual_without_deviations():
    """Of a W that blows up, whose second moments may be negative, as of a point or of a ring."""
    system = systems.oscillator(baths.caldeira_leggett(mass=1.0, eta=0.5, beta=0.7))
    for covariance in (np.diag([-1.0, 1.0]), np.diag([0.0, 1.0]), np.diag([np.nan, 1.0])):
        assert math.isnan(detailed_balance.kms_residual(system, covariance))


def test_a_constant_force_breaks_the_balance_of_friction_of_q():
    """A^I <x> is not zero for the particle that is pulled, though it is for the one beside it."""
    oscillator = systems.model("position_friction_db").particles[0]
    for force, expected in ((0.0, True), (0.3, False)):
        pulled = replace(oscillator, potential=potentials.Polynomial((0.0, -force, 0.5)))
        steady = exact.steady(System((pulled, oscillator), 1.0))
        assert detailed_balance.gaussian_detailed_balance(steady) is expected


def test_gibbs_states_are_known_without_a_grid():
    """Classical forces, friction and noise of momenta alone, one temperature; else nothing is known beforehand."""
    well = potentials.double_well(quadratic=1.0, quartic=1.0)

    def of(*bath_list, hbar=0.0, potential=well, is_ring=False, **keys):
        particles = tuple(Particle(1.0 + k, potential, bath) for k, bath in enumerate(bath_list))
        return detailed_balance.has_gibbs_state(System(particles, hbar, **keys), is_ring=is_ring)

    thermal, heavy, cold = (
        baths.caldeira_leggett(mass=m, eta=0.5, beta=b) for m, b in ((1.0, 0.7), (2.0, 0.7), (2.0, 0.8))
    )
    assert of(thermal)
    assert of(thermal, heavy)
    assert of(thermal, baths.none(), couplings=(Coupling(0, 1, 0.3),))
    assert of(thermal, hbar=1.0, moyal=False)
    assert of(thermal, hbar=1.0, potential=potentials.harmonic(mass=1.0, omega=2.0))
    assert of(thermal, potential=potentials.Cosine(0.5, 1.0, 0.0), is_ring=True)
    assert of(thermal, potential=potentials.free(), is_ring=True)
    assert not of(thermal, hbar=1.0)  # quantum terms
    assert not of(thermal, cold)  # two temperatures
    assert not of(baths.none())
    assert not of(thermal, potential=potentials.Cosine(0.5, 1.0, 0.1), is_ring=True)  # a tilted ring
    slope = potentials.Polynomial((0.2, -0.6))
    assert not of(thermal, potential=slope, is_ring=True)  # a constant force without end
    assert not of(thermal, potential=slope)
    assert not of(thermal, heavy, potential=slope)
    assert not of(Bath(eta=0.5, d_pp=0.5, d_qq=0.1))
    assert not of(Bath(eta=0.5, d_pp=0.5, xi=0.1))
    assert not of(Bath(eta=0.5, d_pp=0.5, alpha=0.1))
    assert not of(Bath(eta=0.5, d_pp=0.5, d_qp=0.1))
    assert not of(Bath(d_pp=0.5))  # noise without friction
    assert not of(thermal, Bath(d_pp=0.5))
    coarse = thermal_well(cells=64)
    assert coarse.diagnostics["detailed_balance_residual"] > 1e-6
    assert coarse.diagnostics["satisfies_detailed_balance"]


THERMAL = baths.caldeira_leggett(mass=1.0, eta=0.5, beta=0.7)
QUARTIC, HARMONIC, INVERTED, SLOPE = (
    potentials.Polynomial(c) for c in ((0, 0, 0.5, 0, 0.1), (0, 0, 0.5), (0, 0, -0.5), (0.2, -0.6))
)


@pytest.mark.parametrize(
    "potential",
    [
        INVERTED,
        potentials.Polynomial((0, 0, 0.5, 0.05)),
        potentials.Polynomial((0, 0, 0, 0, -1)),
        potentials.free(),
        potentials.Cosine(0.5, 1.0),
    ],
    ids=str,
)
def test_no_gibbs_state_without_an_integral(potential):
    """On the line exp(-H/T) of a particle that nothing holds grows, or does not fall."""
    system = System((Particle(1.0, potential, THERMAL),), 0.0)
    assert not detailed_balance.has_gibbs_state(system, is_ring=False)


@pytest.mark.parametrize(
    ("potential", "bath", "spring", "expected"),
    [
        (SLOPE, THERMAL, 0.3, True),
        (SLOPE, THERMAL, 0.0, False),  # nothing ties the one that is pulled
        (potentials.Cosine(0.5, 1.0, 0.1), THERMAL, 0.3, True),  # it rests further out
        (potentials.Cosine(0.5, 1.0, 0.1), THERMAL, 0.0, False),
        (potentials.free(), THERMAL, 0.3, True),
        (potentials.free(), THERMAL, 0.0, False),
        (INVERTED, THERMAL, 1.5, True),
        (INVERTED, THERMAL, 0.5, False),
        (HARMONIC, baths.none(), 0.3, True),
        (HARMONIC, baths.none(), 0.0, False),  # as many steady states as energies of the one without friction
        (HARMONIC, THERMAL, -0.9, True),
        (HARMONIC, THERMAL, -1.1, False),  # the spring pushes harder than the well holds
    ],
)
@pytest.mark.parametrize("well", [QUARTIC, HARMONIC], ids=["quartic", "harmonic"])
def test_gibbs_states_of_two_particles(well, potential, bath, spring, expected):
    """One in a well with a bath, and another that a spring may hold, or tie to the bath."""
    pair = (Particle(1.0, well, THERMAL), Particle(1.0, potential, bath))
    system = System(pair, 0.0, couplings=(Coupling(0, 1, spring),) if spring else ())
    if well is HARMONIC and system.is_quadratic:  # which yields, while a quartic well is as stiff as need be
        stiffness = np.array([[1 + spring, -spring], [-spring, float(potential.derivative(0.0, 2)) + spring]])
        expected = expected and bool(np.linalg.eigvalsh(stiffness)[0] > 0)
    assert detailed_balance.has_gibbs_state(system, is_ring=False) is expected


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::fpsolver.FpsolverWarning")  # it runs away
def test_the_balance_of_a_particle_that_runs_away_is_not_known():
    """It has no steady state, though exp(-H/T) satisfies both lines."""
    config = fp.Config(
        units={"hbar": 0},
        system={
            "mass": 1.0,
            "potential": {"kind": "polynomial", "coefficients": [0, 0, -0.5]},
            "bath": {"model": "caldeira_leggett", "eta": 0.5, "beta": 0.7},
        },
        initial={"kind": "gaussian", "mean": [0, 0], "covariance": [[0.5, 0], [0, 1]]},
        grid={name: {"cells": 48, "extent": [-20, 20], "allow_coarse": True} for name in ("q", "p")},
        time={"until": 1},
    )
    result = fp.run(config)
    assert not result.diagnostics["satisfies_detailed_balance"]
    assert result.diagnostics["satisfies_detailed_balance_reason"].startswith("not known")


@pytest.mark.slow
@pytest.mark.parametrize("slope", [0.0, -0.6])
def test_the_verdict_on_a_flat_ring_is_exact(slope):
    """Pi = F^2/D_pp under the force F, whichever kind of potential says so."""
    config = fp.Config(
        units={"hbar": 0},
        system={
            "mass": 1.3,
            "potential": {"kind": "polynomial", "coefficients": [0.2, slope]},
            "bath": {"model": "caldeira_leggett", "eta": 0.5, "beta": 0.7},
        },
        grid={"q": {"extent": [0.0, 7.0], "boundary": "periodic", "cells": 32}, "p": {"cells": 112}},
        time={"method": "direct"},
    )
    result = fp.run(config)
    assert result.last("entropy_production") == pytest.approx(slope**2 / (1.3 * 0.5 / 0.7), abs=1e-8)
    assert result.diagnostics["satisfies_detailed_balance"] is (slope == 0)
    assert "satisfies_detailed_balance_reason" not in result.diagnostics


def thermal_well(cells):
    """Steady state of a classical double well, on a grid that is too coarse for a verdict of its own."""
    axis = {"cells": cells, "allow_coarse": True}
    config = fp.load_config(Path(__file__).parents[1] / "configs" / "double_well.yaml")
    coarse = config.replaced(grid={"q": axis, "p": axis}, time={"method": "direct", "until": "steady"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fp.FpsolverWarning)
        return fp.run(coarse)


def test_first_line_residual_in_closed_form():
    """Minimally invasive: q row -B_qq W_q, p row -2 eta p W - B_pp W_p; means of abs of Gaussians by hand."""
    system = systems.model("minimally_invasive")
    S = systems.lyapunov(system)
    state = sampled(system, np.zeros(2), S)
    inverse = np.linalg.inv(S)
    folded = math.sqrt(2 / math.pi)  # <abs(y)> = sigma sqrt(2/pi)
    row_q = system.diffusion_matrix[0] @ inverse  # -B_qq d_q ln W = row . x
    row_p = 2 * system.irreversible_drift[1] + system.diffusion_matrix[1] @ inverse
    residuals = [folded * math.sqrt(r @ S @ r / S[k, k]) for k, r in enumerate((row_q, row_p))]
    assert detailed_balance.first_line_residual(state) == pytest.approx(max(residuals), abs=1e-5)  # kinks: 5e-6
    assert detailed_balance.parity_residual(systems.model("custom")) == pytest.approx(4 * 0.05)


def test_free_ring_with_cross_diffusion_breaks_the_balance_without_production():
    """W = uniform x Maxwellian: J^I = 0, Pi = 0, but line 1 has 2 D_qp beta p W and line 2 has 4 D_qp."""
    bath = baths.brownian(model="translation_covariant", mass=1.0, hbar=1.0, eta=0.5, beta=0.7, d_qp=0.2)
    system = System((Particle(1.0, potentials.free(), bath),))
    grid = fp.Grid((fp.Axis("q", 0.0, 10.0, 32, periodic=True), fp.Axis("p", -10.2, 10.2, 96)))
    W = states.UniformState(1 / 0.7).values(grid.coordinates, 10.0)
    state = State(W, PhaseSpace(system, grid))
    assert sum(entropy.production_parts(state)) <= 1e-11  # the bar; truncation gives 5e-13
    J = fp.thermo.currents(W, system, grid)
    assert np.abs(J.irreversible).max() <= 2e-6 * np.abs(J.reversible).max()  # truncation at 5.6 cells
    expected = 2 * 0.2 * 0.7 * math.sqrt(2 / math.pi) * math.sqrt(1 / 0.7) / (10 / math.sqrt(12))
    assert detailed_balance.first_line_residual(state) == pytest.approx(expected, rel=1e-2, abs=0)
    assert np.isnan(observables.moments(state)[0][0])


def test_negative_functions_have_no_entropy():
    grid = box(np.eye(2))
    q, p = grid.coordinates
    W = (2 * (q**2 + p**2) - 1) * np.exp(-(q**2) - p**2) / np.pi  # Fock state 1, hbar = 1
    state = State(W, PhaseSpace(systems.model("minimally_invasive"), grid))
    assert state.negativity == pytest.approx(4 * math.exp(-0.5) - 2, abs=5e-3)  # int |W| - 1 of Fock 1, kink at W = 0
    assert math.isnan(sum(entropy.production_parts(state)))
    assert math.isnan(entropy.wigner_entropy(state))
    drift, cross = entropy.flux_parts(state)
    assert math.isfinite(drift)
    assert cross == 0.0
    tilted = State(W, PhaseSpace(systems.model("translation_covariant"), grid))
    assert math.isnan(sum(entropy.flux_parts(tilted)))


def test_noiseless_friction_is_infinite():
    state = sampled(systems.oscillator(baths.Bath(eta=0.5, alpha=-0.1, d_pp=0.7)), MEAN, V)
    assert fp.thermo.entropy_production(state.W, state.system, state.grid) == math.inf
    assert fp.thermo.entropy_flux(state.W, state.system, state.grid) == math.inf


def test_tail_uncertainty_bounds_what_the_floor_leaves_out():
    """A wide box: cells below 1e-12 max W hold about exp(-27.6) of the weight of Pi."""
    state = sampled(systems.model("minimally_invasive"), np.zeros(2), 1.4 * np.eye(2))
    mean, covariance = observables.moments(state)
    with_floor = sum(entropy.production_parts(state))
    exact_value = float(exact.gaussian_rates(state.system, np.zeros(2), 1.4 * np.eye(2)).entropy_production)
    bound = integrals.integrate(state, state.W, mean, covariance).tail
    assert 0 < bound < 1e-9
    assert abs(with_floor - exact_value) <= bound + 1e-10


def test_tail_uncertainty_on_a_ring():
    """No Gaussian around the ring, one along p: (a^I + D p/V)^2/D W summed over the cells below the floor."""
    bath = Bath(eta=0.5, d_pp=0.7)
    system = System((Particle(1.0, potentials.free(), bath),))
    grid = fp.Grid((fp.Axis("q", 0.0, 10.0, 16, periodic=True), fp.Axis("p", -12.0, 12.0, 96)))
    p = grid.coordinates[1]
    W = np.broadcast_to(np.exp(-(p**2) / 2) / math.sqrt(2 * math.pi) / 10.0, grid.shape).copy()
    state = State(W, PhaseSpace(system, grid))
    missing = np.where(state.lowest > W, (0.5 * np.abs(p) + 0.7 * np.abs(p)) ** 2 / 0.7 * W, 0.0)
    found = integrals.integrate(state, np.zeros_like(W), *observables.moments(state)).tail
    assert found > 0
    assert found == pytest.approx(grid.integrate(missing), rel=1e-9, abs=0)  # the variance of p, by a sum


def test_an_unnormalised_function_has_the_same_moments():
    """Averages are over W / mass; energy, heat and purity are integrals of W itself."""
    state = sampled(systems.model("custom"), MEAN, V)
    twice = State(2 * state.W, state.space)
    for one, other in zip(observables.moments(state), observables.moments(twice), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-14)
    assert observables.energy(twice) == pytest.approx(2 * observables.energy(state), rel=1e-14, abs=0)
    np.testing.assert_allclose(observables.heat_current(twice), 2 * observables.heat_current(state), rtol=1e-14)


def test_distance_to_a_thermal_state_that_is_not_in_the_middle():
    """A constant force moves the Gibbs state to F/(m omega^2); both Gaussians are known."""
    potential = potentials.Polynomial((0.0, -0.3, 0.5 * 1.7 * 0.36))
    bath = baths.caldeira_leggett(mass=1.7, eta=0.5, beta=0.7)
    state = sampled(System((Particle(1.7, potential, bath),), 0.0), MEAN, V)
    rest, G = np.array([0.3 / (1.7 * 0.36), 0.0]), np.diag([1 / (1.7 * 0.36), 1.7]) / 0.7
    expected = equilibrium.relative_entropy(MEAN - rest, V, G)
    found = entropy.relative_entropy_thermal(state, *observables.moments(state), entropy.wigner_entropy(state))
    assert found == pytest.approx(expected, abs=1e-10)  # S_W of the sampled Gaussian
    shifted = sampled(state.system, rest, G)
    assert entropy.relative_entropy_thermal(shifted, rest, G, entropy.wigner_entropy(shifted)) == pytest.approx(
        0.0, abs=1e-10
    )


def test_a_function_without_mass_has_no_moments():
    """As in a run that explodes: W and -W side by side."""
    state = sampled(systems.model("custom"), np.zeros(2), np.eye(2))
    odd = State(np.where(state.grid.coordinates[0] > 0, 1.0, -1.0) * np.ones(state.grid.shape), state.space)
    assert state.grid.integrate(odd.W) == 0.0
    mean, covariance = observables.moments(odd)
    assert np.isnan(mean).all()
    assert np.isnan(covariance).all()


def test_zero_is_no_density():
    grid = box(np.eye(2), 20)
    with pytest.raises(fp.FpsolverError, match="zero everywhere"):
        fp.thermo.moments(np.zeros(grid.shape), systems.model("custom"), grid)


def test_wrong_shapes_are_refused_with_words():
    grid = box(np.eye(2), 20)
    with pytest.raises(fp.FpsolverError, match="shape"):
        fp.thermo.entropy_production(np.ones((3, 3)), systems.model("custom"), grid)


def test_phase_spaces_and_axes_that_cannot_be():
    grid, system = box(np.eye(2), 20), systems.model("custom")
    with pytest.raises(fp.FpsolverError, match=r"order must be one of \(2, 4, 6, 8\), but is 3"):
        PhaseSpace(system, grid, 3)
    with pytest.raises(fp.FpsolverError, match=r"a grid of 2 particles has 4 axes"):
        PhaseSpace(System(2 * list(system.particles)), grid)
    with pytest.raises(fp.FpsolverError, match=r"must be \[low, high\] with low < high, but is \[1, 1\]"):
        fp.Axis("q", 1.0, 1.0, 20)
    with pytest.raises(fp.FpsolverError, match="axis p needs at least 16 cells, but has 15"):
        fp.Axis("p", 0.0, 1.0, 15)
    assert fp.Axis("p", 0.0, 1.0, 16).spacing == 1 / 16


def test_no_window_no_husimi_function():
    state = sampled(systems.model("custom"), MEAN, V)
    with pytest.raises(fp.FpsolverError, match=r"give system\.husimi_omega"):
        fp.thermo.husimi(state.W, state.system, state.grid)
    Q = fp.thermo.husimi(state.W, state.system, state.grid, omega=1.0)
    assert fp.thermo.husimi(state.W, state.system, state.grid, omega=2.0).max() < Q.max() * 1.2
    expected = exact.wigner_entropy(V + np.eye(2) / 2)
    assert fp.thermo.wehrl_entropy(state.W, state.system, state.grid, omega=1.0) == pytest.approx(expected, abs=1e-9)
    residual = fp.thermo.detailed_balance_residual(state.W, state.system, state.grid)
    assert residual == detailed_balance.first_line_residual(state)
    assert residual > 0.1


def test_why_there_is_no_distance_to_a_thermal_state():
    """A classical Gibbs state is known in any confining well, if the bath has a temperature; a quantum one is not."""
    well = potentials.double_well(quadratic=1.0, quartic=0.4)
    thermal, other = baths.caldeira_leggett(mass=1.0, eta=0.5, beta=0.7), baths.Bath(eta=0.5, d_pp=0.7)
    grid = box(np.eye(2))
    W = states.gaussian([0, 0], np.eye(2)).values(grid.coordinates)
    for bath, hbar, reason in (
        (thermal, 0.0, ""),
        (other, 0.0, equilibrium.NO_BETA),
        (thermal, 1.0, equilibrium.NO_FORM),
    ):
        state = State(W, PhaseSpace(System((Particle(1.0, well, bath),), hbar), grid))
        assert entropy.why_no_relative_entropy(state) == reason
        found = entropy.relative_entropy_thermal(state, *observables.moments(state), entropy.wigner_entropy(state))
        assert math.isnan(found) == bool(reason)


# --- arguments --------------------------------------------------------------------------------------------------------

FUNCTIONS = (
    "currents",
    "entropy_production",
    "entropy_flux",
    "wigner_entropy",
    "moments",
    "husimi",
    "wehrl_entropy",
    "detailed_balance_residual",
)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_arguments_of_the_wrong_kind_or_order(name):
    state, function = sampled(systems.model("custom"), MEAN, V, 20), getattr(fp.thermo, name)
    W, system, grid = state.W, state.system, state.grid
    for arguments, words in (
        ((None, system, grid), r"W must be an array of the shape \(20, 20\)"),
        ((W, None, grid), "system must be a fpsolver.System, but is None"),
        ((W, system, None), "grid must be a fpsolver.Grid, but is None"),
        ((system, W, grid), "system must be a fpsolver.System, but is array"),
        ((W, grid, system), "system must be a fpsolver.System, but is Grid"),
        ((W, system, W), "grid must be a fpsolver.Grid, but is array"),
        ((W, system, fp.Grid(grid.axes[::-1])), "must be named q, p, in this order, but are p, q"),
    ):
        with pytest.raises(fp.FpsolverError, match=words):
            function(*arguments)


@pytest.mark.parametrize("order", [8.0, "8", None, True, 5])
def test_orders_that_cannot_be(order):
    state = sampled(systems.model("custom"), MEAN, V, 20)
    with pytest.raises(fp.FpsolverError, match=r"order must be one of \(2, 4, 6, 8\), but is "):
        fp.thermo.entropy_production(state.W, state.system, state.grid, order=order)


@pytest.mark.parametrize("omega", [-1, 0, math.nan, math.inf, "1", 1j])
def test_windows_that_cannot_be(omega):
    state = sampled(systems.model("custom"), MEAN, V, 20)
    for function in (fp.thermo.husimi, fp.thermo.wehrl_entropy):
        with pytest.raises(fp.FpsolverError, match="omega must be a finite number above 0, but is "):
            function(state.W, state.system, state.grid, omega=omega)


def test_order_may_be_given_by_place_everywhere():
    state = sampled(systems.model("minimally_invasive"), MEAN, V)
    for function in (fp.thermo.entropy_production, fp.thermo.entropy_flux, fp.thermo.detailed_balance_residual):
        given = state.W, state.system, state.grid
        assert function(*given, 4) == function(*given, order=4)


def test_production_of_several_particles_is_that_of_records():
    """Noise below the most negative cell does not count, in fp.thermo as in a run."""
    particle = systems.model("minimally_invasive").particles[0]
    system = System((particle, particle))
    grid = fp.Grid(tuple(fp.Axis(name, -5.0, 5.0, 24) for name in ("q1", "q2", "p1", "p2")))
    noise = 1e-10 * np.random.default_rng(3).normal(size=grid.shape)
    W = states.gaussian(np.zeros(4), np.diag([1.0, 0.9, 1.1, 0.8])).values(grid.coordinates) + noise
    state = State(W, PhaseSpace(system, grid, 8))
    recorded = integrals.integrate(state, np.zeros_like(W), np.zeros(4), np.eye(4)).production.sum()
    assert fp.thermo.entropy_production(W, system, grid) == pytest.approx(recorded, rel=1e-12, abs=0)


def by_name(values, *dims):
    """A DataArray, of which the names of the dimensions count and not their order."""
    return pytest.importorskip("xarray").DataArray(values, dims=dims)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_names_of_dimensions_are_honoured(name):
    """A square grid, on which W^T would do as well by its shape."""
    state, function = sampled(systems.model("custom"), MEAN, V, 20), getattr(fp.thermo, name)
    function = partial(function, omega=1.0) if name in ("husimi", "wehrl_entropy") else function
    known = function(state.W, state.system, state.grid)
    turned = function(by_name(state.W.T, "p", "q"), state.system, state.grid)
    for one, other in zip(*(part if isinstance(part, tuple) else (part,) for part in (known, turned)), strict=True):
        np.testing.assert_array_equal(one, other)
    for W, words in (
        (by_name(state.W, "x", "p"), "W must have the dimensions q, p, in any order, but has x, p; rename"),
        (by_name(state.W[None], "time", "q", "p"), "but has time, q, p; rename or select"),
        (by_name(state.W, "q", "p").to_dataset(name="W"), r"W must be one array, but is a Dataset; .*dataset\['W'\]"),
    ):
        with pytest.raises(fp.errors.GridError, match=words):
            function(W, state.system, state.grid)


def test_names_of_dimensions_are_honoured_by_generators_and_divergences():
    state = sampled(systems.model("custom"), MEAN, V, 20)
    turned = by_name(state.W.T, "p", "q")
    generator = fp.Generator(state.system, state.grid)
    np.testing.assert_array_equal(generator.apply(turned), generator.apply(state.W))
    for one, other in zip(generator.face_fluxes(turned), generator.face_fluxes(state.W), strict=True):
        np.testing.assert_array_equal(one, other)
    J = fp.thermo.currents(state.W, state.system, state.grid).total
    named = by_name(J, "component", "q", "p").transpose("p", "component", "q")
    np.testing.assert_array_equal(fp.thermo.divergence(named, state.grid), fp.thermo.divergence(J, state.grid))
    with pytest.raises(fp.errors.GridError, match=r"W must hold real numbers, but is complex; give W\.real"):
        generator.apply(state.W + 0j)


@pytest.mark.parametrize("particles", [1, 2])
def test_cells_without_density_do_not_ask_for_units(particles, monkeypatch):
    """W with holes of -1e-12 of its maximum, and the same in units in which it is 1e15 times as large, slab by slab."""
    monkeypatch.setattr(slabs, "SLAB_CELLS", 2**12)
    found = []
    for unit in (1.0, 1e-15):
        bath = Bath(eta=0.5, d_pp=0.7 * unit**2)  # p in units of action: q is none
        system = System((Particle(unit, potentials.harmonic(mass=unit, omega=1.0), bath),) * particles, unit)
        cells, names = (40, 16)[particles - 1], ("q", "p") if particles == 1 else ("q1", "q2", "p1", "p2")
        sizes = [1.0] * particles + [unit] * particles
        grid = fp.Grid(tuple(fp.Axis(name, -6 * a, 6 * a, cells) for name, a in zip(names, sizes, strict=True)))
        W = states.gaussian(np.zeros(2 * particles), np.diag(np.square(sizes))).values(grid.coordinates)
        W.ravel()[::3] = np.where(W.ravel()[::3] < 1e-9 * W.max(), -1e-12 * W.max(), W.ravel()[::3])
        rate = np.roll(W, 1, axis=0) - W  # keeps the mass
        state = State(W, PhaseSpace(system, grid))
        sums = integrals.integrate(state, rate, *observables.moments(state))
        offset = particles * math.log(unit) * grid.integrate(W)
        found.append([sums.entropy - offset, sums.entropy_rate])
        if particles == 2:
            found[-1].append(several.correlations(state, sums.entropy, sums.square)["mutual_information"])
    assert math.isfinite(found[0][1])
    np.testing.assert_allclose(found[1], found[0], rtol=1e-12, atol=1e-12)  # round-off
