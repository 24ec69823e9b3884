r"""The quantum terms of the Moyal bracket on a grid: sums of antisymmetric pairs along the momenta.

    dW/dt += sum_m kicks[i, site, m] (W_{+(m+1+offset)} - W_{-(m+1+offset)})      along p_i.

Each pair is a difference of face fluxes, so that the mass telescopes, and skew, so that int W^2 is kept. Derivatives
take antisymmetric stencils of the scheme's order; a shift s between nodes takes Lagrange weights on the nodes nearest
to it; other potentials take the sine transform of g(q, y) over the whole axis. docs/scheme.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fpsolver.errors import GridError
from fpsolver.grid import Axis, Grid
from fpsolver.kernels import stencils
from fpsolver.physics.moyal import Convolution, Derivatives, Kick, quantum_terms
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.products import product
from fpsolver.physics.system import System

LARGEST_SHIFT = 0.25  # of the momentum box: beyond it a kick would reach around the box


@dataclass(frozen=True, eq=False)
class MoyalTerms:
    """The quantum terms of all particles of a system on a grid, by differences of the given order."""

    system: System
    grid: Grid
    order: int

    @cached_property
    def _terms(self) -> list[Derivatives | Kick | Convolution | None]:
        hbar = self.system.hbar if self.system.moyal else 0.0
        pairs = zip(self.system.particles, self.grid.axes, strict=False)
        return [quantum_terms(particle.potential, hbar, axis.centres) for particle, axis in pairs]

    @property
    def is_empty(self) -> bool:
        """True if the classical force is exact for every particle."""
        return all(term is None for term in self._terms)

    @property
    def is_long(self) -> bool:
        """True if pairs reach so far that the sums around the axis are part of the dynamics."""
        return any(isinstance(term, Convolution) for term in self._terms)

    def refuse_long_kicks(self) -> None:
        """GridError for kicks that would reach around the box."""
        for term, axis in zip(self._terms, self.grid.axes[self.system.size :], strict=True):
            if isinstance(term, Kick) and term.shift > LARGEST_SHIFT * axis.length:
                raise GridError(
                    f"the momentum kick hbar k/2 = {term.shift:.4g} of the cosine potential is more than a quarter of "
                    f"the box of {axis.name}, which is {axis.length:.4g} long; give a wider grid.{axis.name[0]}.extent"
                )

    def force(self, i: int) -> FloatArray:
        """Classical force of the potential of particle i on its axis that the pairs do not contain already."""
        potential, q, term = self.system.particles[i].potential, self.grid.axes[i].centres, self._terms[i]
        if isinstance(term, Kick):
            return np.full_like(q, potential.tilt)
        return np.zeros_like(q) if isinstance(term, Convolution) else -potential.derivative(q)

    @cached_property
    def _weights(self) -> list[dict[int, FloatArray]]:
        """For each particle {distance in cells: weights at its positions}."""
        axes = self.grid.axes[self.system.size :]
        return [_pair_weights(term, self.grid.axes[i], axes[i], self.order) for i, term in enumerate(self._terms)]

    def of_position(self, i: int) -> tuple[FloatArray, FloatArray]:
        """Force on particle i (cells,), weights of its pairs (distances, cells): all that depends on its position."""
        weights = list(self._weights[i].values())
        return self.force(i), np.array(weights).reshape(len(weights), self.grid.axes[i].cells)

    @cached_property
    def reach(self) -> tuple[int, int]:
        """(offset, number) of the distances offset + 1 .. offset + number that have weights."""
        distances = [m for weights in self._weights for m in weights]
        return (min(distances) - 1, max(distances) - min(distances) + 1) if distances else (0, 0)

    @cached_property
    def kicks(self) -> FloatArray:
        """Weights for the kernels, shape (N, sites, number of distances)."""
        n, (offset, count) = self.system.size, self.reach
        shape = self.grid.shape[:n]
        kicks = np.zeros((n, int(np.prod(shape)), count))
        for i, weights in enumerate(self._weights):
            for m, values in weights.items():
                along = values.reshape([-1 if axis == i else 1 for axis in range(n)])
                kicks[i, :, m - 1 - offset] = np.broadcast_to(along, shape).ravel()
        return kicks

    def turning(self, i: int, angles: FloatArray) -> FloatArray:
        """Sum of the symbols 2 w_m(q) sin(m angle) of particle i, shape (positions, angles), 1/time."""
        zero = np.zeros((self.grid.axes[i].cells, len(angles)))
        return zero + sum(2 * np.outer(w, np.sin(m * angles)) for m, w in self._weights[i].items())

    def quantum_rate(self, W: FloatArray) -> list[FloatArray]:
        r"""(dW/dt) of each particle beyond its classical force, each of the shape of the grid."""
        n = self.system.size
        rates = []
        for i, weights in enumerate(self._weights):
            rate, along = np.zeros_like(W), n + i
            missing = -self.system.particles[i].potential.derivative(self.grid.axes[i].centres) - self.force(i)
            pairs = dict(weights)
            for m, c in enumerate(stencils.first_derivative(self.order), start=1):
                # what the pairs hold of the classical force is taken out again
                pairs[m] = pairs.get(m, 0.0) + c * missing / self.grid.axes[along].spacing
            for m, values in pairs.items():
                shape = [-1 if axis == i else 1 for axis in range(W.ndim)]
                rate += np.reshape(values, shape) * (np.roll(W, -m, along) - np.roll(W, m, along))
            rates.append(rate)
        return rates

    def currents(self, W: FloatArray) -> list[FloatArray]:
        """Momentum current of each particle's quantum terms, with d_p J = -quantum_rate, zero at the walls."""
        n = self.system.size
        return [_minus_integral(rate, self.grid.axes[n + i], n + i) for i, rate in enumerate(self.quantum_rate(W))]


