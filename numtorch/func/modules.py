"""Networks as functions of their parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numtorch as torch
from numtorch.nn.normalization import _BatchNorm

_NOTHING: Any = object()


def functional_call(
    module: torch.nn.Module,
    parameter_and_buffer_dicts: Any,
    args: Any = None,
    kwargs: Any = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """The call of a network with other parameters and buffers than its own.

    Args:
        module: the network, which is as before afterwards.
        parameter_and_buffer_dicts: tensors by the names of parameters and buffers; or several such dicts.
        args: a tuple of the arguments, or the only one.
        kwargs: arguments by keyword.
        tie_weights: whether a tensor that is given for one name of a parameter stands for its other names, too.
        strict: raise an error unless there is a tensor for every parameter and buffer, and no other.

    Returns:
        What ``module(*args, **kwargs)`` returns.

    Raises:
        ValueError: two dicts have a name in common, or different tensors are given for two names of one parameter.
        RuntimeError: ``strict``, and names are missing or unknown.
        TypeError: no dict, or ``kwargs`` is none.

    >>> net = torch.nn.Linear(2, 1, bias=False)
    >>> torch.func.functional_call(net, {"weight": torch.tensor([[1.0, 10.0]])}, torch.tensor([2.0, 3.0]))
    tensor([32.])
    """
    given = _merged(parameter_and_buffer_dicts)
    if kwargs is not None and not isinstance(kwargs, Mapping):
        raise TypeError(f"functional_call: kwargs must be a dict, not {type(kwargs).__name__}")
    own: dict[str, Any] = dict(module.named_parameters(remove_duplicate=False))
    own |= dict(module.named_buffers(remove_duplicate=False))
    if strict:
        missing, unknown = [n for n in own if n not in given], [n for n in given if n not in own]
        if tie_weights:
            known = {id(own[n]) for n in given if n in own}
            missing = [n for n in missing if id(own[n]) not in known]
        if missing or unknown:
            raise RuntimeError(
                f"Error(s) in reparametrizing for {type(module).__name__}:\n\t"
                + "\n\t".join(
                    f"{what} key(s): {', '.join(map(repr, names))}."
                    for what, names in (("Unexpected", unknown), ("Missing", missing))
                    if names
                )
            )
    if tie_weights:
        given = _tied(own, given)
    places = [(*_place(module, name), value) for name, value in given.items()]
    before = [(members, name, members.get(name, _NOTHING)) for members, name, _ in places]
    try:
        for members, name, value in places:
            members[name] = value
        return module(*(() if args is None else args if isinstance(args, tuple) else (args,)), **(kwargs or {}))
    finally:
        for members, name, value in reversed(before):
            if value is _NOTHING:
                members.pop(name, None)
            else:
                members[name] = value


def _merged(dicts: Any) -> dict[str, Any]:
    """One dict of several; ValueError for a name that two of them have."""
    if isinstance(dicts, Mapping):
        return dict(dicts)
    if not isinstance(dicts, Sequence) or not all(isinstance(d, Mapping) for d in dicts):
        raise TypeError(
            "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got "
            f"{type(dicts).__name__}"
        )
    merged: dict[str, Any] = {}
    for d in dicts:
        for name, value in d.items():
            if name in merged:
                raise ValueError(
                    f"['{name}'] appeared in multiple dictionaries; behavior of functional call is ambiguous"
                )
            merged[name] = value
    return merged


def _tied(own: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The tensors for all names of a parameter, where one is given."""
    found = dict(given)
    for name, value in given.items():
        for other, t in own.items():
            if name in own and t is own[name] and other != name:
                if other in given and given[other] is not value:
                    raise ValueError(
                        f"functional_call got multiple values for keys {sorted([name, other])}, which are tied. "
                        "Consider using tie_weights=False"
                    )
                found[other] = value
    return found


def _place(module: Any, path: str) -> tuple[Any, str]:
    """The dict in which a parameter, a buffer or an attribute is, and its name there."""
    *owners, name = path.split(".")
    for owner in owners:
        module = getattr(module, owner)
    for members in (module._parameters, module._buffers):
        if name in members:
            return members, name
    return module.__dict__, name


def stack_module_state(models: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters and the buffers of several networks of one kind, joined along a new first dimension.

    Args:
        models: a list of modules of one class, all in training or all in evaluation.

    Returns:
        (parameters, buffers) by their names; parameters are leaves, which require gradients as those of the networks.

    Raises:
        RuntimeError: no networks, or networks that differ in their class, in their mode, or in whether a parameter
            requires a gradient.

    >>> nets = [torch.nn.Linear(3, 2) for _ in range(4)]
    >>> parameters, buffers = torch.func.stack_module_state(nets)
    >>> parameters["weight"].shape
    torch.Size([4, 2, 3])
    >>> x = torch.ones(5, 3)
    >>> def call(parameters, buffers, x):
    ...     return torch.func.functional_call(nets[0], (parameters, buffers), (x,))
    >>> torch.vmap(call, in_dims=(0, 0, None))(parameters, buffers, x).shape
    torch.Size([4, 5, 2])
    """
    models = list(models)
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({m.training for m in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if len({type(m) for m in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    parameters, buffers = ([dict(getattr(m, kind)()) for m in models] for kind in ("named_parameters", "named_buffers"))
    return (
        {name: _leaf(name, [each[name] for each in parameters]) for name in parameters[0]},
        {name: _leaf(name, [each[name] for each in buffers]) for name in buffers[0]},
    )


def _leaf(name: str, tensors: list) -> Any:
    wanted = {t.requires_grad for t in tensors}
    if len(wanted) > 1:
        raise RuntimeError(f"Expected {name} from each model to have the same .requires_grad")
    made = torch.stack(tensors).detach()
    return made.requires_grad_() if wanted == {True} else made


def replace_all_batch_norm_modules_(root: torch.nn.Module) -> torch.nn.Module:
    """Take the running statistics out of all batch-norm layers of a network, which then use those of the batch.

    Args:
        root: the network.

    Returns:
        The network itself.

    >>> net = torch.func.replace_all_batch_norm_modules_(torch.nn.Sequential(torch.nn.BatchNorm1d(3)))
    >>> [name for name, _ in net.named_buffers()]
    []
    """
    for module in root.modules():
        if isinstance(module, _BatchNorm):
            module.track_running_stats = False
            module.running_mean = module.running_var = module.num_batches_tracked = None
    return root
