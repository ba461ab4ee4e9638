"""Losses as modules: each applies the function of ``functional`` that it is named after."""

from __future__ import annotations

import ast
import inspect
import math
import re
from collections.abc import Callable
from typing import Any

from numtorch import notices
from numtorch._tensor import Tensor
from numtorch.exports import LOSSES
from numtorch.nn import functional as F
from numtorch.nn.distance import PairwiseDistance
from numtorch.nn.linear import Linear
from numtorch.nn.module import Module
from numtorch.ops.loss import reduction_of


class _Loss(Module):
    """``reduction``: ``"mean"``, ``"sum"`` or ``"none"``. ``size_average`` and ``reduce`` are its old names."""

    reduction: str

    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"):
        super().__init__()
        self.reduction = reduction_of(size_average, reduce, reduction)


class _WeightedLoss(_Loss):
    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


class CrossEntropyLoss(_WeightedLoss):
    """``-log(softmax(input)[target])``: the negative log-probability of the target classes, from scores.

    Args:
        weight: (C,), how much each class counts; all alike if None.
        size_average, reduce: old forms of ``reduction``; they warn.
        ignore_index: a class number whose targets do not count.
        reduction: ``"mean"`` (by weight, over the targets that count), ``"sum"``, or ``"none"`` for a loss of each
            target.
        label_smoothing: how much of the target is spread evenly over the classes, at most 1.

    Shape:
        input: scores, (N, C), (C) or (N, C, d1, ...).
        target: class numbers (int64) in the shape of ``input`` without C, or probabilities in its shape.
        output: 0-dim, or the shape of ``input`` without C for ``"none"``.

    See https://pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html

    >>> torch.nn.CrossEntropyLoss()(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
    tensor(0.6931)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ):
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class NLLLoss(_WeightedLoss):
    """``-input[target]``: the negative log-probability of the target classes, from log-probabilities.

    Args:
        weight: (C,), how much each class counts; all alike if None.
        size_average, reduce: old forms of ``reduction``; they warn.
        ignore_index: a class number whose targets do not count.
        reduction: ``"mean"`` (by weight, over the targets that count), ``"sum"``, or ``"none"`` for a loss of each
            target.

    Shape:
        input: log-probabilities, (N, C), (C) or (N, C, d1, ...).
        target: class numbers (int64), in the shape of ``input`` without C.
        output: 0-dim, or the shape of ``target`` for ``"none"``.

    >>> torch.nn.NLLLoss()(torch.tensor([[-1.0, -0.5]]), torch.tensor([1]))
    tensor(0.5000)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ):
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.nll_loss(input, target, weight=self.weight, ignore_index=self.ignore_index, reduction=self.reduction)


