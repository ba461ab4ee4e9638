# %% [markdown]
# # Profiling kernels: find what is slow, and make it fast
#
# The digit classifier below works, but it is slow for three common reasons. This notebook finds them by measuring. A table shows
# where the time goes, the roofline shows how far each kernel is from the limits of this machine, and `explain` shows why. Then each
# reason is removed, and a picture shows what that gained.
#
# The times are those of the machine that last ran this notebook. On yours they differ. The cells check the comparisons.

# %%
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np

import numtorch as torch
import numtorch.nn as nn
from numtorch import profiler
from numtorch.dispatch.op import op
from numtorch.dtype import FLOATS
from numtorch.vision.datasets import Digits

_ = torch.manual_seed(0)

# %% [markdown]
# ## The limits of this machine
#
# Three things can limit a kernel: the bytes that it must move, the arithmetic that it must do, and the time that it takes to start a
# kernel at all. `machine()` measures these limits once, and saves them for later runs.

# %%
machine = profiler.machine()
machine


# %% [markdown]
# ## A slow model
#
# The model subtracts from each image its mean, with an op of our own named `centre`. Two linear layers follow. Between them the hidden
# units are standardised, by a loop over their columns. The pixels come from NumPy. Can you see what is slow?

# %%
@op
def centre(x, dim: int):
    """x minus its mean along dim"""
    return x - torch.mean(x, dim, keepdim=True)


@centre.vjp
def _(g, *, dim):
    return g - torch.mean(g, dim, keepdim=True)


