"""Sweeps: the numbers of single runs, whoever computes them, and nothing lost when something dies."""

import json
import math
import os
import re
import signal
import subprocess
import sys
import time
import warnings
from concurrent.futures import CancelledError, Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import xarray

import fpsolver as fp
from fpsolver.cli.main import status_of
from fpsolver.errors import (
    FileFormatError,
    FpsolverError,
    InterruptedSweepError,
    OutputError,
    OutputExistsError,
    UsageError,
)
from fpsolver.io.lock import locked
from fpsolver.plot import sweeps as figures
from fpsolver.sweeps import axes, engine, journal, table, worker

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.filterwarnings(  # of few cells, which most sweeps here have for the sake of time
    r"ignore:\d+ runs? had:fpsolver.FpsolverWarning",
    r"ignore:\d+ of \d+ runs have no result:fpsolver.FpsolverWarning",
)
ETA, BETA = "system.bath.eta", "system.bath.beta"


def small(cells=48, **time_section):
    return fp.Config(
        title="small",
        system={
            "mass": 1.0,
            "potential": {"kind": "harmonic", "omega": 1.0},
            "bath": {"model": "minimally_invasive", "eta": 0.5, "beta": 0.7},
        },
        initial={"kind": "gaussian", "mean": [0.5, 0.0], "covariance": [[0.8, 0.0], [0.0, 0.8]]},
        grid={"q": {"cells": cells}, "p": {"cells": cells}},
        time=time_section or {"method": "direct"},
    )


class Here:
    """A pool that runs everything at once in this process; runs in ``fatal`` kill it so many times."""

    workers, window, advice = 1, 3, ""

    def __init__(self, fatal=None):
        self.fatal, self.handed_out, self.restarts, self.stops_at = fatal or {}, [], 0, None

    def submit(self, config, changes, wanted):
        future, key = Future(), changes.get(ETA)
        if self.stops_at is not None and key == self.stops_at:
            raise KeyboardInterrupt
        self.handed_out.append(key)
        if self.fatal.get(key, 0):
            self.fatal[key] -= 1
            future.set_exception(BrokenProcessPool("a worker died"))
        else:
            future.set_result(worker.run_point(config, changes, wanted))
        return future

    def restart(self):
        self.restarts += 1

    def close(self):
        pass


@pytest.fixture
def here(monkeypatch):
    """Sweeps in this process."""
    pool = Here()
    monkeypatch.setattr(engine, "LocalPool", lambda workers: pool)
    return pool


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("k=0.1,0.2,0.5", [0.1, 0.2, 0.5]),
        ("k=1e-3, 1e3", [1e-3, 1e3]),
        ("k=32,64", [32, 64]),
        ("k=linspace(0, 1, 5)", [0, 0.25, 0.5, 0.75, 1]),
        ("k=logspace(0.01,100,5)", [0.01, 0.1, 1, 10, 100]),
        ("k=caldeira_leggett, minimally_invasive", ["caldeira_leggett", "minimally_invasive"]),
    ],
)
def test_values(text, values):
    found = axes.parse_over([text])["k"]
    assert found.dtype == (object if isinstance(values[0], str) else np.array(values).dtype)
    if isinstance(values[0], str):
        assert list(found) == values
    else:
        np.testing.assert_allclose(found, values, rtol=1e-14)  # round-off of the spacing


@pytest.mark.parametrize(
    "text",
    [
        *("k", "k=", "=1", "k=1,a", "k=linspace(1,1,3)", "k=linspace(0,1)", "k=linspace(0,1,1)", "k=logspace(-1,2,3)"),
        *("k=arange(3)", "k=1,1", "k=.nan,1", "k=[1,2],3", "k=__import__('os')", "k=1,,2"),
    ],
)
def test_values_that_cannot_be(text):
    with pytest.raises(UsageError):
        axes.parse_over([text])


@pytest.mark.slow
def test_rows_are_single_runs(here):
    found = fp.sweep(small(), {ETA: [0.3, 0.6], BETA: [0.5, 1.0, 2.0]})
    assert found.shape == (2, 3)
    assert found.is_good.all()
    with pytest.warns(fp.FpsolverWarning, match="the cells leave an error"):  # 48 of them are few
        alone = fp.run(small().replaced(system={"bath": {"model": "minimally_invasive", "eta": 0.6, "beta": 1.0}}))
    assert found["entropy_production"][1, 1] == alone.last("entropy_production")
    np.testing.assert_array_equal(found["covariance"][1, 1], alone.series["covariance"][-1])
    assert found["W_l1_error"][1, 1] == alone.exact_error
    assert found["satisfies_detailed_balance"][1, 1] == 0


def test_failed_runs_are_rows_with_their_reason(here):
    found = fp.sweep(small(), {BETA: [-1.0, 0.7], ETA: [0.5, 1e9]})
    assert list(found["status"][0]) == ["failed", "failed"]
    assert "must be greater than 0, but is -1.0" in found["message"][0, 0]
    assert np.isnan(found["entropy_production"][0]).all()
    assert found.is_good[1, 0]
    assert found["entropy_production"][1, 0] > 0


