r"""The slowest relaxation modes of a generator on a grid, L v = lambda v, by shift-invert Arnoldi (ARPACK).

One real shift beside 0 finds all modes inside a circle, in real arithmetic. Modes of weakly damped oscillators decay
slowly *and* turn fast, at up to n Omega on the n-th level, so that the circle would hold hundreds: then the search
starts beside i m Omega for m = 0, 1, .., each for the few modes nearby. What is expected where comes from the linear
ladder sum_i n_i lambda_i(A).

As in :mod:`fpsolver.steady`, the matrix that is factored lacks the sums that wrap around (modes are at round-off there)
and has a weak filter on what alternates from cell to cell along axes without diffusion. Alternating modes are
eigenvectors of the grid, not of the equation, and are left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_array, csr_array, diags_array, eye_array, kron
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigs

from fpsolver import assembly
from fpsolver.errors import ConvergenceError
from fpsolver.generator import Generator
from fpsolver.grid import Grid
from fpsolver.steady import FILTER, smooth

OFFSET = 0.3  # of the slowest rate: an inverse on 0 itself has a norm that costs the other modes their last digits
FILTER_ORDER = 8  # also for fluxes of lower order: nothing corrects what a stronger filter would change
SMOOTH = 0.5  # part of a mode's norm that smoothing leaves of it, below which it alternates
EDGE_LAYERS = 4
EDGE = 1e-3  # part of a mode in the outer layers: 1e-9 for ten levels at 8.5 deviations, more if the box repels it
MARGIN = 4  # modes searched beyond those expected
WIDEST_SEARCH = 80  # modes around 0 for which one real shift is quicker than several complex ones


@dataclass(frozen=True, slots=True)
class Search:
    """A starting point (1/time), how many modes are expected near it, and the imaginary parts it answers for."""

    shift: complex | float
    count: int
    lowest: float = -math.inf
    highest: float = math.inf


def slowest_modes(generator: Generator, count: int, ladder: np.ndarray) -> np.ndarray:
    """The ``count`` slowest eigenvalues (complex, 1/time), 0 first, or fewer; ConvergenceError if ARPACK fails.

    ``ladder``: eigenvalues of the linear system, slowest first, many more than ``count``; they say where to look.
    """
    matrix = _matrix(generator, FILTER * _slowest(ladder))
    values = np.concatenate([_find(matrix, search, generator.grid) for search in searches(ladder, count)])
    return ordered(values)[:count]


def ordered(values: np.ndarray) -> np.ndarray:
    """That of the steady state, which is next to 0, then the slowest first, with conjugates together."""
    if not len(values):
        return values
    order = np.lexsort((-values.real, -values.imag, np.abs(values.imag), _rounded(-values.real)))
    steady = order == np.argmin(np.abs(values))  # errors of the grid may put it behind a mode that seems to grow
    return np.asarray(values[np.concatenate([order[steady], order[~steady]])])


def _slowest(ladder: np.ndarray) -> float:
    """Slowest decay rate that is not zero."""
    decay = -ladder.real
    return float(decay[decay > 1e-9 * np.abs(ladder).max()].min())


def _rounded(rates: np.ndarray) -> np.ndarray:
    """To nine digits of the largest, so that conjugates and degenerate levels stand together."""
    return np.asarray(np.round(rates / np.abs(rates).max(initial=0.0), 9))


def searches(ladder: np.ndarray, count: int) -> list[Search]:
    """Where to look: around 0, or around multiples of i Omega."""
    wanted = ladder[:count]
    offset = OFFSET * _slowest(ladder)
    radius = 1.001 * float(np.abs(wanted).max())
    inside = int((np.abs(ladder) <= radius).sum())
    is_counted = -ladder[-1].real >= radius  # the ladder, sorted by decay, reaches the end of the circle
    if is_counted and inside <= max(WIDEST_SEARCH, 4 * count):
        return [Search(offset, inside + MARGIN)]
    turning = np.abs(ladder.imag)
    frequency = float(turning[turning > 1e-9 * np.abs(ladder).max()].min())
    level = np.round(wanted.imag / frequency)
    found = [Search(offset, int((level == 0).sum()) + MARGIN, -frequency / 2, frequency / 2)]
    for m in range(1, int(level.max()) + 1):
        bounds = ((m - 0.5) * frequency, (m + 0.5) * frequency)
        found.append(Search(offset + 1j * m * frequency, int((level == m).sum()) + MARGIN, *bounds))
    return found


def _matrix(generator: Generator, strength: float) -> csr_array:
    """L without wraps, filtered along axes without diffusion, in the variable that suits linear algebra."""
    q_axis, p_axis = generator.grid.axes
    scale = generator.fluxes.symmetriser().ravel()
    matrix = assembly.scaled(assembly.assemble_both(generator)[1], scale)
    diffusion = np.diag(generator.system.diffusion_matrix)
    if diffusion[0] == 0:
        matrix = matrix - strength * kron(assembly.checkerboard_filter(q_axis, FILTER_ORDER), eye_array(p_axis.cells))
    if diffusion[1] == 0:
        matrix = matrix - strength * kron(eye_array(q_axis.cells), assembly.checkerboard_filter(p_axis, FILTER_ORDER))
    return csr_array(matrix)


def _find(matrix: csr_array, search: Search, grid: Grid) -> np.ndarray:
    """Eigenvalues of one search, with their conjugates; alternating modes may take the places of others at first."""
    n, is_complex = matrix.shape[0], isinstance(search.shift, complex)
    dtype = complex if is_complex else float
    factors = assembly.factorised(csc_array(matrix - diags_array(np.full(n, search.shift))))
    inverse = LinearOperator((n, n), matvec=lambda x: factors.solve(np.asarray(x, dtype=dtype)), dtype=dtype)
    start = smooth(np.random.default_rng(0).standard_normal(grid.shape)).ravel().astype(dtype)
    found = np.empty(0, dtype=complex)
    for count in (search.count, 2 * search.count):
        try:
            k, ncv = min(count, n - 2), min(max(2 * count + 1, 20), n)
            values, vectors = eigs(inverse, k=k, which="LM", v0=start, ncv=ncv)
        except ArpackNoConvergence as error:
            raise ConvergenceError(f"not all modes were found: {error}; ask for fewer") from None
        physical = [_is_physical(v.reshape(grid.shape), grid) for v in vectors.T]
        found = search.shift + 1 / values[physical]
        found = found[(found.imag > search.lowest) & (found.imag <= search.highest)]
        if len(found) >= search.count - MARGIN:
            break
    return np.concatenate([found, found.conj()]) if is_complex else np.asarray(found)


def _is_physical(mode: np.ndarray, grid: Grid) -> bool:
    """False for what alternates from cell to cell: smoothing takes it away, or it leans against the walls."""
    at_edge = sum(grid.edge_mass(mode, EDGE_LAYERS).values())
    is_smooth = float(np.linalg.norm(smooth(mode))) > SMOOTH * float(np.linalg.norm(mode))
    return is_smooth and at_edge <= EDGE * grid.integrate(np.abs(mode))
