"""Write docs/keys.md: every key of a configuration, from the JSON schema and the catalogue of bath models.

    python scripts/keys_page.py [--check]

``--check`` writes nothing and ends with status 1 if the page is not what the code gives.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from fpsolver import autogrid, planning, problem, wellgrid
from fpsolver.config.catalogue import MODELS
from fpsolver.config.reader import Config, apply_override, parse_yaml
from fpsolver.config.schema import json_schema
from fpsolver.errors import ConfigError, FpsolverError
from fpsolver.stepping.explicit import SAFETY

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "keys.md"
NONE = "–"
Schema = dict[str, Any]

HARMONIC = "{kind: harmonic, omega: 1.0}"
BATH = "{model: minimally_invasive, eta: 0.5, beta: 0.7}"
SYSTEM = """\
system:
  mass: 1.0
  potential: {potential}
  bath: {bath}
"""
SMALLEST = {
    "system": SYSTEM.format(potential=HARMONIC, bath=BATH),
    "initial": "initial: {kind: coherent, q: 1.0, p: 0.0, omega: 1.0}\n",
}
RING = "grid: {q: {extent: [0.0, 6.0], boundary: periodic}}\n"

HEAD = """\
# All configuration keys

`python scripts/keys_page.py` writes this page from the schema that `fpsolver schema` prints, so that the page, the
completion in editors and the reader of files agree. Unknown keys are refused, and so are values of another type; the
faults are reported together, each with its line. `fpsolver check CONFIG` tells what becomes of a configuration, and
`fpsolver new MODEL` writes one to start from.

Dotted keys, as in `--set system.bath.eta=1`, name the sections from the outside in. A default of “–” means that the key
may be left out; its meaning says what holds then. Units are your own: `hbar` is explicit and k_B = 1
([conventions](conventions.md)).
"""


class Table(NamedTuple):
    """Keys of one class of the schema, and what stands above them."""

    name: str
    words: str = ""


class Part(NamedTuple):
    """One heading of the page with its tables, its text and its snippet."""

    title: str
    tables: tuple[Table, ...] = ()
    text: str = ""
    snippet: str = ""
    level: int = 2


WHOLE_TEXT = """\
Only `system` is always required, and `initial` unless the steady state is found at once (`method: direct`, or
`gaussian` until steady). This is a whole file:
"""
AFTER_WHOLE = """
Every snippet below holds whole sections, unless it says that it is a whole file. Put them in place of those of this
file, or add them to it, and it loads: the tests do the same.
"""

SYSTEM_TEXT = "Give either `bath` or `matrices`. Quadratic potentials have no quantum terms, whatever `moyal` says."

MATRICES_TEXT = """\
For dissipators that no bath model describes. One particle has 2 × 2 matrices in the order q, p; N particles have 2N ×
2N matrices in the order q1 .. qN, p1 .. pN. The diffusion has to be positive semidefinite. D of the bath models
(`d_qq`, `d_pp`, `d_qp`) is half of this B."""
MATRICES = """\
system:
  mass: 1.0
  potential: {kind: harmonic, omega: 1.0}
  matrices:
    drift: [[0.0, 0.0], [0.0, -0.5]]
    diffusion: [[0.05, 0.0], [0.0, 1.4]]
"""

SEVERAL_TEXT = """\
`system.particles` in place of `mass`, `potential` and `bath`. Every particle has a `bath`, or none has one and
`matrices` stand for all of them. [Several particles](many.md) has the conventions and the limits."""
SEVERAL = """\
system:
  particles:
    - {mass: 1.0, potential: {kind: harmonic, omega: 1.0}, bath: {model: caldeira_leggett, eta: 0.4, temperature: 2.0}}
    - {mass: 1.0, potential: {kind: harmonic, omega: 1.0}, bath: {model: none}}
  couplings:
    - {between: [0, 1], stiffness: 0.6}
initial:
  - {kind: thermal, beta: 0.5, omega: 1.0}
  - {kind: coherent, q: 1.0, p: 0.0, omega: 1.0}
"""

CHAIN_TEXT = "`system.chain` in place of all other keys but `moyal` and `husimi_omega`. Particles inside have no bath."
WHOLE = "# a whole file"
CHAIN = f"""\
{WHOLE}: its steady state is not stepped to, and needs no start
system:
  chain:
    length: 10
    mass: 1.0
    potential: {HARMONIC}
    stiffness: 1.0
    left: {{model: caldeira_leggett, eta: 1.0, temperature: 2.0}}
    right: {{model: caldeira_leggett, eta: 1.0, temperature: 0.5}}
