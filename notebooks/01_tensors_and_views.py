# %% [markdown]
# # Tensors and views
#
# A tensor is a block of numbers and a way of walking through it. This notebook shows what that means: how tensors are
# made, how they relate to NumPy's arrays and to PyTorch's habits, when two tensors share memory, and why a transpose
# costs nothing.
#
# You need Python and some NumPy. Everything runs on your machine, without a network.

# %%
import matplotlib.pyplot as plt
import numpy as np

import numtorch as torch

_ = torch.manual_seed(0)

# %% [markdown]
# ## Making tensors
#
# The names are PyTorch's. Floats become `float32`, integers `int64`; NumPy would have made the floats `float64`. Half the
# width means half the memory to move and twice the numbers per instruction, and for training it is precise enough.

# %%
a = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
a

# %%
print(a.shape, a.dtype, a.device)
print(np.array([[1.0, 2.0]]).dtype, "in NumPy,", torch.tensor([[1.0, 2.0]]).dtype, "here")

# %% [markdown]
# In a notebook a tensor shows its numbers on a scale from blue (negative) to red (positive). Larger ones become a heat
# map, so that you can look at a weight matrix as you would look at a picture.

# %%
torch.randn(64, 96).cumsum(1)

# %% [markdown]
# | NumPy | numtorch (as PyTorch) |
# |---|---|
# | `np.zeros((2, 3))` | `torch.zeros(2, 3)` |
# | `np.arange(6).reshape(2, 3)` | `torch.arange(6).reshape(2, 3)` |
# | `x.sum(axis=0, keepdims=True)` | `x.sum(dim=0, keepdim=True)` |
# | `x.astype(np.float32)` | `x.to(torch.float32)` or `x.float()` |
# | `np.concatenate([x, y])` | `torch.cat([x, y])` |
# | `x[None]`, `np.expand_dims(x, 0)` | `x[None]`, `x.unsqueeze(0)` |
# | `x.size` | `x.numel()`; `x.size()` is the shape |
#
# Broadcasting follows the same rule in all three: shapes are aligned at the right, and a dimension of size 1 stretches.

# %%
table = torch.arange(1, 10).unsqueeze(1) * torch.arange(1, 10)
print(table.shape, "from", tuple(torch.arange(1, 10).unsqueeze(1).shape), "and", (9,))
table

# %% [markdown]
# One habit differs from NumPy's: a Python number never widens a tensor, and neither does a tensor without dimensions.

# %%
half = torch.ones(3, dtype=torch.bfloat16)
print((half * 2.5).dtype, (torch.ones(3) * torch.tensor(2.0, dtype=torch.float64)).dtype)

# %% [markdown]
# ## One buffer, many tensors
#
# The numbers of a tensor lie in one flat buffer. The tensor adds three things: a **shape**, an **offset** (where it
# begins) and **strides** (how many elements to step for one step along each dimension). Element `[i, j]` lies at
#
# $$\text{offset} + i \cdot \text{stride}_0 + j \cdot \text{stride}_1 .$$

# %%
x = torch.arange(12).reshape(3, 4)
views = {
    "x": x,
    "x[1]": x[1],
    "x[:, 1:3]": x[:, 1:3],
    "x.T": x.T,
    "x[::2, ::3]": x[::2, ::3],
}
for name, v in views.items():
    print(f"{name:12} shape {tuple(v.shape)!s:8} strides {v.stride()!s:7} offset {v.storage_offset()}")


# %% [markdown]
# None of these copied anything. The picture shows which cells of the buffer each of them visits, and in which order: the
# number in a cell says when the walk gets there. `x.T` visits the same cells as `x`, in another order, and that is all a
# transpose is.

# %%
def visits(v):
    """Positions in the buffer that a tensor walks through, in its own order."""
    where = np.full(v.shape, v.storage_offset())
    for dim, step in enumerate(v.stride()):
        shape = [1] * len(v.shape)
        shape[dim] = v.shape[dim]
        where = where + (np.arange(v.shape[dim]) * step).reshape(shape)
    return where.reshape(-1)


def draw(views, size):
    fig, ax = plt.subplots(figsize=(8, 0.55 * len(views)))
    colours = plt.get_cmap("viridis")
    for row, (_name, v) in enumerate(views.items()):
        order = visits(v)
        for cell in range(size):
            ax.add_patch(plt.Rectangle((cell, -row), 0.94, -0.8, color="#eeeeee"))
        for step, cell in enumerate(order):
            ax.add_patch(plt.Rectangle((cell, -row), 0.94, -0.8, color=colours(0.25 + 0.7 * step / max(1, len(order) - 1))))
            ax.text(cell + 0.47, -row - 0.4, step, ha="center", va="center", fontsize=8)
    ax.set_yticks([-i - 0.4 for i in range(len(views))], list(views), family="monospace")
    ax.set_xticks(np.arange(size) + 0.47, np.arange(size))
    ax.set_xlabel("position in the buffer")
    ax.set(xlim=(0, size), ylim=(-len(views), 0.2))
    ax.spines[:].set_visible(False)
    plt.show()


draw(views, 12)

# %% [markdown]
# Because they share the buffer, writing through one is seen by all:

# %%
column = x[:, 1]
column.mul_(10)  # a trailing underscore: in place
x

# %% [markdown]
# ## With NumPy, too
#
# `torch.from_numpy(array)` and `tensor.numpy()` share memory as well: no copy in either direction. `torch.tensor(array)`
# always copies.

