r"""The steady state without stepping: the null vector of the generator's sparse matrix.

The sums that wrap around closed axes (docs/conventions.md, closure) double the fill of a factorisation and act
where W is at round-off. So the matrix without them is factored, and preconditions the full one:

    W <- M^-1 W  three times,  then  W <- W - L^-1 L W  by GMRES,        M = L without wraps - shift - small x filter.

The filter acts on modes that alternate from cell to cell. Central differences do not move these, so that without
diffusion along an axis the alternating sum of W along it is conserved, too: L has a second null vector, of which the
filter keeps the factors free. Smooth modes do not feel it.

Where L is its own mirror image, so is the steady state, and half of the cells suffice (:mod:`fpsolver.parity`); odd
modes are then asked only how slowly they decay.

Where motion between wells is slower than the filter, M knows nothing of it, and its null vector is any mixture of the
wells. The slowest mode of M is then followed to that of L by one inverse iteration with L itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_array, csr_array, eye_array, kron
from scipy.sparse.linalg import LinearOperator, SuperLU, gmres

from fpsolver import assembly
from fpsolver.errors import ConvergenceError
from fpsolver.generator import Generator
from fpsolver.parity import Fold, is_even
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.timescales import SINGULAR, escape_rate, is_divided, linear_rates

SHIFT = 1e-9  # of the fastest rate of the linearised system: makes the factors regular, costs no accuracy
FILTER = 4e-3  # of the slowest rate: damps what alternates from cell to cell, and leaves corrections quick
RETRY = 1e-10  # distance beyond which slower factors are tried
FEW = 128**2  # cells of which the factors with wraps are tried last: in a narrow box the wraps count
CORRECTIONS = 4
LARGEST_CORRECTION = 0.1  # of the mass
FILTERED = 2.0  # times the strength of the filter: rates of M below are not those of L
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


@dataclass(frozen=True, slots=True)
class Factored:
    """L x = 0 on the functions of one parity (or on all), with factors of M and the ``strength`` of its filter."""

    L: csr_array
    factors: SuperLU
    weight: FloatArray
    fold: Fold
    strength: float

    def inverse(self, y: FloatArray, accuracy: float) -> FloatArray:
        """L^-1 y, by GMRES on L M^-1: three to six solves, more where L is nearly singular."""
        operator = LinearOperator(self.L.shape, matvec=lambda z: self.L @ self.factors.solve(z))
        found: FloatArray = self.factors.solve(gmres(operator, y, rtol=accuracy, restart=15, maxiter=2)[0])
        return found


@dataclass(frozen=True, slots=True)
class Equation:
    """L x = 0, the matrix M before it is factored, what wraps add to M, and the weights of cells in integrals.

    ``strength``: of the filter in M, 1/time.
    """

    L: csr_array
    M: csr_array
    wraps: csr_array
    weight: FloatArray
    strength: float

    def factored(self, sign: int, *, pivoted: bool = False, wrapped: bool = False) -> Factored:
        """On functions of parity ``sign``; 0 is all of them."""
        fold, M = Fold(len(self.weight), sign), self.M + self.wraps if wrapped else self.M
        factors = assembly.factorised(csc_array(fold.matrix(csr_array(M))), pivoted=pivoted)
        return Factored(fold.matrix(self.L), factors, fold.weight(self.weight), fold, self.strength)

    def is_even(self) -> bool:
        """True if the steady state is its own mirror image."""
        return is_even(self.L)

    def holds(self, x: FloatArray, residual: float) -> bool:
        """True if L x is as small on all cells as it was where it was solved for."""
        return float(np.abs(self.L @ x) @ self.weight) <= 2 * residual + 4 * round_off(self.L)


def null_vector(generator: Generator) -> NullVector:
    """The steady state of mass one; ConvergenceError if several states are stationary, or none is found."""
    rate, slowest = linear_rates(generator.system)
    scale = generator.fluxes.symmetriser().ravel()
    whole, inner = assembly.assemble_both(generator)
    L, inner = assembly.scaled(whole, scale), assembly.scaled(inner, scale)
    strength = FILTER * (slowest or rate)
    M = _preconditioner(generator, inner, SHIFT * rate, strength)
    equation = Equation(L, M, csr_array(L - inner), scale * generator.grid.volume, strength)
    part, x, distance = _solved(equation)
    if not np.isfinite(x).all():
        raise ConvergenceError("no steady state was found: the matrix of the generator could not be factored")
    shape = generator.grid.shape
    gap = _gap(part, x, shape, rate)
    if part.fold.sign:
        gap = min(gap, _odd_gap(generator, equation, x, rate))
    if not generator.grid.axes[0].periodic and is_divided(generator.system):
        gap = min(gap, escape_rate(generator.system))  # a coarse grid has ways through the barrier of its own
    if gap < SINGULAR * rate:
        raise ConvergenceError(_why_several(gap, rate, is_quadratic=generator.system.is_quadratic))
    return NullVector((part.fold.unfold(x) * scale).reshape(shape), gap, distance)


def _why_several(gap: float, rate: float, *, is_quadratic: bool) -> str:
    """Why one null vector does not say enough."""
    found = f"a mode decays at the rate {gap:.2g} only, where rates of the system are near {rate:.2g}"
    if is_quadratic:
        return f"the steady state cannot be told from slow motion: {found}; use time.method: gaussian"
    return (
        f"several states are stationary: besides the one found, {found}; which one a run reaches depends on where it "
        "starts, so use time.method: stepping with an initial state, or a lower barrier"
    )


def _solved(equation: Equation) -> tuple[Factored, FloatArray, float]:
    """Null vector of mass one and its distance to the exact one: on half of the cells where all agree with it."""
    for sign in (1, 0) if equation.is_even() else (0,):
        part = equation.factored(sign)
        x, distance = _iterated(part)
        for wrapped in (False, True):
            if not distance <= RETRY and (not wrapped or len(equation.weight) <= FEW):
                part = equation.factored(sign, pivoted=True, wrapped=wrapped)
                x, distance = _iterated(part)
        if sign == 0 or equation.holds(part.fold.unfold(x), float(np.abs(part.L @ x) @ part.weight)):
            break
    return part, x, distance


def _iterated(part: Factored) -> tuple[FloatArray, float]:
    """Null vector of mass one, and L1 norm of M^-1 L x without its part along x (round-off of the mass over shift)."""
    x: FloatArray = np.ones(len(part.weight))
    for _ in range(3):
        x = part.factors.solve(x)
        x /= x @ part.weight
    x = _corrected(x, part)
    change = part.factors.solve(part.L @ x)
    return x, float(np.abs(change - x * (change @ part.weight)) @ part.weight)


def round_off(L: csr_array) -> float:
    """What rounding makes of L x = 0, for x of mass one."""
    return float(np.finfo(float).eps) * float(abs(L).sum(axis=1).max())


def _corrected(x: FloatArray, part: Factored) -> FloatArray:
    """Take x - M^-1 z with L M^-1 z = L x, again until the residual is round-off.

    Two rounds of three to six solves; plain repetition of x - M^-1 L x would need fifty in a box of 6 deviations,
    where the wraps count.
    """
    L, weight = part.L, part.weight
    smallest = round_off(L)
    residual = L @ x
    for _ in range(CORRECTIONS):
        size = np.abs(residual) @ weight
        if not size > smallest:
            break
        change = part.inverse(residual, 1e-4)
        better = x - change
        better /= better @ weight
        residual = L @ better
        # what is left is round-off if it does not fall; its alternating part would blow up a mode that means nothing
        if not (np.abs(residual) @ weight < size / 2 and np.abs(change) @ weight < LARGEST_CORRECTION):
            break
        x = better
    return x


def _preconditioner(generator: Generator, inner: csr_array, shift: float, strength: float) -> csr_array:
    """The matrix M from that without wraps; ``strength`` of the filter and ``shift``, 1/time."""
    order, axes = generator.scheme.order, generator.grid.axes
    filter_q, filter_p = (assembly.checkerboard_filter(axis, order) for axis in axes)
    one_q, one_p = (eye_array(axis.cells) for axis in axes)
    filters = kron(filter_q, one_p) + kron(one_q, filter_p)
    return csr_array(inner - strength * filters - shift * eye_array(inner.shape[0]))


def _gap(part: Factored, x: FloatArray, shape: tuple[int, ...], rate: float) -> float:
    """Smallest modulus of an eigenvalue whose mode carries no mass, by at most six inverse iterations.

    ``x``: the steady state, on the cells of this part.
    """
    y = part.fold.fold(np.random.default_rng(0).standard_normal(part.fold.size)) * np.abs(x)
    growth, before = 1 / rate, 0.0
    for _ in range(6):
        y = part.factors.solve(_normalised(part, x, y, shape))
        before, growth = growth, max(float(np.abs(y) @ part.weight), 1e-300)
        if abs(growth - before) < GAP_CHANGE * growth:
            break
    if FILTERED * part.strength * growth > 1:
        y = part.inverse(_normalised(part, x, y, shape), 1e-2)
        growth = max(float(np.abs(y) @ part.weight), growth)  # the filter only adds to a rate
    return 1 / growth


def _normalised(part: Factored, x: FloatArray, y: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """The smooth part of a mode, without mass and of norm one."""
    y = part.fold.fold(smooth(part.fold.unfold(y).reshape(shape)).ravel())
    if part.fold.sign >= 0:  # an odd mode has no mass
        y -= x * (y @ part.weight)
    return np.asarray(y / (np.abs(y) @ part.weight))


def _odd_gap(generator: Generator, equation: Equation, x: FloatArray, rate: float) -> float:
    """The same of odd modes: the slowest of a quadratic system on the line moves the mean; wells level out by one."""
    if generator.system.is_quadratic and not generator.grid.axes[0].periodic:
        return float(np.abs(np.linalg.eigvals(generator.system.drift_matrix)).min())
    part = equation.factored(-1)
    return _gap(part, x[: part.fold.kept], generator.grid.shape, rate)


def smooth(y: FloatArray) -> FloatArray:
    """Without modes that alternate from cell to cell, whose eigenvalues mean nothing: cos(theta/2)^8 on both axes."""
    for axis in (0, 1):
        for _ in range(4):
            y = (np.roll(y, 1, axis) + 2 * y + np.roll(y, -1, axis)) / 4
    return y
