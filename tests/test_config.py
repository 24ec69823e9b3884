"""Configurations: what is accepted, and the sentence that every fault of a file gets."""

import contextlib
import copy
import itertools
import math
import pickle
import re
import time
from functools import cache
from pathlib import Path
from unittest import mock

import numpy as np
import pydantic
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import fpsolver as fp
from fpsolver.config import initial, reader
from fpsolver.config.leaves import furthest_from_one
from fpsolver.config.reader import Config, apply_override, load_config, parse_yaml
from fpsolver.config.types import shown
from fpsolver.errors import ConfigError, FpsolverError, ResourceError, UsageError
from fpsolver.physics import exact
from fpsolver.thermo.detailed_balance import gaussian_detailed_balance

VALID = """\
title: a test
units: {hbar: 1.0}
system:
  mass: 1.0
  potential: {kind: harmonic, omega: 1.0}
  bath: {model: minimally_invasive, eta: 0.5, beta: 0.7}
initial:
  kind: gaussian
  mean: [0.5, 0.0]
  covariance: [[0.8, 0.0], [0.0, 0.8]]
grid:
  q: {cells: 48, extent: auto}
  p: {cells: 48, extent: auto}
scheme: {flux: central, order: 8}
time: {until: 0.5, dt: auto}
output: {every: 0.25, snapshots: 2}
checks: {strict: false}
"""
BATH = "bath: {model: minimally_invasive, eta: 0.5, beta: 0.7}"
WELL = "potential: {kind: harmonic, omega: 1.0}"
STATE = "kind: gaussian\n  mean: [0.5, 0.0]\n  covariance: [[0.8, 0.0], [0.0, 0.8]]"
LONGEST = 20.0  # seconds; a bomb that goes off takes minutes, or all the memory


def python_data():
    """The same configuration as a dict of Python."""
    data, _ = parse_yaml(VALID, "valid.yaml")
    return data


PAIR = """\
system:
  particles:
    - {mass: 1.0, potential: {kind: harmonic, omega: 1.0}, bath: {model: caldeira_leggett, eta: 0.5, beta: 1.0}}
    - {mass: 1.0, potential: {kind: harmonic, omega: 1.0}, bath: {model: caldeira_leggett, eta: 0.5, beta: 0.5}}
  couplings: [{between: [0, 1], stiffness: 0.3}]
initial:
  - {kind: thermal, beta: 1.0, omega: 1.0}
  - {kind: thermal, beta: 0.5, omega: 1.0}
grid: {q: {cells: 24, allow_coarse: true}, p: {cells: 24}}
time: {until: 0.5}
"""


def edited(old, new):
    """VALID with one part replaced, and the line where the new part begins."""
    assert VALID.count(old) == 1, old
    return VALID.replace(old, new), VALID[: VALID.index(old)].count("\n") + 1


