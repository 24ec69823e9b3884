"""Several particles: configurations, the exact Gaussian engine without a grid, chains between two baths."""

import math
import time
import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.linalg
import xarray
from click.testing import CliRunner

import fpsolver as fp
from fpsolver import gaussian, heat
from fpsolver.cli.main import cli as commands
from fpsolver.errors import ConfigError, FpsolverError, NoSteadyStateError, ResourceError
from fpsolver.physics import energies, linear
from fpsolver.problem import gaussian_problem
from fpsolver.result import GaussianResult

WELL, FREE = {"kind": "harmonic", "omega": 1.0}, {"kind": "free"}
KAPPA, ETA, HOT, COLD = 0.6, 0.4, 2.0, 0.5
MOMENTS = {"method": "gaussian"}


def bath(model, temperature):
    return {"model": model, "eta": ETA, "temperature": temperature}


def two(model="caldeira_leggett", **sections):
    particles = [{"mass": 1.0, "potential": WELL, "bath": bath(model, T)} for T in (HOT, COLD)]
    system = {"particles": particles, "couplings": [{"between": [0, 1], "stiffness": KAPPA}]}
    return fp.Config(**{"system": system, "time": MOMENTS, **sections})


def chain(length, stiffness=1.0, **changes):
    ends = {"left": bath("caldeira_leggett", HOT), "right": bath("caldeira_leggett", COLD)}
    system = {"chain": {"length": length, "mass": 1.0, "potential": WELL, "stiffness": stiffness, **ends, **changes}}
    return fp.Config(units={"hbar": 0}, system=system, time={"method": "gaussian"})


def by_hand(n, kappa, d_qq=(0.0, 0.0)):
    """A, B and the Lyapunov covariance of a chain between baths at its ends, assembled and solved independently."""
    A, B = np.zeros((2 * n, 2 * n)), np.zeros((2 * n, 2 * n))
    for k in range(n):
        A[k, n + k] = 1.0
        neighbours = [j for j in (k - 1, k + 1) if 0 <= j < n]
        A[n + k, k] = -1.0 - kappa * len(neighbours)
        for j in neighbours:
            A[n + k, j] = kappa
    for k, T, d in ((0, HOT, d_qq[0]), (n - 1, COLD, d_qq[1])):
        A[n + k, n + k] = -ETA
        B[n + k, n + k], B[k, k] = 2 * ETA * T, 2 * d
    one = np.eye(2 * n)
    V = np.linalg.solve(np.kron(A, one) + np.kron(one, A), -B.ravel()).reshape(2 * n, 2 * n)
    return A, B, V


# --- two oscillators -------------------------------------------------------------------------------------------------


def test_two_oscillators_between_classical_baths():
    """Covariance by an independent linear solve; the current in closed form, and Clausius: Pi = sum of -J/T."""
    result = fp.run(two(units={"hbar": 0}))
    _, _, V = by_hand(2, KAPPA)
    current = ETA / 2 * KAPPA**2 * (HOT - COLD) / (KAPPA**2 + ETA**2 * (1 + KAPPA))
    np.testing.assert_allclose(result.series["covariance"][-1], V, rtol=0, atol=1e-13)  # round-off of the solve
    np.testing.assert_allclose(result.series["heat_current"][-1], [current, -current], rtol=0, atol=1e-13)
    assert result.last("entropy_production") == pytest.approx(current * (1 / COLD - 1 / HOT), rel=1e-12, abs=0)
    np.testing.assert_allclose(result.series["spring_current"][-1], [current], rtol=1e-12)  # nothing else carries it
    assert result.status == "steady"


