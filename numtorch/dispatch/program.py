"""Runs elementwise formulas on tensors: result type, broadcasting, layout, kernel, launch.

A ``Program`` holds the expressions. A *plan* holds what is left to do for operands of known kinds, shapes and strides:
which compiled entry point to call, with which geometry arguments, and what to allocate.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch._tensor import Tensor, new
from numtorch.autograd.inplace import single, wrote
from numtorch.device import CPU, META
from numtorch.dispatch.cost import elementwise_work
from numtorch.dispatch.out import another_device
from numtorch.dtype import dtype
from numtorch.errors import KernelError
from numtorch.interrupts import cached_property
from numtorch.kernels import launch, registry, streams, threads, timing, toolchain
from numtorch.kernels.codegen import elementwise
from numtorch.kernels.codegen.elementwise import COLUMN, FREE, FULL, HELD, ONE, ROW, SCALAR, UNIT, Operand, Spec
from numtorch.kernels.codegen.expr import Expr
from numtorch.kernels.codegen.scalar import body_of
from numtorch.kernels.jit import Jit
from numtorch.storage import (
    Size,
    allocate,
    allocator,
    broadcast_shapes,
    broadcast_strides,
    collapse,
    contiguous_strides,
    kind,
)

# Work (elements x weight) from which sharing pays. Measured: a region costs 1 us while the workers look for the next
# one, as they do within a step, and 7 us once they sleep; 32k additions take 4 us on one thread and 3 on two, 100k take
# 16 and 8.
PARALLEL_WORK = 1 << 15


def shared_from(weight: int) -> int:
    """Elements from which a loop is shared by threads, where an element costs what ``weight`` additions do: the rule
    for generated and for written kernels. It goes by sizes alone, so that results do not depend on the threads.

    >>> shared_from(8)
    4096
    """
    return PARALLEL_WORK // weight


_HEAVY = {
    "exp",
    "exp2",
    "expm1",
    "log",
    "log2",
    "log10",
    "log1p",
    "sin",
    "cos",
    "tan",
    "tanh",
    "sigmoid",
    "erf",
    "erfc",
    "normal_cdf",
    "pow",
    "lgamma",
    "digamma",
    "uniform32",
    "uniform64",
    "normal32",
    "normal64",
}


class Plan:
    """What remains to be done for operands of known kinds, shapes and strides."""

    __slots__ = ("entry", "geometry", "inplace", "jit", "kinds", "make", "numel", "recipes", "shape", "walks")

    def __init__(
        self,
        entry: Any,
        geometry: tuple,
        shape: Size,
        kinds: tuple,
        numel: int,
        jit: Any,
        walks: tuple,
        inplace: bool = False,
    ):
        self.entry, self.geometry, self.shape, self.kinds, self.numel = entry, geometry, shape, kinds, numel
        self.jit, self.walks, self.inplace = jit, walks, inplace
        self.make = allocator(numel, kinds[0])
        self.recipes: dict = {}  # of the nodes of results, by which operands want gradients; see ``Gradient.recipe``


class Program:
    """Expressions over named operands, each a tensor or a Python number.

    Args:
        name: what errors, generated source and tracebacks call it.
        outputs: the expressions, one for each result.
        operands: operand names, in the order in which they are passed.
        keep: operands that keep their own type (conditions).
        result: from the type in which the formula computes to the types of the results.
        floats: integers are computed in the default floating type.
        counted: operands that take part in type promotion; all but ``keep`` if None.
        takes: the types in which the formula may compute; None for all.
        rounded: operands of other types become elements of the half type in which the formula computes; or their names.
        divisor: the operand by which integers are divided, of which none may be 0 (on the CPU: a GPU tells nobody).
        check: ``check(name, values)`` raises for operands that the formula refuses.
    """

    def __init__(
        self,
        name: str,
        outputs: list[Expr],
        operands: list[str],
        *,
        keep: frozenset = frozenset(),
        result: Callable[[dtype], tuple] | None = None,
        floats: bool = False,
        counted: frozenset | None = None,
        takes: tuple | None = None,
        rounded: bool | tuple[str, ...] = False,
        divisor: str = "",
        check: Callable | None = None,
    ):
        self.name = name
        self.outputs = outputs
        self.operands = operands
        self.keep = keep
        self.result = result or (lambda d: (d,) * len(outputs))
        self.floats = floats
        self.takes = takes
        self.rounded, self.divisor, self.check = rounded, divisor, check
        self.counted = frozenset(operands) - keep if counted is None else counted
        self.plans: dict = registry.memo()

    def __call__(self, *values: Any, outs: tuple[Tensor, ...] | None = None) -> tuple[Tensor, ...]:
        """The results for tensors and numbers; written into ``outs`` if given."""
        key: list = []
        for v in values if outs is None else values + outs:
            try:
                k = v._k
            except AttributeError:
                key.append(v.__class__)
                continue
            key.append(k)
            key.append(v.shape)
            if not k.contiguous:
                key.append(v._strides)
        if outs is not None and outs[0] is values[0]:
            key.append("in place")
        key_ = tuple(key)
        plan = self.plans.get(key_)
        if plan is None:
            if len(self.plans) > 4096:
                self.plans.clear()
            plan = self.plans[key_] = self.plan(values, outs)
        shape = plan.shape
        if outs is None:
            n = plan.numel
            made = []
            for k in plan.kinds:
                y = new(Tensor)
                y.shape = shape
                y._buf = allocate(n, k.dtype, k.device)
                y._k = k
                made.append(y)
            outs = tuple(made)
        if plan.entry is not None:
            args = [v._buf if isinstance(v, Tensor) else v for v in values]
            if not plan.inplace:
                for y in outs:
                    args.append(y._buf)
            try:
                plan.entry(*args, *plan.geometry)
            except RuntimeError:  # a divisor was 0: all else is written
                for y in outs:
                    wrote(y)
                raise
        return outs

    @cached_property
    def limit(self) -> int:
        """Elements from which the work is shared by threads."""
        return shared_from(_weight(self.outputs))

    @cached_property
    def light(self) -> bool:
        """Whether only memory limits the loop. Where arithmetic does, stores that pass the caches have nothing to hide
        behind."""
        return _weight(self.outputs) == 1

    def compute_type(self, values: tuple) -> dtype:
        """The type in which the formula computes for these operands."""
        if self.check is not None:
            self.check(self.name, values)
        tensors, numbers = [], []
        for name, v in zip(self.operands, values, strict=True):
            if name in self.counted:
                if isinstance(v, Tensor):
                    tensors.append((v._k.dtype, len(v.shape)))
                else:
                    numbers.append(dtypes.scalar_dtype(v))
        result = dtypes.result_of(tensors, numbers)
        if self.floats and not result.differentiable:
            result = dtypes.get_default_dtype()
        if self.takes is not None and result not in self.takes and not self._counts(result):
            raise NotImplementedError(f"\"{self.name}\" not implemented for '{result.scalar}'; {_remedy(result)}")
        return result

    def _counts(self, d: dtype) -> bool:
        """Whether the formula takes integers of every width: then it takes those that are mostly for storage, too."""
        return d in dtypes.UNSIGNED and self.takes is not None and {dtypes.uint8, dtypes.int64} <= {*self.takes}

    def plan(self, values: tuple, outs: tuple | None) -> Plan:
        """Decide everything that does not depend on the elements."""
        for n, v in zip(self.operands, values, strict=True):
            if not isinstance(v, Tensor | int | float | complex | np.number | np.bool_):
                raise TypeError(f"{self.name}(): argument '{n}' must be Number, not {type(v).__name__}")
        tensors = [v for v in values if isinstance(v, Tensor)]
        where = _device(self.name, tensors)
        compute = self.compute_type(values)
        result = self.result(compute)
        shape = broadcast(self.name, [t.shape for t in tensors])
        if outs is not None:
            result = _check_outs(self.name, outs, result, shape, where, in_turn=outs[0] is values[0])
        numel = shape.numel()
        kinds = tuple(kind(d, where) for d in result)
        if where is META or numel == 0:
            return Plan(None, (), shape, kinds, numel, None, ())
        layouts = tuple((v.shape, v.strides) if isinstance(v, Tensor) else None for v in values)
        out_strides = tuple(o.strides for o in outs) if outs is not None else (contiguous_strides(shape),) * len(kinds)
        form, walks, geometry = layout(shape, layouts, out_strides)
        operands = tuple(
            Operand(n, v._k.dtype if isinstance(v, Tensor) else None, w, n in self.keep)
            for n, v, w in zip(self.operands, values, walks, strict=True)
        )
        if not compute.differentiable:
            _countable(self.name, values)
        inplace = outs is not None and len(outs) == 1 and outs[0] is values[0] and walks[0] is FULL
        inner = inner_walks(geometry) if form == "strided" and where is CPU else ()
        streamed = where is CPU and not inplace and self.light and _streamed(form, geometry, numel, result)
        spec = Spec(
            f"{self.name}_{form}".replace(".", "_"),
            form,
            operands,
            result,
            compute,
            inplace,
            inner,
            streamed,
            self.rounded,
            self.divisor,
        )
        if where is not CPU:
            return self._cuda_plan(
                spec, geometry, shape, kinds, numel, walks, lambda: self._work(values, spec, walks, shape, outs)
            )
        parallel = numel >= self.limit and threads.get_num_threads() > 1
        jit = elementwise.build(spec, self.outputs, parallel)
        if form == "strided":
            outer, sizes, strides = geometry
            geometry = (outer // int(sizes[-1]), sizes, strides)
        convert = _number(compute)
        samples = [np.empty(1, v._k.dtype.storage) if isinstance(v, Tensor) else convert(v) for v in values]
        samples += [] if inplace else [np.empty(1, d.storage) for d in result]
        entry = compiled_entry(
            jit, (*samples, *geometry), self.name, lambda: self._work(values, spec, walks, shape, outs)
        )
        return Plan(entry, geometry, shape, kinds, numel, jit, walks, inplace)

    def _work(self, values: tuple, spec: Spec, walks: tuple, shape: Size, outs: tuple | None) -> timing.Work:
        return elementwise_work(
            self.outputs,
            self.operands,
            values,
            walks,
            spec.outputs,
            shape,
            spec.form,
            spec.compute,
            spec.inplace,
            outs is not None,
        )

    def _cuda_plan(
        self,
        spec: Spec,
        geometry: tuple,
        shape: Size,
        kinds: tuple,
        numel: int,
        walks: tuple,
        work: Callable[[], timing.Work],
    ) -> Plan:
        kernel = elementwise.build_cuda(spec, self.outputs, numel)
        geometry = tuple(launch.to_device(g) if isinstance(g, np.ndarray) else g for g in geometry)
        # Numbers travel in the type in which the kernel computes: a Python float would be a double.
        number = spec.compute.compute.type if spec.compute.differentiable else _number(spec.compute)
        numbers = tuple(i for i, o in enumerate(spec.operands) if o.dtype is None)

        def launched(*args: Any) -> None:
            if numbers:
                given = list(args)
                for i in numbers:
                    given[i] = number(given[i])
                kernel.launch(numel, *given)
            else:
                kernel.launch(numel, *args)

        arity = len(walks) + len(kinds) - spec.inplace + len(geometry)
        entry = timing.loop(lambda: launched, self.name, "cuda", kernel, arity, work)
        return Plan(entry, geometry, shape, kinds, numel, kernel, walks, spec.inplace)


def _remedy(d: dtype) -> str:
    """What to do where an op does not take a type."""
    if d is dtypes.bool:
        return "use logical or bitwise functions, or cast with .int()"
    if d.is_complex:
        return "take the absolute values, .real or .imag"
    return "cast with .long()" if d in dtypes.UNSIGNED else "cast with .float()"


def _countable(op: str, values: tuple) -> None:
    error = beyond(op, values)
    if error is not None:
        raise error


def _shortened(v: int) -> str:
    return str(v) if v.bit_length() < 200 else f"an integer of {v.bit_length()} bits"


def beyond(op: str, values: tuple) -> Exception | None:
    """The error for Python integers that no kernel takes; None if there is none among the values. As in torch, what 64
    bits without a sign would hold is another error than what no number of the machine does."""
    for v in values:
        if type(v) is int and not -(1 << 63) <= v < 1 << 63:
            why = f"{op}(): {_shortened(v)} is beyond int64, in which Python's integers are computed"
            if 0 < v < 1 << 64:
                return RuntimeError(f"value cannot be converted to type int64_t without overflow: {why}")
            return OverflowError(f"int too big to convert: {why}")
    return None


def compiled_entry(jit: Jit, args: tuple, op: str, work: Callable[[], timing.Work]) -> Callable:
    """The raw entry point for the types of ``args``, observed by a profile that is open."""
    return timing.loop(lambda: entry_for(jit, args, op), op, "cpu", jit, len(args), work)


def entry_for(jit: Jit, args: tuple, op: str) -> Callable:
    """The raw entry point for the types of ``args``; compilation failures name the op and the source."""
    try:
        return jit.entry(*args)
    except Exception as e:
        if not toolchain.failed(e) or isinstance(e, MemoryError | RecursionError):
            raise  # a signal handler's, which ran meanwhile, or a lack that says nothing of the kernel
        types = ", ".join(f"{a.dtype}[]" if isinstance(a, np.ndarray) else type(a).__name__ for a in args)
        entry = registry.ENTRIES.get(op)
        site = entry.site if entry is not None else f"{jit.fn.__code__.co_filename}:{jit.fn.__code__.co_firstlineno}"
        raise KernelError(f"{op}: kernel {jit.__name__}({types}) does not compile\n  {site}\n{complaint(e)}") from e


def complaint(e: Exception) -> str:
    """What the compiler found wrong, and the line it points at, out of all that it says."""
    lines = [line.strip() for line in str(e).splitlines()]
    causes = [line.split("TypingError: ", 1)[1] for line in lines if "TypingError: " in line]
    plain = [
        line for line in lines if line and not line.startswith(("Failed in nopython mode", ">>>", "During:", "File "))
    ]
    pointed = [lines[i - 1] for i, line in enumerate(lines) if line.startswith("^") and i]
    told = [*plain[:1], *causes[-1:], *[f"in: {line}" for line in pointed[:1]]]
    return "\n".join(f"  {line}" for line in told) or f"  {type(e).__name__}"


def _number(compute: dtype) -> Callable:
    return (bool, int, float, complex)[compute.category]


def _weight(outputs: list[Expr]) -> int:
    """How many additions an element costs, roughly."""
    weight, todo, seen = 1, list(outputs), set()
    while todo:
        e = todo.pop()
        if id(e) in seen or e.op is None:
            continue
        seen.add(id(e))
        body = body_of(e.op.scalar)
        import ast

        for part in (*[a.value for a in body.assignments], body.result):
            for n in ast.walk(part):
                if isinstance(n, ast.Call):
                    f = n.func
                    weight += 3 if (f.attr if isinstance(f, ast.Attribute) else getattr(f, "id", "")) in _HEAVY else 0
        todo.extend(e.args)
    return weight


def _device(op: str, tensors: list[Tensor]) -> Any:
    first = tensors[0]._k.device
    for t in tensors:
        if t._k.device is not first and t._k.device != first:
            raise RuntimeError(
                f"Expected all tensors to be on the same device, but found at least two devices, {first} and "
                f"{t._k.device}! (in {op}; move one with .to(...))"
            )
    return first


def broadcast(op: str, shapes: list[Size]) -> Size:
    """The common shape of operands; RuntimeError in torch's words where there is none."""
    first = shapes[0]
    if all(s == first for s in shapes):
        return first
    try:
        return broadcast_shapes(*shapes)
    except ValueError as e:
        dim, a, b = e.args
        raise RuntimeError(
            f"{op}: The size of tensor a ({a}) must match the size of tensor b ({b}) at non-singleton dimension {dim}; "
            f"shapes {', '.join(str(list(s)) for s in shapes)} do not broadcast"
        ) from None


