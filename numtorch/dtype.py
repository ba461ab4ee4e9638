"""Element types and torch's promotion rules. Knows nothing of tensors or kernels.

Half types are stored as 16 bits (``uint16``) and computed in float32. Numba has no CPU arithmetic for them, and most
processors also convert them at load and store. ``uint16``, ``uint32`` and ``uint64`` are mostly for storage:
elementwise ops compute with them, and little else does.
"""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from numtorch import interrupts

BOOL, INTEGRAL, FLOATING, COMPLEX = 0, 1, 2, 3  # torch's categories: a higher one wins whatever the widths


class dtype:
    """An element type, printed as PyTorch prints it.

    Attributes:
        name: ``"float32"``.
        itemsize: bytes of one element.
        storage: the NumPy type of the buffer (``uint16`` for the half types).
        compute: the NumPy type in which kernels calculate (``float32`` for the half types).
        category: 0 bool, 1 integral, 2 floating, 3 complex.
        rank: place in the order of promotion.
        scalar: the name by which torch's messages call the type (``Float``, ``ComplexDouble``).
        is_floating_point, is_complex: whether elements are real floating numbers, or complex ones.
        differentiable: whether tensors of the type can require gradients: floating and complex ones.

    >>> torch.float32, torch.float32.itemsize, torch.int64.is_floating_point
    (torch.float32, 4, False)
    >>> torch.complex64.to_real(), torch.float64.to_complex()
    (torch.float32, torch.complex128)
    """

    __slots__ = (
        "category",
        "compute",
        "differentiable",
        "is_complex",
        "is_floating_point",
        "name",
        "rank",
        "scalar",
        "storage",
    )

    def __init__(self, name: str, storage: Any, compute: Any, category: builtins.int, rank: builtins.int, scalar: str):
        self.name = name
        self.storage = np.dtype(storage)
        self.compute = np.dtype(compute)
        self.category = category
        self.rank = rank
        self.scalar = scalar
        self.is_floating_point = category == FLOATING
        self.is_complex = category == COMPLEX
        self.differentiable = category >= FLOATING

    @property
    def itemsize(self) -> builtins.int:
        """Bytes of one element."""
        return self.storage.itemsize

    @property
    def is_signed(self) -> builtins.bool:
        """Whether it has negative numbers: all but bool and the unsigned integers."""
        return self.name != "bool" and self.storage.kind != "u" or self.is_half

    @property
    def is_half(self) -> builtins.bool:
        """Whether it has 16 bits and fractions: float16 and bfloat16."""
        return self.name in ("float16", "bfloat16")

    def to_real(self) -> dtype:
        """The type of the parts of complex numbers.

        Returns:
            float32 for complex64, float64 for complex128, any other type itself.

        >>> torch.complex64.to_real()
        torch.float32
        """
        return {complex64: float32, complex128: float64}.get(self, self)

    def to_complex(self) -> dtype:
        """The complex type whose parts hold the elements.

        Returns:
            complex128 for float64 and complex128, complex64 for any other type.

        >>> torch.float64.to_complex()
        torch.complex128
        """
        return self if self.is_complex else complex128 if self is float64 else complex64

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


bool = dtype("bool", np.bool_, np.bool_, BOOL, 0, "Bool")
uint8 = dtype("uint8", np.uint8, np.uint8, INTEGRAL, 1, "Byte")
int8 = dtype("int8", np.int8, np.int8, INTEGRAL, 2, "Char")
int16 = dtype("int16", np.int16, np.int16, INTEGRAL, 3, "Short")
int32 = dtype("int32", np.int32, np.int32, INTEGRAL, 4, "Int")
int64 = dtype("int64", np.int64, np.int64, INTEGRAL, 5, "Long")
uint16 = dtype("uint16", np.uint16, np.uint16, INTEGRAL, 3, "UInt16")
uint32 = dtype("uint32", np.uint32, np.uint32, INTEGRAL, 4, "UInt32")
uint64 = dtype("uint64", np.uint64, np.uint64, INTEGRAL, 5, "UInt64")
float16 = dtype("float16", np.uint16, np.float32, FLOATING, 6, "Half")
bfloat16 = dtype("bfloat16", np.uint16, np.float32, FLOATING, 7, "BFloat16")
float32 = dtype("float32", np.float32, np.float32, FLOATING, 8, "Float")
float64 = dtype("float64", np.float64, np.float64, FLOATING, 9, "Double")
complex64 = dtype("complex64", np.complex64, np.complex64, COMPLEX, 10, "ComplexFloat")
complex128 = dtype("complex128", np.complex128, np.complex128, COMPLEX, 11, "ComplexDouble")


