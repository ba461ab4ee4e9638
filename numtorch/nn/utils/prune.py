"""Pruning: elements of a parameter that are held at 0 by a mask.

A pruned ``weight`` is ``weight_orig * weight_mask``, computed before each ``forward`` by a hook: ``weight_orig`` is the
parameter, ``weight_mask`` a buffer. Pruning again prunes of what is left.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from numbers import Integral, Real
from typing import Any

from numtorch._tensor import Tensor
from numtorch.nn.module import Module
from numtorch.nn.utils.convert_parameters import parameters_to_vector
from numtorch.ops.creation import ones_like, zeros_like
from numtorch.ops.moments import norm
from numtorch.ops.random import rand, rand_like
from numtorch.ops.sorting import topk


class BasePruningMethod(ABC):
    """A way to choose what is pruned; it is also the hook that applies the mask.

    A method of your own defines ``compute_mask`` and ``PRUNING_TYPE``.

    Attributes:
        PRUNING_TYPE: ``"unstructured"`` methods choose elements, ``"structured"`` ones whole slices along ``dim``;
            ``"global"`` ones are given the whole mask, also of what is pruned already.

    >>> class EveryOther(torch.nn.utils.prune.BasePruningMethod):
    ...     PRUNING_TYPE = "unstructured"
    ...     def compute_mask(self, t, default_mask):
    ...         mask = default_mask.clone()
    ...         mask.view(-1)[::2] = 0
    ...         return mask
    >>> layer = torch.nn.Linear(4, 1)
    >>> method = EveryOther.apply(layer, "weight")
    >>> layer.weight_mask
    tensor([[0., 1., 0., 1.]])
    """

    PRUNING_TYPE: str
    _tensor_name: str

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """What is kept of a tensor.

        Args:
            t: the tensor, or what says how important its elements are.
            default_mask: what is kept already.

        Returns:
            A tensor of ones, and of zeros for what is pruned.

        >>> torch.nn.utils.prune.L1Unstructured(1).compute_mask(torch.tensor([3.0, 1.0]), torch.ones(2))
        tensor([1., 0.])
        """

    def apply_mask(self, module: Module) -> Tensor:
        """The pruned tensor of a module.

        Args:
            module: has the parameter and its mask.

        Returns:
            Their product.

        >>> layer = torch.nn.Linear(2, 1)
        >>> method = torch.nn.utils.prune.RandomUnstructured.apply(layer, "weight", amount=2)
        >>> bool((method.apply_mask(layer) == 0).all())
        True
        """
        original = getattr(module, f"{self._tensor_name}_orig")
        return getattr(module, f"{self._tensor_name}_mask").to(original.dtype) * original

    @classmethod
    def apply(
        cls, module: Module, name: str, *args: Any, importance_scores: Tensor | None = None, **kwargs: Any
    ) -> BasePruningMethod:
        """Prune a parameter of a module, from now on.

        Args:
            module: has the parameter.
            name: its name.
            *args: what the class takes.
            importance_scores: chosen by these instead of by the parameter, whose shape they have.
            **kwargs: what the class takes.

        Returns:
            The method: a ``PruningContainer`` if the parameter has been pruned before.

        Raises:
            ValueError: the scores have another shape.

        >>> layer = torch.nn.Linear(2, 1)
        >>> method = torch.nn.utils.prune.Identity.apply(layer, "weight")
        >>> layer.weight_mask
        tensor([[1., 1.]])
        """
        made: BasePruningMethod = cls(*args, **kwargs)
        made._tensor_name = name
        before = _method_of(module, name)
        method = made if before is None else _together(before[1], made)
        original = getattr(module, name)
        scores = original if importance_scores is None else importance_scores
        if scores.shape != original.shape:
            raise ValueError(
                f"importance_scores have shape {tuple(scores.shape)}, but '{name}' has {tuple(original.shape)}"
            )
        kept = ones_like(original.detach()) if before is None else getattr(module, f"{name}_mask").detach().clone()
        mask = method.compute_mask(scores, default_mask=kept)
        if before is None:
            del module._parameters[name]
            module.register_parameter(f"{name}_orig", original)
        else:
            del module._forward_pre_hooks[before[0]]
        module.register_buffer(f"{name}_mask", mask)
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def prune(self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None) -> Tensor:
        """A pruned copy of a tensor, without a module.

        Args:
            t: the tensor.
            default_mask: what is kept already; all if None.
            importance_scores: chosen by these instead of by the tensor, whose shape they have.

        Returns:
            The tensor times the mask.

        Raises:
            ValueError: the scores have another shape.

        >>> torch.nn.utils.prune.L1Unstructured(amount=1).prune(torch.tensor([3.0, -1.0]))
        tensor([3., -0.])
        """
        scores = t if importance_scores is None else importance_scores
        if scores.shape != t.shape:
            raise ValueError(f"importance_scores have shape {tuple(scores.shape)}, but the tensor has {tuple(t.shape)}")
        return t * self.compute_mask(scores, default_mask=ones_like(t) if default_mask is None else default_mask)

    def remove(self, module: Module) -> None:
        """Make the pruned tensor an ordinary parameter again, with its zeros.

        Args:
            module: has the tensor.

        >>> layer = torch.nn.Linear(2, 1)
        >>> torch.nn.utils.prune.Identity.apply(layer, "weight").remove(layer)
        >>> [name for name, _ in layer.named_parameters()]
        ['bias', 'weight']
        """
        name = self._tensor_name
        pruned = self.apply_mask(module).detach()
        if hasattr(module, name):
            delattr(module, name)
        original: Any = module._parameters[f"{name}_orig"]
        original.data = pruned
        del module._parameters[f"{name}_orig"], module._buffers[f"{name}_mask"]
        setattr(module, name, original)


def _method_of(module: Module, name: str) -> tuple[int, BasePruningMethod] | None:
    """The hook that prunes a parameter, and its number."""
    hooks = module._forward_pre_hooks.items()
    return next(((k, h) for k, h in hooks if isinstance(h, BasePruningMethod) and h._tensor_name == name), None)


def _together(before: BasePruningMethod, method: BasePruningMethod) -> PruningContainer:
    return PruningContainer(*(before if isinstance(before, PruningContainer) else (before,)), method)


class PruningContainer(BasePruningMethod):
    """Several methods that prune one parameter one after another.

    Args:
        *args: methods for the same parameter.

    >>> layer = torch.nn.Linear(4, 1)
    >>> layer = torch.nn.utils.prune.l1_unstructured(layer, "weight", amount=1)
    >>> layer = torch.nn.utils.prune.l1_unstructured(layer, "weight", amount=2)
    >>> layer.weight_mask.sum()
    tensor(1.)
    """

    def __init__(self, *args: Any):
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        methods = list(args[0]) if len(args) == 1 and isinstance(args[0], Iterable) else list(args)
        if methods:
            self._tensor_name = methods[0]._tensor_name
        for method in methods:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod | None) -> None:
        """Prune by one more method.

        Args:
            method: for the parameter of the others; None changes nothing.

        Raises:
            TypeError: it is no method.
            ValueError: it is for another parameter.

        >>> layer = torch.nn.Linear(2, 1)
        >>> container = torch.nn.utils.prune.PruningContainer(torch.nn.utils.prune.Identity.apply(layer, "weight"))
        >>> container.add_pruning_method(torch.nn.utils.prune.Identity.apply(torch.nn.Linear(2, 1), "weight"))
        >>> len(container)
        2
        """
        if method is None:
            return
        if not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method._tensor_name != self._tensor_name:
            raise ValueError(
                f"this container prunes '{self._tensor_name}', and the method '{method._tensor_name}': a container is "
                "for one parameter"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, idx: Any) -> Any:
        return self._pruning_methods[idx]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask of the last method, for what the others have left.

        Args:
            t: the tensor.
            default_mask: what is kept already.

        Returns:
            A mask.

        Raises:
            ValueError: the method has an unknown ``PRUNING_TYPE``.
            IndexError: it prunes slices along a dimension that there is not.

        >>> container = torch.nn.utils.prune.PruningContainer()
        >>> container._tensor_name = "weight"
        >>> method = torch.nn.utils.prune.L1Unstructured(1)
        >>> method._tensor_name = "weight"
        >>> container.add_pruning_method(method)
        >>> container.compute_mask(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.0, 1.0, 1.0]))
        tensor([0., 0., 1.])
        """
        method = self._pruning_methods[-1]
        mask = default_mask.to(t.dtype).clone()
        part = _left(method, mask)
        mask[part] = method.compute_mask(t.detach()[part], default_mask=mask[part]).to(mask.dtype)
        return mask


