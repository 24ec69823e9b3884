"""Accuracy against exact Gaussians: every quadratic configuration, and refinement at orders 2 to 8.

    python benchmarks/gaussian.py [--json FILE] [--figure FILE] [--quick]

First table: each configs/*.yaml with an exact Gaussian, at its own settings (rings have none: tests/test_configs.py
checks them). Errors of Pi and Phi are divided by max(Pi, |Phi|, eta), those of moments by the largest covariance.
Second table: the same box with more and more cells, at t = 2 by stepping and in the steady state by the direct
solver, with the observed orders. The figure draws errors over the seconds they cost.
"""

from __future__ import annotations

import argparse
import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe
from matplotlib.figure import Figure

import fpsolver as fp
from fpsolver import api
from fpsolver.plot import save, style
from fpsolver.result import Result

CONFIGS = Path(__file__).parents[1] / "configs"
STUDIED = "translation_covariant"
RATE_BAR, CLOSURE_BAR = 1e-9, 1e-7
RATES = ("entropy_production", "entropy_flux")
MARKERS = {2: "o", 4: "s", 6: "^", 8: "D"}


def outcome(config: fp.Config) -> Result:
    """Result; its warnings (coarse grids are wanted here) stay in it."""
    return api.run_problem(api.prepare(config))


def configurations(names: list[str] | None = None) -> list[dict[str, Any]]:
    """One row for each configuration with an exact Gaussian."""
    rows = []
    for path in sorted(CONFIGS.glob("*.yaml")):
        config = fp.load_config(path)
        if (names is None or path.stem in names) and api.prepare(config).exact is not None:
            rows.append({"name": path.stem, **errors(outcome(config))})
    return rows


def errors(result: Result) -> dict[str, float]:
    """Errors at the end and the largest along the way."""
    assert result.exact is not None
    series, exact = result.series, result.exact
    eta = -float(np.trace(fp.build_system(result.config).dissipative_drift))
    rate = np.maximum(np.maximum(exact["entropy_production"], np.abs(exact["entropy_flux"])), eta)
    found = {"W": result.exact_error, "seconds": result.provenance["wall_solve"]}
    moments = np.abs(series["covariance"] - exact["covariance"]).max(axis=(1, 2))
    moments /= np.abs(exact["covariance"]).max(axis=(1, 2))
    along = {name: np.abs(series[name] - exact[name]) / rate for name in RATES}
    balance = series["entropy_rate"] - (series["entropy_production"] - series["entropy_flux"])
    for name, values in {"moments": moments, **along, "closure": np.abs(balance) / rate}.items():
        found[name], found[f"{name}_along"] = float(values[-1]), float(values.max())
    return {**found, "cells_per_deviation": result.diagnostics["resolution"], "steps": result.provenance["steps"]}


def refinement(cells: tuple[int, ...], orders: tuple[int, ...]) -> list[dict[str, Any]]:
    """Errors on the box of the configuration's own grid, in a transient and in the steady state."""
    config = fp.load_config(CONFIGS / f"{STUDIED}.yaml")
    box = {axis.name: [axis.low, axis.high] for axis in api.prepare(config).grid.axes}
    rows = []
    for order in orders:
        for n in cells:
            grid = {name: {"cells": n, "extent": extent, "allow_coarse": True} for name, extent in box.items()}
            changed = config.replaced(grid=grid, scheme={"order": order})
            moving = outcome(changed.replaced(time={"until": 2.0}, output={"every": 1.0}))
            steady = outcome(changed.replaced(time={"method": "direct"}))
            for kind, result in (("t = 2", moving), ("steady", steady)):
                rows.append({"kind": kind, "order": order, "cells": n, **errors(result)})
    return rows


def observed_orders(rows: list[dict[str, Any]], kind: str, order: int, quantity: str) -> list[float]:
    """Slopes of ln(error) over ln(cells) between successive grids."""
    line = [row for row in rows if row["kind"] == kind and row["order"] == order]
    pairs = [(a["cells"], a[quantity], b["cells"], b[quantity]) for a, b in pairwise(line)]
    return [math.log(e / f) / math.log(m / n) if e > 0 and f > 0 else math.nan for n, e, m, f in pairs]


def time_error(order: int, cells: int) -> float:
    """What half the step changes in W at t = 2, L1: what the space errors above hide behind."""
    config = fp.load_config(CONFIGS / f"{STUDIED}.yaml").replaced(
        grid={"q": {"cells": cells}, "p": {"cells": cells}}, scheme={"order": order}, time={"until": 2.0}
    )
    coarse = outcome(config)
    fine = outcome(config.replaced(time={"until": 2.0, "dt": api.prepare(config).plan.step.at(0.0) / 2}))
    return coarse.grid.integrate(np.abs(coarse.final.W - fine.final.W))


