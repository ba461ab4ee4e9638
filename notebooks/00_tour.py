# %% [markdown]
# # numtorch in ten minutes
#
# numtorch is a deep-learning framework with PyTorch's API. Every kernel in it, which is the loop that computes an operation, is a
# Numba function: Python that you can read, step through, and replace.
#
# This tour starts with a tensor and trains a classifier of handwritten digits. At the end it measures where the time of the
# training went. You need to know Python and a little NumPy. You need no GPU and no network.

# %%
import matplotlib.pyplot as plt

import numtorch as torch
import numtorch.nn as nn

_ = torch.manual_seed(0)

# %% [markdown]
# ## Tensors
#
# A tensor is an array with a type and a device. If you ask for gradients, it also remembers how it was computed. The names are
# PyTorch's, so what you learn here holds there too.

# %%
x = torch.tensor([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]])
torch.relu(x) @ x.T

# %% [markdown]
# ## Every op is a loop you can read
#
# An operation, or *op*, such as `relu` is written as a formula for one element. numtorch wrote the loop around that formula when
# you called `relu`, compiled it, and saved it on disk. Later runs read it from there. This is the loop:

# %%
torch.kernels.source(torch.relu, x)

# %% [markdown]
# Some ops have several kernels. `explain` lists them, marks the one that runs, and says why:

# %%
torch.kernels.explain("softmax", x, 1)

# %% [markdown]
# ## Gradients
#
# Training needs gradients: how much the loss changes with each parameter. Set `requires_grad=True` on a tensor, and numtorch
# records every op that uses it. `backward` goes through this record from the loss back to the tensor, and stores the gradient in
# `.grad`. The picture shows the record.

# %%
w = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
loss = (x @ w - torch.tensor([0.0, 1.0])).square().mean()
loss.backward()
print("loss", loss.item(), " gradient", w.grad.tolist())
torch.autograd.draw(loss, {"w": w})

# %% [markdown]
# ## Data
#
# The package contains 1,797 handwritten digits of 8 × 8 pixels, the UCI digits. (`MNIST` has the same interface and downloads its
# files.) A `Dataset` returns one example at a time. A `DataLoader` shuffles the examples and puts them together in batches.

# %%
from numtorch.utils.data import DataLoader
from numtorch.vision import datasets, transforms

normalise = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.3,), (0.38,))])
train_set = datasets.Digits(train=True, transform=normalise)
test_set = datasets.Digits(train=False, transform=normalise)
train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
test_loader = DataLoader(test_set, batch_size=256)
assert len(train_set) + len(test_set) == 1797

images, labels = next(iter(train_loader))
fig, axes = plt.subplots(2, 8, figsize=(6, 2))
for image, label, ax in zip(images, labels, axes.flat):
    ax.imshow(image[0].numpy(), cmap="gray_r")
    ax.set_title(label.item(), fontsize=9)
    ax.axis("off")
plt.show()
print(len(train_set), "images for training,", len(test_set), "for testing")
print("a batch has the shape", tuple(images.shape))


# %% [markdown]
# ## A model
#
# Two convolutional layers detect strokes and corners. Pooling halves the height and the width. Two linear layers then choose the
# digit. A module displays its layers and the number of parameters of each.

# %%
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.classify = nn.Sequential(
            nn.Flatten(), nn.Linear(32 * 4 * 4, 64), nn.ReLU(),
            nn.Dropout(0.2), nn.Linear(64, 10))

    def forward(self, x):
        return self.classify(self.features(x))


net = Net()
net

# %% [markdown]
# ## Training
#
# The loop is the same as in PyTorch. For each batch: clear the old gradients, compute the loss, compute the gradients, and let the
# optimizer change the parameters.

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

epochs = range(1, 16)
fig, (upper, lower) = plt.subplots(2, 1, figsize=(5.5, 3.8), sharex=True)
upper.plot(epochs, losses)
upper.set(ylabel="training loss")
lower.plot(epochs, accuracies, color="#228833")
lower.set(xlabel="epoch", ylabel="test accuracy", xticks=epochs)
plt.tight_layout()
plt.show()
print(f"test accuracy after the last epoch: {accuracies[-1]:.1%}")

