"""Shapes of quantum steady states in anharmonic wells, decay-rate estimates and their refusals."""

import dataclasses
import math

import numpy as np
import pytest

import fpsolver as fp
from fpsolver.errors import NoSteadyStateError, UsageError
from fpsolver.physics import baths, potentials, springs, timescales, wells
from fpsolver.physics.system import Coupling, Particle, System
from tests import systems

NEARLY = potentials.quartic(mass=1.7, omega=0.6, quartic=1e-7)  # a harmonic well that counts as anharmonic


def damped(eta=1e-3, potential=NEARLY, hbar=0.8, **options):
    bath = baths.brownian(model="x", mass=1.7, hbar=0.8, eta=eta, beta=2.0)
    return System((Particle(1.7, potential, bath),), hbar, **options)


def test_shape_of_a_well_that_is_nearly_harmonic():
    """Weak damping: the Gaussian of the Lyapunov equation ends at sqrt(2 ln 1e14) deviations, and is its finest scale.

    Ends are points of the Fourier grid, a tenth of a deviation apart; scales are maxima over its wave numbers.
    """
    shape = wells.weakly_damped(damped())
    harmonic = damped(potential=potentials.harmonic(mass=1.7, omega=0.6))
    sigma = np.sqrt(np.diag(systems.lyapunov(harmonic)))
    reach = math.sqrt(2 * math.log(1 / wells.TAIL))
    for (low, high), deviation in zip((shape.q, shape.p), sigma, strict=True):
        assert low == pytest.approx(-high, rel=1e-9, abs=0)
        assert reach * deviation <= high <= reach * deviation + 0.5 * deviation
    np.testing.assert_allclose(shape.finest, sigma, rtol=0.02)


def test_strong_damping_widens_the_shape():
    """Position noise in a stiff momentum bath: q is hotter than the mean of both; the box holds the linear solution."""
    weak, strong = damped(1e-3), damped(3.0)
    one, other = (wells.weakly_damped(system) for system in (weak, strong))
    V = systems.lyapunov(damped(3.0, potentials.harmonic(mass=1.7, omega=0.6)))
    reach = math.sqrt(2 * math.log(1 / wells.TAIL))
    assert other.q[1] >= reach * math.sqrt(V[0, 0])
    assert other.p[1] >= reach * math.sqrt(V[1, 1])
    assert other.q[1] > 1.1 * one.q[1]
    assert other.q[0] == pytest.approx(-other.q[1], rel=1e-9, abs=0)


def test_shape_of_a_double_well():
    """Both wells are inside, symmetric, and the fringes of the lowest states are finer than the wells are wide."""
    potential = potentials.double_well(quadratic=1.0, quartic=0.4)
    shape = wells.weakly_damped(damped(potential=potential))
    assert shape.q[0] == pytest.approx(-shape.q[1], rel=1e-9, abs=0)
    assert shape.q[1] > math.sqrt(1 / 0.4) + 2
    assert shape.finest[1] < shape.p[1] / 8


def test_what_has_no_quantum_shape():
    nothing = {
        "classical": damped(hbar=0.0),
        "without quantum terms": damped(moyal=False),
        "undamped": System((Particle(1.7, NEARLY, baths.none()),), 0.8),
        "harmonic": damped(potential=potentials.harmonic(mass=1.7, omega=0.6)),
        "not confining": damped(potential=potentials.Polynomial((0.0, 0.0, 1.0, 0.1))),
        "several": System(2 * damped().particles, 0.8),
        "too many levels": System(damped().particles, 1e-3),
    }
    for name, system in nothing.items():
        assert wells.weakly_damped(system) is None, name
    assert wells.weakly_damped(damped()) is not None


def test_populations_of_jumps_in_balance():
    """R_nm = exp(-(E_n - E_m)/2T) leaves exp(-E/T) alone; jumps that never happen decide nothing."""
    E = np.array([0.3, 1.0, 1.9, 2.2])
    found = wells._stationary(np.exp(-(E[:, None] - E) / (2 * 0.7)))
    np.testing.assert_allclose(found, np.exp(-E / 0.7) / np.exp(-E / 0.7).sum(), rtol=1e-12)
    assert wells._stationary(np.zeros((3, 3))) is None


