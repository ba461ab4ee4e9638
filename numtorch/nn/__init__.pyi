# Written by python -m numtorch.stubs; do not edit.

import builtins
from numtorch._tensor import Tensor
from numtorch.nn import functional as functional
from numtorch.nn import init as init
from numtorch.nn import utils as utils
from numtorch.nn.module import Module as Module
from numtorch.nn.parameter import Buffer as Buffer
from numtorch.nn.parameter import Parameter as Parameter
from numtorch.nn.pooling import AdaptiveAvgPool1d as AdaptiveAvgPool1d
from numtorch.nn.pooling import AdaptiveAvgPool2d as AdaptiveAvgPool2d
from numtorch.nn.pooling import AvgPool1d as AvgPool1d
from numtorch.nn.pooling import AvgPool2d as AvgPool2d
from numtorch.nn.loss import BCELoss as BCELoss
from numtorch.nn.loss import BCEWithLogitsLoss as BCEWithLogitsLoss
from numtorch.nn.normalization import BatchNorm1d as BatchNorm1d
from numtorch.nn.normalization import BatchNorm2d as BatchNorm2d
from numtorch.nn.normalization import BatchNorm3d as BatchNorm3d
from numtorch.nn.linear import Bilinear as Bilinear
from numtorch.nn.activation import CELU as CELU
from numtorch.nn.conv import Conv1d as Conv1d
from numtorch.nn.conv import Conv2d as Conv2d
from numtorch.nn.conv import Conv3d as Conv3d
from numtorch.nn.conv import ConvTranspose1d as ConvTranspose1d
from numtorch.nn.conv import ConvTranspose2d as ConvTranspose2d
from numtorch.nn.conv import ConvTranspose3d as ConvTranspose3d
from numtorch.nn.loss import CrossEntropyLoss as CrossEntropyLoss
from numtorch.nn.dropout import Dropout as Dropout
from numtorch.nn.dropout import Dropout1d as Dropout1d
from numtorch.nn.dropout import Dropout2d as Dropout2d
from numtorch.nn.activation import ELU as ELU
from numtorch.nn.sparse import Embedding as Embedding
from numtorch.nn.flatten import Flatten as Flatten
from numtorch.nn.activation import GELU as GELU
from numtorch.nn.activation import GLU as GLU
from numtorch.nn.normalization import GroupNorm as GroupNorm
from numtorch.nn.activation import Hardshrink as Hardshrink
from numtorch.nn.activation import Hardsigmoid as Hardsigmoid
from numtorch.nn.activation import Hardswish as Hardswish
from numtorch.nn.activation import Hardtanh as Hardtanh
from numtorch.nn.loss import HuberLoss as HuberLoss
from numtorch.nn.linear import Identity as Identity
from numtorch.nn.loss import KLDivLoss as KLDivLoss
from numtorch.nn.loss import L1Loss as L1Loss
from numtorch.nn.normalization import LayerNorm as LayerNorm
from numtorch.nn.activation import LeakyReLU as LeakyReLU
from numtorch.nn.linear import Linear as Linear
from numtorch.nn.activation import LogSigmoid as LogSigmoid
from numtorch.nn.activation import LogSoftmax as LogSoftmax
from numtorch.nn.loss import MSELoss as MSELoss
from numtorch.nn.pooling import MaxPool1d as MaxPool1d
from numtorch.nn.pooling import MaxPool2d as MaxPool2d
from numtorch.nn.activation import Mish as Mish
from numtorch.nn.container import ModuleDict as ModuleDict
from numtorch.nn.container import ModuleList as ModuleList
from numtorch.nn.loss import NLLLoss as NLLLoss
from numtorch.nn.activation import PReLU as PReLU
from numtorch.nn.container import ParameterDict as ParameterDict
from numtorch.nn.container import ParameterList as ParameterList
from numtorch.nn.normalization import RMSNorm as RMSNorm
from numtorch.nn.activation import ReLU as ReLU
from numtorch.nn.activation import ReLU6 as ReLU6
from numtorch.nn.activation import SELU as SELU
from numtorch.nn.container import Sequential as Sequential
from numtorch.nn.activation import SiLU as SiLU
from numtorch.nn.activation import Sigmoid as Sigmoid
from numtorch.nn.loss import SmoothL1Loss as SmoothL1Loss
from numtorch.nn.activation import Softmax as Softmax
from numtorch.nn.activation import Softmax2d as Softmax2d
from numtorch.nn.activation import Softmin as Softmin
from numtorch.nn.activation import Softplus as Softplus
from numtorch.nn.activation import Softshrink as Softshrink
from numtorch.nn.activation import Softsign as Softsign
from numtorch.nn.activation import Tanh as Tanh
from numtorch.nn.activation import Tanhshrink as Tanhshrink
from numtorch.nn.activation import Threshold as Threshold
from numtorch.nn.flatten import Unflatten as Unflatten


class MultiMarginLoss(Module):
    """``sum over j != t of weight[t] * max(0, margin - x[t] + x[j]) ** p / C`` for scores ``x`` and class ``t``."""
    def __init__(self, p: builtins.int = ..., margin: builtins.float = ..., weight: Tensor | None = ..., size_average: builtins.bool | None = ..., reduce: builtins.bool | None = ..., reduction: str = ...) -> None: ...
    def forward(self, input: Tensor, target: Tensor) -> Tensor: ...
