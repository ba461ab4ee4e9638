"""Functions of ``torch`` that are like those of ``torch.nn.functional``: the same function, or one that takes its
arguments in another order. Layers called PyTorch's library directly under these names, and programs do.

``SAME`` lists the first kind. Reductions are numbers in the second: 0 none, 1 mean, 2 sum; none if nothing is said, as
in PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numtorch._tensor import Tensor
from numtorch.dtype import bool as boolean
from numtorch.exports import PLACES, exported
from numtorch.nn import functional as F
from numtorch.ops.creation import ones_like
from numtorch.ops.dropout import dropout as _dropout
from numtorch.ops.random import rand

SAME = """adaptive_avg_pool1d avg_pool1d bilinear celu celu_ conv1d conv2d conv3d conv_transpose1d
    conv_transpose2d conv_transpose3d cosine_similarity hardshrink max_pool1d max_pool2d max_pool3d
    pairwise_distance prelu rms_norm rrelu rrelu_ selu selu_ threshold threshold_ relu_"""
REDUCTIONS = ("none", "mean", "sum")

# Methods that are functions, too: in-place forms above all.
METHODS = """abs_ acos_ acosh_ addmv_ arccos_ arccosh_ arcsin_ arcsinh_ arctan_ arctanh_ as_strided_ asin_
    asinh_ atan_ atanh_ ceil_ clamp_ clamp_max_ clamp_min_ clip_ conj_physical_ cos_ cosh_ deg2rad_ detach_ erf_
    erfc_ exp2_ exp_ expm1_ fill_ fix_ floor_ frac_ gcd_ i0_ index_put_ lcm_ ldexp_ log10_ log1p_ log2_ log_
    logit_ nan_to_num_ neg_ negative_ rad2deg_ reciprocal_ resize_as_ round_ rsqrt_ sigmoid_ sin_ sinc_ sinh_
    sqrt_ square_ tan_ tanh_ trunc_ xlogy_ zero_ detach split_with_sizes"""


def _reduction(number: Any) -> str:
    if isinstance(number, int) and 0 <= number < len(REDUCTIONS):
        return REDUCTIONS[number]
    raise RuntimeError(f"{number!r} is not a valid value for reduction: 0 is none, 1 mean, 2 sum")


@exported("torch")
def batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = True,
) -> Tensor:
    """``nn.functional.batch_norm`` with its arguments in another order.

    Args:
        input, weight, bias, running_mean, running_var, training, momentum, eps: as there.
        cudnn_enabled: accepted.

    Returns:
        The shape of ``input``.

    >>> torch.batch_norm(torch.tensor([[1.0], [3.0]]), None, None, None, None, True, 0.1, 1e-9, True)
    tensor([[-1.],
            [ 1.]])
    """
    return F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


@exported("torch")
def instance_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = True,
) -> Tensor:
    """``nn.functional.instance_norm`` with its arguments in another order.

    Args:
        input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps: as there.
        cudnn_enabled: accepted.

    Returns:
        The shape of ``input``.

    >>> torch.instance_norm(torch.tensor([[[1.0, 3.0]]]), None, None, None, None, True, 0.1, 1e-9, True)
    tensor([[[-1.,  1.]]])
    """
    return F.instance_norm(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


@exported("torch")
def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Tensor:
    """``nn.functional.layer_norm``.

    Args:
        input, normalized_shape, weight, bias, eps: as there.
        cudnn_enable: accepted.

    Returns:
        The shape of ``input``.

    >>> torch.layer_norm(torch.tensor([1.0, 3.0]), [2], eps=0.0)
    tensor([-1.,  1.])
    """
    return F.layer_norm(input, normalized_shape, weight, bias, eps)


@exported("torch")
def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Tensor:
    """``nn.functional.group_norm``.

    Args:
        input, num_groups, weight, bias, eps: as there.
        cudnn_enabled: accepted.

    Returns:
        The shape of ``input``.

    >>> torch.group_norm(torch.tensor([[[1.0, 3.0]]]), 1, eps=0.0)
    tensor([[[-1.,  1.]]])
    """
    return F.group_norm(input, num_groups, weight, bias, eps)


@exported("torch")
def embedding(
    weight: Tensor, indices: Tensor, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False
) -> Tensor:
    """``nn.functional.embedding`` with the table as the first argument.

    Args:
        weight: the table.
        indices: which rows.
        padding_idx: a row that gets no gradient; -1 for none.
        scale_grad_by_freq, sparse: as there.

    Returns:
        The shape of ``indices``, and that of a row.

    >>> torch.embedding(torch.tensor([[1.0], [2.0]]), torch.tensor([1, 0]))
    tensor([[2.],
            [1.]])
    """
    padding = None if padding_idx == -1 else padding_idx
    return F.embedding(indices, weight, padding, scale_grad_by_freq=scale_grad_by_freq, sparse=sparse)


@exported("torch")
def dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """``nn.functional.dropout``, to which everything is said.

    Args:
        input: any shape.
        p: the probability of a zero.
        train: whether anything is done.

    Returns:
        The shape of ``input``.

    >>> torch.dropout(torch.ones(2), 0.5, False)
    tensor([1., 1.])
    """
    return _dropout(input, p, train)


@exported("torch")
def dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """In-place ``dropout``.

    Args:
        input, p, train: as there.

    Returns:
        ``input``.

    >>> torch.dropout_(torch.ones(2), 0.5, False)
    tensor([1., 1.])
    """
    return _dropout(input, p, train, True)


@exported("torch")
def alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """``nn.functional.alpha_dropout``, to which everything is said.

    Args:
        input, p: as there.
        train: whether anything is done.

    Returns:
        The shape of ``input``.

    >>> torch.alpha_dropout(torch.ones(2), 0.5, False)
    tensor([1., 1.])
    """
    return F.alpha_dropout(input, p, train)


@exported("torch")
def feature_alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """``nn.functional.feature_alpha_dropout``, to which everything is said.

    Args:
        input, p: as there.
        train: whether anything is done.

    Returns:
        The shape of ``input``.

    >>> torch.feature_alpha_dropout(torch.ones(2, 2), 0.5, False).sum()
    tensor(4.)
    """
    return F.feature_alpha_dropout(input, p, train)


@exported("torch")
def feature_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """Dropout of whole channels: of the two first dimensions.

    Args:
        input: (N, C, ...).
        p: the probability of a zero.
        train: whether anything is done.

    Returns:
        The shape of ``input``.

    Raises:
        RuntimeError: fewer than two dimensions.

    >>> torch.feature_dropout(torch.ones(1, 1, 3), 0.5, False)
    tensor([[[1., 1., 1.]]])
    """
    if input.ndim < 2:
        raise RuntimeError(f"feature_dropout: expected at least 2 dimensions, got {input.ndim}")
    if not train or not p:
        return _dropout(input, p, train)
    return input * _dropout(ones_like(input[(..., *[slice(1)] * (input.ndim - 2))]), p, train)


@exported("torch")
def native_dropout(input: Tensor, p: float, train: bool | None) -> tuple[Tensor, Tensor]:
    """Dropout, and which elements stayed.

    Args:
        input: floating point.
        p: the probability of a zero.
        train: whether anything is done; None for doing it.

    Returns:
        The result, and a mask of its shape.

    >>> torch.native_dropout(torch.ones(2), 0.5, False)
    (tensor([1., 1.]), tensor([True, True]))
    """
    if train is False:
        return input.clone(), ones_like(input, dtype=boolean)
    kept = rand(input.shape, device=input.device) >= p
    return input * kept * (0.0 if p == 1 else 1 / (1 - p)), kept


@exported("torch")
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: int = 0,
    zero_infinity: bool = False,
) -> Tensor:
    """``nn.functional.ctc_loss`` with a number for the reduction.

    Args:
        log_probs, targets, input_lengths, target_lengths, blank, zero_infinity: as there.
        reduction: 0 none, 1 mean, 2 sum.

    Returns:
        0 dims, or one loss for each sequence.

    Raises:
        RuntimeError: another ``reduction``.

    >>> torch.ctc_loss(torch.zeros(1, 1, 2), torch.tensor([[1]]), torch.tensor([1]), torch.tensor([1]), 0, 2)
    tensor(0.)
    """
    return F.ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, _reduction(reduction), zero_infinity)


@exported("torch")
def kl_div(input: Tensor, target: Tensor, reduction: int = 0, *, log_target: bool = False) -> Tensor:
    """``nn.functional.kl_div`` with a number for the reduction.

    Args:
        input, target, log_target: as there.
        reduction: 0 none, 1 mean, 2 sum.

    Returns:
        0 dims, or the broadcast shape.

    Raises:
        RuntimeError: another ``reduction``.

    >>> torch.kl_div(torch.zeros(2), torch.ones(2), 2)
    tensor(0.)
    """
    return F.kl_div(input, target, reduction=_reduction(reduction), log_target=log_target)


@exported("torch")
def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 0
) -> Tensor:
    """``nn.functional.cosine_embedding_loss`` with a number for the reduction.

    Args:
        input1, input2, target, margin: as there.
        reduction: 0 none, 1 mean, 2 sum.

    Returns:
        0 dims, or one loss for each pair.

    Raises:
        RuntimeError: another ``reduction``.

    >>> torch.cosine_embedding_loss(torch.ones(1, 2), torch.ones(1, 2), torch.tensor([1])).round()
    tensor([0.])
    """
    return F.cosine_embedding_loss(input1, input2, target, margin, reduction=_reduction(reduction))


@exported("torch")
def hinge_embedding_loss(input: Tensor, target: Tensor, margin: float = 1.0, reduction: int = 0) -> Tensor:
    """``nn.functional.hinge_embedding_loss`` with a number for the reduction.

    Args:
        input, target, margin: as there.
        reduction: 0 none, 1 mean, 2 sum.

    Returns:
        0 dims, or the shape of ``input``.

    Raises:
        RuntimeError: another ``reduction``.

    >>> torch.hinge_embedding_loss(torch.tensor([0.5]), torch.tensor([1.0]))
    tensor([0.5000])
    """
    return F.hinge_embedding_loss(input, target, margin, reduction=_reduction(reduction))


@exported("torch")
def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 0
) -> Tensor:
    """``nn.functional.margin_ranking_loss`` with a number for the reduction.

    Args:
        input1, input2, target, margin: as there.
        reduction: 0 none, 1 mean, 2 sum.

    Returns:
        0 dims, or the broadcast shape.

    Raises:
        RuntimeError: another ``reduction``.

    >>> torch.margin_ranking_loss(torch.tensor([1.0]), torch.tensor([3.0]), torch.tensor([1.0]))
    tensor([2.])
    """
    return F.margin_ranking_loss(input1, input2, target, margin, reduction=_reduction(reduction))


@exported("torch")
def poisson_nll_loss(input: Tensor, target: Tensor, log_input: bool, full: bool, eps: float, reduction: int) -> Tensor:
    """``nn.functional.poisson_nll_loss``, to which everything is said.

    Args:
        input, target, log_input, full, eps: as there.
        reduction: 0 none, 1 mean, 2 sum.

    Returns:
        0 dims, or the shape of ``input``.

    Raises:
        RuntimeError: another ``reduction``.

    >>> torch.poisson_nll_loss(torch.zeros(1), torch.ones(1), True, False, 1e-8, 1)
    tensor(1.)
    """
    return F.poisson_nll_loss(input, target, log_input, full, eps=eps, reduction=_reduction(reduction))


@exported("torch")
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: int = 0,
) -> Tensor:
    """``nn.functional.triplet_margin_loss`` with a number for the reduction.

    Args:
        anchor, positive, negative, margin, p, eps, swap: as there.
        reduction: 0 none, 1 mean, 2 sum.

    Returns:
        0 dims, or one loss for each triplet.

    Raises:
        RuntimeError: another ``reduction``.

    >>> torch.triplet_margin_loss(torch.zeros(1, 2), torch.zeros(1, 2), torch.zeros(1, 2))
    tensor([1.])
    """
    return F.triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap, reduction=_reduction(reduction))


@exported("torch")
def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Tensor | None = None, pos_weight: Tensor | None = None, reduction: int = 0
) -> Tensor:
    """``nn.functional.binary_cross_entropy_with_logits`` with a number for the reduction.

    Args:
        input, target, weight, pos_weight: as there.
        reduction: 0 none, 1 mean, 2 sum.

    Returns:
        0 dims, or the broadcast shape.

    Raises:
        RuntimeError: another ``reduction``.

    >>> torch.binary_cross_entropy_with_logits(torch.zeros(1), torch.ones(1))
    tensor([0.6931])
    """
    how = _reduction(reduction)
    return F.binary_cross_entropy_with_logits(input, target, weight, reduction=how, pos_weight=pos_weight)


@exported("torch")
def max_pool1d_with_indices(
    input: Tensor, kernel_size: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> tuple[Tensor, Tensor]:
    """``nn.functional.max_pool1d`` with ``return_indices``.

    Args:
        input, kernel_size, padding, dilation, ceil_mode: as there.
        stride: as there; that of the window if empty.

    Returns:
        The largest elements, and where they stand.

    >>> torch.max_pool1d_with_indices(torch.tensor([[1.0, 3.0]]), 2)
    (tensor([[3.]]), tensor([[1]]))
    """
    step = None if isinstance(stride, list | tuple) and not stride else stride
    return F.max_pool1d(input, kernel_size, step, padding, dilation, ceil_mode, True)


def publish() -> None:
    """Make known under ``torch`` what is known elsewhere."""
    places = PLACES["torch"]
    for name in SAME.split():
        fn = getattr(F, name, None)
        if fn is not None and name not in places:
            places[name] = fn
    for name in METHODS.split():
        form: Callable | None = getattr(Tensor, name, None)
        if form is not None and name not in places:
            places[name] = form


publish()
