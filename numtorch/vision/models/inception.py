"""Networks of parallel branches: GoogLeNet and Inception V3."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numtorch as nt
import numtorch.nn.functional as F
from numtorch import nn
from numtorch.nn import init
from numtorch.vision.models.builders import builder, ones, zeros


class GoogLeNetOutputs(NamedTuple):
    """What GoogLeNet gives in training: the scores, and those of the auxiliary classifiers.

    Args:
        logits: the scores, (n, classes).
        aux_logits2, aux_logits1: those of the later and of the earlier classifier.

    >>> from numtorch.vision import models
    >>> models.GoogLeNetOutputs(1, 2, 3).aux_logits1
    3
    """

    logits: Any
    aux_logits2: Any
    aux_logits1: Any


class InceptionOutputs(NamedTuple):
    """What Inception V3 gives in training: the scores, and those of the auxiliary classifier.

    Args:
        logits: the scores, (n, classes).
        aux_logits: those of the classifier of an inner layer.

    >>> from numtorch.vision import models
    >>> models.InceptionOutputs(1, 2).logits
    1
    """

    logits: Any
    aux_logits: Any


class _Conv(nn.Module):
    """A convolution without bias, a norm and a ReLU."""

    def __init__(self, before: int, after: int, kernel: Any, stride: int = 1, padding: Any = 0):
        super().__init__()
        self.conv = nn.Conv2d(before, after, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(after, eps=0.001)

    def forward(self, x: nt.Tensor) -> nt.Tensor:
        return F.relu(self.bn(self.conv(x)))


def _start(net: nn.Module, deviation: float) -> None:
    """New weights, normal and cut off at 2; a module's ``stddev`` is its own deviation."""
    for m in net.modules():
        if isinstance(m, nn.Conv2d | nn.Linear):
            init.trunc_normal_(m.weight, 0.0, float(getattr(m, "stddev", deviation)), -2.0, 2.0)
        elif isinstance(m, nn.BatchNorm2d):
            ones(m.weight)
            zeros(m.bias)


def _prepared(x: nt.Tensor) -> nt.Tensor:
    """Images normalised by the means of ImageNet as ones normalised by 0.5, which the published weights expect."""
    scale = nt.tensor([0.229, 0.224, 0.225], dtype=x.dtype, device=x.device).reshape(3, 1, 1) / 0.5
    shift = (nt.tensor([0.485, 0.456, 0.406], dtype=x.dtype, device=x.device).reshape(3, 1, 1) - 0.5) / 0.5
    return x * scale + shift


class _Inception(nn.Module):
    """Branches of one, 3x3 and twice 3x3 convolutions and of a maximum, side by side."""

    def __init__(self, before: int, one: int, less: int, three: int, least: int, five: int, pooled: int):
        super().__init__()
        self.branch1 = _Conv(before, one, 1)
        self.branch2 = nn.Sequential(_Conv(before, less, 1), _Conv(less, three, 3, padding=1))
        self.branch3 = nn.Sequential(_Conv(before, least, 1), _Conv(least, five, 3, padding=1))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1, ceil_mode=True), _Conv(before, pooled, 1))

    def forward(self, x: nt.Tensor) -> nt.Tensor:
        return nt.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class _EarlyClassifier(nn.Module):
    """GoogLeNet's classifier of an inner layer."""

    def __init__(self, before: int, num_classes: int, dropout: float):
        super().__init__()
        self.conv = _Conv(before, 128, 1)
        self.fc1 = nn.Linear(2048, 1024)
        self.fc2 = nn.Linear(1024, num_classes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: nt.Tensor) -> nt.Tensor:
        x = self.conv(F.adaptive_avg_pool2d(x, 4)).flatten(1)
        return self.fc2(self.dropout(F.relu(self.fc1(x))))


# Of each block: channels of the 1x1 branch, of the 3x3 one between and after, of the second, of the pooled one.
BLOCKS = {
    "3a": (64, 96, 128, 16, 32, 32), "3b": (128, 128, 192, 32, 96, 64), "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64), "4c": (128, 128, 256, 24, 64, 64), "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128), "5a": (256, 160, 320, 32, 128, 128), "5b": (384, 192, 384, 48, 128, 128),
}  # fmt: skip


