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
"""

from __future__ import annotations

from numtorch.dtype import dtype
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

_built: dict[tuple, Jit] = {}


def source(name: str, arrays: list[str], numbers: list[str], written: list[str], values: list[Expr], d: dtype) -> str:
    """The kernel's text: ``written`` names the arrays that ``values`` overwrite, all of dtype ``d``."""
    compute = type_name(d.compute)
    lines, results = emit(values, compute)
    read, write = _READ.get(d.name, "{}"), _WRITE.get(d.name, "{}")
    body = [f"{a} = {read.format(f'{a}_[i]')}" for a in arrays] + lines
    body += [f"{w}_[i] = {write.format(r)}" for w, r in zip(written, results, strict=True)]
    head = f"def {name}({', '.join(f'{n}_' for n in arrays + numbers)}):"
    casts = [f"    {n} = {compute}({n}_)" for n in numbers]
    return "\n".join([head, *casts, f"    for i in prange({arrays[0]}_.size):", *[f"        {s}" for s in body]]) + "\n"


def build(text: str, name: str, d: dtype, parallel: bool) -> Jit:
    """The compiled function of a text; the same text always gives the same object."""
    key = (text, parallel)
    if key not in _built:
        _built[key] = compile_source(
            text, name, ENV, f"{name}: {d.name}, in place", parallel=parallel, fastmath=AS_WRITTEN
        )
    return _built[key]
