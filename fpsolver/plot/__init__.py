"""Figures of results; each function returns a Figure, opens no window and leaves matplotlib's settings alone."""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.figure import Figure

from fpsolver.plot.animation import animate
from fpsolver.plot.files import save
from fpsolver.plot.husimi import husimi
from fpsolver.plot.joint import joint
from fpsolver.plot.lines import marginals
from fpsolver.plot.on_axes import draw_current, draw_wigner
from fpsolver.plot.panels import currents, production, wigner
from fpsolver.plot.portraits import portrait
from fpsolver.plot.profiles import profile
from fpsolver.plot.quantum import moyal
from fpsolver.plot.rates import series
from fpsolver.plot.refinement import convergence
from fpsolver.plot.summary import overview
from fpsolver.plot.sweeps import sweep_lines, sweep_map, sweep_phases

KINDS: dict[str, Callable[..., Figure]] = {
    "overview": overview,
    "wigner": wigner,
    "currents": currents,
    "portrait": portrait,
    "series": series,
    "marginals": marginals,
    "production": production,
    "husimi": husimi,
    "moyal": moyal,
    "profile": profile,
    "joint": joint,
}

__all__ = [
    "KINDS",
    "animate",
    "convergence",
    "currents",
    "draw_current",
    "draw_wigner",
    "husimi",
    "joint",
    "marginals",
    "moyal",
    "overview",
    "portrait",
    "production",
    "profile",
    "save",
    "series",
    "sweep_lines",
    "sweep_map",
    "sweep_phases",
    "wigner",
]


def __dir__() -> list[str]:
    """What completion offers: the figures, not the modules that make them."""
    return __all__
