"""Measure fpsolver and its peers on the same problems; write JSON, Markdown and figures.

    python benchmarks/peers [--quick] [--only own qutip ..] [--folder DIR]

Each program runs in a process of its own, on one thread; its seconds are processor time, which on an idle machine is
the time on the clock, and on a busy one leaves out the others' work. One that is not installed is reported as missing.
Needs fpsolver and any of: pip install qutip py-pde fipy fplanck. About five minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from machine import describe

from peers import figures, report
from peers.problems import PROBLEMS
from peers.worker import ADAPTERS, installed, program, work

HERE = Path(__file__).parent
LIMIT = 900.0  # seconds for one program
STARTS = 3
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def measure(adapters: Sequence[str], problems: Sequence[str], *, quick: bool) -> dict[str, Any]:
    """All figures."""
    versions = {name: installed(name) for name in adapters}
    present = [name for name in adapters if versions[name]]
    found: dict[str, Any] = {
        "machine": describe(),
        "problems": {name: PROBLEMS[name].title for name in problems},
        "exact": {name: PROBLEMS[name].exact[2] for name in problems},
        "missing": [program(name).name for name in adapters if name not in present],
        "notes": [note for name in present for note in program(name).notes],
        "programs": {},
        "rows": [],
    }
    for name in present:
        about, rows = examined(name, problems, quick=quick)
        found["programs"][program(name).name] = {"version": versions[name], **about}
        found["rows"] += [{"program": program(name).name, **row} for row in rows]
    return found


def examined(name: str, problems: Sequence[str], *, quick: bool) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Start-up of a program, and its rows."""
    with tempfile.TemporaryDirectory() as cache:  # an empty one: the first run compiles
        environment = os.environ | dict.fromkeys(THREADS, "1") | ({} if quick else {"NUMBA_CACHE_DIR": cache})
        about: dict[str, Any] = {"import": importing(program(name).start)}
        rows, firsts = [], []
        for line in spoken(name, problems, environment, quick=quick):
            if "problem" in line:
                rows.append(line)
                print(report.progress(line), flush=True)
                firsts += [line["compiling"]] if line.get("compiling") else []
            elif line.get("first_call") is not None:
                firsts.append(line["first_call"])
        about["first_call"] = max(firsts, default=None)
        if program(name).keeps_compiled and not quick:
            again = [line.get("first_call") for line in spoken(name, problems[:1], environment, quick=True)]
            about["later_call"] = max((seconds for seconds in again if seconds is not None), default=None)
    return about, rows


def importing(statement: str) -> float:
    """Seconds of an import in a new process, files in memory."""
    code = f"import time; t = time.process_time()\n{statement}\nprint(time.process_time() - t)"
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(STARTS)
    ]
    return median(float(run.stdout.split()[-1]) for run in runs)


def spoken(name: str, problems: Sequence[str], environment: dict[str, str], *, quick: bool) -> Iterator[dict[str, Any]]:
    """What the process of a program prints, line by line, until it ends or its time is up."""
    command = [sys.executable, str(HERE), "--worker", name, "--problems", *problems, *(["--quick"] if quick else [])]
    with tempfile.TemporaryFile("w+") as out:
        try:
            done = subprocess.run(
                command, stdout=out, stderr=subprocess.PIPE, text=True, env=environment, timeout=LIMIT
            )
            failure = done.stderr.strip().splitlines()[-1] if done.returncode and done.stderr.strip() else ""
        except subprocess.TimeoutExpired:
            failure = f"stopped after {LIMIT:g} s"
        out.seek(0)
        yield from (json.loads(line) for line in out if line.startswith("{"))
    if failure:
        print(f"{program(name).name}: {failure}", file=sys.stderr)


def joined(path: Path, found: dict[str, Any]) -> dict[str, Any]:
    """What was found before, of the same problems on the same machine, with what was measured now in its place."""
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if any(before.get(key) != found[key] for key in ("machine", "problems")):
        return found
    order = [program(name) for name in ADAPTERS]
    programs = before["programs"] | found["programs"]
    kept = [row for row in before["rows"] if row["program"] not in found["programs"]]
    rows = sorted(kept + found["rows"], key=lambda row: [one.name for one in order].index(row["program"]))
    return {
        **found,
        "missing": [name for name in dict.fromkeys(before["missing"] + found["missing"]) if name not in programs],
        "notes": [note for one in order if one.name in programs for note in one.notes],
        "programs": {one.name: programs[one.name] for one in order if one.name in programs},
        "rows": rows,
    }


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write the files."""
    parser = argparse.ArgumentParser(prog="benchmarks/peers", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="two coarse settings of each, steady state and relaxation only"
    )
    parser.add_argument(
        "--only", nargs="+", choices=ADAPTERS, default=ADAPTERS, help="these programs; the folder keeps the others"
    )
    parser.add_argument("--folder", type=Path, default=Path("results/benchmarks/peers"), help="where the files go")
    parser.add_argument("--problems", nargs="+", choices=tuple(PROBLEMS), help=argparse.SUPPRESS)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    problems = chosen.problems or (["steady", "relaxation"] if chosen.quick else list(PROBLEMS))
    if chosen.worker:
        work(chosen.worker, problems, quick=chosen.quick)
        return
    found = measure(chosen.only, problems, quick=chosen.quick)
    chosen.folder.mkdir(parents=True, exist_ok=True)
    found = joined(chosen.folder / "peers.json", found)
    (chosen.folder / "peers.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    (chosen.folder / "peers.md").write_text(report.markdown(found), encoding="utf-8")
    print("\n" + report.markdown(found))
    print(f"wrote {chosen.folder}: peers.json, peers.md, {', '.join(figures.write(found, chosen.folder))}")
