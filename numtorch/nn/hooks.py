"""Hooks: functions that run before and after the forward and backward of a module, and the call of a module that has
hooks.

A module without hooks never runs this code: ``Module.__call__`` checks one flag.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

from numtorch import notices
from numtorch._tensor import Tensor, alias
from numtorch.autograd.node import Node, Output
from numtorch.grad_mode import mode

_ids = count()


class RemovableHandle:
    """Takes a hook off again, by ``remove()`` or at the end of a ``with`` block.

    Args:
        hooks: the dict that has the hook.
        *extra: other dicts that have an entry under its number.

    >>> layer = torch.nn.ReLU()
    >>> with layer.register_forward_hook(lambda module, args, output: print("called")):
    ...     y = layer(torch.zeros(1))
    called
    >>> y = layer(torch.zeros(1))
    """

    def __init__(self, hooks: dict, *extra: dict):
        self.id = next(_ids)
        self._dicts = (hooks, *extra)

    def remove(self) -> None:
        """Take the hook off; doing so twice is harmless."""
        for hooks in self._dicts:
            hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def add(
    hooks: dict, hook: Callable, flags: tuple[tuple[dict, bool], ...] = (), prepend: bool = False
) -> RemovableHandle:
    """Enter a hook, and its id in those of ``flags`` that are on."""
    handle = RemovableHandle(hooks, *[d for d, _ in flags])
    hooks[handle.id] = hook
    for d, on in flags:
        if on:
            d[handle.id] = True
    if prepend:
        hooks.move_to_end(handle.id, last=False)  # type: ignore[attr-defined]
    return handle


# --- hooks of one module ------------------------------------------------------------------------------

KINDS = (
    "_backward_pre_hooks",
    "_backward_hooks",
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)


class WithModule:
    """A hook that wants the module as its first argument."""

    def __init__(self, hook: Callable):
        self.hook = hook

    def __call__(self, *args: Any) -> Any:
        return self.hook(*args)


def _one_kind(before: bool | None, full: bool) -> bool:
    if before is not None and before is not full:
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks on a single Module. Please use only one of "
            "them: there are some of the other kind, and register_full_backward_hook (or "
            "register_module_full_backward_hook) serves for all"
        )
    return full


class Hookable:
    """The part of ``Module`` that registers hooks."""

    _hooked = False  # whether the call must look for hooks
    _is_full_backward_hook: bool | None = None  # of which kind its backward hooks are, if it has any
    _backward_hooks: dict
    _forward_pre_hooks: dict
    _forward_pre_hooks_with_kwargs: dict
    _forward_hooks_with_kwargs: dict
    _forward_hooks_always_called: dict
    _state_dict_hooks: dict
    _state_dict_pre_hooks: dict
    _load_state_dict_pre_hooks: dict
    _load_state_dict_post_hooks: dict

    def _hook(self, name: str, hook: Callable, flags: tuple = (), prepend: bool = False) -> RemovableHandle:
        self.__dict__["_hooked"] = True
        return add(self.__dict__[name], hook, flags, prepend)

    def register_forward_pre_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before ``forward``; what it returns, if not None, replaces the arguments.

        Args:
            hook: the function.
            prepend: call it before the hooks that are there.
            with_kwargs: call ``hook(module, args, kwargs)``, which returns None or both.

        Returns:
            A handle, whose ``remove()`` takes the hook off.

        >>> layer = torch.nn.ReLU()
        >>> handle = layer.register_forward_pre_hook(lambda module, args: (-args[0],))
        >>> layer(torch.tensor([-1.0, 2.0]))
        tensor([1., 0.])
        """
        return self._hook("_forward_pre_hooks", hook, ((self._forward_pre_hooks_with_kwargs, with_kwargs),), prepend)

    def register_forward_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after ``forward``; what it returns, if not None, replaces the output.

        Args:
            hook: the function.
            prepend: call it before the hooks that are there.
            with_kwargs: call ``hook(module, args, kwargs, output)``.
            always_call: call it also when ``forward`` raises.

        Returns:
            A handle, whose ``remove()`` takes the hook off.

        >>> layer = torch.nn.ReLU()
        >>> handle = layer.register_forward_hook(lambda module, args, output: print(list(output.shape)))
        >>> y = layer(torch.zeros(2, 3))
        [2, 3]
        >>> handle.remove()
        """
        flags = (self._forward_hooks_with_kwargs, with_kwargs), (self._forward_hooks_always_called, always_call)
        return self._hook("_forward_hooks", hook, flags, prepend)

    def register_full_backward_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` when the gradients of the output are known.

        Args:
            hook: the function; what it returns, if not None, replaces the gradients, a tuple with one for each output.
            prepend: call it before the hooks that are there.

        Returns:
            A handle, whose ``remove()`` takes the hook off.

        >>> layer = torch.nn.Identity()
        >>> handle = layer.register_full_backward_pre_hook(lambda module, grad_output: (grad_output[0] * 10,))
        >>> x = torch.tensor([1.0], requires_grad=True)
        >>> layer(x).backward()
        >>> x.grad
        tensor([10.])
        """
        return self._hook("_backward_pre_hooks", hook, (), prepend)

    def register_backward_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` after the last op of ``forward`` in backward. Deprecated, as
        it sees the gradients of this one op; ``register_full_backward_hook`` sees those of the module.

        Args:
            hook: the function; what it returns, if not None, replaces ``grad_input``.

        Returns:
            A handle, whose ``remove()`` takes the hook off.

        Raises:
            RuntimeError: the module has full backward hooks.

        >>> layer = torch.nn.ReLU()
        >>> handle = layer.register_backward_hook(lambda module, grad_input, grad_output: print(grad_input))
        >>> layer(torch.tensor([-1.0, 2.0], requires_grad=True) * 1).sum().backward()
        (tensor([0., 1.]),)
        """
        self._is_full_backward_hook = _one_kind(self._is_full_backward_hook if self._backward_hooks else None, False)
        return self._hook("_backward_hooks", hook)

    def register_full_backward_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` when the gradients of the inputs are known.

        Args:
            hook: the function; what it returns, if not None, replaces ``grad_input``, a tuple with one for each
                positional argument.
            prepend: call it before the hooks that are there.

        Returns:
            A handle, whose ``remove()`` takes the hook off.

        Raises:
            RuntimeError: the module has backward hooks of the older kind.

        >>> layer = torch.nn.ReLU()
        >>> handle = layer.register_full_backward_hook(lambda module, grad_input, grad_output: print(grad_input))
        >>> layer(torch.tensor([-1.0, 2.0], requires_grad=True)).sum().backward()
        (tensor([0., 1.]),)
        """
        self._is_full_backward_hook = _one_kind(self._is_full_backward_hook if self._backward_hooks else None, True)
        return self._hook("_backward_hooks", hook, (), prepend)

    def register_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(module, prefix, keep_vars)`` before ``state_dict()``.

        Args:
            hook: the function.

        Returns:
            A handle, whose ``remove()`` takes the hook off.

        >>> layer = torch.nn.ReLU()
        >>> handle = layer.register_state_dict_pre_hook(lambda module, prefix, keep_vars: print("saving"))
        >>> state = layer.state_dict()
        saving
        """
        return add(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata)`` after ``state_dict()``.

        Args:
            hook: the function; it may change the dict, and returns None.

        Returns:
            A handle, whose ``remove()`` takes the hook off.

        >>> layer = torch.nn.Linear(2, 1)
        >>> handle = layer.register_state_dict_post_hook(lambda module, state, prefix, metadata: print(list(state)))
        >>> state = layer.state_dict()
        ['weight', 'bias']
        """
        hook._from_public_api = True  # type: ignore[attr-defined]
        return add(self._state_dict_hooks, hook)

    def _register_state_dict_hook(self, hook: Callable) -> RemovableHandle:
        return add(self._state_dict_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call a function before the module's tensors are loaded, which may change the dict.

        Args:
            hook: ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
                error_msgs)``.

        Returns:
            A handle, whose ``remove()`` takes the hook off.

        >>> def rename(module, state_dict, prefix, *rest):
        ...     state_dict[prefix + "weight"] = state_dict.pop(prefix + "w")
        >>> layer = torch.nn.Linear(2, 1, bias=False)
        >>> handle = layer.register_load_state_dict_pre_hook(rename)
        >>> layer.load_state_dict({"w": torch.zeros(1, 2)})
        <All keys matched successfully>
        """
        return add(self._load_state_dict_pre_hooks, WithModule(hook))

    def _register_load_state_dict_pre_hook(self, hook: Callable, with_module: bool = False) -> RemovableHandle:
        return add(self._load_state_dict_pre_hooks, WithModule(hook) if with_module else hook)

    def register_load_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(module, incompatible_keys)`` after loading.

        Args:
            hook: the function; it may change ``missing_keys`` and ``unexpected_keys`` in place, and returns None.

        Returns:
            A handle, whose ``remove()`` takes the hook off.

        >>> layer = torch.nn.Linear(2, 1)
        >>> handle = layer.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.clear())
        >>> layer.load_state_dict({})
        <All keys matched successfully>
        """
        return add(self._load_state_dict_post_hooks, hook)


# --- hooks of all modules -----------------------------------------------------------------------------

_forward: OrderedDict = OrderedDict()
_forward_kwargs: OrderedDict = OrderedDict()
_forward_always: OrderedDict = OrderedDict()
_forward_pre: OrderedDict = OrderedDict()
_backward: OrderedDict = OrderedDict()
_backward_pre: OrderedDict = OrderedDict()
_full_everywhere: list[bool | None] = [None]  # of which kind the backward hooks of all modules are
on_register: dict[str, OrderedDict] = {"buffer": OrderedDict(), "parameter": OrderedDict(), "module": OrderedDict()}


def _everywhere(handle: RemovableHandle) -> RemovableHandle:
    Hookable._hooked = True  # seen by every module that has no flag of its own
    return handle


def register_module_forward_pre_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(module, args)`` before every module's ``forward``; what it returns, if not None, replaces the
    arguments.

    Args:
        hook: the function.

    Returns:
        A handle, whose ``remove()`` takes the hook off.

    >>> from numtorch.nn import hooks
    >>> with hooks.register_module_forward_pre_hook(lambda module, args: (-args[0],)):
    ...     torch.nn.ReLU()(torch.tensor([-1.0, 2.0]))
    tensor([1., 0.])
    """
    return _everywhere(add(_forward_pre, hook))


