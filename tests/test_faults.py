"""A few trials of every fault of scripts/faults.py, in processes of their own: nothing is lost."""

import sys
from pathlib import Path

import pytest

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
    if fault is faults.full_disk:
        assert found["went on"] >= 1
        assert found["ended with a sentence"] >= 1


@pytest.mark.slow
def test_no_place_for_compiled_kernels(folder, capfd):
    """The decorators of all kernels are met by importing them, which compiles none."""
    found = faults.read_only(folder, 1, "import fpsolver.api, fpsolver.kernels.chang_cooper")
    faults.clean(folder)
    assert found == {"went on": 1}, capfd.readouterr().err
