"""``autocast``: within a block, products compute in a half type, and what would lose digits there in float32.

While a block is open, the functions of ``LISTS`` are intercepted (``dispatch.interception``): their tensors are cast
first. Outside of blocks nothing is asked, and nothing paid.
"""

from __future__ import annotations

import functools
import threading
import types
from collections.abc import Callable
from contextlib import ContextDecorator
from functools import cache, partial
from typing import Any

from numtorch import cuda, notices, ops
from numtorch._tensor import Tensor
from numtorch.autograd import graph
from numtorch.dispatch.interception import intercept, release
from numtorch.dtype import bfloat16, float16, float32, float64
from numtorch.dtype import dtype as DType
from numtorch.exports import PLACES
from numtorch.grad_mode import mode
from numtorch.nn import functional

# PyTorch's lists: what computes in the half type, what in float32, and what in the widest type of its operands.
# See https://pytorch.org/docs/stable/amp.html
_PRODUCTS = """__matmul__ matmul mm bmm addmm addbmm baddbmm linear conv1d conv2d conv3d conv_transpose1d
    conv_transpose2d conv_transpose3d prelu scaled_dot_product_attention"""
_LOSSES = """binary_cross_entropy_with_logits cosine_embedding_loss ctc_loss hinge_embedding_loss huber_loss kl_div
    l1_loss margin_ranking_loss mse_loss multi_margin_loss multilabel_margin_loss nll_loss poisson_nll_loss
    smooth_l1_loss soft_margin_loss triplet_margin_loss cross_entropy"""
LISTS: dict[str, dict[str, str]] = {
    "cpu": {
        "half": f"{_PRODUCTS} vecdot",
        "float32": f"""{_LOSSES} adaptive_avg_pool3d adaptive_max_pool3d avg_pool3d binary_cross_entropy cdist cholesky
            cholesky_inverse cholesky_solve cond fractional_max_pool2d fractional_max_pool3d grid_sample
            householder_product inverse inv lu_solve matrix_rank max_pool3d max_unpool2d max_unpool3d nanquantile
            pinverse polar prod qr quantile solve svd svdvals eig eigh eigvals eigvalsh lstsq stft tensorinv tensorsolve
            trace triangular_solve fft ifft fft2 ifft2 fftn ifftn rfft irfft rfft2 irfft2 rfftn irfftn hfft ihfft""",
        "widest": "cat stack index_copy",
    },
    "cuda": {
        "half": f"{_PRODUCTS} addmv addr chain_matmul multi_dot mv",
        "float32": f"""{_LOSSES} __pow__ acos asin cosh cosine_similarity cumprod cumsum dist erfinv exp expm1
            group_norm layer_norm log log10 log1p log2 log_softmax multilabel_soft_margin_loss norm normalize pdist pow
            prod reciprocal renorm rsqrt sinh softmax softmin softplus sum tan vector_norm matrix_norm""",
        "widest": """addcdiv addcmul atan2 bilinear cat cross dot grid_sample index_put scatter_add stack tensordot""",
    },
}
_SPACES = ("torch", "nn.functional", "linalg", "fft", "Tensor")
SUPPORTED = {"cpu": (bfloat16, float16), "cuda": (float16, bfloat16)}


class _State(threading.local):
    """Of this thread.

    Attributes:
        enabled, dtype: by the types of devices.
        caching: whether the cast of a parameter is kept until the outermost block ends.
        depth: how many blocks are open.
        resting: inside an op of the lists, or in backward: nothing is cast.
        casts: of parameters, by their identity and by the half type.
    """

    def __init__(self) -> None:
        self.enabled = dict.fromkeys(LISTS, False)
        self.dtype: dict[str, DType] = {"cpu": bfloat16, "cuda": float16}
        self.caching = True
        self.depth = 0
        self.resting = False
        self.casts: dict[tuple, tuple] = {}


state = _State()
_users = 0  # threads' blocks that are open and enabled, for which functions are intercepted
_lock = threading.Lock()
_answers: dict[Any, Any] = {}  # what each function is intercepted by


# --- which functions, and what happens to their calls ------------------------------------------------


@cache
def _functions() -> dict[Any, dict[str, str]]:
    """The functions of the lists, and by the types of devices in what they compute."""
    ops.import_all()
    found: dict[Any, dict[str, str]] = {}
    for device, lists in LISTS.items():
        for rule, names in lists.items():
            for name in names.split():
                for fn in _called(name):
                    found.setdefault(fn, {})[device] = rule
    return found


