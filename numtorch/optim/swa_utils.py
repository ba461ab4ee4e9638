"""Stochastic weight averaging: a copy of a model whose parameters are means of the model's, and a schedule for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from itertools import chain
from typing import TYPE_CHECKING, Any

from numtorch import absent
from numtorch.dtype import int64
from numtorch.grad_mode import no_grad
from numtorch.nn.module import Module
from numtorch.nn.normalization import _BatchNorm
from numtorch.ops import creation
from numtorch.optim.lr_scheduler.base import LRScheduler, of_groups
from numtorch.optim.optimizer import Optimizer


def get_swa_avg_fn() -> Callable[[Any, Any, Any], Any]:
    """The mean of all that was seen: ``mean + (value - mean) / (n + 1)``.

    Returns:
        A function of the mean so far, the next value and their number n so far, for ``AveragedModel(avg_fn=...)``.

    >>> torch.optim.swa_utils.get_swa_avg_fn()(torch.tensor([1.0]), torch.tensor([4.0]), 2)
    tensor([2.])
    """

    @no_grad()
    def swa_update(averaged_param: Any, current_param: Any, num_averaged: Any) -> Any:
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


def get_ema_avg_fn(decay: float = 0.999) -> Callable[[Any, Any, Any], Any]:
    """A mean that forgets: ``decay * mean + (1 - decay) * value`` (exponential moving average).

    Args:
        decay: how much of the mean is kept; in [0, 1].

    Returns:
        A function of the mean so far, the next value and their number so far, for ``AveragedModel(avg_fn=...)``.

    Raises:
        ValueError: ``decay`` is outside its range.

    >>> torch.optim.swa_utils.get_ema_avg_fn(0.75)(torch.tensor([1.0]), torch.tensor([5.0]), 2)
    tensor([2.])
    """
    _check_decay(decay)

    @no_grad()
    def ema_update(ema_param: Any, current_param: Any, num_averaged: Any) -> Any:
        return ema_param * decay + current_param * (1.0 - decay)

    return ema_update


def get_swa_multi_avg_fn() -> Callable[[Sequence[Any], Sequence[Any], Any], None]:
    """``get_swa_avg_fn`` for a list of parameters, in place.

    Returns:
        A function of the means, the next values and the number of values so far: ``AveragedModel``'s ``multi_avg_fn``.

    >>> mean = torch.tensor([1.0])
    >>> torch.optim.swa_utils.get_swa_multi_avg_fn()([mean], [torch.tensor([4.0])], 2)
    >>> mean
    tensor([2.])
    """

    @no_grad()
    def swa_update(averaged_param_list: Sequence[Any], current_param_list: Sequence[Any], num_averaged: Any) -> None:
        _towards(averaged_param_list, current_param_list, 1.0 / (float(num_averaged) + 1.0))

    return swa_update


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable[[Sequence[Any], Sequence[Any], Any], None]:
    """``get_ema_avg_fn`` for a list of parameters, in place.

    Args:
        decay: how much of the means is kept; in [0, 1].

    Returns:
        A function of the means, the next values and the number of values so far: ``AveragedModel``'s ``multi_avg_fn``.

    Raises:
        ValueError: ``decay`` is outside its range.

    >>> mean = torch.tensor([1.0])
    >>> torch.optim.swa_utils.get_ema_multi_avg_fn(0.75)([mean], [torch.tensor([5.0])], 2)
    >>> mean
    tensor([2.])
    """
    _check_decay(decay)

    @no_grad()
    def ema_update(ema_param_list: Sequence[Any], current_param_list: Sequence[Any], num_averaged: Any) -> None:
        _towards(ema_param_list, current_param_list, 1.0 - decay)

    return ema_update


def _check_decay(decay: float) -> None:
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def _towards(means: Sequence[Any], values: Sequence[Any], share: float) -> None:
    """Move each mean the part ``share`` of the way to its value; integers are rounded towards 0."""
    for mean, value in zip(means, values, strict=True):
        if mean.is_floating_point() or mean.is_complex():
            mean.lerp_(value, share)
        else:
            mean.copy_(mean * (1.0 - share) + value * share)


class AveragedModel(Module):
    """A copy of a model, whose parameters become means of the model's: ``update_parameters`` adds to them.

    Args:
        model: the model; its class needs nothing.
        device: where the copy is; beside the model if None.
        avg_fn: the mean of a parameter, from the mean so far, the next value and their number so far; that of all
            values if None.
        multi_avg_fn: the same for lists of parameters, in place.
        use_buffers: take means of buffers, too, where they would otherwise be copied.

    Attributes:
        module: the copy.
        n_averaged: how many values the means are of.

    Raises:
        AssertionError: both ``avg_fn`` and ``multi_avg_fn`` are given.

    Source: Izmailov et al., Averaging Weights Leads to Wider Optima and Better Generalization (2018).

    >>> net = torch.nn.Linear(1, 1, bias=False)
    >>> mean = torch.optim.swa_utils.AveragedModel(net)
    >>> for value in (1.0, 4.0):
    ...     weight = torch.nn.init.constant_(net.weight, value)
    ...     mean.update_parameters(net)
    >>> mean(torch.ones(1)).item()
    2.5
    """

    n_averaged: Any

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Callable[[Any, Any, Any], Any] | None = None,
        multi_avg_fn: Callable[[Sequence[Any], Sequence[Any], Any], None] | None = None,
        use_buffers: bool = False,
    ):
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", creation.zeros((), dtype=int64, device=device))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the copy computes."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the parameters of the model into the means; the first are copied.

        Args:
            model: the model that was copied, or one like it.

        >>> net = torch.nn.Linear(1, 1)
        >>> mean = torch.optim.swa_utils.AveragedModel(net)
        >>> mean.update_parameters(net)
        >>> mean.n_averaged
        tensor(1)
        """
        with no_grad():
            pairs = [(mean.detach(), value.detach().to(mean.device)) for mean, value in self._averaged(model)]
            if self.n_averaged.item() == 0:
                _copy(pairs)
            elif self.avg_fn is not None:
                for mean, value in pairs:
                    mean.copy_(self.avg_fn(mean, value, self.n_averaged.to(mean.device)))
            else:
                groups: dict[tuple, list] = {}  # lists of one type and device, as a function for lists may expect
                for pair in pairs:
                    groups.setdefault((pair[0].dtype, pair[0].device), []).append(pair)
                for (_, where), of_one_kind in groups.items():
                    means, values = map(list, zip(*of_one_kind, strict=True))
                    (self.multi_avg_fn or get_swa_multi_avg_fn())(means, values, self.n_averaged.to(where))
            if not self.use_buffers:
                _copy(zip(self.module.buffers(), model.buffers(), strict=True))
            self.n_averaged += 1

    def _averaged(self, model: Module) -> Iterable[tuple[Any, Any]]:
        def tensors(m: Module) -> Iterable[Any]:
            return chain(m.parameters(), m.buffers()) if self.use_buffers else m.parameters()

        return zip(tensors(self.module), tensors(model), strict=False)


