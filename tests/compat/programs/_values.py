"""What the programs share: parameters that do not depend on random numbers, and how results are printed."""

import json

import numpy as np
import torch


def fill(net, scale=0.2):
    """Give every parameter numbers that depend on its place alone."""
    with torch.no_grad():
        for i, p in enumerate(net.parameters()):
            p.copy_(torch.tensor(np.random.default_rng(i).standard_normal(tuple(p.shape)) * scale, dtype=p.dtype))
    return net


def numbers(seed, *shape):
    """A tensor of normal numbers."""
    return torch.tensor(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


def integers(seed, high, *shape):
    """A tensor of integers."""
    return torch.tensor(np.random.default_rng(seed).integers(0, high, shape))


def norm(net):
    """The norm of all gradients."""
    return float(sum(p.grad.double().square().sum() for p in net.parameters() if p.grad is not None) ** 0.5)


def tell(**results):
    """Print results as one line of JSON, the last of the output."""

    def plain(x):
        if isinstance(x, torch.Tensor):
            x = x.detach().cpu().tolist()
        elif isinstance(x, np.ndarray | np.generic):
            x = x.tolist()
        return [plain(v) for v in x] if isinstance(x, list | tuple) else x

    print(json.dumps({name: plain(value) for name, value in results.items()}))
