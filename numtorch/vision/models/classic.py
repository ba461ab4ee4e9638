"""AlexNet, VGG and SqueezeNet: convolutions and pooling one after the other."""

from __future__ import annotations

from typing import Any

import numtorch as nt
from numtorch import nn
from numtorch.nn import init
from numtorch.vision.models.builders import builder, zeros


class AlexNet(nn.Module):
    """Five convolutions and three linear layers, for images of 224 by 224.

    Args:
        num_classes: number of classes.
        dropout: the probability, before the first two linear layers.

    Source: Krizhevsky, One weird trick for parallelizing convolutional neural networks (2014).

    >>> from numtorch.vision import models
    >>> issubclass(models.AlexNet, torch.nn.Module)
    True
    """

    def __init__(self, num_classes: int = 1000, dropout: float = 0.5):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, 4, 2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(256 * 36, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Linear(4096, num_classes),
        )

    def forward(self, x: nt.Tensor) -> nt.Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


class VGG(nn.Module):
    """3x3 convolutions with pooling between them, and three linear layers.

    Args:
        features: the convolutions, as a module.
        num_classes: number of classes.
        init_weights: draw new weights as in the paper's later versions.
        dropout: the probability, after the first two linear layers.

    Source: Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition (2014).

    >>> from numtorch.vision import models
    >>> issubclass(models.VGG, torch.nn.Module)
    True
    """

    def __init__(self, features: nn.Module, num_classes: int = 1000, init_weights: bool = True, dropout: float = 0.5):
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 49, 4096),
            nn.ReLU(True),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(True),
            nn.Dropout(dropout),
            nn.Linear(4096, num_classes),
        )
        for m in self.modules() if init_weights else ():
            if isinstance(m, nn.Conv2d):
                init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
                if m.bias is not None:
                    zeros(m.bias)
            elif isinstance(m, nn.Linear):
                init.normal_(m.weight, 0, 0.01)
                zeros(m.bias)

    def forward(self, x: nt.Tensor) -> nt.Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


DEPTHS = {"A": (1, 1, 2, 2, 2), "B": (2, 2, 2, 2, 2), "D": (2, 2, 3, 3, 3), "E": (2, 2, 4, 4, 4)}


def _vgg(depth: str, batch_norm: bool) -> Any:
    def make(**options: Any) -> VGG:
        layers: list[nn.Module] = []
        before = 3
        for width, count in zip((64, 128, 256, 512, 512), DEPTHS[depth], strict=True):
            for _ in range(count):
                layers.append(nn.Conv2d(before, width, 3, padding=1))
                layers += [nn.BatchNorm2d(width)] if batch_norm else []
                layers.append(nn.ReLU(inplace=True))
                before = width
            layers.append(nn.MaxPool2d(2, 2))
        return VGG(nn.Sequential(*layers), **options)

    make.__name__ = "VGG"
    return make


VGGS = "Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition (2014)"


def _of_vgg(name: str, title: str, depth: str, batch_norm: bool = False) -> Any:
    return builder(name, title, VGGS, _vgg(depth, batch_norm), __name__)


vgg11 = _of_vgg("vgg11", "VGG-11", "A")
vgg11_bn = _of_vgg("vgg11_bn", "VGG-11 with batch norm", "A", True)
vgg13 = _of_vgg("vgg13", "VGG-13", "B")
vgg13_bn = _of_vgg("vgg13_bn", "VGG-13 with batch norm", "B", True)
vgg16 = _of_vgg("vgg16", "VGG-16", "D")
vgg16_bn = _of_vgg("vgg16_bn", "VGG-16 with batch norm", "D", True)
vgg19 = _of_vgg("vgg19", "VGG-19", "E")
vgg19_bn = _of_vgg("vgg19_bn", "VGG-19 with batch norm", "E", True)


class Fire(nn.Module):
    """A 1x1 convolution to fewer channels, and a 1x1 and a 3x3 one side by side.

    Args:
        inplanes: channels of the input.
        squeeze_planes: channels between.
        expand1x1_planes, expand3x3_planes: channels of the two results, which are joined.
    """

    def __init__(self, inplanes: int, squeeze_planes: int, expand1x1_planes: int, expand3x3_planes: int):
        super().__init__()
        self.squeeze = nn.Conv2d(inplanes, squeeze_planes, 1)
        self.squeeze_activation = nn.ReLU(inplace=True)
        self.expand1x1 = nn.Conv2d(squeeze_planes, expand1x1_planes, 1)
        self.expand1x1_activation = nn.ReLU(inplace=True)
        self.expand3x3 = nn.Conv2d(squeeze_planes, expand3x3_planes, 3, padding=1)
        self.expand3x3_activation = nn.ReLU(inplace=True)

    def forward(self, x: nt.Tensor) -> nt.Tensor:
        x = self.squeeze_activation(self.squeeze(x))
        parts = [self.expand1x1_activation(self.expand1x1(x)), self.expand3x3_activation(self.expand3x3(x))]
        return nt.cat(parts, 1)


class SqueezeNet(nn.Module):
    """Fire modules: 50 times fewer parameters than AlexNet.

    Args:
        version: ``"1_0"``, or ``"1_1"``, which takes less than half the time.
        num_classes: number of classes.
        dropout: the probability, before the last convolution.

    Raises:
        ValueError: another version.

    Source: Iandola and others, SqueezeNet: AlexNet-level accuracy with 50x fewer parameters (2016).

    >>> from numtorch.vision import models
    >>> models.SqueezeNet("1_1", num_classes=5)(torch.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 5])
    """

    def __init__(self, version: str = "1_0", num_classes: int = 1000, dropout: float = 0.5):
        super().__init__()
        if version not in ("1_0", "1_1"):
            raise ValueError(f"Unsupported SqueezeNet version {version}: 1_0 or 1_1 expected")
        self.num_classes = num_classes
        first = nn.Conv2d(3, 96, 7, 2) if version == "1_0" else nn.Conv2d(3, 64, 3, 2)
        pools = (3, 7) if version == "1_0" else (2, 4)
        widths = [(16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256)]
        layers: list[nn.Module] = [first, nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, ceil_mode=True)]
        before = first.out_channels
        for i, (narrow, wide) in enumerate(widths):
            if i in pools:
                layers.append(nn.MaxPool2d(3, 2, ceil_mode=True))
            layers.append(Fire(before, narrow, wide, wide))
            before = 2 * wide
        self.features = nn.Sequential(*layers)
        last = nn.Conv2d(512, num_classes, 1)
        self.classifier = nn.Sequential(nn.Dropout(dropout), last, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d((1, 1)))
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                if m is last:
                    init.normal_(m.weight, 0.0, 0.01)
                else:
                    init.kaiming_uniform_(m.weight)
                if m.bias is not None:
                    zeros(m.bias)

    def forward(self, x: nt.Tensor) -> nt.Tensor:
        return self.classifier(self.features(x)).flatten(1)


alexnet = builder(
    "alexnet",
    "AlexNet",
    "Krizhevsky, One weird trick for parallelizing convolutional neural networks (2014)",
    AlexNet,
    __name__,
)
IANDOLA = "Iandola and others, SqueezeNet: AlexNet-level accuracy with 50x fewer parameters (2016)"
squeezenet1_0 = builder("squeezenet1_0", "SqueezeNet 1.0", IANDOLA, SqueezeNet, __name__, version="1_0")
squeezenet1_1 = builder("squeezenet1_1", "SqueezeNet 1.1", IANDOLA, SqueezeNet, __name__, version="1_1")
