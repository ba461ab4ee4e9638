"""``torch.backends.cuda``: settings of CUDA's libraries, which are not used here; they can be set and read."""

from __future__ import annotations

from contextlib import AbstractContextManager

from numtorch.backends.settings import Options, changed

matmul = Options(
    allow_tf32=False,
    allow_fp16_reduced_precision_reduction=True,
    allow_bf16_reduced_precision_reduction=True,
    allow_fp16_accumulation=False,
    fp32_precision="none",
)
_flash = _math = _mem_efficient = _cudnn = True


def is_built() -> bool:
    """Whether there are CUDA kernels compiled ahead: none are; Numba compiles them.

    Returns:
        False.

    >>> torch.backends.cuda.is_built()
    False
    """
    return False


def flash_sdp_enabled() -> bool:
    """The setting of ``enable_flash_sdp``; attention chooses its kernel without it.

    Returns:
        A bool.

    >>> torch.backends.cuda.flash_sdp_enabled()
    True
    """
    return _flash


def math_sdp_enabled() -> bool:
    """The setting of ``enable_math_sdp``; attention chooses its kernel without it.

    Returns:
        A bool.

    >>> torch.backends.cuda.math_sdp_enabled()
    True
    """
    return _math


def mem_efficient_sdp_enabled() -> bool:
    """The setting of ``enable_mem_efficient_sdp``; attention chooses its kernel without it.

    Returns:
        A bool.

    >>> torch.backends.cuda.mem_efficient_sdp_enabled()
    True
    """
    return _mem_efficient


def cudnn_sdp_enabled() -> bool:
    """The setting of ``enable_cudnn_sdp``; attention chooses its kernel without it.

    Returns:
        A bool.

    >>> torch.backends.cuda.cudnn_sdp_enabled()
    True
    """
    return _cudnn


def enable_flash_sdp(enabled: bool) -> None:
    """Set what ``flash_sdp_enabled`` tells.

    Args:
        enabled: the setting.

    >>> torch.backends.cuda.enable_flash_sdp(True)
    """
    globals()["_flash"] = bool(enabled)


def enable_math_sdp(enabled: bool) -> None:
    """Set what ``math_sdp_enabled`` tells.

    Args:
        enabled: the setting.

    >>> torch.backends.cuda.enable_math_sdp(True)
    """
    globals()["_math"] = bool(enabled)


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Set what ``mem_efficient_sdp_enabled`` tells.

    Args:
        enabled: the setting.

    >>> torch.backends.cuda.enable_mem_efficient_sdp(True)
    """
    globals()["_mem_efficient"] = bool(enabled)


def enable_cudnn_sdp(enabled: bool) -> None:
    """Set what ``cudnn_sdp_enabled`` tells.

    Args:
        enabled: the setting.

    >>> torch.backends.cuda.enable_cudnn_sdp(True)
    """
    globals()["_cudnn"] = bool(enabled)


def sdp_kernel(
    enable_flash: bool = True, enable_math: bool = True, enable_mem_efficient: bool = True, enable_cudnn: bool = True
) -> AbstractContextManager:
    """Other settings of attention within a ``with`` block; it chooses its kernel without them.

    Args:
        enable_flash, enable_math, enable_mem_efficient, enable_cudnn: the settings.

    Returns:
        A context manager.

    >>> with torch.backends.cuda.sdp_kernel(enable_flash=False):
    ...     torch.backends.cuda.flash_sdp_enabled()
    False
    """
    return changed(
        globals(), _flash=enable_flash, _math=enable_math, _mem_efficient=enable_mem_efficient, _cudnn=enable_cudnn
    )
