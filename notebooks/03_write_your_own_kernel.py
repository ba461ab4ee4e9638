# %% [markdown]
# # Write your own kernel
#
# In most frameworks an op of your own means C++ or CUDA, a compiler and a build. Here it is a Python function of a few
# lines. You write what one element is; the loops for every layout, on the CPU and on the GPU, are generated and compiled
# when they are first used. This notebook makes an op, gives it a gradient, checks it, looks at the code that runs, steps
# through it, and races it against NumPy. Then it does the same with an op on rows, whose kernels are written by hand.

# %%
import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np

import numtorch as torch
from numtorch import primitive
from numtorch.errors import KernelError
from numtorch.kernels import math

_ = torch.manual_seed(0)


# %% [markdown]
# ## An op in five lines
#
# The *quick GELU*, $x\,\sigma(1.702\,x)$, is a smooth relu. Its scalar body is the formula:

# %%
@primitive(floats=True)
def quick_gelu(x):
    """x * sigmoid(1.702 x)"""
    return x * math.sigmoid(1.702 * x)


x = torch.linspace(-4, 4, 9)
quick_gelu(x)

# %% [markdown]
# That is a complete op. It takes any shape, any strides, every floating type, and integers, which it computes as
# `float32`, because `floats=True` says so:

# %%
print(quick_gelu(torch.ones(2, 3).T).shape, quick_gelu(torch.tensor([1, 2])).dtype)
print(quick_gelu(torch.ones(2, dtype=torch.bfloat16)), quick_gelu(torch.tensor(1.0, dtype=torch.float64)))

# %% [markdown]
# ## What runs
#
# Nothing is hidden. This is the loop that was generated and compiled for this call: the constants are `float32`, so
# nothing is widened behind your back. `sigmoid` is a polynomial that compiles into vector instructions.

# %%
print(torch.kernels.source(quick_gelu, x))

# %% [markdown]
# For operands that are not contiguous another loop is generated:

# %%
print(torch.kernels.source(quick_gelu, torch.ones(8, 8)[:, ::2]))

# %% [markdown]
# ## The same five lines on a GPU
#
# The scalar body is also the body of the CUDA kernel. You need no GPU to see it: Numba comes with a simulator that runs
# CUDA kernels thread by thread in Python. It must be switched on before anything is imported, so the op goes into a file and
# another process runs it. (It wants the package numba-cuda, which the extra `cuda` brings; without it the cell says so.)

# %%
folder = Path(tempfile.mkdtemp())
(folder / "gpu.py").write_text('''
import numtorch as torch
from numtorch import primitive
from numtorch.kernels import math

@primitive(floats=True)
def quick_gelu(x):
    return x * math.sigmoid(1.702 * x)

x = torch.linspace(-4, 4, 9)
on_gpu = quick_gelu(x.cuda())
print(on_gpu)
print("as on the CPU:", torch.allclose(on_gpu.cpu(), quick_gelu(x)))
print(torch.kernels.source(quick_gelu, x.cuda()))
''')
done = subprocess.run([sys.executable, folder / "gpu.py"], capture_output=True, text=True,
                      env=os.environ | {"NUMBA_ENABLE_CUDASIM": "1"})
print(done.stdout or done.stderr)
simulated = "as on the CPU: True" in done.stdout or importlib.util.find_spec("numba_cuda") is None


# %% [markdown]
# ## Its gradient
#
# With $s = \sigma(1.702\,x)$ the derivative is $s + 1.702\,x\,s\,(1 - s)$. You write it **in ops**, so it can be
# differentiated again. When no second derivative is wanted, it is traced once and becomes one fused kernel. Naming `x` as an
# argument says that `x` must be kept for the backward pass; `g` is the gradient that arrives.

# %%
@quick_gelu.vjp
def _(g, x):
    s = torch.sigmoid(1.702 * x)
    return g * (s + 1.702 * x * s * (1 - s))


x = torch.linspace(-4, 4, 200, requires_grad=True)
y = quick_gelu(x)
y.sum().backward()

fig, ax = plt.subplots(figsize=(5.5, 2.6))
ax.plot(x.detach().numpy(), y.detach().numpy(), label="quick GELU")
ax.plot(x.detach().numpy(), x.grad.numpy(), label="its gradient")
ax.legend()
plt.show()

# %% [markdown]
# Is it right? Differences in float64 say so, for the gradient and for the gradient of the gradient:

# %%
z = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
checked = torch.autograd.gradcheck(quick_gelu, (z,)) and torch.autograd.gradgradcheck(quick_gelu, (z,))
print(checked)


# %% [markdown]
# ## Against NumPy
#
# NumPy evaluates the formula one operation at a time: each reads a whole array and writes a whole array. The kernel does
# everything to an element while it is in a register, several elements at once, and on both cores if there is enough to do.

# %%
def fastest(fn, seconds=0.05):
    fn()
    best, until = np.inf, perf_counter() + seconds
    while perf_counter() < until:
        start = perf_counter()
        fn()
        best = min(best, perf_counter() - start)
    return best


