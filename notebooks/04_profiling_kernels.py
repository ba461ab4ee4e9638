# %% [markdown]
# # Profiling kernels: find what is slow, and see it become fast
#
# Below is a digit classifier that works and is needlessly slow, in three ways that happen to everybody. Instead of guessing,
# we measure: the table says where the time goes, the roofline says how far each kernel is from what this machine can do,
# `explain` says why. Each fix is one change, and after each the picture shows whether it helped.
#
# Figures in the text are ratios; the absolute times are those of the machine that last ran this notebook.

# %%
import matplotlib.pyplot as plt
import numpy as np

import numtorch as torch
import numtorch.nn as nn
from numtorch import profiler
from numtorch.dispatch.op import op
from numtorch.dtype import FLOATS
from numtorch.kernels import math
from numtorch.vision.datasets import Digits

_ = torch.manual_seed(0)

# %% [markdown]
# ## What this machine can do
#
# A kernel is limited by one of three things: the bytes it must move, the arithmetic it must do, or the cost of launching it at
# all. `machine()` measures these limits once, with kernels that do nothing else, and remembers them.

# %%
machine = profiler.machine()
print(machine)


# %% [markdown]
# ## A slow model
#
# It scales every image by its brightest pixel with an op of our own, applies two linear layers, and standardises the hidden units
# with a loop over columns, as one would write it down first. Look for the three mistakes before you read on.

# %%
@op
def peak(x, dim: int):
    """x / max |x| along dim"""
    return x / torch.amax(torch.abs(x), dim, keepdim=True)


@peak.vjp
def _(g, x, *, dim):
    m = torch.amax(torch.abs(x), dim, keepdim=True)
    top = (torch.abs(x) == m).to(x.dtype)
    ties = torch.sum(top, dim, keepdim=True)
    return (g - top * torch.sign(x) * torch.sum(g * x / m, dim, keepdim=True) / ties) / m


@peak.kernel("cpu", dtypes=FLOATS, layout="rows")
def by_if(x, out, cols):
    for i in range(x.size // cols):
        row, target = x[i * cols : (i + 1) * cols], out[i * cols : (i + 1) * cols]
        top = x.dtype.type(0)
        for j in range(cols):
            if abs(row[j]) > top:
                top = abs(row[j])
        for j in range(cols):
            target[j] = row[j] / top


def standardise_by_columns(h):
    columns = []
    for j in range(h.shape[1]):
        column = h[:, j]
        columns.append((column - column.mean()) / (column.var(unbiased=False) + 1e-5).sqrt())
    return torch.stack(columns, 1)


class Net(nn.Module):
    def __init__(self, standardise):
        super().__init__()
        self.standardise = standardise
        self.hidden = nn.Linear(64, 128)
        self.out = nn.Linear(128, 10)

    def forward(self, x):
        h = self.hidden(peak(x, -1))
        return self.out(torch.relu(self.standardise(h)))


# %%
digits = Digits(train=True)
pixels = np.array(digits.data.tolist()).reshape(len(digits), -1) / 16  # floats of NumPy's default width
labels = digits.targets
images = torch.from_numpy(pixels)


def trainer(standardise, images):
    torch.manual_seed(0)
    net = Net(standardise).to(images.dtype)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)

    def step():
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(images), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def profiled(step, steps=10):
    first = step()  # compiles
    with profiler.profile() as prof:
        for _ in range(steps):
            last = step()
    return prof, (first, last)


slow, slow_losses = profiled(trainer(standardise_by_columns, images))
print(f"loss {slow_losses[0]:.3f} -> {slow_losses[1]:.3f}; {slow.wall_ns / 1e6 / 10:.1f} ms a step")

# %% [markdown]
# It learns, so nobody would notice. Here is where the time goes: one row for each kernel and class of shapes, the costliest
# first. In the notebook you can click on a title to sort by it, and open the legend below the table.

# %%
slow


# %% [markdown]
# ## Where the time goes, in three words
#
# Before looking at single kernels, look at what *bounds* them. Summed over the rows:

# %%
def by_bound(prof):
    parts = dict.fromkeys(("Python", "dispatch", "memory", "compute"), 0.0)
    for row in prof.rows:
        part = "Python" if row.kind != "kernel" else row.bound or "dispatch"
        parts[part] += row.self_ns + row.load_ns + row.compile_ns
    return {name: ns / 1e6 / 10 for name, ns in parts.items()}


COLOURS = {"Python": "#999933", "dispatch": "#bbbbbb", "memory": "#4477aa", "compute": "#cc6677"}


def bars(profiles):
    fig, ax = plt.subplots(figsize=(8, 0.55 * len(profiles) + 0.8))
    for i, (_name, prof) in enumerate(profiles.items()):
        left = 0.0
        for part, ms in by_bound(prof).items():
            ax.barh(i, ms, left=left, color=COLOURS[part], label=part if i == 0 else None)
            left += ms
        ax.text(left, i, f"  {left:.2f} ms", va="center", fontsize=9)
    ax.set_yticks(range(len(profiles)), list(profiles))
    ax.invert_yaxis()
    ax.set_xlabel("milliseconds a step")
    ax.margins(x=0.12)
    ax.legend(fontsize=8, ncols=4, loc="lower right", bbox_to_anchor=(1, 1))
    plt.show()


stages = {"as written": slow}
bars(stages)

# %% [markdown]
# ## Fix 1: Python and dispatch
#
# Most of the time belongs to Python and to kernels too small to be worth their launch: the loop over 128 columns makes some
# thousand tiny ops a step. The table by op shows how many calls there are:

# %%
print(slow.table(group_by="op", row_limit=6))


