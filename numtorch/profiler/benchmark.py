"""``benchmark``: times one function over several sizes, against NumPy, torch, other functions or the op's other
kernels.

Owns the inputs, the rivals, and the result with its table, plots and CSV. ``stopwatch`` measures the seconds.
"""

from __future__ import annotations

import contextlib
import csv
import importlib.util
import inspect
import io
import math
import statistics
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import numpy as np

import numtorch as torch
from numtorch import display, kernels
from numtorch.dispatch.op import OPS
from numtorch.profiler.session import profile
from numtorch.profiler.stopwatch import Away, Contestant, Quiet, measure

TOLERANCE = {2: 1e-2, 4: 1e-4, 8: 1e-9}  # by bytes of an element, relative to the largest value
NOT_INSTALLED = "plot: matplotlib is not installed: pip install matplotlib"


@dataclass(frozen=True)
class Row:
    """One function on one size.

    Attributes:
        shape: of the tensors, ``768x512``.
        size: elements of the largest tensor.
        label: whose time it is.
        median_us, low_us, high_us, best_us: microseconds a call over the rounds: the median, the 10th and 90th
            percentiles, the least.
        gbps, gflops: from the bytes that must move and the operations that must be done, over the median; the same
            for every label, so that they compare. None where they are not known.
        ratio: the measured function's median over this one's: below 1 the measured function is faster.
        difference: largest difference of the values from the measured function's, relative to the largest value.
    """

    shape: str
    size: int
    label: str
    median_us: float
    low_us: float
    high_us: float
    best_us: float
    gbps: float | None
    gflops: float | None
    ratio: float
    difference: float


@dataclass
class Comparison:
    """What ``benchmark`` found.

    Attributes:
        name: of the measured function.
        labels: whose times there are; the measured function first.
        rows: a ``Row`` for each size and label.
        warnings: what speaks against the figures: noise, rivals left out.
        cache: ``hot``, or ``cold``.
        threads: how many the functions could use.

    >>> found = torch.profiler.benchmark(torch.exp, [(1000,)], against=["numpy"], rounds=3, seconds=1e-3)
    >>> found.labels
    ['numtorch', 'numpy']
    """

    name: str
    labels: list[str]
    rows: list[Row] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    cache: str = "hot"
    threads: int = 1

    def table(self) -> str:
        """A line for each size: medians in microseconds with their spread, rates, and the ratio to each rival.

        Returns:
            A text.

        >>> found = torch.profiler.benchmark(torch.exp, [(1000,)], against=["numpy"], rounds=3, seconds=1e-3)
        >>> found.table().splitlines()[1].split()[0]
        'shape'
        """
        head = [
            "shape",
            *[f"{label} (us)" for label in self.labels],
            "rate",
            *[f"vs {label}" for label in self.labels[1:]],
        ]
        lines = [head]
        for shape in dict.fromkeys(r.shape for r in self.rows):
            by = {r.label: r for r in self.rows if r.shape == shape}
            first = by[self.labels[0]]
            spread = [_spread(by[n]) if n in by else "-" for n in self.labels]
            ratios = [f"{by[n].ratio:.2f}" if n in by else "-" for n in self.labels[1:]]
            lines.append([shape, *spread, _rate(first), *ratios])
        widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
        text = [
            "  ".join([f"{line[0]:<{widths[0]}}", *[f"{v:>{w}}" for v, w in zip(line[1:], widths[1:], strict=True)]])
            for line in lines
        ]
        return display.Text(
            "\n".join([f"{self.name}: medians [10%-90%], {self.cache} cache, {self.threads} threads", *text])
        )

    def __str__(self) -> str:
        return "\n".join([self.table(), *[display.prose(f"warning: {w}") for w in self.warnings]])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return display.text(self.table(), [f"warning: {w}" for w in self.warnings])

    def to_csv(self, path: Any = None) -> str:
        """The rows as CSV.

        Args:
            path: a file to which they are written, too.

        Returns:
            The text.

        >>> found = torch.profiler.benchmark(torch.exp, [(1000,)], against=["numpy"], rounds=3, seconds=1e-3)
        >>> found.to_csv().splitlines()[0].split(",")[:4]
        ['shape', 'size', 'label', 'median_us']
        """
        out = io.StringIO()
        writer = csv.DictWriter(out, list(Row.__dataclass_fields__), lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(r) for r in self.rows)
        if path is not None:
            with open(path, "w", encoding="utf-8", newline="") as f:
                f.write(out.getvalue())
        return out.getvalue()

    def plot(self, path: Any = None) -> Any:
        """Draw time and rate against size, both axes logarithmic. Needs matplotlib.

        Args:
            path: a file to which the picture is saved, too.

        Returns:
            Matplotlib's figure.

        Raises:
            ImportError: matplotlib is not installed.

        >>> import importlib.util
        >>> found = torch.profiler.benchmark(torch.exp, [(1000,)], against=["numpy"], rounds=3, seconds=1e-3)
        >>> if importlib.util.find_spec("matplotlib"):
        ...     figure = found.plot()
        """
        if importlib.util.find_spec("matplotlib") is None:
            raise ImportError(NOT_INSTALLED)
        from matplotlib.figure import Figure

        rated = [r for r in self.rows if r.gbps is not None]
        figure = Figure(figsize=(10 if rated else 5.5, 4), layout="constrained")
        axes = figure.subplots(1, 2 if rated else 1, squeeze=False)[0]
        compute = any(r.gflops and r.gbps and r.gflops > 4 * r.gbps for r in rated)
        for label in self.labels:
            mine = sorted((r for r in self.rows if r.label == label), key=lambda r: r.size)
            sizes = [r.size for r in mine]
            axes[0].plot(sizes, [r.median_us for r in mine], marker="o", label=label)
            axes[0].fill_between(sizes, [r.low_us for r in mine], [r.high_us for r in mine], alpha=0.2)
            if rated:
                axes[1].plot(
                    sizes, [(r.gflops if compute else r.gbps) or math.nan for r in mine], marker="o", label=label
                )
        for ax, title in zip(axes, ("microseconds a call", "GFLOP/s" if compute else "GB/s"), strict=False):
            ax.set(xscale="log", xlabel="elements", title=title)
            ax.grid(alpha=0.3)
        axes[0].set_yscale("log")
        axes[0].legend()
        figure.suptitle(self.name)
        if path is not None:
            figure.savefig(path)
        return figure


