"""Gaussian engine: moments by another route, rates by quadrature, closed forms, systems without a steady state."""

import copy
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpsolver.errors import NoSteadyStateError, UsageError
from fpsolver.physics import baths, equilibrium, exact, linear, potentials, states, timescales
from fpsolver.physics.system import Coupling, Particle, System
from fpsolver.thermo.detailed_balance import gaussian_detailed_balance
from tests import systems

MEAN, COVARIANCE = np.array([1.5, -0.5]), np.array([[0.9, 0.2], [0.2, 0.6]])


@pytest.mark.parametrize("units", systems.UNITS, ids=("unit", "other"))
@pytest.mark.parametrize("name", systems.MODELS)
def test_moments_agree_with_the_lyapunov_form(name, units):
    system = systems.model(name, **units)
    engine = exact.Gaussian(system, MEAN, COVARIANCE)
    for time in (0.0, 0.3, 4.0, 60.0):
        mean, covariance = systems.gaussian_path(system, MEAN, COVARIANCE, time)
        scale = np.abs(covariance).max()
        np.testing.assert_allclose(engine.mean(time), mean, rtol=0, atol=1e-12)  # round-off of expm
        np.testing.assert_allclose(engine.covariance(time), covariance, rtol=0, atol=1e-12 * scale)


@pytest.mark.parametrize("units", systems.UNITS, ids=("unit", "other"))
@pytest.mark.parametrize("name", [m for m in systems.MODELS if m != "caldeira_leggett"])
def test_rates_agree_with_quadrature(name, units):
    system = systems.model(name, **units)
    engine = exact.Gaussian(system, MEAN, COVARIANCE)
    for time in (0.0, 0.7, 5.0):
        mean, covariance = engine.moments(time)
        expected = systems.gaussian_rates(system, mean, covariance)
        found = engine.entropy_production(time), engine.entropy_flux(time), engine.entropy_rate(time)
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)  # quadrature exact for quadratics


def test_arrays_of_times_give_the_same_as_single_times():
    engine = exact.Gaussian(systems.model("custom"), MEAN, COVARIANCE)
    times = np.array([0.0, 1e-3, 2.5, 300.0])
    for name in ("mean", "covariance", "entropy_production", "entropy_flux", "entropy_rate", "entropy_wigner"):
        method = getattr(engine, name)
        np.testing.assert_array_equal(method(times), np.array([method(t) for t in times]))


def test_entropy_rate_is_the_derivative_of_the_entropy():
    engine = exact.Gaussian(systems.model("translation_covariant"), MEAN, COVARIANCE)
    h = 1e-4
    slope = (engine.entropy_wigner(1 + h) - engine.entropy_wigner(1 - h)) / (2 * h)
    assert engine.entropy_rate(1.0) == pytest.approx(slope, abs=1e-7)  # h^2 times a third derivative of order 1


@pytest.mark.parametrize("units", systems.UNITS, ids=("unit", "other"))
def test_closed_form_of_the_minimally_invasive_model(units):
    system = systems.model("minimally_invasive", eta=0.4, beta=1.3, **units)
    y = (1.3 * units["hbar"] * units["omega"] / 4) ** 2
    steady = exact.steady(system)
    assert steady.Pi == pytest.approx(0.4 * y, rel=1e-12, abs=0)
    assert steady.Phi == pytest.approx(0.4 * y, rel=1e-12, abs=0)


def test_cold_model_has_the_derived_rate_and_not_the_printed_one():
    """beta = 4, eta = 2: Pi = eta (beta hbar omega/4)^2 = 2; the printed Eq. 15 would give -4."""
    assert exact.steady(systems.model("minimally_invasive", eta=2.0, beta=4.0)).Pi == pytest.approx(
        2.0, rel=1e-12, abs=0
    )


@pytest.mark.parametrize("name", ["caldeira_leggett", "symmetry_broken_db", "position_friction_db", "quantum_optical"])
@pytest.mark.parametrize("units", systems.UNITS, ids=("unit", "other"))
def test_fine_tuned_models_produce_nothing(name, units):
    assert abs(exact.steady(systems.model(name, **units)).Pi) <= 1e-15


