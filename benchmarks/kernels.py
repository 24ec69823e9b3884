"""Speed of the right-hand side and of Runge-Kutta steps, beside the memory bandwidth and the relaxation bar.

    python benchmarks/kernels.py [--json FILE]

Figures are medians of interleaved runs; Gcell/s counts one evaluation of dW/dt for one cell. The triad
a = b + s c on large arrays gives the memory bandwidth of the same machine at the same time.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
from machine import describe

from fpsolver import autogrid
from fpsolver.generator import Generator, Scheme
from fpsolver.grid import Axis, Grid
from fpsolver.physics import baths, exact, potentials, states
from fpsolver.physics.system import Particle, System
from fpsolver.physics.timescales import slowest_rate
from fpsolver.simulation import Plan, simulate
from fpsolver.stepping.explicit import RungeKutta, choose_step

REPEATS = 15


def system_with(d_qp: float) -> System:
    """Set MI of the paper's oscillator, with or without cross-diffusion."""
    bath = baths.brownian(model="translation_covariant", mass=1.0, hbar=1.0, eta=0.5, beta=0.7, d_qp=d_qp)
    return System((Particle(1.0, potentials.harmonic(mass=1.0, omega=1.0), bath),))


def median_seconds(work: Callable[[], object], seconds: float = 0.02) -> float:
    """Median time of one call, each sample about ``seconds`` long."""
    work()
    begun = time.perf_counter()
    work()
    loops = max(1, int(seconds / max(time.perf_counter() - begun, 1e-7)))
    samples = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        for _ in range(loops):
            work()
        samples.append((time.perf_counter() - begun) / loops)
    return float(np.median(samples))


@numba.njit(parallel=True, fastmath=True)
def triad(a, b, c):
    """Memory-bound reference."""
    for i in numba.prange(a.shape[0]):
        a[i] = b[i] + 1.5 * c[i]


def bandwidth() -> float:
    """Triad bandwidth, GB/s, without write-allocate traffic."""
    a, b, c = (np.ones(8_000_000) for _ in range(3))
    return 3 * a.nbytes / median_seconds(lambda: triad(a, b, c), 0.1) / 1e9


def right_hand_side(cells: int, order: int, d_qp: float, threads: int) -> dict[str, float]:
    """Gcell/s of dW/dt and of the stages of a step."""
    numba.set_num_threads(threads)
    grid = Grid((Axis("q", -10.4, 10.4, cells), Axis("p", -10.4, 10.4, cells)))
    generator = Generator(system_with(d_qp), grid, Scheme(order=order))
    W = generator.pad(np.random.default_rng(1).normal(size=grid.shape), generator.empty_padded())
    work, rate_only = generator.empty_work(), np.array([[0.0, 0.0, 1.0]])
    rate = median_seconds(lambda: generator.fluxes.advance(W, work, rate_only, 0, parallel=threads > 1))
    generator.is_parallel = threads > 1
    stepper = RungeKutta(generator)
    step = median_seconds(lambda: stepper.advance(W, 0.0, 1e-6, 1))
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
    plan = Plan(40.0, np.inf, 1e-9, decay, 40.0, 1, choose_step(generator, None, 1.0, decay.value))
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
    most = numba.config.NUMBA_NUM_THREADS
    table = []
    for cells in (96, 256, 1024):
        for order in (2, 4, 6, 8):
            for d_qp in (0.0, 0.2):
                for threads in sorted({1, most}):
                    found = right_hand_side(cells, order, d_qp, threads)
                    table.append({"cells": cells, "order": order, "cross": d_qp != 0, "threads": threads, **found})
    return {
        "machine": describe(),
        "bandwidth_GB_s": bandwidth(),
        "kernels": table,
        "relaxation": {order: relaxation(order) for order in (6, 8)},
    }


def main() -> None:
    """Print the table, and write JSON if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = measure()
    print(f"{found['machine']}; triad {found['bandwidth_GB_s']:.1f} GB/s")
    print(f"{'cells':>6}{'order':>7}{'cross':>7}{'threads':>9}{'dW/dt Gcell/s':>16}{'stage Gcell/s':>16}")
    for row in found["kernels"]:
        print(
            f"{row['cells']:>6}{row['order']:>7}{'yes' if row['cross'] else 'no':>7}{row['threads']:>9}"
            f"{row['rate']:>16.2f}{row['step']:>16.2f}"
        )
    for order, row in found["relaxation"].items():
        print(
            f"96^2 to t = 40, order {order}, one thread: {row['seconds']:.2f} s, {row['steps']} steps, "
            f"L1 error of W {row['l1_error']:.1e}"
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