class MSELoss(_Loss):
    """``(input - target)**2``, averaged over all elements.

    Args:
        size_average, reduce: old forms of ``reduction``; they warn.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for a loss of each element.

    Shape:
        input: any.
        target: the same.
        output: 0-dim, or the same for ``"none"``.

    >>> torch.nn.MSELoss()(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(2.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(_Loss):
    """``|input - target|``, averaged over all elements.

    Args:
        size_average, reduce: old forms of ``reduction``; they warn.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for a loss of each element.

    Shape:
        input: any.
        target: the same.
        output: 0-dim, or the same for ``"none"``.

    >>> torch.nn.L1Loss()(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(1.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    """``d**2 / (2 * beta)`` where ``d = |input - target|`` is below ``beta``, else ``d - beta / 2`` (Girshick 2015).

    Args:
        size_average, reduce: old forms of ``reduction``; they warn.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for a loss of each element.
        beta: where the parabola becomes a line; 0 gives ``L1Loss``.

    Shape:
        input: any.
        target: the same.
        output: 0-dim, or the same for ``"none"``.

    >>> torch.nn.SmoothL1Loss(reduction="none")(torch.tensor([1.0, 3.0]), torch.tensor([0.5, 0.0]))
    tensor([0.1250, 2.5000])
    """

    def __init__(
        self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean", beta: float = 1.0
    ):
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    """``d**2 / 2`` where ``d = |input - target|`` is at most ``delta``, else ``delta * (d - delta / 2)`` (Huber 1964).

    Args:
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for a loss of each element.
        delta: where the parabola becomes a line; positive.

    Shape:
        input: any.
        target: the same.
        output: 0-dim, or the same for ``"none"``.

    >>> torch.nn.HuberLoss(reduction="none")(torch.tensor([1.0, 3.0]), torch.tensor([0.5, 0.0]))
    tensor([0.1250, 2.5000])
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0):
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class BCELoss(_WeightedLoss):
    """``-(target * log(input) + (1 - target) * log(1 - input))``: binary cross entropy of probabilities.

    Args:
        weight: factor of each element's loss, of a shape that broadcasts to the input's.
        size_average, reduce: old forms of ``reduction``; they warn.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for a loss of each element.

    Shape:
        input: probabilities from 0 to 1, of any shape.
        target: the same.
        output: 0-dim, or the same for ``"none"``.

    >>> torch.nn.BCELoss()(torch.tensor([0.5, 0.9]), torch.tensor([0.0, 1.0]))
    tensor(0.3993)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    """Binary cross entropy of ``sigmoid(input)``, without overflow.

    Args:
        weight: factor of each element's loss, of a shape that broadcasts to the input's.
        size_average, reduce: old forms of ``reduction``; they warn.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for a loss of each element.
        pos_weight: how many times positive targets count, of a shape that broadcasts to the input's.

    Shape:
        input: scores of any shape, floating point.
        target: the same, probabilities from 0 to 1.
        output: 0-dim, or the same for ``"none"``.

    >>> torch.nn.BCEWithLogitsLoss()(torch.tensor([0.0, 2.0]), torch.tensor([0.0, 1.0]))
    tensor(0.4100)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    weight: Tensor | None
    pos_weight: Tensor | None

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            input, target, weight=self.weight, pos_weight=self.pos_weight, reduction=self.reduction
        )


class KLDivLoss(_Loss):
    """``target * (log(target) - input)``: the Kullback-Leibler divergence of ``exp(input)`` from the target.

    Args:
        size_average, reduce: old forms of ``reduction``; they warn.
        reduction: ``"batchmean"`` divides the sum by the batch size, as the divergence is defined; ``"mean"`` divides
            by the number of elements, and warns; ``"sum"``; ``"none"`` for a loss of each element.
        log_target: the target is log-probabilities.

    Shape:
        input: log-probabilities of any shape, floating point.
        target: the same, probabilities (or log-probabilities).
        output: 0-dim, or the same for ``"none"``.

    >>> torch.nn.KLDivLoss(reduction="batchmean")(torch.tensor([[-1.0, -0.5]]), torch.tensor([[0.5, 0.5]]))
    tensor(0.0569)
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        log_target: bool = False,
    ):
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class NLLLoss2d(NLLLoss):
    """The old name of ``NLLLoss``, which takes images as well.

    Args:
        weight, size_average, ignore_index, reduce, reduction: as of ``NLLLoss``.

    Shape: as of ``NLLLoss``.

    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     loss = torch.nn.NLLLoss2d()
    >>> loss(torch.full((1, 2, 1, 1), -2.0), torch.tensor([[[1]]]))
    tensor(2.)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ):
        notices.warn(
            "NLLLoss2d has been deprecated. Please use NLLLoss instead as a drop-in replacement and see "
            "https://pytorch.org/docs/main/nn.html#torch.nn.NLLLoss for more details.",
            FutureWarning,
        )
        super().__init__(weight, size_average, ignore_index, reduce, reduction)


class MarginRankingLoss(_Loss):
    """``max(0, -target * (input1 - input2) + margin)``: which of two is to be larger.

    Args:
        margin: by how much.
        size_average, reduce: old forms of ``reduction``; they warn.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for a loss of each pair.

    Shape:
        input1, input2: (N) or ().
        target: 1 where ``input1`` is to be larger, -1 where ``input2`` is, likewise.
        output: 0-dim, or the same for ``"none"``.

    >>> x, y = torch.tensor([1.0, 2.0]), torch.tensor([2.0, 0.0])
    >>> torch.nn.MarginRankingLoss()(x, y, torch.tensor([1.0, 1.0]))
    tensor(0.5000)
    """

    def __init__(
        self, margin: float = 0.0, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
    ):
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.margin_ranking_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class CosineEmbeddingLoss(_Loss):
    """``1 - cos(input1, input2)`` where the target is 1, ``max(0, cos(input1, input2) - margin)`` where it is -1.

    Args:
        margin: from -1 to 1.
        size_average, reduce: old forms of ``reduction``; they warn.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for a loss of each pair.

    Shape:
        input1, input2: (N, D) or (D).
        target: (N) or (), of 1 and -1.
        output: 0-dim, or the shape of ``target`` for ``"none"``.

    >>> x, y = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    >>> torch.nn.CosineEmbeddingLoss()(x, y, torch.tensor([1]))
    tensor(1.)
    """

    def __init__(
        self, margin: float = 0.0, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
    ):
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.cosine_embedding_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class TripletMarginLoss(_Loss):
    """``max(0, |anchor - positive| - |anchor - negative| + margin)``, in the p-norm.

    Args:
        margin: by how much the negative is to be farther away.
        p: the order of the norm.
        eps: added to each difference.
        swap: take the distance from positive to negative where it is less (Balntas et al. 2016).
        size_average, reduce: old forms of ``reduction``; they warn.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for a loss of each triplet.

    Shape: three inputs (N, D) or (D), to 0-dim, or (N) for ``"none"``.

    Raises:
        ValueError: ``margin`` is not positive.

    >>> a, b, c = torch.tensor([[0.0]]), torch.tensor([[1.0]]), torch.tensor([[3.0]])
    >>> torch.nn.TripletMarginLoss(3.0)(a, b, c)
    tensor(1.)
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ):
        super().__init__(size_average, reduce, reduction)
        if margin <= 0:
            raise ValueError(f"TripletMarginLoss: expected margin to be greater than 0, got {margin} instead")
        self.margin, self.p, self.eps, self.swap = margin, p, eps, swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_loss(
            anchor, positive, negative, self.margin, self.p, self.eps, self.swap, reduction=self.reduction
        )


