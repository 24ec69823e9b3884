"""What only Python callers can do: objects of their own in a configuration, a callback, xarray and back."""

import pickle
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

import fpsolver as fp
from fpsolver.config.reader import parse_yaml
from fpsolver.errors import ConfigError, FileFormatError, UsageError
from fpsolver.physics import custom, potentials
from fpsolver.physics.baths import Bath, brownian
from fpsolver.sweeps.axes import changed

CONFIGS = Path(__file__).parents[1] / "configs"
DAMPED = {"model": "caldeira_leggett", "eta": 1.0, "beta": 1.0}
START = {"kind": "gaussian", "mean": [0.5, 0.0], "covariance": [[0.5, 0.0], [0.0, 1.0]]}
NARROW = {"kind": "gaussian", "mean": [1.0, 0.0], "covariance": [[0.1, 0.0], [0.0, 0.5]]}

# what they say of coarse grids is true, and not what is tested here
pytestmark = pytest.mark.filterwarnings("ignore::fpsolver.FpsolverWarning")


@dataclass(frozen=True)
class Quartic:
    """The double well of the package, in the user's words."""

    a: float = 1.0
    b: float = 1.0
    span: tuple = (-4.0, 4.0)

    def energy(self, q):
        return -self.a * q**2 / 2 + self.b * q**4 / 4

    def derivative(self, q, order=1):
        return {
            1: -self.a * q + self.b * q**3,
            2: -self.a + 3 * self.b * q**2,
            3: 6 * self.b * q,
            4: 6 * self.b,
        }.get(order, 0.0)


@dataclass(frozen=True)
class Matrices:
    """A bath by its matrices."""

    drift: object
    diffusion: object


def config(potential=None, bath=None, **sections):
    potential = {"kind": "harmonic", "omega": 1.0} if potential is None else potential
    system = {"mass": 1.0, "potential": potential, "bath": DAMPED if bath is None else bath}
    defaults = {"units": {"hbar": 0.0}, "initial": START, "time": {"until": 0.5}}
    grid = {"q": {"cells": 96}, "p": {"cells": 96}}
    return fp.Config(**({"system": system, "grid": grid} | defaults | sections))


@pytest.mark.slow
def test_a_potential_of_the_user_is_the_same_physics():
    """Wells, grid, step and every number as for the polynomial; what is left is the round-off of other powers."""
    well = {"kind": "double_well", "quadratic": 1.0, "quartic": 1.0}
    own, known = (fp.run(config(p, initial=NARROW)) for p in (Quartic(), well))
    for one, other in zip(own.grid.axes, known.grid.axes, strict=True):
        np.testing.assert_allclose([one.low, one.high], [other.low, other.high], rtol=1e-12)
    assert own.provenance["dt"] == pytest.approx(known.provenance["dt"], rel=1e-12, abs=0)
    np.testing.assert_allclose(own.final.W, known.final.W, rtol=0, atol=1e-12)
    assert own.last("entropy_production") == pytest.approx(known.last("entropy_production"), rel=1e-9, abs=0)


def test_wells_and_reach():
    found = custom.as_potential(Quartic(2.0, 0.5), None)
    known = potentials.double_well(quadratic=2.0, quartic=0.5)
    np.testing.assert_allclose(np.sort(found.minima()), np.sort(known.minima()), rtol=1e-12)  # bisection to round-off
    np.testing.assert_allclose(found.range_below(1.5), known.range_below(1.5), rtol=1e-12)
    assert (found.is_confining, found.is_quadratic, found.period, found.tilt) == (True, False, None, 0.0)
    assert custom.as_potential(known, None) is known
    np.testing.assert_allclose(found.range_below(1e3), known.range_below(1e3), rtol=1e-12)  # far beyond the span


def test_energies_that_are_never_reached_are_a_sentence():
    found = custom.as_potential(Bowl(), None)
    assert found.is_confining
    with pytest.raises(UsageError, match=r"does not rise from .* give grid.q.extent and grid.p.extent"):
        found.range_below(2.0)


