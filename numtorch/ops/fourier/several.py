"""Fourier transforms of several dimensions: one dimension after the other."""

from __future__ import annotations

from typing import Any

from numtorch._tensor import Tensor
from numtorch.dispatch.out import CAST, into
from numtorch.exports import exported
from numtorch.ops.fourier.functions import axes, complexes, halves, of_type, reals


@exported("fft")
def fft2(input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None, *, out: Any = None) -> Tensor:
    """The Fourier transform of two dimensions: ``fft`` along each.

    Args:
        input: of any type but half types; integers count as the default floating type.
        s: the sizes that count along ``dim``, -1 for all: cut off, or continued by zeros; all unless given.
        dim: the dimensions; the last two unless given.
        norm: by what is divided, with the product of the sizes for n: see ``torch.fft.fft``.

    Returns:
        Complex numbers of the sizes ``s`` along ``dim``.

    Raises:
        RuntimeError: dimensions that are not distinct, another number of sizes, or one below 1.
        IndexError: there is no such dimension.

    >>> torch.fft.fft2(torch.ones(2, 2)).real
    tensor([[4., 0.],
            [0., 0.]])
    """
    if out is not None:
        return into(out, CAST, fft2, input, s, dim, norm)
    x = of_type("fft2", input, "complex")
    return complexes("fft2", x, axes("fft2", x, s, dim), norm, True)


@exported("fft")
def ifft2(input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None, *, out: Any = None) -> Tensor:
    """The inverse of ``fft2``: ``ifft`` along each dimension.

    Args:
        input: of any type but half types; integers count as the default floating type.
        s: the sizes that count along ``dim``, -1 for all: cut off, or continued by zeros; all unless given.
        dim: the dimensions; the last two unless given.
        norm: by what is divided, with the product of the sizes for n: see ``torch.fft.fft``.

    Returns:
        Complex numbers of the sizes ``s`` along ``dim``.

    Raises:
        RuntimeError: dimensions that are not distinct, another number of sizes, or one below 1.
        IndexError: there is no such dimension.

    >>> torch.fft.ifft2(torch.ones(2, 2)).real
    tensor([[1., 0.],
            [0., 0.]])
    """
    if out is not None:
        return into(out, CAST, ifft2, input, s, dim, norm)
    x = of_type("ifft2", input, "complex")
    return complexes("ifft2", x, axes("ifft2", x, s, dim), norm, False)


@exported("fft")
def rfft2(input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None, *, out: Any = None) -> Tensor:
    """The Fourier transform of real numbers in two dimensions: half of it along the last.

    Args:
        input: real numbers; integers count as the default floating type.
        s: the sizes that count along ``dim``, -1 for all: cut off, or continued by zeros; all unless given.
        dim: the dimensions; the last two unless given.
        norm: by what is divided, with the product of the sizes for n: see ``torch.fft.fft``.

    Returns:
        Complex numbers of the sizes ``s`` along ``dim``, the last of which is halved: ``n // 2 + 1``.

    Raises:
        RuntimeError: no dimension, dimensions that are not distinct, another number of sizes, or one below 1.
        IndexError: there is no such dimension.

    >>> torch.fft.rfft2(torch.ones(2, 4)).real
    tensor([[8., 0., 0.],
            [0., 0., 0.]])
    """
    if out is not None:
        return into(out, CAST, rfft2, input, s, dim, norm)
    x = of_type("rfft2", input, "real")
    return halves("rfft2", x, axes("rfft2", x, s, dim, 1), norm, True)


@exported("fft")
def irfft2(input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None, *, out: Any = None) -> Tensor:
    """The inverse of ``rfft2``: real numbers.

    Args:
        input: half along the last dimension, of any type but half types.
        s: the sizes of the result along ``dim``; the last is ``2 * (size - 1)`` unless given: an odd one must be.
        dim: the dimensions; the last two unless given.
        norm: by what is divided, with the product of the sizes for n: see ``torch.fft.fft``.

    Returns:
        Real numbers of the sizes ``s`` along ``dim``.

    Raises:
        RuntimeError: no dimension, dimensions that are not distinct, another number of sizes, or one below 1.
        IndexError: there is no such dimension.

    >>> torch.fft.irfft2(torch.fft.rfft2(torch.ones(2, 2)))
    tensor([[1., 1.],
            [1., 1.]])
    """
    if out is not None:
        return into(out, CAST, irfft2, input, s, dim, norm)
    x = of_type("irfft2", input, "complex")
    return reals("irfft2", x, axes("irfft2", x, s, dim, 1), norm, False)


