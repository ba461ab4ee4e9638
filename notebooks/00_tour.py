# %% [markdown]
# # numtorch in ten minutes
#
# numtorch is a deep-learning framework with PyTorch's API, in which every number is computed by a Numba function: Python that
# you can read, step through, and replace. This tour goes from a tensor to a digit classifier, and ends by asking the
# classifier where its time went.
#
# It assumes that you know Python and a little NumPy. No GPU is needed, and no network.

# %%
import matplotlib.pyplot as plt

import numtorch as torch
import numtorch.nn as nn

_ = torch.manual_seed(0)

# %% [markdown]
# ## Tensors
#
# A tensor is an array with a type, a device and, if you ask, a memory of how it was computed. The names are PyTorch's, so what
# you learn here you can use there, and the other way round.

# %%
x = torch.tensor([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]])
torch.relu(x) @ x.T

# %% [markdown]
# ## Every op is a loop you can read
#
# `relu` is one line of Python. The loop around it was generated and compiled when you called it, and kept on disk for next
# time. You can print it:

# %%
print(torch.kernels.source(torch.relu, x))

# %% [markdown]
# and ask why it was chosen over others:

# %%
print(torch.kernels.explain("softmax", x, 1))

# %% [markdown]
# ## Gradients
#
# Training needs slopes. A tensor with `requires_grad=True` is remembered by everything computed from it, and `backward` walks
# that memory and leaves the slope in `.grad`.

# %%
w = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
loss = (x @ w - torch.tensor([0.0, 1.0])).square().mean()
loss.backward()
print("loss", loss.item(), " slope", w.grad.tolist())
torch.autograd.draw(loss, {"w": w})

# %% [markdown]
# ## Data
#
# 1,797 handwritten digits of 8 × 8 pixels come with the package (the UCI digits; `MNIST` has the same interface and downloads
# itself). A `Dataset` gives one example at a time, a `DataLoader` makes shuffled batches of them.

# %%
from numtorch.utils.data import DataLoader
from numtorch.vision import datasets, transforms

normalise = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.3,), (0.38,))])
train_set = datasets.Digits(train=True, transform=normalise)
test_set = datasets.Digits(train=False, transform=normalise)
train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
test_loader = DataLoader(test_set, batch_size=256)

images, labels = next(iter(train_loader))
fig, axes = plt.subplots(2, 12, figsize=(9, 1.9))
for image, label, ax in zip(images, labels, axes.flat):
    ax.imshow(image[0].numpy(), cmap="gray_r")
    ax.set_title(label.item(), fontsize=9)
    ax.axis("off")
plt.show()
print(len(train_set), "to learn from,", len(test_set), "to be tested on; a batch is", images.shape)


# %% [markdown]
# ## A model
#
# Two convolutions find strokes and corners, pooling makes the picture smaller, two linear layers decide. A module shows its
# layers and how many parameters each has.

# %%
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.classify = nn.Sequential(nn.Flatten(), nn.Linear(32 * 4 * 4, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 10))

    def forward(self, x):
        return self.classify(self.features(x))


net = Net()
net

# %% [markdown]
# ## Training
#
# The loop is the one you would write in PyTorch: forget the old gradients, compute the loss, pull the gradients, take a step.

# %%
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)


def train_epoch():
    net.train()
    total = 0.0
    for images, labels in train_loader:
        optimizer.zero_grad()
        loss = criterion(net(images), labels)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(train_loader)


@torch.no_grad()
def accuracy():
    net.eval()
    right = sum((net(images).argmax(1) == labels).sum().item() for images, labels in test_loader)
    return right / len(test_set)


losses, accuracies = [], []
for _ in range(15):
    losses.append(train_epoch())
    accuracies.append(accuracy())

fig, (left, right) = plt.subplots(1, 2, figsize=(8, 2.4))
left.plot(range(1, 16), losses)
left.set(xlabel="epoch", ylabel="loss")
right.plot(range(1, 16), accuracies, color="#228833")
right.set(xlabel="epoch", ylabel="test accuracy", title=f"{accuracies[-1]:.1%}")
plt.tight_layout()
plt.show()

