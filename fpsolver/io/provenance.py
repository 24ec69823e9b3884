"""Where, when and with what a result was made."""

from __future__ import annotations

import functools
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import fpsolver

PACKAGES = ("numpy", "scipy", "numba", "h5py")


def collect(threads: int) -> dict[str, Any]:
    """Versions, git revision (of a checkout), host and thread count."""
    return {**_surroundings(), "threads": threads}


@functools.cache
def _surroundings() -> dict[str, Any]:
    """What does not change while Python runs; looking it up takes 15 ms."""
    found: dict[str, Any] = {
        "fpsolver": fpsolver.__version__,
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
        "host": platform.node(),
        "machine": f"{platform.system()} {platform.machine()}",
    }
    if revision := git_revision():
        found["git_revision"] = revision
    return found


def git_revision() -> str:
    """Commit of the checkout the package runs from, or an empty string."""
    root = Path(fpsolver.__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return ""
    command = ["git", "-C", str(root), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=5).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def now() -> str:
    """Time in ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
