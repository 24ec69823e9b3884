"""Figures: every kind is drawn and written, nothing that is noise or does not exist is drawn as if it were physics."""

import copy
import dataclasses
import itertools
import re
import runpy
import subprocess
import sys
import warnings
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Ellipse
from matplotlib.quiver import Quiver
from matplotlib.text import Text

import fpsolver as fp
from fpsolver import api, plot
from fpsolver.cli.main import status_of
from fpsolver.errors import OutputError, UsageError
from fpsolver.plot import lines, naming, phase_space, portraits, profiles, quantum, rates, style, sweep_axes, sweeps
from fpsolver.sweeps.table import Sweep

pytestmark = pytest.mark.slow  # constrained layout takes seconds for each figure

SYSTEM = {
    "mass": 1.0,
    "potential": {"kind": "harmonic", "omega": 1.0},
    "bath": {"model": "minimally_invasive", "eta": 0.5, "beta": 0.7},
}
# about several particles (test_many.py, test_joint.py) and about anharmonic wells (below)
SPECIAL = ("profile", "joint", "moyal")
KINDS = [kind for kind in plot.KINDS if kind not in SPECIAL]
LONG_REASON = "undefined: W is negative somewhere (negativity 0.0123)"


def short_run(title, bath=None, **changes):
    sections = {
        "title": title,
        "system": SYSTEM if bath is None else {**SYSTEM, "bath": bath},
        "initial": {"kind": "gaussian", "mean": [0.5, 0.0], "covariance": [[1.0, 0.0], [0.0, 1.2]]},
        "grid": {"q": {"cells": 48}, "p": {"cells": 48}},
        "time": {"until": 1.0},
        "output": {"every": 0.25},
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fp.FpsolverWarning)  # 48 cells are coarse on purpose: figures need no digits
        return fp.run(fp.Config(**{**sections, **changes}))


@pytest.fixture(scope="module")
def result():
    return short_run("minimally invasive")


@pytest.fixture(scope="module")
def hotter():
    return short_run("hotter", {"model": "minimally_invasive", "eta": 0.5, "beta": 0.5})


@pytest.fixture(scope="module")
def balanced():
    """The Gibbs state of a classical Kramers oscillator, where J^I = 0."""
    gibbs = {"kind": "gaussian", "mean": [0.0, 0.0], "covariance": [[1 / 0.7, 0.0], [0.0, 1 / 0.7]]}
    bath = {"model": "caldeira_leggett", "eta": 0.5, "beta": 0.7}
    grid = {
        "q": {"cells": 128},
        "p": {"cells": 128},
    }  # differences of order 8 leave J^I = 5e-8 J^R at 7 cells per deviation
    return short_run("balanced", bath, initial=gibbs, units={"hbar": 0.0}, grid=grid, time={"until": 0.25})


@pytest.fixture(scope="module")
def ring():
    q_axis = {"cells": 48, "extent": [0.0, 6.283185307179586], "boundary": "periodic"}
    return short_run(
        "ring",
        {"model": "caldeira_leggett", "eta": 0.5, "beta": 0.7},
        system={
            **SYSTEM,
            "potential": {"kind": "free"},
            "bath": {"model": "caldeira_leggett", "eta": 0.5, "beta": 0.7},
        },
        initial={"kind": "uniform", "momentum_variance": 0.8},
        units={"hbar": 0.0},
        grid={"q": q_axis, "p": {"cells": 48}},
    )


@pytest.fixture(scope="module")
def undefined(result):
    """A result whose entropies do not exist, and which was stopped."""
    names = [name for name in result.series if name.startswith("entropy_")]
    nothing = {name: np.full_like(result.series[name], np.nan) for name in names}
    return dataclasses.replace(
        result, series=result.series | nothing, reasons=dict.fromkeys(names, LONG_REASON), status="interrupted"
    )


def is_inside(figure, artist):
    """True if nothing of a title or a legend is cut off at the ends of its figure."""
    box = artist.get_window_extent()
    return box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y0 >= 0 and box.y1 <= figure.bbox.y1


def words(figure):
    """All text of a figure, in one line."""
    return " ".join(text.get_text().replace("\n", " ") for text in figure.findobj(Text))


def arrows(ax):
    return [child for child in ax.get_children() if isinstance(child, Quiver)]


def draw(figure):
    """Lay out and paint, so that whatever warns does it here."""
    figure.draw_without_rendering()
    return figure


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_written(kind, suffix, result, tmp_path):
    figure = plot.KINDS[kind](result)
    assert isinstance(figure, Figure)
    path = plot.save(figure, tmp_path / "new" / f"figure{suffix}")
    assert path.stat().st_size > 1000
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("kind", ["overview", "production", "marginals"])
@pytest.mark.parametrize("name", ["ring", "balanced", "undefined"])
def test_every_kind_of_state_is_drawn(kind, name, request):
    assert draw(plot.KINDS[kind](request.getfixturevalue(name))).axes


@pytest.mark.parametrize("kind", KINDS)
def test_several_results_are_named(kind, result, hotter, ring, undefined):
    text = words(draw(plot.KINDS[kind](result, hotter, ring, undefined)))
    for title in ("minimally invasive (1)", "hotter", "ring", "minimally invasive (4)"):
        assert title in text


@pytest.mark.parametrize(
    ("kind", "time"), [("overview", np.inf), ("series", np.inf), ("series", 0.0), ("wigner", np.inf)]
)
def test_single_record(kind, time, result):
    """Rates are bars with numbers, not curves through one point; W is what it was."""
    first = {name: values[-1:] for name, values in result.series.items()} | {"time": np.array([time])}
    exact = {name: values[-1:] for name, values in result.exact.items()}
    final = dataclasses.replace(result.final, time=time)
    figure = draw(plot.KINDS[kind](dataclasses.replace(result, series=first, exact=exact, final=final)))
    rates = [result.last(name) for name in ("entropy_production", "entropy_flux", "entropy_rate")]
    bars = [bar.get_width() for ax in figure.axes for bar in ax.patches]
    assert bars == ([] if kind == "wigner" else rates)
    if kind == "wigner":
        np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), result.final.W.T)
    if kind != "overview":
        assert ("steady state" if time == np.inf else "t = 0") in words(figure)


@pytest.mark.parametrize(
    ("kind", "text"),
    [("overview", r"no finite $\Pi$ and $\Phi$"), ("production", r"$\Pi$ is nan"), ("marginals", "exact")],
)
def test_failed_run_without_a_finite_density(kind, text, result):
    """Zeros where nothing is known, with words; what is known exactly is there."""
    nothing = np.full(result.grid.shape, np.nan)
    final = dataclasses.replace(result.final, W=nothing, entropy_production_density=nothing)
    series = {name: np.full_like(values, np.nan) for name, values in result.series.items() if name != "time"}
    series["time"] = result.series["time"]
    figure = draw(plot.KINDS[kind](dataclasses.replace(result, final=final, series=series, status="failed")))
    assert text in words(figure)
    assert not any(np.any(image.get_array()) for ax in figure.axes for image in ax.images)
    for ax in figure.axes if kind == "marginals" else ():
        computed, exact = ax.lines
        assert not computed.get_ydata().any()
        assert exact.get_ydata().max() > 0.1


@pytest.mark.parametrize("kind", ["overview", "wigner", "currents", "production"])
def test_signed_density_has_two_sided_colours(kind, result):
    W = result.final.W * np.cos(3 * result.grid.coordinates[0])
    signed = dataclasses.replace(result, final=dataclasses.replace(result.final, W=W))
    mapping = phase_space.colours([signed])
    assert mapping.norm.vmin == -mapping.norm.vmax
    assert mapping.cmap is style.DIVERGING
    draw(plot.KINDS[kind](signed))


@pytest.mark.parametrize(("lowest", "count"), [(-0.009, 0), (-0.011, 1), (-0.2, 2)])
def test_negative_contours_are_dashed(lowest, count, result, own_axes):
    """At -1 % and -10 % of the largest W; below that, waves of the grid would be drawn."""
    W = result.final.W / result.final.W.max()
    W = np.where(W < 1e-3, 0.0, W)
    W[:4, :4] = lowest
    ax = own_axes[0]
    phase_space.draw_contours(ax, result, 1.0, values=W)
    [drawn] = ax.collections
    assert [level for level in drawn.levels if level < 0] == [-0.1, -0.01][2 - count :]
    dashed = [pattern is not None for _, pattern in drawn.get_linestyle()]
    assert dashed == [True] * count + [False] * (len(drawn.levels) - count)


def test_positive_is_blue_and_negative_red_in_every_map(result):
    """Whether a cell is negative or not changes no colour of the others; pale shades lie under arrows."""
    signed = dataclasses.replace(result.final, W=result.final.W * np.cos(3 * result.grid.coordinates[0]))
    under = phase_space.colours([dataclasses.replace(result, final=signed)], style.MUTED).cmap
    for cmap in (style.DIVERGING, under):
        (low_red, _, low_blue), (high_red, _, high_blue) = cmap(0.0)[:3], cmap(1.0)[:3]
        assert low_red > low_blue
        assert high_blue > high_red
        assert cmap(0.5) == (1, 1, 1, 1)
    assert min(under(0.0)[:3]) > min(style.DIVERGING(0.0)[:3])
    upper, one_sided = style.DIVERGING(np.linspace(0.5, 1, 5)), style.SEQUENTIAL(np.linspace(0, 1, 5))
    np.testing.assert_allclose(upper, one_sided, rtol=0, atol=4e-3)  # neighbouring shades of 256


def test_no_arrows_at_detailed_balance(balanced):
    reversible, irreversible = plot.currents(balanced).axes[:2]
    assert arrows(reversible)
    assert not arrows(irreversible)
    assert "to the accuracy of the grid" in words(irreversible)  # 6e-8 of J^R
    exact = dataclasses.replace(balanced.final, J_irreversible=1e-13 * balanced.final.J_reversible)
    assert "to round-off" in words(plot.currents(dataclasses.replace(balanced, final=exact)).axes[1])


def test_grid_error_at_detailed_balance_is_no_current(balanced):
    error = dataclasses.replace(balanced.final, J_irreversible=1e-4 * balanced.final.J_reversible)
    steady = dataclasses.replace(balanced, final=error, status="steady")
    assert "to the accuracy of the grid" in words(plot.currents(steady).axes[1])
    assert "to the accuracy of the grid" in words(plot.production(steady).axes[0])
    moving = dataclasses.replace(steady, status="finished")
    assert arrows(plot.currents(moving).axes[1])


def test_arrows_where_current_flows(result):
    for ax in plot.currents(result).axes[:2]:
        assert arrows(ax)
        assert "round-off" not in words(ax)


