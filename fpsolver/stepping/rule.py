"""What the time loop asks about the size of a step."""

from __future__ import annotations

from typing import Protocol


class StepRule(Protocol):
    """Largest step at a given time, by stability and accuracy.

    Whoever makes one says when the run ends: errors of what nothing damps grow until then.
    """

    @property
    def limit(self) -> float:
        """Step at late times."""

    def at(self, time: float) -> float:
        """Largest step at ``time``."""

    def reconsider_at(self, time: float) -> float:
        """When to ask again; infinity if the step stays."""
