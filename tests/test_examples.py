"""Whole runs: rings and wells against closed forms, threads, outcomes."""

import math
import re
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

import fpsolver as fp
from fpsolver import api
from fpsolver.errors import ConfigError, GridError, UsageError
from fpsolver.planning import round_number, snapshot_times
from fpsolver.problem import initial_values
from fpsolver.simulation import simulate
from fpsolver.trajectory import Trajectory

CONFIGS = Path(__file__).parents[1] / "configs"


def outcome(config):
    """Result without turning its warnings into errors."""
    return api.run_problem(api.prepare(config))


def ring(**system):
    return fp.Config(
        units={"hbar": system.pop("hbar", 1.0)},
        system={"mass": 1.0, **system},
        initial={"kind": "uniform", "momentum_variance": 1.0},
        grid={"q": {"cells": 32, "extent": [0.0, 10.0], "boundary": "periodic"}, "p": {"cells": 96}},
        time={"tolerance": 1e-11},  # Phi is linear in what is left of the transient
        output={"every": 1.0},
    )


def test_free_ring_with_cross_diffusion():
    """The Maxwellian is stationary and J^I = 0, yet the reversible current carries 1 + beta d_qp."""
    bath = {"model": "translation_covariant", "eta": 0.5, "beta": 0.7, "d_qp": 0.2}
    result = outcome(ring(potential={"kind": "free"}, bath=bath))
    assert result.status == "steady"
    assert result.exact is None
    assert abs(result.last("entropy_production")) <= 1e-11
    assert abs(result.last("entropy_flux")) <= 1e-11
    assert result.diagnostics["diffusion_parity_residual"] == pytest.approx(0.8)
    assert not result.diagnostics["satisfies_detailed_balance"]
    p = result.grid.coordinates[1]
    W = np.sqrt(0.7 / (2 * np.pi)) * np.exp(-0.35 * p**2) / 10 + 0 * result.final.W
    np.testing.assert_allclose(result.final.J_reversible[0], p * (1 + 0.14) * W, rtol=0, atol=1e-7)
    assert np.isnan(result.series["mean"][-1][0])
    assert "ring" in result.reasons["mean"]


@pytest.mark.parametrize(("mean", "sigma"), [(5.0, 10.0), (45.0, 1.0), (-75.3, 2.0)])
def test_packets_on_a_ring_keep_their_mass_wherever_they_start(mean, sigma):
    """Mass 1 and the wrapped Gaussian's first Fourier mode, exp(-(k sigma)^2/2 + i k mean)."""
    config = ring(potential={"kind": "free"}, bath={"model": "minimally_invasive", "eta": 0.5, "beta": 0.7})
    start = {"kind": "gaussian", "mean": [mean, 0.2], "covariance": [[sigma**2, 0.0], [0.0, 1.0]]}
    problem = api.prepare(fp.Config(**{**config.model_dump(exclude_none=True), "initial": start}))
    W, k = initial_values(problem), 2 * math.pi / 10
    assert problem.grid.integrate(W) == pytest.approx(1, abs=1e-12)
    mode = problem.grid.integrate(W * np.exp(1j * k * problem.grid.coordinates[0]).real)
    assert mode == pytest.approx(math.exp(-((k * sigma) ** 2) / 2) * math.cos(k * mean), abs=1e-12)


@pytest.mark.parametrize("force", [1.0, 5.0])
def test_a_straight_line_drives_a_ring_like_a_tilt(force):
    """Pi = beta F^2/eta, and the energy leaves the tilt out."""
    bath = {"model": "caldeira_leggett", "eta": 0.5, "beta": 0.7}
    config = ring(potential={"kind": "polynomial", "coefficients": [0.0, -force]}, bath=bath, hbar=0)
    result = outcome(config.replaced(grid={"q": config.grid.q.model_dump(), "p": {"cells": 160}}))
    assert result.status == "steady"
    assert not result.warnings
    assert result.last("entropy_production") == pytest.approx(0.7 * force**2 / 0.5, rel=1e-8, abs=0)
    assert result.last("energy") == pytest.approx((1 / 0.7 + (force / 0.5) ** 2) / 2, rel=1e-8, abs=0)


