"""When a run stops, what it keeps, how it gets there: ``auto`` values of a configuration turned into numbers."""

from __future__ import annotations

import math
import sys
from typing import NamedTuple

import numpy as np

from fpsolver import costs, krylov, memory
from fpsolver.config.faults import needing_constants
from fpsolver.config.reader import Config
from fpsolver.errors import ConfigError, Fault, ResourceError
from fpsolver.generator import Generator
from fpsolver.grid import MINIMUM_CELLS, Grid
from fpsolver.physics.gaussian_states import LocalState, UniformState
from fpsolver.physics.motion import rates_of_motion
from fpsolver.physics.timescales import DecayRate, is_divided, linear_rates
from fpsolver.stepping.explicit import ORDERS, TIME_ERROR, choose_step, stable_step
from fpsolver.stepping.magnus import choose_magnus_step
from fpsolver.stepping.rational import ImplicitStepSize, implicit_steps
from fpsolver.stepping.rule import StepRule
from fpsolver.trajectory import Plan

RECORDS_OF_SEVERAL = 50  # a record costs as much as about ten steps
ERROR_OF_SEVERAL = 1e-7  # of second moments along a transient; 32 cells along an axis leave 5e-8 and more themselves
LONG = 60.0  # seconds
MAXIMUM_STEPS = 1e12
ARRAYS = 3  # of a run at least: the state and two work arrays


class Stepping(NamedTuple):
    """A stepper, its steps, what it is predicted to cost, and why it was chosen."""

    name: str
    step: StepRule
    seconds: float
    why: str = ""


def refuse_cells(counts: list[int | None]) -> None:
    """ResourceError for cells that no memory holds, before anything is computed from them; None: automatic."""
    total = math.prod(count or MINIMUM_CELLS for count in counts)
    if 8 * ARRAYS * total > memory.available():
        cells = " x ".join(str(count or "auto") for count in counts)
        raise ResourceError(
            f"a grid of {cells} cells needs at least {8 * ARRAYS * total / 2**30:.3g} GiB, and "
            f"{memory.available() / 2**30:.3g} GiB are available; give fewer cells (grid.q.cells, grid.p.cells)"
        )


def refuse_large(generator: Generator, config: Config) -> None:
    """ResourceError for arrays, factors and snapshots that do not fit; nothing is allocated yet."""
    wanted, grid = config.output.snapshots, generator.grid
    if config.time.method == "direct":
        _refuse_memory(_direct_needs(generator), grid, "what time.method: direct keeps")
        return
    kept = 2 * wanted if isinstance(wanted, int) else len(wanted)
    _refuse_memory(costs.arrays(grid, kept), grid, f"{kept} snapshots")
    if config.time.stepper == "implicit":
        _refuse_memory(costs.factoring_bytes(generator), grid, "the factors of time.stepper: implicit")


def refuse_endless(generator: Generator, plan: Plan) -> None:
    """ConfigError for a run that would never end, ResourceError for records that do not fit."""
    if plan.method == "direct":
        return
    end = min(plan.until, plan.max_time)
    if end / plan.step.limit > MAXIMUM_STEPS:
        raise ConfigError(endless(plan, end))
    _refuse_memory(needed_memory(generator, plan), generator.grid, f"{end / plan.every:.3g} records")


def _refuse_memory(needed: float, grid: Grid, what: str) -> None:
    needed, available = needed + costs.STILL_TO_LOAD, memory.available()
    if needed > available:
        cells = " x ".join(str(n) for n in grid.shape)
        raise ResourceError(
            f"grid.q.cells, grid.p.cells: a grid of {cells} cells with {what} needs about {needed / 2**30:.3g} GiB, "
            f"and {available / 2**30:.3g} GiB are available; give fewer cells, fewer output.snapshots, a larger "
            "output.every, time.method: stepping, or a higher limit on memory (ulimit -v)"
        )