@pytest.mark.slow
def test_what_the_runs_had_to_say_is_a_warning(here, tmp_path, capsys):
    """In Python the sentences of the command line, at the line of the user; nothing where nothing was said."""
    over = {ETA: [0.5], BETA: [-1.0, 0.7, 0.8]}
    with pytest.warns(fp.FpsolverWarning) as said:
        found = fp.sweep(small(), over)
    lost, warned = (str(each.message) for each in said)
    assert lost.startswith("1 of 3 runs have no result; 1 of them: system.bath.beta")
    assert warned == f"2 runs had warnings; the first: {found['warnings'][0, 1]} (all are in `warnings` of the table)"
    assert {each.filename for each in said} == {__file__}
    with pytest.warns(fp.FpsolverWarning, match=r"^1 run had a warning: the cells leave an error"):
        fp.sweep(small(), {ETA: [0.5]})
    (tmp_path / "run.yaml").write_text(small().to_yaml())
    given = ["--over", f"{ETA}=0.5", "--over", f"{BETA}=-1,0.7,0.8", "-o", str(tmp_path / "s.h5"), "--quiet"]
    assert status_of(["sweep", str(tmp_path / "run.yaml"), *given]) == 0
    assert capsys.readouterr().err.splitlines() == [f"fpsolver: {lost}", f"warning: {warned}"]
    with pytest.warns(fp.FpsolverWarning, match="1 of 3 runs have no result"):  # of a table that is there already
        fp.sweep(fp.load_sweep(tmp_path / "s.h5").config, over, path=tmp_path / "s.h5", resume=True)


def test_a_sweep_without_remarks_is_silent(here):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fp.sweep(small(96), {ETA: [0.5]})


def test_a_defect_of_one_run_is_a_row(here, monkeypatch):
    def broken(problem):
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(worker.api, "run_problem", broken)
    found = fp.sweep(small(), {ETA: [0.5]})
    assert found["message"][0] == "unexpected ZeroDivisionError: a defect"


def test_sweeps_that_cannot_be():
    with pytest.raises(fp.ConfigError, match="did you mean `eta`"):
        fp.sweep(small(), {"system.bath.eat": [0.1, 0.2]})
    for over, word in [
        ({}, "at least one key"),
        ({"output.every": [1]}, "changes no number"),
        ({ETA: []}, "all numbers or all words"),
        ({ETA: np.arange(1, 1002), BETA: np.arange(1, 1002)}, "1000000 are the most"),
    ]:
        with pytest.raises(UsageError, match=word):
            fp.sweep(small(), over)
    for workers in (0, "2", math.inf):
        with pytest.raises(UsageError, match="the number of workers must be a whole number, at least 1, but is"):
            fp.sweep(small(), {ETA: [0.1]}, workers=workers)
    with pytest.raises(UsageError, match="the path of a file is needed, but got 3"):
        fp.sweep(small(), {ETA: [0.1]}, path=3)


def test_the_run_that_kills_its_workers_is_the_one_that_fails():
    """Its neighbours, in hand at the same time, are repeated; nothing is run twice that had ended."""
    pool, rows = Here({0.3: 99, 0.5: 1}), {}
    runs = {number: {ETA: eta} for number, eta in enumerate([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])}
    engine.run_all(pool, small(), runs, rows.__setitem__)
    assert sorted(rows) == list(runs)
    assert [rows[n]["status"] for n in sorted(rows)] == ["steady", "steady", "failed", "steady", "steady", "steady"]
    assert "its worker died 3 times" in rows[2]["message"]
    assert pool.restarts >= engine.DEATHS


@pytest.mark.parametrize("fault", ["cancelled", "an error"])
@pytest.mark.parametrize("place", range(3))
def test_a_fault_loses_no_row_that_came_with_it(place, fault):
    futures, rows = [Future() for _ in range(3)], {}
    for number, future in enumerate(futures):
        if number != place:
            future.set_result({"number": number})
        elif fault == "cancelled":
            future.cancel()
        else:
            future.set_exception(RuntimeError("of the pool"))
    with pytest.raises(CancelledError if fault == "cancelled" else RuntimeError):
        engine._collect(futures, {future: k for k, future in enumerate(futures)}, rows.__setitem__)
    assert rows == {number: {"number": number} for number in range(3) if number != place}


@pytest.mark.slow
def test_an_interrupted_sweep_goes_on(here, tmp_path):
    path, over = tmp_path / "s.h5", {ETA: [0.2, 0.4, 0.6, 0.8]}
    whole = fp.sweep(small(), over)
    here.stops_at = 0.8
    with pytest.raises(InterruptedSweepError, match=r"interrupted after \d of 4 runs; .*--resume"):
        fp.sweep(small(), over, path=path)
    here.stops_at = None
    partial = journal.journal_path(path)
    kept = len(partial.read_text().splitlines()) - 1
    with partial.open("a") as file:
        file.write('{"number": 3, "ro')  # torn by a crash
    assert not path.exists()
    with pytest.raises(OutputExistsError, match="of an interrupted sweep; resume=True goes on"):
        fp.sweep(small(), over, path=path)
    with pytest.raises(UsageError, match=r"another sweep: over was .*0\.8.* and is .*0\.9"):
        fp.sweep(small(), {ETA: [0.2, 0.4, 0.6, 0.9]}, path=path, resume=True)
    with pytest.raises(UsageError, match=r"mass: 2\.0"):
        fp.sweep(small().replaced(system={"mass": 2.0}), over, path=path, resume=True)
    here.handed_out.clear()
    found = fp.sweep(small(), over, path=path, resume=True)
    assert len(here.handed_out) == 4 - kept
    assert not partial.exists()
    same_numbers(found, whole)
    here.handed_out.clear()
    same_numbers(fp.sweep(small(), over, path=path, resume=True), whole)
    assert not here.handed_out
    with pytest.raises(UsageError, match="another sweep"):
        fp.sweep(small(), {ETA: [0.2]}, path=path, resume=True)
    with pytest.raises(OutputExistsError):
        fp.sweep(small(), over, path=path)


