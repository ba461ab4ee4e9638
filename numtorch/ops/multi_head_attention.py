"""Attention of several heads, between the projections of its operands and of its result."""

from __future__ import annotations

import warnings
from math import sqrt
from typing import Any

from numtorch._tensor import Tensor
from numtorch.dtype import bool as BOOL
from numtorch.exports import exported
from numtorch.ops import reduction
from numtorch.ops.activation import softmax
from numtorch.ops.arithmetic import where
from numtorch.ops.attention import scaled_dot_product_attention
from numtorch.ops.creation import zeros
from numtorch.ops.dropout import dropout
from numtorch.ops.linear import linear
from numtorch.ops.matmul import matmul
from numtorch.ops.movement import expand_to, permute, reshape, squeeze, transpose, unsqueeze
from numtorch.ops.movement.joining import cat, split
from numtorch.ops.movement.padding import pad_ends


def canonical_mask(
    mask: Tensor | None, mask_name: str, other_type: Any, other_name: str, target_type: Any, check_other: bool = True
) -> Tensor | None:
    """A mask as numbers to be added: a bool one has negative infinity where it is true."""
    if mask is None:
        return None
    if mask.dtype is not BOOL and not mask.dtype.is_floating_point:
        raise AssertionError(f"only bool and floating types of {mask_name} are supported")
    if check_other and other_type is not None and mask.dtype is not other_type:
        warnings.warn(
            f"Support for mismatched {mask_name} and {other_name} is deprecated. Use same type for both instead.",
            stacklevel=3,
        )
    if mask.dtype is not BOOL:
        return mask
    return where(mask, zeros((), dtype=target_type, device=mask.device) - float("inf"), 0.0)


def _is_batched(
    query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | None, attn_mask: Tensor | None, heads: int
) -> bool:
    if query.ndim not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {query.ndim}-D query tensor"
        )
    n = query.ndim
    name = "batched (3-D)" if n == 3 else "unbatched (2-D)"
    if key.ndim != n or value.ndim != n:
        raise AssertionError(
            f"For {name} `query`, expected `key` and `value` to be {n}-D but found {key.ndim}-D and {value.ndim}-D "
            "tensors respectively"
        )
    if key_padding_mask is not None and key_padding_mask.ndim != n - 1:
        raise AssertionError(
            f"For {name} `query`, expected `key_padding_mask` to be `None` or {n - 1}-D but found "
            f"{key_padding_mask.ndim}-D tensor instead"
        )
    if attn_mask is not None:
        if attn_mask.ndim not in (2, 3):
            raise AssertionError(
                f"For {name} `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found {attn_mask.ndim}-D "
                "tensor instead"
            )
        if n == 2 and attn_mask.ndim == 3 and attn_mask.shape != (heads, query.shape[0], key.shape[0]):
            raise AssertionError(
                f"Expected `attn_mask` shape to be {(heads, query.shape[0], key.shape[0])} but got {attn_mask.shape}"
            )
    return n == 3


