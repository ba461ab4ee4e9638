"""``MultiheadAttention``."""

from __future__ import annotations

from typing import Any

from numtorch._tensor import Tensor
from numtorch.nn import init
from numtorch.nn.linear import NonDynamicallyQuantizableLinear
from numtorch.nn.module import Module
from numtorch.nn.parameter import Parameter
from numtorch.ops.creation import empty
from numtorch.ops.multi_head_attention import attend


class MultiheadAttention(Module):
    """Attention of several heads: for each query a weighted mean of values, of projections that each head learns.

    Head i is ``softmax(q_i @ k_i.T / sqrt(E / H)) @ v_i``; all heads side by side are projected once more.

    Args:
        embed_dim: E, the size of queries and of the result.
        num_heads: H, which divides E.
        dropout: the probability with which a weight is set to 0 in training.
        bias: add learnt numbers to the projections.
        add_bias_kv: add a learnt key and value to each sequence.
        add_zero_attn: add a key and a value of zeros to each sequence.
        kdim: size of the keys; E if None.
        vdim: size of the values; E if None.
        batch_first: inputs and output are (batch, sequence, size).
        device: where the parameters are made; the CPU by default.
        dtype: of the parameters; the default dtype if None.

    Shape:
        query: (L, N, E), (N, L, E) with ``batch_first``, or (L, E).
        key, value: (S, N, kdim or vdim), likewise.
        key_padding_mask: (N, S) or (S), bool, where True takes no part, or numbers to be added.
        need_weights: return the weights too, the default; without them it is faster and memory grows with S alone.
        attn_mask: (L, S) or (N * H, L, S), as ``key_padding_mask``.
        average_attn_weights: return the mean of the weights over the heads, (N, L, S), else (N, H, L, S).
        is_causal: a hint that ``attn_mask`` hides what lies after each query.
        output: as ``query``; and the weights, or None.

    Attributes:
        in_proj_weight: (3 * E, E), drawn by ``xavier_uniform_``; or ``q_proj_weight``, ``k_proj_weight``,
            ``v_proj_weight``, where keys or values have another size.
        in_proj_bias: (3 * E), zeros.
        out_proj: ``Linear(E, E)``, whose bias is 0.
        bias_k, bias_v: (1, 1, E), drawn by ``xavier_normal_``, or None.

    Raises:
        ValueError: ``embed_dim`` or ``num_heads`` is not positive.
        AssertionError: ``num_heads`` does not divide ``embed_dim``.

    Source: Vaswani et al. 2017, Attention Is All You Need.
    See https://pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html

    >>> x = torch.zeros(5, 2, 8)
    >>> y, weights = torch.nn.MultiheadAttention(8, 2)(x, x, x)
    >>> y.shape, weights.shape
    (torch.Size([5, 2, 8]), torch.Size([2, 5, 5]))
    """

    in_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ):
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and num_heads={num_heads} "
                "instead"
            )
        super().__init__()
        self.embed_dim, self.num_heads, self.head_dim = embed_dim, num_heads, embed_dim // num_heads
        self.kdim, self.vdim = embed_dim if kdim is None else kdim, embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.dropout, self.batch_first, self.add_zero_attn = dropout, batch_first, add_zero_attn
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")

        def made(*shape: int) -> Parameter:
            return Parameter(empty(shape, device=device, dtype=dtype))

        one = self._qkv_same_embed_dim
        for name, width in (("q", embed_dim), ("k", self.kdim), ("v", self.vdim)):
            self.register_parameter(f"{name}_proj_weight", None if one else made(embed_dim, width))
        self.register_parameter("in_proj_weight", made(3 * embed_dim, embed_dim) if one else None)
        self.register_parameter("in_proj_bias", made(3 * embed_dim) if bias else None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, device=device, dtype=dtype)
        self.bias_k = made(1, 1, embed_dim) if add_bias_kv else None
        self.bias_v = made(1, 1, embed_dim) if add_bias_kv else None
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for name in ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"):
            if getattr(self, name) is not None:
                init.xavier_uniform_(getattr(self, name))
        if self.in_proj_bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)  # type: ignore[arg-type]
        if self.bias_k is not None and self.bias_v is not None:
            init.xavier_normal_(self.bias_k)
            init.xavier_normal_(self.bias_v)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | Any]:
        return attend(
            query, key, value, self.embed_dim, self.num_heads, self.in_proj_weight, self.in_proj_bias, self.bias_k,
            self.bias_v, self.add_zero_attn, self.dropout if self.training else 0.0, self.out_proj.weight,
            self.out_proj.bias, key_padding_mask, need_weights, attn_mask, not self._qkv_same_embed_dim,
            (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight), None, None, average_attn_weights, is_causal,
            self.batch_first,
        )  # fmt: skip

    def merge_masks(
        self, attn_mask: Tensor | None, key_padding_mask: Tensor | None, query: Tensor
    ) -> tuple[Tensor | None, int | None]:
        """Both masks as one.

        Args:
            attn_mask: (L, S) or (N * H, L, S), or None.
            key_padding_mask: (N, S), or None.
            query: (N, L, E).

        Returns:
            The mask, and what it is of: 0 the sequence, 1 the padding, 2 both, expanded to (N, H, L, S); None for none.

        >>> layer, x = torch.nn.MultiheadAttention(2, 1), torch.zeros(1, 3, 2)
        >>> layer.merge_masks(None, torch.tensor([[0.0, 0.0, 1.0]]), x)
        (tensor([[0., 0., 1.]]), 1)
        """
        kind: int | None = None
        merged: Any = None
        if key_padding_mask is not None:
            kind, merged = 1, key_padding_mask
        if attn_mask is not None:
            batch, rows = query.shape[:2]
            kind = 2
            shape = (batch, self.num_heads, -1, rows) if attn_mask.ndim == 3 else (1, 1, rows, -1)
            merged = attn_mask.view(*shape).expand(batch, self.num_heads, -1, -1)
            if key_padding_mask is not None:
                merged = merged + key_padding_mask.view(batch, 1, 1, -1).expand(-1, self.num_heads, -1, -1)
        return merged, kind
