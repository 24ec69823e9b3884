"""A bath with memory: coefficients, averages over steps, moments, runs, refusals."""

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import exp1

import fpsolver as fp
from fpsolver import api, frames
from fpsolver.checks import ExactPath
from fpsolver.errors import ConfigError, GridError, StabilityError, UsageError
from fpsolver.physics import hu_paz_zhang, linear, transients
from fpsolver.simulation import make_stepper
from fpsolver.stepping.explicit import stable_step
from tests import systems

NUMBERS = {"mass": 1.0, "omega": 1.0, "hbar": 1.0, "gamma": 0.05, "cutoff": 5.0, "beta": 0.7}
CASES = (
    {},
    {"mass": 1.7, "omega": 0.6, "hbar": 0.8},
    {"beta": 20.0},
    {"cutoff": 60.0},
    {"cutoff": 0.2, "beta": 0.05},  # d_pp < 0 for a while
    {"hbar": 0.0, "cutoff": 2.0},
)
NAMES = ("stiffness", "eta", "d_qp", "d_pp")
MEAN, COVARIANCE = np.array([1.5, -0.5]), np.diag([0.5, 0.6])


def memory(**changes):
    return hu_paz_zhang.HuPazZhang(**{**NUMBERS, **changes})


def system(**changes):
    numbers = {**NUMBERS, **changes}
    units = {name: numbers[name] for name in ("mass", "omega", "hbar")}
    return systems.oscillator(hu_paz_zhang.bath(**numbers), **units)


def noise_kernel(s, *, mass, hbar, gamma, cutoff, beta, omega):
    """D1(s) from pi cot(pi x) and 2000 Matsubara frequencies, the others by exponential integrals."""
    del omega
    scale = 4 * mass * gamma * cutoff**2 / beta
    if hbar == 0:
        return scale / cutoff * np.exp(-cutoff * s)
    x, y = cutoff * beta * hbar / (2 * math.pi), 2 * math.pi * s / (beta * hbar)
    drude = beta * hbar / 2 / math.tan(math.pi * x) * np.exp(-cutoff * s)
    n, N = np.arange(1, 2001)[:, None], 2000
    terms = n * np.exp(-n * y) / (n**2 - x**2)
    tail = (np.exp(-x * y) * exp1((N - x) * y) + np.exp(x * y) * exp1((N + x) * y)) / 2
    rest = terms.sum(axis=0) + tail + terms[-1] * (-1 / 2 + (y + 1 / N) / 12)  # Euler-Maclaurin
    return scale * (drude + beta * hbar / math.pi * rest)


def by_quadrature(time, **changes):
    """The four coefficients from their defining integrals."""
    n = {**NUMBERS, **changes}
    m, w, L, g = n["mass"], n["omega"], n["cutoff"], n["gamma"]

    x, weights = np.polynomial.legendre.leggauss(300)
    u, weights = (x + 1) / 2, weights / 2
    s, weights = time * u**8, weights * 8 * time * u**7  # the noise kernel is logarithmic at 0
    drag, noise = 2 * g * L**2 * np.exp(-L * s) * weights, noise_kernel(s, **n) * weights
    cos, sin = np.cos(w * s), np.sin(w * s)
    return np.array([m * (2 * g * L - drag @ cos), drag @ sin / w, noise @ sin / (4 * m * w), noise @ cos / 2])


def coefficients(bath):
    return np.array([getattr(bath, name) for name in NAMES])


# --- coefficients ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", CASES, ids=str)
def test_coefficients_are_the_defining_integrals(changes):
    for time in (1e-3, 0.25, 2.0):
        found, expected = coefficients(memory(**changes).at(time)), by_quadrature(time, **changes)
        np.testing.assert_allclose(
            found, expected, rtol=0, atol=1e-11 * np.abs(expected).max()
        )  # Euler-Maclaurin and quadrature of a logarithm