@centre.kernel("cpu", dtypes=FLOATS, layout="rows")
def by_running_mean(x, out, cols):
    for i in range(x.size // cols):
        row, target = x[i * cols : (i + 1) * cols], out[i * cols : (i + 1) * cols]
        mean = x.dtype.type(0)
        for j in range(cols):
            mean += (row[j] - mean) / x.dtype.type(j + 1)
        for j in range(cols):
            target[j] = row[j] - mean


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
        h = self.hidden(centre(x, -1))
        return self.out(torch.relu(self.standardise(h)))


# %%
STEPS = 10
digits = Digits(train=True)
pixels = np.array(digits.data.tolist()).reshape(len(digits), -1) / 16
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


def profiled(step):
    first = step()  # compiles
    with profiler.profile() as prof:
        for _ in range(STEPS):
            last = step()
    return prof, (first, last)


slow, slow_losses = profiled(trainer(standardise_by_columns, images))
print(f"loss {slow_losses[0]:.3f} -> {slow_losses[1]:.3f}; {slow.wall_ns / 1e6 / STEPS:.1f} ms a step")
assert slow_losses[1] < slow_losses[0] / 2

# %% [markdown]
# The loss falls, so the model learns. The profile below has one row for each kernel. The row that took the longest comes first. In the
# notebook you can click on the title of a column to sort by it, and open the explanation of the columns under the table.

# %%
slow


# %% [markdown]
# ## What limits the kernels
#
# The picture shows how much of a step was spent in Python, in kernels of each kind of limit, and in other things, such as the profiler
# itself. *Dispatch* stands for kernels that do so little that starting them takes the longest.

# %%
COLOURS = {"Python": "#999933", "dispatch": "#bbbbbb", "memory": "#4477aa", "arithmetic": "#cc6677", "other": "#dddddd"}
NAMES = {"dispatch": "dispatch", "memory": "memory", "compute": "arithmetic", "": "dispatch"}


def by_limit(prof):
    """Milliseconds of a step by what limited them."""
    parts = dict.fromkeys(COLOURS, 0.0)
    for row in prof.rows:
        part = NAMES[row.bound] if row.kind == "kernel" else "Python" if row.kind == "python" else "other"
        parts[part] += ((0 if row.thread else row.self_ns) + row.load_ns + row.compile_ns) / 1e6 / STEPS
    return parts


def bars(profiles):
    fig, ax = plt.subplots(figsize=(6, 0.5 * len(profiles) + 1.2), layout="constrained")
    for i, prof in enumerate(profiles.values()):
        left = 0.0
        for part, ms in by_limit(prof).items():
            ax.barh(i, ms, left=left, color=COLOURS[part], label=part if i == 0 else None)
            left += ms
        ax.text(left, i, f"  {left:.1f} ms", va="center")
    ax.set_yticks(range(len(profiles)), list(profiles))
    ax.invert_yaxis()
    ax.set_xlabel("milliseconds a step")
    ax.set_xlim(0, 1.25 * max(sum(by_limit(prof).values()) for prof in profiles.values()))
    fig.legend(ncols=5, loc="outside upper center", fontsize=9, columnspacing=1, handlelength=1)
    plt.show()


stages = {"as written": slow}
bars(stages)

# %% [markdown]
# ## Fix 1: no loop over columns
#
# The loop over 128 columns calls thousands of small kernels in each step. Every call takes time in Python and in dispatch, however
# little the kernel has to do, and a kernel of one column has little to do. The table by op shows how many calls there are:

# %%
def moved(prof):
    return sum(row.bytes for row in prof.rows if row.kind == "kernel")


def calls(prof):
    return sum(row.calls for row in prof.rows if row.kind == "kernel") / STEPS


print(f"{calls(slow):,.0f} kernels a step, which move {moved(slow) / calls(slow) / STEPS / 1000:.1f} kB each")
assert calls(slow) > 2000
slow.table(group_by="op", row_limit=6)


# %% [markdown]
# The fix is to compute with the whole matrix at once. `batch_norm` has the same formula, and is one kernel.

# %%
def standardise(h):
    return nn.functional.batch_norm(h, None, None, training=True, eps=1e-5)


stages["no loop"], losses_1 = profiled(trainer(standardise, images))
bars(stages)
print(f"{calls(stages['no loop']):,.0f} kernels a step")
print(f"a step takes {stages['no loop'].wall_ns / slow.wall_ns:.0%} of the time it took")
assert abs(losses_1[1] - slow_losses[1]) < 1e-6 * max(1.0, slow_losses[1])  # the same numbers
assert calls(stages["no loop"]) < calls(slow) / 20
assert stages["no loop"].wall_ns < slow.wall_ns / 2

# %% [markdown]
# ## Fix 2: half the bytes
#
# The roofline shows the kernels that are left, and the limits of this machine. Each point is a kernel. Its area is its share of the
# time. A slanted line is the speed of a cache or of the memory. A level line is the most arithmetic that can be done with a dtype. The
# nearer a point is to the lines above it, the better the kernel uses the machine.

# %%
_ = stages["no loop"].roofline(most=8)

# %% [markdown]
# The table shows that all of these kernels compute with `float64`:

# %%
columns = ("name", "dtype", "self_ns", "gbps", "gflops", "percent_of_roof", "bound")
stages["no loop"].table(columns=columns, row_limit=8)

# %% [markdown]
# NumPy's floats are `float64` unless you say otherwise, and `from_numpy` keeps their type. A `float64` has twice as many bytes as a
# `float32`, and this machine does less arithmetic with it. The call `images.float()` makes the pixels `float32`.
#
# To see what this gains, steps of both kinds take turns, and the fastest of each counts. In this way other programs on the machine
# disturb the comparison less. The steps with `float32` take less time.

# %%
stages["float32"], losses_2 = profiled(trainer(standardise, images.float()))
part = moved(stages["float32"]) / moved(stages["no loop"])
print(f"with float32 a step moves {part:.0%} of the bytes")
dtypes = {name: {row.dtype for row in prof.rows if row.kind == "kernel"} for name, prof in stages.items()}
assert dtypes["no loop"] == {"float64"} and dtypes["float32"] == {"float32"}
assert abs(losses_2[1] - slow_losses[1]) < 1e-2 and part < 0.55
if machine.rate("float64") > 0.8 * machine.rate("float32"):  # another program took the processor while this was measured
    machine = profiler.machine(refresh=True)
assert machine.rate("float64") < 0.8 * machine.rate("float32")


def fastest(cases, turns=40):
    """Milliseconds of the fastest call of each case; the cases take turns."""
    best = dict.fromkeys(cases, float("inf"))
    for _ in range(turns):
        for name, fn in cases.items():
            start = perf_counter()
            fn()
            best[name] = min(best[name], 1e3 * (perf_counter() - start))
    return best


def picture(times, label):
    fig, ax = plt.subplots(figsize=(6, 0.4 * len(times) + 0.8), layout="constrained")
    drawn = ax.barh(list(times), times.values(), color="#4477aa")
    ax.bar_label(drawn, [f" {ms:.3g} ms" for ms in times.values()])
    ax.set_xlabel(label)
    ax.margins(x=0.2)
    ax.invert_yaxis()
    plt.show()


times = fastest({"float64": trainer(standardise, images), "float32": trainer(standardise, images.float())})
picture(times, "milliseconds a step")
assert times["float32"] < times["float64"] / 1.1

# %% [markdown]
# `compare` puts two profiles side by side, kernel by kernel. A verdict of *faster* or *slower* means that the difference is larger
# than the variation between single calls, and larger than what other programs on the machine explain. If the machine was busy, many
# verdicts are *no difference*: the profiles alone do not prove one.

# %%
stages["no loop"].compare(stages["float32"]).table(8)

# %% [markdown]
# ## Fix 3: a loop of vector instructions
#
# Our own kernel is far below its roof, and `explain` says why:

# %%
single = images.float()
(ours,) = [row for row in stages["float32"].key_averages() if row.op == "centre"]
print(f"{ours.kernel} moves {ours.gbps:.1f} GB/s, {ours.percent_of_roof:.0f} % of its roof")
assert ours.percent_of_roof is not None and ours.percent_of_roof < 30
why = profiler.explain(centre, single, -1)
assert "not vectorised" in str(why)
why

# %% [markdown]
# The first loop was not compiled to vector instructions, which would compute several elements at once. It computes the mean of the
# elements so far, and each step needs the mean of the step before, so that the steps must be done one after the other. A plain sum has
# no such order: the elements can be added in groups. So the new kernel sums up first, and divides once.

# %%
before = fastest({"running mean": lambda: centre(single, -1)})


@centre.kernel("cpu", dtypes=FLOATS, layout="rows", priority=torch.kernels.registry.Priority.OVERRIDE)
def by_sum(x, out, cols):
    for i in range(x.size // cols):
        row, target = x[i * cols : (i + 1) * cols], out[i * cols : (i + 1) * cols]
        total = x.dtype.type(0)
        for j in range(cols):
            total += row[j]
        mean = total / x.dtype.type(cols)
        for j in range(cols):
            target[j] = row[j] - mean


better = profiler.explain(centre, single, -1)
assert better.chosen == "centre/cpu/by_sum" and "not vectorised" not in str(better)
better

# %%
after = fastest({"sum": lambda: centre(single, -1)})
picture(before | after, "milliseconds for one call of centre")
print(f"the new kernel is {before['running mean'] / after['sum']:.0f} times as fast")
assert after["sum"] < before["running mean"] / 2

# %% [markdown]
# The whole step gains less than that. A kernel that took a twentieth of the step cannot save more than a twentieth, however fast it
# becomes. This is why the profile comes first: the share of a kernel is the most that you can gain with it.

# %%
stages["sum"], losses_3 = profiled(trainer(standardise, single))
assert abs(losses_3[1] - losses_2[1]) < 1e-3
print(f"before this fix centre took {ours.self_ns / stages['float32'].wall_ns:.0%} of the time of a step")


# %% [markdown]
# ## One op, many sizes
#
# `benchmark` measures an op for several sizes. Before that it checks that the values are right. Its warnings say when other programs
# disturbed it. The last column is numtorch's time divided by NumPy's.

# %%
def in_numpy(a, dim):
    return a - a.mean(dim, keepdims=True)


profiler.benchmark(centre, [(64, 64), (1024, 64), (16384, 64)], dim=-1, against={"numpy": in_numpy})

# %% [markdown]
# ## Exercises
#
# Under each exercise is a solution. Click on it to open it, and copy it into a cell to run it.
#
# ### Exercise 1: what is left
#
# In the last profile, `stages["sum"]`, which part of a step takes the most time: Python, dispatch, memory or arithmetic?

# %%
# Solution 1
final = by_limit(stages["sum"])
for name, ms in final.items():
    print(f"{name:12} {ms:.2f} ms")
print("most:", max(final, key=final.get))
assert abs(sum(final.values()) * 1e6 * STEPS / stages["sum"].wall_ns - 1) < 0.02

# %% [markdown]
# ### Exercise 2: layer by layer
#
# Use `profiler.summary(net, images)` to find the layer with the most parameters, and the layer with the most operations.

# %%
# Solution 2
report = profiler.summary(Net(standardise), single)
layers = [layer for layer in report.layers if layer.depth == 1]
most_parameters = max(layers, key=lambda layer: layer.parameters).name
most_operations = max(layers, key=lambda layer: layer.flops).name
print("most parameters:", most_parameters)
print("most operations:", most_operations)
assert most_parameters == "hidden" and most_operations == "hidden"

# %% [markdown]
# ## What you have seen
#
# Find out first what limits the program: Python, the number of kernels, bytes or arithmetic. Then look at the kernel with the largest
# share of the time, and compare it with its roof before you change it. For a script, `python -m numtorch.profiler your_script.py`
# prints the same table. You need not change the script.

# %%
assert stages["sum"].wall_ns < slow.wall_ns / 2
print(f"A step takes {stages['sum'].wall_ns / slow.wall_ns:.1%} of the time that it took as written. All checks pass.")
