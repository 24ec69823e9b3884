"""Runs that were interrupted: what ``--resume`` finds, and how a run is stopped without losing its work."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from fpsolver import api
from fpsolver.cli import signals
from fpsolver.cli.options import warn
from fpsolver.config.reader import Config
from fpsolver.errors import ConfigError, Fault, FileFormatError, FpsolverError, OutputError, UnfinishedOutputError
from fpsolver.io import checkpoint
from fpsolver.io.checkpoint import Checkpoint, Guard
from fpsolver.problem import Problem
from fpsolver.result import load_result


@dataclass(frozen=True, eq=False)
class Found:
    """What is there to go on from: a checkpoint, or nothing; ``status`` is that of a run that has ended already."""

    checkpoint: Checkpoint | None = None
    status: int | None = None


def find(path: Path, config: Config) -> Found:
    """What ``--resume`` goes on from; ConfigError with the differences if it belongs to another configuration."""
    place = checkpoint.beside(path)
    if path.is_file():
        result = load_result(path)
        if result.status != "interrupted":
            _refuse_changes(path, result.config, config)
            text = f"{path} is there already, and its run has ended: {result.message}"
            click.echo(text if result.is_complete else f"fpsolver: {text}", err=not result.is_complete)
            if result.is_complete:
                checkpoint.discard(path)  # the run was killed after it wrote the result
            return Found(status=0 if result.is_complete else 3)
    if not place.exists():
        return Found()
    found = checkpoint.load(place)
    _refuse_changes(place, found.config, config)
    return Found(found)


def _refuse_changes(path: Path, old: Config, new: Config) -> None:
    changes = checkpoint.differences(old, new)
    if changes:
        faults = [Fault("", text) for text in changes]
        heading = (
            f"{path} belongs to another configuration; restore it, or start afresh with --force instead of --resume:"
        )
        raise ConfigError(*faults, heading=heading)


def refuse_folder(path: Path) -> None:
    """OutputError if a folder is where the checkpoint of an output belongs."""
    place = checkpoint.beside(path)
    if place.is_dir():
        raise OutputError(f"{place} is a directory, where the checkpoint of this run belongs; remove it, or rename it")


def refuse_to_lose(path: Path) -> None:
    """UnfinishedOutputError if an unfinished run would be overwritten."""
    place = checkpoint.beside(path)
    if place.exists():
        raise UnfinishedOutputError(f"{place} holds an unfinished run")


def prepare(config: Config, found: Checkpoint | None) -> Problem:
    """The problem of a configuration; with what ``auto`` chose, by a measure of this machine, when the run began."""
    if found is None:
        return api.prepare(config)
    chosen = {"stepper": found.plan["stepper"], "method": "stepping"}
    problem = api.prepare(config.replaced(time=chosen))
    own = {name: getattr(config.time, name) for name in chosen}
    problem = replace(problem, config=problem.config.replaced(time=own))  # that of the problem holds its start
    now = plan_of(problem)
    if now != found.plan:
        changed = [f"{key}: {found.plan.get(key)}, now {now[key]}" for key in now if now[key] != found.plan.get(key)]
        raise FileFormatError(
            f"the checkpoint was made with other steps ({'; '.join(changed)}) by fpsolver {found.version}: this one "
            "cannot go on to the same bits; start afresh with --force"
        )
    return problem


def plan_of(problem: Problem) -> dict[str, Any]:
    """What must be the same for the same bits, beside the configuration; plain values for JSON."""
    plan = problem.plan
    ends = {"until": plan.until, "max_time": plan.max_time}
    return {
        "stepper": plan.stepper,
        "dt": plan.step.limit,
        "every": plan.every,
        "snapshots": plan.snapshots if isinstance(plan.snapshots, int) else list(plan.snapshots),
        **{name: value if math.isfinite(value) else None for name, value in ends.items()},
        "grid": [[axis.name, axis.low, axis.high, axis.cells] for axis in problem.grid.axes],
    }


def guard(problem: Problem, path: Path) -> Guard:
    """Keeps checkpoints of a run beside its output."""
    return Guard(checkpoint.beside(path), problem.config, plan_of(problem), lambda text: warn([text]))


@contextlib.contextmanager
def stopping(guard: Guard | None) -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP stop the run at the next safe place; a second one, some time later, at once.

    Without a guard there is no safe place, and the first ends the run; also where a shell ignores SIGINT.
    """
    handler = signals.interrupt if guard is None else _stopper(guard)
    try:
        with signals.caught(signals.once(handler), *signals.ALL):
            yield
    except KeyboardInterrupt:
        if guard is None or not (guard.is_kept and guard.path.exists()):
            raise
        raise FpsolverError(f"interrupted; {guard.path} is kept, and --resume goes on from there") from None


def _stopper(guard: Guard) -> Callable[[int, object], None]:
    def stop(number: int, frame: object) -> None:
        """Ask the run to stop; end it if it was asked before, but never while it writes its checkpoint."""
        del number, frame
        if guard.stop and not guard.is_saving:
            raise KeyboardInterrupt
        guard.stop = True

    return stop
