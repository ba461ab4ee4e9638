"""``torch.backends.miopen``: settings of a library of AMD's that is not used here; they can be set and read."""

from __future__ import annotations

from contextlib import AbstractContextManager

from numtorch.backends.settings import changed

immediate = False


def flags(immediate: bool = False) -> AbstractContextManager:
    """Another setting within a ``with`` block.

    Args:
        immediate: the setting.

    Returns:
        A context manager.

    >>> with torch.backends.miopen.flags(immediate=True):
    ...     torch.backends.miopen.immediate
    True
    """
    return changed(globals(), immediate=immediate)
