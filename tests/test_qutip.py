"""Anharmonic quantum systems against QuTiP: master equations in Fock space, built from their jump operators."""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
import qutip
from scipy.linalg import cosm

import fpsolver as fp
from fpsolver import api

pytestmark = pytest.mark.qutip
PADDING = 24  # levels beyond the cut-off, so that powers of q are right up to it


@dataclass(frozen=True)
class Ripples:
    """U = q^2/2 + depth (1 - cos k q): ripples on a parabola, which no polynomial and no kick describes."""

    depth: float
    wavenumber: float
    span = (-8.0, 8.0)

    def energy(self, q):
        return q**2 / 2 + self.depth * (1 - np.cos(self.wavenumber * q))

    def derivative(self, q, order=1):
        parabola = q if order == 1 else 1.0 if order == 2 else 0.0
        return parabola - self.depth * self.wavenumber**order * np.cos(self.wavenumber * q + order * math.pi / 2)


@dataclass(frozen=True)
class Oscillator:
    """Matrices of q and p for n levels of an oscillator, and functions of q that know of higher levels."""

    mass: float
    hbar: float
    omega: float
    levels: int

    @property
    def q(self):
        a = qutip.destroy(self.levels + PADDING).full().real
        return math.sqrt(self.hbar / (2 * self.mass * self.omega)) * (a + a.T)

    @property
    def p(self):
        a = qutip.destroy(self.levels + PADDING).full().real
        return 1j * math.sqrt(self.hbar * self.mass * self.omega / 2) * (a.T - a)

    def cut(self, matrix):
        part = np.where(np.abs(matrix) < 1e-14 * np.abs(matrix).max(), 0, matrix)[: self.levels, : self.levels]
        return qutip.Qobj(part).to("CSR")

    def potential(self, U):
        if isinstance(U, Ripples):
            cosine = cosm(U.wavenumber * self.q)
            return self.q @ self.q / 2 + U.depth * (np.eye(len(self.q)) - cosine)
        return sum(c * np.linalg.matrix_power(self.q, k) for k, c in enumerate(U))


def operators(bath, mass, hbar):
    """Jump operators u q + v p of a bath as rows (u, v), and the c of its Hamiltonian c (qp + pq)."""
    if bath["model"] == "lindblad":
        return np.array(bath["operators"]), 0.0
    eta, beta = bath["eta"], bath["beta"]
    if bath["model"] == "quantum_optical":
        omega = bath["omega"]
        quanta = 1 / math.expm1(beta * hbar * omega)
        a = math.sqrt(mass * omega / (2 * hbar)) * np.array([1, 1j / (mass * omega)])
        return np.array([math.sqrt(eta * (quanta + 1)) * a, math.sqrt(eta * quanta) * a.conj()]), 0.0
    alpha, xi, d_qp, d_pp = bath.get("alpha", 0.0), bath.get("xi", 0.0), bath.get("d_qp", 0.0), mass * eta / beta
    d_qq = ((hbar * (eta + xi) / 4) ** 2 + d_qp**2) / d_pp
    # -D_pp [q, [q, rho]]/hbar^2 + .. - i (eta + xi) ({p, ..} terms)/4 hbar in Lindblad form; the rest is Hamiltonian
    off = -d_qp - 0.25j * hbar * (eta + xi)
    kossakowski = 2 / hbar**2 * np.array([[d_pp, off], [np.conj(off), d_qq]])
    rates, vectors = np.linalg.eigh(kossakowski)
    return (np.sqrt(rates.clip(min=0)) * vectors).T, alpha / 2 + (eta - xi) / 4


def liouvillian(U, bath, levels):
    """The master equation in Fock space."""
    q, p = levels.q, levels.p
    jumps, squeezing = operators(bath, levels.mass, levels.hbar)
    H = p @ p / (2 * levels.mass) + levels.potential(U) + squeezing * (q @ p + p @ q)
    jumps = [levels.cut(u * q + v * p) for u, v in jumps if max(abs(u), abs(v)) > 1e-9]
    return qutip.liouvillian(levels.cut(H) / levels.hbar, jumps)