def same_numbers(one, other):
    """Bit for bit, but for what they cost."""
    assert one.data.keys() == other.data.keys()
    for name in one.data.keys() - set(table.COSTS):
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


@pytest.mark.slow
def test_the_table_is_read_by_xarray(here, tmp_path):
    over = {
        "system.bath.model": ["minimally_invasive", "caldeira_leggett"],
        BETA: [0.5, -1.0],
        "grid.q.cells": [48, 52],
    }
    found = fp.sweep(small(), over, path=tmp_path / "s.h5")
    read = xarray.open_dataset(tmp_path / "s.h5", group="sweep", engine="h5netcdf")
    assert dict(read["covariance"].sizes) == dict(zip([*over, "row", "column"], [2, 2, 2, 2, 2], strict=True))
    assert list(read["system.bath.model"].values) == over["system.bath.model"]
    assert read["entropy_production"].attrs == {"units": "1/time", "long_name": "entropy production rate Pi"}
    for name, values in found.to_xarray().data_vars.items():
        np.testing.assert_array_equal(read[name].values, values.values, err_msg=name)
    with h5py.File(tmp_path / "s.h5") as file:
        assert file.attrs["format"] == "fpsolver-sweep"
        units = {name: file["sweep"][name].attrs["units"] for name in file["sweep"]}
    residuals = ("detailed_balance_residual", "kms_residual", "steady_residual")
    assert {units[name] for name in residuals} == {"1/time"}
    assert units["cp_on_boundary"] == units["is_completely_positive"] == "1"
    assert "particle" in found.to_xarray().coords
    assert list(found.to_xarray()["particle"]) == list(read["particle"]) == [0]
    loaded = fp.load_sweep(tmp_path / "s.h5")
    same_numbers(loaded, found)
    assert loaded.config == found.config
    assert [list(values) for values in loaded.over.values()] == [list(values) for values in found.over.values()]
    assert "4 of 8" in str(loaded)
    with pytest.raises(FpsolverError, match="read it with"):
        fp.load_result(tmp_path / "s.h5")
    with pytest.raises(UsageError, match="has no 'Pi'"):
        loaded["Pi"]


def test_runs_of_different_size_share_a_table():
    """One particle in the slots of the first of two: q into q1, p into p1."""
    one = {
        "status": "steady",
        "message": "",
        "warnings": "",
        "wall_time": 1.0,
        "worker_memory": 1.0,
        "axes": ["q", "p"],
        "reasons": {},
    }
    rows = [
        one | {"numbers": {"mean": [1.0, 2.0], "covariance": [[1.0, 2.0], [3.0, 4.0]], "heat_current": [5.0]}},
        one | {"axes": ["q1", "q2", "p1", "p2"], "numbers": {"mean": [1.0, 2.0, 3.0, 4.0], "heat_current": [5.0, 6.0]}},
        worker.failed("no"),
    ]
    found = table.tabulate(small(), axes.Axes({"n": np.array([1, 2, 3])}), rows, {})
    nan = np.nan
    assert found.components == ("q1", "q2", "p1", "p2")
    np.testing.assert_array_equal(found["mean"], [[1, nan, 2, nan], [1, 2, 3, 4], [nan] * 4])
    np.testing.assert_array_equal(found["heat_current"], [[5, nan], [5, 6], [nan, nan]])
    np.testing.assert_array_equal(found["covariance"][0][np.ix_([0, 2], [0, 2])], [[1, 2], [3, 4]])
    assert np.isnan(found["covariance"][0]).sum() == 12


def test_chains_of_different_length(here):
    """Without a grid: heat from the hot to the cold end, at the place of the first and the last particle."""
    hot, cold = ({"model": "caldeira_leggett", "eta": 0.5, "beta": beta} for beta in (0.5, 1.0))
    well = {"kind": "harmonic", "omega": 1.0}
    chain = {"length": 2, "mass": 1.0, "potential": well, "stiffness": 0.5, "left": hot, "right": cold}
    config = fp.Config(units={"hbar": 0.0}, system={"chain": chain}, time={"method": "gaussian"})
    found = fp.sweep(config, {"system.chain.length": [2, 4]})
    assert found.is_good.all(), found["message"]
    heat = found["heat_current"]
    assert found["spring_current"].shape == (2, 3)
    assert np.isnan(found["spring_current"][0, 1:]).all()
    # in the steady state what comes from the bath goes through every spring (no position diffusion)
    np.testing.assert_allclose(found["spring_current"][0, 0], heat[0, 0], rtol=1e-9)
    np.testing.assert_allclose(found["spring_current"][1], np.full(3, heat[1, 0]), rtol=1e-9)
    assert np.isnan(heat[0, 2:]).all()
    assert heat[0, 0] > 1e-3
    np.testing.assert_allclose([heat[0, 0], heat[1, 0]], [-heat[0, 1], -heat[1, 3]], rtol=1e-9)  # nothing is stored
    assert np.isfinite(found["covariance"][1]).all()


