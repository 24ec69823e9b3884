"""Von Neumann side of Gaussian states, against density matrices in the Fock basis and slopes of relative entropies."""

import math

import numpy as np
import pytest
from scipy.linalg import logm

import fpsolver as fp
from fpsolver import api
from fpsolver.errors import UsageError
from fpsolver.physics import baths, equilibrium, potentials, states, von_neumann
from fpsolver.physics.fock import to_fock
from fpsolver.physics.system import Coupling, Particle, System
from tests import systems

UNITS = systems.UNITS[1]
MEAN, V = np.array([0.3, -0.2]), np.array([[0.9, 0.12], [0.12, 0.7]])


def density_matrix(mean, covariance, levels=70):
    """rho_nm of a Gaussian, from its W on a grid."""
    x = np.linspace(-11, 11, 240)
    W = states.gaussian(mean, covariance).values((x[:, None], x[None, :]))
    return to_fock(W, x, x, levels=levels, **UNITS)


@pytest.mark.slow
def test_entropy_and_relative_entropy_are_those_of_density_matrices():
    """-Tr rho ln rho and Tr rho (ln rho - ln sigma), by eigenvalues and matrix logarithms in 70 levels."""
    rho = density_matrix(MEAN, V)
    values = np.linalg.eigvalsh(rho)
    values = values[values > 1e-15]
    assert values.sum() == pytest.approx(1, abs=1e-12)
    expected = -(values * np.log(values)).sum()
    assert von_neumann.entropy(V, UNITS["hbar"]) == pytest.approx(expected, abs=1e-11)
    other = states.gaussian([-0.1, 0.1], [[1.5, -0.1], [-0.1, 1.4]])
    sigma = density_matrix(other.mean, other.covariance)
    log_sigma = logm(sigma[:45, :45])  # the top of the ladder is round-off
    relative = -expected - np.trace(rho[:45, :45] @ log_sigma).real
    found = von_neumann.relative_entropy(states.gaussian(MEAN, V), other, UNITS["hbar"])
    assert found == pytest.approx(relative, abs=1e-6)  # 45 levels
    assert von_neumann.relative_entropy(other, other, UNITS["hbar"]) == pytest.approx(0, abs=1e-12)


def moved(system, time):
    return states.gaussian(*systems.gaussian_path(system, MEAN, V, time))


@pytest.mark.parametrize("name", ["minimally_invasive", "translation_covariant", "symmetry_broken", "quantum_optical"])
def test_rates_are_slopes(name):
    """dS_vN/dt and Spohn's production from fourth-order differences of entropies along the exact evolution."""
    system, h = systems.model(name, **UNITS), 2e-3
    found, thermal = fp.exact.steady(system), equilibrium.thermal_state(system)
    steady = states.gaussian(found.mean, found.covariance)

    def slope(function):
        f = [function(moved(system, 0.4 + k * h)) for k in (-2, -1, 1, 2)]
        return (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h)

    now, hbar = moved(system, 0.4), UNITS["hbar"]
    rate = slope(lambda s: von_neumann.entropy(s.covariance, hbar))
    assert von_neumann.entropy_rate(system, now.covariance) == pytest.approx(rate, abs=1e-9)
    to_steady = -slope(lambda s: von_neumann.relative_entropy(s, steady, hbar))
    assert von_neumann.spohn_production(system, now, steady) == pytest.approx(to_steady, abs=1e-9)
    assert to_steady > 0
    to_thermal = -slope(lambda s: von_neumann.relative_entropy(s, thermal, hbar))
    assert von_neumann.spohn_production(system, now, thermal) == pytest.approx(to_thermal, abs=1e-9)
    assert von_neumann.spohn_gibbs(system, now) == pytest.approx(to_thermal, abs=1e-9)


def test_spohn_diverges_in_cold_baths_and_turns_negative_for_broken_balance():
    """sigma/beta -> eta (<H> - hbar omega/2) = eta for QO, from dS_vN/dt - beta d<H>/dt with the heat by hand."""
    state, eta = states.gaussian([1.0, 0.0], np.eye(2)), 0.5
    for beta, expected in {0.7: 0.271949257835, 5: 2.212114093888, 20: 9.725346908354, 100: 49.725346927833}.items():
        system = systems.model("quantum_optical", beta=beta)
        gain = eta * (0.5 / math.tanh(beta / 2) - 1)  # of each variance
        heat = gain - eta / 2  # H of the variances, and of the mean
        by_hand = gain / 2 * 2 * math.log(3) - beta * heat  # nu = 2: G = 2 arccoth(2) = ln 3
        found = von_neumann.spohn_gibbs(system, state)
        assert found == pytest.approx(by_hand, rel=1e-12, abs=0)
        assert found == pytest.approx(expected, rel=1e-11, abs=0)
    assert von_neumann.spohn_gibbs(systems.model("minimally_invasive", beta=20), state) < -2


