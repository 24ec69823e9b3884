"""What is quantum about an anharmonic well: the momentum current of the Moyal terms beside W."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from fpsolver import recorder
from fpsolver.api import build_generator
from fpsolver.errors import UsageError
from fpsolver.physics.potentials import FloatArray
from fpsolver.plot import panels, phase_space, style
from fpsolver.result import Result
from fpsolver.thermo.state import State

CURRENT_LABEL = "$J_p$ of the Moyal terms (1/(position time))"
NO_TERMS = "no Moyal terms: the classical force is exact"


@style.styled
def moyal(*results: Result, figsize: style.Size = None) -> Figure:
    """Final W and the momentum current of its quantum terms, one row for each result, on common two-sided scales.

    Blue is positive, red negative. The current is part of J^R; for U''' alone it is (hbar^2/24) U''' d_p^2 W. Contours
    are those of W. UsageError if no result has such terms.
    """
    fields = [current(result) for result in results]
    if all(J is None for J in fields):
        raise UsageError(
            f"plot.moyal draws the quantum terms of anharmonic wells, and {results[0].title!r} has none (its force is "
            "the classical one: a quadratic well or hbar = 0); draw another kind, for example currents"
        )
    reach = max((float(np.abs(J).max()) for J in fields if J is not None), default=0.0) or 1.0
    mapping = ScalarMappable(Normalize(-reach, reach), style.DIVERGING)
    box = phase_space.view(results)
    return panels.beside_density(results, fields, box, mapping, CURRENT_LABEL, _draw_quantum, figsize)


def current(result: Result) -> FloatArray | None:
    """Momentum current of the quantum terms in the final W, shape of its grid; None without any."""
    space = recorder.phase_space(build_generator(result.config, result.grid))
    if space.fluxes is not None or space.moyal.is_empty:
        return None
    return np.asarray(State(style.finite(result.final.W), space).moyal_current[0])


def _draw_quantum(ax: Axes, result: Result, J: FloatArray | None, mapping: ScalarMappable, box: FloatArray) -> None:
    phase_space.draw_field(ax, result, np.zeros(result.grid.shape) if J is None else J, mapping, box)
    style.tag(ax, "$J_p$, Moyal terms")
    phase_space.draw_contours(ax, result, float(style.finite(result.final.W).max()), line_colour="0.6")
    if J is None:
        style.note(ax, NO_TERMS, width=26, y=0)
