"""Causal masks for attention over queries and keys of different numbers."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from numtorch._tensor import Tensor, alias
from numtorch.dtype import bool as BOOL
from numtorch.ops.creation import ones


class CausalVariant(IntEnum):
    """Which keys the first query sees: ``UPPER_LEFT``, the first; ``LOWER_RIGHT``, all but those that only later
    queries see, so that the last query sees all.

    >>> from numtorch.nn.attention.bias import CausalVariant
    >>> CausalVariant(2).name
    'LOWER_RIGHT'
    """

    UPPER_LEFT = 1
    LOWER_RIGHT = 2


class CausalBias(Tensor):
    """A causal mask: True where a query sees a key.

    Differs from torch: its elements are there from the start, so that all that takes a mask takes it.

    Args:
        variant: where the triangle begins.
        seq_len_q: how many queries there are.
        seq_len_kv: how many keys.

    Raises:
        TypeError: ``variant`` is no ``CausalVariant``.

    >>> from numtorch.nn.attention.bias import CausalBias, CausalVariant
    >>> CausalBias(CausalVariant.UPPER_LEFT, 2, 3).tolist()
    [[True, False, False], [True, True, False]]
    """

    variant: CausalVariant
    seq_len_q: int
    seq_len_kv: int

    def __new__(cls, variant: CausalVariant, seq_len_q: int, seq_len_kv: int) -> CausalBias:
        if not isinstance(variant, CausalVariant):
            raise TypeError(f"CausalBias takes a CausalVariant, not {variant!r}")
        later = seq_len_kv - seq_len_q if variant is CausalVariant.LOWER_RIGHT else 0
        mask: Any = alias(ones(seq_len_q, seq_len_kv, dtype=BOOL).tril(later))
        mask.__class__ = cls
        mask.variant, mask.seq_len_q, mask.seq_len_kv = variant, seq_len_q, seq_len_kv
        return mask


def causal_upper_left(*size: int) -> CausalBias:
    """The mask in which query i sees the keys 0 to i.

    Args:
        *size: how many queries and how many keys.

    Returns:
        The mask.

    Raises:
        ValueError: there are not two numbers.

    >>> from numtorch.nn.attention.bias import causal_upper_left
    >>> causal_upper_left(2, 3).tolist()
    [[True, False, False], [True, True, False]]
    """
    return CausalBias(CausalVariant.UPPER_LEFT, *_two(size))


def causal_lower_right(*size: int) -> CausalBias:
    """The mask in which the last query sees all keys, and each one before it one key less.

    Args:
        *size: how many queries and how many keys.

    Returns:
        The mask.

    Raises:
        ValueError: there are not two numbers.

    >>> from numtorch.nn.attention.bias import causal_lower_right
    >>> causal_lower_right(2, 3).tolist()
    [[True, True, False], [True, True, True]]
    """
    return CausalBias(CausalVariant.LOWER_RIGHT, *_two(size))


def _two(size: tuple[int, ...]) -> tuple[int, int]:
    if len(size) != 2:
        raise ValueError(f"causal masks are of a number of queries and one of keys, but got {size}")
    return size
