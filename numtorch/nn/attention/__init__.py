"""``torch.nn.attention``: which kernel attention may take, as PyTorch asks for it; and causal masks.

``F.scaled_dot_product_attention`` chooses its kernel by the operands; ``torch.kernels.explain`` says which, and
``torch.kernels.use`` takes another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from numtorch import absent
from numtorch.backends import cuda
from numtorch.backends.cuda import SDPBackend as SDPBackend
from numtorch.backends.settings import changed

WARN_FOR_UNFUSED_KERNELS = False
_SETTINGS = {
    "_math": SDPBackend.MATH,
    "_flash": SDPBackend.FLASH_ATTENTION,
    "_mem_efficient": SDPBackend.EFFICIENT_ATTENTION,
    "_cudnn": SDPBackend.CUDNN_ATTENTION,
}


@contextmanager
def sdpa_kernel(backends: SDPBackend | Iterable[SDPBackend], set_priority: bool = False) -> Iterator[None]:
    """Other settings of attention within a ``with`` block; it chooses its kernel without them.

    Args:
        backends: the kernels that are allowed, of PyTorch's.
        set_priority: accepted; makes no difference.

    Raises:
        AssertionError: ``backends`` are something else.

    >>> from numtorch.nn.attention import SDPBackend, sdpa_kernel
    >>> with sdpa_kernel(SDPBackend.MATH):
    ...     torch.backends.cuda.math_sdp_enabled(), torch.backends.cuda.flash_sdp_enabled()
    (True, False)
    """
    allowed = (
        [backends] if isinstance(backends, SDPBackend) else list(backends) if isinstance(backends, Iterable) else [None]
    )
    if not all(isinstance(b, SDPBackend) for b in allowed):
        raise AssertionError(f"sdpa_kernel takes an SDPBackend or a list of them, not {backends!r}")
    with changed(vars(cuda), **{name: b in allowed for name, b in _SETTINGS.items()}):
        yield


if TYPE_CHECKING:
    from numtorch.nn.attention import bias as bias
    from numtorch.nn.attention import flex_attention as flex_attention
else:
    __getattr__, __dir__ = absent.answers(__name__, ("bias", "flex_attention"))
