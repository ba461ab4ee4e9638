"""What torch refuses is refused: the same kind of error, in words that name the op. And whose turn it is beside a
foreign class."""

import operator

import pytest

import numtorch
from tests.against_torch import same


class Foreign:
    """A class of its own arithmetic, as wrappers of tensors and quantities with units are."""

    def __radd__(self, other):
        return "reflected"

    __rsub__ = __rmul__ = __rtruediv__ = __rfloordiv__ = __rmod__ = __rpow__ = __rmatmul__ = __rand__ = __ror__ = (
        __rxor__
    ) = __radd__
    __lt__ = __le__ = __gt__ = __ge__ = __radd__


ARITHMETIC = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor")
INPLACE = ("iadd", "isub", "imul", "itruediv", "ifloordiv", "imod", "ipow", "iand", "ior", "ixor")


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool"])
@pytest.mark.parametrize("name", [*ARITHMETIC, *INPLACE, "lt", "le", "gt", "ge"])
def test_an_operand_of_a_foreign_class_has_its_turn(name, dtype):
    fn = getattr(operator, name)
    same(lambda lib: fn(lib.ones(2, 2, dtype=getattr(lib, dtype)), Foreign()))


@pytest.mark.parametrize("dtype", ["float32", "int64"])
@pytest.mark.parametrize("name", [*ARITHMETIC, *INPLACE, "lt", "le", "gt", "ge"])
@pytest.mark.parametrize("other", [None, "a", {}, object()], ids=["None", "str", "dict", "object"])
def test_operators_refuse_what_is_no_number(name, dtype, other):
    fn = getattr(operator, name)
    same(lambda lib: fn(lib.ones(2, 2, dtype=getattr(lib, dtype)), other))
    if name not in INPLACE and not (name == "mod" and other == "a"):  # "a" % x is Python's formatting
        same(lambda lib: fn(other, lib.ones(2, 2, dtype=getattr(lib, dtype))))


@pytest.mark.parametrize("name", ARITHMETIC[:8])
def test_operators_on_tensors_and_numbers(name):
    fn = getattr(operator, name)
    for dtype in ("float32", "float64"):
        x = lambda lib, d=dtype: (lib.arange(6, dtype=getattr(lib, d)) + 1).reshape(2, 3)  # noqa: E731
        same(lambda lib, x=x: fn(x(lib), x(lib).T if name == "matmul" else x(lib) * 2), 1e-6)
        same(lambda lib, x=x: fn(x(lib), x(lib)[0]), 1e-6)
        for number in (2, 3, 0.5, True) if name != "matmul" else ():
            same(lambda lib, n=number, x=x: (fn(x(lib), n), fn(n, x(lib))), 1e-6)


