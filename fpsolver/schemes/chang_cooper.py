r"""Chang-Cooper fluxes: the coefficients of :mod:`fpsolver.kernels.chang_cooper` from a system and a grid.

The reversible flow (c p, -U'(q) + A_pq q) with c = 1/m + A_qp leaves every function of H = c p^2/2 + U - A_pq q^2/2
alone. Friction and noise of the momentum choose one: M = exp(-H/T) with T = c D_pp / friction. Its current is the curl
of T M, so that velocities taken as differences of M between the corners of a cell,

    g_j = -T [M(p_{j+1/2}) - M(p_{j-1/2})] / (h_p M(p_j)),     f_i = T [M(q_{i+1/2}) - M(q_{i-1/2})] / (h_q M(q_i)),

make the sampled M exactly stationary (docs/scheme.md). Only energy differences between neighbours are exponentiated:
M itself underflows in the corners of the box.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np

from fpsolver.errors import GridError
from fpsolver.grid import Axis, Grid
from fpsolver.kernels import chang_cooper, running
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.system import System

LARGEST_STEP = 300.0  # of H/T between neighbouring cells: beyond it exponentials overflow


@dataclass(frozen=True, eq=False)
class FaceAxis:
    """One axis: reference weights, diffusion and equilibrium exponent at the face above each cell.

    weights (4, n): M_face/M of the cells i - 1 .. i + 2; root (n,): sqrt(M), on a ring 1; speeds (n,): velocity of the
    *other* coordinate at each cell; diffusion: D; steps (n,): x_i = ln of the equilibrium's W_i/W_{i+1}; open (n,): 1,
    or 0 where the face is a wall.
    """

    axis: Axis
    weights: FloatArray
    root: FloatArray
    speeds: FloatArray
    diffusion: float
    steps: FloatArray
    open: FloatArray

    @cached_property
    def leaving(self) -> FloatArray:
        """D/h^2 B(x_i), 1/time: what the irreversible flux takes out of the cell below a face."""
        return self._bernoulli(self.steps)

    @cached_property
    def entering(self) -> FloatArray:
        """D/h^2 B(-x_i), 1/time: what it takes out of the cell above."""
        return self._bernoulli(-self.steps)

    def _bernoulli(self, x: FloatArray) -> FloatArray:
        safe = np.where(x == 0, 1.0, x)
        values = np.where(x == 0, 1.0, safe / np.expm1(safe))
        return self.open * self.diffusion / self.axis.spacing**2 * values

    @cached_property
    def faces(self) -> FloatArray:
        """Everything the kernels need, shape (6, n)."""
        return np.vstack([self.weights / self.axis.spacing, self.leaving, self.entering])


class ChangCooperFluxes:
    """One particle without cross-diffusion; GridError for systems this flux cannot keep its promises for."""

    order = 2

    def __init__(self, system: System, grid: Grid, *, limited: bool = False) -> None:
        self.limited = limited
        _refuse(system)
        A, B, particle = system.dissipative_drift, system.diffusion_matrix, system.particles[0]
        inverse_mass = 1 / particle.mass + A[0, 1]
        self.temperature = float(inverse_mass * B[1, 1] / 2 / -A[1, 1])

        def potential(q: FloatArray) -> FloatArray:
            """U(q) with what the bath adds to it, over the temperature."""
            return np.asarray((particle.potential.energy(q) - A[1, 0] * q**2 / 2) / self.temperature)

        def kinetic(p: FloatArray) -> FloatArray:
            """p^2/2m, with the mass of the whole drift, over the temperature."""
            return np.asarray(inverse_mass * p**2 / 2 / self.temperature)

        q_axis, p_axis = grid.axes
        own = None if B[0, 0] == 0 else -A[0, 0] / B[0, 0]
        self.q = _face_axis(q_axis, potential, self.temperature, B[0, 0] / 2, own)
        self.p = _face_axis(p_axis, kinetic, -self.temperature, B[1, 1] / 2, -A[1, 1] / B[1, 1])

    def advance(self, W: FloatArray, work: FloatArray, stages: FloatArray, steps: int, *, parallel: bool) -> None:
        """Run the kernel: ``steps`` steps of the stages (keep, carry, part), in place on padded arrays."""
        kernel = chang_cooper.advance_parallel if parallel else chang_cooper.advance
        shares = numba.get_num_threads() if parallel else 1
        speeds, marks = (self.p.speeds, self.q.speeds), running.new_marks(shares)
        kernel(W, work, self.q.faces, self.p.faces, *speeds, self.limited, stages, steps, marks, shares)

    def symmetriser(self) -> FloatArray:
        """Root of M, in whose norm the reversible part is skew and the irreversible one symmetric: (n_q, n_p)."""
        return np.outer(self.q.root, self.p.root)

    def spectrum_bounds(self) -> list[tuple[FloatArray, FloatArray]]:
        """Bounds of the turning and of the damping rates, by Gershgorin's circles in the norm sum W^2/M."""
        coupled_q, coupled_p = (axis.open * np.sqrt(axis.weights[1] * axis.weights[2]) / 2 for axis in (self.q, self.p))
        turn_q = (coupled_q + np.roll(coupled_q, 1)) / self.q.axis.spacing
        turn_p = (coupled_p + np.roll(coupled_p, 1)) / self.p.axis.spacing
        turn = np.outer(turn_q, np.abs(self.p.speeds)) + np.outer(np.abs(self.q.speeds), turn_p)
        damping = 2 * (_outflow(self.q).max() + _outflow(self.p).max())
        return [(turn.max(keepdims=True), np.full((1, 1), damping))]

    def positive_step(self) -> float:
        """Largest explicit Euler step that keeps W >= 0: nothing loses more than it has; a face holds at most 2 W."""
        reversible = _carried(self.q, self.p.speeds) + _carried(self.p, self.q.speeds).T
        return float(1 / (reversible + _outflow(self.q)[:, None] + _outflow(self.p)).max())


