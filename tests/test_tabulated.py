"""States given as values of W on a grid of their own: interpolation, moments, runs from them, refusals."""

import re

import numpy as np
import pytest

import fpsolver as fp
from fpsolver.errors import UsageError
from fpsolver.physics import states
from fpsolver.physics.tabulated import tabulated

Q, P = np.linspace(-8, 9, 96), np.linspace(-7, 7, 90)
MESH = (Q[:, None], P[None, :])
SKEW = states.gaussian([1.0, 0.5], [[0.9, 0.25], [0.25, 0.7]])
FOCK = states.fock(mass=1.0, hbar=1.0, n=2, omega=1.0)
SYSTEM = {
    "mass": 1.0,
    "potential": {"kind": "harmonic", "omega": 1.0},
    "bath": {"model": "minimally_invasive", "eta": 0.5, "beta": 0.7},
}
FINE = {"q": {"cells": 96, "extent": [-9.0, 9.0]}, "p": {"cells": 96, "extent": [-9.0, 9.0]}}


def mesh(*axes):
    """Open mesh of coordinates."""
    return tuple(np.meshgrid(*axes, indexing="ij", sparse=True))


@pytest.mark.parametrize("state", [SKEW, FOCK], ids=["skew Gaussian", "Fock"])
def test_between_its_points_w_is_known_to_round_off(state):
    """For a band-limited W that is all in the box the Fourier sum is exact; 5 to 6 cells for the finest structure."""
    found = tabulated((Q, P), state.values(MESH))
    other = mesh(np.linspace(-7.3, 8.1, 41), np.linspace(-6.6, 6.1, 77))
    np.testing.assert_allclose(found.values(other), state.values(other), rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.mean, state.mean, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.covariance, state.covariance, rtol=0, atol=1e-11)
    np.testing.assert_allclose(found.finest, state.finest, rtol=1e-3, atol=1e-3)  # Fock: from its own spectrum


def test_outside_its_box_there_is_nothing():
    found = tabulated((Q, P), SKEW.values(MESH)).values(mesh(np.linspace(-20, 20, 81), np.linspace(-15, 15, 61)))
    assert not found[0].any()
    assert not found[:, -1].any()
    assert found.sum() * 0.5 * 0.5 == pytest.approx(1.0, abs=1e-6)  # 1.4 cells a deviation


def test_a_density_stays_one():
    """No negative cells from ringing, which logarithms and limited fluxes would not take."""
    narrow = states.gaussian([0.0, 0.0], 0.15 * np.eye(2))
    axes = np.linspace(-4, 4, 48), np.linspace(-4, 4, 48)
    found = tabulated(axes, narrow.values(mesh(*axes)))
    assert found.values(mesh(np.linspace(-4, 4, 131), np.linspace(-4, 4, 131))).min() == 0.0


def test_a_mass_near_one_is_one():
    found = tabulated((Q, P), (1 + 5e-7) * SKEW.values(MESH))
    assert found.W.sum() * np.prod(found.spacings) == pytest.approx(1.0, abs=1e-14)


def test_noise_is_no_structure():
    """Round-off and dispersion of earlier runs, 1e-10 of W, would count as waves of two cells."""
    W = SKEW.values(MESH)
    noise = 1e-10 * W.max() * np.random.default_rng(1).normal(size=W.shape)
    np.testing.assert_allclose(tabulated((Q, P), W + noise).finest, SKEW.finest, rtol=1e-3)


def test_the_moments_of_a_ring_are_those_of_an_even_filling():
    """Its position has no mean; widths and boxes must not come from where the ring was cut open."""
    q = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    W = (1 + 0.5 * np.cos(q[:, None])) / (2 * np.pi) * np.exp(-(P**2) / 2 - 0.2 * P) / 2.5
    found = tabulated((q, P), W / (W.sum() * (q[1] - q[0]) * (P[1] - P[0])), (True, False))
    assert found.mean[0] == pytest.approx(q.mean(), abs=1e-14)
    np.testing.assert_allclose(found.covariance, [[(2 * np.pi) ** 2 / 12, 0.0], [0.0, 1.0]], rtol=0, atol=1e-9)


