"""``torch.nn.attention.flex_attention``: attention whose scores a function of the user's changes, or leaves out.

``score_mod`` and ``mask_mod`` are written for one score, and run for all of them at once under ``vmap``. Without
``score_mod`` this is ``F.scaled_dot_product_attention`` with a mask, whose memory is linear in the number of steps;
with one, all scores are in memory.
"""

from __future__ import annotations

import copy
import inspect
import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypedDict

import numtorch as torch
from numtorch import Tensor, notices

__all__ = [
    "AuxOutput",
    "AuxRequest",
    "BlockMask",
    "FlexKernelOptions",
    "and_masks",
    "create_block_mask",
    "create_mask",
    "flex_attention",
    "noop_mask",
    "or_masks",
]

_BLOCK = 128
_WHOLE = 1 << 30


class FlexKernelOptions(TypedDict, total=False):
    """Options of PyTorch's own kernels; accepted, and without effect.

    >>> torch.nn.attention.flex_attention.FlexKernelOptions(BLOCK_M=64)
    {'BLOCK_M': 64}
    """

    num_warps: int
    num_stages: int
    BLOCK_M: int
    BLOCK_N: int
    PRESCALE_QK: bool
    ROWS_GUARANTEED_SAFE: bool
    BLOCKS_ARE_CONTIGUOUS: bool
    WRITE_DQ: bool
    FORCE_USE_FLEX_ATTENTION: bool
    USE_TMA: bool
    BACKEND: str


class AuxRequest(NamedTuple):
    """What ``flex_attention`` is to return beside its result.

    Attributes:
        lse: the logarithm of the sum of the exponentials of each row's scores.
        max_scores: the largest score of each row.

    >>> torch.nn.attention.flex_attention.AuxRequest(lse=True)
    AuxRequest(lse=True, max_scores=False)
    """

    lse: bool = False
    max_scores: bool = False


class AuxOutput(NamedTuple):
    """What ``flex_attention`` returned beside its result; None for what was not asked for.

    Attributes:
        lse: (B, Hq, L).
        max_scores: (B, Hq, L).

    >>> torch.nn.attention.flex_attention.AuxOutput()
    AuxOutput(lse=None, max_scores=None)
    """

    lse: Any = None
    max_scores: Any = None


def noop_mask(batch: Tensor, head: Tensor, token_q: Tensor, token_kv: Tensor) -> Tensor:
    """True: leaves nothing out.

    Args:
        batch, head, token_q, token_kv: the numbers of a score, 0-dim.

    >>> torch.nn.attention.flex_attention.noop_mask(*[torch.tensor(0)] * 4)
    tensor(True)
    """
    return torch.ones_like(batch, dtype=torch.bool)


def _sliced(batch: Tensor, head: Tensor, token_q: Tensor, token_kv: Tensor) -> Tensor:
    raise RuntimeError(
        "Cannot use mask_mod from a sliced BlockMask: the numbers that it takes may be others there. Set it from the "
        "mask that was sliced, as part.mask_mod = shifted(whole.mask_mod)"
    )


def _joined(mods: tuple, start: Callable, join: Callable) -> Callable[..., Tensor]:
    if not all(callable(f) for f in mods):
        raise RuntimeError(f"All inputs should be callable mask_mods: {mods}")

    def joined(b: Tensor, h: Tensor, q_idx: Tensor, kv_idx: Tensor) -> Tensor:
        result = start(b)
        for mod in mods:
            result = join(result, mod(b, h, q_idx, kv_idx))
        return result

    return joined


def or_masks(*mask_mods: Callable) -> Callable:
    """A ``mask_mod`` that is true where one of several is.

    Args:
        *mask_mods: functions as ``mask_mod``.

    Raises:
        RuntimeError: one of them cannot be called.

    >>> from numtorch.nn.attention.flex_attention import create_mask, or_masks
    >>> both = or_masks(lambda b, h, q, k: q == k, lambda b, h, q, k: k == 0)
    >>> create_mask(both, None, None, 2, 2, device="cpu")
    tensor([[[[ True, False],
              [ True,  True]]]])
    """
    return _joined(mask_mods, lambda b: b.new_zeros((), dtype=torch.bool), lambda x, y: x | y)


