"""Relaxation modes on the grid: the exact ladder, free rings, escape over a barrier, the command."""

import json
import math

import numpy as np
import pytest
from kramers.solvers.quadrature import FirstPassage1D

import fpsolver as fp
from fpsolver.cli.main import status_of
from fpsolver.errors import ConvergenceError, NoSteadyStateError, UsageError
from fpsolver.generator import Generator
from fpsolver.grid import Axis, Grid
from fpsolver.relaxation import ordered, searches, slowest_modes
from tests import systems


def ladder(system, count):
    """All sums n1 l1 + n2 l2 of the eigenvalues of A, slowest first."""
    first, second = np.linalg.eigvals(system.drift_matrix)
    values = np.array([n * first + m * second for n in range(80) for m in range(80)])
    return values[np.argsort(-values.real.round(9), kind="stable")][:count]


def matched(found, expected):
    """Largest distance when each expected value takes its nearest found one, each of which is used once."""
    left, worst = list(found), 0.0
    for value in expected:
        k = int(np.argmin(np.abs(np.array(left) - value)))
        worst = max(worst, abs(left.pop(k) - value))
    return worst


def modes(system, cells, count=10, half=8.5, order=8):
    V = systems.lyapunov(system)
    axes = [Axis(axis, -half * s, half * s, cells) for axis, s in zip("qp", np.sqrt(np.diag(V)), strict=True)]
    generator = Generator(system, Grid(tuple(axes)), fp.Scheme(order=order))
    return slowest_modes(generator, count, ladder(system, 3000))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["minimally_invasive", "translation_covariant", "caldeira_leggett"])
def test_the_first_ten_modes_of_an_oscillator(name):
    """96^2, order 8: 1e-9, with margin to the 1e-11 measured; without position noise alternating modes are left out."""
    system = systems.model(name)
    assert matched(modes(system, 96), ladder(system, 10)) <= 1e-9


@pytest.mark.parametrize("eta", [0.5, 6.0])
def test_a_coarse_grid_has_them_too(eta):
    """48^2: 4 cells for a deviation, of which the box holds 6; complex pairs, and the real modes of strong friction."""
    system = systems.model("minimally_invasive", eta=eta)
    found = modes(system, 48, count=6, half=6.0)
    assert matched(found[:3], ladder(system, 3)) <= 1e-5
    assert matched(found, ladder(system, 6)) <= 1e-3
    assert np.all(np.diff(found.real) <= 1e-9)


@pytest.mark.slow
def test_weak_damping_is_searched_beside_the_imaginary_axis():
    """eta = 0.01: within the circle of the tenth mode lie a thousand others."""
    system = systems.model("minimally_invasive", eta=0.01)
    plan = searches(ladder(system, 3000), 6)
    assert [round(search.shift.imag if isinstance(search.shift, complex) else 0) for search in plan] == [0, 1, 2]
    assert matched(modes(system, 64, count=6, half=7.0), ladder(system, 6)) <= 1e-6


RING = {"cells": 48, "extent": [-5.0, 5.0], "boundary": "periodic"}


@pytest.mark.slow
@pytest.mark.parametrize(("d_qp", "force"), [(0.0, 0.0), (0.2, 0.0), (0.0, 0.3)])
def test_modes_of_a_free_ring(d_qp, force):
    """-n eta - k^2 D_eff - i k F/(m eta), pairs for +-k; the drift term from the frame that moves with <p>/m."""
    mass, eta, beta = 1.0, 0.5, 0.7
    bath = {"model": "translation_covariant", "eta": eta, "beta": beta, "d_qp": d_qp}
    potential = {"kind": "cosine", "amplitude": 0.0, "wavenumber": 2 * math.pi / 10, "tilt": force}
    system = {"mass": mass, "potential": potential, "bath": bath}
    config = fp.Config(system=system, grid={"q": RING, "p": {"cells": 96}}, time={"method": "direct"})
    found = fp.spectrum(config, 8)
    d_pp = mass * eta / beta
    d_qq = ((eta / 4) ** 2 + d_qp**2) / d_pp
    spread = d_qq + 2 * d_qp / (mass * eta) + d_pp / (mass * eta) ** 2
    k = 2 * math.pi / 10 * np.arange(-3, 4)
    expected = (-eta * np.arange(8)[:, None] - k**2 * spread - 1j * k * force / (mass * eta)).ravel()
    expected = expected[np.argsort(-expected.real, kind="stable")][:8]
    assert matched(found.values, expected) <= 1e-6
    assert np.abs(found.values - found.exact).max() <= 1e-6


