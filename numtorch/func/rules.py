"""The rules of ops that move, reduce, sort and pick elements; see ``calls``."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numtorch as torch
from numtorch.autograd import batched as slots
from numtorch.autograd.batched import Batched, Level, batched
from numtorch.func.calls import all_full, folded, full, launch, loop, moved, raised, rank, rule, unfolded
from numtorch.grad_mode import mode
from numtorch.ops.indexing.keys import ALL
from numtorch.ops.sorting_cpu import NAN_WINS
from numtorch.storage import wrap_dim

Tensor = torch.Tensor


# --- the same op on all samples ----------------------------------------------------------------------


@rule(
    "cast",
    "move",
    "view_as_real",
    "view_as_complex",
    "real",
    "imag",
    "triangle",
    "pad_ends",
    "inv",
    "det",
    "sign_and_logarithm",
    "lower_root",
    "orthogonal_and_upper",
    "hermitian_eigen",
    "general_eigen",
    "singular",
    "reflections",
    "lower_and_upper",
    "pseudo_inverse",
    "max_pool_positions",
    "max_pool_scatter",
    "max_pool_gather",
    "avg_pool_grad",
    "adaptive_avg_pool_grad",
)
def same(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    """Ops of the last dimensions, whatever is before them."""
    return launch(op, all_full(level, tensors, flags), params)


@rule("solved", "triangular", "solved_by_root")
def of_matrices(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    """Two operands whose leading dimensions broadcast."""
    top = max(map(rank, tensors, flags))
    given = all_full(level, tensors, flags)
    return launch(op, tuple([raised(t, True, top) for t in given]), params)


@rule(
    "cross_entropy",
    "nll_loss",
    "mse_loss",
    "smooth_l1_loss",
    "multi_margin_loss",
    "linear_relu",
    "linear_act",
    "attention",
    "scaled_dot_product_attention",
    "scaled_where",
    "conv2d_bias_grad",
    "msort",
    "mode",
)
def by_body(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    """The formula of the op, called on tensors of one sample."""
    given = [batched(t, level) if f else t for t, f in zip(tensors, flags, strict=True)]
    made = op.body(*given, *params)
    several = isinstance(made, tuple)
    found = tuple(
        [
            full(y.value if (f := y.__class__ is Batched and y.level is level) else y, f, level.size)
            for y in (made if several else (made,))
        ]
    )
    return found if several else found[0]


# --- along dimensions ---------------------------------------------------------------------------------

# The parameters that name dimensions; shapes get the hidden dimension in front.
DIMS = ("dim", "dims", "dim0", "dim1", "dim2", "dimension")


def shifted(op: Any, ndim: int, params: tuple, size: int, more: int = 0) -> list:
    """The parameters for all samples at once: dimensions one further on."""
    made: list[Any] = []
    for (n, _), v in zip(op.params, params, strict=True):
        if n in DIMS and v.__class__ is int:
            v = moved(v, ndim + more, op.name)
        elif n in DIMS and v.__class__ is tuple and v:
            v = tuple([moved(d, ndim + more, op.name) for d in v])
        elif n in DIMS and (v is None or v == ()):
            v = tuple(range(1, ndim + 1))
        elif n == "shape":
            v = (size, *v)
        made.append(v)
    return made


@rule(
    "transpose",
    "select",
    "slice",
    "slice_backward",
    "diagonal",
    "diagonal_backward",
    "unfold",
    "unbind_along",
    "split_along",
    "repeat_slices",
    "flip",
    "sum",
    "mean",
    "prod",
    "amax",
    "amin",
    "any",
    "all",
    "count_nonzero",
    "max",
    "min",
    "argmax",
    "argmin",
    "softmax",
    "log_softmax",
    "var",
    "std",
    "logsumexp",
    "norm",
    "extreme_norm",
    "zero_norm",
    "p_norm",
    "normalize",
    "resample",
    "cumsum",
    "cumprod",
    "cummax",
    "cummin",
    "logcumsumexp",
    "linear_recurrence",
    "sort",
    "argsort",
    "topk",
    "kthvalue",
    "median",
    "nanmedian",
    "gather",
    "scatter_into_zeros",
    "scatter",
    "scatter_combine",
)
def along(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    """Ops along dimensions that their parameters name."""
    given = all_full(level, tensors, flags)
    ndim = given[0].ndim - 1
    named = dict(zip([n for n, _ in op.params], params, strict=True))
    if named.get("dim", 0) is None and op.spec.__annotations__["dim"] == "int | None":  # of all elements
        flat = given[0].reshape(level.size, -1)
        made = launch(op, (flat,), tuple([{"dim": 1, "keepdim": False}.get(n, v) for n, v in named.items()]))
        return made.reshape(level.size, *[1] * ndim) if named.get("keepdim") else made
    if not ndim and len(given) == 1 and "dim" in named:  # samples without dimensions count as vectors of one element
        moved(named["dim"] if named["dim"].__class__ is int else 0, 1, op.name)
        one = launch(
            op, (given[0].unsqueeze(1),), tuple([{"dim": 1, "keepdim": False}.get(n, v) for n, v in named.items()])
        )
        flat = [y.reshape(level.size) for y in (one if isinstance(one, tuple) else (one,))]
        return tuple(flat) if isinstance(one, tuple) else flat[0]
    if any(t is not None and t.ndim == 1 for t in given):
        return loop(op, level, tensors, flags, params)
    ndim = len(named["shape"]) if "shape" in named else ndim
    return launch(op, given, tuple(shifted(op, ndim, params, level.size)))


@rule("permute")
def _(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    (x,), (dims,) = tensors, params
    if len(dims) != x.ndim - 1:
        return launch(op, (x.select(0, 0),), params)  # which says what is wrong
    return launch(op, (x,), ((0, *[moved(d, x.ndim - 1, "permute") for d in dims]),))


@rule("median_of_all")
def _(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    (x,), (nan,) = tensors, params
    of_row = torch.median if nan == NAN_WINS else torch.nanmedian
    return of_row(x.reshape(level.size, -1), 1).values


@rule("roll")
def _(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    (x,), (shifts, dims) = tensors, params
    if dims is None or dims == ():
        return launch(op, (x.reshape(level.size, -1),), (shifts, 1)).reshape(x.shape)
    named = dims if dims.__class__ is tuple else (dims,)
    return launch(op, (x,), (shifts, tuple([moved(d, x.ndim - 1, "roll") for d in named])))


@rule("unsqueeze")
def _(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    return launch(op, tensors, tuple(shifted(op, tensors[0].ndim - 1, params, level.size, 1)))


@rule("squeeze")
def _(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    (x,), (dim,) = tensors, params
    ndim = x.ndim - 1
    named = range(ndim) if dim is None else dim if isinstance(dim, tuple | list) else (dim,)
    kept = {wrap_dim(d, max(ndim, 1), "squeeze") for d in named}
    shape = [n for d, n in enumerate(tuple(x.shape)[1:]) if n != 1 or d not in kept]
    return x.reshape(level.size, *shape)


@rule("view")
def _(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    return tensors[0].reshape(level.size, *params[0])


@rule("expand")
def _(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    (x,), (shape,) = tensors, params
    return launch(op, (raised(x, True, len(shape)),), ((level.size, *shape),))


@rule("repeat")
def _(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    (x,), (repeats,) = tensors, params
    return launch(op, (raised(x, True, len(repeats)),), ((1, *repeats),))


@rule("as_strided")
def _(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    (x,), (size, stride, offset) = tensors, params
    x = x.contiguous() if not isinstance(x, Batched) else x
    step = prod(tuple(x.shape)[1:])
    reach = sum([(n - 1) * s for n, s in zip(size, stride, strict=True)]) if 0 not in size else -1
    if (offset or 0) + reach >= step:
        raise RuntimeError(
            f"vmap: as_strided: sizes {list(size)}, strides {list(stride)} and storage offset {offset or 0} go beyond "
            "the elements of one sample"
        )
    return torch.as_strided(x, (level.size, *size), (step, *stride), x.storage_offset() + (offset or 0))


@rule("as_strided_backward", "as_strided_scatter", "strided_read")
def _(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    named = dict(zip([n for n, _ in op.params], params, strict=True))
    given, start = all_full(level, tensors, flags), named.get("start", 0)
    shape = named["shape"] if "shape" in named else tuple(given[0].shape)[1:]
    reaches = [
        1 + sum([(n - 1) * s for n, s in zip(sizes, strides, strict=True)])
        for sizes, strides in ((shape, named.get("x_strides", ())), (named["size"], named["stride"]))
        if len(sizes) == len(strides)
    ]
    step = reaches[0] if "x_strides" in named else prod(shape)
    if 0 in shape or 0 in named["size"] or start + reaches[-1] > step:
        return loop(op, level, tensors, flags, params)
    for name in ("shape", "size"):
        named |= {name: (level.size, *named[name])} if name in named else {}
    for name in ("stride", "x_strides"):
        named |= {name: (step, *named[name])} if name in named else {}
    return launch(op, given, tuple(named.values()))


@rule("basic")
def _(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    return launch(op, tensors, ((ALL, *params[0]),))


@rule("basic_backward")
def _(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    shape, items = params
    return launch(op, tensors, ((level.size, *shape), (ALL, *items)))


@rule("cat", "stack")
def _(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    given = all_full(level, tensors, flags)
    top = max(t.ndim for t in given) - 1
    if op.name == "cat":  # empty vectors among tensors of other ranks count for nothing
        given = tuple([t for t in given if t.ndim == top + 1 or t.shape != (level.size, 0)])
    return op.call(list(given), moved(params[0], top + (op.name == "stack"), op.name))


# --- positions ----------------------------------------------------------------------------------------


def offset(index: Tensor, n: int, name: str, dim: int, wrap: bool) -> Tensor:
    """Positions below ``n`` of each sample as positions in the samples laid end to end; IndexError for others."""
    at = slots.whole(index)
    low = -n if wrap else 0
    if at.numel() and (int(at.min()) < low or int(at.max()) >= n):
        bad = next(i for i in at.reshape(-1).tolist() if not low <= i < n)
        raise IndexError(f"{name}: index {bad} is out of bounds for dimension {dim} with size {n}")
    at = torch.where(index < 0, index + n, index)
    return at + torch.arange(0, index.shape[0] * n, n, device=index.device).reshape(-1, *[1] * (index.ndim - 1))


def laid(x: Tensor, dim: int) -> Tensor:
    """Samples laid end to end along a dimension, which comes first."""
    return folded(x.movedim(dim + 1, 1))


@rule("index_select")
def _(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    (x, index), (dim, wrap), n = tensors, params, level.size
    d = wrap_dim(dim, rank(x, flags[0]), "index_select")
    if not flags[1]:
        return launch(op, tensors, (d + 1, wrap))
    if not flags[0]:
        y = launch(op, (x, index.reshape(-1)), (d, wrap))
        shape = tuple(x.shape)
        return y.reshape(*shape[:d], n, index.shape[1], *shape[d + 1 :]).movedim(d, 0)
    at = offset(index, x.shape[d + 1], "index_select", d, wrap)
    return unfolded(launch(op, (laid(x, d), at.reshape(-1)), (0, False)), n).movedim(1, d + 1)


@rule("put_into_zeros")
def _(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    (x, index), (shape, dim), n = tensors, params, level.size
    d = wrap_dim(dim, len(shape), "index_add")
    if not flags[1]:
        return launch(op, tensors, ((n, *shape), d + 1))
    at = offset(index, shape[d], "index_add", d, True).reshape(-1)
    whole = (n * shape[d], *shape[:d], *shape[d + 1 :])
    return unfolded(launch(op, (laid(full(x, flags[0], n), d), at), (whole, 0)), n).movedim(1, d + 1)


@rule("index_put")
def _(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    (x, index, y), (dim, accumulate, wrap), n = tensors, params, level.size
    x, y = full(x, flags[0], n), full(y, flags[2], n)
    d = wrap_dim(dim, x.ndim - 1, "index_put")
    if not flags[1]:
        return launch(op, (x, index, y), (d + 1, accumulate, wrap))
    at = offset(index, x.shape[d + 1], "index_put", d, wrap).reshape(-1)
    return unfolded(launch(op, (laid(x, d), at, laid(y, d)), (0, accumulate, False)), n).movedim(1, d + 1)


@rule("embedding")
def _(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    index, w = tensors
    if not flags[1]:
        return launch(op, tensors, params)
    if any(p for p in params[1:2]) or params[0] is not None:
        return loop(op, level, tensors, flags, params)
    given: list[Any] = [batched(t, level) if f else t for t, f in zip(tensors, flags, strict=True)]
    made: Any = given[1].index_select(0, given[0].reshape(-1))
    return made.value.reshape(level.size, *given[0].shape, w.shape[-1])


@rule("nonzero", "compress", "bincount")
def _(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    raise RuntimeError(
        f"vmap: the shape of the result of {op.name} depends on the elements, and may differ from sample to sample. "
        "torch.where(mask, x, other) keeps the shape."
    )


# --- random numbers -----------------------------------------------------------------------------------


def drawn(draw: Callable, shape: tuple) -> Tensor:
    """Random numbers of a shape for each sample, as the innermost level wants them."""
    *outer, level = mode.levels
    if level.randomness == "error":
        raise RuntimeError(
            "vmap: called random operation while in randomness error mode. Please either use the 'same' or 'different' "
            "randomness flags on vmap or perform the randomness operation out of vmap"
        )
    before, mode.levels = mode.levels, tuple(outer)
    try:
        return batched(draw((level.size, *shape)), level) if level.randomness == "different" else draw(tuple(shape))
    finally:
        mode.levels = before


slots.drawn = drawn
