"""``torch.backends.mkl``: Intel's library, which is not used here."""

from __future__ import annotations


def is_available() -> bool:
    """Whether MKL is used: never.

    Returns:
        False.

    >>> torch.backends.mkl.is_available()
    False
    """
    return False


VERBOSE_OFF, VERBOSE_ON = 0, 1


class verbose:
    """Would print the calls of MKL within a ``with`` block; there are none.

    Args:
        enable: accepted.

    >>> with torch.backends.mkl.verbose(torch.backends.mkl.VERBOSE_OFF):
    ...     pass
    """

    def __init__(self, enable: int):
        self.enable = enable

    def __enter__(self) -> verbose:
        return self

    def __exit__(self, *exc: object) -> None:
        pass
