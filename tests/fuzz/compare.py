"""What came of a call, in values that no library's kernel has touched, and how two such outcomes differ."""

from __future__ import annotations

import re
import warnings
import zlib
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

import numtorch
from tests.fuzz.calls import Call, D, Made, T
from tests.fuzz.surface import of

MOST = 3_000_000  # elements of a result that are looked at
EPS = {"float64": 2.3e-16, "float32": 1.2e-7, "float16": 9.8e-4, "bfloat16": 7.9e-3}
RANDOM = re.compile(
    r"rand|normal|bernoulli|multinomial|uniform|exponential|random|dropout|empty|resize|rrelu|poisson|binomial|cauchy|"
    r"geometric|Tensor$|Tensor\.new$"
)
KINDS = (TypeError, ValueError, IndexError, RuntimeError)  # what a user's mistake may raise
INNER_WORDS = re.compile(
    r"_unwritten|does not compile|numba|typingerror|bad argument type|list index out of range|tuple index out of range"
    r"|object is not (iterable|subscriptable|callable)|has no attribute|unhashable",
    re.I,
)


@dataclass
class Leaf:
    """A tensor's elements: float64, int64 or bool; None where there are too many."""

    dtype: str
    shape: tuple
    values: np.ndarray | None
    grad: bool

    def __repr__(self) -> str:
        return f"{self.dtype}{list(self.shape)}"


@dataclass
class Outcome:
    """Of one call in one library."""

    error: BaseException | None = None
    value: Any = None
    grads: list = field(default_factory=list)
    backward_error: BaseException | None = None
    state: list = field(default_factory=list)


def elements(x: Any, lib: Any) -> np.ndarray:
    """A tensor's elements as float64, int64 or bool, read from its memory."""
    if lib.__name__ == "torch":
        x = x.detach().resolve_conj().resolve_neg()
        return np.array(x.float().numpy() if x.dtype in (lib.bfloat16, lib.float16) else x.numpy())
    from numtorch._tensor import as_ndarray

    a = np.array(as_ndarray(x.detach()))
    if x.dtype.name == "bfloat16":
        return (a.astype(np.uint32) << 16).view(np.float32)
    return a.view(np.float16).astype(np.float32) if x.dtype.name == "float16" else a


def plain(value: Any, lib: Any) -> Any:
    """Tensors as Leaf, containers as tuples, numbers as they are, all else as text."""
    if isinstance(value, lib.Tensor):
        name = str(value.dtype).removeprefix("torch.")
        shape = tuple(int(n) for n in value.shape)
        many = int(np.prod([float(n) for n in shape])) > MOST
        return Leaf(name, shape, None if many else elements(value, lib), bool(value.requires_grad))
    if isinstance(value, (tuple, list)):
        return tuple(plain(v, lib) for v in value)
    if isinstance(value, (bool, int, float)) or value is None:
        return value
    if isinstance(value, np.ndarray):
        return Leaf(str(value.dtype), value.shape, np.array(value), False)
    if hasattr(value, "__next__"):
        return tuple(plain(v, lib) for v in value)
    return str(value)


def flat(value: Any, lib: Any) -> list:
    """The tensors of a result."""
    if isinstance(value, lib.Tensor):
        return [value]
    return [t for v in value for t in flat(v, lib)] if isinstance(value, (tuple, list)) else []


def weights(shape: tuple, i: int) -> np.ndarray:
    return np.random.default_rng(zlib.crc32(repr((shape, i)).encode())).uniform(-1, 1, shape).astype(np.float32)


