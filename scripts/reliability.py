"""Break runs on purpose and write what became of them to docs/reliability.md.

    python scripts/reliability.py [--kills 100] [--steps 1000000] [-o docs/reliability.md]

Every trial ends in one of three ways: the run went on, it was refused with a sentence, or it was killed and --resume
went on to the same bits. Anything else is "lost" and the script ends with status 1.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

import fpsolver as fp
from fpsolver.io import checkpoint

CONFIG = """\
system:
  mass: 1.0
  potential: {kind: harmonic, omega: 1.0}
  bath: {model: minimally_invasive, eta: 0.5, beta: 0.7}
initial: {kind: gaussian, mean: [0.5, 0.0], covariance: [[1.5, 0.0], [0.0, 1.5]]}
grid: {q: {cells: 64}, p: {cells: 64}}
time: {until: 20.0}
output: {path: out.h5, checkpoint_every: 0.1, every: 0.5}
"""
ENTRY = "import sys; from fpsolver.cli.main import main; main(sys.argv[1:])"


def start(folder: Path, *arguments: str, limit: tuple[int, int] | None = None, **environment: str) -> subprocess.Popen:
    """``fpsolver`` as a process of its own, with a resource limit."""
    limits = (lambda: resource.setrlimit(limit[0], (limit[1], limit[1]))) if limit else None
    return subprocess.Popen(
        [sys.executable, "-c", ENTRY, *arguments], cwd=folder, env={**os.environ, **environment}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=limits,
    )  # fmt: skip


def ended(process: subprocess.Popen) -> tuple[int, str]:
    """Status and standard error."""
    _, error = process.communicate(timeout=300)
    return process.returncode, error


def same(a: Path, b: Path) -> bool:
    """Equal series, final state and snapshots, to the bit."""
    x, y = fp.load_result(a), fp.load_result(b)
    series = all(values.tobytes() == y.series[name].tobytes() for name, values in x.series.items())
    return series and x.final.W.tobytes() == y.final.W.tobytes() and x.snapshots.W.tobytes() == y.snapshots.W.tobytes()


def is_whole(folder: Path) -> bool:
    """True if the result is absent or readable, and the checkpoint too."""
    result, place = folder / "out.h5", folder / "out.h5.checkpoint"
    if result.exists():
        fp.load_result(result)
    if place.exists():
        checkpoint.load(place)
    return True


def kill(folder: Path, trials: int) -> Counter[str]:
    """Kill -9 at random moments from the first step to the end, and again during the resumed run."""
    found: Counter[str] = Counter()
    rng = np.random.default_rng(0)
    for _ in range(2):  # the first may compile
        begun = time.perf_counter()
        status, error = ended(start(folder, "run", "run.yaml", "-o", "whole.h5", "--quiet", "--force"))
        assert status == 0, error
        duration = time.perf_counter() - begun
    while found["killed"] < trials:
        process = start(folder, "run", "run.yaml", "--quiet", "--resume")
        time.sleep(duration * rng.uniform(0.3, 1.05))
        process.kill()
        found["killed" if ended(process)[0] == -signal.SIGKILL else "ended before it was killed"] += 1
        found["unreadable"] += not is_whole(folder)
        if (folder / "out.h5").exists():
            found["complete results"] += 1
            found["lost"] += not same(folder / "out.h5", folder / "whole.h5")
            (folder / "out.h5").unlink()
            (folder / "out.h5.checkpoint").unlink(missing_ok=True)
    status, _ = ended(start(folder, "run", "run.yaml", "--quiet", "--resume"))
    found["lost"] += status != 0 or not same(folder / "out.h5", folder / "whole.h5")
    return found


def refused(folder: Path, runs: list[tuple[int, str]], words: tuple[str, ...]) -> Counter[str]:
    """Outcomes of runs that either end well or say one of ``words``."""
    found: Counter[str] = Counter()
    for status, error in runs:
        good = status == 0 or (status in (2, 3) and any(word in error for word in words))
        good = good and "Traceback" not in error and is_whole(folder)
        found["went on" if status == 0 and good else "a sentence" if good else "lost"] += 1
        if not good:
            print(f"lost: status {status}: {error[-600:]}", file=sys.stderr)
    return found


def full_disk(folder: Path, trials: int) -> Counter[str]:
    """A limit on the size of files, from a kilobyte up; compiled kernels are there already."""
    sizes = np.geomspace(1e3, 3e6, trials).astype(int)
    runs = [ended(start(folder, "run", "run.yaml", "--quiet", "--force", limit=(resource.RLIMIT_FSIZE, int(size))))
            for size in sizes]  # fmt: skip
    return refused(folder, runs, ("cannot be written", "the system refused"))


def little_memory(folder: Path, trials: int) -> Counter[str]:
    """A limit on the address space, from one at which Python hardly starts."""
    sizes = np.linspace(0.5e9, 3e9, trials).astype(int)
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    runs = [ended(start(folder, "run", "run.yaml", "--quiet", "--force", limit=(resource.RLIMIT_AS, int(size)), **one))
            for size in sizes]  # fmt: skip
    return refused(folder, runs, ("memory", "the system refused"))


def removed_folder(folder: Path, trials: int) -> Counter[str]:
    """The folder of the output removed while the run goes on."""
    found: Counter[str] = Counter()
    for _ in range(trials):
        process = start(folder, "run", "run.yaml", "--quiet", "-o", "sub/out.h5")
        while not (folder / "sub").exists() and process.poll() is None:
            time.sleep(0.01)
        for path in (folder / "sub").iterdir():
            path.unlink(missing_ok=True)
        threading.Event().wait(0.05)
        subprocess.run(["rm", "-rf", str(folder / "sub")], check=True)
        status, error = ended(process)
        good = status == 0 and same(folder / "sub" / "out.h5", folder / "whole.h5")
        found["went on" if good else "a sentence" if "cannot be written" in error else "lost"] += 1
        subprocess.run(["rm", "-rf", str(folder / "sub")], check=True)
    return found


def two_runs(folder: Path, trials: int) -> Counter[str]:
    """Two runs on one output at the same time."""
    found: Counter[str] = Counter()
    for _ in range(trials):
        both = [start(folder, "run", "run.yaml", "--quiet", "-o", "both.h5") for _ in range(2)]
        results = sorted(ended(process) for process in both)
        texts = "".join(error for _, error in results)
        one = [status for status, _ in results] == [0, 2] and ("is writing" in texts or "exists already" in texts)
        good = one and same(folder / "both.h5", folder / "whole.h5")
        found["one went on, one was refused with a sentence" if good else "lost"] += 1
        (folder / "both.h5").unlink(missing_ok=True)
    return found


def long_run(steps: int) -> tuple[float, float, float]:
    """Mass drift, growth of the memory (MB) and seconds of so many steps on 32^2 cells."""
    axis = {"cells": 32, "extent": [-7.0, 7.0]}
    system = {"mass": 1.0, "potential": {"kind": "harmonic", "omega": 1.0},
              "bath": {"model": "minimally_invasive", "eta": 0.5, "beta": 1.0}}  # fmt: skip
    config = fp.Config(
        system=system, initial={"kind": "gaussian", "mean": [0.3, 0.0], "covariance": [[1.2, 0.0], [0.0, 1.2]]},
        grid={"q": axis, "p": axis}, time={"until": 0.02 * steps, "dt": 0.02, "stepper": "rk4"},
        output={"every": 0.02 * steps / 100, "snapshots": 2},
    )  # fmt: skip
    peaks: list[int] = []
    begun = time.perf_counter()
    problem = fp.api.prepare(config)
    result = fp.api.run_problem(problem, lambda *_: peaks.append(_resident()))
    return (
        float(np.ptp(result.series["mass"])),
        (peaks[-1] - peaks[len(peaks) // 10]) / 2**20,
        time.perf_counter() - begun,
    )


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


FAULTS: dict[str, tuple[Callable[[Path, int], Counter[str]], float]] = {  # and trials for each kill -9
    "kill -9 at random moments of start, stepping, recording and writing": (kill, 1.0),
    "no room on the disk (a limit on file sizes, 1 kB to 3 MB)": (full_disk, 0.2),
    "no memory (a limit on the address space, 0.5 to 3 GB)": (little_memory, 0.1),
    "the folder of the output is removed during the run": (removed_folder, 0.05),
    "two runs on one output at the same time": (two_runs, 0.05),
}
HEAD = """\
# Reliability