class GoogLeNet(nn.Module):
    """Nine blocks of parallel convolutions. In training it gives ``GoogLeNetOutputs``.

    Args:
        num_classes: number of classes.
        aux_logits: whether there are classifiers of two inner layers, for training.
        transform_input: images come normalised by the means of ImageNet, and the weights expect them otherwise.
        init_weights: False keeps the layers' own first weights.
        dropout, dropout_aux: the probabilities, before the last layers.

    Source: Szegedy and others, Going Deeper with Convolutions (2014).

    >>> from numtorch.vision import models
    >>> models.GoogLeNet(num_classes=5, aux_logits=False).fc.out_features
    5
    """

    inception3a: nn.Module
    inception3b: nn.Module
    inception4a: nn.Module
    inception4b: nn.Module
    inception4c: nn.Module
    inception4d: nn.Module
    inception4e: nn.Module
    inception5a: nn.Module
    inception5b: nn.Module
    maxpool3: nn.Module
    maxpool4: nn.Module

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        init_weights: bool | None = None,
        dropout: float = 0.2,
        dropout_aux: float = 0.7,
    ):
        super().__init__()
        self.aux_logits, self.transform_input = aux_logits, transform_input
        self.conv1 = _Conv(3, 64, 7, 2, 3)
        self.maxpool1 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv2 = _Conv(64, 64, 1)
        self.conv3 = _Conv(64, 192, 3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, 2, ceil_mode=True)
        width = 192
        for name, channels in BLOCKS.items():
            setattr(self, f"inception{name}", _Inception(width, *channels))
            one, _, three, _, five, pooled = channels
            width = one + three + five + pooled
            if name in ("3b", "4e"):
                number, size = (3, 3) if name == "3b" else (4, 2)
                setattr(self, f"maxpool{number}", nn.MaxPool2d(size, 2, ceil_mode=True))
        self.aux1 = _EarlyClassifier(512, num_classes, dropout_aux) if aux_logits else None
        self.aux2 = _EarlyClassifier(528, num_classes, dropout_aux) if aux_logits else None
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(width, num_classes)
        if init_weights is not False:
            _start(self, 0.01)

    def forward(self, x: nt.Tensor) -> Any:
        x = _prepared(x) if self.transform_input else x
        x = self.maxpool2(self.conv3(self.conv2(self.maxpool1(self.conv1(x)))))
        x = self.maxpool3(self.inception3b(self.inception3a(x)))
        x = self.inception4a(x)
        early = self.aux1(x) if self.aux1 is not None and self.training else None
        x = self.inception4d(self.inception4c(self.inception4b(x)))
        late = self.aux2(x) if self.aux2 is not None and self.training else None
        x = self.inception5b(self.inception5a(self.maxpool4(self.inception4e(x))))
        x = self.fc(self.dropout(self.avgpool(x).flatten(1)))
        return GoogLeNetOutputs(x, late, early) if self.training and self.aux_logits else x


