"""What the page of a result shows, as plain values and base64 arrays."""

from __future__ import annotations

import base64
import math
from dataclasses import replace
from typing import Any

import numpy as np

from fpsolver.errors import ConfigError
from fpsolver.frames import Frames
from fpsolver.physics.potentials import FloatArray
from fpsolver.plot import lines, phase_space, profiles, style
from fpsolver.recorder import DIAGNOSTICS, EVERYTHING, Quantity
from fpsolver.result import Outcome, Result

MOST_CELLS = 160  # along an axis: more would not be seen and would make the page heavy
RATES = ("entropy_production", "entropy_flux", "entropy_rate")
PROFILE_DPI = 130
MOYAL = lines.MOYAL.name
UNNAMED = ("1", "mixed")  # of pure numbers, and of what has the units of several things
TIME = Quantity("time", "time", "time of the last record; inf: a steady state that was solved for")


def collect(result: Outcome) -> dict[str, Any]:
    """Everything of the page; ``fields`` is None for results that are no pictures over (q, p)."""
    found: dict[str, Any] = {
        "title": result.title,
        "status": result.status,
        "good": result.is_complete,
        "summary": [list(row) for row in result.summary()],
        "warnings": list(result.warnings),
        "config": result.config.to_yaml(),
        "provenance": [[name, str(value)] for name, value in result.provenance.items()],
        "numbers": numbers(result),
        "has_moyal": lines.has_moyal(result),
        "series": series(result),
        "profile": profile(result),
        "fields": None,
        "note": "",
    }
    if isinstance(result, Result) and len(result.grid.axes) == 2:
        shown, found["note"] = shown_frames(result)
        found["fields"] = fields(result, shown)
    return found


def numbers(result: Outcome) -> list[list[str]]:
    """Name, value, units and meaning of every scalar of the series at its end, and of the diagnostics."""
    known = {quantity.name: quantity for quantity in (TIME, *EVERYTHING, *DIAGNOSTICS)}
    scalars = [(name, float(values[-1]), 12) for name, values in result.series.items() if np.ndim(values) == 1]
    found = [(name, value, 6) for name, value in result.diagnostics.items() if not name.endswith("_reason")]
    rows = [(known.get(name, Quantity(name, "", "")), value, digits) for name, value, digits in scalars + found]
    return [[each.name, _value(value, digits), _units(each), _meaning(result, each)] for each, value, digits in rows]


def _value(value: Any, digits: int) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def _units(quantity: Quantity) -> str:
    return "" if quantity.units in UNNAMED else quantity.units


def _meaning(result: Outcome, quantity: Quantity) -> str:
    """What a number is and, where it does not exist, why."""
    reason = result.reasons.get(quantity.name) or result.diagnostics.get(f"{quantity.name}_reason")
    return f"{quantity.long_name}; {reason}" if reason else quantity.long_name


def series(result: Outcome) -> dict[str, Any]:
    """Times and the rates of the balance, with exact values."""
    found: dict[str, Any] = {"time": clean(result.series["time"])}
    for name in rates(result):
        found[name] = clean(result.series[name])
    exact = {name: lines.exact_rate(result, name) for name in RATES if lines.has_exact(result, [name])}
    known = {name: clean(values) for name, values in exact.items() if values is not None}
    return found | ({"exact": known} if known else {})


def rates(result: Outcome) -> tuple[str, ...]:
    """Members of the series in the balance: the three rates, and S_Moyal where there is one."""
    return (*RATES, MOYAL) if lines.has_moyal(result) else RATES


def profile(result: Outcome) -> str:
    """The figure of several particles one by one as a PNG in base64; an empty string for one particle."""
    if "temperature" not in result.series:
        return ""
    return base64.b64encode(style.png(profiles.profile(result), PROFILE_DPI)).decode("ascii")


def shown_frames(result: Result) -> tuple[list[Result], str]:
    """Snapshots and the final state; a sentence if only the last can be shown."""
    try:
        shown = [frame for frame in Frames(result) if frame.final.time != result.final.time]
    except ConfigError as error:
        return [result], f"Only the last state is shown: {error}"
    return [*shown, result], ""


