"""A configuration turned into everything a run needs, checked before anything large is allocated."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np

from fpsolver import autogrid, dispersion, gaussian, starts, walls, wellgrid
from fpsolver.checks import Checks
from fpsolver.config import axes, build, initial
from fpsolver.config.faults import Collector
from fpsolver.config.leaves import furthest_from_one
from fpsolver.config.reader import Config
from fpsolver.config.rules import check_parts
from fpsolver.errors import ConfigError, Fault, FpsolverError, GridError, ResourceError, StabilityError, UsageError
from fpsolver.gaussian import GaussianProblem
from fpsolver.generator import Generator
from fpsolver.grid import Grid
from fpsolver.io.reading import loaded
from fpsolver.physics.exact import Gaussian, steady
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.springs import held, pulls
from fpsolver.physics.states import GaussianState, GaussianSum, LocalState, ProductState, UniformState
from fpsolver.physics.system import System
from fpsolver.physics.tabulated import TabulatedState
from fpsolver.physics.timescales import linear_rates, slowest_rate
from fpsolver.planning import (
    long_warning,
    make_plan,
    needed_memory,
    refuse_cells,
    refuse_endless,
    refuse_large,
)
from fpsolver.summary import Summary
from fpsolver.trajectory import Plan

P = TypeVar("P")


@dataclass(frozen=True, eq=False, repr=False)
class Problem(Summary):
    """A configuration turned into everything a run needs, before anything large is allocated."""

    config: Config
    system: System
    state: LocalState | UniformState | None
    grid: Grid
    resolution: autogrid.Resolution
    generator: Generator
    plan: Plan
    warnings: tuple[str, ...]
    has_known_error: bool = False  # Pi will be off, and a warning says so

    @property
    def title(self) -> str:
        """That of the configuration."""
        return self.config.title or "fpsolver problem"

    def summary(self) -> list[tuple[str, str]]:
        """Rows of the short table: what is going to be computed, and how."""
        cells, until = " x ".join(str(n) for n in self.grid.shape), self.plan.until
        method = self.plan.method if self.plan.method == "direct" else f"{self.plan.method} ({self.plan.stepper})"
        return [
            ("grid", f"{cells} cells, {self.generator.scheme.words}; {self.resolution}"),
            ("method", f"{method} until {'the steady state' if math.isinf(until) else f't = {until:g}'}"),
            *(("warning", text) for text in self.warnings),
        ]

    @property
    def on_line(self) -> bool:
        """True if no axis is periodic."""
        return not any(axis.periodic for axis in self.grid.axes)

    @property
    def exact(self) -> Gaussian | None:
        """The exact moments: quadratic systems on the line move those of any state like those of a Gaussian."""
        if self.on_line and self.system.is_quadratic and not isinstance(self.state, UniformState | None):
            return Gaussian(self.system, self.state.mean, self.state.covariance)
        return None

    def exact_moments(self, times: FloatArray) -> tuple[FloatArray, FloatArray] | None:
        """Exact means (T, 2N) and covariances (T, 2N, 2N), if there are any; time infinity is the steady state."""
        if self.plan.method == "direct" and self.on_line and self.system.is_quadratic:
            found = steady(self.system)
            return found.mean[None], found.covariance[None]
        return None if self.exact is None or self.plan.method == "direct" else self.exact.moments(times)

    def exact_state(self, time: float) -> GaussianState | GaussianSum | None:
        """The exact state at ``time`` (infinity with ``method: direct``), where it has a closed form."""
        start = self.state.as_sum() if isinstance(self.state, ProductState) else self.state
        if isinstance(start, GaussianSum) and self.exact is not None and self.plan.method != "direct":
            return start.evolved(self.system, time)
        moments = self.exact_moments(np.array([time]))
        if moments is None or not (self.plan.method == "direct" or isinstance(self.state, GaussianState)):
            return None
        return GaussianState(moments[0][0], moments[1][0])

    def checks(self) -> Checks:
        """What the run watches."""
        exact = None if self.plan.method == "direct" else self.exact
        fastest, slowest = linear_rates(self.system)
        return Checks(self.generator, exact, max(slowest, 1e-3 * fastest), self.config.checks.strict)

    @property
    def memory(self) -> float:
        """Estimated peak memory, bytes."""
        return needed_memory(self.generator, self.plan)


def prepare(config: Config) -> Problem:
    """Check a configuration against physics, grid, memory and stability; allocates nothing large."""
    if config.time.method == "gaussian":
        raise UsageError("time.method: gaussian has no grid; give time.method: stepping")
    return _explained(_prepare, config)


def gaussian_problem(config: Config) -> GaussianProblem:
    """The problem of a configuration of ``method: gaussian``, checked the same way."""
    return _explained(lambda known: gaussian.prepare(known, _build), config)


def _explained(build_problem: Callable[[Config], P], config: Config) -> P:
    """Run it, with file and line in front of faults, and a sentence for numbers beyond arithmetic."""
    try:
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            return build_problem(loaded(config))
    except ConfigError as error:
        raise config.located(error) from None
    except (GridError, ResourceError, StabilityError) as error:
        raise type(error)(config.placed(str(error))) from None
    except (ArithmeticError, np.linalg.LinAlgError):
        key, value = furthest_from_one(config)
        text = (
            "the numbers are so extreme that floating-point arithmetic fails; choose units in which they are near one "
            f"(the size of this one, {value:g}, is the furthest from it)"
        )
        raise config.located(ConfigError(Fault(key, text))) from None


def _prepare(config: Config) -> Problem:
    system, state = _build(config)
    requests = axes.axis_requests(config, system.size)
    if state is None:
        state, requests = starts.stored_start(config, system.size, requests)
    _require_complete_positivity(config, system)
    length = axes.ring_length(config)
    until = build.until_time(config)
    decay = slowest_rate(system, length) if math.isinf(until) else None
    refuse_cells([request.cells for request in requests])
    grid, path, found, rules, displacement = _choose_grid(config, system, state, requests, until, length)
    generator = Generator(system, grid, build.build_scheme(config))
    refuse_large(generator, config)
    plan = make_plan(config, decay, until, generator, state, displacement)
    refuse_endless(generator, plan)
    notes = _warnings(config, system, state, found, grid)
    if tail := _tail_note(system, None if config.time.method == "direct" else state, until, grid, path):
        notes += (tail,)
    doubts, slow = dispersion.warnings(rules, grid), long_warning(generator, plan)
    notes += (*doubts, slow) if slow else tuple(doubts)
    return Problem(config, system, state, grid, found, generator, plan, notes, bool(doubts))


def _build(config: Config) -> tuple[System, LocalState | UniformState | None]:
    """System and initial state; the faults of both, and of the axes, are reported together."""
    collect = Collector()
    system = check_parts(config, collect)
    state = collect(starts.state_of, config)
    collect.refuse()
    assert system is not None
    return system, state


def _require_complete_positivity(config: Config, system: System) -> None:
    if config.checks.require_complete_positivity and not system.is_completely_positive():
        raise FpsolverError(
            f"the model is not completely positive (margin {system.cp_margin():.6g}), and "
            "checks.require_complete_positivity asks for it; give a larger d_qq, or another bath model"
        )


class Choice(NamedTuple):
    """A grid and the path it holds, its resolution, what predicts errors of Pi, and the deviations to the end."""

    grid: Grid
    path: autogrid.Path
    resolution: autogrid.Resolution
    rules: tuple[dispersion.GridRule, ...] = ()
    displacement: float = 0.0


def _choose_grid(
    config: Config,
    system: System,
    state: LocalState | UniformState | None,
    requests: starts.Requests,
    until: float,
    length: float | None,
) -> Choice:
    direct = config.time.method == "direct"
    rules: tuple[dispersion.GridRule, ...] = ()
    structure, distance = None, 0.0
    if length is None and system.is_quadratic and (direct or not isinstance(state, UniformState)):
        path = near = _path(system, None if direct else state, until)
        if system.size == 1 and not system.is_time_dependent:
            is_moving = isinstance(state, GaussianState) and not direct
            rules = dispersion.rules(system, path.times, path.centres, path.covariances, is_moving=is_moving)
            distance = autogrid.displacement(path) if is_moving else 0.0
    else:
        _refuse_open(system, requests, length)
        has_box = all(request.extent is not None for request in requests)
        path, near, structure = wellgrid.layout(system, None if direct else state, length, has_box=has_box)
    grid = autogrid.choose_grid(path, requests, structure=structure, rules=rules)
    found = autogrid.resolution(path, grid, structure)
    is_coarse = found.is_coarse or axes.allows_coarse(config)  # which is said, or known
    if not axes.allows_coarse(config) and system.size == 1:
        autogrid.refuse_coarse(found, grid)
    walls.refuse_cut(near, grid)
    has_order_8 = config.scheme.flux == "central" and build.build_scheme(config).order == 8
    return Choice(grid, path, found, rules if has_order_8 and not is_coarse else (), distance)


def _tail_note(
    system: System, state: LocalState | UniformState | None, until: float, grid: Grid, path: autogrid.Path
) -> str:
    """A sentence where the walls are near the exact path of a Gaussian (None: its steady state), or nothing."""
    start = starts.as_gaussian(state)
    if not system.is_quadratic or any(axis.periodic for axis in grid.axes) or (start is None and state is not None):
        return ""
    cure = "" if isinstance(state, TabulatedState) else "`extent: auto` or "  # a file may bring its box
    return walls.cut_warning(path if start is state else _path(system, start, until), grid, cure)


def _refuse_open(system: System, requests: starts.Requests, length: float | None) -> None:
    """GridError for an automatic box around a particle that nothing holds together."""
    if length is not None or all(request.extent is not None for request in requests):
        return
    if held(system).all():
        if pulls(system):
            raise GridError(
                "`extent: auto` does not know how far a particle with a constant force pulls those it is tied to; "
                "give grid.q.extent and grid.p.extent as [low, high], or one for each particle"
            )
        return
    loose = system.particles[int(np.argmin(held(system)))].potential
    springs = ", nor do springs hold its particle" if system.couplings else ""
    raise GridError(
        f"`extent: auto` needs a confining potential or a ring, but {loose} is neither{springs}; "
        "give grid.q.extent and grid.p.extent as [low, high]"
    )


def _path(system: System, state: LocalState | UniformState | None, until: float) -> autogrid.Path:
    """Exact path of the state, or the steady state alone where nothing moves."""
    if state is None or isinstance(state, UniformState):
        return autogrid.steady_path(steady(system))
    return autogrid.gaussian_path(system, state, until)


def _warnings(
    config: Config,
    system: System,
    state: LocalState | UniformState | None,
    found: autogrid.Resolution,
    grid: Grid,
) -> tuple[str, ...]:
    notes = [] if config.time.method == "direct" else initial.doubts(state, system.hbar)
    notes += gaussian.model_notes(system)
    if found.is_coarse:
        text = f"{found}; below {found.enough:g} Pi has fewer than eight digits"
        if system.size > 1:  # docs/many.md; eight would take 80 cells along four axes
            text += ", of several particles five or six" if found.cells > autogrid.REFUSE_BELOW else " or none at all"
        text += f"; give {autogrid.cells_advice(found, grid)}"
        if config.checks.strict:
            raise FpsolverError(f"{text} (checks.strict)")
        notes.append(text)
    if isinstance(config.output.snapshots, list) and math.isfinite(build.until_time(config)):
        late = [t for t in config.output.snapshots if t > build.until_time(config)]
        if late:
            notes.append(f"snapshots after the end of the run are not taken: {late}")
    return tuple(note for note in notes if note)


def initial_values(problem: Problem) -> FloatArray:
    """W at the start, on the grid."""
    assert problem.state is not None  # the schema requires one for whatever steps
    return starts.values(problem.state, problem.grid, allow_coarse=axes.allows_coarse(problem.config))