def _projected(
    query: Tensor, key: Tensor, value: Tensor, w: Tensor | None, separate: tuple, b: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """The queries, keys and values of all heads: one product where they are of one tensor."""
    e = query.shape[-1]
    if w is None:
        biases = (None,) * 3 if b is None else split(b, e, 0)
        q, k, v = (linear(x, m, c) for x, m, c in zip((query, key, value), separate, biases, strict=True))
        return q, k, v
    if key is value and query is key:
        q, k, v = split(linear(query, w, b), e, -1)  # whose gradient joins theirs in one copy
        return q, k, v
    if key is value:
        own, others = split(w, [e, 2 * e], 0)
        added = (None, None) if b is None else split(b, [e, 2 * e], 0)
        k, v = split(linear(key, others, added[1]), e, -1)
        return linear(query, own, added[0]), k, v
    biases = (None,) * 3 if b is None else split(b, e, 0)
    q, k, v = (linear(x, m, c) for x, m, c in zip((query, key, value), split(w, e, 0), biases, strict=True))
    return q, k, v


def _by_head(x: Tensor, heads: int, batch_first: bool) -> Tensor:
    """(steps, batch, width), or (batch, steps, width), to (batch, heads, steps, width of a head), in place."""
    parts = reshape(x, (*x.shape[:2], heads, x.shape[2] // heads))
    return permute(parts, (0, 2, 1, 3) if batch_first else (1, 2, 0, 3))


@exported("nn.functional")
def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Attention of several heads, each with a projection of its own of query, key and value: what
    ``nn.MultiheadAttention`` computes.

    Args:
        query: (L, N, E), or (L, E).
        key, value: (S, N, their widths), or without N.
        embed_dim_to_check: E.
        num_heads: H, which divides E.
        in_proj_weight: (3 * E, E): of queries, keys and values.
        in_proj_bias: (3 * E).
        bias_k, bias_v: (1, 1, E): a key and a value that are added to each sequence.
        add_zero_attn: add a key and a value of zeros.
        dropout_p: the probability with which a weight is set to 0 in training.
        out_proj_weight: (E, E).
        out_proj_bias: (E).
        training: whether ``dropout_p`` counts.
        key_padding_mask: (N, S), bool, where True takes no part, or numbers to be added.
        need_weights: return the weights too. Without them memory grows with S, not with its square.
        attn_mask: (L, S) or (N * H, L, S), as ``key_padding_mask``.
        use_separate_proj_weight: take the three that follow in place of ``in_proj_weight``.
        q_proj_weight, k_proj_weight, v_proj_weight: (E, width of each).
        static_k, static_v: (N * H, S, E / H), in place of projections of key and value.
        average_attn_weights: return the mean of the weights over the heads.
        is_causal: a hint that ``attn_mask`` hides what lies after each query.

    Returns:
        (L, N, E), and the weights (N, L, S), or (N, H, L, S) unless averaged; None unless needed.

    Raises:
        AssertionError: the number of dimensions, a width or a mask does not fit.
        RuntimeError: a mask has another shape, or ``is_causal`` without one.

    Source: Vaswani et al. 2017, Attention Is All You Need.

    >>> x, w = torch.ones(2, 1, 2), torch.eye(2)
    >>> y, weights = torch.nn.functional.multi_head_attention_forward(
    ...     x, x, x, 2, 1, torch.cat([w, w, w]), None, None, None, False, 0.0, w, None)
    >>> weights
    tensor([[[0.5000, 0.5000],
             [0.5000, 0.5000]]])
    """
    return attend(
        query, key, value, embed_dim_to_check, num_heads, in_proj_weight, in_proj_bias, bias_k, bias_v, add_zero_attn,
        dropout_p if training else 0.0, out_proj_weight, out_proj_bias, key_padding_mask, need_weights, attn_mask,
        use_separate_proj_weight, (q_proj_weight, k_proj_weight, v_proj_weight), static_k, static_v,
        average_attn_weights, is_causal, False,
    )  # fmt: skip


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    key_padding_mask: Tensor | None,
    need_weights: bool,
    attn_mask: Tensor | None,
    separate: bool,
    weights_of: tuple,
    static_k: Tensor | None,
    static_v: Tensor | None,
    average_attn_weights: bool,
    is_causal: bool,
    batch_first: bool,
) -> tuple[Tensor, Tensor | None]:
    """``multi_head_attention_forward`` with the batch as the second dimension or as the first."""
    batched = _is_batched(query, key, value, key_padding_mask, attn_mask, num_heads)
    along, across = (1, 0) if batch_first else (0, 1)  # the sequence, the batch
    if not batched:
        same = (key is query, value is key)
        query = unsqueeze(query, across)
        key = query if same[0] else unsqueeze(key, across)
        value = key if same[1] else unsqueeze(value, across)
        key_padding_mask = None if key_padding_mask is None else unsqueeze(key_padding_mask, 0)
    rows, batch, width = query.shape[along], query.shape[across], query.shape[2]
    other = None if attn_mask is None else attn_mask.dtype
    padding = canonical_mask(key_padding_mask, "key_padding_mask", other, "attn_mask", query.dtype)
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        )
    if is_causal and padding is None and not need_weights:
        attn_mask = None  # what it hides is what is_causal hides
    else:
        attn_mask = canonical_mask(attn_mask, "attn_mask", None, "", query.dtype, False)
        is_causal = is_causal and padding is None
    if width != embed_dim:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim}, but got {width}")
    if width // num_heads * num_heads != width:
        raise AssertionError(f"embed_dim {width} not divisible by num_heads {num_heads}")
    if separate:
        if key.shape[:2] != value.shape[:2]:
            raise AssertionError(
                f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}"
            )
        for name, w in zip("qkv", weights_of, strict=True):
            if w is None:
                raise AssertionError(f"use_separate_proj_weight is True but {name}_proj_weight is None")
    elif key.shape != value.shape:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
    elif in_proj_weight is None:
        raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
    q, k, v = _projected(query, key, value, None if separate else in_proj_weight, weights_of, in_proj_bias)
    attn_mask = _checked_mask(attn_mask, batch, num_heads, rows, key.shape[along])
    added = 0
    if bias_k is not None and bias_v is not None:
        if static_k is not None or static_v is not None:
            raise AssertionError(f"bias cannot be added to static {'key' if static_k is not None else 'value'}.")
        one = (batch, 1, width) if batch_first else (1, batch, width)
        k, v = (cat([x, expand_to(b, one)], along) for x, b in ((k, bias_k), (v, bias_v)))
        added += 1
    q = _by_head(q, num_heads, batch_first)
    k = (
        _by_head(k, num_heads, batch_first)
        if static_k is None
        else _given(static_k, "static_k", batch, num_heads, width)
    )
    v = (
        _by_head(v, num_heads, batch_first)
        if static_v is None
        else _given(static_v, "static_v", batch, num_heads, width)
    )
    if add_zero_attn:
        k, v = (cat([x, zeros((*x.shape[:2], 1, x.shape[3]), dtype=x.dtype, device=x.device)], 2) for x in (k, v))
        added += 1
    if added:
        attn_mask = None if attn_mask is None else pad_ends(attn_mask, (0, added), 0.0)
        padding = None if padding is None else pad_ends(padding, (0, added), 0.0)
    mask = attn_mask
    if padding is not None:
        for i, n in enumerate((batch, k.shape[2])):
            if padding.shape[i] != n:
                raise AssertionError(f"Expected key_padded_mask.shape[{i}] to be {n}, but got {padding.shape[i]}")
        padding = reshape(padding, (batch, 1, 1, -1))
        mask = padding if mask is None else mask + padding
    weights = None
    if need_weights:
        scores = matmul(q * sqrt(1.0 / q.shape[-1]), transpose(k, -2, -1))
        weights = softmax(scores if mask is None else scores + mask, -1)
        weights = dropout(weights, dropout_p, True) if dropout_p > 0 else weights
        y = matmul(weights, v)
    else:
        y = scaled_dot_product_attention(q, k, v, mask, dropout_p, is_causal)
    y = reshape(permute(y, (0, 2, 1, 3) if batch_first else (2, 0, 1, 3)), (*query.shape[:2], width))
    y = linear(y, out_proj_weight, out_proj_bias)
    if weights is not None and average_attn_weights:
        weights = reduction.mean(weights, 1)
    if batched:
        return y, weights
    return squeeze(y, across), None if weights is None else squeeze(weights, 0)


def _given(x: Tensor, name: str, batch: int, heads: int, width: int) -> Tensor:
    if x.shape[0] != batch * heads:
        raise AssertionError(f"expecting {name}.size(0) of {batch * heads}, but got {x.shape[0]}")
    if x.shape[2] != width // heads:
        raise AssertionError(f"expecting {name}.size(2) of {width // heads}, but got {x.shape[2]}")
    return reshape(x, (batch, heads, x.shape[1], x.shape[2]))


def _checked_mask(mask: Tensor | None, batch: int, heads: int, rows: int, cols: int) -> Tensor | None:
    """The mask with dimensions that broadcast to (batch, heads, rows, cols)."""
    if mask is None:
        return None
    if mask.ndim == 2:
        if mask.shape != (rows, cols):
            raise RuntimeError(f"The shape of the 2D attn_mask is {mask.shape}, but should be {(rows, cols)}.")
        return unsqueeze(unsqueeze(mask, 0), 0)
    if mask.shape != (batch * heads, rows, cols):
        raise RuntimeError(
            f"The shape of the 3D attn_mask is {mask.shape}, but should be {(batch * heads, rows, cols)}."
        )
    return reshape(mask, (batch, heads, rows, cols))
