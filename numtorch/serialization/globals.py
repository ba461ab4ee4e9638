"""The classes and functions that files name: which are known, which a user has allowed, and what PyTorch calls ours."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from numtorch.torch_shim import names

_ALLOWED: dict[str, Any] = {}  # by the user, under their full names


def theirs(module: str, name: str) -> str:
    """PyTorch's module for a class or function of numtorch's; of any other one its own.

    >>> from numtorch.serialization import globals
    >>> globals.theirs("numtorch.nn.linear", "Linear"), globals.theirs("collections", "OrderedDict")
    ('torch.nn.modules.linear', 'collections')
    """
    if module.partition(".")[0] != "numtorch":
        return module
    paths = [path for path, here in names.PLACES.items() if here == module]
    paths += [
        module.replace(own, root, 1)
        for root, own in sorted(names.ROOTS.items(), key=lambda item: -len(item[1]))
        if f"{module}.".startswith(f"{own}.")
    ]
    for path in paths:
        if names.is_module(path) and names.is_name(path, name):
            return path
    place = ".".join(["torch", *module.split(".")[1:-1]])
    return names.defined_in(place, name) if module.count(".") > 1 and names.is_name(place, name) else module


def ours(module: str, name: str) -> Any:
    """What PyTorch's name stands for here; None if it is not here."""
    if module.partition(".")[0] not in names.ROOTS:
        return None
    for path in (module, names.public_place(module, name)):
        here = names.here(path)
        found = here and getattr(importlib.import_module(here), name, None)
        if found is not None:
            return found
    return None


def imported(module: str, name: str) -> Any:
    """The class or function of this name, its module imported if need be; None if there is none."""
    if module.partition(".")[0] in names.ROOTS:  # PyTorch itself is never asked, where it is installed
        return ours(module, name)
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError):
        return None
    return found


def _full(item: Any) -> tuple[str, Any]:
    """(name, object) of something that a user allows."""
    if isinstance(item, tuple):
        if len(item) != 2 or not isinstance(item[1], str):
            raise ValueError("Expected tuple of (global, str of its full path), as (Config, 'old_module.Config')")
        return item[1], item[0]
    if not hasattr(item, "__module__") or not hasattr(item, "__qualname__"):
        raise ValueError(f"add_safe_globals takes classes and functions, not {item!r}")
    return f"{theirs(item.__module__, item.__qualname__)}.{item.__qualname__}", item


def add_safe_globals(safe_globals: Iterable[Callable | tuple[Callable, str]]) -> None:
    """Let ``load`` make objects of these classes, and call these functions, where a file of PyTorch's format asks for
    it.

    Args:
        safe_globals: classes and functions; or pairs of one and the full name under which a file knows it.

    Raises:
        ValueError: an item is neither.

    >>> import datetime, tempfile
    >>> torch.serialization.add_safe_globals([datetime.timedelta])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     torch.save({"when": datetime.timedelta(1)}, f"{folder}/x.pt")
    ...     torch.load(f"{folder}/x.pt")
    {'when': datetime.timedelta(days=1)}
    >>> torch.serialization.clear_safe_globals()
    """
    _ALLOWED.update(map(_full, safe_globals))


def get_safe_globals() -> list[Callable | tuple[Callable, str]]:
    """What ``add_safe_globals`` has allowed.

    Returns:
        A list.

    >>> isinstance(torch.serialization.get_safe_globals(), list)
    True
    """
    return list(_ALLOWED.values())


def clear_safe_globals() -> None:
    """Take back what ``add_safe_globals`` has allowed.

    >>> torch.serialization.clear_safe_globals()
    """
    _ALLOWED.clear()


@contextlib.contextmanager
def safe_globals(safe_globals: Iterable[Callable | tuple[Callable, str]]) -> Iterator[None]:
    """``add_safe_globals`` until the block ends.

    Args:
        safe_globals: classes and functions; or pairs of one and the full name under which a file knows it.

    >>> with torch.serialization.safe_globals([dict]):
    ...     dict in torch.serialization.get_safe_globals()
    True
    """
    before = dict(_ALLOWED)
    add_safe_globals(safe_globals)
    try:
        yield
    finally:
        _ALLOWED.clear()
        _ALLOWED.update(before)


def allowed(name: str) -> Any:
    """What a user has allowed under this full name; None if nothing."""
    return _ALLOWED.get(name)
