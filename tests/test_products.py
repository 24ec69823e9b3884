"""Products of one-particle states: marginals, moments, purity, negativity; exact evolution; grids, runs, bad input."""

import itertools
import math
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.linalg import expm

import fpsolver as fp
from fpsolver import api, starts
from fpsolver.config.reader import Config
from fpsolver.errors import ConfigError, UsageError
from fpsolver.physics import baths, potentials, states, weyl
from fpsolver.physics.system import Coupling, Particle, System
from tests import systems
from tests.test_python_api import Bowl

ONE, OTHER = systems.UNITS[0], systems.UNITS[1] | {"hbar": 1.0}
SQUEEZED = states.squeezed(**OTHER, q=0.4, p=-0.3, r=0.3, theta=0.7)
CAT = states.cat(**ONE, separation=2.0, phase=0.7)
WELL = {"kind": "harmonic", "omega": 1.0}
THERMAL = {"kind": "thermal", "beta": 1.0, "omega": 1.0}
LINE = np.linspace(-9.0, 9.0, 121)


def psi(shift=0.8):
    """A packet that moves."""
    values = np.exp(-((LINE - shift) ** 2) / 2 + 0.5j * LINE)
    return values / math.sqrt((np.abs(values) ** 2).sum() * (LINE[1] - LINE[0]))


def lattice(cells=40, half=6.5):
    """Centres of the cells of two axes, and the volume of a cell in the plane."""
    h = 2 * half / cells
    x = -half + h * (np.arange(cells) + 0.5)
    return x, h**2


def meshed(*lines):
    return np.meshgrid(*lines, indexing="ij", sparse=True)


def table():
    x, _ = lattice()
    return states.tabulated((x, x), CAT.values(meshed(x, x)))


FACTORS = {
    "cat and squeezed": (CAT, SQUEEZED),
    "wave function and Fock": (weyl.wavefunction(LINE, psi(), hbar=1.0), states.fock(**OTHER, n=1)),
    "table and cat": (table(), states.cat(**ONE, separation=1.6, phase=math.pi)),
}


@pytest.fixture(scope="module", params=FACTORS)
def measured(request):
    """The factors on their planes, and the sums of their product over q1, q2, p1, p2."""
    factors = FACTORS[request.param]
    x, cell = lattice()
    W, planes = states.product(factors).values(meshed(x, x, x, x)), [f.values(meshed(x, x)) for f in factors]
    return factors, planes, W, cell


def test_marginals_are_the_factors(measured):
    """Of mass 1; to round-off of sums over 2000 cells, and what the box of 6.5 cuts of the states (1e-9)."""
    _, planes, W, cell = measured
    assert W.sum() * cell**2 == pytest.approx(1, abs=1e-8)
    np.testing.assert_allclose(W.sum(axis=(1, 3)) * cell, planes[0], rtol=0, atol=1e-8)
    np.testing.assert_allclose(W.sum(axis=(0, 2)) * cell, planes[1], rtol=0, atol=1e-8)


def test_purity_and_absolute_volume_multiply(measured):
    """With n_i = int abs(W_i): int abs(W) = prod n_i, so that the negativity is prod n_i - 1."""
    _, planes, W, cell = measured
    for power in (lambda V: V**2, np.abs):
        expected = np.prod([power(plane).sum() * cell for plane in planes])
        assert power(W).sum() * cell**2 == pytest.approx(expected, rel=1e-12, abs=0)


def test_moments_are_those_of_the_factors(measured):
    """In the order q1, q2, p1, p2, nothing between the particles; against sums over the cells (5e-7: tails cut)."""
    factors, _, W, cell = measured
    state, (x, _) = states.product(factors), lattice()
    mean, second = np.zeros(4), np.zeros((4, 4))
    for a, b in itertools.combinations(range(4), 2):
        both = W.sum(axis=tuple({0, 1, 2, 3} - {a, b})) * cell**2
        second[a, b] = second[b, a] = x @ both @ x
        for k, line in ((a, both.sum(axis=1)), (b, both.sum(axis=0))):
            mean[k], second[k, k] = line @ x, line @ x**2
    np.testing.assert_allclose(state.mean, mean, rtol=0, atol=5e-7)
    np.testing.assert_allclose(state.covariance, second - np.outer(mean, mean), rtol=0, atol=5e-7)
    assert np.abs(state.covariance[np.ix_([0, 2], [1, 3])]).max() == 0
    np.testing.assert_array_equal(state.mean[[1, 3]], factors[1].mean)


