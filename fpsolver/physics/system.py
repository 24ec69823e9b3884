r"""Particles, their potentials and baths: drift, diffusion, time reversal and complete positivity.

Coordinates x = (q_1..q_N, p_1..p_N). The equation of motion is

    dW/dt = -div((A x + f) W) + 1/2 div(B grad W),      B = 2 D,

with A x + f the Hamiltonian flow (p/m, -U'(q)) plus the linear drift of the baths.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpsolver.errors import UsageError
from fpsolver.physics import arguments, linear
from fpsolver.physics.baths import FORGOTTEN, Bath, Memory
from fpsolver.physics.particles import Coupling as Coupling
from fpsolver.physics.particles import Particle as Particle
from fpsolver.physics.particles import springs_between, windows
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.readonly import ReadOnlyArrays, read_only

CP_ROUND_OFF = 1e-12


@dataclass(frozen=True, eq=False)
class System(ReadOnlyArrays):
    """N particles, springs between them, and hbar; ``moyal=False`` drops the quantum terms of anharmonic potentials.

    ``drift`` and ``diffusion`` (2N x 2N) are added to what the baths do, for a dissipator given by its matrices.
    Where a bath remembers, all matrices are those of late times, and :meth:`at` gives the system of any other time.
    ``husimi_omegas``: for each particle the oscillator whose ground state is the window of the Husimi function.
    Matrices are read-only, and so is what was given: a copy of it.
    """

    particles: Sequence[Particle]
    hbar: float = 1.0
    drift: FloatArray | None = field(default=None, repr=False)
    diffusion: FloatArray | None = field(default=None, repr=False)
    couplings: Sequence[Coupling] = ()
    moyal: bool = True
    husimi_omegas: Sequence[float | None] | None = None

    def __post_init__(self) -> None:
        particles = arguments.items("particles", self.particles, Particle)
        if not particles:
            raise UsageError("particles must be a tuple of at least one fpsolver.Particle, but is empty")
        n = len(particles)
        checked: dict[str, Any] = {"particles": particles, "couplings": springs_between(self.couplings, n)}
        checked["hbar"] = arguments.not_negative("hbar", self.hbar)
        checked["moyal"] = arguments.switch("moyal", self.moyal)
        if self.drift is not None:
            checked["drift"] = arguments.array("drift", self.drift, (2 * n, 2 * n))
        if self.diffusion is not None:
            checked["diffusion"] = arguments.noise("diffusion", self.diffusion, 2 * n)
        if self.husimi_omegas is not None:
            checked["husimi_omegas"] = windows(self.husimi_omegas)
        vars(self).update(checked)

    def derived(self, **changes: Any) -> System:
        """A system made of parts of this one, which were checked when it was made."""
        made = object.__new__(System)
        vars(made).update({item.name: getattr(self, item.name) for item in fields(self)} | changes)
        return made

    @property
    def is_time_dependent(self) -> bool:
        """True if a bath remembers, so that coefficients change with time."""
        return bool(self.memories)

    @property
    def memories(self) -> list[Memory]:
        """What changes with time: memories of the baths that have one."""
        return [bath.memory for bath in self._baths if bath.memory is not None]

    @cached_property
    def settled(self) -> float:
        """Time after which all coefficients are constant: 0 without memory."""
        return max((FORGOTTEN / memory.rate for memory in self.memories), default=0.0)

    def at(self, time: float) -> System:
        """System frozen at ``time``; constant systems return themselves, settled ones that of late times."""
        time = arguments.moment("time", time)
        if not self.is_time_dependent:
            return self
        if not time >= 0:
            raise UsageError(f"a system with memory starts at time 0, and has no coefficients at {time}")
        return self._late if time >= self.settled else self._with([bath.at(time) for bath in self._baths])

    def averaged(self, start: float, step: float) -> tuple[System, System]:
        """Systems for the two halves of a commutator-free Magnus step of order four from ``start``."""
        pairs = [(b, b) if b.memory is None else b.memory.averaged(start, step) for b in self._baths]
        first, second = zip(*pairs, strict=True)
        return self._with(first), self._with(second)

    @cached_property
    def _late(self) -> System:
        return self._with([bath.at(math.inf) for bath in self._baths])

    @property
    def _baths(self) -> list[Bath]:
        return [particle.bath for particle in self.particles]

    def _with(self, baths: Sequence[Bath]) -> System:
        """Same particles with other baths."""
        pairs = zip(self.particles, baths, strict=True)
        return self.derived(particles=tuple(replace(particle, bath=bath) for particle, bath in pairs))

    @property
    def size(self) -> int:
        """Number of particles N."""
        return len(self.particles)

    @property
    def masses(self) -> FloatArray:
        """Masses, shape (N,)."""
        return np.array([particle.mass for particle in self.particles])

    @property
    def parity(self) -> FloatArray:
        """Signs of x under time reversal: +1 for q, -1 for p."""
        return np.concatenate([np.ones(self.size), -np.ones(self.size)])

    @cached_property
    def is_quadratic(self) -> bool:
        """True if all forces are linear, so that Gaussian states stay Gaussian."""
        return all(particle.potential.is_quadratic for particle in self.particles)

    @cached_property
    def spring_matrix(self) -> FloatArray:
        """Stiffness K of the springs, whose energy is q K q / 2, shape (N, N), energy/length^2."""
        K = np.zeros((self.size, self.size))
        for spring in self.couplings:
            i, j = spring.first, spring.second
            K[[i, j], [i, j]] += spring.stiffness
            K[[i, j], [j, i]] -= spring.stiffness
        return read_only(K)

    @cached_property
    def stiffness_matrix(self) -> FloatArray:
        """Second derivatives of the potentials at q = 0 and of the springs, shape (N, N), energy/length^2."""
        curvatures = [float(particle.potential.derivative(0.0, 2)) for particle in self.particles]
        return read_only(np.diag(curvatures) + self.spring_matrix)

    @cached_property
    def dissipative_drift(self) -> FloatArray:
        """Drift of the baths and of ``drift``: A without the Hamiltonian part, shape (2N, 2N), 1/time."""
        return self._assemble([particle.bath.drift for particle in self.particles], self.drift)

    @cached_property
    def diffusion_matrix(self) -> FloatArray:
        """B = 2 D, shape (2N, 2N)."""
        return self._assemble([particle.bath.diffusion for particle in self.particles], self.diffusion)

    @cached_property
    def drift_matrix(self) -> FloatArray:
        """A of a quadratic system, shape (2N, 2N), 1/time; UsageError for anharmonic potentials."""
        if not self.is_quadratic:
            raise UsageError("a system with an anharmonic potential has no drift matrix; take linearised_drift")
        return read_only(self.linearised_drift(np.zeros(self.size)))

    @cached_property
    def force(self) -> FloatArray:
        """Constant part f of the drift at q = 0, shape (2N,): minus the slopes of the potentials."""
        slopes = [float(particle.potential.derivative(0.0)) for particle in self.particles]
        return read_only(np.concatenate([np.zeros(self.size), -np.array(slopes)]))

    @cached_property
    def irreversible_drift(self) -> FloatArray:
        """A^I = (A + E A E)/2; the Hamiltonian part is reversible, so any potential has the same A^I."""
        return read_only(self.irreversible(self.dissipative_drift))

    @cached_property
    def irreversible_diffusion(self) -> FloatArray:
        """B^I = (B + E B E)/2."""
        return read_only(self.irreversible(self.diffusion_matrix))

    @cached_property
    def reversible_diffusion(self) -> FloatArray:
        """B^R = (B - E B E)/2, the cross-diffusion between q and p."""
        return read_only(self.diffusion_matrix - self.irreversible_diffusion)

    @cached_property
    def inverse_noise(self) -> tuple[FloatArray, FloatArray]:
        """Generalised inverse G of B^I and the projector B^I G on its range, shape (2N, 2N) each."""
        inverse, projector = linear.generalized_inverse(self.irreversible_diffusion)
        return read_only(inverse), read_only(projector)

    @cached_property
    def noiseless_drift(self) -> NDArray[np.bool_]:
        """True for each component in which A^I leaves the range of B^I, so that its Pi and Phi are infinite."""
        return linear.rows_outside_range(self.irreversible_drift, self.inverse_noise[1])

    @property
    def has_noiseless_drift(self) -> bool:
        """True if there is one, so that Pi and Phi are infinite."""
        return bool(self.noiseless_drift.any())

    @cached_property
    def wells(self) -> FloatArray:
        """Energy, slope and curvature of each potential at q = 0, shape (3, N)."""
        parts = [
            (each.potential.energy(0.0), *(each.potential.derivative(0.0, n) for n in (1, 2)))
            for each in self.particles
        ]
        return read_only(np.array(parts, dtype=float).T)

    def linearised_drift(self, q: FloatArray) -> FloatArray:
        """Drift matrix of small motions around positions q (shape (N,)), shape (2N, 2N)."""
        n = self.size
        stiffness = [float(p.potential.derivative(x, 2)) for p, x in zip(self.particles, q, strict=True)]
        hamiltonian = np.zeros((2 * n, 2 * n))
        hamiltonian[:n, n:] = np.diag(1 / self.masses)
        hamiltonian[n:, :n] = -np.diag(stiffness) - self.spring_matrix
        return hamiltonian + self.dissipative_drift

    def irreversible(self, matrix: FloatArray) -> FloatArray:
        """Part of a matrix that is even under time reversal, (M + E M E)/2."""
        return 0.5 * (matrix + self.parity[:, None] * matrix * self.parity)

    def cp_matrix(self) -> np.ndarray:
        """B - (i hbar/2)(A Omega + Omega A^T): positive semidefinite iff the dynamics is completely positive.

        Derived from the linear Lindblad form, where it equals hbar^2 Omega Gamma* Omega^T; Hamiltonian
        parts of A cancel (docs/conventions.md).
        """
        n, drift = self.size, self.dissipative_drift
        turned = np.hstack([-drift[:, n:], drift[:, :n]])  # A Omega, and Omega A^T is minus its transpose
        return np.asarray(self.diffusion_matrix - 0.5j * self.hbar * (turned - turned.T))

    def cp_margin(self) -> float:
        """Smallest eigenvalue of :meth:`cp_matrix`; NaN for a classical system (hbar = 0)."""
        if self.hbar == 0:
            return float("nan")
        matrix = self.cp_matrix()
        touched = np.flatnonzero(matrix.any(axis=1))  # few in a long chain; all other eigenvalues are zero
        if not len(touched):
            return 0.0
        smallest = float(np.linalg.eigvalsh(matrix[np.ix_(touched, touched)])[0])
        return smallest if len(touched) == len(matrix) else min(smallest, 0.0)

    def _scaled_cp_margin(self) -> float:
        """The margin in units in which every diffusion constant is one, where 1e-12 means round-off.

        In the user's units it may not: hot Caldeira-Leggett (m = 100, beta = 1e-4) misses by 6e-8 of 1e6.
        """
        matrix = self.cp_matrix()
        size = np.sqrt(np.diag(matrix).real.clip(min=0))
        if np.abs(matrix[size == 0]).any():
            return float("-inf")  # noise is missing where friction needs it
        known = np.flatnonzero(size > 0)
        if not len(known):
            return 0.0
        scaled = matrix[np.ix_(known, known)] / np.outer(size[known], size[known]).clip(min=1e-300)
        smallest = float(np.linalg.eigvalsh(scaled)[0])
        return smallest if len(known) == len(size) else min(smallest, 0.0)

    def is_completely_positive(self) -> bool:
        """True if the margin is not negative beyond round-off; False for a classical system."""
        return self.hbar > 0 and self._scaled_cp_margin() >= -CP_ROUND_OFF

    def is_on_cp_boundary(self) -> bool:
        """True if the margin is zero to round-off: the smallest diffusion that is completely positive."""
        return self.hbar > 0 and abs(self._scaled_cp_margin()) <= CP_ROUND_OFF

    def _assemble(self, blocks: list[FloatArray], extra: FloatArray | None) -> FloatArray:
        n = self.size
        matrix = np.zeros((2 * n, 2 * n)) if extra is None else np.array(extra, dtype=float)
        for k, block in enumerate(blocks):
            matrix[np.ix_([k, n + k], [k, n + k])] += block
        return read_only(matrix)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"

    def __repr__(self) -> str:
        rows = [f"System of {arguments.counted(self.size, 'particle')}, hbar = {self.hbar:g}"]
        for particle in self.particles:
            bath = particle.bath
            rows.append(f"  mass {particle.mass:g}, {particle.potential}, bath {bath.model}")
            rows.append(
                f"    eta {bath.eta:g}, alpha {bath.alpha:g}, xi {bath.xi:g}, "
                f"d_qq {bath.d_qq:g}, d_pp {bath.d_pp:g}, d_qp {bath.d_qp:g}"
            )
        return "\n".join(rows)


def require_system(system: object) -> None:
    """UsageError for anything but a System."""
    arguments.one_of("system", system, System, "fpsolver.build_system(config) makes one of a configuration")
