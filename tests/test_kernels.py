"""Kernels against matrices assembled from the formulas, stencil weights from their moment conditions."""

import copy
import hashlib
import os
import pickle
import subprocess
import sys
import threading
import tracemalloc
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from llvmlite import binding

from fpsolver.errors import GridError
from fpsolver.generator import Generator, Scheme
from fpsolver.grid import Axis, Grid
from fpsolver.kernels import axes, coefficients, jit, phase_space, pointers, records, running, simd, stencils
from fpsolver.physics import baths, potentials
from fpsolver.physics.system import Particle, System
from fpsolver.stepping.explicit import RK4, RungeKutta
from tests import systems

ORDERS = stencils.ORDERS
ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("order", ORDERS)
def test_weights_satisfy_the_moment_conditions(order):
    """D x^n = 0 at x = 0 for all n <= order except n = 1 (first) and n = 2 (second derivative)."""
    c, e = stencils.first_derivative(order), stencils.second_derivative(order)
    for n in range(1, order + 1):
        first = sum(w * (m**n - (-m) ** n) for m, w in enumerate(c, 1))
        second = sum(w * (m**n + (-m) ** n) for m, w in enumerate(e, 1))
        assert first == pytest.approx(1.0 if n == 1 else 0.0, abs=1e-13)
        assert second == pytest.approx(2.0 if n == 2 else 0.0, abs=1e-13)


def test_order_four_is_the_textbook_stencil():
    assert stencils.first_derivative(4) == pytest.approx((2 / 3, -1 / 12))
    assert stencils.second_derivative(4) == pytest.approx((4 / 3, -1 / 12))


def grids(n_q, n_p, periodic):
    return Grid((Axis("q", -3.0, 4.0, n_q, periodic), Axis("p", -5.0, 4.5, n_p)))


def small_generators():
    """Every order, closed and periodic q, odd and even sizes, all terms."""
    for order in ORDERS:
        for name in ("minimally_invasive", "custom", "caldeira_leggett"):
            yield Generator(systems.model(name), grids(21, 24, False), Scheme(order=order))
        ring = System((Particle(1.3, potentials.Cosine(0.7, 2 * np.pi / 7, 0.2), baths.Bath(0.5, d_pp=0.6, d_qp=0.1)),))
        yield Generator(ring, grids(22, 19, True), Scheme(order=order))


@pytest.mark.parametrize(
    "generator", list(small_generators()), ids=lambda g: f"{g.scheme.order}-{g.system.particles[0].bath.model}"
)
def test_kernel_is_the_assembled_matrix(generator, rng):
    W = rng.normal(size=generator.grid.shape)
    found, matrix = generator.apply(W), generator.to_sparse()
    scale = np.abs(matrix).sum(axis=1).max()
    np.testing.assert_allclose(
        found.ravel(), matrix @ W.ravel(), rtol=0, atol=1e-15 * scale
    )  # a few ulp of the largest row
    assert abs(found.sum()) <= 1e-14 * np.abs(found).sum()  # mass, even for noise up to the walls


