"""Axes of figures of sweeps: the names of keys and quantities, and where their values are drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from fpsolver.io.sweeps import describe
from fpsolver.plot import style
from fpsolver.result import default_title
from fpsolver.sweeps.table import Sweep

MAXIMUM_TICKS = 6  # of values on a logarithmic axis; more have round numbers
STEPS = [1, 2, 2.5, 5, 10]  # between ticks, times a power of ten
DECADES = 100.0  # ratio of largest and smallest value from which colours and axes are logarithmic
TINY = 1e-6  # of the largest: smaller values are the errors of a zero, for which a logarithm means nothing
CHARACTER = 0.03  # of the width of a panel, for a character of a tick label
LINE = 0.08  # of the height of a panel, for a tick label
SYMBOLS = {
    **{name: rf"$\{name}$" for name in ("eta", "beta", "omega", "alpha", "xi")},
    "hbar": r"$\hbar$",
    **{f"d_{kl}": f"$D_{{{kl}}}$" for kl in ("qq", "pp", "qp")},
    "entropy_production": r"$\Pi$ (1/time)",
    "entropy_flux": r"$\Phi$ (1/time)",
    "exact_entropy_production": r"exact $\Pi$ (1/time)",
    "exact_entropy_flux": r"exact $\Phi$ (1/time)",
    "wehrl_production": r"$\Pi_Q$ (1/time)",
    "wehrl_flux": r"$\Phi_Q$ (1/time)",
    "W_l1_error": r"$L_1$ error of $W$",
    "mode_rate": "slowest decay rate (1/time)",
    "mode_frequency": "frequency of the slowest mode (1/time)",
}
UNITS = {
    "eta": "1/time",
    "beta": "1/energy",
    "omega": "1/time",
    "temperature": "energy",
    "stiffness": r"energy/length$^2$",
    "hbar": "action",
}


class Panel(NamedTuple):
    """One combination of the keys that have no axis of their own."""

    axes: Axes
    values: tuple[int, ...]


def spans_decades(values: NDArray[Any]) -> bool:
    """True for positive values that need a logarithm, none of which is the error of a zero."""
    return bool(values.min() > TINY * values.max() and values.max() > DECADES * values.min())


def symbol(name: str) -> str:
    """Name of a key, with the particle or spring it belongs to, or of a quantity with its unit."""
    last = name.split(".")[-1]
    if "." in name:
        return " ".join(filter(None, (SYMBOLS.get(last, style.escaped(last.replace("_", " "))), owner(name))))
    if last in SYMBOLS:
        return SYMBOLS[last]
    units, _ = describe(name)
    words = style.escaped(last.replace("_", " "))
    return words if units in ("1", "mixed") else f"{words} ({units})"


def owner(key: str) -> str:
    """``of particle 1``, ``of the left bath``, ..: whose key it is; an empty string where there is only one."""
    match key.split("."):
        case ["system", "chain", ("left" | "right") as side, _, *_]:
            return f"of the {side} bath"
        case ["system", "chain", "stiffness"]:
            return "of the springs"
        case ["system", "couplings", number, _, *_]:
            return f"of spring {_counted(number)}"
        case ["system", "particles", number, _, *_]:
            return f"of particle {_counted(number)}"
        case ["initial", number, _, *_] if number.isdecimal():
            return f"of the start of particle {_counted(number)}"
        case ["initial", _, *_]:
            return "of the start"
    return ""


def _counted(index: str) -> str:
    """An index from 0 as a number from 1."""
    return str(int(index) + 1) if index.isdecimal() else index


def key_label(key: str) -> str:
    """Name of a key with its unit."""
    unit = UNITS.get(key.split(".")[-1])
    return f"{symbol(key)} ({unit})" if unit else symbol(key)


def title(found: Sweep) -> str:
    """Title of a sweep; what it is over, where its configuration is named after what changes or has no name."""
    keys = [key.split(".")[-1] for key in found.over]
    bath = getattr(found.config.system, "bath", None)
    named = found.title or ("" if {"model", "length"} & set(keys) else default_title(found.config))
    names_model = bath is not None and _plain(bath.model) in _plain(named)
    if named and not ("model" in keys and names_model):
        return style.escaped(named)
    return f"sweep over {', '.join(symbol(key) for key in found.over)}"


def _plain(text: str) -> str:
    return text.lower().replace("_", " ").replace("-", " ")


def number(value: Any) -> str:
    """A value of a key in few digits."""
    return style.escaped(str(value)) if isinstance(value, str) else f"{value:.4g}"


def coordinates(found: Sweep, key: str) -> NDArray[Any]:
    """Where the values of a key are drawn: themselves, or 0, 1, .. for words."""
    values = found.over[key]
    return np.arange(len(values)) if values.dtype == object else values


def label(ax: Axes, found: Sweep, key: str, which: str, *, logarithmic: bool) -> None:
    """Name, scale and ticks of one axis, which is logarithmic if it may be."""
    values = found.over[key]
    getattr(ax, f"set_{which}label")(", with ".join([key_label(key), *map(symbol, found.linked.get(key, ()))]))
    if values.dtype == object:
        _label_words(ax, values, which)
    elif logarithmic and is_geometric(values):
        getattr(ax, f"set_{which}scale")("log")
        if len(values) <= MAXIMUM_TICKS or values.max() < DECADES * values.min():
            ticks = spread(values if len(values) <= MAXIMUM_TICKS else round_numbers(values), which)
            getattr(ax, f"set_{which}ticks")(ticks, [number(value) for value in ticks])
            near = {number(value) for value in ticks}
            minor = [tick for tick in round_numbers(values, range(1, 10)) if number(tick) not in near]
            getattr(ax, f"{which}axis").set_minor_locator(FixedLocator(minor))  # they show the logarithm
            getattr(ax, f"{which}axis").set_minor_formatter(NullFormatter())


def keep_ticks_within(ax: Axes, values: NDArray[Any], which: str) -> None:
    """Ticks where a run is, or between runs: the cells of a map reach beyond the first and the last value."""
    if values.dtype == object:
        return
    axis, low, high = getattr(ax, f"{which}axis"), float(values.min()), float(values.max())
    if axis.get_scale() == "log":
        found = axis.get_majorticklocs()
        axis.set_major_locator(FixedLocator([at for at in found if low * (1 - 1e-9) <= at <= high * (1 + 1e-9)]))
    elif len(values) <= MAXIMUM_TICKS:
        ticks = spread(values, which, scale=np.asarray)
        getattr(ax, f"set_{which}ticks")(ticks, [number(value) for value in ticks])
    else:
        margin = 1e-9 * (high - low)
        found = MaxNLocator(MAXIMUM_TICKS, steps=STEPS).tick_values(low, high)
        axis.set_major_locator(FixedLocator([at for at in found if low - margin <= at <= high + margin]))


def _label_words(ax: Axes, values: NDArray[Any], which: str) -> None:
    words = [style.escaped(str(value)).replace("_", " ") for value in values]
    getattr(ax, f"set_{which}ticks")(range(len(values)), words)
    getattr(ax, f"set_{which}lim")(-0.5, len(values) - 0.5)
    if which == "x" and sum(len(str(v)) for v in values) > 40:
        for text in ax.get_xticklabels():
            text.set(rotation=25, ha="right", rotation_mode="anchor")


def round_numbers(values: NDArray[Any], digits: Iterable[int] = (1, 2, 5)) -> NDArray[Any]:
    """These digits times powers of ten, within positive values."""
    low, high = float(values.min()), float(values.max())
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.log10(high) + 1)
    found = np.outer(powers, np.array(tuple(digits), dtype=float)).ravel()
    return np.asarray(found[(found >= low * (1 - 1e-9)) & (found <= high * (1 + 1e-9))])


def spread(values: NDArray[Any], which: str, scale: Callable[[Any], Any] = np.log) -> list[Any]:
    """Those values whose labels do not touch on an axis of this scale; the ends are kept."""
    ordered = np.sort(values)
    at = scale(ordered)
    place = (at - at[0]) / (at[-1] - at[0]) if len(ordered) > 1 else np.zeros(1)
    room = [LINE if which == "y" else CHARACTER * (len(number(value)) + 1) for value in ordered]
    kept = [0]
    for k in range(1, len(ordered)):
        if place[k] - place[kept[-1]] >= (room[k] + room[kept[-1]]) / 2:
            kept.append(k)
    last = len(ordered) - 1
    while len(kept) > 1 and kept[-1] != last and place[last] - place[kept[-1]] < (room[last] + room[kept[-1]]) / 2:
        kept.pop()
    return [ordered[k] for k in dict.fromkeys([*kept, last])]


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