def _check_outs(op: str, outs: tuple, result: tuple, shape: Size, where: Any, in_turn: bool) -> tuple:
    for o, d in zip(outs, result, strict=True):
        if o._k.device is not where and o._k.device != where:
            raise another_device(op, o, where)
        if o.shape != shape:
            raise RuntimeError(
                f"{op}: output with shape {list(o.shape)} doesn't match the broadcast shape {list(shape)}"
            )
        if not dtypes.can_cast(d, o._k.dtype):
            raise RuntimeError(f"{op}: result type {d.name} can't be cast to the desired output type {o._k.dtype.name}")
        if not o._k.contiguous:
            single(o, op, in_turn)
    return tuple(o._k.dtype for o in outs)


def _streamed(form: str, geometry: tuple, numel: int, result: tuple) -> bool:
    """Whether results pass the caches: each is larger than they are, and comes in long enough pieces."""
    if numel * min(d.itemsize for d in result) < streams.LARGE or any(d.is_complex for d in result):
        return False
    return form == "flat" or (form == "rows" and geometry[1] >= streams.BLOCK // 2)


@lru_cache(maxsize=8192)
def layout(shape: Size, operands: tuple, out_strides: tuple) -> tuple[str, tuple, tuple]:
    """Form, walk of each operand (SCALAR for numbers), and geometry arguments.

    For the strided form the geometry is (elements, sizes, strides); strides has a row for each moving operand
    and then one for each output.
    """
    tensors = [(i, broadcast_strides(*o, shape)) for i, o in enumerate(operands) if o is not None]
    sizes, steps = collapse(shape, [s for _, s in tensors] + list(out_strides))
    ins, outs = steps[: len(tensors)], steps[len(tensors) :]
    walks: list[str | None] = [SCALAR] * len(operands)
    names: dict[tuple, str] = {}
    geometry: tuple = ()
    form = "strided"
    if not sizes:
        form, names = "flat", {(): FULL}
    elif len(sizes) == 1 and all(o == [1] for o in outs):
        form, names = "flat", {(1,): FULL, (0,): ONE}
    elif len(sizes) == 2 and all(o == [sizes[1], 1] for o in outs):
        form, geometry = "rows", tuple(sizes)
        names = {(sizes[1], 1): FULL, (0, 1): ROW, (1, 0): COLUMN, (0, 0): ONE}
    found = [names.get(tuple(s)) for s in ins]
    if form == "strided" or None in found:
        found = [ONE if not any(s) else FULL for s in ins]
        moving = [s for s, w in zip(ins, found, strict=True) if w is FULL]
        form = "strided"
        geometry = (shape.numel(), np.array(sizes, np.int64), np.array(moving + outs, np.int64).reshape(-1))
    for (i, _), w in zip(tensors, found, strict=True):
        walks[i] = w
    return form, tuple(walks), geometry


def inner_walks(geometry: tuple) -> tuple[str, ...]:
    """How the operands and outputs of a strided kernel walk along the innermost dimension."""
    _, sizes, strides = geometry
    return tuple({0: HELD, 1: UNIT}.get(int(s), FREE) for s in strides[sizes.size - 1 :: sizes.size])
