"""The Husimi view: Q beside W, in colours that show where W is negative and Q is not."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from fpsolver import recorder
from fpsolver.api import build_generator
from fpsolver.errors import UsageError
from fpsolver.physics import husimi as exact
from fpsolver.physics.potentials import FloatArray
from fpsolver.plot import panels, phase_space, style
from fpsolver.result import Result
from fpsolver.thermo import wehrl
from fpsolver.thermo.state import State

Q_FUNCTION_LABEL = "$Q$ (1/action)"


@style.styled
def husimi(*results: Result, figsize: style.Size = None) -> Figure:
    """Final W and its Husimi function Q, one row for each result.

    All W share one scale of colours (two-sided if one is negative: blue above 0, red below), all Q another.
    """
    functions = [function(result) for result in results]
    if all(Q is None for Q in functions):
        raise UsageError(
            f"plot.husimi draws the Husimi function, and that of {results[0].title!r} is {_reason(results[0])}; "
            "draw another kind, for example wigner"
        )
    box = phase_space.view(results, [r.final.W if Q is None else Q for r, Q in zip(results, functions, strict=True)])
    top = max((float(Q.max()) for Q in functions if Q is not None), default=1.0)
    mapping = ScalarMappable(Normalize(0, top), style.SEQUENTIAL)
    return panels.beside_density(results, functions, box, mapping, Q_FUNCTION_LABEL, _draw_husimi, figsize)


def function(result: Result) -> FloatArray | None:
    """Q of the final W on its grid; None where there is none."""
    space = recorder.phase_space(build_generator(result.config, result.grid))
    if exact.why_none(space.system):
        return None
    return wehrl.function(State(style.finite(result.final.W), space))


def _reason(result: Result) -> str:
    return result.reasons.get("entropy_wehrl", "not defined")


def _draw_husimi(ax: Axes, result: Result, Q: FloatArray | None, mapping: ScalarMappable, box: FloatArray) -> None:
    phase_space.draw_field(ax, result, np.zeros(result.grid.shape) if Q is None else Q, mapping, box)
    style.tag(ax, _words(result))
    if Q is None:
        style.note(ax, f"$Q$ is {_reason(result)}", width=26, y=0)
        return
    phase_space.draw_contours(ax, result, phase_space.peak(mapping), values=Q)


def _words(result: Result) -> str:
    """Name of the panel, with the Wehrl entropy if there is one."""
    entropy = result.last("entropy_wehrl")
    return f"$Q$,  $S_Q$ = {entropy:.4g}" if math.isfinite(entropy) else "$Q$"
