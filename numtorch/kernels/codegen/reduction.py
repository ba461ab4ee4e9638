"""Reduction kernels: generates loops over (outer, n, inner) from a formula with a start, a combination and a final
step.

Dimensions are merged to (outer, n, inner), and the middle one is reduced:

    rows      inner == 1    each row is reduced in blocks of BLOCK; blocks combine in order
    whole     outer == inner == 1 and many blocks: blocks may run on any thread, and combine in order
    columns   inner > 1     rows are added together, a strip of columns at a time, in parts that combine in order

So a result never depends on the number of threads.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from numtorch.dtype import dtype, from_numpy_dtype
from numtorch.kernels import launch
from numtorch.kernels.codegen.elementwise import ENV, type_name
from numtorch.kernels.jit import Jit, compile_source
from numtorch.kernels.math import max_number, min_number

# On CUDA: rows no longer than this are left to one thread each; sums longer than SPLIT_FROM are cut in parts
# while there are fewer blocks or threads than keep a large device busy.
SHORT_ROW = 32
THREADS = 256  # of a block at most
SPLIT_FROM = 1024
BUSY_BLOCKS = 512
BUSY_THREADS = 1 << 16

# Elements that are reduced at a time. A sum of single precision is short, and joins a total of double precision: on 10
# million elements its error is that of one rounding.
BLOCK = 4096
SHORT_BLOCK = 1024
TOGETHER = 8  # lines of a columns sum that are added up before they join the total
LONG = 32  # lines from which a columns sum does so
# Columns that a thread adds up at a time; their accumulators stay in the first-level cache. Measured: strips of 512
# float32, half a page, take twice as long as these on arrays of 1024 columns, where rows are fetched in pieces.
STRIP = 1024
LINE = 64  # elements of a line of narrow rows
TASKS = 32  # parts of a columns reduction that keep threads busy
PART = 1 << 15  # elements from which a part is worth its own accumulators


@dataclass(eq=False)
class Reduction:
    """How elements become one.

    Attributes:
        start: the neutral element, as text; ``{T}`` is the accumulator's type.
        combine: of ``a`` (so far) and ``v`` (an element or another block's result).
        each: of ``v``, applied to each element first.
        finish: of ``a``; ``n`` is how many elements there were, in the accumulator's type.
        blind: ``combine`` of floats that may pass over NaN, where that is quicker; a block with one is NaN then.
    """

    name: str
    start: str
    combine: str
    each: str = "v"
    finish: str = "a"
    blind: str = ""


SUM = Reduction("sum", "{T}(0)", "a + v")
MEAN = Reduction("mean", "{T}(0)", "a + v", finish="a / n")
PROD = Reduction("prod", "{T}(1)", "a * v")
MAX = Reduction("amax", "{lowest}", "maximum(a, v)", blind="max_number(a, v)")
MIN = Reduction("amin", "{highest}", "minimum(a, v)", blind="min_number(a, v)")
LARGEST = Reduction("largest", "{T}(0)", "maximum(a, v)", each="abs(v)", blind="max_number(a, v)")
NEAREST = Reduction("nearest", "{T}(inf)", "minimum(a, v)", each="abs(v)", blind="min_number(a, v)")
ANY = Reduction("any", "False", "a | v", each="v != 0")
ALL = Reduction("all", "True", "a & v", each="v != 0")
COUNT = Reduction("count_nonzero", "{T}(0)", "a + v", each="{T}(1) if v != 0 else {T}(0)")
ROOT_SQUARES = Reduction("root_squares", "{T}(0)", "a + v", each="v * v", finish="sqrt(a)")


def limits(d: np.dtype) -> tuple[str, str]:
    if d.kind == "f":
        return f"{d.name}(-inf)", f"{d.name}(inf)"
    if d == np.bool_:
        return "False", "True"
    if d.kind == "c":
        return "", ""  # complex numbers have no order
    info = np.iinfo(d)
    return f"{d.name}({info.min})", f"{d.name}({info.max})"


def _texts(r: Reduction, source: dtype, acc: np.dtype) -> dict[str, str]:
    t = type_name(acc)
    low, high = limits(acc)
    fill = {"T": t, "lowest": low, "highest": high}
    total = type_name(total_type(r, acc))
    load = {"float16": "half_to_float({})", "bfloat16": "bf16_to_float({})"}.get(source.name, "{}")
    # An element is compared with 0 before it is converted: 0.5 is not 0, but int64(0.5) is.
    if "v != 0" not in r.each and type_name(source.compute) != t:
        load = f"{t}({load})"
    return {
        "start": r.start.format(**fill),
        "combine": r.combine.format(**fill),
        "each": r.each.format(**fill),
        "finish": "quotient(a, n)" if acc.kind == "c" and r.finish == "a / n" else r.finish.format(**fill),
        "load": load,
        "total": "{}" if total == t else total + "({})",
        "zero": r.start.format(**fill) if total == t else f"{total}(0)",
        "T": t,
        "N": total,
    }


def sums_numbers(r: Reduction, acc: np.dtype) -> bool:
    """Whether it adds up real numbers, of which each addition rounds."""
    return acc.kind == "f" and r.combine == "a + v"


def total_type(r: Reduction, acc: np.dtype) -> np.dtype:
    """The type in which what blocks give is joined."""
    return np.dtype(np.float64) if sums_numbers(r, acc) else acc


def block(r: Reduction, acc: np.dtype) -> int:
    """How many elements are reduced at a time."""
    return SHORT_BLOCK if sums_numbers(r, acc) else BLOCK


def source(r: Reduction, form: str, element: dtype, acc: np.dtype, target: dtype, device: str = "cpu") -> str:
    """The kernel's text."""
    s = _texts(r, element, acc)
    store = "{}"
    if target.name == "float16":
        store = "float_to_half(float32({}))"
    elif target.name == "bfloat16":
        store = "float_to_bf16(float32({}))"
    s["store"] = store.format(s["finish"])
    s["block"], s["strip"] = str(block(r, acc)), str(STRIP)
    s["name"] = f"{r.name}_{form}"
    s["blind"] = r.blind
    template = _CPU[form] if device == "cpu" else {"rows": _CUDA_ROWS, "columns": _CUDA_COLUMNS}[form]
    if form == "fold" and r.blind and acc.kind == "f":
        template = _BLIND_FOLD
    for key, value in s.items():
        template = template.replace(f"<{key}>", value)
    return re.sub(r"<(load|total):(.*?)>", lambda at: s[at[1]].format(at[2]), template)


# Slices, because a position counted from elsewhere might be negative, and the check for it keeps a loop scalar. The
# fold of a block is a function of its own, so that serial and parallel callers round alike.
_FOLD = """\
def <name>(x, first, last):
    part = x[first:last]
    a = <start>
    for k in range(part.size):
        v = <load:part[k]>
        v = <each>
        a = <combine>
    return a
"""

_BLIND_FOLD = """\
def <name>(x, first, last):
    part = x[first:last]
    a = <start>
    bad = <T>(0)
    for k in range(part.size):
        v = <load:part[k]>
        v = <each>
        bad += <T>(1) if v != v else <T>(0)
        a = <blind>
    return <T>(nan) if bad > 0 else a
"""

_ROWS = """\
def <name>(x, out, outer, n_, inner, count):
    n = <N>(count)
    for i in prange(outer):
        a = <total:fold(x, i * n_, i * n_ + min(n_, <block>))>
        for first in range(i * n_ + <block>, (i + 1) * n_, <block>):
            v = fold(x, first, min(first + <block>, (i + 1) * n_))
            a = <combine>
        out[i] = <store>
"""

_WHOLE = """\
def <name>(x, out, partial, n_, count):
    n = <N>(count)
    for b in prange(partial.size):
        partial[b] = fold(x, b * <block>, min((b + 1) * <block>, n_))
    a = <zero>
    for b in range(partial.size):
        v = partial[b]
        a = <combine>
    out[0] = <store>
"""

_COLUMNS = """\
def <name>(x, out, total, outer, n_, inner, group, chunk, parts, count):
    # A line is `group` rows side by side, so that narrow arrays fill vectors too; a part is `chunk` lines.
    n = <N>(count)
    width = group * inner
    lines = n_ // group
    strips = (width + <strip> - 1) // <strip>
    for t in prange(outer * parts * strips):
        q = t // strips
        i = q // parts
        left = (t - q * strips) * <strip>
        m = min(<strip>, width - left)
        sums = total[q * width + left : q * width + left + m]
        for c in range(m):
            sums[c] = <zero>
        first = (q - i * parts) * chunk
        last = min(first + chunk, lines)
<together>        for j in range(first, last):
            at = i * n_ * inner + j * width + left
            row = x[at : at + m]
            for c in range(m):
                v = <load:row[c]>
                v = <each>
                a = sums[c]
                sums[c] = <combine>
    for i in prange(outer):
        target = out[i * inner : (i + 1) * inner]
        sums = total[i * parts * width : i * parts * width + inner]
        for q in range(i * parts * group + 1, (i + 1) * parts * group):
            more = total[q * inner : (q + 1) * inner]
            for c in range(inner):
                v = more[c]
                a = sums[c]
                sums[c] = <combine>
        for j in range(lines * group, n_):
            row = x[(i * n_ + j) * inner : (i * n_ + j + 1) * inner]
            for c in range(inner):
                v = <load:row[c]>
                v = <each>
                a = sums[c]
                sums[c] = <combine>
        for c in range(inner):
            a = sums[c]
            target[c] = <store>
"""

# Of the long columns of a sum, a few lines are added up by pairs in registers before they join the total.
LF = "\n"
_TOGETHER = f"""\
        while first + {TOGETHER} <= last:
            at = i * n_ * inner + first * width + left
{"".join(f"            x{k} = x[at + {k} * width : at + {k} * width + m]{LF}" for k in range(TOGETHER))}\
            for c in range(m):
{"".join(f"                v = <load:x{k}[c]>{LF}                v{k} = <each>{LF}" for k in range(TOGETHER))}\
                sums[c] += <total:((v0 + v1) + (v2 + v3)) + ((v4 + v5) + (v6 + v7))>
            first += {TOGETHER}
"""

_CUDA_ROWS = """\
def <name>(x, out, outer, n_, inner, splits, size, count):
    # One block for each row (or part of one); its threads meet in shared memory, in a fixed order.
    n = <T>(count)
    shared = cuda.shared.array(256, dtype=<T>)
    t = cuda.threadIdx.x
    for i in range(cuda.blockIdx.x, outer * splits, cuda.gridDim.x):
        row = int64(index(i) // index(splits))
        begin = (i - row * splits) * size
        last = row * n_ + min(begin + size, n_)
        k = row * n_ + begin + t
        a = <start>
        while k < last:
            v = <load:x[k]>
            v = <each>
            a = <combine>
            k += cuda.blockDim.x
        shared[t] = a
        cuda.syncthreads()
        half = cuda.blockDim.x >> 1
        while half > 0:
            if t < half:
                a = shared[t]
                v = shared[t + half]
                shared[t] = <combine>
            cuda.syncthreads()
            half >>= 1
        if t == 0:
            a = shared[0]
            out[i] = <store>
        cuda.syncthreads()
"""

_CUDA_COLUMNS = """\
def <name>(x, out, outer, n_, inner, splits, size, count):
    # One thread for each column (or part of one): neighbours read neighbours.
    n = <T>(count)
    c = cuda.grid(1)
    while c < outer * splits * inner:
        part = int64(index(c) // index(inner))
        row = int64(index(part) // index(splits))
        begin = (part - row * splits) * size
        k = (row * n_ + begin) * inner + c - part * inner
        last = (row * n_ + min(begin + size, n_)) * inner
        a = <start>
        while k < last:
            v = <load:x[k]>
            v = <each>
            a = <combine>
            k += inner
        out[c] = <store>
        c += cuda.gridsize(1)
"""

_CPU = {
    "fold": _FOLD,
    "rows": _ROWS,
    "whole": _WHOLE,
    "columns": _COLUMNS.replace("<together>", ""),
    "long_columns": _COLUMNS.replace("<together>", _TOGETHER),
}
_built: dict[Any, Any] = {}


def build(r: Reduction, form: str, element: dtype, acc: np.dtype, target: dtype) -> Jit:
    """The CPU kernel, and its serial twin; the same text always gives the same object."""
    text = source(r, form, element, acc, target)
    env = ENV
    if form == "fold":
        env = ENV | {"max_number": max_number, "min_number": min_number}
    elif "fold(" in text:
        env = ENV | {"fold": build(r, "fold", element, acc, target).serial}
    key = (text, env.get("fold"))
    if key not in _built:
        label = f"{r.name}: {element.name} -> {target.name} [{form}]"
        _built[key] = compile_source(text, f"{r.name}_{form}", env, label, parallel=True)
        _built[key]._serial = compile_source(text, f"{r.name}_{form}", env, label, _nrt=False)  # see elementwise.build
    return _built[key]


def columns_geometry(outer: int, n: int, inner: int) -> tuple[int, int, int]:
    """(group, chunk, parts) of the columns form, by the extents alone: rows of a line, lines of a part, parts."""
    group = max(1, min(LINE // inner, n))
    lines = n // group
    # Parts are for threads: none where strips or outer extents make tasks enough, or where a part would be small.
    tasks = outer * -(-group * inner // STRIP)
    chunk = max(-(-lines * tasks // TASKS), -(-PART // (group * inner)), 1)
    return group, chunk, max(1, -(-lines // chunk))


def build_cuda(r: Reduction, form: str, element: dtype, acc: np.dtype, target: dtype, stage: str, wide: bool) -> Any:
    """The CUDA kernel: of a whole reduction, or of the first or the second stage of one in two; ``wide``
    where positions need more than 32 bits."""
    if stage == "first":
        r = replace(r, finish="a")
    elif stage == "second":
        r = replace(r, each="v")
    text = source(r, form, element, acc, target, "cuda")
    if (text, wide) not in _built:
        label = f"{r.name}: {element.name} -> {target.name} [{form}]"
        env = ENV | {"index": np.int64 if wide else np.uint32}
        _built[text, wide] = launch.compile_source(text, f"{r.name}_{form}", env, label)
    return _built[text, wide]


def cuda_launcher(r: Reduction, element: dtype, acc: np.dtype, target: dtype, outer: int, n: int, inner: int) -> Any:
    """A function of (x, out) buffers that reduces the middle extent on CUDA.

    Few long sums are cut in parts, so that the whole device works; how depends on the extents alone.
    """
    rows = inner == 1 and n > SHORT_ROW
    results = outer * (1 if rows else inner)
    splits = 1
    if n > SPLIT_FROM and results < (BUSY_BLOCKS if rows else BUSY_THREADS):
        splits = min(-(-n // SPLIT_FROM), -(-(BUSY_BLOCKS if rows else BUSY_THREADS) // results))
    size = -(-n // splits) if splits > 1 else max(n, 1)
    splits = -(-n // size) if splits > 1 else 1
    wide = outer * n * inner >= 1 << 31
    form = "rows" if rows else "columns"

    def call(kernel: Any, x: Any, out: Any, n: int, splits: int, size: int, count: Any) -> None:
        if rows:
            kernel.launch_blocks(outer * splits, block_size(size), x, out, outer, n, inner, splits, size, count)
        else:
            kernel.launch(outer * splits * inner, x, out, outer, n, inner, splits, size, count)

    number = acc.type(n) if acc.kind in "fc" else n
    if splits == 1:
        kernel = build_cuda(r, form, element, acc, target, "whole", wide)
        return lambda x, out: call(kernel, x, out, n, 1, size, number)
    between = from_numpy_dtype(acc)
    first = build_cuda(r, form, element, acc, between, "first", wide)
    second = build_cuda(r, form, between, acc, target, "second", wide)

    def run(x: Any, out: Any) -> None:
        partial = launch.allocate(outer * splits * inner, acc)
        call(first, x, partial, n, splits, size, number)
        call(second, partial, out, splits, 1, splits, number)

    return run


def block_size(n: int) -> int:
    """Threads for a row of ``n`` elements: a power of two, at least a warp."""
    return min(THREADS, max(32, 1 << (n - 1).bit_length()))
