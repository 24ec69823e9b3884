"""From a validated configuration to physics: system, initial state and what the grid should be."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fpsolver.autogrid import AxisRequest
from fpsolver.config import schema, schema_system
from fpsolver.errors import ConfigError, Fault
from fpsolver.physics import baths, potentials, states
from fpsolver.physics.baths import Bath
from fpsolver.physics.potentials import FloatArray, Potential
from fpsolver.physics.states import GaussianState, UniformState
from fpsolver.physics.system import Particle, System
from fpsolver.schemes.scheme import Scheme

State = GaussianState | UniformState


def build_system(config: schema.ConfigData) -> System:
    """System of a configuration; ConfigError with the key at fault."""
    section, hbar = config.system, config.units.hbar
    potential = build_potential(section.potential, section.mass)
    if not potential.is_quadratic and hbar > 0 and section.moyal:
        text = (
            "the quantum (Moyal) terms of an anharmonic potential are not available in this version of fpsolver; "
            "give `moyal: false` for the classical force, or `hbar: 0` for a classical system"
        )
        raise ConfigError(Fault("system.moyal", text))
    bath = build_bath(section, hbar) if section.bath is not None else baths.none()
    drift, diffusion = _matrices(section.matrices)
    system = System((Particle(section.mass, potential, bath),), hbar, drift, diffusion)
    _check_diffusion(system, "system.bath" if section.bath is not None else "system.matrices.diffusion")
    return system


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


def build_bath(section: schema_system.System, hbar: float) -> Bath:
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


def _brownian(section: schema_system.System, bath: Any, hbar: float) -> Bath:
    common = {"mass": section.mass, "hbar": hbar, "eta": bath.eta, "beta": bath.inverse_temperature}
    extra: dict[str, Any] = {"d_qq": bath.d_qq}
    if isinstance(bath, schema_system.TranslationCovariantBath):
        extra["d_qp"] = bath.d_qp
    if isinstance(bath, schema_system.SymmetryBrokenBath):
        extra["alpha"] = _alpha(section, bath, hbar)
    if isinstance(bath, schema_system.PositionFrictionBath):
        extra["xi"] = _xi(section, bath, hbar)
    return baths.brownian(model=bath.model, **common, **extra)


def _alpha(section: schema_system.System, bath: schema_system.SymmetryBrokenBath, hbar: float) -> float:
    if bath.alpha != "detailed_balance":
        return float(bath.alpha)
    omega = _harmonic_omega(section, "system.bath.alpha", "`detailed_balance` needs one particle in a harmonic well")
    d_pp = section.mass * bath.eta / bath.inverse_temperature
    d_qq = bath.d_qq
    if d_qq is None:
        d_qq = baths.minimal_d_qq(hbar=hbar, eta=bath.eta, xi=0.0, d_pp=d_pp, d_qp=0.0)
    return baths.alpha_detailed_balance(mass=section.mass, omega=omega, eta=bath.eta, d_qq=d_qq, d_pp=d_pp)


def _xi(section: schema_system.System, bath: schema_system.PositionFrictionBath, hbar: float) -> float:
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


def _harmonic_omega(section: schema_system.System, key: str, need: str) -> float:
    if not isinstance(section.potential, schema_system.HarmonicPotential):
        raise ConfigError(Fault(key, f"{need}, but the potential is `{section.potential.kind}`"))
    return section.potential.omega


def _matrices(section: schema_system.Matrices | None) -> tuple[FloatArray | None, FloatArray | None]:
    if section is None:
        return None, None
    drift = _square(section.drift, "system.matrices.drift")
    diffusion = _square(section.diffusion, "system.matrices.diffusion")
    _check_symmetric(diffusion, "system.matrices.diffusion")
    return drift, diffusion


def _square(rows: list[list[float]], key: str) -> FloatArray:
    if [len(row) for row in rows] != [2, 2]:
        raise ConfigError(
            Fault(key, f"must be 2 x 2 for one particle, but its rows have {[len(r) for r in rows]} entries")
        )
    return np.array(rows)


def _check_symmetric(matrix: FloatArray, key: str) -> None:
    if not np.allclose(matrix, matrix.T, rtol=1e-12, atol=0):
        raise ConfigError(Fault(key, f"must be symmetric, but is {matrix.tolist()}"))


def _check_diffusion(system: System, key: str) -> None:
    B = system.diffusion_matrix
    smallest = float(np.linalg.eigvalsh(B)[0])
    if smallest < -1e-12 * float(np.abs(B).max()):
        text = (
            f"the diffusion matrix must be positive semidefinite, but has the eigenvalue {smallest:.6g}: "
            "the equation would be ill-posed; d_qq d_pp must be at least d_qp^2"
        )
        raise ConfigError(Fault(key, text))


def build_initial(config: schema.ConfigData) -> State | None:
    """Initial state; None for ``file``, which has no formula, and where none is needed."""
    section, mass, hbar = config.initial, config.system.mass, config.units.hbar
    match section:
        case schema.GaussianInitial():
            return _gaussian(section)
        case schema.ThermalInitial():
            return states.thermal(mass=mass, hbar=hbar, beta=section.beta, omega=section.omega)
        case schema.CoherentInitial() | schema.SqueezedInitial():
            if hbar == 0:
                raise ConfigError(Fault("initial.kind", f"`{section.kind}` needs hbar > 0, but units.hbar is 0"))
            return states.squeezed(mass=mass, hbar=hbar, **section.model_dump(exclude={"kind"}))
        case schema.UniformInitial():
            if config.grid.q.boundary != "periodic":
                raise ConfigError(Fault("initial.kind", "`uniform` needs a periodic q; give grid.q.boundary: periodic"))
            return UniformState(section.momentum_variance)
        case _:
            return None


def _gaussian(section: schema.GaussianInitial) -> GaussianState:
    if len(section.mean) != 2:
        raise ConfigError(Fault("initial.mean", f"must have 2 entries (q, p), but has {len(section.mean)}"))
    V = _square(section.covariance, "initial.covariance")
    _check_symmetric(V, "initial.covariance")
    smallest = float(np.linalg.eigvalsh(V)[0])
    if smallest <= 0:
        text = f"must be positive definite, but {V.tolist()} has the eigenvalue {smallest:.6g}"
        raise ConfigError(Fault("initial.covariance", text))
    return states.gaussian(section.mean, V)


def axis_requests(config: schema.ConfigData, system: System) -> tuple[AxisRequest, AxisRequest]:
    """What the configuration says of the two axes; ConfigError for a periodic q that cannot be."""
    requests = []
    for name, section in (("q", config.grid.q), ("p", config.grid.p)):
        cells = None if section.cells == "auto" else section.cells
        extent = None if section.extent == "auto" else (float(section.extent[0]), float(section.extent[1]))
        requests.append(AxisRequest(name, cells, extent, section.boundary == "periodic"))
    if requests[0].periodic:
        _check_ring(requests[0].extent, system)
    return requests[0], requests[1]


def _check_ring(extent: tuple[float, float] | None, system: System) -> None:
    if extent is None:
        raise ConfigError(Fault("grid.q.extent", "a periodic q needs an explicit extent [low, high], but it is `auto`"))
    period = system.particles[0].potential.period
    length = extent[1] - extent[0]
    if period is None:
        raise ConfigError(Fault("grid.q.boundary", "`periodic` needs a periodic force (free or cosine potential)"))
    turns = length / period if period else 1.0
    if abs(turns - round(turns)) > 1e-9 * turns or round(turns) < 1:
        text = f"must be a whole number of periods {period:.12g} long, but is {length:.12g} long"
        raise ConfigError(Fault("grid.q.extent", text))
    if system.dissipative_drift[0, 0] != 0 or system.dissipative_drift[1, 0] != 0:
        text = "a bath that pulls at the position (alpha, xi, quantum optical) has no meaning on a ring"
        raise ConfigError(Fault("grid.q.boundary", text))


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


def ring_length(config: schema.ConfigData) -> float | None:
    """Length of a periodic q, None for a line."""
    extent = config.grid.q.extent
    if config.grid.q.boundary != "periodic" or extent == "auto":
        return None
    return float(extent[1]) - float(extent[0])


def until_time(config: schema.ConfigData) -> float:
    """End of the run, infinite for ``steady``."""
    return math.inf if config.time.until == "steady" else float(config.time.until)
