# %% [markdown]
# # Write your own kernel
#
# In most frameworks you write an op of your own in C++ or CUDA, and need a compiler and a build. Here an op is a Python function of
# a few lines. You write the formula for one element. The loops for every layout in memory, on the CPU and on the GPU, are generated
# from it, and are compiled when they are first used.
#
# This notebook makes an op, looks at its code, gives it a gradient, checks the gradient, and compares its speed with NumPy's. Then it
# makes an op that works on whole rows. Its kernels are written by hand.

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
from numtorch import display, primitive, profiler
from numtorch.errors import KernelError
from numtorch.kernels import math

_ = torch.manual_seed(0)


# %% [markdown]
# ## An op in a few lines
#
# The *quick GELU*, $x\,\sigma(1.702\,x)$, is a smooth variant of relu. The function holds its formula for one number, which is called
# its *scalar body*:

# %%
@primitive(floats=True)
def quick_gelu(x):
    """x * sigmoid(1.702 x)"""
    return x * math.sigmoid(1.702 * x)


x = torch.linspace(-4, 4, 9)
quick_gelu(x)

# %% [markdown]
# This is a complete op. It takes tensors of any shape, any strides and any floating type. Because of `floats=True` it takes integers
# too, and computes with them as `float32`:

# %%
print(quick_gelu(torch.ones(2, 3).T).shape, quick_gelu(torch.tensor([1, 2])).dtype)
print(quick_gelu(torch.ones(2, dtype=torch.bfloat16)))
print(quick_gelu(torch.tensor(1.0, dtype=torch.float64)))

# %% [markdown]
# ## The loop that runs
#
# This is the loop that was generated and compiled for this call. The constant is a `float32` as the elements are, so that nothing is
# computed in `float64`.

# %%
torch.kernels.source(quick_gelu, x)

# %% [markdown]
# Vector instructions compute several elements at once. `explain` shows which loops were compiled to vector instructions, and for how
# many elements:

# %%
why = profiler.explain(quick_gelu, torch.randn(100_000))
print(*why.vectorization)
assert "vectorised at" in str(why) and "not vectorised" not in str(why)

# %% [markdown]
# For operands that are not contiguous, another loop is generated, which steps through memory by strides:

# %%
torch.kernels.source(quick_gelu, torch.ones(8, 8)[:, ::2])

