"""Fock, cat and sampled states: W, exact evolution, files, automatic grids, runs that start negative, QuTiP.

Oracles: characteristic functions, chi(k, t) = chi_0(M^T k) exp(-k C k/2), inverted by sums over k; chi_0 of a wave
function by quadrature, of Fock n the Laguerre polynomial (W_n is its own Fourier transform).
"""

import math
import re
import sys

import h5py
import numpy as np
import pytest
import qutip
from scipy.linalg import expm
from scipy.optimize import brentq
from scipy.special import eval_laguerre

import fpsolver as fp
from fpsolver import api, autogrid
from fpsolver.config.reader import Config
from fpsolver.errors import ConfigError, FileFormatError, GridError, UsageError
from fpsolver.physics import fock, states, weyl
from tests import systems

UNITS = systems.UNITS[1]
POINTS = np.array([(0.0, 0.0), (0.5, -0.3), (1.5, 0.4), (-1.0, 1.2)])
TIMES = (0.0, 0.2, 0.4, 0.8, 1.6)
SEPARATION = 3 * math.sqrt(2)  # packets of coherent states of amplitude +-1.5 at m = omega = hbar = 1


def packets(q, *, mass=1.0, hbar=1.0, omega=1.0, separation=SEPARATION, phase=0.0):
    """Normalised psi of a cat, by summing two Gaussians and dividing by the norm."""
    unit = hbar / (mass * omega)
    psi = np.exp(-((q - separation / 2) ** 2) / (2 * unit)) + np.exp(
        1j * phase - (q + separation / 2) ** 2 / (2 * unit)
    )
    return psi / math.sqrt((np.abs(psi) ** 2).sum() * (q[1] - q[0]))


def chi_of_cat(k, hbar=1.0, **keys):
    """<exp(i k x)> = int psi*(q - hbar k_p/2) exp(i k_q q) psi(q + hbar k_p/2) dq, for k of shape (2, ..)."""
    q = np.linspace(-11, 11, 201)
    unit, s = hbar / (keys.get("mass", 1.0) * keys.get("omega", 1.0)), keys.get("separation", SEPARATION) / 2
    factor = np.exp(1j * keys.get("phase", 0.0))

    def psi(x):
        return np.exp(-((x - s) ** 2) / (2 * unit)) + factor * np.exp(-((x + s) ** 2) / (2 * unit))

    norm = (np.abs(psi(q)) ** 2).sum()
    shift = hbar * k[1].ravel()[:, None] / 2
    terms = psi(q - shift).conj() * psi(q + shift) * np.exp(1j * k[0].ravel()[:, None] * q)
    return (terms.sum(axis=1) / norm).reshape(k.shape[1:])


def chi_of_fock(k, n, mass=1.0, hbar=1.0, omega=1.0):
    v = hbar / 2 * (k[0] ** 2 / (mass * omega) + mass * omega * k[1] ** 2)
    return eval_laguerre(n, v) * np.exp(-v / 2)


def evolved(chi, system, time, points, reach=16.0, count=150):
    """W at points (.., 2) from the characteristic function at time 0 (``chi`` takes k of shape (2, ..))."""
    V, M = systems.lyapunov(system), expm(system.drift_matrix * time)
    C = V - M @ V @ M.T
    line = np.linspace(-reach, reach, count)
    k = np.stack(np.meshgrid(line, line, indexing="ij"))
    back = np.einsum("ji,jab->iab", M, k)
    values = chi(back) * np.exp(-0.5 * np.einsum("iab,ij,jab->ab", k, C, k))
    assert max(np.abs(values[[0, -1]]).max(), np.abs(values[:, [0, -1]]).max()) < 1e-12  # nothing is cut
    waves = [np.exp(-1j * np.outer(points[:, i], line)) for i in range(2)]
    total = np.einsum("ca,ab,cb->c", waves[0], values, waves[1])
    return total.real * (line[1] - line[0]) ** 2 / (2 * math.pi) ** 2


STATES = {
    "cat": (states.cat, {"separation": 3.1, "phase": 0.7}, chi_of_cat),
    "odd cat": (states.cat, {"separation": 1.2, "phase": math.pi}, chi_of_cat),
    "fock 0": (states.fock, {"n": 0}, chi_of_fock),
    "fock 3": (states.fock, {"n": 3}, chi_of_fock),
}


