"""Schedules that go up and down, once or again and again; they may move the momentum, too."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from numtorch.optim.lr_scheduler.base import (
    LRScheduler,
    check_optimizer,
    fields_of,
    moves_beta,
    of_groups,
    rates,
    set_momentum,
    set_rate,
)
from numtorch.optim.optimizer import Optimizer


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
        check_optimizer(optimizer)
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
            for group, peak in zip(groups, of_groups("max_lr", groups, max_lr), strict=True):
                group["initial_lr"], group["max_lr"] = peak / div_factor, peak
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.use_beta1 = "betas" in optimizer.defaults
        if cycle_momentum:
            moves_beta(optimizer)
            high, low = (
                of_groups("max_momentum", groups, max_momentum),
                of_groups("base_momentum", groups, base_momentum),
            )
            if last_epoch == -1:
                for group, most, least in zip(groups, high, low, strict=True):
                    set_momentum(group, most, self.use_beta1)
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
                set_momentum(group, self._between(group[momentum], group[next_momentum], part), self.use_beta1)
        return rates

    def _between(self, start: float, end: float, part: float) -> float:
        if self.anneal_strategy == "linear":
            return (end - start) * part + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * part) + 1)


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


class CyclicLR(LRScheduler):
    """From ``base_lr`` up to ``max_lr`` and down again in straight lines, over and over; momentum goes the other way.

    ``step`` is called after every batch.

    Args:
        optimizer: whose ``lr`` is set.
        base_lr: the lowest rate, or a list of one for each group.
        max_lr: the highest rate, or a list of one for each group.
        step_size_up: number of batches on the way up.
        step_size_down: number of batches on the way down; as many as up if None.
        mode: what becomes of the height ``max_lr - base_lr``: ``"triangular"``: it stays; ``"triangular2"``: it halves
            with each cycle; ``"exp_range"``: it is times ``gamma ** batches``.
        gamma: of ``"exp_range"``.
        scale_fn: a function that gives the height's factor, in the place of ``mode``.
        scale_mode: ``"cycle"`` or ``"iterations"``, whether ``scale_fn`` is given the number of the cycle, from 1, or
            of the batch.
        cycle_momentum: move the momentum (of Adam beta1), too.
        base_momentum: the lowest momentum, or a list of one for each group.
        max_momentum: the highest momentum, or a list of one for each group.
        last_epoch: the batch to go on from; -1 to begin.

    Raises:
        ValueError: an unknown mode, an option is not given for each group, or the optimizer has no momentum to cycle.
        TypeError: ``optimizer`` is no optimizer.

    Source: Smith, Cyclical Learning Rates for Training Neural Networks (2017).

    >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule = torch.optim.lr_scheduler.CyclicLR(opt, 1.0, 2.0, step_size_up=2, cycle_momentum=False)
    >>> for _ in range(3):
    ...     opt.step()
    ...     schedule.step()
    ...     print(schedule.get_last_lr())
    [1.5]
    [2.0]
    [1.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: Any,
        max_lr: Any,
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: Any = 0.8,
        max_momentum: Any = 0.9,
        last_epoch: int = -1,
    ):
        check_optimizer(optimizer)
        groups = optimizer.param_groups
        lowest, self.max_lrs = of_groups("base_lr", groups, base_lr), of_groups("max_lr", groups, max_lr)
        if mode not in SCALES and scale_fn is None:
            raise ValueError(f"mode is invalid and scale_fn is None; expected one of {', '.join(SCALES)}, got {mode!r}")
        self.total_size = float(step_size_up) + float(step_size_up if step_size_down is None else step_size_down)
        self.step_ratio = float(step_size_up) / self.total_size
        self.mode, self.gamma, self._scale_fn_custom = mode, gamma, scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else SCALES[mode][0]
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = moves_beta(optimizer)
            self.base_momentums = of_groups("base_momentum", groups, base_momentum)
            self.max_momentums = of_groups("max_momentum", groups, max_momentum)
        if last_epoch == -1:
            for i, group in enumerate(groups):
                set_rate(group, lowest[i])
                if cycle_momentum:
                    group["max_momentum"], group["base_momentum"] = self.max_momentums[i], self.base_momentums[i]
                    set_momentum(group, self.max_momentums[i], self.use_beta1)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = lowest

    def scale_fn(self, x: float) -> float:
        """The factor of the height.

        Args:
            x: the number of the cycle, or of the batch.

        Returns:
            A number.

        >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0, momentum=0.9)
        >>> torch.optim.lr_scheduler.CyclicLR(opt, 0.1, 1.0, mode="triangular2").scale_fn(3)
        0.25
        """
        return SCALES[self.mode][1](self.gamma, x) if self._scale_fn_custom is None else self._scale_fn_custom(x)

    def get_lr(self) -> list:
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1.0) / (self.step_ratio - 1.0)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            for group, low, high in zip(
                self.optimizer.param_groups, self.base_momentums, self.max_momentums, strict=True
            ):
                set_momentum(group, high - (high - low) * height * scale, self.use_beta1)
        return [low + (high - low) * height * scale for low, high in zip(self.base_lrs, self.max_lrs, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer; of ``scale_fn``, if it is a callable object, its fields.

        Returns:
            A dict, what ``load_state_dict`` takes.

        >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0, momentum=0.9)
        >>> torch.optim.lr_scheduler.CyclicLR(opt, 0.1, 1.0).state_dict()["step_ratio"]
        0.5
        """
        custom = self._scale_fn_custom
        return super().state_dict() | {"_scale_fn_custom": None if custom is None else fields_of(custom)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what ``state_dict`` returned; ``scale_fn`` stays what was given to the constructor.

        Args:
            state_dict: what was returned.

        >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0, momentum=0.9)
        >>> schedule = torch.optim.lr_scheduler.CyclicLR(opt, 0.1, 1.0)
        >>> schedule.load_state_dict({**schedule.state_dict(), "last_epoch": 7})
        >>> schedule.last_epoch
        7
        """
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "_scale_fn_custom"})
        fields = state_dict["_scale_fn_custom"]
        if fields is not None:
            self._scale_fn_custom.__dict__.update(fields)


