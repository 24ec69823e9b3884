"""Baths, matrices and verdicts in words."""

from __future__ import annotations

from fpsolver.physics.baths import Bath
from fpsolver.physics.system import System


def bath_words(bath: Bath) -> str:
    """Name of the model and every number of it that is not zero."""
    names = ("eta", "alpha", "xi", "d_qq", "d_pp", "d_qp", "beta", "stiffness")
    values = [f"{name} {value:.6g}" for name in names if (value := getattr(bath, name))]
    return f"{bath.model}: {', '.join(values)}" if values else bath.model


def positivity(system: System) -> str:
    """Verdict and margin of complete positivity."""
    if system.hbar == 0:
        return "no meaning for a classical system (hbar = 0)"
    margin = system.cp_margin()
    if not system.is_completely_positive():
        return f"no (margin {margin:.6g})"
    return (
        "yes, on the boundary (margin 0 to round-off)" if system.is_on_cp_boundary() else f"yes (margin {margin:.6g})"
    )
