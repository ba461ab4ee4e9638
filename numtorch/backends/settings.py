"""What the backends share: settings for the time of a block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any


class Options(SimpleNamespace):
    """Settings as attributes.

    Args:
        **kwargs: names and values.

    >>> torch.backends.cuda.matmul.allow_tf32
    False
    """


@contextmanager
def changed(scope: dict[str, Any], **values: Any) -> Iterator[None]:
    """Within the block, settings of a module have other values."""
    before = {name: scope[name] for name in values}
    scope.update(values)
    try:
        yield
    finally:
        scope.update(before)
