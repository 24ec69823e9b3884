r"""A system on a grid (:class:`PhaseSpace`), and one W on it (:class:`State`) with its gradient and currents.

J = (A x + f) W - D grad W = J^R + J^I,     J^I = A^I x W - D^I grad W,     D = B/2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fpsolver.errors import GridError
from fpsolver.grid import Grid
from fpsolver.kernels.stencils import ORDERS
from fpsolver.physics import arguments, equilibrium, husimi
from fpsolver.physics.gaussian_states import GaussianState
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.system import System
from fpsolver.schemes.chang_cooper import ChangCooperFluxes
from fpsolver.schemes.moyal import MoyalTerms
from fpsolver.thermo import faces
from fpsolver.thermo.differences import gradient
from fpsolver.thermo.medium import Medium, medium
from fpsolver.thermo.window import Window

FLOOR = 1e-12  # of max W: below it quotients by W are round-off; 1e-9 already costs 4e-7 in the balance


def apply_matrix(matrix: FloatArray, field: Sequence[FloatArray] | FloatArray) -> FloatArray:
    """Matrix times a field of vectors (first index), skipping zeros."""
    out = np.empty((len(matrix), *field[0].shape))
    for row, component in zip(matrix.tolist(), out, strict=True):
        terms = [(weight, part) for weight, part in zip(row, field, strict=True) if weight != 0]
        np.multiply(terms[0][1], terms[0][0], out=component) if terms else component.fill(0.0)
        for weight, part in terms[1:]:
            component += weight * part
    return out


def logarithm(W: FloatArray, largest: float | None = None, lowest: float = 0.0) -> FloatArray:
    """Ln W; where W is not above ``lowest``, that of its largest value, of the whole of which it may be a part.

    So sums with W or dW/dt leave these cells out of ln(W/max W): in other units of W, whose integral is given, they
    change by a constant or not at all. A 0 there would be a W of one unit.
    """
    top = float(W.max()) if largest is None else largest
    return np.log(W, out=np.full_like(W, math.log(top) if top > 0 else 0.0), where=lowest < W)


@dataclass(frozen=True, eq=False)
class PhaseSpace:
    """A system on a grid: everything thermodynamics needs that does not depend on W, computed once.

    With ``fluxes``, currents and Pi come from the faces of that scheme instead of central differences.
    """

    system: System
    grid: Grid
    order: int = 8
    fluxes: ChangCooperFluxes | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.order, int | np.integer) or self.order not in ORDERS:
            raise GridError(f"order must be one of {ORDERS}, but is {arguments.shown(self.order)}")
        if len(self.grid.axes) != 2 * (n := self.system.size):
            raise GridError(f"a grid of {arguments.counted(n, 'particle')} has {2 * n} axes, not {self.grid.names}")

    @cached_property
    def positions(self) -> FloatArray:
        r"""Coordinates x of the cell centres, shape (2N, \*grid.shape)."""
        return np.stack(np.broadcast_arrays(*self.grid.coordinates))

    @cached_property
    def irreversible_drift(self) -> FloatArray:
        r"""a^I = A^I x at the cell centres, shape (2N, \*grid.shape)."""
        return self._on_grid(self.system.irreversible_drift)

    @cached_property
    def reversible_drift(self) -> FloatArray:
        r"""Hamiltonian flow and reversible drift of the bath, shape (2N, \*grid.shape)."""
        system, n = self.system, self.system.size
        drift = self._on_grid(system.dissipative_drift - system.irreversible_drift)
        for k, particle in enumerate(system.particles):
            drift[k] += self.grid.coordinates[n + k] / particle.mass
            drift[n + k] -= particle.potential.derivative(self.grid.coordinates[k])
            for j in np.flatnonzero(system.spring_matrix[k]):
                drift[n + k] -= system.spring_matrix[k, j] * self.grid.coordinates[j]
        return drift

    @cached_property
    def irreversible_D(self) -> FloatArray:
        """D^I = B^I / 2, shape (2N, 2N)."""
        return self.system.irreversible_diffusion / 2

    @cached_property
    def reversible_D(self) -> FloatArray:
        """D^R = B^R / 2, shape (2N, 2N)."""
        return self.system.reversible_diffusion / 2

    @cached_property
    def inverse_D(self) -> FloatArray:
        """Generalised inverse of D^I, shape (2N, 2N)."""
        return 2 * self.system.inverse_noise[0]

    @cached_property
    def force_weight(self) -> FloatArray:
        r"""(D^I)^+ a^I, shape (2N, \*grid.shape)."""
        return apply_matrix(self.inverse_D, self.irreversible_drift)

    @cached_property
    def medium(self) -> Medium:
        """a^I, D^I, its generalised inverse, and D^R."""
        return medium(self.irreversible_drift, self.irreversible_D, self.inverse_D, self.reversible_D)

    @cached_property
    def moyal(self) -> MoyalTerms:
        """Quantum terms of the potentials; empty where the classical force is exact."""
        return MoyalTerms(self.system, self.grid, self.order)

    @cached_property
    def slopes(self) -> list[FloatArray]:
        """U'(q) of each particle on its axis."""
        return self._on_axes(1)

    @cached_property
    def curvatures(self) -> list[FloatArray]:
        """U''(q) of each particle on its axis."""
        return self._on_axes(2)

    @cached_property
    def energies(self) -> list[FloatArray]:
        """U(q) of each particle on its axis; without the tilt on a ring, where it is no function of q."""
        lines = []
        for particle, axis in zip(self.system.particles, self.grid.axes, strict=False):
            work = particle.potential.tilt * axis.centres if axis.periodic else 0.0
            lines.append(particle.potential.energy(axis.centres) + work)
        return lines

    @cached_property
    def thermal_state(self) -> GaussianState | None:
        """Gibbs state of the baths' temperature; None where it is no Gaussian or does not exist."""
        return equilibrium.thermal_state(self.system)

    @cached_property
    def thermal_precision(self) -> tuple[FloatArray, float]:
        """Inverse of its covariance V, and ln det(2 pi V)."""
        assert self.thermal_state is not None
        V = self.thermal_state.covariance
        return np.linalg.inv(V), len(V) * math.log(2 * math.pi) + float(np.linalg.slogdet(V)[1])

    @cached_property
    def why_not_thermal(self) -> str:
        """Reason why there is no Gaussian thermal state, or an empty string."""
        return equilibrium.why_not_thermal(self.system)

    @cached_property
    def why_no_window(self) -> str:
        """Reason why there is no Husimi function, or an empty string."""
        return husimi.why_none(self.system)

    @cached_property
    def window(self) -> Window:
        """The Gaussian window of the Husimi function; GridError if the system has none."""
        return self._window(1)

    @cached_property
    def fine_window(self) -> Window:
        """The same on points twice as fine."""
        return self._window(2)

    def _window(self, refine: int) -> Window:
        Sigma0 = husimi.window(self.system)
        if Sigma0 is None:
            raise GridError(self.why_no_window)
        return Window(self.system, self.grid, Sigma0, refine)

    @cached_property
    def is_noiseless(self) -> bool:
        """True if friction acts where there is no noise: Pi and Phi are infinite."""
        return self.system.has_noiseless_drift

    def _on_axes(self, order: int) -> list[FloatArray]:
        pairs = zip(self.system.particles, self.grid.axes, strict=False)
        return [particle.potential.derivative(axis.centres, order) for particle, axis in pairs]

    def _on_grid(self, matrix: FloatArray) -> FloatArray:
        return apply_matrix(matrix, self.positions)


