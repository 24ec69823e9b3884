"""What ``fpsolver check`` prints, as numbers for scripts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from fpsolver.cli.check_run import run_numbers
from fpsolver.cli.info import small
from fpsolver.cli.words import bath_words
from fpsolver.config.axes import is_ring
from fpsolver.config.reader import Config
from fpsolver.errors import NoSteadyStateError
from fpsolver.gaussian import GaussianProblem
from fpsolver.physics import energies, equilibrium, exact, linear
from fpsolver.physics.system import System
from fpsolver.problem import Problem
from fpsolver.thermo.detailed_balance import gaussian_detailed_balance, has_gibbs_state, kms_residual, parity_residual


def of_grid(problem: Problem) -> dict[str, Any]:
    """Model, steady state, grid and run."""
    grid, found = problem.grid, problem.resolution
    return {
        **of_model(problem.config, problem.system),
        "grid": {
            "order": problem.generator.scheme.order,
            "axes": [
                {"name": a.name, "cells": a.cells, "low": a.low, "high": a.high, "periodic": a.periodic, "h": a.spacing}
                for a in grid.axes
            ],
            "resolution": found.cells,
            "resolution_time": found.time,
        },
        "run": run_numbers(problem),
        "warnings": problem.warnings,
    }


def of_moments(problem: GaussianProblem) -> dict[str, Any]:
    """Model, steady state (unless it takes long) and run without a grid."""
    end = float(problem.times[-1])
    run = {
        "method": "gaussian",
        "until": "steady" if np.isinf(end) else end,
        "records": len(problem.times),
        "memory_bytes": problem.memory,
        "run_seconds": problem.seconds,
    }
    return {**of_model(problem.config, problem.system), "run": run, "warnings": problem.warnings}


def of_model(config: Config, system: System) -> dict[str, Any]:
    """Model, of late times where it changes, and steady state; without the matrices of long chains."""
    has_baths = getattr(config.system, "matrices", None) is None
    model = {
        "hbar": system.hbar,
        "masses": [particle.mass for particle in system.particles],
        "potentials": [str(particle.potential) for particle in system.particles],
        "baths": [bath_words(particle.bath) for particle in system.particles] if has_baths else None,
        "springs": [{"first": s.first + 1, "second": s.second + 1, "stiffness": s.stiffness} for s in system.couplings],
        "changes_until": system.settled if system.is_time_dependent else 0.0,
        "dissipative_drift": system.dissipative_drift,
        "diffusion_matrix": system.diffusion_matrix,
        "cp_margin": system.cp_margin() if system.hbar else None,
        "is_completely_positive": system.is_completely_positive() if system.hbar else None,
        "is_on_cp_boundary": system.is_on_cp_boundary() if system.hbar else None,
    }
    if system.is_quadratic:
        model["drift_matrix"] = system.drift_matrix
    return {"title": config.title, "model": small(model), "steady_state": small(_of_steady_state(config, system))}


def _of_steady_state(config: Config, system: System) -> dict[str, Any]:
    """As far as there is a closed form; else why there is none."""
    if 2 * system.size >= linear.LARGE:
        return {"reason": "not computed: of so many particles it is the run itself"}
    if not system.is_quadratic:
        verdict = (
            True if has_gibbs_state(system, is_ring=is_ring(config)) else False if parity_residual(system) > 0 else None
        )
        return {"reason": "the force is not linear", "satisfies_detailed_balance": verdict}
    try:
        return _of_ring(exact.steady_on_ring(system)) if is_ring(config) else _of_gaussian(exact.steady(system))
    except NoSteadyStateError as error:
        return {"reason": str(error)}


def _of_ring(steady: exact.RingState) -> dict[str, Any]:
    return {
        "mean_momentum": steady.mean_momentum,
        "momentum_variance": steady.momentum_variance,
        "entropy_production": steady.Pi,
        "satisfies_detailed_balance": steady.satisfies_detailed_balance,
    }


def _of_gaussian(steady: exact.SteadyState) -> dict[str, Any]:
    system, V = steady.system, steady.covariance
    eigenvalues = np.linalg.eigvals(system.drift_matrix)
    found = {
        "mean": steady.mean,
        "covariance": V,
        "entropy_production": steady.Pi,
        "satisfies_detailed_balance": gaussian_detailed_balance(steady),
        "kms_residual": kms_residual(system, V),
        "diffusion_parity_residual": parity_residual(system),
        "eigenvalues": {"real": eigenvalues.real, "imag": eigenvalues.imag},
    }
    if system.size > 1:
        several = {"temperatures": energies.temperatures(system, V), "slowest_rate": steady.slowest_rate}
        heat = energies.heat_currents(system, steady.mean, V)
        return found | several | {"heat_currents": heat, "mutual_information": float(energies.mutual_information(V))}
    single = equilibrium.temperatures(steady)
    return found if single is None else found | {"temperatures": asdict(single)}
