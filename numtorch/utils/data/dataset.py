"""Datasets: collections of samples, with an index or as a stream.

A dataset may have ``gather_batch(index)``. It gets an int64 NumPy array of sample indices, and returns the batch that
the default collation of those samples would give, or None if it cannot. The DataLoader prefers it to reading samples
one by one. If a subclass overrides ``__getitem__`` but not ``gather_batch``, the inherited ``gather_batch`` is ignored.
If ``gather_batch`` runs no code of a user and draws no random numbers, ``gathers_alone`` may be true: then threads
can make the batches.
"""

from __future__ import annotations

import bisect
import itertools
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import numpy as np

import numtorch as nt
from numtorch.arguments import integer
from numtorch.utils.data.gather import take_rows

T = TypeVar("T")


class Dataset(Generic[T]):
    """Base class of datasets: a subclass defines ``__getitem__`` and, for most uses, ``__len__``.

    >>> class Squares(torch.utils.data.Dataset):
    ...     def __len__(self):
    ...         return 4
    ...     def __getitem__(self, i):
    ...         return i * i
    >>> [Squares()[i] for i in range(4)]
    [0, 1, 4, 9]
    """

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__")

    def __add__(self, other: Dataset) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T]):
    """Base class of streams: a subclass defines ``__iter__``. Each worker iterates over its own copy.

    >>> class Count(torch.utils.data.IterableDataset):
    ...     def __iter__(self):
    ...         return iter(range(5))
    >>> [len(batch) for batch in torch.utils.data.DataLoader(Count(), batch_size=2)]
    [2, 2, 1]
    """

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__")

    def __add__(self, other: Dataset) -> ChainDataset:  # type: ignore[override]
        return ChainDataset([self, other])


def gathers(dataset: Any) -> bool:
    """Whether ``gather_batch`` speaks for ``dataset``: no subclass has changed ``__getitem__``."""
    for kind in type(dataset).__mro__:
        if "gather_batch" in vars(kind):
            return True
        if "__getitem__" in vars(kind) or "__getitems__" in vars(kind):
            return False
    return False


def gathers_alone(dataset: Any) -> bool:
    """Whether threads may make the batches of ``dataset``, as they run nothing but kernels."""
    return gathers(dataset) and bool(getattr(dataset, "gathers_alone", False))


def as_numbers(index: Any) -> np.ndarray | None:
    """A batch's indices as an int64 array, or None if they are anything but integers.

    What is no integer (a float, a bool, None, a list) means to a dataset whatever its
    ``__getitem__`` makes of it: such a batch is read sample by sample.
    """
    if isinstance(index, np.ndarray):
        whole = index.dtype.kind == "i" and index.ndim == 1 and index.size
        return index.astype(np.int64, copy=False) if whole else None
    kinds = set(map(type, index))
    if kinds != {int}:
        if not kinds or not all(issubclass(k, int | np.signedinteger | nt.Tensor) for k in kinds):
            return None
        if bool in kinds:
            return None
        if any(issubclass(k, nt.Tensor) for k in kinds):
            if any(isinstance(i, nt.Tensor) and (i.ndim or i.dtype not in _WHOLE) for i in index):
                return None
            index = [i.item() if isinstance(i, nt.Tensor) else i for i in index]
    try:
        return np.array(index, np.int64)
    except OverflowError:
        return None


_WHOLE = (nt.int8, nt.int16, nt.int32, nt.int64)


def plain_array(x: Any) -> np.ndarray | None:
    """The memory of a contiguous CPU tensor without gradient as a NumPy array, or None."""
    if not isinstance(x, nt.Tensor) or x.requires_grad or x.device.type != "cpu":
        return None
    if not x.is_contiguous():
        return None
    try:
        return x.numpy()
    except (TypeError, RuntimeError):  # a dtype that NumPy lacks
        return None


class TensorDataset(Dataset):
    """Tensors of equal first extent; a sample is the tuple of their rows.

    Args:
        *tensors: (n, ...) each.

    Raises:
        ValueError: the first extents differ.

    >>> data = torch.utils.data.TensorDataset(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([0, 1]))
    >>> data[1]
    (tensor([3., 4.]), tensor(1))
    """

    tensors: tuple[Any, ...]
    gathers_alone = True

    def __init__(self, *tensors: Any):
        if any(tensors[0].size(0) != t.size(0) for t in tensors):
            extents = ", ".join(str(t.size(0)) for t in tensors)
            raise ValueError(f"Size mismatch between tensors: first extents are {extents}")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        return tuple(t[index] for t in self.tensors)

    def __len__(self) -> int:
        return self.tensors[0].size(0)

    def gather_batch(self, index: np.ndarray) -> list[Any] | None:
        """A whole batch, as the default collation of its samples would make it.

        Args:
            index: int64 array, the numbers of the samples.

        Returns:
            A list of tensors; None if a tensor is not contiguous, requires a gradient, or is on a GPU.

        >>> import numpy
        >>> torch.utils.data.TensorDataset(torch.arange(5) * 10).gather_batch(numpy.array([3, 1]))
        [tensor([30, 10])]
        """
        arrays = [plain_array(t) for t in self.tensors]
        if any(a is None for a in arrays):
            return None
        return [nt.from_numpy(take_rows(a, index)) for a in arrays if a is not None]


