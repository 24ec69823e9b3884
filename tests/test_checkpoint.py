"""Interrupted runs: the same bits after --resume, nothing lost, nothing mixed up, every refusal a sentence."""

import errno
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

import fpsolver as fp
from fpsolver import api
from fpsolver.cli import signals, unfinished
from fpsolver.errors import FpsolverError, OutputError
from fpsolver.io import checkpoint, paths
from fpsolver.io.lock import locked
from fpsolver.stepping.explicit import RungeKutta
from fpsolver.stepping.implicit import Implicit
from fpsolver.stepping.magnus import Magnus
from fpsolver.sweeps.journal import journal_path
from tests.test_cli import CONFIG, PACKAGE, Outcome, cli, in_folder, sets, spawned  # noqa: F401  (a fixture among them)

AXES = {"q": {"cells": 32}, "p": {"cells": 32}}
OSCILLATOR = {
    "system": {
        "mass": 1.0,
        "potential": {"kind": "harmonic", "omega": 1.0},
        "bath": {"model": "minimally_invasive", "eta": 1.0, "beta": 0.7},
    },
    "initial": {"kind": "gaussian", "mean": [0.5, 0.0], "covariance": [[1.5, 0.0], [0.0, 1.5]]},
    "grid": AXES,
}
RING = {
    "units": {"hbar": 0.0},
    "system": {
        "mass": 1.0,
        "potential": {"kind": "cosine", "amplitude": 0.5, "wavenumber": 1.0, "tilt": 0.3},
        "bath": {"model": "caldeira_leggett", "eta": 1.0, "beta": 1.0},
    },
    "initial": {"kind": "uniform", "momentum_variance": 1.2},
    "grid": {"q": {"cells": 32, "extent": [0.0, 2 * np.pi], "boundary": "periodic"}, "p": {"cells": 32}},
    "time": {"tolerance": 1e-3, "max_time": 30.0},
}
TWO = {
    "system": {
        "particles": [OSCILLATOR["system"], {**OSCILLATOR["system"], "mass": 1.5}],
        "couplings": [{"between": [0, 1], "stiffness": 0.4}],
    },
    "initial": [OSCILLATOR["initial"], {"kind": "thermal", "beta": 1.0, "omega": 1.0}],
    "grid": {"q": {"cells": 16, "allow_coarse": True}, "p": {"cells": 16}},
}
LONG = sets("time.until=1e5", "output.every=10", "output.checkpoint_every=2")
RUNS = {
    "steady, doubling snapshots": OSCILLATOR | {"time": {"tolerance": 1e-3}, "output": {"every": 0.1, "snapshots": 3}},
    "given times": OSCILLATOR | {"time": {"until": 2.0}, "output": {"every": 0.3, "snapshots": [0.0, 0.4, 1.7]}},
    "estimated decay": RING | {"output": {"every": 0.25}},
    "implicit": OSCILLATOR | {"time": {"until": 2.0, "stepper": "implicit"}, "output": {"every": 0.3}},
    "memory": OSCILLATOR
    | {
        "system": OSCILLATOR["system"] | {"bath": {"model": "hu_paz_zhang", "gamma": 0.1, "cutoff": 20.0, "beta": 0.7}},
        "time": {"until": 0.7},
        "output": {"every": 0.3},
    },
    "even, half of the cells": OSCILLATOR
    | {"initial": {"kind": "thermal", "beta": 2.0, "omega": 1.0}, "time": {"until": 2.0, "stepper": "rk4"}}
    | {"output": {"every": 0.3}},
    "rk4": OSCILLATOR | {"time": {"until": 2.0, "stepper": "rk4"}, "output": {"every": 0.3}},
    "taylor8": OSCILLATOR | {"time": {"until": 2.0, "stepper": "taylor8"}, "output": {"every": 0.3}},
    "four axes": TWO | {"time": {"until": 1.0}, "output": {"every": 0.2, "snapshots": [0.1]}},
    "limited fluxes": OSCILLATOR
    | {"time": {"until": 1.0}, "scheme": {"flux": "chang_cooper", "reversible": "limited"}, "output": {"every": 0.3}},
}


