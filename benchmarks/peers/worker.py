"""One program in a process of its own: runs all its settings and prints one JSON line for each."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from peers.answers import Answer, Program, Setting, Solver, errors, label
from peers.problems import PROBLEMS, Problem

ADAPTERS = ("own", "qutip", "scipy", "pypde", "fipy", "fplanck")
REPEATS, ENOUGH = 3, 3.0  # runs are repeated, until they have taken so many seconds together; the fastest counts
PATIENCE = 15.0  # after a run longer than this, finer settings are left out


def program(name: str) -> Program:
    """The program of an adapter."""
    found: Program = import_module(f"peers.adapters.{name}").PROGRAM
    return found


def installed(name: str) -> str | None:
    """Version of an adapter's program, None if it is missing."""
    try:
        return version(program(name).package)
    except PackageNotFoundError:
        return None


def work(name: str, problems: Sequence[str], *, quick: bool) -> None:
    """Print what the program of an adapter does on the problems: its first calls, and a row for each setting."""
    warnings.simplefilter("ignore")
    chosen = program(name)
    exec(chosen.start, {})
    for solver in chosen.solvers:
        print(json.dumps({"solver": solver.name, "first_call": first_call(solver, problems)}), flush=True)
        for row in rows(solver, problems, quick=quick):
            print(json.dumps(row), flush=True)


def first_call(solver: Solver, problems: Sequence[str]) -> float | None:
    """What a first run takes longer than a second: compiling, late imports; None if no problem is its kind."""
    for name in (name for name in problems if name in solver.settings and not solver.tells_compiling):
        return max(first_use(solver, name, setting) for setting in solver.first or solver.settings[name][:1])
    return None


def first_use(solver: Solver, name: str, setting: Setting) -> float:
    """Seconds the first run of a setting takes longer than the second."""
    first, second = (timed(solver, name, setting)[0] for _ in range(2))
    return max(first - second, 0.0)


def timed(solver: Solver, name: str, setting: Setting) -> tuple[float, Answer]:
    """Seconds of processor time (one thread) of a run, without what it says it spent compiling."""
    begun = time.process_time()
    answer = solver.solve(PROBLEMS[name], setting)
    return time.process_time() - begun - answer.compiling, answer


def rows(solver: Solver, problems: Sequence[str], *, quick: bool) -> Iterator[dict[str, Any]]:
    """A row for each setting, or with the reason why there is none."""
    for name in (name for name in problems if name in solver.settings):
        for setting in solver.settings[name][: 2 if quick else None]:
            row = {"solver": solver.name, "problem": name, "setting": label(setting)}
            try:
                found = measured(solver, PROBLEMS[name], setting, repeats=1 if quick else REPEATS)
            except Exception as error:  # whatever a program says, the others are measured
                yield {**row, "failed": f"{type(error).__name__}: {error}"[:200]}
                break
            yield {**row, **found}
            if found["seconds"] > PATIENCE:
                break


def measured(solver: Solver, problem: Problem, setting: Setting, *, repeats: int) -> dict[str, float]:
    """Seconds (processor time of the one thread, and wall) and errors."""
    runs: list[tuple[float, float]] = []
    answer = None
    while len(runs) < repeats and sum(wall for _, wall in runs) < ENOUGH:
        begun = time.perf_counter()
        seconds, answer = timed(solver, problem.name, setting)
        runs.append((seconds, time.perf_counter() - begun))
    assert answer is not None
    best = min(runs)
    return {"seconds": best[0], "wall": best[1], "compiling": answer.compiling, **errors(problem, answer)}
