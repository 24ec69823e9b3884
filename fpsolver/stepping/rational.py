r"""A rational approximation of the exponential with one real pole, and the steps its accuracy allows.

    e^z ~ R(z) = sum_k c_k (1 - gamma z)^-k,   k = 1..5,

with the c_k that match the Taylor series through order 5, and gamma the root of L_5(1/gamma) = 0 (Laguerre) next to
0.278, for which every mode that decays is damped at any step, the more strongly the faster it is (L-stable; Norsett
1978; Hairer and Wanner, Solving Ordinary Differential Equations II, table IV.6.4).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import laguerre

from fpsolver.physics.potentials import FloatArray

SOLVES = 5
TIME_ERROR = 2e-9


def _pole() -> float:
    """The root gamma of L_5(1/gamma) = 0 for which the method is L-stable."""
    roots = 1 / laguerre.lagroots([0.0] * SOLVES + [1.0])
    return float(roots[np.argmin(np.abs(roots - 0.278))])


def _weights(pole: float) -> tuple[FloatArray, float]:
    """The c_k, and the error constant C of R(z) - e^z = C z^6 + ..; the Taylor series of (1 - gamma z)^-k match e^z."""
    orders, powers = range(SOLVES + 2), range(1, SOLVES + 1)
    series = np.array([[math.comb(k + j - 1, j) * pole**j for k in powers] for j in orders])
    exponential = np.array([1 / math.factorial(j) for j in orders])
    weights = np.linalg.solve(series[:SOLVES], exponential[:SOLVES])  # the row of order 5 then holds by the pole
    return weights / weights.sum(), float(series[-1] @ weights - exponential[-1])


POLE = _pole()
WEIGHTS, ERROR_CONSTANT = _weights(POLE)


@dataclass(frozen=True, slots=True)
class ImplicitStepSize:
    """Largest step at a given time, by accuracy: it doubles as the transient fades, and never exceeds ``limit``.

    The method turns exp(lambda t) into exp(lambda t + C lambda^6 dt^5 t): second moments, which turn at up to 2
    ``fastest`` and fade at ``slowest``, are then off by C (2 fastest)^6 dt^5 / slowest or, where the run ends before,
    slowest x ``end`` of that, which the step keeps below TIME_ERROR. Stable as it is, a step of several turns would
    otherwise damp what nothing damps. It takes only the values limit / 2^k, since each costs a factorisation.
    """

    limit: float
    end: float
    fastest: float = 0.0
    slowest: float = 0.0

    def at(self, time: float) -> float:
        """Largest step at ``time``."""
        rate = max(self.slowest, 1 / self.end)
        if self.fastest == 0 or rate <= 0:
            return self.limit
        turning = 2 * self.fastest
        # in logarithms: the sixth power of a rate may be beyond the largest number
        accurate = math.log(TIME_ERROR / abs(ERROR_CONSTANT)) + math.log(rate / turning) - 5 * math.log(turning)
        grown = accurate / 5 - math.log(self.limit) + self.slowest * time / 5
        return self.limit * 2.0 ** math.floor(min(grown, 0.0) / math.log(2))

    def reconsider_at(self, time: float) -> float:
        """When to ask again: as soon as the step may double, or never."""
        stays = self.slowest <= 0 or self.at(time) == self.limit
        return math.inf if stays else time + 1 / self.slowest


COUNTED = 10_000


def implicit_steps(step: ImplicitStepSize, every: float, end: float) -> tuple[int, int]:
    """Predicted steps and factorisations of a run to ``end`` with records at multiples of ``every``.

    The first ten thousand intervals between stops are counted one by one; in the others steps are as the last ones.
    """
    steps, time = 0, 0.0
    sizes: set[str] = set()
    for _ in range(COUNTED):
        if time >= end * (1 - 1e-12):
            return steps, len(sizes)
        stop = min((math.floor(time / every + 1e-9) + 1) * every, step.reconsider_at(time), end)
        here = max(1, math.ceil((stop - time) / step.at(time) * (1 - 1e-12)))
        sizes.add(f"{(stop - time) / here:.6e}")
        steps, time = steps + here, stop
    return steps + here * math.ceil(min((end - time) / every, 1e300)), len(sizes)
