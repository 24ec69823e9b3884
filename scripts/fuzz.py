"""Feed the readers of fpsolver with broken and hostile input: always a sentence, in bounded time, nothing executed.

    python scripts/fuzz.py [--cases 20000] [--seed 0] [--kind text|values|set|over|bytes|structure]

A case passes if it is accepted, or refused by an FpsolverError with exit status 2. It fails if it raises anything else,
takes over 30 seconds, needs over 2 GiB, dies, runs a program, opens a socket, compiles code, or opens any file for
writing. Each case has a seed of its own, so that a failure can be repeated alone.
"""

from __future__ import annotations

import argparse
import copy
import os
import re
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import fpsolver as fp
from fpsolver.cli import unfinished
from fpsolver.config.reader import load_config
from fpsolver.errors import FpsolverError
from fpsolver.io import checkpoint, seal
from fpsolver.io.container import file_format
from fpsolver.io.reading import read_state
from fpsolver.sweeps.axes import parse_over
from fpsolver.sweeps.table import load_sweep

CONFIG = """\
title: fuzz
units: {hbar: 1.0}
system:
  mass: 1.0
  potential: {kind: harmonic, omega: 1.0}
  bath: {model: minimally_invasive, eta: 0.5, beta: 0.7}
initial: {kind: gaussian, mean: [0.5, 0.0], covariance: [[1.5, 0.0], [0.0, 1.5]]}
grid: {q: {cells: 32}, p: {cells: 32}}
scheme: {flux: central, order: 8}
time: {until: 0.2}
output: {path: out.h5, every: 0.1, snapshots: [0.0, 0.2]}
checks: {strict: false}
"""
LOOP: dict[str, Any] = {}
LOOP["potential"] = LOOP
ODD = [
    None, True, False, 0, -1, 1, 2**63, 10**400, 1e308, 1e-320, float("inf"), float("nan"), "", "auto", "1e-3", "a\0b",
    "ünïcödé", "x" * 5000, [], [[]], {}, {"kind": "free"}, [1, "2", None], {"": {}}, [[1.0, 0.0], [0.0]], "/etc/passwd",
    "../../x.h5", "!!python/object/apply:os.system [true]", "__import__('os').system('true')", "linspace(0,1,3)", LOOP,
]  # fmt: skip
SNIPPETS = [
    "&a [*a, *a]", "*a", "!!python/object/apply:os.system ['touch pwned']", "!include /etc/passwd", "{" * 50, "[" * 50,
    "? ", "- ", ": ", "\t", "\0", "---\n", "...\n", "%YAML 1.1\n", "<<: *a\n", "|\n", ">\n", "'", '"', "1e999", "0x1F",
    "0o17", "1_000", "2001-01-01", "yes", "~", "=", "\ufeff", "a: &x {b: &y [*x]}\n", "🙂", "[" * 22 + "1" + "]" * 22,
]  # fmt: skip
WORDS = [
    "system", "bath", "eta", "grid.q.cells", "time.until", "output.path", "0", "-1", "99999999999", "..", "", "=", " ",
]  # fmt: skip
KEYS = [
    "system.bath.eta",
    "initial.mean.0",
    "grid.q",
    "time",
    "output.snapshots",
    "checks.strict",
    "title",
    "grid.p.extent",
]
VALUES = [
    "1", "auto", "[1,2", "{a: 1}", "!!python/name:os.system", "&a [*a]", "linspace(0,1,3)", "logspace(1,0,3)", "()",
    "linspace(0,1,1000000000)", "1,2,,3", "linspace(", "nan,inf", "1e400", "\0", "x" * 3000, "[" * 300,
    "[" * 5000, "- " * 5000, "{a: " * 900,
]  # fmt: skip
KEPT = ["good.yaml", "good.h5", "moments.h5", "sweep.h5", "checkpoint.h5", "pipe"]
Read = Callable[[], object]
Reader = Callable[[Path], object]
Case = Callable[[np.random.Generator, Path], Read]  # prepares a case; what it returns is watched


def pick(rng: np.random.Generator, items: list[Any]) -> Any:
    """One of a list."""
    return items[int(rng.integers(len(items)))]