def test_three_particles_and_the_finest_structure_of_each():
    """The plane of each particle has its own, whatever the others are."""
    factors = (CAT, SQUEEZED, states.fock(**ONE, n=2))
    state = states.product(factors)
    for k, factor in enumerate(factors):
        on = np.ix_([k, 3 + k], [k, 3 + k])
        np.testing.assert_array_equal(state.finest[on], factor.finest)
        np.testing.assert_array_equal(state.covariance[on], factor.covariance)
    assert np.count_nonzero(state.finest) <= 12
    assert len(state.packets) == 2 * 1 * 16
    assert {tuple(packet.mean[[0, 3]]) for packet in state.packets} == {tuple(p.mean) for p in CAT.packets}


def test_gaussians_stay_one_gaussian():
    """Bits of the moments of each; the exact route of Gaussians knows nothing of products."""
    thermal = states.thermal(**ONE, beta=0.7)
    state = states.product([SQUEEZED, thermal])
    assert isinstance(state, states.GaussianState)
    expected = np.zeros((4, 4))
    expected[np.ix_([0, 2], [0, 2])], expected[np.ix_([1, 3], [1, 3])] = SQUEEZED.covariance, thermal.covariance
    np.testing.assert_array_equal(state.covariance, expected)
    np.testing.assert_array_equal(state.mean, [0.4, 0.0, -0.3, 0.0])


# --- exact evolution -------------------------------------------------------------------------------------------------


def pair(*, stiffness, eta=0.3):
    """Two different oscillators, each in a minimally invasive bath (or none), and a spring between them."""
    particles = []
    for units, beta in ((ONE, 0.8), (OTHER, 0.5)):
        well = potentials.harmonic(mass=units["mass"], omega=units["omega"])
        bath = baths.brownian(model="minimally_invasive", mass=units["mass"], hbar=1.0, eta=eta, beta=beta)
        particles.append(Particle(units["mass"], well, bath if eta else baths.none()))
    springs = (Coupling(0, 1, stiffness),) if stiffness else ()
    return System(tuple(particles), 1.0, couplings=springs)


POINTS = np.array([(0.1, -0.2, 0.3, 0.0), (0.9, 0.5, -0.4, 0.7), (-1.1, 0.6, 1.3, -0.5)])


def at(state, point):
    """W at one point of phase space."""
    return state.values([np.full((1, 1, 1, 1), x) for x in point]).item()


@pytest.mark.parametrize("factors", [(CAT, SQUEEZED), (states.fock(**ONE, n=1), SQUEEZED), (CAT, CAT)])
def test_the_sum_of_gaussians_is_the_product(factors):
    """Term by term; without springs, with baths, each factor evolves as if it were alone (round-off of W < 0.1)."""
    state = states.product(factors)
    for point in POINTS:
        assert at(state.as_sum(), point) == pytest.approx(at(state, point), abs=1e-14)
    later = state.as_sum().evolved(pair(stiffness=0.0), 0.7)
    lone = [System((particle,), 1.0) for particle in pair(stiffness=0.0).particles]
    expected = states.product([_evolved(f, system, 0.7) for f, system in zip(factors, lone, strict=True)])
    for point in POINTS:
        assert at(later, point) == pytest.approx(at(expected, point), abs=1e-14)


def _evolved(factor, system, time):
    if isinstance(factor, states.GaussianSum):
        return factor.evolved(system, time)
    exact = fp.exact.Gaussian(system, factor.mean, factor.covariance)
    return states.gaussian(exact.mean(time), exact.covariance(time))


