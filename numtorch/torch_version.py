"""``torch.torch_version``: a version that is text, and that compares by its numbers."""

from __future__ import annotations

import re
from typing import Any


class TorchVersion(str):
    """A version: a string that compares with other versions, strings and tuples number by number.

    >>> from numtorch.torch_version import TorchVersion
    >>> TorchVersion("2.13.0") > "2.2", TorchVersion("2.13.0") >= (2, 13), TorchVersion("2.13.0+cpu") == "2.13.0"
    (True, True, False)
    """

    def _compared(self, other: Any) -> int:
        mine, theirs = _key(self), _key(other)
        return (mine > theirs) - (mine < theirs)

    def __lt__(self, other: Any) -> bool:
        return self._compared(other) < 0

    def __le__(self, other: Any) -> bool:
        return self._compared(other) <= 0

    def __gt__(self, other: Any) -> bool:
        return self._compared(other) > 0

    def __ge__(self, other: Any) -> bool:
        return self._compared(other) >= 0

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, str | tuple | list) and not self._compared(other)

    def __ne__(self, other: Any) -> bool:
        return not self == other

    __hash__ = str.__hash__


def _key(version: Any) -> tuple[list[int], str]:
    """The numbers without zeros at the end, and what follows a plus."""
    text = version if isinstance(version, str) else ".".join(map(str, version))
    release, _, local = text.partition("+")
    numbers = [int(n) for n in re.match(r"[\d.]*", release)[0].split(".") if n]  # type: ignore[index]
    while numbers and not numbers[-1]:
        numbers.pop()
    return numbers, local
