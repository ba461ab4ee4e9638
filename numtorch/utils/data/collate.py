"""Makes a batch from a list of samples: tensors are stacked, numbers become tensors."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

import numtorch as nt
from numtorch._tensor import flat_array


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
    return collate(batch, collate_fn_map=default_collate_fn_map)


def collate(batch: Sequence[Any], *, collate_fn_map: dict[Any, Callable] | None = None) -> Any:
    """``default_collate`` with functions of one's own for some types.

    Args:
        batch: the samples, all of one form.
        collate_fn_map: a function ``f(batch, collate_fn_map=...)`` for each type, or tuple of types.

    Returns:
        The batch, of the samples' form.

    Raises:
        TypeError: samples of another type.
        RuntimeError: the samples' lengths or shapes differ.

    >>> from numtorch.utils.data.collate import collate
    >>> collate([{1, 2}, {3}], collate_fn_map={set: lambda batch, *, collate_fn_map: set().union(*batch)})
    {1, 2, 3}
    """
    first = batch[0]
    kinds = collate_fn_map or {}
    found = kinds.get(type(first))
    if found is None:
        found = next((f for kind, f in kinds.items() if isinstance(first, kind)), None)
    if found is not None:
        return found(batch, collate_fn_map=collate_fn_map)
    if isinstance(first, Mapping):
        parts = {key: collate([d[key] for d in batch], collate_fn_map=collate_fn_map) for key in first}
        return _rebuild_mapping(first, parts)
    if _is_namedtuple(first):
        return type(first)(*(collate(part, collate_fn_map=collate_fn_map) for part in zip(*batch, strict=True)))
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise RuntimeError(
                "each element in list of batch should be of equal size; got lengths "
                f"{sorted({len(sample) for sample in batch})}. Pass collate_fn= to pad them"
            )
        columns = [collate(part, collate_fn_map=collate_fn_map) for part in zip(*batch, strict=True)]
        return columns if isinstance(first, tuple) else _rebuild_sequence(first, columns)
    raise TypeError(_message(type(first)))


def collate_tensor_fn(batch: Sequence[Any], *, collate_fn_map: dict[Any, Callable] | None = None) -> Any:
    """Tensors, stacked."""
    return _stack(batch)


def collate_numpy_array_fn(batch: Sequence[Any], *, collate_fn_map: dict[Any, Callable] | None = None) -> Any:
    """NumPy arrays, stacked."""
    if batch[0].dtype.kind in "SUO":
        raise TypeError(_message(batch[0].dtype))
    _same_shape(batch)
    return nt.from_numpy(np.stack(batch))


def collate_numpy_scalar_fn(batch: Sequence[Any], *, collate_fn_map: dict[Any, Callable] | None = None) -> Any:
    """NumPy numbers as a tensor."""
    return nt.as_tensor(np.asarray(batch))


def collate_float_fn(batch: Sequence[Any], *, collate_fn_map: dict[Any, Callable] | None = None) -> Any:
    """Floats as a float64 tensor."""
    return nt.tensor(batch, dtype=nt.float64)


def collate_int_fn(batch: Sequence[Any], *, collate_fn_map: dict[Any, Callable] | None = None) -> Any:
    """Ints and bools as a tensor."""
    return nt.tensor(batch)


def collate_str_fn(batch: Sequence[Any], *, collate_fn_map: dict[Any, Callable] | None = None) -> Any:
    """Strings and bytes, as they are."""
    return batch


# For whom to extend: a function for each type, or tuple of types, the first that fits.
default_collate_fn_map: dict[Any, Callable] = {
    nt.Tensor: collate_tensor_fn,
    np.ndarray: collate_numpy_array_fn,
    str: collate_str_fn,  # np.str_ is one
    bytes: collate_str_fn,
    (np.bool_, np.number): collate_numpy_scalar_fn,  # np.float64 is also a float
    float: collate_float_fn,
    int: collate_int_fn,
}


def _stack(tensors: Sequence[Any]) -> Any:
    # Samples are small and many: joining their memory costs a tenth of as many tensor operations.
    first = tensors[0]
    shape, dtype = first.shape, first.dtype
    arrays = []
    for tensor in tensors:
        array = flat_array(tensor)
        if array is None or tensor.shape != shape or tensor.dtype is not dtype:
            return nt.stack(list(tensors), 0)
        arrays.append(array)
    return nt.from_numpy(np.concatenate(arrays).reshape(len(arrays), *shape))


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
