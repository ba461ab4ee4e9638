"""``torch.backends.cusparselt``: a library of CUDA's for sparse matrices, which is not used here."""

from __future__ import annotations


def is_available() -> bool:
    """Whether cuSPARSELt is used: never.

    Returns:
        False.

    >>> torch.backends.cusparselt.is_available()
    False
    """
    return False


def version() -> int | None:
    """The version of cuSPARSELt: there is none.

    Returns:
        None.

    >>> torch.backends.cusparselt.version()
    """
    return None


def get_max_alg_id() -> int | None:
    """How many algorithms cuSPARSELt has: there is none.

    Returns:
        None.

    >>> torch.backends.cusparselt.get_max_alg_id()
    """
    return None
