"""What every transform is: a function with an inverse and the logarithm of its slope; and transforms of transforms."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import add, mul
from typing import Any

import numtorch as torch
from numtorch import Size, Tensor
from numtorch.distributions import constraints
from numtorch.distributions.parameters import _sum_rightmost, lazy_property


class Transform:
    """A function with an inverse. A class defines ``_call`` and ``_inverse``, and ``log_abs_det_jacobian`` if it is
    bijective.

    Args:
        cache_size: 1 to remember the last argument and result, of which the inverse is then free; 0 not to.

    Raises:
        ValueError: another ``cache_size``.

    Attributes:
        bijective: whether every element of ``codomain`` is the image of a single one of ``domain``.
        domain, codomain: constraints of arguments and results.
    """

    bijective: Any = False
    domain: Any
    codomain: Any

    def __init__(self, cache_size: int = 0):
        if cache_size not in (0, 1):
            raise ValueError(f"cache_size must be 0 or 1, but is {cache_size!r}")
        self._cache_size = cache_size
        self._pair: tuple = (None, None)
        self._inv: Transform | None = None
        super().__init__()

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_inv": None}

    @property
    def event_dim(self) -> int:
        """How many of the last dimensions are transformed together; ValueError where that changes."""
        if self.domain.event_dim == self.codomain.event_dim:
            return self.domain.event_dim
        raise ValueError(f"{type(self).__name__} has no single event_dim; see its domain and its codomain")

    @property
    def inv(self) -> Transform:
        """The inverse, whose inverse is this transform."""
        if self._inv is None:
            self._inv = _InverseTransform(self)
        return self._inv

    @property
    def sign(self) -> Any:
        """1 where the transform increases, -1 where it decreases; NotImplementedError where that has no meaning."""
        raise NotImplementedError(f"{type(self).__name__} does not define sign")

    def _arguments(self) -> tuple:
        """What ``__init__`` was given, without ``cache_size``: from it equals and copies are made."""
        if type(self).__init__ is Transform.__init__:
            return ()
        raise NotImplementedError(f"{type(self).__name__} does not define with_cache")

    def with_cache(self, cache_size: int = 1) -> Transform:
        """The transform with another cache.

        Args:
            cache_size: 0 or 1.

        Returns:
            The transform itself, if it has such a cache, or a new one.

        Raises:
            NotImplementedError: the class does not say how.

        >>> torch.distributions.ExpTransform().with_cache()
        ExpTransform()
        """
        cls: Any = type(self)
        return self if self._cache_size == cache_size else cls(*self._arguments(), cache_size=cache_size)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __call__(self, x: Any) -> Any:
        return self._remembered(self._call, x, 0)

    def _inv_call(self, y: Any) -> Any:
        return self._remembered(self._inverse, y, 1)

    def _remembered(self, f: Callable, given: Any, side: int) -> Any:
        """The result of a function, or the other one of the last pair, in which ``given`` has this side."""
        if not self._cache_size:
            return f(given)
        if self._pair[side] is not given:
            found = f(given)
            self._pair = (found, given) if side else (given, found)
        return self._pair[1 - side]

    def _call(self, x: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define _call")

    def _inverse(self, y: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define _inverse")

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """The logarithm of the size of the Jacobian's determinant: of ``dy / dx`` for single numbers.

        Args:
            x, y: an argument and its result.

        Returns:
            A number for each event.

        Raises:
            NotImplementedError: the class does not say.

        >>> x = torch.tensor([0.0, 2.0])
        >>> torch.distributions.ExpTransform().log_abs_det_jacobian(x, x.exp())
        tensor([0., 2.])
        """
        raise NotImplementedError(f"{type(self).__name__} does not define log_abs_det_jacobian")

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def forward_shape(self, shape: Any) -> Any:
        """The shape of the result.

        Args:
            shape: of the argument.

        Returns:
            A shape.

        >>> torch.distributions.ReshapeTransform((4,), (2, 2)).forward_shape((3, 4))
        torch.Size([3, 2, 2])
        """
        return shape

    def inverse_shape(self, shape: Any) -> Any:
        """The shape of the argument.

        Args:
            shape: of the result.

        Returns:
            A shape.

        >>> torch.distributions.ReshapeTransform((4,), (2, 2)).inverse_shape((3, 2, 2))
        torch.Size([3, 4])
        """
        return shape


class _InverseTransform(Transform):
    """The inverse of a transform."""

    _inv: Transform

    def __init__(self, transform: Transform):
        super().__init__(transform._cache_size)
        self._inv = transform

    def __getstate__(self) -> dict[str, Any]:
        return vars(self)

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> Any:  # type: ignore[override]
        """The codomain of the transform."""
        return self._inv.codomain

    @constraints.dependent_property(is_discrete=False)
    def codomain(self) -> Any:  # type: ignore[override]
        """The domain of the transform."""
        return self._inv.domain

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        """As the transform is."""
        return self._inv.bijective

    @property
    def sign(self) -> Any:
        return self._inv.sign

    def with_cache(self, cache_size: int = 1) -> Transform:
        return self._inv.with_cache(cache_size).inv

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _InverseTransform) and self._inv == other._inv

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._inv!r})"

    def __call__(self, x: Any) -> Any:
        return self._inv._inv_call(x)

    def _inv_call(self, y: Any) -> Any:
        return self._inv(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -self._inv.log_abs_det_jacobian(y, x)

    def forward_shape(self, shape: Any) -> Any:
        return self._inv.inverse_shape(shape)

    def inverse_shape(self, shape: Any) -> Any:
        return self._inv.forward_shape(shape)


class Equal(Transform):
    """A transform that equals another of its class with the same parameters."""

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return False
        pairs = zip(self._arguments(), other._arguments(), strict=True)  # type: ignore[attr-defined]
        return all(_same(a, b) for a, b in pairs)


def _same(a: Any, b: Any) -> bool:
    return bool((a == b).all()) if isinstance(a, Tensor) or isinstance(b, Tensor) else a == b


class ComposeTransform(Equal):
    """Transforms one after another.

    Args:
        parts: a list of transforms; the first one is applied first.
        cache_size: as of each transform.

    >>> from numtorch.distributions import AffineTransform, ComposeTransform, ExpTransform
    >>> ComposeTransform([ExpTransform(), AffineTransform(1.0, 2.0)])(torch.tensor(0.0))
    tensor(3.)
    """

    def __init__(self, parts: list[Transform], cache_size: int = 0):
        super().__init__(cache_size)
        self.parts = [part.with_cache(cache_size) for part in parts] if cache_size else parts

    def _arguments(self) -> tuple:
        return (self.parts,)

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> Any:  # type: ignore[override]
        """The domain of the first part, with as many dimensions together as any part needs."""
        if not self.parts:
            return constraints.real
        event_dim = self.parts[-1].codomain.event_dim
        for part in reversed(self.parts):
            event_dim += part.domain.event_dim - part.codomain.event_dim
            event_dim = max(event_dim, part.domain.event_dim)
        return _together(self.parts[0].domain, event_dim)

    @constraints.dependent_property(is_discrete=False)
    def codomain(self) -> Any:  # type: ignore[override]
        """The codomain of the last part, with as many dimensions together as any part makes."""
        if not self.parts:
            return constraints.real
        event_dim = self.parts[0].domain.event_dim
        for part in self.parts:
            event_dim += part.codomain.event_dim - part.domain.event_dim
            event_dim = max(event_dim, part.codomain.event_dim)
        return _together(self.parts[-1].codomain, event_dim)

    @lazy_property
    def bijective(self) -> bool:  # type: ignore[override]
        """Whether all parts are."""
        return all(part.bijective for part in self.parts)

    @lazy_property
    def sign(self) -> Any:  # type: ignore[override]
        """The product of the parts' signs."""
        return reduce(mul, [part.sign for part in self.parts], 1)

    @property
    def inv(self) -> Transform:
        if self._inv is None:
            self._inv = ComposeTransform([part.inv for part in reversed(self.parts)])
            self._inv._inv = self
        return self._inv

    def __call__(self, x: Any) -> Any:
        for part in self.parts:
            x = part(x)
        return x

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        if not self.parts:
            return torch.zeros_like(x)
        points = [x]
        for part in self.parts[:-1]:
            points.append(part(points[-1]))
        points.append(y)
        event_dim, terms = self.domain.event_dim, []
        for part, a, b in zip(self.parts, points, points[1:], strict=False):
            terms.append(_sum_rightmost(part.log_abs_det_jacobian(a, b), event_dim - part.domain.event_dim))
            event_dim += part.codomain.event_dim - part.domain.event_dim
        return reduce(add, terms)

    def forward_shape(self, shape: Any) -> Any:
        for part in self.parts:
            shape = part.forward_shape(shape)
        return shape

    def inverse_shape(self, shape: Any) -> Any:
        for part in reversed(self.parts):
            shape = part.inverse_shape(shape)
        return shape

    def __repr__(self) -> str:
        inner = ",\n    ".join(map(repr, self.parts))
        return f"{type(self).__name__}(\n    {inner}\n)"


