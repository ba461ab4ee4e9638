"""Makes a batch from a list of samples: tensors are stacked, numbers become tensors."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

import numtorch as nt
from numtorch.utils.data.dataset import plain_array


def default_convert(data: Any) -> Any:
    """NumPy arrays inside a sample as tensors, everything else as it is.

    Args:
        data: a sample: mappings and sequences are gone through.

    Returns:
        The sample, of new containers.

    >>> import numpy
    >>> torch.utils.data.default_convert({"x": numpy.array([1, 2]), "name": "a"})
    {'x': tensor([1, 2]), 'name': 'a'}
    """
    if isinstance(data, nt.Tensor):
        return data
    if isinstance(data, np.ndarray | np.generic):
        return data if data.dtype.kind in "SUO" else nt.as_tensor(data)
    if isinstance(data, Mapping):
        return _rebuild_mapping(data, {key: default_convert(data[key]) for key in data})
    if _is_namedtuple(data):
        return type(data)(*(default_convert(d) for d in data))
    if isinstance(data, tuple):
        return [default_convert(d) for d in data]
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        return _rebuild_sequence(data, [default_convert(d) for d in data])
    return data


def default_collate(batch: Sequence[Any]) -> Any:
    """Join samples into a batch, with a new first dimension.

    Tensors and arrays are stacked; ints become an int64 tensor, floats a float64 one; strings
    and bytes stay as they are; mappings, named tuples and sequences are collated element by
    element (a tuple gives a list).

    Args:
        batch: the samples, all of one form.

    Returns:
        The batch, of the samples' form.

    Raises:
        TypeError: samples of another type.
        RuntimeError: the samples' lengths or shapes differ.

    >>> torch.utils.data.default_collate([(1, "a"), (2, "b")])
    [tensor([1, 2]), ('a', 'b')]
    >>> torch.utils.data.default_collate([{"x": 1.5}, {"x": 2.5}])
    {'x': tensor([1.5000, 2.5000], dtype=torch.float64)}
    """
    first = batch[0]
    if isinstance(first, nt.Tensor):
        return _stack(batch)
    if isinstance(first, np.ndarray):
        if first.dtype.kind in "SUO":
            raise TypeError(_message(first.dtype))
        _same_shape(batch)
        return nt.from_numpy(np.stack(batch))
    if isinstance(first, np.generic):
        return nt.as_tensor(np.asarray(batch)) if first.dtype.kind not in "SU" else batch
    if isinstance(first, float):
        return nt.tensor(batch, dtype=nt.float64)
    if isinstance(first, int):
        return nt.tensor(batch)
    if isinstance(first, str | bytes):
        return batch
    if isinstance(first, Mapping):
        return _rebuild_mapping(first, {key: default_collate([d[key] for d in batch]) for key in first})
    if _is_namedtuple(first):
        return type(first)(*(default_collate(part) for part in zip(*batch, strict=True)))
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise RuntimeError(
                "each element in list of batch should be of equal size; got lengths "
                f"{sorted({len(sample) for sample in batch})}. Pass collate_fn= to pad them"
            )
        columns = [default_collate(part) for part in zip(*batch, strict=True)]
        return columns if isinstance(first, tuple) else _rebuild_sequence(first, columns)
    raise TypeError(_message(type(first)))


def _stack(tensors: Sequence[Any]) -> Any:
    # Samples are small and many: joining their memory costs a tenth of as many tensor operations.
    shape, dtype = tensors[0].shape, tensors[0].dtype
    arrays = []
    for tensor in tensors:
        array = plain_array(tensor)
        if array is None or tensor.shape != shape or tensor.dtype != dtype:
            return nt.stack(list(tensors), 0)
        arrays.append(array)
    return nt.from_numpy(np.stack(arrays))


def _message(found: Any) -> str:
    return f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {found}"


def _same_shape(batch: Sequence[np.ndarray]) -> None:
    for i, array in enumerate(batch):
        if array.shape != batch[0].shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(batch[0].shape)} at "
                f"entry 0 and {list(array.shape)} at entry {i}"
            )


def _is_namedtuple(x: Any) -> bool:
    return isinstance(x, tuple) and hasattr(x, "_fields")


def _rebuild_mapping(original: Mapping, items: dict) -> Any:
    """A mapping of the original's type where it can be made, else a dict."""
    return _of_type(original, items, lambda clone: clone.update(items), MutableMapping)


def _rebuild_sequence(original: Sequence, items: list) -> Any:
    """A sequence of the original's type where it can be made, else a list."""

    def fill(clone: Any) -> None:
        for i, item in enumerate(items):
            clone[i] = item

    if type(original) is list:
        return items
    return _of_type(original, items, fill, MutableSequence)


def _of_type(original: Any, items: Any, fill: Callable[[Any], None], mutable: type) -> Any:
    if type(original) is type(items):
        return items
    try:
        if isinstance(original, mutable):
            # A copy keeps what the constructor may not take back: a default factory, extra
            # attributes.
            clone = copy.copy(original)
            fill(clone)
            return clone
        return type(original)(items)  # type: ignore[call-arg]
    except TypeError:
        return items