def pair(**more):
    """Two oscillators at two temperatures, tied by a spring."""
    well = {"mass": 1.0, "potential": {"kind": "harmonic", "omega": 1.0}}
    hot, cold = (well | {"bath": {"model": "minimally_invasive", "eta": 0.4, "beta": beta}} for beta in (0.5, 2.0))
    return fp.Config(system={"particles": [hot, cold], **more}, time={"method": "gaussian"})


@pytest.mark.slow
def test_every_number_of_the_series_of_several_particles_is_in_the_table(here, tmp_path):
    """docs/files.md says so; in memory, in the file and for xarray."""
    spring, path = {"couplings": [{"between": [0, 1], "stiffness": 0.6}]}, tmp_path / "s.h5"
    found = fp.sweep(pair(**spring), {"system.couplings.0.stiffness": [0.3, 0.6]}, path=path)
    alone = worker.outcome(pair(**spring))
    for name in alone.series:
        np.testing.assert_array_equal(found[name][1], alone.series[name][-1], err_msg=name)
    same_numbers(fp.load_sweep(path), found)
    read = xarray.open_dataset(path, group="sweep", engine="h5netcdf")
    key = "system.couplings.0.stiffness"
    assert read["temperature"].dims == (key, "particle")
    assert read["spring_current"].dims == found.to_xarray()["spring_current"].dims == (key, "spring")
    assert read["spring_current"].attrs["units"] == "energy/time"
    assert read["entropy_production_particle"].shape == (2, 2)
    figure = fp.plot.sweep_lines(fp.load_sweep(path), "temperature.2")
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), found["temperature"][:, 1])


@pytest.mark.slow
def test_particles_without_springs(here, tmp_path):
    """Not one spring is a dimension of length 0."""
    found = fp.sweep(pair(), {"system.particles.0.bath.eta": [0.3, 0.6]}, path=tmp_path / "s.h5")
    assert found["spring_current"].shape == (2, 0)
    same_numbers(fp.load_sweep(tmp_path / "s.h5"), found)
    assert xarray.open_dataset(tmp_path / "s.h5", group="sweep", engine="h5netcdf").sizes["spring"] == 0
    with pytest.raises(UsageError, match="spring_current is empty, since no run has a spring"):
        figures.draw(found, "lines", "spring_current.1")


@pytest.mark.slow
def test_figures(here, tmp_path):
    one = fp.sweep(small(), {ETA: [0.3, 0.6, 1.2]})
    two = fp.sweep(small(), {"system.bath.d_qq": [0.0, 0.01, 0.04], BETA: [-1.0, 0.5, 2.0]})
    three = fp.sweep(small(), {ETA: [0.3, 0.6], BETA: [0.5, 1.0], "system.mass": [1.0, 2.0]})
    words = fp.sweep(small(), {"system.bath.model": ["caldeira_leggett", "nonsense"], BETA: [0.5, 1.0]})
    assert figures.default_kind(one) == "lines"
    ax = figures.draw(one, "lines", "entropy_production").axes[0]
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), one["entropy_production"])
    for found in (two, three, words):
        for kind in figures.KINDS:
            fp.plot.save(figures.draw(found, kind, "entropy_flux"), tmp_path / "f.png", dpi=50)
    mesh = figures.draw(two, "map", "entropy_production").axes[0].collections[0]
    drawn = np.ma.getdata(mesh.get_array()).T
    expected = np.where(two["satisfies_detailed_balance"] == 1, 0.0, two["entropy_production"])
    np.testing.assert_array_equal(drawn[np.isfinite(drawn)], expected[np.isfinite(drawn)])
    assert [figures.PHASES[k].label for k in figures.phase_numbers(two)[:, 1]] == [
        "detailed balance only", "neither", "completely positive only",
    ]  # fmt: skip
    assert (figures.phase_numbers(two)[:, 0] == 0).all()
    with pytest.raises(UsageError, match="two keys"):
        figures.draw(one, "map", "entropy_production")


def with_production(found, values):
    """The same sweep with other values of Pi and without exact ones."""
    data = {name: array for name, array in found.data.items() if not name.startswith("exact_")}
    return replace(found, data={**data, "entropy_production": np.broadcast_to(values, found.shape).copy()})


def test_scales_of_figures_follow_the_numbers(here):
    """Signs: a colour scale around zero; decades: logarithmic."""
    two = fp.sweep(small(), {ETA: [1.2, 0.3], BETA: [0.5]})
    decades = with_production(two, np.array([[1e-4], [1.0]]))
    assert figures.draw(decades, "lines", "entropy_production").axes[0].get_yscale() == "log"
    [mesh] = figures.draw(decades, "map", "entropy_production").axes[0].collections
    assert (mesh.norm.vmin, mesh.norm.vmax) == (1e-4, 1.0)
    assert type(mesh.norm).__name__ == "LogNorm"
    signs = with_production(two, np.array([[-2.0], [1.0]]))
    assert figures.draw(signs, "lines", "entropy_production").axes[0].get_yscale() == "linear"
    [mesh] = figures.draw(signs, "map", "entropy_production").axes[0].collections
    assert (mesh.norm.vmin, mesh.norm.vmax) == (-2.0, 2.0)
    x, y = figures.draw(decades, "lines", "entropy_production").axes[0].lines[0].get_data()
    assert list(x) == [0.3, 1.2]  # sorted, and the values with them
    assert list(y) == [1.0, 1e-4]


