"""Elementwise kernels: generates the loop for one formula and the layouts of its operands.

A *form* is a loop structure. CPU and CUDA use the same lines for the formula:

    flat      every operand contiguous, or one element         for i: out[i] = f(x0[i], x1[i])
    rows      operands vary along rows, columns, or both       for i, j: out[i*cols+j] = f(x0[i*cols+j], x1[j])
    strided   anything else                                    offsets from sizes and strides, lines along the last one

Large results of the first two forms are *streamed*: written block by block, and bypassing the caches.

For ``mul`` on float32, with a row as the second operand, the generated kernel is:

    def mul(x0, x1, out0, rows, cols):
        for i in prange(rows):
            x0_row = x0[i * cols : (i + 1) * cols]
            out0_row = out0[i * cols : (i + 1) * cols]
            for j in range(cols):
                x = x0_row[j]
                y = x1[j]
                t1 = x * y
                out0_row[j] = t1
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from numtorch.dtype import dtype
from numtorch.kernels import launch, streams
from numtorch.kernels import math as kernel_math
from numtorch.kernels.codegen.expr import Expr
from numtorch.kernels.codegen.scalar import emit
from numtorch.kernels.jit import FAST, Jit, compile_source, disabled, prange

# How an operand is walked. In a flat kernel: FULL, ONE, SCALAR; in a rows kernel also ROW and COLUMN.
FULL, ONE, ROW, COLUMN, SCALAR = "full", "one", "row", "column", "scalar"
# How a strided kernel walks along the innermost dimension.
HELD, UNIT, FREE = "held", "unit", "free"


@dataclass(frozen=True)
class Operand:
    """An input of a kernel: its variable, stored dtype (None for a Python number), walk, and whether it keeps
    its own type instead of being cast to the type in which the kernel computes."""

    name: str
    dtype: dtype | None
    walk: str
    keep: bool = False


@dataclass(frozen=True)
class Spec:
    """Everything that a kernel's text depends on, beside the expressions.

    ``inner``, for the strided form on the CPU: how each moving operand and then each output walks the innermost
    dimension, as HELD, UNIT or FREE. Unit steps are what becomes vector code, held values need no loads.

    In place, the result is stored through the first operand's own name: with a second name for the same
    memory LLVM could not tell that iterations are independent, and the loop would stay scalar.

    ``streamed``: results of the flat and the rows form pass the caches; see ``kernels/streams.py``.

    ``rounded``: operands of another type become elements of the half type in which the formula computes, as a tensor of
    that type would hold them. Where a formula compares, 0.1 is then what is written as 0.1. Or the names of those
    operands of which this is so.

    ``divisor``: the operand by which integers are divided. A CPU kernel counts its zeros on the way and raises at the
        end:
    a loop that runs in parallel cannot.
    """

    name: str
    form: str
    operands: tuple[Operand, ...]
    outputs: tuple[dtype, ...]
    compute: dtype
    inplace: bool = False
    inner: tuple[str, ...] = ()
    streamed: bool = False
    rounded: bool | tuple[str, ...] = False
    divisor: str = ""


ENV: dict[str, Any] = {name: getattr(kernel_math, name) for name in getattr(kernel_math, "__all__", ())}
TYPES = "float32 float64 complex64 complex128 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool_"
ENV |= {t: getattr(np, t) for t in TYPES.split()}


def _wrapping(kind: Any) -> Callable:
    """An integer type as compiled code converts to it: what it cannot hold wraps around."""
    return lambda v: np.int64(v).astype(kind) if type(v) is int and v < 0 else kind(v)


if disabled():
    ENV |= {t: _wrapping(getattr(np, t)) for t in TYPES.split() if t.startswith("uint")}
ENV |= {"prange": prange, "nan": float("nan"), "inf": float("inf"), "room": streams.room, "stream": streams.stream}


_TAKEN = re.compile(
    r"i|j|k|o|r|n|d|q|rows|cols|outer|sizes|strides|count|step|width|index|cuda|bool|first|zeros|"
    r"[pqt]\d+|[st][pq]\d+|(out|part)\d+"
)


def variable(name: str) -> str:
    """The variable of an operand: its name, unless the loops or the formula call something else by that name."""
    return f"v_{name}" if _TAKEN.fullmatch(name) or name in ENV else name


def type_name(d: np.dtype) -> str:
    """The name by which kernel text casts to a NumPy dtype."""
    return "bool_" if d == np.bool_ else d.name


def _load(spec: Spec, o: Operand, index: str, base: str = "") -> str:
    compute = type_name(spec.compute.compute)
    if o.dtype is None:
        value = f"{variable(o.name)}_"
    else:
        value = f"{base or variable(o.name) + '_'}[{index}]"
        if o.dtype.name == "float16":
            value = f"half_to_float({value})"
        elif o.dtype.name == "bfloat16":
            value = f"bf16_to_float({value})"
    if o.keep:
        return value
    if o.dtype is None or type_name(o.dtype.compute) != compute:
        value = f"{compute}({value})"
    rounded = spec.rounded is True or spec.rounded is not False and o.name in spec.rounded
    if rounded and spec.compute.is_half and o.dtype is not spec.compute:
        value = (
            f"half_to_float(float_to_half({value}))"
            if spec.compute.name == "float16"
            else f"bf16_to_float(float_to_bf16({value}))"
        )
    return value


def _store(target: str, index: str, value: str, d: dtype, compute: dtype) -> str:
    if compute.is_complex and not d.is_complex:
        value = f"({value} != 0)" if d.name == "bool" else f"({value}).real"
    if compute.differentiable and d.name in ("uint8", "int8", "int16", "uint16"):
        value = f"int32({value})"  # a float that a narrow type cannot hold has no value there in LLVM; an integer wraps
    if d.name == "float16":
        value = f"float_to_half(float32({value}))"
    elif d.name == "bfloat16":
        value = f"float_to_bf16(float32({value}))"
    return f"{target}[{index}] = {value}"


def source(spec: Spec, outputs: list[Expr], device: str = "cpu") -> str:
    """The kernel's text."""
    compute = type_name(spec.compute.compute)
    hoisted = [f"{variable(o.name)} = {_load(spec, o, '0')}" for o in spec.operands if o.walk in (ONE, SCALAR)]
    moving = [(n, o) for n, o in enumerate(spec.operands) if o.walk not in (ONE, SCALAR)]
    lines, results = emit(outputs, compute, variable)
    outs = [f"{variable(spec.operands[0].name)}_"] if spec.inplace else [f"out{n}" for n in range(len(outputs))]
    counting = bool(spec.divisor) and device == "cpu" and not spec.compute.differentiable
    if counting:
        zero = f"int64({variable(spec.divisor)} == 0)"
        moves = any(o.name == spec.divisor for _, o in moving)
        hoisted.append(f"zeros = {'0' if moves else zero}")
        lines = [*lines, f"zeros += {zero}"] if moves else lines

    def loop_body(index: dict[str, str], out_index: list[str]) -> list[str]:
        loads = [f"{variable(o.name)} = {_load(spec, o, index.get(str(n), index[o.walk]))}" for n, o in moving]
        stores = [
            _store(t, i, r, d, spec.compute) for t, i, r, d in zip(outs, out_index, results, spec.outputs, strict=True)
        ]
        return loads + lines + stores

    names = [f"{variable(o.name)}_" for o in spec.operands]
    same = [f"{'k' if spec.form == 'rows' else 'i'}"] * len(outs)
    if spec.streamed:
        text = _streamed(spec, moving, outs, compute, lines, results)
        geometry = ["rows", "cols"] if spec.form == "rows" else []
    elif spec.form == "flat":
        body = loop_body({FULL: "i"}, same)
        text = _flat(device, outs[0], body)
        geometry = []
    elif spec.form == "rows":
        text = (
            _rows_cpu(spec, moving, outs, compute, lines, results)
            if device == "cpu"
            else _rows_cuda(loop_body({FULL: "k", ROW: "j", COLUMN: "i"}, same))
        )
        geometry = ["rows", "cols"]
    elif device == "cpu":
        text = _strided(spec, moving, outs, compute, lines, results)
        geometry = ["outer", "sizes", "strides"]
    else:
        text = _strided_cuda(moving, outs, loop_body)
        geometry = ["outer", "sizes", "strides"]
    head = f"def {spec.name}({', '.join(names + ([] if spec.inplace else outs) + geometry)}):"
    text = [
        *hoisted,
        *text,
        *(["if zeros > 0:", f"    raise RuntimeError({_divided_by_zero(spec)!r})"] if counting else []),
    ]
    return "\n".join([head] + ["    " + s for s in text]) + "\n"


