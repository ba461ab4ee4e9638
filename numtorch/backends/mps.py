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


def is_macos_or_newer(major: int, minor: int) -> bool:
    """Whether a GPU of Apple's is used under a macOS of a version, or a newer one: never.

    Args:
        major, minor: the version.

    Returns:
        False.

    >>> torch.backends.mps.is_macos_or_newer(13, 0)
    False
    """
    return False


def is_macos13_or_newer(minor: int = 0) -> bool:
    """Whether a GPU of Apple's is used under macOS 13, or a newer one: never.

    Args:
        minor: of the version.

    Returns:
        False.

    >>> torch.backends.mps.is_macos13_or_newer()
    False
    """
    return False
