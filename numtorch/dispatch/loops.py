"""Kernels that are planned: a function says once, for operands of known kinds and shapes, which loop to launch on what.

    @softmax.loop("cpu", dtypes=FLOATS)
    def rows(x, dim):
        outer, n, inner = around(x.shape, dim)
        return Loop(softmax_rows, (outer, n), like(x), weight=8) if inner == 1 else None

What it returns becomes a ``Plan``, which the op remembers: the next call with such operands allocates the result and
calls the machine code, and nothing else. The planning function reads kinds, shapes and parameters; it never reads
elements. None says that the kernel does not take these operands: then the next one is asked, and at last the op's body.
Where there is nothing to launch, as for a view, it returns a function that takes the arguments and gives the result.
Where the results of an op, or the gradients of its inputs, come from different loops, it returns a tuple of them.

Around each loop, dispatch packs operands that are not contiguous, chooses between the serial and the parallel twin by
the amount of work, allocates results and scratch memory, calls nothing where there is nothing to compute, and turns the
code that a loop returns into an error.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any, NamedTuple

import numpy as np

from numtorch import engine
from numtorch._tensor import Tensor, alias, new, view
from numtorch.autograd.inplace import wrote
from numtorch.device import CPU
from numtorch.dispatch.program import entry_for, shared_from
from numtorch.dtype import dtype
from numtorch.errors import RegistrationError
from numtorch.kernels import registry, threads, timing
from numtorch.kernels.jit import Jit, disabled
from numtorch.kernels.launch import CudaKernel
from numtorch.storage import Kind, Size, Storage, allocate, allocator, contiguous_strides, is_contiguous, kind

EMPTY = object()  # see ``Loop``
COUNTED = -1  # the first size of a result that is as long as a loop counts
LARGE = 1 << 26  # elements from which a result may be more than memory holds
MOST_PLANS = 4096  # that an op remembers; then it begins anew


class Made(NamedTuple):
    """A result to be allocated: contiguous, unless it has strides."""

    shape: Size
    kind: Kind
    zeroed: bool = False  # on the CPU: filled with zeros, by the system where nobody writes
    strides: tuple | None = None


def like(
    x: Tensor,
    shape: tuple | None = None,
    dtype: dtype | None = None,
    zeroed: bool = False,
    order: tuple[int, ...] | None = None,
) -> Made:
    """A result with the shape, dtype and device of ``x``, but for what is given; ``order`` is that of its dimensions in
    memory."""
    k = x._k if x._k.contiguous and dtype is None else kind(dtype or x._k.dtype, x._k.device)
    shape = x.shape if shape is None else shape if shape.__class__ is Size else Size(shape)
    if order is not None:
        steps = contiguous_strides(tuple([shape[d] for d in order]))
        strides = tuple([steps[order.index(d)] for d in range(len(shape))])
        if not is_contiguous(shape, strides):
            return Made(shape, k.strided, zeroed, strides)
    return Made(shape, k, zeroed)


class Loop:
    """One launch: ``function(*operands, *results, *scratch, *numbers)``, all tensors as flat contiguous buffers.

    Args:
        function: what ``@jit`` made, with or without ``parallel=True``; on CUDA a ``CudaKernel``; or a plain function
            of the buffers that launches several loops itself.
        numbers: integers, floats and truth values that follow the buffers.
        out: the result, a tuple of results in which None stands for an input without a gradient, and EMPTY for one to
            which the function is given an empty buffer nevertheless.
        operands: the tensors that it reads; all that the kernel is given, unless said otherwise. For None it is given
            an empty buffer. Those in tuples, as the gradients and the results of an op with several, count one by one.
        weight: what an element costs, in additions; with ``elements``, those of the first operand unless given, it
            decides between the serial and the parallel twin. By the amount of work alone: twins may round differently.
        order: that of the dimensions in which the loop goes over its one operand; None for theirs. Where it follows
            from strides, the op is ``strided``.
        scratch: (elements, NumPy dtype) of each working array.
        failed: ``failed(code, *arguments of the op)`` raises what a code above 0 means, which the function returns.
        grid: on CUDA, how many threads there are to be at least; or (blocks, threads of each), or both as triples.
        moves: the twins agree to the bit, as where the loop only moves elements: on one thread the serial one runs.
        before: loops of one operand and one result that run first: each reads what the one before it wrote, the first
            of them the operand, and the loop itself what the last of them wrote.
        first: the result stands before the operands. ``copied``: it does, and begins as a copy of the first of them,
            which is not given otherwise.
        overwritten: operands that the loop writes to, among all that the kernel is given; where one is not contiguous
            the kernel does not take them.
        counts: a loop that runs first and returns how long the results are whose first size is COUNTED. It gets its
            operands, the results of known size, which stand before the others, and the same working arrays. The loop
            itself gets the results that are counted. A number below 0 is a code for ``failed``.
        together: the function gets the operands' buffers as one tuple.
        lying: the loop goes over its operands as they lie in memory, by numbers that follow from their strides; the op
            is ``strided``. A tuple says of which operands.
        made_of: the function of the buffers is what ``function(*made_of)`` gives; it is made where a loop is compiled.
        carrier: the NumPy dtype of the same size for which the loop is compiled in place of the first operand's, where
            it reads only bits.
    """

    __slots__ = (
        "before",
        "carrier",
        "copied",
        "counts",
        "elements",
        "failed",
        "first",
        "function",
        "grid",
        "lying",
        "made_of",
        "moves",
        "numbers",
        "operands",
        "order",
        "out",
        "overwritten",
        "scratch",
        "together",
        "weight",
    )

    def __init__(
        self,
        function: Any,
        numbers: tuple,
        out: Any,
        *,
        operands: tuple | None = None,
        weight: int = 1,
        elements: int | None = None,
        order: tuple | None = None,
        scratch: tuple = (),
        failed: Callable | None = None,
        grid: Any = None,
        carrier: np.dtype | None = None,
        moves: bool = False,
        before: tuple[Loop, ...] = (),
        first: bool = False,
        copied: bool = False,
        lying: bool | tuple[bool, ...] = False,
        made_of: tuple | None = None,
        overwritten: tuple = (),
        together: bool = False,
        counts: Loop | None = None,
    ):
        self.together, self.counts = together, counts
        self.order, self.function, self.numbers, self.out, self.operands = order, function, numbers, out, operands
        self.weight, self.elements, self.scratch, self.failed = weight, elements, scratch, failed
        self.grid, self.carrier, self.moves, self.before = grid, carrier, moves, before
        self.first, self.copied, self.lying, self.overwritten = first or copied, copied, lying, overwritten
        self.made_of = made_of


class Plan:
    """What remains to be done for operands of known kinds and shapes.

    Attributes:
        entry: the machine code, ``entry(*operands' buffers, result's buffer, *numbers)``; None where only ``run`` knows
            how.
        run: the whole call, ``run(*arguments)``, which takes and returns tensors and records nothing.
        shape, kind: of the result; ``make()`` gives its buffer.
        every: the entry takes all tensors, those that may be absent too.
        before, after: what stands beside a gradient that is the only one of several.
        failed: see ``Loop``.
        params: the parameters as the op's rule left them.
        again: the call begun anew, ``again(*arguments)``, for arguments whose tensors the op's rule changes.
        loop: what was planned; None for launchers and bodies.
        fill: of a loop that only writes, the machine code, ``fill(result's buffer, *numbers, *seeds)``; else None.
        sources: where each operand of the loop stands among the arguments, and whether it is read as it lies.
    """

    __slots__ = (
        "after",
        "again",
        "before",
        "entry",
        "every",
        "failed",
        "fill",
        "kind",
        "loop",
        "make",
        "numbers",
        "params",
        "run",
        "shape",
        "sources",
    )

    def __init__(self, run: Any, params: tuple = (), loop: Loop | None = None):
        self.run, self.params, self.loop = run, params, loop
        self.entry: Any = None
        self.fill: Any = None
        self.make: Any = None
        self.shape: Any = None
        self.kind: Any = None
        self.numbers: tuple = ()
        self.again: Callable | None = None
        self.every = False
        self.before: tuple = ()
        self.after: tuple = ()
        self.failed: Callable | None = None
        self.sources: tuple = ()


def _nothing(*args: Any) -> None:
    """The entry of a plan whose results have no elements."""


def _maker(made: Made) -> Callable:
    """A function that allocates a buffer, without what is the same each time."""
    n = prod(made.shape)
    return partial(np.zeros, n, made.kind.dtype.storage) if made.zeroed else allocator(n, made.kind)


def _compiled(loop: Loop, buffers: list, op: str, late: tuple) -> Callable:
    """The function to call for such buffers."""
    function = loop.function
    ready: Any
    if loop.made_of is not None:
        ready = partial(function, *loop.made_of)
        return ready() if timing.active is None else _when_called(ready)
    if isinstance(function, Jit):
        large = (loop.elements or 0) >= shared_from(loop.weight) and not threads.forked()
        large = large and not (loop.moves and threads.get_num_threads() == 1)
        chosen = function if large else function.serial
        ready = partial(entry_for, chosen, (*buffers, *loop.numbers, *late), op)
        return ready() if timing.active is None else _when_called(ready)
    if not isinstance(function, CudaKernel):
        return function
    grid = loop.grid
    if isinstance(grid, tuple):
        return partial(function.launch_grid if isinstance(grid[0], tuple) else function.launch_blocks, *grid)
    return partial(function.launch, (loop.elements or 1) if grid is None else grid)


def _when_called(ready: Callable[[], Callable]) -> Callable:
    """A function that is compiled by its first call: a profile sees calls, and not what is planned between them."""
    entry: Callable | None = None

    def call(*given: Any) -> Any:
        nonlocal entry
        if entry is None:
            entry = ready()
        return entry(*given)

    return call


def _with_scratch(entry: Callable, at: int, scratch: tuple) -> Callable:
    """The entry as called without its working arrays, which stand behind ``at`` buffers: they are allocated here."""
    makers = [partial(np.empty, n, d) for n, d in scratch]
    if len(makers) == 1 and at == 2:  # the commonest, written out
        make = makers[0]
        return lambda x, y, *numbers: entry(x, y, make(), *numbers)

    def call(*given: Any) -> Any:
        return entry(*given[:at], *[make() for make in makers], *given[at:])

    return call


def _completed(entry: Callable, absent: list[int], nothing: Any) -> Callable:
    """The entry as called without the buffers of what is absent: it gets empty ones."""
    if len(absent) == 1:
        (at,) = absent
        return lambda *given: entry(*given[:at], nothing, *given[at:])

    def call(*given: Any) -> Any:
        buffers = list(given)
        for i in absent:
            buffers.insert(i, nothing)
        return entry(*buffers)

    return call


def _after(stages: list, entry: Callable) -> Callable:
    """The entry as called after the loops ``before`` it, on the operand of the first."""

    def call(x: Any, *rest: Any) -> Any:
        for run, make, scratch, numbers in stages:
            made = make()
            run(x, made, *[np.empty(n, d) for n, d in scratch], *numbers)
            x = made
        return entry(x, *rest)

    return call


def plan(
    loop: Loop, values: tuple, params: tuple, op: str, required: list[int], every: list[int], late: list[int]
) -> Plan:
    """Make a loop ready.

    Args:
        values: the kernel's arguments, among which its tensors are found.
        params: what the plan tells the graph.
        required, every: where the tensors stand that are always given, and all of them: what callers that are written
            out pass on.
        late: where the numbers stand that differ from call to call, which follow the loop's own.
    """
    if loop.counts is not None:
        return Plan(_counted(loop, loop.counts, values, op), params, loop)
    nested = any(isinstance(t, Tensor) for v in values if isinstance(v, tuple | list) for t in v)
    values = _each(values) if nested else values
    tensors = [i for i, v in enumerate(values) if isinstance(v, Tensor)]
    read = [values[i] for i in tensors] if loop.operands is None else loop.operands
    places = [next(i for i in tensors if values[i] is t) for t in read if t is not None]
    operands = [values[i] for i in places]
    lying = loop.lying if isinstance(loop.lying, tuple) else (loop.lying,) * len(places)
    if loop.elements is None:
        loop.elements = prod(operands[0].shape) if operands else prod(loop.out.shape)
    outs = loop.out if loop.out.__class__ is tuple else (loop.out,)
    several = loop.out.__class__ is not Made
    given: list[Any] = [None if t is None else t._k for t in read]
    results = [None if o is EMPTY else o.kind for o in outs if o is not None]
    given = [*results, *given[loop.copied :]] if loop.first else [*given, *results]
    outs = tuple([None if o is EMPTY else o for o in outs])
    wanted = [o for o in outs if o is not None]
    own: Any = operands[0]._k.dtype.storage if operands else None
    carried = None if loop.carrier is None else partial(_carried, own, loop.carrier)
    where = wanted[0].kind.device
    entry: Callable = _nothing
    if where.type != "meta" and (loop.elements if loop.first else any(prod(o.shape) for o in wanted)):
        if where is CPU:
            for o in wanted:
                if prod(o.shape) > LARGE:  # refused before anything is made for its size, if memory cannot hold it
                    _maker(o)()
            examples: list[Any] = [np.empty(1, (k or given[0]).dtype.storage) for k in given]
            examples = [
                *(examples if carried is None else map(carried, examples)),
                *[np.empty(1, d) for _, d in loop.scratch],
            ]
            if loop.together:
                examples = [tuple(examples[: len(operands)]), *examples[len(operands) :]]
        else:
            examples = []
            if where.type == "cuda":
                loop.numbers = tuple(_for_device(n, wanted[0].kind.dtype) for n in loop.numbers)
        stages = []
        for stage in loop.before:
            written = np.empty(1, stage.out.kind.dtype.storage)
            run = _compiled(stage, [examples[0], written, *[np.empty(1, d) for _, d in stage.scratch]], op, ())
            stages.append((run, _maker(stage.out), stage.scratch, stage.numbers))
            examples[0] = written
        entry = _compiled(loop, examples, op, tuple([values[i] for i in late]))
        entry = _after(stages, entry) if stages else entry
        entry = _with_scratch(entry, len(given), loop.scratch) if loop.scratch else entry
        if None in given:
            entry = _completed(
                entry, [i for i, k in enumerate(given) if k is None], allocate(1, given[0].dtype, where)[:0]
            )
    changed = [i for i in tensors if any(values[i] is t for t in loop.overwritten)]
    loop.operands, loop.overwritten = None, ()  # what is remembered keeps no tensor alive
    makers = tuple(None if o is None else (_maker(o), o.shape, o.kind, o.strides) for o in outs)
    if not disabled():
        carried = None  # machine code takes any elements of that size
    sources = tuple(zip(places, lying, strict=True))
    made = Plan(_general(loop, entry, sources, makers, several, carried, late, nested, changed), params, loop)
    made.sources = sources
    alone = len(wanted) == 1 and (not several or None in outs) and wanted[0].strides is None
    plain = not (loop.order or carried or loop.first or changed) and where.type != "meta"
    plain = plain and (loop.together if nested else places in (required, every))
    in_place = all(lies or t._k.contiguous for t, lies in zip(operands, lying, strict=True))
    if alone and plain and in_place and all(t._k.device is where for t in operands):
        at = outs.index(wanted[0])
        maker: Any = makers[at]
        made.make, made.shape, made.kind, _ = maker
        made.entry, made.before, made.after = entry, (None,) * at, (None,) * (len(outs) - at - 1)
        made.numbers, made.failed, made.every = loop.numbers, loop.failed, places != required
    elif alone and where is CPU and not (read or nested or several or changed or carried or timing.active):
        made.fill, made.numbers, (made.make, made.shape, made.kind, _) = entry, loop.numbers, makers[0]  # type: ignore[misc]
    return made


def plan_each(loops: tuple, values: tuple, *rest: Any) -> Plan:
    """Make loops ready, each of which gives one of several results; None where a result is not wanted."""
    wanted = [loop for loop in loops if loop is not None]
    if len(wanted) == 1:
        wanted[0].out = tuple([None if loop is None else loop.out for loop in loops])
        return plan(wanted[0], values, *rest)
    plans = [None if loop is None else plan(loop, values, *rest) for loop in loops]
    runs = [None if p is None else p.run for p in plans]
    read = {source for p in plans if p is not None for source in p.sources}
    packed = [i for i, lies in read if not lies and (i, True) not in read and not values[i]._k.contiguous]

    def run(*given: Any, **named: Any) -> tuple:
        args = [*given, *named.values()]
        for i in packed:
            args[i] = _packed(args[i])
        return tuple([None if r is None else r(*args) for r in runs])

    return Plan(run, rest[0])


def _counted(loop: Loop, count: Loop, values: tuple, op: str) -> Callable:
    """The call of a loop whose results are as long as another one counts."""
    outs = loop.out if loop.out.__class__ is tuple else (loop.out,)
    known = [o for o in outs if o.shape[:1] != (COUNTED,)]
    counted = outs[len(known) :]
    scratch, numbers, also, several = loop.scratch, loop.numbers, count.numbers, outs is loop.out
    failed: Any = loop.failed
    tensors = [i for i, v in enumerate(values) if isinstance(v, Tensor)]

    def compiled(of: Loop, written: Any) -> tuple[list, Callable]:
        read = tensors if of.operands is None else [next(i for i in tensors if values[i] is t) for t in of.operands]
        of.elements, of.operands = of.elements or prod(values[read[0]].shape), None  # no tensor is kept alive
        kinds = [*[values[i]._k for i in read], *[o.kind for o in written]]
        examples = [np.empty(1, d) for d in (*[k.dtype.storage for k in kinds], *[d for _, d in scratch])]
        return read, _compiled(of, examples, op, ())

    (asked, counting), (places, entry) = compiled(count, known), compiled(loop, counted)
    asked = [tensors.index(i) for i in asked]
    picked = None if places == tensors else [tensors.index(i) for i in places]
    arrays = [partial(np.empty, n, d) for n, d in scratch]

    def fresh(o: Made, shape: Size) -> Tensor:
        y = new(Tensor)
        y.shape, y._k, y._buf = shape, o.kind, allocate(prod(shape), o.kind.dtype, CPU)
        return y

    def run(*values: Any) -> Any:
        read = [(t if t._k.contiguous else _packed(t))._buf for t in map(values.__getitem__, tensors)]
        working = [make() for make in arrays]
        made = [fresh(o, o.shape) for o in known]
        n = int(counting(*[read[i] for i in asked], *[y._buf for y in made], *working, *also))
        if n < 0:
            failed(n, *values)
        for o in counted:
            made.append(fresh(o, Size((n, *o.shape[1:]))))
        if n:
            if picked is not None:
                read = [read[i] for i in picked]
            entry(*read, *[y._buf for y in made[len(known) :]], *working, *numbers)
        return tuple(made) if several else made[0]

    return run


def _for_device(number: Any, of: dtype) -> Any:
    """A number as kernels on CUDA take it: Python's floats in single precision, unless the result is double."""
    single = number.__class__ is float and of.compute.itemsize // (1 + of.is_complex) < 8
    return np.float32(number) if single else number


def _each(values: tuple) -> tuple:
    """The arguments, with those in tuples one by one."""
    return tuple([v for value in values for v in (value if isinstance(value, tuple | list) else (value,))])


def _carried(own: np.dtype, carrier: np.dtype, buffer: np.ndarray) -> np.ndarray:
    return buffer.view(carrier) if buffer.dtype == own else buffer


def _general(
    loop: Loop,
    entry: Callable,
    sources: tuple,
    makers: tuple,
    several: bool,
    carried: Callable | None,
    late: list,
    nested: bool,
    changed: list,
) -> Callable:
    """The whole call: operands packed, results and scratch memory allocated, the loop called and heard.

    ``sources``: where each operand stands, and whether it is read as it lies.
    """
    numbers, failed, order = loop.numbers, loop.failed, loop.order
    together = loop.together
    if loop.first:
        copied, (make, shape, k, _) = loop.copied, makers[0]

        def written(*values: Any, **named: Any) -> Any:
            if named:
                values = (*values, *named.values())
            read = [values[i] for i, _ in sources]
            if copied:
                y = engine.copied(read.pop(0))
            else:
                y = new(Tensor)
                y.shape, y._k, y._buf = shape, k, make()
            code = entry(y._buf, *[(t if t._k.contiguous else _packed(t))._buf for t in read], *numbers)
            if code and code > 0 and failed is not None:
                failed(code, *values)
            return y

        return written
    plain = not (several or nested or late or changed or makers[0][3]) and order is None and failed is None
    if plain and carried is None:
        make, shape, k, _ = makers[0]

        def simple(*values: Any, **named: Any) -> Any:
            if named:
                values = (*values, *named.values())
            y = new(Tensor)
            y.shape, y._k = shape, k
            y._buf = buffer = make()
            entry(
                *[t._buf if (t := values[i])._k.contiguous or lies else _packed(t)._buf for i, lies in sources],
                buffer,
                *numbers,
            )
            return y

        return simple

    def run(*values: Any, **named: Any) -> Any:
        if named:
            values = (*values, *named.values())
        buffers: list[Any] = []
        made: list[Any] = []
        given = _each(values) if nested else values
        for i, lies in sources:
            t = given[i] if order is None else _permuted(given[i], order)
            buffers.append((t if lies or t._k.contiguous else _packed(t))._buf)
        for m in makers:
            if m is None:
                made.append(None)
                continue
            y = new(Tensor)
            make, y.shape, y._k, strides = m
            y._buf = buffer = make()
            if strides is not None:
                y._strides, y._storage = strides, Storage(buffer)
            buffers.append(buffer)
            made.append(y)
        if carried is not None:
            buffers = list(map(carried, buffers))
        if together:
            buffers = [tuple(buffers[: len(sources)]), *buffers[len(sources) :]]
        code = entry(*buffers, *numbers, *[values[i] for i in late])
        for i in changed:
            wrote(given[i])
        if code and code > 0 and failed is not None:
            failed(code, *values)
        return tuple(made) if several else made[0]

    return run


def _permuted(t: Tensor, order: tuple) -> Tensor:
    strides = t.strides
    return view(t, tuple([t.shape[d] for d in order]), tuple([strides[d] for d in order]))


def _packed(t: Tensor) -> Tensor:
    return engine.contiguous(t if t._edge is None else alias(t))


def key_of(value: Any) -> tuple:
    """What a plan depends on of an argument."""
    if isinstance(value, Tensor):
        return value._k, value.shape, value._strides
    return tuple(map(key_of, value)) if value.__class__ in (tuple, list) else (value.__class__, value)


def _distinct(values: tuple, named: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
    """The arguments with a tensor that is given twice as two, since the next call may give two."""
    seen: set[int] = set()

    def own(v: Any) -> Any:
        if not isinstance(v, Tensor):
            return v.__class__(map(own, v)) if v.__class__ in (tuple, list) else v
        v = alias(v) if id(v) in seen else v
        seen.add(id(v))
        return v

    return tuple(map(own, values)), {n: own(v) for n, v in named.items()}


class Planner:
    """A planning function as the registry's kernel sees it: called with tensors, it plans for them and runs.

    Attributes:
        names: what the op, or its vjp, takes, in order; the planning function is given what it names. ``required`` and
            ``every`` are the positions of the tensors among them, without and with those that may be absent, ``late``
            those of the op's seeds.
        planned: the functions that its loops launched so far.
    """

    def __init__(
        self,
        fn: Callable,
        op: str,
        kernel: str,
        names: list[str],
        required: list[int],
        every: list[int],
        late: list[int],
    ):
        self.fn, self.op, self.kernel = fn, op, kernel
        self.names, self.required, self.every, self.late = names, required, every, late
        self.__name__, self.__doc__ = fn.__name__, fn.__doc__
        self.__wrapped__ = fn
        code = fn.__code__
        defaulted = len(fn.__defaults__ or ())  # what a loop over several ops binds for each of them
        self.asked = list(code.co_varnames[: code.co_argcount - defaulted])
        unknown = [n for n in self.asked if n not in names or names.index(n) in late]
        if unknown:
            raise RegistrationError(
                f"{op}: the planning function {fn.__name__} asks for {unknown[0]!r}, which is none of "
                f"{', '.join(n for i, n in enumerate(names) if i not in late)}"
            )
        self.planned: list = []
        self.plans: dict = registry.memo()

    def plan(self, values: tuple, named: dict[str, Any], params: tuple) -> Plan | None:
        """The plan for these arguments; None if the function does not take them."""
        values, named = _distinct(values, named)
        given = dict(zip(self.names, values, strict=False)) | named
        made = timing.planned(partial(self.fn, *[given[n] for n in self.asked]), self.op, self.kernel)
        if made is None:
            return None
        if callable(made):
            return Plan(made, params)
        loops = made if isinstance(made, tuple) else (made,)
        for loop in loops:
            if loop is not None and not isinstance(loop, Loop):
                raise TypeError(
                    f"{self.op}: the planning function {self.__name__} returned {type(loop).__name__}; it returns a "
                    "Loop or a tuple of them, a function of the arguments, or None"
                )
            if loop is not None and any(t is not None and not t._k.contiguous for t in loop.overwritten):
                return None
        parts = [part for loop in loops if loop is not None for part in (*loop.before, loop.counts, loop)]
        for function in [part.function for part in parts if part is not None]:
            if isinstance(function, Jit | CudaKernel) and function not in self.planned:
                self.planned.append(function)
        ready: Any = plan_each if isinstance(made, tuple) else plan
        return ready(made, (*values, *named.values()), params, self.op, self.required, self.every, self.late)

    def __call__(self, *values: Any, **named: Any) -> Any:
        key: Any = tuple([key_of(v) for i, v in enumerate((*values, *named.values())) if i not in self.late])
        try:
            found = self.plans.get(key)
        except TypeError:  # what cannot be looked up is planned each time
            found = key = None
        if found is None:
            found = self.plan(values, named, ())
            if found is None:
                raise NotImplementedError(f"{self.op}: the kernel {self.__name__} does not take these operands")
            if key is not None:
                remember(self.plans, key, found)
        return found.run(*values, **named)


def remember(plans: dict, key: Any, made: Any) -> Any:
    """``made``, kept under its key; the table is emptied when it has grown too large."""
    if len(plans) > MOST_PLANS:
        plans.clear()
    plans[key] = made
    return made
