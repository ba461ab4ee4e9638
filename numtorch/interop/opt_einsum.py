"""The functions that opt_einsum calls for contractions of tensors, with the arguments of NumPy's."""

from __future__ import annotations

from typing import Any

import numtorch as torch
from numtorch import einsum as einsum


def register(dispatch: Any) -> None:
    """Say that they are here; ``dispatch`` is the module ``opt_einsum.backends.dispatch``."""
    getattr(dispatch, "_aliases", {}).setdefault("numtorch", __name__)


def tensordot(x: Any, y: Any, axes: Any = 2) -> Any:
    """The sum of products over axes of both."""
    return torch.tensordot(x, y, axes)


def transpose(x: Any, axes: Any = None) -> Any:
    """The axes in another order, in the opposite one if None."""
    return x.permute(tuple(range(x.ndim))[::-1] if axes is None else tuple(axes))
