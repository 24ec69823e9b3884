"""Identities of the equation of motion for random systems and states, random linear systems against exact Gaussians.

Every random number comes from Hypothesis, in a fixed order of cases (tests/conftest.py). Boxes are in units of the
state, so that the resolution is the same for every case. Positivity of the limited flux: tests/test_chang_cooper.py;
balance of Pi and Phi, Lyapunov and semigroup of random matrices: tests/test_exact.py; complete positivity:
tests/test_physics.py.
"""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

import fpsolver as fp
from fpsolver import autogrid
from fpsolver.errors import GridError
from fpsolver.generator import Generator, Scheme
from fpsolver.grid import Axis, Grid, interval
from fpsolver.kernels.axes import PAD
from fpsolver.kernels.stencils import ORDERS
from fpsolver.physics import baths, equilibrium, exact, potentials, states
from fpsolver.physics.system import Coupling, Particle, System
from fpsolver.recorder import phase_space
from fpsolver.stepping.explicit import RungeKutta, choose_step
from fpsolver.thermo import entropy, integrals, observables
from fpsolver.thermo.state import PhaseSpace, State
from tests import systems

orders = st.sampled_from(ORDERS)
seeds = st.integers(0, 2**32 - 1)
sizes = st.floats(0.3, 3.0)  # masses, frequencies, hbar: all of the order of one, none of them one
parts = st.floats(-1.0, 1.0)


@st.composite
def random_baths(draw):
    """Frictions and noises of any sign that damp on the whole: D >= 0, trace of the drift negative."""
    eta, xi, alpha = draw(st.floats(0.1, 2.0)), draw(st.floats(0.0, 0.5)), draw(st.floats(-0.3, 0.3))
    d_qq, d_pp = draw(st.floats(0.05, 1.0)), draw(st.floats(0.05, 2.0))
    return baths.Bath(eta, alpha, xi, d_qq, d_pp, draw(st.floats(-0.9, 0.9)) * math.sqrt(d_qq * d_pp))


@st.composite
def wells(draw, *, even=False, confining=False):
    """Polynomials up to q^4 and cosines; ``even``: U(-q) = U(q)."""
    if not (confining or draw(st.booleans())):
        return potentials.Cosine(draw(parts), draw(sizes), 0.0 if even else draw(parts))
    odd = (0.0, 0.0) if even else (draw(parts), 0.3 * draw(parts))
    return potentials.Polynomial((draw(parts), odd[0], draw(parts), odd[1], draw(st.floats(0.05, 0.5))))


@st.composite
def anharmonic(draw, **options):
    """One particle in any well with any bath; the kicks hbar k/2 of a cosine stay far from the walls."""
    potential, hbar = draw(wells(**options)), draw(sizes)
    if isinstance(potential, potentials.Cosine):
        hbar = min(hbar, 2 / potential.wavenumber)
    return System((Particle(draw(sizes), potential, draw(random_baths())),), hbar)


def box(half=(8.0, 8.0), cells=(40, 44), centre=(0.0, 0.0)):
    return Grid(tuple(Axis(n, c - x, c + x, k) for n, c, x, k in zip("qp", centre, half, cells, strict=True)))


def packets(grid, seed, reach=8.0):
    """Sum of two Gaussians near the middle of the box that vanish at its walls."""
    rng, W = np.random.default_rng(seed), 0.0
    for weight in (0.6, 0.4):
        width = [axis.length / 2 / reach * rng.uniform(0.8, 0.95) for axis in grid.axes]
        turn = rng.uniform(-0.3, 0.3)
        V = np.diag(np.square(width))
        V[0, 1] = V[1, 0] = turn * width[0] * width[1]
        mean = [
            axis.low + axis.length / 2 + 0.5 * w * rng.uniform(-1, 1) for axis, w in zip(grid.axes, width, strict=True)
        ]
        W = W + weight * states.gaussian(mean, V).values(grid.coordinates)
    return W


# --- conservation and moments ----------------------------------------------------------------------------------------


@given(anharmonic(), orders, seeds, st.booleans())
@settings(max_examples=40)
def test_mass_is_conserved_for_any_w(system, order, seed, is_closed):
    """Every term is a difference of face fluxes, quantum terms, walls and rings included: noise up to the walls."""
    potential = system.particles[0].potential
    is_ring = not is_closed and isinstance(potential, potentials.Cosine)
    half = potential.period / 2 if is_ring else 4.0
    if is_ring:  # a bath that pulls at q is not periodic
        bath = dataclasses.replace(system.particles[0].bath, alpha=0.0, xi=0.0)
        system = dataclasses.replace(system, particles=(dataclasses.replace(system.particles[0], bath=bath),))
    grid = Grid((Axis("q", -half, half, 21, periodic=is_ring), Axis("p", -20.0, 21.0, 48)))
    rate = Generator(system, grid, Scheme(order=order)).apply(np.random.default_rng(seed).normal(size=grid.shape))
    assert abs(rate.sum()) <= 1e-14 * np.abs(rate).sum()  # round-off of 1000 numbers of both signs


@pytest.mark.slow
@given(anharmonic(), orders, seeds)
@settings(max_examples=40)
def test_ehrenfest_relations(system, order, seed):
    """Rates of first and second moments are averages over W of the classical force, whatever the order and hbar.

    Central differences of x and x^2 are exact, so that only the tails at the walls (exp(-25)) and round-off remain.
    """
    grid = box()
    W = packets(grid, seed)
    rate = Generator(system, grid, Scheme(order=order)).apply(W)
    (q, p), [particle] = grid.coordinates, system.particles
    slope, bath = particle.potential.derivative(q), particle.bath
    damping_q, damping_p = bath.alpha - bath.xi, -(bath.alpha + bath.eta)
    v, a = p / particle.mass + damping_q * q, damping_p * p - slope
    expected = {"q": v, "p": a, "qq": 2 * q * v + 2 * bath.d_qq, "pp": 2 * p * a + 2 * bath.d_pp}
    expected["qp"] = q * a + p * v + 2 * bath.d_qp
    values = {"q": q, "p": p, "qq": q**2, "pp": p**2, "qp": q * p}
    for name, value in values.items():
        scale = grid.integrate(np.abs(expected[name] * W)) + grid.integrate(np.abs(value * rate))
        difference = grid.integrate(value * rate) - grid.integrate(expected[name] * W)
        assert abs(difference) <= 1e-10 * scale, name  # tails: the box ends at 8.4 deviations from the centres


@pytest.mark.slow
@given(anharmonic(confining=True), st.sampled_from(ORDERS[1:]), seeds)
@settings(max_examples=30)
def test_energy_balance_of_every_step(system, order, seed):
    """Runge-Kutta: W' = W + dt L Wbar with Wbar = (1 + z/2 + z^2/6 + z^3/24) W, so E' - E = dt x heat of Wbar.

    Order 4 and higher differentiate U up to q^4 exactly, so that the scheme has no truncation error here.
    """
    grid = box()
    generator = Generator(system, grid, Scheme(order=order))
    W = packets(grid, seed)
    dt = 0.3 * choose_step(generator, None, end=1.0).at(0.0)
    padded = generator.pad(W, generator.empty_padded())
    RungeKutta(generator).advance(padded, 0.0, dt, 1)
    term = average = W
    for k in (2, 3, 4):
        term = dt / k * generator.apply(term)
        average = average + term
    space = PhaseSpace(system, grid, order)
    before, after = (observables.energy(State(x, space)) for x in (W, padded[:, PAD:-PAD]))
    heat = dt * observables.heat_current(State(average, space))[0]
    size = sum(grid.integrate(np.abs(x * W)) for x in (grid.coordinates[1] ** 2, space.energies[0][:, None]))
    assert after - before == pytest.approx(heat, abs=1e-12 * size)  # round-off of the energy


# --- symmetries ------------------------------------------------------------------------------------------------------


def mirrored(potential):
    """U(-q)."""
    if isinstance(potential, potentials.Cosine):
        return dataclasses.replace(potential, tilt=-potential.tilt)
    return potentials.Polynomial(tuple(c * (-1) ** n for n, c in enumerate(potential.coefficients)))