def make_plan(
    config: Config,
    decay: DecayRate | None,
    until: float,
    generator: Generator,
    state: LocalState | UniformState | None,
    displacement: float = 0.0,
) -> Plan:
    """Stops and steps of a run from ``state``; ``auto`` values from the slowest decay rate.

    ``displacement`` of the state in deviations: as p goes through 0, Phi has twice as many relative errors of <p^2>.
    """
    section = config.time
    max_time = math.inf
    if decay is not None:
        settled = generator.system.settled
        max_time = settled + 40 / decay.value if section.max_time == "auto" else float(section.max_time)
        expected = min(max_time, math.log(1 / section.tolerance) / decay.value)
    else:
        expected = until
    records = 200 if generator.system.size == 1 else RECORDS_OF_SEVERAL
    every = round_number(expected / records) if config.output.every == "auto" else float(config.output.every)
    kept = snapshot_times(config.output.snapshots, until)
    error = (TIME_ERROR if generator.system.size == 1 else ERROR_OF_SEVERAL) / max(1.0, 1.6 * displacement)
    stepping = choose_stepper(config, generator, state, expected, every, error)
    method, why = choose_method(config, generator, stepping.seconds, decay)
    return Plan(
        until,
        max_time,
        section.tolerance,
        decay,
        every,
        kept,
        stepping.step,
        method,
        why,
        stepping.name,
        stepping.why,
        stepping.seconds,
        max(-float(np.trace(generator.system.dissipative_drift)), 0.0),
    )


def choose_stepper(
    config: Config,
    generator: Generator,
    state: LocalState | UniformState | None,
    expected: float,
    every: float,
    error: float,
) -> Stepping:
    """Stepper with its steps and predicted cost; ``auto`` takes what is predicted to be fastest."""
    section = config.time
    rates = linear_rates(generator.system)
    given = None if section.dt == "auto" or section.method == "direct" else float(section.dt)
    if generator.system.is_time_dependent:
        return _magnus(config, generator, given, expected, *rates)
    if section.stepper == "implicit":
        return _implicit(generator, state, given, expected, every)
    chosen_before = given is not None or not generator.scheme.is_linear or generator.system.size > 1
    names = [section.stepper] if section.stepper != "auto" else ["rk4"] if chosen_before else list(ORDERS)
    found = [_explicit(generator, name, given, expected, error, *rates) for name in names]
    best = min(found, key=lambda stepping: stepping.seconds)
    if section.stepper != "auto" or chosen_before:
        return best
    takes_long = best.seconds >= costs.factoring_seconds(generator)
    if takes_long and costs.factoring_bytes(generator) <= memory.available():
        found.append(_implicit(generator, state, None, expected, every))
        best = min(found, key=lambda stepping: stepping.seconds)
    elif best.name == "rk4":
        return best
    return best._replace(why="auto: about " + ", ".join(f"{s.seconds:.2g} s by {s.name} steps" for s in found))


def _explicit(
    generator: Generator,
    name: str,
    given: float | None,
    expected: float,
    error: float,
    fastest: float,
    slowest: float,
) -> Stepping:
    """Explicit steps and their predicted cost; errors matter for as long as the run lasts."""
    order = ORDERS[name]
    step = choose_step(generator, given, fastest, slowest, order=order, end=expected, error=error)
    return Stepping(name, step, costs.stepping_seconds(generator.grid, order * step.count(expected)))


def _magnus(
    config: Config, generator: Generator, given: float | None, expected: float, fastest: float, slowest: float
) -> Stepping:
    """Explicit steps that follow coefficients in time; their cost is that of late times."""
    if faults := needing_constants(config.time.method, config.time.stepper):  # with a bath of the user's
        raise ConfigError(*faults)
    step = choose_magnus_step(generator, given, fastest, slowest, expected)
    return Stepping("rk4", step, costs.stepping_seconds(generator.grid, 8 * expected / step.limit))


def _implicit(
    generator: Generator,
    state: LocalState | UniformState | None,
    given: float | None,
    expected: float,
    every: float,
) -> Stepping:
    """Implicit steps and their predicted cost; at least 200 in the whole run unless ``given``."""
    step = ImplicitStepSize(given or min(every, expected / 200), expected)
    if given is None:
        axis = generator.grid.axes[0]
        rates = rates_of_motion(generator.system, state, (axis.low, axis.high), on_ring=axis.periodic)
        step = ImplicitStepSize(step.limit, expected, *rates)
    steps, factors = implicit_steps(step, every, expected)
    seconds = factors * costs.factoring_seconds(generator)
    seconds += steps * costs.solving_seconds(generator)
    return Stepping("implicit", step, seconds)


