"""Kernels that a second process compiles: used where it has done its work, and never needed."""

import os
import subprocess
import sys

import numba
import pytest

from fpsolver.kernels import ahead
from tests.test_kernels import ROOT

COLD = """
from fpsolver.kernels import ahead, phase_space, records
entries = phase_space.kernels_of(1, 2, crossed=False)
print(len(ahead._running), *(each.cache_hits for each in entries._compiled))
records.compile_sums()
print(len(ahead._running), sum(records._add.stats.cache_hits.values()), sum(records._add.stats.cache_misses.values()))
"""
two_cores = pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one core: nothing is compiled aside")


def run(folder, code=COLD):
    command = [sys.executable, "-W", "error", "-c", code]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=folder)
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.slow
@two_cores
def test_what_the_second_process_compiles_is_not_compiled_again(tmp_path):
    """The rows and the sums of records come from the disk, all else is compiled here; next time all of it is there."""
    assert run(tmp_path) == ["1 0 1 0 0", "0 1 0"]
    assert run(tmp_path) == ["0 1 1 1 1", "0 1 0"]


@pytest.mark.slow
@two_cores
def test_a_second_process_that_dies_leaves_its_work_to_the_first(tmp_path):
    """And one that nobody waits for ends with the program."""
    broken = COLD.replace("entries =", "ahead.__name__ = 'fpsolver.nowhere'\nentries =")
    assert run(tmp_path, broken) == ["1 0 0 0 0", "0 0 1"]
    assert run(tmp_path, "from fpsolver.kernels import ahead; ahead.start(2, 4)") == []


def test_one_thread_compiles_alone(monkeypatch):
    monkeypatch.setattr(numba, "get_num_threads", lambda: 1)
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    ahead.start(4, 2)
    assert ahead._running == []


@pytest.mark.parametrize("executable", ["", "/usr/bin/notebook", "/nowhere/python3"])
def test_only_python_is_started(executable, monkeypatch):
    """A program with Python inside would start once more."""
    monkeypatch.setattr(sys, "executable", executable)
    ahead.start(4, 2)
    ahead.wait_for_rows()
    assert ahead._running == []
