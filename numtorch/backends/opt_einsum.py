"""``torch.backends.opt_einsum``: settings of a package that is not used here; they can be set and read."""

from __future__ import annotations

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