class NamedOnly(dtype):
    """An 8-bit type that programs name and compare, and ask ``finfo`` about. No tensor here has it.

    >>> torch.float8_e5m2.itemsize, torch.finfo(torch.float8_e5m2).max
    (1, 57344.0)
    """

    __slots__ = ("limits",)

    def __init__(self, name: str, eps: builtins.float, most: builtins.float, tiny: builtins.float):
        self.name, self.scalar = name, name.capitalize()
        self.category, self.rank = FLOATING, 5
        self.is_floating_point, self.is_complex, self.differentiable = True, False, True
        self.limits = eps, most, tiny

    @property
    def storage(self) -> np.dtype:  # type: ignore[override]
        """Asked for wherever a tensor is made."""
        raise NotImplementedError(
            f"{self!r}: there are no tensors of this type; half types are the smallest with fractions"
        )

    compute = storage  # type: ignore[assignment]
    itemsize = 1  # type: ignore[assignment]
    is_signed = True  # type: ignore[assignment]


float8_e4m3fn = NamedOnly("float8_e4m3fn", 2.0**-3, 448.0, 2.0**-6)
float8_e4m3fnuz = NamedOnly("float8_e4m3fnuz", 2.0**-3, 240.0, 2.0**-7)
float8_e5m2 = NamedOnly("float8_e5m2", 2.0**-2, 57344.0, 2.0**-14)
float8_e5m2fnuz = NamedOnly("float8_e5m2fnuz", 2.0**-3, 57344.0, 2.0**-15)

half, float, double, cfloat, cdouble = float16, float32, float64, complex64, complex128
short, int, long = int16, int32, int64

FLOATS = (float32, float64)
HALVES = (float16, bfloat16)
COMPLEXES = (complex64, complex128)
INTEGERS = (uint8, int8, int16, int32, int64)
UNSIGNED = (uint16, uint32, uint64)  # mostly for storage: torch computes little with them
NUMBERS = (*INTEGERS, *FLOATS)
PLAIN = (bool, *NUMBERS)  # all real types but the half types, which are stored as bits and computed as float32
REAL = (bool, *INTEGERS, *HALVES, *FLOATS)  # what most formulas take
COMPUTED = (*REAL, *COMPLEXES)  # what formulas take that mean the same for complex numbers
ALL = (*COMPUTED, *UNSIGNED)

_BY_NAME = {d.name: d for d in ALL}
_FROM_NUMPY = {np.dtype(d.name): d for d in ALL if d is not bfloat16}
_default = float32


def named(name: str) -> dtype:
    """The dtype called ``name`` (``"float32"``)."""
    return _BY_NAME[name]


def from_numpy_dtype(d: Any) -> dtype:
    """The dtype for a NumPy dtype; TypeError for those without a counterpart."""
    found = _FROM_NUMPY.get(np.dtype(d))
    if found is None:
        raise TypeError(
            f"can't convert np.ndarray of type {np.dtype(d)}. The only supported types are: "
            f"{', '.join(x.name for x in ALL if x is not bfloat16)}."
        )
    return found


def get_default_dtype() -> dtype:
    """The dtype of tensors made from Python floats.

    Returns:
        float32, unless ``set_default_dtype`` chose another.

    >>> torch.get_default_dtype()
    torch.float32
    """
    return _default


def set_default_dtype(d: dtype) -> None:
    """Set the dtype of tensors made from Python floats.

    Args:
        d: a floating-point dtype.

    Raises:
        TypeError: ``d`` is not one.

    >>> torch.set_default_dtype(torch.float64)
    >>> torch.tensor(1.5).dtype
    torch.float64
    >>> torch.set_default_dtype(torch.float32)
    """
    if not isinstance(d, dtype) or not d.is_floating_point:
        raise TypeError(f"only floating-point types are supported as the default type, got {d!r}")
    interrupts.held(lambda: _set_default(d))


