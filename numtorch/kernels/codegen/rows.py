"""Row kernels: generates loops from a formula over one row in which reductions of the row appear.

A reduction ends a *pass*: what is made of its result can only be computed once the row has been read to its end.
Softmax takes three passes: the maximum, the sum of exponentials, the quotient. Dimensions are merged to
(outer, n, inner). Results that are added up over the rows, as the gradient of a weight, take a further pass: parts of
the rows are added up in order, so that the sums do not depend on threads.

    rows      inner == 1    blocks of rows that stay in the first cache, pass by pass
    columns   inner > 1     strips of neighbouring columns, whose reductions are vectors
    blocks    CUDA          one block of threads for each row; they meet in shared memory

What is costly, as an exponential, is computed once and kept in the result, if a later pass needs it too. Of short rows
its arguments are first written for a whole block of rows, so that one vector loop computes them all. Where
sums need each other, each pass of short rows goes over the whole block, so that no row waits for the sum of another.

``where(condition, reduction, other)`` with a condition of the row *guards* the pass of the reduction: it runs only for
rows that meet the condition. Short rows without guarded passes are computed first, and once more if any needs one.

For softmax of float32 the rows form reads, for long rows:

    for i in range(rows):
        a1 = float32(-inf)
        for j in range(n):
            a1 = max_number(a1, x_row[j])
        s1 = a1
        a2 = float32(0)
        for j in range(n):
            t1 = exp(x_row[j] - s1)
            out0_row[j] = t1
            a2 = plus(a2, t1)
        s2 = a2
        for j in range(n):
            out0_row[j] = out0_row[j] / s2
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np

from numtorch.dtype import dtype
from numtorch.kernels import launch
from numtorch.kernels import math as kernel_math
from numtorch.kernels.codegen.elementwise import COLUMN, ENV, FULL, ROW, SCALAR, Operand, type_name
from numtorch.kernels.codegen.elementwise import variable as free
from numtorch.kernels.codegen.expr import Expr, Untraceable
from numtorch.kernels.codegen.reduction import THREADS, Reduction, limits
from numtorch.kernels.codegen.scalar import emit
from numtorch.kernels.jit import ORDERED, Jit, compile_source, jit, prange

BLOCK = 4096  # elements of the rows that are taken together at most
CACHE = 1 << 15  # bytes of the arrays of such a block at most: they stay in the first cache
CHUNK = 4096  # elements of a long row that are added up before they join the sum
LONG = 128  # elements from which a row is worth a vector loop of its own for what is costly
TILE = 1024  # columns walked together, so that a loop is worth its start
SPAN = 1 << 16  # elements of a tile of columns at most: it is read in each pass, and stays in the second cache
PART_ROWS = 32  # rows at least whose sum is a part of a sum over rows
PARTS = 64  # of a sum over rows at most
# How the threads of a block of CUDA make one of what each has.
MEET = {"a + v": "block_sum(share, {a})", "maximum(a, v)": "block_max(share, {a})"}
MEET |= {"minimum(a, v)": "-block_max(share, -{a})"}
AT_ROW = "base = row // inner * n * inner + row % inner"  # on CUDA: where the row begins
POINTERS = 8  # arrays up to which LLVM checks whether what is written overlaps them


@jit
def plus(a, v):
    """``a + v`` in any order, so that a sum becomes vector code in a loop whose formulas keep theirs."""
    return a + v


@jit
def add_parts(parts, out, count):
    """out = parts of its size, added up in order"""
    n = out.size
    for j in range(n):
        out[j] = out.dtype.type(0)
    for t in range(count):
        part = parts[t * n : (t + 1) * n]
        for j in range(n):
            out[j] += part[j]


@jit
def strip_width(n):
    """How many columns of n elements are walked together."""
    return max(64, min(TILE, SPAN // n) // 16 * 16)


_ENV: dict[str, Any] = ENV | {"np": np, "jit": jit, "prange": prange, "ORDERED": ORDERED, "plus": plus}
_ENV |= {"max_number": kernel_math.max_number, "min_number": kernel_math.min_number}
_CUDA_ENV = ENV | {"block_sum": launch.block_sum, "block_max": launch.block_max}
_ENV |= {"add_parts": add_parts, "strip_width": strip_width}


_TAKEN = {"base", "c", "count", "half", "hi", "inner", "known", "lo", "m", "me", "np", "o", "per", "row", "share"}
_TAKEN |= {"strips", "total", "wrong"}


def variable(name: str) -> str:
    """The variable of an operand: its name, unless the loops call something else by that name."""
    return f"v_{name}" if name in _TAKEN or name[:1] in "as" and name[1:].isdigit() else free(name)


@dataclass(eq=False)
class Pass:
    """A loop over the elements of a row.

    Attributes:
        folds: the reductions that it ends.
        guard: a condition of the row without which the loop does not run: all that reads its reductions chooses
            something else then.
        last: whether it writes the results.
    """

    folds: list[Expr]
    guard: Expr | None = None
    last: bool = False


class Formula:
    """A traced row formula, and what is computed in which pass.

    Attributes:
        outputs: the expressions of the results, in which equal subexpressions are one object.
        results: of each of them FULL, COLUMN if each row has one number of it, ROW if it is added up over the rows.
        order: all of their subexpressions, arguments first.
        full: by identity, whether an expression has a value for each element; else it has one for each row.
        level: by identity, after how many reductions that need each other it can be computed first.
        guards: by identity of a reduction the condition without which nothing needs it, and by that of what chooses
            it by this condition ``otherwise`` what else is chosen.
        levels: the passes that end the reductions of each level.
        passes: those that run for all rows.
    """

    def __init__(self, outputs: list[Expr], walks: dict[str, str], summed: list[bool]):
        known: dict[Any, Expr] = {}
        self.order: list[Expr] = []
        self.full: dict[int, bool] = {}
        self.walks = walks
        self.outputs = [self._enter(e, known) for e in outputs]
        folds = [e for e in self.order if isinstance(e.op, Reduction)]
        self.otherwise: dict[int, Expr] = {}
        self.guards = self._guards(folds)
        self.level: dict[int, int] = {}
        for e in self.order:
            needed = [*(e.args if e.op is not None else ()), *([self.guards[id(e)]] if id(e) in self.guards else [])]
            self.level[id(e)] = max([self.level[id(a)] for a in needed], default=0) + isinstance(e.op, Reduction)
        self.results = [
            ROW if over else FULL if self.full[id(e)] else COLUMN for e, over in zip(self.outputs, summed, strict=True)
        ]
        if any(w == ROW and not self.full[id(e)] for e, w in zip(self.outputs, self.results, strict=True)):
            raise Untraceable("numbers of rows are added up over the rows")
        ends = [self.level[id(e)] + (w == FULL) for e, w in zip(self.outputs, self.results, strict=True) if w != ROW]
        if not all(ends):
            raise Untraceable("a result is a number that no reduction makes")
        if not folds and sum(e.op is not None for e in self.order) < 2:
            raise Untraceable("the formula is one elementwise op")
        count = max([self.level[id(e)] for e in folds] + ends, default=0)
        self.levels = [self._passes(p, folds, p == count - 1) for p in range(count)]
        self.passes = [one for level in self.levels for one in level if one.guard is None]

    def _guards(self, folds: list[Expr]) -> dict[int, Expr]:
        """Conditions of reductions whose only use is ``where(condition, reduction, other)``."""
        users: dict[int, list[Expr]] = {}
        for e in self.order:
            for a in e.args if e.op is not None else ():
                users.setdefault(id(a), []).append(e)
        found = {}
        for e in folds:
            using = users.get(id(e), [])
            chosen = all(u.op.name == "where" and u.args[1] is e and u.args[2] is not e for u in using)
            alone = not any(e is y for y in self.outputs) and not any(self.full[id(u)] for u in using)
            if chosen and alone and len({id(u.args[0]) for u in using}) == 1:
                found[id(e)] = using[0].args[0]
                self.otherwise |= {id(u): u.args[2] for u in using}
        return found

    def _passes(self, level: int, folds: list[Expr], last: bool) -> list[Pass]:
        guarded: dict[int, Pass] = {}
        first = Pass([], None, last and FULL in self.results)
        for e in folds:
            if self.level[id(e)] == level + 1:
                guard = self.guards.get(id(e))
                one = first if guard is None else guarded.setdefault(id(guard), Pass([], guard))
                one.folds.append(e)
        return [*([first] if first.folds or first.last else []), *guarded.values()]

    def key(self) -> tuple:
        """What two equal formulas have in common."""
        at = {id(e): i for i, e in enumerate(self.order)}
        lines = [
            (id(e.op), e.name, tuple([at[id(a)] for a in e.args]) if e.op is not None else tuple(map(repr, e.args)))
            for e in self.order
        ]
        return tuple(lines), tuple([at[id(e)] for e in self.outputs]), tuple(self.results)

    def _enter(self, root: Expr, known: dict[Any, Expr]) -> Expr:
        """The expression with equal subexpressions made one."""
        made: dict[int, Expr] = {}
        stack = [(root, False)]
        while stack:
            e, ready = stack.pop()
            if id(e) in made:
                continue
            if e.op is not None and not ready:
                stack.append((e, True))
                stack.extend((a, False) for a in reversed(e.args))
                continue
            args = tuple([made[id(a)] for a in e.args]) if e.op is not None else e.args
            key = (id(e.op), e.name, tuple([id(a) if e.op is not None else (a.__class__, a) for a in args]))
            found = known.get(key)
            if found is None:
                found = known[key] = Expr(e.op, args, e.name)
                self.order.append(found)
                whole = self.walks.get(e.name) in (FULL, ROW) if e.op is None else any(self.full[id(a)] for a in args)
                self.full[id(found)] = whole and not isinstance(e.op, Reduction)
            made[id(e)] = found
        return made[id(root)]

    def roots(self, one: Pass) -> list[Expr]:
        """What a pass computes for each element: what its reductions combine, and in the last the results."""
        return [e.args[0] for e in one.folds] + [e for _, e in self.of_walk(FULL) if one.last]

    def of_walk(self, walk: str) -> list[tuple[str, Expr]]:
        """The results of which there are so many, with the names of their memory."""
        return [(f"out{i}", e) for i, (e, w) in enumerate(zip(self.outputs, self.results, strict=True)) if w == walk]

    def within(self, roots: list[Expr]) -> list[Expr]:
        """The expressions with a value for each element of which these are made, without going into reductions."""
        found: dict[int, Expr] = {}
        todo = [e for e in roots if self.full[id(e)]]
        while todo:
            e = todo.pop()
            if id(e) not in found:
                found[id(e)] = e
                todo.extend(a for a in e.args if e.op is not None and self.full[id(a)])
        return [e for e in self.order if id(e) in found]

    def numbers(self) -> list[Expr]:
        """What each row has one of: the reductions, and what is made of them for its elements or is a result."""
        wanted = {id(e) for e in self.outputs}
        wanted |= {id(a) for e in self.order if e.op is not None and self.full[id(e)] for a in e.args}
        wanted |= {id(e.args[0]) for e in self.order if isinstance(e.op, Reduction)}
        wanted |= {id(e) for e in self.otherwise.values() if e.op is not None}
        return [
            e
            for e in self.order
            if not self.full[id(e)] and self.level[id(e)] and (isinstance(e.op, Reduction) or id(e) in wanted)
        ]


@dataclass
class Step:
    """Lines of a kernel: of a row, of a whole block of rows (``flat``), or of the numbers of all rows (``numbers``)."""

    kind: str
    lines: list[str]
    reads: set[str] = field(default_factory=set)
    sets: set[str] = field(default_factory=set)


class Writer:
    """Writes the kernels of a formula.

    Args:
        name: of the op.
        operands: in the order in which kernels take them, FULL, ROW, COLUMN (a number of each row) or SCALAR.
        compute: the type of all elements.
        costly: whether an op takes many instructions.
    """

    def __init__(
        self, name: str, formula: Formula, operands: tuple[Operand, ...], compute: dtype, costly: Callable[[Expr], bool]
    ):
        self.name, self.formula, self.operands, self.costly = name.replace(".", "_"), formula, operands, costly
        self.T = type_name(compute.compute)
        self.limits = dict(zip(("lowest", "highest"), limits(compute.compute), strict=True)) | {"T": self.T}
        self.named = {id(e): f"s{i}" for i, e in enumerate(formula.numbers(), 1)}
        self.count = 0  # of names of formulas so far
        self.kept = self._kept()
        self.built: dict[str, Any] = {}  # kernels by form
        size = compute.itemsize * max(1, len(self.arrays((FULL,))))
        self.block = min(BLOCK, CACHE // size)  # elements of the rows that are taken together
        ending = sum(bool(one.folds) for one in formula.passes)
        # Whether each step of short rows goes over the whole block: where rows would wait for their sums.
        self.apart = bool(formula.guards) or ending > 1 and not self.kept or ROW in formula.results
        self.plain = False  # while lines are written for rows that need no guarded pass
        self.weight = 2 * len(formula.passes) + 3 * sum(self.costly(e) for e in formula.order if formula.full[id(e)])

    def _kept(self) -> dict[int, tuple[str, list[int]]]:
        """Which costly values have a result's memory for themselves, and in which passes they are needed."""
        free = [out for out, _ in self.formula.of_walk(FULL)]
        uses: dict[int, list[int]] = {}
        for p, one in enumerate(self.formula.passes):
            for e in self.formula.within(self.formula.roots(one)):
                uses.setdefault(id(e), []).append(p)
        heavy = [e for e in self.formula.order if id(e) in uses and self.costly(e) and self._of_one(e)]
        return {id(e): (out, uses[id(e)]) for e, out in zip(heavy, free, strict=False)}

    def _of_one(self, e: Expr) -> bool:
        """Whether a value is made of one with all elements, and of numbers that are the same for all rows."""
        rest = [a for a in e.args if not self.formula.full[id(a)]]
        same = all(a.op is None and self.formula.walks.get(a.name) != COLUMN for a in rest)
        return same and len(rest) == len(e.args) - 1

    # --- lines that all forms share -------------------------------------------------------------------

    def text_of(self, roots: list[Expr], known: dict[int, str], new: Expr | None = None) -> tuple[list[str], list[str]]:
        """``emit`` with the names of the numbers of a row, but for a new one."""
        known = {i: s for i, s in self.named.items() if new is None or i != id(new)} | known
        if self.plain:
            for i, other in self.formula.otherwise.items():
                if new is not None and id(new) == i:
                    roots = [other]
                elif i not in self.named:
                    known[i] = emit([other], self.T, variable, self.named)[1][0]
        lines, results = emit(roots, self.T, variable, known, self.count)
        self.count += len(lines)
        return lines, results

    def loads(self, roots: list[Expr], known: dict[int, str], index: str) -> list[str]:
        """Lines that load the elements of the operands of which these are made."""
        needed: set[str] = set()
        todo, seen = list(roots), set()
        while todo:
            e = todo.pop()
            if id(e) in known or id(e) in self.named or id(e) in seen:
                continue
            seen.add(id(e))
            needed.add(e.name if e.op is None else "")
            todo.extend(e.args if e.op is not None else ())
        moving = [o for o in self.operands if o.name in needed and o.walk in (FULL, ROW)]
        return [f"{variable(o.name)} = {self.at(f'{variable(o.name)}_', o.walk, index)}" for o in moving]

    def at(self, array: str, walk: str, index: str) -> str:
        """The text of an element: of a slice that stands for the row, or of the array itself."""
        if index == "global":
            return f"{array}[base + j * inner]" if walk == FULL else f"{array}[j]"
        if walk == ROW:
            return f"{array}[j]"
        return f"{array.removesuffix('_')}_row[{index}]"

    def combined(self, e: Expr, a: str, v: str, vectors: bool) -> list[str]:
        """Lines that combine an element with the accumulator of a reduction, of which LLVM is to make ``vectors``."""
        r: Reduction = e.op
        if not vectors or not (r.blind or r.combine == "a + v"):
            return [f"{a} = {_with(r.combine, a=a, v=v)}"]
        if not r.blind:
            return [f"{a} = plus({a}, {v})"]
        bad = f"bad_{a} = plus(bad_{a}, {self.T}(1) if {v} != {v} else {self.T}(0))"
        return [bad, f"{a} = {_with(r.blind, a=a, v=v)}"]

    def finished(self, e: Expr, a: str) -> str:
        """The text of a reduction's result."""
        return f"{a} * share_of_one" if e.op.finish == "a / n" else _with(e.op.finish, a=a, n="count")

    def numbers_after(self, level: int) -> list[tuple[str, Expr]]:
        """Names of what each row has one of that is known after a level, without its reductions themselves."""
        return [
            (self.named[id(e)], e)
            for e in self.formula.order
            if id(e) in self.named and not isinstance(e.op, Reduction) and self.formula.level[id(e)] == level + 1
        ]

    def loop(self, one: Pass, index: str, staged: set[int], accumulate: Any) -> list[str]:
        """The body of the loop over elements in a pass: loads, the formula, what is kept, reductions, results.

        ``staged`` holds the costly values whose memory has them already; ``accumulate(fold, text)`` gives the lines of
        a reduction.
        """
        f = self.formula
        roots = f.roots(one)
        known: dict[int, str] = {}
        loads, keep = [], []
        inside = {id(e) for e in f.within(roots) if one.guard is None}
        for i, (out, uses) in self.kept.items():
            if i in inside and (f.passes.index(one) > uses[0] or i in staged):
                known[i] = f"v_{out}"
                loads.append(f"v_{out} = {self.at(out, FULL, index)}")
            elif i in inside and len(uses) > 1:
                keep.append((next(e for e in f.order if id(e) == i), out))
        loads = self.loads(roots, known, index) + loads
        lines, texts = self.text_of([*[e for e, _ in keep], *roots], known)
        lines += [f"{self.at(out, FULL, index)} = {t}" for (_, out), t in zip(keep, texts, strict=False)]
        texts = texts[len(keep) :]
        for e, t in zip(one.folds, texts, strict=False):
            lines += accumulate(e, t)
        if one.last:
            made = zip(f.of_walk(FULL), texts[len(one.folds) :], strict=True)
            lines += [f"{self.at(out, FULL, index)} = {t}" for (out, _), t in made]
        return loads + lines

    def guarded(self, guard: Expr) -> tuple[list[str], str]:
        """Lines that compute the condition of a pass, and its text."""
        lines, (text,) = self.text_of([guard], {})
        return lines, text

    def single_results(self, index: str) -> list[str]:
        """Lines that write the results of which each row has one."""
        return [f"{out}[{index}] = {self.named[id(e)]}" for out, e in self.formula.of_walk(COLUMN)]

    def arrays(self, walks: tuple[str, ...] = (FULL, ROW, COLUMN)) -> list[str]:
        """The names of the arrays of operands and results with these walks."""
        ins = [f"{variable(o.name)}_" for o in self.operands if o.walk in walks]
        return ins + [f"out{i}" for i, walk in enumerate(self.formula.results) if walk in walks]

    def scalars(self) -> list[str]:
        """The names of the numbers that the caller gives."""
        return [f"{variable(o.name)}_" for o in self.operands if o.walk == SCALAR]

    def hoisted(self, body: list[str]) -> list[str]:
        """A body after the lines that convert numbers to the type of the elements."""
        given = [f"{variable(o.name)} = {self.T}({variable(o.name)}_)" for o in self.operands if o.walk == SCALAR]
        share = [f"share_of_one = {self.T}(1) / count"] * any("share_of_one" in line for line in body)
        return [*given, f"count = {self.T}(n)", *share, *body]

    def columns_of(self) -> list[str]:
        """Names of the operands that are a number of each row."""
        return [variable(o.name) for o in self.operands if o.walk == COLUMN]

    # --- rows -----------------------------------------------------------------------------------------

    def steps(self, short: bool) -> Iterator[Step]:
        """What is done with a block of rows, in order. For ``short`` rows costly values are computed for the whole
        block at a time, and rows that need a guarded pass are only counted."""
        f = self.formula
        kept = [e for e in f.order if id(e) in self.kept] if short else []
        staged: set[int] = set()
        for level, passes in enumerate(f.levels):
            for one in passes:
                if short and one.guard is not None:
                    continue
                for e in kept:
                    first = f.passes[self.kept[id(e)][1][0]]
                    if id(e) not in staged and (first is one or self._alone(e)):
                        yield from self.stage(e)
                        staged.add(id(e))
                yield self.row_pass(one, staged, not short and (bool(self.kept) or self.apart))
            for heavy, group in groupby(self.numbers_after(level), lambda named: self._heavy(named[1])):
                yield self._numbers("numbers" if heavy or short and self.apart else "row", list(group))
            guards = {id(e): e for e in f.guards.values() if short and f.level[id(e)] == level + 1}
            for guard in guards.values():
                lines, text = self.guarded(guard)
                yield Step("numbers", [*lines, f"wrong += 1 if {text} else 0"], self._read([*lines, text]))
        if singles := f.of_walk(COLUMN):
            yield Step("row", self.single_results("i"), {self.named[id(e)] for _, e in singles})

    def _heavy(self, e: Expr) -> bool:
        return self.costly(e) or any(
            self._heavy(a)
            for a in e.args
            if e.op is not None and id(a) not in self.named and not self.formula.full[id(a)]
        )

    def _numbers(self, kind: str, group: list[tuple[str, Expr]]) -> Step:
        lines = []
        for s, e in group:
            made, (text,) = self.text_of([e], {}, e)
            lines += [*made, f"{s} = {text}"]
        sets = {s for s, _ in group}
        return Step(kind, lines, self._read(lines) - sets, sets)

    def _read(self, lines: list[str]) -> set[str]:
        names = {*self.named.values(), *self.columns_of()}
        return {n.id for n in ast.walk(ast.parse("\n".join(lines))) if isinstance(n, ast.Name) and n.id in names}

    def stage(self, e: Expr) -> Iterator[Step]:
        """A costly value for a block of rows, in its memory; before it its argument, unless that is an element."""
        out = self.kept[id(e)][0]
        arg = next(a for a in e.args if self.formula.full[id(a)])
        if not self._alone(e):
            lines, (text,) = self.text_of([arg], {})
            body = [*self.loads([arg], {}, "j"), *lines, f"{out}_row[j] = {text}"]
            yield Step("row", ["for j in range(n):", *_indent(body)], self._read([*lines, text]))
            known, loads = {id(arg): f"v_{out}"}, [f"v_{out} = {out}[j]"]
        else:
            known, loads = {}, [s.replace("_row[j]", "_[j]") for s in self.loads([e], {}, "j")]
        lines, (text,) = self.text_of([e], known)
        yield Step("flat", ["for j in range(rows * n):", *_indent([*loads, *lines, f"{out}[j] = {text}"])])

    def _alone(self, e: Expr) -> bool:
        """Whether a value is made of nothing but elements, so that rows need not be told apart."""
        inside = self.formula.within([e])
        single = [a for x in inside if x.op is not None for a in x.args if not self.formula.full[id(a)]]
        return all(x.op is not None or self.formula.walks[x.name] == FULL for x in inside) and not any(
            a.op is not None or self.formula.walks.get(a.name) == COLUMN for a in single
        )

    def row_pass(self, one: Pass, staged: set[int], long: bool) -> Step:
        """One loop over the elements of a row; a ``long`` one is added up in parts, of which rounding takes less."""
        folds = one.folds
        names = {id(e): f"a{self.named[id(e)][1:]}" for e in folds}
        start = [f"{names[id(e)]} = {e.op.start.format(**self.limits)}" for e in folds]
        blind = [names[id(e)] for e in folds if e.op.blind]
        start += [f"bad_{a} = {self.T}(0)" for a in blind]
        body = self.loop(one, "j", staged, lambda e, v: self.combined(e, names[id(e)], v, True))
        end = [f"{a} = {self.T}(nan) if bad_{a} > 0 else {a}" for a in blind]
        end += [f"{self.named[id(e)]} = {self.finished(e, names[id(e)])}" for e in folds]
        lines = [*start, "for j in range(n):", *_indent(body), *end]
        if long and folds and all(e.op.combine == "a + v" for e in folds):
            arrays = sorted({a for line in body for a in re.findall(r"\w+(?=\[j\])", line)})
            cuts = [f"{a}_part = {a}[first : first + {CHUNK}]" for a in arrays]
            within = [re.sub(r"(\w+)\[j\]", r"\1_part[j]", line) for line in body]
            sums = [f"{a}_sum = {a}_sum + {a}" for a in names.values()]
            part = [*cuts, *start, f"for j in range(min({CHUNK}, n - first)):", *_indent(within), *sums]
            lines = [f"{a}_sum = {self.T}(0)" for a in names.values()]
            lines += [f"for first in range(0, n, {CHUNK}):", *_indent(part)]
            lines += [_renamed(line, {a: f"{a}_sum" for a in names.values()}) for line in end]
        sets = {self.named[id(e)] for e in folds}
        if one.guard is not None:
            check, text = self.guarded(one.guard)
            other = [f"{s} = {self.T}(0)" for s in sorted(sets)]
            lines = [*check, f"if {text}:", *_indent(lines), "else:", *_indent(other)]
        return Step("row", lines, self._read(lines) - sets, sets)

    def row_sum(self, out: str, e: Expr) -> Step:
        """What a block of rows adds to the sum over the rows: several rows for each walk over the sums."""
        lines, (text,) = self.text_of([e], {})
        lines = [*self.loads([e], {}, "j"), *lines]
        read = _names([*lines, text])
        whole = [a for a in self.arrays((FULL,)) if f"{a.removesuffix('_')}_row" in read]
        numbers = sorted(self._read([*lines, text]))
        start = [f"{a.removesuffix('_')}_row = {a}[i * n : (i + 1) * n]" for a in whole]
        start += [f"{s} = {s}_[i]" for s in numbers]
        own = {s.split(" = ")[0] for s in (*start, *lines)}
        together = max(1, min(4, POINTERS // max(len(whole), 1)))
        names = [{n: f"{n}_{q}" for n in own} | {"i": f"(i + {q})"} for q in range(together)]
        several = [*[_renamed(s, row) for row in names for s in start], "for j in range(n):"]
        several += _indent([_renamed(s, row) for row in names for s in lines])
        several.append(f"    {out}[j] = {' + '.join([f'{out}[j]', *[_renamed(text, row) for row in names]])}")
        single = [*start, "for j in range(n):", *_indent([*lines, f"{out}[j] = {out}[j] + {text}"])]
        loops = [f"for i in range(0, rows // {together} * {together}, {together}):", *_indent(several)]
        loops += [f"for i in range(rows // {together} * {together}, rows):", *_indent(single)]
        return Step("sum", loops, set(numbers))

    def rows(self) -> tuple[str, str]:
        """The name and the text of the CPU kernel for rows."""
        forms = [_grouped(list(self.steps(False)))]
        if self.kept or self.apart:
            self.plain = True
            steps = list(self.steps(True))
            forms.append(_apart(steps) if self.apart else _grouped(steps))
            self.plain = False
        sums = [self.row_sum(out, e) for out, e in self.formula.of_walk(ROW)]
        left = [_across([*groups, sums]) for groups in forms]
        texts = [self._blocks(groups, across) for groups, across in zip(forms, left, strict=True)]
        name, taken = f"{self.name}_rows", [*self.arrays(), "rows", "n", *self.scalars()]
        if len(forms) == len(forms[0]) == 1 and not sums:  # nothing that a block of rows would share
            first, *rest = texts[0][0]
            lines = self.hoisted([first.replace("range", "prange"), *rest])
            return name, "\n".join([f"def {name}({', '.join(taken)}):", *_indent(lines)]) + "\n"
        known = sorted(set().union(*left), key=lambda s: int(s[1:]))
        body = ["rows = hi - lo"]
        body += [f"{a} = {a}[lo * n : hi * n]" for a in self.arrays((FULL,))]
        body += [f"{a} = {a}[lo:hi]" for a in self.arrays((COLUMN,))]
        body += [f"{s}_ = known[lo * {len(known)} + {c} * rows :][:rows]" for c, s in enumerate(known)]
        body += self._of_length(*texts)
        body += [line for step in sums for line in step.lines]
        inside = [*self.arrays(), *self.scalars(), *["known"] * bool(known), "lo", "hi", "n"]
        outs = [out for out, _ in self.formula.of_walk(ROW)]
        given = [f"{a}_part" if a in outs else a for a in inside]
        driver = [f"known = np.empty({len(known)} * rows, np.{self.T})"] * bool(known)
        call = f"{name}_block({', '.join(given)})"
        driver += self._parts(call, outs) if outs else self._every(call)
        return name, _two(f"{name}_block", inside, self.hoisted(body), name, taken, driver)

    def _of_length(self, long: list[list[str]], short: list[list[str]] | None = None) -> list[str]:
        """Lines for a block of rows: long ones each by itself, short ones step by step. Where any needs a guarded
        pass, short ones are computed once more as long ones."""
        every = [line for group in long for line in group]
        if short is None:
            return every
        checked = next((i for i, group in enumerate(short, 1) if any("wrong +=" in line for line in group)), 0)
        until = LONG if self.kept else self.block // 2
        first, then = [[line for group in part for line in group] for part in (short[:checked], short[checked:])]
        if not checked:
            return [f"if n >= {until}:", *_indent(every), "else:", *_indent(then)]
        text = [f"wrong = 1 if n >= {until} else 0", "if wrong == 0:", *_indent(first)]
        return [*text, "if wrong == 0:", *_indent(then), "if wrong > 0:", *_indent(every)]

    def _every(self, call: str) -> list[str]:
        """Lines that call for each block of rows."""
        return [
            f"per = max(1, {self.block} // n)",
            "for b in prange((rows + per - 1) // per):",
            "    lo = b * per",
            "    hi = min(rows, lo + per)",
            f"    {call}",
        ]

    def _parts(self, call: str, sums: list[str]) -> list[str]:
        """Lines that call for each block of rows, and add up what the parts of the rows give."""
        return [
            f"size = max({PART_ROWS}, (rows + {PARTS} - 1) // {PARTS})",
            "parts = (rows + size - 1) // size",
            f"sums = np.zeros({len(sums)} * parts * n, np.{self.T})",
            f"per = max({self.block} // n, 4 if n <= {SPAN // 4} else 1)",
            "for t in prange(parts):",
            *[f"    {out}_part = sums[({i} * parts + t) * n :][:n]" for i, out in enumerate(sums)],
            "    end = min(rows, (t + 1) * size)",
            "    for lo in range(t * size, end, per):",
            "        hi = min(end, lo + per)",
            f"        {call}",
            *[f"add_parts(sums[{i} * parts * n :], {out}, parts)" for i, out in enumerate(sums)],
        ]

    def _blocks(self, groups: list[list[Step]], across: set[str]) -> list[list[str]]:
        """The lines of each group of steps."""
        columns = set(self.columns_of())
        texts: list[list[str]] = []
        for group in groups:
            if group[0].kind == "flat":
                texts.append([s for step in group for s in step.lines])
                continue
            sets = set().union(*[step.sets for step in group])
            reads = set().union(*[step.reads for step in group])
            loads = [f"{s} = {s}_[i]" for s in sorted((reads - sets) & across | reads & columns)]
            stores = [f"{s}_[i] = {s}" for s in sorted(sets & across)]
            lines = [s for step in group for s in step.lines]
            cut = "\n".join(lines)
            rows = [a for a in self.arrays((FULL,)) if f"{a.removesuffix('_')}_row[" in cut]
            cuts = [f"{a.removesuffix('_')}_row = {a}[i * n : (i + 1) * n]" for a in rows]
            texts.append(["for i in range(rows):", *_indent([*cuts, *loads, *lines, *stores])])
        return texts

    # --- columns --------------------------------------------------------------------------------------

    def columns(self) -> tuple[str, str]:
        """The name and the text of the CPU kernel for columns."""
        f = self.formula
        body: list[str] = []
        for level, passes in enumerate(f.levels):
            for one in passes:
                body += self._strip_pass(one)
            if later := self.numbers_after(level):
                lines = self._loaded(self._numbers("row", later).lines, {s for s, _ in later})
                body += ["for c in range(m):", *_indent([*lines, *[f"{s}_[c] = {s}" for s, _ in later]])]
        singles = [f"{s}_[c]" for s in self.single_results("c")]
        body += ["for c in range(m):", *_indent(singles)] if singles else []
        name, known = f"{self.name}_columns", list(self.named.values())
        start = [f"{a} = {a}[o * inner + lo :][:m]" for a in self.arrays((COLUMN,))]
        start += [f"{s}_ = known[(o * inner + lo) * {len(known)} + {c} * m :][:m]" for c, s in enumerate(known)]
        start.append("base = o * n * inner + lo")
        outs = [out for out, _ in f.of_walk(ROW)]
        for out, e in f.of_walk(ROW):
            body += self._strip_sum(out, e)
        given = [*self.arrays(), *self.scalars(), "known", "o", "lo", "m", "n", "inner"]
        passed = [f"sums[({outs.index(a)} * outer * strips + t) * n :][:n]" if a in outs else a for a in given]
        driver = [
            f"known = np.empty({len(known)} * outer * inner, np.{self.T})",
            "width = strip_width(n)",
            "strips = (inner + width - 1) // width",
            *[f"sums = np.empty({len(outs)} * outer * strips * n, np.{self.T})"] * bool(outs),
            "for t in prange(outer * strips):",
            "    o = t // strips",
            "    lo = (t - o * strips) * width",
            "    m = min(width, inner - lo)",
            f"    {name}_strip({', '.join(passed)})",
            *[f"add_parts(sums[{i} * outer * strips * n :], {out}, outer * strips)" for i, out in enumerate(outs)],
        ]
        taken = [*self.arrays(), "outer", "n", "inner", *self.scalars()]
        return name, _two(f"{name}_strip", given, self.hoisted([*start, *body]), name, taken, driver)

    def _strip_sum(self, out: str, e: Expr) -> list[str]:
        """What a strip of columns adds to the sum over the rows."""
        lines, (text,) = self.text_of([e], {})
        lines = self._loaded([*self.loads([e], {}, "c"), *lines, f"total = plus(total, {text})"], set())
        whole = [a for a in self.arrays((FULL,)) if f"{a.removesuffix('_')}_row" in _names(lines)]
        cuts = [f"{a.removesuffix('_')}_row = {a}[base + j * inner :][:m]" for a in whole]
        body = [*cuts, f"total = {self.T}(0)", "for c in range(m):", *_indent(lines), f"{out}[j] = total"]
        return ["for j in range(n):", *_indent(body)]

    def _strip_pass(self, one: Pass) -> list[str]:
        """A loop over the elements of a strip of columns."""
        names = {id(e): self.named[id(e)] for e in one.folds}

        def accumulate(e: Expr, v: str) -> list[str]:
            s = names[id(e)]
            return [f"{s} = {s}_[c]", *self.combined(e, s, v, False), f"{s}_[c] = {s}"]

        inner = self._loaded(self.loop(one, "c", set(), accumulate), set(names.values()))
        rows = [a for a in self.arrays((FULL,)) if f"{a.removesuffix('_')}_row[" in "\n".join(inner)]
        cuts = [f"{a.removesuffix('_')}_row = {a}[base + j * inner : base + j * inner + m]" for a in rows]
        start = [f"{names[id(e)]}_[c] = {e.op.start.format(**self.limits)}" for e in one.folds]
        lines = ["for c in range(m):", *_indent(start)] if start else []
        lines += ["for j in range(n):", *_indent([*cuts, "for c in range(m):", *_indent(inner)])]
        finished = [e for e in one.folds if e.op.finish != "a"]
        end = [f"{names[id(e)]}_[c] = {self.finished(e, names[id(e)] + '_[c]')}" for e in finished]
        lines += ["for c in range(m):", *_indent(end)] if end else []
        if one.guard is None:
            return lines
        check, text = self.guarded(one.guard)
        check = self._loaded([*check, f"wrong += 1 if {text} else 0"], set())
        other = [f"{s}_[c] = {self.T}(0)" for s in names.values()]
        checked = ["wrong = 0", "for c in range(m):", *_indent(check), "if wrong > 0:", *_indent(lines), "else:"]
        return [*checked, "    for c in range(m):", *_indent(_indent(other))]

    def _loaded(self, lines: list[str], own: set[str]) -> list[str]:
        """The lines of a loop over columns, after those that load the numbers of the column."""
        return [*[f"{s} = {s}_[c]" for s in sorted(self._read(lines) - own)], *lines]

    # --- CUDA blocks ----------------------------------------------------------------------------------

    def blocks(self) -> tuple[str, str]:
        """The name and the text of the CUDA kernel; it leaves the numbers of rows that sums over rows need."""
        f = self.formula
        body = [f"{c} = {c}_[row]" for c in self.columns_of()]
        for level, passes in enumerate(f.levels):
            for one in passes:
                body += self._block_pass(one)
            body += self._numbers("row", later).lines if (later := self.numbers_after(level)) else []
        singles = [*self.single_results("row"), *[f"known[{c} * rows + row] = {s}" for c, s in enumerate(self.left())]]
        body += ["if me == 0:", *_indent(singles)] if singles else []
        rows = ["for row in range(cuda.blockIdx.x, rows, cuda.gridDim.x):", f"    {AT_ROW}", *_indent(body)]
        return self._cuda("_blocks", rows)

    def block_sums(self) -> tuple[str, str]:
        """The name and the text of the CUDA kernel of sums over rows, a block of threads for each."""
        body = []
        for out, e in self.formula.of_walk(ROW):
            lines, (text,) = self.text_of([e], {})
            lines = [*self.loads([e], {}, "global"), *lines]
            read = self._read([*lines, text])
            numbers = [f"{s} = known[{c} * rows + row]" for c, s in enumerate(self.left()) if s in read]
            numbers += [f"{c} = {c}_[row]" for c in self.columns_of() if c in read]
            body += [f"{out}_sum = {self.T}(0)", "for row in range(me, rows, width):"]
            body += [f"    {AT_ROW}", *_indent([*numbers, *lines, f"{out}_sum = {out}_sum + {text}"])]
            body += [f"{out}_sum = block_sum(share, {out}_sum)", "if me == 0:", f"    {out}[j] = {out}_sum"]
        return self._cuda("_sums", ["for j in range(cuda.blockIdx.x, n, cuda.gridDim.x):", *_indent(body)])

    def left(self) -> list[str]:
        """The numbers of rows that sums over rows need."""
        made = [self.text_of([e], {}) for _, e in self.formula.of_walk(ROW)]
        return sorted(self._read([line for lines, texts in made for line in (*lines, *texts)]) - set(self.columns_of()))

    def _cuda(self, form: str, body: list[str]) -> tuple[str, str]:
        name = f"{self.name.removesuffix('_backward')}{form}" + "_backward" * self.name.endswith("_backward")
        known = ["known"] * (ROW in self.formula.results)
        head = f"def {name}({', '.join([*self.arrays(), *known, 'outer', 'n', 'inner', *self.scalars()])}):"
        start = ["rows = outer * inner", f"share = cuda.shared.array({THREADS}, dtype={self.T})"]
        start += ["me = cuda.threadIdx.x", "width = cuda.blockDim.x"]
        return name, "\n".join([head, *_indent(self.hoisted([*start, *body]))]) + "\n"

    def _block_pass(self, one: Pass) -> list[str]:
        """A loop over the elements of a row by the threads of a block."""
        names = {id(e): f"a{self.named[id(e)][1:]}" for e in one.folds}
        lines = [f"{names[id(e)]} = {e.op.start.format(**self.limits)}" for e in one.folds]
        loop = self.loop(one, "global", set(), lambda e, v: self.combined(e, names[id(e)], v, False))
        lines += ["for j in range(me, n, width):", *_indent(loop)]
        for e in one.folds:
            a = names[id(e)]
            lines += [f"{a} = {MEET[e.op.combine].format(a=a)}", f"{self.named[id(e)]} = {self.finished(e, a)}"]
        if one.guard is None:
            return lines
        check, text = self.guarded(one.guard)
        other = [f"{self.named[id(e)]} = {self.T}(0)" for e in one.folds]
        return [*check, *other, f"if {text}:", *_indent(lines)]


def _with(text: str, **names: str) -> str:
    """A reduction's text with its variables replaced."""
    tree = ast.parse(text, mode="eval")
    for n in ast.walk(tree):
        if isinstance(n, ast.Name) and n.id in names:
            n.id = names[n.id]
    return ast.unparse(tree)


def _names(lines: list[str]) -> set[str]:
    return {n.id for n in ast.walk(ast.parse("\n".join(lines))) if isinstance(n, ast.Name)}


def _renamed(line: str, names: dict[str, str]) -> str:
    """A line with its variables replaced."""
    return re.sub(r"\b[A-Za-z_]\w*\b", lambda found: names.get(found[0], found[0]), line)


def _indent(lines: list[str]) -> list[str]:
    return ["    " + s for s in lines]


def _two(inner: str, given: list[str], body: list[str], name: str, taken: list[str], driver: list[str]) -> str:
    """The text of a kernel and of the function that it calls for each part of its work."""
    head = ["@jit(fastmath=ORDERED)", f"def {inner}({', '.join(given)}):", *_indent(body)]
    return "\n".join([*head, "", "", f"def {name}({', '.join(taken)}):", *_indent(driver)]) + "\n"


def _grouped(steps: list[Step]) -> list[list[Step]]:
    """Steps that one loop over rows can do, together."""
    groups: list[list[Step]] = []
    for step in steps:
        if groups and step.kind == "row" and groups[-1][0].kind == "row":
            groups[-1].append(step)
        else:
            groups.append([step])
    return groups


def _apart(steps: list[Step]) -> list[list[Step]]:
    """Steps of short rows: each has a loop over rows of its own, but for those of numbers that follow each other."""
    groups: list[list[Step]] = []
    for step in steps:
        if groups and step.kind == "numbers" and groups[-1][0].kind == "numbers":
            groups[-1].append(step)
        else:
            groups.append([step])
    return groups


def _across(groups: list[list[Step]]) -> set[str]:
    """The numbers of a row that one loop over rows leaves to another."""
    found: set[str] = set()
    for i, group in enumerate(groups):
        sets = set().union(*[s.sets for s in group])
        found |= sets & set().union(*[s.reads for other in groups[i + 1 :] for s in other])
    return found


_built: dict[Any, Any] = {}


def build(writer: Writer, form: str, label: str) -> Jit:
    """The CPU kernel of a form, ``rows`` or ``columns``; the same text always gives the same object."""
    if form not in writer.built:
        writer.count = 0
        name, text = getattr(writer, form)()
        if text not in _built:
            _built[text] = compile_source(text, name, _ENV, label, parallel=True, fastmath=ORDERED)
        writer.built[form] = _built[text]
    return writer.built[form]


def build_cuda(writer: Writer, label: str, sums: bool = False) -> Any:
    """The CUDA kernel of rows, or of ``sums`` over them; the same text always gives the same object."""
    writer.count = 0
    name, text = writer.block_sums() if sums else writer.blocks()
    if text not in _built:
        _built[text] = launch.compile_source(text, name, _CUDA_ENV, label)
    return _built[text]
