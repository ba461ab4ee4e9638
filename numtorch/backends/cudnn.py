"""``torch.backends.cudnn``: settings of a library that is not used here; they can be set and read."""

from __future__ import annotations

from contextlib import AbstractContextManager

from numtorch.backends.settings import Options, changed

enabled = True
benchmark = False
benchmark_limit = 10
deterministic = False
allow_tf32 = True
conv, rnn = Options(fp32_precision="tf32"), Options(fp32_precision="tf32")


def is_available() -> bool:
    """Whether cuDNN is used: never.

    Returns:
        False.

    >>> torch.backends.cudnn.is_available()
    False
    """
    return False


def version() -> int | None:
    """The version of cuDNN: there is none.

    Returns:
        None.

    >>> torch.backends.cudnn.version()
    """
    return None


def is_acceptable(tensor: object) -> bool:
    """Whether cuDNN would take a tensor: never.

    Args:
        tensor: any.

    Returns:
        False.

    >>> torch.backends.cudnn.is_acceptable(torch.ones(1))
    False
    """
    return False


def flags(
    enabled: bool = False, benchmark: bool = False, deterministic: bool = False, allow_tf32: bool = True
) -> AbstractContextManager:
    """Other settings within a ``with`` block.

    Args:
        enabled, benchmark, deterministic, allow_tf32: the settings.

    Returns:
        A context manager.

    >>> with torch.backends.cudnn.flags(deterministic=True):
    ...     torch.backends.cudnn.deterministic
    True
    """
    return changed(globals(), enabled=enabled, benchmark=benchmark, deterministic=deterministic, allow_tf32=allow_tf32)
