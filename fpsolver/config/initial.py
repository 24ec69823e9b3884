"""The initial state of a configuration: from its section, or from the arrays of its file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fpsolver.config import axes, schema, schema_initial
from fpsolver.config.build import check_symmetric, square
from fpsolver.config.faults import Collector
from fpsolver.config.given import Given
from fpsolver.config.schema_many import particles_of
from fpsolver.errors import ConfigError, Fault, UsageError
from fpsolver.grid import coordinate_names
from fpsolver.physics import fock, states, tabulated, weyl
from fpsolver.physics.states import GaussianState, GaussianSum, LocalState, UniformState
from fpsolver.physics.tabulated import TabulatedState
from fpsolver.physics.weyl import SampledState

State = LocalState | UniformState
# of all particles together
WHOLE = (
    schema_initial.GaussianInitial
    | schema_initial.FileInitial
    | schema_initial.DistributionInitial
    | schema_initial.StoredInitial
)
ARRAYS: dict[type, tuple[tuple[str, ...], ...]] = {
    schema_initial.WavefunctionInitial: (("q", "psi"),),
    schema_initial.DensityMatrixInitial: (("q", "rho"), ("rho_fock", "omega")),
    schema_initial.DistributionInitial: (),  # coordinates of all particles, and W
}
SMALLEST_CAT = 1e-6  # norm of a superposition: below it W loses more than ten digits


def build_initial(config: schema.ConfigData) -> State | None:
    """Initial state; None for those that are read from a file, and where none is needed."""
    section, hbar = config.initial, config.units.hbar
    masses = [particle.mass for particle in particles_of(config.system)]
    if isinstance(section, list):
        collect = Collector()
        parts = [collect(_entry, config, part, k, masses) for k, part in enumerate(section)]
        collect.refuse()
        return _product(parts, len(masses))
    if len(masses) > 1 and not isinstance(section, WHOLE | None):
        text = f"must be a list with one entry for each of the {len(masses)} particles, or one `gaussian` of all"
        raise ConfigError(Fault("initial", f"{text}, but is one `{section.kind}`"))
    return _state(config, section, masses[0], hbar, len(masses))


def _entry(config: schema.ConfigData, section: Any, k: int, masses: list[float]) -> State | None:
    """One of a list of initial states."""
    try:
        if k >= len(masses):
            raise ConfigError(Fault("initial", f"is an entry too many: the number of particles is {len(masses)}"))
        state = _state(config, section, masses[k], config.units.hbar, 1)
        if not isinstance(state, GaussianState) and len(masses) > 1:
            what = getattr(section, "content", "") or f"`{section.kind}`"  # in words where Python gave the state
            text = f"{what} cannot stand in a list; give Gaussian states"
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
        case schema_initial.GaussianInitial():
            return _gaussian(section, count)
        case schema_initial.ThermalInitial():
            return states.thermal(mass=mass, hbar=hbar, beta=section.beta, omega=section.omega)
        case schema_initial.CoherentInitial() | schema_initial.SqueezedInitial():
            _require_quantum(section.kind, hbar)
            return states.squeezed(mass=mass, hbar=hbar, **section.model_dump(exclude={"kind"}))
        case schema_initial.UniformInitial():
            if not axes.is_ring(config):
                raise ConfigError(Fault("initial.kind", "`uniform` needs a periodic q; give grid.q.boundary: periodic"))
            return UniformState(section.momentum_variance)
        case schema_initial.FockInitial() | schema_initial.CatInitial():
            return _nongaussian(config, section, mass, hbar)
        case schema_initial.StoredInitial() if section.source is None and section.path is None:
            what = section.content or "a state"
            text = f"required, but missing: {what} was given from Python, and the result of its run holds it; "
            raise ConfigError(Fault("initial.path", f"{text}give the path of that file"))
        case _:
            return None


def _require_quantum(kind: str, hbar: float) -> None:
    if hbar == 0:
        raise ConfigError(Fault("initial.kind", f"`{kind}` needs hbar > 0, but units.hbar is 0"))


def _require_line(config: schema.ConfigData, kind: str) -> None:
    if axes.is_ring(config):
        raise ConfigError(Fault("initial.kind", f"`{kind}` is a state on the line, but grid.q.boundary is periodic"))


def _nongaussian(config: schema.ConfigData, section: Any, mass: float, hbar: float) -> State:
    _require_quantum(section.kind, hbar)
    _require_line(config, section.kind)
    keys = section.model_dump(exclude={"kind"}) | {"mass": mass, "hbar": hbar}
    if isinstance(section, schema_initial.FockInitial):
        return states.fock(**keys)
    norm = states.cat_norm(**keys)
    if norm < SMALLEST_CAT:
        text = (
            f"the packets cancel each other: at the phase {section.phase:g} and the separation {section.separation:g} "
            f"only {norm:.2g} of the superposition is left; give a wider one, or `fock` with n: 1, which is the limit"
        )
        raise ConfigError(Fault("initial.separation", text))
    return states.cat(**keys)


def array_section(config: schema.ConfigData) -> Any:
    """The section of an initial state that is given by arrays in a file, None for all others."""
    section = config.initial
    if isinstance(section, list) and len(section) == 1:
        section = section[0]
    return section if isinstance(section, tuple(ARRAYS)) else None


def array_names(config: schema.ConfigData, section: Any) -> tuple[tuple[str, ...], ...]:
    """Names of the arrays that such a section needs: one of the groups."""
    coordinates = coordinate_names(len(particles_of(config.system)))
    return ARRAYS[type(section)] or ((*coordinates, "W"),)


def sampled_initial(config: schema.ConfigData, kind: str, arrays: dict[str, Any], key: str = "initial.path") -> State:
    """State from the arrays of its file, or of a Python object; ConfigError with what is wrong."""
    mass, hbar = particles_of(config.system)[0].mass, config.units.hbar
    if kind != "distribution":
        _require_quantum(kind, hbar)
        _require_line(config, kind)
    try:
        if kind == "wavefunction":
            return weyl.wavefunction(arrays["q"], arrays["psi"], hbar=hbar)
        if "rho" in arrays:
            return weyl.density_matrix(arrays["q"], arrays["rho"], hbar=hbar)
        if "rho_fock" in arrays:
            return fock.from_fock(arrays["rho_fock"], mass=mass, hbar=hbar, omega=arrays["omega"])
        return tabulated_initial(config, [arrays[name] for name in coordinate_names(len(arrays) // 2)], arrays["W"])
    except UsageError as error:
        raise ConfigError(Fault(key, str(error))) from None


def stored_section(config: schema.ConfigData) -> schema_initial.StoredInitial | None:
    """The section of a state that was given from Python, None for all others."""
    return config.initial if isinstance(config.initial, schema_initial.StoredInitial) else None


def given_state(config: schema.ConfigData, given: Given) -> State | None:
    """State that was given from Python; None for W on a grid, which may be taken as it stands."""
    arrays: dict[str, Any] = dict(given.arrays)
    form, particles = given.form, particles_of(config.system)
    size = given.arrays["W"].ndim // 2 if "W" in arrays else 1
    if size != len(particles):
        raise ConfigError(Fault("initial", f"is a state of {size} particle(s), but the system has {len(particles)}"))
    if form in ("sum", "sampled"):
        _require_quantum("stored", config.units.hbar)
        _require_line(config, "stored")
        return _sum(arrays) if form == "sum" else _sampled(config, arrays)
    if "rho_fock" in arrays:
        arrays["omega"] = given.omega or _well(particles[0])
    return None if form == "grid" else sampled_initial(config, form, arrays, "initial")


def _well(particle: Any) -> float:
    """Frequency of the harmonic well, whose levels a density matrix in the Fock basis means unless it says so."""
    omega = getattr(particle.potential, "omega", None)
    if particle.potential.kind != "harmonic" or omega is None:
        text = "a state in the Fock basis needs the omega of its oscillator, since the potential is not harmonic"
        cure = 'give initial={"kind": "density_matrix", "rho_fock": state, "omega": omega}'
        raise ConfigError(Fault("initial", f"{text}; {cure}"))
    return float(omega)


def _sum(arrays: dict[str, Any]) -> GaussianSum:
    packets = zip(arrays.pop("packet_means"), arrays.pop("packet_covariances"), strict=True)
    omega = float(arrays.pop("omega").item())
    return GaussianSum(packets=tuple(GaussianState(*packet) for packet in packets), omega=omega, **arrays)


def _sampled(config: schema.ConfigData, arrays: dict[str, Any]) -> SampledState:
    hbar, omega = float(arrays["hbar"].item()), arrays.get("omega")
    if hbar != config.units.hbar:
        raise ConfigError(Fault("initial", f"was made with hbar = {hbar:g}, but units.hbar is {config.units.hbar:g}"))
    values = {name: arrays[name] for name in ("q", "psi", "weights")}
    return SampledState(**values, hbar=hbar, omega=None if omega is None else float(omega.item()))


def tabulated_initial(config: schema.ConfigData, points: Sequence[Any], W: Any) -> TabulatedState:
    """State from W on a grid of its own; q is periodic if it is in the configuration, and must be as long there."""
    ring = axes.ring_length(config)
    state = tabulated.tabulated(points, W, (ring is not None, *[False] * (len(points) - 1)))
    if ring is not None and not math.isclose(state.widths[0], ring, rel_tol=1e-9):
        raise UsageError(
            f"the points q go around a ring of the length {state.widths[0]:g} (half a step beyond both ends), but "
            f"grid.q.extent has the length {ring:g}; give W on all of that ring"
        )
    return state


def _gaussian(section: schema_initial.GaussianInitial, count: int) -> GaussianState:
    collect = Collector()
    collect(_check_mean, section.mean, count)
    V = collect(_covariance, section.covariance, count)
    collect.refuse()
    assert V is not None
    return states.gaussian(section.mean, V)


def _check_mean(mean: list[float], count: int) -> None:
    if len(mean) != 2 * count:
        names = "(q, p)" if count == 1 else "(q1, .., p1, ..)"
        raise ConfigError(Fault("initial.mean", f"must have {2 * count} entries {names}, but has {len(mean)}"))


def _covariance(rows: list[list[float]], count: int) -> Any:
    V = square(rows, "initial.covariance", count)
    check_symmetric(V, "initial.covariance")
    smallest = float(np.linalg.eigvalsh(V)[0])
    if smallest <= 0:
        text = f"must be positive definite, but {V.tolist()} has the eigenvalue {smallest:.6g}"
        raise ConfigError(Fault("initial.covariance", text))
    return V


def doubts(state: State | None, hbar: float) -> list[str]:
    """Sentences about a covariance below the uncertainty principle, a negative probability, or too few points."""
    if isinstance(state, SampledState) and state.smallest_weight < -1e-8:
        return [f"the density matrix has the negative eigenvalue {state.smallest_weight:.6g}: no quantum state has it"]
    found = []
    if isinstance(state, TabulatedState) and state.roughness > tabulated.DOUBT:
        found.append(
            f"the initial W is known at points so far apart that interpolation leaves an error of about "
            f"{state.roughness:.1g} of its size; give it on a finer grid"
        )
    is_ring = isinstance(state, TabulatedState) and any(state.periodic)
    if hbar == 0 or is_ring or not isinstance(state, GaussianState | TabulatedState):
        return found
    smallest = float(states.symplectic_eigenvalues(state.covariance)[0])
    if smallest < hbar / 2 * (1 - 1e-9):
        found.append(
            f"the initial covariance violates the uncertainty principle: its symplectic eigenvalue is {smallest:.6g}, "
            f"below hbar/2 = {hbar / 2:.6g}; no quantum state has it"
        )
    return found