@pytest.mark.slow
@pytest.mark.parametrize("draw", [fp.plot.sweep_lines, fp.plot.sweep_map])
def test_a_quantity_that_no_run_has_is_a_sentence_with_the_reason(draw, here, tmp_path):
    """In place of an empty figure; the reason is an attribute of the array, as in files of results."""
    path, over = tmp_path / "s.h5", {ETA: [0.3, 0.6], BETA: [0.5, 1.0]}
    found = fp.sweep(small().replaced(units={"hbar": 0.0}), over, path=path)
    reason = "undefined: a classical system has no purity"
    assert np.isnan(found["purity"]).all()
    assert found.reasons["purity"] == found.to_xarray()["purity"].attrs["reason"] == reason
    assert "entropy_production" not in found.reasons
    assert fp.load_sweep(path).reasons == found.reasons
    read = xarray.open_dataset(path, group="sweep", engine="h5netcdf")
    assert read["purity"].attrs["reason"] == reason
    assert read["cp_margin"].attrs["reason"].startswith("undefined: a classical system (hbar = 0)")
    with pytest.raises(UsageError, match=f"no run has a finite purity: {reason}"):
        draw(found, "purity")
    unknown = with_production(found, np.nan)
    with pytest.raises(UsageError, match="no run has a finite entropy_production: no reason is known"):
        draw(unknown)
    failed = replace(unknown, data={**unknown.data, "status": np.full((2, 2), "failed", dtype=object),
                                    "message": np.full((2, 2), "the box is too small", dtype=object)})  # fmt: skip
    with pytest.raises(UsageError, match=r"no run has a result, 4 of 4 of them since the box is too small"):
        draw(failed)


def test_reasons_are_those_of_numbers_that_are_not_there():
    """A W that was negative on the way has a number at the end."""
    said = {"entropy_production": "W was negative", "mean": "on a ring", "entropy_flux": "without noise"}
    diagnostics = {"slowest_rate_reason": "not looked for"}
    numbers = {"entropy_production": 1.0, "mean": [np.nan, 0.0], "entropy_flux": np.inf, "slowest_rate": np.nan}
    numbers["purity"] = np.nan
    found = worker.reasons(SimpleNamespace(reasons=said, diagnostics=diagnostics), numbers)
    assert found == {"mean": "on a ring", "entropy_flux": "without noise", "slowest_rate": "not looked for"}


@pytest.mark.slow
def test_a_verdict_that_is_not_known_is_none():
    """Of a quantum quartic well before its steady state: neither 1 nor 0, with the reason."""
    config = fp.Config(
        system={
            "mass": 1.0,
            "potential": {"kind": "quartic", "omega": 1.0, "quartic": 0.1},
            "bath": {"model": "caldeira_leggett", "eta": 0.5, "beta": 0.5},
        },
        initial={"kind": "gaussian", "mean": [0.5, 0.0], "covariance": [[1.0, 0.0], [0.0, 1.5]]},
        time={"until": 0.1},
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fp.FpsolverWarning)  # Caldeira-Leggett is not completely positive
        row = worker.row_of(fp.run(config))
    assert np.isnan(row["numbers"]["satisfies_detailed_balance"])
    assert "not known" in row["reasons"]["satisfies_detailed_balance"]


def test_rows_without_reasons_are_read(rows, tmp_path):
    """An older fpsolver kept none, and its rows may have taken hours."""
    partial, (head, *lines) = rows
    entries = [json.loads(line) for line in lines]
    for entry in entries:
        del entry["row"]["reasons"]
    partial.write_text("\n".join([head, *map(json.dumps, entries), ""]))
    found = fp.sweep(small(), {ETA: [0.2, 0.4]}, path=tmp_path / "s.h5", resume=True)
    assert found.is_good.all()
    assert found.reasons == {}


@pytest.mark.slow
def test_too_many_panels_are_refused(here, monkeypatch):
    monkeypatch.setattr(figures, "MAXIMUM_PANELS", 3)
    found = fp.sweep(small(), {ETA: [0.3, 0.6], BETA: [0.5, 1.0], "system.mass": [1.0, 1.5, 2.0, 3.0]})
    with pytest.raises(UsageError, match=r"would have 4 panels for system\.mass, and 3 are the most"):
        figures.draw(found, "map", "entropy_production")
    monkeypatch.setattr(figures, "MAXIMUM_PANELS", 4)
    figure = figures.draw(found, "lines", "entropy_production")
    assert [ax.axison for ax in figure.axes] == [True] * 4 + [False] * 2  # two rows of three