class _Mixed(nn.Module):
    """Chains of convolutions side by side.

    Args:
        before: channels of the input.
        chains: of each, what pools first (or None), and its convolutions: name, channels, kernel, stride. Two names end
            a chain: both convolutions see the same, and are joined. A stride of 1 keeps the extents.
    """

    def __init__(self, before: int, chains: Sequence[tuple[Callable | None, Sequence[tuple]]]):
        super().__init__()
        self.chains: list[tuple[Callable | None, list[tuple[str, ...]]]] = []
        for pool, steps in chains:
            width, names = before, []
            for name, channels, kernel, *stride in steps:
                pairs = zip(name, kernel, strict=True) if isinstance(name, tuple) else [(name, kernel)]
                made = []
                for each, size in pairs:
                    h, w = size if isinstance(size, tuple) else (size, size)
                    padding = (h // 2, w // 2) if not stride else 0
                    setattr(self, each, _Conv(width, channels, (h, w), stride[0] if stride else 1, padding))
                    made.append(each)
                names.append(tuple(made))
                width = channels
            self.chains.append((pool, names))

    def forward(self, x: nt.Tensor) -> nt.Tensor:
        parts = []
        for pool, steps in self.chains:
            y = x if pool is None else pool(x)
            for names in steps:
                found = [getattr(self, name)(y) for name in names]
                y = found[0] if len(found) == 1 else nt.cat(found, 1)
            parts.append(y)
        return nt.cat(parts, 1)


_mean = partial(F.avg_pool2d, kernel_size=3, stride=1, padding=1)
_largest = partial(F.max_pool2d, kernel_size=3, stride=2)
_ROW, _COLUMN = (1, 7), (7, 1)


def _block_a(before: int, pooled: int) -> _Mixed:
    return _Mixed(before, [
        (None, [("branch1x1", 64, 1)]),
        (None, [("branch5x5_1", 48, 1), ("branch5x5_2", 64, 5)]),
        (None, [("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3), ("branch3x3dbl_3", 96, 3)]),
        (_mean, [("branch_pool", pooled, 1)]),
    ])  # fmt: skip


def _block_b(before: int) -> _Mixed:
    return _Mixed(before, [
        (None, [("branch3x3", 384, 3, 2)]),
        (None, [("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3), ("branch3x3dbl_3", 96, 3, 2)]),
        (_largest, []),
    ])  # fmt: skip


def _block_c(before: int, c: int) -> _Mixed:
    return _Mixed(before, [
        (None, [("branch1x1", 192, 1)]),
        (None, [("branch7x7_1", c, 1), ("branch7x7_2", c, _ROW), ("branch7x7_3", 192, _COLUMN)]),
        (None, [("branch7x7dbl_1", c, 1), ("branch7x7dbl_2", c, _COLUMN), ("branch7x7dbl_3", c, _ROW),
                ("branch7x7dbl_4", c, _COLUMN), ("branch7x7dbl_5", 192, _ROW)]),
        (_mean, [("branch_pool", 192, 1)]),
    ])  # fmt: skip


def _block_d(before: int) -> _Mixed:
    return _Mixed(before, [
        (None, [("branch3x3_1", 192, 1), ("branch3x3_2", 320, 3, 2)]),
        (None, [("branch7x7x3_1", 192, 1), ("branch7x7x3_2", 192, _ROW), ("branch7x7x3_3", 192, _COLUMN),
                ("branch7x7x3_4", 192, 3, 2)]),
        (_largest, []),
    ])  # fmt: skip


def _block_e(before: int) -> _Mixed:
    return _Mixed(before, [
        (None, [("branch1x1", 320, 1)]),
        (None, [("branch3x3_1", 384, 1), (("branch3x3_2a", "branch3x3_2b"), 384, ((1, 3), (3, 1)))]),
        (None, [("branch3x3dbl_1", 448, 1), ("branch3x3dbl_2", 384, 3),
                (("branch3x3dbl_3a", "branch3x3dbl_3b"), 384, ((1, 3), (3, 1)))]),
        (_mean, [("branch_pool", 192, 1)]),
    ])  # fmt: skip


class _LateClassifier(nn.Module):
    """Inception V3's classifier of an inner layer."""

    def __init__(self, before: int, num_classes: int):
        super().__init__()
        self.conv0 = _Conv(before, 128, 1)
        self.conv1 = _Conv(128, 768, 5)
        self.fc = nn.Linear(768, num_classes)
        self.fc.stddev = 0.001  # type: ignore[assignment]

    def forward(self, x: nt.Tensor) -> nt.Tensor:
        x = self.conv1(self.conv0(F.avg_pool2d(x, 5, 3)))
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


class Inception3(nn.Module):
    """Inception V3: blocks of parallel convolutions, large ones as pairs of rows and columns.

    In training it gives ``InceptionOutputs``. Images are at least 75 pixels high and wide; the published weights are
    for 299.

    Args:
        num_classes: number of classes.
        aux_logits: whether there is a classifier of an inner layer, for training.
        transform_input: images come normalised by the means of ImageNet, and the weights expect them otherwise.
        init_weights: False keeps the layers' own first weights.
        dropout: the probability, before the last layer.

    Source: Szegedy and others, Rethinking the Inception Architecture for Computer Vision (2015).

    >>> from numtorch.vision import models
    >>> models.Inception3(num_classes=5, aux_logits=False, init_weights=False).fc.out_features
    5
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        init_weights: bool | None = None,
        dropout: float = 0.5,
    ):
        super().__init__()
        self.aux_logits, self.transform_input = aux_logits, transform_input
        self.Conv2d_1a_3x3 = _Conv(3, 32, 3, 2)
        self.Conv2d_2a_3x3 = _Conv(32, 32, 3)
        self.Conv2d_2b_3x3 = _Conv(32, 64, 3, padding=1)
        self.maxpool1 = nn.MaxPool2d(3, 2)
        self.Conv2d_3b_1x1 = _Conv(64, 80, 1)
        self.Conv2d_4a_3x3 = _Conv(80, 192, 3)
        self.maxpool2 = nn.MaxPool2d(3, 2)
        self.Mixed_5b = _block_a(192, 32)
        self.Mixed_5c = _block_a(256, 64)
        self.Mixed_5d = _block_a(288, 64)
        self.Mixed_6a = _block_b(288)
        self.Mixed_6b = _block_c(768, 128)
        self.Mixed_6c = _block_c(768, 160)
        self.Mixed_6d = _block_c(768, 160)
        self.Mixed_6e = _block_c(768, 192)
        self.AuxLogits = _LateClassifier(768, num_classes) if aux_logits else None
        self.Mixed_7a = _block_d(768)
        self.Mixed_7b = _block_e(1280)
        self.Mixed_7c = _block_e(2048)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(2048, num_classes)
        if init_weights is not False:
            _start(self, 0.1)

    def forward(self, x: nt.Tensor) -> Any:
        x = _prepared(x) if self.transform_input else x
        x = self.maxpool1(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))))
        x = self.maxpool2(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x)))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))
        aux = self.AuxLogits(x) if self.AuxLogits is not None and self.training else None
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        x = self.fc(self.dropout(self.avgpool(x)).flatten(1))
        return InceptionOutputs(x, aux) if self.training and self.aux_logits else x


googlenet = builder(
    "googlenet", "GoogLeNet", "Szegedy and others, Going Deeper with Convolutions (2014)", GoogLeNet, __name__,
    loaded={"transform_input": True, "aux_logits": False}, auxiliary=("aux1", "aux2"),
)  # fmt: skip
inception_v3 = builder(
    "inception_v3", "Inception V3",
    "Szegedy and others, Rethinking the Inception Architecture for Computer Vision (2015)", Inception3, __name__,
    loaded={"transform_input": True, "aux_logits": True}, auxiliary=("AuxLogits",),
)  # fmt: skip
