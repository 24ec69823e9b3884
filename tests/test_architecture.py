"""The house rules that a tool can check: import contracts, types, style, a light start."""

import ast
import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def run(*command):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def tool(name):
    return shutil.which(name, path=f"{Path(sys.executable).parent}") or name


@pytest.mark.slow
def test_imports_go_one_way():
    done = run(tool("lint-imports"), "--config", "setup.cfg")
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
    import fpsolver

    for name in fpsolver.__all__:
        assert getattr(fpsolver, name) is not None


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


def test_every_runtime_import_is_a_declared_dependency():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    declared = {line.split(">")[0].strip() for line in config["options"]["install_requires"].split("\n") if line}
    assert declared == {
        "numpy", "scipy", "numba", "h5py", "matplotlib", "ruamel.yaml", "pydantic", "click", "tqdm", "lazy_loader",
        "loky", "pillow",
    }  # fmt: skip
