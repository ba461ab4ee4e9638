"""``swap_tensors``: two tensors exchange all that they hold."""

from __future__ import annotations

from weakref import ref

from numtorch._tensor import Tensor
from numtorch.autograd.node import Leaf


def swap_tensors(t1: Tensor, t2: Tensor) -> None:
    """Let two tensors exchange all that they hold: elements, gradients, classes, attributes.

    Args:
        t1, t2: tensors; whoever refers to one of them finds the other one's contents there.

    Raises:
        TypeError: one of them is no tensor.

    >>> x, y = torch.ones(2), torch.zeros(3, dtype=torch.int64)
    >>> torch.utils.swap_tensors(x, y)
    >>> x, y
    (tensor([0, 0, 0]), tensor([1., 1.]))
    """
    for t in (t1, t2):
        if not isinstance(t, Tensor):
            raise TypeError(f"swap_tensors takes two tensors, not {type(t).__name__}")
    first, second = dict(t1.__dict__), dict(t2.__dict__)
    t1.__class__, t2.__class__ = t2.__class__, t1.__class__
    for t, held in ((t1, second), (t2, first)):
        t.__dict__.clear()
        t.__dict__.update(held)
        if isinstance(t._edge, Leaf) and t._edge.owner is not None:
            t._edge.owner = ref(t)