def _left(method: BasePruningMethod, mask: Tensor) -> Any:
    """The index of what a method may still choose from."""
    if method.PRUNING_TYPE == "unstructured":
        return mask == 1
    everything: list[Any] = [slice(None)] * mask.ndim
    if method.PRUNING_TYPE == "structured":
        dim = _dim_of(method.dim, mask)  # type: ignore[attr-defined]
        others = tuple([d for d in range(mask.ndim) if d != dim])
        everything[dim] = mask.sum(others) != 0
    elif method.PRUNING_TYPE != "global":
        raise ValueError(
            f"PRUNING_TYPE must be 'unstructured', 'structured' or 'global', but that of {type(method).__name__} is "
            f"{method.PRUNING_TYPE!r}"
        )
    return tuple(everything)


# --- the methods --------------------------------------------------------------------------------------


def _check_amount(amount: Any) -> None:
    if not isinstance(amount, Real):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    if float(amount) < 0 or (not isinstance(amount, Integral) and float(amount) > 1):
        raise ValueError(f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer")


def _count(amount: Any, size: int) -> int:
    """How many of ``size`` are pruned."""
    n = int(amount) if isinstance(amount, Integral) else round(amount * size)
    if n > size:
        raise ValueError(f"amount={amount} should be smaller than the number of parameters to prune={size}")
    return n


def _dim_of(dim: int, t: Tensor) -> int:
    if not -t.ndim <= dim < t.ndim:
        raise IndexError(f"dim {dim} is out of range for a tensor of size {tuple(t.shape)}")
    return dim % t.ndim


def _without(mask: Tensor, scores: Tensor, n: int) -> Tensor:
    """The mask with 0 at the ``n`` smallest scores."""
    mask = mask.clone()
    if n:
        flat = mask.reshape(-1)
        flat[topk(scores.detach().reshape(-1), n, largest=False)[1]] = 0
        mask = flat.reshape(mask.shape)
    return mask


def _slices(scores: Tensor, n: int, t: Tensor, dim: int) -> Tensor:
    """A mask of the shape of ``t`` that keeps the ``n`` slices with the largest scores."""
    mask = zeros_like(t.detach())
    if n:
        mask.movedim(dim, 0)[topk(scores.detach(), n)[1]] = 1
    return mask


class Identity(BasePruningMethod):
    """Prunes nothing: the parameter gets its mask, of ones.

    >>> torch.nn.utils.prune.Identity().prune(torch.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask


class RandomUnstructured(BasePruningMethod):
    """Prunes elements at random.

    Args:
        amount: how many, or their share as a float.

    Raises:
        TypeError: ``amount`` is no number.
        ValueError: it is negative, or a share above 1.

    >>> torch.nn.utils.prune.RandomUnstructured(0.5).prune(torch.ones(10)).sum()
    tensor(5.)
    """

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount: float):
        _check_amount(amount)
        self.amount = amount

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        n = _count(self.amount, t.numel())
        return _without(default_mask, rand_like(t.detach()), n) if n else default_mask.clone()


class L1Unstructured(BasePruningMethod):
    """Prunes the elements with the smallest absolute values.

    Args:
        amount: how many, or their share as a float.

    Raises:
        TypeError: ``amount`` is no number.
        ValueError: it is negative, or a share above 1.

    >>> torch.nn.utils.prune.L1Unstructured(0.5).prune(torch.tensor([4.0, 1.0, -3.0, 2.0]))
    tensor([ 4.,  0., -3.,  0.])
    """

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount: float):
        _check_amount(amount)
        self.amount = amount

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return _without(default_mask, t.detach().abs(), _count(self.amount, t.numel()))


class RandomStructured(BasePruningMethod):
    """Prunes slices along a dimension at random.

    Args:
        amount: how many, or their share as a float.
        dim: the dimension.

    Raises:
        TypeError: ``amount`` is no number.
        ValueError: it is negative, or a share above 1.

    >>> torch.nn.utils.prune.RandomStructured(1, dim=0).prune(torch.ones(3, 2)).sum()
    tensor(4.)
    """

    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, dim: int = -1):
        _check_amount(amount)
        self.amount, self.dim = amount, dim

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        size, n = _to_prune(self, t)
        if not n:
            return default_mask
        return default_mask * _slices(rand(size, device=t.device), size - n, t, self.dim).to(default_mask.dtype)


class LnStructured(BasePruningMethod):
    """Prunes the slices along a dimension that have the smallest norms.

    Args:
        amount: how many, or their share as a float.
        n: order of the norm: a number, ``float("inf")``, or ``"fro"`` of matrices.
        dim: the dimension.

    Raises:
        TypeError: ``amount`` is no number.
        ValueError: it is negative, or a share above 1.

    >>> torch.nn.utils.prune.LnStructured(1, n=2, dim=0).prune(torch.tensor([[3.0, 4.0], [1.0, 1.0]]))
    tensor([[3., 4.],
            [0., 0.]])
    """

    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, n: Any, dim: int = -1):
        _check_amount(amount)
        self.amount, self.n, self.dim = amount, n, dim

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        size, n = _to_prune(self, t)
        if not n:
            return default_mask
        dim = _dim_of(self.dim, t)
        lengths = norm(t.detach(), self.n, tuple([d for d in range(t.ndim) if d != dim]))
        return default_mask * _slices(lengths, size - n, t, dim).to(default_mask.dtype)


def _to_prune(method: Any, t: Tensor) -> tuple[int, int]:
    """How many slices there are, and how many are pruned."""
    if t.ndim < 2:
        raise ValueError(
            "Structured pruning can only be applied to multidimensional tensors. Found tensor of shape "
            f"{t.shape} with {t.ndim} dims; the unstructured methods take such tensors"
        )
    size = t.shape[_dim_of(method.dim, t)]
    return size, _count(method.amount, size)


class CustomFromMask(BasePruningMethod):
    """Prunes what a mask says.

    Args:
        mask: of the parameter's shape, 0 for what is pruned.

    >>> torch.nn.utils.prune.CustomFromMask(torch.tensor([0, 1])).prune(torch.tensor([3.0, 4.0]))
    tensor([0., 4.])
    """

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor):
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if default_mask.shape != self.mask.shape:
            raise ValueError(
                f"the mask has shape {tuple(self.mask.shape)}, but the parameter has {tuple(default_mask.shape)}"
            )
        return default_mask * self.mask.to(default_mask.device, default_mask.dtype)


# --- the functions ------------------------------------------------------------------------------------


def identity(module: Module, name: str) -> Any:
    """Give a parameter a mask that prunes nothing.

    Args:
        module: has the parameter.
        name: its name.

    Returns:
        The module.

    >>> torch.nn.utils.prune.identity(torch.nn.Linear(2, 1), "bias").bias_mask
    tensor([1.])
    """
    Identity.apply(module, name)
    return module


def random_unstructured(module: Module, name: str, amount: float) -> Any:
    """Prune elements of a parameter at random.

    Args:
        module: has the parameter.
        name: its name.
        amount: how many, or their share as a float.

    Returns:
        The module.

    >>> torch.nn.utils.prune.random_unstructured(torch.nn.Linear(4, 2), "weight", 0.25).weight_mask.sum()
    tensor(6.)
    """
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: Module, name: str, amount: float, importance_scores: Tensor | None = None) -> Any:
    """Prune the elements of a parameter with the smallest absolute values.

    Args:
        module: has the parameter.
        name: its name.
        amount: how many, or their share as a float.
        importance_scores: chosen by these instead of by the parameter, whose shape they have.

    Returns:
        The module.

    >>> scores = torch.tensor([[4.0, 3.0, 2.0, 1.0]])
    >>> torch.nn.utils.prune.l1_unstructured(torch.nn.Linear(4, 1), "weight", 3, scores).weight_mask
    tensor([[1., 0., 0., 0.]])
    """
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: Module, name: str, amount: float, dim: int) -> Any:
    """Prune slices of a parameter along a dimension at random.

    Args:
        module: has the parameter.
        name: its name.
        amount: how many, or their share as a float.
        dim: the dimension.

    Returns:
        The module.

    >>> torch.nn.utils.prune.random_structured(torch.nn.Linear(4, 2), "weight", 1, dim=1).weight_mask.sum()
    tensor(6.)
    """
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: Module, name: str, amount: float, n: Any, dim: int, importance_scores: Tensor | None = None
) -> Any:
    """Prune the slices of a parameter along a dimension that have the smallest norms.

    Args:
        module: has the parameter.
        name: its name.
        amount: how many, or their share as a float.
        n: order of the norm.
        dim: the dimension.
        importance_scores: chosen by these instead of by the parameter, whose shape they have.

    Returns:
        The module.

    >>> scores = torch.tensor([[1.0, 3.0], [1.0, 3.0]])
    >>> torch.nn.utils.prune.ln_structured(torch.nn.Linear(2, 2), "weight", 1, 2, 1, scores).weight_mask
    tensor([[0., 1.],
            [0., 1.]])
    """
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: dict[tuple[Module, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prune several parameters as if they were one.

    Args:
        parameters: pairs of a module and a name.
        pruning_method: a class that chooses elements.
        importance_scores: chosen by these instead of by a parameter, whose shape they have; for each such pair.
        **kwargs: what the class takes, such as ``amount``.

    Raises:
        TypeError: ``parameters`` or ``importance_scores`` are of another type, or the class chooses slices.

    >>> net = torch.nn.Sequential(torch.nn.Linear(10, 4), torch.nn.Linear(4, 1))
    >>> weights = [(layer, "weight") for layer in net]
    >>> torch.nn.utils.prune.global_unstructured(weights, torch.nn.utils.prune.L1Unstructured, amount=0.5)
    >>> sum(layer.weight_mask.sum().item() for layer in net)
    22.0
    """
    if not isinstance(parameters, Iterable):
        raise TypeError(f"parameters must be pairs of a module and a name, not {type(parameters).__name__}")
    scores = {} if importance_scores is None else importance_scores
    if not isinstance(scores, dict):
        raise TypeError(f"importance_scores must be a dict by (module, name), not {type(scores).__name__}")
    pairs = list(parameters)
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            f"global_unstructured takes methods that choose elements, but {pruning_method.__name__} is "
            f"{method.PRUNING_TYPE}"
        )
    found = [getattr(module, name) for module, name in pairs]
    kept = [getattr(m, f"{n}_mask", None) for m, n in pairs]
    container = PruningContainer()
    container._tensor_name = method._tensor_name = "all of them"
    container.add_pruning_method(method)
    mask = container.compute_mask(
        parameters_to_vector([scores.get(pair, t) for pair, t in zip(pairs, found, strict=True)]).detach(),
        parameters_to_vector([ones_like(t) if m is None else m for m, t in zip(kept, found, strict=True)]).detach(),
    )
    for (module, name), t, part in zip(pairs, found, mask.split([t.numel() for t in found]), strict=True):
        custom_from_mask(module, name, part.view(t.shape))


