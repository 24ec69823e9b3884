"""What a run will need, predicted from measurements: memory and time of stepping and of the direct solve."""

from __future__ import annotations

import math
import os

from fpsolver.grid import Grid
from fpsolver.physics.system import System

ARRAYS_IN_MEMORY = 40  # of the grid's size, at the peak: stepper 5, thermodynamics and densities the rest
BYTES_PER_RECORD = 4000
STEP_SPEED = 4e8  # cell updates a second of one core of 2022, order 8
STAGES = 4


def arrays(grid: Grid, snapshots: int) -> float:
    """Bytes of the arrays of a run."""
    return 8.0 * grid.size * (ARRAYS_IN_MEMORY + snapshots)


def stepping_seconds(grid: Grid, steps: float) -> float:
    """Predicted time of so many steps (measured within a factor of two)."""
    return STAGES * steps * grid.size / STEP_SPEED


def direct_entries(grid: Grid, system: System) -> float:
    """Entries of the factors of a direct solve: 10 % above what was measured from 48^2 to 256^2 at order 8."""
    per_cell = 290 + 115 * math.log2(max(grid.size / 48**2, 0.25))
    return grid.size * per_cell * (1.2 if system.reversible_diffusion.any() else 1.0)


def direct_bytes(grid: Grid, system: System) -> float:
    """Peak memory of a direct solve: 24 bytes for each entry of the factors (measured: 22)."""
    return 24 * direct_entries(grid, system)


def direct_seconds(grid: Grid, system: System) -> float:
    """Predicted time of a direct solve, with importing SciPy (measured within 40 % from 48^2 to 256^2)."""
    entries = direct_entries(grid, system)
    return 0.15 + 6e-8 * entries * (1 + entries / 4e7)


def available_memory() -> int:
    """Memory that is free now, bytes (all there is, where the system does not tell)."""
    name = "SC_AVPHYS_PAGES" if "SC_AVPHYS_PAGES" in os.sysconf_names else "SC_PHYS_PAGES"
    return os.sysconf(name) * os.sysconf("SC_PAGE_SIZE")
