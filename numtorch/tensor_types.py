"""``torch.FloatTensor``, ``torch.LongTensor`` and so on: older names of dtypes, which create tensors."""

from __future__ import annotations

from typing import Any

import numtorch.dtype as dtypes
from numtorch._tensor import Tensor
from numtorch.ops import creation

TYPE_NAMES = {dtypes.float32: "torch.FloatTensor", dtypes.float64: "torch.DoubleTensor", dtypes.float16: "torch.HalfTensor",
              dtypes.bfloat16: "torch.BFloat16Tensor", dtypes.int64: "torch.LongTensor", dtypes.int32: "torch.IntTensor",
              dtypes.int16: "torch.ShortTensor", dtypes.int8: "torch.CharTensor", dtypes.uint8: "torch.ByteTensor",
              dtypes.bool: "torch.BoolTensor"}


class TensorType:
    """``torch.LongTensor`` and the like: makes tensors of a dtype, and names it for ``type``."""

    def __init__(self, d: dtypes.dtype):
        self.dtype = d

    def __call__(self, *args: Any) -> Tensor:
        if len(args) == 1 and not isinstance(args[0], int):
            return creation.tensor(args[0], dtype=self.dtype)
        return creation.empty(*args, dtype=self.dtype) if args else creation.empty(0, dtype=self.dtype)

    def __repr__(self) -> str:
        return f"<class '{TYPE_NAMES[self.dtype]}'>"

    def __instancecheck__(self, x: Any) -> bool:
        return isinstance(x, Tensor) and x.dtype is self.dtype


TENSOR_TYPES = {name.split(".")[1]: TensorType(d) for d, name in TYPE_NAMES.items()}
FloatTensor, DoubleTensor = TENSOR_TYPES["FloatTensor"], TENSOR_TYPES["DoubleTensor"]
HalfTensor, BFloat16Tensor = TENSOR_TYPES["HalfTensor"], TENSOR_TYPES["BFloat16Tensor"]
LongTensor, IntTensor, ShortTensor = TENSOR_TYPES["LongTensor"], TENSOR_TYPES["IntTensor"], TENSOR_TYPES["ShortTensor"]
CharTensor, ByteTensor, BoolTensor = TENSOR_TYPES["CharTensor"], TENSOR_TYPES["ByteTensor"], TENSOR_TYPES["BoolTensor"]


def dtype_of(t: Any) -> dtypes.dtype:
    """The dtype that a dtype, a tensor type, a Python type or a name stands for."""
    if isinstance(t, dtypes.dtype):
        return t
    if isinstance(t, TensorType):
        return t.dtype
    if isinstance(t, str) and t.startswith("torch.") and t.split(".")[-1] in TENSOR_TYPES:
        return TENSOR_TYPES[t.split(".")[-1]].dtype
    if t in (float, int, bool):
        return dtypes.as_dtype(t)
    raise TypeError(f"dtype must be a type, str, or dtype object, got {t!r}")


def is_tensor(obj: Any) -> bool:
    """Whether ``obj`` is a Tensor."""
    return isinstance(obj, Tensor)
