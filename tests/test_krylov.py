"""The steady state of several particles by GMRES: against Gibbs states, spectra of one particle, stepping, Lyapunov."""

import dataclasses
import math

import numba
import numpy as np
import pytest

import fpsolver as fp
from fpsolver import api, costs, krylov, memory
from fpsolver.errors import ConvergenceError, GridError, NoSteadyStateError, ResourceError, UsageError
from fpsolver.grid import Axis, Grid
from fpsolver.physics.states import GaussianState
from fpsolver.physics.timescales import escape_rate
from fpsolver.planning import choose_method, long_warning
from fpsolver.steady import smooth
from fpsolver.thermo.integrals import _precision

WELL = {"kind": "double_well", "quadratic": 1.0, "quartic": 0.25}
QUARTIC = {"kind": "quartic", "omega": 1.0, "quartic": 0.1}
OSCILLATOR = {"kind": "harmonic", "omega": 1.0}
STEPPING = {"method": "stepping", "tolerance": 1e-8}
START = {"kind": "gaussian", "mean": [0.3, 0.0], "covariance": [[0.8, 0.0], [0.0, 0.5]]}


def two(
    potential=QUARTIC, temperatures=(0.9, 0.6), stiffness=0.3, cells=(16, 16), extents=(4.5, 5.0),
    model="caldeira_leggett", hbar=0.0, **sections,
):  # fmt: skip
    """Two particles in the same potential between two baths; without an initial state, which none of this needs."""
    particles = [
        {"mass": 1.0, "potential": potential, "bath": {"model": model, "eta": 1.0, "temperature": T}}
        for T in temperatures
    ]
    couplings = [{"between": [0, 1], "stiffness": stiffness}] if stiffness else []
    axes = [{"cells": n, "extent": [-x, x], "allow_coarse": True} for n, x in zip(cells, extents, strict=True)]
    data = {
        "units": {"hbar": hbar},
        "system": {"particles": particles, "couplings": couplings},
        "grid": {"q": axes[0], "p": axes[1]},
        "time": {"method": "direct", "tolerance": 1e-8},
    }
    return fp.Config(**{**data, **sections})


def run(config):
    return api.run_problem(api.prepare(config))


def distance(a, b):
    """L1 distance of states of mass one."""
    return float(np.abs(a / a.sum() - b / b.sum()).sum())


@pytest.mark.slow
def test_uncoupled_particles_are_products_of_gibbs_states():
    """Each at its own temperature, though the search starts from the hotter one for both: 0.3 away.

    16 cells, two for a deviation, leave 7e-3.
    """
    config = two(temperatures=(1.5, 1.0), stiffness=0.0, extents=(4.6, 6.5))
    result = run(config)
    q, p = (result.grid.axes[a].centres for a in (0, 2))
    energy = api.build_system(config).particles[0].potential.energy(q)[:, None] + p**2 / 2
    product = np.einsum("ac,bd->abcd", *(np.exp((energy.min() - energy) / T) for T in (1.5, 1.0)))
    assert result.status == "steady"
    assert result.series["time"].tolist() == [math.inf]
    assert distance(krylov.start(api.prepare(config).generator), product) > 0.1
    assert distance(result.final.W, product) < 1e-2


@pytest.mark.slow
def test_the_same_state_as_by_stepping():
    """Springs, quantum terms, two temperatures, from two starts: both stop at an L1 distance of 1e-8, estimated.

    Baths with position diffusion: without it, what alternates from cell to cell along q is conserved.
    """
    config = two(model="minimally_invasive", hbar=0.6)
    stepped, solved = run(config.replaced(initial=[START, START], time=STEPPING)), run(config)
    assert stepped.status == solved.status == "steady"
    assert distance(stepped.final.W, solved.final.W) < 2e-8
    assert solved.provenance["steps"] < 0.75 * stepped.provenance["steps"]


