"""What a generator refuses: axes that are not those of the system, rings without the force of a ring, wrong arrays."""

import copy
import math
import pickle
from pathlib import Path

import numpy as np
import pytest

import fpsolver as fp
from fpsolver.errors import GridError, UsageError
from fpsolver.generator import Generator, Scheme
from fpsolver.grid import Axis, Grid
from fpsolver.kernels import stencils
from fpsolver.physics import baths, hu_paz_zhang, potentials, transients
from fpsolver.physics.system import Coupling, Particle, System
from fpsolver.schemes import chang_cooper, moyal
from tests import systems

CONFIGS = Path(__file__).parents[1] / "configs"
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


@pytest.mark.parametrize("length", [3.0, 9.5, 1e-12])
def test_a_ring_is_a_whole_number_of_periods_long(length):
    """Where it closes the force would jump; around a ring without a force any length will do."""
    ring = Grid((Axis("q", 0.0, length, 16, periodic=True), Axis("p", -3.0, 3.0, 16)))
    with pytest.raises(GridError, match=r"the ring q must be a whole number of periods 6\.28318530718 long, but is "):
        Generator(System((RING,), 0.0), ring)
    free = Particle(1.0, potentials.Polynomial((0.0, 0.1)), BATH)
    assert Generator(System((free,), 0.0), ring).grid.axes[0].length == length


@pytest.mark.parametrize("pull", [{"alpha": 0.1}, {"xi": 0.1}])
def test_a_bath_that_pulls_at_q_does_not_fit_on_a_ring(pull):
    """Its force is not periodic: mass would be lost where the ring closes."""
    pulled = Particle(1.0, potentials.Cosine(0.5, 1.0), baths.Bath(eta=0.5, d_qq=0.2, d_pp=0.6, **pull))
    with pytest.raises(GridError, match=r"pulls in proportion to q .* make the axis closed"):
        Generator(System((pulled,), 0.0), grid("q", "p", rings="q"))
    assert Generator(System((pulled,), 0.0), grid("q", "p")).grid.axes[0].cells == 16


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
        ((WELL,), ("q1", "q2", "p1", "p2"), r"a grid of 1 particle has 2 axes, not 4"),
        ((WELL, WELL), ("q", "p"), r"a grid of 2 particles has 4 axes, not 2"),
        ((WELL,), ("p", "q"), "must be named q, p, in this order, but are p, q"),
        ((WELL,), ("q1", "p1"), "must be named q, p, in this order"),
        ((WELL, WELL), ("q1", "p1", "q2", "p2"), "must be named q1, q2, p1, p2, in this order"),
    ],
)
def test_axes_that_do_not_belong_to_the_system(particles, names, words):
    with pytest.raises(GridError, match=words):
        Generator(System(particles, 1.0), grid(*names))


def test_the_number_of_cells_has_no_largest_value():
    """Nothing is allocated, and a number of 64 bits would be 0."""
    assert grid("q1", "q2", "q3", "p1", "p2", "p3", cells=2**11).size == 2**66
    assert isinstance(grid("q", "p").size, int)


def test_a_scheme_is_a_scheme():
    with pytest.raises(GridError, match=r"scheme must be a fpsolver\.Scheme, but is 8"):
        Generator(System((WELL,)), grid("q", "p"), 8)


def test_the_scheme_of_a_configuration_has_a_function_of_its_own():
    """The section prints as the object that is wanted; the cure is public, and gives the scheme of the section."""
    config = fp.load_config(CONFIGS / "minimally_invasive.yaml", ["scheme.order=4"])
    with pytest.raises(
        GridError, match=r"is the scheme section of a configuration.*fpsolver\.build_generator\(config, "
    ):
        Generator(fp.build_system(config), grid("q", "p"), config.scheme)
    assert fp.build_generator(config, grid("q", "p")).scheme == Scheme(order=4)


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
    for out in (np.empty((16, 17)), np.empty((16, 16), dtype=np.float32), "x", [1.0], 5):
        with pytest.raises(GridError, match=r"out must be float64 of shape \(16, 16\)"):
            generator.apply(W, out=out)
    kept = np.empty((16, 16))
    kept.setflags(write=False)
    with pytest.raises(GridError, match="out must be an array that can be written into, but is read-only"):
        generator.apply(W, out=kept)