REFUSED = {
    "a number for a size": ["lib.full(7, 3)", "lib.zeros(1).new_full(7, 3)", "lib.zeros(size=5)"],
    "a dimension that is missing": [
        "lib.softmax(lib.ones(3))",
        "lib.ones(3).log_softmax()",
        "lib.ones(3).softmax(None)",
    ],
    "what is no type": [
        "lib.softmax(lib.ones(3), 0, True)",
        "lib.zeros_like(lib.ones(2), dtype=[])",
        "lib.zeros(3, dtype='')",
        "lib.rand_like(lib.ones(2), dtype=0)",
    ],
    "a number for a flag": [
        "lib.sort(lib.ones(3), 0, 1)",
        "lib.argsort(lib.ones(3), descending=1)",
        "lib.topk(lib.ones(3), 1, 0, 'x')",
        "lib.kthvalue(lib.ones(3), 1, 0, 1)",
        "lib.median(lib.ones(3, 2), 0, 1)",
        "lib.nanmedian(lib.ones(3, 2), 0, 1)",
        "lib.mode(lib.ones(3, 2), 0, 1)",
        "lib.unique(lib.ones(3), return_counts=1)",
        "lib.allclose(lib.ones(1), lib.ones(1), equal_nan=2.5)",
        "lib.isclose(lib.ones(1), lib.ones(1), equal_nan='x')",
        "lib.multinomial(lib.ones(3), 1, 1)",
        "lib.nonzero(lib.ones(3), as_tuple=1)",
        "lib.ones(2).numpy(force=1)",
        "lib.ones(3).put(lib.tensor([0]), lib.ones(1), 1)",
        "lib.ones(3).index_put((lib.tensor([0]),), lib.ones(1), 'x')",
        "lib.ones(3).index_reduce(0, lib.tensor([0]), lib.ones(1), 'mean', include_self=1)",
        "lib.ones(3).scatter_reduce(0, lib.tensor([0]), lib.ones(1), 'mean', include_self=1)",
        "lib.eye(3).fill_diagonal_(1, 'wrap')",
        "F.dropout(lib.ones(3), 0.5, 2)",
        "F.dropout1d(lib.ones(3, 2), 0.5, b'x')",
        "F.dropout2d(lib.ones(3, 2, 2, 2), 0.5, 2)",
        "F.batch_norm(lib.ones(3, 2), lib.ones(2), lib.ones(2), training=1)",
        "F.avg_pool1d(lib.ones(1, 4), 2, ceil_mode=1)",
        "F.avg_pool2d(lib.ones(1, 4, 4), 2, count_include_pad='mean')",
        "F.max_pool1d(lib.ones(1, 4), 2, ceil_mode={})",
        "F.max_pool2d(lib.ones(1, 4, 4), 2, ceil_mode=())",
        "F.kl_div(lib.ones(2), lib.ones(2), reduction='sum', log_target=1)",
        "F.scaled_dot_product_attention(*[lib.ones(1, 2, 3)] * 3, is_causal=1)",
        "F.embedding(lib.tensor([0]), lib.ones(2, 2), sparse=1)",
        "lib.ones(3).to(lib.float32, copy=1)",
        "lib.zeros(3, requires_grad=1)",
        "lib.tensor([1.0], requires_grad=2)",
        "lib.rand(3, requires_grad='x')",
        "lib.zeros(3).new_zeros(3, requires_grad=1)",
    ],
    "what is no tensor": [
        "F.pairwise_distance(lib.ones(2, 2), 1)",
        "F.pairwise_distance(lib.ones(2, 2), lib.ones(2, 2), None)",
        "lib.ones(2).type_as(True)",
        "lib.full((2,), 1.0, out=[])",
    ],
    "what is no number": ["F.softplus(lib.ones(0), threshold=())", "F.threshold(lib.ones(0), 1.0, [])"],
    "numbers beyond a type": [
        "F.threshold(lib.ones(2, dtype=lib.uint8), -1.5, 3)",
        "lib.addcmul(*[lib.ones(2, dtype=lib.uint8)] * 3, value=-0.5)",
        "F.threshold(lib.ones(2, dtype=lib.float16), 0.5, 1e30)",
        "F.threshold(lib.ones(2), 0.5, 1e300)",
        "lib.ones(2, dtype=lib.int64).clamp_min(2**63)",
        "lib.ones(2, dtype=lib.int64).clamp(2**64)",
    ],
    "sizes that do not fit": [
        "lib.roll(lib.zeros(3, 0), (1, 2), (0,))",
        "lib.roll(lib.zeros(3, 0), (1, 2))",
        "lib.logspace(0, lib.ones(2), 1)",
    ],
    "indices of a type that has none": [
        "lib.ones(3).index_put((lib.tensor(1, dtype=lib.int8),), lib.tensor(2.0))",
        "lib.ones(3).index_put_((lib.tensor(1, dtype=lib.int16),), lib.tensor(2.0))",
    ],
    "types that differ": [
        "F.bilinear(lib.ones(2, 3), lib.ones(2, 3), lib.ones(1, 3, 3), lib.ones(1, dtype=lib.float64))"
    ],
    "unknown words": ["F.huber_loss(lib.ones(2), lib.ones(2), (1, 2), weight=lib.ones(2))"],
    "arguments that contradict each other": [
        "lib.normal(lib.zeros(2), lib.ones(2), dtype=lib.float64)",
        "lib.normal(lib.zeros(2), 1.0, (3,))",
        "lib.ones(1).view((1,), dtype=lib.float32)",
        "lib.where(lib.ones(2) > 0, out=lib.zeros(2))",
    ],
    "one argument too many": ["lib.ones(1).double(None)", "lib.ones(1).half(True)", "lib.ones(1).int(2.0)"],
    "an eps without a root": [
        "F.batch_norm(lib.ones(3, 2), lib.ones(2), lib.ones(2), eps=-1.0)",
        "F.batch_norm(lib.ones(0, 2), lib.ones(2), lib.ones(2), training=True, eps=0.0)",
    ],
    "writing to what wants a gradient": [
        "lib.randperm(3, out=lib.ones(3, requires_grad=True))",
        "lib.arange(3, out=lib.ones(3, requires_grad=True))",
    ],
    "numbers for flags of reductions": ["lib.ones(2, 3).var(unbiased=0)", "lib.ones(2).logsumexp(0, 2.0)"],
    "two names of one number": [
        "lib.ones(2, 3).std(0, unbiased=True, correction=2)",
        "lib.ones(2, 3).var(0, False, correction=2)",
    ],
    "an argument of another form": ["lib.max(lib.ones(2), lib.ones(2), 3)", "lib.min(lib.ones(2), lib.ones(2), True)"],
    "a number for a shape": ["F.layer_norm(lib.ones(2, 3), 3)", "F.rms_norm(lib.ones(2, 3), 3)"],
    "norms of integers": [
        "lib.arange(3).norm()",
        "lib.arange(3).norm(3)",
        "F.normalize(lib.ones(2, 2, dtype=lib.int32))",
    ],
}