def fields(result: Result, shown: list[Result]) -> dict[str, Any]:
    """W in the view, arrows of both currents, marginals and numbers of every frame."""
    box = phase_space.view(shown)
    cells = [_seen(axis.centres, box[k]) for k, axis in enumerate(result.grid.axes)]
    q, p = (axis.centres[seen] for axis, seen in zip(result.grid.axes, cells, strict=True))
    W = np.array([np.nan_to_num(frame.final.W[np.ix_(*cells)]) for frame in shown])
    arrows = {
        current.field: [phase_space.coarse(frame, current.field, box) for frame in shown]
        for current in (phase_space.REVERSIBLE, phase_space.IRREVERSIBLE)
    }
    places = arrows["J_reversible"][0]
    return {
        "box": box.tolist(),
        "q": packed(q),
        "p": packed(p),
        "W": packed(W),
        "top": float(W.max()),
        "bottom": float(min(W.min(), 0.0)) if W.min() < -phase_space.SIGNED * W.max() else 0.0,
        "arrow_q": packed(places[0]),
        "arrow_p": packed(places[1]),
        **{name: packed(np.array([J for _, _, J in found])) for name, found in arrows.items()},
        "enlarged": {
            current.field: enlarged(result, current, shown, [J for _, _, J in arrows[current.field]], box)
            for current in (phase_space.REVERSIBLE, phase_space.IRREVERSIBLE)
        },
        "marginals": [packed(np.array([lines.marginal(frame, k)[cells[k]] for frame in shown])) for k in range(2)],
        "frames": [_frame(result, frame) for frame in shown],
    }


def enlarged(
    result: Result, current: phase_space.Current, shown: list[Result], J: list[FloatArray], box: FloatArray
) -> list[int]:
    """Round factor of the arrows at each time, as in figures: J^I near a steady state is a hundredth of that before.

    1 where a current is nothing beside the other: what is left of it is the error of the grid.
    """
    sizes = [float(np.hypot(*(each / np.diff(box).reshape(2, 1, 1))).max()) for each in J]
    alike = [replace(frame, status=result.status) for frame in shown]
    return [
        1 if phase_space.is_round_off(frame, current, box) else style.enlargement(size, max(sizes))
        for frame, size in zip(alike, sizes, strict=True)
    ]


def _seen(centres: FloatArray, bounds: FloatArray) -> Any:
    """Cells within the bounds, every second, third .. one if they are too many."""
    inside = np.nonzero((centres >= bounds[0]) & (centres <= bounds[1]))[0]
    return inside[:: math.ceil(len(inside) / MOST_CELLS)]


def _frame(result: Result, frame: Result) -> dict[str, Any]:
    """Time, rates of the record at that time (none if there is no record then), and largest W."""
    times, time = result.series["time"], frame.final.time
    at = np.nonzero(np.isclose(times, time, rtol=1e-9, atol=0.0))[0]
    known = {name: number(result.series[name][at[0]]) if len(at) else None for name in rates(result)}
    return {"time": number(time), "top": number(frame.final.W.max()), **known}


def number(value: Any) -> float | None:
    """A finite number, or nothing, which JSON can say."""
    return float(value) if math.isfinite(value) else None


def clean(values: FloatArray) -> list[float | None]:
    """Finite numbers or nothing."""
    return [number(value) for value in values]


def packed(values: FloatArray) -> dict[str, Any]:
    """Little-endian float32 in base64, with its shape and a power of 2 as scale: in SI units numbers exceed float32."""
    largest = float(np.abs(values).max(initial=0.0))
    scale = 2.0 ** math.frexp(largest)[1] if largest > 0 else 1.0
    data = np.ascontiguousarray(np.asarray(values) / scale, dtype="<f4").tobytes()
    return {"shape": list(np.shape(values)), "scale": scale, "data": base64.b64encode(data).decode("ascii")}
