"""Scaled dot-product attention: without a mask one op, whose loops are in ``attention_cpu``; otherwise two products and
a softmax."""

from __future__ import annotations

from functools import lru_cache, partial
from math import sqrt
from typing import Any

from numtorch import ops
from numtorch._tensor import Tensor
from numtorch.dispatch.cost import called, nbytes
from numtorch.dispatch.loops import Loop, like
from numtorch.dispatch.op import op
from numtorch.dtype import FLOATS, float32
from numtorch.dtype import bool as BOOL
from numtorch.exports import exported
from numtorch.ops import attention_cpu, movement, reduction
from numtorch.ops.activation import softmax
from numtorch.ops.arithmetic import eq, logical_not, logical_or, where
from numtorch.ops.dropout import dropout
from numtorch.ops.matmul import matmul
from numtorch.ops.moments import logsumexp
from numtorch.ops.movement import expand_to, reshape, transpose, unsqueeze
from numtorch.storage import Size, broadcast_shapes, contiguous_strides


@lru_cache(maxsize=64)
def _future(rows: int, cols: int, device: Any) -> Tensor:
    """Which keys lie after each query, (rows, cols)."""
    return movement.unsqueeze(ops.ranges.arange(rows, device=device), 1) < ops.ranges.arange(cols, device=device)


def _scores(x: Tensor, y: Tensor, causal: bool, scale: Any) -> Tensor:
    scores = matmul(x * scale, transpose(y, -2, -1))
    return where(_future(*scores.shape[-2:], x.device), float("-inf"), scores) if causal else scores


