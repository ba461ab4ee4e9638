"""A call as data: what is printed in one line, read back, and made anew for each library.

Call('numtorch.gather', (T('float32', (3, 4), 7, grad=True), 1, T('int64', (3, 2), 8, fill=('index', 4))))
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

nan, inf = float("nan"), float("inf")
FLOATING = ("float32", "float64", "float16", "bfloat16")
INTEGRAL = ("int64", "int32", "int16", "int8", "uint8")
DTYPES = (*FLOATING, *INTEGRAL, "bool")
LIMITS = {
    "int64": (-(2**63), 2**63 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "int8": (-128, 127),
    "uint8": (0, 255),
}
SPECIAL = (nan, inf, -inf, 0.0, -0.0, 1.0, -1.0, 0.5, 1e-8, 1e30, -1e30, 65504.0, 3.4e38, 1e-40)


@dataclass(frozen=True)
class D:
    """A dtype by name."""

    name: str

    def __repr__(self) -> str:
        return f"D({self.name!r})"


@dataclass(frozen=True)
class T:
    """A tensor made from a seed: elements of a type and shape, then views in order.

    Attributes:
        fill: ``normal``, ``special`` (with NaN, infinities, zeros), ``unit``, ``positive``, ``limits``, ``same``
            (ties), ``zero``, ``('index', n)`` (0 to n - 1), ``('around', n)`` (-n to n - 1), ``('value', v)``.
        view: ('permute', dims) ('slice', dim, start, end, step) ('expand', shape) ('select', dim, i)
            ('as_strided', size, stride, offset).
        grad: a gradient is wanted; ``'inner'``: of a copy of the leaf, so that it may be written to.
    """

    dtype: str
    shape: tuple
    seed: int = 0
    fill: Any = "normal"
    view: tuple = ()
    grad: Any = False

    def __repr__(self) -> str:
        text = f"T({self.dtype!r}, {self.shape!r}, {self.seed}"
        for name, default in (("fill", "normal"), ("view", ()), ("grad", False)):
            if getattr(self, name) != default:
                text += f", {name}={getattr(self, name)!r}"
        return text + ")"

    def viewed(self, *step: Any) -> T:
        """With one more view."""
        return replace(self, view=(*self.view, step))

    def array(self) -> np.ndarray:
        """The elements before any view (halves as float32 that the type can hold)."""
        return _array(self.dtype, self.shape, self.seed, self.fill)

    @property
    def final(self) -> tuple:
        """The shape after the views."""
        shape = list(self.shape)
        for kind, *a in self.view:
            if kind == "permute":
                shape = [shape[d] for d in a[0]]
            elif kind == "slice":
                shape[a[0]] = len(range(*slice(*a[1:]).indices(shape[a[0]])))
            elif kind in ("expand", "as_strided"):
                shape = list(a[0])
            elif kind == "select":
                del shape[a[0]]
        return tuple(shape)


@dataclass(frozen=True)
class Of:
    """The ``i``-th tensor of the call once more, or another view of its memory."""

    i: int
    view: tuple = ()

    def __repr__(self) -> str:
        return f"Of({self.i}{f', {self.view!r}' if self.view else ''})"


@dataclass(frozen=True)
class Call:
    """One call: ``numtorch.name``, ``Tensor.name`` or ``F.name``, arguments, and in which grad mode."""

    name: str
    args: tuple = ()
    kwargs: dict = field(default_factory=dict)
    mode: str = ""

    def __repr__(self) -> str:
        text = f"Call({self.name!r}, {self.args!r}"
        if self.kwargs:
            text += f", {self.kwargs!r}"
        if self.mode:
            text += f", mode={self.mode!r}"
        return text + ")"

    def map(self, f: Callable[[Any], Any]) -> Call:
        """With ``f`` at every leaf of the arguments."""
        return replace(
            self, args=tuple(walk(a, f) for a in self.args), kwargs={k: walk(v, f) for k, v in self.kwargs.items()}
        )

    def leaves(self) -> list:
        """All leaves of the arguments, in order."""
        found: list = []
        self.map(lambda v: (found.append(v), v)[1])
        return found


def walk(value: Any, f: Callable[[Any], Any]) -> Any:
    """``f`` at every leaf of nested tuples and lists."""
    if type(value) in (tuple, list):
        return type(value)(walk(v, f) for v in value)
    if type(value) is slice:
        return slice(*[walk(v, f) for v in (value.start, value.stop, value.step)])
    return f(value)


def read(text: str) -> list[Call]:
    """The calls of a printed line; several are separated by semicolons."""
    from tests.fuzz import calls

    return [eval(t, dict(vars(calls)) | {"Ellipsis": ...}) for t in text.split(";") if t.strip()]  # noqa: S307 - typed by the user


def _rounded(a: np.ndarray, dtype: str) -> np.ndarray:
    if dtype == "bfloat16":
        bits = a.astype(np.float32).view(np.uint32).astype(np.uint64)
        whole = ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32)
        return np.where(np.isnan(a), np.float32(nan), whole.view(np.float32)).astype(np.float32)
    if dtype == "float16":
        return a.astype(np.float16).astype(np.float32)
    return a.astype(dtype)


def _array(dtype: str, shape: tuple, seed: int, fill: Any) -> np.ndarray:
    rng = np.random.default_rng(zlib.crc32(repr((seed, shape)).encode()))
    kind, *rest = fill if isinstance(fill, tuple) else (fill,)
    with np.errstate(all="ignore"):
        if kind in ("index", "around"):
            n = rest[0]
            a = rng.integers(-n if kind == "around" else 0, max(n, 1), shape)
            return np.asarray(a).astype(dtype if dtype not in FLOATING else np.float64).astype(_numpy(dtype))
        if kind == "value":
            return (
                _rounded(np.full(shape, rest[0], np.float64), dtype)
                if dtype in FLOATING
                else np.full(shape, rest[0]).astype(dtype)
            )
        if dtype == "bool":
            return rng.integers(0, 2, shape).astype(bool) if kind != "zero" else np.zeros(shape, bool)
        if dtype in FLOATING:
            a = rng.normal(0, 3, shape)
            if kind == "special":
                a = np.where(rng.random(shape) < 0.2, rng.choice(SPECIAL, shape), a)
            elif kind == "unit":
                a = rng.random(shape)
            elif kind == "positive":
                a = np.abs(a) + 0.1
            elif kind == "same":
                a = np.round(a)
            elif kind == "zero":
                a = a * 0
            elif kind == "limits":
                a = rng.choice([0.0, 65504.0, -65504.0, 3e38, -3e38, 1e-38, 1.0], shape)
            return _rounded(np.asarray(a), dtype)
        low, high = (0, 10) if dtype == "uint8" else (-9, 10)
        if kind == "limits":
            return np.asarray(rng.choice([*LIMITS[dtype], 0, 1], shape)).astype(dtype)
        if kind == "zero":
            low, high = 0, 1
        if kind in ("positive", "unit"):
            low = 1
        return np.asarray(rng.integers(low, high, shape)).astype(dtype)


def _numpy(dtype: str) -> Any:
    return np.float32 if dtype in ("float16", "bfloat16") else dtype


class Made:
    """A call's arguments in one library: tensors, and the leaves that gradients go to."""

    def __init__(self, call: Call, lib: Any, contiguous: bool = False):
        self.lib, self.contiguous = lib, contiguous
        self.tensors: list = []
        self.bases: list = []
        self.leaves: list = []
        if lib.__name__ == "torch":
            self.bare = lambda a: lib.from_numpy(np.array(a)).clone()  # of its own memory, which may be resized
        else:
            from tests.fuzz.guard import guarded

            self.bare = lambda a: lib.from_numpy(guarded(a))
        made = call.map(self._leaf)
        self.args, self.kwargs = made.args, made.kwargs

    def _leaf(self, v: Any) -> Any:
        if isinstance(v, D):
            return getattr(self.lib, v.name)
        if isinstance(v, T):
            x = self.bare(v.array())
            if v.dtype in ("float16", "bfloat16"):
                x = x.to(getattr(self.lib, v.dtype))
            if v.grad:
                x.requires_grad_()
                self.leaves.append(x)
                if v.grad == "inner":
                    x = x.clone()
            self.bases.append(x)
            x = self._view(x, v.view)
            self.tensors.append(x)
            return x
        if isinstance(v, Of):
            i = min(v.i, len(self.tensors) - 1)
            if i < 0:
                return None
            x = self._view(self.bases[i], v.view) if v.view else self.tensors[i]
            self.tensors.append(x)
            self.bases.append(self.bases[i])
            return x
        return v

    def _view(self, x: Any, steps: tuple) -> Any:
        for kind, *a in steps:
            if kind == "permute":
                x = x.permute(a[0])
            elif kind == "slice":
                x = x[(slice(None),) * a[0] + (slice(*a[1:]),)]
            elif kind == "select":
                x = x.select(*a)
            elif kind == "expand":
                x = x.expand(a[0])
            else:
                x = x.as_strided(*a)
        return x.detach().clone() if steps and self.contiguous else x
