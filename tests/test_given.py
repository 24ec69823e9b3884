"""Starts given from Python: the same physics as the same state in a file, and runs that their own file repeats."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import fpsolver as fp
from fpsolver import api
from fpsolver.cli import unfinished
from fpsolver.errors import FpsolverError
from fpsolver.io import checkpoint
from fpsolver.physics import weyl
from fpsolver.sweeps.axes import changed
from tests.test_checkpoint import StopAt
from tests.test_kernels import ROOT

OSCILLATOR = {
    "mass": 1.0,
    "potential": {"kind": "harmonic", "omega": 1.0},
    "bath": {"model": "minimally_invasive", "eta": 0.5, "beta": 0.7},
}
WELL = OSCILLATOR | {"potential": {"kind": "double_well", "quadratic": 1.0, "quartic": 0.4}}
COHERENT = {"kind": "coherent", "q": 1.0, "p": -0.5, "omega": 1.0}
GRID = {"q": {"cells": 64, "extent": [-8.0, 8.0]}, "p": {"cells": 60, "extent": [-7.5, 7.5]}}
BASE = fp.Config(system=OSCILLATOR, initial=COHERENT, grid=GRID, time={"until": 0.2}, output={"snapshots": 2})
SKEW = fp.states.gaussian([1.0, 0.5], [[0.9, 0.25], [0.25, 0.7]])
Q, P = np.linspace(-8, 9, 96), np.linspace(-7, 7, 90)
W = SKEW.values((Q[:, None], P[None, :]))
LINE = np.linspace(-11, 11, 241)
PSI = np.exp(-((LINE - 1.0) ** 2) / 2 - 0.5j * LINE) / np.pi**0.25  # the state COHERENT


class Own:
    """A potential of the user's, whose quantum terms are sums over the whole momentum axis."""

    def energy(self, q):
        return np.cosh(0.5 * q)

    def derivative(self, q, order=1):
        return 0.5**order * (np.sinh(0.5 * q) if order % 2 else np.cosh(0.5 * q))


# the grid is coarse for some of these states, which is true and not what is tested here
pytestmark = pytest.mark.filterwarnings("ignore::fpsolver.FpsolverWarning")


def xarray_of_w():
    """A DataArray in the other order of axes."""
    xarray = pytest.importorskip("xarray")
    return xarray.DataArray(W.T, {"p": P, "q": Q}, ("p", "q"))


def qutip_coherent(dm=False):
    qutip = pytest.importorskip("qutip")
    state = qutip.coherent(40, (1.0 - 0.5j) / np.sqrt(2), method="analytic").unit()
    return qutip.ket2dm(state) if dm else state


@pytest.mark.parametrize(
    "given",
    [
        lambda: (Q, P, W),
        lambda: [Q.tolist(), P.tolist(), W.tolist()],
        lambda: {"kind": "distribution", "q": Q, "p": P, "W": W},
        lambda: fp.states.tabulated((Q, P), W),
        lambda: fp.states.tabulated((Q, P), xarray_of_w()),
        lambda: (Q, P, xarray_of_w()),
        lambda: SKEW,
        lambda: [SKEW],
        xarray_of_w,
    ],
    ids=[
        "arrays",
        "lists",
        "section",
        "tabulated",
        "tabulated names",
        "arrays and names",
        "gaussian",
        "list of one",
        "xarray",
    ],
)
def test_a_gaussian_in_any_form_is_that_gaussian(given):
    """All start from the same point values to the interpolation's round-off."""
    problem = fp.prepare(BASE.replaced(initial=given()))
    found = fp.api.initial_values(problem)
    np.testing.assert_allclose(found, SKEW.values(problem.grid.coordinates), rtol=0, atol=1e-12)
    np.testing.assert_allclose(problem.exact.mean(0.0), SKEW.mean, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "given",
    [
        lambda: (LINE, PSI),
        lambda: {"kind": "wavefunction", "q": LINE, "psi": PSI},
        lambda: {"kind": "density_matrix", "q": LINE, "rho": np.outer(PSI, PSI.conj())},
        lambda: weyl.wavefunction(LINE, PSI, hbar=1.0),
        qutip_coherent,
        lambda: qutip_coherent().dag(),
        lambda: qutip_coherent(dm=True),
        lambda: {"kind": "density_matrix", "rho_fock": qutip_coherent(), "omega": 1.0},
    ],
    ids=["psi", "psi section", "rho", "sampled", "ket", "bra", "density matrix", "ket with omega"],
)
def test_a_coherent_state_in_any_form_is_that_state(given):
    """Phases and signs of p: the state is not symmetric."""
    problem = fp.prepare(BASE.replaced(initial=given()))
    known = fp.prepare(BASE)
    np.testing.assert_allclose(fp.api.initial_values(problem), fp.api.initial_values(known), rtol=0, atol=1e-10)


