"""``@update``: an op that overwrites some of its tensors, with one pass over memory for the whole formula.

The body is written in ops and ends in ``overwrite``. Called on symbols it gives the formula, from which the kernels are
generated. All tensors have one shape and dtype. ``bool`` parameters select the formula; ``float`` parameters are
numbers in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from numtorch import engine
from numtorch._tensor import Tensor
from numtorch.autograd.inplace import wrote
from numtorch.device import CPU
from numtorch.dispatch import front
from numtorch.dispatch.cost import update_work
from numtorch.dispatch.op import publish
from numtorch.dispatch.program import PARALLEL_WORK, Program, compiled_entry
from numtorch.dispatch.structured import Op
from numtorch.dispatch.text import compiled
from numtorch.dtype import FLOATS, HALVES, dtype
from numtorch.grad_mode import _Setting, mode
from numtorch.kernels import launch, registry, tables, threads, timing
from numtorch.kernels.codegen import expr
from numtorch.kernels.codegen import update as codegen
from numtorch.kernels.registry import Kernel, Signature
from numtorch.storage import UNSHARED, tick


def overwrite(targets: tuple, values: tuple) -> Any:
    """Write each value over its target; on symbols, and where autograd is to follow, the pairs."""
    if expr.has_expr(values) or mode.grad:
        return tuple(v for pair in zip(targets, values, strict=True) for v in pair)
    for t, v in zip(targets, values, strict=True):
        engine.copy_(t, v)
    return targets[0]


class UpdateOp(Op):
    """An op made by ``@update``. Returns its first tensor."""

    def __init__(self, fn: Callable):
        import inspect

        flags = tuple(p.name for p in inspect.signature(fn).parameters.values() if p.annotation in (bool, "bool"))
        self.formula_of = fn
        super().__init__(fn.__name__, fn, fn, select=flags, differentiable=False, public=False, wide=False)
        self.numbers = [n for n, _ in self.params if n not in flags]
        self.flags = flags
        self._places_of_flags = [i for i, (n, _) in enumerate(self.params) if n in flags]
        self.programs = registry.memo()
        self.tables = registry.memo()
        for device in ("cpu", "cuda"):
            self.entry.add(
                Kernel(
                    fn.__name__, "generated", device, self.anyhow, (*FLOATS, *HALVES), when=one_type, layout="update"
                )
            )

    def formula(self, present: tuple[bool, ...], flags: tuple) -> tuple[list[str], list[str], list]:
        """Names of the tensors that are there, of those overwritten, and the expressions of their new values."""
        chosen = dict(flags)
        names = [n for n, p in zip(self.tensors, present, strict=True) if p]

        def run(*symbols: Any) -> Any:
            at = dict(zip([*names, *self.numbers], symbols, strict=True))
            return self.formula_of(
                *[at.get(n) for n in self.tensors], *[chosen[n] if n in chosen else at[n] for n, _ in self.params]
            )

        pairs = expr.trace(run, [*names, *self.numbers])
        return names, [t.name for t in pairs[::2] if t is not None], list(pairs[1::2])

    def anyhow(self, *values: Any) -> Tensor:
        """The step for any layout and device, by the elementwise kernels."""
        tensors, params = values[: len(self.tensors)], values[len(self.tensors) :]
        present = tuple(t is not None for t in tensors)
        flags = tuple((n, v) for (n, _), v in zip(self.params, params, strict=True) if n in self.flags)
        made = self.programs.get((present, flags))
        if made is None:
            names, written, new = self.formula(present, flags)
            program = Program(self.name, new, [*names, *self.numbers], counted=frozenset(names))
            made = self.programs[present, flags] = program, [self.tensors.index(n) for n in written]
        program, places = made
        given = [t for t in tensors if t is not None]
        same_shape(self.name, given)
        numbers = [v for (n, _), v in zip(self.params, params, strict=True) if n not in self.flags]
        outs = tuple(tensors[i] for i in places)
        program(*given, *numbers, outs=outs)
        for t in outs:
            wrote(t)
        return tensors[0]

    def launcher(self, s: Signature, contiguous: bool = False) -> Callable:
        """The body, the general kernel, or the generated loop with a launcher written out for it."""
        kernel = None if s.device == "meta" else self.entry.find(s)
        if kernel is None:

            def quiet(*args: Any) -> Any:
                with _Setting(grad=False):
                    return self.formula_of(*args)

            return quiet
        if kernel.layout != "update" or s.device != "cpu":
            return self.observed(kernel, s)
        return self._fused(s) if contiguous else kernel.run  # both time the loop itself

    def first(self, tensors: tuple, params: tuple) -> Any:
        """Choose for these kinds, remember, run."""
        if expr.has_expr(tensors):
            return super().first(tensors, params)
        tensors = tuple(None if t is None else self._tensor(t, i) for i, t in enumerate(tensors))
        self._same_device(tensors)
        return self._chosen(tensors, params)(*tensors, *params)

    def _chosen(self, tensors: tuple, params: tuple) -> Callable:
        """What overwrites tensors of these kinds, remembered. Complex parameters are pairs of real ones, as in
        torch."""
        if any(t is not None and t._k.dtype.is_complex for t in tensors):
            launch: Callable = self._on_pairs
        else:
            contiguous = all(t is None or t._k.contiguous for t in tensors)
            launch = self.launcher(self.signature(tensors, params), contiguous)
        self.entry.memo[front.key(self, tensors, params)] = launch
        return launch

    def together(self, columns: list[list[Tensor] | None], numbers: dict[str, Any]) -> None:
        """The step for many tensors, with the same numbers for all: one launch for those of one kind.

        Args:
            columns: for each tensor that the formula takes the list of them, with a row for each parameter; None for
                those that are absent.
            numbers: the formula's parameters.
        """
        there = [c for c in columns if c is not None]
        rows = len(there[0])
        if rows == 0:
            return
        params = self._params(numbers)
        kinds = {t._k for c in there for t in c}
        if len(kinds) > 1:
            self._by_kinds(columns, numbers)
            return
        shapes = [t.shape for t in there[0]]
        for c in there[1:]:
            if [t.shape for t in c] != shapes:
                for tensors in zip(*there, strict=True):
                    same_shape(self.name, tensors)
        (k,) = kinds
        key = (k, tuple([c is not None for c in columns]), tuple([params[i] for i in self._places_of_flags]))
        launch = self.tables.get(key)
        if launch is None:
            first = tuple([None if c is None else c[0] for c in columns])
            launch = self.tables[key] = self._table(first, params)
        if launch is False:
            for tensors in zip(*[c if c is not None else [None] * rows for c in columns], strict=True):
                self.call(*tensors, *params)
        else:
            launch(there, params)

    def _by_kinds(self, columns: list[list[Tensor] | None], numbers: dict[str, Any]) -> None:
        """``together`` for the rows of each combination of kinds."""
        found: dict[tuple, list[int]] = {}
        rows = list(zip(*[c for c in columns if c is not None], strict=True))
        for i, tensors in enumerate(rows):
            found.setdefault(tuple([t._k for t in tensors]), []).append(i)
        params = self._params(numbers)
        for kinds, places in found.items():
            part = [None if c is None else [c[i] for i in places] for c in columns]
            if len(set(kinds)) == 1:
                self.together(part, numbers)
            else:
                for tensors in zip(*[c if c is not None else [None] * len(places) for c in part], strict=True):
                    self.call(*tensors, *params)

    def _table(self, tensors: tuple, params: tuple) -> Any:
        """The launcher of the loop over a table of tensors like these; False where each is overwritten alone: what lies
        apart in memory, complex numbers, and where another kernel is chosen."""
        k = next(t for t in tensors if t is not None)._k
        if k.device.type not in ("cpu", "cuda") or not k.contiguous or k.dtype.is_complex:
            return False
        s = self.signature(tensors, params)
        kernel = self.entry.find(s)
        if kernel is None or kernel.layout != "update":
            return False
        names, written, new = self._formula(s)
        text = codegen.table_source(self.name, names, self.numbers, written, new, k.dtype, k.device.type)
        places = [names.index(n) for n in written]
        given = [i for i, (n, _) in enumerate(self.params) if n not in self.flags]
        d = k.dtype.storage
        run = (self._over_table if k.device is CPU else self._over_table_cuda)(
            text, k.dtype, places, lambda: update_work(new, len(names), len(written), k.dtype)
        )

        def step(columns: list[list[Tensor]], params: tuple) -> None:
            buffers = [t._buf for c in columns for t in c]
            sizes = tuple([b.size for b in buffers[: len(columns[0])]])
            chunks, like = tables.chunks(sizes, d)
            if like.size == 0 or run(like, buffers, sizes, chunks, [params[i] for i in given]):
                now = tick()
                for i in places:
                    for t in columns[i]:
                        s = t._storage
                        if s is UNSHARED:
                            wrote(t)
                        else:
                            s.version += 1
                            s.written = now
                return
            for row in range(len(sizes)):  # they share memory: one after the other, as they stand
                step([c[row : row + 1] for c in columns], params)

        return step

    def _over_table(self, text: str, d: dtype, written: list[int], work: Callable) -> Callable:
        """The loop over a table of CPU tensors; its call is False where the rows may not be computed together."""
        one, like = tables.chunks((2,), d.storage)
        sample = (like, np.zeros(1, np.int64), 0, one, *[0.5] * len(self.numbers))
        compiled: dict[bool, Callable] = {}

        def entry(parallel: bool) -> Callable:
            if parallel not in compiled:
                compiled[parallel] = compiled_entry(
                    codegen.build_table(text, self.name, d, parallel), sample, self.name, work
                )
            return compiled[parallel]

        def run(like: np.ndarray, buffers: list, sizes: tuple, chunks: np.ndarray, numbers: list) -> bool:
            entries = tables.table(buffers)
            large = like.size >= PARALLEL_WORK // 4 and threads.get_num_threads() > 1
            if large and len(sizes) > 1 and not tables.apart(tables.addresses(entries), sizes, written, d.itemsize):
                large = False  # the serial loop takes the rows in turn
            entry(large)(like, entries, tables.WITHIN, chunks, *numbers)
            return True

        return run

    def _over_table_cuda(self, text: str, d: dtype, written: list[int], work: Callable) -> Callable:
        """The same on CUDA."""
        kernel = codegen.build_table_cuda(text, self.name, d)
        number = d.compute.type  # a Python float would be a double there
        last: list[Any] = [None, None]  # the chunks that are on the device already

        def launched(like: np.ndarray, first: Any, entries: np.ndarray, chunks: np.ndarray, *numbers: float) -> None:
            if last[0] is not chunks:
                last[:] = chunks, launch.to_device(chunks)
            kernel.launch_blocks(
                chunks.size // 3, launch.THREADS, first, launch.to_device(entries), last[1], *map(number, numbers)
            )

        timed = timing.loop(lambda: launched, self.name, "cuda", kernel, 4 + len(self.numbers), work)

        def run(like: np.ndarray, buffers: list, sizes: tuple, chunks: np.ndarray, numbers: list) -> bool:
            entries = np.fromiter(map(launch.address_of, buffers), np.int64, len(buffers))
            if len(sizes) > 1 and not tables.apart(entries, sizes, written, d.itemsize):
                return False
            timed(like, next(b for b in buffers if b.size), entries, chunks, *numbers)
            return True

        return run

    def recorded(self, tensors: tuple, numbers: dict[str, Any]) -> None:
        """The step op by op, so that autograd can follow it from the new values to the old ones."""
        if any(t is not None and t.is_complex() for t in tensors):
            tensors = tuple(None if t is None else engine.as_pairs(t) for t in tensors)
        before = tuple(None if t is None else t.clone() for t in tensors)  # the graph keeps these
        pairs = self.formula_of(*before, *self._params(numbers))
        places = {id(old): t for old, t in zip(before, tensors, strict=True)}
        for old, value in zip(pairs[::2], pairs[1::2], strict=True):
            engine.copy_(places[id(old)], value)

    def _params(self, numbers: dict[str, Any]) -> tuple:
        return tuple(numbers.get(n, default) for n, default in self.params)

    def _on_pairs(self, *values: Any) -> Tensor:
        tensors, params = values[: len(self.tensors)], values[len(self.tensors) :]
        pairs = tuple(None if t is None else engine.as_pairs(t) for t in tensors)
        launch = self.entry.memo.get(front.key(self, pairs, params)) or self._chosen(pairs, params)
        launch(*pairs, *params)
        return tensors[0]

    def _formula(self, s: Signature) -> tuple[list[str], list[str], list]:
        return self.formula(tuple(d is not None for d in s.dtypes), s.params)

    def generated(self, args: tuple, named: dict[str, Any]) -> str:
        """The text of the loop for contiguous CPU tensors like these."""
        s = self.signature(*self.bound(args, named))
        names, written, new = self._formula(s)
        return codegen.source(self.name, names, self.numbers, written, new, s.dtypes[0])

    def _fused(self, s: Signature) -> Callable:
        """The launcher for contiguous CPU tensors of a signature. For ``sgd_step`` with momentum it reads:

        def launch(x, g, m, lr, momentum, gain, decay, ...):
            a0, a1, a2 = x._buf, g._buf, m._buf
            shape = x.shape
            if g.shape != shape or m.shape != shape:
                check("sgd_step", (x, g, m))
            (serial if a0.size < limit else large())(a0, a1, a2, lr, momentum, gain, decay)
            now = tick()
            ...the written tensors' versions...
            return x
        """
        names, written, new = self._formula(s)
        text = codegen.source(self.name, names, self.numbers, written, new, s.dtypes[0])
        d = s.dtypes[0]
        sample = [np.empty(1, d.storage)] * len(names) + [0.5] * len(self.numbers)
        entries: dict[bool, Callable] = {}

        def entry(parallel: bool) -> Callable:
            if parallel not in entries:
                entries[parallel] = compiled_entry(
                    codegen.build(text, self.name, d, parallel),
                    tuple(sample),
                    self.name,
                    lambda: update_work(new, len(names), len(written), d),
                )
            return entries[parallel]

        def large() -> Callable:
            return entry(threads.get_num_threads() > 1)

        buffers = [f"a{i}" for i in range(len(names))]
        wrong = " or ".join(f"{n}.shape != shape" for n in names[1:])  # the loop itself checks no bounds
        lines = [
            f"def launch({', '.join([*self.tensors, *[n for n, _ in self.params]])}):",
            f"    {', '.join(buffers)} = {', '.join(f'{n}._buf' for n in names)}",
            f"    shape = {names[0]}.shape",
            *([f"    if {wrong}:", f"        check(name, ({', '.join(names)}))"] if wrong else []),
            f"    (serial if a0.size < limit else large())({', '.join([*buffers, *self.numbers])})",
            "    now = tick()",
        ]
        for n in written:
            lines += [
                f"    s = {n}._storage",
                "    if s is UNSHARED:",
                f"        wrote({n})",
                "    else:",
                "        s.version += 1",
                "        s.written = now",
            ]
        lines.append(f"    return {names[0]}")
        env = {
            "serial": entry(False),
            "large": large,
            "limit": PARALLEL_WORK // 4,
            "tick": tick,
            "UNSHARED": UNSHARED,
            "wrote": wrote,
            "check": same_shape,
            "name": self.name,
        }
        return compiled("launch", "\n".join(lines) + "\n", env)


def one_type(s: Signature) -> bool:
    """all tensors have one dtype"""
    return len({d for d in s.dtypes if d is not None}) == 1


def same_shape(name: str, tensors: Any) -> None:
    """RuntimeError unless all tensors have the first one's shape."""
    first = tensors[0].shape
    for t in tensors:
        if t.shape != first:
            raise RuntimeError(
                f"{name}: a parameter of shape {list(first)} has a gradient or state of shape {list(t.shape)}; was the "
                "state loaded from another model?"
            )


def update(fn: Callable) -> Callable:
    """An op that overwrites its tensors; see the module's docstring."""
    return publish(UpdateOp(fn), fn)
