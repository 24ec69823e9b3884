"""Slow modes in sweeps: escape rates against an independent solution, exact ladders, what no grid can tell from 0."""

import math
import re
from types import SimpleNamespace

import numpy as np
import pytest
import xarray
from scipy.sparse import csc_array, diags_array, kron
from scipy.sparse.linalg import eigs

import fpsolver as fp
from fpsolver.cli.main import status_of
from fpsolver.errors import ConvergenceError, UsageError
from fpsolver.plot import sweeps as figures
from fpsolver.sweeps import engine, modes, remarks, worker
from tests.test_sweep import BETA, ETA, Here, small

pytestmark = pytest.mark.filterwarnings(
    r"ignore:\d+ runs? had:fpsolver.FpsolverWarning",  # of few cells, for the sake of time
    r"ignore:\d+ of \d+ runs (lack decay rates|have no result):fpsolver.FpsolverWarning",  # in tables of the tests
)


@pytest.fixture(autouse=True)
def here(monkeypatch):
    """Sweeps in this process."""
    monkeypatch.setattr(engine, "LocalPool", lambda workers: Here())


def well(eta=1.0, beta=12.0, cells=64):
    """A classical double well, U = -q^2/2 + q^4/4, whose barrier is beta/4 thermal energies."""
    return fp.Config(
        units={"hbar": 0},
        system={
            "mass": 1.0,
            "potential": {"kind": "double_well", "quadratic": 1.0, "quartic": 1.0},
            "bath": {"model": "caldeira_leggett", "eta": eta, "beta": beta},
        },
        grid={"q": {"cells": cells, "allow_coarse": True}, "p": {"cells": cells}},
        time={"method": "direct"},
    )


def escape_rate(eta, beta, points=56, levels=120):
    """The same rate from the Brinkman hierarchy: Hermite functions in p, sinc functions in q times exp(-U/2T).

    dg_n/dt = -n eta g_n - sqrt(n T) (d/dq + U'/2T) g_(n-1) - sqrt((n+1) T) (d/dq - U'/2T) g_(n+1).
    Brinkman, Physica 22, 29 (1956); Risken, The Fokker-Planck Equation, section 10.3.
    """
    q = np.linspace(-2.4, 2.4, points)
    lag = np.subtract.outer(np.arange(points), np.arange(points))
    slope = np.where(lag == 0, 0.0, (-1.0) ** lag / np.where(lag == 0, 1, lag)) / (q[1] - q[0])
    half_force = np.diag((q**3 - q) * beta / 2)
    root = np.sqrt(np.arange(levels) / beta)
    matrix = kron(diags_array(-eta * np.arange(levels)), np.eye(points))
    matrix -= kron(diags_array(root[1:], offsets=-1), slope + half_force)
    matrix -= kron(diags_array(root[1:], offsets=1), slope - half_force)
    found = eigs(csc_array(matrix), k=2, sigma=1e-3, return_eigenvectors=False)
    return float(np.sort(-found.real)[1])


@pytest.mark.slow
def test_the_kramers_turnover():
    """Escape is slow with weak friction, for want of energy, and with strong friction, for want of motion."""
    etas = [0.1, 0.6, 4.0]
    found = fp.sweep(well(), {ETA: etas}, modes=1)
    rates = found["mode_rate"][:, 0]
    expected = [escape_rate(eta, 12.0) for eta in etas]
    # 64 cells leave 2e-5 at eta = 0.1 and less than 1e-6 at the others; the hierarchy has converged to 1e-6
    np.testing.assert_allclose(rates, expected, rtol=5e-5)
    assert rates[1] > 1.5 * max(rates[0], rates[2])
    assert (found["mode_frequency"] == 0).all()
    assert found.is_good.all()


@pytest.mark.slow
def test_modes_are_those_of_spectrum_beside_the_exact_ones(tmp_path):
    """-eta/2 +- i sqrt(1 - eta^2/4), in the table, in the file, for xarray, and in a figure."""
    path, etas = tmp_path / "s.h5", np.array([0.3, 0.6])
    found = fp.sweep(small(64), {ETA: etas}, modes=2, path=path)
    np.testing.assert_allclose(found["mode_rate"], np.outer(etas / 2, [1, 1]), rtol=1e-7)
    np.testing.assert_allclose(found["mode_frequency"], np.outer(np.sqrt(1 - etas**2 / 4), [1, -1]), rtol=1e-7)
    np.testing.assert_allclose(found["exact_mode_rate"], np.outer(etas / 2, [1, 1]), rtol=1e-12)
    alone = fp.spectrum(small(64).replaced(system={"bath": {"eta": 0.6}}), 3)
    np.testing.assert_array_equal(found["mode_rate"][1], -alone.values[1:].real)
    loaded = fp.load_sweep(path)
    np.testing.assert_array_equal(loaded["mode_frequency"], found["mode_frequency"])
    assert "slowest decay rate" in str(loaded)
    read = xarray.open_dataset(path, group="sweep", engine="h5netcdf")
    assert read["mode_rate"].dims == found.to_xarray()["mode_rate"].dims == (ETA, "mode")
    assert list(read["mode"]) == list(found.to_xarray()["mode"]) == [1, 2]
    assert read["mode_rate"].attrs["units"] == "1/time"
    figure = figures.draw(loaded, "lines", "mode_frequency.2")
    dots, exact = figure.axes[0].lines
    np.testing.assert_array_equal(dots.get_ydata(), found["mode_frequency"][:, 1])
    np.testing.assert_array_equal(exact.get_ydata(), found["exact_mode_frequency"][:, 1])
    assert figure.axes[0].get_ylabel() == "frequency of mode 2 (1/time)"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["exact mode,\nat these points"]
    with pytest.raises(UsageError, match=r"mode_rate is several numbers; name one of mode_rate\.1, mode_rate\.2"):
        figures.draw(loaded, "lines", "mode_rate")