def numpy_gelu(a):
    return a / (1 + np.exp(-1.702 * a))


def race(ours, theirs, sizes, make):
    rows = []
    for n in sizes:
        t = make(n)
        a = t.numpy()
        assert np.allclose(ours(t).numpy(), theirs(a), atol=1e-5)  # first the values, then the time
        rows.append((n, fastest(lambda t=t: ours(t)), fastest(lambda a=a: theirs(a))))
    return np.array(rows)


def picture(rows, label, xlabel):
    fig, (left, right) = plt.subplots(1, 2, figsize=(9, 2.8))
    left.loglog(rows[:, 0], rows[:, 1], "o-", label="numtorch")
    left.loglog(rows[:, 0], rows[:, 2], "o-", label="NumPy")
    left.set(xlabel=xlabel, ylabel="seconds", title=label)
    left.legend()
    right.semilogx(rows[:, 0], rows[:, 2] / rows[:, 1], "o-", color="#228833")
    right.axhline(1, color="grey", lw=0.8)
    right.set(xlabel=xlabel, ylabel="times as fast as NumPy")
    plt.tight_layout()
    plt.show()


sizes = [2**k for k in range(6, 23, 2)]
scalar_race = race(quick_gelu, numpy_gelu, sizes, torch.randn)
picture(scalar_race, "quick GELU", "elements")


# %% [markdown]
# ## An op on rows
#
# Not everything is elementwise. Scaling each row to length one, $y = x / \lVert x \rVert$, needs the whole row. First comes the
# **meaning**, written in ops. It is the definition, the fallback on any device, and what the kernels are tested against.

# %%
from numtorch.dispatch.op import op
from numtorch.dtype import FLOATS


@op
def unit(x, dim: int):
    """x / |x| along dim"""
    return x / torch.sqrt(torch.sum(x * x, dim, keepdim=True))


@unit.vjp
def _(g, x, *, dim):
    n = torch.sqrt(torch.sum(x * x, dim, keepdim=True))
    y = x / n
    return (g - y * torch.sum(g * y, dim, keepdim=True)) / n


rows = torch.randn(1000, 64)
reference = unit(rows, -1)
print(torch.kernels.explain(unit, rows, -1))


# %% [markdown]
# Then the **kernels**: loops over flat arrays, in plain Python. `layout="rows"` hands you contiguous memory whose rows are the
# op's `dim`, wherever that dimension was. The forward kernel gets the input, the result to fill, and the length of a row.
# Cutting the row out first is free, and tells the compiler that `j` runs over neighbours: the loops become vector loops.