def benchmark(
    fn: Any,
    shapes: Iterable,
    *,
    against: Sequence | dict = ("numpy", "torch"),
    dtype: Any = None,
    cache: str = "hot",
    rounds: int = 11,
    seconds: float = 0.02,
    inputs: Callable | None = None,
    **params: Any,
) -> Comparison:
    """Time a function over several sizes, and what it is compared with, in turns.

    Values are compared first, and nothing is timed where they differ. Loops are calibrated to ``seconds``; medians
    and quantiles are over rounds in which everybody takes a turn. torch runs in a process of its own, with as many
    threads.

    Args:
        fn: a function of tensors: an op of numtorch, or one of your own.
        shapes: the sizes. A shape stands for every tensor that the function takes; a list of shapes for each in turn.
        against: of ``"numpy"``, ``"torch"`` (each left out with a warning where it has no such function or is not
            installed), names of the op's kernels (``"rows"``, ``"body"``), or a dict from labels to functions of the
            same arguments. Functions whose label begins with ``numpy`` or ``scipy`` get arrays instead of tensors.
        dtype: of the tensors; the default type if None.
        cache: ``hot``, or ``cold``: the processor's caches are swept before every call.
        rounds: how often everybody takes a turn.
        seconds: how long a turn takes.
        inputs: a function from an element of ``shapes`` to the tensors, where random numbers will not do.
        **params: further arguments, by name.

    Returns:
        A ``Comparison``, of which ``str`` and notebooks show a table.

    Raises:
        ValueError: values differ; ``cache`` is neither.

    >>> found = torch.profiler.benchmark(torch.exp, [(1000,)], against=["numpy"], rounds=3, seconds=1e-3)
    >>> [(r.shape, r.label) for r in found.rows]
    [('1000', 'numtorch'), ('1000', 'numpy')]
    """
    if cache not in ("hot", "cold"):
        raise ValueError(f"benchmark: cache is 'hot' or 'cold', not {cache!r}")
    if isinstance(against, str):
        against = [against]
    op = _op_of(fn)
    name = getattr(fn, "__name__", repr(fn))
    result = Comparison(
        name, ["numtorch" if op is not None or _ours(fn) else name], cache=cache, threads=torch.get_num_threads()
    )
    quiet = Quiet()
    with contextlib.ExitStack() as stack:
        rivals = _rivals(fn, op, against, params, result, stack)
        result.labels += [label for label, _ in rivals]
        for shape in shapes:
            tensors = (
                [torch.as_tensor(t) for t in inputs(shape)]
                if inputs is not None
                else _inputs(fn, op, shape, params, dtype)
            )
            mine = Contestant(result.labels[0], partial(fn, *tensors, **params))
            result.rows += _rows(mine, rivals, tensors, rounds, seconds, cache == "cold", quiet)
    if complaints := quiet.complaints():
        result.warnings.append("the machine is noisy, so trust ratios more than times: " + "; ".join(complaints))
    return result


