"""Models of whole training steps, written once for all frameworks with torch's names; their weights are equal.

The versions in JAX are in ``jax_steps.py``, and take the weights from here under the same names.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

VOCABULARY, CONTEXT, WIDTH, HEADS, LAYERS = 65, 64, 128, 4, 4  # of the small GPT: characters of a play


def mlp(fw: SimpleNamespace) -> Any:
    """784-128-10."""
    return fw.nn.Sequential(fw.nn.Linear(784, 128), fw.nn.ReLU(), fw.nn.Linear(128, 10))


def lenet(fw: SimpleNamespace) -> Any:
    """The LeNet of PyTorch's introductory tutorial."""
    nn = fw.nn
    return nn.Sequential(
        nn.Conv2d(1, 6, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * 5 * 5, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


def resnet18(fw: SimpleNamespace) -> Any:
    """ResNet-18 (He et al. 2015) for 32x32 images and ten classes: a 3x3 convolution first, no pooling after it."""
    nn = fw.nn

    class Block(nn.Module):
        def __init__(self, inplanes: int, planes: int, stride: int):
            super().__init__()
            self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(planes)
            self.relu = nn.ReLU(inplace=True)
            self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(planes)
            self.downsample = None
            if stride != 1 or inplanes != planes:
                self.downsample = nn.Sequential(
                    nn.Conv2d(inplanes, planes, 1, stride, bias=False), nn.BatchNorm2d(planes)
                )

        def forward(self, x: Any) -> Any:
            out = self.relu(self.bn1(self.conv1(x)))
            out = self.bn2(self.conv2(out))
            out += x if self.downsample is None else self.downsample(x)
            return self.relu(out)

    layers = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True)]
    inplanes = 64
    for planes, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        layers += [Block(inplanes, planes, stride), Block(planes, planes, 1)]
        inplanes = planes
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(512, 10))


def gpt(fw: SimpleNamespace) -> Any:
    """A character model as in nanoGPT: pre-norm blocks of causal self-attention and an MLP with GELU; no dropout."""
    nn, F, T = fw.nn, fw.F, fw.T

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.c_attn = nn.Linear(WIDTH, 3 * WIDTH)
            self.c_proj = nn.Linear(WIDTH, WIDTH)

        def forward(self, x: Any) -> Any:
            n, t, c = x.shape
            q, k, v = (z.view(n, t, HEADS, c // HEADS).transpose(1, 2) for z in self.c_attn(x).split(WIDTH, dim=2))
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.c_proj(y.transpose(1, 2).contiguous().view(n, t, c))

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.ln_1, self.attn, self.ln_2 = nn.LayerNorm(WIDTH), Attention(), nn.LayerNorm(WIDTH)
            self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

        def forward(self, x: Any) -> Any:
            x = x + self.attn(self.ln_1(x))
            return x + self.mlp(self.ln_2(x))

    class GPT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wte, self.wpe = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(CONTEXT, WIDTH)
            self.h = nn.ModuleList([Block() for _ in range(LAYERS)])
            self.ln_f = nn.LayerNorm(WIDTH)
            self.lm_head = nn.Linear(WIDTH, VOCABULARY, bias=False)

        def forward(self, tokens: Any) -> Any:
            x = self.wte(tokens) + self.wpe(T.arange(tokens.shape[1]))
            for block in self.h:
                x = block(x)
            return self.lm_head(self.ln_f(x)).view(-1, VOCABULARY)

    return GPT()


def set_weights(fw: SimpleNamespace, net: Any) -> None:
    """The same weights in either framework; normalisations keep their ones and zeros."""
    rng = np.random.default_rng(1)
    with fw.T.no_grad():
        for module in net.modules():
            if hasattr(module, "eps"):
                continue
            for p in module.parameters(recurse=False):
                bound = 1 / np.sqrt(max(1, int(np.prod(p.shape[1:]))))
                p.copy_(fw.T.tensor(rng.uniform(-bound, bound, tuple(p.shape)).astype(np.float32)))


def weights(model: Any) -> dict[str, np.ndarray]:
    """What ``set_weights`` gives a model, and the buffers of its normalisations, by name, for JAX."""
    from benchmarks.workloads import framework

    fw = framework("numtorch")
    net = model(fw)
    set_weights(fw, net)
    return {k: v.detach().numpy().copy() for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
