"""fpsolver as its users run it: a configuration with a number of cells, everything else at its default."""

from __future__ import annotations

from functools import partial

from peers.answers import Answer, Program, Setting, Solver
from peers.problems import STEADY, Problem


def solve(problem: Problem, setting: Setting, method: str) -> Answer:
    """Run the configuration."""
    from fpsolver import api

    time = {"method": method} if problem.until is None else {"until": problem.until}
    result = api.run_problem(api.prepare(problem.config(int(setting["cells"]), **time)))
    return Answer(result.final.W, result.grid, result.series["covariance"][-1], result.last("entropy_production"))


GRIDS = [{"cells": n} for n in (32, 48, 64, 96, 128)]
FEW = [{"cells": n} for n in (48, 64, 96)]
FIRST = ({"cells": 96}, {"cells": 32})  # parallel and serial kernels

PROGRAM = Program(
    "fpsolver",
    "fpsolver",
    "import fpsolver, fpsolver.api",
    (
        Solver("fpsolver, direct", partial(solve, method="direct"), dict.fromkeys(STEADY, GRIDS), FIRST),
        Solver(
            "fpsolver, stepping",
            partial(solve, method="stepping"),
            {"steady": FEW, "relaxation": GRIDS, "weak": FEW[:2], "hot": FEW},
            FIRST,
        ),
    ),
    keeps_compiled=True,
)