def test_arrows_are_the_current(result):
    """Arrows of J^R are means of the final current over blocks of cells, in the units of the axes."""
    drawn = arrows(plot.currents(result).axes[0])[0]
    q, p = result.grid.axes
    half = [np.diff(np.unique(x)).min() / 2 for x in drawn.XY.T]  # of a block
    for (x, y), *found in zip(drawn.XY, drawn.U, drawn.V, strict=True):
        block = np.ix_(np.abs(q.centres - x) < half[0], np.abs(p.centres - y) < half[1])
        means = [J[block].mean() for J in result.final.J_reversible]
        np.testing.assert_allclose(found, means, rtol=0, atol=1e-15)  # order of the sums
    assert len(drawn.XY) > 100
    assert drawn.angles == drawn.scale_units == "xy"


@pytest.mark.parametrize("kind", ["wigner", "currents", "production"])
def test_scale_and_view_are_common(kind, result, hotter):
    axes = [ax for ax in plot.KINDS[kind](result, hotter).axes if ax.images]
    assert len({image.get_clim() for ax in axes for image in ax.images}) == 1
    assert len({(ax.get_xlim(), ax.get_ylim()) for ax in axes}) == 1


def test_small_current_is_enlarged_and_says_so(result):
    small = dataclasses.replace(
        result, final=dataclasses.replace(result.final, J_irreversible=result.final.J_irreversible / 30)
    )
    axes = plot.currents(result, small).axes
    assert "times" not in words(axes[1])
    assert r"arrows $\times$20" in words(axes[3])
    assert arrows(axes[3])[0].scale == pytest.approx(arrows(axes[1])[0].scale / 20, rel=1e-14, abs=0)  # one division


def test_films_enlarge_small_currents_too(tmp_path, monkeypatch):
    """A strong start would fix a scale on which the rest of the film is empty."""
    start = {"kind": "gaussian", "mean": [0.5, 0.0], "covariance": [[1.0, 0.0], [0.0, 4.0]]}
    relaxed = short_run("relaxed", initial=start, time={"until": 4.0}, output={"every": 2.0, "snapshots": 2})
    tags = []
    monkeypatch.setattr(style, "tag", lambda ax, text: tags.append(text))
    plot.animate(relaxed, tmp_path / "film.gif")
    assert "$J^I$ irreversible" in tags
    assert any(text.startswith(r"$J^I$ irreversible, arrows $\times$") for text in tags)
    assert not any("arrows" in text for text in tags if "J^R" in text)


def test_channels_integrate_to_the_series(result):
    from fpsolver.plot import panels

    totals = [result.grid.integrate(density) for density in panels.channels(result)]
    expected = [result.last(f"entropy_production{part}") for part in ("", "_q", "_p")]
    np.testing.assert_allclose(totals, expected, rtol=1e-13)  # the same sums in another order


def test_view_leaves_out_the_empty_box(result):
    box = phase_space.view([result])
    for (low, high), axis in zip(box, result.grid.axes, strict=True):
        assert axis.low <= low < high <= axis.high
    outside = result.final.W.copy()
    q, p = (axis.centres for axis in result.grid.axes)
    outside[np.ix_((q > box[0, 0]) & (q < box[0, 1]), (p > box[1, 0]) & (p < box[1, 1]))] = 0
    assert outside.max() <= phase_space.VISIBLE * result.final.W.max()


@pytest.mark.parametrize("kind", ["overview", "series", "production"])
def test_what_does_not_exist_gives_its_reason(kind, undefined):
    assert "W is negative somewhere" in words(plot.KINDS[kind](undefined))


def test_infinite_production_gives_its_reason(result, hotter):
    names = ["entropy_production", "entropy_production_q", "entropy_production_p", "entropy_flux"]
    infinite = {name: np.full_like(result.series[name], np.inf) for name in names}
    reason = "infinite: the irreversible drift has a component without noise"
    noiseless = dataclasses.replace(
        result,
        series=result.series | infinite,
        exact={**result.exact, **{name: infinite[name] for name in ("entropy_production", "entropy_flux")}},
        reasons=dict.fromkeys(names, reason),
    )
    for kind in ("overview", "series", "production"):
        assert "component without noise" in words(draw(plot.KINDS[kind](noiseless)))
    beside_another = draw(plot.series(noiseless, hotter))
    assert "component without noise" not in words(beside_another.axes[0])  # it would cover the other's curve
    assert "component without noise" in words(beside_another)


def test_closure_is_that_of_the_series(result):
    s = {name: values.copy() for name, values in result.series.items()}
    s["entropy_rate"] = s["entropy_production"] - s["entropy_flux"] + 1e-3
    np.testing.assert_allclose(lines.closure(dataclasses.replace(result, series=s)), 1e-3, rtol=1e-10)  # cancellation
    assert lines.closure(result).max() < 1e-4  # 48 cells


@pytest.mark.parametrize("kind", ["series", "overview"])
def test_the_balance_with_quantum_terms_says_so(kind, result):
    """S_Moyal is drawn, and the closure is named as what it is; without such terms nothing is said of them."""
    quantum_terms = np.linspace(0.0, 0.01, len(result.series["time"]))
    anharmonic = dataclasses.replace(result, series=result.series | {"entropy_moyal": quantum_terms})
    figure = draw(plot.KINDS[kind](anharmonic))
    assert r"$|\dot S - (\Pi - \Phi + S_{\mathrm{Moyal}})|$" in words(figure)
    curves = [line.get_ydata() for ax in figure.axes for line in ax.lines]
    assert any(np.array_equal(curve, quantum_terms) for curve in curves)
    assert "Moyal" not in words(draw(plot.KINDS[kind](result)))
    single = {name: values[-1:] for name, values in anharmonic.series.items()}
    bars = words(draw(plot.series(dataclasses.replace(anharmonic, series=single, exact=None))))
    assert r"- \Phi + S_{\mathrm{Moyal}})" in bars
    assert "0.01" in bars.split()


def test_a_uniform_marginal_is_below_the_frame(ring):
    for figure in (plot.marginals(ring), plot.overview(ring)):
        [ax, *_] = [ax for ax in figure.axes if ax.get_ylabel().startswith("$P(q)$") and ax.get_yscale() == "linear"]
        assert ax.get_ylim() == pytest.approx((0, 1.05 * lines.marginal(ring, 0).max()), rel=1e-12, abs=0)


def test_overviews_name_the_dashes_of_rates_once(result):
    def labels(shown):
        legends = [ax.get_legend() for ax in plot.overview(shown).axes if "rates" in ax.get_ylabel()]
        return [text.get_text() for legend in legends for text in legend.get_texts()]

    assert labels(result) == [*lines.RATES.values(), "exact"]
    assert labels(dataclasses.replace(result, exact=None)) == [*lines.RATES.values()]


def test_exact_marginal_is_close_to_the_computed_one(result):
    for k in range(2):
        exact, found = lines.exact_marginal(result, k), lines.marginal(result, k)
        np.testing.assert_allclose(found, exact, rtol=0, atol=1e-5)  # 48 cells; the marginals are about 0.4 high


def test_what_is_not_positive_is_no_wall_on_a_logarithmic_axis(result):
    """Far tails of a coarse grid change their sign: nothing is drawn there, instead of a fall to the lower end."""
    W = result.final.W.copy()
    W[:6] = -1e-16
    figure = draw(plot.marginals(dataclasses.replace(result, final=dataclasses.replace(result.final, W=W))))
    scale = figure.axes[2].yaxis.get_transform()
    assert figure.axes[2].get_yscale() == "log"
    with np.errstate(all="ignore"):
        assert np.isnan(scale.transform(np.array([-1e-16])))


def test_settled_runs_are_cut(result):
    t = np.linspace(0, 100, 401)
    decaying = {name: np.exp(-t) for name in (*lines.RATES, "entropy_moyal")} | {"time": t}
    long = dataclasses.replace(result, series=result.series | decaying, exact=None)
    ax = plot.series(long).axes[-1]  # there is nothing left of the balance, and so no panel for it
    assert len(plot.series(long).axes) == 4
    assert ax.get_xlim()[1] == pytest.approx(1.5 * 6.25, abs=0.5)  # exp(-6.2) = 2e-3
    assert "run ends at 100" in ax.get_xlabel()


def test_no_curve_runs_through_the_legend(result):
    """Four curves that leave no corner free."""
    names = (*lines.RATES, "entropy_moyal")
    shapes = np.random.default_rng(0).uniform(-1.0, 1.0, (len(names), len(result.series["time"])))
    wild = dataclasses.replace(result, series=result.series | dict(zip(names, shapes, strict=True)), exact=None)
    figure = draw(plot.overview(wild))
    legends = [ax for ax in figure.axes if ax.get_legend() and "$S_{" in ax.get_legend().get_texts()[-1].get_text()]
    for ax in legends:
        bottom = ax.transData.inverted().transform(ax.get_legend().get_window_extent())[0, 1]
        assert bottom > max(np.nanmax(line.get_ydata()) for line in ax.lines)
    assert len(legends) == 1


@pytest.mark.parametrize("kind", ["overview", "wigner"])
def test_letters_and_formulas_have_the_font_of_the_user(kind, result):
    """One kind of font for everything, also for ticks that are made when the figure is saved."""
    for family, formulas in (("serif", "cm"), ("sans-serif", "dejavusans")):
        with mpl.rc_context({"font.family": family, "mathtext.fontset": formulas}):
            figure = draw(plot.KINDS[kind](result))
        texts = [text for text in figure.findobj(Text) if text.get_text()]
        assert {(*text.get_fontfamily(), text.get_math_fontfamily()) for text in texts} == {(family, formulas)}


def test_titles_are_taken_literally(result, tmp_path):
    """Dollars and backslashes are no formulas; an underscore that would hide a label is left out."""
    config = result.config.model_copy(update={"title": "_cost: $5 or $\\notacommand"})
    odd = dataclasses.replace(result, config=config)
    for kind in ("overview", "wigner", "series"):
        figure = plot.KINDS[kind](odd)
        assert r"cost: \$5 or \$\notacommand" in words(figure)
        assert "_cost" not in words(figure)
        path = plot.save(figure, tmp_path / f"{kind}.svg")
        assert r"cost: $5 or $\notacommand" in path.read_text(encoding="utf-8")  # the comment above each drawn text


@pytest.mark.parametrize(("name", "cure"), [("f.eps", r"f\.pdf"), ("f.PS", r"f\.pdf"), ("f.jpg", r"f\.png")])
def test_the_suffix_suggested_is_of_the_same_sort(name, cure, result, tmp_path):
    with pytest.raises(UsageError, match=f"name it '{cure}'"):
        plot.save(plot.wigner(result), tmp_path / name)