def _together(constraint: Any, event_dim: int) -> Any:
    """A constraint of which so many dimensions are judged together."""
    more = event_dim - constraint.event_dim
    return constraints.independent(constraint, more) if more else constraint


identity_transform = ComposeTransform([])


class IndependentTransform(Equal):
    """A transform of which more dimensions belong together: the logarithm of the determinant is summed over them.

    Args:
        base_transform: the transform.
        reinterpreted_batch_ndims: how many dimensions.
        cache_size: as of each transform.

    >>> from numtorch.distributions import ExpTransform, IndependentTransform
    >>> x = torch.ones(3)
    >>> IndependentTransform(ExpTransform(), 1).log_abs_det_jacobian(x, x.exp())
    tensor(3.)
    """

    def __init__(self, base_transform: Transform, reinterpreted_batch_ndims: int, cache_size: int = 0):
        super().__init__(cache_size)
        self.base_transform = base_transform.with_cache(cache_size)
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    def _arguments(self) -> tuple:
        return self.base_transform, self.reinterpreted_batch_ndims

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> Any:  # type: ignore[override]
        """The base's domain, of more dimensions together."""
        return constraints.independent(self.base_transform.domain, self.reinterpreted_batch_ndims)

    @constraints.dependent_property(is_discrete=False)
    def codomain(self) -> Any:  # type: ignore[override]
        """The base's codomain, of more dimensions together."""
        return constraints.independent(self.base_transform.codomain, self.reinterpreted_batch_ndims)

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        """As the base is."""
        return self.base_transform.bijective

    @property
    def sign(self) -> Any:
        return self.base_transform.sign

    def _call(self, x: Tensor) -> Tensor:
        self._has_dimensions(x, self.domain)
        return self.base_transform(x)

    def _inverse(self, y: Tensor) -> Tensor:
        self._has_dimensions(y, self.codomain)
        return self.base_transform.inv(y)

    def _has_dimensions(self, x: Tensor, where: Any) -> None:
        if x.ndim < where.event_dim:
            raise ValueError(f"IndependentTransform takes at least {where.event_dim} dimensions, but found {x.ndim}")

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return _sum_rightmost(self.base_transform.log_abs_det_jacobian(x, y), self.reinterpreted_batch_ndims)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_transform!r}, {self.reinterpreted_batch_ndims})"

    def forward_shape(self, shape: Any) -> Any:
        return self.base_transform.forward_shape(shape)

    def inverse_shape(self, shape: Any) -> Any:
        return self.base_transform.inverse_shape(shape)