def test_reference_numbers():
    """gamma = 0.05, cutoff 5, beta 0.7: Omega^2, eta, d_qp, d_pp, computed once in extended precision."""
    table = {
        0.25: (1.14587575593, 0.0353836382692, 0.00409206520529, 0.141454227564),
        1.0: (1.0204358514, 0.0930779362707, 0.00390643932925, 0.1430283142),
        4.0: (1.01923076873, 0.0961538470333, 0.00377437731488, 0.142926332997),
        16.0: (1.01923076923, 0.0961538461538, 0.00377437735471, 0.142926333042),
    }
    for time, expected in table.items():
        found = coefficients(memory().at(time)) + np.array([1.0, 0, 0, 0])
        np.testing.assert_allclose(found, expected, rtol=6e-12)  # half of the twelfth digit


@pytest.mark.parametrize("changes", CASES, ids=str)
def test_late_coefficients(changes):
    """eta = 2 gamma L^2/(L^2 + w^2), d_pp = eta m E(w); V diagonal, J^I = 0, Pi = Phi = 0 although d_qp != 0."""
    bath, found = memory(**changes), system(**changes)
    late = bath.at(math.inf)
    n = {**NUMBERS, **changes}
    energy = n["hbar"] * n["omega"] / 2 / math.tanh(n["beta"] * n["hbar"] * n["omega"] / 2) if n["hbar"] else 1 / 0.7
    assert late.eta == pytest.approx(
        2 * n["gamma"] * n["cutoff"] ** 2 / (n["cutoff"] ** 2 + n["omega"] ** 2), rel=1e-14, abs=0
    )
    assert late.d_pp == pytest.approx(late.eta * n["mass"] * energy, rel=1e-13, abs=0)  # a sum of 800 terms
    assert coefficients(bath.at(found.settled)) == pytest.approx(coefficients(late), rel=1e-14, abs=0)
    steady = fp.exact.steady(found)
    V = steady.covariance
    assert abs(V[0, 1]) <= 1e-13 * math.sqrt(V[0, 0] * V[1, 1])
    assert V[1, 1] == pytest.approx(n["mass"] * energy, rel=1e-12, abs=0)
    assert max(abs(steady.Pi), abs(steady.Phi)) <= 1e-13 * late.eta
    assert abs(late.d_qp) > 1e-4 * late.d_pp
    assert not n["hbar"] or found.cp_margin() < -1e-3 * late.d_pp


def test_nothing_at_the_start_but_the_counter_term():
    assert coefficients(memory().at(0.0)) == pytest.approx([0.5, 0, 0, 0], abs=1e-15)  # 2 m gamma L


def test_resonance_of_cutoff_and_matsubara_frequency_is_removable():
    """Where L = nu_n single terms are infinite, and their sum is the mean of both neighbours, up to curvature."""
    for n in (1, 3, 40):
        resonant = 2 * math.pi * n / NUMBERS["beta"]
        for time in (0.02, 1.0):
            below, at, above = (coefficients(memory(cutoff=resonant * (1 + x)).at(time)) for x in (-1e-5, 0.0, 1e-5))
            np.testing.assert_allclose(at, (below + above) / 2, rtol=1e-8)  # curvature x 1e-10
            assert np.isfinite(at).all()


def test_classical_limit():
    small, zero = (coefficients(memory(hbar=hbar).at(0.7)) for hbar in (1e-4, 0.0))
    np.testing.assert_allclose(small, zero, rtol=1e-5)  # terms of order hbar L beta, times small numbers


@pytest.mark.parametrize("changes", CASES, ids=str)
@pytest.mark.parametrize(("start", "step"), [(0.0, 0.1), (0.3, 1e-4), (0.3, 0.7)])
def test_averages_over_a_step(start, step, changes):
    """Mean and first moment of every coefficient, by quadrature of :meth:`at`; the start behaves as t ln t."""
    bath, middle = memory(**changes), start + step / 2
    first, second = (coefficients(half) for half in bath.averaged(start, step))
    x, weights = np.polynomial.legendre.leggauss(200)
    u, weights = ((x + 1) / 2) ** 4, weights * 2 * ((x + 1) / 2) ** 3
    values = np.array([coefficients(bath.at(t)) for t in start + step * u])
    mean, lever = weights @ values, (weights * (u - 0.5)) @ (values - coefficients(bath.at(middle)))
    scale = np.abs(values).max(axis=0)
    np.testing.assert_allclose((first + second) / 2, mean, rtol=0, atol=1e-12 * scale.max())  # quadrature of t ln t
    np.testing.assert_allclose((second - first) / 2, 4 * lever, rtol=0, atol=1e-12 * scale.max())