@pytest.mark.parametrize("time", ["x", None, 1j, math.nan])
def test_a_time_is_a_number(time):
    with pytest.raises(UsageError, match="time must be a real number or inf, but is "):
        Generator(systems.model("custom"), grid("q", "p")).apply(np.ones((16, 16)), time=time)


@pytest.mark.parametrize("W", [None, "x", 5, [[1.0], [1.0, 2.0]]])
def test_a_function_is_an_array(W):
    with pytest.raises(GridError, match=r"W must be an array of the shape \(16, 16\) of the grid, but is "):
        Generator(systems.model("custom"), grid("q", "p")).apply(W)


def test_a_generator_needs_a_system_and_a_grid():
    box, system = grid("q", "p"), systems.model("custom")
    for wrong in (None, box, "system"):
        with pytest.raises(UsageError, match=r"system must be a fpsolver\.System, but is "):
            Generator(wrong, box)
    for wrong in (None, system, (16, 16)):
        with pytest.raises(GridError, match=r"grid must be a fpsolver\.Grid, but is "):
            Generator(system, wrong)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("q", -math.inf, 9, 48), "low of axis q must be a finite real number, but is -inf"),
        (("q", -9, "a", 48), "high of axis q must be a finite real number, but is 'a'"),
        (("q", None, 9, 48), "low of axis q must be a finite real number, but is None"),
        (("q", -9, 1j, 48), "high of axis q must be a finite real number, but is 1j"),
        (("q", -9, -9, 48), r"must be \[low, high\] with low < high, but is \[-9, -9\]"),
        (("q", -1e308, 1e308, 48), r"must be \[low, high\] with low < high"),
        (("q", -9, 9, 10**30), "cells of axis q must be a whole number, at most 16777216, but is 1000"),
        (("q", -9, 9, 48.0), "cells of axis q must be a whole number, .* but is 48.0"),
        (("q", -9, 9, "48"), "cells of axis q must be a whole number, .* but is '48'"),
        (("q", -9, 9, -(10**9000)), "axis q needs at least 16 cells, but has an object of type int"),
        (("q", -9, 9, 48, "no"), "periodic of axis q must be True or False, but is 'no'"),
        ((None, -9, 9, 48), "an axis must have a name such as 'q' or 'p', but it is None"),
    ],
)
def test_axes_that_cannot_be(arguments, words):
    """Before anything is allocated."""
    with pytest.raises(GridError, match=words):
        Axis(*arguments)


@pytest.mark.parametrize("axes", [None, "qp", (), (1, 2), 5])
def test_grids_that_cannot_be(axes):
    with pytest.raises(GridError, match=r"axes must be a tuple of .*Axis objects"):
        Grid(axes)


