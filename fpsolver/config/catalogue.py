"""What users choose from: the bath models with equation and reference, and a commented starter file for each."""

from __future__ import annotations

from dataclasses import dataclass

PAPER = "arXiv:2507.23322v2"


@dataclass(frozen=True, slots=True)
class BathModel:
    """One bath model for people: its keys with example values, what it adds to A and D, what to expect of it."""

    name: str
    keys: str
    example: str
    drift: str
    diffusion: str
    positive: str
    balance: str
    reference: str


MODELS = (
    BathModel(
        name="none",
        keys="",
        example="{model: none}",
        drift="0",
        diffusion="0",
        positive="yes (unitary)",
        balance="no steady state",
        reference="Hamiltonian motion only",
    ),
    BathModel(
        name="caldeira_leggett",
        keys="eta, beta",
        example="{model: caldeira_leggett, eta: 0.5, beta: 0.7}",
        drift="[[0, 0], [0, -eta]]",
        diffusion="d_pp = m eta/beta",
        positive="no",
        balance="yes: classical Gibbs state at beta",
        reference=f"{PAPER}, Eq. 7 with D_qq = D_qp = 0; A. O. Caldeira, A. J. Leggett, Physica A 121, 587 (1983)",
    ),
    BathModel(
        name="minimally_invasive",
        keys="eta, beta [, d_qq]",
        example="{model: minimally_invasive, eta: 0.5, beta: 0.7}",
        drift="[[0, 0], [0, -eta]]",
        diffusion="d_pp = m eta/beta, d_qq = (hbar eta/4)^2/d_pp",
        positive="yes, on the boundary",
        balance="no in a well; for a harmonic one Pi = eta m^2 omega^2 d_qq/d_pp = eta (beta hbar omega/4)^2",
        reference=f"{PAPER}, Eqs. 7-9",
    ),
    BathModel(
        name="translation_covariant",
        keys="eta, beta, d_qp [, d_qq]",
        example="{model: translation_covariant, eta: 0.5, beta: 0.7, d_qp: 0.2}",
        drift="[[0, 0], [0, -eta]]",
        diffusion="d_pp = m eta/beta, d_qp, d_qq = ((hbar eta/4)^2 + d_qp^2)/d_pp",
        positive="yes, on the boundary",
        balance="no: d_qp breaks line 2, d_qq breaks line 1 in every confining potential",
        reference=f"{PAPER}, Eqs. 7-10",
    ),
    BathModel(
        name="symmetry_broken",
        keys="eta, beta, alpha [, d_qq]",
        example="{model: symmetry_broken, eta: 0.5, beta: 0.7, alpha: detailed_balance}",
        drift="[[alpha, 0], [0, -(alpha + eta)]]",
        diffusion="d_pp = m eta/beta, d_qq = (hbar eta/4)^2/d_pp",
        positive="yes, on the boundary",
        balance="only at alpha = -eta (m omega)^2 d_qq/(d_pp + (m omega)^2 d_qq), written `alpha: detailed_balance`",
        reference=f"{PAPER}, Eqs. 16-19",
    ),
    BathModel(
        name="position_friction",
        keys="eta, beta, xi [, d_qq]",
        example="{model: position_friction, eta: 0.5, beta: 0.7, xi: detailed_balance}",
        drift="[[-xi, 0], [0, -eta]]",
        diffusion="d_pp = m eta/beta, d_qq = (hbar (eta + xi)/4)^2/d_pp",
        positive="yes, on the boundary",
        balance="only at xi = eta (m omega)^2 d_qq/d_pp, written `xi: detailed_balance` (beta hbar omega <= 2)",
        reference=f"{PAPER}, Eq. 20, with eta + xi in Eq. 8",
    ),
    BathModel(
        name="quantum_optical",
        keys="eta, beta [, omega]",
        example="{model: quantum_optical, eta: 0.5, beta: 0.7}",
        drift="[[-eta/2, 0], [0, -eta/2]]",
        diffusion="d_qq = eta V_11/2, d_pp = eta V_22/2, V the quantum Gibbs covariance at beta",
        positive="yes",
        balance="yes: quantum Gibbs state of the oscillator omega",
        reference=f"rotating-wave master equation; the member alpha = -eta/2 of {PAPER}, Eq. 16",
    ),
    BathModel(
        name="lindblad",
        keys="operators: [[u, v], ...]",
        example='{model: lindblad, operators: [[0.9, "0.4j"], [0.6, "-0.3j"]]}',
        drift="[[-eta/2, 0], [0, -eta/2]] with eta = 2 hbar Im sum u* v",
        diffusion="d_qq = hbar^2/2 sum abs(v)^2, d_pp = hbar^2/2 sum abs(u)^2, d_qp = -hbar^2/2 Re sum u* v",
        positive="yes",
        balance="computed",
        reference="L = u q + v p; d rho/dt = -i [H, rho]/hbar + sum (L rho L+ - {L+ L, rho}/2)",
    ),
    BathModel(
        name="hu_paz_zhang",
        keys="gamma, cutoff, beta",
        example="{model: hu_paz_zhang, gamma: 0.05, cutoff: 5.0, beta: 0.7}",
        drift="[[0, 0], [-m (Omega^2(t) - omega^2), -eta(t)]]; late eta = 2 gamma cutoff^2/(cutoff^2 + omega^2)",
        diffusion="d_pp(t), d_qp(t), d_qq = 0; late d_pp = eta m (hbar omega/2) coth(beta hbar omega/2)",
        positive="the map from t = 0 to t is, to second order in the coupling; the generator is not (series cp_margin)",
        balance="J^I = 0 and Pi = Phi = 0 at late times; both lines fail all the same: d_qp != 0",
        reference="B. L. Hu, J. P. Paz, Y. Zhang, Phys. Rev. D 45, 2843 (1992), weak coupling; harmonic wells",
    ),
    BathModel(
        name="custom",
        keys="eta, d_pp [, alpha, xi, d_qq, d_qp]",
        example="{model: custom, eta: 0.5, alpha: -0.05, xi: 0.0, d_qq: 0.05, d_pp: 0.7, d_qp: 0.1}",
        drift="[[alpha - xi, 0], [0, -(alpha + eta)]]",
        diffusion="d_qq, d_pp, d_qp as given",
        positive="computed: d_qq d_pp - d_qp^2 >= (hbar (eta + xi)/4)^2",
        balance="computed",
        reference=f"{PAPER}, Eqs. 16 and 20",
    ),
)

