r"""Hu-Paz-Zhang bath of an oscillator to second order in the coupling: coefficients that change with time.

Ohmic bath with a Drude cutoff L, J(w) = (2 m gamma/pi) w L^2/(L^2 + w^2), counter-term included, bath in equilibrium at
beta and uncorrelated with the oscillator (frequency omega) at t = 0. The equation has the form of Eq. 7 of
arXiv:2507.23322 with alpha = d_qq = 0 (B. L. Hu, J. P. Paz, Y. Zhang, Phys. Rev. D 45, 2843 (1992), weak coupling):

    Omega^2(t) = omega^2 + 2 gamma L - Re F(t),     eta(t) = Im F(t)/omega,     F(t) = 2 gamma L^2 E(L - i omega, t),
    d_pp(t) = Re G(t),     d_qp(t) = Im G(t)/(2 m omega),     G(t) = (1/2) int_0^t D1(s) e^{i omega s} ds,
    D1(s) = (4 m gamma L^2/beta) sum_{n in Z} (L e^{-L s} - |nu_n| e^{-|nu_n| s})/(L^2 - nu_n^2),

with E(z, t) = int_0^t e^{-z s} ds and Matsubara frequencies nu_n = 2 pi n/(beta hbar); hbar = 0 leaves n = 0 only. Both
kernels are sums of exponentials, and so are the coefficients and their averages over a step; near t = 0 they behave as
t ln t (the noise kernel diverges logarithmically), which is why steps take averages and not values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from fpsolver.physics.baths import FORGOTTEN, Bath, thermal_energy
from fpsolver.physics.potentials import FloatArray

MODEL = "hu_paz_zhang"
SINGLE, PANELS, NODES = 16, 48, 16  # terms one by one; then panels n = N+1..2N of 16 nodes: the rest is below 1e-16
WEAK = 0.1  # gamma/min(omega, L); measured at L = 5: errors of eta, d_pp and d_qp are 0.36, 0.64 and 2.9 times gamma
NEAR, RADIUS, CIRCLE = 0.025, 0.05, 12  # Cauchy means around frequencies next to the cutoff, RADIUS**CIRCLE = 2e-16


def bath(*, mass: float, omega: float, hbar: float, gamma: float, cutoff: float, beta: float) -> Bath:
    """Bath of an oscillator that remembers; its own numbers are those of late times."""
    memory = HuPazZhang(mass, omega, hbar, gamma, cutoff, beta)
    return replace(memory.at(math.inf), memory=memory)


@dataclass(frozen=True)
class HuPazZhang:
    """Oscillator and bath: ``gamma`` coupling (eta -> 2 gamma for a large cutoff), ``cutoff`` L, both 1/time."""

    mass: float
    omega: float
    hbar: float
    gamma: float
    cutoff: float
    beta: float

    @property
    def rate(self) -> float:
        """Rate at which the coefficients approach those of late times, 1/time: the smaller of L and nu_1."""
        return self.cutoff if self.hbar == 0 else min(self.cutoff, 2 * math.pi / (self.beta * self.hbar))

    def variation(self, time: float) -> float:
        r"""abs(dF/dt) of the friction, and omega abs(dG/dt)/(m E) of the noise, E the thermal energy: 1/time^3."""
        friction, noise = (abs(kernel.at(time)) for kernel in self._kernels)
        energy = thermal_energy(hbar=self.hbar, omega=self.omega, beta=self.beta)
        return float(friction + self.omega * noise / (self.mass * energy))

    def doubt(self) -> str:
        """A sentence if the coupling is too strong for coefficients of second order."""
        ratio = self.gamma / min(self.omega, self.cutoff)
        if ratio <= WEAK:
            return ""
        return (
            f"gamma is {ratio:.2g} of the smaller of omega and cutoff: the coefficients of `{MODEL}` are of second "
            "order in the coupling, and their relative errors grow in proportion to it"
        )

    def at(self, time: float) -> Bath:
        """Coefficients at ``time`` (inf: those of late times), frozen."""
        return self._bath(*(complex(kernel.integral(time)) for kernel in self._kernels))

    def averaged(self, start: float, step: float) -> tuple[Bath, Bath]:
        r"""Coefficients for the two halves of a commutator-free Magnus step of order four.

        With m = int a dt/h and s = int (t - t_mid) a dt 4/h^2 over the step, m - s and m + s: for a linear a(t) its
        values at start + h/6 and start + 5h/6 (S. Blanes, P. C. Moan, Appl. Numer. Math. 56, 1519 (2006), Eq. 43).
        """
        moments = [kernel.moments(start, step) for kernel in self._kernels]
        first, second = ([mean + sign * 4 * slope for mean, slope in moments] for sign in (-1, 1))
        return self._bath(*first), self._bath(*second)

    @property
    def description(self) -> str:
        """Name and parameters."""
        return f"{MODEL}: gamma {self.gamma:.6g}, cutoff {self.cutoff:.6g}, beta {self.beta:.6g}"

    def _bath(self, F: complex, G: complex) -> Bath:
        m, w = self.mass, self.omega
        shift = 2 * self.gamma * self.cutoff - F.real
        return Bath(
            eta=F.imag / w,
            d_pp=G.real,
            d_qp=G.imag / (2 * m * w),
            beta=self.beta,
            model=MODEL,
            stiffness=m * shift,
        )

    @cached_property
    def _kernels(self) -> tuple[Exponentials, Exponentials]:
        """Kernels whose integrals are F and G."""
        L, w = self.cutoff, 1j * self.omega
        friction = Exponentials(np.array([L - w]), np.array([2 * self.gamma * L**2 + 0j]))
        rates, weights = _matsubara(self.beta * self.hbar, L)
        strength = 2 * self.mass * self.gamma * L**2 / self.beta
        poles = L**2 - rates**2
        amplitudes = np.append(strength * L * (weights / poles).sum(), (-strength * weights * rates / poles)[1:])
        return friction, Exponentials(np.append(L, rates[1:]) - w, amplitudes)


@dataclass(frozen=True, eq=False)
class Exponentials:
    """Kernel k(s) = sum_k a_k exp(-z_k s), Re z_k >= 0."""

    rates: np.ndarray
    amplitudes: np.ndarray

    def at(self, time: float) -> complex:
        """k(t); at t = 0 the noise kernel diverges, as the logarithm of the largest rate."""
        return complex(np.sum(self.amplitudes * np.exp(-self.rates * time)))

    @cached_property
    def late(self) -> complex:
        """K(inf) for K(t) = int_0^t k(s) ds."""
        return complex(np.sum(self.amplitudes / self.rates))

    def integral(self, time: float) -> complex:
        """K(t)."""
        return self.late - complex(np.sum(self._left(time)[1]))

    def moments(self, start: float, step: float) -> tuple[complex, complex]:
        """Mean of K over a step h, and int K (t - t_mid) dt/h^2."""
        rates, left = self._left(start)
        mean, slope = _step_moments(rates * step)
        return self.late - complex(np.sum(left * mean)), -complex(np.sum(left * slope))

    def _left(self, time: float) -> tuple[np.ndarray, np.ndarray]:
        """Rates that are not forgotten at ``time``, and what each still lacks of K(inf)."""
        alive = self.rates.real * time < FORGOTTEN
        rates = self.rates[alive]
        return rates, self.amplitudes[alive] / rates * np.exp(-rates * time)


_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(10)
_POINTS, _WEIGHTS = _POINTS / 2, _WEIGHTS / 2


def _step_moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int_0^1 exp(-x u) du and int_0^1 (u - 1/2) exp(-x u) du; by quadrature where the closed forms cancel."""
    large = np.where(np.abs(x) > 1, x, 1.0)
    ending = np.exp(-large)
    mean = (1 - ending) / large
    slope = (mean - ending) / large - mean / 2
    near = np.abs(x) <= 1
    values = _WEIGHTS * np.exp(-np.outer(x[near], _POINTS + 0.5))
    mean[near], slope[near] = values.sum(axis=1), values @ _POINTS
    return mean, slope


