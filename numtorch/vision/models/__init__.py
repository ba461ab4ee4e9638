"""Well-known architectures, with torchvision's names and state-dict keys. No weights are included.

To add one, write a module with the block, the network and a function for each size, and export it here.
"""

from typing import TYPE_CHECKING

from numtorch import absent
from numtorch.vision.models.resnet import ResNet as ResNet
from numtorch.vision.models.resnet import resnet18 as resnet18
from numtorch.vision.models.resnet import resnet34 as resnet34
from numtorch.vision.models.resnet import resnet50 as resnet50
from numtorch.vision.models.resnet import resnet101 as resnet101
from numtorch.vision.models.resnet import resnet152 as resnet152

if not TYPE_CHECKING:
    __getattr__, __dir__ = absent.answers(__name__)
