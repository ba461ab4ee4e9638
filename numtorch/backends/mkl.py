"""``torch.backends.mkl``: Intel's library, which is not used here."""


def is_available() -> bool:
    """Whether MKL is used: never.

    Returns:
        False.

    >>> torch.backends.mkl.is_available()
    False
    """
    return False
