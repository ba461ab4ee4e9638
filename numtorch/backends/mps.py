"""``torch.backends.mps``: Apple's GPUs, which are not used here."""


def is_available() -> bool:
    """Whether there is a GPU of Apple's that can be used: never.

    Returns:
        False.

    >>> torch.backends.mps.is_available()
    False
    """
    return False


def is_built() -> bool:
    """Whether there are kernels for GPUs of Apple's: never.

    Returns:
        False.

    >>> torch.backends.mps.is_built()
    False
    """
    return False