def run(call: Call, lib: Any, made: Made | None = None) -> Outcome:
    """Arguments, the call, its gradients, and what its operands are afterwards."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = made or Made(call, lib)
        fn = of(lib, call.name)
        out = Outcome()
        context = {"no_grad": lib.no_grad, "inference": lib.inference_mode}.get(call.mode)
        try:
            if context is None:
                value = fn(*made.args, **made.kwargs)
            else:
                with context():
                    value = fn(*made.args, **made.kwargs)
            if value is NotImplemented:
                raise TypeError("NotImplemented")  # what Python makes of it
            tensors = flat(value, lib)
            out.value = plain(value, lib)
        except Exception as e:
            out.error = e
            return out
        out.state = [plain(b, lib) for b in made.bases[:4] if b.numel() <= 100_000]
        outs = [t for t in tensors or made.tensors[:1] if t.requires_grad and t.numel() <= 100_000][:8]
        if made.leaves and outs and call.name != "Tensor.backward":
            try:
                grads = []
                for i, t in enumerate(outs):
                    w = weights(tuple(t.shape), i)
                    grads.append((lib.from_numpy(w) if w.ndim else lib.tensor(float(w))).to(t.dtype))
                lib.autograd.backward(outs, grads)
            except Exception as e:
                out.backward_error = e
        out.grads = [None if x.grad is None else plain(x.grad, lib) for x in made.leaves]
    return out


# --- differences ---------------------------------------------------------------------------------------------


def worst(ours: Leaf, theirs: Leaf, scale: float = 1.0, coarsest: float = 0.0) -> str | None:
    """Where two tensors differ by more than rounding; None if nowhere. Says whether it is only where one is infinite or
    NaN."""
    a, b = ours.values, theirs.values
    if a is None or b is None or not a.size:
        return None
    if a.dtype.kind not in "fc":
        bad = a != b
    else:
        with np.errstate(all="ignore"):
            a, b = a.astype(np.float64), b.astype(np.float64)
            eps = max(EPS.get(ours.dtype, 0), EPS.get(theirs.dtype, 0), 1e-16, coarsest)
            finite = np.isfinite(b)
            size = np.abs(b[finite]).max() if finite.any() else 0.0
            error = np.abs(a - b)
            limit = eps * (200 * np.abs(b) + 64 * min(size, 1e6) + 64 * scale)
            bad = ~((error <= limit) | (a == b) | (np.isnan(a) & np.isnan(b)))
    if not bad.any():
        return None
    at = tuple(int(i) for i in np.argwhere(bad)[0])
    apart = a.dtype.kind == "f" and not np.any(np.isfinite(a[bad]) & np.isfinite(b[bad]))
    finite = "; nowhere both finite" if apart else ""
    return f"{int(bad.sum())}/{a.size} at {list(at)}: torch {b[at]!r} ours {a[at]!r}{finite}"


def difference(ours: Any, theirs: Any, scale: float, loose: bool = False, coarsest: float = 0.0) -> str | None:
    """How two plain results differ in structure, type, shape or values."""
    if isinstance(theirs, Leaf) or isinstance(ours, Leaf):
        if type(ours) is not type(theirs):
            return f"torch {theirs!r} ours {ours!r}"
        if ours.dtype != theirs.dtype:
            return f"dtype: torch {theirs.dtype} ours {ours.dtype}"
        if ours.shape != theirs.shape:
            return f"shape: torch {theirs.shape} ours {ours.shape}"
        return None if loose else worst(ours, theirs, scale, coarsest)
    if isinstance(theirs, tuple) or isinstance(ours, tuple):
        if not isinstance(ours, tuple) or not isinstance(theirs, tuple) or len(ours) != len(theirs):
            return f"torch {str(theirs)[:60]} ours {str(ours)[:60]}"
        return next(
            (d for a, b in zip(ours, theirs, strict=True) if (d := difference(a, b, scale, loose, coarsest))), None
        )
    if isinstance(theirs, float) and isinstance(ours, float):
        same = (
            ours == theirs or (ours != ours and theirs != theirs) or abs(ours - theirs) <= 1e-4 * (abs(theirs) + scale)
        )
        return None if same or loose else f"torch {theirs} ours {ours}"
    if isinstance(theirs, str) or isinstance(ours, str):
        return None  # text differs by design here and there; printing has tests of its own
    return None if ours == theirs and type(ours) is type(theirs) else f"torch {theirs!r} ours {ours!r}"


def tracked(value: Any) -> list[bool]:
    """Which tensors of a result want a gradient."""
    if isinstance(value, Leaf):
        return [value.grad]
    return [g for v in value for g in tracked(v)] if isinstance(value, tuple) else []


def scale_of(call: Call) -> float:
    """The largest ordinary number among the operands: errors are measured by it."""
    most = 1.0
    for v in call.leaves():
        if isinstance(v, T) and v.dtype != "bool":
            a = np.abs(v.array().astype(np.float64)).ravel()
            a = a[np.isfinite(a) & (a < 1e4)]
            most = max(most, float(a.max()) if a.size else 0.0)
    return most


def as_float64(call: Call) -> Call:
    """The same call in float64, to see who is right."""

    def leaf(v: Any) -> Any:
        if isinstance(v, T) and v.dtype in ("float32", "float16", "bfloat16"):
            return _Exact(v)
        if isinstance(v, D) and v.name in ("float32", "float16", "bfloat16"):
            return D("float64")
        return v

    return call.map(leaf)


class _Exact(T):
    """A tensor of another type's elements, in float64."""

    def __init__(self, of: T):
        for name in ("shape", "seed", "fill", "view", "grad"):
            object.__setattr__(self, name, getattr(of, name))
        object.__setattr__(self, "dtype", "float64")
        object.__setattr__(self, "of", of)

    def array(self) -> np.ndarray:
        return self.of.array().astype(np.float64)  # type: ignore[attr-defined]