@pytest.mark.parametrize("name", ["figure.jpg", "figure"])
def test_unknown_suffix(name, result, tmp_path):
    with pytest.raises(UsageError, match=r"must be one of \.png, \.pdf, \.svg.*figure\.png"):
        plot.save(plot.wigner(result), tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("figure", "name", "options", "words"),
    [
        (None, "a.png", {}, "a matplotlib Figure is needed, but got None; give what functions of fp.plot return"),
        ("a.png", "a.png", {}, "Figure is needed, but got 'a.png'"),
        (Figure(), None, {}, "the path of a file is needed, but got None"),
        (Figure(), "a.png", {"dpi": "200"}, "dpi must be a finite number above 0, but is '200'"),
        (Figure(), "a.png", {"dpi": 0}, "dpi must be a finite number above 0, but is 0"),
    ],
)
def test_what_cannot_be_saved_is_a_sentence(figure, name, options, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=re.escape(words)):
        plot.save(figure, name, **options)
    assert not list(tmp_path.iterdir())


def test_half_file_never_stays(result, tmp_path, monkeypatch):
    figure, target = plot.wigner(result), tmp_path / "figure.png"
    target.write_text("old")

    def broken(path, **options):
        Path(path).write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(figure, "savefig", broken)
    with pytest.raises(OutputError, match="No space left"):
        plot.save(figure, target)
    assert target.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_the_legend_names_dashes_only_where_there_are_some(result):
    """Of a Fock start Phi is known exactly, the marginals are not; of a well nothing is."""
    unknown = np.full_like(result.exact["entropy_production"], np.nan)
    fock = dataclasses.replace(result, exact={**result.exact, "entropy_production": unknown})
    nothing = dataclasses.replace(result, exact=None)
    unknown_rates = dataclasses.replace(fock, exact={**fock.exact, "entropy_flux": unknown})
    for shown, of_marginals, of_rates in (
        (result, True, True),
        (fock, False, True),
        (unknown_rates, False, False),
        (nothing, False, False),
    ):
        for kind, expected in (("marginals", of_marginals), ("series", of_rates)):
            labels = [text.get_text() for legend in plot.KINDS[kind](shown).legends for text in legend.get_texts()]
            assert ("exact" in labels) is expected


@pytest.mark.parametrize("kind", KINDS)
def test_figures_have_the_size_that_is_asked_for(kind, result):
    figure = plot.KINDS[kind](result, figsize=(5, 4.5))
    assert figure.get_size_inches().tolist() == [5, 4.5]
    with pytest.raises(UsageError, match=r"figsize must be \(width, height\) in inches, each from 1 to 100, but is"):
        plot.KINDS[kind](result, figsize=(5, 4500))


@pytest.mark.parametrize("kind", sweeps.KINDS)
def test_figures_of_sweeps_have_the_size_that_is_asked_for(kind):
    verdicts = dict.fromkeys(("satisfies_detailed_balance", "cp_margin"), np.ones((2, 2)))
    found = swept({ETA: [1, 2], BETA: [1, 2]}, [[1, 2], [3, 4]], **verdicts)
    assert sweeps.KINDS[kind](found, figsize=(3.4, 2.6)).get_size_inches().tolist() == [3.4, 2.6]
    with pytest.raises(UsageError, match="figsize must be"):
        sweeps.KINDS[kind](found, figsize=3.4)


@pytest.mark.parametrize("figsize", [5, (5,), (5, 0), ("a", "b"), (5, np.nan), "ab"])
def test_what_is_no_size_is_a_sentence(figsize, result):
    with pytest.raises(UsageError, match="leave it out for the usual size"):
        plot.wigner(result, figsize=figsize)


@pytest.mark.parametrize("kind", KINDS)
def test_no_results(kind):
    with pytest.raises(UsageError, match="at least one result"):
        plot.KINDS[kind]()


def test_what_is_no_result_is_told_what_to_do(result):
    for given, cure in (
        ("run.h5", "got str; read files with fpsolver.load_result"),
        ([], "got list; read files with fpsolver.load_result"),
        ([result, result], r"got list; give them as plot.wigner\(\*results\)"),
        (swept({ETA: [1, 2]}, [1, 2]), "got Sweep; draw sweeps with fpsolver.plot.sweep_lines, sweep_map or"),
    ):
        with pytest.raises(UsageError, match=f"plot.wigner needs results, but {cure}"):
            plot.wigner(given)
    with pytest.raises(UsageError, match=r"plot\.animate needs results, but got list; give one of them"):
        plot.animate([result], "film.gif")


@pytest.mark.parametrize("name", ["sweep_lines", "sweep_map", "sweep_phases"])
def test_what_is_no_sweep_is_told_what_to_do(name, result):
    cures = {"Result; draw results with plot.series": result, "str; read files with fpsolver.load_sweep": "s.h5"}
    for cure, given in cures.items():
        with pytest.raises(UsageError, match=f"plot.{name} needs a sweep, but got {cure}"):
            getattr(plot, name)(given)


def test_completion_offers_figures_only():
    assert dir(plot) == sorted(plot.__all__)
    assert plot.style is style  # modules stay importable