def _set_default(d: dtype) -> None:
    global _default
    _default = d
    for forget in when_default_changes:
        forget()


when_default_changes: list = []  # what has been decided for the default type, and must be decided anew


def as_dtype(d: Any) -> dtype:
    """A dtype, or the one that Python's ``float`` (float64), ``int`` (int64), ``bool`` or ``complex`` (complex128)
    stands for."""
    if isinstance(d, dtype):
        return d
    if d is builtins.float:
        return float64
    if d is builtins.int:
        return int64
    if d is builtins.bool:
        return bool
    if d is builtins.complex:
        return complex128
    raise TypeError(f"dtype must be a torch dtype, not {d!r}")


def _given(d: Any, op: str) -> dtype:
    """A dtype that an op was given, or the one that a Python type stands for."""
    if d.__class__ is dtype:
        return d
    try:
        return as_dtype(d)
    except TypeError:
        raise TypeError(f"{op}(): expected torch.dtype, not {d.__class__.__name__}") from None


def promote_types(a: dtype, b: dtype) -> dtype:
    """The smallest dtype to which both convert, by torch's table.

    Args:
        a: a dtype.
        b: a dtype.

    Returns:
        The dtype of a result whose operands have these.

    Raises:
        TypeError: an argument is not a dtype.

    >>> torch.promote_types(torch.uint8, torch.int8), torch.promote_types(torch.int64, torch.float16)
    (torch.int16, torch.float16)
    >>> torch.promote_types(torch.float16, torch.bfloat16)
    torch.float32
    """
    if a is b:
        return _given(a, "promote_types")
    a, b = _given(a, "promote_types"), _given(b, "promote_types")
    if a in UNSIGNED or b in UNSIGNED:
        return _with_unsigned(a, b)
    if a.category != b.category:
        higher, lower = (a, b) if a.category > b.category else (b, a)
        return complex128 if lower is float64 else higher
    if {a, b} == {float16, bfloat16}:
        return float32
    if uint8 in (a, b) and int8 in (a, b):
        return int16
    return a if a.rank > b.rank else b


def _with_unsigned(a: dtype, b: dtype) -> dtype:
    """The smallest type for uint16, uint32 or uint64 and another one, which need not hold both in floating types."""
    if a.is_complex or b.is_complex:
        raise RuntimeError(
            f"Promotion for uint16, uint32, uint64 types is not supported, attempted to promote {a.scalar} and "
            f"{b.scalar}; convert one, as with .to(torch.int64)"
        )
    if a.category != b.category:
        return a if a.category > b.category else b
    if a.is_signed == b.is_signed:
        return a if a.itemsize > b.itemsize else b
    signed, unsigned = (a, b) if a.is_signed else (b, a)
    if unsigned is uint64:
        raise RuntimeError(
            f"Promotion for uint64 and signed types is not supported, attempted to promote {a.scalar} and {b.scalar}: "
            "no integer type holds both; convert one, as with .to(torch.int64)"
        )
    return signed if signed.itemsize > unsigned.itemsize else {uint16: int32, uint32: int64}[unsigned]


def can_cast(source: dtype, target: dtype) -> builtins.bool:
    """Whether an in-place result of one dtype may be stored as another: not floating as integral, nor integral as bool.

    Args:
        source: dtype of the result.
        target: dtype of the tensor that receives it.

    Returns:
        A bool.

    Raises:
        TypeError: an argument is not a dtype.

    >>> torch.can_cast(torch.float64, torch.float16), torch.can_cast(torch.float32, torch.int64)
    (True, False)
    """
    return _given(source, "can_cast").category <= _given(target, "can_cast").category


def scalar_dtype(value: Any) -> dtype:
    """The dtype that a Python or NumPy scalar stands for."""
    if isinstance(value, builtins.bool | np.bool_):
        return bool
    if isinstance(value, builtins.int | np.integer):
        return int64
    if isinstance(value, builtins.float | np.floating):
        return _default
    if isinstance(value, builtins.complex | np.complexfloating):
        return _default.to_complex()
    raise TypeError(f"expected a number, got {type(value).__name__}")


