"""Activation layers: each applies the function of the same name in ``functional``."""

from __future__ import annotations

from typing import Any

from numtorch._tensor import Tensor
from numtorch.nn import functional as F
from numtorch.nn.init import constant_
from numtorch.nn.module import Module
from numtorch.nn.parameter import Parameter
from numtorch.ops.creation import full


class _Inplace(Module):
    """An activation whose only option is ``inplace``."""

    inplace: bool

    def __init__(self, inplace: bool = False):
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class ReLU(_Inplace):
    """``max(x, 0)``, element by element.

    Args:
        inplace: write the result into the input.

    Shape: any, to the same.

    >>> torch.nn.ReLU()(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.relu(input, self.inplace)


class SELU(_Inplace):
    """``1.0507 * elu(x, alpha=1.6733)``, by which mean 0 and variance 1 are a fixed point (Klambauer et al. 2017).

    Args:
        inplace: write the result into the input.

    Shape: any, to the same.

    >>> torch.nn.SELU()(torch.tensor([-1.0, 2.0]))
    tensor([-1.1113,  2.1014])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.selu(input, self.inplace)


class SiLU(_Inplace):
    """``x * sigmoid(x)``, element by element; also called swish (Elfwing et al. 2017).

    Args:
        inplace: write the result into the input.

    Shape: any, to the same.

    >>> torch.nn.SiLU()(torch.tensor([-1.0, 2.0]))
    tensor([-0.2689,  1.7616])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.silu(input, self.inplace)


class Mish(_Inplace):
    """``x * tanh(softplus(x))``, element by element (Misra 2019).

    Args:
        inplace: write the result into the input.

    Shape: any, to the same.

    >>> torch.nn.Mish()(torch.tensor([-1.0, 2.0]))
    tensor([-0.3034,  1.9440])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.mish(input, self.inplace)


class Hardsigmoid(Module):
    """``min(max(x + 3, 0), 6) / 6``, element by element.

    Args:
        inplace: write the result into the input.

    Shape: any, to the same.

    >>> torch.nn.Hardsigmoid()(torch.tensor([-4.0, 0.0, 3.0]))
    tensor([0.0000, 0.5000, 1.0000])
    """

    def __init__(self, inplace: bool = False):
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.hardsigmoid(input, self.inplace)


class Hardswish(Module):
    """``x * hardsigmoid(x)``, element by element (Howard et al. 2019).

    Args:
        inplace: write the result into the input.

    Shape: any, to the same.

    >>> torch.nn.Hardswish()(torch.tensor([-1.5, 1.5, 3.0]))
    tensor([-0.3750,  1.1250,  3.0000])
    """

    def __init__(self, inplace: bool = False):
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.hardswish(input, self.inplace)