@dataclass(frozen=True)
class Bowl:
    """A finite bowl, U = tanh(q)^2."""

    span = (-2.0, 2.0)

    def energy(self, q):
        return np.tanh(q) ** 2

    def derivative(self, q, order=1):
        t, c = np.tanh(q), 1 / np.cosh(q) ** 2
        return 2 * t * c if order == 1 else 2 * c**2 - 4 * t**2 * c


@dataclass(frozen=True)
class Wrong(Quartic):
    """The sign of the force is that of the force, not of the slope."""

    def derivative(self, q, order=1):
        return -super().derivative(q, order)


@dataclass(frozen=True)
class WrongCurvature(Quartic):
    """A slip in the second derivative only."""

    def derivative(self, q, order=1):
        return -self.a + 2 * self.b * q**2 if order == 2 else super().derivative(q, order)


@dataclass(frozen=True)
class Scalar(Quartic):
    """Not for arrays."""

    def energy(self, q):
        return float(q) ** 2


@dataclass(frozen=True)
class Infinite(Quartic):
    """Undefined near 0."""

    def energy(self, q):
        return np.where(np.abs(q) < 1, np.nan, q**2)


@dataclass(frozen=True)
class Elsewhere(Quartic):
    """Has its wells outside its span."""

    span: tuple = (2.0, 4.0)
    is_confining = True


@dataclass(eq=False)
class Table:
    """A double well with an array in it, and an `==` that answers for each number on its own."""

    coefficients: np.ndarray

    def __eq__(self, other):
        return self.coefficients == other.coefficients

    __hash__ = None

    def energy(self, q):
        return -self.coefficients[0] * q**2 / 2 + self.coefficients[1] * q**4 / 4

    def derivative(self, q, order=1):
        return Quartic(*self.coefficients).derivative(q, order)


def test_objects_that_hold_arrays_compare():
    """The same object is equal to itself; another one to nothing, if its `==` does not say."""
    table = Table(np.array([1.0, 1.0]))
    assert config(table) == config(table)
    assert config(table) != config(Table(table.coefficients.copy()))
    assert config(Quartic()) == config(Quartic())
    assert config(Quartic()) != config(Quartic(2.0))