def _divided_by_zero(spec: Spec) -> str:
    """What is said where integers are divided by 0; torch's class and first word."""
    return (
        f"ZeroDivisionError: {spec.name.removesuffix('_' + spec.form)}(): a divisor of {spec.compute.name} elements is "
        "0; replace it, or divide floating-point numbers"
    )


def _indent(lines: list[str], by: int = 1) -> list[str]:
    return ["    " * by + s for s in lines]


def _flat(device: str, out: str, body: list[str]) -> list[str]:
    if device == "cpu":
        return [f"for i in prange({out}.size):", *_indent(body)]
    return _grid_loop("i", f"{out}.size", body)


def _rows_cpu(
    spec: Spec, moving: list, outs: list[str], compute: str, lines: list[str], results: list[str]
) -> list[str]:
    # Rows are cut out first: of a position that might be negative LLVM makes no vectors.
    cut = dict.fromkeys([*[f"{variable(o.name)}_" for _, o in moving if o.walk is FULL], *outs])
    text = [f"{name.rstrip('_')}_row = {name}[i * cols : (i + 1) * cols]" for name in cut]
    across = [f"{variable(o.name)} = {_load(spec, o, 'i')}" for _, o in moving if o.walk is COLUMN]
    loads = [
        f"{variable(o.name)} = {_load(spec, o, 'j', variable(o.name).rstrip('_') + '_row' if o.walk is FULL else '')}"
        for _, o in moving
        if o.walk is not COLUMN
    ]
    stores = [
        _store(f"{t.rstrip('_')}_row", "j", r, d, spec.compute)
        for t, r, d in zip(outs, results, spec.outputs, strict=True)
    ]
    return [
        "for i in prange(rows):",
        *_indent([*text, *across, "for j in range(cols):"]),
        *_indent([*loads, *lines, *stores], 2),
    ]


