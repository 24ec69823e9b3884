r"""The steady state without stepping: the null vector of the generator's sparse matrix.

The sums that wrap around closed axes (docs/conventions.md, closure) double the fill of a factorisation and act
where W is at round-off. So the matrix without them is factored, and preconditions the full one:

    W <- M^-1 W  three times,  then  W <- W - L^-1 L W  by GMRES,        M = L without wraps - shift - small x filter.

The filter acts on modes that alternate from cell to cell. Central differences do not move these, so that without
diffusion along an axis the alternating sum of W along it is conserved, too: L has a second null vector, of which the
filter keeps the factors free. Smooth modes do not feel it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_array, csr_array, eye_array, kron
from scipy.sparse.linalg import LinearOperator, SuperLU, gmres

from fpsolver import assembly
from fpsolver.errors import ConvergenceError
from fpsolver.generator import Generator
from fpsolver.physics.potentials import FloatArray

SHIFT = 1e-9  # of the largest rate of the linearised system: makes the factors regular, costs no accuracy
SINGULAR = 1e-8  # of the same rate: a second mode that decays more slowly than this counts as stationary
FILTER = 1e-3  # of the same rate: damps what alternates from cell to cell, and leaves corrections quick
CORRECTIONS = 4
LARGEST_CORRECTION = 0.1  # of the mass


@dataclass(frozen=True, slots=True)
class NullVector:
    """A steady state, and the smallest modulus of another eigenvalue (1/time), estimated to some ten per cent.

    A residual r = int abs(L W) stands for a distance of about r/gap to the exact null vector.
    """

    W: FloatArray
    gap: float


def null_vector(generator: Generator, rate: float) -> NullVector:
    """The steady state of mass one; ``rate`` (1/time) is the scale on which rates count as zero.

    ConvergenceError if several states are stationary, or none is found.
    """
    scale = generator.fluxes.symmetriser().ravel()
    L = assembly.scaled(generator.to_sparse(), scale)
    factors = _factor(generator, scale, rate)
    weight = scale * generator.grid.volume
    x: FloatArray = np.ones(L.shape[0])
    for _ in range(3):
        x = factors.solve(x)
        x /= x @ weight
    x = _corrected(x, L, factors, weight)
    if not np.isfinite(x).all():
        raise ConvergenceError("no steady state was found: the matrix of the generator could not be factored")
    shape = generator.grid.shape
    gap = _gap(factors, x.reshape(shape), weight.reshape(shape), rate)
    if gap < SINGULAR * rate:
        raise ConvergenceError(
            f"several states are stationary: besides the one found, another decays at the rate {gap:.2g} only (rates "
            f"of the system are near {rate:.2g}); which one a run reaches depends on where it starts, so use "
            "time.method: stepping with an initial state, or a lower barrier"
        )
    return NullVector((x * scale).reshape(shape), gap)


def _corrected(x: FloatArray, L: csr_array, factors: SuperLU, weight: FloatArray) -> FloatArray:
    """Take x - M^-1 z with L M^-1 z = L x, again until the residual is round-off.

    Two rounds of three to six solves; plain repetition of x - M^-1 L x would need fifty in a box of 6 deviations,
    where the wraps count.
    """
    operator = LinearOperator(L.shape, matvec=lambda z: L @ factors.solve(z))
    round_off = np.finfo(float).eps * float(abs(L).sum(axis=1).max())
    residual = L @ x
    for _ in range(CORRECTIONS):
        size = np.abs(residual) @ weight
        if not size > round_off:
            break
        change = factors.solve(gmres(operator, residual, rtol=1e-4, restart=15, maxiter=2)[0])
        better = x - change
        better /= better @ weight
        residual = L @ better
        # what is left is round-off if it does not fall; its alternating part would blow up a mode that means nothing
        if not (np.abs(residual) @ weight < size / 2 and np.abs(change) @ weight < LARGEST_CORRECTION):
            break
        x = better
    return x


def _factor(generator: Generator, scale: FloatArray, rate: float) -> SuperLU:
    """LU factors of M."""
    order, axes = generator.scheme.order, generator.grid.axes
    filter_q, filter_p = (assembly.checkerboard_filter(axis, order) for axis in axes)
    one_q, one_p = (eye_array(axis.cells) for axis in axes)
    filters = kron(filter_q, one_p) + kron(one_q, filter_p)
    M = assembly.scaled(assembly.assemble(generator, wrapped=False), scale) - FILTER * rate * filters
    return assembly.factorised(csc_array(M - SHIFT * rate * eye_array(M.shape[0])))


def _gap(factors: SuperLU, x: FloatArray, weight: FloatArray, rate: float) -> float:
    """Smallest modulus of an eigenvalue whose mode carries no mass, by inverse iteration from a fixed start."""
    y: FloatArray = np.random.default_rng(0).standard_normal(x.shape) * np.abs(x)
    growth = 1 / rate
    for _ in range(6):
        y = smooth(y)
        y -= x * ((y * weight).sum() / (x * weight).sum())
        y /= (np.abs(y) * weight).sum()
        y = factors.solve(y.ravel()).reshape(x.shape)
        growth = max(float((np.abs(y) * weight).sum()), 1e-300)
    return 1 / growth


def smooth(y: FloatArray) -> FloatArray:
    """Without modes that alternate from cell to cell, whose eigenvalues mean nothing: cos(theta/2)^8 on both axes."""
    for axis in (0, 1):
        for _ in range(4):
            y = (np.roll(y, 1, axis) + 2 * y + np.roll(y, -1, axis)) / 4
    return y
