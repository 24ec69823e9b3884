r"""States of independent particles: W(x) = prod_i W_i(q_i, p_i), with x = (q1..qN, p1..pN)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fpsolver.errors import UsageError
from fpsolver.physics.gaussian_states import GaussianState, LocalState
from fpsolver.physics.nongaussian import GaussianSum
from fpsolver.physics.potentials import FloatArray

MOST_TERMS = 32  # of an exact W that is worth its time: each takes about 0.1 us a cell


@dataclass(frozen=True, eq=False)
class ProductState:
    """One state for each particle, which know nothing of each other. Made by :func:`product`."""

    factors: tuple[LocalState, ...]

    @property
    def mean(self) -> FloatArray:
        """Mean of x, shape (2N,)."""
        return _joined_means([factor.mean for factor in self.factors])

    @property
    def covariance(self) -> FloatArray:
        """Covariance matrix, shape (2N, 2N): a block for each particle."""
        return _joined_matrices([factor.covariance for factor in self.factors])

    @cached_property
    def packets(self) -> tuple[GaussianState, ...]:
        """Gaussians that cover the state: one of each particle, in all combinations."""
        return tuple(joined(parts) for parts in itertools.product(*(factor.packets for factor in self.factors)))

    @cached_property
    def finest(self) -> FloatArray:
        """Finest structure of W, (2N, 2N): of each factor in its own plane."""
        return _joined_matrices([factor.finest for factor in self.factors])

    @property
    def omega(self) -> float | None:
        """None: each particle has a frequency of its own."""
        return None

    def values(self, coordinates: Sequence[FloatArray]) -> FloatArray:
        """Point values of W on an open mesh of coordinates (one broadcastable array for each axis)."""
        n, W = len(self.factors), np.ones((1,) * len(coordinates))
        for k, factor in enumerate(self.factors):
            q, p = np.ravel(coordinates[k]), np.ravel(coordinates[n + k])
            shape = [1] * (2 * n)
            shape[k], shape[n + k] = q.size, p.size
            with np.errstate(under="ignore"):
                W = W * factor.values((q[:, None], p[None, :])).reshape(shape)
        return W

    def as_sum(self) -> GaussianSum | None:
        """The same as one sum of complex Gaussians; None where a factor is none, or where there are too many terms."""
        sums = [_as_sum(factor) for factor in self.factors]
        parts = [part for part in sums if part is not None]
        if len(parts) < len(sums) or math.prod(len(part.log_weights) for part in parts) > MOST_TERMS:
            return None
        terms = list(itertools.product(*(range(len(part.log_weights)) for part in parts)))
        rows = [list(zip(parts, term, strict=True)) for term in terms]
        log_weights = np.array([sum(part.log_weights[i] for part, i in row) for row in rows])
        means = np.array([_joined_means([part.means[i] for part, i in row]) for row in rows])
        covariances = np.array([_joined_matrices([part.covariances[i] for part, i in row]) for row in rows])
        return GaussianSum(log_weights, means, covariances, self.packets, self.finest, None)


def product(states: Sequence[LocalState]) -> GaussianState | ProductState:
    """Independent particles, one state for each, in the order (q1..qN, p1..pN); a Gaussian if all of them are."""
    if not states:
        raise UsageError("a product needs the state of at least one particle, but has none")
    for k, state in enumerate(states):
        if not hasattr(state, "mean") or len(state.mean) != 2:
            what = f"of {len(state.mean) // 2} particles" if hasattr(state, "mean") else type(state).__name__
            raise UsageError(f"each state must be of one particle on the line, but states[{k}] is {what}")
    gaussians = [state for state in states if isinstance(state, GaussianState)]
    return joined(gaussians) if len(gaussians) == len(states) else ProductState(tuple(states))


def joined(states: Sequence[GaussianState]) -> GaussianState:
    """The Gaussian of independent particles in Gaussian states."""
    mean = _joined_means([state.mean for state in states])
    return GaussianState(mean, _joined_matrices([state.covariance for state in states]))


def _as_sum(state: LocalState) -> GaussianSum | None:
    """A state of one particle as a sum of Gaussians, None if it is none."""
    if isinstance(state, GaussianState):
        mean, V = (np.array(moment, dtype=complex)[None] for moment in (state.mean, state.covariance))
        return GaussianSum(np.zeros(1, complex), mean, V, state.packets, state.finest, state.omega)
    return state if isinstance(state, GaussianSum) else None


def _joined_means(means: Sequence[np.ndarray]) -> np.ndarray:
    """(q, p) of each particle in the order (q1..qN, p1..pN)."""
    return np.ascontiguousarray(np.transpose(means)).ravel()


def _joined_matrices(matrices: Sequence[np.ndarray]) -> np.ndarray:
    """Matrices (2, 2) of each particle as one of (2N, 2N) without anything between particles."""
    n = len(matrices)
    found = np.zeros((2 * n, 2 * n), np.result_type(*matrices))
    for k, matrix in enumerate(matrices):
        found[np.ix_([k, n + k], [k, n + k])] = matrix
    return found
