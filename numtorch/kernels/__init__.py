"""Kernels: choosing, explaining, listing, showing, replacing and compiling them. See README.md.

>>> import numtorch as torch
>>> print(torch.kernels.explain(torch.relu, torch.ones(3)))
relu on cpu (float32)
  -> generated (any, generated): chosen: the first of its priority (generated) that takes these inputs
"""

from __future__ import annotations

import contextlib
import difflib
import inspect
import time
from collections.abc import Callable, Iterator
from typing import Any

from numtorch import display
from numtorch.errors import KernelNotFound as KernelNotFound
from numtorch.exports import PLACES
from numtorch.kernels import cache as cache
from numtorch.kernels import registry as registry
from numtorch.kernels import warm
from numtorch.kernels.registry import Kernel as Kernel
from numtorch.kernels.registry import Priority as Priority
from numtorch.kernels.registry import bodies_only as bodies_only


def _entry(op: Any) -> registry.Entry:
    """The registry entry that an op's function, its ``backward``, or a name stands for."""
    registry.load_plugins()
    if isinstance(op, str):
        if op not in registry.ENTRIES:
            near = difflib.get_close_matches(op, registry.ENTRIES, 3)
            raise KeyError(f"no op named {op!r}" + (f"; did you mean {', '.join(near)}?" if near else ""))
        return registry.ENTRIES[op]
    found = getattr(op, "op", None) or op
    entry = getattr(found, "entry", None)
    if isinstance(entry, registry.Entry):
        return entry
    name = getattr(op, "__name__", None)
    if name in registry.ENTRIES:
        return registry.ENTRIES[name]
    raise TypeError(
        f"{op!r} is not an op: pass an op's function (numtorch.relu), its backward, or its name ('softmax.backward')"
    )


def explain(op: Any, *args: Any, **kwargs: Any) -> str:
    """For each kernel that a call runs: every candidate, and why it was or was not chosen. The call is made once.

    Args:
        op: a function of numtorch, a module, any function that calls them, or the name of an op.
        *args, **kwargs: of the call.

    Returns:
        A text, which a notebook shows.

    Raises:
        TypeError: ``op`` cannot be called, or runs no op.
        KeyError: there is no op of the name.

    >>> print(torch.kernels.explain(lambda x: (-x).exp(), torch.ones(3)))
    neg on cpu (float32)
      -> generated (any, generated): chosen: the first of its priority (generated) that takes these inputs
    exp on cpu (float32)
      -> generated (any, generated): chosen: the first of its priority (generated) that takes these inputs
    """
    return display.Text("\n".join(map(str, decisions(op, called(op), args, kwargs))))


def decisions(op: Any, call: Callable, args: tuple, kwargs: dict) -> tuple[registry.Decision, ...]:
    """What was decided in a call, each choice once.

    Args:
        op: what an error calls the function.
        call: the function.
        args, kwargs: of the call.

    Returns:
        A tuple of ``Decision``: an op, its signature, and the verdict on each kernel.

    Raises:
        TypeError: nothing of numtorch ran.

    >>> found = torch.kernels.decisions("exp", torch.exp, (torch.ones(3),), {})
    >>> print(found[0])
    exp on cpu (float32)
      -> generated (any, generated): chosen: the first of its priority (generated) that takes these inputs
    """
    with registry.watched() as made, contextlib.suppress(KernelNotFound):
        call(*args, **kwargs)
    if not made:
        raise TypeError(f"explain: {op!r} is not an op, and ran none of numtorch's. " + NO_OP)
    return tuple(dict.fromkeys(made))


NO_OP = "Pass a function of numtorch, a module, a function that calls them, or the name of an op."


def called(op: Any) -> Callable:
    """The function that is called where an op is named: the function given; of a name the one that users know by it.

    Args:
        op: a function or a name.

    Returns:
        A function.

    Raises:
        TypeError: it cannot be called.
        KeyError: there is no op of the name.

    >>> torch.kernels.called("relu") is torch.relu
    True
    """
    if not isinstance(op, str):
        if not callable(op):
            raise TypeError(f"{op!r} is not an op and cannot be called. " + NO_OP)
        return op
    entry = _entry(op)
    public = PLACES["torch"].get(op) or PLACES["nn.functional"].get(op)
    if public is not None:
        return public
    if entry.op is None:
        raise TypeError(f"explain: {entry.name} is no function that can be called; pass the op itself")
    return entry.op.call


def list(op: Any = None) -> str:
    """A table of kernels: name, dtypes, priority.

    Args:
        op: an op's function, its ``backward``, or its name; None for all.

    Returns:
        A text, which a notebook shows.

    Raises:
        TypeError: ``op`` is no op.
        KeyError: there is no op of the name.

    >>> print(torch.kernels.list("add.backward"))
    add.backward/any/body  any  composite
    """
    registry.load_plugins()
    entries = [_entry(op)] if op is not None else [registry.ENTRIES[n] for n in sorted(registry.ENTRIES)]
    rows = []
    for e in entries:
        for k in e.kernels:
            rows.append(
                (k.id, "any" if k.dtypes is None else ", ".join(d.name for d in k.dtypes), k.priority.name.lower())
            )
        if e.body is not None:
            rows.append((f"{e.name}/any/body", "any", "composite"))
    width = max((len(r[0]) for r in rows), default=0)
    types = max((len(r[1]) for r in rows), default=0)
    return display.Text("\n".join(f"{a:<{width}}  {b:<{types}}  {c}" for a, b, c in rows))


