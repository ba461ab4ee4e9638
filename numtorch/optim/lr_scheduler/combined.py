"""Schedules made of schedules: one after the other, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from numtorch.optim.lr_scheduler.base import LRScheduler, rates, set_rate
from numtorch.optim.lr_scheduler.plateau import ReduceLROnPlateau
from numtorch.optim.optimizer import Optimizer


class _Combined(LRScheduler):
    """What both have in common: the schedules ``_schedulers``, whose states are part of the state."""

    _schedulers: Sequence[Any]

    def __init__(self, optimizer: Optimizer | None, schedulers: Sequence[Any]):
        name = type(self).__name__
        if not schedulers:
            raise ValueError(f"{name} expects at least one scheduler, but got no scheduler.")
        for i, schedule in enumerate(schedulers):
            if not hasattr(schedule, "optimizer"):
                raise TypeError(
                    f"{name} at index {i} should have `optimizer` as its attribute, but got a {type(schedule).__name__}"
                )
            optimizer = optimizer or schedule.optimizer
            if isinstance(schedule, ReduceLROnPlateau):
                raise ValueError(
                    f"{name} does not support `ReduceLROnPlateau`, whose step takes a metric, but got one at index "
                    f"{i}; step it on its own"
                )
            if schedule.optimizer is not optimizer:
                raise ValueError(
                    f"{name} expects all schedulers to belong to the same optimizer, but that of the scheduler "
                    f"{type(schedule).__name__} at index {i} is another one"
                )
        self._schedulers = schedulers
        self.optimizer: Any = optimizer

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer, with the states of the schedules.

        Returns:
            A dict, what ``load_state_dict`` takes.

        >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> both = [torch.optim.lr_scheduler.ExponentialLR(opt, gamma=0.5) for _ in range(2)]
        >>> len(torch.optim.lr_scheduler.ChainedScheduler(both).state_dict()["_schedulers"])
        2
        """
        return super().state_dict() | {"_schedulers": [s.state_dict() for s in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what ``state_dict`` returned.

        Args:
            state_dict: what was returned.

        >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> both = [torch.optim.lr_scheduler.ExponentialLR(opt, gamma=0.5) for _ in range(2)]
        >>> schedule = torch.optim.lr_scheduler.ChainedScheduler(both)
        >>> schedule.load_state_dict(schedule.state_dict())
        """
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "_schedulers"})
        for schedule, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            schedule.load_state_dict(state)


class SequentialLR(_Combined):
    """One schedule after the other; each begins at its milestone as if it were alone.

    Args:
        optimizer: whose ``lr`` is set.
        schedulers: the schedules, made for this optimizer.
        milestones: the epochs at which the second and later ones begin.
        last_epoch: the epoch to go on from; -1 to begin.

    Raises:
        ValueError: no schedule, one for another optimizer, a ``ReduceLROnPlateau``, or not one milestone fewer than
            schedules.
        TypeError: something else than a schedule.

    >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> warm = torch.optim.lr_scheduler.ConstantLR(opt, factor=0.1, total_iters=2)
    >>> fall = torch.optim.lr_scheduler.ExponentialLR(opt, gamma=0.5)
    >>> schedule = torch.optim.lr_scheduler.SequentialLR(opt, [warm, fall], milestones=[2])
    >>> for _ in range(3):
    ...     opt.step()
    ...     schedule.step()
    ...     print(schedule.get_last_lr())
    [0.1]
    [1.0]
    [0.5]
    """

    def __init__(self, optimizer: Optimizer, schedulers: list, milestones: list[int], last_epoch: int = -1):
        super().__init__(optimizer, schedulers)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                "Sequential Schedulers expects number of schedulers provided to be one more than the number of "
                f"milestone points, but got {len(schedulers)} schedulers and {len(milestones)} milestones"
            )
        self._milestones = milestones
        self.last_epoch = last_epoch + 1
        for group in optimizer.param_groups:  # as no schedule had begun
            set_rate(group, group["initial_lr"])
        self.recursive_undo()
        first = schedulers[bisect_right(milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def recursive_undo(self, sched: Any = None) -> None:
        """Take back the step with which each schedule began.

        Args:
            sched: a schedule, whose own are then meant; this one if None.

        >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> fall = torch.optim.lr_scheduler.ExponentialLR(opt, gamma=0.5)
        >>> torch.optim.lr_scheduler.SequentialLR(opt, [fall], []).recursive_undo()
        >>> fall.last_epoch
        -1
        """
        schedule = self if sched is None else sched
        if hasattr(schedule, "_schedulers"):
            for part in schedule._schedulers:
                self.recursive_undo(part)
        elif hasattr(schedule, "last_epoch"):
            schedule.last_epoch -= 1

    def step(self) -> None:  # type: ignore[override]
        """Set the next epoch's rates; called after the optimizer's step.

        >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> fall = torch.optim.lr_scheduler.ExponentialLR(opt, gamma=0.5)
        >>> schedule = torch.optim.lr_scheduler.SequentialLR(opt, [fall], [])
        >>> opt.step()
        >>> schedule.step()
        >>> schedule.get_last_lr()
        [0.5]
        """
        self.last_epoch += 1
        at = bisect_right(self._milestones, self.last_epoch)
        schedule = self._schedulers[at]
        if at > 0 and self._milestones[at - 1] == self.last_epoch:
            schedule._update_lr(0)
        else:
            schedule.step()
        self._last_lr = schedule.get_last_lr()


class ChainedScheduler(_Combined):
    """All schedules at once, each acting on the rate that the one before has set.

    Args:
        schedulers: the schedules, made for one optimizer.
        optimizer: this optimizer; that of the first schedule if None.

    Raises:
        ValueError: no schedule, one for another optimizer, or a ``ReduceLROnPlateau``.
        TypeError: something else than a schedule.

    >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> both = [torch.optim.lr_scheduler.ExponentialLR(opt, gamma=gamma) for gamma in (0.5, 0.25)]
    >>> schedule = torch.optim.lr_scheduler.ChainedScheduler(both)
    >>> opt.step()
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.125]
    """

    def __init__(self, schedulers: Sequence[Any], optimizer: Optimizer | None = None):
        super().__init__(optimizer, schedulers)
        self._last_lr = rates(self.optimizer)

    def step(self) -> None:  # type: ignore[override]
        """Step every schedule; called after the optimizer's step.

        >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> schedule = torch.optim.lr_scheduler.ChainedScheduler([torch.optim.lr_scheduler.StepLR(opt, 1)])
        >>> opt.step()
        >>> schedule.step()
        >>> schedule.get_last_lr()
        [0.1]
        """
        for schedule in self._schedulers:
            schedule.step()
        self._last_lr = rates(self.optimizer)
