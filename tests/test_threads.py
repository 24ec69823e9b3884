"""Two threads of Python with one generator, or with the parallel kernels, and processes that fork meanwhile."""

import copy
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from fpsolver.generator import Generator
from fpsolver.grid import Axis, Grid
from fpsolver.kernels.locks import Lock
from tests import systems

ROOT = Path(__file__).parent.parent


def small(cells=64):
    return Generator(
        systems.model("minimally_invasive"), Grid((Axis("q", -4.0, 4.0, cells), Axis("p", -4.0, 4.0, cells)))
    )


@pytest.fixture
def impatient():
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.slow
def test_two_threads_apply_one_generator(rng, impatient):
    """They have its arrays in common."""
    generator, states = small(), rng.normal(size=(2, 64, 64))
    expected = [generator.apply(W) for W in states]

    def errors(k):
        return sum(not np.array_equal(generator.apply(states[k]), expected[k]) for _ in range(2000))

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(errors, range(2))) == [0, 0]


@pytest.mark.slow
def test_two_threads_step_with_one_generator(rng, impatient):
    """Each with arrays of its own; what is scratch within the kernel belongs to the generator."""
    generator, states, stages = small(), rng.normal(size=(2, 64, 64)), np.array([[1.0, 0.0, 1e-4]])

    def stepped(k):
        padded, work = generator.pad(states[k], generator.empty_padded()), generator.empty_work()
        for _ in range(40):
            generator.advance(padded, work, 0.0, stages, 20)
        return padded

    expected = [stepped(k) for k in range(2)]
    with ThreadPoolExecutor(2) as pool:
        for found, padded in zip(pool.map(stepped, range(2)), expected, strict=True):
            np.testing.assert_array_equal(found, padded)


def test_a_lock_that_is_copied_is_a_new_one():
    lock = Lock()
    with lock.held:
        copies = copy.copy(lock), copy.deepcopy(lock), pickle.loads(pickle.dumps(lock))
        with ThreadPoolExecutor(1) as pool:
            assert not pool.submit(lock.held.acquire, blocking=False).result()
            for other in copies:
                assert pool.submit(other.held.acquire, blocking=False).result()


def test_an_interrupt_opens_the_lock(rng, monkeypatch):
    generator, W = small(16), rng.normal(size=(16, 16))

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(generator, "advance", interrupted)
        with pytest.raises(KeyboardInterrupt):
            generator.apply(W)
    with ThreadPoolExecutor(1) as pool:
        assert np.isfinite(pool.submit(generator.apply, W).result(timeout=60)).all()


FORK = """
import os, threading, numpy as np
from tests.test_threads import small
generator, W = small(16), np.ones((16, 16))
expected, inside, done = generator.apply(W), threading.Event(), threading.Event()

def hold():
    with generator._lock.held, generator.fluxes._lock.held:
        inside.set()
        done.wait()

thread = threading.Thread(target=hold)
thread.start()
inside.wait()
child = os.fork()
if child == 0:
    os._exit(0 if np.array_equal(generator.apply(W), expected) else 1)
status = os.waitpid(child, 0)[1]
done.set()
thread.join()
raise SystemExit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes do not fork here")
def test_a_fork_while_another_thread_computes():
    """Nobody in the child would ever open its lock."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORK]
    subprocess.run(command, check=True, timeout=120, env={**os.environ, "PYTHONPATH": str(ROOT)})


TWO_RUNS = """
import threading, fpsolver as fp
changes = ["grid.q.cells=96", "grid.p.cells=96", "time.until=2", "time.method=stepping"]
config, found = fp.load_config("configs/minimally_invasive.yaml", changes), []
threads = [threading.Thread(target=lambda: found.append(fp.run(config).final.W.tobytes())) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert found[0] == found[1] == fp.run(config).final.W.tobytes()
"""


@pytest.mark.slow
@pytest.mark.parametrize("layer", ["workqueue", "default"])
def test_two_threads_run_on_a_parallel_grid(layer):
    """The layer of threads that is everywhere ends a process in which two parallel loops meet."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_THREADING_LAYER": layer, "NUMBA_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-c", TWO_RUNS], check=True, timeout=300, env=environment, cwd=ROOT)
