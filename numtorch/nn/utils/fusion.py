"""Batch normalisation in evaluation mode, multiplied into the layer before it."""

from __future__ import annotations

import copy
from typing import Any

from numtorch._tensor import Tensor
from numtorch.nn.parameter import Parameter
from numtorch.ops.creation import ones_like, zeros_like
from numtorch.ops.elementary import rsqrt

Fused = tuple[Parameter, Parameter]


def _fused(w: Tensor, b: Tensor | None, mean: Tensor, var: Tensor, eps: float, gamma: Any, beta: Any, at: int) -> Fused:
    """``gamma * (w x + b - mean) / sqrt(var + eps) + beta`` as one weight, whose outputs lie along ``at``, and one
    bias."""
    b = zeros_like(mean) if b is None else b
    scale = rsqrt(var + eps) * (ones_like(mean) if gamma is None else gamma)
    shift = (b - mean) * scale + (zeros_like(mean) if beta is None else beta)
    weight = w * scale.reshape([-1 if d == at else 1 for d in range(w.ndim)])
    return (
        Parameter(weight.detach().to(w.dtype), w.requires_grad),
        Parameter(shift.detach().to(b.dtype), b.requires_grad),
    )


def _of_layer(layer: Any, bn: Any, at: int) -> Any:
    for module in (layer, bn):
        if module.training:
            raise AssertionError(f"fusion is for evaluation: call eval() on {type(module).__name__} first")
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError(f"{type(bn).__name__} has no running statistics to multiply into the layer before it")
    made = copy.deepcopy(layer)
    made.weight, made.bias = _fused(
        made.weight, made.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias, at
    )
    return made


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """A convolution that computes what it and the batch normalisation after it do in evaluation mode.

    Args:
        conv: the convolution.
        bn: the batch normalisation.
        transpose: whether it is a transposed convolution.

    Returns:
        A new layer of the kind of ``conv``.

    Raises:
        AssertionError: one of them is in training mode, or there are no running statistics.

    >>> conv, bn = torch.nn.Conv2d(1, 2, 3).eval(), torch.nn.BatchNorm2d(2).eval()
    >>> x = torch.rand(1, 1, 4, 4)
    >>> torch.allclose(torch.nn.utils.fuse_conv_bn_eval(conv, bn)(x), bn(conv(x)), atol=1e-5)
    True
    """
    return _of_layer(conv, bn, 1 if transpose else 0)


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of a convolution that also applies the batch normalisation after it.

    Args:
        conv_w, conv_b: those of the convolution; no bias if None.
        bn_rm, bn_rv: running mean and variance of the normalisation.
        bn_eps: its ``eps``.
        bn_w, bn_b: its weight and bias; 1 and 0 if None.
        transpose: whether it is a transposed convolution.

    Returns:
        The weight and the bias, parameters.

    >>> one = torch.ones(1)
    >>> w, b = torch.nn.utils.fuse_conv_bn_weights(torch.ones(1, 1, 1), one, one * 3, one * 4, 0.0, one, one)
    >>> w.item(), b.item()
    (0.5, 0.0)
    """
    return _fused(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, 1 if transpose else 0)


def fuse_linear_bn_eval(linear: Any, bn: Any) -> Any:
    """A linear layer that computes what it and the batch normalisation after it do in evaluation mode.

    Args:
        linear: the linear layer.
        bn: the batch normalisation, of its outputs or of 1 feature.

    Returns:
        A new linear layer.

    Raises:
        AssertionError: one of them is in training mode, there are no running statistics, or the features differ.

    >>> linear, bn = torch.nn.Linear(3, 2).eval(), torch.nn.BatchNorm1d(2).eval()
    >>> x = torch.rand(4, 3)
    >>> torch.allclose(torch.nn.utils.fuse_linear_bn_eval(linear, bn)(x), bn(linear(x)), atol=1e-5)
    True
    """
    if bn.num_features not in (1, linear.out_features):
        raise AssertionError(
            f"the normalisation has {bn.num_features} features, but the layer before it {linear.out_features}; they "
            "must be equal, or the normalisation must have 1"
        )
    return _of_layer(linear, bn, 0)


def fuse_linear_bn_weights(
    linear_w: Tensor, linear_b: Tensor | None, bn_rm: Tensor, bn_rv: Tensor, bn_eps: float, bn_w: Tensor, bn_b: Tensor
) -> tuple[Parameter, Parameter]:
    """Weight and bias of a linear layer that also applies the batch normalisation after it.

    Args:
        linear_w, linear_b: those of the layer; no bias if None.
        bn_rm, bn_rv: running mean and variance of the normalisation.
        bn_eps: its ``eps``.
        bn_w, bn_b: its weight and bias.

    Returns:
        The weight and the bias, parameters.

    >>> one = torch.ones(1)
    >>> w, b = torch.nn.utils.fuse_linear_bn_weights(torch.ones(1, 1), one, one * 3, one * 4, 0.0, one, one)
    >>> w.item(), b.item()
    (0.5, 0.0)
    """
    return _fused(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, 0)
