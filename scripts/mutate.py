"""Change fpsolver in small ways, one at a time, and count how many of the changes its tests notice.

    python scripts/mutate.py [--sample 100] [--seed 1] [--areas physics thermo generator config] [--only FILE:LINE]

Each area gives so many mutants, drawn at random among all its possible ones. A mutant meets the tests (not those marked
slow) that run its line, and is killed if one fails. Survivors are printed: a missing test, or a change that changes
nothing (docs/testing.md gives the reason for each of the sample).
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT)]

from mutation import trial  # noqa: E402
from mutation.operators import Mutant, sites  # noqa: E402

AREAS = {
    "physics": ["fpsolver/physics/*.py"],
    "thermo": ["fpsolver/thermo/*.py"],
    "generator": ["fpsolver/generator.py", "fpsolver/mirror.py", "fpsolver/assembly.py", "fpsolver/schemes/*.py"],
    "config": ["fpsolver/config/*.py"],
}
LEFT_OUT = {"animation", "architecture", "benchmarks", "docs", "examples", "paper", "plot", "ranges", "report", "sweep",
            "reproduce_paper", "hostile", "long_runs", "kernels_without_jit"}  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Draw, try, print; status 0 whatever survives."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sample", type=int, default=100, help="mutants of each area (default: 100)")
    parser.add_argument("--seed", type=int, default=1, help="of the draw (default: 1)")
    parser.add_argument("--areas", nargs="+", choices=AREAS, default=list(AREAS), help="default: all four")
    parser.add_argument("--only", nargs="+", default=[], metavar="FILE:LINE", help="all mutants of these lines instead")
    parser.add_argument("--budget", type=float, default=10.0, help="seconds of tests for each mutant (default: 10)")
    parser.add_argument("--record", type=Path, help="file that keeps which tests run which lines, and is reused")
    parser.add_argument("--log", type=Path, help="file of outcomes; what it calls killed is not tried again")
    chosen = parser.parse_args(arguments)
    begun = time.perf_counter()
    knowledge = _knowledge(chosen.record)
    known = _killed_before(chosen.log)
    counts: dict[str, Counter[str]] = {}
    for area in chosen.areas:
        counts[area] = Counter()
        for mutant in _drawn(area, chosen.sample, chosen.seed, chosen.only):
            label = f"{mutant.path}:{mutant.line} #{mutant.number}  {mutant.words}"
            found = known.get(label) or _tried(mutant, knowledge, chosen.budget)
            counts[area][found] += 1
            if found != trial.KILLED:
                print(f"{found}: {label}", flush=True)
            if chosen.log and label not in known:
                with chosen.log.open("a") as log:
                    log.write(f"{found}: {label}\n")
    print(f"\n{'area':<10} {'mutants':>8} {'killed':>8} {'timed out':>10} {'survived':>9} {'score':>7}")
    for area, found in [*counts.items(), ("all", sum(counts.values(), Counter()))]:
        total = max(found.total(), 1)
        score = (found[trial.KILLED] + found[trial.SLOW]) / total
        columns = f"{found[trial.KILLED]:>8} {found[trial.SLOW]:>10} {found[trial.SURVIVED]:>9}"
        print(f"{area:<10} {found.total():>8} {columns} {score:>7.1%}")
    print(f"{time.perf_counter() - begun:.0f} s")
    return 0


def _knowledge(file: Path | None) -> trial.Knowledge:
    if file is not None and file.exists():
        return trial.read(file)
    names = sorted(
        path for path in (ROOT / "tests").glob("test_*.py") if path.stem.removeprefix("test_") not in LEFT_OUT
    )
    patterns = [pattern for area in AREAS.values() for pattern in area]
    with tempfile.TemporaryDirectory() as folder:
        target = file or Path(folder) / "record.json"
        return trial.record(ROOT, [str(path.relative_to(ROOT)) for path in names], patterns, target)


def _drawn(area: str, count: int, seed: int, only: list[str]) -> list[Mutant]:
    """A sample in the order of the source, or everything on the lines asked for."""
    paths = sorted(path for pattern in AREAS[area] for path in ROOT.glob(pattern))
    everything = [mutant for path in paths for mutant in sites(path, ROOT)]
    if only:
        return [mutant for mutant in everything if f"{mutant.path}:{mutant.line}" in only]
    picked = random.Random(f"{area} {seed}").sample(range(len(everything)), min(count, len(everything)))
    return [everything[k] for k in sorted(picked)]


def _tried(mutant: Mutant, knowledge: trial.Knowledge, budget: float) -> str:
    """Outcome of one mutant."""
    tests = knowledge.tests_of(mutant, trial.scopes(ROOT / mutant.path), budget)
    needed = sum(knowledge.seconds.get(test, 0.0) for test in tests)
    return trial.outcome(mutant, ROOT, tests, timeout=30 + 5 * needed)


def _killed_before(log: Path | None) -> dict[str, str]:
    """Mutants that a log calls killed or timed out: tests that are only added do not bring them back."""
    lines = log.read_text().splitlines() if log and log.exists() else []
    outcomes = (line.partition(": ")[::2] for line in lines)
    return {label: found for found, label in outcomes if found != trial.SURVIVED}


if __name__ == "__main__":
    sys.exit(main())