class Hardtanh(Module):
    """Elements limited to ``[min_val, max_val]``.

    Args:
        min_val: the lower limit.
        max_val: the upper limit.
        inplace: write the result into the input.

    Shape: any, to the same.

    Raises:
        AssertionError: ``max_val`` is not greater than ``min_val``.

    >>> torch.nn.Hardtanh(-2.0, 2.0)(torch.tensor([-3.0, 0.5, 3.0]))
    tensor([-2.0000,  0.5000,  2.0000])
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False):
        super().__init__()
        self.min_val, self.max_val, self.inplace = min_val, max_val, inplace
        if self.max_val <= self.min_val:
            raise AssertionError(f"max_val ({max_val}) must be greater than min_val ({min_val})")

    def forward(self, input: Tensor) -> Tensor:
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        return f"min_val={self.min_val}, max_val={self.max_val}" + (", inplace=True" if self.inplace else "")


class ReLU6(Hardtanh):
    """``min(max(x, 0), 6)``, element by element.

    Args:
        inplace: write the result into the input.

    Shape: any, to the same.

    >>> torch.nn.ReLU6()(torch.tensor([-1.0, 2.0, 8.0]))
    tensor([0., 2., 6.])
    """

    def __init__(self, inplace: bool = False):
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class LeakyReLU(Module):
    """``x`` where positive, else ``negative_slope * x``.

    Args:
        negative_slope: factor of negative elements.
        inplace: write the result into the input.

    Shape: any, to the same.

    >>> torch.nn.LeakyReLU(0.1)(torch.tensor([-1.0, 2.0]))
    tensor([-0.1000,  2.0000])
    """

    def __init__(self, negative_slope: float = 1e-2, inplace: bool = False):
        super().__init__()
        self.negative_slope, self.inplace = negative_slope, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}" + (", inplace=True" if self.inplace else "")


class PReLU(Module):
    """``x`` where positive, else ``weight * x`` with a learnt weight (He et al. 2015).

    Args:
        num_parameters: 1, or the number of channels (dimension 1 of the input) for a slope of each.
        init: value with which the slopes begin.
        device: where the weight is made; the CPU by default.
        dtype: of the weight; the default dtype if None.

    Shape: any, to the same; with a slope of each channel (N, C, ...).

    Attributes:
        weight: the slopes, (num_parameters,).

    >>> torch.nn.PReLU(init=0.5)(torch.tensor([-1.0, 2.0])).detach()
    tensor([-0.5000,  2.0000])
    """

    weight: Parameter

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None):
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = Parameter(full((num_parameters,), float(init), device=device, dtype=dtype))

    def reset_parameters(self) -> None:
        """Set all slopes to their initial value.

        >>> layer = torch.nn.PReLU(2, init=0.5)
        >>> layer.weight.data.zero_()
        tensor([0., 0.])
        >>> layer.reset_parameters()
        >>> layer.weight.detach()
        tensor([0.5000, 0.5000])
        """
        constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class ELU(Module):
    """``x`` where positive, else ``alpha * (exp(x) - 1)`` (Clevert et al. 2015).

    Args:
        alpha: minus the limit at negative infinity.
        inplace: write the result into the input.

    Shape: any, to the same.

    >>> torch.nn.ELU()(torch.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False):
        super().__init__()
        self.alpha, self.inplace = alpha, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.elu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class CELU(Module):
    """``x`` where positive, else ``alpha * (exp(x / alpha) - 1)`` (Barron 2017).

    Args:
        alpha: minus the limit at negative infinity; not 0.
        inplace: write the result into the input.

    Shape: any, to the same.

    >>> torch.nn.CELU(alpha=2.0)(torch.tensor([-1.0, 2.0]))
    tensor([-0.7869,  2.0000])
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False):
        super().__init__()
        self.alpha, self.inplace = alpha, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.celu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class Threshold(Module):
    """``x`` where above the threshold, else ``value``.

    Args:
        threshold: elements greater than it are kept.
        value: replaces the others.
        inplace: write the result into the input.

    Shape: any, to the same.

    >>> torch.nn.Threshold(1.0, -5.0)(torch.tensor([0.5, 2.0]))
    tensor([-5.,  2.])
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False):
        super().__init__()
        self.threshold, self.value, self.inplace = threshold, value, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        return f"threshold={self.threshold}, value={self.value}" + (", inplace=True" if self.inplace else "")


