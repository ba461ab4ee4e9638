# %% [markdown]
# # Gradients, by hand and by machine
#
# Training is following slopes downhill. This notebook shows where the slopes come from: the graph that is recorded while
# you compute, the walk through it that `backward` makes, how to check a gradient, how to differentiate twice, and how to
# look in with hooks. It needs Python and NumPy, and the chain rule from school.

# %%
import matplotlib.pyplot as plt
import numpy as np

import numtorch as torch
from numtorch.vision.datasets import Digits

_ = torch.manual_seed(0)

# %% [markdown]
# ## A slope, by hand
#
# Take $y = \operatorname{relu}(x\,w + b)$ with numbers. By the chain rule
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
# Because `w` and `b` ask for gradients (`requires_grad=True`), each op hung a node on its result. The node knows which op it
# was, what it needs for its gradient, and where the gradients go next. Here is the graph, result above, leaves below.

# %%
y = torch.relu(x * w + b)
torch.autograd.draw(y, {"w": w, "b": b})

# %% [markdown]
# `x` is not in it: it did not ask. `backward` starts with a 1 at the top and lets every node turn the gradient of its
# result into the gradients of its inputs. You can do it yourself, node by node:

# %%
node = y.grad_fn
while node is not None:
    print(node.name(), "->", [child.name() if child else "none wanted" for child, _ in node.next_functions])
    node = node.next_functions[0][0]

# %% [markdown]
# A value that is used twice gets two contributions, and they **add up**. That is the whole of the multivariate chain rule,
# and why `grad` accumulates until you clear it.

# %%
v = torch.tensor([1.0, 2.0], requires_grad=True)
out = (v * v).sum() + (3 * v).sum()
out.backward()
print(v.grad, "= 2 v + 3")
torch.autograd.draw((v * v).sum() + (3 * v).sum(), {"v": v})

# %% [markdown]
# ## A whole model by hand
#
# One layer of softmax regression on the handwritten digits that come with numtorch (1,797 images of 8 × 8 pixels). The
# gradient of its cross-entropy has a short form: for probabilities $p$ and one-hot labels $t$ over $n$ images,
#
# $$\frac{\partial L}{\partial W} = \frac{1}{n}\,(p - t)^\top X .$$

# %%
digits = Digits(train=True)
images = digits.data.float().reshape(len(digits), -1) / digits.data.max().item()
labels = digits.targets
print(images.shape, labels.shape)

fig, axes = plt.subplots(1, 10, figsize=(9, 1.2))
for i, ax in enumerate(axes):
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
print("largest difference:", (W.grad - by_hand).abs().max().item())
assert torch.allclose(W.grad, by_hand, atol=1e-6)

# %% [markdown]
# Each row of that gradient is a picture of what would make the model say this digit more: dark where more ink speaks for
# it. One step downhill from zero already draws the digits.

# %%
fig, axes = plt.subplots(1, 10, figsize=(9, 1.2))
for i, ax in enumerate(axes):
    ax.imshow((-W.grad[i]).reshape(8, 8).numpy(), cmap="RdBu_r")
    ax.set_title(i, fontsize=9)
    ax.axis("off")
plt.show()

# %% [markdown]
# Following the slope a hundred times trains the classifier. Steps happen outside the graph, under `no_grad`: they are not
# something to differentiate.

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
# A derivative is a limit of differences, so any gradient can be checked without calculus:
#
# $$\frac{f(x + h) - f(x - h)}{2h} \approx f'(x) .$$
#
# `gradcheck` does this for every input element, in float64. It is how every op of numtorch is tested, and how you should test
# your own.

# %%
from numtorch.autograd import gradcheck, gradgradcheck

z = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
print(gradcheck(lambda z: torch.softmax(z, 1).square().sum(), (z,)), gradgradcheck(torch.tanh, (z,)))


# %% [markdown]
# Here is one with a mistake: the backward of `cube` forgot a factor. `Function` lets you write both directions yourself;
# `gradcheck` finds the mistake and says where.

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
    print(str(e).splitlines()[0])

# %% [markdown]
# ## How far to step
#
# Too large an $h$ and the difference is not a slope; too small and rounding eats it. The valley between the two is why
# `gradcheck` wants float64 and uses $h = 10^{-6}$.

