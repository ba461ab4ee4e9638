"""``GradScaler``: multiplies a loss so that small gradients of half types do not vanish."""

from __future__ import annotations

from typing import Any

from numtorch import cuda, notices
from numtorch._tensor import Tensor
from numtorch.grad_mode import no_grad
from numtorch.ops import gradients


class GradScaler:
    """Scales a loss up before ``backward``, and the gradients down before the step; a step with an infinite gradient is
    left out, and the scale is halved.

    Args:
        device: where gradients are; ``"cuda"`` without a GPU switches it off.
        init_scale: the scale at the beginning.
        growth_factor: what it is multiplied by after ``growth_interval`` steps without an infinite gradient.
        backoff_factor: what it is multiplied by after an infinite gradient.
        growth_interval: how many steps.
        enabled: without it nothing is scaled.

    >>> scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    >>> w = torch.ones(1, requires_grad=True)
    >>> opt = torch.optim.SGD([w], lr=0.5)
    >>> scaler.scale(w.sum()).backward()
    >>> scaler.step(opt)
    >>> scaler.update()
    >>> w.item(), scaler.get_scale()
    (0.5, 4.0)
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ):
        if enabled and device == "cuda" and not cuda.is_available():
            notices.warn("torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.")
            enabled = False
        self._enabled, self._scale, self._growth_tracker = enabled, float(init_scale), 0
        self._growth_factor, self._backoff_factor = growth_factor, backoff_factor
        self._growth_interval = growth_interval
        self._infinite: dict[int, bool] = {}  # by optimizer: whether its gradients, unscaled, had an infinite one

    def is_enabled(self) -> bool:
        """Whether anything is scaled.

        Returns:
            A bool.

        >>> torch.amp.GradScaler("cpu", enabled=False).is_enabled()
        False
        """
        return self._enabled

    def get_scale(self) -> float:
        """The scale.

        Returns:
            A float; 1.0 if nothing is scaled.

        >>> torch.amp.GradScaler("cpu").get_scale()
        65536.0
        """
        return self._scale if self._enabled else 1.0

    def scale(self, outputs: Any) -> Any:
        """A loss, or several, times the scale.

        Args:
            outputs: a tensor, or an iterable of tensors.

        Returns:
            As given, scaled.

        >>> torch.amp.GradScaler("cpu").scale(torch.ones(1))
        tensor([65536.])
        """
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            return outputs * self._scale
        return type(outputs)(self.scale(x) for x in outputs)

    @no_grad()
    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of an optimizer by the scale, so that they can be clipped before the step.

        Args:
            optimizer: the optimizer.

        Raises:
            RuntimeError: it has been done since the last ``update``.

        >>> scaler, w = torch.amp.GradScaler("cpu"), torch.ones(1, requires_grad=True)
        >>> opt = torch.optim.SGD([w], lr=0.5)
        >>> scaler.scale(w.sum()).backward()
        >>> scaler.unscale_(opt)
        >>> w.grad
        tensor([1.])
        """
        if not self._enabled:
            return
        if id(optimizer) in self._infinite:
            raise RuntimeError("unscale_() has already been called on this optimizer since the last update().")
        grads = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        gradients.scale(grads, 1.0 / self._scale)
        self._infinite[id(optimizer)] = not gradients.finite(grads)

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """Unscale the gradients if that has not been done, and step unless one is infinite or NaN.

        Args:
            optimizer: the optimizer.
            *args, **kwargs: for its ``step``.

        Returns:
            What ``step`` returns; None without a step.

        >>> scaler, w = torch.amp.GradScaler("cpu"), torch.ones(1, requires_grad=True)
        >>> opt = torch.optim.SGD([w], lr=0.5)
        >>> scaler.scale(w.sum()).backward()
        >>> scaler.step(opt)
        >>> w.detach()
        tensor([0.5000])
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if id(optimizer) not in self._infinite:
            self.unscale_(optimizer)
        return None if self._infinite[id(optimizer)] else optimizer.step(*args, **kwargs)

    def update(self, new_scale: Any = None) -> None:
        """Change the scale after the steps of an iteration.

        Args:
            new_scale: the scale; None grows it or backs off.

        >>> scaler = torch.amp.GradScaler("cpu")
        >>> loss = scaler.scale(torch.ones(1))
        >>> scaler.update(2.0)
        >>> scaler.get_scale()
        2.0
        """
        if not self._enabled:
            return
        if new_scale is not None:
            self._scale = float(new_scale)
        elif any(self._infinite.values()):
            self._scale, self._growth_tracker = self._scale * self._backoff_factor, 0
        else:
            self._growth_tracker += 1
            if self._growth_tracker == self._growth_interval:
                self._scale, self._growth_tracker = self._scale * self._growth_factor, 0
        self._infinite.clear()

    def state_dict(self) -> dict[str, Any]:
        """The scale, and how it changes.

        Returns:
            A dict; empty if nothing is scaled.

        >>> torch.amp.GradScaler("cpu").state_dict()["scale"]
        65536.0
        """
        if not self._enabled:
            return {}
        return {
            "scale": self._scale,
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._growth_tracker,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what ``state_dict`` gave.

        Args:
            state_dict: the dict.

        Raises:
            RuntimeError: it is that of a scaler that was switched off.

        >>> scaler = torch.amp.GradScaler("cpu")
        >>> scaler.load_state_dict(scaler.state_dict())
        """
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler."
            )
        for name, value in state_dict.items():
            setattr(self, name if name[0] == "_" else f"_{name}", value)
