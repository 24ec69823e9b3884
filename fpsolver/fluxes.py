r"""Fluxes through the faces of the cells, whose differences are what the kernels compute as dW/dt.

Written from the formulas, as :mod:`fpsolver.assembly`. Every sum of the scheme telescopes:

    W_{i+m} - W_{i-m} = P_{i+1/2} - P_{i-1/2},             P_{i+1/2} = sum_{r=1-m}^{m} W_{i+r},
    W_{i+m} - 2 W_i + W_{i-m} = R_{i+1/2} - R_{i-1/2},     R_{i+1/2} = sum_{j=0}^{m-1} (W_{i-j+m} - W_{i-j}).

Arrays here hold the face above each cell; the face below the first is that above the last, or a closed wall.
"""

from __future__ import annotations

import numpy as np

from fpsolver.grid import Axis, Grid
from fpsolver.kernels import stencils
from fpsolver.physics.potentials import FloatArray
from fpsolver.schemes.central import CentralFluxes
from fpsolver.schemes.chang_cooper import ChangCooperFluxes, FaceAxis


def through_faces(W: FloatArray, grid: Grid, fluxes: CentralFluxes | ChangCooperFluxes) -> tuple[FloatArray, ...]:
    """Flux along each axis through all its faces, of which there is one more than cells."""
    above = _of_faces(W, fluxes) if isinstance(fluxes, ChangCooperFluxes) else _central(W, grid, fluxes)
    return tuple(np.concatenate([np.take(F, [-1], axis=a), F], axis=a) for a, F in enumerate(above))


def _central(W: FloatArray, grid: Grid, fluxes: CentralFluxes) -> list[FloatArray]:
    """Central fluxes of N particles: reversible drift, friction and diffusion, cross-diffusion, quantum terms."""
    others, n, order = fluxes.velocities()[0], fluxes.system.size, fluxes.order
    found = []
    for a, axis in enumerate(grid.axes):
        velocity = sum(_along(part, b, W.ndim) for b, part in enumerate(others[a]))
        F = _mean(velocity * W, a, order)
        F += _friction(W, axis, a, order, fluxes.rates[a], fluxes.system.diffusion_matrix[a, a] / 2)
        found.append(F)
    _add_cross(found, W, grid, fluxes)
    for i in range(n):
        _add_kicks(found[n + i], W, grid.axes[n + i].spacing, n + i, fluxes, i)
    return found


def _mean(g: FloatArray, a: int, order: int) -> FloatArray:
    """Value at the face above each cell whose difference is the central derivative of g, wrapped around."""
    total, window = np.zeros_like(g), np.zeros_like(g)
    for m, c in enumerate(stencils.first_derivative(order), start=1):
        window += np.roll(g, -m, a) + np.roll(g, m - 1, a)
        total += c * window
    return total


def _slope(W: FloatArray, a: int, order: int) -> FloatArray:
    """H times the gradient at the face above each cell, whose difference is the central second derivative."""
    total = np.zeros_like(W)
    for m, e in enumerate(stencils.second_derivative(order), start=1):
        total += e * sum(np.roll(W, j - m, a) - np.roll(W, j, a) for j in range(m))
    return total


def _friction(W: FloatArray, axis: Axis, a: int, order: int, rate: float, diffusion: float) -> FloatArray:
    """Flux rate x W - D dW/dx; W is zero beyond closed walls, through which nothing flows."""
    if rate == 0 and diffusion == 0:
        return np.zeros_like(W)
    k = 0 if axis.periodic else order // 2
    wide = np.pad(W, [(k, k) if b == a else (0, 0) for b in range(W.ndim)])
    x = axis.low + axis.spacing * (np.arange(-k, axis.cells + k) + 0.5)
    F = rate * _mean(_along(x, a, W.ndim) * wide, a, order) - diffusion / axis.spacing * _slope(wide, a, order)
    F = np.take(F, range(k, k + axis.cells), axis=a)
    if not axis.periodic:
        np.moveaxis(F, a, 0)[-1] = 0.0
    return F


def _add_cross(found: list[FloatArray], W: FloatArray, grid: Grid, fluxes: CentralFluxes) -> None:
    """Cross-diffusion, -D_ab dW/dx_b along a and -D_ab dW/dx_a along b: D is symmetric, and each has one half."""
    D, order = fluxes.system.diffusion_matrix / 2, fluxes.order
    for a, b in zip(*np.nonzero(D - np.diag(np.diag(D))), strict=True):
        mean = _mean(W, int(b), order)
        gradient = (mean - np.roll(mean, 1, b)) / grid.axes[b].spacing
        found[a] -= D[a, b] * _mean(gradient, int(a), order)


def _add_kicks(F: FloatArray, W: FloatArray, spacing: float, a: int, fluxes: CentralFluxes, i: int) -> None:
    """Quantum terms of particle i: a pair over m cells is a sum over the 2 m cells around each face."""
    (offset, count), n = fluxes.moyal.reach, fluxes.system.size
    kicks = fluxes.moyal.kicks[i].reshape(*W.shape[:n], *[1] * n, count)
    window = np.zeros_like(W)
    for m in range(1, offset + count + 1 if kicks.any() else 1):
        window += np.roll(W, -m, a) + np.roll(W, m - 1, a)
        if m > offset:
            F -= spacing * kicks[..., m - 1 - offset] * window


def _of_faces(W: FloatArray, fluxes: ChangCooperFluxes) -> list[FloatArray]:
    """Chang-Cooper fluxes (docs/scheme.md)."""
    found: list[FloatArray] = []
    for a, (axis, other) in enumerate(((fluxes.q, fluxes.p), (fluxes.p, fluxes.q))):
        speed = _along(other.speeds, 1 - a, 2)
        leaving, entering = (_along(x, a, 2) for x in (axis.leaving, axis.entering))
        irreversible = axis.axis.spacing * (leaving * W - entering * np.roll(W, -1, a))
        found.append(speed * _value(W, axis, a, speed, limited=fluxes.limited) + irreversible)
    return found


def _value(W: FloatArray, axis: FaceAxis, a: int, speed: FloatArray, *, limited: bool) -> FloatArray:
    """Reversible value at the face above each cell: the mean of both sides, or upwind with van Leer's limiter."""
    far_low, low, high, far_high = (_along(axis.weights[m], a, 2) * np.roll(W, 1 - m, a) for m in range(4))
    if not limited:
        return np.asarray((low + high) / 2)
    rising = speed > 0
    before, here, beyond = np.where(rising, far_low, far_high), np.where(rising, low, high), np.where(rising, high, low)
    back, ahead = here - before, beyond - here
    agree = (back > 0) & (ahead > 0) | (back < 0) & (ahead < 0)
    better = here + back / np.where(agree, back + ahead, 1.0) * ahead
    return np.where(agree, np.maximum(better, np.minimum(here, beyond)), here)


def _along(line: FloatArray, a: int, ndim: int) -> FloatArray:
    return line.reshape([-1 if b == a else 1 for b in range(ndim)])
