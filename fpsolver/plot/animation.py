"""Films: W with both currents, snapshot by snapshot, and the entropy rates beside them."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.lines import Line2D
from PIL import Image

from fpsolver.errors import OutputError, UsageError
from fpsolver.frames import Frames
from fpsolver.io.paths import named, replace_file
from fpsolver.physics import arguments
from fpsolver.plot import lines, phase_space, style
from fpsolver.plot.phase_space import IRREVERSIBLE, REVERSIBLE
from fpsolver.result import Outcome, Result

SUFFIXES = (".gif", ".mp4")
LENGTH = 8.0  # seconds of a film, if possible
FRAME_RATES = 0.05, 100.0  # a GIF holds a picture for 655 s at most, and the last one is held six times
SLOWEST, FASTEST = 2.0, 25.0  # frames per second
DPI = 110
HOLD = 6  # times the last frame is repeated, before a GIF starts again
TITLE = 85  # characters of a line of the title


def animate(result: Outcome, path: str | Path, *, fps: float | None = None) -> Path:
    """Write a film of the snapshots of a result: .gif, or .mp4 where ffmpeg is installed; complete or not at all.

    Colours and axes have one scale throughout, and arrows but where they would be short: there the panel names the
    factor. ``fps``: frames per second (default: 2 to 25, so that the film takes 8 s if it can). UsageError for a result
    with less than two snapshots; give the run more of them with ``output.snapshots``.
    """
    style.check_results([result], "animate")
    assert isinstance(result, Result)
    path = named(arguments.path(path))
    suffix, pace = _check_suffix(path), _pace(result, fps)
    write = _write_gif if suffix == ".gif" else _write_mp4
    try:
        with style.settings(), mpl.rc_context({"axes.formatter.use_mathtext": False, "figure.dpi": DPI}):
            replace_file(path, lambda temporary: write(_pictures(result), temporary, pace))
    except OSError as error:
        raise OutputError(f"the film {str(path)!r} cannot be written: {error.strerror or error}") from error
    return path


def _pace(result: Result, fps: float | None) -> float:
    count = len(result.snapshots.time)
    if count < 2 or not np.isfinite(result.snapshots.time).all():
        raise UsageError(
            f"a film needs at least two snapshots, and this result has {count}; run it by stepping, with "
            "output.snapshots: 50 or more"
        )
    if fps is None:
        return min(max(count / LENGTH, SLOWEST), FASTEST)
    low, high = FRAME_RATES
    if not low <= arguments.as_float(fps) <= high:
        raise UsageError(
            f"frames per second (fps) must be a number from {low:g} to {high:g}, but are {arguments.shown(fps)}; leave "
            "it out for a film of 8 s"
        )
    return float(fps)


def _check_suffix(path: Path) -> str:
    """Suffix of a film; UsageError if there is no way to write it."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"the suffix of a film must be one of {', '.join(SUFFIXES)}, but {str(path)!r} has {suffix!r}")
    if suffix == ".mp4" and shutil.which("ffmpeg") is None:
        gif = path.with_suffix(".gif").name
        raise UsageError(f"mp4 needs the program ffmpeg, which is not installed; install it, or name the film {gif!r}")
    return suffix


def _pictures(result: Result) -> Iterator[Image.Image]:
    """Every frame, drawn into one figure, whose layout is that of the first."""
    film = _Film(result, Frames(result))
    film.draw(0)
    canvas: Any = FigureCanvasAgg(film.figure)  # its methods have no types
    film.figure.draw_without_rendering()
    film.figure.set_layout_engine("none")
    for k in range(len(film.frames)):
        film.draw(k)
        canvas.draw()
        yield Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())


def _write_gif(pictures: Iterator[Image.Image], path: Path, fps: float) -> None:
    """Loops for ever; the last picture stays a while."""
    first, *others = (picture.quantize(256, dither=Image.Dither.NONE) for picture in pictures)
    pause = round(1000 / fps)
    durations = [pause] * len(others) + [HOLD * pause]
    first.save(path, format="GIF", save_all=True, append_images=others, duration=durations, loop=0)


def _write_mp4(pictures: Iterator[Image.Image], path: Path, fps: float) -> None:
    """Raw pictures into ffmpeg; H.264 in the pixel format that every player knows, which needs even sizes."""
    first = next(pictures)
    width, height = first.width // 2 * 2, first.height // 2 * 2
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{fps:g}", "-i", "-"]
    target = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "20", "-f", "mp4", str(path)]
    command = ["ffmpeg", "-y", "-loglevel", "error", *source, *target]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as ffmpeg:
        assert ffmpeg.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended, and tells why
            for picture in chain([first], pictures):
                ffmpeg.stdin.write(picture.crop((0, 0, width, height)).tobytes())
        told = ffmpeg.communicate()[1].decode(errors="replace").strip()
    if ffmpeg.returncode:
        raise OutputError(f"ffmpeg could not write the film: {told}")


class _Film:
    """The figure and what all frames share."""

    def __init__(self, result: Result, shown: Sequence[Result]) -> None:
        self.frames = shown
        self.figure = style.new_figure(2 * style.COLUMN + 0.6, 5.4)
        self.heading = self.figure.suptitle(" ", x=0.02, ha="left")
        upper, lower = np.ravel(np.asarray(self.figure.subfigures(2, 1, height_ratios=[1.35, 1])))
        self.panels = upper.subplots(1, 2)
        self.box = phase_space.view(shown)
        self.mapping = phase_space.colours(shown, style.MUTED)
        upper.colorbar(self.mapping, ax=list(self.panels), label=style.W_LABEL, aspect=25, pad=0.02)
        self.longest = {
            current: phase_space.arrow_scale(shown, current, self.box) for current in (REVERSIBLE, IRREVERSIBLE)
        }
        self.marks = _draw_rates(lower.subplots(1, 2), result)

    def draw(self, k: int) -> None:
        """The frame of one snapshot."""
        frame = self.frames[k]
        self.heading.set_text(f"{style.fill(style.escaped(frame.title), TITLE)}\nt = {frame.final.time:.4g}")
        for ax, current in zip(self.panels, self.longest, strict=True):
            ax.clear()
            phase_space.draw_density(ax, frame, self.mapping, self.box)
            phase_space.draw_current(ax, frame, current, self.longest[current], self.box)
        for mark in self.marks:
            mark.set_xdata([frame.final.time] * 2)


def _draw_rates(axes: Any, result: Result) -> list[Line2D]:
    """Pi with dS/dt (and S_Moyal), and Phi, over time, and the lines that show where the film is."""
    moyal = [lines.MOYAL.name] if lines.has_moyal(result) else []
    shown: list[tuple[Axes, list[str]]] = [
        (axes[0], ["entropy_production", "entropy_rate", *moyal]),
        (axes[1], ["entropy_flux"]),
    ]
    for ax, names in shown:
        for name in names:
            label = lines.SYMBOLS[name] if lines.exists(result, name) else ""
            lines.draw_rate(ax, result, name, lines.RATE_LOOKS[name], label=label)
        ax.set_ylabel("entropy rates (1/time)")
        ax.set_xlim(0, float(lines.times(result).max()))
        ax.set_xlabel(style.TIME_LABEL)
        lines.note_missing(ax, result, names)
        lines.mark_zero(ax)
        style.legend_above(ax)
    return [ax.axvline(0.0, color=style.NEUTRAL, linewidth=0.8) for ax, _ in shown]
