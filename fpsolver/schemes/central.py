r"""Central fluxes of even order: the coefficients of :mod:`fpsolver.kernels.phase_space` from a system and a grid."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from fpsolver.errors import GridError
from fpsolver.grid import Axis, Grid
from fpsolver.kernels import phase_space, running, stencils
from fpsolver.kernels.axes import PAD
from fpsolver.kernels.coefficients import Coefficients, Packed, pack
from fpsolver.kernels.locks import Lock
from fpsolver.kernels.memory import empty_padded
from fpsolver.kernels.simd import EIGHT
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.system import System
from fpsolver.schemes.moyal import MoyalTerms
from fpsolver.schemes.weights import column_table, conserving, end_vectors, slot_vector

_ANGLES = np.linspace(0.0, np.pi, 65)


class CentralFluxes:
    """N particles: velocities on sites and momenta, stencil weights, wall corrections, quantum terms."""

    def __init__(self, system: System, grid: Grid, order: int) -> None:
        self.system = system
        self.grid = grid
        self.order = order
        self.computed = grid.shape[0]  # places of q_1
        self.moyal = MoyalTerms(system, grid, order)
        self.moyal.refuse_long_kicks()
        self._lock = Lock()

    def advance(self, W: FloatArray, work: FloatArray, stages: FloatArray, steps: int, *, parallel: bool) -> None:
        """Run the kernel: ``steps`` steps of stages (1, 0, part) in place on padded arrays, or one (0, 0, part)."""
        kernel = running.run_parallel if parallel else running.run
        shares = numba.get_num_threads() if parallel else 1
        self._check(W, work)
        stages = np.ascontiguousarray(stages, dtype=float)
        states, marks = (W.reshape(-1), work.reshape(-1)), running.new_marks(shares)
        with self._lock.held:  # some of what is packed is scratch
            kernel(self.kernels, *states, *self._packed, stages, int(steps), marks, shares)

    def lower_half(self) -> CentralFluxes:
        """The same for functions with W(-x) = W(x), of which only q_1 < 0 and what it needs of the rest are computed.

        Right where the generator is even and the number of cells along q_1 too.
        """
        half = CentralFluxes(self.system, self.grid, self.order)
        half.computed //= 2
        return half

    def _check(self, W: FloatArray, work: FloatArray) -> None:
        """GridError for arrays that the kernels would take for others: nobody looks at them after this."""
        for array, count in ((W, 1), (work, 2)):
            if array.dtype != float or not array.flags.c_contiguous or array.size != count * self._size:
                raise GridError(
                    f"W and work must be C-ordered float64 arrays of {self._size} and {2 * self._size} numbers, as "
                    f"from empty_padded() and empty_work(), but one is {array.dtype} of shape {array.shape}, strides "
                    f"{array.strides}"
                )

    @cached_property
    def _size(self) -> int:
        """Numbers in a padded state."""
        return self.grid.size // self.grid.shape[-1] * (self.grid.shape[-1] + 2 * PAD)

    def __getstate__(self) -> dict[str, Any]:
        """Without what belongs to this process and processor: addresses of kernels, arrays laid out for them."""
        return {
            name: value for name, value in self.__dict__.items() if name not in ("kernels", "coefficients", "_packed")
        }

    @cached_property
    def kernels(self) -> NDArray[Any]:
        """Addresses of the kernels."""
        crossed = self.coefficients.present[1]
        return phase_space.kernels_of(self.order // 2, len(self.grid.axes), crossed=crossed).addresses

    @cached_property
    def _packed(self) -> Packed:
        threads = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
        return pack(self.coefficients, threads, self.computed)

    @cached_property
    def rates(self) -> FloatArray:
        """Friction rate of each axis on its own coordinate, shape (2N,), 1/time."""
        return np.diag(self.system.dissipative_drift)

    def velocities(self) -> tuple[list[list[FloatArray]], list[list[FloatArray]]]:
        """What each coordinate adds to the velocity of each axis, [axis][coordinate], without and with own friction."""
        system, n = self.system, self.system.size
        A = system.dissipative_drift.copy()
        A[range(n), range(n, 2 * n)] += 1 / system.masses
        A[n:, :n] -= system.spring_matrix
        parts = [[A[a, b] * axis.centres for b, axis in enumerate(self.grid.axes)] for a in range(2 * n)]
        for i in range(n):
            parts[n + i][i] = parts[n + i][i] + self.moyal.force(i)
        others = [
            [np.zeros_like(part) if a == b else part for b, part in enumerate(row)] for a, row in enumerate(parts)
        ]
        return others, parts

    @cached_property
    def coefficients(self) -> Coefficients:
        """Numbers for the kernels."""
        n, axes, first = self.system.size, self.grid.axes, stencils.first_derivative(self.order)
        scale, parts = np.array([first[0] / axis.spacing for axis in axes]), self.velocities()[1]
        speeds, centre, second = self._weights(scale[n - 1] * parts[n - 1][-1])
        row = self.grid.shape[-1] + 2 * PAD
        strides = [math.prod((*self.grid.shape[a + 1 : -1], row)) for a in range(2 * n - 1)] + [1]
        near, spread, selves = self._neighbours(second[:-1], strides)
        cross = np.triu(self.system.diffusion_matrix * np.outer(scale, scale), 1)
        ends = end_vectors(self._walls(axes[-1], self.rates[-1], second[-1]))
        moving = self._moving(scale, parts)
        listed = self.moyal.reach[1] > 0 or moving["on_sites"][n - 1].any()
        flags = (listed, cross[:, -1].any(), cross[:, :-1].any(), moving["uneven"].any(), ends.any())
        turn = tuple(c / first[0] for c in first)
        return Coefficients(
            **moving,
            columns=column_table(speeds, scale[-1] * parts[-1][-1], second[n - 1]),
            at_sites=centre + _outer_sum(selves[:n]).ravel(),
            at_rows=_outer_sum(selves[n:]).ravel(),
            near=near,
            spread=spread,
            turn=slot_vector(turn, -1.0),
            ends=ends,
            cross=cross,
            kicks=self.moyal.kicks,
            reach=self.moyal.reach,
            first=turn,
            second=second[-1],
            shape=self.grid.shape,
            strides=tuple(strides),
            present=tuple(bool(flag) for flag in flags),
        )

    def _weights(self, along: FloatArray) -> tuple[FloatArray, float, list[tuple[float, ...]]]:
        """Antisymmetric weights of q_N with its velocity in each column; weight of the cell itself; symmetric ones."""
        n, diffusion = self.system.size, np.diag(self.system.diffusion_matrix) / 2
        second = [self._symmetric(*each) for each in zip(self.grid.axes, self.rates, diffusion, strict=True)]
        speeds, second[n - 1] = self._exact(along, second[n - 1])
        return speeds, *conserving(second, self.rates)

    def _moving(self, scale: FloatArray, parts: list[list[FloatArray]]) -> dict[str, Any]:
        """Velocities on sites and in blocks, and which of them change along rows."""
        n = self.system.size
        on_momenta = empty_padded(self.grid.shape[n:], 2 * n)
        on_momenta[...] = 0.0
        for a in range(2 * n):
            on_momenta[a, ..., PAD:-PAD] = scale[a] * _outer_sum(parts[a][n:])
        return {
            "on_momenta": on_momenta.reshape(2 * n, -1),
            "on_sites": np.stack([scale[a] * _outer_sum(parts[a][:n]).ravel() for a in range(2 * n)]),
            "on_rows": np.stack([scale[a] * _outer_sum(parts[a][n:-1]).ravel() for a in (n - 1, 2 * n - 1)]),
            "uneven": np.array([a not in (n - 1, 2 * n - 1) and np.ptp(parts[a][-1]) != 0 for a in range(2 * n)]),
        }

    def _exact(self, speeds: FloatArray, weights: tuple[float, ...]) -> tuple[FloatArray, tuple[float, ...]]:
        """Antisymmetric weights (k, columns) along q_N and its symmetric ones, whose sums and differences are exact.

        Rounded to multiples of one number: what leaves a cell is then what its neighbours gain, to the last bit (what
        walls add, near the ends of q, rounds once more).
        """
        first = stencils.first_derivative(self.order)
        odd = np.outer([c / first[0] for c in first], speeds)
        unit = np.spacing(np.abs(odd).max() + np.abs(weights).max())
        return np.round(odd / unit) * unit, tuple(float(np.round(s / unit) * unit) for s in weights)

    def _neighbours(
        self, second: list[tuple[float, ...]], strides: list[int]
    ) -> tuple[NDArray[np.int64], FloatArray, list[FloatArray]]:
        """Distances and weights of the neighbours of places of all axes but p_N, and weights of the cell itself.

        Of q_N only what walls add.
        """
        k, axes = self.order // 2, self.grid.axes[:-1]
        shifts = np.array([*range(1, k + 1), *range(-1, -k - 1, -1)])
        near = np.zeros((len(axes), max(axis.cells for axis in axes), EIGHT), np.int64)
        spread: FloatArray = np.zeros(near.shape)
        selves: list[FloatArray] = [np.zeros(axis.cells) for axis in axes]
        for a, (axis, rate, weights) in enumerate(zip(axes, self.rates[:-1], second, strict=True)):
            n, walls, i = axis.cells, self._walls(axis, rate, weights), np.arange(axis.cells)
            near[a, :n, : 2 * k] = ((i[:, None] + shifts) % n - i[:, None]) * strides[a]
            if a != self.system.size - 1:
                spread[a, :n] = slot_vector(weights, 1.0)
            edge = [*range(k), *range(n - k, n)]
            for to, of in zip(*np.nonzero(walls), strict=True):
                if to == of:
                    selves[a][edge[to]] += walls[to, of]
                else:
                    spread[a, edge[to], (shifts % n).tolist().index((edge[of] - edge[to]) % n)] += walls[to, of]
        return near, spread, selves

    def _symmetric(self, axis: Axis, rate: float, diffusion: float) -> tuple[float, ...]:
        """Weights s_m of W_{i+m} + W_{i-m} for D W'' - (rate x W)'."""
        order, h = self.order, axis.spacing
        pairs = zip(stencils.second_derivative(order), stencils.first_derivative(order), strict=True)
        return tuple(float(diffusion * e / h**2 - rate * c * m) for m, (e, c) in enumerate(pairs, start=1))

    def _walls(self, axis: Axis, rate: float, second: tuple[float, ...]) -> FloatArray:
        """Weights between the k lowest and k highest places, (2k, 2k): minus what wrapped around, plus what left."""
        k, h = self.order // 2, axis.spacing
        walls = np.zeros((2 * k, 2 * k))
        if axis.periodic:
            return walls
        first = stencils.first_derivative(self.order)
        for outward, x, wall, beyond in ((-1, axis.centres, 0, 2 * k - 1), (1, axis.centres[::-1], 2 * k - 1, 0)):
            for d in range(k):  # distance from the wall
                place = wall - outward * d
                for m in range(d, k):
                    walls[place, beyond + outward * (m - d)] = outward * rate * x[d] * first[m] / h - second[m]
                    outside = x[d] + outward * (m + 1) * h
                    walls[wall, place] += second[m] + outward * rate * outside * first[m] / h
        return walls

    def symmetriser(self) -> FloatArray:
        """Factor between W and the variable in which linear algebra is done; central fluxes need none."""
        return np.ones(self.grid.shape)

    def spectrum_bounds(self) -> list[tuple[FloatArray, FloatArray]]:
        r"""Turning and damping rates of the symbol at angles (of positions, of momenta), with the largest coefficients.

        lambda = -i sum_a v_a k1_a - sum_a D_aa k2_a - sum_{a<b} 2 D_ab k1_a k1_b, k1 and k2 the symbols of the central
        first and second derivatives; cross terms may have either sign. All positions share one angle and all momenta
        another: their parts add up without a sign, so that each is largest at its own best angle.
        """
        n, axes = self.system.size, self.grid.axes
        D = self.system.diffusion_matrix / 2
        odd, even = _symbols(self.order)
        turns = [self._turning(a, odd) for a in range(2 * n)]
        spreads = [D[a, a] * even / axes[a].spacing ** 2 for a in range(2 * n)]
        turn = np.sum(turns[:n], axis=0)[:, None] + np.sum(turns[n:], axis=0)
        spread = np.sum(spreads[:n], axis=0)[:, None] + np.sum(spreads[n:], axis=0)
        cross = np.zeros_like(spread)
        for a in range(2 * n):
            for b in range(a + 1, 2 * n):
                symbols = [odd / axes[i].spacing for i in (a, b)]
                left = symbols[0][:, None] if a < n else symbols[0]
                right = symbols[1][:, None] if b < n else symbols[1]
                cross += 2 * np.abs(D[a, b] * left * right)
        return [(turn, (spread - cross).clip(min=0)), (turn, spread + cross)]

    def _turning(self, a: int, odd: FloatArray) -> FloatArray:
        """Largest turning rate of axis a at each angle: velocities and kicks at their largest, 1/time."""
        n, axis = self.system.size, self.grid.axes[a]
        others, parts = self.velocities()
        speed = sum(np.abs(part).max() for b, part in enumerate(others[a]) if a < n or b != a - n)
        speed += np.abs(self.rates[a] * axis.centres).max()
        if a < n:
            return np.asarray(speed * np.abs(odd) / axis.spacing)
        # the force of the own potential and its quantum terms have the same place and may cancel
        own = parts[a][a - n][:, None] * odd / axis.spacing - self.moyal.turning(a - n, _ANGLES)
        return np.asarray(speed * np.abs(odd) / axis.spacing + np.abs(own).max(axis=0))


def _outer_sum(lines: list[FloatArray]) -> FloatArray:
    """Array of lines[0][i] + lines[1][j] + .."""
    total = np.zeros(tuple(len(line) for line in lines))
    for k, line in enumerate(lines):
        total = total + line.reshape([-1 if j == k else 1 for j in range(len(lines))])
    return total


def _symbols(order: int) -> tuple[FloatArray, FloatArray]:
    first, second = stencils.first_derivative(order), stencils.second_derivative(order)
    odd = sum(2 * c * np.sin(m * _ANGLES) for m, c in enumerate(first, start=1))
    even = sum(2 * e * (1 - np.cos(m * _ANGLES)) for m, e in enumerate(second, start=1))
    return np.asarray(odd), np.asarray(even)