@pytest.mark.slow
def test_a_deep_well_is_not_called_steady_before_the_wells_have_exchanged_anything():
    """Barrier 30 T: the motion inside the right well dies out at once, the left one stays empty for 10^13."""
    config = fp.Config(
        units={"hbar": 0},
        system={
            "mass": 1.0,
            "potential": {"kind": "double_well", "quadratic": 1.0, "quartic": 1.0},
            "bath": {"model": "caldeira_leggett", "eta": 1.0, "beta": 120.0},
        },
        initial={"kind": "gaussian", "mean": [1.0, 0.0], "covariance": [[0.005, 0.0], [0.0, 0.00833]]},
        grid={"q": {"cells": 160, "extent": [-1.7, 1.7]}, "p": {"cells": 64, "extent": [-1.0, 1.0]}},
        time={"max_time": 60.0},
        output={"every": 1.0},
    )
    assert outcome(config).status == "not_converged"


def test_an_automatic_box_needs_something_that_holds_the_particle():
    potential = {"kind": "cosine", "amplitude": 1.0, "wavenumber": 2.0, "tilt": 0.5}
    bath = {"model": "caldeira_leggett", "eta": 0.5, "beta": 0.7}
    config = short(units={"hbar": 0}, system={"mass": 1.0, "potential": potential, "bath": bath})
    with pytest.raises(GridError, match=r"needs a confining potential or a ring, but U = -cos\(2 q\) - 0.5 q"):
        api.prepare(config)


def test_endless_runs_name_the_barrier():
    bath = {"model": "caldeira_leggett", "eta": 1.0, "beta": 120.0}
    well = {"mass": 1.0, "potential": {"kind": "double_well", "quadratic": 1.0, "quartic": 1.0}, "bath": bath}
    start = {"kind": "gaussian", "mean": [1.0, 0.0], "covariance": [[0.005, 0.0], [0.0, 0.00833]]}
    deep = fp.Config(units={"hbar": 0}, system=well, initial=start)
    with pytest.raises(ConfigError, match=r"time.max_time: would take .*high barriers"):
        api.prepare(deep.replaced(time={"stepper": "rk4"}))
    plan = api.prepare(deep).plan
    assert plan.stepper == "implicit"
    assert plan.predicted < 1e5  # an hour for 4e14 units of time: steps double after 1/slowest, not after a record
    with pytest.raises(ConfigError, match="max_time: is 1, before"):
        api.prepare(short(time={"until": 2.0, "max_time": 1.0}))


def test_driven_ring():
    """A constant force F on a ring: <p> = F/eta, Pi = Phi = beta F^2/(m eta), the heat is F <p>/m, minus."""
    force, eta, beta = 0.3, 0.5, 0.7
    potential = {"kind": "cosine", "amplitude": 0.0, "wavenumber": 2 * math.pi / 10, "tilt": force}
    bath = {"model": "caldeira_leggett", "eta": eta, "beta": beta}
    result = outcome(ring(potential=potential, bath=bath, hbar=0))
    assert result.status == "steady"
    assert result.series["mean"][-1][1] == pytest.approx(force / eta, abs=1e-8)
    assert result.last("entropy_production") == pytest.approx(beta * force**2 / eta, abs=1e-8)
    assert result.last("entropy_flux") == pytest.approx(beta * force**2 / eta, abs=1e-8)
    assert result.series["heat_current"][-1][0] == pytest.approx(-(force**2) / eta, abs=1e-8)
    assert result.last("energy") == pytest.approx((1 / beta + (force / eta) ** 2) / 2, abs=1e-8)  # no tilt in it


