"""Lazy layers: they learn from their first input how many features or channels come in."""

from __future__ import annotations

from typing import Any

from numtorch._tensor import Tensor
from numtorch.nn.conv import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d, _ConvNd
from numtorch.nn.linear import Linear
from numtorch.nn.module import Module
from numtorch.nn.normalization import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
    _NormBase,
)
from numtorch.nn.parameter import UninitializedBuffer, UninitializedParameter, is_lazy
from numtorch.ops.creation import tensor


class _Lazy(Module):
    """What lazy layers share: before the first ``forward`` they learn shapes, and become the layer they stand for."""

    cls_to_become: Any
    text: str  # about the layers of a family

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.__doc__ is None and "cls_to_become" in vars(cls):  # that of its family serves
            name = cls.cls_to_become.__name__
            cls.__doc__ = cls.text.format(becomes=name, sizes=", 5" * int(name[-2]))

    def _begin(self) -> None:
        self._load_hook = self._register_load_state_dict_pre_hook(self._lazy_load)
        self._initialize_hook = self.register_forward_pre_hook(_infer, with_kwargs=True)

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or buffer has no shape yet.

        >>> torch.nn.LazyLinear(2).has_uninitialized_params()
        True
        """
        return any(is_lazy(t) for t in (*self._parameters.values(), *self._buffers.values()))

    def initialize_parameters(self, input: Tensor) -> None:
        """Give all parameters and buffers the shapes that an input asks for.

        Args:
            input: as ``forward`` takes it.

        Raises:
            NotImplementedError: the class says no shapes.

        >>> layer = torch.nn.LazyLinear(2)
        >>> layer.initialize_parameters(torch.zeros(5, 3))
        >>> layer.weight.shape
        torch.Size([2, 3])
        """
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def _lazy_load(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        for name, own in (*self._parameters.items(), *self._buffers.items()):
            given = state_dict.get(prefix + name)
            if is_lazy(own) and given is not None and not is_lazy(given):
                own.materialize(given.shape)  # type: ignore[union-attr]

    def reset_parameters(self) -> None:
        """Draw the parameters anew, once they have shapes.

        >>> torch.nn.LazyLinear(2).reset_parameters()
        """
        if not self.has_uninitialized_params():
            super().reset_parameters()  # type: ignore[misc]


def _infer(module: Any, args: tuple, kwargs: dict) -> None:
    if module.has_uninitialized_params():
        module.initialize_parameters(*args, **kwargs)
        if module.has_uninitialized_params():
            raise RuntimeError(f"module {type(module).__name__} has not been fully initialized")
    module._initialize_hook.remove()
    module._load_hook.remove()
    del module._initialize_hook, module._load_hook
    module.__class__ = module.cls_to_become


class LazyLinear(_Lazy, Linear):
    """A ``Linear`` that learns ``in_features`` from its first input.

    Args:
        out_features: size of the result's last dimension.
        bias: add a learnt number to each output.
        device: where the parameters are made; the CPU by default.
        dtype: of the parameters; the default dtype if None.

    Shape: (..., in_features) to (..., out_features).

    See https://pytorch.org/docs/stable/generated/torch.nn.LazyLinear.html

    >>> layer = torch.nn.LazyLinear(4)
    >>> layer(torch.zeros(2, 3)).shape, type(layer).__name__
    (torch.Size([2, 4]), 'Linear')
    """

    cls_to_become = Linear

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None):
        Module.__init__(self)
        self.in_features, self.out_features = 0, out_features
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.bias = UninitializedParameter(device=device, dtype=dtype) if bias else None
        self._begin()

    def initialize_parameters(self, input: Tensor) -> None:
        if self.has_uninitialized_params():
            self.in_features = input.shape[-1]
            self.weight.materialize((self.out_features, self.in_features))  # type: ignore[attr-defined]
            if self.bias is not None:
                self.bias.materialize((self.out_features,))  # type: ignore[attr-defined]
            Linear.reset_parameters(self)


class _LazyConvNd(_Lazy):
    def _lazy(self: Any, out_channels: int, groups: int, bias: bool, device: Any, dtype: Any) -> None:
        """Have no shapes yet."""
        self.out_channels, self.groups = out_channels, groups
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.bias = UninitializedParameter(device=device, dtype=dtype) if bias else None
        self._begin()

    def reset_parameters(self: Any) -> None:
        if not self.has_uninitialized_params() and self.in_channels != 0:
            _ConvNd.reset_parameters(self)

    def initialize_parameters(self: Any, input: Tensor) -> None:
        if not self.has_uninitialized_params():
            return
        if input.ndim not in (self.dims + 1, self.dims + 2):
            raise RuntimeError(
                f"Expected {self.dims + 1}D (unbatched) or {self.dims + 2}D (batched) input to {type(self).__name__}, "
                f"but got input of size: {input.shape}"
            )
        self.in_channels = input.shape[-self.dims - 1]
        if self.in_channels % self.groups:
            raise ValueError("in_channels must be divisible by groups")
        own, other = self.in_channels, self.out_channels
        channels = (own, other // self.groups) if self.transposed else (other, own // self.groups)
        self.weight.materialize((*channels, *self.kernel_size))
        if self.bias is not None:
            self.bias.materialize((self.out_channels,))
        self.reset_parameters()


class _LazyConv(_LazyConvNd):
    text = """A ``{becomes}`` that learns ``in_channels`` from its first input.

    Args:
        out_channels: channels of the result.
        kernel_size: size of the window.
        stride: step of the window.
        padding: what is added at both ends.
        dilation: distance between the window's elements.
        groups: how many groups of channels there are.
        bias: add a learnt number to each channel.
        padding_mode: with what is padded, as of ``{becomes}``.
        device: where the parameters are made; the CPU by default.
        dtype: of the parameters; the default dtype if None.

    Shape: as of ``{becomes}``.

    >>> layer = torch.nn.Lazy{becomes}(4, 3)
    >>> layer(torch.zeros(2, 3{sizes})).shape[1], type(layer).__name__
    (4, '{becomes}')
    """

    def __init__(
        self: Any,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ):
        Module.__init__(self)
        self.cls_to_become.__init__(
            self, 0, 0, kernel_size, stride, padding, dilation, 1, False, padding_mode, device, dtype
        )
        self._lazy(out_channels, groups, bias, device, dtype)


class _LazyConvTranspose(_LazyConvNd):
    text = """A ``{becomes}`` that learns ``in_channels`` from its first input.

    Args:
        out_channels: channels of the result.
        kernel_size: size of the window.
        stride: step of the window.
        padding: what is added at both ends.
        output_padding: added to the size of the result.
        groups: how many groups of channels there are.
        bias: add a learnt number to each channel.
        dilation: distance between the window's elements.
        padding_mode: with what is padded, as of ``{becomes}``.
        device: where the parameters are made; the CPU by default.
        dtype: of the parameters; the default dtype if None.

    Shape: as of ``{becomes}``.

    >>> layer = torch.nn.Lazy{becomes}(4, 3)
    >>> layer(torch.zeros(2, 3{sizes})).shape[1], type(layer).__name__
    (4, '{becomes}')
    """

    def __init__(
        self: Any,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ):
        Module.__init__(self)
        self.cls_to_become.__init__(
            self, 0, 0, kernel_size, stride, padding, output_padding, 1, False, dilation, padding_mode, device, dtype
        )
        self._lazy(out_channels, groups, bias, device, dtype)


class _LazyNorm(_Lazy):
    text = """A ``{becomes}`` that learns ``num_features`` from its first input.

    Args:
        eps: added to the variance.
        momentum: weight of a new batch in the running averages.
        affine: learn ``weight`` and ``bias``.
        track_running_stats: keep running averages.
        device: where parameters and buffers are made; the CPU by default.
        dtype: of parameters and buffers; the default dtype if None.
        bias: learn ``bias``, where ``affine``.

    Shape: as of ``{becomes}``.

    >>> layer = torch.nn.Lazy{becomes}()
    >>> layer(torch.ones(2, 3{sizes})).shape[1], type(layer).__name__
    (3, '{becomes}')
    """

    alone = False

    def __init__(
        self: Any,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        Module.__init__(self)
        tracks = track_running_stats
        self.num_features, self.eps, self.momentum = 0, eps, momentum
        self.affine, self.track_running_stats = affine, tracks
        self.weight = UninitializedParameter(device=device, dtype=dtype) if affine else None
        self.bias = UninitializedParameter(device=device, dtype=dtype) if affine and bias else None
        for name in ("running_mean", "running_var"):
            self.register_buffer(name, UninitializedBuffer(device=device, dtype=dtype) if tracks else None)
        self.register_buffer("num_batches_tracked", tensor(0, device=device) if tracks else None)
        self._begin()

    def reset_parameters(self: Any) -> None:
        if not self.has_uninitialized_params() and self.num_features != 0:
            _NormBase.reset_parameters(self)

    def initialize_parameters(self: Any, input: Tensor) -> None:
        if not self.has_uninitialized_params():
            return
        self.num_features = input.shape[0 if self.alone and input.ndim == self.ranks[0] else 1]
        for t in (self.weight, self.bias, self.running_mean, self.running_var):
            if is_lazy(t):
                t.materialize((self.num_features,))
        self.reset_parameters()


class LazyConv1d(_LazyConv, Conv1d):
    cls_to_become = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    cls_to_become = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConvTranspose, ConvTranspose1d):
    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTranspose, ConvTranspose2d):
    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTranspose, ConvTranspose3d):
    cls_to_become = ConvTranspose3d


class LazyBatchNorm1d(_LazyNorm, BatchNorm1d):
    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, BatchNorm2d):
    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, BatchNorm3d):
    cls_to_become = BatchNorm3d


class LazyInstanceNorm1d(_LazyNorm, InstanceNorm1d):
    cls_to_become = InstanceNorm1d
    alone = True


class LazyInstanceNorm2d(_LazyNorm, InstanceNorm2d):
    cls_to_become = InstanceNorm2d
    alone = True


class LazyInstanceNorm3d(_LazyNorm, InstanceNorm3d):
    cls_to_become = InstanceNorm3d
    alone = True
