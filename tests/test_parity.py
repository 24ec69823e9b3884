"""Half of the cells where the generator is its own mirror image: the same steady state, and never a wrong one."""

import numpy as np
import pytest
from scipy import sparse

import fpsolver as fp
from fpsolver import api, mirror, parity, steady
from fpsolver.generator import Generator
from fpsolver.grid import Axis, Grid
from tests import systems

WELLS = {
    "quartic": {"kind": "quartic", "omega": 1.0, "quartic": 0.4},
    "double_well": {"kind": "double_well", "quadratic": 0.5, "quartic": 0.4},
    "ring": {"kind": "cosine", "amplitude": 0.5, "wavenumber": 1.0, "tilt": 0.0},
}


def well(name, *, q=(-5.0, 5.0), **potential):
    ring = {"extent": [-np.pi, np.pi], "boundary": "periodic"} if name == "ring" else {"extent": list(q)}
    config = fp.Config(
        units={"hbar": 0.5},
        system={
            "mass": 1.0,
            "potential": WELLS[name] | potential,
            "bath": {"model": "caldeira_leggett", "eta": 0.5, "beta": 1.0},
        },
        grid={"q": {"cells": 64, **ring}, "p": {"cells": 64, "extent": [-8.5, 8.5]}},
        time={"method": "direct"},
    )
    return api.prepare(config).generator


def oscillator(cells=(64, 64), low=-10.0, model="minimally_invasive"):
    grid = Grid(tuple(Axis(name, low, 10.0, n) for name, n in zip("qp", cells, strict=True)))
    return Generator(systems.model(model), grid)


def is_folded(generator):
    return parity.is_even(generator.to_sparse())


def on_all_cells(generator, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(steady, "is_even", lambda matrix: False)
        return steady.null_vector(generator)


@pytest.mark.parametrize("sign", [1, -1, 0])
@pytest.mark.parametrize("size", [12, 13])
def test_folding_keeps_what_the_matrix_does(sign, size):
    """L u for u of that parity, from its first half."""
    rng = np.random.default_rng(size)
    L = rng.standard_normal((size, size)) * (rng.random((size, size)) < 0.4)
    L = sparse.csr_array(L + L[::-1, ::-1])
    fold = parity.Fold(size, sign)
    x, weight = rng.standard_normal(fold.kept), rng.random(size)
    whole = fold.unfold(x)
    assert sign == 0 or np.array_equal(whole, sign * whole[::-1])
    np.testing.assert_allclose(
        fold.unfold(fold.matrix(L) @ x), L @ whole, rtol=0, atol=1e-14
    )  # sums of at most 13 terms
    np.testing.assert_array_equal(fold.fold(whole), x)
    symmetric = weight + weight[::-1]
    assert fold.weight(symmetric) @ np.abs(x) == pytest.approx(symmetric @ np.abs(whole), rel=1e-14, abs=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "generator",
    [oscillator(), oscillator((63, 65)), oscillator(model="custom"), *(well(name) for name in WELLS)],
    ids=["oscillator", "odd cells", "custom", *WELLS],
)
def test_half_of_the_cells_give_the_same_state(generator, monkeypatch):
    """Even to the bit, and what all cells give to round-off; gaps as far as they are known, to some ten per cent."""
    assert is_folded(generator)
    assert mirror.is_even(generator)
    half, whole = steady.null_vector(generator), on_all_cells(generator, monkeypatch)
    np.testing.assert_array_equal(half.W, half.W[::-1, ::-1])
    assert generator.grid.integrate(np.abs(half.W - whole.W)) <= 1e-12  # 1e-14, over a rate of 0.2
    assert half.distance <= 1e-11
    expected = whole.gap
    if generator.system.is_quadratic:
        rates = np.linalg.eigvals(generator.system.drift_matrix)
        expected = min(*abs(rates), abs(rates.sum()))  # of the mean, and of the product of both modes
    assert half.gap == pytest.approx(expected, rel=0.3, abs=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "generator",
    [oscillator(low=-10.4), well("quartic", q=(-5.0, 5.2)), well("ring", tilt=0.2)],
    ids=["box", "box of a well", "force"],
)
def test_what_is_not_even_is_solved_on_all_cells(generator, monkeypatch):
    """Also if it is taken for even by mistake: the residual on all cells tells."""
    assert not is_folded(generator)
    assert not mirror.is_even(generator)
    expected = steady.null_vector(generator).W
    monkeypatch.setattr(steady, "is_even", lambda matrix: True)
    np.testing.assert_array_equal(steady.null_vector(generator).W, expected)