@pytest.mark.parametrize(
    "generator", list(small_generators()), ids=lambda g: f"{g.scheme.order}-{g.system.particles[0].bath.model}"
)
def test_one_step_is_the_runge_kutta_polynomial(generator, rng):
    """R(dt L) W = (1 + z + z^2/2 + z^3/6 + z^4/24) W with the assembled matrix."""
    W, dt = rng.normal(size=generator.grid.shape), 1e-3
    L = generator.to_sparse() * dt
    term = expected = W.ravel()
    for k in range(1, 5):
        term = L @ term / k
        expected = expected + term
    padded = generator.pad(W, generator.empty_padded())
    RungeKutta(generator).advance(padded, 0.0, dt, 1)
    found = padded[:, axes.PAD : -axes.PAD]
    np.testing.assert_allclose(found.ravel(), expected, rtol=0, atol=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize("order", ORDERS)
def test_serial_and_parallel_kernels_agree(order, rng):
    generator = Generator(systems.model("custom"), grids(45, 48, False), Scheme(order=order))
    W = rng.normal(size=generator.grid.shape)
    serial = generator.apply(W)
    generator.is_parallel = True
    np.testing.assert_allclose(generator.apply(W), serial, rtol=0, atol=1e-13 * np.abs(serial).max())


@pytest.mark.parametrize("change", ["order", "type", "slices", "size", "work"])
def test_arrays_that_kernels_would_take_for_others_are_refused(change, rng):
    """Pointers are all that kernels get; nobody looks at what is behind them."""
    generator = Generator(systems.model("custom"), grids(20, 24, False))
    W, work = generator.pad(rng.normal(size=generator.grid.shape), generator.empty_padded()), generator.empty_work()
    wrong = {
        "order": (np.asfortranarray(W), work), "type": (W.astype(np.float32), work),
        "slices": (np.repeat(W, 2, axis=0)[::2], work), "size": (W[1:], work), "work": (W, work[:1]),
    }[change]  # fmt: skip
    with pytest.raises(GridError, match="C-ordered float64"):
        generator.advance(*wrong, 0.0, np.array([[1.0, 0.0, 1e-3]]), 1)


def test_stages_may_be_integers(rng):
    generator = Generator(systems.model("custom"), grids(20, 24, False))
    W, work = generator.pad(rng.normal(size=generator.grid.shape), generator.empty_padded()), generator.empty_work()
    generator.advance(W, work, 0.0, np.array([[0, 0, 1]]), np.int32(0))
    np.testing.assert_array_equal(work[1, :, axes.PAD : -axes.PAD], generator.apply(W[:, axes.PAD : -axes.PAD]))


def test_halo_is_periodic_after_steps(rng):
    generator = Generator(systems.model("custom"), grids(20, 20, False))
    padded = generator.pad(rng.normal(size=generator.grid.shape), generator.empty_padded())
    RungeKutta(generator).advance(padded, 0.0, 1e-3, 3)
    pad = axes.PAD
    np.testing.assert_array_equal(padded[:, :pad], padded[:, -2 * pad : -pad])
    np.testing.assert_array_equal(padded[:, -pad:], padded[:, pad : 2 * pad])


@pytest.mark.parametrize("order", ORDERS)
def test_polynomials_of_the_order_are_differentiated_exactly(order):
    """Far from the walls L applied to q^a p^b (a + b <= order) is the continuous generator, by hand."""
    system = systems.model("custom")
    A, D = system.drift_matrix, system.diffusion_matrix / 2
    grid = Grid((Axis("q", -1.0, 1.0, 20), Axis("p", -1.0, 1.0, 20)))
    q, p = grid.coordinates
    generator = Generator(system, grid, Scheme(order=order))
    inner = (slice(5, -5), slice(5, -5))
    for a in range(order):  # the drift multiplies by a coordinate before differentiating
        b = order - 1 - a
        one = np.ones(grid.shape)
        W = q**a * p**b * one
        W_q, W_p = a * q ** max(a - 1, 0) * p**b * one, b * q**a * p ** max(b - 1, 0) * one
        W_qq = a * (a - 1) * q ** max(a - 2, 0) * p**b
        W_pp = b * (b - 1) * q**a * p ** max(b - 2, 0)
        W_qp = a * b * q ** max(a - 1, 0) * p ** max(b - 1, 0)
        drift = (A[0, 0] * q + A[0, 1] * p) * W_q + (A[1, 0] * q + A[1, 1] * p) * W_p + np.trace(A) * W
        expected = D[0, 0] * W_qq + D[1, 1] * W_pp + 2 * D[0, 1] * W_qp - drift
        np.testing.assert_allclose(generator.apply(W)[inner], expected[inner], rtol=0, atol=1e-11)  # round-off D e/h^2


def test_reversible_part_is_skew():
    """Without bath the matrix is antisymmetric: energy cannot leak through the closure of the box."""
    system = systems.oscillator(baths.none())
    L = Generator(system, grids(20, 20, False)).to_sparse()
    assert abs(L + L.T).max() <= 1e-15 * abs(L).max()


def test_apply_writes_into_out_and_allocates_no_array(rng):
    generator = Generator(systems.model("minimally_invasive"), grids(64, 64, False))
    W, out = rng.normal(size=generator.grid.shape), np.empty(generator.grid.shape)
    expected = generator.apply(W)
    tracemalloc.start()  # knows the arrays of NumPy, too
    assert generator.apply(W, out=out) is out
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(out, expected)
    assert peak < W.nbytes / 2
    assert len(running.run.signatures) == 1  # one compilation for all orders, dimensions and strides


@pytest.mark.parametrize("threads", [1, 3, 7])
def test_shares_of_threads_that_never_come_are_done_by_the_others(threads, rng):
    """As where a library gives fewer threads than asked for: nobody waits for ever, and the bits are the same."""
    generator = Generator(systems.model("minimally_invasive"), grids(20, 24, False))
    W, stages = generator.pad(rng.normal(size=generator.grid.shape), generator.empty_padded()), RK4 * [1.0, 1.0, 0.01]
    expected, fluxes = W.copy(), generator.fluxes
    fluxes.advance(expected, generator.empty_work(), stages, 3, parallel=False)
    packed, marks = coefficients.pack(fluxes.coefficients, threads, fluxes.computed), running.new_marks(threads)
    states = (W.reshape(-1), generator.empty_work().reshape(-1))
    # one after another: the first does it all
    work = partial(running.run, fluxes.kernels, *states, *packed, stages, 3, marks, threads)
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(timeout=120)
    assert not thread.is_alive()
    np.testing.assert_array_equal(W, expected)
    assert set(marks[:: running.APART]) == {3 * len(stages)}  # claimed, and done


CROWD = """
import numba
from tests import systems
from tests.test_kernels import Generator, Scheme, bits_after, grids
assert numba.get_num_threads() == 7
for model, scheme in (("minimally_invasive", Scheme()), ("caldeira_leggett", Scheme(order=2, flux="chang_cooper"))):
    generator = Generator(systems.model(model), grids(70, 60, False), scheme)
    assert bits_after(generator, parallel=True) == bits_after(generator, parallel=False)
"""


def bits_after(generator, *, parallel):
    """W after some steps."""
    draw = np.random.default_rng(5).normal(size=generator.grid.shape)
    W, work = generator.pad(draw, generator.empty_padded()), generator.empty_work()
    generator.fluxes.advance(W, work, RK4 * [1.0, 1.0, 1e-3], 100, parallel=parallel)
    return W.tobytes()


@pytest.mark.parametrize("flux", ["central", "chang_cooper"])
def test_threads_do_not_change_a_bit(flux):
    generator = Generator(systems.model("caldeira_leggett"), grids(40, 30, False), Scheme(order=2, flux=flux))
    assert bits_after(generator, parallel=True) == bits_after(generator, parallel=False)


@pytest.mark.slow
def test_more_threads_than_cores_neither_wait_for_ever_nor_change_a_bit():
    """Threads that wait offer their cores to those they wait for."""
    environment = {**os.environ, "NUMBA_NUM_THREADS": "7", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", CROWD], check=True, env=environment, cwd=ROOT, timeout=300)


@pytest.mark.parametrize(("d", "cells"), [(2, 1000), (4, 300), (2, 128), (2, 5)])
def test_sums_of_a_record_are_those_of_the_formulas(d, cells):
    draw = np.random.default_rng(d * cells).standard_normal
    W, rate = draw(cells), draw(cells)
    log_W, lowest = np.log(np.abs(W)), 0.1
    gradient, position, drift = draw((3, d, cells))
    D, cross, precision = draw((3, d, d))
    inverse = np.where(np.eye(d, k=1), 0.0, draw((d, d)))  # a kernel that skips zeros has one to skip
    centre, above = draw(d), lowest < W
    quotient = np.where(above, 1 / W, 0.0)
    J = drift * W - D @ gradient
    size = np.abs(drift) + D @ np.abs(precision @ (position - centre[:, None]))
    single = [
        W * log_W, rate * log_W, W**2, np.minimum(W, 0), np.abs(rate),
        ((np.abs(inverse) @ size) * size).sum(axis=0) * np.where(above, 0, np.abs(W)),
    ]  # fmt: skip
    channels = (J * (inverse @ J) * quotient, (inverse @ drift) * J, -gradient * (cross @ gradient) * quotient)
    flat = (W, rate, log_W, gradient, position, drift, D, inverse, cross, lowest, centre)
    found = records.sums(*flat, precision)
    expected = np.concatenate([np.sum(single, axis=1), *(np.sum(part, axis=1) for part in channels)])
    size_of_terms = 100 * max(cells, 1) ** 0.5
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14 * size_of_terms)  # order of the sums
    without = records.sums(*flat, np.zeros((0, 0)))
    np.testing.assert_array_equal(without, np.where(np.arange(len(found)) == 5, 0.0, found))


APPLY = """
import numpy as np
import fpsolver.grid
from fpsolver.kernels import jit
jit.FEATURES = frozenset({features})  # before the vectors are made
from fpsolver.generator import Generator, Scheme
from fpsolver.kernels import simd
from tests.systems import model
from tests.test_many_axes import box, several
assert simd.LANES == {lanes}
fpsolver.grid.MINIMUM_CELLS = 6
shape = {shape}
generator = Generator({system}, box(*shape, names=None if len(shape) > 2 else ("q", "p")), Scheme(order={order}))
W = np.random.default_rng(1).normal(size=shape)
matrix = generator.to_sparse()
few_ulp = 2e-15 * abs(matrix).sum(axis=1).max()  # of the largest row
np.testing.assert_allclose(generator.apply(W).ravel(), matrix @ W.ravel(), rtol=0, atol=few_ulp)
"""


def apply_elsewhere(environment, *, lanes, **values):
    """A process whose registers seem to hold so many numbers compares dW/dt with the assembled matrix."""
    script = APPLY.format(lanes=lanes, features=["avx512f"] if lanes == 8 else [], **values)
    environment = {**os.environ, **environment, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment, cwd=ROOT)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("system", "shape", "lanes"),
    [
        ("several(1)", (12, 13), 4),
        ("several(1)", (12, 13), 8),
        ("several(2)", (6, 7, 6, 9), 8),
        ("model('translation_covariant')", (12, 13), 4),
    ],
    ids=str,
)
def test_the_kernels_run_as_python(system, shape, lanes):
    """Without Numba the same source gives the assembled matrix: pointers are slices, vectors are arrays."""
    apply_elsewhere({"NUMBA_DISABLE_JIT": "1"}, system=system, shape=shape, lanes=lanes, order=4)


