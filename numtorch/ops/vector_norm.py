"""``linalg.vector_norm``: the norm of vectors, of any order."""

from __future__ import annotations

from typing import Any

from numtorch._tensor import Tensor
from numtorch.dispatch.out import SAME, into
from numtorch.exports import exported
from numtorch.ops import moments


@exported("linalg")
def vector_norm(
    x: Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None
) -> Tensor:
    """``sum(abs(x) ** ord) ** (1 / ord)`` of all elements, or along dimensions.

    Args:
        x: of a floating or complex type.
        ord: any number; inf is the largest magnitude, -inf the smallest, 0 the number of elements that are not 0.
        dim: the dimension or dimensions that are reduced; all if None.
        keepdim: whether reduced dimensions stay, with extent 1.
        dtype: the type in which it is computed.

    Returns:
        The shape of ``x`` without ``dim``.

    Raises:
        TypeError: ``ord`` is no number.
        RuntimeError: the elements are integers or booleans, or the norm of nothing is asked for and not 0.

    >>> torch.linalg.vector_norm(torch.tensor([[3.0, 4.0], [6.0, 8.0]]), dim=1)
    tensor([ 5., 10.])
    >>> torch.linalg.vector_norm(torch.tensor([3.0, -4.0]), ord=torch.inf)
    tensor(4.)
    """
    if out is not None:
        return into(out, SAME, vector_norm, x, ord, dim, keepdim, dtype=dtype)
    if isinstance(ord, str) or ord is None:
        raise TypeError(f"linalg_vector_norm(): argument 'ord' must be a number, not {type(ord).__name__}")
    if not (x.dtype if dtype is None else dtype).differentiable:
        raise RuntimeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {x.dtype.name}; cast with "
            ".float()"
        )
    return moments.norm(x, float(ord), dim, keepdim, dtype=dtype)