@pytest.mark.slow
@given(anharmonic(), orders, seeds)
@settings(max_examples=40)
def test_mirror_symmetry(system, order, seed):
    """W(-q, -p) in U(-q) moves as the mirror image of W; for even U it is the same system."""
    grid = box((4.0, 20.0), (21, 48))
    [particle] = system.particles
    other = dataclasses.replace(
        system, particles=(dataclasses.replace(particle, potential=mirrored(particle.potential)),)
    )
    W = np.random.default_rng(seed).normal(size=grid.shape)
    generators = [Generator(s, grid, Scheme(order=order)) for s in (system, other)]
    rate, image = generators[0].apply(W), generators[1].apply(np.ascontiguousarray(W[::-1, ::-1]))
    np.testing.assert_allclose(
        image[::-1, ::-1], rate, rtol=0, atol=1e-14 * np.abs(rate).max()
    )  # round-off of 20 terms


@pytest.mark.slow
@given(anharmonic(), orders, seeds)
@settings(max_examples=40)
def test_reversed_momenta(system, order, seed):
    """With E W = W(q, -p): L W + E L E W = 2 L^I W, the irreversible drift and diffusion alone; without bath, 0.

    The irreversible part by itself is a system of infinite mass without potential.
    """
    grid = box((4.0, 20.0), (21, 48))
    W = np.random.default_rng(seed).normal(size=grid.shape)
    nothing = Particle(1e300, potentials.free(), baths.none())
    alone = System((nothing,), 1.0, system.irreversible_drift, system.irreversible_diffusion)
    generator, irreversible = (Generator(s, grid, Scheme(order=order)) for s in (system, alone))
    reversed_rate = generator.apply(np.ascontiguousarray(W[:, ::-1]))[:, ::-1]
    expected = 2 * irreversible.apply(W)
    rate = generator.apply(W)
    scale = np.abs(rate).max()  # of noise, as large as what it is the sum of
    np.testing.assert_allclose(rate + reversed_rate, expected, rtol=0, atol=1e-14 * scale)


@pytest.mark.slow
@given(sizes, sizes, parts, parts, random_baths(), orders, seeds)
@settings(max_examples=40)
def test_quantum_and_classical_motion_are_the_same_in_quadratic_wells(mass, hbar, tilt, curvature, bath, order, seed):
    """Moyal equals Liouville, to the last bit, for wells, barriers and constant forces."""
    particle = Particle(mass, potentials.Polynomial((0.2, tilt, curvature, 0.0)), bath)
    grid = box(cells=(20, 24))
    W = np.random.default_rng(seed).normal(size=grid.shape)
    quantum, classical = (
        Generator(System((particle,), h, moyal=m), grid, Scheme(order=order)).apply(W)
        for h, m in ((hbar, True), (0, False))
    )
    np.testing.assert_array_equal(quantum, classical)


# --- the second law --------------------------------------------------------------------------------------------------


@st.composite
def kramers(draw):
    """A classical particle in a confining well with thermal noise, and its temperature."""
    mass, eta, beta = draw(sizes), draw(st.floats(0.1, 2.0)), draw(st.floats(0.5, 2.0))
    bath = baths.caldeira_leggett(mass=mass, eta=eta, beta=beta)
    return System((Particle(mass, draw(wells(confining=True)), bath),), 0.0), beta


def thermal_box(system, beta, cells):
    """Box that holds the Gibbs state down to exp(-40)."""
    [particle] = system.particles
    low, high = particle.potential.range_below(40 / beta)
    p = math.sqrt(80 * particle.mass / beta)
    return Grid((Axis("q", low, high, cells), Axis("p", -p, p, cells + 2)))


def gibbs(system, beta, grid):
    (q, p), [particle] = grid.coordinates, system.particles
    U = particle.potential.energy(q)
    M = np.exp(-beta * (U - U.min() + p**2 / (2 * particle.mass)))
    return M / grid.integrate(M)


@pytest.mark.slow
@given(kramers(), st.sampled_from(["central", "limited"]))
@settings(max_examples=40)
def test_gibbs_states_are_stationary(case, reversible):
    """Chang-Cooper: the sampled Gibbs state does not move and produces nothing, however coarse the grid."""
    system, beta = case
    grid = thermal_box(system, beta, 24)
    generator, M = Generator(system, grid, Scheme("chang_cooper", 2, reversible)), gibbs(system, beta, grid)
    fluxes = generator.fluxes
    terms = [
        fluxes.p.speeds / grid.spacings[0] * M,
        fluxes.p.leaving * M,
        fluxes.q.speeds[:, None] / grid.spacings[1] * M,
    ]
    largest = max(np.abs(term).max() for term in terms)
    assert np.abs(generator.apply(M)).max() <= 1e-13 * largest  # exponents up to 40 carry 40 round-offs
    assert 0 <= sum(entropy.production_parts(State(M, phase_space(generator)))) <= 1e-12


