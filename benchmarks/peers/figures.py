"""Work and precision: error over seconds, one panel for each problem, one line for each solver."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fpsolver.plot import save, style
from peers.report import by_solver

FIGURES = {"W": ("peers_density.png", "L1 error of $W$"), "Pi": ("peers_production.png", r"relative error of $\Pi$")}
# colour and line of each program, marker of each way to use it
LOOKS = {
    "fpsolver, direct": (0, "-", "o"),
    "fpsolver, stepping": (0, "--", "s"),
    "QuTiP, steadystate": (1, "-", "^"),
    "QuTiP, mesolve": (1, "--", "v"),
    "SciPy, spsolve": (2, "-", "D"),
    "SciPy, solve_ivp RK45": (2, "--", "<"),
    "SciPy, solve_ivp BDF": (2, ":", ">"),
    "SciPy, expm_multiply": (2, "-.", "X"),
    "py-pde": (3, "-", "p"),
    "FiPy, power law (default)": (4, ":", "P"),
    "FiPy, central": (4, "-", "*"),
    "fplanck": (6, "-", "h"),
}
LARGEST, SMALLEST = 3.0, 1e-13  # errors beyond are drawn at the edge


def write(found: dict[str, Any], folder: Path) -> list[str]:
    """Save both figures; their names."""
    for quantity, (name, words) in FIGURES.items():
        save(draw(found, quantity, words), folder / name)
    return [name for name, _ in FIGURES.values()]


def draw(found: dict[str, Any], quantity: str, words: str) -> Figure:
    """A panel for each problem."""
    problems = list(found["problems"].items())
    with style.settings():
        figure = style.new_figure(2 * style.COLUMN, 0.9 + 2.3 * math.ceil(len(problems) / 2))
        panels = figure.subplots(math.ceil(len(problems) / 2), 2, sharex=True, sharey=True, squeeze=False).flat
        for ax, (name, title) in zip(panels, problems, strict=False):
            unbroken = title.replace(" = ", "\u00a0=\u00a0")
            style.heading(ax, f"{unbroken[0].upper()}{unbroken[1:]}", width=44)
            draw_lines(ax, [row for row in found["rows"] if row["problem"] == name], quantity)
        for ax in figure.axes[-2:]:
            ax.set_xlabel("seconds, without start-up and compiling")
        for ax in figure.axes[::2]:
            ax.set_ylabel(words)
        handles = {line.get_label(): line for ax in figure.axes for line in ax.get_lines()}
        ordered = [handles[name] for name in LOOKS if name in handles]
        figure.legend(handles=ordered, loc="outside lower center", ncols=4, fontsize=7.5, columnspacing=1.2)
    return figure


def draw_lines(ax: Axes, rows: list[dict[str, Any]], quantity: str) -> None:
    """Lines of one problem."""
    for name, own in by_solver(rows).items():
        points = [
            (row["seconds"], min(max(row[quantity], SMALLEST), LARGEST)) for row in own if math.isfinite(row[quantity])
        ]
        index, line, marker = LOOKS[name]
        if points:
            ax.loglog(*zip(*points, strict=True), line, color=style.colour(index), marker=marker, label=name)
    ax.grid(color="0.9", linewidth=0.6)