@pytest.mark.parametrize("call", [c for calls in REFUSED.values() for c in calls])
def test_refused(call):
    error = same(lambda lib: eval(call, {"lib": lib, "F": lib.nn.functional}))  # noqa: S307 - of this file
    assert error is not None


@pytest.mark.parametrize(
    "call",
    [
        "lib.ones(())",
        "lib.tensor(1.0).expand(())",
        "lib.tensor(1.0).repeat(())",
        "F.log_softmax(lib.ones(3, 2), 1)",
        "F.softmin(lib.ones(3, 2), 0)",
        "lib.full((7,), 3)",
        "lib.ones(3).to(lib.float64, False, True)",
        "lib.ones(2).view(size=(2, 1))",
        "lib.ones(2).view(dtype=lib.int32)",
        "F.threshold(lib.ones(2), 0.5, float('inf'))",
    ],
)
def test_what_is_near_it_is_computed(call):
    assert same(lambda lib: eval(call, {"lib": lib, "F": lib.nn.functional})) is None  # noqa: S307 - of this file


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 3, 4), (2, 1, 3, 4)])
def test_a_dimension_that_is_left_to_an_old_rule_is_warned_of(name, shape):
    def run(lib):
        with pytest.warns(UserWarning, match=f"Implicit dimension choice for {name} has been deprecated"):
            return getattr(lib.nn.functional, name)(lib.arange(24.0)[: numtorch.Size(shape).numel()].reshape(shape))

    same(run, 1e-5, 1e-6)


def test_an_unknown_activation_is_told():
    for shape in ((3,), (2, 3)):
        with pytest.raises(ValueError, match="expected activation to be one of"):
            numtorch.nn.functional.linear(numtorch.ones(3), numtorch.ones(*shape), activation="none")


def test_the_second_flag_of_to_asks_for_a_copy():
    for flags in ((False, True), (False, False)):
        same(lambda lib, flags=flags: (lambda x: x.to(lib.float32, *flags) is x)(lib.ones(3)))


@pytest.mark.parametrize("shape, sizes", [((), (3,)), ((1,), (3,)), ((2,), (1,)), ((1, 3), (2, 1)), ((2, 1), (1, 4))])
def test_repeat_copies_in_a_graph_too(shape, sizes):
    def run(lib):
        x = lib.ones(shape, dtype=lib.float64).requires_grad_()
        y = x.repeat(*sizes)
        y.mul_(3.0)
        y.sum().backward()
        return x.detach(), y.detach(), x.grad, y.is_contiguous(), y.data_ptr() == x.data_ptr()

    same(run)


@pytest.mark.parametrize("old", [0, False, 1, True])
@pytest.mark.filterwarnings("ignore:size_average and reduce args")
def test_old_names_of_reductions_may_be_numbers(old):
    same(lambda lib: lib.nn.functional.l1_loss(lib.arange(6.0), lib.zeros(6), old), 1e-6)
    same(lambda lib: lib.nn.functional.mse_loss(lib.arange(6.0), lib.zeros(6), None, old), 1e-6)


@pytest.mark.parametrize("p", [2, 3, 1, float("inf"), 0])
def test_norms_in_another_type(p):
    same(lambda lib: (lib.arange(6, dtype=lib.float16) * 100).norm(p, dtype=lib.float32), 1e-6)
    same(lambda lib: lib.norm(lib.arange(6.0).reshape(2, 3), p, dim=1, dtype=lib.float64), 1e-6)