@exported("fft")
def hfft2(input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None, *, out: Any = None) -> Tensor:
    """The Fourier transform of Hermitian-symmetric numbers in two dimensions, from half of them: real.

    Args:
        input: half along the last dimension, of any type but half types.
        s: the sizes of the result along ``dim``; the last is ``2 * (size - 1)`` unless given: an odd one must be.
        dim: the dimensions; the last two unless given.
        norm: by what is divided, with the product of the sizes for n: see ``torch.fft.fft``.

    Returns:
        Real numbers of the sizes ``s`` along ``dim``.

    Raises:
        RuntimeError: no dimension, dimensions that are not distinct, another number of sizes, or one below 1.
        IndexError: there is no such dimension.

    >>> torch.fft.hfft2(torch.ones(2, 2) + 0j)
    tensor([[4., 0.],
            [0., 0.]])
    """
    if out is not None:
        return into(out, CAST, hfft2, input, s, dim, norm)
    x = of_type("hfft2", input, "complex")
    return reals("hfft2", x, axes("hfft2", x, s, dim, 1), norm, True)


@exported("fft")
def ihfft2(input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None, *, out: Any = None) -> Tensor:
    """The inverse of ``hfft2``: half of it along the last dimension.

    Args:
        input: real numbers; integers count as the default floating type.
        s: the sizes that count along ``dim``, -1 for all: cut off, or continued by zeros; all unless given.
        dim: the dimensions; the last two unless given.
        norm: by what is divided, with the product of the sizes for n: see ``torch.fft.fft``.

    Returns:
        Complex numbers of the sizes ``s`` along ``dim``, the last of which is halved: ``n // 2 + 1``.

    Raises:
        RuntimeError: no dimension, dimensions that are not distinct, another number of sizes, or one below 1.
        IndexError: there is no such dimension.

    >>> torch.fft.ihfft2(torch.ones(2, 2)).real
    tensor([[1., 0.],
            [0., 0.]])
    """
    if out is not None:
        return into(out, CAST, ihfft2, input, s, dim, norm)
    x = of_type("ihfft2", input, "real")
    return halves("ihfft2", x, axes("ihfft2", x, s, dim, 1), norm, False)


@exported("fft")
def fftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None, *, out: Any = None) -> Tensor:
    """The Fourier transform of several dimensions: ``fft`` along each.

    Args:
        input: of any type but half types; integers count as the default floating type.
        s: the sizes that count along ``dim``, -1 for all: cut off, or continued by zeros; all unless given.
        dim: the dimensions; unless given as many of the last ones as ``s`` has sizes, or all.
        norm: by what is divided, with the product of the sizes for n: see ``torch.fft.fft``.

    Returns:
        Complex numbers of the sizes ``s`` along ``dim``.

    Raises:
        RuntimeError: dimensions that are not distinct, another number of sizes, or one below 1.
        IndexError: there is no such dimension.

    >>> torch.fft.fftn(torch.ones(2, 2)).real
    tensor([[4., 0.],
            [0., 0.]])
    """
    if out is not None:
        return into(out, CAST, fftn, input, s, dim, norm)
    x = of_type("fftn", input, "complex")
    return complexes("fftn", x, axes("fftn", x, s, dim), norm, True)


@exported("fft")
def ifftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None, *, out: Any = None) -> Tensor:
    """The inverse of ``fftn``: ``ifft`` along each dimension.

    Args:
        input: of any type but half types; integers count as the default floating type.
        s: the sizes that count along ``dim``, -1 for all: cut off, or continued by zeros; all unless given.
        dim: the dimensions; unless given as many of the last ones as ``s`` has sizes, or all.
        norm: by what is divided, with the product of the sizes for n: see ``torch.fft.fft``.

    Returns:
        Complex numbers of the sizes ``s`` along ``dim``.

    Raises:
        RuntimeError: dimensions that are not distinct, another number of sizes, or one below 1.
        IndexError: there is no such dimension.

    >>> torch.fft.ifftn(torch.ones(2, 2)).real
    tensor([[1., 0.],
            [0., 0.]])
    """
    if out is not None:
        return into(out, CAST, ifftn, input, s, dim, norm)
    x = of_type("ifftn", input, "complex")
    return complexes("ifftn", x, axes("ifftn", x, s, dim), norm, False)


