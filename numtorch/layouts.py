"""``torch.layout`` and ``torch.memory_format``: how elements may lie in memory; here in rows, or by strides."""

from __future__ import annotations


class layout:
    """A layout of tensors; that of all tensors here is ``torch.strided``.

    Args:
        name: as it prints.

    >>> torch.zeros(1).layout, torch.zeros(1).layout == torch.sparse_coo
    (torch.strided, False)
    """

    def __init__(self, name: str):
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


class memory_format(layout):
    """An order of dimensions in memory. Ops accept it, and make row-major tensors.

    Args:
        name: as it prints.

    >>> torch.channels_last, torch.zeros(2, 3, 4, 5).is_contiguous(memory_format=torch.channels_last)
    (torch.channels_last, False)
    """


strided, sparse_coo, sparse_csr = layout("strided"), layout("sparse_coo"), layout("sparse_csr")
sparse_csc, sparse_bsr, sparse_bsc = layout("sparse_csc"), layout("sparse_bsr"), layout("sparse_bsc")
jagged = layout("jagged")
contiguous_format, preserve_format = memory_format("contiguous_format"), memory_format("preserve_format")
channels_last, channels_last_3d = memory_format("channels_last"), memory_format("channels_last_3d")