def test_minimally_invasive_baths_cost_more_than_their_heat():
    """Pi = sum of (-J + D_qq (k + kappa))/T: position diffusion heats without a temperature; the summary says so."""
    result = fp.run(two("minimally_invasive"))
    d_qq = np.array([(ETA / 4) ** 2 / (ETA * T) for T in (HOT, COLD)])
    _, _, V = by_hand(2, KAPPA, d_qq)
    J = np.array([ETA * (T - V[2 + k, 2 + k]) for k, T in enumerate((HOT, COLD))]) + d_qq * (1 + KAPPA)
    T = np.array([HOT, COLD])
    np.testing.assert_allclose(result.series["covariance"][-1], V, rtol=0, atol=1e-13)
    np.testing.assert_allclose(result.series["heat_current"][-1], J, rtol=0, atol=1e-13)
    clausius = float(-(J / T).sum())
    Pi = float(((-J + d_qq * (1 + KAPPA)) / T).sum())
    assert result.last("entropy_production") == pytest.approx(Pi, rel=1e-12, abs=0)
    assert Pi - clausius > 0.1
    words = dict(result.summary())["sum of -J/T"]
    assert f"{Pi - clausius:.6g}" in words
    assert "position diffusion" in words
    np.testing.assert_allclose(result.series["entropy_production_particle"][-1].sum(), Pi, rtol=1e-12)


def test_cold_noise_is_no_position_diffusion():
    """Phi below sum of -J/T: the noise of quantum-optical baths, (hbar omega/2) coth, is not that of T."""
    result = fp.run(two("quantum_optical"))
    words = dict(result.summary())["sum of -J/T"]
    clausius = float(-(result.series["heat_current"][-1] / np.array([HOT, COLD])).sum())
    excess = result.last("entropy_flux") - clausius
    assert excess < -0.01
    assert f"differs from it by {excess:+.6g}" in words
    assert "position diffusion" not in words


def test_without_position_noise_the_difference_is_the_error_of_the_grid():
    """Caldeira-Leggett baths have Phi = sum of -J/T exactly: no words about a position diffusion that there is not."""
    system = fp.build_system(two("caldeira_leggett"))
    words = "; Phi differs from it by +1e-05, which is the error of the grid"
    assert heat._clausius_words(system, 1.0, 1.0 + 1e-5) == words
    assert heat._clausius_words(system, 1.0, 1.0 + 1e-7) == ""


