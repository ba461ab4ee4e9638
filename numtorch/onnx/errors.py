"""What goes wrong when programs are exported to ONNX, and read from it."""

from __future__ import annotations


class OnnxExporterError(RuntimeError):
    """A program cannot be exported."""


class UnsupportedOperatorError(OnnxExporterError):
    """A program, or a file, has an operator that is not known here."""


class CheckerError(OnnxExporterError):
    """A file is no valid ONNX model."""
