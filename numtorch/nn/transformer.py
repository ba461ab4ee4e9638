"""Transformers: encoder, decoder and their layers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from numtorch._tensor import Tensor
from numtorch.dtype import get_default_dtype
from numtorch.nn import functional as F
from numtorch.nn import init
from numtorch.nn.container import ModuleList
from numtorch.nn.dropout import Dropout
from numtorch.nn.linear import Linear
from numtorch.nn.module import Module
from numtorch.nn.multihead_attention import MultiheadAttention
from numtorch.nn.normalization import LayerNorm
from numtorch.ops.creation import full
from numtorch.ops.movement.triangles import triu
from numtorch.ops.multi_head_attention import canonical_mask


def _clones(module: Module, n: int) -> ModuleList:
    return ModuleList([copy.deepcopy(module) for _ in range(n)])


def _activation(activation: Any) -> Callable:
    if isinstance(activation, str):
        if activation not in ("relu", "gelu"):
            raise RuntimeError(f"activation should be relu/gelu, not {activation}")
        return F.relu if activation == "relu" else F.gelu
    return activation


def _causal_mask(size: int, device: Any = None, dtype: Any = None) -> Tensor:
    blank = full((size, size), float("-inf"), dtype=dtype or get_default_dtype(), device=device)
    return triu(blank, diagonal=1)


def _is_causal(mask: Tensor | None, is_causal: bool | None, size: int) -> bool:
    """What was said, or else whether the mask hides what lies after each query, and nothing else."""
    if is_causal is None and mask is not None:
        hides = _causal_mask(size, mask.device, mask.dtype) if mask.dtype.is_floating_point else None
        return hides is not None and mask.shape == hides.shape and bool((mask == hides).all())
    return is_causal is True


def _steps(src: Tensor, batch_first: bool) -> int:
    return src.shape[1 if src.ndim == 3 and batch_first else 0]


class TransformerEncoderLayer(Module):
    """Attention of a sequence to itself, then two linear layers; each is added to its input and normalized.

    Args:
        d_model: E, the size of each element of the sequence.
        nhead: how many heads the attention has; it divides E.
        dim_feedforward: the size between the linear layers.
        dropout: the probability with which an element is set to 0 in training.
        activation: between the linear layers: ``"relu"``, ``"gelu"`` or a function.
        layer_norm_eps: added to the variance in the normalizations.
        batch_first: input and output are (batch, sequence, E).
        norm_first: normalize before attention and linear layers, not after.
        bias: add learnt numbers in all linear layers and normalizations.
        device: where the parameters are made; the CPU by default.
        dtype: of the parameters; the default dtype if None.

    Shape:
        src: (S, N, E), (N, S, E) with ``batch_first``, or (S, E).
        src_mask: (S, S) or (N * nhead, S, S), bool, where True takes no part, or numbers to be added.
        src_key_padding_mask: (N, S) or (S), likewise.
        is_causal: a hint that ``src_mask`` hides what lies after each element.
        output: as ``src``.

    Raises:
        RuntimeError: another ``activation``.

    Source: Vaswani et al. 2017, Attention Is All You Need.
    See https://pytorch.org/docs/stable/generated/torch.nn.TransformerEncoderLayer.html

    >>> torch.nn.TransformerEncoderLayer(8, 2, 16)(torch.zeros(5, 2, 8)).shape
    torch.Size([5, 2, 8])
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Any = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        made = {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias=bias, batch_first=batch_first, **made)
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias, **made)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias, **made)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **made)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **made)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = _activation(activation)

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        other = None if src_mask is None else src_mask.dtype
        padding = canonical_mask(src_key_padding_mask, "src_key_padding_mask", other, "src_mask", src.dtype)
        mask = canonical_mask(src_mask, "src_mask", None, "", src.dtype, False)
        x = src
        if self.norm_first:
            x = x + self._sa_block(self.norm1(x), mask, padding, is_causal)
            return x + self._ff_block(self.norm2(x))
        x = self.norm1(x + self._sa_block(x, mask, padding, is_causal))
        return self.norm2(x + self._ff_block(x))

    def _sa_block(
        self, x: Tensor, attn_mask: Tensor | None, key_padding_mask: Tensor | None, is_causal: bool = False
    ) -> Tensor:
        x = self.self_attn(
            x, x, x, attn_mask=attn_mask, key_padding_mask=key_padding_mask, need_weights=False, is_causal=is_causal
        )[0]
        return self.dropout1(x)

    def _ff_block(self, x: Tensor) -> Tensor:
        return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))


