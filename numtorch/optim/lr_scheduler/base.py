"""``LRScheduler``: the rates of an optimizer, epoch by epoch, and what all schedules share."""

from __future__ import annotations

from types import FunctionType
from typing import Any

from numtorch import notices
from numtorch._tensor import Tensor
from numtorch.optim.optimizer import Optimizer

EPOCH_WARNING = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. Please use "
    "`scheduler.step()` to step the scheduler."
)


def rates(optimizer: Optimizer, key: str = "lr") -> list:
    """An option of each group; tensors are copied."""
    return [g[key].clone() if isinstance(g[key], Tensor) else g[key] for g in optimizer.param_groups]


def set_rate(group: dict, value: Any) -> None:
    """Set the rate of a group; a tensor stays the same tensor."""
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
        check_optimizer(optimizer)
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
        self.base_lrs = rates(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        self._initial_step()

    def _initial_step(self) -> None:
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
        if epoch is not None:
            notices.warn(EPOCH_WARNING, UserWarning)
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        if epoch is None:
            self.last_epoch += 1
            values = self.get_lr()
        else:
            self.last_epoch = epoch
            values = self._closed_form() if hasattr(self, "_closed_form") else self.get_lr()
        for group, lr in zip(self.optimizer.param_groups, values, strict=True):
            set_rate(group, lr)
        self._last_lr = rates(self.optimizer)

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
        return rates(self.optimizer)

    def _scaled(self, factor: float) -> list:
        return [g["lr"] * factor for g in self.optimizer.param_groups]


def check_optimizer(optimizer: Any) -> None:
    """TypeError unless it is an optimizer."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def of_groups(name: str, groups: list, value: Any) -> list:
    """An option given once for all groups, or once for each."""
    if not isinstance(value, list | tuple):
        return [value] * len(groups)
    if len(value) != len(groups):
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} values, param_groups "
            f"has {len(groups)}."
        )
    return list(value)


class _LRScheduler(LRScheduler):
    """The older name of ``LRScheduler``, which programs subclass."""


def fields_of(f: Any) -> dict[str, Any] | None:
    """What a schedule's state keeps of a function: of a callable object its fields, of a plain function nothing."""
    return None if isinstance(f, FunctionType) else dict(f.__dict__)


def moves_beta(optimizer: Optimizer) -> bool:
    """Whether the optimizer's momentum is ``betas[0]``; ValueError if it has none at all."""
    if "betas" not in optimizer.defaults and "momentum" not in optimizer.defaults:
        raise ValueError(
            "optimizer must support momentum or beta1 with `cycle_momentum` option enabled; pass cycle_momentum=False "
            f"for {type(optimizer).__name__}"
        )
    return "betas" in optimizer.defaults


def set_momentum(group: dict, value: float, use_beta1: bool) -> None:
    """Set the momentum of a group, of Adam and its kin beta1."""
    if use_beta1:
        group["betas"] = (value, *group["betas"][1:])
    else:
        group["momentum"] = value
