"""Words about the heat of several particles: the current from each bath, and what Pi has to do with it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fpsolver.config.build import build_system
from fpsolver.physics.baths import Bath
from fpsolver.physics.system import System

if TYPE_CHECKING:
    from fpsolver.result import Outcome

MOST_BATHS = 4  # named in a summary


def rows(result: Outcome) -> list[tuple[str, str]]:
    """Heat of each bath, and why Pi is what it is: the sum of -J/T, or that and what else costs entropy."""
    system = build_system(result.config)
    heat = result.series["heat_current"][-1]
    known = [(k, particle.bath) for k, particle in enumerate(system.particles) if particle.bath.model != "none"]
    shown = [f"{heat[k]:.9g} from bath {k + 1} ({_bath_words(bath)})" for k, bath in known[:MOST_BATHS]]
    if len(known) > MOST_BATHS:
        shown.append(f"and {len(known) - MOST_BATHS} more")
    found = [("heat currents", "; ".join(shown) or ", ".join(f"{value:.9g}" for value in heat[:MOST_BATHS]))]
    if len(known) > 1 and all(bath.beta is not None for _, bath in known):
        clausius = -sum(float(heat[k]) * (bath.beta or 0.0) for k, bath in known)
        found.append(("sum of -J/T", f"{clausius:.9g}{_clausius_words(system, clausius, result.last('entropy_flux'))}"))
    return [*found, ("mutual information", _information_words(result))]


def _information_words(result: Outcome) -> str:
    """The number, or why there is none and that of order 2."""
    information = result.last("mutual_information")
    if math.isfinite(information):
        return f"{information:.9g}"
    why = result.reasons.get("mutual_information", "no reason known")
    order_two = result.series.get("mutual_information_renyi")  # files of older versions have none
    more = "" if order_two is None else f"; of order 2: {order_two[-1]:.9g}"
    return f"{information:.9g} ({why}){more}"


def _bath_words(bath: Bath) -> str:
    return bath.model.replace("_", " ") + (f", T = {1 / bath.beta:.6g}" if bath.beta else "")


def _clausius_words(system: System, clausius: float, flux: float) -> str:
    """Why the entropy flux is not the heat over the temperature (docs/many.md)."""
    if not math.isfinite(flux) or abs(flux - clausius) <= 1e-6 * max(abs(flux), abs(clausius)):
        return ""
    baths = [particle.bath for particle in system.particles]
    if all(_is_at_its_temperature(particle.bath, particle.mass) for particle in system.particles):
        if not any(bath.d_qq for bath in baths):
            return f"; Phi differs from it by {flux - clausius:+.2g}, which is the error of the grid"
        if flux > clausius:
            return (
                f"; Phi is larger by {flux - clausius:.6g}: the position diffusion of these baths heats the springs "
                "and wells, which no bath temperature accounts for"
            )
    return f"; Phi differs from it by {flux - clausius:+.6g}: they agree for baths on p alone with D_pp = m eta T"


def _is_at_its_temperature(bath: Bath, mass: float) -> bool:
    """True if a bath is friction of p with D_pp = m eta T, and at most position diffusion besides."""
    noise = 0.0 if bath.beta is None else bath.eta * mass / bath.beta
    return bath.alpha == bath.xi == bath.d_qp == 0 and math.isclose(bath.d_pp, noise, rel_tol=1e-9)
