"""Runs that are broken on purpose, and what becomes of them: the trials of scripts/reliability.py and of the tests.

Every trial ends in one of three ways: the run went on, it was refused with a sentence, or it was killed and --resume
goes on to the same bits. Anything else is "lost".
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

import fpsolver as fp
from fpsolver.errors import FpsolverError
from fpsolver.io import checkpoint

CONFIG = """\
system:
  mass: 1.0
  potential: {kind: harmonic, omega: 1.0}
  bath: {model: minimally_invasive, eta: 0.5, beta: 0.7}
initial: {kind: gaussian, mean: [0.5, 0.0], covariance: [[1.5, 0.0], [0.0, 1.5]]}
grid: {q: {cells: 64}, p: {cells: 64}}
time: {until: 40.0}
output: {path: out.h5, checkpoint_every: 0.02, every: 0.5}
"""
PACKAGE = Path(fp.__file__).resolve().parent
MARKS = {  # what a run is doing, and the function that does it
    "stepping": ("fpsolver.api", "simulate"),
    "recording": ("fpsolver.simulation", "make_record"),
    "saving a checkpoint": ("fpsolver.io.checkpoint", "save"),
    "writing the result": ("fpsolver.cli.run", "finish"),
}
MARKED = f"""\
import importlib, os, sys
from fpsolver.cli.main import main

def mark(word, module, name):
    place = importlib.import_module(module)
    inner = getattr(place, name)
    def outer(*arguments, **keywords):
        os.write(1, f"{{word}}\\n".encode())
        found = inner(*arguments, **keywords)
        os.write(1, f"end of {{word}}\\n".encode())
        return found
    setattr(place, name, outer)

for word, place in {MARKS!r}.items():
    mark(word, *place)
main(sys.argv[1:])
"""
PLAIN = "import sys; from fpsolver.cli.main import main; main(sys.argv[1:])"
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
Found = Counter[str]


def start(
    folder: Path, *arguments: str, code: str = PLAIN, limit: tuple[int, int] | None = None, **environment: str
) -> subprocess.Popen[str]:
    """``fpsolver`` as a process of its own, with a resource limit."""
    limits = (lambda: resource.setrlimit(limit[0], (limit[1], limit[1]))) if limit else None
    where = {"PYTHONPATH": str(PACKAGE.parent), **environment}
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], cwd=folder, env={**os.environ, **where}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=limits,
    )  # fmt: skip


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Status and standard error."""
    _, error = process.communicate(timeout=300)
    return process.returncode, error


def run(folder: Path, *options: str) -> None:
    """A run that nothing disturbs."""
    status, error = ended(start(folder, "run", "run.yaml", "--quiet", *options))
    if status:
        raise RuntimeError(f"an undisturbed run ended with status {status}: {error}")


def prepared(folder: Path) -> Path:
    """The configuration, and what an undisturbed run makes of it."""
    (folder / "run.yaml").write_text(CONFIG)
    run(folder, "-o", "whole.h5")
    return folder


def same(a: Path, b: Path) -> bool:
    """Equal series, final state and snapshots, to the bit."""
    x, y = fp.load_result(a), fp.load_result(b)
    series = all(values.tobytes() == y.series[name].tobytes() for name, values in x.series.items())
    return series and x.final.W.tobytes() == y.final.W.tobytes() and x.snapshots.W.tobytes() == y.snapshots.W.tobytes()


def is_whole(folder: Path) -> bool:
    """True if the result is absent or that of the undisturbed run, and the checkpoint absent or readable."""
    result, place = folder / "out.h5", folder / "out.h5.checkpoint"
    try:
        if place.exists():
            checkpoint.load(place).position()
        return not result.exists() or same(result, folder / "whole.h5")
    except FpsolverError as error:
        print(f"unreadable: {error}", file=sys.stderr)
        return False