def averages(rho, levels):
    """Moments and purity of a density matrix."""
    q, p = levels.q, levels.p
    powers = {"q": q, "p": p, "qq": q @ q, "pp": p @ p, "qp": (q @ p + p @ q) / 2}
    powers |= {"q4": np.linalg.matrix_power(q, 4), "p4": np.linalg.matrix_power(p, 4)}
    found = {name: np.trace(rho.full() @ M[: levels.levels, : levels.levels]).real for name, M in powers.items()}
    return found | {"purity": (rho * rho).tr().real}


def grid_averages(W, grid, hbar):
    """The same by sums over a grid."""
    q, p = grid.coordinates
    powers = {"q": q, "p": p, "qq": q**2, "pp": p**2, "qp": q * p, "q4": q**4, "p4": p**4}
    return {name: grid.integrate(f * W) for name, f in powers.items()} | {
        "purity": 2 * math.pi * hbar * grid.integrate(W**2)
    }


def compare(W, grid, rho, levels, moments, values):
    """Moments (relative to their own size or one) and point values (of the largest) agree."""
    exact, found = averages(rho, levels), grid_averages(W, grid, levels.hbar)
    for name, value in exact.items():
        assert found[name] == pytest.approx(value, rel=moments, abs=moments), name
    rho = (rho + rho.dag()) / 2 / rho.tr().real
    expected = fp.interop.qutip.wigner(rho, grid, mass=levels.mass, hbar=levels.hbar, omega=levels.omega)
    np.testing.assert_allclose(W, expected, rtol=0, atol=values * np.abs(expected).max())


def steady_state(U, bath, levels):
    """QuTiP's steady state and its levels, a few more than asked for; what the cut-off does to it is known."""
    more = Oscillator(levels.mass, levels.hbar, levels.omega, levels.levels + 6)
    small, large = (qutip.steadystate(liouvillian(U, bath, x)) for x in (levels, more))
    assert np.abs(large.full()[: levels.levels, : levels.levels] - small.full()).max() < 1e-9
    return large, more


POTENTIALS = {
    "quartic": ({"kind": "quartic", "omega": 1.0, "quartic": 0.4}, (0, 0, 0.5, 0, 0.1)),  # mass 1
    "double_well": ({"kind": "double_well", "quadratic": 1.0, "quartic": 0.4}, (0, 0, -0.5, 0, 0.1)),
    "asymmetric": ({"kind": "polynomial", "coefficients": [0, 0.1, 0.2, -0.15, 0.1]}, (0, 0.1, 0.2, -0.15, 0.1)),
    "sextic": ({"kind": "polynomial", "coefficients": [0, 0, 0.3, 0.05, 0, 0, 0.01]}, (0, 0, 0.3, 0.05, 0, 0, 0.01)),
    "ripples": (Ripples(0.3, 1.6), Ripples(0.3, 1.6)),
}  # fmt: skip


def drawn():
    """Bath models, potentials and numbers: every model twice, with a seed of its own."""
    rng, cases = np.random.default_rng(20260705), []
    wells = ["double_well", "asymmetric", "sextic", "asymmetric", "double_well", "sextic"]
    wells += ["asymmetric", "double_well", "asymmetric", "sextic", "asymmetric", "asymmetric"]
    models = ["minimally_invasive", "translation_covariant", "symmetry_broken", "position_friction", "quantum_optical"]
    for k, model in enumerate([*models, "lindblad"] * 2):
        mass, hbar, eta = rng.uniform(0.8, 1.4), rng.uniform(0.7, 1.1), rng.uniform(0.4, 1.2)
        bath = {"model": model, "eta": eta, "beta": rng.uniform(0.7, 1.8)}
        extra = {"translation_covariant": ("d_qp", 0.1), "symmetry_broken": ("alpha", -0.15)}
        extra |= {"position_friction": ("xi", 0.08), "quantum_optical": ("omega", 1.4)}
        if model in extra:
            bath[extra[model][0]] = extra[model][1] * rng.uniform(0.85, 1.2)
        if model == "lindblad":
            u, v = rng.uniform(0.4, 0.7, 2)
            bath = {"model": model, "operators": [(u + 0.1j, -0.1 + v * 1j), (0.3, 0.1j)]}
        cases.append(pytest.param(wells[k], bath, mass, hbar, id=f"{model}-{k // 6}"))
    return cases


def steady_run(section, bath, mass, hbar, **more):
    system = {"mass": mass, "potential": section, "bath": bath}
    return api.run_problem(
        api.prepare(fp.Config(units={"hbar": hbar}, system=system, time={"method": "direct"}, **more))
    )