def test_two_particles():
    """Four axes of different lengths; a spring-like correlation between the particles."""
    V = np.array([[0.8, 0.2, 0, 0.1], [0.2, 0.7, 0, 0], [0, 0, 0.6, 0], [0.1, 0, 0, 0.9]])
    state = states.gaussian([0.3, -0.2, 0.1, 0.4], V)
    axes = [np.linspace(-6, 6, n) for n in (24, 25, 26, 27)]
    found = tabulated(axes, state.values(mesh(*axes)))
    np.testing.assert_allclose(
        found.mean, state.mean, rtol=0, atol=1e-6
    )  # 5.7 deviations are in the box, 1.6 cells each
    np.testing.assert_allclose(found.covariance, V, rtol=0, atol=1e-6)
    other = mesh(*(np.linspace(-1.5, 1.5, n) for n in (5, 6, 7, 8)))
    np.testing.assert_allclose(found.values(other), state.values(other), rtol=0, atol=1e-6)
    assert len(found.packets) == 16


def stored(tmp_path, state=SKEW, name="w.npz", **changed):
    """File of W for a configuration."""
    arrays = {"q": Q, "p": P, "W": state.values(MESH)} | changed
    np.savez(tmp_path / name, **{key: value for key, value in arrays.items() if value is not None})
    return {"kind": "distribution", "path": str(tmp_path / name)}


def run(initial, grid=FINE, system=SYSTEM, until=1.0, time=None, **sections):
    time = {"until": until, **(time or {})}
    return fp.run(fp.Config(system=system, initial=initial, grid=grid, time=time, **sections))


SAME_STEPS = {"stepper": "rk4", "dt": 0.01}  # else they are chosen by the state and the length of the run


@pytest.mark.slow
def test_a_run_from_values_is_the_run_from_the_gaussian(tmp_path):
    """The same W at the start to 1e-13, so the same numbers; the moments have their exact solution, too."""
    from_values = run(stored(tmp_path), time=SAME_STEPS)
    start = {"kind": "gaussian", "mean": SKEW.mean.tolist(), "covariance": SKEW.covariance.tolist()}
    gaussian = run(start, time=SAME_STEPS)
    np.testing.assert_allclose(from_values.final.W, gaussian.final.W, rtol=0, atol=1e-12)
    for name in ("entropy_production", "entropy_flux", "covariance", "purity"):
        np.testing.assert_allclose(from_values.series[name], gaussian.series[name], rtol=0, atol=1e-9)
    np.testing.assert_allclose(from_values.exact["covariance"], gaussian.exact["covariance"], rtol=0, atol=1e-11)
    assert from_values.warnings == []


def test_the_automatic_grid_holds_and_resolves_the_state(tmp_path):
    """Fock 2: as many cells as for the same state by name, and a box at least as wide."""
    found, known = (
        fp.api.prepare(fp.Config(system=SYSTEM, initial=initial, time={"until": 1.0}))
        for initial in (stored(tmp_path, FOCK), {"kind": "fock", "n": 2, "omega": 1.0})
    )
    for axis, other in zip(found.grid.axes, known.grid.axes, strict=True):
        assert axis.low < -7
        assert axis.high > 7
        assert axis.spacing == pytest.approx(other.spacing, rel=0.15, abs=0)
    assert found.resolution.cells >= 4


@pytest.mark.slow
def test_a_result_goes_on_in_a_wider_box(tmp_path):
    """A quench to ten times the temperature needs more room than the grid of the first run had."""
    first = run({"kind": "thermal", "beta": 1.0, "omega": 1.0})
    first.save(tmp_path / "first.h5")
    hot = {**SYSTEM, "bath": {"model": "minimally_invasive", "eta": 0.5, "beta": 0.1}}
    grid = {"q": {"cells": 160, "extent": [-20, 20]}, "p": {"cells": 160, "extent": [-20, 20]}}
    second = run({"kind": "file", "path": str(tmp_path / "first.h5")}, grid, hot)
    assert second.last("edge_mass") < 1e-12
    start = fp.exact.Gaussian(fp.build_system(second.config), first.last("mean"), first.last("covariance"))
    np.testing.assert_allclose(second.last("covariance"), start.covariance(np.array([1.0]))[0], rtol=0, atol=1e-8)
    rate = start.entropy_production(np.array([1.0]))[0]
    assert second.last("entropy_production") == pytest.approx(rate, rel=1e-8, abs=0)