@pytest.fixture
def eigenvalues(monkeypatch):
    """A function that sets what `spectrum` finds."""

    def pretend(*values, cells=64):
        problem = SimpleNamespace(
            grid=SimpleNamespace(shape=(cells, cells)), warnings=["coarse"], system=fp.build_system(well())
        )
        found = np.array(values, dtype=complex)
        answer = SimpleNamespace(values=found, exact=np.full(len(found), np.nan), problem=problem)
        monkeypatch.setattr(modes.studies, "modes_found", lambda config, count: answer)

    return pretend


@pytest.mark.parametrize(
    ("values", "rate", "reason"),
    [
        # 64^2 cells at 10 T, 96^2 at 14, 18 and 24 T, as measured; the first two rates are 8.201e-6 and 1.517e-7
        (
            (-2.709e-6, -9.104e-6),
            math.nan,
            "near 9e-06 is not told from 0: the 64 x 64 cells leave an error of about 3e-06",
        ),
        ((-5.856e-10, -1.520e-7), 1.520e-7, ""),
        (
            (3.299e-9, 1.827e-10),
            math.nan,
            "near 3e-09 is not told from 0: the 64 x 64 cells leave an error of about 3e-09",
        ),
        (
            (-5.7e-11, -6.9e-10),
            math.nan,
            "near 7e-10 is not told from 0: the 64 x 64 cells leave an error of about 6e-11",
        ),
        (
            (-2e-14, -5e-14),
            math.nan,
            "round-off of the rates near 1.4 leaves an error of about 2e-14; lower the barrier",
        ),
    ],
)
def test_a_rate_that_is_not_told_from_zero_is_nan(values, rate, reason, eigenvalues):
    """The steady state's own eigenvalue is the error of the others; which of two it is cannot be told if both are."""
    eigenvalues(*values)
    found = modes.slow_modes(well(), 1)
    np.testing.assert_array_equal(found.numbers["mode_rate"], [rate])
    assert reason in found.reason
    assert bool(found.reason) == math.isnan(rate)


@pytest.mark.slow
def test_the_error_told_is_that_of_the_rate():
    """At 6 T on 64^2 cells: off by as much as the eigenvalue of the steady state is from 0, and said so."""
    coarse, fine = (modes.slow_modes(well(2.0, 24.0, cells), 1) for cells in (64, 96))
    error = abs(coarse.numbers["mode_rate"][0] - fine.numbers["mode_rate"][0])
    told = float(re.search("64 x 64 cells leave an error of about (.*); give more cells", coarse.warnings[-1])[1])
    assert told / 50 < error < 3 * told
    assert not any("give more cells" in text and "decay rate" in text for text in fine.warnings)


def test_doubts_are_warnings_of_the_run(eigenvalues):
    """0.2 % at 14 T on 96^2 cells."""
    eigenvalues(-5.86e-10, -1.520e-7, cells=96)
    found = fp.sweep(small(), {ETA: [0.5]}, modes=1)
    said = found["warnings"][0].split("\n")
    told = "the 96 x 96 cells leave an error of about 6e-10; give more cells"
    assert said[-2:] == ["coarse", f"the slowest decay rate is 1.52e-07, but {told}"]
    assert found["mode_rate"][0] == 1.520e-7


@pytest.mark.slow
def test_a_run_that_failed_has_its_modes_and_the_other_way_round(eigenvalues, monkeypatch):
    """Between high wells no steady state is found, but the rate of escape is."""
    eigenvalues(0.0, -1e-4)

    def several(config):
        raise ConvergenceError("several states are stationary")

    with monkeypatch.context() as patch:
        patch.setattr(worker, "outcome", several)
        found = fp.sweep(small(), {ETA: [0.5]}, modes=1)
    assert list(found["status"]) == ["failed"]
    assert found["mode_rate"].tolist() == [[1e-4]]
    limited = small().replaced(scheme={"flux": "chang_cooper", "reversible": "limited"}, time={"method": "stepping"})
    limited = limited.replaced(time={"until": 0.01})
    monkeypatch.undo()
    monkeypatch.setattr(engine, "LocalPool", lambda workers: Here())
    found = fp.sweep(limited, {ETA: [0.5]}, modes=2)
    assert found.is_good.all()
    assert found["mode_rate"].shape == (1, 2)
    assert np.isnan(found["mode_rate"]).all()
    assert "has no spectrum" in found.reasons["mode_rate"]
    assert remarks.without_modes(found).startswith("1 of 1 runs lack decay rates; most of them: scheme.reversible")


