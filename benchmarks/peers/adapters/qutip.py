"""QuTiP: density matrices in a Fock basis; ``steadystate`` (direct), ``mesolve`` with its defaults, ``wigner``.

The Lindblad operator is L = sqrt(2 d_pp) (q + i eta p / (4 d_pp)) with H = (p^2 + q^2)/2 + eta (qp + pq)/4.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from peers.answers import Answer, Program, Setting, Solver
from peers.problems import Problem


def steadystate(problem: Problem, setting: Setting) -> Answer:
    """Null vector of the Liouvillian by sparse LU."""
    import qutip

    q, p, H, L = operators(problem, int(setting["levels"]))
    return answer(problem, qutip.steadystate(H, [L]), q, p)


def mesolve(problem: Problem, setting: Setting) -> Answer:
    """Adams steps of variable order from a displaced thermal state; more of them allowed than by default."""
    import qutip

    levels, tolerance = int(setting["levels"]), float(setting["rtol"])
    q, p, H, L = operators(problem, levels)
    shift = qutip.displace(levels, complex(*problem.mean) / 2**0.5)
    rho = shift * qutip.thermal_dm(levels, problem.variance - 0.5) * shift.dag()
    options = {"rtol": tolerance, "atol": tolerance * 1e-2, "nsteps": 10**6}
    found = qutip.mesolve(H, rho, [0.0, problem.until], c_ops=[L], options=options)
    return answer(problem, found.states[-1], q, p)


def operators(problem: Problem, levels: int) -> tuple[Any, Any, Any, Any]:
    """q, p, the Hamiltonian and the Lindblad operator."""
    import qutip

    a = qutip.destroy(levels)
    q, p = (a + a.dag()) / 2**0.5, 1j * (a.dag() - a) / 2**0.5
    H = (p * p + q * q) / 2 + problem.eta / 4 * (q * p + p * q)
    return q, p, H, (2 * problem.d_pp) ** 0.5 * (q + 1j * problem.eta / (4 * problem.d_pp) * p)


def answer(problem: Problem, rho: Any, q: Any, p: Any) -> Answer:
    """Covariance from the operators, W by the default method on the common grid (NaN where that overflows)."""
    import qutip

    grid = problem.common_grid
    with np.errstate(all="ignore"):
        W = qutip.wigner(rho, *(axis.centres for axis in grid.axes)).T
    W = np.where(np.abs(W) <= 1.01 / np.pi, W, np.nan)  # no state has more than 1/(pi hbar): the rest has overflowed
    means = [qutip.expect(x, rho) for x in (q, p)]
    products = [[qutip.expect((x * y + y * x) / 2, rho) for y in (q, p)] for x in (q, p)]
    return Answer(W, grid, np.array(products) - np.outer(means, means))


COOL = [{"levels": n} for n in (15, 20, 30, 40, 50)]
PAIRS = ((15, 1e-4), (20, 1e-6), (30, 1e-8), (40, 1e-10), (50, 1e-12))

PROGRAM = Program(
    "QuTiP",
    "qutip",
    "import qutip",
    (
        Solver(
            "QuTiP, steadystate",
            steadystate,
            {"steady": COOL, "weak": COOL, "hot": [{"levels": n} for n in (100, 200, 300)]},
        ),
        Solver("QuTiP, mesolve", mesolve, {"relaxation": [{"levels": n, "rtol": tol} for n, tol in PAIRS]}),
    ),
    notes=(
        "QuTiP has no entropy production: Π is computed from its W with the gradients of fpsolver. Its covariance is "
        "taken from its operators, not from W.",
        "QuTiP, hot: hundreds of Fock levels hold the state, and `wigner` overflows in double precision beyond a "
        "radius of about 26 (3.7 deviations here). What it cannot give counts as W = 0 and is left out of Π.",
    ),
)
