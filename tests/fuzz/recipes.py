"""How the arguments of a family fit each other: what names alone do not say. Each recipe draws (args, kwargs)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.fuzz.calls import FLOATING, D, T, nan
from tests.fuzz.generate import COMBINE, Gen

Recipe = Callable[[Gen], tuple[Any, dict]]
RECIPES: dict[str, Recipe] = {}


def _for(*names: str) -> Callable[[Recipe], Recipe]:
    def add(fn: Recipe) -> Recipe:
        RECIPES.update(dict.fromkeys(names, fn))
        return fn

    return add


def _maybe(g: Gen, p: float, **values: Any) -> dict:
    """Each of these keywords with probability p; values are drawn by calling them."""
    return {k: v() if callable(v) else v for k, v in values.items() if g.chance(p)}


# --- positions --------------------------------------------------------------------------------------------


def _like_index(g: Gen, shape: tuple, dim: int) -> tuple:
    """The shape of an index for gather and scatter: no larger but along dim."""
    return tuple(
        g.int(1, s) if d != dim % max(len(shape), 1) and s else g.size() if d == dim % max(len(shape), 1) else s
        for d, s in enumerate(shape)
    )


@_for("gather", "take_along_dim")
def _gather(g: Gen) -> tuple:
    x = g.t()
    s = x.final
    d = g.dim(len(s))
    n = s[d] if s else 1
    return (x, d, g.i(_like_index(g, s, d), n)), {}


def _take_along(g: Gen) -> tuple:
    (x, d, i), _ = _gather(g)
    return (x, i), _maybe(g, 0.7, dim=d)


RECIPES["take_along_dim"] = _take_along


@_for("scatter", "scatter_add", "scatter_reduce")
def _scatter(g: Gen) -> tuple:
    x = g.t()
    s = x.final
    d = g.dim(len(s))
    shape = _like_index(g, s, d)
    return (x, d, g.i(shape, s[d] if s else 1), g.t(shape, x.dtype)), {}


def _scatter_reduce(g: Gen) -> tuple:
    args, _ = _scatter(g)
    return (*args, g.one(*COMBINE)), _maybe(g, 0.5, include_self=lambda: g.chance(0.5))


def _scatter_any(g: Gen) -> tuple:
    (x, d, i, src), _ = _scatter(g)
    if g.chance(0.3):
        return (x, d, i, g.number()), {}
    return (x, d, i, src), _maybe(g, 0.15, reduce=lambda: g.one("add", "multiply"))


RECIPES["scatter_reduce"], RECIPES["scatter"] = _scatter_reduce, _scatter_any


def _along(g: Gen) -> tuple:
    x = g.t()
    s = x.final
    d = g.dim(len(s))
    k = g.size()
    i = g.i((k,) if g.chance(0.95) else (), s[d] if s else 1)
    source = g.t((*s[: d % len(s)], k, *s[d % len(s) + 1 :]) if s else (k,) if g.chance(0.5) else (), x.dtype)
    return x, d, i, source


@_for("index_select")
def _index_select(g: Gen) -> tuple:
    return _along(g)[:3], {}


@_for("index_add")
def _index_add(g: Gen) -> tuple:
    return _along(g), _maybe(g, 0.3, alpha=g.number)


@_for("index_copy")
def _index_copy(g: Gen) -> tuple:
    return _along(g), {}


@_for("index_reduce")
def _index_reduce(g: Gen) -> tuple:
    return (*_along(g), g.one("prod", "mean", "amax", "amin")), _maybe(g, 0.5, include_self=lambda: g.chance(0.5))


@_for("index_fill")
def _index_fill(g: Gen) -> tuple:
    x, d, i, _ = _along(g)
    return (x, d, i, g.number() if g.chance(0.7) else g.t((), x.dtype)), {}


@_for("take")
def _take(g: Gen) -> tuple:
    x = g.t()
    n = T("bool", x.final).array().size
    return (x, g.i(g.shape(0, 3), n, 0.5)), {}


@_for("put")
def _put(g: Gen) -> tuple:
    (x, i), _ = _take(g)
    n = T("bool", i.final).array().size
    return (x, i, g.t((n,) if g.chance(0.5) else i.final, x.dtype)), _maybe(g, 0.5, accumulate=lambda: g.chance(0.5))


@_for("masked_fill")
def _masked_fill(g: Gen) -> tuple:
    x = g.t()
    return (x, g.t(g.partner(x.final), "bool"), g.number() if g.chance(0.7) else g.t((), x.dtype)), {}


@_for("masked_select")
def _masked_select(g: Gen) -> tuple:
    x = g.t()
    return (x, g.t(g.partner(x.final), "bool")), {}


@_for("masked_scatter")
def _masked_scatter(g: Gen) -> tuple:
    x = g.t()
    n = T("bool", x.final).array().size
    return (x, g.t(g.partner(x.final), "bool"), g.t((n + 3,) if g.chance(0.8) else g.shape(), x.dtype)), {}


def _key(g: Gen, shape: tuple) -> Any:
    """Something to index a tensor of this shape with."""
    items: list[Any] = []
    lines = g.shape(0, 2)
    d = 0
    while d < len(shape) and g.chance(0.85):
        n = shape[d]
        way = g.r.choices(
            ("int", "slice", "none", "index", "mask", "ellipsis", "list", "number"), (20, 30, 6, 20, 8, 5, 5, 2)
        )[0]
        if way == "int":
            items.append(g.int(-n, n - 1) if n else 0)
        elif way == "slice":
            items.append(
                slice(g.one(None, 0, 1, -2, g.int(-n - 1, n)), g.one(None, g.int(-n - 1, n + 2)), g.one(None, 1, 2, 3))
            )
        elif way == "none":
            items.append(None)
            continue
        elif way == "index":
            items.append(g.i(g.partner(lines), n, 0.4))
        elif way == "mask":
            items.append(g.t((n,), "bool", strided=0.2))
        elif way == "ellipsis" and Ellipsis not in items:
            items.append(Ellipsis)
            continue
        elif way == "list":
            items.append([g.int(-n, n - 1) if n else 0 for _ in range(g.int(1, 3))])
        else:
            items.append(g.t((), "int64", ("index", n), strided=0))
        d += 1
    if len(items) == 1 and g.chance(0.5):
        return items[0]
    if not items and g.chance(0.5):
        return g.one(Ellipsis, None, (), g.t(shape, "bool"))
    return tuple(items)


@_for("__getitem__")
def _getitem(g: Gen) -> tuple:
    x = g.t()
    return (x, _key(g, x.final)), {}


@_for("__setitem__")
def _setitem(g: Gen) -> tuple:
    x = g.t()
    value = (
        g.number() if g.chance(0.5) else g.t(g.one((), (1,), g.partner(x.final)), x.dtype if g.chance(0.8) else None)
    )
    return (x, _key(g, x.final), value), {}


@_for("index_put", "index_put_")
def _index_put(g: Gen) -> tuple:
    x = g.t()
    s = x.final
    lines = g.shape(0, 2)
    n = g.int(1, max(1, len(s)))
    where = tuple(g.i(g.partner(lines), s[d] if d < len(s) else 1, 0.4) for d in range(n))
    value = g.t(g.one((), (1,), (*lines, *s[n:])), x.dtype)
    return (x, where, value), _maybe(g, 0.5, accumulate=lambda: g.chance(0.5))


@_for("embedding")
def _embedding(g: Gen) -> tuple:
    n, width = g.size(), g.size()
    more = _maybe(
        g, 0.15, padding_idx=lambda: g.int(-n, n - 1), max_norm=lambda: g.one(1.0, 0.5), scale_grad_by_freq=True
    )
    return (g.i(g.shape(0, 3), n), g.f((n, width))), more


@_for("one_hot")
def _one_hot(g: Gen) -> tuple:
    n = g.int(1, 9)
    return (g.i(g.shape(0, 3), n),), _maybe(g, 0.7, num_classes=lambda: g.int(n, n + 3))


@_for("bincount")
def _bincount(g: Gen) -> tuple:
    x = g.i(g.shape(1, 1), g.one(1, 5, 50))
    return (x,), _maybe(g, 0.3, minlength=lambda: g.int(0, 9), weights=lambda: g.f(x.final, grad=0))


@_for("searchsorted")
def _searchsorted(g: Gen) -> tuple:
    d = g.dtype()
    lead = g.shape(0, 2)
    rows = T(d, (*lead, g.size()), g.int(0, 99), ("value", 1) if g.chance(0.2) else "zero" if g.chance(0.1) else "same")
    return (rows, g.t((*lead, g.size()), d) if g.chance(0.8) else g.number()), _maybe(
        g, 0.2, right=True, out_int32=True, side="right"
    )


@_for("bucketize")
def _bucketize(g: Gen) -> tuple:
    d = g.dtype()
    x = g.t(None, d) if g.chance(0.8) else g.number()
    return (x, T(d, (g.size(),), g.int(0, 99), "zero")), _maybe(g, 0.3, right=True, out_int32=True)


# --- shapes -------------------------------------------------------------------------------------------------


def _factors(g: Gen, n: int) -> tuple:
    sizes = []
    while n > 1 and len(sizes) < 4 and g.chance(0.75):
        k = g.r.choice([d for d in range(1, n + 1) if n % d == 0][:12])
        sizes.append(k)
        n //= k
    sizes.append(n)
    g.r.shuffle(sizes)
    if g.chance(0.3):
        sizes[g.r.randrange(len(sizes))] = -1
    return tuple(sizes)


@_for("view", "reshape")
def _view(g: Gen) -> tuple:
    x = g.t(strided=0.25)
    if g.chance(0.1):
        return (x, D(g.one("float32", "int32", "int64", "uint8", "float64", "int16", "bfloat16", "bool"))), {}
    shape = _factors(g, T("bool", x.final).array().size)
    return ((x, shape) if g.chance(0.5) else (x, *shape)), {}


RECIPES["reshape"] = lambda g: (lambda x: ((x, _factors(g, T("bool", x.final).array().size)), {}))(g.t())


@_for("unflatten")
def _unflatten(g: Gen) -> tuple:
    x = g.t(g.shape(1, 3))
    d = g.dim(len(x.final))
    return (x, d, _factors(g, x.final[d])), {}


@_for("expand", "broadcast_to")
def _expand(g: Gen) -> tuple:
    s = g.shape()
    x = g.t(tuple(1 if g.chance(0.4) else k for k in s)[g.int(0, 1) if s else 0 :])
    return (x, tuple(-1 if g.chance(0.1) else k for k in s)), {}


@_for("expand_as", "view_as", "reshape_as", "type_as")
def _as(g: Gen) -> tuple:
    s = g.shape()
    return (g.t(tuple(1 if g.chance(0.2) else k for k in s)), g.t(s)), {}


@_for("permute")
def _permute(g: Gen) -> tuple:
    x = g.t()
    order = list(range(len(x.final)))
    g.r.shuffle(order)
    return (x, tuple(d - (len(order) if g.chance(0.2) else 0) for d in order)), {}


@_for("movedim", "moveaxis")
def _movedim(g: Gen) -> tuple:
    x = g.t()
    n = len(x.final)
    if g.chance(0.5):
        return (x, g.dim(n), g.dim(n)), {}
    a, b = list(range(n)), list(range(n))
    g.r.shuffle(a)
    g.r.shuffle(b)
    k = g.int(0, n)
    return (x, tuple(a[:k]), tuple(b[:k])), {}


@_for("as_strided")
def _as_strided(g: Gen) -> tuple:
    x = g.t()
    size = g.shape(0, 3)
    return (x, size, tuple(g.one(0, 1, 1, 2, 3) for _ in size)), _maybe(g, 0.4, storage_offset=lambda: g.int(0, 4))


@_for("narrow")
def _narrow(g: Gen) -> tuple:
    x = g.t(g.shape(1, 4))
    d = g.dim(len(x.final))
    n = x.final[d]
    start = g.int(-n, n)
    return (x, d, start, g.int(0, n - (start % n if n else 0))), {}


@_for("select")
def _select(g: Gen) -> tuple:
    x = g.t(g.shape(1, 4))
    d = g.dim(len(x.final))
    n = x.final[d]
    return (x, d, g.int(-n, n - 1) if n else 0), {}


@_for("select_scatter")
def _select_scatter(g: Gen) -> tuple:
    (x, d, i), _ = _select(g)
    s = list(x.final)
    del s[d]
    return (x, g.t(tuple(s), x.dtype), d, i), {}


@_for("slice_scatter")
def _slice_scatter(g: Gen) -> tuple:
    x = g.t(g.shape(1, 4))
    d = g.dim(len(x.final))
    n = x.final[d]
    start, end, step = g.one(None, g.int(-n, n)), g.one(None, g.int(-n, n + 2)), g.one(1, 2)
    k = len(range(*slice(start, end, step).indices(n)))
    s = list(x.final)
    s[d] = k
    return (x, g.t(tuple(s), x.dtype), d, start, end, step), {}


@_for("diagonal", "diag_embed")
def _diagonal(g: Gen) -> tuple:
    x = g.t(g.shape(2, 4))
    n = len(x.final)
    if g.chance(0.5):
        return (x, g.int(-3, 3)), {}
    a = g.int(0, n - 1)
    return (x, g.int(-3, 3), a, (a + g.int(1, n - 1)) % n - (n if g.chance(0.5) else 0)), {}


@_for("diagonal_scatter")
def _diagonal_scatter(g: Gen) -> tuple:
    x = g.t(g.shape(2, 2))
    k = g.int(-2, 2)
    a, b = x.final
    n = max(0, min(a, b - k) if k >= 0 else min(a + k, b))
    return (x, g.t((n,), x.dtype), k), {}


@_for("unfold")
def _unfold(g: Gen) -> tuple:
    x = g.t(g.shape(1, 3))
    d = g.dim(len(x.final))
    return (x, d, g.int(0, x.final[d]), g.int(1, 4)), {}


@_for("split", "split_with_sizes", "tensor_split", "chunk")
def _split(g: Gen) -> tuple:
    x = g.t(g.shape(1, 4))
    d = g.dim(len(x.final))
    n = x.final[d]
    parts: list[int] = []
    while sum(parts) < n:
        parts.append(g.int(0, n - sum(parts)))
    return (x, g.int(1, n + 1) if g.chance(0.6) else parts, d), {}


@_for("hsplit", "vsplit", "dsplit")
def _hsplit(g: Gen) -> tuple:
    x = g.t(g.shape(1, 4))
    return (x, g.int(1, 4) if g.chance(0.6) else tuple(sorted(g.int(0, 5) for _ in range(g.int(0, 3))))), {}


@_for("cat", "concat", "concatenate", "stack", "hstack", "vstack", "dstack", "column_stack", "row_stack")
def _cat(g: Gen) -> tuple:
    s = list(g.shape(1, 4))
    d = g.dim(len(s))
    dtype = g.dtype()
    made = []
    for _ in range(g.int(1, 4)):
        if g.chance(0.6):
            s[d] = g.size() if s[d] < 17 else s[d]
        made.append(g.t((0,) if g.chance(0.03) else tuple(s), dtype if g.chance(0.85) else None))
    return (made if g.chance(0.5) else tuple(made), d), {}


@_for("stack")
def _stack(g: Gen) -> tuple:
    s = g.shape(0, 3)
    dtype = g.dtype()
    return ([g.t(s, dtype if g.chance(0.85) else None) for _ in range(g.int(1, 4))], g.int(-len(s) - 1, len(s))), {}


for _name in ("hstack", "vstack", "dstack", "column_stack", "row_stack"):
    RECIPES[_name] = lambda g: ((_cat(g)[0][0],), {})


@_for("meshgrid")
def _meshgrid(g: Gen) -> tuple:
    d = g.dtype()
    made = [g.t(g.shape(0, 1), d) for _ in range(g.int(1, 3))]
    return ((made,) if g.chance(0.5) else tuple(made)), _maybe(g, 0.7, indexing=lambda: g.one("ij", "xy"))


@_for("block_diag", "atleast_1d", "atleast_2d", "atleast_3d")
def _several(g: Gen) -> tuple:
    return [g.t(g.shape(0, 2)) for _ in range(g.int(1, 3))], {}


@_for("broadcast_tensors")
def _broadcast_tensors(g: Gen) -> tuple:
    s = g.shape()
    return [g.t(tuple(1 if g.chance(0.4) else k for k in s)[g.int(0, 1) if s else 0 :]) for _ in range(g.int(1, 3))], {}


@_for("repeat", "tile")
def _repeat(g: Gen) -> tuple:
    x = g.t(g.shape(0, 3))
    return (x, tuple(g.int(0, 3) for _ in range(len(x.final) + g.int(0, 1)))), {}


@_for("repeat_interleave")
def _repeat_interleave(g: Gen) -> tuple:
    x = g.t(g.shape(1, 3))
    d = g.dim(len(x.final))
    times = g.int(0, 4) if g.chance(0.5) else g.i((x.final[d],), 4)
    return (x, times), {"dim": d}


@_for("roll")
def _roll(g: Gen) -> tuple:
    x = g.t()
    n = len(x.final)
    if not n or g.chance(0.3):
        return (x, g.int(-9, 9)), {}
    k = g.int(1, n)
    return (x, tuple(g.int(-9, 9) for _ in range(k)), tuple(g.dim(n) for _ in range(k))), {}


@_for("rot90")
def _rot90(g: Gen) -> tuple:
    x = g.t(g.shape(2, 4))
    a = g.int(0, len(x.final) - 1)
    return (x, g.int(-5, 5), (a, (a + 1) % len(x.final))), {}


@_for("flip")
def _flip(g: Gen) -> tuple:
    x = g.t()
    return (x, tuple(d for d in range(len(x.final)) if g.chance(0.5))), {}


@_for("diff")
def _diff(g: Gen) -> tuple:
    x = g.t(g.shape(1, 3))
    d = g.dim(len(x.final))
    more = list(x.final)
    more[d] = g.int(0, 3)
    return (x,), {"dim": d} | _maybe(
        g,
        0.3,
        n=lambda: g.int(0, 4),
        prepend=lambda: g.t(tuple(more), x.dtype),
        append=lambda: g.t(tuple(more), x.dtype),
    )


@_for("pad")
def _pad(g: Gen) -> tuple:
    x = g.t(g.shape(1, 4))
    n = len(x.final)
    k = g.int(1, n)
    mode = g.one("constant", "constant", "reflect", "replicate", "circular")
    if mode != "constant":
        k = min(k, max(1, n - 1))
        return (x, tuple(g.int(0, 2) for _ in range(2 * k)), mode), {}
    return (x, tuple(g.int(-1, 3) for _ in range(2 * k))), _maybe(g, 0.4, value=g.number)


@_for("resize_")
def _resize(g: Gen) -> tuple:
    return (g.t(grad=0), g.shape()), {}


@_for("to")
def _to(g: Gen) -> tuple:
    return (g.t(), g.one(D(g.dtype()), "cpu", g.t())), _maybe(g, 0.3, copy=True)


@_for("new_full", "new_zeros", "new_ones", "new_empty", "new_tensor")
def _new(g: Gen) -> tuple:
    return (g.t(g.shape(0, 2)), g.shape(0, 3)), {}


RECIPES["new_full"] = lambda g: ((g.t(g.shape(0, 2)), g.shape(0, 3), g.number()), {})
RECIPES["new_tensor"] = lambda g: ((g.t(g.shape(0, 2)), g.one(1, 2.5, [1, 2], [[nan, 1]], [])), {})


@_for("full")
def _full(g: Gen) -> tuple:
    return (g.shape(), g.number()), _maybe(g, 0.4, dtype=lambda: D(g.dtype()))


@_for("arange")
def _arange(g: Gen) -> tuple:
    numbers = [g.one(0, 1, 5, -3, 2.5, 10, 0.1) for _ in range(g.int(1, 3))]
    return tuple(numbers), _maybe(g, 0.3, dtype=lambda: D(g.dtype()))


@_for("linspace", "logspace")
def _linspace(g: Gen) -> tuple:
    return (g.one(0, 1.5, -3), g.one(1, 10, -2.5), g.int(0, 9)), _maybe(g, 0.3, dtype=lambda: D(g.dtype()))


@_for("eye", "tril_indices", "triu_indices")
def _eye(g: Gen) -> tuple:
    return (g.int(0, 7), g.int(0, 7)), {}


@_for("randint")
def _randint(g: Gen) -> tuple:
    low = g.int(-5, 5)
    return (low, low + g.int(1, 9), g.shape()), _maybe(g, 0.3, dtype=lambda: D(g.dtype()))


@_for("randint_like")
def _randint_like(g: Gen) -> tuple:
    low = g.int(-5, 5)
    return (g.t(), low, low + g.int(1, 9)), {}


@_for("multinomial")
def _multinomial(g: Gen) -> tuple:
    x = g.f(g.shape(1, 2), fill="unit", grad=0)
    return (x, g.int(1, x.final[-1])), _maybe(g, 0.5, replacement=True)


@_for("normal")
def _normal(g: Gen) -> tuple:
    s = g.shape()
    if g.chance(0.4):
        return (0.5, 2.0, s), {}
    return (g.f(s, grad=0), g.f(s, fill="unit", grad=0) if g.chance(0.5) else 1.5), {}


@_for("bernoulli")
def _bernoulli(g: Gen) -> tuple:
    return (g.f(fill="unit"),), {}


# --- products ---------------------------------------------------------------------------------------------------


def _width(g: Gen) -> int:
    return g.one(1, 2, 3, 4, 5, 8, 16, 17, 31, 33, 64, 100)


@_for("matmul", "__matmul__", "__rmatmul__")
def _matmul(g: Gen) -> tuple:
    m, k, n = _width(g), _width(g), _width(g)
    d = g.dtype()
    lead = g.shape(0, 1)
    if g.chance(0.3):
        x, y = g.one(((k,), (k,)), ((m, k), (k,)), ((k,), (k, n)), ((*lead, 2, k), (k,)), ((k,), (*lead, k, 3)))
    else:
        x, y = (*lead, m, k), (*g.partner(lead), k, n)
    return (g.t(x, d), g.t(y, d)), {}


@_for("mm")
def _mm(g: Gen) -> tuple:
    m, k, n = _width(g), _width(g), _width(g)
    d = g.dtype()
    return (g.t((m, k), d), g.t((k, n), d)), {}


@_for("bmm")
def _bmm(g: Gen) -> tuple:
    b, m, k, n = g.int(0, 4), _width(g), _width(g), _width(g)
    d = g.dtype()
    return (g.t((b, m, k), d), g.t((b, k, n), d)), {}


@_for("mv")
def _mv(g: Gen) -> tuple:
    m, k = _width(g), _width(g)
    d = g.dtype()
    return (g.t((m, k), d), g.t((k,), d)), {}


@_for("dot")
def _dot(g: Gen) -> tuple:
    d, s = g.dtype(), g.shape(1, 1)
    return (g.t(s, d), g.t(s, d)), {}


@_for("outer")
def _outer(g: Gen) -> tuple:
    d = g.dtype()
    return (g.t(g.shape(1, 1), d), g.t(g.shape(1, 1), d)), {}


@_for("addmm")
def _addmm(g: Gen) -> tuple:
    m, k, n = _width(g), _width(g), _width(g)
    d = g.dtype()
    return (g.t(g.partner((m, n)), d), g.t((m, k), d), g.t((k, n), d)), _maybe(g, 0.4, beta=g.number, alpha=g.number)


@_for("linear")
def _linear(g: Gen) -> tuple:
    k, n = _width(g), _width(g)
    d = g.dtype(FLOATING)
    return (g.t((*g.shape(0, 2), k), d), g.t((n, k), d), *([g.t((n,), d)] if g.chance(0.6) else [])), {}


@_for("bilinear")
def _bilinear(g: Gen) -> tuple:
    a, b, n = g.int(1, 6), g.int(1, 6), g.int(1, 4)
    d, lead = g.dtype(FLOATING), g.shape(0, 2)
    return (g.t((*lead, a), d), g.t((*lead, b), d), g.t((n, a, b), d), *([g.t((n,), d)] if g.chance(0.6) else [])), {}


# --- arithmetic with three operands ---------------------------------------------------------------------------------


@_for("addcmul", "addcdiv")
def _addc(g: Gen) -> tuple:
    s, d = g.shape(), g.dtype()
    return (g.t(s, d), g.t(g.partner(s), d), g.t(g.partner(s), d)), _maybe(g, 0.5, value=g.number)


@_for("lerp")
def _lerp(g: Gen) -> tuple:
    s, d = g.shape(), g.dtype(FLOATING)
    return (g.t(s, d), g.t(g.partner(s), d), g.t(g.partner(s), d) if g.chance(0.5) else g.number()), {}


@_for("where")
def _where(g: Gen) -> tuple:
    s = g.shape()
    if g.chance(0.1):
        return (g.t(s, "bool"),), {}
    d = g.dtype()
    either = lambda: g.t(g.partner(s), d if g.chance(0.8) else None) if g.chance(0.75) else g.number()
    return (g.t(g.partner(s), "bool"), either(), either()), {}


@_for("Tensor.where")
def _where_method(g: Gen) -> tuple:
    s, d = g.shape(), g.dtype()
    return (g.t(g.partner(s), d), g.t(g.partner(s), "bool"), g.t(g.partner(s), d) if g.chance(0.7) else g.number()), {}


@_for("clamp", "clip")
def _clamp(g: Gen) -> tuple:
    x = g.t()
    bounds = g.one("numbers", "numbers", "tensors", "low", "high")
    low, high = (
        (g.number(), g.number())
        if bounds != "tensors"
        else (g.t(g.partner(x.final), x.dtype), g.t(g.partner(x.final), x.dtype))
    )
    return (x, *([low, high] if bounds in ("numbers", "tensors") else [low] if bounds == "low" else [None, high])), {}


# --- order -----------------------------------------------------------------------------------------------------------


@_for("topk", "kthvalue")
def _topk(g: Gen) -> tuple:
    x = g.t()
    d = g.dim(len(x.final))
    n = x.final[d] if x.final else 1
    return (x, g.int(1, n)), {"dim": d}


@_for(
    "sort",
    "argsort",
    "cummax",
    "cummin",
    "cumsum",
    "cumprod",
    "logcumsumexp",
    "mode",
    "median",
    "nanmedian",
    "softmax",
    "log_softmax",
    "softmin",
    "argmax",
    "argmin",
    "max",
    "min",
    "unbind",
    "squeeze",
    "unsqueeze",
    "logsumexp",
    "glu",
)
def _one_dim(g: Gen) -> tuple:
    x = g.t()
    return (x, g.dim(len(x.final))), {}


@_for("max", "min")
def _max(g: Gen) -> tuple:
    if g.chance(0.3):
        s = g.shape()
        return (g.t(s), g.t(g.partner(s))), {}
    return ((g.t(),), {}) if g.chance(0.4) else _one_dim(g)


@_for("unique")
def _unique(g: Gen) -> tuple:
    x = g.t(fill="same")
    return (x,), _maybe(g, 0.4, return_inverse=True, return_counts=True, dim=lambda: g.dim(len(x.final)))


# --- networks -----------------------------------------------------------------------------------------------------


def _number_or_tuple(g: Gen, n: int, low: int, high: int) -> Any:
    return g.int(low, high) if g.chance(0.5) else tuple(g.int(low, high) for _ in range(n))


def _conv(n: int) -> Recipe:
    def recipe(g: Gen) -> tuple:
        groups = g.one(1, 1, 1, 2, 3)
        ci, co = groups * g.one(1, 2, 4, 16), groups * g.one(1, 2, 3, 16)
        kernel = tuple(g.one(1, 1, 2, 3, 3, 5) for _ in range(n))
        size = tuple(g.int(k, k + g.one(2, 6, 12)) for k in kernel)
        d = g.dtype(FLOATING)
        batch = (g.int(0, 3),) if g.chance(0.9) else ()
        more = _maybe(
            g,
            0.3,
            stride=lambda: _number_or_tuple(g, n, 1, 3),
            padding=lambda: _number_or_tuple(g, n, 0, 2),
            dilation=lambda: _number_or_tuple(g, n, 1, 2),
        )
        if g.chance(0.08):
            more["padding"] = g.one("same", "valid")
        return (
            g.t((*batch, ci, *size), d),
            g.t((co, ci // groups, *kernel), d),
            *([g.t((co,), d)] if g.chance(0.5) else []),
        ), {"groups": groups} | more

    return recipe


def _conv_transpose(n: int) -> Recipe:
    def recipe(g: Gen) -> tuple:
        groups = g.one(1, 1, 2)
        ci, co = groups * g.one(1, 2, 4), g.one(1, 2, 3)
        kernel = tuple(g.one(1, 2, 3) for _ in range(n))
        size = tuple(g.int(1, 6) for _ in range(n))
        d = g.dtype(FLOATING)
        batch = (g.int(0, 3),) if g.chance(0.9) else ()
        more = _maybe(
            g,
            0.35,
            stride=lambda: _number_or_tuple(g, n, 1, 3),
            padding=lambda: _number_or_tuple(g, n, 0, 1),
            dilation=lambda: _number_or_tuple(g, n, 1, 3),
            output_padding=lambda: _number_or_tuple(g, n, 0, 1),
        )
        return (
            g.t((*batch, ci, *size), d),
            g.t((ci, co, *kernel), d),
            *([g.t((co * groups,), d)] if g.chance(0.5) else []),
        ), {"groups": groups} | more

    return recipe


for _n in (1, 2, 3):
    RECIPES[f"conv{_n}d"], RECIPES[f"conv_transpose{_n}d"] = _conv(_n), _conv_transpose(_n)


def _pool(n: int, name: str) -> Recipe:
    def recipe(g: Gen) -> tuple:
        kernel = _number_or_tuple(g, n, 1, 4)
        size = tuple(g.int(4, 12) for _ in range(n))
        lead = (g.int(0, 3), g.int(1, 3)) if g.chance(0.85) else (g.int(1, 3),)
        more = _maybe(
            g,
            0.35,
            stride=lambda: _number_or_tuple(g, n, 1, 3),
            padding=lambda: _number_or_tuple(g, n, 0, 1),
            ceil_mode=True,
        )
        if name == "max":
            more |= _maybe(g, 0.3, dilation=lambda: _number_or_tuple(g, n, 1, 2), return_indices=True)
        else:
            more |= _maybe(g, 0.3, count_include_pad=lambda: g.chance(0.5))
        return (g.f((*lead, *size)), kernel), more

    return recipe


for _n in (1, 2, 3):
    RECIPES[f"max_pool{_n}d"], RECIPES[f"avg_pool{_n}d"] = _pool(_n, "max"), _pool(_n, "avg")
    RECIPES[f"adaptive_avg_pool{_n}d"] = RECIPES[f"adaptive_max_pool{_n}d"] = lambda g, n=_n: (
        (g.f((g.int(0, 2), g.int(1, 3), *[g.int(1, 9) for _ in range(n)])), _number_or_tuple(g, n, 1, 6)),
        {},
    )


@_for("batch_norm", "instance_norm")
def _batch_norm(g: Gen) -> tuple:
    d = g.dtype(FLOATING)
    c = g.int(1, 9)
    x = g.t((g.int(0, 5), c, *g.shape(0, 2)), d)
    stats = (
        [g.t((c,), d, grad=0, strided=0.1), g.t((c,), d, "positive", grad=0, strided=0.1)]
        if g.chance(0.7)
        else [None, None]
    )
    more = _maybe(
        g,
        0.5,
        weight=lambda: g.t((c,), d),
        bias=lambda: g.t((c,), d),
        momentum=lambda: g.one(0.1, 0.0, 1.0),
        eps=lambda: g.one(1e-5, 1e-3),
    )
    return (x, *stats), {"training": g.chance(0.6)} | more


@_for("layer_norm", "rms_norm")
def _layer_norm(g: Gen) -> tuple:
    d = g.dtype(FLOATING)
    x = g.t(g.shape(1, 4), d)
    shape = x.final[-g.int(1, len(x.final)) :]
    return (x, shape), _maybe(
        g, 0.5, weight=lambda: g.t(shape, d), bias=lambda: g.t(shape, d), eps=lambda: g.one(1e-5, 1e-12, 0.1)
    )


RECIPES["rms_norm"] = lambda g: (lambda a, k: (a, {n: v for n, v in k.items() if n != "bias"}))(*_layer_norm(g))


@_for("group_norm")
def _group_norm(g: Gen) -> tuple:
    d = g.dtype(FLOATING)
    groups = g.one(1, 2, 3, 4)
    c = groups * g.int(1, 3)
    return (g.t((g.int(0, 3), c, *g.shape(0, 2)), d), groups), _maybe(
        g, 0.5, weight=lambda: g.t((c,), d), bias=lambda: g.t((c,), d)
    )


@_for("scaled_dot_product_attention")
def _attention(g: Gen) -> tuple:
    d = g.dtype(FLOATING)
    lead = g.one((2,), (1, 2), (2, 3), ())
    m, n, e, ev = g.one(1, 3, 5, 17, 33), g.one(1, 4, 16, 40), g.one(1, 4, 8, 16), g.one(4, 8)
    more = _maybe(g, 0.3, is_causal=True, scale=lambda: g.one(1.0, 0.5))
    if g.chance(0.25):
        more["attn_mask"] = g.t(g.one((m, n), (*lead, m, n)), g.one("bool", d))
        more.pop("is_causal", None)
    return (g.t((*lead, m, e), d), g.t((*lead, n, e), d), g.t((*lead, n, g.one(e, ev)), d)), more


@_for(
    "mse_loss",
    "l1_loss",
    "smooth_l1_loss",
    "huber_loss",
    "kl_div",
    "binary_cross_entropy_with_logits",
    "binary_cross_entropy",
)
def _loss(g: Gen) -> tuple:
    s, d = g.shape(), g.dtype(FLOATING)
    return (g.t(s, d), g.t(s, d)), _maybe(g, 0.6, reduction=lambda: g.one("mean", "sum", "none"))


@_for("binary_cross_entropy")
def _bce(g: Gen) -> tuple:
    s, d = g.shape(), g.dtype(FLOATING)
    return (g.t(s, d, "unit"), g.t(s, d, "unit")), _maybe(
        g, 0.4, reduction=lambda: g.one("mean", "sum", "none"), weight=lambda: g.t(s, d)
    )


@_for("binary_cross_entropy_with_logits")
def _bce_logits(g: Gen) -> tuple:
    s, d = g.shape(), g.dtype(FLOATING)
    return (g.t(s, d), g.t(s, d, "unit")), _maybe(
        g,
        0.3,
        reduction=lambda: g.one("mean", "sum", "none"),
        weight=lambda: g.t(s, d),
        pos_weight=lambda: g.t(s[-1:], d, "positive"),
    )


@_for("cross_entropy", "nll_loss")
def _cross_entropy(g: Gen) -> tuple:
    d = g.dtype(FLOATING)
    n, c = g.size(), g.size()
    rest = g.one((), (), (), (3,), (2, 3))
    x = g.t((n, c, *rest) if g.chance(0.95) else (c,), d)
    target = g.i((n, *rest) if len(x.final) > 1 else (), c)
    return (x, target), _maybe(
        g,
        0.3,
        weight=lambda: g.t((c,), d, "positive", grad=0),
        reduction=lambda: g.one("mean", "sum", "none"),
        ignore_index=lambda: g.int(-1, c),
    )


def _cross_entropy_any(g: Gen) -> tuple:
    args, more = _cross_entropy(g)
    if g.chance(0.2):
        x = args[0]
        return (x, g.t(x.final, x.dtype, "unit")), {k: v for k, v in more.items() if k != "ignore_index"}
    return args, more | _maybe(g, 0.2, label_smoothing=lambda: g.one(0.1, 0.5))


RECIPES["cross_entropy"] = _cross_entropy_any


@_for("cosine_similarity", "pairwise_distance")
def _pair(g: Gen) -> tuple:
    s, d = g.shape(1, 3), g.dtype(FLOATING)
    return (g.t(s, d), g.t(g.partner(s), d)), {}


RECIPES["cosine_similarity"] = lambda g: (lambda a: (a, {"dim": g.dim(len(a[0].final))}))(_pair(g)[0])


@_for("normalize")
def _normalize(g: Gen) -> tuple:
    x = g.f(g.shape(1, 4))
    return (x, g.one(2.0, 1.0, 3.0), g.dim(len(x.final))), {}


@_for("prelu")
def _prelu(g: Gen) -> tuple:
    x = g.f(g.shape(1, 4))
    c = x.final[1] if len(x.final) > 1 else 1
    return (x, g.t((g.one(1, c),), x.dtype)), {}


@_for("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout")
def _dropout(g: Gen) -> tuple:
    return (g.f(g.shape(2, 4)), g.one(0.0, 0.5, 0.1, 1.0)), {"training": g.chance(0.6)}


@_for("norm")
def _norm(g: Gen) -> tuple:
    x = g.f()
    p = g.one("fro", 1, 2, 3, 0, 0.5, 2.5, float("inf"), -float("inf"), -1)
    return (x, p), _maybe(g, 0.6, dim=lambda: g.dims(len(x.final)), keepdim=lambda: g.chance(0.5))


@_for("var", "std")
def _var(g: Gen) -> tuple:
    x = g.f()
    return (x,), _maybe(
        g, 0.5, dim=lambda: g.dims(len(x.final)), correction=lambda: g.one(0, 1, 2), keepdim=lambda: g.chance(0.5)
    )


@_for("backward")
def _backward(g: Gen) -> tuple:
    x = replace(g.t((), "float32", strided=0), grad="inner")
    return (x,), {}