# --- estimates of rates ----------------------------------------------------------------------------------------------


def particle(potential, eta=0.5, beta=2.0, mass=1.0):
    return Particle(mass, potential, baths.caldeira_leggett(mass=mass, eta=eta, beta=beta))


DOUBLE = potentials.double_well(quadratic=1.0, quartic=0.25)  # barrier 1, curvature 2 in its wells


def test_rates_of_several_particles():
    """The slowest small motion times exp(-highest barrier/T); the hottest bath counts."""
    pair = System((particle(DOUBLE), particle(potentials.harmonic(mass=1.0, omega=3.0), beta=4.0)), 0.0)
    estimate = timescales.slowest_rate(pair, None)
    assert not estimate.is_exact
    assert estimate.value == pytest.approx(0.25 * math.exp(-2.0), rel=1e-9, abs=0)
    assert timescales.effective_temperature(pair) == pytest.approx(0.5)
    tied = dataclasses.replace(pair, couplings=(Coupling(0, 1, 0.2),))
    assert timescales.slowest_rate(tied, None).value == pytest.approx(0.25 * math.exp(-2.0), rel=1e-2, abs=0)


def test_barriers_that_are_never_crossed_count_as_forty_temperatures():
    """exp(-40) = 4e-18: beyond it the estimate only says that nothing will happen."""
    high = potentials.double_well(quadratic=40.0, quartic=1.0)  # barrier 400
    one = System((particle(high),), 0.0)
    assert timescales.slowest_rate(one, None).value == pytest.approx(0.25 * math.exp(-40), rel=1e-9, abs=0)
    pair = System((particle(high), particle(DOUBLE)), 0.0)
    assert timescales.slowest_rate(pair, None).value == pytest.approx(0.25 * math.exp(-40), rel=1e-9, abs=0)


CLASSICAL_QUARTIC = {
    "mass": 1.0,
    "potential": {"kind": "quartic", "omega": 1.0, "quartic": 0.3},
    "bath": {"model": "caldeira_leggett", "eta": 0.5, "beta": 1.0},
}


def in_a_well(p_axis, q=0.0, cells=96):
    """Problem of a classical quartic well at T = 1 with a given axis of p; start of thermal width in p at q."""
    return fp.prepare(
        fp.Config(
            units={"hbar": 0},
            system=CLASSICAL_QUARTIC,
            initial={"kind": "gaussian", "mean": [q, 0.0], "covariance": [[0.5, 0.0], [0.0, 1.0]]},
            grid={"q": {"cells": cells}, "p": p_axis},
            time={"until": 1.0},
        )
    )


def test_the_resolution_of_wells_counts_their_thermal_width():
    """<p^2> = m T: 34 cells on [-8, 8] are 2.125 for a deviation, at every time; told, but no reason to refuse."""
    problem = in_a_well({"cells": 34, "extent": [-8, 8]})
    found = problem.resolution
    assert found.cells == pytest.approx(34 / 16)
    assert (found.axes, found.time, found.is_coarse) == (("p",), math.inf, True)
    assert (
        "in the steady state the thermal width of the stiffest well (along p) spans 2.12 cells; below 4.5"
        in (problem.warnings[0])
    )
    assert "give grid.p.cells: 96" in problem.warnings[0]  # 6 cells for the width of 1
    assert in_a_well({"cells": 96, "extent": [-8, 8]}).warnings == ()
    with pytest.raises(fp.FpsolverError, match=r"spans 1\.43 cells, and at least 1\.5 are needed"):
        in_a_well({"cells": 23, "extent": [-8, 8]})


def test_the_estimate_of_a_rate_is_no_result():
    """It is right in its order of magnitude only: files and tables have NaN, and where the rate is to be had."""
    config = fp.Config(
        units={"hbar": 0},
        system=CLASSICAL_QUARTIC,
        grid={"q": {"cells": 64, "extent": [-5, 5]}, "p": {"cells": 64, "extent": [-7, 7]}},
        time={"method": "direct"},
    )
    found = fp.run(config).diagnostics
    assert math.isnan(found["slowest_rate"])
    assert "`fpsolver spectrum` finds it" in found["slowest_rate_reason"]


