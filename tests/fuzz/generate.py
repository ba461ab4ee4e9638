"""Calls, generated: the ``i``-th call of a seed is always the same.

First a call that makes sense: by a recipe for the family, by the op's own samples, or from the signature with the table
    of
what parameters are called (``_named``). Then, half of the time, up to three changes that may make no sense
(``MUTATIONS``).
"""

from __future__ import annotations

import itertools
import random
import re
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

from numtorch._tensor import Tensor
from numtorch.dtype import dtype as DType
from tests.fuzz.calls import DTYPES, FLOATING, INTEGRAL, Call, D, Of, T, inf, nan
from tests.fuzz.surface import EMPTY, Function, functions

HUGE = (2**31 - 1, 2**31, -(2**31), 2**40, 2**62, 2**63 - 1, -(2**63), 2**63, -(2**40))
SMALL = (0, 1, -1, 2, -2, 3, -3, 5, 7, 100, -100)
NUMBERS = (0.0, -0.0, 0.5, 1.0, -1.0, 2.0, -2.5, 1e-8, 1e30, inf, -inf, nan, 3, True, 255, 300, -129, 2**40)
WRONG = (None, "mean", "", [], [1], (), (1, 2), 1.0, 2.5, True, 3 + 0j, {}, b"x", nan)
# most kernels in float64 are compiled by the tests of ops anyway
NARROW = ("float64",) * 9 + ("float32", "int64", "int64", "bool")
SIZES = (1, 2, 3, 4, 5, 5, 7, 8, 9, 16, 17)
LARGE = (31, 33, 64, 65, 100, 129)
COMBINE = ("sum", "prod", "mean", "amax", "amin")


