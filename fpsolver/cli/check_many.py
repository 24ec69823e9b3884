"""Parts of ``fpsolver check`` about several particles."""

from __future__ import annotations

from typing import Any

import numpy as np

from fpsolver.cli.words import bath_words, positivity
from fpsolver.physics import energies, exact
from fpsolver.physics.system import System
from fpsolver.summary import matrix
from fpsolver.thermo.detailed_balance import gaussian_detailed_balance, kms_residual, parity_residual

SHOWN = 6  # particles that are listed one by one
WRITTEN = 8  # coordinates up to which a matrix is printed


def model_rows(system: System, *, has_baths: bool) -> list[tuple[str, Any]]:
    """Particles, springs, matrices if they are small, complete positivity."""
    rows = [("particles", f"{system.size}, hbar {system.hbar:g}")]
    for k in _listed(system.size):
        particle = system.particles[k]
        words = f"mass {particle.mass:g}, {particle.potential}"
        rows.append((f"particle {k + 1}", words + (f", bath {bath_words(particle.bath)}" if has_baths else "")))
    springs = [f"{s.first + 1}-{s.second + 1}: {s.stiffness:g}" for s in system.couplings[:SHOWN]]
    more = f", and {len(system.couplings) - SHOWN} more" if len(system.couplings) > SHOWN else ""
    rows.append(("springs", (", ".join(springs) or "none") + more))
    if 2 * system.size <= WRITTEN:
        drift = matrix(system.drift_matrix) if system.is_quadratic else "(p/m, -dU/dq) + the drift of the baths"
        rows += [("drift A", drift), ("diffusion B = 2 D", matrix(system.diffusion_matrix))]
    return [*rows, ("completely positive", positivity(system))]


def _listed(count: int) -> list[int]:
    return list(range(count)) if count <= SHOWN else [0, 1, count - 2, count - 1]


def gaussian_rows(steady: exact.SteadyState) -> list[tuple[str, Any]]:
    """The steady state: temperatures, heat currents, Pi, detailed balance, slowest rate."""
    system, V = steady.system, steady.covariance
    heat = energies.heat_currents(system, steady.mean, V)
    reason = f" ({steady.rates.reason})" if steady.rates.reason else ""
    residuals = f"KMS: {kms_residual(system, V):.3g}, line 2: {parity_residual(system):.3g}"
    rows = [("covariance V", matrix(V))] if 2 * system.size <= WRITTEN else []
    return [
        *rows,
        ("temperatures <p^2>/m", _numbers(energies.temperatures(system, V))),
        ("heat currents", _numbers(heat)),
        ("Pi = Phi", f"{steady.Pi:.12g}{reason}"),
        ("mutual information", f"{float(energies.mutual_information(V)):.9g}"),
        ("detailed balance", "satisfied" if gaussian_detailed_balance(steady) else f"violated ({residuals})"),
        ("slowest decay rate", f"{steady.slowest_rate:.6g}"),
    ]


def _numbers(values: np.ndarray) -> str:
    shown = [f"{values[k] + 0.0:.9g}" for k in _listed(len(values))]
    return ", ".join(shown if len(values) <= SHOWN else [*shown[:2], "..", *shown[2:]])
