r"""How fine and how large a W given by numbers is: what automatic grids need to know of it."""

from __future__ import annotations

import itertools
import math

import numpy as np

from fpsolver.physics.gaussian_states import GaussianState, gaussian
from fpsolver.physics.nongaussian import EIGHTH_ORDER
from fpsolver.physics.potentials import FloatArray

WIDEST_BOX = 8.5  # standard deviations of a packet that automatic boxes hold: exp(-8.5^2/2) = 2e-16
FLOOR = 1e-8  # of the largest Fourier amplitude of W; what is below is noise, which k^16 would blow up


def finest_structure(W: FloatArray, widths: FloatArray) -> FloatArray:
    """Covariance (2N, 2N) of a Gaussian as fine as the finest structure of W, from its spectrum on a box of ``widths``.

    Each main direction gets the deviation of the Gaussian with the same sixteenth moment of the wave number: that
    is what the squared error of a difference of eighth order is proportional to.
    """
    power = np.abs(np.fft.fftn(W)) ** 2
    kept = np.nonzero(power > FLOOR**2 * power.max())
    power = power[kept]
    scaled = 2 * math.pi * np.stack([np.fft.fftfreq(n, 1 / n)[k] for n, k in zip(W.shape, kept, strict=True)])
    _, directions = np.linalg.eigh(scaled * power @ scaled.T)
    moments = ((directions.T @ scaled) ** 16 @ power / power.sum()) ** (1 / 16)
    lengths = directions * (EIGHTH_ORDER / moments.clip(min=1.0))  # no waves: nothing finer than the box
    return np.asarray(lengths @ lengths.T * np.outer(widths, widths))


def corner_packets(box: FloatArray, finest: FloatArray) -> tuple[GaussianState, ...]:
    """Gaussians as narrow as the finest structure that cover the corners of a box of rows (low, high)."""
    offset = np.maximum(np.diff(box).ravel() / 2 - WIDEST_BOX * np.sqrt(np.diag(finest)), 0.0)
    signs = itertools.product((1, -1), repeat=len(box))
    return tuple(gaussian(box.mean(axis=1) + offset * sign, finest) for sign in signs)