# --- against a bath of many oscillators ------------------------------------------------------------------------------


def exact_coefficients(times, gamma, *, omega=1.0, hbar=1.0, cutoff=5.0, beta=0.7, count=800, highest=320.0):
    """A = Mdot M^-1 and B = Cdot - A C - C A^T from x(t) = M x(0) + noise: normal modes of the whole (all masses 1)."""
    step = highest / count
    w = (np.arange(count) + 0.5) * step
    spectral = 2 * gamma / np.pi * w * cutoff**2 / (cutoff**2 + w**2)
    c = np.sqrt(2 * w * spectral * step)  # J(w) = sum c_k^2/(2 w_k) delta(w - w_k)
    K = np.diag(np.append(omega**2 + np.sum(c**2 / w**2), w**2))
    K[0, 1:] = K[1:, 0] = -c
    squares, U = np.linalg.eigh(K)
    W = np.sqrt(squares)
    energies = hbar * w / 2 / np.tanh(beta * hbar * w / 2)
    bath = np.concatenate([energies / w**2, energies])  # variances of x_k and of p_k
    found = []
    for t in times:
        c0, s0 = np.cos(W * t), np.sin(W * t)
        # rows: q, its first and second derivative; columns: all x(0), all p(0)
        rows = [np.concatenate([(U[0] * a) @ U.T, (U[0] * b) @ U.T])
                for a, b in ((c0, s0 / W), (-W * s0, c0), (-(W**2) * c0, -W * s0))]  # fmt: skip
        system_part = [row[[0, count + 1]] for row in rows]
        bath_part = [np.delete(row, [0, count + 1]) for row in rows]
        M, Mdot = np.array(system_part[:2]), np.array(system_part[1:])
        R, Rdot = np.array(bath_part[:2]), np.array(bath_part[1:])
        C, half = R * bath @ R.T, Rdot * bath @ R.T
        A = Mdot @ np.linalg.inv(M)
        B = half + half.T - A @ C - C @ A.T
        found.append([-A[1, 0] - omega**2, -A[1, 1], B[0, 1] / 2, B[1, 1] / 2, A[0, 0], A[0, 1] - 1, B[0, 0]])
    return np.array(found)


@pytest.mark.slow
def test_many_oscillators_at_weak_coupling():
    """Exact over weak coefficients is 1 + O(gamma): 1 to 2e-3 when extrapolated to gamma = 0 (the bath ends at 320)."""
    times = (0.5, 1.0, 3.0)
    ratios = []
    for gamma in (0.02, 0.01):
        exact = exact_coefficients(times, gamma)
        weak = np.array([coefficients(memory(gamma=gamma).at(t)) for t in times])
        assert np.abs(exact[:, 4:]).max() <= 1e-9  # the exact equation has the same form: q moves at p, d_qq = 0
        ratios.append(exact[:, :4] / weak)
    np.testing.assert_allclose(2 * ratios[1] - ratios[0], 1.0, rtol=0, atol=2e-3)
    assert np.abs(ratios[0] - 1).max() > 0.03  # and not because gamma were too small to matter
    # the sizes that the documentation states for late times
    np.testing.assert_allclose((ratios[0][-1, 1:] - ratios[1][-1, 1:]) / 0.01, [0.36, 2.9, 0.64], rtol=0.1)


# --- moments and steps -----------------------------------------------------------------------------------------------


def integrated(found, time):
    """Mean and covariance by an adaptive integrator of order 8."""

    def rate(t, y):
        frozen, V = found.at(t), y[2:].reshape(2, 2)
        A = frozen.drift_matrix
        return np.concatenate([A @ y[:2], (A @ V + V @ A.T + frozen.diffusion_matrix).ravel()])

    start = np.concatenate([MEAN, COVARIANCE.ravel()])
    return solve_ivp(rate, (0, time), start, method="DOP853", rtol=1e-13, atol=1e-15).y[:, -1]