def register_module_forward_hook(
    hook: Callable, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call ``hook(module, args, output)`` after every module's ``forward``; what it returns, if not None, replaces the
    output.

    Args:
        hook: the function.
        with_kwargs: call ``hook(module, args, kwargs, output)``.
        always_call: call it also when ``forward`` raises.

    Returns:
        A handle, whose ``remove()`` takes the hook off.

    >>> from numtorch.nn import hooks
    >>> with hooks.register_module_forward_hook(lambda module, args, output: print(module)):
    ...     y = torch.nn.ReLU()(torch.zeros(1))
    ReLU()
    """
    return _everywhere(add(_forward, hook, ((_forward_kwargs, with_kwargs), (_forward_always, always_call))))


def register_module_full_backward_pre_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(module, grad_output)`` before every module's backward; what it returns, if not None, replaces the
    gradients.

    Args:
        hook: the function.

    Returns:
        A handle, whose ``remove()`` takes the hook off.

    >>> from numtorch.nn import hooks
    >>> with hooks.register_module_full_backward_pre_hook(lambda module, grad_output: print(grad_output)):
    ...     torch.nn.ReLU()(torch.tensor(2.0, requires_grad=True)).backward()
    (tensor(1.),)
    """
    return _everywhere(add(_backward_pre, hook))


def register_module_full_backward_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(module, grad_input, grad_output)`` after every module's backward.

    Args:
        hook: the function; what it returns, if not None, replaces ``grad_input``.

    Returns:
        A handle, whose ``remove()`` takes the hook off.

    Raises:
        RuntimeError: there are backward hooks of all modules of the older kind.

    >>> from numtorch.nn import hooks
    >>> with hooks.register_module_full_backward_hook(lambda module, grad_input, grad_output: print(grad_input)):
    ...     torch.nn.ReLU()(torch.tensor(2.0, requires_grad=True)).backward()
    (tensor(1.),)
    """
    _full_everywhere[:] = [_one_kind(_full_everywhere[0] if _backward else None, True)]
    return _everywhere(add(_backward, hook))


def register_module_backward_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(module, grad_input, grad_output)`` after the last op of every module's ``forward`` in backward.
    Deprecated, for ``register_module_full_backward_hook``.

    Args:
        hook: the function; what it returns, if not None, replaces ``grad_input``.

    Returns:
        A handle, whose ``remove()`` takes the hook off.

    Raises:
        RuntimeError: there are full backward hooks of all modules.

    >>> from numtorch.nn import hooks
    >>> hooks.register_module_backward_hook(print).remove()
    """
    _full_everywhere[:] = [_one_kind(_full_everywhere[0] if _backward else None, False)]
    return _everywhere(add(_backward, hook))


def register_module_buffer_registration_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(module, name, buffer)`` when a buffer is registered; what it returns, if not None, takes its place.

    Args:
        hook: the function.

    Returns:
        A handle, whose ``remove()`` takes the hook off.

    >>> from numtorch.nn import hooks
    >>> with hooks.register_module_buffer_registration_hook(lambda module, name, buffer: print(name)):
    ...     torch.nn.Module().register_buffer("mean", torch.zeros(1))
    mean
    """
    return add(on_register["buffer"], hook)


def register_module_parameter_registration_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(module, name, parameter)`` when a parameter is registered; what it returns, if not None, takes its
    place.

    Args:
        hook: the function.

    Returns:
        A handle, whose ``remove()`` takes the hook off.

    >>> from numtorch.nn import hooks
    >>> with hooks.register_module_parameter_registration_hook(lambda module, name, parameter: print(name)):
    ...     layer = torch.nn.Linear(2, 1)
    weight
    bias
    """
    return add(on_register["parameter"], hook)


def register_module_module_registration_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(module, name, submodule)`` when a module is registered; what it returns, if not None, takes its
    place.

    Args:
        hook: the function.

    Returns:
        A handle, whose ``remove()`` takes the hook off.

    >>> from numtorch.nn import hooks
    >>> with hooks.register_module_module_registration_hook(lambda module, name, submodule: print(name, submodule)):
    ...     net = torch.nn.Sequential(torch.nn.ReLU())
    0 ReLU()
    """
    return add(on_register["module"], hook)


def registered(what: str, module: Any, name: str, value: Any) -> Any:
    """The value to register, after the hooks."""
    for hook in on_register[what].values():
        result = hook(module, name, value)
        value = value if result is None else result
    return value


# --- the call -------------------------------------------------------------------------------------------


def call(module: Any, args: tuple, kwargs: dict) -> Any:
    """``module(*args, **kwargs)`` with its hooks."""
    if _forward or _forward_pre or _backward or _backward_pre:
        pass
    elif not (
        module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks
    ):
        # All have been removed: the next call takes the short way again.
        module.__dict__.pop("_hooked", None)
        Hookable._hooked = False
        return module.forward(*args, **kwargs)
    called: set[int] = set()
    result = None
    try:
        args, kwargs = _before(module, args, kwargs)
        pre = [*_backward_pre.values(), *module._backward_pre_hooks.values()]
        post, last = _backward_hooks_of(module)
        watch = _Backward(module, pre, post) if (pre or post) and mode.grad else None
        if watch is not None:
            args = watch.inputs(args)
        result = module.forward(*args, **kwargs)
        for key, hook, with_kwargs, _ in _forward_hooks_of(module):
            called.add(key)
            changed = hook(module, args, kwargs, result) if with_kwargs else hook(module, args, result)
            result = result if changed is None else changed
        if last and mode.grad:
            _watch_last(module, last, args, result)
        return result if watch is None else watch.outputs(result)
    except Exception:
        _after_failure(module, args, kwargs, result, called)
        raise


def _before(module: Any, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    with_kwargs = module._forward_pre_hooks_with_kwargs
    for key, hook in (*_forward_pre.items(), *module._forward_pre_hooks.items()):
        if key in with_kwargs:
            changed = hook(module, args, kwargs)
            if changed is None:
                continue
            if not (isinstance(changed, tuple) and len(changed) == 2):
                raise RuntimeError(
                    f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {changed}."
                )
            args, kwargs = changed
        else:
            changed = hook(module, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
    return args, kwargs


def _forward_hooks_of(module: Any) -> list[tuple[int, Callable, bool, bool]]:
    """(id, hook, takes keyword arguments, runs after failures too)."""
    found = [(k, h, k in _forward_kwargs, k in _forward_always) for k, h in _forward.items()]
    found += [
        (k, h, k in module._forward_hooks_with_kwargs, k in module._forward_hooks_always_called)
        for k, h in module._forward_hooks.items()
    ]
    return found


def _after_failure(module: Any, args: tuple, kwargs: dict, result: Any, called: set[int]) -> None:
    for key, hook, with_kwargs, always in _forward_hooks_of(module):
        if not always or key in called:
            continue
        try:
            changed = hook(module, args, kwargs, result) if with_kwargs else hook(module, args, result)
            result = result if changed is None else changed
        except Exception as e:
            notices.warn(
                "module forward hook with ``always_call=True`` raised an exception that was silenced as another "
                f"error was raised in forward: {e}"
            )


# --- backward -------------------------------------------------------------------------------------------


def _backward_hooks_of(module: Any) -> tuple[list[Callable], list[Callable]]:
    """Those that see the gradients of the module, and those of its last op."""
    kinds = (_full_everywhere[0], _backward), (module._is_full_backward_hook, module._backward_hooks)
    full, last = ([h for is_full, hooks in kinds if is_full is kind for h in hooks.values()] for kind in (True, False))
    return full, last


def _watch_last(module: Any, hooks: list[Callable], args: tuple, result: Any) -> None:
    while not isinstance(result, Tensor):
        result = next(v for v in result.values() if isinstance(v, Tensor)) if isinstance(result, dict) else result[0]
    node = result.grad_fn
    if node is None:
        return
    given = {a.grad_fn for a in args if isinstance(a, Tensor)} - {None}
    if given != {before for before, _ in node.next_functions}:
        notices.warn(
            f"the backward hook of {type(module).__name__} sees only the last op of forward; "
            "register_full_backward_hook sees the gradients of the module's inputs",
            FutureWarning,
        )
    for hook in hooks:
        node.register_hook(partial(hook, module))


class _Through:
    """An op that changes nothing, so that its node shows gradients as they pass."""

    name = "backward_hook"
    backward_name = "BackwardHookFunctionBackward"

    def __init__(self, seen: Callable[[tuple], tuple]):
        self.seen = seen

    def pull(self, node: Node, g: Any, create: bool) -> tuple:
        return self.seen(tuple([gi if e is not None else None for gi, e in zip(g, node.edges, strict=True)]))

    def __call__(self, tensors: list[Tensor]) -> list[Tensor]:
        node = Node(self, tuple([t._edge for t in tensors]), [], (), None, [(t.shape, t._k) for t in tensors])
        passed = [alias(t) for t in tensors]
        for slot, (t, y) in enumerate(zip(tensors, passed, strict=True)):
            if t._edge is not None:
                y._edge = Output(node, slot)
        return passed


class _Backward:
    """Watches the gradients of one call's outputs and inputs."""

    def __init__(self, module: Any, pre: list[Callable], post: list[Callable]):
        self.module, self.pre, self.post = module, pre, post
        self.grad_output: tuple | None = None
        self.watches_inputs = False

    def inputs(self, args: tuple) -> tuple:
        """The arguments, with tensors passed through a node that runs the hooks."""
        at = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        self.at, self.count = at, len(args)
        if not any(args[i]._edge is not None for i in at):
            return args
        self.watches_inputs = True
        passed = list(args)
        for i, y in zip(at, _Through(self._input_gradients)([args[i] for i in at]), strict=True):
            passed[i] = y
        return tuple(passed)

    def outputs(self, result: Any) -> Any:
        """The result, with tensors passed through a node that remembers their gradients."""
        single = isinstance(result, Tensor)
        if not single and not isinstance(result, tuple):
            notices.warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but "
                f"received {type(result)}"
            )
            return result
        values = [result] if single else list(result)
        at = [i for i, v in enumerate(values) if isinstance(v, Tensor)]
        if not any(values[i]._edge is not None for i in at):
            return result
        self.outputs_at, self.outputs_count = at, len(values)
        for i, y in zip(at, _Through(self._output_gradients)([values[i] for i in at]), strict=True):
            values[i] = y
        return values[0] if single else tuple(values)

    def _output_gradients(self, g: tuple) -> tuple:
        grads: list[Any] = [None] * self.outputs_count
        for i, gi in zip(self.outputs_at, g, strict=True):
            grads[i] = gi
        seen = tuple(grads)
        for hook in self.pre:
            seen = _replaced(hook(self.module, seen), seen, "pre")
        self.grad_output = seen
        if not self.watches_inputs:  # no input wants a gradient: this is all there will be
            if self.post:
                notices.warn(
                    "Full backward hook is firing when gradients are computed with respect to module outputs since no "
                    f"inputs require gradients ({type(self.module).__name__}): its grad_input is None"
                )
            for hook in self.post:
                given = hook(self.module, (None,) * self.count, seen)
                if given is not None and not (isinstance(given, tuple) and all(v is None for v in given)):
                    raise RuntimeError(
                        "Backward hook for Modules where no input requires gradient should always return None "
                        "or None for all gradients."
                    )
        return tuple([seen[i] for i in self.outputs_at])

    def _input_gradients(self, g: tuple) -> tuple:
        if self.grad_output is None:  # a gradient of a gradient, which need not pass the output again
            return g
        grads: list[Any] = [None] * self.count
        for i, gi in zip(self.at, g, strict=True):
            grads[i] = gi
        seen = tuple(grads)
        for hook in self.post:
            seen = _replaced(hook(self.module, seen, self.grad_output), seen, "")
        self.grad_output = None
        return tuple([seen[i] for i in self.at])


def _replaced(given: Any, seen: tuple, kind: str) -> tuple:
    """What a hook returned in place of the gradients it saw."""
    if given is None:
        return seen
    given = given if isinstance(given, tuple) else (given,)
    if len(given) != len(seen):
        raise RuntimeError(
            f"Backward {kind + ' ' if kind else ''}hook returned an invalid number of grad_input, got {len(given)}, "
            f"but expected {len(seen)}"
        )
    return given