def test_springs_alone_carry_w_along_their_orbits():
    """Liouville: without baths W(x, t) = W_0(M^-1 x), with M from SciPy, whatever the state."""
    system, state = pair(stiffness=0.9, eta=0.0), states.product((CAT, SQUEEZED))
    back = expm(-1.7 * system.drift_matrix)
    later = state.as_sum().evolved(system, 1.7)
    for point in POINTS:
        assert at(later, point) == pytest.approx(at(state, back @ point), abs=1e-13)


def test_the_exact_sum_has_the_exact_moments():
    """Baths and spring together: the moments of the sum and those of a Gaussian that starts with the same ones."""
    system, state = pair(stiffness=0.9), states.product((CAT, SQUEEZED))
    later = state.as_sum().evolved(system, 0.9)
    mean, V = systems.gaussian_path(system, state.mean, state.covariance, 0.9)
    np.testing.assert_allclose(later.mean, mean, rtol=0, atol=1e-13)
    np.testing.assert_allclose(later.covariance, V, rtol=0, atol=1e-13)
    assert np.abs(V[np.ix_([0, 2], [1, 3])]).max() > 0.05  # the spring has tied them


def test_a_closed_form_is_given_up_where_it_is_none_or_takes_too_long():
    assert states.product((weyl.wavefunction(LINE, psi(), hbar=1.0), SQUEEZED)).as_sum() is None
    assert states.product((states.fock(**ONE, n=2), states.fock(**ONE, n=2))).as_sum() is None  # 29 x 29 terms


# --- configurations --------------------------------------------------------------------------------------------------


def config(*initial, cells=16, extent=(-6.0, 6.0), stiffness=0.0, potential=WELL, hbar=1.0, **sections):
    """As many particles as states, one or two of them."""
    bath = {"model": "minimally_invasive" if hbar else "caldeira_leggett", "eta": 0.3, "temperature": 0.8}
    particle = {"mass": 1.0, "potential": potential, "bath": bath}
    springs = [{"between": [0, 1], "stiffness": stiffness}] if stiffness else []
    axis = {"cells": cells, "extent": extent}
    data = {
        "units": {"hbar": hbar},
        "system": particle if len(initial) == 1 else {"particles": [particle] * 2, "couplings": springs},
        "initial": list(initial),
        "grid": {"q": {**axis, "allow_coarse": True}, "p": axis},
        "time": {"until": 0.2},
        "output": {"every": 0.2, "snapshots": 1},
    }
    return Config(**{**data, **sections})


