"""Each of several particles as a result of one particle, from its reduced Wigner function and currents."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fpsolver.grid import Grid
from fpsolver.physics.potentials import FloatArray
from fpsolver.result import Final, Result, Snapshots


def alone(result: Result) -> list[Result]:
    """One result for each particle, named after it: for figures of W, currents and marginals."""
    return [_particle(result, k) for k in range(len(result.particles))]


def _particle(result: Result, k: int) -> Result:
    n, found = len(result.particles), result.particles[k]
    on = [k, n + k]
    axes = [replace(result.grid.axes[i], name=letter) for i, letter in zip(on, "qp", strict=True)]
    J = found.J_reversible + found.J_irreversible
    density = found.production.sum(axis=0)
    final = Final(
        result.final.time, found.W, J, found.J_reversible, found.J_irreversible, density, np.full_like(density, np.nan)
    )
    title = f"{result.title}, particle {k + 1}"
    return replace(
        result,
        config=result.config.model_copy(update={"title": title}),
        grid=Grid(tuple(axes)),
        series={**result.series, **_block(result.series, on)},
        exact=None if result.exact is None else {**result.exact, **_block(result.exact, on)},
        final=final,
        snapshots=Snapshots(result.snapshots.time, reduced(result.snapshots.W, result.grid, on, leading=1)),
        particles=(),
    )


def onto(result: Result, names: tuple[str, str]) -> Result:
    """The result with W of two coordinates alone, for figures of them: int of W over all others."""
    on = [result.grid.names.index(name) for name in names]
    W = reduced(result.final.W, result.grid, on)
    return replace(result, grid=Grid(tuple(result.grid.axes[k] for k in on)), final=replace(result.final, W=W))


def reduced(W: FloatArray, grid: Grid, on: list[int], leading: int = 0) -> FloatArray:
    """Integral of W over all axes of a grid but those ``on``, in their order; ``leading`` axes of W come before."""
    others = [axis for axis in range(len(grid.axes)) if axis not in on]
    summed = W.sum(axis=tuple(leading + axis for axis in others)) * np.prod([grid.axes[k].spacing for k in others])
    kept = sorted(on)
    order = [*range(leading), *(leading + kept.index(axis) for axis in on)]
    return np.ascontiguousarray(np.transpose(summed, order))


def correlation(result: Result) -> float:
    """Correlation coefficient of the two coordinates of W; NaN if one has no variance."""
    x, y = (axis.centres for axis in result.grid.axes)
    W = result.final.W / result.final.W.sum()
    x, y = x - x @ W.sum(axis=1), y - W.sum(axis=0) @ y
    variances = (x**2 @ W.sum(axis=1)) * (W.sum(axis=0) @ y**2)
    return float(x @ W @ y / np.sqrt(variances)) if variances > 0 else float("nan")


def _block(moments: dict[str, FloatArray], on: list[int]) -> dict[str, FloatArray]:
    """Mean and covariance of the coordinates ``on``."""
    return {"mean": moments["mean"][:, on], "covariance": moments["covariance"][:, on][:, :, on]}
