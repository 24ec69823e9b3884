"""What a run watches at its records: each warning fires for its cause, is silent otherwise, and ends a strict run."""

import math
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

import fpsolver as fp
from fpsolver import api
from fpsolver import checks as module
from fpsolver import watch as watching
from fpsolver.errors import FpsolverError
from fpsolver.problem import initial_values
from fpsolver.simulation import simulate
from fpsolver.stepping.explicit import StepSize, stable_step

GOOD = {
    "system": {
        "mass": 1.0,
        "potential": {"kind": "harmonic", "omega": 1.0},
        "bath": {"model": "minimally_invasive", "eta": 0.5, "beta": 0.7},
    },
    "initial": {"kind": "gaussian", "mean": [0.5, 0.0], "covariance": [[1.5, 0.0], [0.0, 1.5]]},
    "grid": {"q": {"cells": 80}, "p": {"cells": 80}},
    "time": {"until": 1.0},
    "output": {"every": 0.25},
}


def run(*, strict=False, **sections):
    return api.run_problem(api.prepare(fp.Config(**{**GOOD, **sections, "checks": {"strict": strict}})))


SMALL = {"q": {"cells": 96, "extent": [-10.0, 10.0]}, "p": {"cells": 64, "extent": [-6.8, 6.8]}}
COLD = {
    "units": {"hbar": 0.0},
    "system": {
        "mass": 1.0,
        "potential": {"kind": "double_well", "quadratic": 1.0, "quartic": 1.0},
        "bath": {"model": "caldeira_leggett", "eta": 0.05, "beta": 5.0},
    },
    "initial": {"kind": "gaussian", "mean": [0.0, 0.0], "covariance": [[0.1, 0.0], [0.0, 0.1]]},
    "grid": {"q": {"cells": 96, "extent": [-2.7, 2.7]}, "p": {"cells": 96, "extent": [-2.7, 2.7]}},
    "time": {"until": 3.0},
}
NARROW = {"kind": "gaussian", "mean": [0.0, 0.0], "covariance": [[0.5, 0.0], [0.0, 0.45]]}
CAUSES = {
    "purity": ({"initial": NARROW}, "the purity of W is 1.054", "the initial state is none"),
    "edge": ({"grid": SMALL}, "the outer cells of axis p hold a mass", "give a wider grid.p.extent"),
    "negativity": (COLD, "W is negative", "give more cells"),
    "alternation": (COLD, "of W alternates from cell to cell along q", "give more grid.q.cells"),
}


@pytest.mark.parametrize("name", CAUSES)
def test_every_cause_warns_and_ends_a_strict_run(name):
    sections, text, cure = CAUSES[name]
    found = run(**sections)
    assert found.is_complete
    [warning] = [w for w in found.warnings if text in w][:1]
    assert cure in warning
    stopped = run(strict=True, **sections)
    assert stopped.status == "failed"
    assert stopped.message.startswith("stopped: at time ")
    assert stopped.message.endswith("(checks.strict)")
    assert len(stopped.series["time"]) <= len(found.series["time"])


def test_silent_where_nothing_is_wrong():
    found = run(strict=True)
    assert (found.status, found.warnings) == ("finished", [])


def test_a_coarse_grid_is_refused_before_a_strict_run():
    coarse = {"grid": {"q": {"cells": 64, "extent": [-12, 12]}, "p": {"cells": 64, "extent": [-12, 12]}}}
    coarse["initial"] = {"kind": "gaussian", "mean": [0.0, 0.0], "covariance": [[0.6, 0.0], [0.0, 1.5]]}
    assert any("narrowest standard deviation" in text for text in run(**coarse).warnings)
    with pytest.raises(FpsolverError, match=r"narrowest standard deviation.*give grid.*checks.strict"):
        run(strict=True, **coarse)


def test_a_growing_mode_of_the_grid_is_called_one():
    """Half beyond the limit of stability, a corner of the box explodes: seen while it holds less than 1e-5."""
    sections = {**GOOD, "checks": {"strict": True}, "time": {"until": 1.0, "stepper": "rk4"}}
    problem = api.prepare(fp.Config(**sections))
    plan = replace(problem.plan, step=StepSize(1.5 * stable_step(problem.generator), 20.0), until=20.0)
    trajectory = simulate(problem.generator, initial_values(problem), plan, checks=problem.checks())
    assert trajectory.status == "failed"
    assert "alternates from cell to cell: a mode of the grid grows; give a smaller time.dt" in trajectory.message
    assert trajectory.records[-1]["edge_mass"] < 1e-5
    assert abs(problem.grid.integrate(trajectory.W) - 1) < 1e-12  # the mass would have told nothing


