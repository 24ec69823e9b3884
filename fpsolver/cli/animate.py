"""``fpsolver animate``: a film of a result."""

from __future__ import annotations

from pathlib import Path

import click

from fpsolver.cli.info import load_one
from fpsolver.plot.animation import animate


@click.command("animate")
@click.argument("result", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Film to write: .gif or .mp4 (default: STEM.gif)."
)
@click.option(
    "--fps",
    type=float,
    help="Frames per second, 0.05 to 100 (default: 2 to 25, for a film of 8 seconds; few snapshots give less).",
)
def command(result: Path, output: Path | None, fps: float | None) -> int:
    """Write a film of RESULT: W with both currents at every snapshot, and the entropy rates below them.

    Smooth films need many snapshots: fpsolver run CONFIG --set output.snapshots=50. For .mp4 ffmpeg must be installed.
    """
    path = animate(load_one(result, "film"), output or result.with_suffix(".gif"), fps=fps)
    click.echo(f"wrote {path}")
    return 0
