"""What goes wrong when programs are exported to ONNX, and read from it."""

from __future__ import annotations


class OnnxExporterError(RuntimeError):
    """A program cannot be exported.

    >>> isinstance(torch.onnx.OnnxExporterError("no"), RuntimeError)
    True
    """


class UnsupportedOperatorError(OnnxExporterError):
    """A program, or a file, has an operator that is not known here.

    >>> issubclass(torch.onnx.errors.UnsupportedOperatorError, torch.onnx.errors.OnnxExporterError)
    True
    """


class CheckerError(OnnxExporterError):
    """A file is no valid ONNX model.

    >>> issubclass(torch.onnx.errors.CheckerError, torch.onnx.OnnxExporterError)
    True
    """
