"""W of several particles reduced onto coordinates of two of them: marginals of a Gaussian, figures, snapshots."""

import dataclasses
import warnings

import numpy as np
import pytest
from matplotlib.text import Text

import fpsolver as fp
from fpsolver import views
from fpsolver.errors import FpsolverWarning, UsageError
from tests.test_plot import status_of

PARTICLE = {
    "mass": 1.0,
    "potential": {"kind": "harmonic", "omega": 1.0},
    "bath": {"model": "caldeira_leggett", "eta": 0.5, "temperature": 1.0},
}
V = np.array([[1.0, 0.5, 0.0, -0.3], [0.5, 1.2, 0.2, 0.0], [0.0, 0.2, 0.9, 0.1], [-0.3, 0.0, 0.1, 1.1]])
MEAN = np.array([0.4, -0.3, 0.2, -0.1])
MINUS = "\N{MINUS SIGN}"


@pytest.fixture(scope="module")
def pair():
    """Two correlated particles at the start, and a little later; 1.4 cells for a deviation are enough for pictures."""
    axis = {"cells": 16, "extent": [-5.5, 5.5]}
    config = fp.Config(
        title="pair",
        system={"particles": [PARTICLE, PARTICLE]},
        initial={"kind": "gaussian", "mean": MEAN, "covariance": V},
        grid={"q": axis, "p": axis | {"cells": 18}},
        time={"until": 0.02},
        output={"snapshots": [0.0, 0.01], "every": 0.01},
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FpsolverWarning)
        return fp.run(config)


@pytest.fixture(scope="module")
def start(pair):
    """The same at its first snapshot, which is the Gaussian."""
    return dataclasses.replace(pair, final=dataclasses.replace(pair.final, W=pair.snapshots.W[0], time=0.0))


def words(figure):
    figure.figure.draw_without_rendering()
    return " ".join(text.get_text().replace("\n", " ") for text in figure.findobj(Text))


@pytest.mark.parametrize("names", [("q1", "q2"), ("p1", "p2"), ("q1", "p2"), ("p1", "q2"), ("q2", "q1")])
def test_two_coordinates_of_a_gaussian_are_the_gaussian_of_their_moments(start, names):
    """In the order of the names, with the block of the covariance."""
    found = views.onto(start, names)
    on = [start.grid.names.index(name) for name in names]
    exact = fp.states.gaussian(MEAN[on], V[np.ix_(on, on)]).values(found.grid.coordinates)
    assert found.grid.names == names
    np.testing.assert_allclose(found.final.W, exact, rtol=0, atol=1e-5)  # what of the others is beyond 5 deviations
    expected = V[on[0], on[1]] / np.sqrt(V[on[0], on[0]] * V[on[1], on[1]])
    assert views.correlation(found) == pytest.approx(expected, abs=1e-4)


@pytest.mark.slow
def test_the_figure_shows_positions_and_momenta_with_their_correlations(start):
    figure = fp.plot.joint(start)
    left, right = (ax for ax in figure.axes if ax.images)
    np.testing.assert_array_equal(left.images[0].get_array(), views.onto(start, ("q1", "q2")).final.W.T)
    np.testing.assert_array_equal(right.images[0].get_array(), views.onto(start, ("p1", "p2")).final.W.T)
    said = words(figure)
    assert "correlation +0.456" in said  # 0.5/sqrt(1.2)
    assert "correlation +0.101" in said  # 0.1/sqrt(0.99)
    for label in ("position $q_{1}$", "position $q_{2}$", "momentum $p_{1}$", r"$W(q_{1}, q_{2})$ (1/length$^2$)"):
        assert label in said


@pytest.mark.slow
def test_pairs_and_times(pair):
    figure = fp.plot.joint(pair, pairs=[("q1", "p2")], times=[0.0, 0.01])
    panels = [ax for ax in figure.axes if ax.images]
    assert len(panels) == 2
    for ax, W in zip(panels, pair.snapshots.W, strict=True):  # each row its own
        at = dataclasses.replace(pair, final=dataclasses.replace(pair.final, W=W))
        np.testing.assert_array_equal(ax.images[0].get_array(), views.onto(at, ("q1", "p2")).final.W.T)
    assert not np.array_equal(*(ax.images[0].get_array() for ax in panels))
    assert [f"t\u00a0=\u00a0{t}" in words(figure) for t in ("0", "0.01")] == [True, True]
    assert f"correlation {MINUS}0.286" in words(figure)  # -0.3/sqrt(1.1)
    assert r"$W(q_{1}, p_{2})$ (1/action)" in words(figure)
    independent = dataclasses.replace(pair, final=dataclasses.replace(pair.final, W=np.ones(pair.grid.shape)))
    assert words(fp.plot.joint(independent)).count("uncorrelated") == 2


