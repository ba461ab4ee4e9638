"""Learning-rate schedulers: each sets the ``lr`` of the parameter groups after the optimizer's step, once per epoch or
once per batch.

``get_lr`` returns the rates of epoch ``last_epoch``. It computes them from the current rates where it can, so that
several schedulers can act on one optimizer. To add one, write a class like ``StepLR``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import TYPE_CHECKING, Any

from numtorch import absent, notices
from numtorch._tensor import Tensor
from numtorch.optim.optimizer import Optimizer

EPOCH_WARNING = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. Please use "
    "`scheduler.step()` to step the scheduler."
)


def _rates(optimizer: Optimizer, key: str = "lr") -> list:
    return [g[key].clone() if isinstance(g[key], Tensor) else g[key] for g in optimizer.param_groups]


def _set_rate(group: dict, value: Any) -> None:
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(float(value))
    else:
        group["lr"] = value


class LRScheduler:
    """Base of the schedules; one of your own defines ``get_lr``.

    Args:
        optimizer: whose ``lr`` is set.
        last_epoch: the epoch to go on from; -1 to begin.

    Attributes:
        last_epoch: how many times ``step`` was called.
        base_lrs: the rates that the optimizer began with.

    Raises:
        TypeError: ``optimizer`` is no optimizer.
        KeyError: ``last_epoch`` is not -1, and a group has no ``initial_lr``.

    >>> class Halving(torch.optim.lr_scheduler.LRScheduler):
    ...     def get_lr(self):
    ...         return [lr * 0.5**self.last_epoch for lr in self.base_lrs]
    >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule = Halving(opt)
    >>> opt.step(); schedule.step()
    >>> schedule.get_last_lr()
    [0.5]
    """

    _initial = False  # while the constructor sets the first rates

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1):
        _check_optimizer(optimizer)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                lr = group["lr"]
                group.setdefault("initial_lr", lr.clone() if isinstance(lr, Tensor) else lr)
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming scheduler with last_epoch "
                    ">= 0. Load the optimizer's state dict first; for a fresh run leave last_epoch at -1."
                )
        self.base_lrs = _rates(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        self._step_count = 0
        self._initial = True
        try:
            self.step()
        finally:
            del self._initial

    def get_lr(self) -> list:
        """The rates of epoch ``last_epoch``; subclasses define it, and ``step`` calls it.

        Returns:
            One rate for each group.

        Raises:
            NotImplementedError: the class does not define it.

        >>> class Halving(torch.optim.lr_scheduler.LRScheduler):
        ...     def get_lr(self):
        ...         return [lr * 0.5**self.last_epoch for lr in self.base_lrs]
        >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> Halving(opt).get_lr()
        [1.0]
        """
        raise NotImplementedError(f"{type(self).__name__} must define get_lr(self)")

    def get_last_lr(self) -> list:
        """The rates that the last step set.

        Returns:
            One rate for each group.

        >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> torch.optim.lr_scheduler.ExponentialLR(opt, gamma=0.5).get_last_lr()
        [1.0]
        """
        return self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """Set the next epoch's rates; called after the optimizer's step.

        Args:
            epoch: set the rates of this epoch instead; deprecated, and warns.

        >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> schedule = torch.optim.lr_scheduler.ExponentialLR(opt, gamma=0.5)
        >>> opt.step()
        >>> schedule.step()
        >>> schedule.get_last_lr()
        [0.5]
        """
        if self._step_count == 1 and not self.optimizer._opt_called:
            notices.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. You should call them in the "
                "opposite order: `optimizer.step()` before `lr_scheduler.step()`. Failure to do this will skip the "
                "first value of the learning rate schedule.",
                UserWarning,
            )
        self._step_count += 1
        if epoch is None:
            self.last_epoch += 1
            rates = self.get_lr()
        else:
            notices.warn(EPOCH_WARNING, UserWarning)
            self.last_epoch = epoch
            rates = self._closed_form() if hasattr(self, "_closed_form") else self.get_lr()
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            _set_rate(group, lr)
        self._last_lr = _rates(self.optimizer)

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer.

        Returns:
            A dict, what ``load_state_dict`` takes.

        >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> torch.optim.lr_scheduler.ExponentialLR(opt, gamma=0.5).state_dict()["last_epoch"]
        0
        """
        return {k: v for k, v in self.__dict__.items() if k != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what ``state_dict`` returned.

        Args:
            state_dict: what was returned; the optimizer's own state is loaded apart from it.

        >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> schedule = torch.optim.lr_scheduler.ExponentialLR(opt, gamma=0.5)
        >>> schedule.load_state_dict({"last_epoch": 7})
        >>> schedule.last_epoch
        7
        """
        self.__dict__.update(state_dict)

    def _unchanged(self) -> list:
        return _rates(self.optimizer)

    def _scaled(self, factor: float) -> list:
        return [g["lr"] * factor for g in self.optimizer.param_groups]


def _check_optimizer(optimizer: Any) -> None:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


_LRScheduler = LRScheduler  # its older name, which programs subclass


class LambdaLR(LRScheduler):
    """The initial rate times ``lr_lambda(epoch)``.

    Args:
        optimizer: whose ``lr`` is set.
        lr_lambda: a function of the epoch, or a list of one for each group.
        last_epoch: the epoch to go on from; -1 to begin.

    Raises:
        ValueError: the number of functions is not that of the groups.

    >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule = torch.optim.lr_scheduler.LambdaLR(opt, lambda epoch: 1 / (epoch + 1))
    >>> for _ in range(2):
    ...     opt.step()
    ...     schedule.step()
    ...     print(schedule.get_last_lr())
    [0.5]
    [0.3333333333333333]
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Any, last_epoch: int = -1):
        _check_optimizer(optimizer)
        groups = len(optimizer.param_groups)
        self.lr_lambdas: list[Callable] = (
            list(lr_lambda) if isinstance(lr_lambda, list | tuple) else [lr_lambda] * groups
        )
        if len(self.lr_lambdas) != groups:
            raise ValueError(f"Expected {groups} lr_lambdas, but got {len(self.lr_lambdas)}")
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list:
        return [lr * f(self.last_epoch) for f, lr in zip(self.lr_lambdas, self.base_lrs, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer; of callable objects their fields, of functions nothing (None).

        Returns:
            A dict, what ``load_state_dict`` takes.

        >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> torch.optim.lr_scheduler.LambdaLR(opt, lambda epoch: 1.0).state_dict()["lr_lambdas"]
        [None]
        """
        state = super().state_dict()
        state["lr_lambdas"] = [None if isinstance(f, FunctionType) else dict(f.__dict__) for f in self.lr_lambdas]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what ``state_dict`` returned; functions stay those given to the constructor.

        Args:
            state_dict: what was returned.

        >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> schedule = torch.optim.lr_scheduler.LambdaLR(opt, lambda epoch: 1.0)
        >>> schedule.load_state_dict({**schedule.state_dict(), "last_epoch": 7})
        >>> schedule.last_epoch
        7
        """
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "lr_lambdas"})
        for f, fields in zip(self.lr_lambdas, state_dict["lr_lambdas"], strict=True):
            if fields is not None:
                f.__dict__.update(fields)


