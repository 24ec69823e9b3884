"""Sweeps: pace with time.method direct, error of Pi, what bounds it; a map of 400 points; memory over 1000 runs.

    python benchmarks/sweep.py [--map FILE.png] [--thousand]

The map is Pi = eta (beta hbar omega / 4)^2 of minimally invasive oscillators. About two minutes on two cores.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from machine import describe

import fpsolver as fp
from fpsolver import plot
from fpsolver.plot.sweeps import sweep_map
from fpsolver.sweeps.worker import run_point

CONFIG = Path(__file__).parents[1] / "configs" / "minimally_invasive.yaml"
ETA, BETA = "system.bath.eta", "system.bath.beta"


def config(cells: int) -> fp.Config:
    """The oscillator on cells x cells, solved for its steady state."""
    return fp.load_config(CONFIG, [f"grid.q.cells={cells}", f"grid.p.cells={cells}", "time.method=direct"])


def error(found: fp.Sweep) -> float:
    """Largest relative error of Pi against the formula."""
    exact = np.outer(found[ETA], (found[BETA] / 4) ** 2)
    return float(np.abs(found["entropy_production"] / exact - 1).max())


def pace(cells: int, limit: float) -> None:
    """Runs per second once the workers have started: their number over the mean time of a run.

    The time of a processor tells what that would be if nothing else ran on the machine.
    """
    found = fp.sweep(config(cells), {ETA: np.linspace(0.2, 1, 8), BETA: np.linspace(0.2, 2, 4)})
    workers = found.provenance["workers"]
    rate = workers / found["wall_time"].ravel()[workers:].mean()  # the first of each worker loads the kernels
    print(f"{cells:>4}^2  {rate:>6.1f} runs/s on {workers} workers (bar {limit:g}), Pi to {error(found):.1e}; ", end="")
    print(f"{1e3 * processor_time(cells):.0f} ms of processor time for a run")


def processor_time(cells: int) -> float:
    """Median of five runs in this process, after one that loads the kernels; set OMP_NUM_THREADS=1."""
    seconds = []
    for eta in (0.2, 0.3, 0.5, 0.7, 0.9, 1.0):
        begun = time.process_time()
        run_point(config(cells), {ETA: eta, BETA: 0.7})
        seconds.append(time.process_time() - begun)
    return float(np.median(seconds[1:]))


def memory() -> None:
    """1000 runs on a small grid: largest memory of a worker after 100 of them and after all."""
    over = {ETA: np.linspace(0.2, 1, 40), BETA: np.linspace(0.2, 2, 25)}
    found = fp.sweep(config(48), over, workers=2)
    peak = found["worker_memory"].ravel()
    print(f"1000 runs: {found.is_good.sum()} good, peak memory of a worker {peak[99]:.0f} MiB after 100 runs, ", end="")
    print(f"{peak[-1]:.0f} MiB after all; {found.provenance['wall_sweep']:.0f} s")


def main() -> None:
    """Print the figures; draw the map."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--map", type=Path, help="figure of the 400 points")
    parser.add_argument("--thousand", action="store_true", help="1000 runs and the memory they take")
    options = parser.parse_args()
    print(describe())
    pace(72, 20)
    pace(96, 8)
    found = fp.sweep(config(96), {ETA: np.linspace(0.1, 2, 20), BETA: np.linspace(0.1, 3, 20)})
    seconds = found.provenance["wall_sweep"]
    print(f"400 points at 96^2: {found.is_good.sum()} good, Pi to {error(found):.1e}, {seconds:.0f} s")
    if options.map:
        plot.save(sweep_map(found), options.map, dpi=100)
    if options.thousand:
        memory()


if __name__ == "__main__":
    main()