def test_quantum_optical_steady_state_is_the_gibbs_state():
    for units in systems.UNITS:
        system = systems.model("quantum_optical", **units)
        gibbs = states.thermal(mass=units["mass"], hbar=units["hbar"], beta=0.7, omega=units["omega"])
        np.testing.assert_allclose(exact.steady(system).covariance, gibbs.covariance, rtol=0, atol=1e-14)


def test_spectrum_of_a_critically_damped_oscillator():
    """omega = eta/2 = 1: A has the double eigenvalue -1, the ladder is 0, -1, -1, -2, -2, -2, .."""
    system = systems.model("minimally_invasive", eta=2.0, beta=4.0)
    found = exact.steady(system).spectrum(10)
    np.testing.assert_allclose(
        found, [0, -1, -1, -2, -2, -2, -3, -3, -3, -3], rtol=0, atol=1e-6
    )  # sqrt(eps): defective


def test_the_slowest_rate_of_an_overdamped_oscillator():
    """The smaller root of x^2 - eta x + omega^2, 0.268 for eta = 4, and not the larger one, 3.73."""
    bath = baths.caldeira_leggett(mass=1.0, eta=4.0, beta=1.0)
    steady = exact.steady(System((Particle(1.0, potentials.harmonic(mass=1.0, omega=1.0), bath),), 0.0))
    assert steady.slowest_rate == pytest.approx(2 - math.sqrt(3), rel=1e-12, abs=0)  # round-off of one eigenvalue


def test_friction_without_noise_is_infinite_with_a_reason():
    bath = baths.Bath(eta=0.5, alpha=-0.1, d_pp=0.7)  # alpha pulls at q, where nothing diffuses
    steady = exact.steady(systems.oscillator(bath))
    assert steady.Pi == math.inf
    assert steady.Phi == math.inf
    assert "noise" in steady.rates.reason
    assert math.isfinite(exact.Gaussian(systems.oscillator(bath), MEAN, COVARIANCE).entropy_rate(1.0))


def test_vanishing_position_noise_is_the_limit_of_finite_ones():
    """alpha = -0.1, D_qq -> 0: D_qq Pi tends to (alpha D_pp)^2 / (D_pp eta (w^2 - alpha(alpha+eta)))."""
    limit = 0.1**2 * 0.7 / (0.5 * (1 + 0.1 * 0.4))
    for d_qq in (1e-5, 1e-7):
        bath = baths.Bath(eta=0.5, alpha=-0.1, d_qq=d_qq, d_pp=0.7)
        found = d_qq * exact.steady(systems.oscillator(bath)).Pi
        assert found == pytest.approx(limit, rel=20 * d_qq, abs=0)  # the correction is linear in d_qq


@pytest.mark.parametrize(
    ("potential", "bath", "words"),
    [
        (potentials.free(), baths.caldeira_leggett(mass=1, eta=0.5, beta=1), "free particle"),
        (potentials.harmonic(mass=1, omega=1), baths.none(), "nothing damps"),
        (potentials.Polynomial((0, 0, -0.5)), baths.caldeira_leggett(mass=1, eta=0.5, beta=1), "grows"),
    ],
)
def test_systems_without_a_steady_state_say_so(potential, bath, words):
    with pytest.raises(NoSteadyStateError, match=words):
        exact.steady(System((Particle(1.0, potential, bath),)))


def test_free_particle_spreads_with_the_long_time_diffusion_constant():
    """V_11 ~ 2 D_eff t with D_eff = D_qq + 2 D_qp/(m eta) + D_pp/(m eta)^2, and V_12 -> (1/beta + 2 D_qp)/eta."""
    bath = baths.brownian(model="translation_covariant", mass=1.0, hbar=1.0, eta=0.5, beta=0.7, d_qp=0.2)
    engine = exact.Gaussian(System((Particle(1.0, potentials.free(), bath),)), [0.0, 1.0], np.eye(2) / 2)
    V = engine.covariance(np.array([400.0, 500.0]))
    effective = bath.d_qq + 2 * bath.d_qp / 0.5 + bath.d_pp / 0.25
    assert (V[1, 0, 0] - V[0, 0, 0]) / 200 == pytest.approx(effective, rel=1e-12, abs=0)
    assert V[1, 0, 1] == pytest.approx((1 / 0.7 + 0.4) / 0.5, rel=1e-12, abs=0)


