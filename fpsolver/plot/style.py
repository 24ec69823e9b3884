"""How all figures look: sizes, colours, colour maps and the words on the axes; nothing global is changed."""

from __future__ import annotations

import functools
import io
import math
import re
import textwrap
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, ParamSpec

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure, SubFigure
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from fpsolver import views
from fpsolver.errors import UsageError
from fpsolver.physics import arguments
from fpsolver.physics.potentials import FloatArray
from fpsolver.result import Outcome, Result

P = ParamSpec("P")
Size = tuple[float, float] | None  # of a figure, inches; None: the usual one
SMALLEST, LARGEST = 1.0, 100.0
EACH_PARTICLE = ("wigner", "currents", "marginals")  # kinds that show several particles one by one
OF_SEVERAL = ("joint",)  # kinds about several particles on a grid
WITHOUT_GRID = ("profile", "series")  # kinds of figures that need no grid

COLUMN = 3.4  # inches, width of a journal column and of one panel
DPI = 200  # of PNG files
FORMULA = re.compile(r"(?<!\\)\$.*?(?<!\\)\$")
UNSEEN = str.maketrans("", "", "${}^_ ")  # signs of formulas
LEGEND = 0.18  # inches of height of a line of a legend above the panels
LABEL = 75  # characters of a line of a legend
LETTER = 0.55  # mean width of a letter, in sizes of the font
LEGEND_COLUMNS, LEGEND_ROW = 4, 0.13  # of a legend in a panel; height of a row in heights of the curves

# Neither font.family nor mathtext.fontset: they belong together, and a user who sets them (serif with cm, say) has the
# figures of a paper in mind. One of them from here would mix two kinds of letters; both would still leave the ticks
# that matplotlib makes only when the user saves the figure.
STYLE: dict[str, Any] = {
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "axes.linewidth": 0.7,
    "axes.formatter.limits": (-3, 4),
    "axes.formatter.use_mathtext": True,
    "figure.titlesize": 10,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "lines.markersize": 4,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "pdf.fonttype": 42,  # TrueType: text in PDF files stays text
    "savefig.dpi": DPI,
    "text.usetex": False,
}

# Okabe and Ito, legible with every kind of colour blindness; their yellow is too light for lines
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#5B5B5B")
LINE_STYLES: tuple[Any, ...] = (
    "-",
    (0, (6, 1.5)),
    (0, (1, 1)),
)  # thin dashes are exact values, dash-dots steady states
HATCHES = ("", "////", "....")
REVERSIBLE, IRREVERSIBLE, NEUTRAL = COLOURS[0], COLOURS[1], "#202020"

Q_LABEL, P_LABEL, TIME_LABEL = "position $q$", "momentum $p$", "time $t$"
W_LABEL = "$W$ (1/action)"


def _sequential(name: str, dark: tuple[float, float, float]) -> Colormap:
    """White to ``dark`` on a straight line in linear light's cube root, close to even steps of lightness."""
    steps = np.linspace(0, 1, 256)[:, None]
    cube_root = (1 - steps) + steps * np.cbrt(np.array(dark) ** 2.2)
    return LinearSegmentedColormap.from_list(name, np.clip(cube_root**3, 0, 1) ** (1 / 2.2))


# both end well above black, so that dark arrows and contours stay visible on them
SEQUENTIAL = _sequential("density", (0.20, 0.42, 0.66))
MUTED = _sequential("underlay", (0.62, 0.62, 0.62))  # under coloured arrows
WARM = _sequential("production", (0.78, 0.25, 0.05))
TINTED = LinearSegmentedColormap.from_list("tinted", SEQUENTIAL(np.linspace(0.12, 1, 256)))  # the lowest is no paper

# Two-sided, one meaning everywhere: positive is blue, in the very shades of SEQUENTIAL, and negative is red.
NEGATIVE = _sequential("negative", (0.76, 0.25, 0.22))
_SIGNED = np.concatenate([NEGATIVE(np.linspace(1, 0, 256)), SEQUENTIAL(np.linspace(0, 1, 256))[1:]])
DIVERGING = LinearSegmentedColormap.from_list("signed", _SIGNED, N=511)  # odd: 0 itself is white
PALE = LinearSegmentedColormap.from_list("signed underlay", 1 - (1 - _SIGNED) * (0.6, 0.6, 0.6, 1), N=511)