def test_walls_are_counted_in_thermal_deviations():
    """Of <p^2> = m T = 1 as far as 36 T reach; how far the start swings first is no reason to refuse a box."""
    assert in_a_well({"cells": 128, "extent": [-5, 5]}, q=3.0).grid.axes[1].high == 5
    with pytest.raises(fp.FpsolverError, match=r"a wall is only about 3\.5 standard deviations"):
        in_a_well({"cells": 128, "extent": [-3.5, 3.5]}, q=3.0)


@pytest.mark.slow
def test_walls_in_the_thin_tails_of_a_quantum_well():
    """Position diffusion makes <p^2> twice m T and tails thinner still: 5.5 deviations away, and refused as 3.4."""
    well = {"kind": "polynomial", "coefficients": [0, 0.2, 0.41, 0.05, 0.12]}
    bath = {"model": "custom", "eta": 0.6, "alpha": 0.1, "xi": 0.07, "d_qq": 0.25, "d_pp": 1.1, "d_qp": 0.15}
    config = fp.Config(
        units={"hbar": 0.6},
        system={"mass": 1.7, "potential": well, "bath": bath},
        grid={"q": {"extent": [-6, 6]}, "p": {"extent": [-10, 10]}},
        time={"method": "direct"},
    )
    wide = fp.run(config.replaced(grid={"q": {"extent": "auto"}, "p": {"extent": "auto"}}))
    assert 10 / math.sqrt(wide.last("covariance")[1, 1]) > 5.4
    assert [(axis.low, axis.high) for axis in fp.prepare(config).grid.axes] == [(-6, 6), (-10, 10)]


@pytest.mark.slow
def test_the_box_of_a_driven_ring_holds_locked_and_running_states():
    """At weak friction both exist; a box around the drift alone left 5e-8 at its edge, where 1e-9 gives a warning."""
    well = {"kind": "cosine", "amplitude": 1.0, "wavenumber": 1.0, "tilt": 0.5}
    config = fp.Config(
        units={"hbar": 0},
        system={"mass": 1.0, "potential": well, "bath": {"model": "caldeira_leggett", "eta": 0.1, "beta": 2.0}},
        grid={"q": {"cells": 64, "extent": [-math.pi, math.pi], "boundary": "periodic"}},
        time={"method": "direct"},
    )
    result = fp.run(config)
    assert result.last("edge_mass") < 1e-13
    assert result.warnings == []


def test_rates_in_a_corrugated_ring():
    """The smaller of the rate in the well and that of spreading around the ring, times exp(-2 amplitude/T)."""
    ring = System((particle(potentials.Cosine(0.6, 1.0)),), 0.0)
    spreading = 0.5 / 0.5 * (2 * math.pi / 50) ** 2  # D_pp/(m eta)^2 k^2 with D_pp = m eta T
    found = timescales.slowest_rate(ring, 50.0)
    assert found.value == pytest.approx(spreading * math.exp(-1.2 / 0.5), rel=1e-12, abs=0)
    assert timescales.slowest_rate(ring, 1.0).value == pytest.approx(0.25 * math.exp(-2.4), rel=1e-12, abs=0)
    steep = System((particle(potentials.Cosine(0.1, 1.0, 0.3)),), 0.0)  # no well is left
    assert timescales.slowest_rate(steep, 1.0).value == pytest.approx(0.5 * math.exp(-0.2 / 0.5), rel=1e-12, abs=0)


def test_temperatures_that_estimates_use():
    """1/beta, hbar omega/2 of the deepest well, d_pp/(m damping): whichever is largest."""
    cold = System((particle(DOUBLE, beta=100.0),), 1.0)
    assert timescales.effective_temperature(cold) == pytest.approx(math.sqrt(2) / 2)  # omega^2 = 2
    bath = baths.Bath(eta=0.5, alpha=-0.1, xi=0.2, d_pp=3.0)
    assert timescales.effective_temperature(System((Particle(1.5, DOUBLE, bath),), 0.0)) == pytest.approx(
        3 / (1.5 * 0.7)
    )
    assert timescales.effective_temperature(System((Particle(1.0, potentials.free(), baths.none()),), 1.0)) == 0.0


