"""Keys of a sweep that change together: one dimension, several coordinates, the numbers of single runs."""

import json

import h5py
import numpy as np
import pytest
import xarray

import fpsolver as fp
from fpsolver.cli.main import status_of
from fpsolver.errors import FileFormatError, InterruptedSweepError, UsageError
from fpsolver.plot import sweeps as figures
from fpsolver.sweeps import axes, engine
from tests.test_sweep import BETA, ETA, Here, pair, same_numbers, small

HOT, COLD = ("system.particles.0.bath.beta", "system.particles.1.bath.beta")
pytestmark = pytest.mark.filterwarnings(r"ignore:\d+ runs? had:fpsolver.FpsolverWarning")  # of few cells


@pytest.fixture(autouse=True)
def here(monkeypatch):
    """Sweeps in this process."""
    pool = Here()
    monkeypatch.setattr(engine, "LocalPool", lambda workers: pool)
    return pool


def classical_pair():
    """Two classical oscillators at two temperatures, tied by a spring."""
    config = pair(couplings=[{"between": [0, 1], "stiffness": 0.6}]).replaced(units={"hbar": 0.0})
    return axes.changed(config, {f"system.particles.{k}.bath.model": "caldeira_leggett" for k in (0, 1)})


def test_heat_is_proportional_to_both_temperatures_together():
    """Without hbar the only energies are T1 and T2; a product of their values has other heat currents."""
    scale = np.array([0.5, 1.0, 4.0])
    found = fp.sweep(classical_pair(), {(HOT, COLD): zip(0.5 / scale, 2.0 / scale, strict=True)})
    assert found.is_good.all()
    assert found.shape == (3,)
    heat = found["heat_current"][:, 0]
    assert heat[1] > 1e-2
    np.testing.assert_allclose(heat, heat[1] * scale, rtol=1e-9)  # steady to 1e-9


@pytest.mark.slow
def test_one_dimension_with_two_coordinates(tmp_path):
    """Pi = eta (beta hbar omega/4)^2 along a line through the plane, times a key of its own."""
    etas, betas, path = [0.2, 0.4, 0.8], [1.5, 1.0, 0.75], tmp_path / "s.h5"
    over = {(ETA, BETA): list(zip(etas, betas, strict=True)), "system.mass": [1.0, 2.0]}
    found = fp.sweep(small(64), over, path=path)
    assert found.shape == (3, 2)
    exact = np.array(etas) * (np.array(betas) / 4) ** 2
    np.testing.assert_allclose(found["entropy_production"], np.outer(exact, [1, 1]), rtol=1e-4)  # of 64 cells
    np.testing.assert_array_equal(found[BETA], betas)
    assert "6 over system.bath.eta with system.bath.beta (3) x system.mass (2)" in str(found)
    assert "at eta 0.8, beta 0.75, mass 1" in str(found) or "at eta 0.8, beta 0.75, mass 2" in str(found)
    loaded = fp.load_sweep(path)
    same_numbers(loaded, found)
    np.testing.assert_array_equal(loaded.linked[ETA][BETA], betas)
    for read in (xarray.open_dataset(path, group="sweep", engine="h5netcdf"), found.to_xarray()):
        assert read["entropy_production"].dims == (ETA, "system.mass")
        np.testing.assert_array_equal(read.coords[BETA], betas)
        assert read[BETA].dims == (ETA,)
        assert read["entropy_production"].swap_dims({ETA: BETA}).sel({BETA: 0.75, "system.mass": 2.0}) > 0


def test_words_and_numbers_change_together(tmp_path):
    """A model with a key that only it has; the first is the name of the dimension."""
    over = {("system.bath.model", "system.bath.xi"): [("caldeira_leggett", 0), ("minimally_invasive", 0)]}
    with pytest.raises(fp.ConfigError, match="xi"):  # of no point: neither model has the key
        fp.sweep(small(), over)
    over = {(ETA, "system.bath.model"): [(0.5, "caldeira_leggett"), (0.6, "minimally_invasive")]}
    found = fp.sweep(small(), over, path=tmp_path / "s.h5")
    assert found["cp_margin"][0] < 0
    assert abs(found["cp_margin"][1]) < 1e-12
    assert list(fp.load_sweep(tmp_path / "s.h5")["system.bath.model"]) == ["caldeira_leggett", "minimally_invasive"]


def test_the_command_line_says_the_same():
    parsed = axes.parse_over([f"{ETA}=0.1,0.2 ; {BETA}=linspace(1,2,2)", "system.mass=1,2"])
    assert parsed[(ETA, BETA)] == [(0.1, 1.0), (0.2, 2.0)]
    found = axes.axes_of(parsed)
    assert found.points()[1] == {ETA: 0.1, BETA: 1.0, "system.mass": 2}
    assert found.points()[2] == {ETA: 0.2, BETA: 2.0, "system.mass": 1}
    assert [type(value) for value in found.points()[0].values()] == [float, float, int]
    assert axes.parse_over(["initial.path=a;b.h5,c.h5"])["initial.path"].tolist() == ["a;b.h5", "c.h5"]
    ended = ("a=1,2; b=3,4;", "a=1,2;; b=3,4 ; ", "a=1,2; b=linspace(3,4,2);", "a=1,2;\nb=3,4;\n")
    for text in ended:  # as shells and habits end lines
        assert axes.parse_over([text]) == {("a", "b"): [(1, 3), (2, 4)]}
    same = axes.parse_over(["a=1,2; b=3,3"])  # only the first names a dimension
    assert axes.axes_of(same).linked["a"]["b"].tolist() == [3, 3]


