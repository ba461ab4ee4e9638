"""``torch.backends.mkldnn``: settings of a library that is not used here; they can be set and read."""

enabled = True
deterministic = False
allow_tf32 = True
fp32_precision = "none"


def is_available() -> bool:
    """Whether oneDNN is used: never.

    Returns:
        False.

    >>> torch.backends.mkldnn.is_available()
    False
    """
    return False
