"""``Optimizer``: parameter groups, the options of each group, the state of each parameter, and hooks around
``step``."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from itertools import chain
from typing import Any

from numtorch import notices
from numtorch._tensor import Tensor
from numtorch.autograd.node import RemovableHandle
from numtorch.dtype import float32, float64, get_default_dtype
from numtorch.grad_mode import enable_grad, no_grad
from numtorch.ops import creation, gradients, movement


class _Required:
    """Stands for an option without a default."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()

_global_pre_hooks: list[Callable] = []
_global_post_hooks: list[Callable] = []


def register_optimizer_step_pre_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(optimizer, args, kwargs)`` before any optimizer's step.

    Args:
        hook: the function; it returns None, or the arguments (args, kwargs) for the step.

    Returns:
        A handle, whose ``remove()`` takes the hook off.

    >>> from numtorch.optim.optimizer import register_optimizer_step_pre_hook
    >>> with register_optimizer_step_pre_hook(lambda optimizer, args, kwargs: print("stepping")):
    ...     torch.optim.SGD([torch.zeros(1, requires_grad=True)]).step()
    stepping
    """
    return RemovableHandle(_global_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(optimizer, args, kwargs)`` after any optimizer's step.

    Args:
        hook: the function.

    Returns:
        A handle, whose ``remove()`` takes the hook off.

    >>> from numtorch.optim.optimizer import register_optimizer_step_post_hook
    >>> with register_optimizer_step_post_hook(lambda optimizer, args, kwargs: print("stepped")):
    ...     torch.optim.SGD([torch.zeros(1, requires_grad=True)]).step()
    stepped
    """
    return RemovableHandle(_global_post_hooks, hook)


