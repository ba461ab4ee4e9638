"""Modules that contain modules or parameters: in sequence, in a list, or by key."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, groupby
from typing import Any

from numtorch import notices
from numtorch._tensor import Tensor
from numtorch.nn.conversion import typename
from numtorch.nn.module import Module, indented
from numtorch.nn.parameter import Parameter


def _position(index: Any, size: int) -> int:
    """A list index as a position from the front."""
    i = operator.index(index)
    if not -size <= i < size:
        raise IndexError(f"index {i} is out of range")
    return i % size


class _Numbered(Module):
    """Submodules called "0", "1", ... in order."""

    _modules: dict[str, Any]

    def _key(self, index: Any) -> str:
        return list(self._modules)[_position(index, len(self._modules))]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._key(index), module)

    def __delitem__(self, index: int | slice) -> None:
        gone = list(self._modules)[index] if isinstance(index, slice) else [self._key(index)]
        kept = [m for name, m in self._modules.items() if name not in gone]
        self._modules = {str(i): m for i, m in enumerate(kept)}

    def append(self, module: Module) -> Any:
        """Add a module at the end.

        Args:
            module: which one.

        Returns:
            The container.

        >>> torch.nn.Sequential(torch.nn.ReLU()).append(torch.nn.Tanh())
        Sequential(
          (0): ReLU()
          (1): Tanh()
        )
        """
        self.add_module(str(len(self)), module)
        return self

    def _insert(self, index: int, module: Module) -> None:
        row = list(self._modules.values())
        row.insert(index, module)
        self._modules = {str(i): m for i, m in enumerate(row)}

    def pop(self, key: int | slice) -> Any:
        """Take out the modules at a position; those behind it move up.

        Args:
            key: an index or a slice.

        Returns:
            The module, or for a slice a container of them.

        Raises:
            IndexError: there is no such position.

        >>> net = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Tanh())
        >>> net.pop(0)
        ReLU()
        >>> net
        Sequential(
          (0): Tanh()
        )
        """
        module = self[key]  # type: ignore[index]
        del self[key]
        return module


class Sequential(_Numbered):
    """Modules applied one after the other.

    Args:
        *args: the modules in order, or one OrderedDict of them by name.

    Shape: what the first module takes, to what the last one gives.

    >>> torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Identity())
    Sequential(
      (0): Flatten(start_dim=1, end_dim=-1)
      (1): Identity()
    )
    """

    def __init__(self, *args: Any):
        super().__init__()
        named = (
            args[0].items()
            if len(args) == 1 and isinstance(args[0], OrderedDict)
            else ((str(i), m) for i, m in enumerate(args))
        )
        for name, module in named:
            self.add_module(name, module)

    def forward(self, input: Any) -> Tensor:
        for module in self._modules.values():
            input = module(input)
        return input

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(OrderedDict(list(self._modules.items())[index]))
        return self._modules[self._key(index)]

    def extend(self, sequential: Iterable[Module]) -> Sequential:
        """Add modules at the end.

        Args:
            sequential: the modules, as of another ``Sequential``.

        Returns:
            The container.

        >>> torch.nn.Sequential(torch.nn.ReLU()).extend([torch.nn.Tanh()])
        Sequential(
          (0): ReLU()
          (1): Tanh()
        )
        """
        for module in sequential:
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Sequential:
        """Add a module before a position.

        Args:
            index: the position, from minus to plus the length.
            module: which one.

        Returns:
            The container.

        Raises:
            AssertionError: ``module`` is not a module.
            IndexError: there is no such position.

        >>> torch.nn.Sequential(torch.nn.ReLU()).insert(0, torch.nn.Tanh())
        Sequential(
          (0): Tanh()
          (1): ReLU()
        )
        """
        if not isinstance(module, Module):
            raise AssertionError(f"module should be of type: {Module}")
        n = len(self)
        if not -n <= index <= n:
            raise IndexError(f"Index out of range: {index}")
        self._insert(index + n if index < 0 else index, module)
        return self

    def _of_sequential(self, other: Any) -> list[Module]:
        if not isinstance(other, Sequential):
            raise ValueError(f"add operator supports only objects of Sequential class, but {type(other)} is given.")
        return list(other)

    def __add__(self, other: Any) -> Sequential:
        return Sequential(*self, *self._of_sequential(other))

    def __iadd__(self, other: Any) -> Sequential:
        return self.extend(self._of_sequential(other))

    def __mul__(self, other: int) -> Sequential:
        if not isinstance(other, int):
            raise TypeError(f"unsupported operand type(s) for *: {type(self)} and {type(other)}")
        if other <= 0:
            raise ValueError(f"Non-positive multiplication factor {other} for {type(self)}")
        return Sequential(*list(self) * other)

    __rmul__ = __mul__

    def __imul__(self, other: int) -> Sequential:
        return self.extend(list(self * other)[len(self) :])


class ModuleList(_Numbered):
    """A list whose modules are registered; what is done with them is up to the owner's ``forward``.

    Args:
        modules: an iterable of modules; none if None.

    >>> layers = torch.nn.ModuleList([torch.nn.Linear(2, 2), torch.nn.Tanh()])
    >>> layers[1], len(list(layers.parameters()))
    (Tanh(), 2)
    """

    def __init__(self, modules: Iterable[Module] | None = None):
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return self._modules[self._key(index)]

    def extend(self, modules: Iterable[Module]) -> ModuleList:
        """Add modules at the end.

        Args:
            modules: an iterable of modules.

        Returns:
            The list.

        Raises:
            TypeError: ``modules`` is not iterable.

        >>> torch.nn.ModuleList([torch.nn.ReLU()]).extend([torch.nn.Tanh()])
        ModuleList(
          (0): ReLU()
          (1): Tanh()
        )
        """
        if not isinstance(modules, Iterable):
            raise TypeError(f"ModuleList.extend should be called with an iterable, but got {type(modules).__name__}")
        for module in modules:
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> None:
        """Add a module before a position, as a list does.

        Args:
            index: the position.
            module: which one.

        >>> layers = torch.nn.ModuleList([torch.nn.ReLU()])
        >>> layers.insert(0, torch.nn.Tanh())
        >>> layers
        ModuleList(
          (0): Tanh()
          (1): ReLU()
        )
        """
        self._insert(index, module)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList(chain(self, other))

    def __iadd__(self, modules: Iterable[Module]) -> ModuleList:
        return self.extend(modules)

    def __repr__(self) -> str:
        lines, at = [], 0
        for text, same in groupby(map(repr, self)):
            n = len(list(same))
            lines.append(indented(f"({at}): {text}" if n == 1 else f"({at}-{at + n - 1}): {n} x {text}"))
            at += n
        return f"{self._get_name()}(" + ("\n  " + "\n  ".join(lines) + "\n" if lines else "") + ")"


def _pairs(given: Any, name: str) -> Iterator[tuple[str, Any]]:
    """(key, value) of a mapping or of an iterable of pairs."""
    if not isinstance(given, Iterable):
        raise TypeError(
            f"{name}.update should be called with an iterable of key/value pairs, but got {type(given).__name__}"
        )
    if isinstance(given, Mapping | ModuleDict | ParameterDict):
        yield from given.items()
        return
    for i, pair in enumerate(given):
        if not isinstance(pair, Iterable):
            raise TypeError(f"{name} update sequence element #{i} should be Iterable; is {type(pair).__name__}")
        values = tuple(pair)
        if len(values) != 2:
            raise ValueError(f"{name} update sequence element #{i} has length {len(values)}; 2 is required")
        yield values


class ModuleDict(Module):
    """A dict whose modules are registered; what is done with them is up to the owner's ``forward``.

    Args:
        modules: a mapping from names to modules, or pairs of both; none if None.

    >>> layers = torch.nn.ModuleDict({"relu": torch.nn.ReLU(), "tanh": torch.nn.Tanh()})
    >>> layers["tanh"]
    Tanh()
    """

    def __init__(self, modules: Any = None):
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: str) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Remove all.

        >>> layers = torch.nn.ModuleDict({"relu": torch.nn.ReLU()})
        >>> layers.clear()
        >>> len(layers)
        0
        """
        self._modules.clear()

    def pop(self, key: str) -> Any:
        """Take out the module under a key.

        Args:
            key: its name.

        Returns:
            The module.

        Raises:
            KeyError: there is none.

        >>> torch.nn.ModuleDict({"relu": torch.nn.ReLU()}).pop("relu")
        ReLU()
        """
        return self._modules.pop(key)

    def keys(self) -> Any:
        """The names of the modules.

        Returns:
            A view, as of a dict.

        >>> list(torch.nn.ModuleDict({"relu": torch.nn.ReLU()}).keys())
        ['relu']
        """
        return self._modules.keys()

    def items(self) -> Any:
        """The names and the modules.

        Returns:
            A view of pairs, as of a dict.

        >>> list(torch.nn.ModuleDict({"relu": torch.nn.ReLU()}).items())
        [('relu', ReLU())]
        """
        return self._modules.items()

    def values(self) -> Any:
        """The modules.

        Returns:
            A view, as of a dict.

        >>> list(torch.nn.ModuleDict({"relu": torch.nn.ReLU()}).values())
        [ReLU()]
        """
        return self._modules.values()

    def update(self, modules: Any) -> None:
        """Set modules, overwriting those of the same name.

        Args:
            modules: a mapping from names to modules, or pairs of both.

        Raises:
            TypeError: ``modules`` is neither.
            ValueError: an element is not a pair.

        >>> layers = torch.nn.ModuleDict()
        >>> layers.update({"relu": torch.nn.ReLU()})
        >>> layers
        ModuleDict(
          (relu): ReLU()
        )
        """
        for key, module in _pairs(modules, "ModuleDict"):
            self[key] = module


