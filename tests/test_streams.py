"""Standard streams that are closed, full or unread: results are kept, and the exit status is true."""

import os
import subprocess
import sys

import pytest

import fpsolver as fp
from tests.test_cli import CONFIG, OVER, PACKAGE, in_folder

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="has no sh")]


def shell(folder, words, redirection):
    """A command under sh; its exit status and what it printed."""
    (folder / "run.yaml").write_text(CONFIG)
    line = f"{sys.executable} -m fpsolver {words} {redirection}"
    return subprocess.run(
        ["sh", "-c", line],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(PACKAGE)}, capture_output=True, text=True, check=False,
        timeout=300,
    )  # fmt: skip


@pytest.mark.parametrize("redirection", [">&-", "2>&-", "<&-", "2>/dev/full", "<&- >&- 2>&-"])
def test_closed_and_full_streams_lose_no_result(redirection, tmp_path):
    done = shell(tmp_path, "run run.yaml", redirection)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert fp.load_result(tmp_path / "out.h5").status == "finished"
    assert in_folder(tmp_path) == ["out.h5", "run.yaml"]


@pytest.mark.parametrize("words", ["check run.yaml", "models"])
def test_commands_that_only_print_to_a_closed_stream(words, tmp_path):
    done = shell(tmp_path, words, ">&-")
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)


def test_a_sweep_with_closed_streams(tmp_path):
    done = shell(tmp_path, f"sweep run.yaml {' '.join(OVER)} --workers 2", ">&- 2>&-")
    assert done.returncode == 0
    assert fp.load_sweep(tmp_path / "run-sweep.h5").is_good.all()


def test_a_full_stream_of_results_is_a_failure(tmp_path):
    done = shell(tmp_path, "models", ">/dev/full")
    assert (done.returncode, done.stderr) == (3, "fpsolver: the system refused: no space left on device\n")


THREADS = {
    "NUMBA_NUM_THREADS=0": "NUMBA_NUM_THREADS must be at least 1, but is 0; change this variable, or unset it",
    "NUMBA_NUM_THREADS=-1": "NUMBA_NUM_THREADS must be at least 1, but is -1; change",
    "NUMBA_THREADING_LAYER=nonsense": "Numba cannot start its threads with NUMBA_THREADING_LAYER=nonsense (The thread",
    "NUMBA_THREADING_LAYER_PRIORITY=omp": "with NUMBA_THREADING_LAYER_PRIORITY=omp (THREADING_LAYER_PRIORITY invalid",
}


@pytest.mark.parametrize("variable", THREADS)
def test_threads_that_numba_cannot_start(variable, tmp_path, monkeypatch):
    name, _, value = variable.partition("=")
    monkeypatch.setenv(name, value)
    done = shell(tmp_path, "run run.yaml", "")
    assert done.returncode == 2
    assert THREADS[variable] in done.stderr
    assert "Traceback" not in done.stderr
    assert in_folder(tmp_path) == ["run.yaml"]


@pytest.mark.parametrize("words", ["models", "schema", "run run.yaml"])
def test_a_reader_that_has_gone_is_no_failure(words, tmp_path):
    (tmp_path / "run.yaml").write_text(CONFIG)
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "fpsolver", *words.split()],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(PACKAGE)}, stdout=writing, stderr=subprocess.PIPE,
        text=True, check=False, timeout=300,
    )  # fmt: skip
    os.close(writing)
    assert done.returncode == 0
    assert "refused" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        "run run.yaml --set time.until=steady --set time.max_time=0.1",
        f"sweep run.yaml {' '.join(OVER)} --set time.until=steady --set time.max_time=0.1 --workers 1",
    ],
)
def test_a_reader_that_has_gone_hides_no_failure(words, tmp_path):
    (tmp_path / "run.yaml").write_text(CONFIG)
    line = f"({sys.executable} -m fpsolver {words}; echo $? > status) | true"
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    done = subprocess.run(
        ["sh", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert (tmp_path / "status").read_text() == "3\n"
    assert "did not reach the steady state" in done.stderr