@dataclass(frozen=True, eq=False)
class State:
    """One W on its phase space."""

    W: FloatArray
    space: PhaseSpace
    known_gradient: FloatArray | None = None  # of a part of a larger state, which knows its neighbours
    floor: float | None = None  # below it cells of that state do not count for Pi
    largest: float | None = None  # W of that state

    @property
    def grid(self) -> Grid:
        """Grid of the phase space."""
        return self.space.grid

    @property
    def system(self) -> System:
        """System of the phase space."""
        return self.space.system

    @cached_property
    def gradient(self) -> FloatArray:
        r"""Grad W, shape (2N, \*grid.shape)."""
        if self.known_gradient is not None:
            return self.known_gradient
        return gradient(self.W, self.grid, self.space.order)

    @cached_property
    def irreversible_current(self) -> FloatArray:
        """J^I = A^I x W - D^I grad W."""
        if self.space.fluxes is not None:
            return faces.irreversible_current(self.W, self.space.fluxes)
        current = apply_matrix(self.space.irreversible_D, self.gradient)
        return np.subtract(self.space.irreversible_drift * self.W, current, out=current)

    @cached_property
    def reversible_current(self) -> FloatArray:
        """J^R: Hamiltonian flow with its quantum terms, reversible bath drift, and minus D^R grad W."""
        if self.space.fluxes is not None:
            return faces.reversible_current(self.W, self.space.fluxes)
        current = self.space.reversible_drift * self.W - apply_matrix(self.space.reversible_D, self.gradient)
        if not self.space.moyal.is_empty:
            current[self.system.size :] += self.moyal_current
        return current

    @cached_property
    def moyal_current(self) -> FloatArray:
        r"""Momentum currents of the quantum terms, shape (N, \*grid.shape): for U''' alone (hbar^2/24) U''' d_p^2 W."""
        return np.stack(self.space.moyal.currents(self.W))

    @cached_property
    def lowest(self) -> float:
        """What W must exceed in a cell that counts for Pi: to be divided by, or only to have a logarithm."""
        if self.floor is not None:
            return self.floor
        return FLOOR * float(self.W.max()) if self.space.fluxes is None else 0.0

    @cached_property
    def inverse_W(self) -> FloatArray:
        """1/W, and 0 in the cells below the floor."""
        found = np.where(self.lowest < self.W, self.W, np.inf)
        return np.divide(1.0, found, out=found)

    @cached_property
    def log_W(self) -> FloatArray:
        """Ln W, finite where W is not positive (:func:`logarithm`)."""
        return logarithm(self.W, self.largest)

    @cached_property
    def negativity(self) -> float:
        """Int abs(W) - int W: twice the negative volume."""
        return -2 * self.grid.integrate(np.minimum(self.W, 0.0))

    @cached_property
    def lines(self) -> tuple[FloatArray, ...]:
        """Marginal of each coordinate."""
        axes = range(self.W.ndim)
        volume, spacings = self.grid.volume, self.grid.spacings
        return tuple(self.W.sum(axis=tuple(j for j in axes if j != k)) * (volume / spacings[k]) for k in axes)

    def average_along(self, k: int, values: FloatArray) -> float:
        """Int values(x_k) W for a function of one coordinate, given at its cell centres."""
        return float((values * self.lines[k]).sum()) * self.grid.axes[k].spacing