@pytest.mark.slow
@pytest.mark.parametrize("changes", CASES, ids=str)
def test_moments_against_an_integrator(changes):
    found = system(**changes)
    times = np.array([[2.0, 0.3], [0.0, 2.0]])  # any order, any shape, repeated
    mean, covariance = fp.exact.Gaussian(found, MEAN, COVARIANCE).moments(times)
    for k in np.ndindex(2, 2):
        expected = integrated(found, times[k]) if times[k] else np.concatenate([MEAN, COVARIANCE.ravel()])
        np.testing.assert_allclose(
            np.append(mean[k], covariance[k]), expected, rtol=0, atol=2e-11
        )  # 1e-12 aimed at, V to 3


@pytest.mark.slow
def test_moments_after_settling_and_in_the_end():
    found = system()
    exact, steady = fp.exact.Gaussian(found, MEAN, COVARIANCE), fp.exact.steady(found)
    before, after = exact.covariance([found.settled * (1 - 1e-12), found.settled])
    np.testing.assert_allclose(before, after, rtol=0, atol=1e-10)
    np.testing.assert_allclose(exact.covariance(900.0), steady.covariance, rtol=0, atol=1e-11)


@pytest.mark.slow
def test_rates_are_those_of_each_moment():
    """Pi - Phi = dS/dt = d(ln det V)/dt/2; Pi < 0 while d_pp < 0, and Pi >= 0 otherwise."""
    found, times = system(cutoff=0.2, beta=0.05), np.linspace(0.2, 8.0, 40)
    exact = fp.exact.Gaussian(found, MEAN, COVARIANCE)
    rates = exact.rates(times)
    h = 1e-3
    slope = (exact.entropy_wigner(times + h) - exact.entropy_wigner(times - h)) / (2 * h)
    np.testing.assert_allclose(rates.entropy_production - rates.entropy_flux, slope, rtol=0, atol=5e-7)  # h^2
    np.testing.assert_allclose(rates.entropy_rate, slope, rtol=0, atol=5e-7)
    negative = np.array([found.at(t).diffusion_matrix[1, 1] < 0 for t in times])
    assert 3 <= negative.sum() <= 30
    assert (rates.entropy_production[negative] < 0).all()
    assert (rates.entropy_production[~negative] > 0).all()


def magnus_moments(found, time, count):
    """Moments after ``count`` Magnus steps of equal length."""
    mean, V = MEAN, COVARIANCE
    for k in range(count):
        for half in found.averaged(k * time / count, time / count):
            flow = linear.flow(half.drift_matrix, half.force, half.diffusion_matrix, np.array([time / count / 2]))
            M = flow.propagator[0]
            mean, V = M @ mean, M @ V @ M.T + flow.noise[0]
    return np.append(mean, V)


@pytest.mark.slow
@pytest.mark.parametrize(("hbar", "lowest"), [(0.0, 3.9), (1.0, 3.6)])
def test_magnus_steps_have_order_four(hbar, lowest):
    """Classical: 4.0. Quantum: 4 up to a logarithm, because coefficients start as t ln t."""
    found = system(hbar=hbar)
    expected = integrated(found, 2.0)
    errors = [np.abs(magnus_moments(found, 2.0, count) - expected).max() for count in (20, 40, 80, 160)]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert ((orders > lowest) & (orders < 4.2)).all()
    step = transients.Settling(found).step(0.0, errors[-1])
    assert 2.0 / 160 / 4 <= step <= 2.0 / 160 * 2  # the rule that chooses steps knows this error within 16


def displaced(found, grid):
    return fp.states.gaussian([0.8, 0.0], fp.exact.steady(found).covariance).values(grid.coordinates)


def advanced(generator, W, time, count):
    padded = generator.pad(W, generator.empty_padded())
    make_stepper(generator, "rk4").advance(padded, 0.0, time / count, count)
    return padded[:, 4:-4].copy()


def small_generator(**changes):
    found = system(**changes)
    deviations = np.sqrt(np.diag(fp.exact.steady(found).covariance))
    axes = [fp.Axis(name, -6 * s, 6 * s, 32) for name, s in zip("qp", deviations, strict=True)]
    return fp.Generator(found, fp.Grid(tuple(axes)))


