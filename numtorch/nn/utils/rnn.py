"""Sequences of different lengths as one tensor: padded, or packed without padding."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numtorch._tensor import Tensor
from numtorch.dtype import int64
from numtorch.ops.creation import from_numpy, full, tensor
from numtorch.ops.indexing.slices import index_copy, index_select
from numtorch.ops.movement import reshape, transpose
from numtorch.ops.movement.joining import cat, stack
from numtorch.ops.movement.views import narrow, select


class _Packed(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Packed):
    """Sequences of different lengths without padding: the first elements of all, then the second ones, and so on.

    ``pack_padded_sequence`` and ``pack_sequence`` make it; recurrent layers take and give it.

    Args:
        data: (sum of lengths, *).
        batch_sizes: (longest length), int64 on the CPU: how many sequences have an element there.
        sorted_indices: in which order the sequences stand here, the longest first; None if in their own.
        unsorted_indices: where each of the sequences stands.

    Raises:
        ValueError: ``batch_sizes`` is on another device than the CPU.

    >>> torch.nn.utils.rnn.pack_sequence([torch.tensor([1, 2]), torch.tensor([3])]).data
    tensor([1, 3, 2])
    """

    if TYPE_CHECKING:  # made below
        double: Callable[[], PackedSequence]
        half: Callable[[], PackedSequence]
        long: Callable[[], PackedSequence]
        short: Callable[[], PackedSequence]
        char: Callable[[], PackedSequence]
        byte: Callable[[], PackedSequence]
        cuda: Callable[..., PackedSequence]
        cpu: Callable[..., PackedSequence]
        float: Callable[[], PackedSequence]
        int: Callable[[], PackedSequence]

    def __new__(
        cls, data: Any, batch_sizes: Any = None, sorted_indices: Any = None, unsorted_indices: Any = None
    ) -> PackedSequence:
        if batch_sizes is None:
            if not isinstance(data, list | tuple) or len(data) != 2:
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes.device.type != "cpu":
            raise ValueError(
                "batch_sizes should always be on CPU. Instances of PackedSequence should never be created manually. "
                "They should be instantiated by functions like pack_sequence and pack_padded_sequence in "
                "nn.utils.rnn."
            )
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The same sequences with elements of another type, or on another device.

        Args:
            *args, **kwargs: as of ``Tensor.to``.

        Returns:
            This object, if ``data`` is so already.

        >>> torch.nn.utils.rnn.pack_sequence([torch.tensor([1, 2])]).to(torch.float32).data
        tensor([1., 2.])
        """
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        kept = {k: v for k, v in kwargs.items() if k in ("non_blocking", "copy")}
        indices = [None if i is None else i.to(data.device, **kept) for i in self[2:]]
        return type(self)(data, self.batch_sizes, *indices)

    @property
    def is_cuda(self) -> bool:
        """Whether ``data`` is on CUDA.

        >>> torch.nn.utils.rnn.pack_sequence([torch.tensor([1, 2])]).is_cuda
        False
        """
        return self.data.device.type == "cuda"

    def is_pinned(self) -> bool:
        """Whether ``data`` is in memory from which CUDA copies directly.

        Returns:
            A truth value.

        >>> torch.nn.utils.rnn.pack_sequence([torch.tensor([1, 2])]).is_pinned()
        False
        """
        return self.data.is_pinned()

    def pin_memory(self) -> PackedSequence:
        """The same sequences with ``data`` in pinned memory.

        Returns:
            A ``PackedSequence``.

        >>> packed = torch.nn.utils.rnn.pack_sequence([torch.tensor([1, 2])])
        >>> packed.pin_memory().data if torch.cuda.is_available() else packed.data
        tensor([1, 2])
        """
        return type(self)(self.data.pin_memory(), *self[1:])


def _cast(name: str) -> Any:
    def convert(self: PackedSequence) -> PackedSequence:
        data = getattr(self.data, name)()
        return self if data is self.data else type(self)(data, *self[1:])

    convert.__name__ = name
    convert.__qualname__ = f"PackedSequence.{name}"
    convert.__doc__ = f"""The same sequences with elements as ``Tensor.{name}`` gives them.

    Returns:
        This object, if they are so already.

    >>> torch.nn.utils.rnn.pack_sequence([torch.tensor([1, 2])]).{name}().data.shape
    torch.Size([2])
    """
    return convert


for _name in ("double", "float", "half", "long", "int", "short", "char", "byte"):
    setattr(PackedSequence, _name, _cast(_name))


def _moved(self: PackedSequence, *args: Any, **kwargs: Any) -> PackedSequence:
    """The same sequences on CUDA.

    Args:
        *args, **kwargs: as of ``Tensor.to``; the current CUDA device unless they name one.

    Returns:
        This object, if they are there already.

    >>> torch.nn.utils.rnn.pack_sequence([torch.tensor([1, 2])]).cuda  # doctest: +ELLIPSIS
    <bound method ...>
    """
    return self.to(*(args or ("cuda",)), **kwargs)