@cache
def palette(name: str, narrow: bool = False) -> tuple:
    """The types that a function is mostly called with: not all for each, since every one is a kernel to compile."""
    if narrow:
        return NARROW
    n = zlib.crc32(name.strip("_").encode())
    half, small = ("float16", "bfloat16")[n % 2], ("int32", "int16", "int8", "uint8")[n // 2 % 4]
    return ("float32",) * 14 + ("float64",) * 3 + ("int64",) * 4 + (half, half, small, "bool")


class Gen:
    """Draws the parts of one call."""

    def __init__(self, seed: Any, name: str = "", narrow: bool = False):
        self.r = random.Random(seed)
        self.narrow = narrow
        self.palette = palette(name, narrow)
        self.last = ""

    # --- numbers ----------------------------------------------------------------------------------
    def one(self, *of: Any) -> Any:
        return self.r.choice(of)

    def chance(self, p: float) -> bool:
        return self.r.random() < p

    def int(self, low: int, high: int) -> int:
        return self.r.randint(low, max(low, high))

    def size(self) -> int:
        return self.r.choice(LARGE) if self.chance(0.12) else self.r.choice(SIZES)

    def shape(self, low: int = 0, high: int = 4) -> tuple:
        n = self.int(low, high)
        most = 3000
        sizes: list[int] = []
        for _ in range(n):
            k = min(self.size(), max(1, most))
            most //= max(k, 1)
            sizes.append(k)
        if n and self.chance(0.04):
            sizes[self.r.randrange(n)] = 0
        if n and self.chance(0.08):
            sizes[self.r.randrange(n)] = 1
        return tuple(sizes)

    def dim(self, ndim: int) -> int:
        n = max(ndim, 1)
        return self.int(-n, n - 1)

    def dims(self, ndim: int) -> Any:
        if self.chance(0.6):
            return self.dim(ndim)
        order = list(range(ndim))
        self.r.shuffle(order)
        return tuple(d - (ndim if self.chance(0.3) else 0) for d in order[: self.int(0, ndim)])

    # --- tensors ----------------------------------------------------------------------------------
    def dtype(self, kinds: tuple | None = None) -> str:
        names = self.palette
        if kinds is not None:
            names = tuple(n for n in names if n in kinds) or kinds[:1]
        elif self.last and self.chance(0.8):
            return self.last  # operands are mostly of one type
        self.last = self.r.choice(names)
        return self.last

    def t(
        self,
        shape: tuple | None = None,
        dtype: str | None = None,
        fill: Any = None,
        grad: float = 0.35,
        strided: float = 0.35,
    ) -> T:
        shape = self.shape() if shape is None else tuple(shape)
        dtype = dtype or self.dtype()
        if fill is None:
            fill = self.r.choices(("normal", "special", "same", "unit", "limits"), (70, 8, 10, 8, 4))[0]
        x = T(dtype, shape, self.r.randrange(10**6), fill)
        if dtype in FLOATING and self.chance(grad):
            x = replace(x, grad=True)
        return self.strided(x) if self.chance(strided * (0.3 if self.narrow else 1)) else x

    def f(self, shape: tuple | None = None, **more: Any) -> T:
        """A floating tensor."""
        return self.t(shape, self.dtype(FLOATING), **more)

    def i(self, shape: tuple, n: int, negative: float = 0.0, **more: Any) -> T:
        """Positions below n."""
        dtype = "int64" if self.narrow or self.chance(0.95) else self.one("int32", "int32", "int16", "uint8", "int8")
        return self.t(shape, dtype, ("around", n) if self.chance(negative) else ("index", n), grad=0, **more)

    def strided(self, x: T) -> T:
        """The same final shape, lying otherwise in memory."""
        if x.view:
            return x
        shape = x.shape
        n = len(shape)
        way = self.one("permute", "permute", "slice", "slice", "select", "expand", "strides", "offset")
        if way == "permute" and n >= 2:
            order = list(range(n))
            self.r.shuffle(order)
            base = [0] * n
            for place, d in enumerate(order):
                base[d] = shape[place]
            return replace(x, shape=tuple(base)).viewed("permute", tuple(order))
        if way == "slice" and n:
            d = self.r.randrange(n)
            step, start = self.one(1, 2, 3), self.int(0, 2)
            end = start + shape[d] * step - (step - 1 if shape[d] else 0)
            base = (*shape[:d], end + self.int(0, 2), *shape[d + 1 :])
            return replace(x, shape=base).viewed("slice", d, start, end, step)
        if way == "select":
            d, k = self.int(0, n), self.int(1, 3)
            return replace(x, shape=(*shape[:d], k, *shape[d:])).viewed("select", d, self.int(0, k - 1))
        if way == "expand" and n:
            base = tuple(1 if self.chance(0.5) and s else s for s in shape)
            base = base[self.r.randrange(n) :] if self.chance(0.2) else base
            return replace(x, shape=base).viewed("expand", shape)
        if way == "strides" and n and 0 not in shape and x.grad is False:
            strides = tuple(self.one(0, 1, 1, 2, 3) for _ in shape)
            offset = self.int(0, 3)
            last = offset + sum((s - 1) * k for s, k in zip(shape, strides, strict=True))
            return replace(x, shape=(last + 1 + self.int(0, 2),)).viewed("as_strided", shape, strides, offset)
        if way == "offset" and n == 1:
            return replace(x, shape=(shape[0] + 1,)).viewed("slice", 0, 1, shape[0] + 1, 1)
        return x

    def partner(self, shape: tuple) -> tuple:
        """A shape that broadcasts with this one."""
        keep = list(shape)
        if self.chance(0.35):
            keep = [1 if self.chance(0.4) else s for s in keep]
        if self.chance(0.25) and keep:
            keep = keep[self.int(0, len(keep)) :]
        if self.chance(0.08) and len(keep) < 4:
            keep = [self.one(1, 2, 3), *keep]
        return tuple(keep)

    def number(self) -> Any:
        return self.r.choice(NUMBERS) if self.chance(0.3) else self.one(0, 1, 2, -1, 0.5, -1.5, 2.0, 3)


# --- what parameters are called ----------------------------------------------------------------------

BY_NAME: dict[str, Callable[[Gen, tuple], Any]] = {
    "dim": lambda g, s: g.dims(len(s)),
    "dims": lambda g, s: g.dims(len(s)),
    **{
        n: lambda g, s: g.dim(len(s))
        for n in ("dim0", "dim1", "dim2", "start_dim", "end_dim", "dimension", "axis", "source_dim")
    },
    "dtype": lambda g, s: g.one(None, D(g.r.choice(g.palette))),
    "out": lambda g, s: g.t(s if g.chance(0.6) else (0,) if g.chance(0.5) else g.partner(s), grad=0.05),
    "device": lambda g, s: g.one(None, "cpu"),
    "generator": lambda g, s: None,
    "memory_format": lambda g, s: None,
    "memo": lambda g, s: {},
    "layout": lambda g, s: None,
    "requires_grad": lambda g, s: g.chance(0.5),
    **{
        n: lambda g, s: g.chance(0.5)
        for n in (
            "keepdim",
            "descending",
            "stable",
            "sorted",
            "largest",
            "equal_nan",
            "right",
            "unbiased",
            "accumulate",
            "include_self",
            "training",
            "inplace",
            "wrap",
            "copy",
            "force",
            "return_inverse",
            "return_counts",
            "replacement",
            "out_int32",
            "as_tuple",
        )
    },
    "size": lambda g, s: g.shape(),
    "shape": lambda g, s: g.shape(),
    "sizes": lambda g, s: g.shape(0, 3),
    **{
        n: lambda g, s: g.int(-2, 4)
        for n in (
            "diagonal",
            "offset",
            "k",
            "n",
            "m",
            "start",
            "length",
            "steps",
            "step",
            "low",
            "high",
            "row",
            "col",
            "chunks",
            "repeats",
            "num_samples",
            "minlength",
            "num_classes",
            "storage_offset",
            "index",
            "shifts",
        )
    },
    **{
        n: lambda g, s: g.number()
        for n in (
            "alpha",
            "beta",
            "value",
            "fill_value",
            "lambd",
            "threshold",
            "negative_slope",
            "min_val",
            "max_val",
            "delta",
            "rtol",
            "atol",
            "p",
            "eps",
            "std",
            "mean",
            "a",
            "b",
            "scale",
            "base",
            "correction",
            "momentum",
            "label_smoothing",
            "dropout_p",
        )
    },
    "reduction": lambda g, s: g.one("mean", "sum", "none"),
    "rounding_mode": lambda g, s: g.one(None, "floor", "trunc"),
    "reduce": lambda g, s: g.one(*COMBINE),
    "approximate": lambda g, s: g.one("none", "tanh"),
    "side": lambda g, s: g.one("left", "right"),
    "indexing": lambda g, s: g.one("ij", "xy"),
    "tensors": lambda g, s: [g.t(s) for _ in range(g.int(1, 3))],
    **{
        n: lambda g, s: g.t(g.partner(s)) for n in ("other", "exponent", "end", "tensor1", "tensor2", "target", "mean_")
    },
    **{n: lambda g, s: g.t(g.partner(s), "bool") for n in ("mask", "condition")},
    "spec": lambda g, s: g.one("", ".2f", "d"),
    "tensor_contents": lambda g, s: None,
    "memory": lambda g, s: None,
    "data": lambda g, s: g.one(
        1.5, [1, 2], [[1.0, 2.0], [3.0, nan]], [], True, [True, False], [[1, 2], [3]], [1, 2.5, True]
    ),
    "obj": lambda g, s: g.one(1.5, [1, 2], [[1.0], [2.0]], []),
    "non_blocking": lambda g, s: False,
    "inputs": lambda g, s: None,
    "gradient": lambda g, s: g.t(s, "float32", grad=0),
    "vec": lambda g, s: g.t(s[-1:]),
    "min": lambda g, s: g.one(None, g.number(), g.t(g.partner(s))),
    "max": lambda g, s: g.one(None, g.number(), g.t(g.partner(s))),
}
FIRST = ("input", "self", "x", "condition")


def _named(g: Gen, name: str, default: Any, annotation: str, shape: tuple) -> Any:
    if name in BY_NAME:
        return BY_NAME[name](g, shape)
    if isinstance(default, bool) or "bool" in annotation:
        return g.chance(0.5)
    if isinstance(default, int) or "int" in annotation:
        return g.int(-2, 4)
    if isinstance(default, float) or "float" in annotation:
        return g.number()
    if isinstance(default, str):
        return default
    if "str" in annotation:
        return g.one("mean", "none")
    if type(default) is object:  # what stands for nothing at all cannot be printed
        return g.number()
    if default is not EMPTY and "Tensor" not in annotation:
        return default
    return g.t(g.partner(shape))


def by_signature(g: Gen, f: Function) -> Call:
    """Arguments by the names of the parameters."""
    params = list(f.params)
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    shape = g.shape()
    if f.starred in ("shape", "dims", "sizes", "size", "args"):
        if f.name.startswith("Tensor.") or (f.starred in ("shape", "dims") and f.params):
            args.append(g.t(shape))
            params = params[1:]
        more = g.shape()
        args += [more] if g.chance(0.5) else list(more)
    elif f.starred:
        args += [g.t(g.partner(shape)) for _ in range(g.int(0, 3))]
    positional = True
    for i, (name, default, *rest) in enumerate(params):
        annotation = rest[0] if rest and isinstance(rest[0], str) else ""
        if (
            i == 0
            and not args
            and (name in FIRST or f.name.startswith("Tensor.") or (default is EMPTY and name not in BY_NAME))
        ):
            dtype = (
                g.dtype(INTEGRAL + ("bool",))
                if f.short.startswith(("bitwise", "__and", "__or", "__xor", "bincount"))
                else None
            )
            args.append(g.t(shape, "bool" if name == "condition" else dtype))
            continue
        if default is not EMPTY and not g.chance(0.35):
            positional = False
            continue
        value = _named(g, name, default, annotation, shape)
        if name in ("other", "exponent", "weight", "end") and g.chance(0.3):
            value = g.number()
        if positional and default is EMPTY:
            args.append(value)
        else:
            kwargs[name] = value
    return Call(f.name, tuple(args), kwargs)


# --- an op's own samples ---------------------------------------------------------------------------------


@cache
def _samples(f: Function) -> tuple:
    o = f.op
    if o is None or o.samples is None:
        return ()
    made = []
    for sample in o.samples():
        args = []
        for j, s in enumerate(sample):
            if j < len(o.tensors):
                args.append(_sampled(s))
            elif isinstance(s, DType):
                args.append(D(s.name))
            elif isinstance(s, Tensor):
                args.append(_sampled(s))
            else:
                args.append(s)
        made.append(tuple(args))
    return tuple(made)


def _sampled(s: Any) -> Any:
    if isinstance(s, Tensor):
        return T(
            s.dtype.name,
            tuple(s.shape),
            0,
            ("index", max(1, int(s.max().item()) + 1)) if s.numel() and not s.dtype.is_floating_point else "normal",
        )
    if s is None:
        return None
    if isinstance(s, tuple):
        lists = bool(s) and isinstance(s[0], tuple)
        return [T("float32", shape) for shape in s] if lists else T("float32", s)
    shape = getattr(s, "shape", None)
    if shape is None:
        return s
    high = getattr(s, "high", None)
    if high is not None:
        return T("int64", tuple(shape), 0, ("index", high))
    return T("bool" if hasattr(s, "n") else "float32", tuple(shape), 0, "normal" if hasattr(s, "n") else "positive")


def by_sample(g: Gen, f: Function) -> Call | None:
    """One of the op's samples with other numbers, sometimes other types and layouts."""
    samples = _samples(f)
    if not samples:
        return None
    dtype = g.dtype(FLOATING)

    def varied(a: Any) -> Any:
        if isinstance(a, list):
            return [varied(t) for t in a]
        if isinstance(a, T):
            a = replace(a, seed=g.r.randrange(10**6))
            if a.dtype == "float32":
                a = replace(a, dtype=dtype, grad=g.chance(0.4))
            if g.chance(0.35):
                a = g.strided(a)
        return a

    args = list(map(varied, g.r.choice(samples)))
    n = len(f.op.tensors)
    names = [p[0] for p in f.params]
    keyword = f.op.keyword_only
    split = len(args) if not keyword else min(len(args), len(names) - keyword)
    split = max(split, min(n, len(args)))
    return Call(f.name, tuple(args[:split]), dict(zip(names[split:], args[split:], strict=False)))


# --- changes that may make no sense ------------------------------------------------------------------------


def _change(g: Gen, call: Call, kinds: type | tuple, f: Callable[[Any], Any]) -> Call:
    """``f`` at one leaf of the given kinds."""
    leaves = [
        v
        for v in call.leaves()
        if isinstance(v, kinds)
        and not (isinstance(v, bool) and bool not in (kinds if isinstance(kinds, tuple) else (kinds,)))
    ]
    if not leaves:
        return call
    at, seen = g.r.randrange(len(leaves)), -1

    def leaf(v: Any) -> Any:
        nonlocal seen
        if isinstance(v, kinds) and not (
            isinstance(v, bool) and bool not in (kinds if isinstance(kinds, tuple) else (kinds,))
        ):
            seen += 1
            if seen == at:
                return f(v)
        return v

    return call.map(leaf)


def _resized(g: Gen, x: T) -> T:
    """Another shape: fewer or more dimensions, a size that is 0, 1, or one more."""
    shape = list(x.final)
    way = g.one("zero_dim", "empty", "one", "drop", "add", "size", "size")
    if way == "zero_dim":
        shape = []
    elif way == "drop" and shape:
        del shape[g.r.randrange(len(shape))]
    elif way == "add":
        shape.insert(g.int(0, len(shape)), g.one(1, 1, 2, 0))
    elif shape:
        d = g.r.randrange(len(shape))
        shape[d] = {"empty": 0, "one": 1}.get(way, max(0, shape[d] + g.one(-1, 1, 2)))
    y = replace(x, shape=tuple(shape), view=())
    return g.strided(y) if g.chance(0.3) else y


def _retyped(g: Gen, x: T) -> T:
    return replace(x, dtype=g.r.choice(g.palette if g.narrow or g.chance(0.7) else DTYPES), grad=False)


def _wild_view(g: Gen, x: T) -> T:
    shape = x.final
    way = g.one("slice", "as_strided", "expand", "permute", "select", "strided")
    if way == "slice" and shape:
        d = g.r.randrange(len(shape))
        a = g.int(0, shape[d])
        return x.viewed("slice", d, a, g.int(a, shape[d]), g.one(1, 2, 3))
    if way == "select" and shape and 0 not in shape:
        d = g.r.randrange(len(shape))
        return x.viewed("select", d, g.r.randrange(shape[d]))
    if way == "permute" and shape:
        order = list(range(len(shape)))
        g.r.shuffle(order)
        return x.viewed("permute", tuple(order))
    if way == "expand":
        return x.viewed("expand", (g.one(1, 2, 3), *shape))
    y = replace(x, shape=shape, view=())
    return g.strided(y)


def _int(g: Gen, v: int) -> Any:
    way = g.r.random()
    if way < 0.4:
        return g.r.choice(HUGE)
    if way < 0.65:
        return g.r.choice(SMALL)
    if way < 0.75:
        return float(v)
    return v + g.one(-1, 1) if way < 0.85 else bool(v) if way < 0.9 else g.r.choice(WRONG)


def _drop(g: Gen, call: Call) -> Call:
    if call.kwargs and g.chance(0.5):
        gone = g.r.choice(list(call.kwargs))
        return replace(call, kwargs={k: v for k, v in call.kwargs.items() if k != gone})
    return replace(call, args=call.args[:-1]) if call.args else call


def _repeat(g: Gen, call: Call) -> Call:
    n = len([v for v in call.leaves() if isinstance(v, T)])
    if n < 2:
        return call
    count = -1

    def leaf(v: Any) -> Any:
        nonlocal count
        if isinstance(v, T):
            count += 1
            if count == at:
                first = firsts[0]
                if g.chance(0.6) or not first.shape:
                    return Of(0)
                d = g.r.randrange(len(first.shape))
                return Of(0, (("slice", d, g.int(0, 1), None, g.one(1, 1, 2)),))
        return v

    at, firsts = g.int(1, n - 1), [v for v in call.leaves() if isinstance(v, T)]
    return call.map(leaf)


def _out(g: Gen, call: Call) -> Call:
    if call.name.endswith("__"):  # operators are given none
        return call
    firsts = [v for v in call.leaves() if isinstance(v, T)]
    shape = firsts[0].final if firsts else g.shape()
    value: Any = g.t(
        g.one(shape, shape, (0,), g.partner(shape), g.shape()),
        g.one(firsts[0].dtype if firsts else "float32", g.dtype()),
        grad=0.08,
    )
    if firsts and g.chance(0.25):
        value = Of(0, (("slice", 0, 0, None, 1),) if firsts[0].shape and g.chance(0.4) else ())
    return replace(call, kwargs={**call.kwargs, "out": value})


MUTATIONS: list[tuple[int, Callable[[Gen, Call], Call]]] = [
    (10, lambda g, c: _change(g, c, T, lambda x: _resized(g, x))),
    (5, lambda g, c: _change(g, c, T, lambda x: _retyped(g, x))),
    (6, lambda g, c: _change(g, c, T, lambda x: _wild_view(g, x))),
    (
        6,
        lambda g, c: _change(
            g, c, T, lambda x: replace(x, fill=g.one("special", "limits", "same", "zero", ("value", 1)))
        ),
    ),
    (
        3,
        lambda g, c: _change(
            g, c, T, lambda x: replace(x, fill=("around", g.one(2, 5, 20, 2**31)) if x.dtype in INTEGRAL else "special")
        ),
    ),
    (2, lambda g, c: _change(g, c, T, lambda x: g.r.choice((*WRONG, 3, 0.5, 2**40)))),
    (
        4,
        lambda g, c: _change(
            g, c, T, lambda x: replace(x, grad=g.one(True, "inner") if x.dtype in FLOATING else False)
        ),
    ),
    (12, lambda g, c: _change(g, c, int, lambda v: _int(g, v))),
    (5, lambda g, c: _change(g, c, float, lambda v: g.r.choice(NUMBERS) if g.chance(0.8) else g.r.choice(WRONG))),
    (2, lambda g, c: _change(g, c, (str, bool, type(None)), lambda v: g.r.choice((*WRONG, 0, 2, True, False)))),
    (1, lambda g, c: _change(g, c, D, lambda v: D(g.one(*DTYPES)))),
    (2, _drop),
    (3, _repeat),
    (3, _out),
    (2, lambda g, c: replace(c, mode=g.one("no_grad", "no_grad", "inference"))),
    (1, lambda g, c: replace(c, args=(*c.args, g.one(0, 1, None, True, 2.0)))),
    (
        1,
        lambda g, c: replace(
            c, kwargs={**c.kwargs, g.one("dtype", "foo", "dim", "keepdim", "alpha"): g.one(None, 1, D("float64"))}
        ),
    ),
]
_WEIGHTS = [w for w, _ in MUTATIONS]


def _writes(f: Function) -> bool:
    return (
        f.short.endswith("_")
        and not f.short.endswith("__")
        or f.short.startswith("__i")
        and f.short not in ("__index__", "__int__", "__invert__", "__iter__")
        or f.short == "__setitem__"
    )


def base_call(g: Gen, f: Function) -> Call:
    """A call of the function that mostly makes sense."""
    from tests.fuzz.recipes import RECIPES

    plain = f.short[:-1] if _writes(f) and f.short[:1] != "_" else f.short
    recipe = RECIPES.get(f.name) or RECIPES.get(f.short) or RECIPES.get(plain)
    call = None
    if recipe is not None and g.chance(0.85):
        args, kwargs = recipe(g)
        call = Call(f.name, tuple(args), kwargs)
    elif g.chance(0.5):
        call = by_sample(g, f)
    call = call or by_signature(g, f)
    if _writes(f):  # mostly no leaf, not overlapping
        first = next((v for v in call.leaves() if isinstance(v, T)), None)
        if first is not None:
            to = replace(first, grad=g.one(False, False, "inner") if first.dtype in FLOATING else False)
            if g.chance(0.6) and any(s[0] in ("expand", "as_strided") for s in to.view):
                to = replace(to, shape=to.final, view=())
            done = False

            def leaf(v: Any) -> Any:
                nonlocal done
                if v is first and not done:
                    done = True
                    return to
                return v

            call = call.map(leaf)
    return call


class Calls:
    """The calls of a seed."""

    def __init__(self, seed: int, only: str | None = None, narrow: bool = False):
        from tests.fuzz.recipes import RECIPES

        self.seed, self.narrow = seed, narrow
        self.functions = [f for f in functions() if only is None or re.search(only, f.name)]
        # Where more can go wrong there are more calls.
        weights = [1 + (f.short.rstrip("_") in RECIPES) + 2 * f.name.startswith("F.") for f in self.functions]
        self.weights = list(itertools.accumulate(weights))
        if not self.functions:
            raise ValueError(f"no function's name matches {only!r}")

    def __getitem__(self, i: int) -> Call:
        return self.pair(i - 1)[0] if self.is_twin(i) else self.pair(i)[1]

    def is_twin(self, i: int) -> bool:
        """Whether a call is the one before without its changes: a mistake must not be remembered for what is right."""
        return i % 8 == 7 and self.pair(i - 1)[0] != self.pair(i - 1)[1]

    def pair(self, i: int) -> tuple[Call, Call]:
        """A call before and after it is changed."""
        r = random.Random(f"{self.seed}:{i}")
        f = r.choices(self.functions, cum_weights=self.weights)[0]
        g = Gen(r.random(), f.short, self.narrow)
        base = call = base_call(g, f)
        if g.chance(0.5):
            for _ in range(g.one(1, 1, 1, 2, 2, 3)):
                call = g.r.choices(MUTATIONS, _WEIGHTS)[0][1](g, call)
        return base, call


class Listed:
    """Calls that have been found before; of each line the last is judged."""

    def __init__(self, lines: list[list[Call]]):
        self.calls = [c for line in lines for c in line]
        self.last = {i for i, line in zip(itertools.accumulate(map(len, lines)), lines, strict=True) if len(line) > 1}

    def __getitem__(self, i: int) -> Call:
        return self.calls[i]

    def __len__(self) -> int:
        return len(self.calls)

    def is_twin(self, i: int) -> bool:
        """Whether a call is only wrong after the one before."""
        return i + 1 in self.last