@exported("fft")
def rfftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None, *, out: Any = None) -> Tensor:
    """The Fourier transform of real numbers in several dimensions: half of it along the last.

    Args:
        input: real numbers; integers count as the default floating type.
        s: the sizes that count along ``dim``, -1 for all: cut off, or continued by zeros; all unless given.
        dim: the dimensions; unless given as many of the last ones as ``s`` has sizes, or all.
        norm: by what is divided, with the product of the sizes for n: see ``torch.fft.fft``.

    Returns:
        Complex numbers of the sizes ``s`` along ``dim``, the last of which is halved: ``n // 2 + 1``.

    Raises:
        RuntimeError: no dimension, dimensions that are not distinct, another number of sizes, or one below 1.
        IndexError: there is no such dimension.

    >>> torch.fft.rfftn(torch.ones(2, 4)).real
    tensor([[8., 0., 0.],
            [0., 0., 0.]])
    """
    if out is not None:
        return into(out, CAST, rfftn, input, s, dim, norm)
    x = of_type("rfftn", input, "real")
    return halves("rfftn", x, axes("rfftn", x, s, dim, 1), norm, True)


@exported("fft")
def irfftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None, *, out: Any = None) -> Tensor:
    """The inverse of ``rfftn``: real numbers.

    Args:
        input: half along the last dimension, of any type but half types.
        s: the sizes of the result along ``dim``; the last is ``2 * (size - 1)`` unless given: an odd one must be.
        dim: the dimensions; unless given as many of the last ones as ``s`` has sizes, or all.
        norm: by what is divided, with the product of the sizes for n: see ``torch.fft.fft``.

    Returns:
        Real numbers of the sizes ``s`` along ``dim``.

    Raises:
        RuntimeError: no dimension, dimensions that are not distinct, another number of sizes, or one below 1.
        IndexError: there is no such dimension.

    >>> torch.fft.irfftn(torch.fft.rfftn(torch.ones(2, 2)))
    tensor([[1., 1.],
            [1., 1.]])
    """
    if out is not None:
        return into(out, CAST, irfftn, input, s, dim, norm)
    x = of_type("irfftn", input, "complex")
    return reals("irfftn", x, axes("irfftn", x, s, dim, 1), norm, False)


@exported("fft")
def hfftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None, *, out: Any = None) -> Tensor:
    """The Fourier transform of Hermitian-symmetric numbers in several dimensions, from half of them: real.

    Args:
        input: half along the last dimension, of any type but half types.
        s: the sizes of the result along ``dim``; the last is ``2 * (size - 1)`` unless given: an odd one must be.
        dim: the dimensions; unless given as many of the last ones as ``s`` has sizes, or all.
        norm: by what is divided, with the product of the sizes for n: see ``torch.fft.fft``.

    Returns:
        Real numbers of the sizes ``s`` along ``dim``.

    Raises:
        RuntimeError: no dimension, dimensions that are not distinct, another number of sizes, or one below 1.
        IndexError: there is no such dimension.

    >>> torch.fft.hfftn(torch.ones(2, 2) + 0j)
    tensor([[4., 0.],
            [0., 0.]])
    """
    if out is not None:
        return into(out, CAST, hfftn, input, s, dim, norm)
    x = of_type("hfftn", input, "complex")
    return reals("hfftn", x, axes("hfftn", x, s, dim, 1), norm, True)


@exported("fft")
def ihfftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None, *, out: Any = None) -> Tensor:
    """The inverse of ``hfftn``: half of it along the last dimension.

    Args:
        input: real numbers; integers count as the default floating type.
        s: the sizes that count along ``dim``, -1 for all: cut off, or continued by zeros; all unless given.
        dim: the dimensions; unless given as many of the last ones as ``s`` has sizes, or all.
        norm: by what is divided, with the product of the sizes for n: see ``torch.fft.fft``.

    Returns:
        Complex numbers of the sizes ``s`` along ``dim``, the last of which is halved: ``n // 2 + 1``.

    Raises:
        RuntimeError: no dimension, dimensions that are not distinct, another number of sizes, or one below 1.
        IndexError: there is no such dimension.

    >>> torch.fft.ihfftn(torch.ones(2, 2)).real
    tensor([[1., 0.],
            [0., 0.]])
    """
    if out is not None:
        return into(out, CAST, ihfftn, input, s, dim, norm)
    x = of_type("ihfftn", input, "real")
    return halves("ihfftn", x, axes("ihfftn", x, s, dim, 1), norm, False)
