"""Running a configuration: everything is prepared and checked first, then stepped, then evaluated."""

from __future__ import annotations

import math
import time
import warnings
from typing import Any

import numpy as np

from fpsolver.config import build
from fpsolver.config.reader import Config
from fpsolver.errors import ConfigError, FpsolverWarning, UsageError
from fpsolver.evaluation import evaluate, evaluate_moments
from fpsolver.gaussian import GaussianProblem
from fpsolver.generator import Generator
from fpsolver.grid import Grid
from fpsolver.kernels import records
from fpsolver.kernels.starting import keep_freed_memory, spare_scipy
from fpsolver.physics import arguments
from fpsolver.physics.system import System
from fpsolver.problem import Problem, gaussian_problem, initial_values, prepare
from fpsolver.progress import Bar
from fpsolver.result import GaussianResult, Result
from fpsolver.simulation import Guard, Observer, Progress, show, simulate, solve
from fpsolver.trajectory import Position

__all__ = ["build_generator", "build_system", "prepare", "run", "run_problem"]


def build_system(config: Config) -> System:
    """System of a configuration; ConfigError names the key at fault."""
    require_config(config)
    try:
        return build.build_system(config)
    except ConfigError as error:
        raise config.located(error) from None


def build_generator(config: Config, grid: Grid) -> Generator:
    """Generator of a configuration, with its scheme, on a given grid."""
    return Generator(build_system(config), grid, build.build_scheme(config))


def run(
    config: Config, *, initial: Any = None, progress: bool | Progress = False, callback: Observer | None = None
) -> Result | GaussianResult:
    """Run a configuration to its end and return the result (in memory: ``result.save(path)`` writes it).

    ``initial`` is a state at time 0 in place of that of the configuration: W with its axes, (q, p, W) or (q1, q2, ..,
    p1, p2, .., W), a wave function (q, psi), W at the centres of a Grid as (grid, W), an earlier Result, a DataArray of
    xarray, a Qobj of QuTiP, a state of ``fp.states``, or a section. The file of the result holds it, so that the run
    can be repeated from there. ConfigError or GridError, with the cure, for what is not normalised, not all on its
    axes, or too coarse on them.

    ``progress=True`` shows a bar on standard error while it steps. ``callback(time, W, record)`` is called at every
    record (``output.every``) with the W of that time (read-only) and the numbers of the series by name; what it returns
    is ignored, but for True, which ends the run. Raises FpsolverError for what cannot be run; what the run itself had
    to say is in ``result.status``, ``result.message`` and ``result.warnings`` (also issued as FpsolverWarning).
    """
    require_config(config)
    _require_functions(progress, callback)
    if initial is not None:
        config = config.replaced(initial=initial)
    if config.time.method == "gaussian":
        if callback is not None:
            raise UsageError("a callback gets W at every record, and time.method: gaussian has none; leave it out")
        result: Result | GaussianResult = run_moments(gaussian_problem(config))
    else:
        problem = prepare(config)
        with Bar(shown=progress is True) as bar:
            told = bar.update if progress is True else (progress or None)
            result = run_problem(problem, told, observer=callback)
    for text in result.warnings:
        warnings.warn(text, FpsolverWarning, stacklevel=2)
    return result


def require_config(config: object) -> None:
    """UsageError for anything but a Config."""
    if not isinstance(config, Config):
        raise UsageError(
            f"a fpsolver.Config is needed, but got {type(config).__name__}; write fpsolver.load_config('file.yaml') or "
            "fpsolver.Config(**sections)"
        )


def _require_functions(progress: object, callback: object) -> None:
    """UsageError for a progress or callback that cannot be called."""
    if not (isinstance(progress, bool) or progress is None or callable(progress)):
        raise UsageError(f"progress must be True, False or a function, but is {arguments.shown(progress)}")
    if not (callback is None or callable(callback)):
        raise UsageError(f"callback must be a function of (time, W, record), but is {arguments.shown(callback)}")


def run_moments(problem: GaussianProblem) -> GaussianResult:
    """Run a prepared problem without a grid."""
    started = time.perf_counter()
    result = evaluate_moments(problem)
    result.provenance |= {"wall_solve": time.perf_counter() - started, "method": "gaussian", "steps": 0, "stepper": ""}
    return result


def run_problem(
    problem: Problem,
    progress: Progress | None = None,
    guard: Guard | None = None,
    start: Position | None = None,
    observer: Observer | None = None,
) -> Result:
    """Run a prepared problem; ``guard`` keeps checkpoints, from one of which ``start`` goes on."""
    clock = time.perf_counter
    started = clock()
    spare_scipy()
    keep_freed_memory()
    problem.generator.apply(np.zeros(problem.grid.shape))  # compiles the kernels, or loads them from the disk cache
    records.compile_sums()
    if problem.plan.method == "direct":
        from fpsolver import steady  # noqa: F401  # loads scipy.sparse, which no solver should be charged for
    compiled = clock()
    checks = problem.checks()
    if problem.plan.method == "direct":
        trajectory = solve(problem.generator, problem.plan, checks, progress)
        show(trajectory, observer, math.inf)
    else:
        begin = initial_values(problem) if start is None else start
        trajectory = simulate(problem.generator, begin, problem.plan, progress, guard, observer, checks)
    solved = clock()
    result = evaluate(problem, trajectory)
    result.provenance |= {
        "wall_compile": compiled - started,
        "wall_solve": solved - compiled,
        "wall_evaluate": clock() - solved,
        "steps": trajectory.steps,
        "dt": problem.plan.step.limit if trajectory.steps else math.nan,
        "method": problem.plan.method,
        "stepper": problem.plan.stepper if trajectory.steps else "",
    }
    return result
