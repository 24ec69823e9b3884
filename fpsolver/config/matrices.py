"""Matrices of a configuration: their shape, and what they have to be."""

from __future__ import annotations

from typing import Any

import numpy as np

from fpsolver.config.faults import Collector
from fpsolver.config.schema_many import ChainSystem, count_of
from fpsolver.errors import ConfigError, Fault
from fpsolver.physics import arguments
from fpsolver.physics.potentials import FloatArray


def of_system(section: Any) -> tuple[FloatArray | None, FloatArray | None]:
    """Drift and diffusion, 2N x 2N, of a `system` section; None where it has baths."""
    if isinstance(section, ChainSystem) or section.matrices is None:
        return None, None
    collect, count = Collector(), count_of(section)
    drift = collect(square, section.matrices.drift, "system.matrices.drift", count)
    diffusion = collect(_diffusion, section.matrices.diffusion, count)
    collect.refuse()
    return drift, diffusion


def _diffusion(rows: list[list[float]], count: int) -> FloatArray:
    key = "system.matrices.diffusion"
    diffusion = square(rows, key, count)
    check_symmetric(diffusion, key)
    check_diffusion(diffusion, key)
    return diffusion


def square(rows: list[list[float]], key: str, count: int = 1) -> FloatArray:
    """Matrix of 2 count x 2 count; ConfigError for other shapes."""
    if [len(row) for row in rows] != [2 * count] * (2 * count):
        words = "one particle" if count == 1 else f"{count} particles"
        sizes = [len(row) for row in rows]
        raise ConfigError(
            Fault(key, f"must be {2 * count} x {2 * count} for {words}, but its rows have {sizes} entries")
        )
    return np.array(rows)


def check_symmetric(matrix: FloatArray, key: str, tolerance: float = arguments.ROUND_OFF) -> None:
    """ConfigError for a matrix that is not symmetric."""
    if not arguments.is_symmetric(matrix, tolerance):
        raise ConfigError(Fault(key, f"must be symmetric, but is {matrix.tolist()}"))


def check_diffusion(B: FloatArray, key: str) -> None:
    """ConfigError for a matrix that is not positive semidefinite."""
    if arguments.least_eigenvalue(B) < -arguments.ROUND_OFF:
        text = (
            "the diffusion matrix must be positive semidefinite, but has the eigenvalue "
            f"{arguments.eigenvalue_in_words(B)}: the equation would be ill-posed; d_qq d_pp must be at least d_qp^2"
            f"{arguments.round_off_words(B)}"
        )
        raise ConfigError(Fault(key, text))
