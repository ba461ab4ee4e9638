# Written by python -m numtorch.stubs; do not edit.

import builtins
from numtorch._tensor import Tensor
from numtorch.nn import functional as functional
from numtorch.nn import init as init
from numtorch.nn import utils as utils
from numtorch.nn.linear_cross_entropy_options import LinearCrossEntropyOptions as LinearCrossEntropyOptions
from numtorch.nn.module import Module as Module
from numtorch.nn.parameter import Buffer as Buffer
from numtorch.nn.parameter import Parameter as Parameter
from numtorch.nn import attention as attention
from numtorch.nn import parallel as parallel
from numtorch.nn.pooling import AdaptiveAvgPool1d as AdaptiveAvgPool1d
from numtorch.nn.pooling import AdaptiveAvgPool2d as AdaptiveAvgPool2d
from numtorch.nn.pooling import AdaptiveAvgPool3d as AdaptiveAvgPool3d
from numtorch.nn.adaptive import AdaptiveLogSoftmaxWithLoss as AdaptiveLogSoftmaxWithLoss
from numtorch.nn.pooling import AdaptiveMaxPool1d as AdaptiveMaxPool1d
from numtorch.nn.pooling import AdaptiveMaxPool2d as AdaptiveMaxPool2d
from numtorch.nn.pooling import AdaptiveMaxPool3d as AdaptiveMaxPool3d
from numtorch.nn.dropout import AlphaDropout as AlphaDropout
from numtorch.nn.pooling import AvgPool1d as AvgPool1d
from numtorch.nn.pooling import AvgPool2d as AvgPool2d
from numtorch.nn.pooling import AvgPool3d as AvgPool3d
from numtorch.nn.loss import BCELoss as BCELoss
from numtorch.nn.loss import BCEWithLogitsLoss as BCEWithLogitsLoss
from numtorch.nn.normalization import BatchNorm1d as BatchNorm1d
from numtorch.nn.normalization import BatchNorm2d as BatchNorm2d
from numtorch.nn.normalization import BatchNorm3d as BatchNorm3d
from numtorch.nn.linear import Bilinear as Bilinear
from numtorch.nn.activation import CELU as CELU
from numtorch.nn.loss import CTCLoss as CTCLoss
from numtorch.nn.upsampling import ChannelShuffle as ChannelShuffle
from numtorch.nn.padding import CircularPad1d as CircularPad1d
from numtorch.nn.padding import CircularPad2d as CircularPad2d
from numtorch.nn.padding import CircularPad3d as CircularPad3d
from numtorch.nn.padding import ConstantPad1d as ConstantPad1d
from numtorch.nn.padding import ConstantPad2d as ConstantPad2d
from numtorch.nn.padding import ConstantPad3d as ConstantPad3d
from numtorch.nn.container import Container as Container
from numtorch.nn.conv import Conv1d as Conv1d
from numtorch.nn.conv import Conv2d as Conv2d
from numtorch.nn.conv import Conv3d as Conv3d
from numtorch.nn.conv import ConvTranspose1d as ConvTranspose1d
from numtorch.nn.conv import ConvTranspose2d as ConvTranspose2d
from numtorch.nn.conv import ConvTranspose3d as ConvTranspose3d
from numtorch.nn.loss import CosineEmbeddingLoss as CosineEmbeddingLoss
from numtorch.nn.distance import CosineSimilarity as CosineSimilarity
from numtorch.nn.loss import CrossEntropyLoss as CrossEntropyLoss
from numtorch.nn.normalization import CrossMapLRN2d as CrossMapLRN2d
from numtorch.nn.data_parallel import DataParallel as DataParallel
from numtorch.nn.dropout import Dropout as Dropout
from numtorch.nn.dropout import Dropout1d as Dropout1d
from numtorch.nn.dropout import Dropout2d as Dropout2d
from numtorch.nn.dropout import Dropout3d as Dropout3d
from numtorch.nn.activation import ELU as ELU
from numtorch.nn.sparse import Embedding as Embedding
from numtorch.nn.sparse import EmbeddingBag as EmbeddingBag
from numtorch.nn.dropout import FeatureAlphaDropout as FeatureAlphaDropout
from numtorch.nn.flatten import Flatten as Flatten
from numtorch.nn.upsampling import Fold as Fold
from numtorch.nn.pooling import FractionalMaxPool2d as FractionalMaxPool2d
from numtorch.nn.pooling import FractionalMaxPool3d as FractionalMaxPool3d
from numtorch.nn.activation import GELU as GELU
from numtorch.nn.activation import GLU as GLU
from numtorch.nn.rnn import GRU as GRU
from numtorch.nn.rnn import GRUCell as GRUCell
from numtorch.nn.loss import GaussianNLLLoss as GaussianNLLLoss
from numtorch.nn.normalization import GroupNorm as GroupNorm
from numtorch.nn.activation import Hardshrink as Hardshrink
from numtorch.nn.activation import Hardsigmoid as Hardsigmoid
from numtorch.nn.activation import Hardswish as Hardswish
from numtorch.nn.activation import Hardtanh as Hardtanh
from numtorch.nn.loss import HuberLoss as HuberLoss
from numtorch.nn.linear import Identity as Identity
from numtorch.nn.normalization import InstanceNorm1d as InstanceNorm1d
from numtorch.nn.normalization import InstanceNorm2d as InstanceNorm2d
from numtorch.nn.normalization import InstanceNorm3d as InstanceNorm3d
from numtorch.nn.loss import KLDivLoss as KLDivLoss
from numtorch.nn.loss import L1Loss as L1Loss
from numtorch.nn.pooling import LPPool1d as LPPool1d
from numtorch.nn.pooling import LPPool2d as LPPool2d
from numtorch.nn.pooling import LPPool3d as LPPool3d
from numtorch.nn.rnn import LSTM as LSTM
from numtorch.nn.rnn import LSTMCell as LSTMCell
from numtorch.nn.normalization import LayerNorm as LayerNorm
from numtorch.nn.lazy import LazyBatchNorm1d as LazyBatchNorm1d
from numtorch.nn.lazy import LazyBatchNorm2d as LazyBatchNorm2d
from numtorch.nn.lazy import LazyBatchNorm3d as LazyBatchNorm3d
from numtorch.nn.lazy import LazyConv1d as LazyConv1d
from numtorch.nn.lazy import LazyConv2d as LazyConv2d
from numtorch.nn.lazy import LazyConv3d as LazyConv3d
from numtorch.nn.lazy import LazyConvTranspose1d as LazyConvTranspose1d
from numtorch.nn.lazy import LazyConvTranspose2d as LazyConvTranspose2d
from numtorch.nn.lazy import LazyConvTranspose3d as LazyConvTranspose3d
from numtorch.nn.lazy import LazyInstanceNorm1d as LazyInstanceNorm1d
from numtorch.nn.lazy import LazyInstanceNorm2d as LazyInstanceNorm2d
from numtorch.nn.lazy import LazyInstanceNorm3d as LazyInstanceNorm3d
from numtorch.nn.lazy import LazyLinear as LazyLinear
from numtorch.nn.activation import LeakyReLU as LeakyReLU
from numtorch.nn.linear import Linear as Linear
from numtorch.nn.loss import LinearCrossEntropyLoss as LinearCrossEntropyLoss
from numtorch.nn.normalization import LocalResponseNorm as LocalResponseNorm
from numtorch.nn.activation import LogSigmoid as LogSigmoid
from numtorch.nn.activation import LogSoftmax as LogSoftmax
from numtorch.nn.loss import MSELoss as MSELoss
from numtorch.nn.loss import MarginRankingLoss as MarginRankingLoss
from numtorch.nn.pooling import MaxPool1d as MaxPool1d
from numtorch.nn.pooling import MaxPool2d as MaxPool2d
from numtorch.nn.pooling import MaxPool3d as MaxPool3d
from numtorch.nn.pooling import MaxUnpool1d as MaxUnpool1d
from numtorch.nn.pooling import MaxUnpool2d as MaxUnpool2d
from numtorch.nn.pooling import MaxUnpool3d as MaxUnpool3d
from numtorch.nn.activation import Mish as Mish
from numtorch.nn.container import ModuleDict as ModuleDict
from numtorch.nn.container import ModuleList as ModuleList
from numtorch.nn.multihead_attention import MultiheadAttention as MultiheadAttention
from numtorch.nn.loss import NLLLoss as NLLLoss
from numtorch.nn.loss import NLLLoss2d as NLLLoss2d
from numtorch.nn.activation import PReLU as PReLU
from numtorch.nn.distance import PairwiseDistance as PairwiseDistance
from numtorch.nn.container import ParameterDict as ParameterDict
from numtorch.nn.container import ParameterList as ParameterList
from numtorch.nn.upsampling import PixelShuffle as PixelShuffle
from numtorch.nn.upsampling import PixelUnshuffle as PixelUnshuffle
from numtorch.nn.normalization import RMSNorm as RMSNorm
from numtorch.nn.rnn import RNN as RNN
from numtorch.nn.rnn import RNNBase as RNNBase
from numtorch.nn.rnn import RNNCell as RNNCell
from numtorch.nn.rnn import RNNCellBase as RNNCellBase
from numtorch.nn.activation import RReLU as RReLU
from numtorch.nn.activation import ReLU as ReLU
from numtorch.nn.activation import ReLU6 as ReLU6
from numtorch.nn.padding import ReflectionPad1d as ReflectionPad1d
from numtorch.nn.padding import ReflectionPad2d as ReflectionPad2d
from numtorch.nn.padding import ReflectionPad3d as ReflectionPad3d
from numtorch.nn.padding import ReplicationPad1d as ReplicationPad1d
from numtorch.nn.padding import ReplicationPad2d as ReplicationPad2d
from numtorch.nn.padding import ReplicationPad3d as ReplicationPad3d
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
from numtorch.nn.normalization import SyncBatchNorm as SyncBatchNorm
from numtorch.nn.activation import Tanh as Tanh
from numtorch.nn.activation import Tanhshrink as Tanhshrink
from numtorch.nn.activation import Threshold as Threshold
from numtorch.nn.transformer import Transformer as Transformer
from numtorch.nn.transformer import TransformerDecoder as TransformerDecoder
from numtorch.nn.transformer import TransformerDecoderLayer as TransformerDecoderLayer
from numtorch.nn.transformer import TransformerEncoder as TransformerEncoder
from numtorch.nn.transformer import TransformerEncoderLayer as TransformerEncoderLayer
from numtorch.nn.loss import TripletMarginLoss as TripletMarginLoss
from numtorch.nn.loss import TripletMarginWithDistanceLoss as TripletMarginWithDistanceLoss
from numtorch.nn.flatten import Unflatten as Unflatten
from numtorch.nn.upsampling import Unfold as Unfold
from numtorch.nn.parameter import UninitializedBuffer as UninitializedBuffer
from numtorch.nn.parameter import UninitializedParameter as UninitializedParameter
from numtorch.nn.upsampling import Upsample as Upsample
from numtorch.nn.upsampling import UpsamplingBilinear2d as UpsamplingBilinear2d
from numtorch.nn.upsampling import UpsamplingNearest2d as UpsamplingNearest2d
from numtorch.nn.padding import ZeroPad1d as ZeroPad1d
from numtorch.nn.padding import ZeroPad2d as ZeroPad2d
from numtorch.nn.padding import ZeroPad3d as ZeroPad3d