class ReshapeTransform(Equal):
    """Another shape of the last dimensions.

    Args:
        in_shape, out_shape: shapes with the same number of elements.
        cache_size: as of each transform.

    Raises:
        ValueError: the numbers of elements differ.

    >>> torch.distributions.ReshapeTransform((4,), (2, 2))(torch.zeros(3, 4)).shape
    torch.Size([3, 2, 2])
    """

    bijective = True

    def __init__(self, in_shape: Any, out_shape: Any, cache_size: int = 0):
        self.in_shape, self.out_shape = Size(in_shape), Size(out_shape)
        if self.in_shape.numel() != self.out_shape.numel():
            raise ValueError(f"shapes {in_shape} and {out_shape} have different numbers of elements")
        super().__init__(cache_size)

    def _arguments(self) -> tuple:
        return self.in_shape, self.out_shape

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> Any:  # type: ignore[override]
        """Real numbers in the first shape."""
        return constraints.independent(constraints.real, len(self.in_shape))

    @constraints.dependent_property(is_discrete=False)
    def codomain(self) -> Any:  # type: ignore[override]
        """Real numbers in the second shape."""
        return constraints.independent(constraints.real, len(self.out_shape))

    def _call(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[: x.ndim - len(self.in_shape)] + self.out_shape)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.reshape(y.shape[: y.ndim - len(self.out_shape)] + self.in_shape)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x.new_zeros(x.shape[: x.ndim - len(self.in_shape)])

    def forward_shape(self, shape: Any) -> Any:
        return _reshaped(shape, self.in_shape, self.out_shape)

    def inverse_shape(self, shape: Any) -> Any:
        return _reshaped(shape, self.out_shape, self.in_shape)


def _reshaped(shape: Any, before: Size, after: Size) -> Any:
    cut = len(shape) - len(before)
    if cut < 0:
        raise ValueError(f"a shape with at least {len(before)} dimensions is expected, but found {tuple(shape)}")
    if tuple(shape[cut:]) != tuple(before):
        raise ValueError(f"a shape that ends with {tuple(before)} is expected, but found {tuple(shape)}")
    return Size((*shape[:cut], *after))