def test_the_parts_of_each_particle_are_quadratures_of_its_channels():
    """Pi_k and Phi_k against sums over samples of the Gaussian: int J_k (D^-1 J)_k/W and int J_k (D^-1 a)_k."""
    system = fp.build_system(two("minimally_invasive"))
    rng = np.random.default_rng(1)
    root = rng.standard_normal((4, 4))
    mean, V = rng.standard_normal(4), root @ root.T + np.eye(4)
    production, flux = fp.exact.gaussian_channels(system, mean, V)
    nodes, weights = np.polynomial.hermite_e.hermegauss(3)  # exact for the quartic products of linear functions
    z = np.stack(np.meshgrid(*[nodes] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    w = np.prod(np.stack(np.meshgrid(*[weights] * 4, indexing="ij"), axis=-1).reshape(-1, 4), axis=1) / (2 * np.pi) ** 2
    x = mean + z @ np.linalg.cholesky(V).T
    D = system.diffusion_matrix / 2
    drift = x @ system.irreversible_drift.T
    J = drift + (x - mean) @ (D @ np.linalg.inv(V)).T
    np.testing.assert_allclose(production, w @ (J * (J @ np.linalg.inv(D))), rtol=1e-12)
    np.testing.assert_allclose(flux, w @ (J * (drift @ np.linalg.inv(D))), rtol=1e-12, atol=1e-12)


def test_energy_balance_of_a_transient():
    """The sum of the heat currents is dE/dt, and each particle gains what its bath and its spring bring."""
    config = two(
        initial=[
            {"kind": "gaussian", "mean": [1.0, 0.5], "covariance": [[1.0, 0.2], [0.2, 0.8]]},
            {"kind": "thermal", "beta": 1.0, "omega": 1.0},
        ],
        time={"method": "gaussian", "until": 1.0},
        output={"every": 0.01},
        units={"hbar": 0},
    )
    s = fp.run(config).series
    change = (s["energy_particle"][2:] - s["energy_particle"][:-2]) / 0.02
    flow = s["spring_current"][1:-1] * [-1, 1]
    np.testing.assert_allclose(
        change, (s["heat_current"][1:-1] + flow), rtol=0, atol=2e-4
    )  # differences of 0.01: h^2/6 E'''
    np.testing.assert_allclose(s["energy"], s["energy_particle"].sum(axis=1), rtol=1e-14)


def test_records_of_a_transient_are_the_exact_evolution():
    start = {"kind": "gaussian", "mean": [1.0, 0, 0, -1.0], "covariance": np.diag([1.0, 0.5, 0.7, 2.0])}
    config = two(initial=start, time={"method": "gaussian", "until": 7.3}, output={"every": 0.5}, units={"hbar": 0})
    result = fp.run(config)
    assert result.series["time"].tolist() == [*(0.5 * np.arange(15)), 7.3]
    exact = fp.exact.Gaussian(fp.build_system(config), start["mean"], start["covariance"])
    mean, V = exact.moments(result.series["time"])
    np.testing.assert_allclose(result.series["mean"], mean, rtol=0, atol=1e-13)
    np.testing.assert_allclose(result.series["covariance"], V, rtol=0, atol=1e-13)
    np.testing.assert_allclose(result.series["entropy_production"], exact.entropy_production(result.series["time"]))


MEMORY = {"model": "hu_paz_zhang", "gamma": 0.1, "cutoff": 5.0, "temperature": HOT}


@pytest.mark.parametrize("system", [{}, {"system": {"mass": 1.0, "potential": WELL, "bath": MEMORY}}], ids=["2", "1"])
@pytest.mark.filterwarnings("ignore:the model is not completely positive")
def test_records_at_a_time_do_not_change_a_bit(system, monkeypatch):
    """All at once, four at a time, one by one; coefficients that change with time are those of each record."""
    n = 1 if system else 2
    start = {"kind": "gaussian", "mean": [0.3] * (2 * n), "covariance": (np.eye(2 * n) + 0.2).tolist()}
    config, found = two(initial=start, time=MOMENTS | {"until": 1.0}, output={"every": 0.1}, **system), []
    for chunk in (gaussian.CHUNK, 16 * n**2, 1):
        monkeypatch.setattr(gaussian, "CHUNK", chunk)
        found.append(fp.run(config).series)
    assert len(np.unique(found[0].get("cp_margin", []))) == (11 if system else 0)
    for other in found[1:]:
        for name, values in found[0].items():
            np.testing.assert_array_equal(other[name], values, err_msg=name)


def test_the_flux_of_cross_diffusion_without_a_grid():
    """-tr(B^R V^-1)/2 = 2 D_qp V_qp / det V; the rest of Phi is that of the drift, 2 tr(A^I (B^I)^+ A^I V) + tr A^I."""
    bath = {"model": "translation_covariant", "eta": 0.5, "beta": 0.7, "d_qp": 0.1}
    start = {"kind": "gaussian", "mean": [0.0, 0.0], "covariance": [[1.0, 0.4], [0.4, 0.8]]}
    single = {"mass": 1.0, "potential": WELL, "bath": bath}
    found = fp.run(two(system=single, initial=start, time=MOMENTS | {"until": 1.0})).series
    V = found["covariance"]
    cross = 2 * 0.1 * V[:, 0, 1] / np.linalg.det(V)
    np.testing.assert_allclose(found["entropy_flux_cross"], cross, rtol=1e-12)
    drift = 0.5 * 0.7 * V[:, 1, 1] - 0.5  # eta^2 <p^2>/D_pp - eta with D_pp = eta/beta
    np.testing.assert_allclose(found["entropy_flux_drift"], drift, rtol=1e-12)
    np.testing.assert_allclose(found["entropy_flux"], drift + cross, rtol=1e-12)


def test_mutual_information_of_two():
    V = by_hand(2, KAPPA)[2]
    ones = [np.linalg.det(V[np.ix_(k, k)]) for k in ([0, 2], [1, 3])]
    assert energies.mutual_information(V) == pytest.approx(0.5 * math.log(ones[0] * ones[1] / np.linalg.det(V)))
    assert energies.mutual_information(np.diag([1.0, 2.0, 3.0, 4.0])) == pytest.approx(0.0, abs=1e-15)


@pytest.mark.filterwarnings("ignore:the model is not completely positive")
@pytest.mark.parametrize("hbar", [0.7, 0.0])
def test_order_two_of_gaussians_is_no_other_information(hbar):
    """Squares of Gaussians are Gaussians: int W^2 = 1/((4 pi)^(d/2) sqrt(det V)) in d dimensions."""
    start = {"kind": "gaussian", "mean": [0.0] * 4, "covariance": (np.eye(4) + 0.2).tolist()}
    found = fp.run(two(initial=start, time={"method": "gaussian", "until": 1.0}, units={"hbar": hbar}))
    V = found.series["covariance"][-1]
    square = 1 / ((4 * math.pi) ** 2 * math.sqrt(np.linalg.det(V)))
    alone = [1 / (4 * math.pi * math.sqrt(np.linalg.det(V[np.ix_(k, k)]))) for k in ([0, 2], [1, 3])]
    by_squares = math.log(square) - sum(map(math.log, alone))
    assert found.series["mutual_information_renyi"][-1] == pytest.approx(by_squares, rel=1e-11, abs=0)
    wanted = [2 * math.pi * hbar * x if hbar else math.nan for x in alone]
    np.testing.assert_allclose(found.series["purity_particle"][-1], wanted, rtol=1e-12)
    assert ("purity_particle" in found.reasons) == (hbar == 0)


@pytest.mark.slow
def test_purity_of_a_product_of_coherent_states():
    coherent = {"kind": "coherent", "q": 0.0, "p": 1.0, "omega": 1.0}
    config = two(initial=[coherent, coherent], time={"method": "gaussian", "until": 0.1}, units={"hbar": 0.7})
    with pytest.warns(fp.FpsolverWarning, match="completely positive"):
        result = fp.run(config)
    assert result.series["purity"][0] == pytest.approx(1.0, rel=1e-13, abs=0)


# --- chains ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [2, 3, 6])
def test_short_chains_against_an_independent_solve(length):
    result = fp.run(chain(length, KAPPA))
    V = by_hand(length, KAPPA)[2]
    np.testing.assert_allclose(result.series["covariance"][-1], V, rtol=0, atol=1e-12)
    current = ETA * (HOT - V[length, length])
    np.testing.assert_allclose(result.series["spring_current"][-1], current, rtol=1e-11)


def transmitted(length, kappa):
    """Heat current as an integral over frequencies of the Green function, (T_1 - T_2)/pi int |2 eta w G_1N(w)|^2 dw."""
    K = np.diag(1.0 + kappa * np.array([1.0, *[2.0] * (length - 2), 1.0]))
    K -= kappa * (np.eye(length, k=1) + np.eye(length, k=-1))
    damping = np.zeros((length, length))
    damping[0, 0] = damping[-1, -1] = ETA
    w = np.linspace(0, 40, 400_001)[1:]
    rows = [np.linalg.inv(K - x[:, None, None] ** 2 * np.eye(length) - 1j * x[:, None, None] * damping)[:, 0, -1]
            for x in np.array_split(w, 50)]  # fmt: skip
    G = np.concatenate(rows)
    return (HOT - COLD) / math.pi * float(np.sum(2 * (ETA * w) ** 2 * np.abs(G) ** 2)) * (w[1] - w[0])


@pytest.mark.slow
def test_heat_current_of_a_chain_is_that_of_its_phonons():
    """Landauer's formula for phonons (A. Dhar, Adv. Phys. 57, 457 (2008)) shares nothing with the Lyapunov equation."""
    assert fp.run(chain(6, KAPPA)).series["heat_current"][-1][0] == pytest.approx(
        transmitted(6, KAPPA), rel=1e-6, abs=0
    )


@pytest.mark.slow
def test_long_chains_have_a_flat_profile_and_a_current_that_does_not_fall():
    """Rieder, Lebowitz and Lieb (1967): the mean temperature inside, and a current without Fourier's law."""
    found = {n: fp.run(chain(n)).series for n in (60, 120)}
    inside = found[120]["temperature"][-1][20:-20]
    np.testing.assert_allclose(
        inside, (HOT + COLD) / 2, rtol=0, atol=1e-6
    )  # the ends are felt over a few particles only
    assert found[60]["heat_current"][-1][0] == pytest.approx(found[120]["heat_current"][-1][0], rel=1e-6, abs=0)


@pytest.mark.slow
def test_many_coordinates_take_the_way_of_few_directions():
    """500 coordinates: the compressed end of the squaring against the Schur form; the slowest rate against eigvals."""
    system = fp.build_system(chain(250))
    A, B = system.drift_matrix, system.diffusion_matrix
    assert len(A) >= linear.LARGE
    found = linear.relax(A, B)
    V = scipy.linalg.solve_continuous_lyapunov(A, -B)
    np.testing.assert_allclose(found.covariance, V, rtol=0, atol=1e-9)  # condition: slowest rate 1e-7, fastest 2
    assert found.residual < 1e-12
    assert found.slowest == pytest.approx(
        linear.rates(A)[0], rel=1e-4, abs=0
    )  # rates of 1e-7 to round-off of 1e-13 each


@pytest.mark.slow
def test_undamped_long_chains_have_no_steady_state():
    none = {"model": "none"}
    config = chain(250, left=none, right=none)
    with pytest.raises(NoSteadyStateError, match="not damped"):
        fp.run(config)


@pytest.mark.slow
def test_the_shipped_chain_keeps_its_promises():
    path = Path(__file__).parents[1] / "configs" / "chain.yaml"
    result, header = fp.run(fp.load_config(path)), path.read_text()
    assert result.series["heat_current"][-1][0] == pytest.approx(0.1787653, abs=5e-8)  # the digits of the header
    assert result.last("entropy_production") == pytest.approx(0.268148, abs=5e-7)
    assert result.series["temperature"][-1][50] == pytest.approx(1.25, abs=1e-6)
    assert "0.1787653" in header
    assert "0.268148" in header


# --- bad input -------------------------------------------------------------------------------------------------------

GOOD = two(units={"hbar": 0}).model_dump(exclude_none=True)


def changed(**sections):
    return {**GOOD, **sections}


def particles(*, count=2, **changes):
    one = {"mass": 1.0, "potential": WELL, "bath": {"model": "none"}}
    return {"particles": [{**one, **changes}] * count}


BAD = {
    "a spring to itself": (
        {"system": {**particles(), "couplings": [{"between": [1, 1], "stiffness": 1.0}]}},
        ConfigError, "system.couplings.0.between: must be two different particles",
    ),
    "a missing particle": (
        {"system": {**particles(), "couplings": [{"between": [0, 2], "stiffness": 1.0}]}},
        ConfigError, "there is no particle 2",
    ),
    "an indefinite potential": (
        {"system": {**GOOD["system"], "couplings": [{"between": [0, 1], "stiffness": -0.7}]}},
        NoSteadyStateError, "indefinite together .* eigenvalue -0.4",
    ),
    "nothing that holds": (
        {"system": {**GOOD["system"], "particles": [{**p, "potential": FREE} for p in GOOD["system"]["particles"]]}},
        NoSteadyStateError, "do not hold the particles",
    ),
    "an initial list too short": (
        {"initial": [{"kind": "thermal", "beta": 1, "omega": 1}]}, ConfigError, "initial: must have one entry for each",
    ),
    "one thermal state for two": (
        {"initial": {"kind": "thermal", "beta": 1.0, "omega": 1.0}}, ConfigError, "initial: must be a list",
    ),
    "a Gaussian of one": (
        {"initial": {"kind": "gaussian", "mean": [0, 0], "covariance": [[1, 0], [0, 1]]}},
        ConfigError, "initial.mean: must have 4 entries",
    ),
    "no bath": (
        {"system": {"particles": [{"mass": 1.0, "potential": WELL}] * 2}}, ConfigError, "particles.0 has no bath",
    ),
    "mass beside particles": (
        {"system": {**particles(), "mass": 1.0}}, ConfigError, "system.mass: belongs to one particle",
    ),
    "a short chain": (
        {"system": {"chain": {**chain(2).model_dump()["system"]["chain"], "length": 1}}}, ConfigError, "at least 2",
    ),
    "matrices of one": (
        {"system": {"particles": [{"mass": 1.0, "potential": WELL}] * 2,
                    "matrices": {"drift": [[0, 0], [0, -1]], "diffusion": [[0, 0], [0, 1]]}}},
        ConfigError, "system.matrices.drift: must be 4 x 4 for 2 particles",
    ),
    "detailed balance of one": (
        {"system": particles(bath={"model": "symmetry_broken", "eta": 1.0, "beta": 1.0, "alpha": "detailed_balance"})},
        ConfigError, "system.particles.1.bath.alpha: `detailed_balance` needs one particle",
    ),
    "an anharmonic potential": (
        {"system": particles(potential={"kind": "quartic", "omega": 1.0, "quartic": 1.0})},
        ConfigError, "linear forces",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_a_sentence(name):
    changes, kind, words = BAD[name]
    with pytest.raises(kind, match=words) as found:
        fp.run(fp.Config(**changed(**changes)))
    assert found.value.exit_status == 2


@pytest.mark.slow
def test_a_chain_beyond_memory_is_refused_before_anything_is_made():
    begun = time.perf_counter()
    with pytest.raises(ResourceError, match=r"100000 particles .* GiB"):
        fp.run(chain(100_000))
    assert time.perf_counter() - begun < 10  # the particles themselves; one matrix would take 300 GiB


@pytest.mark.parametrize("every", [1e-13, 1e-9, 5e-324])
def test_more_records_than_the_memory_holds_are_refused_before_they_are_made(every):
    well = {"kind": "harmonic", "omega": 1.0}
    one = {"mass": 1.0, "potential": well, "bath": {"model": "caldeira_leggett", "eta": 0.5, "beta": 1.0}}
    start = {"kind": "gaussian", "mean": [1.0, 0.0], "covariance": [[1.0, 0.0], [0.0, 1.0]]}
    time = {"method": "gaussian", "until": 1.0}
    tracemalloc.start()
    with pytest.raises(ResourceError, match=r"1 particles with 10\d+ records need .* larger output\.every"):
        fp.run(fp.Config(system=one, initial=start, time=time, output={"every": every}))
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


# --- files and commands ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return fp.run(chain(12)).save(tmp_path_factory.mktemp("chain") / "chain.h5")


def test_the_file_gives_everything_back(saved):
    again = fp.load_result(saved)
    first = fp.run(chain(12))
    assert isinstance(again, GaussianResult)
    assert again.config == first.config
    assert {name: values.tolist() for name, values in again.series.items()}.__repr__() == {
        name: values.tolist() for name, values in first.series.items()
    }.__repr__()
    assert str(again) == str(first)


@pytest.mark.slow
def test_xarray_opens_every_group(saved):
    with xarray.open_dataset(saved, group="profile", engine="h5netcdf") as profile:
        assert profile["temperature"].dims == ("particle",)
        assert profile["spring_current"].sizes == {"spring": 11}
        assert profile["temperature"].attrs["units"] == "energy"
    for group in ("series", "exact"):
        with xarray.open_dataset(saved, group=group, engine="h5netcdf") as data:
            assert data["covariance"].dims == ("time", "row", "column")
            assert data["row"].values.tolist()[:2] == ["q1", "q2"]
    with h5py.File(saved) as file:
        assert file["series/residual"].attrs["reason"].startswith("undefined: time.method: gaussian")


@pytest.mark.slow
@pytest.mark.parametrize("command", [["info"], ["info", "--json"], ["plot"], ["plot", "--kind", "series"]])
def test_commands_read_the_file(command, saved, tmp_path):
    name, *options = command
    target = ["-o", str(tmp_path / "out.png")] if name == "plot" else []
    found = CliRunner().invoke(commands, [name, str(saved), *options, *target], catch_exceptions=False)
    assert found.exit_code in (0, None)
    assert "chain of 12" in found.output if name == "info" else (tmp_path / "out.png").stat().st_size > 10_000


def test_figures_that_need_a_grid_say_so(saved):
    with pytest.raises(FpsolverError, match=r"plot\.wigner needs a grid"):
        fp.plot.wigner(fp.load_result(saved))


# --- what check says -------------------------------------------------------------------------------------------------


HEATED = [{"kind": "thermal", "beta": 1.0, "omega": 1.0}] * 2


def checked(config, folder):
    """Standard output of ``fpsolver check``."""
    path = folder / "run.yaml"
    path.write_text(config.to_yaml())
    found = CliRunner().invoke(commands, ["check", str(path)], catch_exceptions=False)
    return found.output


def test_check_of_two_oscillators(tmp_path):
    """Its numbers are those of the steady state; matrices are printed because they are small."""
    config = two()
    text, steady = checked(config, tmp_path), fp.exact.steady(fp.build_system(config))
    J = energies.heat_currents(steady.system, steady.mean, steady.covariance)
    assert "2, hbar 1" in text
    assert f"1-2: {KAPPA:g}" in text
    assert "drift A" in text
    assert f"{steady.Pi:.12g}" in text
    assert ", ".join(f"{value:.9g}" for value in J) in text
    assert "violated (KMS: " in text
    assert "exact moments, no grid" in text
    assert "steady, without steps" in text


def test_check_of_chains(tmp_path):
    """Nine particles: the outer ones and six springs, no matrices; two hundred: the run itself is the solution."""
    text = checked(chain(9), tmp_path)
    assert "particle 9" in text
    assert "particle 5" not in text
    assert ", and 2 more" in text
    assert "drift A" not in text
    assert " .., " in text
    assert "of so many particles, it is the run itself" in checked(chain(200), tmp_path)


def test_check_says_why_nothing_is_steady(tmp_path):
    undamped = {"particles": [{"mass": 1.0, "potential": WELL, "bath": {"model": "none"}}] * 2}
    config = two(system=undamped, time={"method": "gaussian", "until": 2.0}, initial=HEATED)
    text = checked(config, tmp_path)
    assert "nothing damps the motion" in text
    assert "t = 2" in text


@pytest.mark.slow
def test_check_of_several_on_a_grid(tmp_path):
    """The same rows beside those of the grid."""
    grid = {"q": {"cells": 24, "allow_coarse": True}, "p": {"cells": 24}}
    config = two(time={"method": "stepping", "until": 0.5}, initial=HEATED, grid=grid)
    text = checked(config, tmp_path)
    for words in ("particle 2", "completely positive", "mutual information", "24 cells on", "q1", "p2"):
        assert words in text


def test_methods_that_several_particles_do_not_have():
    with pytest.raises(ConfigError, match=r"time\.stepper: `implicit` needs one particle"):
        fp.prepare(two(initial=HEATED, time={"method": "stepping", "stepper": "implicit"}))
    sections = chain(12).model_dump() | {"time": {"method": "stepping"}, "initial": 6 * HEATED}
    many = fp.Config(system=sections["system"], time=sections["time"], initial=sections["initial"])
    with pytest.raises(ConfigError, match="a grid of 24 axes is beyond any memory"):
        fp.prepare(many)
    with pytest.raises(FpsolverError, match=r"gaussian has no grid; give time\.method: stepping"):
        fp.prepare(two())


def test_moments_alone_need_linear_forces_on_a_line():
    quartic = {"kind": "quartic", "omega": 1.0, "quartic": 0.1}
    one = {"mass": 1.0, "potential": quartic, "bath": bath("caldeira_leggett", HOT)}
    with pytest.raises(ConfigError, match="needs linear forces, and a potential is anharmonic"):
        fp.run(fp.Config(system=one, time={"method": "gaussian"}, units={"hbar": 0}))
    ring = {"q": {"cells": 32, "extent": [0, 10], "boundary": "periodic"}}
    with pytest.raises(ConfigError, match=r"needs positions on a line, but grid\.q is periodic"):
        fp.run(fp.Config(system={**one, "potential": FREE}, grid=ring, time={"method": "gaussian"}))


@pytest.mark.parametrize("d_qp", [0.0, 0.2])
def test_noiseless_friction_leaves_the_other_particle_its_rates(d_qp):
    """The rates of a particle without a spring are those that it has alone; so is Phi of cross-diffusion."""
    cold = {"mass": 1.0, "potential": WELL, "bath": {"model": "custom", "eta": 0.5, "alpha": -0.1, "d_pp": 0.7}}
    bath = {"model": "translation_covariant", "eta": 0.5, "beta": 0.7, "d_qp": d_qp}
    other = {"mass": 1.0, "potential": WELL, "bath": bath}
    start = {"kind": "gaussian", "mean": [0.4, 0.2], "covariance": [[0.6, 0.1], [0.1, 0.9]]}
    time, units = {"method": "gaussian", "until": 0.2}, {"hbar": 0}
    both = fp.run(fp.Config(units=units, system={"particles": [cold, other]}, initial=[start, start], time=time))
    alone = fp.run(fp.Config(units=units, system=other, initial=start, time=time))
    for name in ("entropy_production", "entropy_flux"):
        assert np.isinf(both.series[name]).all()
        assert np.isinf(both.series[f"{name}_particle"][:, 0]).all()
        np.testing.assert_allclose(both.series[f"{name}_particle"][:, 1], alone.series[name], rtol=1e-12, atol=1e-13)
        assert "noise" in both.reasons[f"{name}_particle"]
    cross = "entropy_flux_cross"
    np.testing.assert_allclose(both.series[cross], alone.series[cross], rtol=1e-12, atol=0)  # round-off
    assert cross not in both.reasons
    momenta = fp.run(fp.Config(units=units, system=cold, initial=start, time=time)).series["entropy_production_p"]
    assert momenta[-1] == pytest.approx(0.170081, abs=1e-6)  # by quadrature of J_p^2/(D_pp W) on a grid


@pytest.mark.slow
def test_moments_of_a_noiseless_friction_say_that_production_is_infinite():
    """hbar = 0 has no purity; a friction of q without noise makes Pi and Phi infinite, each with its reason."""
    custom = {"model": "custom", "eta": 0.5, "alpha": -0.1, "d_pp": 0.7}
    config = fp.Config(
        units={"hbar": 0},
        system={"mass": 1.0, "potential": WELL, "bath": custom},
        initial={"kind": "gaussian", "mean": [1.0, 0.0], "covariance": [[1.0, 0.0], [0.0, 1.0]]},
        time={"method": "gaussian", "until": 1.0},
    )
    result = fp.run(config)
    assert np.isinf(result.series["entropy_production"]).all()
    assert "noise" in result.reasons["entropy_production"]
    assert "classical system has no purity" in result.reasons["purity"]
    assert result.diagnostics["slowest_rate"] == pytest.approx(0.25)  # half of the trace: the motion turns
    assert np.isnan(result.diagnostics["steady_residual"])  # that of the end, which is no steady state
    assert "ends at a given time" in result.diagnostics["steady_residual_reason"]


def test_a_summary_names_four_baths_and_counts_the_others():
    """One of them has no temperature, so that there is no sum of heat over temperature."""
    baths = [bath("caldeira_leggett", COLD)] * 5 + [{"model": "custom", "eta": ETA, "d_pp": 0.5}]
    system = {"particles": [{"mass": 1.0, "potential": WELL, "bath": one} for one in baths], "couplings": []}
    text = str(fp.run(fp.Config(units={"hbar": 0}, system=system, time={"method": "gaussian"})))
    assert "from bath 4" in text
    assert "from bath 5" not in text
    assert "and 2 more" in text
    assert "sum of -J/T" not in text


def test_a_particle_without_bath_and_matrices_is_refused():
    system = particles()
    del system["particles"][0]["bath"]
    with pytest.raises(
        ConfigError, match=r"particles.0 has no bath; give it one, `bath: {model: none}`, or `matrices`"
    ):
        fp.Config(system=system, time={"method": "gaussian"})


def test_only_gaussian_states_have_gaussian_solutions():
    system = {"mass": 1.0, "potential": {"kind": "harmonic", "omega": 1.0}, "bath": {"model": "none"}}
    start = {"kind": "fock", "n": 1, "omega": 1.0}
    with pytest.raises(ConfigError, match="initial: `gaussian` needs a Gaussian initial state"):
        fp.Config(system=system, initial=start, time={"method": "gaussian", "until": 1.0})


def test_predictions_for_many_records_of_one_particle():
    """Two million of them were measured: 1.5 GB, not the 0.3 GB of their matrices alone, and 69 s on a slow host."""
    config = fp.load_config(Path(__file__).parents[1] / "configs" / "minimally_invasive.yaml")
    timed = config.replaced(time={"until": 2.0, "method": "gaussian"}, output={"every": 1e-6})
    problem = gaussian_problem(timed)
    assert len(problem.times) == 2_000_001
    assert 1.2e9 < problem.memory < 2e9
    assert 30 < problem.seconds < 140
