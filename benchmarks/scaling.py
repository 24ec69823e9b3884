"""Cost of dW/dt for a cell on grids of two to six axes, a model of it, and what it predicts for larger grids.

    python benchmarks/scaling.py [--json FILE] [--markdown FILE] [--quick]

Order 6, springs between neighbours, minimally invasive baths. Figures are medians. Two minutes and 1.5 GB; ``--quick``
leaves out everything beyond ten million cells.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import numba
import numpy as np
from machine import describe
from roofs import bandwidth, median_seconds

from fpsolver.generator import Generator, Scheme
from fpsolver.grid import Axis, Grid
from fpsolver.kernels.axes import PAD
from fpsolver.physics import baths, potentials
from fpsolver.physics.system import Coupling, Particle, System

ORDER = 6
GRIDS = ((96, 2), (256, 2), (1024, 2), (2048, 2), (16, 4), (24, 4), (32, 4), (48, 4), (64, 4), (16, 6))
FITTED = ((96, 2), (256, 2), (24, 4), (32, 4))  # the model sees these; the others check it
PREDICTED = ((64, 4), (80, 4), (96, 4), (24, 6))
LARGEST = 20_000_000
STAGES = 4  # evaluations of dW/dt in a Runge-Kutta step
ARRAYS = 3  # state and two work arrays
MOVED = 24  # bytes of memory traffic for a stored cell: read W, write dW/dt, and the line fetched before it is written
TRIAD = 2828  # squared: numbers in each array of the triad, far beyond the caches


def generator(cells: int, axes: int) -> Generator:
    """N = axes/2 oscillators in a row."""
    n = axes // 2
    bath = baths.brownian(model="minimally_invasive", mass=1.0, hbar=1.0, eta=0.5, beta=0.7)
    particles = tuple(Particle(1.0, potentials.harmonic(mass=1.0, omega=1.0), bath) for _ in range(n))
    system = System(particles, 1.0, couplings=tuple(Coupling(k, k + 1, 0.3) for k in range(n - 1)))
    numbers = [str(k) for k in range(1, n + 1)] if n > 1 else [""]
    names = [kind + number for kind in "qp" for number in numbers]
    return Generator(system, Grid(tuple(Axis(name, -9.0, 9.0, cells) for name in names)), Scheme(order=ORDER))


def stored(cells: int, axes: int) -> float:
    """Cells in memory: rows carry halos."""
    return float(cells ** (axes - 1) * (cells + 2 * PAD))


def nanoseconds(cells: int, axes: int, threads: int) -> float:
    """Time of dW/dt for one cell."""
    numba.set_num_threads(threads)
    built = generator(cells, axes)
    W = built.pad(np.random.default_rng(1).normal(size=built.grid.shape), built.empty_padded())
    work, rate_only = built.empty_work(), np.array([[0.0, 0.0, 1.0]])
    seconds = median_seconds(lambda: built.fluxes.advance(W, work, rate_only, 0, parallel=threads > 1))
    return 1e9 * seconds / built.grid.size


def fitted(rows: list[dict[str, Any]]) -> tuple[float, float]:
    """(ns of a cell for each axis, ns of a row): least squares on one thread and grids that fit the caches."""
    known = [row for row in rows if (row["cells"], row["axes"]) in FITTED and row["threads"] == 1]
    terms = [[r["axes"], 1 / r["cells"]] for r in known]
    weights = 1 / np.array([r["ns"] for r in known])
    solution = np.linalg.lstsq(np.array(terms) * weights[:, None], np.ones(len(known)), rcond=None)[0]
    return float(solution[0]), float(solution[1])


def model(cells: int, axes: int, costs: tuple[float, float]) -> float:
    """Nanoseconds of dW/dt for one cell on one thread, out of the caches' reach of memory or not."""
    return costs[0] * axes + costs[1] / cells


def measure(*, quick: bool) -> dict[str, Any]:
    """All figures."""
    grids = [grid for grid in GRIDS if not quick or grid[0] ** grid[1] <= LARGEST / 2]
    threads = sorted({1, numba.config.NUMBA_NUM_THREADS})
    rows = []
    for cells, axes in grids:
        for count in threads:
            row = {"cells": cells, "axes": axes, "threads": count, "ns": nanoseconds(cells, axes, count)}
            row["bandwidth"] = MOVED * stored(cells, axes) / cells**axes / row["ns"]
            rows.append(row)
    costs = fitted(rows)
    for row in rows:
        row["model"] = model(row["cells"], row["axes"], costs) if row["threads"] == 1 else math.nan
    return {"machine": describe(), "rows": rows, "costs": costs, "triad": {n: bandwidth(TRIAD, n) for n in threads}}


def predictions(found: dict[str, Any]) -> list[dict[str, float]]:
    """Memory, time and exchange of larger grids on one thread, and halves of q_1 on two machines."""
    lines = []
    for cells, axes in PREDICTED:
        size, ns = float(cells**axes), model(cells, axes, tuple(found["costs"]))
        faces = 2 * (ORDER // 2) * size / cells * 8  # bytes a part sends for each stage: k layers at both ends
        lines.append(
            {
                "cells": cells,
                "axes": axes,
                "memory": ARRAYS * 8 * stored(cells, axes) / 2**30,
                "seconds": STAGES * size * ns / 1e9,
                "exchange": faces / 2**20,
                "rate": faces / (size / 2 * ns),
            }
        )
    return lines


def markdown(found: dict[str, Any]) -> str:
    """Tables for docs/scaling.md."""
    triad = ", ".join(f"{n} thread(s): {value:.1f} GB/s" for n, value in found["triad"].items())
    lines = [f"{found['machine']}. Triad on large arrays, {triad}.", ""]
    lines += ["| grid | threads | ns for a cell | Gcell/s | memory traffic, GB/s | model, ns |", "| --- " * 6 + "|"]
    for row in found["rows"]:
        expected = "" if math.isnan(row["model"]) else f"{row['model']:.2f}"
        lines.append(
            f"| {row['cells']}^{row['axes']} | {row['threads']} | {row['ns']:.2f} | {1 / row['ns']:.2f} | "
            f"{row['bandwidth']:.1f} | {expected} |"
        )
    a, b = found["costs"]
    lines += ["", f"Model: {a:.3f} ns for each axis of a cell, {b:.1f} ns for each row.", ""]
    lines += [
        "| grid | memory, GiB | one step, one thread, s | sent by a part for each stage, MiB | as it computes, GB/s |",
        "| --- " * 5 + "|",
    ]
    for row in predictions(found):
        lines.append(
            f"| {row['cells']}^{row['axes']} | {row['memory']:.2f} | {row['seconds']:.2f} | {row['exchange']:.1f} | "
            f"{row['rate']:.2f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print the tables, and write them if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    found = measure(quick=arguments.quick)
    print(markdown(found))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2))
    if arguments.markdown:
        arguments.markdown.write_text(markdown(found), encoding="utf-8")


if __name__ == "__main__":
    main()
