"""What ops do with sparse tensors, by their names; the others refuse them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numtorch import _sparse, ops
from numtorch._sparse import SparseTensor
from numtorch._tensor import Tensor
from numtorch.dtype import promote_types
from numtorch.layouts import sparse_coo
from numtorch.ops.sparse import functions, patterns
from numtorch.storage import wrap_dim

RULES: dict[str, Callable] = {}
BACKENDS = {sparse_coo: "SparseCPU"}

# f(0) = 0: applied to the elements alone.
KEEPS_ZERO = (
    "abs",
    "angle",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "ceil",
    "deg2rad",
    "erf",
    "erfinv",
    "expm1",
    "floor",
    "frac",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "log1p",
    "neg",
    "rad2deg",
    "relu",
    "round",
    "sgn",
    "sign",
    "signbit",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "cube",
    "tan",
    "tanh",
    "trunc",
    "conj_physical",
    "nan_to_num",
)
LINEAR = ("neg", "clone", "conj_physical")  # of sums, too


def rule(*names: str) -> Callable[[Callable], Callable]:
    """A function of (tensors, parameters) as what the ops of these names do."""

    def wrap(f: Callable) -> Callable:
        for n in names:
            RULES[n] = f
        return f

    return wrap


def refusal(name: str, x: Any) -> NotImplementedError:
    """The error of an op that knows no sparse tensors."""
    return NotImplementedError(
        f"Could not run 'aten::{name}' with arguments from the '{BACKENDS.get(x.layout, 'SparseCsrCPU')}' backend: "
        f"there is no {name} of sparse tensors, as this one of shape {list(x.shape)}, {x.dtype.name}, layout "
        f"{x.layout}; use .to_dense()"
    )


def answer(op: Any, tensors: tuple, params: tuple, out: Any) -> Any:
    """An op on tensors some of which are sparse."""
    found = RULES.get(op.name)
    if found is None:
        listed = [t for each in tensors for t in (each if each.__class__ is list else [each])]
        raise refusal(op.name, next(t for t in (*listed, out) if isinstance(t, SparseTensor)))
    made = found(op, tensors, params)
    if out is None:
        return made
    if isinstance(out, SparseTensor):
        return functions.become(out, made)
    if isinstance(made, SparseTensor):
        raise RuntimeError(
            f"{op.name}: the result is sparse and cannot be written to a dense tensor of shape {list(out.shape)}; use "
            ".to_dense()"
        )
    return out.copy_(made)


_sparse.answer = answer


@rule(*KEEPS_ZERO, "clone")
def _of_elements(op: Any, tensors: tuple, params: tuple) -> Tensor:
    (x,) = tensors
    if op.name in LINEAR:
        pattern, elements = patterns.linear(x)
    else:
        pattern, elements = patterns.coalesced(x), patterns.values(x)
    return patterns.build(op.call(elements, *params), pattern)


@rule("cast")
def _cast(op: Any, tensors: tuple, params: tuple) -> Tensor:
    return functions.converted(tensors[0], params[0])


@rule("move")
def _move(op: Any, tensors: tuple, params: tuple) -> Tensor:
    (x,) = tensors
    move: Callable = lambda t: t.to(params[0])
    pattern, elements = patterns.linear(x)
    elements = move(elements)
    if x.layout is sparse_coo:
        there = _sparse.coo(move(pattern.rows), elements, x.shape, pattern.coalesced)
    else:
        there = _sparse.compressed(move(x.bounds), move(x.places), elements, tuple(x.shape), x.layout)
    return patterns.build(elements, there)


# --- sums -----------------------------------------------------------------------------------------


@rule("add", "sub", "add_multiple")
def _sum(op: Any, tensors: tuple, params: tuple) -> Tensor:
    x, y = tensors[0], tensors[1]
    factor = tensors[2] if len(tensors) > 2 else -1 if op.name == "sub" else 1
    if not isinstance(x, SparseTensor):
        if not isinstance(x, Tensor):
            x, y = y, x
        else:
            dense = patterns.to_dense(y) if y.shape == x.shape else _not_alike(op.name, x, y)
            return x + dense if factor == 1 else ops.arithmetic.add(x, dense, alpha=factor)
    if not isinstance(y, SparseTensor):
        raise RuntimeError("add(sparse, dense) is not supported. Use add(dense, sparse) instead.")
    if x.shape != y.shape:
        _not_alike(op.name, x, y)
    how = x.layout
    if patterns.sparse_dims(x) != patterns.sparse_dims(y):
        raise RuntimeError(
            f"{op.name}: cannot add two sparse tensors with different numbers of sparse dimensions, "
            f"{patterns.sparse_dims(x)} and {patterns.sparse_dims(y)}"
        )
    d = promote_types(x.dtype, y.dtype)
    (p, a), (q, b) = (
        patterns.linear(functions.converted(patterns.as_coo(t), d))
        for t in (x, y)  # type: ignore[arg-type]
    )
    if patterns.same_positions(p, q):
        made = patterns.build(a + b if factor == 1 else a + b * factor, p)
        return made if how is sparse_coo else patterns.compressed(made, how)
    elements = ops.movement.cat([a, b if factor == 1 else b * factor])
    rows = ops.movement.cat([p.rows, q.rows], 1)
    made = patterns.build(elements, _sparse.coo(rows, elements, x.shape))
    if p.coalesced and q.coalesced:
        made = patterns.coalesced(made)
    return made if how is sparse_coo else patterns.compressed(made, how)


def _not_alike(name: str, x: Tensor, y: Tensor) -> Any:
    raise RuntimeError(f"{name}: expected sizes of 'self' and 'other' to match, but {list(x.shape)} != {list(y.shape)}")


# --- products -------------------------------------------------------------------------------------


@rule("mul")
def _mul(op: Any, tensors: tuple, params: tuple) -> Tensor:
    x, y = tensors
    if not isinstance(x, SparseTensor):
        x, y = y, x
    if not isinstance(y, Tensor) or not isinstance(y, SparseTensor) and not y.ndim:
        pattern, elements = patterns.linear(x)
        return patterns.build(elements * y, pattern)
    x = patterns.coalesced(x)
    if not isinstance(y, SparseTensor):
        try:
            y = y.expand(x.shape)
        except RuntimeError:
            _not_alike("mul", x, y)
        return patterns.build(patterns.values(x) * patterns.pick(y, x), x)
    if x.shape != y.shape:
        _not_alike("mul", x, y)
    how = x.layout
    if patterns.sparse_dims(x) != patterns.sparse_dims(y):
        y = patterns.to_coo(patterns.to_dense(y), patterns.sparse_dims(x))
    if patterns.same_positions(x, patterns.coalesced(y)):
        return patterns.build(patterns.values(x) * patterns.values(y), x)
    x = patterns.as_coo(x)
    found, hit = patterns.looked_up(y, x)
    at = ops.movement.reshape(ops.indexing.masks.nonzero(hit), (-1,))
    elements = patterns.select(patterns.values(x) * found, at)
    rows = ops.indexing.slices.index_select(x.rows, 1, at)
    made = patterns.build(elements, _sparse.coo(rows, elements, x.shape, True))
    return made if how is sparse_coo else patterns.compressed(made, how)


@rule("div", "floor_divide")
def _div(op: Any, tensors: tuple, params: tuple) -> Tensor:
    x, y = tensors
    if isinstance(y, SparseTensor):
        raise RuntimeError(
            f"{op.name}: Sparse division requires a scalar or zero-dim dense tensor divisor (got a sparse one)"
        )
    if isinstance(y, Tensor) and y.ndim:
        raise RuntimeError(
            f"Sparse division requires a scalar or zero-dim dense tensor divisor (got shape {list(y.shape)} for "
            "divisor)"
        )
    if op.name == "div":
        pattern, elements = patterns.linear(x)
    else:
        pattern, elements = patterns.coalesced(x), patterns.values(x)
    return patterns.build(op.call(elements, y), pattern)


@rule("power")
def _power(op: Any, tensors: tuple, params: tuple) -> Tensor:
    x, y = tensors
    if not isinstance(x, SparseTensor) or isinstance(y, Tensor) or not y > 0:
        raise RuntimeError("pow: a sparse tensor can be raised to a positive number alone; use .to_dense()")
    return patterns.build(op.call(patterns.values(x), y), patterns.coalesced(x))


@rule("matmul")
def _matmul(op: Any, tensors: tuple, params: tuple) -> Tensor:
    x, y = tensors
    if x.ndim == 2 and y.ndim == 1 and isinstance(x, SparseTensor) and not isinstance(y, SparseTensor):
        return ops.movement.select(functions.product(x, ops.movement.unsqueeze(y, 1)), 1, 0)
    if y.ndim == 2 and x.ndim == 1 and isinstance(y, SparseTensor) and not isinstance(x, SparseTensor):
        return ops.movement.select(functions.product(ops.movement.unsqueeze(x, 0), y), 0, 0)
    return functions.product(x, y)


@rule("linear")
def _linear(op: Any, tensors: tuple, params: tuple) -> Tensor:
    x, w, b = tensors
    y = functions.product(x, w.t())
    return y if b is None else y + b


# --- dimensions -----------------------------------------------------------------------------------


@rule("sum")
def _sum_of(op: Any, tensors: tuple, params: tuple) -> Tensor:
    named = dict(zip([n for n, _ in op.params], params, strict=True))
    if named.get("keepdim"):
        raise refusal("sum with keepdim=True", tensors[0])
    return functions.sparse_sum(tensors[0], named["dim"], named["dtype"])


@rule("transpose")
def _transpose(op: Any, tensors: tuple, params: tuple) -> Tensor:
    return functions.transposed(tensors[0], *params[:2])


@rule("permute")
def _permute(op: Any, tensors: tuple, params: tuple) -> Tensor:
    (x,) = tensors
    dims = [wrap_dim(d, x.ndim, "permute") for d in params[0]]
    n = patterns.sparse_dims(x)
    if sorted(dims) != list(range(x.ndim)):
        raise RuntimeError(f"permute(sparse_coo): expected an order of the {x.ndim} dimensions, got {dims}")
    if dims == list(range(x.ndim)):
        return x
    if x.layout is not sparse_coo:
        return functions.transposed(x)
    if sorted(dims[:n]) != list(range(n)):
        raise RuntimeError("permute(sparse_coo): transpositions between sparse and dense dimensions are not allowed.")
    pattern, elements = patterns.linear(x)
    rows = ops.movement.stack([ops.movement.select(pattern.rows, 0, d) for d in dims[:n]])
    elements = ops.movement.permute(elements, (0, *[d - n + 1 for d in dims[n:]]))
    shape = tuple([x.shape[d] for d in dims])
    return patterns.build(
        elements, _sparse.coo(rows, elements, shape, pattern.coalesced and dims[:n] == list(range(n)))
    )


@rule("unsqueeze")
def _unsqueeze(op: Any, tensors: tuple, params: tuple) -> Tensor:
    (x,) = tensors
    if x.layout is not sparse_coo:
        raise refusal("unsqueeze", x)
    dim, n = wrap_dim(params[0], x.ndim + 1, "unsqueeze"), patterns.sparse_dims(x)
    pattern, elements = patterns.linear(x)
    shape = (*x.shape[:dim], 1, *x.shape[dim:])
    if dim > n:
        elements = ops.movement.unsqueeze(elements, dim - n + 1)
        return patterns.build(elements, _sparse.coo(pattern.rows, elements, shape, pattern.coalesced))
    lines = [*ops.movement.unbind(pattern.rows, 0)]
    lines.insert(dim, ops.creation.zeros_like(lines[0]))
    return patterns.build(elements, _sparse.coo(ops.movement.stack(lines), elements, shape, pattern.coalesced))


def chosen(x: SparseTensor, dim: int, first: int, last: int, drop: bool) -> Tensor:
    """The part of a tensor from ``first`` to before ``last`` along a dimension, which is dropped if there is one."""
    how, x = x.layout, patterns.as_coo(x)
    n = patterns.sparse_dims(x)
    pattern, elements = patterns.linear(x)
    shape = list(x.shape)
    shape[dim : dim + 1] = [] if drop else [last - first]
    if dim >= n:
        at = dim - n + 1
        part = (
            ops.movement.select(elements, at, first) if drop else ops.movement.narrow(elements, at, first, last - first)
        )
        return patterns.build(part, _sparse.coo(pattern.rows, part, tuple(shape), pattern.coalesced))
    line = ops.movement.select(pattern.rows, 0, dim)
    inside = ops.movement.reshape(ops.indexing.masks.nonzero((line >= first) & (line < last)), (-1,))
    part = patterns.select(elements, inside)
    lines = [patterns.select(v, inside) for v in ops.movement.unbind(pattern.rows, 0)]
    if drop:
        del lines[dim]
        if not lines:  # the element itself
            return ops.reduction.sum(part, 0)
    else:
        lines[dim] = lines[dim] - first
    made = patterns.build(part, _sparse.coo(ops.movement.stack(lines), part, tuple(shape), pattern.coalesced))
    return made if how is sparse_coo or drop else patterns.compressed(made, how)


@rule("select")
def _select(op: Any, tensors: tuple, params: tuple) -> Tensor:
    (x,), (dim, index) = tensors, params[:2]
    dim = wrap_dim(dim, x.ndim, "select")
    size = x.shape[dim]
    if not -size <= index < size:
        raise IndexError(f"select(): index {index} out of range for tensor of size {list(x.shape)} at dimension {dim}")
    return chosen(x, dim, index % size, index % size + 1, True)


@rule("index_select")
def _index_select(op: Any, tensors: tuple, params: tuple) -> Tensor:
    x, index = tensors
    dim = wrap_dim(params[0], x.ndim, "index_select")
    parts = [chosen(x, dim, i % x.shape[dim], i % x.shape[dim] + 1, False) for i in index.tolist()]
    return joined(parts, dim)


@rule("cat")
def _cat(op: Any, tensors: tuple, params: tuple) -> Tensor:
    return joined(tensors[0], params[0])


def joined(xs: list, dim: int) -> Tensor:
    """Sparse tensors one after another along a dimension."""
    if not all(isinstance(x, SparseTensor) and x.layout is sparse_coo for x in xs):
        raise RuntimeError("Concatenating sparse tensors, but a dense or compressed tensor was found among them.")
    x = xs[0]
    dim, n = wrap_dim(dim, x.ndim, "cat"), patterns.sparse_dims(x)
    rest = [[m for d, m in enumerate(t.shape) if d != dim] for t in xs]
    if any(r != rest[0] for r in rest) or any(patterns.sparse_dims(t) != n for t in xs):
        raise RuntimeError(f"Sizes of tensors must match except in dimension {dim}: got {[list(t.shape) for t in xs]}")
    shape = list(x.shape)
    shape[dim] = sum(t.shape[dim] for t in xs)
    begun, rows, elements = 0, [], []
    for t in xs:
        pattern, part = patterns.linear(t)
        lines = [*ops.movement.unbind(pattern.rows, 0)]
        if dim < n:
            lines[dim] = lines[dim] + begun
        else:
            at = dim - n + 1
            before, after = list(part.shape), list(part.shape)
            before[at], after[at] = begun, shape[dim] - begun - part.shape[at]
            blank = [ops.creation.zeros(m, dtype=part.dtype, device=part.device) for m in (before, after)]
            part = ops.movement.cat([blank[0], part, blank[1]], at)
        begun += t.shape[dim]
        rows.append(ops.movement.stack(lines))
        elements.append(part)
    whole = ops.movement.cat(elements)
    return patterns.build(whole, _sparse.coo(ops.movement.cat(rows, 1), whole, tuple(shape)))