class StackDataset(Dataset):
    """Datasets of equal length side by side: a sample is a tuple (or a dict) of their samples.

    Args:
        *args: the datasets, for tuples.
        **kwargs: the datasets by name, for dicts.

    Raises:
        ValueError: both or none are given, or the lengths differ.

    >>> torch.utils.data.StackDataset("ab", [1, 2])[1]
    ('b', 2)
    >>> torch.utils.data.StackDataset(letter="ab", number=[1, 2])[0]
    {'letter': 'a', 'number': 1}
    """

    def __init__(self, *args: Any, **kwargs: Any):
        if args and kwargs:
            raise ValueError(
                "Supported either ``tuple``- (via ``args``) or ``dict``- (via ``kwargs``) like "
                "input/output, but both types are given."
            )
        if not args and not kwargs:
            raise ValueError("At least one dataset should be passed")
        parts = args or tuple(kwargs.values())
        if any(len(p) != len(parts[0]) for p in parts):
            raise ValueError("Size mismatch between datasets")
        self.datasets: Any = args or kwargs
        self._length = len(parts[0])

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {name: dataset[index] for name, dataset in self.datasets.items()}
        return tuple(dataset[index] for dataset in self.datasets)

    def __getitems__(self, indices: list[int]) -> list[Any]:
        if isinstance(self.datasets, dict):
            columns = [_items(d, indices) for d in self.datasets.values()]
            return [dict(zip(self.datasets, row, strict=True)) for row in zip(*columns, strict=True)]
        return list(zip(*[_items(d, indices) for d in self.datasets], strict=True))

    def __len__(self) -> int:
        return self._length


def _items(dataset: Any, indices: list[int]) -> list[Any]:
    """Samples of a dataset, by its own ``__getitems__`` if it has one; ValueError if these are not as many."""
    if not callable(getattr(dataset, "__getitems__", None)):
        return [dataset[i] for i in indices]
    found = dataset.__getitems__(indices)
    if len(found) != len(indices):
        raise ValueError(f"Nested dataset's output size mismatch. Expected {len(indices)}, got {len(found)}")
    return found


class Subset(Dataset):
    """Part of a dataset.

    Args:
        dataset: the whole.
        indices: numbers of the samples that belong to the part.

    >>> part = torch.utils.data.Subset("abcdef", [1, 3, 5])
    >>> len(part), part[2]
    (3, 'f')
    """

    def __init__(self, dataset: Any, indices: Sequence[int]):
        self.dataset = dataset
        self.indices = indices

    @property
    def gathers_alone(self) -> bool:
        """Whether the whole dataset does."""
        return gathers_alone(self.dataset)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: list[int]) -> list[Any]:
        if callable(getattr(self.dataset, "__getitems__", None)):
            return self.dataset.__getitems__([self.indices[i] for i in indices])
        return [self.dataset[self.indices[i]] for i in indices]

    def __len__(self) -> int:
        return len(self.indices)

    def gather_batch(self, index: np.ndarray) -> Any:
        """A whole batch, as the default collation of its samples would make it.

        Args:
            index: int64 array, the numbers of the samples in the part.

        Returns:
            What the whole dataset's ``gather_batch`` returns; None if it has none.

        >>> import numpy
        >>> data = torch.utils.data.TensorDataset(torch.arange(5) * 10)
        >>> torch.utils.data.Subset(data, [4, 2]).gather_batch(numpy.array([1, 0]))
        [tensor([20, 40])]
        """
        if not gathers(self.dataset):
            return None
        # Looked up afresh for each batch: the list may have been changed in place since the last
        # one.
        inner = as_numbers([self.indices[i] for i in index.tolist()])
        return None if inner is None else self.dataset.gather_batch(inner)


