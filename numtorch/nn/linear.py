"""Linear layers: ``Linear``, ``Bilinear``, ``Identity``."""

from __future__ import annotations

import math
from typing import Any

from numtorch._tensor import Tensor
from numtorch.nn import init
from numtorch.nn.functional import bilinear
from numtorch.nn.module import Module
from numtorch.nn.parameter import Parameter
from numtorch.ops.creation import empty
from numtorch.ops.linear import linear


class Identity(Module):
    """Returns its input; a placeholder for a layer.

    Args:
        *args, **kwargs: ignored.

    Shape: any, to the same.

    >>> torch.nn.Identity(54, unused=0.1)(torch.tensor([1.0]))
    tensor([1.])
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__()

    def forward(self, input: Any) -> Any:
        return input


class Linear(Module):
    """``x @ weight.T + bias``.

    Args:
        in_features: size of the input's last dimension.
        out_features: size of the result's last dimension.
        bias: add a learnt number to each output.
        device: where the parameters are made; the CPU by default.
        dtype: of the parameters; the default dtype if None.

    Shape: (..., in_features) to (..., out_features).

    Attributes:
        weight: (out_features, in_features), drawn from U(-b, b) with ``b = 1 / sqrt(in_features)``.
        bias: (out_features,), drawn from the same, or None.

    See https://pytorch.org/docs/stable/generated/torch.nn.Linear.html

    >>> torch.nn.Linear(784, 10)(torch.zeros(2, 784)).shape
    torch.Size([2, 10])
    """

    in_features: int
    out_features: int
    weight: Parameter
    bias: Parameter | None

    def __init__(self, in_features: int, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None):
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(empty((out_features, in_features), device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(empty(out_features, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew from U(-b, b), ``b = 1 / sqrt(in_features)``.

        >>> layer = torch.nn.Linear(4, 1)
        >>> layer.weight.data.fill_(9.0)
        tensor([[9., 9., 9., 9.]])
        >>> layer.reset_parameters()
        >>> bool((layer.weight.abs() <= 0.5).all())
        True
        """
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))  # with this slope the bound is 1 / sqrt(fan_in)
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        return linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class NonDynamicallyQuantizableLinear(Linear):
    """The last layer of ``MultiheadAttention``; whole modules are saved with its name, which is PyTorch's."""

    _is_part = True


class Bilinear(Module):
    """``input1 @ weight[k] @ input2 + bias[k]`` for each output k.

    Args:
        in1_features: size of the first input's last dimension.
        in2_features: size of the second input's last dimension.
        out_features: size of the result's last dimension.
        bias: add a learnt number to each output.
        device: where the parameters are made; the CPU by default.
        dtype: of the parameters; the default dtype if None.

    Shape: (..., in1_features) and (..., in2_features), to (..., out_features).

    Attributes:
        weight: (out_features, in1_features, in2_features), drawn from U(-b, b) with ``b = 1 / sqrt(in1_features)``.
        bias: (out_features,), drawn from the same, or None.

    Raises:
        ValueError: ``in1_features`` is not positive.

    >>> torch.nn.Bilinear(2, 3, 4)(torch.zeros(5, 2), torch.zeros(5, 3)).shape
    torch.Size([5, 4])
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        if in1_features <= 0:
            raise ValueError(f"in1_features must be > 0, but got (in1_features={in1_features})")
        super().__init__()
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        self.weight = Parameter(empty((out_features, in1_features, in2_features), device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(empty(out_features, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew from U(-b, b), ``b = 1 / sqrt(in1_features)``.

        >>> layer = torch.nn.Bilinear(4, 1, 1)
        >>> layer.weight.data.fill_(9.0).sum()
        tensor(36.)
        >>> layer.reset_parameters()
        >>> bool((layer.weight.abs() <= 0.5).all())
        True
        """
        bound = 1 / math.sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        return bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )
