"""Chang-Cooper fluxes: sampled Gibbs states do not move, W stays positive, second order, and what is refused."""

import math
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import fpsolver as fp
from fpsolver import api, assembly
from fpsolver.errors import ConfigError, GridError, StabilityError
from fpsolver.generator import Generator, Scheme
from fpsolver.grid import Axis, Grid
from fpsolver.kernels.axes import PAD
from fpsolver.physics import baths, potentials
from fpsolver.physics.system import Particle, System
from fpsolver.recorder import phase_space
from fpsolver.steady import null_vector
from fpsolver.stepping.explicit import RungeKutta, choose_step, stable_step
from fpsolver.thermo import entropy, faces
from fpsolver.thermo.state import State
from tests import systems

CHOICES = ("central", "limited")
BETA = 2.0
WELLS = {
    "double well": (potentials.double_well(quadratic=1.0, quartic=1.0), 3.2, False),
    "quartic": (potentials.quartic(mass=1.3, omega=0.8, quartic=0.4), 4.0, False),
    "asymmetric": (potentials.Polynomial((0.0, 0.1, -0.6, 0.05, 0.3)), 3.0, False),
    "harmonic": (potentials.harmonic(mass=1.3, omega=0.9), 5.0, False),
    "cosine ring": (potentials.Cosine(0.7, 1.0), math.pi, True),
}


def generator_of(system, grid, reversible="central"):
    return Generator(system, grid, Scheme("chang_cooper", 2, reversible))


def box(q, p, cells=(64, 64), periodic=False):
    return Grid((Axis("q", -q, q, cells[0], periodic), Axis("p", -p, p, cells[1])))


def well(name, eta=0.5, cells=(64, 64)):
    """Caldeira-Leggett in a potential, and its sampled Gibbs state exp(-beta H) of mass one."""
    potential, reach, periodic = WELLS[name]
    mass = 1.3
    system = System((Particle(mass, potential, baths.caldeira_leggett(mass=mass, eta=eta, beta=BETA)),), 0.0)
    grid = box(reach, 7.0, cells, periodic)
    q, p = grid.coordinates
    W = np.exp(-BETA * (p**2 / (2 * mass) + potential.energy(q) - potential.energy(q).min()))
    return system, grid, W / grid.integrate(W)


def largest_term(generator, W):
    """Of the four differences of face fluxes that dW/dt consists of, the largest entry."""
    fluxes = generator.fluxes
    terms = [np.abs(fluxes.p.speeds * W).max() / fluxes.q.axis.spacing, np.abs(fluxes.p.leaving * W).max()]
    return max(*terms, np.abs(fluxes.q.speeds[:, None] * W).max() / fluxes.p.axis.spacing)


def production(generator, W):
    return sum(entropy.production_parts(State(W, phase_space(generator))))


@pytest.mark.slow
@pytest.mark.parametrize("reversible", CHOICES)
@pytest.mark.parametrize("name", WELLS)
def test_sampled_gibbs_states_do_not_move(name, reversible):
    """max |dW/dt| at 1e-13 of the largest term, Pi at 1e-12; their energies alone carry 40 round-offs."""
    system, grid, W = well(name)
    generator = generator_of(system, grid, reversible)
    assert np.abs(generator.apply(W)).max() <= 1e-13 * largest_term(generator, W)
    assert 0 <= production(generator, W) <= 1e-12
    moved = W * (1 + 0.1 * np.sin(grid.coordinates[0]))
    assert np.abs(generator.apply(moved)).max() >= 1e-3 * largest_term(generator, W)