What became of runs that were broken on purpose. This page is written by
`python scripts/reliability.py{options}`; nothing in it is typed in. "Lost" counts results or checkpoints
that could not be read, other bits after `--resume`, and tracebacks.

| fault | trials | outcomes |
| --- | --- | --- |
"""


def main() -> int:
    """Run all trials and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/reliability.md"))
    arguments = parser.parse_args()
    options = "" if arguments.kills == 100 else f" --kills {arguments.kills}"
    rows, lost = [], 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "run.yaml").write_text(CONFIG)
        for fault, (trial, share) in FAULTS.items():
            number = max(1, round(arguments.kills * share))
            found = trial(folder, number)
            lost += found["lost"] + found["unreadable"]
            outcomes = ", ".join(f"{count} {word}" for word, count in found.items() if count or word == "lost")
            rows.append(f"| {fault} | {number} | {outcomes}{'' if 'lost' in found else ', 0 lost'} |")
            print(rows[-1], flush=True)
    drift, growth, seconds = long_run(arguments.steps)
    words = f"the mass changed by {drift:.1e}, the memory by {growth:.1f} MB"
    rows.append(f"\n{arguments.steps:,} steps on 32² cells took {seconds:.0f} s: {words}.")
    arguments.output.write_text(HEAD.format(options=options) + "\n".join(rows) + "\n")
    print(rows[-1])
    return int(lost > 0)


if __name__ == "__main__":
    sys.exit(main())