# %% [markdown]
# ## What it gets wrong
#
# A number hides what a picture shows. These are test images that it misread, with what it saw and what was meant:

# %%
test_images, test_labels = next(iter(DataLoader(test_set, batch_size=len(test_set))))
with torch.no_grad():
    guesses = net(test_images).argmax(1)
wrong = (guesses != test_labels).nonzero().flatten().tolist()[:8]
fig, axes = plt.subplots(1, 8, figsize=(8, 1.5))
for ax in axes:
    ax.axis("off")
for i, ax in zip(wrong, axes):
    ax.imshow(test_images[i, 0].numpy(), cmap="gray_r")
    ax.set_title(f"{guesses[i].item()} for {test_labels[i].item()}", fontsize=9)
plt.show()

# %% [markdown]
# ## Where did the time go?
#
# The profiler puts a row to every kernel: what it cost, how many bytes and operations that was, how close to the machine's
# limit it came, and what bounds it. The rows that no kernel explains, such as Python and data loading, are there too, so they
# add up to the whole.

# %%
with torch.profiler.profile() as prof:
    train_epoch()
print(prof.table(row_limit=10))

# %% [markdown]
# The same as a picture:

# %%
rows = sorted(prof.rows, key=lambda row: -row.self_ns)[:8]
fig, ax = plt.subplots(figsize=(7, 2.8))
ax.barh([row.kernel for row in rows], [row.self_ns / prof.wall_ns for row in rows], color="#4477aa")
ax.invert_yaxis()
ax.set_xlabel("share of the epoch")
plt.show()

# %% [markdown]
# ## Keeping it
#
# A state dict is a dictionary of tensors, saved and loaded as in PyTorch.

# %%
import tempfile
from pathlib import Path

path = Path(tempfile.mkdtemp()) / "digits.pt"
torch.save(net.state_dict(), path)
again = Net()
again.load_state_dict(torch.load(path))
again.eval()
net.eval()
with torch.no_grad():
    same = torch.equal(again(test_images), net(test_images))
print(f"{path.stat().st_size / 1024:.0f} KB; the loaded model gives the same answers: {same}")

# %% [markdown]
# ## Exercises
#
# ### Exercise 1: a simpler model
#
# How far does a single `nn.Linear(64, 10)` get? Train it for 15 epochs on the flattened images and compare.

# %% [markdown]
# ### Exercise 2: the hardest digit
#
# For which digit is the test accuracy of `net` lowest?

# %%
# Solution 1
linear = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
steps = torch.optim.Adam(linear.parameters(), lr=1e-2)
for _ in range(15):
    for images, labels in train_loader:
        steps.zero_grad()
        criterion(linear(images), labels).backward()
        steps.step()
with torch.no_grad():
    linear_accuracy = (linear(test_images).argmax(1) == test_labels).float().mean().item()
print(f"linear {linear_accuracy:.1%}, convolutional {accuracies[-1]:.1%}")
assert linear_accuracy > 0.85

# %%
# Solution 2
by_digit = {d: (guesses[test_labels == d] == d).float().mean().item() for d in range(10)}
hardest = min(by_digit, key=by_digit.get)
print(f"hardest: {hardest}, read right {by_digit[hardest]:.1%} of the time")
counts = {d: (test_labels == d).sum().item() for d in range(10)}
overall = sum(by_digit[d] * counts[d] for d in range(10)) / len(test_set)
assert abs(overall - (guesses == test_labels).float().mean().item()) < 1e-6

# %% [markdown]
# ## Where to go next
#
# | notebook | what it shows |
# |---|---|
# | [01_tensors_and_views](01_tensors_and_views.ipynb) | what a tensor is in memory |
# | [02_autograd](02_autograd.ipynb) | where gradients come from, and how to check them |
# | [03_write_your_own_kernel](03_write_your_own_kernel.ipynb) | an op of your own in five lines |
# | [04_profiling_kernels](04_profiling_kernels.ipynb) | a slow model made fast, with the picture |

# %%
assert same
assert accuracies[-1] > 0.93, accuracies
assert abs(sum(row.self_ns for row in prof.rows) / prof.wall_ns - 1) < 0.02  # the rows explain all of the time
print(f"test accuracy {accuracies[-1]:.1%}")
