r"""One state W on its grid with everything that is derived from it once: gradient, drifts and currents.

    J = (A x + f) W - D grad W = J^R + J^I,     J^I = A^I x W - D^I grad W,     D = B/2.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fpsolver.grid import Grid
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.system import System
from fpsolver.thermo.differences import gradient

FLOOR = 1e-12  # of max W: below it quotients by W are round-off; 1e-9 already costs 4e-7 in the balance


@dataclass(frozen=True, eq=False)
class State:
    """W with its system and grid; ``order`` of the differences is the scheme's."""

    W: FloatArray
    system: System
    grid: Grid
    order: int = 8

    @cached_property
    def gradient(self) -> FloatArray:
        """Grad W, shape (2N, \\*grid.shape)."""
        return gradient(self.W, self.grid, self.order)

    @cached_property
    def irreversible_drift(self) -> FloatArray:
        """a^I = A^I x at the cell centres, shape (2N, \\*grid.shape)."""
        return self._on_grid(self.system.irreversible_drift)

    @cached_property
    def irreversible_current(self) -> FloatArray:
        """J^I = A^I x W - D^I grad W."""
        return self.irreversible_drift * self.W - self._times(self.system.irreversible_diffusion / 2)

    @cached_property
    def reversible_current(self) -> FloatArray:
        """J^R: Hamiltonian flow, reversible bath drift, and minus D^R grad W."""
        return self._hamiltonian_drift * self.W - self._times(self.system.reversible_diffusion / 2)

    @cached_property
    def above_floor(self) -> np.ndarray:
        """Cells where W can be divided by."""
        return np.asarray(self.W > FLOOR * self.W.max())

    @cached_property
    def safe_W(self) -> FloatArray:
        """W, and 1 in the cells below the floor."""
        return np.where(self.above_floor, self.W, 1.0)

    @cached_property
    def negativity(self) -> float:
        """Int abs(W) - int W: twice the negative volume."""
        return self.grid.integrate(np.abs(self.W) - self.W)

    @property
    def _hamiltonian_drift(self) -> FloatArray:
        system, n = self.system, self.system.size
        reversible = system.dissipative_drift - system.irreversible_drift
        drift = self._on_grid(reversible)
        for k, particle in enumerate(system.particles):
            drift[k] += self.grid.coordinates[n + k] / particle.mass
            drift[n + k] -= particle.potential.derivative(self.grid.coordinates[k])
        return drift

    def _on_grid(self, matrix: FloatArray) -> FloatArray:
        out = np.zeros((len(matrix), *self.grid.shape))
        for i, j in zip(*np.nonzero(matrix), strict=True):
            out[i] += matrix[i, j] * self.grid.coordinates[j]
        return out

    def _times(self, matrix: FloatArray) -> FloatArray:
        out = np.zeros_like(self.gradient)
        for i, j in zip(*np.nonzero(matrix), strict=True):
            out[i] += matrix[i, j] * self.gradient[j]
        return out
