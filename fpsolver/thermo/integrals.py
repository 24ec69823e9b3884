"""Integrals over the grid with logarithms or quotients of W: all of them in one pass, for any number of particles.

Which of them exist is decided here: none where W is negative, and the channels of Pi and Phi are infinite where
friction acts without noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from fpsolver.grid import Grid
from fpsolver.kernels import records
from fpsolver.physics.potentials import FloatArray
from fpsolver.thermo import entropy, faces
from fpsolver.thermo.slabs import slabs
from fpsolver.thermo.state import State


@dataclass(frozen=True, eq=False)
class Integrals:
    """Integrals over the grid; channels have 2N entries, for the components of x."""

    production: FloatArray
    flux_drift: FloatArray
    flux_cross: FloatArray
    entropy: float
    entropy_rate: float
    square: float
    negativity: float
    residual: float
    tail: float
    moyal: float

    @property
    def flux(self) -> FloatArray:
        """Channels of Phi."""
        return np.where(np.isposinf(self.flux_drift), math.inf, self.flux_drift + self.flux_cross)


def integrate(state: State, dWdt: FloatArray, mean: FloatArray, covariance: FloatArray) -> Integrals:
    """All of them; NaN or inf where they do not exist, and no tail without a covariance."""
    precision = _precision(covariance, state.grid)
    single, channels, moyal = np.zeros(records.SINGLE), np.zeros((3, len(mean))), 0.0
    for rows, part in slabs(state):
        tail = None if precision is None else (part.space.positions, mean, precision)
        found = part.space.medium.sums(part.W, dWdt[rows], part.log_W, part.gradient, part.lowest, tail)
        single += found[0]
        channels += found[1]
        moyal += entropy.moyal_sum(part)
    volume = state.grid.volume
    log_sum, rate, square, negative, residual, tail_sum = (single * volume).tolist()
    production, drift, cross = channels * volume
    sums = Integrals(production, drift, cross, -log_sum, -rate, square, -2 * negative, residual, tail_sum, moyal)
    return _existing(state, _of_faces(state, sums), known=precision is not None)


def _of_faces(state: State, sums: Integrals) -> Integrals:
    """With Pi and Phi of the faces, where the scheme has its own."""
    if state.space.fluxes is None:
        return sums
    channels = (
        faces.production_channels(state.W, state.space.fluxes),
        faces.flux_channels(state.W, state.space.fluxes),
    )
    production, flux = (np.array([state.grid.integrate(channel) for channel in part]) for part in channels)
    return replace(sums, production=production, flux_drift=flux, flux_cross=np.zeros_like(flux))


def _existing(state: State, sums: Integrals, *, known: bool) -> Integrals:
    """Without what does not exist."""
    space, nothing = state.space, np.full_like(sums.production, math.nan)
    if not known:
        sums = replace(sums, tail=math.nan)
    if sums.negativity > entropy.negative(state.system.size):
        sums = replace(sums, production=nothing, entropy=math.nan, entropy_rate=math.nan, tail=math.nan)
        if not space.moyal.is_empty:
            sums = replace(sums, moyal=math.nan)
        if space.reversible_D.any():
            sums = replace(sums, flux_cross=nothing)
    if space.is_noiseless:
        production, drift = (
            np.where(state.system.noiseless_drift, math.inf, part) for part in (sums.production, sums.flux_drift)
        )
        sums = replace(sums, production=production, flux_drift=drift, tail=math.nan)
    return sums


def _precision(covariance: FloatArray, grid: Grid) -> FloatArray | None:
    """Inverse of the covariance, zero along rings, where no Gaussian is; None for W in single cells or without mass."""
    closed = np.flatnonzero([not axis.periodic for axis in grid.axes])
    own, found = np.ix_(closed, closed), np.zeros_like(covariance)
    try:
        found[own] = np.linalg.inv(covariance[own])
    except np.linalg.LinAlgError:
        return None
    return found if np.isfinite(found).all() else None