@pytest.mark.parametrize("units", systems.UNITS, ids=["ones", "units"])
@pytest.mark.parametrize("name", ["symmetry_broken_db", "position_friction_db", "quantum_optical"])
def test_fine_tuned_models_are_balanced_exactly(name, units):
    """Detailed balance with position diffusion: the sampled Gaussian exp(-x V^-1 x / 2) is stationary, too."""
    system = systems.model(name, **units)
    V = systems.lyapunov(system)
    grid = box(*(8.5 * np.sqrt(np.diag(V))))
    q, p = grid.coordinates
    W = np.exp(-(q**2) / (2 * V[0, 0]) - p**2 / (2 * V[1, 1]))
    W /= grid.integrate(W)
    for reversible in CHOICES:
        generator = generator_of(system, grid, reversible)
        assert np.abs(generator.apply(W)).max() <= 1e-13 * largest_term(generator, W)
        assert production(generator, W) <= 1e-12


def narrow(grid, sigma=0.3, q0=0.5):
    q, p = grid.coordinates
    W = np.exp(-((q - q0) ** 2 + p**2) / (2 * sigma**2))
    return W / grid.integrate(W)


def steps_from(generator, W, count, part=0.96):
    """W after each of so many steps."""
    padded = generator.pad(W, generator.empty_padded())
    stepper, dt = RungeKutta(generator), part * stable_step(generator)
    for k in range(count):
        stepper.advance(padded, k * dt, dt, 1)
        yield padded[:, PAD:-PAD]


@pytest.mark.slow
def test_central_face_values_contract_to_equilibrium():
    """sum W^2/M never rises over 10^4 steps, where M > 1e-290; W does become negative, which is why it is watched."""
    system, grid, M = well("double well")
    generator = generator_of(system, grid)
    last, lowest = np.inf, 0.0
    for W in steps_from(generator, narrow(grid), 10_000):
        size = float((W * (W / M)).sum())
        assert size <= last * (1 + 1e-14)
        last, lowest = size, min(lowest, W.min() / W.max())
    assert -1e-2 < lowest < -1e-9


@pytest.mark.slow
def test_limited_face_values_keep_w_positive():
    """At each of 10^4 steps, at 96 % of the limit."""
    system, grid, _ = well("double well")
    generator = generator_of(system, grid, "limited")
    assert min(W.min() for W in steps_from(generator, narrow(grid), 10_000)) >= 0.0


@pytest.mark.slow
@given(arrays(float, (16, 18), elements=st.just(0.0) | st.floats(1e-9, 1)), st.sampled_from(sorted(WELLS)))
@settings(max_examples=60, deadline=None)
def test_limited_steps_keep_any_w_positive_and_its_mass(W, name):
    system, grid, _ = well(name, cells=(16, 18))
    generator = generator_of(system, grid, "limited")
    mass = W.sum()
    for stepped in steps_from(generator, W, 5):
        assert stepped.min() >= 0.0
        assert abs(stepped.sum() - mass) <= 1e-13 * max(mass, 1e-300)


def test_stages_keep_the_mass_exactly():
    """Keep and carry of each stage add up to 1 as binary numbers: 1/3 and 2/3 leave -6e-17 in each of 10^5 steps."""
    system, grid, _ = well("double well", cells=(24, 24))
    stages = RungeKutta(generator_of(system, grid, "limited"))._stages
    assert [Fraction(keep) + Fraction(carry) for keep, carry, _ in stages] == [1, 1, 1, 1]


def test_more_than_the_limit_makes_w_negative():
    """The limit is of the right size: three times it and a full cell among empty ones overshoots."""
    system, grid, _ = well("double well", cells=(24, 24))
    generator = generator_of(system, grid, "limited")
    lowest = 0.0
    for index in np.ndindex(24, 24):
        W = np.zeros(grid.shape)
        W[index] = 1.0
        lowest = min(lowest, next(steps_from(generator, W, 1, part=3.0)).min())
    assert lowest < -1e-3


