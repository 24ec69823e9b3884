"""Oscillators of the paper: parameters, theory from their matrices, runs and generators on a grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_continuous_lyapunov

import fpsolver as fp
from fpsolver import api
from fpsolver.physics.states import GaussianState

Array = NDArray[np.float64]
WIDE = 8.5  # deviations held by a box
CELLS = 128


@dataclass(frozen=True)
class Parameters:
    """Units, bath and well; ``name`` stands in the table."""

    name: str
    mass: float
    omega: float
    hbar: float
    beta: float
    eta: float

    @property
    def d_pp(self) -> float:
        """Momentum diffusion m eta/beta."""
        return self.mass * self.eta / self.beta

    def d_qq(self, d_qp: float = 0.0) -> float:
        """Position diffusion of Eq. 8 as printed."""
        least = self.hbar**2 * self.eta * self.beta / (16 * self.mass)
        return least + self.beta * d_qp**2 / (self.eta * self.mass)

    @property
    def y(self) -> float:
        """(beta hbar omega/4)^2."""
        return (self.beta * self.hbar * self.omega / 4) ** 2

    @property
    def quantum_temperature(self) -> float:
        """(hbar omega/2) coth(beta hbar omega/2)."""
        half = self.hbar * self.omega / 2
        return half / float(np.tanh(self.beta * half))


WARM = Parameters("warm", 1.0, 1.0, 1.0, 0.7, 0.5)
UNITS = Parameters("other units", 1.3, 0.8, 0.9, 2.0, 1.5)
COLD = Parameters("cold", 1.0, 1.0, 1.0, 4.0, 2.0)
SETS = (WARM, UNITS, COLD)


class Model:
    """A configuration with its theory (from A and B alone) and its steady state on the grid of a real run."""

    def __init__(self, config: fp.Config) -> None:
        self.config = config
        self.system = fp.build_system(config)
        self.A: Array = self.system.drift_matrix
        self.B: Array = self.system.diffusion_matrix

    @cached_property
    def V(self) -> Array:
        """Steady covariance, A V + V A^T + B = 0 (SciPy)."""
        return np.asarray(solve_continuous_lyapunov(self.A, -self.B))

    @cached_property
    def result(self) -> fp.Result:
        """Steady state on the grid."""
        return api.run_problem(api.prepare(self.config))

    @property
    def grid_V(self) -> Array:
        """Its covariance."""
        return np.asarray(self.result.series["covariance"][-1])

    @property
    def generator(self) -> fp.Generator:
        """Generator on the grid of the run."""
        return fp.Generator(self.system, self.result.grid, fp.Scheme(order=8))

    @property
    def Pi(self) -> float:
        """Production of the steady state from Lyapunov's V."""
        return production(self.A, self.B, self.V)

    @property
    def Phi(self) -> float:
        """Flux of the steady state."""
        return flux(self.A, self.B, self.V)


@cache
def oscillator(known: Parameters, model: str, **bath: Any) -> Model:
    """A bath of the paper in a harmonic well; its steady state is found directly, on the automatic grid."""
    return Model(configuration(known, model, **bath))


def configuration(known: Parameters, model: str, potential: dict[str, Any] | None = None, **bath: Any) -> fp.Config:
    """Configuration with ``time.method: direct``."""
    numbers = asdict(known)
    common = {name: numbers[name] for name in ("eta", "beta")} if model != "custom" else {"eta": known.eta}
    return fp.Config(
        units={"hbar": known.hbar},
        system={
            "mass": known.mass,
            "potential": potential or {"kind": "harmonic", "omega": known.omega},
            "bath": {"model": model, **common, **bath},
        },
        time={"method": "direct"},
    )


def even(M: Array) -> Array:
    """M^I = (M + E M E)/2."""
    return (M + reversed_(M)) / 2


def reversed_(M: Array) -> Array:
    """E M E with E = diag(1, .., -1, ..)."""
    n = len(M) // 2
    signs = np.concatenate([np.ones(n), -np.ones(n)])
    return np.asarray(signs[:, None] * M * signs)


def production(A: Array, B: Array, V: Array, mean: Array | None = None) -> float:
    """Pi = 2 Tr[K^T G K V] + 2 a G a, K = A^I + B^I V^-1/2, G = (B^I)^+, a = A^I mean (docs/physics.md)."""
    K = even(A) + even(B) @ np.linalg.inv(V) / 2
    return _quadratic(K, B, V) + _ordered(A, B, mean)