@pytest.mark.slow
def test_classical_double_well_reaches_its_gibbs_state():
    """<q^2>, <q^4> by quadrature of exp(-beta U), detailed balance by the residual, Pi = 0; the stop is estimated."""
    beta = 1.0
    config = fp.Config(
        units={"hbar": 0},
        system={
            "mass": 1.0,
            "potential": {"kind": "double_well", "quadratic": 1.0, "quartic": 1.0},
            "bath": {"model": "caldeira_leggett", "eta": 1.0, "beta": beta},
        },
        initial={"kind": "gaussian", "mean": [0.8, 0.0], "covariance": [[0.3, 0], [0, 1.0]]},
        output={"every": 1.0},
    )
    result = outcome(config)
    assert result.status == "steady"
    q = np.linspace(-6, 6, 4001)
    weight = np.exp(-beta * (-(q**2) / 2 + q**4 / 4))
    second = (q**2 * weight).sum() / weight.sum()
    assert result.series["covariance"][-1][0, 0] == pytest.approx(second, abs=1e-7)
    assert abs(result.series["mean"][-1][0]) <= 1e-8  # the wells exchanged their probability
    assert result.series["covariance"][-1][1, 1] == pytest.approx(1 / beta, abs=1e-9)
    assert abs(result.last("entropy_production")) <= 1e-9
    assert result.diagnostics["satisfies_detailed_balance"]
    assert result.exact is None


@pytest.mark.parametrize("d_qp", [0.0, 0.2])
def test_bits_do_not_depend_on_threads(d_qp):
    """W and every series, on a grid large enough for the parallel kernels."""
    bath = {"model": "translation_covariant", "eta": 0.5, "beta": 0.7, "d_qp": d_qp}
    config = fp.Config(
        system={"mass": 1.0, "potential": {"kind": "harmonic", "omega": 1.0}, "bath": bath},
        initial={"kind": "gaussian", "mean": [1.0, 0.0], "covariance": [[0.8, 0], [0, 0.8]]},
        grid={"q": {"cells": 176}, "p": {"cells": 177}},
        time={"until": 0.2},
        output={"every": 0.1},
    )
    most, results = numba.config.NUMBA_NUM_THREADS, []
    for threads in (1, most):
        numba.set_num_threads(threads)
        results.append(outcome(config))
    numba.set_num_threads(most)
    first, second = results
    assert api.prepare(config).generator.is_parallel
    np.testing.assert_array_equal(first.final.W, second.final.W)
    np.testing.assert_array_equal(first.final.J, second.final.J)
    for name, values in first.series.items():
        np.testing.assert_array_equal(values, second.series[name], err_msg=name)


def short(**changes):
    sections = {
        "system": {
            "mass": 1.0,
            "potential": {"kind": "harmonic", "omega": 1.0},
            "bath": {"model": "minimally_invasive", "eta": 0.5, "beta": 0.7},
        },
        "initial": {"kind": "gaussian", "mean": [0.5, 0.0], "covariance": [[1.2, 0], [0, 1.2]]},
        "grid": {"q": {"cells": 48}, "p": {"cells": 48}},
        "time": {"until": 1.0},
        "output": {"every": 0.3},
    }
    return fp.Config(**{**sections, **changes})


def test_the_end_is_recorded_even_between_records():
    result = outcome(short())
    np.testing.assert_allclose(result.series["time"], [0, 0.3, 0.6, 0.9, 1.0], rtol=1e-15)
    assert result.final.time == 1.0
    assert result.snapshots.time[0] == 0.0
    assert result.snapshots.time[-1] == 1.0
    assert len(result.snapshots.time) == 11


def test_detailed_balance_is_not_judged_before_the_steady_state():
    """A free particle on the line never gets there; with d_qp line 2 is enough to say violated."""
    line = {"mass": 1.0, "potential": {"kind": "free"}}
    state = {"kind": "gaussian", "mean": [0, 0], "covariance": [[2.0, 0], [0, 1.2]]}
    bath = {"model": "minimally_invasive", "eta": 0.5, "beta": 0.7}
    found = outcome(short(system={**line, "bath": bath}, initial=state))
    assert "not known" in dict(found.summary())["detailed balance"]
    bath = {"model": "translation_covariant", "eta": 0.5, "beta": 0.7, "d_qp": 0.1}
    found = outcome(short(system={**line, "bath": bath}, initial=state))
    assert "violated" in dict(found.summary())["detailed balance"]


