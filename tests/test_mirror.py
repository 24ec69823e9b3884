"""Steps of half of an even W: what all cells do, to round-off; and never for what is not even."""

import numpy as np
import pytest

import fpsolver as fp
from fpsolver import api, mirror, simulation
from fpsolver.generator import Generator, Scheme
from fpsolver.grid import Axis, Grid
from fpsolver.kernels import coefficients, running
from fpsolver.kernels.axes import PAD
from fpsolver.physics import baths, custom, potentials
from fpsolver.physics.system import Coupling, Particle, System
from fpsolver.stepping.explicit import RungeKutta, stable_step
from tests import systems

CAT = {
    "system": {
        "mass": 1.0,
        "potential": {"kind": "quartic", "omega": 1.0, "quartic": 0.1},
        "bath": {"model": "minimally_invasive", "eta": 0.5, "beta": 0.7},
    },
    "initial": {"kind": "cat", "separation": 2.0, "omega": 1.0},
    "grid": {"q": {"cells": 64, "extent": [-6.0, 6.0]}, "p": {"cells": 64, "extent": [-8.0, 8.0]}},
    "time": {"until": 0.5, "stepper": "rk4"},
}

LENGTH = 6.6  # of axis q


def box(*cells, periodic=False, shift=0.0):
    n = len(cells) // 2
    names = "qp" if n == 1 else [f"{kind}{k}" for kind in "qp" for k in range(1, n + 1)]
    edges = [LENGTH / 2 + 0.4 * k for k in range(2 * n)]
    axes = [
        Axis(name, -edge + shift, edge + shift, count, periodic and k < n)
        for k, (name, edge, count) in enumerate(zip(names, edges, cells, strict=True))
    ]
    return Grid(tuple(axes))


def particle(potential, mass=1.3, alpha=-0.05):
    return Particle(mass, potential, baths.Bath(eta=0.4, alpha=alpha, d_qq=0.1, d_pp=0.6, d_qp=0.05))


def ring_particle(tilt):
    return particle(potentials.Cosine(0.7, 2 * np.pi / LENGTH, tilt), alpha=0.0)


WELL = potentials.double_well(quadratic=0.5, quartic=0.3)
PAIR = System(
    [particle(WELL), particle(potentials.quartic(mass=1.0, omega=0.8, quartic=0.2), 1.0)],
    0.8,
    0.1 * np.random.default_rng(2).normal(size=(4, 4)),
    0.03 * np.eye(4) + 0.01,
    [Coupling(0, 1, 0.4)],
)
EVEN = {
    "every term, order 2": (systems.model("custom"), box(40, 37), 2),
    "every term, order 4": (systems.model("custom"), box(34, 40), 4),
    "every term, order 6": (systems.model("custom"), box(62, 35), 6),
    "no cross-diffusion": (systems.model("minimally_invasive"), box(36, 48), 8),
    "quantum terms": (System((particle(WELL),), 0.7), box(48, 41), 8),
    "ring": (System((ring_particle(0.0),), 0.0), box(38, 33, periodic=True), 8),
    "all of the rest copied": (systems.model("custom"), box(16, 40), 8),
    "two particles": (PAIR, box(16, 17, 16, 19), 4),
}


def even_noise(grid, rng):
    W = rng.normal(size=grid.shape)
    return (W + W[(slice(None, None, -1),) * W.ndim]) / 2


def stepped(generator, W, *, even, steps=3):
    padded = generator.pad(W, generator.empty_padded())
    RungeKutta(generator, even=even).advance(padded, 0.0, 0.5 * stable_step(generator), steps)
    return padded


@pytest.mark.slow
@pytest.mark.parametrize("name", EVEN)
def test_half_of_the_cells_go_where_all_cells_go(name, rng):
    """Noise, so that every weight and both walls count; halos included."""
    system, grid, order = EVEN[name]
    generator = Generator(system, grid, Scheme(order=order))
    assert mirror.can_halve(generator)
    W = even_noise(grid, rng)
    half, whole = (stepped(generator, W, even=even) for even in (True, False))
    assert np.abs(half - whole).max() <= 2e-15 * np.abs(W).max()  # three steps of four stages, sums of 30 terms
    assert mirror.is_even_state(half[..., PAD:-PAD])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["every term, order 6", "no cross-diffusion", "two particles"])
def test_shares_of_a_half_do_not_change_a_bit(name, rng):
    """The lower half is divided among threads, and what one of them copies is no other one's."""
    system, grid, order = EVEN[name]
    generator = Generator(system, grid, Scheme(order=order))
    fluxes, found = generator.fluxes.lower_half(), []
    counts = [1, 2, 3, 5, 50]
    packed = coefficients.pack(fluxes.coefficients, max(counts), fluxes.computed)
    stages = np.array([[1.0, 0.0, 1e-3], [1.0, 0.0, 2e-3]])
    W = even_noise(grid, rng)
    for shares in counts:
        padded, work = generator.pad(W, generator.empty_padded()), generator.empty_work()
        running.run(
            fluxes.kernels, padded.reshape(-1), work.reshape(-1), *packed, stages, 2, running.new_marks(shares), shares
        )
        mirror.complete(padded)
        found.append(padded.copy())
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


@pytest.mark.parametrize(
    ("system", "grid", "scheme"),
    [
        (systems.model("custom"), box(36, 36, shift=0.1), Scheme()),
        (systems.model("custom"), Grid((Axis("q", -4.0, 4.0, 36), Axis("p", -4.0, 4.1, 36))), Scheme()),
        (systems.model("custom"), box(37, 36), Scheme()),
        (System((ring_particle(0.1),), 0.0), box(36, 36, periodic=True), Scheme()),
        (System((particle(potentials.Polynomial((0.0, 0.0, 0.5, 0.05, 0.1))),)), box(36, 36), Scheme()),
        (systems.model("caldeira_leggett"), box(36, 36), Scheme(flux="chang_cooper")),
    ],
    ids=["box", "momenta", "odd cells", "force", "cubic", "other fluxes"],
)
def test_what_is_not_even_is_stepped_on_all_cells(system, grid, scheme):
    """A generator that does not keep W(-x) = W(x), and two that would but have no kernel for it."""
    assert not mirror.can_halve(Generator(system, grid, scheme))


