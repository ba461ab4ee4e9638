"""``torch.FloatTensor``, ``torch.LongTensor`` and so on: older names of dtypes, which create tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch._tensor import Tensor
from numtorch.device import as_device
from numtorch.kernels import launch
from numtorch.ops import creation
from numtorch.storage import Size

TYPE_NAMES = {
    dtypes.float32: "torch.FloatTensor",
    dtypes.float64: "torch.DoubleTensor",
    dtypes.float16: "torch.HalfTensor",
    dtypes.bfloat16: "torch.BFloat16Tensor",
    dtypes.int64: "torch.LongTensor",
    dtypes.int32: "torch.IntTensor",
    dtypes.int16: "torch.ShortTensor",
    dtypes.int8: "torch.CharTensor",
    dtypes.uint8: "torch.ByteTensor",
    dtypes.bool: "torch.BoolTensor",
    dtypes.complex64: "torch.ComplexFloatTensor",
    dtypes.complex128: "torch.ComplexDoubleTensor",
    dtypes.uint16: "torch.UInt16Tensor",
    dtypes.uint32: "torch.UInt32Tensor",
    dtypes.uint64: "torch.UInt64Tensor",
}


def legacy(args: tuple, d: dtypes.dtype, device: Any = None) -> Tensor:
    """What ``torch.Tensor(...)`` and ``torch.FloatTensor(...)`` make: of sizes a tensor with any elements, of a
    sequence one with those.

    >>> legacy(([1, 2],), dtypes.float32), legacy((2, 3), dtypes.float32).shape
    (tensor([1., 2.]), torch.Size([2, 3]))
    """
    if len(args) == 1:
        given = args[0]
        if isinstance(given, Tensor):
            if given.dtype is not d:
                raise TypeError(
                    f"new(): expected a tensor of {d.name}, got {given.dtype.name}; cast with .to(torch.{d.name})"
                )
            return given.detach().requires_grad_(False)
        if isinstance(given, np.ndarray) or isinstance(given, Sequence) and not isinstance(given, Size | str):
            return creation.tensor(given, dtype=d, device=device)
        if isinstance(given, str):
            raise TypeError("new(): invalid data type 'str'")
        if isinstance(given, bool | float | np.floating) or given is None:
            raise TypeError(
                f"new(): data must be a sequence (got {type(given).__name__}); torch.tensor({given!r}) takes a number"
            )
    return creation.empty(*args or (0,), dtype=d, device=device)


_DOC = """Tensors of {dtype}{where}: an older name of the dtype, which makes tensors when called.

Newer programs call ``torch.empty`` and ``torch.tensor``.

Args:
    *args: sizes of a tensor with elements of any value, or one sequence of elements.
{example}"""
_CPU = """
>>> isinstance(torch.{name}(2, 3), torch.{name}), torch.{name}([1, 0]).dtype
(True, torch.{dtype})
"""
_CUDA = """
Raises:
    TypeError: there is no GPU.

>>> isinstance(torch.zeros(2), torch.cuda.{name}), torch.cuda.{name}.dtype
(False, torch.{dtype})
"""


class TensorType(type):
    """The class of ``torch.LongTensor``, ``torch.cuda.LongTensor`` and the like."""

    dtype: dtypes.dtype
    is_cuda: bool

    def __repr__(cls) -> str:
        return f"<class '{cls.__module__.replace('numtorch', 'torch')}.{cls.__name__}'>"

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, Tensor) and x.dtype is cls.dtype and (x.device.type == "cuda") is cls.is_cuda

    def device(cls) -> Any:
        """Where its tensors are; TypeError if there is no such device.

        >>> torch.FloatTensor.device()
        device(type='cpu')
        """
        if cls.is_cuda and not launch.is_available():
            raise TypeError(
                f"type torch.cuda.{cls.__name__} not available: there is no GPU. torch.{cls.__name__} is on the CPU: "
                f"torch.cuda.{cls.__name__} if torch.cuda.is_available() else torch.{cls.__name__}"
            )
        return as_device("cuda" if cls.is_cuda else "cpu")


def _new(cls: TensorType, *args: Any) -> Tensor:
    return legacy(args, cls.dtype, cls.device() if cls.is_cuda else None)


def _type(name: str, d: dtypes.dtype, module: str) -> TensorType:
    cuda = module == "numtorch.cuda"
    example = (_CUDA if cuda else _CPU).format(name=name, dtype=d.name)
    doc = _DOC.format(dtype=d.name, where=" on the GPU" if cuda else "", example=example)
    return TensorType(name, (), {"dtype": d, "is_cuda": cuda, "__new__": _new, "__module__": module, "__doc__": doc})


TENSOR_TYPES = {name.split(".")[1]: _type(name.split(".")[1], d, "numtorch") for d, name in TYPE_NAMES.items()}
CUDA_TYPES = {name: _type(name, kind.dtype, "numtorch.cuda") for name, kind in TENSOR_TYPES.items()}
FloatTensor, DoubleTensor = TENSOR_TYPES["FloatTensor"], TENSOR_TYPES["DoubleTensor"]
HalfTensor, BFloat16Tensor = TENSOR_TYPES["HalfTensor"], TENSOR_TYPES["BFloat16Tensor"]
LongTensor, IntTensor, ShortTensor = TENSOR_TYPES["LongTensor"], TENSOR_TYPES["IntTensor"], TENSOR_TYPES["ShortTensor"]
CharTensor, ByteTensor, BoolTensor = TENSOR_TYPES["CharTensor"], TENSOR_TYPES["ByteTensor"], TENSOR_TYPES["BoolTensor"]


def place_of(t: Any) -> tuple[dtypes.dtype, Any]:
    """The dtype that a dtype, a tensor type, a Python type or a name stands for, and its device; None for any."""
    if isinstance(t, dtypes.dtype):
        return t, None
    if isinstance(t, str) and t.startswith("torch."):
        types = CUDA_TYPES if t.startswith("torch.cuda.") else TENSOR_TYPES
        t = types.get(t.removeprefix("torch.").removeprefix("cuda."), t)
    if isinstance(t, TensorType):
        return t.dtype, t.device()
    if t in (float, int, bool, complex):
        return dtypes.as_dtype(t), None
    if isinstance(t, str):
        near = f"; torch.{t} is" if isinstance(getattr(dtypes, t, None), dtypes.dtype) else ""
        raise ValueError(f"invalid type: {t!r}, which is neither 'torch.FloatTensor' nor another type of tensors{near}")
    raise TypeError(f"dtype must be a type, str, or dtype object, got {t!r}")


def is_tensor(obj: Any) -> bool:
    """Whether something is a tensor.

    Args:
        obj: anything.

    Returns:
        A bool.

    >>> torch.is_tensor(torch.zeros(1)), torch.is_tensor([0.0])
    (True, False)
    """
    return isinstance(obj, Tensor)
