"""What a configuration says of the axes of the grid, once for all particles or for each."""

from __future__ import annotations

from typing import Any

from fpsolver.autogrid import AxisRequest
from fpsolver.config import schema
from fpsolver.errors import ConfigError, Fault
from fpsolver.grid import coordinate_names, why_no_turn
from fpsolver.physics.system import System


def allows_coarse(config: schema.ConfigData) -> bool:
    """True if some axis has ``allow_coarse``."""
    return any(part.allow_coarse for part in _written(config))


def has_automatic_cells(config: schema.ConfigData) -> bool:
    """True if the number of cells along some axis is `auto`."""
    return any(part.cells == "auto" for part in _written(config))


def _written(config: schema.ConfigData) -> list[Any]:
    """The sections of all axes, as they are written."""
    sections = [config.grid.q, config.grid.p]
    return [part for section in sections for part in (section if isinstance(section, list) else [section])]


def q_extents(config: schema.ConfigData) -> list[tuple[float, float] | None]:
    """Given extents of the positions, in their order; None where they are `auto`."""
    written = config.grid.q if isinstance(config.grid.q, list) else [config.grid.q]
    return [None if axis.extent == "auto" else (float(axis.extent[0]), float(axis.extent[1])) for axis in written]


def axis_requests(config: schema.ConfigData, count: int) -> tuple[AxisRequest, ...]:
    """What the configuration says of the axes of ``count`` particles, named q and p or q1 .., p1 ..."""
    sections = [
        s for part in (config.grid.q, config.grid.p) for s in (part if isinstance(part, list) else [part] * count)
    ]
    requests = []
    for name, section in zip(coordinate_names(count), sections, strict=True):
        cells = None if section.cells == "auto" else section.cells
        extent = None if section.extent == "auto" else (float(section.extent[0]), float(section.extent[1]))
        requests.append(AxisRequest(name, cells, extent, section.boundary == "periodic"))
    return tuple(requests)


def check_lists(config: schema.ConfigData, count: int) -> None:
    """ConfigError for lists of axes of another length than there are particles."""
    faults = [
        Fault(f"grid.{letter}", f"must have one entry for each of the {count} particles, but has {len(section)}")
        for letter, section in (("q", config.grid.q), ("p", config.grid.p))
        if isinstance(section, list) and len(section) != count
    ]
    if faults:
        raise ConfigError(*faults)


def check_extent(config: schema.ConfigData, count: int) -> None:
    """ConfigError for a periodic q of several particles, or without its length."""
    if is_ring(config) and count > 1:
        text = "`periodic` holds for one particle alone: a spring has no meaning on a ring; use `no_flux`"
        raise ConfigError(Fault("grid.q.boundary", text))
    if is_ring(config) and ring_length(config) is None:
        raise ConfigError(Fault("grid.q.extent", "a periodic q needs an explicit extent [low, high], but it is `auto`"))


def check_period(config: schema.ConfigData, period: float | None) -> None:
    """ConfigError for a periodic q around which the force of one particle, of that period, has no meaning."""
    length = ring_length(config)
    if is_ring(config) and period is None:
        raise ConfigError(Fault("grid.q.boundary", "`periodic` needs a periodic force (free or cosine potential)"))
    fault = "" if length is None else why_no_turn(length, period)
    if fault:
        raise ConfigError(Fault("grid.q.extent", fault))


def check_pull(config: schema.ConfigData, system: System) -> None:
    """ConfigError for a periodic q on which the bath of one particle has no meaning."""
    if not is_ring(config):
        return
    if system.dissipative_drift[0, 0] != 0 or system.dissipative_drift[1, 0] != 0:
        text = "a bath that pulls at the position (alpha, xi, quantum optical) has no meaning on a ring"
        raise ConfigError(Fault("grid.q.boundary", text))


def ring_length(config: schema.ConfigData) -> float | None:
    """Length of a periodic q, None for a line."""
    section = config.grid.q[0] if isinstance(config.grid.q, list) else config.grid.q
    extent = section.extent
    if not is_ring(config) or extent == "auto":
        return None
    return float(extent[1]) - float(extent[0])


def is_ring(config: schema.ConfigData) -> bool:
    """True if the position of a particle is periodic."""
    sections = config.grid.q if isinstance(config.grid.q, list) else [config.grid.q]
    return any(section.boundary == "periodic" for section in sections)
