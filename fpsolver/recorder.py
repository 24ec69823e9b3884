"""One record of a run: every number of the series, computed from W and the generator's own dW/dt."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fpsolver.generator import Generator
from fpsolver.physics import energies
from fpsolver.physics.exact import INFINITE_REASON
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.system import System
from fpsolver.schemes.chang_cooper import ChangCooperFluxes
from fpsolver.thermo import entropy, integrals, observables, several, wehrl
from fpsolver.thermo.state import PhaseSpace, State

Record = dict[str, float | FloatArray]


@dataclass(frozen=True, slots=True)
class Quantity:
    """Name, units and meaning of one member of the series; not every run has the ``optional`` ones."""

    name: str
    units: str
    long_name: str
    optional: bool = False


SERIES = (
    Quantity("mass", "1", "integral of W"),
    Quantity("mean", "mixed", "mean of x = (q, p)"),
    Quantity("covariance", "mixed", "covariance matrix of x"),
    Quantity("energy", "energy", "mean of p^2/2m + U"),
    Quantity("entropy_wigner", "1", "Wigner entropy -int W ln W (k_B = 1, dq dp units)"),
    Quantity("entropy_rate", "1/time", "dS/dt = -int (dW/dt) ln W"),
    Quantity("entropy_production", "1/time", "entropy production rate Pi"),
    Quantity("entropy_production_q", "1/time", "Pi of the position channel"),
    Quantity("entropy_production_p", "1/time", "Pi of the momentum channel"),
    Quantity("entropy_flux", "1/time", "entropy flux Phi"),
    Quantity("entropy_flux_drift", "1/time", "Phi from the irreversible drift"),
    Quantity("entropy_flux_cross", "1/time", "Phi from the cross-diffusion"),
    Quantity("entropy_moyal", "1/time", "dS/dt from the quantum terms of anharmonic potentials"),
    Quantity("purity", "1", "(2 pi hbar)^N int W^2"),
    Quantity("negativity", "1", "int abs(W) - int W"),
    Quantity("residual", "1/time", "int abs(dW/dt)"),
    Quantity("edge_mass", "1", "int abs(W) over the outer order/2 layers of closed axes"),
    Quantity("heat_current", "energy/time", "energy from each bath into the system"),
    Quantity("tail_uncertainty", "1/time", "what cells below the floor could add to Pi"),
    Quantity("cp_margin", "mixed", "margin of complete positivity, where it changes with time", optional=True),
    Quantity("entropy_wehrl", "1", "Wehrl entropy -int Q ln Q of the Husimi function (dq dp units)"),
    Quantity("wehrl_rate", "1/time", "its change, -int (dQ/dt) ln Q"),
    Quantity("wehrl_production", "1/time", "Wehrl entropy production rate of the bath"),
    Quantity("wehrl_flux", "1/time", "Wehrl entropy flux of the bath"),
    Quantity("relative_entropy_thermal", "1", "int W ln(W/W_thermal) to the Gibbs state of the baths' temperature"),
    Quantity("wehrl_unitary", "1/time", "wehrl_rate - wehrl_production + wehrl_flux: what smoothing does to H"),
)

SERIES_MANY = (
    Quantity("energy_particle", "energy", "mean energy of each particle, with half of its springs"),
    Quantity("temperature", "energy", "kinetic temperature <p^2>/m (centred) of each particle"),
    Quantity("entropy_production_particle", "1/time", "Pi of the channels of each particle"),
    Quantity("entropy_flux_particle", "1/time", "Phi of the channels of each particle"),
    Quantity("purity_particle", "1", "2 pi hbar int W_k^2 of the reduced Wigner function of each particle"),
    Quantity("mutual_information", "1", "entropies of the single particles minus that of all together"),
    Quantity("mutual_information_renyi", "1", "the same with entropies of order 2, -ln int W^2"),
    Quantity("spring_current", "energy/time", "energy through each spring, from its first to its second particle"),
)


EVERYTHING = SERIES + SERIES_MANY
DIAGNOSTICS = (
    Quantity("cp_margin", "mixed", "margin of complete positivity: its smallest eigenvalue"),
    Quantity("is_completely_positive", "1", "whether cp_margin is not negative"),
    Quantity("cp_on_boundary", "1", "whether cp_margin is zero to round-off"),
    Quantity("detailed_balance_residual", "1/time", "line 1 of detailed balance, 2 A^I x W = B grad W, in the last W"),
    Quantity("diffusion_parity_residual", "mixed", "line 2 of detailed balance: largest entry of E B E - B"),
    Quantity(
        "kms_residual",
        "1/time",
        "line 1 in the second moments of the steady state or, if it is not known, of the last W",
    ),
    Quantity("satisfies_detailed_balance", "1", "whether both lines of detailed balance hold"),
    Quantity("steady_residual", "1/time", "int abs(dW/dt) at the end, 0 in a steady state"),
    Quantity("slowest_rate", "1/time", "slowest rate of relaxation"),
    Quantity("resolution", "1", "cells for the narrowest deviation at the end"),
)
NO_WEHRL = "not computed for several particles"


def quantities_of(system: System) -> tuple[Quantity, ...]:
    """Members of the series: more where there are several particles, or where coefficients change with time."""
    single = tuple(quantity for quantity in SERIES if not quantity.optional or system.is_time_dependent)
    return single if system.size == 1 else single + SERIES_MANY


def no_purity(system: System) -> dict[str, str]:
    """Why a classical system has no purities, by name."""
    names = ("purity",) if system.size == 1 else ("purity", "purity_particle")
    return dict.fromkeys(names, "undefined: a classical system has no purity")


def without_noise(system: System) -> dict[str, str]:
    """Why Pi, Phi and parts of them are infinite, by name."""
    of_q, of_p = np.split(system.noiseless_drift, 2)
    names = {"": of_q | of_p, "_q": of_q, "_p": of_p}
    found = [f"entropy_production{name}" for name, where in names.items() if where.any()]
    if not found:
        return {}
    found += ["entropy_flux", "entropy_flux_drift"]
    if system.size > 1:
        found += ["entropy_production_particle", "entropy_flux_particle"]  # of some particle
    return dict.fromkeys(found, INFINITE_REASON)


def names_of(system: System) -> list[str]:
    """Their names."""
    return [quantity.name for quantity in quantities_of(system)]


def phase_space(generator: Generator, time: float = math.inf, known: PhaseSpace | None = None) -> PhaseSpace:
    """The generator's system at ``time`` and its grid, as thermodynamics wants them; ``known`` if it still holds."""
    system = generator.system.at(time)
    if known is not None and known.system is system:
        return known
    fluxes = generator.fluxes if isinstance(generator.fluxes, ChangCooperFluxes) else None
    return PhaseSpace(system, generator.grid, generator.scheme.order, fluxes)


