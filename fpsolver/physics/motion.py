r"""Rates of the motion where a state is, for steps that no stability limit keeps short.

Small motions at the bottom of a well tell all of a harmonic one. In any other well the energy matters: nothing turns at
the bottom of V = q^4/4, and at the energy of q = A the turns take 2 pi/(0.847 A). The mean of abs(V'') over what
that energy reaches, A^2 here and the exact one in a harmonic well, gives A. On a ring, what moves goes around.
"""

from __future__ import annotations

import math

import numpy as np

from fpsolver.physics.gaussian_states import LocalState, UniformState
from fpsolver.physics.system import System
from fpsolver.physics.timescales import (
    effective_temperature,
    linear_rates,
    ring_momentum,
    slowest_on_ring,
    velocity_per_momentum,
)

DEVIATIONS = 2.0  # of a packet; where exp(-x^2/2) times the sixth power of the rate is largest, give or take one
TEMPERATURES = 2.0  # above the bottom, by the same measure: E^1.5 exp(-E/T) in a quartic well has its maximum at 1.5 T


def rates_of_motion(
    system: System, state: LocalState | UniformState | None, span: tuple[float, float], *, on_ring: bool
) -> tuple[float, float]:
    """Fastest rate and slowest decay rate of one particle from ``state`` on, which stays in the ``span`` of q, 1/time.

    The slowest as :func:`linear_rates` has it (0 where nothing decays), on a ring no more than what spreads along it.
    """
    fastest, slowest = linear_rates(system)
    if system.is_quadratic and not on_ring:
        return fastest, slowest
    particle, q = system.particles[0], np.linspace(*span, 501)
    energy = particle.potential.energy(q)
    highest = max([float(energy.min()) + TEMPERATURES * effective_temperature(system), *_energies(system, state)])
    curvature = float(np.abs(particle.potential.derivative(q, 2))[energy <= highest].mean())
    speed = abs(velocity_per_momentum(system))
    fastest = max(fastest, math.sqrt(curvature * speed))
    if on_ring:
        length = span[1] - span[0]
        momentum = max(math.sqrt(2 * particle.mass * (highest - float(energy.min()))), abs(ring_momentum(system)))
        fastest = max(fastest, 2 * math.pi * speed * momentum / length)
        slowest = min(slowest, slowest_on_ring(system, length))
    return fastest, slowest


def _energies(system: System, state: LocalState | UniformState | None) -> list[float]:
    """Highest energies of the packets of a state, two deviations from their means."""
    particle = system.particles[0]
    if isinstance(state, UniformState):
        floor = float(particle.potential.energy(np.zeros(1))[0])
        return [floor + DEVIATIONS**2 * state.momentum_variance / (2 * particle.mass)]
    found = []
    packets = () if state is None else (*state.packets, state)  # those of an array are the corners of what it holds
    for packet in packets:
        q, p = packet.mean
        s_q, s_p = DEVIATIONS * np.sqrt(np.diag(packet.covariance))
        reached = particle.potential.energy(np.array([q - s_q, q + s_q]))
        found.append(float(reached.max()) + float(abs(p) + s_p) ** 2 / (2 * particle.mass))
    return found