@pytest.mark.parametrize(
    ("particles", "length", "words"),
    [
        ((particle(potentials.Polynomial((0.0, 0.0, 1.0, 0.1))),), None, "potential does not confine the particle"),
        ((Particle(1.0, DOUBLE, baths.none()),), None, "nothing damps the momentum"),
        (
            (particle(DOUBLE), particle(potentials.Polynomial((0.0, 0.0, 1.0, 0.1)))),
            None,
            "a potential does not confine",
        ),
        ((Particle(1.0, DOUBLE, baths.none()), Particle(1.0, DOUBLE, baths.none())), None, "nothing damps the motion"),
        ((Particle(1.0, potentials.Cosine(1.0, 1.0), baths.none()),), 10.0, "nothing damps the momentum"),
    ],
)
def test_systems_that_never_settle_say_so(particles, length, words):
    with pytest.raises(NoSteadyStateError, match=words):
        timescales.slowest_rate(System(particles, 0.0), length)


def test_rates_of_small_motions():
    """Fastest modulus and slowest positive decay; growing motions around a barrier do not count."""
    fastest, slowest = timescales.linear_rates(System((particle(DOUBLE),), 0.0))
    assert fastest == pytest.approx(math.sqrt(2))  # |lambda|^2 = det A = omega^2
    assert slowest == pytest.approx(0.25)
    barrier = System((particle(potentials.Polynomial((0.0, 0.0, -0.5))),), 0.0)  # lambda = -0.25 +- sqrt(0.0625 + 1)
    fastest, slowest = timescales.linear_rates(barrier)
    assert fastest == pytest.approx(0.25 + math.sqrt(1.0625))
    assert slowest == fastest
    assert timescales.linear_rates(System((Particle(1.0, DOUBLE, baths.none()),), 0.0))[1] == 0.0


class Tweezer:
    """U = -depth exp(-q^2/2): the trap of a focused beam, with an edge."""

    depth = 24.0

    def energy(self, q):
        return -self.depth * np.exp(-(q**2) / 2)

    def derivative(self, q, order=1):
        e = self.depth * np.exp(-(q**2) / 2)
        return {1: q * e, 2: (1 - q**2) * e, 3: (q**3 - 3 * q) * e, 5: (10 * q**3 - q**5 - 15 * q) * e}[order]


@pytest.mark.slow
@pytest.mark.parametrize("start", [None, [0.1, 0.0]], ids=["direct", "stepping"])
def test_a_well_with_an_edge_runs_in_a_given_box(start):
    """Closed box: exp(-H/T) within it. Without a box there is none to be found."""
    sections = {
        "units": {"hbar": 0.0},
        "system": {
            "mass": 1.0,
            "potential": Tweezer(),
            "bath": {"model": "caldeira_leggett", "eta": 1.0, "beta": 1.0},
        },
        "grid": {"q": {"cells": 192, "extent": [-3.0, 3.0]}, "p": {"cells": 96, "extent": [-8.0, 8.0]}},
    }
    if start is None:
        sections["time"] = {"method": "direct"}
    else:
        sections["time"] = {"until": 0.5}
        sections["initial"] = {"kind": "gaussian", "mean": start, "covariance": [[0.1, 0.0], [0.0, 1.0]]}
    result = fp.run(fp.Config(**sections))
    if start is None:
        q, p = result.grid.coordinates
        gibbs = np.exp(-Tweezer().energy(q) - p**2 / 2)
        gibbs /= result.grid.integrate(gibbs)
        np.testing.assert_allclose(result.final.W, gibbs, rtol=0, atol=1e-6 * gibbs.max())  # 4 cells for a deviation
    else:
        assert result.status == "finished"
    loose = {"q": {"cells": 192, "extent": [-3.0, 3.0]}, "p": {"cells": 64}}
    with pytest.raises(UsageError, match=r"give grid\.q\.extent and grid\.p\.extent"):
        fp.prepare(fp.Config(**{**sections, "grid": loose}))


