# %% [markdown]
# # Gradients, by hand and by machine
#
# Training changes parameters against the gradient of a loss. This notebook shows where the gradient comes from. numtorch records a
# graph of the ops while you compute, and `backward` goes through this graph. You will also see how to check a gradient, how to
# differentiate twice, and how to watch gradients with hooks.
#
# You need to know Python, NumPy and the chain rule.

# %%
import matplotlib.pyplot as plt
import numpy as np

import numtorch as torch
from numtorch.vision.datasets import Digits

_ = torch.manual_seed(0)

# %% [markdown]
# ## A derivative by hand
#
# Take $y = \operatorname{relu}(x\,w + b)$. The chain rule gives
#
# $$\frac{\partial y}{\partial w} = [x w + b > 0]\; x , \qquad \frac{\partial y}{\partial b} = [x w + b > 0] .$$

# %%
x = torch.tensor(3.0)
w = torch.tensor(0.5, requires_grad=True)
b = torch.tensor(-1.0, requires_grad=True)

y = torch.relu(x * w + b)
y.backward()

by_hand = {"w": (0.5 * 3 - 1 > 0) * 3.0, "b": (0.5 * 3 - 1 > 0) * 1.0}
print("by machine:", w.grad.item(), b.grad.item(), "   by hand:", *by_hand.values())
assert w.grad.item() == by_hand["w"] and b.grad.item() == by_hand["b"]

# %% [markdown]
# ## What was recorded
#
# Because `w` and `b` have `requires_grad=True`, each op attached a *node* to its result. A node knows which op it belongs to, the
# values that its gradient needs, and the nodes that the gradient goes to next. The picture shows the graph. The result is at the
# top. At the bottom are the *leaves*: the tensors that gradients are computed for.

# %%
y = torch.relu(x * w + b)
torch.autograd.draw(y, {"w": w, "b": b})

# %% [markdown]
# `x` is not in the graph, because it has no `requires_grad=True`. `backward` starts at the top with a gradient of 1. Each node then
# turns the gradient of its result into the gradients of its inputs. You can follow the nodes yourself:

# %%
node = y.grad_fn
while node is not None:
    print(node.name(), "->", ", ".join(child.name().split("::")[-1] if child else "nothing" for child, _ in node.next_functions))
    node = node.next_functions[0][0]

# %% [markdown]
# If a tensor is used twice, it receives two gradients, and they are **added**. This is the chain rule for functions of several
# variables. `backward` also adds to what `.grad` already holds, until you clear it.

# %%
v = torch.tensor([1.0, 2.0], requires_grad=True)
out = (v * v).sum() + (3 * v).sum()
out.backward()
print(v.grad, "= 2 v + 3")
assert torch.equal(v.grad, 2 * v.detach() + 3)
torch.autograd.draw((v * v).sum() + (3 * v).sum(), {"v": v})

# %% [markdown]
# ## A whole model by hand
#
# The model is softmax regression: one linear layer that classifies handwritten digits of 8 × 8 pixels. The gradient of its
# cross-entropy loss $L$ with respect to the weights $W$ has a short form. For $n$ images $X$, predicted probabilities $p$ and one-hot
# labels $t$ it is
#
# $$\frac{\partial L}{\partial W} = \frac{1}{n}\,(p - t)^\top X .$$

# %%
digits = Digits(train=True)
images = digits.data.float().reshape(len(digits), -1) / digits.data.max().item()
labels = digits.targets
print(images.shape, labels.shape)

fig, axes = plt.subplots(2, 5, figsize=(5, 2.4))
for i, ax in enumerate(axes.flat):
    ax.imshow(images[i].reshape(8, 8).numpy(), cmap="gray_r")
    ax.set_title(labels[i].item(), fontsize=9)
    ax.axis("off")
plt.show()

# %%
W = torch.zeros(10, 64, requires_grad=True)
loss = torch.nn.functional.cross_entropy(images @ W.T, labels)
loss.backward()

with torch.no_grad():
    p = torch.softmax(images @ W.T, 1)
    t = torch.nn.functional.one_hot(labels, 10).float()
    by_hand = (p - t).T @ images / len(images)
print(f"largest difference: {(W.grad - by_hand).abs().max().item():.1e}")
assert torch.allclose(W.grad, by_hand, atol=1e-6)

# %% [markdown]
# The gradient has one row for each digit, and a row has one number for each pixel. The pictures show the rows with their signs
# reversed, which is the direction of a training step. Where a pixel is red, ink makes the model choose this digit more often after
# the step. Where it is blue, less often. The ring of the 0 and the stroke of the 1 can be seen already.