# %%
array = np.zeros(4, np.float32)
shared, copied = torch.from_numpy(array), torch.tensor(array)
array[2] = 7
print("shared:", shared.tolist(), " copied:", copied.tolist())
print(np.shares_memory(array, shared.numpy()), np.shares_memory(array, copied.numpy()))

# %% [markdown]
# ## When a view is impossible
#
# `view` promises not to copy. The elements of a transpose in row order are not evenly spaced in the buffer, so no strides
# describe them as one line, and `view` says so. `reshape` copies when it must; `contiguous` copies into a fresh buffer in
# the tensor's own order.

# %%
try:
    x.T.view(12)
except RuntimeError as e:
    print(e)
flat = x.T.reshape(12)
print(flat.tolist())
print("shares memory with x:", flat.data_ptr() == x.data_ptr(), " x.view(4, 3) does:", x.view(4, 3).data_ptr() == x.data_ptr())

# %% [markdown]
# ## What strides cost
#
# A kernel reads memory in lines of 64 bytes. Summing along rows uses each line whole; walking a large matrix by columns,
# one element at a time, uses 4 bytes of each. numtorch looks at the strides and picks a loop order to match, so both sums
# below cost about the same. A copy that has to exchange the two orders cannot be as cheap as one that keeps them.

# %%
from time import perf_counter


def seconds(fn, repeat=7):
    fn()
    times = []
    for _ in range(repeat):
        start = perf_counter()
        fn()
        times.append(perf_counter() - start)
    return sorted(times)[repeat // 2]


big = torch.randn(2048, 2048)
cases = {
    "big.sum(1)": lambda: big.sum(1),
    "big.sum(0)": lambda: big.sum(0),
    "big.clone()": lambda: big.clone(),
    "big.T.contiguous()": lambda: big.T.contiguous(),
    "big.T (a view)": lambda: big.T,
}
times = {name: seconds(fn) for name, fn in cases.items()}
fig, ax = plt.subplots(figsize=(7, 2.4))
ax.barh(list(times), [t / times["big.clone()"] for t in times.values()], color="#4477aa")
ax.set_xlabel("time, in units of one plain copy")
ax.invert_yaxis()
plt.show()

# %% [markdown]
# ## Fancy indexing copies
#
# Slices and single integers make views. Lists, integer tensors and masks pick elements that need not be evenly spaced, so
# they copy, exactly as in NumPy. Assigning through them works in place.

# %%
grid = torch.arange(20).reshape(4, 5)
picked = grid[[0, 2]]
picked.fill_(-1)
print("after writing to the picked rows:", grid[0].tolist())
grid[grid % 2 == 0] = 0
grid

# %% [markdown]
# ## Where a view of a view begins
#
# Views of views are views of the first buffer: strides multiply and offsets add up. The last tensor below was cut three
# times, and still knows where everything is.

# %%
cube = torch.arange(2 * 3 * 4).reshape(2, 3, 4)
cut = cube[1][1:, ::2].T
print(cut.shape, cut.stride(), cut.storage_offset())
assert visits(cut).tolist() == [16, 20, 18, 22]
assert cut.reshape(-1).tolist() == [16, 20, 18, 22]  # cube counts up, so each element is its own position

# %% [markdown]
# ## Exercises
#
# Try each before you read on; the solutions follow.
#
# ### Exercise 1: a window that slides
#
# Without copying, make a tensor of shape `(8, 3)` from `torch.arange(10)` whose row `i` is elements `i, i+1, i+2`. Hint:
# both strides are 1. `torch.Tensor.unfold` or `torch.as_strided` will do.

# %% [markdown]
# ### Exercise 2: a checkerboard
#
# Set every second element of an 8 × 8 tensor of zeros to 1, as on a chessboard, with two assignments to slices.

# %% [markdown]
# ### Exercise 3: which of these share memory?
#
# For `m = torch.zeros(4, 6)`: `m[1:3]`, `m.flatten()`, `m.T.flatten()`, `m[[1, 2]]`, `m.unsqueeze(0)`. Write down your
# guesses first.

# %%
# Solution 1
line = torch.arange(10)
window = torch.as_strided(line, (8, 3), (1, 1))
assert window.tolist() == [[i, i + 1, i + 2] for i in range(8)]
line[4] = 100
assert (window == 100).sum().item() == 3  # one write, seen three times: nothing was copied

# %%
# Solution 2
board = torch.zeros(8, 8)
board[::2, 1::2] = 1
board[1::2, ::2] = 1
assert board.sum().item() == 32 and torch.equal(board, (torch.arange(8).unsqueeze(1) + torch.arange(8)).remainder(2).float())
board

# %%
# Solution 3
m = torch.zeros(4, 6)
candidates = {"m[1:3]": m[1:3], "m.flatten()": m.flatten(), "m.T.flatten()": m.T.flatten(), "m[[1, 2]]": m[[1, 2]],
              "m.unsqueeze(0)": m.unsqueeze(0)}
m.fill_(1)  # whoever shares the buffer sees it
answer = {name: bool((t == 1).all()) for name, t in candidates.items()}
print(answer)
assert answer == {"m[1:3]": True, "m.flatten()": True, "m.T.flatten()": False, "m[[1, 2]]": False, "m.unsqueeze(0)": True}

# %% [markdown]
# ## What you have seen
#
# A tensor is a buffer plus shape, strides and offset. Slices, transposes, `view`, `expand` and `unsqueeze` make new
# tensors over the same buffer; indexing with lists or masks, `clone` and sometimes `reshape` copy. Next:
# [02_autograd](02_autograd.ipynb), where every one of these operations gets a gradient.

# %%
assert x[:, 1].tolist() == [10, 50, 90] and visits(x.T).tolist() == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]
print("All of it holds.")