@given(kramers(), seeds)
@settings(max_examples=40)
def test_distance_to_equilibrium_never_grows(case, seed):
    """Chang-Cooper: d/dt sum W^2/M = 2 sum (W/M) L W <= 0 for any W, positive or not."""
    system, beta = case
    grid = thermal_box(system, beta, 20)
    generator, M = Generator(system, grid, Scheme("chang_cooper", 2)), gibbs(system, beta, grid)
    noise = np.random.default_rng(seed).normal(size=grid.shape)
    for f in (noise, 1 + 1e-3 * noise):  # far from equilibrium, and near, where all but the second order must cancel
        assert (f * generator.apply(M * f)).sum() < 0


@pytest.mark.slow
@given(kramers(), seeds)
@settings(max_examples=40)
def test_free_energy_falls_at_the_rate_of_production(case, seed):
    """d/dt int W ln(W/M) = int (dW/dt) (ln W + beta H) = -Pi <= 0 in thermal noise."""
    system, beta = case
    [particle] = system.particles
    grid = box((6.0, 6.0 * math.sqrt(particle.mass)), (96, 96))
    W = packets(grid, seed, reach=8.2)
    state = State(W, PhaseSpace(system, grid))
    rate = Generator(system, grid).apply(W)
    q, p = grid.coordinates
    H = particle.potential.energy(q) + p**2 / (2 * particle.mass)
    production = sum(entropy.production_parts(state))
    entropy_rate = integrals.integrate(state, rate, *observables.moments(state)).entropy_rate
    change = beta * grid.integrate(rate * H) - entropy_rate
    terms = abs(beta * grid.integrate(rate * H)) + abs(entropy_rate) + production
    assert production > 0
    assert change == pytest.approx(-production, abs=1e-6 * terms)  # truncation at 4 cells; measured at most 2e-8


@given(anharmonic(), orders, seeds)
@settings(max_examples=40)
def test_production_is_never_negative(system, order, seed):
    """Both parts, for any positive W, resolved or not."""
    grid = box(cells=(20, 24))
    W = np.random.default_rng(seed).uniform(0.0, 1.0, size=grid.shape) ** 4
    q_part, p_part = entropy.production_parts(State(W, PhaseSpace(system, grid, order)))
    assert q_part >= 0
    assert p_part >= 0


# --- random linear systems against exact Gaussians -------------------------------------------------------------------


def linear_system(seed, n):
    """Any stable A and any B >= 0 on n particles: matrices, masses and springs that are not in the bath's form."""
    rng = np.random.default_rng(seed)
    masses = rng.uniform(0.5, 2.0, n)
    A = rng.normal(size=(2 * n, 2 * n))
    A -= (np.linalg.eigvals(A).real.max() + rng.uniform(0.2, 1.0)) * np.eye(2 * n)
    root = rng.normal(size=(2 * n, 2 * n))
    springs = (Coupling(0, 1, rng.uniform(0.1, 1.0)),) if n == 2 else ()
    well = potentials.Polynomial((0.0, rng.normal(), rng.uniform(0.2, 1.0)))
    hamiltonian = System([Particle(m, well, baths.none()) for m in masses], 1.0, couplings=springs).drift_matrix
    B = root @ root.T + 0.2 * np.eye(2 * n)
    particles = [Particle(m, well, baths.none()) for m in masses]
    return System(particles, rng.uniform(0.3, 2.0), A - hamiltonian, B, couplings=springs), A, B


def van_loan(A, f, B, mean, V, time):
    """Moments by one exponential of block matrices, without squaring, Lyapunov equation or Taylor series of ours."""
    n = len(A)
    H = np.block([[-A, B], [np.zeros((n, n)), A.T]])
    F = expm(H * time)
    M = F[n:, n:].T
    noise = M @ F[:n, n:]
    G = expm(np.block([[A, f[:, None]], [np.zeros((1, n + 1))]]) * time)
    return M @ mean + G[:n, n], M @ V @ M.T + noise