@pytest.mark.parametrize("system", [systems.model(name) for name in systems.MODELS], ids=systems.MODELS)
def test_even_means_that_the_generator_keeps_it(system, rng):
    """L W is even for every even W exactly where the potential and the box say so."""
    for grid, expected in ((box(36, 30), True), (box(36, 30, shift=0.2), False)):
        generator = Generator(system, grid)
        rate = generator.apply(even_noise(grid, rng))
        difference = np.abs(rate - rate[::-1, ::-1]).max() / np.abs(rate).max()
        assert mirror.is_even(generator) is expected
        assert bool(difference < 1e-13) is expected


class Own:
    """cosh q - 1, with a slope in the energy alone, and a wall that is nowhere inside the box."""

    span = (-4.0, 4.0)

    def __init__(self, slope=0.0, wall=0.0):
        self.slope, self.wall = slope, wall

    def energy(self, q):
        return np.cosh(q) - 1 + self.slope * q + self.wall * np.maximum(q - 4.0, 0.0) ** 3

    def derivative(self, q, order=1):
        beyond = np.maximum(q - 4.0, 0.0)
        wall = {1: 3 * beyond**2, 2: 6 * beyond, 3: 6.0 * (q > 4.0)}.get(order, 0.0 * q)
        return (np.sinh(q) if order % 2 else np.cosh(q)) + self.wall * wall


@pytest.mark.parametrize(
    ("potential", "hbar", "expected"),
    [
        (Own(), 0.0, True),
        (Own(), 1.0, True),
        (Own(slope=1e-5), 1.0, False),
        (Own(wall=1.0), 0.0, True),
        (Own(wall=1.0), 1.0, False),
        (potentials.Polynomial((0.0, 0.0, -1.0, 0.0, 0.02, 0.0, 0.002)), 0.0, True),
        (potentials.Polynomial((0.0, -1e-12, -1.0, 0.0, 0.02, 0.0, 0.002)), 0.0, False),
    ],
    ids=["own", "own, quantum", "slope of the energy", "wall", "wall, quantum", "steep", "steep with a weak force"],
)
def test_what_the_kernels_use_decides(potential, hbar, expected, rng):
    """Not the forces in the box alone, of which quantum terms of own potentials may know nothing."""
    own = isinstance(potential, Own)
    system = System((particle(custom.as_potential(potential, (-4.0, 4.0)) if own else potential),), hbar)
    edge = 4.0 if own else 10.0
    generator = Generator(system, Grid((Axis("q", -edge, edge, 40), Axis("p", -6.0, 6.0, 40))))
    assert mirror.is_even(generator) is expected
    rate = generator.apply(even_noise(generator.grid, rng))
    assert not expected or np.abs(rate - rate[::-1, ::-1]).max() < 1e-13 * np.abs(rate).max()


def test_even_to_round_off_is_made_even_to_the_bit(rng):
    W = even_noise(box(20, 20), rng)
    shaken = W * (1 + 4e-16 * rng.choice([-1, 0, 1], size=W.shape))
    assert not mirror.is_even_state(shaken)
    assert mirror.is_even_state(mirror.evened(shaken))
    uneven = W.copy()
    uneven[3, 4] += 1e-12
    assert mirror.evened(uneven) is uneven


@pytest.mark.slow
def test_a_run_of_an_even_state_is_the_run_of_all_cells(monkeypatch):
    """Series, W and warnings; the residual, of dW/dt on all cells, would tell if the half went elsewhere."""
    extents = {"q": {"cells": 64, "extent": [-6.1, 6.1]}}  # of which cell centres are symmetric to round-off only
    problem, made = api.prepare(fp.Config(**CAT).replaced(grid=extents)), []
    assert not mirror.is_even_state(api.initial_values(problem))

    def made_stepper(*arguments):
        made.append(make(*arguments))
        return made[-1]

    make = simulation.make_stepper
    monkeypatch.setattr(simulation, "make_stepper", made_stepper)
    half = api.run_problem(problem)
    monkeypatch.setattr(mirror, "can_halve", lambda generator: False)
    whole = api.run_problem(problem)
    assert [stepper.is_half for stepper in made] == [True, False]
    assert half.warnings == whole.warnings
    assert np.abs(half.final.W - whole.final.W).max() <= 1e-14
    for name, values in half.series.items():
        np.testing.assert_allclose(values, whole.series[name], rtol=1e-9, atol=1e-11, err_msg=name)


def test_a_start_that_is_not_even_has_no_half():
    """A displaced state in the same well."""
    problem = api.prepare(fp.Config(**CAT).replaced(initial={"kind": "coherent", "q": 0.3, "p": 0.0, "omega": 1.0}))
    W = api.initial_values(problem)
    assert not simulation.make_stepper(problem.generator, "rk4", W).is_half
    assert simulation.begin(problem.generator, W, problem.plan).W is W


def test_implicit_steps_take_the_start_as_it_is():
    """They have no half, and nothing to gain."""
    problem = api.prepare(fp.Config(**CAT).replaced(**{"grid.q.extent": [-6.1, 6.1], "time.stepper": "implicit"}))
    W = api.initial_values(problem)
    assert not mirror.is_even_state(W)
    assert simulation.begin(problem.generator, W, problem.plan).W is W
