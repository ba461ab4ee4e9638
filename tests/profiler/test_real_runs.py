"""Whole training runs: an independent sampling profiler must find the same largest costs, and what bounds them must be
right."""

import signal
import threading
import time

import pytest

import numtorch as torch
from numtorch import nn
from numtorch.kernels.jit import disabled
from numtorch.profiler import machine, profile

pytestmark = pytest.mark.skipif(
    disabled() or not hasattr(signal, "setitimer"), reason="needs compiled kernels and a timer"
)


class Sampler:
    """At every tick of a timer, the row whose kernel is on the stack; ticks weigh the time since the last."""

    def __init__(self):
        self.seconds: dict[int, float] = {}
        self.last = 0.0

    def look(self, signum, frame):
        now = time.perf_counter()
        while frame is not None and not (
            frame.f_code.co_filename == "<numtorch profiler>" and frame.f_code.co_name == "timed"
        ):
            frame = frame.f_back
        row = None if frame is None else frame.f_locals.get("row", frame.f_locals.get("_row"))
        if row is not None:
            self.seconds[row] = self.seconds.get(row, 0.0) + now - self.last
        self.last = now

    def __enter__(self):
        assert threading.current_thread() is threading.main_thread()
        self.before = signal.signal(signal.SIGALRM, self.look)
        self.last = time.perf_counter()
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        return self

    def __exit__(self, *exc):
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self.before)


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = (y.view(b, t, self.heads, -1).transpose(1, 2) for y in self.qkv(self.first(x)).split(c, 2))
        y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(b, t, c))
        return x + self.mlp(self.second(x))


class GPT(nn.Module):
    def __init__(self, vocabulary=65, width=128, layers=2):
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocabulary, width), nn.Embedding(64, width)
        self.blocks = nn.Sequential(*[Block(width, 4) for _ in range(layers)])
        self.head = nn.Linear(width, vocabulary)

    def forward(self, tokens):
        return self.head(self.blocks(self.tokens(tokens) + self.places(torch.arange(tokens.shape[1])))).flatten(0, 1)


def cnn():
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 12 * 12, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )
    return net, torch.randn(64, 1, 28, 28), torch.randint(0, 10, (64,))


def gpt():
    return GPT(), torch.randint(0, 65, (8, 64)), torch.randint(0, 65, (8 * 64,))


def shares(model):
    """A profile; of each row of a second of training its share of the time by our account, and by a sampler's; the
    largest shares."""
    net, inputs, labels = model()
    optimizer = torch.optim.Adam(net.parameters())

    def step():
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(inputs), labels).backward()
        optimizer.step()

    step()
    with profile() as prof:
        step()  # rows are made: their wrappers know their numbers
        with Sampler() as seen:
            started, before = time.perf_counter(), {r.id: r.self_ns for r in prof.rows if r.kind == "kernel"}
            while time.perf_counter() - started < 1.0:
                step()
            wall = time.perf_counter() - started
        after = {r.id: r for r in prof.rows if r.kind == "kernel"}
    mine = {i: (r.self_ns - before.get(i, 0)) / 1e9 / wall for i, r in after.items()}
    sampled = {i: seconds / wall for i, seconds in seen.seconds.items()}
    named = [
        (after[i].kernel, after[i].shapes, mine[i], sampled.get(i, 0)) for i in sorted(mine, key=mine.get)[::-1][:6]
    ]
    return prof, mine, sampled, named


def disagreement(mine, sampled):
    """By how much the two differ about the three largest of each."""
    largest = sorted(mine, key=mine.get)[::-1][:3] + sorted(sampled, key=sampled.get)[::-1][:3]
    return max(abs(mine.get(i, 0.0) - sampled.get(i, 0.0)) for i in largest)


@pytest.mark.parametrize("model", [cnn, gpt])
def test_the_largest_costs_and_what_bounds_them(model):
    for _ in range(3):  # another process may come between
        prof, mine, sampled, named = shares(model)
        if disagreement(mine, sampled) < 0.07:
            break
    assert disagreement(mine, sampled) < 0.07, named

    machine()
    prof.measure()
    bounds = {}
    for r in prof.rows:
        if r.kind == "kernel":
            bounds.setdefault(r.kernel.partition("/")[0], set()).add(r.bound)
    largest = max((r for r in prof.rows if r.kind == "kernel"), key=lambda r: r.self_ns)
    assert largest.bound == "compute"  # a convolution or a product: hundreds of operations for each byte
    assert bounds["linear"] <= {"compute", "dispatch"} and "compute" in bounds["linear"]
    # reads four arrays for a few operations
    assert bounds["adam_step"] <= {"memory", "dispatch"} and "memory" in bounds["adam_step"]