def test_a_constant_force_shifts_the_mean_and_costs_nothing():
    tilted = potentials.Polynomial((0.0, -0.3, 0.5))
    bath = baths.caldeira_leggett(mass=1.0, eta=0.5, beta=0.7)
    steady = exact.steady(System((Particle(1.0, tilted, bath),)))
    np.testing.assert_allclose(steady.mean, [0.3, 0.0], rtol=0, atol=1e-14)
    assert abs(steady.Pi) <= 1e-15
    engine = exact.Gaussian(steady.system, [0.0, 0.0], np.eye(2))
    late = engine.mean(200.0)
    np.testing.assert_allclose(late, [0.3, 0.0], rtol=0, atol=1e-12)


def coupled(bath_1, bath_2, *, stiffness=0.6):
    """Two unit oscillators with a spring between them: the spring enters as a drift."""
    well = potentials.harmonic(mass=1.0, omega=1.0)
    drift = np.zeros((4, 4))
    drift[2:, :2] = -stiffness * np.array([[1.0, -1.0], [-1.0, 1.0]])
    return System((Particle(1.0, well, bath_1), Particle(1.0, well, bath_2)), 1.0, drift, np.zeros((4, 4)))


def test_two_oscillators_between_classical_baths():
    """J = eta1 eta2 k^2 (T1-T2)/[(eta1+eta2)(k^2 + eta1 eta2 (1+k))] (energy balance), Pi = J (1/T2 - 1/T1)."""
    eta, k, hot, cold = 0.4, 0.6, 2.0, 0.5
    system = coupled(*(baths.caldeira_leggett(mass=1.0, eta=eta, beta=1 / T) for T in (hot, cold)), stiffness=k)
    steady = exact.steady(system)
    current = eta**2 * k**2 * (hot - cold) / (2 * eta * (k**2 + eta**2 * (1 + k)))
    assert eta * (hot - steady.covariance[2, 2]) == pytest.approx(current, rel=1e-12, abs=0)
    assert steady.Pi == pytest.approx(current * (1 / cold - 1 / hot), rel=1e-12, abs=0)
    assert steady.Phi == pytest.approx(steady.Pi, rel=1e-11, abs=0)


def test_two_oscillators_between_completely_positive_baths():
    """Pi = sum eta_i (<p_i^2>/T_i - 1) and not the sum of -J_i/T_i: position noise exports entropy, too."""
    eta, temperatures = 0.4, (2.0, 0.5)
    pair = [baths.brownian(model="minimally_invasive", mass=1.0, hbar=1.0, eta=eta, beta=1 / T) for T in temperatures]
    system = coupled(*pair)
    steady = exact.steady(system)
    V = systems.lyapunov(system)
    np.testing.assert_allclose(steady.covariance, V, rtol=0, atol=1e-13)
    expected = sum(eta * (V[2 + i, 2 + i] / T - 1) for i, T in enumerate(temperatures))
    assert steady.Pi == pytest.approx(expected, rel=1e-11, abs=0)
    assert system.is_completely_positive()
    assert abs(system.cp_margin()) <= 1e-15


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_random_stable_systems_balance(n, seed):
    """Lyapunov by squaring against Bartels-Stewart; dS = Pi - Phi for any state; Pi >= 0; Pi = Phi when steady."""
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(2 * n, 2 * n))
    A -= (np.linalg.eigvals(A).real.max() + 0.3) * np.eye(2 * n)
    root = rng.normal(size=(2 * n, 2 * n))
    B = root @ root.T + 0.05 * np.eye(2 * n)
    particles = [Particle(1.0, potentials.free(), baths.none()) for _ in range(n)]
    drift = A - np.block([[np.zeros((n, n)), np.eye(n)], [np.zeros((n, 2 * n))]])
    system = System(particles, 1.0, drift, B)
    steady = exact.steady(system)
    scale = np.abs(steady.covariance).max()
    np.testing.assert_allclose(steady.covariance, systems.lyapunov(system), rtol=0, atol=1e-10 * scale)
    W = rng.normal(size=(2 * n, 2 * n))
    rates = exact.gaussian_rates(system, rng.normal(size=2 * n), W @ W.T + 0.1 * np.eye(2 * n))
    size = abs(rates.entropy_production) + abs(rates.entropy_flux)
    assert rates.entropy_rate == pytest.approx(rates.entropy_production - rates.entropy_flux, abs=1e-9 * size)
    assert rates.entropy_production >= -1e-9 * size
    assert steady.Pi == pytest.approx(steady.Phi, rel=1e-6, abs=1e-9)  # the scale of cancelling terms is unbounded


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 50), st.integers(0, 2**32 - 1))
def test_flow_has_the_semigroup_property(time, seed):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(2, 2)) - 1.5 * np.eye(2)
    f, B = rng.normal(size=2), np.eye(2)
    half, whole = linear.flow(A, f, B, np.array([time / 2])), linear.flow(A, f, B, np.array([time]))
    M = half.propagator[0]
    scale = 1 + np.abs(whole.noise).max()
    np.testing.assert_allclose(M @ M, whole.propagator[0], rtol=0, atol=1e-10 * scale)
    np.testing.assert_allclose(M @ half.noise[0] @ M.T + half.noise[0], whole.noise[0], rtol=0, atol=1e-10 * scale)
    np.testing.assert_allclose(M @ half.shift[0] + half.shift[0], whole.shift[0], rtol=0, atol=1e-10 * scale)


