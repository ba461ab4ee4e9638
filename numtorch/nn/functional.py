"""The functions of ``torch.nn.functional``: ops, and compositions of one or two lines.

``inplace=True`` overwrites the input with the result, as in torch.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from numtorch import arguments, exports, storage
from numtorch._tensor import Tensor
from numtorch.arguments import flag
from numtorch.dispatch import aliases
from numtorch.dtype import dtype as DType
from numtorch.dtype import promote_types
from numtorch.ops import activation, arithmetic, creation, moments, movement, pooling, ranges
from numtorch.ops import dropout as dropouts
from numtorch.ops import random as randoms
from numtorch.ops import reduction as reductions
from numtorch.ops.arithmetic import abs, clamp_min
from numtorch.ops.creation import ones
from numtorch.ops.indexing import index_select, overwrite
from numtorch.ops.matmul import matmul

# --- activations ----------------------------------------------------------------------------------------


def _result(input: Tensor, y: Tensor, inplace: bool) -> Tensor:
    return overwrite(input, y) if inplace else y


def _source(input: Tensor, inplace: bool) -> Tensor:
    """What a formula that saves its input must be given if the input is to be overwritten."""
    return movement.clone(input) if inplace and input.requires_grad else input


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """``max(x, 0)``, element by element.

    Args:
        input: of any shape.
        inplace: write the result into the input.

    >>> torch.nn.functional.relu(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return input.relu_() if inplace else activation.relu(input)


def relu_(input: Tensor) -> Tensor:
    """``relu`` written into its input.

    Args:
        input: overwritten, and returned.

    >>> x = torch.tensor([-1.0, 2.0])
    >>> torch.nn.functional.relu_(x) is x
    True
    >>> x
    tensor([0., 2.])
    """
    return input.relu_()


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """``min(max(x, 0), 6)``, element by element.

    Args:
        input: of any shape.
        inplace: write the result into the input.

    >>> torch.nn.functional.relu6(torch.tensor([-1.0, 2.0, 8.0]))
    tensor([0., 2., 6.])
    """
    return _result(input, activation.relu6(input), inplace)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """Elements limited to ``[min_val, max_val]``, element by element.

    Args:
        input: of any shape.
        min_val: the lower limit.
        max_val: the upper limit.
        inplace: write the result into the input.

    Raises:
        ValueError: ``min_val`` is greater than ``max_val``.

    >>> torch.nn.functional.hardtanh(torch.tensor([-3.0, 0.5, 3.0]))
    tensor([-1.0000,  0.5000,  1.0000])
    """
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    return _result(input, activation.hardtanh(input, min_val, max_val), inplace)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """``x`` where positive, else ``negative_slope * x``, element by element.

    Args:
        input: floating-point, of any shape.
        negative_slope: factor of negative elements.
        inplace: write the result into the input.

    >>> torch.nn.functional.leaky_relu(torch.tensor([-1.0, 2.0]), 0.1)
    tensor([-0.1000,  2.0000])
    """
    return _result(input, activation.leaky_relu(input, negative_slope), inplace)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """``x`` where positive, else ``weight * x``, element by element (He et al. 2015).

    Args:
        input: floating-point, of any shape.
        weight: (1,), or (C,) for a slope of each channel (dimension 1 of the input); of the input's dtype.

    Raises:
        RuntimeError: ``weight`` has another shape or dtype.

    >>> torch.nn.functional.prelu(torch.tensor([[-1.0, -1.0]]), torch.tensor([0.25, 0.5]))
    tensor([[-0.2500, -0.5000]])
    """
    if not isinstance(weight, Tensor):
        raise TypeError(f"prelu(): argument 'weight' (position 2) must be Tensor, not {type(weight).__name__}")
    channels = input.shape[1] if input.ndim > 1 else 1
    if weight.shape.numel() not in (1, channels):
        raise RuntimeError(
            f"Mismatch of parameter numbers and input channel size. Found parameter numbers = {weight.shape.numel()} "
            f"and channel size = {channels}."
        )
    if weight.ndim > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.ndim}")
    if weight.dtype is not input.dtype:
        raise RuntimeError(f"prelu: Type promoting not supported. Got {input.dtype.name} and {weight.dtype.name}")
    w = weight.reshape(-1, *[1] * (input.ndim - 2)) if input.ndim > 1 else weight.reshape([1] * input.ndim)
    return activation.prelu(input, w)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """``x`` where positive, else ``alpha * (exp(x) - 1)``, element by element (Clevert et al. 2015).

    Args:
        input: floating-point, of any shape.
        alpha: minus the limit at negative infinity.
        inplace: write the result into the input.

    >>> torch.nn.functional.elu(torch.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """
    return _result(input, activation.elu(input, alpha), inplace)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """``1.0507 * elu(x, alpha=1.6733)``, element by element: mean 0 and variance 1 are a fixed point (Klambauer et al.
    2017).

    Args:
        input: floating-point, of any shape.
        inplace: write the result into the input.

    >>> torch.nn.functional.selu(torch.tensor([-1.0, 2.0]))
    tensor([-1.1113,  2.1014])
    """
    x = _source(input, inplace)
    return _result(input, activation.elu(x, 1.6732632423543772) * 1.0507009873554805, inplace)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """``x`` where positive, else ``alpha * (exp(x / alpha) - 1)``, element by element (Barron 2017).

    Args:
        input: floating-point, of any shape.
        alpha: minus the limit at negative infinity.
        inplace: write the result into the input.

    Raises:
        RuntimeError: ``alpha`` is 0.

    >>> torch.nn.functional.celu(torch.tensor([-1.0, 2.0]), alpha=2.0)
    tensor([-0.7869,  2.0000])
    """
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return _result(input, activation.celu(input, alpha), inplace)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """``x * sigmoid(x)``, element by element; also called swish (Elfwing et al. 2017).

    Args:
        input: floating-point, of any shape.
        inplace: write the result into the input.

    >>> torch.nn.functional.silu(torch.tensor([-1.0, 2.0]))
    tensor([-0.2689,  1.7616])
    """
    return _result(input, activation.silu(input), inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """``x * tanh(softplus(x))``, element by element (Misra 2019).

    Args:
        input: floating-point, of any shape.
        inplace: write the result into the input.

    >>> torch.nn.functional.mish(torch.tensor([-1.0, 2.0]))
    tensor([-0.3034,  1.9440])
    """
    x = _source(input, inplace)
    return _result(input, x * activation.tanh(activation.softplus(x)), inplace)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """``min(max(x + 3, 0), 6) / 6``, element by element.

    Args:
        input: floating-point, of any shape.
        inplace: write the result into the input.

    >>> torch.nn.functional.hardsigmoid(torch.tensor([-4.0, 0.0, 3.0]))
    tensor([0.0000, 0.5000, 1.0000])
    """
    return _result(input, activation.hardsigmoid(input), inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """``x * hardsigmoid(x)``, element by element (Howard et al. 2019).

    Args:
        input: floating-point, of any shape.
        inplace: write the result into the input.

    >>> torch.nn.functional.hardswish(torch.tensor([-1.5, 1.5, 3.0]))
    tensor([-0.3750,  1.1250,  3.0000])
    """
    return _result(input, activation.hardswish(input), inplace)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """``x`` where above the threshold (or NaN), else ``value``, element by element.

    Args:
        input: of any shape.
        threshold: elements greater than it are kept.
        value: replaces the others.
        inplace: write the result into the input.

    >>> torch.nn.functional.threshold(torch.tensor([0.5, 2.0]), 1.0, -5.0)
    tensor([-5.,  2.])
    """
    return _result(input, activation.threshold(input, threshold, value), inplace)


def hardshrink(input: Tensor, lambd: float = 0.5, *, out: Tensor | None = None) -> Tensor:
    """``x`` where ``|x| > lambd``, else 0, element by element.

    Args:
        input: floating-point, of any shape.
        lambd: the threshold; not negative.

    >>> torch.nn.functional.hardshrink(torch.tensor([-2.0, 0.5]), 1.0)
    tensor([-2.,  0.])
    """
    return activation.hardshrink(input, lambd, out=out)


def softshrink(input: Tensor, lambd: float = 0.5, *, out: Tensor | None = None) -> Tensor:
    """``x`` moved towards 0 by ``lambd``, and 0 where that would pass it, element by element.

    Args:
        input: floating-point, of any shape.
        lambd: the distance; not negative.

    >>> torch.nn.functional.softshrink(torch.tensor([-3.0, 0.5, 2.0]), 1.0)
    tensor([-2.,  0.,  1.])
    """
    return activation.softshrink(input, lambd, out=out)


def tanhshrink(input: Tensor) -> Tensor:
    """``x - tanh(x)``, element by element.

    Args:
        input: of any shape.

    >>> torch.nn.functional.tanhshrink(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.2384])
    """
    return input - activation.tanh(input)


def softsign(input: Tensor) -> Tensor:
    """``x / (1 + |x|)``, element by element.

    Args:
        input: of any shape.

    >>> torch.nn.functional.softsign(torch.tensor([-1.0, 3.0]))
    tensor([-0.5000,  0.7500])
    """
    return input / (abs(input) + 1)


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """``exp(x) / sum(exp(x))`` along a dimension: positive numbers that sum to one.

    Args:
        input: floating-point, of any shape.
        dim: the dimension; if None, 0 for inputs of 0, 1 or 3 dimensions, else 1, with a warning.
        dtype: to which the input is converted first; its own if None.

    Returns:
        The shape of ``input``.

    >>> torch.nn.functional.softmax(torch.tensor([0.0, 0.0]), dim=0)
    tensor([0.5000, 0.5000])
    """
    return activation.softmax(input, activation.implicit_dim(dim, input, "softmax"), dtype)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """``log(softmax(x))`` along a dimension, without underflow.

    Args:
        input: floating-point, of any shape.
        dim: the dimension; if None, 0 for inputs of 0, 1 or 3 dimensions, else 1, with a warning.
        dtype: to which the input is converted first; its own if None.

    Returns:
        The shape of ``input``.

    >>> torch.nn.functional.log_softmax(torch.tensor([0.0, 200.0]), dim=0)
    tensor([-200.,    0.])
    """
    return activation.log_softmax(input, activation.implicit_dim(dim, input, "log_softmax"), dtype)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """``softmax(-x)``: the smallest element gets the largest share.

    Args:
        input: floating-point, of any shape.
        dim: the dimension; if None, 0 for inputs of 0, 1 or 3 dimensions, else 1, with a warning.
        dtype: to which the input is converted first; its own if None.

    Returns:
        The shape of ``input``.

    >>> torch.nn.functional.softmin(torch.tensor([0.0, 1.0]), dim=0)
    tensor([0.7311, 0.2689])
    """
    return activation.softmax(-input, activation.implicit_dim(dim, input, "softmin"), dtype)


# --- linear ---------------------------------------------------------------------------------------------


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``input1 @ weight[k] @ input2 + bias[k]`` for each output k.

    Args:
        input1: (..., in1).
        input2: (..., in2), of the same leading dimensions.
        weight: (out, in1, in2).
        bias: (out,), or None for none. All are of one dtype.

    Returns:
        (..., out).

    Raises:
        RuntimeError: the shapes do not fit each other, or the dtypes differ.

    >>> x = torch.tensor([1.0, 2.0])
    >>> torch.nn.functional.bilinear(x, x, torch.ones(1, 2, 2))
    tensor([9.])
    """
    if weight.ndim != 3 or not input1.ndim:
        raise RuntimeError(
            "bilinear(): expected inputs of at least one dimension and a weight (out, in1, in2), but got inputs of "
            f"shapes {list(input1.shape)} and {list(input2.shape)} and a weight of shape {list(weight.shape)}"
        )
    out, in1, in2 = weight.shape
    if input1.shape[-1] != in1 or input2.shape[-1:] != (in2,) or input1.shape[:-1] != input2.shape[:-1]:
        raise RuntimeError(
            f"bilinear(): inputs of shapes {list(input1.shape)} and {list(input2.shape)} do not fit each other and the "
            f"weight of shape {list(weight.shape)}: expected (..., {in1}) and (..., {in2})"
        )
    if bias is not None and bias.shape != (out,):
        raise RuntimeError(
            f"bilinear(): bias size does not match weight size: got {list(bias.shape)} but expected [{out}]"
        )
    given = (("input1", input1), ("input2", input2), ("weight", weight), ("bias", bias))
    if len({t.dtype for _, t in given if t is not None}) > 1:
        raise RuntimeError(
            "bilinear(): all tensors must have the same dtype, got "
            + ", ".join(f"{name}: {t.dtype.name}" for name, t in given if t is not None)
            + "; cast some with .to(...)"
        )
    rows = input1.shape[:-1].numel()
    left = matmul(input1.reshape(rows, in1), weight.permute(1, 0, 2).reshape(in1, out * in2)).reshape(rows, out, in2)
    y = matmul(left, input2.reshape(rows, in2, 1)).reshape(*input1.shape[:-1], out)
    return y if bias is None else y + bias


# --- dropout --------------------------------------------------------------------------------------------


def _feature_dropout(name: str, input: Tensor, p: float, training: bool, inplace: bool, batched: bool) -> Tensor:
    if training.__class__ is not bool:
        training = flag(training, name, "training")
    if not training or p == 0:
        return input
    if not input.dtype.is_floating_point:
        return _result(input, dropouts.dropped_integers(name, input, p), inplace)
    kept = input.shape[: 2 if batched else 1]
    mask = dropouts.dropout(ones((*kept, *[1] * (input.ndim - len(kept))), dtype=input.dtype, device=input.device), p)
    return _result(input, input * mask, inplace)


def _check_probability(p: float) -> None:
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, whole channels become 0 with probability ``p``; the others are scaled by ``1 / (1 - p)``.

    Args:
        input: (N, C, L) or (C, L).
        p: probability that a channel becomes 0.
        training: if False, the input is returned.
        inplace: write the result into the input.

    Returns:
        The shape of ``input``.

    Raises:
        ValueError: ``p`` is not between 0 and 1.
        RuntimeError: the input has another number of dimensions.

    >>> torch.nn.functional.dropout1d(torch.ones(2, 3), training=False)
    tensor([[1., 1., 1.],
            [1., 1., 1.]])
    >>> torch.nn.functional.dropout1d(torch.ones(2, 3), p=1.0)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    _check_probability(p)
    if input.ndim not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {input.ndim}D input. Note that dropout1d exists to "
            "provide channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional "
            "batch dimension (i.e. 2D or 3D inputs)."
        )
    return _feature_dropout("dropout1d", input, p, training, inplace, input.ndim == 3)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, whole channels become 0 with probability ``p``; the others are scaled by ``1 / (1 - p)``.

    Source: Tompson et al., Efficient Object Localization Using Convolutional Networks (2015).

    Args:
        input: (N, C, H, W); any input's first two dimensions are taken as N and C.
        p: probability that a channel becomes 0.
        training: if False, the input is returned.
        inplace: write the result into the input.

    Returns:
        The shape of ``input``.

    Raises:
        ValueError: ``p`` is not between 0 and 1.
        RuntimeError: the input has fewer than two dimensions.

    >>> torch.nn.functional.dropout2d(torch.ones(1, 1, 1, 2), p=0.0)
    tensor([[[[1., 1.]]]])
    """
    _check_probability(p)
    if input.ndim < 2 and training and 0 < p < 1:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    return _feature_dropout("dropout2d", input, p, training, inplace, True)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, whole channels become 0 with probability ``p``; the others are scaled by ``1 / (1 - p)``.

    Args:
        input: (N, C, D, H, W), or (C, D, H, W) as a batch of C.
        p: probability that a channel becomes 0.
        training: if False, the input is returned.
        inplace: write the result into the input.

    Returns:
        The shape of ``input``.

    Raises:
        ValueError: ``p`` is not between 0 and 1.
        RuntimeError: the input has fewer than two dimensions.

    >>> torch.nn.functional.dropout3d(torch.ones(1, 1, 1, 1, 1), p=0.0)
    tensor([[[[[1.]]]]])
    """
    _check_probability(p)
    if input.ndim < 2 and training and 0 < p < 1:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    return _feature_dropout("dropout3d", input, p, training, inplace, True)


_LOWEST = -1.7580993408473766  # what SELU tends to: -scale * alpha


def _alpha(name: str, input: Tensor, p: float, training: bool, inplace: bool, shape: tuple) -> Tensor:
    """Elements, or channels, become SELU's lowest value; then mean and variance are what they were."""
    _check_probability(p)
    if not training or p == 0:
        return input
    if p == 1:
        return _result(input, input * 0.0, inplace)
    scale = 1 / ((_LOWEST * _LOWEST * p + 1) * (1 - p)) ** 0.5
    kept = dropouts.dropout(ones(shape, dtype=input.dtype, device=input.device), p) * (1 - p)  # 1 or 0
    y = input * (kept * scale) + ((1 - kept) * (_LOWEST * scale) - _LOWEST * scale * p)
    return _result(input, y, inplace)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """In training, elements become SELU's lowest value with probability ``p``; mean and variance stay.

    Source: Klambauer et al. 2017, Self-Normalizing Neural Networks.

    Args:
        input: of any shape.
        p: probability that an element is dropped.
        training: if False, the input is returned.
        inplace: write the result into the input.

    Returns:
        The shape of ``input``.

    Raises:
        ValueError: ``p`` is not between 0 and 1.

    >>> torch.nn.functional.alpha_dropout(torch.ones(2), 0.5, training=False)
    tensor([1., 1.])
    """
    return _alpha("alpha_dropout", input, p, training, inplace, tuple(input.shape))


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """``alpha_dropout`` of whole channels.

    Args:
        input: (N, C, *).
        p: probability that a channel is dropped.
        training: if False, the input is returned.
        inplace: write the result into the input.

    Returns:
        The shape of ``input``.

    Raises:
        ValueError: ``p`` is not between 0 and 1.
        RuntimeError: the input has fewer than two dimensions.

    >>> torch.nn.functional.feature_alpha_dropout(torch.ones(1, 2), 0.5, training=False)
    tensor([[1., 1.]])
    """
    if input.ndim < 2 and training and 0 < p < 1:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    shape = (*input.shape[:2], *[1] * (input.ndim - 2))
    return _alpha("feature_alpha_dropout", input, p, training, inplace, shape)


def rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    """``x`` where positive, else ``a * x``, where a is drawn from U(lower, upper) in training, and else their mean.

    Source: Xu et al. 2015, Empirical Evaluation of Rectified Activations in Convolutional Network.

    Args:
        input: of any shape.
        lower: the least slope.
        upper: the largest slope.
        training: whether slopes are drawn.
        inplace: write the result into the input.

    Returns:
        The shape of ``input``.

    Raises:
        RuntimeError: ``lower`` is above ``upper``.

    >>> torch.nn.functional.rrelu(torch.tensor([-1.0, 2.0]), 0.5, 0.5)
    tensor([-0.5000,  2.0000])
    """
    if lower > upper:
        raise RuntimeError(f"rrelu: lower bound should be less than or equal to the upper bound, got {lower} > {upper}")
    if not training:
        return leaky_relu(input, (lower + upper) / 2, inplace)
    slopes = randoms.rand(input.shape, dtype=input.dtype, device=input.device) * (upper - lower) + lower
    x = _source(input, inplace)
    return _result(input, arithmetic.where(x <= 0, x * slopes, x), inplace)


@aliases.own_names
def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """A sample of the Gumbel-softmax distribution: ``softmax((logits + noise) / tau)``.

    Source: Jang et al. 2017, Categorical Reparameterization with Gumbel-Softmax.

    Args:
        logits: unnormalized log-probabilities, (*).
        tau: the temperature.
        hard: give one-hot vectors, whose gradient is that of the soft sample.
        eps: accepted, without effect, as in torch.
        dim: along which the sample adds up to 1.

    Returns:
        The shape of ``logits``.

    >>> torch.nn.functional.gumbel_softmax(torch.zeros(2, 3), hard=True).sum(-1)
    tensor([1., 1.])
    """
    noise = -arithmetic.log(
        randoms.exponential_(creation.empty(logits.shape, dtype=logits.dtype, device=logits.device))
    )
    soft = activation.softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    at = soft.detach().argmax(dim, keepdim=True)
    one_hot = creation.zeros(logits.shape, dtype=logits.dtype, device=logits.device).scatter(dim, at, 1.0)
    return one_hot - soft.detach() + soft


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """``x / (k + alpha * mean of squares of neighbouring channels) ** beta`` (Krizhevsky et al. 2012).

    Args:
        input: (N, C, *).
        size: how many channels count as neighbours.
        alpha, beta, k: of the formula.

    Returns:
        The shape of ``input``.

    Raises:
        ValueError: the input has fewer than three dimensions.

    >>> torch.nn.functional.local_response_norm(torch.ones(1, 1, 1), 1, alpha=3.0, beta=0.5)
    tensor([[[0.5000]]])
    """
    if input.ndim < 3:
        raise ValueError(
            f"Expected 3D or higher dimensionality                          input (got {input.ndim} dimensions)"
        )
    if not input.shape.numel():
        return input
    n, c = input.shape[:2]
    squares = (input * input).reshape(n, 1, c, -1)
    squares = movement.pad_ends(squares, (0, 0, size // 2, (size - 1) // 2), 0.0)
    means = pooling.avg_pool2d(squares, (size, 1), (1, 1))
    return input / (means.reshape(input.shape) * alpha + k) ** beta


# --- shapes ---------------------------------------------------------------------------------------------


def pad(input: Tensor, pad: Any, mode: str = "constant", value: float | None = None) -> Tensor:
    """Elements added (or, where negative, removed) at both ends of the last dimensions.

    Args:
        input: of any shape; for the modes other than ``"constant"`` (C, ...) or (N, C, ...), of which the 1 to 3
            dimensions after C are padded.
        pad: (left, right) of the last dimension, then of the one before it, and so on.
        mode: the new elements: ``"constant"`` is ``value``; ``"reflect"`` mirrors without repeating the edge,
            ``"replicate"`` repeats the edge, ``"circular"`` continues from the other end.
        value: for ``"constant"``; 0 if None.

    Returns:
        The input with its last dimensions longer by their two widths.

    Raises:
        RuntimeError: an odd number of widths, or more than the input has ends; a width larger than the mode allows; a
            ``value`` with another mode.
        NotImplementedError: an unknown mode, or a number of dimensions that it does not pad.

    >>> torch.nn.functional.pad(torch.ones(2), (1, 2))
    tensor([0., 1., 1., 0., 0.])
    >>> torch.nn.functional.pad(torch.tensor([[1, 2, 3]]), (2, 0), mode="reflect")
    tensor([[3, 2, 1, 2, 3]])
    """
    if isinstance(pad, Tensor):
        raise TypeError("pad(): argument 'pad' (position 2) must be tuple of ints, not Tensor")
    widths = arguments.integers(pad, "pad", "pad")
    if len(widths) % 2:
        raise RuntimeError(f"Padding length must be divisible by 2, got {len(widths)} numbers")
    if len(widths) > 2 * input.ndim:
        raise RuntimeError(
            f"Padding length should be less than or equal to two times the input dimension but got padding length "
            f"{len(widths)} and input of dimension {input.ndim}"
        )
    if mode == "constant":
        value = _padding(value, input.dtype)
        if value.__class__ is float and not value and str(value)[0] == "-":  # -0.0, which to a plan is 0.0
            return -movement.pad_ends(-input, widths, 0.0)
        return movement.pad_ends(input, widths, value)
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}; use constant, reflect, replicate or circular")
    if value is not None and value != 0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    padded = len(widths) // 2
    if padded not in (1, 2, 3) or input.ndim not in (padded + 1, padded + 2):
        raise NotImplementedError(
            f"Padding size {len(widths)} is not supported for {input.ndim}D input tensor: {mode} pads the last "
            "dimensions of (C, ...) or (N, C, ...), all but these"
        )
    if mode != "circular" and 0 in input.shape[input.ndim - padded - 1 :]:
        raise RuntimeError(
            f"pad: {mode} needs elements to repeat, but got an input of shape {list(input.shape)}: only the batch may "
            "be empty"
        )
    ends = [(input.ndim - 1 - i // 2, widths[i], widths[i + 1]) for i in range(0, len(widths), 2)]
    for dim, left, right in ends:
        if left or right:
            input = index_select(input, dim, _padded_positions(input.shape[dim], left, right, mode, input.device))
    return input


def _padding(value: Any, d: DType) -> Any:
    """The number around the elements; like torch's, a floating one until it is known to fit."""
    if value is None:
        return 0
    if isinstance(value, Tensor):
        value = value.item()
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, int | float):
        raise TypeError(f"pad(): argument 'value' must be Number, not {type(value).__name__}")
    return arguments.element(value if d.is_floating_point or value >= 0 else float(value), d)


def _padded_positions(n: int, left: int, right: int, mode: str, device: Any) -> Tensor:
    """Which element stands at each place of a padded dimension."""
    if (mode == "reflect" and max(left, right) >= n) or (mode == "circular" and max(left, right) > n):
        raise RuntimeError(
            f"Padding size should be less than the corresponding input dimension, but got: padding ({left}, {right}) "
            f"at dimension of size {n}"
            if mode == "reflect"
            else "Padding value causes wrapping around more than once."
        )
    if n + left + right < (mode != "circular"):
        raise RuntimeError(f"pad: input of size {n} is too small for padding ({left}, {right}): nothing would be left")
    if mode == "circular":  # around what negative widths leave
        first, n = max(-left, 0), n - max(-left, 0) - max(-right, 0)
        at = ranges.counting(max(left, 0) + n + max(right, 0))
        at -= max(left, 0)
        at %= max(n, 1)
        at += first
        return creation.from_ndarray(at).to(device)
    at = ranges.counting(left + n + right)
    at -= left
    if mode == "replicate":
        np.clip(at, 0, n - 1, out=at)
    else:
        at = n - 1 - np.abs(n - 1 - np.abs(at))
    return creation.from_ndarray(at).to(device)


# --- distances ------------------------------------------------------------------------------------------


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """``sum(x1 * x2) / (max(|x1|, eps) * max(|x2|, eps))`` along ``dim``.

    Args:
        x1: floating-point, of any shape.
        x2: of a shape that broadcasts with it.
        dim: the dimension of the vectors.
        eps: least length; not negative.

    Returns:
        The broadcast shape without ``dim``.

    Raises:
        RuntimeError: ``eps`` is negative, or neither input is floating-point.

    >>> torch.nn.functional.cosine_similarity(torch.tensor([1.0, 0.0]), torch.tensor([1.0, 1.0]), dim=0)
    tensor(0.7071)
    """
    if not eps >= 0:
        raise RuntimeError(f"cosine_similarity: eps must be non-negative, got: {eps}")
    if not (x1.dtype.is_floating_point or x2.dtype.is_floating_point):
        raise RuntimeError(
            f"cosine_similarity: expected common dtype to be floating point, yet common dtype is {x1.dtype.name} "
            f"({x1.dtype.name} and {x2.dtype.name}); cast with .float()"
        )
    if x1.shape != x2.shape:
        x1, x2 = movement.broadcast_tensors(x1, x2)
    if x1.dtype is not x2.dtype:
        common = promote_types(x1.dtype, x2.dtype)
        x1, x2 = x1.to(common), x2.to(common)
    dim = storage.wrap_dim(dim, x1.ndim, "cosine_similarity")
    lengths = [clamp_min(moments.norm(x, 2, dim, keepdim=True), eps) for x in (x1, x2)]
    return reductions.sum((x1 / lengths[0]) * (x2 / lengths[1]), dim)


cosine_similarity = aliases.public(cosine_similarity, __name__, "cosine_similarity")


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """``norm(x1 - x2 + eps, p)`` along the last dimension.

    Args:
        x1: (N, D) or (D,).
        x2: of a shape that broadcasts with it.
        p: the order of the norm.
        eps: added to the differences, so that the gradient at equal vectors is finite.
        keepdim: keep the last dimension, of size 1.

    Returns:
        (N,) or 0-dim; (N, 1) or (1,) with ``keepdim``.

    Raises:
        TypeError: ``x1`` or ``x2`` is not a tensor, or ``p`` not a number.

    >>> torch.nn.functional.pairwise_distance(torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 4.0]]))
    tensor([5.])
    """
    for name, value, wanted in (("x1", x1, Tensor), ("x2", x2, Tensor), ("p", p, int | float | Tensor)):
        if not isinstance(value, wanted):
            expected = "float" if name == "p" else "Tensor"
            raise TypeError(f"pairwise_distance(): argument '{name}' must be {expected}, not {type(value).__name__}")
    return moments.norm(x1 - x2 + float(eps), p, -1, keepdim)


pairwise_distance = aliases.public(pairwise_distance, __name__, "pairwise_distance")


globals().update(exports.PLACES["nn.functional"])


# --- in-place forms ---------------------------------------------------------------------------------------


def _overwriting(f: Any) -> Any:
    def form(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return f(input, *args, **kwargs, inplace=True)

    given = inspect.signature(f)
    kept = [p for p in given.parameters.values() if p.name != "inplace"]
    made: Any = form
    made.__signature__ = given.replace(parameters=kept)
    made.__name__ = made.__qualname__ = f"{f.__name__}_"
    made.__doc__ = f"In-place ``{f.__name__}``."
    return made


for _f in (hardtanh, leaky_relu, elu, selu, celu, threshold, rrelu):
    _form = _overwriting(_f)
    globals()[_form.__name__] = exports.PLACES["nn.functional"][_form.__name__] = _form