def custom_from_mask(module: Module, name: str, mask: Tensor) -> Any:
    """Prune what a mask says.

    Args:
        module: has the parameter.
        name: its name.
        mask: of the parameter's shape, 0 for what is pruned.

    Returns:
        The module.

    >>> layer = torch.nn.utils.prune.custom_from_mask(torch.nn.Linear(2, 1), "bias", torch.tensor([0]))
    >>> layer.bias.item() == 0
    True
    """
    CustomFromMask.apply(module, name, mask)
    return module


def remove(module: Module, name: str) -> Any:
    """Make a pruned parameter an ordinary one again, with its zeros.

    Args:
        module: has the parameter.
        name: its name.

    Returns:
        The module.

    Raises:
        ValueError: it is not pruned.

    >>> layer = torch.nn.utils.prune.random_unstructured(torch.nn.Linear(4, 2), "weight", 2)
    >>> layer = torch.nn.utils.prune.remove(layer, "weight")
    >>> int((layer.weight == 0).sum())
    2
    """
    found = _method_of(module, name)
    if found is None:
        raise ValueError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")
    key, method = found
    method.remove(module)
    del module._forward_pre_hooks[key]
    return module


def is_pruned(module: Module) -> bool:
    """Whether a module or one below it has a pruned parameter.

    Args:
        module: any module.

    Returns:
        A bool.

    >>> layer = torch.nn.Linear(4, 2)
    >>> torch.nn.utils.prune.is_pruned(layer)
    False
    """
    return any(isinstance(h, BasePruningMethod) for m in module.modules() for h in m._forward_pre_hooks.values())