def run(config):
    """Without the warnings that small grids get."""
    return api.run_problem(api.prepare(config))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of arrays, and results of one particle, of one on a ring, and of two."""
    path = tmp_path_factory.mktemp("starts")
    np.savez(path / "psi.npz", q=LINE, psi=psi())
    np.savez(path / "rho.npz", rho_fock=np.diag([0.2, 0.8]), omega=1.0)
    x, _ = lattice()
    np.savez(path / "W.npz", q=x, p=x, W=CAT.values(meshed(x, x)))
    np.savez(path / "pair.npz", q1=x, q2=x, p1=x, p2=x, W=np.zeros((40,) * 4, dtype=np.float32))
    run(config(THERMAL, cells=48, extent=(-7.5, 7.5))).save(path / "one.h5")
    run(config(THERMAL, THERMAL)).save(path / "two.h5")
    ring = {"q": {"cells": 32, "extent": [0.0, 6.0], "boundary": "periodic"}, "p": {"cells": 48}}
    uniform = {"kind": "uniform", "momentum_variance": 1.0}
    run(config(uniform, potential={"kind": "free"}, hbar=0.0, grid=ring)).save(path / "ring.h5")
    return path


KINDS = {
    "gaussian": {"mean": [0.3, 0.1], "covariance": [[0.8, 0.1], [0.1, 0.9]]},
    "thermal": {"beta": 0.9, "omega": 1.0},
    "coherent": {"q": 0.5, "p": 0.1, "omega": 1.0},
    "squeezed": {"q": 0.5, "p": 0.1, "omega": 1.0, "r": 0.3},
    "fock": {"n": 1, "omega": 1.0},
    "cat": {"separation": 2.0, "omega": 1.0},
    "wavefunction": {"path": "psi.npz"},
    "density_matrix": {"path": "rho.npz"},
    "distribution": {"path": "W.npz"},
}


@pytest.mark.slow
@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("kind", KINDS)
def test_every_state_of_one_particle_may_stand_in_a_list(kind, place, folder):
    """W on the grid is that of the particle alone times that of the other, to the last bit."""
    section = {"kind": kind, **KINDS[kind]}
    if "path" in section:
        section["path"] = str(folder / section["path"])
    other = {"kind": "cat", "separation": 1.5, "omega": 1.0}
    alone = [api.prepare(config(part)) for part in (section, other)]
    planes = [starts.values(problem.state, problem.grid, allow_coarse=True) for problem in alone]
    sections, order = [(section, other), (other, section)][place], [(0, 1), (1, 0)][place]
    together = api.prepare(config(*sections))
    W = starts.values(together.state, together.grid, allow_coarse=True)
    np.testing.assert_array_equal(W, np.einsum("ac,bd->abcd", *(planes[k] for k in order)))


@pytest.mark.slow
def test_a_particle_may_start_from_the_result_of_its_own_run(folder):
    """Its final W, interpolated; on the very grid of that run to the round-off of its mass."""
    given = {"kind": "file", "path": str(folder / "one.h5")}
    problem = api.prepare(config(given, {"kind": "fock", "n": 1, "omega": 1.0}, cells=24))
    final = fp.load_result(folder / "one.h5").final.W
    x, _ = lattice(48, 7.5)
    np.testing.assert_allclose(problem.state.factors[0].values(meshed(x, x)), final, rtol=1e-11)
    assert problem.exact_state(1.0) is None
    assert problem.exact is not None  # moments
    starts.values(problem.state, problem.grid, allow_coarse=False)  # of mass 1


def test_each_state_has_the_mass_of_its_particle():
    """<p^2> of the first Fock state is 3/2 hbar m omega, <q^2> 3/2 hbar/(m omega)."""
    written = config(THERMAL, THERMAL, initial=[{"kind": "fock", "n": 1, "omega": 1.0}] * 2, cells=24)
    heavy = written.system.model_dump(exclude_none=True)
    heavy["particles"][1]["mass"] = 2.5
    state = api.prepare(written.replaced(system=heavy)).state
    np.testing.assert_allclose(np.diag(state.covariance), [1.5, 0.6, 1.5, 3.75], rtol=1e-12)


def test_gaussian_sections_stay_one_gaussian():
    assert isinstance(api.prepare(config(THERMAL, THERMAL)).state, states.GaussianState)


def test_a_list_is_written_and_read_back(tmp_path):
    written = config({"kind": "cat", "separation": 2.0, "omega": 1.0}, THERMAL)
    (tmp_path / "pair.yaml").write_text(written.to_yaml())
    read = fp.load_config(tmp_path / "pair.yaml")
    assert (read.system, read.initial, read.grid) == (written.system, written.initial, written.grid)
    assert [section.kind for section in read.initial] == ["cat", "thermal"]
    assert api.prepare(read.replaced(title="again")).state.mean.shape == (4,)


REFUSED = {
    "uniform": (
        ({"kind": "uniform", "momentum_variance": 1.0}, THERMAL),
        "initial.0.kind: `uniform` goes around a ring, and positions of several particles are never periodic; give a",
    ),
    "from Python": (
        (THERMAL, CAT),
        "initial.1.kind: a state given from Python (a Fock or cat state, 4 terms) cannot stand in a list of sections",
    ),
    "of a result": (
        (THERMAL, {"kind": "stored", "path": "earlier.h5"}),
        "initial.1.kind: a state given from Python cannot stand in a list of sections; give states only",
    ),
    "stored alone": (
        ({"kind": "stored", "path": "earlier.h5"},),
        "initial.0.kind: a state given from Python cannot stand in a list of sections; give it as `initial` itself",
    ),
    "moments of two": (
        (THERMAL, {"kind": "gaussian", "mean": [0.0] * 4, "covariance": np.eye(4).tolist()}),
        "initial.1.mean: must have 2 entries (q, p), but has 4",
    ),
    "nothing left of a cat": (
        (THERMAL, {"kind": "cat", "separation": 1e-4, "phase": math.pi, "omega": 1.0}),
        "initial.1.separation: the packets cancel each other",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_stand_in_a_list(name):
    initial, words = REFUSED[name]
    with pytest.raises(ConfigError) as caught:
        api.prepare(config(*initial))
    assert words in str(caught.value)


def test_faults_of_all_entries_are_told_at_once():
    """Classical particles have no quantum states; each entry says so at its own key."""
    with pytest.raises(ConfigError) as caught:
        api.prepare(
            config({"kind": "fock", "n": 1, "omega": 1.0}, {"kind": "cat", "separation": 2, "omega": 1}, hbar=0)
        )
    for k, kind in enumerate(("fock", "cat")):
        assert f"initial.{k}.kind: `{kind}` needs hbar > 0, but units.hbar is 0" in str(caught.value)


@pytest.mark.parametrize("initial", [{"kind": "wavefunction", "path": "psi.npz"}, {"kind": "fock", "n": 1, "omega": 1}])
def test_one_state_of_one_particle_is_none_of_two(initial):
    """As a section, and as a list with an entry too few."""
    with pytest.raises(ConfigError, match="must be a list with one entry for each of the 2 particles, or one state of"):
        api.prepare(config(THERMAL, THERMAL, initial=initial))
    with pytest.raises(ConfigError, match="must have one entry for each of the 2 particles, but has 1"):
        api.prepare(config(THERMAL, THERMAL, initial=[initial]))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "file", "words"),
    [
        ("file", "two.h5", r"two.h5 holds a W of 2 particles, but an entry of the list `initial` is the state"),
        ("file", "ring.h5", r"ring.h5 holds a W around a ring, but an entry of the list"),
        ("distribution", "pair.npz", "must hold `q` and `p` and `W`, but holds W, p1, p2, q1, q2"),
        ("wavefunction", "none.npz", "none.npz does not exist"),
    ],
)
def test_files_that_are_no_state_of_one_particle(kind, file, words, folder):
    with pytest.raises(ConfigError, match=rf"initial\.1\.path: .*{words}"):
        api.prepare(config(THERMAL, {"kind": kind, "path": str(folder / file)}))


def test_products_that_are_none():
    with pytest.raises(UsageError, match=r"of one particle on the line, but states\[1\] is UniformState"):
        states.product([CAT, states.UniformState(1.0)])
    with pytest.raises(UsageError, match=r"states\[0\] is of 2 particles"):
        states.product([states.gaussian(np.zeros(4), np.eye(4)), CAT])
    with pytest.raises(UsageError, match="at least one particle, but has none"):
        states.product([])


def test_doubts_name_the_entry():
    """What is said of the state of one particle is said of each of several."""
    narrow = {"kind": "gaussian", "mean": [0.0, 0.0], "covariance": [[0.3, 0.0], [0.0, 0.5]]}
    notes = api.prepare(config({"kind": "fock", "n": 1, "omega": 1.0}, narrow, extent="auto")).warnings
    assert any(n.startswith("initial.1: the initial covariance violates the uncertainty principle") for n in notes)


def test_a_product_of_tables_that_are_gaussians_is_one():
    """The warning about walls near the exact path needs to know."""
    x, _ = lattice()
    gaussian = states.tabulated((x, x), SQUEEZED.values(meshed(x, x)))
    found = starts.as_gaussian(states.product((gaussian, SQUEEZED)))
    np.testing.assert_allclose(found.covariance, states.product((SQUEEZED, SQUEEZED)).covariance, rtol=0, atol=1e-6)
    assert starts.as_gaussian(states.product((gaussian, CAT))) is None


# --- grids and runs --------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("potential", [WELL, {"kind": "quartic", "omega": 1.0, "quartic": 0.2}])
def test_the_grid_resolves_the_finest_structure_of_each_particle(place, potential):
    """The cells that the fringes of a cat span, and the axes they lie along, are those of the cat alone."""
    cat = {"kind": "cat", "separation": 3.0, "omega": 1.0}
    keys = {"cells": 24, "potential": potential, "extent": (-9.0, 9.0)}
    alone = api.prepare(config(cat, **keys)).resolution
    together = api.prepare(config(*[(cat, THERMAL), (THERMAL, cat)][place], **keys)).resolution
    assert together.cells == pytest.approx(alone.cells, rel=1e-9, abs=0)
    assert together.structure == alone.structure
    assert together.axes == tuple(f"{name}{place + 1}" for name in alone.axes)


@pytest.mark.parametrize("count", [1, 2])
def test_fringes_are_watched_where_no_well_gives_a_box(count):
    """The cells of the cat's fringes along p, closed form over the spacing, not those of its packets."""
    cat, bowl = {"kind": "cat", "separation": 3.0, "omega": 1.0}, Bowl()
    particle = {"mass": 1.0, "potential": bowl, "bath": {"model": "caldeira_leggett", "eta": 0.3, "temperature": 0.8}}
    system = {**particle, "moyal": False} if count == 1 else {"particles": [particle] * 2, "moyal": False}
    found = api.prepare(config(*[cat, THERMAL][:count], extent=(-9.0, 9.0), cells=32, system=system)).resolution
    fringes = math.sqrt(states.cat(**ONE, separation=3.0).finest[1, 1])
    assert found.structure == "finest structure of W"
    assert found.cells == pytest.approx(fringes / (18 / 32))


