"""The order in which samples are read: iterables of indices, and of lists of indices.

A sampler here may also have ``index_array()``: the whole order as one int64 array, drawn exactly as ``__iter__`` would
draw it. The DataLoader then slices batches from it, without a Python step per sample.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

import numpy as np

import numtorch as nt

T = TypeVar("T")


def draw_seed(generator: Any = None) -> int:
    """A fresh 63-bit seed from ``generator``, or from the global one."""
    return int(nt.empty((), dtype=nt.int64, device="cpu").random_(generator=generator).item())


class Sampler(Generic[T]):
    """Base class: an iterable over indices (or lists of indices), with a length where it is known.

    >>> class Backwards(torch.utils.data.Sampler):
    ...     def __init__(self, data):
    ...         self.data = data
    ...     def __iter__(self):
    ...         return iter(range(len(self.data) - 1, -1, -1))
    >>> list(Backwards("abc"))
    [2, 1, 0]
    """

    _at_once = 1 << 22  # indices of longer epochs are made in parts

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__")


class SequentialSampler(Sampler[int]):
    """0, 1, 2, ... in order.

    Args:
        data_source: what is sampled; only its length matters.

    >>> list(torch.utils.data.SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source: Sized):
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)

    def index_array(self) -> np.ndarray:
        """The whole order at once.

        Returns:
            int64 array.

        >>> torch.utils.data.SequentialSampler("abc").index_array().tolist()
        [0, 1, 2]
        """
        return np.arange(len(self.data_source), dtype=np.int64)


