r"""Husimi function and Wehrl entropy on the grid: Q = W * Gaussian of covariance Sigma0, by Fourier sums.

    S_Q = -int Q ln Q,                              Pi_Q = 2 int J_Q (B_Q^I)^+ J_Q / Q,
    Phi_Q = 2 int A^I x (B_Q^I)^+ J_Q - int grad Q D^R grad Q / Q,

J_Q = A^I x Q - 1/2 B_Q^I grad Q and B_Q^I = B^I - A^I Sigma0 - Sigma0 A^I^T: the bath's part. dS_Q - Pi_Q + Phi_Q is
what is left of the Hamiltonian flow and of a reversible drift: nothing for an oscillator of the window's frequency.

The convolution multiplies the spectrum by exp(-k Sigma0 k/2) and is exact for a W that the grid resolves. Q of a
quantum state is never negative; what is below 1e-12 of its maximum is round-off of the sums and is left out.
"""

from __future__ import annotations

import math

from fpsolver.physics.exact import INFINITE_REASON
from fpsolver.physics.potentials import FloatArray
from fpsolver.thermo.entropy import why_undefined
from fpsolver.thermo.state import FLOOR, State, logarithm
from fpsolver.thermo.window import Window

NAMES = ("entropy_wehrl", "wehrl_rate", "wehrl_production", "wehrl_flux", "wehrl_unitary")
NOT_POSITIVE_REASON = (
    "undefined: the Husimi function is negative (min Q / max Q = {:.2g}), so that W is no quantum state"
)
NEGATIVE = 1e-8  # of max Q
ROUND_OFF = 1e-14  # of max Q, ten times what the sums leave where Q is 0: its logarithm would be that of the noise


def why_undefined_here(state: State) -> str:
    """Reason why there is no Wehrl entropy of this state, or an empty string."""
    if reason := state.space.why_no_window:
        return reason
    Q = window_of(state).smooth(state.W)
    ratio = float(Q.min()) / float(Q.max())
    return NOT_POSITIVE_REASON.format(ratio) if ratio < -NEGATIVE else ""


def window_of(state: State) -> Window:
    """The window of a state's system; finer points where W is negative."""
    return state.space.fine_window if state.system.size == 1 and why_undefined(state) else state.space.window


def function(state: State) -> FloatArray:
    """Q on the grid of W; GridError if the system has no window."""
    window = state.space.window
    inside = tuple(slice(n, n + axis.cells) for n, axis in zip(window.margins, state.grid.axes, strict=True))
    return window.smooth(state.W)[inside]


def members(state: State, dWdt: FloatArray) -> dict[str, float]:
    """The members :data:`NAMES` of the series; NaN or inf where they do not exist."""
    if state.space.why_no_window:
        return dict.fromkeys(NAMES, math.nan)
    window = window_of(state)
    Q, gradient = window.smooth_with_gradient(state.W)
    if Q.min() < -NEGATIVE * Q.max():
        return dict.fromkeys(NAMES, math.nan)
    top = float(Q.max())
    log_Q = logarithm(Q, top, ROUND_OFF * top)
    single, channels = window.medium.sums(Q, window.smooth(dWdt), log_Q, gradient, FLOOR * top)
    entropy, rate = (-single[:2] * window.grid.volume).tolist()
    production, flux_drift, flux_cross = (channels.sum(axis=1) * window.grid.volume).tolist()
    flux = flux_drift + flux_cross
    if reason := window.why_no_rates:
        production = flux = math.inf if reason == INFINITE_REASON else math.nan
    unitary = rate - production + flux if math.isfinite(production) else math.nan
    return dict(zip(NAMES, (entropy, rate, production, flux, unitary), strict=True))


def reasons(state: State) -> dict[str, str]:
    """Why members are NaN or infinite, by name."""
    if text := why_undefined_here(state):
        return dict.fromkeys(NAMES, text)
    text = state.space.window.why_no_rates
    return dict.fromkeys(NAMES[2:], text) if text else {}
