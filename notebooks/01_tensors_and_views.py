# %% [markdown]
# # Tensors and views
#
# A tensor is a block of numbers in memory, and a rule that says in which order to read them. This notebook shows how tensors are
# made, how they differ from NumPy's arrays, when two tensors share memory, and why a transpose copies nothing.
#
# You need to know Python and some NumPy. You need no network.

# %%
import matplotlib.pyplot as plt
import numpy as np

import numtorch as torch

_ = torch.manual_seed(0)

# %% [markdown]
# ## Making tensors
#
# The names are PyTorch's. Floats become `float32` and integers `int64`. NumPy makes floats `float64`. A `float32` takes half the
# memory of a `float64`, and is precise enough for training.

# %%
a = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
a

# %%
print(a.shape, a.dtype, a.device)
print(np.array([[1.0, 2.0]]).dtype, "in NumPy,", torch.tensor([[1.0, 2.0]]).dtype, "here")

# %% [markdown]
# A notebook shows a small tensor as numbers on coloured squares, from blue (negative) to red (positive). A larger tensor becomes a
# picture of at most 32 × 32 squares, taken at even distances, so that you can see patterns in a weight matrix.

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
# Broadcasting follows NumPy's rule: shapes are aligned at the right, and a dimension of size 1 is repeated as often as needed.

# %%
column, row = torch.arange(1, 9).unsqueeze(1), torch.arange(1, 9)
print(tuple(column.shape), "and", tuple(row.shape), "give", tuple((column * row).shape))
column * row

# %% [markdown]
# One rule differs from NumPy's. A tensor without dimensions does not change the type of a `float32` tensor that it is multiplied
# with. In NumPy 2 a `float64` number does.

# %%
here = torch.ones(3) * torch.tensor(2.0, dtype=torch.float64)
there = np.ones(3, np.float32) * np.float64(2.0)
print("numtorch:", here.dtype, "  NumPy:", there.dtype)
assert here.dtype == torch.float32 and (there.dtype == np.float64 or np.__version__ < "2")

# %% [markdown]
# ## One buffer, many tensors
#
# The numbers of a tensor lie in one flat buffer. The tensor adds three things: a **shape**, an **offset**, which is the position of
# the first element, and **strides**. The stride of a dimension is the distance in the buffer between an element and the next one
# along that dimension. Element `[i, j]` lies at position
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
print("view         shape  strides offset")
for name, v in views.items():
    print(f"{name:12} {tuple(v.shape)!s:6} {v.stride()!s:7} {v.storage_offset()}")


# %% [markdown]
# None of these copied anything. Each line of the picture is the same buffer, seen by one of the tensors. The number in a cell says
# when the tensor comes to it: 0 is its first element. Grey cells do not belong to the tensor. `x.T` has the same cells as `x`, in
# another order. That is all a transpose is.

# %%
def visits(v):
    """The positions of a tensor's elements in the buffer, in the tensor's own order."""
    where = np.full(v.shape, v.storage_offset())
    for dim, step in enumerate(v.stride()):
        shape = [1] * len(v.shape)
        shape[dim] = v.shape[dim]
        where = where + (np.arange(v.shape[dim]) * step).reshape(shape)
    return where.reshape(-1)


def draw(views, size):
    fig, ax = plt.subplots(figsize=(6, 0.5 * len(views)), layout="constrained")
    colours = plt.get_cmap("viridis")
    for row, (_name, v) in enumerate(views.items()):
        order = visits(v)
        for cell in range(size):
            ax.add_patch(plt.Rectangle((cell, -row), 0.94, -0.8, color="#eeeeee"))
        for step, cell in enumerate(order):
            ax.add_patch(plt.Rectangle((cell, -row), 0.94, -0.8, color=colours(0.45 + 0.5 * step / max(1, len(order) - 1))))
            ax.text(cell + 0.47, -row - 0.4, step, ha="center", va="center", fontsize=9)
    ax.set_yticks([-i - 0.4 for i in range(len(views))], list(views), family="monospace")
    ax.set_xticks(np.arange(size) + 0.47, np.arange(size))
    ax.set_xlabel("position in the buffer")
    ax.set(xlim=(0, size), ylim=(-len(views), 0.2))
    ax.spines[:].set_visible(False)
    plt.show()


draw(views, 12)

# %% [markdown]
# All of them share the buffer, so a change made through one of them is a change of all:

# %%
second_column = x[:, 1]
second_column.mul_(10)  # a name that ends in an underscore changes the tensor in place
assert x.T[1].tolist() == second_column.tolist() == [10, 50, 90]
x

# %% [markdown]
# ## Sharing memory with NumPy
#
# `torch.from_numpy(array)` makes a tensor over the array's memory, and `tensor.numpy()` an array over the tensor's. Neither copies.
# `torch.tensor(array)` always copies.

# %%
array = np.zeros(4, np.float32)
shared, copied = torch.from_numpy(array), torch.tensor(array)
array[2] = 7
print("shared:", shared.tolist())
print("copied:", copied.tolist())
assert np.shares_memory(array, shared.numpy()) and not np.shares_memory(array, copied.numpy())

# %% [markdown]
# ## When a view is impossible
#
# `view` never copies. It changes shape and strides, and raises an error where no strides can describe the new shape. That is so
# below: the elements of `x.T`, read row by row, are not evenly spaced in the buffer. `reshape` makes a view if it can, and a copy if
# it cannot. `contiguous` copies the elements into a new buffer, in the tensor's own order, unless they lie in that order already.

# %%
try:
    x.T.view(12)
except RuntimeError as e:
    print(e)
flat = x.T.reshape(12)
print(flat.tolist())
assert flat.data_ptr() != x.data_ptr()  # a copy
assert x.view(4, 3).data_ptr() == x.data_ptr()  # a view

