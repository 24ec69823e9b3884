"""The part of ``fpsolver check`` about a run: steps, records, memory and time, as numbers and as rows of them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from fpsolver.planning import direct_seconds, duration
from fpsolver.problem import Problem, initial_values
from fpsolver.recorder import make_record, phase_space
from fpsolver.simulation import Stepper, begin, make_stepper
from fpsolver.stepping.explicit import ORDERS, RungeKutta, StepSize, stable_step
from fpsolver.thermo.state import State

PATIENCE = 0.2  # seconds of repetitions, longer than a busy moment of the machine


def run_numbers(problem: Problem) -> dict[str, Any]:
    """Ends and steps (time), memory (bytes) and cost (seconds); that of explicit steps and of records is measured."""
    plan = problem.plan
    until = "steady" if math.isinf(plan.until) else plan.until
    found = {"until": until, "method": plan.method, "method_reason": plan.why, "memory_bytes": problem.memory}
    if plan.method == "direct":
        assert plan.decay is not None  # whatever becomes steady has one
        return found | {"run_seconds": direct_seconds(problem.generator, plan.decay, plan.tolerance)}
    end = plan.until
    if math.isinf(end) and plan.decay is not None:
        end = min(plan.max_time, math.log(1 / plan.tolerance) / plan.decay.value)
    recording = end / plan.every * seconds_per_record(problem)
    steps = {"step_seconds": plan.predicted} if plan.stepper == "implicit" else explicit_numbers(problem, end)
    return found | {
        "expected_end": end,
        "max_time": plan.max_time,
        "stepper": plan.stepper,
        "stepper_reason": plan.stepper_why,
        "first_time_step": plan.step.at(0.0),
        "time_step": plan.step.limit,
        **steps,
        "every": plan.every,
        "records": end / plan.every,
        "record_seconds": recording,
        "run_seconds": steps["step_seconds"] + recording,
    }


def explicit_numbers(problem: Problem, end: float) -> dict[str, Any]:
    """Steps until that time, whether half of the cells do, the largest stable step, and the seconds, measured."""
    plan = problem.plan
    steps = plan.step.count(end) if isinstance(plan.step, StepSize) else end / plan.step.limit
    W = begin(problem.generator, initial_values(problem), plan).W
    stepper = make_stepper(problem.generator, plan.stepper, W)
    return {
        "steps": steps,
        "on_half_of_the_cells": isinstance(stepper, RungeKutta) and stepper.is_half,
        "stability_limit": stable_step(problem.generator, ORDERS[plan.stepper]),
        "step_seconds": steps * seconds_per_step(problem, stepper),
    }


def cost_rows(problem: Problem) -> list[tuple[str, Any]]:
    """Step, steps, memory and run time."""
    found = run_numbers(problem)
    memory = ("memory", f"about {found['memory_bytes'] / 2**20:.0f} MiB")
    if found["method"] == "direct":
        why = f" ({found['method_reason']})" if found["method_reason"] else ""
        several = problem.system.size > 1
        how = "GMRES on what explicit steps lead to" if several else "null vector of a sparse matrix"
        seconds = ("run time", f"about {duration(found['run_seconds'])} (predicted)")
        return [("until", "steady"), ("method", f"direct: {how}{why}"), memory, seconds]
    words = f"steady, expected near t = {found['expected_end']:.3g} (at most {found['max_time']:.3g})"
    how = "steps predicted, records measured" if found["stepper"] == "implicit" else "measured on this machine"
    share = f"{found['record_seconds']:.2g} s of it for the records"
    return [
        ("until", words if found["until"] == "steady" else f"t = {found['until']:g}"),
        *step_rows(found),
        ("records", f"every {found['every']:g}, about {found['records']:.0f}"),
        memory,
        ("run time", f"about {found['run_seconds']:.2g} s ({how}), {share}"),
    ]


def step_rows(found: dict[str, Any]) -> list[tuple[str, Any]]:
    """Stepper and step: the largest one, and the first if it is smaller."""
    why = f" ({found['stepper_reason']})" if found["stepper_reason"] else ""
    first, limit = found["first_time_step"], found["time_step"]
    if found["stepper"] == "implicit":
        return [
            ("stepper", f"implicit{why}"),
            ("time step", f"{first:.4g} at first, {limit:.4g} at most (by accuracy)"),
        ]
    half = ", on half of the cells: W(-q, -p) = W(q, p)" if found["on_half_of_the_cells"] else ""
    step = f"{limit:.4g}" if first == limit else f"{first:.4g} at first, {limit:.4g} at most"
    stable = f"(stability limit {found['stability_limit']:.4g})"
    return [
        ("stepper", f"{found['stepper']}{why}{half}"),
        ("time step", f"{step} {stable}, about {found['steps']:.0f} steps"),
    ]


def seconds_per_step(problem: Problem, stepper: Stepper) -> float:
    """Time of one step, measured: a few steps of a zero state."""
    generator, late = problem.generator, problem.generator.system.settled
    W = generator.pad(np.zeros(generator.grid.shape), generator.empty_padded())
    stepper.advance(W, late, problem.plan.step.limit, 5)
    return shortest(lambda: stepper.advance(W, late, problem.plan.step.limit, 5)) / 5


def seconds_per_record(problem: Problem) -> float:
    """Time of one record, measured at the initial state."""
    generator, late = problem.generator, problem.generator.system.settled
    W, space = initial_values(problem), phase_space(generator, late)
    return shortest(lambda: make_record(State(W, space), generator.apply(W, time=late)))


def shortest(measured: Callable[[], object]) -> float:
    """Shortest time of a call, of three or as many as fit into PATIENCE: what else the machine does only adds to it."""
    times: list[float] = []
    while len(times) < 3 or sum(times) < PATIENCE:
        begun = time.perf_counter()
        measured()
        times.append(time.perf_counter() - begun)
    return min(times)
