"""Forward-mode differentiation: tensors that carry a tangent, ``make_dual`` and ``unpack_dual``.

A dual tensor is one that entered the graph with a tangent. Ops on it are recorded, and ``unpack_dual`` sends the
tangents through the record; see ``passes``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from numtorch import _tensor
from numtorch.autograd import batched, passes
from numtorch.grad_mode import _Setting, mode


class UnpackedDualTensor(NamedTuple):
    """What ``unpack_dual`` returns.

    Attributes:
        primal: the tensor without its tangent.
        tangent: the tangent; None if there is none.
    """

    primal: Any
    tangent: Any


_levels: list[tuple[int, _Setting]] = []


def enter_dual_level() -> int:
    """Begin a level, in which tensors can have tangents; ``dual_level`` does so for a block.

    Returns:
        The number of the level.

    Raises:
        RuntimeError: there is one already. ``torch.func.jvp`` nests.

    >>> from numtorch.autograd import forward_ad
    >>> level = forward_ad.enter_dual_level()
    >>> forward_ad.exit_dual_level()
    """
    if _levels:
        raise RuntimeError(
            "Nested forward mode AD is not supported at the moment: exit the level first, or use torch.func.jvp"
        )
    recording = _Setting(grad=True)
    recording.__enter__()
    _levels.append((0, recording))
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """End the level; what it made has no tangent any more.

    Args:
        level: its number; the last one unless given.

    Raises:
        RuntimeError: ``level`` is not the last one, or there is none.

    >>> from numtorch.autograd import forward_ad
    >>> level = forward_ad.enter_dual_level()
    >>> forward_ad.exit_dual_level(level=level)
    """
    if not _levels or level not in (None, _levels[-1][0]):
        raise RuntimeError(
            "Trying to exit a forward AD level that was not the last one that was created. This is not supported."
        )
    _, recording = _levels.pop()
    recording.__exit__()


class dual_level:  # noqa: N801 - torch's name
    """A block in which tensors can have tangents. Ops in it are recorded, also under ``no_grad``.

    Raises:
        RuntimeError: blocks are nested.

    >>> from numtorch.autograd import forward_ad
    >>> with forward_ad.dual_level():
    ...     x = forward_ad.make_dual(torch.tensor(2.0), torch.tensor(1.0))
    ...     y = forward_ad.unpack_dual(x**3)
    >>> y.primal, y.tangent
    (tensor(8.), tensor(12.))
    """

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(self, *exc: object) -> None:
        exit_dual_level()


def make_dual(tensor: Any, tangent: Any, *, level: int | None = None) -> Any:
    """A tensor with a tangent.

    Args:
        tensor: the primal, of a floating or complex type.
        tangent: of its shape and type.
        level: the level; the last one unless given.

    Returns:
        A tensor over the same memory.

    Raises:
        RuntimeError: there is no level, or the shapes differ.
        ValueError: a type is neither floating nor complex.

    >>> from numtorch.autograd import forward_ad
    >>> with forward_ad.dual_level():
    ...     x = forward_ad.make_dual(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.0]))
    ...     print(forward_ad.unpack_dual(x * x).tangent)
    tensor([2., 0.])
    """
    if not _levels:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first."
        )
    for name, t in (("primal", tensor), ("tangent", tangent)):
        if not isinstance(t, _tensor.Tensor) or not t._k.dtype.differentiable:
            found = t._k.dtype if isinstance(t, _tensor.Tensor) else type(t)
            raise ValueError(f"Expected {name} to be floating point or complex, but got: {found}")
    if tensor.shape != tangent.shape:
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not "
            f"supported. Tensor is of size {list(tensor.shape)} while the given forward gradient is of size "
            f"{list(tangent.shape)}."
        )
    return passes.Entered(tensor, True, tangent, _levels[-1]).tensor


def unpack_dual(tensor: Any, *, level: int | None = None) -> UnpackedDualTensor:
    """A tensor and its tangent, apart.

    Args:
        tensor: any tensor.
        level: the level; the last one unless given.

    Returns:
        (primal, tangent), also by name. The tangent is None of a tensor that depends on no dual tensor, and outside a
        level.

    >>> from numtorch.autograd import forward_ad
    >>> forward_ad.unpack_dual(torch.tensor(1.0))
    UnpackedDualTensor(primal=tensor(1.), tangent=None)
    """
    if not _levels:
        return UnpackedDualTensor(tensor, None)
    inputs = [node.params[1] for node in passes.entries(tensor) if node.params[0] is _levels[-1]]
    if not inputs:
        return UnpackedDualTensor(tensor, None)
    recording = mode.grad
    with _Setting(grad=True):
        push = passes.Pushforward([tensor], [x.node for x in inputs], recording)
        (tangent,) = push([x.tangent for x in inputs])
        own = {x.node for x in inputs}
        primal = tensor.detach() if not passes.outside((batched.whole(tensor),), own) else tensor
    return UnpackedDualTensor(primal, passes.zeros(push.metadata[0], push.levels) if tangent is None else tangent)
