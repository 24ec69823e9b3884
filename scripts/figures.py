"""Every figure of the documentation: runs what has no up-to-date result, draws, and writes docs/gallery.md.

python scripts/figures.py [--results results]
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import fpsolver as fp
from fpsolver import plot
from fpsolver.errors import FpsolverError
from fpsolver.result import Outcome

ROOT = Path(__file__).parents[1]
CONFIGS, DOCS = ROOT / "configs", ROOT / "docs"
DPI = 100  # small files; `fpsolver plot` draws with 200, and PDF or SVG have no resolution

# what one sees in the currents of each configuration
CAPTIONS = {
    "caldeira_leggett": "J^I vanishes: detailed balance. J^R does not; it circulates in every Hamiltonian equilibrium.",
    "minimally_invasive": "Position diffusion drives J^I outwards along q, friction back along p: Π = 0.01531.",
    "translation_covariant": "d_qp = 0.2 widens the ellipse along q and makes J^I three times stronger: Π = 0.04478.",
    "symmetry_broken": "Far off tune: the squeezing pushes J^I inwards along q and outwards along p: Π = 0.48352.",
    "symmetry_broken_detailed_balance": "In tune: J^I = 0, a Gibbs state, at a temperature that is not the bath's.",
    "position_friction": "Too much friction of the position turns J^I around: inwards along q: Π = 0.04741.",
    "position_friction_detailed_balance": "In tune: J^I = 0, the classical Gibbs state at the temperature of the bath.",
    "quantum_optical": "J^I = 0, the quantum Gibbs state of this one oscillator.",
    "hu_paz_zhang": "Late times of a bath with memory: J^I = 0 as in equilibrium; its d_qp only adds to J^R.",
    "lindblad": "The operator of minimally_invasive without the Hamiltonian that goes with it: Π = 3.6098.",
    "cold": "A cold bath: noise of the position heats q to three times the temperature of p: Π = 2.",
    "overdamped": "Strong friction needs strong noise of the position: a wide state, J^I almost along p: Π = 0.15313.",
    "underdamped": "Weak friction: J^I is some hundred times smaller than J^R: Π = 0.00306.",
    "free_ring": "Uniform and Maxwellian; J^R runs to the right above p = 0 and to the left below. J^I = 0.",
    "free_ring_cross_diffusion": "J^R is stronger by 1 + β d_qp = 1.14; J^I = 0, and detailed balance is violated.",
    "driven_ring": "The force carries the particle to the right (J^R), friction takes energy out (J^I): Π = 0.25823.",
    "cat": "A cat state at the end of the run: decoherence has taken its fringes, and W is positive.",
    "fock": "A Fock state at the end of the run: a dent at the origin is all that is left of its negative centre.",
    "quantum_quartic": "A quartic quantum well: J^R contains the Moyal current, and S_Moyal joins the balance.",
    "quantum_double_well": "Cold quantum double well: W < 0 above and below the barrier, too little for the colours.",
    "double_well": "Classical Gibbs state of two wells: J^I = 0; J^R circulates around each well and around both.",
}
# name, kind, configurations, caption, and times of snapshots
GROUPS = (
    ("production", "production", ("minimally_invasive", "translation_covariant", "cold"),
     "Where entropy is produced: the density of Π and its position and momentum channels, on one scale."),
    ("portrait", "portrait", ("underdamped", "cold", "overdamped", "double_well"),
     "Phase portraits: streamlines of the drift, the mean (dots; dashes: exact), ellipses of one deviation, "
     "contours of the final W in the double well."),
    ("series", "series", ("minimally_invasive", "translation_covariant", "caldeira_leggett"),
     "Π, Φ and dS/dt along the run with their exact values, and how well dS/dt = Π − Φ closes."),
    ("marginals", "marginals", ("double_well", "translation_covariant"),
     "Marginals, linear and logarithmic; dashes: exact Gaussian where there is one."),
    ("chain", "profile", ("chain",),
     "A chain between a hot and a cold bath: temperatures along it, and the heat that flows through."),
    ("two_oscillators", "profile", ("two_oscillators",),
     "Two oscillators between two baths: temperatures, the heat that flows, Pi of each."),
    ("joint", "joint", ("two_oscillators",),
     "The same two oscillators: W of both positions and of both momenta, tilted by what the spring correlates."),
    ("coupled_cat", "wigner", ("coupled_cat",),
     "A cat tied to a thermal particle: W of each, at the start and after its fringes have nearly gone.", (0, 1)),
    ("wigner", "wigner", ("minimally_invasive", "cold", "free_ring"),
     "Final W with common colours and contours."),
)  # fmt: skip

HEAD = """\
# Gallery

