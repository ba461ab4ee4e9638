"""Mistakes of the first hour: what is raised is of torch's kind, and the message names the op, the shapes or types, and
the remedy."""

import numpy as np
import pytest
from against_torch import lines, outcome

import numtorch

torch = pytest.importorskip("torch")


def scope(t):
    """What the expressions of the table are made of."""
    nn = t.nn

    def backward_twice():
        a = t.ones(2, requires_grad=True)
        y = (a * a).sum()
        y.backward()
        y.backward()

    def write_to_a_view_of_a_leaf():
        t.ones(2, requires_grad=True)[0] = 1.0

    def overwrite_what_a_gradient_needs():
        y = t.ones(2, requires_grad=True).exp()
        y.add_(1)
        y.sum().backward()

    def no_super():
        class Net(nn.Module):
            def __init__(self):
                self.fc = nn.Linear(2, 2)

        Net()

    def no_forward():
        class Net(nn.Module):
            pass

        Net()(t.ones(2))

    def loads(*samples, **options):
        return next(iter(t.utils.data.DataLoader(list(samples), **({"batch_size": 2} | options))))

    def no_len():
        class Mine(t.utils.data.Dataset):
            pass

        return t.utils.data.DataLoader(Mine(), shuffle=True)

    def truth(x):
        return 1 if x else 0

    def state(**given):
        nn.Linear(3, 2).load_state_dict(given)

    return {
        "t": t,
        "nn": nn,
        "F": nn.functional,
        "np": np,
        "optim": t.optim,
        "x": t.arange(6, dtype=t.float32).reshape(2, 3),
        "w": t.ones(4, 2),
        "r": t.ones(2, requires_grad=True),
        "i": lambda *v: t.tensor(v),
        "net": nn.Linear(3, 2),
        "images": t.ones(1, 1, 8, 8),
    } | {
        f.__name__: f
        for f in (
            backward_twice,
            write_to_a_view_of_a_leaf,
            overwrite_what_a_gradient_needs,
            no_super,
            no_forward,
            loads,
            no_len,
            truth,
            state,
        )
    }