@pytest.mark.parametrize(
    ("others", "ties", "expected"),
    [
        ((), (), (True,)),
        ((potentials.free(),), (), (True, False)),
        ((potentials.free(),), ((0, 1, 1.0),), (True, True)),
        ((potentials.free(), potentials.Cosine(1.0, 1.0, 0.3)), ((0, 1, 1.0), (1, 2, 0.2)), (True, True, True)),
        ((potentials.free(), potentials.free()), ((1, 2, 1.0),), (True, False, False)),  # tied to one another alone
        ((potentials.free(), potentials.free()), ((0, 2, 1.0),), (True, False, True)),
        ((potentials.free(),), ((0, 1, -1.0),), (True, False)),
        ((potentials.Polynomial((0.0, 0.0, -0.4)),), ((0, 1, 1.0),), (True, True)),
        ((potentials.Polynomial((0.0, 0.0, -0.6)),), ((0, 1, 1.0),), (True, False)),  # -1.2 against a spring of 1
        ((potentials.Polynomial((0.0, 0.0, 1.0, 0.1)),), ((0, 1, 9.0),), (True, False)),  # no spring holds a cubic
        (
            (potentials.free(), potentials.Polynomial((0.0, 0.0, 1.0, 0.1))),
            ((0, 1, 1.0), (1, 2, 1.0)),
            (True, False, False),
        ),
    ],
)  # fmt: skip
def test_which_particles_are_held(others, ties, expected):
    """By their own potential, or by springs to others that are held."""
    particles = tuple(particle(potential) for potential in (DOUBLE, *others))
    system = System(particles, 0.0, couplings=tuple(Coupling(*spring) for spring in ties))
    assert tuple(springs.held(system)) == expected
    if len(others) and all(expected):
        assert timescales.slowest_rate(system, None).value > 0
    elif len(others):
        with pytest.raises(NoSteadyStateError, match="does not confine its particle, nor do springs to others"):
            timescales.slowest_rate(system, None)


@pytest.mark.parametrize("loose", [potentials.Polynomial((0.0, -0.3)), potentials.Cosine(0.2, 3.0, 0.3)])
def test_how_far_a_spring_lets_a_particle_go(loose):
    """Outermost q2 with U(q1) + V(q2) + k (q1 - q2)^2 / 2 below an energy, from a fine mesh of both positions."""
    stiffness, energy, force = 0.8, 9.0, 0.3
    system = System((particle(DOUBLE), particle(loose)), 0.0, couplings=(Coupling(1, 0, stiffness),))
    q1, q2 = np.linspace(-6, 6, 801)[:, None], np.linspace(-14, 14, 1401)
    corrugation = loose.energy(q2) + force * q2
    # the rest of the tilt is a shift of the spring: it pulls at the well, too, which is left aside
    spring = stiffness / 2 * (q1 - q2 + force / stiffness) ** 2
    above = DOUBLE.energy(q1) - DOUBLE.energy(DOUBLE.minima()[0]) + corrugation - corrugation.min() + spring
    inside = q2[(above <= energy).any(axis=0)]
    ((low, high),) = springs.Tether(system).reach(energy)
    # a cell of the mesh, 20 shares of the energy, and a corrugation that is added where it may be in the way
    assert (inside[0], inside[-1]) == pytest.approx((low, high), rel=0.03, abs=0.02)
    assert low < inside[0] + 0.02
    assert high > inside[-1] - 0.02


def test_the_energy_of_a_start_on_springs():
    """Of the stretched spring and of the motion, six deviations from the means."""
    system = System((particle(DOUBLE), particle(potentials.free())), 0.0, couplings=(Coupling(0, 1, 0.8),))
    mean, deviations = np.array([1.0, 4.0, 0.0, -2.0]), np.array([0.3, 0.2, 0.5, 0.1])
    found = springs.Tether(system).start_energy(mean, np.diag(deviations**2))
    assert found == pytest.approx(0.8 * (3 + 1.2) ** 2 / 2 + (2 + 0.6) ** 2 / (2 * system.masses[1]), rel=1e-12, abs=0)
