"""Exceptions that only numtorch has. Everywhere else numtorch raises the built-in exceptions that PyTorch raises."""

from __future__ import annotations

from pickle import UnpicklingError


class KernelNotFound(NotImplementedError):
    """No registered kernel takes these devices and dtypes; the message lists those that exist."""


class KernelError(RuntimeError):
    """A kernel could not be compiled; names the op, the kernel, the types and the source line."""


class RegistrationError(ValueError):
    """Two kernels of one op claim the same inputs with the same priority, or a name is taken twice."""


class CorruptFile(RuntimeError):
    """A file is truncated, foreign or fails its checksum; nothing in it was executed."""


class UnknownGlobal(CorruptFile, UnpicklingError):
    """A file names a class or a function that ``load`` does not make or call."""


class LinAlgError(RuntimeError):
    """A factorisation or an inverse that does not exist: ``torch.linalg.LinAlgError``."""


class OutOfBounds(IndexError, RuntimeError):
    """A position lies outside its dimension. torch raises an IndexError for some ops and a RuntimeError for others:
    this is both."""


class OutOfMemoryError(RuntimeError, MemoryError):
    """More memory was asked for than there is, or than can be counted in 64 bits.

    >>> issubclass(torch.OutOfMemoryError, RuntimeError)
    True
    """
