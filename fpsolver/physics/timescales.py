r"""How hot and how slow a system is: effective temperature, slowest decay rate.

Exact for quadratic systems (eigenvalues of A) and for the free particle on a ring, whose spectrum is
-n eta - k^2 D_eff with D_eff = D_qq + 2 D_qp v/eta + D_pp (v/eta)^2, dq/dt = v p, v = 1/m; estimated otherwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fpsolver.errors import NoSteadyStateError
from fpsolver.physics import linear
from fpsolver.physics.potentials import Cosine, FloatArray
from fpsolver.physics.springs import held
from fpsolver.physics.stability import require_stable
from fpsolver.physics.system import System

SINGULAR = 1e-8  # of the fastest rate: a second mode that decays more slowly than this counts as stationary


@dataclass(frozen=True, slots=True)
class DecayRate:
    """Slowest decay rate, 1/time; ``is_exact`` is False for the estimate of an anharmonic system."""

    value: float
    is_exact: bool


def effective_temperature(system: System) -> float:
    """The largest of 1/beta, hbar omega/2 in the deepest well, and d_pp/(m damping), of all particles."""
    if system.size > 1:
        return max(effective_temperature(alone(system, k)) for k in range(system.size))
    particle = system.particles[0]
    wells = particle.potential.minima()
    damping = -float(np.trace(system.dissipative_drift))
    candidates = [1 / particle.bath.beta if particle.bath.beta else 0.0]
    if damping > 0:
        candidates.append(system.diffusion_matrix[1, 1] / (2 * particle.mass * damping))
    if len(wells):
        stiffness = max(float(particle.potential.derivative(wells[0], 2)), 0.0)
        candidates.append(system.hbar / 2 * math.sqrt(stiffness / particle.mass))
    return max(candidates)


def alone(system: System, k: int) -> System:
    """Particle ``k`` with its bath, without springs and without the others."""
    rows = np.ix_([k, system.size + k], [k, system.size + k])
    blocks = [None if matrix is None else matrix[rows] for matrix in (system.drift, system.diffusion)]
    omegas = None if system.husimi_omegas is None else (system.husimi_omegas[k],)
    return system.derived(
        particles=(system.particles[k],), drift=blocks[0], diffusion=blocks[1], couplings=(), husimi_omegas=omegas
    )


def rest_positions(system: System) -> FloatArray:
    """Bottom of the deepest well of each particle (0 where there is none), springs left aside, shape (N,)."""
    wells = [particle.potential.minima() for particle in system.particles]
    return np.array([float(found[0]) if len(found) else 0.0 for found in wells])


def slowest_rate(system: System, ring_length: float | None) -> DecayRate:
    """Slowest decay rate of a system; NoSteadyStateError, with the reason, if something never decays."""
    potential = system.particles[0].potential
    if ring_length is None and system.is_quadratic:
        require_stable(system)
        return DecayRate(float(linear.rates(system.drift_matrix)[0]), True)
    if system.size > 1:
        return DecayRate(_rate_of_several(system), False)
    if ring_length is None and not potential.is_confining:
        cure = "give grid.q.boundary: periodic, or time.until" if potential.period else "give time.until"
        raise NoSteadyStateError(f"the system has no steady state: the potential does not confine the particle; {cure}")
    friction = -float(system.dissipative_drift[1, 1])
    if friction <= 0:
        raise NoSteadyStateError("the system has no steady state: nothing damps the momentum")
    if ring_length is not None and system.is_quadratic:
        return DecayRate(_ring_rate(system, ring_length, friction), True)
    return DecayRate(_well_rate(system, ring_length, friction), False)


def _rate_of_several(system: System) -> float:
    """Slowest rate of small motions at rest, times exp(-highest barrier / T)."""
    if not held(system).all():
        text = "a potential does not confine its particle, nor do springs to others that are confined"
        raise NoSteadyStateError(f"the system has no steady state: {text}")
    fastest, slowest = linear_rates(system)
    if slowest <= 0:
        raise NoSteadyStateError("the system has no steady state: nothing damps the motion")
    growing = _growing_oscillation(system)
    if growing > SINGULAR * fastest:
        text = f"small oscillations grow at the rate {growing:.3g} (negative friction)"
        raise NoSteadyStateError(f"the system has no steady state: {text}")
    barrier = max(_barrier(alone(system, k)) for k in range(system.size))
    temperature = effective_temperature(system)
    return slowest * math.exp(-min(barrier / temperature, 40.0)) if temperature > 0 else slowest


def velocity_per_momentum(system: System) -> float:
    """Factor v of dq/dt = v p of one particle: 1/m, and what its ``drift`` adds."""
    return float(1 / system.particles[0].mass + system.dissipative_drift[0, 1])


def slowest_on_ring(system: System, length: float) -> float:
    """Slowest decay rate on a ring without corrugation, 1/time; 0 without friction."""
    friction = -float(system.dissipative_drift[1, 1])
    return _ring_rate(system, length, friction) if friction > 0 else 0.0


def ring_spreading(system: System) -> float:
    """Diffusion constant D_eff of the position of one free particle with friction, length^2/time."""
    mobility = velocity_per_momentum(system) / -system.dissipative_drift[1, 1]
    D = system.diffusion_matrix / 2
    return float(D[0, 0] + 2 * D[0, 1] * mobility + D[1, 1] * mobility**2)


def ring_momentum(system: System) -> float:
    """Momentum at which friction balances the mean force around a ring; 0 without friction."""
    friction = -float(system.dissipative_drift[1, 1])
    force = float(system.force[1]) if system.is_quadratic else system.particles[0].potential.tilt
    return force / friction if friction > 0 else 0.0


def _ring_rate(system: System, length: float, friction: float) -> float:
    return min(friction, (2 * math.pi / length) ** 2 * ring_spreading(system))


def _well_rate(system: System, ring_length: float | None, friction: float) -> float:
    """Rate in the deepest well, times exp(-barrier / T)."""
    potential = system.particles[0].potential
    wells = potential.minima()
    if len(wells):
        rates = linear.rates(system.linearised_drift(np.array([wells[0]])))
        local = float(rates[rates > 0].min()) if (rates > 0).any() else friction
    else:
        local = friction
    if ring_length is not None:
        local = min(local, _ring_rate(system, ring_length, friction))
    temperature = effective_temperature(system)
    return local * math.exp(-min(_barrier(system) / temperature, 40.0)) if temperature > 0 else local


def escape_rate(system: System) -> float:
    """Estimate of the rate at which the wells of one particle on the line level out; infinite for a single well."""
    potential, friction = system.particles[0].potential, -float(system.dissipative_drift[1, 1])
    if isinstance(potential, Cosine) or len(potential.minima()) < 2 or friction <= 0:
        return math.inf
    return _well_rate(system, None, friction)


def is_divided(system: System) -> bool:
    """True if wells level out so slowly that, to double precision, each of them has a steady state of its own.

    Of several particles: without their springs.
    """
    return exchange_rate(system) < SINGULAR * linear_rates(system)[0]


def exchange_rate(system: System) -> float:
    """The slowest :func:`escape_rate` of all particles, each at its own temperature and without its springs."""
    parts = [alone(system, k) for k in range(system.size)] if system.size > 1 else [system]
    return min(map(escape_rate, parts))


def _growing_oscillation(system: System) -> float:
    """Rate at which small oscillations grow, 0 if none does; what only leaves a saddle is held further out."""
    values = np.linalg.eigvals(system.linearised_drift(rest_positions(system)))
    return float(values.real[np.abs(values.imag) > SINGULAR * np.abs(values).max()].max(initial=0.0))


def _barrier(system: System) -> float:
    """Highest energy between wells, above the shallowest of them."""
    potential = system.particles[0].potential
    if isinstance(potential, Cosine):
        return 2 * abs(potential.amplitude)
    wells = np.sort(potential.minima())
    if len(wells) < 2:
        return 0.0
    between = potential.energy(np.linspace(wells[0], wells[-1], 1001))
    return float(between.max() - potential.energy(wells).max())


def linear_rates(system: System) -> tuple[float, float]:
    """Fastest rate and slowest positive decay rate of small motions in the deepest well (or at q = 0), 1/time."""
    values = np.linalg.eigvals(system.linearised_drift(rest_positions(system)))
    decays = -values.real[-values.real > 1e-12 * np.abs(values).max()]
    return float(np.abs(values).max()), float(decays.min()) if len(decays) else 0.0
