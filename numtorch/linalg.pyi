# Written by python -m numtorch.stubs; do not edit.

import builtins
from typing import Any, TypeAlias
from numtorch._tensor import Tensor
from numtorch.arguments import Dims
from numtorch.dtype import dtype as DType

_DType: TypeAlias = DType | type[builtins.complex] | type[builtins.float] | type[builtins.int] | type[builtins.bool]

def vector_norm(x: Tensor, ord: Any = ..., dim: Dims | None = ..., keepdim: builtins.bool = ..., *, dtype: _DType | None = ..., out: Tensor | None = ..., axis: Dims | None = ..., keepdims: builtins.bool = ...) -> Tensor: ...
