"""Potentials, baths, complete positivity, states: closed forms derived in the docstrings."""

import copy
import math
import pickle
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpsolver.errors import UsageError
from fpsolver.physics import baths, custom, fock, husimi, potentials, states, timescales
from fpsolver.physics.system import Coupling, Particle, System
from tests import systems

POTENTIALS = {
    "free": potentials.free(),
    "harmonic": potentials.harmonic(mass=1.3, omega=0.8),
    "quartic": potentials.quartic(mass=1.3, omega=0.8, quartic=0.4),
    "double_well": potentials.double_well(quadratic=1.0, quartic=0.25),
    "polynomial": potentials.Polynomial((0.3, -0.2, 0.5, 0.1, 0.0, 0.02, 0.03)),
    "cosine": potentials.Cosine(0.7, 1.9, 0.3),
}


@pytest.mark.parametrize("potential", POTENTIALS.values(), ids=POTENTIALS)
def test_derivatives_against_differences(potential):
    """Fourth-order differences of one derivative give the next."""
    q, h = np.linspace(-2, 2, 9), 1e-3
    values = [lambda x, n=n: potential.derivative(x, n) if n else potential.energy(x) for n in range(4)]
    for lower, upper in pairwise(values):
        slope = (8 * (lower(q + h) - lower(q - h)) - lower(q + 2 * h) + lower(q - 2 * h)) / (12 * h)
        np.testing.assert_allclose(upper(q), slope, rtol=0, atol=1e-9)  # h^4 = 1e-12 and round-off eps/h


def test_forms_of_the_contract():
    q = 1.7
    assert POTENTIALS["harmonic"].energy(q) == pytest.approx(0.5 * 1.3 * 0.8**2 * q**2)
    assert POTENTIALS["quartic"].energy(q) == pytest.approx(0.5 * 1.3 * 0.8**2 * q**2 + 0.1 * q**4)
    assert POTENTIALS["double_well"].energy(q) == pytest.approx(-0.5 * q**2 + 0.0625 * q**4)
    assert POTENTIALS["cosine"].energy(q) == pytest.approx(-0.7 * math.cos(1.9 * q) - 0.3 * q)


def test_wells_and_walls():
    np.testing.assert_allclose(np.sort(POTENTIALS["double_well"].minima()), [-2, 2], rtol=0, atol=1e-12)
    low, high = POTENTIALS["double_well"].range_below(4.0)  # U + 1 = (q^2 - 4)^2/16 = 4 at q^2 = 12
    assert (low, high) == pytest.approx((-math.sqrt(12), math.sqrt(12)))
    for cosine in (POTENTIALS["cosine"], potentials.Cosine(-1.0, 2.0, 0.7), potentials.Cosine(-1.0, 2.0, -0.7)):
        well = cosine.minima()[0]
        assert cosine.derivative(well) == pytest.approx(0, abs=1e-14)
        assert cosine.derivative(well, 2) > 0
    assert len(potentials.Cosine(0.1, 1.0, 0.3).minima()) == 0


def test_a_vanishing_leading_coefficient_does_not_make_a_potential_anharmonic():
    assert potentials.Polynomial((0.0, 0.0, 0.5, 0.0)).is_quadratic
    assert not potentials.Polynomial((0.0, 0.0, 0.5, 1e-9)).is_quadratic


rates = st.floats(0.05, 10.0)


@pytest.mark.slow
@given(rates, rates, rates, st.floats(-1, 1))
def test_minimal_position_noise_is_on_the_boundary(eta, beta, hbar, part):
    """d_qq d_pp - d_qp^2 = (hbar (eta + xi)/4)^2 makes the smallest eigenvalue zero; less makes it negative."""
    d_qp = part * eta / beta
    bath = baths.brownian(model="x", mass=1.0, hbar=hbar, eta=eta, beta=beta, d_qp=d_qp)
    system = systems.oscillator(bath, hbar=hbar)
    assert system.is_on_cp_boundary()
    assert system.is_completely_positive()
    less = baths.brownian(model="x", mass=1.0, hbar=hbar, eta=eta, beta=beta, d_qp=d_qp, d_qq=0.9 * bath.d_qq)
    assert not systems.oscillator(less, hbar=hbar).is_completely_positive()


