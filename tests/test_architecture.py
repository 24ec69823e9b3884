"""The house rules that a tool can check: import contracts, types, style, a light start."""

import ast
import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import fpsolver

ROOT = Path(__file__).resolve().parents[1]


def run(*command):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def tool(name):
    return shutil.which(name, path=f"{Path(sys.executable).parent}") or name


@pytest.mark.slow
def test_imports_go_one_way():
    done = run(tool("lint-imports"))
    assert done.returncode == 0, done.stdout


def test_style():
    for arguments in (("check", "."), ("format", "--check", ".")):
        done = run(tool("ruff"), *arguments)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_types():
    done = run(tool("mypy"))
    assert done.returncode == 0, done.stdout


def test_importing_the_package_is_light():
    """``fpsolver --help`` must not wait for Numba, SciPy, h5py or matplotlib."""
    heavy = ("numba", "scipy", "h5py", "matplotlib", "numpy")
    code = f"import sys, fpsolver.cli; print([name for name in {heavy} if name in sys.modules])"
    assert run(sys.executable, "-c", code).stdout.strip() == "[]"


@pytest.mark.slow
def test_a_run_loads_no_part_of_scipy_that_it_does_not_use():
    """Numba imports scipy.linalg to see that it is there: 0.1 s of every run. Products still compile afterwards."""
    heavy = ("scipy.linalg", "scipy.sparse", "scipy.special", "matplotlib", "loky", "pandas")
    code = f"""
import sys, fpsolver as fp, numpy as np, numba
config = fp.load_config("configs/minimally_invasive.yaml")
fp.run(config.replaced(time={{"until": 0.1}}, grid={{"q": {{"cells": 32}}, "p": {{"cells": 32}}}}))
print([name for name in {heavy} if name in sys.modules])
print(numba.njit(lambda a: a @ a)(np.full((2, 2), 2.0)).sum())
"""
    done = run(sys.executable, "-W", "ignore", "-c", code)
    assert done.stdout.split("\n")[:2] == ["[]", "32.0"], done.stdout + done.stderr


def test_public_names_resolve():
    for name in fpsolver.__all__:
        assert getattr(fpsolver, name) is not None
    for module in (fpsolver.exact, fpsolver.states):
        assert dir(module) == sorted(module.__all__)  # completion offers these, not what the module imports
        assert [name for name in module.__all__ if not hasattr(module, name)] == []


def test_modules_and_functions_stay_small():
    for path in (ROOT / "fpsolver").rglob("*.py"):
        text = path.read_text()
        lines = text.count("\n")
        assert lines <= 300, f"{path} has {lines} lines"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                body = node.body[ast.get_docstring(node) is not None :]
                size = node.end_lineno - body[0].lineno + 1 if body else 0
                assert size <= 35, f"{path}: {node.name} has {size} lines"


# imported name: the distribution that holds it, where they differ
DISTRIBUTIONS = {"PIL": "pillow", "ruamel": "ruamel.yaml"}


def imports(nodes):
    """Distributions that these statements import, without the standard library and the package itself."""
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "importlib.import_module":
            names |= {argument.value for argument in node.args if isinstance(argument, ast.Constant)}
    tops = {name.split(".")[0] for name in names} - sys.stdlib_module_names - {"fpsolver"}
    return {DISTRIBUTIONS.get(name, name) for name in tops}


def at_once(body):
    """Nodes that run when the module is imported: what is not in a function, nor for type checkers alone."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from at_once(node.orelse)
            continue
        yield node
        yield from at_once(ast.iter_child_nodes(node))


def requirements():
    """Names that setup.cfg requires, and those of the extras for users."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    required = config["options"]["install_requires"].split()
    extras = [lines for name, lines in config["options.extras_require"].items() if name not in ("test", "dev")]
    return [{line.split(">=")[0] for line in lines} for lines in (required, "\n".join(extras).split())]


@pytest.mark.slow
def test_every_runtime_import_is_a_declared_dependency():
    """And what is declared is imported; modules of extras are imported where they are used, by whoever has them."""
    required, optional = requirements()
    trees = {path: ast.parse(path.read_text()) for path in (ROOT / "fpsolver").rglob("*.py")}
    found = set.union(*(imports(ast.walk(tree)) for tree in trees.values()))
    assert found - optional == required
    assert found & optional == {"distributed", "qutip", "xarray"}
    for path, tree in trees.items():
        assert not imports(at_once(tree.body)) & optional, path


def test_versions_agree():
    """CITATION.cff repeats the version of the package."""
    citation = YAML(typ="safe").load(ROOT / "CITATION.cff")
    assert citation["version"] == fpsolver.__version__


# what libraries add to the one tolerance that is given: NumPy 1e-7 or 1e-5 of the value, or 1e-8; pytest 1e-12
BESIDE = {"assert_allclose": {"atol": "rtol"}, "allclose": {"atol": "rtol", "rtol": "atol"}, "approx": {"rel": "abs"}}
BESIDE["isclose"] = BESIDE["allclose"]


def half_tolerances(text):
    """Calls that give one tolerance and leave the other to the library, which then allows more than is said."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            given = {keyword.arg for keyword in node.keywords}
            needed = BESIDE.get(ast.unparse(node.func).rpartition(".")[2], {})
            found += [f"line {node.lineno}: {name}" for name in needed if name in given and needed[name] not in given]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["benchmarks", "fpsolver", "scripts", "tests"])
def test_tolerances_are_all_there_is(folder):
    paths = (ROOT / folder).rglob("*.py")
    assert {str(path): found for path in paths if (found := half_tolerances(path.read_text()))} == {}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("np.testing.assert_allclose(x, y, atol=1e-9)", 1),
        ("allclose(x, y, rtol=1e-9)", 1),
        ("np.isclose(x, y, atol=1e-9)", 1),
        ("x == pytest.approx(y, rel=1e-9)", 1),
        ("np.testing.assert_allclose(x, y, rtol=1e-9); np.allclose(x, y, rtol=0, atol=1e-9)", 0),
        ("x == pytest.approx(y, abs=1e-9); x == pytest.approx(y, rel=1e-9, abs=0)", 0),
    ],
)
def test_the_search_for_half_tolerances_finds_them(text, count):
    assert len(half_tolerances(text)) == count
