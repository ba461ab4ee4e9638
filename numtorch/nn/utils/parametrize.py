"""Parametrizations: a tensor of a module is computed from others whenever it is read, and those are what is learnt.

A parametrized module gets a class of its own, in which the tensor is a property. What it is computed from lies in
``module.parametrizations``, under PyTorch's names, so that state dicts go both ways.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from numtorch._tensor import Tensor
from numtorch.grad_mode import no_grad
from numtorch.nn.container import ModuleDict, ModuleList
from numtorch.nn.module import Module
from numtorch.nn.parameter import Parameter


class _Cache:
    """What has been computed inside ``cached()``, by (module, name)."""

    depth = 0
    found: dict[tuple[int, str], Any] = {}


@contextmanager
def cached() -> Iterator[None]:
    """Inside, each parametrized tensor is computed once, when it is first read; for weights that are used many times.

    >>> layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(2, 1))
    >>> with torch.nn.utils.parametrize.cached():
    ...     layer.weight is layer.weight
    True
    """
    _Cache.depth += 1
    try:
        yield
    finally:
        _Cache.depth -= 1
        if not _Cache.depth:
            _Cache.found = {}


def _lists(module: Any) -> Any:
    """The lists of parametrizations, by the names of tensors."""
    return module.parametrizations


def _register(module: Module, name: str, tensor: Any) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _check_same(what: str, found: Any, like: Any) -> None:
    """Raise unless something is a tensor of the type and shape of another."""
    if not isinstance(found, Tensor):
        raise ValueError(f"{what} must return a tensor. Got {type(found).__name__}")
    if found.dtype != like.dtype:
        raise ValueError(
            "Registering a parametrization may not change the dtype of the tensor, unless the `unsafe` flag is "
            f"enabled: {what} changes the dtype, from {like.dtype} to {found.dtype}"
        )
    if found.shape != like.shape:
        raise ValueError(
            "Registering a parametrization may not change the shape of the tensor, unless the `unsafe` flag is "
            f"enabled: {what} changes the shape, from {tuple(like.shape)} to {tuple(found.shape)}"
        )


def _inverse(parametrization: Module, value: Any) -> Any:
    """``right_inverse`` of a value; the value itself where there is none."""
    if not hasattr(parametrization, "right_inverse"):
        return value
    try:
        return parametrization.right_inverse(value)
    except NotImplementedError:
        return value


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, the first applied first, and what the tensor is computed from.

    That is ``original``, or ``original0``, ``original1`` and so on, if the ``right_inverse`` of the first
    parametrization returns several tensors; its ``forward`` then takes as many.

    Args:
        modules: the parametrizations.
        original: the tensor as it was.
        unsafe: allow that the dtype or the shape changes.

    Attributes:
        unsafe: as given.
        is_tensor: whether there is one original.
        ntensors: how many there are.

    Raises:
        ValueError: there are no parametrizations, or what they give is not of the tensor's dtype and shape.

    >>> class Twice(torch.nn.Module):
    ...     def forward(self, x):
    ...         return 2 * x
    >>> layer = torch.nn.utils.parametrize.register_parametrization(torch.nn.Linear(1, 1), "bias", Twice())
    >>> layer.parametrizations.bias
    ParametrizationList(
      (0): Twice()
    )
    """

    original: Tensor

    def __init__(self, modules: Sequence[Module], original: Tensor | Parameter, unsafe: bool = False):
        if not len(modules):
            raise ValueError("ParametrizationList takes at least one parametrization, got none")
        super().__init__(modules)
        self.unsafe = unsafe
        with no_grad():
            given: Any = original
            for parametrization in reversed(modules):
                given = _inverse(parametrization, given)
        if not isinstance(given, Tensor | Sequence):
            raise ValueError(f"right_inverse must return a tensor or several of them. Got {type(given).__name__}")
        new: Any = given
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if self.is_tensor else len(new)
        if self.is_tensor:
            if original.dtype != new.dtype:
                raise ValueError(
                    f"right_inverse changes the dtype, from {original.dtype} to {new.dtype}: the original keeps it, "
                    "and forward() may convert"
                )
            shape, like = original.shape, original.detach()
            with no_grad():
                original.data = new.detach()
            _register(self, "original", original)
        else:
            shape, like = original.shape, original
            for i, part in enumerate(new):
                if not isinstance(part, Tensor):
                    raise ValueError(f"right_inverse must return tensors, but number {i} is a {type(part).__name__}")
                made = Parameter(part, original.requires_grad) if isinstance(original, Parameter) else part
                made.requires_grad_(original.requires_grad)
                _register(self, f"original{i}", made)
        if not unsafe:
            result = self()
            if isinstance(result, Tensor) and result.dtype == like.dtype and result.shape == shape:
                return
            _check_same("A parametrization", result, like)

    @property
    def _originals(self) -> list[Tensor]:
        names = ["original"] if self.is_tensor else [f"original{i}" for i in range(self.ntensors)]
        return [getattr(self, name) for name in names]

    def right_inverse(self, value: Tensor) -> None:
        """Set the originals such that a value results; called when the tensor is assigned to.

        Args:
            value: what the tensor is to be.

        Raises:
            RuntimeError: a parametrization has no ``right_inverse``.
            ValueError: what it returns is not what the originals are.

        >>> layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(2, 1))
        >>> layer.weight = torch.tensor([[3.0, 4.0]])
        >>> layer.parametrizations.weight.original0.item()
        5.0
        """
        with no_grad():
            new: Any = value
            for parametrization in reversed(self):
                if not hasattr(parametrization, "right_inverse"):
                    raise RuntimeError(
                        f"parametrization {type(parametrization).__name__} does not implement right_inverse, so its "
                        "tensor cannot be assigned to"
                    )
                new = parametrization.right_inverse(new)
            parts = [new] if self.is_tensor else new
            if not isinstance(parts, Sequence) or len(parts) != self.ntensors:
                raise ValueError(f"right_inverse must return {self.ntensors} tensors, as it did before")
            for part, original in zip(parts, self._originals, strict=True):
                if not isinstance(part, Tensor):
                    raise ValueError(f"right_inverse must return tensors, not {type(part).__name__}")
                if part.dtype != original.dtype:
                    raise ValueError(f"right_inverse returned {part.dtype} for an original of {original.dtype}")
                original.data = part.detach()

    def forward(self) -> Tensor:
        first, *rest = self
        x = first(*self._originals)
        for parametrization in rest:
            x = parametrization(x)
        return x