@pytest.mark.slow
@pytest.mark.parametrize("potential", [WELL, {"kind": "quartic", "omega": 1.0, "quartic": 0.2}])
def test_automatic_boxes_hold_what_each_particle_needs(potential):
    """Cells grow to 64; without springs the box is that of one particle on as many cells."""
    cat = {"kind": "cat", "separation": 3.0, "omega": 1.0}
    together = api.prepare(config(cat, THERMAL, cells="auto", extent="auto", potential=potential)).grid
    assert together.shape == (64, 64, 64, 64)
    for k, part in enumerate((cat, THERMAL)):
        alone = api.prepare(config(part, cells=64, extent="auto", potential=potential)).grid
        for axis, own in zip(together.axes[k::2], alone.axes, strict=True):
            assert (axis.low, axis.high) == (own.low, own.high)


@pytest.mark.slow
def test_without_springs_two_particles_evolve_as_two_runs():
    """W = W_1 W_2 at the end, a cat and a Fock state, to the error of the steps (of order dt^4; measured 1e-10)."""
    parts = ({"kind": "cat", "separation": 2.0, "omega": 1.0}, {"kind": "fock", "n": 1, "omega": 1.0})
    keys = {"cells": 24, "extent": (-6.0, 6.0), "time": {"until": 0.3, "dt": 0.01, "stepper": "rk4"}}
    first, second = (run(config(part, **keys)) for part in parts)
    both = run(config(*parts, **keys))
    np.testing.assert_allclose(both.final.W, np.einsum("ac,bd->abcd", first.final.W, second.final.W), rtol=0, atol=1e-9)
    for name in ("purity", "mass"):
        expected = first.series[name][-1] * second.series[name][-1]
        assert both.series[name][-1] == pytest.approx(expected, abs=1e-8)
    volumes = [1 + result.series["negativity"] for result in (first, second, both)]
    np.testing.assert_allclose(volumes[2], volumes[0] * volumes[1], rtol=1e-7)
    assert volumes[2][0] > 1.4


