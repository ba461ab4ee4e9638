"""Residual networks: layers that learn what to add to their input (He, Zhang, Ren and Sun 2015)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numtorch import nn
from numtorch._tensor import Tensor
from numtorch.nn import init
from numtorch.vision.models.builders import builder


def conv3x3(in_planes: int, out_planes: int, stride: int = 1, groups: int = 1, dilation: int = 1) -> nn.Conv2d:
    """A 3x3 convolution that keeps the extents at stride 1."""
    return nn.Conv2d(in_planes, out_planes, 3, stride, dilation, dilation, groups, bias=False)


def conv1x1(in_planes: int, out_planes: int, stride: int = 1) -> nn.Conv2d:
    """A product over the channels."""
    return nn.Conv2d(in_planes, out_planes, 1, stride, bias=False)


class BasicBlock(nn.Module):
    """``relu(bn(conv(relu(bn(conv(x))))) + x)``, with 3x3 convolutions.

    Args:
        inplanes: channels of the input.
        planes: channels of the result.
        stride: of the first convolution.
        downsample: a module that fits x where the shape changes.
        groups: only 1.
        base_width: only 64.
        dilation: only 1.
        norm_layer: makes a norm for a number of channels; ``BatchNorm2d`` if None.

    Raises:
        ValueError: ``groups`` or ``base_width`` is another number.
        NotImplementedError: ``dilation`` is above 1.

    >>> from numtorch.vision.models.resnet import BasicBlock
    >>> BasicBlock(4, 4)(torch.ones(1, 4, 8, 8)).shape
    torch.Size([1, 4, 8, 8])
    """

    expansion = 1  # channels that come out for each of ``planes``

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Callable[..., nn.Module] | None = None,
    ):
        super().__init__()
        norm_layer = norm_layer or nn.BatchNorm2d
        if groups != 1 or base_width != 64:
            raise ValueError(
                f"BasicBlock only supports groups=1 and base_width=64, got groups={groups} and base_width={base_width}"
            )
        if dilation > 1:
            raise NotImplementedError(f"BasicBlock takes no dilation (got {dilation}); ResNets made of Bottleneck do")
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = norm_layer(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = norm_layer(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class Bottleneck(nn.Module):
    """Like ``BasicBlock``, with a 3x3 convolution between two 1x1 ones of four times as many channels.

    The stride is the 3x3 convolution's, as in torchvision ("ResNet v1.5"), not the first 1x1's as in the paper.

    Args:
        inplanes: channels of the input.
        planes: a quarter of the result's channels.
        stride: of the 3x3 convolution.
        downsample: a module that fits x where the shape changes.
        groups: of the 3x3 convolution.
        base_width: channels of the 3x3 convolution for 64 planes, in each group.
        dilation: of the 3x3 convolution.
        norm_layer: makes a norm for a number of channels; ``BatchNorm2d`` if None.

    >>> from numtorch.vision.models.resnet import Bottleneck
    >>> Bottleneck(8, 2)(torch.ones(1, 8, 4, 4)).shape
    torch.Size([1, 8, 4, 4])
    """

    expansion = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Callable[..., nn.Module] | None = None,
    ):
        super().__init__()
        norm_layer = norm_layer or nn.BatchNorm2d
        width = int(planes * (base_width / 64.0)) * groups
        self.conv1 = conv1x1(inplanes, width)
        self.bn1 = norm_layer(width)
        self.conv2 = conv3x3(width, width, stride, groups, dilation)
        self.bn2 = norm_layer(width)
        self.conv3 = conv1x1(width, planes * self.expansion)
        self.bn3 = norm_layer(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class ResNet(nn.Module):
    """(N, 3, H, W) images to (N, num_classes): a 7x7 convolution and pooling, four stages of blocks, a mean, a linear
    layer.

    For small images the first layers are usually replaced, as in the example.

    Args:
        block: ``BasicBlock`` or ``Bottleneck``.
        layers: how many blocks each of the four stages has.
        num_classes: number of classes.
        zero_init_residual: the last norm of each block starts at 0, so that the block starts as the identity.
        groups, width_per_group: of the 3x3 convolutions (ResNeXt, wide ResNet).
        replace_stride_with_dilation: for the last three stages, whether to dilate instead of striding.
        norm_layer: makes a norm for a number of channels; ``BatchNorm2d`` if None.

    Raises:
        ValueError: ``replace_stride_with_dilation`` has not three elements.

    Source: He, Zhang, Ren and Sun, Deep Residual Learning for Image Recognition (2015).

    >>> from numtorch.vision.models.resnet import BasicBlock, ResNet
    >>> net = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=10)
    >>> net.conv1, net.maxpool = torch.nn.Conv2d(3, 64, 3, padding=1, bias=False), torch.nn.Identity()
    >>> net(torch.zeros(2, 3, 8, 8)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        layers: list[int],
        num_classes: int = 1000,
        zero_init_residual: bool = False,
        groups: int = 1,
        width_per_group: int = 64,
        replace_stride_with_dilation: list[bool] | None = None,
        norm_layer: Callable[..., nn.Module] | None = None,
    ):
        super().__init__()
        self._norm_layer = norm_layer or nn.BatchNorm2d
        self.inplanes, self.dilation = 64, 1
        self.groups, self.base_width = groups, width_per_group
        dilate = replace_stride_with_dilation or [False, False, False]
        if len(dilate) != 3:
            raise ValueError(
                f"replace_stride_with_dilation should be None or a 3-element tuple, got {replace_stride_with_dilation}"
            )
        self.conv1 = nn.Conv2d(3, self.inplanes, 7, 2, 3, bias=False)
        self.bn1 = self._norm_layer(self.inplanes)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool: nn.Module = nn.MaxPool2d(3, 2, 1)
        self.layer1 = self._make_layer(block, 64, layers[0])
        self.layer2 = self._make_layer(block, 128, layers[1], 2, dilate[0])
        self.layer3 = self._make_layer(block, 256, layers[2], 2, dilate[1])
        self.layer4 = self._make_layer(block, 512, layers[3], 2, dilate[2])
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        self._reset_parameters(zero_init_residual)

    def _reset_parameters(self, zero_init_residual: bool) -> None:
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(m, nn.BatchNorm2d | nn.GroupNorm) and m.weight is not None and m.bias is not None:
                init.constant_(m.weight, 1)
                init.constant_(m.bias, 0)
        for m in self.modules() if zero_init_residual else ():
            last: Any = m.bn3 if isinstance(m, Bottleneck) else m.bn2 if isinstance(m, BasicBlock) else None
            if last is not None and last.weight is not None:
                init.constant_(last.weight, 0)

    def _make_layer(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        planes: int,
        blocks: int,
        stride: int = 1,
        dilate: bool = False,
    ) -> nn.Sequential:
        """A stage: the first block strides, and takes the channels of the stage before."""
        before = self.dilation
        if dilate:
            self.dilation *= stride
            stride = 1
        out, shared = planes * block.expansion, (self.groups, self.base_width)
        downsample = None
        if stride != 1 or self.inplanes != out:
            downsample = nn.Sequential(conv1x1(self.inplanes, out, stride), self._norm_layer(out))
        layers: list[nn.Module] = [block(self.inplanes, planes, stride, downsample, *shared, before, self._norm_layer)]
        self.inplanes = out
        layers += [block(out, planes, 1, None, *shared, self.dilation, self._norm_layer) for _ in range(1, blocks)]
        return nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