# %%
largest = W.grad.abs().max().item()
fig, axes = plt.subplots(2, 5, figsize=(5, 2.4))
for i, ax in enumerate(axes.flat):
    ax.imshow(-W.grad[i].reshape(8, 8).numpy(), cmap="RdBu_r", vmin=-largest, vmax=largest)
    ax.set_title(i, fontsize=9)
    ax.axis("off")
plt.show()

# %% [markdown]
# A hundred such steps train the classifier. The change of `W` is made under `no_grad`, because it is not part of the function that is
# differentiated.

# %%
losses = []
for _ in range(100):
    loss = torch.nn.functional.cross_entropy(images @ W.T, labels)
    W.grad = None
    loss.backward()
    with torch.no_grad():
        W -= 0.5 * W.grad
    losses.append(loss.item())

accuracy = ((images @ W.T).argmax(1) == labels).float().mean().item()
fig, ax = plt.subplots(figsize=(5, 2.2))
ax.plot(losses)
ax.set(xlabel="step", ylabel="cross-entropy", title=f"training accuracy {accuracy:.1%}")
plt.show()

# %% [markdown]
# ## Checking a gradient
#
# A derivative is the limit of a quotient of differences, so any gradient can be checked with numbers alone:
#
# $$\frac{f(x + h) - f(x - h)}{2h} \approx f'(x) .$$
#
# `gradcheck` compares the two for every element of the inputs. Give it `float64` tensors, because the quotient is inexact in
# `float32`. `gradgradcheck` checks second derivatives. The ops of numtorch are tested with both. Test your own ops with them too.

# %%
from numtorch.autograd import gradcheck, gradgradcheck

z = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
print("softmax:", gradcheck(lambda z: torch.softmax(z, 1).square().sum(), (z,)))
print("tanh, second derivative:", gradgradcheck(torch.tanh, (z,)))


# %% [markdown]
# With `torch.autograd.Function` you write an op and its gradient yourself. The gradient of `Cube` below has a mistake: a factor of 3
# is missing. `gradcheck` finds it, and says for which input the gradient is wrong.

# %%
class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * x**2  # should be 3 x²


try:
    gradcheck(Cube.apply, (z,))
except RuntimeError as e:
    message = str(e).splitlines()[0]
    print(message)
assert "mismatch" in message and "input 0" in message

# %% [markdown]
# ## The size of the difference
#
# If $h$ is too large, the quotient is not yet the derivative. If $h$ is too small, rounding errors dominate. The chart shows the error
# for values of $h$ between the two. In `float64` the least error is far smaller than in `float32`, and it is near $h = 10^{-6}$, which
# `gradcheck` uses.

# %%
steps = 10.0 ** np.arange(-12, 0.5, 0.5)
exact = float(np.cos(1.0))
fig, ax = plt.subplots(figsize=(5.5, 2.6))
errors = {}
for dtype in (torch.float32, torch.float64):
    point = torch.tensor(1.0, dtype=dtype)
    slopes = [((torch.sin(point + h) - torch.sin(point - h)) / (2 * h)).item() for h in steps]
    errors[dtype] = np.abs(np.array(slopes) - exact) + 1e-16
    ax.loglog(steps, errors[dtype], label=str(dtype).split(".")[1])
ax.set(xlabel="h", ylabel="error of the derivative of sin at 1")
ax.legend()
plt.show()
assert errors[torch.float64].min() < errors[torch.float32].min() / 1000
assert 1e-7 < steps[errors[torch.float64].argmin()] < 1e-4

# %% [markdown]
# ## Differentiating twice
#
# With `create_graph=True` the backward pass records a graph too, so that gradients can be differentiated again. The chart shows a
# function, its first derivative and its second derivative. Each derivative is computed from the curve before it.

# %%
s = torch.linspace(-4, 4, 200, requires_grad=True)
f = torch.exp(-s * s / 2) * torch.sin(2 * s)
(slope,) = torch.autograd.grad(f.sum(), s, create_graph=True)
(curvature,) = torch.autograd.grad(slope.sum(), s)

fig, ax = plt.subplots(figsize=(5.5, 2.6))
for curve, name in ((f, "f"), (slope, "f'"), (curvature, "f''")):
    ax.plot(s.detach().numpy(), curve.detach().numpy(), label=name)
ax.legend()
plt.show()

# %% [markdown]
# With the second derivative, Newton's method finds in six steps where $f' = 0$:

# %%
q = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
for _ in range(6):
    value = torch.exp(-q * q / 2) * torch.sin(2 * q)
    (first,) = torch.autograd.grad(value, q, create_graph=True)
    (second,) = torch.autograd.grad(first, q)
    with torch.no_grad():
        q -= first.detach() / second
