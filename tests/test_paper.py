"""What docs/physics.md says of arXiv:2507.23322v2: right forms hold, printed ones do not, for non-unit parameters."""

import math

import numpy as np
import pytest

from fpsolver.physics import baths, equilibrium, exact, husimi, potentials
from fpsolver.physics.system import Particle, System
from tests import systems

PARAMETERS = [
    {"mass": 1.0, "omega": 1.0, "hbar": 1.0, "eta": 0.5, "beta": 0.7},
    {"mass": 1.3, "omega": 0.8, "hbar": 0.9, "eta": 1.5, "beta": 2.0},
    {"mass": 0.4, "omega": 2.1, "hbar": 1.7, "eta": 0.3, "beta": 0.4},
]
E = np.diag([1.0, -1.0])


@pytest.fixture(params=PARAMETERS, ids=["unit", "slow", "fast"])
def known(request):
    return request.param


def steady(known, **extra):
    """Exact steady state of the paper's oscillator, and its bath."""
    common = {name: known[name] for name in ("mass", "hbar", "eta", "beta")}
    bath = baths.brownian(model="x", **common, **extra)
    system = systems.oscillator(bath, mass=known["mass"], omega=known["omega"], hbar=known["hbar"])
    return exact.steady(system), bath


def test_equations_14_and_15(known):
    """V_12 = -m D_qq, not -2 m D_qq; Pi = eta (beta hbar omega/4)^2, which the printed Eq. 15 misses."""
    found, bath = steady(known)
    m, w, eta = known["mass"], known["omega"], known["eta"]
    assert found.covariance[0, 1] == pytest.approx(-m * bath.d_qq, rel=1e-12, abs=0)
    production = eta * (known["beta"] * known["hbar"] * w / 4) ** 2
    assert found.Pi == pytest.approx(production, rel=1e-10, abs=0)
    assert found.Phi == pytest.approx(production, rel=1e-10, abs=0)
    V = found.covariance.copy()
    V[0, 1] = V[1, 0] = -2 * m * bath.d_qq
    printed = bath.d_qq * eta * m**2 * w**2
    printed *= 1 / bath.d_pp + 3 * bath.d_qq * eta**2 * m**2 / (eta**2 * m**2 * w**2 * np.linalg.det(V))
    assert abs(printed / production - 1) > 1e-3


def test_equation_15_in_a_cold_bath():
    found, _ = steady({"mass": 1.0, "omega": 1.0, "hbar": 1.0, "eta": 2.0, "beta": 4.0})
    assert found.Pi == pytest.approx(2.0, rel=1e-12, abs=0)


def test_production_with_cross_diffusion(known):
    found, bath = steady(known, d_qp=0.3)
    m, w = known["mass"], known["omega"]
    expected = known["eta"] * m**2 * w**2 * bath.d_qq / bath.d_pp
    expected -= 2 * m * bath.d_qp * bath.d_qq / np.linalg.det(found.covariance)
    assert found.Pi == pytest.approx(expected, rel=1e-10, abs=0)


@pytest.mark.parametrize("part", [-0.3, -0.05, 0.1])
def test_production_with_squeezing(known, part):
    alpha, m, w, eta = part * known["eta"], known["mass"], known["omega"], known["eta"]
    found, bath = steady(known, alpha=alpha)
    top = (alpha * bath.d_pp + (alpha + eta) * m**2 * w**2 * bath.d_qq) ** 2
    expected = top / (bath.d_pp * bath.d_qq * eta * m**2 * (w**2 - alpha * (alpha + eta)))
    assert found.Pi == pytest.approx(expected, rel=1e-9, abs=0)


@pytest.mark.parametrize("part", [0.02, 0.3])
def test_production_with_position_friction(known, part):
    xi, m, w, eta = part * known["eta"], known["mass"], known["omega"], known["eta"]
    found, bath = steady(known, xi=xi)
    top = (eta * m**2 * w**2 * bath.d_qq - xi * bath.d_pp) ** 2
    expected = top / (bath.d_pp * bath.d_qq * m**2 * (eta + xi) * (w**2 + eta * xi))
    assert found.Pi == pytest.approx(expected, rel=1e-9, abs=0)


