"""The free particle on a ring with cross-diffusion (text after Eq. 13, conclusions)."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

import fpsolver as fp
from fpsolver import api
from paper.claim import Claim, Says, Section, positive
from paper.models import WARM, configuration

LENGTH, CROSS = 10.0, 0.2
VIOLATED = Says("violated", positive)


def section() -> Section:
    """All rows."""
    text = (
        "A free particle (warm) on a ring of length 10, steady state found directly: uniform in q, Maxwellian in p. "
        "*Asymmetry*: $\\int g\\,L(fW) - \\int (f\\epsilon)\\,L((g\\epsilon)W)$ with $f = \\cos kq$, $g = p\\sin kq$, "
        "$k = 2\\pi/10$, which is 0 in detailed balance and $kD_{qp}$ by partial integration."
    )
    return Section("Free particle (after Eq. 13, conclusions)", text, [*with_cross_diffusion(), *without()])


@cache
def ring(d_qp: float) -> fp.Result:
    """Steady state on the grid."""
    config = configuration(WARM, "translation_covariant", {"kind": "free"}, d_qp=d_qp).replaced(
        grid={"q": {"cells": 64, "extent": [-LENGTH / 2, LENGTH / 2], "boundary": "periodic"}, "p": {"cells": 112}}
    )
    return api.run_problem(api.prepare(config))


def with_cross_diffusion() -> list[Claim]:
    """D_qp = 0.2: no entropy production, and yet no detailed balance."""
    result, name = ring(CROSS), f"D_qp = {CROSS:g}"
    grid, found = result.grid, result.final
    p = grid.coordinates[1]
    return [
        Claim("after Eq. 13", f"{name}: Π = 0", 0.0, 0.0, result.last("entropy_production")),
        Claim("after Eq. 13", f"{name}: Φ = 0", 0.0, 0.0, result.last("entropy_flux")),
        Claim(
            "after Eq. 13", f"{name}: detailed balance, asymmetry", VIOLATED, wave_number() * CROSS, asymmetry(CROSS)
        ),
        Claim(
            "after Eq. 13",
            f"{name}: line 2, largest entry of EBE − B",
            VIOLATED,
            4 * CROSS,
            float(result.diagnostics["diffusion_parity_residual"]),
            "line 1, with the whole B, fails as well",
        ),
        Claim(
            "Eq. 25",
            f"{name}: ∫p J^R_q = (1 + βD_qp)/β",
            None,
            (1 + WARM.beta * CROSS) / WARM.beta,
            grid.integrate(p * found.J_reversible[0]),
            "1/β of it flows in every equilibrium; D_qp adds the rest",
        ),
        Claim("Eq. 25", f"{name}: net current around the ring, ∫J_q", None, 0.0, grid.integrate(found.J[0])),
        Claim(
            "footnote 2",
            f"Φ = 0 does not imply detailed balance ({name})",
            VIOLATED,
            wave_number() * CROSS,
            asymmetry(CROSS),
            "because B^R ≠ 0; in a steady state with B^R = 0 it does, as Φ = Π there",
        ),
    ]


def without() -> list[Claim]:
    """D_qp = 0."""
    result = ring(0.0)
    what = "translation-covariant CPTP dynamics “always” violates detailed balance: free particle, D_qp = 0, asymmetry"
    line_1 = float(result.diagnostics["detailed_balance_residual"])
    return [
        Claim(
            "conclusions", what, VIOLATED, 0.0, asymmetry(0.0), "it satisfies both lines, as the text after Eq. 13 says"
        ),
        Claim("Eq. 2", "D_qp = 0: residual of line 1", 0.0, 0.0, line_1, tolerance=1e-6),
    ]


def wave_number() -> float:
    """Slowest wave on the ring."""
    return 2 * math.pi / LENGTH


def asymmetry(d_qp: float) -> float:
    """The same with the generator of the grid."""
    result = ring(d_qp)
    grid, W = result.grid, result.final.W
    generator = fp.Generator(fp.build_system(result.config), grid, fp.Scheme(order=8))
    q, p = np.broadcast_arrays(*grid.coordinates)
    f, g = np.cos(wave_number() * q), p * np.sin(wave_number() * q)
    return grid.integrate(g * generator.apply(f * W)) - grid.integrate(f * generator.apply(-g * W))
