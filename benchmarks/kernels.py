"""Speed of the right-hand side and of Runge-Kutta steps, beside what the machine can do, and the relaxation bar.

    python benchmarks/kernels.py [--json FILE] [--markdown FILE]

Figures are medians; Gcell/s counts one evaluation of dW/dt for one cell. ``bound`` names the roof it is nearest to, and
the part of it that is reached: the arithmetic peak in the first-level cache, or the bandwidth of the triad
a = b + s c on arrays of the same size, wherever they fit (benchmarks/roofs.py). One or two minutes.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from pathlib import Path
from typing import Any

import numba
import numpy as np
import roofs
from machine import describe
from roofs import median_seconds

from fpsolver import autogrid
from fpsolver.generator import Generator, Scheme
from fpsolver.grid import Axis, Grid
from fpsolver.physics import baths, exact, potentials, states
from fpsolver.physics.system import Particle, System
from fpsolver.physics.timescales import slowest_rate
from fpsolver.simulation import simulate
from fpsolver.stepping.explicit import RungeKutta, choose_step
from fpsolver.trajectory import Plan

STEPS = 20  # in one call, as between records
SECONDS = 0.1  # of samples for each figure


def system_with(d_qp: float) -> System:
    """Set MI of the paper's oscillator, with or without cross-diffusion."""
    bath = baths.brownian(model="translation_covariant", mass=1.0, hbar=1.0, eta=0.5, beta=0.7, d_qp=d_qp)
    return System((Particle(1.0, potentials.harmonic(mass=1.0, omega=1.0), bath),))


def operations(order: int, *, cross: bool) -> int:
    """Floating-point instructions for dW/dt of a cell at least (a multiply-add is one).

    Along each axis a difference, a sum and two multiply-adds for each pair of neighbours; cross-diffusion: a difference
    and a multiply-add for each pair, twice.
    """
    pairs = order // 2
    return 8 * pairs + (4 * pairs if cross else 0)


def bound(row: dict[str, float], roofs_here: dict[str, float]) -> dict[str, object]:
    """Which roof dW/dt is nearest to, and what part of it is reached.

    Memory: W read and dW/dt written, 16 bytes a cell, of the triad's bandwidth on arrays of the same size.
    """
    reached = {
        "arithmetic": row["rate"] * operations(int(row["order"]), cross=bool(row["cross"])) / roofs_here["arithmetic"],
        "memory": row["rate"] * 16 / roofs_here["bandwidth"],
    }
    nearest = max(reached, key=lambda name: reached[name])
    return {"bound": nearest, "reached": reached[nearest]}


def right_hand_side(cells: int, order: int, d_qp: float, threads: int) -> dict[str, float]:
    """Gcell/s of dW/dt in a call of its own, and of the stages of steps in a run."""
    numba.set_num_threads(threads)
    grid = Grid((Axis("q", -10.4, 10.4, cells), Axis("p", -10.4, 10.4, cells)))
    generator = Generator(system_with(d_qp), grid, Scheme(order=order))
    W = generator.pad(np.random.default_rng(1).normal(size=grid.shape), generator.empty_padded())
    work, rate_only = generator.empty_work(), np.array([[0.0, 0.0, 1.0]])
    rate = median_seconds(lambda: generator.fluxes.advance(W, work, rate_only, 0, parallel=threads > 1), SECONDS)
    generator.is_parallel = threads > 1
    stepper = RungeKutta(generator)
    step = median_seconds(lambda: stepper.advance(W, 0.0, 1e-6, STEPS), SECONDS) / STEPS
    return {"rate": cells**2 / rate / 1e9, "step": 4 * cells**2 / step / 1e9}


def relaxation(order: int) -> dict[str, float]:
    """96^2, set MI from mean (1.5, 0), covariance 0.8, to t = 40, one thread: seconds of stepping and L1 error."""
    numba.set_num_threads(1)
    system = system_with(0.0)
    state = states.gaussian([1.5, 0.0], 0.8 * np.eye(2))
    path = autogrid.gaussian_path(system, state, 40.0)
    grid = autogrid.choose_grid(path, tuple(autogrid.AxisRequest(name, 96) for name in "qp"))
    generator = Generator(system, grid, Scheme(order=order))
    decay = slowest_rate(system, None)
    plan = Plan(40.0, np.inf, 1e-9, decay, 40.0, 1, choose_step(generator, None, 1.0, decay.value, end=40.0))
    W0 = state.values(grid.coordinates)
    seconds, trajectory = [], None
    for _ in range(6):
        begun = time.perf_counter()
        trajectory = simulate(generator, W0, plan)
        seconds.append(time.perf_counter() - begun)
    assert trajectory is not None
    mean, V = exact.Gaussian(system, state.mean, state.covariance).moments(40.0)
    error = np.abs(trajectory.W - states.gaussian(mean, V).values(grid.coordinates)).sum() * grid.volume
    return {"seconds": float(np.median(seconds[1:])), "steps": trajectory.steps, "l1_error": float(error)}