def _streamed(
    spec: Spec, moving: list, outs: list[str], compute: str, lines: list[str], results: list[str]
) -> list[str]:
    """Block by block into parts that stay in the cache, and from there past it; a row may have several blocks."""
    flat = spec.form == "flat"
    block = streams.BLOCK
    at = "first" if flat else "i * cols + first"
    cut = [
        f"{variable(o.name)}_row = {variable(o.name)}_[{'first' if o.walk is ROW else at} : "
        f"{'first' if o.walk is ROW else at} + n]"
        for _, o in moving
        if o.walk is not COLUMN
    ]
    across = [f"{variable(o.name)} = {_load(spec, o, 'i')}" for _, o in moving if o.walk is COLUMN]
    loads = [
        f"{variable(o.name)} = {_load(spec, o, 'j', variable(o.name) + '_row')}"
        for _, o in moving
        if o.walk is not COLUMN
    ]
    rooms = [f"part{n} = room({out})" for n, out in enumerate(outs)]
    stores = [
        _store(f"part{n}", "j", r, d, spec.compute) for n, (r, d) in enumerate(zip(results, spec.outputs, strict=True))
    ]
    past = [f"stream(part{n}, {out}, {at}, n)" for n, out in enumerate(outs)]
    body = [*cut, "for j in range(n):", *_indent([*loads, *lines, *stores]), *past]
    if flat:
        return [
            f"for o in prange(({outs[0]}.size + {block - 1}) // {block}):",
            *_indent([*rooms, f"first = o * {block}", f"n = min({block}, {outs[0]}.size - first)", *body]),
        ]
    return [
        "for i in prange(rows):",
        *_indent([*rooms, *across, f"for first in range(0, cols, {block}):"]),
        *_indent([f"n = min({block}, cols - first)", *body], 2),
    ]


def _rows_cuda(body: list[str]) -> list[str]:
    return [
        "width = index(cols)",
        *_grid_loop("k", "rows * cols", ["i = index(k // width)", "j = index(k - i * width)", *body]),
    ]


def _grid_loop(i: str, count: str, body: list[str]) -> list[str]:
    # Unsigned and without range: a range of unknown step divides to know its length, and a signed position
    # might count from the end.
    return [
        f"count = index({count})",
        "step = index(cuda.gridsize(1))",
        f"{i} = index(cuda.grid(1))",
        f"while {i} < count:",
        *_indent([*body, f"{i} = index({i} + step)"]),
    ]


def _walk(slots: list[str], last: int) -> list[str]:
    """Offsets of position ``o`` in each slot; strides holds one row for each moving operand and then one for each
    output."""
    step = [f"{s} += i * strides[{r} * sizes.size + d]" for r, s in enumerate(slots)]
    # o + 0, because Numba takes a plain copy for the loop's own index, which a parallel loop may not overwrite.
    return [
        "r = o + 0",
        " = ".join(slots) + " = 0",
        f"for d in range(sizes.size - {last}, -1, -1):",
        "    i = r % sizes[d]",
        "    r = r // sizes[d]",
        *_indent(step),
    ]


