"""Branch coverage of fpsolver by its tests, with the kernels counted as plain Python.

    python scripts/branch_coverage.py [--fast] [--fail-under 95]

Two figures are printed, and both must reach ``--fail-under``: lines and branches together, which is coverage.py's own,
and branches alone.

Compiled kernels leave no trace for coverage.py. A few tests on tiny grids therefore run once more with Numba's compiler
off (NUMBA_DISABLE_JIT=1), and the two measurements are added. Processes that the tests start are counted, too.
``--fast`` leaves out what is marked slow in the first part.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
# grids of up to 10^4 cells; everything with thousands of steps would take hours
INTERPRETED = ["test_kernels.py", "test_many_axes.py", "test_moyal.py", "test_chang_cooper.py", "test_thermo.py"]
CHOSEN = (
    "(assembled and not 16) or runge_kutta or serial_and_parallel or halo or same_operator or parallel_kernel "
    "or limited_steps or sampled_gibbs or rates_of_a_gaussian or parts_add_up or free_ring or integrals_of_a_record "
    "or tail_uncertainty"
)


def main(arguments: list[str] | None = None) -> int:
    """Both parts and the report; status 0 if all tests pass and the figure is reached."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fast", action="store_true", help="without the tests marked slow")
    parser.add_argument("--fail-under", type=float, default=95.0, help="per cent, of either figure (default: 95)")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        compiled = ["-m", "not slow"] if chosen.fast else []
        # an empty cache: the code that compiles is counted as well
        status = _measured(folder, compiled, NUMBA_CACHE_DIR=f"{folder}/numba")
        paths = [str(ROOT / "tests" / name) for name in INTERPRETED]
        status |= _measured(folder, [*paths, "-k", CHOSEN], NUMBA_DISABLE_JIT="1")
        _coverage(folder, "combine", "-q")
        status |= _coverage(folder, "report", "--skip-covered", f"--fail-under={chosen.fail_under}")
        share = branches_alone(folder)
        print(f"branches alone: {share:.1f} %")
        return status | int(share < chosen.fail_under)


def branches_alone(folder: str) -> float:
    """Per cent of the branches that were taken."""
    path = Path(folder) / "report.json"
    _coverage(folder, "json", "-q", "-o", str(path))
    totals = json.loads(path.read_text())["totals"]
    return 100.0 * float(totals["covered_branches"]) / float(totals["num_branches"])


def _measured(folder: str, options: list[str], **environment: str) -> int:
    """One run of pytest under coverage.py."""
    return _coverage(folder, "run", "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, **environment)


def _coverage(folder: str, *arguments: str, **environment: str) -> int:
    """Exit status of coverage.py with its data in ``folder``."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    variables = {**os.environ, "COVERAGE_FILE": f"{folder}/data", "PYTHONPATH": path, **environment}
    return subprocess.run([sys.executable, "-m", "coverage", *arguments], cwd=ROOT, env=variables).returncode


if __name__ == "__main__":
    sys.exit(main())
