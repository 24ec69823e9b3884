r"""The generator as a sparse matrix, from Kronecker products of one-dimensional matrices.

Written from the formulas and not from the kernels, so that each checks the other. For matrices D (wrapped
first derivative), T (friction and diffusion: zero ghosts, no flux through walls), S_m (shift by m cells), all of one
axis, and diagonal velocities v_a that do not depend on x_a,

    L = sum_a (-D_a v_a + T_a) + sum_{a<b} 2 D_ab D_a D_b + sum_i sum_m kicks_im(q) (S_m - S_-m along p_i).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import SuperLU, splu

from fpsolver.errors import ConvergenceError, GridError
from fpsolver.grid import Axis, Grid
from fpsolver.kernels import stencils
from fpsolver.physics.potentials import FloatArray
from fpsolver.schemes.chang_cooper import ChangCooperFluxes, FaceAxis
from fpsolver.schemes.moyal import MoyalTerms

if TYPE_CHECKING:
    from fpsolver.generator import Generator


def assemble(generator: Generator) -> sparse.csr_array:
    """Sparse matrix of the generator on W.ravel()."""
    return assemble_both(generator)[0]


def assemble_both(generator: Generator) -> tuple[sparse.csr_array, sparse.csr_array]:
    """The whole matrix, and that without what wraps around closed axes."""
    fluxes = generator.fluxes
    if isinstance(fluxes, ChangCooperFluxes):
        faces = _assemble_faces(fluxes)
        return faces, faces
    moyal, grid = fluxes.moyal, generator.grid
    classical = _irreversible_matrix(generator) + _reversible_matrix(generator, moyal)
    quantum = [_quantum_matrix(moyal, i) for i in range(generator.system.size) if moyal.kicks[i].any()]
    whole = _without_zeros(sum(quantum, classical))
    if moyal.is_long:
        return whole, _without_zeros(sum(quantum, _unwrapped(classical, grid)))
    return whole, _unwrapped(whole, grid)


def _unwrapped(matrix: sparse.csr_array, grid: Grid) -> sparse.csr_array:
    """Without entries between cells that are more than half of a closed axis apart, which wrap around it."""
    entries = matrix.tocoo()
    is_inner = np.ones(entries.nnz, dtype=bool)
    for a, axis in enumerate(grid.axes):
        if not axis.periodic:
            place = np.arange(grid.size, dtype=np.int32) // math.prod(grid.shape[a + 1 :]) % axis.cells
            is_inner &= 2 * np.abs(place[entries.row] - place[entries.col]) <= axis.cells
    kept = entries.data[is_inner], entries.col[is_inner]
    starts = np.concatenate([[0], np.cumsum(is_inner)])[matrix.indptr]
    return sparse.csr_array((*kept, starts), shape=matrix.shape)


def _irreversible_matrix(generator: Generator) -> sparse.csr_array:
    """Friction and diffusion of each axis."""
    system, grid, order = generator.system, generator.grid, generator.scheme.order
    A, B = system.dissipative_drift, system.diffusion_matrix
    matrix = sparse.csr_array((grid.size, grid.size))
    for a, axis in enumerate(grid.axes):
        if A[a, a] != 0 or B[a, a] != 0:
            matrix = matrix + _along(grid, a, friction_matrix(axis, order, A[a, a], B[a, a] / 2))
    return sparse.csr_array(matrix)


def _reversible_matrix(generator: Generator, moyal: MoyalTerms) -> sparse.csr_array:
    """Drift along axes on which it does not depend, and cross-diffusion."""
    grid, order, B = generator.grid, generator.scheme.order, generator.system.diffusion_matrix
    D = [_along(grid, a, first_matrix(axis, order, wrap=True)) for a, axis in enumerate(grid.axes)]
    matrix = sparse.csr_array((grid.size, grid.size))
    for a in range(len(D)):
        matrix = matrix - D[a] @ sparse.diags_array(_reversible_velocity(moyal, a).ravel())
        for b in np.nonzero(B[a, a + 1 :])[0] + a + 1:
            matrix = matrix + B[a, b] * (D[a] @ D[b])
    return sparse.csr_array(matrix)


def _without_zeros(matrix: sparse.csr_array) -> sparse.csr_array:
    result = sparse.csr_array(matrix)
    result.eliminate_zeros()
    return result


def _along(grid: Grid, a: int, matrix: sparse.csr_array) -> sparse.csr_array:
    """A matrix of one axis as a matrix on the whole grid."""
    before, after = math.prod(grid.shape[:a]), math.prod(grid.shape[a + 1 :])
    return sparse.csr_array(sparse.kron(sparse.kron(sparse.eye_array(before), matrix), sparse.eye_array(after)))


def _reversible_velocity(moyal: MoyalTerms, a: int) -> FloatArray:
    """Velocity of axis a but for its own friction, at all cells; the classical force as far as ``moyal`` leaves it."""
    system, grid, n = moyal.system, moyal.grid, moyal.system.size
    A = system.dissipative_drift - np.diag(np.diag(system.dissipative_drift))
    velocity: FloatArray = np.zeros(grid.shape)
    for b, x in enumerate(grid.coordinates):
        velocity = velocity + A[a, b] * x
    if a < n:
        return velocity + grid.coordinates[n + a] / system.particles[a].mass
    for stiffness, x in zip(system.spring_matrix[a - n], grid.coordinates, strict=False):
        velocity = velocity - stiffness * x
    return velocity + moyal.force(a - n).reshape([-1 if b == a - n else 1 for b in range(2 * n)])


def _quantum_matrix(moyal: MoyalTerms, i: int) -> sparse.csr_array:
    """Moyal terms of particle i: weights of its position times differences along its momentum."""
    grid, n, (offset, _), kicks = moyal.grid, moyal.system.size, moyal.reach, moyal.kicks[i]
    matrix = sparse.csr_array((grid.size, grid.size))
    for m in np.nonzero(kicks.any(axis=0))[0]:
        distance = int(m + offset + 1)
        pair = _along(grid, n + i, _banded(grid.shape[n + i], {distance: 1.0, -distance: -1.0}, wrap=True))
        matrix = matrix + sparse.diags_array(np.repeat(kicks[:, m], math.prod(grid.shape[n:]))) @ pair
    return matrix


def scaled(matrix: sparse.csr_array, scale: FloatArray) -> sparse.csr_array:
    """S^-1 L S: as accurate in the far tails of W as in its middle, where S is the root of a reference state."""
    if (scale == 1).all():
        return matrix
    return sparse.csr_array(sparse.diags_array(1 / scale) @ matrix @ sparse.diags_array(scale))


def factorised(matrix: sparse.csc_array, *, pivoted: bool = False) -> SuperLU:
    """LU factors by a symmetric ordering, which takes a third of the time of the default one and half of its memory.

    It keeps to the diagonal, which is small where advection dominates by far (eta = 1e-3, omega = 20: seven digits are
    lost; a larger pivot threshold than 1e-6 fills the factors 15 times as much there): ``pivoted`` factors do not.
    """
    quick: dict[str, Any] = {
        "permc_spec": "MMD_AT_PLUS_A",
        "diag_pivot_thresh": 1e-6,
        "options": {"SymmetricMode": True},
        "relax": 1,  # no supernodes padded with zeros, which take a third more time on the folded matrix of 96^2
    }
    try:
        return splu(matrix, **({} if pivoted else quick))
    except RuntimeError as error:
        raise ConvergenceError(f"the matrix of the generator could not be factored: {error}") from None


def _assemble_faces(fluxes: ChangCooperFluxes) -> sparse.csr_array:
    """Chang-Cooper fluxes: S_q x diag(g) + diag(f) x S_p + T_q x 1 + 1 x T_p, nothing of which wraps."""
    if fluxes.limited:
        raise GridError("limited fluxes depend on W, so that they have no matrix; use scheme.reversible: central")
    (S_q, T_q), (S_p, T_p) = (_face_matrices(axis) for axis in (fluxes.q, fluxes.p))
    matrix = (
        sparse.kron(S_q, sparse.diags_array(fluxes.p.speeds))
        + sparse.kron(sparse.diags_array(fluxes.q.speeds), S_p)
        + sparse.kron(T_q, sparse.eye_array(fluxes.p.axis.cells))
        + sparse.kron(sparse.eye_array(fluxes.q.axis.cells), T_p)
    )
    return _without_zeros(matrix)


def _face_matrices(axis: FaceAxis) -> tuple[sparse.csr_array, sparse.csr_array]:
    """Minus the differences of face fluxes, without the speed (reversible) and irreversible."""
    n, h = axis.axis.cells, axis.axis.spacing
    above = _banded(n, {1: 1.0}, wrap=True)  # value of the next cell
    differences = _banded(n, {-1: 1.0, 0: -1.0}, wrap=True)  # flux below minus flux above
    low, high = (sparse.diags_array(axis.weights[m] / (2 * h)) for m in (1, 2))
    reversible = differences @ (low + high @ above)
    irreversible = differences @ (sparse.diags_array(axis.leaving) - sparse.diags_array(axis.entering) @ above)
    return sparse.csr_array(reversible), sparse.csr_array(irreversible)


def first_matrix(axis: Axis, order: int, *, wrap: bool) -> sparse.csr_array:
    """Central first derivative along one axis."""
    weights = {}
    for m, c in enumerate(stencils.first_derivative(order), start=1):
        weights[m], weights[-m] = c / axis.spacing, -c / axis.spacing
    return _banded(axis.cells, weights, wrap=wrap)


def second_matrix(axis: Axis, order: int, *, wrap: bool) -> sparse.csr_array:
    """Central second derivative along one axis."""
    weights = {0: 0.0}
    for m, e in enumerate(stencils.second_derivative(order), start=1):
        weights[m] = weights[-m] = e / axis.spacing**2
        weights[0] -= 2 * e / axis.spacing**2
    return _banded(axis.cells, weights, wrap=wrap)


def checkerboard_filter(axis: Axis, order: int) -> sparse.csr_array:
    """Symbol sin^order(theta/2), on as many neighbours as the scheme: 1 on the highest mode, nothing on smooth ones."""
    k = order // 2
    weights = {m: (-1) ** m * math.comb(2 * k, k + m) / 4**k for m in range(-k, k + 1)}
    return _banded(axis.cells, weights, wrap=axis.periodic)


def friction_matrix(axis: Axis, order: int, rate: float, diffusion: float) -> sparse.csr_array:
    """D W'' - (rate x W)' with the closure of the axis; a closed wall returns what would leave."""
    wrap = axis.periodic
    friction = first_matrix(axis, order, wrap=wrap) @ sparse.diags_array(rate * axis.centres)
    matrix = sparse.lil_array(diffusion * second_matrix(axis, order, wrap=wrap) - friction)
    if not wrap:
        missing = -np.asarray(matrix.sum(axis=0)).ravel()
        half, k = axis.cells // 2, order // 2
        matrix[[0], :k] = matrix[[0], :k].toarray() + missing[:half][:k]
        matrix[[-1], -k:] = matrix[[-1], -k:].toarray() + missing[half:][-k:]
    return sparse.csr_array(matrix)


def _banded(n: int, weights: dict[int, float], *, wrap: bool) -> sparse.csr_array:
    rows, columns, values = [], [], []
    cells = np.arange(n)
    for offset, weight in weights.items():
        target = cells + offset
        inside = np.ones(n, dtype=bool) if wrap else (target >= 0) & (target < n)
        rows.append(cells[inside])
        columns.append(target[inside] % n)
        values.append(np.full(inside.sum(), weight))
    entries = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
    return sparse.csr_array(sparse.coo_array(entries, shape=(n, n)))