class StepLR(LRScheduler):
    """The rate times ``gamma`` every ``step_size`` epochs.

    Args:
        optimizer: whose ``lr`` is set.
        step_size: number of epochs with one rate.
        gamma: the factor.
        last_epoch: the epoch to go on from; -1 to begin.

    >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule = torch.optim.lr_scheduler.StepLR(opt, step_size=2, gamma=0.5)
    >>> for _ in range(4):
    ...     opt.step()
    ...     schedule.step()
    ...     print(schedule.get_last_lr())
    [1.0]
    [0.5]
    [0.5]
    [0.25]
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1):
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list:
        if self.last_epoch == 0 or self.last_epoch % self.step_size:
            return self._unchanged()
        return self._scaled(self.gamma)

    def _closed_form(self) -> list:
        return [lr * self.gamma ** (self.last_epoch // self.step_size) for lr in self.base_lrs]


class MultiStepLR(LRScheduler):
    """The rate times ``gamma`` at each of the milestones.

    Args:
        optimizer: whose ``lr`` is set.
        milestones: epochs; one that is given twice counts twice.
        gamma: the factor.
        last_epoch: the epoch to go on from; -1 to begin.

    >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule = torch.optim.lr_scheduler.MultiStepLR(opt, milestones=[1, 3], gamma=0.5)
    >>> for _ in range(3):
    ...     opt.step()
    ...     schedule.step()
    ...     print(schedule.get_last_lr())
    [0.5]
    [0.5]
    [0.25]
    """

    def __init__(self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1):
        self.milestones: dict[int, int] = {}
        for m in milestones:
            self.milestones[m] = self.milestones.get(m, 0) + 1
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list:
        if self.last_epoch not in self.milestones:
            return self._unchanged()
        return self._scaled(self.gamma ** self.milestones[self.last_epoch])

    def _closed_form(self) -> list:
        passed = sum(times for m, times in self.milestones.items() if m <= self.last_epoch)
        return [lr * self.gamma**passed for lr in self.base_lrs]


class ConstantLR(LRScheduler):
    """The initial rate times ``factor`` during the first ``total_iters`` epochs, then the initial rate.

    Args:
        optimizer: whose ``lr`` is set.
        factor: from 0 to 1.
        total_iters: the epoch at which the initial rate returns.
        last_epoch: the epoch to go on from; -1 to begin.

    Raises:
        ValueError: ``factor`` is outside its range.

    >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule = torch.optim.lr_scheduler.ConstantLR(opt, factor=0.5, total_iters=2)
    >>> for _ in range(2):
    ...     opt.step()
    ...     schedule.step()
    ...     print(schedule.get_last_lr())
    [0.5]
    [1.0]
    """

    def __init__(self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1):
        if not 0 <= factor <= 1.0:
            raise ValueError("Constant multiplicative factor expected to be between 0 and 1.")
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list:
        if self.last_epoch == 0:
            return self._scaled(self.factor)
        return self._scaled(1.0 / self.factor) if self.last_epoch == self.total_iters else self._unchanged()

    def _closed_form(self) -> list:
        return [lr * (1.0 if self.last_epoch >= self.total_iters else self.factor) for lr in self.base_lrs]


class LinearLR(LRScheduler):
    """The initial rate times a factor that goes from ``start_factor`` to ``end_factor`` in ``total_iters`` epochs.

    Args:
        optimizer: whose ``lr`` is set.
        start_factor: in (0, 1].
        end_factor: in [0, 1].
        total_iters: the epoch at which ``end_factor`` is reached.
        last_epoch: the epoch to go on from; -1 to begin.

    Raises:
        ValueError: a factor is outside its range.

    >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule = torch.optim.lr_scheduler.LinearLR(opt, start_factor=0.5, total_iters=2)
    >>> for _ in range(3):
    ...     opt.step()
    ...     schedule.step()
    ...     print(schedule.get_last_lr())
    [0.75]
    [1.0]
    [1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ):
        if not 0 < start_factor <= 1.0:
            raise ValueError("Starting multiplicative factor expected to be greater than 0 and less or equal to 1.")
        if not 0 <= end_factor <= 1.0:
            raise ValueError("Ending multiplicative factor expected to be between 0 and 1.")
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list:
        if self.last_epoch == 0:
            return self._scaled(self.start_factor)
        if self._initial or self.last_epoch > self.total_iters:
            return self._unchanged()
        rise = self.end_factor - self.start_factor
        return self._scaled(1.0 + rise / (self.total_iters * self.start_factor + (self.last_epoch - 1) * rise))

    def _closed_form(self) -> list:
        part = min(self.total_iters, self.last_epoch) / self.total_iters
        return [lr * (self.start_factor + (self.end_factor - self.start_factor) * part) for lr in self.base_lrs]


