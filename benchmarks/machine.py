"""The machine and the versions behind a table of figures."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("fpsolver", "numpy", "numba", "scipy")


def describe() -> str:
    """CPU, cores, Python and package versions in one line."""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"{cpu()}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}"


def cpu() -> str:
    """Name of the processor, as well as the system tells it."""
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", info.read_text()) if info.exists() else None
    return found[1].strip() if found else platform.processor() or platform.machine()