def result_of(tensors: Any, scalars: Any) -> dtype:
    """torch's result type of an operation.

    Args:
        tensors: (dtype, ndim) pairs. 0-dim tensors only raise the category, as scalars do.
        scalars: dtypes of Python scalars.
    """
    dims: dtype | None = None
    zero: dtype | None = None
    wrapped: dtype | None = None
    for d, ndim in tensors:
        if ndim:
            dims = d if dims is None else promote_types(dims, d)
        else:
            zero = d if zero is None else promote_types(zero, d)
    for d in scalars:
        wrapped = d if wrapped is None else promote_types(wrapped, d)
    result = _over(dims, _over(zero, wrapped))
    assert result is not None
    return result


def _over(first: dtype | None, second: dtype | None) -> dtype | None:
    """The type of operands of the first rank beside those of the second, which only raise the category."""
    if first is None or second is None:
        return first or second
    if second.category <= first.category:
        return first
    return first.to_complex() if first.is_floating_point else promote_types(first, second)


class _Limits:
    """What ``finfo`` and ``iinfo`` share: they are equal for equal types, and print as in torch."""

    dtype: str
    _shown: tuple[str, ...] = ()

    def __eq__(self, other: object) -> builtins.bool:
        return type(other) is type(self) and other.dtype == self.dtype

    __hash__ = None  # type: ignore[assignment] # as in torch

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({', '.join(f'{n}={getattr(self, n):g}' for n in self._shown)}, dtype={self.dtype})"
        )


class finfo(_Limits):
    """Limits of a floating-point dtype.

    Args:
        type: the dtype; the default dtype if it is left out.

    Attributes:
        bits: size of an element.
        eps: distance from 1 to the next number.
        max, min: the largest number, and minus it.
        tiny, smallest_normal: the smallest positive number that has full precision.
        resolution: decimal digits that an element keeps, as a power of ten.
        dtype: its name.

    Raises:
        TypeError: ``type`` is not a floating-point dtype.

    >>> torch.finfo(torch.float32).eps
    1.1920928955078125e-07
    >>> torch.finfo(torch.float16).max
    65504.0
    """

    _shown = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")

    def __init__(self, type: Any = ...):
        d = _default if type is ... else _info_type("finfo", type).to_real()
        if not d.is_floating_point:
            raise TypeError(f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle {d}")
        self.dtype = d.name
        self.bits = d.itemsize * 8
        if isinstance(d, NamedOnly):
            (self.eps, self.max, self.tiny), self.resolution = d.limits, 1.0
        elif d is bfloat16:
            self.eps, self.max, self.tiny, self.resolution = 2.0**-7, (2 - 2.0**-7) * 2.0**127, 2.0**-126, 0.01
        else:
            info = np.finfo(d.name)
            self.eps, self.max, self.tiny = (builtins.float(v) for v in (info.eps, info.max, info.tiny))
            self.resolution = 10.0**-info.precision
        self.min, self.smallest_normal = -self.max, self.tiny


class iinfo(_Limits):
    """Limits of an integer dtype.

    Args:
        type: the dtype.

    Attributes:
        bits: size of an element.
        max, min: the largest and the smallest number.
        dtype: its name.

    Raises:
        TypeError: ``type`` is not an integer dtype.

    >>> torch.iinfo(torch.int8)
    iinfo(min=-128, max=127, dtype=int8)
    """

    _shown = ("min", "max")

    def __init__(self, type: Any):
        d = _info_type("iinfo", type)
        if d.category != INTEGRAL:
            raise TypeError(f"torch.iinfo() requires an integer input type, got {d}")
        info = np.iinfo(d.name)
        self.dtype, self.bits = d.name, info.bits
        self.min, self.max = builtins.int(info.min), builtins.int(info.max)


def _info_type(name: str, given: Any) -> dtype:
    try:
        return as_dtype(given)
    except TypeError:
        raise TypeError(
            f"{name}(): argument 'type' (position 1) must be torch.dtype, not {given.__class__.__name__}"
        ) from None