def written(folder, text, name="broken.yaml"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refusal(path, *overrides):
    """The ConfigError that reading and preparing a file raises, as text."""
    with pytest.raises(ConfigError) as caught:
        fp.prepare(load_config(path, overrides))
    text = str(caught.value)
    assert str(path) in text
    assert "Traceback" not in text
    assert "pydantic" not in text.lower()
    return text


def bath_of(folder, bath, well=WELL):
    text = VALID.replace(BATH, f"bath: {bath}").replace(WELL, f"{well}\n  moyal: false")
    return fp.build_system(load_config(written(folder, text)))


def test_the_valid_file_is_valid(tmp_path):
    config = load_config(written(tmp_path, VALID, "run.yaml"))
    assert config.system.bath.eta == 0.5
    assert config.output.path == "run.h5"  # <config stem>.h5 in the current directory
    assert fp.prepare(config).grid.shape == (48, 48)


def test_defaults_are_those_of_the_contract():
    config = Config(
        system={"mass": 1.0, "potential": {"kind": "free"}, "bath": {"model": "none"}},
        initial={"kind": "thermal", "beta": 1.0, "omega": 1.0},
    )
    assert (config.title, config.units.hbar, config.system.moyal) == ("", 1.0, True)
    for axis in (config.grid.q, config.grid.p):
        assert (axis.cells, axis.extent, axis.boundary, axis.allow_coarse) == ("auto", "auto", "no_flux", False)
    assert (config.scheme.flux, config.scheme.order) == ("central", 8)
    section = config.time
    assert (section.until, section.tolerance, section.max_time) == ("steady", 1e-9, "auto")
    assert (section.method, section.stepper, section.dt) == ("stepping", "auto", "auto")
    assert (config.output.every, config.output.snapshots, config.output.compression) == ("auto", 10, "gzip 4")
    assert not config.checks.strict
    assert not config.checks.require_complete_positivity


# One fault: what replaces what, its dotted key, and what the sentence must contain: what was given, what is allowed.
FAULTS = {
    "unknown section": ("title: a test", "colour: red", "colour", ["unknown key", "title"]),
    "misspelt section": ("scheme: {", "sceme: {", "sceme", ["unknown key", "did you mean `scheme`?"]),
    "misspelt key": ("mass: 1.0", "mas: 1.0", "system.mas", ["unknown key", "did you mean `mass`?"]),
    "misspelt bath key": ("eta: 0.5", "etta: 0.5", "system.bath.etta", ["unknown key", "did you mean `eta`?"]),
    "misspelt chain": ("mass: 1.0", "mass: 1.0\n  chian: 1", "system.chian", ["did you mean `chain`?", "particles"]),
    "misspelt grid key": ("q: {cells: 48", "q: {cell: 48", "grid.q.cell", ["did you mean `cells`?"]),
    "key of another model": ("eta: 0.5", "eta: 0.5, alpha: 1", "system.bath.alpha", ["unknown key", "d_qq"]),
    "missing mass": ("  mass: 1.0\n", "", "system.mass", ["required"]),
    "missing potential": (f"  {WELL}\n", "", "system.potential", ["required"]),
    "missing omega": ("kind: harmonic, omega: 1.0", "kind: harmonic", "system.potential.omega", ["required"]),
    "missing kind": ("kind: harmonic, omega", "omega", "system.potential.kind", ["required", "`double_well`"]),
    "missing eta": ("eta: 0.5, ", "", "system.bath.eta", ["required"]),
    "missing covariance": ("\n  covariance: [[0.8, 0.0], [0.0, 0.8]]", "", "initial.covariance", ["required"]),
    "misspelt potential": ("kind: harmonic", "kind: harmonik", "system.potential.kind", ["harmonik", "`harmonic`?"]),
    "misspelt bath": (
        "minimally_invasive", "minimal_invasive", "system.bath.model", ["minimal_invasive", "`minimally_invasive`?"]
    ),
    "misspelt state": ("kind: gaussian", "kind: gausian", "initial.kind", ["gausian", "did you mean `gaussian`?"]),
    "quoted number": ("mass: 1.0", "mass: '1.0'", "system.mass", ["must be a number", "'1.0'"]),
    "quoted exponent": ("mass: 1.0", 'mass: "1e-3"', "system.mass", ["must be a number", "'1e-3'"]),
    "boolean for a number": ("eta: 0.5", "eta: true", "system.bath.eta", ["must be a number", "true"]),
    "boolean for cells": ("q: {cells: 48", "q: {cells: true", "grid.q.cells", ["integer", "true"]),
    "boolean for dt": ("dt: auto", "dt: true", "time.dt", ["`auto` or a number", "true"]),
    "number for a boolean": ("strict: false", "strict: 0", "checks.strict", ["true or false", "0"]),
    "yes is a text": ("strict: false", "strict: yes", "checks.strict", ["true or false", "'yes'"]),
    "on is a text": ("strict: false", "strict: on", "checks.strict", ["true or false", "'on'"]),
    "list for a number": ("mass: 1.0", "mass: [1.0]", "system.mass", ["must be a number", "[1.0]"]),
    "section for a number": ("mass: 1.0", "mass: {a: 1}", "system.mass", ["must be a number", "{'a': 1}"]),
    "nothing for a number": ("mass: 1.0", "mass:", "system.mass", ["must be a number", "empty"]),
    "unit behind a number": ("mass: 1.0", "mass: 1.0 kg", "system.mass", ["must be a number", "'1.0 kg'"]),
    "number for a section": ("units: {hbar: 1.0}", "units: 1.0", "units", ["section", "1.0"]),
    "number for a title": ("title: a test", "title: 1.5", "title", ["text", "1.5"]),
    "number for compression": (
        "snapshots: 2", "compression: 4", "output.compression", ["`none` or `gzip 1` to `gzip 9`, but is 4"]
    ),
    "negative mass": ("mass: 1.0", "mass: -1.0", "system.mass", ["greater than 0", "-1.0"]),
    "zero mass": ("mass: 1.0", "mass: 0", "system.mass", ["greater than 0", "but is 0"]),
    "negative hbar": ("hbar: 1.0", "hbar: -1.0", "units.hbar", ["at least 0", "-1.0"]),
    "negative beta": ("beta: 0.7", "beta: -0.7", "system.bath.beta", ["greater than 0", "-0.7"]),
    "NaN mass": ("mass: 1.0", "mass: .nan", "system.mass", ["finite", "nan"]),
    "infinite eta": ("eta: 0.5", "eta: .inf", "system.bath.eta", ["finite", "inf"]),
    "overflowing eta": ("eta: 0.5", "eta: 1e400", "system.bath.eta", ["finite", "inf"]),
    "NaN in the mean": ("mean: [0.5, 0.0]", "mean: [.nan, 0.0]", "initial.mean.0", ["finite", "nan"]),
    "NaN in the covariance": ("[[0.8, 0.0]", "[[0.8, .nan]", "initial.covariance.0.1", ["finite", "nan"]),
    "NaN dt": ("dt: auto", "dt: .nan", "time.dt", ["`auto` or a number", "nan"]),
    "long mean": ("mean: [0.5, 0.0]", "mean: [0.5, 0.0, 0.0]", "initial.mean", ["2 entries", "3"]),
    "short mean": ("mean: [0.5, 0.0]", "mean: [0.5]", "initial.mean", ["2 entries", "[0.5]"]),
    "indefinite": (
        "[[0.8, 0.0], [0.0, 0.8]]", "[[1, 2], [2, 1]]", "initial.covariance", ["positive definite", "[1.0, 2.0]", "-1"]
    ),
    "singular": ("[[0.8, 0.0], [0.0, 0.8]]", "[[1, 0], [0, 0]]", "initial.covariance", ["positive definite"]),
    "not symmetric": ("[[0.8, 0.0]", "[[0.8, 0.1]", "initial.covariance", ["symmetric", "0.1"]),
    "3 x 3": (
        "[[0.8, 0.0], [0.0, 0.8]]", "[[1, 0, 0], [0, 1, 0], [0, 0, 1]]", "initial.covariance", ["2 x 2", "[3, 3, 3]"]
    ),
    "ragged": ("[0.0, 0.8]]", "[0.8]]", "initial.covariance.1", ["2 entries", "[0.8]"]),
    "too few cells": ("q: {cells: 48", "q: {cells: 15", "grid.q.cells", ["at least 16", "15"]),
    "half a cell": ("p: {cells: 48", "p: {cells: 48.5", "grid.p.cells", ["integer", "48.5"]),
    "extent backwards": (
        "q: {cells: 48, extent: auto", "q: {cells: 48, extent: [3, -3]", "grid.q.extent", ["low < high", "[3, -3]"]
    ),
    "infinite extent": (
        "q: {cells: 48, extent: auto", "q: {cells: 48, extent: [0, .inf]", "grid.q.extent", ["[low, high]", "inf"]
    ),
    "periodic p": (
        "p: {cells: 48", "p: {boundary: periodic, cells: 48", "grid.p.boundary", ["`no_flux`", "periodic"]
    ),
    "ring without extent": (
        "q: {cells: 48", "q: {boundary: periodic, cells: 48", "grid.q.extent", ["explicit", "auto"]
    ),
    "odd order": ("order: 8", "order: 3", "scheme.order", ["2, 4, 6 or 8", "3"]),
    "boolean order": ("order: 8", "order: true", "scheme.order", ["2, 4, 6 or 8", "true"]),
    "until yes": ("until: 0.5", "until: yes", "time.until", ["`steady` or a number", "'yes'"]),
    "until 0": ("until: 0.5", "until: 0", "time.until", ["greater than 0", "0"]),
    "negative dt": ("dt: auto", "dt: -0.1", "time.dt", ["greater than 0", "-0.1"]),
    "huge tolerance": ("dt: auto", "tolerance: 2", "time.tolerance", ["less than 1", "2"]),
    "every 0": ("every: 0.25", "every: 0", "output.every", ["greater than 0", "0"]),
    "no snapshots": ("snapshots: 2", "snapshots: 0", "output.snapshots", ["at least 1", "0"]),
    "unsorted snapshots": ("snapshots: 2", "snapshots: [2, 1]", "output.snapshots", ["increasing", "[2, 1]"]),
    "compression": ("snapshots: 2", "compression: zip", "output.compression", ["`gzip 1`", "'zip'"]),
    "no path": ("snapshots: 2", "path: ''", "output.path", ["must not be empty"]),
    "both temperatures": ("beta: 0.7", "beta: 0.7, temperature: 2", "system.bath", ["`beta`", "`temperature`", "both"]),
    "no temperature": (", beta: 0.7", "", "system.bath", ["`beta`", "`temperature`", "neither"]),
    "coherent and classical": (
        STATE, "kind: coherent\n  q: 0\n  p: 0\n  omega: 1\nunits: {hbar: 0}", "initial.kind", ["hbar > 0", "coherent"]
    ),
    "uniform on a line": (STATE, "kind: uniform\n  momentum_variance: 1", "initial.kind", ["periodic", "uniform"]),
    "ill-posed diffusion": (
        BATH, "bath: {model: custom, eta: 0.5, d_pp: 0.1, d_qp: 0.5}", "system.bath", ["positive semidefinite", "d_qp"]
    ),
    "ill-posed matrices": (
        BATH, "matrices: {drift: [[0, 1], [-1, -1]], diffusion: [[1, 2], [2, 1]]}", "system.matrices.diffusion",
        ["positive semidefinite", "-1"]
    ),
    "half an operator": (BATH, "bath: {model: lindblad, operators: [[1]]}", "system.bath.operators.0", ["2", "[1]"]),
    "not a complex number": (
        BATH, "bath: {model: lindblad, operators: [[1, sin]]}", "system.bath.operators.0.1", ["complex", "'sin'"]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_one_fault_one_sentence(name, tmp_path):
    old, new, key, words = FAULTS[name]
    text, _ = edited(old, new)
    if "units: {hbar: 0}" in new:
        text = text.replace("units: {hbar: 1.0}\n", "", 1)
    message = refusal(written(tmp_path, text))
    [found] = [line for line in message.splitlines() if f"{key}: " in line]
    for word in words:
        assert word in found, found


@pytest.mark.parametrize("name", ["misspelt key", "quoted number", "too few cells", "NaN in the mean", "indefinite"])
def test_the_line_is_that_of_the_key(name, tmp_path):
    old, new, key, _ = FAULTS[name]
    text, line = edited(old, new)
    message = refusal(written(tmp_path, text))
    assert f"line {line}, {key}: " in message


def test_unknown_keys_name_those_of_their_own_section_only(tmp_path):
    message = refusal(written(tmp_path, VALID.replace("eta: 0.5", "etta: 0.5")))
    assert "chain" not in message
    assert "cells" not in message


def test_a_missing_key_has_the_line_of_its_section(tmp_path):
    text, _ = edited("  mass: 1.0\n", "")
    assert "line 3, system.mass: required" in refusal(written(tmp_path, text))


def test_all_faults_at_once(tmp_path):
    text = """\
titel: misspelt
units: {hbar: -1.0}
system:
  mass: "1.0"
  potential: {kind: harmonik, omega: 1.0}
  bath: {model: minimally_invasive, eta: true, bta: 0.7}
initial:
  kind: gaussian
  mean: [.nan, 0.0]
grid:
  q: {cells: 8, extent: [1, -1]}
time: {until: yes, method: gausian}
"""
    message = refusal(written(tmp_path, text))
    expected = {
        "titel": 1, "units.hbar": 2, "system.mass": 4, "system.potential.kind": 5, "system.bath.eta": 6,
        "system.bath.bta": 6, "initial.mean.0": 9, "initial.covariance": 7, "grid.q.cells": 11, "grid.q.extent": 11,
        "time.until": 12, "time.method": 12,
    }  # fmt: skip
    for key, line in expected.items():
        assert f"line {line}, {key}: " in message
    assert len(message.splitlines()) == 1 + len(expected)


def edited_with(text, name):
    old, new, _, _ = FAULTS[name]
    return text.replace(old, new, 1)


def keys_at_fault(folder, text):
    """Dotted keys of all faults; none if the configuration is accepted."""
    try:
        fp.prepare(load_config(written(folder, text)))
    except ConfigError as error:
        return {fault.key.rpartition(", ")[2] for fault in error.faults}
    return set()


# a rule that depends on the key at fault, or keys of a kind that is not known
HIDING = {"misspelt section", "misspelt state", "misspelt bath", "misspelt potential", "missing potential"}
HIDING |= {"missing omega", "missing kind", "coherent and classical", "uniform on a line"}


def independent_pairs():
    """Pairs of faults at different places of the file and of the schema."""
    for one, other in itertools.combinations([name for name in FAULTS if name not in HIDING], 2):
        (first, _, key, _), (second, _, another, _) = FAULTS[one], FAULTS[other]
        begin, start = VALID.index(first), VALID.index(second)
        apart = begin + len(first) <= start or start + len(second) <= begin
        if apart and not f"{key}.".startswith(f"{another}.") and not f"{another}.".startswith(f"{key}."):
            yield one, other


@pytest.mark.slow
def test_no_fault_hides_another(tmp_path):
    """Of two independent faults, be it in the schema or in rules between sections, both are told, and no third."""
    pairs = list(independent_pairs())
    assert len(pairs) > 1500
    alone = cache(lambda name: keys_at_fault(tmp_path, edited_with(VALID, name)))
    for one, other in pairs[::29]:
        both = keys_at_fault(tmp_path, edited_with(edited_with(VALID, one), other))
        assert both == alone(one) | alone(other), (one, other)


def test_what_is_guessed_for_a_fault_is_no_fault(tmp_path):
    """Rules that hang on a value at fault say nothing: here the temperature, the frequency, hbar, the ring."""
    cold = VALID.replace(BATH, "bath: {model: position_friction, eta: 0.5, beta: 5.0, xi: detailed_balance}")
    assert keys_at_fault(tmp_path, cold) == {"system.bath.xi"}
    assert keys_at_fault(tmp_path, cold.replace("hbar: 1.0", "hbar: -0.1")) == {"units.hbar"}
    assert keys_at_fault(tmp_path, cold.replace("omega: 1.0", "omega: one")) == {"system.potential.omega"}
    assert keys_at_fault(tmp_path, cold.replace("beta: 5.0", "beta: low")) == {"system.bath.beta"}
    uniform = VALID.replace(STATE, "kind: uniform\n  momentum_variance: 1")
    ring = uniform.replace("q: {cells: 48", "q: {boundary: perodic, cells: 48")
    assert keys_at_fault(tmp_path, ring) == {"grid.q.boundary"}


MISSPELT = {
    "hbar": ("units: {hbar: 1.0}", "units: {hbr: 0.1}", "units.hbr"),
    "units": ("units: {hbar: 1.0}", "unit: {hbar: 0.1}", "unit"),
    "beta": ("beta: 5.0", "beta: 5.0, dqq: 1.0", "system.bath.dqq"),
    "method": ("until: 0.5, dt", "metod: direct, dt", "time.metod"),
    "boundary": ("q: {cells: 48, extent: auto", "q: {cells: 48, bondary: periodic, extent: [0, 1]", "grid.q.bondary"),
    "extent": ("q: {cells: 48, extent: auto", "q: {cells: 48, boundary: periodic, extnt: [0, 1]", "grid.q.extnt"),
}


@pytest.mark.parametrize("name", MISSPELT)
def test_what_a_misspelt_key_means_is_not_known(name, tmp_path):
    """So nothing is said of rules that depend on it."""
    text = VALID.replace(BATH, "bath: {model: position_friction, eta: 0.5, beta: 5.0, xi: detailed_balance}")
    if name in ("boundary", "extent"):
        text = VALID.replace(STATE, "kind: uniform\n  momentum_variance: 1").replace(WELL, "potential: {kind: free}")
    if name == "method":
        text = VALID.replace(f"initial:\n  {STATE}\n", "")
    old, new, key = MISSPELT[name]
    assert old in text
    assert keys_at_fault(tmp_path, text.replace(old, new)) == {key}


class Failing:
    """A potential whose author made a mistake."""

    span = (-5.0, 5.0)

    def energy(self, q):
        raise RuntimeError("a mistake")

    def derivative(self, q, order=1):
        raise RuntimeError("a mistake")


def test_no_fault_of_python_hides_those_of_keys(tmp_path):
    """What is not about a key is told when nothing else is wrong."""
    config = load_config(written(tmp_path, VALID)).model_dump(exclude_none=True)
    system, extreme = config["system"], {"model": "caldeira_leggett", "eta": 0.5, "beta": 1e-308}
    for broken in ({"potential": Failing()}, {"mass": 1e10, "bath": extreme}):
        with pytest.raises(ConfigError, match=r"^the configuration cannot be used:\n  checks\.strict: [^\n]*$"):
            fp.Config(**{**config, "system": {**system, **broken}, "checks": {"strict": "no"}})
    ill = {**system, "bath": {"model": "custom", "eta": 0.5, "d_pp": 0.1, "d_qp": 0.5}}
    nowhere = {"kind": "wavefunction", "path": str(tmp_path / "nowhere.npz")}
    with pytest.raises(
        ConfigError, match=r"^the configuration cannot be used:\n  system\.bath: the diffusion matrix[^\n]*$"
    ):
        fp.prepare(fp.Config(**{**config, "system": ill, "initial": nowhere}))
    with pytest.raises(ConfigError, match=r"^initial\.path: .*nowhere\.npz does not exist$"):
        fp.prepare(fp.Config(**{**config, "initial": nowhere}))


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (
            PAIR.replace("between: [0, 1]", "between: [0, 2]").replace("eta: 0.5, beta", "eta: -1, beta"),
            {"system.couplings.0.between", "system.particles.0.bath.eta", "system.particles.1.bath.eta"},
        ),
        (
            PAIR.replace("between: [0, 1]", "between: [0, one]")
            .replace("grid:", "  - {kind: thermal, beta: -1}\ngrid:"),
            {"system.couplings.0.between.1", "initial.2.beta", "initial.2.omega"},
        ),
        (
            PAIR.replace("between: [0, 1]", "between: [1, 1]").replace("mass: 1.0", "mass: 0"),
            {"system.couplings.0.between", "system.particles.0.mass", "system.particles.1.mass"},
        ),
        (VALID.replace("dt: auto", "dt: 0, method: direct"),
         {"time.until", "time.dt"}),
        (
            VALID.replace("until: 0.5", "method: direct").replace("strict: false", "strict: no")
            .replace("flux: central, order: 8", "flux: chang_cooper, reversible: limited"),
            {"scheme.reversible", "checks.strict"},
        ),
        (
            "system:\n  chain: {length: 3, mass: -1, potential: {kind: free}, left: {model: none}, "
            "right: {model: no}}\n"
            "initial:\n  kind: gaussian\n  mean: [0, 0]\n  covariance: [[1, 0], [0, 1]]\ntime: {method: gaussian}\n",
            {"system.chain.mass", "system.chain.stiffness", "system.chain.right.model", "initial.mean",
             "initial.covariance"},
        ),
        ("initial: 3\nsystem: [1]\ngrid: {q: {boundary: periodic}}\n", {"initial", "system"}),
        (PAIR.replace("particles:", "particle:"),
         {"system.particle", "system.couplings", "system.mass", "system.potential"}),
        ("system: {particles: [3, {mass: 1, potential: {kind: free}, "
         "bath: {model: custom, eta: 1, d_pp: 0, d_qp: 1}}]}\n"
         "initial: [{kind: thermal, beta: 1, omega: 1}, {kind: thermal, beta: 1, omega: 1}]\n",
         {"system.particles.0", "system.particles.1.bath"}),
        ("system: {chain: 3}\ntime: {method: gaussian}\n", {"system.chain"}),
        ("system: {mass: 1, potential: {kind: free}, bath: {model: custom, eta: 1, d_pp: 0, d_qp: 1}}\n",
         {"system.bath", "initial"}),
        (PAIR.replace("{kind: thermal, beta: 1.0, omega: 1.0}", "3").replace("beta: 0.5, omega: 1.0}", "beta: -1}"),
         {"initial.0", "initial.1.beta", "initial.1.omega"}),
        (
            PAIR.replace("system:", "system:\n  matrices: {drift: [[0, 1], [1, 0]], diffusion: [[1, 0], [0, 1]]}"),
            {"system"},
        ),
        ("system: {matrices: {drift: [[0, 1], [1, 0]], diffusion: [[1, 2], [0, 1]]}, mass: x}\n",
         {"initial", "system.mass", "system.potential"}),
    ],
)  # fmt: skip
def test_faults_in_other_forms_hide_nothing(text, keys, tmp_path):
    assert keys_at_fault(tmp_path, text) == keys


def test_duplicate_key(tmp_path):
    text, line = edited("mass: 1.0\n", "mass: 1.0\n  mass: 2.0\n")
    message = refusal(written(tmp_path, text))
    assert f"line {line + 1}, system.mass: is given twice (first in line {line})" in message


UNREADABLE = {
    "empty": (b"", "empty"),
    "blank": (b" \n\n", "empty"),
    "binary": (bytes(range(256)) * 4, "UTF-8"),
    "zeros": (b"mass: \x00\x00", "not valid YAML"),
    "only a comment": (b"# nothing else\n", "`system:`"),
    "a word": (b"hello\n", "'hello'"),
    "a list": (b"- 1\n- 2\n", "[1, 2]"),
    "two documents": (b"a: 1\n---\nb: 2\n", "line 2, column 1"),
    "a tab": (b"a:\n\tb: 1\n", "line 2, column 1"),
    "unclosed": (b"a: [1, 2\nb: 3\n", "line 2"),
    "large": (b"# " + b"x" * 2_000_000, "bytes"),
    "flow nesting": (b"a: " + b"[" * 400 + b"]" * 400, "deep"),
    "block nesting": ("".join(" " * i + f"k{i}:\n" for i in range(400)).encode(), "deep"),
    "moderate nesting": (b"a: " + b"[" * 30 + b"]" * 30, "levels"),
    "many values": (b"a: [" + b"1," * 10_000 + b"1]", "commas"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_files_that_are_no_configuration(name, tmp_path):
    data, word = UNREADABLE[name]
    begun = time.perf_counter()
    message = refusal(written(tmp_path, data))
    assert word in message
    assert len(message) < 500
    assert time.perf_counter() - begun < LONGEST


def test_alias_bomb_does_not_go_off(tmp_path):
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]  # 9^30 values
    begun = time.perf_counter()
    assert "aliases" in refusal(written(tmp_path, "\n".join(levels)))
    assert time.perf_counter() - begun < LONGEST


def test_alias_to_itself_ends(tmp_path):
    begun = time.perf_counter()
    refusal(written(tmp_path, "a: &a [1, *a]\n"))
    assert time.perf_counter() - begun < LONGEST


def test_an_honest_alias_is_fine(tmp_path):
    text = VALID.replace("q: {cells: 48, extent: auto}", "q: &axis {cells: 48, extent: auto}")
    text = text.replace("p: {cells: 48, extent: auto}", "p: *axis")
    assert load_config(written(tmp_path, text)).grid.p.cells == 48


def test_merge_keys_are_understood(tmp_path):
    text = VALID.replace("q: {cells: 48, extent: auto}", "q: &axis {cells: 48, extent: auto}")
    text = text.replace("p: {cells: 48, extent: auto}", "p: {<<: *axis, allow_coarse: true}")
    axis = load_config(written(tmp_path, text)).grid.p
    assert (axis.cells, axis.allow_coarse) == (48, True)


def test_directory_and_missing_file(tmp_path):
    assert "directory" in refusal(tmp_path)
    assert "no such file" in refusal(tmp_path / "missing.yaml").lower()


@pytest.mark.parametrize(
    ("written_as", "value"),
    [
        ("1e-3", 1e-3), ("1e3", 1e3), ("1.0e3", 1e3), ("1E3", 1e3), ("1e+3", 1e3), ("1.5", 1.5), (".5", 0.5),
        ("2", 2.0), ("0.1", 0.1), ("1e-300", 1e-300), ("1.7976931348623157e+308", 1.7976931348623157e308),
    ],
)  # fmt: skip
def test_numbers_of_yaml_1_2(written_as, value, tmp_path):
    text, _ = edited("eta: 0.5", f"eta: {written_as}")
    eta = load_config(written(tmp_path, text)).system.bath.eta
    assert isinstance(eta, float)
    assert eta == value


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "Yes", "y"])
def test_words_stay_words(word, tmp_path):
    text, _ = edited("title: a test", f"title: {word}")
    assert load_config(written(tmp_path, text)).title == word


