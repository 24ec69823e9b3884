"""Axes of figures of sweeps: the names of keys and quantities, and where their values are drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray

from fpsolver.io.sweeps import describe
from fpsolver.plot import style
from fpsolver.sweeps.table import Sweep

MAXIMUM_TICKS = 6  # of values on a logarithmic axis; more have decades
SYMBOLS = {
    **{name: rf"$\{name}$" for name in ("eta", "beta", "omega", "alpha", "xi")},
    "hbar": r"$\hbar$",
    **{f"d_{kl}": f"$D_{{{kl}}}$" for kl in ("qq", "pp", "qp")},
    "entropy_production": r"$\Pi$ (1/time)",
    "entropy_flux": r"$\Phi$ (1/time)",
}


def symbol(name: str) -> str:
    """Label of a key or quantity."""
    last = name.split(".")[-1]
    if last in SYMBOLS:
        return SYMBOLS[last]
    units, _ = describe(name)
    words = style.escaped(last.replace("_", " "))
    return words if "." in name or units in ("1", "mixed") else f"{words} ({units})"


def number(value: Any) -> str:
    """A value of a key in few digits."""
    return style.escaped(str(value)) if isinstance(value, str) else f"{value:.4g}"


def coordinates(found: Sweep, key: str) -> NDArray[Any]:
    """Where the values of a key are drawn: themselves, or 0, 1, .. for words."""
    values = found.over[key]
    return np.arange(len(values)) if values.dtype == object else values


def label(ax: Axes, found: Sweep, key: str, which: str) -> None:
    """Name, scale and ticks of one axis."""
    values = found.over[key]
    getattr(ax, f"set_{which}label")(symbol(key))
    if values.dtype == object:
        getattr(ax, f"set_{which}ticks")(range(len(values)), [style.escaped(str(v)).replace("_", " ") for v in values])
        getattr(ax, f"set_{which}lim")(-0.5, len(values) - 0.5)
        if which == "x" and sum(len(str(v)) for v in values) > 40:
            ax.tick_params(axis="x", rotation=25)
    elif is_geometric(values):
        getattr(ax, f"set_{which}scale")("log")
        if len(values) <= MAXIMUM_TICKS:
            getattr(ax, f"set_{which}ticks")(values, [number(value) for value in values])
            getattr(ax, f"{which}axis").set_minor_locator(NullLocator())


def is_geometric(values: NDArray[Any]) -> bool:
    """True for positive values whose ratios are more alike than their differences."""
    if len(values) < 3 or values.min() <= 0:
        return False
    steps, ratios = np.diff(np.sort(values)), np.diff(np.log(np.sort(values)))
    return bool(np.ptp(ratios) / ratios.mean() < np.ptp(steps) / steps.mean())


def is_log(found: Sweep, key: str) -> bool:
    """True if a key has a logarithmic axis."""
    return found.over[key].dtype != object and is_geometric(found.over[key])


def faces(centres: NDArray[Any], *, geometric: bool) -> NDArray[Any]:
    """Borders half-way between sorted values (of their logarithms), and as far beyond the ends."""
    x = np.log(centres) if geometric else np.asarray(centres, dtype=float)
    if len(x) == 1:
        edges = x[0] + np.array([-0.5, 0.5])
    else:
        middle = (x[1:] + x[:-1]) / 2
        edges = np.concatenate([[2 * x[0] - middle[0]], middle, [2 * x[-1] - middle[-1]]])
    return np.asarray(np.exp(edges) if geometric else edges)
