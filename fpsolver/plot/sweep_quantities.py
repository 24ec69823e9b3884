"""What figures of sweeps draw: a number of each run, or one component of several, and what it is called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpsolver.errors import UsageError
from fpsolver.io.sweeps import describe, inner_dimensions
from fpsolver.plot.sweep_axes import symbol
from fpsolver.sweeps.table import Sweep

MOST_NAMES = 6  # components that a message lists one by one
VANISHING = re.compile(r"(exact_)?entropy_(production|flux)(_\w+)?|heat_current|spring_current")  # in equilibrium
COUNTED = {
    "heat_current": "heat current from bath {}",
    "energy_particle": "energy of particle {}",
    "temperature": "temperature of particle {}",
    "entropy_production_particle": r"$\Pi$ of particle {}",
    "entropy_flux_particle": r"$\Phi$ of particle {}",
    "purity_particle": "purity of particle {}",
    "spring_current": "current through spring {}",
    "mode_rate": "decay rate of mode {}",
    "mode_frequency": "frequency of mode {}",
}


@dataclass(frozen=True, eq=False)
class Drawn:
    """A quantity on the grid of a sweep: values and exact ones, NaN where there are none or infinite ones.

    ``is_zero``: where it is 0 in theory, and so are the values here; ``remark`` says how large they were.
    """

    label: str
    values: NDArray[Any]
    exact: NDArray[Any]
    is_zero: NDArray[np.bool_]
    remark: str
    exact_label: str = "exact Gaussian"


def drawn(found: Sweep, name: str) -> Drawn:
    """A quantity by its name, with a component after a dot where it has several.

    UsageError if there is none, or no run has a finite value of it.
    """
    base, _, part = name.partition(".")
    _require(found, base, name)
    place: Any = (..., *_place(found, base, part))
    values = _finite(found.data[base][place])
    if not np.isfinite(values).any():
        raise UsageError(f"no run has a finite {name}: {_why_missing(found, base)}")
    known = found.data.get(f"exact_{base}")
    exact = np.full(found.shape, np.nan) if known is None else _finite(known[place])
    is_zero = _is_zero(found, base) & np.isfinite(values)
    exact = np.where(is_zero & np.isfinite(exact), 0.0, exact)
    label = _label(base, part)
    exact_label = "exact mode" if inner_dimensions(base) == ("mode",) else Drawn.exact_label
    return Drawn(label, np.where(is_zero, 0.0, values), exact, is_zero, _remark(values[is_zero]), exact_label)


def _finite(values: NDArray[Any]) -> NDArray[Any]:
    values = np.asarray(values, dtype=float)
    return np.where(np.isfinite(values), values, np.nan)


def _why_missing(found: Sweep, base: str) -> str:
    """The reason of the runs themselves, or why they ended without a result."""
    if found.is_good.any() or not found.failures():
        return found.reasons.get(base, "no reason is known; draw another quantity")
    text, count = found.failures()[0]
    return f"no run has a result, {count} of {found.is_good.size} of them since {text}"


def _is_zero(found: Sweep, base: str) -> NDArray[np.bool_]:
    """Where a quantity is 0 in theory: no irreversible current, no production, and W even in p, no flux and no heat.

    What is computed there is round-off and the error of the grid, which on a logarithmic axis looks like a law.
    """
    balance = found.data.get("satisfies_detailed_balance", np.zeros(found.shape))
    vanishes = VANISHING.fullmatch(base) is not None
    return np.asarray(vanishes & (balance == 1) & (found.data["status"] == "steady"))


def _remark(computed: NDArray[Any]) -> str:
    """What was computed where zeros are drawn, or nothing."""
    if not computed.size:
        return ""
    largest = np.abs(computed).max()
    return "zero where detailed balance holds" + (f" (computed: up to {largest:.1g})" if largest else "")


def _require(found: Sweep, base: str, name: str) -> None:
    """UsageError if the table has no such numbers."""
    numbers = [each for each, values in found.data.items() if values.dtype != object]
    if base not in numbers:
        everything = (listed for each in sorted(numbers) for listed in _names(found, each))
        raise UsageError(f"the quantity must be one of {', '.join(everything)}, but is {name!r}")


def _place(found: Sweep, base: str, part: str) -> tuple[int, ...]:
    """Indices of a component, which are counted from 1; UsageError with what there is."""
    sizes = found.data[base].shape[len(found.over) :]
    if not part and all(size == 1 for size in sizes):
        return (0,) * len(sizes)
    match inner_dimensions(base):
        case ("component",) if part in found.components:
            return (found.components.index(part),)
        case ("row", "column") if pair := re.fullmatch(r"([qp]\d*)([qp]\d*)", part):
            if set(pair.groups()) <= set(found.components):
                return tuple(map(found.components.index, pair.groups()))
        case ("particle",) | ("spring",) | ("mode",) if part.isdecimal() and 1 <= int(part) <= sizes[0]:
            return (int(part) - 1,)
    if 0 in sizes:
        raise UsageError(f"the quantity {base} is empty, since no run has a spring; draw another one")
    there = ", ".join(_names(found, base))
    if not sizes:
        raise UsageError(f"the quantity {base} has no components, but is {f'{base}.{part}'!r}; leave out .{part}")
    given = f"has no component {part!r}; it has" if part else "is several numbers; name one of"
    raise UsageError(f"the quantity {base} {given} {there}")


def _names(found: Sweep, base: str) -> list[str]:
    """What a quantity, or each of its components, is called; the first and the last of many."""
    sizes, components = found.data[base].shape[len(found.over) :], found.components
    if all(size == 1 for size in sizes):
        return [base]
    match inner_dimensions(base):
        case ("component",):
            parts = list(components)
        case ("row", "column"):
            parts = [a + b for a, b in combinations_with_replacement(components, 2)]
        case _:
            parts = [str(k + 1) for k in range(sizes[0])]
    shown = parts if len(parts) <= MOST_NAMES else [*parts[:2], "..", parts[-1]]
    return [part if part == ".." else f"{base}.{part}" for part in shown]


def _label(base: str, part: str) -> str:
    """Words and symbol of a quantity or component, with its unit."""
    if not part:
        return symbol(base)
    if base in COUNTED:
        return f"{COUNTED[base].format(part)} ({describe(base)[0]})"
    letters = [f"{letter}_{{{count}}}" if count else letter for letter, count in re.findall(r"([qp])(\d*)", part)]
    if inner_dimensions(base) == ("component",):
        return rf"mean {'position' if part[0] == 'q' else 'momentum'} $\langle {letters[0]}\rangle$"
    inner = "".join(letters)
    return f"{'variance' if letters[0] == letters[1] else 'covariance'} $V_{{{inner}}}$"