@pytest.mark.parametrize(("word", "value"), [("true", True), ("false", False)])
def test_booleans(word, value, tmp_path):
    text, _ = edited("q: {cells: 48", f"q: {{allow_coarse: {word}, cells: 48")
    assert load_config(written(tmp_path, text)).grid.q.allow_coarse is value


# --- bath models and words that become numbers -----------------------------------------------------------------------


def test_temperature_stands_for_beta(tmp_path):
    given_beta = bath_of(tmp_path, "{model: caldeira_leggett, eta: 0.5, beta: 0.5}")
    given_temperature = bath_of(tmp_path, "{model: caldeira_leggett, eta: 0.5, temperature: 2}")
    np.testing.assert_array_equal(given_temperature.diffusion_matrix, given_beta.diffusion_matrix)
    assert given_beta.diffusion_matrix[1, 1] == 2 * 1.0 * 0.5 / 0.5  # B_pp = 2 m eta / beta


@pytest.mark.parametrize(
    ("bath", "balanced"),
    [
        ("{model: minimally_invasive, eta: 0.5, beta: 0.7}", False),
        ("{model: symmetry_broken, eta: 0.5, beta: 0.7, alpha: detailed_balance}", True),
        ("{model: symmetry_broken, eta: 0.5, beta: 0.7, alpha: detailed_balance, d_qq: 0.2}", True),
        ("{model: symmetry_broken, eta: 0.5, beta: 0.7, alpha: 0.1}", False),
        ("{model: position_friction, eta: 0.5, beta: 0.7, xi: detailed_balance}", True),
        ("{model: position_friction, eta: 0.5, beta: 3, xi: detailed_balance, d_qq: 0.2}", True),
        ("{model: position_friction, eta: 0.5, beta: 0.7, xi: 0.1}", False),
        ("{model: quantum_optical, eta: 0.5, beta: 0.7}", True),
    ],
)
def test_detailed_balance_by_name(bath, balanced, tmp_path):
    system = bath_of(tmp_path, bath, "potential: {kind: harmonic, omega: 1.3}")
    assert gaussian_detailed_balance(exact.steady(system)) is balanced


