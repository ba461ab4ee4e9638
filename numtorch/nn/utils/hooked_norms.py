"""``weight_norm`` and ``spectral_norm`` as they were before parametrizations: a hook computes the weight before each
``forward``."""

from __future__ import annotations

from typing import Any

from numtorch import linalg, notices
from numtorch._tensor import Tensor
from numtorch.grad_mode import no_grad
from numtorch.nn import init
from numtorch.nn.module import Module
from numtorch.nn.parameter import Parameter, UninitializedParameter
from numtorch.nn.utils.norms import as_matrix, norm_except_dim, power_iteration, slices_of
from numtorch.ops.contraction import vdot
from numtorch.ops.creation import empty
from numtorch.ops.normalize import normalize


def _hook_of(module: Module, kind: Any, name: str) -> tuple[int, Any] | None:
    hooks = module._forward_pre_hooks.items()
    return next(((k, h) for k, h in hooks if isinstance(h, kind) and h.name == name), None)


def _remove(module: Module, kind: type, name: str, called: str) -> Any:
    found = _hook_of(module, kind, name)
    if found is None:
        raise ValueError(f"{called} of '{name}' not found in {module}")
    key, hook = found
    hook.remove(module)
    del module._forward_pre_hooks[key]
    return module


# --- weight_norm --------------------------------------------------------------------------------------


class WeightNorm:
    """The hook of ``weight_norm``: sets the weight to ``g * v / norm(v)``.

    Args:
        name: the name of the weight.
        dim: slices along it have lengths of their own; -1 for one length of all.
    """

    def __init__(self, name: str, dim: int):
        self.name, self.dim = name, dim

    def compute_weight(self, module: Module) -> Tensor:
        """The weight.

        Args:
            module: has ``weight_g`` and ``weight_v``.

        Returns:
            ``g * v / norm(v)``.
        """
        g, v = getattr(module, f"{self.name}_g"), getattr(module, f"{self.name}_v")
        return v * (g / norm_except_dim(v, self.dim))

    @staticmethod
    def apply(module: Module, name: str, dim: int | None) -> WeightNorm:
        """Put the hook on a module.

        Args:
            module: has the weight.
            name: its name.
            dim: as of ``weight_norm``.

        Returns:
            The hook.

        Raises:
            RuntimeError: the weight has such a hook.
            ValueError: the weight has no shape yet.
        """
        if _hook_of(module, WeightNorm, name) is not None:
            raise RuntimeError(
                f"Cannot register two weight_norm hooks on the same parameter {name}; remove_weight_norm takes the "
                "first off"
            )
        weight = getattr(module, name)
        if isinstance(weight, UninitializedParameter):
            raise ValueError("weight_norm: the weight has no shape yet; call the lazy module once before")
        hook = WeightNorm(name, -1 if dim is None else dim)
        del module._parameters[name]
        module.register_parameter(f"{name}_g", Parameter(norm_except_dim(weight.detach(), hook.dim)))
        module.register_parameter(f"{name}_v", Parameter(weight.detach()))
        setattr(module, name, hook.compute_weight(module))
        module.register_forward_pre_hook(hook)
        return hook

    def remove(self, module: Module) -> None:
        """Make the weight a parameter again.

        Args:
            module: has it.
        """
        weight = self.compute_weight(module)
        delattr(module, self.name)
        del module._parameters[f"{self.name}_g"], module._parameters[f"{self.name}_v"]
        setattr(module, self.name, Parameter(weight.detach()))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Any:
    """Learn length and direction of a weight apart, by a hook: it becomes ``weight_g * weight_v / norm(weight_v)``.

    ``torch.nn.utils.parametrizations.weight_norm`` is what torch recommends instead.

    Source: Salimans and Kingma, Weight Normalization (2016).

    Args:
        module: has the weight.
        name: the name of the weight.
        dim: slices along this dimension have lengths of their own; None for one length of all.

    Returns:
        The module.

    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     layer = torch.nn.utils.weight_norm(torch.nn.Linear(20, 40))
    >>> layer.weight_g.shape, layer.weight_v.shape
    (torch.Size([40, 1]), torch.Size([40, 20]))
    """
    notices.warn(
        "`torch.nn.utils.weight_norm` is deprecated in favor of `torch.nn.utils.parametrizations.weight_norm`.",
        FutureWarning,
    )
    WeightNorm.apply(module, name, dim)
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Any:
    """Make a weight that has ``weight_norm`` a parameter again.

    Args:
        module: has the weight.
        name: the name of the weight.

    Returns:
        The module.

    Raises:
        ValueError: it has none.

    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     layer = torch.nn.utils.weight_norm(torch.nn.Linear(20, 40))
    >>> layer = torch.nn.utils.remove_weight_norm(layer)
    >>> [name for name, _ in layer.named_parameters()]
    ['bias', 'weight']
    """
    return _remove(module, WeightNorm, name, "weight_norm")


# --- spectral_norm ------------------------------------------------------------------------------------


