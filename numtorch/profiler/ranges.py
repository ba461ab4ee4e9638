"""What the program does while kernels run: which module, forward or backward, an optimizer step, making a batch.

While a profile is open, functions are replaced by timed ones (``Module.__call__``, the visit of nodes in ``backward``,
the iterators of ``DataLoader``, hooks of optimizers). So nothing is checked when no profile is open.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import sysconfig
import threading
import time
import types
from collections.abc import Callable, Iterator
from typing import Any

from numtorch import overrides
from numtorch._tensor import Tensor
from numtorch.autograd import function, graph
from numtorch.grad_mode import mode
from numtorch.nn.module import Module
from numtorch.optim import optimizer
from numtorch.profiler.load import asleep_ns
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
    overrides._functions()  # modes look for functions once: before others stand in their places
    with contextlib.ExitStack() as stack:
        _watch_calls(r, stack)
        _watch_modules(r, stack)
        _watch_backward(r, stack)
        _watch_optimizers(r, stack)
        for iterator in (loader._LocalIterator, loader._ThreadsIterator, loader._WorkersIterator):
            _replace(
                stack,
                iterator,
                "__next__",
                lambda original: _waiting(r, _within(r, original, "data", "DataLoader", r.path("data", ""))),
            )
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
        slept, waited = asleep_ns(), r.waited
        try:
            return original(*args, **kwargs)
        finally:
            r.waited = waited + max(0, asleep_ns() - slept)

    return observed


# --- where numtorch's Python begins and ends --------------------------------------------------------

# Where programs find numtorch's functions. What calls back into the program (kernels.use, Function.apply) is none of
# them.
NAMESPACES = (
    "numtorch",
    "numtorch.nn.functional",
    "numtorch.nn.init",
    "numtorch.nn.utils",
    "numtorch.linalg",
    "numtorch.special",
    "numtorch.fft",
    "numtorch.signal.windows",
)
# Of these an operator costs as much as the look at the clock, or the profiler itself works with them.
UNWATCHED = {
    "__init__",
    "__new__",
    "__repr__",
    "__str__",
    "__format__",
    "__getattribute__",
    "__getattr__",
    "__setattr__",
    "__delattr__",
    "__hash__",
    "__del__",
    "__len__",
    "__bool__",
    "__reduce_ex__",
    "__init_subclass__",
    "__class_getitem__",
    "__torch_function__",
    "register_hook",
    "apply_",
    "map_",
    "map2_",
    "dim",
    "numel",
    "size",
    "data_ptr",
    "is_contiguous",
    "element_size",
}


def is_framework(fn: Any) -> bool:
    """Whether a function is numtorch's own; the demonstration is a program."""
    module = getattr(fn, "__module__", None) or ""
    own = module == "numtorch" or module.startswith("numtorch.")
    return own and not module.startswith(("numtorch.profiler", "numtorch.kernels", "numtorch.demo"))


def _functions() -> Iterator[tuple[Any, str, Callable]]:
    """(holder, name, function) of what programs call: methods of tensors, functions, and some methods of modules and
    optimizers."""
    for name, value in list(vars(Tensor).items()):
        if (
            isinstance(value, types.FunctionType)
            and name not in UNWATCHED
            and (name.startswith("__") or not name.startswith("_"))
        ):
            yield Tensor, name, value
    for holder, names in (
        (Module, ("zero_grad", "train", "eval", "to", "requires_grad_", "state_dict", "load_state_dict")),
        (optimizer.Optimizer, ("zero_grad", "state_dict", "load_state_dict")),
    ):
        yield from (
            (holder, name, vars(holder)[name])
            for name in names
            if isinstance(vars(holder).get(name), types.FunctionType)
        )
    for namespace in NAMESPACES:
        module = sys.modules.get(namespace)
        for name, value in list(vars(module).items()) if module is not None else ():
            if (
                isinstance(value, types.FunctionType)
                and not name.startswith("_")
                and is_framework(value)
                and not _takes_functions(value)
            ):
                yield module, name, value


@functools.cache
def _takes_functions(fn: Callable) -> bool:
    """Whether it calls what the program gives it: the time in there is the program's."""
    names = fn.__code__.co_varnames[: fn.__code__.co_argcount + fn.__code__.co_kwonlyargcount]
    return bool({"fn", "func", "function", "functions", "closure", "callback", "forward"} & set(names))


