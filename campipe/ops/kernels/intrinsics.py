"""Single machine instructions that Python has no word for; every one has the same bits on every processor (IEEE 754)."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import extending, types

# Numba fills in the first argument of an intrinsic, which a type checker cannot know.
intrinsic: Any = extending.intrinsic


def _unary(name: str) -> Any:
    """An intrinsic of LLVM from one real number to another of the same type."""

    @intrinsic
    def call(typingctx: Any, a: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.call(builder.module.declare_intrinsic(name, [args[0].type]), args)

        return a(a), codegen

    return call


floor = _unary("llvm.floor")
rint = _unary("llvm.rint")  # half to even
sqrt = _unary("llvm.sqrt")
absolute = _unary("llvm.fabs")


@intrinsic
def fma(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """a * b + c, rounded once. All three of one type."""
    if not a == b == c:
        raise TypeError(f"fma needs three numbers of one type, but {a}, {b}, {c} came")

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        real = args[0].type
        return builder.call(builder.module.declare_intrinsic("llvm.fma", [real], ir.FunctionType(real, [real] * 3)), args)

    return a(a, b, c), codegen


def _cast(source: Any, target: Any, bits: int, to_float: bool) -> Any:
    integer = ir.IntType(bits)
    real = ir.FloatType() if bits == 32 else ir.DoubleType()

    @intrinsic
    def call(typingctx: Any, a: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.bitcast(args[0], real if to_float else integer)

        return target(source), codegen

    return call


bits_of = _cast(types.float32, types.int32, 32, False)  # float32 to the int32 of the same bits
float_of = _cast(types.int32, types.float32, 32, True)
bits_of_double = _cast(types.float64, types.int64, 64, False)
double_of = _cast(types.int64, types.float64, 64, True)


@intrinsic
def held(typingctx: Any, constants: Any) -> Any:
    """The same tuple of numbers, of which the compiler does not know that they are constants.

    Fetched once before a loop they stay in registers or on the stack; known constants are fetched anew in every round, and
    with them the addresses at which they lie.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        numbers = [builder.extract_value(args[0], i) for i in range(constants.count)]
        real = numbers[0].type
        fence = builder.module.declare_intrinsic("llvm.arithmetic.fence", [real], ir.FunctionType(real, [real]))
        return context.make_tuple(builder, signature.return_type, [builder.call(fence, [n]) for n in numbers])

    return constants(constants), codegen


@intrinsic
def apart(typingctx: Any) -> Any:
    """Keep the function that calls this out of its own callers: it is compiled once instead of at each of their calls."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def wide(typingctx: Any) -> Any:
    """Ask for the widest vectors of the processor in the function that calls this.

    By itself the compiler keeps to half of them on many processors, for fear of a lower clock; these loops gain a third all the same.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        attributes = builder.function.attributes
        if isinstance(attributes, set):  # llvmlite's own `add` knows attributes without a value only
            set.add(attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def distinct(typingctx: Any) -> Any:
    """Promise that what the function that calls this writes to is none of what it reads: its arrays of float32 are looked at once, without
    checks whether they overlap, and with many of them a loop becomes a loop over vectors only by this promise."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        for argument in builder.function.args:
            if argument.type == ir.FloatType().as_pointer():
                argument.add_attribute("noalias")
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def prefetch(typingctx: Any, array: Any, at: Any) -> Any:
    """Ask the memory for array[at]; harmless wherever that lies."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        pointer = builder.bitcast(builder.gep(data, [args[1]]), ir.IntType(8).as_pointer())
        one = ir.IntType(32)
        function = builder.module.declare_intrinsic(
            "llvm.prefetch", [pointer.type], ir.FunctionType(ir.VoidType(), [pointer.type, one, one, one])
        )
        builder.call(function, [pointer, one(0), one(3), one(1)])  # to read, keep, data
        return context.get_dummy_value()

    return types.void(array, types.int64), codegen
