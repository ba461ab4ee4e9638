"""The parts of ``DataParallel`` as functions: on the one device that there is, a batch stays whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numtorch.nn.module import Module


def _places(what: str, devices: Any) -> list:
    found = list(devices) if isinstance(devices, list | tuple | range) else [devices]
    if len(found) > 1:
        raise NotImplementedError(
            f"{what}: numtorch divides nothing among devices, and {len(found)} are given; pass one"
        )
    return found


def scatter(inputs: Any, target_gpus: Sequence, dim: int = 0) -> list:
    """The inputs for each device, of which there is one.

    Args:
        inputs: tensors in lists, tuples and dicts.
        target_gpus: one device.
        dim: accepted; the dimension of the batch.

    Returns:
        A list of one item.

    Raises:
        NotImplementedError: several devices.

    >>> torch.nn.parallel.scatter(torch.ones(2), ["cpu"])
    [tensor([1., 1.])]
    """
    _places("scatter", target_gpus)
    return [inputs]


def gather(outputs: Sequence, target_device: Any, dim: int = 0) -> Any:
    """The outputs of all devices as one, of the one that there is.

    Args:
        outputs: a list of one item.
        target_device, dim: accepted.

    Returns:
        That item.

    Raises:
        NotImplementedError: several outputs.

    >>> torch.nn.parallel.gather([torch.ones(2)], "cpu")
    tensor([1., 1.])
    """
    return _places("gather", outputs)[0]


def replicate(network: Module, devices: Sequence, detach: bool = False) -> list[Module]:
    """The module for each device, of which there is one.

    Args:
        network: a module.
        devices: one device.
        detach: accepted.

    Returns:
        A list of one module.

    Raises:
        NotImplementedError: several devices.

    >>> torch.nn.parallel.replicate(torch.nn.Identity(), ["cpu"])
    [Identity()]
    """
    _places("replicate", devices)
    return [network]


def parallel_apply(
    modules: Sequence[Module], inputs: Sequence, kwargs_tup: Sequence[dict] | None = None, devices: Any = None
) -> list:
    """Each module on its inputs, one after another.

    Args:
        modules: modules.
        inputs: for each a tuple of arguments, or one.
        kwargs_tup: for each a dict of arguments by name.
        devices: accepted.

    Returns:
        A list of results.

    Raises:
        ValueError: the lists have different lengths.

    >>> torch.nn.parallel.parallel_apply([torch.nn.Identity()], [torch.ones(1)])
    [tensor([1.])]
    """
    named = [{} for _ in modules] if kwargs_tup is None else list(kwargs_tup)
    if not len(modules) == len(inputs) == len(named):
        raise ValueError(f"parallel_apply: {len(modules)} modules, {len(inputs)} inputs and {len(named)} dicts")
    plain = [given if isinstance(given, list | tuple) else (given,) for given in inputs]
    return [module(*given, **more) for module, given, more in zip(modules, plain, named, strict=True)]


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Sequence | None = None,
    output_device: Any = None,
    dim: int = 0,
    module_kwargs: dict | None = None,
) -> Any:
    """A module on its inputs, as ``DataParallel`` calls it.

    Args:
        module: a module.
        inputs: a tensor, or a tuple of arguments.
        device_ids, output_device, dim: accepted.
        module_kwargs: arguments by name.

    Returns:
        What the module gives.

    >>> torch.nn.parallel.data_parallel(torch.nn.Identity(), torch.ones(1))
    tensor([1.])
    """
    plain = inputs if isinstance(inputs, tuple) else () if inputs is None else (inputs,)
    return module(*plain, **(module_kwargs or {}))
