"""Boxes and cells for anharmonic wells and rings, where no exact path tells where a state goes."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from fpsolver.autogrid import Path, Structure
from fpsolver.physics.custom import SaturationError
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.springs import Tether, anchored, held
from fpsolver.physics.states import GaussianState, LocalState, UniformState
from fpsolver.physics.structure import WIDEST_BOX
from fpsolver.physics.system import System
from fpsolver.physics.timescales import alone, effective_temperature, rest_positions, ring_momentum
from fpsolver.physics.wells import Shape, weakly_damped

CONFINING_TEMPERATURES = 36.0  # exp(-36) = 2e-16


class Layout(NamedTuple):
    """Stand-ins for the path: one for automatic boxes, one for walls; and what is to be resolved.

    A wall may come nearer than what automatic boxes hold, swings of the start and thin quantum tails: the mass at the
    edge is watched. It is refused where it cuts the start or a thermal state.
    """

    path: Path
    walls: Path
    structure: Structure | None


def layout(
    system: System, state: LocalState | UniformState | None, periodic_length: float | None, *, has_box: bool = False
) -> Layout:
    """What grids of anharmonic wells and rings have to hold.

    A well that does not rise to the energies of the state gives no box: SaturationError, unless the user has given one.
    So do several particles of which one is not held: the box is given, and the state alone has to fit.
    """
    if system.size > 1 and not held(system).all():
        path = _shallow_path(system, state)
        return Layout(path, path, well_widths(system))
    try:
        shape = weakly_damped(system) if periodic_length is None else None
        path = well_path(system, state, periodic_length, shape)
        is_cold = effective_temperature(system) == 0  # as without a bath in q^4: the start alone has any energy
        walls = well_path(system, state, periodic_length, has_energy=is_cold)
        return Layout(path, walls, well_widths(system, shape))
    except SaturationError:
        if not has_box:
            raise
        path = _shallow_path(system, state)
        return Layout(path, path, well_widths(system))


def _shallow_path(system: System, state: LocalState | UniformState | None) -> Path:
    """The initial state alone, or thermal states of the bottoms of the wells."""
    if packets := _packets(state):
        boxes = [(packet.mean, packet.covariance) for packet in packets]
    else:
        n, temperature, widths = system.size, effective_temperature(system), np.ones(2 * system.size)
        centre = np.concatenate([rest_positions(system), np.zeros(n)])
        for k, particle in enumerate(system.particles):
            stiffness = float(particle.potential.derivative(centre[k], 2)) + system.spring_matrix[k, k]
            widths[[k, n + k]] = temperature / max(stiffness, 1e-300), particle.mass * temperature
        boxes = [(centre, np.diag(widths))]
    centres, covariances = zip(*boxes, strict=True)
    return Path(_times(state, len(boxes)), np.array(centres), np.array(covariances), _finest(state))


def _times(state: LocalState | UniformState | None, count: int) -> FloatArray:
    """Times of so many boxes: 0 for those of the initial state, which come first, infinity for those of the wells."""
    own = 1 if isinstance(state, UniformState) else len(_packets(state))
    return np.where(np.arange(count) < own, 0.0, math.inf)


def _packets(state: LocalState | UniformState | None) -> tuple[GaussianState, ...]:
    """Gaussians that cover the initial state; none without a start, or for one that is all around a ring."""
    return () if state is None or isinstance(state, UniformState) else state.packets


def _finest(state: LocalState | UniformState | None) -> FloatArray | None:
    """Finest structure at time 0, shape (1, 2N, 2N); None where nothing is finer than the packets of the state."""
    return None if isinstance(state, GaussianState | UniformState | None) else state.finest[None]


def well_path(
    system: System,
    state: LocalState | UniformState | None,
    periodic_length: float | None,
    shape: Shape | None = None,
    *,
    has_energy: bool = True,
) -> Path:
    """Stand-in for the path where there is no Gaussian one: the initial state, if any, and thermal states of the wells.

    Half-widths are stored as deviations: the region below 36 T_eff, and that of the quantum steady state's
    ``shape``, are taken as 8.5 deviations wide; with the energy of the initial state on top, unless not ``has_energy``.
    """
    if system.size > 1:
        return _wells_path(system, state, has_energy=has_energy)
    particle = system.particles[0]
    temperature = effective_temperature(system)
    p_deviation = math.sqrt(particle.mass * temperature)
    packets = _packets(state)
    boxes = [(packet.mean, packet.covariance) for packet in packets]
    if isinstance(state, UniformState):
        boxes.append((np.zeros(2), np.diag([(periodic_length or 1.0) ** 2 / 12, state.momentum_variance])))
    if particle.potential.is_confining:
        energy = CONFINING_TEMPERATURES * temperature
        if has_energy and packets:
            energy += max(_energy_above_minimum(system, packet) for packet in packets)
        fastest = math.sqrt(2 * particle.mass * energy)
        boxes.append(_box(particle.potential.range_below(energy), (-fastest, fastest)))
        if shape is not None:
            boxes.append(_box(shape.q, shape.p))
    elif periodic_length is not None:
        around = np.diag([periodic_length**2 / 12, p_deviation**2])
        boxes += [(np.array([0.0, p]), around) for p in (0.0, ring_momentum(system))]  # locked, running
    centres, covariances = zip(*boxes, strict=True)
    return Path(_times(state, len(boxes)), np.array(centres), np.array(covariances), _finest(state))


def _wells_path(system: System, state: LocalState | UniformState | None, *, has_energy: bool) -> Path:
    """The same for several particles: the well of each, or what springs leave it, at the temperature of the hottest."""
    packets, tether = _packets(state), Tether(system)
    reaches = CONFINING_TEMPERATURES * effective_temperature(system) + np.zeros(system.size)
    if has_energy:
        reaches += _start_energies(system, packets, tether)
    spans = np.empty((system.size, 2))
    for k in tether.anchors.tolist():
        spans[k] = system.particles[k].potential.range_below(float(reaches[k]))
    if len(tether.loose):
        spans[tether.loose] = tether.reach(float(reaches[tether.loose[0]]))
    low, high = spans.T
    centre = np.concatenate([(low + high) / 2, np.zeros(system.size)])
    widths = np.concatenate([(high - low) / 2, np.sqrt(2 * system.masses * reaches)]) / WIDEST_BOX
    boxes = [(packet.mean, packet.covariance) for packet in packets] + [(centre, np.diag(widths**2))]
    centres, covariances = zip(*boxes, strict=True)
    return Path(_times(state, len(boxes)), np.array(centres), np.array(covariances), _finest(state))


def _start_energies(system: System, packets: tuple[GaussianState, ...], tether: Tether) -> FloatArray:
    """Energy of each particle at the start, above the bottom of its well; of all loose ones together."""
    n, found = system.size, np.zeros(system.size)
    for k in tether.anchors.tolist():
        parts = _packets_of_one(packets, [k, n + k])
        found[k] = max((_energy_above_minimum(alone(system, k), part) for part in parts), default=0.0)
    if len(tether.loose):
        starts = (tether.start_energy(packet.mean, packet.covariance) for packet in packets)
        found[tether.loose] = max(starts, default=0.0)
        found[tether.anchors] += found[tether.loose[0]]  # which may all reach one of them
    return found


def _packets_of_one(packets: tuple[GaussianState, ...], on: list[int]) -> list[GaussianState]:
    """The different packets of one particle: products of states have each of them in many combinations."""
    parts = [GaussianState(packet.mean[on], packet.covariance[np.ix_(on, on)]) for packet in packets]
    return list({(part.mean.tobytes(), part.covariance.tobytes()): part for part in parts}.values())


def _box(*spans: tuple[float, float]) -> tuple[FloatArray, FloatArray]:
    """Centre and diagonal covariance of which the spans are 8.5 deviations to both sides."""
    low, high = np.array(spans).T
    return (low + high) / 2, np.diag(((high - low) / (2 * WIDEST_BOX)) ** 2)


def _energy_above_minimum(system: System, state: GaussianState) -> float:
    """Energy a Gaussian reaches 6 deviations from its mean, above the minimum of the potential."""
    particle = system.particles[0]
    q, p = state.mean
    s_q, s_p = np.sqrt(np.diag(state.covariance))
    floor = float(particle.potential.energy(particle.potential.minima()[0]))
    highest = float(np.max(particle.potential.energy(np.array([q - 6 * s_q, q + 6 * s_q]))))
    return max(highest - floor, 0.0) + float(abs(p) + 6 * s_p) ** 2 / (2 * particle.mass)


def well_widths(system: System, shape: Shape | None = None) -> Structure | None:
    """Finest structure (q, p) in anharmonic wells, and how many cells it takes.

    Quantum: that of the steady state's ``shape``; quartic wells have Phi to 6e-9 at 5 cells for it and to 2e-8 at 4.5.
    Classical: the thermal widths of the stiffest well; a quartic double well leaves 6e-6 in the first line of detailed
    balance at 4 cells for each of them, and 3e-7 at 6; the verdict needs 1e-6.
    """
    if shape is not None and system.size == 1:
        return Structure(shape.finest, 5.0, "finest structure of the steady state")
    widths = np.array([thermal_widths(alone(system, k) if system.size > 1 else system) for k in range(system.size)])
    well = "stiffest well"
    for k in np.flatnonzero(np.isinf(widths[:, 0])).tolist() if system.couplings else ():  # a spring has a width, too
        stiffness = float(anchored(system, [k])[0, 0])
        widths[k, 0] = math.sqrt(effective_temperature(system) / stiffness) if stiffness > 0 else math.inf
        well = "stiffest well or spring"
    lengths = widths.T.ravel()  # q1, .., p1, ..
    words = "thermal width of the " + (well if np.isfinite(lengths[: system.size]).any() else "momentum")
    return None if np.isinf(lengths).all() else Structure(lengths, 6.0, words)


def thermal_widths(system: System) -> FloatArray:
    """Thermal widths (q, p) of one particle in its stiffest well or corrugation; infinite where nothing is hot."""
    particle, temperature = system.particles[0], effective_temperature(system)
    if temperature <= 0:
        return np.full(2, np.inf)
    stiffness = [float(particle.potential.derivative(q, 2)) for q in particle.potential.minima()]
    steepest = max([s for s in stiffness if s > 0], default=0.0)
    q_width = math.sqrt(temperature / steepest) if steepest > 0 else math.inf
    if period := particle.potential.period:
        q_width = min(q_width, period / (2 * math.pi))
    return np.array([q_width, math.sqrt(particle.mass * temperature)])
