"""``ReduceLROnPlateau``: the rates follow a metric."""

from __future__ import annotations

import math
from typing import Any

from numtorch import notices
from numtorch.optim.lr_scheduler.base import EPOCH_WARNING, LRScheduler, check_optimizer, of_groups, set_rate
from numtorch.optim.optimizer import Optimizer


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
        check_optimizer(optimizer)
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
        self.min_lrs = of_groups("min_lr", optimizer.param_groups, min_lr)
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
                set_rate(group, new)