def text(rng: np.random.Generator, folder: Path) -> Read:
    """The text of a configuration with pieces cut, doubled, exchanged or put in; alias bombs now and then."""
    content = CONFIG
    for _ in range(int(rng.integers(1, 6))):
        i, j = sorted(rng.integers(0, len(content) + 1, 2).tolist())
        j = min(j, i + int(rng.integers(1, 40)))
        piece = pick(rng, [pick(rng, SNIPPETS), "", content[i:j] * 2, chr(int(rng.integers(1, 0x3000)))])
        content = content[:i] + piece + content[j:]
    if rng.random() < 0.02:
        content = "".join(f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9) if k else 'x'}]\n" for k in range(9)) + content
    if rng.random() < 0.02:
        content += pick(rng, ["[", "{a: ", "- ", "? "]) * int(rng.integers(1, 20000))
    path = folder / "case.yaml"
    data = content.encode("utf-8", "surrogatepass")
    path.write_bytes(data if rng.random() < 0.95 else bytes(rng.integers(0, 256, 200, dtype=np.uint8)))
    return lambda: load_config(path)


def values(rng: np.random.Generator, folder: Path) -> Read:
    """A valid configuration with odd values, missing and added keys, as Python data."""
    del folder
    data = PLAIN()
    for _ in range(int(rng.integers(1, 4))):
        node: Any = data
        while isinstance(node, dict) and node:
            key = pick(rng, list(node))
            if not isinstance(node[key], dict) or rng.random() < 0.2:
                break
            node = node[key]
        action = rng.random()
        if not isinstance(node, dict) or not node or action < 0.1:
            node = data
            key = pick(rng, list(data)) if data else "system"
        if action < 0.7:
            node[key] = copy.deepcopy(pick(rng, ODD))
        elif action < 0.85:
            node.pop(key, None)
        else:
            node[pick(rng, [*WORDS, 3, None])] = copy.deepcopy(pick(rng, ODD))
    return lambda: fp.Config(**{str(key): value for key, value in data.items()})


def overrides(rng: np.random.Generator, folder: Path) -> Read:
    """``--set`` with keys and values that make little sense."""
    made = []
    for _ in range(int(rng.integers(1, 4))):
        key = ".".join(pick(rng, WORDS) for _ in range(int(rng.integers(1, 5))))
        key = pick(rng, KEYS) if rng.random() < 0.5 else key
        made.append(f"{key}{pick(rng, ['=', '=', '=', '', '=='])}{pick(rng, VALUES + SNIPPETS)}")
    return lambda: load_config(folder / "good.yaml", made)


def over(rng: np.random.Generator, folder: Path) -> Read:
    """``--over`` likewise."""
    del folder
    made = []
    for _ in range(int(rng.integers(1, 3))):
        number = "".join(pick(rng, list("0123456789.e-+(),ainlogspc ")) for _ in range(int(rng.integers(0, 20))))
        made.append(
            f"{pick(rng, WORDS)}{pick(rng, ['=', '', '=='])}{pick(rng, [*VALUES, number, f'linspace({number})'])}"
        )
    return lambda: parse_over(made)


def sample(rng: np.random.Generator, folder: Path) -> tuple[Path, bytes, Reader]:
    """Where a case goes, a good file, and its reader: a result, one without a grid, a table, a checkpoint."""
    name = pick(rng, ["good.h5", "good.h5", "moments.h5", "sweep.h5", "checkpoint.h5"])
    reader: Reader = {"sweep.h5": load_sweep, "checkpoint.h5": checkpoint.load}.get(name, fp.load_result)
    if rng.random() < 0.1:
        reader = pick(rng, [fp.load_result, load_sweep, checkpoint.load, file_format, read_state])
    return folder / "case.h5", (folder / name).read_bytes(), reader


def flipped(rng: np.random.Generator, folder: Path) -> Read:
    """A file with bits flipped or its end cut off; two of three without their seal, which would tell at once."""
    path, content, reader = sample(rng, folder)
    data = bytearray(content if rng.random() < 1 / 3 else content[: -seal.LENGTH])
    kind = rng.random()
    if kind < 0.15:
        data = data[: int(rng.integers(0, len(data)))]
    # half of the damage into the first part, where the structure is
    most = len(data) if rng.random() < 0.5 else min(len(data), 20000)
    for _ in range(int(rng.geometric(0.4))):
        if most:
            data[int(rng.integers(most))] ^= 1 << int(rng.integers(8))
    path.write_bytes(bytes(data))
    return lambda: str(reader(path))


