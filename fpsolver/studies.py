"""Questions to a configuration that take more than one run of it, or none: its spectrum, its convergence."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np

from fpsolver import api, told
from fpsolver.config.reader import Config
from fpsolver.errors import ConvergenceError, InterruptedStudyError, UsageError
from fpsolver.grid import Grid
from fpsolver.physics import arguments, exact, linear
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.system import System
from fpsolver.physics.timescales import linear_rates
from fpsolver.problem import Problem
from fpsolver.result import Result
from fpsolver.summary import Summary

LADDER = 2500  # rungs of the linear ladder that are counted to plan the search
ROUND_OFF = 1e-11  # of the scale of each error: quotients of tails, summed over 10^4 cells
MOST_MODES = 12  # in a printed table
CELLS_PER_MODE = 32  # with fewer, most of the modes searched alternate from cell to cell
QUANTITIES = ("W", "moments", "Pi", "Phi")


@dataclass(frozen=True, eq=False, repr=False)
class Spectrum(Summary):
    """Slowest relaxation modes: ``values`` on the grid, ``exact`` ones next to them (NaN if there is no closed form).

    Complex, 1/time: -decay rate + i frequency; the steady state's first, which is 0 but for the error of the grid.
    Those not told from 0 are NaN, with the ``reason``; ``warning``: what is to be said of the others.
    """

    values: np.ndarray
    exact: np.ndarray
    problem: Problem
    reason: str = ""
    warning: str = ""

    @property
    def title(self) -> str:
        """Title of the configuration."""
        return self.problem.config.title or "spectrum"

    @property
    def round_off(self) -> FloatArray:
        """Size below which the rate or frequency of each mode is shown as 0, 1/time; far below a mode told from 0."""
        sizes = np.abs(self.values)
        largest = ROUND_OFF * max(float(np.nanmax(sizes)), linear_rates(self.problem.system)[0])
        return np.concatenate([[largest], np.minimum(largest, told.LOST * sizes[1:])])

    def summary(self) -> list[tuple[str, str]]:
        """Rows of the short table: grid, and rate and frequency of the first modes."""
        cells = " x ".join(str(n) for n in self.problem.grid.shape)
        rows = [("grid", f"{cells} cells, {self.problem.generator.scheme.words}")]
        for k, (value, known) in enumerate(zip(self.values[:MOST_MODES], self.exact, strict=False)):
            words = f", exact {_rate_words(known, 0.0)}" if np.isfinite(known) else ""
            rows.append((f"mode {k}", _rate_words(value, float(self.round_off[k])) + words))
        more = len(self.values) - MOST_MODES
        rows += [("more modes", f"{more}, in the attribute values")] if more > 0 else []
        return [*rows, *(("doubts", text) for text in (self.reason, self.warning) if text)]


def _rate_words(value: complex, round_off: float) -> str:
    """Decay and turning of a mode, round-off as 0."""
    if np.isnan(value):
        return told.NOT_TOLD
    rate, frequency = (x if abs(x) > round_off else 0.0 for x in (-value.real, value.imag))
    return f"rate {rate:.9g}, frequency {frequency:.9g}"


def spectrum(config: Config, count: int = 10) -> Spectrum:
    """The ``count`` slowest eigenvalues of a configuration's generator on its grid.

    UsageError for limited fluxes, which are not linear, and for more modes than one in 32 cells;
    NoSteadyStateError where nothing decays.
    """
    found = modes_found(config, count)
    if len(found.values) < count:
        raise ConvergenceError(few_words(len(found.values), count))
    doubts = told.doubts(found.values, found.problem)
    values = told.without_lost(found.values, doubts)
    return replace(found, values=values, reason=doubts.reason, warning=doubts.warning)


def few_words(found: int, count: int) -> str:
    """Why there are fewer modes than were asked for: others alternate from cell to cell, or lean against walls."""
    return f"only {found} of {count} modes were found; ask for fewer, or give more cells"


def modes_found(config: Config, count: int) -> Spectrum:
    """As :func:`spectrum`, of as many of the modes as are found."""
    api.require_config(config)
    count = arguments.whole("the number of modes", count, 1)
    if config.scheme.reversible == "limited":
        raise UsageError("scheme.reversible: limited is not linear and has no spectrum; use `central`")
    system = api.build_system(config)
    if system.size > 1:
        raise UsageError(
            f"a spectrum needs one particle, and there are {system.size}: the matrix of a grid of {2 * system.size} "
            "axes is too large; for linear forces fp.exact.steady(system).spectrum(n) has it"
        )
    if system.is_time_dependent:
        raise UsageError("coefficients that change with time have no spectrum; freeze them in Python: system.at(time)")
    from fpsolver import relaxation  # scipy.sparse takes 0.2 s to import, and only this study needs it here

    problem = _direct(config)
    _refuse_many(count, problem.grid)
    known, ladder = _ladders(problem, max(LADDER, 4 * count))
    found = relaxation.slowest_modes(problem.generator, count, ladder)
    return Spectrum(found, _nearest(known, found), problem)


def _direct(config: Config) -> Problem:
    return api.prepare(config.replaced(time={"method": "direct", "until": "steady"}))


def most_modes(config: Config) -> int:
    """How many modes can be asked for on the grid of a configuration."""
    return _most(_direct(config).grid)


def _most(grid: Grid) -> int:
    """Of as many modes as cells, nearly all only alternate between them."""
    return math.prod(grid.shape) // CELLS_PER_MODE


def _refuse_many(count: int, grid: Grid) -> None:
    """UsageError for modes that the grid cannot have."""
    most = _most(grid)
    if count > most:
        cells = " x ".join(map(str, grid.shape))
        raise UsageError(
            f"the number of modes must be at most {most}, one for {CELLS_PER_MODE} of the {cells} cells, but is "
            f"{count}; ask for fewer, or give more cells"
        )


def _ladders(problem: Problem, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Exact eigenvalues (empty without a closed form), and those that tell where to look."""
    system, q_axis = problem.system, problem.grid.axes[0]
    if system.is_quadratic:
        known = linear.spectrum(system.drift_matrix, count)
        if q_axis.periodic:
            known = exact.spectrum_on_ring(system, q_axis.length, count)
        return known, known
    return np.empty(0), _expected_ladder(system, count)