@pytest.mark.slow
@pytest.mark.parametrize("time", [0.0, 0.7])
@pytest.mark.parametrize("name", STATES)
def test_exact_evolution(name, time):
    """A model with cross-diffusion in units that are not one."""
    make, keys, chi = STATES[name]
    system = systems.model("translation_covariant", **UNITS)
    state = make(**UNITS, **keys).evolved(system, time)
    expected = evolved(lambda k: chi(k, **UNITS, **keys), system, time, POINTS)
    found = state.values((POINTS[:, 0], POINTS[:, 1]))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)  # round-off of both
    grid = fp.Grid((fp.Axis("q", -12, 12, 200), fp.Axis("p", -12, 12, 200)))
    mean, V = fp.thermo.moments(state.values(grid.coordinates), system, grid)
    np.testing.assert_allclose(state.mean, mean, rtol=0, atol=1e-11)
    np.testing.assert_allclose(state.covariance, V, rtol=0, atol=1e-10)


def test_fock_states_of_many_quanta():
    """Against scipy's Laguerre polynomials; the second moments are (2 n + 1) of the vacuum's."""
    q, p = np.linspace(-7, 7, 41)[:, None], np.linspace(-6, 6, 37)[None, :]
    for n in (1, 12, 40):
        state = states.fock(**UNITS, n=n)
        r2 = (UNITS["mass"] * UNITS["omega"] * q**2 + p**2 / (UNITS["mass"] * UNITS["omega"])) / UNITS["hbar"]
        expected = (-1) ** n * eval_laguerre(n, 2 * r2) * np.exp(-r2) / (math.pi * UNITS["hbar"])
        np.testing.assert_allclose(state.values((q, p)), expected, rtol=0, atol=1e-13)  # of W up to 0.4
        np.testing.assert_allclose(
            state.covariance, (2 * n + 1) * states.vacuum_covariance(**UNITS), rtol=0, atol=1e-11
        )


# --- arrays ----------------------------------------------------------------------------------------------------------


def open_mesh(half=7.0, cells=90):
    x = np.linspace(-half, half, cells)
    return x[:, None], x[None, :] * 0.9


def test_weyl_transform_of_a_wave_function():
    """A cat, on a q grid that knows nothing of the phase-space grid; W and moments to round-off."""
    q = np.linspace(-9.0, 10.0, 211)
    keys = {"separation": 3.1, "phase": 0.7}
    sampled = weyl.wavefunction(q, packets(q, **UNITS, **keys), hbar=UNITS["hbar"])
    expected = states.cat(**UNITS, **keys)
    np.testing.assert_allclose(sampled.values(open_mesh()), expected.values(open_mesh()), rtol=0, atol=1e-13)
    np.testing.assert_allclose(sampled.mean, expected.mean, rtol=0, atol=1e-12)
    np.testing.assert_allclose(sampled.covariance, expected.covariance, rtol=0, atol=1e-11)


def test_weyl_transform_of_a_squeezed_and_moving_state():
    """psi of a covariance V with V_qp: exp(-(1 - 2i V_qp/hbar) (q - q0)^2/(4 V_qq) + i p0 q/hbar)."""
    hbar, squeezed = UNITS["hbar"], states.squeezed(**UNITS, q=0.3, p=0.5, r=0.6, theta=0.5)
    (q0, p0), V = squeezed.mean, squeezed.covariance
    q = np.linspace(-11, 11, 301)
    psi = np.exp(-(1 - 2j * V[0, 1] / hbar) * (q - q0) ** 2 / (4 * V[0, 0]) + 1j * p0 * q / hbar)
    psi /= (2 * math.pi * V[0, 0]) ** 0.25
    sampled = weyl.wavefunction(q, psi, hbar=hbar)
    np.testing.assert_allclose(sampled.values(open_mesh()), squeezed.values(open_mesh()), rtol=0, atol=1e-13)
    np.testing.assert_allclose(sampled.covariance, V, rtol=0, atol=1e-12)
    np.testing.assert_allclose(sampled.finest, V, rtol=0.03)  # a Gaussian is as fine as it is wide; spectrum is cut


