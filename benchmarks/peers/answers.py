"""What a program answers, and how far that is from the exact Gaussian; the same judge for all."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import fpsolver as fp
from fpsolver.thermo.state import FLOOR
from peers.problems import Problem

Setting = Mapping[str, float]


@dataclass(frozen=True)
class Answer:
    """W on the program's own grid, and what it knows better itself: covariance, Pi, seconds spent compiling."""

    W: np.ndarray
    grid: fp.Grid
    covariance: np.ndarray | None = None
    Pi: float | None = None
    compiling: float = 0.0


@dataclass(frozen=True)
class Solver:
    """One way to use a program: for each problem (by name) the settings, from coarse to fine."""

    name: str
    solve: Callable[[Problem, Setting], Answer]
    settings: Mapping[str, Sequence[Setting]]
    first: tuple[Setting, ...] = ()  # settings that compile different code, if the coarsest does not compile it all
    tells_compiling: bool = False  # in each answer


@dataclass(frozen=True)
class Program:
    """A program and its ways: ``start`` is what a user imports first."""

    name: str
    package: str  # as installed
    start: str  # statement timed as start-up
    solvers: tuple[Solver, ...]
    notes: tuple[str, ...] = field(default=())
    keeps_compiled: bool = False  # on disk, for the next process


def errors(problem: Problem, answer: Answer) -> dict[str, float]:
    """Errors of the covariance (relative to its largest entry), of W (L1) and of Pi (relative)."""
    mean, V, Pi = problem.exact
    if not np.nan_to_num(answer.W).any():  # overflow wherever it would not be zero
        known = answer.covariance if answer.covariance is not None else np.full_like(V, math.nan)
        return {"moments": float(np.abs(known - V).max() / np.abs(V).max()), "W": math.nan, "Pi": math.nan}
    W = answer.W / answer.grid.integrate(np.nan_to_num(answer.W))
    _, found = fp.thermo.moments(np.nan_to_num(W), problem.system, answer.grid)
    found = found if answer.covariance is None else answer.covariance
    exact = fp.states.gaussian(mean, V).values(problem.common_grid.coordinates)
    difference = np.abs(on_grid(np.nan_to_num(W), answer.grid, problem.common_grid) - exact)
    production = entropy_production(problem, W, answer.grid) if answer.Pi is None else answer.Pi
    return {
        "moments": float(np.abs(found - V).max() / np.abs(V).max()),
        "W": problem.common_grid.integrate(difference),
        "Pi": abs(production / Pi - 1),
    }


def entropy_production(problem: Problem, W: np.ndarray, grid: fp.Grid) -> float:
    """Pi of a W that may be negative, or unknown (NaN), somewhere: there, and next to it, nothing is counted.

    Gradients are fpsolver's, of order 8. fpsolver itself gives no Pi for such W; this is kinder.
    """
    values = np.nan_to_num(W)
    J = fp.thermo.currents(values, problem.system, grid).irreversible
    floor = max(FLOOR * values.max(), -2 * values.min())
    counted = (values > floor) & ~near(np.isnan(W), 4)
    density = J[0] ** 2 / problem.d_qq + J[1] ** 2 / problem.d_pp
    return grid.integrate(np.where(counted, density / np.where(counted, values, 1.0), 0.0))


def near(marked: np.ndarray, cells: int) -> np.ndarray:
    """Cells at most so many away, along an axis, from a marked one."""
    found = marked.copy()
    for shift in range(1, cells + 1):
        for axis in (0, 1):
            found |= np.roll(marked, shift, axis) | np.roll(marked, -shift, axis)
    return found


def on_grid(W: np.ndarray, source: fp.Grid, target: fp.Grid) -> np.ndarray:
    """W interpolated by trigonometric polynomials (exact for what the source resolves), zero outside its box."""
    if source == target:
        return W
    q, p = (interpolation(a, b) for a, b in zip(source.axes, target.axes, strict=True))
    return q @ W @ p.T


def interpolation(source: fp.Axis, target: fp.Axis) -> np.ndarray:
    """Matrix from values at the source's centres to values at the target's; rows outside the box are zero."""
    n = source.cells
    x = (target.centres[:, None] - source.centres) / source.length
    with np.errstate(invalid="ignore", divide="ignore"):
        kernel = np.sin(math.pi * n * x) / (n * (np.tan if n % 2 == 0 else np.sin)(math.pi * x))
    kernel = np.where(np.abs(x) < 1e-14, 1.0, kernel)
    inside = (target.centres > source.low) & (target.centres < source.high)
    return kernel * inside[:, None]


def label(setting: Setting) -> str:
    """A setting in words: ``40 levels, 96^2``."""
    words: dict[str, Callable[[Any], str]] = {
        "levels": lambda n: f"{n} levels",
        "cells": lambda n: f"{n}²",
        "rtol": lambda tolerance: f"rtol {tolerance:.0e}",
        "dt": lambda dt: f"dt {dt:g}",
    }
    return ", ".join(words[name](value) for name, value in setting.items())