def escape(barrier, eta, cells=96):
    """Slowest rate of a symmetric double well, U = -q^2/2 + q^4/4, at barrier/T."""
    system = {
        "mass": 1.0,
        "potential": {"kind": "double_well", "quadratic": 1.0, "quartic": 1.0},
        "bath": {"model": "caldeira_leggett", "eta": eta, "beta": 4 * barrier},
    }
    config = fp.Config(
        units={"hbar": 0},
        system=system,
        grid={"q": {"cells": cells, "allow_coarse": True}, "p": {"cells": cells}},
        time={"method": "direct"},
    )
    return -fp.spectrum(config, 2).values[1].real


@pytest.mark.slow
def test_escape_rate_against_kramers():
    """Rate 2k, k = (sqrt(eta^2/4 + w_b^2) - eta/2) w_0/(2 pi w_b) e^-barrier, too high by 1/barrier to first order.

    Kramers 1940; Haenggi, Talkner, Borkovec, Rev. Mod. Phys. 62, 251 (1990), Eq. (4.33). The defect times the barrier
    must be constant: 0.31 here, as its own second-order term allows.
    """
    eta, w_0, w_b = 2.0, math.sqrt(2.0), 1.0
    defects = []
    for barrier in (6.0, 9.0, 12.0):
        k = (math.sqrt(eta**2 / 4 + w_b**2) - eta / 2) * w_0 / (2 * math.pi * w_b) * math.exp(-barrier)
        defects.append(barrier * (1 - escape(barrier, eta) / (2 * k)))
    assert np.allclose(defects, 0.31, rtol=0, atol=0.02)


@pytest.mark.slow
def test_escape_rate_against_an_independent_package():
    """Strong friction: the Smoluchowski rate of the package ``kramers`` (absorbing at the top), plus O(1/eta^2)."""
    barrier = 5.0
    well = FirstPassage1D(
        lambda q: 4 * barrier * (q**4 / 4 - q**2 / 2), domain=(0.0, math.inf), left="absorbing", right="natural"
    )
    overdamped = float(well.decay_rate().value)  # in units of D = T/(m eta)
    defects = [escape(barrier, eta) * eta * 4 * barrier / overdamped - 1 for eta in (5.0, 10.0)]
    assert defects[1] == pytest.approx(0.0, abs=0.02)
    assert defects[0] / defects[1] == pytest.approx(4.0, rel=0.25, abs=0)