class RandomSampler(Sampler[int]):
    """All samples in random order, or ``num_samples`` drawn with replacement.

    Args:
        data_source: what is sampled; only its length matters.
        replacement: draw with replacement.
        num_samples: how many to draw; the length if None.
        generator: source of randomness; a fresh one if None, seeded from the global generator.

    Raises:
        TypeError: ``replacement`` is not a bool.
        ValueError: ``num_samples`` is not a positive integer.

    >>> sorted(torch.utils.data.RandomSampler("abcd"))
    [0, 1, 2, 3]
    """

    def __init__(
        self, data_source: Sized, replacement: bool = False, num_samples: int | None = None, generator: Any = None
    ):
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement should be a boolean value, but got replacement={replacement}")
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(self.num_samples, int) or self.num_samples <= 0:
            raise ValueError(f"num_samples should be a positive integer value, but got num_samples={self.num_samples}")

    @property
    def num_samples(self) -> int:
        """How many are drawn."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def index_array(self) -> np.ndarray:
        """The whole order at once, drawn as the iteration would draw it.

        Returns:
            int64 array.

        >>> sorted(torch.utils.data.RandomSampler("abcd").index_array().tolist())
        [0, 1, 2, 3]
        """
        n = len(self.data_source)
        generator = self.generator
        if generator is None:
            generator = nt.Generator()
            generator.manual_seed(draw_seed())
        if self.replacement:
            drawn = nt.randint(0, n, (self.num_samples,), generator=generator, device="cpu")
            return drawn.numpy()
        rounds = math.ceil(self.num_samples / n)
        orders = [nt.randperm(n, generator=generator, device="cpu").numpy() for _ in range(rounds)]
        return np.concatenate(orders)[: self.num_samples]

    def __iter__(self) -> Iterator[int]:
        if not self.replacement or self.num_samples <= self._at_once:
            return iter(self.index_array().tolist())
        return self._in_parts()

    def _in_parts(self) -> Iterator[int]:
        """More indices than are drawn at once, as of programs that stop after some steps of an endless epoch."""
        n, generator = len(self.data_source), self.generator
        if generator is None:
            generator = nt.Generator()
            generator.manual_seed(draw_seed())
        for start in range(0, self.num_samples, self._at_once):
            size = min(self._at_once, self.num_samples - start)
            yield from nt.randint(0, n, (size,), generator=generator, device="cpu").tolist()

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given indices in random order.

    Args:
        indices: the indices.
        generator: source of randomness; the default one if None.

    >>> sorted(torch.utils.data.SubsetRandomSampler([3, 5, 8]))
    [3, 5, 8]
    """

    def __init__(self, indices: Sequence[int], generator: Any = None):
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for i in nt.randperm(len(self.indices), generator=self.generator, device="cpu").tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Indices drawn with given probabilities.

    Args:
        weights: one for each sample; they need not sum to one.
        num_samples: how many to draw.
        replacement: draw with replacement.
        generator: source of randomness; the default one if None.

    Raises:
        ValueError: ``num_samples`` is not a positive integer, ``replacement`` not a bool, or ``weights`` not
            one-dimensional.

    >>> list(torch.utils.data.WeightedRandomSampler([0.0, 1.0, 0.0], num_samples=3))
    [1, 1, 1]
    """

    def __init__(self, weights: Sequence[float], num_samples: int, replacement: bool = True, generator: Any = None):
        if not isinstance(num_samples, int) or isinstance(num_samples, bool) or num_samples <= 0:
            raise ValueError(f"num_samples should be a positive integer value, but got num_samples={num_samples}")
        if not isinstance(replacement, bool):
            raise ValueError(f"replacement should be a boolean value, but got replacement={replacement}")
        self.weights = nt.as_tensor(weights, dtype=nt.float64, device="cpu")
        if self.weights.dim() != 1:
            raise ValueError(
                f"weights should be a 1d sequence but given weights have shape {tuple(self.weights.shape)}"
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        drawn = nt.multinomial(self.weights, self.num_samples, self.replacement, generator=self.generator)
        return iter(drawn.tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of ``batch_size`` indices taken from another sampler.

    Args:
        sampler: an iterable of indices.
        batch_size: length of a list.
        drop_last: leave out a last list that is not full.

    Raises:
        ValueError: ``batch_size`` is not a positive integer, or ``drop_last`` not a bool.

    >>> list(torch.utils.data.BatchSampler(range(5), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    >>> list(torch.utils.data.BatchSampler(range(5), batch_size=2, drop_last=True))
    [[0, 1], [2, 3]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool):
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
            raise ValueError(f"batch_size should be a positive integer value, but got batch_size={batch_size}")
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        batch = []
        for index in self.sampler:
            batch.append(index)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch

    def __len__(self) -> int:
        n, size = len(self.sampler), self.batch_size  # type: ignore[arg-type]
        return n // size if self.drop_last else (n + size - 1) // size


class DistributedSampler(Sampler[int]):
    """One process's share of the samples: from ``rank`` on, every ``num_replicas``-th of an order.

    The samples are repeated (or cut, with ``drop_last``) so that every process gets equally many.

    Args:
        dataset: what is sampled; only its length matters.
        num_replicas: number of processes.
        rank: number of this process, from 0.
        shuffle: take a random order, from ``seed + epoch``; ``set_epoch`` is called before each epoch.
        seed: the same in all processes.
        drop_last: leave out what is too much for equal shares.

    Raises:
        RuntimeError: ``num_replicas`` or ``rank`` is None.
        ValueError: ``rank`` is not below ``num_replicas``.

    >>> list(torch.utils.data.DistributedSampler(range(5), num_replicas=2, rank=1, shuffle=False))
    [1, 3, 0]
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ):
        if num_replicas is None or rank is None:
            distributed = getattr(nt, "distributed", None)
            if distributed is None:
                raise RuntimeError("DistributedSampler: no process group is running; give num_replicas= and rank=")
            num_replicas = distributed.get_world_size() if num_replicas is None else num_replicas
            rank = distributed.get_rank() if rank is None else rank
        if not 0 <= rank < num_replicas:
            raise ValueError(f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]")
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        n = len(dataset)
        if drop_last and n % num_replicas:
            self.num_samples = math.ceil((n - num_replicas) / num_replicas)
        else:
            self.num_samples = math.ceil(n / num_replicas)
        self.total_size = self.num_samples * num_replicas
        self.shuffle = shuffle
        self.seed = seed

    def index_array(self) -> np.ndarray:
        """The whole share at once.

        Returns:
            int64 array.

        >>> torch.utils.data.DistributedSampler(range(4), 2, 1, shuffle=False).index_array().tolist()
        [1, 3]
        """
        n = len(self.dataset)
        if self.shuffle:
            generator = nt.Generator()
            generator.manual_seed(self.seed + self.epoch)
            order = nt.randperm(n, generator=generator, device="cpu").numpy()
        else:
            order = np.arange(n, dtype=np.int64)
        return np.resize(order, self.total_size)[self.rank :: self.num_replicas]

    def __iter__(self) -> Iterator[int]:
        return iter(self.index_array().tolist())

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the coming epoch.

        Args:
            epoch: its number, the same in all processes.

        >>> sampler = torch.utils.data.DistributedSampler(range(4), num_replicas=2, rank=0)
        >>> sampler.set_epoch(3)
        >>> len(list(sampler))
        2
        """
        self.epoch = epoch
