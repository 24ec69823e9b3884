"""Command line: exit statuses, messages without tracebacks, and nothing written that was not asked for."""

import contextlib
import io
import json
import math
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, get_args

import h5py
import jsonschema
import numba
import numpy as np
import pytest
from matplotlib.figure import Figure

import fpsolver as fp
from fpsolver import api, steady, studies
from fpsolver.cli import check_run
from fpsolver.cli.main import COMMANDS, status_of
from fpsolver.config import schema_system
from fpsolver.config.catalogue import MODELS
from fpsolver.errors import OutputError, UsageError
from fpsolver.io import kinds
from fpsolver.io.paths import check_output
from fpsolver.physics.arguments import counted
from fpsolver.planning import choose_method
from fpsolver.progress import Bar, Count, on_terminal
from fpsolver.stepping.explicit import RungeKutta
from fpsolver.summary import matrix

CONFIG = """\
title: a small run
units: {hbar: 1.0}
system:
  mass: 1.0
  potential: {kind: harmonic, omega: 1.0}
  bath: {model: minimally_invasive, eta: 0.5, beta: 0.7}
initial:
  kind: gaussian
  mean: [0.5, 0.0]
  covariance: [[0.8, 0.0], [0.0, 0.8]]
grid:
  q: {cells: 48, extent: auto}
  p: {cells: 48, extent: auto}
time: {until: 0.5}
output: {path: out.h5, every: 0.25, snapshots: 2}
"""
FINE = ("--set", "grid.q.cells=80", "--set", "grid.p.cells=80")
PACKAGE = Path(fp.__file__).resolve().parents[1]


class Outcome(NamedTuple):
    """What a command returned and printed."""

    status: int
    out: str
    err: str