def _copy(pairs: Iterable[tuple[Any, Any]]) -> None:
    for target, value in pairs:
        target.detach().copy_(value.detach())


def update_bn(loader: Iterable, model: Module, device: Any = None) -> None:
    """Compute the running statistics of a model's BatchNorm layers anew, from all batches of a loader.

    Args:
        loader: batches, or sequences that begin with them.
        model: the model, as an ``AveragedModel``; it is in training mode meanwhile.
        device: where batches are moved to first; they stay where they are if None.

    >>> net = torch.nn.BatchNorm1d(1)
    >>> torch.optim.swa_utils.update_bn([torch.tensor([[0.0], [2.0]]), torch.tensor([[4.0], [6.0]])], net)
    >>> net.running_mean
    tensor([3.])
    """
    layers = {m: m.momentum for m in model.modules() if isinstance(m, _BatchNorm)}
    if not layers:
        return
    training = model.training
    model.train()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # of all batches the same share
    with no_grad():
        for batch in loader:
            x = batch[0] if isinstance(batch, list | tuple) else batch
            model(x if device is None else x.to(device))
    for layer, momentum in layers.items():
        layer.momentum = momentum
    model.train(training)


class SWALR(LRScheduler):
    """From the rates of the moment to ``swa_lr`` in ``anneal_epochs`` epochs; there they stay.

    Args:
        optimizer: whose ``lr`` is set.
        swa_lr: the last rate, or a list of one for each group.
        anneal_epochs: number of epochs; 0 to be there at once.
        anneal_strategy: ``"cos"`` or ``"linear"``, how the rates go there.
        last_epoch: the epoch to go on from; -1 to begin.

    Raises:
        ValueError: an unknown strategy, a negative number of epochs, or ``swa_lr`` not given for each group.

    >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule = torch.optim.swa_utils.SWALR(opt, 0.5, anneal_epochs=2, anneal_strategy="linear")
    >>> for _ in range(3):
    ...     opt.step()
    ...     schedule.step()
    ...     print(schedule.get_last_lr())
    [0.75]
    [0.5]
    [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: Any,
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ):
        for group, lr in zip(optimizer.param_groups, of_groups("swa_lr", optimizer.param_groups, swa_lr), strict=True):
            group["swa_lr"] = lr
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self.anneal_epochs, self._anneal_strategy = anneal_epochs, anneal_strategy
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list:
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        rates = []
        for group in self.optimizer.param_groups:
            goal = group["swa_lr"]
            start = goal if before == 1 else (group["lr"] - before * goal) / (1 - before)
            rates.append(goal * now + start * (1 - now))
        return rates

    def _share(self, step: int) -> float:
        """Which part of the way is done after a step."""
        t = max(0, min(1, step / max(1, self.anneal_epochs)))
        return (1 - math.cos(math.pi * t)) / 2 if self._anneal_strategy == "cos" else t


if not TYPE_CHECKING:
    __getattr__, __dir__ = absent.answers(__name__)