@pytest.mark.slow
def test_steps_on_the_grid_have_order_four():
    generator = small_generator(hbar=0.0)
    W = displaced(generator.system, generator.grid)
    fine = advanced(generator, W, 1.6, 256)
    errors = [np.abs(advanced(generator, W, 1.6, count) - fine).max() for count in (16, 32, 64)]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert ((orders > 3.7) & (orders < 4.3)).all()


def test_settled_steps_are_those_of_the_frozen_system():
    generator = small_generator()
    frozen = fp.Generator(generator.system.at(math.inf), generator.grid)
    W = displaced(generator.system, generator.grid)
    late = generator.pad(W, generator.empty_padded())
    make_stepper(generator, "rk4").advance(late, generator.system.settled, 0.1, 5)
    padded = frozen.pad(W, frozen.empty_padded())
    make_stepper(frozen, "rk4").advance(padded, 0.0, 0.05, 10)
    np.testing.assert_array_equal(late, padded)


def test_apply_knows_the_time():
    generator = small_generator()
    W = displaced(generator.system, generator.grid)
    for time in (0.0, 0.2, 50.0):
        frozen = fp.Generator(generator.system.at(time), generator.grid)
        np.testing.assert_array_equal(generator.apply(W, time=time), frozen.apply(W))
    assert np.abs(generator.apply(W, time=0.0) - generator.apply(W, time=50.0)).max() > 1e-3


def test_stability_limit_covers_every_time():
    """Bare stiffness 2 gamma L is 4.5 times the late one: the late limit alone would let the start grow."""
    generator = small_generator(gamma=0.7, cutoff=5.0)
    late = 2 * stable_step(fp.Generator(generator.system.at(math.inf), generator.grid))
    limit = stable_step(generator)
    assert limit < 0.8 * late
    start = fp.Generator(generator.system.at(0.0), generator.grid)
    assert limit <= 2 * stable_step(start)


# --- runs ------------------------------------------------------------------------------------------------------------


def config(bath=None, **sections):
    known = {"model": "hu_paz_zhang", "gamma": 0.05, "cutoff": 5.0, "beta": 0.7}
    harmonic = {"kind": "harmonic", "omega": 1.0}
    sections = {
        "system": {"mass": 1.0, "potential": harmonic, "bath": {**known, **(bath or {})}},
        "initial": {"kind": "gaussian", "mean": [1.5, 0.0], "covariance": [[0.8, 0.0], [0.0, 0.8]]},
        "grid": {"q": {"cells": 96}, "p": {"cells": 96}},
        "time": {"until": 2.0},
        "output": {"every": 0.1},
        **sections,
    }
    return fp.Config(**sections)


def outcome(chosen):
    return api.run_problem(api.prepare(chosen))


