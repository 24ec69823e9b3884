"""A few trials of every fault of scripts/faults.py, in processes of their own: nothing is lost."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fpsolver import memory
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
    code = "import resource, numpy; from fpsolver import memory; free = memory.available()\n"
    code += "resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32)); print(free, memory.available())"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **faults.ONE_THREAD}
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=environment).stdout
    free, left = (int(word) for word in said.split())
    assert left <= min(free + 2**28, 2**32 - 10**8)  # Python with NumPy is there already; others come and go
    assert left >= min(free - 2**28, 2**31)


GROUPS = {
    "version 2": {
        "proc/self/cgroup": "0::/slurm/job_1/step_0\n",
        "sys/fs/cgroup/slurm/job_1/step_0/memory.max": "max\n",
        "sys/fs/cgroup/slurm/job_1/memory.max": "4000000000\n",
        "sys/fs/cgroup/slurm/job_1/memory.current": "1000000000\n",
        "sys/fs/cgroup/slurm/job_1/memory.stat": "anon 900000000\ninactive_file 100000000\n",
    },
    "version 2 in a container": {
        "proc/self/cgroup": "0::/\n",
        "sys/fs/cgroup/memory.max": "3200000000\n",
        "sys/fs/cgroup/memory.current": "100000000\n",
        "sys/fs/cgroup/memory.stat": "\nodd\n",
    },
    "version 1": {
        "proc/self/cgroup": "\n5:devices:/a\n4:cpu,memory:/slurm/uid_7\n0::/\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        "sys/fs/cgroup/memory/memory.usage_in_bytes": "20000000000\n",
        "sys/fs/cgroup/memory/memory.stat": "total_inactive_file 0\n",
        "sys/fs/cgroup/memory/slurm/uid_7/memory.limit_in_bytes": "3500000000\n",
        "sys/fs/cgroup/memory/slurm/uid_7/memory.usage_in_bytes": "500000000\n",
        "sys/fs/cgroup/memory/slurm/uid_7/memory.stat": "inactive_file 5\ntotal_inactive_file 100000000\n",
    },
}


@pytest.mark.parametrize("name", GROUPS)
def test_memory_is_what_a_control_group_leaves(name, tmp_path):
    """Batch systems and containers end a process that goes beyond: the tightest limit counts, less what is in use."""
    for path, text in GROUPS[name].items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert memory.of_groups(tmp_path) == 3_100_000_000


def test_without_control_groups_there_is_no_limit(tmp_path):
    assert memory.of_groups(tmp_path) == sys.maxsize
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("3:cpuset:/\n0::/somewhere\n")
    assert memory.of_groups(tmp_path) == sys.maxsize


def test_a_run_leaves_room_for_what_is_loaded_later(monkeypatch, tmp_path):
    """Kernels and libraries of 70 MB, without which NumPy ends the process (a violation of memory) and says nothing."""
    (tmp_path / "run.yaml").write_text(faults.CONFIG)
    config = load_config(tmp_path / "run.yaml")
    monkeypatch.setattr(memory, "available", lambda: 60 * 2**20)
    with pytest.raises(ResourceError, match=r"64 x 64 cells .* needs about 0\.0\d+ GiB, and 0\.0586 GiB are available"):
        prepare(config)
    monkeypatch.setattr(memory, "available", lambda: 90 * 2**20)
    prepare(config)
