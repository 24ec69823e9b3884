"""Initial states that are given by arrays: of a file, of a Python object, or of an earlier result."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fpsolver.config import axes, schema, schema_initial
from fpsolver.config.given import Given
from fpsolver.config.given_products import parts_of
from fpsolver.config.schema_many import count_of, particles_of
from fpsolver.errors import ConfigError, Fault, UsageError
from fpsolver.grid import coordinate_names
from fpsolver.physics import arguments, fock, states, tabulated, weyl
from fpsolver.physics.states import GaussianState, GaussianSum, LocalState
from fpsolver.physics.tabulated import TabulatedState
from fpsolver.physics.weyl import SampledState

ARRAYS: dict[type, tuple[tuple[str, ...], ...]] = {
    schema_initial.WavefunctionInitial: (("q", "psi"),),
    schema_initial.DensityMatrixInitial: (("q", "rho"), ("rho_fock", "omega")),
    schema_initial.DistributionInitial: (),  # coordinates of all particles, and W
}


def require_quantum(kind: str, hbar: float) -> None:
    """ConfigError for a state that a classical system cannot have."""
    if hbar == 0:
        raise ConfigError(Fault("initial.kind", f"`{kind}` needs hbar > 0, but units.hbar is 0"))


def require_line(config: schema.ConfigData, kind: str) -> None:
    """ConfigError for a state that a ring cannot have."""
    if axes.is_ring(config):
        raise ConfigError(Fault("initial.kind", f"`{kind}` is a state on the line, but grid.q.boundary is periodic"))


def array_names(section: Any, count: int) -> tuple[tuple[str, ...], ...]:
    """Names of the arrays that a section of so many particles needs: one of the groups."""
    return ARRAYS[type(section)] or ((*coordinate_names(count), "W"),)


def sampled_initial(
    config: schema.ConfigData, kind: str, arrays: dict[str, Any], mass: float, key: str = "initial.path"
) -> LocalState:
    """State from the arrays of its file, or of a Python object; ConfigError with what is wrong."""
    hbar = config.units.hbar
    if kind != "distribution":
        require_quantum(kind, hbar)
        require_line(config, kind)
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


def given_state(config: schema.ConfigData, given: Given) -> LocalState | None:
    """State that was given from Python; None for W on a grid, which may be taken as it stands."""
    check_given(config, given)
    arrays: dict[str, Any] = dict(given.arrays)
    form, particle = given.form, particles_of(config.system)[0]
    if form == "product":
        return states.product([_factor(config, *part) for part in parts_of(arrays)])
    if form in ("sum", "sampled"):
        return _factor(config, form, arrays)
    if "rho_fock" in arrays:
        arrays["omega"] = given.omega or _well(particle)
    return None if form == "grid" else sampled_initial(config, form, arrays, particle.mass, "initial")


def check_given(config: schema.ConfigData, given: Given) -> None:
    """ConfigError for a state from Python that the particles, or the axis, cannot have."""
    arrays: dict[str, Any] = dict(given.arrays)
    parts, count = parts_of(arrays) if given.form == "product" else [], count_of(config.system)
    size = len(parts) or _particles_of(arrays)
    if size != count:
        cure = "; give a list with a state for each" if size == 1 else ""
        what = arguments.counted(size, "particle")
        raise ConfigError(Fault("initial", f"is a state of {what}, but the system has {count}{cure}"))
    if any(form not in ("grid", "gaussian", "distribution") for form, _ in parts or [(given.form, arrays)]):
        _require_quantum_line(config, given.words)
    if "rho_fock" in arrays and not given.omega:
        _well(particles_of(config.system)[0])


def _require_quantum_line(config: schema.ConfigData, words: str) -> None:
    """ConfigError for a quantum state from Python in a classical run, or on a ring."""
    if config.units.hbar == 0:
        text = f"a quantum state ({words}) needs hbar > 0, but units.hbar is 0; give W as (q, p, W)"
        raise ConfigError(Fault("initial", text))
    if axes.is_ring(config):
        text = f"a quantum state ({words}) is on the line, but grid.q.boundary is periodic; give W as (q, p, W)"
        raise ConfigError(Fault("initial", text))


def _factor(config: schema.ConfigData, form: str, arrays: dict[str, Any]) -> LocalState:
    """A state with a form of its own, alone or in a product."""
    if form == "gaussian":
        return GaussianState(**arrays)
    if form == "distribution":
        return tabulated_initial(config, [arrays["q"], arrays["p"]], arrays["W"])
    return _sum(arrays) if form == "sum" else _sampled(config, arrays)


def _particles_of(arrays: dict[str, Any]) -> int:
    """Number of particles whose state the arrays are."""
    if "W" in arrays:
        return int(arrays["W"].ndim // 2)
    return int(arrays["means"].shape[1] // 2) if "means" in arrays else 1


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
    omega = float(arrays.pop("omega").item()) if "omega" in arrays else None  # None of several particles
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