class StopAt:
    """A guard that saves and stops at its n-th call."""

    def __init__(self, n, path, problem):
        self.left, self.path, self.problem = n, path, problem

    def __call__(self, position):
        self.left -= 1
        if self.left == 0:
            checkpoint.save(self.path, self.problem.config, unfinished.plan_of(self.problem), position)
            raise KeyboardInterrupt


def same_bits(a, b):
    assert a.status == b.status
    assert a.message == b.message
    assert a.warnings == b.warnings
    assert a.provenance["steps"] == b.provenance["steps"]
    for name, values in a.series.items():
        assert values.tobytes() == b.series[name].tobytes(), name
    for name in ("W", "J_reversible", "J_irreversible", "entropy_production_density"):
        assert getattr(a.final, name).tobytes() == getattr(b.final, name).tobytes(), name
    assert a.snapshots.time.tobytes() == b.snapshots.time.tobytes()
    assert a.snapshots.W.tobytes() == b.snapshots.W.tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_the_same_bits_after_any_number_of_interruptions(name, tmp_path, monkeypatch):
    """Stopped between records as well: groups of three steps, stopped after 1, 8, 15, .. of them."""
    monkeypatch.setattr(RungeKutta, "cells_at_once", 3 * 32 * 32)
    monkeypatch.setattr(Magnus, "cells_at_once", 3 * 32 * 32)
    monkeypatch.setattr(Implicit, "cells_at_once", 32 * 32)
    problem = api.prepare(fp.Config(**RUNS[name]))
    if len(problem.grid.axes) > 2:
        monkeypatch.setattr(RungeKutta, "cells_at_once", 3 * math.prod(problem.grid.shape))
    if name in ("rk4", "taylor8", "implicit"):
        assert problem.plan.stepper == name
    whole = api.run_problem(problem)
    place, position, stops = tmp_path / "out.h5.checkpoint", None, 0
    while True:
        guard = StopAt(1 if stops == 0 else 7, place, problem)
        part = api.run_problem(unfinished.prepare(problem.config, None), guard=guard, start=position)
        if part.status != "interrupted":
            break
        stops += 1
        position = checkpoint.load(place).position()
    assert stops >= 3
    same_bits(part, whole)


@pytest.mark.slow
def test_the_choice_of_the_stepper_belongs_to_the_run(tmp_path, monkeypatch):
    """``auto`` asks how much memory is free; a resumed run must not choose again."""
    config = fp.Config(**RUNS["implicit"]).replaced(time={"stepper": "auto", "method": "auto"})
    with monkeypatch.context() as patched:
        patched.setattr("fpsolver.costs.factoring_seconds", lambda _: 0.0)
        patched.setattr("fpsolver.costs.solving_seconds", lambda _: 0.0)
        problem = api.prepare(config)
        assert problem.plan.stepper == "implicit"
        api.run_problem(problem, guard=StopAt(1, tmp_path / "c", problem))
    assert api.prepare(config).plan.stepper != "implicit"
    resumed = unfinished.prepare(config, checkpoint.load(tmp_path / "c"))
    assert resumed.plan.stepper == "implicit"
    assert resumed.config == config


@pytest.fixture
def interrupted(cli, monkeypatch):  # noqa: F811
    """An interrupted run in the current folder, by a signal that arrives while it steps."""
    advance, sent = RungeKutta.advance, []

    def signalled(self, W, time, dt, steps):
        if not sent and time >= 0.25:
            sent.append(os.kill(os.getpid(), signal.SIGTERM))
        advance(self, W, time, dt, steps)

    with monkeypatch.context() as patched:
        patched.setattr(RungeKutta, "advance", signalled)
        found = cli("run", "run.yaml", "--quiet")
    assert found.status == 3
    assert "interrupted" in found.err
    assert "--resume" in found.err
    assert in_folder() == ["out.h5", "out.h5.checkpoint", "run.yaml"]
    assert fp.load_result("out.h5").status == "interrupted"
    return cli