def source(op: Any, *args: Any, **kwargs: Any) -> str:
    """The source of what computes an op: for example arguments the very kernel, else the op's definition.

    Args:
        op: an op's function, its ``backward``, or its name.
        *args, **kwargs: of a call; none for the definition.

    Returns:
        A text, which a notebook shows.

    Raises:
        TypeError: ``op`` is no op.
        KeyError: there is no op of the name.

    >>> print(torch.kernels.source(torch.exp, torch.ones(3)))
    def exp_flat(x_, out0):
        for i in prange(out0.size):
            x = x_[i]
            t1 = exp(x)
            out0[i] = t1
    <BLANKLINE>
    """
    return display.Text(_source(_entry(op), args, kwargs))


def _source(entry: registry.Entry, args: tuple, kwargs: dict) -> str:
    if args and entry.op is not None and (text := entry.op.generated(args, kwargs)) is not None:
        return text
    body = getattr(entry.op, "scalar", None) or entry.body
    parts = [] if body is None else [inspect.getsource(body)]
    for k in entry.kernels:
        if k.layout != "elementwise":
            functions = [f.fn if hasattr(f, "fn") else f for f in k.functions]
            text = "\n".join(inspect.getsource(f) for f in functions) or _source_of(k.run)
            parts.append(f"# {k.id}\n{text}")
    return "\n".join(parts)


def _source_of(fn: Callable) -> str:
    try:
        return inspect.getsource(fn)
    except (OSError, TypeError):
        return repr(fn)


@contextlib.contextmanager
def use(op: Any, kernel: Any, device: str | None = None) -> Iterator[Kernel]:
    """Inside the block an op runs the given kernel.

    Args:
        op: an op's function, its ``backward``, or its name.
        kernel: a registered kernel or its name, or a function of the op's tensors and parameters.
        device: for which device; of a function None for all.

    Returns:
        A context manager, which gives the kernel.

    Raises:
        KeyError: the op has no kernel of the name.
        TypeError: ``op`` is no op.

    >>> with torch.kernels.use(torch.relu, lambda x: x.clamp(min=0)):
    ...     torch.relu(torch.tensor([-1.0, 1.0]))
    tensor([0., 1.])
    """
    entry = _entry(op)
    if isinstance(kernel, str):
        matching = [k for k in entry.kernels if k.name == kernel and device in (None, k.device)]
        if not matching:
            raise KeyError(
                f"{entry.name} has no kernel named {kernel!r}; it has {', '.join(k.name for k in entry.kernels)}"
            )
        kernel = matching[0]
    elif not isinstance(kernel, Kernel):
        kernel = Kernel(entry.name, getattr(kernel, "__name__", "mine"), device or "any", kernel)
    with registry.use(entry, kernel) as chosen:
        yield chosen


def warmup(
    model: Any,
    *inputs: Any,
    backward: bool = True,
    processes: int | None = None,
    progress: bool = True,
    run: bool = True,
) -> dict[str, float]:
    """Compile and load every kernel that a model needs, then run it once.

    What is not in the cache is compiled in several processes at once, with a progress bar on a terminal; that
    takes Linux, elsewhere one process compiles. Gradients are left as they were; a ``model`` that is a whole
    training step is taken as one step.

    Args:
        model: a module, or any function.
        *inputs: what it is called with.
        backward: also run backward from the sum of the outputs that require gradients.
        processes: how many compile; one a core if None.
        progress: show the bar.
        run: False only compiles what is missing (where that takes several processes: on Linux) and runs nothing here.

    Returns:
        ``kernels`` compiled, ``loaded`` from the cache, ``seconds`` spent.

    >>> done = torch.kernels.warmup(torch.nn.Linear(3, 2), torch.ones(4, 3))
    >>> sorted(done)
    ['kernels', 'loaded', 'seconds']
    """

    def once() -> None:
        y = model(*inputs)
        outputs = y if isinstance(y, tuple) else (y,)
        if not backward:
            return
        total = None
        for o in outputs:
            if getattr(o, "requires_grad", False):
                total = o.sum() if total is None else total + o.sum()
        if total is not None:
            grads = [(p, p.grad) for p in getattr(model, "parameters", lambda: ())()]
            kept = [(p, None if g is None else g.clone()) for p, g in grads]
            total.backward()
            for p, g in kept:
                p.grad = g

    before, started = dict(cache.stats), time.perf_counter()
    # a GPU does not survive a fork
    on_cpu = all(getattr(getattr(v, "device", None), "type", "cpu") == "cpu" for v in inputs)
    ahead = warm.compile_ahead(once, processes, progress) if on_cpu else 0
    if run:
        once()
    return {
        "kernels": ahead + cache.stats["misses"] - before["misses"],
        "loaded": cache.stats["hits"] - before["hits"],
        "seconds": time.perf_counter() - started,
    }
