"""Scaled dot-product attention: one op, whose loops are in ``attention_cpu``; where it has none, two products and a
softmax."""

from __future__ import annotations

from functools import lru_cache, partial
from math import sqrt
from typing import Any

import numpy as np

from numtorch import ops
from numtorch._tensor import Tensor
from numtorch.dispatch.cost import called, nbytes
from numtorch.dispatch.loops import Loop, like
from numtorch.dispatch.op import op
from numtorch.dispatch.samples import index, mask
from numtorch.dtype import FLOATS, float32
from numtorch.dtype import bool as BOOL
from numtorch.exports import exported
from numtorch.grad_mode import mode
from numtorch.ops import attention_cpu, movement, reduction
from numtorch.ops.activation import softmax
from numtorch.ops.arithmetic import eq, where
from numtorch.ops.creation import from_numpy
from numtorch.ops.dropout import dropout, kept_scale, least_kept, masked_scale
from numtorch.ops.generator import default_generator
from numtorch.ops.matmul import matmul
from numtorch.ops.moments import logsumexp
from numtorch.ops.movement import expand_to, reshape, squeeze, transpose, unsqueeze
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


def _cost(
    result: tuple, x: Tensor, y: Tensor, w: Tensor, seen: Any, draw: Any, causal: bool, scale: float, p: float
) -> tuple[int, int]:
    each = 2 * x.shape[3] + 2 * w.shape[3] + 3 + called(_EXP, x) + (seen is not None) + 2 * bool(p)
    return nbytes(*result, x, y, w, seen), _pairs(x, y, causal) * each


def _grad_cost(
    grads: tuple, g: tuple, x: Tensor, y: Tensor, w: Tensor, seen: Any, draw: Any, out: tuple, *, causal: bool,
    scale: float, p: float, needs: tuple,
) -> tuple[int, int]:  # fmt: skip
    each = 6 * x.shape[3] + 4 * w.shape[3] + 5 + called(_EXP, x) + (seen is not None) + 3 * bool(p)
    return nbytes(*grads, *g, x, y, w, seen, *out), _pairs(x, y, causal) * each


def _masked_scores(x: Tensor, y: Tensor, seen: Any, causal: bool, scale: float) -> tuple[Tensor, Any]:
    """The scores, and which queries see nothing, if that can be: their scores are zeros."""
    scores = _scores(x, y, causal, scale)
    if seen is None:
        return scores, None
    scores = where(seen, scores, float("-inf")) if seen.dtype is BOOL else scores + seen.to(scores.dtype)
    blind = eq(reduction.amax(scores.detach(), -1, True), float("-inf"))
    return where(blind, 0.0, scores), blind


def _weights(scores: Tensor, blind: Any) -> Tensor:
    weights = softmax(scores, -1)
    return weights if blind is None else where(blind, 0.0, weights)


def _dropped(x: Tensor, draw: Any, p: float) -> Tensor:
    """``x / (1 - p)`` where the random number of the position is at least ``p``, else zeros."""
    if draw is None:
        return x
    seed, at = (0, 0) if draw.device.type == "meta" else draw.tolist()
    return masked_scale(x, p, seed, at)


def _for_owners(grad: Tensor, own: Tensor) -> Tensor:
    """The sum of a gradient over the heads of queries that share a head."""
    batch, heads, *rest = own.shape
    return grad if grad.shape == own.shape else reduction.sum(reshape(grad, (batch, heads, -1, *rest)), 2)


@op(
    public=False,
    strided=True,
    cost=_cost,
    samples=lambda: [
        ((2, 3, 5, 4), (2, 3, 6, 4), (2, 3, 6, 7), None, None, False, 0.5, 0.0),
        ((1, 2, 20, 4), (1, 2, 20, 4), (1, 2, 20, 3), None, None, True, 0.3, 0.0),
        ((1, 2, 5, 4), (1, 1, 6, 4), (1, 1, 6, 3), mask((1, 1, 5, 6), 24), None, False, 0.5, 0.0),
        ((1, 2, 5, 4), (1, 2, 6, 4), (1, 2, 6, 3), (1, 2, 1, 6), index((2,), 9), False, 0.5, 0.25),
        ((1, 1, 5, 4), (1, 1, 6, 4), (1, 1, 6, 3), mask((1, 1, 5, 6), 24), None, True, 0.5, 0.0),
    ],
)
def attention(x, y, w, seen=None, draw=None, causal: bool = False, scale: float = 1.0, p: float = 0.0):
    """(dropout(softmax(x @ y.T * scale + seen)) @ w, logarithms of the sums of exponentials of each row); all (batch,
    heads, rows, width).

    Heads of x may share those of y and w. ``seen``: truth values, or numbers to be added, that broadcast to the scores.
    ``draw``: the seed and the position of the random numbers with which dropout keeps a weight with probability
    ``1 - p``.
    """
    scores, blind = _masked_scores(x, _shared_heads(x, y), seen, causal, scale)
    logs = logsumexp(scores, -1)
    logs = logs if blind is None else where(squeeze(blind, -1), float("-inf"), logs)
    return matmul(_dropped(_weights(scores, blind), draw, p), _shared_heads(x, w)), logs


