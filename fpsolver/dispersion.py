r"""What moving through many cells does to Pi: phase errors of central differences of order 8, summed along the path.

The sampled drift -v d_q W is off by -v (h^8/630) d_q^9 W. Of a Gaussian with precision P = V^-1 this makes a part phi
of norm (sqrt(9!)/630) (h sqrt(P_qq))^8 sqrt(P_qq) |v| in a unit of time, a Hermite function of degree 9 that decays at
9 times the slowest rate and, as the motion turns, keeps the mean of (cos^10 + sin^10) = 0.49 of it. Moments close
exactly, so that Phi and what is linear in phi vanish; left is the Fisher information of phi,

    error of Pi = int W grad(phi)^T D grad(phi) = 10 phi^2 tr(D P).

(Measured: 7.8e-8 eta for eta = 0.001, t = 20, 4.7 cells for a deviation, where this gives 6e-8.) Of what a Gaussian
does around its centre only a change of shape counts: a round one that turns in itself makes parts that cancel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from fpsolver import truncation
from fpsolver.grid import Grid
from fpsolver.physics import exact, linear
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.system import System

DEGREE = 9
COEFFICIENT = math.sqrt(math.factorial(DEGREE)) / 630
TURNING = 0.49


class GridRule(Protocol):
    """An error of Pi, relative to max(Pi, abs Phi, damping), that falls with the 16th power of the cells."""

    aim: ClassVar[float]  # what automatic cells are chosen for
    warn_above: ClassVar[float]
    words: ClassVar[str]

    def error(self, grid: Grid) -> float:
        """On this grid."""


@dataclass(frozen=True, slots=True, eq=False)
class Dispersion:
    """Strengths (T, 2) of the parts made along q and p where h = 1, what they weigh in Pi (T,), and their decay."""

    times: FloatArray
    strengths: FloatArray
    weights: FloatArray
    decay: float

    aim: ClassVar[float] = 1e-10  # the rule is good to a factor of three
    warn_above: ClassVar[float] = 4e-10
    words: ClassVar[str] = (
        "the state crosses so many cells that their dispersion makes an error of about {error:.1g} of max(Pi, |Phi|, "
        "damping) in Pi on the way (none in Phi and in moments); give {cells}, or a start nearer to the steady state"
    )

    def error(self, grid: Grid) -> float:
        """Largest error of Pi on the way, relative to max(Pi, abs Phi, damping)."""
        speed = np.hypot(*(self.strengths * grid.spacings**8).T)
        part, largest = 0.0, 0.0
        for k, step in enumerate(np.diff(self.times)):
            fades = -math.expm1(-self.decay * step)
            grows = fades / self.decay if self.decay > 0 else step
            part += grows * (speed[k] + speed[k + 1]) / 2 - fades * part
            largest = max(largest, self.weights[k + 1] * part**2)
        return largest


def along(system: System, times: FloatArray, means: FloatArray, covariances: FloatArray) -> Dispersion:
    """Dispersion along the exact path of a Gaussian: means (T, 2), covariances (T, 2, 2)."""
    A, D = system.drift_matrix, system.diffusion_matrix / 2
    P = np.linalg.inv(covariances)
    diagonal = np.diagonal(P, axis1=1, axis2=2)
    spread = np.sqrt(np.diagonal(A @ covariances @ A.T, axis1=1, axis2=2)) * _change_of_shape(system, covariances)
    speed = np.hypot(means @ A.T + system.force, spread)
    rates = exact.gaussian_rates(system, means, covariances)
    scale = np.maximum(rates.entropy_production, np.abs(rates.entropy_flux)).clip(min=-np.trace(A))
    noise = np.einsum("ij,tij->t", D * np.eye(2), P)
    weights = np.divide(10 * noise, scale, out=np.zeros_like(noise), where=scale > 0)
    fastest = float(np.abs(np.linalg.eigvals(A)).max())
    decay = min(DEGREE * max(float(linear.rates(A)[0]), 0.0), fastest)  # friction acts on q only after a turn
    return Dispersion(times, TURNING * COEFFICIENT * diagonal**4.5 * speed, weights, decay)


def _change_of_shape(system: System, covariances: FloatArray) -> FloatArray:
    """0 for a shape that stays or turns in itself, 1 for a strongly squeezed one, (T, 1)."""
    A = system.drift_matrix
    fastest = float(np.abs(np.linalg.eigvals(A)).max())
    if fastest == 0:
        return np.zeros((len(covariances), 1))
    change = A @ covariances
    change = change + np.swapaxes(change, 1, 2) + system.diffusion_matrix
    size = np.linalg.norm(np.linalg.solve(covariances, change), axis=(1, 2)) / math.sqrt(2)
    return np.asarray((size / (2 * fastest)).clip(max=1.0)[:, None])


def rules(
    system: System, times: FloatArray, means: FloatArray, covariances: FloatArray, *, is_moving: bool
) -> tuple[GridRule, ...]:
    """What predicts errors of Pi: of a Gaussian on its way, and of the steady state if the path comes near it."""
    found: list[GridRule] = [along(system, times, means, covariances)] if is_moving else []
    A = system.drift_matrix
    if linear.is_stable(A) and times[-1] * linear.rates(A)[0] >= 1:
        found.append(truncation.standing(system, exact.steady(system).covariance))
    return tuple(found)


def suffices(parts: Sequence[GridRule], grid: Grid) -> bool:
    """True if every error is as small as automatic cells should make it."""
    return all(part.error(grid) <= part.aim for part in parts)


def warnings(parts: Sequence[GridRule], grid: Grid) -> list[str]:
    """What to say of predicted errors of Pi."""
    found = [(part, part.error(grid)) for part in parts]
    return [
        part.words.format(error=error, cells=more_cells(error, grid, part.aim))
        for part, error in found
        if error > part.warn_above
    ]


def more_cells(error: float, grid: Grid, aim: float = Dispersion.aim) -> str:
    """Cells for an error of Pi of ``aim``."""
    factor = (error / aim) ** (1 / 16)
    return " and ".join(f"grid.{axis.name}.cells: {16 * math.ceil(axis.cells * factor / 16)}" for axis in grid.axes)
