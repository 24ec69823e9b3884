"""Every stepper against exact states that nothing damps, or hardly; the rules of their steps; where a run stops."""

import math
from dataclasses import replace

import numpy as np
import pytest

import fpsolver as fp
from fpsolver import api, costs, krylov
from fpsolver.physics import baths, potentials, states
from fpsolver.physics.motion import rates_of_motion
from fpsolver.physics.system import Particle, System
from fpsolver.physics.timescales import linear_rates
from fpsolver.simulation import has_settled, next_stop
from fpsolver.snapshots import SnapshotKeeper
from fpsolver.stepping.explicit import StepSize
from fpsolver.stepping.magnus import MagnusStepSize
from fpsolver.stepping.rational import ERROR_CONSTANT, ImplicitStepSize
from fpsolver.trajectory import Plan, Trajectory
from tests import systems

TURN, LONG = 2 * math.pi, 200 * math.pi
NONE = {"model": "none"}
HARMONIC = {"kind": "harmonic", "omega": 1.0}
QUARTIC = {"kind": "quartic", "omega": 1.0, "quartic": 0.05}
COHERENT = {"kind": "coherent", "q": 1.0, "p": 0.0, "omega": 1.0}
CAT = {"kind": "cat", "separation": 3.0, "phase": 0.0, "omega": 1.0}
CASES = {"coherent": (HARMONIC, COHERENT), "cat": (HARMONIC, CAT), "quartic": (QUARTIC, COHERENT)}
RULES = {
    "explicit": lambda end, slowest: StepSize(10.0, end, 1.0, slowest),
    "implicit": lambda end, slowest: ImplicitStepSize(10.0, end, 1.0, slowest),
    "magnus": lambda end, slowest: MagnusStepSize(StepSize(5.0, end, 1.0, slowest)),
}


def prepared(potential, initial, until, stepper, bath=NONE, cells=48):
    box = {"cells": cells, "extent": [-5.5, 5.5]}
    config = fp.Config(
        system={"mass": 1.0, "potential": potential, "bath": bath},
        initial=initial,
        grid={"q": box, "p": box},
        time={"until": until, "stepper": stepper},
    )
    return api.prepare(config)


def first_turn(problem, until=TURN):
    """One turn with the steps of a longer run."""
    return api.run_problem(replace(problem, plan=replace(problem.plan, until=until, every=until / 4, snapshots=1)))


@pytest.fixture
def free_factors(monkeypatch):
    """With this ``auto`` takes implicit steps for every long run."""
    monkeypatch.setattr(costs, "factoring_seconds", lambda _: 0.0)
    monkeypatch.setattr(costs, "solving_seconds", lambda _: 0.0)