def test_cat_and_fock_keep_their_exact_solution():
    """The sum of complex Gaussians itself is kept, not its values."""
    cat = fp.states.cat(mass=1.0, hbar=1.0, separation=3.0, omega=1.0, phase=0.4)
    given, named = (
        fp.prepare(BASE.replaced(initial=start))
        for start in (cat, {"kind": "cat", "separation": 3.0, "phase": 0.4, "omega": 1.0})
    )
    assert np.array_equal(fp.api.initial_values(given), fp.api.initial_values(named))
    for one, other in zip(given.state.packets, named.state.packets, strict=True):  # which the box holds
        np.testing.assert_array_equal(one.mean, other.mean)
        np.testing.assert_array_equal(one.covariance, other.covariance)
    late = (problem.exact_state(0.7).values(given.grid.coordinates) for problem in (given, named))
    np.testing.assert_array_equal(*late)
    well = fp.Config(system=WELL, initial=cat, grid=GRID, time={"until": 0.1})
    assert fp.build_system(well).husimi_omegas == (1.0,)  # as of the section


@pytest.mark.slow
def test_a_result_goes_on_as_from_its_file(tmp_path):
    """W as it stands, on its own grid; with another grid, interpolated: the same bits as `kind: file`."""
    earlier = fp.run(BASE)
    path = str(earlier.save(tmp_path / "earlier.h5"))
    free = BASE.replaced(grid={"q": {"cells": "auto", "extent": "auto"}, "p": {"cells": "auto", "extent": "auto"}})
    for config in (free, BASE.replaced(grid={"q": {"cells": 80}})):
        given, read = (fp.run(config, initial=start) for start in (earlier, {"kind": "file", "path": path}))
        assert given.grid == read.grid
        np.testing.assert_array_equal(given.final.W, read.final.W)
    snapshot = fp.run(free, initial=(earlier.grid, earlier.snapshots.W[0]))
    np.testing.assert_array_equal(snapshot.snapshots.W[0], earlier.snapshots.W[0])


@pytest.mark.slow
def test_a_result_without_a_grid_starts_a_run_on_one():
    moments = fp.run(BASE.replaced(time={"method": "gaussian"}))
    problem = fp.prepare(BASE.replaced(initial=moments))
    np.testing.assert_allclose(problem.state.covariance, moments.series["covariance"][-1], rtol=1e-14)


EVERYTHING = {
    "grid": lambda: fp.run(BASE.replaced(time={"until": 0.05})),
    "distribution": lambda: (Q, P, W),
    "wavefunction": lambda: (LINE, PSI),
    "density_matrix": lambda: {"kind": "density_matrix", "rho_fock": np.diag([0.6, 0.4]), "omega": 1.0},
    "sum": lambda: fp.states.fock(mass=1.0, hbar=1.0, n=1, omega=1.0),
    "sampled": lambda: weyl.density_matrix(LINE, np.outer(PSI, PSI.conj()), hbar=1.0),
}


