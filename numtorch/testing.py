"""``torch.testing``: whether tensors are equal within tolerances, and tensors to test with."""

from __future__ import annotations

import cmath
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import numtorch as torch

_CLOSE = {
    "torch.float16": (1e-3, 1e-5),
    "torch.bfloat16": (1.6e-2, 1e-5),
    "torch.float32": (1.3e-6, 1e-5),
    "torch.float64": (1e-7, 1e-7),
    "torch.complex64": (1.3e-6, 1e-5),
    "torch.complex128": (1e-7, 1e-7),
}
_NUMBERS = (bool, int, float, complex)


class _Comparison:
    """The options of one ``assert_close``, and where in a nest of containers it is."""

    def __init__(self, rtol: float | None, atol: float | None, equal_nan: bool, **checks: bool):
        self.rtol, self.atol, self.equal_nan, self.checks = rtol, atol, equal_nan, checks
        self.place = ""

    def fail(self, said: str) -> AssertionError:
        where = f"\n\nThe failure occurred for item {self.place}" if self.place else ""
        return AssertionError(said + where)

    def within(self, place: Any, actual: Any, expected: Any) -> None:
        before = self.place
        self.place = f"{before}[{place!r}]"
        self.compare(actual, expected)
        self.place = before

    def compare(self, actual: Any, expected: Any) -> None:
        if isinstance(actual, str) and isinstance(expected, str):
            raise TypeError("assert_close: compares tensors, arrays and numbers, and containers of them, not str")
        if isinstance(actual, Sequence) and isinstance(expected, Sequence):
            if len(actual) != len(expected):
                raise self.fail(f"The length of the sequences mismatch: {len(actual)} != {len(expected)}")
            for i, (a, b) in enumerate(zip(actual, expected, strict=True)):
                self.within(i, a, b)
        elif isinstance(actual, Mapping) and isinstance(expected, Mapping):
            if set(actual) != set(expected):
                missing, more = (
                    sorted(set(expected) - set(actual), key=str),
                    sorted(set(actual) - set(expected), key=str),
                )
                raise self.fail(f"The keys of the mappings do not match: missing {missing}, not expected {more}")
            for key in sorted(expected, key=str):
                self.within(key, actual[key], expected[key])
        elif actual is None or expected is None:
            if actual is not expected:
                raise self.fail(f"None mismatch: {actual!r} is not {expected!r}")
        elif isinstance(actual, _NUMBERS) and isinstance(expected, _NUMBERS):
            self.numbers(actual, expected)
        else:
            self.tensors(self.taken(actual), self.taken(expected), actual, expected)

    def taken(self, value: Any) -> torch.Tensor:
        if isinstance(value, torch.Tensor):
            return value.detach()
        if isinstance(value, _NUMBERS):
            return torch.tensor(value)
        if isinstance(value, np.ndarray | np.generic):
            return torch.as_tensor(value)
        raise TypeError(
            "assert_close: compares tensors, arrays and numbers, and containers of them, not " + type(value).__name__
        )

    def tolerances(self, *dtypes: Any) -> tuple[float, float]:
        if self.rtol is not None and self.atol is not None:
            return self.rtol, self.atol
        found = [_CLOSE.get(str(d), (0.0, 0.0)) for d in dtypes]
        return max(r for r, _ in found), max(a for _, a in found)

    def numbers(self, a: Any, b: Any) -> None:
        kinds = {bool: torch.bool, int: torch.int64, float: torch.float64, complex: torch.complex128}
        rtol, atol = self.tolerances(*(next(d for k, d in kinds.items() if isinstance(v, k)) for v in (a, b)))
        if self.checks["check_dtype"] and type(a) is not type(b):
            raise self.fail(f"The (d)types do not match: {type(a)} != {type(b)}")
        if a == b or (self.equal_nan and a != a and b != b):
            return
        difference = abs(a - b)
        if not (cmath.isfinite(difference) and difference <= atol + rtol * abs(b)):
            raise self.fail(
                f"Scalars are not close!\n\nExpected {b} but got {a}.\nAbsolute difference: {difference} "
                f"(up to {atol} allowed)\nRelative difference: {difference / abs(b) if b else float('inf')} "
                f"(up to {rtol} allowed)"
            )

    def tensors(self, a: torch.Tensor, b: torch.Tensor, given: Any, wanted: Any) -> None:
        if a.shape != b.shape:
            raise self.fail(f"The values for attribute 'shape' do not match: {a.shape} != {b.shape}.")
        both = isinstance(given, torch.Tensor) and isinstance(wanted, torch.Tensor)
        if both and self.checks["check_device"] and a.device != b.device:
            raise self.fail(f"The values for attribute 'device' do not match: {a.device} != {b.device}.")
        if self.checks["check_dtype"] and a.dtype is not b.dtype:
            raise self.fail(f"The values for attribute 'dtype' do not match: {a.dtype} != {b.dtype}.")
        if both and self.checks["check_stride"] and a.stride() != b.stride():
            raise self.fail(f"The values for attribute 'stride()' do not match: {a.stride()} != {b.stride()}.")
        if a.device.type == "meta" or b.device.type == "meta":
            return
        rtol, atol = self.tolerances(a.dtype, b.dtype)
        kind = torch.promote_types(a.dtype, b.dtype)
        if kind.is_floating_point:
            kind = torch.float64
        elif kind.is_complex:
            kind = torch.complex128
        x, y = a.cpu().to(kind).numpy(), b.cpu().to(kind).numpy()
        if x.dtype.kind in "iub" and rtol == 0 and atol == 0:
            close = x == y
        else:
            close = np.isclose(x, y, rtol=rtol, atol=atol, equal_nan=self.equal_nan)
        if close.all():
            return
        raise self.fail(_told(x, y, close, rtol, atol))