def _op_of(fn: Any) -> Any:
    """The op behind a function of numtorch; None for others."""
    if getattr(fn, "op", None) is not None:
        return fn.op
    return OPS.get(getattr(fn, "__name__", "")) if _ours(fn) else None


def _ours(fn: Any) -> bool:
    return (getattr(fn, "__module__", None) or "").partition(".")[0] == "numtorch"


def _rows(
    mine: Contestant, rivals: list, tensors: list, rounds: int, seconds: float, cold: bool, quiet: Quiet
) -> list[Row]:
    contestants = [mine, *[make(tensors) for _, make in rivals]]
    values = mine.value()
    differences = [0.0, *[_difference(mine.label, c.label, values, c.value()) for c in contestants[1:]]]
    moved, done = _work(mine.call)
    times = measure(contestants, rounds, seconds, cold, quiet)
    own = statistics.median(times[mine.label])
    rows = []
    for c, difference in zip(contestants, differences, strict=True):
        at = sorted(times[c.label])
        median = statistics.median(at)
        low, high = at[len(at) // 10], at[-1 - len(at) // 10]
        shapes = ", ".join(dict.fromkeys("x".join(map(str, t.shape)) or "scalar" for t in tensors))
        rows.append(
            Row(
                shapes,
                max((t.numel() for t in tensors), default=1),
                c.label,
                median * 1e6,
                low * 1e6,
                high * 1e6,
                at[0] * 1e6,
                moved / median / 1e9 if moved else None,
                done / median / 1e9 if done else None,
                own / median,
                difference,
            )
        )
    return rows


def _work(call: Callable) -> tuple[int, int]:
    """Bytes and operations that the kernels of a call declare."""
    try:
        with profile() as prof:
            call()
    except RuntimeError:  # a profile is open around the benchmark
        return 0, 0
    return sum(r.bytes for r in prof.rows), sum(r.flops for r in prof.rows)


def _inputs(fn: Any, op: Any, shape: Any, params: dict, dtype: Any) -> list:
    """Standard normal tensors, the same for every run."""
    each = list(shape) if len(shape) and not isinstance(shape[0], int) else [shape] * _arity(fn, op, params)
    rng = np.random.default_rng(0)
    low, high = (op.domain or (None, None))[:2] if op is not None else (None, None)
    made = []
    for s in each:
        x = rng.standard_normal(s)
        if low is not None or high is not None:  # the op means something only there
            a, b = (-2.0 if low is None else low), (2.0 if high is None else high)
            x = a + (b - a) * rng.uniform(0.01, 0.99, s)
        made.append(torch.tensor(x).to(dtype or torch.get_default_dtype()))
    return made


def _arity(fn: Any, op: Any, params: dict) -> int:
    """How many tensors a function needs."""
    spec = inspect.signature(op.spec if op is not None else fn)
    needed = [
        p
        for p in spec.parameters.values()
        if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    if op is not None:
        return max(1, sum(p.name in op.tensors for p in needed))
    return max(1, sum(p.name not in params for p in needed))


def _difference(mine: str, other: str, a: list, b: list) -> float:
    """The largest relative difference; ValueError beyond the tolerance."""
    if [x.shape for x in a] != [x.shape for x in b]:
        raise ValueError(
            f"benchmark: {mine} and {other} return different shapes, {[x.shape for x in a]} and {[x.shape for x in b]}"
        )
    worst = 0.0
    for x, y in zip(a, b, strict=True):
        if not x.size:
            continue
        p, q = x.astype(np.float64), y.astype(np.float64)
        if not np.array_equal(np.isfinite(p), np.isfinite(q)):
            raise ValueError(
                f"benchmark: {mine} and {other} are infinite or NaN at different places; nothing was timed"
            )
        gap = np.abs(np.where(np.isfinite(p), p, 0) - np.where(np.isfinite(q), q, 0)).max()
        here = float(gap / max(1.0, np.abs(q[np.isfinite(q)]).max(initial=0.0)))
        if here > TOLERANCE.get(min(x.itemsize, y.itemsize), 1e-2):
            raise ValueError(f"benchmark: the values of {mine} and {other} differ by {here:.1e}; nothing was timed")
        worst = max(worst, here)
    return worst


# --- rivals ---------------------------------------------------------------------------------------


def _rivals(
    fn: Any, op: Any, against: Sequence | dict, params: dict, result: Comparison, stack: contextlib.ExitStack
) -> list:
    """(label, function from the tensors to a contestant) of each rival there is."""
    rivals: list[tuple[str, Callable]] = []
    for label, given in against.items() if isinstance(against, dict) else [(a, None) for a in against]:
        try:
            rivals.append((label, _rival(fn, op, label, given, params, stack)))
        except LookupError as e:
            result.warnings.append(f"without {label}: {e.args[0]}")
    return rivals


def _rival(fn: Any, op: Any, label: str, given: Any, params: dict, stack: contextlib.ExitStack) -> Callable:
    name = getattr(fn, "__name__", "")
    if label == "numpy" and given is None:
        given = _in_numpy(name, op, params)
        return lambda tensors: _with_arrays(label, given, tensors, {})
    if label == "torch" and given is None:
        if importlib.util.find_spec("torch") is None:
            raise LookupError("it is not installed")
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="numtorch-benchmark-"))
        away = Away(name, torch.get_num_threads(), folder)
        stack.callback(away.close)

        def prepared(tensors: list) -> Away:
            away.prepare([t.detach().numpy() for t in tensors], params)
            return away

        away.ask(find=name)
        return prepared
    if given is None:
        return _own_kernel(fn, op, label, params)
    if not callable(given):
        raise TypeError(f"benchmark: against[{label!r}] is no function")
    if label.startswith(("numpy", "scipy")):
        return lambda tensors: _with_arrays(label, given, tensors, params)
    return lambda tensors: Contestant(label, lambda: given(*tensors, **params))


