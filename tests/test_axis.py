"""``axis=`` and ``keepdims=`` are taken in place of ``dim=`` and ``keepdim=`` wherever torch takes them, and nowhere
else."""

import copy
import inspect
import pickle

import pytest
from against_torch import lines, same

import numtorch

pytestmark = pytest.mark.filterwarnings("ignore:at::")  # PyTorch's frobenius_norm and nuclear_norm

# Every public function with a parameter ``dim``: the call but for what is reduced, and whether it has a ``keepdim``
# too.
CALLS = lines("""
all(x) keep
amax(x) keep
amin(x) keep
any(x) keep
argmax(x) keep
argmin(x) keep
argsort(x)
chunk(x, 2)
count_nonzero(x)
cummax(x)
cummin(x)
cumprod(x)
cumsum(x)
diff(x)
frobenius_norm(x) keep
gather(x, index=i)
index_add(x, index=j, source=s)
index_copy(x, index=j, source=s)
index_fill(x, index=j, value=1.0)
index_reduce(x, index=j, source=s, reduce='prod')
index_select(x, index=j)
kthvalue(x, 1) keep
log_softmax(x)
logcumsumexp(x)
logsumexp(x) keep
max(x) keep
mean(x) keep
median(x) keep
min(x) keep
mode(x) keep
nanmedian(x) keep
narrow(x, start=0, length=1)
norm(x) keep
norm_except_dim(x)
prod(x) keep
repeat_interleave(x, 2)
scatter(x, index=i, src=x)
scatter_add(x, index=i, src=x)
scatter_reduce(x, index=i, src=x, reduce='sum')
select(x, index=0)
select_scatter(x, x[0], index=0)
slice_scatter(x, x)
softmax(x)
sort(x)
split(x, 1)
squeeze(x)
std(x) keep
sum(x) keep
take_along_dim(x, i)
tensor_split(x, 3)
topk(x, 1)
unbind(x)
unflatten(x, sizes=(3, 1))
unique(x)
unsqueeze(x)
var(x) keep
aminmax(x) keep
cross(x[:, :3], x[:, 1:])
gradient(x)
hash_tensor(x)
nanmean(x) keep
nanquantile(x, 0.5) keep
nansum(x) keep
narrow_copy(x, start=0, length=1)
quantile(x, 0.5) keep
renorm(x, 2.0, maxnorm=1.0)
select_copy(x, index=0)
slice_copy(x)
slice_inverse(x, x)
split_copy(x, 1)
split_with_sizes_copy(x, [1, 2])
squeeze_copy(x)
trapezoid(x)
trapz(x)
cumulative_trapezoid(x)
unbind_copy(x)
unsafe_chunk(x, 2)
unsafe_split(x, 1)
unsafe_split_with_sizes(x, [1, 2])
unsqueeze_copy(x)
""")
METHODS = lines("""
size()
stride()
split_with_sizes([1, 2])
squeeze_()
unsqueeze_()
cumsum_()
cumprod_()
index_fill_(index=j, value=1.0)
index_add_(index=j, source=s)
scatter_(index=i, src=x.clone())
""")
JOINS = ["cat", "stack", "concat", "concatenate"]
FUNCTIONS = ["softmax(x)", "log_softmax(x)", "softmin(x)", "normalize(x)", "cosine_similarity(x, x)", "glu(x)"]
KEPT = ["max(x)", "min(x)", "median(x)", "nanmedian(x)"]  # that keep a dimension only where one is given
GIVEN = ["dim=0", "axis=0", "dim=0, axis=0", "axis=0, dim=1", "axis=-1"]
KEEPING = [
    "dim=0, keepdims=True",
    "axis=0, keepdim=True",
    "axis=0, keepdims=True",
    "axis=0, keepdim=True, keepdims=True",
]


def called(text):
    def run(t):
        x = (t.arange(12, dtype=t.float64) * 7 % 5).reshape(3, 4)
        scope = {
            "t": t,
            "F": t.nn.functional,
            "x": x,
            "i": t.zeros(3, 4, dtype=t.int64),
            "j": t.tensor([0, 2]),
            "s": t.ones(2, 4, dtype=t.float64),
        }
        return eval(text, scope)  # noqa: S307 - the expressions of this table

    return run


def with_more(call, more):
    head = call.removesuffix(")")
    return f"{head}{'' if head.endswith('(') else ', '}{more})"


@pytest.mark.plain
@pytest.mark.filterwarnings("ignore:index_reduce")
@pytest.mark.parametrize("call", CALLS)
def test_functions_and_methods(call):
    call, _, keep = call.partition(") ")
    call = call.removesuffix(")") + ")"
    name, _, arguments = call.partition("(x")
    for given in GIVEN + KEEPING * bool(keep):
        same(called(with_more("t." + call, given)))
        same(called(with_more(f"x.{name}({arguments.removeprefix(', ')}", given)))


