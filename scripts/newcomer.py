"""A newcomer's path: the commands of the README, literally, in a fresh clone and an empty environment, each timed.

    python scripts/newcomer.py

Clones the last commit into a temporary folder; needs git and a package index. Three minutes.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIMIT = 600.0  # seconds
FILES = ("minimally_invasive-overview.png", "series.png", "sweep.png", "minimally_invasive.html", "eta-1.h5")


def commands() -> list[str]:
    """Those between the markers of the README, one a line."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"<!-- begin newcomer -->\s+```sh\n(.*?)```", text, re.DOTALL)
    if block is None:
        sys.exit("README.md has no commands between <!-- begin newcomer --> and <!-- end newcomer -->")
    return block[1].splitlines()


def script(lines: list[str]) -> str:
    """The commands for bash, each shown and timed; the first that fails ends it."""
    timed = ["set -e", "SECONDS=0"]
    for line in lines:
        timed += [f"printf '%s\\n' {shlex.quote('$ ' + line)}", "begun=$SECONDS", line]
        timed += ['printf "  [%s s]\\n\\n" $((SECONDS - begun))']
    return "\n".join(timed) + "\n"


def missing(folder: Path) -> list[str]:
    """What the commands should have made and did not."""
    results = folder / "results"
    return [name for name in FILES if not (results / name).exists() or not (results / name).stat().st_size]


def main() -> None:
    """Clone, run, look."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "fpsolver"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
        home = Path(name) / "home"
        home.mkdir()
        path = os.pathsep.join(["/usr/local/bin", "/usr/bin", "/bin", str(Path(sys.executable).resolve().parent)])
        begun = time.perf_counter()
        environment = {"HOME": str(home), "PATH": path}
        done = subprocess.run(["bash", "-c", script(commands())], cwd=folder, env=environment, check=False)
        seconds = time.perf_counter() - begun
        if done.returncode or missing(folder):
            sys.exit(f"the path ended with status {done.returncode} after {seconds:.0f} s; missing: {missing(folder)}")
    print(f"{seconds:.0f} s in all (bar {LIMIT:.0f})")
    if seconds > LIMIT:
        sys.exit(f"that is more than {LIMIT:.0f} s")


if __name__ == "__main__":
    main()