@pytest.mark.slow
def test_a_signal_stops_and_resume_goes_on(interrupted):
    assert interrupted("run", "run.yaml", "--quiet", "-o", "whole.h5").status == 0
    found = interrupted("run", "run.yaml", "--resume")
    assert found.status == 0
    assert "going on from t = 0.25" in found.err
    assert in_folder() == ["out.h5", "run.yaml", "whole.h5"]
    same_bits(fp.load_result("out.h5"), fp.load_result("whole.h5"))
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.fixture
def guard(tmp_path):
    """That of a run that has not begun."""
    return unfinished.guard(api.prepare(fp.Config(**OSCILLATOR)), tmp_path / "out.h5")


def send(*numbers):
    """Signals to this process."""
    for number in numbers:
        os.kill(os.getpid(), number)


def test_a_second_signal_stops_at_once(guard, monkeypatch):
    monkeypatch.setattr(signals, "TOGETHER", 0.0)
    with unfinished.stopping(guard):
        send(signal.SIGINT)
        assert guard.stop
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)


def test_signals_that_come_together_are_one(guard, monkeypatch):
    """To a process and to its group, or of two kinds; one that comes a second later is another."""
    clock = [100.0]
    monkeypatch.setattr(signals.time, "monotonic", lambda: clock[0])
    with unfinished.stopping(guard):
        send(signal.SIGINT, signal.SIGINT, signal.SIGTERM)
        assert guard.stop
        clock[0] += 1.01
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)
        send(signal.SIGINT)


def test_no_signal_breaks_off_a_checkpoint(guard, monkeypatch):
    monkeypatch.setattr(signals, "TOGETHER", 0.0)
    monkeypatch.setattr(checkpoint, "save", lambda *_: send(signal.SIGINT, signal.SIGTERM))
    with unfinished.stopping(guard):
        guard.stop = True
        guard.save(None)
        assert guard.is_kept
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGTERM)


def test_an_interruption_after_the_checkpoint_names_it(guard):
    guard.is_kept = True
    guard.path.write_bytes(b"a checkpoint")
    with pytest.raises(FpsolverError, match=r"out.h5.checkpoint is kept, and --resume"), unfinished.stopping(guard):
        raise KeyboardInterrupt
    guard.path.unlink()  # as a run does that has ended
    with pytest.raises(KeyboardInterrupt), unfinished.stopping(guard):
        raise KeyboardInterrupt


@pytest.mark.skipif(not signals.HANG_UP, reason="Windows has no such signal")
def test_a_closed_terminal_stops_a_run_that_nohup_does_not_protect(guard):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with unfinished.stopping(guard):
            send(signal.SIGHUP)
            assert not guard.stop
        signal.signal(signal.SIGHUP, before)
        with unfinished.stopping(guard):
            send(signal.SIGHUP)
            assert guard.stop
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.slow
@pytest.mark.skipif(not signals.HANG_UP, reason="Windows has no such signals")
@pytest.mark.parametrize("numbers", [[signal.SIGINT] * 2, [signal.SIGINT] * 5, [signal.SIGTERM] * 2, signals.HANG_UP])
def test_signals_to_a_real_process_leave_a_checkpoint(numbers, tmp_path):
    """Some milliseconds apart, of the moment; the run steps, since it has written its first checkpoint."""
    (tmp_path / "run.yaml").write_text(CONFIG)
    run = subprocess.Popen(
        [sys.executable, "-m", "fpsolver", "run", "run.yaml", *LONG],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(PACKAGE)}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    kept = tmp_path / "out.h5.checkpoint"
    while not kept.exists() and run.poll() is None:
        time.sleep(0.02)
    time.sleep(0.5)  # so that a result of now is not that of this checkpoint
    for number in numbers:
        run.send_signal(number)
        time.sleep(0.005)
    _, err = run.communicate(timeout=100)
    assert run.returncode == 3
    assert "The result up to there is in out.h5. --resume goes on from there." in err
    assert checkpoint.load(kept).state["time"] == fp.load_result(tmp_path / "out.h5").series["time"][-1]
    assert in_folder(tmp_path) == ["out.h5", "out.h5.checkpoint", "run.yaml"]