def _pair_weights(
    term: Derivatives | Kick | Convolution | None, q_axis: Axis, p_axis: Axis, order: int
) -> dict[int, FloatArray]:
    if isinstance(term, Derivatives):
        weights: dict[int, FloatArray] = {}
        for r, values in term.terms.items():
            for m, c in enumerate(stencils.odd_derivative(r, order), start=1):
                weights[m] = weights.get(m, 0.0) + c / p_axis.spacing**r * values
        return weights
    if isinstance(term, Kick):
        return {m: c * term.strength for m, c in _shift_weights(term.shift, p_axis, order).items()}
    return _sine_weights(term, q_axis, p_axis) if isinstance(term, Convolution) else {}


def _shift_weights(shift: float, axis: Axis, order: int) -> dict[int, float]:
    """Weights of W_{+m} - W_{-m} for W(p + shift) - W(p - shift): Lagrange weights on the nearest nodes."""
    position = shift / axis.spacing
    nodes = np.arange(order) + int(np.floor(position)) - order // 2 + 1
    weights: dict[int, float] = {}
    for j, node in enumerate(nodes):
        others = np.delete(nodes, j)
        value = float(np.prod((position - others) / (node - others)))
        if node != 0:  # a node on the other side of zero is the same pair with the opposite sign
            weights[abs(int(node))] = weights.get(abs(int(node)), 0.0) + (value if node > 0 else -value)
    return weights


def _sine_weights(term: Convolution, q_axis: Axis, p_axis: Axis) -> dict[int, FloatArray]:
    """w_m(q) with 2 sum_m w_m sin(m y h) = g(q, y) at every wave number y of the axis, but for the highest ones.

    These are damped, exp(-36 (y/y_max)^16): with a jump of g at y_max the weights would fall off like 1/m only, and
    the sums that wrap around the axis would be no small part of the generator.
    """
    n = p_axis.cells
    modes = np.arange(1, (n + 1) // 2)
    g = term.multiplier(q_axis.centres[:, None], 2 * np.pi * modes / p_axis.length)
    g = g * np.exp(-36 * (2 * modes / n) ** 16)
    sines = 2 / n * np.sin(2 * np.pi * np.outer(modes, modes) / n)
    weights = dict(zip(modes.tolist(), product(sines, g.T), strict=True))
    least = 1e-16 * max(float(np.abs(w).max()) for w in weights.values())
    last = max(m for m, w in weights.items() if np.abs(w).max() > least)
    return {m: w for m, w in weights.items() if m <= last}


def _minus_integral(rate: FloatArray, axis: Axis, k: int) -> FloatArray:
    """-int rate dp from the lower wall, by Fourier sums; the integral over the whole axis is zero."""
    y = 2 * np.pi * np.fft.rfftfreq(axis.cells, axis.spacing)
    shape = [-1 if j == k else 1 for j in range(rate.ndim)]
    inverse = np.divide(1j, y, out=np.zeros_like(y, dtype=complex), where=y > 0)
    current = np.fft.irfft(np.fft.rfft(rate, axis=k) * inverse.reshape(shape), n=axis.cells, axis=k)
    walls = np.take(current, [0, -1], axis=k).mean(axis=k, keepdims=True)
    return np.asarray(current - walls)
