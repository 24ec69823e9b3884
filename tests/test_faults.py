"""A few trials of every fault of scripts/faults.py, in processes of their own: nothing is lost."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fpsolver import costs
from fpsolver.api import prepare
from fpsolver.config.reader import load_config
from fpsolver.errors import ResourceError

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

import faults  # noqa: E402

TRIALS = {
    faults.kill: 10,
    faults.full_disk: 3,
    faults.little_memory: 3,
    faults.removed_folder: 1,
    faults.two_runs: 1,
}  # a dead worker of Dask is in test_sweep.py


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return faults.prepared(tmp_path_factory.mktemp("faults"))


@pytest.mark.slow
@pytest.mark.parametrize("fault", TRIALS, ids=lambda fault: fault.__name__)
def test_nothing_is_lost(fault, folder, capfd):
    """Ten kills, and one to three of the others: about 50 s."""
    found = fault(folder, TRIALS[fault])
    faults.clean(folder)
    said = capfd.readouterr().err
    assert found["lost"] == 0, said
    if fault is faults.kill:
        assert min(found[f"while {word}"] for word in faults.MARKS) >= 2
        assert found["resumed from a checkpoint"] >= 2
    if fault is faults.removed_folder:
        assert found["went on"] == 1  # the folder is made again
    if fault is faults.full_disk:
        assert found["went on"] >= 1
        assert found["ended with a sentence"] >= 1


@pytest.mark.slow
def test_no_place_for_compiled_kernels(folder, capfd):
    """The decorators of all kernels are met by importing them, which compiles none."""
    found = faults.read_only(folder, 1, "import fpsolver.api, fpsolver.kernels.chang_cooper")
    faults.clean(folder)
    assert found == {"went on": 1}, capfd.readouterr().err


def test_the_page_tells_of_enough_trials_and_no_loss():
    """What the page must be able to say after `python scripts/reliability.py`."""
    page = (ROOT / "docs" / "reliability.md").read_text()
    part = page.partition("## Faults")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.*) \| (\d+) \| (.*) \| (\d+) \|$", part, re.MULTILINE)
    assert [row[0] for row in rows] == list(faults.FAULTS)
    assert {row[3] for row in rows} == {"0"}
    assert int(rows[0][1]) >= 100
    cases, failed = re.search(r"([\d,]+) cases, (\d+) failed", page).groups()
    assert int(cases.replace(",", "")) >= 100_000
    assert failed == "0"
    drift = float(re.search(r"1,000,000 steps.*mass changed by ([-\de.]+)", page).group(1))
    assert drift <= 1e-11


@pytest.mark.slow
def test_memory_is_what_a_limit_leaves():
    """`ulimit -v`, which shells and clusters set, counts addresses."""
    code = "import resource; from fpsolver import costs; free = costs.available_memory()\n"
    code += "resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32)); print(free, costs.available_memory())"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **faults.ONE_THREAD}
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=environment).stdout
    free, left = (int(word) for word in said.split())
    assert left <= min(free + 2**28, 2**32 - 10**8)  # Python with NumPy is there already; others come and go
    assert left >= min(free - 2**28, 2**31)


def test_a_run_leaves_room_for_what_is_loaded_later(monkeypatch, tmp_path):
    """Kernels and libraries of 70 MB, without which NumPy ends the process (a violation of memory) and says nothing."""
    (tmp_path / "run.yaml").write_text(faults.CONFIG)
    config = load_config(tmp_path / "run.yaml")
    monkeypatch.setattr(costs, "available_memory", lambda: 60 * 2**20)
    with pytest.raises(ResourceError, match=r"64 x 64 cells .* needs about 0\.0\d+ GiB, and 0\.0586 GiB are available"):
        prepare(config)
    monkeypatch.setattr(costs, "available_memory", lambda: 90 * 2**20)
    prepare(config)