@pytest.mark.parametrize(
    ("potential", "words"),
    [
        (Elsewhere(), r"Elsewhere.* must have a minimum in its span, but there is none from 2 to 4; give a `span`"),
        (Wrong(), r"derivative\(q, 1\) of Wrong.* must be the slope of energy\(q\), but at q = "),
        (WrongCurvature(), r"derivative\(q, 2\) of WrongCurvature.* slope of derivative\(q, 1\)"),
        (Scalar(), r"energy\(q\) of Scalar.* fails on an array"),
        (Infinite(), "one finite number for each q"),
        (Quartic(span=None), "must have a `span = "),
        (Quartic(span=(1.0, -1.0)), "low < high"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_potentials_that_are_none(potential, words):
    with pytest.raises(ConfigError, match=f"system.potential: (?s:.*){words}"):
        fp.prepare(config(potential))


def test_the_extent_of_the_grid_stands_for_a_span():
    grid = {"q": {"cells": 96, "extent": [-4.0, 4.0]}, "p": {"cells": 64}}
    assert fp.prepare(config(Quartic(span=None), grid=grid, initial=NARROW)).grid.axes[0].high == 4.0


@pytest.mark.slow
def test_a_bath_of_the_user_is_the_same_physics():
    """The matrices of the minimally invasive model: every number to the bit, but for what needs a temperature."""
    model = brownian(model="minimally_invasive", mass=1.0, hbar=1.0, eta=0.5, beta=0.7)
    own = fp.run(config(bath=Matrices(model.drift, model.diffusion), units={"hbar": 1.0}))
    known = fp.run(config(bath={"model": "minimally_invasive", "eta": 0.5, "beta": 0.7}, units={"hbar": 1.0}))
    for name, values in known.series.items():
        if name != "relative_entropy_thermal":
            np.testing.assert_array_equal(own.series[name], values, err_msg=name)
    assert np.isnan(own.series["relative_entropy_thermal"]).all()
    assert own.diagnostics["cp_margin"] == known.diagnostics["cp_margin"]
    assert fp.build_system(config(bath=model)).particles[0].bath is model


@pytest.mark.slow
def test_a_bath_that_turns():
    """A drift no rates can express: an exact Gaussian all the same."""
    drift = [[-0.1, 0.2], [-0.1, -0.6]]
    result = fp.run(config(bath=Matrices(drift, [[0.1, 0.0], [0.0, 0.9]])))
    np.testing.assert_allclose(fp.build_system(result.config).dissipative_drift, drift)
    assert result.exact_error < 1e-5  # of the grid; a wrong drift would be off by 1e-1
    np.testing.assert_allclose(result.series["covariance"], result.exact["covariance"], rtol=0, atol=1e-8)  # step error


@pytest.mark.parametrize(
    ("bath", "words"),
    [
        (Matrices(np.eye(3), np.eye(3)), "`drift` .* must be a finite 2 x 2 matrix"),
        (Matrices(np.eye(2), [[1.0, 0.1], [0.0, 1.0]]), "`diffusion` .* must be symmetric"),
        (Matrices(-np.eye(2), -np.eye(2)), "positive semidefinite"),
        (Matrices("no", np.eye(2)), "`drift`"),
    ],
)
def test_baths_that_are_none(bath, words):
    with pytest.raises(ConfigError, match=f"system.bath: .*{words}"):
        fp.prepare(config(bath=bath))


@pytest.mark.slow
def test_files_keep_the_name_and_runs_ask_for_the_object(tmp_path):
    result = fp.run(config(Quartic(1.0, 1.0), initial=NARROW))
    loaded = fp.load_result(result.save(tmp_path / "run.h5"))
    assert "Quartic(a=1.0, b=1.0" in str(loaded.config)
    np.testing.assert_array_equal(loaded.final.W, result.final.W)
    with pytest.raises(ConfigError, match=r"was the Python object Quartic.*; give the object again"):
        fp.run(loaded.config)
    again = loaded.config.replaced(system={"potential": Quartic(1.0, 1.0)})
    np.testing.assert_array_equal(fp.run(again).final.W, result.final.W)


def test_fields_of_an_object_are_keys():
    assert changed(config(Quartic()), {"system.potential.a": 2.0}).system.potential.source.value == replace(
        Quartic(), a=2.0
    )
    with pytest.raises(UsageError, match="has no field 'depth'; it has a, b, span"):
        changed(config(Quartic()), {"system.potential.depth": 2.0})


def test_no_file_and_no_message_offers_objects():
    from fpsolver.config.schema import json_schema

    assert "python" not in str(json_schema()).lower()
    with pytest.raises(ConfigError) as caught:
        config({"kind": "pyton"})
    assert "python" not in str(caught.value)


@pytest.mark.slow
def test_callback_sees_every_record():
    seen = []

    def look(time, W, record):
        seen.append((time, float(W.sum()), record["entropy_production"]))
        with pytest.raises(ValueError, match="read-only"):
            W[0, 0] = 1.0

    result = fp.run(config(), callback=look)
    np.testing.assert_array_equal([time for time, *_ in seen], result.series["time"])
    np.testing.assert_array_equal([Pi for *_, Pi in seen], result.series["entropy_production"])
    cell = result.grid.volume
    np.testing.assert_allclose(
        [total * cell for _, total, _ in seen], result.series["mass"], rtol=1e-13
    )  # order of sums
    seen.clear()
    fp.run(config(time={"method": "direct"}), callback=look)
    assert [time for time, *_ in seen] == [np.inf]


@pytest.mark.slow
def test_callback_may_end_the_run():
    result = fp.run(config(), callback=lambda time, W, record: time > 0.2)
    assert result.status == "finished"
    assert re.fullmatch(r"ended as requested by the callback at t = 0\.\d+", result.message)
    assert 0.2 < result.series["time"][-1] < 0.25
    assert fp.run(config(), callback=lambda time, W, record: 1).series["time"][-1] == 0.5  # True itself, not truth


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["stepping", "direct", "anharmonic"])
def test_xarray_and_back(kind, tmp_path):
    import xarray

    sections = {"time": {"method": "direct"}} if kind == "direct" else {"initial": NARROW}
    result = fp.run(
        config({"kind": "quartic", "omega": 1.0, "quartic": 1.0} if kind == "anharmonic" else None, **sections)
    )
    dataset = result.to_xarray()
    dataset.to_netcdf(tmp_path / "run.nc", engine="h5netcdf")
    with xarray.open_dataset(tmp_path / "run.nc", engine="h5netcdf") as stored:
        again = fp.Result.from_xarray(stored.load())
    assert again.config == result.config
    assert again.grid == result.grid
    assert (again.exact is None) == (kind == "anharmonic")
    assert str(again) == str(result)
    for name, values in result.series.items():
        np.testing.assert_array_equal(again.series[name], values, err_msg=name)
    np.testing.assert_array_equal(again.final.J_irreversible, result.final.J_irreversible)
    np.testing.assert_array_equal(again.snapshots.W, result.snapshots.W)
    assert again.diagnostics.keys() == result.diagnostics.keys()
    again.save(tmp_path / "again.h5")
    for attributes in ({**dataset.attrs, "config": dataset.attrs["config"].replace("mass: 1", "mass: -1")}, {}):
        with pytest.raises(FileFormatError, match="no fpsolver result"):
            fp.Result.from_xarray(dataset.assign_attrs(attributes) if attributes else dataset.drop_attrs())


@pytest.mark.slow
@pytest.mark.parametrize("until", ["steady", 2.0])
def test_moments_as_xarray_and_back(until, tmp_path):
    """The series of every particle, by name; the profile is the last time."""
    import xarray

    well = {"kind": "harmonic", "omega": 1.0}
    chain = {"length": 3, "mass": 1.0, "potential": well, "stiffness": 1.0, "left": DAMPED, "right": DAMPED}
    start = {"kind": "gaussian", "mean": [0.0] * 6, "covariance": np.eye(6).tolist()}
    chosen = {"time": {"method": "gaussian", "until": until}, "initial": start, "system": {"chain": chain}}
    result = fp.run(fp.Config(units={"hbar": 0.0}, **chosen))
    dataset = result.to_xarray()
    profile = dataset["temperature"].isel(time=-1)
    assert profile.dims == ("particle",)
    np.testing.assert_array_equal(profile, result.last("temperature"))
    p2 = dataset["covariance"].isel(time=-1).sel(row="p2", column="p2").item()
    assert p2 == pytest.approx(result.last("temperature")[1])
    dataset.to_netcdf(tmp_path / "run.nc", engine="h5netcdf")
    with xarray.open_dataset(tmp_path / "run.nc", engine="h5netcdf") as stored:
        again = fp.Result.from_xarray(stored.load())
    assert str(again) == str(result)
    assert again.config == result.config
    for name, values in result.series.items():
        np.testing.assert_array_equal(again.series[name], values, err_msg=name)


def test_tables_of_sweeps_are_no_results_in_xarray():
    pytest.importorskip("xarray")
    table = fp.sweep(config(time={"method": "gaussian"}), {"units.hbar": [0.5, 1.0]}, workers=1).to_xarray()
    with pytest.raises(FileFormatError, match=r"no attribute `format`; give what `Result\.to_xarray` made"):
        fp.Result.from_xarray(table)


def test_names_of_the_series_that_are_none():
    """A KeyError as of any dict, with what there is; also after pickling."""
    result = fp.run(config(time={"method": "gaussian"}))
    words = r"has no 'entropy_prodction'; did you mean 'entropy_production'\?; it has time, mass, mean, "
    for series in (result.series, pickle.loads(pickle.dumps(result)).series):
        with pytest.raises(KeyError, match=words):
            series["entropy_prodction"]
    with pytest.raises(UsageError, match=words):
        result.last("entropy_prodction")
    assert result.series.get("entropy_prodction") is None


@pytest.mark.slow
def test_without_xarray_there_is_a_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(UsageError, match=r"xarray is not installed; .*pip install xarray"):
        fp.run(config()).to_xarray()


def test_bath_objects_of_the_package():
    bath = Bath(eta=0.5, d_pp=0.7)
    assert fp.build_system(config(bath=bath)).particles[0].bath is bath


@pytest.mark.slow
def test_who_asks_for_a_bar_gets_it(capfd):
    """Also where standard error is no terminal, as here and in notebooks."""
    fp.run(config(), progress=True)
    assert "t = 0.5 of about 0.5" in capfd.readouterr().err
    fp.sweep(config(time={"method": "gaussian"}), {"system.bath.eta": [1.0, 2.0]}, workers=1, progress=True)
    assert "0/2" in capfd.readouterr().err  # later ones only if they take long enough
    fp.run(config())
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"progress": 5}, "progress must be True, False or a function, but is 5"),
        ({"callback": "print"}, r"callback must be a function of \(time, W, record\), but is 'print'"),
    ],
)
def test_what_cannot_be_called_is_refused_before_the_run(arguments, words):
    with pytest.raises(UsageError, match=words):
        fp.run(config(), **arguments)


