"""Systems for the tests: every bath model, with and without units, and independent solutions of them."""

import numpy as np
from scipy.linalg import expm, solve_continuous_lyapunov

from fpsolver.physics import baths, potentials
from fpsolver.physics.system import Particle, System


def oscillator(bath, *, mass=1.0, omega=1.0, hbar=1.0):
    return System((Particle(mass, potentials.harmonic(mass=mass, omega=omega), bath),), hbar)


def model(name, *, mass=1.0, omega=1.0, hbar=1.0, eta=0.5, beta=0.7):
    """One system for each bath model of the configuration."""
    common = {"mass": mass, "hbar": hbar, "eta": eta, "beta": beta}
    minimal = baths.brownian(model="minimally_invasive", **common)
    alpha = baths.alpha_detailed_balance(mass=mass, omega=omega, eta=eta, d_qq=minimal.d_qq, d_pp=minimal.d_pp)
    xi = baths.xi_saturating(hbar=hbar, omega=omega, eta=eta, beta=beta)
    bath = {
        "caldeira_leggett": lambda: baths.caldeira_leggett(mass=mass, eta=eta, beta=beta),
        "minimally_invasive": lambda: minimal,
        "translation_covariant": lambda: baths.brownian(
            model="translation_covariant", d_qp=0.28 * minimal.d_pp, **common
        ),
        "symmetry_broken": lambda: baths.brownian(model="symmetry_broken", alpha=-0.2 * eta, **common),
        "symmetry_broken_db": lambda: baths.brownian(model="symmetry_broken", alpha=alpha, **common),
        "position_friction": lambda: baths.brownian(model="position_friction", xi=0.1 * eta, **common),
        "position_friction_db": lambda: baths.brownian(model="position_friction", xi=xi, **common),
        "quantum_optical": lambda: baths.quantum_optical(omega=omega, **common),
        "lindblad": lambda: baths.lindblad([(0.6 + 0.1j, -0.2 + 0.5j), (0.3, 0.2j)], hbar=hbar),
        "custom": lambda: baths.Bath(eta=eta, alpha=-0.1, xi=0.05, d_qq=0.08, d_pp=0.7, d_qp=-0.05),
    }[name]()
    return oscillator(bath, mass=mass, omega=omega, hbar=hbar)


MODELS = (
    "caldeira_leggett",
    "minimally_invasive",
    "translation_covariant",
    "symmetry_broken",
    "symmetry_broken_db",
    "position_friction",
    "position_friction_db",
    "quantum_optical",
    "lindblad",
    "custom",
)
UNITS = (
    {"mass": 1.0, "omega": 1.0, "hbar": 1.0},
    {"mass": 1.7, "omega": 0.6, "hbar": 0.8},
)


def lyapunov(system):
    """Steady covariance by SciPy's Bartels-Stewart solver."""
    return solve_continuous_lyapunov(system.drift_matrix, -system.diffusion_matrix)


def gaussian_path(system, mean, covariance, time):
    """Mean and covariance at ``time`` from V(t) = e^{At} (V0 - V_S) e^{A^T t} + V_S: no Van Loan, no doubling."""
    M, V = expm(system.drift_matrix * time), lyapunov(system)
    return M @ mean, M @ (covariance - V) @ M.T + V


def gaussian_rates(system, mean, covariance):
    """Pi, Phi, dS/dt by Gauss-Hermite quadrature of J^I D^-1 J^I / W over the Gaussian (pseudo-inverse)."""
    size = len(mean)
    nodes, weights = np.polynomial.hermite_e.hermegauss(6 if size == 2 else 3)  # exact for quadratics
    weights = weights / np.sqrt(2 * np.pi)
    z = np.stack(np.meshgrid(*[nodes] * size, indexing="ij")).reshape(size, -1)
    w = np.prod(np.stack(np.meshgrid(*[weights] * size, indexing="ij")).reshape(size, -1), axis=0)
    x = mean[:, None] + np.linalg.cholesky(covariance) @ z
    slope = -np.linalg.solve(covariance, x - mean[:, None])  # grad ln W
    E = np.diag([1.0] * (size // 2) + [-1.0] * (size // 2))
    A, D = system.drift_matrix, system.diffusion_matrix / 2
    A_even, D_even = (A + E @ A @ E) / 2, (D + E @ D @ E) / 2
    D_odd = D - D_even
    velocity = A_even @ x - D_even @ slope
    inverse = np.linalg.pinv(D_even, hermitian=True)
    production = np.sum(w * np.sum(velocity * (inverse @ velocity), axis=0))
    drift = np.sum(w * np.sum(A_even @ x * (inverse @ velocity), axis=0))
    flux = drift - np.sum(w * np.sum(slope * (D_odd @ slope), axis=0))
    rate = -np.sum(w * np.sum(slope * (A @ x - D @ slope), axis=0))
    return production, flux, rate
