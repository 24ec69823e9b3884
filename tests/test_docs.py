"""The documentation: it builds without a warning, its code runs, its links and names lead somewhere."""

import importlib.util
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import fpsolver as fp
from fpsolver.config.schema import json_schema

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
HAS_QUTIP = importlib.util.find_spec("qutip") is not None
KIND = re.compile("(Potential|Bath|Initial)$")
IN_TREE = [*PAGES, ROOT / "README.md"]


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path):
    options = ["-W", "--keep-going", "-q", "-b", "html"]
    command = [sys.executable, "-m", "sphinx", *options, str(ROOT / "docs"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    for page in PAGES:
        assert (tmp_path / f"{page.stem}.html").stat().st_size > 2000
    for tutorial in TUTORIALS:  # executed: with output, and pictures where they are made
        text = (tmp_path / "tutorials" / f"{tutorial.stem}.html").read_text()
        assert "cell_output" in text
        assert "Traceback" not in text
        assert text.count("<img") >= len(re.findall(r"^fp\.plot\.", tutorial.read_text(), re.MULTILINE)) > 0
    api = (tmp_path / "api.html").read_text()
    for name in ("load_config", "Generator", "steady_on_ring", "caldeira_leggett", "ConvergenceError"):
        assert f"{name}</span>" in api


@pytest.mark.parametrize("page", IN_TREE, ids=lambda page: page.name)
def test_relative_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_page_is_in_the_table_of_contents():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for page in TUTORIALS:
        assert f"tutorials/{page.stem}" in index, page.name
    for page in PAGES:
        assert page.name == "index.md" or re.search(rf"^{page.stem}$", index, re.MULTILINE), page.name


@pytest.mark.parametrize("name", ["behind-the-scenes", "extend"])
def test_names_in_the_pages_exist(name):
    """``fpsolver.module.name`` in backticks is a module or a member of one; ``fpsolver/...`` is a path."""
    text = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    names = set(re.findall(r"`(fpsolver(?:\.\w+)+)`", text))
    paths = set(re.findall(r"`((?:fpsolver|tests|configs|scripts)/[\w./-]*)`", text))
    assert len(names | paths) > 10
    for dotted in names:
        parent, _, last = dotted.rpartition(".")
        try:
            importlib.import_module(dotted)
        except ModuleNotFoundError:
            assert hasattr(importlib.import_module(parent), last), dotted
    for path in paths:
        assert path.endswith("NAME.py") or (ROOT / path).exists(), path


@pytest.mark.slow
@pytest.mark.parametrize("name", ["extend", "own", "files", "many"])
def test_code_of_the_pages_runs_without_a_warning(name):
    text = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert blocks
    for block in blocks:
        done = subprocess.run(
            [sys.executable, "-W", "error::UserWarning", "-c", block],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            cwd=ROOT,
        )
        assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_code_about_states_runs_without_a_warning(tmp_path):
    """In a folder of its own, where it leaves files."""
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "states.md").read_text(encoding="utf-8"), re.DOTALL)
    whole = [block for block in blocks if "import fpsolver" in block and (HAS_QUTIP or "import qutip" not in block)]
    assert len(whole) == 2 + HAS_QUTIP
    for block in whole:
        command = [sys.executable, "-W", "error::UserWarning", "-c", block]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr


def test_nothing_refers_to_what_users_do_not_have():
    for page in IN_TREE:
        assert "shared/" not in page.read_text(encoding="utf-8"), page.name


@pytest.fixture(scope="module")
def keys():
    """The names of scripts/keys_page.py, and the page as it lies in the tree."""
    text = (ROOT / "docs" / "keys.md").read_text(encoding="utf-8")
    return runpy.run_path(str(ROOT / "scripts" / "keys_page.py")), text


@pytest.mark.slow
def test_the_page_of_all_keys_is_what_the_code_gives(keys):
    script, text = keys
    assert text == script["page"](), "run `python scripts/keys_page.py`"


def test_the_page_of_all_keys_has_every_section_of_the_schema(keys):
    script, text = keys
    for name, section in json_schema()["$defs"].items():
        assert script["table"](section) in text, name


@pytest.fixture
def loaded(keys, tmp_path):
    """Every snippet of the page of all keys through the reader."""
    script, text = keys
    configs = []
    for k, snippet in enumerate(re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)):
        path = tmp_path / f"{k}.yaml"
        path.write_text(script["completed"](snippet), encoding="utf-8")
        configs.append(fp.load_config(path))
    return configs


def test_snippets_of_the_page_of_all_keys_load(keys, loaded):
    """And every kind and model has one."""
    script, schema = keys[0], json_schema()
    used = {word for config in loaded for word in re.findall(r"(?:kind|model): (\w+)", config.to_yaml())}
    assert used == {script["kind_of"](schema, name) for name in schema["$defs"] if KIND.search(name)}


@pytest.mark.slow
def test_snippets_of_the_page_of_all_keys_can_be_run(keys, loaded):
    for config in loaded:
        if getattr(config.initial, "path", None) is None:  # the files of the others do not exist
            keys[0]["prepared"](config)


@pytest.mark.slow
def test_the_path_of_a_newcomer(tmp_path):
    """The commands of the README but for the installation, which scripts/newcomer.py adds in an empty environment."""
    script = runpy.run_path(str(ROOT / "scripts" / "newcomer.py"))
    lines = script["commands"]()
    assert [line.split()[0] for line in lines[:3]] == ["python3", ".", "pip"]
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    (tmp_path / "bin").mkdir()
    for name, words in (("fpsolver", "-m fpsolver "), ("python", "")):
        command = tmp_path / "bin" / name
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words}"$@"\n')
        command.chmod(0o755)
    paths = {"PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    options = {"cwd": tmp_path, "env": os.environ | paths, "capture_output": True, "text": True, "timeout": 300}
    done = subprocess.run(["bash", "-c", script["script"](lines[3:])], check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert script["missing"](tmp_path) == []
    assert done.stderr == ""  # no warning that a newcomer would have to look up
    assert "long_name:  entropy production rate Pi" in done.stdout