@pytest.mark.slow  # each compiles anew
@pytest.mark.parametrize("lanes", [4, 8])
@pytest.mark.parametrize("system", ["model('minimally_invasive')", "model('translation_covariant')"])
def test_vectors_of_another_processor(system, lanes, tmp_path):
    """Four and eight numbers to a vector both give the assembled matrix, with rows of no whole number of either."""
    apply_elsewhere({"NUMBA_CACHE_DIR": str(tmp_path)}, system=system, shape=(23, 29), lanes=lanes, order=6)


def test_vectors_and_pointers(rng):
    """Loads, stores and sums of vectors, compiled and as Python, against NumPy; halves; places of a tuple."""
    W, wanted, n = rng.normal(size=(4, 8)), np.zeros(40), simd.LANES
    w = W.ravel()[1:]
    wanted[3 : 3 + n] = 2.5 * w[4 : 4 + n] + w[12 : 12 + n] - w[:n] * w[1 : 1 + n]
    wanted[16:20], wanted[20:24] = wanted[7:11], wanted[3:7]
    wanted[24:32], wanted[32 : 32 + n] = w[2:10] - 3.0 * w[5:13], 7.0
    wanted[28] = W[0, 1]
    for function in (_vectors, jit.kernel(_vectors)):
        found = np.zeros(40)
        assert function(W, found) == (1, 9, 3)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-14)  # the compiled product and sum round once


