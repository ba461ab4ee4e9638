"""Scaled dot-product attention, composed of two products and a softmax."""

from __future__ import annotations

from functools import lru_cache
from math import sqrt
from typing import Any

from numtorch._tensor import Tensor
from numtorch.dtype import bool as BOOL
from numtorch.ops import movement, reduction
from numtorch.ops.activation import softmax_along
from numtorch.ops.arithmetic import eq, logical_not, logical_or, where
from numtorch.ops.linear import matmul
from numtorch.ops.random import dropout


@lru_cache(maxsize=64)
def _future(rows: int, cols: int, device: Any) -> Tensor:
    """Which keys lie after each query, (rows, cols)."""
    from numtorch.ops.creation import arange

    return movement.unsqueeze(arange(rows, device=device), 1) < arange(cols, device=device)


def scaled_dot_product_attention(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0,
                                 is_causal: bool = False, scale: float | None = None, enable_gqa: bool = False) -> Tensor:
    """``softmax(query @ key.T * scale + mask) @ value``.

    Args:
        query: (..., L, E); ``key``: (..., S, E); ``value``: (..., S, Ev). Leading dimensions broadcast.
        attn_mask: broadcastable to (..., L, S); bool (True takes part) or numbers to be added. A query that
            may look at nothing gets zeros.
        is_causal: query i sees keys 0 to i.
        scale: ``1 / sqrt(E)`` unless given.
        enable_gqa: fewer heads in key and value (dimension -3), each shared by several of the query's.

    Source: Vaswani et al. 2017; torch.nn.functional.scaled_dot_product_attention.

    >>> import numtorch as torch
    >>> from numtorch.ops.attention import scaled_dot_product_attention
    >>> q = torch.ones(1, 2, 4)
    >>> scaled_dot_product_attention(q, q, q).shape
    torch.Size([1, 2, 4])
    """
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise RuntimeError("scaled_dot_product_attention: Expected query, key, and value to all be at least 2 dimensional, but got "
                           f"{query.ndim}, {key.ndim} and {value.ndim}")
    if not query.dtype == key.dtype == value.dtype:
        raise RuntimeError("scaled_dot_product_attention: Expected query, key, and value to have the same dtype, but got query.dtype: "
                           f"{query.dtype.name} key.dtype: {key.dtype.name} and value.dtype: {value.dtype.name} instead.")
    if is_causal and attn_mask is not None:
        raise RuntimeError("scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
    if enable_gqa:
        key, value = _shared_heads(key, query.shape[-3]), _shared_heads(value, query.shape[-3])
    scale = 1 / sqrt(query.shape[-1]) if scale is None else float(scale)
    scores = matmul(query * scale, movement.transpose(key, -2, -1))
    blind = None
    if is_causal:
        scores = where(_future(*scores.shape[-2:], query.device), float("-inf"), scores)
    elif attn_mask is not None:
        # A query that sees nothing would get NaN: it sees everything instead, and then its weights are cleared.
        if attn_mask.dtype is BOOL:
            blind = logical_not(reduction.any(attn_mask, -1, True))
            scores = where(logical_or(attn_mask, blind), scores, float("-inf"))
        else:
            scores = scores + attn_mask
            blind = eq(reduction.amax(scores.detach(), -1, True), float("-inf"))
            scores = where(blind, 0.0, scores)
    weights = softmax_along(scores, -1)
    if blind is not None:
        weights = where(blind, 0.0, weights)
    if dropout_p:
        weights = dropout(weights, dropout_p, True)
    return matmul(weights, value)


def _shared_heads(x: Tensor, heads: int) -> Tensor:
    """Each head of (..., H, S, E) repeated next to itself until there are ``heads``."""
    own = x.shape[-3]
    if heads % own:
        raise RuntimeError(f"scaled_dot_product_attention: the query's {heads} heads are no multiple of {own}, those of key and value")
    lead, rest = x.shape[:-3], x.shape[-2:]
    wide = movement.expand(movement.unsqueeze(x, -3), *lead, own, heads // own, *rest)
    return movement.reshape(wide, (*lead, heads, *rest))