@pytest.mark.slow
def test_sums_of_gaussians_start_runs_from_python(tmp_path):
    """A product as one sum: W to round-off that of the list of sections; its file repeats the run to the last bit."""
    cat, keys = {"kind": "cat", "separation": 2.0, "omega": 1.0}, {"cells": 24, "stiffness": 0.5}
    listed = config(cat, THERMAL, **keys)
    state = states.product([states.cat(**ONE, separation=2.0), states.thermal(**ONE, beta=1.0)])
    given = listed.replaced(initial=state.as_sum())
    first = run(given)
    np.testing.assert_allclose(first.final.W, run(listed).final.W, rtol=0, atol=1e-15)
    assert first.exact_error < 0.05
    again = run(fp.load_result(first.save(tmp_path / "sum.h5")).config)
    np.testing.assert_array_equal(again.final.W, first.final.W)
    with pytest.raises(ConfigError, match=r"is a state of 2 particles, but the system has 1"):
        api.prepare(config(THERMAL).replaced(initial=state.as_sum()))


GIVEN = FACTORS | {"of 60 terms": (CAT, states.fock(**OTHER, n=1))}


@pytest.mark.slow
@pytest.mark.parametrize("name", GIVEN)
def test_states_of_python_start_runs_of_several(name, tmp_path):
    """A product and the list of its factors are one start, W to round-off theirs; its file repeats the run."""
    keys = {"cells": 20, "stiffness": 0.5, "time": {"until": 0.02}}
    product, listed = (
        config(THERMAL, THERMAL, initial=start, **keys) for start in (states.product(GIVEN[name]), list(GIVEN[name]))
    )
    assert product == listed
    assert product.initial.content == "a product of states, 2 particles"
    problem = api.prepare(listed)
    W = states.product(GIVEN[name]).values(problem.grid.coordinates)
    np.testing.assert_allclose(starts.values(problem.state, problem.grid, allow_coarse=True), W, rtol=0, atol=1e-15)
    first = run(product)
    loaded = fp.load_result(first.save(tmp_path / "product.h5")).config
    assert loaded == product
    np.testing.assert_array_equal(run(loaded).final.W, first.final.W)
    dataset = first.to_xarray()
    assert fp.Result.from_xarray(dataset).config == product


