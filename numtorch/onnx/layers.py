"""Convolutions, pooling, normalisation, attention and recurrence in ONNX."""

from __future__ import annotations

import math
from typing import Any

import numtorch as torch
from numtorch.onnx.graph import Graph, Value
from numtorch.onnx.movement import matrix_transpose
from numtorch.onnx.table import exporter, several

# --- convolutions and pooling --------------------------------------------------------------------------------


def _conv(n: int) -> Any:
    def write(
        g: Graph,
        input: Value,
        weight: Value,
        bias: Value | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Value:
        if padding == "same":
            pads, auto = None, "SAME_UPPER"
        else:
            pads, auto = several(0 if padding == "valid" else padding, n) * 2, None
        if input.ndim == n + 1:
            single = g.unsqueeze(input, 0)
            found = write(g, single, weight, bias, stride, padding, dilation, groups)
            return g.squeeze(found, 0)
        like = g.result.shape if len(g.result.shape) == n + 2 else (1, *g.result.shape)
        return g.op(
            "Conv", input, weight, bias, shape=like, kernel_shape=list(weight.shape[2:]), strides=several(stride, n),
            pads=pads, auto_pad=auto, dilations=several(dilation, n), group=groups,
        )  # fmt: skip

    return write


def _conv_transpose(n: int) -> Any:
    def write(
        g: Graph,
        input: Value,
        weight: Value,
        bias: Value | None = None,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        dilation: Any = 1,
    ) -> Value:
        if input.ndim == n + 1:
            single = g.unsqueeze(input, 0)
            return g.squeeze(write(g, single, weight, bias, stride, padding, output_padding, groups, dilation), 0)
        like = g.result.shape if len(g.result.shape) == n + 2 else (1, *g.result.shape)
        return g.op(
            "ConvTranspose", input, weight, bias, shape=like, kernel_shape=list(weight.shape[2:]),
            strides=several(stride, n), pads=several(padding, n) * 2, output_padding=several(output_padding, n),
            dilations=several(dilation, n), group=groups,
        )  # fmt: skip

    return write


def _batched(g: Graph, input: Value, n: int) -> tuple[Value, bool]:
    return (g.unsqueeze(input, 0), True) if input.ndim == n + 1 else (input, False)


def _first(result: Any) -> Any:
    return result[0] if isinstance(result, tuple) else result


def _max_pool(n: int) -> Any:
    def write(
        g: Graph,
        input: Value,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        if return_indices:
            raise g.fail("max_pool with return_indices=True has no form in ONNX that is known here")
        x, single = _batched(g, input, n)
        shape = g.result.shape
        stride = kernel_size if stride is None or stride == [] else stride
        found = g.op(
            "MaxPool", x, shape=(1, *shape) if single else shape, kernel_shape=several(kernel_size, n),
            strides=several(stride, n), pads=several(padding, n) * 2, dilations=several(dilation, n),
            ceil_mode=int(ceil_mode),
        )  # fmt: skip
        return g.squeeze(found, 0) if single else found

    return write


def _avg_pool(n: int) -> Any:
    def write(
        g: Graph,
        input: Value,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Value:
        if divisor_override is not None:
            raise g.fail("avg_pool with divisor_override has no form in ONNX that is known here")
        x, single = _batched(g, input, n)
        shape = g.result.shape
        stride = kernel_size if stride is None or stride == [] else stride
        found = g.op(
            "AveragePool", x, shape=(1, *shape) if single else shape, kernel_shape=several(kernel_size, n),
            strides=several(stride, n), pads=several(padding, n) * 2, ceil_mode=int(ceil_mode),
            count_include_pad=int(count_include_pad),
        )  # fmt: skip
        return g.squeeze(found, 0) if single else found

    return write


def _adaptive(n: int, kind: str) -> Any:
    def write(g: Graph, input: Value, output_size: Any, return_indices: bool = False) -> Value:
        if return_indices:
            raise g.fail("adaptive_max_pool with return_indices=True has no form in ONNX that is known here")
        x, single = _batched(g, input, n)
        spatial = x.shape[2:]
        wanted = list(output_size) if isinstance(output_size, list | tuple) else [output_size] * n
        sizes = [s if w is None else int(w) for w, s in zip(wanted, spatial, strict=True)]
        shape = (*x.shape[:2], *sizes)
        if all(s == 1 for s in sizes):
            found = g.op(f"Global{kind}Pool", x, shape=shape)
        elif all(s % w == 0 for s, w in zip(spatial, sizes, strict=True)):
            kernel = [s // w for s, w in zip(spatial, sizes, strict=True)]
            found = g.op(f"{kind}Pool", x, shape=shape, kernel_shape=kernel, strides=kernel)
        else:
            raise g.fail(
                f"adaptive pooling of {list(spatial)} to {sizes} has no form in ONNX: sizes must be multiples of those"
            )
        return g.squeeze(found, 0) if single else found

    return write


for _n in (1, 2, 3):
    exporter(f"conv{_n}d", f"nn.functional.conv{_n}d")(_conv(_n))
    exporter(f"conv_transpose{_n}d", f"nn.functional.conv_transpose{_n}d")(_conv_transpose(_n))
    exporter(f"max_pool{_n}d", f"nn.functional.max_pool{_n}d")(_max_pool(_n))
    exporter(f"avg_pool{_n}d", f"nn.functional.avg_pool{_n}d")(_avg_pool(_n))
    exporter(f"nn.functional.adaptive_avg_pool{_n}d", f"adaptive_avg_pool{_n}d")(_adaptive(_n, "Average"))
    exporter(f"nn.functional.adaptive_max_pool{_n}d", f"adaptive_max_pool{_n}d")(_adaptive(_n, "Max"))


@exporter("nn.functional.interpolate", "nn.functional.upsample")
def interpolate(
    g: Graph,
    input: Value,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Value:
    """Another resolution."""
    n = input.ndim - 2
    kind = {"nearest": "nearest", "nearest-exact": "nearest", "bicubic": "cubic"}.get(mode, "linear")
    if mode == "area":
        return _adaptive(n, "Average")(g, input, g.result.shape[2:])
    where = "align_corners" if align_corners else "asymmetric" if mode == "nearest" else "half_pixel"
    rounding = {"nearest": "floor", "nearest-exact": "round_prefer_ceil"}.get(mode)
    options = {
        "mode": kind, "coordinate_transformation_mode": where, "nearest_mode": rounding,
        "cubic_coeff_a": -0.75 if kind == "cubic" else None, "antialias": 1 if antialias else None,
    }  # fmt: skip
    if scale_factor is not None and not recompute_scale_factor:
        factors = list(scale_factor) if isinstance(scale_factor, list | tuple) else [scale_factor] * n
        scales = g.constant([1.0, 1.0, *map(float, factors)], torch.float32)
        return g.op("Resize", input, None, scales, shape=g.result.shape, **options)
    wanted = list(size) if isinstance(size, list | tuple) else [size] * n
    if scale_factor is not None:
        wanted = list(g.result.shape[2:])
    sizes = g.op("Shape", input, dtype=torch.int64, shape=(2,), start=0, end=2)
    sizes = g.op("Concat", sizes, g.sizes(wanted), dtype=torch.int64, shape=(n + 2,), axis=0)
    return g.op("Resize", input, None, None, sizes, shape=g.result.shape, **options)


@exporter("nn.functional.grid_sample", "grid_sampler")
def grid_sample(
    g: Graph,
    input: Value,
    grid: Value,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Value:
    """Values at positions between pixels."""
    kind = {"bilinear": "linear", "bicubic": "cubic", "nearest": "nearest"}[mode]
    if g.opset < 20:
        kind = mode
    return g.op(
        "GridSample",
        input,
        grid,
        like=g.result,
        mode=kind,
        padding_mode=padding_mode,
        align_corners=int(bool(align_corners)),
    )


# --- normalisation --------------------------------------------------------------------------------------------


def _filled(g: Graph, x: Value | None, n: int, value: float, dtype: torch.dtype) -> Value:
    return g.constant([value] * n, dtype) if x is None else x


@exporter("nn.functional.batch_norm")
def batch_norm(
    g: Graph,
    input: Value,
    running_mean: Value | None,
    running_var: Value | None,
    weight: Value | None = None,
    bias: Value | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Value:
    """By the statistics of each channel."""
    if training or running_mean is None:
        raise g.fail("batch_norm in training cannot be exported: call eval() first")
    n, dtype = input.shape[1], input.dtype
    scale, shift = _filled(g, weight, n, 1.0, dtype), _filled(g, bias, n, 0.0, dtype)
    return g.op("BatchNormalization", input, scale, shift, running_mean, running_var, like=input, epsilon=float(eps))


@exporter("nn.functional.layer_norm")
def layer_norm(
    g: Graph,
    input: Value,
    normalized_shape: Any,
    weight: Value | None = None,
    bias: Value | None = None,
    eps: float = 1e-5,
) -> Value:
    """By the statistics of each row."""
    scale = weight or g.constant(torch.ones(list(normalized_shape), dtype=input.dtype))
    return g.op("LayerNormalization", input, scale, bias, axis=-len(normalized_shape), epsilon=float(eps))


@exporter("nn.functional.rms_norm", "rms_norm")
def rms_norm(
    g: Graph, input: Value, normalized_shape: Any, weight: Value | None = None, eps: float | None = None
) -> Value:
    """By the root of the mean square of each row."""
    eps = torch.finfo(input.dtype).eps if eps is None else eps
    dims = list(range(input.ndim - len(normalized_shape), input.ndim))
    shape = [1 if d in dims else s for d, s in enumerate(input.shape)]
    mean = g.op("ReduceMean", g.op("Mul", input, input), g.ints(dims), shape=shape, keepdims=1)
    root = g.op("Sqrt", g.op("Add", mean, g.constant(eps, input.dtype)))
    found = g.op("Div", input, root)
    return found if weight is None else g.op("Mul", found, weight)


def _by_channel(g: Graph, x: Value, weight: Value | None, bias: Value | None) -> Value:
    for kind, part in (("Mul", weight), ("Add", bias)):
        if part is not None:
            x = g.op(kind, x, g.reshape(part, [part.shape[0]] + [1] * (x.ndim - 2)))
    return x


@exporter("nn.functional.group_norm")
def group_norm(
    g: Graph, input: Value, num_groups: int, weight: Value | None = None, bias: Value | None = None, eps: float = 1e-5
) -> Value:
    """By the statistics of groups of channels."""
    dtype, channels = input.dtype, input.shape[1]
    if g.opset >= 21:
        scale, shift = _filled(g, weight, channels, 1.0, dtype), _filled(g, bias, channels, 0.0, dtype)
        return g.op("GroupNormalization", input, scale, shift, epsilon=float(eps), num_groups=num_groups)
    shape = (input.shape[0], num_groups, math.prod(input.shape[1:]) // num_groups)
    rows = g.op("Reshape", input, g.ints([0, num_groups, -1]), shape=shape)
    one, zero = g.constant([1.0] * num_groups, dtype), g.constant([0.0] * num_groups, dtype)
    rows = g.op("InstanceNormalization", rows, one, zero, epsilon=float(eps))
    back = g.op("Reshape", rows, g.op("Shape", input, dtype=torch.int64, shape=(input.ndim,)), like=input)
    return _by_channel(g, back, weight, bias)


@exporter("nn.functional.instance_norm")
def instance_norm(
    g: Graph,
    input: Value,
    running_mean: Value | None = None,
    running_var: Value | None = None,
    weight: Value | None = None,
    bias: Value | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Value:
    """By the statistics of each channel of each sample."""
    if not use_input_stats:
        return batch_norm(g, input, running_mean, running_var, weight, bias, False, momentum, eps)
    n, dtype = input.shape[1], input.dtype
    scale, shift = _filled(g, weight, n, 1.0, dtype), _filled(g, bias, n, 0.0, dtype)
    return g.op("InstanceNormalization", input, scale, shift, epsilon=float(eps))


@exporter("nn.functional.local_response_norm")
def local_response_norm(
    g: Graph, input: Value, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Value:
    """By the squares of channels beside each other."""
    return g.op("LRN", input, size=size, alpha=float(alpha), beta=float(beta), bias=float(k))


# --- tables and attention ---------------------------------------------------------------------------------------


@exporter("nn.functional.embedding")
def embedding(g: Graph, input: Value, weight: Value, *args: Any, **kwargs: Any) -> Value:
    """Rows of a table."""
    return g.op("Gather", weight, input, shape=(*input.shape, weight.shape[1]), axis=0)


@exporter("nn.functional.glu", "op.glu")
def glu(g: Graph, input: Value, dim: int = -1) -> Value:
    """a * sigmoid(b) of two halves."""
    d = dim % input.ndim
    half = input.shape[d] // 2
    shape = [half if i == d else s for i, s in enumerate(input.shape)]
    likes = [Value("", input.dtype, shape)] * 2
    a, b = g.op("Split", input, g.ints([half, half]), like=likes, axis=d)
    return g.op("Mul", a, g.op("Sigmoid", b))


@exporter("nn.functional.scaled_dot_product_attention")
def attention(
    g: Graph,
    query: Value,
    key: Value,
    value: Value,
    attn_mask: Value | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Value:
    """softmax(q k^T / sqrt(d) + mask) v."""
    dtype = query.dtype
    if enable_gqa and key.shape[-3] != query.shape[-3]:
        key, value = (_repeated(g, x, query.shape[-3] // x.shape[-3]) for x in (key, value))
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    query = g.op("Mul", query, g.constant(float(scale), dtype))
    shape = (*query.shape[:-1], key.shape[-2])
    scores = g.op("MatMul", query, matrix_transpose(g, key), shape=shape)
    low = g.constant(-math.inf, dtype)
    if is_causal:
        sizes = [g.op("Shape", x, dtype=torch.int64, shape=(1,), start=-2, end=x.ndim - 1) for x in (query, key)]
        ones = g.op(
            "Expand", g.constant(1, torch.int64), g.op("Concat", *sizes, dtype=torch.int64, shape=(2,), axis=0),
            shape=shape[-2:],
        )  # fmt: skip
        kept = g.cast(g.op("Trilu", ones, upper=0), torch.bool)
        scores = g.op("Where", kept, scores, low, like=scores)
    if attn_mask is not None:
        if attn_mask.dtype is torch.bool:
            scores = g.op("Where", attn_mask, scores, low, like=scores)
        else:
            scores = g.op("Add", scores, g.cast(attn_mask, dtype))
    weights = g.op("Softmax", scores, axis=-1)
    if attn_mask is not None and attn_mask.dtype is torch.bool:  # rows that nothing may see are 0, not NaN
        weights = g.op("Where", g.op("IsNaN", weights, dtype=torch.bool), g.constant(0.0, dtype), weights, like=weights)
    return g.op("MatMul", weights, value, like=g.result)


def _repeated(g: Graph, x: Value, times: int) -> Value:
    """Each head ``times`` times."""
    d = x.ndim - 3
    apart = g.unsqueeze(x, d + 1)
    tiled = g.op(
        "Tile", apart, g.ints([times if i == d + 1 else 1 for i in range(apart.ndim)]),
        shape=[times if i == d + 1 else s for i, s in enumerate(apart.shape)],
    )  # fmt: skip
    heads = x.shape[d] * times
    shape = [0] * d + [heads, -1, x.shape[-1]]
    return g.op("Reshape", tiled, g.ints(shape), shape=(*x.shape[:d], heads, *x.shape[d + 1 :]))


# --- recurrence -------------------------------------------------------------------------------------------------

# The order of gates here, as blocks of rows, and in ONNX: LSTM i f g o and i o f c; GRU r z n and z r h.
_ORDER = {"LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2), "RNN": (0,)}


@exporter("nn.LSTM")
def recurrent(g: Graph, layer: Any, input: Value, hx: Any = None) -> Any:
    """LSTM, GRU and RNN."""
    kind = type(layer).__name__
    if getattr(layer, "proj_size", 0):
        raise g.fail("LSTM with proj_size has no form in ONNX")
    if input.ndim == 2:
        raise g.fail("recurrent layers without a batch are not known here: give the input a batch dimension")
    x = g.transpose(input, [1, 0, 2]) if layer.batch_first else input
    steps, batch, _ = x.shape
    ways, hidden = 2 if layer.bidirectional else 1, layer.hidden_size
    given = list(hx) if isinstance(hx, tuple) else [hx] if hx is not None else []
    last: list[list[Value]] = []
    for n in range(layer.num_layers):
        weights = [_weights(g, layer, kind, part, n, ways) for part in ("ih", "hh")]
        bias = _bias(g, layer, kind, n, ways)
        states = [g.slice(h, 0, n * ways, (n + 1) * ways) for h in given]
        shape = (ways, batch, hidden)
        likes = [
            Value("", x.dtype, (steps, ways, batch, hidden)),
            *[Value("", x.dtype, shape)] * (2 if kind == "LSTM" else 1),
        ]
        found = g.op(
            kind, x, *weights, bias, None, *states, like=likes, hidden_size=hidden,
            direction="bidirectional" if ways == 2 else "forward",
            linear_before_reset=1 if kind == "GRU" else None,
            activations=[layer.nonlinearity.capitalize()] * ways if kind == "RNN" else None,
        )  # fmt: skip
        y, *ends = found
        last.append(ends)
        turned = g.transpose(y, [0, 2, 1, 3])
        x = g.op("Reshape", turned, g.ints([0, 0, ways * hidden]), shape=(steps, batch, ways * hidden))
    states = [
        g.op("Concat", *parts, shape=(len(parts) * ways, batch, hidden), axis=0) if len(parts) > 1 else parts[0]
        for parts in zip(*last, strict=True)
    ]
    y = g.transpose(x, [1, 0, 2]) if layer.batch_first else x
    return y, tuple(states) if kind == "LSTM" else states[0]


def _named(layer: Any, name: str, n: int, ways: int) -> list[Any]:
    return [getattr(layer, f"{name}_l{n}{'_reverse' if way else ''}") for way in range(ways)]


def _sorted(x: torch.Tensor, kind: str) -> torch.Tensor:
    blocks = torch.chunk(x.detach(), len(_ORDER[kind]))
    return torch.cat([blocks[i] for i in _ORDER[kind]])


def _weights(g: Graph, layer: Any, kind: str, part: str, n: int, ways: int) -> Value:
    found = [_sorted(w, kind) for w in _named(layer, f"weight_{part}", n, ways)]
    return g.constant(torch.stack(found), name=f"{g.names_of.get(id(layer), 'rnn')}.weight_{part}_l{n}")


def _bias(g: Graph, layer: Any, kind: str, n: int, ways: int) -> Value | None:
    if not layer.bias:
        return None
    inner, outer = (_named(layer, f"bias_{part}", n, ways) for part in ("ih", "hh"))
    found = [torch.cat([_sorted(a, kind), _sorted(b, kind)]) for a, b in zip(inner, outer, strict=True)]
    return g.constant(torch.stack(found), name=f"{g.names_of.get(id(layer), 'rnn')}.bias_l{n}")