@pytest.mark.slow
@pytest.mark.parametrize(("name", "bath", "mass", "hbar"), drawn())
def test_steady_states(name, bath, mass, hbar):
    section, U = POTENTIALS[name]
    rho, levels = steady_state(U, bath, Oscillator(mass, hbar, 1.9, 60 if "optical" in bath["model"] else 44))  # hot
    result = steady_run(section, bath, mass, hbar)
    assert result.last("edge_mass") < 1e-11  # the automatic box holds all of it
    compare(result.final.W, result.grid, rho, levels, 3e-8, 1e-6)  # measured: 1e-8 and 4e-7


@pytest.mark.slow
def test_ripples():
    """A potential of the user's own, whose bracket is a convolution over the whole axis of p."""
    bath = {"model": "minimally_invasive", "eta": 0.6, "beta": 0.9}
    section, U = POTENTIALS["ripples"]
    rho, levels = steady_state(U, bath, Oscillator(1.0, 1.0, 1.4, 44))
    result = steady_run(section, bath, 1.0, 1.0)
    compare(result.final.W, result.grid, rho, levels, 3e-8, 1e-6)


# --- transients ------------------------------------------------------------------------------------------------------


def started(state, levels):
    """Initial states in Fock space: coherent, Fock and cat states of the basis oscillator."""
    n, unit = levels.levels, math.sqrt(2 * levels.hbar / (levels.mass * levels.omega))
    if state["kind"] == "fock":
        return qutip.fock_dm(n, state["n"])
    if state["kind"] == "coherent":
        return qutip.ket2dm(qutip.coherent(n, state["q"] / unit, method="analytic"))
    right, left = (qutip.coherent(n, sign * state["separation"] / 2 / unit, method="analytic") for sign in (1, -1))
    return qutip.ket2dm((right + np.exp(1j * state["phase"]) * left).unit())


def evolved(U, bath, state, levels, times):
    """States at the times."""
    options = {"atol": 1e-12, "rtol": 1e-10, "nsteps": 100000}
    start, L = started(state, levels), liouvillian(U, bath, levels)
    return qutip.mesolve(L, start, [0.0, *times], options=options).states[1:]


def transient_run(section, bath, state, levels, times):
    units = {"hbar": levels.hbar}
    system = {"mass": levels.mass, "potential": section, "bath": bath}
    end, output = {"until": times[-1]}, {"every": times[0], "snapshots": list(times)}
    problem = api.prepare(fp.Config(units=units, system=system, initial=state, time=end, output=output))
    return api.run_problem(problem)


MOVING = {
    "fock": ("asymmetric", {"model": "translation_covariant", "eta": 0.5, "beta": 0.9, "d_qp": 0.08}, "fock"),
    "cat": ("double_well", {"model": "minimally_invasive", "eta": 0.4, "beta": 0.8}, "cat"),
    "cat-lindblad": ("asymmetric", {"model": "lindblad", "operators": [(0.5 + 0.1j, 0.5j), (0.3, 0.1j)]}, "cat"),
}
STATES = {
    "fock": {"kind": "fock", "n": 2, "omega": 1.5},
    "cat": {"kind": "cat", "separation": 2.6, "phase": 0.8, "omega": 1.5},
}


@pytest.mark.slow
@pytest.mark.parametrize("case", MOVING)
def test_states_that_start_negative(case):
    """Fock and cat states in anharmonic wells, on automatic grids."""
    name, bath, kind = MOVING[case]
    section, U = POTENTIALS[name]
    few, many, times = Oscillator(1.1, 0.9, 1.5, 52), Oscillator(1.1, 0.9, 1.5, 58), (0.3, 0.8)
    coarse, fine = (evolved(U, bath, STATES[kind], levels, times) for levels in (few, many))
    result = transient_run(section, bath, STATES[kind], many, times)
    for k, W in enumerate(result.snapshots.W):
        assert np.abs(fine[k].full()[:52, :52] - coarse[k].full()).max() < 1e-7  # both cut-offs agree
        compare(W, result.grid, fine[k], many, 1e-6, 1e-5)


# --- the reference cases ---------------------------------------------------------------------------------------------

