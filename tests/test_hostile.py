"""Broken and hostile input gets a sentence; nothing is executed; nothing outside the named output is touched."""

import ast
import errno
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path
from types import FunctionType
from unittest import mock

import h5py
import numpy as np
import pytest

import fpsolver as fp
from fpsolver.cli.main import status_of
from fpsolver.config.reader import load_config
from fpsolver.errors import FileFormatError, UsageError
from fpsolver.io import seal
from fpsolver.io.container import file_format
from fpsolver.sweeps.axes import parse_over
from tests.test_cli import CONFIG, OVER

ROOT = Path(__file__).resolve().parents[1]
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_METHODS = {"os.system", "os.popen", "builtins.eval", "builtins.exec", "pickle.loads"}
FORBIDDEN_MODULES = {
    "pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "code", "socket", "ssl", "asyncio", "urllib",
    "http", "requests", "httpx", "ftplib", "smtplib", "xmlrpc", "webbrowser",
}  # fmt: skip
FORBIDDEN_KEYWORDS = {"shell", "allow_pickle"}


def sources():
    return sorted((ROOT / "fpsolver").rglob("*.py"))


def dangers(text):
    """What a source does that no input may lead to, by its syntax tree."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in FORBIDDEN_CALLS | FORBIDDEN_METHODS:
                found.append(name)
            found += [k.arg for k in node.keywords if k.arg in FORBIDDEN_KEYWORDS and ast.unparse(k.value) != "False"]
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        found += [name for name in names if name.split(".")[0] in FORBIDDEN_MODULES]
    return found


@pytest.mark.slow
def test_no_pickle_no_eval_no_network():
    """Numba's cache of kernels and the workers of sweeps (loky, Dask) pickle; docs/reliability.md says so."""
    assert {path.name: found for path in sources() if (found := dangers(path.read_text()))} == {}
    assert len(sources()) > 100


@pytest.mark.parametrize(
    "text",
    [
        "import pickle", "from urllib.request import urlopen", "def f():\n    import socket", "eval('1')", "exec(x)",
        "os.system('x')", "run('x', shell=True)", "np.load(x, allow_pickle=True)", "__import__(name)",
    ],
)  # fmt: skip
def test_the_search_for_it_finds_it(text):
    assert dangers(text)


WATCHED = """\
import sys
from fpsolver.cli.main import status_of

def hook(event, arguments):
    if event.startswith(("socket.connect", "socket.bind", "socket.getaddrinfo", "urllib.", "os.system", "os.exec")):
        print("forbidden:", event, arguments, flush=True)

sys.addaudithook(hook)
status_of(["run", "run.yaml", "--quiet"])
status_of(["info", "out.h5"])
status_of(["plot", "out.h5", "-o", "out.png"])
"""


