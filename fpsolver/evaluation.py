"""From the trajectory of a run to its result: currents, densities, verdicts, comparison with the exact solution."""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np

from fpsolver import autogrid, dispersion, gaussian
from fpsolver.config import axes
from fpsolver.errors import NoSteadyStateError
from fpsolver.gaussian import GaussianProblem
from fpsolver.io import provenance
from fpsolver.physics import exact as exact_module
from fpsolver.physics.linear import is_stable
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.states import GaussianState
from fpsolver.physics.system import System
from fpsolver.problem import Problem
from fpsolver.recorder import past_reasons, phase_space, reasons
from fpsolver.result import Final, GaussianResult, Result, Snapshots
from fpsolver.thermo import detailed_balance, entropy, several
from fpsolver.thermo.state import State
from fpsolver.trajectory import Trajectory

CURRENTS_IN_MEMORY = 2**28  # bytes of full currents in a result of several particles
MISSED = 1e-9  # of max(Pi, abs Phi, damping)


def evaluate(problem: Problem, trajectory: Trajectory) -> Result:
    """Currents, densities, diagnostics and the comparison with the exact solution."""
    state = State(trajectory.W, phase_space(problem.generator, trajectory.times[-1]))
    series = trajectory.series()
    exact, error = _compare(problem, trajectory)
    found = past_reasons(series) | reasons(state)
    if problem.system.is_time_dependent and problem.system.hbar == 0:
        found["cp_margin"] = _WHY_NAN["cp_margin"]
    final, particles = final_and_particles(state, trajectory.times[-1])
    return Result(
        config=problem.config,
        grid=problem.grid,
        series=series,
        final=final,
        particles=particles,
        snapshots=Snapshots(
            np.array(trajectory.snapshot_times),
            np.array(trajectory.snapshots).reshape(-1, *problem.grid.shape),
        ),
        exact=exact,
        exact_error=error,
        diagnostics=diagnostics(problem, state, series, ended_steady=trajectory.status == "steady"),
        status=trajectory.status,
        message=trajectory.message,
        reasons=found,
        warnings=[*problem.warnings, *_new_warnings(problem, trajectory), *_missed(problem, series, exact)],
        provenance=provenance.collect(numba.get_num_threads()),
    )


def evaluate_moments(problem: GaussianProblem) -> GaussianResult:
    """The exact moments, and everything that follows from them."""
    mean, covariance, steady = gaussian.moments(problem)
    is_steady = steady is not None
    series = gaussian.series(problem.system, problem.times, mean, covariance)
    return GaussianResult(
        config=problem.config,
        series=series,
        diagnostics=gaussian.diagnostics(problem, steady, covariance[-1]),
        status="steady" if is_steady else "finished",
        message="found the steady state without steps" if is_steady else f"ended at t = {problem.times[-1]:.6g}",
        reasons=gaussian.reasons(problem.system),
        warnings=[*problem.warnings, *gaussian.purity_note(problem.times, series["purity"])],
        provenance=provenance.collect(numba.get_num_threads()),
    )


def _new_warnings(problem: Problem, trajectory: Trajectory) -> list[str]:
    """What the run had to warn about; a coarse grid has been named before it."""
    known = {"resolution"} if problem.resolution.is_coarse else set()
    return [text for kind, text in trajectory.warnings.items() if kind not in known]


def _missed(problem: Problem, series: dict[str, FloatArray], exact: dict[str, FloatArray] | None) -> list[str]:
    """A sentence if Pi or Phi of a run that should be exact to nine digits is not, and nothing has said so yet."""
    scheme = problem.generator.scheme
    if problem.system.size > 1 or axes.allows_coarse(problem.config):
        return []
    expected = scheme.flux == "central" and scheme.order == 8
    known = problem.resolution.cells < autogrid.WARN_BELOW or problem.has_known_error
    if exact is None or known or not expected or not np.isfinite(exact["entropy_production"]).all():
        return []
    names = ("entropy_production", "entropy_flux")
    damping = max(-float(np.trace(problem.system.drift_matrix)), 0.0)
    rate = np.maximum(*(np.abs(exact[name]) for name in names)).clip(min=damping or 1e-300)
    errors = np.max([np.abs(series[name] - exact[name]) / rate for name in names], axis=0)
    worst = int(np.argmax(np.nan_to_num(errors)))
    if not errors[worst] > MISSED:
        return []
    when, cure = (
        autogrid.moment(float(series["time"][worst])),
        dispersion.more_cells(float(errors[worst]), problem.grid),
    )
    return [
        f"{when} Pi or Phi differs from the exact Gaussian's by {errors[worst]:.1g} of max(Pi, |Phi|, damping), "
        f"which leaves fewer than nine digits; give {cure}"
    ]


def final_and_particles(state: State, time: float) -> tuple[Final, tuple[several.Particle, ...]]:
    """W at a time with its currents and densities, and several particles each on its own."""
    return (final_state(state, time), ()) if state.system.size == 1 else _final_of_several(state, time)


def final_state(state: State, time: float) -> Final:
    """W of one particle at a time with its currents and densities."""
    reversible, irreversible = state.reversible_current, state.irreversible_current
    production = entropy.production_channels(state).sum(axis=0)
    drift, cross = entropy.flux_densities(state)
    flux = drift + cross
    if entropy.why_not_finite(state):
        production, flux = np.full_like(production, np.inf), np.full_like(flux, np.inf)
    elif entropy.why_undefined(state):
        production = np.full_like(production, np.nan)
        if state.space.reversible_D.any():
            flux = np.full_like(flux, np.nan)
    return Final(time, state.W, reversible + irreversible, reversible, irreversible, production, flux)


