"""``torch.backends.opt_einsum``: settings of a package that is not used here; they can be set and read."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from numtorch.backends.settings import changed

enabled = False
strategy: str | None = None


def is_available() -> bool:
    """Whether opt_einsum is used: never.

    Returns:
        False.

    >>> torch.backends.opt_einsum.is_available()
    False
    """
    return False


def get_opt_einsum() -> Any:
    """The package opt_einsum: it is not used.

    Returns:
        None.

    >>> torch.backends.opt_einsum.get_opt_einsum()
    """
    return None


def set_flags(_enabled: bool | None = None, _strategy: str | None = None) -> tuple:
    """Set several settings, by their names after a ``_``; None leaves one as it is.

    Returns:
        The settings before.

    >>> before = torch.backends.opt_einsum.set_flags()
    """
    given = {"enabled": _enabled, "strategy": _strategy}
    before = tuple([globals()[name] for name in given])
    globals().update({name: value for name, value in given.items() if value is not None})
    return before


def flags(enabled: bool | None = None, strategy: str | None = None) -> AbstractContextManager:
    """Other settings within a ``with`` block.

    Args:
        enabled, strategy: the settings.

    Returns:
        A context manager.

    >>> with torch.backends.opt_einsum.flags(enabled=False):
    ...     torch.backends.opt_einsum.enabled
    False
    """
    return changed(globals(), enabled=enabled, strategy=strategy)