# %% [markdown]
# The remedy is the oldest in array programming: work on the whole tensor. `batch_norm` is the very formula, in one kernel.

# %%
def standardise(h):
    return nn.functional.batch_norm(h, None, None, training=True, eps=1e-5)


stages["1 no loop"], losses_1 = profiled(trainer(standardise, images))
assert abs(losses_1[1] - slow_losses[1]) < 1e-6 * max(1.0, slow_losses[1])  # the same numbers
bars(stages)

# %% [markdown]
# ## Fix 2: twice the bytes
#
# Now kernels dominate, so look at them under the roofs of this machine. Each point is a kernel, its area its share of the
# time; the slanted lines are the bandwidths of the caches and of memory, the level ones the arithmetic limit of a type.

# %%
_ = stages["1 no loop"].roofline(most=8)

# %% [markdown]
# The dtype gives it away: everything runs in `float64`, whose arithmetic roof is half as high and whose elements are twice as
# wide. The cause is one line, far away: NumPy's floats are double, and `from_numpy` keeps what it is given.

# %%
columns = ("name", "dtype", "self_ns", "gbps", "gflops", "percent_of_roof", "bound")
print(stages["1 no loop"].table(columns=columns, row_limit=5))

# %%
stages["2 float32"], losses_2 = profiled(trainer(standardise, images.float()))
assert abs(losses_2[1] - slow_losses[1]) < 1e-2
bars(stages)

# %% [markdown]
# ## Fix 3: a loop that is not a vector loop
#
# One kernel is still far below its roof: our own.

# %%
ours = [row for row in stages["2 float32"].rows if row.op == "peak"]
print(f"{ours[0].kernel}: {ours[0].gbps:.1f} GB/s, {ours[0].percent_of_roof:.0f} % of its roof, bound by {ours[0].bound}")

# %%
single = images.float()
why = profiler.explain(peak, single, -1)
print(why)

# %% [markdown]
# `explain` has the verdict, with the line: the second loop became vector instructions, the first did not, because each step
# waits for the `if` of the step before. The maximum of two numbers is one instruction, though, and `math.maximum` says so.

# %%
@peak.kernel("cpu", dtypes=FLOATS, layout="rows", priority=torch.kernels.registry.Priority.OVERRIDE)
def by_maximum(x, out, cols):
    for i in range(x.size // cols):
        row, target = x[i * cols : (i + 1) * cols], out[i * cols : (i + 1) * cols]
        top = x.dtype.type(0)
        for j in range(cols):
            top = math.maximum(top, math.abs(row[j]))
        for j in range(cols):
            target[j] = row[j] / top


better = profiler.explain(peak, single, -1)
print(better)

# %%
stages["3 vector loop"], losses_3 = profiled(trainer(standardise, single))
assert abs(losses_3[1] - losses_2[1]) < 1e-3
bars(stages)

# %% [markdown]
# ## Did it help, or was it noise?
#
# `compare` puts two profiles side by side and uses the spread of the single calls to say which differences are real:

# %%
comparison = stages["2 float32"].compare(stages["3 vector loop"])
print(comparison.table(8))

# %% [markdown]
# And under the roof, at the end:

# %%
_ = stages["3 vector loop"].roofline(most=8)

# %% [markdown]
# ## One op, many sizes
#
# `benchmark` times one op over sizes, checks the values first, and says if the machine was too noisy to trust. Your own kernel
# needs one line:

# %%
def in_numpy(a, dim):
    return a / np.abs(a).max(dim, keepdims=True)


profiler.benchmark(peak, [(64, 64), (1024, 64), (16384, 64)], dim=-1, against={"numpy": in_numpy})

# %% [markdown]
# ## Exercises
#
# ### Exercise 1: what is left
#
# In the last profile, which part (Python, dispatch, memory, compute) takes the most time? What would a batch four times as
# large change?

# %% [markdown]
# ### Exercise 2: a module at a time
#
# Use `profiler.summary(net, images)` to find which layer has the most parameters and which the most operations.

# %%
# Solution 1
final = by_bound(stages["3 vector loop"])
print({name: f"{ms:.3f} ms" for name, ms in final.items()}, "-> most:", max(final, key=final.get))
assert sum(final.values()) > 0 and abs(sum(final.values()) * 1e7 / stages["3 vector loop"].wall_ns - 1) < 0.02

# %%
# Solution 2
report = profiler.summary(Net(standardise), single)
layers = [layer for layer in report.layers if layer.depth == 1]
most_parameters = max(layers, key=lambda layer: layer.parameters).name
most_operations = max(layers, key=lambda layer: layer.flops).name
print("parameters:", most_parameters, "  operations:", most_operations)
assert most_parameters == "hidden" and most_operations == "hidden"
report

# %% [markdown]
# ## What you have seen
#
# First ask what bounds the time: Python, launches, bytes or arithmetic. Only then look at a kernel, and hold it against its
# roof before you change it. `python -m numtorch.profiler your_script.py` does all of this for a script as it is.

# %%
before, after = stages["as written"].wall_ns, stages["3 vector loop"].wall_ns
print(f"the same model, the same numbers, in {after / before:.1%} of the time")
calls = {name: sum(r.calls for r in prof.rows if r.kind == "kernel") for name, prof in stages.items()}
assert calls["1 no loop"] < calls["as written"] / 20
dtypes = {name: {r.dtype for r in prof.rows if r.op == "linear"} for name, prof in stages.items()}
assert dtypes["1 no loop"] == {"float64"} and dtypes["2 float32"] == {"float32"}
assert "not vectorised" in str(why) and "not vectorised" not in str(better)
