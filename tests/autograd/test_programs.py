"""Random programs of views, writes, ``no_grad`` blocks, hooks and retained gradients: torch's values, gradients and
errors."""

from __future__ import annotations

import random

import numpy as np
import pytest
from against_torch import torch

import numtorch as nt

# Where torch gives up and the answer exists: see autograd/README.md.
DECIDED = (
    "multiple views",
    "single memory location",
    "modified by an inplace operation",
    "its base or another view of its base",
    "unsafe",
    "invalid gradient at index",
)


class Program:
    """The same steps for either library; what each step raised."""

    def __init__(self, lib, seed):
        self.lib, self.random, self.numbers = lib, random.Random(seed), np.random.default_rng(seed)
        shape = [self.random.randint(1, 4) for _ in range(self.random.randint(1, 3))]
        self.leaves = [self.data(shape).requires_grad_() for _ in range(2)]
        self.pool = [self.leaves[0] * 1.5, self.leaves[1] * self.leaves[0], self.data(shape)]
        self.retained, self.seen, self.error, self.free = [], [], None, False

    def data(self, shape):
        return self.lib.from_numpy(np.asarray(self.numbers.standard_normal(tuple(shape)).round(3)))

    def view(self, x):
        r, n = self.random, x.ndim
        if not n:
            return r.choice([lambda: x.unsqueeze(0), lambda: x[...], lambda: x.detach(), lambda: x.reshape(-1)])()
        d = r.randrange(n)
        a, b = sorted((r.randint(0, x.shape[d]), r.randint(0, x.shape[d])))
        order, steps = r.sample(range(n), n), [slice(r.randint(0, 1), None, r.randint(1, 2)) for _ in range(n)]
        made = [
            lambda: x.unsqueeze(r.randint(0, n)),
            lambda: x.reshape(-1),
            lambda: x.squeeze(),
            lambda: x.narrow(d, a, b - a),
            lambda: x[tuple(steps)],
            lambda: x.permute(*order),
            lambda: x.detach(),
            lambda: x.expand(*x.shape),
            lambda: x[...],
        ]
        if n > 1:
            made.append(lambda: x.diagonal(0, 0, 1))
        if x.shape[d]:
            i = r.randrange(x.shape[d])
            made += [lambda: x.select(d, i), lambda: x.unbind(d)[i], lambda: x.split(max(1, x.shape[d] // 2), d)[0]]
        return r.choice(made)()

    def operand(self, x):
        r, kind, fresh = self.random, self.random.randint(0, 4), self.data(x.shape)
        alike = [p for p in self.pool if p.shape == x.shape]
        if kind == 0:
            return r.choice([2.0, -0.5])
        if kind <= 2 and alike:
            return r.choice(alike) * r.choice([1, 1.0])
        return fresh * self.leaves[0].sum() if kind == 3 else fresh

    def write(self, x):
        r, lib, n, z, y = self.random, self.lib, x.ndim, self.data(x.shape), self.operand(x)
        number, mask = r.choice([0.3, 2.0, -1.0]), x.detach() > 0
        writes = [
            lambda: x.mul_(y),
            lambda: x.add_(y),
            lambda: x.sub_(y, alpha=2),
            lambda: x.copy_(z if isinstance(y, float) else y),
            lambda: x.sin_(),
            lambda: x.fill_(number),
            lambda: x.zero_(),
            lambda: x.masked_fill_(mask, number),
            lambda: x.clamp_(-0.5, 0.5),
            lambda: x.neg_(),
            lambda: x.relu_(),
            lambda: x.lerp_(z, 0.3),
            lambda: x.pow_(2),
            lambda: x.addcmul_(z, z, value=0.5),
            lambda: x.eq_(0.3),
            lambda: x.bernoulli_(1.0),
            lambda: x.floor_(),
            lambda: x.__setitem__(mask, self.leaves[1].sum()),
            lambda: x.__setitem__(..., number),
        ]
        if n and x.shape[0]:
            i = r.randrange(x.shape[0])
            writes += [
                lambda: x.__setitem__(i, number),
                lambda: x.__setitem__(i, z[i] * self.leaves[0].sum()),
                lambda: x.index_fill_(0, lib.tensor([i]), number),
                lambda: x.__setitem__(slice(0, None, 2), number),
                lambda: x.index_add_(0, lib.tensor([i]), z[i : i + 1] * self.leaves[0].sum()),
                lambda: x.cumsum_(0),
            ]
        if n > 1:
            writes.append(lambda: x.tril_())
        r.choice(writes)()

    def step(self):
        """One step; what it draws does not depend on the library or on errors."""
        r = self.random
        kind, x, quiet, seed = r.randint(0, 17), r.choice(self.pool), r.random() < 0.18, r.randint(0, 10**9)
        self.random, self.numbers, state = random.Random(seed), np.random.default_rng(seed), (self.random, self.numbers)
        self.free = x._edge is not None or x._base is None or x._base._edge is None if self.lib is nt else False
        self.error, made = None, x
        try:
            with self.lib.no_grad() if quiet else self.lib.enable_grad():
                if kind <= 4:
                    made = self.view(x)
                elif kind <= 11:
                    self.write(x)
                elif kind == 12:
                    made = x.sin() if self.random.random() < 0.5 else x * x
                elif kind <= 15:
                    x.retain_grad()
                    self.retained.append(x)
                elif x._base is None:
                    x.register_hook(
                        lambda g, i=seed: self.seen.append((i, g.detach().clone()))
                    ) if kind == 16 else x.register_hook(lambda g: g * 0.5)
        except Exception as e:
            self.error = e
        if kind <= 4 or kind == 12:
            self.pool.append(made)
        self.random, self.numbers = state

    def finish(self):
        total = sum((p * self.data(p.shape)).sum() for p in self.pool) + sum((p * p).sum() for p in self.pool[-2:])
        if total.requires_grad:
            total.backward()
        return [t.grad for t in self.leaves + self.retained], self.seen, [p.detach() for p in self.pool]


def _alike(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(np.array(a.tolist()), np.array(b.tolist()), rtol=1e-9, atol=1e-9)


def _decided(theirs, ours, program):
    """Whether torch refuses what numtorch computes, or takes a view made under ``no_grad`` for a leaf."""
    if ours is not None:
        return theirs is None and ("can't retain_grad" in str(ours) or "cannot register a hook" in str(ours))
    return any(d in str(theirs) for d in DECIDED) or (
        program.free and ("no_grad mode" in str(theirs) or "leaf Variable" in str(theirs))
    )


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_random_programs(first):
    """Of 200, at least 140 run to their end."""
    ended = 0
    for seed in range(first, first + 50):
        theirs, ours = Program(torch, seed), Program(nt, seed)
        for _ in range(random.Random(seed).randint(2, 12)):
            theirs.step()
            ours.step()
            if (theirs.error is None) != (ours.error is None):
                assert _decided(theirs.error, ours.error, ours), (seed, theirs.error, ours.error)
                break
            assert ours.error is None or isinstance(ours.error, type(theirs.error)), (seed, theirs.error, ours.error)
        else:
            try:
                expected = theirs.finish()
            except RuntimeError as e:
                assert any(d in str(e) for d in DECIDED), (seed, e)
                continue
            found = ours.finish()
            _alike(found[0] + found[2], expected[0] + expected[2])
            assert [i for i, _ in found[1]] == [i for i, _ in expected[1]]
            _alike([g for _, g in found[1]], [g for _, g in expected[1]])
            ended += 1
    assert ended >= 35
