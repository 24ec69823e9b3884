"""Integers that several threads read and write at once, and how a thread waits for one: in Numba code.

A thread that reads a published number also sees what the other one wrote before it. Python runs the same source in one
thread.
"""

from __future__ import annotations

import os
import platform

from llvmlite import binding, ir
from numba.core import cgutils, types
from numba.extending import lower_builtin, type_callable

from fpsolver.kernels.pointers import Pointer, integers

binding.initialize_native_asmparser()  # for pause, which also comes from the disk: without it the process aborts
_PAUSE = {"x86_64": "pause", "AMD64": "pause", "aarch64": "yield", "arm64": "yield"}.get(platform.machine(), "")
_WORD = 8  # bytes: alignment of the numbers


def claim(pointer, i, value):
    """True for one of those who find ``value`` at place i: it holds value + 1 from then on."""
    found = pointer[i] == value
    if found:
        pointer[i] = value + 1
    return bool(found)


def publish(pointer, i, value):
    """Put a number at place i, after everything written so far."""
    pointer[i] = value


def seen(pointer, i):
    """The number at place i, before everything read from now on."""
    return pointer[i]


def pause():
    """Let the core save power for a moment, in a loop that looks again and again."""


def rest():
    """Let another thread have the core, if one waits for it; nothing where the system has no POSIX threads."""


@type_callable(claim)
def _type_claim(context):
    return lambda pointer, i, value: types.boolean if pointer == integers else None


@type_callable(publish)
def _type_publish(context):
    return lambda pointer, i, value: types.none if pointer == integers else None


@type_callable(seen)
def _type_seen(context):
    return lambda pointer, i: types.intp if pointer == integers else None


@type_callable(pause)
def _type_pause(context):
    return lambda: types.none


@type_callable(rest)
def _type_rest(context):
    return lambda: types.none


def _address(context, builder, sig, args):
    return builder.gep(args[0], [context.cast(builder, args[1], sig.args[1], types.intp)])


@lower_builtin(claim, Pointer, types.Integer, types.Integer)
def _lower_claim(context, builder, sig, args):
    value = context.cast(builder, args[2], sig.args[2], types.intp)
    after = builder.add(value, cgutils.intp_t(1))
    outcome = builder.cmpxchg(_address(context, builder, sig, args), value, after, "acq_rel", "acquire")
    return builder.extract_value(outcome, 1)


@lower_builtin(publish, Pointer, types.Integer, types.Integer)
def _lower_publish(context, builder, sig, args):
    value = context.cast(builder, args[2], sig.args[2], types.intp)
    builder.store_atomic(value, _address(context, builder, sig, args), "release", _WORD)
    return context.get_dummy_value()


@lower_builtin(seen, Pointer, types.Integer)
def _lower_seen(context, builder, sig, args):
    return builder.load_atomic(_address(context, builder, sig, args), "acquire", _WORD)


@lower_builtin(pause)
def _lower_pause(context, builder, sig, args):
    if _PAUSE:
        builder.asm(ir.FunctionType(ir.VoidType(), []), _PAUSE, "~{memory}", [], True)
    return context.get_dummy_value()


@lower_builtin(rest)
def _lower_rest(context, builder, sig, args):
    if os.name == "posix":
        kind = ir.FunctionType(cgutils.int32_t, [])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, "sched_yield"), [])
    return context.get_dummy_value()
