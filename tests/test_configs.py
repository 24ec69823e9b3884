"""Every shipped configuration: it runs, and its numbers are those of oracles that know no grid."""

import json
import math
import re
import runpy
from functools import cache
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from ruamel.yaml import YAML
from scipy.linalg import solve_continuous_lyapunov

import fpsolver as fp
from fpsolver import api
from fpsolver.config.catalogue import SCHEMA_LINE
from fpsolver.config.schema import json_schema

FOLDER = Path(__file__).parents[1] / "configs"
CONFIGS = sorted(FOLDER.glob("*.yaml"))
OSCILLATORS = (
    "caldeira_leggett", "cold", "lindblad", "minimally_invasive", "overdamped", "position_friction",
    "position_friction_detailed_balance", "quantum_optical", "symmetry_broken", "symmetry_broken_detailed_balance",
    "translation_covariant", "underdamped",
)  # fmt: skip
BALANCED = {
    "caldeira_leggett", "double_well", "free_ring", "position_friction_detailed_balance", "quantum_optical",
    "symmetry_broken_detailed_balance",
}  # fmt: skip
NEGATIVE = ("cat", "fock")
MANY = ("chain", "two_oscillators", "coupled_cat")  # in test_many.py and test_products.py
WITH_MEMORY = ("hu_paz_zhang",)
QUANTUM_WELLS = {"quantum_quartic": (1.0, 0.7), "quantum_double_well": (-1.0, 2.0)}  # stiffness at 0, beta
# what the header of the file promises; each also follows from an oracle below
PROMISED = {
    "cold": 2.0,
    "lindblad": 3.6098454382,
    "minimally_invasive": 0.0153125,
    "overdamped": 0.153125,
    "position_friction": 0.0474129757,
    "symmetry_broken": 0.4835204082,
    "translation_covariant": 0.0447763845,
    "underdamped": 0.0030625,
}


@pytest.fixture(scope="module")
def outcome():
    """Results by name, each run once."""
    known = {}

    def run(name):
        if name not in known:
            known[name] = api.run_problem(api.prepare(fp.load_config(FOLDER / f"{name}.yaml")))
        return known[name]

    return run


def matrices(config):
    """A and B of an oscillator of mass 1 and frequency 1, written out from the model's definition."""
    bath, hbar = config.system.bath.model_dump(exclude_none=True), config.units.hbar
    if bath["model"] == "lindblad":
        ((u, v),) = bath["operators"]
        gain = hbar * (u * np.conj(v)).imag  # both coordinates decay at -gain
        noise = hbar**2 * np.array([[abs(v) ** 2, -(u * np.conj(v)).real], [-(u * np.conj(v)).real, abs(u) ** 2]])
        return np.array([[gain, 1.0], [-1.0, gain]]), noise
    eta, beta = bath["eta"], bath["beta"]
    if bath["model"] == "quantum_optical":
        energy = hbar / 2 / math.tanh(beta * hbar / 2)
        return np.array([[-eta / 2, 1.0], [-1.0, -eta / 2]]), eta * energy * np.eye(2)
    d_pp, d_qp = eta / beta, bath.get("d_qp", 0.0)
    alpha, xi = bath.get("alpha", 0.0), bath.get("xi", 0.0)
    if xi == "detailed_balance":
        xi = eta * min(np.roots([(beta * hbar / 4) ** 2, 2 * (beta * hbar / 4) ** 2 - 1, (beta * hbar / 4) ** 2]).real)
    d_qq = 0.0 if bath["model"] == "caldeira_leggett" else ((hbar * (eta + xi) / 4) ** 2 + d_qp**2) / d_pp
    if alpha == "detailed_balance":
        alpha = -eta * d_qq / (d_pp + d_qq)
    return np.array([[alpha - xi, 1.0], [-1.0, -(alpha + eta)]]), 2 * np.array([[d_qq, d_qp], [d_qp, d_pp]])


def steady_rate(A, B):
    """Phi of the steady Gaussian, 2 Tr[a (B^I)^+ a V] + Tr a - Tr[B^R V^-1]/2 with a = diag A; and V by SciPy."""
    V = solve_continuous_lyapunov(A, -B)
    a, inverse = np.diag(np.diag(A)), np.diag([1 / b if b else 0.0 for b in np.diag(B)])
    cross = B - np.diag(np.diag(B))
    return 2 * np.trace(a @ inverse @ a @ V) + np.trace(a) - np.trace(cross @ np.linalg.inv(V)) / 2, V


