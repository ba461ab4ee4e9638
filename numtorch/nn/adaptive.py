"""``AdaptiveLogSoftmaxWithLoss``: softmax over many classes, of which the rare ones stand in clusters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from numtorch._tensor import Tensor
from numtorch.nn import functional as F
from numtorch.nn.container import ModuleList, Sequential
from numtorch.nn.linear import Linear
from numtorch.nn.module import Module
from numtorch.ops import reduction
from numtorch.ops.arithmetic import logical_and
from numtorch.ops.creation import zeros
from numtorch.ops.indexing.elements import gather
from numtorch.ops.indexing.slices import index_copy, index_select
from numtorch.ops.movement import squeeze, unsqueeze
from numtorch.ops.movement.joining import cat
from numtorch.ops.movement.views import narrow


class _ASMoutput(NamedTuple):
    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log-probabilities of many classes: the frequent ones in a head, the others in clusters of smaller layers.

    Args:
        in_features: size of the input.
        n_classes: how many classes there are; the frequent ones have the lowest numbers.
        cutoffs: where clusters begin: increasing numbers from 1 to ``n_classes - 1``.
        div_value: cluster i has a layer of ``in_features // div_value ** (i + 1)`` features.
        head_bias: add learnt numbers in the head.
        device: where the parameters are made; the CPU by default.
        dtype: of the parameters; the default dtype if None.

    Shape:
        input: (N, in_features) or (in_features).
        target: class numbers, (N) or ().
        output: log-probabilities of the targets, (N) or (); and the loss, 0-dim: their negative mean.

    Raises:
        ValueError: the cutoffs are no such numbers.

    Source: Grave et al. 2017, Efficient softmax approximation for GPUs.
    See https://pytorch.org/docs/stable/generated/torch.nn.AdaptiveLogSoftmaxWithLoss.html

    >>> layer = torch.nn.AdaptiveLogSoftmaxWithLoss(32, 20, [5, 10])
    >>> layer(torch.zeros(3, 32), torch.tensor([0, 7, 19])).output.shape
    torch.Size([3])
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        cutoffs = list(cutoffs)
        if not cutoffs:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        if (
            cutoffs != sorted(set(cutoffs))
            or min(cutoffs) <= 0
            or max(cutoffs) > n_classes - 1
            or any(int(c) != c for c in cutoffs)
        ):
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each "
                "value is between 1 and n_classes-1"
            )
        self.in_features, self.n_classes, self.div_value, self.head_bias = in_features, n_classes, div_value, head_bias
        self.cutoffs = [*cutoffs, n_classes]
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        made = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **made)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            width, size = int(in_features // div_value ** (i + 1)), self.cutoffs[i + 1] - self.cutoffs[i]
            self.tail.append(
                Sequential(Linear(in_features, width, bias=False, **made), Linear(width, size, bias=False, **made))
            )

    def reset_parameters(self) -> None:
        """Draw all parameters anew.

        >>> torch.nn.AdaptiveLogSoftmaxWithLoss(32, 20, [5]).reset_parameters()
        """
        self.head.reset_parameters()
        for cluster in self.tail.modules():
            if isinstance(cluster, Linear):
                cluster.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> Any:
        if target_.ndim > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        if target_.ndim == 1 and input_.ndim != 2:
            raise RuntimeError(f"1D target tensor expects 2D input tensors, but found inputs with size {input_.shape}")
        if target_.ndim == 1 and input_.shape[0] != target_.shape[0]:
            raise RuntimeError("Input and target should have the same size in the batch dimension.")
        if target_.ndim == 0 and input_.ndim != 1:
            raise RuntimeError(f"0D target tensor expects 1D input tensors, but found inputs with size {input_.shape}")
        batched = target_.ndim > 0
        x, target = (input_, target_) if batched else (unsqueeze(input_, 0), unsqueeze(target_, 0))
        if target.shape.numel():
            low, high = int(reduction.min(target)), int(reduction.max(target))
            if low < 0 or high >= self.n_classes:
                raise RuntimeError(
                    f"Target values should be in [0, {self.n_classes - 1}], but values in range [{low}, {high}] were "
                    "found. "
                )
        output = zeros((x.shape[0],), dtype=x.dtype, device=x.device)
        in_head = target
        bounds = [0, *self.cutoffs]
        for i in range(self.n_clusters):
            low, high = bounds[i + 1], bounds[i + 2]
            rows = squeeze(logical_and(target >= low, target < high).nonzero(), 1)
            if not rows.shape[0]:
                continue
            logs = F.log_softmax(self.tail[i](index_select(x, 0, rows)), 1)
            own = gather(logs, 1, unsqueeze(index_select(target, 0, rows) - low, 1))
            output = index_copy(output, 0, rows, squeeze(own, 1))
            in_head = in_head.index_fill(0, rows, self.shortlist_size + i)
        head = F.log_softmax(self.head(x), 1)
        output = output + squeeze(gather(head, 1, unsqueeze(in_head, 1)), 1)
        loss = reduction.mean(-output)
        return _ASMoutput(output if batched else squeeze(output, 0), loss)

    def _get_full_log_prob(self, input: Tensor, head_output: Tensor) -> Tensor:
        head = F.log_softmax(head_output, 1)
        parts = [narrow(head, 1, 0, self.shortlist_size)]
        for i in range(self.n_clusters):
            own = F.log_softmax(self.tail[i](input), 1)
            parts.append(own + narrow(head, 1, self.shortlist_size + i, 1))
        return cat(parts, 1)

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities of all classes.

        Args:
            input: (N, in_features).

        Returns:
            (N, n_classes).

        >>> layer = torch.nn.AdaptiveLogSoftmaxWithLoss(32, 20, [5, 10])
        >>> layer.log_prob(torch.zeros(3, 32)).shape
        torch.Size([3, 20])
        """
        return self._get_full_log_prob(input, self.head(input))

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class of each row.

        Args:
            input: (N, in_features).

        Returns:
            (N), int64.

        >>> layer = torch.nn.AdaptiveLogSoftmaxWithLoss(32, 20, [5, 10])
        >>> layer.predict(torch.zeros(3, 32)).shape
        torch.Size([3])
        """
        return self.log_prob(input).argmax(1)