# %% [markdown]
# ## What strides cost
#
# A processor reads memory in *cache lines* of 64 bytes, which hold 16 numbers of type `float32`. Both copies below copy a sixteenth
# of a large matrix. The first takes the first 128 of the 2,048 rows, and needs every number of each line that it reads. The second
# takes every sixteenth column, and needs one number of each line: it has to read the whole matrix. A transpose, which is a view,
# reads none of it.

# %%
from time import perf_counter


def fastest(cases, turns=15):
    """Seconds of the fastest call of each case. The cases take turns, so that a busy machine slows all of them alike."""
    best = dict.fromkeys(cases, float("inf"))
    for _ in range(turns):
        for name, fn in cases.items():
            start = perf_counter()
            fn()
            best[name] = min(best[name], perf_counter() - start)
    return best


big = torch.randn(2048, 2048)
times = fastest({
    "128 rows, copied": lambda: big[:128].clone(),
    "128 columns, copied": lambda: big[:, ::16].clone(),
    "the transpose, a view": lambda: big.T,
})
microseconds = [1e6 * t for t in times.values()]
fig, ax = plt.subplots(figsize=(6, 1.7), layout="constrained")
bars = ax.barh(list(times), microseconds, color="#4477aa")
ax.bar_label(bars, [f" {t:,.0f} µs" for t in microseconds])
ax.set_xlabel("microseconds")
ax.margins(x=0.2)
ax.invert_yaxis()
plt.show()
by_rows, by_columns, transpose = microseconds
print(f"copying the columns takes {by_columns / by_rows:.1f} times as long as copying the rows")
assert big[:128].numel() == big[:, ::16].numel()  # the same amount
assert by_columns > 1.5 * by_rows and by_rows > 2 * transpose

# %% [markdown]
# ## Indexing with lists and masks copies
#
# An index of slices and single integers makes a view. Lists, integer tensors and masks may pick any elements, evenly spaced or not,
# so the result is a copy, as in NumPy. To assign to such an index still changes the tensor itself.

# %%
grid = torch.arange(20).reshape(4, 5)
picked = grid[[0, 2]]
picked.fill_(-1)
print("the first row after the copy was changed:", grid[0].tolist())
grid[grid % 2 == 0] = 0  # this assigns to the elements of grid that are even
grid

# %% [markdown]
# ## Views of views
#
# A view of a view is a view of the first buffer. Its offset is the sum of the offsets of the steps, and a slice with a step
# multiplies a stride. The last tensor below was made in three steps, and its strides still give the right positions.

# %%
cube = torch.arange(2 * 3 * 4).reshape(2, 3, 4)
cut = cube[1][1:, ::2].T
print(cut.shape, cut.stride(), cut.storage_offset())
assert visits(cut).tolist() == [16, 20, 18, 22]
assert cut.reshape(-1).tolist() == [16, 20, 18, 22]  # cube counts up, so each element is its own position

# %% [markdown]
# ## Exercises
#
# Under each exercise is a solution. Click on it to open it, and copy it into a cell to run it.
#
# ### Exercise 1: a window that slides
#
# Make a view of `torch.arange(10)` with shape `(8, 3)`, whose row `i` holds the elements `i`, `i + 1` and `i + 2`. Hint: both
# strides are 1. Use `torch.as_strided`, or the method `unfold`.

# %%
# Solution 1
line = torch.arange(10)
window = torch.as_strided(line, (8, 3), (1, 1))
assert window.tolist() == [[i, i + 1, i + 2] for i in range(8)]
line[4] = 100
assert (window == 100).sum().item() == 3  # one write, seen three times: nothing was copied

# %% [markdown]
# ### Exercise 2: a checkerboard
#
# Set every second element of an 8 × 8 tensor of zeros to 1, as on a chessboard, with two assignments to slices.

# %%
# Solution 2
board = torch.zeros(8, 8)
board[::2, 1::2] = 1
board[1::2, ::2] = 1
assert board.sum().item() == 32
assert torch.equal(board, (torch.arange(8).unsqueeze(1) + torch.arange(8)).remainder(2).float())
print(board)

# %% [markdown]
# ### Exercise 3: which of these share memory?
#
# Let `m = torch.zeros(4, 6)`. Which of these share its memory: `m[1:3]`, `m.flatten()`, `m.T.flatten()`, `m[[1, 2]]`,
# `m.unsqueeze(0)`? Guess first, then find out.

# %%
# Solution 3
m = torch.zeros(4, 6)
candidates = {"m[1:3]": m[1:3], "m.flatten()": m.flatten(), "m.T.flatten()": m.T.flatten(), "m[[1, 2]]": m[[1, 2]],
              "m.unsqueeze(0)": m.unsqueeze(0)}
m.fill_(1)  # tensors that share the buffer change with it
answer = {name: bool((t == 1).all()) for name, t in candidates.items()}
for name, shares in answer.items():
    print(name, "shares memory" if shares else "is a copy")
assert answer == {"m[1:3]": True, "m.flatten()": True, "m.T.flatten()": False, "m[[1, 2]]": False, "m.unsqueeze(0)": True}

# %% [markdown]
# ## What you have seen
#
# A tensor is a buffer with a shape, strides and an offset. Slices, transposes, `view`, `expand` and `unsqueeze` make new tensors over
# the same buffer. Indexing with lists or masks and `clone` copy, and so does `reshape` where it must.
#
# Next: [02_autograd](02_autograd.ipynb) shows how gradients are computed.

# %%
assert x[:, 1].tolist() == [10, 50, 90] and visits(x.T).tolist() == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]
print("All checks pass.")