def structure(rng: np.random.Generator, folder: Path) -> Read:
    """A valid HDF5 file that is a result no more: members removed, of another type or shape, links, bombs."""
    path, content, reader = sample(rng, folder)
    path.write_bytes(content)
    with h5py.File(path, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        for _ in range(int(rng.integers(1, 4))):
            if _change(file, pick(rng, names), rng, folder):
                break  # a link leads elsewhere: nothing after it would be in this file
    return lambda: str(reader(path))


def _change(file: h5py.File, name: str, rng: np.random.Generator, folder: Path) -> bool:
    """Change one member; true if it leads elsewhere now."""
    attributes = [(place, key) for place in ("/", name) if place in file for key in file[place].attrs]
    if rng.random() < 0.3 and attributes:
        place, key = pick(rng, attributes)
        if rng.random() < 0.3:
            del file[place].attrs[key]
        else:
            file[place].attrs[key] = pick(rng, [0, -1, 2**40, "text", np.nan, np.zeros((3, 2)), "", h5py.Empty("f8")])
        return False
    if name not in file:
        return False
    del file[name]
    kind = int(rng.integers(10))
    if kind == 0:
        file[name] = h5py.ExternalLink(str(folder / "pipe"), "/x")
    elif kind == 1:
        file[name] = h5py.SoftLink("/" + pick(rng, ["", "grid", name]))
    elif kind == 2:
        file[name] = file["/"]
    elif kind == 3:
        file.create_dataset(name, shape=(2**20, 2**20), dtype="f8", chunks=(64, 64))
    elif kind == 4:
        file.create_dataset(name, shape=(10**7,), dtype="f8", compression="gzip")
    elif kind == 5:
        file.create_dataset(name, shape=(4,), dtype="f8", external=[("/etc/hostname", 0, 32)])
    elif kind == 6:
        layout = h5py.VirtualLayout(shape=(4,), dtype="f8")
        layout[:] = h5py.VirtualSource(str(folder / "pipe"), "x", shape=(4,))
        file.create_virtual_dataset(name, layout)
    elif kind == 7:
        file[name] = pick(rng, ["text", [b"a", b"b"], np.zeros((2, 0)), np.zeros((2, 3, 4)), 1.0, np.zeros(3, complex)])
    elif kind == 8:
        file.create_group(name)
    return kind in (0, 1, 2, 5, 6)


KINDS: dict[str, tuple[Case, float]] = {  # and the share of the cases
    "text": (text, 0.13),
    "values": (values, 0.4),
    "set": (overrides, 0.12),
    "over": (over, 0.2),
    "bytes": (flipped, 0.1),
    "structure": (structure, 0.05),
}


WHAT = {
    "text": "YAML with pieces cut, doubled, put in; nested; alias bombs",
    "values": "configurations in Python with odd values, missing and unknown keys, loops",
    "set": "`--set`",
    "over": "`--over`",
    "bytes": "result, sweep and checkpoint files cut off or with flipped bits, two of three without their seal",
    "structure": "such files with members removed, of other types and shapes, huge, in circles, linked to other files",
}


def PLAIN() -> dict[str, Any]:
    """The configuration as plain data."""
    from fpsolver.config.reader import parse_yaml

    return parse_yaml(CONFIG, "fuzz")[0]


class Forbidden(BaseException):
    """Something was done that no input may cause; not an Exception, so that nothing catches it."""


SECONDS = 30  # of wall time: a busy machine must not fail a case
WATCHED: list[str] = []  # the case that is being read


def watch_the_interpreter() -> None:
    """An audit hook that refuses programs, sockets, code, and files opened for writing, while a case runs."""
    bad = (
        "subprocess.", "os.system", "os.exec", "os.fork", "socket.", "ctypes.dlopen", "pickle.", "os.remove",
        "os.rename", "os.mkdir", "shutil.",
    )  # fmt: skip

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if not WATCHED:
            return
        writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
        if event.startswith(bad) or event in ("compile", "exec") or writes:
            WATCHED.clear()
            raise Forbidden(f"{event} {str(arguments)[:200]}")

    sys.addaudithook(hook)


def run_case(kind: str, seed: int, folder: Path) -> str:
    """``accepted``, ``refused``, or what went wrong."""
    case, rng = KINDS[kind][0], np.random.default_rng([seed, list(KINDS).index(kind)])
    signal.alarm(SECONDS)
    try:
        read = case(rng, folder)
        WATCHED.append(kind)
        read()
    except FpsolverError as error:
        ok = error.exit_status == 2 and str(error).strip() and "Traceback" not in str(error) and len(str(error)) < 20000
        return "refused" if ok else f"a poor refusal: {type(error).__name__} {str(error)[:200]!r}"
    except (Exception, Forbidden) as error:
        return f"{type(error).__name__}: {str(error)[:200]}"
    finally:
        WATCHED.clear()
        signal.alarm(0)
    return "accepted"


def too_long(*_: object) -> None:
    """What the alarm does."""
    raise Forbidden(f"took over {SECONDS} seconds")


def write_samples(folder: Path) -> None:
    """A file of each kind."""
    config = fp.load_config(folder / "good.yaml")
    fp.run(config).save(folder / "good.h5")
    fp.run(config.replaced(time={"method": "gaussian"})).save(folder / "moments.h5")
    fp.sweep(config, {"system.bath.eta": [0.4, 0.5]}, path=folder / "sweep.h5", workers=1)
    problem = fp.api.prepare(config)
    kept = [checkpoint.Guard(folder / "checkpoint.h5", problem.config, unfinished.plan_of(problem), print, stop=True)]
    fp.api.run_problem(problem, guard=kept[0])


def prepared(folder: Path) -> Path:
    """What the cases start from, and everything lazy imported and compiled."""
    signal.signal(signal.SIGALRM, too_long)
    (folder / "good.yaml").write_text(CONFIG)
    if not (folder / "pipe").exists():
        os.mkfifo(folder / "pipe")  # whoever opens it waits for ever
    if not (folder / "good.h5").exists():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the grid is coarse, to be small
            write_samples(folder)
    for kind in KINDS:
        for seed in range(10**9, 10**9 + 30):
            run_case(kind, seed, folder)
    return folder


def batch(kind: str, seeds: range, folder: Path, report: int) -> None:
    """Cases in a child process, outcomes line by line into a pipe."""
    watch_the_interpreter()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (used + 2 * 2**30, hard))
    for seed in seeds:
        os.write(report, f"{seed} begun\n".encode())
        outcome = run_case(kind, seed, folder).replace("\n", " ")
        os.write(report, f"{seed} {outcome}\n".encode())


