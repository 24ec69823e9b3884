"""Memory that this process can still have, within the limits of a shell, a container or the job of a cluster."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import NamedTuple


class GroupFiles(NamedTuple):
    """Where a version of control groups keeps its memory, below the root of the file system, and in which files."""

    folder: str
    limit: str
    used: str
    cached: str


VERSION_1 = GroupFiles("sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
VERSION_2 = GroupFiles("sys/fs/cgroup", "memory.max", "memory.current", "inactive_file")


def available() -> int:
    """Bytes: what is free, within the limits of the address space and of control groups."""
    return min(_free(), _of_address_space(), of_groups())


def _free() -> int:
    """What is free or would be freed, such as cached files; all there is, where the system does not tell."""
    with contextlib.suppress(OSError, StopIteration):
        line = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemAvailable"))
        return int(line.split()[1]) * 1024
    name = "SC_AVPHYS_PAGES" if "SC_AVPHYS_PAGES" in os.sysconf_names else "SC_PHYS_PAGES"
    return os.sysconf(name) * os.sysconf("SC_PAGE_SIZE")


def _of_address_space() -> int:
    """What is left of the address space (`ulimit -v`)."""
    with contextlib.suppress(ImportError, OSError):
        import resource  # not on Windows

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        return max(limit - used, 0) if limit != resource.RLIM_INFINITY else sys.maxsize
    return sys.maxsize


def of_groups(root: Path = Path("/")) -> int:
    """What is left in the control groups of this process and those above them (Slurm, Docker, systemd)."""
    left = [sys.maxsize]
    with contextlib.suppress(OSError):  # none on other systems than Linux
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, _, place = line.partition(":")
            controllers, _, path = place.partition(":")
            if controllers and "memory" not in controllers.split(","):
                continue
            files = VERSION_1 if controllers else VERSION_2
            top = root / files.folder
            group = top / path.lstrip("/")
            left += [_of_group(folder, files) for folder in (group, *group.parents) if folder.is_relative_to(top)]
    return min(left)


def _of_group(group: Path, files: GroupFiles) -> int:
    """What is left in one group: its limit less what it uses, which includes files that would be freed."""
    with contextlib.suppress(OSError, ValueError):  # no such group here, or no limit ("max")
        limit, used = (int((group / name).read_text()) for name in (files.limit, files.used))
        return max(limit - used + _cached(group, files.cached), 0)
    return sys.maxsize


def _cached(group: Path, name: str) -> int:
    with contextlib.suppress(OSError, ValueError):
        words = (line.split() for line in (group / "memory.stat").read_text().splitlines())
        return next((int(entry[1]) for entry in words if len(entry) == 2 and entry[0] == name), 0)
    return 0
