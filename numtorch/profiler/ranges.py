"""What the program is doing while kernels run: which module, forward or backward, a step, a batch being made.

Watched by putting functions in the place of others for as long as a profile is open (``Module.__call__``, the
walk of ``backward``, ``DataLoader``'s iterators, optimizers' hooks), so that nothing is asked when none is.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from numtorch.autograd import graph
from numtorch.autograd.grad_mode import mode
from numtorch.nn.module import Module
from numtorch.optim import optimizer
from numtorch.profiler.recorder import Recorder
from numtorch.utils.data import loader


class Paths:
    """Names of modules: where they lie in the one that was called first."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.alive: list[Module] = []  # ids of modules that are gone could be given to others

    def name(self, module: Module, inside: str) -> str:
        """``Net.conv1``; a module that is no part of the one around it goes by its class."""
        found = self.names.get(id(module))
        if found is None:
            root = type(module).__name__ if not inside else f"{inside}.{type(module).__name__}"
            for name, m in module.named_modules():
                self.names.setdefault(id(m), f"{root}.{name}" if name else root)
                self.alive.append(m)
            found = self.names[id(module)]
        return found


@contextlib.contextmanager
def watching(r: Recorder) -> Iterator[None]:
    """Inside the block spans are told to the recorder."""
    with contextlib.ExitStack() as stack:
        _watch_modules(r, stack)
        _watch_backward(r, stack)
        _watch_optimizers(r, stack)
        for iterator in (loader._LocalIterator, loader._WorkersIterator):
            _replace(stack, iterator, "__next__",
                     lambda original: _waiting(r, _within(r, original, "data", "DataLoader", r.path("data", ""))))
        yield


def _replace(stack: contextlib.ExitStack, holder: Any, name: str, made: Callable[[Callable], Callable]) -> None:
    original = getattr(holder, name)
    setattr(holder, name, made(original))
    stack.callback(setattr, holder, name, original)


def _within(r: Recorder, original: Callable, kind: str, name: str, path: int) -> Callable:
    ident, owner = threading.get_ident, r.owner

    def observed(*args: Any, **kwargs: Any) -> Any:
        if ident() != owner:
            return original(*args, **kwargs)
        depth = r.enter(kind, name, path)
        try:
            return original(*args, **kwargs)
        finally:
            r.exit(depth)

    return observed


def _waiting(r: Recorder, original: Callable) -> Callable:
    """Note for how long the thread did not run: waiting for workers is no idle time of the program."""

    def observed(*args: Any, **kwargs: Any) -> Any:
        wall, ran = time.perf_counter_ns(), time.thread_time_ns()
        try:
            return original(*args, **kwargs)
        finally:
            r.waited += time.perf_counter_ns() - wall - (time.thread_time_ns() - ran)

    return observed


def _watch_modules(r: Recorder, stack: contextlib.ExitStack) -> None:
    paths = Paths()
    ident, owner, clock, here, frames, end = threading.get_ident, r.owner, time.perf_counter_ns, r.here, r.frames, r.exit
    known: dict[tuple[int, int], tuple[int, int]] = {}  # module, place -> span, place inside

    def made(original: Callable) -> Callable:
        def observed(self: Module, *args: Any, **kwargs: Any) -> Any:
            if ident() != owner:
                return original(self, *args, **kwargs)
            at = here[0]
            found = known.get((id(self), at))
            if found is None:
                phase, inside = r.where(at)
                name = paths.name(self, inside)
                found = known[id(self), at] = r.span("module", name, at), r.path(phase, name)
            frames.append((at, found[0], clock()))  # as ``enter`` does
            here[0] = found[1]
            depth = len(frames)
            try:
                return original(self, *args, **kwargs)
            finally:
                end(depth)

        return observed

    _replace(stack, Module, "__call__", made)


class Placed:
    """A node's recipe, which first says where the node was made: its gradient belongs to the same module."""

    __slots__ = ("place", "pull")

    def __init__(self, here: list[int], place: int, recipe: Any):
        self.place = place

        def pull(node: Any, g: Any) -> Any:
            here[0] = place
            run = None if recipe is None else recipe.pull
            return node.op.pull(node, g, False) if run is None else run(node, g)

        self.pull = pull


def _watch_backward(r: Recorder, stack: contextlib.ExitStack) -> None:
    """The phase, from the walk; the module, from the one in which a node was made."""
    _replace(stack, graph, "run", lambda original: _within(r, original, "backward", "backward", r.path("backward", "")))
    here = r.here
    placed: dict[tuple, Placed] = {}

    def made_at(node: Any) -> None:
        key = node.recipe, here[0]
        found = placed.get(key)
        if found is None:
            found = placed[key] = Placed(here, r.path("backward", r.where(key[1])[1]), key[0])
        node.recipe = found

    def made(original: Callable) -> Callable:
        def apply(node: Any, g: Any, create: bool) -> Any:  # the nodes that are not run by their recipes
            if node.recipe.__class__ is Placed:
                here[0] = node.recipe.place
            return original(node, g, create)

        return apply

    _replace(stack, graph, "_apply", made)
    before = mode.made
    mode.watched, mode.made = True, made_at

    def restore() -> None:
        mode.made = before
        mode.watched = bool(mode.anomaly or mode.packing or mode.made)

    stack.callback(restore)


def _watch_optimizers(r: Recorder, stack: contextlib.ExitStack) -> None:
    depth = 0

    def begin(opt: Any, args: tuple, kwargs: dict) -> None:
        nonlocal depth
        if threading.get_ident() == r.owner:
            depth = r.enter("optimizer", type(opt).__name__, r.path("optimizer", type(opt).__name__))

    def end(opt: Any, args: tuple, kwargs: dict) -> None:
        if threading.get_ident() == r.owner and depth:
            r.exit(depth)

    for handle in (optimizer.register_optimizer_step_pre_hook(begin), optimizer.register_optimizer_step_post_hook(end)):
        stack.callback(handle.remove)
