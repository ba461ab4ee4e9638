"""Well-known architectures, with torchvision's names and state-dict keys, and the enumerations of published weights.

    builders.py    models by their names
    weights.py     published weights (weights.txt, imagenet_classes.txt), and how images are prepared for them
    classic.py resnet.py densenet.py inception.py mobile.py regnet.py swin.py transformers.py    the architectures

No weights are shipped. ``weights=`` takes the path of a file, or a member of an enumeration, whose file is looked for
in the cache of ``numtorch.hub``. To add a model, write its network, call ``builder`` for each size, and export both
here.
"""

from typing import TYPE_CHECKING

from numtorch import absent
from numtorch.vision.models.builders import get_model as get_model
from numtorch.vision.models.builders import get_model_builder as get_model_builder
from numtorch.vision.models.builders import get_model_weights as get_model_weights
from numtorch.vision.models.builders import get_weight as get_weight
from numtorch.vision.models.builders import list_models as list_models
from numtorch.vision.models.classic import VGG as VGG
from numtorch.vision.models.classic import AlexNet as AlexNet
from numtorch.vision.models.classic import SqueezeNet as SqueezeNet
from numtorch.vision.models.classic import alexnet as alexnet
from numtorch.vision.models.classic import squeezenet1_0 as squeezenet1_0
from numtorch.vision.models.classic import squeezenet1_1 as squeezenet1_1
from numtorch.vision.models.classic import vgg11 as vgg11
from numtorch.vision.models.classic import vgg11_bn as vgg11_bn
from numtorch.vision.models.classic import vgg13 as vgg13
from numtorch.vision.models.classic import vgg13_bn as vgg13_bn
from numtorch.vision.models.classic import vgg16 as vgg16
from numtorch.vision.models.classic import vgg16_bn as vgg16_bn
from numtorch.vision.models.classic import vgg19 as vgg19
from numtorch.vision.models.classic import vgg19_bn as vgg19_bn
from numtorch.vision.models.densenet import DenseNet as DenseNet
from numtorch.vision.models.densenet import densenet121 as densenet121
from numtorch.vision.models.densenet import densenet161 as densenet161
from numtorch.vision.models.densenet import densenet169 as densenet169
from numtorch.vision.models.densenet import densenet201 as densenet201
from numtorch.vision.models.inception import GoogLeNet as GoogLeNet
from numtorch.vision.models.inception import GoogLeNetOutputs as GoogLeNetOutputs
from numtorch.vision.models.inception import Inception3 as Inception3
from numtorch.vision.models.inception import InceptionOutputs as InceptionOutputs
from numtorch.vision.models.inception import googlenet as googlenet
from numtorch.vision.models.inception import inception_v3 as inception_v3
from numtorch.vision.models.mobile import EfficientNet as EfficientNet
from numtorch.vision.models.mobile import MNASNet as MNASNet
from numtorch.vision.models.mobile import MobileNetV2 as MobileNetV2
from numtorch.vision.models.mobile import MobileNetV3 as MobileNetV3
from numtorch.vision.models.mobile import efficientnet_b0 as efficientnet_b0
from numtorch.vision.models.mobile import efficientnet_b1 as efficientnet_b1
from numtorch.vision.models.mobile import efficientnet_b2 as efficientnet_b2
from numtorch.vision.models.mobile import efficientnet_b3 as efficientnet_b3
from numtorch.vision.models.mobile import efficientnet_b4 as efficientnet_b4
from numtorch.vision.models.mobile import efficientnet_b5 as efficientnet_b5
from numtorch.vision.models.mobile import efficientnet_b6 as efficientnet_b6
from numtorch.vision.models.mobile import efficientnet_b7 as efficientnet_b7
from numtorch.vision.models.mobile import efficientnet_v2_l as efficientnet_v2_l
from numtorch.vision.models.mobile import efficientnet_v2_m as efficientnet_v2_m
from numtorch.vision.models.mobile import efficientnet_v2_s as efficientnet_v2_s
from numtorch.vision.models.mobile import mnasnet0_5 as mnasnet0_5
from numtorch.vision.models.mobile import mnasnet0_75 as mnasnet0_75
from numtorch.vision.models.mobile import mnasnet1_0 as mnasnet1_0
from numtorch.vision.models.mobile import mnasnet1_3 as mnasnet1_3
from numtorch.vision.models.mobile import mobilenet_v2 as mobilenet_v2
from numtorch.vision.models.mobile import mobilenet_v3_large as mobilenet_v3_large
from numtorch.vision.models.mobile import mobilenet_v3_small as mobilenet_v3_small
from numtorch.vision.models.regnet import RegNet as RegNet
from numtorch.vision.models.regnet import ShuffleNetV2 as ShuffleNetV2
from numtorch.vision.models.regnet import regnet_x_1_6gf as regnet_x_1_6gf
from numtorch.vision.models.regnet import regnet_x_3_2gf as regnet_x_3_2gf
from numtorch.vision.models.regnet import regnet_x_8gf as regnet_x_8gf
from numtorch.vision.models.regnet import regnet_x_16gf as regnet_x_16gf
from numtorch.vision.models.regnet import regnet_x_32gf as regnet_x_32gf
from numtorch.vision.models.regnet import regnet_x_400mf as regnet_x_400mf
from numtorch.vision.models.regnet import regnet_x_800mf as regnet_x_800mf
from numtorch.vision.models.regnet import regnet_y_1_6gf as regnet_y_1_6gf
from numtorch.vision.models.regnet import regnet_y_3_2gf as regnet_y_3_2gf
from numtorch.vision.models.regnet import regnet_y_8gf as regnet_y_8gf
from numtorch.vision.models.regnet import regnet_y_16gf as regnet_y_16gf
from numtorch.vision.models.regnet import regnet_y_32gf as regnet_y_32gf
from numtorch.vision.models.regnet import regnet_y_128gf as regnet_y_128gf
from numtorch.vision.models.regnet import regnet_y_400mf as regnet_y_400mf
from numtorch.vision.models.regnet import regnet_y_800mf as regnet_y_800mf
from numtorch.vision.models.regnet import shufflenet_v2_x0_5 as shufflenet_v2_x0_5
from numtorch.vision.models.regnet import shufflenet_v2_x1_0 as shufflenet_v2_x1_0
from numtorch.vision.models.regnet import shufflenet_v2_x1_5 as shufflenet_v2_x1_5
from numtorch.vision.models.regnet import shufflenet_v2_x2_0 as shufflenet_v2_x2_0
from numtorch.vision.models.resnet import ResNet as ResNet
from numtorch.vision.models.resnet import resnet18 as resnet18
from numtorch.vision.models.resnet import resnet34 as resnet34
from numtorch.vision.models.resnet import resnet50 as resnet50
from numtorch.vision.models.resnet import resnet101 as resnet101
from numtorch.vision.models.resnet import resnet152 as resnet152
from numtorch.vision.models.resnet import resnext50_32x4d as resnext50_32x4d
from numtorch.vision.models.resnet import resnext101_32x8d as resnext101_32x8d
from numtorch.vision.models.resnet import resnext101_64x4d as resnext101_64x4d
from numtorch.vision.models.resnet import wide_resnet50_2 as wide_resnet50_2
from numtorch.vision.models.resnet import wide_resnet101_2 as wide_resnet101_2
from numtorch.vision.models.swin import SwinTransformer as SwinTransformer
from numtorch.vision.models.swin import swin_b as swin_b
from numtorch.vision.models.swin import swin_s as swin_s
from numtorch.vision.models.swin import swin_t as swin_t
from numtorch.vision.models.swin import swin_v2_b as swin_v2_b
from numtorch.vision.models.swin import swin_v2_s as swin_v2_s
from numtorch.vision.models.swin import swin_v2_t as swin_v2_t
from numtorch.vision.models.transformers import ConvNeXt as ConvNeXt
from numtorch.vision.models.transformers import VisionTransformer as VisionTransformer
from numtorch.vision.models.transformers import convnext_base as convnext_base
from numtorch.vision.models.transformers import convnext_large as convnext_large
from numtorch.vision.models.transformers import convnext_small as convnext_small
from numtorch.vision.models.transformers import convnext_tiny as convnext_tiny
from numtorch.vision.models.transformers import vit_b_16 as vit_b_16
from numtorch.vision.models.transformers import vit_b_32 as vit_b_32
from numtorch.vision.models.transformers import vit_h_14 as vit_h_14
from numtorch.vision.models.transformers import vit_l_16 as vit_l_16
from numtorch.vision.models.transformers import vit_l_32 as vit_l_32
from numtorch.vision.models.weights import ENUMERATIONS as _ENUMERATIONS
from numtorch.vision.models.weights import Weights as Weights
from numtorch.vision.models.weights import WeightsEnum as WeightsEnum

if TYPE_CHECKING:
    from numtorch.vision.models.published import *  # noqa: F403 - a stub, of what the next lines make
else:
    globals().update(_ENUMERATIONS)
    __getattr__, __dir__ = absent.answers(__name__)