@pytest.mark.slow
def test_command_line(here, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("run.yaml").write_text(small().to_yaml())
    over = ["--over", f"{ETA}=0.3,0.6", "--over", f"{BETA}=linspace(0.5,1,2)"]
    assert status_of(["sweep", "run.yaml", *over]) == 0
    out = capsys.readouterr().out
    assert "4 of 4" in out
    assert "written to" in out
    assert status_of(["sweep", "run.yaml", *over]) == 2
    assert "--force" in capsys.readouterr().err
    assert status_of(["sweep", "run.yaml", *over, "--resume"]) == 0
    assert "is complete: no row was missing" in capsys.readouterr().out
    assert status_of(["sweep", "run.yaml", "--over", f"{ETA}=0.5,1", "--set", f"{ETA}=1"]) == 2
    assert status_of(["sweep", "run.yaml", *over, "--workers", "1", "--scheduler", "tcp://x:1"]) == 2
    assert status_of(["plot", "run-sweep.h5", "--kind", "map,phases,lines"]) == 0
    assert status_of(["plot", "run-sweep.h5", "--kind", "overview"]) == 2
    assert sorted(p.name for p in tmp_path.glob("*.png")) == [f"run-sweep-{k}.png" for k in ("lines", "map", "phases")]
    capsys.readouterr()
    assert status_of(["info", "run-sweep.h5", "--json"]) == 0
    assert np.shape(json.loads(capsys.readouterr().out)["data"]["mean"]) == (2, 2, 2)
    # a run that cannot be is a row, and the sweep has worked; if no run can be, it has not
    edge = ["--set", "grid.q.extent=[-1,1]", "-o", "edge.h5", "--over", f"{ETA}=0.3,0.6"]
    assert status_of(["sweep", "run.yaml", *edge]) == 3
    assert "2 of 2 runs have no result" in capsys.readouterr().err


def children(pid):
    """Processes started by a process, and by those."""
    own = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in own] + [grand for child in own for grand in children(child)]


def names(pids):
    return {pid: Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode() for pid in pids}


needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads processes from /proc (Linux)")


@pytest.mark.slow
@needs_proc
def test_processes_leave_nothing_and_survive_a_kill(tmp_path):
    """The same bits from two processes as from this one, although one is killed in the middle; no process is left."""
    over = {ETA: np.linspace(0.2, 1.0, 20)}
    (tmp_path / "run.yaml").write_text(small(56).to_yaml())
    command = [sys.executable, "-m", "fpsolver", "sweep", "run.yaml", "--over", f"{ETA}=linspace(0.2,1,20)"]
    running = subprocess.Popen(
        [*command, "--workers", "2"], cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True
    )
    partial = tmp_path / "run-sweep.h5.partial"
    wait_for(lambda: partial.exists() and len(partial.read_text().splitlines()) > 4)
    family = children(running.pid)
    workers = [pid for pid, name in names(family).items() if "loky.backend.popen_loky" in name]
    os.kill(workers[0], signal.SIGKILL)
    out, _ = running.communicate(timeout=120)
    assert running.returncode == 0, out
    found = fp.load_sweep(tmp_path / "run-sweep.h5")
    assert found.is_good.all()
    assert (
        found["entropy_production"][7]
        == worker.run_point(small(56), {ETA: over[ETA][7]})["numbers"]["entropy_production"]
    )
    wait_for(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in family))


@pytest.mark.slow
def test_an_interrupt_from_the_terminal_is_one_sentence(tmp_path):
    """Ctrl-C reaches the workers, too; nothing is said of what loky leaves behind."""
    (tmp_path / "run.yaml").write_text(small().to_yaml())
    command = [sys.executable, "-m", "fpsolver", "sweep", "run.yaml", "--over", f"{ETA}=linspace(0.2,1,1000)"]
    options = {"cwd": tmp_path, "env": environment(), "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    options["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # shells ignore it in the background
    running = subprocess.Popen([*command, "--workers", "2"], text=True, start_new_session=True, **options)
    partial = tmp_path / "run-sweep.h5.partial"
    wait_for(lambda: partial.exists() and len(partial.read_text().splitlines()) > 2)
    os.killpg(running.pid, signal.SIGINT)
    out, said = running.communicate(timeout=60)
    assert running.returncode == 3
    assert out == ""
    assert re.fullmatch(r"fpsolver: interrupted after \d+ of 1000 runs; they are kept in .*--resume.*\n", said), said


@pytest.mark.slow
@needs_proc
def test_workers_end_with_a_sweep_that_is_killed(tmp_path):
    (tmp_path / "run.yaml").write_text(small().to_yaml())
    command = [sys.executable, "-m", "fpsolver", "sweep", "run.yaml", "--over", f"{ETA}=linspace(0.2,1,1000)"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    running = subprocess.Popen([*command, "--workers", "2"], cwd=tmp_path, env=environment(), **quiet)
    partial = tmp_path / "run-sweep.h5.partial"
    wait_for(lambda: partial.exists() and len(partial.read_text().splitlines()) > 2)
    family = children(running.pid)
    running.kill()
    running.wait()
    wait_for(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in family))


@pytest.mark.slow
@needs_proc
def test_a_dask_cluster_gives_the_same_numbers_and_loses_nothing(tmp_path, here):
    """Scheduler and workers started by hand; one worker is killed while it runs."""
    config, over = small(56), {ETA: np.linspace(0.2, 1.0, 16).tolist()}
    expected = fp.sweep(config, over)
    file = tmp_path / "scheduler.json"
    common = ["--scheduler-file", str(file), "--no-dashboard"]
    dask = [sys.executable, "-m", "dask"]
    quiet = {"cwd": tmp_path, "env": environment(), "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    started = [subprocess.Popen([*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", *common], **quiet)]
    try:
        wait_for(file.exists)
        started += [
            subprocess.Popen([*dask, "worker", "--no-nanny", "--nthreads", "1", *common], **quiet) for _ in range(2)
        ]
        address = json.loads(file.read_text())["address"]
        seen = []

        class Killing(journal.Journal):
            def add(self, number, row):
                super().add(number, row)
                seen.append(number)
                if len(seen) == 5:
                    started[1].kill()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(engine, "Journal", Killing)
            found = fp.sweep(config, over, scheduler=address)
        assert len(seen) == 16
        same_numbers(found, expected)
        assert found.provenance["scheduler"] == address
    finally:
        for process in started[::-1]:
            process.kill()
            process.wait()