class TransformerEncoder(Module):
    """Layers of a Transformer's encoder, one after the other.

    Args:
        encoder_layer: a layer, of which each one here is a copy.
        num_layers: how many there are.
        norm: what is applied to the result, or None.
        enable_nested_tensor: accepted; sequences keep their padding.
        mask_check: accepted.

    Shape: as of ``TransformerEncoderLayer``; ``mask`` is its ``src_mask``. With ``is_causal=None`` it is found out
        whether the mask is a causal one.

    See https://pytorch.org/docs/stable/generated/torch.nn.TransformerEncoder.html

    >>> layer = torch.nn.TransformerEncoderLayer(8, 2, 16)
    >>> torch.nn.TransformerEncoder(layer, 2)(torch.zeros(5, 2, 8)).shape
    torch.Size([5, 2, 8])
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ):
        super().__init__()
        self.layers = _clones(encoder_layer, num_layers)
        self.num_layers, self.norm = num_layers, norm
        self.enable_nested_tensor, self.mask_check, self.use_nested_tensor = enable_nested_tensor, mask_check, False

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        other = None if mask is None else mask.dtype
        padding = canonical_mask(src_key_padding_mask, "src_key_padding_mask", other, "mask", src.dtype)
        mask = canonical_mask(mask, "mask", None, "", src.dtype, False)
        batch_first = getattr(getattr(self.layers[0], "self_attn", None), "batch_first", False)
        causal = _is_causal(mask, is_causal, _steps(src, batch_first))
        x = src
        for layer in self.layers:
            x = layer(x, src_mask=mask, is_causal=causal, src_key_padding_mask=padding)
        return x if self.norm is None else self.norm(x)


class TransformerDecoderLayer(Module):
    """Attention of a sequence to itself, then to what the encoder made, then two linear layers; each is added to its
    input and normalized.

    Args:
        d_model: E, the size of each element of the sequences.
        nhead: how many heads each attention has; it divides E.
        dim_feedforward: the size between the linear layers.
        dropout: the probability with which an element is set to 0 in training.
        activation: between the linear layers: ``"relu"``, ``"gelu"`` or a function.
        layer_norm_eps: added to the variance in the normalizations.
        batch_first: inputs and output are (batch, sequence, E).
        norm_first: normalize before attention and linear layers, not after.
        bias: add learnt numbers in all linear layers and normalizations.
        device: where the parameters are made; the CPU by default.
        dtype: of the parameters; the default dtype if None.

    Shape:
        tgt: (T, N, E), (N, T, E) with ``batch_first``, or (T, E).
        memory: what the encoder made, (S, N, E), likewise.
        tgt_mask, memory_mask: (T, T) and (T, S), or of each batch and head, bool, where True takes no part, or numbers
            to be added.
        tgt_key_padding_mask, memory_key_padding_mask: (N, T) and (N, S), likewise.
        tgt_is_causal, memory_is_causal: hints that the masks hide what lies after each element.
        output: as ``tgt``.

    Raises:
        RuntimeError: another ``activation``.

    Source: Vaswani et al. 2017, Attention Is All You Need.
    See https://pytorch.org/docs/stable/generated/torch.nn.TransformerDecoderLayer.html

    >>> torch.nn.TransformerDecoderLayer(8, 2, 16)(torch.zeros(5, 2, 8), torch.zeros(3, 2, 8)).shape
    torch.Size([5, 2, 8])
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Any = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        made = {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias=bias, batch_first=batch_first, **made)
        self.multihead_attn = MultiheadAttention(d_model, nhead, dropout, bias=bias, batch_first=batch_first, **made)
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias, **made)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias, **made)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **made)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **made)
        self.norm3 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **made)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.dropout3 = Dropout(dropout)
        self.activation = _activation(activation)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        own = (tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        other = (memory_mask, memory_key_padding_mask, memory_is_causal)
        x = tgt
        if self.norm_first:
            x = x + self._sa_block(self.norm1(x), *own)
            x = x + self._mha_block(self.norm2(x), memory, *other)
            return x + self._ff_block(self.norm3(x))
        x = self.norm1(x + self._sa_block(x, *own))
        x = self.norm2(x + self._mha_block(x, memory, *other))
        return self.norm3(x + self._ff_block(x))

    def _sa_block(
        self, x: Tensor, attn_mask: Tensor | None, key_padding_mask: Tensor | None, is_causal: bool = False
    ) -> Tensor:
        x = self.self_attn(
            x, x, x, attn_mask=attn_mask, key_padding_mask=key_padding_mask, is_causal=is_causal, need_weights=False
        )[0]
        return self.dropout1(x)

    def _mha_block(
        self, x: Tensor, mem: Tensor, attn_mask: Tensor | None, key_padding_mask: Tensor | None, is_causal: bool = False
    ) -> Tensor:
        x = self.multihead_attn(
            x, mem, mem, attn_mask=attn_mask, key_padding_mask=key_padding_mask, is_causal=is_causal, need_weights=False
        )[0]
        return self.dropout2(x)

    def _ff_block(self, x: Tensor) -> Tensor:
        return self.dropout3(self.linear2(self.dropout(self.activation(self.linear1(x)))))


class TransformerDecoder(Module):
    """Layers of a Transformer's decoder, one after the other.

    Args:
        decoder_layer: a layer, of which each one here is a copy.
        num_layers: how many there are.
        norm: what is applied to the result, or None.

    Shape: as of ``TransformerDecoderLayer``. With ``tgt_is_causal=None`` it is found out whether ``tgt_mask`` is a
        causal one.

    See https://pytorch.org/docs/stable/generated/torch.nn.TransformerDecoder.html

    >>> layer = torch.nn.TransformerDecoderLayer(8, 2, 16)
    >>> torch.nn.TransformerDecoder(layer, 2)(torch.zeros(5, 2, 8), torch.zeros(3, 2, 8)).shape
    torch.Size([5, 2, 8])
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None):
        super().__init__()
        self.layers = _clones(decoder_layer, num_layers)
        self.num_layers, self.norm = num_layers, norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        batch_first = getattr(getattr(self.layers[0], "self_attn", None), "batch_first", False)
        causal = _is_causal(tgt_mask, tgt_is_causal, _steps(tgt, batch_first))
        x = tgt
        for layer in self.layers:
            x = layer(
                x,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=causal,
                memory_is_causal=memory_is_causal,
            )
        return x if self.norm is None else self.norm(x)


class Transformer(Module):
    """An encoder of one sequence, and a decoder that attends to it while it makes another one.

    Args:
        d_model: E, the size of each element of the sequences.
        nhead: how many heads each attention has; it divides E.
        num_encoder_layers: how many layers the encoder has.
        num_decoder_layers: how many layers the decoder has.
        dim_feedforward: the size between the linear layers of each layer.
        dropout: the probability with which an element is set to 0 in training.
        activation: between the linear layers: ``"relu"``, ``"gelu"`` or a function.
        custom_encoder, custom_decoder: modules in place of encoder and decoder.
        layer_norm_eps: added to the variance in the normalizations.
        batch_first: inputs and output are (batch, sequence, E).
        norm_first: normalize before attention and linear layers, not after.
        bias: add learnt numbers in all linear layers and normalizations.
        device: where the parameters are made; the CPU by default.
        dtype: of the parameters; the default dtype if None.

    Shape:
        src: (S, N, E), (N, S, E) with ``batch_first``, or (S, E).
        tgt: (T, N, E), likewise.
        src_mask, tgt_mask, memory_mask: (S, S), (T, T) and (T, S), or of each batch and head, bool, where True takes no
            part, or numbers to be added.
        src_key_padding_mask, tgt_key_padding_mask, memory_key_padding_mask: (N, S), (N, T) and (N, S), likewise.
        src_is_causal, tgt_is_causal, memory_is_causal: hints that the masks hide what lies after each element.
        output: as ``tgt``.

    Attributes: all parameters of two dimensions or more are drawn by ``xavier_uniform_``.

    Raises:
        RuntimeError: the batches of ``src`` and ``tgt`` differ, or their last dimension is not E.

    Source: Vaswani et al. 2017, Attention Is All You Need.
    See https://pytorch.org/docs/stable/generated/torch.nn.Transformer.html

    >>> model = torch.nn.Transformer(8, 2, 1, 1, 16)
    >>> model(torch.zeros(3, 2, 8), torch.zeros(5, 2, 8)).shape
    torch.Size([5, 2, 8])
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Any = F.relu,
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        sizes = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias)
        made = {"device": device, "dtype": dtype}

        def norm() -> LayerNorm:
            return LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **made)

        if custom_encoder is None:
            custom_encoder = TransformerEncoder(TransformerEncoderLayer(*sizes, **made), num_encoder_layers, norm())
        self.encoder = custom_encoder
        if custom_decoder is None:
            custom_decoder = TransformerDecoder(TransformerDecoderLayer(*sizes, **made), num_decoder_layers, norm())
        self.decoder = custom_decoder
        self._reset_parameters()
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first

    def _reset_parameters(self) -> None:
        for p in self.parameters():
            if p.ndim > 1:
                init.xavier_uniform_(p)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        across = 0 if self.batch_first else 1
        if src.ndim == 3 and src.shape[across] != tgt.shape[across]:
            raise RuntimeError("the batch number of src and tgt must be equal")
        if src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise RuntimeError("the feature number of src and tgt must be equal to d_model")
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal)
        return self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """A mask that hides what lies after each element: negative infinity above the diagonal, else 0.

        Args:
            sz: the length of the sequence.
            device: where it is made; the CPU by default.
            dtype: its type; the default dtype if None.

        Returns:
            (sz, sz).

        >>> torch.nn.Transformer.generate_square_subsequent_mask(2)
        tensor([[0., -inf],
                [0., 0.]])
        """
        return _causal_mask(sz, device, dtype)