@pytest.mark.slow
@pytest.mark.parametrize("reversible", CHOICES)
def test_a_run_reaches_equilibrium(reversible, tmp_path):
    """From a narrow Gaussian to the Gibbs state of the double well: Pi <= 1e-12, W as sampled; the file says how."""
    config = fp.Config(
        units={"hbar": 0},
        system={
            "mass": 1.0,
            "potential": {"kind": "double_well", "quadratic": 1.0, "quartic": 1.0},
            "bath": {"model": "caldeira_leggett", "eta": 0.5, "beta": 2.0},
        },
        initial={"kind": "gaussian", "mean": [0.5, 0.0], "covariance": [[0.09, 0], [0, 0.09]]},
        grid={"q": {"cells": 64, "allow_coarse": True}, "p": {"cells": 64}},
        scheme={"flux": "chang_cooper", "reversible": reversible},
    )
    result = api.run_problem(api.prepare(config))
    assert result.status == "steady"
    assert result.last("entropy_production") <= 1e-12
    assert result.diagnostics["satisfies_detailed_balance"]
    q, p = result.grid.coordinates
    M = np.exp(-2 * (p**2 / 2 - q**2 / 2 + q**4 / 4))
    assert result.grid.integrate(np.abs(result.final.W - M / result.grid.integrate(M))) <= 1e-8
    assert (result.series["negativity"].max() > 1e-9) == (reversible == "central")
    assert any("W is negative" in text and "min W" in text for text in result.warnings) == (reversible == "central")
    again = fp.load_result(result.save(tmp_path / "run.h5"))
    assert again.config.scheme.reversible == reversible
    assert "Chang-Cooper" in str(again)


@pytest.mark.parametrize("name", ["double well", "cosine ring"])
def test_matrix_and_kernel_are_the_same_operator(name):
    system, grid, _ = well(name, cells=(21, 26))
    generator = generator_of(system, grid)
    W = np.random.default_rng(1).normal(size=grid.shape)
    expected = (generator.to_sparse() @ W.ravel()).reshape(grid.shape)
    np.testing.assert_allclose(generator.apply(W), expected, rtol=0, atol=1e-12 * np.abs(expected).max())
    assert np.abs(generator.to_sparse().sum(axis=0)).max() <= 1e-12 * np.abs(generator.to_sparse()).max()
    with pytest.raises(GridError, match="limited fluxes depend on W"):
        generator_of(system, grid, "limited").to_sparse()


def test_matrices_of_a_long_axis_are_sparse_all_the_way():
    """Of all cells with all cells one would take 128 MB."""
    system, grid, _ = well("harmonic", cells=(64, 4000))
    axis = generator_of(system, grid).fluxes.p
    tracemalloc.start()
    for matrix in assembly._face_matrices(axis):
        assert 0 < matrix.nnz <= 3 * 4000
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()


@pytest.mark.slow
def test_parallel_kernel_gives_the_same_bits():
    system, grid, W = well("quartic", cells=(45, 40))
    for reversible in CHOICES:
        serial, parallel = generator_of(system, grid, reversible), generator_of(system, grid, reversible)
        parallel.is_parallel = True
        W = W + 0.3 * np.roll(W, 3, axis=0)
        assert np.array_equal(serial.apply(W), parallel.apply(W))
        padded = [g.pad(W, g.empty_padded()) for g in (serial, parallel)]
        for g, state in zip((serial, parallel), padded, strict=True):
            RungeKutta(g).advance(state, 0.0, 1e-3, 4)
        assert np.array_equal(*padded)


@pytest.mark.parametrize("name", ["minimally_invasive", "quantum_optical", "caldeira_leggett"])
def test_second_order_in_the_steady_state(name):
    """Covariance and Pi against Lyapunov; models without balance have an error to fall by four."""
    system = systems.model(name)
    V = systems.lyapunov(system)
    exact = fp.exact.steady(system).Pi
    errors = []
    for cells in (48, 96):
        generator = generator_of(system, box(*(7.0 * np.sqrt(np.diag(V))), (cells, cells)))
        W = null_vector(generator).W
        found = fp.thermo.moments(W, system, generator.grid)[1]
        errors.append([np.abs(found - V).max(), abs(production(generator, W) - exact)])
    coarse, fine = np.array(errors)
    if name == "minimally_invasive":
        assert 1.8 <= np.log2(coarse / fine).min() <= np.log2(coarse / fine).max() <= 2.3
        assert fine[1] <= 0.02 * exact  # 4.6 cells per 10 % of a deviation: no false position diffusion
    else:  # sampled Gaussians: the moments of a cut Gaussian, 1e-10 at 7 deviations
        assert max(coarse.max(), fine.max()) <= 1e-9