def test_margin_of_one_particle_in_closed_form():
    """2x2 Hermitian [[2a, 2c -+ i h], [.., 2b]] with h = hbar tr A/2: smallest eigenvalue by hand."""
    bath = baths.Bath(eta=0.5, alpha=-0.3, xi=0.2, d_qq=0.3, d_pp=0.4, d_qp=0.1)
    a, b, off = 0.3, 0.4, math.hypot(0.2, 0.9 * (0.5 + 0.2) / 2)
    expected = (a + b) - math.hypot(a - b, off)
    assert systems.oscillator(bath, hbar=0.9).cp_margin() == pytest.approx(expected, rel=1e-13, abs=0)


def test_hamiltonian_terms_do_not_change_complete_positivity():
    bath = baths.Bath(eta=0.5, d_qq=0.3, d_pp=0.4)
    reference = systems.oscillator(bath).cp_margin()
    squeezed = System(systems.oscillator(bath).particles, 1.0, np.array([[0.3, 0.2], [-0.7, -0.3]]), np.zeros((2, 2)))
    assert squeezed.cp_margin() == pytest.approx(reference, abs=1e-14)


def test_position_friction_off_tune_breaks_complete_positivity_with_the_printed_noise():
    """Eq. 8 as printed saturates without xi; with xi = 0.05 the eigenvalue is (a+b) - hypot(a-b, hbar(eta+xi)/2)."""
    bath = baths.brownian(model="position_friction", mass=1, hbar=1, eta=0.5, beta=0.7, xi=0.05, d_qq=0.021875)
    a, b = 0.021875, 0.5 / 0.7
    expected = (a + b) - math.hypot(a - b, 0.55 / 2)
    assert expected < 0
    assert systems.oscillator(bath).cp_margin() == pytest.approx(expected, rel=1e-12, abs=0)


@pytest.mark.parametrize("eta", [0.01, 3.0])
@pytest.mark.parametrize("x", [1e-6, 0.7, 1.999])
def test_saturating_friction_solves_its_equation(eta, x):
    """r/(1+r)^2 = (x/4)^2 with r = xi/eta."""
    r = baths.xi_saturating(hbar=1.0, omega=1.0, eta=eta, beta=x) / eta
    assert r / (1 + r) ** 2 == pytest.approx((x / 4) ** 2, rel=1e-12, abs=0)
    assert baths.xi_saturating(hbar=1.0, omega=1.0, eta=eta, beta=2.0001) is None


def test_lindblad_damping_keeps_the_vacuum():
    """L = sqrt(gamma) a: decay gamma/2 of both coordinates towards the ground state, on the CP boundary."""
    gamma, hbar, mass, omega = 0.3, 0.8, 1.7, 0.6
    scale = math.sqrt(gamma / (2 * hbar))
    u, v = scale * math.sqrt(mass * omega), 1j * scale / math.sqrt(mass * omega)
    bath = baths.lindblad([(u, v)], hbar=hbar)
    np.testing.assert_allclose(bath.drift, -gamma / 2 * np.eye(2), rtol=0, atol=1e-15)
    system = systems.oscillator(bath, mass=mass, omega=omega, hbar=hbar)
    ground = np.diag([hbar / (2 * mass * omega), hbar * mass * omega / 2])
    np.testing.assert_allclose(systems.lyapunov(system), ground, rtol=0, atol=1e-14)
    assert abs(system.cp_margin()) <= 1e-15


