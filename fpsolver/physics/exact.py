r"""Exact Gaussian solutions of quadratic systems, any number of particles.

mean(t) = e^{At} mean_0 + int e^{As} f ds and V(t) = e^{At} V_0 e^{A^T t} + C(t). With a(x) = A^I x the
irreversible drift, G the (pseudo-)inverse of B^I, K = A^I + B^I V^-1 / 2 and abar = A^I mean, the balance
dS/dt = Pi - Phi of S_W = (1/2) ln det(2 pi e V) reads (docs/conventions.md; Eqs. 3-6 of arXiv:2507.23322v2)

    Pi  = 2 Tr[K^T G K V] + 2 abar G abar,
    Phi = 2 Tr[A^I^T G A^I V] + 2 abar G abar + Tr A^I - Tr[B^R V^-1]/2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from fpsolver.errors import NoSteadyStateError, UsageError
from fpsolver.physics import arguments, linear, transients
from fpsolver.physics.gaussian_states import checked_moments
from fpsolver.physics.potentials import FloatArray
from fpsolver.physics.readonly import ReadOnlyArrays, read_only
from fpsolver.physics.stability import require_stable
from fpsolver.physics.system import System, require_system
from fpsolver.physics.timescales import ring_momentum, ring_spreading, velocity_per_momentum
from fpsolver.summary import SMALL, Summary, matrix, vector

__all__ = [
    "Gaussian",
    "Rates",
    "RingState",
    "SteadyState",
    "gaussian_channels",
    "gaussian_rates",
    "rates_along",
    "rates_of_moments",
    "spectrum_on_ring",
    "steady",
    "steady_on_ring",
    "wigner_entropy",
]


def __dir__() -> list[str]:
    """What completion offers: the public names only."""
    return __all__


INFINITE_REASON = (
    "infinite: the irreversible drift has a component without noise "
    "(it lies outside the range of the irreversible diffusion matrix)"
)


@dataclass(frozen=True)
class Rates:
    """Entropy rates of Gaussian states, 1/time (k_B = 1); ``reason`` says why Pi and Phi are infinite."""

    entropy_production: FloatArray
    entropy_flux: FloatArray
    entropy_rate: FloatArray
    reason: str = ""


MOST_EIGENVALUES = 100_000  # of a spectrum: half a second
NOT_GAUSSIAN_REASON = "no closed form: the state is not Gaussian"


def rates_of_moments(system: System, rates: Rates) -> Rates:
    """What of the Gaussian rates holds for any state with the same moments: Phi, unless there is cross-diffusion."""
    unknown = np.full_like(rates.entropy_rate, math.nan)
    production = rates.entropy_production if rates.reason else unknown
    flux = unknown if system.reversible_diffusion.any() else rates.entropy_flux
    return Rates(production, flux, unknown, rates.reason or NOT_GAUSSIAN_REASON)


def gaussian_rates(system: System, mean: FloatArray, covariance: FloatArray) -> Rates:
    """Pi, Phi and dS/dt of Gaussians with these means (.., 2N) and covariances (.., 2N, 2N)."""
    precision = np.linalg.inv(covariance)
    entropy_rate = np.trace(system.dissipative_drift) + 0.5 * (system.diffusion_matrix * precision).sum(axis=(-2, -1))
    production, flux = _channels(system, mean, covariance, precision)
    reason = INFINITE_REASON if system.has_noiseless_drift else ""
    return Rates(production.sum(axis=-1), flux.sum(axis=-1), np.asarray(entropy_rate), reason)


def gaussian_channels(system: System, mean: FloatArray, covariance: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Parts of Pi and of Phi for each coordinate, (.., 2N) each, which sum to them; infinite where they are.

    Pi_k = int J_k ((D^I)^+ J)_k / W and Phi_k = int J_k ((D^I)^+ a^I)_k - (B^R V^-1)_kk / 2 with J = J^I.
    """
    return _channels(system, mean, covariance, np.linalg.inv(covariance))