def direct_seconds(generator: Generator, decay: DecayRate, tolerance: float) -> float:
    """Predicted time of the direct solver."""
    if generator.system.size == 1:
        return costs.direct_seconds(generator)
    through = krylov.predicted_time(generator.system, decay.value, tolerance)
    return costs.stepping_seconds(generator.grid, ORDERS["rk4"] * through / stable_step(generator))


def choose_method(config: Config, generator: Generator, stepping: float, decay: DecayRate | None) -> tuple[str, str]:
    """``stepping`` or ``direct`` and, for ``auto``, why: whichever is predicted to be faster."""
    wanted = config.time.method
    if wanted != "auto":
        return wanted, ""
    if decay is None:
        return "stepping", "auto: time.until is a time"
    if not generator.scheme.is_linear:
        return "stepping", "auto: limited fluxes are not linear"
    if generator.system.is_time_dependent:
        return "stepping", "auto: coefficients change with time"
    if generator.system.size > 1 and is_divided(generator.system):
        return "stepping", "auto: wells level out too slowly for a steady state that does not depend on the start"
    direct = direct_seconds(generator, decay, config.time.tolerance)
    fits = _direct_needs(generator) + costs.STILL_TO_LOAD < memory.available()
    method = "direct" if direct < stepping and fits else "stepping"
    reason = f"auto: about {direct:.2g} s directly, {stepping:.2g} s by stepping"
    return method, reason if fits else f"{reason}, but too little memory"


def long_warning(generator: Generator, plan: Plan) -> str | None:
    """What to say before a run that will take minutes, with the quick way if there is one."""
    if plan.method == "direct" or not plan.predicted > LONG:
        return None
    cure = "fewer cells, an earlier end, or time.stepper: auto"
    if generator.system.size > 1 and generator.system.is_quadratic:
        cure = "time.method: gaussian, which is exact for linear forces"
    elif plan.decay is not None and generator.scheme.is_linear and not is_divided(generator.system):
        seconds = direct_seconds(generator, plan.decay, plan.tolerance)
        cure = f"time.method: direct, which takes about {duration(seconds)}"
    steps = f"{plan.stepper} steps"
    return f"the run is predicted to take about {duration(plan.predicted)} of {steps}; if that is too long, give {cure}"


def duration(seconds: float) -> str:
    """In the unit that suits."""
    for unit, size in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.2g} {unit}"
    return f"{seconds:.2g} s"


def endless(plan: Plan, end: float) -> Fault:
    """What is wrong with a run that would never end."""
    steps = f"{end / plan.step.limit:.2g} steps of {plan.step.limit:.3g}"
    if plan.decay is None:
        return Fault("time.until", f"would take {steps}; give an earlier end, or a larger dt")
    text = f"would take {steps}: the slowest decay rate is {plan.decay.value:.2g} (high barriers are crossed rarely)"
    return Fault("time.max_time", f"{text}; give max_time, a number for until, stepper: implicit, or method: direct")


def needed_memory(generator: Generator, plan: Plan) -> float:
    """Estimated peak memory, bytes."""
    grid = generator.grid
    if plan.method == "direct":
        return _direct_needs(generator)
    kept = 2 * plan.snapshots if isinstance(plan.snapshots, int) else len(plan.snapshots)
    factors = costs.factoring_bytes(generator) if plan.stepper == "implicit" else 0.0
    return costs.arrays(grid, kept) + factors + costs.BYTES_PER_RECORD * min(plan.until, plan.max_time) / plan.every


def _direct_needs(generator: Generator) -> float:
    return costs.arrays(generator.grid, 1) + costs.direct_bytes(generator)


def snapshot_times(wanted: int | list[float], until: float) -> int | tuple[float, ...]:
    """Times of the snapshots; a number only while the end is not known."""
    if not isinstance(wanted, int):
        return tuple(float(t) for t in wanted)
    return wanted if math.isinf(until) else tuple(until * k / wanted for k in range(wanted + 1))


def round_number(value: float) -> float:
    """The nearest 1, 2 or 5 times a power of ten; FloatingPointError where floating-point numbers lose their digits."""
    if value < sys.float_info.min:
        raise FloatingPointError(f"{value:g} is subnormal")
    power = 10.0 ** math.floor(math.log10(value))
    digit = min((1.0, 2.0, 5.0, 10.0), key=lambda d: abs(math.log(d * power / value)))
    return float(f"{digit * power:.1g}")
