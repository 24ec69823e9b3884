r"""Bath models of one particle: what each adds to the drift and to the diffusion of W(q, p).

All of them have the form (docs/conventions.md; S. Artini et al., arXiv:2507.23322v2, Eqs. 7-10, 16, 20)

    A_bath = [[alpha - xi, 0], [0, -(alpha + eta)]],    B = 2 [[d_qq, d_qp], [d_qp, d_pp]].

With d_pp = m eta / beta, complete positivity asks for d_qq d_pp - d_qp^2 >= (hbar (eta + xi) / 4)^2; the
*minimal* d_qq makes this an equality.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fpsolver.errors import UsageError
from fpsolver.physics import arguments
from fpsolver.physics.potentials import FloatArray

FORGOTTEN = 38.0  # exp(-38) = 3e-17
BROWNIAN = ("minimally_invasive", "translation_covariant", "symmetry_broken", "position_friction")
OTHERS = {
    "caldeira_leggett": "baths.caldeira_leggett",
    "quantum_optical": "baths.quantum_optical",
    "lindblad": "baths.lindblad",
    "hu_paz_zhang": "hu_paz_zhang.bath",
    "none": "baths.none",
    "custom": "baths.Bath",
}


class Memory(Protocol):
    """A bath whose numbers change with time, until they have settled."""

    @property
    def rate(self) -> float:
        """Rate at which they settle, 1/time: constant to round-off after FORGOTTEN/rate."""

    def variation(self, time: float) -> float:
        """How fast coefficients change at ``time`` or later, as squared frequencies in a unit of time, 1/time^3."""

    @property
    def description(self) -> str:
        """Its parameters in words."""

    def doubt(self) -> str:
        """Why its numbers may not hold, or an empty string."""

    def at(self, time: float) -> Bath:
        """Bath frozen at ``time``."""

    def averaged(self, start: float, step: float) -> tuple[Bath, Bath]:
        """Baths for the two halves of a commutator-free Magnus step of order four."""


@dataclass(frozen=True, slots=True)
class Bath:
    """Friction rates eta, alpha, xi (1/time) and diffusion constants; ``beta`` (1/energy) where there is one.

    ``stiffness``: spring constant that the bath adds to the potential. With a ``memory`` the numbers are those of late
    times, and the memory knows those of any other.
    """

    eta: float = 0.0
    alpha: float = 0.0
    xi: float = 0.0
    d_qq: float = 0.0
    d_pp: float = 0.0
    d_qp: float = 0.0
    beta: float | None = None
    model: str = "custom"
    stiffness: float = 0.0
    memory: Memory | None = None

    def __post_init__(self) -> None:
        try:
            rates = self.eta + self.alpha + self.xi + self.stiffness
            if math.isfinite(rates + self.d_qq + self.d_pp + self.d_qp) and (self.beta is None or self.beta > 0):
                return  # in all steps of baths with memory
        except TypeError:
            pass
        for name in ("eta", "alpha", "xi", "d_qq", "d_pp", "d_qp", "stiffness"):
            arguments.finite(f"{name} of a bath", getattr(self, name))
        if self.beta is not None:
            arguments.positive("beta of a bath", self.beta)

    @property
    def drift(self) -> FloatArray:
        """Contribution to A, shape (2, 2), 1/time."""
        return np.array([[self.alpha - self.xi, 0.0], [-self.stiffness, -(self.alpha + self.eta)]])

    @property
    def diffusion(self) -> FloatArray:
        """Contribution to B = 2 D, shape (2, 2)."""
        return 2.0 * np.array([[self.d_qq, self.d_qp], [self.d_qp, self.d_pp]])

    def at(self, time: float) -> Bath:
        """Bath frozen at ``time``; a constant one returns itself."""
        return self if self.memory is None else self.memory.at(time)


def minimal_d_qq(*, hbar: float, eta: float, xi: float, d_pp: float, d_qp: float) -> float:
    """Smallest position diffusion that is completely positive (Eq. 8 with eta -> eta + xi)."""
    numerator = (hbar * (eta + xi) / 4) ** 2 + d_qp**2
    if numerator == 0:
        return 0.0
    return numerator / d_pp if d_pp > 0 else math.inf


def none() -> Bath:
    """No bath: Hamiltonian motion only."""
    return Bath(model="none")


def caldeira_leggett(*, mass: float, eta: float, beta: float) -> Bath:
    """Momentum friction with d_pp = m eta / beta; thermalises classically, not completely positive."""
    return Bath(eta=eta, d_pp=_momentum_noise(mass, eta, beta), beta=beta, model="caldeira_leggett")


def brownian(
    *,
    model: str,
    mass: float,
    hbar: float,
    eta: float,
    beta: float,
    alpha: float = 0.0,
    xi: float = 0.0,
    d_qp: float = 0.0,
    d_qq: float | None = None,
) -> Bath:
    """The completely positive family of arXiv:2507.23322: d_pp = m eta / beta and, unless given, minimal d_qq.

    ``minimally_invasive`` has alpha = xi = d_qp = 0, ``translation_covariant`` a cross-diffusion d_qp,
    ``symmetry_broken`` the squeezing alpha {q, p}/2 and ``position_friction`` the friction xi of q. Any other
    ``model`` is a name of the user's own; UsageError for those of other baths and misspelt ones.
    """
    if model not in BROWNIAN:
        _refuse_model(model)
    d_pp = _momentum_noise(mass, eta, beta)
    if d_qq is None:
        d_qq = minimal_d_qq(hbar=hbar, eta=eta, xi=xi, d_pp=d_pp, d_qp=d_qp)
    return Bath(eta, alpha, xi, d_qq, d_pp, d_qp, beta, model)


def _refuse_model(model: str) -> None:
    """UsageError for the name of another bath, one that is nearly a known one, and what is no name."""
    near = difflib.get_close_matches(model, [*BROWNIAN, *OTHERS], 1, 0.7) if isinstance(model, str) else [""]
    if near:
        cure = f"; take {OTHERS[near[0]]}" if near[0] in OTHERS else ""
        raise UsageError(f"baths.brownian makes {', '.join(BROWNIAN)}, but model is {arguments.shown(model)}{cure}")


def _momentum_noise(mass: float, eta: float, beta: float) -> float:
    """d_pp = m eta/beta of a temperature."""
    positive = arguments.positive
    return positive("mass", mass) * arguments.not_negative("eta", eta) / positive("beta", beta)


def alpha_detailed_balance(*, mass: float, omega: float, eta: float, d_qq: float, d_pp: float) -> float:
    r"""Squeezing rate that restores detailed balance in a harmonic well (Eq. 18).

    Detailed balance asks for V_11 = -d_qq/alpha and V_22 = d_pp/(alpha + eta) with V_22 = (m omega)^2 V_11.
    """
    stiff = (mass * omega) ** 2 * d_qq
    return -eta * stiff / (d_pp + stiff)


def xi_detailed_balance(*, mass: float, omega: float, eta: float, d_qq: float, d_pp: float) -> float:
    r"""Position friction that restores detailed balance for a given d_qq: J_q^I = 0 and J_p^I = 0 together."""
    return eta * (mass * omega) ** 2 * d_qq / d_pp


def xi_saturating(*, hbar: float, omega: float, eta: float, beta: float) -> float | None:
    r"""Position friction xi = r eta with detailed balance *and* complete positivity on its boundary.

    r / (1 + r)^2 = y = (beta hbar omega / 4)^2 has a solution only for beta hbar omega <= 2; None otherwise.
    """
    y = (beta * hbar * omega / 4) ** 2
    if y > 0.25:
        return None
    return eta * 2 * y / (1 - 2 * y + math.sqrt(1 - 4 * y))


def quantum_optical(*, mass: float, hbar: float, eta: float, beta: float, omega: float) -> Bath:
    r"""Rotating-wave damping: alpha = -eta/2 and diffusion that keeps the exact Gibbs state of ``omega``.

    d_qq = eta V_11 / 2, d_pp = eta V_22 / 2 with V = (hbar/2) coth(beta hbar omega / 2) diag(1/(m omega), m omega).
    """
    for name, value in (("mass", mass), ("omega", omega), ("beta", beta)):
        arguments.positive(name, value)
    energy = thermal_energy(hbar=hbar, omega=omega, beta=beta)
    v_qq, v_pp = energy / (mass * omega**2), energy * mass
    return Bath(eta, -eta / 2, 0.0, eta * v_qq / 2, eta * v_pp / 2, 0.0, beta, "quantum_optical")


def thermal_energy(*, hbar: float, omega: float, beta: float) -> float:
    r"""Mean energy of an oscillator, (hbar omega / 2) coth(beta hbar omega / 2); 1/beta for hbar = 0."""
    quantum = hbar * omega / 2
    return quantum / math.tanh(beta * quantum) if beta * quantum > 1e-9 else 1 / beta


def _pairs(operators: Sequence[tuple[complex, complex]]) -> np.ndarray:
    """Pairs (u, v) as rows; UsageError for anything else."""
    try:
        rows = np.asarray(operators, dtype=complex)
    except (TypeError, ValueError):
        rows = np.empty(0)
    if rows.ndim != 2 or rows.shape[1] != 2 or not np.isfinite(rows).all():
        raise UsageError(
            f"operators must be a list of finite pairs (u, v) for L = u q + v p, but is {arguments.shown(operators)}"
        )
    return rows


def lindblad(operators: Sequence[tuple[complex, complex]], *, hbar: float) -> Bath:
    r"""Linear Lindblad operators L = u q + v p.

    With Gamma = sum l l^+ the drift is -hbar Omega Im Gamma and B = hbar^2 Omega Re Gamma Omega^T; for one
    particle the drift is a multiple of the unit matrix, that is, alpha = -eta/2.
    """
    arguments.positive("hbar", hbar)
    vectors = _pairs(operators)
    gamma = np.einsum("ka,kb->ab", vectors, vectors.conj())
    omega = np.array([[0.0, 1.0], [-1.0, 0.0]])
    drift = -hbar * omega @ gamma.imag
    diffusion = 0.5 * hbar**2 * omega @ gamma.real @ omega.T
    eta = -2 * drift[0, 0]
    return Bath(
        eta=float(eta),
        alpha=float(-eta / 2),
        d_qq=float(diffusion[0, 0]),
        d_pp=float(diffusion[1, 1]),
        d_qp=float(diffusion[0, 1]),
        model="lindblad",
    )
