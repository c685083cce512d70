"""The inner steps of BM3D on whole vectors of 8 numbers, which is the side of a block; written as LLVM's vector operations, so that they
never hang on what a compiler recognises. A processor with narrower vectors takes them in halves; the bits are the same everywhere."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from campipe.ops.kernels.intrinsics import intrinsic

SIDE = 8
"""Pixels on a side of a block."""
_REAL = ir.FloatType()
_VECTOR = ir.VectorType(_REAL, SIDE)
_LOW, _HIGH = (0, 8, 1, 9, 4, 12, 5, 13), (2, 10, 3, 11, 6, 14, 7, 15)
_PAIR_LOW, _PAIR_HIGH = (0, 1, 8, 9, 4, 5, 12, 13), (2, 3, 10, 11, 6, 7, 14, 15)
_HALF_LOW, _HALF_HIGH = (0, 1, 2, 3, 8, 9, 10, 11), (4, 5, 6, 7, 12, 13, 14, 15)


class _Memory:
    """A flat float32 array as memory that vectors are fetched from and put into."""

    def __init__(self, context: Any, builder: Any, kind: Any, array: Any) -> None:
        self.builder = builder
        self.data = context.make_array(kind)(context, builder, array).data

    def _pointer(self, at: Any, more: Any = 0) -> Any:
        place = self.builder.add(at, ir.IntType(64)(more)) if isinstance(more, int) else self.builder.add(at, more)
        return self.builder.gep(self.data, [place])

    def fetch(self, at: Any, more: Any = 0) -> Any:
        return self.builder.load(self.builder.bitcast(self._pointer(at, more), _VECTOR.as_pointer()), align=4)

    def put(self, vector: Any, at: Any, more: Any = 0) -> None:
        self.builder.store(vector, self.builder.bitcast(self._pointer(at, more), _VECTOR.as_pointer()), align=4)

    def everywhere(self, at: Any, more: Any = 0) -> Any:
        return spread(self.builder, self.builder.load(self._pointer(at, more)))


def spread(builder: Any, number: Any) -> Any:
    """A vector of one number."""
    single = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), number, ir.IntType(32)(0))
    return builder.shuffle_vector(single, ir.Constant(_VECTOR, ir.Undefined), ir.Constant(ir.VectorType(ir.IntType(32), SIDE), [0] * SIDE))


def _fma(builder: Any, a: Any, b: Any, c: Any) -> Any:
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(_VECTOR, [_VECTOR] * 3), "llvm.fma.v8f32")
    return builder.call(function, [a, b, c])


def _times(builder: Any, matrix: _Memory, rows: list[Any]) -> list[Any]:
    """An 8 x 8 matrix times a block of 8 rows."""
    out, zero = [], ir.IntType(64)(0)
    for i in range(SIDE):
        total = builder.fmul(matrix.everywhere(zero, i * SIDE), rows[0])
        for k in range(1, SIDE):
            total = _fma(builder, matrix.everywhere(zero, i * SIDE + k), rows[k], total)
        out.append(total)
    return out


def _transposed(builder: Any, r: list[Any]) -> list[Any]:
    """Rows to columns: three stages of shuffles that do not leave the halves of a vector until the last."""

    def mix(a: Any, b: Any, order: tuple[int, ...]) -> Any:
        return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), SIDE), list(order)))

    s = [mix(r[i], r[i + 1], order) for i in (0, 2, 4, 6) for order in (_LOW, _HIGH)]
    t = [mix(s[i], s[i + 2], order) for i in (0, 1, 4, 5) for order in (_PAIR_LOW, _PAIR_HIGH)]
    return [mix(t[i], t[i + 4], _HALF_LOW) for i in range(4)] + [mix(t[i], t[i + 4], _HALF_HIGH) for i in range(4)]


_array = types.Array(types.float32, 1, "C")


@intrinsic
def transform(typingctx: Any, source: Any, at: Any, stride: Any, matrix: Any, target: Any, to: Any) -> Any:
    """target[to : to + 64] = (M X M')', X the 8 x 8 block of the flat `source` whose rows begin at `at`, `stride` apart.

    Transposed, which saves half of the shuffles: a second call with the inverse of M gives the block back as it was.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        memory = [_Memory(context, builder, signature.args[i], args[i]) for i in (0, 3, 4)]
        rows, place = [], args[1]
        for _ in range(SIDE):
            rows.append(memory[0].fetch(place))
            place = builder.add(place, args[2])
        rows = _times(builder, memory[1], _transposed(builder, _times(builder, memory[1], rows)))
        for i, row in enumerate(rows):
            memory[2].put(row, args[5], i * SIDE)
        return context.get_dummy_value()

    return types.void(_array, types.int64, types.int64, _array, _array, types.int64), codegen


@intrinsic
def squared_columns(typingctx: Any, picture: Any, a: Any, b: Any, stride: Any, out: Any, to: Any) -> Any:
    """out[to + j] = sum over 8 rows of (picture[a + j + row] - picture[b + j + row])^2 for 8 neighbours j."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        source, target = (_Memory(context, builder, signature.args[i], args[i]) for i in (0, 4))
        first, second, total = args[1], args[2], None
        for _ in range(SIDE):
            difference = builder.fsub(source.fetch(first), source.fetch(second))
            total = builder.fmul(difference, difference) if total is None else _fma(builder, difference, difference, total)
            first, second = builder.add(first, args[3]), builder.add(second, args[3])
        target.put(total, args[5])
        return context.get_dummy_value()

    return types.void(_array, types.int64, types.int64, types.int64, _array, types.int64), codegen


@intrinsic
def sums_of_eight(typingctx: Any, source: Any, at: Any, out: Any) -> Any:
    """out[at + j] = source[at + j] + ... + source[at + j + 7] for 8 neighbours j."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        memory, target = (_Memory(context, builder, signature.args[i], args[i]) for i in (0, 2))
        parts = [memory.fetch(args[1], i) for i in range(SIDE)]
        while len(parts) > 1:
            parts = [builder.fadd(parts[i], parts[i + 1]) for i in range(0, len(parts), 2)]
        target.put(parts[0], args[1])
        return context.get_dummy_value()

    return types.void(_array, types.int64, _array), codegen


@intrinsic
def gather(typingctx: Any, total: Any, weights: Any, at: Any, stride: Any, window: Any, weight: Any, block: Any, of: Any) -> Any:
    """Add weight * window * block to the 8 x 8 pixels of `total` from `at` on, and weight * window to those of `weights`.

    window   (64,), row by row, as block[of : of + 64] is
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        sums, parts, shape, values = (_Memory(context, builder, signature.args[i], args[i]) for i in (0, 1, 4, 6))
        factor, place = spread(builder, args[5]), args[2]
        for i in range(SIDE):
            scaled = builder.fmul(factor, shape.fetch(ir.IntType(64)(0), i * SIDE))
            sums.put(_fma(builder, scaled, values.fetch(args[7], i * SIDE), sums.fetch(place)), place)
            parts.put(builder.fadd(parts.fetch(place), scaled), place)
            place = builder.add(place, args[3])
        return context.get_dummy_value()

    return types.void(_array, _array, types.int64, types.int64, _array, types.float32, _array, types.int64), codegen
