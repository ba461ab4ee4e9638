"""Layers whose inputs are indices."""

from __future__ import annotations

from typing import Any

from numtorch._tensor import Tensor
from numtorch.grad_mode import no_grad
from numtorch.nn import functional as F
from numtorch.nn import init
from numtorch.nn.module import Module
from numtorch.nn.parameter import Parameter
from numtorch.ops.creation import empty


class Embedding(Module):
    """Rows of a learnt table: each index becomes the table's row.

    Args:
        num_embeddings: number of rows; indices are from 0 to below it.
        embedding_dim: size of a row.
        padding_idx: index of a row that begins as 0 and gets no gradient.
        max_norm: rows that are looked up and have a larger norm are first scaled down to it, in the table.
        norm_type: order of that norm.
        scale_grad_by_freq: divide the gradient of a row by how often it stands in the batch.
        sparse: accepted; the gradient is always dense.
        device: where the table is made; the CPU by default.
        dtype: of the table; the default dtype if None.

    Shape: (*), of int64 or int32, to (*, embedding_dim).

    Attributes:
        weight: the table, (num_embeddings, embedding_dim), drawn from N(0, 1).

    Raises:
        AssertionError: ``padding_idx`` is not a row.

    See https://pytorch.org/docs/stable/generated/torch.nn.Embedding.html

    >>> torch.nn.Embedding(10, 3)(torch.tensor([[1, 2], [4, 5]])).shape
    torch.Size([2, 2, 3])
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise AssertionError("Padding_idx must be within num_embeddings")
            padding_idx %= num_embeddings
        self.num_embeddings, self.embedding_dim, self.padding_idx = num_embeddings, embedding_dim, padding_idx
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq, self.sparse = scale_grad_by_freq, sparse
        if _weight is None:
            self.weight = Parameter(
                empty((num_embeddings, embedding_dim), device=device, dtype=dtype), requires_grad=not _freeze
            )
            self.reset_parameters()
        else:
            if tuple(_weight.shape) != (num_embeddings, embedding_dim):
                raise AssertionError("Shape of weight does not match num_embeddings and embedding_dim")
            self.weight = Parameter(_weight, requires_grad=not _freeze)

    @no_grad()
    def reset_parameters(self) -> None:
        """Draw the table anew from N(0, 1); the row ``padding_idx`` becomes 0.

        >>> layer = torch.nn.Embedding(2, 3, padding_idx=0)
        >>> layer.reset_parameters()
        >>> layer.weight[0].detach()
        tensor([0., 0., 0.])
        """
        init.normal_(self.weight)
        if self.padding_idx is not None:
            self.weight[self.padding_idx].fill_(0)

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(
            input, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.sparse
        )

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.padding_idx is not None:
            text += f", padding_idx={self.padding_idx}"
        if self.max_norm is not None:
            text += f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        if self.scale_grad_by_freq:
            text += f", scale_grad_by_freq={self.scale_grad_by_freq}"
        return text + (", sparse=True" if self.sparse else "")

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """A layer around a given table.

        Args:
            embeddings: the table, (rows, dim); shared, not copied.
            freeze: do not learn it further.
            padding_idx: as of ``Embedding``.
            max_norm: as of ``Embedding``.
            norm_type: as of ``Embedding``.
            scale_grad_by_freq: as of ``Embedding``.
            sparse: as of ``Embedding``.

        Returns:
            A layer of the table's size.

        Raises:
            AssertionError: ``embeddings`` does not have two dimensions.

        >>> layer = torch.nn.Embedding.from_pretrained(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        >>> layer(torch.tensor([1]))
        tensor([[3., 4.]])
        """
        if embeddings.ndim != 2:
            raise AssertionError("Embeddings parameter is expected to be 2-dimensional")
        rows, cols = embeddings.shape
        return cls(
            rows, cols, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, _weight=embeddings, _freeze=freeze
        )
