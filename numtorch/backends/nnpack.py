"""``torch.backends.nnpack``: a library that is not used here; its setting can be set and read."""

from __future__ import annotations

from contextlib import AbstractContextManager

from numtorch.backends.settings import changed

enabled = True


def is_available() -> bool:
    """Whether NNPACK is used: never.

    Returns:
        False.

    >>> torch.backends.nnpack.is_available()
    False
    """
    return False


def set_flags(_enabled: bool) -> tuple[bool]:
    """Set ``enabled``.

    Args:
        _enabled: the setting.

    Returns:
        The setting before, in a tuple.

    >>> torch.backends.nnpack.set_flags(True)
    (True,)
    """
    before = (enabled,)
    globals()["enabled"] = bool(_enabled)
    return before


def flags(enabled: bool = False) -> AbstractContextManager:
    """Another setting within a ``with`` block.

    Args:
        enabled: the setting.

    Returns:
        A context manager.

    >>> with torch.backends.nnpack.flags():
    ...     pass
    """
    return changed(globals(), enabled=enabled)
