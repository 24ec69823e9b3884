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
from fpsolver.physics.timescales import linear_rates

SHIFT = 1e-9  # of the fastest rate of the linearised system: makes the factors regular, costs no accuracy
SINGULAR = 1e-8  # of the same rate: a second mode that decays more slowly than this counts as stationary
FILTER = 4e-3  # of the slowest rate: damps what alternates from cell to cell, and leaves corrections quick
RETRY = 1e-10  # distance beyond which slower factors are tried
CORRECTIONS = 4
LARGEST_CORRECTION = 0.1  # of the mass
GAP_CHANGE = 0.05  # from one iteration to the next, at which the modulus is known well enough


@dataclass(frozen=True, slots=True)
class NullVector:
    """A steady state, the smallest modulus of another eigenvalue (1/time, to some ten per cent), and what may be wrong.

    ``distance``: L1 norm of M^-1 L W, an estimate of the distance to the exact null vector. The residual int abs(L W)
    over the slowest rate is a bound, but a hopeless one where L is stiff and L W is round-off of its fastest rates.
    """

    W: FloatArray
    gap: float
    distance: float


def null_vector(generator: Generator) -> NullVector:
    """The steady state of mass one; ConvergenceError if several states are stationary, or none is found."""
    rate, slowest = linear_rates(generator.system)
    scale = generator.fluxes.symmetriser().ravel()
    whole, inner = assembly.assemble_both(generator)
    L = assembly.scaled(whole, scale)
    M = _preconditioner(generator, assembly.scaled(inner, scale), SHIFT * rate, FILTER * (slowest or rate))
    weight = scale * generator.grid.volume
    factors = assembly.factorised(M)
    x, distance = _solved(L, factors, weight)
    if not distance <= RETRY:
        factors = assembly.factorised(M, pivoted=True)
        x, distance = _solved(L, factors, weight)
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
    return NullVector((x * scale).reshape(shape), gap, distance)


def _solved(L: csr_array, factors: SuperLU, weight: FloatArray) -> tuple[FloatArray, float]:
    """Null vector of mass one, and its distance to the exact one."""
    x: FloatArray = np.ones(L.shape[0])
    for _ in range(3):
        x = factors.solve(x)
        x /= x @ weight
    x = _corrected(x, L, factors, weight)
    return x, _distance(x, L, factors, weight)


def _distance(x: FloatArray, L: csr_array, factors: SuperLU, weight: FloatArray) -> float:
    """L1 norm of M^-1 L x without its part along x, which is the round-off of the mass times 1/shift."""
    change = factors.solve(L @ x)
    return float(np.abs(change - x * (change @ weight)) @ weight)


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


def _preconditioner(generator: Generator, inner: csr_array, shift: float, strength: float) -> csc_array:
    """The matrix M from that without wraps; ``strength`` of the filter and ``shift``, 1/time."""
    order, axes = generator.scheme.order, generator.grid.axes
    filter_q, filter_p = (assembly.checkerboard_filter(axis, order) for axis in axes)
    one_q, one_p = (eye_array(axis.cells) for axis in axes)
    filters = kron(filter_q, one_p) + kron(one_q, filter_p)
    return csc_array(inner - strength * filters - shift * eye_array(inner.shape[0]))


def _gap(factors: SuperLU, x: FloatArray, weight: FloatArray, rate: float) -> float:
    """Smallest modulus of an eigenvalue whose mode carries no mass, by at most six inverse iterations."""
    y: FloatArray = np.random.default_rng(0).standard_normal(x.shape) * np.abs(x)
    growth, before = 1 / rate, 0.0
    for _ in range(6):
        y = smooth(y)
        y -= x * ((y * weight).sum() / (x * weight).sum())
        y /= (np.abs(y) * weight).sum()
        y = factors.solve(y.ravel()).reshape(x.shape)
        before, growth = growth, max(float((np.abs(y) * weight).sum()), 1e-300)
        if abs(growth - before) < GAP_CHANGE * growth:
            break
    return 1 / growth


def smooth(y: FloatArray) -> FloatArray:
    """Without modes that alternate from cell to cell, whose eigenvalues mean nothing: cos(theta/2)^8 on both axes."""
    for axis in (0, 1):
        for _ in range(4):
            y = (np.roll(y, 1, axis) + 2 * y + np.roll(y, -1, axis)) / 4
    return y
