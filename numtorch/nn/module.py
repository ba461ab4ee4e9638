"""``Module``: named parameters, buffers and submodules, and the call of ``forward``.

``conversion.py`` casts and moves modules. ``state.py`` saves and loads state dicts. ``hooks.py`` runs hooks.
``registry.py`` makes members ordinary attributes.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

from numtorch import display
from numtorch._tensor import Tensor
from numtorch.nn import failing, hooks, state
from numtorch.nn.conversion import Convertible, described
from numtorch.nn.hooks import register_module_backward_hook as register_module_backward_hook
from numtorch.nn.hooks import register_module_buffer_registration_hook as register_module_buffer_registration_hook
from numtorch.nn.hooks import register_module_forward_hook as register_module_forward_hook
from numtorch.nn.hooks import register_module_forward_pre_hook as register_module_forward_pre_hook
from numtorch.nn.hooks import register_module_full_backward_hook as register_module_full_backward_hook
from numtorch.nn.hooks import register_module_full_backward_pre_hook as register_module_full_backward_pre_hook
from numtorch.nn.hooks import register_module_module_registration_hook as register_module_module_registration_hook
from numtorch.nn.hooks import register_module_parameter_registration_hook as register_module_parameter_registration_hook
from numtorch.nn.parameter import Buffer, Parameter
from numtorch.nn.registry import Registry

_REGISTRIES = ("_parameters", "_buffers", "_modules")
_NOTHING: Any = object()  # no argument was given

if TYPE_CHECKING:
    P = ParamSpec("P")
    R = TypeVar("R", covariant=True)

    class _Computes(Protocol[P, R]):
        """What has a forward: of its own type, or of the type of what overrides it."""

        def forward(self, *args: P.args, **kwargs: P.kwargs) -> R: ...


def _instead(x: Any) -> str:
    """What may have been meant where a module was expected; empty for no idea."""
    if isinstance(x, type) and issubclass(x, Module):
        return f": it is the class; {x.__name__}(...) makes a module"
    if isinstance(x, list | tuple):
        return ": pass its modules one by one, as by *layers"
    if not callable(x):
        return ""
    named = getattr(x, "__name__", "").replace("_", "")
    layer = {n.lower(): n for n in vars(sys.modules["numtorch.nn"]) if n[:1].isupper()}.get(named)
    return f": a function is not a layer; nn.{layer}() is" if layer else ": call a function in forward()"


def indented(text: str) -> str:
    """The text with all lines but the first moved two columns to the right."""
    return text.replace("\n", "\n  ")


def _mentions(code: Any, name: str) -> bool:
    """Whether a function reads an attribute of this name."""
    return name in code.co_names or any(_mentions(c, name) for c in code.co_consts if isinstance(c, CodeType))


class _Lookup:
    """``__getattr__`` as a method. With it on ``Module`` itself, every read of an attribute would be slower; so only
    classes that call or override it have it."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        for registry in _REGISTRIES:
            members = self.__dict__.get(registry, {})
            if name in members:
                return members[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'", name=name, obj=self)


class Module(Convertible):
    """A part of a model: what it knows (parameters, buffers, submodules) and what it computes (``forward``).

    Tensors and modules that are assigned to attributes are registered: a ``Parameter`` as a parameter, a ``Buffer`` as
    a buffer, a ``Module`` as a submodule. ``super().__init__()`` comes first.

    Args:
        *args, **kwargs: for the next class of several; a class that sets ``call_super_init`` passes them on, others
            take none.

    Attributes:
        training: whether the module is in training mode, as after ``train()``, or in evaluation mode, as after
            ``eval()``.

    Raises:
        TypeError: arguments are given that no class takes.

    See https://pytorch.org/docs/stable/generated/torch.nn.Module.html

    >>> class Double(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = torch.nn.Parameter(torch.tensor(2.0))
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> Double()(torch.tensor(3.0)).item()
    6.0
    """

    _version = 1
    call_super_init = dump_patches = False
    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _non_persistent_buffers_set: set[str]

    def __init_subclass__(cls, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        asks = any(_mentions(f.__code__, "__getattr__") for f in vars(cls).values() if isinstance(f, FunctionType))
        if (asks or "__getattr__" in vars(cls)) and not issubclass(cls, _Lookup):
            cls.__bases__ = (*cls.__bases__, _Lookup)

    def __init__(self, *args: Any, **kwargs: Any):
        name = type(self).__name__
        if kwargs and not self.call_super_init:
            raise TypeError(f"{name}.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'")
        if args and not self.call_super_init:
            raise TypeError(f"{name}.__init__() takes 1 positional argument but {len(args) + 1} were given")
        fields = self.__dict__
        fields["training"] = True
        for registry in _REGISTRIES:
            fields[registry] = Registry(self)
        fields["_non_persistent_buffers_set"] = set()
        for hook in hooks.KINDS:
            fields[hook] = OrderedDict()
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    # --- the call -------------------------------------------------------------------------------------

    if TYPE_CHECKING:  # a call takes what the class's own forward takes, and gives what it gives

        def __call__(self: _Computes[P, R], *args: P.args, **kwargs: P.kwargs) -> R: ...
    else:
        # One argument and no hooks is what nearly every call is: no tuple or dict of arguments is built for it.
        def __call__(self, x: Any = _NOTHING, /, *rest: Any, **kwargs: Any) -> Any:
            try:
                if self._hooked:
                    return hooks.call(self, () if x is _NOTHING else (x, *rest), kwargs)
                if rest or kwargs or x is _NOTHING:
                    return self.forward(**kwargs) if x is _NOTHING else self.forward(x, *rest, **kwargs)
                return self.forward(x)
            except Exception as error:
                if (plain := failing.noted(self, error, (x, *rest), kwargs)) is not None:
                    raise plain from None
                raise

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; subclasses define it.

        Args:
            *args, **kwargs: what the module is called with.

        Returns:
            What the call returns.

        Raises:
            NotImplementedError: the class does not define it.

        >>> torch.nn.ReLU().forward(torch.tensor([-1.0]))
        tensor([0.])
        """
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Does nothing: kernels are compiled as they are called.

        Args:
            *args, **kwargs: those of ``torch.compile``.

        >>> torch.nn.ReLU().compile()
        """

    _call_impl = _wrapped_call_impl = __call__  # the names that some programs call it by

    # --- members --------------------------------------------------------------------------------------

    def _admit(self, what: str, name: Any, registry: str) -> None:
        """Raise unless a member may be registered under the name."""
        if registry not in self.__dict__:
            raise AttributeError(f"cannot assign {what} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{what} name should be a string. Got {described(name)}")
        if hasattr(self, name) and name not in self.__dict__[registry]:
            raise KeyError(f"attribute '{name}' already exists")
        if "." in name:
            raise KeyError(f'{what} name can\'t contain "."' + (f", got: {name}" if what == "module" else ""))
        if name == "":
            raise KeyError(f'{what} name can\'t be empty string ""')

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is state but not learnt.

        Args:
            name: the attribute under which it is found.
            tensor: the tensor, or None to say that there is none of this name.
            persistent: keep it in ``state_dict()``.

        Raises:
            AttributeError: ``Module.__init__`` has not been called.
            TypeError: ``name`` is not a string, or ``tensor`` not a tensor.
            KeyError: there is such an attribute, or the name is empty or has a dot.

        >>> layer = torch.nn.Module()
        >>> layer.register_buffer("mean", torch.zeros(2))
        >>> layer.mean
        tensor([0., 0.])
        """
        self._admit("buffer", name, "_buffers")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{described(tensor)}' object to buffer '{name}' (torch Tensor or None required)"
            )
        self._buffers[name] = hooks.registered("buffer", self, name, tensor)
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter.

        Args:
            name: the attribute under which it is found.
            param: the parameter, or None to say that there is none of this name.

        Raises:
            AttributeError: ``Module.__init__`` has not been called.
            TypeError: ``name`` is not a string, or ``param`` not a parameter.
            KeyError: there is such an attribute, or the name is empty or has a dot.
            ValueError: ``param`` was computed from other tensors.

        >>> layer = torch.nn.Module()
        >>> layer.register_parameter("weight", torch.nn.Parameter(torch.zeros(2)))
        >>> len(list(layer.parameters()))
        1
        """
        self._admit("parameter", name, "_parameters")
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(
                    f"cannot assign '{described(param)}' object to parameter '{name}' "
                    "(torch.nn.Parameter or None required)"
                )
            if param.grad_fn is not None:
                raise ValueError(
                    f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created "
                    f"explicitly. To express '{name}' as a function of another Tensor, compute the value in the "
                    "forward() method."
                )
            param = hooks.registered("parameter", self, name, param)
        self._parameters[name] = param

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a submodule.

        Args:
            name: the attribute under which it is found.
            module: the module, or None to say that there is none of this name.

        Raises:
            AttributeError: ``Module.__init__`` has not been called.
            TypeError: ``name`` is not a string, or ``module`` not a module.
            KeyError: there is such an attribute, or the name is empty or has a dot.

        >>> net = torch.nn.Module()
        >>> net.add_module("act", torch.nn.ReLU())
        >>> net
        Module(
          (act): ReLU()
        )
        """
        if not isinstance(module, Module) and module is not None:
            raise TypeError(f"{described(module)} is not a Module subclass{_instead(module)}")
        self._admit("module", name, "_modules")
        self._modules[name] = hooks.registered("module", self, name, module)

    def register_module(self, name: str, module: Module | None) -> None:
        """The same as ``add_module``.

        Args:
            name: the attribute under which it is found.
            module: the module, or None.

        >>> net = torch.nn.Module()
        >>> net.register_module("act", torch.nn.ReLU())
        >>> net.act
        ReLU()
        """
        self.add_module(name, module)

    def __setattr__(self, name: str, value: Any) -> None:
        fields = self.__dict__
        if isinstance(value, Parameter):
            if "_parameters" not in fields:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            self._forget(name, "_parameters")
            self.register_parameter(name, value)
        elif name in fields.get("_parameters", ()):
            if value is not None:
                raise TypeError(
                    f"cannot assign '{described(value)}' as parameter '{name}' (torch.nn.Parameter or None expected"
                    f"{'; wrap it, as nn.Parameter(tensor)' if isinstance(value, Tensor) else ''})"
                )
            self.register_parameter(name, None)
        elif isinstance(value, Module):
            if "_modules" not in fields:
                raise AttributeError("cannot assign module before Module.__init__() call")
            self._forget(name, "_modules")
            self._modules[name] = hooks.registered("module", self, name, value)
        elif name in fields.get("_modules", ()):
            if value is not None:
                raise TypeError(
                    f"cannot assign '{described(value)}' as child module '{name}' (torch.nn.Module or None expected)"
                )
            self._modules[name] = hooks.registered("module", self, name, None)
        elif isinstance(value, Buffer) or name in fields.get("_buffers", ()):
            if value is not None and not isinstance(value, Tensor):
                raise TypeError(
                    f"cannot assign '{described(value)}' as buffer '{name}' (torch.nn.Buffer, torch.Tensor or None "
                    "expected)"
                )
            persistent = value.persistent if isinstance(value, Buffer) else name not in self._non_persistent_buffers_set
            self.register_buffer(name, value, persistent)
        elif name in _REGISTRIES:
            self._replace_registry(name, value)
        else:
            object.__setattr__(self, name, value)

    def _forget(self, name: str, kept: str) -> None:
        """Take a name out of all places but one registry."""
        if name in self.__dict__.get(kept, ()):
            return
        for registry in _REGISTRIES:
            if name in self.__dict__[registry]:
                del self.__dict__[registry][name]
        self._non_persistent_buffers_set.discard(name)
        self.__dict__.pop(name, None)

    def _replace_registry(self, name: str, members: Mapping[str, Any]) -> None:
        before = self.__dict__.get(name)
        members = dict(members)
        if isinstance(before, Registry):
            before.clear()
        self.__dict__[name] = Registry(self, members)

    def __delattr__(self, name: str) -> None:
        for registry in _REGISTRIES:
            members = self.__dict__.get(registry, ())
            if name in members:
                del members[name]
                self._non_persistent_buffers_set.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        return sorted({k for k in (*dir(type(self)), *self.__dict__) if not k[:1].isdigit()})

    def _member(self, target: str, what: str, kind: type) -> Any:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
        found = getattr(module, name)
        if not isinstance(found, kind):
            raise AttributeError(f"`{name}` is not {what}")
        return module, name, found

    def get_submodule(self, target: str) -> Module:
        """The submodule at a path.

        Args:
            target: names joined by dots, such as ``"encoder.layers.0"``; ``""`` for the module itself.

        Returns:
            The module.

        Raises:
            AttributeError: there is no module at the path.

        >>> torch.nn.Sequential(torch.nn.Sequential(torch.nn.ReLU())).get_submodule("0.0")
        ReLU()
        """
        module: Any = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
            module = getattr(module, name)
            if not isinstance(module, Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put a module at a path.

        Args:
            target: names joined by dots; all but the last must exist.
            module: the module.
            strict: only replace a module that is there.

        Raises:
            ValueError: ``target`` is empty, or ``module`` not a module.
            AttributeError: there is no module to put it into; something else has the name; ``strict``, and nothing has
                it.

        >>> net = torch.nn.Sequential(torch.nn.ReLU())
        >>> net.set_submodule("0", torch.nn.Tanh())
        >>> net
        Sequential(
          (0): Tanh()
        )
        """
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict or hasattr(parent, name):
            parent._member(name, "an nn.Module", Module)
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a path.

        Args:
            target: names joined by dots, such as ``"fc1.weight"``.

        Returns:
            The parameter.

        Raises:
            AttributeError: there is no parameter at the path.

        >>> torch.nn.Sequential(torch.nn.Linear(2, 3)).get_parameter("0.bias").shape
        torch.Size([3])
        """
        return self._member(target, "an nn.Parameter", Parameter)[2]

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a path.

        Args:
            target: names joined by dots, such as ``"bn1.running_mean"``.

        Returns:
            The buffer.

        Raises:
            AttributeError: there is no buffer at the path.

        >>> torch.nn.BatchNorm1d(2).get_buffer("running_mean")
        tensor([0., 0.])
        """
        module, name, found = self._member(target, "a buffer", object)
        if name not in module._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return found

    # --- iteration ------------------------------------------------------------------------------------

    def _named_members(
        self,
        get_members_fn: Callable[[Module], Any],
        prefix: str = "",
        recurse: bool = True,
        remove_duplicate: bool = True,
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, member in get_members_fn(module):
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(member))
                yield f"{path}.{name}" if path else name, member

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """The parameters with their paths.

        Args:
            prefix: put before each path, with a dot.
            recurse: also those of submodules.
            remove_duplicate: each parameter once, though it is in several places.

        Returns:
            An iterator of (path, parameter).

        >>> [name for name, _ in torch.nn.Sequential(torch.nn.Linear(2, 1)).named_parameters()]
        ['0.weight', '0.bias']
        """
        return self._named_members(lambda m: m._parameters.items(), prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, each once; what an optimizer takes.

        Args:
            recurse: also those of submodules.

        Returns:
            An iterator.

        >>> [tuple(p.shape) for p in torch.nn.Linear(2, 1).parameters()]
        [(1, 2), (1,)]
        """
        for _, param in self.named_parameters(recurse=recurse):
            yield param

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """The buffers with their paths.

        Args:
            prefix: put before each path, with a dot.
            recurse: also those of submodules.
            remove_duplicate: each buffer once, though it is in several places.

        Returns:
            An iterator of (path, buffer).

        >>> [name for name, _ in torch.nn.BatchNorm1d(2).named_buffers()]
        ['running_mean', 'running_var', 'num_batches_tracked']
        """
        return self._named_members(lambda m: m._buffers.items(), prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers, each once.

        Args:
            recurse: also those of submodules.

        Returns:
            An iterator.

        >>> len(list(torch.nn.BatchNorm1d(2).buffers()))
        3
        """
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The immediate submodules with their names, each once.

        Returns:
            An iterator of (name, module).

        >>> list(torch.nn.Sequential(torch.nn.ReLU()).named_children())
        [('0', ReLU())]
        """
        seen: set[Module] = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
        """The immediate submodules, each once.

        Returns:
            An iterator.

        >>> list(torch.nn.Sequential(torch.nn.ReLU()).children())
        [ReLU()]
        """
        for _, module in self.named_children():
            yield module

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module and all below it, with their paths.

        Args:
            memo: modules that have been passed already; a new set if None.
            prefix: path of this module.
            remove_duplicate: each module once, though it is in several places.

        Returns:
            An iterator of (path, module).

        >>> [name for name, _ in torch.nn.Sequential(torch.nn.Sequential(torch.nn.ReLU())).named_modules()]
        ['', '0', '0.0']
        """
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and all below it.

        Args:
            remove_duplicate: each module once, though it is in several places.

        Returns:
            An iterator.

        >>> len(list(torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Tanh()).modules()))
        3
        """
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    # --- changes to all of it -------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Any:
        """Set this module and all below it to training mode: dropout drops, batch normalisation uses the batch's
        statistics.

        Args:
            mode: True for training, False for evaluation.

        Returns:
            The module.

        Raises:
            ValueError: ``mode`` is not a bool.

        >>> torch.nn.Dropout().train(False).training
        False
        """
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Any:
        """Set this module and all below it to evaluation mode: the same as ``train(False)``.

        Returns:
            The module.

        >>> torch.nn.Dropout().eval()(torch.ones(2))
        tensor([1., 1.])
        """
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Set ``requires_grad`` of all parameters.

        Args:
            requires_grad: whether they are learnt; False freezes them.

        Returns:
            The module.

        >>> torch.nn.Linear(1, 1).requires_grad_(False).weight.requires_grad
        False
        """
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters.

        Args:
            set_to_none: set ``grad`` to None; otherwise the gradients are overwritten with zeros.

        >>> layer = torch.nn.Linear(1, 1)
        >>> layer(torch.ones(1)).backward()
        >>> layer.zero_grad()
        >>> layer.weight.grad is None
        True
        """
        for p in self.parameters():
            g = p.grad
            if g is None:
                continue
            if set_to_none:
                p.grad = None
            else:
                g.detach_()
                g.zero_()

    def apply(self, fn: Callable[[Module], Any]) -> Any:
        """Call a function on every submodule, and last on the module itself.

        Args:
            fn: takes a module.

        Returns:
            The module.

        >>> net = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Tanh()).apply(lambda m: print(type(m).__name__))
        ReLU
        Tanh
        Sequential
        """
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    # --- state ----------------------------------------------------------------------------------------

    def state_dict(self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """Parameters and persistent buffers by path; they share memory with the module's own.

        Args:
            *args: destination, prefix and keep_vars by position, as in old programs.
            destination: a dict to add to; a new one if None.
            prefix: put before each path.
            keep_vars: keep the tensors themselves, with their graph; otherwise they are detached.

        Returns:
            An OrderedDict, what ``load_state_dict`` takes.

        >>> list(torch.nn.Linear(2, 1).state_dict())
        ['weight', 'bias']
        """
        given = dict(zip(("destination", "prefix", "keep_vars"), args, strict=False))
        return state.save(self, **({"destination": destination, "prefix": prefix, "keep_vars": keep_vars} | given))

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Copy tensors into parameters and buffers, by path.

        Differs from torch: everything is checked before anything is written, so a dict that does not fit leaves the
        module as it was.

        Args:
            state_dict: what ``state_dict`` returned.
            strict: raise an error if keys are missing or unexpected.
            assign: take over the tensors instead of copying their elements.

        Returns:
            A named tuple of ``missing_keys`` and ``unexpected_keys``.

        Raises:
            TypeError: ``state_dict`` is not a mapping.
            RuntimeError: shapes differ, or ``strict`` and the keys do.

        >>> a, b = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
        >>> b.load_state_dict(a.state_dict())
        <All keys matched successfully>
        """
        return state.load(self, state_dict, strict, assign)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        state.save_own(self, destination, prefix, keep_vars)

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: dict,
        strict: bool,
        missing_keys: list,
        unexpected_keys: list,
        error_msgs: list,
    ) -> None:
        state.load_own(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)

    def get_extra_state(self) -> Any:
        """More for the state dict than tensors; subclasses define it together with ``set_extra_state``.

        Returns:
            What can be pickled.

        Raises:
            RuntimeError: the class does not define it.

        >>> class Counted(torch.nn.Module):
        ...     calls = 3
        ...     def get_extra_state(self):
        ...         return self.calls
        ...     def set_extra_state(self, state):
        ...         self.calls = state
        >>> Counted().state_dict()["_extra_state"]
        3
        """
        raise RuntimeError(f"{type(self).__name__} defines no get_extra_state()")

    def set_extra_state(self, state: Any) -> None:
        """Take what ``get_extra_state`` returned; ``load_state_dict`` calls it.

        Args:
            state: what was returned.

        Raises:
            RuntimeError: the class does not define it.

        >>> class Counted(torch.nn.Module):
        ...     def get_extra_state(self):
        ...         return self.calls
        ...     def set_extra_state(self, state):
        ...         self.calls = state
        >>> net = Counted()
        >>> net.load_state_dict({"_extra_state": 3})
        <All keys matched successfully>
        >>> net.calls
        3
        """
        raise RuntimeError(f"{type(self).__name__} defines no set_extra_state()")

    def __getstate__(self) -> dict:
        members = {name for registry in _REGISTRIES for name in self.__dict__.get(registry, ())}
        kept = {k: v for k, v in self.__dict__.items() if k not in members}
        return kept | {r: dict(kept[r]) for r in _REGISTRIES if r in kept}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        for registry in _REGISTRIES:
            self.__dict__[registry] = Registry(self, self.__dict__.get(registry, ()))
        for hook in hooks.KINDS:
            self.__dict__.setdefault(hook, OrderedDict())
        self.__dict__.setdefault("_non_persistent_buffers_set", set())

    # --- text -----------------------------------------------------------------------------------------

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What stands between the parentheses when the module is printed; subclasses define it.

        Returns:
            One line, or several.

        >>> torch.nn.Linear(2, 1).extra_repr()
        'in_features=2, out_features=1, bias=True'
        """
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        if len(lines) == 1 and not self._modules:
            return f"{self._get_name()}({extra})"
        lines += [f"({name}): {indented(repr(module))}" for name, module in self._modules.items()]
        return f"{self._get_name()}(" + ("\n  " + "\n  ".join(lines) + "\n" if lines else "") + ")"

    def _repr_html_(self) -> str:
        rows = []
        for name, module in self.named_modules():
            own = sum(p.numel() for p in module._parameters.values() if p is not None)
            rows.append(
                (
                    name.count(".") + 1 if name else 0,
                    name.rpartition(".")[2] or "(model)",
                    f"{module._get_name()}({module.extra_repr()})" if not module._modules else module._get_name(),
                    own,
                )
            )
        return display.layers(rows, sum(p.numel() for p in self.parameters()), self._get_name())
