r"""Half the work where nothing tells x from -x: W(-q, -p) = W(q, p) now and at all times.

So it is for even potentials without a mean force in boxes centred on 0, whatever the baths (drift is linear, diffusion
constant, springs and quantum terms follow the potentials), and a start that is even as well: thermal states, Fock and
cat states, squeezed ones. The steps then compute q_1 < 0, and copy what its stencils need of the rest.
"""

from __future__ import annotations

import numpy as np

from fpsolver.generator import Generator
from fpsolver.grid import Axis
from fpsolver.physics.potentials import FloatArray
from fpsolver.schemes.central import CentralFluxes
from fpsolver.schemes.moyal import MoyalTerms

# Of what there is in a cell: cell centres are symmetric to the last place of the box, forces there as far as that goes.
ROUND_OFF = 64 * float(np.finfo(float).eps)
UNEVEN = 1e-13  # of the largest W: sampled at such centres, a Gaussian is even to 1e-15


def is_even(generator: Generator) -> bool:
    """True if the generator keeps W(-x) = W(x), as boxes tell, and forces and quantum terms at the cells."""
    system, axes = generator.system, generator.grid.axes
    if any(abs(axis.low + axis.high) > ROUND_OFF * axis.length for axis in axes):
        return False
    fluxes = generator.fluxes
    terms = fluxes.moyal if isinstance(fluxes, CentralFluxes) else MoyalTerms(system, generator.grid, fluxes.order)
    return all(_is_odd(part, axes[i]) for i in range(system.size) for part in terms.of_position(i))


def _is_odd(values: FloatArray, axis: Axis) -> bool:
    """True if values (.., cells) change their signs with q: in each cell to the round-off there, not of the largest."""
    rows = np.atleast_2d(values)
    if rows.size == 0:
        return True
    largest, slope = (np.abs(each).max(axis=0) for each in (rows, np.gradient(rows, axis.spacing, axis=1)))
    return bool((np.abs(rows + rows[:, ::-1]) <= ROUND_OFF * (largest + axis.length * slope)).all())


def is_even_state(W: FloatArray) -> bool:
    """True if W(-x) = W(x), to the last bit."""
    return np.array_equal(W.ravel(), W.ravel()[::-1])


def evened(W: FloatArray) -> FloatArray:
    """W made even to the last bit where it is so to round-off; any other W as it is."""
    other = W[(slice(None, None, -1),) * W.ndim]
    return (W + other) / 2 if np.abs(W - other).max() <= UNEVEN * np.abs(W).max() else W


def can_halve(generator: Generator) -> bool:
    """True if steps of an even W may compute half of it."""
    central = isinstance(generator.fluxes, CentralFluxes) and not generator.system.is_time_dependent
    return central and generator.grid.shape[0] % 2 == 0 and is_even(generator)


def lower_half(generator: Generator) -> CentralFluxes:
    """Fluxes that compute q_1 < 0."""
    assert isinstance(generator.fluxes, CentralFluxes)
    return generator.fluxes.lower_half()


def complete(W: FloatArray) -> None:
    """Fill in q_1 > 0 of a padded W, in place; halos are mirror images of halos."""
    flat = W.reshape(-1)
    half = flat.size // 2
    flat[half:] = flat[half - 1 :: -1]