@pytest.mark.slow
@given(seeds, st.integers(1, 2), st.floats(0.0, 2.0))
@settings(max_examples=40)
def test_moments_of_random_systems(seed, n, time):
    """The engine against Van Loan's block exponential, times short enough for it not to overflow."""
    system, A, B = linear_system(seed, n)
    rng = np.random.default_rng(seed)
    mean, root = rng.normal(size=2 * n), rng.normal(size=(2 * n, 2 * n))
    start = root @ root.T + 0.1 * np.eye(2 * n)
    engine = exact.Gaussian(system, mean, start)
    expected = van_loan(A, system.force, B, mean, start, time)
    growth = np.abs(expm(-A * time)).max() * np.abs(expm(A * time)).max()  # what Van Loan's blocks cancel
    np.testing.assert_allclose(
        engine.mean(time), expected[0], rtol=0, atol=1e-12 * growth * (1 + np.abs(expected[0]).max())
    )
    np.testing.assert_allclose(
        engine.covariance(time), expected[1], rtol=0, atol=1e-12 * growth * np.abs(expected[1]).max()
    )


@pytest.mark.slow
@given(seeds, st.integers(1, 2))
@settings(max_examples=40)
def test_rates_of_random_systems(seed, n):
    """Pi, Phi and dS/dt by Gauss-Hermite sums over the Gaussian, which are exact for quadratic integrands."""
    system, _, _ = linear_system(seed, n)
    rng = np.random.default_rng(seed)
    mean, root = rng.normal(size=2 * n), rng.normal(size=(2 * n, 2 * n))
    V = root @ root.T + 0.3 * np.eye(2 * n)
    found = exact.gaussian_rates(system, mean, V)
    expected = systems.gaussian_rates(system, mean, V)
    size = abs(expected[0]) + abs(expected[1])
    np.testing.assert_allclose(
        [found.entropy_production, found.entropy_flux, found.entropy_rate], expected, rtol=0, atol=1e-10 * size
    )


@pytest.mark.slow
@given(seeds, st.integers(1, 2))
@settings(max_examples=40)
def test_relative_entropy_to_the_steady_state_falls(seed, n):
    """Any linear Fokker-Planck dynamics contracts relative entropy, with detailed balance or without."""
    system, _, _ = linear_system(seed, n)
    rng = np.random.default_rng(seed)
    steady = exact.steady(system)
    root = rng.normal(size=(2 * n, 2 * n))
    engine = exact.Gaussian(system, rng.normal(size=2 * n), root @ root.T + 0.1 * np.eye(2 * n))
    mean, V = engine.moments(np.linspace(0.0, 5.0, 21))
    distance = [
        equilibrium.relative_entropy(m - steady.mean, v, steady.covariance) for m, v in zip(mean, V, strict=True)
    ]
    assert (np.diff(distance) <= 1e-12 * distance[0]).all()
    assert distance[-1] < distance[0]


def automatic_grid(centre, deviations):
    path = autogrid.Path(np.zeros(1), np.array([centre]), np.diag(np.square(deviations))[None])
    return autogrid.choose_grid(path, tuple(autogrid.AxisRequest(name) for name in "qp"))


@given(st.floats(-1e8, 1e8), st.floats(-1e8, 1e8), sizes, sizes)
def test_automatic_boxes_go_with_the_state(q, p, q_deviation, p_deviation):
    """Wherever it is: as many cells as at 0 and, but for a rounding outward to 1e-3 of its width, the same box."""
    deviations = np.array([q_deviation, p_deviation])
    grid, at_0 = automatic_grid((q, p), deviations), automatic_grid((0, 0), deviations)
    assert grid.shape == at_0.shape
    reach = autogrid.reach(grid.shape[0]) * deviations
    for axis, centre, half in zip(grid.axes, (q, p), reach, strict=True):
        for added in (centre - half - axis.low, axis.high - centre - half):
            assert -1e-7 <= added <= 2e-3 * half  # round-off of 1e8, and the rule
        assert [axis.low, axis.high] == eval(interval(axis.low, axis.high))  # what is printed repeats the run


@given(st.floats(1e-3, 1e3), st.floats(-1, 1))
def test_boxes_around_0_have_four_digits(half, share):
    """Both ends, each by its own size, as all results so far."""
    axis = automatic_grid((share * half, 0.0), np.array([half, 1.0]) / autogrid.reach(96)).axes[0]
    for found, wanted in ((axis.low, share * half - half), (axis.high, share * half + half)):
        if abs(wanted) > 1e-9 * half:  # else the sum is round-off
            assert found == float(f"{found:.4g}")
            assert abs(wanted) * (1 - 1e-3) <= abs(found) <= abs(wanted) * (1 + 1.1e-3)


