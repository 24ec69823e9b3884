"""Objects of Python in a configuration: potentials and baths of the user's own, and what a file keeps of them."""

from __future__ import annotations

import dataclasses
from typing import Any

from fpsolver.errors import ConfigError, Fault, UsageError
from fpsolver.physics import custom
from fpsolver.physics.baths import Bath
from fpsolver.physics.potentials import Potential


class Held:
    """An object in a configuration, as it is: sections are copied, and pydantic would take a dataclass apart."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Held) or self.value is other.value:
            return isinstance(other, Held)
        try:
            return bool(self.value == other.value)
        except Exception:  # arrays inside a dataclass have no single truth, and `==` of the user's own may do anything
            return False

    def __hash__(self) -> int:
        return hash(Held)  # objects that are equal need not have a hash

    def __repr__(self) -> str:
        return f"<{type(self.value).__name__}>"


Extent = tuple[float, float] | None


def user_potential(section: Any, extent: Extent) -> Potential:
    """A potential of the user's; ConfigError if it is not fit for it, or was left behind in Python."""
    _require_source(section, "system.potential")
    try:
        return custom.as_potential(section.source.value, extent)
    except UsageError as error:
        raise ConfigError(Fault("system.potential", str(error))) from None


def user_bath(section: Any) -> Bath:
    """The same for a bath."""
    _require_source(section, "system.bath")
    try:
        return custom.as_bath(section.source.value)
    except UsageError as error:
        raise ConfigError(Fault("system.bath", str(error))) from None


def _require_source(section: Any, key: str) -> None:
    if section.source is None:
        text = f"was the Python object {section.name}, which a file cannot hold; give the object again from Python"
        raise ConfigError(Fault(key, text))


def without_objects(value: Any) -> Any:
    """Plain data in which only the names of objects are left, for a file."""
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if not isinstance(item, Held)}
        return {key: without_objects(item) for key, item in kept.items()}
    if isinstance(value, list):
        return [without_objects(item) for item in value]
    return value


def with_field(section: dict[str, Any], name: str, value: Any, key: str) -> dict[str, Any]:
    """The section of an object that is a dataclass, with one of its fields changed; UsageError if it has none such."""
    source = section["source"].value
    known = [field.name for field in dataclasses.fields(source)] if dataclasses.is_dataclass(source) else []
    if name not in known:
        has = f"it has {', '.join(known)}" if known else "only dataclasses have fields that can be changed"
        raise UsageError(f"{key}: {custom.named(source)} has no field {name!r}; {has}")
    changed = dataclasses.replace(source, **{name: value})
    return {**section, "name": custom.named(changed), "source": Held(changed)}


def is_object_section(value: Any) -> bool:
    """True for the section of an object."""
    return isinstance(value, dict) and "python" in (value.get("kind"), value.get("model"))
