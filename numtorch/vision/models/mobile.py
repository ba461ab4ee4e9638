"""Networks of inverted residual blocks: MobileNet V2 and V3, MNASNet, EfficientNet."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numtorch as nt
from numtorch import nn
from numtorch.nn import init
from numtorch.vision.models.builders import builder, ones, zeros
from numtorch.vision.ops.layers import Conv2dNormActivation, SqueezeExcitation, StochasticDepth

Layer = Callable[..., nn.Module]


def divisible(value: float, by: int = 8) -> int:
    """The multiple that is nearest, and not more than a tenth smaller."""
    new = max(by, int(value + by / 2) // by * by)
    return new + by if new < 0.9 * value else new


def _start(net: nn.Module, deviation: float = 0.01) -> None:
    """New weights: of convolutions by their fan-out, of linear layers with a deviation."""
    for m in net.modules():
        if isinstance(m, nn.Conv2d):
            init.kaiming_normal_(m.weight, mode="fan_out")
            if m.bias is not None:
                zeros(m.bias)
        elif isinstance(m, nn.BatchNorm2d | nn.GroupNorm):
            ones(m.weight)
            zeros(m.bias)
        elif isinstance(m, nn.Linear):
            init.normal_(m.weight, 0, deviation)
            zeros(m.bias)


class InvertedResidual(nn.Module):
    """More channels by a 1x1 convolution, a depthwise 3x3 one, and fewer channels by another 1x1 one.

    Args:
        inp, oup: channels of input and result.
        stride: of the depthwise convolution.
        expand_ratio: how many times more channels.
        norm_layer: makes a norm; ``BatchNorm2d`` if None.
    """

    def __init__(self, inp: int, oup: int, stride: int, expand_ratio: int, norm_layer: Layer | None = None):
        super().__init__()
        norm = norm_layer or nn.BatchNorm2d
        self.stride = stride
        hidden = round(inp * expand_ratio)
        self.use_res_connect = stride == 1 and inp == oup
        layers: list[nn.Module] = []
        if expand_ratio != 1:
            layers.append(Conv2dNormActivation(inp, hidden, 1, norm_layer=norm, activation_layer=nn.ReLU6))
        layers += [
            Conv2dNormActivation(hidden, hidden, 3, stride, groups=hidden, norm_layer=norm, activation_layer=nn.ReLU6),
            nn.Conv2d(hidden, oup, 1, bias=False),
            norm(oup),
        ]
        self.conv = nn.Sequential(*layers)

    def forward(self, x: nt.Tensor) -> nt.Tensor:
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


class MobileNetV2(nn.Module):
    """Inverted residual blocks with linear bottlenecks.

    Args:
        num_classes: number of classes.
        width_mult: factor of all numbers of channels.
        inverted_residual_setting: of each stage: expansion, channels, blocks, stride; the paper's if None.
        round_nearest: numbers of channels are multiples of it.
        block: makes a block; ``InvertedResidual`` if None.
        norm_layer: makes a norm; ``BatchNorm2d`` if None.
        dropout: the probability, before the last layer.

    Source: Sandler, Howard, Zhu, Zhmoginov and Chen, MobileNetV2 (2018).

    >>> from numtorch.vision import models
    >>> models.MobileNetV2(num_classes=5, width_mult=0.25).classifier[1].out_features
    5
    """

    def __init__(
        self,
        num_classes: int = 1000,
        width_mult: float = 1.0,
        inverted_residual_setting: Sequence[Sequence[int]] | None = None,
        round_nearest: int = 8,
        block: Any = None,
        norm_layer: Layer | None = None,
        dropout: float = 0.2,
    ):
        super().__init__()
        block, norm = block or InvertedResidual, norm_layer or nn.BatchNorm2d
        stages = inverted_residual_setting or (
            (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
        )  # fmt: skip
        width = divisible(32 * width_mult, round_nearest)
        self.last_channel = divisible(1280 * max(1.0, width_mult), round_nearest)
        layers: list[nn.Module] = [Conv2dNormActivation(3, width, stride=2, norm_layer=norm, activation_layer=nn.ReLU6)]
        for expansion, channels, count, stride in stages:
            after = divisible(channels * width_mult, round_nearest)
            for i in range(count):
                layers.append(block(width, after, stride if i == 0 else 1, expand_ratio=expansion, norm_layer=norm))
                width = after
        layers.append(Conv2dNormActivation(width, self.last_channel, 1, norm_layer=norm, activation_layer=nn.ReLU6))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.last_channel, num_classes))
        _start(self)

    def forward(self, x: nt.Tensor) -> nt.Tensor:
        return self.classifier(self.features(x).mean((2, 3)))


class _V3Block(nn.Module):
    """MobileNet V3's inverted residual block, with squeeze and excitation."""

    def __init__(self, before: int, kernel: int, hidden: int, after: int, squeeze: int, swish: int, stride: int,
                 norm: Layer):  # fmt: skip
        super().__init__()
        activation = nn.Hardswish if swish else nn.ReLU
        self.use_res_connect = stride == 1 and before == after
        layers: list[nn.Module] = []
        if hidden != before:
            layers.append(Conv2dNormActivation(before, hidden, 1, norm_layer=norm, activation_layer=activation))
        layers.append(
            Conv2dNormActivation(
                hidden, hidden, kernel, stride, groups=hidden, norm_layer=norm, activation_layer=activation
            )
        )
        if squeeze:
            layers.append(SqueezeExcitation(hidden, divisible(hidden // 4), scale_activation=nn.Hardsigmoid))
        layers.append(Conv2dNormActivation(hidden, after, 1, norm_layer=norm, activation_layer=None))
        self.block = nn.Sequential(*layers)

    def forward(self, x: nt.Tensor) -> nt.Tensor:
        return x + self.block(x) if self.use_res_connect else self.block(x)


# Of each block: channels before, kernel, channels between, channels after, squeeze and excitation, hard swish, stride.
LARGE = (
    (16, 3, 16, 16, 0, 0, 1), (16, 3, 64, 24, 0, 0, 2), (24, 3, 72, 24, 0, 0, 1), (24, 5, 72, 40, 1, 0, 2),
    (40, 5, 120, 40, 1, 0, 1), (40, 5, 120, 40, 1, 0, 1), (40, 3, 240, 80, 0, 1, 2), (80, 3, 200, 80, 0, 1, 1),
    (80, 3, 184, 80, 0, 1, 1), (80, 3, 184, 80, 0, 1, 1), (80, 3, 480, 112, 1, 1, 1), (112, 3, 672, 112, 1, 1, 1),
    (112, 5, 672, 160, 1, 1, 2), (160, 5, 960, 160, 1, 1, 1), (160, 5, 960, 160, 1, 1, 1),
)  # fmt: skip
SMALL = (
    (16, 3, 16, 16, 1, 0, 2), (16, 3, 72, 24, 0, 0, 2), (24, 3, 88, 24, 0, 0, 1), (24, 5, 96, 40, 1, 1, 2),
    (40, 5, 240, 40, 1, 1, 1), (40, 5, 240, 40, 1, 1, 1), (40, 5, 120, 48, 1, 1, 1), (48, 5, 144, 48, 1, 1, 1),
    (48, 5, 288, 96, 1, 1, 2), (96, 5, 576, 96, 1, 1, 1), (96, 5, 576, 96, 1, 1, 1),
)  # fmt: skip


class MobileNetV3(nn.Module):
    """Inverted residual blocks with squeeze and excitation, and hard swish.

    Args:
        inverted_residual_setting: of each block: channels before, kernel, channels between, channels after, whether it
            has squeeze and excitation, whether it has hard swish, stride.
        last_channel: channels before the last layer.
        num_classes: number of classes.
        norm_layer: makes a norm; ``BatchNorm2d`` with the paper's numbers if None.
        dropout: the probability, before the last layer.
        width_mult: factor of all numbers of channels.

    Source: Howard and others, Searching for MobileNetV3 (2019).

    >>> from numtorch.vision import models
    >>> models.mobilenet_v3_small(num_classes=5).classifier[3].out_features
    5
    """

    def __init__(
        self,
        inverted_residual_setting: Sequence[Sequence[int]],
        last_channel: int,
        num_classes: int = 1000,
        norm_layer: Layer | None = None,
        dropout: float = 0.2,
        width_mult: float = 1.0,
    ):
        super().__init__()
        norm = norm_layer or partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)

        def scaled(channels: int) -> int:
            return divisible(channels * width_mult)

        first = scaled(inverted_residual_setting[0][0])
        layers: list[nn.Module] = [
            Conv2dNormActivation(3, first, stride=2, norm_layer=norm, activation_layer=nn.Hardswish)
        ]
        for before, kernel, hidden, after, squeeze, swish, stride in inverted_residual_setting:
            layers.append(_V3Block(scaled(before), kernel, scaled(hidden), scaled(after), squeeze, swish, stride, norm))
        last = scaled(inverted_residual_setting[-1][3])
        layers.append(Conv2dNormActivation(last, 6 * last, 1, norm_layer=norm, activation_layer=nn.Hardswish))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(6 * last, last_channel),
            nn.Hardswish(inplace=True),
            nn.Dropout(dropout, inplace=True),
            nn.Linear(last_channel, num_classes),
        )
        _start(self)

    def forward(self, x: nt.Tensor) -> nt.Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


class _MnasBlock(nn.Module):
    def __init__(self, before: int, after: int, kernel: int, stride: int, expansion: int, momentum: float):
        super().__init__()
        hidden = before * expansion
        self.apply_residual = before == after and stride == 1
        self.layers = nn.Sequential(
            nn.Conv2d(before, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden, momentum=momentum),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, hidden, kernel, stride, kernel // 2, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden, momentum=momentum),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, after, 1, bias=False),
            nn.BatchNorm2d(after, momentum=momentum),
        )

    def forward(self, x: nt.Tensor) -> nt.Tensor:
        return self.layers(x) + x if self.apply_residual else self.layers(x)


class MNASNet(nn.Module):
    """Inverted residual blocks that were found by search.

    Args:
        alpha: factor of all numbers of channels.
        num_classes: number of classes.
        dropout: the probability, before the last layer.

    Source: Tan and others, MnasNet: Platform-Aware Neural Architecture Search for Mobile (2018).

    >>> from numtorch.vision import models
    >>> models.mnasnet0_5(num_classes=5).classifier[1].out_features
    5
    """

    def __init__(self, alpha: float, num_classes: int = 1000, dropout: float = 0.2):
        super().__init__()
        self.alpha, self.num_classes = alpha, num_classes
        momentum = 1 - 0.9997
        w = [_mnas_width(d * alpha) for d in (32, 16, 24, 40, 80, 96, 192, 320)]

        def norm(channels: int) -> nn.Module:
            return nn.BatchNorm2d(channels, momentum=momentum)

        layers: list[nn.Module] = [
            nn.Conv2d(3, w[0], 3, 2, 1, bias=False), norm(w[0]), nn.ReLU(inplace=True),
            nn.Conv2d(w[0], w[0], 3, 1, 1, groups=w[0], bias=False), norm(w[0]), nn.ReLU(inplace=True),
            nn.Conv2d(w[0], w[1], 1, bias=False), norm(w[1]),
        ]  # fmt: skip
        stages = ((3, 2, 3, 3), (5, 2, 3, 3), (5, 2, 6, 3), (3, 1, 6, 2), (5, 2, 6, 4), (3, 1, 6, 1))
        for i, (kernel, stride, expansion, count) in enumerate(stages):
            start = [w[i + 1]] + [w[i + 2]] * (count - 1)
            strides = [stride] + [1] * (count - 1)
            blocks = [
                _MnasBlock(before, w[i + 2], kernel, step, expansion, momentum)
                for before, step in zip(start, strides, strict=True)
            ]
            layers.append(nn.Sequential(*blocks))
        layers += [nn.Conv2d(w[7], 1280, 1, bias=False), norm(1280), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(dropout, inplace=True), nn.Linear(1280, num_classes))
        _start(self)
        for m in self.modules():
            if isinstance(m, nn.Linear):
                init.kaiming_uniform_(m.weight, mode="fan_out", nonlinearity="sigmoid")

    def forward(self, x: nt.Tensor) -> nt.Tensor:
        return self.classifier(self.layers(x).mean((2, 3)))


def _mnas_width(value: float) -> int:
    new = max(8, int(value + 4) // 8 * 8)
    return new if new >= 0.9 * value else new + 8


class _MBConv(nn.Module):
    """EfficientNet's inverted residual block; ``fused`` ones have one 3x3 convolution for the first two."""

    def __init__(self, expansion: float, kernel: int, stride: int, before: int, after: int, fused: bool, p: float,
                 norm: Layer):  # fmt: skip
        super().__init__()
        self.use_res_connect = stride == 1 and before == after
        hidden = divisible(before * expansion)
        layers: list[nn.Module] = []
        make = partial(Conv2dNormActivation, norm_layer=norm, activation_layer=nn.SiLU)
        if fused:
            wide = hidden != before
            layers.append(make(before, hidden if wide else after, kernel, stride))
            if wide:
                layers.append(Conv2dNormActivation(hidden, after, 1, norm_layer=norm, activation_layer=None))
        else:
            if hidden != before:
                layers.append(make(before, hidden, 1))
            layers.append(make(hidden, hidden, kernel, stride, groups=hidden))
            squeeze = partial(nn.SiLU, inplace=True)
            layers.append(SqueezeExcitation(hidden, max(1, before // 4), activation=squeeze))
            layers.append(Conv2dNormActivation(hidden, after, 1, norm_layer=norm, activation_layer=None))
        self.block = nn.Sequential(*layers)
        self.stochastic_depth = StochasticDepth(p, "row")

    def forward(self, x: nt.Tensor) -> nt.Tensor:
        result = self.block(x)
        return self.stochastic_depth(result) + x if self.use_res_connect else result


# Of each stage: whether fused, expansion, kernel, stride, channels before and after, blocks.
FIRST = (
    (0, 1, 3, 1, 32, 16, 1), (0, 6, 3, 2, 16, 24, 2), (0, 6, 5, 2, 24, 40, 2), (0, 6, 3, 2, 40, 80, 3),
    (0, 6, 5, 1, 80, 112, 3), (0, 6, 5, 2, 112, 192, 4), (0, 6, 3, 1, 192, 320, 1),
)  # fmt: skip
SECOND = {
    "s": ((1, 1, 3, 1, 24, 24, 2), (1, 4, 3, 2, 24, 48, 4), (1, 4, 3, 2, 48, 64, 4), (0, 4, 3, 2, 64, 128, 6),
          (0, 6, 3, 1, 128, 160, 9), (0, 6, 3, 2, 160, 256, 15)),
    "m": ((1, 1, 3, 1, 24, 24, 3), (1, 4, 3, 2, 24, 48, 5), (1, 4, 3, 2, 48, 80, 5), (0, 4, 3, 2, 80, 160, 7),
          (0, 6, 3, 1, 160, 176, 14), (0, 6, 3, 2, 176, 304, 18), (0, 6, 3, 1, 304, 512, 5)),
    "l": ((1, 1, 3, 1, 32, 32, 4), (1, 4, 3, 2, 32, 64, 7), (1, 4, 3, 2, 64, 96, 7), (0, 4, 3, 2, 96, 192, 10),
          (0, 6, 3, 1, 192, 224, 19), (0, 6, 3, 2, 224, 384, 25), (0, 6, 3, 1, 384, 640, 7)),
}  # fmt: skip


class EfficientNet(nn.Module):
    """Inverted residual blocks, scaled in depth and width together.

    Args:
        inverted_residual_setting: of each stage: whether blocks are fused, expansion, kernel, stride, channels before
            and after, blocks.
        dropout: the probability, before the last layer.
        stochastic_depth_prob: the probability that the last block is left out; it grows from 0 on.
        num_classes: number of classes.
        norm_layer: makes a norm; ``BatchNorm2d`` if None.
        last_channel: channels of the last convolution; four times those before it if None.
        width_mult, depth_mult: factors of channels and of blocks.

    Source: Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks (2019).

    >>> from numtorch.vision import models
    >>> models.EfficientNet([(0, 1, 3, 1, 32, 16, 1)], 0.2, num_classes=5).classifier[1].out_features
    5
    """

    def __init__(
        self,
        inverted_residual_setting: Sequence[Sequence[int]],
        dropout: float,
        stochastic_depth_prob: float = 0.2,
        num_classes: int = 1000,
        norm_layer: Layer | None = None,
        last_channel: int | None = None,
        width_mult: float = 1.0,
        depth_mult: float = 1.0,
    ):
        super().__init__()
        norm = norm_layer or nn.BatchNorm2d

        def scaled(channels: int) -> int:
            return divisible(channels * width_mult)

        counts = [n if s[0] or depth_mult == 1.0 else math.ceil(n * depth_mult) for *s, n in inverted_residual_setting]
        total, done = sum(counts), 0
        layers: list[nn.Module] = [
            Conv2dNormActivation(3, scaled(inverted_residual_setting[0][4]), stride=2, norm_layer=norm,
                                 activation_layer=nn.SiLU)
        ]  # fmt: skip
        for (fused, expansion, kernel, stride, before, after, _), count in zip(
            inverted_residual_setting, counts, strict=True
        ):
            blocks = []
            for i in range(count):
                p = stochastic_depth_prob * done / total
                start = scaled(before) if i == 0 else scaled(after)
                blocks.append(
                    _MBConv(expansion, kernel, stride if i == 0 else 1, start, scaled(after), bool(fused), p, norm)
                )
                done += 1
            layers.append(nn.Sequential(*blocks))
        before = scaled(inverted_residual_setting[-1][5])
        last = last_channel if last_channel is not None else 4 * before
        layers.append(Conv2dNormActivation(before, last, 1, norm_layer=norm, activation_layer=nn.SiLU))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(dropout, inplace=True), nn.Linear(last, num_classes))
        _start(self)
        for m in self.modules():
            if isinstance(m, nn.Linear):
                bound = 1.0 / math.sqrt(m.out_features)
                init.uniform_(m.weight, -bound, bound)

    def forward(self, x: nt.Tensor) -> nt.Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


mobilenet_v2 = builder("mobilenet_v2", "MobileNet V2", "Sandler and others, MobileNetV2 (2018)", MobileNetV2, __name__)
HOWARD = "Howard and others, Searching for MobileNetV3 (2019)"
mobilenet_v3_large = builder("mobilenet_v3_large", "MobileNet V3, large", HOWARD, MobileNetV3, __name__,
                             inverted_residual_setting=LARGE, last_channel=1280)  # fmt: skip
mobilenet_v3_small = builder("mobilenet_v3_small", "MobileNet V3, small", HOWARD, MobileNetV3, __name__,
                             inverted_residual_setting=SMALL, last_channel=1024)  # fmt: skip
TAN = "Tan and others, MnasNet: Platform-Aware Neural Architecture Search for Mobile (2018)"
mnasnet0_5 = builder("mnasnet0_5", "MNASNet with half the channels", TAN, MNASNet, __name__, alpha=0.5)
mnasnet0_75 = builder("mnasnet0_75", "MNASNet with three quarters of the channels", TAN, MNASNet, __name__, alpha=0.75)
mnasnet1_0 = builder("mnasnet1_0", "MNASNet", TAN, MNASNet, __name__, alpha=1.0)
mnasnet1_3 = builder("mnasnet1_3", "MNASNet with 1.3 times the channels", TAN, MNASNet, __name__, alpha=1.3)
LE = "Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks (2019)"
EXACT = partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)


def _efficientnet(size: int, width: float, depth: float, dropout: float, **own: Any) -> Any:
    options = {"inverted_residual_setting": FIRST, "width_mult": width, "depth_mult": depth, "dropout": dropout}
    name = f"efficientnet_b{size}"
    return builder(name, f"EfficientNet B{size}", LE, EfficientNet, __name__, **options, **own)


efficientnet_b0 = _efficientnet(0, 1.0, 1.0, 0.2)
efficientnet_b1 = _efficientnet(1, 1.0, 1.1, 0.2)
efficientnet_b2 = _efficientnet(2, 1.1, 1.2, 0.3)
efficientnet_b3 = _efficientnet(3, 1.2, 1.4, 0.3)
efficientnet_b4 = _efficientnet(4, 1.4, 1.8, 0.4)
efficientnet_b5 = _efficientnet(5, 1.6, 2.2, 0.4, norm_layer=EXACT)
efficientnet_b6 = _efficientnet(6, 1.8, 2.6, 0.5, norm_layer=EXACT)
efficientnet_b7 = _efficientnet(7, 2.0, 3.1, 0.5, norm_layer=EXACT)


def _efficientnet2(size: str, dropout: float, eps: float = 1e-3) -> Any:
    source = "Tan and Le, EfficientNetV2: Smaller Models and Faster Training (2021)"
    name, title = f"efficientnet_v2_{size}", f"EfficientNet V2 {size.upper()}"
    norm = partial(nn.BatchNorm2d, eps=eps)
    return builder(name, title, source, EfficientNet, __name__, inverted_residual_setting=SECOND[size],
                   dropout=dropout, last_channel=1280, norm_layer=norm)  # fmt: skip


efficientnet_v2_s = _efficientnet2("s", 0.2)
efficientnet_v2_m = _efficientnet2("m", 0.3)
efficientnet_v2_l = _efficientnet2("l", 0.4)
