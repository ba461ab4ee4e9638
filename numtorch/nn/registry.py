"""The members of a module, in order. Each member is also an ordinary attribute.

PyTorch finds ``self.fc1`` in ``__getattr__``, after the ordinary attribute lookup has failed. Here a member is also in
the ``__dict__`` of the module, so the ordinary lookup finds it at once. Every change of a registry also changes the
``__dict__``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from weakref import ref

_MISSING = object()


class Registry(dict):
    """Members by name, mirrored in the owner's ``__dict__``. The owner is held weakly: no cycle keeps a module
    alive."""

    __slots__ = ("_owner",)

    def __init__(self, owner: Any, members: Mapping[str, Any] | Iterable = ()):
        self._owner = ref(owner)
        self.update(members)

    def _fields(self) -> dict:
        owner = self._owner()
        return {} if owner is None else owner.__dict__

    def __setitem__(self, name: str, value: Any) -> None:
        dict.__setitem__(self, name, value)
        self._fields()[name] = value

    def __delitem__(self, name: str) -> None:
        dict.__delitem__(self, name)
        self._fields().pop(name, None)

    def update(self, members: Any = (), /, **named: Any) -> None:
        for name, value in dict(members, **named).items():
            self[name] = value

    def __ior__(self, members: Any) -> Registry:  # type: ignore[misc]
        self.update(members)
        return self

    def pop(self, name: str, default: Any = _MISSING) -> Any:
        if name not in self and default is not _MISSING:
            return default
        value = self[name]
        del self[name]
        return value

    def popitem(self) -> tuple[str, Any]:
        name, value = dict.popitem(self)
        self._fields().pop(name, None)
        return name, value

    def setdefault(self, name: str, default: Any = None) -> Any:
        if name not in self:
            self[name] = default
        return self[name]

    def clear(self) -> None:
        for name in list(self):
            del self[name]

    def copy(self) -> dict:
        """A plain dict."""
        return dict(self)

    def __reduce__(self) -> tuple:
        # The owner does not travel: Module.__setstate__ makes its registries anew.
        return dict, (), None, None, iter(self.items())