def _expected_ladder(system: System, count: int) -> np.ndarray:
    """Ladders of the linearised motion in each well, or multiples of the friction rate where nothing is linear."""
    wells = system.particles[0].potential.minima()
    matrices = [system.linearised_drift(np.array([q])) for q in wells]
    ladders = [linear.spectrum(A, count) for A in matrices if linear.is_stable(A)]
    if not ladders:
        ladders = [0.25 * float(system.dissipative_drift[1, 1]) * np.arange(count)]
    values = np.concatenate(ladders)
    return np.asarray(values[np.argsort(-values.real, kind="stable")][:count])


def _nearest(known: np.ndarray, found: np.ndarray) -> np.ndarray:
    if not len(known):
        return np.full(len(found), complex(math.nan, math.nan))
    return np.array([known[np.argmin(np.abs(known - value))] for value in found])


@dataclass(frozen=True, eq=False, repr=False)
class Convergence(Summary):
    """Errors of one configuration on several grids with the same box; ``errors`` by quantity, one entry a grid.

    ``reference`` says what they are measured against: the exact Gaussian, or the finest grid (whose row is left out).
    W: L1 distance; moments: largest entry of mean and covariance over the largest of them; Pi, Phi: over
    max(Pi, abs(Phi), friction rate), or the fastest rate of small motions where these are 0. ``reasons``: why an error
    of Pi or Phi is NaN, by quantity.
    """

    cells: tuple[int, ...]
    errors: dict[str, FloatArray]
    seconds: FloatArray
    reference: str
    reasons: dict[str, str] = field(default_factory=dict)

    title = "convergence"

    def summary(self) -> list[tuple[str, str]]:
        """Rows of the short table: the reference, and the errors of each grid with their orders in brackets."""
        shown = [name for name, values in self.errors.items() if np.isfinite(values).any()]
        rows = [("errors against", f"{self.reference}, orders in brackets")]
        for k, n in enumerate(self.cells):
            words = [f"{name} {self.errors[name][k]:.2e}{self._order_words(name, k)}" for name in shown]
            rows.append((f"{n} x {n} cells", ", ".join(words)))
        return [*rows, *((f"no error of {name}", reason) for name, reason in self.reasons.items())]

    def _order_words(self, name: str, k: int) -> str:
        order = self.orders(name)[k]
        return f" ({order:.2f})" if math.isfinite(order) else ""

    def orders(self, name: str) -> FloatArray:
        """Observed orders of convergence between neighbouring grids; NaN for the first, and where round-off is left."""
        pairs = zip(pairwise(self.cells), pairwise(self.errors[name]), strict=True)
        found = [math.log(a / b) / math.log(n / m) if min(a, b) > ROUND_OFF else math.nan for (m, n), (a, b) in pairs]
        return np.array([math.nan, *found])


