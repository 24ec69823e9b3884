"""Neighbouring float64 numbers as one value of Numba code: LANES of them, or eight.

Loops over cells leave it to the compiler to find vector instructions: it must prove that arrays do not overlap, and
gives up where a cell has thirty neighbours. With ``load(W, i)``, which is W[i], .., W[i + LANES - 1], a kernel has the
same instructions everywhere, and compiles faster. W is a pointer (:mod:`fpsolver.kernels.pointers`). Python runs the
same source with NumPy slices.

LLVM splits vectors that are longer than a register. LANES is 8 with the 32 long registers of AVX-512, and 4
elsewhere, where the busiest loop with eight numbers keeps half of them on the stack.
"""

from __future__ import annotations

import operator
from typing import Any, ClassVar

import numpy as np
from llvmlite import binding, ir
from numba.core import cgutils, types
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import lower_builtin, models, register_model, type_callable

from fpsolver.kernels.jit import FEATURES
from fpsolver.kernels.pointers import Pointer, numbers

EIGHT = 8
LANES = EIGHT if "avx512f" in FEATURES else EIGHT // 2
SHUFFLES = ("znver4", "znver5")  # LLVM's names: measured there (docs/performance.md), no gain on znver3

binding.initialize_native_asmparser()  # for _shuffle, which also comes from the disk: without it the process aborts
_ONE_NUMBER = 8  # bytes: alignment that every element has


def load(pointer, at):
    """Vector of the numbers at, .., at + LANES - 1."""
    return pointer[at : at + LANES].copy()


def load_eight(pointer, at):
    """Vector of the numbers at, .., at + 7."""
    return pointer[at : at + EIGHT].copy()


def beside(pointer, at, shift):
    """Vector of the numbers from at + shift on, with a shift of -4 to 4, quickest with ``at`` on a cache line.

    A load across lines takes as long as two loads, which bounds the kernels on Zen 4 and 5. There this is a shuffle of
    two vectors, which all shifts share: 8 numbers before ``at`` and 8 after it must exist.
    """
    return load(pointer, at + shift)


def store(pointer, at, value):
    """Put a vector of either length into the numbers from ``at`` on."""
    pointer[at : at + len(value)] = value


def join(pointer, low, high):
    """Vector of the numbers low, .., low + 3 and high, .., high + 3."""
    half = EIGHT // 2
    return np.concatenate([pointer[low : low + half], pointer[high : high + half]])


def prefetch(pointer, at):
    """Bring the cache line of a number into the second-level cache; it need not exist."""


def splat(number):
    """Vector of the number, LANES times."""
    return np.full(LANES, number)


def splat_eight(number):
    """Vector of the number, eight times."""
    return np.full(EIGHT, number)


class Vector(types.Type):
    """Type of so many float64 numbers."""

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes
        super().__init__(name=f"float64x{lanes}")


vector, eight = Vector(LANES), Vector(EIGHT)  # the same type where LANES is 8


def _llvm(kind):
    return ir.VectorType(ir.DoubleType(), kind.lanes)


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Vector) -> None:
        super().__init__(manager, kind, _llvm(kind))


@type_callable(load)
def _type_load(context):
    return lambda pointer, at: vector if pointer == numbers else None


@type_callable(load_eight)
def _type_load_eight(context):
    return lambda pointer, at: eight if pointer == numbers else None


@type_callable(join)
def _type_join(context):
    return lambda pointer, low, high: eight if pointer == numbers else None


@type_callable(beside)
def _type_beside(context):
    return lambda pointer, at, shift: vector if pointer == numbers else None


@type_callable(store)
def _type_store(context):
    return lambda pointer, at, value: types.none if pointer == numbers and isinstance(value, Vector) else None


@type_callable(prefetch)
def _type_prefetch(context):
    return lambda pointer, at: types.none if pointer == numbers else None


@lower_builtin(prefetch, Pointer, types.Integer)
def _lower_prefetch(context, builder, sig, args):
    at = context.cast(builder, args[1], sig.args[1], types.intp)
    address = builder.bitcast(builder.gep(args[0], [at]), cgutils.voidptr_t)
    flag = cgutils.int32_t
    kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, flag, flag, flag])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    builder.call(function, [address, flag(0), flag(2), flag(1)])  # to read; second level; data
    return context.get_dummy_value()


@type_callable(splat)
def _type_splat(context):
    return lambda number: vector if number == types.float64 else None


