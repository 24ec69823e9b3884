"""Rules that the schema cannot say: told when a configuration is made, all at once, each with its place."""

import warnings

import numpy as np
import pytest

import fpsolver as fp
from fpsolver.cli.main import status_of
from fpsolver.config import build
from fpsolver.config.reader import load_config, parse_yaml
from fpsolver.errors import ConfigError, FpsolverError, GridError, StabilityError, UsageError
from tests.test_config import BATH, PAIR, STATE, VALID, WELL, python_data, written


def faults_in(folder, text, *overrides):
    """The lines of the refusal of a file that is read, but not run."""
    with pytest.raises(ConfigError) as caught:
        load_config(written(folder, text, "t.yaml"), overrides)
    heading, *lines = str(caught.value).splitlines()
    assert heading.endswith("t.yaml cannot be used:")
    return [line.strip() for line in lines]


def with_sections(**sections):
    return {**python_data(), **sections}


HARMONIC = {"kind": "harmonic", "omega": 1.0}
RING = {"q": {"boundary": "periodic", "extent": [-3.0, 3.0]}}
LIMITED = {"flux": "chang_cooper", "reversible": "limited"}
MEMORY = {"model": "hu_paz_zhang", "gamma": 0.05, "cutoff": 5.0, "beta": 1.0}


def system(**parts):
    return {"mass": 1.0, "potential": HARMONIC, "bath": {"model": "none"}, **parts}


