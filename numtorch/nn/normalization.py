"""Normalisation layers: over the batch, over the last dimensions, over groups of channels."""

from __future__ import annotations

from typing import Any

from numtorch import notices
from numtorch._tensor import Tensor
from numtorch.dtype import int64
from numtorch.nn import functional as F
from numtorch.nn import init
from numtorch.nn.module import Module
from numtorch.nn.parameter import Parameter
from numtorch.ops.creation import empty, ones, tensor, zeros
from numtorch.ops.movement import squeeze, unsqueeze


class _Affine(Module):
    """A weight that starts at 1 and a bias that starts at 0, each of which may be absent."""

    weight: Parameter | None
    bias: Parameter | None

    def _add_affine(self, shape: Any, weight: bool, bias: bool, device: Any, dtype: Any) -> None:
        for name, wanted in (("weight", weight), ("bias", bias)):
            self.register_parameter(name, Parameter(empty(shape, device=device, dtype=dtype)) if wanted else None)

    def reset_parameters(self) -> None:
        """Set the weight to 1 and the bias to 0.

        >>> layer = torch.nn.LayerNorm(2)
        >>> layer.weight.data.zero_()
        tensor([0., 0.])
        >>> layer.reset_parameters()
        >>> layer.weight.detach()
        tensor([1., 1.])
        """
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class _NormBase(_Affine):
    """A weight, a bias and running averages of mean and variance for each channel, each of which may be absent."""

    _version = 2
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None
    ranks: tuple[int, ...]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self._add_affine(num_features, affine, affine and bias, device, dtype)
        tracks = track_running_stats
        self.register_buffer("running_mean", zeros(num_features, device=device, dtype=dtype) if tracks else None)
        self.register_buffer("running_var", ones(num_features, device=device, dtype=dtype) if tracks else None)
        self.register_buffer("num_batches_tracked", tensor(0, dtype=int64, device=device) if tracks else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget the batches seen so far.

        >>> layer = torch.nn.BatchNorm1d(1)
        >>> y = layer(torch.tensor([[1.0], [3.0]]))
        >>> layer.reset_running_stats()
        >>> layer.running_mean, layer.num_batches_tracked
        (tensor([0.]), tensor(0))
        """
        if self.track_running_stats:
            self.running_mean.zero_()  # type: ignore[union-attr]
            self.running_var.fill_(1)  # type: ignore[union-attr]
            self.num_batches_tracked.zero_()  # type: ignore[union-attr]

    def reset_parameters(self) -> None:
        """Set the weight to 1 and the bias to 0, and forget the batches seen so far.

        >>> layer = torch.nn.BatchNorm1d(2)
        >>> layer.weight.data.zero_()
        tensor([0., 0.])
        >>> layer.reset_parameters()
        >>> layer.weight.detach()
        tensor([1., 1.])
        """
        self.reset_running_stats()
        super().reset_parameters()

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: dict, *lists: Any) -> None:
        key = prefix + "num_batches_tracked"
        if (local_metadata.get("version") or 1) < 2 and self.track_running_stats and key not in state_dict:
            # Version 1 did not count batches.
            state_dict[key] = tensor(0, dtype=int64) if self.num_batches_tracked is None else self.num_batches_tracked
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *lists)


class _BatchNorm(_NormBase):
    """``(x - mean) / sqrt(var + eps) * weight + bias`` for each channel (Ioffe and Szegedy 2015).

    Mean and variance are the batch's in training, and running averages of them in evaluation.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim not in self.ranks:
            expected = " or ".join(f"{n}D" for n in self.ranks)
            raise ValueError(f"expected {expected} input (got {input.ndim}D input)")

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        mean, var, momentum = self.running_mean, self.running_var, self.momentum
        if self.training:
            if not self.track_running_stats:
                mean = var = None
            elif self.num_batches_tracked is not None:
                self.num_batches_tracked.add_(1)
                if momentum is None:
                    momentum = 1.0 / float(self.num_batches_tracked)  # the plain average of all batches
        batch = self.training or (mean is None and var is None)
        return F.batch_norm(
            input, mean, var, self.weight, self.bias, batch, 0.0 if momentum is None else momentum, self.eps
        )


class BatchNorm1d(_BatchNorm):
    """``(x - mean) / sqrt(var + eps) * weight + bias`` for each channel (Ioffe and Szegedy 2015).

    In training, mean and variance are the batch's (the biased variance), and the running averages move towards them
    (with the unbiased variance). In evaluation they are the running averages.

    Args:
        num_features: number of channels, C.
        eps: added to the variance.
        momentum: weight of a new batch in the running averages; None averages all batches equally.
        affine: learn ``weight`` and ``bias``.
        track_running_stats: keep running averages; without them the batch's statistics are used in evaluation, too.
        device: where parameters and buffers are made; the CPU by default.
        dtype: of parameters and buffers; the default dtype if None.
        bias: learn ``bias``, where ``affine``.

    Shape: (N, C) or (N, C, L), to the same.

    Attributes:
        weight, bias: (C,), beginning as 1 and 0, or None.
        running_mean, running_var: (C,), beginning as 0 and 1, or None.
        num_batches_tracked: 0-dim int64, the number of batches in the running averages, or None.

    Raises:
        ValueError: the input has another number of dimensions, or, in training, one element in each channel.

    See https://pytorch.org/docs/stable/generated/torch.nn.BatchNorm1d.html

    >>> torch.nn.BatchNorm1d(1, affine=False)(torch.tensor([[1.0], [3.0]]))
    tensor([[-1.0000],
            [ 1.0000]])
    """

    ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """``(x - mean) / sqrt(var + eps) * weight + bias`` for each channel (Ioffe and Szegedy 2015).

    In training, mean and variance are the batch's (the biased variance), and the running averages move towards them
    (with the unbiased variance). In evaluation they are the running averages.

    Args:
        num_features: number of channels, C.
        eps: added to the variance.
        momentum: weight of a new batch in the running averages; None averages all batches equally.
        affine: learn ``weight`` and ``bias``.
        track_running_stats: keep running averages; without them the batch's statistics are used in evaluation, too.
        device: where parameters and buffers are made; the CPU by default.
        dtype: of parameters and buffers; the default dtype if None.
        bias: learn ``bias``, where ``affine``.

    Shape: (N, C, H, W), to the same.

    Attributes:
        weight, bias: (C,), beginning as 1 and 0, or None.
        running_mean, running_var: (C,), beginning as 0 and 1, or None.
        num_batches_tracked: 0-dim int64, the number of batches in the running averages, or None.

    Raises:
        ValueError: the input has another number of dimensions, or, in training, one element in each channel.

    See https://pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html

    >>> torch.nn.BatchNorm2d(3)(torch.zeros(2, 3, 4, 4)).shape
    torch.Size([2, 3, 4, 4])
    """

    ranks = (4,)


class BatchNorm3d(_BatchNorm):
    """``(x - mean) / sqrt(var + eps) * weight + bias`` for each channel (Ioffe and Szegedy 2015).

    In training, mean and variance are the batch's (the biased variance), and the running averages move towards them
    (with the unbiased variance). In evaluation they are the running averages.

    Args:
        num_features: number of channels, C.
        eps: added to the variance.
        momentum: weight of a new batch in the running averages; None averages all batches equally.
        affine: learn ``weight`` and ``bias``.
        track_running_stats: keep running averages; without them the batch's statistics are used in evaluation, too.
        device: where parameters and buffers are made; the CPU by default.
        dtype: of parameters and buffers; the default dtype if None.
        bias: learn ``bias``, where ``affine``.

    Shape: (N, C, D, H, W), to the same.

    Attributes:
        weight, bias: (C,), beginning as 1 and 0, or None.
        running_mean, running_var: (C,), beginning as 0 and 1, or None.
        num_batches_tracked: 0-dim int64, the number of batches in the running averages, or None.

    Raises:
        ValueError: the input has another number of dimensions, or, in training, one element in each channel.

    See https://pytorch.org/docs/stable/generated/torch.nn.BatchNorm3d.html

    >>> torch.nn.BatchNorm3d(3)(torch.zeros(2, 3, 4, 4, 4)).shape
    torch.Size([2, 3, 4, 4, 4])
    """

    ranks = (5,)


class SyncBatchNorm(_BatchNorm):
    """Batch norm over the batches of several processes; in one process, that of ``BatchNorm1d`` to ``BatchNorm3d``.

    Args:
        num_features: number of channels, C.
        eps: added to the variance.
        momentum: weight of a new batch in the running averages; None averages all batches equally.
        affine: learn ``weight`` and ``bias``.
        track_running_stats: keep running averages; without them the batch's statistics are used in evaluation, too.
        process_group: accepted; there is one process.
        device: where parameters and buffers are made; the CPU by default.
        dtype: of parameters and buffers; the default dtype if None.
        bias: learn ``bias``, where ``affine``.

    Shape: (N, C, *), to the same.

    Raises:
        ValueError: the input has fewer than two dimensions.

    See https://pytorch.org/docs/stable/generated/torch.nn.SyncBatchNorm.html

    >>> torch.nn.SyncBatchNorm(3)(torch.zeros(2, 3, 4)).shape
    torch.Size([2, 3, 4])
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim < 2:
            raise ValueError(f"expected at least 2D input (got {input.ndim}D input)")

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """A module with its batch norms replaced by ``SyncBatchNorm``, which takes over parameters and buffers.

        Args:
            module: the module; its children are replaced in place.
            process_group: of the new layers.

        Returns:
            The module, or what replaces it.

        >>> torch.nn.SyncBatchNorm.convert_sync_batchnorm(torch.nn.BatchNorm1d(2))
        SyncBatchNorm(2, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
        """
        made = module
        if isinstance(module, _BatchNorm):
            new = cls(
                module.num_features, module.eps, module.momentum, module.affine, module.track_running_stats,
                process_group,
            )  # fmt: skip
            for name in ("weight", "bias"):
                setattr(new, name, getattr(module, name))
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                setattr(new, name, getattr(module, name))
            new.training = module.training
            made = new
        for name, child in module.named_children():
            made.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return made


class _InstanceNorm(_NormBase):
    """Batch norm of each image alone (Ulyanov et al. 2016)."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        alone, batched = self.ranks
        if input.ndim not in self.ranks:
            raise ValueError(f"expected {alone}D or {batched}D input (got {input.ndim}D input)")
        dim = 0 if input.ndim == alone else 1
        if input.shape[dim] != self.num_features:
            if self.affine:
                raise ValueError(
                    f"expected input's size at dim={dim} to match num_features ({self.num_features}), but got: "
                    f"{input.shape[dim]}."
                )
            notices.warn(
                f"input's size at dim={dim} does not match num_features. You can silence this warning by not passing "
                "in num_features, which is not used because affine=False"
            )
        x = unsqueeze(input, 0) if input.ndim == alone else input
        statistics = self.training or not self.track_running_stats
        y = F.instance_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, statistics, self.momentum or 0.0, self.eps
        )
        return squeeze(y, 0) if input.ndim == alone else y


class InstanceNorm1d(_InstanceNorm):
    """``(x - mean) / sqrt(var + eps) * weight + bias`` for each channel of each image (Ulyanov et al. 2016).

    Mean and (biased) variance are those of the image, in evaluation too, unless ``track_running_stats``.

    Args:
        num_features: number of channels, C.
        eps: added to the variance.
        momentum: weight of new images in the running averages.
        affine: learn ``weight`` and ``bias``.
        track_running_stats: keep running averages, and use them in evaluation.
        device: where parameters and buffers are made; the CPU by default.
        dtype: of parameters and buffers; the default dtype if None.
        bias: learn ``bias``, where ``affine``.

    Shape: (N, C, L) or (C, L), to the same.

    Attributes:
        weight, bias: (C,), beginning as 1 and 0, or None.
        running_mean, running_var: (C,), beginning as 0 and 1, or None.

    Raises:
        ValueError: the input has another number of dimensions, or other channels where ``affine``.

    See https://pytorch.org/docs/stable/generated/torch.nn.InstanceNorm1d.html

    >>> torch.nn.InstanceNorm1d(3)(torch.zeros(2, 3, 2)).shape
    torch.Size([2, 3, 2])
    """

    ranks = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """``(x - mean) / sqrt(var + eps) * weight + bias`` for each channel of each image (Ulyanov et al. 2016).

    Mean and (biased) variance are those of the image, in evaluation too, unless ``track_running_stats``.

    Args:
        num_features: number of channels, C.
        eps: added to the variance.
        momentum: weight of new images in the running averages.
        affine: learn ``weight`` and ``bias``.
        track_running_stats: keep running averages, and use them in evaluation.
        device: where parameters and buffers are made; the CPU by default.
        dtype: of parameters and buffers; the default dtype if None.
        bias: learn ``bias``, where ``affine``.

    Shape: (N, C, H, W) or (C, H, W), to the same.

    Attributes:
        weight, bias: (C,), beginning as 1 and 0, or None.
        running_mean, running_var: (C,), beginning as 0 and 1, or None.

    Raises:
        ValueError: the input has another number of dimensions, or other channels where ``affine``.

    See https://pytorch.org/docs/stable/generated/torch.nn.InstanceNorm2d.html

    >>> torch.nn.InstanceNorm2d(3)(torch.zeros(2, 3, 2, 2)).shape
    torch.Size([2, 3, 2, 2])
    """

    ranks = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """``(x - mean) / sqrt(var + eps) * weight + bias`` for each channel of each image (Ulyanov et al. 2016).

    Mean and (biased) variance are those of the image, in evaluation too, unless ``track_running_stats``.

    Args:
        num_features: number of channels, C.
        eps: added to the variance.
        momentum: weight of new images in the running averages.
        affine: learn ``weight`` and ``bias``.
        track_running_stats: keep running averages, and use them in evaluation.
        device: where parameters and buffers are made; the CPU by default.
        dtype: of parameters and buffers; the default dtype if None.
        bias: learn ``bias``, where ``affine``.

    Shape: (N, C, D, H, W) or (C, D, H, W), to the same.

    Attributes:
        weight, bias: (C,), beginning as 1 and 0, or None.
        running_mean, running_var: (C,), beginning as 0 and 1, or None.

    Raises:
        ValueError: the input has another number of dimensions, or other channels where ``affine``.

    See https://pytorch.org/docs/stable/generated/torch.nn.InstanceNorm3d.html

    >>> torch.nn.InstanceNorm3d(3)(torch.zeros(2, 3, 2, 2, 2)).shape
    torch.Size([2, 3, 2, 2, 2])
    """

    ranks = (4, 5)


def _shape(normalized_shape: Any) -> tuple[int, ...]:
    return (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)


class LayerNorm(_Affine):
    """``(x - mean) / sqrt(var + eps) * weight + bias`` over the last dimensions (Ba et al. 2016).

    Args:
        normalized_shape: sizes of the last dimensions, over which mean and (biased) variance are taken; a number for
            one.
        eps: added to the variance.
        elementwise_affine: learn ``weight`` and ``bias``.
        bias: learn ``bias``, where ``elementwise_affine``.
        device: where the parameters are made; the CPU by default.
        dtype: of the parameters; the default dtype if None.

    Shape: (*, normalized_shape), to the same.

    Attributes:
        weight, bias: of shape ``normalized_shape``, beginning as 1 and 0, or None.

    See https://pytorch.org/docs/stable/generated/torch.nn.LayerNorm.html

    >>> torch.nn.LayerNorm(2)(torch.tensor([1.0, 3.0])).detach()
    tensor([-1.0000,  1.0000])
    """

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.normalized_shape, self.eps, self.elementwise_affine = _shape(normalized_shape), eps, elementwise_affine
        self._add_affine(self.normalized_shape, elementwise_affine, elementwise_affine and bias, device, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        said = f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        return f"{said}, bias={self.bias is not None}"


class RMSNorm(_Affine):
    """``x / sqrt(mean(x**2) + eps) * weight`` over the last dimensions (Zhang and Sennrich 2019).

    Args:
        normalized_shape: sizes of the last dimensions, over which the mean is taken; a number for one.
        eps: added to the mean; the dtype's ``finfo(...).eps`` if None.
        elementwise_affine: learn ``weight``.
        device: where the weight is made; the CPU by default.
        dtype: of the weight; the default dtype if None.

    Shape: (*, normalized_shape), to the same.

    Attributes:
        weight: of shape ``normalized_shape``, beginning as 1, or None.

    >>> torch.nn.RMSNorm(2)(torch.tensor([3.0, 4.0])).detach()
    tensor([0.8485, 1.1314])
    """

    def __init__(
        self,
        normalized_shape: Any,
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.normalized_shape, self.eps, self.elementwise_affine = _shape(normalized_shape), eps, elementwise_affine
        weight = Parameter(empty(self.normalized_shape, device=device, dtype=dtype)) if elementwise_affine else None
        self.register_parameter("weight", weight)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to 1.

        >>> layer = torch.nn.RMSNorm(2)
        >>> layer.weight.data.zero_()
        tensor([0., 0.])
        >>> layer.reset_parameters()
        >>> layer.weight.detach()
        tensor([1., 1.])
        """
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(_Affine):
    """``(x - mean) / sqrt(var + eps) * weight + bias`` over groups of channels of each sample (Wu and He 2018).

    Args:
        num_groups: into how many groups the channels are divided.
        num_channels: number of channels, C; a multiple of ``num_groups``.
        eps: added to the (biased) variance.
        affine: learn ``weight`` and ``bias``.
        device: where the parameters are made; the CPU by default.
        dtype: of the parameters; the default dtype if None.
        bias: learn ``bias``, where ``affine``.

    Shape: (N, C, *), to the same.

    Attributes:
        weight, bias: (C,), beginning as 1 and 0, or None.

    Raises:
        ValueError: ``num_groups`` does not divide ``num_channels``.

    >>> torch.nn.GroupNorm(1, 2, affine=False)(torch.tensor([[1.0, 3.0]]))
    tensor([[-1.0000,  1.0000]])
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        self._add_affine(num_channels, affine, affine and bias, device, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        said = f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"
        return f"{said}, bias={self.bias is not None}"


class LocalResponseNorm(Module):
    """``x / (k + alpha * mean of squares of neighbouring channels) ** beta`` (Krizhevsky et al. 2012).

    Args:
        size: how many channels count as neighbours.
        alpha, beta, k: of the formula.

    Shape: (N, C, *), to the same.

    >>> torch.nn.LocalResponseNorm(1, alpha=3.0, beta=0.5)(torch.ones(1, 1, 1))
    tensor([[[0.5000]]])
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0):
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input: Tensor) -> Tensor:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(Module):
    """``LocalResponseNorm`` of images, under its older name.

    Differs from torch: there the first channel counts as a neighbour of all that follow, and the gradient is another.

    Args:
        size: how many channels count as neighbours.
        alpha, beta, k: of the formula.

    Shape: (N, C, H, W), to the same.

    >>> torch.nn.CrossMapLRN2d(1, alpha=3.0, beta=0.5)(torch.ones(1, 1, 1, 1))
    tensor([[[[0.5000]]]])
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1):
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input: Tensor) -> Tensor:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