def test_xi_detailed_balance_is_refused_for_a_cold_bath(tmp_path):
    bath = "bath: {model: position_friction, eta: 0.5, beta: 3, xi: detailed_balance}"
    text = VALID.replace(BATH, bath)
    message = refusal(written(tmp_path, text))
    assert "line 6, system.bath.xi: " in message
    assert "beta hbar omega > 2" in message
    assert "is 3" in message
    fp.prepare(load_config(written(tmp_path, text), ["system.bath.xi=0.1"]))  # a number is fine
    fp.prepare(load_config(written(tmp_path, text), ["system.bath.d_qq=0.2"]))  # and so is a given d_qq


@pytest.mark.parametrize("key", ["alpha", "xi"])
def test_detailed_balance_needs_a_harmonic_well(key, tmp_path):
    model = {"alpha": "symmetry_broken", "xi": "position_friction"}[key]
    bath = f"bath: {{model: {model}, eta: 0.5, beta: 0.7, {key}: detailed_balance}}"
    text = VALID.replace(BATH, bath).replace(WELL, "potential: {kind: free}")
    message = refusal(written(tmp_path, text))
    assert f"system.bath.{key}: " in message
    assert "harmonic" in message
    assert "`free`" in message


def test_alpha_is_detailed_balance_or_a_number(tmp_path):
    text = VALID.replace(BATH, "bath: {model: symmetry_broken, eta: 0.5, beta: 0.7, alpha: balance}")
    message = refusal(written(tmp_path, text))
    assert "system.bath.alpha: must be `detailed_balance` or a number, but is 'balance'" in message


def test_quantum_optical_without_omega_needs_a_harmonic_well(tmp_path):
    text = VALID.replace(BATH, "bath: {model: quantum_optical, eta: 0.5, beta: 0.7}")
    message = refusal(written(tmp_path, text.replace(WELL, "potential: {kind: free}")))
    assert "system.bath.omega: " in message


def test_complex_numbers_in_three_spellings(tmp_path):
    spellings = ["[0.5, 1.0]", '"0.5+1j"', '"0.5 + 1.0i"']
    found = [bath_of(tmp_path, f"{{model: lindblad, operators: [[{u}, 0.25]]}}") for u in spellings]
    # L = u q + v p: its double commutators are -abs(u)^2/2 [q, [q, rho]] and so on, hence B_pp = hbar^2 abs(u)^2
    B = found[0].diffusion_matrix
    np.testing.assert_allclose(np.diag(B), [0.25**2, 0.5**2 + 1.0**2], rtol=1e-14)
    for system in found[1:]:
        np.testing.assert_array_equal(system.diffusion_matrix, B)
        np.testing.assert_array_equal(system.drift_matrix, found[0].drift_matrix)


