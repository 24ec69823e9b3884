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
        snapshots=Snapshots(np.empty(0), np.empty((0, *found.W.shape))),
        particles=(),
    )


def _block(moments: dict[str, FloatArray], on: list[int]) -> dict[str, FloatArray]:
    """Mean and covariance of the coordinates ``on``."""
    return {"mean": moments["mean"][:, on], "covariance": moments["covariance"][:, on][:, :, on]}