def test_lindblad_operators_reproduce_the_minimally_invasive_model():
    """At saturation L = sqrt(2 d_pp)/hbar [q + i (hbar eta/4)/d_pp p], up to the Hamiltonian term (eta/4){q, p}.

    The master equation of the model has friction on p alone: alpha = 0; the operator has alpha = -eta/2, and the
    difference is the drift eta/2 diag(1, -1) of that Hamiltonian.
    """
    model = baths.brownian(model="minimally_invasive", mass=1.0, hbar=0.8, eta=0.5, beta=0.7)
    size = math.sqrt(2 * model.d_pp) / 0.8
    found = baths.lindblad([(size, size * 1j * (0.8 * 0.5 / 4) / model.d_pp)], hbar=0.8)
    np.testing.assert_allclose(found.diffusion, model.diffusion, rtol=0, atol=1e-15)
    np.testing.assert_allclose(found.drift + 0.25 * np.diag([1, -1]), model.drift, rtol=0, atol=1e-15)


def test_time_reversal_splits_every_matrix():
    system = systems.model("custom")
    E = np.diag(system.parity)
    for whole, even in (
        (system.drift_matrix, system.irreversible_drift),
        (system.diffusion_matrix, system.irreversible_diffusion),
    ):
        np.testing.assert_allclose(E @ even @ E, even, rtol=0, atol=0)
        odd = whole - even
        np.testing.assert_allclose(E @ odd @ E, -odd, rtol=0, atol=1e-16)


def test_states_have_the_moments_they_promise():
    state = states.squeezed(mass=1.7, hbar=0.8, q=0.4, p=-0.2, omega=0.6, r=0.7, theta=0.5)
    np.testing.assert_allclose(state.mean, [0.4, -0.2])
    assert states.symplectic_eigenvalues(state.covariance)[0] == pytest.approx(0.4, rel=1e-12, abs=0)  # pure: hbar/2
    coherent = states.coherent(mass=1.7, hbar=0.8, q=0.4, p=-0.2, omega=0.6)
    np.testing.assert_allclose(coherent.covariance, 0.4 * np.diag([1 / (1.7 * 0.6), 1.7 * 0.6]), rtol=1e-15)
    np.testing.assert_array_equal(coherent.mean, [0.4, -0.2])
    assert coherent.omega == 0.6
    along_q = states.squeezed(mass=1.7, hbar=0.8, q=0, p=0, omega=0.6, r=0.7).covariance
    assert along_q[0, 0] == pytest.approx(0.8 / (2 * 1.7 * 0.6) * math.exp(-1.4), rel=1e-12, abs=0)
    hot = states.thermal(mass=1.7, hbar=0.8, beta=1e-6, omega=0.6)
    assert hot.covariance[1, 1] == pytest.approx(1.7 / 1e-6, rel=1e-9, abs=0)  # equipartition
    cold = states.thermal(mass=1.7, hbar=0.8, beta=500.0, omega=0.6)
    assert states.symplectic_eigenvalues(cold.covariance)[0] == pytest.approx(0.4, rel=1e-12, abs=0)


def test_gaussian_values_integrate_to_their_moments():
    state = states.gaussian([0.3, -0.2], [[0.8, 0.3], [0.3, 0.5]])
    x = np.linspace(-8, 8, 161)
    W = state.values((x[:, None], x[None, :]))
    cell = (x[1] - x[0]) ** 2
    assert W.sum() * cell == pytest.approx(1, abs=1e-13)
    assert (W * x[:, None] * x).sum() * cell == pytest.approx(0.3 + 0.3 * -0.2, abs=1e-13)