@pytest.mark.parametrize("reversible", CHOICES)
def test_second_order_on_the_way(reversible):
    """L1 error of W at t = 1 against the exact Gaussian under refinement; a limiter clips extrema, which costs some."""
    system = systems.model("caldeira_leggett")
    mean, V = systems.gaussian_path(system, np.array([1.0, 0.0]), 0.8 * np.eye(2), 1.0)
    errors = []
    for cells in (64, 128):
        grid = box(9.0, 9.0, (cells, cells))
        x = np.stack(np.broadcast_arrays(*grid.coordinates))

        def gaussian(centre, covariance, x=x, grid=grid):
            shifted = x - centre[:, None, None]
            W = np.exp(-np.einsum("iab,ij,jab->ab", shifted, np.linalg.inv(covariance), shifted) / 2)
            return W / grid.integrate(W)

        generator = generator_of(system, grid, reversible)
        W = generator.pad(gaussian(np.array([1.0, 0.0]), 0.8 * np.eye(2)), generator.empty_padded())
        steps = math.ceil(1 / (0.9 * stable_step(generator)))
        RungeKutta(generator).advance(W, 0.0, 1 / steps, steps)
        errors.append(grid.integrate(np.abs(W[:, PAD:-PAD] - gaussian(mean, V))))
    order = math.log2(errors[0] / errors[1])
    assert {"central": 1.9, "limited": 1.6}[reversible] <= order <= 2.4


def test_a_spring_of_the_bath_belongs_to_the_well():
    """Sampled exp(-beta (H + k q^2/2)) is stationary for a Caldeira-Leggett bath that pulls with -k q."""
    mass, eta, k = 1.3, 0.5, 0.7
    bath = baths.Bath(eta=eta, d_pp=mass * eta / BETA, stiffness=k)
    system = System((Particle(mass, potentials.harmonic(mass=mass, omega=0.9), bath),), 0.0)
    grid = box(5.0, 7.0)
    q, p = grid.coordinates
    W = np.exp(-BETA * (p**2 / mass + (mass * 0.81 + k) * q**2) / 2)
    generator = generator_of(system, grid)
    assert np.abs(generator.apply(W)).max() <= 1e-13 * largest_term(generator, W)


def test_currents_of_faces_are_those_of_the_equation_to_second_order():
    """J^R = (p/m, -m omega^2 q) W and J^I = -(eta p + D_pp d_p) W, -D_qq d_q W, of a displaced Gaussian."""
    mass, omega, bath = 1.3, 0.9, baths.Bath(eta=0.5, d_qq=0.2, d_pp=0.6)
    system = System((Particle(mass, potentials.harmonic(mass=mass, omega=omega), bath),), 1.0)
    V = np.array([[1.1, 0.3], [0.3, 0.9]])
    errors = []
    for cells in (48, 96):
        grid = box(8.0, 8.0, (cells, cells))
        fluxes = generator_of(system, grid).fluxes
        q, p = grid.coordinates
        x = np.stack(np.broadcast_arrays(q - 0.4, p + 0.3))
        W = np.exp(-np.einsum("imn,ij,jmn->mn", x, np.linalg.inv(V), x) / 2)
        W_q, W_p = -np.einsum("ij,jmn->imn", np.linalg.inv(V), x) * W
        wanted = {
            faces.reversible_current: np.stack([p / mass * W, -mass * omega**2 * q * W]),
            faces.irreversible_current: np.stack([-0.2 * W_q, -0.5 * p * W - 0.6 * W_p]),
        }
        errors.append([np.abs(current(W, fluxes) - J).max() / np.abs(J).max() for current, J in wanted.items()])
    assert max(errors[1]) <= 0.012  # found 0.0075 and 0.0099: a third of (h/sigma)^2 = 0.03
    np.testing.assert_allclose(np.log2(np.divide(*errors)), 2, rtol=0, atol=0.15)


