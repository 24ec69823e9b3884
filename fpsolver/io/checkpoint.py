"""Unfinished runs: where they stand, in ``PATH.checkpoint``, so that ``--resume`` goes on with the same bits.

A checkpoint holds the configuration, W, the records and snapshots so far, the state of the time loop, and a digest of
all of it: a damaged one is refused, since nothing later would show that a bit of W was wrong.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import fpsolver
from fpsolver.config.leaves import leaves
from fpsolver.config.reader import Config
from fpsolver.errors import FileFormatError, OutputError
from fpsolver.io import hdf5, reading
from fpsolver.io.container import read_file, write_image
from fpsolver.io.lock import followed
from fpsolver.io.paths import named, remove_abandoned, replace_file
from fpsolver.io.provenance import now
from fpsolver.physics.potentials import FloatArray
from fpsolver.snapshots import SnapshotKeeper
from fpsolver.trajectory import Position, Trajectory

VERSION = 2
FREE = ("output.path", "output.checkpoint_every")  # keys that do not change the bits


def beside(path: Path) -> Path:
    """Checkpoint of an output."""
    path = named(followed(path))
    return path.with_name(f"{path.name}.checkpoint")


def discard(path: Path) -> None:
    """Remove the checkpoint of an output, and what killed processes left of others."""
    beside(path).unlink(missing_ok=True)
    remove_abandoned(beside(path))


@dataclass(eq=False)
class Guard:
    """Writes the checkpoint of a run every so many wall seconds, and once more when it is asked to stop."""

    path: Path
    config: Config
    plan: dict[str, Any]
    complain: Callable[[str], None]
    stop: bool = False
    written: float = field(default_factory=time.monotonic)
    has_failed: bool = False
    is_saving: bool = False
    is_kept: bool = False

    def __call__(self, position: Position) -> None:
        """Keep the position if it is time to; KeyboardInterrupt if the run is to stop here."""
        is_due = time.monotonic() - self.written >= self.config.output.checkpoint_every
        if self.stop or is_due:
            self.save(position)
        if self.stop:
            raise KeyboardInterrupt

    def save(self, position: Position) -> None:
        """Replace the checkpoint; a failure is said once and does not end the run."""
        self.is_saving = True
        try:
            save(self.path, self.config, self.plan, position)
            self.has_failed, self.is_kept = False, True
        except (OSError, OutputError) as error:
            if not self.has_failed:
                why = getattr(error, "strerror", None) or error
                self.complain(f"the checkpoint {self.path} cannot be written ({why}); the run goes on")
            self.has_failed = True
        finally:
            self.is_saving = False
        self.written = time.monotonic()


def save(path: Path, config: Config, plan: dict[str, Any], position: Position) -> None:
    """Write a checkpoint, complete or not at all; OSError if that fails."""
    arrays = _arrays(position)
    state = json.dumps(_state(position, plan))
    text = config.to_yaml()

    def fill(file: h5py.File) -> None:
        """Put configuration, position and their digest into the file."""
        file.attrs.update({"format": hdf5.FORMAT, "format_version": hdf5.FORMAT_VERSION, "status": "running"})
        file.attrs.update({"fpsolver_version": fpsolver.__version__, "created": now()})
        file.attrs["message"] = f"running, at t = {position.time:.6g}"
        file["config"] = text
        group = file.create_group("checkpoint")
        group.attrs.update({"version": VERSION, "digest": _digest(arrays, text, state)})
        group["state"] = state
        for name, values in arrays.items():
            group[name] = values

    replace_file(path, lambda temporary: write_image(temporary, fill))


def _state(position: Position, plan: dict[str, Any]) -> dict[str, Any]:
    trajectory, keeper = position.trajectory, position.keeper
    return {
        "plan": plan,
        "time": position.time,
        "done": position.done,
        "steps": trajectory.steps,
        "series": [name for name in trajectory.series() if name != "time"],
        "warnings": trajectory.warnings,
        "stride": keeper.stride,
        "seen": keeper.seen,
    }


def _arrays(position: Position) -> dict[str, FloatArray]:
    trajectory, kept = position.trajectory, position.keeper.kept
    return {
        "W": np.ascontiguousarray(position.W),
        "W_recorded": trajectory.W,
        "dWdt_recorded": trajectory.dWdt,
        "snapshot_times": np.array([time for time, _ in kept]),
        "snapshots": np.array([W for _, W in kept]).reshape(-1, *position.W.shape),
        **{f"series/{name}": values for name, values in trajectory.series().items()},
    }


def _digest(arrays: dict[str, FloatArray], *texts: str) -> str:
    found = hashlib.sha256()
    for name in sorted(arrays):
        found.update(f"{name} {arrays[name].dtype} {arrays[name].shape}".encode())
        found.update(np.ascontiguousarray(arrays[name]).data)
    for text in texts:
        found.update(text.encode())
    return found.hexdigest()


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A run that can go on: its configuration and plan, and where it stands."""

    config: Config
    plan: dict[str, Any]
    version: str
    arrays: dict[str, FloatArray]
    state: dict[str, Any]

    def position(self) -> Position:
        """Where the run stands, as the time loop wants it."""
        arrays, state = self.arrays, self.state
        times = arrays["series/time"].tolist()
        trajectory = Trajectory(
            times=times,
            records=[{name: arrays[f"series/{name}"][k] for name in state["series"]} for k in range(len(times))],
            warnings=dict(state["warnings"]),
            steps=state["steps"],
            W=arrays["W_recorded"],
            dWdt=arrays["dWdt_recorded"],
        )
        wanted = self.plan["snapshots"]
        keeper = SnapshotKeeper(wanted if isinstance(wanted, int) else tuple(wanted))
        keeper.stride, keeper.seen = state["stride"], state["seen"]
        keeper.kept = list(zip(arrays["snapshot_times"].tolist(), arrays["snapshots"], strict=True))
        return Position(arrays["W"], keeper, trajectory, state["time"], state["done"])