class HingeEmbeddingLoss(Module):
    """The input where the target is 1, ``max(0, margin - input)`` where it is -1."""
    def __init__(self, margin: builtins.float = ..., size_average: builtins.bool | None = ..., reduce: builtins.bool | None = ..., reduction: str = ...) -> None: ...
    def forward(self, input: Tensor, target: Tensor) -> Tensor: ...
class MultiLabelMarginLoss(Module):
    """``sum of max(0, 1 - (input[t] - input[i])) / C`` over the target classes t and all other classes i."""
    def __init__(self, size_average: builtins.bool | None = ..., reduce: builtins.bool | None = ..., reduction: str = ...) -> None: ...
    def forward(self, input: Tensor, target: Tensor) -> Tensor: ...
class MultiLabelSoftMarginLoss(Module):
    """The mean over the classes of the binary cross entropy of ``sigmoid(input)``."""
    def __init__(self, weight: Tensor | None = ..., size_average: builtins.bool | None = ..., reduce: builtins.bool | None = ..., reduction: str = ...) -> None: ...
    def forward(self, input: Tensor, target: Tensor) -> Tensor: ...
class MultiMarginLoss(Module):
    """``sum over j != t of weight[t] * max(0, margin - x[t] + x[j]) ** p / C`` for scores ``x`` and class ``t``."""
    def __init__(self, p: builtins.int = ..., margin: builtins.float = ..., weight: Tensor | None = ..., size_average: builtins.bool | None = ..., reduce: builtins.bool | None = ..., reduction: str = ...) -> None: ...
    def forward(self, input: Tensor, target: Tensor) -> Tensor: ...
class PoissonNLLLoss(Module):
    """``exp(input) - target * input``: the negative log-likelihood of counts, but for a constant."""
    def __init__(self, log_input: builtins.bool = ..., full: builtins.bool = ..., size_average: builtins.bool | None = ..., eps: builtins.float = ..., reduce: builtins.bool | None = ..., reduction: str = ...) -> None: ...
    def forward(self, input: Tensor, target: Tensor) -> Tensor: ...
class SoftMarginLoss(Module):
    """``log(1 + exp(-target * input))``: the logistic loss."""
    def __init__(self, size_average: builtins.bool | None = ..., reduce: builtins.bool | None = ..., reduction: str = ...) -> None: ...
    def forward(self, input: Tensor, target: Tensor) -> Tensor: ...