def _returned(self: PackedSequence, *args: Any, **kwargs: Any) -> PackedSequence:
    """The same sequences on the CPU.

    Args:
        *args, **kwargs: as of ``Tensor.to``.

    Returns:
        This object, if they are there already.

    >>> torch.nn.utils.rnn.pack_sequence([torch.tensor([1, 2])]).cpu().data
    tensor([1, 2])
    """
    return self.to("cpu", *args, **kwargs)


PackedSequence.cuda = _moved  # type: ignore[attr-defined]
PackedSequence.cpu = _returned  # type: ignore[attr-defined]


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """Where each number of a permutation stands.

    Args:
        permutation: (n), the numbers from 0 to n - 1 in any order; or None.

    Returns:
        A tensor like it; None for None.

    >>> torch.nn.utils.rnn.invert_permutation(torch.tensor([2, 0, 1]))
    tensor([1, 2, 0])
    """
    if permutation is None:
        return None
    order = permutation.cpu().numpy()
    inverse = np.empty_like(order)
    inverse[order] = np.arange(order.size, dtype=order.dtype)
    return from_numpy(inverse).to(permutation.device)


def _places(sizes: np.ndarray, at: tuple[int, int]) -> np.ndarray:
    """For each packed row the row of the padded sequences; ``at``: what a step and what a sequence is apart there."""
    step = np.repeat(np.arange(sizes.size), sizes)
    starts = np.repeat(np.cumsum(sizes) - sizes, sizes)
    return step * at[0] + (np.arange(step.size) - starts) * at[1]


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Sequences without their padding; see ``PackedSequence``.

    Args:
        input: (T, B, *), or (B, T, *) with ``batch_first``; T is at least the longest length.
        lengths: (B), on the CPU: int64 numbers above 0.
        batch_first: the sequences are the first dimension.
        enforce_sorted: the lengths do not grow. If False they are sorted here.

    Returns:
        A ``PackedSequence``.

    Raises:
        RuntimeError: a length is below 1 or above T, their number is not B, or they are not sorted.

    >>> x = torch.tensor([[1, 2], [3, 0]])
    >>> torch.nn.utils.rnn.pack_padded_sequence(x, [2, 1], batch_first=True).data
    tensor([1, 3, 2])
    """
    if not isinstance(lengths, Tensor):
        lengths = tensor(list(lengths), dtype=int64)
    if lengths.device.type != "cpu":
        raise RuntimeError(
            f"'lengths' argument should be a 1D CPU int64 tensor, but got {lengths.ndim}D {lengths.device} "
            f"{lengths.dtype.name} tensor; use lengths.cpu()"
        )
    counts = lengths.detach().numpy().astype(np.int64)
    if counts.ndim != 1 or input.ndim < 2:
        raise RuntimeError(
            f"pack_padded_sequence: expected input of at least 2 dimensions and lengths of 1, got {input.ndim} and "
            f"{counts.ndim}"
        )
    batch, longest = input.shape[:2] if batch_first else input.shape[1::-1]
    order = None
    if not enforce_sorted:
        order = np.argsort(-counts, kind="stable")
        counts = counts[order]
    if counts.size != batch:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {counts.size} (batch_size={batch})"
        )
    if not input.shape.numel() and not batch * longest:
        raise RuntimeError("Cannot pack empty tensors.")
    if np.any(np.diff(counts) > 0):
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you "
            "do not need ONNX exportability."
        )
    if counts[-1] <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    if counts[0] > longest:
        raise RuntimeError(f"pack_padded_sequence: the input has {longest} steps, but the longest sequence {counts[0]}")
    sizes = (counts[None, :] > np.arange(counts[0])[:, None]).sum(1)
    at = _places(sizes, (1, 0) if batch_first else (batch, 0))
    column = np.arange(at.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    at += (column if order is None else order[column]) * (longest if batch_first else 1)
    flat = reshape(input, (batch * longest, *input.shape[2:]))
    data = index_select(flat, 0, from_numpy(at).to(input.device))
    sorted_indices = None if order is None else from_numpy(order).to(input.device)
    return PackedSequence(data, from_numpy(sizes.astype(np.int64)), sorted_indices)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """Packed sequences with padding behind them: the inverse of ``pack_padded_sequence``.

    Args:
        sequence: what was packed.
        batch_first: let the sequences be the first dimension of the result.
        padding_value: what stands behind shorter sequences.
        total_length: to which length all are padded; that of the longest if None.

    Returns:
        (T, B, *) or (B, T, *), and the lengths (B), in the order in which the sequences were packed.

    Raises:
        ValueError: ``total_length`` is less than the longest length.

    >>> packed = torch.nn.utils.rnn.pack_sequence([torch.tensor([1, 2]), torch.tensor([3])])
    >>> torch.nn.utils.rnn.pad_packed_sequence(packed, batch_first=True)
    (tensor([[1, 2],
            [3, 0]]), tensor([2, 1]))
    """
    data, batch_sizes, _, unsorted = sequence
    sizes = batch_sizes.numpy()
    longest, batch = sizes.size, int(sizes[0])
    if total_length is not None:
        if total_length < longest:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in input, but got "
                f"total_length={total_length} and max sequence length being {longest}"
            )
        longest = total_length
    lengths = (sizes[:, None] > np.arange(batch)[None, :]).sum(0)
    at = _places(sizes, (1, longest) if batch_first else (batch, 1))
    if unsorted is not None:
        places = unsorted.cpu().numpy()
        order = np.argsort(places, kind="stable")
        column = _places(sizes, (0, 1))
        at += (order[column] - column) * (longest if batch_first else 1)
        lengths = lengths[places]
    shape = (batch, longest) if batch_first else (longest, batch)
    blank = full((batch * longest, *data.shape[1:]), padding_value, dtype=data.dtype, device=data.device)
    padded = index_copy(blank, 0, from_numpy(at).to(data.device), data)
    return reshape(padded, (*shape, *data.shape[1:])), from_numpy(lengths.astype(np.int64))


def pad_sequence(
    sequences: Any, batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Tensor:
    """Tensors of different lengths as one, with padding.

    Args:
        sequences: tensors (L, *), with any L; all else is the same.
        batch_first: let the sequences be the first dimension of the result.
        padding_value: what is added to shorter ones.
        padding_side: ``"right"`` or ``"left"``: where it is added.

    Returns:
        (T, B, *), or (B, T, *) with ``batch_first``, where T is the longest L.

    Raises:
        RuntimeError: there are none, their other dimensions differ, or another ``padding_side``.

    >>> torch.nn.utils.rnn.pad_sequence([torch.tensor([1, 2]), torch.tensor([3])], batch_first=True)
    tensor([[1, 2],
            [3, 0]])
    """
    if isinstance(sequences, Tensor):
        sequences = [select(sequences, 0, i) for i in range(sequences.shape[0])]
    elif not hasattr(sequences, "__iter__"):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    sequences = list(sequences)
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    rest = sequences[0].shape[1:]
    for s in sequences:
        if s.shape[1:] != rest:
            raise RuntimeError(
                f"pad_sequence: all sequences must have the same dimensions but the first, got {list(rest)} and "
                f"{list(s.shape[1:])}"
            )
    lengths = [s.shape[0] for s in sequences]
    longest, batch = max(lengths), len(lengths)
    if len(set(lengths)) == 1:
        return stack(sequences, 0 if batch_first else 1)
    step, of = (1, longest) if batch_first else (batch, 1)
    at = np.concatenate(
        [(np.arange(n) + (longest - n if padding_side == "left" else 0)) * step + b * of for b, n in enumerate(lengths)]
    )
    whole = cat(sequences, 0)
    blank = full((batch * longest, *rest), padding_value, dtype=whole.dtype, device=whole.device)
    padded = index_copy(blank, 0, from_numpy(at).to(whole.device), whole)
    return reshape(padded, (*((batch, longest) if batch_first else (longest, batch)), *rest))


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """The sequences of a padded tensor, each without its padding.

    Args:
        padded_sequences: (T, B, *), or (B, T, *) with ``batch_first``.
        lengths: (B), how long each is.
        batch_first: the sequences are the first dimension.

    Returns:
        A list of views (length, *).

    >>> torch.nn.utils.rnn.unpad_sequence(torch.tensor([[1, 3], [2, 0]]), torch.tensor([2, 1]))
    [tensor([1, 2]), tensor([3])]
    """
    if not batch_first:
        padded_sequences = transpose(padded_sequences, 0, 1)
    return [narrow(select(padded_sequences, 0, i), 0, 0, int(n)) for i, n in enumerate(lengths.tolist())]


def pack_sequence(sequences: Any, enforce_sorted: bool = True) -> PackedSequence:
    """Tensors of different lengths as one ``PackedSequence``.

    Args:
        sequences: tensors (L, *), with any L above 0; all else is the same.
        enforce_sorted: their lengths do not grow. If False they are sorted here.

    Returns:
        A ``PackedSequence``.

    Raises:
        RuntimeError: a sequence is empty, or they are not sorted.

    >>> torch.nn.utils.rnn.pack_sequence([torch.tensor([1, 2]), torch.tensor([3])]).batch_sizes
    tensor([2, 1])
    """
    lengths = [s.shape[0] for s in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences of a ``PackedSequence``, in the order in which they were packed.

    Args:
        packed_sequences: what was packed.

    Returns:
        A list of tensors (length, *).

    >>> packed = torch.nn.utils.rnn.pack_sequence([torch.tensor([1, 2]), torch.tensor([3])])
    >>> torch.nn.utils.rnn.unpack_sequence(packed)
    [tensor([1, 2]), tensor([3])]
    """
    return unpad_sequence(*pad_packed_sequence(packed_sequences, batch_first=True), batch_first=True)