def test_slowest_rate_on_a_ring_and_in_wells():
    bath = baths.brownian(model="translation_covariant", mass=1.0, hbar=1.0, eta=0.5, beta=0.7, d_qp=0.2)
    ring = System((Particle(1.0, potentials.free(), bath),))
    effective = bath.d_qq + 2 * bath.d_qp / 0.5 + bath.d_pp / 0.25
    found = timescales.slowest_rate(ring, 50.0)
    assert found.is_exact
    assert found.value == pytest.approx((2 * math.pi / 50) ** 2 * effective, rel=1e-12, abs=0)
    assert timescales.slowest_rate(ring, 1.0).value == pytest.approx(0.5)
    bath = baths.caldeira_leggett(mass=1.0, eta=0.5, beta=2.0)
    double = System((Particle(1.0, potentials.double_well(quadratic=1.0, quartic=0.25), bath),), hbar=0.0)
    estimate = timescales.slowest_rate(double, None)
    assert not estimate.is_exact
    assert estimate.value == pytest.approx(0.25 * math.exp(-2.0), rel=1e-9, abs=0)  # barrier 1 at T = 1/2, rate eta/2


@pytest.mark.parametrize(("mass", "beta"), [(100.0, 1e-4), (10.0, 1e-5), (1.0, 1e-6), (1e-18, 1e18)])
def test_hot_and_heavy_caldeira_leggett_is_not_taken_for_completely_positive(mass, beta):
    """Its margin is tiny against the trace in these units; d_qq d_pp = 0 < (hbar eta/4)^2 has no units to hide in."""
    bath = baths.caldeira_leggett(mass=mass, eta=0.5, beta=beta)
    system = systems.oscillator(bath, mass=mass)
    assert not system.is_completely_positive()
    enough = baths.brownian(model="x", mass=mass, hbar=1.0, eta=0.5, beta=beta)
    assert systems.oscillator(enough, mass=mass).is_on_cp_boundary()
    unitary = systems.oscillator(baths.none(), mass=mass)
    assert unitary.is_completely_positive()


def test_a_particle_without_a_bath_is_on_the_boundary():
    """Its noise is the least that is completely positive, none; so the pair's margin is zero."""
    bath = baths.quantum_optical(mass=1.0, hbar=1.0, omega=1.0, eta=0.4, beta=0.7)
    well = potentials.harmonic(mass=1.0, omega=1.0)
    pair = System((Particle(1.0, well, bath), Particle(1.0, well, baths.none())), 1.0)
    assert pair.cp_margin() == 0
    assert pair.is_on_cp_boundary()
    assert not System((Particle(1.0, well, bath),) * 2, 1.0).is_on_cp_boundary()


@pytest.mark.parametrize("unit", [1e-14, 1.0, 1e14])
def test_wells_do_not_depend_on_the_unit_of_energy(unit):
    potential = potentials.double_well(quadratic=unit, quartic=unit)
    np.testing.assert_allclose(np.sort(potential.minima()), [-1, 1], rtol=1e-12)


def test_a_straight_line_and_a_tilted_flat_cosine_are_the_same_potential():
    line, cosine = potentials.Polynomial((0.0, -0.3)), potentials.Cosine(0.0, 1.0, 0.3)
    q = np.linspace(-1, 1, 5)
    assert line.tilt == cosine.tilt == 0.3
    np.testing.assert_allclose(line.energy(q), cosine.energy(q), rtol=0, atol=1e-16)
    assert str(line) == str(cosine) == "U = -0.3 q"
    assert str(potentials.Polynomial((1.0, 0.0, -0.5, 0.25))) == "U = 1 - 0.5 q^2 + 0.25 q^3"
    assert str(potentials.Polynomial((1.0, 1.0, -1.0))) == "U = 1 + q - q^2"
    assert str(potentials.Cosine(1.0, 1.0, 0.3)) == "U = -cos(q) - 0.3 q"
    assert str(potentials.Cosine(-0.5, 2.0, -1.0)) == "U = 0.5 cos(2 q) + q"
    assert potentials.harmonic(mass=1.0, omega=1.0).tilt == 0.0


def test_gaussians_of_any_size_have_a_finite_norm():
    """det(2 pi V) itself would underflow; mass by a midpoint sum over 12 deviations."""
    sigma = 1e-85
    x = np.linspace(-12, 12, 200) * sigma
    W = states.gaussian([0, 0], sigma**2 * np.eye(2)).values((x[:, None], x[None, :]))
    assert (W / W.max()).sum() * W.max() * (x[1] - x[0]) * (x[1] - x[0]) == pytest.approx(1, rel=1e-12, abs=0)