@pytest.mark.slow
@pytest.mark.parametrize("name", OSCILLATORS)
def test_oscillators(name, outcome):
    """Pi and Phi to 1e-9 of max(Pi, |Phi|, eta) (issue's bar) at the end and all along; covariance to 1e-8."""
    config, result = fp.load_config(FOLDER / f"{name}.yaml"), outcome(name)
    A, B = matrices(config)
    rate, V = steady_rate(A, B)
    eta = getattr(config.system.bath, "eta", -np.trace(A))
    scale = max(rate, eta)
    assert result.status == "steady"
    for series in ("entropy_production", "entropy_flux"):
        assert abs(result.last(series) - rate) <= 1e-9 * scale
        along = np.abs(result.series[series] - result.exact[series])
        assert (along <= 1e-9 * np.maximum(scale, np.abs(result.exact[series]))).all()
    np.testing.assert_allclose(result.series["covariance"][-1], V, rtol=0, atol=1e-8)
    assert result.exact_error <= 1e-6
    if name in BALANCED:
        assert abs(rate) <= 1e-14
        assert result.last("entropy_production") <= 1e-11 * eta


@pytest.mark.slow
def test_bath_with_memory(outcome):
    """Late times look like equilibrium: Pi = Phi = 0, V diagonal, <p^2> of the quantum Gibbs state; yet d_qp != 0."""
    result = outcome("hu_paz_zhang")
    assert result.status == "steady"
    for series in ("entropy_production", "entropy_flux"):
        along = np.abs(result.series[series] - result.exact[series])
        assert (along <= 1e-9 * np.maximum(1, np.abs(result.exact[series]))).all()  # the bar of constant oscillators
        assert abs(result.last(series)) <= 1e-11
    V = result.series["covariance"][-1]
    assert abs(V[0, 1]) <= 1e-8
    assert V[1, 1] == pytest.approx(0.5 / math.tanh(0.35), abs=1e-8)
    assert "1.486433864" in (FOLDER / "hu_paz_zhang.yaml").read_text()
    assert result.diagnostics["diffusion_parity_residual"] > 0.02
    assert np.abs(result.final.J_irreversible).max() <= 1e-6 * np.abs(result.final.J_reversible).max()
    assert result.series["cp_margin"].min() < -0.01
    assert result.exact_error <= 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("path", [p for p in CONFIGS if p.stem not in MANY], ids=lambda path: path.stem)
def test_verdicts_and_conservation(path, outcome):
    """Complete positivity, detailed balance, mass; warnings only where the header announces one."""
    result = outcome(path.stem)
    assert result.diagnostics["satisfies_detailed_balance"] is (path.stem in BALANCED)
    quantum = result.config.units.hbar > 0
    incomplete = ("caldeira_leggett", *WITH_MEMORY)
    positive = result.diagnostics["is_completely_positive"]
    assert positive is (path.stem not in incomplete) if quantum else np.isnan(positive)
    assert abs(result.last("mass") - 1) <= 1e-12
    assert [("completely positive" in text) for text in result.warnings] == [True] * (path.stem == "caldeira_leggett")
    expected = "not completely positive" if path.stem == "caldeira_leggett" else ""
    assert expected in path.read_text().replace("\n# ", " ")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "d_qp"), [("free_ring", 0.0), ("free_ring_cross_diffusion", 0.2)])
def test_free_rings(name, d_qp, outcome):
    """Uniform, Maxwellian: Pi = Phi = 0 and J^I = 0 with or without d_qp; only line 2 sees the difference."""
    result = outcome(name)
    assert abs(result.last("entropy_production")) <= 1e-11
    assert abs(result.last("entropy_flux")) <= 1e-11
    reversible, irreversible = result.final.J_reversible, result.final.J_irreversible
    assert np.abs(irreversible).max() <= 2e-6 * np.abs(reversible).max()
    assert result.diagnostics["diffusion_parity_residual"] == pytest.approx(4 * d_qp, abs=1e-15)
    p = result.grid.coordinates[1]
    W = np.sqrt(0.7 / (2 * np.pi)) * np.exp(-0.35 * p**2) / 10
    expected = np.broadcast_to(p * (1 + 0.7 * d_qp) * W, result.final.W.shape)
    np.testing.assert_allclose(reversible[0], expected, rtol=0, atol=1e-7)
    np.testing.assert_allclose(reversible[0].sum(axis=1), 0, rtol=0, atol=1e-9)  # no net current around the ring