@pytest.mark.slow
def test_currents_and_densities_belong_to_the_series():
    """J = J^R + J^I, the densities sum to Pi and Phi, and both agree with central differences to second order."""
    system = systems.model("minimally_invasive")
    V = systems.lyapunov(system)
    found = {}
    for flux in ("central", "chang_cooper"):
        config = fp.Config(
            system={
                "mass": 1.0,
                "potential": {"kind": "harmonic", "omega": 1.0},
                "bath": {"model": "minimally_invasive", "eta": 0.5, "beta": 0.7},
            },
            initial={"kind": "gaussian", "mean": [1, 0], "covariance": V.tolist()},
            scheme={"flux": flux},
            time={"until": 0.5},
        )
        found[flux] = result = api.run_problem(api.prepare(config))
        final, integrate = result.final, result.grid.integrate
        np.testing.assert_allclose(final.J, final.J_reversible + final.J_irreversible, rtol=0, atol=1e-15)
        for name in ("production", "flux"):
            density = getattr(final, f"entropy_{name}_density")
            assert integrate(density) == pytest.approx(result.last(f"entropy_{name}"), abs=1e-12)
    central, balanced = found["central"], found["chang_cooper"]
    # Pi = Phi = 0.0783; h^2 leaves 1.2e-4, 3.1e-4 and 1.7e-4, and 0.5 and 1.3 % of the currents
    for name, error in {"entropy_production": 2e-4, "entropy_flux": 4e-4, "entropy_rate": 3e-4}.items():
        assert balanced.last(name) == pytest.approx(central.last(name), abs=error)
    for part, share in {"J_reversible": 0.007, "J_irreversible": 0.017}.items():
        reference = getattr(central.final, part)
        assert np.abs(getattr(balanced.final, part) - reference).max() <= share * np.abs(reference).max()


@pytest.mark.slow
def test_a_driven_ring_agrees_with_central_differences():
    """Tilted cosine: there is no global reference state, only a local one; Pi to second order."""
    sections = {
        "units": {"hbar": 0},
        "system": {
            "mass": 1.0,
            "potential": {"kind": "cosine", "amplitude": 1.0, "wavenumber": 1.0, "tilt": 0.5},
            "bath": {"model": "caldeira_leggett", "eta": 1.0, "beta": 1.0},
        },
        "time": {"method": "direct"},
    }
    found = []
    for cells, scheme in ((96, {}), (96, {"flux": "chang_cooper"}), (192, {"flux": "chang_cooper"})):
        q = {"cells": cells, "extent": [-math.pi, math.pi], "boundary": "periodic"}
        config = fp.Config(**sections, grid={"q": q, "p": {"cells": cells}}, scheme=scheme)
        found.append(api.run_problem(api.prepare(config)).last("entropy_production"))
    exact, coarse, fine = found
    assert abs(fine - exact) <= 3e-3 * exact
    assert 3.5 <= (coarse - exact) / (fine - exact) <= 4.5


@pytest.mark.parametrize(
    ("bath", "words"),
    [
        ({"eta": 0.5, "d_qq": 0.1, "d_pp": 0.7, "d_qp": 0.1}, "no cross-diffusion"),
        ({"eta": 0.5, "d_pp": 0.7, "alpha": -0.1}, "friction without noise"),
        ({"eta": 0.0, "d_pp": 0.7}, "needs friction and noise"),
        ({"eta": 0.5, "d_pp": 0.0}, "needs friction and noise"),
    ],
)
def test_systems_it_does_not_fit_are_refused(bath, words):
    system = systems.oscillator(baths.Bath(**bath))
    with pytest.raises(GridError, match=words):
        generator_of(system, box(5.0, 5.0))


