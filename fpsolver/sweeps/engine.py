"""The loop of a sweep: hand out runs, keep their rows, survive workers that die, write the table."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np

from fpsolver.api import require_config
from fpsolver.config.reader import Config
from fpsolver.errors import FpsolverError, FpsolverWarning, InterruptedSweepError, UnfinishedOutputError, UsageError
from fpsolver.io.kinds import RESULTS, ROWS, rows_in
from fpsolver.io.lock import locked
from fpsolver.io.paths import check_output
from fpsolver.io.provenance import collect
from fpsolver.physics import arguments
from fpsolver.progress import Count
from fpsolver.sweeps import kept, worker
from fpsolver.sweeps.axes import Axes, Changes, Over, checked
from fpsolver.sweeps.journal import Journal, header, journal_path
from fpsolver.sweeps.modes import refuse_many
from fpsolver.sweeps.pools import DaskPool, LocalPool, Pool, fault, local_workers
from fpsolver.sweeps.remarks import remarks, tell
from fpsolver.sweeps.table import Sweep, load_sweep, tabulate
from fpsolver.sweeps.worker import NUMBERS_ONLY, Row, Wanted

DEATHS = 3  # of workers that had nothing but this run in hand: then it is the run's fault
Note = Callable[[str], None]
Keep = Callable[[int, Row], None]


def sweep(
    config: Config,
    over: Over,
    *,
    modes: int = 0,
    keep_results: bool = False,
    path: str | Path | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    resume: bool = False,
    force: bool = False,
    progress: bool = False,
    note: Note | None = None,
) -> Sweep:
    """Run a configuration for every combination of values of some keys; a failed run is a row with its reason.

    ``over`` maps dotted keys to values (the last key varies fastest), and tuples of keys that change together to tuples
    of values: ``{(a, b): zip(values_of_a, values_of_b)}``. Runs happen on ``workers`` local processes (one for each
    core) or on the Dask cluster of ``scheduler``, an address; the numbers are the same. With ``path`` the table is
    written there, and until then rows are kept in ``PATH.partial``, from which ``resume`` goes on.

    ``modes``: also the decay rates and frequencies (1/time) of so many modes of each run's generator, the slowest
    after the steady state, as :func:`fpsolver.spectrum` finds them: ``mode_rate`` and ``mode_frequency``.
    ``keep_results``: also the whole result of each run, in the folder ``STEM-runs`` beside the table, for
    :meth:`Sweep.result`.

    How many runs have no result, or a warning, is issued as FpsolverWarning; the table has the words of each. A caller
    that gives ``note`` reads the table itself: nothing is issued, and ``note`` is told what is amiss with the workers.

    Raises ConfigError if a key does not exist, UsageError for values that cannot be swept over, OutputExistsError for
    an existing output without ``force``, OutputError if another process is writing it, or it cannot be written.
    """
    require_config(config)
    target = None if path is None else arguments.path(path)
    wanted = _wanted(modes, keep_results, target)
    axes = checked(config, over)
    if wanted.modes:
        refuse_many(config, axes, wanted.modes)
    if target is not None:
        check_output(target, force=True, kinds=RESULTS)
    with contextlib.nullcontext() if target is None else locked(target):
        if target is not None and resume and target.exists():
            found = _finished(target, config, axes, wanted)
            _mend(config, found, target, workers, scheduler, progress=progress, note=note)
        else:
            _refuse(target, wanted, resume=resume, force=force)
            found = _swept(
                config, axes, wanted, target, workers, scheduler, resume=resume, force=force, progress=progress,
                note=note,
            )  # fmt: skip
    for text in remarks(found) if note is None else ():
        warnings.warn(text, FpsolverWarning, stacklevel=2)
    return found


def _swept(
    config: Config,
    axes: Axes,
    wanted: Wanted,
    target: Path | None,
    workers: int | None,
    scheduler: str | None,
    *,
    resume: bool,
    force: bool,
    progress: bool,
    note: Note | None,
) -> Sweep:
    """The table, written if there is a target."""
    runs = axes.points()
    with Journal(None if target is None else journal_path(target), header(config, axes, wanted)) as journal:
        rows = journal.read() if resume else {}
        if target is not None and wanted.keep_results:
            rows = _with_results(target, rows, note)
        try:
            journal.open(rows)
            begun = time.perf_counter()
            keep = _keeper(len(runs), rows, journal, target)
            used = _run_missing(
                config, runs, rows, keep, workers, scheduler, progress=progress, note=note, wanted=wanted
            )
            found = tabulate(config, axes, [rows[number] for number in range(len(runs))], collect(1), wanted)
            spent = {"wall_sweep": time.perf_counter() - begun, "workers": used, "scheduler": scheduler or ""}
            found.provenance |= spent
            if target is not None:
                found.save(target, force=force)
                found.path = target
                journal.discard()
        except (KeyboardInterrupt, CancelledError) as error:
            cause = "interrupted" if isinstance(error, KeyboardInterrupt) else f"the scheduler at {scheduler} is gone"
            raise InterruptedSweepError(cause, len(rows), len(runs), journal.path) from None
    return found


def _wanted(modes: int, keep_results: bool, target: Path | None) -> Wanted:
    """What is kept of each run; UsageError for what cannot be."""
    if isinstance(modes, bool) or not isinstance(modes, int | np.integer) or modes < 0:
        raise UsageError(f"the number of modes must be a whole number of at least 1, or 0 for none, but is {modes!r}")
    if not isinstance(keep_results, bool):
        raise UsageError(f"keep_results must be True or False, but is {keep_results!r}")
    if keep_results and target is None:
        raise UsageError("keep_results needs a path: the results are files in a folder beside the table; give path=..")
    return Wanted(int(modes), keep_results)


def _keeper(runs: int, rows: dict[int, Row], journal: Journal, target: Path | None) -> Keep:
    """What takes a finished run into the table and the journal, its whole result into a file before."""

    def keep(number: int, row: Row) -> None:
        """Take one run."""
        image = row.pop("image", None)
        if image is not None and target is not None:
            row["file"] = kept.file_name(number, runs)
            kept.write(target, row["file"], image)
        rows[number] = row
        journal.add(number, row)

    return keep


def _finished(target: Path, config: Config, axes: Axes, wanted: Wanted) -> Sweep:
    """The table that is there already; UsageError if it belongs to another sweep."""
    found = load_sweep(target)
    if header(found.config, found.axes, found.wanted) != header(config, axes, wanted):
        raise UsageError(f"{target} is the table of another sweep; name another output, or use --force")
    return found


def _with_results(target: Path, rows: dict[int, Row], note: Note | None) -> dict[int, Row]:
    """The rows whose results can be read; how many others there are is told."""
    lost = kept.unreadable(target, rows)
    if lost:
        tell(kept.words(target, len(lost)), note, level=5)
    return {number: row for number, row in rows.items() if number not in lost}


def _mend(config: Config, found: Sweep, target: Path, workers: int | None, scheduler: str | None, **told: Any) -> None:
    """Make those results of a finished table again that cannot be read; its numbers are theirs, and stay.

    ``config`` is that of the table with what no file holds: starts and objects of Python.
    """
    if not found.wanted.keep_results:
        return
    names, note = found.data["file"].ravel(), told["note"]
    rows = _with_results(target, {number: {"file": name} for number, name in enumerate(names)}, note)
    reasons: list[str] = []

    def keep(number: int, row: Row) -> None:
        """Write the result of one run."""
        if "image" in row:
            kept.write(target, str(names[number]), row["image"])
        else:
            reasons.append(row["message"])

    runs, wanted = found.axes.points(), Wanted(keep_results=True)
    try:
        _run_missing(config, runs, rows, keep, workers, scheduler, wanted=wanted, **told)
    except CancelledError:
        raise FpsolverError(f"the scheduler at {scheduler} is gone; --resume makes the other results") from None
    if reasons:
        tell(f"{len(reasons)} of the results cannot be made again: {reasons[0]}", note, level=4)


def _refuse(target: Path | None, wanted: Wanted, *, resume: bool, force: bool) -> None:
    """OutputExistsError for a finished table, or for rows of an interrupted sweep, that nobody said to replace."""
    if target is None:
        return
    partial = journal_path(target)
    if not resume:
        check_output(partial, force=True, kinds=(ROWS,))
    if partial.exists() and not (resume or force):
        count = rows_in(partial)
        raise UnfinishedOutputError(f"{partial} holds {count} row{'s' if count != 1 else ''} of an interrupted sweep")
    check_output(target, force=force, kinds=RESULTS)
    if wanted.keep_results:
        kept.prepare(target, resume=resume, force=force)


def _run_missing(
    config: Config,
    runs: list[Changes],
    rows: dict[int, Row],
    keep: Keep,
    workers: int | None,
    scheduler: str | None,
    *,
    progress: bool,
    note: Note | None,
    wanted: Wanted,
) -> int:
    """Do what is missing in ``rows``, which ``keep`` completes; returns the number of workers."""
    missing = [number for number in range(len(runs)) if number not in rows]
    if not missing:
        return 0
    pool: Pool = DaskPool(scheduler) if scheduler else LocalPool(local_workers(workers, len(missing)))
    if note is not None and pool.advice:
        note(pool.advice)
    count = Count(len(runs), len(rows), shown=progress)

    def keep_and_count(number: int, row: Row) -> None:
        """Keep a finished run."""
        keep(number, row)
        count.step(failed=row["status"] not in ("steady", "finished"))

    try:
        run_all(pool, config, {number: runs[number] for number in missing}, keep_and_count, wanted)
    finally:
        count.close()
        pool.close()
    return pool.workers


def run_all(pool: Pool, config: Config, runs: dict[int, Changes], keep: Keep, wanted: Wanted = NUMBERS_ONLY) -> None:
    """Every run once, as workers become free; a dead worker costs a repetition of what it had in hand.

    A broken pool does not say which of its runs killed it. So those it had in hand are repeated one at a time, and a
    run that kills its worker again and again while alone is a failed row.
    """
    waiting, suspects = deque(runs), deque[int]()
    deaths: dict[int, int] = {}
    running: dict[Future[Row], int] = {}
    while waiting or suspects or running:
        while suspects and not running:
            number = suspects.popleft()
            running[pool.submit(config, runs[number], wanted)] = number
        while waiting and not suspects and not deaths.keys() & set(running.values()) and len(running) < pool.window:
            number = waiting.popleft()
            running[pool.submit(config, runs[number], wanted)] = number
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        dead = _collect(done, running, keep)
        if dead:
            dead += list(running.values())
            running.clear()
            pool.restart()
        for number in dead:
            deaths[number] = deaths.get(number, 0) + (len(dead) == 1)
            if deaths[number] >= DEATHS:
                keep(number, worker.failed(f"its worker died {DEATHS} times, probably for want of memory"))
                del deaths[number]
            else:
                suspects.append(number)


def _collect(done: Iterable[Future[Row]], running: dict[Future[Row], int], keep: Keep) -> list[int]:
    """Keep the rows of finished runs, all of them before any fault; numbers of those whose worker died."""
    dead: list[int] = []
    faults: list[BaseException] = []
    for future in done:
        number, error = running.pop(future), fault(future)
        if error is None:
            keep(number, future.result())
        elif isinstance(error, BrokenProcessPool):
            dead.append(number)
        elif type(error).__name__ == "KilledWorker":  # of distributed, after three repetitions
            keep(number, worker.failed(f"its worker died again and again, probably for want of memory ({error})"))
        else:
            faults.append(error)
    if faults:
        raise faults[0]
    return dead