def _called(name: str) -> set[Any]:
    """The functions that users call by a name, as their modules define them."""
    found = [named.get(name) for place, named in PLACES.items() if place in _SPACES]
    found += [vars(space).get(name) for space in (functional, Tensor)]
    plain = [getattr(f, "__wrapped__", f) for f in found if f is not None]
    return {f for f in plain if isinstance(f, types.FunctionType) and not f.__code__.co_freevars}


def _answer(rules: dict[str, str], original: Callable, *args: Any, **kwargs: Any) -> Any:
    if state.resting or not any(state.enabled.values()):
        return original(*args, **kwargs)
    device = next((t.device.type for t in _tensors((*args, *kwargs.values()))), "")
    if not state.enabled.get(device) or device not in rules:
        return original(*args, **kwargs)
    state.resting = True
    try:
        wanted = _wanted(rules[device], device, (*args, *kwargs.values()))
        if wanted is not None:
            args = tuple([_cast(a, wanted, device) for a in args])
            kwargs = {name: _cast(a, wanted, device) for name, a in kwargs.items()}
        return original(*args, **kwargs)
    finally:
        state.resting = False


def _wanted(rule: str, device: str, values: tuple) -> DType | None:
    if rule == "half":
        return state.dtype[device]
    if rule == "float32":
        return float32
    found = {t.dtype for t in _tensors(values) if t.dtype.is_floating_point}
    return None if len(found) < 2 or float64 in found else float32  # two half types, too


def _tensors(values: Any) -> Any:
    for v in values:
        if isinstance(v, Tensor):
            yield v
        elif type(v) in (list, tuple):
            yield from _tensors(v)


def _cast(value: Any, wanted: DType, device: str) -> Any:
    if type(value) in (list, tuple):
        return type(value)([_cast(v, wanted, device) for v in value])
    if not isinstance(value, Tensor) or not value.dtype.is_floating_point or value.dtype in (wanted, float64):
        return value
    if value.device.type != device:
        return value
    if not (state.caching and wanted is not float32 and value.requires_grad and value.is_leaf and value._base is None):
        return value.to(wanted)
    key = id(value), wanted, mode.grad
    known = state.casts.get(key)
    if known is None or known[0] is not value or known[1] != value._version:
        known = state.casts[key] = value, value._version, value.to(wanted)
    return known[2]


def _at_rest(original: Callable, *args: Any, **kwargs: Any) -> Any:
    """Backward computes in the types of the forward pass."""
    before, state.resting = state.resting, True
    try:
        return original(*args, **kwargs)
    finally:
        state.resting = before


def _intercept(more: int) -> None:
    global _users
    with _lock:
        before, _users = _users, _users + more
        if _users and not before:
            for fn, rules in _functions().items():
                intercept(fn, _answers.setdefault(fn, partial(_answer, rules)))
            intercept(graph.run, _at_rest)
        elif before and not _users:
            for fn in (*_functions(), graph.run):
                release(fn, _answers.get(fn, _at_rest))


# --- the block ---------------------------------------------------------------------------------------


class autocast(ContextDecorator):
    """A block, or a function, in which products compute in a half type, and losses and the like in float32.

    Tensors are cast where an op of the lists of PyTorch's documentation takes them; float64 stays. The cast of a
    parameter is kept until the outermost block ends. Backward computes in the types of the forward pass. Do not call
    ``half()`` or ``bfloat16()`` on the network.

    Args:
        device_type: ``"cpu"`` or ``"cuda"``: ops on other devices compute as ever.
        dtype: ``bfloat16`` or ``float16``; if None, ``get_autocast_dtype``'s: bfloat16 on the CPU, float16 on CUDA.
        enabled: whether it does anything; False switches off, within a block, what the block switched on.
        cache_enabled: whether casts of parameters are kept; as before if None.

    Raises:
        ValueError: ``device_type`` is no text.
        RuntimeError: another ``device_type``.

    See https://pytorch.org/docs/stable/amp.html

    >>> net, x = torch.nn.Linear(2, 3), torch.ones(1, 2)
    >>> with torch.autocast("cpu", dtype=torch.bfloat16):
    ...     y = net(x)
    ...     loss = torch.nn.functional.mse_loss(y, torch.zeros(1, 3))
    >>> y.dtype, loss.dtype, net(x).dtype
    (torch.bfloat16, torch.float32, torch.float32)
    """

    def __init__(
        self, device_type: str, dtype: DType | None = None, enabled: bool = True, cache_enabled: bool | None = None
    ):
        self.device = _device_type(device_type)
        self.fast_dtype = dtype or state.dtype[device_type]
        self._cache_enabled = state.caching if cache_enabled is None else bool(cache_enabled)
        self._before: list[tuple] = []
        if enabled and device_type == "cuda" and not cuda.is_available():
            notices.warn("CUDA is not available or torch_xla is imported. Disabling autocast.")
            enabled = False
        if enabled and self.fast_dtype not in SUPPORTED[device_type]:
            listed, name = ", ".join(map(str, SUPPORTED[device_type])), device_type.upper()
            notices.warn(
                f"In {name} autocast, but the target dtype {self.fast_dtype} is not supported. Disabling autocast.\n"
                f"{name} autocast only supports dtype of {listed} currently."
            )
            enabled = False
        self._enabled = enabled

    def __enter__(self) -> autocast:
        device = self.device
        self._before.append((state.enabled[device], state.dtype[device], state.caching))
        _set(device, self._enabled)
        state.dtype[device], state.caching = self.fast_dtype, self._cache_enabled
        state.depth += 1
        return self

    def __exit__(self, *exception: Any) -> None:
        enabled, state.dtype[self.device], state.caching = self._before.pop()
        _set(self.device, enabled)
        autocast_decrement_nesting()