@pytest.mark.parametrize("model", ["moments", "grid"])
def test_writing_into_a_system_does_not_change_later_physics(model):
    """What is silently different is worse than an error."""
    system = fp.build_system(config())
    with pytest.raises(ValueError, match="read-only"):
        system.diffusion_matrix[0, 0] = 9.0
    if model == "moments":
        assert fp.exact.steady(system).Pi == pytest.approx(0.0, abs=1e-12)
    else:
        with pytest.raises(ValueError, match="read-only"):
            fp.prepare(config()).grid.axes[0].centres[0] = 9.0


@pytest.mark.parametrize("read", [fp.load_config, fp.load_result, fp.load_sweep])
@pytest.mark.parametrize("path", [None, 5, {"system": {}}, b"a.yaml", "a\0b"], ids=str)
def test_what_is_no_path_is_a_sentence(read, path):
    """A dict in place of a file is the likely slip."""
    with pytest.raises(UsageError, match="the path of a file is needed, but got"):
        read(path)


def test_a_problem_prints_what_is_going_to_be_computed():
    """A few lines, not its matrices and tables."""
    well = {"mass": 1.0, "potential": {"kind": "harmonic", "omega": 1.0}, "bath": DAMPED}
    config = fp.Config(units={"hbar": 0.0}, system=well, initial=START)
    text = repr(fp.prepare(config))
    assert "cells, order 8; " in text
    assert "spans" in text
    assert "stepping (rk4) until" in text
    assert len(text) < 400
    solved = repr(fp.prepare(config.replaced(time={"method": "direct"})))
    assert "direct until the steady state" in solved


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_configuration_in_a_shell_is_short_and_means_the_same(path):
    """What differs from the defaults, and nothing else."""
    found = fp.load_config(path)
    short = repr(found)
    assert fp.Config(**parse_yaml(short, "repr")[0]) == found
    assert short.count("\n") < found.to_yaml().count("\n") - 1
    assert "checkpoint_every" not in short


