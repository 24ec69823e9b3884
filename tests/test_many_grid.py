"""Several particles on grids: records against exact Gaussians, slabs against the whole, files, figures, bad input."""

import itertools
import math
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray
from matplotlib.figure import Figure

import fpsolver as fp
from fpsolver import api, autogrid, gaussian, views
from fpsolver.errors import ConfigError, GridError, NoSteadyStateError, ResourceError, UsageError
from fpsolver.evaluation import final_and_particles
from fpsolver.grid import Axis
from fpsolver.kernels.axes import PAD
from fpsolver.physics import baths, potentials
from fpsolver.physics.baths import Bath
from fpsolver.physics.states import GaussianState
from fpsolver.physics.system import Particle, System
from fpsolver.recorder import make_record, phase_space
from fpsolver.simulation import simulate
from fpsolver.stepping.explicit import RungeKutta
from fpsolver.thermo import detailed_balance, integrals, observables, several, slabs
from fpsolver.thermo.state import PhaseSpace, State

WELL = {"kind": "harmonic", "omega": 1.0}
MEAN = np.array([0.3, -0.2, 0.1, 0.4])
CONFIGS = Path(__file__).parents[1] / "configs"


def config(cells=24, *, model="minimally_invasive", potential=WELL, **sections):
    particles = [
        {"mass": m, "potential": potential, "bath": {"model": model, "eta": 0.4, "temperature": T}}
        for m, T in ((1.0, 2.0), (1.5, 0.8))
    ]
    system = {"particles": particles, "couplings": [{"between": [0, 1], "stiffness": 0.4}]}
    one = {"kind": "thermal", "beta": 1.0, "omega": 1.0}
    data = {
        "system": system,
        "initial": [{"kind": "gaussian", "mean": [0.5, 0.0], "covariance": [[1.0, 0.1], [0.1, 1.2]]}, one],
        "grid": {"q": {"cells": cells, "allow_coarse": True}, "p": {"cells": cells}},
        "time": {"until": 0.2},
        "output": {"every": 0.1, "snapshots": 1},
    }
    return fp.Config(**{**data, **sections})


@pytest.fixture(scope="module")
def problem():
    return api.prepare(config())


@pytest.fixture(scope="module")
def result(problem):
    return api.run_problem(problem)


@pytest.fixture
def state(problem):
    """A correlated Gaussian on the grid, with its moments."""
    W = GaussianState(MEAN, problem.exact.covariance(0.7)).values(problem.grid.coordinates)
    return State(W, phase_space(problem.generator))


def test_a_record_is_that_of_the_exact_gaussian(problem, state):
    """Every number of a record of a sampled Gaussian; 24 cells leave 1e-5 of the rates (differences of order 8)."""
    mean, V = observables.moments(state)
    record, _ = make_record(state, problem.generator.apply(state.W))
    exact = gaussian.records(problem.system, mean, V)
    for name in exact:
        if name not in gaussian.WITHOUT_GRID:
            np.testing.assert_allclose(record[name], exact[name], rtol=2e-4, atol=2e-4, err_msg=name)


