"""``torch.onnx``: programs written as ONNX models, and ONNX models as modules. It needs the package onnx.

>>> net = torch.nn.Linear(3, 2)
>>> torch.onnx.export(net, torch.ones(1, 3), "net.onnx")  # doctest: +SKIP
ONNXProgram(1 nodes, 2 initializers)
>>> torch.onnx.load("net.onnx")(torch.ones(1, 3)).shape  # doctest: +SKIP
torch.Size([1, 2])
"""

from __future__ import annotations

from enum import IntEnum

from numtorch.onnx import errors as errors
from numtorch.onnx import tracing
from numtorch.onnx.errors import OnnxExporterError
from numtorch.onnx.exporting import ONNXProgram, export
from numtorch.onnx.importing import load

__all__ = [
    "ONNXProgram",
    "OnnxExporterError",
    "OperatorExportTypes",
    "TrainingMode",
    "errors",
    "export",
    "is_in_onnx_export",
    "load",
]


class TrainingMode(IntEnum):
    """Of older programs: how a module is exported. It is always exported as it is in ``eval()``.

    >>> torch.onnx.TrainingMode.EVAL.value
    0
    """

    EVAL = 0
    PRESERVE = 1
    TRAINING = 2


class OperatorExportTypes(IntEnum):
    """Of older programs: what becomes of functions without a form in ONNX. They always are errors.

    >>> torch.onnx.OperatorExportTypes.ONNX.value
    0
    """

    ONNX = 0
    ONNX_ATEN = 1
    ONNX_ATEN_FALLBACK = 2
    ONNX_FALLTHROUGH = 3


def is_in_onnx_export() -> bool:
    """Whether a program runs to be exported.

    Returns:
        A bool.

    >>> torch.onnx.is_in_onnx_export()
    False
    """
    return tracing.is_running()