class Plain:
    """A bath as a user may write it: two matrices."""

    drift = np.array([[-0.2, 0.1], [-0.3, -0.5]])
    diffusion = np.array([[0.4, 0.1], [0.1, 1.2]])


def test_matrices_of_a_user_read_as_the_numbers_of_a_bath():
    """Same dissipator by numbers: A_qq = alpha - xi, A_pp = -(alpha + eta), A_pq = -stiffness, B = 2 D."""
    bath = custom.as_bath(Plain())
    assert (bath.alpha - bath.xi, bath.eta, bath.stiffness) == pytest.approx((-0.2, 0.7, 0.3))
    assert (bath.d_qq, bath.d_pp, bath.d_qp) == pytest.approx((0.2, 0.6, 0.05))
    assert bath.at(3.0) is bath
    assert (bath.model, bath.beta, bath.memory) == ("Plain", None, None)
    given = baths.none()
    assert custom.as_bath(given) is given


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("drift", np.eye(3), "`drift` of .* must be a finite 2 x 2 matrix"),
        ("drift", "fast", "`drift` of .* must be a finite 2 x 2 matrix"),
        ("diffusion", [[1.0, math.nan], [0.0, 1.0]], "`diffusion` of .* must be a finite 2 x 2 matrix"),
        ("diffusion", [[1.0, 0.2], [0.1, 1.0]], "`diffusion` of .* must be symmetric"),
    ],
)
def test_matrices_of_a_user_that_are_none(name, value, words):
    source = Plain()
    setattr(source, name, value)
    with pytest.raises(UsageError, match=words):
        custom.as_bath(source)


def test_an_anharmonic_system_has_no_drift_matrix():
    system = System((Particle(1.0, POTENTIALS["quartic"], baths.none()),))
    with pytest.raises(UsageError, match="take linearised_drift"):
        _ = system.drift_matrix
    stiffness = POTENTIALS["quartic"].derivative(0.7, 2)
    np.testing.assert_allclose(system.linearised_drift(np.array([0.7])), [[0, 1], [-stiffness, 0]], rtol=1e-14)


def test_what_a_system_prints():
    text = repr(systems.model("custom", mass=1.7))
    assert "System of 1 particle, hbar = 1" in text
    assert "mass 1.7, U = 0.85 q^2, bath custom" in text
    assert "eta 0.5, alpha -0.1, xi 0.05, d_qq 0.08, d_pp 0.7, d_qp -0.05" in text
    assert systems.model("custom")._repr_html_().startswith("<pre>System of 1")


def test_a_cosine_confines_nothing():
    with pytest.raises(ValueError, match="does not confine"):
        POTENTIALS["cosine"].range_below(1.0)


@pytest.mark.parametrize("levels", [0, 701])
def test_levels_that_cannot_be(levels):
    with pytest.raises(UsageError, match=f"from 1 to 700, but is {levels}"):
        fock.to_fock(np.ones((16, 16)), np.arange(16), np.arange(16), levels=levels, mass=1.0, hbar=1.0, omega=1.0)


def test_the_vacuum_in_one_level():
    x = np.linspace(-6, 6, 120)
    W = states.gaussian([0, 0], np.eye(2) / 2).values((x[:, None], x[None, :]))
    np.testing.assert_allclose(
        fock.to_fock(W, x, x, levels=1, mass=1.0, hbar=1.0, omega=1.0), [[1.0]], rtol=0, atol=1e-12
    )


# --- arguments --------------------------------------------------------------------------------------------------------