def test_slabs_are_parts_of_the_whole(state, monkeypatch):
    """Thin slabs with halos and one slab: W to the bit, gradients and integrals to round-off."""
    whole = integrals.integrate(state, state.W, *observables.moments(state))
    monkeypatch.setattr(slabs, "SLAB_CELLS", 3 * state.grid.size // 24)
    for rows, part in slabs.slabs(state):
        np.testing.assert_array_equal(part.W, state.W[rows])
        np.testing.assert_allclose(part.gradient, state.gradient[:, rows], rtol=1e-9, atol=1e-15)  # faces' round-off
    thin = integrals.integrate(state, state.W, *observables.moments(state))
    np.testing.assert_allclose(thin.production, whole.production, rtol=1e-11)
    np.testing.assert_allclose(thin.entropy, whole.entropy, rtol=1e-13)


def test_reduced_functions_are_marginals(problem, state):
    """Reduced W of a Gaussian is the Gaussian of its block; reduced currents are integrals of the full ones."""
    mean, V = MEAN, problem.exact.covariance(0.7)
    final, particles = final_and_particles(state, 0.0)
    h, n = state.grid.spacings, 2
    for k, particle in enumerate(particles):
        on = [k, n + k]
        coordinates = np.meshgrid(*(state.grid.axes[i].centres for i in on), indexing="ij", sparse=True)
        block = GaussianState(mean[on], V[np.ix_(on, on)]).values(coordinates)
        np.testing.assert_allclose(particle.W, block, rtol=0, atol=2e-5 * block.max())  # cut at 4.9 deviations
        others = tuple(i for i in range(4) if i not in on)
        volume = np.prod(h[list(others)])
        for name, (place, i) in itertools.product(("J_reversible", "J_irreversible"), enumerate(on)):
            full = getattr(final, name)[i].sum(axis=others) * volume
            np.testing.assert_allclose(getattr(particle, name)[place], full, rtol=0, atol=1e-14)
    total = sum(float(part.production.sum() * h[k] * h[n + k]) for k, part in enumerate(particles))
    assert total == pytest.approx(state.grid.integrate(final.entropy_production_density), rel=1e-12, abs=0)


def test_a_run_follows_the_exact_moments(result):
    exact = result.exact
    np.testing.assert_allclose(
        result.series["covariance"], exact["covariance"], rtol=1e-4, atol=1e-4
    )  # cut at 4.9 deviations
    np.testing.assert_allclose(result.series["entropy_production"], exact["entropy_production"], rtol=2e-3)
    assert result.exact_error < 1e-3
    heat = result.series["heat_current"].sum(axis=1)
    energy = result.series["energy"]
    assert (energy[2] - energy[0]) / 0.2 == pytest.approx(
        (heat[0] + 4 * heat[1] + heat[2]) / 6, rel=1e-3, abs=0
    )  # Simpson


def test_grid_and_gaussian_method_agree(result):
    """The same configuration without a grid gives the same series."""
    other = api.run(config(time={"until": 0.2, "method": "gaussian"}))
    informations = ("mutual_information", "mutual_information_renyi", "purity_particle")
    for name in ("energy_particle", "temperature", "heat_current", "spring_current", *informations):
        np.testing.assert_allclose(result.series[name], other.series[name], rtol=0, atol=1e-4, err_msg=name)


def cold(noise, negative, other, d_qp=0.0):
    """Two particles on 16 cells an axis, the first with noise of q and friction of p."""
    first = Bath(eta=0.5, d_pp=noise, d_qq=0.4, d_qp=d_qp)
    particles = tuple(Particle(1.0, potentials.harmonic(mass=1.0, omega=1.0), bath) for bath in (first, other))
    grid = fp.Grid(tuple(Axis(name, -5.0, 5.0, 16) for name in ("q1", "q2", "p1", "p2")))
    W = GaussianState(np.zeros(4), np.eye(4)).values(grid.coordinates)
    return State(W - negative * W.max(), PhaseSpace(System(particles), grid, 8))


@pytest.mark.parametrize(("noise", "negative", "value"), [(0.0, 0.0, np.inf), (0.5, 1e-3, np.nan), (0.0, 1e-3, np.inf)])
def test_densities_are_no_numbers_where_pi_is_none(noise, negative, value):
    """Friction without noise, or a negative W: the channels of each particle too, and Phi with cross-diffusion."""
    d_qp = 0.2 if noise else 0.0
    state = cold(noise, negative, Bath(eta=0.5, d_pp=noise, d_qq=0.4, d_qp=d_qp), d_qp)
    final, particles = final_and_particles(state, 0.0)
    for array in (
        final.entropy_production_density,
        final.entropy_flux_density,
        *(part.production[1] for part in particles),
    ):
        np.testing.assert_array_equal(array, value)
    for part in particles:  # the channel of q has noise
        assert np.isfinite(part.production[0]).all() == (negative == 0)
        assert np.isnan(part.production[0]).all() == (negative > 0)
    density = fp.thermo.entropy_production_density(state.W, state.system, state.grid)
    np.testing.assert_array_equal(density[2:], value)
    assert np.isfinite(density[:2]).all() == (negative == 0)


@pytest.mark.parametrize("d_qp", [0.0, 0.2])
@pytest.mark.parametrize("negative", [0.0, 1e-3])
def test_friction_without_noise_is_its_own_particles_alone(negative, d_qp):
    """The other one, which no spring ties to it, has the channels that it has beside a particle with noise."""
    other = Bath(eta=0.5, d_pp=0.7, d_qq=0.2, d_qp=d_qp)
    noiseless, noisy = (make_record(state, state.W)[0] for state in (cold(d, negative, other) for d in (0.0, 0.5)))
    for name in ("entropy_production", "entropy_production_p", "entropy_flux", "entropy_flux_drift"):
        assert noiseless[name] == np.inf
    for name in ("entropy_production_particle", "entropy_flux_particle"):
        assert noiseless[name][0] == np.inf
        assert noiseless[name][1] == pytest.approx(noisy[name][1], rel=1e-13, abs=0, nan_ok=True)
    assert np.isnan(noiseless["entropy_production_particle"][1]) == (negative > 0)
    assert np.isnan(noiseless["entropy_flux_particle"][1]) == (negative > 0 and d_qp > 0)
    state = cold(0.0, negative, other)
    assert fp.thermo.entropy_flux(state.W, state.system, state.grid) == np.inf
    assert fp.thermo.entropy_production(state.W, state.system, state.grid) == np.inf


@pytest.mark.slow
def test_the_file_gives_everything_back(result, tmp_path):
    path = result.save(tmp_path / "two.h5")
    again = fp.load_result(path)
    assert again.grid.names == ("q1", "q2", "p1", "p2")
    np.testing.assert_array_equal(again.final.J, result.final.J)
    for first, second in zip(result.particles, again.particles, strict=True):
        np.testing.assert_array_equal(first.production, second.production)
    assert str(again) == str(result)
    with xarray.open_dataset(path, group="particles/2", engine="h5netcdf") as data:
        assert data["W"].dims == ("q2", "p2")
        assert data["J_reversible"].dims == ("component", "q2", "p2")
    with h5py.File(path) as file:
        assert file["profile/temperature"].shape == (2,)


def test_each_particle_as_a_result_of_its_own(result):
    """For figures: its axes are q and p, its moments the block of the whole, its W normalised."""
    parts = views.alone(result)
    assert [part.title for part in parts] == [f"{result.title}, particle {k}" for k in (1, 2)]
    for k, part in enumerate(parts):
        on = [k, 2 + k]
        assert part.grid.names == ("q", "p")
        assert part.grid.integrate(part.final.W) == pytest.approx(1.0, abs=1e-6)  # cut at 4.9 deviations
        np.testing.assert_array_equal(part.series["mean"], result.series["mean"][:, on])
        np.testing.assert_array_equal(part.exact["covariance"], result.exact["covariance"][:, on][:, :, on])
        J = result.particles[k]
        np.testing.assert_array_equal(part.final.J, J.J_reversible + J.J_irreversible)
        np.testing.assert_array_equal(part.final.entropy_production_density, J.production.sum(axis=0))


def test_one_of_two_particles_on_axes_of_ones_own(result):
    axes = Figure().subplots(1, 2)
    for k, ax in enumerate(axes):
        image = fp.plot.draw_wigner(ax, result, particle=k)
        np.testing.assert_array_equal(image.get_array(), result.particles[k].W.T)
        fp.plot.draw_current(ax, result, "irreversible", particle=k)
    with pytest.raises(UsageError, match="particle must be 0 to 1 of the 2 of this result, but is None"):
        fp.plot.draw_wigner(axes[0], result)


def test_coarse_grids_of_several_particles_are_not_refused():
    """Four axes cannot have 80 cells each: below 1.5 cells for a deviation there is a warning that means it."""
    config = fp.load_config(CONFIGS / "two_oscillators.yaml")
    problem = api.prepare(config.replaced(grid={"q": {"cells": 24}, "p": {"cells": 24}}, time={"until": 1.0}))
    assert problem.resolution.cells < 1.5
    assert "below 3 Pi has fewer than eight digits or none at all; give grid." in problem.warnings[0]


def test_the_advice_names_all_axes_that_share_the_narrowest_direction():
    """Each of six has 0.41 of it, less than half."""
    along = np.ones((6, 6)) / 6
    path = autogrid.Path(np.zeros(1), np.zeros((1, 6)), (np.eye(6) - 0.99 * along)[None])
    requests = [autogrid.AxisRequest(f"{letter}{k}", 16, (-6.0, 6.0)) for letter in "qp" for k in (1, 2, 3)]
    grid = autogrid.choose_grid(path, tuple(requests))
    found = autogrid.resolution(path, grid)
    assert found.axes == grid.names
    needed = autogrid.cells_for(16, found.cells)
    assert autogrid.cells_advice(found, grid) == f"grid.q.cells: {needed} and grid.p.cells: {needed}"
    with pytest.raises(GridError, match=r"along q1 and q2 and q3 and p1 and p2 and p3\) spans 0\.13 cells"):
        autogrid.refuse_coarse(found, grid)


# of a grid with 1.7 cells for a deviation and walls 4.2 deviations away: twice what was measured, and below a hundredth
# of what friction, noise and springs change in this time or bring about
SIX_AXES = {
    "energy": 1e-4,
    "heat_current": 1e-5,
    "spring_current": 1e-12,  # of the moments, as it is here
    "entropy_production": 1e-4,
    "entropy_flux": 1e-4,
    "entropy_rate": 4e-4,
    "mutual_information": 7e-5,
}


@pytest.mark.slow
def test_six_axes():
    """Three particles on 16 cells along each axis, 17 million cells: mass, moments and rates after some steps."""
    particles = [
        {"mass": 1.0, "potential": WELL, "bath": {"model": "caldeira_leggett", "eta": 0.4, "temperature": T}}
        for T in (0.8, 1.2, 1.8)
    ]
    one, others = np.eye(3), 1 - np.eye(3)
    start = GaussianState(
        np.array([0.1, -0.1, 0.05, -0.05, 0.1, 0.05]),
        np.block([[1.1 * one + 0.15 * others, 0.1 * one], [0.1 * one, 1.2 * one - 0.1 * others]]),
    )
    data = fp.Config(
        units={"hbar": 0},
        system={"particles": particles, "couplings": [{"between": [k, k + 1], "stiffness": 0.3} for k in range(2)]},
        initial={"kind": "gaussian", "mean": start.mean, "covariance": start.covariance},
    )
    system = fp.build_system(data)
    names = [f"{letter}{k}" for letter in "qp" for k in (1, 2, 3)]
    generator = fp.Generator(system, fp.Grid(tuple(Axis(name, -5.0, 5.0, 16) for name in names)), fp.Scheme())
    W = start.values(generator.grid.coordinates)
    mass = generator.grid.integrate(W)
    dt, steps = 0.023, 5  # nearly the longest stable ones
    padded = generator.pad(W, generator.empty_padded())
    RungeKutta(generator).advance(padded, 0.0, dt, steps)
    state = State(np.ascontiguousarray(padded[..., PAD:-PAD]), phase_space(generator))
    mean, V = observables.moments(state)
    assert generator.grid.integrate(state.W) == pytest.approx(mass, rel=1e-13, abs=0)
    exact = fp.exact.Gaussian(system, start.mean, start.covariance)
    assert np.abs(exact.covariance(dt * steps) - start.covariance).max() > 0.06
    np.testing.assert_allclose(mean, exact.mean(dt * steps), rtol=0, atol=2e-5)  # 1e-5 measured
    np.testing.assert_allclose(V, exact.covariance(dt * steps), rtol=0, atol=2e-4)  # 1.2e-4 measured
    record, _ = make_record(state, generator.apply(state.W))
    wanted = gaussian.records(system, mean, V)
    for name, atol in SIX_AXES.items():
        np.testing.assert_allclose(record[name], wanted[name], rtol=0, atol=atol, err_msg=name)


def test_anharmonic_particles_choose_a_grid():
    """Two quartic wells with a spring: a box, a rate and a plan without any exact path."""
    quartic = {"kind": "quartic", "omega": 1.0, "quartic": 0.2}
    axis = {"cells": 32, "allow_coarse": True}
    problem = api.prepare(config(potential=quartic, grid={"q": axis, "p": axis}, time={"until": "steady"}))
    assert problem.plan.decay is not None
    assert not problem.plan.decay.is_exact
    for axis, (low, high) in zip(problem.grid.axes, ((-7, 7),) * 2 + ((-25, 25),) * 2, strict=True):
        assert low < axis.low < -2
        assert 2 < axis.high < high


BAD = {
    "implicit": ({"time": {"stepper": "implicit"}}, ConfigError, "time.stepper: `implicit` needs one particle"),
    "one axis for two": (
        {"grid": {"q": [{"cells": 24}], "p": {"cells": 24}}}, ConfigError, "grid.q: must have one entry for each",
    ),
    "a ring with a spring": (
        {"grid": {"q": {"boundary": "periodic", "extent": [0, 1]}}}, ConfigError, "grid.q.boundary: `periodic` holds",
    ),
    "chang_cooper": ({"scheme": {"flux": "chang_cooper"}}, GridError, "chang_cooper takes one particle"),
    "beyond memory": (
        {"grid": {"q": {"cells": 256}, "p": {"cells": 256}}}, ResourceError, "256 x 256 x 256 x 256 cells .* GiB",
    ),
    "a free particle": (
        {"system": {"particles": [{"mass": 1.0, "potential": {"kind": "polynomial", "coefficients": [0, 0, 1, 1]},
                                   "bath": {"model": "none"}}] * 2}, "units": {"hbar": 0}},
        GridError, "needs a confining potential",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_a_sentence(name):
    changes, kind, words = BAD[name]
    with pytest.raises(kind, match=words) as found:
        api.prepare(config(**changes))
    assert found.value.exit_status == (3 if kind is ResourceError else 2)


@pytest.mark.parametrize(
    "loose",
    [
        {"kind": "free"},
        {"kind": "cosine", "amplitude": 1.0, "wavenumber": 1.0, "tilt": 0.1},
        {"kind": "polynomial", "coefficients": [0, 0, 0.5, 0.1]},
    ],
)
def test_a_particle_that_nothing_confines_runs_in_a_given_box(loose):
    """Beside a quartic one, for a time; it has no steady state."""
    bath = {"model": "caldeira_leggett", "eta": 0.5, "beta": 0.7}
    quartic = {"kind": "quartic", "omega": 1.0, "quartic": 0.5}
    particles = [{"mass": 1.0, "potential": potential, "bath": bath} for potential in (quartic, loose)]
    axis = {"cells": 16, "extent": [-7, 7], "allow_coarse": True}
    start = {"kind": "gaussian", "mean": [0, 0], "covariance": [[0.8, 0], [0, 0.8]]}
    changes = {
        "system": {"particles": particles},
        "units": {"hbar": 0},
        "initial": [start, start],
        "grid": {"q": axis, "p": axis},
    }
    assert api.prepare(config(**changes, time={"until": 0.1})).grid.shape == (16,) * 4
    with pytest.raises(NoSteadyStateError, match="does not confine its particle"):
        api.prepare(config(**changes, time={"until": "steady"}))


@pytest.mark.parametrize("time", [{"until": "steady"}, {"method": "direct"}, {"until": 0.1}])
def test_a_spring_to_a_confined_particle_confines(time):
    """A free particle tied to a quartic one: a steady state, and an automatic box around its Gibbs state."""
    bath = {"model": "caldeira_leggett", "eta": 1.0, "beta": 1.0}
    wells = ({"kind": "quartic", "omega": 0.0, "quartic": 1.0}, {"kind": "free"})
    particles = [{"mass": 1.0, "potential": potential, "bath": bath} for potential in wells]
    start = {"kind": "gaussian", "mean": [0, 0], "covariance": [[0.3, 0], [0, 1.0]]}
    changes = {
        "system": {"particles": particles, "couplings": [{"between": [0, 1], "stiffness": 1.0}]},
        "units": {"hbar": 0},
        "initial": None if "method" in time else [start, start],
        "grid": {"q": {"cells": 32, "allow_coarse": True}, "p": {"cells": 32}},
    }
    problem = api.prepare(config(**changes, time=time))
    q = np.linspace(-15, 15, 601)
    weight = np.exp(-(q[:, None] ** 4) / 4 - (q[:, None] - q) ** 2 / 2)
    for axis, density in zip(problem.grid.axes, (weight.sum(axis=1), weight.sum(axis=0)), strict=False):
        deviation = math.sqrt((density * q**2).sum() / density.sum())
        assert density[np.abs(q) > axis.high].sum() < 1e-5 * density.sum()  # boxes of 32 cells are narrow
        assert axis.high == -axis.low < 8.5 * deviation
    assert detailed_balance.has_gibbs_state(problem.system, is_ring=False)


@pytest.mark.parametrize("force", [0.5, 12.0])
def test_a_pulled_particle_on_a_spring_needs_a_box(force):
    """It pulls the confined one, too: at 12 its q has the mean 2.1, and a box around its own well ends at 1.9."""
    bath = {"model": "caldeira_leggett", "eta": 1.0, "beta": 1.0}
    wells = ({"kind": "quartic", "omega": 1.0, "quartic": 1.0}, {"kind": "polynomial", "coefficients": [0.0, -force]})
    particles = [{"mass": 1.0, "potential": potential, "bath": bath} for potential in wells]
    system = {"particles": particles, "couplings": [{"between": [0, 1], "stiffness": 1.0}]}
    direct = {"system": system, "units": {"hbar": 0}, "initial": None, "time": {"method": "direct"}}
    grid = {"q": {"cells": 20, "allow_coarse": True}, "p": {"cells": 20}}
    with pytest.raises(GridError, match=r"how far a particle with a constant force pulls .* give grid\.q\.extent"):
        api.prepare(config(**direct, grid=grid))
    given = {name: {**axis, "extent": [-9, 9 + 2 * force]} for name, axis in grid.items()}
    api.prepare(config(**direct, grid=given))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::fpsolver.FpsolverWarning")  # few cells
@pytest.mark.parametrize("time", [{"until": "steady", "tolerance": 1e-3}, {"method": "direct", "tolerance": 1e-3}])
def test_a_free_particle_on_a_spring_comes_to_rest(time):
    """At the temperature of both baths, in the Gibbs state that the spring gives it."""
    bath = {"model": "caldeira_leggett", "eta": 1.0, "beta": 1.0}
    wells = ({"kind": "quartic", "omega": 1.0, "quartic": 1.0}, {"kind": "free"})
    particles = [{"mass": 1.0, "potential": potential, "bath": bath} for potential in wells]
    start = {"kind": "gaussian", "mean": [0, 0], "covariance": [[0.15, 0], [0, 1.0]]}
    changes = {
        "system": {"particles": particles, "couplings": [{"between": [0, 1], "stiffness": 1.0}]},
        "units": {"hbar": 0},
        "initial": [start, start],
        "grid": {"q": [{"cells": 26, "allow_coarse": True}, {"cells": 20}], "p": {"cells": 20}},
    }
    result = fp.run(config(**changes, time=time))
    assert result.status == "steady"
    assert result.diagnostics["satisfies_detailed_balance"]
    # the grid is coarse, and the tolerance 1e-3
    np.testing.assert_allclose(result.last("temperature"), [1.0, 1.0], rtol=3e-3)


def test_axes_may_be_given_for_each_particle():
    grid = {"q": [{"cells": 16, "allow_coarse": True}, {"cells": 20}], "p": {"cells": 24, "extent": [-9, 9]}}
    assert api.prepare(config(grid=grid)).grid.shape == (16, 20, 24, 24)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["caldeira_leggett", "minimally_invasive"])
def test_two_oscillators_between_baths(model):
    """The shipped grid holds the steady state of either bath: second moments to 2e-6, J and Pi to 2e-5."""
    shipped = fp.load_config(CONFIGS / "two_oscillators.yaml")
    sections = shipped.model_dump(exclude_unset=True)
    for particle in sections["system"]["particles"]:
        particle["bath"]["model"] = model
    steady = fp.exact.steady(fp.build_system(fp.Config(**sections)))
    sections["initial"] = {"kind": "gaussian", "mean": [0.0] * 4, "covariance": steady.covariance}
    sections |= {"time": {"until": 1.0}, "output": {"every": 1.0, "snapshots": 1}}  # errors have settled by then
    problem = api.prepare(fp.Config(**sections))
    assert problem.grid.shape == (32,) * 4
    W = GaussianState(steady.mean, steady.covariance).values(problem.grid.coordinates)
    trajectory = simulate(problem.generator, W, problem.plan, checks=problem.checks())
    assert trajectory.warnings == {}
    last, wanted = trajectory.records[-1], gaussian.records(problem.system, steady.mean, steady.covariance)
    np.testing.assert_allclose(last["covariance"], steady.covariance, rtol=0, atol=2e-6)
    np.testing.assert_allclose(last["heat_current"], wanted["heat_current"], rtol=0, atol=2e-5)
    assert last["entropy_production"] == pytest.approx(steady.Pi, abs=2e-5)
    clausius = -float(np.sum(wanted["heat_current"] / [2.0, 0.5]))
    assert abs(last["entropy_production"] - clausius) < 2e-5 or model == "minimally_invasive"
    assert clausius == pytest.approx(steady.Pi if model == "caldeira_leggett" else 0.234058442, abs=1e-9)


def stepped(config):
    return api.run_problem(api.prepare(config))


def coupled_in_fock_space(levels, quartic, stiffness, eta, beta, until):
    """Second moments of two quartic oscillators with quantum-optical baths, by QuTiP with so many levels each."""
    import qutip

    ladder = np.diag(np.sqrt(np.arange(1, levels + 8)), 1)  # powers of q right up to the cut-off
    position, one = (ladder + ladder.T) / math.sqrt(2), qutip.qeye(levels)
    cut = [qutip.Qobj(np.linalg.matrix_power(position, k)[:levels, :levels]) for k in (1, 2, 4)]
    (q1, s1, f1), (q2, s2, f2) = ([qutip.tensor(M, one) for M in cut], [qutip.tensor(one, M) for M in cut])
    a1, a2 = qutip.tensor(qutip.destroy(levels), one), qutip.tensor(one, qutip.destroy(levels))
    p1, p2 = (1j * (a.dag() - a) / math.sqrt(2) for a in (a1, a2))
    H = a1.dag() * a1 + a2.dag() * a2 + quartic / 4 * (f1 + f2) + stiffness / 2 * (s1 + s2 - 2 * q1 * q2)
    n = 1 / math.expm1(beta)
    jumps = [math.sqrt(eta * rate) * M for a in (a1, a2) for rate, M in ((n + 1, a), (n, a.dag()))]
    start = qutip.tensor(qutip.coherent(levels, 0.7 / math.sqrt(2), method="analytic"), qutip.basis(levels, 0)).unit()
    rho = qutip.mesolve(H, start, [0, until], jumps, options={"atol": 1e-11, "rtol": 1e-9}).states[-1]
    mean = np.array([qutip.expect(M, rho) for M in (q1, q2, p1, p2)])
    second = np.array([qutip.expect(M, rho) for M in (s1, s2, q1 * q2, p1 * p2, q1 * p2)])
    return np.concatenate([mean, second])


@pytest.mark.slow
@pytest.mark.qutip
def test_coupled_anharmonic_oscillators_against_qutip():
    """Means and second moments of two quantum quartic oscillators: to the error QuTiP has at twelve levels each."""
    eta, beta, quartic, stiffness, until = 0.4, 2.0, 0.05, 0.4, 1.0
    coarse, fine = (coupled_in_fock_space(n, quartic, stiffness, eta, beta, until) for n in (12, 14))
    error = np.abs(fine - coarse).max()  # of twelve levels; that of fourteen is a sixth of it
    bath = {"model": "quantum_optical", "eta": eta, "beta": beta, "omega": 1.0}
    well = {"kind": "quartic", "omega": 1.0, "quartic": quartic}
    axis = {"cells": 32, "extent": [-5.2, 5.2], "allow_coarse": True}
    starts = [{"kind": "coherent", "q": q, "p": 0.0, "omega": 1.0} for q in (0.7, 0.0)]
    sections = {"initial": starts, "grid": {"q": axis, "p": axis}, "time": {"until": until}}
    system = {
        "particles": [{"mass": 1.0, "potential": well, "bath": bath}] * 2,
        "couplings": [{"between": [0, 1], "stiffness": stiffness}],
    }
    result = stepped(fp.Config(system=system, output={"every": until, "snapshots": 1}, **sections))
    mean = result.series["mean"][-1]
    second = result.series["covariance"][-1] + np.outer(mean, mean)
    found = np.concatenate([mean, second[[0, 1, 0, 2, 0], [0, 1, 1, 3, 3]]])
    np.testing.assert_allclose(found, fine, rtol=0, atol=error)
    without = stepped(fp.Config(system={**system, "moyal": False}, output={"every": until, "snapshots": 1}, **sections))
    assert (
        np.abs(without.series["covariance"][-1] - result.series["covariance"][-1]).max() > 10 * error
    )  # 14: quantum terms are seen


def crossed(negative=False):
    """Two particles with cross-diffusion of their own on 16^4 cells, product Gaussian; or a W with a negative part."""
    bath = baths.Bath(eta=0.4, d_qq=0.3, d_pp=0.8, d_qp=0.2)
    well = potentials.harmonic(mass=1.0, omega=1.0)
    system = System(2 * [Particle(1.0, well, bath)], 1.0)
    grid = fp.Grid(tuple(Axis(name, -4.5, 4.5, 16) for name in ("q1", "q2", "p1", "p2")))
    W = GaussianState(np.zeros(4), np.eye(4)).values(grid.coordinates)
    W = W * (1 + grid.coordinates[0] * grid.coordinates[2]) if negative else W
    return State(W, PhaseSpace(system, grid))


def test_densities_of_two_particles_add_up_to_their_rates():
    """With cross-diffusion: the density of Phi holds both parts, with the full currents kept or not."""
    state = crossed()
    sums = integrals.integrate(state, -state.W, *observables.moments(state))
    found = several.fields(state, keep_currents=True)
    assert state.grid.integrate(found.production) == pytest.approx(sums.production.sum(), rel=1e-12, abs=0)
    assert state.grid.integrate(found.flux) == pytest.approx(
        sums.flux_drift.sum() + sums.flux_cross.sum(), rel=1e-12, abs=0
    )
    assert sums.flux_cross.sum() == pytest.approx(0.0, abs=1e-10)  # <p q> of a product of symmetric Gaussians
    tilted = State(state.W * np.exp(-0.3 * state.grid.coordinates[0] * state.grid.coordinates[2]), state.space)
    sums = integrals.integrate(tilted, -tilted.W, *observables.moments(tilted))
    assert abs(sums.flux_cross.sum()) > 0.1
    found = several.fields(tilted, keep_currents=False)
    assert found.J_reversible is None
    assert tilted.grid.integrate(found.flux) == pytest.approx(
        sums.flux_drift.sum() + sums.flux_cross.sum(), rel=1e-12, abs=0
    )


def test_what_two_particles_do_not_have_where_w_is_negative():
    state = crossed(negative=True)
    sums = integrals.integrate(state, -state.W, *observables.moments(state))
    assert sums.negativity > 1e-2
    for name in ("production", "entropy", "entropy_rate", "tail", "flux_cross"):
        assert np.isnan(getattr(sums, name)).all(), name
    assert np.isfinite(sums.flux_drift).all()
