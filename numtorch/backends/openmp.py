"""``torch.backends.openmp``: threads are numtorch's own."""


def is_available() -> bool:
    """Whether OpenMP is used: never.

    Returns:
        False.

    >>> torch.backends.openmp.is_available()
    False
    """
    return False