print(f"maximum of f at {q.item():.12f}; the derivative there is {first.item():.1e}")
assert abs(first.item()) < 1e-9 and second.item() < 0

# %% [markdown]
# ## Hooks
#
# A hook is a function that `backward` calls with the gradient of a tensor. If it returns a tensor, that replaces the gradient. The
# hooks below record the norm of the gradient at every layer of a deep network. With sigmoid activations the norm falls by more than a
# factor of a thousand from the last layer to the first, so the first layers hardly learn. With the other two it does not.

# %%
def gradient_sizes(activation, layers=12):
    torch.manual_seed(1)
    h, sizes = torch.randn(32, 64), []
    for _ in range(layers):
        weight = (torch.randn(64, 64) / 8).requires_grad_()
        h = activation(h @ weight)
        h.register_hook(lambda g: sizes.append(g.norm().item()))
    h.sum().backward()
    return sizes[::-1]


fig, ax = plt.subplots(figsize=(5.5, 2.6))
activations = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu, scaled": lambda v: torch.relu(v) * 2**0.5}
faded = {}
for name, activation in activations.items():
    sizes = gradient_sizes(activation)
    faded[name] = sizes[0] / sizes[-1]
    ax.semilogy(range(1, len(sizes) + 1), sizes, "o-", markersize=3, label=name)
ax.set(xlabel="layer", ylabel="norm of the gradient")
ax.legend()
plt.show()
print("first layer over last:", ", ".join(f"{name} {ratio:.2g}" for name, ratio in faded.items()))
assert faded["sigmoid"] < 1e-3 and faded["tanh"] > 0.05 and faded["relu, scaled"] > 0.05

# %% [markdown]
# ## Values that must not change
#
# A value that a gradient needs must not be overwritten before `backward` has used it. Each tensor counts the changes made in place.
# `backward` compares the count with that at the time of the op, and raises an error if they differ:

# %%
e = torch.ones(3, requires_grad=True).exp()
total = (e * e).sum()
e.add_(1)
try:
    total.backward()
except RuntimeError as problem:
    print(problem)

# %% [markdown]
# ## Exercises
#
# Under each exercise is a solution. Click on it to open it, and copy it into a cell to run it.
#
# ### Exercise 1: mend the cube
#
# Write `Cube` with the right gradient, so that it passes `gradcheck` and `gradgradcheck`.

# %%
# Solution 1
class GoodCube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 3 * x**2


assert gradcheck(GoodCube.apply, (z,)) and gradgradcheck(GoodCube.apply, (z,))

# %% [markdown]
# ### Exercise 2: a straight-through estimator
#
# The derivative of `round` is 0 almost everywhere, so no gradient passes through it. Write a function that rounds, but whose gradient
# is that of a function that changes nothing. Can you do it in one line, with `detach`?

# %%
# Solution 2
def round_through(x):
    return x + (torch.round(x) - x).detach()


r = torch.tensor([0.2, 1.7], requires_grad=True)
(round_through(r) * torch.tensor([3.0, 5.0])).sum().backward()
assert round_through(r).tolist() == [0.0, 2.0] and r.grad.tolist() == [3.0, 5.0]

# %% [markdown]
# ### Exercise 3: the curvature of a loss
#
# The Hessian of `loss(w) = ((A @ w - c) ** 2).mean()` is `2 AᵀA / n`, for `n` rows of `A`. Compute its product with a vector `u` by
# differentiating twice. The Hessian itself must not be computed.

# %%
# Solution 3
A, c, u = torch.randn(20, 5), torch.randn(20), torch.randn(5)
weights = torch.randn(5, requires_grad=True)
(g,) = torch.autograd.grad(((A @ weights - c) ** 2).mean(), weights, create_graph=True)
(Hu,) = torch.autograd.grad((g * u).sum(), weights)
assert torch.allclose(Hu, 2 * A.T @ (A @ u) / 20, atol=1e-5)

# %% [markdown]
# ## What you have seen
#
# Ops record nodes. `backward` goes through them from the newest to the oldest, and adds gradients that meet at the same tensor.
# Gradients are computed by ops too, so they can be differentiated again. `gradcheck` tests whether a gradient is right.
#
# Next: in [03_write_your_own_kernel](03_write_your_own_kernel.ipynb) you add an op of your own.

# %%
assert accuracy > 0.9 and losses[-1] < 0.5
print(f"All checks pass. The training accuracy is {accuracy:.1%}.")
