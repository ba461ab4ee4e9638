"""``torch.__future__``: how modules are converted; what PyTorch may do otherwise in later versions.

>>> import numtorch as torch
>>> torch.__future__.get_overwrite_module_params_on_conversion()
False
"""

from __future__ import annotations


class conversions:
    """What the functions below set."""

    overwrite = False
    swap = False


def set_overwrite_module_params_on_conversion(value: bool) -> None:
    """Whether ``module.to(...)`` and the like put new parameters in the place of those that are there.

    Args:
        value: if False, parameters get other elements and stay the same objects.

    >>> torch.__future__.set_overwrite_module_params_on_conversion(False)
    """
    conversions.overwrite = value


def get_overwrite_module_params_on_conversion() -> bool:
    """What ``set_overwrite_module_params_on_conversion`` has set.

    >>> torch.__future__.get_overwrite_module_params_on_conversion()
    False
    """
    return conversions.overwrite


def set_swap_module_params_on_conversion(value: bool) -> None:
    """Whether parameters that are converted or loaded exchange their contents with new ones; they stay the same objects
    either way.

    Args:
        value: kept for ``get_swap_module_params_on_conversion``.

    >>> torch.__future__.set_swap_module_params_on_conversion(False)
    """
    conversions.swap = value


def get_swap_module_params_on_conversion() -> bool:
    """What ``set_swap_module_params_on_conversion`` has set.

    >>> torch.__future__.get_swap_module_params_on_conversion()
    False
    """
    return conversions.swap