class GELU(Module):
    """``x`` times the standard normal distribution's probability below ``x`` (Hendrycks and Gimpel 2016).

    Args:
        approximate: ``"none"`` is exact; ``"tanh"`` is ``0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))``.

    Shape: any, to the same.

    >>> torch.nn.GELU()(torch.tensor([-1.0, 2.0]))
    tensor([-0.1587,  1.9545])
    """

    def __init__(self, approximate: str = "none"):
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        return F.gelu(input, approximate=self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class GLU(Module):
    """The first half of the input times the sigmoid of its second half (Dauphin et al. 2017).

    Args:
        dim: the dimension that is halved; its size must be even.

    Shape: (..., 2 * n, ...) to (..., n, ...).

    >>> torch.nn.GLU()(torch.tensor([3.0, 4.0, 0.0, 0.0]))
    tensor([1.5000, 2.0000])
    """

    def __init__(self, dim: int = -1):
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.glu(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softplus(Module):
    """``log(1 + exp(beta * x)) / beta``, a smooth ``relu``.

    Args:
        beta: steepness; the larger, the closer to ``relu``.
        threshold: where ``beta * x`` exceeds it, the result is ``x``.

    Shape: any, to the same.

    >>> torch.nn.Softplus()(torch.tensor([-1.0, 0.0, 30.0]))
    tensor([ 0.3133,  0.6931, 30.0000])
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0):
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, input: Tensor) -> Tensor:
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class _Shrink(Module):
    def __init__(self, lambd: float = 0.5):
        super().__init__()
        self.lambd = lambd

    def extra_repr(self) -> str:
        return str(self.lambd)


class Hardshrink(_Shrink):
    """``x`` where ``|x| > lambd``, else 0.

    Args:
        lambd: the threshold; not negative.

    Shape: any, to the same.

    >>> torch.nn.Hardshrink(1.0)(torch.tensor([-2.0, 0.5]))
    tensor([-2.,  0.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.hardshrink(input, self.lambd)


class Softshrink(_Shrink):
    """``x`` moved towards 0 by ``lambd``, and 0 where that would pass it.

    Args:
        lambd: the distance; not negative.

    Shape: any, to the same.

    >>> torch.nn.Softshrink(1.0)(torch.tensor([-3.0, 0.5, 2.0]))
    tensor([-2.,  0.,  1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softshrink(input, self.lambd)


class Sigmoid(Module):
    """``1 / (1 + exp(-x))``, element by element.

    Shape: any, to the same.

    >>> torch.nn.Sigmoid()(torch.tensor([0.0, 1.0]))
    tensor([0.5000, 0.7311])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.sigmoid(input)


class Tanh(Module):
    """The hyperbolic tangent of each element, ``(exp(x) - exp(-x)) / (exp(x) + exp(-x))``.

    Shape: any, to the same.

    >>> torch.nn.Tanh()(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7616])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.tanh(input)


class LogSigmoid(Module):
    """``log(sigmoid(x))`` of each element, without underflow.

    Shape: any, to the same.

    >>> torch.nn.LogSigmoid()(torch.tensor([0.0, -200.0]))
    tensor([  -0.6931, -200.0000])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.logsigmoid(input)


class Softsign(Module):
    """``x / (1 + |x|)``, element by element.

    Shape: any, to the same.

    >>> torch.nn.Softsign()(torch.tensor([-1.0, 3.0]))
    tensor([-0.5000,  0.7500])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softsign(input)


class Tanhshrink(Module):
    """``x - tanh(x)``, element by element.

    Shape: any, to the same.

    >>> torch.nn.Tanhshrink()(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.2384])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.tanhshrink(input)


class _Along(Module):
    """An activation along a dimension."""

    dim: int | None

    def __init__(self, dim: int | None = None):
        super().__init__()
        self.dim = dim

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax(_Along):
    """``exp(x) / sum(exp(x))`` along a dimension: positive numbers that sum to one.

    Args:
        dim: the dimension; if None, 0 for inputs of 0, 1 or 3 dimensions, else 1, with a warning.

    Shape: any, to the same.

    >>> torch.nn.Softmax(dim=1)(torch.tensor([[0.0, 0.0], [0.0, 1.0]]))
    tensor([[0.5000, 0.5000],
            [0.2689, 0.7311]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, self.dim)


class Softmin(_Along):
    """``softmax(-x)``: the smallest element gets the largest share.

    Args:
        dim: the dimension; if None, 0 for inputs of 0, 1 or 3 dimensions, else 1, with a warning.

    Shape: any, to the same.

    >>> torch.nn.Softmin(dim=0)(torch.tensor([0.0, 1.0]))
    tensor([0.7311, 0.2689])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softmin(input, self.dim)


class LogSoftmax(_Along):
    """``log(softmax(x))`` along a dimension, without underflow.

    Args:
        dim: the dimension; if None, 0 for inputs of 0, 1 or 3 dimensions, else 1, with a warning.

    Shape: any, to the same.

    >>> torch.nn.LogSoftmax(dim=0)(torch.tensor([0.0, 200.0]))
    tensor([-200.,    0.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.log_softmax(input, self.dim)


class Softmax2d(Module):
    """``softmax`` over the channels at each place of an image.

    Shape: (N, C, H, W) or (C, H, W), to the same.

    Raises:
        ValueError: the input has another number of dimensions.

    >>> torch.nn.Softmax2d()(torch.zeros(2, 1, 1)).flatten()
    tensor([0.5000, 0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.ndim}D instead")
        return F.softmax(input, -3)


class RReLU(Module):
    """``x`` where positive, else ``a * x``, where a is drawn from U(lower, upper) in training, and else their mean.

    Args:
        lower: the least slope.
        upper: the largest slope.
        inplace: write the result into the input.

    Shape: any, to the same.

    >>> torch.nn.RReLU(0.5, 0.5)(torch.tensor([-1.0, 2.0]))
    tensor([-0.5000,  2.0000])
    """

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False):
        super().__init__()
        self.lower, self.upper, self.inplace = lower, upper, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"lower={self.lower}, upper={self.upper}" + (", inplace=True" if self.inplace else "")
