"""The faults of a configuration at once: none hides another that can be told without it."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from fpsolver.config import schema
from fpsolver.config.faults import between_sections, faults_of
from fpsolver.config.lines import is_index
from fpsolver.config.rules import faults_of_use
from fpsolver.config.schema_many import LONGEST_CHAIN
from fpsolver.config.types import is_number
from fpsolver.errors import Fault

ROUNDS = 8  # of mending; four are enough for any two faults
# what may stand for a missing key: no rule refuses it, unless the key itself is at fault
HARMLESS = {"mass": 1.0, "mean": [0.0, 0.0], "covariance": [[1.0, 0.0], [0.0, 1.0]]}
# keys of rules that depend on the value of another key, without the numbers of particles
HINGES = {
    "units.hbar": ("system.bath.xi", "system.particles.bath.xi", "initial.separation"),
    "system.mass": ("initial.separation",),
    "grid.q.boundary": ("initial.kind",),
    "grid.q.extent": ("grid.q.extent", "system.potential"),
    "time.method": ("initial", "grid.q", "grid.p", "grid.q.boundary", "time.method", "time.stepper"),
    "time.until": ("initial", "time.max_time"),
    "scheme.reversible": ("time.stepper",),
}


def all_faults(data: dict[str, Any]) -> list[Fault]:
    """Faults of plain data that cannot be used: of the schema, and of rules that need nothing that is at fault.

    What is at fault is left out, or replaced by something harmless, until the rest satisfies the schema.
    """
    faults: list[Fault] = []
    between, data = between_sections(data), _copied(data)
    has_rules = _count(data.get("system")) > 0  # else a guess is in its place
    for _ in range(ROUNDS):
        try:
            rest = schema.ConfigData(**data)
        except ValidationError as error:
            found = faults_of(error, data)
            faults += _unrelated(found, faults)
            _mend(data, found)
        else:
            return faults + _certain(between + (faults_of_use(rest) if has_rules else []), faults)
    return faults + _certain(between, faults)


def _copied(node: Any) -> Any:
    """The same with sections and lists of its own; what they hold may be objects of the user's."""
    if isinstance(node, dict):
        return {key: _copied(item) for key, item in node.items()}
    return [_copied(item) for item in node] if isinstance(node, list) else node


def _unrelated(found: list[Fault], known: list[Fault]) -> list[Fault]:
    """Those that do not stem from what was left out: at none of the known keys, above or below it."""
    return [fault for fault in found if not any(_is_within(fault.key, other.key) for other in known)]


def _certain(found: list[Fault], known: list[Fault]) -> list[Fault]:
    """Those of rules that depend on nothing that is at fault, as far as it is known what a misspelt key means."""
    places = [_without_numbers(_place(fault)) for fault in known]
    doubtful = [
        key for hinge, keys in HINGES.items() if any(_is_within(hinge, place) for place in places) for key in keys
    ]
    baths = [fault.key.partition(".bath.")[0] for fault in known if ".bath." in fault.key]
    return [
        fault
        for fault in _unrelated(found, known)
        if _without_numbers(fault.key) not in doubtful
        and not (".bath." in fault.key and fault.key.partition(".bath.")[0] in baths)
    ]


def _place(fault: Fault) -> str:
    """The key at fault, or the section of a misspelt one, which may stand for any of its keys."""
    return fault.key.rpartition(".")[0] if fault.text.startswith("unknown key; did you mean") else fault.key


def _without_numbers(key: str) -> str:
    return ".".join(step for step in key.split(".") if not is_index(step))


def _is_within(one: str, other: str) -> bool:
    """True if one of two dotted keys is the other, or within it; everything is within the empty one."""
    return not (one and other) or f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


def _mend(data: dict[str, Any], faults: list[Fault]) -> None:
    """Leave out the keys at fault; where that does not mend, put something harmless in their place."""
    for fault in faults:
        whole = fault.key.split(".")
        parent, steps = _section(data, whole)
        last = steps[-1]
        if steps[1:] in (["particles"], ["chain"]):  # without them it would be another form of a system
            _replace(data, whole)
        elif len(steps) > 1 and last in parent and parent[last] is not HARMLESS.get(last):
            del parent[last]
        elif last in HARMLESS and last not in parent:
            parent[last] = HARMLESS[last]
        else:
            _replace(data, whole)


def _section(data: dict[str, Any], steps: list[str]) -> tuple[dict[str, Any], list[str]]:
    """The innermost section on the way to a key, and the way to what is at fault in it."""
    section, way, node = data, steps[:1], data
    for k, step in enumerate(steps):
        if isinstance(node, dict):
            section, way = node, steps[: k + 1]
        node = _child(node, step)
    return section, way


def _child(parent: Any, step: str) -> Any:
    """What one step of a dotted key leads to, None if there is nothing."""
    if isinstance(parent, list):
        return parent[int(step)] if is_index(step) and int(step) < len(parent) else None
    return parent.get(step) if isinstance(parent, dict) else None


def _replace(data: dict[str, Any], steps: list[str]) -> None:
    """Put something harmless in the place of a section, or of the item of a list of them."""
    system: Any = data.get("system")
    states: Any = data.get("initial")
    match steps:
        case ["system", "particles", k, *_] if _child(_child(system, "particles"), k) is not None:
            system["particles"][int(k)] = _some_particle(system, system["particles"][int(k)])
        case ["system", "couplings", *_]:
            system.pop("couplings", None)
        case ["system", *_]:
            data["system"] = _some_system(system)
        case ["initial", k, *_] if isinstance(states, list) and _child(states, k) is not None:
            states[int(k)] = {"kind": "gaussian", "mean": HARMLESS["mean"], "covariance": HARMLESS["covariance"]}
        case _:
            data.pop(steps[0], None)


def _count(system: Any) -> int:
    """Number of particles that a ``system`` means, 0 if it does not say."""
    if not isinstance(system, dict) or not {"mass", "potential", "particles", "chain"} & system.keys():
        return 0
    particles, length = system.get("particles", [{}]), _child(system.get("chain", {"length": 1}), "length")
    count = len(particles) if isinstance(particles, list) else 0
    return count * length if isinstance(length, int) and 0 < count * length <= LONGEST_CHAIN else 0


def _some_system(written: Any) -> dict[str, Any]:
    """As many free particles as there were, without baths."""
    count = _count(written) or 1
    particles = written.get("particles") if isinstance(written, dict) else None
    if isinstance(particles, list) and count > 1:
        return {"particles": [_some_particle({}, particle) for particle in particles]}
    one = _some_particle({}, written)
    return one if count == 1 else {"particles": [one] * count}


def _some_particle(system: dict[str, Any], written: Any) -> dict[str, Any]:
    """A free particle of the same mass; without a bath where matrices stand instead of it."""
    baths = {} if system.get("matrices") is not None else {"bath": {"model": "none"}}
    mass: Any = written.get("mass") if isinstance(written, dict) else None
    return {"mass": float(mass) if is_number(mass) and mass > 0 else 1.0, "potential": {"kind": "free"}, **baths}
