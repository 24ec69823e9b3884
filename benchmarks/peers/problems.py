"""The problems: oscillators of the minimally invasive model, whose exact solutions are Gaussians."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

import fpsolver as fp
from fpsolver import autogrid

NEAR = 6.0  # half-width, in deviations, of the boxes of second-order programs: better for them than 8.5
COMMON_CELLS = 96
COMMON = 8.5  # half-width of the grid on which all W are compared: exp(-8.5^2/2) = 2e-16


@dataclass(frozen=True)
class Problem:
    """m = omega = hbar = 1; from a Gaussian of variance 0.56/beta to the time ``until`` (None: to the steady state)."""

    name: str
    title: str
    eta: float = 0.5
    beta: float = 0.7
    mean: tuple[float, float] = (0.0, 0.0)
    until: float | None = None

    @property
    def variance(self) -> float:
        """Variance of q and of p at the start."""
        return 0.56 / self.beta

    @property
    def d_pp(self) -> float:
        """Diffusion of p."""
        return self.eta / self.beta

    @property
    def d_qq(self) -> float:
        """Diffusion of q: the least that is completely positive."""
        return self.eta * self.beta / 16

    def config(self, cells: int, **time: Any) -> fp.Config:
        """Configuration with so many cells along each axis, everything else at its default."""
        bath = {"model": "minimally_invasive", "eta": self.eta, "beta": self.beta}
        axis = {"cells": cells, "allow_coarse": True}
        return fp.Config(
            system={"mass": 1.0, "potential": {"kind": "harmonic", "omega": 1.0}, "bath": bath},
            initial={"kind": "gaussian", "mean": list(self.mean), "covariance": (self.variance * np.eye(2)).tolist()},
            grid={"q": axis, "p": axis},
            time=time,
        )

    @cached_property
    def system(self) -> fp.System:
        """The physics."""
        return fp.build_system(self.config(96))

    @cached_property
    def start(self) -> fp.states.GaussianState:
        """The state at time 0."""
        return fp.states.gaussian(list(self.mean), self.variance * np.eye(2))

    @cached_property
    def exact(self) -> tuple[np.ndarray, np.ndarray, float]:
        """Mean, covariance and Pi of the answer."""
        if self.until is None:
            found = fp.exact.steady(self.system)
            return found.mean, found.covariance, float(found.Pi)
        path = fp.exact.Gaussian(self.system, self.start.mean, self.start.covariance)
        return *path.moments(self.until), float(path.entropy_production(self.until))

    @cached_property
    def common_grid(self) -> fp.Grid:
        """Grid on which all answers are compared."""
        return self.grid(COMMON_CELLS, COMMON)

    def grid(self, cells: int, reach: float = NEAR) -> fp.Grid:
        """Square box, ``reach`` deviations around the whole path."""
        path = autogrid.gaussian_path(self.system, self.start, self.until or np.inf)
        half = float((np.abs(path.centres) + reach * path.deviations).max())
        return fp.Grid((fp.Axis("q", -half, half, cells), fp.Axis("p", -half, half, cells)))


PROBLEMS = {
    problem.name: problem
    for problem in (
        Problem("steady", "steady state, β = 0.7, η = 0.5"),
        Problem(
            "relaxation", "relaxation from a displaced Gaussian to t = 40, same β and η", mean=(1.5, 0), until=40.0
        ),
        Problem("weak", "steady state at weak damping, β = 0.7, η = 0.05", eta=0.05),
        Problem("hot", "steady state of a hot oscillator, β = 0.02, η = 0.5", beta=0.02),
    )
}
STEADY = ("steady", "weak", "hot")