def _told(x: np.ndarray, y: np.ndarray, close: np.ndarray, rtol: float, atol: float) -> str:
    """What differs most, and where."""
    wide = complex if x.dtype.kind == "c" else float
    with np.errstate(all="ignore"):
        absolute = np.abs(x.astype(wide) - y.astype(wide))
        relative = absolute / np.abs(y.astype(wide))
    lines = [f"{'Tensor-likes' if x.ndim else 'Scalars'} are not {'close' if rtol or atol else 'equal'}!", ""]
    if not x.ndim:
        lines.append(f"Expected {y.item()} but got {x.item()}.")
    else:
        wrong = int((~close).sum())
        lines.append(f"Mismatched elements: {wrong} / {x.size} ({wrong / x.size:.1%})")
    for name, found, allowed in (("absolute", absolute, atol), ("relative", relative, rtol)):
        found = np.where(close, -1.0, np.where(np.isnan(found), np.inf if name == "absolute" else -0.5, found))
        at = np.unravel_index(int(found.argmax()), found.shape)
        where = f" at index {tuple(int(i) for i in at)}" if x.ndim else ""
        said = (absolute if name == "absolute" else relative)[at]
        lines.append(
            f"{'Greatest ' + name if x.ndim else name.capitalize()} difference: {said}{where} (up to {allowed} allowed)"
        )
    return "\n".join(lines)


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """``|actual - expected| <= atol + rtol * |expected|`` for all elements, in tensors, arrays, numbers and containers.

    Args:
        actual, expected: tensors, arrays, numbers, or sequences and mappings of them.
        allow_subclasses: False asks for the same class.
        rtol, atol: tolerances, both or none; else 1.3e-6 and 1e-5 for float32, 1e-7 twice for float64, 1e-3 and 1e-5
            for float16, 1.6e-2 and 1e-5 for bfloat16, 0 for integers and bool.
        equal_nan: whether NaN equals NaN.
        check_device, check_dtype, check_layout, check_stride: whether these are to be the same.
        msg: the error's message, or a function of the usual one.

    Raises:
        AssertionError: they differ.
        ValueError: only one of ``rtol`` and ``atol`` is given.
        TypeError: something that cannot be compared.

    >>> torch.testing.assert_close(torch.ones(2), torch.ones(2) + 1e-7)
    >>> try:
    ...     torch.testing.assert_close(torch.ones(2), torch.zeros(2))
    ... except AssertionError as e:
    ...     print(str(e).splitlines()[2])
    Mismatched elements: 2 / 2 (100.0%)
    """
    if (rtol is None) != (atol is None):
        raise ValueError(f"assert_close: rtol and atol are given both or not at all, not rtol={rtol}, atol={atol}")
    if not allow_subclasses and type(actual) is not type(expected):
        raise TypeError(f"assert_close: {type(actual).__name__} and {type(expected).__name__} are different classes")
    checks = {"check_device": check_device, "check_dtype": check_dtype, "check_stride": check_stride}
    try:
        _Comparison(rtol, atol, equal_nan, check_layout=check_layout, **checks).compare(actual, expected)
    except AssertionError as error:
        if msg is None:
            raise
        raise AssertionError(msg(str(error)) if callable(msg) else msg) from None