def test_pure_and_impossible_states():
    vacuum, system = 0.5 * np.eye(2), systems.model("minimally_invasive")
    assert von_neumann.entropy(vacuum, 1.0) == pytest.approx(0, abs=1e-13)  # nu to round-off
    assert von_neumann.entropy_rate(system, vacuum) == math.inf
    assert von_neumann.spohn_gibbs(system, states.gaussian([0, 0], vacuum)) == math.inf
    assert (
        von_neumann.relative_entropy(states.gaussian([0, 0], np.eye(2)), states.gaussian([0, 0], vacuum), 1.0)
        == math.inf
    )
    with pytest.raises(UsageError, match="below hbar/2"):
        von_neumann.entropy(0.4 * np.eye(2), 1.0)
    with pytest.raises(UsageError, match="needs hbar > 0"):
        von_neumann.entropy(vacuum, 0.0)
    with pytest.raises(UsageError, match="baths of one temperature"):
        von_neumann.spohn_gibbs(systems.model("custom"), states.gaussian([0, 0], np.eye(2)))


def test_kms_balance_of_one_particle_is_the_first_line():
    """Appendix D is right for one particle: the defect vanishes exactly with B = -2 A^I V."""
    for units in systems.UNITS:
        for name in systems.MODELS:
            system = systems.model(name, **units)
            S = systems.lyapunov(system)
            line = np.abs(system.diffusion_matrix + 2 * system.irreversible_drift @ S).max()
            defect = von_neumann.kms_defect(system, S)
            even = name not in ("translation_covariant", "lindblad", "custom")
            assert (defect < 1e-12) == (line < 1e-12), name
            assert (line < 1e-12) == (
                name.endswith("_db") or name in ("caldeira_leggett", "quantum_optical")
            ) or not even


def test_kms_balance_of_two_particles_is_another():
    """Wigner detailed balance holds exactly, complete positivity too, KMS balance does not: F mixes the particles."""
    well = potentials.harmonic(mass=1.0, omega=1.0)
    spring = (Coupling(0, 1, 0.6),)
    V = 1.5 * np.linalg.inv(
        np.block([[np.array([[1.6, -0.6], [-0.6, 1.6]]), np.zeros((2, 2))], [np.zeros((2, 2)), np.eye(2)]])
    )
    A = -np.diag([0.2, 0.2, 0.4, 0.1])
    system = System((Particle(1.0, well, baths.none()),) * 2, 1.0, A, -2 * A @ V, spring)
    np.testing.assert_allclose(systems.lyapunov(system), V, rtol=0, atol=1e-12)
    np.testing.assert_allclose(system.diffusion_matrix, -2 * system.irreversible_drift @ V)
    assert system.is_completely_positive()
    assert system.cp_margin() == pytest.approx(0.151, abs=5e-4)
    assert fp.exact.steady(system).Pi == pytest.approx(0, abs=1e-14)
    assert von_neumann.kms_defect(system, V) == pytest.approx(0.0122023382523, abs=1e-12)
    twice = von_neumann.kms_dual(von_neumann.kms_dual(system.drift_matrix, V, 1.0), V, 1.0)
    np.testing.assert_allclose(twice, system.drift_matrix, rtol=0, atol=1e-12)  # a dual of a dual


def test_thermal_state_of_coupled_particles():
    """exp(-beta H): the modular matrix is beta times the matrix of H, with masses and springs; a force moves it."""
    wells = (potentials.harmonic(mass=1.0, omega=1.0), potentials.Polynomial((0.0, 0.3, 1.2)))
    bath = {"eta": 0.1, "beta": 0.8}
    pairs = zip((1.0, 2.5), wells, strict=True)
    parts = tuple(Particle(m, U, baths.caldeira_leggett(mass=m, **bath)) for m, U in pairs)
    system = System(parts, 0.7, couplings=(Coupling(0, 1, 0.4),))
    thermal = equilibrium.thermal_state(system)
    H = np.zeros((4, 4))
    H[:2, :2] = [[1.4, -0.4], [-0.4, 2.8]]
    H[2:, 2:] = np.diag([1.0, 0.4])
    np.testing.assert_allclose(von_neumann.modular_matrix(thermal.covariance, 0.7), 0.8 * H, rtol=0, atol=1e-11)
    np.testing.assert_allclose(thermal.mean[:2], np.linalg.solve(H[:2, :2], [0.0, -0.3]), rtol=0, atol=1e-14)


