"""Tests of one mutant, in a forked process that has the heavy libraries but nothing of fpsolver imported yet.

The mutated module never reaches the disk: an import hook compiles it in the child's memory. Which tests run which lines
is recorded once; a mutant then meets only the tests that run its line, quickest files first, until one of them fails.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import signal
import sys
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

import coverage
import h5py  # noqa: F401  imported here, so that no child has to
import hypothesis
import hypothesis.extra.numpy
import matplotlib.pyplot  # noqa: F401
import numba  # noqa: F401
import numpy as np  # noqa: F401
import pydantic  # noqa: F401
import pytest
import ruamel.yaml  # noqa: F401
import scipy.linalg
import scipy.sparse.linalg
import scipy.special  # noqa: F401
import xarray  # noqa: F401

from mutation.operators import Mutant, mutated

COMPILING = 1.5  # seconds; what recorded tests took longer was mostly the compilation of kernels
KILLED, SURVIVED, SLOW = "killed", "survived", "timed out"
OPTIONS = ["-q", "-m", "not slow", "--numprocesses=0", "-p", "no:cacheprovider", "--hypothesis-profile=mutants",
           "-W", "ignore::pytest.PytestAssertRewriteWarning"]  # fmt: skip


@dataclass(frozen=True)
class Knowledge:
    """What the unmutated run tells: tests of each line of each module, seconds of each test."""

    lines: dict[str, dict[int, list[str]]]
    seconds: dict[str, float]
    shared: dict[str, list[str]]  # tests of one file that share a fixture, and so what the fixture runs

    @cached_property
    def sizes(self) -> Counter[str]:
        """How many lines each test runs."""
        return Counter(test for lines in self.lines.values() for tests in lines.values() for test in tests)

    def tests_of(self, mutant: Mutant, scopes: dict[str, range], budget: float) -> list[str]:
        """Tests that run the line (or the function, or the module), the most specific first, up to ``budget``.

        Specific: with a large part of all the lines it runs in the module of the mutant.
        """
        lines = self.lines.get(mutant.path, {})
        found = set(lines.get(mutant.line, ()))
        if not found:
            found = {test for line in scopes.get(mutant.scope, ()) for test in lines.get(line, ())}
        if not found and not mutant.scope:
            found = {test for tests in lines.values() for test in tests}
        found |= {other for test in found for other in self.shared.get(test, ())}
        here = Counter(test for tests in lines.values() for test in tests)
        chosen, total = [], 0.0
        for test in sorted(found, key=lambda test: (-here[test] / max(self.sizes[test], 1), test)):
            total += min(self.seconds.get(test, 0.0), COMPILING)
            if total <= budget or not chosen:
                chosen.append(test)
        first: dict[str, int] = {}  # one file after the other, so that fixtures are made once
        for place, test in enumerate(chosen):
            first.setdefault(test.split("::")[0], place)
        return sorted(chosen, key=lambda test: first[test.split("::")[0]])


class _Recorder:
    """Pytest plug-in: a coverage context and the seconds of every test, and which tests share fixtures."""

    def __init__(self, tool: coverage.Coverage) -> None:
        self.tool = tool
        self.seconds: dict[str, float] = {}
        self.fixtures: dict[str, list[str]] = defaultdict(list)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        self.tool.switch_context(item.nodeid)
        begun = time.perf_counter()
        yield
        self.seconds[item.nodeid] = time.perf_counter() - begun
        self.tool.switch_context("")
        for name, definitions in item._fixtureinfo.name2fixturedefs.items():  # type: ignore[attr-defined]
            if any(definition.scope != "function" for definition in definitions):
                self.fixtures[f"{item.nodeid.split('::')[0]}:{name}"].append(item.nodeid)


def record(root: Path, tests: list[str], areas: list[str], file: Path) -> Knowledge:
    """Run the unmutated tests once, in a child, and note what they run; a failing suite ends everything."""

    def work() -> int:
        tool = coverage.Coverage(data_file=None, config_file=False, include=[str(root / area) for area in areas])
        recorder = _Recorder(tool)
        tool.start()
        status = int(pytest.main([*OPTIONS, *tests], plugins=[recorder]))
        tool.stop()
        data = tool.get_data()
        lines = {
            str(Path(name).relative_to(root)): {
                line: [c for c in contexts if c] for line, contexts in data.contexts_by_lineno(name).items()
            }
            for name in data.measured_files()
        }
        shared = {test: group for group in recorder.fixtures.values() for test in group}
        file.write_text(json.dumps([lines, recorder.seconds, shared]))
        return status

    status, _ = forked(work, 1800, quiet=False)
    if status != 0:
        raise SystemExit("the tests fail without any mutant; repair them first")
    return read(file)


def read(file: Path) -> Knowledge:
    """The same as recorded before."""
    lines, seconds, shared = json.loads(file.read_text())
    return Knowledge({name: {int(k): v for k, v in of.items()} for name, of in lines.items()}, seconds, shared)


def outcome(mutant: Mutant, root: Path, tests: list[str], timeout: float) -> str:
    """Killed, survived or timed out."""
    code = compile(mutated((root / mutant.path).read_text(), mutant.number), str(root / mutant.path), "exec")
    name = mutant.path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")

    def run(some: list[str]) -> int | None:
        def work() -> int:
            sys.meta_path.insert(0, _Hook(name, root / mutant.path, code))
            order = {test: k for k, test in enumerate(some)}
            return int(pytest.main([*OPTIONS, "-x", *some], plugins=[_Order(order)]))

        return forked(work, timeout)[0]

    # the first file by itself: importing all of them takes longer than most tests
    first = [test for test in tests if test.split("::")[0] == tests[0].split("::")[0]]
    rest = [test for test in tests if test not in first]
    statuses = (run(some) for some in (first, rest) if some)
    status = next((status for status in statuses if status != 0), 0)
    return SLOW if status is None else SURVIVED if status == 0 else KILLED


class _Order:
    """Pytest plug-in: the order in which the tests were given."""

    def __init__(self, order: dict[str, int]) -> None:
        self.order = order

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: self.order.get(item.nodeid, 0))


class _Hook:
    """Finder and loader of one module, whose code is given."""

    def __init__(self, name: str, path: Path, code: CodeType) -> None:
        self.name, self.path, self.code = name, path, code

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name != self.name:
            return None
        return importlib.util.spec_from_file_location(name, self.path, loader=_Loader(name, str(self.path), self.code))


class _Loader(SourceFileLoader):
    def __init__(self, name: str, path: str, code: CodeType) -> None:
        super().__init__(name, path)
        self.code = code

    def get_code(self, fullname: str) -> CodeType:
        return self.code


def forked(work: Callable[[], int], timeout: float, *, quiet: bool = True) -> tuple[int | None, float]:
    """Exit status of ``work`` in a child of its own process group, or None after ``timeout`` seconds; and its time."""
    begun = time.perf_counter()
    child = os.fork()
    if child == 0:
        status = 99
        try:
            os.setpgid(0, 0)
            if quiet:
                silence = os.open(os.devnull, os.O_WRONLY)
                os.dup2(silence, 1)
                os.dup2(silence, 2)
            phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)  # no shrinking: one failure is enough
            hypothesis.settings.register_profile("mutants", derandomize=True, deadline=None, phases=phases)
            status = work()
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    while time.perf_counter() - begun < timeout:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status), time.perf_counter() - begun
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None, timeout


def scopes(path: Path) -> dict[str, range]:
    """Lines of every function of a module, by its dotted name."""
    found: dict[str, range] = {}

    def walk(node: ast.AST, outer: str) -> None:
        for child in ast.iter_child_nodes(node):
            name = outer
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                name = f"{outer}.{child.name}".lstrip(".")
                found[name] = range(child.lineno, (child.end_lineno or child.lineno) + 1)
            walk(child, name)

    walk(ast.parse(path.read_text()), "")
    return found
