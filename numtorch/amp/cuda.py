"""``torch.cuda.amp``: older names, for the GPU."""

from __future__ import annotations

from functools import partial

from numtorch.amp import autocast_mode, grad_scaler
from numtorch.dtype import dtype as DType
from numtorch.dtype import float16

custom_fwd = partial(autocast_mode.custom_fwd, device_type="cuda")
custom_bwd = partial(autocast_mode.custom_bwd, device_type="cuda")


class autocast(autocast_mode.autocast):
    """``torch.amp.autocast("cuda")``.

    Args:
        enabled: whether it does anything.
        dtype: the half type.
        cache_enabled: whether casts of parameters are kept.

    >>> from numtorch.amp.cuda import autocast
    >>> with autocast(enabled=False):
    ...     (torch.ones(1) + 1).dtype
    torch.float32
    """

    def __init__(self, enabled: bool = True, dtype: DType = float16, cache_enabled: bool = True):
        super().__init__("cuda", dtype, enabled, cache_enabled)


class GradScaler(grad_scaler.GradScaler):
    """``torch.amp.GradScaler("cuda")``.

    Args:
        init_scale, growth_factor, backoff_factor, growth_interval, enabled: as there.

    >>> from numtorch.amp.cuda import GradScaler
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
        super().__init__("cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled)