HE = "He, Zhang, Ren and Sun, Deep Residual Learning for Image Recognition (2015)"
XIE = "Xie, Girshick, Dollár, Tu and He, Aggregated Residual Transformations for Deep Neural Networks (2016)"
ZAGORUYKO = "Zagoruyko and Komodakis, Wide Residual Networks (2016)"


def _resnet(name: str, title: str, source: str, block: type[nn.Module], layers: list[int], **own: Any) -> Any:
    return builder(name, title, source, ResNet, __name__, block=block, layers=layers, **own)


resnet18 = _resnet("resnet18", "ResNet-18", HE, BasicBlock, [2, 2, 2, 2])
resnet34 = _resnet("resnet34", "ResNet-34", HE, BasicBlock, [3, 4, 6, 3])
resnet50 = _resnet("resnet50", "ResNet-50", HE, Bottleneck, [3, 4, 6, 3])
resnet101 = _resnet("resnet101", "ResNet-101", HE, Bottleneck, [3, 4, 23, 3])
resnet152 = _resnet("resnet152", "ResNet-152", HE, Bottleneck, [3, 8, 36, 3])
resnext50_32x4d = _resnet(
    "resnext50_32x4d", "ResNeXt-50 32x4d", XIE, Bottleneck, [3, 4, 6, 3], groups=32, width_per_group=4
)
resnext101_32x8d = _resnet(
    "resnext101_32x8d", "ResNeXt-101 32x8d", XIE, Bottleneck, [3, 4, 23, 3], groups=32, width_per_group=8
)
resnext101_64x4d = _resnet(
    "resnext101_64x4d", "ResNeXt-101 64x4d", XIE, Bottleneck, [3, 4, 23, 3], groups=64, width_per_group=4
)
wide_resnet50_2 = _resnet(
    "wide_resnet50_2", "Wide ResNet-50-2", ZAGORUYKO, Bottleneck, [3, 4, 6, 3], width_per_group=128
)
wide_resnet101_2 = _resnet(
    "wide_resnet101_2", "Wide ResNet-101-2", ZAGORUYKO, Bottleneck, [3, 4, 23, 3], width_per_group=128
)