# %%
steps = 10.0 ** np.arange(-12, 0.5, 0.5)
exact = float(np.cos(1.0))
fig, ax = plt.subplots(figsize=(5.5, 2.6))
for dtype in (torch.float32, torch.float64):
    point = torch.tensor(1.0, dtype=dtype)
    slopes = [((torch.sin(point + h) - torch.sin(point - h)) / (2 * h)).item() for h in steps]
    ax.loglog(steps, np.abs(np.array(slopes) - exact) + 1e-16, label=str(dtype).split(".")[1])
ax.set(xlabel="h", ylabel="error of the slope of sin at 1")
ax.legend()
plt.show()

# %% [markdown]
# ## Differentiating twice
#
# With `create_graph=True` the backward pass records a graph of its own, so gradients can be differentiated again. Below: a
# function, its slope, and its curvature, each computed from the one before.

# %%
s = torch.linspace(-4, 4, 200, requires_grad=True)
f = torch.exp(-s * s / 2) * torch.sin(2 * s)
(slope,) = torch.autograd.grad(f.sum(), s, create_graph=True)
(curvature,) = torch.autograd.grad(slope.sum(), s)

fig, ax = plt.subplots(figsize=(6, 2.6))
for curve, name in ((f, "f"), (slope, "f'"), (curvature, "f''")):
    ax.plot(s.detach().numpy(), curve.detach().numpy(), label=name)
ax.legend()
plt.show()

# %% [markdown]
# With the second derivative, Newton's method finds where $f' = 0$ in a few steps:

# %%
q = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
for _ in range(6):
    value = torch.exp(-q * q / 2) * torch.sin(2 * q)
    (first,) = torch.autograd.grad(value, q, create_graph=True)
    (second,) = torch.autograd.grad(first, q)
    with torch.no_grad():
        q -= first.detach() / second
print(f"maximum of f at {q.item():.12f}; the slope there is {first.item():.1e}")

# %% [markdown]
# ## Looking in
#
# A hook on a tensor sees its gradient as it passes, and may replace it. Here one records the size of the gradient at every
# layer of a deep network, which shows at a glance why deep sigmoid networks did not train.

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
for name, activation in activations.items():
    sizes = gradient_sizes(activation)
    ax.semilogy(range(1, len(sizes) + 1), sizes, "o-", markersize=3, label=name)
ax.set(xlabel="layer", ylabel="size of the gradient")
ax.legend()
plt.show()
sigmoid_fades = gradient_sizes(torch.sigmoid)[0] / gradient_sizes(torch.relu)[0]

# %% [markdown]
# ## When the graph says no
#
# A value that the gradient needs must not be overwritten. Every write advances a counter, and `backward` compares:

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
# ### Exercise 1: mend the cube
#
# Write `Cube` with the right backward and let `gradcheck` and `gradgradcheck` pass it.

# %% [markdown]
# ### Exercise 2: a straight-through estimator
#
# `round` has slope 0 almost everywhere, so nothing trains through it. Make a function that rounds in the forward pass and
# lets the gradient through unchanged. Can you do it in one line, with `detach`?

# %% [markdown]
# ### Exercise 3: the curvature of a loss
#
# For `loss(w) = ((A @ w - c) ** 2).mean()` the Hessian is `2 AᵀA / n`. Compute the product of the Hessian with a vector `v` by
# differentiating twice, without ever forming the Hessian.

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


# %%
# Solution 2
def round_through(x):
    return x + (torch.round(x) - x).detach()


r = torch.tensor([0.2, 1.7], requires_grad=True)
(round_through(r) * torch.tensor([3.0, 5.0])).sum().backward()
assert round_through(r).tolist() == [0.0, 2.0] and r.grad.tolist() == [3.0, 5.0]

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
# Ops record nodes; `backward` walks them from the newest to the oldest and adds contributions up; gradients are ops
# themselves, so they can be differentiated again; `gradcheck` tells truth from hope. Next:
# [03_write_your_own_kernel](03_write_your_own_kernel.ipynb), where you add an op of your own.

# %%
assert accuracy > 0.9 and losses[-1] < 0.5
assert abs(first.item()) < 1e-9 and sigmoid_fades < 1e-3
print(f"training accuracy {accuracy:.1%} with gradients that were checked by hand")