def and_masks(*mask_mods: Callable) -> Callable:
    """A ``mask_mod`` that is true where all of several are.

    Args:
        *mask_mods: functions as ``mask_mod``.

    Raises:
        RuntimeError: one of them cannot be called.

    >>> from numtorch.nn.attention.flex_attention import and_masks, create_mask
    >>> both = and_masks(lambda b, h, q, k: q >= k, lambda b, h, q, k: k == 0)
    >>> create_mask(both, None, None, 2, 2, device="cpu")
    tensor([[[[ True, False],
              [ True, False]]]])
    """
    return _joined(mask_mods, lambda b: b.new_ones((), dtype=torch.bool), lambda x, y: x & y)


def _arguments(f: Callable) -> int:
    """How many arguments a function needs: 4 of a ``mask_mod``, 5 of a ``score_mod``."""
    count = sum(p.default is inspect.Parameter.empty for p in inspect.signature(f).parameters.values())
    if count not in (4, 5):
        raise AssertionError(f"Expected 4 or 5 positional args, got {count}; of (score,) b, h, q_idx, kv_idx")
    return count


def _for_all(mod: Callable, scores: int) -> Callable:
    """A function of one score as one of all scores; the first ``scores`` arguments are scores."""
    for place in (3, 2, 1, 0):
        dims = tuple(0 if i == place else None for i in range(4))
        mod = torch.vmap(mod, in_dims=(0,) * scores + dims)
    return mod


def _numbers(sizes: tuple, device: Any) -> list[Tensor]:
    return [torch.arange(n, device=device) for n in sizes]


def create_mask(mod_fn: Callable, B: int | None, H: int | None, Q_LEN: int, KV_LEN: int, device: Any = None) -> Tensor:
    """For each score whether a function takes it.

    Args:
        mod_fn: a ``mask_mod``; or a ``score_mod``, which leaves out what it makes ``-inf``.
        B, H: batches and heads; 1 if None.
        Q_LEN, KV_LEN: steps of the queries and of the keys.
        device: the CPU unless given.

    Returns:
        bool, (B, H, Q_LEN, KV_LEN).

    Raises:
        AssertionError: the function takes neither four nor five arguments.

    >>> causal = lambda b, h, q_idx, kv_idx: q_idx >= kv_idx
    >>> torch.nn.attention.flex_attention.create_mask(causal, None, None, 2, 2)
    tensor([[[[ True, False],
              [ True,  True]]]])
    """
    sizes = (1 if B is None else B, 1 if H is None else H, Q_LEN, KV_LEN)
    numbers = _numbers(sizes, device)
    if _arguments(mod_fn) == 4:
        return _for_all(mod_fn, 0)(*numbers)
    return ~torch.isneginf(_for_all(mod_fn, 1)(torch.zeros(sizes, device=device), *numbers))


def _ordered(blocks: Tensor) -> tuple[Tensor, Tensor]:
    """(how many blocks of each row there are, their numbers first and then those of the others)"""
    blocks = blocks.to(torch.int32)
    places = torch.argsort(blocks, dim=-1, descending=True, stable=True)
    return blocks.sum(-1).to(torch.int32), places.to(torch.int32)


def _dense(counts: Tensor, indices: Tensor) -> Tensor:
    """The inverse of ``_ordered``: int32, 1 where there is a block."""
    width = indices.shape[-1]
    there = torch.arange(width, device=counts.device) < counts.unsqueeze(-1)
    dense = torch.zeros(*indices.shape, dtype=torch.int32, device=counts.device)
    return dense.scatter_add_(-1, indices.long(), there.to(torch.int32)).clamp(max=1)