def _vectors(W, found):
    source, target = pointers.flat(W, 1), pointers.flat(found, 0)
    value = 2.5 * simd.load(source, 4) + simd.load(pointers.flat(source, 10), 2)
    value -= simd.load(source, 0) * simd.load(source, 1)
    simd.store(target, 3, value)
    simd.store(target, 16, simd.join(target, 7, 3))
    simd.store(target, 24, simd.load_eight(source, 2) - simd.splat_eight(3.0) * simd.load_eight(source, 5))
    simd.store(target, 32, simd.splat(7.0))
    target[28] = source[0]
    return pointers.put((1, 2, 3), 1, 9)


def test_neighbours_of_a_vector(rng):
    """The shifts of a vector by up to four, compiled (on some processors a shuffle) and as Python."""
    W, n = rng.normal(size=64), simd.LANES
    for function in (_neighbours, jit.kernel(_neighbours)):
        found = np.zeros((9, n))
        function(W, found)
        np.testing.assert_array_equal(found, [W[24 + shift : 24 + n + shift] for shift in range(-4, 5)])


def test_kernels_on_the_disk_belong_to_these_sources():
    """Numba watches the file of a kernel only; what is inlined into it is in other files. And to this processor."""
    sources = b"".join(path.read_bytes() for path in sorted((ROOT / "fpsolver" / "kernels").glob("*.py")))
    features = binding.get_host_cpu_features().items()
    processor = ",".join([binding.get_host_cpu_name(), *sorted(name for name, there in features if there)])
    digest = hashlib.sha256(sources + processor.encode()).hexdigest()[:8]
    names = [function.py_func.__qualname__ for function in (running.run, running.run_parallel.__wrapped__)]
    assert names == [f"_run_{digest}", f"_run_parallel_{digest}"]
    variants = [(1, 2, False), (2, 2, False), (2, 2, True), (2, 4, False)]
    called = [phase_space.kernels_of(k, axes, crossed=crossed) for k, axes, crossed in variants]
    files = [each._compiled[i]._cache._impl.filename_base for each in called for i in range(len(each.functions))]
    # one for each variant: two processes may write into the index of a name at the same time
    assert len(set(files)) == 12
    assert all(digest in name for name in files)