def _matsubara(period: float, cutoff: float) -> tuple[np.ndarray, FloatArray]:
    """Rates and weights that stand for all |nu_n| of the sum; ``period`` = beta hbar.

    The first ones as they are, the others by Gauss quadrature of sums (exact for polynomials of degree 31 in n) over
    n = N+1..2N, N doubling. The summand is smooth across nu = L, its parts are not: a rate close to L is replaced by a
    mean over a circle around it.
    """
    if period == 0:
        return np.zeros(1), np.ones(1)
    n, weights = np.arange(1.0, SINGLE + 1), np.ones(SINGLE)
    for k in range(PANELS):
        count = SINGLE * 2.0**k
        points, shares = _sum_rule(count)
        n, weights = np.append(n, count + points), np.append(weights, shares)
    rates = 2 * math.pi / period * n
    near = np.abs(rates - cutoff) < NEAR * rates
    circle = 1 + RADIUS * np.exp(2j * np.pi * (np.arange(CIRCLE) + 0.5) / CIRCLE)
    around = np.outer(rates[near], circle).ravel()
    rates = np.concatenate([[0.0], rates[~near], around])
    weights = np.concatenate([[1.0], 2 * weights[~near], np.repeat(2 * weights[near] / CIRCLE, CIRCLE)])
    return rates, weights


def _sum_rule(count: float) -> tuple[FloatArray, FloatArray]:
    """Gauss nodes and weights of the sum over 1..count: eigenvectors of the Jacobi matrix of Gram's polynomials."""
    k = np.arange(1.0, min(NODES, count))
    off = np.sqrt(k**2 * (count**2 - k**2) / (4 * (4 * k**2 - 1)))
    values, vectors = np.linalg.eigh(np.diag(off, 1) + np.diag(off, -1))
    return values + (count + 1) / 2, count * vectors[0] ** 2
