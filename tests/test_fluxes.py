"""Fluxes through faces: their differences are the dW/dt of the kernels, they keep the mass, they are the currents."""

import numpy as np
import pytest

import fpsolver as fp
from fpsolver.errors import GridError
from fpsolver.generator import Generator, Scheme
from fpsolver.grid import Axis, Grid
from fpsolver.physics import baths, custom, hu_paz_zhang, potentials
from fpsolver.physics.system import Coupling, Particle, System
from tests import systems

CUSTOM = baths.Bath(eta=0.5, alpha=-0.1, xi=0.05, d_qq=0.08, d_pp=0.7, d_qp=-0.05)
LOOSE = baths.Bath(eta=0.5, d_qq=0.2, d_pp=0.6)
WARM = baths.caldeira_leggett(mass=1.0, eta=0.5, beta=1.0)


def grid(*cells, rings=0, reach=6.0):
    names = fp.grid.coordinate_names(len(cells) // 2)
    return Grid(
        tuple(
            Axis(name, -reach, reach - 0.1 * k, n, k < rings)
            for k, (name, n) in enumerate(zip(names, cells, strict=True))
        )
    )


def one(potential, bath=CUSTOM, hbar=1.0, mass=1.3):
    return System((Particle(mass, potential, bath),), hbar)


def pair(bath=CUSTOM):
    wells = [potentials.harmonic(mass=m, omega=1.0) for m in (1.0, 1.5)]
    quartic = potentials.Polynomial((0.0, 0.0, 0.5, 0.0, 0.1))
    particles = (Particle(1.0, wells[0], bath), Particle(1.5, quartic, WARM))
    return System(particles, 1.0, couplings=(Coupling(0, 1, 0.4),))


class Morse:
    """A potential of the user's: its quantum terms are a sine transform over all momenta."""

    def energy(self, q):
        return 0.2 * (1 - np.exp(-0.3 * q)) ** 2

    def derivative(self, q, order=1):
        return (
            0.2 * 2 * ((-1) ** (order + 1) * 0.3**order * np.exp(-0.3 * q) - 0.5 * (-0.6) ** order * -np.exp(-0.6 * q))
        )


HARMONIC = potentials.harmonic(mass=1.3, omega=0.9)
WELL = potentials.Polynomial((0.0, 0.1, -0.5, 0.05, 0.1))
RING = potentials.Cosine(0.5, np.pi / 3, 0.3)
CASES = {
    **{f"order {order}": (one(HARMONIC), grid(20, 24), Scheme(order=order)) for order in (2, 4, 6, 8)},
    "two free axes": (one(potentials.free(), bath=baths.none()), grid(18, 17), Scheme()),
    "ring": (one(RING, LOOSE, hbar=0.0), grid(24, 20, rings=1), Scheme(order=6)),
    "kicks around a ring": (one(RING, LOOSE), grid(24, 64, rings=1), Scheme()),
    "quartic": (one(WELL), grid(20, 24), Scheme()),
    "sine transform": (one(custom.as_potential(Morse(), (-6.0, 6.0))), grid(20, 24), Scheme(order=4)),
    "two particles": (pair(), grid(16, 17, 18, 19), Scheme(order=4)),
    "chang-cooper": (one(WELL, WARM, hbar=0.0), grid(40, 40), Scheme("chang_cooper", 2)),
    "chang-cooper ring": (one(RING, LOOSE, hbar=0.0), grid(24, 40, rings=1), Scheme("chang_cooper", 2)),
    "limited": (one(WELL, WARM, hbar=0.0), grid(40, 40), Scheme("chang_cooper", 2, "limited")),
    "limited ring": (one(RING, LOOSE, hbar=0.0), grid(24, 40, rings=1), Scheme("chang_cooper", 2, "limited")),
}


def differences(fluxes, grid):
    """Sum over the axes of what enters a cell minus what leaves it, and the size of the largest term."""
    parts = [-np.diff(F, axis=a) / grid.axes[a].spacing for a, F in enumerate(fluxes)]
    return sum(parts), max(np.abs(F).max() / axis.spacing for F, axis in zip(fluxes, grid.axes, strict=True))


@pytest.mark.parametrize("case", CASES)
def test_what_flows_through_the_faces_is_the_rate_of_the_kernels(case):
    """On random W, largest at the walls and corners, where nothing hides behind small numbers."""
    system, mesh, scheme = CASES[case]
    generator = Generator(system, mesh, scheme)
    W = np.random.default_rng(4).random(mesh.shape)
    fluxes = generator.face_fluxes(W)
    rate, size = differences(fluxes, mesh)
    assert np.abs(rate - generator.apply(W)).max() < 2e-14 * size
    for a, F in enumerate(fluxes):
        assert F.shape == tuple(n + (b == a) for b, n in enumerate(mesh.shape))
        np.testing.assert_array_equal(np.take(F, 0, axis=a), np.take(F, -1, axis=a))  # so no mass is lost
    assert abs(rate.sum()) < 1e-13 * size * np.sqrt(mesh.size)


def test_walls_have_no_friction_and_no_diffusion():
    """A bath without a Hamiltonian part: nothing flows through a closed wall, wherever W is."""
    system = System((Particle(1e12, potentials.free(), baths.Bath(eta=0.5, d_qq=0.2, d_pp=0.7)),), 0.0)
    mesh = grid(20, 24)
    p_flux = Generator(system, mesh, Scheme()).face_fluxes(np.ones(mesh.shape))[1]
    assert not p_flux[:, [0, -1]].any()
    assert np.abs(p_flux[:, 1:-1]).max() > 1.0


@pytest.mark.parametrize("order", [2, 8])
def test_at_the_faces_they_are_the_current_of_a_gaussian(order):
    """J = A x W - D grad W between the cells, to second order for any scheme; also where J^R is not A x W alone."""
    system = systems.model("custom")
    state = fp.states.gaussian([0.4, -0.3], [[0.9, 0.2], [0.2, 0.8]])
    errors = []
    for cells in (48, 72):
        mesh = grid(cells, cells, reach=7.0)
        F = Generator(system, mesh, Scheme(order=order)).face_fluxes(state.values(mesh.coordinates))
        worst = 0.0
        for a in range(2):
            points = [axis.faces if b == a else axis.centres for b, axis in enumerate(mesh.axes)]
            x = np.meshgrid(*points, indexing="ij", sparse=True)
            W, (A, D) = state.values(x), (system.drift_matrix, system.diffusion_matrix / 2)
            shifted = [y - m for y, m in zip(x, state.mean, strict=True)]
            precision = np.linalg.inv(state.covariance)
            gradient = [-sum(precision[b, c] * shifted[c] for c in range(2)) * W for b in range(2)]
            exact = sum(A[a, b] * x[b] * W - D[a, b] * gradient[b] for b in range(2))
            worst = max(worst, np.abs(F[a] - exact).max())
        errors.append(worst)
    # the mean over a face is that of a primitive: dW/dt is of this order, F of second order everywhere
    assert np.log(errors[0] / errors[1]) / np.log(72 / 48) == pytest.approx(2.0, abs=0.1)


def test_a_time_of_a_bath_with_memory():
    bath = hu_paz_zhang.bath(mass=1.0, hbar=1.0, omega=1.0, gamma=0.1, cutoff=5.0, beta=1.0)
    system = System((Particle(1.0, potentials.harmonic(mass=1.0, omega=1.0), bath),), 1.0)
    mesh = grid(32, 32)
    generator = Generator(system, mesh)
    W = np.random.default_rng(1).random(mesh.shape)
    for time in (0.0, 0.3):
        rate, size = differences(generator.face_fluxes(W, time), mesh)
        assert np.abs(rate - generator.apply(W, time=time)).max() < 2e-14 * size
    assert np.abs(generator.face_fluxes(W, 0.3)[1] - generator.face_fluxes(W, 0.0)[1]).max() > 1e-3


def test_what_does_not_fit_is_refused():
    generator = Generator(one(HARMONIC), grid(20, 24))
    with pytest.raises(GridError, match="W must have the shape"):
        generator.face_fluxes(np.ones((24, 20)))
