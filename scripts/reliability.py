"""Break runs on purpose and write what became of them to docs/reliability.md.

    python scripts/reliability.py [--kills 100] [--cases 100000] [--steps 1000000] [--only faults] [-o PAGE]

``--only`` writes one section of the page anew and leaves the others. Status 1 if anything was lost.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import faults
import fuzz
import numpy as np

import fpsolver as fp
from fpsolver import checks
from fpsolver.api import prepare, run_problem
from fpsolver.cli import unfinished

RUNS = 15
HEAD = """\
# Reliability

What became of runs that were broken on purpose, of input that makes no sense, and of a long run.
`python scripts/reliability.py` measures all of this and writes this page, and with `--only` one of its sections
({names}).
"""
SAFETY = """\
## What fpsolver never does

It loads no pickles, evaluates no text as code, and opens no network connection; `tests/test_hostile.py` goes through
the sources for it, and watches a run. Three libraries that it calls do. Numba keeps compiled kernels, which are code,
in a cache folder: set `NUMBA_CACHE_DIR` to one that only you can write. `fpsolver sweep` sends configurations and rows
to its local processes as pickles (loky). `--scheduler` does so over the network, to the Dask cluster that you name:
name one that you trust.
"""


def faults_section(arguments: argparse.Namespace) -> tuple[str, int]:
    """Faults, trials and outcomes."""
    rows, lost = [], 0
    with tempfile.TemporaryDirectory() as name:
        folder = faults.prepared(Path(name))
        for fault, (trial, share) in faults.FAULTS.items():
            number = max(1, round(arguments.kills * share))
            found = trial(folder, number)
            lost += found["lost"]
            words = ", ".join(f"{count} {word}" for word, count in found.items() if word != "lost" and count)
            rows.append(f"| {fault} | {number} | {words} | {found['lost']} |")
            print(rows[-1], flush=True)
            faults.clean(folder)
    text = (
        "Every trial is a process of its own. *Lost* counts results or checkpoints that cannot be read, other bits "
        "than those of an undisturbed run, files left behind after a resumed run has ended, and tracebacks.\n\n"
        "| fault | trials | outcomes | lost |\n| --- | --- | --- | --- |\n"
    )
    return text + "\n".join(rows), lost


def input_section(arguments: argparse.Namespace) -> tuple[str, int]:
    """Cases of scripts/fuzz.py; with ``--kind`` those of one kind anew, and the rows of the others as they are."""
    kept = written(arguments.output).get(SECTIONS["input"][0], "") if arguments.kind else ""
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in kept.splitlines() if line.startswith("| ")}
    bad = 0
    for kind, (_, share) in fuzz.KINDS.items():
        if arguments.kind in (None, kind):
            number = round(arguments.cases * share)
            with tempfile.TemporaryDirectory() as name:
                counts, failures = fuzz.fuzz(number, arguments.seed, kind, Path(name))
                strange = {path.name for path in Path(name).iterdir()} - {*fuzz.KEPT, "case.yaml", "case.h5"}
            print("\n".join([*failures[:50], *strange]))
            bad += len(failures) + len(strange)
            found = counts[kind]
            numbers = f"{number} | {found['accepted']} | {found['refused']} | {found['failed']}"
            rows[fuzz.WHAT[kind]] = f"| {fuzz.WHAT[kind]} | `{kind}` | {numbers} |"
    lines = [rows[what] for what in fuzz.WHAT.values() if what in rows]
    total, failed = (sum(int(line.split(" | ")[k].strip(" |")) for line in lines) for k in (2, 5))
    text = (
        f"`python scripts/fuzz.py --kind KIND --cases CASES --seed {arguments.seed}`: {total:,} cases, {failed} failed."
        "\nA case fails unless it is accepted, or refused with a sentence and exit status 2, within "
        f"{fuzz.SECONDS} seconds\nand 2 GiB; or if it opens a file for writing, starts a program, opens a socket or "
        "compiles code.\n\n| input | kind | cases | accepted | refused | failed |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
    )
    return text + "\n".join(lines), bad


def long_section(arguments: argparse.Namespace) -> tuple[str, int]:
    """A long run."""
    begun = time.perf_counter()
    drift, growth, kept = long_run(arguments.steps)
    text = (
        f"{arguments.steps:,} steps on 32² cells with {kept} checkpoints took {time.perf_counter() - begun:.0f} s: the "
        f"mass changed by {drift:.1e}, the memory by {growth:.1f} MB after the first tenth."
    )
    return text, int(drift > 1e-11 or growth > 5)


def long_run(steps: int) -> tuple[float, float, int]:
    """Mass drift, growth of the memory (MB) after the first tenth, and checkpoints of so many steps on 32^2 cells."""
    axis = {"cells": 32, "extent": [-7.0, 7.0]}
    system = {"mass": 1.0, "potential": {"kind": "harmonic", "omega": 1.0},
              "bath": {"model": "minimally_invasive", "eta": 0.5, "beta": 1.0}}  # fmt: skip
    config = fp.Config(
        system=system, initial={"kind": "gaussian", "mean": [0.3, 0.0], "covariance": [[1.2, 0.0], [0.0, 1.2]]},
        grid={"q": axis, "p": axis}, time={"until": 0.02 * steps, "dt": 0.02, "stepper": "rk4"},
        output={"every": 0.02 * steps / 100, "snapshots": 2, "checkpoint_every": 0.1},
    )  # fmt: skip
    memory: list[int] = []
    saved: list[None] = []
    problem = prepare(config)
    with tempfile.TemporaryDirectory() as name:
        guard = unfinished.guard(problem, Path(name) / "out.h5")
        save = guard.save
        guard.save = lambda position: saved.append(save(position))  # type: ignore[method-assign]
        result = run_problem(problem, lambda *_: memory.append(resident()), guard)
    drift = float(np.ptp(result.series["mass"]))
    return drift, (memory[-1] - memory[len(memory) // 10]) / 2**20, len(saved)


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def watching_section(arguments: argparse.Namespace) -> tuple[str, int]:
    """The share of looking at the records."""
    del arguments
    rows, worst = [], 0.0
    for cells in ("auto", 64, 128, 256):
        n, share, records = share_of_watching(cells)
        worst = max(worst, share if cells == "auto" else 0.0)
        rows.append(f"| {n}²{' (auto)' if cells == 'auto' else ''} | {records} | {100 * share:.2f} % |")
    text = (
        "Time that goes into [what a run watches](checks.md), of the processor time that a prepared run takes: the\n"
        "medians of each record's and of the runs. `configs/minimally_invasive.yaml` to t = 20,\n"
        f"{RUNS} runs; not strict.\n\n"
        "| cells | records | watching |\n| --- | --- | --- |\n"
    )
    return text + "\n".join(rows), int(worst > 0.02)


def share_of_watching(cells: int | str) -> tuple[int, float, int]:
    """Cells along an axis, share of the time of a run, and the number of its records."""
    place = Path(__file__).parents[1] / "configs" / "minimally_invasive.yaml"
    axis = {"cells": cells}
    problem = prepare(fp.load_config(place).replaced(grid={"q": axis, "p": axis}, time={"until": 20.0}))
    wholes, looks = [], []
    for _ in range(RUNS):
        spent: list[float] = []
        with contextlib.ExitStack() as stack:
            for name in ("look", "finish"):
                stack.enter_context(mock.patch.object(checks.Checks, name, timed(getattr(checks.Checks, name), spent)))
            begun = time.process_time()
            records = len(run_problem(problem).series["time"])
            wholes.append(time.process_time() - begun)
        looks.append(spent)
    return problem.grid.shape[0], float(np.median(looks, axis=0).sum() / np.median(wholes)), records


def timed(function: Callable[..., object], spent: list[float]) -> Callable[..., object]:
    """The same function, which notes its seconds."""

    def outer(*arguments: object, **keywords: object) -> object:
        begun = time.perf_counter()
        try:
            return function(*arguments, **keywords)
        finally:
            spent.append(time.perf_counter() - begun)

    return outer


SECTIONS: dict[str, tuple[str, Callable[[argparse.Namespace], tuple[str, int]]]] = {
    "faults": ("## Faults", faults_section),
    "input": ("## Broken and hostile input", input_section),
    "long": ("## A long run", long_section),
    "watching": ("## What watching costs", watching_section),
}


def main() -> int:
    """Run the trials and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=3_000_000)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--kind", choices=list(fuzz.KINDS), help="with --only input: the cases of one kind anew")
    parser.add_argument("--only", choices=list(SECTIONS))
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).parents[1] / "docs" / "reliability.md")
    arguments = parser.parse_args()
    texts, lost = written(arguments.output), 0
    for name, (heading, section) in SECTIONS.items():
        if arguments.only in (None, name):
            texts[heading], bad = section(arguments)
            lost += bad
            print(f"{heading}\n{texts[heading]}", flush=True)
    sections = [f"{heading}\n\n{texts.get(heading, 'Not measured.')}\n" for heading, _ in SECTIONS.values()]
    arguments.output.write_text("\n".join([HEAD.format(names=", ".join(SECTIONS)), *sections, SAFETY]))
    return int(lost > 0)


def written(page: Path) -> dict[str, str]:
    """Sections of the page that is there."""
    parts = page.read_text().split("\n## ")[1:] if page.exists() else []
    return {f"## {part.partition(chr(10))[0]}": part.partition("\n")[2].strip() for part in parts}


if __name__ == "__main__":
    sys.exit(main())