def test_options_that_mean_nothing_are_refused(result, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    result.save("a.h5")
    for quantity in ("mean.p", "entropy_production"):
        assert status_of(["plot", "a.h5", "--quantity", quantity]) == 2
        assert f"--quantity {quantity} chooses what to draw of a sweep, but a.h5 is a result" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]
    assert status_of(["plot", "--help"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "(default: overview of one particle on a grid, else profile or series)" in told
    assert "(default: entropy_production)" in told


def test_settings_of_the_user_stay(result):
    before = copy.deepcopy(dict(mpl.rcParams))
    plot.overview(result)
    assert dict(mpl.rcParams) == before


def test_pyplot_is_not_imported():
    code = "import sys, fpsolver.plot; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_ellipses_are_one_standard_deviation():
    """Every point x of the curve has (x - mean) V^-1 (x - mean) = 1."""
    mean, V = np.array([1.0, -2.0]), np.array([[2.0, 0.7], [0.7, 0.5]])
    curve = portraits.ellipse(mean, V, "k")
    path = curve.get_patch_transform().transform_path(curve.get_path())
    # Bezier arcs touch the ellipse at their ends
    x = path.vertices[::3] - mean
    np.testing.assert_allclose(np.einsum("ki,ij,kj->k", x, np.linalg.inv(V), x), 1, rtol=1e-6)


def test_portraits_show_the_path_of_the_mean_and_the_exact_one(result):
    figure = plot.portrait(result)
    [ax] = figure.axes
    drawn = [line.get_xydata() for line in ax.lines if len(line.get_xydata()) == len(result.series["time"])]
    np.testing.assert_array_equal(drawn[0], result.series["mean"])
    exact = portraits.exact_path(result)
    assert len(exact) == portraits.POINTS
    np.testing.assert_allclose(exact[[0, -1]], result.series["mean"][[0, -1]], rtol=0, atol=1e-8)
    assert any(len(line.get_xydata()) == portraits.POINTS for line in ax.lines)
    box = portraits.view([result])
    assert (np.array([ax.get_xlim(), ax.get_ylim()]) == box).all()


def named(figure):
    """What the legends of a figure name."""
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_portraits_of_rings_have_no_mean(ring):
    figure = plot.portrait(ring)
    assert not figure.axes[0].lines
    assert named(figure) == ["drift $A x + f$", "contours of the final $W$"]


def test_portraits_of_several_wells_have_contours(result):
    """One deviation around the mean of both would hold the barrier, where the particle is not."""
    well = {"kind": "double_well", "quadratic": 1.0, "quartic": 0.4}
    config = result.config.replaced(system={"potential": well})
    figure = plot.portrait(dataclasses.replace(result, config=config, exact=None))
    assert not any(isinstance(patch, Ellipse) for patch in figure.axes[0].patches)
    assert named(figure) == ["drift $A x + f$", "start", "mean", "contours of the final $W$"]
    assert is_inside(draw(figure), figure.legends[0])
    box = phase_space.view([result])
    (low, high), (lower, upper) = figure.axes[0].get_xlim(), figure.axes[0].get_ylim()
    assert low <= box[0, 0] < box[0, 1] <= high
    assert lower <= box[1, 0] < box[1, 1] <= upper
    beside = named(plot.portrait(dataclasses.replace(result, config=config, exact=None), result))
    assert r"mean and 1$\sigma$ ellipses" in beside
    assert "exact mean" in beside
    assert "contours of the final $W$ (several wells)" in beside


def test_portraits_of_one_record_name_what_they_show(result, solved):
    """A steady state has no start, and what was stopped at t = 0 is nothing but a start."""
    first = {name: values[:1] for name, values in result.series.items()}
    stopped = dataclasses.replace(result, series=first, exact={name: each[:1] for name, each in result.exact.items()})
    for shown, label, colour in (
        (solved, r"mean and 1$\sigma$ ellipses", portraits.END),
        (stopped, r"mean and 1$\sigma$ ellipses at the start", portraits.START),
    ):
        figure = plot.portrait(shown)
        assert named(figure) == ["drift $A x + f$", label]
        assert is_inside(draw(figure), figure.legends[0])
        [around] = [patch for patch in figure.axes[0].patches if isinstance(patch, Ellipse)]
        assert around.get_edgecolor() == to_rgba(colour)


def test_arrows_stay_on_the_ring(ring, result):
    """Where a ring is drawn beside a wider box its arrows end with it."""
    figure = plot.currents(ring, result)
    [upper] = [child for child in figure.axes[0].get_children() if isinstance(child, Quiver) and child.N > 1]
    box = upper.get_clip_box().transformed(figure.axes[0].transData.inverted())
    assert (box.x0, box.x1) == pytest.approx((0.0, 2 * np.pi))


def test_the_gallery_shows_every_configuration():
    root = Path(__file__).parents[1]
    page = (root / "docs" / "gallery.md").read_text(encoding="utf-8")
    assert page == runpy.run_path(str(root / "scripts" / "figures.py"))["page"](), "run `python scripts/figures.py`"
    for path in (root / "configs").glob("*.yaml"):
        assert f"### {path.stem}\n" in page
    names = re.findall(r"images/(\S+?)\)", page)
    assert len(names) == page.count("images/") > 20
    for name in names:
        assert (root / "docs" / "images" / name).stat().st_size < 400_000


def test_signed_w_beside_its_husimi_function(result, ring):
    """W on colours that are symmetric around a white 0; Q from white at 0, on a view that holds its tail; reasons."""
    start, grid = {"kind": "fock", "n": 1, "omega": 1.0}, {"q": {"cells": 96}, "p": {"cells": 96}}
    fock = short_run("n = 1", initial=start, grid=grid, time={"until": 0.01}, output={"every": 0.01})
    figure = draw(plot.husimi(fock, result, ring))
    signed, smooth = figure.axes[0].images[0], figure.axes[1].images[0]
    low, high = signed.get_clim()
    assert low == -high
    assert low <= fock.final.W.min() < -0.1
    assert signed.cmap(signed.norm(0.0)) == (1, 1, 1, 1)
    assert smooth.get_clim()[0] == 0
    Q = np.asarray(smooth.get_array()).T
    q, p = fock.grid.coordinates
    u = (q**2 + p**2) / 2
    np.testing.assert_allclose(Q, u * np.exp(-u) / (2 * np.pi), rtol=0, atol=2e-3)  # of t = 0: it has spread since
    (left, right), held = figure.axes[1].get_xlim(), np.abs(Q) > 1.1e-4 * Q.max()
    assert left < q[held.any(axis=1)].min() < q[held.any(axis=1)].max() < right
    text = words(figure)
    bars = [ax.get_ylabel() for ax in figure.axes[6:]]
    assert bars == [style.W_LABEL, "$Q$ (1/action)"]
    with pytest.raises(UsageError, match=r"that of 'ring' is undefined: a classical system .* draw another kind"):
        plot.husimi(ring)  # half of the figure would be empty
    assert f"{fock.last('entropy_wehrl'):.4g}" in text
    assert "classical system (hbar = 0) has no Husimi function" in text


def test_current_of_the_quantum_terms():
    """(hbar^2 U3/24) d_p^2 W, U3 the third derivative, in a quartic well; nothing, with words, in a harmonic one."""
    wells = {
        "quartic": {"kind": "quartic", "omega": 1.0, "quartic": 0.4},
        "harmonic": {"kind": "harmonic", "omega": 1.0},
    }
    start = {"kind": "gaussian", "mean": [0.3, 0.0], "covariance": [[0.8, 0.0], [0.0, 1.2]]}
    found = {}
    for name, well in wells.items():
        system = {"mass": 1.0, "potential": well, "bath": {"model": "none"}}
        axes = {"q": {"cells": 96, "extent": [-6, 6]}, "p": {"cells": 96, "extent": [-10, 10]}}
        config = fp.Config(system=system, initial=start, grid=axes, time={"until": 1e-3})
        found[name] = api.run_problem(api.prepare(config))
    assert quantum.current(found["harmonic"]) is None
    with pytest.raises(UsageError, match=r"quantum terms of anharmonic wells, and 'none' has none"):
        plot.moyal(found["harmonic"])
    beside = " ".join(words(draw(plot.moyal(found["quartic"], found["harmonic"]))).split())
    assert quantum.NO_TERMS.split(":")[0] in beside
    J, (q, p) = quantum.current(found["quartic"]), found["quartic"].grid.coordinates
    W = found["quartic"].final.W
    expected = 2.4 * q / 24 * (p**2 / 1.2**2 - 1 / 1.2) * W  # at time 0; W has moved by 1e-3 since
    np.testing.assert_allclose(J, expected, rtol=0, atol=5e-3 * np.abs(expected).max())


IS = "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}"


def test_keys_that_end_alike_are_whole(result):
    """An extent is that of q or of p."""
    config = result.config.replaced(grid={"q": {"extent": [-8.0, 8.0]}}, time={"max_time": 10.0})
    [_, name] = naming.names([result, dataclasses.replace(result, config=config)])
    assert name.endswith(f", grid.q.extent{IS}[-8.0, 8.0], max_time{IS}10.0")


@pytest.mark.parametrize("kind", ["series", "marginals", "portrait", "wigner"])
def test_runs_that_did_not_end_well_are_marked(kind, result, hotter):
    late = dataclasses.replace(result, status="not_converged")
    text = words(plot.KINDS[kind](late, dataclasses.replace(hotter, status="failed")))
    assert "(not converged)" in text
    assert "(failed)" in text
    assert "(finished)" not in words(plot.KINDS[kind](result))


def test_the_axis_of_time_speaks_for_all_results(result, solved):
    """Runs that end at different times have no end in common."""
    t = np.linspace(0, 100, 401)
    decaying = {name: np.exp(-t) for name in (*lines.RATES, "entropy_moyal")} | {"time": t}
    long = dataclasses.replace(result, series=result.series | decaying, exact=None)
    longer = dataclasses.replace(long, series=long.series | {"time": 1.5 * t})
    for shown in ((long, long), (long, solved)):
        assert plot.series(*shown).axes[-1].get_xlabel().endswith("(rates settled; run ends at 100)")
    assert plot.series(long, longer).axes[-1].get_xlabel().endswith("(rates settled; runs end at 100 to 150)")


def test_only_runs_that_settled_are_called_so(result):
    """Beside them runs that end before the axis does, in mid-motion."""
    t = np.linspace(0, 100, 401)
    decaying = {name: np.exp(-t) for name in (*lines.RATES, "entropy_moyal")} | {"time": t}
    long = dataclasses.replace(result, series=result.series | decaying, exact=None)
    longer = dataclasses.replace(long, series=long.series | {"time": 1.5 * t})
    assert result.series["time"][-1] == 1.0
    ax = plot.series(result, long).axes[-1]
    assert ax.get_xlabel() == "time $t$ (the run to 100 has settled)"
    assert 1.0 < ax.get_xlim()[1] < 100
    assert plot.series(long, result, longer).axes[-1].get_xlabel().endswith("(the runs to 100 to 150 have settled)")
    assert plot.series(long, result, long).axes[-1].get_xlabel().endswith("(the runs to 100 have settled)")


def test_results_with_one_title_are_told_apart_by_their_configuration():
    def named(*configs):
        return naming.names([dataclasses.replace(RESULT, config=config) for config in configs])

    RESULT = short_run("one title")
    weak, other = RESULT.config, RESULT.config.replaced(output={"every": 0.1})
    strong = weak.replaced(system={"bath": {**SYSTEM["bath"], "eta": 1.0}})
    assert named(weak, strong) == [f"one title, eta{IS}0.5", f"one title, eta{IS}1.0"]
    assert named(weak, other) == ["one title (1)", "one title (2)"]  # where the output goes tells nothing
    assert named(weak, strong, strong) == ["one title (1)", "one title (2)", "one title (3)"]


@pytest.mark.slow
def test_legends_name_the_keys_of_a_sweep_over_four():
    """Each line within the figure, each key beside its value, and no digits of round-off."""
    first = short_run("minimally invasive oscillator of a long title")
    bath = SYSTEM["bath"] | {"eta": 0.1 + 0.2, "beta": 1.5}
    other = first.config.replaced(system={"mass": 1.25, "bath": bath, "potential": {"omega": 1.125}})
    both = [first, dataclasses.replace(first, config=other)]
    [_, name] = naming.names(both)
    assert name.endswith(f", mass{IS}1.25, omega{IS}1.125, beta{IS}1.5, eta{IS}0.3")
    moved = dataclasses.replace(first, config=first.config.replaced(initial={"mean": [0.1 + 0.2, 0.0]}))
    assert naming.names([first, moved])[1].endswith(f", mean{IS}[0.3, 0.0]")
    single = {key: values[-1:] for key, values in first.series.items()}
    for shown in (both, [dataclasses.replace(each, series=single) for each in both]):  # curves, and bars
        figure = plot.series(*shown)
        figure.draw_without_rendering()
        [legend] = figure.legends
        assert f"mass{IS}1.25" in "".join(text.get_text() for text in legend.get_texts())
        assert legend.get_window_extent().x1 <= figure.bbox.x1


def test_many_changed_keys_are_told_apart_by_their_files(tmp_path, monkeypatch):
    first = short_run("one title")
    config = first.config.replaced(system={"bath": {**SYSTEM["bath"], "eta": 1.0}}, units={"hbar": 0.5}, initial={})
    config = config.replaced(system={"potential": {"omega": 1.2}}, time={"until": 0.7})
    other = dataclasses.replace(first, config=config.replaced(system={"mass": 1.1}))
    paths = [Path("weak.h5"), Path("strong.h5"), Path("weak/strong.h5")]
    assert naming.names(naming.after_files([first, other], paths[:2])) == ["weak", "strong"]
    assert naming.names(naming.after_files([first, other, other], paths)) == ["weak", "strong", "weak/strong"]
    near = dataclasses.replace(first, config=first.config.replaced(system={"mass": 1.1}))
    assert naming.after_files([first, near], paths[:2]) == [first, near]
    assert naming.names([first, near]) == [f"one title, mass{IS}1.0", f"one title, mass{IS}1.1"]
    shown = []
    monkeypatch.setitem(plot.KINDS, "series", lambda *group: shown.extend(r.title for r in group) or Figure())
    for result, path in ((first, "weak.h5"), (other, "strong.h5")):
        result.save(tmp_path / path)
    assert status_of(["plot", str(tmp_path / "weak.h5"), str(tmp_path / "strong.h5"), "--kind", "series"]) == 0
    assert shown == ["weak", "strong"]


def test_a_sweep_beside_a_result_is_refused_by_its_name(result, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result.save("a.h5")
    table = swept({ETA: [1, 2]}, [1, 2], **dict.fromkeys(("entropy_flux", "mean"), np.ones(2)))
    del table.data["mean"]
    table.save("sweep.h5")
    assert status_of(["plot", "a.h5", "sweep.h5"]) == 2
    assert "sweep.h5 is a sweep and a.h5 a result" in capsys.readouterr().err
    assert status_of(["plot", "missing.h5", "sweep.h5"]) == 2
    assert "missing.h5 does not exist" in capsys.readouterr().err


def test_snapshots_of_w(tmp_path, capsys, monkeypatch):
    stepped = short_run("swing", output={"every": 0.25, "snapshots": 4})
    figure = draw(plot.wigner(stepped, time=0.26))
    assert "t\u00a0=\u00a00.25" in words(figure)
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), stepped.snapshots.W[1].T)
    for time in (np.nan, [0, 1], "1", -1.0, True):
        with pytest.raises(UsageError, match=r"time must be a finite number, 0 or above, but is .*; give for example"):
            plot.wigner(stepped, time=time)
    bare = dataclasses.replace(stepped, snapshots=fp.result.Snapshots(np.empty(0), np.empty((0, 48, 48))))
    with pytest.raises(UsageError, match=r"'swing' has no snapshots.*output\.snapshots"):
        plot.wigner(bare, time=0.3)
    monkeypatch.chdir(tmp_path)
    stepped.save("a.h5")
    assert status_of(["plot", "a.h5", "--kind", "wigner", "--time", "0.26"]) == 0
    assert Path("a-wigner.png").exists()
    assert capsys.readouterr().err == ""
    assert status_of(["plot", "a.h5", "--kind", "wigner", "--time", "0.3", "--time", "0"]) == 0
    assert capsys.readouterr().err.startswith("warning: 'swing' has no snapshot at the time 0.3, and that of 0.25 is")
    assert status_of(["plot", "a.h5", "--time", "0.3"]) == 2
    assert "use it with --kind wigner" in capsys.readouterr().err


def test_a_snapshot_far_from_the_time_is_told(own_axes):
    """With the times there are, and the cure; on the caller's line, so that Python shows it once for each call."""
    stepped = short_run("swing", output={"every": 0.125, "snapshots": [0.0, 0.125, 0.25, 0.375, 1.0]})
    words = (
        r"'swing' has no snapshot at the time 0\.6, and that of 0\.375 is drawn \(there are those of "
        r"0, 0\.125, 0\.25, \.\., 1\); run it with output\.snapshots: \[0.6\], or a larger number"
    )
    for show in (plot.wigner, lambda *given, **options: plot.draw_wigner(own_axes[0], *given, **options)):
        with pytest.warns(fp.FpsolverWarning, match=words) as caught:
            show(stepped, time=0.6)
        assert caught[0].filename == __file__
    with pytest.warns(fp.FpsolverWarning, match="the run ended at 1: leave the time out for the final W"):
        plot.wigner(stepped, time=9)
    plot.wigner(stepped, time=1 / 0.96)  # 4 % off


def test_a_strip_of_snapshots_has_one_scale_of_colours(result, hotter):
    stepped = short_run("swing", output={"every": 0.25, "snapshots": 4})
    figure = draw(plot.wigner(stepped, times=[0, 0.25, 0.5, 0.75, 1]))
    images = [ax.images[0] for ax in figure.axes if ax.images]
    for k, image in enumerate(images):
        np.testing.assert_array_equal(image.get_array(), stepped.snapshots.W[k].T)
    assert {image.get_clim() for image in images} == {(0.0, stepped.snapshots.W.max())}
    assert words(figure).count("swing") == 1
    assert "t\u00a0=\u00a00.75" in words(figure)
    both = words(draw(plot.wigner(result, hotter, times=[0, 1])))
    assert "minimally invasive, t\u00a0=\u00a00 " in both
    assert "hotter, t\u00a0=\u00a00 " in both
    for times in ([], 1.0, "01"):
        with pytest.raises(UsageError, match="times must be a list of numbers"):
            plot.wigner(result, times=times)
    with pytest.raises(UsageError, match=r"time must be a finite number.* but is 'x'"):
        plot.wigner(result, times=[0, "x"])
    with pytest.raises(UsageError, match="either time, for one snapshot, or times"):
        plot.wigner(result, time=0, times=[0])


@pytest.mark.parametrize(
    ("count", "expected"),
    [(2, [1, 2]), (13, [1, 3, 5, 7, 9, 11, 13]), (30, [1, 5, 10, 15, 20, 25, 30]), (64, [1, 10, 20, 30, 40, 50, 60])],
)
def test_ticks_of_a_chain_begin_at_particle_1(count, expected):
    assert profiles.ticks(count) == expected
    chain = {
        "length": count,
        "mass": 1.0,
        "potential": {"kind": "harmonic", "omega": 1.0},
        "stiffness": 0.5,
        "left": {"model": "caldeira_leggett", "eta": 0.5, "beta": 0.5},
        "right": {"model": "caldeira_leggett", "eta": 0.5, "beta": 1.0},
    }
    found = fp.run(fp.Config(units={"hbar": 0.0}, system={"chain": chain}, time={"method": "gaussian"}))
    [*_, lowest] = draw(plot.profile(found)).axes
    assert list(lowest.get_xticks()) == expected


def lacking(result, names, records):
    """The result without values of some rates at some records."""
    series = {name: result.series[name].copy() for name in names}
    for values in series.values():
        values[records] = np.nan
    return dataclasses.replace(result, series=result.series | series, reasons=dict.fromkeys(names, LONG_REASON))


def curves(ax):
    """Curves of a panel that are finite somewhere, without the thin line at zero."""
    return [line for line in ax.lines if np.isfinite(line.get_ydata()).any() and line.get_zorder() > 0]


@pytest.mark.parametrize("kind", ["series", "overview"])
def test_wehrl_production_stands_in_for_an_undefined_one(kind, result):
    """No box over the curves, no empty panel, and nothing about the negativity of the end."""
    found = lacking(result, ("entropy_production", "entropy_rate"), slice(None))
    figure = draw(plot.KINDS[kind](found))
    rates = [ax for ax in figure.axes if "1/time" in ax.get_ylabel()]
    assert all(curves(ax) for ax in rates)
    assert not any(ax.texts for ax in rates)
    drawn = [line.get_ydata() for ax in rates for line in curves(ax)]
    for name in ("wehrl_production", "wehrl_flux", "wehrl_rate", "entropy_flux"):
        assert any(np.array_equal(values, result.series[name]) for values in drawn)
    assert r"$\Pi_Q$" in words(figure)
    assert "W is negative somewhere" in words(figure)
    assert "0.0123" not in words(figure)


def test_gaps_of_a_rate_are_counted(result):
    few = lacking(result, ("entropy_production",), [0])
    assert r"$\Pi$: production, no value at 1 of 5 records" in words(draw(plot.series(few)))
    assert "Pi_Q" not in words(plot.series(few))
    many = draw(plot.series(lacking(result, ("entropy_production",), slice(0, 4))))
    assert [ax.get_ylabel() for ax in many.axes[:3]] == [r"$\Pi$ (1/time)", r"$\Pi_Q$ (1/time)", r"$\Phi$ (1/time)"]
    [last] = [line for line in many.axes[0].lines if line.get_marker() == "o"]
    assert last.get_markevery() == [4]  # one value alone is a dot
    assert r"$\Pi$: no value at 4 of 5 records" in words(
        draw(plot.overview(lacking(result, ("entropy_production",), slice(0, 4))))
    )


def test_gaps_of_several_results_are_counted_in_the_legend(result, hotter):
    """A panel is of all results, and its heading says nothing about one of them."""
    few = lacking(result, ("entropy_production", "entropy_rate"), [0])
    figure = draw(plot.series(few, hotter))
    first, second, *_ = (text.get_text().replace("\n", " ") for text in figure.legends[0].get_texts())
    assert first == r"minimally invasive: $\Pi$, $\dot S$: no value at 1 of 5 records"
    assert second == "hotter"


def test_lines_of_text_break_no_formula():
    text = r"words \$ and 5 \$ before $\dot S$ and $|\dot S - (\Pi - \Phi)|$ behind"
    for width in range(10, 60):
        shown = style.fill(text, width)
        assert r"$\dot S$" in shown
        assert r"$|\dot S - (\Pi - \Phi)|$" in shown
        assert shown.replace("\n", " ") == text
    assert style.fill(r"of $S_{\mathrm{Moyal}}$", 10) == r"of $S_{\mathrm{Moyal}}$"  # ten signs that are seen


@pytest.fixture(scope="module")
def solved():
    return short_run("solved", time={"method": "direct"})


def test_a_steady_state_without_time_is_bars_with_numbers(solved):
    """Pi and Phi are equal: both are seen, and neither is a dot on an axis of time."""
    for figure in (draw(plot.series(solved)), draw(plot.overview(solved))):
        [ax] = [ax for ax in figure.axes if ax.get_xlabel() == "entropy rates (1/time)"]
        heights = [(bar.get_y(), bar.get_width()) for bar in ax.patches]
        expected = [solved.last(name) for name in ("entropy_production", "entropy_flux", "entropy_rate")]
        np.testing.assert_array_equal([width for _, width in heights], expected)
        assert len({y for y, _ in heights}) == 3
        assert f"{expected[0]:.6g} (exact " in words(ax)
        assert not any(ax.get_xlabel() == style.TIME_LABEL for ax in figure.axes)
        assert "steady state" in words(figure)


@pytest.mark.parametrize("count", [1, 3])
def test_numbers_lie_beside_the_bars(count, solved):
    """Also those of six digits with an exponent, beside exact ones."""
    long = {name: np.array([1.234567e-5]) for name in lines.RATES}
    long["entropy_rate"] = np.array([1e-17])
    found = dataclasses.replace(solved, series=solved.series | long, exact=solved.exact | long)
    figure = draw(plot.series(*([found] * count)))
    [ax] = figure.axes
    numbers = [text for text in ax.texts if text.get_text() == "1.23457e-05 (exact 1.23457e-05)"]
    assert len(numbers) == 2 * count  # dS/dt is Pi - Phi, 0
    end = max(bar.get_window_extent().x1 for bar in ax.patches)
    assert all(end + 5 < text.get_window_extent().x0 for text in numbers)  # pixels: half of the mark of exact ones
    assert all(text.get_window_extent().x1 < ax.get_window_extent().x1 for text in numbers)


def test_titles_are_whole(solved, result):
    """Of more than 100 signs, in figures of one panel, and in those of a size of the user's own."""
    title = "translation covariant against minimally invasive, eta = 0.5, the hot bath; remember what was changed here"
    assert len(title) > 100
    found = dataclasses.replace(solved, config=solved.config.replaced(title=title))
    moving = dataclasses.replace(result, config=result.config.replaced(title=title))
    for figure in (plot.series(found), plot.overview(found), plot.wigner(moving, times=[1.0])):
        assert title in words(figure)
        page = (figure.subfigs or [figure])[0]
        assert is_inside(draw(figure), page._suptitle)
    narrow = draw(plot.series(found, figsize=(3.0, 3.0)))
    assert is_inside(narrow, narrow._suptitle)


def test_more_results_than_colours_are_told_apart(result, solved):
    """The eighth has the colour of the first, and another sort of line or a hatch."""
    count = 2 * len(style.COLOURS) + 1
    for kind in ("series", "marginals"):
        figure = plot.KINDS[kind](*([result] * count))
        handles = figure.legends[0].legend_handles[:count]
        assert len({(line.get_color(), str(line._unscaled_dash_pattern)) for line in handles}) == count
        drawn = [line for line in figure.axes[0].lines if line.get_color() in style.COLOURS]
        assert len({(line.get_color(), str(line._unscaled_dash_pattern)) for line in drawn}) == count
    figure = draw(plot.series(*([solved] * count)))
    for bars in (figure.axes[0].patches, figure.legends[0].legend_handles):
        assert len({(bar.get_facecolor(), bar.get_hatch()) for bar in bars}) == count


def test_rates_are_told_apart_without_colours(result):
    looks = [
        {name: str(value) for name, value in look.items() if name != "color"} for look in lines.RATE_LOOKS.values()
    ]
    assert len({tuple(sorted(look.items())) for look in looks}) == len(lines.RATE_LOOKS)
    [ax] = [ax for ax in plot.overview(result).axes if ax.get_ylabel() == "entropy rates (1/time)"]
    drawn = [line for line in ax.lines if line.get_label() in lines.RATES.values()]
    assert len({(line.get_linewidth(), line.get_marker()) for line in drawn}) == len(lines.RATES)


def test_legends_of_many_lines_take_nothing_from_the_panels(result, hotter):
    long = dataclasses.replace(result, config=result.config.replaced(title="a word " * 60))
    few, many = draw(plot.series(result, hotter)), draw(plot.series(long, hotter))
    heights = [figure.axes[0].get_window_extent().height for figure in (few, many)]
    assert heights[1] > 0.9 * heights[0]  # a line of the legend is 0.18 inches or a little more


def test_rates_that_are_errors_of_a_zero_are_no_long_bars(solved):
    zero = {name: np.array([1e-12]) for name in lines.RATES}
    error = zero | {"entropy_rate": np.array([1e-8])}
    figure = draw(plot.series(dataclasses.replace(solved, series=solved.series | error, exact=None)))
    assert figure.axes[0].get_xlim()[1] > 1e-7
    nothing = {name: np.array([0.0]) for name in lines.RATES}
    draw(plot.series(dataclasses.replace(solved, series=solved.series | nothing, exact=None)))


@pytest.mark.parametrize("kind", ["series", "overview"])
def test_bars_of_rates_that_vanish_say_so(kind):
    """As in figures of the currents: round-off is no long bar on an axis of 1e-13."""
    thermal = short_run("thermal", {"model": "caldeira_leggett", "eta": 0.5, "beta": 1.0}, time={"method": "direct"})
    figure = draw(plot.KINDS[kind](thermal))
    [ax] = [ax for ax in figure.axes if ax.get_xlabel() == "entropy rates (1/time)"]
    assert [bar.get_width() for bar in ax.patches] == [0, 0, 0]
    assert words(ax).count("= 0 to the accuracy of the grid (") == 3
    assert f"({thermal.last('entropy_production'):.1e})" in words(ax)
    assert "exact" not in words(ax)
    assert list(ax.get_xticks()) == [0]


@pytest.mark.slow
def test_a_small_production_that_is_right_is_no_zero():
    """Near infinite temperature J^I is 2e-7 of J^R and Pi = eta beta^2/16 is right all the same."""
    bath = {"model": "minimally_invasive", "eta": 0.5, "beta": 0.002}
    hot = short_run("hot", bath, time={"method": "direct"}, grid={axis: {"cells": 128} for axis in "qp"})
    # the grid: 1e-8
    assert hot.last("entropy_production") == pytest.approx(0.5 * 0.002**2 / 16, rel=1e-6, abs=0)
    text = words(draw(plot.production(hot))) + words(draw(plot.series(hot))) + words(draw(plot.currents(hot)))
    assert "accuracy of the grid" not in text
    assert r"$\Pi$ = 1.25e-07 /time" in text
    unknown = dataclasses.replace(hot, exact=None)
    assert rates.zero_words("entropy_production", unknown) == ""  # far above its errors
    for name, error in (("entropy_rate", 1e-7), ("tail_uncertainty", 1e-7)):
        doubtful = dataclasses.replace(unknown, series=unknown.series | {name: np.array([error])})
        assert rates.zero_words("entropy_production", doubtful) == "to the accuracy of the grid"
    elsewhere = dataclasses.replace(hot, final=dataclasses.replace(hot.final, time=1.0))  # a snapshot without a record
    assert rates.zero_words("entropy_production", elsewhere) == "to the accuracy of the grid"


def test_only_what_is_zero_in_theory_is_a_bar_of_no_length(solved):
    """Pi without J^I; Phi, too, where nothing changes; without a grid where detailed balance holds."""
    final = dataclasses.replace(solved.final, J_irreversible=1e-13 * solved.final.J_reversible)
    still = dataclasses.replace(solved, final=final)
    assert [rates.zero_words(name, still) for name in lines.RATES] == ["to round-off"] * 3
    assert [rates.zero_words(name, solved) for name in lines.RATES] == [""] * 3
    moving = dataclasses.replace(still, status="finished")
    assert [rates.zero_words(name, moving) for name in lines.RATES] == ["to round-off", "", ""]
    quantum_terms = dataclasses.replace(still, series=still.series | {"entropy_moyal": np.array([0.1])})
    assert [rates.zero_words(name, quantum_terms) for name in lines.RATES] == ["to round-off", "", ""]
    assert rates.zero_words("wehrl_production", still) == ""
    for model, expected in (("caldeira_leggett", "to round-off"), ("minimally_invasive", "")):
        bath = {"model": model, "eta": 0.5, "beta": 1.0}
        system, units = {**SYSTEM, "bath": bath}, {"hbar": 0.0 if expected else 1.0}
        gaussian = fp.run(fp.Config(system=system, units=units, time={"method": "gaussian"}))
        assert rates.zero_words("entropy_flux", gaussian) == expected


def test_bars_of_an_overview_say_why_pi_is_missing(solved):
    found = lacking(solved, ("entropy_production", "entropy_rate"), slice(None))
    figure = draw(plot.overview(found))
    assert r"$\Pi$, $\dot S$ undefined: W is negative somewhere" in words(figure)


def test_lines_in_the_legend_are_those_of_the_panels(solved, result):
    """A steady state is a level line of dots and dashes among rates only: its marginals are curves as all others."""
    for kind, style_of_line in (("marginals", "-"), ("series", "-.")):
        figure = plot.KINDS[kind](result, solved)
        assert figure.legends[0].legend_handles[1].get_linestyle() == style_of_line
        drawn = [line.get_linestyle() for line in figure.axes[0].lines if line.get_color() == style.colour(1)]
        assert drawn == [style_of_line]


def test_a_steady_state_beside_a_run_is_a_level_line(solved, result):
    figure = draw(plot.series(result, solved))
    level = [line for line in figure.axes[0].lines if line.get_linestyle() == "-."]
    assert [list(line.get_ydata()) for line in level] == [[solved.last("entropy_production")] * 2]
    assert "solved, steady state" in words(figure)


def swept(over, values, title="minimally invasive", **more):
    """A sweep with given values of Pi, as if it had been run."""
    over = {key: np.array(each, dtype=object if isinstance(each[0], str) else float) for key, each in over.items()}
    shape = tuple(len(each) for each in over.values())
    data = {
        "status": np.full(shape, "steady", dtype=object),
        "message": np.full(shape, "", dtype=object),
        "entropy_production": np.array(values, dtype=float).reshape(shape),
        **more,
    }
    return Sweep(fp.Config(title=title, system=SYSTEM, time={"method": "gaussian"}), over, data)


def tick_labels(axis):
    return [label.get_text() for label in axis.get_ticklabels() if label.get_text()]


def overlapping(labels):
    boxes = [label.get_window_extent() for label in labels if label.get_text()]
    return any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[k + 1 :])


