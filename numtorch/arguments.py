"""Checks the arguments that users pass, and converts them to plain values.

Memos have arguments as keys, and for Python 2.0, True and 2 are the same key. So a number that must be an integer is
converted here, before it is part of a key. A number that becomes an element is checked against the dtype. Errors are
those of torch: TypeError for a wrong kind of value, RuntimeError for a value out of range.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from numtorch import layouts
from numtorch.dtype import ALL, BOOL, INTEGERS, UNSIGNED, dtype, finfo, iinfo

Dims = int | tuple[int, ...] | list[int] | None  # what reductions go over; None stands for all dimensions
Sizes = int | tuple[int | None, ...] | list[int | None] | None  # of a result; None keeps one

# What C++, and therefore torch's messages, call the element types.
_C_NAMES = {
    "uint8": "uint8_t",
    "int8": "int8_t",
    "int16": "int16_t",
    "int32": "int",
    "int64": "int64_t",
    "uint16": "uint16_t",
    "uint32": "uint32_t",
    "uint64": "uint64_t",
    "bool": "bool",
    "float16": "at::Half",
    "bfloat16": "at::BFloat16",
    "float32": "float",
    "float64": "double",
    "complex64": "c10::complex<float>",
    "complex128": "c10::complex<double>",
}
_WORD = 1 << 63
_LARGEST = {d: finfo(d).max for d in ALL if d.is_floating_point}
_RANGES = {d: (iinfo(d).min, iinfo(d).max) for d in (*INTEGERS, *UNSIGNED)}


def integer(value: Any, op: str, name: str) -> int:
    """``value`` as a Python int: an int, a NumPy integer or an integer tensor of one element; TypeError for all else.

    >>> integer(np.int64(3), "roll", "shifts")
    3
    >>> integer(4.0, "roll", "shifts")
    Traceback (most recent call last):
    TypeError: roll(): argument 'shifts' must be int, not float
    """
    if type(value) is not int:
        if isinstance(value, bool | np.bool_) or getattr(getattr(value, "dtype", None), "category", None) == BOOL:
            raise TypeError(f"{op}(): argument '{name}' must be int, not {_kind(value)}")
        try:
            value = operator.index(value)
        except TypeError:
            raise TypeError(f"{op}(): argument '{name}' must be int, not {_kind(value)}") from None
    if not -_WORD <= value < _WORD:
        raise ValueError(
            f"{op}(): argument '{name}': Overflow when unpacking long long: {value} does not fit in 64 bits"
        )
    return value


def integers(values: Any, op: str, name: str) -> tuple[int, ...]:
    """A tuple of Python ints; TypeError that tells the position of what is none.

    >>> integers([2, 3], "view", "size")
    (2, 3)
    >>> integers((2, 3.0), "view", "size")
    Traceback (most recent call last):
    TypeError: view(): argument 'size' must be tuple of ints, but found element of type float at pos 1
    """
    if values.__class__ is not tuple:
        try:
            values = tuple(values)
        except TypeError:
            raise TypeError(f"{op}(): argument '{name}' must be tuple of ints, not {_kind(values)}") from None
    for n in values:
        if type(n) is not int:
            break
    else:
        return values
    made = []
    for i, n in enumerate(values):
        try:
            made.append(integer(n, op, name))
        except TypeError:
            raise TypeError(
                f"{op}(): argument '{name}' must be tuple of ints, but found element of type {_kind(n)} at pos {i}"
            ) from None
    return tuple(made)


def nothing_kept(op: str) -> TypeError:
    """The error of a call that keeps a dimension and names none: of all elements these ops make one, without
    dimensions."""
    other = f"; torch.a{op}(x, keepdim=True) goes over all dimensions and keeps them" if op in ("max", "min") else ""
    return TypeError(f"{op}(): keepdim goes with a dimension, and there is no dim{other}")


def dimensions(dim: Any, op: str, name: str = "dim") -> Any:
    """Which dimensions an op goes over: None, a Python int, or a tuple of them; TypeError for all else.

    >>> dimensions([0, np.int64(1)], "sum"), dimensions(None, "sum")
    ((0, 1), None)
    >>> dimensions(1.0, "sum")
    Traceback (most recent call last):
    TypeError: sum(): argument 'dim' must be int, not float
    """
    if dim is None or dim.__class__ is int:
        return dim
    return integers(dim, op, name) if isinstance(dim, tuple | list) else integer(dim, op, name)


def sizes(value: Any, op: str, name: str) -> Any:
    """The sizes of a result: None, a Python int, or a tuple of them; TypeError for all else.

    >>> sizes([None, np.int64(1)], "adaptive_avg_pool2d", "output_size")
    (None, 1)
    """
    if value is None or value.__class__ is int:
        return value
    return tuple([sizes(n, op, name) for n in value]) if isinstance(value, tuple | list) else integer(value, op, name)


def flag(value: Any, op: str, name: str) -> bool:
    """A truth value of Python's or NumPy's; TypeError for all else: ``x.sum(0, 1)`` is a sum over one dimension.

    >>> flag(1, "sum", "keepdim")
    Traceback (most recent call last):
    TypeError: sum(): argument 'keepdim' must be bool, not int
    """
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise TypeError(f"{op}(): argument '{name}' must be bool, not {_kind(value)}")


def only_real(d: dtype, op: str) -> None:
    """NotImplementedError for an op that means nothing for complex numbers."""
    if d.is_complex:
        raise NotImplementedError(f"\"{op}\" not implemented for '{d.scalar}'; take .abs(), .real or .imag")


def _kind(value: Any) -> str:
    """What messages call the type of a value."""
    kind = type(value)
    return f"numpy.{kind.__name__}" if kind.__module__ == "numpy" else kind.__name__


def refused(error: AttributeError, op: str, **given: Any) -> Exception:
    """What to raise where an attribute was missing: TypeError if one of the operands is no tensor, else the error
    itself.

    >>> refused(AttributeError("'list' object has no attribute 'shape'"), "linear", input=[1.0])
    TypeError("linear(): argument 'input' (position 1) must be Tensor, not list")
    """
    for i, (name, value) in enumerate(given.items(), 1):
        if not hasattr(value, "_k"):
            return TypeError(f"{op}(): argument '{name}' (position {i}) must be Tensor, not {_kind(value)}")
    return error


def element(value: Any, d: dtype) -> Any:
    """A number as an element of type ``d``; RuntimeError if the type cannot hold it, TypeError for what is no number.

    Infinity and NaN are elements of the floating types only. A fraction is cut off for an integer type, and a negative
    integer becomes an element of ``uint8`` as C converts it, as in torch.

    >>> element(3.7, torch.int8), element(2, torch.bool), element(1, torch.float16)
    (3, True, 1.0)
    >>> element(300, torch.uint8)
    Traceback (most recent call last):
    RuntimeError: value cannot be converted to type uint8_t without overflow: 300 is not in [0, 255]
    """
    if not isinstance(value, int | float | complex | np.number | np.bool_):
        raise TypeError(f"expected a number, got {_kind(value)}")
    if d.is_complex:
        part = d.to_real()
        return complex(element(value.real, part), element(value.imag, part))
    if isinstance(value, complex | np.complexfloating):
        if value.imag:
            raise _overflow(value, d)
        value = value.real
    if d.is_floating_point:
        try:
            value = float(value)
        except OverflowError:
            raise _overflow(value, d) from None
        if abs(value) > _LARGEST[d] and not math.isinf(value):
            raise _overflow(value, d)
        return value
    if d.category == BOOL:
        return bool(value)
    low, high = _RANGES[d]
    if not isinstance(value, float | np.floating):
        value = int(value)
        if not low and -high <= value < 0:
            value += high + 1
    if not low <= value <= high:  # NaN is not, either
        raise _overflow(value, d)
    return int(value)


def wrapped(value: Any, d: dtype) -> Any:
    """A number as an element of type ``d``; for an unsigned type a negative integer counts from above, as in C and
    torch."""
    if not isinstance(value, float | complex) and value < 0 and not d.is_signed and d is not BOOL:
        return -element(-value, d)
    return element(value, d)


def _overflow(value: Any, d: dtype) -> RuntimeError:
    if isinstance(value, complex | np.complexfloating):
        why = f"{value} has an imaginary part"
    elif d.is_floating_point:
        why = f"it lies beyond {_LARGEST[d]:g}, the largest finite {d.name}"
    else:
        low, high = _RANGES[d]
        why = f"{value} is not in [{low}, {high}]"
    return RuntimeError(f"value cannot be converted to type {_C_NAMES[d.name]} without overflow: {why}")


def sequence(tensors: Any, op: str, name: str) -> list:
    """Several tensors as a list; TypeError for one, whose rows these would be."""
    if hasattr(tensors, "_edge") or not hasattr(tensors, "__iter__"):
        raise TypeError(
            f"{op}(): argument '{name}' (position 1) must be tuple of Tensors, not {type(tensors).__name__}; "
            f"put them into a list: torch.{op}([a, b])"
        )
    return list(tensors)


def no_tensor(op: str, at: int, value: Any) -> TypeError:
    """The error for what is no tensor, in a list of them."""
    return TypeError(f"{op}(): expected Tensor as element {at} in argument 0, but got {type(value).__name__}")


def strided(layout: Any, op: str) -> None:
    """Check the ``layout`` of a function that makes dense tensors.

    >>> strided(layouts.strided, "zeros")
    >>> strided(layouts.sparse_coo, "zeros")
    Traceback (most recent call last):
    NotImplementedError: zeros(): layout=torch.sparse_coo is not here; make a dense tensor, and call .to_sparse()
    """
    if not isinstance(layout, layouts.layout) or isinstance(layout, layouts.memory_format):
        raise TypeError(f"{op}(): argument 'layout' must be torch.layout, not {_kind(layout)}")
    if layout is not layouts.strided:
        raise NotImplementedError(f"{op}(): layout={layout} is not here; make a dense tensor, and call .to_sparse()")


def order(memory_format: Any, op: str) -> None:
    """Check a ``memory_format``.

    >>> order(layouts.channels_last, "clone")
    >>> order("channels_last", "clone")
    Traceback (most recent call last):
    TypeError: clone(): argument 'memory_format' must be torch.memory_format, not str
    """
    if not isinstance(memory_format, layouts.memory_format):
        raise TypeError(f"{op}(): argument 'memory_format' must be torch.memory_format, not {_kind(memory_format)}")
