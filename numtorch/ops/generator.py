"""The streams of random numbers: a ``Generator`` holds a seed and a position; ``default_generator`` is drawn from where
none is given."""

from __future__ import annotations

import os
from typing import Any

import numtorch.dtype as dtypes
from numtorch import ops
from numtorch._tensor import Tensor
from numtorch.device import as_device
from numtorch.exports import exported

_DEFAULT_SEED = 67280421310721


class Generator:
    """A stream of random numbers: the same seed gives the same numbers on every machine, device and number of threads.

    The numbers are Philox4x32-10 of the seed and the position in the stream (Salmon et al. 2011, Parallel Random
    Numbers: As Easy as 1, 2, 3). Differs from torch: the same seed gives other numbers.

    Args:
        device: where its numbers are meant for; it makes no difference.

    >>> g = torch.Generator().manual_seed(1)
    >>> a = torch.rand(2, generator=g)
    >>> torch.equal(a, torch.rand(2, generator=torch.Generator().manual_seed(1)))
    True
    """

    def __init__(self, device: Any = "cpu"):
        self.device = as_device(device)
        self._seed, self._at, self._given = _DEFAULT_SEED, 0, _DEFAULT_SEED

    def manual_seed(self, seed: int) -> Generator:
        """Begin the stream of a seed.

        Args:
            seed: an integer of at most 64 bits.

        Returns:
            The generator itself.

        Raises:
            ValueError: ``seed`` does not fit in 64 bits.

        >>> torch.Generator().manual_seed(7).initial_seed()
        7
        """
        if not -(1 << 63) <= int(seed) < 1 << 64:
            raise ValueError(f"manual_seed: Overflow when unpacking long long: {seed} does not fit in 64 bits")
        self._seed, self._at = int(seed) & 0x7FFFFFFFFFFFFFFF, 0
        self._given = int(seed) % (1 << 64)
        return self

    def initial_seed(self) -> int:
        """The seed with which the stream began.

        Returns:
            A Python integer.

        >>> torch.Generator().manual_seed(7).initial_seed()
        7
        """
        return self._given

    def seed(self) -> int:
        """Begin the stream of a seed that the operating system gives.

        Returns:
            The seed, a Python integer.

        >>> g = torch.Generator()
        >>> g.seed() == g.initial_seed()
        True
        """
        self.manual_seed(int.from_bytes(os.urandom(7), "little"))
        return self._seed

    def take(self, n: int) -> tuple[int, int]:
        """Use up the next ``n`` numbers of the stream: for ops that draw by themselves.

        Args:
            n: how many.

        Returns:
            The seed and the position of the first of them.

        >>> g = torch.Generator().manual_seed(7)
        >>> g.take(10), g.take(1)
        ((7, 0), (7, 10))
        """
        at = self._at
        self._at += n
        return self._seed, at

    def get_state(self) -> Tensor:
        """The state, from which ``set_state`` continues.

        Returns:
            An int64 tensor.

        >>> g = torch.Generator().manual_seed(7)
        >>> state = g.get_state()
        >>> a = torch.rand(2, generator=g)
        >>> torch.equal(a, torch.rand(2, generator=g.set_state(state)))
        True
        """
        return ops.creation.tensor([self._seed, self._at], dtype=dtypes.int64, device="cpu")

    def set_state(self, state: Tensor) -> Generator:
        """Continue from a saved state.

        Args:
            state: what ``get_state`` returned.

        Returns:
            The generator itself.

        >>> g = torch.Generator().set_state(torch.Generator().manual_seed(7).get_state())
        >>> g.initial_seed()
        7
        """
        self._seed, self._at = (int(v) for v in state.tolist())
        self._given = self._seed
        return self


default_generator = Generator()


@exported("torch")
def manual_seed(seed: int) -> Generator:
    """Begin the stream of a seed in the default generator.

    Args:
        seed: an integer of at most 64 bits.

    Returns:
        The default generator.

    Raises:
        ValueError: ``seed`` does not fit in 64 bits.

    >>> g = torch.manual_seed(0)
    >>> a = torch.rand(3)
    >>> g = torch.manual_seed(0)
    >>> torch.equal(a, torch.rand(3))
    True
    """
    return default_generator.manual_seed(seed)


@exported("torch")
def seed() -> int:
    """Begin the stream of a seed that the operating system gives in the default generator.

    Returns:
        The seed, a Python integer.

    >>> torch.seed() == torch.initial_seed()
    True
    """
    return default_generator.seed()


@exported("torch")
def initial_seed() -> int:
    """The seed with which the stream of the default generator began.

    Returns:
        A Python integer.

    >>> g = torch.manual_seed(7)
    >>> torch.initial_seed()
    7
    """
    return default_generator.initial_seed()


@exported("torch")
def get_rng_state() -> Tensor:
    """The state of the default generator, from which ``set_rng_state`` continues.

    Returns:
        An int64 tensor.

    >>> state = torch.get_rng_state()
    >>> a = torch.rand(2)
    >>> torch.set_rng_state(state)
    >>> torch.equal(a, torch.rand(2))
    True
    """
    return default_generator.get_state()


@exported("torch")
def set_rng_state(new_state: Tensor) -> None:
    """Continue the default generator from a saved state.

    Args:
        new_state: what ``get_rng_state`` returned.

    >>> torch.set_rng_state(torch.Generator().manual_seed(7).get_state())
    >>> torch.initial_seed()
    7
    """
    default_generator.set_state(new_state)