# %%
@unit.kernel("cpu", dtypes=FLOATS, layout="rows")
def rows_forward(x, out, cols):
    for i in range(x.size // cols):
        row, target = x[i * cols : (i + 1) * cols], out[i * cols : (i + 1) * cols]
        total = x.dtype.type(0)
        for j in range(cols):
            total += row[j] * row[j]
        scale = x.dtype.type(1) / math.sqrt(total)
        for j in range(cols):
            target[j] = row[j] * scale


# %% [markdown]
# And the backward kernel, by hand: it gets the arriving gradient, what the vjp named, and the gradient to fill. Each row is
# read twice while it is in the first-level cache, instead of being written out between six separate ops.

# %%
@unit.backward.kernel("cpu", dtypes=FLOATS, layout="rows")
def rows_backward(g, x, gx, cols):
    for i in range(x.size // cols):
        here = slice(i * cols, (i + 1) * cols)
        row, given, target = x[here], g[here], gx[here]
        square = x.dtype.type(0)
        dot = x.dtype.type(0)
        for j in range(cols):
            square += row[j] * row[j]
            dot += given[j] * row[j]
        scale = x.dtype.type(1) / math.sqrt(square)
        along = dot / square
        for j in range(cols):
            target[j] = (given[j] - row[j] * along) * scale


print(torch.kernels.explain(unit, rows, -1))

# %% [markdown]
# The kernel is chosen now, because hand-written ones come before the body. Nothing else changed, and the meaning says
# whether it is right:

# %%
assert torch.allclose(unit(rows, -1), reference, atol=1e-6)
z = torch.randn(4, 5, dtype=torch.float64, requires_grad=True)
for dim in (0, 1):
    assert torch.autograd.gradcheck(lambda z, dim=dim: unit(z, dim), (z,))
    assert torch.autograd.gradgradcheck(lambda z, dim=dim: unit(z, dim), (z,))


def gradient_by(context):
    leaf = rows.clone().requires_grad_()
    with context:
        (unit(leaf, -1) * torch.arange(64.0)).sum().backward()
    return leaf.grad


from contextlib import nullcontext

by_kernel, by_meaning = gradient_by(nullcontext()), gradient_by(torch.kernels.bodies_only())
print("kernel against meaning:", (by_kernel - by_meaning).abs().max().item())
assert torch.allclose(by_kernel, by_meaning, atol=1e-4)

# %%
row_race = race(lambda t: unit(t, -1), lambda a: a / np.sqrt((a * a).sum(1, keepdims=True)),
                [2**k for k in range(3, 17)], lambda n: torch.randn(n, 64))
picture(row_race, "unit, rows of 64", "rows")

# %% [markdown]
# ## Stepping through it
#
# A kernel is a Python function, so you can run it as one. Call it with NumPy arrays, put a `print` or a breakpoint in it, or
# set `NUMBA_DISABLE_JIT=1` for the whole program and use your debugger. Below, every access that the kernel makes to one
# row of three numbers:

# %%
class Watched(np.ndarray):
    name = ""

    def __array_finalize__(self, parent):
        self.name = getattr(parent, "name", "")

    def __getitem__(self, i):
        value = super().__getitem__(i)
        if isinstance(i, slice):
            return value
        print(f"read  {self.name}[{i}] = {value:.3g}")
        return value

    def __setitem__(self, i, value):
        print(f"write {self.name}[{i}] = {value:.3g}")
        super().__setitem__(i, value)


def watched(name, values):
    a = np.array(values, np.float64).view(Watched)
    a.name = name
    return a


rows_forward(watched("x", [3.0, 0.0, 4.0]), watched("out", [0.0, 0.0, 0.0]), 3)

# %% [markdown]
# ## When you make a mistake
#
# A kernel that does not compile says which op and which line, not fifty lines of compiler:

# %%
@primitive(floats=True)
def broken(x):
    return x + math.sqrt("two")


try:
    broken(torch.ones(3))
except KernelError as e:
    print(f"{type(e).__name__}: {e}")


# %% [markdown]
# ## Exercises
#
# ### Exercise 1: softsign
#
# Write $x / (1 + |x|)$ as a primitive with its gradient $1 / (1 + |x|)^2$, and let both checks pass.

# %% [markdown]
# ### Exercise 2: two inputs
#
# An op may take several tensors; its vjp then returns a tuple. Write `hypotenuse(x, y)`, $\sqrt{x^2 + y^2}$, with its two
# gradients. Broadcasting comes for free: try a column with a row.

# %% [markdown]
# ### Exercise 3: a row kernel
#
# Write an op `centred(x, dim)` that subtracts the mean of each row: the meaning in ops, the vjp, and a CPU kernel in the
# `rows` layout. The kernel and the meaning must agree.

# %%
# Solution 1
@primitive(floats=True)
def my_softsign(x):
    """x / (1 + |x|)"""
    return x / (1 + math.abs(x))


@my_softsign.vjp
def _(g, x):
    return g / torch.square(1 + torch.abs(x))


z = torch.randn(5, dtype=torch.float64, requires_grad=True)
assert torch.autograd.gradcheck(my_softsign, (z,)) and torch.autograd.gradgradcheck(my_softsign, (z,))


# %%
# Solution 2
@primitive(floats=True)
def hypotenuse(x, y):
    """sqrt(x² + y²)"""
    return math.sqrt(x * x + y * y)


@hypotenuse.vjp
def _(g, x, y, *, out):
    return g * x / out, g * y / out


p, q = (torch.rand(*s, dtype=torch.float64) + 0.5 for s in ((3, 1), (1, 4)))
assert torch.autograd.gradcheck(hypotenuse, (p.requires_grad_(), q.requires_grad_()))
assert hypotenuse(torch.tensor(3.0), torch.tensor(4.0)).item() == 5.0 and hypotenuse(p, q).shape == (3, 4)


# %%
# Solution 3
@op
def centred(x, dim: int):
    """x minus its mean along dim"""
    return x - torch.mean(x, dim, keepdim=True)


@centred.vjp
def _(g, *, dim):
    return g - torch.mean(g, dim, keepdim=True)


meaning = centred(rows, -1)


@centred.kernel("cpu", dtypes=FLOATS, layout="rows")
def centred_rows(x, out, cols):
    for i in range(x.size // cols):
        row, target = x[i * cols : (i + 1) * cols], out[i * cols : (i + 1) * cols]
        total = x.dtype.type(0)
        for j in range(cols):
            total += row[j]
        mean = total / x.dtype.type(cols)
        for j in range(cols):
            target[j] = row[j] - mean


assert torch.allclose(centred(rows, -1), meaning, atol=1e-6)
z = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
assert torch.autograd.gradcheck(lambda z: centred(z, 1), (z,))

# %% [markdown]
# ## What you have seen
#
# A formula is an op; a vjp in ops makes it differentiable, twice; a kernel is a loop you can read, replace, and step
# through; the meaning tests the kernel. Next: [04_profiling_kernels](04_profiling_kernels.ipynb), which shows which kernel to
# write.

# %%
largest = scalar_race[-1]
print(f"quick GELU at {largest[0]:.0f} elements: {largest[2] / largest[1]:.1f} times as fast as NumPy;",
      f"unit rows: {row_race[-1, 2] / row_race[-1, 1]:.1f} times")
assert checked and simulated and torch.allclose(by_kernel, by_meaning, atol=1e-4)
