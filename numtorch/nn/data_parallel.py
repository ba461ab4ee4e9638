"""``DataParallel``: here it calls its module."""

from __future__ import annotations

from typing import Any

from numtorch.nn.module import Module


class DataParallel(Module):
    """The module itself, under the name ``module``: a batch is not divided among devices.

    Args:
        module: what is called.
        device_ids: accepted.
        output_device: accepted.
        dim: accepted; the dimension of the batch.

    Shape: as of the module. Keys of its state begin with ``module.``, as in torch.

    See https://pytorch.org/docs/stable/generated/torch.nn.DataParallel.html

    >>> torch.nn.DataParallel(torch.nn.Identity())(torch.ones(1))
    tensor([1.])
    """

    def __init__(self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0):
        super().__init__()
        self.module, self.dim = module, dim
        self.device_ids: list = []

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)
