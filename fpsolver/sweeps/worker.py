"""One run of a sweep, wherever it happens: a configuration and changes in, a row of plain numbers out."""

from __future__ import annotations

import math
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numba
import numpy as np

import fpsolver
from fpsolver import api
from fpsolver.config.reader import Config
from fpsolver.errors import ConfigError, FpsolverError
from fpsolver.grid import coordinate_names
from fpsolver.kernels.ahead import end_with
from fpsolver.problem import gaussian_problem
from fpsolver.recorder import EVERYTHING
from fpsolver.result import Outcome, Result
from fpsolver.sweeps import modes
from fpsolver.sweeps.axes import Changes, changed

if sys.platform != "win32":
    import resource

Row = dict[str, Any]
Answer = TypeVar("Answer")
TEXTS = ("status", "message", "warnings")  # of a row
COSTS = ("wall_time", "worker_memory")
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted of each run besides its last numbers: that many slow modes, and its whole result."""

    modes: int = 0
    keep_results: bool = False


NUMBERS_ONLY = Wanted()


def start(parent: int) -> None:
    """Of a local worker process: an interrupt is the business of its parent, and without it there is nothing to do.

    loky's workers would wait for a parent that was killed for ever.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with, args=(parent,), daemon=True).start()


def version() -> str:
    """Version of fpsolver where this runs."""
    return fpsolver.__version__


def run_point(config: Config, changes: Changes, wanted: Wanted = NUMBERS_ONLY) -> Row:
    """Row of one run; what cannot be run is a row, too, with status ``failed`` and the reason.

    A process runs one at a time on one thread: kernels of two would only wait for one another.
    """
    with _one_at_a_time:
        numba.set_num_threads(1)
        begun = time.perf_counter()
        row, reason = attempt(lambda: _row_of_run(changed(config, changes), wanted))
        row = row or failed(reason)
        if wanted.modes:  # of a run that failed, too: between high wells there is no steady state, but a rate
            found, reason = attempt(lambda: modes.slow_modes(changed(config, changes), wanted.modes))
            modes.add_modes(row, found or modes.without(wanted.modes, reason))
        return row | {"wall_time": time.perf_counter() - begun, "worker_memory": peak_memory()}


def attempt(work: Callable[[], Answer]) -> tuple[Answer | None, str]:
    """What came out, or None and the reason."""
    try:
        return work(), ""
    except MemoryError:
        return None, "there is not enough memory for this run"
    except FpsolverError as error:
        return None, in_one_line(error)
    except Exception as error:  # of a potential or bath of the user's, or of ours: the other runs go on
        return None, f"unexpected {type(error).__name__}: {error}"


def _row_of_run(config: Config, wanted: Wanted) -> Row:
    result = outcome(config)
    return row_of(result) | ({"image": image_of(result)} if wanted.keep_results else {})


def image_of(result: Outcome) -> bytes:
    """The file of a result: made here, compressed side by side with others, and written where the table will be."""
    with tempfile.TemporaryDirectory() as folder:
        return result.save(Path(folder) / "result.h5").read_bytes()


def outcome(config: Config) -> Outcome:
    """Result of a configuration, on a grid or without one."""
    if config.time.method == "gaussian":
        return api.run_moments(gaussian_problem(config))
    return api.run_problem(api.prepare(config))


def peak_memory() -> float:
    """Largest memory this process has had so far, MiB; NaN where the system does not tell."""
    if sys.platform == "win32":
        return math.nan
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def in_one_line(error: FpsolverError) -> str:
    """The sentence of an error; of a configuration, without the heading that says it cannot be used."""
    text = str(ConfigError(*error.faults)) if isinstance(error, ConfigError) else str(error)
    return "; ".join(line.strip() for line in text.splitlines())


def failed(reason: str) -> Row:
    """Row of a run without numbers."""
    unknown = {"wall_time": math.nan, "worker_memory": math.nan}
    return {"status": "failed", "message": reason, "warnings": "", "axes": [], "numbers": {}, "reasons": {}, **unknown}


def row_of(result: Outcome) -> Row:
    """Last values of the series, verdicts, and exact values where there are any; lists and numbers only."""
    numbers = {quantity.name: last(result, quantity.name) for quantity in EVERYTHING if quantity.name in result.series}
    numbers |= {name: float(v) for name, v in result.diagnostics.items() if isinstance(v, bool | int | float)}
    if "satisfies_detailed_balance_reason" in result.diagnostics:
        numbers["satisfies_detailed_balance"] = math.nan  # not known, which is no verdict
    numbers["time"] = last(result, "time")
    if isinstance(result, Result) and result.exact is not None:
        for name in ("entropy_production", "entropy_flux"):
            numbers[f"exact_{name}"] = float(result.exact[name][-1])
        numbers["W_l1_error"] = result.exact_error
    told = [f"{name} is {numbers[name]}: {text}" for name, text in result.reasons.items() if name in MAIN]
    return {
        "status": result.status,
        "message": result.message,
        "warnings": "\n".join([*told, *result.warnings]),
        "axes": list(coordinate_names(result.series["mean"].shape[-1] // 2)),
        "numbers": numbers,
        "reasons": reasons(result, numbers),
    }


def reasons(result: Outcome, numbers: dict[str, Any]) -> dict[str, str]:
    """Why numbers are NaN or infinite, where that is known."""
    known = {name: result.reasons.get(name) or result.diagnostics.get(f"{name}_reason") for name in numbers}
    return {name: str(text) for name, text in known.items() if text and not np.isfinite(numbers[name]).all()}


MAIN = ("entropy_production", "entropy_flux")


def last(result: Outcome, name: str) -> Any:
    """Last value as a number or nested list."""
    return np.asarray(result.series[name][-1]).tolist()
