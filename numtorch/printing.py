"""Prints tensors: the text is the same as torch's, character for character.

Works only on NumPy arrays: it knows neither Tensor nor device, and receives the names of both. The layout rules come
from the behaviour of torch 2.13; the tests compare every case with it.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass
class PrintOptions:
    """What ``set_printoptions`` sets; the values here are torch's defaults."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_PROFILES: dict[str, dict[str, float]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}

options = PrintOptions()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Choose how tensors are printed from now on.

    As in torch, a call without ``sci_mode`` sets it back to None.

    Args:
        precision: digits after the decimal point of floating-point elements.
        threshold: number of elements above which only the edges are printed.
        edgeitems: elements printed at the start and end of each dimension when summarising.
        linewidth: characters in a line before it is broken.
        profile: ``"default"``, ``"short"`` or ``"full"``; the other arguments refine it.
        sci_mode: always (True) or never (False) scientific notation; None chooses by the values.

    Raises:
        ValueError: an unknown ``profile``.

    >>> torch.set_printoptions(precision=2)
    >>> torch.tensor(1.12345)
    tensor(1.12)
    >>> torch.set_printoptions(profile="default")
    """
    if profile is not None:
        if profile not in _PROFILES:
            choices = ", ".join(_PROFILES)
            raise ValueError(f"set_printoptions: unknown profile {profile!r}; choose one of {choices}")
        for name, value in _PROFILES[profile].items():
            setattr(options, name, value)
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems}
    for name, number in (given | {"linewidth": linewidth}).items():
        if number is not None:
            setattr(options, name, number)
    options.sci_mode = sci_mode


def get_printoptions() -> dict[str, Any]:
    """The options in use, as keyword arguments for ``set_printoptions``."""
    return asdict(options)


@contextlib.contextmanager
def printoptions(**kwargs: Any) -> Iterator[None]:
    """Print with other options inside the block; takes the arguments of ``set_printoptions``."""
    before = get_printoptions()
    set_printoptions(**kwargs)
    try:
        yield
    finally:
        set_printoptions(**before)


def format_tensor(
    array: np.ndarray,
    *,
    prefix: str = "tensor(",
    dtype_name: str | None = None,
    default_dtype: str = "float32",
    device: Any = None,
    requires_grad: bool = False,
    grad_fn: Any = None,
    decode: Callable[[np.ndarray], np.ndarray] | None = None,
) -> str:
    """The text of a tensor, as ``str()`` and ``repr()`` give it in torch.

    Of an array that is too large to be shown whole, only what is shown is read.

    Args:
        array: the elements. Half types come as float32, or as what ``decode`` makes float32 of, together with their
            ``dtype_name``.
        prefix: the opening, ``"tensor("`` or ``"ClassName("``.
        dtype_name: the tensor's dtype, ``"bfloat16"`` or ``"torch.bfloat16"``; default: the
            array's.
        default_dtype: the floating dtype that goes without saying.
        device: shown unless None or the CPU; ``"meta"`` prints the shape instead of elements.
        requires_grad: shown for leaves.
        grad_fn: a node, or the name of one; shown as ``grad_fn=<AddBackward0>``.

    Example:
        >>> import numpy as np
        >>> print(format_tensor(np.eye(2, dtype=np.float64), requires_grad=True))
        tensor([[1., 0.],
                [0., 1.]], dtype=torch.float64, requires_grad=True)
    """
    name = _bare(dtype_name or array.dtype.name)
    default = _bare(default_dtype)
    unsaid = {default, "complex128" if default == "float64" else "complex64", "int64", "bool"}
    suffixes = []
    place = None if device is None else str(device)
    if place is not None and place.split(":")[0] != "cpu":
        suffixes.append(f"device='{place}'")
    if place == "meta":
        suffixes.append(f"size={tuple(array.shape)}")
        unsaid = {default}
        body = "..."
    elif array.size == 0:
        if array.ndim != 1:
            suffixes.append(f"size={tuple(array.shape)}")
        unsaid = {default}  # no element shows what the dtype is
        body = "[]"
    else:
        if not options.edgeitems:
            suffixes.append(f"size={tuple(array.shape)}")
        body = _body(array, len(prefix), decode or _same)
    if name not in unsaid:
        suffixes.append(f"dtype=torch.{name}")
    suffixes += _gradient_suffix(requires_grad, grad_fn)
    return _join(prefix + body, suffixes, len(prefix))


def format_sparse(
    indices: np.ndarray,
    values: np.ndarray,
    shape: Sequence[int],
    *,
    dtype_name: str | None = None,
    default_dtype: str = "float32",
    requires_grad: bool = False,
    grad_fn: Any = None,
    layout: str = "sparse_coo",
    places: np.ndarray | None = None,
    decode: Callable[[np.ndarray], np.ndarray] | None = None,
) -> str:
    """The text of a sparse tensor: its indices, values, size and number of entries. Of a compressed one ``indices`` say
    where its rows or columns begin, and ``places`` are the others.

    Example:
        >>> import numpy as np
        >>> indices, values = np.array([[0, 1], [2, 0]]), np.array([3.0, 4.0], np.float32)
        >>> print(format_sparse(indices, values, (2, 3)))
        tensor(indices=tensor([[0, 1],
                               [2, 0]]),
               values=tensor([3., 4.]),
               size=(2, 3), nnz=2, layout=torch.sparse_coo)
    """
    prefix = "tensor("
    indent = len(prefix)

    def part(label: str, array: np.ndarray, decode: Callable[[np.ndarray], np.ndarray] = _same) -> str:
        opening = f"{label}=tensor("
        body = _body(array, indent + len(opening), decode) if array.size else "[]"
        return opening + body + (f", size={tuple(array.shape)}" if array.size == 0 else "") + ")"

    name = _bare(dtype_name or values.dtype.name)
    suffixes = [f"size={tuple(shape)}", f"nnz={values.shape[0]}"]
    if name not in (_bare(default_dtype), "int64", "bool"):
        suffixes.append(f"dtype=torch.{name}")
    suffixes.append(f"layout=torch.{layout}")
    suffixes += _gradient_suffix(requires_grad, grad_fn)
    if places is None:
        parts = [part("indices", indices)]
    else:
        first, second = ("crow", "col") if layout == "sparse_csr" else ("ccol", "row")
        parts = [part(f"{first}_indices", indices), part(f"{second}_indices", places)]
    parts.append(part("values", values, decode or _same))
    body = (",\n" + " " * indent).join(parts)
    return _join(prefix + body, suffixes, indent, newline=places is None)


def _bare(dtype_name: str) -> str:
    return dtype_name.rsplit(".", 1)[-1]


def _gradient_suffix(requires_grad: bool, grad_fn: Any) -> list[str]:
    if grad_fn is not None:
        return [f"grad_fn=<{grad_fn if isinstance(grad_fn, str) else type(grad_fn).__name__}>"]
    return ["requires_grad=True"] if requires_grad else []


def _join(text: str, suffixes: list[str], indent: int, newline: bool = False) -> str:
    """Append the suffixes, starting a new line for one that would cross the line width."""
    parts = [text]
    length = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if newline or length + len(suffix) + 2 > options.linewidth:
            parts.append(",\n" + " " * indent + suffix)
            length = indent + len(suffix)
            newline = False
        else:
            parts.append(", " + suffix)
            length += len(suffix) + 2
    return "".join(parts) + ")"


def _same(array: np.ndarray) -> np.ndarray:
    return array


def _body(array: np.ndarray, indent: int, decode: Callable[[np.ndarray], np.ndarray] = _same) -> str:
    summarise = array.size > options.threshold
    shown = decode(_edges(array) if summarise else array)
    if shown.dtype.kind == "c":
        real, imag = _Column(shown.real), _Column(shown.imag)

        def element(value: Any) -> str:
            tail = (imag.format(value.imag) + "j").lstrip()
            return real.format(value.real) + (tail if tail[0] in "+-" else "+" + tail)

        width = real.width + imag.width + 1
    else:
        column = _Column(shown)
        element, width = column.format, column.width
    if not summarise:
        array, decode = shown, _same
    return _nested(array, indent, summarise, element, width, decode)


def _edges(array: np.ndarray) -> np.ndarray:
    """The elements that a summary shows: ``edgeitems`` at both ends of every dimension."""
    edge = options.edgeitems
    keep = [np.r_[0:edge, extent - edge : extent] if extent > 2 * edge else np.arange(extent) for extent in array.shape]
    return array[np.ix_(*keep)]  # at once: what is copied is no more than what is shown


def _nested(
    array: np.ndarray,
    indent: int,
    summarise: bool,
    element: Callable[[Any], str],
    width: int,
    decode: Callable[[np.ndarray], np.ndarray],
) -> str:
    if array.ndim == 0:
        return element(decode(array).item())
    edge = options.edgeitems
    cut = summarise and array.shape[0] > 2 * edge
    if array.ndim == 1:
        if summarise and not edge:
            texts = ["..."]
        elif cut:
            texts = [element(v) for v in decode(array[:edge]).tolist()] + [" ..."]
            texts += [element(v) for v in decode(array[-edge:]).tolist()]
        else:
            texts = [element(v) for v in decode(array).tolist()]
        per_line = max(1, (options.linewidth - indent) // (width + 2))
        lines = [", ".join(texts[i : i + per_line]) for i in range(0, len(texts), per_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    count = array.shape[0]
    if cut:
        rows: list[int | None] = [*range(edge), None, *range(count - edge, count)]
    else:
        rows = [*range(count)]
    texts = ["..." if i is None else _nested(array[i], indent + 1, summarise, element, width, decode) for i in rows]
    return "[" + ("," + "\n" * (array.ndim - 1) + " " * (indent + 1)).join(texts) + "]"


class _Column:
    """How one element is written, chosen once from all the elements shown."""

    def __init__(self, shown: np.ndarray) -> None:
        self.width = 1
        self.spec: str | None = None  # None: as Python writes it
        self.whole = False  # floats that are all integers: "3."
        if shown.dtype.kind != "f":
            self.width = max((len(str(v)) for v in shown.ravel().tolist()), default=1)
            return
        flat = shown.ravel().astype(np.float64)
        numbers = flat[np.isfinite(flat) & (flat != 0)]
        self.spec, self.whole = ".0f", True
        if numbers.size == 0:
            return
        sizes = np.abs(numbers)
        small, large = float(sizes.min()), float(sizes.max())
        self.whole = bool((numbers == np.ceil(numbers)).all())
        scientific = options.sci_mode
        if scientific is None:
            # Divided as Python floats the ratio could only overflow to an error; NumPy gives inf.
            with np.errstate(over="ignore"):
                ratio = np.float64(large) / np.float64(small)
            scientific = bool(ratio > 1000.0 or large > 1.0e8 or small < 1.0e-4)
        if scientific:
            self.spec, self.whole = f".{options.precision}e", False
        elif not self.whole:
            self.spec = f".{options.precision}f"
        point = 1 if self.whole else 0
        self.width = max(len(format(v, self.spec)) + point for v in numbers.tolist())

    def format(self, value: Any) -> str:
        if self.spec is None:
            return str(value).rjust(self.width)
        text = format(value, self.spec)
        if self.whole and math.isfinite(value):
            text += "."
        return text.rjust(self.width)


__all__ = ["PrintOptions", "format_sparse", "format_tensor", "get_printoptions", "printoptions", "set_printoptions"]