def measure() -> dict[str, object]:
    """All figures."""
    threads = sorted({1, numba.config.NUMBA_NUM_THREADS})
    peaks = {count: roofs.arithmetic(count) for count in threads}
    rows, table = [], []
    for cells, count in itertools.product((96, 256, 1024, 2048), threads):
        here = {"arithmetic": peaks[count], "bandwidth": roofs.bandwidth(cells, count)}
        rows.append({"cells": cells, "threads": count, **here})
        for order, d_qp in itertools.product((2, 4, 6, 8), (0.0, 0.2)):
            row = {"cells": cells, "order": order, "cross": d_qp != 0, "threads": count}
            row |= right_hand_side(cells, order, d_qp, count)
            table.append(row | bound(row, here))
    return {
        "machine": describe(),
        "roofs": rows,
        "kernels": table,
        "relaxation": {order: relaxation(order) for order in (6, 8)},
    }


def report(found: dict[str, Any]) -> str:
    """Tables for a terminal."""
    lines = [found["machine"]]
    for row in found["roofs"]:
        lines.append(
            f"{row['cells']:>5}^2, {row['threads']} thread(s): {row['arithmetic']:.1f} G multiply-adds/s in the "
            f"first-level cache, triad {row['bandwidth']:.1f} GB/s"
        )
    lines.append(
        f"{'cells':>6}{'order':>7}{'cross':>7}{'threads':>9}{'dW/dt Gcell/s':>16}{'stage Gcell/s':>16}   bound"
    )
    for row in found["kernels"]:
        lines.append(
            f"{row['cells']:>6}{row['order']:>7}{'yes' if row['cross'] else 'no':>7}{row['threads']:>9}"
            f"{row['rate']:>16.2f}{row['step']:>16.2f}   {row['bound']} {row['reached']:.0%}"
        )
    for order, row in found["relaxation"].items():
        lines.append(
            f"96^2 to t = 40, order {order}, one thread: {row['seconds']:.2f} s, {row['steps']} steps, "
            f"L1 error of W {row['l1_error']:.1e}"
        )
    return "\n".join(lines)


def markdown(found: dict[str, Any]) -> str:
    """The same as a page fragment: one line for each grid and number of threads."""
    orders = sorted({row["order"] for row in found["kernels"]})
    head = ["cells", "threads", "triad, GB/s", *(f"order {n}{c}" for n in orders for c in ("", ", cross"))]
    lines = [head, ["---"] * len(head)]
    for place in found["roofs"]:
        here = [r for r in found["kernels"] if (r["cells"], r["threads"]) == (place["cells"], place["threads"])]
        cells = [f"{row['rate']:.2f} ({row['bound'][0]} {100 * row['reached']:.0f} %)" for row in here]
        lines.append([f"{place['cells']}²", str(place["threads"]), f"{place['bandwidth']:.0f}", *cells])
    peaks = {row["threads"]: row["arithmetic"] for row in found["roofs"]}
    peak = ", ".join(f"{value:.1f} on {count} thread{'s' if count > 1 else ''}" for count, value in peaks.items())
    parts = [f"Measured on {found['machine']}.", f"Arithmetic peak, 10⁹ multiply-adds a second: {peak}."]
    parts.append("\n".join("| " + " | ".join(line) + " |" for line in lines))
    for order, row in found["relaxation"].items():
        parts.append(
            f"Relaxation to t = 40 at 96², order {order}, one thread: {row['seconds']:.2f} s ({row['steps']} steps), "
            f"L1 error of W {row['l1_error']:.1e}."
        )
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Print the tables; write JSON and Markdown if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path, help="file for the tables as a page fragment")
    arguments = parser.parse_args()
    found = measure()
    print(report(found))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2), encoding="utf-8")
    if arguments.markdown:
        arguments.markdown.write_text(markdown(found), encoding="utf-8")


if __name__ == "__main__":
    main()
