"""``torch.random``: seeds and states of random numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numtorch.ops.generator import default_generator as default_generator
from numtorch.ops.generator import get_rng_state as get_rng_state
from numtorch.ops.generator import initial_seed as initial_seed
from numtorch.ops.generator import manual_seed as manual_seed
from numtorch.ops.generator import seed as seed
from numtorch.ops.generator import set_rng_state as set_rng_state


@contextmanager
def fork_rng(devices: Any = None, enabled: bool = True, device_type: str = "cuda") -> Iterator[None]:
    """Random numbers drawn within the block do not change those that are drawn after it.

    Args:
        devices, device_type: accepted; all devices draw from one stream.
        enabled: False lets the block draw from the stream of the rest.

    >>> state = torch.get_rng_state()
    >>> with torch.random.fork_rng():
    ...     x = torch.rand(3)
    >>> torch.equal(state, torch.get_rng_state())
    True
    """
    state = get_rng_state()
    try:
        yield
    finally:
        if enabled:
            set_rng_state(state)