COLD = {"model": "position_friction", "eta": 0.5, "beta": 2.1, "xi": "detailed_balance"}
ILL = {"model": "custom", "eta": 0.5, "d_qq": 0.1, "d_pp": 0.1, "d_qp": 0.2}
QUARTIC = {"kind": "quartic", "omega": 1.0, "quartic": 1.0}
RULES = {
    "long mean": ({"initial": {"kind": "gaussian", "mean": [1, 2, 3], "covariance": [[1, 0], [0, 1]]}}, "initial.mean"),
    "indefinite": (
        {"initial": {"kind": "gaussian", "mean": [1, 2], "covariance": [[1, 2], [2, 1]]}}, "initial.covariance"
    ),
    "asymmetric": (
        {"initial": {"kind": "gaussian", "mean": [1, 2], "covariance": [[1, 0.1], [0, 1]]}}, "initial.covariance"
    ),
    "ring without a length": ({"system": system(potential={"kind": "free"}), "grid": {"q": {"boundary": "periodic"}}},
                              "grid.q.extent"),
    "ring in a well": ({"grid": RING}, "grid.q.boundary"),
    "pull on a ring": (
        {"system": system(potential={"kind": "free"}, bath={**COLD, "xi": 0.1}), "grid": RING}, "grid.q.boundary"
    ),
    "uniform in a box": ({"initial": {"kind": "uniform", "momentum_variance": 1.0}}, "initial.kind"),
    "classical fock": ({"units": {"hbar": 0}, "initial": {"kind": "fock", "n": 1, "omega": 1.0}}, "initial.kind"),
    "cold": ({"system": system(bath=COLD)}, "system.bath.xi"),
    "ill-posed": ({"system": system(bath=ILL)}, "system.bath"),
    "ill-posed in other units": ({"system": system(bath={**ILL, "d_qq": 1e-8, "d_pp": 1e6})}, "system.bath"),
    "indefinite in other units": (
        {"initial": {"kind": "gaussian", "mean": [1, 2], "covariance": [[2e-8, 0.4], [0.4, 2e6]]}}, "initial.covariance"
    ),
    "a spring to itself": (
        {"system": {"particles": [system()] * 2, "couplings": [{"between": [1, 1], "stiffness": 0.3}]},
         "initial": [{"kind": "thermal", "beta": 1.0, "omega": 1.0}] * 2},
        "system.couplings.0.between",
    ),
    "half a length of axes": ({"grid": {"q": [{"cells": 16}, {"cells": 16}]}}, "grid.q"),
    "an end too early": ({"time": {"until": 3.0, "max_time": 2.0}}, "time.max_time"),
    "implicit and limited": ({"scheme": LIMITED, "time": {"stepper": "implicit"}}, "time.stepper"),
    "implicit with memory": ({"system": system(bath=MEMORY), "time": {"stepper": "implicit"}}, "time.stepper"),
    "direct with memory": ({"system": system(bath=MEMORY), "time": {"method": "direct"}}, "time.method"),
    "memory without a well": ({"system": system(bath=MEMORY, potential={"kind": "free"})}, "system.bath.model"),
    "gaussian and anharmonic": ({"system": system(potential=QUARTIC), "time": {"method": "gaussian"}}, "time.method"),
    "gaussian on a ring": ({"system": system(potential={"kind": "free"}), "grid": RING, "time": {"method": "gaussian"}},
                           "time.method"),
    "gaussian from a cat": (
        {"initial": {"kind": "cat", "separation": 2.0, "phase": 0.0, "omega": 1.0},
         "time": {"method": "gaussian", "until": 1.0}},
        "initial",
    ),
    "positivity of a classical system": (
        {"units": {"hbar": 0}, "checks": {"require_complete_positivity": True}}, "checks.require_complete_positivity"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_a_configuration_that_breaks_a_rule_cannot_be_made(name):
    sections, key = RULES[name]
    with pytest.raises(ConfigError) as caught:
        fp.Config(**with_sections(**sections))
    assert [fault.key for fault in caught.value.faults] == [key]


def test_a_file_that_breaks_rules_cannot_be_read(tmp_path):
    text = VALID.replace("[0.5, 0.0]", "[1, 2, 3]").replace("[[0.8, 0.0], [0.0, 0.8]]", "[[1, 2], [2, 1]]")
    assert faults_in(tmp_path, text) == [
        "line 9, initial.mean: must have 2 entries (q, p), but has 3",
        "line 10, initial.covariance: must be positive definite, but [[1.0, 2.0], [2.0, 1.0]] has the eigenvalue -1",
    ]


def test_no_copy_breaks_a_rule():
    with pytest.raises(ConfigError, match=r"time\.max_time: is 0\.2, before time\.until = 0\.5"):
        fp.Config(**python_data()).replaced(time={"max_time": 0.2})


def test_rules_of_several_particles(tmp_path):
    text = PAIR.replace("[0, 1]", "[0, 2]").replace("0.5}}\n  couplings", "0.5, alpha: 1}}\n  couplings")
    text = text.replace("time: {until: 0.5}", "time: {until: 0.5, stepper: implicit}")
    found = [line.partition(": ")[0] for line in faults_in(tmp_path, text)]
    assert found == [
        "line 4, system.particles.1.bath.alpha", "line 5, system.couplings.0.between", "line 10, time.stepper"
    ]  # fmt: skip


def test_rules_of_a_chain():
    bath = {"model": "caldeira_leggett", "eta": 0.5, "beta": 1.0}
    chain = {"length": 1000, "mass": 1.0, "potential": QUARTIC, "stiffness": 1.0, "left": bath, "right": MEMORY}
    with pytest.raises(ConfigError) as caught:
        fp.Config(system={"chain": chain}, time={"method": "gaussian"})
    assert {fault.key for fault in caught.value.faults} == {"system.chain.right.model", "time.method"}


@pytest.mark.slow
def test_what_only_a_run_needs_is_left_to_the_run(tmp_path):
    """Files, objects of Python that a file has lost, a grid of many axes for a system that is solved otherwise."""
    fp.Config(**with_sections(initial={"kind": "file", "path": str(tmp_path / "nowhere.h5")}))
    left = fp.Config(**with_sections(system=system(potential={"kind": "python", "name": "Well()"})))
    with pytest.raises(ConfigError, match=r"system\.potential: was the Python object Well\(\)"):
        fp.build_system(left)
    particles = [system() for _ in range(5)]
    many = fp.Config(system={"particles": particles}, initial=[{"kind": "thermal", "beta": 1.0, "omega": 1.0}] * 5)
    assert fp.build_system(many).size == 5
    with pytest.raises(ConfigError, match=r"time\.method: a grid of 10 axes is beyond any memory"):
        fp.prepare(many)


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"units": {"hbar": 0}}, "needs hbar > 0, but units.hbar is 0"),
        (
            {"system": system(potential={"kind": "free"}), "grid": RING},
            "is on the line, but grid.q.boundary is periodic",
        ),
        ({"system": {"particles": [system()] * 2}}, "is a state of 1 particle"),
    ],
)
def test_rules_of_a_state_from_python(sections, words):
    q = np.linspace(-8.0, 8.0, 200)
    with pytest.raises(ConfigError, match=words) as caught:
        fp.Config(**with_sections(**sections, initial=(q, np.exp(-q * q / 2))))
    assert [fault.key for fault in caught.value.faults] == ["initial"]