def flux(A: Array, B: Array, V: Array, mean: Array | None = None) -> float:
    """Phi = 2 Tr[A^I^T G A^I V] + 2 a G a + Tr A^I - Tr[B^R V^-1]/2."""
    odd = B - even(B)
    rest = np.trace(even(A)) - np.trace(odd @ np.linalg.inv(V)) / 2
    return _quadratic(even(A), B, V) + _ordered(A, B, mean) + float(rest)


def _quadratic(K: Array, B: Array, V: Array) -> float:
    return float(2 * np.trace(K.T @ np.linalg.pinv(even(B)) @ K @ V))


def _ordered(A: Array, B: Array, mean: Array | None) -> float:
    if mean is None:
        return 0.0
    drift = even(A) @ mean
    return float(2 * drift @ np.linalg.pinv(even(B)) @ drift)


def entropy_rate(A: Array, B: Array, V: Array) -> float:
    """dS/dt = Tr A + Tr[B V^-1]/2 from S = ln det(2 pi e V)/2."""
    return float(np.trace(A) + np.trace(B @ np.linalg.inv(V)) / 2)


def average(values: Any, V: Array) -> float:
    """Mean of a polynomial values(q, p) over the Gaussian of covariance V, by Gauss-Hermite quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(8)
    x = np.linalg.cholesky(V) @ np.stack(np.meshgrid(nodes, nodes, indexing="ij")).reshape(2, -1)
    return float(values(*x) @ np.outer(weights, weights).ravel()) / (2 * np.pi)


def box(V: Array, mean: Sequence[float] | None = None, cells: int = CELLS) -> fp.Grid:
    """Grid that holds the Gaussian."""
    n = len(V) // 2
    numbers = [str(k) for k in range(1, n + 1)] if n > 1 else [""]
    names = [letter + number for letter in "qp" for number in numbers]
    centre = np.zeros(2 * n) if mean is None else np.asarray(mean)
    reach = WIDE * np.sqrt(np.diag(V))
    return fp.Grid(tuple(fp.Axis(a, c - r, c + r, cells) for a, c, r in zip(names, centre, reach, strict=True)))


def gaussian(V: Array, grid: fp.Grid, mean: Sequence[float] | None = None) -> Array:
    """W of the Gaussian on the grid."""
    centre = np.zeros(len(V)) if mean is None else np.asarray(mean, dtype=float)
    return GaussianState(centre, V).values(grid.coordinates)


def second_moments(W: Array, grid: fp.Grid) -> Array:
    """Matrix of int x_i x_j W."""
    x = np.broadcast_arrays(*grid.coordinates)
    return np.array([[grid.integrate(a * b * W) for b in x] for a in x])


def purity_growth(system: fp.System, V: Array) -> tuple[float, float]:
    """Rate d ln Tr[rho^2]/dt of the pure Gaussian state V, derived and on a grid; ≤ 0 if completely positive.

    Derived: -Tr A - Tr[V^-1 B]/2. The pure state that shows a violation best has V = (hbar/2) B/sqrt(det B), for which
    it is eta + xi - (4/hbar) sqrt(D_qq D_pp - D_qp^2): the condition of complete positivity itself.
    """
    grid = box(V, cells=192)
    W = gaussian(V, grid)
    rate = fp.Generator(system, grid, fp.Scheme(order=8)).apply(W)
    found = 2 * grid.integrate(W * rate) / grid.integrate(W * W)
    return -entropy_rate(system.drift_matrix, system.diffusion_matrix, V), found


def purest_test(system: fp.System) -> Array:
    """The pure Gaussian whose purity grows fastest."""
    B: Array = system.diffusion_matrix
    return system.hbar / 2 * B / float(np.sqrt(np.linalg.det(B)))


def correlations(generator: fp.Generator, W: Array, powers: int = 3) -> list[Array]:
    """C_k = int x_i L^k (x_j W) on the grid, k = 0, 1, ..: derivatives at t = 0 of the correlations of a steady W."""
    x = np.broadcast_arrays(*generator.grid.coordinates)
    fields, found = [a * W for a in x], []
    for _ in range(powers):
        found.append(np.array([[generator.grid.integrate(a * f) for f in fields] for a in x]))
        fields = [generator.apply(f) for f in fields]
    return found


def asymmetry(C: Sequence[Array]) -> float:
    """Largest entry of C_k - E C_k^T E: zero where time reversal leaves the stationary process alone (Eq. 22)."""
    return max(float(np.abs(c - reversed_(c).T).max()) for c in C)


def zero(value: float) -> float:
    """A derived number without round-off."""
    return 0.0 if abs(value) < 1e-12 else float(value)
