"""ConvNeXt, and the vision transformer."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numtorch as nt
from numtorch import nn
from numtorch.nn import functional as F
from numtorch.nn import init
from numtorch.vision.models.builders import builder, zeros
from numtorch.vision.ops.layers import MLP, Conv2dNormActivation, Permute, StochasticDepth

Layer = Callable[..., nn.Module]


class LayerNorm2d(nn.LayerNorm):
    """Layer norm over the channels of images.

    Args:
        normalized_shape, eps, elementwise_affine, bias, device, dtype: as of ``nn.LayerNorm``.
    """

    def forward(self, x: nt.Tensor) -> nt.Tensor:
        x = F.layer_norm(x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


class CNBlock(nn.Module):
    """A depthwise 7x7 convolution, a norm and two linear layers, scaled and added to the input.

    Args:
        dim: channels.
        layer_scale: where the scale starts.
        stochastic_depth_prob: the probability that the block is left out.
        norm_layer: makes a norm over the last dimension; ``LayerNorm`` if None.
    """

    def __init__(self, dim: int, layer_scale: float, stochastic_depth_prob: float, norm_layer: Layer | None = None):
        super().__init__()
        norm = norm_layer or partial(nn.LayerNorm, eps=1e-6)
        self.block = nn.Sequential(
            nn.Conv2d(dim, dim, 7, padding=3, groups=dim),
            Permute([0, 2, 3, 1]),
            norm(dim),
            nn.Linear(dim, 4 * dim),
            nn.GELU(),
            nn.Linear(4 * dim, dim),
            Permute([0, 3, 1, 2]),
        )
        self.layer_scale = nn.Parameter(nt.full((dim, 1, 1), layer_scale))
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")

    def forward(self, x: nt.Tensor) -> nt.Tensor:
        return self.stochastic_depth(self.layer_scale * self.block(x)) + x


class ConvNeXt(nn.Module):
    """A convolutional network with the habits of transformers.

    Args:
        block_setting: of each stage: channels, channels of the next one or None, blocks.
        stochastic_depth_prob: the probability that the last block is left out; it grows from 0 on.
        layer_scale: where the scale of each block starts.
        num_classes: number of classes.

    Source: Liu and others, A ConvNet for the 2020s (2022).

    >>> from numtorch.vision import models
    >>> models.ConvNeXt([(8, 16, 1), (16, None, 1)], num_classes=5)(torch.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 5])
    """

    def __init__(
        self,
        block_setting: Sequence[tuple[int, int | None, int]],
        stochastic_depth_prob: float = 0.0,
        layer_scale: float = 1e-6,
        num_classes: int = 1000,
    ):
        super().__init__()
        norm = partial(LayerNorm2d, eps=1e-6)
        width = block_setting[0][0]
        layers: list[nn.Module] = [
            Conv2dNormActivation(3, width, 4, 4, padding=0, norm_layer=norm, activation_layer=None, bias=True)
        ]
        total, done = sum(s[2] for s in block_setting), 0
        for channels, after, count in block_setting:
            blocks = []
            for _ in range(count):
                blocks.append(CNBlock(channels, layer_scale, stochastic_depth_prob * done / max(total - 1.0, 1.0)))
                done += 1
            layers.append(nn.Sequential(*blocks))
            width = channels
            if after is not None:
                layers.append(nn.Sequential(norm(channels), nn.Conv2d(channels, after, 2, 2)))
                width = after
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(norm(width), nn.Flatten(1), nn.Linear(width, num_classes))
        for m in self.modules():
            if isinstance(m, nn.Conv2d | nn.Linear):
                init.trunc_normal_(m.weight, std=0.02)
                if m.bias is not None:
                    zeros(m.bias)

    def forward(self, x: nt.Tensor) -> nt.Tensor:
        return self.classifier(self.avgpool(self.features(x)))


LIU = "Liu and others, A ConvNet for the 2020s (2022)"


def _convnext(size: str, widths: tuple[int, ...], depth: int, p: float) -> Any:
    counts = (3, 3, depth, 3)
    stages = [(w, n, c) for w, n, c in zip(widths, (*widths[1:], None), counts, strict=True)]
    return builder(f"convnext_{size}", f"ConvNeXt, {size}", LIU, ConvNeXt, __name__, block_setting=stages,
                   stochastic_depth_prob=p)  # fmt: skip


convnext_tiny = _convnext("tiny", (96, 192, 384, 768), 9, 0.1)
convnext_small = _convnext("small", (96, 192, 384, 768), 27, 0.4)
convnext_base = _convnext("base", (128, 256, 512, 1024), 27, 0.5)
convnext_large = _convnext("large", (192, 384, 768, 1536), 27, 0.5)


class _EncoderBlock(nn.Module):
    def __init__(self, heads: int, width: int, mlp: int, dropout: float, attention_dropout: float, norm: Layer):
        super().__init__()
        self.num_heads = heads
        self.ln_1 = norm(width)
        self.self_attention = nn.MultiheadAttention(width, heads, dropout=attention_dropout, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = norm(width)
        self.mlp = MLP(width, [mlp, width], activation_layer=nn.GELU, inplace=None, dropout=dropout)
        for m in self.mlp.modules():
            if isinstance(m, nn.Linear):
                init.xavier_uniform_(m.weight)
                bias: Any = m.bias
                init.normal_(bias, std=1e-6)

    def forward(self, input: nt.Tensor) -> nt.Tensor:
        x = self.ln_1(input)
        x, _ = self.self_attention(x, x, x, need_weights=False)
        x = self.dropout(x) + input
        return x + self.mlp(self.ln_2(x))


class _Encoder(nn.Module):
    def __init__(self, length: int, layers: int, heads: int, width: int, mlp: int, dropout: float,
                 attention_dropout: float, norm: Layer):  # fmt: skip
        super().__init__()
        self.pos_embedding = nn.Parameter(nt.empty(1, length, width).normal_(std=0.02))
        self.dropout = nn.Dropout(dropout)
        blocks = [_EncoderBlock(heads, width, mlp, dropout, attention_dropout, norm) for _ in range(layers)]
        self.layers = nn.Sequential(OrderedDict((f"encoder_layer_{i}", b) for i, b in enumerate(blocks)))
        self.ln = norm(width)

    def forward(self, input: nt.Tensor) -> nt.Tensor:
        return self.ln(self.layers(self.dropout(input + self.pos_embedding)))


class VisionTransformer(nn.Module):
    """A transformer's encoder on patches of an image; the first of its results is classified.

    Args:
        image_size: height and width of images.
        patch_size: of the patches.
        num_layers, num_heads: of the encoder.
        hidden_dim: its width.
        mlp_dim: the width between its linear layers.
        dropout, attention_dropout: probabilities.
        num_classes: number of classes.
        representation_size: width of a layer before the last; None for none.
        norm_layer: makes a norm; ``LayerNorm`` if not given.

    Raises:
        ValueError: patches do not fill the image.

    Source: Dosovitskiy and others, An Image is Worth 16x16 Words (2020).

    >>> from numtorch.vision import models
    >>> net = models.VisionTransformer(16, 8, 1, 2, 8, 16, num_classes=5)
    >>> net(torch.zeros(1, 3, 16, 16)).shape
    torch.Size([1, 5])
    """

    def __init__(
        self,
        image_size: int,
        patch_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        num_classes: int = 1000,
        representation_size: int | None = None,
        norm_layer: Layer = partial(nn.LayerNorm, eps=1e-6),  # noqa: B008
    ):
        super().__init__()
        if image_size % patch_size:
            raise ValueError(f"Input shape indivisible by patch size: {image_size} and {patch_size}")
        self.image_size, self.patch_size, self.hidden_dim = image_size, patch_size, hidden_dim
        self.num_classes, self.representation_size = num_classes, representation_size
        self.conv_proj = nn.Conv2d(3, hidden_dim, patch_size, patch_size)
        self.seq_length = (image_size // patch_size) ** 2 + 1
        self.class_token = nn.Parameter(nt.zeros(1, 1, hidden_dim))
        self.encoder = _Encoder(
            self.seq_length, num_layers, num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer
        )
        heads: OrderedDict[str, nn.Module] = OrderedDict()
        last = hidden_dim
        if representation_size is not None:
            before = nn.Linear(hidden_dim, representation_size)
            heads["pre_logits"], heads["act"] = before, nn.Tanh()
            last = representation_size
            init.trunc_normal_(before.weight, std=math.sqrt(1 / hidden_dim))
            zeros(before.bias)
        heads["head"] = final = nn.Linear(last, num_classes)
        self.heads = nn.Sequential(heads)
        init.trunc_normal_(self.conv_proj.weight, std=math.sqrt(1 / (3 * patch_size**2)))
        for zero in (self.conv_proj.bias, final.weight, final.bias):
            zeros(zero)

    def forward(self, x: nt.Tensor) -> nt.Tensor:
        n, _, h, w = x.shape
        if (h, w) != (self.image_size, self.image_size):
            raise RuntimeError(f"Wrong image size! Expected {self.image_size} by {self.image_size} but got {h} by {w}!")
        x = self.conv_proj(x).flatten(2).permute(0, 2, 1)
        x = nt.cat([self.class_token.expand(n, -1, -1), x], 1)
        return self.heads(self.encoder(x)[:, 0])


def _vit(name: str, title: str, patch: int, layers: int, heads: int, width: int, mlp: int) -> Any:
    def make(**options: Any) -> VisionTransformer:
        sizes = {"image_size": 224, "patch_size": patch, "num_layers": layers, "num_heads": heads}
        return VisionTransformer(**sizes | {"hidden_dim": width, "mlp_dim": mlp} | options)

    make.__name__ = "VisionTransformer"
    source = "Dosovitskiy and others, An Image is Worth 16x16 Words (2020)"
    return builder(name, title, source, make, __name__)


vit_b_16 = _vit("vit_b_16", "ViT, base, patches of 16", 16, 12, 12, 768, 3072)
vit_b_32 = _vit("vit_b_32", "ViT, base, patches of 32", 32, 12, 12, 768, 3072)
vit_l_16 = _vit("vit_l_16", "ViT, large, patches of 16", 16, 24, 16, 1024, 4096)
vit_l_32 = _vit("vit_l_32", "ViT, large, patches of 32", 32, 24, 16, 1024, 4096)
vit_h_14 = _vit("vit_h_14", "ViT, huge, patches of 14", 14, 32, 16, 1280, 5120)