def settings() -> AbstractContextManager[None]:
    """Context in which :data:`STYLE` holds."""
    rc: Any = STYLE  # matplotlib types the keys as a closed list of literals
    return mpl.rc_context(rc)


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Run a function of results that returns a figure with :data:`STYLE`, after checking what it was given."""

    @functools.wraps(draw)
    def wrapper(*results: P.args, **options: P.kwargs) -> Figure:
        """Check the results, then draw them in the style of the project."""
        check_results(results, draw.__name__)
        shown: Any = [part for result in results for part in _parts(result, draw.__name__)]
        with settings():
            return draw(*shown, **options)

    return wrapper


def check_results(results: Sequence[Any], kind: str) -> None:
    """UsageError for what is no result, and for results that a kind of figure cannot draw, with one that can."""
    if not results:
        raise UsageError(f"plot.{kind} needs at least one result, but got none; give it what fpsolver.run returned")
    for result in results:
        if not isinstance(result, Outcome):
            raise UsageError(f"plot.{kind} needs results, but got {type(result).__name__}; {_remedy(result, kind)}")
        if kind in WITHOUT_GRID:
            continue
        if not isinstance(result, Result):
            raise UsageError(
                f"plot.{kind} needs a grid, and time.method: gaussian has none; draw {' or '.join(WITHOUT_GRID)}"
            )
        if kind in OF_SEVERAL and len(result.grid.axes) == 2:
            raise UsageError(f"plot.{kind} is about several particles, and the result has one; use another kind")
        if len(result.grid.axes) != 2 and kind not in (*EACH_PARTICLE, *OF_SEVERAL):
            raise UsageError(
                f"plot.{kind} draws one particle (q, p), but the result has the axes {', '.join(result.grid.names)}; "
                "draw profile, joint or wigner"
            )


def _remedy(given: Any, kind: str) -> str:
    """What to do with something that is no result."""
    from fpsolver.sweeps.table import Sweep  # no figure of results needs it

    if isinstance(given, Sweep):
        return "draw sweeps with fpsolver.plot.sweep_lines, sweep_map or sweep_phases"
    if isinstance(given, list | tuple) and given and all(isinstance(each, Outcome) for each in given):
        return "give one of them" if kind == "animate" else f"give them as plot.{kind}(*results)"
    return "read files with fpsolver.load_result"


def _parts(result: Any, kind: str) -> Sequence[Any]:
    """The result, or each of its particles on its own where a figure is about one particle."""
    several = isinstance(result, Result) and len(result.grid.axes) > 2
    return views.alone(result) if several and kind in EACH_PARTICLE else [result]


def new_figure(width: float, height: float, figsize: Size = None) -> Figure:
    """Empty figure of a size in inches, laid out so that nothing overlaps; it belongs to no window.

    ``figsize``: what the caller of a figure wants instead; UsageError for anything but two numbers.
    """
    if figsize is not None:
        width, height = _checked_size(figsize)
    return ShownFigure(figsize=(width, height), layout="constrained")


def _checked_size(figsize: Any) -> tuple[float, float]:
    sizes = [arguments.as_float(size) for size in figsize] if np.iterable(figsize) else []
    if len(sizes) != 2 or not all(SMALLEST <= size <= LARGEST for size in sizes):
        raise UsageError(
            f"figsize must be (width, height) in inches, each from {SMALLEST:g} to {LARGEST:g}, but is "
            f"{arguments.shown(figsize)}; leave it out for the usual size"
        )
    return sizes[0], sizes[1]


class ShownFigure(Figure):
    """A figure that notebooks show; without pyplot, which would own it, they do not know how."""

    def _repr_png_(self) -> bytes:
        return png(self)


def png(figure: Figure, dpi: int = 100) -> bytes:
    """The figure as the bytes of a PNG file."""
    stream = io.BytesIO()
    with settings():
        figure.savefig(stream, format="png", dpi=dpi)
    return stream.getvalue()


def escaped(text: str) -> str:
    """Free text that matplotlib takes literally: no formulas, and no leading underscore (it hides a label)."""
    return text.replace("$", r"\$").lstrip("_")


def colour(index: int) -> str:
    """Line colour of the result with this index."""
    return COLOURS[index % len(COLOURS)]


def line(index: int) -> dict[str, Any]:
    """Colour of the line of the result with this index, and where the colours begin anew another sort of line."""
    return {"color": colour(index), "linestyle": LINE_STYLES[index // len(COLOURS) % len(LINE_STYLES)]}


def bar(index: int) -> dict[str, Any]:
    """The same for bars, with hatches."""
    hatch = HATCHES[index // len(COLOURS) % len(HATCHES)]
    return {"facecolor": colour(index), "edgecolor": "white", "linewidth": 0, "hatch": hatch}


def note(ax: Axes, text: str, *, width: int = 34, y: float = 0.5) -> None:
    """Words in a panel, in place of what cannot be drawn; centred at ``y``, or standing on the lower edge (0)."""
    lines = "\n".join(fill(line, width) for line in text.split("\n"))
    box = {"facecolor": "white", "edgecolor": "0.7", "linewidth": 0.6, "boxstyle": "round,pad=0.5"}
    vertical = "center" if y else "bottom"
    ax.text(0.5, y or 0.06, lines, transform=ax.transAxes, ha="center", va=vertical, fontsize=8, bbox=box, zorder=5)


def enlargement(value: float, largest: float) -> int:
    """Factor 2, 5, 10, 20, 50, .. that brings a small value near the largest one; 1 from a third of it on."""
    if not 0 < value <= largest / 3:
        return 1
    power = 10.0 ** np.floor(np.log10(largest / value))
    return int(power * max(step for step in (1, 2, 5) if step * power * value <= largest or step == 1))


def tag(ax: Axes, text: str) -> None:
    """Short name of a panel in its upper left corner."""
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 2}
    ax.text(0.03, 0.97, text, transform=ax.transAxes, ha="left", va="top", bbox=box, zorder=4)


def legend_above(ax: Axes) -> None:
    """Legend of the labelled curves, if any, in a strip at the top of the panel that is made for it: free of curves."""
    count = len(ax.get_legend_handles_labels()[0])
    if not count:
        return
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + (0.08 + LEGEND_ROW * math.ceil(count / LEGEND_COLUMNS)) * (high - low))
    ax.legend(loc="upper right", ncols=LEGEND_COLUMNS, handlelength=1.2, columnspacing=1.2)


def fill(text: str, width: int) -> str:
    """The text in lines of a number of characters, which never break a formula."""
    formulas = FORMULA.findall(text)
    lengths = [len(re.sub(r"\\[A-Za-z]+", "x", formula.translate(UNSEEN))) for formula in formulas]
    places = iter(["\0" + "\1" * (min(length, width) - 1) for length in lengths])
    found = iter(formulas)
    return re.sub("\0\1*", lambda _: next(found), textwrap.fill(FORMULA.sub(lambda _: next(places), text), width))


def wrapped(text: str) -> str:
    """A label of a legend above the panels, in lines that the narrowest figures have room for."""
    return fill(text, LABEL)


def title_above(figure: Figure | SubFigure, text: str, **look: Any) -> Text:
    """Title of a figure or of a page of it at its left edge, in lines for which it is wide enough."""
    size = FontProperties(size=look.get("fontsize", mpl.rcParams["figure.titlesize"])).get_size()
    inches = figure.bbox.width / figure.dpi
    width = max(int(0.95 * inches * 72 / (LETTER * size)), 1)
    text = "\n".join(fill(line, width) for line in text.split("\n"))
    return figure.suptitle(text, x=0.02, ha="left", **look)


def legend_height(labels: Sequence[str]) -> float:
    """Inches for a legend above the panels, a label in each row."""
    return LEGEND * sum(label.count("\n") + 1 for label in labels)


def heading(ax: Axes, text: str, *, width: int = 52) -> None:
    """Title at the left edge of a panel."""
    ax.set_title(fill(text, width), loc="left")


def few_ticks(ax: Axes, count: int = 5) -> None:
    """Round tick values, few enough not to touch."""
    ax.xaxis.set_major_locator(MaxNLocator(count))
    ax.yaxis.set_major_locator(MaxNLocator(count))


def finite(values: FloatArray) -> FloatArray:
    """The array with zeros for NaN and infinity (a failed run may end with them)."""
    return np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)


def tag_above(ax: Axes, text: str) -> None:
    """Short name of a panel above its right corner, where no curve can run through it."""
    ax.set_title(text, loc="right", fontsize=8.5, pad=3)