def _pairs(x: Tensor, y: Tensor, causal: bool) -> int:
    """How many scores there are that count."""
    rows, cols = x.shape[2], y.shape[2]
    seen = min(rows, cols)
    return x.shape[0] * x.shape[1] * (seen * (seen + 1) // 2 + (rows - seen) * cols if causal else rows * cols)


_EXP = ("exp_nonpositive",)


def _cost(result: tuple, x: Tensor, y: Tensor, w: Tensor, causal: bool, scale: float) -> tuple[int, int]:
    return nbytes(*result, x, y, w), _pairs(x, y, causal) * (2 * x.shape[3] + 2 * w.shape[3] + 3 + called(_EXP, x))


def _grad_cost(
    grads: tuple, g: tuple, x: Tensor, y: Tensor, w: Tensor, out: tuple, *, causal: bool, scale: float, needs: tuple
) -> tuple[int, int]:
    return nbytes(*grads, *g, x, y, w, *out), _pairs(x, y, causal) * (
        6 * x.shape[3] + 4 * w.shape[3] + 5 + called(_EXP, x)
    )


@op(
    public=False,
    strided=True,
    cost=_cost,
    samples=lambda: [
        ((2, 3, 5, 4), (2, 3, 6, 4), (2, 3, 6, 7), False, 0.5),
        ((1, 2, 20, 4), (1, 2, 20, 4), (1, 2, 20, 3), True, 0.3),
    ],
)
def attention(x, y, w, causal: bool, scale: float):
    """(softmax(x @ y.T * scale) @ w, logarithms of the sums of exponentials of each row); all (batch, heads, rows,
    width)."""
    scores = _scores(x, y, causal, scale)
    return matmul(softmax(scores, -1), w), logsumexp(scores, -1)


@attention.vjp(cost=_grad_cost)
def _(g, x, y, w, out, *, causal, scale, needs):
    g, gl = g
    p = softmax(_scores(x, y, causal, scale), -1)
    d = p * (matmul(g, transpose(w, -2, -1)) - unsqueeze(reduction.sum(g * out[0], -1) - gl, -1)) * scale
    return (
        matmul(d, y) if needs[0] else None,
        matmul(transpose(d, -2, -1), x) if needs[1] else None,
        matmul(transpose(p, -2, -1), g) if needs[2] else None,
    )


# The heads of results lie within their rows: they come from one projection, go into the next, and need not be moved.
HEADS_WITHIN = (0, 2, 1, 3)


def _loop(backward: bool, read: tuple, outs: tuple, causal: bool, scale: float) -> Loop:
    """``attention_cpu.ready`` for these operands and results, of which queries, keys and values are the first. Operands
    whose rows are contiguous are read as they lie."""
    lying = tuple([t._k.contiguous or (t.ndim == 4 and t.strides[3] == 1) for t in read])
    strides = [t.strides if lies else contiguous_strides(t.shape) for t, lies in zip(read, lying, strict=True)]
    strides += [made.strides or contiguous_strides(made.shape) for made in outs]
    steps = tuple([n for of in strides if len(of) == 4 for n in of[:3]])
    (batch, heads, rows, width), (_, _, cols, values) = read[0].shape, read[2].shape
    sizes = (batch, heads, rows, cols, width, values, causal)
    made_of = (backward, read[0]._k.dtype.storage, *sizes, steps, scale)
    return Loop(attention_cpu.ready, (), outs, operands=read, lying=lying, made_of=made_of)


@attention.loop("cpu", dtypes=FLOATS)
def panels(x, y, w, causal, scale):
    """Scores in panels that stay in the cache; see ``attention_cpu``."""
    if not x.shape.numel() or not w.shape.numel():
        return None
    outs = like(x, (*x.shape[:3], w.shape[3]), order=HEADS_WITHIN), like(x, x.shape[:3])
    return _loop(False, (x, y, w), outs, causal, scale)


@attention.backward.loop("cpu", dtypes=FLOATS, name="panels")
def _(g, x, y, w, out, causal, scale):
    """The same panels again; nothing of the size of the scores is kept."""
    if not x.shape.numel() or not w.shape.numel():
        return None
    outs = tuple([like(t, order=HEADS_WITHIN) for t in (x, y, w)])
    return _loop(True, (x, y, w, g[0], out[0], g[1], out[1]), outs, causal, scale)


@exported("nn.functional")
@op(
    wide=False,
    samples=lambda: [
        ((2, 3, 5, 4), (2, 3, 6, 4), (2, 3, 6, 7)),
        ((5, 4), (6, 4), (6, 3), (5, 6)),
        ((3, 4), (3, 4), (3, 2), None, 0.0, True),
    ],
)
def scaled_dot_product_attention(
    query,
    key,
    value,
    attn_mask=None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
):
    """``softmax(query @ key.T * scale + mask) @ value``: for each query a weighted mean of the values.

    Args:
        query: (..., L, E). All three are of one floating type, and their leading dimensions broadcast.
        key: (..., S, E).
        value: (..., S, Ev).
        attn_mask: broadcastable to (..., L, S): bool, where True takes part, or numbers to be added. A query that may
            look at nothing gets zeros.
        dropout_p: the probability with which each weight is set to 0.
        is_causal: whether query i sees keys 0 to i only; without ``attn_mask``.
        scale: ``1 / sqrt(E)`` unless given.
        enable_gqa: whether heads of key and value (dimension -3) are each shared by several heads of the query.

    Returns:
        A tensor of shape (..., L, Ev).

    Raises:
        RuntimeError: the shapes or types do not fit, or a mask is given with ``is_causal``.

    Source: Vaswani et al. 2017, Attention Is All You Need.

    >>> q, k = torch.zeros(1, 4), torch.zeros(2, 4)
    >>> torch.nn.functional.scaled_dot_product_attention(q, k, torch.tensor([[1.0, 2.0], [3.0, 6.0]]))
    tensor([[2., 4.]])
    """
    scores = _scores(query, key, is_causal, scale)
    blind = None
    if attn_mask is not None:
        # A query that sees nothing would get NaN: it sees everything instead, and then its weights are cleared.
        if attn_mask.dtype is BOOL:
            blind = logical_not(reduction.any(attn_mask, -1, True))
            scores = where(logical_or(attn_mask, blind), scores, float("-inf"))
        else:
            scores = scores + attn_mask.to(scores.dtype)
            blind = eq(reduction.amax(scores.detach(), -1, True), float("-inf"))
            scores = where(blind, 0.0, scores)
    weights = softmax(scores, -1)
    if blind is not None:
        weights = where(blind, 0.0, weights)
    if dropout_p:
        weights = dropout(weights, dropout_p, True)
    return matmul(weights, value)


@scaled_dot_product_attention.arguments
def _(query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa):
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise RuntimeError(
            "scaled_dot_product_attention: Expected query, key, and value to all be at least 2 dimensional, but got "
            f"{query.ndim}, {key.ndim} and {value.ndim}"
        )
    if not query.dtype == key.dtype == value.dtype:
        raise RuntimeError(
            "scaled_dot_product_attention: Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{query.dtype.name} key.dtype: {key.dtype.name} and value.dtype: {value.dtype.name} instead."
        )
    if is_causal and attn_mask is not None:
        raise RuntimeError("scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2] or not query.dtype.is_floating_point:
        raise _misfit(query, key, value)
    if not 0 <= dropout_p <= 1:
        raise RuntimeError(
            f"scaled_dot_product_attention: dropout probability has to be between 0 and 1, but got {dropout_p}"
        )
    if query.dtype.is_half:
        if attn_mask is not None:
            _check_mask(query, key, attn_mask)
        return _in_float32
    scale = 1 / sqrt(query.shape[-1] or 1) if scale is None else float(scale)
    if enable_gqa:
        _check_heads(query, key)
        _check_heads(query, value)
        return partial(_with_shared_heads, scale)
    if attn_mask is None and not dropout_p and query.device.type == "cpu" and query.dtype in FLOATS and key.shape[-2]:
        return partial(_by_heads, scale)
    if attn_mask is not None:
        _check_mask(query, key, attn_mask)
    return query, key, value, attn_mask, float(dropout_p), is_causal, scale, False


def _in_float32(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None, *options: Any) -> Tensor:
    """Scores of 16 bits overflow and are rounded by more than the weights bear; float32 throughout is faster as
    well."""
    if attn_mask is not None and attn_mask.dtype is not BOOL:
        attn_mask = attn_mask.to(float32)
    wide = (query.to(float32), key.to(float32), value.to(float32))
    return scaled_dot_product_attention(*wide, attn_mask, *options).to(query.dtype)


def _with_shared_heads(
    scale: float,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None,
    dropout_p: float,
    is_causal: bool,
    *rest: Any,
) -> Tensor:
    key, value = _shared_heads(query, key), _shared_heads(query, value)
    return scaled_dot_product_attention(query, key, value, attn_mask, dropout_p, is_causal, scale)


def _by_heads(
    scale: float, query: Tensor, key: Tensor, value: Tensor, attn_mask: None, dropout_p: float, causal: bool, *rest: Any
) -> Tensor:
    """``attention`` for any leading dimensions."""
    lead = query.shape[:-2]
    if len(lead) == 2 and lead == key.shape[:-2] == value.shape[:-2]:
        return attention(query, key, value, causal, scale)[0]
    try:
        lead = broadcast_shapes(broadcast_shapes(lead, key.shape[:-2]), value.shape[:-2])
    except ValueError:
        raise RuntimeError(
            f"scaled_dot_product_attention: leading dimensions {list(query.shape[:-2])}, {list(key.shape[:-2])} and "
            f"{list(value.shape[:-2])} do not broadcast"
        ) from None
    four = (Size(lead[:-1]).numel(), lead[-1]) if lead else (1, 1)
    given = [reshape(expand_to(t, (*lead, *t.shape[-2:])), (*four, *t.shape[-2:])) for t in (query, key, value)]
    return reshape(attention(*given, causal, scale)[0], (*lead, query.shape[-2], value.shape[-1]))


def _misfit(query: Tensor, key: Tensor, value: Tensor) -> RuntimeError:
    if not query.dtype.is_floating_point:
        return NotImplementedError(
            "scaled_dot_product_attention: expected query, key and value of a floating type, but got "
            f"{query.dtype.name}; cast them with .to(...)"
        )
    if query.shape[-1] != key.shape[-1]:
        return RuntimeError(
            "scaled_dot_product_attention: Expected query and key to have the same last dimension, but got query of "
            f"shape {list(query.shape)} and key of shape {list(key.shape)}: {query.shape[-1]} and {key.shape[-1]} "
            "differ"
        )
    return RuntimeError(
        "scaled_dot_product_attention: Expected key and value to have the same sequence length (dimension -2), but "
        f"got key of shape {list(key.shape)} and value of shape {list(value.shape)}: {key.shape[-2]} and "
        f"{value.shape[-2]} differ"
    )


def _check_mask(query: Tensor, key: Tensor, mask: Tensor) -> None:
    if mask.dtype not in (BOOL, float32, query.dtype):
        raise RuntimeError(
            "scaled_dot_product_attention: Expected attn_mask dtype to be bool or float or to match query dtype, but "
            f"got attn_mask.dtype: {mask.dtype.name} and query.dtype: {query.dtype.name} instead."
        )
    try:
        lead = broadcast_shapes(query.shape[:-2], key.shape[:-2])
    except ValueError:
        return  # the product of query and key says what is wrong
    scores = (*lead, query.shape[-2], key.shape[-2])
    if len(mask.shape) > len(scores) or any(
        m not in (1, n) for m, n in zip(reversed(mask.shape), reversed(scores), strict=False)
    ):
        raise RuntimeError(
            f"scaled_dot_product_attention: attn_mask of shape {list(mask.shape)} does not broadcast to "
            f"{list(scores)}, the shape of the scores of query {list(query.shape)} and key {list(key.shape)}"
        )


def _check_heads(query: Tensor, x: Tensor) -> None:
    if min(query.ndim, x.ndim) < 3:
        raise IndexError(
            "scaled_dot_product_attention: enable_gqa needs heads (dimension -3) in query, key and value, but got "
            f"{query.ndim}D and {x.ndim}D tensors"
        )
    heads, own = query.shape[-3], x.shape[-3]
    if heads % own if own else heads:
        raise RuntimeError(
            f"scaled_dot_product_attention: the query's {heads} heads are no multiple of {own}, those of key and value"
        )


def _shared_heads(query: Tensor, x: Tensor) -> Tensor:
    """Each head of (..., H, S, E) repeated next to itself until there are as many as the query has."""
    heads, own = query.shape[-3], x.shape[-3]
    lead, rest = x.shape[:-3], x.shape[-2:]
    wide = movement.expand(movement.unsqueeze(x, -3), *lead, own, heads // max(own, 1), *rest)
    return movement.reshape(wide, (*lead, heads, *rest))
