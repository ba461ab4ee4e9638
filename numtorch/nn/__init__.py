"""Layers, containers, losses and initialisation under torch.nn's names.

One file for each family of layers; ``module.py`` is what all share, ``functional.py`` what they compute.
A new layer: a short class whose ``forward`` calls ops, exported here, with a row in ``tests/nn``.
"""

from numtorch.nn import functional as functional
from numtorch.nn import init as init
from numtorch.nn import utils as utils
from numtorch.nn.activation import (
    CELU as CELU,
    ELU as ELU,
    GELU as GELU,
    GLU as GLU,
    Hardshrink as Hardshrink,
    Hardsigmoid as Hardsigmoid,
    Hardswish as Hardswish,
    Hardtanh as Hardtanh,
    LeakyReLU as LeakyReLU,
    LogSigmoid as LogSigmoid,
    LogSoftmax as LogSoftmax,
    Mish as Mish,
    PReLU as PReLU,
    ReLU as ReLU,
    ReLU6 as ReLU6,
    SELU as SELU,
    Sigmoid as Sigmoid,
    SiLU as SiLU,
    Softmax as Softmax,
    Softmax2d as Softmax2d,
    Softmin as Softmin,
    Softplus as Softplus,
    Softshrink as Softshrink,
    Softsign as Softsign,
    Tanh as Tanh,
    Tanhshrink as Tanhshrink,
    Threshold as Threshold,
)
from numtorch.nn.container import (
    ModuleDict as ModuleDict,
    ModuleList as ModuleList,
    ParameterDict as ParameterDict,
    ParameterList as ParameterList,
    Sequential as Sequential,
)
from numtorch.nn.conv import Conv1d as Conv1d
from numtorch.nn.conv import Conv2d as Conv2d
from numtorch.nn.conv import ConvTranspose2d as ConvTranspose2d
from numtorch.nn.dropout import (
    Dropout as Dropout,
    Dropout1d as Dropout1d,
    Dropout2d as Dropout2d,
)
from numtorch.nn.flatten import Flatten as Flatten
from numtorch.nn.flatten import Unflatten as Unflatten
from numtorch.nn.linear import Bilinear as Bilinear
from numtorch.nn.linear import Identity as Identity
from numtorch.nn.linear import Linear as Linear
from numtorch.nn.loss import (
    BCELoss as BCELoss,
    BCEWithLogitsLoss as BCEWithLogitsLoss,
    CrossEntropyLoss as CrossEntropyLoss,
    HuberLoss as HuberLoss,
    KLDivLoss as KLDivLoss,
    L1Loss as L1Loss,
    MSELoss as MSELoss,
    NLLLoss as NLLLoss,
    SmoothL1Loss as SmoothL1Loss,
)
from numtorch.nn.module import Module as Module
from numtorch.nn.normalization import (
    BatchNorm1d as BatchNorm1d,
    BatchNorm2d as BatchNorm2d,
    BatchNorm3d as BatchNorm3d,
    GroupNorm as GroupNorm,
    LayerNorm as LayerNorm,
    RMSNorm as RMSNorm,
)
from numtorch.nn.parameter import Buffer as Buffer
from numtorch.nn.parameter import Parameter as Parameter
from numtorch.nn.pooling import (
    AdaptiveAvgPool1d as AdaptiveAvgPool1d,
    AdaptiveAvgPool2d as AdaptiveAvgPool2d,
    AvgPool1d as AvgPool1d,
    AvgPool2d as AvgPool2d,
    MaxPool1d as MaxPool1d,
    MaxPool2d as MaxPool2d,
)
