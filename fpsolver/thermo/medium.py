"""What a density moves in: irreversible drift, diffusion and its inverse; and the sums of a record over its cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fpsolver.kernels import records
from fpsolver.physics.potentials import FloatArray

NOWHERE = np.zeros((0, 0))


@dataclass(frozen=True, eq=False)
class Medium:
    """Drift (2N, cells), D^I, its generalised inverse and D^R, of shape (2N, 2N) each; see :func:`medium`."""

    drift: FloatArray
    D: FloatArray
    inverse_D: FloatArray
    reversible_D: FloatArray

    def sums(
        self,
        density: FloatArray,
        rate: FloatArray,
        logarithm: FloatArray,
        gradient: FloatArray,
        lowest: float,
        tail: tuple[FloatArray, FloatArray, FloatArray] | None = None,
    ) -> tuple[FloatArray, FloatArray]:
        """Sums of :func:`fpsolver.kernels.records.sums`, (6) and (3, 2N); ``tail``: positions, mean, precision."""
        shape = self.drift.shape
        positions, mean, precision = tail or (self.drift, np.zeros(len(self.D)), NOWHERE)
        found = records.sums(
            density.ravel(), rate.ravel(), logarithm.ravel(), gradient.reshape(shape), positions.reshape(shape),
            self.drift, self.D, self.inverse_D, self.reversible_D, lowest, mean, precision,
        )  # fmt: skip
        return found[: records.SINGLE], found[records.SINGLE :].reshape(3, -1)


def medium(drift: FloatArray, D: FloatArray, inverse_D: FloatArray, reversible_D: FloatArray) -> Medium:
    r"""Medium with a drift of shape (2N, \*grid.shape)."""
    matrices = (np.ascontiguousarray(matrix, dtype=float) for matrix in (D, inverse_D, reversible_D))
    return Medium(drift.reshape(len(drift), -1), *matrices)