def test_extreme_numbers_are_left_to_the_run():
    config = fp.Config(**with_sections(system=system(mass=1e200, potential={"kind": "harmonic", "omega": 1e200})))
    with pytest.raises(ConfigError, match="the numbers are so extreme"):
        fp.prepare(config)


@pytest.mark.slow
def test_a_base_that_only_the_last_value_of_a_sweep_mends(tmp_path):
    """A bath too cold for its rule is a row with its reason, as other runs that fail."""
    path = written(
        tmp_path, VALID.replace(BATH, "bath: {model: position_friction, eta: 0.5, beta: 3.0, xi: detailed_balance}")
    )
    over = ["--over", "system.bath.beta=2.5,1", "--set", "time.method=gaussian", "--workers", "1", "--quiet"]
    assert status_of(["sweep", str(path), *over, "-o", str(tmp_path / "table.h5")]) == 0
    table = fp.load_sweep(tmp_path / "table.h5")
    assert table.data["status"].tolist() == ["failed", "finished"]
    assert table.data["message"][0].startswith("system.bath.xi: `detailed_balance` and complete positivity exclude")


@pytest.mark.slow
def test_rules_warn_of_nothing():
    narrow = {"kind": "gaussian", "mean": [0, 0], "covariance": [[0.1, 0], [0, 0.1]]}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        config = fp.Config(**with_sections(initial=narrow, system=system(bath={**MEMORY, "gamma": 0.3}), grid={}))
    assert len([text for text in fp.prepare(config).warnings if "uncertainty principle" in text]) == 1


def test_baths_with_memory_are_not_computed_for_rules(monkeypatch):
    """Their coefficients take milliseconds."""
    monkeypatch.setattr(build.hu_paz_zhang, "bath", lambda **_: pytest.fail("computed"))
    fp.Config(**with_sections(system=system(bath=MEMORY)))


ALL = """\
units: {hbar: 0}
system:
  mass: 1.0
  potential: {kind: harmonic, omega: 1.0}
  bath: {model: lindblad, operators: [[1, 0.5]]}
initial: {kind: fock, n: 1, omega: 1}
grid:
  q: {cells: 96, extent: [-5, 5], boundary: periodic}
scheme: {flux: chang_cooper, reversible: limited}
time:
  until: 3
  max_time: 2
  stepper: implicit
checks: {require_complete_positivity: true}
"""


def test_rules_at_once(tmp_path):
    assert faults_in(tmp_path, ALL) == [
        "line 5, system.bath.model: `lindblad` needs hbar > 0, but units.hbar is 0",
        "line 6, initial.kind: `fock` needs hbar > 0, but units.hbar is 0",
        "line 8, grid.q.boundary: `periodic` needs a periodic force (free or cosine potential)",
        "line 12, time.max_time: is 2, before time.until = 3; leave one of them out",
        "line 13, time.stepper: implicit steps need linear fluxes; use scheme.reversible: central",
        "line 14, checks.require_complete_positivity: has no meaning for a classical system (units.hbar is 0); "
        "leave it out",
    ]


def test_rules_of_a_method_at_once(tmp_path):
    bath = "bath: {model: symmetry_broken, eta: 1, beta: 1, alpha: detailed_balance}"
    text = VALID.replace(WELL, "potential: {kind: quartic, omega: 1.0, quartic: 1}").replace(BATH, bath)
    text = text.replace(STATE, "kind: uniform\n  momentum_variance: 1")
    text = text.replace("central, order: 8", "chang_cooper, reversible: limited")
    text = text.replace("dt: auto", "max_time: 0.2, stepper: implicit, method: gaussian")
    keys = [line.partition(": ")[0].rpartition(", ")[2] for line in faults_in(tmp_path, text)]
    assert sorted(keys) == ["initial.kind", "system.bath.alpha", "time.method"]