SCHEMA_LINE = "# yaml-language-server: $schema=fpsolver.schema.json"

_STARTER = """\
{line}
# {name}: {keys}
#
#   friction             A_bath = {drift}
#   diffusion            {diffusion}
#   completely positive  {positive}
#   detailed balance     {balance}
#   reference            {reference}
#
# Look at it with `fpsolver check FILE`, run it with `fpsolver run FILE`. Everything below the two required sections
# may be left out: the values are the defaults. `fpsolver schema -o fpsolver.schema.json` beside this file gives
# completion and explanations in editors that know the YAML language server.
title: {name}
units: {{hbar: 1.0}}                 # 0 means classical
system:
  mass: 1.0
  potential: {{kind: harmonic, omega: 1.0}}
  # or: {{kind: free}}
  #     {{kind: quartic, omega: 1.0, quartic: 0.1}}                    m omega^2 q^2/2 + quartic q^4/4
  #     {{kind: double_well, quadratic: 1.0, quartic: 0.4}}            -quadratic q^2/2 + quartic q^4/4
  #     {{kind: polynomial, coefficients: [0, 0, 0.5]}}                c0 + c1 q + c2 q^2 + ...
  #     {{kind: cosine, amplitude: 1.0, wavenumber: 1.0, tilt: 0.0}}   -amplitude cos(k q) - tilt q
  bath: {example}
initial: {{kind: gaussian, mean: [1.0, 0.0], covariance: [[0.8, 0.0], [0.0, 0.8]]}}
# or: {{kind: thermal, beta: 1.0, omega: 1.0}}
#     {{kind: coherent, q: 1.0, p: 0.0, omega: 1.0}}
#     {{kind: squeezed, q: 1.0, p: 0.0, omega: 1.0, r: 0.3, theta: 0.0}}
#     {{kind: fock, n: 1, omega: 1.0}}
#     {{kind: cat, separation: 4.0, phase: 0.0, omega: 1.0}}
#     {{kind: wavefunction, path: psi.npz}}       arrays q and psi
#     {{kind: density_matrix, path: rho.npz}}     arrays q and rho, or rho_fock and omega
#     {{kind: distribution, path: w.npz}}         arrays q, p and W
#     {{kind: uniform, momentum_variance: 1.0}}   on a ring
#     {{kind: file, path: earlier.h5}}
grid:
  q: {{cells: auto, extent: auto, boundary: no_flux}}   # periodic: with an extent [low, high]
  p: {{cells: auto, extent: auto}}
scheme: {{flux: central, order: 8}}
time: {{until: {until}, tolerance: 1e-9}}
output: {{every: auto, snapshots: 10, compression: gzip 4}}
"""


def model(name: str) -> BathModel | None:
    """The model of that name, or None."""
    return next((known for known in MODELS if known.name == name), None)


def starter(chosen: BathModel) -> str:
    """A commented configuration of the model that runs as it stands."""
    until = "10" if chosen.name == "none" else "steady"  # without a bath nothing becomes steady
    values = {field: getattr(chosen, field) for field in BathModel.__slots__}
    return _STARTER.format(line=SCHEMA_LINE, until=until, **values)