@pytest.mark.slow
def test_a_key_of_the_file_gives_way_to_the_one_swept(here, tmp_path, monkeypatch):
    """Of beta and temperature one is enough: the file has the first, the sweep is over the second."""
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(small().to_yaml())
    over = ["--over", "system.bath.temperature=0.5,2", "--set", "time.method=direct", "--quiet", "-o", "t.h5"]
    assert status_of(["sweep", "small.yaml", *over]) == 2
    assert status_of(["sweep", "small.yaml", *over, "--set", "system.bath.beta=null"]) == 0
    found = fp.load_sweep("t.h5")
    assert (found["status"] == "steady").all()
    assert found["entropy_production"][0] > found["entropy_production"][1] > 0  # eta (beta hbar omega/4)^2


@pytest.mark.parametrize("path", ["", ".", "/"])
def test_a_folder_is_no_table(path, here):
    with pytest.raises(OutputError, match=r"the output .* is a directory; give the name of a file"):
        fp.sweep(small(), {ETA: [0.2]}, path=path)


@pytest.mark.parametrize("said", [{}, {"resume": True}, {"force": True}])
def test_two_sweeps_on_one_output(said, here, tmp_path):
    """The second is refused, whatever it was told, and the rows of the first stay."""
    target = tmp_path / "table.h5"
    (tmp_path / "table.h5.partial").write_text("rows of the first")
    with locked(target), pytest.raises(OutputError, match=r"another run or sweep \(process \d+ .*wait for it"):
        fp.sweep(small(), {ETA: [0.2, 0.3]}, path=target, **said)
    assert [path.name for path in tmp_path.iterdir()] == ["table.h5.partial"]
    assert (tmp_path / "table.h5.partial").read_text() == "rows of the first"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "values", "text"),
    [
        ("status", None, "it has no status of its runs"),
        ("entropy_flux", None, "it has no entropy_flux of its runs"),
        ("entropy_flux", ["a", "b"], "it has no entropy_flux of its runs"),
        ("mode_rate", np.ones(2), r"mode_rate has the shape \(2,\) instead of one number for each mode"),
        ("mass", np.ones(3), r"mass has the shape \(3,\), which does not begin with \(2,\)"),
    ],
)
def test_a_table_without_what_every_sweep_has(name, values, text, here, tmp_path):
    fp.sweep(small(), {ETA: [0.2, 0.3]}, path=tmp_path / "table.h5")
    with h5py.File(tmp_path / "table.h5", "r+") as file:
        file["sweep"].pop(name, None)
        if values is not None:
            file["sweep"][name] = values
    with pytest.raises(FileFormatError, match=text):
        fp.load_sweep(tmp_path / "table.h5")


def test_no_scheduler_is_a_sentence(monkeypatch):
    monkeypatch.setattr("fpsolver.sweeps.pools.PATIENCE", 0.3)
    with pytest.raises(UsageError, match="no Dask scheduler answers"):
        fp.sweep(small(), {ETA: [0.1]}, scheduler="tcp://127.0.0.1:9")


def environment():
    return os.environ | {"PYTHONPATH": str(ROOT)}


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.slow
def test_the_price_of_complete_positivity_over_eta_and_beta():
    """Pi = eta (beta hbar omega/4)^2 at every point; benchmarks/sweep.py does it with 400 points."""
    found = fp.sweep(small(96), {ETA: [0.1, 2.0], BETA: [0.1, 1.0, 3.0]})
    exact = np.outer(found[ETA], (found[BETA] / 4) ** 2)
    # 2e-9 to 4e-9 at beta = 0.1, where Pi is smallest: what order 8 leaves at 5.6 cells for a deviation
    np.testing.assert_allclose(found["entropy_production"], exact, rtol=1e-8)
    np.testing.assert_allclose(found["entropy_flux"], exact, rtol=1e-9)  # 1e-10: no W in the denominator


def test_a_key_swept_twice_is_refused():
    with pytest.raises(UsageError, match="--over a is given twice; put all its values into one list"):
        axes.parse_over(["a=1,2", "a=3"])


