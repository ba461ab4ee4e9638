"""``torch.utils.checkpoint``: parts of a model that keep nothing for backward, and compute it again there.

Memory for time: of a checkpointed function only the arguments are kept. Without ``use_reentrant`` the tensors that its
graph saves are replaced by their numbers; the first that is needed in backward makes the function run again, up to the
last of them. With it, the function runs outside the graph, and in backward a graph of its own.
"""

from __future__ import annotations

import contextlib
import enum
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numtorch as torch
from numtorch import notices
from numtorch.overrides import TorchFunctionMode
from numtorch.utils._pytree import tree_flatten, tree_leaves, tree_map


def get_device_states(*args: Any) -> tuple[list[int], list[torch.Tensor]]:
    """The states of the random numbers of the GPUs on which tensors are.

    Args:
        *args: anything; tensors are looked for in lists, tuples and dicts.

    Returns:
        The numbers of the GPUs, once for each tensor that is on one, and a state for each.

    >>> torch.utils.checkpoint.get_device_states(torch.ones(2), 3)
    ([], [])
    """
    found = [x.get_device() for x in tree_leaves(args) if isinstance(x, torch.Tensor) and x.is_cuda]
    return found, [torch.cuda.get_rng_state(index) for index in found]


def set_device_states(
    devices: Sequence[int], states: Sequence[torch.Tensor], *, device_type: str | None = None
) -> None:
    """Go on with random numbers from what ``get_device_states`` gave.

    Args:
        devices: the numbers of the GPUs.
        states: a state for each.
        device_type: accepted.

    >>> torch.utils.checkpoint.set_device_states(*torch.utils.checkpoint.get_device_states(torch.ones(2)))
    """
    for device, state in zip(devices, states, strict=False):
        torch.cuda.set_rng_state(state, device)


_settings: dict[str, Any] = {"early_stop": None, "debug": None}
_CHECKS = ("default", "none")


class CheckpointError(RuntimeError):
    """What is computed again is not what was computed before.

    >>> shapes = [1, 2]
    >>> x = torch.ones(2, requires_grad=True)
    >>> y = torch.utils.checkpoint.checkpoint(lambda x: (x[: shapes.pop()] * x[:1]).exp(), x, use_reentrant=False)
    >>> try:
    ...     y.sum().backward()
    ... except torch.utils.checkpoint.CheckpointError:
    ...     print("not the same")
    not the same
    """


class _Enough(BaseException):
    """Ends a function that is run again, when all that backward needs is there."""


def noop_context_fn() -> tuple[AbstractContextManager, AbstractContextManager]:
    """Contexts that do nothing, for ``context_fn``.

    Returns:
        One for the function as it is called, one for when it runs again.

    >>> with torch.utils.checkpoint.noop_context_fn()[0]:
    ...     print("as ever")
    as ever
    """
    return contextlib.nullcontext(), contextlib.nullcontext()


@contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Within the block, whether functions that run again stop when all that backward needs is there.

    Args:
        enable: goes before ``early_stop`` of ``checkpoint``.

    >>> x = torch.ones(1, requires_grad=True)
    >>> with torch.utils.checkpoint.set_checkpoint_early_stop(False):
    ...     y = torch.utils.checkpoint.checkpoint(torch.exp, x, use_reentrant=False)
    """
    before = _settings["early_stop"]
    _settings["early_stop"] = bool(enable)
    try:
        yield
    finally:
        _settings["early_stop"] = before


@contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None) -> Iterator[None]:
    """Within the block, whether a ``CheckpointError`` lists all tensors that were kept.

    Args:
        enabled: goes before ``debug`` of ``checkpoint``, unless it is None.

    >>> with torch.utils.checkpoint.set_checkpoint_debug_enabled(True):
    ...     y = torch.utils.checkpoint.checkpoint(torch.exp, torch.ones(1), use_reentrant=False)
    """
    before = _settings["debug"]
    _settings["debug"] = enabled
    try:
        yield
    finally:
        _settings["debug"] = before


# --- results that are kept ------------------------------------------------------------------------------


class CheckpointPolicy(enum.Enum):
    """What a policy says of an op: whether its result is kept, or computed again in backward.

    ``MUST_`` and ``PREFER_`` mean the same here; what is to go to the CPU is kept where it is.

    >>> torch.utils.checkpoint.CheckpointPolicy.MUST_SAVE.name
    'MUST_SAVE'
    """

    MUST_SAVE = 0
    PREFER_SAVE = 1
    MUST_RECOMPUTE = 2
    PREFER_RECOMPUTE = 3
    MUST_CPU_OFFLOAD = 4
    PREFER_CPU_OFFLOAD = 5


_RECOMPUTED = (CheckpointPolicy.MUST_RECOMPUTE, CheckpointPolicy.PREFER_RECOMPUTE)


class SelectiveCheckpointContext:
    """What a policy is told beside an op and its arguments.

    Args:
        is_recompute: False; a policy is asked once, when the op is called.
        op_output: what the op returned.

    >>> torch.utils.checkpoint.SelectiveCheckpointContext(is_recompute=False).is_recompute
    False
    """

    def __init__(self, *, is_recompute: bool, op_output: Any = None):
        self.is_recompute = is_recompute
        self.op_output = op_output


class _Kept:
    """The result of one call, and of each tensor that the call saved for backward where it is found: among the
    arguments or among the results."""

    def __init__(self, result: Any, sources: list[tuple[bool, int]]):
        self.sources = sources
        self.version: list[int] = []
        self.wanted: list[bool] = []

        def held(x: Any) -> Any:
            if not torch.is_tensor(x):
                return x
            self.version.append(x._version)
            self.wanted.append(x.requires_grad)
            return x.detach()

        self.result = tree_map(held, result)

    def get(self, op: Any, mutable: bool) -> Any:
        """The result anew."""
        counts = iter(zip(self.version, self.wanted, strict=True))

        def given(x: Any) -> Any:
            if not torch.is_tensor(x):
                return x
            version, wanted = next(counts)
            if x._version != version and not mutable:
                raise RuntimeError(
                    "Tensor cached during selective activation checkpoint has been mutated: the result of "
                    f"{torch.overrides.resolve_name(op)}. Pass allow_cache_entry_mutation=True to use it nonetheless"
                )
            y = x.detach().requires_grad_(wanted)
            return y.clone() if mutable and wanted else y  # what is written in place must be no leaf

        return tree_map(given, self.result)


def _op_of(func: Any) -> Any:
    """The function that users know, of a method or an operator."""
    own = getattr(func, "op", None)
    if own is not None:
        for place in (torch, torch.nn.functional):
            known = getattr(place, own.name, None)
            if getattr(known, "op", None) is own:
                return known
    return func


def _tensors(value: Any) -> list[Any]:
    return [x for x in tree_flatten(value)[0] if torch.is_tensor(x)]


def _same(x: Any, y: Any) -> bool:
    return (
        x is y
        or (x.shape == y.shape and x.dtype == y.dtype and x.stride() == y.stride() and x.data_ptr() == y.data_ptr())
    ) and x._version == y._version


class _Selective(TorchFunctionMode):
    """Both contexts of a function with a policy: they number its calls of each op."""

    def __init__(self, calls: dict[Any, dict[int, _Kept]]):
        super().__init__()
        self.calls = calls
        self.count: dict[Any, int] = defaultdict(int)
        self.whole: _Run | None = None

    def __enter__(self) -> TorchFunctionMode:
        self.count.clear()
        return super().__enter__()

    def _next(self, op: Any) -> int:
        self.count[op] += 1
        return self.count[op] - 1


class _Calling(_Selective):
    """The call: keeps what the policy says."""

    def __init__(self, policy: Callable, calls: dict):
        super().__init__(calls)
        self.policy = policy

    def __torch_function__(self, func: Callable, types: tuple, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        op = _op_of(func)
        number = self._next(op)
        whole = self.whole
        if whole is None:
            return func(*args, **kwargs)
        whole.recent = []
        drawn = torch.default_generator._at
        try:
            result = func(*args, **kwargs)
            saved = whole.recent
        finally:
            whole.recent = None
        said = self.policy(SelectiveCheckpointContext(is_recompute=False, op_output=result), op, *args, **kwargs)
        said = (CheckpointPolicy.PREFER_RECOMPUTE, CheckpointPolicy.MUST_SAVE)[said] if isinstance(said, bool) else said
        if said in _RECOMPUTED:
            return result
        given, results = _tensors((args, kwargs)), _tensors(result)
        if any(x is y for x in given for y in results):
            return result  # written in place, or handed through
        if torch.default_generator._at != drawn:
            return result  # random numbers that come later must be the same again
        sources = []
        for t in saved:
            places = [(True, i) for i, x in enumerate(given) if _same(x, t)]
            places += [(False, i) for i, x in enumerate(results) if _same(x, t)]
            if not places:
                return result  # it saved what only the call itself can give
            sources.append(places[0])
        self.calls[op][number] = _Kept(result, sources)
        return result


class _Again(_Selective):
    """The second run: what was kept is not computed."""

    def __init__(self, calls: dict, mutable: bool):
        super().__init__(calls)
        self.mutable = mutable

    def __torch_function__(self, func: Callable, types: tuple, args: tuple = (), kwargs: dict | None = None) -> Any:
        op = _op_of(func)
        kept = self.calls[op].get(self._next(op))
        keep = None if self.whole is None else self.whole.keep
        if kept is None or keep is None:
            return func(*args, **(kwargs or {}))
        result = kept.get(op, self.mutable)
        given, results = _tensors((args, kwargs or {})), _tensors(result)
        for of_arguments, i in kept.sources:
            keep((given if of_arguments else results)[i])
        return result


def create_selective_checkpoint_contexts(
    policy_fn_or_list: Any, allow_cache_entry_mutation: bool = False
) -> tuple[AbstractContextManager, AbstractContextManager]:
    """The contexts with which ``checkpoint`` keeps the results of some ops, and computes only the others again.

    An op runs again all the same if it draws random numbers, or saves for backward what is neither among its arguments
    nor its results.

    Args:
        policy_fn_or_list: ``(context, op, *args, **kwargs)`` to a ``CheckpointPolicy``, or to whether to keep the
            result; or a list of the functions whose results are kept, as ``[torch.matmul]``.
        allow_cache_entry_mutation: use results that were written to in place since; otherwise they are an error.

    Returns:
        Two contexts, for ``context_fn``.

    Raises:
        TypeError: the policy is neither a function nor a list.
        ValueError: the list has something that is no function.

    >>> from functools import partial
    >>> from numtorch.utils.checkpoint import checkpoint, create_selective_checkpoint_contexts
    >>> x = torch.ones(2, 2, requires_grad=True)
    >>> kept = partial(create_selective_checkpoint_contexts, [torch.matmul])
    >>> y = checkpoint(lambda x: (x @ x).exp(), x, use_reentrant=False, context_fn=kept)
    >>> y.sum().backward()
    >>> x.grad[0]
    tensor([29.5562, 29.5562])
    """
    if isinstance(policy_fn_or_list, list):
        for op in policy_fn_or_list:
            if not callable(op):
                raise ValueError(f"Expected op in `op_list` to be a function, as torch.matmul, but got: {op!r}")
        kept = [_op_of(op) for op in policy_fn_or_list]

        def policy(context: SelectiveCheckpointContext, op: Any, *args: Any, **kwargs: Any) -> bool:
            return op in kept

    elif callable(policy_fn_or_list):
        policy = policy_fn_or_list
    else:
        raise TypeError("policy_fn_or_list must be either a function or a list of ops.")
    calls: dict[Any, dict[int, _Kept]] = defaultdict(dict)
    return _Calling(policy, calls), _Again(calls, allow_cache_entry_mutation)


def detach_variable(inputs: tuple) -> tuple:
    """The same tensors outside the graph; they want gradients if they did.

    Args:
        inputs: tensors, and what else is passed through.

    Returns:
        A tuple.

    Raises:
        RuntimeError: it is no tuple.

    >>> torch.utils.checkpoint.detach_variable((torch.ones(1, requires_grad=True) * 2, 3))
    (tensor([2.], requires_grad=True), 3)
    """
    if not isinstance(inputs, tuple):
        raise RuntimeError(f"Only tuple of tensors is supported. Got Unsupported input type: {type(inputs).__name__}")
    return tuple([x.detach().requires_grad_(x.requires_grad) if torch.is_tensor(x) else x for x in inputs])


def check_backward_validity(inputs: Any) -> None:
    """Warn if no tensor of several requires a gradient.

    Args:
        inputs: tensors, and what else there is.

    >>> torch.utils.checkpoint.check_backward_validity([torch.ones(1, requires_grad=True)])
    """
    if not any(x.requires_grad for x in inputs if torch.is_tensor(x)):
        notices.warn("None of the inputs have requires_grad=True. Gradients will be None")


# --- without reentering -------------------------------------------------------------------------------


def _told(t: Any) -> str:
    return f"{list(t.shape)} {t.dtype} on {t.device}"


class _Run:
    """One call of a checkpointed function: what it saves for backward, by numbers.

    Attributes:
        seen: what each saved tensor looked like.
        again: those that have been computed again and not been asked for yet.
        recent: the tensors that were saved last, while somebody wants to know.
        keep: takes the next tensor that is saved, while the function runs again.
    """

    def __init__(self, run: Callable[[], Any], check: bool, early_stop: bool, debug: bool):
        self.run, self.check, self.early_stop, self.debug = run, check, early_stop, debug
        self.seen: list[str] = []
        self.again: dict[int, Any] = {}
        self.recent: list[Any] | None = None
        self.keep: Callable[[Any], Any] | None = None

    def forward(self) -> Any:
        with torch.autograd.graph.saved_tensors_hooks(self._pack, self._unpack):
            return self.run()

    def _pack(self, t: Any) -> int:
        self.seen.append(_told(t))
        if self.recent is not None:
            self.recent.append(t)
        return len(self.seen) - 1

    def _unpack(self, number: int) -> Any:
        if number not in self.again:
            self.again = self._computed()
        return self.again.pop(number)

    def _computed(self) -> dict[int, Any]:
        """All that was saved, from running the function once more."""
        found: list[Any] = []

        def keep(t: Any) -> Any:
            found.append(t.detach())
            if self.early_stop and len(found) == len(self.seen):
                raise _Enough
            return found[-1]

        self.keep = keep
        try:
            with (
                contextlib.suppress(_Enough),
                torch.enable_grad(),
                torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t),
            ):
                self.run()
        finally:
            self.keep = None
        self._compare([_told(t) for t in found])
        return dict(enumerate(found))

    def _compare(self, now: list[str]) -> None:
        if len(now) != len(self.seen):
            what = f"saved {len(self.seen)} tensors for backward when it was called, and {len(now)} when it ran again"
        elif self.check and now != self.seen:
            i = next(i for i, (a, b) in enumerate(zip(self.seen, now, strict=True)) if a != b)
            what = (
                f"saved for backward, as number {i}, {self.seen[i]} when it was called, and {now[i]} when it ran again"
            )
        else:
            return
        listed = f"\ncalled: {'; '.join(self.seen)}\nagain: {'; '.join(now)}" if self.debug else ""
        raise CheckpointError(
            f"checkpoint: the function {what}; it must compute the same both times (what it reads must not change in "
            f"between){listed}"
        )


def _without_reentry(
    function: Callable, args: tuple, kwargs: dict, preserve: bool, contexts: tuple, check: bool, stop: bool, debug: bool
) -> Any:
    state = torch.get_rng_state() if preserve else None
    called = False

    def run() -> Any:
        nonlocal called
        if not called:
            called = True
            with contexts[0]:
                return function(*args, **kwargs)
        with torch.random.fork_rng(enabled=preserve), contexts[1]:
            if state is not None:
                torch.set_rng_state(state)
            return function(*args, **kwargs)

    whole = _Run(run, check, stop, debug)
    for context in contexts:
        if isinstance(context, _Selective):
            context.whole = whole
    return whole.forward()


# --- with reentering ----------------------------------------------------------------------------------


class CheckpointFunction(torch.autograd.Function):
    """``checkpoint`` with ``use_reentrant``: a node whose backward runs the function again and goes back through it.

    Args:
        *args, **kwargs: none; ``apply`` is called, not the class.

    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> torch.utils.checkpoint.CheckpointFunction.apply(lambda x: x * x, True, x).backward()
    >>> x.grad
    tensor(6.)
    """

    @staticmethod
    def forward(ctx: Any, run_function: Callable, preserve_rng_state: bool, *args: Any) -> Any:
        """Run the function outside the graph.

        Args:
            ctx: keeps the arguments.
            run_function: the function.
            preserve_rng_state: whether it draws the same random numbers again.
            *args: its arguments.

        Returns:
            What it returns.

        >>> x = torch.tensor(3.0, requires_grad=True)
        >>> torch.utils.checkpoint.CheckpointFunction.apply(torch.exp, False, x).requires_grad
        True
        """
        ctx.run_function = run_function
        ctx.state = torch.get_rng_state() if preserve_rng_state else None
        ctx.at = [i for i, a in enumerate(args) if torch.is_tensor(a)]
        ctx.rest = [None if torch.is_tensor(a) else a for a in args]
        ctx.save_for_backward(*[args[i] for i in ctx.at])
        with torch.no_grad():
            return run_function(*args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """Run it again, and go back through it.

        Args:
            ctx: has the arguments.
            *grads: gradients of what it returned.

        Returns:
            Those of the arguments.

        Raises:
            RuntimeError: nothing that it returns requires a gradient.

        >>> x = torch.tensor(3.0, requires_grad=True)
        >>> torch.utils.checkpoint.CheckpointFunction.apply(torch.square, False, x).backward()
        >>> x.grad
        tensor(6.)
        """
        args = list(ctx.rest)
        for i, t in zip(ctx.at, ctx.saved_tensors, strict=True):
            args[i] = t.detach().requires_grad_(t.requires_grad)
        with torch.random.fork_rng(enabled=ctx.state is not None), torch.enable_grad():
            if ctx.state is not None:
                torch.set_rng_state(ctx.state)
            result = ctx.run_function(*args)
        results = (result,) if torch.is_tensor(result) else result
        pairs = [
            (y, g)
            for y, g in zip(results, grads, strict=True)
            if torch.is_tensor(y) and y.requires_grad and g is not None
        ]
        if not pairs:
            raise RuntimeError("checkpoint: nothing that the function returns requires a gradient, so it needs none")
        torch.autograd.backward([y for y, _ in pairs], [g for _, g in pairs])
        return (None, None, *[a.grad if torch.is_tensor(a) else None for a in args])


def checkpoint(
    function: Callable,
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[AbstractContextManager, AbstractContextManager]] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    **kwargs: Any,
) -> Any:
    """``function(*args, **kwargs)``, of which nothing is kept for backward but the arguments: it runs again there.

    Source: Chen et al., Training Deep Nets with Sublinear Memory Cost (2016).

    Args:
        function: a part of a model; it must compute the same when it runs again.
        *args: its arguments.
        use_reentrant: False is what to pass. True runs the function outside the graph first, so at least one argument
            must require gradients, and none inside a list or a dict gets any. True with a warning if None.
        context_fn: gives a context for the call, and one for when the function runs again; not with ``use_reentrant``.
        determinism_check: ``"default"`` compares shapes, dtypes and devices of what is computed again; ``"none"`` does
            not.
        debug: let errors of this comparison list all tensors.
        early_stop: stop the function when it runs again, as soon as all that backward needs is there.
        **kwargs: its arguments by name, not with ``use_reentrant``; and ``preserve_rng_state``, whether it draws the
            same random numbers again, True unless given.

    Returns:
        What the function returns.

    Raises:
        ValueError: ``context_fn``, ``debug`` or arguments by name with ``use_reentrant``, or another
            ``determinism_check``.
        CheckpointError: in backward, what is computed again is not what was before.

    >>> net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    >>> y = torch.utils.checkpoint.checkpoint(net, torch.ones(2, 3), use_reentrant=False)
    >>> y.sum().backward()
    >>> net[0].weight.grad.shape
    torch.Size([4, 3])
    """
    if use_reentrant is None:
        notices.warn(
            "checkpoint: pass use_reentrant=False, or True for the older way that is taken now; PyTorch will demand it"
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if determinism_check not in _CHECKS:
        raise ValueError(f"determinism_check must be one of {', '.join(_CHECKS)}, not {determinism_check!r}")
    if not use_reentrant:
        debug = debug if _settings["debug"] is None else _settings["debug"]
        stop = early_stop if _settings["early_stop"] is None else _settings["early_stop"]
        check = determinism_check == "default"
        return _without_reentry(function, args, kwargs, preserve, context_fn(), check, stop, debug)
    if kwargs:
        raise ValueError(f"checkpoint: arguments by name ({', '.join(kwargs)}) need use_reentrant=False")
    if context_fn is not noop_context_fn or debug:
        raise ValueError("checkpoint: context_fn and debug need use_reentrant=False")
    if torch.is_grad_enabled() and not any(torch.is_tensor(a) and a.requires_grad for a in args):
        notices.warn(
            "checkpoint: no argument requires gradients, so none will be computed; use_reentrant=False computes those "
            "of the function's own parameters"
        )
    return CheckpointFunction.apply(function, preserve, *args)


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """Functions one after another, cut into segments; all but the last are checkpointed.

    Args:
        functions: an ``nn.Sequential``, or a list of modules or functions.
        segments: how many.
        input: what the first takes; each takes what the one before it returns.
        use_reentrant: as of ``checkpoint``.
        **kwargs: ``preserve_rng_state``, as of ``checkpoint``.

    Returns:
        What the last returns.

    Raises:
        ValueError: arguments by other names.

    >>> net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    >>> y = torch.utils.checkpoint.checkpoint_sequential(net, 2, torch.ones(2, 3), use_reentrant=False)
    >>> y.shape
    torch.Size([2, 1])
    """
    if use_reentrant is None:
        notices.warn(
            "checkpoint_sequential: pass use_reentrant=False, or True for the older way that is taken now; PyTorch "
            "will demand it"
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError(f"checkpoint_sequential() takes no {', '.join(kwargs)}")
    steps = list(functions.children()) if isinstance(functions, torch.nn.Sequential) else list(functions)
    size = len(steps) // segments

    def part(first: int, end: int) -> Callable[[Any], Any]:
        def run(x: Any) -> Any:
            for step in steps[first:end]:
                x = step(x)
            return x

        return run

    last = size * (segments - 1)
    for first in range(0, last, size or 1):
        segment = part(first, first + size)
        input = checkpoint(segment, input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    return part(last, len(steps))(input)