def _final_of_several(state: State, time: float) -> tuple[Final, tuple[several.Particle, ...]]:
    """The same, slab by slab, with each particle on its own; full currents only where they fit."""
    keep = 6 * state.system.size * state.W.nbytes <= CURRENTS_IN_MEMORY
    found = several.fields(state, keep_currents=keep)
    channels = [found.production, *(particle.production for particle in found.particles)]
    if entropy.why_undefined(state):
        _fill([*channels, found.flux] if state.space.reversible_D.any() else channels, np.nan)
    if entropy.why_not_finite(state):
        _fill([found.production, found.flux], np.inf)
        for k, noiseless in enumerate(state.system.noiseless_drift.reshape(2, -1).T):
            found.particles[k].production[noiseless] = np.inf
    reversible, irreversible = found.J_reversible, found.J_irreversible
    total = None if reversible is None or irreversible is None else reversible + irreversible
    final = Final(time, state.W, total, reversible, irreversible, found.production, found.flux)
    return final, found.particles


def _fill(arrays: list[FloatArray], value: float) -> None:
    for array in arrays:
        array[...] = value


def _compare(problem: Problem, trajectory: Trajectory) -> tuple[dict[str, FloatArray] | None, float]:
    times = np.array(trajectory.times)
    moments = problem.exact_moments(times)
    if moments is None:
        return None, math.nan
    mean, covariance = moments
    rates = exact_module.rates_along(problem.system, times, mean, covariance)
    state, error = problem.exact_state(float(times[-1])), math.nan
    if state is not None:
        error = problem.grid.integrate(np.abs(trajectory.W - state.values(problem.grid.coordinates)))
    if not isinstance(state, GaussianState):
        rates = exact_module.rates_of_moments(problem.system, rates)
    return {
        "time": times,
        "mean": mean,
        "covariance": covariance,
        "entropy_production": rates.entropy_production,
        "entropy_flux": rates.entropy_flux,
    }, error


def diagnostics(problem: Problem, state: State, series: dict[str, FloatArray], *, ended_steady: bool) -> dict[str, Any]:
    """Verdicts and residuals of the model and of the last state, with the coefficients of that time."""
    system, now = problem.system, state.system
    residual = detailed_balance.first_line_residual(state)
    parity = detailed_balance.parity_residual(now)
    covariance = series["covariance"][-1]
    steady, ring, unknown = None, None, ""
    on_line = not any(axis.periodic for axis in problem.grid.axes)
    if system.is_quadratic and not on_line:
        ring = _steady_on_ring(system)
    if system.is_quadratic and on_line and is_stable(system.drift_matrix):
        steady = exact_module.steady(system)
        covariance = steady.covariance
    if steady is not None:
        satisfied = detailed_balance.gaussian_detailed_balance(steady)
    elif ring is not None:
        satisfied = ring.satisfies_detailed_balance
    else:
        satisfied, unknown = detailed_balance.verdict(now, residual, is_ring=not on_line)
    found: dict[str, Any] = {
        "cp_margin": now.cp_margin(),
        "is_completely_positive": now.is_completely_positive() if system.hbar else math.nan,
        "cp_on_boundary": now.is_on_cp_boundary() if system.hbar else math.nan,
        "detailed_balance_residual": residual,
        "diffusion_parity_residual": parity,
        "kms_residual": detailed_balance.kms_residual(system, covariance),
        "satisfies_detailed_balance": bool(satisfied),
        "steady_residual": float(series["residual"][-1]),
        "slowest_rate": _slowest(problem, steady),
        "resolution": problem.grid.cells_per_deviation(series["covariance"][-1]),
    }
    is_open = steady is None and ring is None and parity == 0 and not ended_steady
    if is_open and not detailed_balance.has_gibbs_state(now, is_ring=not on_line):
        found["satisfies_detailed_balance"], unknown = False, BALANCE_UNKNOWN
    if unknown:
        found["satisfies_detailed_balance_reason"] = unknown
    return found | {f"{name}_reason": text for name, text in _WHY_NAN.items() if _is_nan(found[name])}


def _steady_on_ring(system: System) -> exact_module.RingState | None:
    """Steady state on a ring without corrugation, None if there is none."""
    try:
        return exact_module.steady_on_ring(system)
    except NoSteadyStateError:
        return None


def _slowest(problem: Problem, steady: exact_module.SteadyState | None) -> float:
    """Slowest decay rate where it is exact: the estimate for anharmonic potentials is right only in its size."""
    if problem.plan.decay is not None and problem.plan.decay.is_exact:
        return problem.plan.decay.value
    return math.nan if steady is None else steady.slowest_rate


BALANCE_UNKNOWN = "not known: line 1 is about the steady state, and the run did not end in one"
_WHY_NAN = {
    **dict.fromkeys(gaussian.OF_QUANTUM_SYSTEMS, gaussian.CLASSICAL),
    "kms_residual": "undefined: q lives on a ring, or a deviation is zero",
    "slowest_rate": "not computed: no closed form is known; `fpsolver spectrum` finds it",
}


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)