ETA, BETA = "system.bath.eta", "system.bath.beta"


def test_lowest_value_of_a_map_is_not_white_and_missing_ones_are_hatched():
    found = swept({ETA: [1, 2, 3], BETA: [1, 2, 3]}, [[1, 2, 3], [2, 3, 4], [3, np.nan, 5]])
    figure = draw(sweeps.sweep_map(found))
    mesh = figure.axes[0].collections[0]
    assert mesh.cmap(mesh.norm(1.0))[0] < 0.92
    assert figure.axes[0].patch.get_hatch()
    assert "no value: 1 of 9" in words(figure)
    whole = draw(sweeps.sweep_map(swept({ETA: [1, 2, 3], BETA: [1, 2, 3]}, np.arange(1, 10))))
    assert "no value" not in words(whole)


def test_tick_labels_of_uneven_values_do_not_touch():
    uneven = [0.1, 0.3, 0.35, 0.5, 0.55, 2.0]
    figure = draw(sweeps.sweep_map(swept({ETA: uneven, BETA: uneven}, np.arange(1, 37))))
    ax = figure.axes[0]
    for axis in (ax.xaxis, ax.yaxis):
        assert tick_labels(axis)[0] == "0.1"
        assert tick_labels(axis)[-1] == "2"
        assert not overlapping(axis.get_ticklabels())
    many = np.geomspace(0.2, 3, 15)
    [ax, _] = draw(sweeps.sweep_map(swept({ETA: many, BETA: many}, np.arange(225)))).axes
    assert tick_labels(ax.xaxis) == ["0.2", "0.5", "1", "2"]