WELL, BATH = POTENTIALS["harmonic"], baths.caldeira_leggett(mass=1.3, eta=0.5, beta=1.0)
ONE = Particle(1.3, WELL, BATH)
BROWNIAN = {"mass": 1.0, "hbar": 1.0, "eta": 0.5, "beta": 0.7}
MATRICES = (
    "drift_matrix",
    "diffusion_matrix",
    "dissipative_drift",
    "force",
    "spring_matrix",
    "stiffness_matrix",
    "irreversible_drift",
    "irreversible_diffusion",
    "reversible_diffusion",
)


@pytest.mark.parametrize("value", [-1, 0, math.nan, math.inf, 10**400, 1j, "1", True])
def test_masses_and_temperatures_that_cannot_be(value):
    for call in (
        lambda: Particle(value, WELL, BATH),
        lambda: potentials.harmonic(mass=value, omega=1.0),
        lambda: potentials.Cosine(1.0, value),
        lambda: baths.caldeira_leggett(mass=1.0, eta=0.5, beta=value),
        lambda: baths.brownian(model="minimally_invasive", **BROWNIAN | {"mass": value}),
        lambda: baths.quantum_optical(omega=value, **BROWNIAN),
        lambda: System((ONE,), husimi_omegas=(value,)),
    ):
        with pytest.raises(UsageError, match="must be a finite number above 0, but is "):
            call()


@pytest.mark.parametrize("value", [-1, math.nan, math.inf, 1j, "1", None])
def test_values_of_hbar_that_cannot_be(value):
    with pytest.raises(UsageError, match="hbar must be a finite number, 0 or above, but is "):
        System((ONE,), value)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Particle(None, WELL, BATH), "mass must be a finite number above 0, but is None"),
        (lambda: Particle(1.0, None, BATH), "potential must be one of .* but is None"),
        (lambda: Particle(1.0, WELL, "cold"), "bath must be one of .* but is 'cold'"),
        (lambda: System([]), "particles must be a tuple of at least one fpsolver.Particle, but is empty"),
        (lambda: System(ONE), "particles must be a tuple of Particle objects, but is Particle"),
        (lambda: System(None), "particles must be a tuple of Particle objects, but is None"),
        (lambda: System((1.0,)), "particles must be a tuple of Particle objects, but is"),
        (lambda: System((ONE,), moyal="no"), "moyal must be True or False, but is 'no'"),
        (lambda: System((ONE,), husimi_omegas=1.0), "a tuple, a frequency or None for each particle, but is 1.0"),
        (
            lambda: husimi.window(System((ONE,), husimi_omegas=(1.0, 2.0))),
            "husimi_omegas must be 1, one for each particle, but are 2",
        ),
        (lambda: System((ONE,), couplings=Coupling(0, 1, 1.0)), "couplings must be a tuple of Coupling objects"),
        (lambda: System((ONE,), couplings=(Coupling(0, 1, 1.0),)), "between particles 0 to 0, but one ties particle 1"),
        (lambda: Coupling(1, 1, 1.0), "ties particle 1 to itself"),
        (lambda: Coupling(0, -1, 1.0), "must be a whole number, at least 0, but is -1"),
        (lambda: Coupling(0, 1.5, 1.0), "must be a whole number, at least 0, but is 1.5"),
        (lambda: Coupling(0, 1, math.nan), "stiffness must be a finite real number, but is nan"),
        (lambda: System((ONE,)).at("now"), "time must be a real number or inf, but is 'now'"),
        (lambda: System((ONE,)).at(math.nan), "time must be a real number or inf, but is nan"),
        (lambda: potentials.Polynomial(None), r"coefficients must be a tuple of numbers \(c0, c1, ..\).* but is None"),
        (lambda: potentials.Polynomial("abc"), "coefficients must be a tuple of numbers .* but is 'abc'"),
        (lambda: potentials.Polynomial(()), "coefficients must be a tuple of numbers"),
        (lambda: potentials.Polynomial((1.0, "2")), "coefficient 1 must be a finite real number, but is '2'"),
        (lambda: potentials.Polynomial((math.nan,)), "coefficient 0 must be a finite real number, but is nan"),
        (lambda: potentials.Cosine("1", 1.0), "amplitude must be a finite real number, but is '1'"),
        (lambda: potentials.Cosine(1.0, 1.0, math.inf), "tilt must be a finite real number, but is inf"),
        (lambda: potentials.double_well(quadratic=1.0, quartic="1"), "quartic must be a finite real number"),
        (lambda: baths.Bath(eta="1"), "eta of a bath must be a finite real number, but is '1'"),
        (lambda: baths.Bath(d_qq=math.nan), "d_qq of a bath must be a finite real number, but is nan"),
        (lambda: baths.Bath(beta=-1.0), "beta of a bath must be a finite number above 0, but is -1.0"),
        (lambda: baths.caldeira_leggett(mass=1.0, eta=-0.5, beta=1.0), "eta must be a finite number, 0 or above"),
        (lambda: baths.lindblad("qp", hbar=1.0), r"operators must be a list of finite pairs \(u, v\)"),
        (lambda: baths.lindblad([(1.0, 2.0, 3.0)], hbar=1.0), "operators must be a list of finite pairs"),
        (lambda: states.gaussian(None, None), "mean must be real numbers, but is None"),
        (lambda: states.gaussian([0.0, 0.0], -np.eye(2)), "symmetric and positive definite"),
    ],
)
def test_what_no_system_is_made_of(make, words):
    with pytest.raises(UsageError, match=words):
        make()


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        (np.eye(3), r"finite real numbers of shape \(2, 2\), but has the shape \(3, 3\)"),
        ([[1.0, math.nan], [0.0, 1.0]], "finite real numbers of shape .* nan"),
        (1j * np.eye(2), "finite real numbers of shape"),
        ([[1], [1, 2]], "finite real numbers of shape"),
        ("matrix", "finite real numbers of shape .* but is 'matrix'"),
    ],
)
def test_matrices_that_no_dissipator_has(matrix, words):
    for name in ("drift", "diffusion"):
        with pytest.raises(UsageError, match=f"{name} must be {words}"):
            System((ONE,), **{name: matrix})