def test_a_run_goes_on_from_a_snapshot(tmp_path):
    """From t = 0.5 on the same again, to round-off: both runs take the same steps between records."""
    first = run(stored(tmp_path), time=SAME_STEPS, output={"snapshots": [0.5], "every": 0.5})
    first.save(tmp_path / "first.h5")
    later = {"kind": "file", "path": str(tmp_path / "first.h5"), "time": 0.5}
    for initial in (later, [later]):
        second = run(initial, until=0.5, time=SAME_STEPS, output={"every": 0.5})
        np.testing.assert_array_equal(second.snapshots.W[0], first.snapshots.W[0])
        np.testing.assert_allclose(second.final.W, first.final.W, rtol=0, atol=1e-15)  # W is 0.1 high
    with pytest.raises(fp.FpsolverError, match=r"no snapshot of the time 0\.7 \(those it has: 0\.5\)") as caught:
        run({**later, "time": 0.7})
    assert caught.value.exit_status == 2


@pytest.mark.slow
def test_a_box_that_a_quench_outgrows_is_told_beforehand(tmp_path):
    """The walls of the first run are 4.4 deviations of the hotter steady state away; a wider box has nothing to say."""
    first = run({"kind": "thermal", "beta": 1.0, "omega": 1.0})
    first.save(tmp_path / "first.h5")
    bath = {"model": "minimally_invasive", "eta": 0.5, "beta": 0.25}
    config = fp.Config(system={**SYSTEM, "bath": bath}, initial={"kind": "file", "path": str(tmp_path / "first.h5")})
    (note,) = fp.api.prepare(config).warnings
    assert re.match(r"the box cuts the tail of the state, about \de-0\d of it: .* \[-9, 9\] .* 4\.\d standard", note)
    assert "auto" not in note  # which is the box of the file
    wider = config.replaced(grid={"q": {"cells": 128, "extent": [-17, 17]}, "p": {"cells": 128, "extent": [-17, 17]}})
    assert fp.api.prepare(wider).warnings == ()
    hot = config.replaced(initial={"kind": "thermal", "beta": 1.0, "omega": 1.0}, grid=FINE)
    (note,) = fp.api.prepare(hot).warnings
    assert "give `extent: auto` or at least [-17" in note
    (note,) = fp.api.prepare(hot.replaced(time={"method": "direct"})).warnings
    assert "in the steady state a wall is only" in note


@pytest.mark.slow
def test_a_ring_goes_on_with_more_cells(tmp_path):
    """The same ring from another point on, and finer: periodic Fourier sums, no ends."""
    ring = {
        "mass": 1.0,
        "potential": {"kind": "cosine", "amplitude": 1.0, "wavenumber": 1.0, "tilt": 0.5},
        "bath": {"model": "caldeira_leggett", "eta": 1.0, "beta": 1.0},
    }
    boxes = [
        {"q": {"cells": n, "extent": [low, low + 2 * np.pi], "boundary": "periodic"}, "p": {"cells": 2 * n}}
        for n, low in ((64, -np.pi), (80, 0.0))
    ]
    start, classical = {"kind": "uniform", "momentum_variance": 1.0}, {"units": {"hbar": 0.0}}
    run(start, boxes[0], ring, 0.6, **classical).save(tmp_path / "first.h5")
    second = run({"kind": "file", "path": str(tmp_path / "first.h5")}, boxes[1], ring, 0.4, **classical)
    whole = run(start, boxes[1], ring, 1.0, **classical)
    assert second.last("mass") == pytest.approx(1.0, abs=1e-9)
    for name in ("entropy_production", "entropy_flux", "entropy_wigner"):
        assert second.last(name) == pytest.approx(whole.last(name), abs=1e-8)