def _own_kernel(fn: Any, op: Any, label: str, params: dict) -> Callable:
    """The op run by another of its kernels, or by its body."""
    if label == "body" and op is not None and op.body is not None:
        around: Callable = kernels.bodies_only
    elif op is not None and any(k.name == label for k in op.entry.kernels):

        def around() -> Any:
            return kernels.use(fn, label)
    else:
        known = ["numpy", "torch", *([k.name for k in op.entry.kernels] if op is not None else [])]
        raise ValueError(
            f"benchmark: against {label!r}: expected one of {', '.join(known)}, or a dict from labels to functions"
        )
    return lambda tensors: Contestant(label, lambda: fn(*tensors, **params), around)


def _with_arrays(label: str, fn: Callable, tensors: list, params: dict) -> Contestant:
    arrays = [t.detach().numpy() for t in tensors]
    return Contestant(label, lambda: fn(*arrays, **params))


def _softmax(x: np.ndarray, axis: int) -> np.ndarray:
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def _log_softmax(x: np.ndarray, axis: int) -> np.ndarray:
    x = x - x.max(axis, keepdims=True)
    return x - np.log(np.exp(x).sum(axis, keepdims=True))


_IN_NUMPY: dict[str, Callable] = {
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "mm": np.matmul,
    "bmm": np.matmul,
    "matmul": np.matmul,
    "mv": np.matmul,
    "amax": np.max,
    "amin": np.min,
    "cat": np.concatenate,
    "linear": lambda x, w, b=0: x @ w.T + b,
}
_NUMPY_NAMES = {"dim": "axis", "keepdim": "keepdims", "correction": "ddof"}


def _in_numpy(name: str, op: Any, params: dict) -> Callable:
    """NumPy's way of computing an op; LookupError if there is none."""
    known: Any = _IN_NUMPY.get(name) or getattr(op, "ref", None) or getattr(np, name, None)
    if known is None:
        raise LookupError(f"no function of NumPy is known to compute {name}; pass against={{'numpy': your_function}}")
    if name not in _IN_NUMPY and getattr(op, "ref", None) and op.elementwise:  # it takes all parameters, in their order
        numbers = [params.get(n, default) for n, default in op.params]
        return lambda *arrays: known(*arrays, *numbers)
    given = {_NUMPY_NAMES.get(k, k): v for k, v in params.items()}
    return lambda *arrays: known(*arrays, **given)


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _spread(row: Row) -> str:
    return f"{_number(row.median_us)} [{_number(row.low_us)}-{_number(row.high_us)}]"


def _rate(row: Row) -> str:
    if row.gflops and row.gbps and row.gflops > 4 * row.gbps:
        return f"{_number(row.gflops)} GFLOP/s"
    return f"{_number(row.gbps)} GB/s" if row.gbps else "-"
