"""Quantum terms of anharmonic potentials: brackets of polynomials and cosines, conservation, spectra, currents."""

import math

import numpy as np
import pytest

import fpsolver as fp
from fpsolver import api
from fpsolver.errors import GridError
from fpsolver.generator import Generator, Scheme
from fpsolver.grid import Axis, Grid
from fpsolver.kernels import stencils
from fpsolver.physics import baths, potentials
from fpsolver.physics.system import Particle, System
from fpsolver.schemes.moyal import MoyalTerms
from fpsolver.stepping.explicit import RungeKutta, stable_step
from fpsolver.thermo import entropy, integrals, observables
from fpsolver.thermo.state import PhaseSpace, State

HBAR = 0.9


class Plain:
    """A potential that says nothing but its energy and derivatives, as a user may write it: V = q^4/8 + cos(q)/2."""

    is_quadratic, is_confining, period, tilt = False, True, None, 0.0

    def energy(self, q):
        return np.asarray(q) ** 4 / 8 + np.cos(q) / 2

    def derivative(self, q, order=1):
        part = np.polynomial.Polynomial([0, 0, 0, 0, 1 / 8]).deriv(order)(np.asarray(q))
        return part + np.cos(np.asarray(q) + order * math.pi / 2) / 2

    def minima(self):
        return np.array([1.0])


POTENTIALS = {
    "quartic": potentials.quartic(mass=1.0, omega=1.0, quartic=0.4),
    "sextic": potentials.Polynomial((0.0, 0.3, 0.5, -0.1, 0.05, 0.02, 0.01)),
    "cosine": potentials.Cosine(1.3, 1.4, 0.2),
    "plain": Plain(),
}


def system(name, bath=None, moyal=True, hbar=HBAR):
    return System((Particle(1.0, POTENTIALS[name], bath or baths.none()),), hbar, moyal=moyal)


def grid(n_q=24, n_p=128, p=9.0):
    return Grid((Axis("q", -4.2, 4.0, n_q), Axis("p", -p, p + 0.1, n_p)))


def gaussian(g, width=1.0):
    q, p = g.coordinates
    return np.exp(-((q - 0.4) ** 2) / 1.6 - (p + 0.3) ** 2 / (2 * width**2)) / (2 * np.pi)


@pytest.mark.parametrize("r", [1, 3, 5, 7])
@pytest.mark.parametrize("order", stencils.ORDERS)
def test_odd_derivatives_satisfy_the_moment_conditions(r, order):
    w = stencils.odd_derivative(r, order)
    for n in range(1, order + r - 1, 2):
        total = sum(2 * c * float(m) ** n for m, c in enumerate(w, 1))
        assert total == pytest.approx(math.factorial(r) if n == r else 0.0, abs=1e-9 * 6.0**n)  # round-off of the terms
    if r == 1:
        assert w == pytest.approx(stencils.first_derivative(order))


@pytest.mark.parametrize("name", POTENTIALS)
def test_the_whole_bracket_against_its_definition(name):
    """L of the bare potential multiplies the transform of W along p by i g(q, y) = i [U(q + hbar y/2) - ..]/hbar."""
    g = grid(n_p=160)
    heavy = System((Particle(1e30, POTENTIALS[name], baths.none()),), HBAR)  # no motion along q
    W = gaussian(g)
    q, n, h = g.coordinates[0], g.axes[1].cells, g.axes[1].spacing
    y = 2 * np.pi * np.fft.rfftfreq(n, h)
    kick = (POTENTIALS[name].energy(q + HBAR * y / 2) - POTENTIALS[name].energy(q - HBAR * y / 2)) / HBAR
    expected = np.fft.irfft(1j * kick * np.fft.rfft(W, axis=1), n=n, axis=1)
    found = Generator(heavy, g).apply(W)
    # order 8 at 8 cells for the width of W: derivatives to 2e-6 of their size
    np.testing.assert_allclose(found, expected, rtol=0, atol=5e-6 * np.abs(expected).max())


def test_convergence_of_the_bracket():
    """The error of the third derivative falls at the order of the scheme."""
    for order in (4, 8):
        errors = []
        for cells in (96, 144):
            g = grid(n_p=cells)
            W = gaussian(g)
            p = g.coordinates[1] + 0.3
            exact = (3 * p - p**3) * W  # d^3/dp^3 of exp(-p^2/2)
            terms = MoyalTerms(system("quartic"), g, order)
            coefficient = -(HBAR**2) / 24 * POTENTIALS["quartic"].derivative(g.coordinates[0], 3)
            errors.append(np.abs(terms.quantum_rate(W)[0] - coefficient * exact).max())
        assert math.log(errors[0] / errors[1], 1.5) == pytest.approx(order, abs=0.3)