def run_kind(kind: str, seeds: range, folder: Path) -> tuple[Counter[str], list[str]]:
    """All cases of a kind; a child that dies is replaced, and its case counts as failed."""
    found: Counter[str] = Counter()
    failures, done = [], seeds.start
    while done < seeds.stop:
        first = done
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            try:
                batch(kind, range(done, seeds.stop), folder, writing)
            finally:
                os._exit(0)  # whatever happened: this is not the process that cleans up
        os.close(writing)
        with os.fdopen(reading) as lines:
            for line in lines:
                seed, outcome = line.rstrip("\n").split(" ", 1)
                if outcome == "begun":
                    done = int(seed) + 1
                    continue
                found[outcome if outcome in ("accepted", "refused") else "failed"] += 1
                if outcome not in ("accepted", "refused"):
                    failures.append(f"--kind {kind} --seed {seed} --cases 1: {outcome}")
        _, status = os.waitpid(child, 0)
        if done == first:
            raise RuntimeError(f"the child for the cases from seed {done} did nothing")
        if os.WIFSIGNALED(status):
            found["failed"] += 1
            failures.append(f"--kind {kind} --seed {done - 1} --cases 1: died of signal {os.WTERMSIG(status)}")
    return found, failures


def fuzz(cases: int, seed: int, only: str | None, folder: Path) -> tuple[dict[str, Counter[str]], list[str]]:
    """Run ``cases`` cases, of all kinds or one; counts by kind, and how to repeat each failure."""
    prepared(folder)
    counts: dict[str, Counter[str]] = {}
    failures: list[str] = []
    for kind, (_, share) in KINDS.items():
        number = cases if kind == only else round(cases * share) if only is None else 0
        if number:
            counts[kind], failed = run_kind(kind, range(seed, seed + number), folder)
            failures += failed
            print(f"{kind:<10} {counts[kind].total():>7} cases: {dict(counts[kind])}", flush=True)
    return counts, failures


def grouped(failures: list[str]) -> dict[str, list[str]]:
    """How to repeat the failures, by what happened, without its numbers."""
    found: dict[str, list[str]] = {}
    for failure in failures:
        how, what = failure.split(": ", 1)
        found.setdefault(re.sub(r"[-\d.]+", "N", what), []).append(f"{how}: {what}")
    return found


def main() -> int:
    """Run the cases and print the counts; status 1 if any failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", choices=list(KINDS))
    arguments = parser.parse_args()
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        counts, failures = fuzz(arguments.cases, arguments.seed, arguments.kind, Path(name))
        left = sorted(path.name for path in Path(name).iterdir())
    total, seconds = sum(found.total() for found in counts.values()), time.perf_counter() - begun
    print(f"{total} cases in {seconds:.0f} s, {len(failures)} failed")
    for what, group in grouped(failures).items():
        print(f"{len(group)} times {what}\n" + "\n".join(f"    {one}" for one in group[:3]))
    strange = set(left) - {*KEPT, "case.yaml", "case.h5"}
    print(f"files that nobody asked for: {sorted(strange)}" if strange else "no file was touched")
    return 1 if failures or strange else 0


if __name__ == "__main__":
    sys.exit(main())
