r"""Linear stochastic flows dx = (A x + f) dt + noise of diffusion B: propagators, steady covariance, spectrum."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpsolver.physics.potentials import FloatArray

LARGE = 400  # coordinates: below it nothing is gained by looking for structure
GROWN = 1e60  # a stable motion may grow for a while, but not to this; products of it are still numbers
UNSTABLE = "the Lyapunov equation has no solution: the drift matrix is not stable"


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """x(t) = propagator x(0) + shift + noise; leading axis time, then 2N (x 2N)."""

    propagator: FloatArray
    shift: FloatArray
    noise: FloatArray


def moved(flow: Flow, mean: FloatArray, covariance: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Means (T, 2N) and covariances (T, 2N, 2N) after each time of a flow."""
    M = flow.propagator
    return np.einsum("tij,j->ti", M, mean) + flow.shift, M @ covariance @ M.transpose(0, 2, 1) + flow.noise


def balance(A: FloatArray) -> FloatArray:
    """Units s of the coordinates, powers of two, in which A_ij s_j/s_i has rows and columns of equal size.

    A mixes position with momentum, and its entries 1/m and m omega^2 say nothing of rates: without this, masses
    of 1e-12 cost 11 digits (damping drowns in the round-off of large entries). Osborne's iteration.
    """
    size, units = np.abs(A - np.diag(np.diag(A))), np.ones(len(A))
    diagonal = float(np.abs(np.diag(A)).max(initial=0.0))
    for _ in range(20):
        before = units.copy()
        for i in range(len(A)):
            column, row = size[:, i].sum(), size[i].sum()
            if column == 0 or row == 0:  # nothing to balance against but the rates on the diagonal
                column, row = column or diagonal, row or diagonal
            if column > 0 and row > 0:
                factor = 2.0 ** np.round(0.5 * np.log2(row / column))
                units[i] *= factor
                size[:, i] *= factor
                size[i] /= factor
        if (units == before).all():
            break
    return units


def flow(A: FloatArray, f: FloatArray, B: FloatArray, times: FloatArray) -> Flow:
    r"""e^{At}, int_0^t e^{As} f ds and C(t) = int_0^t e^{As} B e^{A^T s} ds at several times (T,)."""
    s = balance(A)
    found = _balanced_flow(A * s / s[:, None], f / s, B / np.outer(s, s), times)
    return Flow(found.propagator * s[:, None] / s, found.shift * s, found.noise * np.outer(s, s))


def _balanced_flow(A: FloatArray, f: FloatArray, B: FloatArray, times: FloatArray) -> Flow:
    """Series on t/2^k with norm(A) t/2^k <= 1, then C(2t) = C + M C M^T k times."""
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
    """Flow for norm(A) t <= 1 by its Taylor series, C(t) = sum_k t^(k+1)/(k+1)! L^k(B) with L(X) = A X + X A^T.

    2**33/34! = 3e-29. Everything is scaled to norm one (M depends on A t only; C and the shift are linear in B and f).
    """
    scale, b_scale, f_scale = (float(size) or 1.0 for size in (_norm(A), _norm(B), np.abs(f).max(initial=0.0)))
    drift, tau = _operator(A / scale), (times * scale)[:, None, None]
    power, spread, push = np.eye(len(A)), B / b_scale, f / f_scale
    M, C = (np.zeros((len(times), *A.shape)) for _ in range(2))
    m, weight = np.zeros((len(times), len(A))), np.ones_like(tau)
    for k in range(34):
        M += weight * power
        weight = weight * tau / (k + 1)
        C += weight * spread
        m += weight[:, 0] * push
        half = drift @ spread
        power, spread, push = drift @ power, half + half.T, drift @ push
    return M, m * (f_scale / scale), C * (b_scale / scale)


def _norm(A: FloatArray) -> float:
    return float(np.abs(A).sum(axis=1).max())


def _operator(A: FloatArray) -> Any:
    """A as it multiplies fastest: drift matrices of long chains are nearly empty."""
    if len(A) < LARGE or np.count_nonzero(A) > 0.05 * A.size:
        return A
    from scipy.sparse import csr_array  # 0.1 s to import, and small systems do not need it

    return csr_array(A)


def rates(A: FloatArray) -> FloatArray:
    """Decay rates -Re(lambda) of the eigenvalues of A, smallest first, 1/time."""
    return np.sort(-np.linalg.eigvals(A).real)


def fastest_rate(A: FloatArray) -> float:
    """Largest modulus of an eigenvalue of A, 1/time; for many coordinates a bound within a factor of about two."""
    if len(A) < LARGE:
        return float(np.abs(np.linalg.eigvals(A)).max(initial=0.0))
    s = balance(A)
    return _norm(A * s / s[:, None])


def is_stable(A: FloatArray) -> bool:
    """True if every motion decays (rates above round-off of the fastest motion)."""
    return bool(rates(A)[0] > 1e-14 * np.abs(np.linalg.eigvals(A)).max())


