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
        sparse: whether the gradient of the table is a sparse tensor, with the rows that were read.
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


class EmbeddingBag(Module):
    """Sums, means or maxima of rows of a learnt table, for each bag of indices.

    Args:
        num_embeddings: number of rows; indices are from 0 to below it.
        embedding_dim: size of a row.
        max_norm: rows that are looked up and have a larger norm are first scaled down to it, in the table.
        norm_type: order of that norm.
        scale_grad_by_freq: divide the gradient of a row by how often it is looked up.
        mode: ``"sum"``, ``"mean"`` or ``"max"``.
        sparse: whether the gradient of the table is a sparse tensor, with the rows that were read.
        include_last_offset: the last of the offsets is where the last bag ends.
        padding_idx: index of a row that begins as 0, does not count, and gets no gradient.
        device: where the table is made; the CPU by default.
        dtype: of the table; the default dtype if None.

    Shape:
        input: indices: (B, N), a bag in each row; or (N), all bags one after the other.
        offsets: (B), where each bag begins, for (N).
        per_sample_weights: factors of the rows, in the shape of ``input``; only with ``"sum"``.
        output: (B, embedding_dim).

    Attributes:
        weight: the table, (num_embeddings, embedding_dim), drawn from N(0, 1).

    Raises:
        AssertionError: ``padding_idx`` is not a row.

    See https://pytorch.org/docs/stable/generated/torch.nn.EmbeddingBag.html

    >>> torch.nn.EmbeddingBag(10, 3)(torch.tensor([[1, 2], [4, 5]])).shape
    torch.Size([2, 3])
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.num_embeddings, self.embedding_dim, self.max_norm = num_embeddings, embedding_dim, max_norm
        self.norm_type, self.scale_grad_by_freq, self.mode, self.sparse = norm_type, scale_grad_by_freq, mode, sparse
        self.include_last_offset = include_last_offset
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise AssertionError("padding_idx must be within num_embeddings")
            padding_idx %= num_embeddings
        self.padding_idx = padding_idx
        if _weight is None:
            self.weight = Parameter(empty((num_embeddings, embedding_dim), device=device, dtype=dtype))
            self.reset_parameters()
        else:
            if tuple(_weight.shape) != (num_embeddings, embedding_dim):
                raise AssertionError("Shape of weight does not match num_embeddings and embedding_dim")
            self.weight = Parameter(_weight)

    @no_grad()
    def reset_parameters(self) -> None:
        """Draw the table anew from N(0, 1); the row ``padding_idx`` becomes 0.

        >>> layer = torch.nn.EmbeddingBag(2, 3, padding_idx=0)
        >>> layer.reset_parameters()
        >>> layer.weight[0].detach()
        tensor([0., 0., 0.])
        """
        init.normal_(self.weight)
        if self.padding_idx is not None:
            self.weight[self.padding_idx].fill_(0)

    def forward(self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None) -> Tensor:
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.max_norm is not None:
            text += f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        if self.scale_grad_by_freq is not False:
            text += f", scale_grad_by_freq={self.scale_grad_by_freq}"
        text += f", mode={self.mode!r}"
        return text if self.padding_idx is None else text + f", padding_idx={self.padding_idx}"

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> EmbeddingBag:
        """A layer around a given table.

        Args:
            embeddings: the table, (rows, dim); shared, not copied.
            freeze: do not learn it further.
            max_norm, norm_type, scale_grad_by_freq, mode, sparse, include_last_offset, padding_idx: as of
                ``EmbeddingBag``.

        Returns:
            A layer of the table's size.

        Raises:
            AssertionError: ``embeddings`` does not have two dimensions.

        >>> layer = torch.nn.EmbeddingBag.from_pretrained(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        >>> layer(torch.tensor([[0, 1]]))
        tensor([[2., 3.]])
        """
        if embeddings.ndim != 2:
            raise AssertionError("Embeddings parameter is expected to be 2-dimensional")
        rows, cols = embeddings.shape
        layer = cls(
            rows, cols, max_norm, norm_type, scale_grad_by_freq, mode, sparse, embeddings, include_last_offset,
            padding_idx,
        )  # fmt: skip
        layer.weight.requires_grad = not freeze
        return layer