@pytest.mark.slow
def test_a_complete_result_says_so(cli):  # noqa: F811
    assert cli("run", "run.yaml").status == 0
    before = Path("out.h5").stat().st_mtime_ns
    found = cli("run", "run.yaml", "--resume")
    assert (found.status, found.err) == (0, "")
    assert "its run has ended: ended as requested at t = 0.5" in found.out
    assert Path("out.h5").stat().st_mtime_ns == before
    changed = cli("run", "run.yaml", "--resume", *sets("system.bath.eta=1.0"))
    assert changed.status == 2
    assert "system.bath.eta: 0.5, now 1.0" in changed.err


def test_a_run_that_did_not_converge_is_not_called_complete(cli):  # noqa: F811
    overrides = sets("time.until=steady", "time.max_time=0.5")
    assert cli("run", "run.yaml", *overrides).status == 3
    found = cli("run", "run.yaml", "--resume", *overrides)
    assert (found.status, found.out) == (3, "")
    assert "did not reach the steady state" in found.err


def test_nothing_there_starts_afresh(cli):  # noqa: F811
    assert cli("run", "run.yaml", "--resume").status == 0
    assert in_folder() == ["out.h5", "run.yaml"]


@pytest.mark.slow
def test_changes_are_listed_and_the_place_may_change(interrupted):
    found = interrupted("run", "run.yaml", "--resume", *sets("system.bath.eta=1", "grid.q.cells=64", "title=new"))
    assert found.status == 2
    for text in ("system.bath.eta: 0.5, now 1.0", "grid.q.cells: 48, now 64", "title: a small run, now new"):
        assert text in found.err
    assert "--force" in found.err
    Path("elsewhere").mkdir()
    for name in ("out.h5", "out.h5.checkpoint"):
        Path(name).rename(f"elsewhere/{name}")
    options = sets("output.checkpoint_every=5")
    assert interrupted("run", "run.yaml", "--resume", "-o", "elsewhere/out.h5", *options).status == 0


def test_a_checkpoint_is_not_overwritten_by_accident(interrupted):
    Path("out.h5").unlink()
    before = Path("out.h5.checkpoint").read_bytes()
    found = interrupted("run", "run.yaml")
    assert found.status == 2
    assert "out.h5.checkpoint holds an unfinished run" in found.err
    assert Path("out.h5.checkpoint").read_bytes() == before
    assert interrupted("run", "run.yaml", "--force").status == 0
    assert in_folder() == ["out.h5", "run.yaml"]


def test_an_interrupted_result_without_a_checkpoint_is_kept(interrupted):
    Path("out.h5.checkpoint").unlink()
    found = interrupted("run", "run.yaml", "--resume")
    assert found.status == 2
    assert "exists already" in found.err


def test_a_checkpoint_is_no_result(interrupted):
    found = interrupted("info", "out.h5.checkpoint")
    assert found.status == 2
    assert "is the checkpoint of a run that has not ended" in found.err
    with h5py.File("out.h5.checkpoint") as file:
        assert (file.attrs["format"], file.attrs["status"]) == ("fpsolver-result", "running")


@pytest.mark.parametrize("name", ["W", "snapshots", "series/mass", "state"])
def test_a_damaged_checkpoint_is_refused(name, interrupted):
    with h5py.File("out.h5.checkpoint", "r+") as file:
        values = file["checkpoint"][name]
        if name == "state":
            text = values.asstr()[()].replace('"steps": ', '"steps": 1')
            del file["checkpoint/state"]
            file["checkpoint/state"] = text
        else:
            values[-1] = np.nextafter(values[-1], 1.0)  # the last bit of some numbers
    before = Path("out.h5").read_bytes()
    found = interrupted("run", "run.yaml", "--resume")
    assert found.status == 2
    assert "is damaged" in found.err
    assert Path("out.h5").read_bytes() == before