def test_sweeps_without_modes_do_not_look_for_them(monkeypatch):
    def asked(config, count):
        raise AssertionError("a spectrum was computed")

    monkeypatch.setattr(modes.studies, "modes_found", asked)
    found = fp.sweep(small(), {ETA: [0.5]})
    assert found.is_good.all()
    assert "mode_rate" not in found.data
    found = fp.sweep(small(), {ETA: [0.5]}, modes=1)
    assert found.reasons["mode_rate"] == "unexpected AssertionError: a spectrum was computed"


@pytest.mark.slow
@pytest.mark.parametrize("count", [-1, 1.5, True, "2"])
def test_numbers_of_modes_that_cannot_be(count):
    with pytest.raises(UsageError, match="the number of modes must be a whole number of at least 1"):
        fp.sweep(small(), {ETA: [0.5]}, modes=count)


SIXTEEN = {"q": {"cells": 16}, "p": {"cells": 16}}


def test_more_modes_than_any_grid_has_are_refused_before_the_runs(monkeypatch):
    """Of some of the grids only, the rows tell it."""
    pool, axis = Here(), {"allow_coarse": True}
    monkeypatch.setattr(engine, "LocalPool", lambda workers: pool)
    coarse = small().replaced(grid={"q": axis, "p": axis})
    cells = {("grid.q.cells", "grid.p.cells"): [(16, 16), (20, 16), (24, 24)]}
    with pytest.raises(UsageError, match=r"^the number of modes must be at most 17, one for 32 cells of .*, but is 18"):
        fp.sweep(coarse, cells, modes=18)
    assert pool.handed_out == []
    one_is_fine = {("grid.q.cells", "grid.p.cells"): [(16, 16), (24, 24), *((n, 16) for n in range(25, 34))]}
    modes.refuse_many(coarse, engine.checked(coarse, one_is_fine), 17)
    with pytest.raises(UsageError, match="must be at most 7, one for"):  # one grid for all of many runs
        modes.refuse_many(coarse.replaced(grid=SIXTEEN), engine.checked(coarse, {ETA: np.linspace(0.1, 1, 99)}), 8)
    many = {("grid.q.cells", "grid.p.cells"): [(n, 16) for n in range(16, 16 + 2 * modes.GRIDS)]}
    modes.refuse_many(coarse, engine.checked(coarse, many), 99)  # not all of which are looked at
    monkeypatch.setattr(modes.studies.api, "prepare", refused)
    modes.refuse_many(coarse, engine.checked(coarse, cells), 18)  # what cannot be known, each row says


def refused(*_):
    raise ZeroDivisionError("in a potential of the user's")


def test_modes_that_are_found_are_kept_where_others_are_not(eigenvalues):
    eigenvalues(0.0, -0.25, -0.5)
    found = fp.sweep(small(), {ETA: [0.5]}, modes=4)
    np.testing.assert_array_equal(found["mode_rate"], [[0.25, 0.5, math.nan, math.nan]])
    assert found.reasons["mode_rate"] == "only 2 of 4 modes were found; ask for fewer, or give more cells"
    assert remarks.without_modes(found).startswith("1 of 1 runs lack decay rates; most of them: only 2 of 4 modes")
    eigenvalues()
    assert fp.sweep(small(), {ETA: [0.5]}, modes=4).reasons["mode_rate"].startswith("only 0 of 4 modes were found")


def test_another_number_of_modes_is_another_sweep(eigenvalues, tmp_path, monkeypatch, capsys):
    eigenvalues(0.0, -0.25, -0.5)
    path, over = tmp_path / "s.h5", {ETA: [0.5], BETA: [0.5, 1.0]}
    with monkeypatch.context() as patch:
        patch.setattr(engine, "tabulate", interrupt)
        with pytest.raises(fp.FpsolverError, match="interrupted after 2 of 2"):
            fp.sweep(small(), over, modes=2, path=path)
    for count in (0, 1):
        with pytest.raises(UsageError, match=f"belongs to another sweep: modes was 2 and is {count}"):
            fp.sweep(small(), over, modes=count, path=path, resume=True)
    found = fp.sweep(small(), over, modes=2, path=path, resume=True)
    assert found["mode_rate"].tolist() == [[[0.25, 0.5]] * 2]
    (tmp_path / "run.yaml").write_text(small().to_yaml())
    given = ["--over", f"{ETA}=0.5", "--over", f"{BETA}=0.5,1.0", "-o", str(path), "--resume"]
    assert status_of(["sweep", str(tmp_path / "run.yaml"), *given, "--modes", "2"]) == 0
    assert "0.25 at eta 0.5" in capsys.readouterr().out
    assert status_of(["sweep", str(tmp_path / "run.yaml"), *given]) == 2
    assert status_of(["sweep", str(tmp_path / "run.yaml"), *given, "--modes", "0"]) == 2


def interrupt(*_):
    raise KeyboardInterrupt