def configured(**changes):
    system = {
        "mass": 1.3,
        "potential": {"kind": "harmonic", "omega": 0.8},
        "bath": {"model": "quantum_optical", "eta": 0.5, "beta": 0.7},
    }
    start = {"kind": "gaussian", "mean": [0.4, 0.1], "covariance": [[1.0, 0.1], [0.1, 1.2]]}
    sections = {
        "system": system | changes.pop("system", {}),
        "initial": start,
        "time": {"until": 0.1},
        "output": {"every": 0.1},
    }
    return fp.Config(**{**sections, **changes})


def test_relative_entropy_in_the_series():
    """int W ln(W/W_th) by the closed form of two Gaussians, along a run; it falls."""
    result = api.run_problem(api.prepare(configured()))
    found = result.series["relative_entropy_thermal"]
    energy = 0.4 / math.tanh(0.7 * 0.4)
    G = np.diag([energy / (1.3 * 0.64), 1.3 * energy])
    for k in (0, 1):
        mean, V = result.exact["mean"][k], result.exact["covariance"][k]
        expected = np.trace(np.linalg.solve(G, V)) - 2 + mean @ np.linalg.solve(G, mean)
        expected = (expected + math.log(np.linalg.det(G) / np.linalg.det(V))) / 2
        assert found[k] == pytest.approx(expected, abs=1e-9)
    assert found[1] < found[0]


def test_relative_entropy_to_a_classical_gibbs_state():
    """A double well without hbar: the sampled Gibbs state has none, another state the sum over cells."""
    bath = {"model": "caldeira_leggett", "eta": 0.5, "beta": 0.7}
    system = {"potential": {"kind": "double_well", "quadratic": 1.0, "quartic": 0.5}, "bath": bath}
    result = api.run_problem(api.prepare(configured(system=system, units={"hbar": 0.0})))
    q, p = result.grid.coordinates
    gibbs = np.exp(-0.7 * (-(q**2) / 2 + q**4 / 8 + p**2 / 2.6))
    gibbs /= result.grid.integrate(gibbs)
    W = result.final.W
    expected = result.grid.integrate(W * np.log(np.where(W > 0, W, 1.0) / gibbs))
    assert result.last("relative_entropy_thermal") == pytest.approx(expected, abs=1e-9)


REASONS = {
    "no bath": ({"bath": {"model": "none"}}, "no common temperature"),
    "free": (
        {"potential": {"kind": "free"}, "bath": {"model": "caldeira_leggett", "eta": 0.5, "beta": 0.7}},
        "confines",
    ),
}


@pytest.mark.parametrize("name", REASONS)
def test_no_thermal_state_has_a_reason(name):
    system, words = REASONS[name]
    result = api.run_problem(api.prepare(configured(system=system)))
    assert np.isnan(result.series["relative_entropy_thermal"]).all()
    assert words in result.reasons["relative_entropy_thermal"]


def test_what_pure_modes_and_impossible_covariances_do_not_have():
    hbar = UNITS["hbar"]
    vacuum = hbar / 2 * np.eye(2)
    for call, words in (
        (lambda: von_neumann.modular_matrix(vacuum, hbar), "pure mode has no modular matrix"),
        (lambda: von_neumann.kms_dual(-np.eye(2), vacuum, hbar), "pure mode has no KMS inner product"),
        (
            lambda: von_neumann.entropy(np.diag([1.0, -1.0]), hbar),
            "positive definite, but has the eigenvalue -1",
        ),
    ):
        with pytest.raises(UsageError, match=words):
            call()
    system = systems.model("quantum_optical", **UNITS)
    reference = states.gaussian([0, 0], vacuum)
    assert von_neumann.spohn_production(system, states.gaussian(MEAN, V), reference) == math.inf


def test_relative_entropy_of_a_pure_state():
    """0 of itself, inf of another one."""
    pure = states.gaussian([0.3, 0.1], UNITS["hbar"] / 2 * np.diag([2.0, 0.5]))
    assert von_neumann.relative_entropy(pure, pure, UNITS["hbar"]) == 0
    assert von_neumann.relative_entropy(states.gaussian([0.4, 0.1], pure.covariance), pure, UNITS["hbar"]) == math.inf
