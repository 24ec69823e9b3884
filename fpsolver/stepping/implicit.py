r"""Implicit steps for constant linear generators: R(dt L) W by five solves with the same sparse factors.

R is the rational function of :mod:`fpsolver.stepping.rational`: stable for any step, which follows from accuracy alone.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from scipy.sparse import csc_array, eye_array
from scipy.sparse.linalg import SuperLU

from fpsolver import assembly
from fpsolver.generator import Generator
from fpsolver.kernels.axes import PAD
from fpsolver.physics.potentials import FloatArray
from fpsolver.stepping.rational import POLE, WEIGHTS

FACTORS_KEPT = 2  # two alternate where a snapshot divides a record interval


class Implicit:
    """Implicit steps of one generator; factors its matrix once for each size of the step."""

    cells_at_once = 500_000  # 0.5 s

    def __init__(self, generator: Generator) -> None:
        self.generator = generator
        self._scale = generator.fluxes.symmetriser().ravel()
        self._matrix = assembly.scaled(generator.to_sparse(), self._scale)
        self._factors: OrderedDict[float, SuperLU] = OrderedDict()

    def advance(self, W: FloatArray, time: float, dt: float, steps: int) -> None:
        """Take ``steps`` steps of size ``dt``, changing the padded W in place; ``time`` does not matter."""
        del time
        factors = self._factors_for(dt)
        x = W[..., PAD:-PAD].ravel() / self._scale
        mass = x @ self._scale
        for _ in range(steps):
            power, total = x, np.zeros_like(x)
            for weight in WEIGHTS:
                power = factors.solve(power)
                total += weight * power
            # a solve conserves the mass only as well as its matrix is conditioned: 1e-11 lost in 10^3 long steps
            x = total * (mass / (total @ self._scale))
        self.generator.pad((x * self._scale).reshape(self.generator.grid.shape), W)

    def _factors_for(self, dt: float) -> SuperLU:
        key = float(f"{dt:.12e}")  # intervals of equal length differ by round-off
        if key not in self._factors:
            while len(self._factors) >= FACTORS_KEPT:
                self._factors.popitem(last=False)
            n = self._matrix.shape[0]
            # of the key, not of dt: which interval came first must not show in the bits
            self._factors[key] = assembly.factorised(csc_array(eye_array(n) - POLE * key * self._matrix))
        self._factors.move_to_end(key)
        return self._factors[key]