def test_a_grid_and_the_parts_of_a_result_in_a_shell_are_a_line():
    ring = fp.Grid((fp.Axis("q", 0.0, 6.0, 32, True), fp.Axis("p", -5.0, 5.25, 40)))
    assert repr(ring) == "Grid(q: 32 cells on the ring [0, 6], p: 40 cells on [-5, 5.25])"
    zeros = np.zeros((3, 32, 40))
    assert repr(fp.result.Snapshots(np.array([0.0, 0.5, 1.0]), zeros)) == (
        "Snapshots(3 of W on 32 x 40 cells, t = 0 to 1)"
    )
    assert repr(fp.result.Snapshots(np.empty(0), zeros[:0])) == "Snapshots(0 of W on 32 x 40 cells)"
    final = fp.result.Final(0.5, zeros[0], None, None, None, zeros[0], zeros[0])
    assert repr(final) == ("Final(time=0.5, on 32 x 40 cells: W, entropy_production_density, entropy_flux_density)")


@pytest.mark.parametrize("method", ["direct", "gaussian"])
def test_a_classical_system_has_no_verdict_on_complete_positivity(method, tmp_path):
    """Neither yes nor no, in Python, in files and in tables of sweeps; the reason stands beside it."""
    box = {"cells": 32, "extent": [-6.0, 6.0]}
    sections = {"units": {"hbar": 0.0}, "time": {"method": method}, "grid": {"q": box, "p": box}}
    system = {"mass": 1.0, "potential": {"kind": "harmonic", "omega": 1.0}, "bath": DAMPED}
    result = fp.run(fp.Config(system=system, **sections))
    for found in (result.diagnostics, fp.load_result(result.save(tmp_path / "classical.h5")).diagnostics):
        for name in ("cp_margin", "is_completely_positive", "cp_on_boundary"):
            assert np.isnan(found[name])
            assert found[f"{name}_reason"].startswith("undefined: a classical system (hbar = 0)")
    assert dict(result.summary())["completely positive"] == "no meaning for a classical system (hbar = 0)"
    quantum = fp.run(fp.Config(system=system, **(sections | {"units": {"hbar": 0.1}})))
    assert quantum.diagnostics["is_completely_positive"] is False