def test_memory_refuses_both_at_once():
    sections = {"system": system(bath=MEMORY), "time": {"stepper": "implicit", "method": "direct"}}
    with pytest.raises(ConfigError) as caught:
        fp.Config(**with_sections(**sections))
    assert [fault.key for fault in caught.value.faults] == ["time.stepper", "time.method"]


def test_a_misspelt_method_refuses_no_stepper(tmp_path):
    text = PAIR.replace("time: {until: 0.5}", "time: {until: 0.5, stepper: implicit, metod: gaussian}")
    assert [line.partition(": ")[0] for line in faults_in(tmp_path, text)] == ["line 10, time.metod"]


# --- places of what the grid and the step refuse ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "error", "begin"),
    [
        ("dt: auto", "dt: 10", StabilityError, "line 15: time.dt must not exceed 0."),
        ("p: {cells: 48, extent: auto", "p: {cells: 16, extent: [-40, 40]", GridError,
         "line 13, grid.p.cells: the grid is too coarse: "),
        ("p: {cells: 48, extent: auto", "p: {cells: 48, extent: [-1, 9]", GridError,
         "line 13, grid.p.extent: the box cuts the state: grid.p.extent is [-1, 9]"),
        (WELL, "potential: {kind: cosine, amplitude: 1, wavenumber: 1}", GridError,
         "line 12, grid.q.extent: `extent: auto` needs a confining potential"),
    ],
)  # fmt: skip
def test_what_the_grid_refuses_has_a_place(old, new, error, begin, tmp_path):
    path = written(tmp_path, VALID.replace(old, new))
    config = load_config(path, ["system.moyal=false"])
    with pytest.raises(error) as caught:
        fp.prepare(config)
    assert str(caught.value).startswith(f"{path}, {begin}")
    with pytest.raises(error) as caught:
        fp.prepare(fp.Config(**config.model_dump()))
    assert str(caught.value).startswith(begin.partition(": ")[2])


def test_a_step_from_the_command_line_has_its_place(tmp_path):
    path = written(tmp_path, VALID)
    with pytest.raises(StabilityError) as caught:
        fp.prepare(load_config(path, ["time.dt=10"]))
    assert str(caught.value).startswith(f"{path}, --set: time.dt must not exceed")


# --- keys given twice, and keys that say which kind ------------------------------------------------------------------


def test_keys_given_twice_hide_nothing(tmp_path):
    text = """\
titel: a test
units: {hbar: -1.0}
system:
  mass: "1.0"
  potential: {kind: harmonic, omega: 1.0}
  bath: {model: minimally_invasive, eta: true, beta: 0.7}
initial: {kind: thermal, beta: 1, omega: 1}
grid:
  q: {cells: 8}
  p: {cells: 48}
  q: {cells: 48}
time: {until: 1, tolerance: 2, until: 2}
checks: {}
checks: {strict: true}
checks: {strict: false}
"""
    assert [line.partition("; did")[0] for line in faults_in(tmp_path, text)] == [
        "line 1, titel: unknown key",
        "line 2, units.hbar: must be at least 0, but is -1.0",
        "line 4, system.mass: must be a number, but is '1.0'",
        "line 6, system.bath.eta: must be a number, but is true",
        "line 9, grid.q.cells: must be `auto` or an integer of at least 16, but is 8",
        "line 11, grid.q: is given twice (first in line 9); keep one of them",
        "line 12, time.until: is given twice (first in line 12); keep one of them",
        "line 12, time.tolerance: must be less than 1, but is 2",
        "line 15, checks: is given 3 times (first in line 13); keep one of them",
    ]