# --- the class of a parametrized module ---------------------------------------------------------------


def _property(name: str) -> property:
    """The tensor of a parametrized module, as an attribute of its class."""

    def get(self: Any) -> Tensor:
        compute = self.parametrizations[name]
        if not _Cache.depth:
            return compute()
        key = (id(self), name)
        if key not in _Cache.found:
            _Cache.found[key] = compute()
        return _Cache.found[key]

    def put(self: Any, value: Tensor) -> None:
        self.parametrizations[name].right_inverse(value)

    return property(get, put)


def _getstate(self: Any) -> Any:
    raise RuntimeError(
        "Serialization of parametrized modules is only supported through state_dict(). It cannot be pickled, as its "
        "class is made for it: save its state_dict(), or remove the parametrizations first"
    )


def _deepcopy(self: Any, memo: dict) -> Any:
    made = memo.get(id(self))
    if made is None:
        made = memo[id(self)] = self.__new__(_class_for(type_before_parametrizations(self), self.parametrizations))
        made.__setstate__(copy.deepcopy(Module.__getstate__(self), memo))
    return made


def _class_for(cls: type, names: Any) -> type:
    """A class below another, in which tensors of these names are computed."""
    own: dict[str, Any] = {"__getstate__": _getstate, "__module__": cls.__module__}
    if not hasattr(cls, "__deepcopy__"):
        own["__deepcopy__"] = _deepcopy
    return type(f"Parametrized{cls.__name__}", (cls,), own | {name: _property(name) for name in names})


