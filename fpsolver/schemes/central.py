r"""Central fluxes of even order: the coefficients of :mod:`fpsolver.kernels.phase_space` from a system and a grid."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np

from fpsolver.grid import Axis, Grid
from fpsolver.kernels import phase_space, stencils
from fpsolver.kernels.phase_space import Coefficients
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.system import System

_ANGLES = np.linspace(0.0, np.pi, 65)


class CentralFluxes:
    """One particle: velocities on the axes, stencil weights and wall corrections."""

    def __init__(self, system: System, grid: Grid, order: int) -> None:
        self.system = system
        self.grid = grid
        self.order = order

    def advance(self, W: FloatArray, work: FloatArray, stages: FloatArray, steps: int, *, parallel: bool) -> None:
        """Run the kernel: ``steps`` steps of the stages (keep, 0, part), in place on padded arrays."""
        kernel = phase_space.advance_parallel if parallel else phase_space.advance
        kernel(W, work, *self.coefficients, stages[:, 2].copy(), stages[0, 0], steps)

    @cached_property
    def coefficients(self) -> Coefficients:
        """Numbers for the kernels."""
        system, (q_axis, p_axis) = self.system, self.grid.axes
        q, p = q_axis.centres, p_axis.centres
        particle, A, B = system.particles[0], system.dissipative_drift, system.diffusion_matrix
        second_q = self._symmetric(q_axis, A[0, 0], B[0, 0] / 2)
        second_p = self._symmetric(p_axis, A[1, 1], B[1, 1] / 2)
        centre, second_p = self._conserving(second_q, second_p, float(A[0, 0] + A[1, 1]))
        walls = np.stack([self._walls(q_axis, A[0, 0], second_q), self._walls(p_axis, A[1, 1], second_p)])
        first = stencils.first_derivative(self.order)
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
        order, h = self.order, axis.spacing
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
        k, h = self.order // 2, axis.spacing
        walls = np.zeros((2, k + 1, k))
        if axis.periodic:
            return walls
        first = stencils.first_derivative(self.order)
        for side, (x, outward) in enumerate([(axis.centres, -1), (axis.centres[::-1], 1)]):
            for d in range(k):  # distance from the wall
                cell = d if outward < 0 else k - 1 - d
                for m in range(d, k):
                    beyond = x[d] + outward * (m + 1) * h
                    walls[side, m - d, cell] = second[m] - outward * rate * x[d] * first[m] / h
                    walls[side, k, cell] += second[m] + outward * rate * beyond * first[m] / h
        return walls

    def symmetriser(self) -> FloatArray:
        """Factor between W and the variable in which linear algebra is done; central fluxes need none."""
        return np.ones(self.grid.shape)

    def spectrum_bounds(self) -> list[tuple[FloatArray, FloatArray]]:
        r"""Turning and damping rates of the symbol at angles (a, b), coefficients frozen at their largest values.

        lambda = -i (v_q a1 + v_p b1) - (D_qq a2 + D_pp b2 + 2 D_qp a1 b1),  a1 = k1(a)/h_q, a2 = k2(a)/h_q^2, ..
        k1 and k2 the symbols of the central first and second derivatives; the cross term may have either sign.
        """
        q_axis, p_axis = self.grid.axes
        q, p = q_axis.centres, p_axis.centres
        A, D = self.system.dissipative_drift, self.system.diffusion_matrix / 2
        particle = self.system.particles[0]
        v_q = np.abs((1 / particle.mass + A[0, 1]) * p).max() + np.abs(A[0, 0] * q).max()
        v_p = np.abs(particle.potential.derivative(q) - A[1, 0] * q).max() + np.abs(A[1, 1] * p).max()
        odd, even = _symbols(self.order)
        odd_q, odd_p = (odd / q_axis.spacing)[:, None], odd / p_axis.spacing
        spread = D[0, 0] * (even / q_axis.spacing**2)[:, None] + D[1, 1] * even / p_axis.spacing**2
        turn = v_q * np.abs(odd_q) + v_p * np.abs(odd_p)
        cross = 2 * np.abs(D[0, 1] * odd_q * odd_p)
        return [(turn, (spread - cross).clip(min=0)), (turn, spread + cross)]


def _symbols(order: int) -> tuple[FloatArray, FloatArray]:
    first, second = stencils.first_derivative(order), stencils.second_derivative(order)
    odd = sum(2 * c * np.sin(m * _ANGLES) for m, c in enumerate(first, start=1))
    even = sum(2 * e * (1 - np.cos(m * _ANGLES)) for m, e in enumerate(second, start=1))
    return np.asarray(odd), np.asarray(even)
