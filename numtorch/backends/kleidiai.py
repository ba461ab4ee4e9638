"""``torch.backends.kleidiai``: a library of Arm's, which is not used here."""


def is_available() -> bool:
    """Whether KleidiAI is used: never.

    Returns:
        False.

    >>> torch.backends.kleidiai.is_available()
    False
    """
    return False