def _programs_own() -> Iterator[types.ModuleType]:
    """The modules that are neither installed nor numtorch's: they may hold functions that they imported from it."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if (
            isinstance(module, types.ModuleType)
            and name.partition(".")[0] != "numtorch"
            and (name == "__main__" or (isinstance(file, str) and not file.startswith(INSTALLED)))
        ):
            yield module


INSTALLED = tuple({sys.prefix, sys.base_prefix, *(str(p) for p in sysconfig.get_paths().values())})


def _watch_calls(r: Recorder, stack: contextlib.ExitStack) -> None:
    """Put clocks around numtorch's functions, where the program calls them: what is between is the program's Python."""
    found: dict[int, tuple[Callable, Callable]] = {}
    for holder, name, original in _functions():
        kept = found.get(id(original))
        if kept is None:
            kept = found[id(original)] = original, r.call(original)
        _put(stack, holder, name, *kept)
    for module in _programs_own():
        for name, value in list(vars(module).items()):
            kept = found.get(id(value)) if isinstance(value, types.FunctionType) else None
            if kept is not None and kept[0] is value:
                _put(stack, module, name, *kept)


def _put(stack: contextlib.ExitStack, holder: Any, name: str, original: Callable, observed: Callable) -> None:
    """Replace a name, and put it back unless the program has bound it to something else meanwhile."""
    setattr(holder, name, observed)

    def restore() -> None:
        if vars(holder).get(name) is observed:
            setattr(holder, name, original)

    stack.callback(restore)


# --- modules, backward, optimizers ------------------------------------------------------------------


def _watch_modules(r: Recorder, stack: contextlib.ExitStack) -> None:
    paths = Paths()
    ident, owner, clock, here, frames, end, called = (
        threading.get_ident,
        r.owner,
        time.perf_counter_ns,
        r.here,
        r.frames,
        r.exit,
        r.inside,
    )
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
                span = r.span("module", name, at, is_framework(type(self).forward))
                found = known[id(self), at] = span, r.path(phase, name)
            frames.append((at, found[0], clock()))  # as ``enter`` does
            here[0] = found[1]
            depth = len(frames)
            within, called[0] = called[0], 0
            try:
                return original(self, *args, **kwargs)
            finally:
                called[0] = within
                end(depth)

        return observed

    _replace(stack, Module, "__call__", made)


NODES = 1 << 16  # of a graph, of which is known when they were made


class Placed:
    """A node's recipe, which first says where the node was made, for its gradient belongs to the same module, and that
    it is its turn."""

    __slots__ = ("place", "pull")

    def __init__(self, here: list[int], place: int, recipe: Any, arrived: Callable[[Any], None]):
        self.place = place

        def pull(node: Any, g: Any) -> Any:
            here[0] = place
            arrived(node)
            run = None if recipe is None else recipe.pull
            return node.op.pull(node, g, False) if run is None else run(node, g)

        self.pull = pull


def _watch_backward(r: Recorder, stack: contextlib.ExitStack) -> None:
    """The phase, from the walk; the module, from the one in which a node was made."""
    _replace(stack, graph, "run", lambda original: _within(r, original, "backward", "backward", r.path("backward", "")))
    here = r.here
    placed: dict[tuple, Placed] = {}
    ident, owner, clock, nodes, note = threading.get_ident, r.owner, time.perf_counter_ns, r.nodes, r.gradients.append

    def arrived(node: Any) -> None:
        made = nodes.pop(id(node), 0)
        if made and ident() == owner:
            note((getattr(node.op, "name", ""), made, clock()))

    def made_at(node: Any) -> None:
        if len(nodes) > NODES:
            nodes.clear()  # of graphs that nobody went through
        nodes[id(node)] = clock()
        key = node.recipe, here[0]
        found = placed.get(key)
        if found is None:
            found = placed[key] = Placed(here, r.path("backward", r.where(key[1])[1]), key[0], arrived)
        node.recipe = found

    def made(original: Callable) -> Callable:
        def apply(node: Any, g: Any, create: bool) -> Any:  # the nodes that are not run by their recipes
            if node.recipe.__class__ is Placed:
                here[0] = node.recipe.place
                arrived(node)
            return original(node, g, create)

        return apply

    _replace(stack, graph, "_apply", made)
    _replace(stack, function._Applied, "pull", lambda original: _programs_gradient(r, original))
    before = mode.made
    mode.watched, mode.made = True, made_at

    def restore() -> None:
        mode.made = before
        mode.watched = bool(mode.anomaly or mode.packing or mode.made)

    stack.callback(restore)


def _programs_gradient(r: Recorder, original: Callable) -> Callable:
    """The backward of a ``Function``, which the program wrote, in the middle of numtorch's walk."""
    ident, owner, inside = threading.get_ident, r.owner, r.inside

    def pull(self: Any, *args: Any) -> Any:
        if ident() != owner:
            return original(self, *args)
        depth = r.enter("function", f"{self.function.__name__}.backward")
        within, inside[0] = inside[0], 0
        try:
            return original(self, *args)
        finally:
            inside[0] = within
            r.exit(depth)

    return pull


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