def test_long_times_do_not_overflow():
    """eta = 4, t = 10: the block exponential on the whole t gives -4e13 for a variance."""
    system = systems.model("minimally_invasive", eta=4.0)
    covariance = exact.Gaussian(system, [0, 0], np.eye(2)).covariance(np.array([10.0, 1e6]))
    _, expected = systems.gaussian_path(system, np.zeros(2), np.eye(2), 10.0)
    np.testing.assert_allclose(covariance[0], expected, rtol=0, atol=1e-13)
    np.testing.assert_allclose(covariance[1], systems.lyapunov(system), rtol=0, atol=1e-13)


@pytest.mark.parametrize("units", systems.UNITS, ids=["unit", "scaled"])
def test_relative_entropy_is_its_integral(units):
    """int W ln(W/G) by a midpoint sum, with a mean; its tolerance is that of the sum at 12 deviations and 400^2."""
    system = systems.model("translation_covariant", **units)
    steady = exact.steady(system)
    G = equilibrium.gibbs_covariance(system, 1 / 0.7)
    d = np.array([0.3, -0.2])
    q, p = (np.linspace(-9, 9, 400) * np.sqrt(max(V[k, k] for V in (steady.covariance, G))) for k in range(2))
    x = np.stack(np.meshgrid(q, p, indexing="ij"))

    def log_density(V, mean):
        y = x - mean[:, None, None]
        return -0.5 * np.einsum("iab,ij,jab->ab", y, np.linalg.inv(V), y) - np.log(
            2 * np.pi * np.sqrt(np.linalg.det(V))
        )

    W, other = log_density(steady.covariance, d), log_density(G, 0 * d)
    expected = (np.exp(W) * (W - other)).sum() * (q[1] - q[0]) * (p[1] - p[0])
    assert equilibrium.relative_entropy(d, steady.covariance, G) == pytest.approx(expected, rel=1e-10, abs=0)


def test_temperatures_in_equilibrium_are_those_of_the_bath():
    units = systems.UNITS[1]
    found = equilibrium.temperatures(exact.steady(systems.model("quantum_optical", **units)))
    assert found.position == pytest.approx(found.quantum, rel=1e-12, abs=0)
    assert found.momentum == pytest.approx(found.quantum, rel=1e-12, abs=0)
    steady = exact.steady(systems.model("position_friction_db", **units))
    found = equilibrium.temperatures(steady)
    assert found.position == pytest.approx(found.bath, rel=1e-12, abs=0)
    assert equilibrium.distance_to_gibbs(steady, found.bath) == pytest.approx(0, abs=1e-14)
    assert equilibrium.temperatures(exact.steady(systems.model("lindblad", **units))).bath is None