@pytest.mark.parametrize("draw_one", [sweeps.sweep_map, sweeps.sweep_phases])
@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (np.linspace(0.05, 2, 8), ["0.5", "1.0", "1.5", "2.0"]),
        ([0.05, 0.4, 0.5], ["0.05", "0.4", "0.5"]),
        (np.linspace(0, 5, 6), ["0", "1", "2", "3", "4", "5"]),
        ([0.0, 0.01, 5.0], ["0", "5"]),
        ([0.7], ["0.7"]),
        (np.geomspace(0.02, 200, 9), ["0.1", "1", "10", "100"]),
    ],
)
def test_ticks_lie_within_the_values_swept(draw_one, values, labels):
    """Cells reach beyond the ends: no negative friction that nobody asked for."""
    verdicts = dict.fromkeys(("cp_margin", "satisfies_detailed_balance"), np.zeros((len(values), 4)))
    found = swept({ETA: values, BETA: [1, 2, 3, 4]}, np.arange(4 * len(values)), **verdicts)
    ax = draw(draw_one(found)).axes[0]
    shown = [label.get_text() for label in ax.get_xticklabels()]
    low, high = ax.get_xlim()
    ticks = [tick for tick in ax.get_xticks() if low <= tick <= high]
    assert [f"{tick:.4g}" for tick in ticks] == [f"{float(label):.4g}" for label in labels]
    assert len(shown) == len(labels)
    assert min(values) * 0.999 <= min(ticks) <= max(ticks) <= max(values) * 1.001


def test_contours_are_named_by_the_colour_bar():
    """Labels on lines would run into one another."""
    ax, bar = draw(sweeps.sweep_map(swept({ETA: [1, 2, 3], BETA: [1, 2, 3]}, np.arange(1, 10)))).axes
    assert not ax.texts
    contours, lines_of_bar = ax.collections[1], bar.collections[-1]
    assert len(lines_of_bar.get_segments()) == len(contours.levels) > 2


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("system.chain.left.temperature", "temperature of the left bath (energy)"),
        ("system.chain.stiffness", r"stiffness of the springs (energy/length$^2$)"),
        ("system.couplings.0.stiffness", r"stiffness of spring 1 (energy/length$^2$)"),
        ("system.particles.1.bath.temperature", "temperature of particle 2 (energy)"),
        ("system.bath.beta", r"$\beta$ (1/energy)"),
        ("initial.beta", r"$\beta$ of the start (1/energy)"),
        ("initial.1.beta", r"$\beta$ of the start of particle 2 (1/energy)"),
    ],
)
def test_keys_say_whose_they_are(key, words):
    assert sweep_axes.key_label(key) == words