def test_noise_is_symmetric_and_not_negative():
    for matrix, words in (([[1, 0.5], [0, 1]], "symmetric"), (np.diag([1.0, -0.1]), "the eigenvalue -0.1: noise")):
        with pytest.raises(UsageError, match=f"diffusion must be .*{words}"):
            System((ONE,), diffusion=matrix)
    rounded = np.array([[1.0, 1.0 + 1e-15], [1.0, 1.0]])
    assert System((ONE,), diffusion=rounded).diffusion_matrix[0, 1] == rounded[0, 1]


@pytest.mark.parametrize("model", ["caldeira_leggett", "quantum_optical", "minimaly_invasive", None])
def test_models_of_the_brownian_family(model):
    """Another bath's name would be a lie, and a misspelt one a riddle; names of the user's own are welcome."""
    with pytest.raises(UsageError, match=rf"baths\.brownian makes minimally_invasive, .* but model is {model!r}"):
        baths.brownian(model=model, **BROWNIAN)
    with pytest.raises(UsageError, match=r"; take baths\.lindblad"):
        baths.brownian(model="lindblad", **BROWNIAN)
    assert baths.brownian(model="mine", **BROWNIAN).model == "mine"


def test_numbers_of_any_real_type_are_numbers():
    particle = Particle(np.float32(2.0), potentials.Polynomial(np.array([0, 0, 1])), BATH)
    assert (particle.mass, particle.potential.coefficients) == (2.0, (0.0, 0.0, 1.0))
    assert System([particle], np.array(1)).hbar == 1.0