def test_not_converged_keeps_the_result():
    result = outcome(short(time={"until": "steady", "max_time": 2.0}))
    assert result.status == "not_converged"
    assert "larger time.max_time" in result.message
    assert result.series["time"][-1] == 2.0


def test_a_run_that_starts_steady_stops_at_once():
    V = fp.exact.steady(fp.build_system(short())).covariance
    config = short(
        initial={"kind": "gaussian", "mean": [0, 0], "covariance": V}, time={"until": "steady", "tolerance": 0.01}
    )
    result = outcome(config)
    assert result.status == "steady"
    assert result.final.time == 0.0


def test_interruption_keeps_what_was_done():
    from fpsolver.trajectory import STATUS_WORDS

    def interrupt(time, end):
        if time > 0.5:
            raise KeyboardInterrupt

    result = api.run_problem(api.prepare(short()), interrupt)
    assert result.status == "interrupted"
    assert 0 < result.final.time < 1.0
    assert len(result.series["time"]) == len(result.series["mass"])
    assert STATUS_WORDS["interrupted"] in result.message


LINES = 8  # of what adds a record


def interrupt_at(line):
    """Let an interrupt come before that line, counted from 0, of what adds the third record."""
    left = iter(range(2 * LINES + line, -1, -1))

    def trace(frame, event, _):
        if frame.f_code not in (Trajectory.add.__code__, Trajectory.complete.__code__):
            return None
        if event == "line" and next(left) == 0:
            sys.settrace(None)
            raise KeyboardInterrupt
        return trace

    sys.settrace(trace)


@pytest.mark.parametrize("line", range(LINES))
def test_an_interrupt_within_a_record_leaves_it_out_or_completes_it(line):
    """Times, records and W belong together."""
    problem = api.prepare(short())
    before = sys.gettrace()
    interrupt_at(line)
    try:
        trajectory = simulate(problem.generator, initial_values(problem), problem.plan)
    finally:
        sys.settrace(before)
    assert trajectory.status == "interrupted"
    assert len(trajectory.times) == len(trajectory.records) == (2 if line == 0 else 3)
    assert trajectory.times == sorted(set(trajectory.times))
    purity = 2 * np.pi * problem.system.hbar * problem.grid.integrate(trajectory.W**2)
    assert purity == pytest.approx(trajectory.records[-1]["purity"], rel=1e-12, abs=0)
    residual = problem.grid.integrate(np.abs(trajectory.dWdt))
    assert residual == pytest.approx(trajectory.records[-1]["residual"], rel=1e-12, abs=0)


def test_an_interrupt_before_the_first_record_is_one(monkeypatch):
    """There is nothing to keep."""

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("fpsolver.simulation.make_record", interrupt)
    with pytest.raises(KeyboardInterrupt):
        outcome(short())


def test_overflow_is_a_failure_with_a_cure():
    """An unstable step cannot be asked for; if it happens all the same, the run says so and keeps its last record."""
    problem = api.prepare(short(time={"until": 200.0}, output={"every": 1.0}))
    object.__setattr__(problem.plan.step, "limit", 40 * problem.plan.step.limit)
    object.__setattr__(problem.plan.step, "fastest", 0.0)
    with np.errstate(all="ignore"):
        result = api.run_problem(problem)
    assert result.status == "failed"
    assert "smaller time.dt" in result.message
    assert np.isfinite(result.final.W).all()


def test_printing_is_short():
    result = outcome(short())
    assert repr(result) == str(result)  # not its arrays
    for thing in (result, result.config, result.grid, fp.build_system(result.config)):
        assert 1 < len(str(thing).splitlines()) < 40
        assert thing._repr_html_().startswith("<")