@pytest.mark.parametrize("entry", ["[1, 2, 3]", "[1, a]", "ab", "[1]", "{re: 1}"])
def test_what_is_no_complex_number(entry, tmp_path):
    text = VALID.replace(BATH, f"bath: {{model: lindblad, operators: [[0.5, {entry}]]}}")
    assert "system.bath.operators.0.1: must be a complex number" in refusal(written(tmp_path, text))


def test_a_custom_bath_has_nothing_but_what_is_given():
    """eta and d_pp alone: no squeezing, no position friction, no noise of q."""
    bath = {"model": "custom", "eta": 0.5, "d_pp": 0.7}
    system = {"mass": 1.0, "potential": {"kind": "free"}, "bath": bath}
    config = Config(system=system, initial={"kind": "thermal", "beta": 1.0, "omega": 1.0}, time={"until": 1.0})
    system = fp.build_system(config)
    np.testing.assert_array_equal(system.dissipative_drift, [[0, 0], [0, -0.5]])
    np.testing.assert_array_equal(system.diffusion_matrix, [[0, 0], [0, 1.4]])


def test_matrices_instead_of_a_bath(tmp_path):
    matrices = "matrices: {drift: [[0, 0], [0, -0.5]], diffusion: [[0.1, 0], [0, 1.0]]}"
    system = fp.build_system(load_config(written(tmp_path, VALID.replace(BATH, matrices))))
    np.testing.assert_array_equal(system.drift_matrix, [[0, 1], [-1, -0.5]])
    np.testing.assert_array_equal(system.diffusion_matrix, [[0.1, 0], [0, 1]])
    both = refusal(written(tmp_path, VALID.replace(BATH, f"{BATH}\n  {matrices}")))
    assert "either `bath` or `matrices`" in both
    neither = refusal(written(tmp_path, VALID.replace(f"  {BATH}\n", "")))
    assert "either `bath` or `matrices`" in neither


@pytest.mark.parametrize(
    "well",
    [
        "{kind: quartic, omega: 1, quartic: 0.1}",
        "{kind: double_well, quadratic: 1, quartic: 1}",
        "{kind: polynomial, coefficients: [0, 0, 1, 0, 1]}",
        "{kind: cosine, amplitude: 1, wavenumber: 1}",
    ],
)
def test_quantum_terms_are_left_out_only_on_request(well, tmp_path):
    text = VALID.replace(WELL, f"potential: {well}")
    assert fp.build_system(load_config(written(tmp_path, text))).moyal
    without = text.replace("  mass: 1.0\n", "  mass: 1.0\n  moyal: false\n")
    assert not fp.build_system(load_config(written(tmp_path, without))).moyal


def test_a_quadratic_polynomial_has_no_moyal_terms(tmp_path):
    text = VALID.replace(WELL, "potential: {kind: polynomial, coefficients: [0, 0.1, 0.5]}")
    assert fp.build_system(load_config(written(tmp_path, text))).is_quadratic


RING = VALID.replace(WELL, "potential: {kind: cosine, amplitude: 0.5, wavenumber: 2.0}\n  moyal: false").replace(
    "q: {cells: 48, extent: auto}", "q: {cells: 48, extent: [0.0, 3.141592653589793], boundary: periodic}"
)


@pytest.mark.parametrize(
    ("old", "new", "key", "words"),
    [
        ("3.141592653589793", "3.0", "grid.q.extent", "must be a whole number of periods 3.14159265359 long, but is 3"),
        ("3.141592653589793", "1e-12", "grid.q.extent", "must be a whole number of periods"),
        ("[0.0, 3.141592653589793]", "auto", "grid.q.extent", "needs an explicit extent [low, high], but it is `auto`"),
        (
            "kind: cosine, amplitude: 0.5, wavenumber: 2.0",
            "kind: harmonic, omega: 1.0",
            "grid.q.boundary",
            "periodic force",
        ),
        (BATH, "bath: {model: custom, eta: 0.5, d_pp: 1.0, alpha: 0.1}", "grid.q.boundary", "no meaning on a ring"),
        (BATH, "bath: {model: custom, eta: 0.5, d_pp: 1.0, xi: 0.1}", "grid.q.boundary", "pulls at the position"),
    ],
)
def test_rings_that_cannot_be(old, new, key, words, tmp_path):
    assert RING.count(old) == 1
    message = refusal(written(tmp_path, RING.replace(old, new)))
    assert f"{key}: " in message
    assert words in message


def test_rings_that_can_be(tmp_path):
    """One period, two of them, and any length where there is no force."""
    assert fp.prepare(load_config(written(tmp_path, RING))).grid.axes[0].periodic
    twice = RING.replace("3.141592653589793", "6.283185307179586")
    assert fp.prepare(load_config(written(tmp_path, twice))).grid.axes[0].length == pytest.approx(2 * math.pi)
    free = RING.replace("kind: cosine, amplitude: 0.5, wavenumber: 2.0", "kind: free").replace(
        "3.141592653589793", "3.3"
    )
    assert fp.prepare(load_config(written(tmp_path, free))).grid.axes[0].length == 3.3


@pytest.mark.parametrize(
    ("old", "new", "key", "words"),
    [
        (
            "q: {cells: 24, allow_coarse: true}",
            "q: [{cells: 24}]",
            "grid.q",
            "one entry for each of the 2 particles, but has 1",
        ),
        ("p: {cells: 24}", "p: [{}, {}, {}]", "grid.p", "one entry for each of the 2 particles, but has 3"),
        (
            "q: {cells: 24, allow",
            "q: {extent: [-3, 3], boundary: periodic, allow",
            "grid.q.boundary",
            "one particle alone",
        ),
        (
            "  - {kind: thermal, beta: 0.5, omega: 1.0}\n",
            "",
            "initial",
            "one entry for each of the 2 particles, but has 1",
        ),
        (
            "{kind: thermal, beta: 0.5, omega: 1.0}",
            "{kind: uniform, momentum_variance: 1.0}",
            "initial.1.kind",
            "positions of several particles are never periodic",
        ),
        (
            "bath: {model: caldeira_leggett, eta: 0.5, beta: 0.5}",
            "bath: {model: lindblad, operators: [[1, 2]]}",
            "",
            None,
        ),
        ("between: [0, 1]", "between: [1, 1]", "system.couplings.0.between", "must be two different particles"),
        ("between: [0, 1]", "between: [0, 2]", "system.couplings.0.between", "2"),
        (", bath: {model: caldeira_leggett, eta: 0.5, beta: 0.5}", "", "system", "particles.1 has no bath"),
        (
            "bath: {model: caldeira_leggett, eta: 0.5, beta: 0.5}",
            "bath: {model: hu_paz_zhang, gamma: 0.05, cutoff: 5.0, beta: 1.0}",
            "system.particles.1.bath.model",
            "knows the frequency of a single particle",
        ),
        (
            "bath: {model: caldeira_leggett, eta: 0.5, beta: 0.5}",
            "bath: {model: symmetry_broken, eta: 0.5, beta: 0.5, alpha: detailed_balance}",
            "system.particles.1.bath.alpha",
            "needs one particle in a harmonic well, and there are several",
        ),
    ],
)
def test_faults_of_several_particles(old, new, key, words, tmp_path):
    assert PAIR.count(old) == 1
    path = written(tmp_path, PAIR.replace(old, new))
    if words is None:  # what is next to a fault and fine
        assert fp.prepare(load_config(path)).grid.shape == (24, 24, 24, 24)
        return
    message = refusal(path)
    assert f"{key}: " in message
    assert words in message


def test_a_list_of_one_initial_state_may_hold_any(tmp_path):
    """What several particles cannot have is fine for one, in a list or not."""
    text = VALID.replace(f"  {STATE}", "  - {kind: fock, n: 1, omega: 1.0}").replace("cells: 48", "cells: 96")
    assert type(fp.prepare(load_config(written(tmp_path, text))).state).__name__ != "GaussianState"


