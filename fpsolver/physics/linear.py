r"""Linear stochastic flows dx = (A x + f) dt + noise of diffusion B: propagators, steady covariance, spectrum."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass

import numpy as np

from fpsolver.physics.potentials import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """x(t) = propagator x(0) + shift + noise; leading axis time, then 2N (x 2N)."""

    propagator: FloatArray
    shift: FloatArray
    noise: FloatArray


def balance(A: FloatArray) -> FloatArray:
    """Units s of the coordinates, powers of two, in which A_ij s_j/s_i has rows and columns of equal size.

    A mixes position with momentum, and its entries 1/m and m omega^2 say nothing of rates: without this, masses
    of 1e-12 cost 11 digits (damping drowns in the round-off of large entries). Osborne's iteration.
    """
    size, units = np.abs(A - np.diag(np.diag(A))), np.ones(len(A))
    diagonal = float(np.abs(np.diag(A)).max(initial=0.0))
    for _ in range(20):
        for i in range(len(A)):
            column, row = size[:, i].sum(), size[i].sum()
            if column == 0 or row == 0:  # nothing to balance against but the rates on the diagonal
                column, row = column or diagonal, row or diagonal
            if column > 0 and row > 0:
                factor = 2.0 ** np.round(0.5 * np.log2(row / column))
                units[i] *= factor
                size[:, i] *= factor
                size[i] /= factor
    return units


def flow(A: FloatArray, f: FloatArray, B: FloatArray, times: FloatArray) -> Flow:
    r"""e^{At}, int_0^t e^{As} f ds and C(t) = int_0^t e^{As} B e^{A^T s} ds at several times."""
    s = balance(A)
    found = _balanced_flow(A * s / s[:, None], f / s, B / np.outer(s, s), times)
    return Flow(found.propagator * s[:, None] / s, found.shift * s, found.noise * np.outer(s, s))


def _balanced_flow(A: FloatArray, f: FloatArray, B: FloatArray, times: FloatArray) -> Flow:
    """Van Loan's block exponential on t/2^k with norm(A) t/2^k <= 1, then C(2t) = C + M C M^T k times.

    On the whole t the block exponential overflows.
    """
    times = np.atleast_1d(np.asarray(times, dtype=float))
    reach = np.abs(A).sum(axis=1).max() * times
    doublings = np.ceil(np.log2(np.maximum(reach, 1.0))).astype(int)
    short = times / 2.0**doublings
    M, m, C = _short_flow(A, f, B, short)
    for k in range(doublings.max(initial=0)):
        on = doublings > k
        C[on] += M[on] @ C[on] @ M[on].transpose(0, 2, 1)
        m[on] += np.einsum("tij,tj->ti", M[on], m[on])
        M[on] = M[on] @ M[on]
    return Flow(M, m, C)


def _short_flow(
    A: FloatArray, f: FloatArray, B: FloatArray, times: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Flow for norm(A) t <= 1, with B and f scaled to norm one (C and the shift are linear in them)."""
    n = len(A)
    b_scale = np.abs(B).sum(axis=1).max() or 1.0
    f_scale = np.abs(f).max(initial=0.0) or 1.0
    X = np.zeros((len(times), 2 * n + 1, 2 * n + 1))
    X[:, :n, :n] = A * times[:, None, None]
    X[:, :n, n : 2 * n] = B / b_scale
    X[:, :n, -1] = f / f_scale
    X[:, n : 2 * n, n : 2 * n] = -A.T * times[:, None, None]
    E = _exponential(X)
    M = E[:, :n, :n].copy()
    C = E[:, :n, n : 2 * n] @ M.transpose(0, 2, 1) * (b_scale * times[:, None, None])
    return M, E[:, :n, -1] * (f_scale * times[:, None]), 0.5 * (C + C.transpose(0, 2, 1))


def _exponential(X: FloatArray) -> FloatArray:
    """Exponentials of a stack of small matrices of norm <= 3, by their Taylor series (3**33/33! = 6e-22).

    SciPy's expm took up to 8 ms for each 5 x 5 matrix on a busy machine (threads of the BLAS waiting for each
    other), and a run needs hundreds; this takes 0.01 ms.
    """
    one = np.eye(X.shape[-1])
    E = np.broadcast_to(one, X.shape)
    for k in range(32, 0, -1):
        E = one + X @ E / k
    return np.asarray(E)


def rates(A: FloatArray) -> FloatArray:
    """Decay rates -Re(lambda) of the eigenvalues of A, smallest first, 1/time."""
    return np.sort(-np.linalg.eigvals(A).real)


def is_stable(A: FloatArray) -> bool:
    """True if every motion decays (rates above round-off of the fastest motion)."""
    return bool(rates(A)[0] > 1e-14 * np.abs(np.linalg.eigvals(A)).max())


def steady_covariance(A: FloatArray, B: FloatArray) -> FloatArray:
    """Solution V of the Lyapunov equation A V + V A^T + B = 0 for a stable A, by squaring the flow.

    V = C(infinity), and C(2t) = C(t) + M C M^T converges quadratically once M = e^{At} is small.
    """
    s = balance(A)
    A, B = A * s / s[:, None], B / np.outer(s, s)
    start = _balanced_flow(A, np.zeros(len(A)), B, np.array([1.0 / np.abs(A).sum(axis=1).max()]))
    M, C = start.propagator[0], start.noise[0]
    for _ in range(200):
        C = C + M @ C @ M.T
        M = M @ M
        if np.abs(M).max() < 1e-20:
            return np.asarray(0.5 * (C + C.T) * np.outer(s, s))
    raise ValueError("the Lyapunov equation has no solution: the drift matrix is not stable")


def spectrum(A: FloatArray, count: int) -> np.ndarray:
    """The ``count`` slowest eigenvalues sum_i n_i lambda_i(A), n_i = 0, 1, 2, .., of the generator (complex)."""
    ladder = np.linalg.eigvals(A)
    ladder = ladder[np.argsort(-ladder.real, kind="stable")]
    start = (0,) * len(ladder)
    serial = itertools.count()
    heap: list[tuple[float, int, tuple[int, ...]]] = [(0.0, next(serial), start)]
    seen = {start}
    found: list[complex] = []
    while len(found) < count:
        _, _, quanta = heapq.heappop(heap)
        found.append(np.dot(quanta, ladder))
        for i in range(len(ladder)):
            above = (*quanta[:i], quanta[i] + 1, *quanta[i + 1 :])
            if above not in seen:
                seen.add(above)
                heapq.heappush(heap, (-float(np.dot(above, ladder).real), next(serial), above))
    return np.array(found)


def generalized_inverse(B: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Generalised inverse G of a symmetric positive semidefinite B and the projector B G on its range.

    The diagonal is scaled out first, so that a small but honest diffusion constant is not taken for zero.
    """
    scale = np.sqrt(np.diag(B).clip(min=0.0))
    safe = np.where(scale > 0, scale, 1.0)
    values, vectors = np.linalg.eigh(B / np.outer(safe, safe))
    keep = values > 1e-12 * max(values[-1], 1e-300)
    inverse = (vectors[:, keep] / values[keep]) @ vectors[:, keep].T
    G = inverse / np.outer(safe, safe)
    return G, B @ G