def _described(x: Any, kind: str) -> str:
    if not isinstance(x, Tensor):
        return f"Object of type: {type(x).__name__}"
    where = f" ({x.device})" if x.is_cuda else ""
    name = "Parameter" if isinstance(x, Parameter) else "Tensor"
    return f"{name} containing: [{kind} of size {'x'.join(map(str, x.shape))}{where}]"


def _as_parameter(x: Any) -> Any:
    return Parameter(x) if isinstance(x, Tensor) and not isinstance(x, Parameter) else x


class ParameterList(Module):
    """A list whose tensors become registered parameters.

    Args:
        values: an iterable of tensors, or of anything else, which is kept as it is; none if None.

    >>> weights = torch.nn.ParameterList([torch.zeros(2), torch.ones(3)])
    >>> len(list(weights.parameters())), weights[1].requires_grad
    (2, True)
    """

    def __init__(self, values: Iterable[Any] | None = None):
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)([self[i] for i in range(*index.indices(len(self)))])
        return getattr(self, str(_position(index, self._size)))

    def __setitem__(self, index: int, param: Any) -> None:
        setattr(self, str(_position(index, self._size)), _as_parameter(param))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __iadd__(self, parameters: Iterable[Any]) -> ParameterList:
        return self.extend(parameters)

    def append(self, value: Any) -> ParameterList:
        """Add a value at the end; a tensor becomes a parameter.

        Args:
            value: a tensor, or anything else.

        Returns:
            The list.

        >>> len(torch.nn.ParameterList([torch.zeros(2)]).append(torch.ones(3)))
        2
        """
        self._size += 1
        self[-1] = value
        return self

    def extend(self, values: Iterable[Any]) -> ParameterList:
        """Add values at the end; tensors become parameters.

        Args:
            values: an iterable of tensors, or of anything else; not a tensor.

        Returns:
            The list.

        Raises:
            TypeError: ``values`` is not iterable, or is a tensor.

        >>> len(torch.nn.ParameterList().extend([torch.zeros(2), torch.ones(3)]))
        2
        """
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise TypeError(f"ParameterList.extend should be called with an iterable, but got {type(values).__name__}")
        for value in values:
            self.append(value)
        return self

    def extra_repr(self) -> str:
        return "\n".join(
            f"  ({i}): " + _described(p, str(p.dtype) if isinstance(p, Tensor) else "") for i, p in enumerate(self)
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("ParameterList should not be called.")


class ParameterDict(Module):
    """A dict whose tensors become registered parameters.

    Args:
        parameters: a mapping from names to tensors (or to anything else, which is kept as it is), or pairs of both;
            none if None.

    >>> weights = torch.nn.ParameterDict({"a": torch.zeros(2), "b": torch.ones(3)})
    >>> len(list(weights.parameters())), weights["b"].requires_grad
    (2, True)
    """

    def __init__(self, parameters: Any = None):
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def __getitem__(self, key: str) -> Any:
        if key not in self._keys:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{key}'")
        return getattr(self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            raise TypeError(
                "Index given to ParameterDict cannot be used as a key as it is not a string (type is "
                f"'{type(key).__name__}')."
            )
        setattr(self, key, _as_parameter(value))
        self._keys[key] = None

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._keys)

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def copy(self) -> ParameterDict:
        """Another dict of the same parameters.

        Returns:
            A dict whose values are not copied.

        >>> weights = torch.nn.ParameterDict({"a": torch.zeros(2)})
        >>> weights.copy()["a"] is weights["a"]
        True
        """
        return ParameterDict(OrderedDict(self.items()))

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value under a key, which is set first if there is none.

        Args:
            key: the name.
            default: what is set.

        Returns:
            The value that is there afterwards.

        >>> torch.nn.ParameterDict().setdefault("a", torch.zeros(1)).requires_grad
        True
        """
        if key not in self:
            self[key] = default
        return self[key]

    def clear(self) -> None:
        """Remove all.

        >>> weights = torch.nn.ParameterDict({"a": torch.zeros(2)})
        >>> weights.clear()
        >>> len(weights)
        0
        """
        for key in list(self._keys):
            del self[key]

    def pop(self, key: str) -> Any:
        """Take out the value under a key.

        Args:
            key: the name.

        Returns:
            The value.

        Raises:
            KeyError: there is none.

        >>> torch.nn.ParameterDict({"a": torch.zeros(2)}).pop("a").shape
        torch.Size([2])
        """
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Take out the pair that was added last.

        Returns:
            (key, value).

        >>> torch.nn.ParameterDict({"a": 1, "b": 2}).popitem()
        ('b', 2)
        """
        key = next(reversed(self._keys))
        return key, self.pop(key)

    def get(self, key: str, default: Any = None) -> Any:
        """The value under a key, or a default.

        Args:
            key: the name.
            default: what is returned if there is none.

        Returns:
            The value.

        >>> torch.nn.ParameterDict({"a": 1}).get("b", 0)
        0
        """
        return getattr(self, key) if key in self._keys else default

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """A new dict with the same value under all keys.

        Args:
            keys: the names.
            default: the value.

        Returns:
            The new dict; the one that it is called on stays as it is.

        >>> list(torch.nn.ParameterDict().fromkeys(["a", "b"], 1).items())
        [('a', 1), ('b', 1)]
        """
        return ParameterDict((k, default) for k in keys)

    def keys(self) -> Any:
        """The names, in the order in which they were set.

        Returns:
            A view, as of a dict.

        >>> list(torch.nn.ParameterDict({"a": 1}).keys())
        ['a']
        """
        return self._keys.keys()

    def items(self) -> Iterable[tuple[str, Any]]:
        """The names and the values, in the order in which they were set.

        Returns:
            An iterator of pairs.

        >>> list(torch.nn.ParameterDict({"a": 1}).items())
        [('a', 1)]
        """
        return ((k, self[k]) for k in self._keys)

    def values(self) -> Iterable[Any]:
        """The values, in the order in which they were set.

        Returns:
            An iterator.

        >>> list(torch.nn.ParameterDict({"a": 1}).values())
        [1]
        """
        return (self[k] for k in self._keys)

    def update(self, parameters: Any) -> None:
        """Set values, overwriting those of the same name; tensors become parameters.

        Args:
            parameters: a mapping from names to values (a plain one is taken in the order of its keys), or pairs of
                both.

        Raises:
            TypeError: ``parameters`` is neither, or a name is not a string.
            ValueError: an element is not a pair.

        >>> weights = torch.nn.ParameterDict()
        >>> weights.update({"b": 2, "a": 1})
        >>> list(weights.keys())
        ['a', 'b']
        """
        pairs = _pairs(parameters, "ParameterDict")
        ordered = not isinstance(parameters, Mapping) or isinstance(parameters, OrderedDict)
        for key, value in pairs if ordered else sorted(pairs, key=lambda pair: pair[0]):
            self[key] = value

    def extra_repr(self) -> str:
        return "\n".join(f"  ({k}): " + _described(p, typename(p)) for k, p in self.items())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("ParameterDict should not be called.")

    def __or__(self, other: Any) -> ParameterDict:
        merged = self.copy()
        merged.update(other)
        return merged

    def __ror__(self, other: Any) -> ParameterDict:
        merged = other.copy()
        merged.update(self)
        return merged

    def __ior__(self, other: Any) -> ParameterDict:
        self.update(other)
        return self


class Container(Module):
    """Modules by name. Deprecated: a ``Module`` of its own class, ``Sequential`` and ``ModuleDict`` hold them.

    Args:
        **kwargs: the modules.

    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     torch.nn.Container(act=torch.nn.ReLU())
    Container(
      (act): ReLU()
    )
    """

    def __init__(self, **kwargs: Any):
        super().__init__()
        notices.warn("nn.Container is deprecated: nn.ModuleDict and classes of your own hold modules", FutureWarning)
        for name, module in kwargs.items():
            self.add_module(name, module)