@pytest.mark.parametrize(
    "call", [f"x.{m}" for m in METHODS] + [f"t.{j}([x, x])" for j in JOINS] + [f"F.{f}" for f in FUNCTIONS]
)
def test_methods_joins_and_functions_of_networks(call):
    for given in GIVEN:
        same(called(with_more(call, given)))


@pytest.mark.parametrize("call", KEPT)
def test_what_is_kept_without_a_dimension_is_asked_for_in_vain(call):
    for given in ("keepdim=True", "keepdims=True"):
        error = same(called(with_more("t." + call, given)))
        assert isinstance(error, TypeError) and "keepdim goes with a dimension" in str(error)


@pytest.mark.parametrize(
    "call",
    lines("""
F.pairwise_distance(x, x, keepdims=True)
F.pairwise_distance(x, x, 2.0, 1e-6, True)
F.pairwise_distance(x, x, keepdim=True, keepdims=True)
t.sum(x, axis=(0, 1), keepdims=True)
t.sum(x, axis=[0])
t.sum(x, axis=None)
x.mean(axis=(0, 1))
x.std(axis=0, correction=0, keepdims=True)
x.var(axis=0, unbiased=False)
t.logsumexp(x, axis=(0, 1))
t.sum(input=x, axis=1)
t.sum(x, axis=1.0)
t.sum(x, axis=5)
t.sum(x, 0, True, 0)
t.argmax(x, 0, True, 1)
t.cat([x], 0, 1)
x.size(0, 1)
t.unsqueeze(x)
x.gather(0)
t.sum(x, along=0)
t.cat([x, x], along=0)
t.swapaxes(x, axis0=0, axis1=1)
t.swapaxes(x, dim0=0, dim1=1)
t.swapdims(x, dim0=0, dim1=1)
x.swapaxes(axis0=0, axis1=1)
t.flip(x, axis=(0,))
t.flip(x, dims=(0,))
x.flip(dims=[0])
x.flip(0, dims=[0])
x.permute(dims=(1, 0))
x.repeat(repeats=(2, 2))
x.expand(size=(2, 3, 4))
x.reshape(shape=(2, 6))
x.tile(dims=(2,))
t.tile(x)
t.roll(x, 1, axis=0)
t.permute(x, axis=(1, 0))
t.transpose(x, axis0=0, axis1=1)
x.cumsum(axis=0, dtype=t.float32)
t.cat(tensors=[x, x], axis=1)
t.squeeze(input=x, axis=0)
t.chunk(input=x, chunks=2, axis=1)
t.narrow(input=x, dim=0, start=0, length=1)
t.unbind(input=x)
t.split(tensor=x, split_size_or_sections=2)
t.flatten(input=x)
t.nuclear_norm(x, axis=(0, 1)), t.nuclear_norm(x, dim=(1, 0), keepdims=True), t.nuclear_norm(x, axis=0)
t.reshape(input=x, shape=(4, 3))
t.ravel(input=x)
t.t(input=x)
t.tile(input=x, dims=(2, 2))
t.movedim(input=x, source=0, destination=1)
t.broadcast_to(input=x, size=(2, 3, 4))
t.unflatten(input=x, dim=0, sizes=(3, 1))
"""),
)
def test_corners(call):
    same(called(call))


def test_every_function_with_a_dimension_is_tried():
    named = {c.partition("(")[0] for c in [*CALLS, *METHODS]} | set(JOINS)
    named |= {f.partition("(")[0] for f in FUNCTIONS} | {"unique_consecutive", "gumbel_softmax"}  # in Python in torch
    named |= {"nuclear_norm"}  # of two dimensions; see test_corners
    for scope in (numtorch, numtorch.Tensor, numtorch.nn.functional):
        for name, fn in vars(scope).items():
            if not name.startswith("_") and inspect.isfunction(fn):
                if hasattr(fn, "op"):
                    takes = "dim" in dict(fn.op.params) and fn.op.public
                else:
                    takes = "dim" in inspect.signature(fn).parameters
                assert not takes or name in named or name.rstrip("_") in named, (
                    f"{name} has a dim and is not in the table"
                )


def test_gradients_pass():
    x = numtorch.ones(2, 3, requires_grad=True)
    numtorch.cat([x.sum(axis=0, keepdims=True), x], axis=0).softmax(axis=1)[0, 0].backward()
    assert x.grad is not None


def test_functions_are_themselves():
    for fn in (numtorch.cat, numtorch.argmax, numtorch.softmax, numtorch.sum):
        assert pickle.loads(pickle.dumps(fn)) is fn and copy.deepcopy(fn) is fn
    assert list(inspect.signature(numtorch.argmax).parameters) == ["input", "dim", "keepdim", "out"]
    numtorch.ones(2).sum()
    assert list(inspect.signature(numtorch.sum).parameters) == ["input", "dim", "keepdim", "dtype", "out"]
    assert "axis" not in (numtorch.max.__doc__ or "") and numtorch.max.__doc__
    assert "sum" in numtorch.kernels.explain(numtorch.sum, numtorch.ones(2, 3), axis=1)