@pytest.mark.slow
def test_frames_have_the_currents_of_their_time():
    """At t = 0 the bath does not act yet; later the densities integrate to the Pi of the series."""
    chosen = config(time={"until": 0.6}, output={"every": 0.2, "snapshots": [0.0, 0.2, 0.4, 0.6]})
    result = outcome(chosen)
    shown = frames.Frames(result)
    assert not shown[0].final.J_irreversible.any()
    found = [result.grid.integrate(frame.final.entropy_production_density) for frame in shown]
    np.testing.assert_allclose(found, result.series["entropy_production"], rtol=1e-9, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("bath", [{}, {"cutoff": 0.2, "beta": 0.05}], ids=str)
def test_run_against_the_exact_gaussian(bath, tmp_path):
    """Pi and Phi to 1e-9, also where Pi < 0; the balance closes; the file keeps the margin."""
    result = outcome(config(bath))
    series, exact = result.series, result.exact
    for name in ("entropy_production", "entropy_flux"):
        np.testing.assert_allclose(series[name], exact[name], rtol=0, atol=1e-9)  # the bar of constant systems, rate 1
    np.testing.assert_allclose(series["covariance"], exact["covariance"], rtol=0, atol=1e-8)
    balance = series["entropy_rate"] - series["entropy_production"] + series["entropy_flux"]
    assert np.abs(balance).max() <= 5e-9  # 1e-9 x rate, and wide tails at the end of the second case
    assert np.abs(series["mass"] - 1).max() <= 1e-13
    found = fp.build_system(result.config)
    expected = [found.at(t).cp_margin() for t in series["time"]]
    np.testing.assert_array_equal(series["cp_margin"], expected)
    assert series["cp_margin"][0] == 0.0
    assert (series["cp_margin"][1:] < 0).all()
    assert result.diagnostics["cp_margin"] == expected[-1]
    again = fp.load_result(result.save(tmp_path / "out.h5"))
    np.testing.assert_array_equal(again.series["cp_margin"], expected)


def test_constant_systems_have_no_series_of_margins(tmp_path):
    bath = {"model": "caldeira_leggett", "eta": 0.5, "beta": 0.7}
    constant = {"system": {"mass": 1.0, "potential": {"kind": "free"}, "bath": bath}}
    grid = {"q": {"cells": 48, "extent": [-9, 9]}, "p": {"cells": 48, "extent": [-9, 9]}}
    result = outcome(config(**constant, grid=grid, time={"until": 0.1}))
    assert "cp_margin" not in result.series
    assert "cp_margin" not in fp.load_result(result.save(tmp_path / "out.h5")).series


@pytest.mark.slow
def test_nothing_is_steady_before_the_coefficients_are():
    """A Gaussian that does not move at t = 0: thermal for the bare frequency of that moment."""
    bare = math.sqrt(1 + 2 * 0.05 * 5)
    state = {"kind": "thermal", "beta": 0.7, "omega": bare}
    time = {"until": "steady", "max_time": 5.0, "tolerance": 1e-3}
    chosen = config(initial=state, time=time, output={"every": 1.0})
    result = outcome(chosen)
    assert result.series["residual"][0] <= 1e-3 * result.diagnostics["slowest_rate"]  # steady, were it not ..
    assert result.series["residual"][1] > 1e-2  # .. for a moment only
    assert result.status == "not_converged"
    loose = chosen.replaced(time={"until": "steady", "tolerance": 0.9, "max_time": 60.0})
    assert outcome(loose).status == "steady"


@pytest.mark.slow
def test_a_bath_too_cold_for_second_order_warns():
    """V = diag(0.387, 0.5) is no quantum state: said before the run, and when the purity exceeds 1."""
    cold = config({"gamma": 0.1, "beta": 20.0}, time={"until": 40.0, "method": "gaussian"}, output={"every": 1.0})
    cold = cold.replaced(initial={"covariance": [[0.5, 0.0], [0.0, 0.5]]})
    late, pure = api.run_moments(api.gaussian_problem(cold)).warnings
    assert "symplectic eigenvalue 0.439955" in late
    assert "the purity of W is" in pure
    assert api.prepare(cold.replaced(time={"method": "stepping"})).warnings == (late,)


@pytest.mark.slow
def test_strong_coupling_warns():
    assert api.prepare(config()).warnings == ()
    [text] = api.prepare(config({"gamma": 0.2})).warnings
    assert "gamma is 0.2 of the smaller of omega and cutoff" in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"time": {"method": "direct"}}, r"time\.method: `direct` needs constant coefficients"),
        ({"time": {"stepper": "implicit"}}, r"time\.stepper: `implicit` needs constant coefficients"),
        ({"time": {"until": 1.0, "dt": 1.0}}, r"time.dt must not exceed"),
        ({"scheme": {"flux": "chang_cooper"}}, "no cross-diffusion"),
        ({"checks": {"require_complete_positivity": True}}, "not completely positive"),
    ],
    ids=str,
)
def test_refusals(changes, text):
    with pytest.raises((ConfigError, GridError, StabilityError, fp.FpsolverError), match=text):
        api.prepare(config(**changes))