@pytest.mark.parametrize(
    ("where", "name", "version", "word"),
    [
        ("/", "format_version", 99, "update fpsolver"),
        ("/", "format_version", 0, "which no fpsolver wrote"),
        ("checkpoint", "version", 99, "go on with"),
        (
            "checkpoint",
            "version",
            0,
            f"continues version {checkpoint.VERSION} only; go on with fpsolver {fp.__version__}",
        ),
    ],
)
def test_other_versions_are_refused_with_words(where, name, version, word, interrupted):
    with h5py.File("out.h5.checkpoint", "r+") as file:
        file[where].attrs[name] = version
    found = interrupted("run", "run.yaml", "--resume")
    assert found.status == 2
    assert word in found.err


def test_a_version_that_would_step_otherwise_is_refused(interrupted):
    with h5py.File("out.h5.checkpoint", "r+") as file:
        group = file["checkpoint"]
        state = json.loads(group["state"].asstr()[()])
        state["plan"]["dt"] *= 0.9
        del group["state"]
        group["state"] = json.dumps(state)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(checkpoint, "_digest", lambda *_: h5py.File("out.h5.checkpoint")["checkpoint"].attrs["digest"])
        found = interrupted("run", "run.yaml", "--resume")
    assert found.status == 2
    assert "was made with other steps (dt: " in found.err


@pytest.mark.parametrize("content", [b"", b"text", None])
def test_files_that_are_no_checkpoints(content, cli):  # noqa: F811
    if content is None:
        assert cli("run", "run.yaml", "-o", "other.h5").status == 0
        content = Path("other.h5").read_bytes()
    Path("out.h5.checkpoint").write_bytes(content)
    found = cli("run", "run.yaml", "--resume")
    assert found.status == 2
    assert "out.h5.checkpoint is " in found.err


def test_a_checkpoint_that_cannot_be_written_does_not_end_the_run(cli, monkeypatch):  # noqa: F811
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "replace_file", full)
    found = cli("run", "run.yaml", *sets("output.checkpoint_every=1e-9"))
    assert found.status == 0
    assert found.err.count("warning: the checkpoint out.h5.checkpoint cannot be written (No space left on device)") == 1
    assert in_folder() == ["out.h5", "run.yaml"]


@pytest.mark.slow
def test_a_result_that_cannot_be_written_leaves_the_checkpoint(cli, monkeypatch):  # noqa: F811
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("fpsolver.io.hdf5._write_final", full)
        found = cli("run", "run.yaml", *sets("output.checkpoint_every=1e-9"))
    assert found.status == 2
    assert "out.h5.checkpoint is kept: --resume goes on from there" in found.err
    assert in_folder() == ["out.h5.checkpoint", "run.yaml"]
    assert cli("run", "run.yaml", "--resume").status == 0
    assert in_folder() == ["out.h5", "run.yaml"]


def test_contents_reach_the_disk_before_the_name_and_the_name_before_the_end(tmp_path, monkeypatch):
    """write, fsync, rename, fsync of the folder: in this order, or a power failure leaves an empty file."""
    calls = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda h: calls.append(("sync", os.path.isdir(f"/proc/self/fd/{h}"))) or fsync(h))  # noqa: PTH112
    monkeypatch.setattr(Path, "replace", lambda a, b: calls.append(("rename", False)) or replace(a, b))
    paths.replace_file(tmp_path / "x", lambda temporary: temporary.write_text("new") and None)
    assert calls == [("sync", False), ("rename", False), ("sync", True)]
    assert in_folder(tmp_path) == ["x"]


def test_what_killed_writers_left_is_removed(tmp_path):
    """By the next that writes there; what another process writes just now is locked, and other names stay."""
    (tmp_path / ".x.abandon0.part").write_text("half")
    others = [".x.y.abandon0.part", ".x.part", ".x.long-ago.part", ".y.abandon0.part"]
    for name in others:
        (tmp_path / name).write_text("not ours")

    def fill(temporary):
        assert not (tmp_path / ".x.abandon0.part").exists()
        paths.replace_file(tmp_path / "x", lambda inner: inner.write_text("of another, which is quicker"))
        assert temporary.exists()
        temporary.write_text("new")

    paths.replace_file(tmp_path / "x", fill)
    assert (tmp_path / "x").read_text() == "new"
    assert in_folder(tmp_path) == sorted([*others, "x"])


