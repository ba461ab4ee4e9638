"""The models of ``models.py`` and their optimizers in JAX: each step is one ``jax.jit`` with a donated state.

Images are (N, H, W, C) and filters (H, W, I, O), which XLA's convolutions on the CPU take without a transpose. Imported
only in JAX's own process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.models import CONTEXT, HEADS, LAYERS, WIDTH

State = dict[str, Any]


# --- layers -------------------------------------------------------------------------------------


def linear(p: State, name: str, x: Any) -> Any:
    """``x @ weight.T + bias``."""
    y = x @ p[f"{name}.weight"].T
    return y + p[f"{name}.bias"] if f"{name}.bias" in p else y


def conv(p: State, name: str, x: Any, stride: int = 1, padding: int = 0) -> Any:
    """A convolution, with its bias where it has one."""
    y = lax.conv_general_dilated(
        x, p[f"{name}.weight"], (stride, stride), [(padding, padding)] * 2, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    return y + p[f"{name}.bias"] if f"{name}.bias" in p else y


def max_pool(x: Any) -> Any:
    """The largest of each 2x2 window; a reshape, whose gradient is far faster on the CPU than that of reduce_window."""
    n, h, w, c = x.shape
    return x[:, : h // 2 * 2, : w // 2 * 2].reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))


def batch_norm(p: State, seen: State, name: str, x: Any) -> Any:
    """Normalised by the batch's statistics; the running ones go to ``seen``."""
    mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
    count = x.size / x.shape[-1]
    running = {"running_mean": mean, "running_var": var * (count / (count - 1))}
    seen.update({f"{name}.{k}": 0.9 * p[f"{name}.{k}"] + 0.1 * lax.stop_gradient(v) for k, v in running.items()})
    return (x - mean) * lax.rsqrt(var + 1e-5) * p[f"{name}.weight"] + p[f"{name}.bias"]


def layer_norm(p: State, name: str, x: Any) -> Any:
    """Normalised along the last dimension."""
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(var + 1e-5) * p[f"{name}.weight"] + p[f"{name}.bias"]


# --- models: logits of a batch; ``seen`` takes new running statistics ----------------------------------


def mlp(p: State, seen: State, x: Any) -> Any:
    """784-128-10."""
    return linear(p, "2", jax.nn.relu(linear(p, "0", x)))


def lenet(p: State, seen: State, x: Any) -> Any:
    """As in ``models.lenet``."""
    x = max_pool(jax.nn.relu(conv(p, "0", x)))
    x = max_pool(jax.nn.relu(conv(p, "3", x)))
    x = x.transpose(0, 3, 1, 2).reshape(x.shape[0], -1)
    x = jax.nn.relu(linear(p, "7", x))
    return linear(p, "11", jax.nn.relu(linear(p, "9", x)))


def resnet18(p: State, seen: State, x: Any) -> Any:
    """As in ``models.resnet18``."""
    x = jax.nn.relu(batch_norm(p, seen, "1", conv(p, "0", x, padding=1)))
    for i in range(3, 11):
        stride = 2 if i in (5, 7, 9) else 1
        y = jax.nn.relu(batch_norm(p, seen, f"{i}.bn1", conv(p, f"{i}.conv1", x, stride, 1)))
        y = batch_norm(p, seen, f"{i}.bn2", conv(p, f"{i}.conv2", y, padding=1))
        if stride == 2:
            x = batch_norm(p, seen, f"{i}.downsample.1", conv(p, f"{i}.downsample.0", x, stride))
        x = jax.nn.relu(y + x)
    return linear(p, "13", x.mean((1, 2)))


