"""Update kernels: formulas that overwrite their own operands in one pass, as the step of an optimizer does.

The generated loop reads every operand once and stores each new value in the place of the old one:

    def sgd_step(x_, g_, m_, momentum_, lr_):
        momentum = float32(momentum_)
        lr = float32(lr_)
        for i in prange(x_.size):
            x = x_[i]
            g = g_[i]
            m = m_[i]
            t1 = momentum * m
            t2 = t1 + g
            t3 = lr * t2
            t4 = x - t3
            x_[i] = t4
            m_[i] = t2

Results are written through the operands' own names. With extra arrays over the same memory, the vectorised loop would
detect the overlap at run time and fall back to a scalar loop.

The same body stands in the loop over a *table* of tensors (``kernels/tables.py``), which updates all parameters of an
optimizer in one launch:

    def sgd_step(like_, entries_, within_, chunks_, momentum_, lr_):
        momentum = float32(momentum_)
        ...
        rows = entries_.size // 3
        count = chunks_.size // 3
        for o in prange(count):
            row = chunks_[o]
            x_ = array_at(address_of(entries_[row], within_), chunks_[count + o], chunks_[2 * count + o], like_)
            ...
            for i in range(x_.size):
                ...
"""

from __future__ import annotations

import importlib
from typing import Any

from numtorch.dtype import dtype
from numtorch.kernels import launch, tables
from numtorch.kernels.codegen.elementwise import ENV, type_name
from numtorch.kernels.codegen.expr import Expr
from numtorch.kernels.codegen.scalar import emit
from numtorch.kernels.jit import FAST, Jit, compile_source

_READ = {"float16": "half_to_float({})", "bfloat16": "bf16_to_float({})"}
_WRITE = {"float16": "float_to_half({})", "bfloat16": "float_to_bf16({})"}

# The order of products is the formula's: gain * g * g may be a number where gain * (g * g) overflows. Nor are products
# joined with additions: of a sum of two products either may be, and the serial and the shared loop would differ in the
# last bit.
AS_WRITTEN = FAST - {"reassoc", "contract"}

TABLE_ENV = ENV | {"array_at": tables.array_at, "address_of": tables.address_of}

_built: dict[tuple, Jit] = {}
_built_cuda: dict[tuple, launch.CudaKernel] = {}


def source(name: str, arrays: list[str], numbers: list[str], written: list[str], values: list[Expr], d: dtype) -> str:
    """The kernel's text: ``written`` names the arrays that ``values`` overwrite, all of dtype ``d``."""
    casts, body = _parts(arrays, numbers, written, values, d)
    head = f"def {name}({', '.join(f'{n}_' for n in arrays + numbers)}):"
    return "\n".join([head, *casts, f"    for i in prange({arrays[0]}_.size):", *[f"        {s}" for s in body]]) + "\n"


def table_source(
    name: str,
    arrays: list[str],
    numbers: list[str],
    written: list[str],
    values: list[Expr],
    d: dtype,
    device: str = "cpu",
) -> str:
    """The text of the same loop over a table: a column for each of ``arrays``, a row for each parameter.

    On the CPU each chunk is an iteration of the parallel loop. On CUDA the table has addresses, and a block of threads
    takes a chunk.
    """
    casts, body = _parts(arrays, numbers, written, values, d)
    cells = [f"entries_[{f'{k} * rows + ' if k else ''}row]" for k in range(len(arrays))]
    if device == "cpu":
        arguments = ["like_", "entries_", "within_", "chunks_"]
        cells = [f"address_of({c}, within_)" for c in cells]
        loop, last = ["for o in prange(count):"], []
        each = [f"for i in range({arrays[0]}_.size):", *[f"    {s}" for s in body]]
    else:
        arguments = ["like_", "entries_", "chunks_"]
        loop, last = ["o = cuda.blockIdx.x", "while o < count:"], ["    o += cuda.gridDim.x"]
        each = ["i = cuda.threadIdx.x", "while i < n:", *[f"    {s}" for s in body], "    i += cuda.blockDim.x"]
    lines = [
        f"rows = entries_.size // {len(arrays)}",
        "count = chunks_.size // 3",
        *loop,
        "    row, first, n = chunks_[o], chunks_[count + o], chunks_[2 * count + o]",
        *[f"    {a}_ = array_at({c}, first, n, like_)" for a, c in zip(arrays, cells, strict=True)],
        *[f"    {s}" for s in each],
        *last,
    ]
    head = f"def {name}({', '.join([*arguments, *[f'{n}_' for n in numbers]])}):"
    return "\n".join([head, *casts, *[f"    {s}" for s in lines]]) + "\n"


def _parts(
    arrays: list[str], numbers: list[str], written: list[str], values: list[Expr], d: dtype
) -> tuple[list[str], list[str]]:
    """The lines that round the numbers, and those of one element."""
    compute = type_name(d.compute)
    lines, results = emit(values, compute)
    read, write = _READ.get(d.name, "{}"), _WRITE.get(d.name, "{}")
    body = [f"{a} = {read.format(f'{a}_[i]')}" for a in arrays] + lines
    body += [f"{w}_[i] = {write.format(r)}" for w, r in zip(written, results, strict=True)]
    return [f"    {n} = {compute}({n}_)" for n in numbers], body


def build(text: str, name: str, d: dtype, parallel: bool) -> Jit:
    """The compiled function of a text; the same text always gives the same object."""
    key = (text, parallel)
    if key not in _built:
        _built[key] = compile_source(
            text, name, ENV, f"{name}: {d.name}, in place", parallel=parallel, fastmath=AS_WRITTEN
        )
        _built[key].other = lambda: build(text, name, d, not parallel)
    return _built[key]


def build_table(text: str, name: str, d: dtype, parallel: bool) -> Jit:
    """``build`` of a text that ``table_source`` wrote."""
    key = (text, parallel)
    if key not in _built:
        options: dict[str, Any] = {"parallel": True} if parallel else {"_nrt": False}
        _built[key] = compile_source(
            text,
            name,
            TABLE_ENV,
            f"{name}: {d.name}, in place, a table",
            needs=tables.CODEGEN,
            fastmath=AS_WRITTEN,
            **options,
        )
        _built[key].other = lambda: build_table(text, name, d, not parallel)
    return _built[key]


def build_table_cuda(text: str, name: str, d: dtype) -> launch.CudaKernel:
    """The CUDA kernel of a text that ``table_source`` wrote for CUDA."""
    key = (text, launch.simulated())
    if key not in _built_cuda:
        launch.module()
        found = tables if launch.simulated() else importlib.import_module(tables.CUDA)
        _built_cuda[key] = launch.compile_source(
            text, name, ENV | {"array_at": found.array_at}, f"{name}: {d.name}, in place, a table"
        )
    return _built_cuda[key]