@pytest.mark.slow
def test_a_ring_without_any_structure_goes_on(tmp_path):
    """W that does not depend on q has no waves along it, and nothing to resolve there."""
    ring = {**SYSTEM, "potential": {"kind": "free"}, "bath": {"model": "caldeira_leggett", "eta": 1.0, "beta": 1.0}}
    box = {"q": {"cells": 32, "extent": [0.0, 1.0], "boundary": "periodic"}, "p": {"cells": 112}}
    classical = {"units": {"hbar": 0.0}}
    run({"kind": "uniform", "momentum_variance": 2.0}, box, ring, 0.2, **classical).save(tmp_path / "first.h5")
    again = {"kind": "file", "path": str(tmp_path / "first.h5")}
    for cells in (32, 48):
        second = run(again, {**box, "q": {**box["q"], "cells": cells}}, ring, 0.2, **classical)
        assert second.last("mass") == pytest.approx(1.0, abs=1e-12)


@pytest.mark.slow
def test_a_density_with_limited_fluxes(tmp_path):
    """W >= 0 at the start is what these fluxes need to keep it so."""
    classical = {"units": {"hbar": 0.0}, "scheme": {"flux": "chang_cooper", "reversible": "limited"}}
    bath = {**SYSTEM, "bath": {"model": "caldeira_leggett", "eta": 0.5, "beta": 1.0}}
    result = run(stored(tmp_path), system=bath, until=0.2, **classical)
    assert result.final.W.min() >= 0


REFUSED = {
    "not normalised": ({"W": 2 * SKEW.values(MESH)}, "must be normalised, but the sum of W times the cell is 2"),
    "another shape": ({"W": np.ones((3, 4))}, "at each of 96 x 90 points, but is 3 x 4"),
    "not finite": ({"W": np.full((96, 90), np.nan)}, "must be finite at each of 96 x 90 points, but is not at 8640"),
    "uneven": ({"q": np.geomspace(1, 2, 96)}, "q must increase in equal steps"),
    "falling": ({"p": P[::-1]}, "p must increase in equal steps"),
    "few": ({"q": Q[:4]}, "q must be a list of at least 8"),
    "complex": ({"W": 1j * SKEW.values(MESH)}, "`W` in"),
    "missing": ({"p": None}, "must hold `q` and `p` and `W`, but holds W, q"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_arrays_that_cannot_be_used(case, tmp_path):
    changed, words = REFUSED[case]
    with pytest.raises(fp.FpsolverError, match=words) as caught:
        fp.api.prepare(fp.Config(system=SYSTEM, initial=stored(tmp_path, **changed), time={"until": 1.0}))
    assert caught.value.exit_status == 2


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ((np.linspace(-2, 9, 96), P), "does not vanish at the ends of q"),
        ((Q, np.linspace(-7, 7, 16)), "too far apart for W .* finer grid"),
    ],
    ids=["cut", "coarse"],
)
def test_arrays_that_do_not_hold_the_state(axes, words):
    W = SKEW.values(mesh(*axes))
    spacings = [x[1] - x[0] for x in axes]
    with pytest.raises(UsageError, match=words):
        tabulated(axes, W / (W.sum() * np.prod(spacings)))


def test_doubtful_states_are_told(tmp_path):
    """Too few points for round-off, and a covariance that no quantum state has."""
    q = np.linspace(-6, 6, 33)
    cold = states.gaussian([0.0, 0.0], 0.4 * np.eye(2))
    coarse = stored(tmp_path, cold, q=q, p=q, W=cold.values(mesh(q, q)))
    notes = " ".join(fp.api.prepare(fp.Config(system=SYSTEM, initial=coarse, time={"until": 1.0})).warnings)
    assert "interpolation leaves an error of about" in notes
    assert "symplectic eigenvalue is 0.4, below hbar/2 = 0.5" in notes
    free = SYSTEM | {"bath": {"model": "none"}}
    classical = fp.Config(units={"hbar": 0.0}, system=free, initial=coarse, time={"until": 1.0})
    assert "symplectic" not in " ".join(fp.api.prepare(classical).warnings)