def test_a_file_that_is_no_journal_is_not_read(tmp_path):
    """Valid JSON of another kind; what is no JSON or no text at all is refused alike."""
    for text in (b"[1]\n", b'{"format": "other"}\n', b"no JSON\n", b"", bytes(range(256))):
        (tmp_path / "rows").write_bytes(text)
        with pytest.raises(FileFormatError, match="does not hold the rows of a sweep; remove it"):
            journal.Journal(tmp_path / "rows", {}).read()


def test_a_file_that_is_no_journal_is_not_overwritten(here, tmp_path):
    (tmp_path / "s.h5.partial").write_bytes(b"mine")
    for force in (False, True):
        with pytest.raises(OutputError, match=r"s\.h5\.partial exists already and is a text file"):
            fp.sweep(small(), {ETA: [0.2]}, path=tmp_path / "s.h5", force=force)
    assert (tmp_path / "s.h5.partial").read_bytes() == b"mine"


@pytest.fixture
def rows(here, tmp_path):
    """The rows of a sweep of two runs, as lines, and where they are kept."""
    path, over = tmp_path / "s.h5", {ETA: [0.2, 0.4]}
    kept = journal.Journal(journal.journal_path(path), journal.header(small(), axes.checked(small(), over)))
    kept.open({n: worker.run_point(small(), {ETA: eta}) for n, eta in enumerate(over[ETA])})
    kept._close()
    return journal.journal_path(path), kept.path.read_text().splitlines()


def changed_row(line, **changes):
    entry = json.loads(line)
    return json.dumps(entry | {"row": entry["row"] | changes})


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage",
    [
        lambda line: "",
        lambda line: line[:50],
        lambda line: '{"number": 0, "row": "x"}',
        lambda line: line.replace('"number": 0', '"number": 2'),
        lambda line: line.replace('"number": 0', '"number": true'),
        lambda line: changed_row(line, status=1),
        lambda line: changed_row(line, wall_time="long"),
        lambda line: changed_row(line, numbers={"entropy_production": "x"}),
        lambda line: changed_row(line, numbers={"mean": [1.0, 2.0, 3.0]}),
        lambda line: changed_row(line, numbers={"mean": 1.0}),
        lambda line: changed_row(line, reasons={"mean": 1.0}),
        lambda line: changed_row(line, reasons=[]),
    ],
)
def test_damaged_rows_are_a_sentence(damage, rows, tmp_path):
    partial, (head, first, second) = rows
    partial.write_text("\n".join([head, damage(first), second, ""]))
    with pytest.raises(FileFormatError, match=r"partial is damaged: line 2 is no row of this sweep; remove that line"):
        fp.sweep(small(), {ETA: [0.2, 0.4]}, path=tmp_path / "s.h5", resume=True)
    partial.write_text("\n".join([head, second, ""]))
    assert fp.sweep(small(), {ETA: [0.2, 0.4]}, path=tmp_path / "s.h5", resume=True).is_good.all()


def test_rows_of_an_unfinished_sweep_say_so(rows, capsys):
    for command in ("info", "plot"):
        assert status_of([command, str(rows[0])]) == 2
        assert "holds 2 finished rows of a sweep that has not ended" in capsys.readouterr().err
    with pytest.raises(FileFormatError, match="--resume"):
        fp.load_sweep(rows[0])


def test_a_sweep_without_rows_leaves_nothing(here, tmp_path, monkeypatch):
    """No scheduler, or an interrupt before the first run has ended: the next sweep has nothing in its way."""
    monkeypatch.setattr("fpsolver.sweeps.pools.PATIENCE", 0.3)
    with pytest.raises(UsageError, match="no Dask scheduler answers"):
        fp.sweep(small(), {ETA: [0.1]}, path=tmp_path / "s.h5", scheduler="tcp://127.0.0.1:9")
    assert list(tmp_path.iterdir()) == []
    with monkeypatch.context() as patch:
        patch.setattr(here, "submit", raising(KeyboardInterrupt))
        with pytest.raises(InterruptedSweepError, match="interrupted before the first of 1 runs had ended"):
            fp.sweep(small(), {ETA: [0.1]}, path=tmp_path / "s.h5")
    assert list(tmp_path.iterdir()) == []


def raising(error):
    def fail(*_):
        raise error

    return fail


@pytest.mark.parametrize("moment", ["close", "tabulate", "load"])
def test_an_interrupt_at_any_moment_tells_of_the_rows(moment, rows, here, tmp_path, monkeypatch, capsys):
    partial, (head, first, _) = rows
    partial.write_text(f"{head}\n{first}\n")
    place = {"close": (here, "close"), "tabulate": (engine, "tabulate"), "load": (engine, "checked")}[moment]
    monkeypatch.setattr(*place, raising(KeyboardInterrupt))
    (tmp_path / "run.yaml").write_text(small().to_yaml())
    arguments = ["sweep", str(tmp_path / "run.yaml"), "--over", f"{ETA}=0.2,0.4", "-o", str(tmp_path / "s.h5")]
    assert status_of([*arguments, "--resume"]) == 3
    said = capsys.readouterr().err
    assert "s.h5.partial, and --resume goes on from there" in said
    assert re.search(r"interrupted after 2 of 2 runs|interrupted; 1 finished row is kept", said)
    assert status_of(arguments) == (3 if moment == "load" else 2)