def test_weyl_transform_of_a_density_matrix():
    """The thermal state by Mehler's formula, exp(-[tanh(x/2) (q+r)^2 + coth(x/2) (q-r)^2] m w/4 hbar)."""
    beta = 0.9
    x, scale = beta * UNITS["hbar"] * UNITS["omega"], UNITS["mass"] * UNITS["omega"] / UNITS["hbar"]
    q = np.linspace(-12, 12, 161)
    a, b = q[:, None] + q, q[:, None] - q
    rho = np.exp(-scale / 4 * (math.tanh(x / 2) * a**2 + b**2 / math.tanh(x / 2)))
    rho /= np.trace(rho) * (q[1] - q[0])
    sampled = weyl.density_matrix(q, rho, hbar=UNITS["hbar"])
    thermal = states.thermal(**UNITS, beta=beta)
    np.testing.assert_allclose(sampled.values(open_mesh()), thermal.values(open_mesh()), rtol=0, atol=1e-13)
    np.testing.assert_allclose(sampled.covariance, thermal.covariance, rtol=0, atol=1e-11)


def test_finest_structure_of_arrays_is_that_of_the_formulas():
    """Cat fringes and Fock rings: spectrum of W on a trial grid against closed forms, in one definition."""
    for n in (1, 7):
        amplitudes = np.eye(n + 1)[n]
        found = fock.from_fock(amplitudes, **UNITS).finest
        np.testing.assert_allclose(found, states.fock(**UNITS, n=n).finest, rtol=2e-3, atol=1e-12)
    q = np.linspace(-9.0, 9.0, 211)
    found = weyl.wavefunction(q, packets(q, **UNITS, separation=5.0), hbar=UNITS["hbar"]).finest
    np.testing.assert_allclose(found, states.cat(**UNITS, separation=5.0).finest, rtol=2e-2, atol=1e-12)


BAD_ARRAYS = {
    "short": (lambda q, psi: (q[:8], psi[:8]), "at least 16"),
    "uneven": (lambda q, psi: (q**3, psi), "equal steps"),
    "shape": (lambda q, psi: (q, psi[:-1]), "finite value at each of the 201"),
    "nan": (lambda q, psi: (q, psi * np.where(q > 9.99, np.nan, 1)), "finite value"),
    "norm": (lambda q, psi: (q, 2 * psi), r"dq is 4; divide psi by its square root"),
    "cut": (lambda q, psi: (q[100:], psi[100:] * math.sqrt(2 / 1.11031638)), "does not vanish at the ends"),
    "coarse": (lambda q, psi: (q[::8], psi[::8]), "too far apart"),
}


@pytest.mark.parametrize("name", BAD_ARRAYS)
def test_bad_arrays_are_refused_with_the_cure(name):
    q = np.linspace(-10, 10, 201)
    change, words = BAD_ARRAYS[name]
    wide = packets(q - 0.05, separation=0.4)
    with pytest.raises(UsageError, match=words):
        weyl.wavefunction(*change(q, wide), hbar=1.0)


def test_density_matrices_must_be_hermitian_and_normalised():
    q = np.linspace(-8, 8, 101)
    rho = np.outer(packets(q, separation=1.0), packets(q, separation=1.0))
    with pytest.raises(UsageError, match="Hermitian"):
        weyl.density_matrix(q, rho + 0.1j * np.abs(rho), hbar=1.0)
    with pytest.raises(UsageError, match=r"trace sum rho_ii dq is 3"):
        weyl.density_matrix(q, 3 * rho, hbar=1.0)
    with pytest.raises(UsageError, match="101 x 101"):
        weyl.density_matrix(q, rho[1:], hbar=1.0)
    for matrix, words in ((np.ones((2, 3)), "square"), (np.eye(3), "its trace is 3"), ([[0, 1], [0, 1]], "Hermitian")):
        with pytest.raises(UsageError, match=words):
            fock.from_fock(matrix, mass=1.0, hbar=1.0, omega=1.0)


# --- QuTiP -----------------------------------------------------------------------------------------------------------


def plane(half=8.0, cells=120):
    return fp.Grid((fp.Axis("q", -half, half, cells), fp.Axis("p", -half, half, cells)))


@pytest.mark.qutip
def test_states_from_and_to_qutip():
    """A random mixed state of 12 levels: W as QuTiP's own, and back to round-off."""
    rho, grid = qutip.rand_dm(12, seed=7), plane()
    W = fp.interop.qutip.wigner(rho, grid, mass=1.0, hbar=1.0, omega=1.0)
    q, p = (axis.centres for axis in grid.axes)
    np.testing.assert_allclose(W, qutip.wigner(rho, q, p).T, rtol=0, atol=1e-13)
    back = fp.interop.qutip.density_matrix(W, grid, levels=15, mass=1.0, hbar=1.0, omega=1.0)
    np.testing.assert_allclose(back.full()[:12, :12], rho.full(), rtol=0, atol=1e-13)
    np.testing.assert_allclose(back.full()[12:], 0, rtol=0, atol=1e-13)