@pytest.mark.slow
def test_more_refusals():
    well = {"kind": "quartic", "omega": 1.0, "quartic": 0.1}
    bath = config().system.bath.model_dump(exclude_none=True)
    with pytest.raises(ConfigError, match="needs one particle in a harmonic well, but the potential is `quartic`"):
        api.prepare(config(system={"mass": 1.0, "potential": well, "bath": bath, "moyal": False}))
    with pytest.raises(UsageError, match="no spectrum"):
        fp.spectrum(config())
    with pytest.raises(GridError, match=r"Generator\(system.at\(time\), grid\)"):
        small_generator().to_sparse()
    with pytest.raises(UsageError, match="starts at time 0"):
        system().at(-0.1)
    with pytest.raises(UsageError, match="the bath remembers for a time of"):
        fp.exact.Gaussian(system(beta=1e9), MEAN, COVARIANCE).covariance(1e9)


@pytest.mark.slow
def test_auto_method_steps():
    plan = api.prepare(config(time={"method": "auto", "stepper": "auto"})).plan
    assert (plan.method, plan.stepper, plan.why) == ("stepping", "rk4", "auto: coefficients change with time")


@pytest.mark.slow
def test_cold_bath_for_a_short_time_needs_no_long_memory():
    covariance = fp.exact.Gaussian(system(beta=1e6), MEAN, COVARIANCE).covariance(1.0)
    np.testing.assert_allclose(covariance.ravel(), integrated(system(beta=1e6), 1.0)[2:], rtol=0, atol=1e-11)


@pytest.mark.slow
def test_moments_without_a_grid():
    """``method: gaussian``: the moments and rates of the exact solution, with the coefficients of each time."""
    result = fp.run(config(time={"until": 3.0, "method": "gaussian"}, grid={}, output={"every": 0.5}))
    found = fp.build_system(result.config)
    exact = fp.exact.Gaussian(found, [1.5, 0.0], 0.8 * np.eye(2))
    times = result.series["time"]
    np.testing.assert_array_equal(result.series["covariance"], exact.covariance(times))
    np.testing.assert_allclose(result.series["entropy_production"], exact.entropy_production(times), rtol=1e-12)
    np.testing.assert_array_equal(result.series["cp_margin"], [found.at(t).cp_margin() for t in times])
    assert result.diagnostics["cp_margin"] == result.series["cp_margin"][-1]
    steady = fp.run(config(time={"until": "steady", "method": "gaussian"}, grid={}))
    np.testing.assert_array_equal(steady.series["covariance"][0], fp.exact.steady(found).covariance)


@pytest.mark.slow
def test_moments_from_one_record_to_the_next():
    """What a run is watched with agrees with the whole path, across the time at which coefficients have settled."""
    exact = fp.exact.Gaussian(system(), MEAN, COVARIANCE)
    path = ExactPath(exact)
    for time in (0.0, 0.5, 7.0, 8.0, 9.0):
        np.testing.assert_allclose(path.moments(time)[1], exact.covariance(time), rtol=0, atol=1e-12)  # round-off


def test_record_times_before_and_after_settling_are_those_of_one_time_each():
    """Several on either side of it, in any order; and none."""
    engine = fp.exact.Gaussian(system(cutoff=100.0, hbar=0.0), MEAN, COVARIANCE)
    times = engine.system.settled * np.array([1.5, 0.0, 0.02, 0.1])
    for found, single in zip(engine.moments(times), zip(*map(engine.moments, times), strict=True), strict=True):
        # round-off: Magnus steps between two times are others than those from 0, with an error of 1e-12 each
        np.testing.assert_allclose(found, np.array(single), rtol=1e-11, atol=1e-11)
    assert engine.mean([]).shape == (0, 2)
    assert engine.covariance(np.empty((3, 0))).shape == (3, 0, 2, 2)
    assert engine.entropy_production([]).shape == (0,)


def test_the_parity_of_the_noise_is_that_of_the_last_time():
    """4 |d_qp| at the end of the run, as with a grid; that of late times is another."""
    short = config(time={"until": 0.25, "method": "gaussian"}, grid={}, output={"every": 0.25})
    bath = fp.build_system(short).particles[0].bath
    now, late = bath.at(0.25).d_qp, bath.d_qp
    found = fp.run(short).diagnostics["diffusion_parity_residual"]
    assert found == pytest.approx(4 * abs(now), rel=1e-14, abs=0)  # round-off
    assert abs(late / now - 1) > 0.05
