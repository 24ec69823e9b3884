"""py-pde: second-order differences, adaptive Runge-Kutta steps, the numba backend."""

from __future__ import annotations

import math

from peers.answers import Answer, Program, Setting, Solver
from peers.problems import Problem


def solve(problem: Problem, setting: Setting) -> Answer:
    """From the start to the end, or until py-pde's tracker finds the state steady."""
    import pde

    box = problem.grid(int(setting["cells"]))
    grid = pde.CartesianGrid([[axis.low, axis.high] for axis in box.axes], box.shape)
    start = pde.ScalarField(grid, problem.start.values(box.coordinates))
    drift = f"-y*d_dx(W) + x*d_dy(W) + {problem.eta}*(W + y*d_dy(W))"
    equation = pde.PDE({"W": f"{drift} + {problem.d_qq}*d2_dx2(W) + {problem.d_pp}*d2_dy2(W)"}, bc={"value": 0})
    tracker, end = None, problem.until or 40 / (problem.eta / 2)
    if problem.until is None:
        tracker = pde.SteadyStateTracker(interrupts=2 * math.pi, atol=1e-9 * start.data.max(), rtol=1e-7)
    options = {"dt": 1e-3, "adaptive": True, "solver": "runge-kutta", "backend": "numba", "ret_info": True}
    found, info = equation.solve(start, t_range=end, tracker=tracker, **options)
    return Answer(found.data, box, compiling=float(info["controller"]["profiler"]["compilation"]))


def grids(*cells: int) -> list[Setting]:
    """Settings."""
    return [{"cells": n} for n in cells]


SETTINGS = {"steady": grids(48, 96), "relaxation": grids(48, 96)}  # compiling takes most of its time: few runs

PROGRAM = Program(
    "py-pde",
    "py-pde",
    "import pde",
    (Solver("py-pde", solve, SETTINGS, tells_compiling=True),),
    notes=("py-pde compiles anew for each run; it tells how long that took, and the times here are without it.",),
)