def test_one_override_may_be_given_alone():
    path = CONFIGS / "minimally_invasive.yaml"
    assert fp.load_config(path, "time.until=2").time.until == 2.0
    for wrong in (2, [2]):
        with pytest.raises(UsageError, match="overrides must be a tuple of str objects, but is"):
            fp.load_config(path, wrong)


def test_overrides_as_a_dict_have_the_rules_of_replaced():
    """Sections are merged, kinds replaced, dotted keys go down, also into lists; faults do not blame the file."""
    path = CONFIGS / "minimally_invasive.yaml"
    well = {"kind": "quartic", "omega": 1.0, "quartic": 0.1}
    changes = {"time.until": 2, "grid": {"q": {"cells": 64}}, "system.potential": well, "initial.mean.1": 0.25}
    found = fp.load_config(path, changes)
    assert found == fp.load_config(path).replaced(**changes)
    assert (found.time.until, found.grid.q.cells, found.initial.mean[1]) == (2.0, 64, 0.25)
    state = fp.states.gaussian([0.5, 0.0], np.eye(2))
    assert fp.load_config(path, {"initial": state}).initial.mean == [0.5, 0.0]
    for wrong, words in (
        ({"time.until": -2}, "overrides, time.until: must be `steady` or a number greater than 0, but is -2"),
        ({"system": {"bath": {"eta": -1}}}, "overrides, system.bath.eta: must be greater than 0, but is -1"),
        ({2: 1}, "overrides must have dotted keys such as 'time.until', but one is 2"),
        ({"time.": 1}, "overrides must have dotted keys such as 'time.until', but one is 'time.'"),
    ):
        with pytest.raises(fp.FpsolverError, match=words):
            fp.load_config(path, wrong)


def test_completion_offers_what_is_public():
    assert dir(fp.thermo) == sorted(fp.thermo.__all__)
    assert all(callable(getattr(fp.thermo, name)) for name in fp.thermo.__all__)


def test_each_particle_has_the_extent_of_its_own_axis_as_the_span():
    """Or that of all of them, where it is said once."""
    wide, narrow = [-5.0, 5.0], [-4.0, 4.0]
    particles = [{"mass": 1.0, "potential": Quartic(span=None), "bath": DAMPED} for _ in range(2)]
    for q, expected in (
        ([{"extent": wide}, {"extent": narrow}], [wide, narrow]), ({"extent": narrow}, [narrow, narrow])
    ):  # fmt: skip
        both = {"system": {"particles": particles}, "initial": [START] * 2, "grid": {"q": q}, "time": {"until": 1.0}}
        made = fp.Config(units={"hbar": 0.0}, **both)
        assert [list(part.potential.span) for part in fp.build_system(made).particles] == expected