def test_ring_under_a_constant_force_is_stationary():
    """The Gaussian in p satisfies d_p[(F - gamma p) W - d_pp d_p W] = 0; Pi is the current squared over d_pp W."""
    bath = baths.brownian(model="translation_covariant", mass=1.7, hbar=0.8, eta=0.5, beta=0.7, d_qp=0.1)
    system = System((Particle(1.7, potentials.Cosine(0.0, 1.0, 0.3), bath),), 0.8)
    found = exact.steady_on_ring(system)
    p = np.linspace(-14, 15, 400)
    W = np.exp(-((p - found.mean_momentum) ** 2) / (2 * found.momentum_variance))
    W /= np.sqrt(2 * np.pi * found.momentum_variance)
    slope = -(p - found.mean_momentum) / found.momentum_variance * W
    np.testing.assert_allclose((0.3 - 0.5 * p) * W - bath.d_pp * slope, 0, rtol=0, atol=1e-15)
    irreversible = -0.5 * p * W - bath.d_pp * slope
    production = (irreversible**2 / W).sum() * (p[1] - p[0]) / bath.d_pp
    assert found.Pi == pytest.approx(production, rel=1e-9, abs=0)
    assert not found.satisfies_detailed_balance


@pytest.mark.parametrize("extra", [0.0, 1.5, -0.45])
def test_spectrum_on_a_ring_with_any_velocity(extra):
    """dq/dt = (1/m + extra) p: against i k v p, friction and noise of p in Hermite functions, 60 of them."""
    mass, friction, d_qq, d_pp, force, length = 2.0, 0.8, 0.05, 0.2, 0.3, 9.0
    drift, noise = np.array([[0.0, extra], [0.0, -friction]]), 2 * np.diag([d_qq, d_pp])
    particle = Particle(mass, potentials.Cosine(0.0, 1.0, force), baths.none())
    system = System((particle,), 0.0, drift=drift, diffusion=noise)
    v, k, n = 1 / mass + extra, 2 * np.pi / length, np.arange(60)
    steps = np.sqrt(d_pp / friction) * np.diag(np.sqrt(n[1:]), 1)
    momentum = force / friction * np.eye(60) + steps + steps.T
    values = np.linalg.eigvals(-(k**2) * d_qq * np.eye(60) - 1j * k * v * momentum - friction * np.diag(n))
    slowest = values[np.argmax(values.real)]
    found = exact.spectrum_on_ring(system, length, 3)[1:]
    assert np.abs(found - slowest).min() == pytest.approx(0, abs=1e-9)
    assert timescales.slowest_rate(system, length).value == pytest.approx(min(friction, -slowest.real), abs=1e-9)


@pytest.mark.parametrize("d_qp", [0.15, -0.15])
@pytest.mark.parametrize("extra", [0.0, 1.5])
def test_spreading_on_a_ring_with_cross_diffusion(extra, d_qp):
    """The slowest decay is k^2 D_eff, and 2 D_eff the rate at which a free particle on the line spreads in the end."""
    mass, friction, length = 2.5, 0.8, 30.0
    drift, noise = np.array([[0.0, extra], [0.0, -friction]]), 2 * np.array([[0.2, d_qp], [d_qp, 0.3]])
    system = System((Particle(mass, potentials.free(), baths.none()),), 0.0, drift=drift, diffusion=noise)
    early, late = exact.Gaussian(system, MEAN, COVARIANCE).covariance([80.0, 100.0])[:, 0, 0]  # exp(-0.8 80) is 2e-28
    spreading = (late - early) / (2 * 20.0)
    slowest = (2 * np.pi / length) ** 2 * spreading
    assert slowest < friction
    expected = [0.0, -slowest, -slowest]
    # covariances of order 100 are good to round-off
    np.testing.assert_allclose(exact.spectrum_on_ring(system, length, 3), expected, rtol=1e-12, atol=1e-14)
    assert timescales.slowest_rate(system, length).value == pytest.approx(slowest, rel=1e-12, abs=0)