def test_a_key_given_twice_is_the_only_fault(tmp_path):
    text = VALID.replace("mass: 1.0\n", "mass: 1.0\n  mass: 2.0\n")
    assert faults_in(tmp_path, text) == ["line 5, system.mass: is given twice (first in line 4); keep one of them"]
    with pytest.raises(ConfigError, match=r"line 5, system\.mass: is given twice"):
        parse_yaml(text, "the configuration in the result")


def test_what_is_missing_may_be_in_the_second_of_two_sections(tmp_path):
    text = VALID.replace("  potential", "system:\n  potential")
    assert faults_in(tmp_path, text) == ["line 5, system: is given twice (first in line 3); keep one of them"]


def test_keys_given_twice_in_what_has_aliases(tmp_path):
    axis = VALID.replace("q: {cells: 48, extent: auto}", "q: &axis {cells: 48, cells: 64}")
    axis = axis.replace("p: {cells: 48, extent: auto}", "p: *axis")
    assert faults_in(tmp_path, axis) == ["line 12, grid.q.cells: is given twice (first in line 12); keep one of them"]
    circle = faults_in(tmp_path, VALID + "checks: &x {strict: true}\n")
    assert circle == ["line 18, checks: is given twice (first in line 17); keep one of them"]


def test_a_value_with_a_key_twice_is_no_value(tmp_path):
    with pytest.raises(UsageError, match=r"--set system\.bath: .* is not a YAML value"):
        load_config(written(tmp_path, VALID), ["system.bath={model: none, model: none}"])


@pytest.mark.parametrize(
    ("old", "new", "key", "name"),
    [
        ("{model: minimally_invasive", "{modle: minimally_invasive", "line 6, system.bath.modle", "model"),
        ("kind: gaussian", "kin: gaussian", "line 8, initial.kin", "kind"),
        ("{kind: harmonic", "{knd: harmonic", "line 5, system.potential.knd", "kind"),
    ],
)
def test_a_misspelt_kind_is_named(old, new, key, name, tmp_path):
    found = faults_in(tmp_path, VALID.replace(old, new))
    assert f"{key}: unknown key; did you mean `{name}`?" in found
    assert len(found) == 2
    assert f"{name}: required, but missing; choose one of" in " ".join(found)


def test_other_keys_are_no_misspelt_kinds(tmp_path):
    assert len(faults_in(tmp_path, VALID.replace("{model: minimally_invasive, ", "{"))) == 1


# --- nothing in a configuration is set -------------------------------------------------------------------------------


def delete(section, name):
    delattr(section, name)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: setattr(c.system, "mass", 2.0), "mass cannot be set to 2.0"),
        (lambda c: setattr(c.system, "foo", 1), "foo cannot be set to 1"),
        (lambda c: setattr(c.grid.q, "cells", 64), "cells cannot be set to 64"),
        (lambda c: setattr(c, "foo", 1), "foo cannot be set to 1"),
        (lambda c: delete(c, "title"), "title cannot be deleted"),
        (lambda c: delete(c.system, "mass"), "mass cannot be deleted"),
    ],
)
def test_sections_are_not_changed(change, words):
    config = fp.Config(**python_data())
    with pytest.raises(UsageError) as caught:
        change(config)
    assert str(caught.value) == (
        f"a configuration is not changed: {words}; make another one with config.replaced(..), which takes dotted keys, "
        'too: **{"system.mass": 2.0}'
    )
    assert config == fp.Config(**python_data())


def test_the_cure_for_a_section_is_its_own():
    with pytest.raises(UsageError, match=r"with config\.replaced\(title='x'\)$"):
        fp.Config(**python_data()).title = "x"


# --- sentences -------------------------------------------------------------------------------------------------------