# %% [markdown]
# ## What it gets wrong
#
# These are test images that the network misread. Above each stands what it answered, and the right answer in parentheses.

# %%
test_images, test_labels = next(iter(DataLoader(test_set, batch_size=len(test_set))))
with torch.no_grad():
    guesses = net(test_images).argmax(1)
wrong = (guesses != test_labels).nonzero().flatten().tolist()
fig, axes = plt.subplots(1, 8, figsize=(6, 1.1))
for ax in axes:
    ax.axis("off")
for i, ax in zip(wrong, axes):
    ax.imshow(test_images[i, 0].numpy(), cmap="gray_r")
    ax.set_title(f"{guesses[i].item()} ({test_labels[i].item()})", fontsize=9)
plt.show()
print(len(wrong), "of", len(test_set), "test images are misread; at most 8 are shown")

# %% [markdown]
# ## Where did the time go?
#
# The profiler has one row for each kernel. It shows how long the kernel took, how many bytes it moved and how many operations it
# did in a second, what percentage of the machine's limit that is, and what limits it. Python, data loading and the profiler itself
# have rows too, so that all rows together add up to the whole time.

# %%
with torch.profiler.profile() as prof:
    train_epoch()
prof.table(row_limit=10)

# %% [markdown]
# The same rows as a picture, the longest first:

# %%
rows = prof.key_averages(by=("kernel",))
shown = sorted(rows, key=lambda row: -row.time_ns)[:8]
names = [row.name for row in shown]
assert all(names) and len(set(names)) == len(names)  # each bar has a name, and no two bars share one
fig, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
ax.barh(range(len(shown)), [100 * row.time_ns / prof.wall_ns for row in shown], color="#4477aa")
ax.set_yticks(range(len(shown)), names)
ax.invert_yaxis()
ax.set_xlabel("per cent of the epoch")
plt.show()

# %% [markdown]
# ## Saving the model
#
# The state dict of a model is a dictionary of its tensors. It is saved and loaded as in PyTorch.

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
# Under each exercise is a solution. Click on it to open it, and copy it into a cell to run it.
#
# ### Exercise 1: a simpler model
#
# How accurate is a model with a single layer, `nn.Linear(64, 10)`? Train it for 15 epochs on the flattened images, and compare it
# with `net`.

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

# %% [markdown]
# ### Exercise 2: the hardest digit
#
# For which digit is the test accuracy of `net` lowest?

# %%
# Solution 2
by_digit = {d: (guesses[test_labels == d] == d).float().mean().item() for d in range(10)}
hardest = min(by_digit, key=by_digit.get)
print(f"hardest: {hardest}, with an accuracy of {by_digit[hardest]:.1%}")
counts = {d: (test_labels == d).sum().item() for d in range(10)}
overall = sum(by_digit[d] * counts[d] for d in range(10)) / len(test_set)
assert abs(overall - (guesses == test_labels).float().mean().item()) < 1e-6

# %% [markdown]
# ## Where to go next
#
# | notebook | what it shows |
# |---|---|
# | [01_tensors_and_views](01_tensors_and_views.ipynb) | how a tensor lies in memory |
# | [02_autograd](02_autograd.ipynb) | where gradients come from, and how to check them |
# | [03_write_your_own_kernel](03_write_your_own_kernel.ipynb) | an op of your own in a few lines |
# | [04_profiling_kernels](04_profiling_kernels.ipynb) | how to find out what is slow, and make it fast |

# %%
assert same
assert accuracies[-1] > 0.93, accuracies
assert abs(sum(row.time_ns for row in prof.rows if not row.thread) / prof.wall_ns - 1) < 0.02  # the rows explain all of the time
print(f"All checks pass. The test accuracy is {accuracies[-1]:.1%}.")
