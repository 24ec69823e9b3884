"""W and currents on axes of the user's own, for figures that are composed for a paper."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.image import AxesImage
from matplotlib.quiver import Quiver

from fpsolver import views
from fpsolver.errors import FpsolverWarning, UsageError
from fpsolver.physics import arguments
from fpsolver.plot import phase_space, snapshots, style
from fpsolver.result import Result

CURRENTS = {"reversible": phase_space.REVERSIBLE, "irreversible": phase_space.IRREVERSIBLE}


def draw_wigner(
    ax: Axes,
    result: Result,
    *,
    particle: int | None = None,
    time: float | None = None,
    cmap: str | Colormap | None = None,
    contours: bool = True,
) -> AxesImage:
    """Colours and contours of W on ``ax``; returns the image, for ``figure.colorbar``.

    ``particle``: of several, counted from 0 (its reduced W). ``time``: the stored snapshot nearest to it, instead of
    the final W (a FpsolverWarning tells if it is far). Colours go from 0 to the largest W, or are two-sided
    where W is negative: blue above 0, red below. UsageError for what there is not.
    """
    shown = _one(ax, result, particle, "draw_wigner")
    if time is not None:
        for text in snapshots.doubts([shown], [time]):
            warnings.warn(text, FpsolverWarning, stacklevel=2)
        shown = snapshots.nearest(shown, time)
    mapping = phase_space.colours([shown])
    image = phase_space.draw_field(ax, shown, style.finite(shown.final.W), mapping, phase_space.view([shown]))
    if cmap is not None:
        image.set_cmap(cmap)
    if contours:
        phase_space.draw_contours(ax, shown, phase_space.peak(mapping))
    return image


def draw_current(
    ax: Axes,
    result: Result,
    which: str,
    *,
    particle: int | None = None,
    scale: float | None = None,
    **arrows: Any,
) -> Quiver:
    """Arrows of the final J^R (``which="reversible"``) or J^I (``"irreversible"``); returns them, for ``ax.quiverkey``.

    An arrow is the displacement J/scale in the (q, p) plane; the default makes the largest a tenth of the view.
    ``scale`` of the returned arrows makes another panel comparable. Further keywords are those of ``Axes.quiver``. A
    current that is zero but for rounding gives no arrows and a FpsolverWarning, unless a scale is given.
    ``particle`` as in :func:`draw_wigner`. The arrows cover what ``ax`` shows, or the view of W if it is empty.
    """
    shown = _one(ax, result, particle, "draw_current")
    if which not in CURRENTS:
        raise UsageError(f"the current must be {' or '.join(map(repr, CURRENTS))}, but is {which!r}")
    if scale is not None:
        scale = arguments.positive("scale", scale)
    current, view = CURRENTS[which], phase_space.view([shown])
    box = np.array([sorted(ax.get_xlim()), sorted(ax.get_ylim())]) if ax.has_data() else view
    is_nothing = scale is None and phase_space.is_round_off(shown, current, view)
    if is_nothing:
        size = phase_space.ratio(shown, current, view)
        text = f"{current.field} is zero {phase_space.accuracy(size)} ({size:.1e} of the other current): no arrows"
        warnings.warn(f"{text}; give a scale to draw it all the same", FpsolverWarning, stacklevel=2)
    longest = phase_space.strength(shown, current.field, box) if scale is None else phase_space.longest_of(scale)
    q, p, J = phase_space.coarse(shown, current.field, box)
    seen = phase_space.visible(J, longest, box) & (not is_nothing)
    colour = arrows.pop("color", current.colour)
    drawn = phase_space.draw_arrows(ax, q[seen], p[seen], J[:, seen], colour, longest or 1.0, **arrows)
    ax.set(xlim=box[0], ylim=box[1])
    return drawn


def _one(ax: Axes, result: Result, particle: int | None, name: str) -> Result:
    """The result of one particle that is to be drawn; UsageError for arguments in another order, or too many."""
    if not isinstance(ax, Axes):
        raise UsageError(f"plot.{name} draws on matplotlib axes, but got {type(ax).__name__}; write {name}(ax, result)")
    style.check_results([result], style.EACH_PARTICLE[0])
    count = len(result.grid.axes) // 2
    if particle is None and count == 1:
        return result
    if particle is None or not 0 <= particle < count:
        raise UsageError(f"particle must be 0 to {count - 1} of the {count} of this result, but is {particle}")
    return result if count == 1 else views.alone(result)[particle]