REFERENCE = {"model": "minimally_invasive", "eta": 0.5}
POINTS = [(0.0, 0.0), (1.0, 0.0), (0.5, 1.0), (-1.5, 0.7)]
LEVELS = Oscillator(1.0, 1.0, 2.0, 56)
# from a code of its own in Fock space, two cut-offs: <q^2>, <p^2>, <q^4>, <p^4>, purity, Phi, W at the points
LISTED = {
    ("quartic", 0.7): (0.825913465936, 1.51568188553, 1.75176479899, 6.86649671021, 0.436283011174, 0.0304886599366,
                       0.132657382704, 0.0839636481748, 0.0849465288933, 0.0356729381839),
    ("double_well", 0.7): (2.25010980639, 1.50295219341, 9.40999874949, 6.78591886437, 0.273320038319, 0.0260332676924,
                           0.0565422983336, 0.0702493705312, 0.0424023316087, 0.0643291213168),
    ("double_well", 2.0): (1.89488493908, 0.659232740862, 6.46341919985, 1.42549107811, 0.478845048501, 0.159232740862,
                           0.0988414162244, 0.13164094756, 0.0392730420135, 0.0932802919967),
}  # fmt: skip


@cache
def reference(name, beta):
    """QuTiP's steady state, fpsolver's, and averages of the former with its own Phi = eta (eta <p^2>/D_pp - 1)."""
    section, U = POTENTIALS[name]
    bath = REFERENCE | {"beta": beta}
    rho, levels = steady_state(U, bath, LEVELS)
    exact = averages(rho, levels)
    exact["Phi"] = 0.5 * (beta * exact["pp"] - 1)
    return rho, steady_run(section, bath, 1.0, 1.0), exact


def at_points(W, grid):
    """W between the cells, by the Fourier sum through all of them."""
    modes = [2 * np.pi * np.fft.fftfreq(axis.cells, axis.spacing) for axis in grid.axes]
    spectrum = np.fft.fft2(W) / W.size
    found = []
    for point in POINTS:
        a, b = (np.exp(1j * k * (x - axis.centres[0])) for x, k, axis in zip(point, modes, grid.axes, strict=True))
        found.append((a @ spectrum @ b).real)
    return np.array(found)


def qutip_at_points(rho):
    """QuTiP's own Wigner function, in units of its basis oscillator (W dq dp is the same number)."""
    unit = math.sqrt(LEVELS.hbar / (LEVELS.mass * LEVELS.omega))
    return np.array([float(qutip.wigner(rho, [q / unit], [p * unit / LEVELS.hbar])[0, 0]) for q, p in POINTS])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "beta"), LISTED)
def test_reference_wells(name, beta):
    """Moments, Phi and W against QuTiP (and against other code in Fock space, as listed); 1e-8 warm, 1e-7 cold."""
    rho, result, exact = reference(name, beta)
    bar = 1e-8 if beta < 1 else 1e-7
    found = grid_averages(result.final.W, result.grid, 1.0) | {"Phi": result.last("entropy_flux")}
    for key, value in exact.items():
        wide = 2 if key == "purity" else 1  # W squared: twice the error
        assert found[key] == pytest.approx(value, rel=wide * bar, abs=1e-9), key
    listed = LISTED[name, beta]
    keys = ("qq", "pp", "q4", "p4", "purity", "Phi")
    assert [exact[key] for key in keys] == pytest.approx(listed[:6], rel=1e-10, abs=0)
    assert qutip_at_points(rho) == pytest.approx(listed[6:], rel=1e-10, abs=0)
    assert at_points(result.final.W, result.grid) == pytest.approx(qutip_at_points(rho), abs=1e-7)