class BlockMask:
    """Which blocks of the scores are computed, in part or as a whole.

    Args:
        seq_lengths: steps of the queries and of the keys.
        kv_num_blocks: for each row of blocks how many of them ``mask_mod`` takes part of, (B, H, rows).
        kv_indices: their numbers, (B, H, rows, columns).
        full_kv_num_blocks, full_kv_indices: the same of blocks that are taken as a whole; both or none.
        q_num_blocks, q_indices, full_q_num_blocks, full_q_indices: the same for each column.
        BLOCK_SIZE: rows and columns of a block.
        mask_mod: ``(b, h, q_idx, kv_idx)`` to bool, all 0-dim.
        dq_write_order, dq_write_order_full, dq_kv_order, dq_kv_order_spt: kept; no kernel needs them.

    Raises:
        RuntimeError: ``kv_indices`` has less than two dimensions.
        AssertionError: one of two that belong together is missing.

    >>> from numtorch.nn.attention.flex_attention import create_block_mask
    >>> create_block_mask(lambda b, h, q, k: q >= k, None, None, 256, 256, device="cpu").shape
    (1, 1, 256, 256)
    """

    _TENSOR_ATTRS = (
        "kv_num_blocks", "kv_indices", "full_kv_num_blocks", "full_kv_indices", "q_num_blocks", "q_indices",
        "full_q_num_blocks", "full_q_indices", "dq_write_order", "dq_write_order_full", "dq_kv_order",
    )  # fmt: skip

    def __init__(
        self,
        seq_lengths: tuple[int, int],
        kv_num_blocks: Tensor,
        kv_indices: Tensor,
        full_kv_num_blocks: Tensor | None,
        full_kv_indices: Tensor | None,
        q_num_blocks: Tensor | None,
        q_indices: Tensor | None,
        full_q_num_blocks: Tensor | None,
        full_q_indices: Tensor | None,
        BLOCK_SIZE: tuple[int, int] = (_BLOCK, _BLOCK),
        mask_mod: Callable = noop_mask,
        *,
        dq_write_order: Tensor | None = None,
        dq_write_order_full: Tensor | None = None,
        dq_kv_order: Tensor | None = None,
        dq_kv_order_spt: bool | None = None,
    ):
        if kv_indices.dim() < 2:
            raise RuntimeError("BlockMask must have at least 2 dimensions")
        for of in ("kv", "q"):
            pair = {"kv": (full_kv_num_blocks, full_kv_indices), "q": (full_q_num_blocks, full_q_indices)}[of]
            if (pair[0] is None) != (pair[1] is None):
                raise AssertionError(f"full_{of}_num_blocks and full_{of}_indices must be both provided or omitted")
        self.seq_lengths, self.BLOCK_SIZE, self.mask_mod = seq_lengths, BLOCK_SIZE, mask_mod
        self.kv_num_blocks, self.kv_indices = kv_num_blocks, kv_indices
        self.full_kv_num_blocks, self.full_kv_indices = full_kv_num_blocks, full_kv_indices
        self.q_num_blocks, self.q_indices = q_num_blocks, q_indices
        self.full_q_num_blocks, self.full_q_indices = full_q_num_blocks, full_q_indices
        self.dq_write_order, self.dq_write_order_full = dq_write_order, dq_write_order_full
        self.dq_kv_order, self.dq_kv_order_spt = dq_kv_order, dq_kv_order_spt

    @classmethod
    def from_kv_blocks(
        cls,
        kv_num_blocks: Tensor,
        kv_indices: Tensor,
        full_kv_num_blocks: Tensor | None = None,
        full_kv_indices: Tensor | None = None,
        BLOCK_SIZE: int | tuple[int, int] = _BLOCK,
        mask_mod: Callable | None = None,
        seq_lengths: tuple[int, int] | None = None,
        compute_q_blocks: bool = True,
        *,
        dq_write_order: Tensor | None = None,
        dq_write_order_full: Tensor | None = None,
        dq_kv_order: Tensor | bool | None = None,
    ) -> BlockMask:
        """A mask from the blocks of each row.

        Args:
            kv_num_blocks, kv_indices, full_kv_num_blocks, full_kv_indices: as of the class.
            BLOCK_SIZE: rows and columns of a block, or one number for both.
            mask_mod: nothing is left out of a block if None.
            seq_lengths: what the blocks cover, unless given.
            compute_q_blocks: whether the blocks of each column are found too.
            dq_write_order, dq_write_order_full, dq_kv_order: kept.

        Raises:
            RuntimeError: ``kv_indices`` has less than two dimensions.
            AssertionError: one of two that belong together is missing.

        >>> from numtorch.nn.attention.flex_attention import BlockMask
        >>> counts, places = torch.tensor([[[1, 2]]]), torch.tensor([[[[0, 1], [0, 1]]]])
        >>> BlockMask.from_kv_blocks(counts, places, BLOCK_SIZE=2).to_dense()
        tensor([[[[1, 0],
                  [1, 1]]]], dtype=torch.int32)
        """
        if kv_indices.dim() < 2:
            raise RuntimeError("BlockMask must have at least 2 dimensions")
        size = (BLOCK_SIZE, BLOCK_SIZE) if isinstance(BLOCK_SIZE, int) else BLOCK_SIZE
        if seq_lengths is None:
            seq_lengths = (kv_indices.shape[-2] * size[0], kv_indices.shape[-1] * size[1])
        of_columns: list[Any] = [None] * 4
        if compute_q_blocks:
            of_columns[:2] = _ordered(_dense(kv_num_blocks, kv_indices).transpose(-2, -1))
            if full_kv_num_blocks is not None and full_kv_indices is not None:
                of_columns[2:] = _ordered(_dense(full_kv_num_blocks, full_kv_indices).transpose(-2, -1))
        return cls(
            seq_lengths,
            kv_num_blocks,
            kv_indices,
            full_kv_num_blocks,
            full_kv_indices,
            of_columns[0],
            of_columns[1],
            of_columns[2],
            of_columns[3],
            BLOCK_SIZE=size,
            mask_mod=noop_mask if mask_mod is None else mask_mod,
            dq_write_order=dq_write_order,
            dq_write_order_full=dq_write_order_full,
            dq_kv_order=dq_kv_order if isinstance(dq_kv_order, Tensor) else None,
            dq_kv_order_spt=dq_kv_order if isinstance(dq_kv_order, bool) else None,
        )

    def as_tuple(self, flatten: bool = True) -> tuple:
        """All that the mask holds.

        Args:
            flatten: lengths and block sizes as numbers, not as pairs.

        >>> from numtorch.nn.attention.flex_attention import create_block_mask, noop_mask
        >>> create_block_mask(noop_mask, None, None, 8, 8, device="cpu").as_tuple()[:2]
        (8, 8)
        """
        lengths, sizes = (self.seq_lengths, self.BLOCK_SIZE) if flatten else ((self.seq_lengths,), (self.BLOCK_SIZE,))
        tensors = [getattr(self, n) for n in self._TENSOR_ATTRS]
        return (*lengths, *tensors, self.dq_kv_order_spt, *sizes, self.mask_mod)

    @property
    def shape(self) -> tuple[int, ...]:
        """(B, H, steps of the queries, steps of the keys)."""
        return (*self.kv_indices.shape[:-2], *self.seq_lengths)

    def numel(self) -> int:
        """How many scores there are, with those that are left out.

        >>> from numtorch.nn.attention.flex_attention import create_block_mask, noop_mask
        >>> create_block_mask(noop_mask, None, None, 8, 8, device="cpu").numel()
        64
        """
        return math.prod(self.shape)

    def sparsity(self) -> float:
        """The percentage of the scores that is in no block.

        >>> from numtorch.nn.attention.flex_attention import create_block_mask
        >>> create_block_mask(lambda b, h, q, k: q >= k, None, None, 512, 512, device="cpu").sparsity()
        37.5
        """
        blocks = self.kv_num_blocks.sum()
        if self.full_kv_num_blocks is not None:
            blocks = blocks + self.full_kv_num_blocks.sum()
        return 100 * (1 - blocks.item() * self.BLOCK_SIZE[0] * self.BLOCK_SIZE[1] / self.numel())

    def to_dense(self) -> Tensor:
        """Which blocks are computed: 1 or 0 for each, int32, (B, H, rows, columns).

        >>> from numtorch.nn.attention.flex_attention import create_block_mask
        >>> create_block_mask(lambda b, h, q, k: q >= k, None, None, 256, 256, device="cpu").to_dense()
        tensor([[[[1, 0],
                  [1, 1]]]], dtype=torch.int32)
        """
        partial = _dense(self.kv_num_blocks, self.kv_indices)
        if self.full_kv_num_blocks is None or self.full_kv_indices is None:
            return partial
        return partial | _dense(self.full_kv_num_blocks, self.full_kv_indices)

    def to_string(self, grid_size: int | tuple[int, int] = (20, 20), limit: int = 4) -> str:
        """The blocks as a picture: those that are computed are black, those of a part of which are grey.

        Args:
            grid_size: the largest number of rows and columns; -1 for all.
            limit: of how many heads.

        >>> from numtorch.nn.attention.flex_attention import create_block_mask
        >>> mask = create_block_mask(lambda b, h, q, k: q >= k, None, None, 256, 256, device="cpu")
        >>> mask.to_string().split()
        ['(0,', '0)', '██', '████']
        """
        dense = self.to_dense()
        *batch, rows, columns = dense.shape
        most = (grid_size, grid_size) if isinstance(grid_size, int) else grid_size
        steps = [1 if m == -1 else max(1, -(-n // m)) for n, m in zip((rows, columns), most, strict=True)]
        pictures = []
        for number, place in enumerate(itertools.product(*map(range, batch))):
            if number == limit:
                pictures += [
                    "...",
                    "To print out more, set BlockMask.to_string(limit=N)",
                    "You can also index (BlockMask[batch, head]) to choose a specific batch or head",
                ]
                break
            text = f"{place}\n"
            for r in range(0, rows, steps[0]):
                parts = [
                    dense[place][r : r + steps[0], c : c + steps[1]].float().mean().item()
                    for c in range(0, columns, steps[1])
                ]
                text += "".join(2 * ("█" if p == 1 else "░" if p else " ") for p in parts) + "\n"
            pictures.append(text)
        return "\n".join(pictures)

    def to(self, device: Any) -> BlockMask:
        """The mask on another device.

        Args:
            device: which.

        >>> from numtorch.nn.attention.flex_attention import create_block_mask, noop_mask
        >>> create_block_mask(noop_mask, None, None, 8, 8).to("cpu").kv_indices.device
        device(type='cpu')
        """
        there = copy.copy(self)
        for n in self._TENSOR_ATTRS:
            t = getattr(self, n)
            setattr(there, n, None if t is None else t.to(device))
        return there

    def _part(self, counts: Any, mask_mod: Callable, lengths: tuple[int, int]) -> BlockMask:
        return BlockMask.from_kv_blocks(
            counts[0],
            counts[1],
            counts[2],
            counts[3],
            BLOCK_SIZE=self.BLOCK_SIZE,
            mask_mod=mask_mod,
            seq_lengths=lengths,
            compute_q_blocks=self.q_indices is not None,
            dq_kv_order=self.dq_kv_order_spt,
        )

    def _of_rows(self) -> list[Tensor | None]:
        return [self.kv_num_blocks, self.kv_indices, self.full_kv_num_blocks, self.full_kv_indices]

    def __getitem__(self, index: Any) -> BlockMask:
        """The mask of some batches, heads and rows of blocks; no dimension goes. Its ``mask_mod`` must be set."""
        given = index if isinstance(index, tuple) else (index,)
        given = (*given, *[slice(None)] * 3)[:3]
        key = []
        for i, n in zip(given, self.kv_num_blocks.shape, strict=False):
            first = i + n if isinstance(i, int) and -n <= i < 0 else i
            key.append(slice(first, first + 1) if isinstance(i, int) else i)
        return self._part([None if t is None else t[tuple(key)] for t in self._of_rows()], _sliced, self.seq_lengths)

    def _adjust(self, new_q_len: int, new_kv_len: int) -> BlockMask:
        """The upper left corner of the mask."""
        rows, columns = -(-new_q_len // self.BLOCK_SIZE[0]), -(-new_kv_len // self.BLOCK_SIZE[1])
        found: list[Tensor | None] = []
        for counts, indices in zip(self._of_rows()[::2], self._of_rows()[1::2], strict=True):
            if counts is None or indices is None:
                found += [None, None]
            else:
                found += _ordered(_dense(counts, indices)[..., :rows, :columns])
        return self._part(found, self.mask_mod, (new_q_len, new_kv_len))

    def _taken(self, sizes: tuple[int, int, int, int], device: Any) -> Tensor:
        """For each score whether it is computed."""
        taken = _for_all(self.mask_mod, 0)(*_numbers(sizes, device))
        if self.mask_mod is noop_mask and self.BLOCK_SIZE[0] == _WHOLE:
            return taken
        partial = self._spread(_dense(self.kv_num_blocks, self.kv_indices), sizes)
        if self.full_kv_num_blocks is None or self.full_kv_indices is None:
            return partial & taken
        return self._spread(_dense(self.full_kv_num_blocks, self.full_kv_indices), sizes) | (partial & taken)

    def _spread(self, blocks: Tensor, sizes: tuple) -> Tensor:
        """What is said of blocks, of each of their scores."""
        each = blocks.bool().repeat_interleave(self.BLOCK_SIZE[0], -2).repeat_interleave(self.BLOCK_SIZE[1], -1)
        return each[..., : sizes[2], : sizes[3]]

    def __str__(self) -> str:
        return f"BlockMask(shape={self.shape}, sparsity={self.sparsity():.2f}%, \n{self.to_string().strip()}\n)"

    def __repr__(self) -> str:
        shapes = [f"    {n}={None if (t := getattr(self, n)) is None else t.shape},\n" for n in self._TENSOR_ATTRS[:8]]
        return (
            f"BlockMask(\n{''.join(shapes)}    BLOCK_SIZE={self.BLOCK_SIZE},\n    shape={self.shape},\n"
            f"    sparsity={self.sparsity():.2f}%,\n    mask_mod={getattr(self.mask_mod, '__name__', self.mask_mod)}\n)"
        )


def create_block_mask(
    mask_mod: Callable,
    B: int | None,
    H: int | None,
    Q_LEN: int,
    KV_LEN: int,
    device: Any = None,
    BLOCK_SIZE: int | tuple[int, int] = _BLOCK,
    _compile: bool = False,
    separate_full_blocks: bool = True,
    compute_dq_write_order: bool = False,
    dq_kv_order: bool = True,
) -> BlockMask:
    """The blocks of which a function takes scores.

    Args:
        mask_mod: ``(b, h, q_idx, kv_idx)`` to bool, all 0-dim.
        B, H: batches and heads; 1 if None, where the function does not depend on them.
        Q_LEN, KV_LEN: steps of the queries and of the keys.
        device: the CPU unless given.
        BLOCK_SIZE: rows and columns of a block, or one number for both.
        separate_full_blocks: keep blocks that are taken as a whole apart.
        compute_dq_write_order, dq_kv_order: accepted; gradients are added in a fixed order anyway.

    Raises:
        AssertionError: the function takes not four arguments.
        ValueError: ``dq_kv_order`` is no bool.

    >>> mask = torch.nn.attention.flex_attention.create_block_mask(lambda b, h, q, k: q >= k, 1, 1, 256, 256)
    >>> mask.kv_num_blocks, mask.full_kv_num_blocks
    (tensor([[[1, 1]]], dtype=torch.int32), tensor([[[0, 1]]], dtype=torch.int32))
    """
    if _arguments(mask_mod) != 4:
        raise AssertionError(f"create-block_mask requires a mask_mod function! Got {mask_mod}")
    if not isinstance(dq_kv_order, bool):
        raise ValueError("dq_kv_order must be a bool when using create_block_mask")
    size = (BLOCK_SIZE, BLOCK_SIZE) if isinstance(BLOCK_SIZE, int) else BLOCK_SIZE
    mask = create_mask(mask_mod, B, H, Q_LEN, KV_LEN, device)
    mask = torch.nn.functional.pad(mask, (0, -KV_LEN % size[1], 0, -Q_LEN % size[0]))
    rows, columns = mask.shape[-2] // size[0], mask.shape[-1] // size[1]
    counts = mask.view(*mask.shape[:2], rows, size[0], columns, size[1]).sum((3, 5))
    whole = counts == size[0] * size[1] if separate_full_blocks else None
    some = (counts > 0) if whole is None else (counts > 0) & ~whole
    full: tuple = (None, None) if whole is None else _ordered(whole)
    counted, places = _ordered(some)
    return BlockMask.from_kv_blocks(
        counted, places, full[0], full[1], BLOCK_SIZE=size, mask_mod=mask_mod, seq_lengths=(Q_LEN, KV_LEN)
    )


def _check(query: Tensor, key: Tensor, value: Tensor, block_mask: BlockMask | None, enable_gqa: bool) -> None:
    if not query.device == key.device == value.device:
        raise ValueError(
            "Expected query, key, and value to have the same device type, but got query.device: "
            f"{query.device}, key.device: {key.device}, and value.device: {value.device} instead."
        )
    if query.ndim != 4 or key.ndim != 4 or value.ndim != 4:
        raise NotImplementedError(
            "NYI: query, key, and value must be 4D tensors, (batch, heads, steps, width); got "
            f"{query.ndim}D, {key.ndim}D and {value.ndim}D"
        )
    if query.shape[-1] != key.shape[-1]:
        raise ValueError(
            "Expect query and key/value to have the same embedding dimension but got "
            f"E={query.shape[-1]} and E={key.shape[-1]}."
        )
    heads, of_keys = query.shape[1], key.shape[1]
    if not enable_gqa and heads != of_keys:
        raise ValueError(
            "Expect query and key/value to have the same number of heads but got "
            f"Hq={heads} and Hkv={of_keys}. Try setting enable_gqa=True for GQA."
        )
    if enable_gqa and heads % of_keys:
        raise ValueError(
            f"Expect number of query heads to be a multiple of kv heads for GQA but got Hq={heads} and Hkv={of_keys}."
        )
    if block_mask is None:
        if query.shape[0] != key.shape[0]:
            raise ValueError(
                "Expect query and key/value to have the same batch size, or non-none block_mask, but got "
                f"block_mask=None, Bq={query.shape[0]}, and Bkv={key.shape[0]}."
            )
        return
    if query.shape[0] != key.shape[0] and block_mask.kv_num_blocks.shape[0] != query.shape[0]:
        raise ValueError(
            "Expect query and key/value to have the same batch size, or block_mask and query to have the same batch "
            f"size, but got Bq={query.shape[0]}, Bkv={key.shape[0]}, "
            f"B_block_mask={block_mask.kv_num_blocks.shape[0]}."
        )
    if block_mask.mask_mod is _sliced:
        raise RuntimeError("Cannot use mask_mod from a sliced BlockMask; set that of the mask that was sliced")
    lengths = (query.shape[-2], key.shape[-2])
    if lengths != tuple(block_mask.seq_lengths):
        smaller = any(n > m for n, m in zip(lengths, block_mask.seq_lengths, strict=True))
        remedy = (
            "a smaller length than you're using it for, you likely need to create a new block mask."
            if smaller
            else "a larger length than you're using it for, you can either 1. create a new block mask with the correct "
            "length, or 2. 'adjust' the existing block mask to the correct length by calling "
            "block_mask._adjust(q_len, kv_len)."
        )
        raise ValueError(
            f"block_mask was created for block_mask.shape={block_mask.shape} but got q_len={lengths[0]} and "
            f"kv_len={lengths[1]}. As the block mask was created for {remedy}"
        )
    if query.device != block_mask.kv_num_blocks.device:
        raise RuntimeError(
            f"Expect q/k/v and block_mask to be on the same device but got {query.device} and "
            f"{block_mask.kv_num_blocks.device}."
        )


def flex_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    score_mod: Callable | None = None,
    block_mask: BlockMask | None = None,
    scale: float | None = None,
    enable_gqa: bool = False,
    return_lse: bool = False,
    kernel_options: Any = None,
    *,
    return_aux: AuxRequest | None = None,
) -> Any:
    """``softmax(score_mod(query @ key.T * scale)) @ value``, of the scores that a mask takes.

    A row of which the mask takes no score is 0. See ``flex_attention`` in https://pytorch.org/docs/stable/nn.attention.html

    Args:
        query: (B, Hq, L, E).
        key: (B, Hkv, S, E).
        value: (B, Hkv, S, Ev).
        score_mod: ``(score, b, h, q_idx, kv_idx)``, all 0-dim, to another score. It may read other tensors, which get
            gradients.
        block_mask: what ``create_block_mask`` gives.
        scale: ``1 / sqrt(E)`` unless given.
        enable_gqa: whether several heads of ``query`` may share one of ``key`` and ``value``.
        return_lse: the older way to ask for ``AuxRequest(lse=True)``.
        kernel_options: accepted; makes no difference.
        return_aux: what else to return.

    Returns:
        (B, Hq, L, Ev); with ``return_aux`` also an ``AuxOutput``, with ``return_lse`` also the logarithm of the sum of
        the exponentials of each row's scores, (B, Hq, L).

    Raises:
        NotImplementedError: an operand does not have four dimensions.
        ValueError: sizes, or the mask's lengths, do not fit.
        RuntimeError: the mask is on another device, or is part of one and has no ``mask_mod`` of its own.

    Source: Dong et al., Flex Attention: A Programming Model for Generating Optimized Attention Kernels (2024).

    >>> q = k = v = torch.eye(3).view(1, 1, 3, 3)
    >>> nearer = lambda score, b, h, q_idx, kv_idx: score - (q_idx - kv_idx).abs()
    >>> torch.nn.attention.flex_attention.flex_attention(q, k, v, nearer)[0, 0, 0]
    tensor([0.7797, 0.1610, 0.0592])
    """
    _check(query, key, value, block_mask, enable_gqa)
    if return_lse and return_aux is not None:
        raise ValueError("Cannot specify both return_lse and return_aux; use return_aux=AuxRequest(lse=True) instead.")
    if return_lse:
        notices.warn("return_lse is deprecated: return_aux=AuxRequest(lse=True) follows it", FutureWarning)
    sizes = (*query.shape[:3], key.shape[2])
    taken = None if block_mask is None else block_mask._taken(sizes, query.device)
    if key.shape[0] != query.shape[0]:
        key, value = (t.expand(query.shape[0], -1, -1, -1) for t in (key, value))
    if score_mod is None and return_aux is None and not return_lse:
        return torch.nn.functional.scaled_dot_product_attention(
            query, key, value, taken, scale=scale, enable_gqa=enable_gqa
        )
    if key.shape[1] != query.shape[1]:
        key, value = (t.repeat_interleave(query.shape[1] // key.shape[1], 1) for t in (key, value))
    working = torch.float64 if query.dtype is torch.float64 else torch.float32
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = (query @ key.transpose(-2, -1)).to(working) * scale
    if score_mod is not None:
        scores = _for_all(score_mod, 1)(scores, *_numbers(sizes, query.device))
    if taken is not None:
        scores = torch.where(taken, scores, -math.inf)
    # in rows of which nothing is taken softmax and its gradient would be NaN
    empty = (scores == -math.inf).all(-1, keepdim=True)
    weights = torch.where(empty, 0.0, torch.softmax(torch.where(empty, 0.0, scores), -1))
    result = weights.to(query.dtype) @ value
    if return_aux is None and not return_lse:
        return result
    lse = torch.logsumexp(torch.where(empty, 0.0, scores), -1)
    lse = torch.where(empty.squeeze(-1), -math.inf, lse)
    if return_aux is None:
        return result, lse
    return result, AuxOutput(lse if return_aux.lse else None, scores.amax(-1) if return_aux.max_scores else None)
