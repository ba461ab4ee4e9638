"""Networks whose widths follow from a few numbers, and of channels that are shuffled: RegNet, ShuffleNet V2."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import numtorch as nt
from numtorch import nn
from numtorch.nn import init
from numtorch.vision.models.builders import builder, ones, zeros
from numtorch.vision.models.mobile import divisible
from numtorch.vision.ops.layers import Conv2dNormActivation, SqueezeExcitation

Layer = Callable[..., nn.Module]


@dataclass
class BlockParams:
    """The stages of a RegNet.

    Args:
        depths: blocks of each stage.
        widths: channels of each stage.
        group_widths: channels of each group of its convolutions.
        bottleneck_multipliers: channels between, as parts of its width.
        strides: of its first block.
        se_ratio: channels of squeeze and excitation, as part of a block's input; None for none.
    """

    depths: list[int]
    widths: list[int]
    group_widths: list[int]
    bottleneck_multipliers: list[float]
    strides: list[int]
    se_ratio: float | None = None

    @classmethod
    def from_init_params(
        cls,
        depth: int,
        w_0: int,
        w_a: float,
        w_m: float,
        group_width: int,
        bottleneck_multiplier: float = 1.0,
        se_ratio: float | None = None,
    ) -> BlockParams:
        """The stages that follow from widths that grow by a line.

        The widths ``w_0 + w_a * i`` are rounded to powers of ``w_m``, and then to multiples of 8 and of the group's
        width; blocks of one width are a stage.

        Args:
            depth: blocks in all.
            w_0, w_a, w_m: the first width, its growth, and the base of the powers.
            group_width, bottleneck_multiplier, se_ratio: as above, of all stages.

        Returns:
            The ``BlockParams``.

        Raises:
            ValueError: the numbers do not give widths that grow.

        >>> from numtorch.vision.models.regnet import BlockParams
        >>> BlockParams.from_init_params(13, 24, 36.44, 2.49, 8).widths
        [24, 56, 152, 368]
        """
        if w_a < 0 or w_0 <= 0 or w_m <= 1 or w_0 % 8:
            raise ValueError("Invalid RegNet settings")
        line = np.arange(depth, dtype=np.float32) * np.float32(w_a) + np.float32(w_0)
        powers = np.round(np.log(line / np.float32(w_0)) / math.log(w_m))
        widths, depths = np.unique((np.round(w_0 * np.power(w_m, powers) / 8) * 8).astype(int), return_counts=True)
        groups = [min(group_width, int(w * bottleneck_multiplier)) for w in widths]
        return cls(
            depths=depths.tolist(),
            widths=[
                int(divisible(int(w * bottleneck_multiplier), g) / bottleneck_multiplier)
                for w, g in zip(widths, groups, strict=True)
            ],
            group_widths=groups,
            bottleneck_multipliers=[bottleneck_multiplier] * len(groups),
            strides=[2] * len(groups),
            se_ratio=se_ratio,
        )


class _Block(nn.Module):
    """A bottleneck of a 1x1, a grouped 3x3 and a 1x1 convolution beside the input itself."""

    def __init__(self, before: int, after: int, stride: int, norm: Layer, activation: Layer, group: int,
                 multiplier: float, squeeze: float | None):  # fmt: skip
        super().__init__()
        made: dict[str, Any] = {"norm_layer": norm, "activation_layer": activation}
        self.proj = None
        if before != after or stride != 1:
            self.proj = Conv2dNormActivation(before, after, 1, stride, norm_layer=norm, activation_layer=None)
        width = round(after * multiplier)
        steps: OrderedDict[str, nn.Module] = OrderedDict()
        steps["a"] = Conv2dNormActivation(before, width, 1, **made)
        steps["b"] = Conv2dNormActivation(width, width, 3, stride, groups=width // group, **made)
        if squeeze:
            steps["se"] = SqueezeExcitation(width, round(squeeze * before), activation=activation)
        steps["c"] = Conv2dNormActivation(width, after, 1, norm_layer=norm, activation_layer=None)
        self.f = nn.Sequential(steps)
        self.activation = activation(inplace=True)

    def forward(self, x: nt.Tensor) -> nt.Tensor:
        return self.activation((x if self.proj is None else self.proj(x)) + self.f(x))


class RegNet(nn.Module):
    """Four stages of bottleneck blocks whose widths follow a line.

    Args:
        block_params: the stages.
        num_classes: number of classes.
        stem_width: channels of the first convolution.
        norm_layer: makes a norm; ``BatchNorm2d`` if None.
        activation: makes an activation; ``ReLU`` if None.

    Source: Radosavovic, Kosaraju, Girshick, He and Dollár, Designing Network Design Spaces (2020).

    >>> from numtorch.vision import models
    >>> models.regnet_y_400mf(num_classes=5).fc
    Linear(in_features=440, out_features=5, bias=True)
    """

    def __init__(
        self,
        block_params: BlockParams,
        num_classes: int = 1000,
        stem_width: int = 32,
        norm_layer: Layer | None = None,
        activation: Layer | None = None,
    ):
        super().__init__()
        norm, act, p = norm_layer or nn.BatchNorm2d, activation or nn.ReLU, block_params
        self.stem = Conv2dNormActivation(3, stem_width, 3, 2, norm_layer=norm, activation_layer=act)
        width = stem_width
        stages: OrderedDict[str, nn.Module] = OrderedDict()
        every = zip(p.depths, p.widths, p.strides, p.group_widths, p.bottleneck_multipliers, strict=True)
        for i, (depth, after, stride, group, multiplier) in enumerate(every, 1):
            blocks: OrderedDict[str, nn.Module] = OrderedDict()
            for j in range(depth):
                step = stride if j == 0 else 1
                blocks[f"block{i}-{j}"] = _Block(width, after, step, norm, act, group, multiplier, p.se_ratio)
                width = after
            stages[f"block{i}"] = nn.Sequential(blocks)
        self.trunk_output = nn.Sequential(stages)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(width, num_classes)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                init.normal_(m.weight, 0.0, math.sqrt(2.0 / (math.prod(m.kernel_size) * m.out_channels)))
            elif isinstance(m, nn.BatchNorm2d):
                ones(m.weight)
                zeros(m.bias)
        init.normal_(self.fc.weight, 0.0, 0.01)
        zeros(self.fc.bias)

    def forward(self, x: nt.Tensor) -> nt.Tensor:
        return self.fc(self.avgpool(self.trunk_output(self.stem(x))).flatten(1))


def _shuffled(x: nt.Tensor) -> nt.Tensor:
    """The channels of both halves in turn."""
    n, c, h, w = x.shape
    return x.reshape(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


class _ShuffleBlock(nn.Module):
    """A depthwise convolution of one half of the channels, which are then shuffled; of all of them at stride 2."""

    def __init__(self, before: int, after: int, stride: int):
        super().__init__()
        self.stride, half = stride, after // 2
        if stride == 1 and before != 2 * half:
            raise ValueError(f"ShuffleNetV2: at stride 1, {before} channels cannot become {after}")
        first = before if stride > 1 else half
        self.branch1 = nn.Sequential()
        if stride > 1:
            self.branch1 = nn.Sequential(*self._depthwise(before, stride), *self._pointwise(before, half))
        self.branch2 = nn.Sequential(
            *self._pointwise(first, half), *self._depthwise(half, stride), *self._pointwise(half, half)
        )

    @staticmethod
    def _depthwise(channels: int, stride: int) -> list[nn.Module]:
        conv = nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False)
        return [conv, nn.BatchNorm2d(channels)]

    @staticmethod
    def _pointwise(before: int, after: int) -> list[nn.Module]:
        return [nn.Conv2d(before, after, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]

    def forward(self, x: nt.Tensor) -> nt.Tensor:
        if self.stride == 1:
            kept, changed = x.chunk(2, 1)
            return _shuffled(nt.cat([kept, self.branch2(changed)], 1))
        return _shuffled(nt.cat([self.branch1(x), self.branch2(x)], 1))


class ShuffleNetV2(nn.Module):
    """Depthwise convolutions of half of the channels, which are shuffled after each of them.

    Args:
        stages_repeats: blocks of the three stages.
        stages_out_channels: channels after the first convolution, after each stage, and before the last layer.
        num_classes: number of classes.
        inverted_residual: makes a block of channels before, after and a stride; the paper's if None.

    Raises:
        ValueError: there are not three stages, or not five numbers of channels.

    Source: Ma, Zhang, Zheng and Sun, ShuffleNet V2 (2018).

    >>> from numtorch.vision import models
    >>> models.ShuffleNetV2([1, 1, 1], [8, 16, 32, 64, 128], num_classes=5).fc
    Linear(in_features=128, out_features=5, bias=True)
    """

    stage2: nn.Module
    stage3: nn.Module
    stage4: nn.Module

    def __init__(
        self,
        stages_repeats: Sequence[int],
        stages_out_channels: Sequence[int],
        num_classes: int = 1000,
        inverted_residual: Layer | None = None,
    ):
        super().__init__()
        if len(stages_repeats) != 3:
            raise ValueError("expected stages_repeats as list of 3 positive ints")
        if len(stages_out_channels) != 5:
            raise ValueError("expected stages_out_channels as list of 5 positive ints")
        block = inverted_residual or _ShuffleBlock
        width, *stages, last = stages_out_channels
        self.conv1 = nn.Sequential(
            nn.Conv2d(3, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
        )
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        for i, (repeats, after) in enumerate(zip(stages_repeats, stages, strict=True), 2):
            blocks = [block(width if j == 0 else after, after, 2 if j == 0 else 1) for j in range(repeats)]
            setattr(self, f"stage{i}", nn.Sequential(*blocks))
            width = after
        self.conv5 = nn.Sequential(nn.Conv2d(width, last, 1, bias=False), nn.BatchNorm2d(last), nn.ReLU(inplace=True))
        self.fc = nn.Linear(last, num_classes)

    def forward(self, x: nt.Tensor) -> nt.Tensor:
        x = self.stage4(self.stage3(self.stage2(self.maxpool(self.conv1(x)))))
        return self.fc(self.conv5(x).mean((2, 3)))


def _regnet(name: str, squeeze: float | None, numbers: tuple) -> Callable[..., RegNet]:
    source = "Radosavovic, Kosaraju, Girshick, He and Dollár, Designing Network Design Spaces (2020)"
    depth, w_0, w_a, w_m, group = numbers
    params = BlockParams.from_init_params(depth, w_0, w_a, w_m, group, se_ratio=squeeze)
    kind, _, size = name.removeprefix("regnet_").partition("_")
    title = f"RegNet {kind.upper()} of {size.replace('_', '.').removesuffix('mf').removesuffix('gf')} "
    title += "million products" if size.endswith("mf") else "billion products"
    return builder(name, title, source, RegNet, __name__, block_params=params)


def _shuffled_net(name: str, *channels: int) -> Callable[..., ShuffleNetV2]:
    times = name.rpartition("x")[2].replace("_", ".")
    return builder(
        name, f"ShuffleNet V2 of {times} times the width", "Ma, Zhang, Zheng and Sun, ShuffleNet V2 (2018)",
        ShuffleNetV2, __name__, stages_repeats=[4, 8, 4], stages_out_channels=[24, *channels],
    )  # fmt: skip


# Depth, first width, growth, base of the powers, width of a group.
regnet_y_400mf = _regnet("regnet_y_400mf", 0.25, (16, 48, 27.89, 2.09, 8))
regnet_y_800mf = _regnet("regnet_y_800mf", 0.25, (14, 56, 38.84, 2.4, 16))
regnet_y_1_6gf = _regnet("regnet_y_1_6gf", 0.25, (27, 48, 20.71, 2.65, 24))
regnet_y_3_2gf = _regnet("regnet_y_3_2gf", 0.25, (21, 80, 42.63, 2.66, 24))
regnet_y_8gf = _regnet("regnet_y_8gf", 0.25, (17, 192, 76.82, 2.19, 56))
regnet_y_16gf = _regnet("regnet_y_16gf", 0.25, (18, 200, 106.23, 2.48, 112))
regnet_y_32gf = _regnet("regnet_y_32gf", 0.25, (20, 232, 115.89, 2.53, 232))
regnet_y_128gf = _regnet("regnet_y_128gf", 0.25, (27, 456, 160.83, 2.52, 264))
regnet_x_400mf = _regnet("regnet_x_400mf", None, (22, 24, 24.48, 2.54, 16))
regnet_x_800mf = _regnet("regnet_x_800mf", None, (16, 56, 35.73, 2.28, 16))
regnet_x_1_6gf = _regnet("regnet_x_1_6gf", None, (18, 80, 34.01, 2.25, 24))
regnet_x_3_2gf = _regnet("regnet_x_3_2gf", None, (25, 88, 26.31, 2.25, 48))
regnet_x_8gf = _regnet("regnet_x_8gf", None, (23, 80, 49.56, 2.88, 120))
regnet_x_16gf = _regnet("regnet_x_16gf", None, (22, 216, 55.59, 2.1, 128))
regnet_x_32gf = _regnet("regnet_x_32gf", None, (23, 320, 69.86, 2.0, 168))
shufflenet_v2_x0_5 = _shuffled_net("shufflenet_v2_x0_5", 48, 96, 192, 1024)
shufflenet_v2_x1_0 = _shuffled_net("shufflenet_v2_x1_0", 116, 232, 464, 1024)
shufflenet_v2_x1_5 = _shuffled_net("shufflenet_v2_x1_5", 176, 352, 704, 1024)
shufflenet_v2_x2_0 = _shuffled_net("shufflenet_v2_x2_0", 244, 488, 976, 2048)