def _outflow(axis: FaceAxis) -> FloatArray:
    """Rate at which the irreversible flux empties each cell of an axis."""
    return np.asarray(axis.leaving + np.roll(axis.entering, 1))


def _carried(axis: FaceAxis, speeds: FloatArray) -> FloatArray:
    """Largest rate at which the limited reversible flux along ``axis`` empties each cell, (n, number of speeds)."""
    up, down = 2 * axis.weights[1] / axis.axis.spacing, 2 * np.roll(axis.weights[2], 1) / axis.axis.spacing
    return np.asarray(np.outer(up, speeds.clip(min=0)) + np.outer(down, (-speeds).clip(min=0)))


def _face_axis(
    axis: Axis,
    exponent: Callable[[FloatArray], FloatArray],
    temperature: float,
    diffusion: float,
    own: float | None,
) -> FaceAxis:
    """Weights of M = exp(-exponent), corner differences of ``temperature`` x M; ``own`` x^2: exponent of the noise."""
    x, h = axis.centres, axis.spacing
    with np.errstate(over="ignore"):
        at = {m: exponent(x + m * h) for m in (-1.0, -0.5, 0.0, 0.5, 1.0, 2.0)}
    if not max(float(np.abs(at[m] - at[0.5]).max()) for m in (-1.0, 0.0, 1.0, 2.0)) < LARGEST_STEP:
        raise GridError(
            f"the energy rises by more than {LARGEST_STEP:g} temperatures over two cells of axis {axis.name}, which "
            f"scheme.flux: chang_cooper cannot resolve; give more grid.{axis.name[0]}.cells or a smaller extent"
        )
    above, below = np.ones(axis.cells), np.ones(axis.cells)
    if not axis.periodic:
        above[-1] = below[0] = 0.0
    weights = np.array([above * np.exp(at[m] - at[0.5]) for m in (-1.0, 0.0, 1.0, 2.0)])
    if not axis.periodic:
        weights[0, 0] = weights[3, -2] = 0.0  # beyond the walls there is nothing
    speeds = temperature * (above * np.exp(at[0.0] - at[0.5]) - below * np.exp(at[0.0] - at[-0.5])) / h
    steps = np.zeros(axis.cells) if own is None else own * h * (2 * x + h)
    root = np.ones(axis.cells) if axis.periodic else np.exp((at[0.0].min() - at[0.0]) / 2)
    return FaceAxis(axis, weights, root, np.asarray(speeds), diffusion, steps, above)


def _refuse(system: System) -> None:
    """GridError where Chang-Cooper fluxes have no meaning, with the way out."""
    A, B = system.dissipative_drift, system.diffusion_matrix
    if B[0, 1] != 0:
        text = f"it has no cross-diffusion, and the system has d_qp = {B[0, 1] / 2:g}"
    elif not (A[1, 1] < 0 and B[1, 1] > 0 and 1 / system.particles[0].mass + A[0, 1] > 0):
        text = "it needs friction and noise of the momentum, whose balance is its reference"
    elif A[0, 0] != 0 and B[0, 0] == 0:
        text = "the position has a friction without noise (d_qq = 0), which it could only treat as numerical diffusion"
    else:
        return
    raise GridError(f"scheme.flux: chang_cooper does not fit this system: {text}; use flux: central")