def test_copies_of_a_generator_make_their_own_arrays(rng):
    """Kernels read a little beyond both ends of their arrays, for which a plain copy of them has no room."""
    generator = Generator(systems.model("minimally_invasive"), grids(17, 16, False))
    W = rng.normal(size=generator.grid.shape)
    found = generator.apply(W)
    for copied in (copy.deepcopy(generator), pickle.loads(pickle.dumps(generator))):
        assert "_padded" not in vars(copied)
        np.testing.assert_array_equal(copied.apply(W), found)


@pytest.mark.parametrize("lanes", [pytest.param(12 - simd.LANES, marks=pytest.mark.slow), simd.LANES])
def test_a_generator_that_was_used_works_in_another_process(lanes, rng, tmp_path):
    """Kernels are called by their address, which is another one there, and another processor has other vectors."""
    generator = Generator(systems.model("minimally_invasive"), grids(17, 20, False))
    W = rng.normal(size=generator.grid.shape)
    expected = generator.apply(W)
    (tmp_path / "generator").write_bytes(pickle.dumps((generator, W)))
    script = (
        "import pathlib, pickle, numpy\n"
        "from fpsolver.kernels import jit\n"
        f"jit.FEATURES = frozenset({['avx512f'] if lanes == 8 else []})\n"
        "generator, W = pickle.loads(pathlib.Path('generator').read_bytes())\n"
        "numpy.save('found', generator.apply(W))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    if lanes != simd.LANES:
        environment["NUMBA_CACHE_DIR"] = str(tmp_path)
    subprocess.run([sys.executable, "-c", script], check=True, env=environment, cwd=tmp_path)
    tolerance = 0 if lanes == simd.LANES else 1e-13 * np.abs(expected).max()  # sums in another order
    np.testing.assert_allclose(np.load(tmp_path / "found.npy"), expected, rtol=0, atol=tolerance)


def _neighbours(W, found):
    source, target = pointers.flat(W, 0), pointers.flat(found, 0)
    for shift in range(-4, 5):
        simd.prefetch(source, 1000 * shift)
        simd.store(target, simd.LANES * (shift + 4), simd.beside(source, 24, shift))


@pytest.mark.parametrize("name", ["minimally_invasive", "translation_covariant"])
@pytest.mark.parametrize("order", [2, 8])
@pytest.mark.parametrize("cells", [255, 263, 264, 266, 528], ids=str)
def test_rows_longer_than_the_columns_done_at_a_time(cells, order, name, rng):
    """Pieces of rows meet, and the last few cells are stored last, also where the result overwrites the state."""
    generator = Generator(systems.model(name), grids(19, cells, False), Scheme(order=order))
    matrix, W, dt = generator.to_sparse(), rng.normal(size=(19, cells)), 1e-3
    size = abs(matrix).sum(axis=1).max()  # W is a few units
    np.testing.assert_allclose(generator.apply(W).ravel(), matrix @ W.ravel(), rtol=0, atol=5e-15 * size)
    padded = generator.pad(W, generator.empty_padded())
    RungeKutta(generator).advance(padded, 0.0, dt / size, 1)
    x = term = W.ravel()
    for n in range(1, 5):
        term = matrix @ term * (dt / size / n)
        x = x + term
    np.testing.assert_allclose(padded[:, axes.PAD : -axes.PAD].ravel(), x, rtol=0, atol=5e-15)


@pytest.mark.parametrize("name", ["minimally_invasive", "translation_covariant", "position_friction"])
@pytest.mark.parametrize("cells", [(41, 24), (40, 21), (17, 16)], ids=str)
@pytest.mark.parametrize("order", [2, 8])
def test_shares_of_the_work_do_not_change_a_bit(cells, order, name, rng):
    """Rows of one particle are computed in fours: the same fours wherever the work is divided."""
    generator = Generator(systems.model(name), grids(*cells, False), Scheme(order=order))
    compare_shares(generator, [*range(1, 8), 50], rng)


def test_shares_of_several_particles_do_not_change_a_bit(rng):
    """Strips of q_1 are divided; with more shares than strips some are empty."""
    system = System(tuple(systems.model(name).particles[0] for name in ("minimally_invasive", "custom")))
    cells = {"q1": 17, "q2": 16, "p1": 16, "p2": 19}
    grid = Grid(tuple(Axis(name, -4.0, 4.0, number) for name, number in cells.items()))
    compare_shares(Generator(system, grid, Scheme(order=4)), [1, 2, 3, 100], rng)


def compare_shares(generator, counts, rng):
    """dW/dt of noise, once for each number of shares: the same bits."""
    W = generator.pad(rng.normal(size=generator.grid.shape), generator.empty_padded())
    work, found, fluxes = generator.empty_work(), [], generator.fluxes
    packed = coefficients.pack(fluxes.coefficients, max(counts), fluxes.computed)
    for shares in counts:
        states, rate, marks = (W.reshape(-1), work.reshape(-1)), np.array([[0.0, 0.0, 1.0]]), running.new_marks(shares)
        running.run(fluxes.kernels, *states, *packed, rate, 0, marks, shares)
        found.append(work[1].copy())
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])