def test_quantities_have_names():
    assert sweep_axes.symbol("W_l1_error") == "$L_1$ error of $W$"


VECTORS = {
    "mean": np.arange(4.0).reshape(2, 2),
    "covariance": np.arange(8.0).reshape(2, 2, 2),
    "heat_current": np.array([[7.0], [8.0]]),
    "purity": np.array([1.0, 0.5]),
}


def two_particles():
    """A sweep of two particles in which every number of a run is another one."""
    more = {
        "mean": np.arange(12.0).reshape(3, 4),
        "covariance": np.arange(48.0).reshape(3, 4, 4),
        "heat_current": np.arange(6.0).reshape(3, 2),
        "purity": np.ones(3),
    }
    return dataclasses.replace(swept({ETA: [1, 2, 4]}, [1, 2, 4], **more), components=("q1", "q2", "p1", "p2"))


@pytest.mark.parametrize(
    ("name", "values", "label"),
    [
        ("mean.q", [0, 2], r"mean position $\langle q\rangle$"),
        ("mean.p", [1, 3], r"mean momentum $\langle p\rangle$"),
        ("covariance.qq", [0, 4], "variance $V_{qq}$"),
        ("covariance.qp", [1, 5], "covariance $V_{qp}$"),
        ("covariance.pq", [2, 6], "covariance $V_{pq}$"),
        ("covariance.pp", [3, 7], "variance $V_{pp}$"),
        ("heat_current", [7, 8], "heat current (energy/time)"),
        ("heat_current.1", [7, 8], "heat current from bath 1 (energy/time)"),
        ("purity", [1, 0.5], "purity"),
    ],
)
def test_components_of_one_particle(name, values, label):
    [ax] = draw(sweeps.sweep_lines(swept({ETA: [1, 2]}, [1, 2], **VECTORS), name)).axes
    assert list(ax.lines[0].get_ydata()) == values
    assert ax.get_ylabel() == label


@pytest.mark.parametrize(
    ("name", "values", "label"),
    [
        ("mean.q2", [1, 5, 9], r"mean position $\langle q_{2}\rangle$"),
        ("mean.p1", [2, 6, 10], r"mean momentum $\langle p_{1}\rangle$"),
        ("covariance.q1p2", [3, 19, 35], "covariance $V_{q_{1}p_{2}}$"),
        ("covariance.q2q2", [5, 21, 37], "variance $V_{q_{2}q_{2}}$"),
        ("heat_current.2", [1, 3, 5], "heat current from bath 2 (energy/time)"),
    ],
)
def test_components_of_two_particles(name, values, label):
    """Particles count from 1, as in the names of the axes."""
    [ax] = draw(sweeps.sweep_lines(two_particles(), name)).axes
    assert list(ax.lines[0].get_ydata()) == values
    assert ax.get_ylabel() == label


def test_a_map_of_a_component():
    values = np.arange(32.0).reshape(4, 4, 2)
    found = swept({ETA: [1, 2, 3, 4], BETA: [1, 2, 3, 4]}, np.arange(16), mean=values)
    ax, bar = draw(sweeps.sweep_map(found, "mean.p")).axes
    np.testing.assert_array_equal(ax.collections[0].get_array().T, values[..., 1])
    assert bar.get_ylabel() == r"mean momentum $\langle p\rangle$"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("mean", "the quantity mean is several numbers; name one of mean.q1, mean.q2, mean.p1, mean.p2"),
        ("mean.q3", "the quantity mean has no component 'q3'; it has mean.q1, mean.q2, mean.p1, mean.p2"),
        ("covariance.q1", "the quantity covariance has no component 'q1'; it has covariance.q1q1, covariance.q1q2, .., "
         "covariance.p2p2"),
        ("heat_current.0", "the quantity heat_current has no component '0'; it has heat_current.1, heat_current.2"),
        ("heat_current.3", "the quantity heat_current has no component '3'; it has heat_current.1, heat_current.2"),
        ("purity.1", "the quantity purity has no components, but is 'purity.1'; leave out .1"),
        ("Pi", "the quantity must be one of covariance.q1q1, covariance.q1q2, .., covariance.p2p2, entropy_production, "
         "heat_current.1, heat_current.2, mean.q1, mean.q2, mean.p1, mean.p2, purity, but is 'Pi'"),
        ("status", "the quantity must be one of"),
    ],
)  # fmt: skip
def test_a_component_that_is_not_there(name, text):
    with pytest.raises(UsageError) as told:
        sweeps.sweep_lines(two_particles(), name)
    assert str(told.value).startswith(text)
    assert "--" not in str(told.value)


def test_components_on_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    swept({ETA: [1, 2]}, [1, 2], entropy_flux=np.ones(2), **VECTORS).save("s.h5")
    assert status_of(["plot", "s.h5", "--quantity", "covariance.qp", "-o", "f.png"]) == 0
    assert Path("f.png").exists()
    capsys.readouterr()
    assert status_of(["plot", "s.h5", "--quantity", "mean.q2", "-o", "g.png"]) == 2
    assert capsys.readouterr().err == "fpsolver: the quantity mean has no component 'q2'; it has mean.q, mean.p\n"
    for kind, words in (("map", "a map"), ("phases", "a phase diagram")):
        assert status_of(["plot", "s.h5", "--kind", kind]) == 2
        assert capsys.readouterr().err.startswith(f"fpsolver: {words} needs a sweep over two keys")


def test_a_sweep_over_models_is_not_named_after_one():
    models = {"system.bath.model": ["minimally_invasive", "lindblad"], ETA: [1, 2]}
    named = swept(models, np.arange(4), title="Minimally-invasive oscillator")
    assert sweep_axes.title(named) == r"sweep over model, $\eta$"
    assert sweep_axes.title(swept(models, np.arange(4), title="")) == r"sweep over model, $\eta$"
    assert sweep_axes.title(swept(models, np.arange(4), title="my baths")) == "my baths"
    assert sweep_axes.title(swept({ETA: [1, 2]}, [1, 2])) == "minimally invasive"
    assert sweep_axes.title(swept({ETA: [1, 2]}, [1, 2], title="")) == "minimally invasive"


def test_tick_labels_of_curves_do_not_touch():
    values = np.array([0.001, 0.002, 0.003])
    found = swept({"system.bath.alpha": [-0.0297, -0.01, 0.0]}, values, exact_entropy_production=values)
    with style.settings():  # as when it is saved: the number of ticks depends on the size of letters
        [ax] = draw(sweeps.sweep_lines(found)).axes
        boxes = [label.get_window_extent() for label in ax.get_xticklabels()]
    assert all(b.x0 - a.x1 > a.height / 2 for a, b in itertools.pairwise(boxes))


@pytest.mark.parametrize(
    ("shape", "kind"), [((9,), "lines"), ((9, 3), "lines"), ((2, 9), "lines"), ((4, 4), "map"), ((4, 4, 2), "map")]
)
def test_few_values_of_a_key_are_curves(shape, kind):
    """A map would be of two or three fat rows."""
    over = {key: np.arange(1.0, 1 + n) for key, n in zip((ETA, BETA, "system.mass"), shape, strict=False)}
    assert sweeps.default_kind(swept(over, np.zeros(shape))) == kind


def test_curves_are_over_the_key_of_many_values():
    values = np.arange(8.0).reshape(2, 4)
    for shape, over in (((2, 4), [1, 2, 3, 4]), ((4, 2), [1, 2, 3, 4]), ((2, 3), [1, 2])):
        long = values.reshape(shape) if shape != (2, 3) else values[:, :3]
        keys = {ETA: np.arange(1, 1 + shape[0]), BETA: np.arange(1, 1 + shape[1])}
        means = np.stack([long, -long], axis=-1)
        for name, sign in (("entropy_production", 1), ("mean.p", -1)):
            [ax] = draw(sweeps.sweep_lines(swept(keys, long, mean=means), name)).axes
            turned = shape == (2, 4)
            assert list(ax.lines[0].get_xdata()) == over
            assert list(ax.lines[1].get_ydata()) == list(sign * (long[1] if turned else long[:, 1]))
            assert ax.get_xlabel() == sweep_axes.key_label(BETA if turned else ETA)


def test_a_linear_law_is_drawn_as_a_line():
    eta = np.array([0.1, 0.2, 0.4, 0.8])  # equal ratios, but less than two decades
    [ax] = draw(sweeps.sweep_lines(swept({ETA: eta}, eta))).axes
    assert (ax.get_xscale(), ax.get_yscale()) == ("linear", "linear")
    wide = np.geomspace(1e-3, 1, 4)
    [ax] = draw(sweeps.sweep_lines(swept({ETA: wide}, wide))).axes
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    [ax] = draw(sweeps.sweep_lines(swept({ETA: wide}, wide - 0.1))).axes
    assert ax.get_yscale() == "linear"


def test_computed_values_are_dots_and_exact_ones_a_thin_line():
    found = swept({ETA: [1, 2, 4]}, [1, 2, 4.1], exact_entropy_production=np.array([1.0, 2.0, 4.0]))
    dots, line = draw(sweeps.sweep_lines(found)).axes[0].lines
    assert (dots.get_marker(), dots.get_linestyle()) == ("o", "None")
    assert (line.get_marker(), line.get_linestyle()) == ("None", "-")
    assert line.get_linewidth() < 1
    np.testing.assert_array_equal(line.get_ydata(), [1, 2, 4])
    assert "exact Gaussian, at these points" in words(sweeps.sweep_lines(found))  # straight lines are no solution
    [alone] = draw(sweeps.sweep_lines(swept({ETA: [1, 2, 4]}, [1, 2, 4]))).axes[0].lines
    assert alone.get_linestyle() == "-"


def test_logarithmic_axes_show_that_they_are():
    """By small ticks without numbers, within the values swept."""
    eta = [0.05, 0.3, 5.0]
    of_map, of_lines = swept({ETA: eta, BETA: [1, 2, 3]}, np.arange(1, 10)), swept({ETA: eta}, [1, 2, 3])
    for axis in (sweeps.sweep_map(of_map).axes[0].xaxis, sweeps.sweep_lines(of_lines).axes[0].xaxis):
        assert [f"{tick:g}" for tick in axis.get_majorticklocs()] == ["0.05", "0.3", "5"]
        small = [*np.arange(0.06, 0.095, 0.01), 0.1, 0.2, *np.arange(0.4, 0.95, 0.1), 1, 2, 3, 4]
        np.testing.assert_allclose(axis.get_minorticklocs(), small)
        assert not any(label.get_text() for label in axis.get_ticklabels(minor=True))


