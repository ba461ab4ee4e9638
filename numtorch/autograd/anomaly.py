"""Anomaly detection: errors and NaN in backward name the line of the forward pass that made the node."""

from __future__ import annotations

from numtorch.grad_mode import _Setting, mode


class detect_anomaly(_Setting):
    """Inside, nodes keep the stack of the forward pass, and ``backward`` stops at the first NaN in a gradient.

    Args:
        check_nan: look for NaN; otherwise only errors name the line of the forward pass.

    >>> x = torch.tensor(0.0, requires_grad=True)
    >>> with torch.autograd.detect_anomaly():
    ...     try:
    ...         (x * 0 / x).sqrt().backward()
    ...     except RuntimeError as e:
    ...         print(str(e).splitlines()[0])
    Function 'SqrtBackward0' returned nan values in its 0th output.
    """

    def __init__(self, check_nan: bool = True):
        super().__init__(anomaly=True, check_nan=check_nan, watched=True)


class set_detect_anomaly(_Setting):
    """Anomaly detection on or off: takes effect at once, and is undone at the end when used as a context manager.

    Args:
        mode: whether it is on.
        check_nan: look for NaN.

    >>> with torch.autograd.set_detect_anomaly(True):
    ...     print(torch.autograd.is_anomaly_enabled())
    True
    """

    def __init__(self, mode: bool, check_nan: bool = True):
        values = {"anomaly": bool(mode), "check_nan": check_nan}
        values["watched"] = values["anomaly"] or bool(_packing())
        super().__init__(**values)
        self.__enter__()
        self._entered = True

    def __enter__(self) -> None:
        if self.__dict__.pop("_entered", False):
            return  # it took effect when it was made; what to go back to is known
        super().__enter__()


def _packing() -> tuple:
    return mode.packing


def is_anomaly_enabled() -> bool:
    """Whether anomaly detection is on.

    Returns:
        A bool.

    >>> torch.autograd.is_anomaly_enabled()
    False
    """
    return mode.anomaly


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly detection, where it is on, looks for NaN.

    Returns:
        A bool.

    >>> torch.autograd.is_anomaly_check_nan_enabled()
    True
    """
    return mode.check_nan