def gpt(p: State, seen: State, tokens: Any) -> Any:
    """As in ``models.gpt``."""
    n, t = tokens.shape
    x = p["wte.weight"][tokens] + p["wpe.weight"][:t]
    past = jnp.tril(jnp.ones((CONTEXT, CONTEXT), bool))[:t, :t]
    for i in range(LAYERS):
        at = f"h.{i}"
        qkv = linear(p, f"{at}.attn.c_attn", layer_norm(p, f"{at}.ln_1", x))
        q, k, v = (z.reshape(n, t, HEADS, WIDTH // HEADS) for z in jnp.split(qkv, 3, -1))
        scores = jnp.einsum("nqhe,nkhe->nhqk", q, k) / np.sqrt(WIDTH // HEADS).astype(x.dtype)
        shares = jax.nn.softmax(jnp.where(past, scores, -jnp.inf), -1)
        x = x + linear(p, f"{at}.attn.c_proj", jnp.einsum("nhqk,nkhe->nqhe", shares, v).reshape(n, t, WIDTH))
        hidden = jax.nn.gelu(linear(p, f"{at}.mlp.0", layer_norm(p, f"{at}.ln_2", x)), approximate=False)
        x = x + linear(p, f"{at}.mlp.2", hidden)
    return linear(p, "lm_head", layer_norm(p, "ln_f", x)).reshape(n * t, -1)


# --- optimizers: (new parameters, new state) -----------------------------------------------------------


def sgd(p: State, g: State, state: State, lr: float, momentum: float) -> tuple[State, State]:
    """With momentum."""
    m = {k: momentum * state["m"][k] + g[k] for k in p}
    return {k: p[k] - lr * m[k] for k in p}, {"m": m}


def adam(
    p: State, g: State, state: State, lr: float, betas: tuple[float, float] = (0.9, 0.999), weight_decay: float = 0.0
) -> tuple[State, State]:
    """Adam; with ``weight_decay``, AdamW."""
    t = state["t"] + 1
    m = {k: betas[0] * state["m"][k] + (1 - betas[0]) * g[k] for k in p}
    v = {k: betas[1] * state["v"][k] + (1 - betas[1]) * g[k] * g[k] for k in p}
    rate, root = lr / (1 - betas[0] ** t), jnp.sqrt(1 - betas[1] ** t)
    new = {k: p[k] * (1 - lr * weight_decay) - rate * m[k] / (jnp.sqrt(v[k]) / root + 1e-8) for k in p}
    return {k: x.astype(p[k].dtype) for k, x in new.items()}, {"m": m, "v": v, "t": t}


OPTIMIZERS = {"SGD": sgd, "Adam": adam, "AdamW": adam}


def trainer(
    model: str, optimizer: str, options: dict, given: dict[str, np.ndarray], batches: list, dtype: str
) -> Callable:
    """A function that makes one step on the next of ``batches`` and returns its loss."""
    apply, update = globals()[model], OPTIMIZERS[optimizer]

    def laid(x: np.ndarray, axes: tuple[int, ...]) -> Any:
        x = x.transpose(axes) if x.ndim == 4 else x
        return jnp.asarray(x, dtype if x.dtype.kind == "f" else None)

    everything = {k: laid(v, (2, 3, 1, 0)) for k, v in given.items()}
    stats = {k: v for k, v in everything.items() if ".running_" in k}
    params = {k: v for k, v in everything.items() if k not in stats}
    state = {name: jax.tree.map(jnp.zeros_like, params) for name in ("m", "v")} | {"t": jnp.zeros((), dtype)}
    batches = [(laid(x, (0, 2, 3, 1)), jnp.asarray(y)) for x, y in batches]

    def loss_of(params: State, stats: State, x: Any, y: Any) -> tuple[Any, State]:
        seen: State = {}
        logits = jax.nn.log_softmax(apply(params | stats, seen, x))
        return -jnp.take_along_axis(logits, y[:, None], 1).mean(), seen

    def step(params: State, stats: State, state: State, x: Any, y: Any) -> tuple:
        (loss, seen), g = jax.value_and_grad(loss_of, has_aux=True)(params, stats, x, y)
        params, state = update(params, g, state, **options)
        return params, seen, state, loss

    step = jax.jit(step, donate_argnums=(0, 1, 2))
    kept = [params, stats, state if update is adam else {"m": state["m"]}]
    at = [0]

    def run() -> Any:
        i = at[0] = (at[0] + 1) % len(batches)
        *kept[:], loss = step(*kept, *batches[i])
        return loss.block_until_ready()

    return run