@pytest.mark.slow
def test_printing_studies_is_short():
    """Numbers that answer the question, and no arrays; a mean of -0 is 0."""
    config = fp.load_config(CONFIGS / "minimally_invasive.yaml")
    steady = fp.exact.steady(fp.build_system(config))
    rows = dict(steady.summary())
    assert rows["mean"] == "[0, 0]"
    assert rows["Pi = Phi"] == "0.0153125"
    assert rows["slowest rate"] == "0.25"
    spectrum = fp.spectrum(config, 20)
    exact = "rate 0.25, frequency 0.968245837"
    assert dict(spectrum.summary())["mode 1"] == f"{exact}, exact {exact}"
    assert "8, in the attribute values" in str(spectrum)
    convergence = fp.convergence(config.replaced(time={"method": "direct"}), (48, 64))
    assert re.search(r"64 x 64 cells +W \d\.\d\de-\d\d \(\d+\.\d\d\), moments ", str(convergence))
    for thing in (steady, spectrum, convergence):
        assert repr(thing) == str(thing)
        assert "array" not in str(thing).replace("attribute", "")
        assert 1 < len(str(thing).splitlines()) < 20
        assert thing._repr_html_().startswith("<table>")


def test_what_a_long_chain_prints_is_short():
    well = {"kind": "harmonic", "omega": 1.0}
    bath = {"model": "caldeira_leggett", "eta": 0.5, "beta": 1.0}
    chain = {"length": 30, "mass": 1.0, "potential": well, "stiffness": 1.0, "left": bath, "right": bath}
    found = fp.exact.steady(fp.build_system(fp.Config(system={"chain": chain}, time={"method": "gaussian"})))
    assert len(str(found)) < 400
    assert "60 x 60" in str(found)


def test_a_configuration_that_is_set_says_how_to_replace():
    config = short()
    with pytest.raises(UsageError, match=r"cannot be set to 'x'; make another one with config\.replaced\(title='x'\)"):
        config.title = "x"
    assert config.title != "x"


def test_round_numbers_and_snapshot_times():
    assert [round_number(x) for x in (0.0007, 0.415, 3.4, 80.0)] == [0.0005, 0.5, 5.0, 100.0]
    assert snapshot_times(4, 2.0) == (0.0, 0.5, 1.0, 1.5, 2.0)
    assert snapshot_times(4, math.inf) == 4


def test_python_callers_get_sentences():
    config, system = short(), fp.build_system(short())
    grid = api.prepare(config).grid
    W = initial_values(api.prepare(config))
    for call in (fp.run, fp.build_system):
        with pytest.raises(UsageError, match="load_config"):
            call("configs/minimally_invasive.yaml")
    generator = fp.Generator(system, grid)
    for wrong in (W.tolist()[1:], W * 1j, W * np.nan, W[1:]):
        with pytest.raises(GridError, match="W must"):
            generator.apply(wrong)
    for out in (np.zeros(3), np.zeros(grid.shape, dtype=int)):
        with pytest.raises(GridError, match="out must be float64"):
            generator.apply(W, out=out)
    with pytest.raises(GridError, match=r"Scheme\(order=8\)"):
        fp.Generator(system, grid, {"order": 8})
    with pytest.raises(GridError, match="named q, p"):
        fp.Generator(system, fp.Grid((grid.axes[1], grid.axes[0])))
    for order in (0, 1, 7):
        with pytest.raises(GridError, match="order must be one of"):
            fp.thermo.entropy_production(W, system, grid, order=order)
    with pytest.raises(GridError, match="zero everywhere"):
        fp.thermo.detailed_balance_residual(0 * W, system, grid)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["exact", "states", "thermo", "plot", "Result", "Generator"])
def test_every_public_name_is_there_from_the_start(name):
    """In a process of its own: other tests would have imported what a name needs."""
    code = f"import fpsolver as fp; assert fp.{name}.__name__.endswith('{name}')"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_a_state_that_goes_around_the_ring_thousands_of_times_is_refused():
    """A deviation of 1000 lengths: 8.5 of them to both sides are 17000 turns."""
    start = {"kind": "gaussian", "mean": [0.0, 0.0], "covariance": [[1e8, 0.0], [0.0, 1.0]]}
    config = ring(potential={"kind": "free"}, bath={"model": "caldeira_leggett", "eta": 0.5, "beta": 1.0})
    problem = api.prepare(fp.Config(**{**config.model_dump(exclude_none=True), "initial": start}))
    with pytest.raises(GridError, match=r"around the ring 1700\d times; give initial: {kind: uniform"):
        api.run_problem(problem)
