"""Transformers of windows: Swin and Swin V2."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np

import numtorch as nt
import numtorch.nn.functional as F
from numtorch import nn
from numtorch.nn import init
from numtorch.vision.models.builders import builder, zeros
from numtorch.vision.ops.layers import MLP, Permute, StochasticDepth

Layer = Callable[..., nn.Module]


def _relative(window: Sequence[int]) -> np.ndarray:
    """For each pair of places of a window, the number of their distance in a table of all distances, flat."""
    h, w = window
    y, x = (c.reshape(-1) for c in np.meshgrid(np.arange(h), np.arange(w), indexing="ij"))
    down, across = y[:, None] - y[None] + h - 1, x[:, None] - x[None] + w - 1
    return (down * (2 * w - 1) + across).reshape(-1)


@lru_cache(maxsize=64)
def _apart(height: int, width: int, window: tuple[int, int], shift: tuple[int, int]) -> np.ndarray:
    """(windows, places, places): -100 for places of a shifted window that do not lie side by side in the image."""
    parts = np.zeros((height, width), np.float32)
    h, w = window

    def regions(n: int, by: int) -> list[slice]:
        return [slice(0, -n), slice(-n, -by if by else None), slice(-by if by else n, None)]

    for i, rows in enumerate(regions(h, shift[0])):
        for j, columns in enumerate(regions(w, shift[1])):
            parts[rows, columns] = 3 * i + j
    flat = parts.reshape(height // h, h, width // w, w).transpose(0, 2, 1, 3).reshape(-1, h * w)
    return np.where(flat[:, :, None] == flat[:, None], np.float32(0), np.float32(-100))


class ShiftedWindowAttention(nn.Module):
    """Attention within windows of an image (n, height, width, channels), which may be shifted.

    Args:
        dim: channels.
        window_size: height and width of the windows.
        shift_size: how far they are shifted, cyclically.
        num_heads: number of heads.
        qkv_bias, proj_bias: whether the layers have one.
        attention_dropout, dropout: the probabilities.
    """

    relative_position_index: nt.Tensor

    def __init__(
        self,
        dim: int,
        window_size: Sequence[int],
        shift_size: Sequence[int],
        num_heads: int,
        qkv_bias: bool = True,
        proj_bias: bool = True,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
    ):
        super().__init__()
        if len(window_size) != 2 or len(shift_size) != 2:
            raise ValueError("window_size and shift_size must be of length 2")
        self.window_size, self.shift_size, self.num_heads = list(window_size), list(shift_size), num_heads
        self.attention_dropout, self.dropout = attention_dropout, dropout
        self.qkv = nn.Linear(dim, dim * 3, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim, bias=proj_bias)
        self._define_table()
        self.register_buffer("relative_position_index", nt.from_numpy(_relative(window_size)))

    def _define_table(self) -> None:
        h, w = self.window_size
        table = nn.Parameter(nt.zeros((2 * h - 1) * (2 * w - 1), self.num_heads))
        self.relative_position_bias_table = init.trunc_normal_(table, std=0.02)

    def _bias(self, table: nt.Tensor) -> nt.Tensor:
        """What is added to the scores, (1, heads, places, places), of a number for each distance and head."""
        n = self.window_size[0] * self.window_size[1]
        return table[self.relative_position_index].reshape(n, n, -1).permute(2, 0, 1).unsqueeze(0)

    def _scores(self, qkv: nt.Tensor) -> nt.Tensor:
        q, k = qkv[0], qkv[1]
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
        return scores + self._bias(self.relative_position_bias_table)

    def _qkv_bias(self) -> Any:
        return self.qkv.bias

    def forward(self, x: nt.Tensor) -> nt.Tensor:
        batch, height, width, c = x.shape
        h, w = self.window_size
        y = F.pad(x, (0, 0, 0, -width % w, 0, -height % h))
        high, wide = y.shape[1:3]
        shift = (self.shift_size[0] if h < high else 0, self.shift_size[1] if w < wide else 0)
        if any(shift):
            y = y.roll((-shift[0], -shift[1]), (1, 2))
        windows = (high // h) * (wide // w)
        y = y.reshape(batch, high // h, h, wide // w, w, c).transpose(2, 3).reshape(batch * windows, h * w, c)
        qkv = F.linear(y, self.qkv.weight, self._qkv_bias())
        qkv = qkv.reshape(batch * windows, h * w, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        scores = self._scores(qkv)
        if any(shift):
            mask = nt.from_numpy(_apart(high, wide, (h, w), shift)).to(x.device, x.dtype)
            scores = scores.reshape(batch, windows, self.num_heads, h * w, h * w) + mask[None, :, None]
            scores = scores.reshape(batch * windows, self.num_heads, h * w, h * w)
        weights = F.dropout(scores.softmax(-1), self.attention_dropout, self.training)
        y = self.proj((weights @ qkv[2]).transpose(1, 2).reshape(batch * windows, h * w, c))
        y = F.dropout(y, self.dropout, self.training)
        y = y.reshape(batch, high // h, wide // w, h, w, c).transpose(2, 3).reshape(batch, high, wide, c)
        if any(shift):
            y = y.roll(shift, (1, 2))
        return y[:, :height, :width].contiguous()


class ShiftedWindowAttentionV2(ShiftedWindowAttention):
    """The same with scores that are cosines, and with a small network in place of the table of distances.

    Args:
        dim, window_size, shift_size, num_heads, qkv_bias, proj_bias, attention_dropout, dropout: as above.
    """

    relative_coords_table: nt.Tensor

    def __init__(self, dim: int, window_size: Sequence[int], shift_size: Sequence[int], num_heads: int,
                 **options: Any):  # fmt: skip
        super().__init__(dim, window_size, shift_size, num_heads, **options)
        self.logit_scale = nn.Parameter(nt.full((num_heads, 1, 1), math.log(10.0)))
        self.cpb_mlp = nn.Sequential(nn.Linear(2, 512), nn.ReLU(inplace=True), nn.Linear(512, num_heads, bias=False))

    def _define_table(self) -> None:
        h, w = self.window_size
        y, x = np.meshgrid(np.arange(1 - h, h) / (h - 1), np.arange(1 - w, w) / (w - 1), indexing="ij")
        table = np.stack([y, x], -1).astype(np.float32)[None] * 8
        table = np.sign(table) * np.log2(np.abs(table) + 1) / 3
        self.register_buffer("relative_coords_table", nt.from_numpy(table.astype(np.float32)))

    def _scores(self, qkv: nt.Tensor) -> nt.Tensor:
        scores = F.normalize(qkv[0], dim=-1) @ F.normalize(qkv[1], dim=-1).transpose(-2, -1)
        table = self.cpb_mlp(self.relative_coords_table).reshape(-1, self.num_heads)
        return scores * self.logit_scale.clamp(max=math.log(100.0)).exp() + 16 * self._bias(table).sigmoid()

    def _qkv_bias(self) -> Any:
        """The bias without that of the keys, which stays 0."""
        if self.qkv.bias is None:
            return None
        q, k, v = self.qkv.bias.chunk(3)
        return nt.cat([q, nt.zeros_like(k), v])


class SwinTransformerBlock(nn.Module):
    """Attention in windows and a small network, each beside its input.

    Args:
        dim, num_heads, window_size, shift_size, dropout, attention_dropout: of the attention.
        mlp_ratio: how many times more channels the network has between.
        stochastic_depth_prob: the probability that a sample goes by both.
        norm_layer: makes a norm.
        attn_layer: makes the attention; ``ShiftedWindowAttention`` if None.
    """

    attention: Layer = ShiftedWindowAttention

    def __init__(
        self,
        dim: int,
        num_heads: int,
        window_size: Sequence[int],
        shift_size: Sequence[int],
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.0,
        norm_layer: Layer = nn.LayerNorm,
        attn_layer: Layer | None = None,
    ):
        super().__init__()
        self.norm1 = norm_layer(dim)
        self.attn = (attn_layer or type(self).attention)(
            dim, window_size, shift_size, num_heads, attention_dropout=attention_dropout, dropout=dropout
        )
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.norm2 = norm_layer(dim)
        self.mlp = MLP(dim, [int(dim * mlp_ratio), dim], activation_layer=nn.GELU, inplace=None, dropout=dropout)
        for m in self.mlp.modules():
            if isinstance(m, nn.Linear):
                init.xavier_uniform_(m.weight)
                if m.bias is not None:
                    init.normal_(m.bias, std=1e-6)

    def forward(self, x: nt.Tensor) -> nt.Tensor:
        x = x + self.stochastic_depth(self.attn(self.norm1(x)))
        return x + self.stochastic_depth(self.mlp(self.norm2(x)))


class SwinTransformerBlockV2(SwinTransformerBlock):
    """The same with norms behind attention and network.

    Args:
        dim, num_heads, window_size, shift_size, mlp_ratio, dropout, attention_dropout, stochastic_depth_prob,
            norm_layer, attn_layer: as above; ``ShiftedWindowAttentionV2`` if None.
    """

    attention = ShiftedWindowAttentionV2

    def forward(self, x: nt.Tensor) -> nt.Tensor:
        x = x + self.stochastic_depth(self.norm1(self.attn(x)))
        return x + self.stochastic_depth(self.norm2(self.mlp(x)))


class PatchMerging(nn.Module):
    """Squares of two by two places as one place of twice the channels.

    Args:
        dim: channels before.
        norm_layer: makes a norm, which stands before the layer.
    """

    behind = False

    def __init__(self, dim: int, norm_layer: Layer = nn.LayerNorm):
        super().__init__()
        self.dim = dim
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = norm_layer(2 * dim if self.behind else 4 * dim)

    def forward(self, x: nt.Tensor) -> nt.Tensor:
        x = F.pad(x, (0, 0, 0, x.shape[-2] % 2, 0, x.shape[-3] % 2))
        x = nt.cat([x[..., i::2, j::2, :] for j in (0, 1) for i in (0, 1)], -1)
        return self.norm(self.reduction(x)) if self.behind else self.reduction(self.norm(x))


class PatchMergingV2(PatchMerging):
    """The same with the norm behind the layer.

    Args:
        dim, norm_layer: as above.
    """

    behind = True


class SwinTransformer(nn.Module):
    """Attention in windows that are shifted from layer to layer, on four scales.

    Args:
        patch_size: height and width of the first patches.
        embed_dim: channels of the first stage; each stage has twice those before.
        depths, num_heads: layers and heads of each stage.
        window_size: height and width of the windows.
        mlp_ratio: how many times more channels the networks of the layers have between.
        dropout, attention_dropout: the probabilities.
        stochastic_depth_prob: the probability that a sample goes by the last layer, by earlier ones less.
        num_classes: number of classes.
        norm_layer: makes a norm; ``LayerNorm`` if None.
        block: makes a layer; ``SwinTransformerBlock`` if None.
        downsample_layer: joins places between the stages; ``PatchMerging`` if None.

    Source: Liu and others, Swin Transformer (2021); Swin Transformer V2 (2022).

    >>> from numtorch.vision import models
    >>> models.SwinTransformer([4, 4], 8, [1, 1], [2, 2], [4, 4], num_classes=5).head
    Linear(in_features=16, out_features=5, bias=True)
    """

    def __init__(
        self,
        patch_size: Sequence[int],
        embed_dim: int,
        depths: Sequence[int],
        num_heads: Sequence[int],
        window_size: Sequence[int],
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.1,
        num_classes: int = 1000,
        norm_layer: Layer | None = None,
        block: Layer | None = None,
        downsample_layer: Layer | None = None,
    ):
        super().__init__()
        self.num_classes = num_classes
        norm, make = norm_layer or partial(nn.LayerNorm, eps=1e-5), block or SwinTransformerBlock
        merge = downsample_layer or PatchMerging
        size = (patch_size[0], patch_size[1])
        layers: list[nn.Module] = [
            nn.Sequential(nn.Conv2d(3, embed_dim, size, size), Permute([0, 2, 3, 1]), norm(embed_dim))
        ]
        done, most = 0, max(sum(depths) - 1, 1)
        for stage, (depth, heads) in enumerate(zip(depths, num_heads, strict=True)):
            dim = embed_dim * 2**stage
            blocks = []
            for i in range(depth):
                blocks.append(
                    make(
                        dim, heads, window_size=window_size, shift_size=[w // 2 if i % 2 else 0 for w in window_size],
                        mlp_ratio=mlp_ratio, dropout=dropout, attention_dropout=attention_dropout,
                        stochastic_depth_prob=stochastic_depth_prob * done / most, norm_layer=norm,
                    )
                )  # fmt: skip
                done += 1
            layers.append(nn.Sequential(*blocks))
            if stage < len(depths) - 1:
                layers.append(merge(dim, norm))
        self.features = nn.Sequential(*layers)
        self.norm = norm(dim)
        self.permute = Permute([0, 3, 1, 2])
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten(1)
        self.head = nn.Linear(dim, num_classes)
        for m in self.modules():
            if isinstance(m, nn.Linear):
                init.trunc_normal_(m.weight, std=0.02)
                if m.bias is not None:
                    zeros(m.bias)

    def forward(self, x: nt.Tensor) -> nt.Tensor:
        return self.head(self.flatten(self.avgpool(self.permute(self.norm(self.features(x))))))


def _swin(name: str, width: int, depth: int, dropped: float) -> Callable[..., SwinTransformer]:
    second = "_v2_" in name
    options: dict[str, Any] = {"window_size": [8, 8] if second else [7, 7]}
    if second:
        options |= {"block": SwinTransformerBlockV2, "downsample_layer": PatchMergingV2}
    size = {"t": "tiny", "s": "small", "b": "base"}[name[-1]]
    return builder(
        name, f"Swin Transformer{' V2' if second else ''}, {size}",
        f"Liu and others, Swin Transformer {'V2 (2022)' if second else '(2021)'}", SwinTransformer, __name__,
        patch_size=[4, 4], embed_dim=width, depths=[2, 2, depth, 2], num_heads=[width // 32 * 2**i for i in range(4)],
        stochastic_depth_prob=dropped, **options,
    )  # fmt: skip


swin_t = _swin("swin_t", 96, 6, 0.2)
swin_s = _swin("swin_s", 96, 18, 0.3)
swin_b = _swin("swin_b", 128, 18, 0.5)
swin_v2_t = _swin("swin_v2_t", 96, 6, 0.2)
swin_v2_s = _swin("swin_v2_s", 96, 18, 0.3)
swin_v2_b = _swin("swin_v2_b", 128, 18, 0.5)