@pytest.mark.qutip
def test_kets_from_qutip_in_other_units():
    alpha = 0.7 + 0.4j
    unit = math.sqrt(2 * UNITS["hbar"] / (UNITS["mass"] * UNITS["omega"]))
    coherent = states.squeezed(**UNITS, q=alpha.real * unit, p=alpha.imag * unit * UNITS["mass"] * UNITS["omega"])
    grid = plane()
    for state in (qutip.coherent(30, alpha, method="analytic"), qutip.coherent(30, alpha, method="analytic").dag()):
        W = fp.interop.qutip.wigner(state.unit(), grid, **UNITS)
        np.testing.assert_allclose(W, coherent.values(grid.coordinates), rtol=0, atol=1e-13)


@pytest.mark.qutip
def test_what_qutip_cannot_give_is_refused(monkeypatch):
    keys = {"mass": 1.0, "hbar": 1.0, "omega": 1.0}
    with pytest.raises(UsageError, match="ket, a bra or a density matrix is needed, but got ndarray"):
        fp.interop.qutip.wigner(np.eye(2), plane(), **keys)
    with pytest.raises(UsageError, match="partial trace"):
        fp.interop.qutip.wigner(qutip.tensor(qutip.basis(2), qutip.basis(2)), plane(), **keys)
    with pytest.raises(UsageError, match="the grid resolves 68 levels of this oscillator, not 400"):
        fp.interop.qutip.density_matrix(np.zeros((120, 120)), plane(), levels=400, **keys)
    ring = fp.Grid((fp.Axis("q", 0, 1, 20, periodic=True), fp.Axis("p", -1, 1, 20)))
    with pytest.raises(GridError, match="ring"):
        fp.interop.qutip.wigner(qutip.basis(2), ring, **keys)
    monkeypatch.setitem(sys.modules, "qutip", None)
    with pytest.raises(UsageError, match=r"pip install qutip"):
        fp.interop.qutip.wigner(None, plane(), **keys)


# --- runs ------------------------------------------------------------------------------------------------------------

CAT = {"kind": "cat", "separation": SEPARATION, "omega": 1.0}
FOCK = {"kind": "fock", "n": 1, "omega": 1.0}


def configured(initial, *, until=1.6, every=0.2, snapshots=None, potential=None, bath=None, **sections):
    system = {
        "mass": 1.0,
        "potential": potential or {"kind": "harmonic", "omega": 1.0},
        "bath": bath or {"model": "minimally_invasive", "eta": 0.5, "beta": 0.7},
    }
    output = {"every": every, "snapshots": list(snapshots or TIMES)}
    return Config(system=system, initial=initial, time={"until": until}, output=output, **sections)


@pytest.fixture(scope="module")
def runs():
    """The cat and the first Fock state on the grids that ``cells: auto`` proposes."""
    snapshots = (*TIMES[:-1], 0.88, 0.9, 0.92, 0.94, 0.96, TIMES[-1])
    return {
        name: api.run_problem(api.prepare(configured(initial, snapshots=sorted(snapshots))))
        for name, initial in (("cat", CAT), ("fock", FOCK))
    }