@pytest.mark.parametrize("side", ["left", "right"])
def test_faults_of_the_baths_of_a_chain(side, tmp_path):
    bath = {"left": "{model: caldeira_leggett, eta: 0.5, beta: 1.0}", "right": "{model: none}"}
    bath[side] = "{model: custom, eta: 0.5, d_pp: 0.1, d_qp: 0.5}"
    text = f"""\
system:
  chain: {{length: 3, mass: 1.0, potential: {{kind: harmonic, omega: 1.0}}, stiffness: 1.0, left: {bath["left"]},
    right: {bath["right"]}}}
time: {{method: gaussian}}
"""
    with pytest.raises(ConfigError, match=rf"system\.chain\.{side}: .*positive semidefinite"):
        fp.run(load_config(written(tmp_path, text)))


def test_lines_of_entries_of_lists_and_of_overrides(tmp_path):
    """Each entry of a list has its own line; what --set wrote has none."""
    entries = "covariance:\n    - [0.8, 0.0]\n    - [0.0, wide]"
    text, line = edited("covariance: [[0.8, 0.0], [0.0, 0.8]]", entries)
    assert f"line {line + 2}, initial.covariance.1.1: must be a number" in refusal(written(tmp_path, text))
    path = written(tmp_path, VALID)
    assert "--set, system.bath.eta: must be a number" in refusal(path, "system.bath.eta=fast")
    assert "--set, initial.mean.1: must be a number" in refusal(path, "initial.mean.1=far")


def test_keys_below_an_override_are_those_of_the_override(tmp_path):
    """The file has lines for the keys of the section that was replaced, and is right in all of them."""
    path = written(tmp_path, VALID)
    bath = "system.bath={model: minimally_invasive, beta: 0.7, d_qp: wide}"
    found = refusal(path, bath)
    assert "--set, system.bath.eta: required, but missing" in found
    assert "--set, system.bath.d_qp: unknown key" in found
    assert "--set, initial.mean.1: must be a number" in refusal(path, "initial.mean=[1.0, far]")
    assert "--set, colour: unknown key" in refusal(path, "colour.shade=1")
    line = VALID[: VALID.index("mass: 1.0")].count("\n") + 1
    heavy = written(tmp_path, VALID.replace("mass: 1.0", "mass: -1.0"))
    assert f"line {line}, system.mass: must be greater than 0" in refusal(heavy, "system.bath.eta=0.5")


def test_faults_of_schemes_and_of_memory_name_file_and_key(tmp_path):
    pair = written(tmp_path, PAIR, "pair.yaml")
    start = "initial=[{kind: thermal, beta: 1.0, omega: 1.0}, {kind: thermal, beta: 1.0, omega: 1.0}]"
    with pytest.raises(fp.errors.GridError, match=r"pair\.yaml, --set: scheme\.flux: chang_cooper takes one particle"):
        fp.prepare(load_config(pair, [start, "scheme.flux=chang_cooper"]))
    path = written(tmp_path, VALID)
    with pytest.raises(
        ResourceError, match=r"--set, grid\.q\.cells: a grid of .* give fewer cells \(grid\.q\.cells, g"
    ):
        fp.prepare(load_config(path, ["grid.q.cells=1000000", "grid.p.cells=1000000"]))


def test_forms_of_a_system_exclude_each_other(tmp_path):
    """No list of allowed keys: the key is right in another form."""
    one, pair = written(tmp_path, VALID), written(tmp_path, PAIR, "pair.yaml")
    exclude = "; these forms exclude each other: keep one"
    several, single = "several particles (`particles`)", "one particle (`mass`, `potential`, `bath`)"
    text = f"system.couplings: belongs to {several}, but this system is written as {single}{exclude}"
    assert text in refusal(one, "system.couplings=[]")
    text = f"system.mass: belongs to {single}, but this system is written as {several}{exclude}"
    assert text in refusal(pair, "system.mass=1.0")
    text = (
        f"system.matrices: belongs to {single} or {several}, but this system is written as a chain (`chain`){exclude}"
    )
    assert text in refusal(one, "system={chain: {length: 3}, matrices: {}}")


def test_no_key_is_proposed_that_is_hardly_alike(tmp_path):
    found = refusal(written(tmp_path, VALID), "initial.kind=fock")
    assert "initial.mean: unknown key (allowed: kind, n, omega)" in found
    assert "did you mean" not in found


def test_uncertainty_of_initial_states():
    """Below hbar/2 a sentence; at it, and for a classical system or another state, none."""
    narrow, vacuum = (fp.states.gaussian([0, 0], size * np.eye(2)) for size in (0.4, 0.5))
    (text,) = initial.doubts(narrow, 1.0)
    assert "symplectic eigenvalue is 0.4, below hbar/2 = 0.5" in text
    assert initial.doubts(vacuum, 1.0) == initial.doubts(narrow, 0.0) == initial.doubts(None, 1.0) == []


def test_an_initial_state_too_many(tmp_path):
    text = PAIR.replace("grid:", "  - {kind: thermal, beta: 0.5, omega: 1.0}\ngrid:")
    message = refusal(written(tmp_path, text))
    assert "an entry too many: the number of particles is 2" in message


def test_operators_need_hbar(tmp_path):
    text = VALID.replace(BATH, "bath: {model: lindblad, operators: [[1, 2]]}").replace("hbar: 1.0", "hbar: 0.0")
    assert "system.bath.model: `lindblad` needs hbar > 0, but units.hbar is 0" in refusal(written(tmp_path, text))


def test_integers_of_hundreds_of_digits(tmp_path):
    text, _ = edited("mass: 1.0", f"mass: {'9' * 400}")
    words = "must be a number, but is an integer of about 400 digits, and numbers end at 1.8e308"
    assert f"system.mass: {words}" in refusal(written(tmp_path, text))


def test_initial_may_be_missing_only_where_nothing_starts(tmp_path):
    without = VALID[: VALID.index("initial:")] + VALID[VALID.index("grid:") :]
    assert "initial: required, but missing" in refusal(written(tmp_path, without))
    config = fp.load_config(written(tmp_path, without), ["time={method: direct}"])
    assert config.initial is None
    again = fp.load_config(written(tmp_path, config.to_yaml()))
    assert again == config
    broken = refusal(written(tmp_path, without.replace("mass: 1.0", "mass: -1.0")))
    assert "initial: required" in broken
    assert "system.mass: must be greater than 0" in broken


def test_direct_has_no_end_but_the_steady_state(tmp_path):
    with pytest.raises(ConfigError, match="method `direct` finds the steady state, but until is 5"):
        fp.load_config(written(tmp_path, VALID), ["time={method: direct, until: 5}"])


# --- nothing is code -------------------------------------------------------------------------------------------------

PAYLOADS = [
    "!!python/object/apply:os.system ['touch {marker}']",
    "!!python/object/apply:pathlib.Path.touch [{marker}]",
    "!!python/name:os.system",
    "\"__import__('os').system('touch {marker}')\"",
]


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("place", ["mass: 1.0", "title: a test", BATH])
def test_nothing_is_evaluated(payload, place, tmp_path):
    marker = tmp_path / "marker"
    value = payload.format(marker=marker)
    key = place.partition(":")[0]
    bath = f"bath: {{model: lindblad, operators: [[{value}, 1]]}}"
    text, _ = edited(place, bath if key == "bath" else f"{key}: {value}")
    with contextlib.suppress(Exception):  # which error it is, is another test's business
        fp.prepare(load_config(written(tmp_path, text)))
    assert not marker.exists()


@pytest.mark.parametrize("tag", ["!!python/name:os.system", "!strange 1.0"])
def test_tags_are_refused(tag, tmp_path):
    text, _ = edited("mass: 1.0", f"mass: {tag}")
    assert "system.mass" in refusal(written(tmp_path, text))


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system ['true']", "!strange [1.0]"])
def test_tagged_lists_are_refused(tag, tmp_path):
    text, _ = edited("mass: 1.0", f"mass: {tag}")
    assert "system.mass" in refusal(written(tmp_path, text))


# --- from Python -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"system": None}, {"initial": {}}, {"system": {"mass": -1}}, {"colour": 1}, {"grid": {"q": {"cells": 3}}},
        {"units": {"hbar": math.nan}}, {"title": 3}, {"time": []}, {"output": {"snapshots": "many"}},
    ],
)  # fmt: skip
def test_python_gets_our_error_not_pydantics(change):
    with pytest.raises(FpsolverError) as caught:
        Config(**{**python_data(), **change})
    assert isinstance(caught.value, ConfigError)
    assert not isinstance(caught.value, pydantic.ValidationError)
    assert caught.value.faults[0].key.startswith(next(iter(change)))


