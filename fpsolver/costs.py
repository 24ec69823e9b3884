"""What a run will need, predicted from measurements: memory and time of stepping and of the direct solve."""

from __future__ import annotations

import math

import numba

from fpsolver import krylov, mirror
from fpsolver.generator import Generator
from fpsolver.grid import Grid
from fpsolver.kernels.axes import PAD

ARRAYS_IN_MEMORY = 40  # of the grid's size, at the peak: stepper 5, thermodynamics and densities the rest
PADDED_OF_SEVERAL, ARRAYS_OF_SEVERAL = 6, 8  # of several particles: state and work arrays; densities and copies
KRYLOV_ARRAYS = 4  # W, its successor, what is being combined, and a padded copy
BYTES_PER_RECORD = 4000
LIBRARIES = 2e8  # bytes of Python with NumPy, Numba and SciPy
# Bytes that kernels and libraries take which a run loads later: with less than about 65 MiB left, runs on 64^2 ended in
# LLVM or, without a word, in NumPy 2.4.
STILL_TO_LOAD = 72 * 2**20
STEP_SPEED = 8e8  # cell updates a second on two axes, order 8: 0.8 to 1.0e9 measured on one core of 2022, in runs
# The same of four axes for each thread, orders 6 and 8, 24^4 to 32^4 (0.2 and 0.4e9 measured on one and two threads);
# more axes cost in proportion, and beyond four threads nothing was measured.
STEP_SPEED_OF_SEVERAL, MOST_THREADS = 2e8, 4
FILL = {2: 0.1, 4: 0.3, 6: 0.65, 8: 1.0}  # entries of the factors, relative to order 8
HALF = 0.43  # fill of the matrix folded onto half of the cells, relative to the whole one
WRAPPED = 1.6  # fill with the sums that wrap around, relative to that without


def arrays(grid: Grid, snapshots: int) -> float:
    """Bytes of the arrays of a run."""
    if len(grid.axes) > 2:
        halo = 1 + 2 * PAD / grid.shape[-1]
        currents = min(3 * len(grid.axes) * 8.0 * grid.size, 1.1 * 2**28)  # full currents are kept up to 2**28 bytes
        return 3e8 + 8.0 * grid.size * (PADDED_OF_SEVERAL * halo + ARRAYS_OF_SEVERAL + snapshots) + currents
    return 8.0 * grid.size * (ARRAYS_IN_MEMORY + snapshots)


def stepping_seconds(grid: Grid, stages: float) -> float:
    """Predicted time of so many stages of explicit steps (measured within a factor of two)."""
    axes, speed = len(grid.axes), STEP_SPEED
    if axes > 2:
        speed = STEP_SPEED_OF_SEVERAL * min(numba.get_num_threads(), MOST_THREADS) * 4 / axes
    return stages * grid.size / speed


def direct_entries(generator: Generator) -> float:
    """Entries of the factors of a direct solve: up to 20 % above what was measured from 48^2 to 256^2."""
    cells = generator.grid.size
    per_cell = FILL[generator.scheme.order] * (290 + 115 * math.log2(max(cells / 48**2, 0.25)))
    return cells * per_cell * (1.2 if generator.system.reversible_diffusion.any() else 1.0)


def direct_factors(generator: Generator) -> tuple[int, float]:
    """Factorisations of a direct solve, all kept at once, and predicted entries of each."""
    entries = direct_entries(generator)
    if not mirror.is_even(generator):
        return 1, entries
    has_known_rates = generator.system.is_quadratic and not generator.grid.axes[0].periodic
    return 1 if has_known_rates else 2, HALF * entries


def direct_bytes(generator: Generator) -> float:
    """Peak memory of a direct solve: that of the libraries, and 15 bytes for each predicted entry of the factors.

    Measured from 96^2 to 256^2: 4 % below to 23 % above the peak of the process (0.5 to 0.9 GB at 256^2, order 8).
    Of several particles: what is combined (:mod:`fpsolver.krylov`), and as many arrays as one step more needs.
    """
    if generator.system.size > 1:
        return 8.0 * generator.grid.size * (krylov.BASIS + KRYLOV_ARRAYS)
    count, entries = direct_factors(generator)
    return LIBRARIES + 15 * count * entries


def direct_seconds(generator: Generator) -> float:
    """Predicted time of a direct solve, with importing SciPy (measured within 40 % from 48^2 to 256^2)."""
    count, entries = direct_factors(generator)
    return 0.15 + 6e-8 * count * entries * (1 + entries / 4e7)


def factoring_seconds(generator: Generator) -> float:
    """Predicted time of factoring the matrix of an implicit step (measured within 20 % from 64^2 to 128^2)."""
    entries = WRAPPED * direct_entries(generator)
    return 1e-7 * entries * (1 + entries / 1.5e7)


def solving_seconds(generator: Generator) -> float:
    """Predicted time of the five solves of an implicit step."""
    return 5 * 1.5e-9 * WRAPPED * direct_entries(generator)


def factoring_bytes(generator: Generator) -> float:
    """Peak memory of implicit steps, which keep two sets of factors."""
    return 2 * 24 * WRAPPED * direct_entries(generator)