time: {{method: gaussian}}
"""

POTENTIALS_TEXT = """\
`system.potential` of one particle, `potential` of each of several, or `system.chain.potential`; `kind` chooses.
"""
POTENTIALS = {
    "free": "{kind: free}",
    "harmonic": HARMONIC,
    "quartic": "{kind: quartic, omega: 1.0, quartic: 0.1}",
    "double_well": "{kind: double_well, quadratic: 1.0, quartic: 0.4}",
    "polynomial": "{kind: polynomial, coefficients: [0.0, 0.0, 0.5]}",
    "cosine": "{kind: cosine, amplitude: 1.0, wavenumber: 1.0471975511965976, tilt: 0.2}",
}
POTENTIAL_TEXTS = {
    "free": "Nothing becomes steady on a line: give a ring, as here, or a number for `time.until`.",
    "cosine": "Give a ring, as here, a whole number of periods 2π/wavenumber long; or a line with an `extent` of both "
    "axes.",
}

BATHS_TEXT = """\
`system.bath` of one particle, `bath` of each of several, or `system.chain.left` and `.right`; `model` chooses. Where
there is a `beta`, `temperature` = 1/beta may stand instead; exactly one of them is needed. Below, A_bath is what a
model adds to the drift matrix, and d_qq, d_pp, d_qp are the entries of D = B/2. [All models compared](models.md) has
the numbers, `fpsolver models` prints the references.
"""
BATH_TEXTS = {
    "none": "Nothing becomes steady without a bath, so that the run needs an end.",
    "quantum_optical": "`omega` may be left out in a harmonic potential.",
    "lindblad": "Needs ħ > 0.",
    "hu_paz_zhang": "For one particle in a harmonic potential; neither `method: direct` nor `stepper: implicit`.",
    "symmetry_broken": "`alpha: detailed_balance` needs one particle in a harmonic potential.",
    "position_friction": "`xi: detailed_balance` needs one particle in a harmonic potential, and βħω ≤ 2 "
    "unless `d_qq` is given.",
    "custom": "d_qq d_pp must be at least d_qp².",
}

INITIAL_TEXT = """\
`kind` chooses. Several particles need a list with one entry for each, which may be of any kind but `uniform` and
`stored` ([states of each particle](many.md#a-state-for-each-particle)), or one state of all: a `gaussian` of dimension
2N, a `distribution` or a `file`. No start is needed for a steady state that is not stepped to: with
`time.method: direct`, or with `gaussian` and `until: steady`. [States](states.md) says how they are made, and
what is known of them later.
"""
INITIALS = {
    "gaussian": "initial: {kind: gaussian, mean: [1.0, 0.0], covariance: [[0.8, 0.0], [0.0, 0.8]]}\n",
    "thermal": "initial: {kind: thermal, beta: 1.0, omega: 1.0}\n",
    "coherent": SMALLEST["initial"],
    "squeezed": "initial: {kind: squeezed, q: 1.0, p: 0.0, omega: 1.0, r: 0.3, theta: 0.0}\n",
    "uniform": f"{SYSTEM.format(potential='{kind: free}', bath=BATH)}"
    f"initial: {{kind: uniform, momentum_variance: 1.0}}\n{RING}",
    "file": "initial: {kind: file, path: earlier.h5}\n",
    "fock": "initial: {kind: fock, n: 1, omega: 1.0}\n",
    "cat": "initial: {kind: cat, separation: 4.0, phase: 0.0, omega: 1.0}\n",
    "wavefunction": "initial: {kind: wavefunction, path: psi.npz}\n",
    "density_matrix": "initial: {kind: density_matrix, path: rho.npz}\n",
    "distribution": "initial: {kind: distribution, path: w.npz}\n",
    "stored": "initial: {kind: stored, path: given.h5}\n",
}
QUANTUM = "Needs ħ > 0"
INITIAL_TEXTS = {
    "gaussian": "A covariance below the uncertainty principle runs with a warning.",
    "coherent": f"{QUANTUM}.",
    "squeezed": f"{QUANTUM}.",
    "uniform": "Needs a ring: `grid.q.boundary: periodic`.",
    "file": "Where `grid` leaves cells and extents `auto`, or agrees with the file, the run has the grid of the file; "
    "otherwise W is [interpolated](states.md#w-itself). In a list it is the result of a run of one particle.",
    "fock": f"{QUANTUM}, and a closed box.",
    "cat": f"{QUANTUM}, and a closed box.",
    "wavefunction": f"{QUANTUM}, and a closed box. [Files of arrays](states.md#files-of-arrays) has the layout.",
    "density_matrix": f"{QUANTUM}, and a closed box. [Files of arrays](states.md#files-of-arrays) has the layout.",
    "distribution": "Of one particle or of all. [Files of arrays](states.md#files-of-arrays) has the layout.",
    "stored": "`fpsolver info --config RESULT.h5` writes it, for a run that was [given its start in Python]"
    "(states.md#starts-in-memory).",
}

GRID_TEXT = f"""\
`grid.q` and `grid.p` hold for all particles, or are lists with one axis for each. A periodic q is a ring: it takes
one particle, an explicit `extent` of a whole number of periods, a `free` or `cosine` potential, and a bath that does
not pull at the position. A standard deviation of fewer than {autogrid.WARN_BELOW:g} cells gives a warning, one of
fewer than {autogrid.REFUSE_BELOW:g} is refused (of one particle); [choosing a grid](choose.md) says what they cost."""
GRID = """\
grid:
  q: {cells: 128, extent: [-12.0, 12.0]}
  p: {cells: auto, extent: auto}
"""

SCHEME_TEXT = """\
`central` takes every order and no `reversible`; `chang_cooper` takes `reversible`, and has order 2 whatever the
default says. Chang–Cooper fluxes are for one particle with friction and noise of the momentum, without
cross-diffusion and without quantum terms. [The scheme](scheme.md) says when to use them."""

TIME_TEXT = """\
With `until: steady` the run ends when ∫|dW/dt| has fallen below `tolerance` times the slowest decay rate, or without
success at `max_time`. With a number it ends there, and `tolerance` plays no part. `direct` finds the steady
state, which gives one record and one snapshot; it needs the default `until: steady`, and of several particles
`max_time` is then the time that it may step through. `gaussian` takes linear forces on the line and any number of
particles; sections `grid` and `scheme` play no part. A `dt` above the stability limit of an explicit stepper is
refused."""

OUTPUT_TEXT = """\
`snapshots: n` keeps n + 1 equally spaced times of a run that has an end, and n to 2n times of records of a run to the
steady state. Times of a list that are after the end are left out with a warning. `-o` of `fpsolver run` stands above
`path`. [Files](files.md) says what is in them."""

OUTPUT = "output: {path: results/run.h5, every: 0.1, snapshots: [0.0, 1.0, 5.0]}\n"

CHECKS_TEXT = "`require_complete_positivity` has no meaning for a classical system (ħ = 0), and is refused there."

AUTO = {
    "`grid.q.cells`, `grid.p.cells`": (
        "the smallest of 96, 112, .. 512 (two particles: 32, 48, 64; three: 16, 24; more: 16), the same for every "
        "axis that is `auto`, with which the smallest standard deviation of the state (`fock`, `cat`, arrays and "
        f"anharmonic wells: the finest structure of W) spans {autogrid.CELLS_PER_DEVIATION:g} cells and predicted "
        "errors of Π do not show; the largest of them if none is enough"
    ),
    "`grid.q.extent`, `grid.p.extent`": (
        f"{autogrid.WIDEST_BOX:g} standard deviations, or 1.1 √cells of them if that is less, around the whole path"
        " of a quadratic system; in anharmonic wells around the initial state and all places with an energy below "
        f"{wellgrid.CONFINING_TEMPERATURES:g} effective temperatures plus that of the initial state; rounded "
        "outward to four digits, far from 0 to four digits of the width"
    ),
    "`time.max_time`": ("40 / slowest decay rate; with `hu_paz_zhang` counted from when its coefficients have settled"),
    "`time.method`": (
        "`stepping` for a run with an end, `reversible: limited` and `hu_paz_zhang`; else "
        "`stepping` or `direct`, whichever is predicted to be faster and fits into memory"
    ),
    "`time.stepper`": (
        "`rk4` with a given `dt`, several particles, `reversible: limited` and `hu_paz_zhang`; else whichever of "
        "`rk4`, `taylor8` and, for long runs whose factors fit into memory, `implicit` is predicted to be fastest"
    ),
    "`time.dt`": (
        f"{100 * SAFETY:.0f} % of the stability limit (`reversible: limited`: of the largest step that keeps W ≥ "
        "0), less while fast motion still matters; `implicit`: at most the time between records and 1/200 of the "
        "run, less where accuracy asks for it"
    ),
    "`output.every`": (
        f"the expected length of the run / 200, / {planning.RECORDS_OF_SEVERAL} for several particles on a grid, "
        "rounded to 1, 2 or 5 times a power of ten; to the steady state the expected length is ln(1/tolerance) / "
        "slowest decay rate, at most `max_time`; `method: gaussian` takes fewer records of many particles, for the"
        " sake of memory"
    ),
    "`system.husimi_omega`": (
        "the frequency of a quadratic well, else `omega` of the initial state; without either there is no Husimi "
        "function"
    ),
}
AFTER_AUTO = """
`fpsolver check CONFIG` prints the grid, stepper, time step and records they lead to. Two more words stand for numbers:
`alpha: detailed_balance` and `xi: detailed_balance` are the values that restore detailed balance.
"""

CLASSICAL = "units.hbar=0"
ON_RING = ("system.potential={kind: free}", "grid.q={extent: [0, 6], boundary: periodic}")
ONE = f"{{mass: 1, potential: {HARMONIC}, bath: {BATH}}}"
START = "{kind: thermal, beta: 1, omega: 1}"
TWO = (f"system={{particles: [{ONE}, {ONE}]}}", f"initial=[{START}, {START}]")
FIVE = (f"system={{particles: [{', '.join(5 * [ONE])}]}}", f"initial=[{', '.join(5 * [START])}]")
DRIFT = "{drift: [[0, 0], [0, -1]], diffusion: [[0, 0], [0, 1]]}"
COSINE = "system.potential={kind: cosine, amplitude: 1, wavenumber: 1}"
LIMITED = "scheme={flux: chang_cooper, reversible: limited}"
WELL = "system.potential={kind: quartic, omega: 1, quartic: 0.1}"
MEMORY = "system.bath={model: hu_paz_zhang, gamma: 0.05, cutoff: 5, beta: 0.7}"
REFUSED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("`bath` and `matrices`", (f"system.matrices={DRIFT}",)),
    ("`particles` with `bath`, and `matrices`", (TWO[0], f"system.matrices={DRIFT}", TWO[1])),
    ("`beta` and `temperature`", ("system.bath.temperature=1",)),
    ("`flux: central` and `reversible`", ("scheme.reversible=limited",)),
    ("`flux: chang_cooper` and `order: 4` or `6`", ("scheme.flux=chang_cooper", "scheme.order=4")),
    ("`flux: chang_cooper` and quantum terms", ("scheme.flux=chang_cooper", WELL)),
    ("`flux: chang_cooper` and several particles", ("scheme.flux=chang_cooper", *TWO)),
    (
        "`flux: chang_cooper` and cross-diffusion",
        ("scheme.flux=chang_cooper", "system.bath.model=translation_covariant", "system.bath.d_qp=0.2"),
    ),
    ("`method: direct` and a number for `until`", ("time.method=direct", "time.until=10")),
    ("`method: direct` and `reversible: limited`", ("time.method=direct", LIMITED)),
    ("`method: direct` and `hu_paz_zhang`", ("time.method=direct", MEMORY)),
    ("a grid and more than four particles", FIVE),
    ("`stepper: implicit` and several particles", ("time.stepper=implicit", *TWO)),
    ("`stepper: implicit` and `hu_paz_zhang`", ("time.stepper=implicit", "time.until=0.1", MEMORY)),
    ("`stepper: implicit` and `reversible: limited`", ("time.stepper=implicit", LIMITED)),
    ("`method: gaussian` and an anharmonic potential", ("time.method=gaussian", WELL)),
    ("`method: gaussian` and a ring", ("time.method=gaussian", *ON_RING)),
    (
        "`method: gaussian`, a number for `until`, and a start that is not Gaussian",
        ("time.method=gaussian", "time.until=1", "initial={kind: fock, n: 1, omega: 1}"),
    ),
    ("a `max_time` before `until`", ("time.until=10", "time.max_time=5")),
    ("`until: steady` and `model: none`", ("system.bath={model: none}",)),
    ("stepping without `initial`", ("initial=null",)),
    ("`periodic` and `extent: auto`", ("system.potential={kind: free}", "grid.q.boundary=periodic")),
    ("`periodic` and a potential that is not", ("grid.q={extent: [0, 6], boundary: periodic}",)),
    (
        "`periodic` and an `extent` of broken periods",
        (*ON_RING, COSINE),
    ),
    (
        "`periodic` and a bath that pulls at the position",
        (*ON_RING, "system.bath.model=symmetry_broken", "system.bath.alpha=0.1"),
    ),
    ("`periodic` and several particles", (*TWO, "grid.q={extent: [0, 6], boundary: periodic}")),
    ("`periodic` and a `fock`, `cat` or array state", (*ON_RING, "initial={kind: fock, n: 1, omega: 1}")),
    ("several particles and one state of one", (TWO[0], "initial={kind: fock, n: 1, omega: 1}")),
    ("several particles and `uniform`", (TWO[0], f"initial=[{START}, {{kind: uniform, momentum_variance: 1}}]")),
    ("`uniform` and a closed box", ("initial={kind: uniform, momentum_variance: 1}",)),
    ("`extent: auto` on a line and a `cosine` potential", (COSINE, "time.until=1")),
    ("`until: steady` on a line and a `free` potential", ("system.potential={kind: free}",)),
    ("`hbar: 0` and a `coherent`, `squeezed`, `fock`, `cat` or array state", (CLASSICAL,)),
    (
        "`hbar: 0` and `lindblad`",
        (
            CLASSICAL,
            "system.bath={model: lindblad, operators: [[1, 0.5]]}",
            f"initial={START}",
        ),
    ),
    (
        "`hbar: 0` and `require_complete_positivity`",
        (CLASSICAL, "checks.require_complete_positivity=true", f"initial={START}"),
    ),
    ("`d_qp` and too little noise", ("system.bath={model: custom, eta: 0.5, d_pp: 1, d_qq: 0.1, d_qp: 0.5}",)),
    (
        "`alpha: detailed_balance` and an anharmonic potential",
        ("system.bath.model=symmetry_broken", "system.bath.alpha=detailed_balance", WELL),
    ),
    (
        "`xi: detailed_balance` and a cold bath",
        ("system.bath.model=position_friction", "system.bath.xi=detailed_balance", "system.bath.beta=4"),
    ),
    ("`quantum_optical` without `omega` and an anharmonic potential", ("system.bath.model=quantum_optical", WELL)),
    ("`hu_paz_zhang` and an anharmonic potential", (MEMORY, WELL)),
)


def main(arguments: list[str]) -> int:
    """Write the page, or compare it."""
    text = page()
    if "--check" in arguments:
        return 0 if PAGE.read_text(encoding="utf-8") == text else 1
    PAGE.write_text(text, encoding="utf-8")
    print(f"wrote {PAGE}")
    return 0


def page() -> str:
    """The whole page."""
    schema = json_schema()
    body = "\n".join(rendered(part, schema) for part in parts(schema))
    whole = f"## A whole file\n\n{table(schema)}\n\n{WHOLE_TEXT}\n{block(''.join(SMALLEST.values()))}{AFTER_WHOLE}"
    rows = "\n".join(f"| {key} | {words} |" for key, words in AUTO.items())
    auto = f"## What `auto` means\n\n| key | `auto` stands for |\n| --- | --- |\n{rows}\n{AFTER_AUTO}"
    return f"{HEAD}\n{whole}\n{body}\n{auto}\n{refusals()}"


def parts(schema: Schema) -> Iterator[Part]:
    """Everything between the whole file and the word ``auto``, in the order of the file."""
    yield Part("Units", (Table("Units"),), snippet="units: {hbar: 1.0}\n")
    yield from systems()
    yield Part("Potentials", text=POTENTIALS_TEXT)
    yield from potentials(schema)
    yield Part("Bath models", text=BATHS_TEXT)
    yield from baths(schema)
    yield Part("Initial", text=INITIAL_TEXT)
    yield from initials(schema)
    axes = (Table("Grid"), Table("AxisQ", "The keys of `q`:"), Table("AxisP", "The keys of `p`:"))
    yield Part("Grid", axes, GRID_TEXT, GRID)
    yield Part("Scheme", (Table("Scheme"),), SCHEME_TEXT, "scheme: {flux: chang_cooper, reversible: limited}\n")
    yield Part("Time", (Table("Time"),), TIME_TEXT, "time: {until: 20.0}\n")
    yield Part("Output", (Table("Output"),), OUTPUT_TEXT, OUTPUT)
    yield Part("Checks", (Table("Checks"),), CHECKS_TEXT, "checks: {strict: true}\n")


def systems() -> Iterator[Part]:
    """The three forms of a system."""
    yield Part("System", text="Three forms: one particle, several particles, or a chain.")
    yield Part("One particle", (Table("System"),), SYSTEM_TEXT, SMALLEST["system"], 3)
    yield Part("Matrices", (Table("Matrices"),), MATRICES_TEXT, MATRICES, 3)
    each = (Table("Particle", "Each of the `particles`:"), Table("Coupling", "Each of the `couplings`:"))
    yield Part("Several particles", (Table("Several"), *each), SEVERAL_TEXT, SEVERAL, 3)
    yield Part("Chain", (Table("ChainSystem"), Table("Chain", "The keys of `chain`:")), CHAIN_TEXT, CHAIN, 3)


def initials(schema: Schema) -> Iterator[Part]:
    """One part for each initial state."""
    for name in kinds(schema["properties"]["initial"]):
        word = kind_of(schema, name)
        yield Part(f"`{word}`", (Table(name),), INITIAL_TEXTS.get(word, ""), INITIALS[word], 3)


def potentials(schema: Schema) -> Iterator[Part]:
    """One part for each potential."""
    for name in kinds(schema["$defs"]["System"]["properties"]["potential"]):
        word = kind_of(schema, name)
        ring = word in POTENTIAL_TEXTS
        snippet = SYSTEM.format(potential=POTENTIALS[word], bath=BATH) + (RING if ring else "")
        yield Part(f"`{word}`", (Table(name),), POTENTIAL_TEXTS.get(word, ""), snippet, 3)


def baths(schema: Schema) -> Iterator[Part]:
    """One part for each bath, with what the catalogue says of it."""
    known = {model.name: model for model in MODELS}
    for name in kinds(schema["$defs"]["System"]["properties"]["bath"]):
        model = known[kind_of(schema, name)]
        facts = {
            "A_bath": model.drift,
            "diffusion": model.diffusion,
            "completely positive": model.positive,
            "detailed balance": model.balance,
        }
        words = "\n".join(f"- {what}: {plain(fact)}" for what, fact in facts.items())
        snippet = SYSTEM.format(potential=HARMONIC, bath=model.example)
        snippet += "time: {until: 10.0}\n" if model.name == "none" else ""
        yield Part(f"`{model.name}`", (Table(name, words),), BATH_TEXTS.get(model.name, ""), snippet, 3)


def rendered(part: Part, schema: Schema) -> str:
    """Heading, what it is, tables, text, snippet."""
    pieces = [f"{'#' * part.level} {part.title}"]
    if part.tables:
        pieces.append(plain(schema["$defs"][part.tables[0].name]["description"]))
    for name, words in part.tables:
        pieces += [words, table(schema["$defs"][name])]
    pieces += [part.text.strip(), block(part.snippet).strip() if part.snippet else ""]
    return "\n\n".join(piece for piece in pieces if piece) + "\n"


def table(section: Schema) -> str:
    """Keys of a section, required ones first; its kind is the heading."""
    required = section.get("required", [])
    keys = {key: node for key, node in section["properties"].items() if "const" not in node}
    ordered = sorted(keys, key=lambda key: key not in required)
    rows = [row(key, keys[key], is_required=key in required) for key in ordered]
    return "\n".join(["| key | values | default | meaning |", "| --- | --- | --- | --- |", *rows]) if rows else ""


def row(key: str, node: Schema, *, is_required: bool) -> str:
    """One key."""
    default = "required" if is_required else shown(node.get("default"))
    return f"| `{key}` | {values(node)} | {default} | {plain(node['description'])} |"


def shown(default: Any) -> str:
    """A default as it is written in a file."""
    if default is None or default == "":
        return NONE
    if isinstance(default, dict):
        return "its defaults"
    if isinstance(default, float):
        return f"`{default:g}`".replace("e-0", "e-")
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


SECTIONS = {
    "Potential": "[potential](#potentials)",
    "Bath": "[bath](#bath-models)",
    "Initial": "[initial state](#initial)",
    "AxisQ": "axis",
    "AxisP": "axis",
    "Matrices": "[matrices](#matrices)",
    "System": "[one particle](#one-particle)",
    "Several": "[several](#several-particles)",
    "ChainSystem": "[chain](#chain)",
    "Particle": "particles",
    "Coupling": "springs",
}


def values(node: Schema) -> str:
    """What a key may be."""
    options = node.get("anyOf") or node.get("oneOf")
    if options:
        words = [values(option) for option in options if option != {"type": "null"}]
        return " or ".join(dict.fromkeys(words))
    if "$ref" in node:
        return section_link(node["$ref"].rpartition("/")[2])
    if "const" in node:
        return f"`{node['const']}`"
    if "enum" in node:
        known = [f"`{word}`" for word in node["enum"]]
        return ", ".join(known if len(known) < 6 else [*known[:2], "..", known[-1]])
    if node["type"] == "array":
        return listed(node)
    return scalar(node)


def section_link(name: str) -> str:
    """A section that stands elsewhere on the page."""
    found = SECTIONS.get(name) or next(
        (SECTIONS[end] for end in ("Potential", "Bath", "Initial") if name.endswith(end)), ""
    )
    return found or f"[section](#{name.lower()})"


PLURALS = {"number": "numbers", "integer": "integers", "axis": "axes", "state]": "states]"}


def listed(node: Schema) -> str:
    """A list, with its length if that is fixed."""
    item, low, high = node["items"], node.get("minItems"), node.get("maxItems")
    if item.get("type") == "array":
        return "list of pairs" if item.get("maxItems") == 2 else "list of rows"
    words = re.sub("|".join(PLURALS), lambda found: PLURALS[found[0]], values(item), count=1)
    return f"list of {low} {words}" if low == high and low is not None else f"list of {words}"


def scalar(node: Schema) -> str:
    """A number with its range, a switch or a text."""
    if node["type"] == "boolean":
        return "`true`, `false`"
    if node["type"] == "string":
        return "text"
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    limits = [f"{sign} {node[name]:g}" for name, sign in signs.items() if name in node]
    return f"{node['type']} {', '.join(limits)}".strip()


def kinds(node: Any) -> list[str]:
    """Names of the sections a key may hold, each once."""
    if isinstance(node, list):
        return list(dict.fromkeys(name for item in node for name in kinds(item)))
    if not isinstance(node, dict):
        return []
    own = [node["$ref"].rpartition("/")[2]] if "$ref" in node else []
    return list(dict.fromkeys([*own, *(name for item in node.values() for name in kinds(item))]))


def kind_of(schema: Schema, name: str) -> str:
    """The word that chooses a section."""
    properties = schema["$defs"][name]["properties"]
    return str(next(node["const"] for node in properties.values() if "const" in node))


def plain(text: str) -> str:
    """Markdown in which signs outside of code stand for themselves."""
    pieces = text.split("`")
    pieces[::2] = [re.sub(r"([<*|])", r"\\\1", piece) for piece in pieces[::2]]
    return "`".join(pieces)


def block(snippet: str) -> str:
    """A snippet as the page shows it."""
    return f"```yaml\n{snippet}```\n"


def completed(snippet: str) -> str:
    """The text of a whole file: a snippet, with the smallest file's sections that it does not hold."""
    if snippet.startswith(WHOLE):
        return snippet
    given = re.findall(r"^(\w+):", snippet, re.MULTILINE)
    return snippet + "".join(text for name, text in SMALLEST.items() if name not in given)


def refusals() -> str:
    """What is refused together, with the answers of the code."""
    rows = [f"| {together} | {plain(answer(overrides))} |" for together, overrides in REFUSED]
    head = (
        "## What is refused together\n\nAnswers to small examples, as `fpsolver check` and `fpsolver run` give them:\n"
    )
    return "\n".join([head, "| together | answer |", "| --- | --- |", *rows]) + "\n"


def prepared(config: Config) -> object:
    """What a run starts from, or the error of a configuration that cannot be used."""
    return problem.gaussian_problem(config) if config.time.method == "gaussian" else problem.prepare(config)


def answer(overrides: tuple[str, ...]) -> str:
    """What fpsolver says of the smallest file with some keys changed."""
    data, _ = parse_yaml(completed(""), "the smallest file")
    for override in overrides:
        apply_override(data, override)
    try:
        prepared(Config(**data))
    except ConfigError as error:
        return "; ".join(f"`{fault.key}`: {fault.text}" if fault.key else fault.text for fault in error.faults)
    except FpsolverError as error:
        return str(error)
    raise AssertionError(f"{overrides} is not refused")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
