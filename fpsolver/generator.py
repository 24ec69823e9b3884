r"""The generator: a System on a Grid with a Scheme; the only thing a stepper may ask is ``apply``.

It turns physics into the numbers of :mod:`fpsolver.kernels.phase_space`: velocities on the axes, stencil
weights and wall corrections.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from fpsolver.errors import GridError
from fpsolver.grid import Axis, Grid, checked_values
from fpsolver.kernels import phase_space, stencils
from fpsolver.kernels.phase_space import PAD, Coefficients
from fpsolver.kernels.threads import Team
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.system import System

if TYPE_CHECKING:
    from scipy.sparse import csr_array

# Below this a thread's share of a pass (about 10 us) is eaten by starting it; measured by benchmarks/kernels.py.
PARALLEL_FROM_CELLS = 80 * 80


@dataclass(frozen=True, slots=True)
class Scheme:
    """Discretisation: ``central`` fluxes of order 2, 4, 6 or 8."""

    flux: str = "central"
    order: int = 8

    def __post_init__(self) -> None:
        if self.flux != "central" or self.order not in stencils.ORDERS:
            raise GridError(
                f"the scheme must be flux 'central' of order 2, 4, 6 or 8, but is '{self.flux}' of order {self.order}"
            )

    @property
    def layers(self) -> int:
        """Half-width of the stencil in cells."""
        return self.order // 2


class Generator:
    """dW/dt = L W for one particle on a (q, p) grid."""

    def __init__(self, system: System, grid: Grid, scheme: Scheme | None = None) -> None:
        if system.size != 1 or len(grid.axes) != 2:
            raise GridError(f"the grid solver takes one particle on two axes, not {system.size} on {len(grid.axes)}")
        if scheme is not None and not isinstance(scheme, Scheme):
            raise GridError(f"scheme must be a fpsolver.Scheme, but is {scheme!r}; write Scheme(order=8)")
        if grid.names != ("q", "p"):
            raise GridError(f"the axes must be named q and p, in this order, but are {grid.names}")
        if grid.axes[1].periodic or (grid.axes[0].periodic and system.particles[0].potential.period is None):
            raise GridError("a ring needs a periodic force along q; p and every other q must be closed axes")
        self.system = system
        self.grid = grid
        self.scheme = scheme or Scheme()
        self.is_parallel = grid.size >= PARALLEL_FROM_CELLS
        self._team = Team()

    def apply(self, W: FloatArray, out: FloatArray | None = None, time: float = 0.0) -> FloatArray:
        """dW/dt at ``time``, shape of the grid; GridError if W or ``out`` does not fit."""
        out = np.empty(self.grid.shape) if out is None else out
        if out.shape != self.grid.shape or out.dtype != float:
            raise GridError(f"out must be float64 of shape {self.grid.shape}, but is {out.dtype} of {out.shape}")
        self.advance(self.pad(checked_values(W, self.grid), self._padded), self._work, time, np.ones(1), 0.0, 0)
        out[...] = self._work[1, :, PAD:-PAD]
        return out

    def advance(self, W: FloatArray, work: FloatArray, time: float, parts: FloatArray, keep: float, steps: int) -> None:
        """Steps of nested stages, as :mod:`fpsolver.kernels.phase_space` defines them, on padded arrays.

        Serial or parallel kernel: chosen by the size of the grid and never by threads, for the same bits.
        """
        arguments = (W, work, *self.coefficients(time), parts, keep, steps)
        if self.is_parallel:
            self._team.run(max(steps, 1) * len(parts), lambda: phase_space.advance_parallel(*arguments))
        else:
            phase_space.advance(*arguments)

    def to_sparse(self) -> csr_array:
        """The same operator as a sparse matrix on W.ravel(), assembled from one-dimensional matrices."""
        from fpsolver import assembly  # scipy.sparse takes 0.2 s to import and no run needs it

        return assembly.assemble(self)

    def pad(self, W: FloatArray, padded: FloatArray) -> FloatArray:
        """Copy W into an array with halos, as the kernels want it."""
        padded[:, PAD:-PAD] = W
        padded[:, :PAD] = W[:, -PAD:]
        padded[:, -PAD:] = W[:, :PAD]
        return padded

    def empty_padded(self) -> FloatArray:
        """Uninitialised array with halos."""
        n_q, n_p = self.grid.shape
        return np.empty((n_q, n_p + 2 * PAD))

    @cached_property
    def _padded(self) -> FloatArray:
        return self.empty_padded()

    @cached_property
    def _work(self) -> FloatArray:
        return np.stack([self.empty_padded(), self.empty_padded()])

    def coefficients(self, time: float = 0.0) -> Coefficients:
        """Numbers for the kernels at ``time``; the systems of this version do not depend on it."""
        del time
        return self._coefficients

    @cached_property
    def _coefficients(self) -> Coefficients:
        system, (q_axis, p_axis) = self.system, self.grid.axes
        q, p = q_axis.centres, p_axis.centres
        particle, A, B = system.particles[0], system.dissipative_drift, system.diffusion_matrix
        second_q = self._symmetric(q_axis, A[0, 0], B[0, 0] / 2)
        second_p = self._symmetric(p_axis, A[1, 1], B[1, 1] / 2)
        centre, second_p = self._conserving(second_q, second_p, float(A[0, 0] + A[1, 1]))
        walls = np.stack([self._walls(q_axis, A[0, 0], second_q), self._walls(p_axis, A[1, 1], second_p)])
        first = stencils.first_derivative(self.scheme.order)
        per_q, per_p = first[0] / q_axis.spacing, first[0] / p_axis.spacing
        force = A[1, 0] * q - particle.potential.derivative(q)
        return Coefficients(
            along_q=np.stack([A[0, 0] * q * per_q, force * per_p]),
            along_p=np.stack([(1 / particle.mass + A[0, 1]) * p * per_q, A[1, 1] * p * per_p]),
            walls=walls,
            constants=np.array([centre, B[0, 1] * per_q * per_p, float(walls[0].any())]),
            first=tuple(c / first[0] for c in first),
            second_q=second_q,
            second_p=second_p,
        )

    def _symmetric(self, axis: Axis, rate: float, diffusion: float) -> tuple[float, ...]:
        """Weights s_m of W_{i+m} + W_{i-m} for D W'' - (rate x W)'."""
        order, h = self.scheme.order, axis.spacing
        pairs = zip(stencils.second_derivative(order), stencils.first_derivative(order), strict=True)
        return tuple(float(diffusion * e / h**2 - rate * c * m) for m, (e, c) in enumerate(pairs, start=1))

    @staticmethod
    def _conserving(
        second_q: tuple[float, ...], second_p: tuple[float, ...], rates: float
    ) -> tuple[float, tuple[float, ...]]:
        """Weight of the cell itself, and p weights whose last one takes up the rounding of all others.

        Mass is conserved if the centre is -2 sum s - (sum of friction rates); rounding it would lose 1e-14 of the
        mass in a unit of time, always in the same direction.
        """
        centre = -math.fsum([*(2 * s for s in second_q + second_p), rates])
        rest = math.fsum([centre, rates, *(2 * s for s in second_q + second_p[:-1])])
        return centre, (*second_p[:-1], -rest / 2)

    def _walls(self, axis: Axis, rate: float, second: tuple[float, ...]) -> FloatArray:
        """Weights of cells that wrap around, and of what leaves, for friction rate * x and diffusion."""
        k, h = self.scheme.layers, axis.spacing
        walls = np.zeros((2, k + 1, k))
        if axis.periodic:
            return walls
        first = stencils.first_derivative(self.scheme.order)
        for side, (x, outward) in enumerate([(axis.centres, -1), (axis.centres[::-1], 1)]):
            for d in range(k):  # distance from the wall
                cell = d if outward < 0 else k - 1 - d
                for m in range(d, k):
                    beyond = x[d] + outward * (m + 1) * h
                    walls[side, m - d, cell] = second[m] - outward * rate * x[d] * first[m] / h
                    walls[side, k, cell] += second[m] + outward * rate * beyond * first[m] / h
        return walls