@pytest.mark.parametrize(("moyal", "words"), [(0.0, "Pi - Phi differ by"), (0.2, "Pi - Phi + S_Moyal differ by")])
def test_the_balance_that_does_not_close_is_the_one_that_is_named(moyal, words):
    """With quantum terms dS/dt = Pi - Phi + S_Moyal; 0.1 of 1 is missing in both."""
    record = {"entropy_rate": 0.4 + moyal, "entropy_production": 1.0, "entropy_flux": 0.5, "entropy_moyal": moyal}
    problem = api.prepare(fp.Config(**GOOD))
    checks = module.Checks(problem.generator, None, 0.1)
    [text] = checks._look(initial_values(problem), record, 1.0, is_coarse=True).values()
    assert words in text


def test_a_balance_that_does_not_close(monkeypatch):
    """At second order the balance closes to 1e-3: a warning if 1e-4 were the bound, none as it is."""
    second = {**GOOD, "scheme": {"order": 2}}
    assert run(**second).warnings == []
    monkeypatch.setitem(module.CENTRAL, 2, module.CENTRAL[2]._replace(balance=1e-4))
    [text] = run(**second).warnings
    assert "dS/dt and Pi - Phi differ by" in text
    assert "central fluxes of a higher scheme.order" in text
    assert run(strict=True, **second).status == "failed"
    quartic = {**GOOD["system"], "potential": {"kind": "quartic", "omega": 1.0, "quartic": 0.05}}
    warned = run(**{**second, "system": quartic, "time": {"until": 0.25}}).warnings
    assert any("dS/dt and Pi - Phi + S_Moyal differ by" in text for text in warned)


def test_moments_off_the_exact_gaussian():
    """Against the exact path of an oscillator with 3 % less damping."""
    problem = api.prepare(fp.Config(**GOOD))
    bath = {"model": "minimally_invasive", "eta": 0.97 * 0.5, "beta": 0.7}
    other = api.prepare(fp.Config(**GOOD).replaced(system={"bath": bath})).exact
    checks = module.Checks(problem.generator, other, 1.0, strict=True)
    trajectory = simulate(problem.generator, initial_values(problem), problem.plan, checks=checks)
    assert trajectory.status == "failed"
    assert "standard deviations off the exact Gaussian; give more cells" in trajectory.message
    assert trajectory.times[-1] < 1.0


@pytest.mark.parametrize("strict", [False, True])
def test_the_last_record_is_looked_at_in_full(monkeypatch, strict):
    """80^2 cells: in full at every tenth record, the first and the last, or at all of them if one ends the run."""
    seen = []
    inner = module.Checks._look
    monkeypatch.setattr(module.Checks, "_look", lambda self, *a, **k: seen.append(a[2]) or inner(self, *a, **k))
    monkeypatch.setattr(module, "moment_error", lambda record, *_: float(seen[-1] == 1.0))
    found = run(strict=strict)
    assert seen == ([0.0, 0.25, 0.5, 0.75, 1.0] if strict else [0.0, 1.0])
    text = found.message if strict else found.warnings[0]
    assert "at time 1 a mean or covariance is 1 standard deviations off" in text


def test_direct_solves_are_watched():
    time = {"method": "direct", "tolerance": 1e-6}
    found = run(strict=True, grid=SMALL, time=time, output={})
    assert found.status == "failed"
    assert "outer cells" in found.message


@pytest.mark.parametrize("axis", [0, 1])
def test_the_share_of_a_wave(axis):
    """sin(theta/2)^16 for cos(theta i) over a constant line, at theta = pi exactly 1."""
    i = np.arange(96)
    for theta in (np.pi, 3 * np.pi / 4, np.pi / 2):
        wave = np.cos(theta * i + 0.3)
        W = np.outer(wave, np.ones(80)) if axis == 0 else np.outer(np.ones(80), wave)
        shares = [module.alternation(W, k) for k in range(2)]
        inner = np.abs(wave[8:-8]).sum() / np.abs(wave).sum()  # lines lose eight cells at both ends
        assert shares[axis] == pytest.approx(np.sin(theta / 2) ** 16 * inner, rel=1e-9, abs=0)
        assert shares[1 - axis] <= 1e-12  # constant lines: round-off of sixteen differences


