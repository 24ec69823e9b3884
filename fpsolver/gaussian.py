r"""``method: gaussian``: the exact moments of a quadratic system of any size, without a grid.

The steady state comes from the Lyapunov equation at once; a run to a given time multiplies mean and covariance by
the flow over one record interval, V <- M V M^T + C, again and again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fpsolver import memory
from fpsolver.config import build, initial
from fpsolver.config.reader import Config
from fpsolver.config.rules import refuse_gaussian
from fpsolver.config.schema_many import particles_of
from fpsolver.errors import ResourceError
from fpsolver.physics import energies, exact, linear, transients
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.stability import require_stable
from fpsolver.physics.states import GaussianState, symplectic_eigenvalues
from fpsolver.physics.system import System
from fpsolver.planning import round_number
from fpsolver.recorder import names_of, no_purity, without_noise
from fpsolver.thermo import detailed_balance, wehrl
from fpsolver.watch import PURITY_ERROR, too_pure

MATRICES_IN_MEMORY = 14  # of 2N x 2N numbers, at the peak
NUMBERS = 80  # in a record, besides its matrices: two million records of one particle took 1.5 GB
RECORD_SECONDS = 3e-5  # and 69 s
CHUNK = 2**18  # numbers of the covariances that are looked at together: 2 MB
RECORDS_IN_MEMORY = 2**29  # bytes that automatic records may take
BEYOND = 1e15  # records, more than any memory holds
MATRIX_SPEED = 4e10  # operations a second of a matrix product on two cores of 2022
OF_QUANTUM_SYSTEMS = ("cp_margin", "is_completely_positive", "cp_on_boundary")
CLASSICAL = "undefined: a classical system (hbar = 0) has no complete positivity"
NO_GRID = "undefined: time.method: gaussian has no grid"
WITHOUT_GRID = ("residual", "edge_mass", "tail_uncertainty")


@dataclass(frozen=True, eq=False)
class GaussianProblem:
    """A configuration of ``method: gaussian``, checked; ``times`` of the records, infinity for the steady state."""

    config: Config
    system: System
    state: GaussianState | None
    times: FloatArray
    warnings: tuple[str, ...]

    @property
    def memory(self) -> float:
        """Estimated peak memory, bytes."""
        return _memory(self.system.size, len(self.times))

    @property
    def seconds(self) -> float:
        """Predicted time, within a factor of two from 200 to 1000 particles."""
        products = 75 if math.isinf(self.times[-1]) else 30 + 7 * len(self.times)
        return 0.01 + products * 2 * (2 * self.system.size) ** 3 / MATRIX_SPEED + RECORD_SECONDS * len(self.times)


def prepare(config: Config, build_both: Callable[[Config], tuple[System, Any]]) -> GaussianProblem:
    """Check a configuration; the memory before any matrix is made. ``build_both``: system and initial state."""
    count = len(particles_of(config.system))
    _refuse_memory(count, 1)
    system, state = build_both(config)
    times = record_times(config, count)
    _refuse_unfit(config, system, state, is_steady=math.isinf(times[-1]))
    notes = initial.doubts(state, system.hbar) if np.isfinite(times).all() else []
    notes += model_notes(system)
    start = state if isinstance(state, GaussianState) else None
    return GaussianProblem(config, system, start, times, tuple(note for note in notes if note))


def model_notes(system: System) -> list[str]:
    """Warnings about dynamics that are not completely positive, or whose memory is not known well enough."""
    if system.is_time_dependent:
        return [*(memory.doubt() for memory in system.memories), late_doubt(system)]
    if system.hbar == 0 or system.is_completely_positive():
        return []
    return [
        f"the model is not completely positive (margin {system.cp_margin():.6g}): some quantum states would become "
        "unphysical under it"
    ]


def late_doubt(system: System) -> str:
    """A sentence if what a bath with memory leads to is no quantum state, or an empty string."""
    if system.hbar == 0 or not (system.is_quadratic and linear.is_stable(system.drift_matrix)):
        return ""
    smallest = float(symplectic_eigenvalues(exact.steady(system).covariance)[0])
    if smallest >= system.hbar / 2 * (1 - 1e-9):
        return ""
    return (
        f"the late covariance has the symplectic eigenvalue {smallest:.6g}, below hbar/2 = {system.hbar / 2:.6g}, "
        "which no quantum state has: coefficients of second order in the coupling do not hold for a bath so cold; "
        "give a smaller gamma, or a smaller beta"
    )


def purity_note(times: FloatArray, purity: FloatArray) -> list[str]:
    """The first time at which moments are not those of a quantum state."""
    above = np.flatnonzero(purity > 1 + PURITY_ERROR[0])
    return [too_pure(float(purity[above[0]]), float(times[above[0]]))] if len(above) else []


def _refuse_memory(count: int, records: int) -> None:
    needed, available = _memory(count, records), memory.available()
    if needed > available:
        raise ResourceError(
            f"{count} particles with {records} records need about {needed / 2**30:.3g} GiB, and "
            f"{available / 2**30:.3g} GiB are available; give fewer particles, or a larger output.every"
        )


def _memory(count: int, records: int) -> float:
    return 8.0 * (2 * count) ** 2 * (MATRICES_IN_MEMORY + 2 * (records - 1)) + 8.0 * NUMBERS * records + 2e8


def _refuse_unfit(config: Config, system: System, state: Any, *, is_steady: bool) -> None:
    """ConfigError for what has no Gaussian solution, NoSteadyStateError for what never becomes steady."""
    refuse_gaussian(config, system.is_quadratic, isinstance(state, GaussianState))
    if is_steady:
        require_stable(system)


def record_times(config: Config, count: int) -> FloatArray:
    """Infinity for the steady state; else about 200 times from 0 to the end, fewer of many particles.

    ResourceError before more of them are made than the memory holds.
    """
    until = build.until_time(config)
    if math.isinf(until):
        return np.array([math.inf])
    if config.output.every == "auto":
        most = RECORDS_IN_MEMORY / (16 * (2 * count) ** 2)
        every = round_number(until / min(200.0, max(most, 2.0)))
    else:
        every = float(config.output.every)
    whole = math.floor(min(until / every * (1 + 1e-12), BEYOND))
    ends_there = until - every * whole < 1e-9 * until
    _refuse_memory(count, whole + 1 + (not ends_there))
    times = every * np.arange(whole + 1)
    return times if ends_there else np.append(times, until)


def moments(problem: GaussianProblem) -> tuple[FloatArray, FloatArray, exact.SteadyState | None]:
    """Means (T, 2N) and covariances (T, 2N, 2N) at the times of the records."""
    if problem.state is None or math.isinf(problem.times[-1]):
        found = exact.steady(problem.system)
        return found.mean[None], found.covariance[None], found
    system, times = problem.system, problem.times
    if system.is_time_dependent:
        return *linear.moved(transients.flow(system, times), problem.state.mean, problem.state.covariance), None
    mean = np.empty((len(times), 2 * system.size))
    covariance = np.empty((*mean.shape, 2 * system.size))
    mean[0], covariance[0] = problem.state.mean, problem.state.covariance
    step, flow = math.nan, None
    for k, dt in enumerate(np.diff(times), start=1):
        if flow is None or abs(dt - step) > 1e-9 * step:  # the last interval may be shorter
            step = float(dt)
            flow = linear.flow(system.drift_matrix, system.force, system.diffusion_matrix, np.array([step]))
        M = flow.propagator[0]
        mean[k] = M @ mean[k - 1] + flow.shift[0]
        V = M @ covariance[k - 1] @ M.T + flow.noise[0]
        covariance[k] = 0.5 * (V + V.T)
    return mean, covariance, None


def series(system: System, times: FloatArray, mean: FloatArray, covariance: FloatArray) -> dict[str, FloatArray]:
    """Every quantity of a record on ``times``, as many of them at a time as fit the caches."""
    count = 1 if system.is_time_dependent else max(1, CHUNK // covariance[0].size)
    parts = [
        records(system.at(float(times[k])), mean[k : k + count], covariance[k : k + count])
        for k in range(0, len(times), count)
    ]
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    found = {"time": times, "mean": mean, "covariance": covariance, **arrays}
    if system.is_time_dependent:
        found["cp_margin"] = np.array([system.at(float(t)).cp_margin() for t in times])
    return {name: found.get(name, np.full(len(times), np.nan)) for name in ("time", *names_of(system))}


def records(system: System, mean: FloatArray, V: FloatArray) -> dict[str, FloatArray]:
    """Rows of the series, (..) or (.., n), for Gaussians with means (.., 2N) and covariances (.., 2N, 2N)."""
    n, zero = system.size, np.zeros(mean.shape[:-1])
    rates = exact.gaussian_rates(system, mean, V)
    production, flux = exact.gaussian_channels(system, mean, V)
    crossed = system.reversible_diffusion
    cross = -0.5 * np.sum(crossed * np.linalg.inv(V), axis=(-2, -1)) if crossed.any() else zero
    parts, entropy = energies.particle_energies(system, mean, V), exact.wigner_entropy(V)
    pure = n * (1 + math.log(math.pi * system.hbar)) if system.hbar > 0 else math.nan  # entropy of pure states
    information = energies.mutual_information(V)
    return {
        "mass": zero + 1.0,
        "energy": parts.sum(axis=-1),
        "entropy_wigner": entropy,
        "entropy_rate": rates.entropy_rate,
        "entropy_production": rates.entropy_production,
        "entropy_production_q": production[..., :n].sum(axis=-1),
        "entropy_production_p": production[..., n:].sum(axis=-1),
        "entropy_flux": rates.entropy_flux,
        "entropy_flux_drift": rates.entropy_flux - cross,
        "entropy_flux_cross": cross,
        "entropy_moyal": zero,
        "purity": np.exp(pure - entropy),
        "negativity": zero,
        "heat_current": energies.heat_currents(system, mean, V),
        "energy_particle": parts,
        "temperature": energies.temperatures(system, V),
        "entropy_production_particle": production[..., :n] + production[..., n:],
        "entropy_flux_particle": flux[..., :n] + flux[..., n:],
        "purity_particle": energies.purities(system, V),
        "mutual_information": information,
        "mutual_information_renyi": information,
        "spring_current": energies.spring_currents(system, mean, V),
    }


def reasons(system: System) -> dict[str, str]:
    """Why members of the series are NaN or infinite, by name."""
    found = dict.fromkeys(WITHOUT_GRID, NO_GRID)
    found |= dict.fromkeys((*wehrl.NAMES, "relative_entropy_thermal"), "not computed without a grid")
    if system.hbar == 0:
        found |= no_purity(system)
    return found | without_noise(system)


def diagnostics(problem: GaussianProblem, steady: exact.SteadyState | None, V: FloatArray) -> dict[str, Any]:
    """Verdicts about the model; those about a grid are NaN."""
    system, now = problem.system, problem.system.at(float(problem.times[-1]))
    if steady is None and 2 * system.size < linear.LARGE and linear.is_stable(system.drift_matrix):
        steady = exact.steady(system)
    V = V if steady is None else steady.covariance
    found: dict[str, Any] = {
        "cp_margin": now.cp_margin(),
        "is_completely_positive": now.is_completely_positive() if system.hbar else math.nan,
        "cp_on_boundary": now.is_on_cp_boundary() if system.hbar else math.nan,
        "detailed_balance_residual": math.nan,
        "detailed_balance_residual_reason": NO_GRID,
        "diffusion_parity_residual": detailed_balance.parity_residual(now),
        "kms_residual": detailed_balance.kms_residual(system, V),
        "satisfies_detailed_balance": steady is not None and detailed_balance.gaussian_detailed_balance(steady),
        "steady_residual": math.nan,
        "slowest_rate": math.nan if steady is None else steady.slowest_rate,
        "resolution": math.nan,
        "resolution_reason": NO_GRID,
    }
    if steady is not None and math.isinf(problem.times[-1]):
        found["steady_residual"] = steady.residual * linear.fastest_rate(system.drift_matrix)
    else:
        found["steady_residual_reason"] = "not known: the run ends at a given time, and W is not on a grid"
    if steady is None:
        names = ("slowest_rate", "satisfies_detailed_balance")
        found |= {f"{name}_reason": "not known: no steady state was looked for" for name in names}
    if system.hbar == 0:
        found |= {f"{name}_reason": CLASSICAL for name in OF_QUANTUM_SYSTEMS}
    return found
