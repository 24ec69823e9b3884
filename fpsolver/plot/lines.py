"""Curves: entropy rates and their closure over time, where they exist, and the marginals of the final W."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fpsolver.physics.potentials import FloatArray
from fpsolver.plot import naming, style
from fpsolver.result import Outcome, Result

RATES = {"entropy_production": r"$\Pi$", "entropy_flux": r"$\Phi$", "entropy_rate": r"$\dot S$"}
HEADROOM = 1.05  # of the largest marginal
TAIL = 1e-12  # of the largest marginal: lower end of the logarithmic axis
RINGS: dict[str, Any] = {"marker": "o", "markersize": 3.5, "markerfacecolor": "white", "markevery": 0.08}
WEHRL_DASHES = (0, (6, 1))
RATE_LOOKS: dict[str, dict[str, Any]] = {  # told apart without colours; a thin line is seen on a wide one of its values
    "entropy_production": {"color": style.IRREVERSIBLE, "linewidth": 2.4},
    "entropy_flux": {"color": style.REVERSIBLE, "linewidth": 1.2},
    "entropy_rate": {"color": style.COLOURS[2], "linewidth": 1.2, **RINGS},
    "entropy_moyal": {"color": style.COLOURS[6], "linewidth": 1.6, "linestyle": (0, (1, 1))},
    "wehrl_production": {"color": style.COLOURS[3], "linewidth": 2.4, "linestyle": WEHRL_DASHES},
    "wehrl_flux": {"color": style.COLOURS[5], "linewidth": 1.2, "linestyle": WEHRL_DASHES},
    "wehrl_rate": {"color": style.COLOURS[4], "linewidth": 1.2, "linestyle": WEHRL_DASHES, **RINGS},
}


class Rate(NamedTuple):
    """A member of the series that is a rate of entropy: its symbol and what it is."""

    name: str
    symbol: str
    words: str


WIGNER = (
    Rate("entropy_production", RATES["entropy_production"], "production"),
    Rate("entropy_flux", RATES["entropy_flux"], "flux"),
    Rate("entropy_rate", RATES["entropy_rate"], "change of entropy"),
)
WEHRL = (
    Rate("wehrl_production", r"$\Pi_Q$", "production of Wehrl entropy (Husimi function)"),
    Rate("wehrl_flux", r"$\Phi_Q$", "flux of Wehrl entropy"),
    Rate("wehrl_rate", r"$\dot S_Q$", "change of Wehrl entropy"),
)
MOYAL = Rate("entropy_moyal", r"$S_{\mathrm{Moyal}}$", "quantum terms of the well")
SYMBOLS = {rate.name: rate.symbol for rate in (*WIGNER, *WEHRL, MOYAL)}
NEGATIVITY = re.compile(r" \(negativity [^)]*\)")  # of the end, which says nothing about the run
TIMELESS: dict[str, Any] = {"linestyle": "-.", "linewidth": 1.2}
EXACT: dict[str, Any] = {"color": "black", "linewidth": 0.7, "dashes": (3, 4), "zorder": 3}


def rates(results: Sequence[Outcome]) -> list[Rate]:
    """The rates that some result has; that of the Wehrl entropy beside a Pi with gaps, all three in place of none."""
    known = (*WIGNER, MOYAL) if any(map(has_moyal, results)) else WIGNER
    found = [rate for rate in known if any(exists(result, rate.name) for result in results)]
    if not any(has_gaps(result) for result in results):
        return found
    wehrl = [rate for rate in WEHRL if any(exists(result, rate.name) for result in results)]
    has_production = found[:1] == [WIGNER[0]]
    return [*found[:1], *wehrl[:1], *found[1:]] if has_production else [*wehrl, *found]


def has_moyal(result: Outcome) -> bool:
    """True if quantum terms of a well change the entropy (0 without such terms, NaN where W is negative)."""
    return bool(np.any(result.series.get(MOYAL.name, 0.0) != 0))


def has_gaps(result: Outcome) -> bool:
    """True if Pi is missing at half of the records or more."""
    return bool(2 * (~np.isfinite(result.series["entropy_production"])).sum() >= len(result.series["time"]))


@style.styled
def marginals(*results: Result, figsize: style.Size = None) -> Figure:
    """P(q) and P(p) of the final W on linear and logarithmic axes, the exact Gaussian ones as dashes."""
    figure = style.new_figure(2 * style.COLUMN + 0.2, 4.6 + style.legend_height(labels_of(results)), figsize)
    axes = figure.subplots(2, 2, sharex="col")
    for k in range(2):
        for ax in axes[:, k]:
            for index, result in enumerate(results):
                draw_marginal(ax, result, k, style.line(index))
            label_marginal(ax, k)
        to_logarithmic(axes[1, k], results, k)
        axes[0, k].set_xlabel("")
    legend(figure, results)
    return figure


def times(result: Outcome) -> FloatArray:
    """Times of the series; a steady state that was solved for directly has time infinity and is drawn at 0."""
    return style.finite(result.series["time"])


def draw_rate(ax: Axes, result: Outcome, name: str, look: dict[str, Any], *, label: str = "") -> None:
    """One rate over time, its exact values as dashes; a level line for a steady state that has no time."""
    if not exists(result, name):
        return
    _draw(ax, result, result.series[name], look, label)
    if (exact := exact_rate(result, name)) is not None and not is_timeless(result):
        ax.plot(times(result), _drawable(exact), **EXACT)


def is_timeless(result: Outcome) -> bool:
    """True for a steady state that was solved for directly."""
    return not np.isfinite(result.series["time"]).any()


def _draw(ax: Axes, result: Outcome, values: FloatArray, look: dict[str, Any], label: str = "") -> None:
    if is_timeless(result):
        ax.axhline(float(_drawable(values)[-1]), label=label or None, **(look | TIMELESS))
        return
    shown = _drawable(values)
    alone = _alone(shown)
    marks: dict[str, Any] = {"marker": "o", "markevery": alone} if alone else {}
    ax.plot(times(result), shown, label=label or None, **(look | marks))


def _alone(values: FloatArray) -> list[int]:
    """Indices of values without neighbours: a line through one point cannot be seen."""
    known = np.isfinite(np.concatenate([[np.nan], values, [np.nan]]))
    return [int(k) for k in np.nonzero(known[1:-1] & ~known[:-2] & ~known[2:])[0]]


def _drawable(values: FloatArray) -> FloatArray:
    return np.where(np.isfinite(values), values, np.nan)


def exact_rate(result: Outcome, name: str) -> FloatArray | None:
    """Exact values of a rate on the times of the series, if there are any."""
    if not isinstance(result, Result) or result.exact is None:
        return None
    if name == "entropy_rate":
        return _drawable(result.exact["entropy_production"]) - _drawable(result.exact["entropy_flux"])
    return result.exact.get(name)


def closure(result: Outcome) -> FloatArray:
    """Size of dS/dt - (Pi - Phi + S_Moyal) over time, NaN where it does not exist or is exactly 0 (no logarithm)."""
    s = {name: _drawable(result.series[name]) for name in RATES}
    moyal = _drawable(result.series.get("entropy_moyal", np.zeros(1)))
    error = np.abs(s["entropy_rate"] - (s["entropy_production"] - s["entropy_flux"] + moyal))
    return np.where(error > 0, error, np.nan)


def closure_symbol(results: Sequence[Outcome]) -> str:
    """What :func:`closure` is, in symbols."""
    moyal = f" + {MOYAL.symbol[1:-1]}" if any(map(has_moyal, results)) else ""
    return rf"$|\dot S - (\Pi - \Phi{moyal})|$"


def mark_zero(ax: Axes) -> None:
    """Thin line at zero, behind the curves."""
    ax.axhline(0, color="0.8", linewidth=0.6, zorder=0)


def has_closure(results: Sequence[Outcome]) -> bool:
    """True if the balance of some result leaves anything to draw."""
    return any(np.isfinite(closure(result)).any() for result in results)


def draw_closure(ax: Axes, results: Sequence[Outcome]) -> None:
    """Closure of the balance on a logarithmic axis."""
    errors = [closure(result) for result in results]
    for index, (result, error) in enumerate(zip(results, errors, strict=True)):
        if np.isfinite(error).any():
            _draw(ax, result, error, style.line(index))
    known = np.concatenate(errors)
    ax.set_yscale("log")
    ax.set_ylim(np.nanmin(known) / 3, np.nanmax(known) * 3)
    ax.set_ylabel("closure (1/time)")
    style.tag_above(ax, closure_symbol(results))


def note_missing(ax: Axes, result: Outcome, quantities: Sequence[str], *, width: int = 52) -> None:
    """Say why a panel lacks curves: in it where it is empty, else above it, where nothing is hidden."""
    empty = not any(np.isfinite(line.get_ydata(orig=False)).any() for line in ax.lines)
    reason = why_missing(result, quantities) or gaps(result, quantities)
    if empty:
        ax.set_yticks([])  # the numbers of an empty axis mean nothing
        style.note(ax, reason or "nothing to draw", width=width - 8)
    elif reason:
        style.tag_above(ax, style.fill(reason, width))


def gaps(result: Outcome, quantities: Sequence[str]) -> str:
    """How many records lack a rate that exists at others; an empty string if none does."""
    lacking = {name: int((~np.isfinite(result.series[name])).sum()) for name in quantities if exists(result, name)}
    worst = max(lacking.values(), default=0)
    if not worst:
        return ""
    names = ", ".join(SYMBOLS[name] for name, count in lacking.items() if count)
    return f"{names}: no value at {worst} of {len(result.series['time'])} records"


def why_missing(result: Outcome, quantities: Sequence[str]) -> str:
    """Which rates never exist, and why; an empty string if all do."""
    missing = [name for name in quantities if not exists(result, name)]
    if not missing:
        return ""
    symbols = ", ".join(SYMBOLS[name] for name in missing)
    return f"{symbols} {NEGATIVITY.sub('', result.reasons.get(missing[0], 'not finite at any time'))}"


def exists(result: Outcome, name: str) -> bool:
    """True if a series is there and finite at some time."""
    return name in result.series and bool(np.isfinite(result.series[name]).any())


def marginal(result: Result, k: int) -> FloatArray:
    """Integral of the final W over the other coordinate."""
    return np.asarray(style.finite(result.final.W).sum(axis=1 - k) * result.grid.axes[1 - k].spacing)


def exact_marginal(result: Result, k: int) -> FloatArray | None:
    """Gaussian with the exact mean and variance of the end, if there is one."""
    if result.exact is None or not result.exact_is_gaussian:
        return None
    mean, variance = result.exact["mean"][-1][k], result.exact["covariance"][-1][k, k]
    if not variance > 0:
        return None
    x = result.grid.axes[k].centres - mean
    return np.asarray(np.exp(-(x**2) / (2 * variance)) / np.sqrt(2 * np.pi * variance))


def draw_marginal(ax: Axes, result: Result, k: int, look: dict[str, Any]) -> None:
    """Marginal of one coordinate, the exact one as dashes."""
    x = result.grid.axes[k].centres
    ax.plot(x, marginal(result, k), **look)
    if (exact := exact_marginal(result, k)) is not None:
        ax.plot(x, exact, **EXACT)


def label_marginal(ax: Axes, k: int) -> None:
    """Names and units of the axes."""
    ax.set_xlabel((style.Q_LABEL, style.P_LABEL)[k])
    ax.set_ylabel(("$P(q)$ (1/position)", "$P(p)$ (1/momentum)")[k])
    ax.set_ylim(0, HEADROOM * ax.dataLim.y1 or None)  # a uniform marginal has no range that gives it a margin


def to_logarithmic(ax: Axes, results: Sequence[Result], k: int) -> None:
    """Logarithmic axis down to TAIL, and the coordinate only as far as a curve is above it."""
    top = max(marginal(result, k).max() for result in results)
    if not top > 0:
        return
    ax.set_yscale("log", nonpositive="mask")  # "clip" would draw what the grid makes negative as a fall to 0
    ax.set_ylim(TAIL * top, 5 * top)
    seen = [result.grid.axes[k].centres[marginal(result, k) > TAIL * top] for result in results]
    ax.set_xlim(min(x.min() for x in seen if len(x)), max(x.max() for x in seen if len(x)))


def labels_of(results: Sequence[Outcome], quantities: Sequence[str] = ()) -> list[str]:
    """Names of the results, in lines, and which of the quantities they lack or, of several, have gaps of."""
    labels = []
    for name, result in zip(naming.names(results), results, strict=True):
        when = ", steady state" if is_timeless(result) and quantities else ""
        lacking = [why_missing(result, quantities), gaps(result, quantities) if len(results) > 1 else ""]
        reason, words = "; ".join(filter(None, lacking)), f"{name}{when}{naming.status(result)}"
        labels.append(style.wrapped(f"{words}: {reason}" if reason else words))
    return labels


def legend(figure: Figure, results: Sequence[Outcome], quantities: Sequence[str] = ()) -> None:
    """Names of the results and of the dashes, above all panels."""
    handles = [
        Line2D([], [], **(style.line(k) | (TIMELESS if quantities and is_timeless(result) else {})))
        for k, result in enumerate(results)
    ]
    labels = labels_of(results, quantities)
    if any(has_exact(result, quantities) for result in results if not (quantities and is_timeless(result))):
        handles.append(Line2D([], [], **EXACT))
        labels.append("exact")
    figure.legend(handles, labels, loc="outside upper left", ncols=1 if max(map(len, labels)) > 30 else 2)


def has_exact(result: Outcome, quantities: Sequence[str]) -> bool:
    """True if exact values of one of these rates are known or, where none is named, an exact marginal."""
    if not quantities:
        return isinstance(result, Result) and any(exact_marginal(result, k) is not None for k in range(2))
    exact = [exact_rate(result, name) for name in quantities if exists(result, name)]
    return any(values is not None and np.isfinite(values).any() for values in exact)
