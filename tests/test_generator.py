"""What a generator refuses: axes that are not those of the system, rings without the force of a ring, wrong arrays."""

import math

import numpy as np
import pytest

from fpsolver.errors import GridError
from fpsolver.generator import Generator, Scheme
from fpsolver.grid import Axis, Grid
from fpsolver.physics import baths, hu_paz_zhang, potentials
from fpsolver.physics.system import Coupling, Particle, System
from tests import systems

BATH = baths.caldeira_leggett(mass=1.0, eta=0.5, beta=1.0)
RING = Particle(1.0, potentials.Cosine(0.5, 1.0), BATH)
WELL = Particle(1.0, potentials.harmonic(mass=1.0, omega=1.0), BATH)


def grid(*names, rings=(), cells=16):
    return Grid(tuple(Axis(name, -math.pi, math.pi, cells, name in rings) for name in names))


def test_a_ring_needs_a_periodic_force_along_q():
    assert Generator(System((RING,), 0.0), grid("q", "p", rings="q")).grid.axes[0].periodic
    free = Particle(1.0, potentials.free(), BATH)
    assert Generator(System((free,)), grid("q", "p", rings="q")).grid.axes[0].periodic
    for particle, rings in ((WELL, "q"), (RING, "p"), (RING, "qp")):
        with pytest.raises(GridError, match="a ring needs a periodic force"):
            Generator(System((particle,), 0.0), grid("q", "p", rings=rings))


def test_a_spring_does_not_fit_on_a_ring():
    names = ("q1", "q2", "p1", "p2")
    pair = System((RING, RING), 0.0)
    assert Generator(pair, grid(*names, rings=("q1", "q2"))).grid.axes[1].periodic
    tied = System((RING, RING), 0.0, couplings=(Coupling(0, 1, 0.3),))
    with pytest.raises(GridError, match="a ring needs a periodic force"):
        Generator(tied, grid(*names, rings=("q2",)))


@pytest.mark.parametrize(
    ("particles", "names", "words"),
    [
        ((WELL,), ("q1", "q2", "p1", "p2"), r"1 particle\(s\) need 2 axes, not 4"),
        ((WELL, WELL), ("q", "p"), r"2 particle\(s\) need 4 axes, not 2"),
        ((WELL,), ("p", "q"), "must be named q, p, in this order, but are p, q"),
        ((WELL,), ("q1", "p1"), "must be named q, p, in this order"),
        ((WELL, WELL), ("q1", "p1", "q2", "p2"), "must be named q1, q2, p1, p2, in this order"),
    ],
)
def test_axes_that_do_not_belong_to_the_system(particles, names, words):
    with pytest.raises(GridError, match=words):
        Generator(System(particles, 1.0), grid(*names))


def test_a_scheme_is_a_scheme():
    with pytest.raises(GridError, match=r"scheme must be a fpsolver\.Scheme, but is 8"):
        Generator(System((WELL,)), grid("q", "p"), 8)


def test_chang_cooper_is_for_one_particle_without_quantum_terms():
    scheme = Scheme("chang_cooper", 2)
    with pytest.raises(GridError, match="takes one particle"):
        Generator(System((WELL, WELL), 1.0), grid("q1", "q2", "p1", "p2"), scheme)
    with pytest.raises(GridError, match=r"no quantum \(Moyal\) terms"):
        Generator(System((RING,), 1.0), grid("q", "p", rings="q"), scheme)
    classical = System((RING,), 1.0, moyal=False)
    assert Generator(classical, grid("q", "p", rings="q"), scheme).fluxes.order == 2


def test_out_must_fit():
    generator = Generator(systems.model("custom"), grid("q", "p"))
    W = np.ones((16, 16))
    for out in (np.empty((16, 17)), np.empty((16, 16), dtype=np.float32)):
        with pytest.raises(GridError, match=r"out must be float64 of shape \(16, 16\)"):
            generator.apply(W, out=out)


def test_there_is_no_one_matrix_of_a_bath_with_memory():
    """Its coefficients change; frozen at any time it has one."""
    bath = hu_paz_zhang.bath(mass=1.0, omega=1.0, hbar=1.0, gamma=0.05, cutoff=5.0, beta=0.7)
    system = System((Particle(1.0, WELL.potential, bath),), 1.0)
    g = grid("q", "p")
    generator, W = Generator(system, g), np.random.default_rng(1).normal(size=g.shape)
    with pytest.raises(GridError, match="freeze them"):
        generator.to_sparse()
    for time in (0.3, 2.0):
        frozen = Generator(system.at(time), g)
        np.testing.assert_allclose(generator.apply(W, time=time).ravel(), frozen.to_sparse() @ W.ravel(), atol=1e-12)
    assert generator.fluxes_at(system.settled) is generator.fluxes