def clean(folder: Path) -> None:
    """Only the configuration and the undisturbed result are left."""
    for path in folder.iterdir():
        if path.name not in ("run.yaml", "whole.h5"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def traced(folder: Path) -> dict[str, tuple[int, float]]:
    """How often a run does each of the marked things, and how many seconds each takes at most."""
    process = start(folder, "run", "run.yaml", "--quiet", "-o", "traced.h5", code=MARKED)
    begun: dict[str, float] = {}
    found = {word: (0, 0.0) for word in MARKS}
    assert process.stdout is not None
    for line in process.stdout:
        word = line.strip().removeprefix("end of ")
        if line.startswith("end of "):
            calls, seconds = found[word]
            found[word] = (calls + 1, max(seconds, time.perf_counter() - begun[word]))
        else:
            begun[word] = time.perf_counter()
    ended(process)
    return found


def reaches(process: subprocess.Popen[str], word: str, calls: int) -> bool:
    """Wait until a marked process does something for the so many-th time; false if it ends before."""
    assert process.stdout is not None
    for line in process.stdout:
        calls -= line.strip() == word
        if calls < 0:
            return True
    return False


def kill(folder: Path, trials: int) -> Found:
    """Kill -9 at random moments of stepping, recording, saving and writing, and again during the resumed runs."""
    found: Found = Counter({f"while {word}": 0 for word in MARKS})
    rng = np.random.default_rng(0)
    phases = traced(folder)
    words = list(MARKS) * trials
    while found["killed"] < trials:
        word = words[found["killed"]]
        calls, seconds = phases[word]
        process = start(folder, "run", "run.yaml", "--quiet", "--resume", code=MARKED)
        if reaches(process, word, int(rng.integers(max(calls, 1)))):
            time.sleep(rng.uniform(0, 1.3 * seconds))
            process.kill()
        status, error = ended(process)
        found["resumed from a checkpoint"] += "going on from" in error
        if status == -signal.SIGKILL:
            found["killed"] += 1
            found[f"while {word}"] += 1
            found["result complete" if (folder / "out.h5").exists() else "result absent"] += 1
        found["lost"] += not is_whole(folder) or "Traceback" in error
        if (folder / "out.h5").exists():
            run(folder, "--resume")  # finds it complete, and removes the checkpoint
            (folder / "out.h5").unlink()
    run(folder, "--resume")
    left = {path.name for path in folder.iterdir()} - {"run.yaml", "whole.h5", "traced.h5", "out.h5"}
    found["lost"] += bool(left) or not same(folder / "out.h5", folder / "whole.h5")
    del found["killed"]
    return found


def outcomes(folder: Path, ends: list[tuple[int, str]], words: tuple[str, ...] = ()) -> Found:
    """Of runs that either end well or say one of ``words``; libraries in C that find no memory end the process."""
    found: Found = Counter()
    for status, error in ends:
        if status == 0:
            word = "went on"
        elif status in (2, 3) and any(text in error for text in words) and "Traceback" not in error:
            word = "ended with a sentence"
        elif any(text in error for text in LIBRARIES):
            word = "ended by OpenBLAS or LLVM with a sentence of theirs"
        else:
            word = "lost"
        if not is_whole(folder):
            word = "lost"
        found[word] += 1
        if word == "lost":
            print(f"lost: status {status}: {error[-600:]}", file=sys.stderr)
    return found


def full_disk(folder: Path, trials: int) -> Found:
    """A limit on the size of files; compiled kernels are there already, and so is a result in half of the trials."""
    sizes = np.random.default_rng(1).permutation(np.geomspace(1e3, 3e6, trials).astype(int))
    return outcomes(folder, [limited(folder, resource.RLIMIT_FSIZE, int(s)) for s in sizes], REFUSALS)


def little_memory(folder: Path, trials: int) -> Found:
    """A limit on the address space, from one at which Python hardly starts."""
    sizes = np.linspace(0.1e9, 0.7e9, trials).astype(int)
    return outcomes(folder, [limited(folder, resource.RLIMIT_AS, int(s)) for s in sizes], REFUSALS)


LIBRARIES = ("OpenBLAS error: Memory", "LLVM ERROR: out of memory")
REFUSALS = (
    "cannot be written",
    "the system refused",
    "not enough memory",
    "GiB are available",
    "a library cannot be loaded",
)


def limited(folder: Path, kind: int, limit: int) -> tuple[int, str]:
    """A run under a resource limit."""
    return ended(start(folder, "run", "run.yaml", "--quiet", "--force", limit=(kind, limit), **ONE_THREAD))


def removed_folder(folder: Path, trials: int) -> Found:
    """The folder of the output is removed at a random moment of stepping."""
    found: Found = Counter()
    rng = np.random.default_rng(2)
    seconds = traced(folder)["stepping"][1]
    for _ in range(trials):
        process = start(folder, "run", "run.yaml", "--quiet", "-o", "sub/out.h5", code=MARKED)
        reaches(process, "stepping", 0)
        time.sleep(rng.uniform(0, 0.8 * seconds))
        subprocess.run(["rm", "-rf", str(folder / "sub")], check=False, stderr=subprocess.DEVNULL)
        status, error = ended(process)
        good = status == 0 and same(folder / "sub" / "out.h5", folder / "whole.h5")
        found["went on" if good else "ended with a sentence" if "cannot be written" in error else "lost"] += 1
        subprocess.run(["rm", "-rf", str(folder / "sub")], check=True)
    return found


def two_runs(folder: Path, trials: int) -> Found:
    """A second run on the output of one that is stepping (and held there until the second has ended)."""
    found: Found = Counter()
    for _ in range(trials):
        first = start(folder, "run", "run.yaml", "--quiet", "-o", "both.h5", code=MARKED)
        reaches(first, "stepping", 0)
        first.send_signal(signal.SIGSTOP)
        status, error = ended(start(folder, "run", "run.yaml", "--quiet", "-o", "both.h5"))
        first.send_signal(signal.SIGCONT)
        good = ended(first)[0] == 0 and status == 2 and "is writing both.h5" in error
        good = good and same(folder / "both.h5", folder / "whole.h5")
        found["times the second was refused with a sentence and the first went on" if good else "lost"] += 1
        (folder / "both.h5").unlink(missing_ok=True)
    return found


def read_only(folder: Path, trials: int, code: str = PLAIN) -> Found:
    """No place for compiled kernels in the package, and in every second trial none at home.

    ``__pycache__`` is a file: permissions would not keep root from writing.
    """
    copy = folder / "package" / "fpsolver"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for path in [copy, *(path for path in copy.rglob("*") if path.is_dir())]:
        (path / "__pycache__").write_text("no folder")
        path.chmod(0o555)
    ends = []
    for trial in range(trials):
        home = str(folder / "home") if trial % 2 else "/dev/null"
        where = {"PYTHONPATH": str(copy.parent), "HOME": home, "XDG_CACHE_HOME": f"{home}/cache", **ONE_THREAD}
        ends.append(ended(start(folder, "run", "run.yaml", "--quiet", "--force", code=code, **where)))
    for path in [copy, *(path for path in copy.rglob("*") if path.is_dir())]:
        path.chmod(0o755)
    return outcomes(folder, ends)


SWEEP = ("sweep", "run.yaml", "--quiet", "--over", "system.bath.eta=linspace(0.3,0.9,10)", "--set", "time.until=2")


def dead_worker(folder: Path, trials: int) -> Found:
    """One of two Dask workers is killed while a sweep runs; the table must be that of one local process."""
    found: Found = Counter()
    status, error = ended(start(folder, *SWEEP, "-o", "here.h5", "--workers", "1"))
    for _ in range(trials):
        with tempfile.TemporaryDirectory() as name:
            status, error = _on_dask(folder, Path(name))
        good = status == 0 and _same_tables(folder / "here.h5", folder / "dask.h5")
        found["went on without it" if good else "lost"] += 1
        if not good:
            print(f"lost: status {status}: {error[-600:]}", file=sys.stderr)
        (folder / "dask.h5").unlink(missing_ok=True)
    return found


def _on_dask(folder: Path, place: Path) -> tuple[int, str]:
    """A sweep on a cluster of two workers, of which one is killed after two rows."""
    file = place / "scheduler.json"
    common = ["--scheduler-file", str(file), "--no-dashboard"]
    dask = [sys.executable, "-m", "dask"]
    quiet = {"cwd": place, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    quiet["env"] = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    cluster = [subprocess.Popen([*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", *common], **quiet)]  # type: ignore[call-overload]
    try:
        wait_for(file.exists)
        for _ in range(2):
            one = [*dask, "worker", "--no-nanny", "--nthreads", "1", *common]
            cluster.append(subprocess.Popen(one, **quiet))  # type: ignore[call-overload]
        address = json.loads(file.read_text())["address"]
        sweep = start(folder, *SWEEP, "-o", "dask.h5", "--scheduler", address)
        rows = folder / "dask.h5.partial"
        wait_for(lambda: sweep.poll() is not None or (rows.exists() and len(rows.read_text().splitlines()) > 2))
        cluster[1].kill()
        return ended(sweep)
    finally:
        for process in cluster[::-1]:
            process.kill()
            process.wait()


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    """TimeoutError if it does not come true."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("waited too long")
        time.sleep(0.02)


def _same_tables(a: Path, b: Path) -> bool:
    x, y = fp.load_sweep(a), fp.load_sweep(b)
    names = ("entropy_production", "entropy_flux", "mean", "covariance")
    return bool(x.is_good.all()) and all(x[name].tobytes() == y[name].tobytes() for name in names)


FAULTS: dict[str, tuple[Callable[[Path, int], Found], float]] = {  # and trials for each kill -9
    "`kill -9` at a random moment": (kill, 1.0),
    "no room on the disk (a limit on file sizes, 1 kB to 3 MB)": (full_disk, 0.2),
    "no memory (a limit on the address space, 0.1 to 0.7 GB)": (little_memory, 0.1),
    "the folder of the output is removed during the run": (removed_folder, 0.05),
    "package and home folder cannot be written (no place for compiled kernels)": (read_only, 0.02),
    "two runs on one output at the same time": (two_runs, 0.05),
    "a Dask worker is killed during a sweep": (dead_worker, 0.03),
}
