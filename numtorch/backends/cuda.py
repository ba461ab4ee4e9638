"""``torch.backends.cuda``: settings of CUDA's libraries, which are not used here; they can be set and read."""

from __future__ import annotations

from contextlib import AbstractContextManager
from enum import Enum
from typing import Any, NamedTuple

from numtorch.backends.settings import Options, changed
from numtorch.ops.matmul_halves import get_float32_matmul_precision, set_float32_matmul_precision


class _Matmul(Options):
    """Settings of matrix products. ``allow_tf32`` is whether ``set_float32_matmul_precision`` was given less than
    ``"highest"``; the others change nothing.

    Args:
        **kwargs: names and values.

    >>> torch.backends.cuda.matmul.allow_tf32 = True
    >>> torch.get_float32_matmul_precision()
    'high'
    >>> torch.backends.cuda.matmul.allow_tf32 = False
    """

    @property
    def allow_tf32(self) -> bool:
        """Whether products of float32 may be less precise."""
        return get_float32_matmul_precision() != "highest"

    @allow_tf32.setter
    def allow_tf32(self, value: bool) -> None:
        set_float32_matmul_precision("high" if value else "highest")


matmul = _Matmul(
    allow_fp16_reduced_precision_reduction=True,
    allow_bf16_reduced_precision_reduction=True,
    allow_fp16_accumulation=False,
    fp32_precision="none",
)
cufft_plan_cache = Options(size=0, max_size=0)
_reduced = False
_flash = _math = _mem_efficient = _cudnn = True


class SDPBackend(Enum):
    """PyTorch's kernels of attention, for ``torch.nn.attention.sdpa_kernel``.

    >>> torch.backends.cuda.SDPBackend.MATH
    <SDPBackend.MATH: 0>
    """

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


class SDPAParams(NamedTuple):
    """A call of attention, of which ``can_use_flash_attention`` and its kin are asked.

    Attributes:
        query, key, value, attn_mask, dropout, is_causal, enable_gqa: those of ``F.scaled_dot_product_attention``.
    """

    query: Any
    key: Any
    value: Any
    attn_mask: Any
    dropout: float
    is_causal: bool
    enable_gqa: bool


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


def is_flash_attention_available() -> bool:
    """Whether PyTorch was built with flash attention: it is not here; attention has a kernel of its own like it.

    Returns:
        False.

    >>> torch.backends.cuda.is_flash_attention_available()
    False
    """
    return False


def is_ck_sdpa_available() -> bool:
    """Whether attention of AMD's library can be used: never.

    Returns:
        False.

    >>> torch.backends.cuda.is_ck_sdpa_available()
    False
    """
    return False


def can_use_flash_attention(params: SDPAParams, debug: bool = False) -> bool:
    """Whether PyTorch's kernel of flash attention would take a call: it is not here.

    Args:
        params, debug: accepted.

    Returns:
        False.

    >>> x = torch.ones(1, 1, 2, 2)
    >>> call = torch.backends.cuda.SDPAParams(x, x, x, None, 0.0, False, False)
    >>> torch.backends.cuda.can_use_flash_attention(call)
    False
    """
    return False


def can_use_efficient_attention(params: SDPAParams, debug: bool = False) -> bool:
    """Whether PyTorch's kernel of memory-efficient attention would take a call: it is not here.

    Args:
        params, debug: accepted.

    Returns:
        False.

    >>> x = torch.ones(1, 1, 2, 2)
    >>> call = torch.backends.cuda.SDPAParams(x, x, x, None, 0.0, False, False)
    >>> torch.backends.cuda.can_use_efficient_attention(call)
    False
    """
    return False


def can_use_cudnn_attention(params: SDPAParams, debug: bool = False) -> bool:
    """Whether PyTorch's kernel of cuDNN's attention would take a call: it is not here.

    Args:
        params, debug: accepted.

    Returns:
        False.

    >>> x = torch.ones(1, 1, 2, 2)
    >>> call = torch.backends.cuda.SDPAParams(x, x, x, None, 0.0, False, False)
    >>> torch.backends.cuda.can_use_cudnn_attention(call)
    False
    """
    return False


def fp16_bf16_reduction_math_sdp_allowed() -> bool:
    """The setting of ``allow_fp16_bf16_reduction_math_sdp``; attention sums half types in float32 without it.

    Returns:
        A bool.

    >>> torch.backends.cuda.fp16_bf16_reduction_math_sdp_allowed()
    False
    """
    return _reduced


def allow_fp16_bf16_reduction_math_sdp(enabled: bool) -> None:
    """Set what ``fp16_bf16_reduction_math_sdp_allowed`` tells.

    Args:
        enabled: the setting.

    >>> torch.backends.cuda.allow_fp16_bf16_reduction_math_sdp(False)
    """
    globals()["_reduced"] = bool(enabled)


def preferred_linalg_library(backend: str | None = None) -> str:
    """Which of CUDA's libraries linear algebra is to take; it takes LAPACK on the CPU.

    Args:
        backend: ``"default"``, ``"cusolver"`` or ``"magma"``; None asks.

    Returns:
        The setting.

    Raises:
        RuntimeError: another name.

    >>> chosen = torch.backends.cuda.preferred_linalg_library("default")
    """
    return _preferred("linalg", backend, ("default", "cusolver", "magma"))


def preferred_blas_library(backend: str | None = None) -> str:
    """Which of CUDA's libraries products of matrices are to take; they are numtorch's own.

    Args:
        backend: ``"default"``, ``"cublas"``, ``"cublaslt"``, ``"hipblaslt"`` or ``"ck"``; None asks.

    Returns:
        The setting.

    Raises:
        RuntimeError: another name.

    >>> chosen = torch.backends.cuda.preferred_blas_library("default")
    """
    return _preferred("blas", backend, ("default", "cublas", "cublaslt", "hipblaslt", "ck"))


_libraries = {"linalg": "default", "blas": "default"}


def _preferred(what: str, name: str | None, known: tuple[str, ...]) -> str:
    if name is not None:
        if name not in known:
            raise RuntimeError(f"the {what} library is one of {', '.join(known)}, not {name!r}")
        _libraries[what] = name
    return _libraries[what]
