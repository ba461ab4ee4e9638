"""``torch.backends.mkldnn``: settings of a library that is not used here; they can be set and read."""

from __future__ import annotations

from contextlib import AbstractContextManager

from numtorch.backends.settings import Options, changed

enabled = True
deterministic = False
allow_tf32 = True
fp32_precision = "none"
conv, matmul, rnn = [Options(fp32_precision="none") for _ in range(3)]


def is_available() -> bool:
    """Whether oneDNN is used: never.

    Returns:
        False.

    >>> torch.backends.mkldnn.is_available()
    False
    """
    return False


def is_acl_available() -> bool:
    """Whether a library of Arm's is used: never.

    Returns:
        False.

    >>> torch.backends.mkldnn.is_acl_available()
    False
    """
    return False


def set_flags(
    _enabled: bool | None = None,
    _deterministic: bool | None = None,
    _allow_tf32: bool | None = None,
    _fp32_precision: str | None = None,
) -> tuple:
    """Set several settings, by their names after a ``_``; None leaves one as it is.

    Returns:
        The settings before.

    >>> before = torch.backends.mkldnn.set_flags()
    """
    given = {
        "enabled": _enabled,
        "deterministic": _deterministic,
        "allow_tf32": _allow_tf32,
        "fp32_precision": _fp32_precision,
    }
    before = tuple([globals()[name] for name in given])
    globals().update({name: value for name, value in given.items() if value is not None})
    return before


def flags(
    enabled: bool = False, deterministic: bool = False, allow_tf32: bool = True, fp32_precision: str = "none"
) -> AbstractContextManager:
    """Other settings within a ``with`` block.

    Args:
        enabled, deterministic, allow_tf32, fp32_precision: the settings.

    Returns:
        A context manager.

    >>> with torch.backends.mkldnn.flags(enabled=False):
    ...     torch.backends.mkldnn.enabled
    False
    """
    return changed(
        globals(), enabled=enabled, deterministic=deterministic, allow_tf32=allow_tf32, fp32_precision=fp32_precision
    )


VERBOSE_OFF, VERBOSE_ON, VERBOSE_ON_CREATION = 0, 1, 2


class verbose:
    """Would print the calls of oneDNN within a ``with`` block; there are none.

    Args:
        level: accepted.

    >>> with torch.backends.mkldnn.verbose(torch.backends.mkldnn.VERBOSE_OFF):
    ...     pass
    """

    def __init__(self, level: int):
        self.level = level

    def __enter__(self) -> verbose:
        return self

    def __exit__(self, *exc: object) -> None:
        pass