def test_too_far_away_for_the_digits_of_a_number():
    with pytest.raises(
        GridError, match=r"is 17 wide and 1e\+12 away from the origin along q, .* let q count from near"
    ):
        automatic_grid((1e12, 0.0), np.ones(2))


@pytest.mark.slow
@given(seeds)
@settings(max_examples=8)
def test_random_systems_on_the_grid(seed):
    """A run of any A and B against the exact Gaussian: covariance, mean, Pi, Phi and W itself."""
    system, A, _ = linear_system(seed, 1)
    steady = exact.steady(system)
    state = states.gaussian(steady.mean + 0.4 * np.sqrt(np.diag(steady.covariance)), 0.7 * steady.covariance)
    path = autogrid.gaussian_path(system, state, 1.0)
    grid = autogrid.choose_grid(path, tuple(autogrid.AxisRequest(name) for name in "qp"))
    assume(
        grid.size <= 128**2 and autogrid.resolution(path, grid).cells >= 4
    )  # a squeezed state costs more, and shows no more
    generator = Generator(system, grid)
    fastest = float(np.abs(np.linalg.eigvals(A)).max())
    count = math.ceil(1.0 / min(choose_step(generator, None, end=1.0).at(0.0), 0.02 / fastest))
    padded = generator.pad(state.values(grid.coordinates), generator.empty_padded())
    RungeKutta(generator).advance(padded, 0.0, 1.0 / count, count)
    W = np.ascontiguousarray(padded[:, PAD:-PAD])
    engine = exact.Gaussian(system, state.mean, state.covariance)
    mean, V = fp.thermo.moments(W, system, grid)
    scale = np.sqrt(np.diag(engine.covariance(1.0)))
    np.testing.assert_allclose((mean - engine.mean(1.0)) / scale, 0, rtol=0, atol=1e-8)  # time error (0.02)^4/5!
    np.testing.assert_allclose((V - engine.covariance(1.0)) / np.outer(scale, scale), 0, rtol=0, atol=1e-8)
    rates = exact.gaussian_rates(system, engine.mean(1.0), engine.covariance(1.0))
    size = abs(rates.entropy_production) + abs(rates.entropy_flux)
    assert fp.thermo.entropy_production(W, system, grid) == pytest.approx(rates.entropy_production, abs=1e-7 * size)
    assert fp.thermo.entropy_flux(W, system, grid) == pytest.approx(rates.entropy_flux, abs=1e-7 * size)
    exact_W = states.gaussian(engine.mean(1.0), engine.covariance(1.0)).values(grid.coordinates)
    assert grid.integrate(np.abs(W - exact_W)) <= 1e-5  # truncation of order 8 at 4 cells


@given(seeds)
@settings(max_examples=6)
def test_moments_of_two_random_particles_on_the_grid(seed):
    """dV/dt = A V + V A^T + B by sums over x x^T L W on four axes, any A and B; the box cuts exp(-5.2^2/2) = 1e-6."""
    system, A, B = linear_system(seed, 2)
    rng = np.random.default_rng(seed)
    sigma, turn = rng.uniform(0.5, 2.0, 4), rng.uniform(-0.15, 0.15, (4, 4))
    V = np.outer(sigma, sigma) * (np.eye(4) + np.triu(turn, 1) + np.triu(turn, 1).T)
    names = ("q1", "q2", "p1", "p2")
    grid = Grid(tuple(Axis(name, -5.2 * s, 5.2 * s, 20) for name, s in zip(names, sigma, strict=True)))
    W = states.gaussian(np.zeros(4), V).values(grid.coordinates)
    rate = Generator(system, grid).apply(W)
    x = grid.coordinates
    found = np.array([[grid.integrate(x[i] * x[j] * rate) for j in range(4)] for i in range(4)])
    expected = A @ V + V @ A.T + B
    size = np.abs(A) @ np.outer(sigma, sigma) + np.outer(sigma, sigma) @ np.abs(A).T + np.abs(B)
    np.testing.assert_allclose(found / size, expected / size, rtol=0, atol=2e-4)
