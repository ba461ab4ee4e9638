"""Densely connected networks: each layer sees the results of all before it in its block."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numtorch as nt
from numtorch import nn
from numtorch.nn import functional as F
from numtorch.nn import init
from numtorch.vision.models.builders import builder, zeros


class _DenseLayer(nn.Module):
    def __init__(self, before: int, growth_rate: int, bn_size: int, drop_rate: float):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(before)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(before, bn_size * growth_rate, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(bn_size * growth_rate)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(bn_size * growth_rate, growth_rate, 3, padding=1, bias=False)
        self.drop_rate = drop_rate

    def forward(self, parts: list[nt.Tensor]) -> nt.Tensor:
        x = self.conv1(self.relu1(self.norm1(nt.cat(parts, 1))))
        x = self.conv2(self.relu2(self.norm2(x)))
        return F.dropout(x, self.drop_rate, self.training) if self.drop_rate > 0 else x


class _DenseBlock(nn.ModuleDict):
    def __init__(self, count: int, before: int, bn_size: int, growth_rate: int, drop_rate: float):
        super().__init__()
        for i in range(count):
            self[f"denselayer{i + 1}"] = _DenseLayer(before + i * growth_rate, growth_rate, bn_size, drop_rate)

    def forward(self, x: nt.Tensor) -> nt.Tensor:
        parts = [x]
        for layer in self.values():
            parts.append(layer(parts))
        return nt.cat(parts, 1)


class _Transition(nn.Sequential):
    def __init__(self, before: int, after: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(before)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(before, after, 1, bias=False)
        self.pool = nn.AvgPool2d(2, 2)


class DenseNet(nn.Module):
    """Four blocks of densely connected layers, with fewer channels and extents between them.

    Args:
        growth_rate: channels that a layer adds.
        block_config: how many layers each block has.
        num_init_features: channels of the first convolution.
        bn_size: channels between the two convolutions of a layer, for each of ``growth_rate``.
        drop_rate: the probability of dropout after each layer.
        num_classes: number of classes.
        memory_efficient: taken and of no effect.

    Source: Huang, Liu, van der Maaten and Weinberger, Densely Connected Convolutional Networks (2016).

    >>> from numtorch.vision import models
    >>> models.DenseNet(4, (1, 1), 8, num_classes=5).classifier.in_features
    10
    """

    def __init__(
        self,
        growth_rate: int = 32,
        block_config: tuple[int, ...] = (6, 12, 24, 16),
        num_init_features: int = 64,
        bn_size: int = 4,
        drop_rate: float = 0,
        num_classes: int = 1000,
        memory_efficient: bool = False,
    ):
        super().__init__()
        width = num_init_features
        parts: list[tuple[str, nn.Module]] = [
            ("conv0", nn.Conv2d(3, width, 7, 2, 3, bias=False)),
            ("norm0", nn.BatchNorm2d(width)),
            ("relu0", nn.ReLU(inplace=True)),
            ("pool0", nn.MaxPool2d(3, 2, 1)),
        ]
        for i, count in enumerate(block_config):
            parts.append((f"denseblock{i + 1}", _DenseBlock(count, width, bn_size, growth_rate, drop_rate)))
            width += count * growth_rate
            if i != len(block_config) - 1:
                parts.append((f"transition{i + 1}", _Transition(width, width // 2)))
                width //= 2
        parts.append(("norm5", nn.BatchNorm2d(width)))
        self.features = nn.Sequential(OrderedDict(parts))
        self.classifier = nn.Linear(width, num_classes)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                init.kaiming_normal_(m.weight)
            elif isinstance(m, nn.Linear):
                zeros(m.bias)

    def forward(self, x: nt.Tensor) -> nt.Tensor:
        x = F.adaptive_avg_pool2d(F.relu(self.features(x)), (1, 1))
        return self.classifier(x.flatten(1))


HUANG = "Huang, Liu, van der Maaten and Weinberger, Densely Connected Convolutional Networks (2016)"


def _densenet(depth: int, growth: int, blocks: tuple[int, ...], width: int) -> Any:
    options = {"growth_rate": growth, "block_config": blocks, "num_init_features": width}
    return builder(f"densenet{depth}", f"DenseNet-{depth}", HUANG, DenseNet, __name__, **options)


densenet121 = _densenet(121, 32, (6, 12, 24, 16), 64)
densenet161 = _densenet(161, 48, (6, 12, 36, 24), 96)
densenet169 = _densenet(169, 32, (6, 12, 32, 32), 64)
densenet201 = _densenet(201, 32, (6, 12, 48, 32), 64)