CHI = {"cat": chi_of_cat, "fock": lambda k: chi_of_fock(k, 1)}
# W at POINTS, second moments <q^2>, <qp>, <p^2>, purity and Wehrl entropy at TIMES, from Fock-space integration of the
# master equation with two cut-offs (12 digits): a check of the oracles here, not the other way round
FOCK_SPACE = {
    "cat": [
        (0.318309886184, 0.0763230972227, 0.087615730712, 0.0207554462718, 4.95055875816, 0, 0.450558758162, 1),
        (0.0514840607497, 0.0424824800275, 0.0559113528108, 0.0225630262848, 4.78970043805, -0.817715128344,
         0.786510171353, 0.440920300548),
        (0.0232651222271, 0.0274131656008, 0.038024891326, 0.0481298878294, 4.34376490732, -1.41304770204,
         1.31859314848, 0.385208357303),
        (0.0170614438352, 0.025289822171, 0.0203669475606, 0.081183665871, 3.00780060906, -1.78989999445,
         2.47841645194, 0.329023221855),
        (0.048755675215, 0.0503567668555, 0.0135934857439, 0.0663971151366, 1.12136804504, -0.370884649406,
         3.11248235079, 0.278394648086),
    ],
    "fock": [
        (-0.318309886184, -0.0725003297368, 0.109210347457, 0.107647343549, 1.5, 0, 1.5, 1),
        (-0.162201930353, -0.000353228128784, 0.102883931822, 0.0952998784227, 1.50846164092, -0.00211216052109,
         1.48732651069, 0.609060588046),
        (-0.0914840671515, 0.035730176636, 0.097657825475, 0.0927582503225, 1.5153638153, -0.00756456133768,
         1.47838391777, 0.494433001649),
        (-0.0164353616161, 0.0655002541015, 0.0847006264739, 0.0870083278195, 1.52090164521, -0.0226138285852,
         1.47215512878, 0.395287449234),
        (0.0674565145057, 0.0808512052005, 0.0500770818171, 0.0658370358655, 1.50278548133, -0.0382151382045,
         1.48583851257, 0.319737238986),
    ],
}  # fmt: skip


