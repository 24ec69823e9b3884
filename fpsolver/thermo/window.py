r"""Smoothing by a Gaussian window, as multiplication of Fourier sums: from W to the Husimi function.

Q is wider than W: a box that holds 8.5 deviations of W may cut Q at 6, which costs 5e-7 of the Wehrl rates. Closed axes
are therefore extended by zeros: sqrt(b^2 + (8.5 sigma_0)^2) instead of the half-width b of the box.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fpsolver.grid import Axis, Grid
from fpsolver.physics import husimi as exact
from fpsolver.physics import linear
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.system import System
from fpsolver.thermo.medium import Medium, medium

REACH = 8.5  # deviations


@dataclass(frozen=True, eq=False)
class Window:
    """Smoothing of functions on the grid ``source`` by a Gaussian, evaluated on a ``refine`` times finer grid.

    Zeros of Q, which only a negative W has, make Q ln Q rough: on the grid of W the Wehrl entropy of the first Fock
    state is off by 2e-6, on one twice as fine by 3e-8.
    """

    system: System
    source: Grid
    Sigma0: FloatArray
    refine: int = 1

    @cached_property
    def margins(self) -> list[int]:
        """Cells added at both ends of each axis; multiples of eight suit the transforms."""
        found = []
        for k, axis in enumerate(self.source.axes):
            half = axis.length / 2
            wider = math.hypot(half, REACH * math.sqrt(self.Sigma0[k, k])) - half
            found.append(0 if axis.periodic else 8 * math.ceil(wider / axis.spacing / 8))
        return found

    @cached_property
    def wide(self) -> Grid:
        """The grid of W with its margins."""
        axes = []
        for axis, n in zip(self.source.axes, self.margins, strict=True):
            more = n * axis.spacing
            axes.append(Axis(axis.name, axis.low - more, axis.high + more, axis.cells + 2 * n, axis.periodic))
        return Grid(tuple(axes))

    @cached_property
    def wave_numbers(self) -> list[FloatArray]:
        """Wave number along each axis, as an open mesh; the highest one, which has no derivative, is 0."""
        axes, found = self.wide.axes, []
        for k, axis in enumerate(axes):
            frequencies = np.fft.rfftfreq if k == len(axes) - 1 else np.fft.fftfreq
            line = 2 * math.pi * frequencies(axis.cells, axis.spacing)
            if axis.cells % 2 == 0:
                line[axis.cells // 2] = 0.0
            found.append(line.reshape([-1 if j == k else 1 for j in range(len(axes))]))
        return found

    @cached_property
    def damping(self) -> FloatArray:
        """exp(-k Sigma0 k/2), shape of the spectrum; 0 for the highest wave numbers."""
        out: FloatArray = np.ones(1)
        for k, line, axis in zip(range(len(self.Sigma0)), self.wave_numbers, self.wide.axes, strict=True):
            part = np.exp(-0.5 * self.Sigma0[k, k] * line**2)
            if axis.cells % 2 == 0:
                np.moveaxis(part, k, 0)[axis.cells // 2] = 0.0
            out = out * part
        return out

    @cached_property
    def grid(self) -> Grid:
        """Points where Q is known: the grid of W with its margins, or a finer one."""
        return self.wide if self.refine == 1 else refined(self.wide, self.refine)

    @cached_property
    def medium(self) -> Medium:
        """Where Q moves: a^I = A^I x, D_Q^I = B_Q^I/2, its generalised inverse, and D^R."""
        B = exact.bath_diffusion(self.system, self.Sigma0)
        drift = np.tensordot(self.system.irreversible_drift, np.stack(np.broadcast_arrays(*self.grid.coordinates)), 1)
        inverse_D = 2 * linear.generalized_inverse(B)[0]
        return medium(drift, B / 2, inverse_D, self.system.reversible_diffusion / 2)

    @cached_property
    def why_no_rates(self) -> str:
        """Reason why Wehrl production and flux do not exist or are infinite, or an empty string."""
        return exact.why_no_rates(self.system, self.Sigma0)

    def smooth(self, values: FloatArray) -> FloatArray:
        """Values * Gaussian, shape of :attr:`grid`."""
        return self._along_rows(self._to_rows(self._spectrum(values)))

    def smooth_with_gradient(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        r"""The same and its gradient, shape (2N, \*grid.shape); one array at a time, so that they stay in the cache."""
        spectrum = self._spectrum(values)
        rows = self._to_rows(spectrum)
        *others, last = (1j * line for line in self.wave_numbers)
        gradient = np.empty((len(self.wave_numbers), *self.grid.shape))
        for k, line in enumerate(others):
            gradient[k] = self._along_rows(self._to_rows(line * spectrum))
        gradient[-1] = self._along_rows(last * rows)
        return self._along_rows(rows), gradient

    def _spectrum(self, values: FloatArray) -> np.ndarray:
        wide = np.zeros(self.wide.shape)
        wide[tuple(slice(n, n + size) for n, size in zip(self.margins, values.shape, strict=True))] = values
        found = np.fft.rfft(wide)
        for k in range(wide.ndim - 1):
            found = np.fft.fft(found, axis=k)
        found *= self.damping
        return np.asarray(found)

    def _to_rows(self, spectrum: np.ndarray) -> np.ndarray:
        """Back along all axes but the last."""
        for k, (cells, points) in enumerate(zip(self.wide.shape[:-1], self.grid.shape, strict=False)):
            if points > cells:
                spectrum = np.insert(spectrum, [(cells + 1) // 2] * (points - cells), 0.0, axis=k)
            spectrum = np.fft.ifft(spectrum, axis=k)
        return spectrum

    def _along_rows(self, rows: np.ndarray) -> FloatArray:
        """Back along the last axis."""
        found = np.fft.irfft(rows, self.grid.shape[-1])
        if self.refine > 1:
            found *= float(self.refine ** len(self.source.axes))
        return np.asarray(found)


def refined(grid: Grid, factor: int) -> Grid:
    """Grid whose cells are ``factor`` times finer, its first centres those of the old one."""
    axes = []
    for axis in grid.axes:
        shift = axis.spacing / 2 * (1 - 1 / factor)
        cells = axis.cells * factor
        axes.append(Axis(axis.name, axis.low + shift, axis.high + shift, cells, axis.periodic))
    return Grid(tuple(axes))
