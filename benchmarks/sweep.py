"""Sweeps: pace with time.method direct, error of Pi, what bounds it; a map of 400 points; memory over 1000 runs.

    python benchmarks/sweep.py [--map FILE.png] [--thousand]

The map is Pi = eta (beta hbar omega / 4)^2 of minimally invasive oscillators. About two minutes on two cores.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from machine import describe

import fpsolver as fp
from fpsolver import plot
from fpsolver.plot.sweeps import sweep_map

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
    """Runs per second once the workers have started: a short sweep's time is taken off a long one's."""
    few, many = ({ETA: np.linspace(0.2, 1, n), BETA: np.linspace(0.2, 2, 4)} for n in (2, 12))
    short, long = (fp.sweep(config(cells), over) for over in (few, many))
    seconds = long.provenance["wall_sweep"] - short.provenance["wall_sweep"]
    rate = (long.is_good.size - short.is_good.size) / seconds
    cost = np.median(long["wall_time"])
    print(
        f"{cells:>4}^2  {rate:>6.1f} runs/s on {long.provenance['workers']} workers (bar {limit:g}), "
        f"median run {cost:.3f} s, Pi to {error(long):.1e}"
    )


def memory() -> None:
    """1000 runs on the coarsest grid that resolves them: the largest memory of any process so far, before and after."""
    over = {ETA: np.linspace(0.2, 1, 40), BETA: np.linspace(0.2, 2, 25)}
    found = fp.sweep(config(48), over, workers=2)
    half = found["worker_memory"].ravel()
    print(f"1000 runs: {found.is_good.sum()} good, peak memory of a worker {half[99]:.0f} MiB after 100 runs, ", end="")
    print(f"{half[-1]:.0f} MiB after all; {found.provenance['wall_sweep']:.0f} s")


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