@pytest.mark.slow
def test_a_run_opens_no_connection_and_no_shell(tmp_path):
    (tmp_path / "run.yaml").write_text(CONFIG)
    done = subprocess.run(
        [sys.executable, "-c", WATCHED], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    assert "forbidden" not in done.stdout, done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.h5", "out.png", "run.yaml"]


@pytest.mark.slow
def test_a_sample_of_the_fuzzer():
    """Two hundred cases of scripts/fuzz.py, the same ones every time."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "fuzz.py"), "--cases", "200", "--seed", "77"],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "200 cases" in done.stdout
    assert "no file was touched" in done.stdout


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good")
    (folder / "run.yaml").write_text(CONFIG)
    with pytest.warns(fp.errors.FpsolverWarning):
        return fp.run(load_config(folder / "run.yaml")).save(folder / "good.h5")


def external_link(file, folder):
    del file["final/W"]
    file["final/W"] = h5py.ExternalLink(str(folder / "pipe"), "/x")


def soft_link(file, folder):
    del folder
    del file["exact"]
    file["exact"] = h5py.SoftLink("/series")


def circle(file, folder):
    del folder
    file["grid/self"] = file["/"]


def external_storage(file, folder):
    del file["final/W"]
    file.create_dataset("final/W", shape=(48, 48), dtype="f8", external=[(str(folder / "pipe"), 0, 48 * 48 * 8)])


def virtual(file, folder):
    del file["final/W"]
    layout = h5py.VirtualLayout(shape=(48, 48), dtype="f8")
    layout[:] = h5py.VirtualSource(str(folder / "pipe"), "x", shape=(48, 48))
    file.create_virtual_dataset("final/W", layout)


def never_written(file, folder):
    del folder
    del file["series/mass"]
    file.create_dataset("series/mass", shape=(2**17, 2**17), dtype="f8", chunks=(64, 64))


def zip_bomb(file, folder):
    del folder
    del file["series/mass"]
    rows = file.create_dataset("series/mass", shape=(2**40,), dtype="f8", chunks=(2**20,), compression="gzip")
    rows[: 2**20] = 0.0


def words_for_numbers(file, folder):
    del folder
    del file["series/mass"]
    file["series/mass"] = ["a", "b", "c"]


def other_lengths(file, folder):
    del folder
    del file["series/mass"]
    file["series/mass"] = np.ones(7)


def text_for_a_verdict(file, folder):
    del folder
    file["diagnostics"].attrs["cp_margin"] = "large"


def no_host(file, folder):
    del folder
    del file["provenance"].attrs["host"]


HOSTILE = {
    external_link: "final/W is a link to another place",
    soft_link: "exact is a link to another place",
    circle: "nested too deeply",
    external_storage: "keeps its numbers in another file",
    virtual: "keeps its numbers in another file",
    never_written: "declares 128 GiB that were never written",
    zip_bomb: "that were never written",
    words_for_numbers: "mass is no array of numbers",
    other_lengths: "the members of the series have the lengths [3, 7]",
    text_for_a_verdict: "its parts do not fit",
    no_host: "its provenance does not tell host",
}


@pytest.mark.parametrize("change", HOSTILE, ids=lambda change: change.__name__)
def test_hostile_results(change, good, tmp_path):
    """A pipe stands for a file outside: whoever opened it would wait for ever."""
    path = tmp_path / "hostile.h5"
    path.write_bytes(good.read_bytes())
    os.mkfifo(tmp_path / "pipe")
    with h5py.File(path, "r+") as file:
        change(file, tmp_path)
    with pytest.raises(FileFormatError) as caught:
        fp.load_result(path)
    assert HOSTILE[change] in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("size", [0, 8, 2**63])
def test_a_heap_of_texts_without_end(size, good, tmp_path):
    """HDF5 2.0 reads a free object of size 0 again and again, and nothing interrupts it."""
    data = bytearray(good.read_bytes()[: -seal.LENGTH])
    place = data.index(b"GCOL\1") + 16
    while int.from_bytes(data[place : place + 2], "little"):  # to the space that is free, which has the index 0
        place += 16 + -(-int.from_bytes(data[place + 8 : place + 16], "little") // 8) * 8
    data[place + 8 : place + 16] = size.to_bytes(8, "little")
    (tmp_path / "heap.h5").write_bytes(data)
    with pytest.raises(FileFormatError, match="a heap of its texts is damaged"):
        fp.load_result(tmp_path / "heap.h5")
    assert file_format(tmp_path / "heap.h5") == ""


def test_good_files_pass(good):
    assert fp.load_result(good).status == "finished"


@pytest.mark.parametrize("text", ["a=linspace(0,1,1000000000)", f"a={10**400}", "a=logspace(1e-308,1e308,100001)"])
def test_too_many_values_of_a_sweep(text):
    with pytest.raises(UsageError, match=r"--over a|values of a"):
        parse_over([text])


def test_an_integer_of_hundreds_of_digits():
    system = {"mass": 1.0, "potential": {"kind": "free"}, "bath": {"model": "none"}}
    with pytest.raises(fp.errors.ConfigError, match=r"time\.until: must be"):
        fp.Config(system=system, initial={"kind": "thermal", "beta": 1.0, "omega": 1.0}, time={"until": 10**400})


@pytest.mark.parametrize("text", ["? [1, {2: 3}]\n: 4", "a: {? {b: c} : d}", "a: &x 1\nb: &x 2"])
def test_keys_that_are_no_words_and_anchors_given_twice(text, tmp_path):
    (tmp_path / "odd.yaml").write_text(text)
    with pytest.raises(fp.errors.ConfigError, match=r"odd\.yaml"):
        load_config(tmp_path / "odd.yaml")


@pytest.mark.parametrize("text", ["[" * 300, "[" * 5000, "- " * 5000])
def test_override_values_that_are_nested_without_end(text, tmp_path):
    (tmp_path / "run.yaml").write_text(CONFIG)
    with pytest.raises(UsageError, match=r"--set system\.mass: .* is not a YAML value"):
        load_config(tmp_path / "run.yaml", [f"system.mass={text}"])


def test_sections_that_hold_themselves():
    section = {"kind": "free"}
    section["potential"] = [section]
    with pytest.raises(fp.errors.ConfigError, match="more than 20 levels, or holds itself"):
        fp.Config(system=section)


@pytest.mark.skipif(sys.platform == "win32", reason="has no pipes of that kind")
@pytest.mark.parametrize("options", [[], ["--resume"], ["--force"]])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_rows_of_a_sweep_that_are_no_file(make, options, monkeypatch, capsys, tmp_path):
    """A pipe is not waited for."""
    (tmp_path / "run.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    make("run-sweep.h5.partial")
    assert status_of(["sweep", "run.yaml", *OVER, *options]) == 2
    assert re.search(r"run-sweep.h5.partial is (not an ordinary file|a directory)", capsys.readouterr().err)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run-sweep.h5.partial", "run.yaml"]


def no_space(*_, **__):
    raise OSError(errno.ENOSPC, "No space left")


def too_many(*_, **__):
    raise OSError(errno.EMFILE, "Too many open files")


IN_NUMBA = FunctionType(no_space.__code__, {"__name__": "numba.core.caching", "errno": errno})
REFUSALS = [
    (no_space, "no space left"),
    (IN_NUMBA, "no space left (set NUMBA_CACHE_DIR to a folder with room for compiled kernels)"),
    (too_many, "too many open files (raise the limit with `ulimit -n`)"),
]


@pytest.mark.parametrize(("refused", "words"), REFUSALS)
def test_a_system_that_refuses_gets_a_sentence(refused, words, monkeypatch, capsys, tmp_path):
    """Of the room for compiled kernels only where these were stored."""
    (tmp_path / "run.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fpsolver.api.run_problem", refused)
    assert status_of(["run", "run.yaml"]) == 3
    assert capsys.readouterr().err.splitlines()[-1] == f"fpsolver: the system refused: {words}"


@pytest.mark.skipif(sys.platform == "win32", reason="keeps the folder")
def test_a_working_folder_that_was_removed(monkeypatch, capsys, tmp_path):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    monkeypatch.setattr(importlib, "import_module", lambda *_: Path.cwd())
    status = status_of(["run", "run.yaml"])
    os.chdir(tmp_path)
    assert status == 3
    assert "no such file or directory (the working folder has been removed; change to" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ImportError("please read this\n\nlibx.so: failed to map segment"), "libx.so: failed to map segment"),
        (SystemError("error return without exception set"), "error return without exception set"),
    ],
)
def test_a_library_that_cannot_be_loaded_gets_a_sentence(error, words, monkeypatch, capsys):
    """As when a shared library, or Python itself, finds no memory; the last line of a long message says what it was."""
    monkeypatch.setattr(importlib, "import_module", mock.Mock(side_effect=error))
    assert status_of(["run", "run.yaml"]) == 3
    found = capsys.readouterr().err
    assert f"a library cannot be loaded, for lack of memory or badly installed: {words}" in found


def test_kernels_without_a_place_for_their_cache(monkeypatch):
    """Package and home read-only: Numba finds no locator, and the kernel is compiled all the same."""
    from numba.core import caching

    from fpsolver.kernels.jit import kernel

    monkeypatch.setattr(caching.FunctionCache._impl_class, "_locator_classes", [])

    def doubled(x):
        return 2 * x

    assert kernel(doubled)(3.0) == 6.0