@pytest.mark.slow
def test_each_row_shows_its_own_result(start):
    """Names, W and correlations of two results, of which the second has exchanged particles."""
    exchanged = start.final.W.transpose(1, 0, 3, 2)
    other = dataclasses.replace(start, final=dataclasses.replace(start.final, W=exchanged))
    figure = fp.plot.joint(start, other, pairs=[("q1", "p2")])
    panels = [ax for ax in figure.axes if ax.images]
    said = (f"correlation {MINUS}0.286", "correlation +0.192")  # -0.3/sqrt(1.1), 0.2/sqrt(1.2 0.9)
    for k, (ax, result) in enumerate(zip(panels, (start, other), strict=True)):
        np.testing.assert_array_equal(ax.images[0].get_array(), views.onto(result, ("q1", "p2")).final.W.T)
        assert said[k] in words(ax)
        assert f"pair ({k + 1})" in words(ax)


@pytest.mark.slow
def test_snapshots_of_each_particle(pair):
    """A strip of times for each particle: W of one of two, at its own time."""
    figure = fp.plot.wigner(pair, times=[0.0, 0.01])
    panels = [ax for ax in figure.axes if ax.images]
    assert len(panels) == 4
    for k, (q, p) in enumerate((("q1", "p1"), ("q2", "p2"))):
        for j, ax in enumerate(panels[2 * k : 2 * k + 2]):
            at = dataclasses.replace(pair, final=dataclasses.replace(pair.final, W=pair.snapshots.W[j]))
            np.testing.assert_array_equal(ax.images[0].get_array(), views.onto(at, (q, p)).final.W.T)
    assert "pair, particle 2" in words(figure)


@pytest.mark.slow
def test_on_the_command_line(pair, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pair.save("pair.h5")
    assert status_of(["plot", "pair.h5", "--kind", "joint", "--time", "0.01"]) == 0
    assert (tmp_path / "pair-joint.png").stat().st_size > 10_000


@pytest.mark.parametrize("pairs", [[("q1", "q1")], [("q", "p")], ["q1"], "q1", [("q1", "q2", "p1")], [], 3])
def test_what_is_no_pair_is_a_sentence(pair, pairs):
    with pytest.raises(UsageError, match="pairs must be a list of two different coordinates each, out of q1, q2, p1, "):
        fp.plot.joint(pair, pairs=pairs)


def test_what_it_is_not_for(pair):
    with pytest.raises(UsageError, match="is about several particles, and the result has one"):
        fp.plot.joint(views.alone(pair)[0])
    for kind in ("overview", "portrait", "production", "husimi"):
        axes = r"draws one particle \(q, p\), but the result has the axes q1, q2, p1, p2; draw profile, joint or wigner"
        with pytest.raises(UsageError, match=axes):
            fp.plot.KINDS[kind](pair)
    with pytest.raises(UsageError, match="either time, for one snapshot, or times"):
        fp.plot.joint(pair, time=0.0, times=[0.0])


@pytest.mark.slow
def test_xarray_holds_each_particle(pair):
    """Reduced W, currents and channels of Pi by particle, on its own axes, and back."""
    pytest.importorskip("xarray")
    dataset = pair.to_xarray()
    assert dataset["W_2"].dims == ("q2", "p2")
    assert dataset["J_irreversible_1"].sel(particle_component="p").dims == ("q1", "p1")
    assert {"particle", "spring"} <= set(dataset.coords)
    assert list(dataset["particle"]) == [0, 1]
    assert list(dataset["heat_current"].sel(particle=1)) == list(pair.series["heat_current"][:, 1])
    assert list(dataset["spring"]) == []
    again = fp.Result.from_xarray(dataset)
    assert len(again.particles) == 2
    for one, other in zip(again.particles, pair.particles, strict=True):
        for field in dataclasses.fields(one):
            np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))
    assert fp.Result.from_xarray(dataset.drop_vars("W_1")).particles == ()
