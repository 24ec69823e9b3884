"""A thousand periods at hardly any damping: stable, balanced, and off by the dispersion of the time steps alone."""

import math
from pathlib import Path

import numpy as np
import pytest

import fpsolver as fp
from fpsolver import api
from tests import systems

ETA, PERIODS, STEP = 0.001, 1000, 0.018


def runge_kutta(matrix, dt):
    """What one classical Runge-Kutta step does to a linear equation."""
    z = matrix * dt
    return np.eye(len(z)) + z @ (np.eye(len(z)) + z @ (np.eye(len(z)) + z @ (np.eye(len(z)) + z / 4) / 3) / 2)


def stepped_moments(system, mean, V, steps, dt):
    """Mean and covariance after so many steps: both close on the grid, so each follows its own matrix exactly."""
    A, V_S = system.drift_matrix, systems.lyapunov(system)
    second = np.kron(A, np.eye(2)) + np.kron(np.eye(2), A)  # of <x x^T>, whose steady value is V_S
    moment = np.linalg.matrix_power(runge_kutta(second, dt), steps) @ (V + np.outer(mean, mean) - V_S).ravel()
    mean = np.linalg.matrix_power(runge_kutta(A, dt), steps) @ mean
    return mean, V_S + moment.reshape(2, 2) - np.outer(mean, mean)


@pytest.mark.slow
def test_a_thousand_periods():
    """80^2, order 8, 349067 steps. The grid adds 1e-9 to moments, of which the steps take 1e-6."""
    until = PERIODS * 2 * math.pi
    mean, V = np.array([0.5, 0.0]), 1.2 * np.eye(2)
    axis = {"cells": 80, "extent": [-8.6, 8.6]}
    config = fp.Config(
        system={
            "mass": 1.0,
            "potential": {"kind": "harmonic", "omega": 1.0},
            "bath": {"model": "minimally_invasive", "eta": ETA, "beta": 0.7},
        },
        initial={"kind": "gaussian", "mean": mean.tolist(), "covariance": V.tolist()},
        grid={"q": axis, "p": axis},
        time={"until": until, "stepper": "rk4", "dt": STEP},
        output={"every": until / 100, "snapshots": [until]},
    )
    result = api.run_problem(api.prepare(config))
    assert result.status == "finished"
    assert [text[:34] for text in result.warnings] == ["the state crosses so many cells th"]  # 1e-7 in Pi on 80^2
    series, exact = result.series, result.exact
    rate = np.maximum(np.maximum(exact["entropy_production"], np.abs(exact["entropy_flux"])), ETA)
    closure = series["entropy_rate"] - (series["entropy_production"] - series["entropy_flux"])
    assert np.max(np.abs(closure) / rate) <= 1e-7
    assert np.ptp(series["mass"]) <= 1e-12
    errors, dispersion = [], []
    steps = result.provenance["steps"] // 100
    for k in range(101):
        predicted = stepped_moments(api.build_system(config), mean, V, k * steps, until / 100 / steps)
        for name, value in zip(("mean", "covariance"), predicted, strict=True):
            errors.append(np.abs(series[name][k] - value).max())
            dispersion.append(np.abs(exact[name][k] - value).max())
    assert max(errors) <= 1e-8
    assert max(dispersion) >= 20 * max(errors)  # what is predicted is not nothing


@pytest.mark.slow
def test_neither_mass_nor_memory_drift(monkeypatch):
    """30000 steps with checkpoints; scripts/reliability.py takes a million. A leak of one W a step would be 250 MB."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "scripts"))
    from reliability import long_run

    drift, growth, saved = long_run(30_000)
    assert drift <= 1e-12  # measured 1e-14; the bar is 1e-11 for a million
    assert growth <= 4  # MB; measured 0 to 1
    assert saved >= 1