def test_python_may_use_tuples_arrays_and_numpy_numbers():
    data = python_data()
    data["initial"] = {"kind": "gaussian", "mean": (0.5, 0), "covariance": np.diag([0.8, 0.8])}
    data["system"]["mass"] = np.float64(1.0)
    data["grid"]["q"] = {"cells": np.int64(48), "extent": (-7, np.float32(7.5))}
    data["output"] = {"path": Path("out.h5"), "snapshots": np.array([0.1, 0.2])}
    config = Config(**data)
    assert config.initial.mean == [0.5, 0.0]
    assert config.initial.covariance == [[0.8, 0.0], [0.0, 0.8]]
    assert config.grid.q.extent == [-7, 7.5]
    assert config.output.path == "out.h5"
    assert config.output.snapshots == [0.1, 0.2]
    assert_same(Config(**parse_yaml(config.to_yaml(), "text")[0]), config)


def test_python_booleans_and_texts_are_no_numbers():
    for value in (True, np.bool_(True), "1.0", 1 + 0j, np.array([1.0])):
        data = python_data()
        data["system"]["mass"] = value
        with pytest.raises(ConfigError, match=r"system\.mass: must be a number"):
            Config(**data)


def test_python_complex_numbers():
    data = python_data()
    data["system"]["bath"] = {"model": "lindblad", "operators": np.array([[0.5 + 1j, 0.25]])}
    config = Config(**data)
    assert config.system.bath.operators == [[0.5 + 1j, 0.25]]
    assert Config(**config.model_dump()) == config


def test_a_config_does_not_change_and_copies_equal():
    config = Config(**python_data())
    with pytest.raises((FpsolverError, ValueError)):
        config.system.mass = 2.0
    assert config.system.mass == 1.0
    assert copy.deepcopy(config) == config
    assert pickle.loads(pickle.dumps(config)) == config
    assert config != Config(**{**python_data(), "title": "another"})


def test_printing_a_config_is_yaml_and_html_is_escaped():
    config = Config(**{**python_data(), "title": "a <b>swing</b> & more"})
    assert Config(**parse_yaml(str(config), "text")[0]) == config
    page = config._repr_html_()
    assert page.startswith("<pre>")
    assert "a &lt;b&gt;swing&lt;/b&gt; &amp; more" in page


# --- round trip ------------------------------------------------------------------------------------------------------

EXTREMES = [1e-300, 5e-324, 1e22, 1e300, 0.1, 1.0, 1e-9, 123456789.123456789]
positive = st.sampled_from(EXTREMES) | st.floats(min_value=1e-300, max_value=1e300)
anything = st.sampled_from([0.0, -0.0, -1e-300, *EXTREMES]) | st.floats(min_value=-1e300, max_value=1e300)
not_negative = st.just(0.0) | positive
texts = st.text(st.characters(), max_size=30).filter(str.isprintable)
texts |= st.sampled_from(["yes", "1e3", "null", "~", "- a", "a: b", "#", "'", '"', "{", "true"])


def section(optional=None, **fields):
    return st.fixed_dictionaries(fields, optional=optional or {})


potentials = st.one_of(
    section(kind=st.just("free")),
    section(kind=st.just("harmonic"), omega=positive),
    section(kind=st.just("quartic"), omega=not_negative, quartic=positive),
    section(kind=st.just("double_well"), quadratic=positive, quartic=positive),
    section(kind=st.just("polynomial"), coefficients=st.lists(anything, min_size=1, max_size=6)),
    section({"tilt": anything}, kind=st.just("cosine"), amplitude=anything, wavenumber=positive),
)
complex_numbers = st.one_of(
    anything,
    st.tuples(anything, anything).map(list),
    st.complex_numbers(allow_nan=False, allow_infinity=False, max_magnitude=1e100).map(str),
)


def thermal(model, optional=None, **fields):
    heat = st.sampled_from(["beta", "temperature"])
    baths = section({"d_qq": not_negative, **(optional or {})}, model=st.just(model), eta=positive, **fields)
    return st.builds(lambda bath, key, value: {**bath, key: value}, baths, heat, positive)


without_d_qq = ("caldeira_leggett", "quantum_optical")
baths = st.one_of(
    section(model=st.just("none")),
    *(thermal(name).map(lambda b: {k: v for k, v in b.items() if k != "d_qq"}) for name in without_d_qq),
    thermal("minimally_invasive"),
    thermal("translation_covariant", d_qp=anything),
    thermal("symmetry_broken", alpha=st.just("detailed_balance") | anything),
    thermal("position_friction", xi=st.just("detailed_balance") | anything),
    thermal("hu_paz_zhang", gamma=positive, cutoff=positive).map(
        lambda b: {k: v for k, v in b.items() if k not in ("d_qq", "eta")}
    ),
    section(
        model=st.just("lindblad"),
        operators=st.lists(st.tuples(complex_numbers, complex_numbers).map(list), min_size=1, max_size=3),
    ),
    section(
        {"alpha": anything, "xi": anything, "d_qq": not_negative, "d_qp": anything},
        model=st.just("custom"), eta=anything, d_pp=not_negative,
    ),
)  # fmt: skip
pairs = st.tuples(anything, anything).map(list)
initials = st.one_of(
    section(kind=st.just("gaussian"), mean=pairs, covariance=st.tuples(pairs, pairs).map(list)),
    section(kind=st.just("thermal"), beta=positive, omega=positive),
    section(kind=st.just("coherent"), q=anything, p=anything, omega=positive),
    section(
        {"theta": anything}, kind=st.just("squeezed"), q=anything, p=anything, omega=positive, r=st.floats(-10, 10)
    ),
    section(kind=st.just("uniform"), momentum_variance=positive),
    section(kind=st.just("file"), path=texts),
)
auto = st.just("auto")
extents = auto | st.tuples(anything, anything).filter(lambda pair: pair[0] < pair[1]).map(list)
axis = {"cells": auto | st.integers(16, 10**7), "extent": extents, "allow_coarse": st.booleans()}
times = st.lists(not_negative, max_size=5, unique=True).map(sorted)
configs = section(
    {
        "title": texts,
        "units": section({"hbar": not_negative}),
        "grid": section(
            {"q": section({**axis, "boundary": st.sampled_from(["no_flux", "periodic"])}), "p": section(axis)}
        ),
        "scheme": section({"order": st.sampled_from([2, 4, 6, 8])}),
        "time": section(
            {
                "until": st.just("steady") | positive | st.integers(1, 10**6),
                "tolerance": st.sampled_from([1e-9, 1e-300, 0.5]),
                "max_time": auto | positive,
                "stepper": st.sampled_from(["auto", "rk4"]),
                "dt": auto | positive,
            }
        ),
        "output": section(
            {
                "path": texts.filter(bool),
                "every": auto | positive,
                "snapshots": st.integers(1, 1000) | times,
                "compression": st.sampled_from(["none", "gzip 1", "gzip 9"]),
            }
        ),
        "checks": section({"strict": st.booleans(), "require_complete_positivity": st.booleans()}),
    },
    system=section({"moyal": st.booleans()}, mass=positive, potential=potentials, bath=baths),
    initial=initials,
)


def assert_same(found, expected):
    """Equal, and to the last bit and sign of zero."""
    assert found == expected
    assert repr(found.model_dump()) == repr(expected.model_dump())


@pytest.mark.slow
@settings(deadline=None, max_examples=60, phases=[Phase.explicit, Phase.reuse, Phase.generate])  # shrinking: minutes
@given(configs)
def test_written_and_read_back_it_is_the_same(data):
    """All that the schema takes; rules between values would refuse most of such numbers."""
    with mock.patch.multiple(reader, rule_faults=lambda _: [], between_sections=lambda _: []):
        config = Config(**data)
        text = config.to_yaml()
        again, _ = parse_yaml(text, "text")
        assert_same(Config(**again), config)
        assert Config(**again).to_yaml() == text