@pytest.mark.parametrize("name", MATRICES)
def test_nobody_writes_into_the_matrices_of_a_system(name):
    """All later results come from them. Copies and what was pickled are as safe."""
    system = systems.model("translation_covariant")
    getattr(system, name)
    for other in (system, copy.deepcopy(system), pickle.loads(pickle.dumps(system))):
        with pytest.raises(ValueError, match="read-only"):
            getattr(other, name)[0] = 9.0
        np.testing.assert_array_equal(getattr(other, name), getattr(system, name))


def test_a_system_keeps_its_own_copy_of_what_it_was_given():
    drift, diffusion, particles = -np.eye(2), np.eye(2), [ONE]
    system = System(particles, 1.0, drift, diffusion)
    drift[:], diffusion[:], particles[0] = 9.0, 9.0, None
    np.testing.assert_array_equal(system.drift, -np.eye(2))
    np.testing.assert_array_equal(system.diffusion_matrix, np.eye(2) + ONE.bath.diffusion)
    with pytest.raises(ValueError, match="read-only"):
        system.drift[0, 0] = 9.0
    with pytest.raises(ValueError, match="read-only"):
        custom.as_bath(Plain()).drift[0, 0] = 9.0


def test_a_particle_alone_keeps_its_own_window_and_may_have_noise_of_round_off():
    noise = np.kron([[1.0, 1.0 + 1e-15], [1.0, 1.0]], np.diag([0.0, 1.0]))
    pair = System((ONE, ONE), 1.0, diffusion=noise, husimi_omegas=(1.0, 2.0))
    second = timescales.alone(pair, 1)
    assert (second.husimi_omegas, second.diffusion[0, 1]) == ((2.0,), 1.0 + 1e-15)


UNITS_OF_Q = (1.0, 1e7**0.5, 1e-9, 1e150)


@pytest.mark.parametrize("unit", UNITS_OF_Q)
def test_matrices_are_judged_in_any_units(unit):
    """q -> q/unit, p -> p unit: what is noise, or a covariance, in one system of units is that in every other."""
    scale = np.outer([1 / unit, unit], [1 / unit, unit])
    singular, negative = (scale * np.array([[0.2, x], [x, 0.2]]) for x in (0.2, 0.4))
    skew = scale * np.array([[0.2, 0.1], [0.1 + 1e-8, 0.2]])
    np.testing.assert_array_equal(System((ONE,), diffusion=singular).diffusion, singular)
    bath = custom.as_bath(SimpleNamespace(drift=np.eye(2), diffusion=negative))
    np.testing.assert_array_equal(bath.diffusion, negative)  # symmetric; more is asked by the configuration
    states.gaussian([0.0, 0.0], singular + np.diag(1e-3 * np.diag(singular)))
    with pytest.raises(UsageError, match="positive semidefinite, but has the eigenvalue -"):
        System((ONE,), diffusion=negative)
    with pytest.raises(UsageError, match="diffusion must be symmetric"):
        System((ONE,), diffusion=skew)
    with pytest.raises(UsageError, match=r"`diffusion` of .* must be symmetric"):
        custom.as_bath(SimpleNamespace(drift=np.eye(2), diffusion=skew))
    for matrix in (negative, skew):
        with pytest.raises(UsageError, match="symmetric and positive definite"):
            states.gaussian([0.0, 0.0], matrix)


def test_noise_at_the_ends_of_the_floating_point_range():
    """Without a warning; noise of one coordinate alone cannot be correlated with that of another."""
    for rows in ([[0, 0], [0, 0]], [[5e-324, 0], [0, 1]], [[1e308, 1e308], [1e308, 1e308]], [[5e-324, 0], [0, 1e308]]):
        np.testing.assert_array_equal(System((ONE,), diffusion=rows).diffusion, rows)
    for rows in (
        [[0, 1e-30], [1e-30, 1]],
        [[0, 5e-324], [5e-324, 0]],
        [[5e-324, 1e300], [1e300, 1]],
        [[-1e-30, 0], [0, 1]],
    ):
        with pytest.raises(UsageError, match="has the eigenvalue -"):
            System((ONE,), diffusion=rows)