@pytest.fixture
def cli(tmp_path, monkeypatch, capsys):
    """Run a command in this process, in an empty folder that holds ``run.yaml`` only."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.yaml").write_text(CONFIG)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["fpsolver", *arguments])
        capsys.readouterr()
        status = status_of(list(arguments))
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Outcome(status, out, err)

    return call


def sets(*overrides):
    return [part for override in overrides for part in ("--set", override)]


def in_folder(folder="."):
    return sorted(path.name for path in Path(folder).iterdir())


def spawned(folder, *arguments, **environment):
    """A real process, as a user starts it."""
    where = {"PYTHONPATH": str(PACKAGE), **environment}
    return subprocess.run(
        [sys.executable, "-m", "fpsolver", *arguments],
        cwd=folder, env={**os.environ, **where}, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


# --- real processes --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_run_and_info_in_real_processes(tmp_path):
    (tmp_path / "run.yaml").write_text(CONFIG)
    run = spawned(tmp_path, "run", "run.yaml", "--threads", "1")
    assert run.returncode == 0, run.stderr
    assert "ended as requested at t = 0.5" in run.stdout
    assert "Traceback" not in run.stderr
    assert "\r" not in run.stderr  # no progress bar where nobody watches
    assert in_folder(tmp_path) == ["out.h5", "run.yaml"]
    info = spawned(tmp_path, "info", "out.h5", "--json")
    assert info.returncode == 0, info.stderr
    assert json.loads(info.stdout)["status"] == "finished"


@pytest.mark.slow
def test_refusal_in_a_real_process(tmp_path):
    (tmp_path / "run.yaml").write_text(CONFIG.replace("mass: 1.0", "mass: -1"))
    run = spawned(tmp_path, "run", "run.yaml")
    assert run.returncode == 2
    assert run.stdout == ""
    assert "run.yaml" in run.stderr
    assert "line 4, system.mass: must be greater than 0" in run.stderr
    assert "Traceback" not in run.stderr
    assert in_folder(tmp_path) == ["run.yaml"]


def test_version_in_a_real_process(tmp_path):
    version = spawned(tmp_path, "--version")
    assert version.returncode == 0
    assert fp.__version__ in version.stdout


def test_help_imports_nothing_heavy(tmp_path):
    code = (
        "import sys; from fpsolver.cli.main import status_of; assert status_of(['--help']) == 0; "
        "print(sorted(set(sys.modules) & {'numba', 'numpy', 'h5py', 'scipy', 'matplotlib', 'pydantic'}))"
    )
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.splitlines()[-1] == "[]"
    for command in ("run", "check", "plot", "info"):
        assert command in run.stdout


# --- run -------------------------------------------------------------------------------------------------------------


def test_run_writes_and_summarises(cli):
    found = cli("run", "run.yaml")
    assert found.status == 0
    assert in_folder() == ["out.h5", "run.yaml"]
    result = fp.load_result("out.h5")
    assert result.status == "finished"
    assert f"{result.last('entropy_production'):.12g}" in found.out
    assert f"{result.last('entropy_flux'):.12g}" in found.out
    for words in ("a small run", "closure", "completely positive", "on the boundary", "detailed balance"):
        assert words in found.out
    for words in ("exact Gaussian", "start-up", "compile", "solve", "write", "out.h5"):
        assert words in found.out


@pytest.mark.slow
def test_far_from_0_the_box_is_that_at_0_and_is_told_in_full(cli):
    """What is printed repeats the run: in check, in info, in a shell, and in what is said of a box that cuts."""
    free = sets("system.potential={kind: free}", "system.bath.model=caldeira_leggett")
    extents = []
    for q in (0, 100_000, 1_000_000, -1_000_000):
        well = sets(f"system.potential={{kind: polynomial, coefficients: [{q * q / 2}, {-q}, 0.5]}}")
        for potential in (free, well):
            found = cli("check", "run.yaml", *potential, *sets(f"initial.mean=[{q}, 0.0]", *AUTO))
            (cells, low, high) = re.search(r"axis q +(\d+) cells on \[(\S+), (\S+)\]", found.out).groups()
            extents.append((cells, round(float(low) - q, 2), round(float(high) - q, 2)))
    assert set(extents) == set(extents[:2])
    far = sets("initial.mean=[100000.0, 0.0]", "grid.q.extent=[99990.25, 100009.75]")
    assert cli("run", "run.yaml", *free, *far).status == 0
    assert "axis q: 48 cells on [99990.25, 100009.75]" in cli("info", "out.h5").out
    result = fp.load_result("out.h5")
    assert "q: 48 cells on [99990.25, 100009.75]" in repr(result.grid)
    assert re.search(r"q +48 +99990.25 +100009.75 ", str(result.grid))
    cut = cli("run", "run.yaml", "--force", *free, *sets("initial.mean=[100000.0, 0.0]", "grid.q.extent=[1e5, 100001]"))
    assert cut.status == 2
    assert "grid.q.extent is [100000, 100001] for q" in cut.err
    assert "at least [99991.5, 100009]" in cut.err


def test_steady_run(cli):
    found = cli("run", "run.yaml", *sets("time.until=steady", "time.tolerance=1e-3"), *FINE, "--quiet")
    assert found.status == 0
    result = fp.load_result("out.h5")
    assert result.status == "steady"
    # Pi = Phi = eta (beta hbar omega / 4)^2; what is left of the mean, 1e-3, enters Pi squared: 3e-9 measured
    assert result.last("entropy_production") == pytest.approx(0.5 * (0.7 / 4) ** 2, abs=1e-8)
    assert result.diagnostics["steady_residual"] <= 1e-3 * result.diagnostics["slowest_rate"]


def test_output_option_set_and_new_folders(cli):
    found = cli("run", "run.yaml", "-o", "new/folder/other.h5", "--set", "system.bath.eta=0.25")
    assert found.status == 0
    assert in_folder() == ["new", "run.yaml"]
    config = fp.load_result("new/folder/other.h5").config
    assert config.system.bath.eta == 0.25
    assert config.output.path == "new/folder/other.h5"


def test_default_path_is_the_stem_in_the_current_folder(cli):
    Path("configs").mkdir()
    Path("configs/nice.yaml").write_text(CONFIG.replace("path: out.h5, ", ""))
    assert cli("run", "configs/nice.yaml").status == 0
    assert in_folder() == ["configs", "nice.h5", "run.yaml"]


def test_quiet(cli):
    found = cli("run", "run.yaml", "--quiet", *FINE)
    assert (found.status, found.out, found.err) == (0, "", "")


def test_quiet_still_warns(cli):
    found = cli("run", "run.yaml", "--quiet")
    assert found.out == ""
    assert "warning: " in found.err


@pytest.mark.parametrize("threads", ["0", "-1", "100000"])
def test_thread_numbers_that_cannot_be(threads, cli):
    found = cli("run", "run.yaml", "--threads", threads)
    assert found.status == 2
    assert "--threads must be from 1 to" in found.err
    assert f"but is {threads}" in found.err
    assert in_folder() == ["run.yaml"]


@pytest.mark.slow
@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="there is one core")
def test_results_do_not_depend_on_threads(cli):
    before = numba.get_num_threads()
    try:
        for threads in {1, numba.config.NUMBA_NUM_THREADS}:
            # 80 x 80 cells, from which on there are threads
            assert cli("run", "run.yaml", *FINE, "--threads", str(threads), "-o", f"{threads}.h5").status == 0
    finally:
        numba.set_num_threads(before)
    first, second = [fp.load_result(path) for path in Path().glob("*.h5")]
    assert first.provenance["threads"] != second.provenance["threads"]
    np.testing.assert_array_equal(second.final.W, first.final.W)


# --- outputs that exist or cannot be ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_existing_output_is_kept_and_the_message_repeats_the_command(cli):
    assert cli("run", "run.yaml").status == 0
    precious = Path("out.h5").read_bytes()
    found = cli("run", "run.yaml", "--set", "title=two words")
    assert found.status == 2
    assert Path("out.h5").read_bytes() == precious
    assert in_folder() == ["out.h5", "run.yaml"]
    assert "out.h5 exists" in found.err
    assert shlex.join(["fpsolver", "run", "run.yaml", "--set", "title=two words", "--force"]) in found.err
    assert cli("run", "run.yaml", "--set", "title=two words", "--force").status == 0
    assert fp.load_result("out.h5").title == "two words"


def test_existing_output_is_found_before_the_run(cli, monkeypatch):
    Path("out.h5").write_bytes(b"precious")
    monkeypatch.setattr(api, "run_problem", lambda *_, **__: pytest.fail("hours were spent"))
    assert cli("run", "run.yaml").status == 2


@pytest.mark.parametrize(
    ("left", "method"), [("out.h5", "stepping"), ("out.h5", "gaussian"), ("out.h5.checkpoint", "stepping")]
)
def test_what_another_run_left_meanwhile_is_found_before_the_run(left, method, cli, monkeypatch):
    """Between the first look and the lock it may have ended."""

    @contextlib.contextmanager
    def locked_late(path):
        Path(left).write_bytes(b"precious")
        yield

    for name in ("run_problem", "run_moments"):
        monkeypatch.setattr(api, name, lambda *_, **__: pytest.fail("hours were spent"))
    monkeypatch.setattr("fpsolver.cli.run.locked", locked_late)
    found = cli("run", "run.yaml", "--set", f"time.method={method}")
    assert found.status == 2
    assert left in found.err
    assert Path(left).read_bytes() == b"precious"


def test_force_that_fails_keeps_the_old_file(cli):
    assert cli("run", "run.yaml").status == 0
    precious = Path("out.h5").read_bytes()
    assert cli("run", "run.yaml", "--force", "--set", "time.dt=10").status == 2
    assert Path("out.h5").read_bytes() == precious
    assert in_folder() == ["out.h5", "run.yaml"]


OVER = ("--over", "system.bath.eta=1,2")


@pytest.mark.parametrize("force", [(), ("--force",)])
@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "run.yaml", "-o", "run.yaml"),
        ("run", "run.yaml", "--set", "output.path=./run.yaml"),
        ("run", "run.yaml", "--set", "output.path=link.yaml"),
        ("sweep", "run.yaml", *OVER, "-o", "run.yaml"),
        ("convergence", "run.yaml", "-o", "run.yaml"),
        ("schema", "-o", "run.yaml"),
    ],
)
def test_the_configuration_is_never_overwritten(arguments, force, cli):
    Path("link.yaml").symlink_to("run.yaml")
    found = cli(*arguments, *force)
    assert found.status == 2
    assert "configuration" in found.err
    assert "give another name" in found.err
    assert "--force" not in found.err  # it would not help
    assert Path("run.yaml").read_text() == CONFIG
    assert in_folder() == ["link.yaml", "run.yaml"]


STARTS = [
    ("initial={kind: file, path: out.h5}", "out.h5"),
    ("initial={kind: file, path: link.h5}", "out.h5"),
    ("initial={kind: file, path: out.h5}", "link.h5"),
    ("initial={kind: wavefunction, path: out.h5}", "out.h5"),
    ("initial=[{kind: file, path: out.h5}]", "out.h5"),
]


@pytest.mark.parametrize("options", [(), ("--force",), ("--resume",)])
@pytest.mark.parametrize("arguments", [("run", "run.yaml"), ("sweep", "run.yaml", *OVER)])
@pytest.mark.parametrize(("start", "output"), STARTS)
def test_the_initial_state_is_never_overwritten(start, output, arguments, options, cli):
    Path("out.h5").write_bytes(b"precious")
    Path("link.h5").symlink_to("out.h5")
    found = cli(*arguments, "-o", output, "--set", start, *options)
    assert found.status == 2
    assert f"the output {output} is the initial state of this run" in found.err
    assert "give another name" in found.err
    assert Path("out.h5").read_bytes() == b"precious"


FOREIGN = {
    "a text file": b"precious",
    "a configuration of fpsolver": CONFIG.encode(),
    "a file that fpsolver did not write": bytes(range(128, 256)),
    "an HDF5 file of something else": b"\x89HDF\r\n\x1a\n" + bytes(100),
    "the rows of an unfinished sweep": b'{"format": "fpsolver-sweep-journal", "over": {}}\n',
}


@pytest.mark.parametrize("force", [(), ("--force",)])
@pytest.mark.parametrize("arguments", [("run", "run.yaml"), ("sweep", "run.yaml", *OVER)])
@pytest.mark.parametrize("what", FOREIGN)
def test_what_fpsolver_did_not_write_is_never_overwritten(what, arguments, force, cli):
    Path("mine.h5").write_bytes(FOREIGN[what])
    found = cli(*arguments, "-o", "mine.h5", *force)
    assert found.status == 2
    assert f"mine.h5 exists already and is {what}, which this does not overwrite" in found.err
    assert "give another name, or remove it yourself" in found.err
    assert "--force" not in found.err
    assert Path("mine.h5").read_bytes() == FOREIGN[what]


def test_an_empty_file_may_be_overwritten(cli):
    Path("out.h5").touch()
    assert "--force" in cli("run", "run.yaml").err
    assert cli("run", "run.yaml", "--force").status == 0


@pytest.mark.slow
@pytest.mark.parametrize("command", [("new", "none"), ("schema",)])
def test_texts_replace_their_own_kind_only(command, cli):
    assert cli(*command, "-o", "mine").status == 0
    assert cli(*command, "-o", "mine").err.rstrip().endswith("--force")
    assert cli(*command, "-o", "mine", "--force").status == 0
    assert cli("run", "run.yaml", "--quiet", *FINE).status == 0
    found = cli(*command, "-o", "out.h5", "--force")
    assert found.status == 2
    assert "is a result of fpsolver, which this does not overwrite" in found.err
    assert fp.load_result("out.h5").status == "finished"


def test_an_unfinished_run_beside_an_older_result_is_gone_on_with_first(cli):
    """--force alone would have destroyed what was computed."""
    assert cli("run", "run.yaml").status == 0
    Path("out.h5.checkpoint").write_bytes(b"an unfinished run")
    found = cli("run", "run.yaml", "--quiet")
    assert found.status == 2
    resume, force = (shlex.join(["fpsolver", "run", "run.yaml", "--quiet", word]) for word in ("--resume", "--force"))
    assert f"out.h5.checkpoint holds an unfinished run; to go on from there: {resume}; to give that up" in found.err
    assert found.err.rstrip().endswith(force)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_direct_solver(number, cli, monkeypatch):
    solve = steady.null_vector

    def signalled(generator):
        os.kill(os.getpid(), number)
        return solve(generator)

    monkeypatch.setattr(steady, "null_vector", signalled)
    found = cli("run", "run.yaml", *sets("time.method=direct", "time.until=steady"))
    assert found.status == 3
    assert "fpsolver: interrupted; nothing was written" in found.err
    assert in_folder() == ["run.yaml"]


@pytest.mark.parametrize(("study", "command"), [("spectrum", "spectrum"), ("convergence", "convergence")])
def test_termination_of_a_study_is_a_sentence(study, command, cli, monkeypatch):
    monkeypatch.setattr(studies, study, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    before = signal.signal(signal.SIGTERM, lambda *_: pytest.fail("nobody catches it"))
    try:
        found = cli(command, "run.yaml")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert found.status == 3
    assert found.err.strip() == "fpsolver: interrupted; nothing was written"


@pytest.mark.slow
def test_nothing_is_said_of_steps_where_nothing_is_stepped(cli, monkeypatch):
    overrides = sets("time.until=steady", "time.tolerance=1e-3", "grid.q.cells=96", "grid.p.cells=96")
    prepare = api.prepare

    def explained(config):
        problem = prepare(config)
        return replace(problem, plan=replace(problem.plan, stepper_why="auto: about 1 s of steps"))

    monkeypatch.setattr(api, "prepare", explained)
    assert re.search(r"time\.stepper (rk4|taylor8) \(auto: about", cli("run", "run.yaml", *overrides).err)
    assert "time.stepper" not in cli("run", "run.yaml", "-o", "d.h5", *overrides, *sets("time.method=direct")).err


@pytest.mark.slow
def test_films_have_a_slowest_pace(cli):
    assert cli("run", "run.yaml").status == 0
    found = cli("animate", "out.h5", "--fps", "0.001")
    assert found.status == 2
    assert "frames per second (fps) must be a number from 0.05 to 100, but are 0.001; leave" in found.err
    assert cli("animate", "out.h5", "--fps", "0.05").status == 0


def test_interrupted_before_the_first_record_writes_nothing(cli, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "run_problem", interrupt)
    found = cli("run", "run.yaml")
    assert found.status == 3
    assert "interrupted" in found.err
    assert in_folder() == ["run.yaml"]


def test_interrupted_stepping_keeps_the_records(cli, monkeypatch):
    advance = RungeKutta.advance

    def interrupted(self, W, time, dt, steps):
        if time > 0.2:
            raise KeyboardInterrupt
        advance(self, W, time, dt, steps)

    monkeypatch.setattr(RungeKutta, "advance", interrupted)
    found = cli("run", "run.yaml")
    assert found.status == 3
    assert "interrupted" in found.err
    result = fp.load_result("out.h5")
    assert result.status == "interrupted"
    assert result.series["time"].tolist() == [0.0, 0.25]


@pytest.mark.parametrize("output", ["run.yaml/out.h5", "run.yaml/sub/out.h5", "/proc/nothing/out.h5"])
@pytest.mark.parametrize("force", [(), ("--force",)])
def test_unwritable_outputs(output, force, cli):
    found = cli("run", "run.yaml", "-o", output, *force)
    assert found.status == 2
    assert output in found.err
    assert "cannot be written" in found.err
    assert in_folder() == ["run.yaml"]
    assert Path("run.yaml").read_text() == CONFIG


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_output_is_a_directory(force, cli):
    Path("folder").mkdir()
    found = cli("run", "run.yaml", "-o", "folder", *force)
    assert found.status == 2
    assert "folder is a directory" in found.err
    assert in_folder("folder") == []
    assert "--force" not in found.err  # it would not help


@pytest.mark.parametrize("output", ["", ".", "/"])
@pytest.mark.parametrize("command", ["run", "run --resume", "sweep run.yaml --over system.bath.eta=0.5,1", "new"])
def test_output_without_a_name(command, output, cli):
    name, *words = command.split()
    words = {"run": ["run.yaml"], "new": ["minimally_invasive"]}.get(name, []) + words
    found = cli(name, *words, "-o", output)
    assert found.status == 2
    assert re.search(r"the output '?[./]'? is a (folder|directory).*; give the name of a file", found.err)
    assert in_folder() == ["run.yaml"]


@pytest.mark.parametrize("time", ["nan", "inf", "-1"])
def test_times_that_are_none_are_told_as_options(time, cli):
    cli("run", "run.yaml")
    found = cli("plot", "out.h5", "--kind", "wigner", f"--time={time}")
    assert found.status == 2
    assert f"--time must be a finite number, 0 or above, but is {time}; example: --time 1.5" in found.err


def test_the_table_of_a_sweep_is_no_start(cli):
    cli("sweep", "run.yaml", "--over", "system.bath.eta=0.5,1", "--workers", "1", "-o", "s.h5")
    found = cli("run", "run.yaml", "--set", "initial={kind: file, path: s.h5}")
    assert found.status == 2
    assert "--set, initial.path: s.h5 is the table of a sweep, and a run starts from the W of one result; " in found.err
    assert "fpsolver.load_sweep" not in found.err


@pytest.mark.slow
@pytest.mark.parametrize("output", ["", ".", "/"])
def test_figures_pages_and_films_without_a_name(output, cli):
    assert cli("run", "run.yaml", "--set", "output.snapshots=2").status == 0
    for command in (("plot",), ("plot", "--kind", "series,wigner"), ("report",), ("animate",)):
        found = cli(command[0], "out.h5", *command[1:], "-o", output)
        assert found.status == 2
        assert re.search(r"the output '[./]' is a folder .*; give the name of a file", found.err)
    with pytest.raises(OutputError, match="give the name of a file"):
        fp.plot.save(Figure(), output)
    assert in_folder() == ["out.h5", "run.yaml"]


def test_a_name_without_room_for_those_beside_it_is_found_before_the_run(cli):
    """A temporary file has 15 bytes more, that of a checkpoint 26; two bytes for each of these letters."""
    most = os.pathconf(".", "PC_NAME_MAX") - 26
    name = "ä" * (most // 2 - 2) + "x" * (most % 2)
    found = cli("run", "run.yaml", "-o", f"new/{name}xx.h5")
    assert found.status == 2
    assert f"its name has {most + 1} bytes, and the longest that leaves room" in found.err
    assert f"has {most}; give a shorter one" in found.err
    assert in_folder() == ["run.yaml"]
    check_output(Path(f"{name}x.h5"), force=False, kinds=kinds.RESULTS)
    check_output(Path("x" * (most + 11)), force=False)
    with pytest.raises(OutputError, match=f"has {most + 11}; give a shorter one"):
        check_output(Path("x" * (most + 12)), force=False)


@pytest.mark.parametrize("options", [(), ("--force",), ("--resume",)])
def test_a_folder_in_the_place_of_the_checkpoint(options, cli):
    Path("out.h5.checkpoint").mkdir()
    found = cli("run", "run.yaml", *options)
    assert found.status == 2
    assert "out.h5.checkpoint is a directory, where the checkpoint of this run belongs; remove it, or re" in found.err


def test_a_figure_below_a_file_has_the_sentence_of_a_result(tmp_path):
    (tmp_path / "results").write_text("a file")
    with pytest.raises(OutputError, match=r"results/x/a.png cannot be written: .*results is a file, not a folder"):
        fp.plot.save(Figure(), tmp_path / "results" / "x" / "a.png")


def test_full_disk(cli, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fpsolver.io.hdf5._write_final", full)
    found = cli("run", "run.yaml")
    assert found.status == 2
    assert "No space left on device" in found.err
    assert in_folder() == ["run.yaml"]


# --- refused before anything is computed -----------------------------------------------------------------------------

REFUSED = {
    "unstable step": (["time.dt=1"], 2, ["dt", "must not exceed 0.02", "but is 1", "smaller dt"]),
    "cut by the box": (["grid.q.extent=[-1, 1]"], 2, ["box cuts the state", "grid.q.extent", "[-1, 1]", "at least ["]),
    "cut in p": (["grid.p.extent=[-9, 1]"], 2, ["box cuts the state", "grid.p.extent"]),
    "beside the box": (["grid.q.extent=[20, 30]"], 2, ["box cuts the state", "grid.q.extent"]),
    "too few cells": (["grid.q.cells=15"], 2, ["grid.q.cells", "at least 16", "15"]),
    "too coarse": (
        ["initial.covariance=[[0.05, 0], [0, 0.8]]", "grid.q.extent=[-7, 7]"], 2,
        ["too coarse", "cells, and at least 1.5", "allow_coarse"],
    ),
    "beyond memory": (
        ["grid.q.cells=200000", "grid.p.cells=200000"], 3, ["200000 x 200000", "GiB", "available", "fewer cells"]
    ),
    "too many snapshots": (["output.snapshots=1000000000"], 3, ["GiB", "available", "snapshots"]),
    "no steady state": (
        ["system.potential={kind: free}", "time.until=steady"], 2, ["no steady state", "free particle on the line"]
    ),
    "nothing damps": (["system.bath={model: none}", "time.until=steady"], 2, ["no steady state", "damps"]),
    "required positivity": (
        ["checks.require_complete_positivity=true", "system.bath.model=caldeira_leggett"], 3,
        ["not completely positive", "margin -0.0424864"],
    ),
    "missing state": (["initial={kind: file, path: nope.h5}"], 2, ["nope.h5", "does not exist"]),
    "text as a state": (["initial={kind: file, path: run.yaml}"], 2, ["run.yaml", "not a readable fpsolver result"]),
    "folder as a state": (["initial={kind: file, path: .}"], 2, ["is a directory"]),
    "not positive definite": (["initial.covariance=[[1, 2], [2, 1]]"], 2, ["initial.covariance", "positive definite"]),
    "several faults": (["system.mass=-1", "scheme.order=3"], 2, ["system.mass", "scheme.order"]),
    "bad override": (["system.mass"], 2, ["--set", "key=value"]),
}  # fmt: skip


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_a_sentence_and_nothing_written(name, command, cli):
    overrides, status, words = REFUSED[name]
    begun = time.perf_counter()
    found = cli(command, "run.yaml", *sets(*overrides))
    assert time.perf_counter() - begun < 20  # before anything is allocated or compiled
    assert found.status == status
    assert found.out == "" or (command == "check" and "until" not in found.out)  # the model, which needs no grid
    for word in words:
        assert word in found.err
    assert in_folder() == ["run.yaml"]


def test_the_limit_in_the_message_is_stable_and_a_little_more_is_not(cli):
    message = cli("run", "run.yaml", "--set", "time.dt=1").err
    limit = float(message.partition("must not exceed ")[2].split(",")[0])
    assert cli("check", "run.yaml", "--set", f"time.dt={limit * 0.999}").status == 0
    assert cli("check", "run.yaml", "--set", f"time.dt={limit * 1.001}").status == 2


def test_an_extent_of_the_message_is_accepted(cli):
    message = cli("run", "run.yaml", "--set", "grid.q.extent=[-1, 1]").err
    extent = message.partition("at least ")[2].strip()
    assert cli("check", "run.yaml", "--set", f"grid.q.extent={extent}").status == 0


COARSE = sets("initial.covariance=[[0.05, 0], [0, 0.8]]", "grid.q.extent=[-7, 7]", "time.until=0.05")


def test_coarse_grids_need_permission(cli):
    refused = cli("run", "run.yaml", *COARSE)
    finer = re.findall(r"grid\.[qp]\.cells: (\d+)", refused.err)
    assert finer
    assert all(int(cells) % 16 == 0 for cells in finer)
    allowed = cli("run", "run.yaml", *COARSE, "--set", "grid.q.allow_coarse=true")
    assert allowed.status == 0
    assert "warning: " in allowed.err
    finer = sets(*(found.replace(": ", "=") for found in re.findall(r"grid\.[qp]\.cells: \d+", refused.err)))
    assert "narrowest" not in cli("check", "run.yaml", *COARSE, *finer).err


def test_between_one_and_a_half_and_three_cells_a_warning(cli):
    found = cli("check", "run.yaml")
    assert found.status == 0
    assert "warning: at time 0 " in found.err
    assert re.search(r"\(along [qp]( and p)?\) spans 2\.\d+ cells", found.err)
    assert cli("check", "run.yaml", *FINE).err == ""


@pytest.mark.parametrize(
    "content", [b"", b"\x89HDF\r\n\x1a\n" + bytes(99), bytes(range(256))], ids=["empty", "header", "binary"]
)
@pytest.mark.parametrize("command", ["run", "check"])
def test_configurations_that_are_none(content, command, cli):
    Path("bad.yaml").write_bytes(content)
    found = cli(command, "bad.yaml")
    assert found.status == 2
    assert "bad.yaml" in found.err
    assert in_folder() == ["bad.yaml", "run.yaml"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="has no /dev/stdin")
@pytest.mark.parametrize("size", [0, 10_000])
def test_a_configuration_from_a_pipe_is_read_whole(size, tmp_path):
    """Its first line, which an earlier look took out of the pipe, is a fault here."""
    text = f"tilte: of a pipe\n{'# padding'.ljust(99, '.')}\n" + "#\n" * (size // 2) + CONFIG
    done = subprocess.run(
        [sys.executable, "-m", "fpsolver", "check", "/dev/stdin"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(PACKAGE)}, input=text, capture_output=True, text=True,
        check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 2
    assert "line 1, tilte: unknown key" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="has neither")
def test_files_without_an_end_and_pipes_without_a_writer_are_not_waited_for(cli):
    os.mkfifo("pipe.yaml")
    found = cli("check", "pipe.yaml")
    assert (found.status, found.err) == (2, "fpsolver: pipe.yaml: is empty; `system` and `initial` are required\n")
    found = cli("check", "/dev/zero")
    assert (found.status, "is larger than 100000 bytes" in found.err) == (2, True)


@pytest.mark.parametrize("command", ["run", "check", "info", "plot"])
@pytest.mark.parametrize("name", ["missing", "."])
def test_missing_files_and_folders(name, command, cli):
    found = cli(command, name)
    assert found.status == 2
    assert name in found.err
    assert found.err.startswith("fpsolver: ")
    assert in_folder() == ["run.yaml"]


@pytest.mark.parametrize("command", ["info", "plot", "report", "animate"])
def test_a_configuration_in_place_of_a_result(command, cli):
    found = cli(command, "run.yaml")
    assert found.status == 2
    assert "it is a configuration; `fpsolver run` makes a result of it, `fpsolver sweep` a table" in found.err
    Path("notes.txt").write_text("eta is 0.5\n")
    assert "notes.txt is not a readable fpsolver result: it is a text file, not HDF5" in cli(command, "notes.txt").err


@pytest.mark.slow
@pytest.mark.parametrize(("command", "what"), [("report", "report"), ("animate", "film")])
def test_pages_and_films_are_about_one_result(command, what, cli):
    assert cli("sweep", "run.yaml", "--over", "system.bath.eta=0.5", "-o", "s.h5", "--workers", "1").status == 0
    found = cli(command, "s.h5")
    assert (found.status, in_folder()) == (2, ["run.yaml", "s.h5"])
    assert f"s.h5 is a sweep, and a {what} is about one result; `fpsolver sweep --keep-results` keeps" in found.err
    assert found.err.endswith("in s-runs\n")


# --- not converged, failed -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_not_converged_keeps_the_result(cli):
    found = cli("run", "run.yaml", *sets("time.until=steady", "time.max_time=0.5"), *FINE)
    assert found.status == 3
    assert "max_time" in found.err
    assert "out.h5" in found.err
    result = fp.load_result("out.h5")
    assert result.status == "not_converged"
    assert not result.is_complete
    assert result.series["time"].tolist() == [0.0, 0.25, 0.5]
    assert math.isfinite(result.last("entropy_production"))
    assert result.last("covariance").shape == (2, 2)
    with pytest.raises(UsageError, match=r"the series has no 'Pi'; it has time, mass, mean, "):
        result.last("Pi")
    shown = cli("info", "out.h5")
    assert shown.status == 0
    assert "particle             mass 1, hbar 1, U = 0.5 q^2\n" in shown.out
    assert "bath                 minimally_invasive: eta 0.5" in shown.out
    assert "3 records from t = 0 to 0.5" in shown.out


@pytest.mark.slow
def test_the_configuration_of_a_result_repeats_it(cli):
    assert cli("run", "run.yaml").status == 0
    refused = cli("check", "out.h5")
    assert refused.status == 2
    assert "is an HDF5 file, not a YAML file; `fpsolver info --config out.h5` prints" in refused.err
    Path("again.yaml").write_text(cli("info", "--config", "out.h5").out)
    assert cli("run", "again.yaml", "-o", "again.h5").status == 0
    first, again = fp.load_result("out.h5"), fp.load_result("again.h5")
    np.testing.assert_array_equal(first.final.W, again.final.W)


@pytest.mark.slow
def test_info_names_every_particle(cli):
    both = fp.load_config(Path(__file__).parents[1] / "configs" / "two_oscillators.yaml")
    fp.run(both.replaced(time={"method": "gaussian"})).save("both.h5")
    shown = cli("info", "both.h5").out
    assert "particle 2           mass 1, U = 0.5 q^2, bath minimally_invasive: eta 0.4" in shown
    assert "springs              1-2: 0.6" in shown
    assert "1 record of the steady state" in shown
    assert "drift A" not in shown
    memory = fp.load_config(Path(__file__).parents[1] / "configs" / "hu_paz_zhang.yaml")
    fp.run(memory.replaced(time={"method": "gaussian", "until": 1.0})).save("memory.h5")
    shown = cli("info", "memory.h5").out
    assert "late bath" in shown
    assert "coefficients" not in shown


def test_a_run_that_blows_up(cli, monkeypatch):
    advance = RungeKutta.advance

    def blow_up(self, W, time, dt, steps):
        advance(self, W, time, dt, steps)
        if time > 0.2:
            W[:] = np.nan

    monkeypatch.setattr(RungeKutta, "advance", blow_up)
    found = cli("run", "run.yaml")
    assert found.status == 3
    assert "not finite" in found.err
    assert "0.5" in found.err
    result = fp.load_result("out.h5")
    assert result.status == "failed"
    assert result.series["time"].tolist() == [0.0, 0.25]
    assert np.isfinite(result.final.W).all()


# --- warnings --------------------------------------------------------------------------------------------------------


def test_warning_below_the_uncertainty_principle(cli):
    found = cli("check", "run.yaml", *sets("initial.covariance=[[0.3, 0], [0, 0.3]]"), *FINE)
    assert found.status == 0
    assert "uncertainty principle" in found.err
    assert "symplectic eigenvalue is 0.3" in found.err
    assert "0.5" in found.err


def test_no_uncertainty_principle_for_a_classical_system(cli):
    found = cli("check", "run.yaml", *sets("units.hbar=0", "initial.covariance=[[0.3, 0], [0, 0.3]]"), *FINE)
    assert "uncertainty" not in found.err


def test_warning_for_a_model_that_is_not_completely_positive(cli):
    found = cli("run", "run.yaml", "--set", "system.bath.model=caldeira_leggett", *FINE)
    assert found.status == 0
    assert "warning: the model is not completely positive (margin -0.0424864" in found.err
    assert "no (margin -0.0424864)" in found.out
    assert "satisfied" in found.out
    assert any("not completely positive" in text for text in fp.load_result("out.h5").warnings)


@pytest.mark.slow
def test_warning_about_edge_mass(cli):
    found = cli("run", "run.yaml", *sets("grid.q.extent=[-4.5, 5]"), *FINE)
    assert found.status == 0
    assert "outer cells of axis q" in found.err
    assert "grid.q.extent" in found.err
    assert "axis p" not in found.err
    assert fp.load_result("out.h5").series["edge_mass"].max() > 1e-9


def test_warning_about_late_snapshots(cli):
    found = cli("run", "run.yaml", *FINE, "--set", "output.snapshots=[0.25, 0.75]")
    assert found.status == 0
    assert "[0.75]" in found.err
    assert fp.load_result("out.h5").snapshots.time.tolist() == [0.25]


def test_python_warnings_are_fpsolver_warnings(cli):
    with pytest.warns(fp.FpsolverWarning, match="cells"):
        fp.run(fp.load_config("run.yaml"))


# --- starting from a result ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_continuing_from_a_file(cli):
    assert cli("run", "run.yaml", *FINE).status == 0
    start = sets("initial={kind: file, path: out.h5}")
    automatic = sets("grid.q.cells=auto", "grid.p.cells=auto")
    for grid in (FINE, automatic):
        found = cli("run", "run.yaml", "-o", "next.h5", *start, *grid, "--force")
        assert found.status == 0
        first, second = fp.load_result("out.h5"), fp.load_result("next.h5")
        assert second.grid == first.grid
        assert second.series["energy"][0] == first.series["energy"][-1]


@pytest.mark.slow
def test_continuing_on_another_grid(cli):
    """48 cells on [-7, 7] and the same for p become 64 on [-8, 8]: their W is interpolated."""
    assert cli("run", "run.yaml").status == 0
    wider = ("grid.q.cells=64", "grid.q.extent=[-8, 8]", "grid.p.cells=64", "grid.p.extent=[-8, 8]")
    found = cli("run", "run.yaml", "-o", "next.h5", *sets("initial={kind: file, path: out.h5}", *wider))
    assert found.status == 0
    first, second = fp.load_result("out.h5"), fp.load_result("next.h5")
    assert [(axis.low, axis.high, axis.cells) for axis in second.grid.axes] == 2 * [(-8, 8, 64)]
    for name in ("mass", "energy", "entropy_wigner", "entropy_production"):
        np.testing.assert_allclose(
            second.series[name][0], first.series[name][-1], rtol=0, atol=1e-7
        )  # 48 cells leave 1e-8


def test_cutting_the_state_of_a_file(cli):
    """A smaller box than the state needs is refused like any other that cuts it."""
    assert cli("run", "run.yaml").status == 0
    start = sets("initial={kind: file, path: out.h5}", "grid.q.extent=[-2, 2]", "grid.p.extent=[-2, 2]")
    found = cli("run", "run.yaml", "-o", "next.h5", *start)
    assert found.status == 2
    assert "cuts the state" in found.err
    assert in_folder() == ["out.h5", "run.yaml"]


def test_nan_in_a_state_file(cli):
    assert cli("run", "run.yaml").status == 0
    with h5py.File("out.h5", "r+") as file:
        file["final/W"][5, 5] = np.nan
    before = Path("out.h5").read_bytes()
    found = cli("run", "run.yaml", "-o", "next.h5", "--set", "initial={kind: file, path: out.h5}")
    assert found.status == 2
    assert "out.h5" in found.err
    assert "not finite" in found.err
    assert in_folder() == ["out.h5", "run.yaml"]
    assert Path("out.h5").read_bytes() == before


# --- check -----------------------------------------------------------------------------------------------------------


def test_check_tells_of_the_model_whatever_the_grid_is(cli):
    """The exact steady state needs none; the refusal comes last, on the other stream."""
    coarse = cli("check", "run.yaml", *sets(*REFUSED["too coarse"][0]))
    assert coarse.status == 2
    assert "the grid is too coarse" in coarse.err
    assert "Pi = Phi             0.0153125" in coarse.out
    assert "stability limit" not in coarse.out
    large = cli("check", "run.yaml", "--set", "grid={q: {cells: 200000}, p: {cells: 200000}}")
    assert large.status == 3
    assert "Pi = Phi             0.0153125" in large.out


def test_check_counts_the_records(cli, monkeypatch):
    """Short runs with many records take most of their time for these."""
    monkeypatch.setattr(check_run, "seconds_per_record", lambda _: 0.25)
    monkeypatch.setattr(check_run, "seconds_per_step", lambda *_: 1e-3)
    found = cli("check", "run.yaml", "--set", "time.until=20", "--set", "output.every=0.5", "--set", "time.dt=0.01")
    assert "run time             about 12 s (measured on this machine), 10 s of it for the records" in found.out


def test_check_says_where_half_of_the_cells_are_computed(cli, monkeypatch):
    monkeypatch.setattr(check_run, "seconds_per_record", lambda _: 0.1)
    monkeypatch.setattr(check_run, "seconds_per_step", lambda *_: 1e-3)
    words = "on half of the cells: W(-q, -p) = W(q, p)"
    assert words not in cli("check", "run.yaml").out
    assert words in cli("check", "run.yaml", "--set", "initial={kind: thermal, beta: 1, omega: 1}").out


def test_check_prints_the_data_sheet_and_writes_nothing(cli, monkeypatch):
    monkeypatch.setattr(api, "run_problem", lambda *_: pytest.fail("check runs nothing"))
    found = cli("check", "run.yaml", "--set", "time.until=steady")
    assert found.status == 0
    assert in_folder() == ["run.yaml"]
    for words in ("drift A", "diffusion B", "[[0, 1], [-1, -0.5]]", "on the boundary", "violated", "0.0153125"):
        assert words in found.out
    for words in ("48 cells", "resolution", "time step", "stability limit", "memory", "run time", "steady"):
        assert words in found.out


@pytest.mark.parametrize(
    "overrides",
    [
        ["units.hbar=0"],
        ["system.potential={kind: free}"],
        [
            "system.potential={kind: double_well, quadratic: 1, quartic: 1}", "system.moyal=false",
            "grid.q.cells=auto", "grid.p.cells=auto", "time.until=steady",
        ],
        ["system.bath={model: none}"],
        ["system.bath={model: custom, eta: 0.5, xi: 0.2, d_pp: 0.7}"],
        ["initial={kind: thermal, beta: 1, omega: 1}", "grid.q.cells=auto", "grid.p.cells=auto"],
    ],
)  # fmt: skip
def test_check_of_all_kinds(overrides, cli):
    found = cli("check", "run.yaml", *sets(*overrides))
    assert found.status == 0
    assert "drift A" in found.out
    assert "nan" not in found.out.lower()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "what"), [("free", "momentum"), ("driven", "stiffest well")])
def test_check_speaks_of_wells_where_there_are_some(name, what, cli):
    found = cli("check", str(PACKAGE / "configs" / f"{name}_ring.yaml"))
    assert f"cells for the thermal width of the {what}, in the steady state\n" in found.out


AUTO = ("grid.q.cells=auto", "grid.p.cells=auto")
RING = (
    "grid.q={cells: 48, extent: [0, 10], boundary: periodic}",
    "system.potential={kind: cosine, amplitude: 0, wavenumber: 0.62831853071795865, tilt: 0.3}",
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides",
    [
        ["initial={kind: thermal, beta: 1, omega: 1}", "grid.q.cells=auto", "grid.p.cells=auto"],
        ["time={method: direct, until: steady}"],
        ["time.stepper=implicit", "time.until=steady"],
        ["time={method: gaussian, until: 3}"],
        ["system.bath={model: hu_paz_zhang, gamma: 0.05, cutoff: 5.0, beta: 0.7}"],
        ["system.potential={kind: double_well, quadratic: 1, quartic: 1}", "system.moyal=false", *AUTO],
        RING,
    ],
)
def test_check_for_scripts(overrides, cli, monkeypatch):
    """Every number of the sheet is one of the JSON, in as many digits as there."""
    monkeypatch.setattr(check_run, "seconds_per_record", lambda _: 0.25)
    monkeypatch.setattr(check_run, "seconds_per_step", lambda *_: 1e-3)
    found, sheet = (cli("check", "run.yaml", *more, *sets(*overrides)) for more in (["--json"], []))
    data = json.loads(found.out, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert data["model"]["diffusion_matrix"][1][1] > 0
    run, axes, steady = data["run"], data.get("grid", {}).get("axes", []), data["steady_state"]
    shown = [f"axis {a['name']}               {a['cells']} cells on [{a['low']:g}, {a['high']:g}]" for a in axes]
    shown += [f"Pi = Phi             {steady['entropy_production']:.12g}"] if "entropy_production" in steady else []
    shown += [f"about {run['memory_bytes'] / 2**20:.0f} MiB", f"run time             about {run['run_seconds']:.2g} s"]
    shown += [f"{run['time_step']:.4g}", f"about {run['records']:.0f}\n"] if "time_step" in run else []
    shown += [f"stability limit {run['stability_limit']:.4g}), about {run['steps']:.0f} "] if "steps" in run else []
    assert [words for words in shown if words not in sheet.out] == []
    assert [f"warning: {text}" for text in data["warnings"]] == sheet.err.splitlines()


@pytest.mark.slow
def test_residuals_have_one_name_before_and_after_a_run(cli):
    cross = sets("system.bath={model: translation_covariant, eta: 0.5, beta: 0.7, d_qp: 0.1}", "time.until=steady")
    steady = json.loads(cli("check", "run.yaml", "--json", *cross).out)["steady_state"]
    assert cli("run", "run.yaml", *cross, *sets("time.method=direct")).status == 0
    found = json.loads(cli("info", "out.h5", "--json").out)["diagnostics"]
    names = {name for name in steady if "residual" in name}
    assert names == {"kms_residual", "diffusion_parity_residual"}
    assert names <= found.keys()
    assert steady["diffusion_parity_residual"] == found["diffusion_parity_residual"] == pytest.approx(4 * 0.1)


def test_check_for_scripts_tells_of_the_model_whatever_the_grid_is(cli):
    """The sentence goes elsewhere; of a long chain no matrix of 600 by 600 is printed."""
    found = cli("check", "run.yaml", "--json", *sets(*REFUSED["too coarse"][0]))
    data = json.loads(found.out)
    assert (found.status, sorted(data)) == (2, ["file", "model", "steady_state", "title"])
    assert data["steady_state"]["covariance"][0][0] > 0
    assert "too coarse" in found.err
    chain = PACKAGE / "configs" / "chain.yaml"
    long = json.loads(cli("check", str(chain), "--json", *sets("system.chain.length=300")).out)["model"]
    assert (len(long["springs"]), "diffusion_matrix" in long) == (299, False)


# --- info ------------------------------------------------------------------------------------------------------------


def test_info_for_people(cli):
    cli("run", "run.yaml")
    found = cli("info", "out.h5")
    assert found.status == 0
    for text in ("a small run", "finished", "48 cells", "3 records", "warning", fp.__version__):
        assert text in found.out


def test_things_are_counted_in_grammar(cli):
    cli("run", "run.yaml", "--threads", "1")
    assert ", 1 thread, " in cli("info", "out.h5").out
    assert [counted(n, "step") for n in (0, 1, 2)] == ["0 steps", "1 step", "2 steps"]


def test_info_for_scripts(cli):
    cli("run", "run.yaml", *sets("units.hbar=0", "system.bath={model: custom, eta: 0.5, xi: 0.2, d_pp: 0.7}"))

    def strict(word):
        pytest.fail(f"{word} is not JSON")

    data = json.loads(cli("info", "out.h5", "--json").out, parse_constant=strict)
    assert data["status"] == "finished"
    assert data["final"]["purity"] is None  # NaN: a classical state has none
    assert data["final"]["entropy_production"] == "inf"
    assert data["reasons"]["purity"]
    assert data["reasons"]["entropy_production"]
    assert data["diagnostics"]["cp_margin"] is None
    assert data["final"]["time"] == 0.5
    assert [axis["cells"] for axis in data["grid"]] == [48, 48]
    assert data["config"]["system"]["bath"]["eta"] == 0.5
    assert json.loads(cli("info", "out.h5", "--json", "--config").out) == data["config"]


@pytest.mark.slow
def test_info_of_lindblad_operators(cli):
    cli("run", "run.yaml", "--set", "system.bath={model: lindblad, operators: [[0.5, '0.1+0.6j']]}")
    data = json.loads(cli("info", "out.h5", "--json").out)
    assert data["config"]["system"]["bath"]["model"] == "lindblad"


# --- usage -----------------------------------------------------------------------------------------------------------


def test_every_command_of_the_contract_is_known():
    names = (
        "run",
        "check",
        "plot",
        "info",
        "models",
        "new",
        "schema",
        "spectrum",
        "convergence",
        "sweep",
        "animate",
        "report",
    )
    assert set(names) == set(COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["frobnicate"], "frobnicate"),
        (["run"], "CONFIG"),
        (["run", "run.yaml", "--frob"], "--frob"),
        (["run", "run.yaml", "--threads", "two"], "'two'"),
        (["run", "run.yaml", "run.yaml"], "run.yaml"),
        (["plot"], "RESULTS"),
        (["plot", "run.yaml", "--kind", "cake"], "run.yaml"),
    ],
)
def test_bad_usage(arguments, word, cli):
    found = cli(*arguments)
    assert found.status == 2
    assert word in found.err
    assert in_folder() == ["run.yaml"]


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["run", "--help"], ["check", "-h"], ["info", "--help"]])
def test_help(arguments, cli):
    found = cli(*arguments)
    assert found.status == 0
    assert "Usage: fpsolver" in found.out


def test_no_traceback_without_debug(cli):
    assert cli("run", "run.yaml", "--set", "system.mass=-1").status == 2


@pytest.mark.slow
def test_debug_shows_the_traceback_of_a_real_process(tmp_path):
    run = spawned(tmp_path, "--debug", "run", "missing.yaml")
    assert run.returncode != 0
    assert "Traceback" in run.stderr
    assert "missing.yaml: cannot be read" in run.stderr


# --- odd values ----------------------------------------------------------------------------------------------------


LONG = "a" * 300
CRASHES = [
    pytest.param(["run", "run.yaml", "--set", "time.dt=1e-300"]),
    pytest.param(["check", "run.yaml", "--set", "system.bath.eta=1e308"]),
    pytest.param(["run", "run.yaml", "-o", f"{LONG}.h5"]),
    pytest.param(["info", f"{LONG}.h5"]),
    pytest.param(["run", "run.yaml", "--set", 'output.path="a\\0.h5"']),
]


@pytest.mark.parametrize("arguments", CRASHES)
def test_odd_values_get_a_sentence(arguments, cli):
    found = cli(*arguments)
    assert found.status in (2, 3)
    assert found.err.startswith(("fpsolver: ", "warning: "))
    assert in_folder() == ["run.yaml"]


@pytest.mark.slow
def test_debug_after_the_command(tmp_path):
    run = spawned(tmp_path, "run", "missing.yaml", "--debug")
    assert run.returncode == 2
    assert "Traceback" in run.stderr


def test_too_many_records(cli):
    found = cli("check", "run.yaml", "--set", "output.every=1e-9")
    assert found.status in (2, 3)
    assert "output.every" in found.err


# --- models, new, schema ---------------------------------------------------------------------------------------------

NAMES = [model.name for model in MODELS]


def test_models_lists_every_model_the_configuration_knows(cli):
    known = {get_args(bath.model_fields["model"].annotation)[0] for bath in get_args(get_args(schema_system.Bath)[0])}
    assert set(NAMES) == known - {"python"}  # an object, which no file can hold
    found = cli("models")
    assert found.status == 0
    for name in NAMES:
        assert f"\n{name}" in found.out
    assert max(map(len, found.out.splitlines())) <= 130


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_starter_files_run_as_they_stand_and_state_the_defaults(name, cli, tmp_path):
    assert cli("new", name, "-o", "starter.yaml").out == "wrote starter.yaml\n"
    assert cli("new", name).out == (tmp_path / "starter.yaml").read_text()
    config = fp.load_config("starter.yaml")
    assert config.system.bath.model == name
    api.prepare(config)
    bare = fp.Config(system=config.system.model_dump(exclude_none=True), initial=config.initial.model_dump())
    expected = bare.replaced(output={"path": "starter.h5"}, time={"until": config.time.until})
    assert config.model_dump(exclude={"title"}) == expected.model_dump(exclude={"title"})


def test_starter_files_are_not_overwritten(cli, tmp_path):
    (tmp_path / "mine.yaml").write_text("system: precious")
    found = cli("new", "none", "-o", "mine.yaml")
    assert found.status == 2
    assert found.err.rstrip().endswith("fpsolver new none -o mine.yaml --force")
    assert (tmp_path / "mine.yaml").read_text() == "system: precious"
    assert cli("new", "none", "-o", "mine.yaml", "--force").status == 0
    assert "none" in (tmp_path / "mine.yaml").read_text()


def test_an_unknown_model_is_answered_with_the_nearest(cli):
    found = cli("new", "caldeira_legett")
    assert found.status == 2
    assert "did you mean `caldeira_leggett`?" in found.err


@pytest.mark.slow
def test_schema_is_json_that_knows_the_keys_of_this_version_only(cli):
    schema = json.loads(cli("schema").out)
    jsonschema.Draft202012Validator.check_schema(schema)
    keys = set(schema["$defs"]["System"]["properties"])
    assert keys == {"mass", "potential", "bath", "matrices", "moyal", "husimi_omega"}
    described = schema["$defs"]["TranslationCovariantBath"]["properties"]
    assert all("description" in described[key] for key in ("eta", "beta", "temperature", "d_qp", "d_qq"))


# --- what check says of special cases --------------------------------------------------------------------------------


def test_check_of_a_ring_and_of_an_anharmonic_well(cli):
    """Closed form on the ring: <p> = F/eta = 0.6 and variance T = 1/0.7; none in a double well, where line 2 tells."""
    found = cli("check", "run.yaml", *sets(*RING))
    assert found.status == 0, found.err
    assert "uniform on the ring" in found.out
    assert "mean 0.6, variance 1.42857" in found.out
    grid = "grid={q: {cells: 96, allow_coarse: true}, p: {cells: 96}}"
    well = ("system.potential={kind: double_well, quadratic: 1, quartic: 1}", "system.moyal=false", grid)
    anharmonic = cli("check", "run.yaml", *sets(*well))
    assert "none: the force is not linear" in anharmonic.out
    assert "the run will tell: it needs the steady state" in anharmonic.out
    crossed = "system.bath={model: translation_covariant, eta: 0.5, beta: 0.7, d_qp: 0.2}"
    broken = cli("check", "run.yaml", *sets(*well, crossed))
    assert "violated (line 2: 0.8)" in broken.out  # 4 d_qp
    box = "grid={q: {extent: [-6, 6], cells: 96, allow_coarse: true}, p: {extent: [-6, 6], cells: 96}}"
    cubic = (
        "system.potential={kind: polynomial, coefficients: [0, 0, 0.5, 0.05]}",
        "units.hbar=0",
        "time.until=1",
        box,
    )
    friction = "system.bath={model: caldeira_leggett, eta: 0.5, beta: 0.7}"
    open_ = ("check", "run.yaml", *sets(*cubic, friction))
    assert "not known: nothing holds a particle" in cli(*open_).out
    assert json.loads(cli(*open_, "--json").out)["steady_state"]["satisfies_detailed_balance"] is None


@pytest.mark.slow
def test_check_of_a_bath_with_memory(cli):
    found = cli("check", "run.yaml", *sets("system.bath={model: hu_paz_zhang, gamma: 0.05, cutoff: 5.0, beta: 0.7}"))
    assert found.status == 0, found.err
    assert "hu_paz_zhang: gamma 0.05, cutoff 5, beta 0.7" in found.out
    assert "what follows holds at late times" in found.out
    assert "late bath" in found.out


@pytest.mark.slow
def test_auto_method_says_why_it_steps(tmp_path):
    """What cannot be solved directly is stepped whatever it costs; else the faster way."""
    (tmp_path / "run.yaml").write_text(CONFIG)
    steady = ("time={until: steady, method: auto}", "grid.q.cells=80", "grid.p.cells=80")
    classical = ("units.hbar=0", "system.bath={model: caldeira_leggett, eta: 0.5, beta: 0.7}")
    limited = "scheme={flux: chang_cooper, order: 2, reversible: limited}"
    memory = "system.bath={model: hu_paz_zhang, gamma: 0.05, cutoff: 5.0, beta: 0.7}"
    for overrides, method, words in (
        (("time={until: 0.5, method: auto}", *steady[1:]), "stepping", "auto: time.until is a time"),
        ((*steady, *classical, limited), "stepping", "auto: limited fluxes are not linear"),
        ((*steady, memory), "stepping", "auto: coefficients change with time"),
        (steady, "direct", "s by stepping"),
        (("time={until: steady, method: direct}", *steady[1:]), "direct", ""),
    ):
        config = fp.load_config(tmp_path / "run.yaml", overrides)
        problem = fp.prepare(config)
        found = choose_method(config, problem.generator, 1e9, problem.plan.decay)
        assert found[0] == method
        assert words in found[1] if words else found[1] == ""


def test_complete_positivity_cannot_be_asked_of_a_classical_system(cli):
    asked = "checks.require_complete_positivity=true"
    found = cli("check", "run.yaml", *sets("units.hbar=0", asked))
    assert "has no meaning for a classical system (units.hbar is 0)" in found.err
    assert found.status == 2
    cold = "system.bath={model: caldeira_leggett, eta: 0.5, beta: 0.7}"
    refused = cli("check", "run.yaml", *sets(cold, asked))
    assert "the model is not completely positive (margin -" in refused.err
    assert cli("check", "run.yaml", *sets(asked)).status == 0


def test_a_bar_on_a_terminal(monkeypatch):
    """Simulated time of the expected end, on a terminal only; gone when the run has ended."""
    for is_terminal in (True, False):
        screen = io.StringIO()
        screen.isatty = lambda is_terminal=is_terminal: is_terminal
        monkeypatch.setattr(sys, "stderr", screen)
        bar = Bar(shown=on_terminal())
        bar.update(2.5, 10.0)
        assert ("25%" in screen.getvalue()) == is_terminal
        assert ("t = 2.5 of about 10" in screen.getvalue()) == is_terminal
        bar.update(0.0, 0.0)
        bar.update(10.0, 10.0)
        with bar:
            bar.update(12.0, 20.0)  # the first end was an estimate
            assert ("t = 12 of about 20" in screen.getvalue()) == is_terminal
        shown = screen.getvalue()
        bar.update(13.0, 20.0)
        assert screen.getvalue() == shown
        count = Count(4, 1, shown=on_terminal())
        count.step(failed=False)
        count.step(failed=True)
        count.close()
        assert ("runs:  25%" in screen.getvalue()) == is_terminal


@pytest.mark.slow
def test_commands_show_no_bar_where_nobody_watches(cli):
    assert "%|" not in cli("run", "run.yaml", *sets("time.until=0.1")).err
    found = cli("sweep", "run.yaml", "--over", "system.bath.eta=1,2", *sets("time.method=gaussian"), "--workers", "1")
    assert found.status == 0
    assert "%|" not in found.err


def test_matrices_in_si_units_keep_their_small_entries():
    """A nanoparticle: 1/m = 1e14 and m omega^2 = 3.6e-3 stand in one matrix."""
    assert matrix(np.array([[0.0, 1e14], [-3.6e-3, -1e3]])) == "[[0, 1e+14], [-0.0036, -1000]]"
    assert matrix(np.array([[1e-18, 1e-42], [1e-42, 4e-35]])) == "[[1e-18, 0], [0, 4e-35]]"