# An expression and what the message says, in parts.
TABLE = lines("""
t.cat(x, x) | cat() | must be tuple of Tensors | torch.cat([a, b])
t.stack(x, x) | stack() | torch.stack([a, b])
t.cat([x, w]) | cat | [2, 3] | [4, 2]
t.cat([]) | torch.cat() | non-empty
t.cat([x, [1.0]]) | cat() | element 1 | list
t.stack([x, w]) | stack | [2, 3] | [4, 2]
x.expand(4, 4) | expand | (4) | (3) | dimension 1 | [2, 3]
x.expand(5) | expand | number of sizes provided (1) | [2, 3]
t.tensor([[1.0], [2.0]]).expand(3, 4) | expand | dimension 0 | [3, 4] | [2, 1]
nn.Linear(3, 2)([1.0, 2.0, 3.0]) | linear() | 'input' | must be Tensor, not list
nn.Linear(3, 2)(np.ones(3, np.float32)) | linear() | must be Tensor | ndarray
nn.Conv2d(1, 2, 3)([1.0]) | conv2d() | 'input' | must be Tensor, not list
nn.Conv1d(1, 2, 3)([1.0]) | conv1d() | must be Tensor, not list
nn.ReLU()([1.0]) | relu() | must be Tensor, not list
nn.CrossEntropyLoss()(x, 1) | cross_entropy() | 'target' | must be Tensor, not int
t.argmax([1.0]) | argmax() | 'input' | must be Tensor, not list
t.max(np.ones(3)) | max() | must be Tensor
t.mm([1.0], x) | mm() | must be Tensor, not list
nn.Sequential(nn.Linear(3, 2), F.relu) | relu is not a Module subclass | nn.ReLU()
nn.Sequential([nn.Linear(3, 2)]) | list is not a Module subclass | *layers
nn.Sequential(nn.Linear) | Linear is not a Module subclass | Linear(...)
nn.ModuleList([F.log_softmax]) | is not a Module subclass | nn.LogSoftmax()
nn.Sequential(lambda v: v) | is not a Module subclass | forward()
t.tensor([None]) | Could not infer dtype of NoneType | float('nan')
t.tensor(['a']) | 'str' | float(v)
t.tensor([[1, 2], [3]]) | equal lengths
t.tensor({'a': 1}) | Could not infer dtype of dict
r.numpy() | requires grad | tensor.detach().numpy()
np.asarray(r) | requires grad | .detach()
np.asarray(r * 2) | requires grad | .detach()
np.hypot(np.ones(2), np.asarray(r)) | .detach()
x.permute(0, 2) | permute | out of range | [-2, 1]
t.ones(2, 3, 4).permute(0, 2) | permute | [2, 3, 4] | (0, 2) | torch.transpose
x.permute(0, 0) | permute | duplicate | (0, 0)
x.transpose(0, 5) | transpose | [-2, 1] | 5
nn.Linear(4, 2)(x) | linear | 2x3 and 4x2 | last dimension is 3
nn.Linear(3, 2)(x.long()) | linear | int64 and float32 | .to(torch.float32)
nn.Linear(3, 2)(x.double()) | linear | float64 and float32 | .to(torch.float32)
nn.Conv2d(1, 2, 3)(x) | conv2d | 3D (unbatched) or 4D (batched) | [2, 3]
nn.Conv2d(3, 2, 3)(images) | [2, 3, 3, 3] | [1, 1, 8, 8] | 3 channels
nn.Conv2d(1, 2, 5)(images[..., :3, :3]) | conv2d | (5 x 5) | (3 x 3)
nn.Conv2d(1, 2, 3)(images.long()) | conv2d | int64 | float32 | .to(
nn.Conv1d(1, 2, 3)(images) | conv1d | [1, 1, 8, 8]
nn.Conv2d(3, 4, 3, groups=2) | in_channels | groups
nn.MaxPool2d(2)(x[0]) | max_pool2d | 3D or 4D | [3]
nn.MaxPool2d(9)(images) | too small | kernel (9, 9)
nn.BatchNorm2d(3)(x) | expected 4D input | 2D
nn.BatchNorm1d(4)(x) | batch_norm | 3 elements not 4 | [2, 3]
nn.BatchNorm1d(3)(x[:1]) | more than 1 value per channel | [1, 3]
nn.LayerNorm(4)(x) | layer_norm | [*, 4] | [2, 3]
nn.GroupNorm(2, 3) | num_channels (3) | num_groups (2)
nn.GroupNorm(3, 3)(w) | num_groups=3 | [4, 2]
nn.Embedding(3, 2)(x) | embedding | float32 | .long()
nn.Embedding(3, 2)(i(7)) | embedding | index 7 | 3 rows
nn.Dropout(1.5) | probability | 1.5
x @ x | matmul | 2x3 and 2x3
t.mm(x, x[0]) | mm | 2D | [3]
t.bmm(x, x) | bmm | 3D | [2, 3]
t.dot(x, x) | dot | 1D | [2, 3]
x @ x.long().T | matmul | float32 != int64 | .to(
x @ 2 | @ | 'Tensor' and 'int'
x + w | add | [2, 3], [4, 2] | do not broadcast
x * w | mul | [2, 3], [4, 2]
x == w | eq | [2, 3], [4, 2]
x + 'a' | + | 'Tensor' and 'str'
x + None | + | 'Tensor' and 'NoneType'
x.add_(w) | add | [2, 3], [4, 2]
t.where(x > 0, x, w) | where | [4, 2] | do not broadcast
t.where(x, x, x) | where | boolean | float32
x[5] | index 5 | dimension 0 with size 2
x[0, 0, 0] | too many indices | dimension 2
x['a'] | valid indices | str
x[1.5] | valid indices | float
x[i(9)] | index 9 | size 2
x[t.tensor([True, False, True])] | mask [3] | [2, 3]
x.view(7) | view | [7] | size 6
x.reshape(5, -1) | reshape | [5, -1] | size 6
x.view(-1, -1) | view | only one
x.T.view(6) | view | .reshape(
x.sum(5) | sum | [-2, 1] | 5
x.sum('a') | sum() | 'dim' | str
x.mean(0, 1, 2) | mean()
x.sum(0, axis=1) | sum() | 'axis'
t.arange(3).mean() | mean() | int64 | .float()
t.arange(3).softmax(0) | softmax | int64 | .float()
F.softmax(x, 5) | softmax | [-2, 1]
x.unsqueeze(9) | unsqueeze | [-3, 2]
x.topk(9) | topk | k is 9 | [2, 3]
x.item() | 6 elements
truth(x) | more than one value is ambiguous
float(x) | only one element
len(t.tensor(1.0)) | 0-d
list(t.tensor(1.0)) | 0-d
F.cross_entropy(x, i(0, 5)) | cross_entropy | Target 5 | 3 classes
F.cross_entropy(x, i(0, -1)) | cross_entropy | Target -1 | 0 to 2
F.cross_entropy(x, i(0.0, 1.0)) | cross_entropy | Float32 | .long()
F.cross_entropy(x, i([0], [1])) | cross_entropy | [2, 3] | [2, 1]
F.cross_entropy(x, i(0, 1, 2)) | cross_entropy | batch_size (2) | [3]
F.cross_entropy(x.long(), i(0, 1)) | cross_entropy | int64 | .float()
nn.CrossEntropyLoss(weight=t.ones(9))(x, i(0, 1)) | cross_entropy | 3 classes | [9]
F.nll_loss(x, i(0, 9)) | nll_loss | Target 9 | 3 classes
F.binary_cross_entropy(x + 5, x) | binary_cross_entropy | between 0 and 1 | binary_cross_entropy_with_logits
F.binary_cross_entropy(x, i(0.0, 1.0)) | [2, 3] | [2]
F.binary_cross_entropy_with_logits(x, i(0.0, 1.0)) | [2, 3] | [2] | view_as
F.mse_loss(x, i(1.0, 2.0)) | [2, 3], [2] | one shape
nn.MSELoss(reduction='avg')(x, x) | avg | 'mean'
F.one_hot(x) | one_hot | float32 | .long()
F.one_hot(i(5), 3) | one_hot | got 5 | num_classes is 3
F.pad(x, (1,)) | 1 numbers
F.scaled_dot_product_attention(x, w, w) | scaled_dot_product_attention | [2, 3] | [4, 2]
backward_twice() | second time | retain_graph=True
x.sum().backward() | does not require grad | requires_grad=True
(r * 2).backward() | scalar | [2] | .sum()
(r * 2).sum().backward(t.ones(2)) | shape | [2]
r.add_(1) | leaf | add_ | torch.no_grad()
write_to_a_view_of_a_leaf() | leaf | torch.no_grad()
overwrite_what_a_gradient_needs() | modified by an inplace operation | exp | [2] | clone()
i(1, 2).requires_grad_() | int64 | .float()
t.tensor([1, 2], requires_grad=True) | int64 | .float()
state(weight=t.ones(2, 3)) | Missing key(s) | "bias"
state(weight=t.ones(3, 2), bias=t.ones(2)) | size mismatch for weight | [3, 2] | [2, 3]
state(weight=t.ones(2, 3), bias=t.ones(2), x=t.ones(1)) | Unexpected key(s) | "x"
net.load_state_dict([1]) | dict-like | list
setattr(net, 'weight', x) | parameter 'weight' | [2, 3] | nn.Parameter(tensor)
no_super() | Module.__init__()
no_forward() | Net | "forward"
net.to(t.int64) | floating point | int64
optim.SGD([], lr=0.1) | empty parameter list | model.parameters()
optim.SGD(net, lr=0.1) | SGD | Linear | model.parameters()
optim.SGD(x, lr=0.1) | [2, 3] | [tensor]
optim.SGD([1.0], lr=0.1) | Tensors | float
optim.SGD(net.parameters(), lr=-1) | learning rate: -1
optim.Adam(net.parameters(), betas=(2, 0.9)) | index 0: 2
optim.lr_scheduler.StepLR(1, 2) | int is not an Optimizer
x.to('gpu') | cpu, cuda | gpu
x + x.to('meta') | add | cpu and meta | .to(
x.to(dtype='float32') | dtype | 'float32'
t.from_numpy([1.0]) | np.ndarray | list
t.randint(5, 2, (3,)) | randint | from=5 | to=2
t.randn(2, dtype=t.int64) | normal | int64
t.gather(x, 0, i([0.0])) | gather() | float32 | .long()
t.gather(x, 0, i([9])) | gather() | index 9 | size 2
x.masked_fill(i(1, 0, 1), 0.0) | masked_fill | int64 | mask.bool()
t.arange(3).pow(-1) | pow() | int64 | .float()
t.pow(2, 3) | pow() | Tensor | int
x.long().add_(1.5) | add | float32 | int64
loads(t.ones(2), t.ones(3)) | stack | [2] at entry 0 | [3] at entry 1
loads(None, None) | default_collate | NoneType
loads(1.0, batch_size=0) | batch_size=0
no_len() | len()
t.utils.data.random_split(range(10), [3, 3]) | length
t.load('/nonexistent.pt') | /nonexistent.pt
nn.init.xavier_uniform_(t.ones(3)) | fewer than 2 dimensions
x.backwards() | 'backwards'
x[0, 5] | index 5 | dimension 1 with size 3
t.ones(2, 3, 4)[0, :, 5] | index 5 | dimension 2 with size 4
t.Tensor('a') | new() | 'str'
t.Tensor(2.5) | new() | data must be a sequence (got float) | torch.tensor(2.5)
t.Tensor(2, dtype=t.int64) | dtype | torch.empty(size, dtype=...)
t.FloatTensor(1.5) | new() | data must be a sequence (got float)
x.permute(0, 1, 2) | permute | (0, 1, 2) | [2, 3]
x.permute() | permute() | 'dims'
x.reshape() | reshape() | 'shape'
t.reshape(x) | reshape() | 'shape'
x.float(1) | float() takes
x.clamp(min='a') | clamp() | 'min' | str
t.clamp(x, 0, [1]) | clamp() | 'max' | list
t.max(x, keepdim=True) | max() | keepdim | torch.amax
x.median(keepdim=True) | median() | keepdim
~x | integers and booleans | float32
t.device(-1) | negative | -1
x.to('float32') | cpu, cuda | dtype=torch.float32
x.unflatten(1, (2, 2)) | unflatten | [2, 2] | size of dim 1 (3)
nn.Unflatten(1, (2, 2))(x) | unflatten | [2, 2] | size of dim 1 (3)
t.randint(0, 10) | randint() | 'size' | (3,)
t.randint(10) | randint() | 'size'
x.type('float') | invalid type: 'float'
t.arange(3).std() | std and var | int64 | .float()
t.arange(3).var() | std and var | int64 | .float()
nn.Conv2d(1, 2, (3, 3, 3))(images) | 2 values | (3, 3, 3)
nn.Dropout(0.5)([1.0]) | 'input' | must be Tensor, not list
nn.MaxPool2d(2)(None) | 'input' | must be Tensor, not NoneType
nn.AvgPool2d(2)([1.0]) | 'input' | must be Tensor, not list
nn.LayerNorm(3)([1.0]) | 'input' | must be Tensor, not list
nn.PReLU()([1.0]) | 'input' | must be Tensor, not list
t.zeros_like(1) | 'input' | must be Tensor, not int | torch.zeros(size)
t.ones_like([1, 2]) | 'input' | must be Tensor, not list
t.equal(x, 1) | equal() | 'other' | must be Tensor, not int
t.unique([1]) | unique() | 'input' | must be Tensor, not list
t.nonzero([1]) | nonzero() | 'input' | must be Tensor, not list
x.squeeze(4) | squeeze | [-2, 1] | 4
x.flatten(1, 0) | flatten() | start_dim
x.chunk(0) | chunk | greater than 0
x.split([1, 2]) | split | 2 | [1, 2]
x.repeat(2) | repeat dims
x.index_select(0, i(5)) | index 5 | dimension 0 with size 2
x.index_select(0, t.zeros(2)) | index_select() | float32 | .long()
x.scatter(1, i([0], [5]), 1.0) | index 5 | dimension 1 with size 3
x.masked_select(x) | masked_select | float32 | mask.bool()
x[i(0, 1), i(0, 1, 2)] | [2], [3]
x[::-1] | step must be greater than zero
x.__setitem__(0, t.zeros(4)) | [4] | [3]
x.__setitem__(0, [1.0, 2.0]) | list | tensor
x.copy_(w) | [2, 3] | [4, 2]
range(t.tensor(2.5)) | only integer tensors
t.from_numpy(np.array(['a'])) | <U1 | float32
t.tensor(np.array(['a'])) | <U1
t.zeros(-1) | negative dimension -1
t.zeros(2.5) | zeros() | 'size' | float
t.full((2, 2)) | full() | 'fill_value'
t.linspace(0, 1) | linspace() | 'steps'
t.arange(5, 1) | step sign
t.multinomial(t.ones(2), 3) | multinomial: 3 of 2
t.mv(x, t.zeros(2)) | 2x3 and 2x1
t.outer(x, x) | outer | 1D | [2, 3]
t.bmm(t.zeros(2, 3, 4), t.zeros(3, 4, 5)) | bmm | [2, 3, 4] | [3, 4, 5]
t.allclose(x, 1) | allclose() | 'other' | must be Tensor, not int
t.isclose([1.0], x) | isclose() | 'input' | must be Tensor, not list
t.allclose(x, x.double()) | allclose() | float32 | float64 | .to(
t.tril(t.zeros(3)) | tril | at least 2 dimensions
t.diag(t.zeros(2, 3, 4)) | 3D
t.meshgrid(x, x) | [2, 3]
x & x | bitwise_and | float32 | integers and booleans
-t.tensor(True) | ~
t.tensor(True) - t.tensor(False) | logical_xor
i(1, 2).div_(2) | div | float32 | int64
x.retain_grad() | requires_grad=False
t.autograd.grad(r.sum(), x) | does not require grad
t.autograd.grad(r.sum(), t.ones(2, requires_grad=True)) | allow_unused=True
setattr(x, 'grad', t.zeros(7)) | [7] | [2, 3]
nn.Linear(3, -2) | negative dimension -2
nn.Linear(3, 2, Bias=True) | 'Bias'
nn.Linear(3, 2)() | 'input'
nn.Sequential(nn.Linear(3, 2), nn.Linear(3, 2))(x) | 2x2 and 3x2 | the layer takes 3
nn.ModuleList([nn.Linear(3, 2)])(x) | ModuleList | "forward"
nn.ModuleList(nn.Linear(3, 2)) | ModuleList | Linear
nn.ModuleDict({'a.b': nn.ReLU()}) | a.b
nn.CrossEntropyLoss(weight=[1.0, 2.0, 3.0]) | list | 'weight'
nn.ConvTranspose2d(1, 2, 3)(t.zeros(1, 2, 4, 4)) | [1, 2, 4, 4] | 1 channels
nn.Conv2d(1, 2, 3, padding='full') | 'full' | 'same'
F.cross_entropy(x[0], i(0, 1)) | (3) | (2)
F.cross_entropy(x, i(0, 1), label_smoothing=2.0) | between 0.0 and 1.0 | 2.0
F.linear(x, t.zeros(2, 3), t.zeros(3)) | linear | [3] | [2]
F.kl_div(x, w, reduction='sum') | [2, 3] | [4, 2]
F.glu(t.zeros(3)) | 3
F.pad(x, (1,) * 6) | 6 | 2
net.load_state_dict({'module.weight': x}) | Missing key(s) | "weight" | "module.weight"
net.get_submodule('fc') | Linear | `fc`
net.register_buffer('weight', x) | 'weight'
optim.SGD(net.parameters, lr=0.1) | method | model.parameters()
optim.SGD([net.weight * 2], lr=0.1) | non-leaf
optim.SGD(net.parameters(), lr=0.1, nesterov=True) | momentum
optim.Adam(net.parameters(), momentum=0.9) | 'momentum'
optim.SGD(net.parameters(), lr=0.1).load_state_dict(optim.SGD([net.weight], lr=0.1).state_dict()) | has 1 parameters | 2
optim.lr_scheduler.OneCycleLR(optim.SGD(net.parameters(), lr=0.1), 0.1) | total_steps
loads((1, 2), (1,)) | [1, 2] | collate_fn
loads(1, 'a') | invalid data type
t.utils.data.DataLoader([1], shuffle=True, sampler=[0]) | sampler | shuffle
t.set_default_dtype(t.int32) | floating-point | int32
t.save(x, '/nonexistent/dir/x.pt') | /nonexistent/dir
nn.utils.clip_grad_norm_(net.parameters()) | 'max_norm'
r.sum().backward(t.ones(3)) | [3] | []
""")


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("row", TABLE)
def test_a_mistake_is_explained(row):
    expression, *parts = [p.strip() for p in row.split(" | ")]
    _, theirs = outcome(lambda t: eval(expression, scope(t)), torch)  # noqa: S307 - the expressions of this table
    _, ours = outcome(lambda t: eval(expression, scope(t)), numtorch)  # noqa: S307
    assert theirs is not None, "torch takes it"
    assert isinstance(ours, type(theirs)), f"torch raises {theirs!r}; numtorch raises {ours!r}"
    for part in parts:
        assert part in str(ours), f"{part!r} is not said in: {ours}"
    assert "torch.FloatTensor" not in str(ours) or ".type(" in expression


def test_tensors_are_made_as_by_torch():
    for expression in (
        "t.Tensor([1, 2])",
        "t.Tensor([[1.5], [2]])",
        "t.Tensor(np.arange(3))",
        "t.Tensor()",
        "t.Tensor((1, 2))",
        "t.Tensor(x)",
        "t.Tensor([])",
        "t.LongTensor([1, 2])",
        "t.FloatTensor(np.ones(2, np.float32))",
    ):
        ours, theirs = (eval(expression, scope(lib)) for lib in (numtorch, torch))  # noqa: S307 - the expressions of this table
        assert (ours.tolist(), tuple(ours.shape), str(ours.dtype)) == (
            theirs.tolist(),
            tuple(theirs.shape),
            str(theirs.dtype),
        )
    assert numtorch.Tensor(2, 3).shape == numtorch.Tensor(numtorch.Size([2, 3])).shape == (2, 3)

    class Mine(numtorch.Tensor):
        pass

    assert type(Mine([1.0])) is Mine and Mine([1.0]).tolist() == [1.0]