def test_a_run_removes_what_a_killed_one_left(cli):  # noqa: F811
    for name in (".out.h5.abandon0.part", ".out.h5.checkpoint.abandon0.part"):
        Path(name).write_text("half")
    assert cli("run", "run.yaml").status == 0
    assert in_folder() == ["out.h5", "run.yaml"]


def test_two_runs_on_one_output(cli):  # noqa: F811
    with locked(Path("out.h5")):
        found = cli("run", "run.yaml")
        assert found.status == 2
        assert re.search(r"another run or sweep \(process \d+ on .*\) is writing out.h5", found.err)
        assert in_folder() == ["out.h5.lock", "run.yaml"]
    assert in_folder() == ["run.yaml"]
    Path("out.h5.lock").write_text("left by a process that was killed")
    assert cli("run", "run.yaml").status == 0
    assert in_folder() == ["out.h5", "run.yaml"]


def test_a_link_has_the_lock_and_the_checkpoint_of_its_file(cli):  # noqa: F811
    Path("folder").mkdir()
    Path("link.h5").symlink_to("folder/out.h5")
    Path("chain.h5").symlink_to("link.h5")
    with locked(Path("chain.h5")):
        found = cli("run", "run.yaml", "-o", "folder/out.h5")
        assert found.status == 2
        assert "is writing folder/out.h5" in found.err
    with locked(Path("folder/out.h5")):
        assert "is writing link.h5" in cli("run", "run.yaml", "-o", "link.h5").err
    for name in ("link.h5", "chain.h5", "folder/out.h5"):
        for place in (checkpoint.beside, journal_path):
            assert place(Path(name)).resolve().parent == Path("folder").resolve()
    assert checkpoint.beside(Path("run.h5")) == Path("run.h5.checkpoint")


def test_an_output_that_appears_during_the_run_is_answered_with_the_command(cli, monkeypatch):  # noqa: F811
    result = api.run_problem(api.prepare(fp.load_config("run.yaml")))
    monkeypatch.setattr(api, "run_problem", lambda *_, **__: result.save("out.h5") and result)
    found = cli("run", "run.yaml")
    assert found.status == 2
    assert "exists already; to overwrite it: fpsolver run run.yaml --force" in found.err


def test_a_file_system_without_locks_is_no_reason_to_refuse(tmp_path, monkeypatch):
    """Lustre answers so unless it is mounted with its option `flock`."""

    def refuse(*_):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr("fcntl.flock", refuse)
    with locked(tmp_path / "out.h5"):
        assert (tmp_path / "out.h5.lock").exists()
    assert not (tmp_path / "out.h5.lock").exists()


def test_a_lock_that_cannot_be_had(tmp_path):
    (tmp_path / "out.h5.lock").symlink_to(tmp_path / "precious")
    with (
        pytest.raises(OutputError, match=r"cannot be written: .* \(locking out.h5.lock\)"),
        locked(tmp_path / "out.h5"),
    ):
        pass
    assert not (tmp_path / "precious").exists()


def test_differences_name_what_was_added_and_removed():
    old = fp.Config(**OSCILLATOR)
    new = old.replaced(units={"hbar": 0.5}, output={"path": "a.h5"})
    assert checkpoint.differences(old, new) == ["units.hbar: 1.0, now 0.5"]
    bath = old.replaced(system={"bath": {"model": "custom", "eta": 1.0, "d_pp": 1.0}})
    assert any("system.bath.beta: 0.7, now not given" in text for text in checkpoint.differences(old, bath))


@pytest.mark.slow
def test_compiled_and_cached_kernels_round_alike(tmp_path):
    """A run that compiled its kernels and one that found them on the disk: the same bits (two compilations, 20 s)."""
    (tmp_path / "run.yaml").write_text(CONFIG)
    fine = sets("grid.q.cells=80", "grid.p.cells=80")
    for name in ("first.h5", "second.h5"):
        done = spawned(tmp_path, "run", "run.yaml", "-o", name, *fine, NUMBA_CACHE_DIR=str(tmp_path / "cache"))
        assert done.returncode == 0, done.stderr
    same_bits(fp.load_result(tmp_path / "first.h5"), fp.load_result(tmp_path / "second.h5"))