def tilted_ring(amplitude, tilt, eta, beta, waves=20, hermite=60):
    """<p> and <p^2> of the Kramers equation on a ring of length 2 pi (m = 1), by Fourier modes and Hermite functions.

    W = sum_n a_n(q) He_n(p sqrt(beta)) phi(p)/sqrt(n!) turns the equation into
    da_n/dt = -n eta a_n - sqrt(n T) (d_q + U'/T) a_{n-1} - sqrt((n+1) T) d_q a_{n+1}.
    """
    k, T = np.arange(-waves, waves + 1), 1 / beta
    d_q = np.diag(1j * k)
    shift = np.diag(np.ones(2 * waves), -1)  # times exp(iq)
    slope = amplitude / 2j * (shift - shift.T) - tilt * np.eye(len(k))  # U' = amplitude sin q - tilt
    size, L = len(k), np.zeros((len(k) * hermite, len(k) * hermite), dtype=complex)
    for n in range(hermite):
        rows = slice(n * size, (n + 1) * size)
        L[rows, rows] -= n * eta * np.eye(size)
        if n > 0:
            L[rows, (n - 1) * size : n * size] -= math.sqrt(n * T) * (d_q + slope / T)
        if n + 1 < hermite:
            L[rows, (n + 1) * size : (n + 2) * size] -= math.sqrt((n + 1) * T) * d_q
    L[waves] = 0  # the equation of the total probability is empty: normalise instead
    L[waves, waves] = 1
    right = np.zeros(len(L), dtype=complex)
    right[waves] = 1.0
    a = np.linalg.solve(L, right).reshape(hermite, size)[:, waves].real
    return math.sqrt(T) * a[1], T * (1 + math.sqrt(2) * a[2])


@pytest.mark.slow
def test_driven_ring(outcome):
    """Velocity and Pi against Fourier-Hermite modes; Pi is also the heat, beta eta (<p^2> - T), and the work."""
    result = outcome("driven_ring")
    momentum, square = tilted_ring(0.5, 0.4, 0.5, 1.0)
    assert result.series["mean"][-1][1] == pytest.approx(momentum, abs=1e-9)
    assert 0.4 * momentum == pytest.approx(0.5 * (square - 1), abs=1e-12)  # the oracle's own energy balance
    assert result.last("entropy_production") == pytest.approx(0.4 * momentum, abs=5e-10)  # 1e-9 eta
    assert result.last("entropy_flux") == pytest.approx(0.4 * momentum, abs=5e-10)
    assert result.series["heat_current"][-1][0] == pytest.approx(-0.4 * momentum, abs=5e-10)
    coarser = tilted_ring(0.5, 0.4, 0.5, 1.0, waves=14, hermite=45)
    assert coarser[0] == pytest.approx(momentum, abs=1e-12)  # the oracle is converged


@pytest.mark.slow
def test_double_well(outcome):
    """The Gibbs state by quadrature, cell by cell, and nothing left of the start."""
    result = outcome("double_well")
    q, p = result.grid.coordinates
    W = np.exp(-(-(q**2) + q**4 / 4) - p**2 / 2)
    fine = np.linspace(-6, 6, 6001)
    weight = np.exp(fine**2 - fine**4 / 4)
    Z = weight.sum() * (fine[1] - fine[0]) * math.sqrt(2 * math.pi)
    assert result.grid.integrate(np.abs(result.final.W - W / Z)) <= 1e-6
    assert abs(result.series["mean"][-1][0]) <= 1e-8
    second = (fine**2 * weight).sum() / weight.sum()
    assert result.series["covariance"][-1][0, 0] == pytest.approx(second, abs=1e-7)
    assert f"{second:.4f}" in (FOLDER / "double_well.yaml").read_text()
    assert 0 <= result.last("entropy_production") <= 1e-11
    assert abs(result.last("entropy_flux")) <= 1e-11