@pytest.mark.parametrize("mass", [1e-18, 1e-12, 1e-6, 1e6, 1e12])
def test_steady_states_in_any_units(mass):
    """T = hbar = m, omega = 1, eta = 0.5 is one system in units of m; V_qq = T/m and V_pp = m T stay what they are."""
    bath = baths.caldeira_leggett(mass=mass, eta=0.5, beta=1 / mass)
    steady = exact.steady(System((Particle(mass, potentials.harmonic(mass=mass, omega=1.0), bath),), mass))
    np.testing.assert_allclose(steady.covariance, np.diag([1.0, mass**2]), rtol=1e-13, atol=1e-13 * mass)
    assert gaussian_detailed_balance(steady)
    assert abs(steady.Pi) <= 1e-13
    path = exact.Gaussian(steady.system, [1.0, 0.5 * mass], steady.covariance / 2)
    one = systems.oscillator(baths.caldeira_leggett(mass=1.0, eta=0.5, beta=1.0))
    reference = exact.Gaussian(one, [1.0, 0.5], np.eye(2) / 2)
    for time in (0.3, 5.0):
        units = np.array([1.0, mass])
        np.testing.assert_allclose(path.mean(time), reference.mean(time) * units, rtol=1e-12)
        np.testing.assert_allclose(
            path.covariance(time), reference.covariance(time) * np.outer(units, units), rtol=1e-12
        )
        assert path.entropy_production(time) == pytest.approx(reference.entropy_production(time), rel=1e-11, abs=0)


@pytest.mark.parametrize("mass", [1e-12, 1e12])
def test_free_particles_in_any_units(mass):
    """Nothing pulls at q, so that only the friction of p tells the units in which A is balanced."""
    found, expected = (
        exact.Gaussian(
            System((Particle(m, potentials.free(), baths.caldeira_leggett(mass=m, eta=0.5, beta=1 / m)),), 0.0),
            [1.0, 0.5 * m],
            np.diag([0.5, 0.5 * m**2]),
        ).covariance(5.0)
        for m in (mass, 1.0)
    )
    units = np.array([1.0, mass])
    np.testing.assert_allclose(found, expected * np.outer(units, units), rtol=1e-12)


def test_laboratory_units():
    """A nanoparticle in SI units has a steady state with V_pp = m T."""
    mass, temperature = 1e-18, 4.14e-21
    bath = baths.brownian(model="x", mass=mass, hbar=1.05e-34, eta=1e4, beta=1 / temperature)
    system = System((Particle(mass, potentials.harmonic(mass=mass, omega=1e5), bath),), 1.05e-34)
    steady = exact.steady(system)
    assert steady.covariance[1, 1] == pytest.approx(mass * temperature, rel=1e-6, abs=0)
    assert steady.Pi == pytest.approx(1e4 * (1.05e-34 * 1e5 / temperature / 4) ** 2, rel=1e-9, abs=0)


@pytest.mark.parametrize(
    ("mean", "covariance", "word"),
    [
        ([0, 0, 0], np.eye(2), "2 and 2 x 2"),
        ([0, 0], [[1, 0], [0, -1]], "positive definite"),
        ([0, 0], [[1, 0.5], [0, 1]], "symmetric"),
        ([0, 0], [[1e-20, 0.5e-20], [0, 1e-20]], "symmetric"),
        ([0, math.nan], np.eye(2), "the mean must be finite"),
    ],
)
def test_impossible_moments_are_refused(mean, covariance, word):
    with pytest.raises(UsageError, match=word):
        exact.Gaussian(systems.model("minimally_invasive"), mean, covariance)


def test_anharmonic_systems_have_no_exact_gaussian():
    bath = baths.caldeira_leggett(mass=1.0, eta=0.5, beta=1.0)
    system = System((Particle(1.0, potentials.double_well(quadratic=1.0, quartic=1.0), bath),), 0.0)
    for call in (exact.steady, lambda s: exact.Gaussian(s, [0, 0], np.eye(2))):
        with pytest.raises(UsageError, match="linear forces"):
            call(system)
    with pytest.raises(UsageError, match="infinity"):
        exact.Gaussian(systems.model("minimally_invasive"), [0, 0], np.eye(2)).covariance(math.inf)


def test_linear_equations_that_have_no_steady_covariance():
    """Growing motions of a damped trace are found by squaring; undamped traces at once."""
    for A in (np.diag([0.1, -1.0]), np.diag([0.2, -0.1]), np.zeros((2, 2))):
        with pytest.raises(ValueError, match="not stable"):
            linear.steady_covariance(A, np.eye(2))