def register_parametrization(module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False) -> Any:
    """Compute a parameter or buffer of a module by another module, whenever it is read.

    ``module.weight`` is then ``parametrization(original)``, and the original, at
    ``module.parametrizations.weight.original``, is what is learnt. More parametrizations of the same tensor follow one
    another. If the parametrization has a ``right_inverse``, the original is what this makes of the tensor, and the
    tensor can be assigned to.

    Args:
        module: has the tensor.
        tensor_name: the name of the tensor.
        parametrization: computes it.
        unsafe: allow that the dtype or the shape changes.

    Returns:
        The module.

    Raises:
        ValueError: there is no such tensor, or its dtype or shape would change.

    >>> class Symmetric(torch.nn.Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).T
    >>> layer = torch.nn.utils.parametrize.register_parametrization(torch.nn.Linear(3, 3), "weight", Symmetric())
    >>> bool((layer.weight == layer.weight.T).all())
    True
    >>> [name for name, _ in layer.named_parameters()]
    ['bias', 'parametrizations.weight.original']
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        kept = _lists(module)[tensor_name]
        if not unsafe:
            before = getattr(module, tensor_name)
            after = parametrization(before)
            _check_same("The parametrization", after, before)
            if hasattr(parametrization, "right_inverse"):
                try:
                    back = parametrization.right_inverse(after)
                except NotImplementedError:
                    pass
                else:
                    _check_same("right_inverse", back, before)
        kept.append(parametrization)
        kept.unsafe |= unsafe
    elif tensor_name in module._parameters or tensor_name in module._buffers:
        computed = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe=unsafe)
        delattr(module, tensor_name)
        if is_parametrized(module):
            setattr(type(module), tensor_name, _property(tensor_name))
        else:
            module.__class__ = _class_for(type(module), (tensor_name,))
            module.parametrizations = ModuleDict()
        _lists(module)[tensor_name] = computed
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
            f"'{tensor_name}'"
        )
    return module


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a module has parametrizations.

    Args:
        module: any module.
        tensor_name: ask about this tensor; about any if None.

    Returns:
        A bool.

    >>> layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(2, 1))
    >>> torch.nn.utils.parametrize.is_parametrized(layer), torch.nn.utils.parametrize.is_parametrized(layer, "bias")
    (True, False)
    """
    found = getattr(module, "parametrizations", None)
    if not isinstance(found, ModuleDict):
        return False
    return len(found) > 0 if tensor_name is None else tensor_name in found


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Any:
    """Make a parametrized tensor an ordinary one again.

    Args:
        module: has the tensor.
        tensor_name: the name of the tensor.
        leave_parametrized: keep its value; otherwise the tensor is the original, of which there must be one.

    Returns:
        The module, of its own class again if nothing else of it is parametrized.

    Raises:
        ValueError: the tensor is not parametrized, or is to be one of several originals.

    >>> layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(2, 1))
    >>> torch.nn.utils.parametrize.remove_parametrizations(layer, "weight")
    Linear(in_features=2, out_features=1, bias=True)
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    kept = _lists(module)[tensor_name]
    if kept.is_tensor:
        original = kept.original
        if leave_parametrized:
            with no_grad():
                original.data = getattr(module, tensor_name).detach()
    elif leave_parametrized:
        value = getattr(module, tensor_name)
        original = Parameter(value.detach()) if value.requires_grad else value
    else:
        raise ValueError(
            f"'{tensor_name}' is computed from several tensors: leave_parametrized=False cannot say which it is to be"
        )
    delattr(type(module), tensor_name)
    del _lists(module)[tensor_name]
    if not is_parametrized(module):
        delattr(module, "parametrizations")
        module.__class__ = type(module).__bases__[0]
    _register(module, tensor_name, original)
    return module


def type_before_parametrizations(module: Module) -> type:
    """The class of a module as it was before it was parametrized; of others, their class.

    Args:
        module: any module.

    Returns:
        A class.

    >>> layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(2, 1))
    >>> type(layer).__name__, torch.nn.utils.parametrize.type_before_parametrizations(layer).__name__
    ('ParametrizedLinear', 'Linear')
    """
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(from_module: Module, to_module: Module, tensor_name: str | None = None) -> Any:
    """Parametrize the tensors of a module by the parametrizations of another, and from the same originals.

    Args:
        from_module: has the parametrizations.
        to_module: gets them.
        tensor_name: the tensor; all that are parametrized if None.

    Returns:
        ``to_module``.

    Raises:
        ValueError: the tensor is not parametrized.

    >>> a = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(2, 1))
    >>> b = torch.nn.utils.parametrize.transfer_parametrizations_and_params(a, torch.nn.Linear(2, 1))
    >>> torch.equal(a.weight, b.weight)
    True
    """
    if not is_parametrized(from_module):
        return to_module
    given = _lists(from_module)
    for name in list(given) if tensor_name is None else [tensor_name]:
        if name not in given:
            raise ValueError(f"'{name}' is not parametrized in {from_module}")
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name).detach()))
        for parametrization in given[name]:
            register_parametrization(to_module, name, parametrization, unsafe=given[name].unsafe)
        taken = _lists(to_module)[name]
        for key in [*given[name]._parameters, *given[name]._buffers]:
            setattr(taken, key, getattr(given[name], key))
    return to_module