def load(path: Path) -> Checkpoint:
    """Read a checkpoint; FileFormatError if it is damaged or of another format."""
    found: Checkpoint = read_file(path, hdf5.FORMAT, hdf5.FORMAT_VERSION, lambda file: _read(path, file))
    return found


def _read(path: Path, file: h5py.File) -> Checkpoint:
    if "checkpoint" not in file:
        raise FileFormatError(f"{path} is no checkpoint; remove it, or start afresh with --force")
    group = file["checkpoint"]
    version = int(group.attrs["version"])
    if version != VERSION:
        raise FileFormatError(
            f"{path} has the checkpoint version {version}, and this fpsolver continues version {VERSION} only; "
            f"go on with fpsolver {file.attrs['fpsolver_version']}, or start afresh with --force"
        )
    text, state = file["config"].asstr()[()], group["state"].asstr()[()]
    names = ["W", "W_recorded", "dWdt_recorded", "snapshot_times", "snapshots", "series/time"]
    data = json.loads(state)
    names += [f"series/{name}" for name in data["series"]]
    arrays = {name: group[name][()] for name in names}
    if _digest(arrays, text, state) != group.attrs["digest"]:
        raise FileFormatError(f"{path} is damaged: its contents are not what was written; start afresh with --force")
    return Checkpoint(reading.read_config(file), data["plan"], str(file.attrs["fpsolver_version"]), arrays, data)


def differences(old: Config, new: Config) -> list[str]:
    """Keys with another value, as ``key: old, now new``; the output's place may change."""
    before, after = leaves(old), leaves(new)
    keys = [key for key in (before | after) if key not in FREE and before.get(key) != after.get(key)]
    return [f"{key}: {before.get(key, 'not given')}, now {after.get(key, 'not given')}" for key in keys]
