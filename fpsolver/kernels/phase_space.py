r"""Right-hand side and Runge-Kutta steps on a (q, p) grid, conservative central fluxes of any even order.

    dW/dt = -d_q[(g(p) + u(q)) W] - d_p[(F(q) + r(p)) W] + D_qq d_q^2 W + D_pp d_p^2 W + 2 D_qp d_q d_p W

g, F: reversible velocities (they do not depend on their own coordinate); u, r: frictions, linear in their own
coordinate. A linear friction turns -d_q(u W) into -u d_q W plus a symmetric sum, which joins the diffusion, so
that a row needs one antisymmetric and one symmetric sum for each axis:

    out_ij = sum_m s_m (W_{i+m} + W_{i-m}) - (g_j + u_i) sum_m c_m (W_{i+m} - W_{i-m}) + the same along p.

Closure: every sum wraps around, which is skew and conservative and right for the reversible part; on a closed
axis the friction and diffusion that crossed a wall are put back (zero ghosts outside, no flux through the
wall). State arrays carry PAD halo cells at both ends of each row, kept periodic by whoever writes a row; inner
loops start at 0 and have non-negative offsets, or LLVM would not vectorise them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from fpsolver.kernels.jit import inlined, serial_and_parallel

PAD = 4  # the widest stencil, order 8
ROWS = 16  # rows handled by one thread at a time

Array = NDArray[np.floating[Any]]


class Coefficients(NamedTuple):
    """What the kernels need to know, for n_q x n_p cells and stencil half-width k.

    along_q: u(q_i) c_1/h_q and F(q_i) c_1/h_p, (2, n_q); along_p: g(p_j) c_1/h_q and r(p_j) c_1/h_p, (2, n_p).
    walls[axis, side, s, c]: weight with which cell c of the k outermost (counted upwards) saw the cell s beyond
    the opposite wall; walls[axis, side, k, c]: weight with which its own content left; (2, 2, k + 1, k).
    constants: weight of the cell itself, 2 D_qp c_1^2/(h_q h_p), and 1 if the walls of q have anything to correct.
    first: c_m/c_1 (the velocities carry c_1, which saves a product and a register); second_q, second_p: s_m.
    Tuples of length k, because the compiler knows their length and unrolls the sums over m.
    """

    along_q: Array
    along_p: Array
    walls: Array
    constants: Array
    first: tuple[float, ...]
    second_q: tuple[float, ...]
    second_p: tuple[float, ...]


# Below, arrays are passed whole, with indices: a view of a row costs two atomic reference counts, and ten of
# them took as long as the arithmetic of a row of 96 cells.


@inlined
def _wrap(i, n):
    return i - n if i >= n else i


@inlined
def _make_periodic(W, i):
    """Fill the halo of row i of a padded array."""
    n = W.shape[1] - 2 * PAD
    for t in range(PAD):
        W[i, t] = W[i, n + t]
        W[i, n + PAD + t] = W[i, PAD + t]


@inlined
def _sweep_q(W, i, friction_a, friction_b, along_p, first, second, rate, a, b):
    """Derivatives along q of rows i and i + 1, which share the loads of all but two of their neighbours."""
    n = W.shape[0]
    k = len(first)
    for j in range(rate.shape[1]):
        up = W[_wrap(i + 1, n), j + PAD]
        down = W[_wrap(i + n - 1, n), j + PAD]
        odd_a = up - down
        even_a = second[0] * (up + down)
        up = W[_wrap(i + 2, n), j + PAD]
        down = W[i, j + PAD]
        odd_b = up - down
        even_b = second[0] * (up + down)
        for m in range(1, k):
            up = W[_wrap(i + m + 1, n), j + PAD]
            down = W[_wrap(i + n - m - 1, n), j + PAD]
            odd_a += first[m] * (up - down)
            even_a += second[m] * (up + down)
            up = W[_wrap(i + m + 2, n), j + PAD]
            down = W[_wrap(i + n - m, n), j + PAD]
            odd_b += first[m] * (up - down)
            even_b += second[m] * (up + down)
        rate[a, j] = even_a - (along_p[0, j] + friction_a) * odd_a
        rate[b, j] = even_b - (along_p[0, j] + friction_b) * odd_b


@inlined
def _sweep_p(W, i, force, along_p, centre, first, second, rate, a):
    """Add the derivatives along p of row i."""
    k = len(first)
    for j in range(rate.shape[1]):
        up = W[i, j + PAD + 1]
        down = W[i, j + PAD - 1]
        odd = up - down
        even = rate[a, j] + centre * W[i, j + PAD] + second[0] * (up + down)
        for m in range(1, k):
            up = W[i, j + PAD + m + 1]
            down = W[i, j + PAD - m - 1]
            odd += first[m] * (up - down)
            even += second[m] * (up + down)
        rate[a, j] = even - (force + along_p[1, j]) * odd


@inlined
def _add_cross(W, i, cross, first, slope, rate, a):
    """Add cross * d_p d_q W of row i; ``slope`` is a padded scratch row."""
    n = W.shape[0]
    k = len(first)
    for j in range(rate.shape[1]):
        odd = W[_wrap(i + 1, n), j + PAD] - W[_wrap(i + n - 1, n), j + PAD]
        for m in range(1, k):
            odd += first[m] * (W[_wrap(i + m + 1, n), j + PAD] - W[_wrap(i + n - m - 1, n), j + PAD])
        slope[0, j + PAD] = odd
    _make_periodic(slope, 0)
    for j in range(rate.shape[1]):
        odd = slope[0, j + PAD + 1] - slope[0, j + PAD - 1]
        for m in range(1, k):
            odd += first[m] * (slope[0, j + PAD + m + 1] - slope[0, j + PAD - m - 1])
        rate[a, j] += cross * odd


@inlined
def _close_p(W, i, walls, first, rate, a):
    """Undo what wrapped around in p, and put back what left through the two walls."""
    n = rate.shape[1]
    k = len(first)
    escaped_low = 0.0
    escaped_high = 0.0
    for d in range(k):
        low = rate[a, d]
        high = rate[a, n - k + d]
        for s in range(k):
            low -= walls[1, 0, s, d] * W[i, n - 1 - s + PAD]
            high -= walls[1, 1, s, d] * W[i, s + PAD]
        rate[a, d] = low
        rate[a, n - k + d] = high
        escaped_low += walls[1, 0, k, d] * W[i, d + PAD]
        escaped_high += walls[1, 1, k, d] * W[i, n - k + d + PAD]
    rate[a, 0] += escaped_low
    rate[a, n - 1] += escaped_high


@inlined
def _add_row(weight, W, i, rate, a):
    for j in range(rate.shape[1]):
        rate[a, j] += weight * W[i, j + PAD]


@inlined
def _close_q(W, i, walls, first, rate, a):
    """The same for row i along q: only the outermost k rows have anything to correct."""
    n = W.shape[0]
    k = len(first)
    high = i - (n - k)
    for s in range(k):
        if i < k:
            _add_row(-walls[0, 0, s, i], W, n - 1 - s, rate, a)
        if high >= 0:
            _add_row(-walls[0, 1, s, high], W, s, rate, a)
        if i == 0:
            _add_row(walls[0, 0, k, s], W, s, rate, a)
        if i == n - 1:
            _add_row(walls[0, 1, k, s], W, n - k + s, rate, a)


@inlined
def _finish_row(W, i, along_q, along_p, walls, constants, first, second_p, slope, rate, a):
    """Everything but the derivatives along q, which row a of ``rate`` holds already."""
    _sweep_p(W, i, along_q[1, i], along_p, constants[0], first, second_p, rate, a)
    _close_p(W, i, walls, first, rate, a)
    if constants[1] != 0.0:
        _add_cross(W, i, constants[1], first, slope, rate, a)
    if constants[2] != 0.0:
        _close_q(W, i, walls, first, rate, a)


@inlined
def _update_row(W, keep, part, rate, a, target, i):
    """Row i of ``target`` = keep * W + part * rate, with its halo."""
    for j in range(rate.shape[1]):
        target[i, j + PAD] = keep * W[i, j + PAD] + part * rate[a, j]
    _make_periodic(target, i)


def _advance(W, work, along_q, along_p, walls, constants, first, second_q, second_p, parts, keep, steps):
    """Steps of nested stages: each stage makes keep * W + part * L(result of the stage before), starting from W.

    ``work`` holds two more padded arrays. With keep = 1 the last stage of a step overwrites W; with steps = 0 and
    one part, keep = 0, the result is part * L W in work[1]. One kernel for both, because it takes five seconds
    to compile.
    """
    n = W.shape[0]
    stages = parts.shape[0]
    for _ in range(max(steps, 1)):
        for stage in range(stages):
            source = W if stage == 0 else work[stage % 2]
            target = W if stage == stages - 1 and steps > 0 else work[(stage + 1) % 2]
            part = parts[stage]
            for block in numba.prange((n + ROWS - 1) // ROWS):
                slope = np.empty((1, W.shape[1]))
                rate = np.empty((2, W.shape[1] - 2 * PAD))
                for i in range(block * ROWS, min(block * ROWS + ROWS, n), 2):
                    friction_b = along_q[0, _wrap(i + 1, n)]
                    _sweep_q(source, i, along_q[0, i], friction_b, along_p, first, second_q, rate, 0, 1)
                    for a in range(min(2, n - i)):
                        _finish_row(source, i + a, along_q, along_p, walls, constants, first, second_p, slope, rate, a)
                        _update_row(W, keep, part, rate, a, target, i + a)


advance, advance_parallel = serial_and_parallel(_advance)
