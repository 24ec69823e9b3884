"""SciPy alone, on the sparse matrix of fpsolver's generator (order 8): SciPy solves, but does not discretise."""

from __future__ import annotations

from functools import partial

import numpy as np

from fpsolver.generator import Generator
from peers.answers import Answer, Program, Setting, Solver
from peers.problems import STEADY, Problem


def generator(problem: Problem, setting: Setting) -> Generator:
    """Generator on the grid fpsolver chooses for so many cells."""
    from fpsolver import api

    time = {"method": "direct"} if problem.until is None else {"until": problem.until}
    return api.prepare(problem.config(int(setting["cells"]), **time)).generator


def spsolve(problem: Problem, setting: Setting) -> Answer:
    """Null vector by ``spsolve``: the value in the middle cell is set to one and the others are solved for."""
    from scipy.sparse import csc_array
    from scipy.sparse.linalg import spsolve as solve

    made = generator(problem, setting)
    L, middle = csc_array(made.to_sparse()), made.grid.size // 2 + made.grid.shape[1] // 2
    others = np.delete(np.arange(made.grid.size), middle)
    W = np.ones(made.grid.size)
    W[others] = solve(L[others][:, others], -L[others][:, [middle]].toarray()[:, 0])
    return Answer(W.reshape(made.grid.shape), made.grid)


def solve_ivp(problem: Problem, setting: Setting, method: str) -> Answer:
    """``solve_ivp`` with the matrix, which is also the Jacobian for implicit methods."""
    from scipy.integrate import solve_ivp as solve

    made = generator(problem, setting)
    L, tolerance = made.to_sparse().tocsc(), float(setting["rtol"])
    W = problem.start.values(made.grid.coordinates).ravel()
    options = {"method": method, "rtol": tolerance, "atol": tolerance * 1e-3 * W.max(), "t_eval": [problem.until]}
    if method == "BDF":
        options["jac"] = L
    found = solve(lambda _, y: L @ y, (0.0, problem.until), W, **options)
    return Answer(found.y[:, -1].reshape(made.grid.shape), made.grid)


def expm_multiply(problem: Problem, setting: Setting) -> Answer:
    """exp(L t) W."""
    from scipy.sparse.linalg import expm_multiply as multiply

    made = generator(problem, setting)
    assert problem.until is not None
    W = multiply(made.to_sparse() * problem.until, problem.start.values(made.grid.coordinates).ravel())
    return Answer(W.reshape(made.grid.shape), made.grid)


GRIDS = [{"cells": n} for n in (32, 48, 64, 96)]
FINE = [*GRIDS, {"cells": 128}]
PAIRS = [{"cells": n, "rtol": tolerance} for n, tolerance in ((32, 1e-3), (48, 1e-5), (64, 1e-7), (96, 1e-9))]
IMPLICIT = [{"cells": n, "rtol": tolerance} for n, tolerance in ((24, 1e-3), (32, 1e-3), (40, 1e-4))]

PROGRAM = Program(
    "SciPy",
    "scipy",
    "import scipy.sparse.linalg, scipy.integrate",
    (
        Solver("SciPy, spsolve", spsolve, dict.fromkeys(STEADY, FINE)),
        Solver("SciPy, solve_ivp RK45", partial(solve_ivp, method="RK45"), {"relaxation": PAIRS}),
        Solver("SciPy, solve_ivp BDF", partial(solve_ivp, method="BDF"), {"relaxation": IMPLICIT}),
        Solver("SciPy, expm_multiply", expm_multiply, {"relaxation": GRIDS}),
    ),
    notes=(
        "SciPy has no discretisation: it is given the matrix of fpsolver, so that its spatial errors are fpsolver's, "
        "and only the time differs. Assembling the matrix is counted.",
    ),
)