def _hooked(fn: Callable) -> Callable:
    """``step`` with the hooks around it, which belong to the most derived class's step."""

    @functools.wraps(fn)
    def step(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        pre, post = self._step_pre_hooks, self._step_post_hooks
        if not (pre or post or _global_pre_hooks or _global_post_hooks) or type(self).step is not step:
            result = fn(self, *args, **kwargs)
            self._opt_called = True
            return result
        for hook in (*_global_pre_hooks, *pre):
            changed = hook(self, args, kwargs)
            if changed is not None:
                if not isinstance(changed, tuple) or len(changed) != 2:
                    raise RuntimeError(
                        f"{fn} must return None or a tuple of (new_args, new_kwargs), but got {changed}."
                    )
                args, kwargs = changed
        result = fn(self, *args, **kwargs)
        self._opt_called = True
        for hook in (*post, *_global_post_hooks):
            hook(self, args, kwargs)
        return result

    return step


class Optimizer:
    """Base of the optimizers; one of your own sets ``defaults`` and defines ``step``.

    Args:
        params: tensors, (name, tensor) pairs, or dicts with ``params`` and options of their own.
        defaults: options of groups that do not set them.

    Attributes:
        param_groups: one dict for each group: ``params`` and options.
        state: for each parameter what the algorithm remembers.
        samples: options with which the tests compare a class with torch's.

    Raises:
        TypeError: ``params`` is a tensor, cannot be iterated, or has something else than tensors.
        ValueError: ``params`` is empty, has a tensor that was computed or one twice in different groups, or lacks an
            option without default.
        RuntimeError: ``fused`` is set and ``foreach`` or ``differentiable`` is, too.

    >>> class SignDescent(torch.optim.Optimizer):
    ...     def __init__(self, params, lr=0.1):
    ...         super().__init__(params, {"lr": lr})
    ...     @torch.no_grad()
    ...     def step(self, closure=None):
    ...         for group in self.param_groups:
    ...             for p in group["params"]:
    ...                 if p.grad is not None:
    ...                     p.sub_(p.grad.sign(), alpha=group["lr"])
    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> opt = SignDescent([w])
    >>> (w * 3).sum().backward()
    >>> opt.step()
    >>> w.detach()
    tensor([0.9000])
    """

    samples: tuple[dict[str, Any], ...] = ()
    # On the class, for subclasses that do not call ``super().__init__()``.
    _step_pre_hooks: Sequence[Callable] = ()
    _step_post_hooks: Sequence[Callable] = ()
    _state_hooks: dict[str, list[Callable]] = {}  # one that has hooks has a dict of its own
    _opt_called = False  # asked by schedulers, which should step after the optimizer

    def __init_subclass__(cls, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        if "step" in cls.__dict__:
            setattr(cls, "step", _hooked(cls.__dict__["step"]))  # noqa: B010

    def __init__(self, params: Iterable, defaults: dict[str, Any]):
        self.defaults = defaults
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got a Tensor "
                f"of shape {list(params.shape)}; pass [tensor]"
            )
        if not isinstance(params, Iterable):
            raise TypeError(
                f"{type(self).__name__}: '{type(params).__name__}' object is not iterable over Tensors or dicts; pass "
                "model.parameters()"
            )
        if defaults.get("fused") and defaults.get("differentiable"):
            raise RuntimeError("`fused` does not support `differentiable`")
        if defaults.get("fused") and defaults.get("foreach"):
            raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
        self.state: defaultdict[Tensor, Any] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups = list(params)
        if not groups:
            raise ValueError(
                f"optimizer got an empty parameter list: {type(self).__name__} has nothing to update. Does the model "
                "have layers, and was model.parameters() not used up before?"
            )
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    # --- options and parameters --------------------------------------------------------------------

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Optimize more parameters, with options of their own.

        Args:
            param_group: a dict of ``params``, a tensor or several, and options; missing ones get their defaults.

        Raises:
            TypeError: it is not a dict, ``params`` is a set, or has something else than tensors.
            ValueError: a tensor that was computed, or that is in another group; some have names and others not; an
                option without default is missing.

        >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
        >>> opt.add_param_group({"params": torch.zeros(2, requires_grad=True), "lr": 0.01})
        >>> [group["lr"] for group in opt.param_groups]
        [0.1, 0.01]
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, Tensor):
            params = [params]
        elif isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in "
                "sets will change between runs. Please use a list instead."
            )
        params = list(params)
        names = [p[0] for p in params if isinstance(p, tuple)]
        if names:
            if len(names) != len(params):
                raise ValueError("all optimizer params should be with/without names. Some param names are missing")
            param_group["param_names"] = names
            params = [p[1] for p in params]
        param_group["params"] = params
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {type(p).__name__}")
            if not (p.is_leaf or p.retains_grad or self.defaults.get("differentiable")):
                raise ValueError("can't optimize a non-leaf Tensor")
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, default)
        if len(params) != len(set(map(id, params))):
            notices.warn(
                "optimizer contains a parameter group with duplicate parameters; each would be updated twice in every "
                "step"
            )
        self._check_against_others(param_group)
        self.param_groups.append(param_group)

    def _check_against_others(self, param_group: dict[str, Any]) -> None:
        named = "param_names" in param_group
        for group in self.param_groups:
            if named != ("param_names" in group):
                raise ValueError(
                    "all optimizer param groups should be with/without names. cannot add param group "
                    f"{'with names' if named else 'without names'} to the optimizer"
                )
        known = {id(p) for group in self.param_groups for p in group["params"]}
        if not known.isdisjoint(map(id, param_group["params"])):
            raise ValueError("some parameters appear in more than one parameter group")

    def __repr__(self) -> str:
        text = type(self).__name__ + " ("
        for i, group in enumerate(self.param_groups):
            text += f"\nParameter Group {i}\n"
            for key in sorted(group):
                if key != "params":
                    text += f"    {key}: {group[key]}\n"
        return text + ")"

    # --- stepping ------------------------------------------------------------------------------------

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient.

        Args:
            closure: a function that computes the loss again and returns it; called first, with gradients enabled.

        Returns:
            What ``closure`` returned; None without one.

        Raises:
            NotImplementedError: the class does not define it.

        >>> w = torch.tensor([4.0], requires_grad=True)
        >>> w.grad = torch.tensor([2.0])
        >>> torch.optim.SGD([w], lr=0.5).step()
        >>> w.detach()
        tensor([3.])
        """
        raise NotImplementedError(f"{type(self).__name__} must define step(self, closure=None)")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters.

        Args:
            set_to_none: set ``grad`` to None; otherwise the gradients are overwritten with zeros.

        >>> w = torch.tensor([4.0], requires_grad=True)
        >>> w.grad = torch.tensor([2.0])
        >>> torch.optim.SGD([w]).zero_grad()
        >>> w.grad is None
        True
        """
        kept = []
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif (g := p.grad) is not None:
                    if g.requires_grad:
                        p.grad = g = g.detach()
                    kept.append(g)
        if kept:
            with no_grad():
                gradients.zero(kept)

    def register_step_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` before each step.

        Args:
            hook: the function; it returns None, or the arguments (args, kwargs) for the step.

        Returns:
            A handle, whose ``remove()`` takes the hook off.

        >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)])
        >>> handle = opt.register_step_pre_hook(lambda optimizer, args, kwargs: print("stepping"))
        >>> opt.step()
        stepping
        """
        return RemovableHandle(self.__dict__.setdefault("_step_pre_hooks", []), hook)

    def register_step_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` after each step.

        Args:
            hook: the function.

        Returns:
            A handle, whose ``remove()`` takes the hook off.

        >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)])
        >>> handle = opt.register_step_post_hook(lambda optimizer, args, kwargs: print("stepped"))
        >>> opt.step()
        stepped
        """
        return RemovableHandle(self.__dict__.setdefault("_step_post_hooks", []), hook)

    # --- state ------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for group in self.param_groups:
            for name, default in self.defaults.items():  # options that a state saved earlier does not know
                group.setdefault(name, default)

    def state_dict(self) -> dict[str, Any]:
        """State and options, with parameters as their numbers in order; tensors are not copied.

        Returns:
            ``{"state": {0: {...}, ...}, "param_groups": [{"lr": ..., "params": [0, ...]}, ...]}``.

        >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
        >>> opt.state_dict()["param_groups"][0]["lr"]
        0.1
        """
        for hook in self._state_hooks.get("save_pre", ()):
            hook(self)
        numbers: dict[int, int] = {}
        groups = []
        count = 0
        for group in self.param_groups:
            for i, p in enumerate(group["params"], count):
                numbers.setdefault(id(p), i)
            packed = {k: v for k, v in group.items() if k != "params"}
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            count += len(group["params"])
            groups.append(packed)
        state = {numbers[id(k)] if isinstance(k, Tensor) else k: v for k, v in self.state.items()}
        result: dict[str, Any] = {"state": state, "param_groups": groups}
        for hook in self._state_hooks.get("save_post", ()):
            changed = hook(self, result)
            result = result if changed is None else changed
        return result

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what ``state_dict`` returned; parameters are matched in order.

        Tensors take the dtype and device of their parameters, except ``step``, and are copied. Differs from torch,
        where two optimizers that loaded one state dict share its tensors.

        Args:
            state_dict: what was returned.

        Raises:
            ValueError: the number of groups, or of parameters in a group, differs.

        >>> a = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
        >>> b = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.9)
        >>> b.load_state_dict(a.state_dict())
        >>> b.param_groups[0]["lr"]
        0.1
        """
        state_dict = state_dict.copy()
        for hook in self._state_hooks.get("load_pre", ()):
            changed = hook(self, state_dict)
            state_dict = state_dict if changed is None else changed
        saved = deepcopy(state_dict["param_groups"])
        if len(saved) != len(self.param_groups):
            raise ValueError(
                f"loaded state dict has a different number of parameter groups: {len(saved)}, the optimizer has "
                f"{len(self.param_groups)}"
            )
        for i, (group, other) in enumerate(zip(self.param_groups, saved, strict=True)):
            if len(group["params"]) != len(other["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of optimizer's group: "
                    f"group {i} has {len(other['params'])} parameters, the optimizer's has {len(group['params'])}"
                )
        params = dict(
            zip(
                chain.from_iterable(g["params"] for g in saved),
                chain.from_iterable(g["params"] for g in self.param_groups),
                strict=True,
            )
        )
        state: defaultdict[Any, Any] = defaultdict(dict)
        for k, v in state_dict["state"].items():
            state[params.get(k, k)] = _fitted(params[k], v) if k in params else v
        for group, other in zip(self.param_groups, saved, strict=True):
            other["params"] = group["params"]
            if "param_names" in group:
                other.setdefault("param_names", group["param_names"])
        self.__setstate__({"state": state, "param_groups": saved})
        for hook in self._state_hooks.get("load_post", ()):
            hook(self)

    def register_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer)`` before ``state_dict`` works.

        Args:
            hook: the function.
            prepend: call it before the hooks that are there.

        Returns:
            A handle, whose ``remove()`` takes the hook off.

        >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)])
        >>> handle = opt.register_state_dict_pre_hook(lambda optimizer: print("saving"))
        >>> state = opt.state_dict()
        saving
        """
        return self._state_hook("save_pre", hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` after ``state_dict`` has worked.

        Args:
            hook: the function; it may return another dict.
            prepend: call it before the hooks that are there.

        Returns:
            A handle, whose ``remove()`` takes the hook off.

        >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)])
        >>> handle = opt.register_state_dict_post_hook(lambda optimizer, state: print(list(state)))
        >>> state = opt.state_dict()
        ['state', 'param_groups']
        """
        return self._state_hook("save_post", hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` before ``load_state_dict`` works.

        Args:
            hook: the function; it may return another dict.
            prepend: call it before the hooks that are there.

        Returns:
            A handle, whose ``remove()`` takes the hook off.

        >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)])
        >>> handle = opt.register_load_state_dict_pre_hook(lambda optimizer, state: print(list(state)))
        >>> opt.load_state_dict(opt.state_dict())
        ['state', 'param_groups']
        """
        return self._state_hook("load_pre", hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer)`` after ``load_state_dict`` has worked.

        Args:
            hook: the function.
            prepend: call it before the hooks that are there.

        Returns:
            A handle, whose ``remove()`` takes the hook off.

        >>> opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)])
        >>> handle = opt.register_load_state_dict_post_hook(lambda optimizer: print("loaded"))
        >>> opt.load_state_dict(opt.state_dict())
        loaded
        """
        return self._state_hook("load_post", hook, prepend)

    def _state_hook(self, when: str, hook: Callable, prepend: bool) -> RemovableHandle:
        hooks = self.__dict__.setdefault("_state_hooks", {}).setdefault(when, [])
        handle = RemovableHandle(hooks, hook)
        if prepend:
            hooks.insert(0, hooks.pop())
        return handle


def _fitted(p: Tensor, value: Any, key: Any = None) -> Any:
    """A copy of a parameter's state, with tensors of the parameter's dtype and device."""
    if isinstance(value, Tensor):
        value = value.detach()
        if key == "step":
            return movement.clone(value)
        return movement.to(
            value, dtype=p.dtype if p.dtype.is_floating_point else value.dtype, device=p.device, copy=True
        )
    if isinstance(value, dict):
        return {k: _fitted(p, v, k) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_fitted(p, v) for v in value)
    return deepcopy(value)


# --- what the optimizers share -----------------------------------------------------------------------------


def evaluate(closure: Callable[[], Any] | None) -> Any:
    """The loss that a step's closure recomputes; None without one."""
    if closure is None:
        return None
    with enable_grad():
        return closure()


def number(value: Any) -> float:
    """An option that may be a tensor of one element, as a Python float."""
    return value if type(value) is float else float(value)


def counter(value: float = 0.0) -> Tensor:
    """A fresh ``step``: 0-dim, on the CPU, float32 unless the default type is float64."""
    return creation.full((), value, dtype=float64 if get_default_dtype() is float64 else float32, device="cpu")


def check(option: str, value: Any, ok: bool) -> None:
    """ValueError in torch's words unless ``ok``."""
    if not ok:
        raise ValueError(f"Invalid {option}: {value}")


def check_rate(lr: Any) -> None:
    """ValueError unless ``lr`` is a number or one-element tensor that is not negative."""
    check_one(lr)
    check("learning rate", lr, bool(lr >= 0.0))


def check_one(lr: Any) -> None:
    """ValueError if ``lr`` is a tensor of more or fewer elements than one."""
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError(f"Tensor lr must be 1-element, but has shape {list(lr.shape)}")


def check_betas(betas: Any) -> None:
    """ValueError unless both are in [0, 1)."""
    for i in (0, 1):
        check(f"beta parameter at index {i}", betas[i], bool(0.0 <= betas[i] < 1.0))


def above(what: str, value: Any, least: float = 0.0) -> None:
    """ValueError, as the newer optimizers word it, if an option is below what it may be."""
    if not value >= least:
        raise ValueError(f"{what} should be >= {least:g} but is: {value}")