def closer(ours: Any, theirs: Any, exact: Any) -> bool:
    """Whether ours is about as near to the exact result as theirs, wherever theirs is not itself far from it.

    Far it is where intermediate results overflow or cancel: what then comes out says nothing about who is right.
    """
    ours, theirs, exact = (tuple(v) if isinstance(v, list) else v for v in (ours, theirs, exact))
    if isinstance(ours, Leaf) and isinstance(theirs, Leaf) and isinstance(exact, Leaf):
        if ours.values is None or ours.shape != exact.shape or ours.values.dtype.kind != "f" or exact.values is None:
            return False
        with np.errstate(all="ignore"):
            a, b, c = (x.values.astype(np.float64) for x in (ours, theirs, exact))
            eps = EPS.get(ours.dtype, 1e-16)
            most = {"float16": 65504.0, "float32": 3.4028e38, "bfloat16": 3.38e38}.get(ours.dtype, np.inf)
            c = np.where(np.isfinite(c) & (np.abs(c) > most), np.sign(c) * np.inf, c)
            near = np.abs(a - c) <= np.maximum(4 * np.abs(b - c), 200 * eps * np.abs(c))
            lost = (np.isfinite(b) != np.isfinite(c)) | (np.abs(b - c) > 0.01 * np.abs(c) + 1e-3)
            unsure = (
                ~np.isfinite(a)
                & ~np.isfinite(b)
                & ~np.isfinite(c)
                & (np.isnan(a) != np.isnan(b))
                & (ours.dtype != "float64")
            )
            agree = (a == b) | (np.isnan(a) & np.isnan(b))
            return bool(np.all(near | lost | unsure | agree | (a == c) | (np.isnan(a) & np.isnan(c))))
    if (
        isinstance(ours, tuple)
        and isinstance(theirs, tuple)
        and isinstance(exact, tuple)
        and len(ours) == len(theirs) == len(exact)
    ):
        return all(
            difference(a, b, 1.0) is None or closer(a, b, c) for a, b, c in zip(ours, theirs, exact, strict=True)
        )
    return difference(ours, theirs, 1.0) is None


# Which of several equal elements is found, or comes first, is open here.
TIED = re.compile(r"topk|kthvalue|median|mode$|sort$|sort_$")


