"""``torch.types``: names for annotations of what functions take.

>>> from numtorch.types import Number
>>> def half(x: Number) -> float:
...     return x / 2
>>> half(3)
1.5
"""

from __future__ import annotations

import builtins
import os
from collections.abc import Sequence
from typing import Any, TypeAlias, Union

from numtorch._tensor import Tensor as Tensor
from numtorch.device import device as _device_class
from numtorch.dtype import dtype as _dtype_class
from numtorch.layouts import layout as _layout_class
from numtorch.storage import Size
from numtorch.untyped_storage import TypedStorage, UntypedStorage

Number: TypeAlias = Union[int, float, bool]  # noqa: UP007 - isinstance takes it
FileLike: TypeAlias = Union[str, os.PathLike, Any]  # noqa: UP007
PySymType: TypeAlias = Union[int, float, bool]  # noqa: UP007 - sizes are numbers here
IntLikeType: TypeAlias = int
FloatLikeType: TypeAlias = float
BoolLikeType: TypeAlias = bool
Device: TypeAlias = Union[_device_class, str, int, None]  # noqa: UP007
Storage: TypeAlias = Union[UntypedStorage, TypedStorage]  # noqa: UP007

_int, _float, _bool, _complex = builtins.int, builtins.float, builtins.bool, builtins.complex
_dtype, _device, _layout = _dtype_class, _device_class, _layout_class
_size: TypeAlias = Union[Size, list[int], tuple[int, ...]]  # noqa: UP007
_TensorOrTensors: TypeAlias = Union[Tensor, Sequence[Tensor]]  # noqa: UP007
_TensorOrTensorsOrGradEdge: TypeAlias = Union[Tensor, Sequence[Tensor]]  # noqa: UP007