@pytest.mark.parametrize("name", POTENTIALS)
@pytest.mark.parametrize("order", [2, 8])
def test_kernel_is_the_assembled_matrix(name, order, rng):
    bath = baths.brownian(model="minimally_invasive", mass=1.0, hbar=HBAR, eta=0.5, beta=0.7)
    generator = Generator(system(name, bath), grid(20, 30, 6.0), Scheme(order=order))
    W = rng.normal(size=generator.grid.shape)
    found, matrix = generator.apply(W), generator.to_sparse()
    scale = abs(matrix).sum(axis=1).max()
    np.testing.assert_allclose(found.ravel(), matrix @ W.ravel(), rtol=0, atol=1e-14 * scale)
    assert abs(found.sum()) <= 1e-13 * np.abs(found).sum()  # mass


@pytest.mark.parametrize("name", POTENTIALS)
def test_unitary_motion_is_skew(name):
    """int W^2 (the purity) is kept: L + L^T = 0 without a bath, quantum terms and closure included."""
    L = Generator(system(name), grid(20, 30, 6.0)).to_sparse()
    assert abs(L + L.T).max() <= 1e-12 * abs(L).max()


def test_quadratic_potentials_are_the_same_to_the_last_bit(rng):
    """There is nothing quantum about a linear force."""
    g = grid()
    bath = baths.brownian(model="minimally_invasive", mass=1.0, hbar=1.0, eta=0.5, beta=0.7)
    W, well = rng.normal(size=g.shape), potentials.harmonic(mass=1.0, omega=1.0)
    rates = [Generator(System((Particle(1.0, well, bath),), 1.0, moyal=m), g).apply(W) for m in (True, False)]
    np.testing.assert_array_equal(*rates)
    assert MoyalTerms(System((Particle(1.0, well, bath),), 1.0), g, 8).is_empty


@pytest.mark.parametrize("name", ["sextic", "cosine"])
def test_steps_at_the_limit_are_stable_and_beyond_it_are_not(name, rng):
    """Noise does not grow in 2000 steps at the limit; the largest eigenvalue sets it within a factor of 1.6."""
    generator = Generator(system(name), grid(20, 32, 6.0))
    limit = stable_step(generator)
    W = generator.pad(rng.normal(size=generator.grid.shape), generator.empty_padded())
    before = float((W[:, 4:-4] ** 2).sum())
    RungeKutta(generator).advance(W, 0.0, 0.99 * limit, 2000)
    assert float((W[:, 4:-4] ** 2).sum()) <= before
    RungeKutta(generator).advance(W, 0.0, 1.6 * limit, 2000)
    assert not float((W[:, 4:-4] ** 2).sum()) <= before


@pytest.mark.parametrize("name", POTENTIALS)
def test_current_of_the_quantum_terms(name):
    """-d_p J = quantum rate, J vanishes at the walls, and for U''' alone it is (hbar^2/24) U''' d_p^2 W."""
    g = grid(n_p=160)
    state = State(gaussian(g), PhaseSpace(system(name), g))
    J, rate = state.moyal_current[0], state.space.moyal.quantum_rate(state.W)[0]
    y = 2 * np.pi * np.fft.rfftfreq(g.axes[1].cells, g.axes[1].spacing)
    slope = np.fft.irfft(1j * y * np.fft.rfft(J, axis=1), n=g.axes[1].cells, axis=1)
    np.testing.assert_allclose(-slope, rate, rtol=0, atol=1e-9 * np.abs(rate).max())
    assert np.abs(J[:, [0, -1]]).max() <= 1e-9 * np.abs(J).max()
    if name == "quartic":
        p = g.coordinates[1] + 0.3
        expected = HBAR**2 / 24 * POTENTIALS[name].derivative(g.coordinates[0], 3) * (p**2 - 1) * state.W
        np.testing.assert_allclose(
            J, expected, rtol=0, atol=1e-5 * np.abs(expected).max()
        )  # order 8 at 8 cells for a width


@pytest.mark.parametrize("name", ["quartic", "sextic"])
def test_entropy_of_the_quantum_terms(name):
    """-int (dW/dt)_Moyal ln W with derivatives by Fourier sums; nothing for a classical system."""
    g = grid(n_p=160)
    q, p = g.coordinates
    W = 0.7 * gaussian(g) + 0.3 * np.exp(-((q + 0.5) ** 2) - (p - 0.8) ** 2 / 1.5) / np.pi
    y = 2 * np.pi * np.fft.rfftfreq(g.axes[1].cells, g.axes[1].spacing)
    rate = 0.0
    for r, weight in ((3, -(HBAR**2) / 24), (5, HBAR**4 / 1920)):  # dW/dt = sum (-1)^k (hbar/2)^2k U^(2k+1) d^(2k+1)
        slope = np.fft.irfft((1j * y) ** r * np.fft.rfft(W, axis=1), n=g.axes[1].cells, axis=1)
        rate = rate + weight * POTENTIALS[name].derivative(q, r) * slope
    expected = -g.integrate(rate * np.log(W))
    assert abs(expected) > 1e-3
    found = entropy.moyal_sum(State(W, PhaseSpace(system(name), g)))
    state = State(W, PhaseSpace(system(name), g))
    assert integrals.integrate(state, W, *observables.moments(state)).moyal == pytest.approx(found, rel=1e-12, abs=0)
    assert found == pytest.approx(
        expected, rel=1e-4, abs=0
    )  # differences of order 8 at 8 cells, weighed by ln W in the tails
    assert entropy.moyal_sum(State(W, PhaseSpace(system(name, moyal=False), g))) == 0.0


