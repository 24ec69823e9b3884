"""The figure of a convergence study."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

from fpsolver.plot import style
from fpsolver.studies import Convergence

LABELS = {"W": r"$W$ ($L_1$)", "moments": "moments", "Pi": r"$\Pi$", "Phi": r"$\Phi$"}
MARKERS = ("o", "s", "^", "D")
ROUND_OFF = 1e-17  # an error of 0 has no place on a logarithmic axis


def convergence(found: Convergence, *, figsize: style.Size = None) -> Figure:
    """Errors over cells, one line for each quantity, with its last observed order in the legend."""
    with style.settings():
        figure = style.new_figure(style.COLUMN, 3.0, figsize)
        ax = figure.subplots()
        shown = [name for name in LABELS if np.isfinite(found.errors[name]).any()]
        for k, name in enumerate(shown):
            known = found.orders(name)[np.isfinite(found.orders(name))]
            label = f"{LABELS[name]}, order {known[-1]:.1f}" if len(known) else LABELS[name]
            values = found.errors[name].clip(min=ROUND_OFF)
            ax.loglog(found.cells, values, color=style.colour(k), marker=MARKERS[k], label=label)
        ax.xaxis.set_major_locator(FixedLocator(list(found.cells)))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.set_xticks(found.cells, [str(n) for n in found.cells])
        ax.set_xlabel("cells along each axis")
        ax.set_ylabel(f"error against {found.reference}")
        ax.grid(color="0.9", linewidth=0.6)
        figure.legend(loc="outside upper center", ncols=2)  # lines may cross the axes anywhere
    return figure
