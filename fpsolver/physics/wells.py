r"""Quantum steady state of an anharmonic well in the limit of weak damping: how far it reaches and how fine it is.

The eigenstates of H = p^2/2m + U on a Fourier grid are populated by the bath's jumps between them, at the rates

    R_nm = sum_ab Gamma_ab <n|x_a|m> <n|x_b|m>^*,    hbar^2 Gamma* = Omega^T [B - (i hbar/2)(A Omega + Omega A^T)] Omega

(Kossakowski matrix, docs/physics.md). Position diffusion heats steep walls more than flat bottoms, so that tails
fall more slowly than exp(-beta H). Populations only: good enough for boxes and cells, no result uses them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fpsolver.physics import linear
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.system import System
from fpsolver.physics.timescales import effective_temperature

TAIL = 1e-14  # relative density that counts as nothing
MOST_POINTS = 480  # beyond them hundreds of levels take part, and classical rules hold
DERIVATIVE = 9  # the error of a first derivative of order eight is proportional to the ninth


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """Where W is (intervals of q and p outside which its marginals are below TAIL), and its finest scales (q, p)."""

    q: tuple[float, float]
    p: tuple[float, float]
    finest: FloatArray


def weakly_damped(system: System) -> Shape | None:
    """Shape of the steady state of one particle in an anharmonic well; None if it is classical, or has none."""
    potential = system.particles[0].potential
    damping = -float(np.trace(system.dissipative_drift))
    if (
        system.size > 1
        or system.hbar == 0
        or not system.moyal
        or damping <= 0
        or potential.is_quadratic
        or not potential.is_confining
    ):
        return None
    temperature, excess = _heat(system, damping)
    found = _spanned(system, temperature) if temperature > 0 else None
    return None if found is None else _widened(system, found, excess)


def _heat(system: System, damping: float) -> tuple[float, float]:
    """How hot the deepest well is (linearised), energy, and the ratio to what it would be with weak damping."""
    particle = system.particles[0]
    well = particle.potential.minima()[:1]
    stiffness = float(particle.potential.derivative(well[0], 2)) if len(well) else 0.0
    floor = effective_temperature(system)
    if stiffness <= 0 or not linear.is_stable(system.linearised_drift(well)):
        return floor, 1.0
    B = system.diffusion_matrix
    weak = (B[1, 1] / particle.mass + stiffness * B[0, 0]) / (2 * damping)
    V = linear.steady_covariance(system.linearised_drift(well), B)
    strong = max(stiffness * V[0, 0], V[1, 1] / particle.mass)
    return max(floor, strong), max(strong / weak, 1.0) if weak > 0 else 1.0


def _spanned(system: System, temperature: float) -> Shape | None:
    """Shape for weak damping, on a grid that is made wider until it holds everything."""
    for widening in range(8):
        q, p, fourier = _grid(system, 60 * temperature * 1.6**widening)
        rho = _density(system, q, p, fourier) if q.size else None
        if rho is None:
            return None
        rho_p = fourier @ rho @ fourier.conj().T
        inside = [_inside(np.diagonal(matrix).real) for matrix in (rho, rho_p)]
        if all(first > 0 and last < len(q) - 1 for first, last in inside):
            scales = _scale(rho_p, (p[1] - p[0]) / system.hbar), _scale(rho, (q[1] - q[0]) / system.hbar)
            spans = [(float(x[first]), float(x[last])) for x, (first, last) in zip((q, p), inside, strict=True)]
            return Shape(spans[0], spans[1], np.array(scales))
    return None


def _inside(density: FloatArray) -> tuple[int, int]:
    """Last points outside a density, to its left and to its right."""
    found = np.flatnonzero(density > TAIL * density.max())
    return int(found[0]) - 1, int(found[-1]) + 1


def _widened(system: System, shape: Shape, excess: float) -> Shape:
    """Shape at ``excess`` times the energies: strong damping makes q hotter than weak damping would."""
    potential, stretch = system.particles[0].potential, math.sqrt(excess)
    floor = potential.energy(potential.minima()[0])
    energy = float((potential.energy(np.array(shape.q)) - floor).max())
    reach = potential.range_below(excess * energy)
    q = (min(shape.q[0], reach[0]), max(shape.q[1], reach[1]))
    return Shape(q, (stretch * shape.p[0], stretch * shape.p[1]), shape.finest)


def _grid(system: System, energy: float) -> tuple[FloatArray, FloatArray, np.ndarray]:
    """Positions, momenta and the unitary transform between them, for energies up to ``energy``; empty if too many."""
    particle = system.particles[0]
    low, high = particle.potential.range_below(energy)
    length, reach = 1.1 * (high - low), 1.1 * math.sqrt(2 * particle.mass * energy)
    points = 2 * math.ceil(length * reach / (2 * math.pi * system.hbar)) + 1
    if points > MOST_POINTS:
        return np.empty(0), np.empty(0), np.empty((0, 0))
    j = np.arange(points) - points // 2
    q = (low + high) / 2 + length / points * j
    momenta = 2 * math.pi * system.hbar / length * j
    fourier = np.exp(-1j / system.hbar * np.outer(momenta, q)) / math.sqrt(points)
    return q, momenta, fourier


def _density(system: System, q: FloatArray, momenta: FloatArray, fourier: np.ndarray) -> np.ndarray | None:
    """Density matrix at the positions, from the populations of the eigenstates; None if nothing populates them."""
    particle = system.particles[0]
    p = fourier.conj().T @ (momenta[:, None] * fourier)
    H = (fourier.conj().T @ (momenta[:, None] ** 2 / (2 * particle.mass) * fourier)).real + np.diag(
        particle.potential.energy(q)
    )
    _, states = np.linalg.eigh(H)
    omega = np.array([[0.0, 1.0], [-1.0, 0.0]])
    gamma = (omega.T @ system.cp_matrix() @ omega).conj() / system.hbar**2
    elements = np.stack([states.T @ (q[:, None] * states), states.T @ p @ states])
    rates = np.einsum("ab,anm,bnm->nm", gamma, elements, elements.conj()).real.clip(min=0)
    weights = _stationary(rates)
    return None if weights is None else np.asarray(states * weights @ states.T)


def _stationary(rates: FloatArray) -> FloatArray | None:
    """Populations that jumps at the rates R_nm (from m to n) leave alone; None if the jumps do not decide."""
    generator = rates - np.diag(rates.sum(axis=0))
    generator[0] = 1.0
    try:
        return np.asarray(np.linalg.solve(generator, np.eye(len(rates))[0]))
    except np.linalg.LinAlgError:
        return None


def _scale(rho: np.ndarray, step: float) -> float:
    r"""Deviation of the Gaussian whose ninth derivative is as large as that of W along the conjugate coordinate.

    Off-diagonal elements a distance d apart are the Fourier components of W of wave number k = d/hbar; a Gaussian of
    deviation s has exp(-k^2 s^2/2), and its k^n are largest at (n/e)^{n/2}/s^n.
    """
    size = np.array([np.abs(np.diagonal(rho, d)).max() for d in range(1, len(rho))]) / np.abs(np.diagonal(rho)).max()
    k = step * np.arange(1, len(rho))
    known = size > TAIL
    if not known.any():
        return math.inf
    largest = float((np.log(size[known]) / DERIVATIVE + np.log(k[known])).max())
    return math.sqrt(DERIVATIVE / math.e) / math.exp(largest)