def test_a_kick_beyond_a_quarter_of_the_box_is_refused():
    far = System((Particle(1.0, potentials.Cosine(1.0, 12.0), baths.none()),), 1.0)
    with pytest.raises(GridError, match="quarter of the box"):
        Generator(far, grid(20, 32, 6.0))


ANHARMONIC = {
    "quartic": {"kind": "quartic", "omega": 1.0, "quartic": 0.4},
    "double_well": {"kind": "double_well", "quadratic": 1.0, "quartic": 0.4},
}


def steady(name, beta):
    bath = {"model": "minimally_invasive", "eta": 0.5, "beta": beta}
    section = {"mass": 1.0, "potential": ANHARMONIC[name], "bath": bath}
    return api.run_problem(api.prepare(fp.Config(system=section, time={"method": "direct"})))


@pytest.mark.slow
@pytest.mark.parametrize("name", ANHARMONIC)
def test_steady_states_of_anharmonic_wells(name):
    """Exact identities of the moments, the balance with its third term, and Phi = eta m D_qq <U''>/D_pp."""
    result = steady(name, 0.7)
    (q2, qp), (_, p2) = result.series["covariance"][-1]
    d_qq = 0.7 / 16 * 0.5  # hbar^2 eta beta/(16 m)
    assert qp == pytest.approx(-d_qq, abs=1e-9)  # d<q^2>/dt = 0
    quadratic = 1.0 if name == "quartic" else -1.0
    curvature = quadratic + 1.2 * q2
    d_pp = 0.5 / 0.7
    assert 0.5 * p2 == pytest.approx(d_pp + d_qq * curvature, rel=1e-8, abs=0)  # d<H>/dt = 0
    assert result.last("entropy_flux") == pytest.approx(0.5 * d_qq * curvature / d_pp, rel=1e-8, abs=0)
    Pi, Phi, moyal = (result.last(f"entropy_{x}") for x in ("production", "flux", "moyal"))
    assert Pi - Phi + moyal == pytest.approx(0.0, abs=1e-9)
    assert moyal < -1e-4  # the third term is there


def test_entropy_of_the_quantum_terms_is_that_of_the_formula():
    """-(hbar^2/48) int U''' (d_p W)^3/W^2 for a quartic well and a W that is skew along p; zero for a Gaussian."""
    well, g = system("quartic"), grid(n_q=64, n_p=160)
    q, p = g.coordinates
    parts = [(0.6, -0.5, 1.0), (0.4, 0.9, 1.4)]  # weight, centre, variance along p
    along_p = [w * np.exp(-((p - c) ** 2) / (2 * v)) / np.sqrt(v) for w, c, v in parts]
    slopes = [-(p - c) / v * f for f, (_, c, v) in zip(along_p, parts, strict=True)]
    along_q = np.exp(-((q - 0.4) ** 2) / 0.8)
    W, slope = along_q * sum(along_p), along_q * sum(slopes)
    third = well.particles[0].potential.derivative(q, 3)
    expected = -(HBAR**2) / 48 * g.integrate(third * slope**3 / W**2)
    found = entropy.moyal_sum(State(W, PhaseSpace(well, g)))
    assert abs(expected) > 1e-3
    assert found == pytest.approx(expected, rel=1e-6, abs=0)  # differences of order 8
    assert abs(entropy.moyal_sum(State(along_q * along_p[0], PhaseSpace(well, g)))) < 1e-7 * abs(expected)


@pytest.mark.parametrize("name", POTENTIALS)
@pytest.mark.parametrize("order", [4, 8])
def test_the_quantum_rate_is_what_the_generator_has_beyond_the_classical_one(name, order, rng):
    """For any W: the pairs of cosines and of own potentials hold the classical force, which is taken out again."""
    g = grid(n_p=64)
    W = gaussian(g) * (1 + 0.1 * rng.normal(size=g.shape))
    quantum, classical = (
        Generator(system(name, moyal=moyal), g, Scheme(order=order)).apply(W) for moyal in (True, False)
    )
    found = MoyalTerms(system(name), g, order).quantum_rate(W)[0]
    np.testing.assert_allclose(found, quantum - classical, rtol=0, atol=1e-13 * np.abs(quantum).max())
