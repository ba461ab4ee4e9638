"""The order in which weights of convolutions lie in memory."""

from __future__ import annotations

from typing import Any

from numtorch.nn.conv import Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d
from numtorch.nn.module import Module


def _convert(module: Module, kinds: tuple[type, ...], memory_format: Any) -> Module:
    layers: Any = [m for m in module.modules() if isinstance(m, kinds)]
    for layer in layers:
        layer.weight.data = layer.weight.detach().clone().to(memory_format=memory_format)
    return module


def convert_conv2d_weight_memory_format(module: Module, memory_format: Any) -> Any:
    """Lay the weights of all two-dimensional convolutions in a module out in a memory format.

    Args:
        module: a convolution, or what has some.
        memory_format: such as ``torch.channels_last``; convolutions here read weights that are contiguous, and make
            them so.

    Returns:
        The module.

    >>> torch.nn.utils.convert_conv2d_weight_memory_format(torch.nn.Conv2d(1, 2, 3), torch.channels_last)
    Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1))
    """
    return _convert(module, (Conv2d, ConvTranspose2d), memory_format)


def convert_conv3d_weight_memory_format(module: Module, memory_format: Any) -> Any:
    """Lay the weights of all three-dimensional convolutions in a module out in a memory format.

    Args:
        module: a convolution, or what has some.
        memory_format: such as ``torch.channels_last_3d``; convolutions here read weights that are contiguous, and make
            them so.

    Returns:
        The module.

    >>> torch.nn.utils.convert_conv3d_weight_memory_format(torch.nn.Conv3d(1, 2, 3), torch.channels_last_3d)
    Conv3d(1, 2, kernel_size=(3, 3, 3), stride=(1, 1, 1))
    """
    return _convert(module, (Conv3d, ConvTranspose3d), memory_format)