@pytest.mark.slow
@pytest.mark.parametrize("form", EVERYTHING)
def test_the_file_repeats_the_run(form, tmp_path):
    """Bit for bit: from its configuration in Python, from the printed configuration, and over the file itself."""
    result = fp.run(BASE, initial=EVERYTHING[form]())
    assert result.config.initial.source.value.form == form
    path = result.save(tmp_path / "run.h5")
    loaded = fp.load_result(path)
    assert loaded.config == result.config
    again = fp.run(loaded.config)
    np.testing.assert_array_equal(again.final.W, result.final.W)
    (tmp_path / "again.yaml").write_text(loaded.config.repeating(path).to_yaml())
    written = fp.run(fp.load_config(tmp_path / "again.yaml"))
    np.testing.assert_array_equal(written.final.W, result.final.W)
    written.save(path, force=True)
    assert fp.load_result(path).config.initial.source == result.config.initial.source


@pytest.mark.slow
def test_xarray_opens_the_start_and_datasets_keep_it(tmp_path):
    xarray = pytest.importorskip("xarray")
    result = fp.run(BASE, initial=(Q, P, W))
    path = result.save(tmp_path / "run.h5")
    with xarray.open_dataset(path, group="initial", engine="h5netcdf") as found:
        np.testing.assert_array_equal(found["W"].sel(q=Q[5], p=P[7]), W[5, 7])
    for start in (result.config, result.config.replaced(initial=(LINE, PSI))):
        result.config = start
        assert fp.Result.from_xarray(result.to_xarray()).config == start


