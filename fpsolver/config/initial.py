"""The initial state of a configuration: from its section, or from a list with one section for each particle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fpsolver.config import axes, schema, schema_initial
from fpsolver.config.faults import Collector
from fpsolver.config.initial_arrays import ARRAYS, require_line, require_quantum
from fpsolver.config.matrices import check_symmetric, square
from fpsolver.config.schema_many import particles_of
from fpsolver.errors import ConfigError, Fault
from fpsolver.physics import arguments, states, tabulated
from fpsolver.physics.gaussian_states import ASYMMETRY
from fpsolver.physics.states import GaussianState, LocalState, ProductState, UniformState
from fpsolver.physics.tabulated import TabulatedState
from fpsolver.physics.weyl import SampledState

State = LocalState | UniformState
Read = Callable[[Any, list[float]], LocalState | None]  # section of a file, and masses of its particles
# of all particles together
WHOLE = (
    schema_initial.GaussianInitial
    | schema_initial.FileInitial
    | schema_initial.DistributionInitial
    | schema_initial.StoredInitial
)
SMALLEST_CAT = 1e-6  # norm of a superposition: below it W loses more than ten digits


def unread(_section: Any, _masses: list[float]) -> None:
    """Files are left alone."""


def build_initial(config: schema.ConfigData, read: Read = unread) -> State | None:
    """Initial state; None where none is needed, for the W of a result, and for what ``read`` leaves in its file."""
    section = config.initial
    masses = [particle.mass for particle in particles_of(config.system)]
    if isinstance(section, list):
        return _listed(config, section, masses, read)
    if len(masses) > 1 and not isinstance(section, WHOLE | None):
        text = f"must be a list with one entry for each of the {len(masses)} particles, or one state of all"
        raise ConfigError(Fault("initial", f"{text} (`gaussian`, `distribution`, `file`), but is one `{section.kind}`"))
    return _state(config, section, masses, read)


def _listed(config: schema.ConfigData, sections: list[Any], masses: list[float], read: Read) -> State | None:
    """Independent particles: the product of their states; None if one of them is left in its file."""
    collect = Collector()
    collect(_refuse_short, sections, len(masses))
    found = [collect(_entry, config, section, k, masses, read) for k, section in enumerate(sections)]
    collect.refuse()
    if len(found) == 1:
        return found[0]
    factors = [state for state in found if not isinstance(state, UniformState | None)]
    return states.product(factors) if len(factors) == len(found) else None


def _refuse_short(sections: list[Any], count: int) -> None:
    if len(sections) < count:
        text = f"must have one entry for each of the {count} particles, but has {len(sections)}"
        raise ConfigError(Fault("initial", text))


def _entry(config: schema.ConfigData, section: Any, k: int, masses: list[float], read: Read) -> State | None:
    """One of a list of initial states."""
    try:
        if k >= len(masses):
            raise ConfigError(Fault("initial", f"is an entry too many: the number of particles is {len(masses)}"))
        _refuse_in_list(section, len(masses))
        if isinstance(section, schema_initial.FileInitial) and len(masses) > 1:  # one alone may keep its own grid
            return read(section, masses[k : k + 1])
        return _state(config, section, masses[k : k + 1], read)
    except ConfigError as error:
        moved = [Fault(fault.key.replace("initial", f"initial.{k}", 1), fault.text) for fault in error.faults]
        raise ConfigError(*moved) from None


def _refuse_in_list(section: Any, count: int) -> None:
    """ConfigError for what no list may hold, or none of several particles."""
    if isinstance(section, schema_initial.StoredInitial):
        content = f" ({section.content})" if section.content else ""  # in words
        text = f"a state given from Python{content} cannot stand in a list of sections; "
        cure = "give states only (of `fp.states`), or sections only (`fock`, `cat`, or with arrays in a file)"
        raise ConfigError(Fault("initial.kind", text + (cure if count > 1 else "give it as `initial` itself")))
    if isinstance(section, schema_initial.UniformInitial) and count > 1:
        text = "`uniform` goes around a ring, and positions of several particles are never periodic"
        raise ConfigError(Fault("initial.kind", f"{text}; give a wide `gaussian`"))


def _state(config: schema.ConfigData, section: Any, masses: list[float], read: Read) -> State | None:
    """State of a section that stands for particles of these masses."""
    mass, hbar = masses[0], config.units.hbar
    match section:
        case schema_initial.GaussianInitial():
            return _gaussian(section, len(masses))
        case schema_initial.ThermalInitial():
            return states.thermal(mass=mass, hbar=hbar, beta=section.beta, omega=section.omega)
        case schema_initial.CoherentInitial() | schema_initial.SqueezedInitial():
            require_quantum(section.kind, hbar)
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
        case _ if isinstance(section, tuple(ARRAYS)):
            return read(section, masses)
        case _:
            return None


def _nongaussian(config: schema.ConfigData, section: Any, mass: float, hbar: float) -> State:
    require_quantum(section.kind, hbar)
    require_line(config, section.kind)
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
    check_symmetric(V, "initial.covariance", ASYMMETRY)
    if not arguments.least_eigenvalue(V) > 0:
        text = f"must be positive definite, but {V.tolist()} has the eigenvalue {arguments.eigenvalue_in_words(V)}"
        raise ConfigError(Fault("initial.covariance", text))
    return V


def doubts(state: State | None, hbar: float) -> list[str]:
    """Sentences about a covariance below the uncertainty principle, a negative probability, or too few points."""
    if isinstance(state, ProductState):
        return [f"initial.{k}: {text}" for k, factor in enumerate(state.factors) for text in doubts(factor, hbar)]
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
