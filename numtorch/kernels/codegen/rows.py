"""Row kernels: generates loops from a formula over one row in which reductions of the row appear.

A reduction ends a *pass*: what is made of its result can only be computed once the row has been read to its end.
Softmax takes three passes: the maximum, the sum of exponentials, the quotient. Dimensions are merged to
(outer, n, inner):

    rows      inner == 1    blocks of rows that stay in the first cache, pass by pass
    columns   inner > 1     strips of neighbouring columns, whose reductions are vectors
    blocks    CUDA          one block of threads for each row; they meet in shared memory

What is costly, as an exponential, is computed once and kept in the result, if a later pass needs it too. Of short rows
its arguments are first written for a whole block of rows, so that one vector loop computes them all.

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

BLOCK = 2048  # elements of the rows that are taken together: three copies stay in the first cache
LONG = 128  # elements from which a row is worth a vector loop of its own for what is costly
TILE = 1024  # columns walked together, so that a loop is worth its start
SPAN = 1 << 16  # elements of a tile of columns at most: it is read in each pass, and stays in the second cache


@jit
def plus(a, v):
    """``a + v`` in any order, so that a sum becomes vector code in a loop whose formulas keep theirs."""
    return a + v


@jit
def strip_width(n):
    """How many columns of n elements are walked together."""
    return max(64, min(TILE, SPAN // n) // 16 * 16)


_ENV: dict[str, Any] = ENV | {"np": np, "jit": jit, "prange": prange, "ORDERED": ORDERED, "plus": plus}
_ENV |= {"max_number": kernel_math.max_number, "min_number": kernel_math.min_number, "strip_width": strip_width}


_TAKEN = {"m", "c", "lo", "hi", "per", "base", "inner", "known", "row", "me", "share", "half", "strips", "np"}


def variable(name: str) -> str:
    """The variable of an operand: its name, unless the loops call something else by that name."""
    return f"v_{name}" if name in _TAKEN or name[:1] in "as" and name[1:].isdigit() else free(name)


class Formula:
    """A traced row formula, and what is computed in which pass.

    Attributes:
        outputs: the expressions of the results, in which equal subexpressions are one object.
        order: all of their subexpressions, arguments first.
        full: by identity, whether an expression has a value for each element; else it has one for each row.
        pass_of: in which pass it can be computed first; a reduction's result is known in the pass after.
        passes: how many there are.
    """

    def __init__(self, outputs: list[Expr], walks: dict[str, str]):
        known: dict[Any, Expr] = {}
        self.order: list[Expr] = []
        self.full: dict[int, bool] = {}
        self.pass_of: dict[int, int] = {}
        self.walks = walks
        self.outputs = [self._enter(e, known) for e in outputs]
        folds = [e for e in self.order if isinstance(e.op, Reduction)]
        ends = [self.pass_of[id(e)] + self.full[id(e)] for e in self.outputs]
        self.passes = max([self.pass_of[id(e)] for e in folds] + ends, default=0)
        if not all(ends):
            raise Untraceable("a result is a number that no reduction makes")
        if not folds and sum(e.op is not None for e in self.order) < 2:
            raise Untraceable("the formula is one elementwise op")
        self.folds = [[e for e in folds if self.pass_of[id(e)] == p + 1] for p in range(self.passes)]

    def key(self) -> tuple:
        """What two equal formulas have in common."""
        at = {id(e): i for i, e in enumerate(self.order)}
        lines = [
            (id(e.op), e.name, tuple([at[id(a)] for a in e.args]) if e.op is not None else tuple(map(repr, e.args)))
            for e in self.order
        ]
        return tuple(lines), tuple([at[id(e)] for e in self.outputs])

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
                self._place(found)
            made[id(e)] = found
        return made[id(root)]

    def _place(self, e: Expr) -> None:
        self.order.append(e)
        if e.op is None:
            full, at = self.walks.get(e.name) in (FULL, ROW), 0
        else:
            full = any(self.full[id(a)] for a in e.args)
            at = max([self.pass_of[id(a)] for a in e.args], default=0)
        if isinstance(e.op, Reduction):
            full, at = False, at + 1
        self.full[id(e)], self.pass_of[id(e)] = full, at

    def roots(self, p: int) -> list[Expr]:
        """What pass ``p`` computes for each element: what its reductions combine, and in the last the results."""
        last = p == self.passes - 1
        return [e.args[0] for e in self.folds[p]] + [e for e in self.outputs if last and self.full[id(e)]]

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
        return [
            e
            for e in self.order
            if not self.full[id(e)] and self.pass_of[id(e)] and (isinstance(e.op, Reduction) or id(e) in wanted)
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
        self.results = [formula.full[id(e)] for e in formula.outputs]
        self.named = {id(e): f"s{i}" for i, e in enumerate(formula.numbers(), 1)}
        self.count = 0  # of names of formulas so far
        self.kept = self._kept()
        self.built: dict[str, Any] = {}  # kernels by form
        self.weight = 2 * formula.passes + 3 * sum(self.costly(e) for e in formula.order if formula.full[id(e)])

    def _kept(self) -> dict[int, tuple[str, list[int]]]:
        """Which costly values have a result's memory for themselves, and in which passes they are needed."""
        free = [f"out{i}" for i, full in enumerate(self.results) if full]
        uses: dict[int, list[int]] = {}
        for p in range(self.formula.passes):
            for e in self.formula.within(self.formula.roots(p)):
                uses.setdefault(id(e), []).append(p)
        heavy = [e for e in self.formula.order if self.formula.full[id(e)] and self.costly(e) and self._of_one(e)]
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
        return _with(e.op.finish, a=a, n="count")

    def numbers_after(self, p: int) -> list[tuple[str, Expr]]:
        """Names of what each row has one of that is known after pass ``p``, without its reductions themselves."""
        return [
            (self.named[id(e)], e)
            for e in self.formula.order
            if id(e) in self.named and not isinstance(e.op, Reduction) and self.formula.pass_of[id(e)] == p + 1
        ]

    def loop(self, p: int, index: str, staged: set[int], accumulate: Any) -> list[str]:
        """The body of the loop over elements in pass ``p``: loads, the formula, what is kept, reductions, results.

        ``staged`` holds the costly values whose memory has them already; ``accumulate(fold, text)`` gives the lines of
        a reduction.
        """
        f = self.formula
        roots = f.roots(p)
        known: dict[int, str] = {}
        loads, keep = [], []
        inside = {id(e) for e in f.within(roots)}
        for i, (out, uses) in self.kept.items():
            if i in inside and (p > uses[0] or i in staged):
                known[i] = f"v_{out}"
                loads.append(f"v_{out} = {self.at(out, FULL, index)}")
            elif i in inside and len(uses) > 1:
                keep.append((next(e for e in f.order if id(e) == i), out))
        loads = self.loads(roots, known, index) + loads
        lines, texts = self.text_of([*[e for e, _ in keep], *roots], known)
        lines += [f"{self.at(out, FULL, index)} = {t}" for (_, out), t in zip(keep, texts, strict=False)]
        texts = texts[len(keep) :]
        for e, t in zip(f.folds[p], texts, strict=False):
            lines += accumulate(e, t)
        if p == f.passes - 1:
            outs = [f"out{i}" for i, full in enumerate(self.results) if full]
            lines += [f"{self.at(o, FULL, index)} = {t}" for o, t in zip(outs, texts[len(f.folds[p]) :], strict=True)]
        return loads + lines

    def single_results(self, index: str) -> list[str]:
        """Lines that write the results of which each row has one."""
        lines = []
        for i, e in enumerate(self.formula.outputs):
            if not self.results[i]:
                lines.append(f"out{i}[{index}] = {self.named[id(e)]}")
        return lines

    def arrays(self, walks: tuple[str, ...] = (FULL, ROW, COLUMN)) -> list[str]:
        """The names of the arrays of operands and results with these walks."""
        ins = [f"{variable(o.name)}_" for o in self.operands if o.walk in walks]
        return ins + [f"out{i}" for i, full in enumerate(self.results) if (FULL if full else COLUMN) in walks]

    def scalars(self) -> list[str]:
        """The names of the numbers that the caller gives."""
        return [f"{variable(o.name)}_" for o in self.operands if o.walk == SCALAR]

    def hoisted(self) -> list[str]:
        """Lines that convert numbers to the type of the elements."""
        given = [f"{variable(o.name)} = {self.T}({variable(o.name)}_)" for o in self.operands if o.walk == SCALAR]
        return [*given, f"count = {self.T}(n)"]

    def columns_of(self) -> list[str]:
        """Names of the operands that are a number of each row."""
        return [variable(o.name) for o in self.operands if o.walk == COLUMN]

    # --- rows -----------------------------------------------------------------------------------------

    def steps(self, staging: bool) -> Iterator[Step]:
        """What is done with a block of rows, in order; ``staging`` computes costly values for the block at a time."""
        f = self.formula
        kept = [e for e in f.order if id(e) in self.kept] if staging else []
        staged: set[int] = set()
        for p in range(f.passes):
            for e in kept:
                first = self.kept[id(e)][1][0]
                if id(e) not in staged and (first == p or self._alone(e)):
                    yield from self.stage(e)
                    staged.add(id(e))
            yield self.row_pass(p, staged)
            for heavy, group in groupby(self.numbers_after(p), lambda named: self._heavy(named[1])):
                yield self._numbers("numbers" if heavy else "row", list(group))
        singles = [e for e, full in zip(f.outputs, self.results, strict=True) if not full]
        if singles:
            yield Step("row", self.single_results("i"), {self.named[id(e)] for e in singles})

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

    def row_pass(self, p: int, staged: set[int]) -> Step:
        """One loop over the elements of a row."""
        folds = self.formula.folds[p]
        names = {id(e): f"a{self.named[id(e)][1:]}" for e in folds}
        start = [f"{names[id(e)]} = {e.op.start.format(**self.limits)}" for e in folds]
        blind = [names[id(e)] for e in folds if e.op.blind]
        start += [f"bad_{a} = {self.T}(0)" for a in blind]
        body = self.loop(p, "j", staged, lambda e, v: self.combined(e, names[id(e)], v, True))
        end = [f"{a} = {self.T}(nan) if bad_{a} > 0 else {a}" for a in blind]
        end += [f"{self.named[id(e)]} = {self.finished(e, names[id(e)])}" for e in folds]
        lines = [*start, "for j in range(n):", *_indent(body), *end]
        sets = {self.named[id(e)] for e in folds}
        return Step("row", lines, self._read(lines) - sets, sets)

    def rows(self) -> tuple[str, str]:
        """The name and the text of the CPU kernel for rows."""
        forms = [list(self.steps(False))]
        if self.kept:
            forms.append(list(self.steps(True)))
        grouped = [_grouped(steps) for steps in forms]
        across = sorted({s for groups in grouped for s in _across(groups)}, key=lambda s: int(s[1:]))
        texts = [self._blocks(groups, set(across)) for groups in grouped]
        name, taken = f"{self.name}_rows", [*self.arrays(), "rows", "n", *self.scalars()]
        if len(texts) == len(grouped[0]) == 1:  # nothing that a block of rows would share
            first, *rest = texts[0]
            lines = [*self.hoisted(), first.replace("range", "prange"), *rest]
            return name, "\n".join([f"def {name}({', '.join(taken)}):", *_indent(lines)]) + "\n"
        body = texts[0] if len(texts) == 1 else [f"if n >= {LONG}:", *_indent([*texts[0], "return"]), *texts[1]]
        given, known = [*self.arrays(), *self.scalars()], [f"{s}_" for s in across]
        inside = [*given, *known, "rows", "n"]
        cuts = [f"{a}[lo * n : hi * n]" if a in self.arrays((FULL,)) else f"{a}[lo:hi]" for a in self.arrays()]
        cuts = [a if a in self.arrays((ROW,)) else c for a, c in zip(self.arrays(), cuts, strict=True)]
        parts = [f"known[{c} * rows + lo : {c} * rows + hi]" for c in range(len(known))]
        driver = [
            *([f"known = np.empty({len(known)} * rows, np.{self.T})"] if known else []),
            f"per = max(1, {BLOCK} // n)",
            "for b in prange((rows + per - 1) // per):",
            "    lo = b * per",
            "    hi = min(rows, lo + per)",
            f"    {name}_block({', '.join([*cuts, *self.scalars(), *parts, 'hi - lo', 'n'])})",
        ]
        return name, _two(f"{name}_block", inside, [*self.hoisted(), *body], name, taken, driver)

    def _blocks(self, groups: list[list[Step]], across: set[str]) -> list[str]:
        columns = set(self.columns_of())
        text: list[str] = []
        for group in groups:
            if group[0].kind == "flat":
                text += [s for step in group for s in step.lines]
                continue
            sets = set().union(*[step.sets for step in group])
            reads = set().union(*[step.reads for step in group])
            loads = [f"{s} = {s}_[i]" for s in sorted((reads - sets) & across | reads & columns)]
            stores = [f"{s}_[i] = {s}" for s in sorted(sets & across)]
            lines = [s for step in group for s in step.lines]
            cut = "\n".join(lines)
            rows = [a for a in self.arrays((FULL,)) if f"{a.removesuffix('_')}_row[" in cut]
            cuts = [f"{a.removesuffix('_')}_row = {a}[i * n : (i + 1) * n]" for a in rows]
            text += ["for i in range(rows):", *_indent([*cuts, *loads, *lines, *stores])]
        return text

    # --- columns --------------------------------------------------------------------------------------

    def columns(self) -> tuple[str, str]:
        """The name and the text of the CPU kernel for columns."""
        f = self.formula
        body: list[str] = []
        for p in range(f.passes):
            for e in f.folds[p]:
                body += ["for c in range(m):", f"    {self.named[id(e)]}_[c] = {e.op.start.format(**self.limits)}"]

            def accumulate(e: Expr, v: str) -> list[str]:
                s = self.named[id(e)]
                return [f"{s} = {s}_[c]", *self.combined(e, s, v, False), f"{s}_[c] = {s}"]

            inner = self.loop(p, "c", set(), accumulate)
            inner = self._loaded(inner, {self.named[id(e)] for e in f.folds[p]})
            rows = [a for a in self.arrays((FULL,)) if f"{a.removesuffix('_')}_row[" in "\n".join(inner)]
            cuts = [f"{a.removesuffix('_')}_row = {a}[base + j * inner : base + j * inner + m]" for a in rows]
            body += ["for j in range(n):", *_indent([*cuts, "for c in range(m):", *_indent(inner)])]
            after = [
                f"{self.named[id(e)]} = {self.finished(e, self.named[id(e)])}" for e in f.folds[p] if e.op.finish != "a"
            ]
            after += self._numbers("row", later).lines if (later := self.numbers_after(p)) else []
            if after:
                sets = [self.named[id(e)] for e in f.folds[p] if e.op.finish != "a"] + [s for s, _ in later]
                lines = [*self._loaded(after, {s for s, _ in later}), *[f"{s}_[c] = {s}" for s in sets]]
                body += ["for c in range(m):", *_indent(lines)]
        singles = [f"{s}_[c]" for s in self.single_results("c")]
        body += ["for c in range(m):", *_indent(singles)] if singles else []
        known = [f"{s}_" for s in self.named.values()]
        name = f"{self.name}_columns"
        given = [*self.arrays(), *self.scalars(), *known, "base", "m", "n", "inner"]
        cuts = [
            f"{a}[o * inner + lo : o * inner + lo + m]" if a in self.arrays((COLUMN,)) else a for a in self.arrays()
        ]
        parts = [
            f"known[{c} * outer * inner + o * inner + lo : {c} * outer * inner + o * inner + lo + m]"
            for c in range(len(known))
        ]
        driver = [
            f"known = np.empty({len(known)} * outer * inner, np.{self.T})",
            "width = strip_width(n)",
            "strips = (inner + width - 1) // width",
            "for t in prange(outer * strips):",
            "    o = t // strips",
            "    lo = (t - o * strips) * width",
            "    m = min(width, inner - lo)",
            f"    {name}_strip({', '.join([*cuts, *self.scalars(), *parts, 'o * n * inner + lo', 'm', 'n', 'inner'])})",
        ]
        return name, _two(
            f"{name}_strip",
            given,
            [*self.hoisted(), *body],
            name,
            [*self.arrays(), "outer", "n", "inner", *self.scalars()],
            driver,
        )

    def _loaded(self, lines: list[str], own: set[str]) -> list[str]:
        """The lines of a loop over columns, after those that load the numbers of the column."""
        return [*[f"{s} = {s}_[c]" for s in sorted(self._read(lines) - own)], *lines]

    # --- CUDA blocks ----------------------------------------------------------------------------------

    def blocks(self) -> tuple[str, str]:
        """The name and the text of the CUDA kernel."""
        f = self.formula
        body = ["o = row // inner", "base = o * n * inner + row - o * inner"]
        body += [f"{c} = {c}_[row]" for c in self.columns_of()]
        for p in range(f.passes):
            names = {id(e): f"a{self.named[id(e)][1:]}" for e in f.folds[p]}
            body += [f"{names[id(e)]} = {e.op.start.format(**self.limits)}" for e in f.folds[p]]
            loop = self.loop(p, "global", set(), lambda e, v: self.combined(e, names[id(e)], v, False))  # noqa: B023
            body += ["for j in range(me, n, width):", *_indent(loop)]
            for e in f.folds[p]:
                meet = self.combined_blocks(e)
                body += [f"share[me] = {names[id(e)]}", *meet, f"{names[id(e)]} = share[0]", "cuda.syncthreads()"]
                body.append(f"{self.named[id(e)]} = {self.finished(e, names[id(e)])}")
            body += self._numbers("row", later).lines if (later := self.numbers_after(p)) else []
        singles = self.single_results("row")
        body += ["if me == 0:", *_indent(singles)] if singles else []
        name = f"{self.name.removesuffix('_backward')}_blocks" + "_backward" * self.name.endswith("_backward")
        head = f"def {name}({', '.join([*self.arrays(), 'outer', 'n', 'inner', *self.scalars()])}):"
        text = [
            *self.hoisted(),
            f"share = cuda.shared.array({THREADS}, dtype={self.T})",
            "me = cuda.threadIdx.x",
            "width = cuda.blockDim.x",
            "for row in range(cuda.blockIdx.x, outer * inner, cuda.gridDim.x):",
            *_indent(body),
        ]
        return name, "\n".join([head, *_indent(text)]) + "\n"

    def combined_blocks(self, e: Expr) -> list[str]:
        """Lines in which the threads of a block combine what each has of a reduction, in a fixed order."""
        return [
            "cuda.syncthreads()",
            "half = width // 2",
            "while half > 0:",
            "    if me < half:",
            f"        share[me] = {_with(e.op.combine, a='share[me]', v='share[me + half]')}",
            "    cuda.syncthreads()",
            "    half //= 2",
        ]


def _with(text: str, **names: str) -> str:
    """A reduction's text with its variables replaced."""
    tree = ast.parse(text, mode="eval")
    for n in ast.walk(tree):
        if isinstance(n, ast.Name) and n.id in names:
            n.id = names[n.id]
    return ast.unparse(tree)


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


def build_cuda(writer: Writer, label: str) -> Any:
    """The CUDA kernel; the same text always gives the same object."""
    writer.count = 0
    name, text = writer.blocks()
    if text not in _built:
        _built[text] = launch.compile_source(text, name, ENV, label)
    return _built[text]
