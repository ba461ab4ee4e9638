"""``torch.cpu.amp``: older names, for the CPU."""

from __future__ import annotations

from numtorch.amp import autocast_mode, grad_scaler
from numtorch.dtype import bfloat16
from numtorch.dtype import dtype as DType


class autocast(autocast_mode.autocast):
    """``torch.amp.autocast("cpu")``.

    Args:
        enabled: whether it does anything.
        dtype: the half type.
        cache_enabled: whether casts of parameters are kept.

    >>> from numtorch.amp.cpu import autocast
    >>> with autocast():
    ...     (torch.ones(1, 2) @ torch.ones(2, 1)).dtype
    torch.bfloat16
    """

    def __init__(self, enabled: bool = True, dtype: DType = bfloat16, cache_enabled: bool = True):
        super().__init__("cpu", dtype, enabled, cache_enabled)


class GradScaler(grad_scaler.GradScaler):
    """``torch.amp.GradScaler("cpu")``.

    Args:
        init_scale, growth_factor, backoff_factor, growth_interval, enabled: as there.

    >>> from numtorch.amp.cpu import GradScaler
    >>> GradScaler(enabled=False).is_enabled()
    False
    """

    def __init__(
        self,
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ):
        super().__init__("cpu", init_scale, growth_factor, backoff_factor, growth_interval, enabled)
