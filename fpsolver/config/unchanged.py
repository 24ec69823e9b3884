"""Configurations are checked as a whole, when they are made: afterwards nothing in them is set."""

from __future__ import annotations

from typing import Any

from fpsolver.config import schema
from fpsolver.errors import UsageError
from fpsolver.physics import arguments


class Unchanged(schema.ConfigData):
    """The sections of a configuration, of which none is set later; only the source is noted, in private members."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in type(self).model_fields:
            raise UsageError(
                f"a configuration is not changed: {name} cannot be set to {arguments.shown(value)}; make another one "
                f"with config.replaced({name}={arguments.shown(value)})"
            )
        super().__setattr__(name, value)

    def __eq__(self, other: object) -> bool:
        """Equal contents; where they were read from does not matter."""
        return isinstance(other, Unchanged) and self.model_dump() == other.model_dump()

    def __hash__(self) -> int:
        return hash(_frozen(self.model_dump()))


def _frozen(value: Any) -> Any:
    """Plain data with tuples in place of lists and sections, which have no hash."""
    if isinstance(value, dict):
        return tuple((key, _frozen(item)) for key, item in value.items())
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value
