"""Pointers into arrays in Numba code, calls by address, tuples with a number changed, constants as plain numbers.

Arrays handed to inlined functions are counted up and down, 5 ns each time, which is why functions of rows and cells
take pointers: ``flat(W, i)`` is the flat array from its place i on, not kept alive by itself. Nothing checks bounds.

Python runs the same source with NumPy slices; so the kernels can be tested line by line (NUMBA_DISABLE_JIT=1).
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.cpython.unsafe.tuple import tuple_setitem
from numba.extending import lower_builtin, models, overload, register_model, type_callable


def flat(array, start):
    """Pointer to the numbers of a contiguous array (or behind a pointer), from place ``start`` of its flat order."""
    return array.reshape(-1)[start:]


def call(address, *arguments):
    """Call a compiled function that returns nothing by its address (as Python: the function itself).

    Nothing checks that it takes arguments of these kinds.
    """
    address(*arguments)


def put(numbers, i, value):
    """The tuple with another number at place i."""
    return (*numbers[:i], value, *numbers[i + 1 :])


def plain(value):
    """The value, of a type that does not say which: else Numba compiles a function that takes 0 or True once more."""
    return value


class Pointer(types.Type):
    """Type of pointers to numbers of one kind."""

    def __init__(self, dtype: types.Type) -> None:
        self.dtype = dtype
        super().__init__(name=f"Pointer({dtype})")


numbers, integers = Pointer(types.float64), Pointer(types.intp)


@register_model(Pointer)
class _PointerModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Pointer) -> None:
        super().__init__(manager, kind, manager.lookup(kind.dtype).get_data_type().as_pointer())


@overload(put, jit_options={"forceinline": True})
def _put(numbers, i, value):
    return lambda numbers, i, value: tuple_setitem(numbers, i, value)


@type_callable(flat)
def _type_flat(context):
    def of(array, start):
        known = isinstance(array, Pointer) or (isinstance(array, types.Array) and array.layout == "C")
        return Pointer(array.dtype) if known else None

    return of


@type_callable(plain)
def _type_plain(context):
    return lambda value: types.unliteral(value)


@lower_builtin(plain, types.Any)
def _lower_plain(context, builder, sig, args):
    return context.cast(builder, args[0], sig.args[0], sig.return_type)


@infer_global(call)
class _Call(AbstractTemplate):
    def generic(self, args, kws):
        known = all(kind in (numbers, integers) for kind in args if isinstance(kind, Pointer))
        kinds = [types.intp if isinstance(kind, types.Integer) else types.unliteral(kind) for kind in args]
        return signature(types.none, *kinds) if known and isinstance(args[0], types.Integer) else None


@lower_builtin(call, types.Integer, types.VarArg(types.Any))
def _lower_call(context, builder, sig, args):
    kinds = [context.get_value_type(kind) for kind in sig.args[1:]]
    function = ir.FunctionType(context.get_value_type(types.none), kinds)
    builder.call(builder.inttoptr(args[0], function.as_pointer()), args[1:])
    return context.get_dummy_value()


@infer_global(operator.getitem)
class _GetItem(AbstractTemplate):
    def generic(self, args, kws):
        if isinstance(args[0], Pointer) and isinstance(args[1], types.Integer):
            return signature(args[0].dtype, args[0], types.intp)
        return None


@infer_global(operator.setitem)
class _SetItem(AbstractTemplate):
    def generic(self, args, kws):
        if isinstance(args[0], Pointer) and isinstance(args[1], types.Integer):
            return signature(types.none, args[0], types.intp, args[0].dtype)
        return None


@lower_builtin(flat, types.Array, types.Integer)
def _lower_flat(context, builder, sig, args):
    array = context.make_array(sig.args[0])(context, builder, args[0])
    return builder.gep(array.data, [context.cast(builder, args[1], sig.args[1], types.intp)])


@lower_builtin(flat, Pointer, types.Integer)
def _lower_moved(context, builder, sig, args):
    return builder.gep(args[0], [context.cast(builder, args[1], sig.args[1], types.intp)])


@lower_builtin(operator.getitem, Pointer, types.Integer)
def _lower_getitem(context, builder, sig, args):
    return builder.load(builder.gep(args[0], [args[1]]))


@lower_builtin(operator.setitem, Pointer, types.Integer, types.Number)
def _lower_setitem(context, builder, sig, args):
    builder.store(args[2], builder.gep(args[0], [args[1]]))