def test_a_tag_of_the_whole_file(tmp_path):
    path = written(tmp_path, "!x {a: 1}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value) == f"{path}: has the tag !x; tags have no meaning in a configuration"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("central, order: 8", "chang_cooper, reversible: limited",
         "line 14, scheme.reversible: `limited` fluxes are not linear and have no spectrum; use `central`"),
        (BATH, "bath: {model: hu_paz_zhang, gamma: 0.05, cutoff: 5, beta: 1}",
         "system.bath.model: coefficients that change with time have no spectrum; freeze them in Python"),
    ],
)  # fmt: skip
def test_a_spectrum_is_refused_in_its_own_words(old, new, words, tmp_path, capsys):
    assert status_of(["spectrum", str(written(tmp_path, VALID.replace(old, new)))]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert "direct" not in said


def test_four_particles_have_husimi_functions_where_they_have_a_grid():
    def built(count):
        start = [{"kind": "thermal", "beta": 1.0, "omega": 1.0}] * count
        return fp.build_system(fp.Config(system={"particles": [system()] * count}, initial=start))

    assert built(4).husimi_omegas == (1.0,) * 4
    assert built(5).husimi_omegas is None


@pytest.mark.slow
def test_a_run_without_end_is_refused(tmp_path):
    path = written(tmp_path, VALID.replace("until: 0.5", "until: 1.0e+15"))
    with pytest.raises(FpsolverError, match=r"time\.until: would take \S+ steps of \S+; give an earlier end"):
        fp.prepare(load_config(path))


def test_sections_of_another_configuration_are_checked_like_any():
    """They come as objects; what is at fault with them is named all the same."""
    one = fp.Config(**python_data())
    with pytest.raises(ConfigError, match=r"initial\.kind: `uniform` needs a periodic q"):
        fp.Config(system=one.system, initial={"kind": "uniform", "momentum_variance": 1.0})
    with pytest.raises(ConfigError, match=r"initial\.1: is an entry too many"):
        fp.Config(system=one.system, initial=[one.initial, one.initial])
    assert fp.Config(system=one.system, initial=one.initial).system == one.system


def test_stored_configurations_are_read_whatever_rules_there_are_since():
    data = {**python_data(), "time": {"until": 3.0, "max_time": 2.0}}
    with pytest.raises(ConfigError, match=r"time\.max_time: is 2, before"):
        fp.Config(**data)
    assert fp.Config.stored(data).time.max_time == 2.0
    with pytest.raises(ConfigError, match=r"time\.until: "):
        fp.Config.stored({**data, "time": {"until": -1.0}})


@pytest.mark.parametrize("changes", [{"max_time": 1.0}, {"stepper": "implicit"}])
def test_moments_do_without_what_steps_need(changes):
    """Keys that `method: gaussian` does not look at contradict nothing."""
    limited = {"flux": "chang_cooper", "reversible": "limited"}
    fp.Config(**{**python_data(), "scheme": limited, "time": {"until": 3.0, "method": "gaussian", **changes}})


def test_what_is_just_allowed():
    """Next to what the rules refuse."""
    fp.Config(**with_sections(time={"until": 3.0, "max_time": 3.0}))
    assert fp.Config(**with_sections(scheme={"order": 6})).scheme.order == 6
    bath = {"model": "caldeira_leggett", "eta": 0.5, "beta": 1.0}
    chain = {"length": 3, "mass": 1.0, "potential": HARMONIC, "stiffness": 1.0, "left": bath, "right": bath}
    assert fp.Config(system={"chain": chain}, time={"method": "gaussian"}).system.moyal is True
    singular = {"model": "custom", "eta": 0.5, "d_qq": 1e-8, "d_pp": 1e6, "d_qp": 0.1}  # d_qq d_pp = d_qp^2
    narrow = {"kind": "gaussian", "mean": [1, 2], "covariance": [[2e-8, 0.1], [0.1 + 1e-11, 2e6]]}
    fp.Config(**with_sections(system=system(bath=singular), initial=narrow))


def test_a_ring_in_a_list_of_axes():
    """Its length is that of the only entry, and is held against the period."""
    cosine = system(potential={"kind": "cosine", "amplitude": 0.5, "wavenumber": 2.0}, moyal=False)
    axes = {"boundary": "periodic", "cells": 32, "extent": [0.0, np.pi]}
    assert fp.Config(**with_sections(system=cosine, grid={"q": [axes]})).grid.q[0].extent == [0.0, np.pi]
    with pytest.raises(ConfigError, match=r"grid\.q\.extent: must be a whole number of periods"):
        fp.Config(**with_sections(system=cosine, grid={"q": [{**axes, "extent": [0.0, 3.0]}]}))