def slowest_of_one(T, grid):
    """Rate at which the wells of one particle level out: eigenvalue of its matrix on these cells.

    Of smooth modes; modes that alternate from cell to cell mean nothing.
    """
    bath = {"model": "caldeira_leggett", "eta": 1.0, "temperature": T}
    system = {"mass": 1.0, "potential": WELL, "bath": bath}
    one = fp.Config(units={"hbar": 0.0}, system=system, grid=grid, time={"method": "direct"})
    generator = api.prepare(one).generator
    values, modes = np.linalg.eig(generator.to_sparse().toarray())
    for k in np.argsort(-values.real):
        mode = np.abs(modes[:, k].real.reshape(generator.grid.shape))
        if (
            values[k].real < -1e-9
            and np.abs(smooth(modes[:, k].real.reshape(generator.grid.shape))).sum() > 0.7 * mode.sum()
        ):
            return -values[k].real
    raise AssertionError


@pytest.mark.slow
def test_slow_wells_take_no_lifetime(monkeypatch):
    """Both particles start on the left; the slower one is found to change its well at the rate that it has alone."""
    temperatures = (0.4, 0.35)
    config = two(WELL, temperatures, stiffness=0.0, extents=(4.0, 3.8))
    problem = api.prepare(config)
    rate = min(slowest_of_one(T, config.grid.model_dump()) for T in temperatures)
    left = GaussianState(np.array([-1.4, -1.4, 0.0, 0.0]), np.diag([0.5, 0.5, 0.4, 0.4]))
    monkeypatch.setattr(krylov, "start", lambda g: left.values(g.grid.coordinates))
    solved = krylov.null_vector(problem.generator, 1.0, 1e-8, 1e4, lambda _: None)
    assert solved.rate == pytest.approx(rate, rel=0.01, abs=0)  # of 20 directions; 0.2 % measured
    assert solved.time < 0.2 * math.log(1e8) / rate  # 78 instead of 556
    for axis in (0, 1):
        left_half = np.moveaxis(solved.W, axis, 0)[:8].sum() * problem.grid.volume
        assert left_half == pytest.approx(0.5, abs=1e-3)


@pytest.mark.slow
def test_moments_of_oscillators():
    """Against Lyapunov, to what 24 cells leave: 3e-5."""
    config = two(OSCILLATOR, (1.0, 0.6), 0.5, cells=(24, 24), extents=(5.0, 5.5))
    solved = run(config)
    V = fp.exact.steady(api.build_system(config)).covariance
    np.testing.assert_allclose(solved.series["covariance"][-1], V, rtol=0, atol=5e-5)
    np.testing.assert_allclose(solved.exact["covariance"][-1], V, rtol=0, atol=1e-12)


@pytest.mark.slow
def test_bits_do_not_depend_on_threads():
    problem, found = api.prepare(two()), []
    for count in (1, numba.config.NUMBA_NUM_THREADS):
        numba.set_num_threads(count)
        found.append(krylov.null_vector(problem.generator, 0.5, 1e-3, 1e4, lambda _: None).W)
    np.testing.assert_array_equal(*found)


def test_what_check_and_auto_say():
    """Slow wells are worth it, oscillators that are already fast are not; a time to end has no steady state."""
    slow = two(WELL, (0.2, 0.15), time={"until": "steady", "method": "auto"}, initial=[START, START])
    problem = api.prepare(slow)
    assert problem.plan.method == "direct"
    assert "s directly" in problem.plan.why
    stepped = api.prepare(slow.replaced(time={"method": "stepping", "max_time": 50.0}))
    assert stepped.plan.method == "stepping"
    decay = stepped.plan.decay
    assert choose_method(slow, problem.generator, 1e-9, decay)[0] == "stepping"
    assert choose_method(slow, problem.generator, 1e9, None) == ("stepping", "auto: time.until is a time")
    long = dataclasses.replace(stepped.plan, predicted=1e4)
    assert "give time.method: direct, which takes about" in long_warning(stepped.generator, long)


def test_what_cannot_be(monkeypatch):
    """No memory for the directions; no spectrum of several particles."""
    problem = api.prepare(two())
    cells = problem.grid.size
    monkeypatch.setattr(memory, "available", lambda: 3e8 + costs.STILL_TO_LOAD + 8.0 * 35 * cells)
    with pytest.raises(ResourceError, match=r"with what time\.method: direct keeps needs about .* GiB"):
        api.prepare(two())
    monkeypatch.undo()
    with pytest.raises(UsageError, match="a spectrum needs one particle, and there are 2"):
        fp.spectrum(two())