@pytest.mark.slow
@pytest.mark.parametrize("name", QUANTUM_WELLS)
def test_quantum_wells(name, outcome):
    """Exact moment identities of the steady state, of which <H> knows nothing quantum; the numbers of the header."""
    result, text = outcome(name), " ".join((FOLDER / f"{name}.yaml").read_text().split())
    stiffness, beta = QUANTUM_WELLS[name]
    (q2, qp), (_, p2) = result.series["covariance"][-1]
    d_qq, d_pp, curvature = beta * 0.5 / 16, 0.5 / beta, stiffness + 1.2 * q2
    assert qp == pytest.approx(-d_qq, abs=1e-9)  # d<q^2>/dt = 0
    assert 0.5 * p2 == pytest.approx(d_pp + d_qq * curvature, rel=1e-7, abs=0)  # d<H>/dt = 0
    Pi, Phi, moyal = (result.last(f"entropy_{x}") for x in ("production", "flux", "moyal"))
    assert Phi == pytest.approx(0.5 * d_qq * curvature / d_pp, rel=1e-7, abs=0)
    assert f"<q^2> = {q2:.6f}, <p^2> = {p2:.6f}" in text
    assert f"Phi = {Phi:.7f}" in text
    if name == "quantum_double_well":
        assert math.isnan(Pi)
        assert f"negativity {result.last('negativity'):.1e}".replace("e-0", "e-") in text
        assert f"purity {result.last('purity'):.6f}" in text
    else:
        assert abs(Pi - Phi + moyal) <= 1e-7 * Phi
        assert f"Pi = {Pi:.7f}, Phi = {Phi:.7f}, S_Moyal = {moyal:.7f}" in text


@pytest.mark.slow
@pytest.mark.parametrize("name", NEGATIVE)
def test_negative_states(name, outcome):
    """The promised purities, from overlaps of characteristic functions in closed form, and the exact W."""
    result, text = outcome(name), (FOLDER / f"{name}.yaml").read_text()
    bound = float(re.search(r"L1 error of W below (\S+),", text)[1])
    assert result.exact_error <= bound
    promised = [float(x) for x in re.search(r"purity 1, (\S+) and (\S+) at", text).groups()]
    assert [result.series["purity"][k] for k in (0, 4, 32)] == pytest.approx([1, *promised], abs=1e-6)
    assert np.isnan(result.series["entropy_production"][0])
    assert np.isfinite(result.last("entropy_production"))
    if name == "fock":
        centre = result.series["time"][np.argmax(result.series["negativity"] <= 1e-8)]
        assert 0.918940 <= centre <= 0.918940 + 0.05  # the first record after the zero
        assert "t = 0.918940" in text


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_headers_promise_what_the_oracles_give(path):
    text = path.read_text()
    header = " ".join(line[2:] for line in text.splitlines() if line.startswith("# "))
    assert text.startswith(SCHEMA_LINE)
    assert re.search(r"about (a minute|(one|two|four|five|twenty|thirty|forty) seconds?)", header, re.IGNORECASE)
    assert f"results/{path.stem}.h5" in text
    if path.stem in PROMISED:
        assert f"{PROMISED[path.stem]:.10g}" in header
    if path.stem in OSCILLATORS:
        rate, _ = steady_rate(*matrices(fp.load_config(path)))
        assert rate == pytest.approx(PROMISED.get(path.stem, 0.0), abs=1e-10)


def test_every_case_is_covered():
    rings_and_wells = {"double_well", "driven_ring", "free_ring", "free_ring_cross_diffusion"}
    assert {path.stem for path in CONFIGS} == {
        *OSCILLATORS, *WITH_MEMORY, *rings_and_wells, *NEGATIVE, *MANY, *QUANTUM_WELLS
    }  # fmt: skip


_schema = cache(json_schema)


@cache
def _validator():
    return jsonschema.validators.validator_for(_schema())(_schema())


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_configs_satisfy_the_schema_that_lies_beside_them(path):
    schema = json.loads((FOLDER / "fpsolver.schema.json").read_text())
    assert schema == _schema(), "run `fpsolver schema -o configs/fpsolver.schema.json --force`"
    document = YAML(typ="safe", pure=True).load(path.read_text())
    _validator().validate(document)
    never = {**document, "time": {**document.get("time", {}), "until": 0}}
    for broken in ({**document, "tme": 1}, {**document, "system": {**document["system"], "mass": -1}}, never):
        assert not _validator().is_valid(broken)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_titles_hold_whatever_is_set(path):
    """A number in a title would stay there after --set, in summaries and figures."""
    assert not re.search(r"\d", fp.load_config(path).title)


def test_the_page_that_compares_the_models_is_what_the_code_gives():
    script = runpy.run_path(str(FOLDER.parent / "scripts" / "models_table.py"))
    text = (FOLDER.parent / "docs" / "models.md").read_text(encoding="utf-8")
    assert text == script["page"](), "run `python scripts/models_table.py`"
    for name in (*OSCILLATORS, *WITH_MEMORY, "free_ring", "free_ring_cross_diffusion"):
        assert f"| `{name}` |" in text