def _channels(system: System, mean: FloatArray, V: FloatArray, precision: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The same; products are taken only over coordinates with noise, which are few in a long chain."""
    A, B = system.irreversible_drift, system.irreversible_diffusion
    G, _ = system.inverse_noise
    on = np.flatnonzero(G.any(axis=0))
    K = A[on] + 0.5 * B[on] @ precision
    drift = mean @ A[on].T
    KV, ordered, G = K @ V, drift[..., :, None] * drift[..., None, :], G[np.ix_(on, on)]
    production, flux = (np.zeros(mean.shape) for _ in range(2))
    production[..., on] = 2 * ((KV @ np.swapaxes(K, -1, -2) + ordered) * G).sum(axis=-1)
    flux[..., on] = 2 * ((KV @ A[on].T + ordered) * G).sum(axis=-1)
    flux -= 0.5 * (system.reversible_diffusion * precision).sum(axis=-1)
    production[..., system.noiseless_drift] = flux[..., system.noiseless_drift] = math.inf
    return production, flux


def rates_along(system: System, times: FloatArray, mean: FloatArray, covariance: FloatArray) -> Rates:
    """The same at ``times`` (..), with the coefficients of each time."""
    if not system.is_time_dependent:
        return gaussian_rates(system, mean, covariance)
    found = [gaussian_rates(system.at(float(times[k])), mean[k], covariance[k]) for k in np.ndindex(times.shape)]
    values = np.array([(r.entropy_production, r.entropy_flux, r.entropy_rate) for r in found])
    production, flux, rate = values.T.reshape(3, *times.shape)
    return Rates(production, flux, rate, next((r.reason for r in found if r.reason), ""))


def wigner_entropy(covariance: FloatArray) -> FloatArray:
    """S_W = -int W ln W of Gaussians (.., 2N, 2N), in units of dq dp."""
    n = covariance.shape[-1]
    return np.asarray(0.5 * (n * (1 + math.log(2 * math.pi)) + np.linalg.slogdet(covariance)[1]))


class Gaussian(ReadOnlyArrays):
    """Exact evolution of a Gaussian state; every method takes one time or an array of times."""

    def __init__(self, system: System, mean: ArrayLike, covariance: ArrayLike) -> None:
        _require_quadratic(system)
        self.system = system
        self.initial_mean, self.initial_covariance = checked_moments(mean, covariance, 2 * system.size)

    def moments(self, time: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Means (.., 2N) and covariances (.., 2N, 2N) at ``time``."""
        times = arguments.real_array("time", time, "a real number or an array of real numbers")
        if not np.isfinite(times).all() or (times < 0).any():
            raise UsageError(
                f"times must be finite and not negative, but are {arguments.shown(times.tolist())}; for infinity take "
                "exact.steady"
            )
        n, flow = len(self.initial_mean), transients.flow(self.system, times.ravel())
        mean, covariance = linear.moved(flow, self.initial_mean, self.initial_covariance)
        return mean.reshape(*times.shape, n), covariance.reshape(*times.shape, n, n)

    def mean(self, time: ArrayLike) -> FloatArray:
        """Mean of x, shape (.., 2N)."""
        return self.moments(time)[0]

    def covariance(self, time: ArrayLike) -> FloatArray:
        """Covariance matrix, shape (.., 2N, 2N)."""
        return self.moments(time)[1]

    def rates(self, time: ArrayLike) -> Rates:
        """Pi, Phi, dS/dt, with the reason if they are infinite."""
        moments = self.moments(time)
        return rates_along(self.system, np.asarray(time, dtype=float), *moments)

    def entropy_production(self, time: ArrayLike) -> FloatArray:
        """Pi, 1/time."""
        return self.rates(time).entropy_production

    def entropy_flux(self, time: ArrayLike) -> FloatArray:
        """Phi, 1/time."""
        return self.rates(time).entropy_flux

    def entropy_rate(self, time: ArrayLike) -> FloatArray:
        """dS_W/dt, 1/time."""
        return self.rates(time).entropy_rate

    def entropy_wigner(self, time: ArrayLike) -> FloatArray:
        """S_W in units of dq dp."""
        return wigner_entropy(self.moments(time)[1])


@dataclass(frozen=True, eq=False, repr=False)
class SteadyState(ReadOnlyArrays, Summary):
    """The Gaussian steady state of a quadratic system."""

    system: System
    mean: FloatArray
    covariance: FloatArray
    slowest: float = math.nan  # rate of the slowest motion, where the covariance was found with it
    residual: float = 0.0  # of the Lyapunov equation, relative

    def __post_init__(self) -> None:
        for name in ("mean", "covariance"):
            object.__setattr__(self, name, read_only(np.array(getattr(self, name), dtype=float)))

    @cached_property
    def rates(self) -> Rates:
        """Pi = Phi and dS/dt = 0 (up to round-off), with the reason if they are infinite."""
        return gaussian_rates(self.system, self.mean, self.covariance)

    @property
    def Pi(self) -> float:
        """Entropy production rate, 1/time."""
        return float(self.rates.entropy_production)

    @property
    def Phi(self) -> float:
        """Entropy flux, 1/time; equal to Pi."""
        return float(self.rates.entropy_flux)

    entropy_production = Pi
    entropy_flux = Phi

    @property
    def entropy_wigner(self) -> float:
        """S_W in units of dq dp."""
        return float(wigner_entropy(self.covariance))

    @property
    def slowest_rate(self) -> float:
        """Decay rate of the slowest mode, 1/time."""
        return float(linear.rates(self.system.drift_matrix)[0]) if math.isnan(self.slowest) else self.slowest

    title = "Gaussian steady state"

    def summary(self) -> list[tuple[str, str]]:
        """Rows of the short table: moments (of one or two particles) and rates."""
        size = len(self.mean)
        written = size <= SMALL
        return [
            ("mean", vector(self.mean) if written else f"of {size} coordinates: the attribute mean"),
            ("covariance", matrix(self.covariance) if written else f"{size} x {size}: the attribute covariance"),
            ("Pi = Phi", f"{self.Pi:.12g}" + (f" ({self.rates.reason})" if self.rates.reason else "")),
            ("slowest rate", f"{self.slowest_rate:.6g}"),
        ]

    def spectrum(self, n: int) -> np.ndarray:
        """The ``n`` slowest eigenvalues of the generator, 0 first (complex, 1/time)."""
        n = arguments.whole("n", n, 1, MOST_EIGENVALUES)
        return linear.spectrum(self.system.drift_matrix, n)


def steady(system: System) -> SteadyState:
    """Steady state of a quadratic system; NoSteadyStateError, with the reason, if it has none."""
    _require_quadratic(system)
    A = system.drift_matrix
    require_stable(system)
    mean = -np.linalg.solve(A, system.force)
    try:
        found = linear.relax(A, system.diffusion_matrix)
    except ValueError:
        raise NoSteadyStateError("the system has no steady state: some motion of it is not damped") from None
    return SteadyState(system, mean, found.covariance, found.slowest, found.residual)


def _require_quadratic(system: System) -> None:
    require_system(system)
    if not system.is_quadratic:
        words = ", ".join(str(particle.potential) for particle in system.particles)
        raise UsageError(f"exact Gaussian solutions need linear forces, but {words}; run it on a grid")


@dataclass(frozen=True, slots=True)
class RingState:
    r"""Steady state on a ring under a constant force: uniform in q, Gaussian in p.

    With the force F and the friction gamma of p: <p> = F/gamma, variance d_pp/gamma, Pi = Phi = F^2/d_pp, because
    J_q^I = 0 and J_p^I = -F W. Detailed balance: F = 0 and no cross-diffusion.
    """

    mean_momentum: float
    momentum_variance: float
    Pi: float
    satisfies_detailed_balance: bool


def steady_on_ring(system: System) -> RingState:
    """Steady state of one particle on a ring without corrugation; NoSteadyStateError if nothing damps or shakes it."""
    require_system(system)
    friction, d_pp = -float(system.dissipative_drift[1, 1]), float(system.diffusion_matrix[1, 1]) / 2
    if friction <= 0 or d_pp <= 0:
        raise NoSteadyStateError("the system has no steady state: nothing damps the momentum, or nothing shakes it")
    force = float(system.force[1])
    balanced = force == 0 and not system.reversible_diffusion.any()
    return RingState(ring_momentum(system), d_pp / friction, force**2 / d_pp, balanced)


def spectrum_on_ring(system: System, length: float, count: int) -> np.ndarray:
    r"""The ``count`` slowest eigenvalues on a ring without corrugation, 0 first (complex, 1/time).

    -n eta - k^2 D_eff - i k v F/eta, n = 0, 1, .., k = 2 pi j/length, j = 0, +-1, .., for a constant force F, with
    dq/dt = v p, v = 1/m, and D_eff = D_qq + 2 D_qp v/eta + D_pp (v/eta)^2 (docs/physics.md).
    """
    friction, speed = -float(system.dissipative_drift[1, 1]), steady_on_ring(system).mean_momentum
    v, spreading = velocity_per_momentum(system), ring_spreading(system)
    k = 2 * np.pi / length * np.arange(-count, count + 1)
    values = -friction * np.arange(count + 1)[:, None] - k**2 * spreading - 1j * k * v * speed
    values = values.ravel()
    return np.asarray(values[np.argsort(-values.real, kind="stable")][:count])