class ConcatDataset(Dataset):
    """Datasets one after the other.

    Args:
        datasets: an iterable of datasets that have a length.

    Raises:
        ValueError: there are none.
        AssertionError: one is a stream.

    >>> both = torch.utils.data.ConcatDataset(["ab", "cde"])
    >>> len(both), both[2], both[-1]
    (5, 'c', 'e')
    """

    def __init__(self, datasets: Iterable[Any]):
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("datasets should not be an empty iterable")
        if any(isinstance(d, IterableDataset) for d in self.datasets):
            raise AssertionError("ConcatDataset does not support IterableDataset; use ChainDataset")
        self.cumulative_sizes = self.cumsum(self.datasets)

    @staticmethod
    def cumsum(sequence: Iterable[Any]) -> list[int]:
        """Lengths of the datasets up to each one.

        Args:
            sequence: the datasets.

        Returns:
            A list of integers.

        >>> torch.utils.data.ConcatDataset.cumsum(["ab", "cde"])
        [2, 5]
        """
        return list(itertools.accumulate(len(d) for d in sequence))

    @property
    def gathers_alone(self) -> bool:
        """Whether all datasets do."""
        return all(map(gathers_alone, self.datasets))

    def gather_batch(self, index: np.ndarray) -> Any:
        """A whole batch, as the default collation of its samples would make it.

        Args:
            index: int64 array, the numbers of the samples.

        Returns:
            What the dataset's ``gather_batch`` returns that they are all in; else None.

        >>> import numpy
        >>> both = torch.utils.data.TensorDataset(torch.arange(3)) + torch.utils.data.TensorDataset(torch.arange(3))
        >>> both.gather_batch(numpy.array([4, 5]))
        [tensor([1, 2])]
        """
        if index.size == 0 or index.min() < 0 or index.max() >= len(self):
            return None
        which = bisect.bisect_right(self.cumulative_sizes, int(index.min()))
        start = self.cumulative_sizes[which - 1] if which else 0
        if index.max() >= self.cumulative_sizes[which] or not gathers(self.datasets[which]):
            return None
        return self.datasets[which].gather_batch(index - start)

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        if index < 0:
            if -index > len(self):
                raise ValueError("absolute value of index should not exceed dataset length")
            index += len(self)
        which = bisect.bisect_right(self.cumulative_sizes, index)
        if which == len(self.datasets):
            raise IndexError(f"index {index} is out of range for {len(self)} samples")
        return self.datasets[which][index - self.cumulative_sizes[which - 1] if which else index]


class ChainDataset(IterableDataset):
    """Streams one after the other.

    Args:
        datasets: an iterable of streams.

    Raises:
        AssertionError: one is not a stream; when it is its turn.

    >>> class Count(torch.utils.data.IterableDataset):
    ...     def __init__(self, n):
    ...         self.n = n
    ...     def __iter__(self):
    ...         return iter(range(self.n))
    >>> list(torch.utils.data.ChainDataset([Count(2), Count(3)]))
    [0, 1, 0, 1, 2]
    """

    def __init__(self, datasets: Iterable[Any]):
        self.datasets = datasets

    def __iter__(self) -> Iterator[Any]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise AssertionError(f"ChainDataset only supports IterableDataset, got {type(dataset).__name__}")
            yield from dataset

    def __len__(self) -> int:
        return sum(len(d) for d in self.datasets)  # type: ignore[arg-type]


def random_split(dataset: Any, lengths: Sequence[int | float], generator: Any = None) -> list[Subset]:
    """Split a dataset at random into parts.

    What fractions leave over when they are rounded down is dealt out one by one, from the first part on.

    Args:
        dataset: the whole.
        lengths: the length of each part; or fractions that sum to one.
        generator: source of the random order; the default one if None.

    Returns:
        A list of ``Subset``.

    Raises:
        ValueError: the lengths do not sum to the dataset's, or a fraction is not between 0 and 1.

    >>> [len(part) for part in torch.utils.data.random_split(range(10), [0.8, 0.2])]
    [8, 2]
    """
    total = sum(lengths)
    if math.isclose(total, 1):
        for i, fraction in enumerate(lengths):
            if not 0 <= fraction <= 1:
                raise ValueError(f"Fraction at index {i} is not between 0 and 1: {fraction}")
        counts = [math.floor(len(dataset) * fraction) for fraction in lengths]
        for i in range(len(dataset) - sum(counts)):
            counts[i % len(counts)] += 1
        for i, count in enumerate(counts):
            if count == 0:
                warnings.warn(
                    f"Length of split at index {i} is 0. This might result in an empty dataset.", stacklevel=2
                )
    else:
        counts = [] if total != len(dataset) else [integer(n, "random_split", "lengths") for n in lengths]
        for i, count in enumerate(counts):
            if count < 0:
                raise ValueError(f"Length of split at index {i} is negative: {count}")
    if sum(counts) != len(dataset):
        raise ValueError(
            "Sum of input lengths does not equal the length of the input dataset! "
            f"The lengths {list(lengths)} sum to {total}, not to {len(dataset)}"
        )
    order = nt.randperm(len(dataset), generator=generator, device="cpu").tolist()
    ends = itertools.accumulate(counts)
    return [Subset(dataset, order[end - count : end]) for end, count in zip(ends, counts, strict=True)]
