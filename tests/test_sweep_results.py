"""Whole results of the runs of a sweep: the same as of single runs, complete or absent, beside the table."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fpsolver as fp
from fpsolver.cli.main import status_of
from fpsolver.errors import FileFormatError, InterruptedSweepError, OutputError, OutputExistsError, UsageError
from fpsolver.sweeps import engine, kept, worker
from tests.test_sweep import BETA, ETA, Here, children, environment, needs_proc, pair, small, wait_for

pytestmark = pytest.mark.filterwarnings(
    r"ignore:\d+ runs? had:fpsolver.FpsolverWarning",  # of few cells, for the sake of time
    r"ignore:\d+ of \d+ runs have no result:fpsolver.FpsolverWarning",
)


@pytest.fixture
def here(monkeypatch):
    """Sweeps in this process."""
    pool = Here()
    monkeypatch.setattr(engine, "LocalPool", lambda workers: pool)
    return pool


def brief(until=0.5):
    return small(48, until=until).replaced(output={"every": 0.1, "snapshots": 1})


@pytest.mark.slow
def test_the_results_are_those_of_single_runs(here, tmp_path):
    """Each on its own record times; names in the order of the runs, the last key fastest."""
    path = tmp_path / "s.h5"
    found = fp.sweep(
        brief(), {"time.until": [0.2, 0.5], ETA: [0.3, 0.6, -1.0]}, path=path, keep_results=True, workers=1
    )
    assert found["file"].tolist() == [["run-0.h5", "run-1.h5", ""], ["run-3.h5", "run-4.h5", ""]]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["s-runs", "s.h5"]
    for table in (found, fp.load_sweep(path)):
        kept_run = table.result(1, 1)
        assert len(kept_run.series["time"]) > len(table.result(0, 1).series["time"])
        assert kept_run.last("entropy_production") == found["entropy_production"][1, 1]
    with pytest.warns(fp.FpsolverWarning):
        alone = fp.run(brief(0.5).replaced(system={"bath": {"eta": 0.6}}))
    for name, values in alone.series.items():
        np.testing.assert_array_equal(kept_run.series[name], values, err_msg=name)
    np.testing.assert_array_equal(kept_run.final.W, alone.final.W)
    assert kept_run.config.system.bath.eta == 0.6
    assert "4 in" in dict(found.summary())["results"]
    with pytest.raises(UsageError, match=r"the run at \(0, 2\) has no result: system.bath.eta: must be"):
        found.result(0, 2)
    assert found.result(np.int64(-1), -2).last("time") == 0.5
    for place in ((0,), (0, 3), (2, 0), (1.0, 0), (True, 0), ("0.2", 0), (slice(None), 0), ([0], 0)):
        with pytest.raises(UsageError, match=r"for each of time.until \(2 values\), system.bath.eta \(3 values\), but"):
            found.result(*place)


def test_results_without_a_grid(here, tmp_path):
    key = "system.particles.0.bath.eta"
    found = fp.sweep(pair(), {key: [0.3, 0.6]}, path=tmp_path / "s.h5", keep_results=True)
    np.testing.assert_array_equal(found.result(1).series["heat_current"][-1], found["heat_current"][1])


def test_what_was_not_kept_is_a_sentence(here, tmp_path):
    found = fp.sweep(small(), {ETA: [0.5]}, path=tmp_path / "s.h5")
    assert "file" not in found.data
    with pytest.raises(UsageError, match="the sweep kept no results; sweep again with keep_results=True"):
        found.result(0)
    with pytest.raises(UsageError, match="keep_results needs a path"):
        fp.sweep(small(), {ETA: [0.5]}, keep_results=True)
    with pytest.raises(UsageError, match="keep_results must be True or False, but is 'series'"):
        fp.sweep(small(), {ETA: [0.5]}, keep_results="series", path=tmp_path / "t.h5")


@pytest.mark.slow
def test_a_link_has_the_results_of_its_table(here, tmp_path):
    """In one folder, beside the table and its rows, whichever name is used; --force keeps the link."""
    (tmp_path / "folder").mkdir()
    link, path = tmp_path / "link.h5", tmp_path / "folder" / "s.h5"
    link.symlink_to(path)
    for eta, force in ((0.5, False), (0.6, True)):
        found = fp.sweep(brief(), {ETA: [eta]}, path=link, keep_results=True, force=force)
        assert link.is_symlink()
        assert sorted(each.name for each in tmp_path.iterdir()) == ["folder", "link.h5"]
        assert sorted(each.name for each in path.parent.iterdir()) == ["s-runs", "s.h5"]
        for table in (found, fp.load_sweep(link), fp.load_sweep(path)):
            assert table.result(0).config.system.bath.eta == eta


def test_a_table_that_has_lost_its_folder(here, tmp_path):
    found = fp.sweep(brief(), {ETA: [0.5]}, path=tmp_path / "s.h5", keep_results=True)
    (tmp_path / "s-runs").rename(tmp_path / "elsewhere")
    with pytest.raises(FileFormatError, match=r"s-runs/run-0\.h5 is not there; keep the folder beside the table"):
        found.result(0)


@pytest.mark.slow
def test_resume_runs_what_has_no_row_or_no_file(here, tmp_path):
    """A file is written before its row, so that a row without one has lost it since."""
    path, over = tmp_path / "s.h5", {ETA: [0.2, 0.4, 0.6]}
    here.stops_at, here.window = 0.6, 1
    with pytest.raises(InterruptedSweepError, match="interrupted after 2 of 3 runs"):
        fp.sweep(brief(), over, path=path, keep_results=True)
    here.stops_at = None
    assert sorted(each.name for each in (tmp_path / "s-runs").iterdir()) == ["run-0.h5", "run-1.h5"]
    with pytest.raises(UsageError, match="another sweep: keep_results was True and is False"):
        fp.sweep(brief(), over, path=path, resume=True)
    (tmp_path / "s-runs" / "run-0.h5").unlink()
    here.handed_out.clear()
    with pytest.warns(fp.FpsolverWarning, match="^1 of the results in .* is missing or damaged; this run is rep"):
        found = fp.sweep(brief(), over, path=path, keep_results=True, resume=True)
    assert here.handed_out == [0.2, 0.6]
    assert [found.result(k).config.system.bath.eta for k in range(3)] == over[ETA]


@pytest.mark.slow
@pytest.mark.parametrize("was_complete", [True, False])
def test_resume_repeats_runs_whose_results_are_damaged(here, tmp_path, was_complete):
    """Cut off, or one bit of W another one; of an unfinished sweep and of a table that is there already."""
    path, over, folder = tmp_path / "s.h5", {ETA: [0.2, 0.4, 0.6, 0.8]}, tmp_path / "s-runs"
    here.stops_at, here.window = None if was_complete else 0.8, 1
    with contextlib.nullcontext() if was_complete else pytest.raises(InterruptedSweepError):
        fp.sweep(brief(), over, path=path, keep_results=True)
    before = [fp.load_result(folder / f"run-{k}.h5").final.W for k in range(3)]
    whole = (folder / "run-0.h5").read_bytes()
    (folder / "run-0.h5").write_bytes(whole[: len(whole) // 2])
    (folder / "run-1.h5").write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
    here.stops_at = None
    here.handed_out.clear()
    with pytest.warns(fp.FpsolverWarning, match="^2 of the results in .* are missing or damaged"):
        found = fp.sweep(brief(), over, path=path, keep_results=True, resume=True)
    assert here.handed_out == ([0.2, 0.4] if was_complete else [0.2, 0.4, 0.8])
    assert [found.result(k).config.system.bath.eta for k in range(4)] == over[ETA]
    for k, W in enumerate(before):
        np.testing.assert_array_equal(found.result(k).final.W, W)
    assert (folder / "run-0.h5.damaged").read_bytes() == whole[: len(whole) // 2]  # nothing is lost


@pytest.mark.slow
def test_results_of_starts_in_memory_are_made_again(here, tmp_path, monkeypatch):
    """Which no table holds; a run that then fails is told of, and what was set aside before stays."""
    path, q = tmp_path / "s.h5", np.linspace(-6, 6, 49)
    W = np.exp(-((q[:, None] - 1) ** 2) - q**2) / np.pi
    config, over = brief().replaced(initial=(q, q, W)), {ETA: [0.2, 0.4]}
    before = fp.sweep(config, over, path=path, keep_results=True).result(1)
    file = tmp_path / "s-runs" / "run-1.h5"
    file.write_bytes(b"one")
    with pytest.warns(fp.FpsolverWarning, match="^1 of the results in .* is missing or damaged; this run is repeated"):
        found = fp.sweep(config, over, path=path, keep_results=True, resume=True)
    np.testing.assert_array_equal(found.result(1).final.W, before.final.W)
    file.write_bytes(b"two")
    monkeypatch.setattr(worker, "outcome", lambda config: 1 / 0)
    with pytest.warns(fp.FpsolverWarning) as told:
        fp.sweep(config, over, path=path, keep_results=True, resume=True)
    assert {Path(each.filename).name for each in told} == {Path(__file__).name}
    assert "1 of the results cannot be made again: " in str([str(each.message) for each in told])
    assert [(file.parent / f"run-1.h5.damaged{n}").read_bytes() for n in ("", "1")] == [b"one", b"two"]


def test_what_is_beside_the_folder_is_never_set_aside(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    assert kept.unreadable(tmp_path / "s.h5", {0: {"file": "../mine.txt"}}) == [0]
    assert [each.name for each in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.slow
def test_old_results_are_replaced_only_if_told_and_other_files_never(here, tmp_path, monkeypatch):
    path, folder = tmp_path / "s.h5", tmp_path / "s-runs"
    fp.sweep(brief(), {ETA: [0.2, 0.4]}, path=path, keep_results=True)
    path.unlink()
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(OutputExistsError, match="s-runs holds 2 results of another sweep; force=True overwrites"):
        fp.sweep(brief(), {ETA: [0.3]}, path=path, keep_results=True)
    fp.sweep(brief(), {ETA: [0.2, 0.4]}, path=tmp_path / "u.h5").save(path)  # stands for the table of old results
    with monkeypatch.context() as patch:
        patch.setattr(here, "submit", interrupted)
        with pytest.raises(InterruptedSweepError):
            fp.sweep(brief(), {ETA: [0.3]}, path=path, keep_results=True, force=True)
    assert [each.name for each in folder.iterdir()] == ["notes.txt"]
    assert not path.exists()  # with the results of another sweep it would be wrong
    fp.sweep(brief(), {ETA: [0.3]}, path=path, keep_results=True)
    assert sorted(each.name for each in folder.iterdir()) == ["notes.txt", "run-0.h5"]
    (folder / "run-1.h5").write_text("mine, too")
    with pytest.raises(OutputError, match=r"run-1\.h5 exists already and is a text file, which this does not overw"):
        fp.sweep(brief(), {ETA: [0.2, 0.4]}, path=path, keep_results=True, force=True)
    assert (folder / "run-0.h5").exists()
    (tmp_path / "t-runs").write_text("")
    with pytest.raises(OutputError, match="t-runs is a file, but the results of the runs go into a folder"):
        fp.sweep(brief(), {ETA: [0.3]}, path=tmp_path / "t.h5", keep_results=True)


def interrupted(*_):
    raise KeyboardInterrupt


@pytest.mark.slow
def test_a_full_disk_ends_the_sweep_and_the_rows_stay(here, tmp_path, monkeypatch):
    path, over = tmp_path / "s.h5", {ETA: [0.2, 0.4]}
    written = kept.replace_file

    def full(target, fill):
        if target.name == "run-1.h5":
            raise OSError(28, "No space left on device")
        written(target, fill)

    with monkeypatch.context() as patch:
        patch.setattr(kept, "replace_file", full)
        patch.setattr(here, "window", 1)
        with pytest.raises(OutputError, match=r"the result .*run-1\.h5 cannot be written: No space left on device"):
            fp.sweep(brief(), over, path=path, keep_results=True)
    here.handed_out.clear()
    assert fp.sweep(brief(), over, path=path, keep_results=True, resume=True).is_good.all()
    assert here.handed_out == [0.4]


@pytest.mark.slow
@needs_proc
def test_a_killed_sweep_leaves_whole_results_only(tmp_path):
    """Whatever the moment: a file for each row at least, each of them readable, and resume completes the table."""
    (tmp_path / "run.yaml").write_text(brief().to_yaml())
    command = [sys.executable, "-m", "fpsolver", "sweep", "run.yaml", "--over", f"{ETA}=linspace(0.2,1,24)"]
    command += ["--keep-results", "--workers", "2", "--quiet"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    running = subprocess.Popen(command, cwd=tmp_path, env=environment(), **quiet)
    partial, folder = tmp_path / "run-sweep.h5.partial", tmp_path / "run-sweep-runs"
    wait_for(lambda: partial.exists() and len(partial.read_text().splitlines()) > 4)
    family = children(running.pid)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    wait_for(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in family))
    rows = len(partial.read_text().splitlines()) - 1
    files = sorted(folder.glob("run-*.h5"))
    assert rows <= len(files) <= 24
    assert all(fp.load_result(file).is_complete for file in files)
    assert subprocess.run([*command, "--resume"], cwd=tmp_path, env=environment(), check=False).returncode == 0
    table = fp.load_sweep(tmp_path / "run-sweep.h5")
    assert [table.result(k).config.system.bath.eta for k in range(24)] == table[ETA].tolist()


@pytest.mark.slow
def test_the_command_names_the_folder_and_what_is_in_it_can_be_drawn(here, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.yaml").write_text(brief().to_yaml())
    over = ["--over", f"{ETA}=0.2,0.4", "--over", f"{BETA}=0.5"]
    assert status_of(["sweep", "run.yaml", *over, "--keep-results"]) == 0
    assert "2 in run-sweep-runs" in capsys.readouterr().out
    assert status_of(["sweep", "run.yaml", *over, "--keep-results", "--resume"]) == 0
    assert status_of(["sweep", "run.yaml", *over, "--resume"]) == 2
    files = [f"run-sweep-runs/run-{k}.h5" for k in (0, 1)]
    assert status_of(["plot", *files, "--kind", "series", "-o", "series.png"]) == 0
    (tmp_path / "run-sweep.h5").unlink()
    capsys.readouterr()
    assert status_of(["sweep", "run.yaml", *over, "--keep-results"]) == 2
    assert "run-sweep-runs holds 2 results of another sweep; to overwrite it: " in capsys.readouterr().err
