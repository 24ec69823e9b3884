"""Rows about a model, for ``fpsolver check`` and ``fpsolver info``."""

from __future__ import annotations

from typing import Any

from fpsolver.cli import check_many
from fpsolver.cli.words import bath_words, positivity
from fpsolver.config.reader import Config
from fpsolver.physics.system import System
from fpsolver.summary import matrix


def model_rows(config: Config, system: System) -> list[tuple[str, Any]]:
    """Particle, bath, matrices, complete positivity."""
    if system.size > 1:
        has_baths = getattr(config.system, "matrices", None) is None
        return check_many.model_rows(system, has_baths=has_baths)
    particle = system.particles[0]
    units = f"mass {particle.mass:g}, hbar {system.hbar:g}"
    rows = [("particle", f"{units}, {particle.potential}")]
    if system.is_time_dependent:
        rows += [("bath", memory.description) for memory in system.memories]
        rows.append(("coefficients", f"change until t = {system.settled:.4g}; what follows holds at late times"))
    if getattr(config.system, "matrices", None) is None:
        rows.append(("late bath" if system.is_time_dependent else "bath", bath_words(particle.bath)))
    rows += [("drift A", drift_words(system)), ("diffusion B = 2 D", matrix(system.diffusion_matrix))]
    return [*rows, ("completely positive", positivity(system))]


def drift_words(system: System) -> str:
    """A, or its dissipative part for an anharmonic potential."""
    if system.is_quadratic:
        return matrix(system.drift_matrix)
    return f"(p/m, -U'(q)) + {matrix(system.dissipative_drift)} x"
