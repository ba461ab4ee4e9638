"""Casts and moves the parameters and buffers of a module."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import FunctionType
from typing import TYPE_CHECKING, Any

from numtorch import notices
from numtorch.__future__ import conversions
from numtorch._tensor import Tensor
from numtorch.device import as_device, device
from numtorch.dtype import dtype
from numtorch.grad_mode import no_grad
from numtorch.nn.hooks import Hookable
from numtorch.nn.parameter import Parameter
from numtorch.ops.creation import empty_like


def typename(x: Any) -> str:
    """How torch names an object's type in errors."""
    if isinstance(x, Tensor):
        return x.type()
    of = x if isinstance(x, type | FunctionType) else type(x)
    return of.__qualname__ if of.__module__ in (None, "builtins") else f"{of.__module__}.{of.__qualname__}"


def described(x: Any) -> str:
    """An object in an error: its type, and of a tensor the elements' type and the shape."""
    return f"Tensor of {x.dtype.name}, {list(x.shape)}" if isinstance(x, Tensor) else typename(x)


class Convertible(Hookable):
    """The part of ``Module`` that casts it and moves it."""

    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]

    if TYPE_CHECKING:

        def children(self) -> Iterable[Any]: ...

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        """Replace the elements of all parameters, their gradients and the buffers; Parameter objects stay the same."""
        for module in self.children() if recurse else ():
            module._apply(fn)
        for name, p in list(self._parameters.items()):
            if p is None:
                continue
            with no_grad():
                before, g = p.detach(), p.grad
                after = fn(before)
                if after is before:
                    continue
                if conversions.overwrite:
                    kept = self._parameters[name] = Parameter(after, p.requires_grad)
                else:
                    kept, p.grad = p, None
                    p.data = after
                if g is not None:
                    kept.grad = fn(g.detach())
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Move to a device, or cast floating-point parameters and buffers to a dtype, in place.

        ``to(device)``, ``to(dtype)``, ``to(device, dtype)``, ``to(tensor)``.

        Args:
            *args: a device, a floating-point dtype, or a tensor that has both.
            **kwargs: ``device=``, ``dtype=``, ``tensor=``; ``non_blocking`` and ``memory_format`` are accepted.

        Returns:
            The module.

        Raises:
            TypeError: an argument is none of these, or the dtype is not floating-point.

        >>> torch.nn.Linear(1, 1).to(torch.float64).weight.dtype
        torch.float64
        """
        kind, where = kwargs.pop("dtype", None), kwargs.pop("device", None)
        kwargs.pop("non_blocking", None), kwargs.pop("memory_format", None)
        if "tensor" in kwargs:
            args = (kwargs.pop("tensor"), *args)
        if kwargs:
            raise TypeError(f"to() received an invalid keyword argument: {next(iter(kwargs))}")
        for a in args:
            if isinstance(a, Tensor):
                kind, where = a.dtype, a.device
            elif isinstance(a, dtype):
                kind = a
            elif isinstance(a, str | device) or (isinstance(a, int) and not isinstance(a, bool)):
                where = a
            elif a is not None and not isinstance(a, bool):
                raise TypeError(f"to() takes a device, a dtype or a tensor, not {described(a)}")
        if kind is not None and not kind.differentiable:
            raise TypeError(f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={kind}")
        if kind is not None and kind.is_complex:
            notices.warn(
                "Complex modules are a new feature under active development whose design may change, and some modules "
                "might not work as expected when using complex tensors as parameters or buffers."
            )
        where = None if where is None else as_device(where)

        def moved(t: Tensor) -> Tensor:
            if where is not None and t.device.type == "meta" and where.type != "meta":
                raise NotImplementedError(
                    "Cannot copy out of meta tensor; no data! Please use torch.nn.Module.to_empty() instead of "
                    "torch.nn.Module.to() when moving module from meta to a different device."
                )
            return t.to(where, kind if t.dtype.differentiable else None)

        return self._apply(moved)

    def type(self, dst_type: Any) -> Any:
        """Cast all parameters and buffers, whatever their dtype.

        Args:
            dst_type: the dtype, or its name as of ``Tensor.type``.

        Returns:
            The module.

        >>> torch.nn.Linear(1, 1).type(torch.float64).bias.dtype
        torch.float64
        """
        return self._apply(lambda t: t.type(dst_type))

    def _cast(self, name: str) -> Any:
        return self._apply(lambda t: getattr(t, name)() if t.is_floating_point() else t)

    def float(self) -> Any:
        """Cast floating-point parameters and buffers to float32.

        Returns:
            The module.

        >>> torch.nn.Linear(1, 1, dtype=torch.float64).float().bias.dtype
        torch.float32
        """
        return self._cast("float")

    def double(self) -> Any:
        """Cast floating-point parameters and buffers to float64.

        Returns:
            The module.

        >>> torch.nn.Linear(1, 1).double().bias.dtype
        torch.float64
        """
        return self._cast("double")

    def half(self) -> Any:
        """Cast floating-point parameters and buffers to float16.

        Returns:
            The module.

        >>> torch.nn.Linear(1, 1).half().bias.dtype
        torch.float16
        """
        return self._cast("half")

    def bfloat16(self) -> Any:
        """Cast floating-point parameters and buffers to bfloat16.

        Returns:
            The module.

        >>> torch.nn.Linear(1, 1).bfloat16().bias.dtype
        torch.bfloat16
        """
        return self._cast("bfloat16")

    def cpu(self) -> Any:
        """Move parameters and buffers to the CPU.

        Returns:
            The module.

        >>> torch.nn.Linear(1, 1).cpu().bias.device
        device(type='cpu')
        """
        return self._apply(lambda t: t.cpu())

    def cuda(self, device: Any = None) -> Any:
        """Move parameters and buffers to a GPU.

        Args:
            device: which one, as a number or a device; the current one if None.

        Returns:
            The module.

        >>> if torch.cuda.is_available():
        ...     print(torch.nn.Linear(1, 1).cuda().bias.device.type == "cuda")
        """
        return self._apply(lambda t: t.cuda(device))

    def xpu(self, device: Any = None) -> Any:
        """Would move parameters and buffers to a GPU of Intel's, which is no device here.

        Args:
            device: which one.

        Returns:
            Nothing.

        Raises:
            RuntimeError: always.

        >>> try:
        ...     torch.nn.Linear(1, 1).xpu()
        ... except Exception:
        ...     print("no")
        no
        """
        return self.to("xpu")

    def ipu(self, device: Any = None) -> Any:
        """Would move parameters and buffers to an IPU, which is no device here.

        Args:
            device: which one.

        Returns:
            Nothing.

        Raises:
            RuntimeError: always.

        >>> try:
        ...     torch.nn.Linear(1, 1).ipu()
        ... except Exception:
        ...     print("no")
        no
        """
        return self.to("ipu")

    def mtia(self, device: Any = None) -> Any:
        """Would move parameters and buffers to an MTIA accelerator, which is no device here.

        Args:
            device: which one.

        Returns:
            Nothing.

        Raises:
            RuntimeError: always.

        >>> try:
        ...     torch.nn.Linear(1, 1).mtia()
        ... except Exception:
        ...     print("no")
        no
        """
        return self.to("mtia")

    def to_empty(self, *, device: Any, recurse: bool = True) -> Any:
        """Move to a device without copying: the elements are uninitialised.

        Args:
            device: where to.
            recurse: also the submodules.

        Returns:
            The module.

        >>> torch.nn.Linear(1, 1, device="meta").to_empty(device="cpu").bias.device
        device(type='cpu')
        """
        return self._apply(lambda t: empty_like(t, device=device), recurse)

    def share_memory(self) -> Any:
        """Does nothing: worker processes receive copies.

        Returns:
            The module.

        >>> torch.nn.ReLU().share_memory()
        ReLU()
        """
        return self._apply(lambda t: t.share_memory_())