@pytest.mark.parametrize("shape", [(96, 80), (19, 16), (16, 20, 18, 24)], ids=str)
def test_shares_are_those_of_sixteenth_differences(shape, rng):
    W = rng.normal(size=shape)
    for k in range(W.ndim):
        lines = W[tuple(slice(None) if a == k else slice(8, None, 16) for a in range(W.ndim))]
        share = np.abs(np.diff(lines, 16, k)).sum() / 2**16 / np.abs(lines).sum()
        assert module.alternation(W, k) == pytest.approx(share, rel=1e-12, abs=0)


def test_long_axes_take_no_more_memory_than_their_lines(rng):
    """A matrix of all cells with all cells would be 20 GB here."""
    W = rng.normal(size=(50_000, 16))
    tracemalloc.start()
    shares = [module.alternation(W, 0), module.edge_alternation(W, 1)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.isfinite(shares).all()
    assert peak < 5 * W.nbytes


def test_the_exact_path_in_steps_is_the_path_at_once():
    exact = api.prepare(fp.Config(**GOOD)).exact
    path = module.ExactPath(exact)
    for time in (0.0, 0.25, 0.5, 0.6, 3.0):
        mean, covariance = path.moments(time)
    assert mean == pytest.approx(exact.mean(3.0), abs=1e-13)  # five products
    assert covariance == pytest.approx(exact.covariance(3.0), abs=1e-13)


def test_a_balance_of_what_does_not_exist_is_no_error():
    rates = {"entropy_rate": 1.0, "entropy_production": np.nan, "entropy_flux": 0.5}
    assert module.balance_error(rates, 0.0) == 0.0
    assert module.balance_error(rates | {"entropy_production": np.inf}, 0.0) == 0.0
    assert module.balance_error(rates | {"entropy_production": 1.0}, 0.0) == pytest.approx(0.5)
    assert module.balance_error(rates | {"entropy_production": 1.0, "entropy_moyal": 0.5}, 0.0) == 0.0
    assert module.balance_error(dict.fromkeys(rates, 0.0), 0.0) == 0.0


def test_what_is_purer_than_any_state_is_lost():
    """Of a completely positive model that started as a state, negative or not; other models may exceed 1 rightly."""
    fock = {"kind": "fock", "n": 1, "omega": 1.0}
    problem = api.prepare(fp.Config(**{**GOOD, "initial": fock, "grid": {}}))
    W, first = initial_values(problem), {"negativity": 0.43, "purity": 1.0}

    def why(factor, record=first, bath=None):
        config = problem.config if bath is None else problem.config.replaced(system={"bath": bath})
        return watching.why_lost(api.prepare(config).generator, factor * W, record, 0.5)

    assert "the purity of W is 1.21 at time 0.5" in why(1.1)
    assert why(1.1).endswith("give more grid cells, or a smaller time.dt if it was given")
    assert why(1.04) == ""  # a purity of 1.08
    assert why(1.1, first | {"purity": 1.01}) == ""  # no state from the start
    assert why(1.1, None) == ""  # the start itself
    assert why(1.1, bath={"model": "caldeira_leggett", "eta": 0.5, "beta": 0.7}) == ""
    assert "not finite" in why(math.nan, None)


def test_a_purity_below_1_does_not_tell_a_state_of_two():
    """A particle below the uncertainty principle beside a hot one: its partner cools down, and nothing is lost."""
    one = {"mass": 1.0, "potential": {"kind": "harmonic", "omega": 1.0}}
    cool = {"model": "quantum_optical", "eta": 0.5, "beta": 2.0}
    system = {"particles": [one | {"bath": {"model": "none"}}, one | {"bath": cool}]}
    states = [{"kind": "gaussian", "mean": [0, 0], "covariance": [[v, 0], [0, v]]} for v in (0.5, 1.5)]
    axis = {"cells": 20, "extent": [-7, 7], "allow_coarse": True}
    config = fp.Config(system=system, initial=states, grid={"q": axis, "p": axis}, time={"until": 1.0})
    problem = api.prepare(config)
    too_pure = 2.5 * initial_values(problem)
    assert watching.why_lost(problem.generator, too_pure, {"negativity": 0.0, "purity": 0.667}, 0.5) == ""
