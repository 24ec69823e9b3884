"""The kernel on grids of several particles: assembled matrices, mass, product states, one axis order for all."""

import numpy as np
import pytest

import fpsolver.grid
from fpsolver.generator import Generator, Scheme
from fpsolver.grid import Axis, Grid
from fpsolver.physics import baths, potentials
from fpsolver.physics.system import Coupling, Particle, System
from fpsolver.recorder import phase_space
from fpsolver.stepping.explicit import RungeKutta, stable_step


@pytest.fixture
def small_axes(monkeypatch):
    """Axes shorter than users may have, so that matrices of 10^5 rows can be assembled."""
    monkeypatch.setattr(fpsolver.grid, "MINIMUM_CELLS", 6)


def several(n, seed=1):
    """N different particles, springs between neighbours, all entries of drift and diffusion matrices."""
    rng = np.random.default_rng(seed)
    wells = [potentials.harmonic(mass=1.0, omega=0.9), potentials.quartic(mass=1.2, omega=0.7, quartic=0.4)]
    wells += [potentials.double_well(quadratic=0.5, quartic=0.3)]
    particles = [
        Particle(1.0 + 0.2 * k, wells[k], baths.Bath(eta=0.3 + 0.1 * k, alpha=-0.05, d_qq=0.1, d_pp=0.6, d_qp=0.05 * k))
        for k in range(n)
    ]
    root = rng.normal(size=(2 * n, 2 * n))
    couplings = [Coupling(k, k + 1, 0.3 + 0.1 * k) for k in range(n - 1)]
    return System(particles, 0.8, 0.1 * rng.normal(size=(2 * n, 2 * n)), 0.02 * root @ root.T, couplings)


def box(*cells, names=None):
    n = len(cells) // 2
    names = names or [f"{kind}{k}" for kind in "qp" for k in range(1, n + 1)]
    return Grid(tuple(Axis(name, -3.0 - 0.1 * k, 3.3, c) for k, (name, c) in enumerate(zip(names, cells, strict=True))))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cells", "order"), [((12, 9, 13, 10), 4), ((16, 9, 16, 17), 8), ((6, 7, 6, 6, 7, 8), 2)], ids=str
)
def test_kernel_is_the_assembled_matrix(cells, order, rng, small_axes):
    """Every term there is (springs, friction, cross-diffusion of all pairs, quantum terms) on up to six axes."""
    generator = Generator(several(len(cells) // 2), box(*cells), Scheme(order=order))
    W = rng.normal(size=cells)
    found, matrix = generator.apply(W), generator.to_sparse()
    scale = abs(matrix).sum(axis=1).max()
    # a few ulp of the largest row, times W, which is a few units
    np.testing.assert_allclose(found.ravel(), matrix @ W.ravel(), rtol=0, atol=5e-15 * scale)
    assert abs(found.sum()) <= 1e-13 * np.abs(found).sum()  # mass, even for noise up to the walls


@pytest.mark.parametrize("pair", [(0, 1), (0, 2), (1, 2), (0, 3), (2, 3)], ids=str)
def test_cross_diffusion_of_one_pair_alone(pair, rng, small_axes):
    """Whichever two of q1, q2, p1, p2 share their noise, the kernel is the assembled matrix."""
    noise = np.diag([0.1, 0.1, 0.2, 0.2])
    noise[pair] = noise[pair[::-1]] = 0.05
    particles = [Particle(1.0, potentials.harmonic(mass=1.0, omega=1.0), baths.Bath(eta=0.3)) for _ in range(2)]
    generator = Generator(System(particles, 1.0, np.zeros((4, 4)), noise), box(8, 8, 8, 8), Scheme(order=4))
    W, matrix = rng.normal(size=(8, 8, 8, 8)), generator.to_sparse()
    scale = abs(matrix).sum(axis=1).max()  # a few ulp of the largest row, times W, which is a few units
    np.testing.assert_allclose(generator.apply(W).ravel(), matrix @ W.ravel(), rtol=0, atol=5e-15 * scale)


def test_motion_by_the_hamiltonian_and_the_baths():
    """a^R of two different particles, springs and matrices: H's own derivatives, and what A_bath adds, row by row."""
    system, grid = several(2), box(16, 16, 16, 16)
    q1, q2, p1, p2 = grid.coordinates
    (one, two), k = system.particles, 0.3
    spring = k * (q1 - q2)
    forces = (one.potential.derivative(q1) + spring, two.potential.derivative(q2) - spring)
    bath = system.dissipative_drift - system.irreversible_drift
    wanted = [p1 / one.mass, p2 / two.mass, -forces[0], -forces[1]]
    found = phase_space(Generator(system, grid, Scheme(order=4))).reversible_drift
    for row, motion in enumerate(wanted):
        added = sum(bath[row, column] * x for column, x in enumerate(grid.coordinates))
        expected = np.broadcast_to(motion + added, grid.shape)
        np.testing.assert_allclose(found[row], expected, rtol=1e-13, atol=1e-13)  # a few ulp of forces up to 30


@pytest.mark.slow
def test_threads_and_steps(rng):
    """Bits of a parallel step do not depend on the thread count."""
    import numba

    free = System(several(2).particles, 0.8)
    generator = Generator(free, box(16, 16, 16, 16), Scheme(order=4))
    W = rng.normal(size=generator.grid.shape)
    dt, steps = 0.5 * stable_step(generator), []
    for threads in (1, 2):
        numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
        padded = generator.pad(W, generator.empty_padded())
        RungeKutta(generator).advance(padded, 0.0, dt, 2)
        steps.append(padded[..., 4:-4].copy())
    np.testing.assert_array_equal(*steps)


@pytest.mark.slow
def test_uncoupled_particles_evolve_apart():
    """L (W1 x W2) = (L1 W1) x W2 + W1 x (L2 W2)."""
    system, grid = System(several(2).particles, 0.8), box(16, 18, 20, 16)
    parts = [Grid((grid.axes[k], grid.axes[2 + k])) for k in range(2)]
    singles = [
        Grid(tuple(Axis(name, a.low, a.high, a.cells) for name, a in zip("qp", part.axes, strict=True)))
        for part in parts
    ]
    W = [np.exp(-(part.coordinates[0] ** 2) - 0.5 * part.coordinates[1] ** 2) for part in singles]
    rates = [
        Generator(System((particle,), 0.8), single).apply(w)
        for particle, single, w in zip(system.particles, singles, W, strict=True)
    ]
    product = np.einsum("ac,bd->abcd", *W)
    expected = np.einsum("ac,bd->abcd", rates[0], W[1]) + np.einsum("ac,bd->abcd", W[0], rates[1])
    found = Generator(system, grid).apply(product)
    np.testing.assert_allclose(
        found, expected, rtol=0, atol=1e-14 * np.abs(expected).max() * 10
    )  # round-off of 33 terms