@type_callable(splat_eight)
def _type_splat_eight(context):
    return lambda number: eight if number == types.float64 else None


def _address(context, builder, sig, args, kind):
    at = context.cast(builder, args[1], sig.args[1], types.intp)
    return builder.bitcast(builder.gep(args[0], [at]), _llvm(kind).as_pointer())


@lower_builtin(load, Pointer, types.Integer)
@lower_builtin(load_eight, Pointer, types.Integer)
def _lower_load(context, builder, sig, args):
    return builder.load(_address(context, builder, sig, args, sig.return_type), align=_ONE_NUMBER)


@lower_builtin(beside, Pointer, types.Integer, types.Integer)
def _lower_beside(context, builder, sig, args):
    at, shift = (
        context.cast(builder, value, kind, types.intp) for value, kind in zip(args[1:], sig.args[1:], strict=True)
    )
    as_load = signature(vector, numbers, types.intp)
    _, name, features = context.codegen().magic_tuple()
    if LANES < EIGHT or name not in SHUFFLES or "+avx512f" not in features.split(","):
        return _lower_load(context, builder, as_load, (args[0], builder.add(at, shift)))
    steps = [builder.add(at, cgutils.intp_t(step)) for step in (-EIGHT, 0, EIGHT)]
    before, value, after = (_lower_load(context, builder, as_load, (args[0], step)) for step in steps)
    middle = value
    for m in range(1, EIGHT // 2 + 1):  # all but one go when the compiler knows the shift
        for low, high, moved in ((middle, after, m), (before, middle, -m)):
            is_it = builder.icmp_signed("==", shift, cgutils.intp_t(moved))
            value = builder.select(is_it, _shuffle(builder, low, high, moved % EIGHT), value)
    return value


def _shuffle(builder, low, high, m):
    """The last 8 - m numbers of a vector and the first m of the next one.

    As an instruction, because LLVM makes it one that needs a mask and a copy: 24 instead of 20 cycles for 8 cells.
    """
    kind = ir.FunctionType(_llvm(eight), (_llvm(eight), _llvm(eight)))
    return builder.asm(kind, f"valignq $${m}, $1, $2, $0", "=v,v,v", (low, high), False)


@lower_builtin(store, Pointer, types.Integer, Vector)
def _lower_store(context, builder, sig, args):
    builder.store(args[2], _address(context, builder, sig, args, sig.args[2]), align=_ONE_NUMBER)
    return context.get_dummy_value()


@lower_builtin(join, Pointer, types.Integer, types.Integer)
def _lower_join(context, builder, sig, args):
    half, places = ir.VectorType(ir.DoubleType(), EIGHT // 2), ir.VectorType(cgutils.int32_t, EIGHT)
    halves = []
    for at, kind in zip(args[1:], sig.args[1:], strict=True):
        where = builder.gep(args[0], [context.cast(builder, at, kind, types.intp)])
        halves.append(builder.load(builder.bitcast(where, half.as_pointer()), align=_ONE_NUMBER))
    return builder.shuffle_vector(*halves, ir.Constant(places, list(range(EIGHT))))


def _splat(builder, number, kind):
    empty = ir.Constant(_llvm(kind), ir.Undefined)
    first = builder.insert_element(empty, number, cgutils.int32_t(0))
    return builder.shuffle_vector(first, empty, ir.Constant(ir.VectorType(cgutils.int32_t, kind.lanes), None))


@lower_builtin(splat, types.Float)
@lower_builtin(splat_eight, types.Float)
def _lower_splat(context, builder, sig, args):
    return _splat(builder, args[0], sig.return_type)


def _operator(function, name):
    """A sum, difference or product of two vectors, or of a number and a vector."""

    class _Signatures(ConcreteTemplate):
        cases: ClassVar = [
            signature(kind, left, kind) for kind in dict.fromkeys((vector, eight)) for left in (kind, types.float64)
        ]

    infer_global(function)(_Signatures)

    @lower_builtin(function, Vector, Vector)
    @lower_builtin(function, types.Float, Vector)
    def _lower(context, builder, sig, args):
        left = args[0] if isinstance(sig.args[0], Vector) else _splat(builder, args[0], sig.return_type)
        return getattr(builder, name)(left, args[1])


for _function, _name in ((operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul")):
    _operator(_function, _name)
    _operator(getattr(operator, f"i{_function.__name__}"), _name)
