"""From a validated configuration to physics: system, initial state and what the grid should be."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from fpsolver.config import axes, matrices, objects, schema, schema_system
from fpsolver.config.faults import Collector
from fpsolver.config.schema_many import (
    ChainSystem,
    Several,
    bath_key,
    count_of,
    particles_of,
    potential_key,
    written_particles,
)
from fpsolver.errors import ConfigError, Fault
from fpsolver.physics import baths, hu_paz_zhang, potentials
from fpsolver.physics.baths import Bath
from fpsolver.physics.potentials import Potential
from fpsolver.physics.system import Coupling, Particle, System
from fpsolver.schemes.scheme import Scheme

MOST_ON_GRID = 4  # particles: 16 cells along eight axes are 34 GB; more have moments only
T = TypeVar("T")
AnySystem = schema_system.System | Several | ChainSystem


def build_system(config: schema.ConfigData) -> System:
    """System of a configuration; ConfigError with the key at fault."""
    section, hbar = config.system, config.units.hbar
    collect = Collector()
    particles = collect(_particles, section, hbar, axes.q_extents(config))
    drift, diffusion = collect(matrices.of_system, section) or (None, None)
    couplings = collect(_couplings, section)
    collect.refuse()
    assert particles is not None
    assert couplings is not None
    omegas = husimi_omegas(config, particles) if hbar > 0 and len(particles) <= MOST_ON_GRID else None
    return System(particles, hbar, drift, diffusion, couplings, section.moyal, omegas)


def check_system(config: schema.ConfigData) -> None:
    """ConfigError for baths, matrices and springs that cannot be, without making them; objects of Python are left."""
    section, collect, count = config.system, Collector(), count_of(config.system)
    for k, particle in written_particles(section):
        if not isinstance(particle.bath, schema_system.PythonBath):
            collect(_at_bath, _check_bath, bath_key(section, k), particle, config.units.hbar, count > 1)
    collect(matrices.of_system, section)
    if isinstance(section, Several):
        collect(_couplings, section)
    collect.refuse()


def _check_bath(particle: Any, hbar: float, several: bool) -> None:
    """ConfigError for a bath that cannot be; coefficients in time, which take milliseconds, are left to the run."""
    if isinstance(particle.bath, schema_system.HuPazZhangBath):
        _refuse_several(particle.bath, several)
        _well_with_memory(particle)
    else:
        _bath(particle, hbar, several)


def husimi_omegas(config: schema.ConfigData, particles: Sequence[Particle]) -> tuple[float | None, ...]:
    """Frequencies of the Husimi window: given, or those of harmonic wells, or those of the initial states."""
    given = config.system.husimi_omega
    if given != "auto":
        return (float(given),) * len(particles)
    starts = config.initial if isinstance(config.initial, list) else [config.initial] * len(particles)
    found: list[float | None] = []
    for particle, start in zip(particles, starts, strict=False):
        stiffness = float(particle.potential.derivative(0.0, 2)) if particle.potential.is_quadratic else 0.0
        own = math.sqrt(stiffness / particle.mass) if stiffness > 0 else None
        found.append(own or getattr(start, "omega", None))
    return tuple(found)


def _particles(section: AnySystem, hbar: float, extents: list[objects.Extent]) -> tuple[Particle, ...]:
    """Particles with their potentials and baths; the faults of all baths are reported together."""
    particles, collect = [], Collector()
    written = particles_of(section)
    for k, particle in enumerate(written):
        extent = extents[min(k, len(extents) - 1)]
        potential = collect(_potential_at, potential_key(section, k), particle.potential, particle.mass, extent)
        bath = collect(_at_bath, _bath, bath_key(section, k), particle, hbar, len(written) > 1)
        if potential is not None and bath is not None:
            particles.append(Particle(particle.mass, potential, bath))
    collect.refuse()
    return tuple(particles)


def _at_bath(work: Callable[..., T], key: str, particle: Any, hbar: float, several: bool) -> T:
    """What comes out of the bath of a particle; the keys of its faults are below ``key``."""
    try:
        return work(particle, hbar, several)
    except ConfigError as error:
        raise _moved(error, "system.bath", key) from None


def _potential_at(key: str, section: Any, mass: float, extent: objects.Extent) -> Potential:
    """The same for its potential."""
    try:
        return build_potential(section, mass, extent)
    except ConfigError as error:
        raise _moved(error, "system.potential", key) from None


def _moved(error: ConfigError, key: str, place: str) -> ConfigError:
    return ConfigError(*(Fault(fault.key.replace(key, place, 1), fault.text) for fault in error.faults))


def _bath(particle: Any, hbar: float, several: bool) -> Bath:
    if particle.bath is None:
        return baths.none()
    for name in ("alpha", "xi"):
        if several and getattr(particle.bath, name, None) == "detailed_balance":
            text = "`detailed_balance` needs one particle in a harmonic well, and there are several; give a number"
            raise ConfigError(Fault(f"system.bath.{name}", text))
    bath: Bath = build_bath(particle, hbar)
    if bath.memory is None:
        matrices.check_diffusion(bath.diffusion, "system.bath")
    else:
        _refuse_several(bath, several)
    return bath


def _refuse_several(bath: Any, several: bool) -> None:
    """ConfigError for a bath with memory of one particle among others."""
    if several:
        text = f"`{bath.model}` knows the frequency of a single particle, and there are several; take another model"
        raise ConfigError(Fault("system.bath.model", text))


def _couplings(section: AnySystem) -> tuple[Coupling, ...]:
    """Springs; ConfigError for one that has not two different ends."""
    if isinstance(section, ChainSystem):
        chain = section.chain
        return tuple(Coupling(k, k + 1, chain.stiffness) for k in range(chain.length - 1))
    if not isinstance(section, Several):
        return ()
    count, faults = len(section.particles), []
    for k, spring in enumerate(section.couplings):
        key, (i, j) = f"system.couplings.{k}.between", spring.between
        missing = [n for n in (i, j) if not 0 <= n < count]
        if missing:
            known = f"numbers of particles from 0 to {count - 1}"
            faults.append(Fault(key, f"must be two {known}, but there is no particle {missing[0]}"))
        elif i == j:
            faults.append(Fault(key, f"must be two different particles, but a spring ties particle {i} to itself"))
    if faults:
        raise ConfigError(*faults)
    ends = [(spring.between[0], spring.between[1], spring.stiffness) for spring in section.couplings]
    return tuple(Coupling(i, j, stiffness) for i, j, stiffness in ends)


def build_scheme(config: schema.ConfigData) -> Scheme:
    """Discretisation of a configuration."""
    section = config.scheme
    return Scheme(section.flux, section.order, section.reversible or "central")


def build_potential(section: Any, mass: float, extent: objects.Extent = None) -> Potential:
    """Potential of a configuration section; an object has its wells in ``extent`` or its own span."""
    match section:
        case schema_system.HarmonicPotential():
            return potentials.harmonic(mass=mass, omega=section.omega)
        case schema_system.QuarticPotential():
            return potentials.quartic(mass=mass, omega=section.omega, quartic=section.quartic)
        case schema_system.DoubleWellPotential():
            return potentials.double_well(quadratic=section.quadratic, quartic=section.quartic)
        case schema_system.PolynomialPotential():
            return potentials.Polynomial(tuple(section.coefficients))
        case schema_system.CosinePotential():
            return potentials.Cosine(section.amplitude, section.wavenumber, section.tilt)
        case schema_system.PythonPotential():
            return objects.user_potential(section, extent)
        case _:
            return potentials.free()


def build_bath(section: Any, hbar: float) -> Bath:
    """Bath of a configuration; words such as ``detailed_balance`` become numbers."""
    bath, mass = section.bath, section.mass
    match bath:
        case schema_system.PythonBath():
            return objects.user_bath(bath)
        case schema_system.CustomBath():
            values = bath.model_dump(exclude={"model"})
            return Bath(**values)
        case schema_system.LindbladBath():
            if hbar == 0:
                raise ConfigError(Fault("system.bath.model", "`lindblad` needs hbar > 0, but units.hbar is 0"))
            return baths.lindblad([(u, v) for u, v in bath.operators], hbar=hbar)
        case schema_system.QuantumOpticalBath():
            omega = bath.omega or _harmonic_omega(section, "system.bath.omega", "`omega` has to be given")
            return baths.quantum_optical(mass=mass, hbar=hbar, eta=bath.eta, beta=bath.inverse_temperature, omega=omega)
        case schema_system.HuPazZhangBath():
            beta, common = bath.inverse_temperature, {"mass": mass, "omega": _well_with_memory(section), "hbar": hbar}
            return hu_paz_zhang.bath(gamma=bath.gamma, cutoff=bath.cutoff, beta=beta, **common)
        case schema_system.CaldeiraLeggettBath():
            return baths.caldeira_leggett(mass=mass, eta=bath.eta, beta=bath.inverse_temperature)
        case schema_system.ThermalBath():
            return _brownian(section, bath, hbar)
        case _:
            return baths.none()


def _brownian(section: Any, bath: Any, hbar: float) -> Bath:
    common = {"mass": section.mass, "hbar": hbar, "eta": bath.eta, "beta": bath.inverse_temperature}
    extra: dict[str, Any] = {"d_qq": bath.d_qq}
    if isinstance(bath, schema_system.TranslationCovariantBath):
        extra["d_qp"] = bath.d_qp
    if isinstance(bath, schema_system.SymmetryBrokenBath):
        extra["alpha"] = _alpha(section, bath, hbar)
    if isinstance(bath, schema_system.PositionFrictionBath):
        extra["xi"] = _xi(section, bath, hbar)
    return baths.brownian(model=bath.model, **common, **extra)


def _alpha(section: Any, bath: schema_system.SymmetryBrokenBath, hbar: float) -> float:
    if bath.alpha != "detailed_balance":
        return float(bath.alpha)
    omega = _harmonic_omega(section, "system.bath.alpha", "`detailed_balance` needs one particle in a harmonic well")
    d_pp = section.mass * bath.eta / bath.inverse_temperature
    d_qq = bath.d_qq
    if d_qq is None:
        d_qq = baths.minimal_d_qq(hbar=hbar, eta=bath.eta, xi=0.0, d_pp=d_pp, d_qp=0.0)
    return baths.alpha_detailed_balance(mass=section.mass, omega=omega, eta=bath.eta, d_qq=d_qq, d_pp=d_pp)


def _xi(section: Any, bath: schema_system.PositionFrictionBath, hbar: float) -> float:
    if bath.xi != "detailed_balance":
        return float(bath.xi)
    omega = _harmonic_omega(section, "system.bath.xi", "`detailed_balance` needs one particle in a harmonic well")
    beta = bath.inverse_temperature
    if bath.d_qq is not None:
        d_pp = section.mass * bath.eta / beta
        return baths.xi_detailed_balance(mass=section.mass, omega=omega, eta=bath.eta, d_qq=bath.d_qq, d_pp=d_pp)
    xi = baths.xi_saturating(hbar=hbar, omega=omega, eta=bath.eta, beta=beta)
    if xi is None:
        text = (
            "`detailed_balance` and complete positivity exclude each other for beta hbar omega > 2, "
            f"but beta hbar omega is {beta * hbar * omega:.6g}; give d_qq, a number for xi, or a higher temperature"
        )
        raise ConfigError(Fault("system.bath.xi", text))
    return xi


def _well_with_memory(section: Any) -> float:
    return _harmonic_omega(section, "system.bath.model", "`hu_paz_zhang` needs one particle in a harmonic well")


def _harmonic_omega(section: Any, key: str, need: str) -> float:
    if not isinstance(section.potential, schema_system.HarmonicPotential):
        raise ConfigError(Fault(key, f"{need}, but the potential is `{section.potential.kind}`"))
    return float(section.potential.omega)


def until_time(config: schema.ConfigData) -> float:
    """End of the run, infinite for ``steady``."""
    return math.inf if config.time.until == "steady" else float(config.time.until)