@pytest.mark.slow
def test_the_command_prints_modes_and_differences(capsys, tmp_path):
    path = tmp_path / "ring.yaml"
    text = (
        "system: {mass: 1.0, potential: {kind: free}, bath: {model: minimally_invasive, eta: 0.5, beta: 0.7}}\n"
        "grid: {q: {cells: 32, extent: [-5, 5], boundary: periodic}, p: {cells: 64}}\ntime: {method: direct}\n"
    )
    path.write_text(text)
    assert status_of(["spectrum", str(path), "-k", "3"]) == 0
    printed = capsys.readouterr().out
    assert "difference" in printed
    assert len(printed.strip().splitlines()) == 6
    assert status_of(["spectrum", str(path), "-k", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["rate"] == pytest.approx([0.0, 0.5, 1.0], abs=1e-8)
    assert found["exact_rate"] == pytest.approx([0.0, 0.5, 1.0], abs=1e-12)


@pytest.mark.slow
def test_the_command_needs_no_initial_state(capsys, tmp_path):
    path = tmp_path / "bare.yaml"
    path.write_text(
        "system: {mass: 1.0, potential: {kind: harmonic, omega: 1.0}, "
        "bath: {model: minimally_invasive, eta: 0.5, beta: 0.7}}\n"
    )
    assert status_of(["spectrum", str(path), "-k", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rate"][1] == pytest.approx(0.25, rel=1e-9, abs=0)


def test_more_modes_than_the_grid_has_are_refused():
    system = {
        "mass": 1.0,
        "potential": {"kind": "harmonic", "omega": 1.0},
        "bath": {"model": "minimally_invasive", "eta": 0.05, "beta": 0.7},
    }
    axis = {"cells": 16, "allow_coarse": True}
    config = fp.Config(system=system, grid={"q": axis, "p": {"cells": 16}}, time={"method": "direct"})
    with pytest.raises(UsageError, match="must be at most 8, one for 32 of the 16 x 16 cells, but is 1000000; ask"):
        fp.spectrum(config, 1_000_000)
    with pytest.raises(ConvergenceError, match="only 0 of 8 modes were found"):  # too coarse, and ARPACK is not asked
        fp.spectrum(config, 8)


def test_what_has_no_spectrum_says_why():
    system = {
        "mass": 1.0,
        "potential": {"kind": "harmonic", "omega": 1.0},
        "bath": {"model": "caldeira_leggett", "eta": 0.5, "beta": 0.7},
    }
    start = {"kind": "thermal", "beta": 1.0, "omega": 1.0}
    limited = fp.Config(system=system, initial=start, scheme={"flux": "chang_cooper", "reversible": "limited"})
    with pytest.raises(UsageError, match="not linear and has no spectrum"):
        fp.spectrum(limited)
    for count in (0, "3", 2.5):
        with pytest.raises(UsageError, match="the number of modes must be a whole number, at least 1"):
            fp.spectrum(fp.Config(system=system, initial=start), count)
    for study in (fp.spectrum, fp.convergence):
        with pytest.raises(UsageError, match=r"fpsolver\.Config"):
            study("config.yaml")
    free = {**system, "potential": {"kind": "free"}}
    with pytest.raises(NoSteadyStateError, match="nothing holds the position"):
        fp.spectrum(fp.Config(system=free, initial=start))


@pytest.mark.slow
def test_slow_modes_are_no_round_off():
    """Rates of 1e-12 are shown; what is round-off depends on the rates."""
    system = {
        "mass": 1.0,
        "potential": {"kind": "harmonic", "omega": 1e-12},
        "bath": {"model": "caldeira_leggett", "eta": 5e-13, "beta": 0.7e12},
    }
    grid = {"q": {"cells": 64}, "p": {"cells": 64}}
    found = fp.spectrum(fp.Config(system=system, time={"method": "direct"}, grid=grid), 3)
    table = dict(found.summary())
    assert table["mode 0"].startswith("rate 0, frequency 0, exact rate 0")
    assert float(table["mode 1"].split(",")[0].removeprefix("rate ")) == pytest.approx(2.5e-13, rel=1e-6, abs=0)


@pytest.mark.parametrize(
    "expected",
    [
        (-8.2e-14, -1.692e-11, -0.5 + 1.9j, -0.5 - 1.9j),  # a well of 24 T
        (1.827e-10, 3.299e-9, -0.5),  # one that the grid does not resolve: the other grows faster
        (0, -1e-13, -2e-13, -0.3, -0.5 + 1j, -0.5 - 1j),  # escape out of three wells
        (),
    ],
)
def test_the_steady_state_is_the_first_mode(expected):
    """Whatever the order in which they are found; rates below 1e-9 of the largest are no ties."""
    values = np.array(expected, dtype=complex)
    for shuffled in (values, values[::-1], np.roll(values, 1)):
        np.testing.assert_array_equal(ordered(shuffled), values)


def steep_well(beta):
    return fp.Config(
        units={"hbar": 0},
        system={
            "mass": 1.0,
            "potential": {"kind": "double_well", "quadratic": 2.0, "quartic": 1.0},
            "bath": {"model": "caldeira_leggett", "eta": 1.0, "beta": beta},
        },
        time={"method": "direct"},
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::fpsolver.FpsolverWarning")
def test_the_escape_rate_over_a_high_barrier_is_mode_1(capsys, tmp_path):
    """At 24 T: 1.692e-11, by Kramers' formula 1.70e-11, which is less than 1e-9 of the rates in the wells."""
    found = fp.spectrum(steep_well(24), 2)
    kramers = (math.sqrt(0.25 + 2) - 0.5) / math.sqrt(2) * 2 / (2 * math.pi) * 2 * math.exp(-24)
    assert abs(found.values[0]) < 1e-12
    assert -found.values[1].real == pytest.approx(kramers, rel=0.03, abs=0)  # Kramers neglects T/barrier
    assert found.warning.startswith("the slowest decay rate is 1.69e-11, but round-off")
    assert dict(found.summary())["mode 1"].startswith("rate 1.69")
    path = tmp_path / "well.yaml"
    path.write_text(
        "{units: {hbar: 0}, system: {mass: 1, potential: {kind: double_well, quadratic: 2, quartic: 1}, "
        "bath: {model: caldeira_leggett, eta: 1, beta: 24}}}\n"
    )
    assert status_of(["spectrum", str(path), "-k", "2"]) == 0
    shown = capsys.readouterr()
    assert "1.69" in shown.out.splitlines()[4]
    assert "the slowest decay rate is 1.69e-11, but round-off" in shown.err
    assert status_of(["spectrum", str(path), "-k", "2", "--set", "system.bath.beta=30"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[4].split() == ["1", "not", "told", "from", "0"]
    assert "lower the barrier" in out
    assert status_of(["spectrum", str(path), "-k", "2", "--set", "system.bath.beta=30", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rate"][1] is None
    assert "is not told from 0: round-off" in told["rate_reason"]
