"""What the namespace has: types, devices, capabilities."""

from __future__ import annotations

from typing import Any

import numtorch as torch
from numtorch.array_api.types import FLOATING, KINDS, int64

_NAMED = {
    kind: {d.name: d for d in types if d not in FLOATING[2:]} for kind, types in KINDS.items()
}  # without the types that the standard lacks


class Information:
    """What ``__array_namespace_info__`` returns."""

    def capabilities(self) -> dict[str, Any]:
        """What depends on the library."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": None}

    def default_device(self) -> Any:
        """Where new arrays are made."""
        return torch.get_default_device()

    def devices(self) -> tuple:
        """Where arrays can be: the CPU, and the GPUs."""
        gpus = range(torch.cuda.device_count()) if torch.cuda.is_available() else ()
        return (torch.device("cpu"), *[torch.device("cuda", i) for i in gpus])

    def default_dtypes(self, *, device: Any = None) -> dict[str, Any]:
        """The types of new arrays by kind."""
        floating = torch.get_default_dtype()
        return {
            "real floating": floating,
            "complex floating": floating.to_complex(),
            "integral": int64,
            "indexing": int64,
        }

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, Any]:
        """The types by name: all, or those of a kind, or of several."""
        if kind is None:
            return {**_NAMED["bool"], **_NAMED["numeric"]}
        if isinstance(kind, tuple):
            found: dict[str, Any] = {}
            for k in kind:
                found |= self.dtypes(device=device, kind=k)
            return found
        if kind not in _NAMED:
            raise ValueError(f"dtypes: kind {kind!r} is none of {', '.join(map(repr, _NAMED))}")
        return dict(_NAMED[kind])


def __array_namespace_info__() -> Information:
    """What the namespace has: types, devices, capabilities."""
    return Information()