class Odd:
    """A state that no file can hold."""

    mean = np.zeros(2)


@pytest.mark.parametrize(
    ("initial", "changes", "words"),
    [
        (states.product([CAT, SQUEEZED, CAT]), {}, r"is a state of 3 particles, but the system has 2"),
        (states.product([CAT, Odd()]), {}, r"initial: is a product whose factors\[1\] is Odd; give W with its axes"),
        ([CAT, states.gaussian(np.zeros(4), np.eye(4))], {}, r"of one particle on the line, but states\[1\] is of 2"),
        (CAT, {}, r"is a state of 1 particle, but the system has 2; give a list with a state for each"),
        ([CAT, SQUEEZED], {"hbar": 0.0}, "needs hbar > 0, but units.hbar is 0"),
        ([CAT, states.UniformState(1.0)], {}, "initial.1.kind: `uniform` goes around a ring"),
    ],
)
def test_states_of_python_that_start_no_run_of_two(initial, changes, words):
    with pytest.raises(ConfigError, match=words):
        api.prepare(config(THERMAL, THERMAL, initial=initial, **changes))


@pytest.mark.slow
def test_a_run_follows_the_exact_sum_of_gaussians():
    """A cat tied to a thermal particle, on 1.6 cells for its fringes: W to 1e-3 (measured 6e-4), moments to 1e-6."""
    cat = {"kind": "cat", "separation": 1.6, "omega": 1.0}
    problem = api.prepare(config(cat, THERMAL, cells=36, extent=(-6.0, 6.0), stiffness=0.6))
    result = api.run_problem(problem)
    assert result.exact_error < 1e-3
    np.testing.assert_allclose(result.series["covariance"], result.exact["covariance"], rtol=0, atol=1e-6)
    assert result.series["covariance"][-1][0, 1] > 0.005  # tied
    assert math.isnan(result.series["mutual_information"][0])  # W < 0
    words = dict(result.summary())
    pattern = r"nan \(undefined: W is negative somewhere \(negativity \S+\)\); of order 2: (\S+)"
    assert (found := re.fullmatch(pattern, words["mutual information"]))
    squares, alone = result.series["mutual_information_renyi"], result.series["purity_particle"]
    assert float(found[1]) == pytest.approx(squares[-1], rel=1e-8, abs=0)
    assert squares[0] == pytest.approx(0.0, abs=1e-7)  # a product, of which the box cuts 1.4e-8
    assert alone[0] == pytest.approx([1.0, math.tanh(0.5)], abs=1e-6)  # a pure cat, and a thermal state of beta = 1
    W = problem.exact_state(float(result.series["time"][-1])).values(problem.grid.coordinates)
    assert squares[-1] == pytest.approx(information_from_squares(W, problem.grid.spacings), abs=4e-5)  # 2e-5
    assert "Pi_Q (Husimi)" not in words  # which is not computed