def test_three_keys_in_words():
    """An end of a box is called after the box."""
    keys = (BETA, "grid.q.extent.0", "grid.q.extent.1")
    config = small(64).replaced(grid={"q": {"extent": [-8.0, 8.0]}})
    found = fp.sweep(config, {keys: [(0.7, -9.0, 9.0), (1.5, -7.0, 7.0)]})
    assert f"2 over {BETA} with grid.q.extent.0 and grid.q.extent.1 (2)" in str(found)
    assert "at beta 1.5, extent.0 -7, extent.1 7" in str(found)


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        (["a=1,2,3; b=1,2"], "change together and need as many values each, but there are 3 of a, 2 of b; for every"),
        (["a=1,2; a=3,4"], "--over a is given twice"),
        (["a=1,2; b=3,4", "b=1,2"], "--over b is given twice"),
        (["a=1,2; b="], "must be key=VALUES"),
        (["a=1,1; b=3,4"], "the first of a, b names a dimension of the table, so that its values must differ"),
    ],
)
def test_texts_that_cannot_be(texts, sentence):
    with pytest.raises(UsageError, match=sentence):
        axes.axes_of(axes.parse_over(texts))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("over", "sentence"),
    [
        ({("a", "b"): [(1, 2), (3,)]}, r"must be tuples of 2, but one of them is \[3\]; write zip\(..\)"),
        ({("a", "b"): [1, 2]}, r"must be tuples of 2"),
        ({("a", "b"): [("x", 2), (3, 4)]}, "the values of a must be all numbers or all words"),
        ({("a",): [(1,), (2,)]}, "keys that change together must be at least two"),
        ({("a", "b"): []}, "keys that change together must be at least two, with values"),
        ({("a", "b"): [(1, 2), (3, 4)], "b": [1]}, "b is swept over twice"),
        ({("a", "title"): [(1, "x"), (2, "y")]}, "title changes no number"),
    ],
)
def test_keys_that_cannot_change_together(over, sentence):
    with pytest.raises(UsageError, match=sentence):
        fp.sweep(small(), over)


def test_an_interrupted_sweep_goes_on_with_the_same_partners(tmp_path, monkeypatch, here):
    path, over = tmp_path / "s.h5", {(ETA, BETA): [(0.2, 1.0), (0.4, 0.5)]}
    with monkeypatch.context() as patch:
        patch.setattr(engine, "tabulate", interrupt)
        with pytest.raises(InterruptedSweepError):
            fp.sweep(small(), over, path=path)
    with pytest.raises(UsageError, match="another sweep: linked was"):
        fp.sweep(small(), {(ETA, BETA): [(0.2, 1.0), (0.4, 0.6)]}, path=path, resume=True)
    with pytest.raises(UsageError, match=r"another sweep: linked was .* and is None"):
        fp.sweep(small(), {ETA: [0.2, 0.4]}, path=path, resume=True)
    here.handed_out.clear()
    found = fp.sweep(small(), over, path=path, resume=True)
    assert here.handed_out == []
    same_numbers(fp.sweep(small(), over, path=path, resume=True), found)
    with pytest.raises(UsageError, match="table of another sweep"):
        fp.sweep(small(), {ETA: [0.2, 0.4]}, path=path, resume=True)


def interrupt(*_):
    raise KeyboardInterrupt


@pytest.mark.slow
def test_the_command_and_the_figures(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.yaml").write_text(small().to_yaml())
    over = ["--over", f"{ETA}=0.2,0.4; {BETA}=1,0.5"]
    assert status_of(["sweep", "run.yaml", *over, "--over", "system.mass=1,2", "-o", "s.h5"]) == 0
    assert "4 over system.bath.eta with system.bath.beta (2) x system.mass (2)" in capsys.readouterr().out
    assert status_of(["sweep", "run.yaml", *over, "--set", f"{BETA}=1", "-o", "t.h5"]) == 2
    assert f"{BETA} is given by --set and by --over" in capsys.readouterr().err
    assert status_of(["info", "s.h5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["linked"] == {ETA: {BETA: [1, 0.5]}}
    found = fp.load_sweep("s.h5")
    assert figures.draw(found, "lines", "entropy_flux").axes[0].get_xlabel() == r"$\eta$ (1/time), with $\beta$"
    for kind in figures.KINDS:
        figures.draw(found, kind, "entropy_flux")
    with h5py.File("s.h5", "r+") as file:
        file["sweep"][ETA].attrs["linked"] = ["wall_time"]
    with pytest.raises(FileFormatError, match=r"the keys that change with .*eta have other numbers of values"):
        fp.load_sweep("s.h5")