@attention.vjp(cost=_grad_cost)
def _(g, x, y, w, seen, draw, out, *, causal, scale, p, needs):
    g, gl = g
    y, w, keys, values = _shared_heads(x, y), _shared_heads(x, w), y, w
    weights = _weights(*_masked_scores(x, y, seen, causal, scale))
    loss = unsqueeze(reduction.sum(g * out[0], -1) - gl, -1)
    d = weights * (_dropped(matmul(g, transpose(w, -2, -1)), draw, p) - loss)
    kept = _dropped(weights, draw, p) if needs[2] else None
    return (
        matmul(d * scale, y) if needs[0] else None,
        _for_owners(matmul(transpose(d * scale, -2, -1), x), keys) if needs[1] else None,
        _for_owners(matmul(transpose(kept, -2, -1), g), values) if needs[2] else None,
        reduction.sum_to(d, seen.shape).to(seen.dtype) if needs[3] else None,
        None,
    )


# The heads of results lie within their rows: they come from one projection, go into the next, and need not be moved.
HEADS_WITHIN = (0, 2, 1, 3)


def _steps(shape: tuple, strides: tuple) -> tuple:
    """Strides of a mask; 0 where it is broadcast."""
    return tuple([0 if n == 1 else step for n, step in zip(shape, strides, strict=True)])


