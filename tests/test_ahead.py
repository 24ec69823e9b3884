"""Kernels that a second process compiles: used where it has done its work, and never needed."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numba
import pytest

from fpsolver.kernels import ahead
from tests.test_kernels import ROOT

COLD = """
from fpsolver.kernels import ahead, phase_space, records
ahead.start(1, 2)
begun = len(ahead._running)
entries = phase_space.kernels_of(1, 2, crossed=False)
print(begun, *(each.cache_hits for each in entries._compiled))
records.compile_sums()
print(len(ahead._running), sum(records._add.stats.cache_hits.values()), sum(records._add.stats.cache_misses.values()))
"""
alone = numba.config.NUMBA_NUM_THREADS < 2 or os.name != "posix"
aside = pytest.mark.skipif(alone, reason="nothing is compiled aside on one core, or on Windows")


def run(folder, code=COLD):
    command = [sys.executable, "-W", "error", "-c", code]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder / "cache"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=folder)
    assert done.stderr == ""
    return done.stdout.splitlines()


def command_of(monkeypatch, code):
    """Let the second process run this instead; no cache is asked."""
    popen = subprocess.Popen
    monkeypatch.setattr(ahead, "can_store_new", lambda name: True)
    monkeypatch.setattr(numba, "get_num_threads", lambda: 2)
    monkeypatch.setattr(subprocess, "Popen", lambda command, **options: popen([sys.executable, "-c", code], **options))


@pytest.mark.slow
@aside
def test_what_the_second_process_compiles_is_not_compiled_again(tmp_path):
    """The rows and the sums of records come from the disk, all else is compiled here; next time all of it is there.

    A file in the current folder with the name of a module is not run.
    """
    (tmp_path / "tempfile.py").write_text("open('was_run', 'w')")
    code = "import sys; sys.path.remove('')\n" + COLD
    assert run(tmp_path, code) == ["1 0 1 0 0", "0 1 0"]
    assert run(tmp_path, code) == ["0 1 1 1 1", "0 1 0"]
    assert not (tmp_path / "was_run").exists()


@pytest.mark.slow
@aside
def test_a_second_process_that_dies_leaves_its_work_to_the_first(tmp_path):
    broken = COLD.replace("ahead.start", "ahead.__name__ = 'fpsolver.nowhere'\nahead.start", 1)
    assert run(tmp_path, broken) == ["1 0 0 0 0", "0 0 1"]


@aside
@pytest.mark.parametrize("code", ["print('rows')", "print('hello'); print('rows')", "import os; os._exit(3)"])
def test_waiting_ends_with_the_rows_or_with_the_process(code, monkeypatch):
    command_of(monkeypatch, code)
    ahead.start(4, 2)
    ahead.wait_for_rows()
    assert len(ahead._running) == 1
    ahead.wait()
    assert ahead._running == []


@aside
@pytest.mark.parametrize(
    "code", ["import time; time.sleep(60)", "print('rows', flush=True); import time; time.sleep(60)"]
)
def test_a_process_that_hangs_is_ended(code, monkeypatch):
    command_of(monkeypatch, code)
    monkeypatch.setattr(ahead, "LIMIT", 0.3)
    ahead.start(4, 2)
    (process,), begun = ahead._running, time.monotonic()
    ahead.wait_for_rows()
    ahead.wait()
    assert time.monotonic() - begun < 30
    assert process.returncode == -9


def second_of(process):
    """Folder in /proc of the process that compiles for this one; None while there is none."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    folders = [Path("/proc", child) for child in children]
    with contextlib.suppress(OSError):  # another one, which has ended meanwhile
        return next((each for each in folders if b"fpsolver.kernels.ahead" in (each / "cmdline").read_bytes()), None)


def is_running(folder):
    """False if it has ended, also where nobody has asked how."""
    with contextlib.suppress(OSError):
        return (folder / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.mark.slow
@aside
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the system does not list processes in /proc")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 3), (signal.SIGKILL, -9)], ids=["asked", "killed"])
def test_the_second_process_ends_with_the_first(number, status, tmp_path):
    """Commands exit without what Python does at exit."""
    config = ROOT / "configs" / "minimally_invasive.yaml"
    command = [sys.executable, "-m", "fpsolver", "run", str(config), "-o", "out.h5", "--set", "time.method=direct"]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=subprocess.DEVNULL) as process:
        while (second := second_of(process)) is None:
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(number)
        assert process.wait(timeout=120) == status
    begun = time.monotonic()
    while is_running(second):
        assert time.monotonic() - begun < 10  # it compiles for longer
        time.sleep(0.1)


@pytest.mark.parametrize("reason", ["one thread", "nothing is kept on the disk", "no compiler", "no Python"])
def test_no_process_where_it_would_gain_nothing(reason, monkeypatch):
    command_of(monkeypatch, "")
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    if reason == "one thread":
        monkeypatch.setattr(numba, "get_num_threads", lambda: 1)
    elif reason == "nothing is kept on the disk":
        monkeypatch.undo()
        monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
        monkeypatch.setattr("fpsolver.kernels.jit._is_stored", lambda name: False)
    elif reason == "no compiler":
        monkeypatch.undo()
        monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
        monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    else:
        monkeypatch.setattr(sys, "executable", "")
    ahead.start(4, 2)
    assert ahead._running == []
