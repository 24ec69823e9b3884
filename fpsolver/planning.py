"""When a run stops, what it keeps, how it gets there: ``auto`` values of a configuration turned into numbers."""

from __future__ import annotations

import math

from fpsolver import costs
from fpsolver.config.reader import Config
from fpsolver.errors import ConfigError, Fault
from fpsolver.generator import Generator
from fpsolver.grid import Grid
from fpsolver.physics.system import System
from fpsolver.physics.timescales import DecayRate, linear_rates
from fpsolver.simulation import Plan
from fpsolver.stepping.explicit import choose_step


def make_plan(config: Config, decay: DecayRate | None, until: float, generator: Generator) -> Plan:
    """Stops and steps of a run; ``auto`` values from the slowest decay rate."""
    section = config.time
    fastest, slowest = linear_rates(generator.system)
    given = None if section.dt == "auto" or section.method == "direct" else float(section.dt)
    step = choose_step(generator, given, fastest, slowest)
    max_time = math.inf
    if decay is not None:
        max_time = 40 / decay.value if section.max_time == "auto" else float(section.max_time)
        expected = min(max_time, math.log(1 / section.tolerance) / decay.value)
    else:
        expected = until
        if section.max_time != "auto" and section.max_time < until:
            text = f"is {section.max_time:g}, before time.until = {until:g}; leave one of them out"
            raise ConfigError(Fault("time.max_time", text))
    every = round_number(expected / 200) if config.output.every == "auto" else float(config.output.every)
    kept = snapshot_times(config.output.snapshots, until)
    method, why = choose_method(config, generator, expected / step.limit)
    return Plan(until, max_time, section.tolerance, decay, every, kept, step, method, why)


def choose_method(config: Config, generator: Generator, steps: float) -> tuple[str, str]:
    """``stepping`` or ``direct`` and, for ``auto``, why: whichever is predicted to be faster."""
    wanted = config.time.method
    if wanted != "auto":
        return wanted, ""
    if config.time.until != "steady":
        return "stepping", "auto: time.until is a time"
    if not generator.scheme.is_linear:
        return "stepping", "auto: limited fluxes are not linear"
    direct = costs.direct_seconds(generator.grid, generator.system)
    stepping = costs.stepping_seconds(generator.grid, steps)
    fits = costs.direct_bytes(generator.grid, generator.system) < costs.available_memory()
    method = "direct" if direct < stepping and fits else "stepping"
    reason = f"auto: about {direct:.2g} s directly, {stepping:.2g} s by stepping"
    return method, reason if fits else f"{reason}, but too little memory"


def needed_memory(system: System, grid: Grid, plan: Plan) -> float:
    """Estimated peak memory, bytes."""
    if plan.method == "direct":
        return costs.arrays(grid, 1) + costs.direct_bytes(grid, system)
    kept = 2 * plan.snapshots if isinstance(plan.snapshots, int) else len(plan.snapshots)
    return costs.arrays(grid, kept) + costs.BYTES_PER_RECORD * min(plan.until, plan.max_time) / plan.every


def snapshot_times(wanted: int | list[float], until: float) -> int | tuple[float, ...]:
    """Times of the snapshots; a number only while the end is not known."""
    if not isinstance(wanted, int):
        return tuple(float(t) for t in wanted)
    return wanted if math.isinf(until) else tuple(until * k / wanted for k in range(wanted + 1))


def round_number(value: float) -> float:
    """The nearest 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    digit = min((1.0, 2.0, 5.0, 10.0), key=lambda d: abs(math.log(d * power / value)))
    return float(f"{digit * power:.1g}")