def draw(rows: list[dict[str, Any]]) -> Figure:
    """Work and precision: L1 error of W and error of Pi over seconds, a line for each order."""
    with style.settings():
        figure = style.new_figure(2 * style.COLUMN, 5.4)
        axes = figure.subplots(2, 2, sharey="row", sharex="col")
        for column, kind in enumerate(("t = 2", "steady")):
            for ax, quantity in zip(axes[:, column], ("W", "entropy_production"), strict=True):
                draw_lines(ax, [row for row in rows if row["kind"] == kind], quantity)
            title = "at t = 2, by stepping" if column == 0 else "steady state, direct solver"
            axes[0, column].set_title(title)
            axes[1, column].set_xlabel("seconds of solving")
        axes[0, 0].set_ylabel("L1 error of $W$")
        axes[1, 0].set_ylabel(r"error of $\Pi$ / max($\Pi$, $|\Phi|$, $\eta$)")
        axes[0, 1].legend(title="order")
    return figure


def draw_lines(ax: Any, rows: list[dict[str, Any]], quantity: str) -> None:
    """One line for each order, one marker for each grid."""
    for index, order in enumerate(sorted({row["order"] for row in rows})):
        line = [row for row in rows if row["order"] == order]
        x, y = [row["seconds"] for row in line], [max(row[quantity], 1e-16) for row in line]
        ax.loglog(x, y, color=style.colour(index), marker=MARKERS[order], label=str(order))
    ax.grid(color="0.9", linewidth=0.6)


def report(found: dict[str, Any]) -> str:
    """Both tables as text."""
    lines = [found["machine"], "", "configurations at their own settings (along: largest error during the run)"]
    head = ("W L1", "moments", "along", "Pi", "along", "Phi", "along", "closure", "s/h", "steps", "seconds")
    lines.append(f"{'':<36}" + "".join(f"{word:>10}" for word in head) + "   bars")
    for row in found["configurations"]:
        names = ("W", "moments", "moments_along", *(f"{n}{s}" for n in RATES for s in ("", "_along")), "closure_along")
        cells = "".join(f"{row[name]:>10.1e}" for name in names)
        size = f"{row['cells_per_deviation']:>10.2f}{row['steps']:>10}{row['seconds']:>10.2f}"
        lines.append(f"{row['name']:<36}{cells}{size}   {'pass' if passes(row) else 'FAIL'}")
    lines.append(
        f"bars: Pi and Phi {RATE_BAR:g}, closure {CLOSURE_BAR:g}, all along; s/h: cells for the narrowest deviation"
    )
    lines += ["", f"{STUDIED}, fixed box (time error at t = 2, order 8: {found['time_error']:.1e})"]
    lines.append(f"{'kind':<10}{'order':>6}{'cells':>7}{'W L1':>11}{'Pi':>11}{'seconds':>10}   observed order of W")
    for row in found["refinement"]:
        lines.append(refinement_line(row, found["refinement"]))
    return "\n".join(lines)


def refinement_line(row: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """One grid, with the order observed since the one before."""
    line = [r["cells"] for r in rows if r["kind"] == row["kind"] and r["order"] == row["order"]]
    place = line.index(row["cells"])
    orders = observed_orders(rows, row["kind"], row["order"], "W")
    slope = f"{orders[place - 1]:.2f}" if place else ""
    size = f"{row['W']:>11.1e}{row['entropy_production']:>11.1e}{row['seconds']:>10.3f}"
    return f"{row['kind']:<10}{row['order']:>6}{row['cells']:>7}{size}{slope:>12}"


def passes(row: dict[str, Any]) -> bool:
    """True if Pi, Phi and the closure hold their bars all along the run."""
    return max(row[f"{name}_along"] for name in RATES) <= RATE_BAR and row["closure_along"] <= CLOSURE_BAR


def measure(*, quick: bool) -> dict[str, Any]:
    """All figures."""
    cells, orders = ((48, 64), (2, 8)) if quick else ((32, 48, 64, 96, 128, 160), (2, 4, 6, 8))
    return {
        "machine": describe(),
        "configurations": configurations(["minimally_invasive", "cold"] if quick else None),
        "refinement": sorted(refinement(cells, orders), key=lambda row: (row["kind"], row["order"], row["cells"])),
        "time_error": time_error(8, 96),
    }


def main(arguments: list[str] | None = None) -> None:
    """Print the tables, write JSON and the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, default=Path("results/benchmarks/gaussian.json"))
    parser.add_argument("--figure", type=Path, default=Path("results/benchmarks/gaussian.png"))
    parser.add_argument("--quick", action="store_true", help="two configurations and two grids")
    chosen = parser.parse_args(arguments)
    found = measure(quick=chosen.quick)
    print(report(found))
    chosen.json.parent.mkdir(parents=True, exist_ok=True)
    chosen.json.write_text(json.dumps(found, indent=2))
    save(draw(found["refinement"]), chosen.figure)
    print(f"\nwrote {chosen.json} and {chosen.figure}")


if __name__ == "__main__":
    main()