# %% [markdown]
# ## The same op on a GPU
#
# The CUDA kernel is generated from the same scalar body. You need no GPU to try it: Numba has a simulator that runs CUDA kernels in
# Python. The simulator must be switched on before numtorch is imported, so the op is written to a file, and another Python process
# runs it. The simulator is part of the package numba-cuda, which `pip install -e ".[cuda]"` installs. Without it the cell prints
# an error.

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
print("as on the CPU:", torch.allclose(on_gpu.cpu(), quick_gelu(x)), "\\n")
print(torch.kernels.source(quick_gelu, x.cuda()))
''')
done = subprocess.run([sys.executable, folder / "gpu.py"], capture_output=True, text=True,
                      env=os.environ | {"NUMBA_ENABLE_CUDASIM": "1"})
simulated = "as on the CPU: True" in done.stdout or importlib.util.find_spec("numba_cuda") is None
display.Text(done.stdout or done.stderr)


# %% [markdown]
# ## Its gradient
#
# With $s = \sigma(1.702\,x)$ the derivative is $s + 1.702\,x\,s\,(1 - s)$. The function below, which is called the *vjp* of the op
# (vector-Jacobian product), multiplies it by `g`, the gradient of the result. Because `x` is one of its arguments, `x` is kept for the
# backward pass. The vjp is written **in ops**, so that it can be differentiated again. If no second derivative is needed, its ops are
# compiled into one kernel.
#
# `gradcheck` and `gradgradcheck` compare the first and the second derivative with quotients of differences.

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

z = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
checked = torch.autograd.gradcheck(quick_gelu, (z,)) and torch.autograd.gradgradcheck(quick_gelu, (z,))
print("both derivatives are right:", checked)


# %% [markdown]
# ## Compared with NumPy
#
# NumPy evaluates the formula one operation at a time, and each operation reads and writes a whole array. The kernel reads each element
# once, computes the whole formula, and writes the result once. For large arrays it also uses several threads. The charts show how long
# both take, and how many times as fast the kernel is. For the largest array it is clearly faster.

# %%
def fastest(*functions, seconds=0.1):
    """Seconds of the fastest call of each function. They take turns, so that a busy machine slows all of them alike."""
    best = [np.inf] * len(functions)
    for fn in functions:
        fn()
    until = perf_counter() + seconds
    while perf_counter() < until:
        for i, fn in enumerate(functions):
            start = perf_counter()
            fn()
            best[i] = min(best[i], perf_counter() - start)
    return best


def numpy_gelu(a):
    return a / (1 + np.exp(-1.702 * a))


def race(ours, theirs, sizes, make):
    rows = []
    for n in sizes:
        t = make(n)
        a = t.numpy()
        assert np.allclose(ours(t).numpy(), theirs(a), atol=1e-5)  # first the values, then the time
        rows.append((n, *fastest(lambda t=t: ours(t), lambda a=a: theirs(a))))
    return np.array(rows)


def picture(rows, label, xlabel):
    fig, (upper, lower) = plt.subplots(2, 1, figsize=(5.5, 4.4), sharex=True)
    upper.loglog(rows[:, 0], rows[:, 1], "o-", label="numtorch")
    upper.loglog(rows[:, 0], rows[:, 2], "o-", label="NumPy")
    upper.set(ylabel="seconds", title=label)
    upper.legend()
    lower.semilogx(rows[:, 0], rows[:, 2] / rows[:, 1], "o-", color="#228833")
    lower.axhline(1, color="grey", lw=0.8)
    lower.set(xlabel=xlabel, ylabel="times as fast\nas NumPy", ylim=(0, None))
    plt.tight_layout()
    plt.show()


sizes = [2**k for k in range(6, 21, 2)]
scalar_race = race(quick_gelu, numpy_gelu, sizes, torch.randn)
picture(scalar_race, "quick GELU", "elements")
largest, ours, theirs = scalar_race[-1]
print(f"{largest:,.0f} elements: {theirs / ours:.1f} times as fast as NumPy")
assert theirs > 1.2 * ours


# %% [markdown]
# ## An op on rows
#
# Some ops need more than one element at a time. Scaling each row to length one, $y = x / \lVert x \rVert$, needs the whole row. First
# comes the **meaning** of the op: its definition, written in other ops. It runs where no kernel fits, and the kernels are tested
# against it.

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
torch.kernels.explain(unit, rows, -1)


# %% [markdown]
# Then come the **kernels**: loops over flat arrays, in plain Python. With `layout="rows"` a kernel receives the elements with the
# dimension `dim` last, in contiguous memory. Its arguments are the input, the result to fill, and the length of a row. The kernel
# makes a slice for each row first. This tells the compiler that the elements of a row lie next to each other, so that it can use
# vector instructions.

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
# The kernel of the gradient is written by hand too. Its arguments are the gradient of the result, the arguments of the vjp, and the
# gradient to fill. `explain` now names the kernel that runs, and says that its loops were compiled to vector instructions:

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


why = profiler.explain(unit, rows, -1)
assert why.chosen == "unit/cpu/rows_forward" and "not vectorised" not in str(why)
why

# %% [markdown]
# A kernel written by hand is preferred to the meaning. The meaning is still there, and is used to test the kernels:

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
print(f"largest difference between kernel and meaning: {(by_kernel - by_meaning).abs().max().item():.1e}")
assert torch.allclose(by_kernel, by_meaning, atol=1e-4)

# %% [markdown]
# Its speed is compared with NumPy's in the same way. For the largest matrix it is clearly faster.

# %%
row_race = race(lambda t: unit(t, -1), lambda a: a / np.sqrt((a * a).sum(1, keepdims=True)),
                [2**k for k in range(3, 15)], lambda n: torch.randn(n, 64))
picture(row_race, "unit, rows of 64", "rows")
largest, ours, theirs = row_race[-1]
print(f"{largest:,.0f} rows: {theirs / ours:.1f} times as fast as NumPy")
assert theirs > 1.2 * ours

# %% [markdown]
# ## Stepping through it
#
# A kernel is a Python function, so you can call it with NumPy arrays, and put a `print` or a breakpoint in it. If you set the
# environment variable `NUMBA_DISABLE_JIT=1`, all kernels of a program run as plain Python, and you can use a debugger. The cell below
# prints each access of the kernel to a row of three numbers:

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
# If a kernel does not compile, the error names the op, the place where it is defined, and the statement that does not compile:

# %%
@primitive(floats=True)
def broken(x):
    return x + math.sqrt("two")


try:
    broken(torch.ones(3))
except KernelError as e:
    message = str(e)
    print(f"{type(e).__name__}: {message}")
assert "broken" in message and "sqrt" in message


# %% [markdown]
# ## Exercises
#
# Under each exercise is a solution. Click on it to open it, and copy it into a cell to run it.
#
# ### Exercise 1: softsign
#
# Write $x / (1 + |x|)$ as a primitive with its gradient $1 / (1 + |x|)^2$. It must pass `gradcheck` and `gradgradcheck`.

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


# %% [markdown]
# ### Exercise 2: two inputs
#
# An op may take several tensors. Its vjp then returns a tuple with a gradient for each. Write `hypotenuse(x, y)`, which is
# $\sqrt{x^2 + y^2}$, with its two gradients. It broadcasts without further work: call it with a column and a row.

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


# %% [markdown]
# ### Exercise 3: a row kernel
#
# Write an op `centred(x, dim)` that subtracts from each row its mean. Write its meaning in ops, its vjp, and a CPU kernel with the
# layout `rows`. The kernel and the meaning must agree.

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
# A formula for one element is an op. A vjp, written in ops, makes it differentiable any number of times. A kernel is a loop that you
# can read, replace and step through. The meaning of an op tests its kernels.
#
# Next: [04_profiling_kernels](04_profiling_kernels.ipynb) shows how to find out which kernel is worth writing.

# %%
assert checked and simulated and torch.allclose(by_kernel, by_meaning, atol=1e-4)
print("All checks pass.")