class TripletMarginWithDistanceLoss(_Loss):
    """``max(0, d(anchor, positive) - d(anchor, negative) + margin)`` for any distance d.

    Args:
        distance_function: d; the Euclidean distance if None.
        margin: by how much the negative is to be farther away.
        swap: take the distance from positive to negative where it is less.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for a loss of each triplet.

    Shape: three inputs that the distance takes, to 0-dim, or the shape of a distance for ``"none"``.

    Raises:
        ValueError: ``margin`` is not positive.

    >>> a, b, c = torch.tensor([[0.0]]), torch.tensor([[1.0]]), torch.tensor([[3.0]])
    >>> torch.nn.TripletMarginWithDistanceLoss(margin=3.0)(a, b, c)
    tensor(1.)
    """

    def __init__(
        self, *, distance_function: Any = None, margin: float = 1.0, swap: bool = False, reduction: str = "mean"
    ):
        super().__init__(reduction=reduction)
        if margin <= 0:
            raise ValueError(
                f"TripletMarginWithDistanceLoss: expected margin to be greater than 0, got {margin} instead"
            )
        self.distance_function = distance_function if distance_function is not None else PairwiseDistance()
        self.margin, self.swap = margin, swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )


class GaussianNLLLoss(_Loss):
    """``(log(var) + (input - target) ** 2 / var) / 2``: the negative log-likelihood of normal variables.

    Args:
        full: add ``log(2 * pi) / 2``.
        eps: the least variance that counts.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for a loss of each element.

    Shape:
        input, target: means and values, of any shape.
        var: variances, in the same shape, with a last dimension of 1 or without it; or a number.
        output: 0-dim, or the same for ``"none"``.

    >>> torch.nn.GaussianNLLLoss()(torch.tensor([1.0]), torch.tensor([3.0]), torch.tensor([2.0]))
    tensor(1.3466)
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean"):
        super().__init__(reduction=reduction)
        self.full, self.eps = full, eps

    def forward(self, input: Tensor, target: Tensor, var: Any) -> Tensor:
        return F.gaussian_nll_loss(input, target, var, full=self.full, eps=self.eps, reduction=self.reduction)


class CTCLoss(_Loss):
    """The negative log-probability that a sequence gives the target, once repeated labels and then blanks are left out.

    Args:
        blank: the class of no label.
        reduction: ``"mean"`` of the losses over the lengths of their targets, ``"sum"`` or ``"none"``.
        zero_infinity: let the loss and the gradient be 0 where the input is too short for its target.

    Shape:
        log_probs: (T, N, C) or (T, C), as of ``log_softmax``.
        targets: class numbers other than ``blank``: (N, S), padded; or all sequences one after the other.
        input_lengths: (N), at most T: how many steps of each sequence count.
        target_lengths: (N): how many labels each target has.
        output: 0-dim, or (N) for ``"none"``.

    Source: Graves et al. 2006, Connectionist Temporal Classification.
    See https://pytorch.org/docs/stable/generated/torch.nn.CTCLoss.html

    >>> x = torch.zeros(2, 1, 2).log_softmax(2)
    >>> torch.nn.CTCLoss()(x, torch.tensor([[1]]), [2], [1])
    tensor(0.2877)
    """

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False):
        super().__init__(reduction=reduction)
        self.blank, self.zero_infinity = blank, zero_infinity

    def forward(self, log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any) -> Tensor:
        return F.ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction, self.zero_infinity
        )


class LinearCrossEntropyLoss(_WeightedLoss):
    """The cross entropy of a linear layer's scores.

    Args:
        in_features: size of the input's last dimension.
        num_classes: C.
        out_features: sizes of further dimensions of the scores, which have C scores each.
        bias: add a learnt number to each score.
        device: where the parameters are made; the CPU by default.
        dtype: of the parameters; the default dtype if None.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for a loss of each target.
        weight: (C), how much each class counts; all alike if None.
        ignore_index: a class number whose targets do not count.
        label_smoothing: how much of the target is spread evenly over the classes, at most 1.
        options: accepted.

    Shape:
        input: (N, in_features) or (in_features).
        target: class numbers, (N, out_features) or (), or probabilities in the shape of the scores.
        output: 0-dim, or the shape of the targets for ``"none"``.

    Attributes:
        linear: ``Linear(in_features, C * out_features)``.

    Raises:
        RuntimeError: the weight has another shape, or ``label_smoothing`` is not between 0 and 1.

    >>> torch.nn.LinearCrossEntropyLoss(3, 2)(torch.zeros(1, 3), torch.tensor([1])).detach()
    tensor(0.6931)
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Any = None,
        dtype: Any = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: Any = None,
    ):
        if weight is not None and weight.shape != (num_classes,):
            raise RuntimeError(f"expected weight shape to be {(num_classes,)}, got {tuple(weight.shape)}")
        if not 0 <= label_smoothing <= 1:
            raise RuntimeError(f"expected label_smoothing to be in range [0, 1], got {label_smoothing}")
        super().__init__(weight, reduction=reduction)
        self.num_classes, self.out_features = num_classes, out_features
        self.ignore_index, self.label_smoothing, self.options = ignore_index, label_smoothing, options
        size = math.prod(out_features, start=num_classes)
        self.linear = Linear(in_features, size, bias=bias, device=device, dtype=dtype)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        shape, bias = (self.num_classes, *self.out_features), self.linear.bias
        return F.linear_cross_entropy(
            input,
            self.linear.weight.reshape(*shape, self.linear.in_features),
            target,
            linear_bias=None if bias is None else bias.reshape(shape),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            options=self.options,
        )

    def extra_repr(self) -> str:
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, "
            f"out_features={self.out_features}, bias={self.linear.bias is not None}, reduction={self.reduction}, "
            f"ignore_index={self.ignore_index}, label_smoothing={self.label_smoothing}, options={self.options}"
        )


