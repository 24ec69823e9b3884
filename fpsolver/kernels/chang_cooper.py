r"""Right-hand side and steps with Chang-Cooper fluxes: second order, sampled Gibbs states exactly stationary.

For a reference state M, whose values next to a face differ by exponentials of energy differences, the flux through
the face between the cells i and i + 1 of an axis is

    F_i = speed x (value of W/M at the face) M_face + D/h (B(x_i) W_i - B(-x_i) W_{i+1}),     B(x) = x/(e^x - 1),

the first part reversible, the second irreversible, with x_i the step of the axis' own equilibrium exponent. The value
at the face is the mean of its two neighbours, or the van Leer limited upwind value, which keeps W >= 0.

``faces`` of an axis, shape (6, n), for the face above each cell: M_face/M of the cells i - 1, i, i + 1, i + 2 divided
by h, then D/h^2 B(x_i) and D/h^2 B(-x_i); zeros at a wall. State arrays are padded as in kernels/phase_space.py.
"""

from __future__ import annotations

import numba
import numpy as np

from fpsolver.kernels.axes import PAD
from fpsolver.kernels.jit import inlined, serial_and_parallel
from fpsolver.kernels.pointers import flat
from fpsolver.kernels.running import is_done, is_mine, wait_for_all


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
def _limited(before, here, beyond):
    """Upwind value at a face, improved by van Leer's harmonic mean of the two differences where they agree."""
    back = here - before
    ahead = beyond - here
    monotone = (back > 0.0 and ahead > 0.0) or (back < 0.0 and ahead < 0.0)
    total = back + ahead if monotone else 1.0
    # the quotient may round up to more than 1, and the value beyond that of the next cell
    return max(here + back / total * ahead, min(here, beyond)) if monotone else here


@inlined
def _face_value(far_low, low, high, far_high, speed, limited):
    if not limited:
        return 0.5 * (low + high)
    rising = speed > 0.0
    before = far_low if rising else far_high
    here = low if rising else high
    beyond = high if rising else low
    return _limited(before, here, beyond)


@inlined
def _flux_q(W, i, faces, speed, limited, flux, a):
    """Fluxes through the faces above row i (below it is row i - 1), into row a of ``flux``."""
    n = W.shape[0]
    far_low, low, high, far_high = faces[0, i], faces[1, i], faces[2, i], faces[3, i]
    leaving, entering = faces[4, i], faces[5, i]
    r, s, t = _wrap(i + n - 1, n), _wrap(i + 1, n), _wrap(i + 2, n)
    for j in range(speed.shape[0]):
        here = W[i, j + PAD]
        beyond = W[s, j + PAD]
        value = _face_value(
            far_low * W[r, j + PAD], low * here, high * beyond, far_high * W[t, j + PAD], speed[j], limited
        )
        flux[a, j] = speed[j] * value + leaving * here - entering * beyond


@inlined
def _flux_p(W, i, faces, speed, limited, flux, a):
    """Fluxes along p in row i: element j + 1 belongs to the face above cell j, element 0 to the lowest face."""
    n = flux.shape[1] - 1
    for j in range(n):
        here = W[i, j + PAD]
        beyond = W[i, j + PAD + 1]
        before = faces[0, j] * W[i, j + PAD - 1]
        after = faces[3, j] * W[i, j + PAD + 2]
        value = _face_value(before, faces[1, j] * here, faces[2, j] * beyond, after, speed, limited)
        flux[a, j + 1] = speed * value + faces[4, j] * here - faces[5, j] * beyond
    flux[a, 0] = flux[a, n]


@inlined
def _update_row(W, source, target, i, flux, below, above, keep, carry, part):
    """Row i of ``target`` = keep W + carry source + part x (what flows in - what flows out)."""
    for j in range(flux.shape[1] - 1):
        rate = (flux[below, j] - flux[above, j]) + (flux[2, j] - flux[2, j + 1])
        target[i, j + PAD] = keep * W[i, j + PAD] + carry * source[i, j + PAD] + part * rate
    _make_periodic(target, i)


@inlined
def _update_rows(W, source, target, begin, end, faces_q, faces_p, speed_q, speed_p, limited, flux, keep, carry, part):
    """Rows ``begin`` to ``end`` of a stage; ``flux``: room for the fluxes of three rows."""
    below = 0
    _flux_q(source, _wrap(begin + W.shape[0] - 1, W.shape[0]), faces_q, speed_q, limited, flux, 0)
    for i in range(begin, end):
        _flux_q(source, i, faces_q, speed_q, limited, flux, 1 - below)
        _flux_p(source, i, faces_p, speed_p[i], limited, flux, 2)
        _update_row(W, source, target, i, flux, below, 1 - below, keep, carry, part)
        below = 1 - below


def _advance(W, work, faces_q, faces_p, speed_q, speed_p, limited, stages, steps, marks, shares):
    """Steps of stages (keep, carry, part): each makes keep W + carry source + part L(source), source the one before.

    With steps = 0 and the one stage (0, 0, 1) the result is L W in work[1]. Threads share the rows:
    :mod:`fpsolver.kernels.running`.
    """
    n, count = W.shape[0], stages.shape[0]
    for thread in numba.prange(shares):
        # not within a share, where others would wait for ever if there were no memory
        meeting, flux = flat(marks, 0), np.empty((3, W.shape[1] - 2 * PAD + 1))
        for turn in range(max(steps, 1) * count):
            stage = turn % count
            source = W if stage == 0 else work[stage % 2]
            target = W if stage == count - 1 and steps > 0 else work[(stage + 1) % 2]
            for k in range(shares):
                share = (thread + k) % shares
                if is_mine(meeting, share, turn):
                    _update_rows(
                        W, source, target, share * n // shares, (share + 1) * n // shares, faces_q, faces_p, speed_q,
                        speed_p, limited, flux, stages[stage, 0], stages[stage, 1], stages[stage, 2],
                    )  # fmt: skip
                    is_done(meeting, share, turn)
            wait_for_all(meeting, shares, turn)


advance, advance_parallel = serial_and_parallel(_advance)
