r"""The steady state without stepping: the null vector of the generator's sparse matrix.

The sums that wrap around closed axes (docs/conventions.md, closure) double the fill of a factorisation and act
where W is at round-off. So the matrix without them is factored, and what they change is corrected with the full
matrix L, each time reducing the residual to round-off:

    W <- M^-1 W  three times,  then  W <- W - M^-1 L W,        M = L without wraps - shift - rate x filter.

The filter acts on modes that alternate from cell to cell. Central differences do not move these, so that without
diffusion along an axis the alternating sum of W along it is conserved, too: L has a second null vector, of which the
filter keeps the factors free. Smooth modes do not feel it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_array, eye_array, kron
from scipy.sparse.linalg import SuperLU, splu

from fpsolver import assembly
from fpsolver.errors import ConvergenceError
from fpsolver.generator import Generator
from fpsolver.physics.potentials import FloatArray

SHIFT = 1e-9  # of the largest rate of the linearised system: makes the factors regular, costs no accuracy
SINGULAR = 1e-8  # of the same rate: a second mode that decays more slowly than this counts as stationary
CORRECTIONS = 4


@dataclass(frozen=True, slots=True)
class NullVector:
    """A steady state, and the decay rate (1/time) of the slowest other mode, estimated to a few per cent."""

    W: FloatArray
    gap: float


def null_vector(generator: Generator, rate: float) -> NullVector:
    """The steady state of mass one; ``rate`` (1/time) is the scale on which rates count as zero.

    ConvergenceError if several states are stationary, or none is found.
    """
    L = generator.to_sparse()
    factors = _factor(generator, rate)
    cell = generator.grid.volume
    W = np.ones(L.shape[0])
    for _ in range(3):
        W = factors.solve(W)
        W /= W.sum() * cell
    for _ in range(CORRECTIONS):
        W -= factors.solve(L @ W)
        W /= W.sum() * cell
    if not np.isfinite(W).all():
        raise ConvergenceError("no steady state was found: the matrix of the generator could not be factored")
    gap = _gap(factors, W, rate)
    if gap < SINGULAR * rate:
        raise ConvergenceError(
            f"several states are stationary: besides the one found, another decays at the rate {gap:.2g} only (rates "
            f"of the system are near {rate:.2g}); which one a run reaches depends on where it starts, so use "
            "time.method: stepping with an initial state, or a lower barrier"
        )
    return NullVector(W.reshape(generator.grid.shape), gap)


def _factor(generator: Generator, rate: float) -> SuperLU:
    """LU factors of M; a symmetric ordering needs a third of the time of the default one, and half of its memory."""
    order, axes = generator.scheme.order, generator.grid.axes
    filter_q, filter_p = (assembly.checkerboard_filter(axis, order) for axis in axes)
    one_q, one_p = (eye_array(axis.cells) for axis in axes)
    M = assembly.assemble(generator, wrapped=False) - rate * (kron(filter_q, one_p) + kron(one_q, filter_p))
    shifted = csc_array(M - SHIFT * rate * eye_array(M.shape[0]))
    return splu(shifted, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=1e-3, options={"SymmetricMode": True})


def _gap(factors: SuperLU, W: FloatArray, rate: float) -> float:
    """Decay rate of the slowest mode that carries no mass, by inverse iteration from a fixed start."""
    y = np.random.default_rng(0).standard_normal(W.size) * np.abs(W)
    growth = 1 / rate
    for _ in range(6):
        y -= W * (y.sum() / W.sum())
        y /= np.abs(y).sum()
        y = factors.solve(y)
        growth = max(float(np.abs(y).sum()), 1e-300)
    return 1 / growth