def _strided(
    spec: Spec, moving: list, outs: list[str], compute: str, lines: list[str], results: list[str]
) -> list[str]:
    slots = [f"p{n}" for n, _ in moving] + [f"q{n}" for n in range(len(outs))]
    steps, before, loads, stores = [], [], [], []

    def place(array: str, slot: str, walk: str) -> tuple[str, str]:
        if walk == FREE:
            steps.append(f"s{slot} = strides[{slots.index(slot)} * sizes.size + sizes.size - 1]")
            return array, f"{slot} + j * s{slot}"
        # A slice, because the check for a negative position would keep the loop scalar.
        before.append(f"t{slot} = {array}[{slot} : {slot} + n]")
        return f"t{slot}", "j"

    for (n, o), walk in zip(moving, spec.inner, strict=False):
        if walk == HELD:
            before.append(f"{variable(o.name)} = {_load(spec, o, f'p{n}')}")
        else:
            base, index = place(f"{variable(o.name)}_", f"p{n}", walk)
            loads.append(f"{variable(o.name)} = {_load(spec, o, index, base)}")
    for n, (out, value, d) in enumerate(zip(outs, results, spec.outputs, strict=True)):
        base, index = (
            place(out, "p0", spec.inner[0]) if spec.inplace else place(out, f"q{n}", spec.inner[len(moving) + n])
        )
        stores.append(_store(base, index, value, d, spec.compute))
    steps, before = list(dict.fromkeys(steps)), list(dict.fromkeys(before))
    return [
        "n = sizes[sizes.size - 1]",
        *steps,
        "for o in prange(outer):",
        *_indent(_walk(slots, 2) + before + ["for j in range(n):", *_indent(loads + lines + stores)]),
    ]


def _strided_cuda(moving: list, outs: list[str], loop_body: Any) -> list[str]:
    slots = [f"p{n}" for n, _ in moving] + [f"q{n}" for n in range(len(outs))]
    walk = _walk(slots, 1)
    body = loop_body({str(n): f"p{n}" for n, _ in moving} | {FULL: ""}, [f"q{n}" for n in range(len(outs))])
    walk[3:5] = ["    q = index(r // index(sizes[d]))", "    i = int64(r) - int64(q) * sizes[d]", "    r = q"]
    return _grid_loop("o", "outer", walk + body)


_built: dict[Any, Any] = {}
# Formulas mean what they say. With reciprocals allowed, a quotient by a number or by a row's element is right two times
# of three, 2.5 / 0.001 is 2499 when cut, and the reciprocal of the smallest numbers is infinite; reordered products
# overflow on the way. There are no sums here that would need it to become vector code.
AS_WRITTEN = FAST - {"arcp", "reassoc"}


def build(spec: Spec, outputs: list[Expr], parallel: bool = False) -> Jit:
    """The CPU kernel for a spec; the same text always gives the same object."""
    text = source(spec, outputs)
    key = (text, parallel)
    if key not in _built:
        # Serial kernels allocate nothing: without Numba's reference counting a call is twice as fast.
        options: dict[str, Any] = {"parallel": True} if parallel else {} if spec.streamed else {"_nrt": False}
        options["fastmath"] = AS_WRITTEN
        options |= {"needs": streams.CODEGEN} if spec.streamed else {}
        _built[key] = compile_source(text, spec.name, ENV, label(spec), **options)
        if not spec.divisor:
            _built[key].other = lambda: build(spec, outputs, not parallel)
    return _built[key]


def build_cuda(spec: Spec, outputs: list[Expr], numel: int = 0) -> Any:
    """The CUDA kernel for a spec. Positions are divided as 32-bit numbers, several times faster there, where
    ``numel`` elements (and a step more) can be counted with them."""
    text = source(spec, outputs, "cuda")
    wide = numel >= 1 << 31
    if (text, wide) not in _built:
        env = ENV | {"index": np.uint64 if wide else np.uint32}
        _built[text, wide] = launch.compile_source(text, spec.name, env, label(spec))
    return _built[text, wide]


def label(spec: Spec) -> str:
    """``mul: float32 full, float32 row -> float32``; what a traceback shows as the kernel's file."""
    ins = ", ".join(f"{o.dtype.name if o.dtype else 'number'} {o.walk}" for o in spec.operands)
    return f"{spec.name}: {ins} -> {', '.join(d.name for d in spec.outputs)} [{spec.form}]"
