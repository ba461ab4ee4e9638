"""Calls of modules with other parameters and buffers than their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numtorch import notices
from numtorch._tensor import Tensor
from numtorch.nn.module import Module


def _places(module: Module) -> dict[str, tuple[dict, str]]:
    """The registry, and the name in it, of each parameter and buffer, by path."""
    return {
        f"{path}.{name}" if path else name: (registry, name)
        for path, m in module.named_modules(remove_duplicate=False)
        for registry in (m._parameters, m._buffers)
        for name, t in registry.items()
        if t is not None
    }


def _with_tied(places: dict[str, tuple[dict, str]], given: dict[str, Tensor]) -> dict[str, Tensor]:
    """What is given, also under the other paths of tensors that are in several places."""
    same: dict[int, list[str]] = {}
    for path, (registry, name) in places.items():
        same.setdefault(id(registry[name]), []).append(path)
    found = dict(given)
    for paths in same.values():
        values = [given[path] for path in paths if path in given]
        if any(value is not values[0] for value in values):
            raise ValueError(f"functional_call got different values for tied weights: {', '.join(sorted(paths))}")
        found.update({path: values[0] for path in paths if values})
    return found


@contextmanager
def replaced(module: Module, given: dict[str, Tensor], tie_weights: bool, strict: bool) -> Iterator[None]:
    """Within the block, parameters and buffers are those that are given, by path.

    Args:
        module: any module.
        given: the tensors; those that the module replaces meanwhile are replaced in the dict.
        tie_weights: what is given for a tensor holds wherever the tensor is.
        strict: all must be given.

    Raises:
        RuntimeError: ``strict``, and a tensor is missing or unknown.

    >>> from numtorch.nn.utils.stateless import replaced
    >>> layer = torch.nn.Linear(2, 1, bias=False)
    >>> with replaced(layer, {"weight": torch.ones(1, 2)}, True, False):
    ...     layer(torch.tensor([3.0, 4.0]))
    tensor([7.])
    """
    places = _places(module)
    missing, unknown = [p for p in places if p not in given], [p for p in given if p not in places]
    values = _with_tied(places, given) if tie_weights else given
    if strict and (unknown or any(p not in values for p in missing)):
        raise RuntimeError(
            f"functional_call: not given: {', '.join(p for p in missing if p not in values) or 'nothing'}; given but "
            f"not in the module: {', '.join(unknown) or 'nothing'}"
        )
    swapped = [(path, *places[path]) for path in values if path in places]
    before = [registry[name] for _, registry, name in swapped]
    try:
        for path, registry, name in swapped:
            registry[name] = values[path]
        yield
    finally:
        for (path, registry, name), own in zip(swapped, before, strict=True):
            if path in given:
                given[path] = registry[name]
            registry[name] = own


def functional_call(
    module: Module,
    parameters_and_buffers: dict[str, Tensor],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with other parameters and buffers than its own. Deprecated in torch, for ``torch.func``'s.

    Args:
        module: any module.
        parameters_and_buffers: the tensors by path; buffers that the call replaces are replaced here. Paths that the
            module does not have are passed over.
        args: the arguments, a tuple, or the only one.
        kwargs: arguments by name.
        tie_weights: what is given for a tensor holds wherever the module has that tensor.
        strict: all parameters and buffers must be given.

    Returns:
        What the module returns.

    Raises:
        RuntimeError: ``strict``, and a tensor is missing or unknown.
        ValueError: tied weights are given different values.

    >>> layer, x = torch.nn.Linear(2, 1, bias=False), torch.tensor([3.0, 4.0])
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     torch.nn.utils.stateless.functional_call(layer, {"weight": torch.ones(1, 2)}, x)
    tensor([7.])
    """
    notices.warn(
        "nn.utils.stateless.functional_call is deprecated in PyTorch, for torch.func.functional_call", FutureWarning
    )
    given = () if args is None else args if isinstance(args, tuple) else (args,)
    with replaced(module, parameters_and_buffers, tie_weights, strict):
        return module(*given, **(kwargs or {}))