def test_the_fastest_rate_of_a_long_chain_is_a_bound():
    """Below 400 coordinates exact; above, within a factor of two and never below."""
    n = 210
    springs = [Coupling(k, k + 1, 1.0) for k in range(n - 1)]
    bath = baths.caldeira_leggett(mass=1.0, eta=0.1, beta=1.0)
    particles = [Particle(1.0, potentials.harmonic(mass=1.0, omega=0.5), bath)] * n
    A = System(particles, 0.0, couplings=springs).drift_matrix
    largest = math.sqrt(0.25 + 2 * (1 + math.cos(math.pi / n)))  # top of the band of the free chain
    assert largest <= linear.fastest_rate(A) <= 2.1 * largest
    small = System(particles[:3], 0.0, couplings=springs[:2]).drift_matrix
    assert linear.fastest_rate(small) == pytest.approx(math.sqrt(0.25 + 3), rel=1e-12, abs=0)


def test_a_ring_without_friction_or_noise_has_no_steady_state():
    ring = potentials.Cosine(0.0, 1.0, 0.3)
    for bath in (baths.none(), baths.Bath(eta=0.5), baths.Bath(d_pp=0.5)):
        with pytest.raises(NoSteadyStateError, match="nothing damps the momentum, or nothing shakes it"):
            exact.steady_on_ring(System((Particle(1.0, ring, bath),)))


def test_entropy_and_slowest_rate_of_a_steady_state():
    steady = exact.steady(systems.model("custom"))
    V = systems.lyapunov(steady.system)
    assert steady.entropy_wigner == pytest.approx(
        1 + math.log(2 * math.pi * math.sqrt(np.linalg.det(V))), rel=1e-13, abs=0
    )
    assert steady.slowest_rate == pytest.approx(
        -np.linalg.eigvals(steady.system.drift_matrix).real.max(), rel=1e-13, abs=0
    )
    assert steady.spectrum(1)[0] == 0


def test_there_are_no_temperatures_without_a_well():
    bath = baths.Bath(eta=0.5, alpha=-0.2, d_qq=0.3, d_pp=0.7)  # holds q by itself
    assert equilibrium.temperatures(exact.steady(System((Particle(1.0, potentials.free(), bath),)))) is None


# --- arguments --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("system", [None, "system", np.eye(2)])
def test_exact_solutions_are_those_of_a_system(system):
    for call in (exact.steady, exact.steady_on_ring, lambda s: exact.Gaussian(s, MEAN, COVARIANCE)):
        with pytest.raises(UsageError, match=r"system must be a fpsolver.System, but is .*build_system\(config\)"):
            call(system)


@pytest.mark.parametrize("value", [None, "x", [[1], [1, 2]], [1j, 0], [True, False]])
def test_moments_that_are_no_real_numbers(value):
    system = systems.model("custom")
    with pytest.raises(UsageError, match="mean must be real numbers, but is "):
        exact.Gaussian(system, value, COVARIANCE)
    with pytest.raises(UsageError, match="covariance must be real numbers, but is "):
        exact.Gaussian(system, MEAN, value)


@pytest.mark.parametrize("time", ["x", None, 1j, [0.0, "x"], [[1], [1, 2]], True, math.nan, -1.0])
@pytest.mark.parametrize("name", ["mean", "covariance", "entropy_production", "entropy_wigner"])
def test_times_that_cannot_be(name, time):
    path = exact.Gaussian(systems.model("custom"), MEAN, COVARIANCE)
    with pytest.raises(
        UsageError, match=r"time must be a real number or an array|times must be finite and not negative"
    ):
        getattr(path, name)(time)


@pytest.mark.parametrize("count", [-1, 0, 1.5, "3", None, True, 10**30])
def test_counts_of_eigenvalues_that_cannot_be(count):
    with pytest.raises(UsageError, match=r"^n must be a whole number, at least 1, at most 100000, but is"):
        exact.steady(systems.model("custom")).spectrum(count)


def test_nobody_writes_into_what_later_results_come_from():
    system, mean, covariance = systems.model("custom"), MEAN.copy(), COVARIANCE.copy()
    path, steady = exact.Gaussian(system, mean, covariance), exact.steady(system)
    mean[:], covariance[:] = 9.0, 9.0
    np.testing.assert_array_equal(path.mean(0.0), MEAN)
    np.testing.assert_array_equal(path.covariance(0.0), COVARIANCE)
    for copied in (lambda x: x, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))):
        a, b = copied(path), copied(steady)
        for array in (a.initial_mean, a.initial_covariance, b.mean, b.covariance):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 9.0
        assert b.Pi == steady.Pi
        np.testing.assert_array_equal(a.mean(1.0), path.mean(1.0))