def _documentation(name: str, loss: Callable) -> str:
    """The docstring of a loss for its module: the tensors become shapes, and the examples calls of the module."""
    summary, found, rest = inspect.cleandoc(loss.__doc__ or "").partition("\n\nArgs:\n")
    listed, _, rest = rest.partition("\n\n")
    entries = re.split(r"\n(?=    \w)", listed)
    tensors = [e for e in entries if re.match(r" *(input|target)\b", e)]
    options = [e for e in entries if e not in tensors]
    rest = re.sub(r"^Returns:\n    ", "    output: ", rest, flags=re.M)
    sections = (["Args:", *options, ""] if found else []) + ["Shape:", *tensors]
    text = summary + "\n\n" + "\n".join(sections) + ("\n" if "output: " in rest else "\n\n") + rest

    def example(line: re.Match) -> str:
        call = ast.parse(line[1], mode="eval").body
        if not isinstance(call, ast.Call) or ast.unparse(call.func) != f"torch.nn.functional.{loss.__name__}":
            return line[0]
        layer = ast.Call(ast.parse(f"torch.nn.{name}", mode="eval").body, call.args[2:], call.keywords)
        return ">>> " + ast.unparse(ast.Call(layer, call.args[:2], []))

    return re.sub(r"^>>> (torch\.nn\.functional\..*)$", example, text, flags=re.M)


def _module_of(name: str, loss: Callable) -> type:
    """The module of a loss that says its name: its options are the function's parameters after input and target."""
    _, _, *options = inspect.signature(loss).parameters.values()

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        given = signature.bind(self, *args, **kwargs)
        given.apply_defaults()
        values = dict(given.arguments)
        del values["self"]
        _Loss.__init__(
            self, values.pop("size_average", None), values.pop("reduce", None), values.pop("reduction", "mean")
        )
        self._options = tuple(values)
        for n, v in values.items():
            if n.endswith("weight"):
                self.register_buffer(n, v)
            else:
                setattr(self, n, v)

    def forward(self: Any, input: Tensor, target: Tensor) -> Tensor:
        return loss(input, target, **{n: getattr(self, n) for n in self._options}, reduction=self.reduction)

    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    signature = inspect.Signature([own, *[p.replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD) for p in options]])
    __init__.__signature__ = signature  # type: ignore[attr-defined]
    for method in (__init__, forward):
        method.__qualname__ = f"{name}.{method.__name__}"
    return type(
        name,
        (_Loss,),
        {"__init__": __init__, "forward": forward, "__doc__": _documentation(name, loss), "__module__": __name__},
    )


globals().update({name: _module_of(name, loss) for name, loss in LOSSES.items()})