@pytest.mark.slow
@pytest.mark.usefixtures("free_factors")
@pytest.mark.parametrize("stepper", ["rk4", "taylor8", "implicit", "auto"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_nothing_damps_the_first_turn_of_a_long_run(stepper, case):
    """One turn out of a hundred: purity 1, and W of order 8; in a harmonic well back where it began."""
    problem = prepared(*case, LONG, stepper)
    assert problem.plan.stepper == ("implicit" if stepper == "auto" else stepper)
    result, reference = first_turn(problem), first_turn(prepared(*case, TURN, "taylor8"))
    grid = problem.grid
    # second moments are asked to 2e-9; what turns n times as fast has (n/2)^4 of it, or more: 1e-7 with rk4
    assert grid.integrate(np.abs(result.final.W - reference.final.W)) <= 3e-7
    assert result.series["purity"] == pytest.approx(np.ones(5), rel=3e-9, abs=0)
    np.testing.assert_allclose(result.series["mean"], reference.series["mean"], rtol=0, atol=2e-8)
    if problem.system.is_quadratic:
        start = problem.state.values(grid.coordinates)
        # dispersion of the grid: 4e-4 and 6e-3
        assert grid.integrate(np.abs(result.final.W - start)) <= 1e-2


@pytest.mark.parametrize(
    ("bath", "until"),
    [(NONE, 2000 * math.pi), ({"model": "custom", "eta": 0.0, "d_pp": 1e-4}, 4000.0)],
    ids=["none", "noise"],
)
def test_auto_does_not_take_long_steps_where_nothing_damps(bath, until):
    """It took 200 to 324 implicit steps of 20."""
    problem = prepared(HARMONIC, COHERENT, until, "auto", bath)
    assert problem.plan.stepper == "taylor8"
    step = prepared(HARMONIC, COHERENT, until, "implicit", bath).plan.step
    # the decay that the step makes of a turn at 2 omega, to the end; steps are limit/2^k, and 2^5 = 32
    assert 2e-9 / 33 <= abs(ERROR_CONSTANT) * 2**6 * step.at(0.0) ** 5 * until <= 2e-9
    assert step.reconsider_at(0.0) == math.inf


@pytest.mark.slow
@pytest.mark.usefixtures("free_factors")
@pytest.mark.parametrize("eta", [1e-4, 1e-3, 0.1])
@pytest.mark.parametrize("until", [50.0, 1000.0, "steady"])
def test_weakly_damped_transients_are_right_with_implicit_steps(eta, until):
    """Moments of the first turn against the exact ones, whatever comes after it; the grid leaves 2e-7."""
    bath = {"model": "caldeira_leggett", "eta": eta, "beta": 1.0}
    problem = prepared(HARMONIC, COHERENT, until, "implicit", bath)
    series = first_turn(problem, 2.0).series
    mean, covariance = problem.exact.moments(series["time"])
    np.testing.assert_allclose(series["mean"], mean, rtol=0, atol=5e-7)
    np.testing.assert_allclose(series["covariance"], covariance, rtol=0, atol=5e-7)


@pytest.mark.slow
def test_implicit_steps_see_what_turns_above_the_bottom_of_a_well():
    """Nothing turns at the bottom of q^4: steps by the rates there were 16 times as long, and 1e-2 wrong."""
    potential = {"kind": "polynomial", "coefficients": [0.0, 0.0, 0.0, 0.0, 0.05]}
    bath = {"model": "caldeira_leggett", "eta": 0.1, "beta": 1.0}
    implicit, explicit = (
        first_turn(prepared(potential, COHERENT, 20.0, s, bath, 40), 5.0) for s in ("implicit", "taylor8")
    )
    for name in ("mean", "covariance"):
        # 2e-9 of second moments at one rate; higher energies turn faster
        np.testing.assert_allclose(implicit.series[name], explicit.series[name], rtol=0, atol=1e-7)


def test_rates_of_motion_grow_with_the_energy():
    """Bottom of the well where it is harmonic; A for q^4/4 at the energy of q = A; 2 pi p/(m L) around a ring."""
    system = systems.model("caldeira_leggett")
    hot = states.gaussian([3.0, 4.0], 0.1 * np.eye(2))
    assert rates_of_motion(system, hot, (-9.0, 9.0), on_ring=False) == linear_rates(system)
    point = states.gaussian([0.0, 8.0], 1e-12 * np.eye(2))
    well = System((Particle(1.0, potentials.Polynomial((0.0, 0.0, 0.0, 0.0, 0.25)), baths.none()),), 1.0)
    amplitude = 128.0**0.25  # A^4/4 = 8^2/2
    found = rates_of_motion(well, point, (-4.0, 4.0), on_ring=False)
    assert found == (pytest.approx(amplitude, rel=0.01, abs=0), 0.0)  # sampled in steps of 0.016
    bath = baths.caldeira_leggett(mass=2.0, eta=0.5, beta=4.0)
    ring = System((Particle(2.0, potentials.free(), bath),), 1.0)
    fastest, slowest = rates_of_motion(ring, point, (-3.0, 3.0), on_ring=True)
    assert fastest == pytest.approx(2 * math.pi * 8.0 / (2.0 * 6.0), rel=1e-5, abs=0)  # two deviations are 2e-6
    spreading = (2 * math.pi / 6.0) ** 2 / (4.0 * 2.0 * 0.5)  # k^2 T/(m eta)
    assert slowest == pytest.approx(min(0.5, spreading), rel=1e-12, abs=0)
    still = System((Particle(2.0, potentials.free(), baths.none()),), 1.0)
    found = rates_of_motion(still, states.UniformState(momentum_variance=4.0), (-3.0, 3.0), on_ring=True)
    assert found == (pytest.approx(2 * math.pi * 4.0 / (2.0 * 6.0), rel=1e-12, abs=0), 0.0)
    tilted = System((Particle(2.0, potentials.Polynomial((0.0, -6.0)), bath),), 1.0)
    found = rates_of_motion(tilted, None, (-3.0, 3.0), on_ring=True)
    assert found[0] == pytest.approx(2 * math.pi * 6.0 / (0.5 * 2.0 * 6.0), rel=1e-12, abs=0)  # F/(m eta)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize(("end", "slowest"), [(100.0, 0.0), (1e6, 0.0), (100.0, 1e-4), (100.0, 0.25)])
def test_every_rule_asks_for_accuracy_and_grows_with_what_has_faded(rule, end, slowest):
    """Errors grow until the end of the run or of the transient; without an end of either the limit remains."""
    step = rule(end, slowest)
    at = [step.at(time) for time in (0.0, 10.0, 30.0, 1e4)]
    assert at == sorted(at)
    assert 0 < at[0] < 0.05 * step.limit  # 2e-9 in units of 1/fastest
    assert rule(64 * end, slowest).at(0.0) < at[0] or slowest * end > 1
    if slowest == 0:
        assert at[-1] == at[0]
        assert step.reconsider_at(0.0) == math.inf
    else:
        assert 0 < step.reconsider_at(7.0) - 7.0 < 2 / slowest
    assert rule(end, 0.25).at(1e4) == step.limit
    assert rule(end, 0.25).reconsider_at(1e4) == math.inf


def test_rules_of_a_run_know_its_end():
    """Coefficients in time as well: their halves took the limit where nothing decays."""
    memory = {"model": "hu_paz_zhang", "gamma": 0.05, "cutoff": 5.0, "beta": 0.7}
    assert prepared(HARMONIC, COHERENT, 2.0, "auto", memory).plan.step.halves.end == 2.0
    for stepper in ("rk4", "taylor8", "implicit"):
        assert prepared(HARMONIC, COHERENT, 2.0, stepper).plan.step.end == 2.0


def plan_of(**changes):
    """Records every 0.5 until 2, one snapshot at 0.7, steps that stay."""
    plan = Plan(2.0, math.inf, 1e-6, None, 0.5, (0.7,), StepSize(0.1, 2.0))
    return replace(plan, **changes)


def test_a_run_stops_at_records_snapshots_changes_of_the_step_and_its_end():
    keeper = SnapshotKeeper((0.7,))
    stops = [next_stop(time, plan_of(), keeper) for time in (0.0, 0.5, 0.7, 1.5, 1.75)]
    assert stops == [0.5, 0.7, 1.0, 2.0, 2.0]
    assert next_stop(0.0, plan_of(until=0.3), keeper) == 0.3
    assert next_stop(0.0, plan_of(until=math.inf, max_time=0.4), keeper) == 0.4
    growing = StepSize(100.0, math.inf, 1.0, 5.0)  # order/(4 slowest) = 0.2
    assert next_stop(0.0, plan_of(step=growing), keeper) == 0.2
    third = plan_of(every=0.1, until=10.0)
    assert next_stop(0.1 * 3 - 1e-17, third, SnapshotKeeper(())) == 4 * 0.1  # 0.30000000000000004 is the third


@pytest.mark.parametrize("shift", [0.0, 1e-14, -1e-14, 1e-10, -1e-10, 2e-10, -2e-10])
def test_a_snapshot_next_to_a_record_is_kept_once(shift):
    """As near as 1e-9 of the time, on either side; asked for twice as near as that, it is one as well."""
    wanted = (0.1 * 3 + shift, 0.1 * 3 + shift + 1e-11, 0.5)
    keeper, time, plan = SnapshotKeeper(wanted), 0.0, plan_of(every=0.1, until=0.6)
    while time < 0.6:
        time = next_stop(time, plan, keeper)
        keeper.offer(time, np.zeros(1), on_schedule=True)
    assert [kept for kept, _ in keeper.kept] == [pytest.approx(t, rel=1e-9, abs=0) for t in wanted[1:]]


@pytest.mark.parametrize(("pi", "damping", "scale"), [(0.5, 0.0, 2.0), (8.0, 1.0, 8.0), (0.5, 4.0, 4.0)])
def test_phi_has_settled_when_what_is_left_of_it_is_small(pi, damping, scale):
    """Phi = 2 + a e^(-r t): its change in 1/(4 r), a e^(-r t) (e^(1/4) - 1), against tolerance x scale/4."""
    rate, a, tolerance = 0.3, 1.0, 1e-4
    threshold = math.log(4 * a * math.expm1(0.25) / (tolerance * scale)) / rate
    plan = plan_of(tolerance=tolerance, damping=damping)
    for shift, expected in ((-0.01, False), (0.01, True)):
        times = [threshold + shift - part / rate for part in (1.0, 0.25, 0.22, 0.0)]
        values = [2.0 + a * math.exp(-rate * time) for time in times]
        records = [{"entropy_flux": value, "entropy_production": pi} for value in values]
        assert has_settled(Trajectory(times=times, records=records), plan, rate) == expected
    unknown = [{"entropy_flux": math.nan, "entropy_production": pi}] * 2
    assert has_settled(Trajectory(times=[0.0, 9.0], records=unknown), plan, rate)
    assert has_settled(Trajectory(times=[9.0], records=records[:1]), plan, rate)  # nothing to compare it with


def test_predicted_time_of_the_search_for_a_steady_state():
    """Decades of the distance: from 1e-4 on, where the exact steady state is known; 6.5 lifetimes each, at most."""
    quadratic = systems.model("caldeira_leggett", eta=0.5)  # the slowest rate is 0.25
    assert linear_rates(quadratic)[1] == pytest.approx(0.25, rel=1e-12, abs=0)
    time = krylov.predicted_time(quadratic, 0.25, 1e-9)
    assert math.exp(-0.25 * time) == pytest.approx(1e-5, rel=1e-9, abs=0)
    assert krylov.predicted_time(quadratic, 1e-6, 1e-9) == pytest.approx(5 * 6.5 / 0.25, rel=1e-12, abs=0)
    assert krylov.predicted_time(quadratic, 0.25, 0.1) == pytest.approx(math.log(10) / 0.25, rel=1e-12, abs=0)
    well = System(
        (replace(quadratic.particles[0], potential=potentials.quartic(mass=1.0, omega=1.0, quartic=0.1)),), 1.0
    )
    time = krylov.predicted_time(well, 0.25, 1e-9)
    assert math.exp(-0.25 * time) == pytest.approx(1e-9, rel=1e-9, abs=0)