class SpectralNorm:
    """The hook of ``spectral_norm``: divides the weight by its largest singular value.

    Args:
        name: the name of the weight.
        n_power_iterations: steps of the power iteration for each call in training mode.
        dim: the weight is a matrix whose rows are slices along this dimension.
        eps: the least norm that is divided by.

    Raises:
        ValueError: ``n_power_iterations`` is not positive.
    """

    _version = 1

    def __init__(self, name: str = "weight", n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12):
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.name, self.n_power_iterations, self.dim, self.eps = name, n_power_iterations, dim, eps

    def compute_weight(self, module: Module, do_power_iteration: bool) -> Tensor:
        """The weight.

        Args:
            module: has ``weight_orig``, ``weight_u`` and ``weight_v``.
            do_power_iteration: make the steps first.

        Returns:
            ``weight_orig`` divided by its largest singular value.
        """
        weight, u, v = [getattr(module, f"{self.name}_{part}") for part in ("orig", "u", "v")]
        matrix = as_matrix(weight, self.dim)
        if do_power_iteration:
            power_iteration(matrix.detach().mH, v, u, self.n_power_iterations, self.eps)  # v first
        # Copies: the next step writes into the buffers while the graph still holds these.
        return weight / vdot(u.clone(), matrix @ v.clone())

    @staticmethod
    def apply(module: Module, name: str, n_power_iterations: int, dim: int, eps: float) -> SpectralNorm:
        """Put the hook on a module.

        Args:
            module: has the weight.
            name: its name.
            n_power_iterations, dim, eps: as of the class.

        Returns:
            The hook.

        Raises:
            RuntimeError: the weight has such a hook.
            ValueError: the weight has no shape yet.
        """
        if _hook_of(module, SpectralNorm, name) is not None:
            raise RuntimeError(
                f"Cannot register two spectral_norm hooks on the same parameter {name}; remove_spectral_norm takes the "
                "first off"
            )
        hook = SpectralNorm(name, n_power_iterations, dim, eps)
        weight: Any = module._parameters[name]
        if weight is None:
            raise ValueError(f"spectral_norm: '{name}' is None")
        if isinstance(weight, UninitializedParameter):
            raise ValueError(
                "spectral_norm: the weight has no shape yet; call the lazy module once, and then spectral_norm"
            )
        del module._parameters[name]
        module.register_parameter(f"{name}_orig", weight)
        setattr(module, name, weight.detach())
        matrix = as_matrix(weight.detach(), dim)
        for part, size in zip("uv", matrix.shape, strict=True):
            drawn = init.normal_(empty(size, dtype=matrix.dtype, device=matrix.device))
            module.register_buffer(f"{name}_{part}", normalize(drawn, dim=0, eps=eps))
        module.register_forward_pre_hook(hook)
        module._register_state_dict_hook(hook._say_version)
        module._register_load_state_dict_pre_hook(hook._complete, with_module=True)
        return hook

    def remove(self, module: Module) -> None:
        """Make the weight a parameter again.

        Args:
            module: has it.
        """
        with no_grad():
            weight = self.compute_weight(module, False)
        delattr(module, self.name)
        del module._parameters[f"{self.name}_orig"]
        del module._buffers[f"{self.name}_u"], module._buffers[f"{self.name}_v"]
        setattr(module, self.name, Parameter(weight.detach()))
        for hooks in (module._state_dict_hooks, module._load_state_dict_pre_hooks):
            for key in [k for k, h in hooks.items() if getattr(getattr(h, "hook", h), "__self__", None) is self]:
                del hooks[key]

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module, module.training))

    # --- state dicts ----------------------------------------------------------------------------------

    def _say_version(self, module: Module, state_dict: Any, prefix: str, local_metadata: dict) -> None:
        local_metadata.setdefault("spectral_norm", {})[f"{self.name}.version"] = self._version

    def _complete(self, module: Module, state_dict: Any, prefix: str, local_metadata: dict, *rest: Any) -> None:
        """Files of before version 1 have no ``weight_v``: it is the one for which W v is along u."""
        version = local_metadata.get("spectral_norm", {}).get(f"{self.name}.version")
        weight, u, v = [f"{prefix}{self.name}{part}" for part in ("_orig", "_u", "_v")]
        if version is not None or v in state_dict or weight not in state_dict or u not in state_dict:
            return
        state_dict.pop(f"{prefix}{self.name}", None)
        with no_grad():
            matrix, given = as_matrix(state_dict[weight], self.dim), state_dict[u]
            found = linalg.pinv(matrix.T @ matrix) @ (matrix.T @ given)
            state_dict[v] = found * (linalg.vector_norm(given) ** 2 / vdot(given, matrix @ found))


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Any:
    """Divide a weight by its largest singular value, by a hook: ``weight`` is made of the parameter ``weight_orig``.

    ``torch.nn.utils.parametrizations.spectral_norm`` is what torch recommends instead.

    Source: Miyato et al., Spectral Normalization for Generative Adversarial Networks (2018).

    Args:
        module: has the weight.
        name: the name of the weight.
        n_power_iterations: steps of the power iteration for each call in training mode.
        eps: the least norm that is divided by.
        dim: the weight is a matrix whose rows are slices along this dimension; 0 if None, 1 for transposed
            convolutions.

    Returns:
        The module.

    >>> layer = torch.nn.utils.spectral_norm(torch.nn.Linear(20, 40))
    >>> layer.weight_u.shape, layer.weight_v.shape
    (torch.Size([40]), torch.Size([20]))
    """
    SpectralNorm.apply(module, name, n_power_iterations, slices_of(module, dim), eps)
    return module


def remove_spectral_norm(module: Module, name: str = "weight") -> Any:
    """Make a weight that has ``spectral_norm`` a parameter again.

    Args:
        module: has the weight.
        name: the name of the weight.

    Returns:
        The module.

    Raises:
        ValueError: it has none.

    >>> layer = torch.nn.utils.remove_spectral_norm(torch.nn.utils.spectral_norm(torch.nn.Linear(20, 40)))
    >>> [name for name, _ in layer.named_parameters()]
    ['bias', 'weight']
    """
    return _remove(module, SpectralNorm, name, "spectral_norm")