def test_nobody_writes_into_a_grid():
    made = Grid([Axis("q", -1, 1, np.int64(16)), Axis("p", -2, 2, 16)])

    def arrays(g):
        return g.axes[0].centres, g.axes[0].faces, g.spacings, *g.coordinates

    arrays(made)
    for g in (made, copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert g == made
        assert isinstance(g.axes, tuple)
        for array in arrays(g):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 9.0


def test_a_scheme_has_the_order_of_its_flux():
    assert (Scheme().order, Scheme("chang_cooper").order, Scheme(order=np.int64(4)).order) == (8, 2, 4)
    assert Scheme("chang_cooper") == Scheme("chang_cooper", 2)
    for arguments in ({"order": 8.0}, {"order": 0}, {"order": "8"}, {"flux": []}, {"flux": None}):
        with pytest.raises(GridError, match="the scheme must be flux 'central' of order 2, 4, 6 or 8, or "):
            Scheme(**arguments)


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
        np.testing.assert_allclose(
            generator.apply(W, time=time).ravel(), frozen.to_sparse() @ W.ravel(), rtol=0, atol=1e-12
        )
    assert generator.fluxes_at(system.settled) is generator.fluxes
    first, last, largest = (bound.particles[0].bath for bound in transients.bounds(system))
    assert (first.eta, first.d_pp, first.d_qp) == (0.0, 0.0, 0.0)  # nothing has happened yet
    late = system.at(math.inf).particles[0].bath
    assert (last.eta, last.d_pp) == pytest.approx((late.eta, late.d_pp), rel=1e-12, abs=0)
    for time in (0.05, 0.5, 5.0):
        now = system.at(time).particles[0].bath
        assert abs(now.d_pp) <= 1.02 * abs(largest.d_pp)  # bounds are taken at sixty times
        assert abs(now.eta) <= 1.02 * abs(largest.eta)


# --- what limits the step --------------------------------------------------------------------------------------------


def coupled(seed, well=None):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(4, 4))
    particles = [Particle(m, well or WELL.potential, baths.Bath(eta=0.4, alpha=0.1, d_pp=0.6)) for m in (1.0, 1.6)]
    springs = (Coupling(0, 1, 0.4),)
    return System(particles, 0.9, 0.3 * rng.normal(size=(4, 4)), 0.1 * root @ root.T, springs)


@pytest.mark.parametrize("order", [2, 8])
@pytest.mark.parametrize(
    "well", [None, potentials.quartic(mass=1.0, omega=1.0, quartic=0.3)], ids=["linear", "quartic"]
)
def test_bounds_of_the_symbol_term_by_term(order, well):
    """Every term at one pair of angles, written out: sums of sines and cosines times the largest coefficients."""
    system = coupled(3, well)
    g = Grid(tuple(Axis(n, -2.0 - 0.1 * k, 2.2, 16 + k) for k, n in enumerate(("q1", "q2", "p1", "p2"))))
    fluxes = Generator(system, g, Scheme(order=order)).fluxes
    A, D = system.dissipative_drift.copy(), system.diffusion_matrix / 2
    A[:2, 2:] += np.diag(1 / system.masses)
    A[2:, :2] -= system.spring_matrix
    c, e = stencils.first_derivative(order), stencils.second_derivative(order)
    bounds = fluxes.spectrum_bounds()
    for place in ((9, 40), (33, 64), (50, 21)):
        angle = [np.linspace(0, np.pi, 65)[place[a >= 2]] for a in range(4)]
        k1 = [
            sum(2 * w * math.sin(m * t) for m, w in enumerate(c, 1)) / h for t, h in zip(angle, g.spacings, strict=True)
        ]
        k2 = [
            sum(2 * w * (1 - math.cos(m * t)) for m, w in enumerate(e, 1)) / h**2
            for t, h in zip(angle, g.spacings, strict=True)
        ]
        turn = 0.0
        for a in range(4):
            x = [np.abs(axis.centres).max() for axis in g.axes]
            i = a - 2 if a >= 2 else None
            speed = sum(abs(A[a, b]) * x[b] for b in range(4) if b != i)
            if i is not None:
                q = g.axes[i].centres
                own = A[a, i] * q - system.particles[i].potential.derivative(q)
                third = system.particles[i].potential.derivative(q, 3)
                odd3 = stencils.odd_derivative(3, order)
                k3 = sum(2 * w * math.sin(m * angle[a]) for m, w in enumerate(odd3, 1)) / g.spacings[a] ** 3
                turn += np.abs(own * k1[a] + 0.9**2 / 24 * third * k3).max()
            turn += speed * abs(k1[a])
        spread = sum(D[a, a] * k2[a] for a in range(4))
        cross = sum(2 * abs(D[a, b] * k1[a] * k1[b]) for a in range(4) for b in range(a + 1, 4))
        for (found_turn, found_damping), sign in zip(bounds, (-1, 1), strict=True):
            assert found_turn[place] == pytest.approx(turn, rel=1e-12, abs=0)
            assert found_damping[place] == pytest.approx(max(spread + sign * cross, 0.0), rel=1e-12, abs=0)


