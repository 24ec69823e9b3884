"""Figures of docs/paper.md: currents side by side, the production over (eta, beta), the tuned points, cold baths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

import fpsolver as fp
from fpsolver import plot
from fpsolver.plot import phase_space, style
from paper.husimi import spohn_of_a_displaced_state
from paper.models import WARM, Array, Model, Parameters, configuration, oscillator
from paper.production import printed_eq15
from paper.ring import CROSS, ring
from paper.tuning import alpha_of_eq18

DPI = 80
ETAS, BETAS = np.geomspace(0.05, 2.0, 6), np.geomspace(0.25, 8.0, 6)
COLD = (0.7, 2.0, 5.0, 10.0, 20.0, 40.0)


def currents() -> Figure:
    """J^R above, J^I below, one column for each model; the ring has scales of its own."""
    wells = (
        ("Caldeira–Leggett", oscillator(WARM, "caldeira_leggett")),
        ("minimally invasive", oscillator(WARM, "minimally_invasive")),
        ("$D_{qp} = 0.2$", oscillator(WARM, "translation_covariant", d_qp=0.2)),
        (r"$\alpha_{DB}$ (Eq. 18)", oscillator(WARM, "symmetry_broken", alpha="detailed_balance")),
        (r"$\xi_{DB}$", oscillator(WARM, "position_friction", xi="detailed_balance")),
    )
    groups = (tuple((name, model.result) for name, model in wells), ((f"ring, $D_{{qp}} = {CROSS:g}$", ring(CROSS)),))
    figure = style.new_figure(14.5, 5.4)
    axes = figure.subplots(2, len(wells) + 1, squeeze=False)
    column = 0
    for group in groups:
        results = [result for _, result in group]
        mapping, view = phase_space.colours(results, style.MUTED), phase_space.view(results)
        for name, result in group:
            for ax, current in zip(axes[:, column], (phase_space.REVERSIBLE, phase_space.IRREVERSIBLE), strict=True):
                phase_space.draw_density(ax, result, mapping, view)
                phase_space.draw_current(ax, result, current, phase_space.arrow_scale(results, current, view), view)
                ax.set_ylabel(style.P_LABEL if column == 0 else "")
            axes[0, column].set_xlabel("")
            style.heading(axes[0, column], name)
            column += 1
    return figure


def production_map() -> Figure:
    """Steady production from a sweep of runs: as colours, and against beta hbar omega with Eq. 15 as printed."""
    over = {"system.bath.eta": ETAS, "system.bath.beta": BETAS}
    Pi = fp.sweep(configuration(WARM, "minimally_invasive"), over)["entropy_production"]
    figure = style.new_figure(9.0, 3.6)
    left, right = figure.subplots(1, 2)
    mapping = ScalarMappable(LogNorm(Pi.min(), Pi.max()), style.WARM)
    fine = [np.geomspace(edge[0], edge[-1], 200) for edge in (_edges(BETAS), _edges(ETAS))]
    left.set(xscale="log", yscale="log", xlabel=r"$\beta\hbar\omega$", ylabel=r"$\eta/\omega$")
    left.pcolormesh(_edges(BETAS), _edges(ETAS), Pi, norm=mapping.norm, cmap=mapping.cmap)
    levels = [1e-3, 1e-2, 0.1, 1.0]
    lines = left.contour(*fine, fine[1][:, None] * (fine[0] / 4) ** 2, levels=levels, colors="0.2", linewidths=0.8)
    at = [(4 * (level / eta) ** 0.5, eta) for level, eta in zip(levels, (0.1, 0.3, 0.3, 0.5), strict=True)]
    left.clabel(lines, manual=at, inline_spacing=2, fmt=lambda value: f"{value:g}")
    figure.colorbar(mapping, ax=left, label=r"$\Pi_S$ (1/time)")
    for k in (3, 4, 5):
        printed = [printed_eq15(replace(WARM, beta=float(b), eta=float(ETAS[k]))) / ETAS[k] for b in fine[0]]
        label = rf"Eq. 15 as printed, $\eta = {ETAS[k]:.2g}\,\omega$"
        right.plot(fine[0], _broken(np.array(printed)), "--", color=style.colour(k - 2), lw=1.2, label=label)
    right.plot(fine[0], (fine[0] / 4) ** 2, color=style.colour(0), label=r"$(\beta\hbar\omega/4)^2$")
    right.plot(
        np.tile(BETAS, len(ETAS)), (Pi / ETAS[:, None]).ravel(), "o", color=style.NEUTRAL, label="grid, all 36 runs"
    )
    right.set(xscale="log", xlabel=r"$\beta\hbar\omega$", ylabel=r"$\Pi_S/\eta$", ylim=(-3, 7))
    for ax in (left, right):
        ax.set_xlim(fine[0][0], fine[0][-1])
        ax.set_xticks(BETAS, [f"{beta:g}" for beta in BETAS.round(6)], minor=False)
        ax.set_xticks([], minor=True)
    left.set_yticks(ETAS, [f"{eta:.2g}" for eta in ETAS])
    left.set_yticks([], minor=True)
    right.legend()
    return figure


def _edges(values: Array) -> Array:
    """Edges of cells around values in geometric progression."""
    half = float(np.sqrt(values[1] / values[0]))
    return np.append(values / half, values[-1] * half)


def _broken(values: Array) -> Array:
    """Without the vertical line through a pole."""
    return np.where(np.abs(values) < 20, values, np.nan)


def tuning() -> Figure:
    """Pi over alpha and over xi, through the points of detailed balance."""
    figure = style.new_figure(9.0, 3.4)
    left, right = figure.subplots(1, 2)
    best = alpha_of_eq18(WARM)
    alphas = best + np.linspace(-0.05, 0.05, 11)
    _curve(left, lambda a: oscillator(WARM, "symmetry_broken", alpha=a), alphas, 0, "completely positive for every α")
    _mark(left, best, r"$\alpha_{DB}$ of Eq. 18")
    left.set(xlabel=r"$\alpha$ (1/time)", ylabel=r"$\Pi_S$ (1/time)")
    xis = np.linspace(0.0, 0.05, 11)
    _curve(
        right,
        lambda x: oscillator(WARM, "position_friction", xi=x),
        xis,
        0,
        r"$D_{qq}$ for $\eta + \xi$: completely positive",
    )
    _curve(
        right,
        lambda x: oscillator(WARM, "position_friction", xi=x, d_qq=WARM.d_qq()),
        xis,
        1,
        r"$D_{qq}$ of Eq. 8: not for $\xi > 0$",
    )
    _mark(
        right,
        oscillator(WARM, "position_friction", xi="detailed_balance").system.particles[0].bath.xi,
        r"$\xi_{DB}$, completely positive",
    )
    right.set(xlabel=r"$\xi$ (1/time)")
    for ax in (left, right):
        ax.legend(frameon=True, framealpha=1.0, edgecolor="none", loc="upper center")
        ax.set_ylim(top=1.25 * ax.get_ylim()[1])
    return figure


def _curve(ax: Axes, model: Callable[[float], Model], values: Array, index: int, label: str) -> None:
    """Theory as a line, steady states on the grid as dots."""
    fine = np.linspace(values[0], values[-1], 200)
    ax.plot(fine, [model(float(x)).Pi for x in fine], color=style.colour(index), label=label)
    found = [model(float(x)).result.last("entropy_production") for x in values]
    ax.plot(values, found, "o", color=style.colour(index))


def _mark(ax: Axes, x: float, label: str) -> None:
    ax.axvline(x, color=style.NEUTRAL, lw=0.8, ls=":", label=label)


def cold() -> Figure:
    """Three productions towards T = 0."""
    figure = style.new_figure(4.6, 3.4)
    ax = figure.subplots()
    fine = np.geomspace(COLD[0], COLD[-1], 60)
    curves: tuple[tuple[str, Callable[[Parameters], float], Callable[[Parameters], float]], ...] = (
        (
            "Wigner, steady state of Eq. 8",
            lambda k: _minimal(k).Pi,
            lambda k: _minimal(k).result.last("entropy_production"),
        ),
        ("Wehrl, the same state", _wehrl, lambda k: _minimal(k).result.last("wehrl_production")),
        (
            "Spohn, displaced state, quantum optics",
            lambda k: spohn_of_a_displaced_state(k)[0],
            lambda k: spohn_of_a_displaced_state(k)[1],
        ),
    )
    for index, (label, exact, grid) in enumerate(curves):
        ax.plot(fine, [exact(replace(WARM, beta=float(b))) for b in fine], color=style.colour(index), label=label)
        ax.plot(COLD, [grid(replace(WARM, beta=b)) for b in COLD], "o", color=style.colour(index))
    ax.set(xscale="log", yscale="log", xlabel=r"$\beta\hbar\omega$", ylabel="production (1/time)")
    ax.legend()
    return figure


def _minimal(known: Parameters) -> Model:
    return oscillator(known, "minimally_invasive")


def _wehrl(known: Parameters) -> float:
    """Closed form, eta m^2 w^2 D_qq/(D_pp + eta hbar m w/2)."""
    stiff = (known.mass * known.omega) ** 2
    return known.eta * stiff * known.d_qq() / (known.d_pp + known.eta * known.hbar * known.mass * known.omega / 2)


FIGURES: tuple[tuple[str, Callable[[], Figure], str], ...] = (
    (
        "paper_currents",
        currents,
        "Reversible (above) and irreversible current (below) in the steady states of the paper's models, warm. J^I "
        "vanishes in detailed balance, and on the ring, where detailed balance is violated; J^R never vanishes.",
    ),
    (
        "paper_production",
        production_map,
        "Π_S of the minimally invasive oscillator. Left: 36 runs as colours, contours of η(βħω/4)². Right: the same "
        "runs over η, and Eq. 15 as printed, which has poles and negative values in cold baths.",
    ),
    (
        "paper_tuning",
        tuning,
        "Π_S through the tuned points, warm; lines: theory, dots: grid. With D_qq of Eq. 8 the friction ξ reaches "
        "detailed balance, too, but is not completely positive there.",
    ),
    (
        "paper_cold",
        cold,
        "Three entropy productions towards T = 0 (η = 0.5); lines: theory, dots: grid. All diverge, Wigner's fastest.",
    ),
)


def draw(folder: Path) -> list[tuple[str, str]]:
    """Write all figures; their names and captions."""
    for name, make, _ in FIGURES:
        with style.settings():
            plot.save(make(), folder / f"{name}.png", dpi=DPI)
    return [(name, caption) for name, _, caption in FIGURES]