class ExponentialLR(LRScheduler):
    """The rate times ``gamma`` every epoch.

    Args:
        optimizer: whose ``lr`` is set.
        gamma: the factor.
        last_epoch: the epoch to go on from; -1 to begin.

    >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule = torch.optim.lr_scheduler.ExponentialLR(opt, gamma=0.5)
    >>> for _ in range(2):
    ...     opt.step()
    ...     schedule.step()
    ...     print(schedule.get_last_lr())
    [0.5]
    [0.25]
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1):
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list:
        return self._unchanged() if self._initial else self._scaled(self.gamma)

    def _closed_form(self) -> list:
        return [lr * self.gamma**self.last_epoch for lr in self.base_lrs]


class CosineAnnealingLR(LRScheduler):
    """``eta_min + (lr - eta_min) * (1 + cos(pi * epoch / T_max)) / 2``: half a cosine down, and back up.

    Args:
        optimizer: whose ``lr`` is set.
        T_max: the epoch of the lowest rate.
        eta_min: the lowest rate.
        last_epoch: the epoch to go on from; -1 to begin.

    Source: Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts (2017).

    >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=2)
    >>> opt.step()
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.5]
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1):
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list:
        t, period, low = self.last_epoch, self.T_max, self.eta_min
        if self._initial:
            return self._unchanged()
        if self._step_count == 1 and t > 0:  # resumed in the middle: no rate to go on from
            return self._closed_form()
        if (t - 1 - period) % (2 * period) == 0:  # the step up from the bottom, where the ratio below is 0 / 0
            rise = (1 - math.cos(math.pi / period)) / 2
            return [
                g["lr"] + (lr - low) * rise for lr, g in zip(self.base_lrs, self.optimizer.param_groups, strict=True)
            ]
        ratio = (1 + math.cos(math.pi * t / period)) / (1 + math.cos(math.pi * (t - 1) / period))
        return [ratio * (g["lr"] - low) + low for g in self.optimizer.param_groups]

    def _closed_form(self) -> list:
        height = (1 + math.cos(math.pi * self.last_epoch / self.T_max)) / 2
        return [self.eta_min + (lr - self.eta_min) * height for lr in self.base_lrs]