def test_exact_values_at_words_are_dashes_in_the_legend_too():
    names = {"system.bath.model": ["caldeira_leggett", "minimally_invasive"]}
    found = swept(names, [1, 2], exact_entropy_production=np.array([1.0, 2.0]))
    figure = draw(sweeps.sweep_lines(found))
    [handle] = figure.legends[0].legend_handles
    assert handle.get_marker() == figure.axes[0].lines[1].get_marker() == "_"
    assert figure.legends[0].get_texts()[0].get_text() == "exact Gaussian"  # nothing is between words


def test_missing_values_of_a_curve_are_marked_and_counted():
    figure = draw(sweeps.sweep_lines(swept({ETA: [1, 2, 4]}, [1, np.nan, 4])))
    crosses = figure.axes[0].lines[-1]
    assert crosses.get_marker() == "x"
    assert list(crosses.get_xdata()) == [2]
    assert "no value: 1 of 3" in words(figure)
    assert "no value" not in words(draw(sweeps.sweep_lines(swept({ETA: [1, 2, 4]}, [1, 2, 4]))))


def with_verdicts(over, values, balance, **more):
    """A sweep with verdicts on detailed balance."""
    found = swept(over, values, **more)
    verdicts = np.array(balance, dtype=float).reshape(found.shape)
    return dataclasses.replace(found, data={**found.data, "satisfies_detailed_balance": verdicts})


ROUND_OFF = np.array([1e-16, 3e-15, 1e-13])


@pytest.mark.parametrize(
    "name", ["entropy_production", "entropy_production_p", "exact_entropy_flux", "heat_current", "spring_current"]
)
def test_round_off_of_equilibrium_is_drawn_as_zero(name):
    """On logarithmic axes it makes a clean line."""
    values = ROUND_OFF[:, None] if name.endswith("current") else ROUND_OFF
    found = with_verdicts({ETA: [0.01, 0.1, 1]}, [1, 1, 1], [1, 1, 1], **{name: values})
    figure = draw(sweeps.sweep_lines(found, name))
    ax = figure.axes[0]
    assert [list(line.get_ydata()) for line in ax.lines[:2]] == [[0, 0, 0]] * 2
    assert ax.get_yscale() == "linear"
    assert list(ax.get_yticks()) == [0]
    assert "zero where detailed balance holds (computed: up to 1e-13)" in words(figure)


def test_zeros_beside_numbers_are_hollow():
    found = with_verdicts({ETA: [1, 2, 3, 4]}, [1e-13, 0.5, 5e-9, np.nan], [1, 0, 1, 1])
    figure = draw(sweeps.sweep_lines(found))
    line, zeros, crosses = figure.axes[0].lines[:3]
    np.testing.assert_array_equal(line.get_ydata(), [0, 0.5, 0, np.nan])
    assert (list(zeros.get_xdata()), zeros.get_markerfacecolor()) == ([1, 3], "white")
    assert list(crosses.get_xdata()) == [4]
    assert "(computed: up to 5e-09)" in words(figure)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("entropy_production", {"satisfies_detailed_balance": np.zeros(3)}),
        ("entropy_production", {"status": np.array(["finished"] * 3, dtype=object)}),
        ("wehrl_production", {}),
    ],
)
def test_what_is_not_zero_in_theory_is_drawn_as_computed(name, change):
    """Out of balance, on the way to a steady state, and of the Husimi function, which never is without production."""
    found = with_verdicts({ETA: [0.01, 0.1, 1]}, ROUND_OFF, [1, 1, 1], wehrl_production=ROUND_OFF)
    figure = draw(sweeps.sweep_lines(dataclasses.replace(found, data={**found.data, **change}), name))
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), ROUND_OFF)
    assert "detailed balance" not in words(figure)


def test_zeros_of_maps():
    over, values = {ETA: [1, 2, 3, 4], BETA: [1, 2, 3, 4]}, np.geomspace(1e-16, 1e-13, 16)
    figure = draw(sweeps.sweep_map(with_verdicts(over, values, np.ones(16))))
    mesh = figure.axes[0].collections[0]
    assert not mesh.get_array().any()
    assert (type(mesh.norm).__name__, mesh.norm.vmin) == ("Normalize", 0)
    assert list(figure.axes[1].get_yticks()) == [0]
    assert "zero where detailed balance holds (computed: up to 1e-13)" in words(figure)
    mixed = draw(sweeps.sweep_map(with_verdicts(over, np.arange(16), np.arange(16) < 3)))
    np.testing.assert_array_equal(mixed.axes[0].collections[0].get_array().T.ravel(), [0, 0, 0, *range(3, 16)])


# --- on axes of the user's own ---------------------------------------------------------------------------------------


@pytest.fixture
def own_axes():
    return Figure().subplots(1, 2)


def test_w_on_axes_of_ones_own(result, own_axes):
    """The values and the box of the grid, colours from 0, and a colour map by name; nothing else is drawn on."""
    image = plot.draw_wigner(own_axes[0], result, cmap="Greys", contours=False)
    np.testing.assert_array_equal(image.get_array(), result.final.W.T)
    q, p = result.grid.axes
    assert image.get_extent() == [q.low, q.high, p.low, p.high]
    assert image.get_clim() == (0, result.final.W.max())
    assert image.get_cmap().name == "Greys"
    assert not own_axes[0].collections
    assert not own_axes[1].has_data()
    plot.draw_wigner(own_axes[1], result)
    assert own_axes[1].collections  # contours


def test_a_snapshot_on_axes_of_ones_own(result, own_axes):
    image = plot.draw_wigner(own_axes[0], result, time=0.0)
    np.testing.assert_array_equal(image.get_array(), result.snapshots.W[0].T)


def test_arrows_are_displacements_by_the_current(result, own_axes):
    """Blocks of one cell where 12 cells are in view: U, V are J itself; the longest is a tenth of the view."""
    q, p = result.grid.axes
    box = [(axis.centres[18] - axis.spacing / 2, axis.centres[30] - axis.spacing / 2) for axis in (q, p)]
    own_axes[0].plot([0], [0])
    own_axes[0].set(xlim=box[0], ylim=box[1])
    arrows = plot.draw_current(own_axes[0], result, "irreversible", color="black", pivot="tail")
    J = result.final.J_irreversible[:, 18:30, 18:30]
    near = [int(np.argmin(np.abs(axis.centres - x))) for axis, x in zip((q, p), arrows.get_offsets()[0], strict=True)]
    assert (arrows.U[0], arrows.V[0]) == tuple(result.final.J_irreversible[:, near[0], near[1]])
    widths = np.array([12 * q.spacing, 12 * p.spacing])
    whole = result.final.J_irreversible / widths[:, None, None]
    assert arrows.scale == pytest.approx(10 * np.hypot(*whole).max())
    assert np.hypot(*J).max() == pytest.approx(np.hypot(arrows.U, arrows.V).max())
    assert own_axes[0].get_xlim() == pytest.approx(box[0])


def test_a_scale_makes_panels_comparable(result, hotter, own_axes):
    first = plot.draw_current(own_axes[0], result, "reversible")
    second = plot.draw_current(own_axes[1], hotter, "reversible", scale=first.scale)
    assert second.scale == first.scale
    assert plot.draw_current(own_axes[1], hotter, "reversible").scale != first.scale


def test_no_arrows_for_a_current_that_is_none(own_axes):
    """J^I of a thermal state is rounding; its arrows would look like a current, unless a scale says how small it is."""
    bath = {"model": "caldeira_leggett", "eta": 0.5, "beta": 1.0}
    thermal = short_run("thermal", bath, time={"method": "direct"})
    with pytest.warns(fp.FpsolverWarning, match="J_irreversible is zero to .* give a scale"):
        assert len(plot.draw_current(own_axes[0], thermal, "irreversible").U) == 0
    assert len(plot.draw_current(own_axes[1], thermal, "irreversible", scale=1e-30).U) > 0
    assert len(plot.draw_current(own_axes[1], thermal, "irreversible", scale=1.0).U) == 0  # dots


MISTAKES = {
    "another order": (lambda ax, r: plot.draw_wigner(r, ax), "draws on matplotlib axes, but got Result"),
    "another current": (lambda ax, r: plot.draw_current(ax, r, "J"), "'reversible' or 'irreversible', but is 'J'"),
    "no scale": (lambda ax, r: plot.draw_current(ax, r, "reversible", scale=0), "scale must be"),
    "no such particle": (lambda ax, r: plot.draw_wigner(ax, r, particle=1), "must be 0 to 0 of the 1"),
    "no result": (lambda ax, r: plot.draw_wigner(ax, "out.h5"), "needs results, but got str"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_with_axes_of_ones_own(case, result, own_axes):
    call, words = MISTAKES[case]
    with pytest.raises(UsageError, match=re.escape(words)):
        call(own_axes[0], result)


def test_a_small_pi_is_no_zero():
    """Of a weakly damped model without detailed balance J^I is as small as the damping, and Pi as exact as any."""
    bath = {"model": "minimally_invasive", "eta": 1e-6, "beta": 0.7}
    weak = short_run("weak", bath, time={"method": "direct"}, initial=None)
    text = words(draw(plot.overview(weak)))
    assert "= 0 to" not in text
    assert "(exact 3.0625e-08)" in text


def blown_up(result):
    """As a run that overflows: its last record is its last finite one."""
    huge = {name: np.array(values) for name, values in result.series.items()}
    huge["covariance"][-1] = 1e300
    huge["mean"][-1] = np.nan
    final = dataclasses.replace(
        result.final, **{name: 1e300 * getattr(result.final, name) for name in ("W", "J_reversible", "J_irreversible")}
    )
    return dataclasses.replace(result, series=huge, final=final, status="failed")


def test_a_run_that_blew_up_leaves_the_others_as_they_are(result):
    """Its scales are its own; factors of its arrows are no text of 300 digits; a portrait shows the whole grid."""
    beside = draw(plot.overview(result, blown_up(result)))
    alone = draw(plot.overview(result))
    scales = [[image.get_clim() for image in figure.findobj(AxesImage)] for figure in (beside, alone)]
    assert scales[0][:2] == scales[1]
    assert all(len(text.get_text()) < 200 for text in draw(plot.currents(result, blown_up(result))).findobj(Text))
    assert draw(plot.portrait(result, blown_up(result))).axes