def tied(call: Call, ours: Any, theirs: Any) -> bool:
    """Whether results differ only in the positions of elements that are equal."""
    if not TIED.search(call.name) or call.kwargs.get("stable") is True:
        return False
    if isinstance(ours, tuple) and isinstance(theirs, tuple) and len(ours) == len(theirs) == 2:
        (a, i), (b, j) = ours, theirs
        if not all(isinstance(x, Leaf) for x in (a, i, b, j)) or difference(a, b, 1.0):
            return False
    else:
        i, j = ours, theirs
    if (
        not (isinstance(i, Leaf) and isinstance(j, Leaf))
        or i.values is None
        or i.dtype != "int64"
        or i.shape != j.shape
    ):
        return False
    made = Made(call.map(lambda v: replace(v, grad=False) if isinstance(v, T) else v), numtorch)
    x = elements(made.tensors[0], numtorch)
    place = 1 if call.name.endswith(("mode", "median", "sort")) else 2
    dim = call.kwargs.get("dim", call.args[place] if len(call.args) > place else -1)
    at, to = i.values, j.values
    if x.ndim != at.ndim:
        at, to = np.expand_dims(at, dim), np.expand_dims(to, dim)
    if x.ndim == 0:
        return bool(np.all(at == 0))
    if at.size and not (at.min() >= 0 and at.max() < x.shape[dim]):
        return False
    found, wanted = np.take_along_axis(x, at, dim), np.take_along_axis(x, to, dim)
    return bool(np.array_equal(found, wanted, equal_nan=x.dtype.kind == "f"))


def differences(call: Call, ours: Outcome, theirs: Outcome, exact: Any) -> list[tuple[str, str]]:
    """(category, what) of every difference. ``exact()`` is torch's outcome in float64, or None."""
    if ours.error is not None:
        inner = not isinstance(ours.error, KINDS) or INNER_WORDS.search(str(ours.error))
        said = f"{type(ours.error).__name__}: {str(ours.error)[:150]}"
        if theirs.error is None:
            return [("refused", said)]
        torch_said = f"torch {type(theirs.error).__name__}: {str(theirs.error)[:80]} | ours {said}"
        if inner and type(ours.error) is not type(theirs.error):
            return [("error_kind", torch_said)]
        if INNER_WORDS.search(str(ours.error)) and not INNER_WORDS.search(str(theirs.error)):
            return [("error_words", torch_said)]
        same = isinstance(ours.error, type(theirs.error)) or isinstance(theirs.error, type(ours.error))
        return [] if same else [("error_class", torch_said)]
    if theirs.error is not None:
        return [("accepted", f"torch {type(theirs.error).__name__}: {str(theirs.error)[:150]}")]
    found = []
    loose = bool(RANDOM.search(call.name.rpartition(".")[2]))
    scale = scale_of(call)
    # A gradient passes through every type.
    coarsest = max([EPS[v.dtype] for v in call.leaves() if isinstance(v, T) and v.dtype in EPS], default=0.0)

    def check(category: str, part: str, a: Any, b: Any) -> None:
        what = difference(a, b, scale, loose, coarsest if category == "wrong_grad" else 0.0)
        if what is None:
            return
        if what[:5] not in ("dtype", "shape"):
            truth = exact()
            if truth is not None and closer(a, b, getattr(truth, part)):
                return
        found.append((category, what))

    if difference(ours.value, theirs.value, scale, loose) and tied(call, ours.value, theirs.value):
        return found
    check("wrong", "value", ours.value, theirs.value)
    if found:
        return found
    a, b = tracked(ours.value), tracked(theirs.value)
    if a != b and len(a) == len(b):
        found.append(("grad_missing", f"requires_grad: torch {b[:4]} ours {a[:4]}"))
    if ours.backward_error is not None and theirs.backward_error is None and any(b):
        found.append(("grad_refused", f"{type(ours.backward_error).__name__}: {str(ours.backward_error)[:150]}"))
    elif theirs.backward_error is None and ours.backward_error is None:
        for i, (x, y) in enumerate(zip(ours.grads, theirs.grads, strict=True)):
            if (x is None) != (y is None):
                zero = x if y is None else y
                if not found and (zero.values is None or np.any(zero.values != 0)):
                    found.append(("wrong_grad", f"gradient {i} is None: torch {y is None} ours {x is None}"))
                break
        else:
            if not found:
                check("wrong_grad", "grads", tuple(ours.grads), tuple(theirs.grads))
    if len(ours.state) == len(theirs.state):
        check("wrong_state", "state", tuple(ours.state), tuple(theirs.state))
    return found
