"""``torch.backends.cudnn``: settings of a library that is not used here; they can be set and read."""

from __future__ import annotations

from contextlib import AbstractContextManager

from numtorch.backends.settings import Options, changed

enabled = True
benchmark = False
benchmark_limit = 10
deterministic = False
allow_tf32 = True
fp32_precision = "none"
depthwise_kernel = "auto"
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


def set_flags(
    _enabled: bool | None = None,
    _benchmark: bool | None = None,
    _benchmark_limit: int | None = None,
    _deterministic: bool | None = None,
    _allow_tf32: bool | None = None,
    _fp32_precision: str | None = None,
    _depthwise_kernel: str | None = None,
) -> tuple:
    """Set several settings, by their names after a ``_``; None leaves one as it is.

    Returns:
        The settings before.

    >>> before = torch.backends.cudnn.set_flags()
    """
    given = {
        "enabled": _enabled,
        "benchmark": _benchmark,
        "benchmark_limit": _benchmark_limit,
        "deterministic": _deterministic,
        "allow_tf32": _allow_tf32,
        "fp32_precision": _fp32_precision,
        "depthwise_kernel": _depthwise_kernel,
    }
    before = tuple([globals()[name] for name in given])
    globals().update({name: value for name, value in given.items() if value is not None})
    return before


def flags(
    enabled: bool = False,
    benchmark: bool = False,
    benchmark_limit: int = 10,
    deterministic: bool = False,
    allow_tf32: bool = True,
    fp32_precision: str = "none",
    depthwise_kernel: str = "auto",
) -> AbstractContextManager:
    """Other settings within a ``with`` block.

    Args:
        enabled, benchmark, benchmark_limit, deterministic, allow_tf32, fp32_precision, depthwise_kernel: the settings.

    Returns:
        A context manager.

    >>> with torch.backends.cudnn.flags(deterministic=True):
    ...     torch.backends.cudnn.deterministic
    True
    """
    return changed(
        globals(),
        enabled=enabled,
        benchmark=benchmark,
        benchmark_limit=benchmark_limit,
        deterministic=deterministic,
        allow_tf32=allow_tf32,
        fp32_precision=fp32_precision,
        depthwise_kernel=depthwise_kernel,
    )