@pytest.mark.slow
@settings(deadline=None, max_examples=200, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(configs)
def test_rules_take_or_refuse_any_numbers(data):
    """Whatever arithmetic does with them, and without a warning."""
    with contextlib.suppress(ConfigError):
        Config(**data)


@pytest.mark.parametrize("character", ["\x85", "\n", "\x1b", "\ud800", "\0"])
def test_control_characters_in_a_title_are_refused(character):
    with pytest.raises(fp.ConfigError, match="title: must be one line of printable text"):
        Config(**{**python_data(), "title": f"a{character}b"})


# --- overrides -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("override", "read"),
    [
        ("system.bath.eta=1", lambda c: c.system.bath.eta == 1.0),
        ("system.bath.eta = 1e-3", lambda c: c.system.bath.eta == 1e-3),
        ("initial.mean.1=-2.5", lambda c: c.initial.mean == [0.5, -2.5]),
        ("initial.covariance.1.1=0.9", lambda c: c.initial.covariance == [[0.8, 0.0], [0.0, 0.9]]),
        ("initial.mean=[1, 2]", lambda c: c.initial.mean == [1.0, 2.0]),
        ("system.potential={kind: free}", lambda c: c.system.potential.kind == "free"),
        ("time.max_time=3", lambda c: c.time.max_time == 3),
        ("title=a=b", lambda c: c.title == "a=b"),
        ("title=yes", lambda c: c.title == "yes"),
        ("system.moyal=false", lambda c: c.system.moyal is False),
    ],
)
def test_overrides(override, read, tmp_path):
    assert read(load_config(written(tmp_path, VALID), [override]))


def test_overrides_make_missing_sections_and_the_last_one_wins(tmp_path):
    text, _ = edited("time: {until: 0.5, dt: auto}\n", "")
    config = load_config(written(tmp_path, text), ["time.until=1", "time.until=2"])
    assert config.time.until == 2


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("system.mass", ["key=value", "'system.mass'"]),
        ("=1", ["key=value"]),
        ("system..mass=1", ["key=value", "system..mass"]),
        ("initial.mean.2=1", ["initial.mean.2", "`2`", "from 0 to 1"]),
        ("initial.mean.-1=1", ["initial.mean.-1", "from 0 to 1"]),
        ("initial.mean.q=1", ["initial.mean.q", "`q`", "from 0 to 1"]),
        ("initial.covariance.3.0=1", ["initial.covariance.3.0", "from 0 to 1"]),
        ("system.mass.x=1", ["system.mass.x", "`mass`", "1.0"]),
        ("system.mass=[", ["system.mass", "'['", "YAML"]),
        ("system.mass=*a", ["system.mass", "YAML"]),
    ],
)
def test_overrides_that_cannot_be_applied(override, words):
    data = python_data()
    with pytest.raises(UsageError) as caught:
        apply_override(data, override)
    for word in words:
        assert word in str(caught.value)
    assert caught.value.exit_status == 2


def test_a_superscript_is_no_index():
    with pytest.raises(UsageError):
        apply_override(python_data(), "initial.mean.²=1")


@pytest.mark.parametrize(
    ("override", "key", "word"),
    [
        ("system.mas=1", "system.mas", "did you mean `mass`?"),
        ("system.mass='1'", "system.mass", "must be a number"),
        ("system.mass=", "system.mass", "empty"),
        ("colour.shade=1", "colour", "unknown key"),
    ],
)
def test_overrides_are_validated_like_the_file(override, key, word, tmp_path):
    message = refusal(written(tmp_path, VALID), override)
    assert f"{key}: " in message
    assert word in message


def test_overrides_do_not_change_the_file(tmp_path):
    path = written(tmp_path, VALID)
    load_config(path, ["system.bath.eta=1"])
    assert path.read_text() == VALID


def test_long_values_are_cut_in_messages():
    assert shown("a" * 58) == repr("a" * 58)
    assert shown("a" * 59) == "'" + "a" * 56 + "..."
    assert (shown(True), shown(None), shown(1.5)) == ("true", "empty", "1.5")


def test_another_kind_replaces_a_section():
    """Keys of the old kind would be unknown ones of the new; with the same kind the others stay."""
    config = fp.Config(**python_data())
    other = config.replaced(initial={"kind": "coherent", "q": 1.0, "p": 0.0, "omega": 1.0})
    assert (other.initial.kind, other.initial.q) == ("coherent", 1.0)
    moved = config.replaced(initial={"mean": [0.1, 0.2]})
    assert moved.initial.covariance == config.initial.covariance


def test_replaced_keeps_the_keys_beside_those_it_changes():
    """At every depth: a new number of cells does not open a ring, a new friction needs no model."""
    ring = {"q": {"cells": 64, "extent": [0.0, 2.0], "boundary": "periodic"}}
    config = fp.Config(**python_data()).replaced(system={"potential": {"kind": "free"}}, grid=ring)
    other = config.replaced(grid={"q": {"cells": 80}}, **{"system.bath.eta": 2.0})
    assert (other.grid.q.cells, other.grid.q.extent, other.grid.q.boundary) == (80, [0.0, 2.0], "periodic")
    assert other.system.bath == config.system.bath.model_copy(update={"eta": 2.0})
    assert config.replaced(system={"bath": {"eta": 2.0}}) == config.replaced(**{"system.bath.eta": 2.0})
    optical = config.replaced(system={"bath": {"model": "custom", "eta": 1.0, "d_pp": 1.0}})
    assert optical.system.bath.eta == 1.0
    hot = config.replaced(system={"bath": {"beta": None, "temperature": 4.0}})
    assert hot.system.bath.beta is None


def test_replaced_goes_into_lists_and_to_other_forms_of_a_system():
    pair = fp.Config(**parse_yaml(PAIR, "pair.yaml")[0])
    heavier = pair.replaced(**{"system.particles.1.mass": 3.0})
    masses = [particle.mass for particle in pair.system.particles]
    assert [particle.mass for particle in heavier.system.particles] == [masses[0], 3.0]
    both = pair.replaced(**{"system.particles.0.mass": 2.0, "system.particles.1.mass": 3.0})
    assert [particle.mass for particle in both.system.particles] == [2.0, 3.0]
    assert pair.replaced(system={"particles": {"0": {"mass": 2.0}, "1": {"mass": 3.0}}}) == both
    alone = fp.Config(**python_data()).replaced(
        system=pair.system.model_dump(), initial=[section.model_dump() for section in pair.initial]
    )
    assert len(alone.system.particles) == 2


@pytest.mark.parametrize("changes", [{"time": 5}, {"system.bath.eta": "fast"}, {"system.particles.7.mass": 1.0}])
def test_replaced_refuses_what_a_file_could_not_say(changes):
    with pytest.raises(ConfigError):
        fp.Config(**parse_yaml(PAIR, "pair.yaml")[0]).replaced(**changes)


@pytest.mark.parametrize(
    ("well", "fault"),
    [
        ("{kind: quartic, omega: 1.0}", "system.potential.quartic: required, but missing"),
        ("{kind: quartic, omega: 1.0, quartic: x}", "system.potential.quartic: must be a number, but is 'x'"),
        ("{kind: quartic, omega: 1.0, quartic: 1.0, a: 2}", "unknown key (allowed: kind, omega, quartic)"),
    ],
)
def test_a_key_of_the_name_of_its_kind(well, fault):
    with pytest.raises(ConfigError, match=re.escape(fault)):
        Config(**parse_yaml(VALID.replace("{kind: harmonic, omega: 1.0}", well), "valid.yaml")[0])


@pytest.mark.parametrize("cells", [10**9, 10**21])
def test_cells_beyond_any_memory_are_refused_at_once(cells):
    begun = time.perf_counter()
    with pytest.raises(ResourceError, match=f"a grid of {cells} x 48 cells needs at least .* give fewer cells"):
        fp.prepare(fp.Config(**python_data()).replaced(grid={"q": {"cells": cells}}))
    assert time.perf_counter() - begun < LONGEST


TINY = {
    "until": [{"until": 5e-324}, {"until": 1e-310}, {"until": 5e-324, "method": "gaussian"}],
    "max_time": [{"until": "steady", "max_time": 5e-324}],
}


@pytest.mark.parametrize(("key", "time"), [(key, time) for key, times in TINY.items() for time in times])
def test_times_that_are_no_normal_numbers_are_refused(key, time):
    config = fp.Config(**python_data()).replaced(time=time, output={"every": "auto"})
    with pytest.raises(ConfigError, match=f"time.{key}: the numbers are so extreme"):
        fp.run(config)


def test_extreme_numbers_are_named(tmp_path):
    """The one furthest from one, of particles and states in lists, too."""
    message = refusal(written(tmp_path, VALID.replace("omega: 1.0", "omega: 1.0e+200")))
    assert "line 5, system.potential.omega: the numbers are so extreme" in message
    assert "the size of this one, 1e+200, is the furthest" in message
    pair = load_config(written(tmp_path, PAIR.replace("beta: 0.5, omega", "beta: 1e-30, omega")))
    assert furthest_from_one(pair) == ("initial.1.beta", 1e-30)
    small = load_config(written(tmp_path, VALID.replace("mass: 1.0", "mass: 1e-40")))
    assert furthest_from_one(small) == ("system.mass", 1e-40)
