r"""States given by the values of W on a uniform grid of their own.

Between its points W is the Fourier sum through them, beyond the ends of its box zero. This is accurate to round-off if
the array resolves W and holds all of it, which is checked. A periodic axis goes on instead of ending.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from fpsolver.errors import UsageError
from fpsolver.physics import arguments
from fpsolver.physics.gaussian_states import GaussianState
from fpsolver.physics.particles import coordinate_names
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.products import product
from fpsolver.physics.structure import corner_packets, finest_structure

FEWEST = 8  # points along an axis
NORM_ERROR = 1e-6  # more than that, and the array is not what its owner thinks it is
CUT = 1e-6  # W at the ends of the box, relative to the largest
COARSE = 1e-5  # Fourier amplitude of W at the largest wave number of an axis, relative to the largest
DOUBT = 1e-9  # above it the amplitude is told
SUPPORT = 1e-12  # W relative to the largest, below which the state counts as absent


@dataclass(frozen=True, eq=False)
class TabulatedState:
    """W at the points of a uniform mesh, one array of ``points`` for each axis. Made by :func:`tabulated`."""

    points: tuple[FloatArray, ...]
    W: FloatArray
    periodic: tuple[bool, ...]
    omega: float | None = None

    @property
    def spacings(self) -> FloatArray:
        """Distance of the points along each axis."""
        return np.array([(x[-1] - x[0]) / (len(x) - 1) for x in self.points])

    @property
    def widths(self) -> FloatArray:
        """Lengths of the axes: half a cell more than the points at both ends."""
        return self.spacings * self.W.shape

    def _marginal(self, *kept: int) -> FloatArray:
        others = tuple(a for a in range(self.W.ndim) if a not in kept)
        return np.asarray(self.W.sum(axis=others) * np.prod(self.spacings))

    @cached_property
    def mean(self) -> FloatArray:
        """Mean of x, shape (2N,); of a periodic axis, the middle of its points."""
        means = [self._marginal(a) @ x for a, x in enumerate(self.points)]
        return np.where(self.periodic, [x.mean() for x in self.points], means)

    @cached_property
    def covariance(self) -> FloatArray:
        """Covariance matrix, shape (2N, 2N); a periodic axis counts as evenly filled."""
        shifted = [x - centre for x, centre in zip(self.points, self.mean, strict=True)]
        V = np.diag([self._marginal(a) @ x**2 for a, x in enumerate(shifted)])
        for a, x in enumerate(shifted):
            for b, y in enumerate(shifted[:a]):
                V[a, b] = V[b, a] = y @ self._marginal(b, a) @ x
        ring = np.array(self.periodic)
        V[ring], V[:, ring] = 0.0, 0.0
        return np.asarray(V + np.diag(np.where(ring, self.widths**2 / 12, 0.0)))

    @cached_property
    def box(self) -> FloatArray:
        """Rows (low, high) outside which nothing is left of the state, shape (2N, 2)."""
        rows = []
        for a, x in enumerate(self.points):
            largest = np.abs(self.W).max(axis=tuple(b for b in range(self.W.ndim) if b != a))
            inside = x[largest > SUPPORT * largest.max()]
            rows.append((inside.min(), inside.max()))
        return np.array(rows)

    @cached_property
    def finest(self) -> FloatArray:
        """Covariance of a Gaussian as fine as the finest structure of W, shape (2N, 2N)."""
        return finest_structure(self.W, self.widths)

    @cached_property
    def packets(self) -> tuple[GaussianState, ...]:
        """Gaussians as narrow as the finest structure that cover the corners of the box."""
        return corner_packets(self.box, self.finest)

    @cached_property
    def roughness(self) -> float:
        """Largest Fourier amplitude of W near the largest wave number of an axis, relative to the largest of all.

        About the error of W between its points, relative to its scale.
        """
        spectrum = np.abs(np.fft.fftn(self.W))
        edges = []
        for a, n in enumerate(self.W.shape):
            k = np.abs(np.fft.fftfreq(n))
            edges.append(np.compress(k > 0.97 * k.max(), spectrum, axis=a).max())
        return float(max(edges) / spectrum.max())

    def values(self, coordinates: Sequence[FloatArray]) -> FloatArray:
        """Point values of W on an open mesh of coordinates (one broadcastable array for each axis)."""
        if all(np.array_equal(np.ravel(x), own) for x, own in zip(coordinates, self.points, strict=True)):
            return self.W.copy()
        W = self.W
        for a, x in enumerate(coordinates):
            W = np.moveaxis(product(self._between(a, np.ravel(x)), np.moveaxis(W, a, 0)), 0, a)
        return np.ascontiguousarray(W.clip(min=0.0) if self.W.min() >= 0 else W)

    def _between(self, a: int, x: FloatArray) -> FloatArray:
        """Matrix that takes values at the points of an axis to values at x: sum_k exp(ik(x - x_j))/n, real."""
        points, spacing = self.points[a], self.spacings[a]
        k = 2 * np.pi * np.fft.fftfreq(len(points), spacing)
        matrix = product(np.exp(1j * np.outer(x, k)), np.exp(-1j * np.outer(k, points))).real / len(points)
        if not self.periodic[a]:
            matrix[(x < points[0] - spacing / 2) | (x > points[-1] + spacing / 2)] = 0.0
        return np.asarray(matrix)


def tabulated(points: Sequence[ArrayLike], W: ArrayLike, periodic: Sequence[bool] = ()) -> TabulatedState:
    """State from W at the mesh of ``points``: (q, p), or (q1, .., p1, ..); shape of W as many as there are of each.

    The points of an axis are equally spaced, and the midpoint sum of W is 1 within 1e-6. UsageError, with the cure, for
    arrays that do not fit, are not normalised, do not hold the whole state or are too coarse.
    """
    names = _names(len(points))
    axes = tuple(_axis(name, x) for name, x in zip(names, points, strict=True))
    values = arguments.real_array("W", arguments.in_order("W", W, names))
    shape = tuple(len(x) for x in axes)
    if len(axes) % 2 or values.shape != shape:
        raise UsageError(f"W must have a value at each of {_by(shape)} points, but is {_by(values.shape)}")
    if wrong := int((~np.isfinite(values)).sum()):
        raise UsageError(f"W must be finite at each of {_by(shape)} points, but is not at {wrong} of them")
    state = TabulatedState(axes, values, tuple(periodic) or (False,) * len(axes))
    mass = float(values.sum() * np.prod(state.spacings))
    if not abs(mass - 1) <= NORM_ERROR:
        raise UsageError(f"the state must be normalised, but the sum of W times the cell is {mass:.9g}; divide W by it")
    _check_ends(state)
    if state.roughness > COARSE:
        raise UsageError(
            f"the points are too far apart for W (a Fourier amplitude of {state.roughness:.2g} of the largest at the "
            f"finest waves they hold, and at most {COARSE:g} is allowed); give W on a finer grid, or smooth it if it "
            "is noisy"
        )
    return TabulatedState(axes, values / mass, state.periodic)


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "a number"


def _names(count: int) -> tuple[str, ...]:
    """Names of so many axes, by their numbers where they are of no whole number of particles."""
    return tuple(f"axis {k + 1}" for k in range(count)) if count % 2 else coordinate_names(count // 2)


def _axis(name: str, x: ArrayLike) -> FloatArray:
    """Points of one axis, exactly equidistant."""
    points = arguments.real_array(name, x)
    if points.ndim != 1 or len(points) < FEWEST or not np.isfinite(points).all():
        raise UsageError(f"{name} must be a list of at least {FEWEST} finite numbers, but has the shape {points.shape}")
    steps = np.diff(points)
    if not steps.min() > 0 or np.ptp(steps) > 1e-6 * steps.mean():
        raise UsageError(f"{name} must increase in equal steps; interpolate W to a uniform grid first")
    return np.linspace(points[0], points[-1], len(points))


def _check_ends(state: TabulatedState) -> None:
    size = np.abs(state.W).max()
    for a in np.flatnonzero(~np.array(state.periodic)):
        ends = np.abs(np.take(state.W, (0, -1), axis=a)).max() / size
        if ends > CUT:
            raise UsageError(
                f"W does not vanish at the ends of {_names(state.W.ndim)[a]} ({ends:.2g} of the largest, and at most "
                f"{CUT:g} is allowed); give a wider range"
            )