def _device_type(name: Any) -> str:
    if not isinstance(name, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(name)}`")
    if name not in LISTS:
        raise RuntimeError(f"User specified an unsupported autocast device_type '{name}'; there are 'cpu' and 'cuda'")
    return name


def _set(device: str, enabled: bool) -> None:
    before, state.enabled[device] = state.enabled[device], bool(enabled)
    if before != state.enabled[device]:
        _intercept(1 if enabled else -1)


# --- what is switched on -----------------------------------------------------------------------------


def is_autocast_available(device_type: str) -> bool:
    """Whether ``autocast`` knows a type of devices.

    Args:
        device_type: such as ``"cpu"``.

    Returns:
        True for ``"cpu"`` and ``"cuda"``.

    >>> torch.amp.is_autocast_available("cpu"), torch.amp.is_autocast_available("meta")
    (True, False)
    """
    return device_type in LISTS


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """Whether this stands in an ``autocast`` block that is switched on.

    Args:
        device_type: the type of devices; ``"cuda"`` if None.

    Returns:
        A bool.

    Raises:
        RuntimeError: an unknown type.

    >>> with torch.autocast("cpu"):
    ...     torch.is_autocast_enabled("cpu"), torch.is_autocast_enabled()
    (True, False)
    """
    return state.enabled[_device_type("cuda" if device_type is None else device_type)]


def set_autocast_enabled(device_type: Any, enabled: bool | None = None) -> None:
    """Switch autocast on or off; ``autocast`` does so for a block.

    Args:
        device_type: the type of devices; may be left out for ``"cuda"``.
        enabled: whether it is on.

    Raises:
        RuntimeError: an unknown type.

    >>> torch.set_autocast_enabled("cpu", False)
    """
    if enabled is None:
        device_type, enabled = "cuda", device_type
    _set(_device_type(device_type), bool(enabled))


def get_autocast_dtype(device_type: str) -> DType:
    """The half type in which ops compute within ``autocast``.

    Args:
        device_type: the type of devices.

    Returns:
        A dtype.

    Raises:
        RuntimeError: an unknown type.

    >>> torch.get_autocast_dtype("cpu")
    torch.bfloat16
    """
    return state.dtype[_device_type(device_type)]


def set_autocast_dtype(device_type: str, dtype: DType) -> None:
    """Say in which half type ops compute within ``autocast`` that names none.

    Args:
        device_type: the type of devices.
        dtype: the half type.

    Raises:
        RuntimeError: an unknown type.

    >>> torch.set_autocast_dtype("cpu", torch.bfloat16)
    """
    state.dtype[_device_type(device_type)] = dtype


def is_autocast_cache_enabled() -> bool:
    """Whether casts of parameters are kept until the outermost block ends.

    Returns:
        A bool.

    >>> torch.is_autocast_cache_enabled()
    True
    """
    return state.caching


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Say whether casts of parameters are kept until the outermost block ends.

    Args:
        enabled: whether they are.

    >>> torch.set_autocast_cache_enabled(True)
    """
    state.caching = bool(enabled)


def clear_autocast_cache() -> None:
    """Forget the casts of parameters.

    >>> torch.clear_autocast_cache()
    """
    state.casts.clear()


def autocast_increment_nesting() -> int:
    """Count one more open block: casts of parameters are kept until all are closed.

    Returns:
        How many are open.

    >>> torch.autocast_increment_nesting(), torch.autocast_decrement_nesting()
    (1, 0)
    """
    state.depth += 1
    return state.depth


def autocast_decrement_nesting() -> int:
    """Count one block less; after the last one the casts of parameters are forgotten.

    Returns:
        How many are open.

    >>> torch.autocast_increment_nesting(), torch.autocast_decrement_nesting()
    (1, 0)
    """
    state.depth -= 1
    if not state.depth:
        clear_autocast_cache()
    return state.depth


def is_autocast_cpu_enabled() -> bool:
    """``is_autocast_enabled("cpu")``, an older name.

    Returns:
        A bool.

    >>> torch.is_autocast_cpu_enabled()
    False
    """
    return state.enabled["cpu"]


def set_autocast_cpu_enabled(enabled: bool) -> None:
    """``set_autocast_enabled("cpu", enabled)``, an older name.

    Args:
        enabled: whether it is on.

    >>> torch.set_autocast_cpu_enabled(False)
    """
    _set("cpu", enabled)


def get_autocast_cpu_dtype() -> DType:
    """``get_autocast_dtype("cpu")``, an older name.

    Returns:
        A dtype.

    >>> torch.get_autocast_cpu_dtype()
    torch.bfloat16
    """
    return state.dtype["cpu"]


def set_autocast_cpu_dtype(dtype: DType) -> None:
    """``set_autocast_dtype("cpu", dtype)``, an older name.

    Args:
        dtype: the half type.

    >>> torch.set_autocast_cpu_dtype(torch.bfloat16)
    """
    state.dtype["cpu"] = dtype


def get_autocast_gpu_dtype() -> DType:
    """``get_autocast_dtype("cuda")``, an older name.

    Returns:
        A dtype.

    >>> torch.get_autocast_gpu_dtype()
    torch.float16
    """
    return state.dtype["cuda"]


def set_autocast_gpu_dtype(dtype: DType) -> None:
    """``set_autocast_dtype("cuda", dtype)``, an older name.

    Args:
        dtype: the half type.

    >>> torch.set_autocast_gpu_dtype(torch.float16)
    """
    state.dtype["cuda"] = dtype


# --- autograd.Function ---------------------------------------------------------------------------------


def custom_fwd(fwd: Callable | None = None, *, device_type: str, cast_inputs: DType | None = None) -> Any:
    """A decorator for ``forward`` of an ``autograd.Function``: it says in what it computes within ``autocast``.

    Args:
        fwd: the function.
        device_type: the type of devices.
        cast_inputs: floating-point tensors on such a device are cast to it, and autocast is off in ``forward``; if
            None, it computes as its surroundings do.

    Returns:
        The decorated function.

    Raises:
        RuntimeError: an unknown type of devices.

    >>> class Double(torch.autograd.Function):
    ...     @staticmethod
    ...     @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)
    ...     def forward(ctx, x):
    ...         return x * 2
    ...     @staticmethod
    ...     @torch.amp.custom_bwd(device_type="cpu")
    ...     def backward(ctx, g):
    ...         return g * 2
    >>> with torch.autocast("cpu"):
    ...     Double.apply(torch.ones(1, dtype=torch.bfloat16)).dtype
    torch.float32
    """
    device = _device_type(device_type)
    if fwd is None:
        return partial(custom_fwd, device_type=device, cast_inputs=cast_inputs)
    forward = fwd

    @functools.wraps(forward)
    def cast_first(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        ctx._dtype, ctx._fwd_used_autocast = state.dtype[device], state.enabled[device]
        if cast_inputs is None or not state.enabled[device]:
            return forward(ctx, *args, **kwargs)
        ctx._fwd_used_autocast = False
        with autocast(device, enabled=False, cache_enabled=False):
            args = tuple([_cast(a, cast_inputs, device) for a in args])
            return forward(ctx, *args, **{name: _cast(a, cast_inputs, device) for name, a in kwargs.items()})

    return cast_first


def custom_bwd(bwd: Callable | None = None, *, device_type: str) -> Any:
    """A decorator for ``backward`` of an ``autograd.Function``: it computes in the types of its ``forward``, which
    ``custom_fwd`` decorates.

    Args:
        bwd: the function.
        device_type: the type of devices.

    Returns:
        The decorated function.

    Raises:
        RuntimeError: an unknown type of devices.

    >>> @torch.amp.custom_bwd(device_type="cpu")
    ... def backward(ctx, g):
    ...     return g * 2
    """
    device = _device_type(device_type)
    if bwd is None:
        return partial(custom_bwd, device_type=device)
    backward = bwd

    @functools.wraps(backward)
    def as_forward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        before, state.resting = state.resting, False
        try:
            with autocast(device, ctx._dtype, ctx._fwd_used_autocast):
                return backward(ctx, *args, **kwargs)
        finally:
            state.resting = before

    return as_forward
