"""Rules of a configuration that the schema cannot say: what fits together, and what physics allows."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np

from fpsolver.config import axes, build, initial, schema
from fpsolver.config.faults import Collector
from fpsolver.config.initial_arrays import check_given
from fpsolver.config.schema_initial import StoredInitial
from fpsolver.config.schema_many import count_of, written_particles
from fpsolver.config.schema_system import PythonBath, PythonPotential
from fpsolver.errors import ConfigError, Fault
from fpsolver.physics.potentials import Potential
from fpsolver.physics.states import GaussianState
from fpsolver.physics.system import System

MOST = 1000  # particles for whose rules there is time


def rule_faults(config: schema.ConfigData) -> list[Fault]:
    """Faults of what satisfies the schema, told without files, without objects of the user's and without a run."""
    collect = Collector()
    if count_of(config.system) <= MOST:
        for check in (build.check_system, _check_start, _check_gaussian, _check_grid):
            _try(collect, check, config)
    return collect.faults


def faults_of_use(config: schema.ConfigData) -> list[Fault]:
    """The same, and those that a run would have besides: of objects of the user's, of too many particles."""
    collect = Collector()
    collect.faults += rule_faults(config)
    if count_of(config.system) <= MOST:
        _try(collect, check_parts, config, collect)
        _try(collect, initial.build_initial, config)
    return collect.faults


def check_parts(config: schema.ConfigData, collect: Collector) -> System | None:
    """The system, None if it cannot be built; its faults and those of the axes go into ``collect``."""
    system = collect(build.build_system, config)
    if config.time.method != "gaussian":  # which has no grid
        count = count_of(config.system)
        collect(_refuse_many, count)
        collect(axes.check_lists, config, count)
        collect(axes.check_extent, config, count)
        if system is not None and count == 1:
            collect(axes.check_period, config, system.particles[0].potential.period)
            collect(axes.check_pull, config, system)
    return system


def refuse_gaussian(config: schema.ConfigData, is_quadratic: bool, has_gaussian_start: bool) -> None:
    """ConfigError for what has no Gaussian solution."""
    faults = []
    if not is_quadratic:
        text = "`gaussian` needs linear forces, and a potential is anharmonic; use `stepping` on a grid"
        faults.append(Fault("time.method", text))
    if axes.is_ring(config):
        faults.append(Fault("time.method", "`gaussian` needs positions on a line, but grid.q is periodic"))
    if config.time.until != "steady" and not has_gaussian_start:
        faults.append(Fault("initial", "`gaussian` needs a Gaussian initial state"))
    if faults:
        raise ConfigError(*faults)


def _try(collect: Collector, check: Callable[..., Any], *arguments: Any) -> None:
    """Collect the faults of a check; extreme numbers, or an object that fails, are told when nothing else is wrong."""
    with contextlib.suppress(Exception), np.errstate(over="raise", divide="raise", invalid="raise"):
        collect(check, *arguments)


def _check_start(config: schema.ConfigData) -> None:
    """ConfigError for an initial state that cannot be; one that was given from Python to another run is not here."""
    section = config.initial
    if not isinstance(section, StoredInitial):
        initial.build_initial(config)
    elif section.source is not None:
        check_given(config, section.source.value)


def _check_gaussian(config: schema.ConfigData) -> None:
    """ConfigError for ``method: gaussian`` where it has nothing to solve."""
    if config.time.method != "gaussian":
        return
    state = None  # not known
    with contextlib.suppress(ConfigError):  # told by _check_start
        state = initial.build_initial(config)
    is_quadratic = all(potential.is_quadratic for potential in _known_potentials(config))
    refuse_gaussian(config, is_quadratic, state is None or isinstance(state, GaussianState))


def _check_grid(config: schema.ConfigData) -> None:
    """ConfigError for axes and steps that the particles cannot have."""
    if config.time.method == "gaussian":
        return
    collect, count = Collector(), count_of(config.system)
    collect(axes.check_lists, config, count)
    collect(axes.check_extent, config, count)
    if count > 1 and config.time.stepper == "implicit":
        collect.faults.append(Fault("time.stepper", "`implicit` needs one particle; use `rk4`"))
    if count == 1 and axes.is_ring(config):
        for potential in _known_potentials(config):
            collect(axes.check_period, config, potential.period)
        if not _has_objects(config):
            _check_pull(config, collect)
    collect.refuse()


def _check_pull(config: schema.ConfigData, collect: Collector) -> None:
    """Whether the bath has a meaning on the ring, if there is one; faults of the bath itself are told elsewhere."""
    with contextlib.suppress(ConfigError):
        collect(axes.check_pull, config, build.build_system(config))


def _refuse_many(count: int) -> None:
    """ConfigError for a grid that no memory holds; such a configuration may still be solved in other ways."""
    if count > build.MOST_ON_GRID:
        text = f"a grid of {2 * count} axes is beyond any memory; use `gaussian` for linear forces"
        raise ConfigError(Fault("time.method", text))


def _known_potentials(config: schema.ConfigData) -> list[Potential]:
    """Potentials, but for objects of the user's."""
    written = [particle for _, particle in written_particles(config.system)]
    return [build.build_potential(p.potential, p.mass) for p in written if not isinstance(p.potential, PythonPotential)]


def _has_objects(config: schema.ConfigData) -> bool:
    """True if a potential or bath is an object of the user's."""
    parts = [part for _, particle in written_particles(config.system) for part in (particle.potential, particle.bath)]
    return any(isinstance(part, PythonPotential | PythonBath) for part in parts)