def assert_allclose(
    actual: Any,
    expected: Any,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = True,
    msg: str = "",
) -> None:
    """``assert_close`` without a look at dtypes and devices: an older name.

    Args:
        actual, expected: tensors, arrays or numbers.
        rtol, atol: tolerances, both or none.
        equal_nan: whether NaN equals NaN.
        msg: the error's message.

    Raises:
        AssertionError: they differ.

    >>> torch.testing.assert_allclose(torch.ones(2), [1, 1])
    """
    if not isinstance(actual, torch.Tensor):
        actual = torch.tensor(actual)
    if not isinstance(expected, torch.Tensor):
        expected = torch.tensor(expected, dtype=actual.dtype)
    options = {"rtol": rtol, "atol": atol, "equal_nan": equal_nan, "check_dtype": False, "check_device": False}
    assert_close(actual, expected, msg=msg or None, **options)  # type: ignore[arg-type]


def make_tensor(
    *shape: Any,
    dtype: torch.dtype,
    device: Any,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> torch.Tensor:
    """A tensor of uniform random elements between ``low`` and ``high``.

    Args:
        *shape: sizes, or one sequence of them.
        dtype, device: of the result.
        low, high: the least element, and the end; by default 0 and 10 for uint8, -9 and 10 for other integers, -9 and 9
            for floating point, 0 and 2 for bool.
        requires_grad: whether the result does.
        noncontiguous: whether the elements lie apart in memory.
        exclude_zero: zeros become the smallest positive number.
        memory_format: of the result; not together with ``noncontiguous``.

    Returns:
        A tensor.

    Raises:
        ValueError: ``low`` is not below ``high``, or options that exclude each other.

    >>> torch.testing.make_tensor(2, 3, dtype=torch.float32, device="cpu").shape
    torch.Size([2, 3])
    """
    sizes = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], Sequence) else shape
    if noncontiguous and memory_format is not None:
        raise ValueError("make_tensor: noncontiguous=True and memory_format exclude each other")
    if requires_grad and not (dtype.is_floating_point or dtype.is_complex):
        raise ValueError(f"make_tensor: requires_grad=True needs a floating-point or complex dtype, not {dtype}")
    floating = dtype.is_floating_point or dtype.is_complex
    usual = (0, 2) if dtype is torch.bool else (0, 10) if dtype is torch.uint8 else (-9, 9) if floating else (-9, 10)
    low, high = usual[0] if low is None else low, usual[1] if high is None else high
    if not low < high:
        raise ValueError(f"make_tensor: low={low} is not below high={high}")
    if dtype.is_complex:
        part = torch.float32 if dtype is torch.complex64 else torch.float64
        made = torch.view_as_complex(torch.empty(*sizes, 2, dtype=part, device=device).uniform_(low, high))
    elif floating:
        wide = dtype if dtype in (torch.float32, torch.float64) else torch.float32
        made = torch.empty(sizes, dtype=wide, device=device).uniform_(low, high).to(dtype)
    else:
        made = torch.randint(int(low), int(high), sizes, device=device).to(dtype)
    if exclude_zero:
        least = torch.finfo(dtype).tiny if floating else 1
        made = torch.where(made == 0, torch.tensor(least, dtype=dtype, device=device), made)
    if noncontiguous and made.numel() > 1:
        made = torch.repeat_interleave(made, 2, -1)[..., ::2]
    if memory_format is not None:
        made = made.contiguous(memory_format=memory_format)
    return made.requires_grad_(requires_grad)