def production(rho, grid):
    """Pi and -int (dW/dt)_Moyal ln W of the reference bath at beta = 0.7, by Fourier derivatives of QuTiP's W."""
    W = fp.interop.qutip.wigner((rho + rho.dag()) / 2 / rho.tr().real, grid, mass=1.0, hbar=1.0, omega=2.0)
    q, p = grid.coordinates
    k, y = (2j * np.pi * np.fft.fftfreq(axis.cells, axis.spacing) for axis in grid.axes)
    W_q, W_p, W_ppp = (
        np.fft.ifft(np.fft.fft(W, axis=axis) * factor, axis=axis).real
        for axis, factor in ((0, k[:, None]), (1, y), (1, y**3))
    )
    d_qq, d_pp = 0.7 * 0.5 / 16, 0.5 / 0.7
    held = 1e-11 * W.max() < W  # below it ln W is round-off, and Pi has less than 1e-8 of itself
    J_q, J_p = -d_qq * W_q, -0.5 * p * W - d_pp * W_p
    density = (J_q**2 / d_qq + J_p**2 / d_pp)[held] / W[held]
    moyal = 2.4 / 24 * q * W_ppp  # minus the rate: (hbar^2/24) U_qqq W_ppp with U = .. + q^4/10
    return density.sum() * grid.volume, (moyal[held] * np.log(W[held])).sum() * grid.volume


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "listed"),
    [("quartic", (0.030723009, -0.000234349)), ("double_well", (0.026933587, -0.000900319))],
)
def test_production_and_balance_of_warm_wells(name, listed):
    """Pi to 1e-7 of QuTiP's W by quadrature; dS/dt = Pi - Phi + S_Moyal = 0 in the steady state."""
    rho, result, _ = reference(name, 0.7)
    Pi, Phi, moyal = (result.last(f"entropy_{x}") for x in ("production", "flux", "moyal"))
    exact = production(rho, result.grid)
    assert Pi == pytest.approx(exact[0], rel=1e-7, abs=0)
    assert moyal == pytest.approx(exact[1], abs=3e-9)
    assert (Pi, moyal) == pytest.approx(listed, abs=2e-9)  # their nine digits
    assert abs(Pi - Phi + moyal) <= 1e-7 * Phi


@pytest.mark.slow
def test_cold_well_is_negative():
    """W is negative where the wells interfere: Pi is NaN with its reason, Phi is exact all the same."""
    _, result, _ = reference("double_well", 2.0)
    assert result.last("negativity") > 1e-4
    assert math.isnan(result.last("entropy_production"))
    assert "W is negative" in result.reasons["entropy_production"]
    assert result.last("edge_mass") < 1e-11


@pytest.mark.slow
@pytest.mark.parametrize("name", ["quartic", "double_well"])
def test_transients_of_the_reference_wells(name):
    """From a coherent state of frequency 2 at q = 1: moments and W at t = 0.5 and 2 to 1e-6."""
    section, U = POTENTIALS[name]
    bath, state, times = REFERENCE | {"beta": 0.7}, {"kind": "coherent", "q": 1.0, "p": 0.0, "omega": 2.0}, (0.5, 2.0)
    few = Oscillator(1.0, 1.0, 2.0, 50)
    coarse, fine = (evolved(U, bath, state, levels, times) for levels in (few, LEVELS))
    result = transient_run(section, bath, state, LEVELS, times)
    for k, W in enumerate(result.snapshots.W):
        assert np.abs(fine[k].full()[:50, :50] - coarse[k].full()).max() < 1e-9
        compare(W, result.grid, fine[k], LEVELS, 1e-6, 1e-6 / 0.3)  # W itself to 1e-6: its largest value is 0.3
    if name == "quartic":
        q2, W = averages(fine[1], LEVELS)["qq"], at_points(result.snapshots.W[1], result.grid)
        assert q2 == pytest.approx(0.888739935976, rel=1e-9, abs=0)
        assert pytest.approx([0.134473983109, 0.0476862163614, 0.0366607446726, 0.0562738772418], abs=1e-6) == W


@pytest.mark.slow
def test_very_hot_well():
    """beta = 0.02, where Fock space needs several hundred levels: Phi = eta D_qq <U''>/D_pp, which is exact."""
    hot = steady_run(POTENTIALS["quartic"][0], REFERENCE | {"beta": 0.02}, 1.0, 1.0)
    q2, d_qq = hot.series["covariance"][-1][0, 0], 0.02 * 0.5 / 16
    assert hot.last("entropy_flux") == pytest.approx(0.5 * d_qq * (1 + 1.2 * q2) / 25, rel=1e-8, abs=0)
    assert not hot.warnings


@pytest.mark.slow
def test_very_cold_well():
    """beta = 8, where position diffusion drives W far out and makes it fine: resolved by the automatic grid."""
    section, U = POTENTIALS["double_well"]
    rho, levels = steady_state(U, REFERENCE | {"beta": 8.0}, Oscillator(1.0, 1.0, 1.8, 74))
    cold = steady_run(section, REFERENCE | {"beta": 8.0}, 1.0, 1.0)
    compare(cold.final.W, cold.grid, rho, levels, 1e-7, 1e-6)
    assert not cold.warnings