def make_record(state: State, dWdt: FloatArray) -> tuple[Record, dict[str, float]]:
    """All quantities that every run of its kind has, and the edge mass of each closed axis."""
    system, n = state.system, state.system.size
    mean, covariance = observables.moments(state)
    sums = integrals.integrate(state, dWdt, mean, covariance)
    edges = state.grid.edge_mass(state.W, state.space.order // 2)
    record: Record = {
        "mass": state.grid.integrate(state.W),
        "mean": mean,
        "covariance": covariance,
        "energy": math.nan,
        "entropy_wigner": sums.entropy,
        "entropy_rate": sums.entropy_rate,
        "entropy_production": float(entropy.total(sums.production)),
        "entropy_production_q": float(entropy.total(sums.production[:n])),
        "entropy_production_p": float(entropy.total(sums.production[n:])),
        "entropy_flux": float(entropy.total(sums.flux)),
        "entropy_flux_drift": float(entropy.total(sums.flux_drift)),
        "entropy_flux_cross": float(sums.flux_cross.sum()),
        "entropy_moyal": sums.moyal,
        "purity": (2 * math.pi * system.hbar) ** n * sums.square if system.hbar > 0 else math.nan,
        "negativity": sums.negativity,
        "residual": sums.residual,
        "edge_mass": sum(edges.values()),
        "heat_current": observables.heat_current(state),
        "tail_uncertainty": sums.tail,
        "relative_entropy_thermal": entropy.relative_entropy_thermal(state, mean, covariance, sums.entropy),
    }
    extra = _of_one(state, dWdt) if n == 1 else _of_several(state, record, sums)
    return record | extra, edges


def _of_one(state: State, dWdt: FloatArray) -> Record:
    return {"energy": observables.energy(state), **wehrl.members(state, dWdt)}


def _of_several(state: State, record: Record, sums: integrals.Integrals) -> Record:
    """What a run of several particles has besides, and its energy with the springs."""
    system, n = state.system, state.system.size
    mean, covariance = np.asarray(record["mean"]), np.asarray(record["covariance"])
    parts = several.particle_energies(state, mean, covariance)
    return {
        "energy": float(parts.sum()),
        **dict.fromkeys(wehrl.NAMES, math.nan),
        "energy_particle": parts,
        "temperature": energies.temperatures(system, covariance),
        "entropy_production_particle": entropy.total(sums.production.reshape(2, n), axis=0),
        "entropy_flux_particle": entropy.total(sums.flux.reshape(2, n), axis=0),
        "spring_current": energies.spring_currents(system, mean, covariance),
        **several.correlations(state, sums.entropy, sums.square),
    }


def past_reasons(series: dict[str, FloatArray]) -> dict[str, str]:
    """Why members of the series were NaN at some time: W was negative then."""
    negativity, limit = series["negativity"], entropy.negative(series["heat_current"].shape[-1])
    if not (negativity > limit).any():
        return {}
    last = float(series["time"][negativity > limit][-1])
    text = f"{entropy.NEGATIVE_REASON.format(negativity.max())} up to t = {last:.6g}"
    return {name: text for name, values in series.items() if values.ndim == 1 and np.isnan(values).any()}


def reasons(state: State) -> dict[str, str]:
    """Why members of the series are NaN or infinite, by name."""
    found: dict[str, str] = {}
    pi_names = ("entropy_production", "entropy_production_q", "entropy_production_p", "tail_uncertainty")
    infinite = without_noise(state.system)
    if undefined := entropy.why_undefined(state):
        shared = ("mutual_information",) if state.system.size > 1 else ()
        found |= dict.fromkeys(("entropy_wigner", "entropy_rate", *shared), undefined)
        if not state.space.moyal.is_empty:
            found["entropy_moyal"] = undefined
        found |= dict.fromkeys(pi_names, undefined)
        if state.system.reversible_diffusion.any():
            found |= dict.fromkeys(("entropy_flux", "entropy_flux_cross"), undefined)
    found |= infinite
    if infinite:
        found["tail_uncertainty"] = entropy.why_not_finite(state)
    if any(axis.periodic for axis in state.grid.axes):
        found |= dict.fromkeys(("mean", "covariance"), observables.RING_REASON)
    found |= wehrl.reasons(state) if state.system.size == 1 else dict.fromkeys(wehrl.NAMES, NO_WEHRL)
    if text := entropy.why_no_relative_entropy(state):
        found["relative_entropy_thermal"] = text
    if state.system.hbar == 0:
        found |= no_purity(state.system)
    return found