def information(W, cells):
    """Mutual information of W > 0 on cells (q1, q2, p1, p2), by its definition."""

    def entropy(w, cell):
        kept = w[w > 1e-30]
        return -(kept * np.log(kept)).sum() * cell

    (q1, q2, p1, p2) = cells
    parts = W.sum(axis=(1, 3)) * q2 * p2, W.sum(axis=(0, 2)) * q1 * p1
    return entropy(parts[0], q1 * p1) + entropy(parts[1], q2 * p2) - entropy(W, q1 * q2 * p1 * p2)


def information_from_squares(W, cells):
    """That of order 2, on cells (q1, q2, p1, p2), by its definition."""
    (q1, q2, p1, p2) = cells
    parts = (W.sum(axis=(1, 3)) * q2 * p2) ** 2 * q1 * p1, (W.sum(axis=(0, 2)) * q1 * p1) ** 2 * q2 * p2
    return math.log((W**2).sum() * q1 * q2 * p1 * p2) - sum(math.log(part.sum()) for part in parts)


@pytest.mark.slow
def test_the_shipped_cat_and_its_partner():
    """The numbers of the header, the series against the exact W of three times, moments to 1e-7."""
    path = Path(__file__).parents[1] / "configs" / "coupled_cat.yaml"
    header = re.sub(r"\s+", " ", path.read_text().replace("\n#", " "))
    problem = api.prepare(fp.load_config(path))
    result = api.run_problem(problem)
    found, at = result.series, {round(t, 6): k for k, t in enumerate(result.series["time"])}
    promised = [float(x) for x in re.search(r"negativity (\S+), (\S+) and (\S+) at t = 0, 0.5 and 1", header).groups()]
    assert [found["negativity"][at[t]] for t in (0.0, 0.5, 1.0)] == pytest.approx(promised, abs=5e-4)
    assert found["negativity"][at[1.2]] > 1e-3
    assert found["negativity"][at[1.3]] < 1e-6
    informations = [float(x) for x in re.search(r"information that falls from (\S+) to (\S+);", header).groups()]
    assert [found["mutual_information"][at[t]] for t in (1.3, 2.0)] == pytest.approx(informations, abs=5e-4)
    cells = problem.grid.spacings
    for t in (0.5, 1.0):
        W = problem.exact_state(t).values(problem.grid.coordinates)
        assert found["negativity"][at[t]] == pytest.approx(np.abs(W).sum() * np.prod(cells) - 1, abs=1e-4)  # 6e-5
    W = problem.exact_state(2.0).values(problem.grid.coordinates)
    assert found["mutual_information"][-1] == pytest.approx(information(W, cells), abs=1e-5)
    assert result.exact_error < 1e-3
    np.testing.assert_allclose(found["covariance"], result.exact["covariance"], rtol=0, atol=1e-7)
