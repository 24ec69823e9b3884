"""fplanck: overdamped Fokker-Planck equations; p is given to it as a second position with its own drag and force."""

from __future__ import annotations

import numpy as np

from peers.answers import Answer, Program, Setting, Solver
from peers.problems import STEADY, Problem


def solve(problem: Problem, setting: Setting) -> Answer:
    """``steady_state()`` with drag = k T / D for each axis."""
    from fplanck.solver import FokkerPlanck
    from scipy.constants import k

    box = problem.grid(int(setting["cells"]))
    drag = [1 / problem.d_qq, 1 / problem.d_pp]
    found = FokkerPlanck(
        temperature=1 / k,
        drag=drag,
        extent=[axis.length for axis in box.axes],
        resolution=np.array([axis.length / (axis.cells - 1e-9) for axis in box.axes]),  # it rounds the cells up
        force=lambda q, p: np.array([drag[0] * p, -drag[1] * (q + problem.eta * p)]),
    )
    return Answer(found.steady_state(), box)


GRIDS = [{"cells": n} for n in (64, 128, 192)]

PROGRAM = Program(
    "fplanck",
    "fplanck",
    "import fplanck.solver",
    (Solver("fplanck", solve, dict.fromkeys(STEADY, GRIDS)),),
    notes=(
        "fplanck is made for overdamped motion, and is used outside of that here: its jump rates contain "
        "exp(drift × h/2D), which is far from its limit wherever D is small. The transient cannot be run: its largest "
        "rates exceed e³⁰.",
    ),
)