def test_a_grid_that_overflows_is_refused():
    system = System(
        (Particle(1.0, potentials.Polynomial((0, 0, 0, 0, 100.0)), baths.caldeira_leggett(mass=1, eta=1, beta=10)),),
        hbar=0.0,
    )
    with pytest.raises(GridError, match="rises by more than 300 temperatures"):
        generator_of(system, box(9.0, 5.0))


def test_steps_beyond_the_positive_limit_are_refused():
    system, grid, _ = well("harmonic")
    generator = generator_of(system, grid, "limited")
    with pytest.raises(StabilityError, match="keeps W >= 0"):
        choose_step(generator, 1.01 * stable_step(generator), end=1.0)


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"scheme": {"flux": "chang_cooper", "order": 4}}, "of order 2"),
        ({"scheme": {"reversible": "limited"}}, "belongs to flux: chang_cooper"),
        ({"scheme": {"flux": "chang_cooper", "reversible": "upwind"}}, "`central` or `limited`"),
        (
            {"scheme": {"flux": "chang_cooper", "reversible": "limited"}, "time": {"method": "direct"}},
            "needs a linear scheme",
        ),
    ],
)
def test_settings_that_contradict_each_other(sections, words):
    system = {
        "mass": 1.0,
        "potential": {"kind": "harmonic", "omega": 1.0},
        "bath": {"model": "caldeira_leggett", "eta": 0.5, "beta": 0.7},
    }
    with pytest.raises(ConfigError, match=words):
        fp.Config(system=system, initial={"kind": "thermal", "beta": 1.0, "omega": 1.0}, **sections)
    for arguments in (("chang_cooper", 8), ("central", 8, "limited"), ("upwind", 2)):
        with pytest.raises(GridError, match="must be"):
            Scheme(*arguments)


QUARTIC = {
    "units": {"hbar": 0},
    "system": {
        "mass": 1.4,
        "potential": {"kind": "quartic", "omega": 1.0, "quartic": 0.4},
        "bath": {"model": "caldeira_leggett", "eta": 0.5, "beta": 0.7},
    },
    "initial": {"kind": "gaussian", "mean": [1.1, -0.4], "covariance": [[0.9, 0.1], [0.1, 0.8]]},
    "grid": {"q": {"cells": 80, "extent": [-6, 6]}, "p": {"cells": 80, "extent": [-9, 9]}},
    "scheme": {"flux": "chang_cooper"},
    "time": {"until": 0.2},
    "output": {"every": 0.05},
}


def test_far_starts_as_wide_as_equilibrium_are_taken():
    """Eight deviations from the well: sum W^2/M lets W rise by 1e14, and it does not rise at all."""
    system = {
        "mass": 1.0,
        "potential": {"kind": "harmonic", "omega": 1.0},
        "bath": {"model": "caldeira_leggett", "eta": 0.5, "beta": 1.0},
    }
    start = {"kind": "gaussian", "mean": [8, 0], "covariance": [[1, 0], [0, 1]]}
    scheme, box = {"flux": "chang_cooper"}, {"cells": 96}
    config = fp.Config(
        units={"hbar": 0}, system=system, initial=start, scheme=scheme, grid={"q": box, "p": box}, time={"until": 0.5}
    )
    result = api.run_problem(api.prepare(config))
    assert result.status == "finished"
    assert result.series["negativity"].max() <= 1e-9  # 8e-11 on the way to t = 5 on 160^2 cells, 1e-18 here


@pytest.mark.slow
def test_a_run_that_must_stay_positive_and_does_not_has_failed():
    """Linear fluxes from wide tails: the run ends, says what helps, and keeps the records before."""
    result = api.run_problem(api.prepare(fp.Config(**QUARTIC)))
    assert result.status == "failed"
    assert "although the system is classical" in result.message
    assert "give scheme.reversible: limited" in result.message
    assert len(result.series["time"]) >= 1
    assert result.series["negativity"].max() <= 0.1
    assert np.isfinite(result.final.W).all()
    assert not any("cells: " in text for text in result.warnings)  # cures of what is no coarse grid
