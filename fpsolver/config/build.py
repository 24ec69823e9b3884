"""From a validated configuration to physics: system, initial state and what the grid should be."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fpsolver.config import axes, schema, schema_system
from fpsolver.config.schema_many import ChainSystem, Several, bath_key, particles_of
from fpsolver.errors import ConfigError, Fault
from fpsolver.physics import baths, potentials, states
from fpsolver.physics.baths import Bath
from fpsolver.physics.potentials import FloatArray, Potential
from fpsolver.physics.states import GaussianState, UniformState
from fpsolver.physics.system import Coupling, Particle, System
from fpsolver.schemes.scheme import Scheme

State = GaussianState | UniformState
AnySystem = schema_system.System | Several | ChainSystem


def build_system(config: schema.ConfigData) -> System:
    """System of a configuration; ConfigError with the key at fault."""
    section, hbar = config.system, config.units.hbar
    particles = _particles(section, hbar)
    if not all(particle.potential.is_quadratic for particle in particles) and hbar > 0 and section.moyal:
        text = (
            "the quantum (Moyal) terms of an anharmonic potential are not available in this version of fpsolver; "
            "give `moyal: false` for the classical force, or `hbar: 0` for a classical system"
        )
        raise ConfigError(Fault("system.moyal", text))
    drift, diffusion = (None, None)
    if not isinstance(section, ChainSystem):
        drift, diffusion = _matrices(section.matrices, len(particles))
    if diffusion is not None:
        _check_diffusion(diffusion, "system.matrices.diffusion")
    return System(particles, hbar, drift, diffusion, _couplings(section))


def _particles(section: AnySystem, hbar: float) -> tuple[Particle, ...]:
    """Particles with their potentials and baths; the faults of all baths are reported together."""
    particles, faults = [], []
    written = particles_of(section)
    for k, particle in enumerate(written):
        try:
            bath = _bath(particle, hbar, several=len(written) > 1)
        except ConfigError as error:
            key = bath_key(section, k)
            faults += [Fault(fault.key.replace("system.bath", key, 1), fault.text) for fault in error.faults]
        else:
            particles.append(Particle(particle.mass, build_potential(particle.potential, particle.mass), bath))
    if faults:
        raise ConfigError(*faults)
    return tuple(particles)


def _bath(particle: Any, hbar: float, *, several: bool) -> Bath:
    if particle.bath is None:
        return baths.none()
    for name in ("alpha", "xi"):
        if several and getattr(particle.bath, name, None) == "detailed_balance":
            text = "`detailed_balance` needs one particle in a harmonic well, and there are several; give a number"
            raise ConfigError(Fault(f"system.bath.{name}", text))
    bath = build_bath(particle, hbar)
    _check_diffusion(bath.diffusion, "system.bath")
    return bath


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


def build_potential(section: Any, mass: float) -> Potential:
    """Potential of a configuration section."""
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
        case _:
            return potentials.free()


def build_bath(section: Any, hbar: float) -> Bath:
    """Bath of a configuration; words such as ``detailed_balance`` become numbers."""
    bath, mass = section.bath, section.mass
    match bath:
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


def _harmonic_omega(section: Any, key: str, need: str) -> float:
    if not isinstance(section.potential, schema_system.HarmonicPotential):
        raise ConfigError(Fault(key, f"{need}, but the potential is `{section.potential.kind}`"))
    return float(section.potential.omega)


def _matrices(section: schema_system.Matrices | None, count: int) -> tuple[FloatArray | None, FloatArray | None]:
    if section is None:
        return None, None
    drift = _square(section.drift, "system.matrices.drift", count)
    diffusion = _square(section.diffusion, "system.matrices.diffusion", count)
    _check_symmetric(diffusion, "system.matrices.diffusion")
    return drift, diffusion


def _square(rows: list[list[float]], key: str, count: int = 1) -> FloatArray:
    if [len(row) for row in rows] != [2 * count] * (2 * count):
        words = "one particle" if count == 1 else f"{count} particles"
        sizes = [len(row) for row in rows]
        raise ConfigError(
            Fault(key, f"must be {2 * count} x {2 * count} for {words}, but its rows have {sizes} entries")
        )
    return np.array(rows)


def _check_symmetric(matrix: FloatArray, key: str) -> None:
    if not np.allclose(matrix, matrix.T, rtol=1e-12, atol=0):
        raise ConfigError(Fault(key, f"must be symmetric, but is {matrix.tolist()}"))


def _check_diffusion(B: FloatArray, key: str) -> None:
    smallest = float(np.linalg.eigvalsh(B)[0])
    if smallest < -1e-12 * float(np.abs(B).max()):
        text = (
            f"the diffusion matrix must be positive semidefinite, but has the eigenvalue {smallest:.6g}: "
            "the equation would be ill-posed; d_qq d_pp must be at least d_qp^2"
        )
        raise ConfigError(Fault(key, text))


def build_initial(config: schema.ConfigData) -> State | None:
    """Initial state; None for ``file``, which has no formula, and where none is needed."""
    section, hbar = config.initial, config.units.hbar
    masses = [particle.mass for particle in particles_of(config.system)]
    if isinstance(section, list):
        return _product([_entry(config, part, k, masses) for k, part in enumerate(section)], len(masses))
    if len(masses) > 1 and not isinstance(section, schema.GaussianInitial | schema.FileInitial | None):
        text = f"must be a list with one entry for each of the {len(masses)} particles, or one `gaussian` of all"
        raise ConfigError(Fault("initial", f"{text}, but is one `{section.kind}`"))
    return _state(config, section, masses[0], hbar, len(masses))


def _entry(config: schema.ConfigData, section: Any, k: int, masses: list[float]) -> State | None:
    """One of a list of initial states."""
    try:
        if k >= len(masses):
            raise ConfigError(Fault("initial", f"is an entry too many: there are {len(masses)} particles"))
        state = _state(config, section, masses[k], config.units.hbar, 1)
        if not isinstance(state, GaussianState) and len(masses) > 1:
            text = f"`{section.kind}` cannot stand in a list; give Gaussian states"
            raise ConfigError(Fault("initial.kind", text))
        return state
    except ConfigError as error:
        moved = [Fault(fault.key.replace("initial", f"initial.{k}", 1), fault.text) for fault in error.faults]
        raise ConfigError(*moved) from None


def _product(states_: list[State | None], count: int) -> State | None:
    """Independent particles: the product of their Gaussians."""
    if len(states_) != count:
        text = f"must have one entry for each of the {count} particles, but has {len(states_)}"
        raise ConfigError(Fault("initial", text))
    if count == 1:
        return states_[0]
    return states.product([state for state in states_ if isinstance(state, GaussianState)])


def _state(config: schema.ConfigData, section: Any, mass: float, hbar: float, count: int) -> State | None:
    match section:
        case schema.GaussianInitial():
            return _gaussian(section, count)
        case schema.ThermalInitial():
            return states.thermal(mass=mass, hbar=hbar, beta=section.beta, omega=section.omega)
        case schema.CoherentInitial() | schema.SqueezedInitial():
            if hbar == 0:
                raise ConfigError(Fault("initial.kind", f"`{section.kind}` needs hbar > 0, but units.hbar is 0"))
            return states.squeezed(mass=mass, hbar=hbar, **section.model_dump(exclude={"kind"}))
        case schema.UniformInitial():
            if not axes.is_ring(config):
                raise ConfigError(Fault("initial.kind", "`uniform` needs a periodic q; give grid.q.boundary: periodic"))
            return UniformState(section.momentum_variance)
        case _:
            return None


def _gaussian(section: schema.GaussianInitial, count: int) -> GaussianState:
    if len(section.mean) != 2 * count:
        names = "(q, p)" if count == 1 else "(q1, .., p1, ..)"
        text = f"must have {2 * count} entries {names}, but has {len(section.mean)}"
        raise ConfigError(Fault("initial.mean", text))
    V = _square(section.covariance, "initial.covariance", count)
    _check_symmetric(V, "initial.covariance")
    smallest = float(np.linalg.eigvalsh(V)[0])
    if smallest <= 0:
        text = f"must be positive definite, but {V.tolist()} has the eigenvalue {smallest:.6g}"
        raise ConfigError(Fault("initial.covariance", text))
    return states.gaussian(section.mean, V)


def uncertainty_warning(state: State | None, hbar: float) -> str:
    """Sentence for a covariance below the uncertainty principle, or an empty string."""
    if hbar == 0 or not isinstance(state, GaussianState):
        return ""
    smallest = float(states.symplectic_eigenvalues(state.covariance)[0])
    if smallest >= hbar / 2 * (1 - 1e-9):
        return ""
    return (
        f"the initial covariance violates the uncertainty principle: its symplectic eigenvalue is {smallest:.6g}, "
        f"below hbar/2 = {hbar / 2:.6g}; no quantum state has it"
    )


def until_time(config: schema.ConfigData) -> float:
    """End of the run, infinite for ``steady``."""
    return math.inf if config.time.until == "steady" else float(config.time.until)
