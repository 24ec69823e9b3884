"""Plain data of a configuration as YAML text."""

from __future__ import annotations

import io
from typing import Any

from ruamel.yaml import YAML


def as_yaml(data: dict[str, Any]) -> str:
    """YAML with short sections on one line each."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = None
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 110
    yaml.allow_unicode = False  # escapes: some characters of a title would not survive otherwise
    stream = io.StringIO()
    yaml.dump(data, stream)
    return stream.getvalue()