class _Pieces(Equal):
    """Transforms of the pieces that a tensor has along a dimension."""

    def __init__(self, tseq: Any, dim: int = 0, cache_size: int = 0):
        for t in tseq:
            if not isinstance(t, Transform):
                raise AssertionError(f"transforms are expected, but {t!r} is of type {type(t).__name__}")
        super().__init__(cache_size)
        self.transforms = [t.with_cache(cache_size) if cache_size else t for t in tseq]
        self.dim = dim

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        """Whether all transforms are."""
        return all(t.bijective for t in self.transforms)

    def _pieces(self, x: Tensor, length: int) -> None:
        """AssertionError for a tensor without pieces."""
        if not -x.ndim <= self.dim < x.ndim:
            raise AssertionError(f"dim {self.dim} is out of range of a tensor with {x.ndim} dimensions")
        if x.shape[self.dim] != length:
            raise AssertionError(f"dimension {self.dim} has extent {x.shape[self.dim]}, but its pieces have {length}")

    def _split(self, x: Tensor) -> Any:
        raise NotImplementedError

    _join: Any

    def _call(self, x: Tensor) -> Tensor:
        return self._join([t(v) for t, v in zip(self.transforms, self._split(x), strict=True)], self.dim)

    def _inverse(self, y: Tensor) -> Tensor:
        return self._join([t.inv(v) for t, v in zip(self.transforms, self._split(y), strict=True)], self.dim)

    def _slopes(self, x: Tensor, y: Tensor) -> list[Tensor]:
        pieces = zip(self.transforms, self._split(x), self._split(y), strict=True)
        return [t.log_abs_det_jacobian(a, b) for t, a, b in pieces]


class CatTransform(_Pieces):
    """Transforms of pieces that are concatenated.

    Args:
        tseq: a transform for each piece.
        dim: along which dimension.
        lengths: how long each piece is; 1 unless given.
        cache_size: as of each transform.

    Raises:
        AssertionError: there are not as many lengths as transforms.

    >>> from numtorch.distributions import CatTransform, ExpTransform, identity_transform
    >>> CatTransform([ExpTransform(), identity_transform], lengths=[2, 1])(torch.zeros(3))
    tensor([1., 1., 0.])
    """

    _join = staticmethod(torch.cat)

    def __init__(self, tseq: Any, dim: int = 0, lengths: Any = None, cache_size: int = 0):
        super().__init__(tseq, dim, cache_size)
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.transforms):
            raise AssertionError(f"there are {len(self.transforms)} transforms, but {len(self.lengths)} lengths")

    def _arguments(self) -> tuple:
        return self.transforms, self.dim, self.lengths

    @lazy_property
    def event_dim(self) -> int:  # type: ignore[override]
        """The largest of the transforms'."""
        return max(t.event_dim for t in self.transforms)

    @lazy_property
    def length(self) -> int:
        """How long all pieces are together."""
        return sum(self.lengths)

    def _split(self, x: Tensor) -> Any:
        self._pieces(x, self.length)
        return x.split(self.lengths, self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        slopes = [
            _sum_rightmost(slope, self.event_dim - t.event_dim)
            for t, slope in zip(self.transforms, self._slopes(x, y), strict=True)
        ]
        dim = (self.dim - x.ndim if self.dim >= 0 else self.dim) + self.event_dim
        return torch.cat(slopes, dim) if dim < 0 else reduce(add, slopes)

    @constraints.dependent_property
    def domain(self) -> Any:  # type: ignore[override]
        """The pieces' domains."""
        return constraints.cat([t.domain for t in self.transforms], self.dim, self.lengths)

    @constraints.dependent_property
    def codomain(self) -> Any:  # type: ignore[override]
        """The pieces' codomains."""
        return constraints.cat([t.codomain for t in self.transforms], self.dim, self.lengths)


class StackTransform(_Pieces):
    """Transforms of pieces that are stacked.

    Args:
        tseq: a transform for each piece.
        dim: along which dimension.
        cache_size: as of each transform.

    >>> from numtorch.distributions import ExpTransform, StackTransform, identity_transform
    >>> StackTransform([ExpTransform(), identity_transform])(torch.zeros(2, 1))
    tensor([[1.],
            [0.]])
    """

    _join = staticmethod(torch.stack)

    def _arguments(self) -> tuple:
        return self.transforms, self.dim

    def _split(self, x: Tensor) -> Any:
        self._pieces(x, len(self.transforms))
        return x.unbind(self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.stack(self._slopes(x, y), self.dim)

    @constraints.dependent_property
    def domain(self) -> Any:  # type: ignore[override]
        """The pieces' domains."""
        return constraints.stack([t.domain for t in self.transforms], self.dim)

    @constraints.dependent_property
    def codomain(self) -> Any:  # type: ignore[override]
        """The pieces' codomains."""
        return constraints.stack([t.codomain for t in self.transforms], self.dim)