def cold_wells(T, eta=1.0):
    """Wells at T beside a hot oscillator, which the estimate of the slowest rate goes by."""
    config = two(WELL, (T, 1.0), stiffness=0.0, extents=(4.5, 5.0), initial=[START, START])
    system = config.model_dump()["system"]
    hot = {"mass": 1.0, "potential": OSCILLATOR, "bath": {"model": "custom", "eta": eta, "d_pp": 1.0}}
    system["particles"][1] = hot
    return config.replaced(system=system)


def test_the_rate_is_that_of_cold_wells():
    """Else what the tolerance allows hides wrong populations; wells that exchange nothing are refused, not by auto."""
    problem = api.prepare(cold_wells(0.1))
    estimate, rate = problem.plan.decay.value, escape_rate(fp.physics.timescales.alone(problem.system, 0))
    assert krylov.safe_rate(problem.system, estimate) == rate < estimate / 5
    divided = cold_wells(0.01)
    with pytest.raises(ConvergenceError, match="several states are stationary: wells level out at the rate"):
        run(divided)
    stepped = api.prepare(divided.replaced(time={"method": "auto", "max_time": 1.0}))
    assert stepped.plan.method == "stepping"
    assert "wells level out too slowly" in stepped.plan.why


def test_growing_oscillations_have_no_steady_state():
    """A null vector there is, but nothing that a run would reach."""
    with pytest.raises(NoSteadyStateError, match="small oscillations grow at the rate 0\\.15"):
        api.prepare(cold_wells(0.4, eta=-0.3))


def test_states_between_the_cells():
    """A sentence; and no inverse of a covariance that has none."""
    with pytest.raises(GridError, match="the steady state falls between the cells"):
        run(two(OSCILLATOR, temperatures=(1e-6, 1e-6)))
    box = Grid((Axis("q", -1.0, 1.0, 16), Axis("p", -1.0, 1.0, 16)))
    assert _precision(np.diag([1.0, 0.0]), box) is None


def test_null_vectors_that_grow_are_refused(monkeypatch):
    """Coarse grids have modes that grow, which a combination of states can make stationary all the same."""
    generator, cycle = api.prepare(two()).generator, krylov._cycle
    monkeypatch.setattr(krylov, "_cycle", lambda *arguments: (cycle(*arguments)[0], -0.1))
    with pytest.raises(ConvergenceError, match=r"a mode grows at the rate 0\.1, on a grid too coarse"):
        krylov.null_vector(generator, 0.5, 1e-1, 1e4, lambda _: None)


def test_what_grows_has_a_negative_rate():
    """Of 1 - P: an eigenvalue 1 - exp(-rate T)."""
    H = np.diag([1 - math.exp(0.2), 0.5])
    assert krylov._slowest(H, 2.0) == pytest.approx(-0.1)


def test_a_start_that_does_not_change():
    """Nothing to be combined, and no division by its size."""

    class Still:
        window = 1.0

        def change(self, W):
            return np.zeros_like(W)

    W, rate = krylov._cycle(Still(), np.ones((2, 2)), 3, 0.1)
    np.testing.assert_array_equal(W, 1.0)
    assert rate == 0


def test_auto_counts_all_memory(monkeypatch):
    """As what is refused does: arrays of any run besides the directions."""
    slow = two(WELL, (0.2, 0.15), time={"until": "steady", "method": "auto"}, initial=[START, START])
    problem = api.prepare(slow)
    monkeypatch.setattr(memory, "available", lambda: costs.direct_bytes(problem.generator) * 1.5)
    assert choose_method(slow, problem.generator, 1e9, problem.plan.decay)[1].endswith("but too little memory")


@pytest.mark.slow
def test_too_little_time_keeps_what_was_found():
    config = two(time={"method": "direct", "tolerance": 1e-8, "max_time": 1.0})
    result = run(config)
    assert result.status == "not_converged"
    assert "its distance to the steady state is about" in result.message
    assert "give a larger time.max_time, or" in result.message
    assert result.final.W.sum() * result.grid.volume == pytest.approx(1, abs=1e-12)


@pytest.mark.slow
def test_progress_and_interruption():
    """Told of the time that was stepped through; what it raises ends the search."""
    seen = []

    def look(time, end):
        seen.append((time, end))
        if len(seen) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        api.run_problem(api.prepare(two()), look)
    assert [time for time, _ in seen] == sorted(time for time, _ in seen)
    assert seen[0][0] > 0
    assert seen[0][1] > 1
