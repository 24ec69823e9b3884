"""Plain data of a configuration, changed section by section."""

from __future__ import annotations

from typing import Any


def merged(known: Any, changes: Any) -> Any:
    """Plain data with changes, section by section; what is another kind of section is replaced."""
    if isinstance(known, list) and isinstance(changes, dict) and changes.keys() <= {str(k) for k in range(len(known))}:
        return [merged(item, changes.get(str(k), item)) for k, item in enumerate(known)]
    if not (isinstance(known, dict) and isinstance(changes, dict)) or _is_another(known, changes):
        return changes
    return known | {key: merged(known.get(key), value) for key, value in changes.items()}


def _is_another(known: dict[str, Any], changes: dict[str, Any]) -> bool:
    """True for another kind or model, or another way to write a system."""
    forms = ("particles", "chain")
    differs = any(changes.get(key, known.get(key)) != known.get(key) for key in ("kind", "model"))
    return differs or any(key in changes and key not in known for key in forms)
