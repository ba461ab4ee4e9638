# Written by python -m numtorch.stubs; do not edit.

import builtins
import numpy as np
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, SupportsIndex, TypeAlias, overload
from numtorch.arguments import Dims
from numtorch.device import device as Device
from numtorch.dtype import dtype as DType
from numtorch.storage import Kind, Size, Storage
from numtorch.storage import kind as kind

_Operand: TypeAlias = Tensor | builtins.complex | np.ndarray[Any, Any] | np.generic
_Size: TypeAlias = SupportsIndex | Sequence[SupportsIndex]
_DType: TypeAlias = DType | type[builtins.complex] | type[builtins.float] | type[builtins.int] | type[builtins.bool]
_Device: TypeAlias = Device | str | builtins.int

new: Callable[..., Any]
LARGEST: int

class Tensor:
    shape: Size
    _buf: Any
    _k: Kind
    _strides: tuple[builtins.int, ...] | None
    _storage: Storage
    _offset: builtins.int
    _edge: Any
    _grad: Tensor | None
    _base: Tensor | None
    _guard: builtins.str | None
    @property
    def grad(self) -> Tensor | Any: ...
    @grad.setter
    def grad(self, value: Tensor | None) -> None: ...
    data: Tensor
    requires_grad: builtins.bool
    _retains: Any
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...
    @property
    def H(self) -> Tensor:
        """A matrix transposed (and, of complex numbers, conjugated)."""
    @property
    def T(self) -> Tensor:
        """The dimensions reversed; of a matrix the transpose."""
    def __abs__(self) -> Tensor: ...
    def __add__(self, other: _Operand) -> Tensor: ...
    def __and__(self, other: _Operand) -> Tensor: ...
    def __array__(self, dtype: _DType | None = ..., copy: builtins.bool | None = ...) -> np.ndarray: ...
    def __array_namespace__(self, *, api_version: str | None = ...) -> Any: ...
    def __array_wrap__(self, array: np.ndarray, context: Any = ..., return_scalar: builtins.bool = ...) -> Tensor: ...
    def __bool__(self) -> builtins.bool: ...
    def __complex__(self) -> builtins.complex: ...
    def __contains__(self, value: Any) -> builtins.bool: ...
    def __copy__(self) -> Tensor: ...
    def __deepcopy__(self, memo: Any) -> Tensor: ...
    def __dir__(self) -> list[str]: ...
    def __dlpack__(self, *, stream: builtins.int | None = ..., max_version: tuple[builtins.int, builtins.int] | None = ..., dl_device: Any = ..., copy: builtins.bool | None = ...) -> Any: ...
    def __dlpack_device__(self) -> tuple[builtins.int, builtins.int]: ...
    def __eq__(self, other: object) -> Tensor: ...  # type: ignore[override]
    def __float__(self) -> builtins.float: ...
    def __floordiv__(self, other: _Operand) -> Tensor: ...
    def __format__(self, spec: str) -> str: ...
    def __ge__(self, other: _Operand) -> Tensor: ...
    def __getitem__(self, key: Any) -> Tensor: ...
    def __gt__(self, other: _Operand) -> Tensor: ...
    def __iadd__(self, other: _Operand) -> Tensor: ...
    def __iand__(self, other: _Operand) -> Tensor: ...
    def __ifloordiv__(self, other: _Operand) -> Tensor: ...
    def __ilshift__(self, other: _Operand) -> Tensor: ...
    def __imod__(self, other: _Operand) -> Tensor: ...
    def __imul__(self, other: _Operand) -> Tensor: ...
    def __index__(self) -> builtins.int: ...
    def __int__(self) -> builtins.int: ...
    def __invert__(self) -> Tensor: ...
    def __ior__(self, other: _Operand) -> Tensor: ...
    def __ipow__(self, other: _Operand) -> Tensor: ...
    def __irshift__(self, other: _Operand) -> Tensor: ...
    def __isub__(self, other: _Operand) -> Tensor: ...
    def __iter__(self) -> Iterator[Tensor]: ...
    def __itruediv__(self, other: _Operand) -> Tensor: ...
    def __ixor__(self, other: _Operand) -> Tensor: ...
    def __le__(self, other: _Operand) -> Tensor: ...
    def __len__(self) -> builtins.int: ...
    def __lshift__(self, other: _Operand) -> Tensor: ...
    def __lt__(self, other: _Operand) -> Tensor: ...
    def __matmul__(self, other: Tensor) -> Tensor: ...
    def __mod__(self, other: _Operand) -> Tensor: ...
    def __mul__(self, other: _Operand) -> Tensor: ...
    def __ne__(self, other: object) -> Tensor: ...  # type: ignore[override]
    def __neg__(self) -> Tensor: ...
    def __or__(self, other: _Operand) -> Tensor: ...
    def __pos__(self) -> Tensor: ...
    def __pow__(self, other: _Operand) -> Tensor: ...
    def __radd__(self, other: _Operand) -> Tensor: ...
    def __rand__(self, other: _Operand) -> Tensor: ...
    def __rdiv__(self, other: _Operand) -> Tensor: ...
    def __reduce_ex__(self, protocol: Any) -> tuple: ...
    def __repr__(self) -> str: ...
    def __rfloordiv__(self, other: _Operand) -> Tensor: ...
    def __rlshift__(self, other: _Operand) -> Tensor: ...
    def __rmatmul__(self, other: _Operand) -> Tensor: ...
    def __rmod__(self, other: _Operand) -> Tensor: ...
    def __rmul__(self, other: _Operand) -> Tensor: ...
    def __ror__(self, other: _Operand) -> Tensor: ...
    def __rpow__(self, other: _Operand) -> Tensor: ...
    def __rrshift__(self, other: _Operand) -> Tensor: ...
    def __rshift__(self, other: _Operand) -> Tensor: ...
    def __rsub__(self, other: _Operand) -> Tensor: ...
    def __rtruediv__(self, other: _Operand) -> Tensor: ...
    def __rxor__(self, other: _Operand) -> Tensor: ...
    def __setitem__(self, key: Any, value: Any) -> None: ...
    def __sub__(self, other: _Operand) -> Tensor: ...
    def __truediv__(self, other: _Operand) -> Tensor: ...
    def __xor__(self, other: _Operand) -> Tensor: ...
    @property
    def _version(self) -> builtins.int:
        """How many in-place ops have written to the storage."""
    def abs(self, *, out: Tensor | None = ...) -> Tensor:
        """The absolute value, of complex numbers ``sqrt(real ** 2 + imag ** 2)``; its gradient at 0 is 0."""
    def abs_(self) -> Tensor:
        """In-place ``abs``."""
    def absolute(self, *, out: Tensor | None = ...) -> Tensor:
        """The absolute value, of complex numbers ``sqrt(real ** 2 + imag ** 2)``; its gradient at 0 is 0."""
    def absolute_(self) -> Tensor:
        """In-place ``abs``."""
    def acos(self, *, out: Tensor | None = ...) -> Tensor:
        """The angle in radians, in ``[0, pi]``, whose cosine is ``input``; NaN beyond -1 and 1."""
    def acos_(self) -> Tensor:
        """In-place ``acos``."""
    def acosh(self, *, out: Tensor | None = ...) -> Tensor:
        """The number from 0 on whose hyperbolic cosine is ``input``; NaN below 1."""
    def acosh_(self) -> Tensor:
        """In-place ``acosh``."""
    def add(self, other: _Operand, *, alpha: builtins.complex | Tensor = ..., out: Tensor | None = ...) -> Tensor:
        """``input + alpha * other``, element by element."""
    def add_(self, other: _Operand, *, alpha: builtins.complex | Tensor = ...) -> Tensor:
        """In-place ``add``."""
    def addbmm(self, batch1: Tensor, batch2: Tensor, *, beta: builtins.complex | Tensor = ..., alpha: builtins.complex | Tensor = ..., out: Tensor | None = ...) -> Tensor:
        """``beta * input + alpha * sum_i (batch1[i] @ batch2[i])``."""
    def addbmm_(self, batch1: Tensor, batch2: Tensor, *, beta: builtins.complex | Tensor = ..., alpha: builtins.complex | Tensor = ...) -> Tensor:
        """In-place ``addbmm``."""
    def addcdiv(self, tensor1: Tensor, tensor2: Tensor, *, value: Any = ..., out: Tensor | None = ...) -> Tensor:
        """``input + value * tensor1 / tensor2``, element by element, in whichever order nothing overflows that need not."""
    def addcdiv_(self, tensor1: Tensor, tensor2: Tensor, *, value: Any = ...) -> Tensor:
        """In-place ``addcdiv``."""
    def addcmul(self, tensor1: Tensor, tensor2: Tensor, *, value: Any = ..., out: Tensor | None = ...) -> Tensor:
        """``input + value * tensor1 * tensor2``, element by element, in whichever order nothing overflows that need not."""
    def addcmul_(self, tensor1: Tensor, tensor2: Tensor, *, value: Any = ...) -> Tensor:
        """In-place ``addcmul``."""
    def addmm(self, mat1: Tensor, mat2: Tensor, *, beta: builtins.complex | Tensor = ..., alpha: builtins.complex | Tensor = ..., out: Tensor | None = ...) -> Tensor:
        """``beta * input + alpha * (mat1 @ mat2)``; what is multiplied by 0 is ignored, NaN and infinity too."""
    def addmm_(self, mat1: Tensor, mat2: Tensor, *, beta: builtins.complex | Tensor = ..., alpha: builtins.complex | Tensor = ...) -> Tensor:
        """In-place ``addmm``."""
    def addmv(self, mat: Tensor, vec: Tensor, *, beta: builtins.complex | Tensor = ..., alpha: builtins.complex | Tensor = ..., out: Tensor | None = ...) -> Tensor:
        """``beta * input + alpha * (mat @ vec)``."""
    def addmv_(self, mat: Tensor, vec: Tensor, *, beta: builtins.complex | Tensor = ..., alpha: builtins.complex | Tensor = ...) -> Tensor:
        """In-place ``addmv``."""
    def addr(self, vec1: Tensor, vec2: Tensor, *, beta: builtins.complex | Tensor = ..., alpha: builtins.complex | Tensor = ..., out: Tensor | None = ...) -> Tensor:
        """``beta * input + alpha * outer(vec1, vec2)``."""
    def addr_(self, vec1: Tensor, vec2: Tensor, *, beta: builtins.complex | Tensor = ..., alpha: builtins.complex | Tensor = ...) -> Tensor:
        """In-place ``addr``."""
    def adjoint(self) -> Tensor:
        """The last two dimensions exchanged (and, of complex numbers, conjugated)."""
    def all(self, dim: Dims | None = ..., keepdim: builtins.bool = ..., *, out: Tensor | None = ..., axis: Dims | None = ..., keepdims: builtins.bool = ...) -> Tensor:
        """Whether every element is nonzero, of all or along dimensions."""
    def allclose(self, other: Tensor, rtol: builtins.float = ..., atol: builtins.float = ..., equal_nan: builtins.bool = ...) -> builtins.bool:
        """Whether all elements are within ``atol + rtol * abs(other)`` of each other, or equal."""
    def amax(self, dim: Dims = ..., keepdim: builtins.bool = ..., *, out: Tensor | None = ..., axis: Dims = ..., keepdims: builtins.bool = ...) -> Tensor:
        """The largest element along dimensions; NaN if there is one. Equal elements share the gradient."""
    def amin(self, dim: Dims = ..., keepdim: builtins.bool = ..., *, out: Tensor | None = ..., axis: Dims = ..., keepdims: builtins.bool = ...) -> Tensor:
        """The smallest element along dimensions; NaN if there is one. Equal elements share the gradient."""
    def aminmax(self, *, dim: builtins.int | None = ..., keepdim: builtins.bool = ..., out: Tensor | None = ..., axis: builtins.int | None = ..., keepdims: builtins.bool = ...) -> Any:
        """The smallest and the largest element, of all or along a dimension."""
    def angle(self, *, out: Tensor | None = ...) -> Tensor:
        """The angle in the complex plane, in radians from -pi to pi; of a real number 0 or pi."""
    def any(self, dim: Dims | None = ..., keepdim: builtins.bool = ..., *, out: Tensor | None = ..., axis: Dims | None = ..., keepdims: builtins.bool = ...) -> Tensor:
        """Whether any element is nonzero, of all or along dimensions."""
    def apply_(self, callable: Any) -> Tensor:
        """Replace each element by a Python function of it: slow, as each element is a Python number for a while."""
    def arccos(self, *, out: Tensor | None = ...) -> Tensor:
        """The angle in radians, in ``[0, pi]``, whose cosine is ``input``; NaN beyond -1 and 1."""
    def arccos_(self) -> Tensor:
        """In-place ``acos``."""
    def arccosh(self, *, out: Tensor | None = ...) -> Tensor:
        """The number from 0 on whose hyperbolic cosine is ``input``; NaN below 1."""
    def arccosh_(self) -> Tensor:
        """In-place ``acosh``."""
    def arcsin(self, *, out: Tensor | None = ...) -> Tensor:
        """The angle in radians, in ``[-pi / 2, pi / 2]``, whose sine is ``input``; NaN beyond -1 and 1."""
    def arcsin_(self) -> Tensor:
        """In-place ``asin``."""
    def arcsinh(self, *, out: Tensor | None = ...) -> Tensor:
        """The number whose hyperbolic sine is ``input``: ``log(input + sqrt(input ** 2 + 1))``."""
    def arcsinh_(self) -> Tensor:
        """In-place ``asinh``."""
    def arctan(self, *, out: Tensor | None = ...) -> Tensor:
        """The angle in radians, in ``[-pi / 2, pi / 2]``, whose tangent is ``input``."""
    def arctan2(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """The angle in radians, in ``[-pi, pi]``, of the point ``(other, input)`` in the plane."""
    def arctan2_(self, other: _Operand) -> Tensor:
        """In-place ``atan2``."""
    def arctan_(self) -> Tensor:
        """In-place ``atan``."""
    def arctanh(self, *, out: Tensor | None = ...) -> Tensor:
        """The number whose hyperbolic tangent is ``input``: ``log((1 + input) / (1 - input)) / 2``; NaN beyond -1 and 1."""
    def arctanh_(self) -> Tensor:
        """In-place ``atanh``."""
    def argmax(self, dim: builtins.int | None = ..., keepdim: builtins.bool = ..., *, out: Tensor | None = ..., axis: builtins.int | None = ..., keepdims: builtins.bool = ...) -> Tensor:
        """Where the largest element is, the first of several: in the flattened tensor, or along a dimension."""
    def argmin(self, dim: builtins.int | None = ..., keepdim: builtins.bool = ..., *, out: Tensor | None = ..., axis: builtins.int | None = ..., keepdims: builtins.bool = ...) -> Tensor:
        """Where the smallest element is, the first of several: in the flattened tensor, or along a dimension."""
    def argsort(self, dim: builtins.int = ..., descending: builtins.bool = ..., *, stable: builtins.bool = ..., out: Tensor | None = ..., axis: builtins.int = ...) -> Tensor:
        """The positions that sort along ``dim``: the indices of ``sort``."""
    def argwhere(self) -> Tensor:
        """The positions of nonzero elements, one row each: ``nonzero(input)``."""
    def as_strided(self, size: Sequence[builtins.int], stride: Sequence[builtins.int], storage_offset: builtins.int | None = ...) -> Tensor:
        """A view with the given sizes, strides and offset into the memory of ``input``."""
    def as_strided_(self, size: builtins.int | Sequence[builtins.int], stride: builtins.int | Sequence[builtins.int], storage_offset: builtins.int | None = ...) -> Tensor:
        """In-place ``as_strided``."""
    def as_strided_scatter(self, src: Tensor, size: builtins.int | Sequence[builtins.int], stride: builtins.int | Sequence[builtins.int], storage_offset: builtins.int | None = ..., *, out: Tensor | None = ...) -> Tensor:
        """A copy of ``input`` in which the elements that ``as_strided`` would show are those of ``src``."""
    def asin(self, *, out: Tensor | None = ...) -> Tensor:
        """The angle in radians, in ``[-pi / 2, pi / 2]``, whose sine is ``input``; NaN beyond -1 and 1."""
    def asin_(self) -> Tensor:
        """In-place ``asin``."""
    def asinh(self, *, out: Tensor | None = ...) -> Tensor:
        """The number whose hyperbolic sine is ``input``: ``log(input + sqrt(input ** 2 + 1))``."""
    def asinh_(self) -> Tensor:
        """In-place ``asinh``."""
    def atan(self, *, out: Tensor | None = ...) -> Tensor:
        """The angle in radians, in ``[-pi / 2, pi / 2]``, whose tangent is ``input``."""
    def atan2(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """The angle in radians, in ``[-pi, pi]``, of the point ``(other, input)`` in the plane."""
    def atan2_(self, other: _Operand) -> Tensor:
        """In-place ``atan2``."""
    def atan_(self) -> Tensor:
        """In-place ``atan``."""
    def atanh(self, *, out: Tensor | None = ...) -> Tensor:
        """The number whose hyperbolic tangent is ``input``: ``log((1 + input) / (1 - input)) / 2``; NaN beyond -1 and 1."""
    def atanh_(self) -> Tensor:
        """In-place ``atanh``."""
    def backward(self, gradient: Tensor | None = ..., retain_graph: builtins.bool | None = ..., create_graph: builtins.bool = ..., inputs: Any = ...) -> None:
        """Add the gradients of this tensor to the ``grad`` of the leaves it was computed from."""
    def baddbmm(self, batch1: Tensor, batch2: Tensor, *, beta: builtins.complex | Tensor = ..., alpha: builtins.complex | Tensor = ..., out: Tensor | None = ...) -> Tensor:
        """``beta * input + alpha * (batch1 @ batch2)`` for each matrix of a batch."""
    def baddbmm_(self, batch1: Tensor, batch2: Tensor, *, beta: builtins.complex | Tensor = ..., alpha: builtins.complex | Tensor = ...) -> Tensor:
        """In-place ``baddbmm``."""
    def bernoulli(self, p: builtins.float | None = ..., *, generator: Any = ..., out: Tensor | None = ...) -> Tensor:
        """1 with the probability that each element gives, else 0."""
    def bernoulli_(self, p: Any = ..., *, generator: Any = ...) -> Tensor:
        """Overwrite with 1 with probability ``p``, else 0."""
    def bfloat16(self, *, memory_format: Any = ...) -> Tensor:
        """The elements as bfloat16."""
    def bincount(self, weights: Tensor | None = ..., minlength: builtins.int = ...) -> Tensor:
        """How often each number from 0 on occurs, or the sum of the ``weights`` of its places."""
    def bitwise_and(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """Bitwise and of integers, logical and of booleans, element by element."""
    def bitwise_and_(self, other: _Operand) -> Tensor:
        """In-place ``bitwise_and``."""
    def bitwise_left_shift(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """``input << other``: bits moved to the left, those beyond the type lost."""
    def bitwise_left_shift_(self, other: _Operand) -> Tensor:
        """In-place ``bitwise_left_shift``."""
    def bitwise_not(self, *, out: Tensor | None = ...) -> Tensor:
        """Bitwise not of integers (``-input - 1`` if signed), logical not of booleans, element by element."""
    def bitwise_not_(self) -> Tensor:
        """In-place ``bitwise_not``."""
    def bitwise_or(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """Bitwise or of integers, logical or of booleans, element by element."""
    def bitwise_or_(self, other: _Operand) -> Tensor:
        """In-place ``bitwise_or``."""
    def bitwise_right_shift(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """``input >> other``: bits moved to the right, the sign kept."""
    def bitwise_right_shift_(self, other: _Operand) -> Tensor:
        """In-place ``bitwise_right_shift``."""
    def bitwise_xor(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """Bitwise exclusive or of integers, and of booleans whether they differ, element by element."""
    def bitwise_xor_(self, other: _Operand) -> Tensor:
        """In-place ``bitwise_xor``."""
    def bmm(self, mat2: Tensor, *, out: Tensor | None = ...) -> Tensor:
        """The products of two batches of matrices."""
    def bool(self, *, memory_format: Any = ...) -> Tensor:
        """The elements as bool."""
    def broadcast_to(self, *sizes: _Size, size: builtins.int | Sequence[builtins.int] | None = ...) -> Tensor:
        """Seen in a shape to which it broadcasts, without copying."""
    def byte(self, *, memory_format: Any = ...) -> Tensor:
        """The elements as uint8."""
    def cauchy_(self, median: builtins.float = ..., sigma: builtins.float = ..., *, generator: Any = ...) -> Tensor:
        """Overwrite with random numbers of the Cauchy distribution, of density ``sigma / pi / ((x - median) ** 2 + sigma ** 2)``."""
    def ccol_indices(self) -> Tensor:
        """Where each column of a sparse matrix begins, and the last one ends."""
    def cdouble(self, *, memory_format: Any = ...) -> Tensor:
        """The elements as complex128."""
    def ceil(self, *, out: Tensor | None = ...) -> Tensor:
        """The smallest integer not below each element; its gradient is 0."""
    def ceil_(self) -> Tensor:
        """In-place ``ceil``."""
    def cfloat(self, *, memory_format: Any = ...) -> Tensor:
        """The elements as complex64."""
    def char(self, *, memory_format: Any = ...) -> Tensor:
        """The elements as int8."""
    def cholesky(self, upper: builtins.bool = ..., *, out: Tensor | None = ...) -> Tensor:
        """The Cholesky factor of positive-definite matrices: the lower triangle L of which ``A = L @ L^H``."""
    def cholesky_inverse(self, upper: builtins.bool = ..., *, out: Tensor | None = ...) -> Tensor:
        """The inverse of a matrix from its Cholesky factor."""
    def cholesky_solve(self, L: Tensor, upper: builtins.bool = ..., *, out: Tensor | None = ...) -> Tensor:
        """The solution of ``A X = B`` from the Cholesky factor of ``A``."""
    def chunk(self, chunks: builtins.int, dim: builtins.int = ..., *, axis: builtins.int = ...) -> tuple[Tensor, ...]:
        """At most ``chunks`` pieces along a dimension, as views: all as long as the first, but for the last."""
    def clamp(self, min: _Operand | None = ..., max: _Operand | None = ..., *, out: Tensor | None = ...) -> Tensor:
        """``min(max(input, min), max)``: elements limited to ``[min, max]``; the gradient is 1 inside and at the bounds."""
    def clamp_(self, min: _Operand | None = ..., max: _Operand | None = ...) -> Tensor:
        """In-place ``clamp``."""
    def clamp_max(self, max: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """``min(input, max)``: elements not above ``max``; NaN if either is."""
    def clamp_max_(self, max: _Operand) -> Tensor:
        """In-place ``clamp_max``."""
    def clamp_min(self, min: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """``max(input, min)``: elements not below ``min``; NaN if either is."""
    def clamp_min_(self, min: _Operand) -> Tensor:
        """In-place ``clamp_min``."""
    def clip(self, min: _Operand | None = ..., max: _Operand | None = ..., *, out: Tensor | None = ...) -> Tensor:
        """``min(max(input, min), max)``: elements limited to ``[min, max]``; the gradient is 1 inside and at the bounds."""
    def clip_(self, min: _Operand | None = ..., max: _Operand | None = ...) -> Tensor:
        """In-place ``clamp``."""
    def clone(self, *, memory_format: Any = ...) -> Tensor:
        """A copy of the elements; the gradient passes through."""
    def coalesce(self) -> Tensor:
        """The sparse tensor with its positions in order, and elements at the same position added."""
    def col_indices(self) -> Tensor:
        """The column of each element of a sparse matrix."""
    def conj(self, *, out: Tensor | None = ...) -> Tensor:
        """The complex conjugate; of real numbers a copy. Differently from torch, ``conj`` computes it at once, as ``conj_physical`` does."""
    def conj_physical(self, *, out: Tensor | None = ...) -> Tensor:
        """The complex conjugate; of real numbers a copy. Differently from torch, ``conj`` computes it at once, as ``conj_physical`` does."""
    def conj_physical_(self) -> Tensor:
        """In-place ``conj_physical``."""
    def contiguous(self, memory_format: Any = ...) -> Tensor:
        """The tensor itself if its elements are in row-major order in memory, else a copy that is."""
    def copy_(self, other: _Operand, non_blocking: builtins.bool = ...) -> Tensor:
        """Overwrite with the elements of another tensor, converted to this type."""
    def copysign(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """The magnitude of ``input`` with the sign of ``other``; that of -0.0 counts."""
    def copysign_(self, other: _Operand) -> Tensor:
        """In-place ``copysign``."""
    def corrcoef(self) -> Tensor:
        """The correlations of variables: their covariances over the product of their deviations."""
    def cos(self, *, out: Tensor | None = ...) -> Tensor:
        """The cosine."""
    def cos_(self) -> Tensor:
        """In-place ``cos``."""
    def cosh(self, *, out: Tensor | None = ...) -> Tensor:
        """The hyperbolic cosine, ``(exp(input) + exp(-input)) / 2``."""
    def cosh_(self) -> Tensor:
        """In-place ``cosh``."""
    def count_nonzero(self, dim: Dims | None = ..., *, axis: Dims | None = ...) -> Tensor:
        """How many elements are nonzero, of all or along dimensions."""
    def cov(self, *, correction: builtins.int = ..., fweights: Tensor | None = ..., aweights: Tensor | None = ...) -> Tensor:
        """The covariances of variables, which are the rows of a matrix; its columns are observations."""
    def cpu(self) -> Tensor:
        """The tensor on the CPU."""
    def cross(self, other: Tensor, dim: builtins.int | None = ..., *, out: Tensor | None = ..., axis: builtins.int | None = ...) -> Tensor:
        """The cross product of vectors of three elements."""
    def crow_indices(self) -> Tensor:
        """Where each row of a sparse matrix begins, and where the last one ends."""
    def cuda(self, device: _Device | None = ..., non_blocking: builtins.bool = ...) -> Tensor:
        """The tensor on a GPU."""
    @overload
    def cummax(self, dim: builtins.int, *, out: tuple[Tensor, Tensor] | None = ...) -> ReturnType:
        """The largest element up to each along ``dim``, and where it is; NaN counts as the largest."""
    @overload
    def cummax(self, *, out: tuple[Tensor, Tensor] | None = ..., axis: builtins.int) -> ReturnType:
        """The largest element up to each along ``dim``, and where it is; NaN counts as the largest."""
    @overload
    def cummin(self, dim: builtins.int, *, out: tuple[Tensor, Tensor] | None = ...) -> ReturnType:
        """The smallest element up to each along ``dim``, and where it is; NaN counts as the smallest."""
    @overload
    def cummin(self, *, out: tuple[Tensor, Tensor] | None = ..., axis: builtins.int) -> ReturnType:
        """The smallest element up to each along ``dim``, and where it is; NaN counts as the smallest."""
    @overload
    def cumprod(self, dim: builtins.int, *, dtype: _DType | None = ..., out: Tensor | None = ...) -> Tensor:
        """The product of the elements up to each along ``dim``."""
    @overload
    def cumprod(self, *, dtype: _DType | None = ..., out: Tensor | None = ..., axis: builtins.int) -> Tensor:
        """The product of the elements up to each along ``dim``."""
    @overload
    def cumprod_(self, dim: builtins.int, *, dtype: _DType | None = ...) -> Tensor:
        """In-place ``cumprod``."""
    @overload
    def cumprod_(self, *, dtype: _DType | None = ..., axis: builtins.int) -> Tensor:
        """In-place ``cumprod``."""
    @overload
    def cumsum(self, dim: builtins.int, *, dtype: _DType | None = ..., out: Tensor | None = ...) -> Tensor:
        """The sum of the elements up to each along ``dim``."""
    @overload
    def cumsum(self, *, dtype: _DType | None = ..., out: Tensor | None = ..., axis: builtins.int) -> Tensor:
        """The sum of the elements up to each along ``dim``."""
    @overload
    def cumsum_(self, dim: builtins.int, *, dtype: _DType | None = ...) -> Tensor:
        """In-place ``cumsum``."""
    @overload
    def cumsum_(self, *, dtype: _DType | None = ..., axis: builtins.int) -> Tensor:
        """In-place ``cumsum``."""
    def data_ptr(self) -> builtins.int:
        """Address of the first element."""
    def deg2rad(self, *, out: Tensor | None = ...) -> Tensor:
        """Degrees as radians: ``input * pi / 180``."""
    def deg2rad_(self) -> Tensor:
        """In-place ``deg2rad``."""
    def dense_dim(self) -> builtins.int:
        """How many dimensions have none."""
    def det(self, *, out: Tensor | None = ...) -> Tensor:
        """The determinant of square matrices."""
    def detach(self) -> Tensor:
        """The same elements, in the same memory, outside the graph."""
    def detach_(self) -> Tensor:
        """Take this tensor out of its graph; it requires no gradient afterwards."""
    @property
    def device(self) -> Device:
        """Where the elements live."""
    def diag(self, diagonal: builtins.int = ..., *, out: Tensor | None = ...) -> Tensor:
        """The matrix with this diagonal; of a matrix, a copy of the diagonal."""
    def diag_embed(self, offset: builtins.int = ..., dim1: builtins.int = ..., dim2: builtins.int = ...) -> Tensor:
        """Matrices in two new dimensions, whose diagonals are the last dimension of ``input``; zeros elsewhere."""
    def diagflat(self, offset: builtins.int = ...) -> Tensor:
        """The matrix whose diagonal has all elements of ``input``; zeros elsewhere."""
    def diagonal(self, offset: builtins.int = ..., dim1: builtins.int = ..., dim2: builtins.int = ...) -> Tensor:
        """The diagonal of two dimensions, as a view in which it is the last dimension."""
    def diagonal_scatter(self, src: Tensor, offset: builtins.int = ..., dim1: builtins.int = ..., dim2: builtins.int = ...) -> Tensor:
        """A copy whose diagonal is ``src``."""
    def diff(self, n: builtins.int = ..., dim: builtins.int = ..., prepend: Tensor | None = ..., append: Tensor | None = ..., *, out: Tensor | None = ..., axis: builtins.int = ...) -> Tensor:
        """``x[i + 1] - x[i]`` along a dimension, taken ``n`` times; of booleans whether neighbours differ."""
    def digamma(self, *, out: Tensor | None = ...) -> Tensor:
        """The derivative of ``lgamma``; NaN at negative integers."""
    def digamma_(self) -> Tensor:
        """In-place ``digamma``."""
    def dim(self) -> builtins.int:
        """The number of dimensions."""
    def dist(self, other: Tensor, p: builtins.float = ...) -> Tensor:
        """The p-norm of ``input - other``."""
    def div(self, other: _Operand, *, rounding_mode: str | None = ..., out: Tensor | None = ...) -> Tensor:
        """Quotient: exact, or rounded to integers, whose gradient is 0."""
    def div_(self, other: _Operand, *, rounding_mode: str | None = ...) -> Tensor:
        """In-place ``div``."""
    def divide(self, other: _Operand, *, rounding_mode: str | None = ..., out: Tensor | None = ...) -> Tensor:
        """Quotient: exact, or rounded to integers, whose gradient is 0."""
    def divide_(self, other: _Operand, *, rounding_mode: str | None = ...) -> Tensor:
        """In-place ``div``."""
    def dot(self, tensor: Tensor, *, out: Tensor | None = ...) -> Tensor:
        """``sum(input * tensor)`` of two vectors."""
    def double(self, *, memory_format: Any = ...) -> Tensor:
        """The elements as float64."""
    def dsplit(self, indices_or_sections: builtins.int | Sequence[builtins.int] | Tensor, *more: builtins.int) -> tuple[Tensor, ...]:
        """Pieces along the third dimension, as views."""
    @property
    def dtype(self) -> DType:
        """Element type."""
    def element_size(self) -> builtins.int:
        """Bytes of one element."""
    def eq(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """Whether ``input == other``, element by element, as booleans; NaN equals nothing."""
    def eq_(self, other: _Operand) -> Tensor:
        """In-place ``eq``."""
    def equal(self, other: Tensor) -> builtins.bool:
        """Whether two tensors have the same shape and the same elements; NaN equals nothing."""
    def erf(self, *, out: Tensor | None = ...) -> Tensor:
        """The error function, ``2 / sqrt(pi)`` times the integral of ``exp(-t * t)`` from 0 to ``input``."""
    def erf_(self) -> Tensor:
        """In-place ``erf``."""
    def erfc(self, *, out: Tensor | None = ...) -> Tensor:
        """``1 - erf(input)``, with all its digits also where that is small."""
    def erfc_(self) -> Tensor:
        """In-place ``erfc``."""
    def erfinv(self, *, out: Tensor | None = ...) -> Tensor:
        """The inverse of the error function: infinite at -1 and 1, NaN beyond."""
    def erfinv_(self) -> Tensor:
        """In-place ``erfinv``."""
    def exp(self, *, out: Tensor | None = ...) -> Tensor:
        """The exponential, ``e ** input``."""
    def exp2(self, *, out: Tensor | None = ...) -> Tensor:
        """``2 ** input``."""
    def exp2_(self) -> Tensor:
        """In-place ``exp2``."""
    def exp_(self) -> Tensor:
        """In-place ``exp``."""
    def expand(self, *sizes: _Size, size: builtins.int | Sequence[builtins.int] | None = ...) -> Tensor:
        """Dimensions of size 1 repeated as a view, without copying."""
    def expand_as(self, other: Tensor) -> Tensor:
        """Dimensions of size 1 repeated as a view, to the shape of another tensor."""
    def expm1(self, *, out: Tensor | None = ...) -> Tensor:
        """``exp(input) - 1``, with all its digits also near 0."""
    def expm1_(self) -> Tensor:
        """In-place ``expm1``."""
    def exponential_(self, lambd: builtins.float = ..., *, generator: Any = ...) -> Tensor:
        """Overwrite with random numbers above 0 of the exponential distribution, of density ``lambd * exp(-lambd * x)``."""
    def fill_(self, value: Any) -> Tensor:
        """Overwrite every element with ``value``."""
    def fill_diagonal_(self, fill_value: _Operand, wrap: builtins.bool = ...) -> Tensor:
        """Overwrite the main diagonal with a number."""
    def fix(self, *, out: Tensor | None = ...) -> Tensor:
        """The integer part: each element rounded towards zero; its gradient is 0."""
    def fix_(self) -> Tensor:
        """In-place ``trunc``."""
    def flatten(self, start_dim: builtins.int = ..., end_dim: builtins.int = ...) -> Tensor:
        """The dimensions from ``start_dim`` to ``end_dim`` merged into one, as a view where possible."""
    def flip(self, *given: Any, dims: Any = ...) -> Tensor:
        """A copy in reverse order along the given dimensions."""
    def fliplr(self) -> Tensor:
        """A copy in reverse order along the second dimension."""
    def flipud(self) -> Tensor:
        """A copy in reverse order along the first dimension."""
    def float(self, *, memory_format: Any = ...) -> Tensor:
        """The elements as float32."""
    def float_power(self, exponent: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """``input ** exponent``, computed in float64, or in complex128 where either is complex."""
    def float_power_(self, exponent: _Operand) -> Tensor:
        """In-place ``float_power``."""
    def floor(self, *, out: Tensor | None = ...) -> Tensor:
        """The largest integer not above each element; its gradient is 0."""
    def floor_(self) -> Tensor:
        """In-place ``floor``."""
    def floor_divide(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """Quotient rounded towards minus infinity (Python's ``//``); its gradient is 0."""
    def floor_divide_(self, other: _Operand) -> Tensor:
        """In-place ``floor_divide``."""
    def fmax(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """The larger, element by element; where one is NaN, the other."""
    def fmin(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """The smaller, element by element; where one is NaN, the other."""
    def fmod(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """``input - other * trunc(input / other)``: what division leaves, with the sign of the dividend (C's ``fmod``)."""
    def fmod_(self, other: _Operand) -> Tensor:
        """In-place ``fmod``."""
    def frac(self, *, out: Tensor | None = ...) -> Tensor:
        """The part behind the point, with the sign of ``input``."""
    def frac_(self) -> Tensor:
        """In-place ``frac``."""
    def frexp(self, *, out: Tensor | None = ...) -> Any:
        """The mantissa, in size from 0.5 to 1, and the power of two: ``input = mantissa * 2 ** exponent``."""
    @overload
    def gather(self, dim: builtins.int, index: Tensor, *, sparse_grad: builtins.bool = ..., out: Tensor | None = ...) -> Tensor:
        """``out[i, j] = input[index[i, j], j]`` for ``dim=0``: elements at given positions along ``dim``."""
    @overload
    def gather(self, *, index: Tensor, sparse_grad: builtins.bool = ..., out: Tensor | None = ..., axis: builtins.int) -> Tensor:
        """``out[i, j] = input[index[i, j], j]`` for ``dim=0``: elements at given positions along ``dim``."""
    def gcd(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """The greatest common divisor, element by element; of 0 and 0 it is 0."""
    def gcd_(self, other: _Operand) -> Tensor:
        """In-place ``gcd``."""
    def ge(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """Whether ``input >= other``, element by element, as booleans."""
    def ge_(self, other: _Operand) -> Tensor:
        """In-place ``ge``."""
    def geometric_(self, p: builtins.float, *, generator: Any = ...) -> Tensor:
        """Overwrite with random integers from 1 on: how many trials are made up to the first success."""
    def geqrf(self, *, out: Tensor | None = ...) -> Any:
        """The QR factorisation in LAPACK's compact form; ``linalg.qr`` gives the factors."""
    def ger(self, vec2: Tensor, *, out: Tensor | None = ...) -> Tensor:
        """Every product of an element of one vector and an element of the other."""
    def get_device(self) -> builtins.int:
        """The number of the GPU that holds the elements."""
    @property
    def grad_fn(self) -> Any:
        """The node of the graph that made this tensor; None for leaves."""
    def greater(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """Whether ``input > other``, element by element, as booleans."""
    def greater_(self, other: _Operand) -> Tensor:
        """In-place ``gt``."""
    def greater_equal(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """Whether ``input >= other``, element by element, as booleans."""
    def greater_equal_(self, other: _Operand) -> Tensor:
        """In-place ``ge``."""
    def gt(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """Whether ``input > other``, element by element, as booleans."""
    def gt_(self, other: _Operand) -> Tensor:
        """In-place ``gt``."""
    def half(self, *, memory_format: Any = ...) -> Tensor:
        """The elements as float16."""
    def hash_tensor(self, dim: Dims = ..., *, keepdim: builtins.bool = ..., mode: builtins.int = ..., out: Tensor | None = ..., axis: Dims = ..., keepdims: builtins.bool = ...) -> Tensor:
        """A number of 64 bits that depends on all elements, whatever their order: their bits added without carry. Floating numbers are taken as float64, integers as int64."""
    def heaviside(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """The step function: 0 where ``input`` is negative, 1 where it is positive, ``values`` where it is 0."""
    def heaviside_(self, other: _Operand) -> Tensor:
        """In-place ``heaviside``."""
    def histc(self, bins: builtins.int = ..., min: builtins.float = ..., max: builtins.float = ..., *, out: Tensor | None = ...) -> Tensor:
        """How many elements lie in each of several intervals of one width."""
    def histogram(self, bins: Any, *, range: Any = ..., weight: Tensor | None = ..., density: builtins.bool = ..., out: Tensor | None = ...) -> Any:
        """How many elements lie in each of several intervals, or how much they weigh."""
    def hsplit(self, indices_or_sections: builtins.int | Sequence[builtins.int] | Tensor, *more: builtins.int) -> tuple[Tensor, ...]:
        """Pieces along the second dimension, of vectors along the first, as views."""
    def hypot(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """``sqrt(input**2 + other**2)``: the hypotenuse, without overflow. Its gradient at 0 is NaN, as in torch."""
    def hypot_(self, other: _Operand) -> Tensor:
        """In-place ``hypot``."""
    def i0(self, *, out: Tensor | None = ...) -> Tensor:
        """The modified Bessel function of the first kind of order 0."""
    def i0_(self) -> Tensor:
        """In-place ``i0``."""
    def igamma(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """The regularised lower incomplete gamma function: the integral of ``t ** (input - 1) * exp(-t)`` from 0 to ``other``, over ``gamma(input)``."""
    def igamma_(self, other: _Operand) -> Tensor:
        """In-place ``igamma``."""
    def igammac(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """The regularised upper incomplete gamma function: 1 less the lower one."""
    def igammac_(self, other: _Operand) -> Tensor:
        """In-place ``igammac``."""
    @property
    def imag(self) -> Tensor:
        """The imaginary parts."""
    @imag.setter
    def imag(self, value: _Operand) -> None: ...
    @overload
    def index_add(self, dim: builtins.int, index: Tensor, source: Tensor, *, alpha: builtins.complex | Tensor = ..., out: Tensor | None = ...) -> Tensor:
        """A copy of ``input`` with ``alpha`` times the slices of ``source`` added at positions; equal positions add up."""
    @overload
    def index_add(self, *, index: Tensor, source: Tensor, alpha: builtins.complex | Tensor = ..., out: Tensor | None = ..., axis: builtins.int) -> Tensor:
        """A copy of ``input`` with ``alpha`` times the slices of ``source`` added at positions; equal positions add up."""
    @overload
    def index_add_(self, dim: builtins.int, index: Tensor, source: Tensor, *, alpha: builtins.complex | Tensor = ...) -> Tensor:
        """In-place ``index_add``."""
    @overload
    def index_add_(self, *, index: Tensor, source: Tensor, alpha: builtins.complex | Tensor = ..., axis: builtins.int) -> Tensor:
        """In-place ``index_add``."""
    @overload
    def index_copy(self, dim: builtins.int, index: Tensor, source: Tensor, *, out: Tensor | None = ...) -> Tensor:
        """A copy of ``input`` with the slices at given positions replaced by those of ``source``."""
    @overload
    def index_copy(self, *, index: Tensor, source: Tensor, out: Tensor | None = ..., axis: builtins.int) -> Tensor:
        """A copy of ``input`` with the slices at given positions replaced by those of ``source``."""
    @overload
    def index_copy_(self, dim: builtins.int, index: Tensor, source: Tensor) -> Tensor:
        """In-place ``index_copy``."""
    @overload
    def index_copy_(self, *, index: Tensor, source: Tensor, axis: builtins.int) -> Tensor:
        """In-place ``index_copy``."""
    @overload
    def index_fill(self, dim: builtins.int, index: Tensor, value: Any) -> Tensor:
        """A copy of ``input`` with the slices at given positions set to ``value``."""
    @overload
    def index_fill(self, *, index: Tensor, value: Any, axis: builtins.int) -> Tensor:
        """A copy of ``input`` with the slices at given positions set to ``value``."""
    @overload
    def index_fill_(self, dim: builtins.int, index: Tensor, value: Any) -> Tensor:
        """In-place ``index_fill``."""
    @overload
    def index_fill_(self, *, index: Tensor, value: Any, axis: builtins.int) -> Tensor:
        """In-place ``index_fill``."""
    def index_put(self, indices: Any, values: Tensor, accumulate: builtins.bool = ...) -> Tensor:
        """A copy of ``input`` with ``values`` written or added at positions: of ``input[indices] = values``."""
    def index_put_(self, indices: Any, values: Tensor, accumulate: builtins.bool = ...) -> Tensor:
        """In-place ``index_put``."""
    @overload
    def index_reduce(self, dim: builtins.int, index: Tensor, source: Tensor, reduce: str, *, include_self: builtins.bool = ..., out: Tensor | None = ...) -> Tensor:
        """A copy of ``input`` with the slices of ``source`` combined into those at given positions."""
    @overload
    def index_reduce(self, *, index: Tensor, source: Tensor, reduce: str, include_self: builtins.bool = ..., out: Tensor | None = ..., axis: builtins.int) -> Tensor:
        """A copy of ``input`` with the slices of ``source`` combined into those at given positions."""
    @overload
    def index_reduce_(self, dim: builtins.int, index: Tensor, source: Tensor, reduce: str, *, include_self: builtins.bool = ...) -> Tensor:
        """In-place ``index_reduce``."""
    @overload
    def index_reduce_(self, *, index: Tensor, source: Tensor, reduce: str, include_self: builtins.bool = ..., axis: builtins.int) -> Tensor:
        """In-place ``index_reduce``."""
    @overload
    def index_select(self, dim: builtins.int, index: Tensor, *, out: Tensor | None = ...) -> Tensor:
        """The slices at given positions along ``dim``."""
    @overload
    def index_select(self, *, index: Tensor, out: Tensor | None = ..., axis: builtins.int) -> Tensor:
        """The slices at given positions along ``dim``."""
    def indices(self) -> Tensor:
        """The positions of the elements of a sparse tensor."""
    def inner(self, other: Tensor, *, out: Tensor | None = ...) -> Tensor:
        """Sums of products over the last dimension of both: ``input[i, :] . other[j, :]``."""
    def int(self, *, memory_format: Any = ...) -> Tensor:
        """The elements as int32."""
    def inverse(self, *, out: Tensor | None = ...) -> Tensor:
        """The inverse of square matrices."""
    def is_coalesced(self) -> builtins.bool:
        """Whether the positions are in order, and none occurs twice."""
    def is_complex(self) -> builtins.bool:
        """Whether the dtype is complex."""
    def is_conj(self) -> builtins.bool:
        """False: conjugates are computed when they are asked for, not when they are read."""
    def is_contiguous(self, memory_format: Any = ...) -> builtins.bool:
        """Whether the elements are in row-major order, without gaps."""
    @property
    def is_cpu(self) -> builtins.bool:
        """Whether in the memory of the CPU."""
    @property
    def is_cuda(self) -> builtins.bool:
        """Whether on a GPU."""
    def is_floating_point(self) -> builtins.bool:
        """Whether the dtype is floating-point."""
    def is_inference(self) -> builtins.bool:
        """False: what ``inference_mode`` makes are ordinary tensors."""
    @property
    def is_leaf(self) -> builtins.bool:
        """Whether made by the user (or needing no gradient) rather than by a recorded op."""
    @property
    def is_meta(self) -> builtins.bool:
        """Whether without elements, on the device ``"meta"``."""
    def is_neg(self) -> builtins.bool:
        """False: negatives are computed when they are asked for, not when they are read."""
    def is_nonzero(self) -> Any:
        """Whether the only element is not 0."""
    def is_pinned(self) -> builtins.bool:
        """Whether the memory is pinned; it never is."""
    def is_same_size(self, other: Tensor) -> Any:
        """Whether two tensors have the same shape."""
    def is_set_to(self, tensor: Tensor) -> builtins.bool:
        """Whether two tensors show the same memory with the same shape and strides."""
    def is_shared(self) -> builtins.bool:
        """Whether the memory is shared with other processes."""
    def is_signed(self) -> Any:
        """Whether the dtype has negative numbers."""
    def isclose(self, other: Tensor, rtol: builtins.float = ..., atol: builtins.float = ..., equal_nan: builtins.bool = ...) -> Tensor:
        """Whether ``abs(input - other) <= atol + rtol * abs(other)`` or both are equal, element by element, as booleans."""
    def isfinite(self) -> Tensor:
        """Whether each element is neither NaN nor infinite, as booleans."""
    def isinf(self) -> Tensor:
        """Whether each element is infinite, as booleans."""
    def isnan(self) -> Tensor:
        """Whether each element is NaN, as booleans."""
    def isneginf(self, *, out: Tensor | None = ...) -> Tensor:
        """Whether an element is -inf."""
    def isposinf(self, *, out: Tensor | None = ...) -> Tensor:
        """Whether an element is inf."""
    def isreal(self) -> Tensor:
        """Whether the imaginary part is 0, as of all real numbers."""
    def istft(self, n_fft: builtins.int, hop_length: builtins.int | None = ..., win_length: builtins.int | None = ..., window: Tensor | None = ..., center: builtins.bool = ..., normalized: builtins.bool = ..., onesided: builtins.bool | None = ..., length: builtins.int | None = ..., return_complex: builtins.bool = ...) -> Tensor:
        """The inverse of ``stft``: the signal whose windows come nearest to those given."""
    def item(self) -> Any:
        """The one element as a Python number."""
    @property
    def itemsize(self) -> builtins.int:
        """Bytes of one element."""
    def kron(self, other: Tensor, *, out: Tensor | None = ...) -> Tensor:
        """The Kronecker product: every element of ``input`` times the whole of ``other``."""
    def kthvalue(self, k: builtins.int, dim: builtins.int = ..., keepdim: builtins.bool = ..., *, out: tuple[Tensor, Tensor] | None = ..., axis: builtins.int = ..., keepdims: builtins.bool = ...) -> ReturnType:
        """The ``k``-th smallest element along ``dim``, and where it is; NaN counts as the largest."""
    @property
    def layout(self) -> Any:
        """How the elements lie in memory: ``torch.strided``."""
    def lcm(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """The least common multiple, element by element; 0 where either is 0."""
    def lcm_(self, other: _Operand) -> Tensor:
        """In-place ``lcm``."""
    def ldexp(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """``input * 2 ** other``."""
    def ldexp_(self, other: _Operand) -> Tensor:
        """In-place ``ldexp``."""
    def le(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """Whether ``input <= other``, element by element, as booleans."""
    def le_(self, other: _Operand) -> Tensor:
        """In-place ``le``."""
    def lerp(self, end: _Operand, weight: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """``input + weight * (end - input)``, counted from the nearer end, so that it is exact at both."""
    def lerp_(self, end: _Operand, weight: _Operand) -> Tensor:
        """In-place ``lerp``."""
    def less(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """Whether ``input < other``, element by element, as booleans."""
    def less_(self, other: _Operand) -> Tensor:
        """In-place ``lt``."""
    def less_equal(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """Whether ``input <= other``, element by element, as booleans."""
    def less_equal_(self, other: _Operand) -> Tensor:
        """In-place ``le``."""
    def lgamma(self, *, out: Tensor | None = ...) -> Tensor:
        """The logarithm of the absolute value of the gamma function; inf at its poles, 0 and the negative integers."""
    def lgamma_(self) -> Tensor:
        """In-place ``lgamma``."""
    def log(self, *, out: Tensor | None = ...) -> Tensor:
        """The natural logarithm: -inf at 0, NaN below."""
    def log10(self, *, out: Tensor | None = ...) -> Tensor:
        """The logarithm to base 10: -inf at 0, NaN below."""
    def log10_(self) -> Tensor:
        """In-place ``log10``."""
    def log1p(self, *, out: Tensor | None = ...) -> Tensor:
        """``log(1 + input)``, with all its digits also near 0."""
    def log1p_(self) -> Tensor:
        """In-place ``log1p``."""
    def log2(self, *, out: Tensor | None = ...) -> Tensor:
        """The logarithm to base 2: -inf at 0, NaN below."""
    def log2_(self) -> Tensor:
        """In-place ``log2``."""
    def log_(self) -> Tensor:
        """In-place ``log``."""
    def log_normal_(self, mean: builtins.float = ..., std: builtins.float = ..., *, generator: Any = ...) -> Tensor:
        """Overwrite with random numbers whose logarithms are of a normal distribution."""
    @overload
    def log_softmax(self, dim: builtins.int, dtype: _DType | None = ..., *, out: Tensor | None = ...) -> Tensor:
        """``log(softmax(input, dim))`` in one step, which keeps the digits of small probabilities."""
    @overload
    def log_softmax(self, *, dtype: _DType | None = ..., out: Tensor | None = ..., axis: builtins.int) -> Tensor:
        """``log(softmax(input, dim))`` in one step, which keeps the digits of small probabilities."""
    def logaddexp(self, other: Tensor, *, out: Tensor | None = ...) -> Tensor:
        """``log(exp(input) + exp(other))``, without overflow."""
    def logaddexp2(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """``log2(2 ** input + 2 ** other)``, without overflow."""
    @overload
    def logcumsumexp(self, dim: builtins.int, *, out: Tensor | None = ...) -> Tensor:
        """``log(sum(exp(x)))`` of the elements up to each along ``dim``, without overflow."""
    @overload
    def logcumsumexp(self, *, out: Tensor | None = ..., axis: builtins.int) -> Tensor:
        """``log(sum(exp(x)))`` of the elements up to each along ``dim``, without overflow."""
    def logdet(self) -> Tensor:
        """The logarithm of the determinant: NaN where that is negative, -inf where it is 0."""
    def logical_and(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """Whether both elements are nonzero, as booleans."""
    def logical_and_(self, other: _Operand) -> Tensor:
        """In-place ``logical_and``."""
    def logical_not(self, *, out: Tensor | None = ...) -> Tensor:
        """Whether each element is zero, as booleans."""
    def logical_not_(self) -> Tensor:
        """In-place ``logical_not``."""
    def logical_or(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """Whether at least one of both elements is nonzero, as booleans."""
    def logical_or_(self, other: _Operand) -> Tensor:
        """In-place ``logical_or``."""
    def logical_xor(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """Whether exactly one of both elements is nonzero, as booleans."""
    def logical_xor_(self, other: _Operand) -> Tensor:
        """In-place ``logical_xor``."""
    def logit(self, eps: builtins.float | None = ..., *, out: Tensor | None = ...) -> Tensor:
        """The logarithm of the odds, ``log(input / (1 - input))``: the inverse of ``sigmoid``."""
    def logit_(self, eps: builtins.float | None = ...) -> Tensor:
        """``logit`` in place; see ``torch.logit``."""
    @overload
    def logsumexp(self, dim: Dims, keepdim: builtins.bool = ..., *, out: Tensor | None = ..., keepdims: builtins.bool = ...) -> Tensor:
        """``log(sum(exp(input)))`` along dimensions, without overflow; -inf of nothing."""
    @overload
    def logsumexp(self, *, keepdim: builtins.bool = ..., out: Tensor | None = ..., axis: Dims, keepdims: builtins.bool = ...) -> Tensor:
        """``log(sum(exp(input)))`` along dimensions, without overflow; -inf of nothing."""
    def long(self, *, memory_format: Any = ...) -> Tensor:
        """The elements as int64."""
    def lt(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """Whether ``input < other``, element by element, as booleans."""
    def lt_(self, other: _Operand) -> Tensor:
        """In-place ``lt``."""
    def lu(self, pivot: builtins.bool = ..., get_infos: builtins.bool = ..., out: Tensor | None = ...) -> Any:
        """The older name of ``linalg.lu_factor``."""
    def lu_solve(self, LU_data: Tensor, LU_pivots: Tensor, *, out: Tensor | None = ...) -> Tensor:
        """``linalg.lu_solve`` by its older name, the right-hand side first."""
    @property
    def mH(self) -> Tensor:
        """The last two dimensions exchanged (and, of complex numbers, conjugated)."""
    @property
    def mT(self) -> Tensor:
        """The last two dimensions exchanged: each matrix of a batch transposed."""
    def map2_(self, x: Tensor, y: Tensor, callable: Any) -> Tensor:
        """Replace each element by a Python function of it and of the elements of two other tensors at its place."""
    def map_(self, tensor: Tensor, callable: Any) -> Tensor:
        """Replace each element by a Python function of it and of the element of another tensor at its place."""
    def masked_fill(self, mask: Tensor, value: Any) -> Tensor:
        """A copy of ``input`` with ``value`` where the mask is true."""
    def masked_fill_(self, mask: Tensor, value: Any) -> Tensor:
        """In-place ``masked_fill``."""
    def masked_scatter(self, mask: Tensor, source: Tensor) -> Tensor:
        """A copy of ``input`` with the elements of ``source``, in order, where the mask is true."""
    def masked_scatter_(self, mask: Tensor, source: Tensor) -> Tensor:
        """In-place ``masked_scatter``."""
    def masked_select(self, mask: Tensor, *, out: Tensor | None = ...) -> Tensor:
        """The elements where the mask is true, in row-major order."""
    def matmul(self, other: Tensor, *, out: Tensor | None = ...) -> Tensor:
        """The matrix product ``input @ other``."""
    def matrix_exp(self) -> Tensor:
        """The exponential of square matrices: the sum of ``input ** k / k!``, by Pade's approximation and squaring."""
    def matrix_power(self, n: builtins.int, *, out: Tensor | None = ...) -> Tensor:
        """Square matrices to a whole power, by repeated squaring; power 0 is the identity."""
    @overload
    def max(self, *, out: Tensor | None = ...) -> Tensor:
        """The largest element, and along a dimension where it is; of two tensors their ``maximum``. NaN is the largest."""
    @overload
    def max(self, dim: builtins.int, keepdim: builtins.bool = ..., *, out: tuple[Tensor, Tensor] | None = ..., keepdims: builtins.bool = ...) -> ReturnType:
        """The largest element, and along a dimension where it is; of two tensors their ``maximum``. NaN is the largest."""
    @overload
    def max(self, *, keepdim: builtins.bool = ..., out: tuple[Tensor, Tensor] | None = ..., axis: builtins.int, keepdims: builtins.bool = ...) -> ReturnType:
        """The largest element, and along a dimension where it is; of two tensors their ``maximum``. NaN is the largest."""
    @overload
    def max(self, dim: Tensor, *, out: Tensor | None = ...) -> Tensor:
        """The largest element, and along a dimension where it is; of two tensors their ``maximum``. NaN is the largest."""
    def maximum(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """The larger, element by element; NaN if either is."""
    def mean(self, dim: Dims | None = ..., keepdim: builtins.bool = ..., *, dtype: _DType | None = ..., out: Tensor | None = ..., axis: Dims | None = ..., keepdims: builtins.bool = ...) -> Tensor:
        """The mean of all elements, or along dimensions."""
    @overload
    def median(self, *, out: Tensor | None = ...) -> Tensor:
        """The median of all elements, or along ``dim``: of an even number the lower one; NaN if there is one."""
    @overload
    def median(self, dim: builtins.int, keepdim: builtins.bool = ..., *, out: tuple[Tensor, Tensor] | None = ..., keepdims: builtins.bool = ...) -> ReturnType:
        """The median of all elements, or along ``dim``: of an even number the lower one; NaN if there is one."""
    @overload
    def median(self, *, keepdim: builtins.bool = ..., out: tuple[Tensor, Tensor] | None = ..., axis: builtins.int, keepdims: builtins.bool = ...) -> ReturnType:
        """The median of all elements, or along ``dim``: of an even number the lower one; NaN if there is one."""
    @overload
    def min(self, *, out: Tensor | None = ...) -> Tensor:
        """The smallest element, and along a dimension where it is; of two tensors their ``minimum``. NaN is the smallest."""
    @overload
    def min(self, dim: builtins.int, keepdim: builtins.bool = ..., *, out: tuple[Tensor, Tensor] | None = ..., keepdims: builtins.bool = ...) -> ReturnType:
        """The smallest element, and along a dimension where it is; of two tensors their ``minimum``. NaN is the smallest."""
    @overload
    def min(self, *, keepdim: builtins.bool = ..., out: tuple[Tensor, Tensor] | None = ..., axis: builtins.int, keepdims: builtins.bool = ...) -> ReturnType:
        """The smallest element, and along a dimension where it is; of two tensors their ``minimum``. NaN is the smallest."""
    @overload
    def min(self, dim: Tensor, *, out: Tensor | None = ...) -> Tensor:
        """The smallest element, and along a dimension where it is; of two tensors their ``minimum``. NaN is the smallest."""
    def minimum(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """The smaller, element by element; NaN if either is."""
    def mm(self, mat2: Tensor, *, out: Tensor | None = ...) -> Tensor:
        """The product of two matrices."""
    def mode(self, dim: builtins.int = ..., keepdim: builtins.bool = ..., *, out: tuple[Tensor, Tensor] | None = ..., axis: builtins.int = ..., keepdims: builtins.bool = ...) -> ReturnType:
        """The value that occurs most often along ``dim``, the smallest of several, and the last place where it is."""
    def moveaxis(self, source: Any, destination: Any) -> Tensor:
        """Dimensions moved to other positions, as a view; the rest keep their order."""
    def movedim(self, source: Any, destination: Any) -> Tensor:
        """Dimensions moved to other positions, as a view; the rest keep their order."""
    def msort(self, *, out: Tensor | None = ...) -> Tensor:
        """The elements in order along the first dimension: the values of ``sort(input, 0)``."""
    def mul(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """Product, element by element."""
    def mul_(self, other: _Operand) -> Tensor:
        """In-place ``mul``."""
    def multinomial(self, num_samples: builtins.int, replacement: builtins.bool = ..., *, generator: Any = ..., out: Tensor | None = ...) -> Tensor:
        """Positions drawn with probabilities proportional to the elements of each row."""
    def multiply(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """Product, element by element."""
    def multiply_(self, other: _Operand) -> Tensor:
        """In-place ``mul``."""
    def mv(self, vec: Tensor, *, out: Tensor | None = ...) -> Tensor:
        """The product of a matrix and a vector."""
    def mvlgamma(self, p: builtins.int, *, out: Tensor | None = ...) -> Tensor:
        """The logarithm of the multivariate gamma function: ``p (p - 1) / 4 log(pi) + sum_i lgamma(input - i / 2)``, i from 0 to p - 1."""
    def mvlgamma_(self, p: builtins.int) -> Tensor:
        """In-place ``mvlgamma``."""
    def nan_to_num(self, nan: builtins.float | None = ..., posinf: builtins.float | None = ..., neginf: builtins.float | None = ..., *, out: Tensor | None = ...) -> Tensor:
        """``input`` with numbers in place of NaN and infinities."""
    def nan_to_num_(self, nan: builtins.float | None = ..., posinf: builtins.float | None = ..., neginf: builtins.float | None = ...) -> Tensor:
        """``nan_to_num`` in place; see ``torch.nan_to_num``."""
    def nanmean(self, dim: Dims | None = ..., keepdim: builtins.bool = ..., *, dtype: _DType | None = ..., out: Tensor | None = ..., axis: Dims | None = ..., keepdims: builtins.bool = ...) -> Tensor:
        """The mean of the elements that are not NaN."""
    @overload
    def nanmedian(self, *, out: Tensor | None = ...) -> Tensor:
        """``median`` of the elements that are not NaN; NaN if all are."""
    @overload
    def nanmedian(self, dim: builtins.int, keepdim: builtins.bool = ..., *, out: tuple[Tensor, Tensor] | None = ..., keepdims: builtins.bool = ...) -> ReturnType:
        """``median`` of the elements that are not NaN; NaN if all are."""
    @overload
    def nanmedian(self, *, keepdim: builtins.bool = ..., out: tuple[Tensor, Tensor] | None = ..., axis: builtins.int, keepdims: builtins.bool = ...) -> ReturnType:
        """``median`` of the elements that are not NaN; NaN if all are."""
    def nanquantile(self, q: Any, dim: builtins.int | None = ..., keepdim: builtins.bool = ..., *, interpolation: str = ..., out: Tensor | None = ..., axis: builtins.int | None = ..., keepdims: builtins.bool = ...) -> Tensor:
        """``torch.quantile`` of the elements that are not NaN."""
    def nansum(self, dim: Dims | None = ..., keepdim: builtins.bool = ..., *, dtype: _DType | None = ..., out: Tensor | None = ..., axis: Dims | None = ..., keepdims: builtins.bool = ...) -> Tensor:
        """The sum in which NaN counts as 0."""
    @overload
    def narrow(self, dim: builtins.int, start: Any, length: builtins.int) -> Tensor:
        """``length`` elements from ``start`` along ``dim``, as a view."""
    @overload
    def narrow(self, *, start: Any, length: builtins.int, axis: builtins.int) -> Tensor:
        """``length`` elements from ``start`` along ``dim``, as a view."""
    @overload
    def narrow_copy(self, dim: builtins.int, start: Any, length: builtins.int, *, out: Tensor | None = ...) -> Tensor:
        """What ``narrow`` shows, in memory of its own."""
    @overload
    def narrow_copy(self, *, start: Any, length: builtins.int, out: Tensor | None = ..., axis: builtins.int) -> Tensor:
        """What ``narrow`` shows, in memory of its own."""
    @property
    def nbytes(self) -> builtins.int:
        """Bytes of all elements."""
    @property
    def ndim(self) -> builtins.int:
        """The number of dimensions."""
    def ndimension(self) -> builtins.int:
        """The number of dimensions."""
    def ne(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """Whether ``input != other``, element by element, as booleans."""
    def ne_(self, other: _Operand) -> Tensor:
        """In-place ``ne``."""
    def neg(self, *, out: Tensor | None = ...) -> Tensor:
        """``-input``, element by element."""
    def neg_(self) -> Tensor:
        """In-place ``neg``."""
    def negative(self, *, out: Tensor | None = ...) -> Tensor:
        """``-input``, element by element."""
    def negative_(self) -> Tensor:
        """In-place ``neg``."""
    def nelement(self) -> builtins.int:
        """The number of elements."""
    def new(self, *args: Any, device: _Device | None = ...) -> Tensor:
        """A tensor of this one's dtype and device, of sizes or of one sequence: an older form of ``new_empty`` and ``new_tensor``."""
    def new_empty(self, *args: _Size, dtype: _DType | None = ..., device: _Device | None = ..., requires_grad: builtins.bool = ...) -> Tensor:
        """A tensor with elements of any value, with this tensor's dtype and device: ``empty``."""
    def new_empty_strided(self, size: builtins.int | Sequence[builtins.int], stride: builtins.int | Sequence[builtins.int], *, dtype: _DType | None = ..., device: _Device | None = ..., requires_grad: builtins.bool = ..., layout: Any = ..., pin_memory: builtins.bool = ...) -> Tensor:
        """A tensor of this one's type and device and of the given shape and strides, with any elements."""
    def new_full(self, *args: Any, dtype: _DType | None = ..., device: _Device | None = ..., requires_grad: builtins.bool = ...) -> Tensor:
        """A tensor of one number, with this tensor's dtype and device: ``full``."""
    def new_ones(self, *args: _Size, dtype: _DType | None = ..., device: _Device | None = ..., requires_grad: builtins.bool = ...) -> Tensor:
        """A tensor of ones, with this tensor's dtype and device: ``ones``."""
    def new_tensor(self, data: Any, *, dtype: _DType | None = ..., device: _Device | None = ..., requires_grad: builtins.bool = ...) -> Tensor:
        """A tensor of the data with this tensor's dtype and device."""
    def new_zeros(self, *args: _Size, dtype: _DType | None = ..., device: _Device | None = ..., requires_grad: builtins.bool = ...) -> Tensor:
        """A tensor of zeros, with this tensor's dtype and device: ``zeros``."""
    def nextafter(self, other: Tensor, *, out: Tensor | None = ...) -> Tensor:
        """The floating number next to each element, on the way to another one; that one itself where both are equal."""
    def nextafter_(self, other: Tensor) -> Tensor:
        """In-place ``nextafter``."""
    @overload
    def nonzero(self, *, as_tuple: Literal[False] = ..., out: Tensor | None = ...) -> Tensor:
        """The positions of nonzero elements, in row-major order."""
    @overload
    def nonzero(self, *, as_tuple: Literal[True]) -> tuple[Tensor, ...]:
        """The positions of nonzero elements, in row-major order."""
    def nonzero_static(self, *, size: builtins.int, fill_value: builtins.int = ..., out: Tensor | None = ...) -> Tensor:
        """The positions of elements that are not 0, as many as there are asked for."""
    def norm(self, p: Any = ..., dim: Dims | None = ..., keepdim: builtins.bool = ..., *, dtype: _DType | None = ..., out: Tensor | None = ...) -> Tensor:
        """``sum(abs(input) ** p) ** (1 / p)`` of all elements, or along dimensions."""
    def normal_(self, mean: builtins.float = ..., std: builtins.float = ..., *, generator: Any = ...) -> Tensor:
        """Overwrite with random numbers of a normal distribution."""
    def not_equal(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """Whether ``input != other``, element by element, as booleans."""
    def not_equal_(self, other: _Operand) -> Tensor:
        """In-place ``ne``."""
    def numel(self) -> builtins.int:
        """The number of elements."""
    def numpy(self, *, force: builtins.bool = ...) -> np.ndarray:
        """A NumPy array that shares the memory."""
    def orgqr(self, tau: Tensor, *, out: Tensor | None = ...) -> Tensor:
        """The first columns of a product of Householder's reflections, as ``geqrf`` gives them."""
    def ormqr(self, tau: Tensor, other: Tensor, left: builtins.bool = ..., transpose: builtins.bool = ..., *, out: Tensor | None = ...) -> Tensor:
        """The product of the orthogonal factor that ``geqrf`` describes with a matrix."""
    def outer(self, vec2: Tensor, *, out: Tensor | None = ...) -> Tensor:
        """Every product of an element of one vector and an element of the other."""
    @property
    def output_nr(self) -> builtins.int:
        """Which output of its node this tensor is; 0 for leaves."""
    def permute(self, *given: Any, dims: Any = ...) -> Tensor:
        """The dimensions in another order, as a view."""
    def pin_memory(self, device: _Device | None = ...) -> Tensor:
        """Does nothing: host memory is not pinned."""
    def pinverse(self, rcond: builtins.float = ...) -> Tensor:
        """``linalg.pinv`` by its older name."""
    def polygamma(self, n: builtins.int) -> Tensor:
        """The n-th derivative of ``digamma``; see ``torch.polygamma``."""
    def polygamma_(self, n: builtins.int) -> Tensor:
        """In-place ``polygamma``."""
    def positive(self) -> Tensor:
        """``+input``: the tensor itself."""
    def pow(self, exponent: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """``input`` to the power ``exponent``, element by element; squares and cubes are products."""
    def pow_(self, exponent: _Operand) -> Tensor:
        """In-place ``pow``."""
    def prod(self, dim: Dims | None = ..., keepdim: builtins.bool = ..., *, dtype: _DType | None = ..., out: Tensor | None = ..., axis: Dims | None = ..., keepdims: builtins.bool = ...) -> Tensor:
        """The product of all elements, or along dimensions."""
    def put(self, index: Tensor, source: Tensor, accumulate: builtins.bool = ...) -> Tensor:
        """A copy of ``input`` with the elements of ``source`` written or added at positions of the flattened tensor."""
    def put_(self, index: Tensor, source: Tensor, accumulate: builtins.bool = ...) -> Tensor:
        """In-place ``put``."""
    def qr(self, some: builtins.bool = ..., *, out: Tensor | None = ...) -> Any:
        """``linalg.qr`` by its older name."""
    def quantile(self, q: Any, dim: builtins.int | None = ..., keepdim: builtins.bool = ..., *, interpolation: str = ..., out: Tensor | None = ..., axis: builtins.int | None = ..., keepdims: builtins.bool = ...) -> Tensor:
        """The q-th quantiles: of the sorted elements that at ``q * (n - 1)``, between two by interpolation. NaN where any element is NaN."""
    def rad2deg(self, *, out: Tensor | None = ...) -> Tensor:
        """Radians as degrees: ``input * 180 / pi``."""
    def rad2deg_(self) -> Tensor:
        """In-place ``rad2deg``."""
    def random_(self, low: Any = ..., to: Any = ..., *, generator: Any = ...) -> Tensor:
        """Overwrite with random integers from ``low`` up to but not including ``to``; with one number, from 0 up to it."""
    def ravel(self) -> Tensor:
        """The elements in one dimension, as a view where possible."""
    @property
    def real(self) -> Tensor:
        """The real parts; a real tensor itself."""
    @real.setter
    def real(self, value: _Operand) -> None: ...
    def reciprocal(self, *, out: Tensor | None = ...) -> Tensor:
        """``1 / input``; infinite at 0."""
    def reciprocal_(self) -> Tensor:
        """In-place ``reciprocal``."""
    def register_hook(self, hook: Callable[..., Any]) -> Any:
        """Call a function when the gradient of this tensor is known."""
    def register_post_accumulate_grad_hook(self, hook: Callable[..., Any]) -> Any:
        """Call a function after a gradient has been added to the ``grad`` of this leaf."""
    def relu(self, *, out: Tensor | None = ...) -> Tensor:
        """``max(input, 0)``; its gradient at 0 is 0, and NaN stays NaN."""
    def relu_(self) -> Tensor:
        """In-place ``relu``."""
    def remainder(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """``input - other * floor(input / other)``: what division leaves, with the sign of the divisor (Python's ``%``)."""
    def remainder_(self, other: _Operand) -> Tensor:
        """In-place ``remainder``."""
    @overload
    def renorm(self, p: builtins.float, dim: builtins.int, maxnorm: builtins.float, *, out: Tensor | None = ...) -> Tensor:
        """``input`` with each slice along a dimension scaled down to a length, if it is longer."""
    @overload
    def renorm(self, p: builtins.float, *, maxnorm: builtins.float, out: Tensor | None = ..., axis: builtins.int) -> Tensor:
        """``input`` with each slice along a dimension scaled down to a length, if it is longer."""
    @overload
    def renorm_(self, p: builtins.float, dim: builtins.int, maxnorm: builtins.float) -> Tensor:
        """In-place ``renorm``."""
    @overload
    def renorm_(self, p: builtins.float, *, maxnorm: builtins.float, axis: builtins.int) -> Tensor:
        """In-place ``renorm``."""
    def repeat(self, *counts: Any, repeats: Any = ...) -> Tensor:
        """The tensor repeated along each dimension, as a copy."""
    def repeat_interleave(self, repeats: Any = ..., dim: builtins.int | None = ..., *, output_size: builtins.int | None = ..., axis: builtins.int | None = ...) -> Tensor:
        """Each element, or slice along ``dim``, repeated in place."""
    def requires_grad_(self, requires_grad: builtins.bool = ...) -> Tensor:
        """Set ``requires_grad``."""
    def reshape(self, *sizes: _Size, shape: Any = ...) -> Tensor:
        """The elements in another shape, as a view where possible, else as a copy."""
    def reshape_as(self, other: Tensor) -> Tensor:
        """``reshape(other.shape)``."""
    def resize_(self, *shape: _Size, size: builtins.int | Sequence[builtins.int] | None = ...) -> Tensor:
        """Another shape, in row-major order from where the tensor begins in its memory, whatever lies there."""
    def resize_as_(self, other: Tensor, *, memory_format: Any = ...) -> Tensor:
        """In place the shape of another tensor, as ``resize_``."""
    def resolve_conj(self) -> Tensor:
        """The tensor itself: conjugates are computed when they are asked for, not when they are read."""
    def resolve_neg(self) -> Tensor:
        """The tensor itself: negatives are computed when they are asked for, not when they are read."""
    def retain_grad(self) -> None:
        """Keep the gradient of a tensor that is not a leaf in its ``grad``, too."""
    @property
    def retains_grad(self) -> builtins.bool:
        """Whether ``retain_grad`` was asked for."""
    def roll(self, shifts: Dims, dims: Dims | None = ...) -> Tensor:
        """A copy whose elements have moved on along dimensions; what passes the end comes in at the beginning."""
    def rot90(self, k: builtins.int = ..., dims: Any = ...) -> Tensor:
        """A copy turned by ``k`` times 90 degrees in the plane of two dimensions, from the first towards the second."""
    def round(self, *, decimals: builtins.int = ..., out: Tensor | None = ...) -> Tensor:
        """The nearest number of so many decimals, halves to the even one; its gradient is 0."""
    def round_(self, *, decimals: builtins.int = ...) -> Tensor:
        """In-place ``round``."""
    def row_indices(self) -> Tensor:
        """The row of each element of a sparse matrix."""
    def rsqrt(self, *, out: Tensor | None = ...) -> Tensor:
        """``1 / sqrt(input)``: infinite at 0, NaN for negative numbers."""
    def rsqrt_(self) -> Tensor:
        """In-place ``rsqrt``."""
    @overload
    def scatter(self, dim: builtins.int, index: Tensor, src: Any = ..., *, value: Any = ..., reduce: str | None = ..., out: Tensor | None = ...) -> Tensor:
        """A copy of ``input`` with elements written at positions along ``dim``: ``out[index[i, j], j] = src[i, j]`` for 0."""
    @overload
    def scatter(self, *, index: Tensor, src: Any = ..., value: Any = ..., reduce: str | None = ..., out: Tensor | None = ..., axis: builtins.int) -> Tensor:
        """A copy of ``input`` with elements written at positions along ``dim``: ``out[index[i, j], j] = src[i, j]`` for 0."""
    @overload
    def scatter_(self, dim: builtins.int, index: Tensor, src: Any = ..., *, value: Any = ..., reduce: str | None = ...) -> Tensor:
        """In-place ``scatter``."""
    @overload
    def scatter_(self, *, index: Tensor, src: Any = ..., value: Any = ..., reduce: str | None = ..., axis: builtins.int) -> Tensor:
        """In-place ``scatter``."""
    @overload
    def scatter_add(self, dim: builtins.int, index: Tensor, src: Tensor, *, out: Tensor | None = ...) -> Tensor:
        """A copy of ``input`` with ``out[index[i, j], j] += src[i, j]`` for ``dim=0``; equal positions add up."""
    @overload
    def scatter_add(self, *, index: Tensor, src: Tensor, out: Tensor | None = ..., axis: builtins.int) -> Tensor:
        """A copy of ``input`` with ``out[index[i, j], j] += src[i, j]`` for ``dim=0``; equal positions add up."""
    @overload
    def scatter_add_(self, dim: builtins.int, index: Tensor, src: Tensor) -> Tensor:
        """In-place ``scatter_add``."""
    @overload
    def scatter_add_(self, *, index: Tensor, src: Tensor, axis: builtins.int) -> Tensor:
        """In-place ``scatter_add``."""
    @overload
    def scatter_reduce(self, dim: builtins.int, index: Tensor, src: Tensor, reduce: str, *, include_self: builtins.bool = ..., out: Tensor | None = ...) -> Tensor:
        """A copy of ``input`` with the elements of ``src`` combined into those at the positions ``index`` along ``dim``."""
    @overload
    def scatter_reduce(self, *, index: Tensor, src: Tensor, reduce: str, include_self: builtins.bool = ..., out: Tensor | None = ..., axis: builtins.int) -> Tensor:
        """A copy of ``input`` with the elements of ``src`` combined into those at the positions ``index`` along ``dim``."""
    @overload
    def scatter_reduce_(self, dim: builtins.int, index: Tensor, src: Tensor, reduce: str, *, include_self: builtins.bool = ...) -> Tensor:
        """In-place ``scatter_reduce``."""
    @overload
    def scatter_reduce_(self, *, index: Tensor, src: Tensor, reduce: str, include_self: builtins.bool = ..., axis: builtins.int) -> Tensor:
        """In-place ``scatter_reduce``."""
    @overload
    def select(self, dim: builtins.int, index: builtins.int) -> Tensor:
        """The slice at ``index`` along ``dim``, without that dimension, as a view."""
    @overload
    def select(self, *, index: builtins.int, axis: builtins.int) -> Tensor:
        """The slice at ``index`` along ``dim``, without that dimension, as a view."""
    @overload
    def select_scatter(self, src: Tensor, dim: builtins.int, index: builtins.int) -> Tensor:
        """A copy whose slice at ``index`` along ``dim`` is ``src``."""
    @overload
    def select_scatter(self, src: Tensor, *, index: builtins.int, axis: builtins.int) -> Tensor:
        """A copy whose slice at ``index`` along ``dim`` is ``src``."""
    def set_(self, source: Any = ..., storage_offset: builtins.int = ..., size: builtins.int | Sequence[builtins.int] | None = ..., stride: builtins.int | Sequence[builtins.int] | None = ...) -> Tensor:
        """Let the tensor show other memory, which it shares from then on."""
    def sgn(self, *, out: Tensor | None = ...) -> Tensor:
        """``input / abs(input)``, and 0 at 0: the sign of a real number, the direction of a complex one."""
    def sgn_(self) -> Tensor:
        """In-place ``sgn``."""
    def share_memory_(self) -> Tensor:
        """Does nothing: worker processes receive copies."""
    def short(self, *, memory_format: Any = ...) -> Tensor:
        """The elements as int16."""
    def sigmoid(self, *, out: Tensor | None = ...) -> Tensor:
        """``1 / (1 + exp(-input))``."""
    def sigmoid_(self) -> Tensor:
        """In-place ``sigmoid``."""
    def sign(self, *, out: Tensor | None = ...) -> Tensor:
        """-1, 0 or 1, as the element is negative, zero or positive; its gradient is 0."""
    def sign_(self) -> Tensor:
        """In-place ``sign``."""
    def signbit(self, *, out: Tensor | None = ...) -> Tensor:
        """Whether the sign bit is set, as of negative numbers and of -0.0."""
    def sin(self, *, out: Tensor | None = ...) -> Tensor:
        """The sine."""
    def sin_(self) -> Tensor:
        """In-place ``sin``."""
    def sinc(self, *, out: Tensor | None = ...) -> Tensor:
        """``sin(pi * input) / (pi * input)``, which is 1 at 0."""
    def sinc_(self) -> Tensor:
        """In-place ``sinc``."""
    def sinh(self, *, out: Tensor | None = ...) -> Tensor:
        """The hyperbolic sine, ``(exp(input) - exp(-input)) / 2``."""
    def sinh_(self) -> Tensor:
        """In-place ``sinh``."""
    @overload
    def size(self) -> Size:
        """The shape, or the size of one dimension."""
    @overload
    def size(self, dim: builtins.int) -> builtins.int:
        """The shape, or the size of one dimension."""
    @overload
    def size(self, *, axis: builtins.int) -> builtins.int:
        """The shape, or the size of one dimension."""
    def slice_inverse(self, src: Tensor, dim: builtins.int = ..., start: Any = ..., end: Any = ..., step: builtins.int = ..., *, axis: builtins.int = ...) -> Tensor:
        """A tensor of the shape of ``src`` of which ``input`` is the slice, in the memory of ``input``."""
    def slice_scatter(self, src: Tensor, dim: builtins.int = ..., start: builtins.int | None = ..., end: builtins.int | None = ..., step: builtins.int = ..., *, out: Tensor | None = ..., axis: builtins.int = ...) -> Tensor:
        """A copy whose slice ``start:end:step`` along ``dim`` is ``src``."""
    def slogdet(self, *, out: Tensor | None = ...) -> Any:
        """The sign of the determinant, and the logarithm of its absolute value."""
    @overload
    def softmax(self, dim: builtins.int, dtype: _DType | None = ..., *, out: Tensor | None = ...) -> Tensor:
        """``exp(x) / sum(exp(x))`` along ``dim``, without overflow: positive numbers whose sum is 1."""
    @overload
    def softmax(self, *, dtype: _DType | None = ..., out: Tensor | None = ..., axis: builtins.int) -> Tensor:
        """``exp(x) / sum(exp(x))`` along ``dim``, without overflow: positive numbers whose sum is 1."""
    def sort(self, dim: builtins.int = ..., descending: builtins.bool = ..., *, stable: builtins.bool | None = ..., out: tuple[Tensor, Tensor] | None = ..., axis: builtins.int = ...) -> ReturnType:
        """The elements in order along ``dim``, and where they were; NaN counts as the largest."""
    def sparse_dim(self) -> builtins.int:
        """How many dimensions have positions."""
    def sparse_mask(self, mask: Tensor) -> Tensor:
        """The elements at the positions of a sparse tensor, whose values do not matter."""
    def split(self, split_size_or_sections: builtins.int | Sequence[builtins.int], dim: builtins.int = ...) -> tuple[Tensor, ...]:
        """Pieces along a dimension, as views."""
    def split_with_sizes(self, split_sizes: Sequence[builtins.int], dim: builtins.int = ..., *, axis: builtins.int = ...) -> tuple[Tensor, ...]:
        """Pieces of the given sizes, as views."""
    def sqrt(self, *, out: Tensor | None = ...) -> Tensor:
        """The square root; NaN for negative numbers. Its gradient at 0 is infinite."""
    def sqrt_(self) -> Tensor:
        """In-place ``sqrt``."""
    def square(self, *, out: Tensor | None = ...) -> Tensor:
        """``input * input``."""
    def square_(self) -> Tensor:
        """In-place ``square``."""
    def squeeze(self, dim: Dims | None = ..., *more: builtins.int, axis: Dims | None = ...) -> Tensor:
        """Dimensions of size 1 removed, as a view."""
    def squeeze_(self, dim: Dims | None = ..., *more: builtins.int, axis: Dims | None = ...) -> Tensor:
        """In-place ``squeeze``."""
    def std(self, dim: Dims | None = ..., unbiased: builtins.bool | None = ..., keepdim: builtins.bool = ..., *, correction: builtins.float | None = ..., out: Tensor | None = ..., axis: Dims | None = ..., keepdims: builtins.bool = ...) -> Tensor:
        """The standard deviation of all elements, or along dimensions: the square root of ``var``. Its gradient at 0 is 0."""
    def stft(self, n_fft: builtins.int, hop_length: builtins.int | None = ..., win_length: builtins.int | None = ..., window: Tensor | None = ..., center: builtins.bool = ..., pad_mode: str = ..., normalized: builtins.bool = ..., onesided: builtins.bool | None = ..., return_complex: builtins.bool | None = ..., align_to_window: builtins.bool | None = ...) -> Tensor:
        """The Fourier transforms of windows along a signal: which frequencies it has when."""
    def storage(self) -> Any:
        """The elements of the memory that the tensor is a view of."""
    def storage_offset(self) -> builtins.int:
        """Where the tensor begins in its storage, in elements."""
    def storage_type(self) -> builtins.type:
        """The class of ``storage()`` by the type of its elements, such as ``torch.FloatStorage``."""
    @overload
    def stride(self) -> tuple[builtins.int, ...]:
        """Distance in memory between neighbours along each dimension, in elements."""
    @overload
    def stride(self, dim: builtins.int) -> builtins.int:
        """Distance in memory between neighbours along each dimension, in elements."""
    @overload
    def stride(self, *, axis: builtins.int) -> builtins.int:
        """Distance in memory between neighbours along each dimension, in elements."""
    @property
    def strides(self) -> tuple[builtins.int, ...]:
        """Steps between neighbours along each dimension, in elements."""
    def sub(self, other: _Operand, *, alpha: builtins.complex | Tensor = ..., out: Tensor | None = ...) -> Tensor:
        """``input - alpha * other``, element by element."""
    def sub_(self, other: _Operand, *, alpha: builtins.complex | Tensor = ...) -> Tensor:
        """In-place ``sub``."""
    def subtract(self, other: _Operand, *, alpha: builtins.complex | Tensor = ..., out: Tensor | None = ...) -> Tensor:
        """``input - alpha * other``, element by element."""
    def subtract_(self, other: _Operand, *, alpha: builtins.complex | Tensor = ...) -> Tensor:
        """In-place ``sub``."""
    def sum(self, dim: Dims | None = ..., keepdim: builtins.bool = ..., *, dtype: _DType | None = ..., out: Tensor | None = ..., axis: Dims | None = ..., keepdims: builtins.bool = ...) -> Tensor:
        """The sum of all elements, or along dimensions."""
    def sum_to_size(self, *size: _Size) -> Tensor:
        """The sum over the dimensions along which a shape is expanded to this one."""
    def svd(self, some: builtins.bool = ..., compute_uv: builtins.bool = ..., *, out: Tensor | None = ...) -> Any:
        """The singular value decomposition by its older name: V in place of its adjoint."""
    def swapaxes(self, axis0: builtins.int, axis1: builtins.int) -> Tensor:
        """Two dimensions exchanged, as a view: ``transpose`` under NumPy's name."""
    def swapaxes_(self, dim0: builtins.int, dim1: builtins.int) -> Tensor:
        """In-place ``transpose``."""
    def swapdims(self, dim0: builtins.int, dim1: builtins.int) -> Tensor:
        """Two dimensions exchanged, as a view."""
    def swapdims_(self, dim0: builtins.int, dim1: builtins.int) -> Tensor:
        """In-place ``transpose``."""
    def t(self) -> Tensor:
        """The transpose of a matrix, as a view; vectors and numbers as they are."""
    def t_(self) -> Tensor:
        """In-place ``t``."""
    def take(self, index: Tensor, *, out: Tensor | None = ...) -> Tensor:
        """The elements at positions of the flattened tensor."""
    def take_along_dim(self, indices: Tensor, dim: builtins.int | None = ..., *, out: Tensor | None = ..., axis: builtins.int | None = ...) -> Tensor:
        """Elements at given positions along ``dim``, as NumPy's ``take_along_axis``."""
    def tan(self, *, out: Tensor | None = ...) -> Tensor:
        """The tangent."""
    def tan_(self) -> Tensor:
        """In-place ``tan``."""
    def tanh(self, *, out: Tensor | None = ...) -> Tensor:
        """The hyperbolic tangent, ``(exp(input) - exp(-input)) / (exp(input) + exp(-input))``."""
    def tanh_(self) -> Tensor:
        """In-place ``tanh``."""
    def tensor_split(self, indices_or_sections: builtins.int | Sequence[builtins.int] | Tensor, dim: builtins.int = ..., *, axis: builtins.int = ...) -> tuple[Tensor, ...]:
        """Pieces along a dimension, as views, of almost equal size or cut at given places."""
    def tile(self, *given: Any, dims: Any = ...) -> Tensor:
        """The tensor repeated along each dimension, as a copy; missing leading counts are 1."""
    def to(self, *args: Any, dtype: _DType | None = ..., device: _Device | None = ..., non_blocking: builtins.bool = ..., copy: builtins.bool = ..., memory_format: Any = ...) -> Tensor:
        """The tensor in another type, on another device, or like another tensor; itself if nothing changes."""
    def to_dense(self, dtype: _DType | None = ...) -> Tensor:
        """The tensor, which is dense."""
    def to_device(self, device: _Device | None, /, *, stream: Any = ...) -> Tensor:
        """The elements on another device, as the array API standard calls it."""
    def to_sparse(self, sparse_dim: builtins.int | None = ..., *, layout: Any = ..., dense_dim: builtins.int | None = ...) -> Tensor:
        """The elements that are not zero, as a sparse tensor."""
    def to_sparse_coo(self) -> Tensor:
        """The elements that are not zero, with the layout ``torch.sparse_coo``."""
    def to_sparse_csc(self, dense_dim: builtins.int | None = ...) -> Tensor:
        """The elements of a matrix that are not zero, with the layout ``torch.sparse_csc``."""
    def to_sparse_csr(self, dense_dim: builtins.int | None = ...) -> Tensor:
        """The elements of a matrix that are not zero, with the layout ``torch.sparse_csr``."""
    def tolist(self) -> list[Any]:
        """The elements as nested lists of Python numbers."""
    def topk(self, k: builtins.int, dim: builtins.int = ..., largest: builtins.bool = ..., sorted: builtins.bool = ..., *, out: tuple[Tensor, Tensor] | None = ..., axis: builtins.int = ...) -> ReturnType:
        """The ``k`` largest or smallest elements along ``dim``, and where they are."""
    def trace(self) -> Tensor:
        """The sum of a matrix's diagonal."""
    def transpose(self, dim0: builtins.int, dim1: builtins.int) -> Tensor:
        """Two dimensions exchanged, as a view."""
    def transpose_(self, dim0: builtins.int, dim1: builtins.int) -> Tensor:
        """In-place ``transpose``."""
    def triangular_solve(self, A: Tensor, upper: builtins.bool = ..., transpose: builtins.bool = ..., unitriangular: builtins.bool = ..., *, out: Tensor | None = ...) -> Any:
        """The solution of ``A X = input`` for triangular matrices; ``linalg.solve_triangular`` is its successor."""
    def tril(self, diagonal: builtins.int = ..., *, out: Tensor | None = ...) -> Tensor:
        """The lower triangle of matrices; zeros above a diagonal."""
    def tril_(self, diagonal: builtins.int = ...) -> Tensor:
        """In-place ``tril``."""
    def triu(self, diagonal: builtins.int = ..., *, out: Tensor | None = ...) -> Tensor:
        """The upper triangle of matrices; zeros below a diagonal."""
    def triu_(self, diagonal: builtins.int = ...) -> Tensor:
        """In-place ``triu``."""
    def true_divide(self, other: _Operand, *, rounding_mode: str | None = ..., out: Tensor | None = ...) -> Tensor:
        """Quotient: exact, or rounded to integers, whose gradient is 0."""
    def true_divide_(self, other: _Operand, *, rounding_mode: str | None = ...) -> Tensor:
        """In-place ``div``."""
    def trunc(self, *, out: Tensor | None = ...) -> Tensor:
        """The integer part: each element rounded towards zero; its gradient is 0."""
    def trunc_(self) -> Tensor:
        """In-place ``trunc``."""
    @overload
    def type(self, dtype: None = ...) -> str:
        """The name of the tensor's type, or the tensor in another one."""
    @overload
    def type(self, dtype: Any, non_blocking: builtins.bool = ...) -> Tensor:
        """The name of the tensor's type, or the tensor in another one."""
    def type_as(self, other: Tensor) -> Tensor:
        """The tensor in the dtype and on the device of another one."""
    def unbind(self, dim: builtins.int = ..., *, axis: builtins.int = ...) -> tuple[Tensor, ...]:
        """The slices along a dimension, without it, as views."""
    def unflatten(self, dim: builtins.int, sizes: Any) -> Tensor:
        """One dimension split into several, as a view."""
    def unfold(self, dimension: builtins.int, size: builtins.int, step: builtins.int) -> Tensor:
        """Windows along a dimension, as a view in which their elements are a new last dimension."""
    def uniform_(self, low: builtins.float = ..., to: builtins.float = ..., *, generator: Any = ...) -> Tensor:
        """Overwrite with uniform random numbers in [low, to), also both parts of complex numbers."""
    @overload
    def unique(self, sorted: builtins.bool = ..., return_inverse: Literal[False] = ..., return_counts: Literal[False] = ..., dim: builtins.int | None = ...) -> Tensor:
        """The values that occur, each once, in ascending order; with ``dim`` the slices along it, in lexicographic order."""
    @overload
    def unique(self, sorted: builtins.bool = ..., *, return_inverse: Literal[True], return_counts: Literal[True], dim: builtins.int | None = ...) -> tuple[Tensor, Tensor, Tensor]:
        """The values that occur, each once, in ascending order; with ``dim`` the slices along it, in lexicographic order."""
    @overload
    def unique(self, sorted: builtins.bool = ..., *, return_inverse: Literal[True], return_counts: Literal[False] = ..., dim: builtins.int | None = ...) -> tuple[Tensor, Tensor]:
        """The values that occur, each once, in ascending order; with ``dim`` the slices along it, in lexicographic order."""
    @overload
    def unique(self, sorted: builtins.bool = ..., return_inverse: Literal[False] = ..., *, return_counts: Literal[True], dim: builtins.int | None = ...) -> tuple[Tensor, Tensor]:
        """The values that occur, each once, in ascending order; with ``dim`` the slices along it, in lexicographic order."""
    def unique_consecutive(self, return_inverse: builtins.bool = ..., return_counts: builtins.bool = ..., dim: builtins.int | None = ...) -> Any:
        """The first element of every run of equal ones."""
    def unsafe_chunk(self, chunks: builtins.int, dim: builtins.int = ..., *, axis: builtins.int = ...) -> tuple[Tensor, ...]:
        """As many pieces as there are chunks, which the graph takes for results and not for views."""
    def unsafe_split(self, split_size: builtins.int, dim: builtins.int = ..., *, axis: builtins.int = ...) -> tuple[Tensor, ...]:
        """Pieces as of ``split``, which the graph takes for results and not for views: writing to one of them leaves the history of the others alone."""
    def unsafe_split_with_sizes(self, split_sizes: Sequence[builtins.int], dim: builtins.int = ..., *, axis: builtins.int = ...) -> tuple[Tensor, ...]:
        """Pieces of given sizes, which the graph takes for results and not for views."""
    @overload
    def unsqueeze(self, dim: builtins.int) -> Tensor:
        """A dimension of size 1 inserted, as a view."""
    @overload
    def unsqueeze(self, *, axis: builtins.int) -> Tensor:
        """A dimension of size 1 inserted, as a view."""
    @overload
    def unsqueeze_(self, dim: builtins.int) -> Tensor:
        """In-place ``unsqueeze``."""
    @overload
    def unsqueeze_(self, *, axis: builtins.int) -> Tensor:
        """In-place ``unsqueeze``."""
    def untyped_storage(self) -> Any:
        """The bytes of the memory that the tensor is a view of."""
    def values(self) -> Tensor:
        """The elements of a sparse tensor."""
    def var(self, dim: Dims | None = ..., unbiased: builtins.bool | None = ..., keepdim: builtins.bool = ..., *, correction: builtins.float | None = ..., out: Tensor | None = ..., axis: Dims | None = ..., keepdims: builtins.bool = ...) -> Tensor:
        """The variance of all elements, or along dimensions: ``sum((x - mean(x)) ** 2) / (n - correction)``."""
    def vdot(self, other: Tensor, *, out: Tensor | None = ...) -> Tensor:
        """The dot product of two vectors, the first conjugated: ``sum(conj(input) * other)``."""
    def view(self, *shape: Any, size: builtins.int | Sequence[builtins.int] | None = ..., dtype: _DType | None = ...) -> Tensor:
        """The same elements in another shape, without copying; or their memory as elements of another dtype."""
    def view_as(self, other: Tensor) -> Tensor:
        """``view(other.shape)``."""
    def vsplit(self, indices_or_sections: builtins.int | Sequence[builtins.int] | Tensor, *more: builtins.int) -> tuple[Tensor, ...]:
        """Pieces along the first dimension, as views."""
    def where(self, condition: Tensor, other: _Operand) -> Tensor:
        """This tensor's elements where the condition holds, else ``other``'s, element by element."""
    def xlogy(self, other: _Operand, *, out: Tensor | None = ...) -> Tensor:
        """``input * log(other)``, which is 0 where ``input`` is 0 and ``other`` is not NaN."""
    def xlogy_(self, other: _Operand) -> Tensor:
        """In-place ``xlogy``."""
    def zero_(self) -> Tensor:
        """Overwrite every element with 0."""
class ReturnType(tuple[Tensor, Tensor]):
    @property
    def values(self) -> Tensor: ...
    @property
    def indices(self) -> Tensor: ...
    def __repr__(self) -> str: ...
def make(buf: Any, shape: tuple, k: Kind) -> Tensor: ...
def empty(shape: tuple | list, d: DType, where: Device) -> Tensor: ...
def shared_storage(t: Tensor) -> Storage: ...
def view(x: Tensor, shape: tuple, strides: tuple[int, ...], step: int=0) -> Tensor: ...
def geometry(shape: tuple, strides: tuple[int, ...], step: int=0) -> tuple: ...
def counted(shape: tuple) -> int: ...
def placed(x: Tensor, where: tuple) -> Tensor: ...
def side_by_side(x: Tensor, shape: Size, strides: tuple | None, n: int, starts: Any) -> tuple: ...
def flat_array(x: Any) -> np.ndarray | None: ...
def keep_view(storage: Storage, t: Tensor) -> None: ...
def reshaped(x: Tensor, shape: Size) -> Tensor: ...
def fresh(x: Tensor) -> Tensor: ...
def alias(x: Tensor) -> Tensor: ...
def as_ndarray(x: Tensor) -> np.ndarray: ...
