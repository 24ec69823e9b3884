"""Films: one picture for each snapshot, the currents of its time, complete or absent."""

import os
import re
import shutil
import subprocess
import sys
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

import fpsolver as fp
from fpsolver.cli.main import status_of
from fpsolver.errors import OutputError, UsageError
from fpsolver.frames import Frames
from fpsolver.plot import animation


@pytest.fixture(scope="module")
def result():
    config = fp.Config(
        title="a swing",
        system={
            "mass": 1.0,
            "potential": {"kind": "harmonic", "omega": 1.0},
            "bath": {"model": "minimally_invasive", "eta": 0.5, "beta": 0.7},
        },
        initial={"kind": "gaussian", "mean": [2.0, 0.0], "covariance": [[0.8, 0.0], [0.0, 0.8]]},
        grid={"q": {"cells": 96}, "p": {"cells": 96}},
        time={"until": 2.0},
        output={"snapshots": 4},
    )
    return fp.run(config)


def test_frames_have_the_currents_of_their_time(result):
    """The last one is the end of the run, to the bit; the others satisfy J^R = (p, -q) W, J = J^R + J^I."""
    found = Frames(result)
    assert [frame.final.time for frame in found] == [0.0, 0.5, 1.0, 1.5, 2.0]
    for name in ("W", "J_reversible", "J_irreversible", "entropy_production_density"):
        np.testing.assert_array_equal(getattr(found[-1].final, name), getattr(result.final, name))
    q, p = result.grid.coordinates
    for frame in found:
        W, J = frame.final.W, frame.final.J_reversible
        np.testing.assert_allclose(J, [p * W, -q * W], rtol=0, atol=1e-14)  # round-off of a product
        Pi = result.grid.integrate(frame.final.entropy_production_density)
        index = int(np.argmin(np.abs(result.series["time"] - frame.final.time)))
        assert Pi == pytest.approx(result.series["entropy_production"][index], rel=1e-12, abs=0)  # order of sums


@pytest.mark.parametrize("fps", ["10", True, [10], 1 + 0j, float("nan"), 0, 101.0])
def test_frames_per_second_that_are_none(fps, result, tmp_path):
    words = re.escape(f"must be a number from 0.05 to 100, but are {fps!r}; leave")
    with pytest.raises(UsageError, match=words):
        animation.animate(result, tmp_path / "film.gif", fps=fps)
    with pytest.raises(UsageError, match="the path of a file is needed, but got None"):
        animation.animate(result, None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_gif(result, tmp_path):
    path = animation.animate(result, tmp_path / "new" / "film.gif", fps=5)
    with Image.open(path) as film:
        assert film.n_frames == 5
        durations, pictures = [], []
        for k in range(5):
            film.seek(k)
            durations.append(film.info["duration"])
            pictures.append(np.asarray(film.convert("L"), dtype=float))
    assert durations == [200, 200, 200, 200, 200 * animation.HOLD]
    assert film.info["loop"] == 0
    for one, other in pairwise(pictures):
        assert (np.abs(one - other) > 50).sum() > 100  # it moves
    assert [item.name for item in path.parent.iterdir()] == ["film.gif"]


def test_the_mark_is_at_the_time_of_the_frame(result):
    film = animation._Film(result, Frames(result))
    film.draw(3)
    assert [list(mark.get_xdata()) for mark in film.marks] == [[1.5, 1.5]] * 2
    assert film.heading.get_text() == "a swing\nt = 1.5"


def test_frames_are_made_one_at_a_time(result):
    """With their currents they are many times as large as the snapshots."""
    found = Frames(result)
    assert found[1] is not found[1]
    one = sum(getattr(found[0].final, name).nbytes for name in ("W", "J_reversible", "J_irreversible"))
    tracemalloc.start()
    for _ in found:
        pass
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 2.5 * one  # the last one, with its densities
    assert peak < 12 * one


@pytest.fixture
def ffmpeg(tmp_path, monkeypatch):
    """Puts a program of that name into the path, which gets its last argument, the film, as the variable ``film``."""

    def install(code):
        program = tmp_path / "bin" / "ffmpeg"
        program.parent.mkdir()
        program.write_text(f"#!{sys.executable}\nimport sys\nfilm, source = sys.argv[-1], sys.stdin.buffer\n{code}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")

    return install


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="a script is no program on Windows")
def test_ffmpeg_gets_one_picture_after_the_other(result, tmp_path, ffmpeg):
    ffmpeg("size = sys.argv[sys.argv.index('-s') + 1]\nopen(film, 'w').write(f'{size} {len(source.read())}')")
    size, count = animation.animate(result, tmp_path / "film.mp4").read_text().split()
    width, height = map(int, size.split("x"))
    assert int(count) == 5 * 3 * width * height


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="a script is no program on Windows")
@pytest.mark.parametrize("read", ["", "source.read()"], ids=["at once", "at the end"])
def test_ffmpeg_that_fails_tells_why(read, result, tmp_path, ffmpeg):
    ffmpeg(f"{read}\nsys.exit('no such codec')")
    with pytest.raises(OutputError, match="ffmpeg could not write the film: no such codec"):
        animation.animate(result, tmp_path / "film.mp4")
    assert not (tmp_path / "film.mp4").exists()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_mp4(result, tmp_path):
    path = animation.animate(result, tmp_path / "film.mp4", fps=5)
    counted = ["-count_frames", "-show_entries", "stream=nb_read_frames,codec_name", "-of", "csv=p=0"]
    probe = subprocess.run(["ffprobe", "-v", "error", *counted, path], capture_output=True, text=True, check=True)
    assert probe.stdout.strip() == "h264,5"


@pytest.mark.slow
def test_films_that_cannot_be(result, tmp_path, monkeypatch, capsys):
    with pytest.raises(UsageError, match=r"must be one of \.gif, \.mp4"):
        fp.plot.animate(result, tmp_path / "film.avi")
    with pytest.raises(UsageError, match="frames per second"):
        fp.plot.animate(result, tmp_path / "film.gif", fps=0)
    monkeypatch.setattr(animation.shutil, "which", lambda name: None)
    with pytest.raises(UsageError, match=r"ffmpeg, which is not installed; install it, or name the film 'film\.gif'"):
        fp.plot.animate(result, tmp_path / "film.mp4")
    solved = fp.run(result.config.replaced(time={"until": "steady", "method": "direct"}))
    with pytest.raises(UsageError, match="at least two snapshots, and this result has 1"):
        fp.plot.animate(solved, tmp_path / "film.gif")
    solved.save(tmp_path / "solved.h5")
    assert status_of(["animate", str(tmp_path / "solved.h5")]) == 2
    assert "at least two snapshots" in capsys.readouterr().err
    assert [item.name for item in tmp_path.iterdir()] == ["solved.h5"]


@pytest.mark.slow
def test_command_line(result, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    result.save("run.h5")
    assert status_of(["animate", "run.h5", "--fps", "4"]) == 0
    assert capsys.readouterr().out == "wrote run.gif\n"