@pytest.mark.slow
def test_the_command_line_repeats_and_resumes(tmp_path):
    """`info --config` prints a configuration that runs; `--resume` knows that it is the same one."""

    def fpsolver(*words):
        command = [sys.executable, "-m", "fpsolver", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    result = fp.run(BASE, initial=(Q, P, W))
    result.save(tmp_path / "run.h5")
    (tmp_path / "again.yaml").write_text(fpsolver("info", "--config", "run.h5").stdout)
    assert '"content": "W, 96 x 90 points"' in fpsolver("info", "--json", "run.h5").stdout
    done = fpsolver("run", "again.yaml", "-o", "again.h5")
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(fp.load_result(tmp_path / "again.h5").final.W, result.final.W)
    assert "is there already" in fpsolver("run", "again.yaml", "-o", "again.h5", "--resume").stdout
    (tmp_path / "run.h5").unlink()
    assert "run.h5 does not exist" in fpsolver("run", "again.yaml", "-o", "third.h5").stderr


def test_later_changes_of_the_array_do_not_reach_the_run():
    mine = W.copy()
    config = BASE.replaced(initial=(Q, P, mine))
    mine[:] = 0.0
    assert np.array_equal(config.initial.source.value.arrays["W"], W)
    with pytest.raises(ValueError, match="read-only"):
        config.initial.source.value.arrays["W"][0] = 1.0


def test_configurations_with_starts_compare_and_change():
    config = BASE.replaced(initial=(Q, P, W))
    assert config == BASE.replaced(initial=(Q, P, W.copy()))
    other = np.roll(W, 1, axis=0)
    assert config != BASE.replaced(initial=(Q, P, other))
    assert config.initial.source != BASE.replaced(initial=(Q, P, other)).initial.source
    assert config.replaced(initial=(Q, P, other)) == BASE.replaced(initial=(Q, P, other))
    assert config.replaced(initial=COHERENT) == BASE
    assert BASE.replaced(initial={"kind": "stored", "path": "other.h5"}).replaced(initial=(Q, P, W)) == config
    assert config.replaced(time={"until": 1.0}).initial == config.initial
    assert changed(config, {"system.bath.eta": 1.0}).initial == config.initial
    assert config.initial.digest in config.to_yaml()  # what was begun with one start does not go on with another


def test_configurations_have_a_hash_as_they_compare():
    """Whatever they hold: lists, arrays, objects of the user's, and zeros of both signs."""
    starts = [COHERENT, COHERENT | {"q": 0.0}, COHERENT | {"q": -0.0}, (Q, P, W), (Q, P, W.copy()), (LINE, PSI)]
    configs = [BASE.replaced(initial=start) for start in starts]
    own = {"potential": Own()}
    assert len(set(configs)) == 4
    assert {*configs, BASE.replaced(system=own), BASE.replaced(system=own)} > {*configs, BASE}
    for one, other in itertools.product(configs, repeat=2):
        assert (one == other) == (hash(one) == hash(other))


def test_a_start_in_a_shell_is_a_short_line():
    shown = repr(BASE.replaced(initial=(Q, P, W)).initial)
    assert shown.startswith("StoredInitial(kind='stored', path=None, content='W, 96 x 90 points', digest='")
    assert "source" not in shown
    assert "<Own>" in repr(BASE.replaced(system={"potential": Own()}).system)


@pytest.mark.slow
def test_two_particles(tmp_path):
    """W(q1, q2, p1, p2), from arrays and from a result: four axes keep their order."""
    V = np.diag([0.8, 0.7, 0.6, 0.9]) + 0.1 * np.eye(4)[::-1]
    state = fp.states.gaussian([0.3, -0.2, 0.1, 0.4], V)
    axes = [np.linspace(-6, 6, n) for n in (24, 25, 26, 27)]
    values = state.values(np.meshgrid(*axes, indexing="ij", sparse=True))
    values /= values.sum() * np.prod([x[1] - x[0] for x in axes])
    box = {"cells": 24, "extent": [-5.0, 5.0]}
    config = fp.Config(
        system={"particles": [OSCILLATOR] * 2},
        initial=(*axes, values),
        grid={"q": box, "p": box},
        time={"until": 0.01},
        output={"snapshots": 1},
    )
    result = fp.run(config)
    np.testing.assert_allclose(result.series["mean"][0], state.mean, rtol=0, atol=1e-4)
    np.testing.assert_allclose(result.series["covariance"][0], V, rtol=0, atol=2e-3)  # 5 deviations in the box
    loaded = fp.load_result(result.save(tmp_path / "two.h5"))
    np.testing.assert_array_equal(fp.run(loaded.config).final.W, result.final.W)
    with h5py.File(tmp_path / "two.h5") as file:
        units = [
            file[name].attrs["units"] for name in ("final/W", "snapshots/W", "initial/W", "final/J", "particles/1/W")
        ]
    assert units == ["1/action^2"] * 3 + ["1/(action^2 time)", "1/action"]
    assert result.to_xarray()["snapshots"].attrs["units"] == "1/action^2"


@pytest.mark.slow
def test_a_ring_starts_from_its_own_result():
    ring = {"q": {"cells": 32, "extent": [0.0, 2 * np.pi], "boundary": "periodic"}}
    tilted = {"kind": "cosine", "amplitude": 1.0, "wavenumber": 1.0, "tilt": 0.2}
    sections = {"units": {"hbar": 0.0}, "system": OSCILLATOR | {"potential": tilted}, "time": {"until": 0.1}}
    sections["system"]["bath"] = {"model": "caldeira_leggett", "eta": 0.5, "beta": 0.7}
    first = fp.run(fp.Config(initial=fp.states.UniformState(1.4), grid=ring, **sections))
    second = fp.run(fp.Config(initial=first, grid=ring, **sections))
    np.testing.assert_array_equal(second.snapshots.W[0], first.final.W)


def test_a_file_without_a_start_takes_one_from_python(tmp_path):
    text = fp.Config(system=OSCILLATOR, grid=GRID, time={"method": "direct"}).to_yaml()
    (tmp_path / "system.yaml").write_text(text.replace("method: direct", "method: stepping"))
    config = fp.load_config(tmp_path / "system.yaml", initial=(Q, P, W))
    assert config.initial.content == "W, 96 x 90 points"
    with pytest.raises(FpsolverError, match="initial: required, but missing"):
        fp.load_config(tmp_path / "system.yaml")


AXES = fp.Grid(tuple(fp.Axis(name, -8.0, 8.0, 64) for name in "qp"))
FAULTS = [
    (W, r"initial: must be a section or a state, but is an array of the shape \(96, 90\); give W with its axes"),
    (W.tolist(), r"initial: holds arrays of the shapes \(90,\)"),
    ((Q, W), r"initial: holds arrays of the shapes \(96,\), \(96, 90\), which are no axes with their W"),
    ((P, Q, W), "initial: W must have a value at each of 90 x 96 points, but is 96 x 90"),
    ((Q, P, 2 * W), "initial: the state must be normalised, but the sum of W times the cell is 2; divide W by it"),
    ((Q, P, 1j * W), "initial: needs W as an array of real numbers, but it is complex; give W.real"),
    ((Q, P, W.astype(str)), "initial: needs W as an array of real numbers"),
    ((LINE, 2 * PSI), "initial: the state must be normalised, but int abs"),
    ({"kind": "distribution", "q": Q, "W": W}, "needs q, p and W .* and no path, but has W, q$"),
    ({"kind": "distribution", "q": Q, "p": P}, "initial: of the kind `distribution` needs q, p and W .* but has p, q$"),
    ({"kind": "wavefunction", "psi": PSI}, "initial: of the kind `wavefunction` needs q and psi, and no path, but has"),
    ({"kind": "density_matrix", "rho": np.eye(3)}, "needs q and rho, or rho_fock, with omega or without, and no path"),
    ({"kind": ["fock"], "W": W}, "initial.kind: "),
    ({"q": Q, "p": P, "W": W}, "initial: has W, p, q without a kind, which says what they are: `distribution` has q, "),
    (AXES, r"initial: must be a section or a state, but is a grid without W; give W with it, as \(grid, W\)"),
    ((AXES,), r"initial: must be \(grid, W\) where there is a grid, but has Grid; give W"),
    ((W, AXES), r"initial: must be \(grid, W\) where there is a grid, but has ndarray, Grid; give W"),
    ((AXES, W), r"initial: needs W of the grid's shape \(64, 64\), but it has the shape \(96, 90\)"),
    ("run.h5", "initial: must be a section or a state, but is 'run.h5'; a file has a section, {kind: file, path: ..}"),
    (Path("run.h5"), "initial: must be a section or a state, but is 'run.h5'; a file has a section"),
    ({"kind": "stored"}, "initial.path: required, but missing: a state was given from Python"),
    ([SKEW, SKEW], "initial.1: is an entry too many: the number of particles is 1"),
    ({"kind": "stored", "path": "no.h5"}, "no.h5 does not exist"),
]


@pytest.mark.parametrize(("start", "words"), FAULTS, ids=range(len(FAULTS)))
def test_what_is_no_start_is_one_sentence(start, words):
    with pytest.raises(FpsolverError, match=words) as caught:
        fp.prepare(BASE.replaced(initial=start))
    assert len(getattr(caught.value, "faults", [0])) == 1


def test_a_grid_with_w_on_it_is_a_start():
    values = SKEW.values(AXES.coordinates)
    section = BASE.replaced(initial=(AXES, values)).initial
    arrays = section.source.value.arrays
    assert section.content == "W on the grid of a result, 64 x 64 points"
    np.testing.assert_array_equal(arrays["W"], values)
    np.testing.assert_array_equal(arrays["q"], AXES.axes[0].centres)
    assert (list(arrays["low"]), list(arrays["high"])) == ([-8.0, -8.0], [8.0, 8.0])


def test_no_quantum_state_starts_a_classical_run():
    bath = {"model": "caldeira_leggett", "eta": 0.5, "beta": 0.7}
    classical = BASE.replaced(units={"hbar": 0.0}, initial=SKEW, system={"bath": bath})
    fock = fp.states.fock(mass=1.0, hbar=1.0, n=1, omega=1.0)
    head = r"^the configuration cannot be used:\n  initial: a quantum state "
    for start, what in (((LINE, PSI), r"psi\(q\), 241 points"), (qutip_coherent(), "rho, 40 levels"), (fock, "a Fock")):
        with pytest.raises(FpsolverError, match=rf"{head}\({what}.*\) needs hbar > 0, but units"):
            fp.prepare(classical.replaced(initial=start))
    ring = BASE.replaced(system={"potential": {"kind": "free"}}, initial=SKEW, grid={"q": {"boundary": "periodic"}})
    with pytest.raises(FpsolverError, match=rf"{head}\(a Fock .*\) is on the line, but grid"):
        fp.prepare(ring.replaced(initial=fock))


def test_faults_of_a_start_from_python_name_no_line_of_a_file(tmp_path):
    """Of a file that has another start, or none; what is in the file is still found there."""
    path = tmp_path / "base.yaml"
    path.write_text(BASE.to_yaml())
    for config in (fp.load_config(path).replaced(initial=(Q, P, 2 * W)), fp.load_config(path, initial=(Q, P, 2 * W))):
        with pytest.raises(FpsolverError, match=r"^the configuration cannot be used:\n  initial: the state must be "):
            fp.prepare(config)
    path.write_text(BASE.to_yaml().replace("max_time: auto", "max_time: 0.1"))
    with pytest.raises(FpsolverError, match=r"^.*base.yaml cannot be used:\n  line [0-9]+, time.max_time: is 0.1"):
        fp.prepare(fp.load_config(path, initial=(Q, P, W)))


def test_other_faults_are_told_beside_it():
    with pytest.raises(FpsolverError) as caught:
        fp.Config(system=OSCILLATOR, initial=W, time={"untl": 1.0})
    assert [fault.key for fault in caught.value.faults] == ["initial", "time.untl"]


def test_states_that_do_not_fit_the_system():
    several = fp.Config(
        system={"particles": [OSCILLATOR] * 2},
        initial={"kind": "gaussian", "mean": [0.0] * 4, "covariance": np.eye(4)},
        time={"until": 0.1},
    )
    two = {"kind": "density_matrix", "rho_fock": np.diag([0.5, 0.5])}
    for config, start, words in (
        (several, (Q, P, W), r"initial: is a state of 1 particle, but the system has 2"),
        (BASE.replaced(system=WELL), two, "needs the omega of its oscillator, since the potential is not harmonic"),
        (BASE, weyl.wavefunction(LINE, PSI, hbar=1.5), r"was made with hbar = 1.5, but units.hbar is 1"),
    ):
        with pytest.raises(FpsolverError, match=words):
            fp.prepare(config.replaced(initial=start))


@pytest.mark.slow
def test_a_file_of_another_run_is_told(tmp_path):
    plain = fp.run(BASE.replaced(time={"until": 0.05}))
    path = str(plain.save(tmp_path / "plain.h5"))
    with pytest.raises(FpsolverError, match="holds no state of the time 0, since its run was not given one"):
        fp.prepare(BASE.replaced(initial={"kind": "stored", "path": path}))
    path = str(fp.run(BASE.replaced(time={"until": 0.05}), initial=(Q, P, W)).save(tmp_path / "given.h5"))
    with pytest.raises(FpsolverError, match=r"initial.digest: is abc, but the state in .* it is another one"):
        fp.prepare(BASE.replaced(initial={"kind": "stored", "path": path, "digest": "abc"}))


def test_a_digest_of_other_arrays_is_told():
    """It would be kept in the file of the run, which then could not be repeated."""
    config = BASE.replaced(initial=(Q, P, W))
    with pytest.raises(FpsolverError, match=r"digest: is abc, but the state that was given has .* leave digest"):
        fp.prepare(config.replaced(**{"initial.digest": "abc"}))
    assert fp.prepare(config.replaced(**{"initial.digest": ""})).config.initial.source == config.initial.source


@pytest.mark.slow
def test_a_resumed_run_keeps_its_start(tmp_path):
    """Its file repeats it, also when the file that the start came from has gone."""
    path = str(fp.run(BASE.replaced(time={"until": 0.05}), initial=(Q, P, W)).save(tmp_path / "given.h5"))
    config = BASE.replaced(initial={"kind": "stored", "path": path})
    problem, place = unfinished.prepare(config, None), tmp_path / "run.h5.checkpoint"
    api.run_problem(problem, guard=StopAt(1, place, problem))
    resumed = unfinished.prepare(config, checkpoint.load(place))
    assert resumed.config == problem.config
    (tmp_path / "given.h5").unlink()
    kept = fp.load_result(api.run_problem(resumed).save(tmp_path / "run.h5"))
    np.testing.assert_array_equal(fp.run(kept.config).snapshots.W[0], fp.run(BASE, initial=(Q, P, W)).snapshots.W[0])


@pytest.mark.slow
def test_starts_do_not_depend_on_the_threads_of_blas():
    """Interpolation in q and p, and the quantum terms of a potential of one's own: no bit of W does."""
    code = (
        "import hashlib, fpsolver as fp\n"
        "from tests.test_given import BASE, P, Q, W, Own\n"
        "config = BASE.replaced(system={'potential': Own()}, initial=(Q, P, W), time={'until': 0.01, 'dt': 0.001})\n"
        "result = fp.run(config)\n"
        "print(*(hashlib.sha256(array.tobytes()).hexdigest() for array in (result.snapshots.W[0], result.final.W)))"
    )
    found = set()
    for threads in ("1", "2"):
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        command = [sys.executable, "-W", "ignore", "-c", code]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        found.add(done.stdout)
    assert len(found) == 1


def test_what_xarray_and_qutip_hold_that_is_no_start():
    xarray, qutip = pytest.importorskip("xarray"), pytest.importorskip("qutip")
    unnamed = xarray.DataArray(W, {"x": Q, "p": P}, ("x", "p"))
    pair = qutip.tensor(qutip.basis(2, 0), qutip.basis(2, 1))
    for start, words in (
        (unnamed, "needs the dimensions q, p with their coordinates, but the DataArray has the dimensions p, x"),
        (unnamed.to_dataset(name="W"), r"must be one array, but is a Dataset; give its W, dataset\['W'\]"),
        (pair, "the state must be one mode"),
    ):
        with pytest.raises(FpsolverError, match=words):
            BASE.replaced(initial=start)


def test_no_schema_offers_python_arrays():
    from fpsolver.config.schema import json_schema

    stored = json_schema()["$defs"]["StoredInitial"]
    assert sorted(stored["properties"]) == ["content", "digest", "kind", "path"]


@pytest.mark.slow
def test_starts_reach_the_workers_of_a_sweep():
    """Two rows in this process, from the same start: only the bath differs."""
    import pickle

    config = pickle.loads(pickle.dumps(BASE.replaced(initial=(Q, P, W))))
    assert config == BASE.replaced(initial=(Q, P, W))
    rows = [fp.run(changed(config, {"system.bath.eta": eta})).series["mean"][0] for eta in (0.5, 1.0)]
    for one, other in itertools.pairwise(rows):
        np.testing.assert_array_equal(one, other)


def test_w_with_named_dimensions_on_a_grid():
    """`(grid, W)` takes W by the names of its dimensions, and refuses those that are none of the grid's."""
    W = SKEW.values(AXES.coordinates)
    known, turned = (fp.prepare(BASE.replaced(initial=(AXES, given))) for given in (W, xarray_of(W.T, "p", "q")))
    np.testing.assert_array_equal(fp.api.initial_values(turned), fp.api.initial_values(known))
    with pytest.raises(FpsolverError, match="W must have the dimensions q, p, in any order, but has p, x; rename"):
        BASE.replaced(initial=(AXES, xarray_of(W, "p", "x")))


def xarray_of(values, *dims):
    return pytest.importorskip("xarray").DataArray(values, dims=dims)