class OneCycleLR(LRScheduler):
    """Up to ``max_lr``, down to the initial rate and far below, once; momentum goes the other way.

    ``step`` is called after every batch. The rate begins at ``max_lr / div_factor`` and ends at that divided by
    ``final_div_factor``.

    Args:
        optimizer: whose ``lr`` is set.
        max_lr: the highest rate, or a list of one for each group.
        total_steps: number of batches; ``epochs * steps_per_epoch`` if None.
        epochs: number of epochs.
        steps_per_epoch: number of batches in an epoch.
        pct_start: share of the steps that go up, a float from 0 to 1.
        anneal_strategy: ``"cos"`` or ``"linear"``, how a phase goes from its start to its end.
        cycle_momentum: move the momentum (of Adam beta1), too.
        base_momentum: the lowest momentum, or a list of one for each group.
        max_momentum: the highest momentum, or a list of one for each group.
        div_factor: ``max_lr`` divided by the first rate.
        final_div_factor: the first rate divided by the last.
        three_phase: come down in as many steps as went up, before the last descent.
        last_epoch: the epoch to go on from; -1 to begin.

    Raises:
        ValueError: the number of steps is not given, an option is outside its range or not given for each group, or the
            optimizer has no momentum to cycle; from ``step``: all steps have been done.

    Source: Smith and Topin, Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates (2018).

    >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule = torch.optim.lr_scheduler.OneCycleLR(opt, 1.0, total_steps=5, cycle_momentum=False)
    >>> opt.step()
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.9504846320134737]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: Any,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: Any = 0.85,
        max_momentum: Any = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ):
        _check_optimizer(optimizer)
        self.total_steps = _count_steps(total_steps, epochs, steps_per_epoch)
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self.anneal_strategy, self.cycle_momentum = anneal_strategy, cycle_momentum
        # (last step, rate and momentum at its end) of each phase; each starts where the one before ended.
        up, last = float(pct_start * self.total_steps) - 1, self.total_steps - 1
        self.phases: list[list[Any]] = [[up, "max_lr", "base_momentum"]]
        if three_phase:
            self.phases.append([float(2 * pct_start * self.total_steps) - 2, "initial_lr", "max_momentum"])
        self.phases.append([last, "min_lr", "max_momentum"])
        groups = optimizer.param_groups
        if last_epoch == -1:
            for group, peak in zip(groups, _of_groups("max_lr", groups, max_lr), strict=True):
                group["initial_lr"], group["max_lr"] = peak / div_factor, peak
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.use_beta1 = "betas" in optimizer.defaults
        if cycle_momentum:
            if not self.use_beta1 and "momentum" not in optimizer.defaults:
                raise ValueError("optimizer must support momentum or beta1 with `cycle_momentum` option enabled")
            high, low = (
                _of_groups("max_momentum", groups, max_momentum),
                _of_groups("base_momentum", groups, base_momentum),
            )
            if last_epoch == -1:
                for group, most, least in zip(groups, high, low, strict=True):
                    self._set_momentum(group, most)
                    group["max_momentum"], group["base_momentum"] = most, least
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list:
        if self.last_epoch > self.total_steps:
            raise ValueError(
                f"Tried to step {self.last_epoch} times. The specified number of total steps is {self.total_steps}"
            )
        first, rate, momentum = 0.0, "initial_lr", "max_momentum"
        for last, next_rate, next_momentum in self.phases:
            if self.last_epoch <= last or next_rate == "min_lr":
                break
            first, rate, momentum = last, next_rate, next_momentum
        part = (self.last_epoch - first) / (last - first)
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._between(group[rate], group[next_rate], part))
            if self.cycle_momentum:
                self._set_momentum(group, self._between(group[momentum], group[next_momentum], part))
        return rates

    def _between(self, start: float, end: float, part: float) -> float:
        if self.anneal_strategy == "linear":
            return (end - start) * part + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * part) + 1)

    def _set_momentum(self, group: dict, value: float) -> None:
        if self.use_beta1:
            group["betas"] = (value, *group["betas"][1:])
        else:
            group["momentum"] = value


def _count_steps(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    given = (
        {"total_steps": total_steps}
        if total_steps is not None
        else {"epochs": epochs, "steps_per_epoch": steps_per_epoch}
    )
    if None in given.values():
        raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
    for name, value in given.items():
        if not isinstance(value, int) or value <= 0:
            raise ValueError(f"Expected positive integer {name}, but got {value}")
    return math.prod(int(value) for value in given.values() if value)


def _of_groups(name: str, groups: list, value: Any) -> list:
    """An option given once for all groups, or once for each."""
    if not isinstance(value, list | tuple):
        return [value] * len(groups)
    if len(value) != len(groups):
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} values, param_groups "
            f"has {len(groups)}."
        )
    return list(value)


class ReduceLROnPlateau(LRScheduler):
    """The rate times ``factor`` when a metric has not improved for more than ``patience`` epochs.

    Args:
        optimizer: whose ``lr`` is set.
        mode: ``"min"`` if the metric is to fall, ``"max"`` if it is to rise.
        factor: below 1.
        patience: how many epochs may pass without improvement.
        threshold: how much better is an improvement.
        threshold_mode: ``"rel"``: below ``best * (1 - threshold)``; ``"abs"``: below ``best - threshold``; above, with
            plus, for ``"max"``.
        cooldown: number of epochs after a reduction that do not count.
        min_lr: the lowest rate, or a list of one for each group.
        eps: smaller changes of the rate are not made.

    Attributes:
        best: the best metric so far.
        num_bad_epochs: epochs since then that count.

    Raises:
        ValueError: ``factor`` is 1 or above, or an unknown mode, or ``min_lr`` not given for each group.
        TypeError: ``optimizer`` is no optimizer.

    >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, factor=0.5, patience=0)
    >>> for loss in (3.0, 2.0, 2.0):
    ...     schedule.step(loss)
    ...     print(schedule.get_last_lr())
    [1.0]
    [1.0]
    [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: Any = 0,
        eps: float = 1e-8,
    ):
        if factor >= 1.0:
            raise ValueError("Factor should be < 1.0.")
        _check_optimizer(optimizer)
        if mode not in ("min", "max"):
            raise ValueError(f"mode {mode} is unknown!")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold mode {threshold_mode} is unknown!")
        self.optimizer = optimizer
        self.mode, self.threshold, self.threshold_mode = mode, threshold, threshold_mode
        self.factor, self.patience, self.cooldown, self.eps = factor, patience, cooldown, eps
        if isinstance(min_lr, list | tuple) and len(min_lr) != len(optimizer.param_groups):
            raise ValueError(f"expected {len(optimizer.param_groups)} min_lrs, got {len(min_lr)}")
        self.default_min_lr = None if isinstance(min_lr, list | tuple) else min_lr
        self.min_lrs = _of_groups("min_lr", optimizer.param_groups, min_lr)
        self.last_epoch = 0
        self.best = math.inf if mode == "min" else -math.inf
        self.cooldown_counter = self.num_bad_epochs = 0
        self._last_lr = self._unchanged()

    @property
    def in_cooldown(self) -> bool:
        """Whether epochs do not count yet after a reduction.

        >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> torch.optim.lr_scheduler.ReduceLROnPlateau(opt).in_cooldown
        False
        """
        return self.cooldown_counter > 0

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Note an epoch's metric, and reduce the rates if it is time.

        Args:
            metrics: the metric, a number or a tensor of one element.
            epoch: the number of this epoch; deprecated, and warns.

        >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(opt)
        >>> schedule.step(3.0)
        >>> schedule.best
        3.0
        """
        current = float(metrics)
        if epoch is not None:
            notices.warn(EPOCH_WARNING, UserWarning)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._better(current):
            self.best, self.num_bad_epochs = current, 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = self._unchanged()

    def _better(self, value: float) -> bool:
        sign = 1.0 if self.mode == "min" else -1.0
        goal = (
            self.best * (1.0 - sign * self.threshold)
            if self.threshold_mode == "rel"
            else self.best - sign * self.threshold
        )
        return value < goal if self.mode == "min" else value > goal

    def _reduce(self) -> None:
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):
            if self.default_min_lr is None:
                raise RuntimeError(
                    f"the optimizer has {len(groups)} param groups, but ReduceLROnPlateau was given "
                    f"{len(self.min_lrs)} min_lrs; append one for each group added since to its min_lrs"
                )
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, least in zip(groups, self.min_lrs, strict=True):
            old = float(group["lr"])
            new = max(old * self.factor, least)
            if old - new > self.eps:
                _set_rate(group, new)


if not TYPE_CHECKING:
    __getattr__, __dir__ = absent.answers(__name__)