def test_equations_18_and_19(known):
    """V = diag(-D_qq/alpha, D_pp/(eta + alpha)) at T = (1 + y)/beta; the printed entries are -V^-1/2."""
    _, plain = steady(known)
    alpha = baths.alpha_detailed_balance(
        mass=known["mass"], omega=known["omega"], eta=known["eta"], d_qq=plain.d_qq, d_pp=plain.d_pp
    )
    found, bath = steady(known, alpha=alpha)
    expected = np.diag([-bath.d_qq / alpha, bath.d_pp / (known["eta"] + alpha)])
    np.testing.assert_allclose(found.covariance, expected, rtol=0, atol=1e-12 * expected.max())
    y = (known["beta"] * known["hbar"] * known["omega"] / 4) ** 2
    heat = equilibrium.temperatures(found)
    assert heat.position == pytest.approx((1 + y) / known["beta"], rel=1e-12, abs=0)
    assert heat.momentum == pytest.approx(heat.position, rel=1e-12, abs=0)
    assert abs(found.Pi) <= 1e-14
    printed = np.diag([alpha / (2 * bath.d_qq), -(known["eta"] + alpha) / (2 * bath.d_pp)])
    np.testing.assert_allclose(printed, -np.linalg.inv(expected) / 2, rtol=1e-12)


def test_position_friction_breaks_equation_8_as_printed(known):
    """Eq. 8 saturates at xi = 0; with eta + xi in it every xi is completely positive."""
    _, plain = steady(known)
    for xi in (0.01, 0.3):
        printed, _ = steady(known, xi=xi, d_qq=plain.d_qq)
        right, _ = steady(known, xi=xi)
        assert not printed.system.is_completely_positive()
        assert right.system.is_on_cp_boundary()


def test_complete_positivity_lets_no_pure_gaussian_become_purer(known):
    """d ln Tr rho^2/dt = -Tr A - Tr[V^-1 B]/2 over squeezed states: its maximum is the condition's two sides, at B."""
    hbar, eta, xi, d_qp = known["hbar"], known["eta"], 0.1, 0.05
    found, bath = steady(known, xi=xi, d_qp=d_qp, d_qq=0.3)
    A, B = found.system.drift_matrix, found.system.diffusion_matrix
    top = eta + xi - 4 / hbar * math.sqrt(bath.d_qq * bath.d_pp - d_qp**2)

    def growth(V):
        return -np.trace(A) - np.trace(np.linalg.solve(V, B)) / 2

    best = hbar / 2 * B / math.sqrt(np.linalg.det(B))
    assert growth(best) == pytest.approx(top, abs=1e-12)
    assert (top <= 0) == found.system.is_completely_positive()
    rotations = [np.array([[math.cos(t), -math.sin(t)], [math.sin(t), math.cos(t)]]) for t in np.linspace(0, 3, 13)]
    squeezed = [R @ np.diag([s, 1 / s]) @ R.T * hbar / 2 for R in rotations for s in np.geomspace(0.1, 1, 13)]
    assert max(map(growth, squeezed)) <= top + 1e-12


@pytest.mark.parametrize(("x_b", "possible"), [(0.7, True), (1.999, True), (2.001, False), (5.0, False)])
def test_tuned_position_friction_is_completely_positive_for_warm_baths_only(x_b, possible):
    """r/(1+r)^2 >= (x_b/4)^2 for the best r = 1 needs x_b <= 2; the smaller root is what `detailed_balance` takes."""
    xi = baths.xi_saturating(hbar=1.0, omega=1.0, eta=1.0, beta=x_b)
    assert (xi is not None) == possible
    if xi is not None:
        assert xi / (1 + xi) ** 2 == pytest.approx((x_b / 4) ** 2, rel=1e-9, abs=0)
        y = (x_b / 4) ** 2
        assert xi == pytest.approx((1 - 2 * y - math.sqrt(1 - 4 * y)) / (2 * y), rel=1e-9, abs=0)


