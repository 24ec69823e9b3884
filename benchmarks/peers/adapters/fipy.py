"""FiPy: cell-centred finite volumes, implicit Euler steps, sparse LU; its default and its central convection term."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from peers.answers import Answer, Program, Setting, Solver
from peers.problems import STEADY, Problem

HUGE = 1e6  # of the slowest time: three implicit steps as long as this are inverse iteration to the steady state


def solve(problem: Problem, setting: Setting, convection: str) -> Answer:
    """Steps of implicit Euler to the end, or three huge ones."""
    import fipy

    box = problem.grid(int(setting["cells"]))
    mesh, W = unknown(problem, box)
    drift = convection_velocity(problem, mesh)
    diffusion = fipy.DiffusionTerm(coeff=[[[problem.d_qq, 0], [0, problem.d_pp]]])
    equation = fipy.TransientTerm() == diffusion - getattr(fipy, convection)(coeff=drift)
    dt, steps = HUGE / problem.eta, 3
    if problem.until is not None:
        steps = round(problem.until / setting["dt"])
        dt = problem.until / steps
    for _ in range(steps):
        equation.solve(W, dt=dt)
    return Answer(np.array(W.value).reshape(box.shape[::-1]).T, box)  # cells run along x first


def unknown(problem: Problem, box: Any) -> tuple[Any, Any]:
    """Mesh with its origin in the corner of the box, and W on it."""
    import fipy

    q, p = box.axes
    mesh = fipy.Grid2D(nx=q.cells, ny=p.cells, dx=q.spacing, dy=p.spacing) + ((q.low,), (p.low,))  # noqa: RUF005
    return mesh, fipy.CellVariable(mesh=mesh, value=problem.start.values(box.coordinates).T.ravel())


def convection_velocity(problem: Problem, mesh: Any) -> Any:
    """(p, -q - eta p) on the faces, zero on the walls."""
    import fipy

    q, p = (np.array(x) for x in mesh.faceCenters)
    velocity = np.array([p, -q - problem.eta * p]) * ~np.array(mesh.exteriorFaces)
    return fipy.FaceVariable(mesh=mesh, rank=1, value=velocity)


GRIDS = [{"cells": n} for n in (32, 64, 128, 192)]
STEPS = [{"cells": 32, "dt": 0.4}, {"cells": 48, "dt": 0.25}]
CENTRAL, DEFAULT = "CentralDifferenceConvectionTerm", "PowerLawConvectionTerm"

PROGRAM = Program(
    "FiPy",
    "fipy",
    "import fipy",
    (
        Solver("FiPy, power law (default)", partial(solve, convection=DEFAULT), dict.fromkeys(STEADY, GRIDS)),
        Solver(
            "FiPy, central",
            partial(solve, convection=CENTRAL),
            {**dict.fromkeys(STEADY, GRIDS), "relaxation": STEPS},
        ),
    ),
)