def convergence(config: Config, cells: tuple[int, ...] = (48, 64, 96, 128)) -> Convergence:
    """Run a configuration on grids of ``cells`` x ``cells``, all on the box of its own grid, and compare.

    UsageError for several particles; ConvergenceError if a run does not get to its end, InterruptedStudyError if one
    is interrupted.
    """
    api.require_config(config)
    cells = arguments.items("cells", cells, int)
    if len(cells) < 2 or any(n >= m for n, m in pairwise(cells)):
        raise UsageError(f"cells must be at least two numbers that increase, but are {', '.join(map(str, cells))}")
    if (size := api.build_system(config).size) > 1:
        raise UsageError(
            f"a study of convergence needs one particle, and there are {size}: grids of {2 * size} axes cannot be "
            "refined far; compare runs with different cells, or with time.method: gaussian where forces are linear"
        )
    results = [_finished(problem, n) for n, problem in zip(cells, _refinements(config, cells), strict=True)]
    seconds = np.array([result.provenance["wall_solve"] for result in results])
    if results[-1].exact is not None:
        rows = [_errors(result, _end(result.exact, 0.0)) for result in results]
        reference = "the exact Gaussian" if results[-1].exact_is_gaussian else "the exact solution"
    else:
        rows = [_errors(result, _end(results[-1].series)) for result in results[:-1]]
        reference, cells, seconds = f"the grid of {cells[-1]} x {cells[-1]} cells", cells[:-1], seconds[:-1]
    errors = {name: np.array([row[name] for row in rows]) for name in QUANTITIES}
    return Convergence(cells, errors, seconds, reference, _reasons(results, errors))


def _reasons(results: list[Result], errors: dict[str, FloatArray]) -> dict[str, str]:
    """Why there is no error of Pi or Phi on some grid: it or what it is compared with does not exist."""
    found = {}
    for name, member in (("Pi", "entropy_production"), ("Phi", "entropy_flux")):
        if not np.isnan(errors[name]).any():
            continue
        lacking = [result for result in results if not math.isfinite(result.last(member))]
        found[name] = f"the exact solution is no Gaussian and has no {name}"
        if lacking:
            cells = " x ".join(map(str, lacking[0].grid.shape))
            found[name] = f"with {cells} cells {name} is {lacking[0].reasons.get(member, lacking[0].last(member))}"
    return found


def _finished(problem: Problem, n: int) -> Result:
    """Result of one grid; an error for one that nothing can be compared with."""
    result = api.run_problem(problem)
    if result.status == "interrupted":
        raise InterruptedStudyError(f"interrupted in the run on {n} x {n} cells; no orders were found")
    if not result.is_complete:
        raise ConvergenceError(f"the run on {n} x {n} cells {result.message}")
    return result


def _refinements(config: Config, cells: tuple[int, ...]) -> list[Problem]:
    box = {axis.name: [axis.low, axis.high] for axis in api.prepare(config).grid.axes}
    given = config.grid.model_dump()
    problems = []
    for n in cells:
        axes = {name: {**given[name], "cells": n, "extent": box[name], "allow_coarse": True} for name in box}
        problems.append(api.prepare(config.replaced(grid=axes)))
    return problems


def _end(series: dict[str, FloatArray] | None, W: float = math.nan) -> dict[str, Any]:
    """Moments and rates of the last record, and the error of W."""
    assert series is not None
    moments = [series["mean"][-1], series["covariance"][-1].ravel()]
    rates = {"Pi": float(series["entropy_production"][-1]), "Phi": float(series["entropy_flux"][-1])}
    return {"W": W, "moments": np.concatenate(moments), **rates}


def _errors(result: Result, reference: dict[str, Any]) -> dict[str, float]:
    found = _end(result.series)
    rate = _rate(result, [abs(reference[name]) for name in ("Pi", "Phi") if math.isfinite(reference[name])])
    size = float(np.nanmax(np.abs(reference["moments"])))
    return {
        "W": result.exact_error if reference["W"] == 0 else math.nan,
        "moments": float(np.nanmax(np.abs(found["moments"] - reference["moments"]))) / size,
        "Pi": abs(found["Pi"] - reference["Pi"]) / rate,
        "Phi": abs(found["Phi"] - reference["Phi"]) / rate,
    }


def _rate(result: Result, known: list[float]) -> float:
    """What errors of Pi and Phi are divided by; in closed systems nothing is produced, and motion is all there is."""
    system = api.build_system(result.config)
    friction = -float(np.trace(system.dissipative_drift))
    return max([friction, *known]) or linear_rates(system)[0] or 1 / float(result.series["time"][-1])