def test_the_family_with_the_quantum_gibbs_state(known):
    """alpha = -a eta, D_qq = a eta V_11, D_pp = (1 - a) eta V_22 keeps V for every a; a = 1/2 is quantum optics."""
    m, w, hbar, eta, beta = (known[name] for name in ("mass", "omega", "hbar", "eta", "beta"))
    energy = hbar * w / 2 / math.tanh(beta * hbar * w / 2)
    V = np.diag([energy / (m * w**2), energy * m])
    for a in (0.1, 0.5, 0.8):
        bath = baths.Bath(eta=eta, alpha=-a * eta, d_qq=a * eta * V[0, 0], d_pp=(1 - a) * eta * V[1, 1])
        found = exact.steady(systems.oscillator(bath, mass=m, omega=w, hbar=hbar))
        np.testing.assert_allclose(found.covariance, V, rtol=0, atol=1e-12 * V.max())
        assert abs(found.Pi) <= 1e-13
        nu = 2 * energy / (hbar * w)
        assert found.system.is_completely_positive() == (4 * a * (1 - a) * nu**2 >= 1)


def test_only_the_irreversible_current_vanishes_in_equilibrium(known):
    """Caldeira-Leggett: A^I x + B V^-1 x/2 = 0 for all x, and the reversible drift stays."""
    bath = baths.caldeira_leggett(mass=known["mass"], eta=known["eta"], beta=known["beta"])
    found = exact.steady(systems.oscillator(bath, mass=known["mass"], omega=known["omega"], hbar=known["hbar"]))
    A, B, V = found.system.drift_matrix, found.system.diffusion_matrix, found.covariance
    irreversible = (A + E @ A @ E) / 2 + B @ np.linalg.inv(V) / 2
    np.testing.assert_allclose(irreversible, 0, rtol=0, atol=1e-12)
    assert np.abs((A - E @ A @ E) / 2).max() > 0.1


def test_husimi_diffusion(known):
    """B_Q = B - A S0 - S0 A^T; matched oscillator: that of the bath alone, B + diag(0, eta hbar m omega)."""
    found, _ = steady(known)
    A, B = found.system.drift_matrix, found.system.diffusion_matrix
    m, w, hbar, eta = (known[name] for name in ("mass", "omega", "hbar", "eta"))
    S0 = hbar / 2 * np.diag([1 / (m * w), m * w])
    B_Q = B - A @ S0 - S0 @ A.T
    np.testing.assert_allclose(husimi.bath_diffusion(found.system, S0), B_Q, rtol=0, atol=1e-13)  # H adds nothing
    np.testing.assert_allclose(B_Q, B + np.diag([0.0, eta * hbar * m * w]), rtol=0, atol=1e-13)
    free = System((Particle(m, potentials.free(), baths.none()),), hbar).drift_matrix
    np.testing.assert_allclose(-(free @ S0 + S0 @ free.T)[0, 1], -hbar * w / 2, rtol=1e-13)
    # detailed balance in the Husimi picture: B_Q = -2 A^I (V + S0) where B = -2 A^I V
    bath = baths.caldeira_leggett(mass=m, eta=eta, beta=known["beta"])
    gibbs = exact.steady(systems.oscillator(bath, mass=m, omega=w, hbar=hbar))
    A, B = gibbs.system.drift_matrix, gibbs.system.diffusion_matrix
    smoothed = gibbs.covariance + S0
    np.testing.assert_allclose(
        B - A @ S0 - S0 @ A.T, -2 * gibbs.system.irreversible_drift @ smoothed, rtol=0, atol=1e-12
    )


def test_infinite_production_is_a_limit(known):
    """alpha != 0 and D_qq -> 0: D_qq Pi tends to a number, so that Pi itself has none; dS/dt does."""
    products = []
    for d_qq in (1e-5, 1e-6, 1e-7):
        found, _ = steady(known, alpha=-0.1 * known["eta"], d_qq=d_qq)
        products.append(d_qq * found.Pi)
    assert products[2] == pytest.approx(products[1], rel=1e-4, abs=0)
    assert products[2] > 0
    none, _ = steady(known, alpha=-0.1 * known["eta"], d_qq=0.0)
    assert math.isinf(none.Pi)
    assert "without noise" in none.rates.reason
    assert np.isfinite(none.rates.entropy_rate)