Written by `python scripts/figures.py`, which runs every configuration of `configs/` and draws these figures; the build
of this site does so with `sphinx-build -t gallery docs site`. Blue arrows: reversible current J^R; orange arrows:
irreversible current J^I; grey: W with contours (blue and red where some of W is negative). Arrows of one kind have one
scale in a figure; the arrow in the corner gives it.

## How currents are drawn

As arrows whose length is the current, on a coarse lattice, each the mean over a block of cells. We drew the same
currents in the other common ways. Streamlines are as long where nothing flows as where most does: the empty corners of
phase space look as busy as its centre, and with widths scaled by the current their arrowheads stay behind there. A
line-integral texture shows size and direction, but not the sign of the flow, and needs more than the width of a journal
column. Arrows keep both size and sign, survive grey print, and J^I, often a hundred times smaller than J^R, gets a
scale of its own that the panel states.
"""


def main() -> None:
    """Run, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=ROOT / "results", help="folder of the results")
    folder = parser.parse_args().results
    results = {path.stem: current(path, folder / f"{path.stem}.h5") for path in sorted(CONFIGS.glob("*.yaml"))}
    draw(results)
    (DOCS / "gallery.md").write_text(page(), encoding="utf-8")
    print(f"wrote {DOCS / 'gallery.md'}")


def current(config: Path, path: Path) -> Outcome:
    """The stored result of this configuration and version, or a new one."""
    wanted = fp.load_config(config).replaced(output={"path": str(path)})
    try:
        stored = fp.load_result(path)
        if stored.config == wanted and stored.provenance["fpsolver"] == fp.__version__:
            return stored
    except (FpsolverError, OSError):
        pass
    print(f"running {config.name}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fp.FpsolverWarning)  # known of these configurations
        result = fp.run(wanted)
    result.save(path, force=True)
    return result


def draw(results: dict[str, Outcome]) -> None:
    """All pictures of the page, and that of the README."""
    plot.save(plot.overview(results["minimally_invasive"]), DOCS / "overview.png", dpi=DPI)
    for name in CAPTIONS:
        plot.save(plot.currents(results[name]), DOCS / "images" / f"{name}.png", dpi=DPI)
    for name, kind, members, _, *times in GROUPS:
        options = {"times": times[0]} if times else {}
        figure = plot.KINDS[kind](*(results[member] for member in members), **options)
        plot.save(figure, DOCS / "images" / f"{name}.png", dpi=DPI)


def page() -> str:
    """Text of docs/gallery.md."""
    parts = [HEAD, "## Each configuration"]
    for name in sorted(CAPTIONS):
        parts.append(section(name, CAPTIONS[name], f"fpsolver plot results/{name}.h5 --kind currents"))
    parts.append("## Several results in one figure")
    for name, kind, members, caption, *times in GROUPS:
        files = " ".join(f"results/{member}.h5" for member in members)
        given = "".join(f" --time {time}" for time in times[0]) if times else ""
        parts.append(section(name, caption, f"fpsolver plot {files} --kind {kind}{given}"))
    return "\n\n".join(parts) + "\n"


def section(name: str, caption: str, command: str) -> str:
    """Heading, picture, words, command."""
    return f"### {name}\n\n{caption}\n\n![{name}](images/{name}.png)\n\n`{command}`"


if __name__ == "__main__":
    main()