@dataclass(frozen=True, slots=True, eq=False)
class Relaxed:
    """Steady covariance (2N, 2N), the rate of the slowest motion (1/time), and the largest scaled residual.

    ``residual``: entries of A V + V A^T + B in units of sqrt(V_ii V_jj), over the norm of A.
    """

    covariance: FloatArray
    slowest: float
    residual: float


def steady_covariance(A: FloatArray, B: FloatArray) -> FloatArray:
    """Solution V of the Lyapunov equation A V + V A^T + B = 0 for a stable A; ValueError if it is not."""
    return relax(A, B).covariance


def relax(A: FloatArray, B: FloatArray) -> Relaxed:
    """Squares the flow until nothing is left of the start: V = C(infinity), C(2t) = C(t) + M C M^T, M(2t) = M^2.

    Once M = e^{At} has few directions left, the rest is done in these alone (and products of tiny entries, which
    processors take a hundred times longer for, are kept away). For 1000 oscillators the slowest motion
    takes 1e10 times longer than the fastest; 23 s instead of 42 s by squaring alone, and of 83 s by the Schur form
    (scipy.linalg.solve_continuous_lyapunov), two cores.
    """
    if not np.trace(A) < 0:
        raise ValueError(UNSTABLE)
    s = balance(A)
    A, B = A * s / s[:, None], B / np.outer(s, s)
    time = 1.0 / _norm(A)
    start = _balanced_flow(A, np.zeros(len(A)), B, np.array([time]))
    M, C = (np.where(np.abs(X) > 1e-40 * np.abs(X).max(), X, 0.0) for X in (start.propagator[0], start.noise[0]))
    slowest = float("nan")
    for doubling in range(64):
        C = C + M @ C @ M.T
        M, time = M @ M, 2 * time
        left = np.abs(M).max()
        if left < 1e-20:
            break
        if not left < GROWN:
            raise ValueError(UNSTABLE)
        if len(A) >= LARGE and doubling % 3 == 0 and (Q := _range(M)) is not None:
            C, slowest = _finish(C, M, Q, time)
            break
    else:
        raise ValueError(UNSTABLE)
    sigma = np.sqrt(np.diag(C))
    sigma = np.where(sigma > 0, sigma, 1.0)
    half = _operator(A) @ C
    residual = float((np.abs(half + half.T + B) / np.outer(sigma, sigma)).max()) / _norm(A)
    return Relaxed(np.asarray(0.5 * (C + C.T) * np.outer(s, s)), slowest, residual)


def _range(M: FloatArray) -> FloatArray | None:
    """Orthonormal basis of what M leaves of the phase space, or None if that is more than a quarter of it."""
    n = len(M)
    probes = np.random.default_rng(0).standard_normal((n, n // 4))
    Q = np.linalg.qr(M @ probes)[0]
    kept = Q.T @ M
    return Q if np.abs(M - Q @ kept).max() < 1e-13 else None


def _finish(C: FloatArray, M: FloatArray, Q: FloatArray, time: float) -> tuple[FloatArray, float]:
    """V = C + M V M^T with M = Q P: V = C + Q Y Q^T, Y = P C P^T + S Y S^T with the small S = P Q.

    The eigenvalues of S are those of M that are left, and tell the slowest rate.
    """
    P = Q.T @ M
    S, Y = P @ Q, P @ C @ P.T
    left = float(np.abs(np.linalg.eigvals(S)).max())
    if not left < 1:
        raise ValueError(UNSTABLE)
    while np.abs(S).max() >= 1e-20:
        Y = Y + S @ Y @ S.T
        S = S @ S
    return C + Q @ Y @ Q.T, -float(np.log(left)) / time


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


def outside_range(drift: FloatArray, projector: FloatArray) -> bool:
    """True if a drift matrix leaves the range that ``projector`` projects on."""
    return bool(rows_outside_range(drift, projector).any())


def rows_outside_range(drift: FloatArray, projector: FloatArray) -> NDArray[np.bool_]:
    """True for each component of a drift matrix that leaves that range."""
    return np.asarray(np.abs(drift - projector @ drift).max(axis=1) > 1e-10 * np.abs(drift).max(initial=0.0))


def generalized_inverse(B: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Generalised inverse G of a symmetric B and the projector B G on its range.

    Diffusion that is negative for a while (baths with memory) is inverted like any other. The diagonal is scaled out
    first, so that a small but honest diffusion constant is not taken for zero.
    """
    scale = np.sqrt(np.abs(np.diag(B)))
    noisy = np.flatnonzero(scale > 0)  # few of the coordinates of a long chain
    G, projector = np.zeros_like(B), np.zeros_like(B)
    if len(noisy):
        block = np.ix_(noisy, noisy)
        size = np.outer(scale[noisy], scale[noisy])
        values, vectors = np.linalg.eigh(B[block] / size)
        keep = np.abs(values) > 1e-12 * max(np.abs(values).max(), 1e-300)
        G[block] = (vectors[:, keep] / values[keep]) @ vectors[:, keep].T / size
        projector[block] = B[block] @ G[block]
    return G, projector