def _loop(
    backward: bool, read: tuple, outs: tuple, causal: bool, scale: float, p: float, mask_grad: bool = False
) -> Loop:
    """``attention_cpu.ready`` for these operands and results, of which queries, keys and values, the mask and the seed
    are the first. Operands whose rows are contiguous are read as they lie, and masks always."""
    given = [t for t in read if t is not None]
    seen = read[3]
    lying = tuple([t is seen or t._k.contiguous or (t.ndim == 4 and t.strides[3] == 1) for t in given])
    strides = [t.strides if lies else contiguous_strides(t.shape) for t, lies in zip(given, lying, strict=True)]
    strides = [of for of, t in zip(strides, given, strict=True) if t is not seen]
    strides += [made.strides or contiguous_strides(made.shape) for made in outs[:3] if made is not None]
    steps = tuple([n for of in strides if len(of) == 4 for n in of[:3]])
    (batch, heads, rows, width), (_, shared, cols, values) = read[0].shape, read[2].shape
    sizes = (batch, heads, heads // shared, rows, cols, width, values, causal)
    mask_steps = (0,) * 8
    if seen is not None:
        mask_steps = _steps(seen.shape, seen.strides) + _steps(seen.shape, contiguous_strides(seen.shape))
    kind = attention_cpu.NO_MASK if seen is None else 1 + (seen.dtype is not BOOL)
    dropped = (kept_scale(p), least_kept(p) << 8) if read[4] is not None else (1.0, 0)
    made_of = (backward, read[0]._k.dtype.storage, kind, scale, *dropped, mask_grad, *sizes, steps, mask_steps)
    return Loop(attention_cpu.ready, (), outs, operands=read, lying=lying, made_of=made_of)


def _taken(x: Tensor, w: Tensor, seen: Any) -> bool:
    fits = seen is None or seen.dtype is BOOL or seen.dtype is x.dtype
    return bool(x.shape.numel() and w.shape.numel() and fits)


def _floating(s: Any) -> bool:
    """queries, keys and values of float32 or float64"""
    return s.dtypes[0] in FLOATS


@attention.loop("cpu", when=_floating)
def panels(x, y, w, seen, draw, causal, scale, p):
    """Scores in panels that stay in the cache; see ``attention_cpu``."""
    if not _taken(x, w, seen):
        return None
    outs = like(x, (*x.shape[:3], w.shape[3]), order=HEADS_WITHIN), like(x, x.shape[:3])
    return _loop(False, (x, y, w, seen, draw), outs, causal, scale, p)


@attention.backward.loop("cpu", when=_floating, name="panels")
def _(g, x, y, w, seen, draw, out, causal, scale, p, needs):
    """The same panels again; nothing of the size of the scores is kept."""
    if not _taken(x, w, seen):
        return None
    outs = tuple([like(t, order=HEADS_WITHIN) for t in (x, y, w)])
    wanted = needs[3] and seen is not None
    outs += (like(seen, tuple(seen.shape), zeroed=True) if wanted else None, None)
    return _loop(True, (x, y, w, seen, draw, g[0], out[0], g[1], out[1]), outs, causal, scale, p, wanted)


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
        is_causal: whether query i sees keys 0 to i only; with ``attn_mask``, those of them that the mask shows.
        scale: ``1 / sqrt(E)`` unless given.
        enable_gqa: whether heads of key and value (dimension -3) are each shared by several heads of the query.

    Returns:
        A tensor of shape (..., L, Ev).

    Raises:
        RuntimeError: the shapes or types do not fit.

    Source: Vaswani et al. 2017, Attention Is All You Need.

    >>> q, k = torch.zeros(1, 4), torch.zeros(2, 4)
    >>> torch.nn.functional.scaled_dot_product_attention(q, k, torch.tensor([[1.0, 2.0], [3.0, 6.0]]))
    tensor([[2., 4.]])
    """
    return _composed(query, key, value, attn_mask, dropout_p, is_causal, scale)


def _composed(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Any, dropout_p: float, is_causal: bool, scale: Any
) -> Tensor:
    """Two products and a softmax."""
    weights = _weights(*_masked_scores(query, key, attn_mask, is_causal, scale))
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
    if attn_mask is not None and not enable_gqa:
        _check_mask(query, key, attn_mask)
    if query.device.type == "cpu" and query.dtype in FLOATS and key.shape[-2]:
        return partial(_by_heads, scale)
    if enable_gqa:
        return partial(_with_shared_heads, scale)
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
    scale: float,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None,
    dropout_p: float,
    causal: bool,
    given_scale: Any,
    enable_gqa: bool,
) -> Tensor:
    """``attention`` for any leading dimensions."""
    if enable_gqa and not (key.shape[:-2] == value.shape[:-2] and key.shape[:-3] == query.shape[:-3]):
        key, value, enable_gqa = _shared_heads(query, key), _shared_heads(query, value), False
    if attn_mask is not None:
        _check_mask(query, _shared_heads(query, key) if enable_gqa else key, attn_mask)
        attn_mask = attn_mask if attn_mask.dtype is BOOL else attn_mask.to(query.dtype)
    if dropout_p and mode.levels:  # vmap: each sample has weights of its own that are dropped, or all have the same
        if enable_gqa:
            key, value = _shared_heads(query, key), _shared_heads(query, value)
        return _composed(query, key, value, attn_mask, dropout_p, causal, scale)
    lead = query.shape[:-2]
    if not enable_gqa and not lead == key.shape[:-2] == value.shape[:-2]:
        try:
            lead = broadcast_shapes(broadcast_shapes(lead, key.shape[:-2]), value.shape[:-2])
        except ValueError:
            raise RuntimeError(
                f"scaled_dot_product_attention: leading dimensions {list(query.shape[:-2])}, {list(key.shape[:-2])} "
                f"and {list(value.shape[:-2])} do not broadcast"
            ) from None
        query, key, value = (expand_to(t, (*lead, *t.shape[-2:])) for t in (query, key, value))
    batch = Size(lead[:-1]).numel() if lead else 1
    q, k, v = query, key, value
    if len(lead) != 2:
        q, k, v = (reshape(t, (batch, t.shape[-3] if lead else 1, *t.shape[-2:])) for t in (q, k, v))
    seen = None if attn_mask is None else _mask_by_heads(attn_mask, lead, batch)
    draw = None
    if dropout_p:
        drawn = default_generator.take(batch * q.shape[1] * q.shape[2] * k.shape[2])
        draw = from_numpy(np.array(drawn, np.int64))
    y = attention(q, k, v, seen, draw, causal, scale, float(dropout_p))[0]
    return y if len(lead) == 2 else reshape(y, (*lead, q.shape[2], v.shape[3]))


def _mask_by_heads(mask: Tensor, lead: tuple, batch: int) -> Tensor:
    """The mask with four dimensions, which broadcast to (batch, heads, rows, columns)."""
    mask = reshape(mask, (*[1] * (max(4, len(lead) + 2) - mask.ndim), *mask.shape))
    if mask.ndim == 4:
        return mask
    outer: tuple = mask.shape[:-3]
    inner = mask.shape[-3:]
    if Size(outer).numel() != 1:
        mask, outer = expand_to(mask, (*lead[:-1], *inner)), lead[:-1]
    return reshape(mask, (batch if Size(outer).numel() != 1 else 1, *inner))


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
    if heads == own:
        return x
    lead, rest = x.shape[:-3], x.shape[-2:]
    wide = movement.expand(movement.unsqueeze(x, -3), *lead, own, heads // max(own, 1), *rest)
    return movement.reshape(wide, (*lead, heads, *rest))
