r"""The generator: a System on a Grid with a Scheme; steppers ask for ``apply`` and ``advance`` only."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from fpsolver.errors import GridError
from fpsolver.grid import Grid, checked_values
from fpsolver.kernels.phase_space import PAD
from fpsolver.kernels.threads import Team
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.system import System
from fpsolver.schemes.central import CentralFluxes
from fpsolver.schemes.chang_cooper import ChangCooperFluxes
from fpsolver.schemes.scheme import Scheme

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["Generator", "Scheme"]

# Below this a thread's share of a pass (about 10 us) is eaten by starting it; measured by benchmarks/kernels.py.
PARALLEL_FROM_CELLS = 80 * 80


# One stage (keep, carry, part) whose result is L W alone.
_RATE = np.array([[0.0, 0.0, 1.0]])


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
        self.fluxes = _fluxes(system, grid, self.scheme)
        self.is_parallel = grid.size >= PARALLEL_FROM_CELLS
        self._team = Team()

    def apply(self, W: FloatArray, out: FloatArray | None = None, time: float = 0.0) -> FloatArray:
        """dW/dt at ``time``, shape of the grid; GridError if W or ``out`` does not fit."""
        out = np.empty(self.grid.shape) if out is None else out
        if out.shape != self.grid.shape or out.dtype != float:
            raise GridError(f"out must be float64 of shape {self.grid.shape}, but is {out.dtype} of {out.shape}")
        self.advance(self.pad(checked_values(W, self.grid), self._padded), self._work, time, _RATE, 0)
        out[...] = self._work[1, :, PAD:-PAD]
        return out

    def advance(self, W: FloatArray, work: FloatArray, time: float, stages: FloatArray, steps: int) -> None:
        """Steps of stages (keep, carry, part) on padded arrays; with steps = 0, L W goes into ``work[1]``.

        Each stage makes keep W + carry source + part L(source), where the source is the result of the stage before.
        Serial or parallel kernel: chosen by the size of the grid and never by threads, for the same bits. The
        systems of this version do not depend on ``time``.
        """
        del time
        if self.is_parallel:
            work_load = max(steps, 1) * len(stages)
            self._team.run(work_load, lambda: self.fluxes.advance(W, work, stages, steps, parallel=True))
        else:
            self.fluxes.advance(W, work, stages, steps, parallel=False)

    def to_sparse(self) -> csr_array:
        """The same operator as a sparse matrix on W.ravel(); GridError for limited fluxes, which are not linear."""
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


def _fluxes(system: System, grid: Grid, scheme: Scheme) -> CentralFluxes | ChangCooperFluxes:
    if scheme.flux == "central":
        return CentralFluxes(system, grid, scheme.order)
    return ChangCooperFluxes(system, grid, limited=not scheme.is_linear)
