"""``torch.backends.mha``: whether transformer layers may take one fused kernel in evaluation; they have none, and need
none."""

from __future__ import annotations

_fastpath = True


def get_fastpath_enabled() -> bool:
    """The setting of ``set_fastpath_enabled``.

    Returns:
        A bool.

    >>> torch.backends.mha.get_fastpath_enabled()
    True
    """
    return _fastpath


def set_fastpath_enabled(value: bool) -> None:
    """Set what ``get_fastpath_enabled`` tells.

    Args:
        value: the setting.

    >>> torch.backends.mha.set_fastpath_enabled(True)
    """
    globals()["_fastpath"] = bool(value)