# Modes of ``CyclicLR``: what the factor of the height depends on, and the factor.
SCALES: dict[str, tuple[str, Callable[[float, float], float]]] = {
    "triangular": ("cycle", lambda gamma, x: 1.0),
    "triangular2": ("cycle", lambda gamma, x: 0.5 ** (x - 1)),
    "exp_range": ("iterations", lambda gamma, x: gamma**x),
}


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half a cosine down, ``eta_min + (lr - eta_min) * (1 + cos(pi * T_cur / T_i)) / 2``, then at once up again.

    Args:
        optimizer: whose ``lr`` is set.
        T_0: length T_i of the first descent.
        T_mult: how many times longer each descent is than the one before.
        eta_min: the lowest rate.
        last_epoch: the epoch to go on from; -1 to begin.

    Attributes:
        T_cur: epochs since the last restart.
        T_i: length of this descent.

    Raises:
        ValueError: ``T_0`` or ``T_mult`` is no positive integer, ``eta_min`` no number; from ``step``: the epoch is
            negative.

    Source: Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts (2017).

    >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(opt, T_0=2)
    >>> for _ in range(3):
    ...     opt.step()
    ...     schedule.step()
    ...     print(schedule.get_last_lr())
    [0.5]
    [1.0]
    [0.5]
    """

    T_cur: float

    def __init__(self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1):
        if not isinstance(T_0, int) or T_0 <= 0:
            raise ValueError(f"Expected positive integer T_0, but got {T_0}")
        if not isinstance(T_mult, int) or T_mult < 1:
            raise ValueError(f"Expected integer T_mult >= 1, but got {T_mult}")
        if not isinstance(eta_min, float | int):
            raise ValueError(f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}")
        self.T_0, self.T_i, self.T_mult, self.eta_min, self.T_cur = T_0, T_0, T_mult, eta_min, last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list:
        height = (1.0 + math.cos(math.pi * self.T_cur / self.T_i)) / 2.0
        return [self.eta_min + (lr - self.eta_min) * height for lr in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Set the next epoch's rates, or those of any moment; called after the optimizer's step.

        Args:
            epoch: the moment, not negative; ``epoch + batch / batches`` moves the rate after every batch.

        Raises:
            ValueError: ``epoch`` is negative.

        >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> schedule = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(opt, T_0=2)
        >>> schedule.step(2.5)
        >>> schedule.get_last_lr()
        [0.8535533905932737]
        """
        if epoch is None and self.last_epoch >= 0:
            epoch, self.T_cur = self.last_epoch + 1, self.T_cur + 1
            if self.T_cur >= self.T_i:
                self.T_cur, self.T_i = self.T_cur - self.T_i, self.T_i * self.T_mult
        else:
            self.T_cur, self.T_i = self._place(0 if epoch is None else epoch)
        self.last_epoch = math.floor(epoch or 0)
        for group, lr in zip(self.optimizer.param_groups, self.get_lr(), strict=True):
            set_rate(group, lr)
        self._last_lr = rates(self.optimizer)

    def _place(self, epoch: float) -> tuple[float, int]:
        """Epochs since the last restart before a moment, and the length of the descent that began there."""
        if epoch < 0:
            raise ValueError(f"Expected non-negative epoch, but got {epoch}")
        first, times = self.T_0, self.T_mult
        if times == 1 or epoch < first:
            return epoch % first if epoch >= first else epoch, first
        n = int(math.log(epoch / first * (times - 1) + 1, times))  # descents before: they take first * (1 + times + ..)
        return epoch - first * (times**n - 1) / (times - 1), first * times**n