def lagrange(centres, x, order=8):
    """Indices and weights of polynomial interpolation at x on the ``order`` nearest centres."""
    first = int(np.clip(np.searchsorted(centres, x) - order // 2, 0, len(centres) - order))
    nodes = centres[first : first + order]
    weights = [np.prod((x - np.delete(nodes, i)) / (node - np.delete(nodes, i))) for i, node in enumerate(nodes)]
    return slice(first, first + order), np.array(weights)


def at(result, W, point):
    (i, a), (j, b) = (lagrange(axis.centres, x) for axis, x in zip(result.grid.axes, point, strict=True))
    return float(a @ W[i, j] @ b)


def snapshot(result, time):
    return result.snapshots.W[int(np.argmin(np.abs(result.snapshots.time - time)))]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cat", "fock"])
def test_runs_from_negative_states(name, runs):
    """W in every fourth cell, second moments and purity to 1e-6 at all times; negative, then positive."""
    result, system = runs[name], systems.model("minimally_invasive")
    assert result.warnings == []
    cells = [axis.centres[::4] for axis in result.grid.axes]
    points = np.concatenate([POINTS, np.stack(np.meshgrid(*cells, indexing="ij"), axis=-1).reshape(-1, 2)])
    V = systems.lyapunov(system)
    for time, row in zip(TIMES, FOCK_SPACE[name], strict=True):
        W, record = snapshot(result, time), round(time / 0.2)
        expected = evolved(CHI[name], system, time, points)
        np.testing.assert_allclose(
            W[::4, ::4].ravel(), expected[len(POINTS) :], rtol=0, atol=1e-6
        )  # asked; measured 1.4e-7
        np.testing.assert_allclose(expected[: len(POINTS)], row[:4], rtol=0, atol=2e-12)
        M = expm(system.drift_matrix * time)
        start = np.diag([4.95055875816, 0.450558758162]) if name == "cat" else 1.5 * np.eye(2)
        moments = M @ (start - V) @ M.T + V
        np.testing.assert_allclose(moments[np.triu_indices(2)], row[4:7], rtol=0, atol=2e-11)  # digits of the start
        np.testing.assert_allclose(result.series["covariance"][record], moments, rtol=0, atol=1e-6)
        np.testing.assert_allclose(
            result.series["covariance"][record], result.exact["covariance"][record], rtol=0, atol=1e-9
        )
        assert result.series["purity"][record] == pytest.approx(row[7], abs=1e-6)
        for point, value in zip(POINTS, row[:4], strict=True):
            assert at(result, W, point) == pytest.approx(value, abs=1e-6)
    assert result.exact_error <= 1e-6
    assert np.isnan(result.exact["entropy_production"]).all()
    assert "not Gaussian" not in result.reasons.get("entropy_flux", "")


@pytest.mark.slow
def test_first_fock_state_loses_its_negativity(runs):
    """The zero of W(0, 0, t), at Tr[V(t)^-1 K(t)] = 1 with K = M Sigma0 M^T, to 1e-5; measured 1e-8."""
    result, system = runs["fock"], systems.model("minimally_invasive")
    S = systems.lyapunov(system)

    def criterion(t):
        M = expm(system.drift_matrix * t)
        K = 0.5 * M @ M.T
        return np.trace(np.linalg.solve(S - M @ S @ M.T + K, K)) - 1

    expected = brentq(criterion, 0.5, 1.5, xtol=1e-14)
    assert expected == pytest.approx(0.918939923160, abs=1e-11)
    times = np.array([0.88, 0.9, 0.92, 0.94, 0.96])
    values = [at(result, snapshot(result, t), (0.0, 0.0)) for t in times]
    curve = np.polynomial.Polynomial.fit(times, values, 4)
    found = brentq(curve, 0.88, 0.96, xtol=1e-13)
    assert found == pytest.approx(expected, abs=1e-5)


def test_series_of_negative_states(runs, tmp_path):
    """Pi and S_W are NaN with the reason while W is negative, and exist afterwards; Phi exists throughout."""
    result = runs["fock"]
    negative = result.series["negativity"] > 1e-8
    assert negative[0]
    assert not negative[-1]
    for name in ("entropy_production", "entropy_wigner", "entropy_rate", "tail_uncertainty"):
        assert (np.isnan(result.series[name]) == negative).all(), name
        assert "W is negative somewhere" in result.reasons[name]
    assert np.isfinite(result.series["entropy_flux"]).all()
    np.testing.assert_allclose(result.series["entropy_flux"], result.exact["entropy_flux"], rtol=0, atol=1e-9)
    rate = result.series["entropy_rate"][-1]
    assert rate == pytest.approx(result.last("entropy_production") - result.last("entropy_flux"), abs=1e-7)
    again = fp.load_result(result.save(tmp_path / "fock.h5"))
    assert again.reasons == result.reasons
    with h5py.File(tmp_path / "fock.h5") as file:
        assert "not Gaussian" in file["exact/entropy_production"].attrs["reason"]
        assert "reason" not in file["exact/entropy_flux"].attrs


def test_the_summary_does_not_call_deviations_the_resolution_of_fringes(runs):
    for result in runs.values():
        assert dict(result.summary())["grid"].endswith(
            "cells for the narrowest deviation at the end; finer structure of W on the way is not counted"
        )


def test_cross_diffusion_takes_phi_away_from_negative_states():
    bath = {"model": "translation_covariant", "eta": 0.5, "beta": 0.7, "d_qp": 0.2}
    grid = {"q": {"cells": 96}, "p": {"cells": 96}}
    result = api.run_problem(api.prepare(configured(FOCK, until=0.05, every=0.05, bath=bath, grid=grid, snapshots=[0])))
    assert np.isnan(result.series["entropy_flux"]).all()
    assert "negative" in result.reasons["entropy_flux"]
    assert np.isnan(result.final.entropy_flux_density).all()
    assert np.isnan(result.exact["entropy_flux"]).all()


@pytest.mark.slow
@pytest.mark.parametrize(("hbar", "n"), [(1.0, 0), (0.8, 4)])
def test_box_and_cells_hold_fock_states(hbar, n):
    """The proposed grid, damped and not: mass to 1e-11, nothing at the edge; and coarser ones are called coarse."""
    for bath in ({"model": "none"}, {"model": "minimally_invasive", "eta": 0.1, "beta": 3.0}):
        initial = {"kind": "fock", "n": n, "omega": 0.7}
        config = configured(initial, bath=bath, until=3.0, units={"hbar": hbar})
        problem = api.prepare(config)
        assert 4 <= problem.resolution.cells <= 4.7
        for time in (0.0, 1.0, 2.2, 3.0):
            W = problem.state.evolved(problem.system, time).values(problem.grid.coordinates)
            assert problem.grid.integrate(W) == pytest.approx(1, abs=1e-11)
            assert sum(problem.grid.edge_mass(W, 4).values()) <= 1e-11
    if n:
        coarse = configured(initial, units={"hbar": hbar}, grid={"q": {"cells": 32}, "p": {"cells": 32}})
        with pytest.raises(GridError, match=r"finest structure of W \(along [qp]( and p)?\) spans"):
            api.prepare(coarse)
        [text] = api.prepare(configured(initial, units={"hbar": hbar}, grid={"q": {"cells": 96}})).warnings
        assert "the finest structure of W (along " in text


def test_a_state_in_a_quartic_well_gets_cells_for_its_fringes():
    config = configured(CAT, potential={"kind": "quartic", "omega": 1.0, "quartic": 0.1}, units={"hbar": 1.0})
    config = config.replaced(system={"moyal": False})
    problem = api.prepare(config)
    assert problem.resolution.structure == "finest structure of W"
    h = problem.grid.spacings
    assert h[1] <= math.sqrt(problem.state.finest[1, 1]) / 4 * (1 + 1e-12)
    W = problem.state.values(problem.grid.coordinates)
    assert sum(problem.grid.edge_mass(W, 4).values()) <= 1e-12


# --- files and faults ------------------------------------------------------------------------------------------------


def saved(folder, kind):
    """The cat as a file of each format; q knows nothing of the grid."""
    q = np.linspace(-11, 11, 181)
    psi = packets(q)
    path = folder / f"state.{kind.split()[0]}"
    if kind == "npy":
        np.save(path, np.stack([q, psi]))
    elif kind == "npz":
        np.savez(path, q=q, psi=psi)
    elif kind == "npz rho":
        np.savez(path, q=q, rho=np.outer(psi, psi.conj()))
    elif kind == "h5":
        with h5py.File(path, "w") as file:
            file["q"], file["psi"] = q, psi
    elif kind == "h5 fock":
        n = np.arange(40)
        log = n * math.log(1.5) - 0.5 * np.array([math.lgamma(k + 1) for k in n])
        amplitudes = np.where(n % 2 == 0, np.exp(log), 0.0)  # |a> + |-a> has even levels only
        amplitudes /= math.sqrt((amplitudes**2).sum())
        with h5py.File(path, "w") as file:
            file["rho_fock"], file["omega"] = np.outer(amplitudes, amplitudes), 1.0
    return path


@pytest.mark.parametrize("kind", ["npy", "npz", "h5", "npz rho", "h5 fock"])
def test_states_from_files(kind, tmp_path):
    """Every format gives the cat, on an automatic grid whose cells are for its fringes."""
    name = "density_matrix" if " " in kind else "wavefunction"
    config = configured({"kind": name, "path": str(saved(tmp_path, kind))}, until=0.2)
    problem = api.prepare(config)
    expected = states.cat(mass=1.0, hbar=1.0, separation=SEPARATION, omega=1.0)
    W = problem.state.values(problem.grid.coordinates)
    np.testing.assert_allclose(W, expected.values(problem.grid.coordinates), rtol=0, atol=2e-13)
    assert 4 <= problem.resolution.cells <= 4.7
    assert sum(problem.grid.edge_mass(W, 4).values()) <= 1e-11
    _, V = problem.exact_moments(np.array([0.2]))
    np.testing.assert_allclose(V[0], expected.evolved(problem.system, 0.2).covariance, rtol=0, atol=1e-10)


def test_a_density_matrix_with_a_negative_eigenvalue_is_named(tmp_path):
    path = tmp_path / "rho.npz"
    np.savez(path, rho_fock=np.diag([0.7, 0.5, -0.2]), omega=1.0)
    [text] = api.prepare(configured({"kind": "density_matrix", "path": str(path)})).warnings
    assert "negative eigenvalue -0.2" in text


def test_files_that_cannot_be_used(tmp_path):
    good = np.linspace(-8, 8, 101)

    def refusal(name, kind="wavefunction", **arrays):
        path = tmp_path / name
        if arrays:
            np.savez(path, **arrays)
        with pytest.raises((FileFormatError, ConfigError)) as caught:
            api.prepare(configured({"kind": kind, "path": str(path)}))
        assert caught.value.exit_status == 2
        return str(caught.value)

    assert "does not exist" in refusal("nothing.npz")
    assert "does not exist" in refusal("q.txt")
    (tmp_path / "text.csv").write_text("1, 2")
    assert "must end with .npz, .npy, .h5, .hdf5, but ends with .csv" in refusal("text.csv")
    assert "holds Python objects" in refusal("pickle.npz", q=good, psi=np.array([object()], dtype=object))
    np.save(tmp_path / "object.npy", np.array([{}], dtype=object), allow_pickle=True)
    assert "holds Python objects" in refusal("object.npy")
    np.save(tmp_path / "flat.npy", good)
    assert "two rows q and psi" in refusal("flat.npy")
    assert "must hold `q` and `psi`, but holds q, wave" in refusal("names.npz", q=good, wave=good)
    assert "`q` and `rho` or `rho_fock` and `omega`" in refusal("rho.npz", "density_matrix", q=good)
    assert "array of numbers" in refusal("words.npz", q=good, psi=np.array(["a"] * 101))
    assert "must be real" in refusal("complex.npz", q=good + 0j, psi=good)
    assert "one number greater than 0" in refusal("omega.npz", "density_matrix", rho_fock=np.eye(1), omega=-1.0)
    (tmp_path / "broken.h5").write_bytes(b"no HDF5")
    assert "cannot be read" in refusal("broken.h5")
    (tmp_path / "broken.npz").write_bytes(b"PK no zip")
    assert "cannot be read" in refusal("broken.npz")
    assert "initial.path: the state must be normalised" in refusal("norm.npz", q=good, psi=np.exp(-(good**2)))


def test_arrays_are_states_on_the_line(tmp_path):
    q = np.linspace(-8, 8, 101)
    np.savez(tmp_path / "psi.npz", q=q, psi=np.exp(-(q**2) / 2) / math.pi**0.25)
    ring = {"q": {"boundary": "periodic", "extent": [-9.0, 9.0]}}
    initial = {"kind": "wavefunction", "path": str(tmp_path / "psi.npz")}
    with pytest.raises(ConfigError, match=r"initial\.kind: `wavefunction` is a state on the line"):
        api.prepare(configured(initial, potential={"kind": "free"}, grid=ring))


BAD_STATES = {
    "negative": ({"kind": "fock", "n": -1, "omega": 1.0}, {}, "initial.n: must be at least 0"),
    "half": ({"kind": "fock", "n": 0.5, "omega": 1.0}, {}, "initial.n: must be an integer"),
    "classical": (CAT, {"units": {"hbar": 0.0}}, "initial.kind: `cat` needs hbar > 0"),
    "vanishing": ({**CAT, "separation": 1e-4, "phase": math.pi}, {}, "packets cancel each other"),
    "ring": (FOCK, {"grid": {"q": {"boundary": "periodic", "extent": [-9.0, 9.0]}}}, "state on the line"),
}


@pytest.mark.parametrize("name", BAD_STATES)
def test_states_that_cannot_be_are_refused(name):
    initial, sections, words = BAD_STATES[name]
    potential = {"kind": "free"} if name == "ring" else None
    with pytest.raises(ConfigError) as caught:
        api.prepare(configured(initial, potential=potential, **sections))
    assert words in str(caught.value)


def test_the_path_of_a_gaussian_is_what_it_was():
    """One packet, no finest structure of its own: boxes and resolutions of Gaussian runs."""
    system = systems.model("custom")
    state = states.gaussian([0.3, 0.1], [[0.8, 0.1], [0.1, 0.6]])
    path = autogrid.gaussian_path(system, state, 3.0)
    mean, V = fp.exact.Gaussian(system, state.mean, state.covariance).moments(path.times)
    np.testing.assert_array_equal(path.centres, mean)
    np.testing.assert_array_equal(path.covariances, V)
    assert path.finest is None


def test_a_state_too_narrow_for_any_grid_is_refused_with_a_cure_that_can_be_had():
    """Four cells for a width exp(-r) on a box of widths exp(r)."""
    system = {
        "mass": 1.0,
        "potential": {"kind": "harmonic", "omega": 1.0},
        "bath": {"model": "minimally_invasive", "eta": 0.5, "beta": 0.7},
    }
    needed = []
    for r in (2.0, 3.0):
        start = {"kind": "squeezed", "q": 0.0, "p": 0.0, "omega": 1.0, "r": r}
        with pytest.raises(GridError, match="give a smaller extent if it was given, an initial state that") as error:
            api.prepare(Config(system=system, initial=start, time={"until": 1.0}))
        assert "grid.q.cells" not in str(error.value)
        needed.append(float(re.search(r"takes (\d+) cells along q", str(error.value))[1]))
    assert needed[1] / needed[0] == pytest.approx(math.exp(2), rel=0.04, abs=0)  # what the bath adds to the box


def test_a_cat_in_si_units():
    """Its finest structure scales with the units: sixteenth powers of wave numbers near 1e25 do not overflow."""
    hbar, mass, omega = 1.054e-34, 1e-25, 1e6
    unit = np.array([math.sqrt(hbar / (mass * omega)), math.sqrt(hbar * mass * omega)])
    with np.errstate(over="raise"):
        found = states.cat(mass=mass, hbar=hbar, separation=4 * unit[0], omega=omega)
    scaled = states.cat(mass=1.0, hbar=1.0, separation=4.0, omega=1.0)
    np.testing.assert_allclose(found.finest, scaled.finest * np.outer(unit, unit), rtol=1e-12)