@pytest.mark.parametrize("potential", [potentials.double_well(quadratic=1.0, quartic=1.0), potentials.Cosine(0.7, 1.0)])
def test_bounds_of_chang_cooper_are_gershgorins_circles(potential):
    """In the norm sum W^2/M the matrix is skew plus symmetric; row sums of the one, a bound of the other."""
    particle = Particle(1.3, potential, baths.caldeira_leggett(mass=1.3, eta=0.5, beta=2.0))
    rings = "q" if potential.period else ""
    g = Grid((Axis("q", -math.pi, math.pi, 21, bool(rings)), Axis("p", -5.0, 5.0, 18)))
    generator = Generator(System((particle,), 0.0), g, Scheme("chang_cooper", 2))
    root = generator.fluxes.symmetriser().ravel()
    L = generator.to_sparse().toarray() * root / root[:, None]
    skew, symmetric = (L - L.T) / 2, (L + L.T) / 2
    [(turn, damping)] = generator.fluxes.spectrum_bounds()
    if not rings:  # on a ring the norm leaves M along q out
        assert turn.max() == pytest.approx(np.abs(skew).sum(axis=1).max(), rel=1e-9, abs=0)
        values = np.linalg.eigvalsh(symmetric)
        assert values.max() <= 1e-12 * damping.max()
        assert 0.5 * damping.max() <= -values.min() <= damping.max()
    assert np.abs(np.linalg.eigvals(L).imag).max() <= turn.max() * (1 + 1e-9)


def test_what_a_limited_flux_can_carry_out_of_a_cell():
    """A face holds at most 2 M_face/M_cell of either neighbour: M_i up_i = M_(i+1) down_(i+1) = 2 M_face/h."""
    particle = Particle(1.3, potentials.double_well(quadratic=1.0, quartic=1.0), BATH)
    g = Grid((Axis("q", -3.0, 3.0, 24), Axis("p", -5.0, 5.0, 18)))
    axis = Generator(System((particle,), 0.0), g, Scheme("chang_cooper", 2, "limited")).fluxes.q
    M = axis.root**2
    up, down = (chang_cooper._carried(axis, np.array([v]))[:, 0] for v in (1.0, -1.0))
    np.testing.assert_allclose(M[:-1] * up[:-1], M[1:] * down[1:], rtol=1e-12)
    energies = [(x**2 - 1) ** 2 / 4 for x in (g.axes[0].faces[1:-1], g.axes[0].centres)]
    temperature = 1 / 1.3  # d_pp/(mass eta)
    face = M.max() * np.exp((energies[1].min() - energies[0]) / temperature)
    np.testing.assert_allclose(M[:-1] * up[:-1], 2 * face / g.spacings[0], rtol=1e-12)
    assert up[-1] == down[0] == 0


@pytest.mark.parametrize("order", [2, 4, 6, 8])
@pytest.mark.parametrize("shift", [0.1, 0.5, 1.3, 2.0, 6.7])
def test_shifted_differences_of_polynomials(order, shift):
    """sum_m w_m [(x + m)^r - (x - m)^r] = (x + s)^r - (x - s)^r below the order, also for shifts of part of a cell."""
    axis = Axis("p", -8.0, 8.0, 16)
    weights = moyal._shift_weights(shift, axis, order)
    for r in range(order):
        for x in (0.0, 0.7):
            found = sum(w * ((x + m) ** r - (x - m) ** r) for m, w in weights.items())
            assert found == pytest.approx((x + shift) ** r - (x - shift) ** r, rel=1e-9, abs=1e-9)
